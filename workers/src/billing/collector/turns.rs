//! Whose turn it is: so many calls at a time to each connector and for each organization, a rest after a call of which
//! nobody knows what became, and looks at what waits, less and less often.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use projections::billing::collecting::PaymentRow;
use tokio::time::Instant;
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// Calls at a time: to a connector, for an organization, and in all. Providers refuse what is too much; one that does
/// not answer, or an organization with many of those, leaves room for the others.
const OF_CONNECTOR: usize = 4;
const OF_ORGANIZATION: usize = 16;
const IN_ALL: usize = 512;
/// Of a connector's calls so many only ask how things stand.
const LOOKS_OF_CONNECTOR: usize = 1;
/// The pause after a call of which nobody knows what became, at first and at most.
const REST_FIRST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(60);
/// In this time the read model has seen what came of a call; else it is found again, and comes to nothing.
const SEEN_WITHIN: Duration = Duration::from_millis(300);
/// After so long a rest that is over is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// When a payment is looked at that waits: after so long, and then each day.
const LOOKS: [TimeDelta; 3] = [LOOK_FIRST, TimeDelta::hours(1), TimeDelta::hours(6)];
/// At first.
pub(super) const LOOK_FIRST: TimeDelta = TimeDelta::minutes(15);

/// Why a provider is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// For what the log asks for.
    Ask,
    /// How a payment stands that waits there.
    Look,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The provider's word is in the log, or it was not needed.
    Known,
    /// Nobody knows: the same is asked again.
    Unknown,
    /// The connector cannot be used: that concerns all of its payments.
    Misconfigured,
}

/// Whether a payment is called about now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is.
    Taken,
    /// It rests, or is under way.
    Passed,
    /// It would be, and there is no room: those after it wait, too.
    Full,
}

/// Something that is left alone for a while.
#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Instant,
    pause: Duration,
}

impl Rest {
    /// A longer one than before.
    fn after(before: Option<&Self>, now: Instant) -> Self {
        let longer = before.map_or(Duration::ZERO, |rest| rest.pause * 2);
        let pause = longer.clamp(REST_FIRST, REST_MAX);
        Self { until: now + pause, pause }
    }
}

/// Calls to a connector that are under way.
#[derive(Debug, Clone, Copy, Default)]
struct UnderWay {
    calls: usize,
    looks: usize,
}

/// Who is being called, and who rests.
#[derive(Default)]
pub(super) struct Turns {
    busy: HashSet<Uuid>,
    connectors: HashMap<Uuid, UnderWay>,
    organizations: HashMap<Uuid, usize>,
    resting: HashMap<Uuid, Rest>,
    resting_connectors: HashMap<Uuid, Rest>,
}

impl Turns {
    /// Whether a connector can be called.
    pub(super) fn has_room(&self, connector: Uuid, why: Why, now: Instant) -> bool {
        let under_way = self.connectors.get(&connector).copied().unwrap_or_default();
        let is_full = under_way.calls >= OF_CONNECTOR || (why == Why::Look && under_way.looks >= LOOKS_OF_CONNECTOR);
        let rests = self.resting_connectors.get(&connector).is_some_and(|rest| rest.until > now);
        !is_full && !rests && self.busy.len() < IN_ALL
    }

    /// Takes a place, if it is this one's turn.
    pub(super) fn take(&mut self, row: &PaymentRow, why: Why, now: Instant) -> Turn {
        let rests = why == Why::Ask && self.resting.get(&row.payment_id).is_some_and(|rest| rest.until > now);
        if rests || self.busy.contains(&row.payment_id) {
            return Turn::Passed;
        }
        let of_organization = self.organizations.get(&row.organization_id).copied().unwrap_or_default();
        if of_organization >= OF_ORGANIZATION || !self.has_room(row.connector_id, why, now) {
            return Turn::Full;
        }
        self.busy.insert(row.payment_id);
        *self.organizations.entry(row.organization_id).or_default() += 1;
        let under_way = self.connectors.entry(row.connector_id).or_default();
        under_way.calls += 1;
        under_way.looks += usize::from(why == Why::Look);
        Turn::Taken
    }

