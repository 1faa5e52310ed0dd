//! Billing periods: from when to when a subscription's fee is for, in the customer's time zone.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

#[cfg(test)]
mod tests;

/// The largest count of an [`Interval`].
pub const COUNT_MAX: u32 = 120;

/// One billing period: from its start up to, and without, its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cycle {
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

/// How long a billing period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// The unit.
    pub unit: IntervalUnit,
    /// How many of them; 1 to 120.
    pub count: u32,
}

/// The unit of an [`Interval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalUnit {
    /// Calendar days in the customer's time zone.
    Day,
    /// Seven of them.
    Week,
    /// Calendar months.
    Month,
    /// Twelve of them.
    Year,
}

/// Where periods begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchoring {
    /// On the first of a month (of the year for yearly ones, on Monday for weekly ones), at midnight; the first
    /// period is a shorter one.
    Calendar,
    /// On the day and at the time of day at which the subscription began.
    Anniversary,
    /// On a day and at a time of its own; the first period is a shorter one.
    At(Timestamp),
}

/// The rule that gives a subscription its periods.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// How long one is.
    pub interval: Interval,
    /// A border between periods: all others are counted from it.
    pub anchor: Timestamp,
    /// Borders are on this wall clock.
    pub time_zone: Tz,
}

/// An interval is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an interval has a count of 1 to {COUNT_MAX}")]
pub struct InvalidInterval;

/// How far it is from one border to the next, on the wall clock.
#[derive(Debug, Clone, Copy)]
enum Step {
    Days(u32),
    Months(u32),
}

impl Cycle {
    /// Whether the moment lies in it.
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// How long it is, in full seconds; 0 when it ends before it starts.
    pub fn secs(self) -> i64 {
        (self.end - self.start).num_seconds().max(0)
    }
}

impl Interval {
    /// So many of a unit.
    pub fn new(unit: IntervalUnit, count: u32) -> Result<Self, InvalidInterval> {
        let interval = Self { unit, count };
        interval.check().map(|()| interval)
    }

    /// Whether it is what it must be, wherever it came from.
    pub fn check(self) -> Result<(), InvalidInterval> {
        if (1..=COUNT_MAX).contains(&self.count) { Ok(()) } else { Err(InvalidInterval) }
    }

    fn step(self) -> Step {
        let count = self.count.max(1);
        match self.unit {
            IntervalUnit::Day => Step::Days(count),
            IntervalUnit::Week => Step::Days(count.saturating_mul(7)),
            IntervalUnit::Month => Step::Months(count),
            IntervalUnit::Year => Step::Months(count.saturating_mul(12)),
        }
    }
}

impl Calendar {
    /// The periods of a subscription that begins at `start`, and the first of them: up to the first border after
    /// `start`.
    pub fn first(start: Timestamp, interval: Interval, anchoring: Anchoring, time_zone: Tz) -> (Self, Cycle) {
        let anchor = match anchoring {
            Anchoring::Calendar => midnight(start, interval, time_zone),
            Anchoring::Anniversary => start,
            Anchoring::At(at) => at,
        };
        let calendar = Self { interval, anchor, time_zone };
        (calendar, calendar.cycle_from(start))
    }

    /// The whole period that holds this moment.
    pub fn cycle_at(&self, at: Timestamp) -> Cycle {
        // By local dates it is this one or the one before: the time of day decides. A clock that was set back can
        // show an earlier date again, so those after it are looked at as well.
        let guess = self.guess(at);
        let index = (guess - 2..=guess + 2).rev().find(|n| self.border(*n) <= at).unwrap_or(guess - 3);
        Cycle { start: self.border(index), end: self.border(index + 1) }
    }

    /// The period that follows.
    pub fn next(&self, cycle: Cycle) -> Cycle {
        self.cycle_from(cycle.end)
    }

    /// From this moment to the first border after it: a whole period when the moment is a border, else what is left of
    /// one.
    pub fn cycle_from(&self, start: Timestamp) -> Cycle {
        Cycle { start, end: self.cycle_at(start).end }
    }

