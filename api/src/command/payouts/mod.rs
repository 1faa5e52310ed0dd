//! Payout files: what a provider says that it has paid out, compared with the ledger line by line.
//!
//! A file's id follows from its connector and its content, and the ids of what its lines cause from that: a file that is
//! sent again, or went wrong halfway, is taken in once. [`matching`] compares the lines, [`out`] shows a file.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use data_encoding::HEXLOWER;
use domain::ids::{self, ConnectorId, PayoutId};
use domain::payout::{Action, Imported, PAYOUT_LINES_MAX, Payout, PayoutCommand, PayoutError, PayoutEvent};
use domain::{Aggregate, StreamId};
use eventstore::{CommandMeta, Executed, LogPosition, Recorded, clock};
use payments::payout::{FILE_BYTES_MAX, PayoutFile, PayoutFileError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::connectors::{self, connector_not_found};
use super::{answer, as_of, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, Query, path_id};
use crate::money;
use crate::problem::Problem;

pub mod matching;
pub mod out;

pub use out::PayoutOut;

/// The largest file.
pub const BODY_BYTES_MAX: usize = FILE_BYTES_MAX;
/// The longest explanation.
const EXPLANATION_CHARS_MAX: usize = 500;

impl From<PayoutError> for Problem {
    fn from(error: PayoutError) -> Self {
        let detail = error.to_string();
        match error {
            PayoutError::NotFound => payout_not_found(),
            PayoutError::AlreadyImported => Self::conflict("already_exists", detail),
            PayoutError::NotOpen => Self::conflict("payout_line_not_open", detail),
        }
    }
}

/// What is wrong with a file, and where.
fn unreadable(error: &PayoutFileError) -> Problem {
    let detail = error.to_string();
    match error {
        PayoutFileError::TooLarge => Problem::new(413, "body_too_large", detail),
        PayoutFileError::TooManyLines => {
            Problem::unprocessable("too_many_lines", detail).with("limit", json!(PAYOUT_LINES_MAX))
        }
        PayoutFileError::NoColumn { column } | PayoutFileError::TwoColumns { column } => {
            Problem::bad_request("invalid_payout_file", column, detail)
        }
        PayoutFileError::Cell { line, column, .. } => {
            Problem::bad_request("invalid_payout_file", column, detail).with("line", json!(line))
        }
        PayoutFileError::OtherLength { line, .. } => {
            Problem::new(400, "invalid_payout_file", detail).with("line", json!(line))
        }
        PayoutFileError::Empty | PayoutFileError::UnknownForm | PayoutFileError::Unreadable(_) => {
            Problem::new(400, "invalid_payout_file", detail)
        }
    }
}

/// The answer for a payout file that is not there, or not yours.
pub fn payout_not_found() -> Problem {
    Problem::not_found("payout_not_found", "there is no such payout file")
}

/// The id of a payout file in the path.
pub struct PayoutPath(pub PayoutId);

impl<S: Send + Sync> FromRequestParts<S> for PayoutPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "payout_not_found").await.map(Self)
    }
}

/// A payout file and the place of one of its lines, in the path.
pub struct PayoutLinePath(pub PayoutId, pub u32);

impl<S: Send + Sync> FromRequestParts<S> for PayoutLinePath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, line)) = path.map_err(|_| payout_not_found())?;
        let id = id.parse().map_err(|_| payout_not_found())?;
        let no_line = |_| Problem::not_found("line_not_found", "the payout file has no such line");
        Ok(Self(id, line.parse().map_err(no_line)?))
    }
}

/// The stream of a payout file.
pub fn payout_stream(id: PayoutId) -> StreamId {
    StreamId::new(Payout::CATEGORY, id)
}

/// A payout file of this organization, from the log.
pub async fn load(app: &App, principal: &Principal, id: PayoutId) -> Result<Payout, Problem> {
    let payout = app.ledger.load::<Payout>(&payout_stream(id)).await?.state;
    if payout.organization_id == Some(principal.organization_id) { Ok(payout) } else { Err(payout_not_found()) }
}

/// Whose file it is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportParams {
    /// The connector of the provider that it is from.
    pub connector_id: String,
}

