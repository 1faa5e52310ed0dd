//! Meters: the price list behind `meter` + `quantity`.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::meter::{Meter, MeterCode};
use domain::organization::{Organization, OrganizationCommand, OrganizationEvent};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::Executed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{answer, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json};
use crate::money;
use crate::problem::Problem;

/// The price of a meter.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeterIn {
    /// What one unit is called, for example `token`; 1 to 40 characters.
    pub unit: String,
    /// The price of one unit: a decimal string, zero or more, at most 12 decimals.
    #[schema(example = "0.000003")]
    pub unit_price: String,
    /// The organization's default currency when left out.
    #[serde(default)]
    pub currency: Option<String>,
}

/// A meter.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeterOut {
    /// Always `meter`.
    pub object: &'static str,
    /// Its code.
    pub code: String,
    /// What one unit is called.
    pub unit: String,
    /// The price of one unit.
    pub unit_price: String,
    /// In this currency.
    pub currency: String,
    /// 1, 2, 3… for each price it had.
    pub version: u32,
    /// Since when it has this one.
    pub updated_at: DateTime<Utc>,
    /// The log's position after the command; `null` in lists.
    pub position: Option<String>,
}

impl MeterOut {
    /// From the domain's meter.
    pub fn new(meter: &Meter, updated_at: Timestamp, position: Option<String>) -> Self {
        Self {
            object: "meter",
            code: meter.code.to_string(),
            unit: meter.unit.clone(),
            unit_price: meter.unit_price.to_string(),
            currency: meter.currency.to_string(),
            version: meter.version,
            updated_at,
            position,
        }
    }
}

/// A meter's code in the path.
pub struct MeterPath(pub MeterCode);

impl<S: Send + Sync> FromRequestParts<S> for MeterPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        let code = path.map(|path| path.0).unwrap_or_default();
        code.parse().map(Self).map_err(|e: domain::meter::InvalidMeterCode| {
            Problem::bad_request("invalid_request", "code", e.to_string())
        })
    }
}

/// Add a meter to the price list, or give one a new price. Charges made before keep theirs.
#[utoipa::path(put, path = "/v1/meters/{code}", tag = "Meters", request_body = MeterIn,
    params(("code" = String, Path, description = "1 to 64 of a-z 0-9 _ . -"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = MeterOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn set_meter(
    State(app): State<App>,
    principal: Principal,
    MeterPath(code): MeterPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<MeterIn>,
) -> Result<Response, Problem> {
    money::text("unit", &body.unit, 40)?;
    let command = OrganizationCommand::SetMeter {
        unit_price: money::amount("unit_price", &body.unit_price)?,
        currency: money::currency(body.currency.as_deref())?,
        unit: body.unit.clone(),
        code: code.clone(),
    };
    let meta = meta(&principal, key.as_deref(), "PUT /v1/meters/{code}", code.as_str(), &body)?;
    let stream = StreamId::new(Organization::CATEGORY, principal.organization_id);
    let executed = execute::<Organization>(&app, stream, meta, command).await?;
    app.directory.changed(principal.organization_id);
    match executed {
        Executed::Done { event, replayed } => {
            let OrganizationEvent::MeterSet(meter) = &event.event else { return Err(Problem::internal()) };
            let out = MeterOut::new(meter, event.occurred_at, Some(event.position.to_string()));
            Ok(answer(StatusCode::OK, out, replayed))
        }
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}
