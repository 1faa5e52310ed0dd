//! A thousand commands of many callers at once, in any order in which a stream can take them, whoever's money it
//! is. What must come of each follows from those before it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::prelude::*;

use crate::Timestamp;

/// About so many in all.
const COMMANDS: usize = 1_000;
/// How many one caller has at most.
const ASKS_MAX: usize = 5;
/// Enough for a few callers at a time.
pub(crate) const BUDGET: u32 = 1_000;
/// How long a hold lasts, and how long it is from one command to the next.
pub(crate) const TTL_SECS: u32 = 60;
pub(crate) const PAUSE: TimeDelta = TimeDelta::milliseconds(500);

/// What one caller asks for, with a hold of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Place(u32),
    Extend(u32),
    /// So much, or all; and whether that ends it.
    Capture(Option<u32>, bool),
    Void,
    Charge(u32),
    Sweep,
}

/// What came of the commands so far.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) charged: u32,
    /// What is held, and until when.
    pub(crate) open: BTreeMap<usize, (u32, Timestamp)>,
    ended: BTreeSet<usize>,
}

impl Model {
    pub(crate) fn held(&self) -> u32 {
        self.open.values().map(|(held, _)| held).sum()
    }

    /// Whether the log answers, as it does for a command that it has already (I2).
    pub(crate) fn is_answered(&self, caller: usize, ask: Ask) -> bool {
        matches!(ask, Ask::Place(_)) && self.ended.contains(&caller)
    }

    /// Whether it must be granted.
    pub(crate) fn take(&mut self, caller: usize, ask: Ask, now: Timestamp) -> bool {
        let room = BUDGET - self.charged - self.held();
        let end = now + TimeDelta::seconds(i64::from(TTL_SECS));
        match (ask, self.open.get_mut(&caller)) {
            (Ask::Place(cost), None) if cost <= room => drop(self.open.insert(caller, (cost, end))),
            (Ask::Extend(cost), Some(hold)) if cost <= room => *hold = (hold.0 + cost, end),
            (Ask::Capture(cost, is_final), Some((held, _))) if cost.is_none_or(|cost| cost <= *held) => {
                let cost = cost.unwrap_or(*held);
                *held -= cost;
                self.charged += cost;
                if is_final {
                    self.end(caller);
                }
            }
            (Ask::Void, Some(_)) => self.end(caller),
            (Ask::Charge(cost), _) if cost <= room => self.charged += cost,
            (Ask::Sweep, _) => {
                let due = self.open.iter().filter(|(_, (_, end))| *end <= now).map(|(caller, _)| *caller);
                due.collect::<Vec<_>>().into_iter().for_each(|caller| self.end(caller));
            }
            _ => return false,
        }
        true
    }

    fn end(&mut self, caller: usize) {
        self.open.remove(&caller);
        assert!(self.ended.insert(caller), "a hold ends once");
    }
}

/// Mostly holds that come to little: else the budget is soon spent and nothing is left to race for.
fn caller() -> impl Strategy<Value = Vec<Ask>> {
    let (much, little) = (|| 100u32..400, || 1u32..60);
    let part = prop_oneof![20 => little().prop_map(Some), 1 => much().prop_map(Some), 1 => Just(None)];
    let then = prop_oneof![
        8 => (part, any::<bool>()).prop_map(|(part, is_final)| Ask::Capture(part, is_final)),
        8 => Just(Ask::Void),
        2 => much().prop_map(Ask::Extend),
        1 => much().prop_map(Ask::Place),
        4 => Just(Ask::Sweep),
    ];
    let holds = (much(), prop::collection::vec(then, 1..ASKS_MAX)).prop_map(|(cost, then)| {
        let mut asks = vec![Ask::Place(cost)];
        asks.extend(then);
        asks
    });
    prop_oneof![30 => holds, 1 => little().prop_map(|cost| vec![Ask::Charge(cost)])]
}

/// Each caller's commands in their order, and those of all in any order: within a short time, so that many come to
/// an end while others still ask, or within all of it.
pub(crate) fn interleaved() -> impl Strategy<Value = Vec<(usize, Ask)>> {
    let turns = prop::collection::vec(0usize..1_000_000, ASKS_MAX);
    let callers = prop::collection::vec((caller(), turns), COMMANDS / 3);
    let within = prop_oneof![Just(10usize), Just(100), Just(COMMANDS)];
    (callers, within).prop_map(|(callers, within)| {
        let mut asked = Vec::with_capacity(COMMANDS);
        for (caller, (asks, mut turns)) in callers.into_iter().enumerate() {
            turns.iter_mut().for_each(|turn| *turn = caller * 3 + *turn % within);
            turns.sort_unstable();
            asked.extend(asks.into_iter().zip(turns).map(|(ask, turn)| (turn, caller, ask)));
        }
        asked.sort_by_key(|(turn, _, _)| *turn);
        asked.into_iter().map(|(_, caller, ask)| (caller, ask)).collect()
    })
}
