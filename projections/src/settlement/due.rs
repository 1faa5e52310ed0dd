//! What is to be done, for the workers: lanes to settle, settlements under way, withdrawals to pay
//! out, session keys to end. Only hints: the aggregates decide, and a hint that comes late or twice
//! changes nothing.

use chrono::TimeDelta;
use domain::Timestamp;
use eventstore::StoreError;
use rust_decimal::Decimal;
use sqlx::PgPool;
use uuid::Uuid;

/// How long before its time is over a session counts as ending.
const ENDING_SOON: TimeDelta = TimeDelta::minutes(10);
/// The same before the contract pays out what an owner wants back: what was earned must be claimed before.
const WANTED_BACK_SOON: TimeDelta = TimeDelta::hours(1);
/// Until then what is earned beside a withdrawal that was settled for is settled for again after this.
const WANTED_BACK_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// What can be claimed for one payee in one token, and what of it cannot wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneTotals {
    /// Whose.
    pub organization_id: Uuid,
    /// Where its streams live.
    pub partition: i32,
    /// Who is paid.
    pub payee: String,
    /// The token.
    pub token: String,
    /// What that token is here.
    pub currency: String,
    /// What claims would bring now: whole atomic units that are in no settlement and in escrow.
    pub unsettled: Decimal,
    /// Of how many sessions.
    pub sessions: i64,
    /// Of the first charge among them that was not claimed.
    pub oldest_unsettled_at: Option<Timestamp>,
    /// Some of it belongs to a session whose owner wants money back.
    pub wanted_back: bool,
    /// Some of it belongs to a session that was revoked.
    pub revoked: bool,
    /// Some of it belongs to a session that its owner froze.
    pub frozen: bool,
    /// Some of it belongs to a session that has expired, or will within ten minutes, or whose voucher is by a key that
    /// was replaced.
    pub expiring: bool,
}

/// Lanes of a contract with something to claim that is in no settlement, where none is being planned.
pub async fn lanes_due(
    pool: &PgPool,
    chain_id: i64,
    contract: &str,
    now: Timestamp,
) -> Result<Vec<LaneTotals>, StoreError> {
    Ok(sqlx::query_as!(
        LaneTotals,
        r#"select organization_id, partition, payee, token, currency, trim_scale(sum(claimable)) as "unsettled!",
               count(*) as "sessions!", min(oldest_unsettled_at) as oldest_unsettled_at,
               coalesce(bool_or(withdrawal_available_at < $4 or (withdrawal_available_at is not null and not exists (
                   select 1 from settlement_claims c join settlements w on w.settlement_id = c.settlement_id
                   where c.session_key_id = s.session_key_id and w.cause = 'withdrawal' and w.opened_at > $5
               ))), false) as "wanted_back!",
               bool_or(status = 'revoked') as "revoked!",
               bool_or(status = 'frozen' and owner_freeze is not null) as "frozen!",
               bool_or(status = 'expired' or valid_until < $3 or voucher_until is not null) as "expiring!"
           from settlement_sessions s
           where chain_id = $1 and contract = $2 and claimable > 0 and open_settlement is null and set_aside is null
             and status <> 'pending'
             and not exists (
                 select 1 from settlements o
                 where o.organization_id = s.organization_id and o.chain_id = s.chain_id and o.contract = s.contract
                   and o.payee = s.payee and o.token = s.token and o.status = 'opened'
             )
           group by organization_id, partition, payee, token, currency
           order by organization_id, payee, token"#,
        chain_id,
        contract,
        now + ENDING_SOON,
        now + WANTED_BACK_SOON,
        now - WANTED_BACK_PAUSE
    )
    .fetch_all(pool)
    .await?)
}

/// Whose money goes where: what one settlement can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneKey {
    /// Whose.
    pub organization_id: Uuid,
    /// EIP-155 id of the chain.
    pub chain_id: i64,
    /// The contract.
    pub contract: String,
    /// Who is paid.
    pub payee: String,
    /// The token.
    pub token: String,
}

