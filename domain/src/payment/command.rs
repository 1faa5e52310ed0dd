//! What can be asked of a payment.

use crate::Timestamp;
use crate::ids::{ConnectorId, CustomerId, InvoiceId, OrganizationId, PaymentId, PayoutId, RefundId};
use crate::money::{Amount, Currency};
use crate::payment::{MethodRef, RefundStatus, Requested, Status};

/// A command. Each names the organization that asks: another one's payment does not exist for it.
#[derive(Debug, Clone)]
pub struct PaymentCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Action {
    /// Make it: the worker asks the provider.
    Create(Box<Create>),
    /// Record one that has come by hand: a bank transfer, cash.
    Record(Box<Record>),
    /// What the provider says of it: the answer to a call, or a message. In any order, any number of times: what is
    /// known already, or has been overtaken, changes nothing.
    Observe(Observed),
    /// Capture what is reserved; the rest is released.
    Capture {
        /// How much; `None` for all.
        amount: Option<Amount>,
    },
    /// Cancel it, before it has succeeded.
    Cancel,
    /// Refund it, or a part.
    Refund {
        /// The refund's id.
        refund_id: RefundId,
        /// How much; `None` for all that is left.
        amount: Option<Amount>,
        /// Why.
        reason: String,
        /// The credit note that it belongs to.
        credit_note: Option<String>,
    },
    /// So much of it was more than was due of the invoice that it is for: as far as it was not refunded it becomes credits.
    Surplus {
        /// How much.
        amount: Amount,
    },
    /// A line of a payout file is about it.
    PayOut {
        /// The file.
        payout_id: PayoutId,
        /// What the line is about.
        subject: Subject,
        /// Before fees; must be what was captured, refunded or disputed.
        gross: Amount,
        /// What the provider kept.
        fee: Amount,
        /// As the file has it.
        currency: Currency,
    },
}

/// What a line of a payout file is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The payment itself.
    Payment,
    /// A refund of it.
    Refund(RefundId),
    /// What the provider took for a dispute of it, by the provider's id.
    Dispute(String),
    /// What came back because a dispute of it was won.
    Reversal {
        /// The provider's id for the dispute.
        dispute_id: String,
        /// What the provider gives back of the fee that it had kept.
        fee_returned: Amount,
    },
}

impl Subject {
    /// Whether it takes money away.
    pub const fn goes_back(&self) -> bool {
        matches!(self, Self::Refund(_) | Self::Dispute(_))
    }
}

/// A payment to be.
#[derive(Debug, Clone)]
pub struct Create {
    /// Its id.
    pub payment_id: PaymentId,
    /// Who pays.
    pub customer_id: CustomerId,
    /// What for.
    pub invoice_id: Option<InvoiceId>,
    /// Who makes it.
    pub connector_id: ConnectorId,
    /// The payment method.
    pub method: Option<MethodRef>,
    /// How much.
    pub amount: Amount,
    /// In this currency.
    pub currency: Currency,
    /// Whether the money is only reserved at first.
    pub manual_capture: bool,
    /// Whether the customer is away.
    pub off_session: bool,
}

/// A payment that has come.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its id.
    pub payment_id: PaymentId,
    /// Who paid.
    pub customer_id: CustomerId,
    /// What for.
    pub invoice_id: Option<InvoiceId>,
    /// How much.
    pub amount: Amount,
    /// In this currency.
    pub currency: Currency,
    /// For example the bank's reference. No personal data.
    pub reference: Option<String>,
    /// When the money came.
    pub received_at: Timestamp,
}

/// What a provider says.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// Of the payment.
    Payment {
        /// The provider's id for it.
        provider_id: String,
        /// What it says.
        state: ProviderState,
    },
    /// Of a refund.
    Refund {
        /// Which; the provider carries it in its metadata.
        refund_id: RefundId,
        /// The provider's id for it.
        provider_id: Option<String>,
        /// What became of it.
        status: RefundStatus,
    },
    /// It will not do what it was asked for, and the payment stands as before.
    Refused {
        /// What it was asked for.
        asked: Requested,
        /// The provider's code.
        code: String,
        /// The provider's words.
        message: String,
    },
    /// A dispute was opened.
    DisputeOpened {
        /// The provider's id for it.
        provider_id: String,
        /// How much.
        amount: Amount,
        /// Why.
        reason: String,
    },
    /// A dispute is over.
    DisputeClosed {
        /// The provider's id for it.
        provider_id: String,
        /// How much.
        amount: Amount,
        /// Whether the money came back.
        won: bool,
    },
}

/// What a provider says of a payment.
#[derive(Debug, Clone, PartialEq)]
pub enum ProviderState {
    /// It works on it.
    Processing,
    /// The customer has to do something.
    ActionRequired {
        /// Where.
        url: Option<String>,
    },
    /// The money is reserved.
    Authorized,
    /// The money is there.
    Succeeded {
        /// How much.
        amount: Amount,
        /// When.
        at: Timestamp,
    },
    /// It was declined.
    Failed {
        /// The provider's code.
        code: String,
        /// The provider's words.
        message: String,
    },
    /// It was cancelled.
    Cancelled,
}

impl ProviderState {
    /// The status that it leads to, unless that was overtaken.
    pub const fn status(&self) -> Status {
        match self {
            Self::Processing => Status::Processing,
            Self::ActionRequired { .. } => Status::RequiresAction,
            Self::Authorized => Status::Authorized,
            Self::Succeeded { .. } => Status::Succeeded,
            Self::Failed { .. } => Status::Failed,
            Self::Cancelled => Status::Cancelled,
        }
    }
}
