//! Ledger against chain: have them compared now, and take a difference off the list of open items.
//!
//! To accept a difference is two commands: the session key takes over what the chain has in escrow, then the item is
//! closed. The first one's id follows from the request, so that it is repeated safely when the second was not reached. By
//! then a comparison may have found that both agree, and closed the item: it is accepted all the same.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chain::ChainError;
use chrono::{DateTime, Utc};
use domain::ids::{self, DifferenceId, OrganizationId};
use domain::money::Amount;
use domain::reconciliation::{
    Action, NOTE_CHARS_MAX, Reconciliation, ReconciliationCommand, ReconciliationError, ReconciliationEvent,
    Resolution, Standing, Subject,
};
use domain::session_key::command::Action as KeyAction;
use domain::session_key::{SessionKey, SessionKeyCommand, SessionKeyError};
use domain::{Aggregate, StreamId};
use eventstore::{CommandMeta, Executed, LogPosition, Recorded};
use projections::reconciliation;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::settlements::Nothing;
use super::{answer, earlier, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::chains;
use crate::extract::{IdempotencyKey, Json, OptionalJson, path_id};
use crate::money;
use crate::problem::Problem;

impl From<ReconciliationError> for Problem {
    fn from(error: ReconciliationError) -> Self {
        let detail = error.to_string();
        match error {
            ReconciliationError::NotFound => difference_not_found(),
            ReconciliationError::NotOpen => Self::conflict("difference_not_open", detail),
            ReconciliationError::NotAcceptable => {
                Self::unprocessable("difference_not_acceptable", detail).with("param", json!("resolution"))
            }
            ReconciliationError::NoteOutOfRange => Self::bad_request("invalid_request", "note", detail),
        }
    }
}

/// The answer for a difference that is not there, or not yours.
pub fn difference_not_found() -> Problem {
    Problem::not_found("difference_not_found", "there is no such difference")
}

/// The id of a difference in the path.
pub struct DifferencePath(pub DifferenceId);

impl<S: Send + Sync> FromRequestParts<S> for DifferencePath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "difference_not_found").await.map(Self)
    }
}

fn stream(organization_id: OrganizationId) -> StreamId {
    StreamId::new(Reconciliation::CATEGORY, organization_id)
}

/// A comparison is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationRequestOut {
    /// Always `reconciliation_request`.
    pub object: &'static str,
    /// The place in the log.
    pub position: String,
}

/// Have ledger and chain compared now. It is accepted at once, and made within seconds when the chain answers, but not
/// more often than once a minute; when all of the organization's session keys were compared `requested_at` of the
/// reconciliation is `null` again. There is no body, or an empty object.
#[utoipa::path(post, path = "/v1/reconciliation", tag = "Reconciliation",
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 202, body = ReconciliationRequestOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn request_reconciliation(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/reconciliation", "", &())?;
    let told = |position: LogPosition, replayed| {
        let out = ReconciliationRequestOut { object: "reconciliation_request", position: position.to_string() };
        answer(StatusCode::ACCEPTED, out, replayed)
    };
    if let Some(event) = earlier::<Reconciliation>(&app, &meta, key.as_deref()).await? {
        return Ok(told(event.position, true));
    }
    chains::configured(&app)?;
    let organization_id = principal.organization_id;
    let action = Action::Request { by: principal.actor() };
    let command = ReconciliationCommand { organization_id, action };
    Ok(match execute::<Reconciliation>(&app, stream(organization_id), meta, command).await? {
        Executed::Done { event, replayed } => told(event.position, replayed),
        // Somebody waits for one already.
        Executed::Unchanged { position, .. } => told(position, false),
    })
}

/// How a person closes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseResolution {
    /// It is known why it is. It stays closed as long as its figures stay as they are.
    Explained,
    /// The chain is right: the ledger takes over what lies in escrow there. Only where the chain has less.
    Accepted,
}

/// Take a difference off the list of open items.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseDifference {
    /// Why, in words; 1 to 500 characters. Must not be personal data.
    pub note: String,
    /// How.
    pub resolution: CloseResolution,
}

