//! The only place that reads a clock. Everybody else is told the time.

use domain::Timestamp;
use domain::envelope::to_micros;

/// The time now, to the microsecond.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn now() -> Timestamp {
    to_micros(chrono::Utc::now())
}
