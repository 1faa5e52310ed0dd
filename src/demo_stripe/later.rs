//! What comes by itself some time after a payment: its end when it is processed, a dispute, the end of a refund.

use super::attempt::Attempt;
use super::books::{Books, text};
use super::{disputes, refunds};

/// Something that is to come.
#[derive(Debug, Clone)]
pub struct Later {
    /// In so many milliseconds; `None`: as the settings say.
    pub after_ms: Option<u64>,
    /// What.
    pub what: What,
}

/// What is to come.
#[derive(Debug, Clone)]
pub enum What {
    /// A payment that is processed succeeds or fails.
    Settled {
        /// Which.
        intent: String,
        /// How it was confirmed.
        attempt: Attempt,
    },
    /// A charge is disputed.
    Disputed {
        /// Which.
        charge: String,
        /// Why.
        reason: &'static str,
        /// The bank asks first, and takes no money.
        is_inquiry: bool,
    },
    /// A refund comes to its end.
    Refunded {
        /// Which.
        refund: String,
        /// It arrived.
        is_done: bool,
    },
}

impl What {
    /// Lets it come.
    pub fn come(self, books: &mut Books) {
        match self {
            Self::Settled { intent, attempt } => {
                // It may have been canceled meanwhile.
                if books.find(&intent).is_some_and(|intent| text(intent, "status") == "processing") {
                    // Whoever asked has been answered: a refusal is told by its event.
                    let _ = attempt.settle(books, &intent);
                }
            }
            Self::Disputed { charge, reason, is_inquiry } => {
                let status = if is_inquiry { "warning_needs_response" } else { "needs_response" };
                let _ = disputes::open(books, &charge, status, reason);
            }
            Self::Refunded { refund, is_done } => refunds::end(books, &refund, is_done),
        }
    }
}
