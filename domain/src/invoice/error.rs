//! Why an invoice's command is denied.

use crate::invoice::{CREDIT_NOTES_MAX, LINES_MAX, Status};
use crate::money::{Amount, Currency, MoneyError};

/// Why an invoice's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceError {
    /// There is none, or it is another organization's.
    #[error("there is no such invoice")]
    NotFound,
    /// It was drafted before.
    #[error("the invoice exists already")]
    AlreadyExists,
    /// Its status forbids it.
    #[error("the invoice is {}", .0.name())]
    WrongStatus(Status),
    /// Too many lines. Usage is always taken.
    #[error("an invoice has at most {LINES_MAX} lines besides usage")]
    TooManyLines,
    /// There is nothing on it.
    #[error("an invoice without lines cannot be finalized")]
    NoLines,
    /// It has no such line.
    #[error("the invoice has no line {0}")]
    LineNotFound(u32),
    /// The line is not somebody's to take away.
    #[error("line {0} cannot be removed: usage stands behind it, or it follows from the others")]
    LineStays(u32),
    /// The invoice makes this line itself.
    #[error("a line to credits follows from the others and cannot be added")]
    LineNotAllowed,
    /// With it usage would be lost that no other invoice will have.
    #[error("the draft cannot be discarded: usage stands behind it")]
    UsageBehind,
    /// An amount or a sum cannot be kept, or lies between two of the currency's smallest units.
    #[error("an amount of the invoice {0}")]
    AmountOutOfRange(#[from] MoneyError),
    /// Nothing is asked for.
    #[error("the amount must be more than zero")]
    ZeroAmount,
    /// More is paid than is due.
    #[error("the payment of {amount} {currency} is more than the {due} {currency} that are due")]
    MoreThanDue {
        /// What is paid.
        amount: Amount,
        /// What is due.
        due: Amount,
        /// The invoice's.
        currency: Currency,
    },
    /// A part was paid, taken back or taken off already: only credit notes can take back what is left.
    #[error("a part of the invoice was paid, credited or taken off: issue a credit note")]
    PartlyPaid,
    /// A try to be paid is under way.
    #[error("a payment of the invoice is under way")]
    AttemptUnderWay,
    /// More of a line is taken back than is left of it.
    #[error("line {line} has {left} left to credit")]
    MoreThanLeftOfLine {
        /// Its place in the invoice, from 0.
        line: u32,
        /// What is left of it.
        left: Amount,
    },
    /// More is taken back than the invoice has left: lines that give back were left out, or another invoice has taken a
    /// part off.
    #[error("the credit note of {total} is more than the {left} that are left of the invoice")]
    MoreThanLeft {
        /// What it comes to.
        total: Amount,
        /// What is left.
        left: Amount,
    },
    /// The credit note comes to nothing, or to less.
    #[error("the credit note must come to more than zero")]
    NothingToCredit,
    /// It was issued before.
    #[error("the credit note exists already")]
    CreditNoteExists,
    /// There is none with this id.
    #[error("the invoice has no such credit note")]
    CreditNoteNotFound,
    /// It has a number for ever.
    #[error("the credit note has its number already")]
    CreditNoteNumbered,
    /// Too many of them.
    #[error("an invoice has at most {CREDIT_NOTES_MAX} credit notes")]
    TooManyCreditNotes,
}
