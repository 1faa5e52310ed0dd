//! Stripe, by its HTTP API.
//!
//! [`amounts`] knows its minor units, [`base`] where its API may be, [`requests`] what is sent ([`form`] how),
//! [`client`] sends it. [`answer`] makes of an answer what was observed or why not, with the [`objects`] in it.
//! [`webhook`] reads messages whose [`signature`] is right.

mod amounts;
mod answer;
mod base;
mod client;
mod form;
mod objects;
mod requests;
mod signature;
#[cfg(test)]
mod tests;
mod webhook;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ids::{PaymentId, RefundId};
use domain::money::{Amount, Currency};
use domain::payment::Observed;
use http::HeaderMap;

use crate::port::NOT_FOUND;
use crate::{CallError, Connector, CreatePayment, Hosts, Message, Reference, RefundOrder, Secrets, WebhookError};

pub use base::check as check_api_base;
pub use webhook::BODY_BYTES_MAX;

/// The version of Stripe's API that is spoken. Answers have its form; messages have that of the webhook endpoint, and
/// what is read of them has long been the same in all.
pub const API_VERSION: &str = "2026-10-28.endive";
/// Pages of refunds of a payment that are looked at: many more than a ledger asks for.
const REFUND_PAGES_MAX: usize = 20;

/// An account with Stripe.
pub struct Stripe {
    client: client::Client,
    webhook_secret: String,
}

impl std::fmt::Debug for Stripe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stripe").field("base", &self.client.base()).finish_non_exhaustive()
    }
}

/// What Stripe does once.
fn idempotency_key(payment_id: PaymentId, step: &str) -> String {
    format!("tollbook-{payment_id}-{step}")
}

/// The same for a step that can be asked for again once it was refused: then it is another request.
fn key_after_refusals(payment: &Reference, step: &str) -> String {
    let key = idempotency_key(payment.payment_id, step);
    if payment.refusals == 0 { key } else { format!("{key}-{}", payment.refusals) }
}

fn not_found() -> CallError {
    CallError::refused(NOT_FOUND, "Stripe has no such payment")
}

/// The path of a payment, if what is said to be its id can be one.
fn path_of(intent_id: &str) -> Result<String, CallError> {
    let is_id = !intent_id.is_empty() && intent_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_id { Ok(format!("/v1/payment_intents/{intent_id}")) } else { Err(not_found()) }
}

impl Stripe {
    /// With these secrets, at this base, if it is one of these hosts; at Stripe's own when `None`.
    pub fn new(api_base: Option<&str>, hosts: Hosts, secrets: &Secrets) -> Result<Self, CallError> {
        let client = client::Client::new(api_base, hosts, &secrets.secret_key)?;
        Ok(Self { client, webhook_secret: secrets.webhook_secret.trim().to_owned() })
    }

    /// The payment that carries our id, if there is one.
    async fn find(&self, payment: &Reference) -> Result<Option<objects::Intent>, CallError> {
        let answer = self.client.get(&requests::search(payment.payment_id)).await?;
        let mut found: objects::Found = answer::object(&answer)?;
        if found.data.len() > 1 {
            let ids: Vec<&str> = found.data.iter().map(|intent| intent.id.as_str()).collect();
            return Err(CallError::Unknown(format!("Stripe has more than one: {}", ids.join(", "))));
        }
        Ok(found.data.pop())
    }

    /// The path of a payment that something is to be done with.
    async fn path(&self, payment: &Reference) -> Result<String, CallError> {
        path_of(&self.intent_id(payment).await?)
    }

    async fn intent_id(&self, payment: &Reference) -> Result<String, CallError> {
        if let Some(id) = &payment.provider_id {
            return Ok(id.clone());
        }
        // That it was not found yet does not say that there is none.
        let found = self.find(payment).await?;
        found.map(|intent| intent.id).ok_or_else(|| CallError::Unknown(format!("{} is not found", payment.payment_id)))
    }
}

