//! Transactions of which nodes say things that do not go together, and for how long they have.

use std::collections::HashMap;
use std::time::Duration;

use domain::ids::TransactionId;
use tokio::time::Instant;

/// At most so much counts between two rounds: in an outage nobody watches, and nodes that come back are behind for a
/// moment.
const COUNTS_AT_MOST: Duration = Duration::from_secs(15);

#[derive(Debug)]
struct Unclear {
    /// For how long it was watched.
    lasted: Duration,
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
        let watched = |known: &Unclear| known.lasted + now.duration_since(known.found).min(COUNTS_AT_MOST);
        let lasted = self.0.get(&id).map_or(Duration::ZERO, watched);
        self.0.insert(id, Unclear { lasted, found: now, why });
    }

    /// A round that began at this time has looked at everything: what it did not find is clear.
    pub(super) fn end(&mut self, begun: Instant) {
        self.0.retain(|_, unclear| unclear.found >= begun);
    }

    /// Of those that were unclear for so long the one that was for the longest, and why.
    pub(super) fn lasting(&self, within: Duration) -> Option<(TransactionId, String)> {
        let lasting = self.0.iter().filter(|(_, unclear)| unclear.lasted >= within);
        lasting.max_by_key(|(_, unclear)| unclear.lasted).map(|(id, unclear)| (*id, unclear.why.clone()))
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
        rounds(&mut unclears, start, 0..=9, &[1]);
        rounds(&mut unclears, start, 10..=59, &[2, 1]);
        assert_eq!(unclears.lasting(WITHIN), None, "it may pass");
        rounds(&mut unclears, start, 60..=75, &[2, 1]);
        assert_eq!(unclears.lasting(WITHIN), Some((id(1), "1 at 75".to_owned())), "the first, as it is now");
        rounds(&mut unclears, start, 76..=76, &[2]);
        assert_eq!(unclears.lasting(WITHIN), Some((id(2), "2 at 76".to_owned())), "the other one is clear");
        rounds(&mut unclears, start, 77..=77, &[]);
        assert_eq!(unclears.lasting(WITHIN), None);
        rounds(&mut unclears, start, 78..=78, &[2]);
        assert_eq!(unclears.lasting(WITHIN), None, "it begins anew");
    }

    #[test]
    fn an_outage_counts_for_little() {
        let (mut unclears, start) = (Unclears::default(), Instant::now());
        rounds(&mut unclears, start, 0..=0, &[1]);
        // No round comes to its end, or even to its beginning.
        rounds(&mut unclears, start, 70..=70, &[1]);
        assert_eq!(unclears.lasting(WITHIN), None);
        rounds(&mut unclears, start, 71..=114, &[1]);
        assert_eq!(unclears.lasting(WITHIN), None);
        rounds(&mut unclears, start, 115..=115, &[1]);
        assert!(unclears.lasting(WITHIN).is_some());
    }

    #[test]
    fn slow_rounds_count_all_the_same() {
        let (mut unclears, start) = (Unclears::default(), Instant::now());
        for second in [0, 20, 40, 60] {
            rounds(&mut unclears, start, second..=second, &[1]);
            assert_eq!(unclears.lasting(WITHIN), None, "{second}");
        }
        rounds(&mut unclears, start, 80..=80, &[1]);
        assert!(unclears.lasting(WITHIN).is_some());
    }
}
