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

/// What can be claimed for one payee in one token.
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
    /// The part of `unsettled` that belongs to sessions that ended, or will within ten minutes.
    pub ending_unsettled: Decimal,
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
               trim_scale(coalesce(sum(claimable) filter (where ended or valid_until < $3 or withdrawal_available_at < $4), 0)) as "ending_unsettled!"
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
        now + WANTED_BACK_SOON
    )
    .fetch_all(pool)
    .await?)
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
/// that ended, then by what they bring. What the contract skipped before only when asked `again`.
#[expect(clippy::too_many_arguments, reason = "a lane is five values")]
pub async fn candidates(
    pool: &PgPool,
    organization_id: Uuid,
    chain_id: i64,
    contract: &str,
    payee: &str,
    token: &str,
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
         order by open_settlement nulls last, ended desc, claimable desc, session_key_id limit $6",
        organization_id,
        chain_id,
        contract,
        payee,
        token,
        limit,
        settlement_id,
        again
    )
    .fetch_all(pool)
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

/// Settlements of a contract that are not over, oldest first.
pub async fn open_settlements(pool: &PgPool, chain_id: i64, contract: &str) -> Result<Vec<OpenSettlement>, StoreError> {
    Ok(sqlx::query_as!(
        OpenSettlement,
        "select settlement_id, organization_id, partition, status, retry_at from settlements
         where chain_id = $1 and contract = $2 and status not in ('finalized', 'abandoned', 'parked')
         order by partition, position",
        chain_id,
        contract
    )
    .fetch_all(pool)
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
    // A deposit that is not final keeps a session open; what was seen of those is in `quota`.
    Ok(sqlx::query_as!(
        EndingSession,
        r#"(select session_key_id as "session_key_id!", organization_id as "organization_id!", partition as "partition!",
                true as "expire!"
            from settlement_sessions where valid_until <= $1 and status in ('pending', 'active', 'frozen') limit $2)
           union all
           (select s.session_key_id, s.organization_id, s.partition, false
            from settlement_sessions s left join quota_sessions q on q.session_key_id = s.session_key_id
            where s.closable and coalesce(q.pending_deposits, 0) = 0 limit $2)
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
