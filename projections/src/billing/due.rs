//! Where the workers have to look. Only hints: the aggregates decide.

use domain::Timestamp;
use sqlx::PgPool;
use uuid::Uuid;

/// Something that falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Whose.
    pub organization_id: Uuid,
    /// Where it lives.
    pub partition: i32,
    /// Whom it concerns.
    pub customer_id: Uuid,
    /// The subscription, or the invoice.
    pub id: Uuid,
    /// When.
    pub due_at: Timestamp,
}

/// What falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueKind {
    /// A subscription.
    Subscription,
    /// An invoice.
    Invoice,
}

/// Something that falls due, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueItem {
    /// What.
    pub kind: DueKind,
    /// Which, and when.
    pub due: Due,
}

/// A test clock that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockRow {
    /// Whose.
    pub organization_id: Uuid,
    /// Where it lives.
    pub partition: i32,
    /// Which.
    pub test_clock_id: Uuid,
    /// What it shows.
    pub now: Timestamp,
    /// Where it goes.
    pub target: Timestamp,
}

/// A customer on a test clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRow {
    /// Whose.
    pub organization_id: Uuid,
    /// Where it lives.
    pub partition: i32,
    /// Which.
    pub customer_id: Uuid,
}

/// What is on its way on a test clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    /// A bill that is open, or an invoice without its number.
    pub is_billing: bool,
    /// A payment of which the provider has to be asked something, and has not had to be for long.
    pub is_paying: bool,
}

/// A provider's message that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// Whose.
    pub organization_id: Uuid,
    /// Where it lives.
    pub partition: i32,
    /// Which.
    pub webhook_id: Uuid,
    /// From whom.
    pub connector_id: Uuid,
}

/// Subscriptions with something due, of customers that live in real time.
pub async fn due_subscriptions(pool: &PgPool, now: Timestamp, limit: i64) -> Result<Vec<Due>, sqlx::Error> {
    sqlx::query_as!(
        Due,
        r#"select organization_id, partition, customer_id, subscription_id as id, next_due_at as "due_at!"
           from billing_subscriptions
           where next_due_at <= $1 and next_due_at is not null and test_clock_id is null and open_bill is null
           order by next_due_at limit $2"#,
        now,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Invoices with something due, of customers that live in real time.
pub async fn due_invoices(pool: &PgPool, now: Timestamp, limit: i64) -> Result<Vec<Due>, sqlx::Error> {
    sqlx::query_as!(
        Due,
        r#"select organization_id, partition, customer_id, invoice_id as id, next_attempt_at as "due_at!"
           from billing_invoices
           where next_attempt_at <= $1 and next_attempt_at is not null and test_clock_id is null
           order by next_attempt_at limit $2"#,
        now,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Test clocks under way, but for those that are driven already, and for all of organizations that have enough of them:
/// at most so many of each organization.
pub async fn clocks_under_way(
    pool: &PgPool,
    driven: &[Uuid],
    full: &[Uuid],
    of_each: i64,
    limit: i64,
) -> Result<Vec<ClockRow>, sqlx::Error> {
    sqlx::query_as!(
        ClockRow,
        r#"select organization_id as "organization_id!", partition as "partition!", test_clock_id as "test_clock_id!",
               shows as "now!", target as "target!"
           from (
               select organization_id, partition, test_clock_id, now_at as shows, target,
                   row_number() over (partition by organization_id order by test_clock_id) as nth
               from billing_test_clocks
               where target is not null and test_clock_id <> all($1) and organization_id <> all($2)
           ) as waiting
           where nth <= $3 order by nth, test_clock_id limit $4"#,
        driven,
        full,
        of_each,
        limit
    )
    .fetch_all(pool)
    .await
}

/// When something falls due on a test clock next, not after that moment, and but for these. What has an open bill is not
/// due before it is closed.
pub async fn next_due_on_clock(
    pool: &PgPool,
    test_clock_id: Uuid,
    until: Timestamp,
    but: &[Uuid],
) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar!(
        "select min(at) from (
             select min(next_due_at) as at from billing_subscriptions
             where test_clock_id = $1 and next_due_at <= $2 and open_bill is null and subscription_id <> all($3)
             union all
             select min(next_attempt_at) from billing_invoices
             where test_clock_id = $1 and next_attempt_at <= $2 and invoice_id <> all($3)
         ) as due",
        test_clock_id,
        until,
        but
    )
    .fetch_one(pool)
    .await
}

/// What falls due on a test clock up to that moment, but for these.
pub async fn due_on_clock(
    pool: &PgPool,
    test_clock_id: Uuid,
    until: Timestamp,
    but: &[Uuid],
    limit: i64,
) -> Result<Vec<DueItem>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select organization_id as "organization_id!", partition as "partition!", customer_id as "customer_id!",
               id as "id!", due_at as "due_at!", is_invoice as "is_invoice!"
           from (
               select organization_id, partition, customer_id, subscription_id as id, next_due_at as due_at,
                   false as is_invoice
               from billing_subscriptions
               where test_clock_id = $1 and next_due_at <= $2 and open_bill is null and subscription_id <> all($4)
               union all
               select organization_id, partition, customer_id, invoice_id, next_attempt_at, true
               from billing_invoices where test_clock_id = $1 and next_attempt_at <= $2 and invoice_id <> all($4)
           ) as due
           order by due_at, id limit $3"#,
        test_clock_id,
        until,
        limit,
        but
    )
    .fetch_all(pool)
    .await?;
    let item = |kind, due| DueItem { kind, due };
    let items = rows.into_iter().map(|row| {
        let due = Due {
            organization_id: row.organization_id,
            partition: row.partition,
            customer_id: row.customer_id,
            id: row.id,
            due_at: row.due_at,
        };
        item(if row.is_invoice { DueKind::Invoice } else { DueKind::Subscription }, due)
    });
    Ok(items.collect())
}

