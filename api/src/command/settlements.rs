//! Settlements: settle now, and try once more what is parked. Both only put a wish into the log; the
//! worker plans, signs and sends, now or when the chain is back.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::ids::{self, SettlementId};
use domain::money::Currency;
use domain::settlement::{Action, Cause, Lane, Opened, Settlement, SettlementCommand, SettlementError};
use domain::{Aggregate, StreamId};
use eventstore::Executed;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{answer, earlier, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, OptionalJson, path_id};
use crate::problem::Problem;
use crate::{chains, evm, money};

mod out;

pub use out::SettlementOut;

/// Settle now.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSettlement {
    /// Who is to be paid: the organization's payee when left out. Session keys that were drawn up for
    /// an earlier payee are settled by naming it.
    #[serde(default)]
    #[schema(example = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266")]
    pub payee: Option<String>,
    /// USDC, the one token there is.
    #[serde(default)]
    #[schema(example = "USDC")]
    pub currency: Option<String>,
}

impl From<SettlementError> for Problem {
    fn from(error: SettlementError) -> Self {
        let detail = error.to_string();
        match error {
            SettlementError::NotFound => settlement_not_found(),
            SettlementError::AlreadyOpen => Self::conflict("already_exists", detail),
            SettlementError::WrongStatus(status) => {
                Self::conflict("wrong_status", detail).with("settlement_status", json!(status.name()))
            }
            // Only the worker plans.
            SettlementError::ClaimsOutOfRange => Self::internal().caused_by(error),
        }
    }
}

/// The answer for a settlement that is not there, or not yours.
pub fn settlement_not_found() -> Problem {
    Problem::not_found("settlement_not_found", "there is no such settlement")
}

/// The stream of a settlement.
pub fn settlement_stream(id: SettlementId) -> StreamId {
    StreamId::new(Settlement::CATEGORY, id)
}

/// The id of a settlement in the path.
pub struct SettlementPath(pub SettlementId);

impl<S: Send + Sync> FromRequestParts<S> for SettlementPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "settlement_not_found").await.map(Self)
    }
}

/// Settle now: everything that was earned and not claimed goes to the payee. It is accepted at once, and
/// abandoned later, with a reason, when there is nothing to claim.
#[utoipa::path(post, path = "/v1/settlements", tag = "Settlements", request_body = Option<NewSettlement>,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 202, body = SettlementOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_settlement(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(body): OptionalJson<NewSettlement>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/settlements", "", &body)?;
    // The same command, the same settlement, however often it is sent.
    let id = SettlementId::new(ids::derive(&[b"settlement", meta.command_id.as_bytes()]));
    if let Some(event) = earlier::<Settlement>(&app, &meta, key.as_deref()).await? {
        return respond(&app, id, Executed::Done { event, replayed: true }).await;
    }
    let organization_id = principal.organization_id;
    let lane = lane(&app, &principal, &body).await?;
    let opened = Opened { settlement_id: id, organization_id, lane, cause: Cause::Requested };
    let command = SettlementCommand { organization_id, action: Action::Open(opened) };
    let executed = execute::<Settlement>(&app, settlement_stream(id), meta, command).await?;
    respond(&app, id, executed).await
}

/// Where the money goes: on the configured chain, to the payee that is named or set.
async fn lane(app: &App, principal: &Principal, body: &NewSettlement) -> Result<Lane, Problem> {
    let settings = chains::configured(app)?.settings();
    if money::currency(body.currency.as_deref())?.is_some_and(|currency| currency != Currency::USDC) {
        let detail = "session keys pay in USDC: there is nothing to settle in another currency";
        return Err(Problem::unprocessable("currency_mismatch", detail).with("param", json!("currency")));
    }
    let payee = match &body.payee {
        Some(text) => evm::address("payee", text)?,
        None => app.directory.organization(principal.organization_id).await?.payee.ok_or_else(|| {
            Problem::conflict("payee_not_set", "say where settlements are paid to: PUT /v1/organization/payee")
        })?,
    };
    Ok(Lane {
        chain_id: settings.network.chain_id,
        contract: settings.contract,
        token: settings.token,
        currency: Currency::USDC,
        payee,
    })
}

/// Nothing can be said.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Try once more what is parked: the same claims, a new transaction. 409 in any other status. There is no body,
/// or an empty object.
#[utoipa::path(post, path = "/v1/settlements/{id}/retry", tag = "Settlements",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 202, body = SettlementOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn retry_settlement(
    State(app): State<App>,
    principal: Principal,
    SettlementPath(id): SettlementPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/settlements/{id}/retry", &id.to_string(), &())?;
    let command = SettlementCommand { organization_id: principal.organization_id, action: Action::Retry };
    let executed = execute::<Settlement>(&app, settlement_stream(id), meta, command).await?;
    respond(&app, id, executed).await
}

/// The settlement as it was after the command's event: the same answer at each repetition.
async fn respond(app: &App, id: SettlementId, executed: Executed<Settlement>) -> Result<Response, Problem> {
    let Executed::Done { event, replayed } = executed else { return Err(Problem::internal()) };
    let mut events = app.ledger.log().tails(&[(settlement_stream(id), 0)]).await?;
    events.retain(|stored| stored.position <= event.position.position);
    let out = SettlementOut::read(&events, false)?.ok_or_else(Problem::internal)?;
    Ok(answer(StatusCode::ACCEPTED, out, replayed))
}
