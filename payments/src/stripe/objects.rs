//! Stripe's objects, as far as they matter here, and what they say. What is not read here may change as it likes.

use chrono::DateTime;
use domain::Timestamp;
use domain::ids::{OrganizationId, PaymentId, RefundId};
use domain::money::{Amount, Currency};
use domain::payment::{Observed, ProviderState, RefundStatus};
use serde::Deserialize;

use super::amounts::from_minor;

/// The longest code of a provider that is kept, and the longest of its words.
const CODE_CHARACTERS_MAX: usize = 100;
const WORDS_CHARACTERS_MAX: usize = 500;
/// The longest address that a customer is sent to.
const URL_BYTES_MAX: usize = 2_048;

/// A member of metadata that is ours.
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// Its name in a form.
    pub(super) param: &'static str,
}

/// Our id for the payment.
pub(super) const PAYMENT: Key = Key { name: "tollbook_payment_id", param: "metadata[tollbook_payment_id]" };
/// Who is paid.
pub(super) const ORGANIZATION: Key =
    Key { name: "tollbook_organization_id", param: "metadata[tollbook_organization_id]" };
/// Our id for the refund.
pub(super) const REFUND: Key = Key { name: "tollbook_refund_id", param: "metadata[tollbook_refund_id]" };
/// Why a payment was cancelled that had failed: so that what it says stays that it has failed.
pub(super) const ABANDONED: &str = "abandoned";
/// What stands in an address that lets whoever has it act as the customer.
const CLIENT_SECRET: &str = "client_secret";
/// Why something is refunded.
pub(super) const REASON: Key = Key { name: "tollbook_reason", param: "metadata[tollbook_reason]" };

/// Our members of metadata.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    tollbook_payment_id: Option<String>,
    #[serde(default)]
    tollbook_organization_id: Option<String>,
    #[serde(default)]
    tollbook_refund_id: Option<String>,
}

impl Metadata {
    pub(super) fn payment_id(&self) -> Option<PaymentId> {
        self.tollbook_payment_id.as_deref()?.parse().ok()
    }

    pub(super) fn organization_id(&self) -> Option<OrganizationId> {
        self.tollbook_organization_id.as_deref()?.parse().ok()
    }

    pub(super) fn refund_id(&self) -> Option<RefundId> {
        self.tollbook_refund_id.as_deref()?.parse().ok()
    }
}

/// Something that comes as a whole or as its id.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    /// As its id.
    Id(String),
    /// As a whole.
    Object(T),
}

impl<T> Expandable<T> {
    fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// Something of which only the id matters.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Named {
    id: String,
}

impl Expandable<Named> {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(named) => &named.id,
        }
    }
}

/// A currency as Stripe writes it, if the ledger knows it.
pub(super) fn currency(code: &str) -> Option<Currency> {
    code.to_ascii_uppercase().parse().ok()
}

/// A moment as Stripe writes it.
pub(super) fn moment(seconds: i64) -> Option<Timestamp> {
    DateTime::from_timestamp(seconds, 0)
}

/// Words of the provider as they are kept: not longer than a line or two.
pub(super) fn words(text: &str) -> String {
    text.chars().filter(|sign| !sign.is_control()).take(WORDS_CHARACTERS_MAX).collect()
}

/// A code of the provider as it is kept.
pub(super) fn code(text: &str) -> String {
    text.chars().filter(|sign| sign.is_ascii_graphic()).take(CODE_CHARACTERS_MAX).collect()
}

/// A payment: Stripe's payment intent.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Intent {
    /// Stripe's id for it.
    pub(super) id: String,
    /// How it stands.
    pub(super) status: String,
    /// In lower case.
    pub(super) currency: String,
    /// When it was made.
    #[serde(default)]
    created: Option<i64>,
    /// What has come, in minor units.
    #[serde(default)]
    amount_received: u64,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    last_payment_error: Option<Box<ApiError>>,
    #[serde(default)]
    cancellation_reason: Option<String>,
    #[serde(default)]
    next_action: Option<NextAction>,
    #[serde(default)]
    latest_charge: Option<Expandable<Charge>>,
}

