//! What an event of an invoice says, whichever it is.

use crate::ids::CustomerId;
use crate::invoice::event::{After, InvoiceEvent};

impl InvoiceEvent {
    /// How the invoice stands after it.
    pub fn after(&self) -> &After {
        match self {
            Self::Drafted(e) => &e.after,
            Self::LinesAdded(e) | Self::LineRemoved(e) => &e.after,
            Self::Discarded(e) => &e.after,
            Self::Sealed(e) => &e.after,
            Self::Finalized(e) => &e.after,
            Self::PaymentExpected(e) => &e.after,
            Self::PaymentDropped(e) => &e.after,
            Self::Offset(e) => &e.after,
            Self::PaymentApplied(e) => &e.after,
            Self::PaymentFailed(e) => &e.after,
            Self::Paid(e) | Self::Voided(e) | Self::MarkedUncollectible(e) => &e.after,
            Self::CreditNoteIssued(e) => &e.after,
            Self::CreditNoteNumbered(e) => &e.after,
            Self::AttemptDue(e) => &e.after,
            Self::Overdue(e) => &e.after,
        }
    }

    /// Who is billed.
    pub fn customer_id(&self) -> CustomerId {
        match self {
            Self::Drafted(e) => e.customer_id,
            Self::LinesAdded(e) | Self::LineRemoved(e) => e.customer_id,
            Self::Discarded(e) => e.customer_id,
            Self::Sealed(e) => e.customer_id,
            Self::Finalized(e) => e.customer_id,
            Self::PaymentExpected(e) => e.customer_id,
            Self::PaymentDropped(e) => e.customer_id,
            Self::Offset(e) => e.customer_id,
            Self::PaymentApplied(e) => e.customer_id,
            Self::PaymentFailed(e) => e.customer_id,
            Self::Paid(e) | Self::Voided(e) | Self::MarkedUncollectible(e) => e.customer_id,
            Self::CreditNoteIssued(e) => e.customer_id,
            Self::CreditNoteNumbered(e) => e.customer_id,
            Self::AttemptDue(e) => e.customer_id,
            Self::Overdue(e) => e.customer_id,
        }
    }
}