#[async_trait]
impl Connector for Stripe {
    async fn create(&self, order: &CreatePayment) -> Result<Observed, CallError> {
        let form = requests::create(order)?;
        let key = idempotency_key(order.payment_id, "create");
        let answer = self.client.post("/v1/payment_intents", &key, &form).await?;
        answer::payment(&answer, order.currency)
    }

    async fn capture(&self, payment: &Reference, amount: Amount) -> Result<Observed, CallError> {
        let form = requests::capture(amount, payment.currency)?;
        let path = format!("{}/capture", self.path(payment).await?);
        let answer = self.client.post(&path, &key_after_refusals(payment, "capture"), &form).await?;
        answer::payment(&answer, payment.currency)
    }

    async fn cancel(&self, payment: &Reference) -> Result<Observed, CallError> {
        let path = format!("{}/cancel", self.path(payment).await?);
        let form = requests::cancel();
        let answer = self.client.post(&path, &key_after_refusals(payment, "cancel"), &form).await?;
        answer::cancellation(&answer, payment.currency)
    }

    async fn refund(&self, payment: &Reference, refund: &RefundOrder) -> Result<Observed, CallError> {
        let intent_id = self.intent_id(payment).await?;
        let form = requests::refund(payment, &intent_id, refund)?;
        let step = format!("refund-{}", refund.refund_id);
        let answer = self.client.post("/v1/refunds", &idempotency_key(payment.payment_id, &step), &form).await?;
        let object: objects::Refund = answer::object(&answer)?;
        Ok(object.observed(refund.refund_id))
    }

    async fn find_refund(&self, payment: &Reference, refund_id: RefundId) -> Result<Observed, CallError> {
        let intent_id = self.intent_id(payment).await?;
        let mut after: Option<String> = None;
        for _ in 0..REFUND_PAGES_MAX {
            let answer = self.client.get(&requests::refunds(&intent_id, after.as_deref())).await?;
            let page: objects::Refunds = match answer::object(&answer) {
                // That is the payment: so nobody knows of its refunds.
                Err(CallError::Refused { code, message }) if code == NOT_FOUND => {
                    return Err(CallError::Unknown(message));
                }
                page => page?,
            };
            if let Some(found) = page.data.iter().find(|refund| refund.metadata().refund_id() == Some(refund_id)) {
                return Ok(found.observed(refund_id));
            }
            match page.data.last().filter(|_| page.has_more) {
                Some(last) => after = Some(last.id.clone()),
                None => return Err(CallError::refused(NOT_FOUND, "Stripe has no such refund of the payment")),
            }
        }
        Err(CallError::Unknown(format!("{intent_id} has too many refunds to look at")))
    }

    async fn abandon(&self, payment: &Reference) -> Result<(), CallError> {
        let path = format!("{}/cancel", self.path(payment).await?);
        let key = idempotency_key(payment.payment_id, "abandon");
        let answer = self.client.post(&path, &key, &requests::abandon()).await?;
        answer::payment(&answer, payment.currency).map(|_| ())
    }

    fn smallest(&self, currency: Currency) -> Option<Amount> {
        amounts::smallest(currency)
    }

    fn step(&self, currency: Currency) -> Amount {
        amounts::step(currency)
    }

    async fn fetch(&self, payment: &Reference) -> Result<Observed, CallError> {
        let Some(id) = &payment.provider_id else {
            let found = self.find(payment).await?.ok_or_else(not_found)?;
            return answer::observed(&found, payment.currency);
        };
        let answer = self.client.get(&requests::fetch(&path_of(id)?)).await?;
        answer::payment(&answer, payment.currency)
    }

    fn parse_webhook(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Message, WebhookError> {
        webhook::parse(&self.webhook_secret, headers, body, now)
    }

    fn read_webhook(&self, body: &[u8]) -> Result<Message, WebhookError> {
        webhook::read(body)
    }
}
