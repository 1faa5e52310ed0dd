//! What can have happened to a payment.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::ids::{ConnectorId, CustomerId, InvoiceId, OrganizationId, PaymentId, PayoutId, RefundId};
use crate::money::{Amount, Currency};
use crate::payment::{Payment, RefundStatus, Status};

event_enum! {
    /// An event of a payment.
    PaymentEvent in Payment::CATEGORY;
    /// It is to be made. Written before the provider hears of it.
    Created(Created) = "created", 1;
    /// The provider knows it, and works on it.
    Processing(Seen) = "processing", 1;
    /// The customer has to do something.
    ActionRequired(Seen) = "action_required", 1;
    /// The money is reserved, and can be captured.
    Authorized(Seen) = "authorized", 1;
    /// A part or all of what is reserved is to be captured. Written before the provider hears of it.
    CaptureRequested(CaptureRequested) = "capture_requested", 1;
    /// The provider does not capture it: it stands as before.
    CaptureRefused(Refused) = "capture_refused", 1;
    /// The money is there.
    Succeeded(Succeeded) = "succeeded", 1;
    /// It was declined.
    Failed(Failed) = "failed", 1;
    /// It is to be cancelled. Written before the provider hears of it.
    CancelRequested(Asked) = "cancel_requested", 1;
    /// The provider does not cancel it: it stands as before.
    CancelRefused(Refused) = "cancel_refused", 1;
    /// It was cancelled.
    Cancelled(Seen) = "cancelled", 1;
    /// A refund is to be made. Written before the provider hears of it.
    RefundRequested(RefundRequested) = "refund_requested", 1;
    /// What became of a refund.
    RefundUpdated(RefundUpdated) = "refund_updated", 1;
    /// More has come than was due of what it is for: the rest becomes credits.
    Surplus(Surplus) = "surplus", 1;
    /// The customer disputes it.
    DisputeOpened(Dispute) = "dispute_opened", 1;
    /// The dispute is over.
    DisputeClosed(DisputeClosed) = "dispute_closed", 1;
    /// The provider has paid it out: a line of a payout file matched it.
    PaidOut(PaidOut) = "paid_out", 1;
}

impl EventPayload for PaymentEvent {
    payload_methods!();
}

impl PaymentEvent {
    /// How the payment stands after it.
    pub fn after(&self) -> &After {
        match self {
            Self::Created(e) => &e.after,
            Self::Processing(e) | Self::ActionRequired(e) | Self::Authorized(e) | Self::Cancelled(e) => &e.after,
            Self::CaptureRequested(e) => &e.after,
            Self::Succeeded(e) => &e.after,
            Self::Failed(e) => &e.after,
            Self::CancelRequested(e) => &e.after,
            Self::CaptureRefused(e) | Self::CancelRefused(e) => &e.after,
            Self::RefundRequested(e) => &e.after,
            Self::RefundUpdated(e) => &e.after,
            Self::Surplus(e) => &e.after,
            Self::DisputeOpened(e) => &e.after,
            Self::DisputeClosed(e) => &e.after,
            Self::PaidOut(e) => &e.after,
        }
    }

    pub(super) fn after_mut(&mut self) -> &mut After {
        match self {
            Self::Created(e) => &mut e.after,
            Self::Processing(e) | Self::ActionRequired(e) | Self::Authorized(e) | Self::Cancelled(e) => &mut e.after,
            Self::CaptureRequested(e) => &mut e.after,
            Self::Succeeded(e) => &mut e.after,
            Self::Failed(e) => &mut e.after,
            Self::CancelRequested(e) => &mut e.after,
            Self::CaptureRefused(e) | Self::CancelRefused(e) => &mut e.after,
            Self::RefundRequested(e) => &mut e.after,
            Self::RefundUpdated(e) => &mut e.after,
            Self::Surplus(e) => &mut e.after,
            Self::DisputeOpened(e) => &mut e.after,
            Self::DisputeClosed(e) => &mut e.after,
            Self::PaidOut(e) => &mut e.after,
        }
    }

