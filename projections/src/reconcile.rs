//! Compares every read model with the log: `tollbook reconcile`.
//!
//! The log is folded twice over, independently of the read models: by the aggregates (balances of
//! each account) and by the postings (the journal). Each read model is compared at its own
//! checkpoint, all read in one snapshot of the database, so charges may go on meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::account::{Account, AccountEvent};
use domain::postings::postings;
use domain::{Aggregate, LedgerEvent, RecordedEvent};
use eventstore::StoreError;
use eventstore::log::Log;
use rust_decimal::Decimal;
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::checkpoint;
use crate::projection::{Projection, ProjectionError};
use crate::{invoice, journal, quota, risk};

const PAGE: i64 = 5_000;

/// Something the two sides disagree about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which read model, or `invariant`.
    pub place: &'static str,
    /// Of whom or what.
    pub subject: String,
    /// What the log says.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// A line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Which read model.
    pub place: &'static str,
    /// How many customers, statements or balances were compared.
    pub subjects: usize,
    /// What the log says was charged, at this read model's checkpoint, over all currencies.
    pub expected: Decimal,
    /// What the read model says.
    pub found: Decimal,
}

/// What the comparison came to.
#[derive(Debug, Clone, Default)]
pub struct Reconciled {
    /// Events that were folded.
    pub events: i64,
    /// One line for each read model.
    pub compared: Vec<Compared>,
    /// What differs; empty when all is well.
    pub differences: Vec<Difference>,
}

type PerCustomer = BTreeMap<Uuid, (Decimal, Decimal, i64)>;
type PerAccount = BTreeMap<(Uuid, String, String), (Decimal, Decimal)>;

/// Positions up to which a read model counts, by partition.
#[derive(Default)]
struct Until(BTreeMap<i32, i64>);

impl Until {
    fn covers(&self, event: &RecordedEvent) -> bool {
        self.0.get(&event.partition).is_some_and(|position| event.position <= *position)
    }
}

/// What the log says, as far as each read model has come.
#[derive(Default)]
struct Expected {
    quota: PerCustomer,
    invoice: PerCustomer,
    risk: PerCustomer,
    journal: PerAccount,
    accounts: BTreeMap<Uuid, Account>,
}

/// Folds the log and compares. Fails loudly on an event that cannot be read.
pub async fn reconcile(pool: &PgPool, log: &Arc<dyn Log>) -> Result<Reconciled, ProjectionError> {
    let mut connection = pool.acquire().await.map_err(StoreError::from)?;
    let mut snapshot = connection.begin().await.map_err(StoreError::from)?;
    sqlx::query("set transaction isolation level repeatable read, read only").execute(&mut *snapshot).await?;
    let checkpoints = checkpoint::all(&mut snapshot).await?;
    let until = |projection: &dyn Projection| {
        let name = checkpoint::live_name(projection);
        Until(checkpoints.iter().filter(|c| c.name == name).map(|c| (c.partition, c.position)).collect())
    };
    let (quota, invoice) = (until(&quota::Quota), until(&invoice::Invoice));
    let (risk, journal) = (until(&risk::Risk), until(&journal::Journal));
    let mut result = Reconciled::default();
    let mut expected = Expected::default();
    for partition in log.partitions().await? {
        let head = log.head(partition).await?.position;
        let mut after = 0;
        while after < head {
            let page = log.read(partition, after, PAGE.min(head - after)).await?;
            let Some(last) = page.last() else { break };
            after = last.position;
            for recorded in &page {
                let poison = |e: domain::DecodeError| ProjectionError::Poison {
                    position: recorded.position,
                    reason: e.to_string(),
                };
                let event = LedgerEvent::decode(recorded).map_err(poison)?;
                expected.take_in(recorded, &event, [&quota, &invoice, &risk, &journal], &mut result.differences);
            }
            result.events += page.len() as i64;
        }
    }
    expected.compare_with(&mut snapshot, &mut result).await?;
    snapshot.rollback().await.map_err(StoreError::from)?;
    Ok(result)
}

