//! Charges, from the log itself.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use domain::account::Account;
use domain::ids::ChargeId;
use domain::session_key::SessionKey;
use domain::{Aggregate, RecordedEvent, StreamId};
use eventstore::Recorded;
use eventstore::postgres::EventFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use super::session_keys::own_session_key;
use super::{MinPosition, Page, cursor, limit, logged, own_customer};
use crate::App;
use crate::auth::Principal;
use crate::command::charges::{ChargeOut, charge_not_found};
use crate::command::customers::account_stream;
use crate::command::session_keys;
use crate::extract::{Query, path_id};
use crate::problem::Problem;

/// Which charges.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChargeParams {
    /// Of this customer's account. This or `session_key_id` is required.
    pub customer_id: Option<String>,
    /// Of this session key.
    pub session_key_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// The events that are charges.
pub const CHARGES: [&str; 2] = ["charged", "captured"];

fn read(event: &RecordedEvent) -> Result<ChargeOut, Problem> {
    match event.stream_id.category() {
        Account::CATEGORY => ChargeOut::of_account(&Recorded::read(event)?),
        SessionKey::CATEGORY => ChargeOut::of_session_key(&Recorded::read(event)?),
        _ => Err(charge_not_found()),
    }
}

/// Whose charges: the stream that they are in.
async fn stream(app: &App, principal: &Principal, params: &ChargeParams) -> Result<StreamId, Problem> {
    let customer = own_customer(app, principal, params.customer_id.as_deref()).await?;
    let session_key = own_session_key(app, principal, params.session_key_id.as_deref()).await?;
    match (customer, session_key) {
        (Some(customer), None) => Ok(account_stream(customer)),
        (None, Some(session_key)) => Ok(session_keys::stream(session_key)),
        (None, None) => Err(Problem::bad_request(
            "missing_field",
            "customer_id",
            "say whose charges: customer_id=cus_… or session_key_id=ses_…",
        )),
        (Some(_), Some(_)) => Err(Problem::bad_request(
            "invalid_request",
            "session_key_id",
            "ask for the charges of either a customer's account or a session key",
        )),
    }
}

/// The charges of a customer's account or of a session key, newest first.
#[utoipa::path(get, path = "/v1/charges", tag = "Charges", params(ChargeParams),
    responses((status = 200, body = Page<ChargeOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_charges(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<ChargeParams>,
) -> Result<Json<Page<ChargeOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    logged(&app, &principal, params.min_position).await?;
    let filter = EventFilter {
        streams: Some(vec![stream(&app, &principal, &params).await?.as_str().to_owned()]),
        event_types: Some(CHARGES.map(str::to_owned).to_vec()),
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
    let own = found.first().filter(|event| event.organization_id == principal.organization_id);
    read(own.ok_or_else(charge_not_found)?).map(Json)
}
