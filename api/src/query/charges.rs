//! Charges, from the log itself.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use domain::account::{Account, AccountEvent};
use domain::ids::ChargeId;
use domain::{Aggregate, EventPayload, RecordedEvent};
use eventstore::LogPosition;
use eventstore::postgres::EventFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{MinPosition, Page, cursor, customer_filter, customers, limit, logged};
use crate::App;
use crate::auth::Principal;
use crate::command::charges::ChargeOut;
use crate::command::customers::account_stream;
use crate::extract::{Query, path_id};
use crate::problem::Problem;

/// Which charges.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChargeParams {
    /// Of this customer; required.
    pub customer_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

fn read(event: &RecordedEvent) -> Result<ChargeOut, Problem> {
    let position = LogPosition { partition: event.partition, position: event.position };
    match AccountEvent::decode(&event.event_type, event.schema, &event.payload) {
        Ok(AccountEvent::Charged(charged)) => {
            Ok(ChargeOut::new(&charged, event.event_id, event.occurred_at, position.to_string()))
        }
        Ok(_) => Err(charge_not_found()),
        Err(error) => Err(Problem::internal().caused_by(error)),
    }
}

fn charge_not_found() -> Problem {
    Problem::not_found("charge_not_found", "there is no such charge")
}

/// The charges of a customer, newest first.
#[utoipa::path(get, path = "/v1/charges", tag = "Charges", params(ChargeParams),
    responses((status = 200, body = Page<ChargeOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_charges(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<ChargeParams>,
) -> Result<Json<Page<ChargeOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    let customer = customer_filter(params.customer_id.as_deref())?
        .ok_or_else(|| Problem::bad_request("missing_field", "customer_id", "say whose charges: customer_id=cus_…"))?;
    logged(&app, &principal, params.min_position).await?;
    customers::require(&app, &principal, customer).await?;
    let filter = EventFilter {
        streams: Some(vec![account_stream(customer).as_str().to_owned()]),
        event_type: Some("charged".to_owned()),
        newest_first: true,
        ..EventFilter::default()
    };
    let events = app.log.events_of(principal.organization_id, before.unwrap_or(i64::MAX), limit + 1, &filter).await?;
    let charges = events.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(Page::new(charges, limit, |charge: &ChargeOut| {
        charge.position.split_once(':').map_or(String::new(), |(_, position)| position.to_owned())
    })))
}

/// The id of a charge in the path.
pub struct ChargePath(ChargeId);

impl<S: Send + Sync> FromRequestParts<S> for ChargePath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "charge_not_found").await.map(Self)
    }
}

/// A charge.
#[utoipa::path(get, path = "/v1/charges/{id}", tag = "Charges", params(("id" = String, Path)),
    responses((status = 200, body = ChargeOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_charge(
    State(app): State<App>,
    principal: Principal,
    ChargePath(id): ChargePath,
) -> Result<Json<ChargeOut>, Problem> {
    let found = app.ledger.log().find(&[id.uuid()]).await?;
    let own = found
        .first()
        .filter(|event| {
            event.organization_id == principal.organization_id && event.stream_id.category() == Account::CATEGORY
        })
        .ok_or_else(charge_not_found)?;
    read(own).map(Json)
}
