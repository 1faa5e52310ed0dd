//! Exact payments: which there are says the read model, what became of each says the log.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use domain::evm::{Address, InvalidHex};
use domain::exact_payment::{ExactPayment, ExactPaymentEvent, Status};
use domain::ids::{ExactPaymentId, RouteId};
use domain::{Aggregate, EventPayload, RecordedEvent, StreamId};
use eventstore::{LogPosition, StoreError};
use projections::settlement::{self, Settlement};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::customers::MinPositionParams;
use super::{MinPosition, Page, caught_up, cursor, limit, logged};
use crate::App;
use crate::auth::Principal;
use crate::extract::{Query, path_id};
use crate::gateway::exact::stream;
use crate::problem::Problem;

/// Which exact payments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExactPaymentParams {
    /// Only those in this status, for example `failed`.
    pub status: Option<String>,
    /// Only those of this address.
    pub payer: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// One transfer that its payer signed, for one request (x402's scheme `exact`).
#[derive(Debug, Serialize, ToSchema)]
pub struct ExactPaymentOut {
    /// Always `exact_payment`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: ExactPaymentId,
    /// `accepted` while its request is under way, `released` when that came to nothing, `settling`, `settled` (in a
    /// block), `final` (for good), or `failed`.
    pub status: &'static str,
    /// Why it failed; `null` when it has not.
    pub failure: Option<String>,
    /// For a request of this route; `null` when it came through the facilitator.
    #[schema(value_type = Option<String>)]
    pub route_id: Option<RouteId>,
    /// Where it happens.
    pub chain: TokenOut,
    /// Who pays.
    pub payer: String,
    /// Who is paid.
    pub payee: String,
    /// How much.
    pub amount: String,
    /// In this currency.
    pub currency: String,
    /// Unix seconds; the transfer is good after
    pub valid_after: u64,
    /// and before.
    pub valid_before: u64,
    /// Good for once.
    pub nonce: String,
    /// SHA-256 of the request that it pays for.
    pub request_digest: String,
    /// The transaction that made the transfer; `null` until it is in a block.
    pub transaction: Option<TransferOut>,
    /// When it was accepted, for the last time.
    pub accepted_at: DateTime<Utc>,
    /// When it was settled.
    pub settled_at: Option<DateTime<Utc>>,
    /// When that was final.
    pub finalized_at: Option<DateTime<Utc>>,
    /// When the answer went out; `null` until then.
    pub delivered_at: Option<DateTime<Utc>>,
    /// The place in the log of the last event that is shown here.
    pub position: String,
}

/// A token on a chain.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenOut {
    /// EIP-155 id of the chain.
    pub id: u64,
    /// The token.
    pub token: String,
}

/// Where a transfer stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferOut {
    /// The transaction's hash.
    pub hash: String,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: String,
}

impl ExactPaymentOut {
    /// From the payment's events, from the first on; `None` when there are none.
    pub fn read(events: &[RecordedEvent]) -> Result<Option<Self>, Problem> {
        let mut state = ExactPayment::default();
        let (mut settled_at, mut finalized_at) = (None, None);
        for stored in events {
            let event = ExactPaymentEvent::decode(&stored.event_type, stored.schema, &stored.payload)
                .map_err(StoreError::from)?;
            state.apply_event(&event, stored.occurred_at);
            match event {
                ExactPaymentEvent::Settled(_) => settled_at = Some(stored.occurred_at),
                ExactPaymentEvent::Finalized(_) => finalized_at = Some(stored.occurred_at),
                ExactPaymentEvent::Failed(_) => settled_at = None,
                _ => {}
            }
        }
        let (Some((accepted, accepted_at)), Some(last)) = (state.accepted, events.last()) else { return Ok(None) };
        Ok(Some(Self {
            object: "exact_payment",
            id: accepted.exact_payment_id,
            status: state.status.name(),
            failure: state.failure,
            route_id: accepted.route_id,
            chain: TokenOut { id: accepted.chain_id, token: accepted.token.to_string() },
            payer: accepted.from.to_string(),
            payee: accepted.to.to_string(),
            amount: accepted.amount.to_string(),
            currency: accepted.currency.to_string(),
            valid_after: accepted.valid_after,
            valid_before: accepted.valid_before,
            nonce: accepted.nonce.to_string(),
            request_digest: accepted.request_digest.to_string(),
            transaction: state.settled.map(|place| TransferOut {
                hash: place.tx_hash.to_string(),
                block_number: place.block_number,
                block_hash: place.block_hash.to_string(),
            }),
            accepted_at,
            settled_at,
            finalized_at,
            delivered_at: state.delivered_at,
            position: LogPosition { partition: last.partition, position: last.position }.to_string(),
        }))
    }
}

