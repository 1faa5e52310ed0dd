//! What can be asked of an invoice.

use chrono_tz::Tz;

use crate::Timestamp;
use crate::cycle::Cycle;
use crate::ids::{ConnectorId, CreditNoteId, CustomerId, InvoiceId, OrganizationId, PaymentId, SubscriptionId};
use crate::invoice::{Collection, LineItem};
use crate::money::{Amount, Currency};
use crate::payment::MethodRef;
use crate::tax::{TaxProfile, TaxRate};

/// A command. Each names the organization that asks: another one's invoice does not exist for it.
#[derive(Debug, Clone)]
pub struct InvoiceCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Action {
    /// Make a draft.
    Draft(Box<Draft>),
    /// Add lines to a draft.
    AddLines {
        /// The lines; their rates are found with `taxes`.
        lines: Vec<LineItem>,
        /// The organization's tax table.
        taxes: Vec<TaxRate>,
    },
    /// Take a line from a draft. Lines that usage stands behind stay.
    RemoveLine {
        /// Its place, from 0.
        index: u32,
    },
    /// Throw the draft away. Not when usage stands behind it.
    Discard,
    /// Let its content stand: from now on it only waits for its number.
    Seal,
    /// Give it its number.
    Number {
        /// From the series.
        number: String,
    },
    /// A payment is to be made for it: not while another one is under way.
    ExpectPayment(Box<ExpectPayment>),
    /// A payment has come.
    ApplyPayment {
        /// Which.
        payment_id: PaymentId,
        /// How much; what is more than is due becomes credits.
        amount: Amount,
    },
    /// A payment will not come: a try to be paid has failed, or one that somebody made.
    FailPayment {
        /// Which.
        payment_id: PaymentId,
        /// The provider's code.
        code: String,
    },
    /// Another invoice of its subscription gives back more than it charges: that is taken off what is due here.
    Offset {
        /// The other invoice.
        from_invoice: InvoiceId,
        /// How much it has left to give.
        amount: Amount,
        /// Where the rest goes, one after the other; after the last it becomes credits.
        then: Vec<InvoiceId>,
    },
    /// It was never meant to be. Not once something was paid.
    Void,
    /// Nobody expects to be paid any more.
    MarkUncollectible,
    /// Take a part of it back.
    IssueCreditNote(Box<CreditNote>),
    /// Give a credit note its number.
    NumberCreditNote {
        /// Which.
        credit_note_id: CreditNoteId,
        /// From the series.
        number: String,
    },
    /// Make happen what is due first at `now`, if anything is: a try to be paid, or that it is overdue.
    Advance,
    /// Try to be paid now.
    Collect,
}

/// A draft to be.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Whose.
    pub customer_id: CustomerId,
    /// The subscription, and the number of its bill.
    pub subscription: Option<(SubscriptionId, u32)>,
    /// In this currency.
    pub currency: Currency,
    /// Its date.
    pub at: Timestamp,
    /// Dates are written on this wall clock.
    pub time_zone: Tz,
    /// What was closed with it, if a period was.
    pub period: Option<Cycle>,
    /// Whether it is finalized as soon as it is drafted.
    pub auto_finalize: bool,
    /// How it is to be paid.
    pub collection: Collection,
    /// Days after its date at which it is due.
    pub due_days: u32,
    /// After how many days each a failed payment is tried again.
    pub retry_days: Vec<u32>,
    /// The series that its number will be of.
    pub series: String,
    /// The organization's tax table.
    pub tax_rates: Vec<TaxRate>,
    /// The organization.
    pub seller_tax: TaxProfile,
    /// The customer.
    pub buyer_tax: TaxProfile,
    /// The lines; their rates are found here.
    pub lines: Vec<LineItem>,
    /// Written on it.
    pub note: Option<String>,
}

/// A payment to be made for an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectPayment {
    /// Its id.
    pub payment_id: PaymentId,
    /// Who makes it.
    pub connector_id: ConnectorId,
    /// The payment method.
    pub method: Option<MethodRef>,
    /// How much; at most what is due.
    pub amount: Amount,
    /// Whether the money is only reserved at first.
    pub manual_capture: bool,
    /// Whether the customer is away.
    pub off_session: bool,
}

/// A credit note to be.
#[derive(Debug, Clone)]
pub struct CreditNote {
    /// Its id.
    pub credit_note_id: CreditNoteId,
    /// Why.
    pub reason: String,
    /// What is taken back of which line: its place in the invoice, from 0, and how much, as the line has it. Empty for
    /// all that is left of all lines, less what another invoice has taken off.
    pub lines: Vec<(u32, Amount)>,
    /// What becomes of what was paid already: refunded to how it was paid, or else credits.
    pub refund: bool,
}
