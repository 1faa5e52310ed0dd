//! What writes. A handler takes the request apart, gives the command to the ledger, and answers
//! with what the event says, so that a repeated request gets the very same answer.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::ids::CustomerId;
use domain::{Aggregate, StreamId};
use eventstore::entity::{Entity, Loaded};
use eventstore::{CommandMeta, ExecuteError, Executed, Recorded, clock};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::App;
use crate::auth::Principal;
use crate::problem::Problem;

pub mod api_keys;
pub mod charges;
pub mod connectors;
pub mod credit_notes;
pub mod credits;
pub mod customer_billing;
pub mod customers;
pub mod gateway_keys;
pub mod holds;
pub mod invoices;
pub mod meters;
pub mod models;
pub mod organization;
pub mod organization_billing;
pub mod payments;
pub mod payouts;
pub mod plans;
pub mod prices;
pub mod quotas;
pub mod reconciliation;
pub mod routes;
pub mod session_keys;
pub mod settlements;
pub mod subscriptions;
pub mod tax_rates;
pub mod test_clocks;
pub mod vouchers;
pub mod webhooks;

/// The envelope of a command that came over HTTP.
///
/// Its id derives from the organization, the credential and the idempotency key; without a key it
/// is made at random, and the request cannot be repeated safely. The digest covers the route, the
/// ids in its path and the body's meaning (not its white space).
pub fn meta(
    principal: &Principal,
    key: Option<&str>,
    route: &str,
    path: &str,
    body: &impl Serialize,
) -> Result<CommandMeta, Problem> {
    let command_id = key.map_or_else(Uuid::now_v7, |key| {
        let (organization, credential) = (principal.organization_id.uuid(), principal.api_key_id.uuid());
        domain::ids::derive(&[b"request", organization.as_bytes(), credential.as_bytes(), key.as_bytes()])
    });
    let body = serde_json::to_vec(body).map_err(|e| Problem::internal().caused_by(e))?;
    let mut digest = Sha256::new();
    for part in [route.as_bytes(), path.as_bytes(), &body] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    Ok(CommandMeta {
        command_id,
        organization_id: principal.organization_id,
        partition: principal.partition,
        actor: principal.actor(),
        request_digest: digest.finalize().into(),
        causation_id: command_id,
        correlation_id: command_id,
        now: clock::now(),
    })
}

/// The same envelope at the customer's own time, when that is a test clock's.
pub fn in_time_of(app: &App, customer_id: CustomerId, meta: CommandMeta) -> CommandMeta {
    match app.clocks.shown_to(customer_id) {
        Some(now) => CommandMeta { now, ..meta },
        None => meta,
    }
}

/// Gives a command to the ledger; a denial becomes a problem.
pub async fn execute<A: Aggregate>(
    app: &App,
    stream: StreamId,
    meta: CommandMeta,
    command: A::Command,
) -> Result<Executed<A>, Problem>
where
    Problem: From<A::Error>,
{
    app.ledger
        .execute::<A>(stream, meta, command)
        .await
        .map_err(<Problem as From<ExecuteError>>::from)?
        .map_err(Problem::from)
}

/// The event that an earlier request with the same idempotency key wrote, if there was one; 422 when that was
/// another request. Whoever asks the clock, the settings or the chain before the ledger looks here first: what
/// was accepted stays accepted.
pub async fn earlier<A: Aggregate>(
    app: &App,
    meta: &CommandMeta,
    key: Option<&str>,
) -> Result<Option<Recorded<A::Event>>, Problem> {
    if key.is_none() {
        return Ok(None);
    }
    let found = app.ledger.log().find(&[meta.command_id]).await?;
    let Some(stored) = found.first() else { return Ok(None) };
    let same = stored.request_digest == meta.request_digest
        && stored.organization_id == meta.organization_id
        && stored.stream_id.category() == A::CATEGORY;
    if same { Ok(Some(Recorded::read(stored)?)) } else { Err(ExecuteError::KeyReused.into()) }
}

/// An aggregate as it was right after an event of its stream: an answer that is made of it is the same at each
/// repetition. Of streams that stay short.
pub async fn as_of<A: Aggregate>(app: &App, stream: &StreamId, event_id: Uuid) -> Result<A, Problem> {
    let mut loaded = Loaded::<A>::default();
    for event in app.ledger.log().tails(&[(stream.clone(), 0)]).await? {
        loaded.apply(&event)?;
        if event.event_id == event_id {
            break;
        }
    }
    Ok(loaded.state)
}

/// An answer, marked when it is a repeated one.
pub fn answer(status: StatusCode, body: impl Serialize, replayed: bool) -> Response {
    let mut response = (status, Json(body)).into_response();
    if replayed {
        response.headers_mut().insert("idempotent-replayed", axum::http::HeaderValue::from_static("true"));
    }
    response
}
