//! What a rule engine watches, a row a customer.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use domain::Timestamp;
use domain::ids::CustomerId;
use eventstore::clock;
use projections::risk::{self, RiskRow};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use utoipa::ToSchema;

use super::quotas::PerCustomerParams;
use super::{Page, caught_up, cursor, limit, own_customer};
use crate::App;
use crate::auth::Principal;
use crate::extract::Query;
use crate::problem::Problem;

/// Decimals of the average charge.
const AVERAGE_SCALE: u32 = 12;
/// Decimals of a share.
const SHARE_SCALE: u32 = 6;

/// What a rule engine watches of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct RiskOut {
    /// Always `risk`.
    pub object: &'static str,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// The currency of its account.
    pub currency: String,
    /// How many charges.
    pub charges: i64,
    /// Everything that was charged.
    pub charged: String,
    /// `charged / charges`, rounded half to even at 12 decimals; `null` without charges.
    pub average_charge: Option<String>,
    /// The largest charge.
    pub largest_charge: String,
    /// The last charge.
    pub last_charge: String,
    /// When that was.
    pub last_charge_at: Option<DateTime<Utc>>,
    /// Charges in the calendar minute (UTC) that is running now.
    pub calls_this_minute: i64,
    /// The most charges in any calendar minute.
    pub calls_peak_minute: i64,
    /// Credits and post-paid room now, as a share of what it was after the last credits or the
    /// last change of the limit; rounded half to even at 6 decimals; `null` when that was nothing.
    pub share_left: Option<String>,
}

fn divide(a: Decimal, b: Decimal, scale: u32) -> Option<String> {
    let quotient = a.checked_div(b)?;
    Some(quotient.round_dp_with_strategy(scale, RoundingStrategy::MidpointNearestEven).normalize().to_string())
}

fn out(row: RiskRow, now: Timestamp) -> RiskOut {
    let running = row.minute.is_some_and(|minute| minute <= now && now < minute + TimeDelta::minutes(1));
    RiskOut {
        object: "risk",
        customer_id: CustomerId::new(row.customer_id),
        currency: row.currency,
        charges: row.charges,
        charged: row.charged.normalize().to_string(),
        average_charge: divide(row.charged, Decimal::from(row.charges), AVERAGE_SCALE),
        largest_charge: row.largest_charge.normalize().to_string(),
        last_charge: row.last_charge.normalize().to_string(),
        last_charge_at: row.last_charge_at,
        calls_this_minute: if running { row.minute_calls } else { 0 },
        calls_peak_minute: row.minute_calls_peak,
        share_left: divide(row.available, row.available_reference, SHARE_SCALE),
    }
}

/// What a rule engine watches, newest customer first.
#[utoipa::path(get, path = "/v1/risk", tag = "Read models", params(PerCustomerParams),
    responses((status = 200, body = Page<RiskOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_risk(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PerCustomerParams>,
) -> Result<Json<Page<RiskOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<CustomerId> = cursor(params.cursor.as_deref())?;
    let customer = own_customer(&app, &principal, params.customer_id.as_deref()).await?;
    caught_up(&app, &principal, &risk::Risk, params.min_position).await?;
    let rows = risk::customers(&app.pool, principal.organization_id, customer, before.map(CustomerId::uuid), limit + 1)
        .await?;
    let now = clock::now();
    let rows = rows.into_iter().map(|row| out(row, now));
    Ok(Json(Page::new(rows.collect(), limit, |row: &RiskOut| row.customer_id.to_string())))
}