impl Expected {
    fn take_in(
        &mut self,
        recorded: &RecordedEvent,
        event: &LedgerEvent,
        [quota, invoice, risk, journal]: [&Until; 4],
        differences: &mut Vec<Difference>,
    ) {
        let LedgerEvent::Account(event) = event else { return };
        let id = event.customer_id().uuid();
        let account = self.accounts.entry(id).or_default();
        account.apply_event(event, recorded.occurred_at);
        if let AccountEvent::Charged(charged) = event {
            check_limit(account, charged, recorded, differences);
        }
        if quota.covers(recorded) {
            let sums = self.quota.entry(id).or_default();
            sums.0 = account.charged.decimal();
            sums.1 = account.credits().decimal();
        }
        if let AccountEvent::Charged(charged) = event {
            for (until, sums) in [(invoice, &mut self.invoice), (risk, &mut self.risk)] {
                if until.covers(recorded) {
                    let sums = sums.entry(id).or_default();
                    sums.0 += charged.amount.decimal();
                    sums.2 += 1;
                }
            }
        }
        if journal.covers(recorded) {
            let organization = recorded.organization_id.uuid();
            for posting in postings(&LedgerEvent::Account(event.clone())) {
                let currency = posting.currency.code().to_owned();
                let amount = posting.amount.decimal();
                let debit = (organization, posting.debit.to_string(), currency.clone());
                self.journal.entry(debit).or_default().0 += amount;
                self.journal.entry((organization, posting.credit.to_string(), currency)).or_default().1 += amount;
            }
        }
    }

    async fn compare_with(&self, snapshot: &mut PgConnection, result: &mut Reconciled) -> Result<(), ProjectionError> {
        let quota = sqlx::query!("select customer_id, charged, remaining from quota_customers")
            .fetch_all(&mut *snapshot)
            .await?;
        let found = quota.into_iter().map(|row| (row.customer_id, (row.charged, row.remaining, 0))).collect();
        compare_customers("quota", &self.quota, found, result);

        let invoice = sqlx::query!(
            r#"select s.customer_id, sum(s.total) as "total!", sum(s.charges)::bigint as "charges!",
                   bool_and(s.total = coalesce((select sum(l.amount) from invoice_lines l
                       where l.customer_id = s.customer_id and l.month = s.month), 0)) as "sums_up!"
               from invoice_statements s group by s.customer_id"#
        )
        .fetch_all(&mut *snapshot)
        .await?;
        for row in invoice.iter().filter(|row| !row.sums_up) {
            let subject = domain::ids::CustomerId::new(row.customer_id).to_string();
            let (expected, found) = ("the sum of its lines".to_owned(), "another total".to_owned());
            result.differences.push(Difference { place: "invoice", subject, expected, found });
        }
        let found = invoice.into_iter().map(|row| (row.customer_id, (row.total, Decimal::ZERO, row.charges))).collect();
        compare_customers("invoice", &self.invoice, found, result);

        let risk = sqlx::query!("select customer_id, charged, charges from risk_customers where charges > 0")
            .fetch_all(&mut *snapshot)
            .await?;
        let found = risk.into_iter().map(|row| (row.customer_id, (row.charged, Decimal::ZERO, row.charges))).collect();
        compare_customers("risk", &self.risk, found, result);
        self.compare_journal(snapshot, result).await
    }