    /// Who pays.
    pub fn customer_id(&self) -> CustomerId {
        match self {
            Self::Created(e) => e.customer_id,
            Self::Processing(e) | Self::ActionRequired(e) | Self::Authorized(e) | Self::Cancelled(e) => e.customer_id,
            Self::CaptureRequested(e) => e.customer_id,
            Self::Succeeded(e) => e.customer_id,
            Self::Failed(e) => e.customer_id,
            Self::CancelRequested(e) => e.customer_id,
            Self::CaptureRefused(e) | Self::CancelRefused(e) => e.customer_id,
            Self::RefundRequested(e) => e.customer_id,
            Self::RefundUpdated(e) => e.customer_id,
            Self::Surplus(e) => e.customer_id,
            Self::DisputeOpened(e) => e.customer_id,
            Self::DisputeClosed(e) => e.customer_id,
            Self::PaidOut(e) => e.customer_id,
        }
    }
}

/// How a payment stands after an event.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct After {
    /// Its status.
    pub status: Status,
    /// What was captured.
    pub captured: Amount,
    /// What was refunded, or is being refunded.
    pub refunded: Amount,
    /// Whether the provider has to be asked for something.
    pub is_asking: bool,
    /// Whether it, or a refund of it, waits at the provider: a message will say more, or has to be asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_waiting: bool,
}

/// Payload of `payment.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub payment_id: PaymentId,
    /// Who is paid.
    pub organization_id: OrganizationId,
    /// Who pays.
    pub customer_id: CustomerId,
    /// What for; `None` for a payment that is applied to no invoice.
    pub invoice_id: Option<InvoiceId>,
    /// Who makes it; `None` for one that is recorded by hand.
    pub connector_id: Option<ConnectorId>,
    /// The payment method, as the provider calls it, and the provider's customer.
    pub method: Option<MethodRef>,
    /// How much.
    pub amount: Amount,
    /// In this currency.
    pub currency: Currency,
    /// Whether the money is only reserved at first.
    pub manual_capture: bool,
    /// Whether the customer is away.
    pub off_session: bool,
    /// After it.
    pub after: After,
}

/// A payment method, by the names that the provider gave it. No card data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodRef {
    /// The provider's customer.
    pub customer: Option<String>,
    /// The provider's payment method.
    pub method: String,
}

/// Payload of events that the provider's word stands behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Whose.
    pub customer_id: CustomerId,
    /// The provider's id for it.
    pub provider_id: Option<String>,
    /// Where the customer has to go, of `action_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_url: Option<String>,
    /// After it.
    pub after: After,
}

/// Payload of `payment.cancel_requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Whose.
    pub customer_id: CustomerId,
    /// After it.
    pub after: After,
}

/// Payload of `payment.capture_requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptureRequested {
    /// Whose.
    pub customer_id: CustomerId,
    /// How much; the rest is released.
    pub amount: Amount,
    /// After it.
    pub after: After,
}

/// Payload of `payment.capture_refused` and `payment.cancel_refused`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Whose.
    pub customer_id: CustomerId,
    /// The provider's code.
    pub code: String,
    /// The provider's words.
    pub message: String,
    /// After it.
    pub after: After,
}

/// Payload of `payment.succeeded`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Succeeded {
    /// Its id.
    pub payment_id: PaymentId,
    /// Whose.
    pub customer_id: CustomerId,
    /// What for.
    pub invoice_id: Option<InvoiceId>,
    /// How much.
    pub amount: Amount,
    /// In this currency.
    pub currency: Currency,
    /// Whether it was recorded by hand: the money is in the bank, not with a provider.
    #[serde(default)]
    pub by_hand: bool,
    /// The provider's id for it; of one recorded by hand its reference.
    pub provider_id: Option<String>,
    /// When the money came, as the provider or a person says.
    pub received_at: Timestamp,
    /// After it.
    pub after: After,
}