/// What on a test clock is still on its way. Payments that have had to be asked about since before that moment, by the
/// wall clock, do not count any more: they go on in real time.
pub async fn unfinished_on_clock(
    pool: &PgPool,
    test_clock_id: Uuid,
    asked_after: Timestamp,
) -> Result<Unfinished, sqlx::Error> {
    sqlx::query_as!(
        Unfinished,
        r#"select exists (
                   select from billing_subscriptions where test_clock_id = $1 and open_bill is not null
               ) or exists (
                   select from billing_invoices
                   where test_clock_id = $1 and (status = 'sealed' or (status = 'draft' and auto_finalize))
               ) as "is_billing!",
               exists (
                   select from billing_payments where test_clock_id = $1 and asking_since > $2
               ) as "is_paying!""#,
        test_clock_id,
        asked_after
    )
    .fetch_one(pool)
    .await
}

/// The customers on a test clock.
pub async fn clock_customers(pool: &PgPool, test_clock_id: Uuid) -> Result<Vec<CustomerRow>, sqlx::Error> {
    sqlx::query_as!(
        CustomerRow,
        "select organization_id, partition, customer_id from billing_clock_customers where test_clock_id = $1
         order by customer_id",
        test_clock_id
    )
    .fetch_all(pool)
    .await
}

/// The test clock that a customer is on; `None` for real time.
pub async fn test_clock_of(pool: &PgPool, customer_id: Uuid) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("select test_clock_id from billing_clock_customers where customer_id = $1", customer_id)
        .fetch_optional(pool)
        .await
}

/// Providers' messages that were stored and not taken in.
pub async fn waiting_webhooks(pool: &PgPool, limit: i64) -> Result<Vec<WebhookRow>, sqlx::Error> {
    sqlx::query_as!(
        WebhookRow,
        "select organization_id, partition, webhook_id, connector_id from billing_webhooks where outcome is null
         order by webhook_id limit $1",
        limit
    )
    .fetch_all(pool)
    .await
}