/// A difference that was closed.
#[derive(Debug, Serialize, ToSchema)]
pub struct DifferenceClosedOut {
    /// Always `reconciliation_difference`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: DifferenceId,
    /// `explained` or `accepted`.
    pub status: String,
    /// Who closed it.
    pub closed_by: String,
    /// When.
    pub closed_at: DateTime<Utc>,
    /// Why.
    pub note: String,
    /// The place in the log.
    pub position: String,
}

/// Close an open difference: `explained` when it is known why it is, `accepted` to take over what the chain has in escrow
/// for a session key, when that is less.
#[utoipa::path(post, path = "/v1/reconciliation/differences/{id}/close", tag = "Reconciliation",
    request_body = CloseDifference,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 200, body = DifferenceClosedOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn close_difference(
    State(app): State<App>,
    principal: Principal,
    DifferencePath(id): DifferencePath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<CloseDifference>,
) -> Result<Response, Problem> {
    money::text("note", &body.note, NOTE_CHARS_MAX)?;
    let route = "POST /v1/reconciliation/differences/{id}/close";
    let meta = meta(&principal, key.as_deref(), route, &id.to_string(), &body)?;
    if let Some(event) = earlier::<Reconciliation>(&app, &meta, key.as_deref()).await? {
        return respond(&event, true);
    }
    let problem = match close(&app, &principal, id, meta.clone(), body.clone()).await {
        Ok(Executed::Done { event, replayed }) => return respond(&event, replayed),
        Ok(Executed::Unchanged { .. }) => return Err(Problem::internal()),
        Err(problem) => problem,
    };
    if problem.code == "difference_not_found"
        && let Some(out) = accepted(&app, id, &meta, &body).await?
    {
        return Ok(answer(StatusCode::OK, out, true));
    }
    Err(told_apart(&app, &principal, id, problem).await?)
}

async fn close(
    app: &App,
    principal: &Principal,
    id: DifferenceId,
    meta: CommandMeta,
    body: CloseDifference,
) -> Result<Executed<Reconciliation>, Problem> {
    let organization_id = principal.organization_id;
    let resolution = match body.resolution {
        CloseResolution::Explained => Resolution::Explained,
        CloseResolution::Accepted => {
            restate(app, principal, id, &meta, &body.note).await?;
            Resolution::Accepted
        }
    };
    let action = Action::Close { difference_id: id, by: principal.actor(), resolution, note: body.note };
    let command = ReconciliationCommand { organization_id, action };
    execute::<Reconciliation>(app, stream(organization_id), meta, command).await
}

/// What has gone away by itself is no item any more, but it was one.
async fn told_apart(app: &App, principal: &Principal, id: DifferenceId, problem: Problem) -> Result<Problem, Problem> {
    let is_missing = problem.code == "difference_not_found";
    if is_missing && reconciliation::difference(&app.pool, principal.organization_id, id).await?.is_some() {
        return Ok(ReconciliationError::NotOpen.into());
    }
    Ok(problem)
}

/// The id of the first of the two commands that accept a difference: it follows from the request, all of it. So the
/// same idempotency key with another request never takes it for done.
fn restating(meta: &CommandMeta) -> Uuid {
    ids::derive(&[b"restate", meta.command_id.as_bytes(), &meta.request_digest])
}

/// The answer for a difference that was accepted and went away before it was closed: its session key has taken over what
/// the chain has, so a comparison has found them equal. `None` when this request has restated nothing.
async fn accepted(
    app: &App,
    id: DifferenceId,
    meta: &CommandMeta,
    body: &CloseDifference,
) -> Result<Option<DifferenceClosedOut>, Problem> {
    let found = app.ledger.log().find(&[restating(meta)]).await?;
    Ok(found.first().map(|restated| DifferenceClosedOut {
        object: "reconciliation_difference",
        id,
        status: Resolution::Accepted.name().to_owned(),
        closed_by: restated.actor.clone(),
        closed_at: restated.occurred_at,
        note: body.note.clone(),
        position: LogPosition { partition: restated.partition, position: restated.position }.to_string(),
    }))
}

