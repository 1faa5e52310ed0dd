//! When rows are due: by their timestamps, at a rate, or at once.
//!
//! The schedule is open: it is laid out from the start and does not wait for answers. A row that is
//! late is sent at once, and how late is told.

use std::time::Duration;

/// A pace. Of two the slower counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// The timestamp that is due at once, in microseconds; and how many times faster than in the trace:
    /// 1 is real time, 60 makes an hour a minute.
    pub realtime: Option<(i64, f64)>,
    /// Rows a second.
    pub rate: Option<u32>,
}

impl Pace {
    /// How long after the start a row is due; `None` for at once.
    pub fn due(self, index: usize, at_us: i64) -> Option<Duration> {
        let by_trace = self.realtime.map(|(first_us, factor)| by_trace(at_us, first_us, factor));
        let by_rate = self.rate.map(|rate| by_rate(index, rate));
        by_trace.max(by_rate)
    }
}

/// A row from before the first one is due at once.
fn by_trace(at_us: i64, first_us: i64, factor: f64) -> Duration {
    let since_us = at_us.saturating_sub(first_us).max(0) as u64;
    let since = Duration::from_micros(since_us).as_secs_f64();
    Duration::try_from_secs_f64(since / factor).unwrap_or(Duration::MAX)
}

/// Row i at i/rate seconds, in whole nanoseconds: steps do not add up errors.
fn by_rate(index: usize, rate: u32) -> Duration {
    let nanos = index as u128 * 1_000_000_000 / u128::from(rate);
    u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_due_by_their_timestamps_times_the_factor() {
        let due = |factor, at_us| Pace { realtime: Some((1_000_000, factor)), rate: None }.due(7, at_us).unwrap();
        assert_eq!(due(1.0, 1_000_000), Duration::ZERO);
        assert_eq!(due(1.0, 3_500_000), Duration::from_millis(2_500));
        assert_eq!(due(60.0, 3_601_000_000), Duration::from_secs(60));
        assert_eq!(due(0.5, 2_000_000), Duration::from_secs(2));
        assert_eq!(due(1.0, 0), Duration::ZERO, "out of order: at once");
        assert!(due(0.001, i64::MAX) > Duration::from_secs(1 << 50), "no overflow");
    }

    #[test]
    fn a_rate_is_kept_to_the_nanosecond() {
        let due = |index, rate| Pace { realtime: None, rate: Some(rate) }.due(index, 0).unwrap();
        assert_eq!(due(0, 200), Duration::ZERO);
        assert_eq!(due(1, 200), Duration::from_millis(5));
        assert_eq!(due(3_000_000, 3), Duration::from_secs(1_000_000));
        assert_eq!(due(usize::MAX, 1), Duration::MAX, "no overflow");
    }

    #[test]
    fn of_two_the_slower_counts_and_of_none_neither() {
        let both = Pace { realtime: Some((0, 1.0)), rate: Some(10) };
        assert_eq!(both.due(1, 2_000_000), Some(Duration::from_secs(2)));
        assert_eq!(both.due(50, 2_000_000), Some(Duration::from_secs(5)));
        assert_eq!(Pace::default().due(50, 2_000_000), None);
    }
}
