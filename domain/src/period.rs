//! Calendar periods in UTC: what a quota counts within.

use chrono::{DateTime, Datelike, Days, Months, NaiveTime, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How long a quota counts before it starts anew. Borders are calendar borders in UTC; those of a subscription's periods
/// are events, see [`crate::account::Quota::start_at`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From each full hour.
    Hour,
    /// From each midnight.
    Day,
    /// From the first of each month.
    Month,
    /// For ever: it never starts anew.
    Total,
    /// A subscription's period.
    Cycle,
}

impl Period {
    /// The start of the period that `at` lies in; for [`Period::Total`] the epoch, and for [`Period::Cycle`], which no
    /// calendar knows.
    pub fn start(self, at: Timestamp) -> Timestamp {
        let midnight = at.date_naive().and_time(NaiveTime::MIN).and_utc();
        match self {
            Self::Hour => midnight + TimeDelta::hours(i64::from(at.hour())),
            Self::Day => midnight,
            Self::Month => midnight - Days::new(u64::from(at.day0())),
            Self::Total | Self::Cycle => DateTime::<Utc>::UNIX_EPOCH,
        }
    }

    /// When the period that `at` lies in ends, and the next begins; `None` for [`Period::Total`] and
    /// [`Period::Cycle`].
    pub fn end(self, at: Timestamp) -> Option<Timestamp> {
        let start = self.start(at);
        match self {
            Self::Hour => Some(start + TimeDelta::hours(1)),
            Self::Day => Some(start + Days::new(1)),
            Self::Month => start.checked_add_months(Months::new(1)),
            Self::Total | Self::Cycle => None,
        }
    }

    /// Its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Total => "total",
            Self::Cycle => "cycle",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders() {
        let at: Timestamp = "2024-02-29T23:59:59.999999Z".parse().unwrap();
        let show = |p: Period| (p.start(at).to_rfc3339(), p.end(at).map(|e| e.to_rfc3339()));
        assert_eq!(show(Period::Hour), ("2024-02-29T23:00:00+00:00".into(), Some("2024-03-01T00:00:00+00:00".into())));
        assert_eq!(show(Period::Day), ("2024-02-29T00:00:00+00:00".into(), Some("2024-03-01T00:00:00+00:00".into())));
        assert_eq!(show(Period::Month), ("2024-02-01T00:00:00+00:00".into(), Some("2024-03-01T00:00:00+00:00".into())));
        assert_eq!(show(Period::Total), ("1970-01-01T00:00:00+00:00".into(), None));
        assert_eq!(show(Period::Cycle), show(Period::Total), "the calendar knows neither");
    }
}