    /// Gives the place back.
    pub(super) fn end(&mut self, row: &PaymentRow, why: Why, outcome: Outcome, now: Instant) {
        self.busy.remove(&row.payment_id);
        if let Some(count) = self.organizations.get_mut(&row.organization_id) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.organizations.remove(&row.organization_id);
            }
        }
        if let Some(under_way) = self.connectors.get_mut(&row.connector_id) {
            under_way.calls = under_way.calls.saturating_sub(1);
            under_way.looks = under_way.looks.saturating_sub(usize::from(why == Why::Look));
            if under_way.calls == 0 {
                self.connectors.remove(&row.connector_id);
            }
        }
        let before = self.resting_connectors.get(&row.connector_id);
        match outcome {
            // Of several calls at a time only the first makes the rest longer.
            Outcome::Misconfigured if before.is_none_or(|rest| rest.until <= now) => {
                let rest = Rest::after(before, now);
                self.resting_connectors.insert(row.connector_id, rest);
            }
            Outcome::Misconfigured => {}
            Outcome::Known | Outcome::Unknown => {
                self.resting_connectors.remove(&row.connector_id);
            }
        }
        if why == Why::Look {
            return;
        }
        match outcome {
            Outcome::Known => {
                let seen = Rest { until: now + SEEN_WITHIN, pause: Duration::ZERO };
                self.resting.insert(row.payment_id, seen);
            }
            Outcome::Unknown => {
                let rest = Rest::after(self.resting.get(&row.payment_id), now);
                self.resting.insert(row.payment_id, rest);
            }
            Outcome::Misconfigured => {}
        }
    }

    /// Forgets rests that are long over.
    pub(super) fn forget(&mut self, now: Instant) {
        self.resting.retain(|_, rest| rest.until + FORGET_AFTER > now);
        self.resting_connectors.retain(|_, rest| rest.until + FORGET_AFTER > now);
    }
}

/// How far it was gone through connectors, and through the payments of each: past those that rest, and at the end
/// anew.
#[derive(Default)]
pub(super) struct Cursors {
    connector: Uuid,
    payments: HashMap<Uuid, i64>,
}

impl Cursors {
    /// The last connector that had its turn.
    pub(super) const fn connector(&self) -> Uuid {
        self.connector
    }

    /// These are the next. When there are fewer than were asked for, that was the end.
    pub(super) fn went_on(&mut self, connectors: &[Uuid], asked: i64) {
        let last = connectors.last().filter(|_| connectors.len() as i64 >= asked);
        self.connector = last.copied().unwrap_or_default();
    }

    /// After which positions these connectors go on.
    pub(super) fn after(&self, connectors: &[Uuid]) -> Vec<i64> {
        connectors.iter().map(|id| self.payments.get(id).copied().unwrap_or_default()).collect()
    }

    /// Of these payments, in order of their connectors and positions, those that are taken.
    pub(super) fn choose(
        &mut self,
        connectors: &[Uuid],
        rows: Vec<PaymentRow>,
        asked: i64,
        mut take: impl FnMut(&PaymentRow) -> Turn,
    ) -> Vec<PaymentRow> {
        let mut by_connector: HashMap<Uuid, Vec<PaymentRow>> = HashMap::new();
        for row in rows {
            by_connector.entry(row.connector_id).or_default().push(row);
        }
        let mut taken = Vec::new();
        for id in connectors {
            let rows = by_connector.remove(id).unwrap_or_default();
            let is_last = (rows.len() as i64) < asked;
            let mut reached = self.payments.get(id).copied().unwrap_or_default();
            let mut is_full = false;
            for row in rows {
                let (turn, position) = (take(&row), row.position);
                match turn {
                    Turn::Taken => taken.push(row),
                    Turn::Passed => {}
                    Turn::Full => {
                        is_full = true;
                        break;
                    }
                }
                reached = position;
            }
            if is_last && !is_full {
                self.payments.remove(id);
            } else {
                self.payments.insert(*id, reached);
            }
        }
        taken
    }
}

/// When payments that wait are looked at next. After a start each that has waited for long enough is looked at once.
#[derive(Default)]
pub(super) struct Looks(HashMap<Uuid, Looked>);

/// A payment that was looked at.
struct Looked {
    /// It has waited since then; when that is another time, something has happened to it.
    since: Timestamp,
    next: Timestamp,
}

impl Looks {
    /// Whether it is time to look at it.
    pub(super) fn is_due(&self, row: &PaymentRow, now: Timestamp) -> bool {
        match self.0.get(&row.payment_id) {
            Some(looked) if looked.since == row.since => looked.next <= now,
            _ => row.since + LOOK_FIRST <= now,
        }
    }

    /// It was looked at, or could not be.
    pub(super) fn looked(&mut self, row: &PaymentRow, outcome: Outcome, now: Timestamp) {
        let next = match outcome {
            Outcome::Known => next_look(row.since, now),
            Outcome::Unknown | Outcome::Misconfigured => now + LOOK_FIRST,
        };
        self.0.insert(row.payment_id, Looked { since: row.since, next });
    }

    /// Forgets those that were to be looked at long ago: they wait no more.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, looked| looked.next + TimeDelta::days(1) > now);
    }
}

/// When something is looked at next that has waited since then, and was looked at now.
fn next_look(since: Timestamp, now: Timestamp) -> Timestamp {
    let waited = now - since;
    let soon = LOOKS.into_iter().find(|after| *after > waited);
    since + soon.unwrap_or_else(|| TimeDelta::days(waited.num_days() + 1))
}
