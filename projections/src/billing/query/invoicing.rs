//! Invoices, and what was taken back of them.

use domain::Timestamp;
use domain::ids::OrganizationId;
use rust_decimal::Decimal;
use sqlx::PgPool;
use uuid::Uuid;

/// An invoice.
#[derive(Debug, Clone, PartialEq)]
pub struct InvoiceRow {
    /// Its id.
    pub invoice_id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// Of which subscription.
    pub subscription_id: Option<Uuid>,
    /// In this currency.
    pub currency: String,
    /// Its status.
    pub status: String,
    /// Its number.
    pub number: Option<String>,
    /// Its date.
    pub at: Timestamp,
    /// When it is due.
    pub due_at: Option<Timestamp>,
    /// When a payment is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// Where the period that it closed begins.
    pub period_start: Option<Timestamp>,
    /// Where that ends.
    pub period_end: Option<Timestamp>,
    /// Without tax.
    pub subtotal: Decimal,
    /// Taxes.
    pub tax: Decimal,
    /// With tax.
    pub total: Decimal,
    /// What was paid.
    pub paid: Decimal,
    /// What credit notes took off.
    pub credited: Decimal,
    /// What is to be paid.
    pub due: Decimal,
    /// Of its first event: the cursor.
    pub position: i64,
}

/// Those of an organization, or of a customer or a subscription of it, newest first, before a position.
pub async fn invoices(
    pool: &PgPool,
    organization_id: OrganizationId,
    customer_id: Option<Uuid>,
    status: Option<&str>,
    subscription_id: Option<Uuid>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<InvoiceRow>, sqlx::Error> {
    if let Some(subscription_id) = subscription_id {
        return sqlx::query_as!(
            InvoiceRow,
            "select invoice_id, customer_id, subscription_id, currency, status, number, at, due_at, next_attempt_at,
                 period_start, period_end, subtotal, tax, total, paid, credited, due, position
             from billing_invoices
             where subscription_id = $1 and organization_id = $2 and ($3::text is null or status = $3)
                 and ($4::uuid is null or customer_id = $4) and ($5::bigint is null or position < $5)
             order by position desc limit $6",
            subscription_id,
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
            InvoiceRow,
            "select invoice_id, customer_id, subscription_id, currency, status, number, at, due_at, next_attempt_at,
                 period_start, period_end, subtotal, tax, total, paid, credited, due, position
             from billing_invoices
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
        InvoiceRow,
        "select invoice_id, customer_id, subscription_id, currency, status, number, at, due_at, next_attempt_at,
             period_start, period_end, subtotal, tax, total, paid, credited, due, position
         from billing_invoices
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

/// A credit note.
#[derive(Debug, Clone, PartialEq)]
pub struct CreditNoteRow {
    /// Its id.
    pub credit_note_id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// Of which invoice.
    pub invoice_id: Uuid,
    /// Its number.
    pub number: Option<String>,
    /// In this currency.
    pub currency: String,
    /// With tax.
    pub total: Decimal,
    /// Its date.
    pub at: Timestamp,
    /// Of its first event: the cursor.
    pub position: i64,
}

/// Those of an organization, or of a customer or an invoice of it, newest first, before a position.
pub async fn credit_notes(
    pool: &PgPool,
    organization_id: OrganizationId,
    customer_id: Option<Uuid>,
    invoice_id: Option<Uuid>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<CreditNoteRow>, sqlx::Error> {
    if let Some(invoice_id) = invoice_id {
        return sqlx::query_as!(
            CreditNoteRow,
            "select credit_note_id, customer_id, invoice_id, number, currency, total, at, position
             from billing_credit_notes
             where invoice_id = $1 and organization_id = $2 and ($3::uuid is null or customer_id = $3)
                 and ($4::bigint is null or position < $4)
             order by position desc limit $5",
            invoice_id,
            organization_id.uuid(),
            customer_id,
            before,
            limit
        )
        .fetch_all(pool)
        .await;
    }
    if let Some(customer_id) = customer_id {
        return sqlx::query_as!(
            CreditNoteRow,
            "select credit_note_id, customer_id, invoice_id, number, currency, total, at, position
             from billing_credit_notes
             where customer_id = $1 and organization_id = $2 and ($3::bigint is null or position < $3)
             order by position desc limit $4",
            customer_id,
            organization_id.uuid(),
            before,
            limit
        )
        .fetch_all(pool)
        .await;
    }
    sqlx::query_as!(
        CreditNoteRow,
        "select credit_note_id, customer_id, invoice_id, number, currency, total, at, position
         from billing_credit_notes where organization_id = $1 and ($2::bigint is null or position < $2)
         order by position desc limit $3",
        organization_id.uuid(),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}
