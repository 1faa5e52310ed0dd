//! Payments, their refunds, and what providers have paid out.

use domain::Timestamp;
use domain::ids::OrganizationId;
use rust_decimal::Decimal;
use sqlx::PgPool;
use uuid::Uuid;

/// A payment.
#[derive(Debug, Clone, PartialEq)]
pub struct PaymentRow {
    /// Its id.
    pub payment_id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// For which invoice.
    pub invoice_id: Option<Uuid>,
    /// Who makes it.
    pub connector_id: Option<Uuid>,
    /// The provider's id for it.
    pub provider_id: Option<String>,
    /// In this currency.
    pub currency: String,
    /// Its status.
    pub status: String,
    /// How much.
    pub amount: Decimal,
    /// What was captured.
    pub captured: Decimal,
    /// What was refunded.
    pub refunded: Decimal,
    /// The provider's code, if it was ever declined.
    pub failure_code: Option<String>,
    /// Whether a payout file had it.
    pub paid_out: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Of its first event: the cursor.
    pub position: i64,
}

/// Those of an organization, or of a customer or for an invoice of it, newest first, before a position.
pub async fn payments(
    pool: &PgPool,
    organization_id: OrganizationId,
    customer_id: Option<Uuid>,
    status: Option<&str>,
    invoice_id: Option<Uuid>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<PaymentRow>, sqlx::Error> {
    if let Some(invoice_id) = invoice_id {
        return sqlx::query_as!(
            PaymentRow,
            "select payment_id, customer_id, invoice_id, connector_id, provider_id, currency, status, amount, captured,
                 refunded, failure_code, paid_out, created_at, position
             from billing_payments
             where invoice_id = $1 and organization_id = $2 and ($3::text is null or status = $3)
                 and ($4::uuid is null or customer_id = $4) and ($5::bigint is null or position < $5)
             order by position desc limit $6",
            invoice_id,
            organization_id.uuid(),
            status,
            customer_id,
            before,
            limit
        )
        .fetch_all(pool)
        .await;
    }
    if let Some(customer_id) = customer_id {
        return sqlx::query_as!(
            PaymentRow,
            "select payment_id, customer_id, invoice_id, connector_id, provider_id, currency, status, amount, captured,
                 refunded, failure_code, paid_out, created_at, position
             from billing_payments
             where customer_id = $1 and organization_id = $2 and ($3::text is null or status = $3)
                 and ($4::bigint is null or position < $4)
             order by position desc limit $5",
            customer_id,
            organization_id.uuid(),
            status,
            before,
            limit
        )
        .fetch_all(pool)
        .await;
    }
    sqlx::query_as!(
        PaymentRow,
        "select payment_id, customer_id, invoice_id, connector_id, provider_id, currency, status, amount, captured,
             refunded, failure_code, paid_out, created_at, position
         from billing_payments
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

/// A refund.
#[derive(Debug, Clone, PartialEq)]
pub struct RefundRow {
    /// Its id.
    pub refund_id: Uuid,
    /// Of which payment.
    pub payment_id: Uuid,
    /// The provider's id for it.
    pub provider_id: Option<String>,
    /// In this currency.
    pub currency: String,
    /// Its status.
    pub status: String,
    /// How much.
    pub amount: Decimal,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Of its first event: the cursor.
    pub position: i64,
}

/// Those of an organization, or of a payment of it, newest first, before a position.
pub async fn refunds(
    pool: &PgPool,
    organization_id: OrganizationId,
    payment_id: Option<Uuid>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<RefundRow>, sqlx::Error> {
    if let Some(payment_id) = payment_id {
        return sqlx::query_as!(
            RefundRow,
            "select refund_id, payment_id, provider_id, currency, status, amount, created_at, position
             from billing_refunds
             where payment_id = $1 and organization_id = $2 and ($3::bigint is null or position < $3)
             order by position desc limit $4",
            payment_id,
            organization_id.uuid(),
            before,
            limit
        )
        .fetch_all(pool)
        .await;
    }
    sqlx::query_as!(
        RefundRow,
        "select refund_id, payment_id, provider_id, currency, status, amount, created_at, position
         from billing_refunds where organization_id = $1 and ($2::bigint is null or position < $2)
         order by position desc limit $3",
        organization_id.uuid(),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// A payout file.
#[derive(Debug, Clone, PartialEq)]
pub struct PayoutRow {
    /// Its id.
    pub payout_id: Uuid,
    /// From whom.
    pub connector_id: Uuid,
    /// When it was paid out.
    pub paid_out_at: Option<Timestamp>,
    /// How many lines it has.
    pub lines: i32,
    /// How many match the ledger.
    pub matched: i32,
    /// How many are open items.
    pub open: i32,
    /// How many were explained.
    pub closed: i32,
    /// When it was taken in.
    pub imported_at: Timestamp,
    /// Of its first event: the cursor.
    pub position: i64,
}

/// Those of an organization, newest first, before a position.
pub async fn payouts(
    pool: &PgPool,
    organization_id: OrganizationId,
    connector_id: Option<Uuid>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<PayoutRow>, sqlx::Error> {
    sqlx::query_as!(
        PayoutRow,
        "select payout_id, connector_id, paid_out_at, lines, matched, open, closed, imported_at, position
         from billing_payouts where organization_id = $1 and ($2::uuid is null or connector_id = $2) and
         ($3::bigint is null or position < $3) order by position desc limit $4",
        organization_id.uuid(),
        connector_id,
        before,
        limit
    )
    .fetch_all(pool)
    .await
}
