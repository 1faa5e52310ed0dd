//! Invoices: draft → finalized → paid, void or uncollectible; and the credit notes that take parts of them back.
//!
//! [`command`] and [`event`] have the words. `drafting` says what lines come to, `life` what becomes of a finalized
//! invoice, `collection` when it is tried to be paid, `crediting` what is taken back.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::ids::{self, CreditNoteId, InvoiceId, PaymentId};
use crate::money::{Amount, Currency, MoneyError, SignedAmount};
use crate::tax::TaxLine;

mod collection;
pub mod command;
mod crediting;
mod drafting;
mod error;
pub mod event;
mod life;
mod observe;
#[cfg(test)]
mod tests;

pub use command::{Action, CreditNote, Draft, ExpectPayment, InvoiceCommand};
pub use error::InvoiceError;
pub use event::{
    After, Booked, ChargesRef, Collection, CreditNoteIssued, Drafted, InvoiceEvent, LineItem, LineKind, Totals,
};

/// How many lines an invoice may have, besides those that usage stands behind.
pub const LINES_MAX: usize = 1_000;
/// How many credit notes.
pub const CREDIT_NOTES_MAX: usize = 100;

/// Where an invoice is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It may still change.
    #[default]
    Draft,
    /// It waits for its number.
    Sealed,
    /// It is to be paid. Also called finalized.
    Open,
    /// Nothing is due any more.
    Paid,
    /// It was never meant to be.
    Void,
    /// Nobody expects to be paid any more; a payment that comes all the same is taken.
    Uncollectible,
    /// The draft was thrown away.
    Discarded,
}

impl Status {
    /// Every one that an invoice can be in.
    pub const ALL: [Self; 7] =
        [Self::Draft, Self::Sealed, Self::Open, Self::Paid, Self::Void, Self::Uncollectible, Self::Discarded];

    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Sealed => "sealed",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Void => "void",
            Self::Uncollectible => "uncollectible",
            Self::Discarded => "discarded",
        }
    }
}

/// State of an invoice.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Invoice {
    /// As it was drafted, with the lines, taxes and totals that it has now; `None` until it was.
    pub drafted: Option<Box<Drafted>>,
    /// When it was drafted.
    pub drafted_at: Option<Timestamp>,
    /// Where it is in its life.
    pub status: Status,
    /// Its number, once it is finalized.
    pub number: Option<String>,
    /// When it was finalized.
    pub finalized_at: Option<Timestamp>,
    /// When it is due, once it is finalized.
    pub due_at: Option<Timestamp>,
    /// When nothing was due any more.
    pub paid_at: Option<Timestamp>,
    /// When it was voided.
    pub voided_at: Option<Timestamp>,
    /// When it was marked as uncollectible.
    pub uncollectible_at: Option<Timestamp>,
    /// When it was found not to be paid in time, of one that the customer pays by itself.
    pub overdue_at: Option<Timestamp>,
    /// What has been paid for it.
    pub paid: Amount,
    /// What credit notes have taken off what is due.
    pub credited: Amount,
    /// What other invoices have taken off it that gave back more than they charged.
    pub offset: Amount,
    /// What was given up as lost.
    pub given_up: Amount,
    /// When something is due by time: a try to be paid, or that it is overdue.
    pub next_attempt_at: Option<Timestamp>,
    /// How many tries to be paid there were, with the one that is under way.
    pub attempts: u32,
    /// Whether one is under way.
    pub is_attempting: bool,
    /// A payment that is under way for it, besides its own tries.
    pub expected: Option<Expected>,
    /// What the last try that failed came to.
    pub last_failure: Option<Failure>,
    /// Payments that have come for it, in order.
    pub payments: Vec<Applied>,
    /// What was taken back of it, in order.
    pub credit_notes: Vec<Issued>,
}

/// A payment that has come for an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// Which.
    pub payment_id: PaymentId,
    /// How much of it.
    pub amount: Amount,
    /// What of it was not due, and became credits.
    pub surplus: Amount,
    /// When.
    pub at: Timestamp,
}

/// A payment that is under way for an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Which.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Amount,
    /// When the invoice's own try was due that waits for it.
    pub postponed: Option<Timestamp>,
}

/// A try to be paid that has failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Which try it was, from 1.
    pub attempt: u32,
    /// The payment.
    pub payment_id: PaymentId,
    /// The provider's code.
    pub code: String,
    /// When.
    pub at: Timestamp,
}

/// A credit note of an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issued {
    /// As it was issued.
    pub note: CreditNoteIssued,
    /// Its number, once it has it.
    pub number: Option<String>,
}

