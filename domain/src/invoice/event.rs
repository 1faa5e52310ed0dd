//! What can have happened to an invoice. Payloads are complete: an invoice is written from its own events alone.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::cycle::Cycle;
use crate::ids::{CreditNoteId, CustomerId, InvoiceId, OrganizationId, SubscriptionId};
use crate::invoice::{Invoice, Status};
use crate::meter::MeterCode;
use crate::money::{Amount, Currency, Quantity, SignedAmount};
use crate::price::{PriceRef, Rated};
use crate::tax::{AppliedRate, TaxCategory, TaxLine};

mod payments;

pub use payments::{AttemptDue, Offset, Overdue, PaymentApplied, PaymentDropped, PaymentExpected, PaymentFailed};

event_enum! {
    /// An event of an invoice.
    InvoiceEvent in Invoice::CATEGORY;
    /// It was drafted: lines, taxes and totals.
    Drafted(Box<Drafted>) = "drafted", 1;
    /// Lines were added to the draft.
    LinesAdded(Box<Redrafted>) = "lines_added", 1;
    /// A line was taken from the draft.
    LineRemoved(Box<Redrafted>) = "line_removed", 1;
    /// The draft was thrown away.
    Discarded(Discarded) = "discarded", 1;
    /// Its content stands: it only waits for its number.
    Sealed(Sealed) = "sealed", 1;
    /// It has its number.
    Finalized(Box<Finalized>) = "finalized", 1;
    /// A payment is to be made for it, besides its own tries to be paid.
    PaymentExpected(Box<PaymentExpected>) = "payment_expected", 1;
    /// That payment will not come.
    PaymentDropped(PaymentDropped) = "payment_dropped", 1;
    /// A payment has come for it.
    PaymentApplied(PaymentApplied) = "payment_applied", 1;
    /// A try to be paid has failed.
    PaymentFailed(PaymentFailed) = "payment_failed", 1;
    /// What another invoice gives back was taken off what is due.
    Offset(Offset) = "offset", 1;
    /// Nothing is due any more.
    Paid(Settled) = "paid", 1;
    /// It was never meant to be.
    Voided(Settled) = "voided", 1;
    /// Nobody expects to be paid any more.
    MarkedUncollectible(Settled) = "marked_uncollectible", 1;
    /// A part of it was taken back.
    CreditNoteIssued(Box<CreditNoteIssued>) = "credit_note_issued", 1;
    /// A credit note has its number.
    CreditNoteNumbered(CreditNoteNumbered) = "credit_note_numbered", 1;
    /// It is time to try to be paid.
    AttemptDue(AttemptDue) = "attempt_due", 1;
    /// It was not paid when it was due.
    Overdue(Overdue) = "overdue", 1;
}

impl EventPayload for InvoiceEvent {
    payload_methods!();
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A fee for a period, or a single one.
    Fee,
    /// What was used of a meter in a period.
    Usage,
    /// A part of a fee for the rest of a period, charged or given back.
    Proration,
    /// What a period's usage lacks to its minimum; less than nothing for what of that late usage has filled up.
    Minimum,
    /// Usage of an earlier period that came after its close.
    LateUsage,
    /// What was charged too much until a volume price's tier was known, or late usage that is waived: given back.
    Adjustment,
    /// Somebody wrote it.
    Custom,
    /// What is more given back than charged: it becomes credits.
    ToCredits,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineItem {
    /// What it is for.
    pub kind: LineKind,
    /// In words: a price's name, or what somebody wrote.
    pub description: String,
    /// Which version of which price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceRef>,
    /// What was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<MeterCode>,
    /// How much: of a meter, of seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// How much of that an allowance covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub included_quantity: Option<Quantity>,
    /// The price of one unit, where all units have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Amount>,
    /// The period that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Cycle>,
    /// What credits paid of it already: not part of its amount.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub paid_by_credits: Amount,
    /// What of its exact amount the account has charged post-paid: it leaves the account when the invoice is settled.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub postpaid: Amount,
    /// Its amount, before and after rounding.
    #[serde(flatten)]
    pub rated: Rated,
    /// Which tax rates apply.
    #[serde(default)]
    pub tax_category: TaxCategory,
    /// Those rates, when the invoice was drafted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<AppliedRate>,
    /// The charges behind it: the account's events between these versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charges: Option<ChargesRef>,
}

/// Where the charges of a line are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargesRef {
    /// How many.
    pub count: u64,
    /// The version of the account's stream with the first of them.
    pub first_version: i64,
    /// The version with the last of them.
    pub last_version: i64,
    /// The period that they counted in; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<Timestamp>,
}

/// What an invoice comes to. `total = subtotal + tax` where prices are without tax; with tax in them, `subtotal` is
/// without it all the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// The sum of the lines, without tax.
    pub subtotal: SignedAmount,
    /// All taxes.
    pub tax: SignedAmount,
    /// What is to be paid; never less than zero.
    pub total: Amount,
}

