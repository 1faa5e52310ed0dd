//! Transactions of which nodes say things that do not go together, and for how long they have.

use std::collections::HashMap;
use std::time::Duration;

use domain::ids::TransactionId;
use tokio::time::Instant;

/// What was not found for so long, as no round came so far, begins anew: nodes that come back are behind for a moment.
const GOES_ON_WITHIN: Duration = Duration::from_secs(15);

#[derive(Debug)]
struct Unclear {
    since: Instant,
    /// When it was last found so.
    found: Instant,
    why: String,
}

/// What is unclear.
#[derive(Debug, Default)]
pub(super) struct Unclears(HashMap<TransactionId, Unclear>);

impl Unclears {
    /// A round finds it so.
    pub(super) fn found(&mut self, id: TransactionId, why: String, now: Instant) {
        let known = self.0.get(&id).filter(|known| now.duration_since(known.found) < GOES_ON_WITHIN);
        let since = known.map_or(now, |known| known.since);
        self.0.insert(id, Unclear { since, found: now, why });
    }

    /// A round that began at this time has looked at everything: what it did not find is clear.
    pub(super) fn end(&mut self, begun: Instant) {
        self.0.retain(|_, unclear| unclear.found >= begun);
    }

    /// The first of those that have been unclear for so long, and why.
    pub(super) fn lasting(&self, within: Duration, now: Instant) -> Option<(TransactionId, String)> {
        let lasting = self.0.iter().filter(|(_, unclear)| now.duration_since(unclear.since) >= within);
        lasting.min_by_key(|(_, unclear)| unclear.since).map(|(id, unclear)| (*id, unclear.why.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const WITHIN: Duration = Duration::from_secs(60);

    fn id(n: u128) -> TransactionId {
        TransactionId::new(Uuid::from_u128(n))
    }

    /// One round each second, from the first to the last, in which these are found.
    fn rounds(unclears: &mut Unclears, start: Instant, seconds: std::ops::RangeInclusive<u64>, found: &[u128]) {
        for second in seconds {
            let now = start + Duration::from_secs(second);
            for n in found {
                unclears.found(id(*n), format!("{n} at {second}"), now);
            }
            unclears.end(now);
        }
    }

    #[test]
    fn what_stays_unclear_is_told() {
        let (mut unclears, start) = (Unclears::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        rounds(&mut unclears, start, 0..=9, &[1]);
        rounds(&mut unclears, start, 10..=59, &[2, 1]);
        assert_eq!(unclears.lasting(WITHIN, at(59)), None, "it may pass");
        rounds(&mut unclears, start, 60..=75, &[2, 1]);
        assert_eq!(unclears.lasting(WITHIN, at(75)), Some((id(1), "1 at 75".to_owned())), "the first, as it is now");
        rounds(&mut unclears, start, 76..=76, &[2]);
        assert_eq!(unclears.lasting(WITHIN, at(76)), Some((id(2), "2 at 76".to_owned())), "the other one is clear");
        rounds(&mut unclears, start, 77..=77, &[]);
        assert_eq!(unclears.lasting(WITHIN, at(200)), None);
        rounds(&mut unclears, start, 78..=78, &[2]);
        assert_eq!(unclears.lasting(WITHIN, at(78)), None, "it begins anew");
    }

    #[test]
    fn what_was_seen_before_an_outage_does_not_count() {
        let (mut unclears, start) = (Unclears::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        rounds(&mut unclears, start, 0..=0, &[1]);
        // No round comes to its end, or even to its beginning.
        rounds(&mut unclears, start, 70..=70, &[1]);
        assert_eq!(unclears.lasting(WITHIN, at(70)), None);
        rounds(&mut unclears, start, 71..=129, &[1]);
        assert_eq!(unclears.lasting(WITHIN, at(129)), None);
        rounds(&mut unclears, start, 130..=130, &[1]);
        assert!(unclears.lasting(WITHIN, at(130)).is_some());
        // A few rounds that come to nothing make it no other thing.
        rounds(&mut unclears, start, 144..=144, &[1]);
        assert!(unclears.lasting(WITHIN, at(144)).is_some());
    }
}
