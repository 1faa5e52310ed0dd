//! Invoices that somebody writes, and what becomes of any invoice: lines, finalized, discarded, void, given up, collected.
//!
//! [`request`] reads what is asked for, [`out`] is an invoice as it is shown, [`denied`] what the ledger refuses;
//! [`create`] makes a draft, [`pay`] records what came by hand. What follows by itself from an event is the billing
//! process's; where the caller waits for it, [`follow`] does it at once with the same ids.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::ids::InvoiceId;
use domain::invoice::{Action, Drafted, Invoice, InvoiceCommand};
use domain::{Aggregate, RecordedEvent, StreamId};
use eventstore::{CommandMeta, Executed, LogPosition};
use uuid::Uuid;

use super::settlements::Nothing;
use super::{answer, as_of, execute, in_time_of, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, OptionalJson, path_id};
use crate::problem::Problem;

pub mod create;
pub mod denied;
pub mod follow;
pub mod out;
pub mod pay;
pub mod request;

pub use out::InvoiceOut;
pub use request::{AddInvoiceLines, NewInvoice};

/// The answer for an invoice that is not there, or not yours.
pub fn invoice_not_found() -> Problem {
    Problem::not_found("invoice_not_found", "there is no such invoice")
}

/// The id of an invoice in the path.
pub struct InvoicePath(pub InvoiceId);

impl<S: Send + Sync> FromRequestParts<S> for InvoicePath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "invoice_not_found").await.map(Self)
    }
}

/// An invoice and the place of one of its lines, in the path.
pub struct InvoiceLinePath(pub InvoiceId, pub u32);

impl<S: Send + Sync> FromRequestParts<S> for InvoiceLinePath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, line)) = path.map_err(|_| invoice_not_found())?;
        let id = id.parse().map_err(|_| invoice_not_found())?;
        let no_line = |_| Problem::not_found("line_not_found", "the invoice has no such line");
        Ok(Self(id, line.parse().map_err(no_line)?))
    }
}

/// The stream of an invoice.
pub fn invoice_stream(id: InvoiceId) -> StreamId {
    StreamId::new(Invoice::CATEGORY, id)
}

/// An invoice of this organization, from the log, with what it was drafted as.
pub async fn load(app: &App, principal: &Principal, id: InvoiceId) -> Result<Invoice, Problem> {
    let invoice = app.ledger.load::<Invoice>(&invoice_stream(id)).await?.state;
    drafted(&invoice, principal)?;
    Ok(invoice)
}

/// What an invoice was drafted as, if it is this organization's.
pub fn drafted<'a>(invoice: &'a Invoice, principal: &Principal) -> Result<&'a Drafted, Problem> {
    let drafted = invoice.drafted.as_deref();
    drafted.filter(|drafted| drafted.organization_id == principal.organization_id).ok_or_else(invoice_not_found)
}

/// Gives a command to an invoice, at its customer's time.
pub async fn run(
    app: &App,
    principal: &Principal,
    id: InvoiceId,
    meta: CommandMeta,
    action: Action,
) -> Result<Executed<Invoice>, Problem> {
    let customer_id = drafted(&load(app, principal, id).await?, principal)?.customer_id;
    let command = InvoiceCommand { organization_id: principal.organization_id, action };
    execute::<Invoice>(app, invoice_stream(id), in_time_of(app, customer_id, meta), command).await
}

/// The invoice as it was right after an event of it: the same at each repetition.
pub async fn respond(
    app: &App,
    status: StatusCode,
    (stream, event_id, position): (&StreamId, Uuid, LogPosition),
    replayed: bool,
) -> Result<Response, Problem> {
    let invoice = as_of::<Invoice>(app, stream, event_id).await?;
    let out = InvoiceOut::new(&invoice, Some(position.to_string())).ok_or_else(Problem::internal)?;
    Ok(answer(status, out, replayed))
}

/// Where an event of the log is: what [`respond`] needs of it.
pub const fn place(event: &RecordedEvent) -> (&StreamId, Uuid, LogPosition) {
    let position = LogPosition { partition: event.partition, position: event.position };
    (&event.stream_id, event.event_id, position)
}

/// The answer to a command that has one event of the invoice.
async fn respond_to(app: &App, executed: Executed<Invoice>) -> Result<Response, Problem> {
    match executed {
        Executed::Done { event, replayed } => {
            respond(app, StatusCode::OK, (&event.stream_id, event.event_id, event.position), replayed).await
        }
        Executed::Unchanged { state, position } => {
            let out = InvoiceOut::new(&state, Some(position.to_string())).ok_or_else(Problem::internal)?;
            Ok(answer(StatusCode::OK, out, false))
        }
    }
}

