//! Stripe's messages: events, each with an object as it was then.

use domain::Timestamp;
use http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::objects::{Dispute, Intent, Refund, currency, moment};
use super::signature;
use crate::{Message, WebhookError};

/// The largest message.
pub const BODY_BYTES_MAX: usize = 256 << 10;
/// The longest id of a message, and of its type.
const NAME_BYTES_MAX: usize = 255;

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

/// Reads a message, if Stripe has signed it lately.
pub(super) fn parse(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Message, WebhookError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(WebhookError::TooLarge);
    }
    signature::verify(secret, headers, body, now)?;
    read(body)
}

fn malformed(why: &str) -> WebhookError {
    WebhookError::Malformed(why.to_owned())
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads a message that Stripe has signed.
pub(super) fn read(body: &[u8]) -> Result<Message, WebhookError> {
    // What serde says of it could show some of it.
    let event: Event = serde_json::from_slice(body).map_err(|_| malformed("it is no event"))?;
    if !is_name(&event.id) || !is_name(&event.kind) {
        return Err(malformed("its id or its type is none"));
    }
    let created_at = moment(event.created).ok_or_else(|| malformed("its time is none"))?;
    let message = Message {
        provider_event_id: event.id,
        provider_type: event.kind.clone(),
        created_at,
        organization_id: None,
        payment_id: None,
        provider_payment_id: None,
        currency: None,
        observed: None,
    };
    let object = event.data.object;
    match event.kind.as_str() {
        kind if kind.starts_with("payment_intent.") => of_intent(message, kind, &of::<Intent>(object)?),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            Ok(of_refund(message, &of::<Refund>(object)?))
        }
        kind if kind.starts_with("charge.dispute.") => Ok(of_dispute(message, kind, &of::<Dispute>(object)?)),
        // Nothing that matters here: of a `charge.refunded` the refund's own event says more.
        _ => Ok(message),
    }
}

fn of<T: DeserializeOwned>(object: Value) -> Result<T, WebhookError> {
    serde_json::from_value(object).map_err(|_| malformed("its object is not what its type says"))
}

fn of_intent(message: Message, kind: &str, intent: &Intent) -> Result<Message, WebhookError> {
    let metadata = intent.metadata();
    let payment_id = metadata.payment_id();
    let observed = match kind {
        // One that Tollbook has not made may be in currencies that it does not know.
        _ if payment_id.is_none() => None,
        "payment_intent.payment_failed" => Some(intent.failed()),
        "payment_intent.processing"
        | "payment_intent.requires_action"
        | "payment_intent.amount_capturable_updated"
        | "payment_intent.succeeded"
        | "payment_intent.canceled" => {
            let observed = intent.observed(Some(message.created_at));
            Some(observed.ok_or_else(|| malformed("its status or its amount is none"))?)
        }
        _ => None,
    };
    Ok(Message {
        organization_id: metadata.organization_id(),
        payment_id,
        provider_payment_id: Some(intent.id.clone()),
        currency: currency(&intent.currency),
        observed,
        ..message
    })
}

/// A refund that Tollbook has not made says nothing: the ledger cannot name it.
fn of_refund(message: Message, refund: &Refund) -> Message {
    let metadata = refund.metadata();
    Message {
        organization_id: metadata.organization_id(),
        payment_id: metadata.payment_id(),
        provider_payment_id: refund.intent_id(),
        observed: metadata.refund_id().map(|refund_id| refund.observed(refund_id)),
        ..message
    }
}

/// A dispute has none of our metadata: whose it is, the provider's id for the payment says.
fn of_dispute(message: Message, kind: &str, dispute: &Dispute) -> Message {
    let observed = match kind {
        "charge.dispute.created" | "charge.dispute.funds_withdrawn" => dispute.opened(),
        "charge.dispute.closed" => dispute.closed(),
        "charge.dispute.funds_reinstated" => dispute.reinstated(),
        _ => None,
    };
    Message { provider_payment_id: dispute.intent_id(), currency: dispute.currency(), observed, ..message }
}
