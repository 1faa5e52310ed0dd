//! Quotas: limit a meter, or allow some of it.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::Timestamp;
use domain::account::command::Action;
use domain::account::{Account, AccountCommand, AccountEvent, Overage, QuotaTerms};
use domain::ids::CustomerId;
use domain::meter::MeterCode;
use domain::money::Quantity;
use domain::period::Period;
use eventstore::Executed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::customers::{account_stream, customer_not_found};
use super::{answer, execute, in_time_of, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json};
use crate::money;
use crate::problem::Problem;

/// How long a quota counts before it starts anew; calendar borders in UTC.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeriodIn {
    /// From each full hour.
    Hour,
    /// From each midnight.
    Day,
    /// From the first of each month.
    Month,
    /// For ever.
    Total,
}

/// What happens to usage beyond a quota.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverageIn {
    /// It is refused.
    #[default]
    Block,
    /// It is charged at the meter's price.
    Charge,
}

/// A quota.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaIn {
    /// How much of the meter in each period: a decimal string, zero or more, at most 6 decimals.
    #[schema(example = "10000")]
    pub limit: String,
    /// How long it counts.
    pub period: PeriodIn,
    /// Whether usage within it is free of charge (an allowance). Not when left out.
    #[serde(default)]
    pub included: bool,
    /// What happens beyond it; `block` when left out.
    #[serde(default)]
    pub overage: OverageIn,
}

/// A quota and what is left of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuotaOut {
    /// Always `quota`.
    pub object: &'static str,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// Of what.
    pub meter: String,
    /// How much in each period.
    pub limit: String,
    /// How long it counts.
    pub period: &'static str,
    /// Whether usage within it is free.
    pub included: bool,
    /// What happens beyond it.
    pub overage: OverageIn,
    /// Used in this period.
    pub used: String,
    /// Reserved by holds in it.
    pub held: String,
    /// Left in this period.
    pub remaining: String,
    /// When this period began.
    pub period_start: DateTime<Utc>,
    /// When the next begins; `null` for `total`.
    pub resets_at: Option<DateTime<Utc>>,
    /// The log's position after the command.
    pub position: String,
}

impl From<QuotaIn> for (Period, Overage, bool) {
    fn from(body: QuotaIn) -> Self {
        let period = match body.period {
            PeriodIn::Hour => Period::Hour,
            PeriodIn::Day => Period::Day,
            PeriodIn::Month => Period::Month,
            PeriodIn::Total => Period::Total,
        };
        let overage = match body.overage {
            OverageIn::Block => Overage::Block,
            OverageIn::Charge => Overage::Charge,
        };
        (period, overage, body.included)
    }
}

/// Customer and meter in the path.
pub struct QuotaPath(CustomerId, MeterCode);

impl<S: Send + Sync> FromRequestParts<S> for QuotaPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((customer, meter)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| customer_not_found())?;
        let customer = customer.parse().map_err(|_| customer_not_found())?;
        let meter = meter.parse().map_err(|_| Problem::not_found("meter_not_found", "there is no such meter"))?;
        Ok(Self(customer, meter))
    }
}

/// Limit a meter for a customer, or allow it some of it for free.
#[utoipa::path(put, path = "/v1/customers/{id}/quotas/{meter}", tag = "Customers", request_body = QuotaIn,
    params(("id" = String, Path), ("meter" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = QuotaOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn set_quota(
    State(app): State<App>,
    principal: Principal,
    QuotaPath(customer_id, meter): QuotaPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<QuotaIn>,
) -> Result<Response, Problem> {
    let limit = money::quantity("limit", &body.limit)?;
    let organization = app.directory.organization(principal.organization_id).await?;
    if !organization.meters.contains_key(&meter) {
        return Err(Problem::not_found("meter_not_found", "there is no such meter"));
    }
    let path = format!("{customer_id}/{meter}");
    let meta = meta(&principal, key.as_deref(), "PUT /v1/customers/{id}/quotas/{meter}", &path, &body)?;
    let meta = in_time_of(&app, customer_id, meta);
    let now = meta.now;
    let (period, overage, included) = body.into();
    let terms = QuotaTerms { limit, period, included, overage };
    let action = Action::SetQuota { meter: meter.clone(), terms };
    let command = AccountCommand { organization_id: principal.organization_id, action };
    let executed = execute::<Account>(&app, account_stream(customer_id), meta, command).await?;
    let (terms, taken, at, position, replayed) = match executed {
        Executed::Done { event, replayed } => match event.event {
            AccountEvent::QuotaSet(set) => {
                (set.terms, (set.used, set.held), event.occurred_at, event.position, replayed)
            }
            _ => return Err(Problem::internal()),
        },
        Executed::Unchanged { state, position } => match state.quotas.get(&meter) {
            Some(quota) => {
                let tally = quota.tally_at(now);
                (quota.terms, (tally.counted(), tally.held), now, position, false)
            }
            None => return Err(Problem::internal()),
        },
    };
    Ok(answer(StatusCode::OK, quota_out(customer_id, &meter, &terms, taken, at, position.to_string()), replayed))
}

fn quota_out(
    customer_id: CustomerId,
    meter: &MeterCode,
    terms: &QuotaTerms,
    (used, held): (Quantity, Quantity),
    at: Timestamp,
    position: String,
) -> QuotaOut {
    QuotaOut {
        object: "quota",
        customer_id,
        meter: meter.to_string(),
        limit: terms.limit.to_string(),
        period: terms.period.name(),
        included: terms.included,
        overage: match terms.overage {
            Overage::Block => OverageIn::Block,
            Overage::Charge => OverageIn::Charge,
        },
        used: used.to_string(),
        held: held.to_string(),
        remaining: terms.limit.minus(used).minus(held).to_string(),
        period_start: terms.period.start(at),
        resets_at: terms.period.end(at),
        position,
    }
}