/// A try of a payment.
#[derive(Debug, Clone, Deserialize)]
struct Charge {
    #[serde(default)]
    created: Option<i64>,
    #[serde(default)]
    balance_transaction: Option<Expandable<Booking>>,
}

/// What came of it for our account with Stripe.
#[derive(Debug, Clone, Deserialize)]
struct Booking {
    #[serde(default)]
    created: Option<i64>,
}

/// What the customer has to do.
#[derive(Debug, Clone, Deserialize)]
struct NextAction {
    #[serde(default)]
    redirect_to_url: Option<Redirect>,
}

/// Where the customer has to go.
#[derive(Debug, Clone, Deserialize)]
struct Redirect {
    #[serde(default)]
    url: Option<String>,
}

impl Intent {
    /// Our ids.
    pub(super) fn metadata(&self) -> Metadata {
        self.metadata.clone().unwrap_or_default()
    }

    /// What it says; `told_at` is when Stripe said so, if that is known. `None` for a status that this version of the
    /// API does not have, and for an amount that the ledger cannot keep.
    pub(super) fn observed(&self, told_at: Option<Timestamp>) -> Option<Observed> {
        let state = match self.status.as_str() {
            // Stripe goes back to this after a failure: another method could be tried.
            "requires_payment_method" => match &self.last_payment_error {
                Some(error) => error.failed(),
                None => ProviderState::ActionRequired { url: None },
            },
            "requires_confirmation" => ProviderState::ActionRequired { url: None },
            "requires_action" => ProviderState::ActionRequired { url: self.url() },
            "processing" => ProviderState::Processing,
            "requires_capture" => ProviderState::Authorized,
            "succeeded" => ProviderState::Succeeded { amount: self.received()?, at: self.paid_at(told_at)? },
            "canceled" => match &self.last_payment_error {
                Some(error) if self.cancellation_reason.as_deref() == Some(ABANDONED) => error.failed(),
                _ => ProviderState::Cancelled,
            },
            _ => return None,
        };
        Some(Observed::Payment { provider_id: self.id.clone(), state })
    }

    /// What it says to whoever has asked to cancel it, why ever it was cancelled.
    pub(super) fn cancellation(&self) -> Option<Observed> {
        if self.status == "canceled" {
            return Some(Observed::Payment { provider_id: self.id.clone(), state: ProviderState::Cancelled });
        }
        self.observed(None)
    }

    /// The same of one of which Stripe says that it has failed, however it stands now.
    pub(super) fn failed(&self) -> Observed {
        let state = self.last_payment_error.as_ref().map_or_else(|| ApiError::default().failed(), |e| e.failed());
        Observed::Payment { provider_id: self.id.clone(), state }
    }

    /// Whether nothing more can become of it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "canceled")
    }

    /// Whether it waits for another method, or another try.
    pub(super) fn is_unpaid(&self) -> bool {
        matches!(self.status.as_str(), "requires_payment_method" | "requires_confirmation")
    }

    fn received(&self) -> Option<Amount> {
        from_minor(self.amount_received, currency(&self.currency)?)
    }

    /// When it was booked; else when it was tried, when Stripe said so, when it was made: what is known.
    fn paid_at(&self, told_at: Option<Timestamp>) -> Option<Timestamp> {
        let charge = self.latest_charge.as_ref().and_then(Expandable::object);
        let booking = charge.and_then(|charge| charge.balance_transaction.as_ref()).and_then(Expandable::object);
        let booked = booking.and_then(|booking| booking.created).and_then(moment);
        let tried = || charge.and_then(|charge| charge.created).and_then(moment);
        booked.or(told_at).or_else(tried).or_else(|| self.created.and_then(moment))
    }

    /// Where the customer has to go. One with a secret in it would stay in the log for ever: it is left out.
    fn url(&self) -> Option<String> {
        let url = self.next_action.as_ref()?.redirect_to_url.as_ref()?.url.as_deref()?;
        (url.len() <= URL_BYTES_MAX && !url.contains(CLIENT_SECRET)).then(|| url.to_owned())
    }
}

