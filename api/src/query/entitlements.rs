//! What a customer may use: the features of the plans that it has subscribed to, and what is left of them.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::Timestamp;
use domain::account::{Account, PlanQuota};
use domain::ids::{CustomerId, PlanId, SubscriptionId};
use domain::meter::MeterCode;
use domain::money::Quantity;
use domain::plan::Entitlement;
use domain::subscription::{Life, Status, Subscription};
use projections::billing::{Billing, query};
use serde::Serialize;
use utoipa::ToSchema;

use super::caught_up;
use super::customers::{MinPositionParams, require};
use crate::App;
use crate::auth::Principal;
use crate::command::customers::{CustomerPath, account_stream};
use crate::command::plans::price::PlanPriceBeyond;
use crate::command::subscriptions::subscription_stream;
use crate::extract::Query;
use crate::problem::Problem;

/// Subscriptions of a customer that are looked at together.
const PAGE: i64 = 100;

/// What a customer may use.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntitlementsOut {
    /// Always `entitlements`.
    pub object: &'static str,
    /// Who.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// One for each feature of each subscription that gives something now: trialing, active, or past due. By the
    /// feature's code.
    pub data: Vec<EntitlementOut>,
}

/// A feature that a customer has.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntitlementOut {
    /// Its code.
    pub feature: String,
    /// `boolean`, `static` or `metered`.
    pub kind: &'static str,
    /// Of `boolean`: whether it may be used.
    pub enabled: Option<bool>,
    /// Of `static`: its value.
    pub value: Option<String>,
    /// Of `metered`: what is left.
    pub metered: Option<MeteredOut>,
    /// The subscription that gives it.
    #[schema(value_type = String)]
    pub subscription_id: SubscriptionId,
    /// Its plan.
    #[schema(value_type = String)]
    pub plan_id: PlanId,
    /// The plan's code.
    pub plan_code: String,
    /// The version that the subscription keeps.
    pub plan_version: u32,
}

/// What is left of a metered feature.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeteredOut {
    /// The meter.
    pub meter: String,
    /// How much in each period; `null` for as much as one likes.
    pub limit: Option<String>,
    /// Used in this period; `null` where nobody counts, because nothing is limited and nothing has a price.
    pub used: Option<String>,
    /// Reserved by holds in it.
    pub held: Option<String>,
    /// Left in it: neither used nor reserved; `null` for as much as one likes.
    pub remaining: Option<String>,
    /// What happens beyond the limit; `null` when nothing is beyond it.
    pub beyond: Option<PlanPriceBeyond>,
    /// When the next period begins.
    pub resets_at: Option<DateTime<Utc>>,
}

/// What a customer may use now, by the plans of its subscriptions.
#[utoipa::path(get, path = "/v1/customers/{id}/entitlements", tag = "Customers",
    params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = EntitlementsOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_entitlements(
    State(app): State<App>,
    principal: Principal,
    CustomerPath(id): CustomerPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<EntitlementsOut>, Problem> {
    require(&app, &principal, id).await?;
    caught_up(&app, &principal, &Billing, params.min_position).await?;
    let subscriptions = of_customer(&app, &principal, id).await?;
    let account = app.ledger.load::<Account>(&account_stream(id)).await?.state;
    let now = app.clocks.now(id);
    let mut data = Vec::new();
    for life in subscriptions.iter().filter_map(|subscription| subscription.life.as_deref()) {
        if matches!(life.status, Status::Trialing | Status::Active | Status::PastDue) {
            let features = life.plan.terms.features.iter();
            data.extend(features.map(|(code, feature)| entitlement(life, code, feature, &account, now)));
        }
    }
    data.sort_by(|one, other| (&one.feature, one.subscription_id).cmp(&(&other.feature, other.subscription_id)));
    Ok(Json(EntitlementsOut { object: "entitlements", customer_id: id, data }))
}

/// Those of the read model that have not ended, as the log has them now.
async fn of_customer(app: &App, principal: &Principal, id: CustomerId) -> Result<Vec<Subscription>, Problem> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let (organization, customer) = (principal.organization_id, Some(id.uuid()));
        let rows = query::subscriptions(&app.pool, organization, customer, None, None, before, PAGE).await?;
        for row in rows.iter().filter(|row| row.ended_at.is_none()) {
            let stream = subscription_stream(SubscriptionId::new(row.subscription_id));
            found.push(app.ledger.load::<Subscription>(&stream).await?.state);
        }
        match rows.last() {
            Some(last) if i64::try_from(rows.len()) == Ok(PAGE) => before = Some(last.position),
            _ => return Ok(found),
        }
    }
}

fn entitlement(
    life: &Life,
    code: &MeterCode,
    feature: &Entitlement,
    account: &Account,
    now: Timestamp,
) -> EntitlementOut {
    let (kind, enabled, value, metered) = match feature {
        Entitlement::Boolean { enabled } => ("boolean", Some(*enabled), None, None),
        Entitlement::Static { value } => ("static", None, Some(value.clone()), None),
        Entitlement::Metered { meter, .. } => {
            ("metered", None, None, Some(metered(life, meter, feature, account, now)))
        }
    };
    EntitlementOut {
        feature: code.to_string(),
        kind,
        enabled,
        value,
        metered,
        subscription_id: life.subscription_id,
        plan_id: life.plan.plan_id,
        plan_code: life.plan.code.to_string(),
        plan_version: life.plan.version,
    }
}

/// What is left is the account's quota. Until the account has it, for a moment after a subscription began, nothing of it
/// is used.
fn metered(life: &Life, meter: &MeterCode, feature: &Entitlement, account: &Account, now: Timestamp) -> MeteredOut {
    let limit = match feature {
        Entitlement::Metered { limit, .. } => *limit,
        Entitlement::Boolean { .. } | Entitlement::Static { .. } => None,
    };
    let is_own = |plan: &PlanQuota| plan.subscription_id == life.subscription_id;
    let quota = account.quotas.get(meter).filter(|quota| quota.plan.as_deref().is_some_and(is_own));
    let plan = quota.and_then(|quota| quota.plan.as_deref());
    let counted = |quantity: Option<Quantity>| quantity.or(limit.map(|_| Quantity::ZERO)).map(|it| it.to_string());
    MeteredOut {
        meter: meter.to_string(),
        limit: limit.map(|limit| limit.to_string()),
        used: counted(quota.map(|quota| quota.used_at(now))),
        held: counted(quota.map(|quota| quota.held_at(now))),
        remaining: limit.map(|limit| quota.map_or(limit, |quota| quota.remaining_at(now)).to_string()),
        beyond: plan.filter(|_| limit.is_some()).map(|plan| PlanPriceBeyond::shown(plan.beyond)),
        resets_at: life.period.map(|period| period.end),
    }
}
