//! Why an exact payment is what it is: what its payer signed, for which request, and how the money came.

use axum::Json;
use axum::extract::State;
use domain::exact_payment::{Accepted, ExactPaymentEvent};
use domain::ids::ExactPaymentId;
use domain::{LedgerEvent, RecordedEvent};
use eventstore::StoreError;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Look, Step, StepOut};
use crate::App;
use crate::auth::Principal;
use crate::extract::Query;
use crate::problem::Problem;
use crate::query::customers::MinPositionParams;
use crate::query::exact_payments::{self, ExactPaymentPath, exact_payment_not_found};
use crate::query::logged;

/// Why an exact payment is what it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExactExplanationOut {
    /// Always `explanation`.
    pub object: &'static str,
    /// Of this payment.
    #[schema(value_type = String)]
    pub exact_payment_id: ExactPaymentId,
    /// How much.
    pub amount: String,
    /// In this currency.
    pub currency: String,
    /// Whether the money has come for good.
    pub settled: bool,
    /// The chain of causes, in order.
    pub steps: Vec<StepOut>,
}

/// Why an exact payment is what it is: the request that it pays for, what its payer signed, the transaction, and what
/// it means for the journal.
#[utoipa::path(get, path = "/v1/exact_payments/{id}/explain", tag = "Exact payments",
    params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = ExactExplanationOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn explain_exact_payment(
    State(app): State<App>,
    principal: Principal,
    ExactPaymentPath(id): ExactPaymentPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<ExactExplanationOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let mut out = None;
    for stored in &exact_payments::events(&app, &principal, id).await? {
        let decoded = LedgerEvent::decode(stored).map_err(StoreError::from)?;
        let LedgerEvent::ExactPayment(event) = &decoded else { continue };
        let look = Look { app: &app, charge: stored };
        if let ExactPaymentEvent::Accepted(accepted) = event {
            let steps = &mut out.get_or_insert_with(|| begun(id, accepted)).steps;
            steps.push(look.request().await?);
        }
        let Some(ExactExplanationOut { settled, steps, .. }) = &mut out else { continue };
        steps.push(step(id, stored, event));
        let is_moving = match event {
            ExactPaymentEvent::Settled(_) | ExactPaymentEvent::Finalized(_) => true,
            ExactPaymentEvent::Failed(failed) => !failed.reversed.is_zero(),
            _ => false,
        };
        if is_moving {
            steps.push(look.postings(&decoded));
        }
        *settled |= matches!(event, ExactPaymentEvent::Finalized(_));
    }
    out.map(Json).ok_or_else(exact_payment_not_found)
}

fn begun(exact_payment_id: ExactPaymentId, accepted: &Accepted) -> ExactExplanationOut {
    ExactExplanationOut {
        object: "explanation",
        exact_payment_id,
        amount: accepted.amount.to_string(),
        currency: accepted.currency.to_string(),
        settled: false,
        steps: Vec::new(),
    }
}

fn step(id: ExactPaymentId, stored: &RecordedEvent, event: &ExactPaymentEvent) -> StepOut {
    let (step, text) = match event {
        ExactPaymentEvent::Accepted(e) => {
            let (from, to, amount, currency, nonce) = (e.from, e.to, e.amount, e.currency, e.nonce);
            let what = e.route_id.map_or("what is sold elsewhere".to_owned(), |route| format!("route {route}"));
            let text = format!(
                "{from} signed a transfer of {amount} {currency} to {to} with the nonce {nonce}, good before {}; it pays \
                 for a request of {what}.",
                e.valid_before
            );
            (Step::Payment, text)
        }
        ExactPaymentEvent::Released(_) => {
            (Step::Payment, "The request came to nothing: the payment was released.".to_owned())
        }
        ExactPaymentEvent::Submitted(e) => {
            (Step::Transaction, format!("Its transfer is to be sent, as {}.", e.transaction_id))
        }
        ExactPaymentEvent::Settled(e) => {
            let text = format!("Transaction {} in block {} ({}) made it.", e.tx_hash, e.block_number, e.block_hash);
            (Step::Transaction, text)
        }
        ExactPaymentEvent::Finalized(e) => {
            let (amount, currency, tx_hash, block) = (e.amount, e.currency, e.tx_hash, e.block_number);
            let text =
                format!("{amount} {currency} came to the payee with transaction {tx_hash} in block {block}, for good.");
            (Step::Transfer, text)
        }
        ExactPaymentEvent::Failed(e) => (Step::Transaction, format!("The transfer did not come about: {}.", e.reason)),
        ExactPaymentEvent::Delivered(_) => (Step::Delivery, "The answer went out.".to_owned()),
    };
    StepOut::new(step, stored, text, data(id, event))
}

/// The payload; the signature stands in the log.
fn data(id: ExactPaymentId, event: &ExactPaymentEvent) -> Value {
    let mut data = match event {
        ExactPaymentEvent::Accepted(e) => json!({
            "route_id": e.route_id,
            "chain_id": e.chain_id,
            "token": e.token,
            "from": e.from,
            "to": e.to,
            "amount": e.amount,
            "currency": e.currency,
            "valid_after": e.valid_after,
            "valid_before": e.valid_before,
            "nonce": e.nonce,
            "request_digest": e.request_digest,
        }),
        ExactPaymentEvent::Submitted(e) => json!(e),
        ExactPaymentEvent::Settled(e) => json!(e),
        ExactPaymentEvent::Finalized(e) => json!(e),
        ExactPaymentEvent::Failed(e) => json!(e),
        ExactPaymentEvent::Released(_) | ExactPaymentEvent::Delivered(_) => json!({}),
    };
    data["exact_payment_id"] = json!(id);
    data
}