    /// The n-th border, counted from the anchor, which is the 0th; those before it have negative numbers. Always the
    /// anchor's own day and time of day: after a month's last day, because the anchor's does not exist in it, the
    /// anchor's comes back. What no calendar can show is its first or last moment.
    pub fn border(&self, n: i64) -> Timestamp {
        // Its wall-clock time may come twice, and it be the second of them.
        if n == 0 {
            return self.anchor;
        }
        let local = self.anchor.with_timezone(&self.time_zone).naive_local();
        let end = if n < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        shifted(local, self.interval.step(), n).and_then(|local| moment(self.time_zone, local)).unwrap_or(end)
    }

    /// Which border lies before this moment, by local dates alone.
    fn guess(&self, at: Timestamp) -> i64 {
        let anchor = self.anchor.with_timezone(&self.time_zone).date_naive();
        let date = at.with_timezone(&self.time_zone).date_naive();
        match self.interval.step() {
            Step::Days(days) => (date - anchor).num_days().div_euclid(i64::from(days)),
            Step::Months(months) => (month_number(date) - month_number(anchor)).div_euclid(i64::from(months)),
        }
    }
}

/// Months since the year 0.
fn month_number(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

/// So many steps on, or back. A day that a month does not have is its last.
fn shifted(local: NaiveDateTime, step: Step, n: i64) -> Option<NaiveDateTime> {
    let times = n.unsigned_abs();
    match step {
        Step::Days(days) => {
            let days = Days::new(times.checked_mul(u64::from(days))?);
            if n < 0 { local.checked_sub_days(days) } else { local.checked_add_days(days) }
        }
        Step::Months(months) => {
            let months = Months::new(u32::try_from(times.checked_mul(u64::from(months))?).ok()?);
            if n < 0 { local.checked_sub_months(months) } else { local.checked_add_months(months) }
        }
    }
}

/// When a wall clock shows this: the earlier moment when it does so twice, and the first moment after the gap when it
/// never does.
fn moment(time_zone: Tz, local: NaiveDateTime) -> Option<Timestamp> {
    match time_zone.from_local_datetime(&local).earliest() {
        Some(shown) => Some(shown.with_timezone(&Utc)),
        None => after_gap(time_zone, local),
    }
}

/// The first moment at which a wall clock shows something later than `local`, which it skips. Clocks are set forward
/// at full seconds, and no zone is as far as a day from UTC.
fn after_gap(time_zone: Tz, local: NaiveDateTime) -> Option<Timestamp> {
    const DAY_SECS: i64 = 86_400;
    let shows_later = |secs: i64| {
        DateTime::<Utc>::from_timestamp(secs, 0).is_some_and(|at| at.with_timezone(&time_zone).naive_local() > local)
    };
    let utc = local.and_utc().timestamp();
    let (mut before, mut after) = (utc - DAY_SECS, utc + DAY_SECS);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if shows_later(middle) { after = middle } else { before = middle }
    }
    DateTime::<Utc>::from_timestamp(after, 0)
}

/// A midnight with which one of the interval's units begins: that of the unit in which `start` lies, or, when the wall
/// clock skips that one, a border before it. The others are counted from it, so it has to be one that the clock shows.
fn midnight(start: Timestamp, interval: Interval, time_zone: Tz) -> Timestamp {
    const TRIES: i64 = 10;
    let Some(first) = unit_start(start.with_timezone(&time_zone).date_naive(), interval.unit) else { return start };
    let shown = (0..TRIES).find_map(|n| {
        let local = shifted(first.and_time(NaiveTime::MIN), interval.step(), -n)?;
        time_zone.from_local_datetime(&local).earliest()
    });
    shown.map_or(start, |shown| shown.with_timezone(&Utc))
}

fn unit_start(date: NaiveDate, unit: IntervalUnit) -> Option<NaiveDate> {
    match unit {
        IntervalUnit::Day => Some(date),
        IntervalUnit::Week => date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday()))),
        IntervalUnit::Month => date.with_day(1),
        IntervalUnit::Year => NaiveDate::from_ymd_opt(date.year(), 1, 1),
    }
}
