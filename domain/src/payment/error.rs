//! Why a payment's command is denied.

use crate::money::{Amount, Currency, MoneyError};
use crate::payment::{REFUNDS_MAX, Status};
use crate::payout::OpenCause;

/// Why a payment's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// There is none, or it is another organization's.
    #[error("there is no such payment")]
    NotFound,
    /// It was made before.
    #[error("the payment exists already")]
    AlreadyExists,
    /// Its status forbids it.
    #[error("the payment is {}", .0.name())]
    WrongStatus(Status),
    /// Nothing is asked for.
    #[error("the amount must be more than zero")]
    ZeroAmount,
    /// An amount lies between two of the currency's smallest units, or cannot be kept.
    #[error("the amount {0}")]
    AmountOutOfRange(#[from] MoneyError),
    /// Money that has not come yet.
    #[error("received_at lies in the future")]
    ReceivedInTheFuture,
    /// Nobody knows yet whether the provider has it.
    #[error("the provider has not answered yet: try again")]
    NotAnswered,
    /// It is being captured.
    #[error("a capture of {0} is under way")]
    CaptureUnderWay(Amount),
    /// It is being cancelled.
    #[error("the payment is being cancelled")]
    CancelUnderWay,
    /// More is captured than is reserved.
    #[error("{amount} {currency} cannot be captured of {reserved} {currency}")]
    MoreThanReserved {
        /// What is asked for.
        amount: Amount,
        /// What is reserved.
        reserved: Amount,
        /// The payment's.
        currency: Currency,
    },
    /// More is refunded than is left.
    #[error("{amount} {currency} cannot be refunded: {left} {currency} are left")]
    MoreThanCaptured {
        /// What is asked for.
        amount: Amount,
        /// What was captured and not refunded.
        left: Amount,
        /// The payment's.
        currency: Currency,
    },
    /// All of it was refunded.
    #[error("nothing is left to refund")]
    NothingToRefund,
    /// It was asked for before.
    #[error("the refund exists already")]
    RefundExists,
    /// Too many of them.
    #[error("a payment has at most {REFUNDS_MAX} refunds")]
    TooManyRefunds,
    /// There is none with this id.
    #[error("the payment has no such refund")]
    RefundNotFound,
    /// No provider stands behind it.
    #[error("the payment was recorded by hand: no provider knows it")]
    ByHand,
    /// The provider says something else than it said before: a person must look.
    #[error("the provider names another {0} than is known")]
    Contradiction(&'static str),
    /// The payout file names another currency.
    #[error("the payment is in {expected}, not in {given}")]
    CurrencyDiffers {
        /// The payment's.
        expected: Currency,
        /// What came.
        given: Currency,
    },
    /// It was paid out, and as far as the ledger knows never came.
    #[error("the ledger does not know that it has succeeded")]
    NotSucceeded,
    /// The payout file names another amount.
    #[error("it is {expected}, not {given}")]
    AmountDiffers {
        /// What was captured, refunded or disputed.
        expected: Amount,
        /// What came.
        given: Amount,
    },
    /// An earlier line was about it.
    #[error("it was paid out already")]
    PaidOutTwice,
}

impl PaymentError {
    /// Why the line of a payout file that asked stays open; `None` when this is no answer to it.
    pub const fn open_cause(&self) -> Option<OpenCause> {
        match self {
            Self::NotFound | Self::RefundNotFound | Self::ByHand => Some(OpenCause::Unknown),
            Self::CurrencyDiffers { .. } => Some(OpenCause::CurrencyDiffers),
            Self::NotSucceeded => Some(OpenCause::NotSucceeded),
            Self::AmountDiffers { .. } => Some(OpenCause::AmountDiffers),
            Self::PaidOutTwice => Some(OpenCause::PaidOutTwice),
            _ => None,
        }
    }
}