/// Payload of `payment.failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Its id.
    pub payment_id: PaymentId,
    /// Whose.
    pub customer_id: CustomerId,
    /// What for.
    pub invoice_id: Option<InvoiceId>,
    /// The provider's id for it.
    pub provider_id: Option<String>,
    /// The provider's code.
    pub code: String,
    /// The provider's words.
    pub message: String,
    /// After it.
    pub after: After,
}

/// Payload of `payment.refund_requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundRequested {
    /// The refund.
    pub refund_id: RefundId,
    /// Whose.
    pub customer_id: CustomerId,
    /// How much.
    pub amount: Amount,
    /// The payment's.
    pub currency: Currency,
    /// Why, in the caller's words.
    pub reason: String,
    /// The credit note that it belongs to.
    pub credit_note: Option<String>,
    /// After it.
    pub after: After,
}

/// Payload of `payment.refund_updated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundUpdated {
    /// The refund.
    pub refund_id: RefundId,
    /// Whose.
    pub customer_id: CustomerId,
    /// What became of it.
    pub status: RefundStatus,
    /// Whether it was made by hand.
    #[serde(default)]
    pub by_hand: bool,
    /// How much.
    pub amount: Amount,
    /// The payment's.
    pub currency: Currency,
    /// The provider's id for it.
    pub provider_id: Option<String>,
    /// What had gone back and has come again: all of it, of one that failed after it had succeeded.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub reversed: Amount,
    /// Whether the payment is for no invoice, and no credit note says why: then it gives back what was paid in advance.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub unapplied: bool,
    /// After it.
    pub after: After,
}

/// Payload of `payment.surplus`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Surplus {
    /// Whose.
    pub customer_id: CustomerId,
    /// What becomes credits.
    pub to_credits: Amount,
    /// What had been refunded before that was known.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub went_back: Amount,
    /// The payment's.
    pub currency: Currency,
    /// After it.
    pub after: After,
}

/// Payload of `payment.dispute_opened`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dispute {
    /// Whose.
    pub customer_id: CustomerId,
    /// The provider's id for it.
    pub provider_id: String,
    /// How much is disputed: the provider takes it back until it is over.
    pub amount: Amount,
    /// The payment's.
    pub currency: Currency,
    /// The provider's reason.
    pub reason: String,
    /// After it.
    pub after: After,
}

/// Payload of `payment.dispute_closed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DisputeClosed {
    /// Whose.
    pub customer_id: CustomerId,
    /// The provider's id for it.
    pub provider_id: String,
    /// Whether the money came back.
    pub won: bool,
    /// How much was disputed.
    pub amount: Amount,
    /// The payment's.
    pub currency: Currency,
    /// After it.
    pub after: After,
}

/// Payload of `payment.paid_out`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaidOut {
    /// Whose.
    pub customer_id: CustomerId,
    /// The payout file.
    pub payout_id: PayoutId,
    /// The refund, when it is one that the line is about.
    pub refund_id: Option<RefundId>,
    /// The dispute, by the provider's id, when it is one that the line is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute_id: Option<String>,
    /// Whether it is what came back because that dispute was won.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub is_reversal: bool,
    /// What came, or went for a refund or a dispute, before fees.
    pub gross: Amount,
    /// What the provider kept.
    pub fee: Amount,
    /// What the provider gave back of the fee that it had kept for the dispute.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub fee_returned: Amount,
    /// The payment's.
    pub currency: Currency,
    /// After it.
    pub after: After,
}

impl PaidOut {
    /// Whether it is the payment itself that was paid out.
    pub const fn is_of_payment(&self) -> bool {
        self.refund_id.is_none() && self.dispute_id.is_none()
    }

    /// Whether the provider has taken it out of the payout.
    pub const fn goes_back(&self) -> bool {
        !self.is_of_payment() && !self.is_reversal
    }
}
