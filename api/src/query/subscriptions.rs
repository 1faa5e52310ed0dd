//! Subscriptions: one as it is in the log, many from the read model.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{CustomerId, PlanId, SubscriptionId};
use projections::billing::{Billing, query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::customers::MinPositionParams;
use super::{MinPosition, Page, caught_up, cursor, limit, logged, own_customer};
use crate::App;
use crate::auth::Principal;
use crate::command::plans::{self, PlanName};
use crate::command::subscriptions::out::SubscriptionPeriodOut;
use crate::command::subscriptions::{SubscriptionOut, SubscriptionPath, load, subscription_not_found};
use crate::extract::Query;
use crate::problem::Problem;

/// The statuses that a subscription can have.
const STATUSES: [&str; 6] = ["trialing", "active", "past_due", "paused", "cancelled", "expired"];

/// Which subscriptions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubscriptionParams {
    /// Only of this customer.
    pub customer_id: Option<String>,
    /// Only with this status.
    pub status: Option<String>,
    /// Only to this plan: its id or its code.
    pub plan_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// A subscription in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionListedOut {
    /// Always `subscription`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: SubscriptionId,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// `trialing`, `active`, `past_due`, `paused`, `cancelled` or `expired`.
    pub status: String,
    /// The plan.
    #[schema(value_type = String)]
    pub plan_id: PlanId,
    /// The plan's code.
    pub plan_code: String,
    /// The version that it keeps.
    pub plan_version: i32,
    /// Seats.
    pub quantity: String,
    /// The currency of the customer's account.
    pub currency: String,
    /// The period that it is in.
    pub period: Option<SubscriptionPeriodOut>,
    /// When the trial ends, or ended.
    pub trial_end: Option<DateTime<Utc>>,
    /// Whether it renews by itself.
    pub auto_renew: bool,
    /// Whether it ends with its period, or its trial.
    pub cancel_at_period_end: bool,
    /// When something is due by time next.
    pub next_due_at: Option<DateTime<Utc>>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

fn listed(row: query::SubscriptionRow) -> SubscriptionListedOut {
    let period = row.period_start.zip(row.period_end);
    SubscriptionListedOut {
        object: "subscription",
        id: SubscriptionId::new(row.subscription_id),
        customer_id: CustomerId::new(row.customer_id),
        status: row.status,
        plan_id: PlanId::new(row.plan_id),
        plan_code: row.plan_code,
        plan_version: row.plan_version,
        quantity: row.quantity.normalize().to_string(),
        currency: row.currency,
        period: period.map(|(start, end)| SubscriptionPeriodOut { start, end }),
        trial_end: row.trial_end,
        auto_renew: row.auto_renew,
        cancel_at_period_end: row.cancel_at_period_end,
        next_due_at: row.next_due_at,
        created_at: row.created_at,
        ended_at: row.ended_at,
    }
}

/// Subscriptions, newest first.
#[utoipa::path(get, path = "/v1/subscriptions", tag = "Subscriptions", params(SubscriptionParams),
    responses((status = 200, body = Page<SubscriptionListedOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_subscriptions(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<SubscriptionParams>,
) -> Result<Json<Page<SubscriptionListedOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    let customer = own_customer(&app, &principal, params.customer_id.as_deref()).await?;
    let status = params.status.as_deref();
    if status.is_some_and(|status| !STATUSES.contains(&status)) {
        let detail = format!("status must be one of {}", STATUSES.join(", "));
        return Err(Problem::bad_request("invalid_request", "status", detail));
    }
    let plan = match params.plan_id.as_deref() {
        Some(text) => {
            let id = PlanName::read(text)?.id(principal.organization_id);
            plans::load(&app, &principal, id).await?;
            Some(id.uuid())
        }
        None => None,
    };
    caught_up(&app, &principal, &Billing, params.min_position).await?;
    let (organization, customer) = (principal.organization_id, customer.map(CustomerId::uuid));
    let rows = query::subscriptions(&app.pool, organization, customer, status, plan, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &query::SubscriptionRow| row.position.to_string());
    let data = page.data.into_iter().map(listed).collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// A subscription, as the log has it now.
#[utoipa::path(get, path = "/v1/subscriptions/{id}", tag = "Subscriptions",
    params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = SubscriptionOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_subscription(
    State(app): State<App>,
    principal: Principal,
    SubscriptionPath(id): SubscriptionPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<SubscriptionOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let subscription = load(&app, &principal, id).await?;
    SubscriptionOut::new(&subscription, None).map(Json).ok_or_else(subscription_not_found)
}
