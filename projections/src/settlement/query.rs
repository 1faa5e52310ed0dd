//! What is shown of settlements: their list, their claims, the claim that pays for a charge, sums.

use domain::Timestamp;
use domain::ids::{OrganizationId, SessionKeyId, SettlementId};
use rust_decimal::Decimal;
use sqlx::PgPool;
use uuid::Uuid;

/// A settlement as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementRow {
    /// Its id.
    pub settlement_id: Uuid,
    /// EIP-155 id of the chain.
    pub chain_id: i64,
    /// The contract.
    pub contract: String,
    /// The token.
    pub token: String,
    /// Who is paid.
    pub payee: String,
    /// What the token is here.
    pub currency: String,
    /// Why it was opened: see `domain::settlement::Cause`.
    pub cause: String,
    /// Where it is: see `domain::settlement::Status`.
    pub status: String,
    /// How many claims it has; 0 until they stand.
    pub claims: i32,
    /// What they add up to.
    pub total: Decimal,
    /// What was transferred to the payee, once that is final.
    pub transferred: Option<Decimal>,
    /// Claims that were paid, once that is final.
    pub settled: Option<i32>,
    /// Claims that the contract skipped, once that is final.
    pub skipped: Option<i32>,
    /// The transaction of the present attempt, or of the one that succeeded.
    pub tx_hash: Option<String>,
    /// Its block.
    pub block_number: Option<i64>,
    /// Gas it took, once it is final.
    pub gas_used: Option<i64>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it became final.
    pub finalized_at: Option<Timestamp>,
    /// Attempts that failed.
    pub attempts: i32,
    /// What the last of them said, or why there was nothing to claim.
    pub last_reason: Option<String>,
    /// Not before this the next attempt.
    pub retry_at: Option<Timestamp>,
    /// Position of its first event in the log.
    pub position: i64,
}

/// Settlements of an organization, newest first, before the one with this id.
pub async fn settlements(
    pool: &PgPool,
    organization_id: OrganizationId,
    status: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<SettlementRow>, sqlx::Error> {
    sqlx::query_as!(
        SettlementRow,
        "select settlement_id, chain_id, contract, token, payee, currency, cause, status, claims, total, transferred,
             settled, skipped, tx_hash, block_number, gas_used, opened_at, finalized_at, attempts, last_reason, retry_at,
             position
         from settlements
         where organization_id = $1 and ($2::text is null or status = $2)
           and ($3::uuid is null or position < (select b.position from settlements b where b.settlement_id = $3))
         order by position desc limit $4",
        organization_id.uuid(),
        status,
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// One settlement of an organization.
pub async fn settlement(
    pool: &PgPool,
    organization_id: OrganizationId,
    settlement_id: SettlementId,
) -> Result<Option<SettlementRow>, sqlx::Error> {
    sqlx::query_as!(
        SettlementRow,
        "select settlement_id, chain_id, contract, token, payee, currency, cause, status, claims, total, transferred,
             settled, skipped, tx_hash, block_number, gas_used, opened_at, finalized_at, attempts, last_reason, retry_at,
             position
         from settlements where organization_id = $1 and settlement_id = $2",
        organization_id.uuid(),
        settlement_id.uuid()
    )
    .fetch_optional(pool)
    .await
}

/// One claim of a settlement as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRow {
    /// Of this settlement.
    pub settlement_id: Uuid,
    /// Of this session key.
    pub session_key_id: Uuid,
    /// Of this customer.
    pub customer_id: Uuid,
    /// What the contract calls the session.
    pub session_id: String,
    /// What it adds.
    pub amount: Decimal,
    /// Cumulative.
    pub total_claimed: Decimal,
    /// How many charges it pays for.
    pub charges: i64,
    /// Position of the first of them.
    pub first_position: i64,
    /// Position of the last of them.
    pub last_position: i64,
    /// `settled`, or `skipped: ` and the contract's reason; nothing until the settlement is final.
    pub outcome: Option<String>,
}

/// The claims of a settlement, largest first.
pub async fn claims(pool: &PgPool, settlement_id: SettlementId) -> Result<Vec<ClaimRow>, sqlx::Error> {
    sqlx::query_as!(
        ClaimRow,
        "select settlement_id, session_key_id, customer_id, session_id, amount, total_claimed, charges, first_position,
             last_position, outcome
         from settlement_claims where settlement_id = $1 order by amount desc, session_key_id",
        settlement_id.uuid()
    )
    .fetch_all(pool)
    .await
}

/// The claim that pays for a charge of a session key, with its settlement. A claim that was skipped
/// pays for nothing: the one that was paid counts, then the newest.
pub async fn claim_of_charge(
    pool: &PgPool,
    organization_id: OrganizationId,
    session_key_id: SessionKeyId,
    position: i64,
) -> Result<Option<(ClaimRow, SettlementRow)>, sqlx::Error> {
    let claim = sqlx::query_as!(
        ClaimRow,
        "select c.settlement_id, c.session_key_id, c.customer_id, c.session_id, c.amount, c.total_claimed, c.charges,
             c.first_position, c.last_position, c.outcome
         from settlement_claims c join settlements s on s.settlement_id = c.settlement_id
         where s.organization_id = $1 and c.session_key_id = $2 and c.last_position >= $3 and c.first_position <= $3
         order by c.outcome is not distinct from 'settled' desc, s.position desc limit 1",
        organization_id.uuid(),
        session_key_id.uuid(),
        position
    )
    .fetch_optional(pool)
    .await?;
    let Some(claim) = claim else { return Ok(None) };
    let found = settlement(pool, organization_id, SettlementId::new(claim.settlement_id)).await?;
    Ok(found.map(|settlement| (claim, settlement)))
}

/// What the session keys of an organization came to, for one payee and token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTotals {
    /// EIP-155 id of the chain.
    pub chain_id: i64,
    /// The contract.
    pub contract: String,
    /// The token.
    pub token: String,
    /// Who is paid.
    pub payee: String,
    /// What the token is here.
    pub currency: String,
    /// How many session keys.
    pub sessions: i64,
    /// Charged, exact.
    pub charged: Decimal,
    /// Claimed on chain.
    pub claimed: Decimal,
    /// Charged and not claimed, exact.
    pub unsettled: Decimal,
    /// The part of it whose session keys are in a settlement.
    pub in_settlement: Decimal,
}

/// Sums over the session keys of an organization, by contract, payee and token.
pub async fn session_totals(pool: &PgPool, organization_id: OrganizationId) -> Result<Vec<SessionTotals>, sqlx::Error> {
    sqlx::query_as!(
        SessionTotals,
        r#"select chain_id, contract, token, payee, currency, count(*) as "sessions!",
               trim_scale(sum(charged)) as "charged!", trim_scale(sum(claimed)) as "claimed!",
               trim_scale(sum(unsettled)) as "unsettled!",
               trim_scale(coalesce(sum(unsettled) filter (where open_settlement is not null), 0)) as "in_settlement!"
           from settlement_sessions where organization_id = $1
           group by chain_id, contract, token, payee, currency
           order by chain_id, contract, payee, token"#,
        organization_id.uuid()
    )
    .fetch_all(pool)
    .await
}