/// A session key that a settlement may take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub session_key_id: Uuid,
    /// Position of the last charge that a paid claim pays for, 0 before the first. A claim by
    /// somebody else has no charge's border and moves nothing: ask `charged_from` of the plan.
    pub settled_position: i64,
    /// Position of the last charge that the open claim pays for whole; where `settled_position` is
    /// when the escrow did not reach to the last one.
    pub planned_position: Option<i64>,
    /// Position of its last charge.
    pub last_charge_position: i64,
    /// The settlement it is in: the one that asks, or none.
    pub open_settlement: Option<Uuid>,
}

/// Session keys of a lane that a settlement has in it or can take in: its own first, then those
/// that cannot wait, then by what they bring. What the contract skipped before only when asked `again`, and last.
pub async fn candidates(
    pool: &PgPool,
    lane: &LaneKey,
    limit: i64,
    settlement_id: Uuid,
    again: bool,
) -> Result<Vec<Candidate>, StoreError> {
    Ok(sqlx::query_as!(
        Candidate,
        "select session_key_id, settled_position, planned_position, last_charge_position, open_settlement
         from settlement_sessions
         where organization_id = $1 and chain_id = $2 and contract = $3 and payee = $4 and token = $5
           and (open_settlement = $7 or (open_settlement is null and claimable > 0 and ($8 or set_aside is null)))
         order by open_settlement nulls last, set_aside is not null,
             (ended or withdrawal_available_at is not null or voucher_until is not null) desc, claimable desc,
             session_key_id limit $6",
        lane.organization_id,
        lane.chain_id,
        lane.contract,
        lane.payee,
        lane.token,
        limit,
        settlement_id,
        again
    )
    .fetch_all(pool)
    .await?)
}

/// Whether a session key of a lane has a claim in another settlement that is under way.
pub async fn is_under_way(pool: &PgPool, lane: &LaneKey, settlement_id: Uuid) -> Result<bool, StoreError> {
    under_way(pool, lane, settlement_id, None).await
}

/// The same of one that was charged further by `until`, which that claim does not pay for.
pub async fn is_more_under_way(
    pool: &PgPool,
    lane: &LaneKey,
    settlement_id: Uuid,
    until: Timestamp,
) -> Result<bool, StoreError> {
    under_way(pool, lane, settlement_id, Some(until)).await
}

async fn under_way(
    pool: &PgPool,
    lane: &LaneKey,
    settlement_id: Uuid,
    charged_until: Option<Timestamp>,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
               select 1 from settlement_sessions s join settlements o on o.settlement_id = s.open_settlement
               where s.organization_id = $1 and s.chain_id = $2 and s.contract = $3 and s.payee = $4 and s.token = $5
                 and s.open_settlement <> $6 and o.status not in ('finalized', 'abandoned', 'parked')
                 and ($7::timestamptz is null or s.unplanned_since <= $7)
           ) as "exists!""#,
        lane.organization_id,
        lane.chain_id,
        lane.contract,
        lane.payee,
        lane.token,
        settlement_id,
        charged_until
    )
    .fetch_one(pool)
    .await?)
}

/// A settlement that goes on by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSettlement {
    /// Which.
    pub settlement_id: Uuid,
    /// Whose.
    pub organization_id: Uuid,
    /// Where its streams live.
    pub partition: i32,
    /// Where it is: see `domain::settlement::Status`.
    pub status: String,
    /// Not before this the next attempt.
    pub retry_at: Option<Timestamp>,
}

/// Settlements of a contract that are to be planned, or to be put into the settler's queue: the oldest of each payee,
/// then the second of each, and so on.
pub async fn settlements_to_advance(
    pool: &PgPool,
    chain_id: i64,
    contract: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<OpenSettlement>, StoreError> {
    Ok(sqlx::query_as!(
        OpenSettlement,
        "select settlement_id, organization_id, partition, status, retry_at from settlements
         where chain_id = $1 and contract = $2 and status not in ('finalized', 'abandoned', 'parked')
           and status in ('opened', 'planned') and (retry_at is null or retry_at <= $3)
         order by row_number() over (partition by organization_id, payee, token order by partition, position),
             partition, position
         limit $4",
        chain_id,
        contract,
        now,
        limit
    )
    .fetch_all(pool)
    .await?)
}

/// How many settlements of a contract wait for a person.
pub async fn count_parked(pool: &PgPool, chain_id: i64, contract: &str) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from settlements where chain_id = $1 and contract = $2 and status = 'parked'"#,
        chain_id,
        contract
    )
    .fetch_one(pool)
    .await?)
}

