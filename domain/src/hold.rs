//! Holds, whoever's money they reserve: what can be asked, what is denied, what an event says of one.
//!
//! A hold reserves up to an amount before the cost is known, for a time. It is checked when it is placed, so
//! capturing it can never overspend. It ends exactly once: by a capture that is final, by a void, or by the
//! event of its expiry; until that event it stands, also when its time is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::charge::Usage;
use crate::ids::HoldId;
use crate::money::{Amount, Currency};

#[cfg(test)]
pub(crate) mod race;

/// How many open holds one account or session key may have.
pub const HOLDS_MAX: usize = 10_000;
/// How many holds one command lets expire.
pub const EXPIRED_MAX: usize = 100;

/// What can be asked about holds.
#[derive(Debug, Clone)]
pub enum HoldAction {
    /// Reserve what this would cost.
    Place {
        /// Names it.
        hold_id: HoldId,
        /// The most that is to be charged; at least one.
        usage: Vec<Usage>,
        /// The caller's idea of the currency, checked.
        currency: Option<Currency>,
        /// How long, from now.
        ttl_secs: u32,
        /// The caller's words.
        description: Option<String>,
        /// The caller's own labels. Must not be personal data.
        metadata: BTreeMap<String, String>,
    },
    /// Reserve more, or for longer, or both.
    Extend {
        /// Which.
        hold_id: HoldId,
        /// What is to be reserved on top; may be nothing.
        usage: Vec<Usage>,
        /// The caller's idea of the currency, checked.
        currency: Option<Currency>,
        /// How long, from now; `None` leaves the deadline.
        ttl_secs: Option<u32>,
    },
    /// Charge what it came to.
    Capture {
        /// Which.
        hold_id: HoldId,
        /// What for; `None` for all that is held.
        usage: Option<Vec<Usage>>,
        /// The caller's idea of the currency, checked.
        currency: Option<Currency>,
        /// Whether the rest is released; else it stays for further captures.
        is_final: bool,
        /// Shown on statements.
        description: Option<String>,
        /// The caller's own labels. Must not be personal data.
        metadata: BTreeMap<String, String>,
    },
    /// Release all of it.
    Void {
        /// Which.
        hold_id: HoldId,
    },
    /// Release what has run out of time; nothing happens when nothing has.
    Expire,
}

/// Why something is denied to a hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// It has ended, or there never was one.
    #[error("there is no such open hold")]
    NotOpen,
    /// There is one with this id.
    #[error("there is an open hold with this id")]
    AlreadyOpen,
    /// Too many are open.
    #[error("at most {HOLDS_MAX} holds may be open for one payer")]
    TooMany,
    /// More than was reserved.
    #[error("the capture of {amount} {currency} is more than the {held} {currency} that are held")]
    CaptureAboveHold {
        /// What the capture comes to.
        amount: Amount,
        /// What is held.
        held: Amount,
        /// Of both.
        currency: Currency,
    },
    /// It reserved a meter's allowance or limit, so what was used of the meter must be said.
    #[error("the hold was placed for meters: say what was used of them")]
    UsageNeeded,
}

/// A hold after an event.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HoldAfter {
    /// Which.
    pub hold_id: HoldId,
    /// What is reserved; zero when it has ended.
    pub held: Amount,
    /// What was captured of it so far.
    pub captured: Amount,
    /// What it captures counts in the periods of this moment.
    pub placed_at: Timestamp,
    /// When it runs out.
    pub expires_at: Timestamp,
}
