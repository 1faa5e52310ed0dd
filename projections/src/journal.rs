//! The journal: every posting, and the balance of every account.
//!
//! `balance = credits − debits`: positive where the organization owes or has earned, negative
//! where it is owed. The balances of an organization in one currency sum to zero.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ids::OrganizationId;
use domain::postings::{JournalAccount, postings};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Decoded, Projection, ProjectionError};

/// The read model.
#[derive(Debug, Clone, Copy)]
pub struct Journal;

/// What was debited and credited, by organization, account and currency.
type Balances = BTreeMap<(Uuid, JournalAccount, &'static str), (Decimal, Decimal)>;

#[derive(Default)]
struct Columns {
    positions: Vec<i64>,
    occurred_at: Vec<Timestamp>,
    recorded_at: Vec<Timestamp>,
    event_ids: Vec<Uuid>,
    organizations: Vec<Uuid>,
    partitions: Vec<i32>,
    lines: Vec<i16>,
    debits: Vec<String>,
    credits: Vec<String>,
    currencies: Vec<&'static str>,
    amounts: Vec<Decimal>,
}

#[async_trait]
impl Projection for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["journal_postings", "journal_balances"]
    }

    fn concerns(&self, events: &[Arc<Decoded>]) -> bool {
        events.iter().filter_map(|decoded| decoded.event.as_ref().ok()).any(|event| !postings(event).is_empty())
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
        let mut rows = Columns::default();
        let mut balances: Balances = BTreeMap::new();
        for decoded in events {
            let Ok(event) = &decoded.event else { continue };
            let recorded = &decoded.recorded;
            for (line, posting) in (0i16..).zip(postings(event)) {
                let organization = recorded.organization_id.uuid();
                let (amount, currency) = (posting.amount.decimal(), posting.currency.code());
                balances.entry((organization, posting.debit, currency)).or_default().0 += amount;
                balances.entry((organization, posting.credit, currency)).or_default().1 += amount;
                rows.positions.push(recorded.position);
                rows.occurred_at.push(recorded.occurred_at);
                rows.recorded_at.push(recorded.recorded_at);
                rows.event_ids.push(recorded.event_id);
                rows.organizations.push(organization);
                rows.partitions.push(recorded.partition);
                rows.lines.push(line);
                rows.debits.push(posting.debit.to_string());
                rows.credits.push(posting.credit.to_string());
                rows.currencies.push(currency);
                rows.amounts.push(amount);
            }
        }
        if rows.positions.is_empty() {
            return Ok(());
        }
        insert_postings(connection, &rows).await?;
        add_balances(connection, balances).await
    }
}

async fn insert_postings(connection: &mut PgConnection, rows: &Columns) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into journal_postings (position, occurred_at, recorded_at, event_id, organization_id, partition, line,
             debit, credit, currency, amount)
         select * from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::integer[],
             $7::smallint[], $8::text[], $9::text[], $10::text[], $11::numeric[])",
        &rows.positions,
        &rows.occurred_at,
        &rows.recorded_at,
        &rows.event_ids,
        &rows.organizations,
        &rows.partitions,
        &rows.lines,
        &rows.debits,
        &rows.credits,
        &rows.currencies as &[&str],
        &rows.amounts,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn add_balances(connection: &mut PgConnection, balances: Balances) -> Result<(), ProjectionError> {
    let mut organizations = Vec::with_capacity(balances.len());
    let mut accounts = Vec::with_capacity(balances.len());
    let mut currencies = Vec::with_capacity(balances.len());
    let mut debits = Vec::with_capacity(balances.len());
    let mut credits = Vec::with_capacity(balances.len());
    for ((organization, account, currency), (debit, credit)) in balances {
        organizations.push(organization);
        accounts.push(account.to_string());
        currencies.push(currency);
        debits.push(debit);
        credits.push(credit);
    }
    sqlx::query!(
        "with u (o, a, c, d, k) as (
             select o, a, c, trim_scale(d), trim_scale(k)
             from unnest($1::uuid[], $2::text[], $3::text[], $4::numeric[], $5::numeric[]) as u (o, a, c, d, k)
         ), known as (
             update journal_balances b
             set debits = trim_scale(b.debits + u.d), credits = trim_scale(b.credits + u.k)
             from u where b.organization_id = u.o and b.account = u.a and b.currency = u.c
             returning b.organization_id, b.account, b.currency
         )
         insert into journal_balances (organization_id, account, currency, debits, credits)
         select * from u where not exists (
             select from known n where n.organization_id = u.o and n.account = u.a and n.currency = u.c)",
        &organizations,
        &accounts,
        &currencies as &[&str],
        &debits,
        &credits,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An account's balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Which account.
    pub account: String,
    /// In this currency.
    pub currency: String,
    /// Everything that was debited.
    pub debits: Decimal,
    /// Everything that was credited.
    pub credits: Decimal,
}

