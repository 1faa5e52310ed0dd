//! What came by hand: a bank transfer, cash.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::envelope::to_micros;
use domain::ids::{InvoiceId, PaymentId};
use domain::invoice::{InvoiceError, Status};
use domain::payment::{Action, Payment, PaymentCommand, Record};
use eventstore::{CommandMeta, Executed};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::follow::{consequence, follow, stored};
use super::{InvoiceOut, InvoicePath, drafted, invoice_stream, load, place, respond};
use crate::App;
use crate::auth::Principal;
use crate::command::payments::payment_stream;
use crate::command::{answer, earlier, execute, in_time_of, meta};
use crate::extract::{IdempotencyKey, OptionalJson};
use crate::money;
use crate::problem::Problem;

/// Money that has come.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayInvoice {
    /// How much; all that is due when left out.
    #[serde(default)]
    pub amount: Option<String>,
    /// For example the bank's reference; 1 to 100 characters. Must not be personal data.
    #[serde(default)]
    pub reference: Option<String>,
    /// When it came; now when left out.
    #[serde(default)]
    pub received_at: Option<DateTime<Utc>>,
}

/// Record a payment that has come by hand, and apply it to the invoice.
#[utoipa::path(post, path = "/v1/invoices/{id}/pay", tag = "Invoices", request_body = Option<PayInvoice>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 200, body = InvoiceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn pay_invoice(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(body): OptionalJson<PayInvoice>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/invoices/{id}/pay", &id.to_string(), &body)?;
    let (event_id, replayed) = match earlier::<Payment>(&app, &meta, key.as_deref()).await? {
        Some(event) => (event.event_id, true),
        None => record(&app, &principal, id, meta, &body).await?,
    };
    let received = stored(&app, event_id).await?;
    follow(&app, &received, "apply").await?;
    if let Some(applied) = consequence(&app, &invoice_stream(id), event_id).await? {
        return respond(&app, StatusCode::OK, place(&applied), replayed).await;
    }
    // The payment is there all the same, and can be refunded.
    let (_, _, position) = place(&received);
    let invoice = load(&app, &principal, id).await?;
    let out = InvoiceOut::new(&invoice, Some(position.to_string())).ok_or_else(Problem::internal)?;
    Ok(answer(StatusCode::OK, out, replayed))
}

async fn record(
    app: &App,
    principal: &Principal,
    id: InvoiceId,
    meta: CommandMeta,
    body: &PayInvoice,
) -> Result<(Uuid, bool), Problem> {
    let amount = body.amount.as_deref().map(|text| money::positive_amount("amount", text)).transpose()?;
    if let Some(reference) = &body.reference {
        money::text("reference", reference, 100)?;
    }
    let invoice = load(app, principal, id).await?;
    let drafted = drafted(&invoice, principal)?;
    if !matches!(invoice.status, Status::Open | Status::Uncollectible) {
        return Err(InvoiceError::WrongStatus(invoice.status).into());
    }
    let (due, currency) = (invoice.unpaid(), drafted.currency);
    let amount = amount.unwrap_or(due);
    if amount > due {
        return Err(InvoiceError::MoreThanDue { amount, due, currency }.into());
    }
    let meta = in_time_of(app, drafted.customer_id, meta);
    let payment_id = PaymentId::new(Uuid::now_v7());
    let record = Record {
        payment_id,
        customer_id: drafted.customer_id,
        invoice_id: Some(id),
        amount,
        currency,
        reference: body.reference.clone(),
        received_at: body.received_at.map_or(meta.now, to_micros),
    };
    let command =
        PaymentCommand { organization_id: principal.organization_id, action: Action::Record(Box::new(record)) };
    match execute::<Payment>(app, payment_stream(payment_id), meta, command).await? {
        Executed::Done { event, replayed } => Ok((event.event_id, replayed)),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}