/// The payment of a try to be paid, from 1: each has one of its own, and another payment's failure is none of them.
pub fn payment_of(invoice_id: InvoiceId, attempt: u32) -> PaymentId {
    PaymentId::new(ids::derive(&[b"invoice payment", invoice_id.uuid().as_bytes(), &attempt.to_be_bytes()]))
}

impl Invoice {
    /// What it is for.
    pub fn lines(&self) -> &[LineItem] {
        self.drafted.as_ref().map_or(&[], |drafted| drafted.lines.as_slice())
    }

    /// The taxes on it.
    pub fn taxes(&self) -> &[TaxLine] {
        self.drafted.as_ref().map_or(&[], |drafted| drafted.taxes.as_slice())
    }

    /// What it comes to.
    pub fn totals(&self) -> Totals {
        self.drafted.as_ref().map(|drafted| drafted.totals.clone()).unwrap_or_default()
    }

    /// What is still to be paid.
    pub fn unpaid(&self) -> Amount {
        match self.status {
            Status::Void | Status::Discarded => Amount::ZERO,
            Status::Draft | Status::Sealed | Status::Open | Status::Paid | Status::Uncollectible => {
                let total = self.drafted.as_ref().map_or(Amount::ZERO, |drafted| drafted.totals.total);
                total.minus(self.paid).minus(self.credited).minus(self.offset)
            }
        }
    }

    /// What the account has charged post-paid for it.
    pub fn postpaid(&self) -> Amount {
        self.lines().iter().fold(Amount::ZERO, |sum, line| sum.plus(line.postpaid))
    }

    /// One of its credit notes.
    pub fn credit_note(&self, id: CreditNoteId) -> Option<&Issued> {
        self.credit_notes.iter().find(|issued| issued.note.credit_note_id == id)
    }

    /// What credit notes have taken back in all, with tax: off what was due, as refunds and as credits.
    pub fn taken_back(&self) -> Amount {
        self.credit_notes.iter().fold(Amount::ZERO, |sum, issued| sum.plus(issued.note.total))
    }

    /// What credit notes may still take back of each line, as the line has it; zero for what becomes credits.
    pub fn left_of_lines(&self) -> Vec<SignedAmount> {
        crediting::left_of_lines(self)
    }

    /// How it stands.
    fn standing(&self) -> After {
        After {
            status: self.status,
            paid: self.paid,
            credited: self.credited,
            offset: self.offset,
            due: self.unpaid(),
            next_attempt_at: self.next_attempt_at,
        }
    }
}

/// Refuses an amount that nobody can pay: one between two of the currency's smallest units.
fn payable(amount: Amount, currency: Currency) -> Result<(), InvoiceError> {
    if amount.is_zero() {
        return Err(InvoiceError::ZeroAmount);
    }
    if currency.rounded(amount.decimal()) == amount.decimal() {
        Ok(())
    } else {
        Err(MoneyError::TooPrecise { max: currency.minor_unit() }.into())
    }
}

/// So many days of 24 hours later.
fn days_after(at: Timestamp, days: u32) -> Timestamp {
    at.checked_add_signed(TimeDelta::days(days.into())).unwrap_or(at)
}

