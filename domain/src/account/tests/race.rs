//! Many callers at once, and a budget for a few of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::hold::race::{Ask, BUDGET, Model, PAUSE, TTL_SECS, interleaved};

/// What there is only so much of.
#[derive(Debug, Clone, Copy)]
enum Scarce {
    Credits,
    CreditsAndPostpaid,
    Calls,
}

fn opened(scarce: Scarce) -> Given {
    let budget = BUDGET.to_string();
    let (postpaid_limit, action) = match scarce {
        Scarce::Credits => ("0", grant(1, &budget, 0, None)),
        Scarce::CreditsAndPostpaid => ("400", grant(1, "600", 0, None)),
        Scarce::Calls => ("999999", quota("calls", &budget, Period::Total, false, Overage::Block)),
    };
    let mut given = Given::opened(postpaid_limit);
    given.when(action, T0).unwrap();
    given
}

fn usage(scarce: Scarce, cost: u32) -> Vec<Usage> {
    match scarce {
        Scarce::Calls => vec![metered("calls", "1", &cost.to_string())],
        Scarce::Credits | Scarce::CreditsAndPostpaid => of(&cost.to_string()),
    }
}

/// As the caller asks whose hold has so much left.
fn action(scarce: Scarce, caller: usize, ask: Ask, held: Option<u32>) -> Action {
    let n = caller as u128;
    match ask {
        Ask::Place(cost) => place_for(n, usage(scarce, cost), TTL_SECS),
        Ask::Extend(cost) => extend(n, usage(scarce, cost), Some(TTL_SECS)),
        Ask::Capture(cost, is_final) => {
            // Of a meter what was used must be said.
            let all = held.filter(|held| *held > 0 && matches!(scarce, Scarce::Calls));
            take(n, cost.or(all).map(|cost| usage(scarce, cost)), is_final)
        }
        Ask::Void => void(n),
        Ask::Charge(cost) => charge(usage(scarce, cost)),
        Ask::Sweep => sweep(),
    }
}

fn units(count: u32) -> Amount {
    amount(&count.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_thousand_commands_at_once_never_come_to_more_than_there_is(
        scarce in prop_oneof![Just(Scarce::Credits), Just(Scarce::CreditsAndPostpaid), Just(Scarce::Calls)],
        asked in interleaved(),
    ) {
        let (mut given, mut journal, mut model) = (opened(scarce), Journal::default(), Model::default());
        given.log.iter().for_each(|event| journal.take_in(event));
        let mut now = at(T0);
        for (caller, ask) in asked {
            now += PAUSE;
            if model.is_answered(caller, ask) {
                continue;
            }
            let held = model.open.get(&caller).map(|(held, _)| *held);
            let seen = given.log.len();
            let result = given.when_at(action(scarce, caller, ask, held), now);
            prop_assert_eq!(result.is_ok(), model.take(caller, ask, now), "{:?} {:?}", ask, result);
            given.log[seen..].iter().for_each(|event| journal.take_in(event));
            journal.check(&given.account);

            let (charged, held) = (given.account.charged, given.account.balances().held());
            prop_assert_eq!((charged, held), (units(model.charged), units(model.held())));
            prop_assert!(charged.plus(held) <= units(BUDGET));
            let open = given.account.holds.keys().copied();
            prop_assert!(open.eq(model.open.keys().map(|caller| hold_id(*caller as u128))));
        }
        let placed = given.log.iter().filter(|event| matches!(event, AccountEvent::Held(_)));
        let placed = placed.filter_map(AccountEvent::hold).map(|hold| hold.hold_id).collect::<Vec<_>>();
        prop_assert_eq!(placed.iter().collect::<BTreeSet<_>>().len(), placed.len(), "none was placed twice");
        prop_assert_eq!(given.replayed(), given.account);
    }
}
