//! What an answer of Stripe says: what was observed, or why there is nothing to see.

use domain::money::Currency;
use domain::payment::Observed;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::Answer;
use super::objects::{self, ApiError, Intent};
use crate::CallError;

/// A body that says why something was not done.
#[derive(Deserialize)]
struct Failure {
    error: ApiError,
}

/// The object in an answer.
pub(super) fn object<T: DeserializeOwned>(answer: &Answer) -> Result<T, CallError> {
    if (200..300).contains(&answer.status) {
        return serde_json::from_slice(&answer.body)
            .map_err(|_| CallError::Unknown(traced("the answer is no such object", answer)));
    }
    Err(failure(answer, error(answer).as_ref()))
}

/// What an answer says of a payment.
pub(super) fn payment(answer: &Answer, currency: Currency) -> Result<Observed, CallError> {
    read(answer, currency, |intent| intent.observed(None))
}

/// The same for whoever has asked to cancel it.
pub(super) fn cancellation(answer: &Answer, currency: Currency) -> Result<Observed, CallError> {
    read(answer, currency, Intent::cancellation)
}

/// What a payment has to say.
type Says = fn(&Intent) -> Option<Observed>;

fn read(answer: &Answer, currency: Currency, says: Says) -> Result<Observed, CallError> {
    if (200..300).contains(&answer.status) {
        let intent: Intent = object(answer)?;
        return said(&intent, currency, says);
    }
    let error = error(answer);
    if let Some(error) = &error
        && let Some(intent) = &error.payment_intent
    {
        if answer.status == 402 && error.kind == "card_error" && intent.is_unpaid() {
            return Ok(error.failed_of(intent));
        }
        // It has become something else meanwhile, and that is known now.
        if error.code() == Some("payment_intent_unexpected_state") && intent.is_over() {
            return said(intent, currency, says);
        }
    }
    Err(failure(answer, error.as_ref()))
}

/// What a payment says, in the currency that was asked for.
pub(super) fn observed(intent: &Intent, currency: Currency) -> Result<Observed, CallError> {
    said(intent, currency, |intent| intent.observed(None))
}

fn said(intent: &Intent, currency: Currency, says: Says) -> Result<Observed, CallError> {
    if objects::currency(&intent.currency) != Some(currency) {
        return Err(CallError::Unknown(format!("{} is in {}", intent.id, objects::code(&intent.currency))));
    }
    says(intent).ok_or_else(|| CallError::Unknown(format!("{} is {}", intent.id, objects::code(&intent.status))))
}

fn error(answer: &Answer) -> Option<ApiError> {
    serde_json::from_slice::<Failure>(&answer.body).ok().map(|failure| failure.error)
}

/// With Stripe's id for the request.
fn traced(text: &str, answer: &Answer) -> String {
    match &answer.request_id {
        Some(id) => format!("{text} (request {})", objects::code(id)),
        None => text.to_owned(),
    }
}

/// Why nothing was done, or why that is not known.
fn failure(answer: &Answer, error: Option<&ApiError>) -> CallError {
    let status = answer.status;
    let said = match error {
        Some(error) => format!("HTTP {status}, {}: {}", error.reason(), error.words()),
        None => format!("HTTP {status}, and not in Stripe's form"),
    };
    match status {
        300..400 => CallError::Misconfigured(format!("HTTP {status}: the API base leads somewhere else")),
        401 | 403 => CallError::Misconfigured(traced(&said, answer)),
        400..500 if status != 409 && status != 424 && status != 429 => match error {
            // The key was used for something else, or too much is asked: what became of the payment is not said.
            Some(error) if error.kind == "idempotency_error" => CallError::Unknown(traced(&said, answer)),
            Some(error) if matches!(error.code(), Some("rate_limit" | "lock_timeout")) => {
                CallError::Unknown(traced(&said, answer))
            }
            Some(error) => CallError::Refused { code: error.reason(), message: error.words() },
            None => CallError::Unknown(traced(&said, answer)),
        },
        _ => CallError::Unknown(traced(&said, answer)),
    }
}