/// How it is to be paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// The customer's payment method is charged.
    Automatic,
    /// The customer pays by itself.
    #[default]
    Send,
}

/// How an invoice stands after an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct After {
    /// Its status.
    pub status: Status,
    /// What has been paid for it.
    pub paid: Amount,
    /// What credit notes have taken off.
    pub credited: Amount,
    /// What other invoices have taken off that gave back more than they charged.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub offset: Amount,
    /// What is still to be paid.
    pub due: Amount,
    /// When a payment is tried next; `None` when none is.
    pub next_attempt_at: Option<Timestamp>,
}

/// Payload of `invoice.drafted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drafted {
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Who bills.
    pub organization_id: OrganizationId,
    /// Who is billed.
    pub customer_id: CustomerId,
    /// The subscription, and the number of its bill.
    pub subscription: Option<(SubscriptionId, u32)>,
    /// In this currency.
    pub currency: Currency,
    /// Its date: when it was due.
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
    /// Both tax ids and regions as they were: what decided about the taxes.
    pub seller_tax: crate::tax::TaxProfile,
    /// The customer's.
    pub buyer_tax: crate::tax::TaxProfile,
    /// The lines.
    pub lines: Vec<LineItem>,
    /// The taxes.
    pub taxes: Vec<TaxLine>,
    /// What it comes to.
    pub totals: Totals,
    /// Written on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.lines_added` and `invoice.line_removed`: the draft as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Redrafted {
    /// Whose.
    pub customer_id: CustomerId,
    /// The lines.
    pub lines: Vec<LineItem>,
    /// The taxes.
    pub taxes: Vec<TaxLine>,
    /// What it comes to.
    pub totals: Totals,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.discarded`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Discarded {
    /// Whose.
    pub customer_id: CustomerId,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.sealed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    /// Whose.
    pub customer_id: CustomerId,
    /// The series that its number will be of.
    pub series: String,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.finalized`. What the journal needs is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finalized {
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Whose.
    pub customer_id: CustomerId,
    /// Of which subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<SubscriptionId>,
    /// Its currency.
    pub currency: Currency,
    /// Its number, without a gap in its series.
    pub number: String,
    /// When it is due.
    pub due_at: Timestamp,
    /// What it comes to.
    pub totals: Totals,
    /// Postings that follow from it.
    pub booked: Booked,
    /// After it.
    pub after: After,
}

/// What an invoice (or, the other way round, a credit note) means for the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Booked {
    /// Fees, less what was given back: revenue that is earned with the invoice. Exact.
    pub fees: SignedAmount,
    /// Taxes.
    pub tax: SignedAmount,
    /// What rounding adds, or takes.
    pub rounding: SignedAmount,
    /// What is more given back than charged. It becomes credits, as far as it lowers nothing that is due elsewhere.
    pub to_credits: Amount,
    /// What the account charged post-paid for it, exact: it leaves the account when the invoice is settled.
    pub postpaid: Amount,
}

/// Payload of `invoice.paid`, `invoice.voided` and `invoice.marked_uncollectible`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Whose.
    pub customer_id: CustomerId,
    /// Of which subscription.
    pub subscription_id: Option<SubscriptionId>,
    /// Its currency.
    pub currency: Currency,
    /// When.
    pub at: Timestamp,
    /// What the account charged post-paid and is now settled.
    pub postpaid: Amount,
    /// What was still due: taken back from revenue and tax by `voided`, lost by `marked_uncollectible`, nothing for
    /// `paid`.
    pub remaining: Amount,
    /// What had been given up as lost and came all the same, of `paid`.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub recovered: Amount,
    /// What is taken back in the journal, of `voided`.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub booked: Booked,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.credit_note_issued`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreditNoteIssued {
    /// Its id.
    pub credit_note_id: CreditNoteId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Whose.
    pub customer_id: CustomerId,
    /// The invoice's.
    pub currency: Currency,
    /// When.
    pub at: Timestamp,
    /// Why, in the caller's words.
    pub reason: String,
    /// What is taken back of which line: its place in the invoice, from 0, and the amount, as the line has it (with
    /// tax in it where the line's has).
    pub lines: Vec<(u32, Amount)>,
    /// The taxes that go with it.
    pub taxes: Vec<TaxLine>,
    /// All of it, with tax.
    pub total: Amount,
    /// What of it lowers what is due; the rest was paid already and is refunded or becomes credits.
    pub off_due: Amount,
    /// What becomes credits.
    pub to_credits: Amount,
    /// What is to be refunded.
    pub to_refund: Amount,
    /// What is taken back in the journal.
    pub booked: Booked,
    /// After it.
    pub after: After,
}

/// Payload of `invoice.credit_note_numbered`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreditNoteNumbered {
    /// Whose.
    pub customer_id: CustomerId,
    /// The credit note.
    pub credit_note_id: CreditNoteId,
    /// Its number, without a gap in its series.
    pub number: String,
    /// After it.
    pub after: After,
}
