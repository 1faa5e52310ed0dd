//! A payment as it is shown.

use chrono::{DateTime, Utc};
use domain::ids::{ConnectorId, CustomerId, InvoiceId, PaymentId, PayoutId, RefundId};
use domain::payment::{MethodRef, Payment, Refund, RefundStatus, Requested, Status};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When the money is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentCapture {
    /// At once.
    #[default]
    Automatic,
    /// It is only reserved; you capture it later.
    Manual,
}

/// A payment method, by the names that the provider gave it. No card data.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentMethodRef {
    /// The provider's customer; 1 to 255 characters.
    #[serde(default)]
    pub customer: Option<String>,
    /// The provider's payment method; 1 to 255 characters.
    #[schema(example = "pm_1PxYz2eZvKYlo2C")]
    pub method: String,
}

impl From<&MethodRef> for PaymentMethodRef {
    fn from(method: &MethodRef) -> Self {
        Self { customer: method.customer.clone(), method: method.method.clone() }
    }
}

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentOut {
    /// Always `payment`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: PaymentId,
    /// Who pays.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// What for; `null` for one that is applied to no invoice.
    #[schema(value_type = Option<String>)]
    pub invoice_id: Option<InvoiceId>,
    /// Who makes it; `null` for one that was recorded by hand.
    #[schema(value_type = Option<String>)]
    pub connector_id: Option<ConnectorId>,
    /// `created` (the provider has not answered), `processing`, `requires_action`, `authorized`, `succeeded`, `failed` or
    /// `cancelled`.
    #[schema(value_type = String)]
    pub status: Status,
    /// How much.
    pub amount: String,
    /// In this currency.
    pub currency: String,
    /// When the money is taken.
    pub capture: PaymentCapture,
    /// Whether the customer is away.
    pub off_session: bool,
    /// What is charged; `null` when the customer is to choose, or it came by hand.
    pub payment_method: Option<PaymentMethodRef>,
    /// The provider's id for it; of one recorded by hand its reference.
    pub provider_id: Option<String>,
    /// Where the customer has to go, while it has to.
    pub action_url: Option<String>,
    /// Why it was declined, while that is the last word.
    pub failure: Option<PaymentFailureOut>,
    /// Why the provider would not capture or cancel it, until something else is asked for.
    pub refusal: Option<PaymentRefusalOut>,
    /// Whether the provider has to be asked for something.
    pub is_asking: bool,
    /// Whether it, or a refund of it, waits at the provider.
    pub is_waiting: bool,
    /// What is to be captured; `null` while nothing is.
    pub capture_requested: Option<String>,
    /// Whether it is to be cancelled.
    pub cancel_requested: bool,
    /// What was captured.
    pub captured: String,
    /// What was refunded, or is being refunded.
    pub refunded: String,
    /// What was more than was due of its invoice, and became credits.
    pub to_credits: String,
    /// What can still be refunded.
    pub refundable: String,
    /// What the provider has taken back for disputes that are open or lost.
    pub disputed: String,
    /// Its refunds, in the order in which they were asked for.
    pub refunds: Vec<RefundOut>,
    /// Its disputes.
    pub disputes: Vec<DisputeOut>,
    /// The payout file that it was paid out with.
    #[schema(value_type = Option<String>)]
    pub payout_id: Option<PayoutId>,
    /// When the money came.
    pub received_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

/// Why a payment was declined.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentFailureOut {
    /// The provider's code.
    pub code: String,
    /// The provider's words.
    pub message: String,
}

/// Why a provider would not do what it was asked for. The payment stands as before.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentRefusalOut {
    /// `capture` or `cancel`.
    #[schema(value_type = String)]
    pub asked: Requested,
    /// The provider's code.
    pub code: String,
    /// The provider's words.
    pub message: String,
}

/// A refund of a payment, or of a part of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundOut {
    /// Always `refund`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: RefundId,
    /// The payment.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// `pending`, `succeeded` or `failed`.
    #[schema(value_type = String)]
    pub status: RefundStatus,
    /// How much.
    pub amount: String,
    /// The payment's.
    pub currency: String,
    /// Why.
    pub reason: String,
    /// The credit note that it belongs to.
    pub credit_note_id: Option<String>,
    /// The provider's id for it.
    pub provider_id: Option<String>,
    /// The payout file that it was taken from.
    #[schema(value_type = Option<String>)]
    pub payout_id: Option<PayoutId>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// The log's position after the command; `null` when it was only asked for, or with its payment.
    pub position: Option<String>,
}

/// A dispute of a payment.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisputeOut {
    /// The provider's id for it.
    pub provider_id: String,
    /// `open`, `won` or `lost`.
    pub status: &'static str,
    /// How much.
    pub amount: String,
    /// The provider's reason; `null` when only its end was heard of.
    pub reason: Option<String>,
}

impl PaymentOut {
    /// From the domain's payment; `None` when there is none.
    pub fn new(payment: &Payment, position: Option<String>) -> Option<Self> {
        let (created, created_at) = payment.created.as_ref()?;
        let refund = |refund: &Refund| RefundOut::new(created.payment_id, created.currency.code(), refund, None);
        let disputes = payment.disputes.iter().map(|(provider_id, dispute)| DisputeOut {
            provider_id: provider_id.clone(),
            status: match dispute.won {
                None => "open",
                Some(true) => "won",
                Some(false) => "lost",
            },
            amount: dispute.amount.to_string(),
            reason: dispute.reason.clone(),
        });
        Some(Self {
            object: "payment",
            id: created.payment_id,
            customer_id: created.customer_id,
            invoice_id: created.invoice_id,
            connector_id: created.connector_id,
            status: payment.status,
            amount: created.amount.to_string(),
            currency: created.currency.to_string(),
            capture: if created.manual_capture { PaymentCapture::Manual } else { PaymentCapture::Automatic },
            off_session: created.off_session,
            payment_method: created.method.as_ref().map(PaymentMethodRef::from),
            provider_id: payment.provider_id.clone(),
            action_url: payment.action_url.clone(),
            failure: payment
                .failure
                .as_ref()
                .map(|failure| PaymentFailureOut { code: failure.code.clone(), message: failure.message.clone() }),
            refusal: payment.refusal.as_ref().map(|refusal| PaymentRefusalOut {
                asked: refusal.asked,
                code: refusal.code.clone(),
                message: refusal.message.clone(),
            }),
            is_asking: payment.is_asking(),
            is_waiting: payment.is_waiting(),
            capture_requested: payment.capture_requested.map(|amount| amount.to_string()),
            cancel_requested: payment.cancel_requested,
            captured: payment.captured.to_string(),
            refunded: payment.refunded().to_string(),
            to_credits: payment.to_credits().to_string(),
            refundable: payment.refundable().to_string(),
            disputed: payment.disputed().to_string(),
            refunds: payment.refunds.iter().map(refund).collect(),
            disputes: disputes.collect(),
            payout_id: payment.payout_id,
            received_at: payment.received_at,
            created_at: *created_at,
            position,
        })
    }
}

impl RefundOut {
    /// From the domain's refund.
    pub fn new(payment_id: PaymentId, currency: &str, refund: &Refund, position: Option<String>) -> Self {
        Self {
            object: "refund",
            id: refund.id,
            payment_id,
            status: refund.status,
            amount: refund.amount.to_string(),
            currency: currency.to_owned(),
            reason: refund.reason.clone(),
            credit_note_id: refund.credit_note.clone(),
            provider_id: refund.provider_id.clone(),
            payout_id: refund.payout_id,
            created_at: refund.requested_at,
            position,
        }
    }
}