/// The session key takes over what the chain has in escrow. Only when both still say what the item says: what moved since
/// must be seen first.
async fn restate(
    app: &App,
    principal: &Principal,
    id: DifferenceId,
    meta: &CommandMeta,
    note: &str,
) -> Result<(), Problem> {
    let command_id = restating(meta);
    if !app.ledger.log().find(&[command_id]).await?.is_empty() {
        return Ok(());
    }
    let organization_id = principal.organization_id;
    let state = app.ledger.load::<Reconciliation>(&stream(organization_id)).await?.state;
    let difference = state.differences.get(&id).ok_or(ReconciliationError::NotFound)?;
    if difference.standing != Standing::Open {
        return Err(ReconciliationError::NotOpen.into());
    }
    let (Subject::SessionEscrow { session_key_id }, true) = (difference.found.subject, difference.is_acceptable())
    else {
        return Err(ReconciliationError::NotAcceptable.into());
    };
    let key_stream = StreamId::new(SessionKey::CATEGORY, session_key_id);
    let key = app.ledger.load::<SessionKey>(&key_stream).await?.state;
    let terms = match &key.grant {
        Some(grant) if grant.organization_id == organization_id => &grant.terms,
        _ => return Err(SessionKeyError::NotFound.into()),
    };
    let client = chains::of(app, terms)?;
    if !chains::is_followed(app, client).await? {
        let detail = "the chain is halted, or was set back and is not read anew yet: deposits may still come";
        return Err(Problem::conflict("chain_read_anew", detail));
    }
    let finalized = client.finalized().await.map_err(|error| chains::away(&error))?;
    let Some(finalized) = finalized else {
        return Err(chains::away(&ChainError::Unavailable("the chain has no final block yet".to_owned())));
    };
    let block_number = finalized.number;
    let asked = client.part_everywhere(terms.session_id, terms.payee, block_number).await;
    let (escrow, _) = asked.map_err(|error| chains::away(&error))?;
    let ledger = key.deposited.minus(key.withdrawn);
    let is_same = |said: &str, now: Amount| said.parse::<Amount>() == Ok(now);
    if !is_same(&difference.found.ledger, ledger) || !is_same(&difference.found.chain, escrow) {
        let detail = "ledger or chain has moved since: wait for the next comparison, and look again";
        return Err(Problem::conflict("difference_changed", detail)
            .with("ledger", json!(ledger))
            .with("chain", json!(escrow)));
    }
    let meta = CommandMeta { command_id, causation_id: meta.command_id, ..meta.clone() };
    let action = KeyAction::Restate { escrow, known: ledger, block_number, reason: note.to_owned() };
    execute::<SessionKey>(app, key_stream, meta, SessionKeyCommand { organization_id, action }).await?;
    Ok(())
}

fn respond(event: &Recorded<ReconciliationEvent>, replayed: bool) -> Result<Response, Problem> {
    let ReconciliationEvent::Closed(closed) = &event.event else { return Err(Problem::internal()) };
    let out = DifferenceClosedOut {
        object: "reconciliation_difference",
        id: closed.difference_id,
        status: closed.resolution.name().to_owned(),
        closed_by: closed.by.clone(),
        closed_at: event.occurred_at,
        note: closed.note.clone(),
        position: event.position.to_string(),
    };
    Ok(answer(StatusCode::OK, out, replayed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_restated_for_another_request_is_not_taken_for_this_one() {
        let meta = |command_id: u128, request_digest: u8| CommandMeta {
            command_id: Uuid::from_u128(command_id),
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            partition: 0,
            actor: "api_key:1".to_owned(),
            request_digest: [request_digest; 32],
            causation_id: Uuid::from_u128(command_id),
            correlation_id: Uuid::from_u128(command_id),
            now: DateTime::UNIX_EPOCH,
        };
        assert_eq!(restating(&meta(1, 1)), restating(&meta(1, 1)), "the same request, sent again");
        assert_ne!(restating(&meta(1, 1)), restating(&meta(1, 2)), "the same idempotency key with another request");
        assert_ne!(restating(&meta(1, 1)), restating(&meta(2, 1)));
    }
}