/// How many settlements there ever were for a payee and token.
pub async fn count_settlements(
    pool: &PgPool,
    organization_id: Uuid,
    payee: &str,
    token: &str,
) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from settlements where organization_id = $1 and payee = $2 and token = $3"#,
        organization_id,
        payee,
        token
    )
    .fetch_one(pool)
    .await?)
}

/// A session key whose withdrawal can be paid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueWithdrawal {
    /// Which.
    pub session_key_id: Uuid,
    /// Whose.
    pub organization_id: Uuid,
    /// Where its stream lives.
    pub partition: i32,
}

/// Withdrawals whose delay is over, that nobody pays out yet, and that leave nothing unclaimed
/// behind: what was earned is claimed first.
pub async fn withdrawals_due(
    pool: &PgPool,
    chain_id: i64,
    contract: &str,
    now: Timestamp,
) -> Result<Vec<DueWithdrawal>, StoreError> {
    Ok(sqlx::query_as!(
        DueWithdrawal,
        "select session_key_id, organization_id, partition from settlement_sessions
         where chain_id = $1 and contract = $2 and withdrawal_available_at <= $3 and finalize_relays = 0
           and open_settlement is null and (claimable = 0 or set_aside is not null) and status <> 'closed'
         order by withdrawal_available_at, session_key_id",
        chain_id,
        contract,
        now
    )
    .fetch_all(pool)
    .await?)
}

/// A session key that time or emptiness ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingSession {
    /// Which.
    pub session_key_id: Uuid,
    /// Whose.
    pub organization_id: Uuid,
    /// Where its stream lives.
    pub partition: i32,
    /// Its time is over: expire it. Else nothing is left to do: close it.
    pub expire: bool,
}

/// Session keys whose time is over at `now`, or of which nothing is left to do.
pub async fn sessions_to_end(pool: &PgPool, now: Timestamp, limit: i64) -> Result<Vec<EndingSession>, StoreError> {
    // A deposit that is not final keeps a session open; what was seen of those is in `quota`. So does a revocation that is
    // not, as long as its time is not over: what was seen of those the chain's worker remembers.
    Ok(sqlx::query_as!(
        EndingSession,
        r#"(select session_key_id as "session_key_id!", organization_id as "organization_id!", partition as "partition!",
                true as "expire!"
            from settlement_sessions where valid_until <= $1 and status in ('pending', 'active', 'frozen') limit $2)
           union all
           (select s.session_key_id, s.organization_id, s.partition, false
            from settlement_sessions s left join quota_sessions q on q.session_key_id = s.session_key_id
            where s.closable and coalesce(q.pending_deposits, 0) = 0
              and (s.status <> 'revoked' or s.valid_until <= $1 or not exists (
                  select 1 from chain_sights c
                  where c.chain_id = s.chain_id and c.contract = s.contract and c.session_id = s.session_id
                    and c.what = 'revocation'
              )) limit $2)
           limit $2"#,
        now,
        limit
    )
    .fetch_all(pool)
    .await?)
}

/// Session keys with a claim in a settlement.
pub async fn sessions_in(pool: &PgPool, settlement_id: Uuid) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select session_key_id from settlement_sessions where open_settlement = $1 order by session_key_id",
        settlement_id
    )
    .fetch_all(pool)
    .await?)
}

/// When the first session key of a contract was drawn up.
pub async fn first_granted_at(pool: &PgPool, chain_id: i64, contract: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select min(d.created_at) from directory_session_keys d where d.chain_id = $1 and d.contract = $2",
        chain_id,
        contract
    )
    .fetch_one(pool)
    .await?)
}
