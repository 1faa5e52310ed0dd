//! Payloads of events of an invoice that are about its being paid.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{ConnectorId, CustomerId, InvoiceId, PaymentId, SubscriptionId};
use crate::invoice::event::After;
use crate::money::{Amount, Currency};
use crate::payment::MethodRef;

/// Payload of `invoice.payment_expected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentExpected {
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Whose.
    pub customer_id: CustomerId,
    /// The payment.
    pub payment_id: PaymentId,
    /// Who makes it.
    pub connector_id: ConnectorId,
    /// The payment method, as the provider calls it.
    pub method: Option<MethodRef>,
    /// How much.
    pub amount: Amount,
    /// The invoice's.
    pub currency: Currency,
    /// Whether the money is only reserved at first.
    pub manual_capture: bool,
    /// Whether the customer is away.
    pub off_session: bool,
    /// When the try to be paid was due that waits until it is known what becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postponed: Option<Timestamp>,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.payment_dropped`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentDropped {
    /// Whose.
    pub customer_id: CustomerId,
    /// The payment.
    pub payment_id: PaymentId,
    /// The provider's code.
    pub code: String,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.offset`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offset {
    /// Whose.
    pub customer_id: CustomerId,
    /// The invoice that gives back.
    pub from_invoice: InvoiceId,
    /// How much of that was due here; nothing, when it is paid by now.
    pub amount: Amount,
    /// Both invoices'.
    pub currency: Currency,
    /// What the other invoice has left to give.
    pub left: Amount,
    /// Where that goes, one after the other; after the last it becomes credits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<InvoiceId>,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.payment_applied`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentApplied {
    /// Whose.
    pub customer_id: CustomerId,
    /// The payment.
    pub payment_id: PaymentId,
    /// How much of it.
    pub amount: Amount,
    /// What of it was not due: it becomes credits.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub surplus: Amount,
    /// The invoice's.
    pub currency: Currency,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.payment_failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentFailed {
    /// Whose.
    pub customer_id: CustomerId,
    /// Of which subscription.
    pub subscription_id: Option<SubscriptionId>,
    /// The payment.
    pub payment_id: PaymentId,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// The provider's code.
    pub code: String,
    /// Whether no more tries follow.
    pub is_last: bool,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.attempt_due`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptDue {
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Whose.
    pub customer_id: CustomerId,
    /// Which try it is, from 1.
    pub attempt: u32,
    /// How much is to be paid.
    pub amount: Amount,
    /// In this currency.
    pub currency: Currency,
    /// When it was due.
    pub at: Timestamp,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.overdue`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overdue {
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Whose.
    pub customer_id: CustomerId,
    /// Of which subscription.
    pub subscription_id: Option<SubscriptionId>,
    /// When it was due.
    pub at: Timestamp,
    /// After it.
    pub after: After,
}