impl Aggregate for Invoice {
    const CATEGORY: &'static str = "invoice";
    const STATE_VERSION: i16 = 1;
    type Command = InvoiceCommand;
    type Event = InvoiceEvent;
    type Error = InvoiceError;

    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        if let Action::Draft(draft) = &command.action {
            return drafting::draft(self, command.organization_id, draft);
        }
        let drafted = self.drafted.as_deref().filter(|drafted| drafted.organization_id == command.organization_id);
        let drafted = drafted.ok_or(InvoiceError::NotFound)?;
        match &command.action {
            Action::Draft(_) => Err(InvoiceError::AlreadyExists),
            Action::AddLines { lines, taxes } => drafting::add_lines(self, drafted, lines, taxes),
            Action::RemoveLine { index } => drafting::remove_line(self, drafted, *index),
            Action::Discard => drafting::discard(self, drafted),
            Action::Seal => drafting::seal(self, drafted),
            Action::Number { number } => life::number(self, drafted, number, now),
            Action::ExpectPayment(expected) => collection::expect_payment(self, drafted, expected),
            Action::ApplyPayment { payment_id, amount } => {
                life::apply_payment(self, drafted, *payment_id, *amount, now)
            }
            Action::FailPayment { payment_id, code } => {
                Ok(collection::fail_payment(self, drafted, *payment_id, code, now))
            }
            Action::Offset { from_invoice, amount, then } => {
                Ok(life::offset(self, drafted, *from_invoice, *amount, then, now))
            }
            Action::Void => life::void(self, drafted, now),
            Action::MarkUncollectible => life::mark_uncollectible(self, drafted, now),
            Action::IssueCreditNote(note) => crediting::issue(self, drafted, note, now),
            Action::NumberCreditNote { credit_note_id, number } => {
                crediting::number(self, drafted, *credit_note_id, number)
            }
            Action::Advance => Ok(collection::advance(self, drafted, now)),
            Action::Collect => collection::collect(self, drafted, now),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        use InvoiceEvent as E;
        let after = event.after();
        (self.status, self.paid, self.credited, self.offset) = (after.status, after.paid, after.credited, after.offset);
        self.next_attempt_at = after.next_attempt_at;
        match event {
            E::Drafted(e) => {
                self.drafted = Some(e.clone());
                self.drafted_at = Some(occurred_at);
            }
            E::LinesAdded(e) | E::LineRemoved(e) => {
                if let Some(drafted) = &mut self.drafted {
                    drafted.lines.clone_from(&e.lines);
                    drafted.taxes.clone_from(&e.taxes);
                    drafted.totals.clone_from(&e.totals);
                }
            }
            E::Discarded(_) | E::Sealed(_) | E::Offset(_) => {}
            E::Finalized(e) => {
                self.number = Some(e.number.clone());
                self.finalized_at = Some(occurred_at);
                self.due_at = Some(e.due_at);
            }
            E::PaymentExpected(e) => {
                let (payment_id, amount, postponed) = (e.payment_id, e.amount, e.postponed);
                self.expected = Some(Expected { payment_id, amount, postponed });
            }
            E::PaymentDropped(_) => self.expected = None,
            E::PaymentApplied(e) => {
                let (payment_id, amount, surplus) = (e.payment_id, e.amount, e.surplus);
                self.payments.push(Applied { payment_id, amount, surplus, at: occurred_at });
                if self.attempt_is(payment_id) {
                    self.is_attempting = false;
                }
                if self.expects(payment_id) {
                    self.expected = None;
                }
            }
            E::PaymentFailed(e) => {
                self.is_attempting = false;
                self.last_failure = Some(Failure {
                    attempt: e.attempt,
                    payment_id: e.payment_id,
                    code: e.code.clone(),
                    at: occurred_at,
                });
            }
            E::Paid(e) => {
                self.waits_for_nothing();
                self.paid_at = Some(e.at);
            }
            E::Voided(e) => {
                self.waits_for_nothing();
                self.voided_at = Some(e.at);
            }
            E::MarkedUncollectible(e) => {
                // What is under way may still come; nothing more is tried after it.
                if let Some(payment_id) = self.under_way() {
                    self.expected = Some(Expected { payment_id, amount: e.remaining, postponed: None });
                }
                self.is_attempting = false;
                self.uncollectible_at = Some(e.at);
                self.given_up = e.remaining;
            }
            E::CreditNoteIssued(e) => self.credit_notes.push(Issued { note: (**e).clone(), number: None }),
            E::CreditNoteNumbered(e) => {
                let of = |issued: &&mut Issued| issued.note.credit_note_id == e.credit_note_id;
                if let Some(issued) = self.credit_notes.iter_mut().find(of) {
                    issued.number = Some(e.number.clone());
                }
            }
            E::AttemptDue(e) => {
                self.attempts = e.attempt;
                self.is_attempting = true;
            }
            E::Overdue(e) => self.overdue_at = Some(e.at),
        }
    }
}

impl Invoice {
    /// Whether this is the payment of the try that is under way.
    fn attempt_is(&self, payment_id: PaymentId) -> bool {
        let invoice_id = self.drafted.as_ref().map(|drafted| drafted.invoice_id);
        self.is_attempting && invoice_id.is_some_and(|id| payment_of(id, self.attempts) == payment_id)
    }

    /// Whether this is the payment that is under way besides.
    fn expects(&self, payment_id: PaymentId) -> bool {
        self.expected.is_some_and(|expected| expected.payment_id == payment_id)
    }

    /// The payment that is under way: of a try, or another one. There is one at a time.
    pub fn under_way(&self) -> Option<PaymentId> {
        let of_try = self.drafted.as_ref().filter(|_| self.is_attempting);
        let of_try = of_try.map(|drafted| payment_of(drafted.invoice_id, self.attempts));
        of_try.or_else(|| self.expected.map(|expected| expected.payment_id))
    }

    /// Nothing is due any more: whatever comes is too much.
    fn waits_for_nothing(&mut self) {
        self.is_attempting = false;
        self.expected = None;
    }
}
