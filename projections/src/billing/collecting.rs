//! Payments that a provider has to be asked about: for what the log asks for (`asking`), or because they have waited
//! there for a while (`waiting`). By connector, so that none stands in the way of another. Only hints: the aggregates
//! decide.

use domain::Timestamp;
use sqlx::PgPool;
use uuid::Uuid;

/// A payment that a provider has to be asked about. Times are those of the wall clock, whatever the time of its
/// customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// Whose.
    pub organization_id: Uuid,
    /// Where it lives.
    pub partition: i32,
    /// Which.
    pub payment_id: Uuid,
    /// Who makes it.
    pub connector_id: Uuid,
    /// Of its first event: the cursor among those of the connector.
    pub position: i64,
    /// Since when it asks, or waits.
    pub since: Timestamp,
    /// When it was made.
    pub made_at: Timestamp,
}

/// Connectors with payments that ask for something, after this one.
pub async fn asking_connectors(pool: &PgPool, after: Uuid, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    // From one to the next by the index, however many payments each has.
    sqlx::query_scalar!(
        r#"with recursive asked as (
               (select connector_id from billing_payments where asking_since is not null and connector_id > $1
                order by connector_id limit 1)
               union all
               select (select p.connector_id from billing_payments p
                       where p.asking_since is not null and p.connector_id > asked.connector_id
                       order by p.connector_id limit 1)
               from asked where asked.connector_id is not null
           )
           select connector_id as "connector_id!" from asked where connector_id is not null limit $2"#,
        after,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Connectors with payments that wait at the provider, after this one.
pub async fn waiting_connectors(pool: &PgPool, after: Uuid, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"with recursive asked as (
               (select connector_id from billing_payments where waiting_since is not null and connector_id > $1
                order by connector_id limit 1)
               union all
               select (select p.connector_id from billing_payments p
                       where p.waiting_since is not null and p.connector_id > asked.connector_id
                       order by p.connector_id limit 1)
               from asked where asked.connector_id is not null
           )
           select connector_id as "connector_id!" from asked where connector_id is not null limit $2"#,
        after,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Payments that ask for something: of each of these connectors the oldest after its position, at most so many.
pub async fn asking_payments(
    pool: &PgPool,
    connectors: &[Uuid],
    after: &[i64],
    of_each: i64,
) -> Result<Vec<PaymentRow>, sqlx::Error> {
    sqlx::query_as!(
        PaymentRow,
        r#"select p.organization_id as "organization_id!", p.partition as "partition!", p.payment_id as "payment_id!",
               p.connector_id as "connector_id!", p.position as "position!", p.asking_since as "since!",
               p.made_at as "made_at!"
           from unnest($1::uuid[], $2::bigint[]) as turn (connector_id, behind)
           cross join lateral (
               select organization_id, partition, payment_id, connector_id, position, asking_since, made_at
               from billing_payments
               where asking_since is not null and connector_id = turn.connector_id and position > turn.behind
               order by position limit $3
           ) as p
           order by p.connector_id, p.position"#,
        connectors,
        after,
        of_each
    )
    .fetch_all(pool)
    .await
}

/// The same of payments that have waited at the provider since before that moment.
pub async fn waiting_payments(
    pool: &PgPool,
    connectors: &[Uuid],
    after: &[i64],
    since: Timestamp,
    of_each: i64,
) -> Result<Vec<PaymentRow>, sqlx::Error> {
    sqlx::query_as!(
        PaymentRow,
        r#"select p.organization_id as "organization_id!", p.partition as "partition!", p.payment_id as "payment_id!",
               p.connector_id as "connector_id!", p.position as "position!", p.waiting_since as "since!",
               p.made_at as "made_at!"
           from unnest($1::uuid[], $2::bigint[]) as turn (connector_id, behind)
           cross join lateral (
               select organization_id, partition, payment_id, connector_id, position, waiting_since, made_at
               from billing_payments
               where waiting_since <= $3 and connector_id = turn.connector_id and position > turn.behind
               order by position limit $4
           ) as p
           order by p.connector_id, p.position"#,
        connectors,
        after,
        since,
        of_each
    )
    .fetch_all(pool)
    .await
}