/// The answer for an exact payment that is not there, or not yours.
pub fn exact_payment_not_found() -> Problem {
    Problem::not_found("exact_payment_not_found", "there is no such exact payment")
}

/// The id of an exact payment in the path.
pub struct ExactPaymentPath(pub ExactPaymentId);

impl<S: Send + Sync> FromRequestParts<S> for ExactPaymentPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "exact_payment_not_found").await.map(Self)
    }
}

fn status(text: Option<&str>) -> Result<Option<&'static str>, Problem> {
    let unknown = || {
        let names = Status::ALL.map(Status::name).join(", ");
        Problem::bad_request("invalid_request", "status", format!("status must be one of {names}"))
    };
    let known = |text: &str| Status::ALL.into_iter().map(Status::name).find(|name| *name == text);
    text.map(|text| known(text).ok_or_else(unknown)).transpose()
}

fn payer(text: Option<&str>) -> Result<Option<String>, Problem> {
    let invalid = |error: InvalidHex| Problem::bad_request("invalid_address", "payer", format!("payer {error}"));
    text.map(|text| text.parse::<Address>().map(|address| address.to_string()).map_err(invalid)).transpose()
}

/// Exact payments, newest first.
#[utoipa::path(get, path = "/v1/exact_payments", tag = "Exact payments", params(ExactPaymentParams),
    responses((status = 200, body = Page<ExactPaymentOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_exact_payments(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<ExactPaymentParams>,
) -> Result<Json<Page<ExactPaymentOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<ExactPaymentId> = cursor(params.cursor.as_deref())?;
    let (status, payer) = (status(params.status.as_deref())?, payer(params.payer.as_deref())?);
    caught_up(&app, &principal, &Settlement, params.min_position).await?;
    let (organization, before) = (principal.organization_id, before.map(ExactPaymentId::uuid));
    let rows = settlement::exact_payments(&app.pool, organization, status, payer.as_deref(), before, limit + 1).await?;
    let ids = rows.into_iter().map(|row| ExactPaymentId::new(row.exact_payment_id)).collect();
    let page = Page::new(ids, limit, ExactPaymentId::to_string);
    let mut told = read(&app, &page.data).await?;
    let data = page.data.iter().filter_map(|id| told.remove(&stream(*id))).collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// What the log says of these payments.
async fn read(app: &App, ids: &[ExactPaymentId]) -> Result<HashMap<StreamId, ExactPaymentOut>, Problem> {
    let streams: Vec<_> = ids.iter().map(|id| (stream(*id), 0)).collect();
    let events = app.ledger.log().tails(&streams).await?;
    let mut told = HashMap::with_capacity(ids.len());
    for events in events.chunk_by(|a, b| a.stream_id == b.stream_id) {
        if let (Some(first), Some(out)) = (events.first(), ExactPaymentOut::read(events)?) {
            told.insert(first.stream_id.clone(), out);
        }
    }
    Ok(told)
}

/// The events of an exact payment of this organization, from the first on; none when it is not there, or not yours.
pub(super) async fn events(
    app: &App,
    principal: &Principal,
    id: ExactPaymentId,
) -> Result<Vec<RecordedEvent>, Problem> {
    let mut events = app.ledger.log().tails(&[(stream(id), 0)]).await?;
    events.retain(|event| event.organization_id == principal.organization_id);
    Ok(events)
}

/// An exact payment, as the log has it now.
#[utoipa::path(get, path = "/v1/exact_payments/{id}", tag = "Exact payments", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = ExactPaymentOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_exact_payment(
    State(app): State<App>,
    principal: Principal,
    ExactPaymentPath(id): ExactPaymentPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<ExactPaymentOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let events = events(&app, &principal, id).await?;
    ExactPaymentOut::read(&events)?.map(Json).ok_or_else(exact_payment_not_found)
}