/// Compare a payout file with the ledger: Stripe's itemised payout reconciliation report, or the general form. Lines that
/// are what the ledger says are matched, the others are open items. The same file again is answered with 200.
#[utoipa::path(post, path = "/v1/payouts", tag = "Payments", params(ImportParams),
    request_body(content = String, content_type = "text/csv", description = "UTF-8, at most 5 MiB and 10,000 lines"),
    responses((status = 201, body = PayoutOut), (status = 200, body = PayoutOut, description = "it was taken in before"),
        (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn import_payout(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<ImportParams>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    require_csv(&headers)?;
    let body = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            unreadable(&PayoutFileError::TooLarge)
        } else {
            Problem::new(400, "invalid_request", "the body could not be read")
        }
    })?;
    let connector_id: ConnectorId = params.connector_id.parse().map_err(|_| connector_not_found())?;
    connectors::load(&app, &principal, connector_id).await?;
    let digest: [u8; 32] = Sha256::digest(&body).into();
    let (organization, connector) = (principal.organization_id.uuid(), connector_id.uuid());
    let id = PayoutId::new(ids::derive(&[b"payout", organization.as_bytes(), connector.as_bytes(), &digest]));
    if let Some(known) = known(&app, &principal, id).await? {
        return Ok(known);
    }
    let file = payments::payout::read(&body).map_err(|error| unreadable(&error))?;
    let PayoutFile { paid_out_at, lines } = file;
    let caused = |step: &[u8]| caused(&principal, id, digest, step);
    let states = matching::compare(&app, &principal, id, &lines, caused).await?;
    let imported = Imported {
        payout_id: id,
        organization_id: principal.organization_id,
        connector_id,
        paid_out_at,
        file_sha256: HEXLOWER.encode(&digest),
        lines: lines.into_iter().zip(states).collect(),
    };
    let action = Action::Import(Box::new(imported));
    let command = PayoutCommand { organization_id: principal.organization_id, action };
    let executed = app.ledger.execute::<Payout>(payout_stream(id), caused(b"import"), command).await;
    match executed.map_err(<Problem as From<eventstore::ExecuteError>>::from)? {
        Ok(Executed::Done { event, replayed }) => {
            respond(&app, if replayed { StatusCode::OK } else { StatusCode::CREATED }, &event, replayed).await
        }
        // The same file was sent twice at once.
        Ok(Executed::Unchanged { .. }) | Err(PayoutError::AlreadyImported) => {
            known(&app, &principal, id).await?.ok_or_else(Problem::internal)
        }
        Err(denied) => Err(denied.into()),
    }
}

fn require_csv(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.and_then(|value| value.split(';').next()).map(|value| value.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("text/csv") => Ok(()),
        _ => Err(Problem::new(415, "unsupported_media_type", "the body must be sent as text/csv")),
    }
}

/// The answer for a file that was taken in before: as it is now.
async fn known(app: &App, principal: &Principal, id: PayoutId) -> Result<Option<Response>, Problem> {
    let payout = app.ledger.load::<Payout>(&payout_stream(id)).await?.state;
    if payout.organization_id != Some(principal.organization_id) {
        return Ok(None);
    }
    let head = app.ledger.log().head(principal.partition).await?.position;
    let position = LogPosition { partition: principal.partition, position: head };
    let out = PayoutOut::new(&payout, Some(position.to_string())).ok_or_else(Problem::internal)?;
    Ok(Some(answer(StatusCode::OK, out, true)))
}

/// A command that a file causes: the same file, the same id.
fn caused(principal: &Principal, id: PayoutId, digest: [u8; 32], step: &[u8]) -> CommandMeta {
    let command_id = ids::derive(&[b"payout step", id.uuid().as_bytes(), step]);
    CommandMeta {
        command_id,
        organization_id: principal.organization_id,
        partition: principal.partition,
        actor: principal.actor(),
        request_digest: digest,
        causation_id: command_id,
        correlation_id: id.uuid(),
        now: clock::now(),
    }
}

/// Why an open item is none any more.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosePayoutLine {
    /// In words; 1 to 500 characters. Must not be personal data.
    pub explanation: String,
}

/// Explain an open item of a payout file.
#[utoipa::path(post, path = "/v1/payouts/{id}/lines/{index}/close", tag = "Payments", request_body = ClosePayoutLine,
    params(("id" = String, Path), ("index" = u32, Path, description = "the line's place, from 0"),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = PayoutOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn close_payout_line(
    State(app): State<App>,
    principal: Principal,
    PayoutLinePath(id, index): PayoutLinePath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<ClosePayoutLine>,
) -> Result<Response, Problem> {
    money::text("explanation", &body.explanation, EXPLANATION_CHARS_MAX)?;
    let route = "POST /v1/payouts/{id}/lines/{index}/close";
    let meta = meta(&principal, key.as_deref(), route, &format!("{id}/{index}"), &body)?;
    let action = Action::Close { index, explanation: body.explanation };
    let command = PayoutCommand { organization_id: principal.organization_id, action };
    match super::execute::<Payout>(&app, payout_stream(id), meta, command).await? {
        Executed::Done { event, replayed } => respond(&app, StatusCode::OK, &event, replayed).await,
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// The file as it was right after the event: the same at each repetition.
async fn respond(
    app: &App,
    status: StatusCode,
    event: &Recorded<PayoutEvent>,
    replayed: bool,
) -> Result<Response, Problem> {
    let payout = as_of::<Payout>(app, &event.stream_id, event.event_id).await?;
    let out = PayoutOut::new(&payout, Some(event.position.to_string())).ok_or_else(Problem::internal)?;
    Ok(answer(status, out, replayed))
}
