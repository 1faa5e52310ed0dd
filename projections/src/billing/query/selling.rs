//! Plans, and who has subscribed to them.

use domain::Timestamp;
use domain::ids::OrganizationId;
use rust_decimal::Decimal;
use sqlx::PgPool;
use uuid::Uuid;

/// A plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRow {
    /// Its id.
    pub plan_id: Uuid,
    /// Its code.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// The last version that was drafted.
    pub version: i32,
    /// The last version that was published.
    pub published_version: Option<i32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was retired.
    pub retired_at: Option<Timestamp>,
    /// Of its first event: the cursor.
    pub position: i64,
}

/// Those of an organization, newest first, before a position.
pub async fn plans(
    pool: &PgPool,
    organization_id: OrganizationId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<PlanRow>, sqlx::Error> {
    sqlx::query_as!(
        PlanRow,
        "select plan_id, code, name, version, published_version, created_at, retired_at, position from
         billing_plans where organization_id = $1 and ($2::bigint is null or position < $2) order by position
         desc limit $3",
        organization_id.uuid(),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// A subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionRow {
    /// Its id.
    pub subscription_id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// Its plan.
    pub plan_id: Uuid,
    /// The plan's code.
    pub plan_code: String,
    /// The plan's version.
    pub plan_version: i32,
    /// In this currency.
    pub currency: String,
    /// Its status.
    pub status: String,
    /// Seats.
    pub quantity: Decimal,
    /// Where its period begins.
    pub period_start: Option<Timestamp>,
    /// Where its period ends.
    pub period_end: Option<Timestamp>,
    /// When its trial ends, or ended.
    pub trial_end: Option<Timestamp>,
    /// Whether it renews by itself.
    pub auto_renew: bool,
    /// Whether it ends with its period.
    pub cancel_at_period_end: bool,
    /// When something is due next.
    pub next_due_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Of its first event: the cursor.
    pub position: i64,
}

/// Those of an organization, or of a customer of it, newest first, before a position.
pub async fn subscriptions(
    pool: &PgPool,
    organization_id: OrganizationId,
    customer_id: Option<Uuid>,
    status: Option<&str>,
    plan_id: Option<Uuid>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<SubscriptionRow>, sqlx::Error> {
    if let Some(customer_id) = customer_id {
        return sqlx::query_as!(
            SubscriptionRow,
            "select subscription_id, customer_id, plan_id, plan_code, plan_version, currency, status, quantity,
                 period_start, period_end, trial_end, auto_renew, cancel_at_period_end, next_due_at, created_at,
                 ended_at, position
             from billing_subscriptions
             where customer_id = $1 and organization_id = $2 and ($3::text is null or status = $3)
                 and ($4::uuid is null or plan_id = $4) and ($5::bigint is null or position < $5)
             order by position desc limit $6",
            customer_id,
            organization_id.uuid(),
            status,
            plan_id,
            before,
            limit
        )
        .fetch_all(pool)
        .await;
    }
    sqlx::query_as!(
        SubscriptionRow,
        "select subscription_id, customer_id, plan_id, plan_code, plan_version, currency, status, quantity,
             period_start, period_end, trial_end, auto_renew, cancel_at_period_end, next_due_at, created_at, ended_at,
             position
         from billing_subscriptions
         where organization_id = $1 and ($2::text is null or status = $2) and ($3::uuid is null or plan_id = $3)
             and ($4::bigint is null or position < $4)
         order by position desc limit $5",
        organization_id.uuid(),
        status,
        plan_id,
        before,
        limit
    )
    .fetch_all(pool)
    .await
}
