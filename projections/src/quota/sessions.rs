//! The session keys of the read model: what each may still spend.

use std::collections::HashMap;

use domain::ids::{CustomerId, OrganizationId, SessionKeyId};
use domain::session_key::event::Granted;
use domain::session_key::{SessionKeyEvent, Sight};
use domain::{RecordedEvent, Timestamp};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{ProjectionError, column};
use crate::session::{Life, Money, whole};

struct Session {
    session_key_id: Uuid,
    organization_id: Uuid,
    customer_id: Uuid,
    partition: i32,
    currency: String,
    life: Life,
    money: Money,
    limit: Decimal,
    period_limit: Option<Decimal>,
    period_secs: Option<i64>,
    period_start: Option<Timestamp>,
    period_used: Decimal,
    period_held: Decimal,
    valid_after: Timestamp,
    valid_until: Timestamp,
    updated_at: Timestamp,
    /// Deposits that are not final, by transaction and place in the block.
    pending: HashMap<(String, i64), Decimal>,
}

/// Takes in events of session keys.
pub(super) async fn apply(
    connection: &mut PgConnection,
    events: &[(&RecordedEvent, Uuid, &SessionKeyEvent)],
) -> Result<(), ProjectionError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = events.iter().map(|(_, id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut sessions = load(connection, &ids).await?;
    for (recorded, id, event) in events {
        match event {
            SessionKeyEvent::Granted(granted) => {
                sessions.insert(*id, Session::new(*id, recorded, granted));
            }
            event => {
                if let Some(session) = sessions.get_mut(id) {
                    session.take_in(event, recorded.occurred_at);
                }
            }
        }
    }
    let sessions: Vec<Session> = sessions.into_values().collect();
    write(connection, &sessions).await?;
    let moved = |event: &SessionKeyEvent| match event {
        SessionKeyEvent::DepositSeen(_) | SessionKeyEvent::Deposited(_) => true,
        SessionKeyEvent::SightUndone(e) => e.what == Sight::Deposit,
        _ => false,
    };
    if events.iter().any(|(_, _, event)| moved(event)) {
        write_pending(connection, &ids, &sessions).await?;
    }
    Ok(())
}

impl Session {
    fn new(session_key_id: Uuid, recorded: &RecordedEvent, granted: &Granted) -> Self {
        let terms = &granted.terms;
        let with_period = terms.period_secs > 0;
        Self {
            session_key_id,
            organization_id: granted.organization_id.uuid(),
            customer_id: granted.customer_id.uuid(),
            partition: recorded.partition,
            currency: terms.currency.code().to_owned(),
            life: Life::new(),
            money: Money::default(),
            limit: terms.limit.decimal(),
            period_limit: with_period.then_some(terms.period_limit.decimal()),
            period_secs: with_period.then_some(i64::from(terms.period_secs)),
            period_start: None,
            period_used: Decimal::ZERO,
            period_held: Decimal::ZERO,
            valid_after: terms.valid_after,
            valid_until: terms.valid_until,
            updated_at: recorded.occurred_at,
            pending: HashMap::new(),
        }
    }

    fn take_in(&mut self, event: &SessionKeyEvent, occurred_at: Timestamp) {
        self.life.take_in(event);
        self.money.take_in(event);
        self.updated_at = occurred_at;
        match event {
            SessionKeyEvent::DepositSeen(e) => {
                self.pending.insert((e.at.tx_hash.to_string(), whole(e.at.log_index)), e.amount.decimal());
            }
            SessionKeyEvent::Deposited(e) => {
                self.pending.remove(&(e.at.tx_hash.to_string(), whole(e.at.log_index)));
            }
            SessionKeyEvent::SightUndone(e) if e.what == Sight::Deposit => {
                self.pending.remove(&(e.at.tx_hash.to_string(), whole(e.at.log_index)));
            }
            SessionKeyEvent::Charged(e) if self.enter(e.period_start) => self.period_used += e.amount.decimal(),
            SessionKeyEvent::Held(e) if self.enter(e.period_start) => self.period_held += e.amount.decimal(),
            SessionKeyEvent::HoldExtended(e) if self.enter(e.period_start) => self.period_held += e.amount.decimal(),
            SessionKeyEvent::Captured(e) if self.enter(e.charge.period_start) => {
                self.period_used += e.charge.amount.decimal();
                self.period_held -= e.charge.amount.decimal() + e.returned.decimal();
            }
            SessionKeyEvent::Voided(e) | SessionKeyEvent::HoldExpired(e) if self.enter(e.period_start) => {
                self.period_held -= e.returned.decimal();
            }
            _ => {}
        }
    }

    /// Goes on to a later period. Whether the row now counts in the one that is named: of an earlier one nothing
    /// counts any more.
    fn enter(&mut self, period_start: Option<Timestamp>) -> bool {
        if self.period_start < period_start {
            self.period_start = period_start;
            self.period_used = Decimal::ZERO;
            self.period_held = Decimal::ZERO;
        }
        period_start.is_some() && self.period_start == period_start
    }
}

async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Session>, ProjectionError> {
    let rows = sqlx::query!(
        "select session_key_id, organization_id, customer_id, partition, currency, status, registered, owner_freeze,
             organization_frozen, deposited, withdrawn, withdrawal_pending, withdrawal_available_at, withdrawal_block,
             withdrawal_log_index, charged, claimed, limit_amount, period_limit, period_secs, period_start, period_used,
             valid_after, valid_until, updated_at, held, period_held
         from quota_sessions where session_key_id = any($1)",
        ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let sessions = rows.into_iter().map(|row| Session {
        session_key_id: row.session_key_id,
        organization_id: row.organization_id,
        customer_id: row.customer_id,
        partition: row.partition,
        currency: row.currency,
        life: Life {
            status: row.status,
            registered: row.registered,
            owner_freeze: row.owner_freeze,
            organization_frozen: row.organization_frozen,
        },
        money: Money {
            deposited: row.deposited,
            withdrawn: row.withdrawn,
            charged: row.charged,
            claimed: row.claimed,
            held: row.held,
            withdrawal: row.withdrawal_pending,
            withdrawal_available_at: row.withdrawal_available_at,
            withdrawal_seen_at: (row.withdrawal_block, row.withdrawal_log_index),
        },
        limit: row.limit_amount,
        period_limit: row.period_limit,
        period_secs: row.period_secs,
        period_start: row.period_start,
        period_used: row.period_used,
        period_held: row.period_held,
        valid_after: row.valid_after,
        valid_until: row.valid_until,
        updated_at: row.updated_at,
        pending: HashMap::new(),
    });
    let mut sessions: HashMap<Uuid, Session> = sessions.map(|session| (session.session_key_id, session)).collect();
    let pending = sqlx::query!(
        "select session_key_id, tx_hash, log_index, amount from quota_pending_deposits where session_key_id = any($1)",
        ids
    )
    .fetch_all(connection)
    .await?;
    for row in pending {
        if let Some(session) = sessions.get_mut(&row.session_key_id) {
            session.pending.insert((row.tx_hash, row.log_index), row.amount);
        }
    }
    Ok(sessions)
}

async fn write(connection: &mut PgConnection, rows: &[Session]) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into quota_sessions (session_key_id, organization_id, customer_id, partition, currency, status, registered,
             owner_freeze, organization_frozen, deposited, pending_deposits, withdrawn, withdrawal_pending,
             withdrawal_available_at, withdrawal_block, withdrawal_log_index, charged, claimed, limit_amount, period_limit,
             period_secs, period_start, period_used, valid_after, valid_until, updated_at, held, period_held)
         select a, b, c, d, e, f, g, h, i, trim_scale(j), trim_scale(k), trim_scale(l), trim_scale(m), n, o, p,
             trim_scale(q), trim_scale(r), trim_scale(s), trim_scale(t), u, v, trim_scale(w), x, y, z,
             trim_scale(aa), trim_scale(ab)
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::boolean[], $8::text[],
             $9::boolean[], $10::numeric[], $11::numeric[], $12::numeric[], $13::numeric[], $14::timestamptz[],
             $15::bigint[], $16::bigint[], $17::numeric[], $18::numeric[], $19::numeric[], $20::numeric[], $21::bigint[],
             $22::timestamptz[], $23::numeric[], $24::timestamptz[], $25::timestamptz[], $26::timestamptz[],
             $27::numeric[], $28::numeric[])
             as rows (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, ab)
         on conflict (session_key_id) do update
         set status = excluded.status, registered = excluded.registered, owner_freeze = excluded.owner_freeze,
             organization_frozen = excluded.organization_frozen, deposited = excluded.deposited,
             pending_deposits = excluded.pending_deposits, withdrawn = excluded.withdrawn,
             withdrawal_pending = excluded.withdrawal_pending, withdrawal_available_at = excluded.withdrawal_available_at,
             withdrawal_block = excluded.withdrawal_block, withdrawal_log_index = excluded.withdrawal_log_index,
             charged = excluded.charged, claimed = excluded.claimed, period_start = excluded.period_start,
             period_used = excluded.period_used, updated_at = excluded.updated_at, held = excluded.held,
             period_held = excluded.period_held",
        &column(rows, |row| row.session_key_id),
        &column(rows, |row| row.organization_id),
        &column(rows, |row| row.customer_id),
        &column(rows, |row| row.partition),
        &column(rows, |row| row.currency.clone()),
        &column(rows, |row| row.life.status.clone()),
        &column(rows, |row| row.life.registered),
        &column(rows, |row| row.life.owner_freeze.clone()) as &[Option<String>],
        &column(rows, |row| row.life.organization_frozen),
        &column(rows, |row| row.money.deposited),
        &column(rows, |row| row.pending.values().sum()),
        &column(rows, |row| row.money.withdrawn),
        &column(rows, |row| row.money.withdrawal),
        &column(rows, |row| row.money.withdrawal_available_at) as &[Option<Timestamp>],
        &column(rows, |row| row.money.withdrawal_seen_at.0),
        &column(rows, |row| row.money.withdrawal_seen_at.1),
        &column(rows, |row| row.money.charged),
        &column(rows, |row| row.money.claimed),
        &column(rows, |row| row.limit),
        &column(rows, |row| row.period_limit) as &[Option<Decimal>],
        &column(rows, |row| row.period_secs) as &[Option<i64>],
        &column(rows, |row| row.period_start) as &[Option<Timestamp>],
        &column(rows, |row| row.period_used),
        &column(rows, |row| row.valid_after),
        &column(rows, |row| row.valid_until),
        &column(rows, |row| row.updated_at),
        &column(rows, |row| row.money.held),
        &column(rows, |row| row.period_held),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// These session keys have these deposits pending and no others.
async fn write_pending(connection: &mut PgConnection, ids: &[Uuid], rows: &[Session]) -> Result<(), ProjectionError> {
    let (mut sessions, mut hashes, mut indexes, mut amounts) = (vec![], vec![], vec![], vec![]);
    for row in rows {
        for ((tx_hash, log_index), amount) in &row.pending {
            sessions.push(row.session_key_id);
            hashes.push(tx_hash.clone());
            indexes.push(*log_index);
            amounts.push(*amount);
        }
    }
    sqlx::query!(
        "delete from quota_pending_deposits d where d.session_key_id = any($1) and not exists (
             select from unnest($2::uuid[], $3::text[], $4::bigint[]) as u (session_key_id, tx_hash, log_index)
             where u.session_key_id = d.session_key_id and u.tx_hash = d.tx_hash and u.log_index = d.log_index)",
        ids,
        &sessions,
        &hashes,
        &indexes
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into quota_pending_deposits (session_key_id, tx_hash, log_index, amount)
         select a, b, c, trim_scale(d) from unnest($1::uuid[], $2::text[], $3::bigint[], $4::numeric[]) as rows (a, b, c, d)
         on conflict do nothing",
        &sessions,
        &hashes,
        &indexes,
        &amounts
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A session key with its sums, as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaSession {
    /// Which.
    pub session_key_id: Uuid,
    /// Who pays with it.
    pub customer_id: Uuid,
    /// The token.
    pub currency: String,
    /// Where it is in its life: see `domain::session_key::Status`.
    pub status: String,
    /// Deposited for good.
    pub deposited: Decimal,
    /// Seen on chain and not final: it may still go away.
    pub pending_deposits: Decimal,
    /// Given back to the owner.
    pub withdrawn: Decimal,
    /// What the owner wants back.
    pub withdrawal_pending: Decimal,
    /// From then on; nothing when nothing is wanted.
    pub withdrawal_available_at: Option<Timestamp>,
    /// Charged, cumulative.
    pub charged: Decimal,
    /// Claimed on chain, cumulative.
    pub claimed: Decimal,
    /// Reserved by holds.
    pub held: Decimal,
    /// The most that may lie in escrow.
    pub limit: Decimal,
    /// The most that may be charged in a period; nothing without one.
    pub period_limit: Option<Decimal>,
    /// Length of a period, counted from `valid_after`.
    pub period_secs: Option<i64>,
    /// The period that `period_used` counts in: that of the last charge.
    pub period_start: Option<Timestamp>,
    /// Charged in that period.
    pub period_used: Decimal,
    /// Reserved by holds in that period.
    pub period_held: Decimal,
    /// Usable from here
    pub valid_after: Timestamp,
    /// until before here.
    pub valid_until: Timestamp,
    /// When something last happened to it.
    pub updated_at: Timestamp,
}

impl QuotaSession {
    /// The session keys with these ids that there are, in no order.
    pub async fn by_ids(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<Self>, sqlx::Error> {
        sqlx::query_as!(
            Self,
            r#"select session_key_id, customer_id, currency, status, deposited, pending_deposits, withdrawn,
                   withdrawal_pending, withdrawal_available_at, charged, claimed, limit_amount as "limit", period_limit,
                   period_secs, period_start, period_used, valid_after, valid_until, updated_at, held, period_held
               from quota_sessions where session_key_id = any($1)"#,
            ids
        )
        .fetch_all(pool)
        .await
    }

    /// What may still be charged, as far as deposits go.
    pub fn available(&self) -> Decimal {
        let escrow = self.deposited - self.withdrawn - self.withdrawal_pending;
        (escrow.max(Decimal::ZERO) - self.charged - self.held).max(Decimal::ZERO)
    }
}

/// Session keys of an organization with their sums, newest first, before an id.
pub async fn sessions(
    pool: &PgPool,
    organization_id: OrganizationId,
    customer_id: Option<CustomerId>,
    session_key_id: Option<SessionKeyId>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<QuotaSession>, sqlx::Error> {
    sqlx::query_as!(
        QuotaSession,
        r#"select session_key_id, customer_id, currency, status, deposited, pending_deposits, withdrawn,
               withdrawal_pending, withdrawal_available_at, charged, claimed, limit_amount as "limit", period_limit,
               period_secs, period_start, period_used, valid_after, valid_until, updated_at, held, period_held
           from quota_sessions
           where organization_id = $1 and ($2::uuid is null or customer_id = $2)
             and ($3::uuid is null or session_key_id = $3) and ($4::uuid is null or session_key_id < $4)
           order by session_key_id desc limit $5"#,
        organization_id.uuid(),
        customer_id.map(CustomerId::uuid),
        session_key_id.map(SessionKeyId::uuid),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// All session keys of a customer in sum, also those that are over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerSessions {
    /// Whose.
    pub customer_id: Uuid,
    /// How many there are.
    pub count: i64,
    /// How many of them are active.
    pub active: i64,
    /// Deposited for good.
    pub deposited: Decimal,
    /// Charged.
    pub charged: Decimal,
    /// Claimed on chain.
    pub claimed: Decimal,
    /// What may still be charged with those that are active, as far as their deposits go.
    pub available: Decimal,
}

/// The sums of these customers; one without session keys is left out.
pub async fn sums_by_customer(pool: &PgPool, customers: &[Uuid]) -> Result<Vec<CustomerSessions>, sqlx::Error> {
    sqlx::query_as!(
        CustomerSessions,
        r#"select customer_id, count(*) as "count!", count(*) filter (where status = 'active') as "active!",
               sum(deposited) as "deposited!", sum(charged) as "charged!", sum(claimed) as "claimed!",
               coalesce(sum(greatest(greatest(deposited - withdrawn - withdrawal_pending, 0) - charged - held, 0))
                   filter (where status = 'active'), 0) as "available!"
           from quota_sessions where customer_id = any($1) group by customer_id"#,
        customers
    )
    .fetch_all(pool)
    .await
}
