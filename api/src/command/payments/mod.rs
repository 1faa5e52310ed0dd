//! Payments: made by a provider, captured, cancelled, refunded. What is asked for is in the log before the provider is
//! asked; what the provider says comes later, by its answer or by its messages.
//!
//! [`create`] makes one, [`out`] is a payment as it is shown, [`denied`] what the ledger refuses.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::ids::{OrganizationId, PaymentId, RefundId};
use domain::payment::{Action, Payment, PaymentCommand, PaymentEvent};
use domain::{Aggregate, StreamId};
use eventstore::{CommandMeta, Executed, Recorded};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::settlements::Nothing;
use super::{answer, as_of, execute, in_time_of, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, OptionalJson, path_id};
use crate::money;
use crate::problem::Problem;

pub mod create;
pub mod denied;
pub mod out;

pub use out::{PaymentCapture, PaymentMethodRef, PaymentOut, RefundOut};

/// The longest reason.
const REASON_CHARS_MAX: usize = 200;

/// The answer for a payment that is not there, or not yours.
pub fn payment_not_found() -> Problem {
    Problem::not_found("payment_not_found", "there is no such payment")
}

/// The id of a payment in the path.
pub struct PaymentPath(pub PaymentId);

impl<S: Send + Sync> FromRequestParts<S> for PaymentPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "payment_not_found").await.map(Self)
    }
}

/// The stream of a payment.
pub fn payment_stream(id: PaymentId) -> StreamId {
    StreamId::new(Payment::CATEGORY, id)
}

/// A payment of this organization, from the log.
pub async fn load(app: &App, organization_id: OrganizationId, id: PaymentId) -> Result<Payment, Problem> {
    let payment = app.ledger.load::<Payment>(&payment_stream(id)).await?.state;
    let own = payment.created.as_ref().is_some_and(|(created, _)| created.organization_id == organization_id);
    if own { Ok(payment) } else { Err(payment_not_found()) }
}

/// What of a payment to capture.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CapturePayment {
    /// How much; all that is reserved when left out. The rest is released.
    #[serde(default)]
    pub amount: Option<String>,
}

/// A refund to be.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// How much; all that is left when left out.
    #[serde(default)]
    pub amount: Option<String>,
    /// Why; 1 to 200 characters. Must not be personal data.
    pub reason: String,
}

async fn run(app: &App, id: PaymentId, meta: CommandMeta, action: Action) -> Result<Executed<Payment>, Problem> {
    let command = PaymentCommand { organization_id: meta.organization_id, action };
    execute::<Payment>(app, payment_stream(id), meta, command).await
}

/// The same of a payment that is there, at its customer's time.
async fn run_own(app: &App, id: PaymentId, meta: CommandMeta, action: Action) -> Result<Executed<Payment>, Problem> {
    let payment = load(app, meta.organization_id, id).await?;
    let customer_id = payment.created.as_ref().map(|(created, _)| created.customer_id);
    let meta = in_time_of(app, customer_id.ok_or_else(payment_not_found)?, meta);
    run(app, id, meta, action).await
}

/// The payment as it was right after the event: the same at each repetition.
async fn respond(
    app: &App,
    status: StatusCode,
    event: &Recorded<PaymentEvent>,
    replayed: bool,
) -> Result<Response, Problem> {
    let payment = as_of::<Payment>(app, &event.stream_id, event.event_id).await?;
    let out = PaymentOut::new(&payment, Some(event.position.to_string())).ok_or_else(Problem::internal)?;
    Ok(answer(status, out, replayed))
}

async fn finish(app: &App, executed: Executed<Payment>) -> Result<Response, Problem> {
    match executed {
        Executed::Done { event, replayed } => respond(app, StatusCode::ACCEPTED, &event, replayed).await,
        Executed::Unchanged { state, position } => {
            let out = PaymentOut::new(&state, Some(position.to_string())).ok_or_else(Problem::internal)?;
            Ok(answer(StatusCode::ACCEPTED, out, false))
        }
    }
}

/// Capture a payment that is reserved, or a part of it.
#[utoipa::path(post, path = "/v1/payments/{id}/capture", tag = "Payments", request_body = Option<CapturePayment>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = PaymentOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn capture_payment(
    State(app): State<App>,
    principal: Principal,
    PaymentPath(id): PaymentPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(body): OptionalJson<CapturePayment>,
) -> Result<Response, Problem> {
    let amount = body.amount.as_deref().map(|text| money::positive_amount("amount", text)).transpose()?;
    let meta = meta(&principal, key.as_deref(), "POST /v1/payments/{id}/capture", &id.to_string(), &body)?;
    finish(&app, run_own(&app, id, meta, Action::Capture { amount }).await?).await
}

/// Cancel a payment that has not succeeded.
#[utoipa::path(post, path = "/v1/payments/{id}/cancel", tag = "Payments",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = PaymentOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn cancel_payment(
    State(app): State<App>,
    principal: Principal,
    PaymentPath(id): PaymentPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/payments/{id}/cancel", &id.to_string(), &())?;
    finish(&app, run_own(&app, id, meta, Action::Cancel).await?).await
}

/// Refund a payment, or a part of it. Of one recorded by hand this says that the money went back.
#[utoipa::path(post, path = "/v1/payments/{id}/refunds", tag = "Payments", request_body = NewRefund,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = RefundOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn refund_payment(
    State(app): State<App>,
    principal: Principal,
    PaymentPath(id): PaymentPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewRefund>,
) -> Result<Response, Problem> {
    let amount = body.amount.as_deref().map(|text| money::positive_amount("amount", text)).transpose()?;
    money::text("reason", &body.reason, REASON_CHARS_MAX)?;
    let meta = meta(&principal, key.as_deref(), "POST /v1/payments/{id}/refunds", &id.to_string(), &body)?;
    // The same command, the same refund.
    let refund_id = RefundId::new(domain::ids::derive(&[b"refund", meta.command_id.as_bytes()]));
    let action = Action::Refund { refund_id, amount, reason: body.reason, credit_note: None };
    let executed = run_own(&app, id, meta, action).await?;
    let Executed::Done { event, replayed } = executed else { return Err(Problem::internal()) };
    let payment = as_of::<Payment>(&app, &event.stream_id, event.event_id).await?;
    let (created, _) = payment.created.as_ref().ok_or_else(Problem::internal)?;
    let refund = payment.refund(refund_id).ok_or_else(Problem::internal)?;
    let out = RefundOut::new(id, created.currency.code(), refund, Some(event.position.to_string()));
    Ok(answer(StatusCode::CREATED, out, replayed))
}
