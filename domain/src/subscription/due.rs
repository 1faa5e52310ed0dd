//! What falls due by time, and when: the first of it is what [`Action::Advance`](super::Action::Advance) makes happen.

use chrono::{DateTime, TimeDelta, Utc};

use crate::Timestamp;
use crate::subscription::{Life, Status};

/// Something that falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What falls due. Of two at one moment the first here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The grace for what was not paid is over.
    GraceEnd,
    /// The trial is over.
    TrialEnd,
    /// The period is over, and with it, when it does not renew, the days that it goes on.
    PeriodEnd,
    /// The pause is over.
    Resume,
    /// The customer is to be reminded.
    Reminder,
}

impl Life {
    /// What falls due first.
    pub(super) fn due(&self) -> Option<Due> {
        // The first of those that come first.
        [self.turning_point(), self.reminder()].into_iter().flatten().min_by_key(|due| due.at)
    }

    /// What falls due first of all that brings a bill.
    pub(super) fn turning_point(&self) -> Option<Due> {
        let grace_end = self.grace_until.map(|at| Due { at, what: What::GraceEnd });
        [grace_end, self.end_of_period()].into_iter().flatten().min_by_key(|due| due.at)
    }

    fn end_of_period(&self) -> Option<Due> {
        match (self.status, self.period) {
            (Status::Trialing, Some(trial)) => Some(Due { at: trial.end, what: What::TrialEnd }),
            (Status::Active | Status::PastDue, Some(period)) => {
                let goes_on = if self.auto_renew || self.cancel_at_period_end { 0 } else { self.plan.terms.grace_days };
                Some(Due { at: days_after(period.end, goes_on), what: What::PeriodEnd })
            }
            (Status::Paused, _) => self.resumes_at.map(|at| Due { at, what: What::Resume }),
            _ => None,
        }
    }

    /// Once for each end. A period that is no longer than the days of its reminder has none.
    fn reminder(&self) -> Option<Due> {
        let period = self.period.filter(|period| self.reminded_of != Some(period.end))?;
        let days = Some(self.plan.terms.reminder_days).filter(|days| *days > 0)?;
        let at = period.end.checked_sub_signed(TimeDelta::days(i64::from(days)))?;
        (period.start < at).then_some(Due { at, what: What::Reminder })
    }
}

/// So many times 24 hours later.
pub(super) fn days_after(at: Timestamp, days: u32) -> Timestamp {
    at.checked_add_signed(TimeDelta::days(i64::from(days))).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
