//! In whatever order the same things are seen, in blocks that stay and in blocks that go away: what stays counts, as if
//! nothing else had ever been seen.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Something an owner did, in a transaction of its own.
#[derive(Debug, Clone)]
struct Deed {
    fact: Fact,
    what: Sight,
    /// Where it stays.
    stays: ChainRef,
    /// Where it was seen as well.
    gone: Vec<ChainRef>,
}

/// A step: of this deed the sight that stays, one of those that do not, or the end of one of those.
#[derive(Debug, Clone, Copy)]
enum Step {
    Stays(usize),
    Seen(usize, usize),
    Gone(usize, usize),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let one = (0u8..5, 1u64..20, 20u64..30, prop::collection::vec(20u64..30, 0..3));
    prop::collection::vec(one, 1..7).prop_map(|all| {
        let deed = |(n, (kind, size, block, gone)): (usize, (u8, u64, u64, Vec<u64>))| {
            let n = n as u64;
            let (fact, what) = match kind {
                0 => (deposit(&size.to_string()), Sight::Deposit),
                1 => (Fact::Frozen, Sight::Freeze),
                2 => (Fact::Revoked, Sight::Revocation),
                3 => (request(Some(&size.to_string())), Sight::Withdrawal),
                _ => (rotated(Address([size as u8; 20])), Sight::Rotation),
            };
            let stays = ChainRef { tx_hash: place(1_000, n).tx_hash, ..place(block, n) };
            let gone = gone.iter().enumerate().map(|(k, block)| ChainRef {
                block_number: *block,
                block_hash: Bytes32([100 + k as u8; 32]),
                ..stays
            });
            Deed { fact, what, stays, gone: gone.collect() }
        };
        all.into_iter().enumerate().map(deed).collect()
    })
}

fn interleaved() -> impl Strategy<Value = (Vec<Deed>, Vec<Step>)> {
    deeds().prop_flat_map(|deeds| {
        let mut steps = Vec::new();
        for (n, deed) in deeds.iter().enumerate() {
            steps.push(Step::Stays(n));
            for k in 0..deed.gone.len() {
                steps.extend([Step::Seen(n, k), Step::Gone(n, k)]);
            }
        }
        (Just(deeds), Just(steps).prop_shuffle())
    })
}

fn opened() -> Given {
    Given::active_under(terms(Custody::Client), "500")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_stays_counts_and_nothing_else((deeds, steps) in interleaved()) {
        let mut given = opened();
        let (mut told, mut too_early, mut stays) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Stays(n) => {
                    stays.insert(n);
                    given.when(observed(deeds[n].fact.clone(), deeds[n].stays)).unwrap();
                    given.ignores(observed(deeds[n].fact.clone(), deeds[n].stays));
                }
                // A pending deposit is shown where it was seen last, so that one comes first.
                Step::Seen(n, _) if deeds[n].what == Sight::Deposit && stays.contains(&n) => {}
                Step::Seen(n, k) => {
                    given.when(observed(deeds[n].fact.clone(), deeds[n].gone[k])).unwrap();
                    told.insert((n, k));
                    if too_early.contains(&(n, k)) {
                        given.when(undo(deeds[n].what, deeds[n].gone[k])).unwrap();
                    }
                }
                Step::Gone(n, k) if told.contains(&(n, k)) => {
                    given.when(undo(deeds[n].what, deeds[n].gone[k])).unwrap();
                }
                Step::Gone(n, k) => {
                    given.ignores(undo(deeds[n].what, deeds[n].gone[k]));
                    too_early.insert((n, k));
                }
            }
            prop_assert!(given.session.available() <= given.session.escrow());
        }
        let mut once = opened();
        let mut in_order = deeds.clone();
        in_order.sort_by_key(|deed| (deed.stays.block_number, deed.stays.log_index));
        for deed in &in_order {
            once.when(observed(deed.fact.clone(), deed.stays)).unwrap();
        }
        prop_assert_eq!(&given.session, &once.session);
        prop_assert_eq!(&given.replayed(), &given.session);
        // And when it is all gone, it is as if nothing had been.
        for deed in &deeds {
            given.when(undo(deed.what, deed.stays)).unwrap();
        }
        prop_assert_eq!(&given.session, &opened().session);
    }
}