/// What needs nothing but the invoice itself.
async fn act(
    app: &App,
    principal: &Principal,
    id: InvoiceId,
    key: Option<&str>,
    route: &str,
    action: Action,
) -> Result<Response, Problem> {
    let meta = meta(principal, key, route, &id.to_string(), &())?;
    respond_to(app, run(app, principal, id, meta, action).await?).await
}

/// Add lines to a draft.
#[utoipa::path(post, path = "/v1/invoices/{id}/lines", tag = "Invoices", request_body = AddInvoiceLines,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 200, body = InvoiceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn add_invoice_lines(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<AddInvoiceLines>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/invoices/{id}/lines", &id.to_string(), &body)?;
    if body.lines.is_empty() {
        return Err(Problem::bad_request("invalid_request", "lines", "there is no line in it"));
    }
    let currency = drafted(&load(&app, &principal, id).await?, &principal)?.currency;
    let lines = request::read(&body.lines, currency)?;
    let organization = app.directory.organization(principal.organization_id).await?;
    let taxes = organization.tax_rates.values().cloned().collect();
    respond_to(&app, run(&app, &principal, id, meta, Action::AddLines { lines, taxes }).await?).await
}

/// Take a line from a draft. The places of the lines after it are one less then. Lines with usage behind them stay.
#[utoipa::path(delete, path = "/v1/invoices/{id}/lines/{index}", tag = "Invoices",
    params(("id" = String, Path), ("index" = u32, Path, description = "the line's place, from 0"),
        ("Idempotency-Key" = Option<String>, Header, description = "without it a repeated request takes another line")),
    responses((status = 200, body = InvoiceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn remove_invoice_line(
    State(app): State<App>,
    principal: Principal,
    InvoiceLinePath(id, index): InvoiceLinePath,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Response, Problem> {
    let path = format!("{id}/{index}");
    let meta = meta(&principal, key.as_deref(), "DELETE /v1/invoices/{id}/lines/{index}", &path, &())?;
    respond_to(&app, run(&app, &principal, id, meta, Action::RemoveLine { index }).await?).await
}

/// Finalize a draft: nothing of it changes any more, and it gets the next number of its series.
#[utoipa::path(post, path = "/v1/invoices/{id}/finalize", tag = "Invoices",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = InvoiceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn finalize_invoice(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/invoices/{id}/finalize", &id.to_string(), &())?;
    let (sealed, replayed) = match run(&app, &principal, id, meta, Action::Seal).await? {
        Executed::Done { event, replayed } => (follow::stored(&app, event.event_id).await?, replayed),
        // It waits for its number still.
        Executed::Unchanged { .. } => (follow::sealed(&app, &invoice_stream(id)).await?, false),
    };
    let numbered = follow::number(&app, &sealed).await?;
    respond(&app, StatusCode::OK, place(numbered.as_ref().unwrap_or(&sealed)), replayed).await
}

/// Throw a draft away. Not one with usage behind it: no other invoice would have that.
#[utoipa::path(post, path = "/v1/invoices/{id}/discard", tag = "Invoices",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = InvoiceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn discard_invoice(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    act(&app, &principal, id, key.as_deref(), "POST /v1/invoices/{id}/discard", Action::Discard).await
}

/// Void an invoice that was never meant to be. Not once something was paid or credited: then issue a credit note.
#[utoipa::path(post, path = "/v1/invoices/{id}/void", tag = "Invoices",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = InvoiceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn void_invoice(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    act(&app, &principal, id, key.as_deref(), "POST /v1/invoices/{id}/void", Action::Void).await
}

/// Give up an invoice as lost. A payment that comes all the same is taken.
#[utoipa::path(post, path = "/v1/invoices/{id}/mark_uncollectible", tag = "Invoices",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = InvoiceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn mark_invoice_uncollectible(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let route = "POST /v1/invoices/{id}/mark_uncollectible";
    act(&app, &principal, id, key.as_deref(), route, Action::MarkUncollectible).await
}

/// Try to be paid now: the customer's payment method is charged with what is due.
#[utoipa::path(post, path = "/v1/invoices/{id}/collect", tag = "Invoices",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = InvoiceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn collect_invoice(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    act(&app, &principal, id, key.as_deref(), "POST /v1/invoices/{id}/collect", Action::Collect).await
}
