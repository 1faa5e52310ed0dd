//! What is asked of a payment provider, and what it can answer.

use async_trait::async_trait;
use domain::Timestamp;
use domain::ids::{OrganizationId, PaymentId, RefundId};
use domain::money::{Amount, Currency};
use domain::payment::{MethodRef, Observed};
use http::HeaderMap;
use rust_decimal::Decimal;

/// The code of [`CallError::Refused`] when the provider has no such payment, or no such refund.
pub const NOT_FOUND: &str = "resource_missing";
/// The code of [`CallError::Refused`] when the connector cannot do this at all.
pub const NOT_OFFERED: &str = "not_offered";
/// Codes of refusals that are about the amount alone, whoever pays.
const OF_AMOUNTS: [&str; 4] = ["amount_too_small", "amount_too_large", "amount_too_precise", "currency_not_supported"];

/// An account with a payment provider.
///
/// Every call may be made again, with the same arguments, until its outcome is known: the provider is given a key that
/// derives from the payment and the step, and does a thing once for each key. It keeps keys for a day. Whoever has not
/// known for longer what became of a creation must [`fetch`](Self::fetch) before it asks again, and of a refund
/// [find](Self::find_refund) it; [`asking`](crate::asking) does.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Makes a payment.
    async fn create(&self, order: &CreatePayment) -> Result<Observed, CallError>;

    /// Captures so much of what is reserved; the rest is released.
    async fn capture(&self, payment: &Reference, amount: Amount) -> Result<Observed, CallError>;

    /// Cancels a payment that has not succeeded.
    async fn cancel(&self, payment: &Reference) -> Result<Observed, CallError>;

    /// Refunds a payment, or a part of it.
    async fn refund(&self, payment: &Reference, refund: &RefundOrder) -> Result<Observed, CallError>;

    /// Looks for a refund that may have been made, by our id. [`NOT_FOUND`] says that the payment is there, and that
    /// it has no such refund.
    async fn find_refund(&self, _payment: &Reference, _refund_id: RefundId) -> Result<Observed, CallError> {
        Err(CallError::refused(NOT_OFFERED, "refunds cannot be looked for there"))
    }

    /// Asks how a payment stands. Without the provider's id it is looked for by ours; [`NOT_FOUND`] can then be
    /// believed only some minutes after the payment was made.
    async fn fetch(&self, payment: &Reference) -> Result<Observed, CallError>;

    /// Has a payment that has failed given up, so that nobody completes it later. What it says of the payment stays
    /// that it has failed. Where nothing has to be done for that, nothing is.
    async fn abandon(&self, _payment: &Reference) -> Result<(), CallError> {
        Ok(())
    }

    /// The least that can be asked for in a currency; `None` for one that is not taken. The provider may still want
    /// more.
    fn smallest(&self, currency: Currency) -> Option<Amount> {
        Some(minor_unit(currency))
    }

    /// Amounts in a currency must be multiples of this.
    fn step(&self, currency: Currency) -> Amount {
        minor_unit(currency)
    }

    /// Reads a message, if it is what it says it is.
    fn parse_webhook(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Message, WebhookError>;

    /// Reads a message that was found to be what it says it is when it came.
    fn read_webhook(&self, body: &[u8]) -> Result<Message, WebhookError>;
}

/// A currency's smallest unit.
fn minor_unit(currency: Currency) -> Amount {
    // A power of ten with few decimals: it is an amount.
    Amount::new(Decimal::new(1, currency.minor_unit())).unwrap_or_default()
}

/// A payment to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct CreatePayment {
    /// Who is paid.
    pub organization_id: OrganizationId,
    /// Our id for it.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Amount,
    /// In this currency.
    pub currency: Currency,
    /// The payment method; `None`: the customer is to choose one.
    pub method: Option<MethodRef>,
    /// Whether the money is only reserved at first.
    pub manual_capture: bool,
    /// Whether the customer is away.
    pub off_session: bool,
    /// What the provider shows about it.
    pub description: Option<String>,
}

/// A payment that was made, or may have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Our id for it.
    pub payment_id: PaymentId,
    /// Who is paid.
    pub organization_id: OrganizationId,
    /// The provider's id for it, if it is known.
    pub provider_id: Option<String>,
    /// In this currency.
    pub currency: Currency,
    /// How often the provider would not do what it was asked for: asked again it is another request, with another key.
    pub refusals: u32,
}

/// A refund to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOrder {
    /// Our id for it.
    pub refund_id: RefundId,
    /// How much.
    pub amount: Amount,
    /// Why, in the caller's words.
    pub reason: String,
}

/// Why a call gave no word on the payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It may have been done or not: ask again, the same.
    #[error("nobody knows what became of it: {0}")]
    Unknown(String),
    /// It was not done, and will not be.
    #[error("the provider refuses: {message} ({code})")]
    Refused {
        /// The provider's code.
        code: String,
        /// The provider's words.
        message: String,
    },
    /// Nothing was done: somebody has to look at the connector's settings or secrets.
    #[error("the connector is not set up right: {0}")]
    Misconfigured(String),
}

impl CallError {
    /// A refusal.
    pub(crate) fn refused(code: &str, message: impl Into<String>) -> Self {
        Self::Refused { code: code.to_owned(), message: message.into() }
    }

    /// Whether it is a refusal of the amount alone: no card was declined.
    pub fn is_of_amount(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if OF_AMOUNTS.contains(&code.as_str()))
    }
}

/// A provider's message that is what it says it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The provider's id for it: a second one with the same id says nothing new.
    pub provider_event_id: String,
    /// The provider's type, for example `payment_intent.succeeded`.
    pub provider_type: String,
    /// When the provider made it.
    pub created_at: Timestamp,
    /// Whose payment it is about, when it says so.
    pub organization_id: Option<OrganizationId>,
    /// The payment that it is about, when it names one of ours.
    pub payment_id: Option<PaymentId>,
    /// The provider's id for the payment that it is about: where it does not name ours, this finds it.
    pub provider_payment_id: Option<String>,
    /// The currency of what was observed, when it has an amount.
    pub currency: Option<Currency>,
    /// What it says; `None` when it says nothing that matters here.
    pub observed: Option<Observed>,
}

/// Why a message is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Nobody signed it.
    #[error("the message has no signature")]
    MissingSignature,
    /// The signature is not that of the connector's secret for these bytes.
    #[error("the signature is not right")]
    BadSignature,
    /// It was signed too long ago, or is from the future.
    #[error("the message was signed {seconds} seconds ago")]
    TooOld {
        /// How long ago; less than zero when it is yet to come.
        seconds: i64,
    },
    /// It is signed, and cannot be read.
    #[error("the message cannot be read: {0}")]
    Malformed(String),
    /// It has more bytes than any message should.
    #[error("the message is too large")]
    TooLarge,
    /// The connector takes no messages.
    #[error("this connector takes no messages")]
    Unsupported,
}
