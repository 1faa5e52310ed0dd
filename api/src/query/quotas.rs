//! Usage against limits, a row a customer.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{CustomerId, SubscriptionId};
use domain::money::Currency;
use domain::period::Period;
use projections::quota::{self, CustomerSessions, QuotaMeter};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{MinPosition, Page, caught_up, cursor, limit, own_customer};
use crate::App;
use crate::auth::Principal;
use crate::extract::Query;
use crate::problem::Problem;

/// Which customers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PerCustomerParams {
    /// Only this one.
    pub customer_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// What a customer used of what it may use.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuotaUsageOut {
    /// Always `quota_usage`.
    pub object: &'static str,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// The currency of its account.
    pub currency: String,
    /// Its credits.
    pub credits: CreditsOut,
    /// Charged and not yet paid for.
    pub postpaid: String,
    /// How far that may go.
    pub postpaid_limit: String,
    /// What holds reserve of the room up to there.
    pub postpaid_held: String,
    /// Everything that was charged.
    pub charged: String,
    /// Its meters, by name.
    pub meters: Vec<MeterUsageOut>,
    /// Its session keys in sum; they pay apart from the account.
    pub session_keys: SessionKeyTotalsOut,
}

/// Credits in sum: `granted = remaining + held + expired + spent`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditsOut {
    /// All that were ever given.
    pub granted: String,
    /// What is left of them and not reserved.
    pub remaining: String,
    /// What holds reserve of them.
    pub held: String,
    /// What was lost of them.
    pub expired: String,
}

/// All session keys of a customer in sum, also those that are over.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionKeyTotalsOut {
    /// How many there are.
    pub count: i64,
    /// How many of them are active.
    pub active: i64,
    /// The token they pay in.
    pub currency: String,
    /// Deposited for good.
    pub deposited: String,
    /// Charged.
    pub charged: String,
    /// Claimed on chain.
    pub claimed: String,
    /// What may still be charged with those that are active, as far as their deposits go.
    pub available: String,
}

/// A meter that was used, or has a quota.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeterUsageOut {
    /// Its code.
    pub meter: String,
    /// What the quota allows in a period; `null` without one.
    pub limit: Option<String>,
    /// The quota's period: `hour`, `day`, `month`, `total`, or `cycle` for a subscription's.
    pub period: Option<String>,
    /// The subscription whose quota it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subscription_id: Option<SubscriptionId>,
    /// Whether usage within it is free.
    pub included: Option<bool>,
    /// What happens beyond it: `block`, `charge`, or `credits` where only credits pay it.
    pub overage: Option<String>,
    /// Used in the period that is running now.
    pub used: Option<String>,
    /// Reserved by holds in it.
    pub held: Option<String>,
    /// Left in it: neither used nor reserved. What was paid although some of an allowance was left, because credits go
    /// first, takes nothing of it.
    pub remaining: Option<String>,
    /// When it began.
    pub period_start: Option<DateTime<Utc>>,
    /// When the next begins.
    pub resets_at: Option<DateTime<Utc>>,
    /// Used ever.
    pub used_total: String,
}

fn period(name: &str) -> Option<Period> {
    let known = [Period::Hour, Period::Day, Period::Month, Period::Total, Period::Cycle];
    known.into_iter().find(|period| period.name() == name)
}

/// The row as of now: a period that is over counts no more. A subscription's is over when an event says so.
fn meter_out(row: QuotaMeter, now: chrono::DateTime<Utc>) -> MeterUsageOut {
    let running = row.period.as_deref().and_then(period);
    let start = match running {
        Some(Period::Cycle) => row.period_start,
        running => running.map(|period| period.start(now)),
    };
    // Of a period that is over nothing counts any more.
    let row = if start == row.period_start {
        row
    } else {
        QuotaMeter { used: Decimal::ZERO, beside: Decimal::ZERO, held: Decimal::ZERO, ..row }
    };
    let remaining = row.remaining();
    MeterUsageOut {
        meter: row.meter,
        limit: row.quota_limit.map(|limit| limit.normalize().to_string()),
        period: row.period,
        subscription_id: row.subscription_id.map(SubscriptionId::new),
        included: row.included,
        overage: row.overage,
        used: running.map(|_| row.used.normalize().to_string()),
        held: running.map(|_| row.held.normalize().to_string()),
        remaining: remaining.map(|remaining| remaining.normalize().to_string()),
        period_start: start,
        resets_at: match running {
            Some(Period::Cycle) => row.period_end,
            running => running.and_then(|period| period.end(now)),
        },
        used_total: row.used_total.normalize().to_string(),
    }
}

/// The sums over a customer's session keys; zero for one that has none.
fn session_keys(sums: Option<&CustomerSessions>) -> SessionKeyTotalsOut {
    let text = |sum: Option<Decimal>| sum.unwrap_or_default().normalize().to_string();
    SessionKeyTotalsOut {
        count: sums.map_or(0, |sums| sums.count),
        active: sums.map_or(0, |sums| sums.active),
        currency: Currency::USDC.to_string(),
        deposited: text(sums.map(|sums| sums.deposited)),
        charged: text(sums.map(|sums| sums.charged)),
        claimed: text(sums.map(|sums| sums.claimed)),
        available: text(sums.map(|sums| sums.available)),
    }
}

/// Usage against limits, newest customer first.
#[utoipa::path(get, path = "/v1/quotas", tag = "Read models", params(PerCustomerParams),
    responses((status = 200, body = Page<QuotaUsageOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_quotas(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PerCustomerParams>,
) -> Result<Json<Page<QuotaUsageOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<CustomerId> = cursor(params.cursor.as_deref())?;
    let customer = own_customer(&app, &principal, params.customer_id.as_deref()).await?;
    caught_up(&app, &principal, &quota::Quota, params.min_position).await?;
    let rows =
        quota::customers(&app.pool, principal.organization_id, customer, before.map(CustomerId::uuid), limit + 1)
            .await?;
    let ids: Vec<_> = rows.iter().map(|row| row.customer_id).collect();
    let mut meters = quota::meters(&app.pool, &ids).await?;
    let sums = quota::sums_by_customer(&app.pool, &ids).await?;
    let usage = rows.into_iter().map(|row| {
        let now = app.clocks.now(CustomerId::new(row.customer_id));
        let (own, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut meters).into_iter().partition(|meter| meter.customer_id == row.customer_id);
        meters = others;
        QuotaUsageOut {
            object: "quota_usage",
            customer_id: CustomerId::new(row.customer_id),
            currency: row.currency,
            credits: CreditsOut {
                granted: row.granted.normalize().to_string(),
                remaining: row.remaining.normalize().to_string(),
                held: row.held_credits.normalize().to_string(),
                expired: row.expired.normalize().to_string(),
            },
            postpaid: row.postpaid.normalize().to_string(),
            postpaid_limit: row.postpaid_limit.normalize().to_string(),
            postpaid_held: row.held_postpaid.normalize().to_string(),
            charged: row.charged.normalize().to_string(),
            meters: own.into_iter().map(|meter| meter_out(meter, now)).collect(),
            session_keys: session_keys(sums.iter().find(|sums| sums.customer_id == row.customer_id)),
        }
    });
    Ok(Json(Page::new(usage.collect(), limit, |row: &QuotaUsageOut| row.customer_id.to_string())))
}