    async fn compare_journal(
        &self,
        snapshot: &mut PgConnection,
        result: &mut Reconciled,
    ) -> Result<(), ProjectionError> {
        let kept = sqlx::query!(
            r#"select organization_id as "organization_id!", account as "account!", currency as "currency!",
                   sum(debits) as "debits!", sum(credits) as "credits!", place as "place!"
               from (
                   select organization_id, account, currency, debits, credits, 'balances' as place from journal_balances
                   union all
                   select p.organization_id, side.account, p.currency, side.debits, side.credits, 'postings'
                   from journal_postings p
                   cross join lateral (values (p.debit, p.amount, 0::numeric), (p.credit, 0::numeric, p.amount))
                       as side (account, debits, credits)
               ) rows group by organization_id, account, currency, place"#
        )
        .fetch_all(snapshot)
        .await?;
        let mut balances = PerAccount::new();
        let mut from_postings = PerAccount::new();
        for row in kept {
            let into = if row.place == "balances" { &mut balances } else { &mut from_postings };
            into.insert((row.organization_id, row.account, row.currency), (row.debits, row.credits));
        }
        let revenue =
            |rows: &PerAccount| rows.iter().filter(|(key, _)| key.1 == "revenue").map(|(_, sums)| sums.1).sum();
        result.compared.push(Compared {
            place: "journal",
            subjects: self.journal.len(),
            expected: revenue(&self.journal),
            found: revenue(&balances),
        });
        for found in [&balances, &from_postings] {
            for key in self.journal.keys().chain(found.keys().filter(|key| !self.journal.contains_key(*key))) {
                let (want, have) = (self.journal.get(key), found.get(key));
                if want != have {
                    let show = |sums: Option<&(Decimal, Decimal)>| {
                        sums.map_or("nothing".to_owned(), |(d, c)| format!("debits {d}, credits {c}"))
                    };
                    let subject = format!("{} {} of {}", key.1, key.2, domain::ids::OrganizationId::new(key.0));
                    result.differences.push(Difference {
                        place: "journal",
                        subject,
                        expected: show(want),
                        found: show(have),
                    });
                }
            }
            let mut sums: BTreeMap<(Uuid, &str), Decimal> = BTreeMap::new();
            for ((organization, _, currency), (debits, credits)) in found {
                *sums.entry((*organization, currency.as_str())).or_default() += debits - credits;
            }
            for ((organization, currency), sum) in sums.into_iter().filter(|(_, sum)| !sum.is_zero()) {
                let subject = format!("{currency} of {}", domain::ids::OrganizationId::new(organization));
                let (expected, found) = ("postings that sum to zero".to_owned(), sum.to_string());
                result.differences.push(Difference { place: "journal", subject, expected, found });
            }
        }
        Ok(())
    }
}

/// I4 at every prefix of the log: what a charge puts on the post-paid balance fits its limit.
fn check_limit(
    account: &Account,
    charged: &domain::account::Charged,
    recorded: &RecordedEvent,
    differences: &mut Vec<Difference>,
) {
    let over = !charged.postpaid.is_zero() && account.postpaid > account.postpaid_limit;
    if over || charged.after != account.balances() {
        differences.push(Difference {
            place: "invariant",
            subject: format!("{} at position {}:{}", recorded.stream_id, recorded.partition, recorded.position),
            expected: format!("{:?}", account.balances()),
            found: format!("{:?}", charged.after),
        });
    }
}

fn compare_customers(place: &'static str, expected: &PerCustomer, found: PerCustomer, result: &mut Reconciled) {
    let total = |rows: &PerCustomer| rows.values().map(|sums| sums.0).sum();
    result.compared.push(Compared { place, subjects: expected.len(), expected: total(expected), found: total(&found) });
    for id in expected.keys().chain(found.keys().filter(|id| !expected.contains_key(*id))) {
        let (want, have) = (expected.get(id), found.get(id));
        if want != have {
            let show = |sums: Option<&(Decimal, Decimal, i64)>| {
                sums.map_or("nothing".to_owned(), |(charged, left, n)| {
                    format!("charged {charged}, left {left}, charges {n}")
                })
            };
            let subject = domain::ids::CustomerId::new(*id).to_string();
            result.differences.push(Difference { place, subject, expected: show(want), found: show(have) });
        }
    }
}
