//! What is read of reconciliations.

use domain::Timestamp;
use domain::ids::{DifferenceId, OrganizationId};
use eventstore::StoreError;
use rust_decimal::Decimal;
use sqlx::PgPool;
use uuid::Uuid;

/// The last comparison of an organization that was noted. All but the first is `None` before that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconciliationRow {
    /// Since when somebody waits for a comparison.
    pub requested_at: Option<Timestamp>,
    /// When it was made.
    pub compared_at: Option<Timestamp>,
    /// The last final block of which everything was in the log.
    pub as_of_block: Option<i64>,
    /// EIP-155 id of the chain.
    pub chain_id: Option<i64>,
    /// The contract.
    pub contract: Option<String>,
    /// Session keys that were compared.
    pub session_keys: Option<i64>,
    /// Payees whose transfers were compared.
    pub payees: Option<i64>,
    /// Exact payments that were compared.
    pub exact_payments: Option<i64>,
    /// Deposits less withdrawals, in the log.
    pub ledger_escrow: Option<Decimal>,
    /// The same on the chain.
    pub chain_escrow: Option<Decimal>,
    /// What was claimed, in the log.
    pub ledger_claimed: Option<Decimal>,
    /// The same on the chain.
    pub chain_claimed: Option<Decimal>,
    /// What settlements have transferred, in the log.
    pub ledger_transferred: Option<Decimal>,
    /// The same on the chain.
    pub chain_transferred: Option<Decimal>,
    /// What exact payments have brought, in the log.
    pub ledger_exact: Option<Decimal>,
    /// The same on the chain.
    pub chain_exact: Option<Decimal>,
    /// The token.
    pub currency: Option<String>,
    /// Differences that are no items because there are too many.
    pub not_opened: Option<i64>,
    /// Position of its event in the log.
    pub position: Option<i64>,
}

/// The last comparison of an organization; `None` when there was none and nobody waits for one.
pub async fn reconciliation(
    pool: &PgPool,
    organization_id: OrganizationId,
) -> Result<Option<ReconciliationRow>, sqlx::Error> {
    sqlx::query_as!(
        ReconciliationRow,
        "select requested_at, compared_at, as_of_block, chain_id, contract, session_keys, payees, exact_payments,
             ledger_escrow, chain_escrow, ledger_claimed, chain_claimed, ledger_transferred, chain_transferred,
             ledger_exact, chain_exact, currency, not_opened, position
         from reconciliations where organization_id = $1",
        organization_id.uuid()
    )
    .fetch_optional(pool)
    .await
}

/// How many items of an organization are open.
pub async fn open_count(pool: &PgPool, organization_id: OrganizationId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from reconciliation_differences where organization_id = $1 and status = 'open'"#,
        organization_id.uuid()
    )
    .fetch_one(pool)
    .await
}

/// An organization that waits for a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedRow {
    /// Which.
    pub organization_id: Uuid,
    /// Where it lives.
    pub partition: i32,
}

/// Organizations that wait for a comparison, longest first.
pub async fn requested(pool: &PgPool, limit: i64) -> Result<Vec<RequestedRow>, StoreError> {
    Ok(sqlx::query_as!(
        RequestedRow,
        "select organization_id, partition from reconciliations where requested_at is not null
         order by requested_at limit $1",
        limit
    )
    .fetch_all(pool)
    .await?)
}

/// A difference as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferenceRow {
    /// Its id.
    pub difference_id: Uuid,
    /// `open`, `explained`, `accepted` or `resolved`.
    pub status: String,
    /// What differs: a `domain::reconciliation::Subject` as JSON.
    pub subject: String,
    /// What the ledger says.
    pub ledger: String,
    /// What the chain says.
    pub chain: String,
    /// Why that may be: a list as JSON.
    pub causes: String,
    /// How much they differ.
    pub amount: Option<Decimal>,
    /// The token.
    pub currency: String,
    /// As of this block.
    pub as_of_block: i64,
    /// How often it was opened.
    pub times: i32,
    /// When it was opened last.
    pub opened_at: Timestamp,
    /// When its figures were noted last.
    pub changed_at: Timestamp,
    /// When it was closed, while it is.
    pub closed_at: Option<Timestamp>,
    /// Who closed it.
    pub closed_by: Option<String>,
    /// What a person said.
    pub note: Option<String>,
    /// Position of the event that opened it last.
    pub position: i64,
}

/// Differences of an organization, those that were opened last first, before a position.
pub async fn differences(
    pool: &PgPool,
    organization_id: OrganizationId,
    status: Option<&str>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<DifferenceRow>, sqlx::Error> {
    sqlx::query_as!(
        DifferenceRow,
        "select difference_id, status, subject, ledger, chain, causes, amount, currency, as_of_block, times, opened_at,
             changed_at, closed_at, closed_by, note, position
         from reconciliation_differences
         where organization_id = $1 and ($2::text is null or status = $2) and ($3::bigint is null or position < $3)
         order by position desc limit $4",
        organization_id.uuid(),
        status,
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// One difference of an organization.
pub async fn difference(
    pool: &PgPool,
    organization_id: OrganizationId,
    difference_id: DifferenceId,
) -> Result<Option<DifferenceRow>, sqlx::Error> {
    sqlx::query_as!(
        DifferenceRow,
        "select difference_id, status, subject, ledger, chain, causes, amount, currency, as_of_block, times, opened_at,
             changed_at, closed_at, closed_by, note, position
         from reconciliation_differences where organization_id = $1 and difference_id = $2",
        organization_id.uuid(),
        difference_id.uuid()
    )
    .fetch_optional(pool)
    .await
}
