//! A new invoice: drafted, then with what was used and is on no invoice yet, then finalized if that was asked for.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono_tz::Tz;
use domain::account::command::Action as AccountAction;
use domain::account::event::BillRef;
use domain::account::{Account, AccountCommand};
use domain::billing::invoice_series;
use domain::customer::Customer;
use domain::ids::{self, CustomerId, InvoiceId};
use domain::invoice::{Action, Draft, Invoice, InvoiceCommand, InvoiceEvent, Status};
use domain::{Aggregate, LedgerEvent, RecordedEvent, StreamId};
use eventstore::{CommandMeta, Executed, StoreError};
use uuid::Uuid;

use super::follow::{follow, number, stored};
use super::request::{self, NewInvoice};
use super::{InvoiceOut, invoice_stream, place, respond};
use crate::App;
use crate::auth::Principal;
use crate::command::customers::{account_stream, customer_not_found};
use crate::command::{earlier, execute, in_time_of, meta};
use crate::extract::{IdempotencyKey, Json};
use crate::problem::Problem;

/// Write an invoice that no subscription asks for.
#[utoipa::path(post, path = "/v1/invoices", tag = "Invoices", request_body = NewInvoice,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = InvoiceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_invoice(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewInvoice>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/invoices", "", &body)?;
    let (event_id, replayed) = match earlier::<Invoice>(&app, &meta, key.as_deref()).await? {
        Some(event) => (event.event_id, true),
        None => draft(&app, &principal, meta, &body).await?,
    };
    let drafted = stored(&app, event_id).await?;
    let LedgerEvent::Invoice(InvoiceEvent::Drafted(said)) = LedgerEvent::decode(&drafted).map_err(StoreError::from)?
    else {
        return Err(Problem::internal());
    };
    // Each step has an id that follows from the draft: a repeated request goes on where the first one stopped.
    let with_usage = match body.include_pending_usage {
        true => add_usage(&app, &drafted, said.customer_id, said.invoice_id).await?,
        false => None,
    };
    let sealed = match (body.auto_finalize, body.include_pending_usage) {
        (false, _) => None,
        (true, true) => seal(&app, &drafted, said.invoice_id).await?,
        (true, false) => follow(&app, &drafted, "seal").await?,
    };
    let numbered = match &sealed {
        Some(sealed) => number(&app, sealed).await?,
        None => None,
    };
    let last = numbered.as_ref().or(sealed.as_ref()).or(with_usage.as_ref()).unwrap_or(&drafted);
    respond(&app, StatusCode::CREATED, place(last), replayed).await
}

async fn draft(
    app: &App,
    principal: &Principal,
    meta: CommandMeta,
    body: &NewInvoice,
) -> Result<(Uuid, bool), Problem> {
    body.check()?;
    let customer_id: CustomerId = body.customer_id.parse().map_err(|_| customer_not_found())?;
    let customer = app.ledger.load::<Customer>(&StreamId::new(Customer::CATEGORY, customer_id)).await?.state;
    let created = customer.created.filter(|created| created.organization_id == principal.organization_id);
    let created = created.ok_or_else(customer_not_found)?;
    let currency = created.currency;
    let billing = customer.billing;
    let (collection, due_days) = body.collection(billing.collection)?;
    let lines = request::read(&body.lines, currency)?;
    let organization = app.directory.organization(principal.organization_id).await?;
    let meta = in_time_of(app, customer_id, meta);
    let invoice_id = InvoiceId::new(Uuid::now_v7());
    let draft = Draft {
        invoice_id,
        customer_id,
        subscription: None,
        currency,
        at: meta.now,
        time_zone: billing.time_zone.unwrap_or(Tz::UTC),
        period: None,
        // What was used comes after it, and is sealed with it; one without lines has nothing to finalize.
        auto_finalize: body.auto_finalize && !body.include_pending_usage && !lines.is_empty(),
        collection,
        due_days,
        retry_days: body.retry_days.clone(),
        series: invoice_series(principal.organization_id, created.test_clock_id),
        tax_rates: organization.tax_rates.values().cloned().collect(),
        seller_tax: organization.billing.tax.clone(),
        buyer_tax: billing.tax,
        lines,
        note: body.note.clone(),
    };
    let command = InvoiceCommand { organization_id: principal.organization_id, action: Action::Draft(Box::new(draft)) };
    match execute::<Invoice>(app, invoice_stream(invoice_id), meta, command).await? {
        Executed::Done { event, replayed } => Ok((event.event_id, replayed)),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// A command that belongs to a draft: it happens once.
fn step(drafted: &RecordedEvent, name: &[u8]) -> CommandMeta {
    CommandMeta {
        command_id: ids::derive(&[name, drafted.event_id.as_bytes()]),
        organization_id: drafted.organization_id,
        partition: drafted.partition,
        actor: drafted.actor.clone(),
        request_digest: [0; 32],
        causation_id: drafted.event_id,
        correlation_id: drafted.correlation_id,
        now: drafted.occurred_at,
    }
}

/// Takes from the account what is on no invoice yet; gives the event with which it has come to this one.
async fn add_usage(
    app: &App,
    drafted: &RecordedEvent,
    customer_id: CustomerId,
    invoice_id: InvoiceId,
) -> Result<Option<RecordedEvent>, Problem> {
    let meta = step(drafted, b"usage of invoice");
    let bill = BillRef::Invoice { invoice_id };
    let action = AccountAction::Turn { bill, close_usage: true, closed: None, to: None };
    let command = AccountCommand { organization_id: meta.organization_id, action };
    let event_id = meta.command_id;
    execute::<Account>(app, account_stream(customer_id), meta, command).await?;
    let turned = stored(app, event_id).await?;
    let added = follow(app, &turned, "usage").await?;
    // Had it been finalized meanwhile, the usage would be on a draft of its own.
    Ok(added.filter(|added| added.stream_id == drafted.stream_id))
}

/// Seals a draft, unless there is nothing on it.
async fn seal(app: &App, drafted: &RecordedEvent, invoice_id: InvoiceId) -> Result<Option<RecordedEvent>, Problem> {
    let (stream, meta) = (invoice_stream(invoice_id), step(drafted, b"seal of invoice"));
    let command_id = meta.command_id;
    let invoice = app.ledger.load::<Invoice>(&stream).await?.state;
    if invoice.status == Status::Draft && !invoice.lines().is_empty() {
        let command = InvoiceCommand { organization_id: meta.organization_id, action: Action::Seal };
        execute::<Invoice>(app, stream, meta, command).await?;
    }
    Ok(app.ledger.log().find(&[command_id]).await?.pop())
}