/// Payments that were looked for.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    /// They.
    pub(super) data: Vec<Intent>,
}

/// Refunds of a payment.
#[derive(Debug, Deserialize)]
pub(super) struct Refunds {
    /// They.
    pub(super) data: Vec<Refund>,
    /// Whether there are more.
    #[serde(default)]
    pub(super) has_more: bool,
}

/// A refund.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Refund {
    /// Stripe's id for it.
    pub(super) id: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    payment_intent: Option<Expandable<Named>>,
}

impl Refund {
    /// Our ids.
    pub(super) fn metadata(&self) -> Metadata {
        self.metadata.clone().unwrap_or_default()
    }

    /// Stripe's id for the payment.
    pub(super) fn intent_id(&self) -> Option<String> {
        self.payment_intent.as_ref().map(|intent| intent.id().to_owned())
    }

    /// What it says of ours.
    pub(super) fn observed(&self, refund_id: RefundId) -> Observed {
        let status = match self.status.as_deref() {
            Some("succeeded") => RefundStatus::Succeeded,
            Some("failed" | "canceled") => RefundStatus::Failed,
            _ => RefundStatus::Pending,
        };
        Observed::Refund { refund_id, provider_id: Some(self.id.clone()), status }
    }
}

/// A dispute.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Dispute {
    id: String,
    #[serde(default)]
    amount: u64,
    #[serde(default)]
    currency: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    payment_intent: Option<Expandable<Named>>,
}

impl Dispute {
    /// Stripe's id for the payment.
    pub(super) fn intent_id(&self) -> Option<String> {
        self.payment_intent.as_ref().map(|intent| intent.id().to_owned())
    }

    /// Its own, which may not be the payment's.
    pub(super) fn currency(&self) -> Option<Currency> {
        currency(&self.currency)
    }

    fn amount(&self) -> Option<Amount> {
        from_minor(self.amount, self.currency()?)
    }

    /// That it was opened. A bank that only asks takes no money: such an inquiry says nothing, until it becomes more.
    pub(super) fn opened(&self) -> Option<Observed> {
        if self.status.starts_with("warning_") || self.status == "prevented" {
            return None;
        }
        let reason = code(self.reason.as_deref().unwrap_or_default());
        Some(Observed::DisputeOpened { provider_id: self.id.clone(), amount: self.amount()?, reason })
    }

    /// That it is over, if it is.
    pub(super) fn closed(&self) -> Option<Observed> {
        match self.status.as_str() {
            "won" => self.over(true),
            "lost" => self.over(false),
            _ => None,
        }
    }

    /// That the money came back.
    pub(super) fn reinstated(&self) -> Option<Observed> {
        self.over(true)
    }

    fn over(&self, won: bool) -> Option<Observed> {
        Some(Observed::DisputeClosed { provider_id: self.id.clone(), amount: self.amount()?, won })
    }
}

/// Why Stripe did not do something, or a payment failed.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ApiError {
    /// Its kind, for example `card_error`.
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    /// The payment that it is about, as it is now.
    #[serde(default)]
    pub(super) payment_intent: Option<Box<Intent>>,
}

impl ApiError {
    /// Stripe's code, which not every error has.
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The code that says most: the bank's, else Stripe's, else the kind of error.
    pub(super) fn reason(&self) -> String {
        let known = [self.decline_code.as_deref(), self.code.as_deref(), Some(self.kind.as_str())];
        let known = known.into_iter().flatten().map(code).find(|text| !text.is_empty());
        known.unwrap_or_else(|| "unknown".to_owned())
    }

    /// Stripe's words.
    pub(super) fn words(&self) -> String {
        words(self.message.as_deref().unwrap_or_default())
    }

    fn failed(&self) -> ProviderState {
        ProviderState::Failed { code: self.reason(), message: self.words() }
    }

    /// The payment has failed for this reason.
    pub(super) fn failed_of(&self, intent: &Intent) -> Observed {
        Observed::Payment { provider_id: intent.id.clone(), state: self.failed() }
    }
}