/// As of when a balance is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// As far as the journal has come.
    Latest,
    /// At the end of this position of the log.
    Position(i64),
    /// What was known at this time.
    RecordedAt(Timestamp),
    /// What had happened until this time, as far as is known today.
    OccurredAt(Timestamp),
}

/// Balances of an organization's accounts after an account and currency, in that order.
/// `account` and `prefix` narrow them down.
pub async fn balances(
    pool: &PgPool,
    organization_id: OrganizationId,
    account: Option<&str>,
    prefix: Option<&str>,
    as_of: AsOf,
    after: (&str, &str),
    limit: i64,
) -> Result<Vec<Balance>, sqlx::Error> {
    if as_of == AsOf::Latest {
        return sqlx::query_as!(
            Balance,
            "select account, currency, debits, credits from journal_balances
             where organization_id = $1 and ($2::text is null or account = $2)
               and ($3::text is null or starts_with(account, $3)) and (account, currency) > ($4, $6)
             order by account, currency limit $5",
            organization_id.uuid(),
            account,
            prefix,
            after.0,
            limit,
            after.1
        )
        .fetch_all(pool)
        .await;
    }
    let (position, recorded_at, occurred_at) = match as_of {
        AsOf::Position(position) => (Some(position), None, None),
        AsOf::RecordedAt(at) => (None, Some(at), None),
        AsOf::OccurredAt(at) => (None, None, Some(at)),
        AsOf::Latest => (None, None, None),
    };
    sqlx::query_as!(
        Balance,
        r#"select account as "account!", currency as "currency!", trim_scale(sum(debits)) as "debits!",
               trim_scale(sum(credits)) as "credits!"
           from journal_postings p
           cross join lateral (values (p.debit, p.amount, 0::numeric), (p.credit, 0::numeric, p.amount))
               as side (account, debits, credits)
           where p.organization_id = $1 and ($2::text is null or account = $2)
             and ($3::text is null or starts_with(account, $3)) and (account, currency) > ($4, $9)
             and ($6::bigint is null or p.position <= $6)
             and ($7::timestamptz is null or p.recorded_at <= $7)
             and ($8::timestamptz is null or p.occurred_at <= $8)
           group by account, currency order by account, currency limit $5"#,
        organization_id.uuid(),
        account,
        prefix,
        after.0,
        limit,
        position,
        recorded_at,
        occurred_at,
        after.1
    )
    .fetch_all(pool)
    .await
}

/// A posting that is in the journal.
#[derive(Debug, Clone)]
pub struct PostingRow {
    /// The position of its event.
    pub position: i64,
    /// Its number among the postings of its event, from 0.
    pub line: i16,
    /// Its event.
    pub event_id: Uuid,
    /// Where the amount comes from.
    pub debit: String,
    /// Where it goes.
    pub credit: String,
    /// In this currency.
    pub currency: String,
    /// How much.
    pub amount: Decimal,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was known.
    pub recorded_at: Timestamp,
}

/// Postings of an organization after a place in the journal, oldest first.
pub async fn postings_after(
    pool: &PgPool,
    organization_id: OrganizationId,
    account: Option<&str>,
    (position, line): (i64, i16),
    limit: i64,
) -> Result<Vec<PostingRow>, sqlx::Error> {
    sqlx::query_as!(
        PostingRow,
        "select position, line, event_id, debit, credit, currency, amount, occurred_at, recorded_at
         from journal_postings
         where organization_id = $1 and (position, line) > ($2, $3) and ($4::text is null or debit = $4 or credit = $4)
         order by position, line limit $5",
        organization_id.uuid(),
        position,
        line,
        account,
        limit
    )
    .fetch_all(pool)
    .await
}
