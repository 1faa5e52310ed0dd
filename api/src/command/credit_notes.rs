//! Credit notes: parts of invoices that are taken back.
//!
//! A credit note has the 128 bits of the command that issued it, so it is found in the log by its id alone.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::{CreditNoteId, CustomerId, InvoiceId};
use domain::invoice::{Action, CreditNote, Invoice, InvoiceEvent, Issued};
use domain::{Aggregate, EventPayload, RecordedEvent};
use eventstore::{Executed, StoreError};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::invoices::follow::number;
use super::invoices::out::InvoiceTaxOut;
use super::invoices::{InvoicePath, invoice_stream, place, run};
use super::{answer, as_of, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, path_id};
use crate::money;
use crate::problem::Problem;

/// The longest reason.
const REASON_CHARS_MAX: usize = 200;

/// A part of an invoice to take back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCreditNote {
    /// What of which line, at least one; all that is left of the invoice when left out.
    #[serde(default, deserialize_with = "at_least_one")]
    pub lines: Vec<CreditLineIn>,
    /// Why; 1 to 200 characters. It stands on the credit note.
    pub reason: String,
    /// What becomes of what was paid already: with `true` it is refunded to how it was paid, else it becomes credits of
    /// the customer; `false` when left out. What is still due is only lowered.
    #[serde(default)]
    pub refund: bool,
}

/// An empty list is a mistake rather than the wish to take all of it back.
fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CreditLineIn>, D::Error> {
    let lines = Vec::deserialize(deserializer)?;
    match lines.is_empty() {
        true => Err(D::Error::custom("lines: at least one; leave it out for all that is left")),
        false => Ok(lines),
    }
}

/// A part of a line to take back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditLineIn {
    /// The line's place in the invoice, from 0.
    pub index: u32,
    /// How much of it, as the line has it: with tax in it where the line's amount has. Of a line below zero how much of
    /// what it gave back.
    pub amount: String,
}

/// A credit note.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditNoteOut {
    /// Always `credit_note`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: CreditNoteId,
    /// The invoice.
    #[schema(value_type = String)]
    pub invoice_id: InvoiceId,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// Its number, without a gap in its series; `null` until it has it.
    pub number: Option<String>,
    /// The invoice's.
    pub currency: String,
    /// When it was issued.
    pub date: DateTime<Utc>,
    /// Why.
    pub reason: String,
    /// What it takes back.
    pub lines: Vec<CreditLineOut>,
    /// The taxes that go with it.
    pub taxes: Vec<InvoiceTaxOut>,
    /// All of it, with tax.
    pub total: String,
    /// What of it lowered what was due.
    pub off_due: String,
    /// What became credits.
    pub to_credits: String,
    /// What is refunded.
    pub to_refund: String,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

/// What a credit note takes back of a line.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditLineOut {
    /// The line's place in the invoice, from 0.
    pub index: u32,
    /// What the line was for.
    pub description: String,
    /// How much of it.
    pub amount: String,
}

impl CreditNoteOut {
    /// From the domain's credit note of an invoice.
    pub fn new(invoice: &Invoice, issued: &Issued, position: Option<String>) -> Self {
        let note = &issued.note;
        let description = |index: u32| {
            let line = usize::try_from(index).ok().and_then(|index| invoice.lines().get(index));
            line.map_or_else(String::new, |line| line.description.clone())
        };
        let line = |(index, amount): &(u32, domain::money::Amount)| CreditLineOut {
            index: *index,
            description: description(*index),
            amount: amount.to_string(),
        };
        Self {
            object: "credit_note",
            id: note.credit_note_id,
            invoice_id: note.invoice_id,
            customer_id: note.customer_id,
            number: issued.number.clone(),
            currency: note.currency.to_string(),
            date: note.at,
            reason: note.reason.clone(),
            lines: note.lines.iter().map(line).collect(),
            taxes: InvoiceTaxOut::all(&note.taxes),
            total: note.total.to_string(),
            off_due: note.off_due.to_string(),
            to_credits: note.to_credits.to_string(),
            to_refund: note.to_refund.to_string(),
            position,
        }
    }
}

/// The answer for a credit note that is not there, or not yours.
pub fn credit_note_not_found() -> Problem {
    Problem::not_found("credit_note_not_found", "there is no such credit note")
}

/// The id of a credit note in the path.
pub struct CreditNotePath(pub CreditNoteId);

impl<S: Send + Sync> FromRequestParts<S> for CreditNotePath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "credit_note_not_found").await.map(Self)
    }
}

/// The invoice that a credit note of this organization is of.
pub async fn find(app: &App, principal: &Principal, id: CreditNoteId) -> Result<Invoice, Problem> {
    let found = app.ledger.log().find(&[id.uuid()]).await?;
    let is_own = |event: &&RecordedEvent| {
        event.organization_id == principal.organization_id && event.stream_id.category() == Invoice::CATEGORY
    };
    let event = found.first().filter(is_own).ok_or_else(credit_note_not_found)?;
    let invoice = app.ledger.load::<Invoice>(&event.stream_id).await?.state;
    if invoice.credit_note(id).is_some() { Ok(invoice) } else { Err(credit_note_not_found()) }
}

/// Take back an invoice that was finalized, all of it or a part.
#[utoipa::path(post, path = "/v1/invoices/{id}/credit_notes", tag = "Invoices", request_body = NewCreditNote,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = CreditNoteOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_credit_note(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewCreditNote>,
) -> Result<Response, Problem> {
    money::text("reason", &body.reason, REASON_CHARS_MAX)?;
    let meta = meta(&principal, key.as_deref(), "POST /v1/invoices/{id}/credit_notes", &id.to_string(), &body)?;
    let mut lines = Vec::with_capacity(body.lines.len());
    for (place, line) in body.lines.iter().enumerate() {
        lines.push((line.index, money::positive_amount(&format!("lines[{place}].amount"), &line.amount)?));
    }
    let credit_note_id = CreditNoteId::new(meta.command_id);
    let note = CreditNote { credit_note_id, reason: body.reason, lines, refund: body.refund };
    let executed = run(&app, &principal, id, meta, Action::IssueCreditNote(Box::new(note))).await?;
    let Executed::Done { replayed, .. } = executed else { return Err(Problem::internal()) };
    let issued = issued(&app, id, credit_note_id).await?;
    let numbered = number(&app, &issued).await?;
    let (stream, event_id, position) = place(numbered.as_ref().unwrap_or(&issued));
    let invoice = as_of::<Invoice>(&app, stream, event_id).await?;
    let note = invoice.credit_note(credit_note_id).ok_or_else(Problem::internal)?;
    let out = CreditNoteOut::new(&invoice, note, Some(position.to_string()));
    Ok(answer(StatusCode::CREATED, out, replayed))
}

/// The event that says that it was issued: it may not be the last one of its command.
async fn issued(app: &App, id: InvoiceId, credit_note_id: CreditNoteId) -> Result<RecordedEvent, Problem> {
    for stored in app.ledger.log().tails(&[(invoice_stream(id), 0)]).await? {
        let event = InvoiceEvent::decode(&stored.event_type, stored.schema, &stored.payload);
        if let InvoiceEvent::CreditNoteIssued(issued) = event.map_err(StoreError::from)?
            && issued.credit_note_id == credit_note_id
        {
            return Ok(stored);
        }
    }
    Err(Problem::internal())
}
