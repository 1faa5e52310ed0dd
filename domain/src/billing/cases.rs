//! Worked cases: a plan, what is done on which days by the customer's wall clock, and the invoices that come of it. The
//! arithmetic stands above each case and was done without the code. Where it says *decided*, no rule says so yet, and
//! the case has what a customer would find fair.
//!
//! Every case also checks what holds of all of them, see `checking`: the journal balances, numbers have no gaps, and
//! the log, taken in anew, comes to the same.

use crate::billing::world::{Offer, per_unit};

mod allowances;
mod calendars;
mod changes;
mod credit_notes;
mod currencies;
mod daylight;
mod dunning;
mod ends;
mod late_usage;
mod long;
mod minimums;
mod pauses;
mod renewals;
mod series;
mod taxes;
mod tiers;
mod trials;
mod unpaid;

/// 30 a month, in advance.
fn basic() -> Offer {
    Offer::new("Basic").fee("Base", "30")
}

/// 90 a month, in advance.
fn pro() -> Offer {
    Offer::new("Pro").fee("Base", "90")
}

/// 30 a month, and calls: 100 are included, each more is 0.05.
fn metered() -> Offer {
    basic().usage("calls", per_unit("0.05")).including("100")
}
