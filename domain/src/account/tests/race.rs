//! Many callers at once, and a budget for a few of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::plans::{allow, begin, per_unit, renew};
use super::*;
use crate::cycle::Cycle;
use crate::hold::race::{Ask, BUDGET, Model, PAUSE, TTL_SECS, interleaved};
use crate::ids::InvoiceId;
use crate::price::Beyond;

/// What there is only so much of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scarce {
    Credits,
    CreditsAndPostpaid,
    Calls,
    /// Credits, for what a subscription lets nothing else pay.
    CreditsOfPlan,
    /// Post-paid room, of which what is settled is there again.
    Postpaid,
}

fn opened(scarce: Scarce) -> Given {
    let budget = BUDGET.to_string();
    let (postpaid_limit, action) = match scarce {
        Scarce::Credits => ("0", grant(1, &budget, 0, None)),
        Scarce::CreditsAndPostpaid => ("400", grant(1, "600", 0, None)),
        Scarce::Calls => ("999999", quota("calls", &budget, Period::Total, false, Overage::Block)),
        Scarce::CreditsOfPlan => ("999999", grant(1, &budget, 0, None)),
        Scarce::Postpaid => (budget.as_str(), sweep()),
    };
    let mut given = Given::opened(postpaid_limit);
    given.when(action, T0).unwrap();
    if matches!(scarce, Scarce::CreditsOfPlan) {
        given.when(begin(1, periods(0), vec![allow("calls", per_unit("0", "1"), Beyond::Credits)]), T0).unwrap();
    }
    given
}

/// One of half a minute after another.
fn periods(n: i32) -> Cycle {
    let start = at(T0) + PAUSE * 60 * n;
    Cycle { start, end: start + PAUSE * 60 }
}

fn usage(scarce: Scarce, cost: u32) -> Vec<Usage> {
    match scarce {
        Scarce::Calls => vec![metered("calls", "1", &cost.to_string())],
        Scarce::CreditsOfPlan => vec![metered("calls", "7", &cost.to_string())],
        Scarce::Credits | Scarce::CreditsAndPostpaid | Scarce::Postpaid => of(&cost.to_string()),
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
            let is_metered = matches!(scarce, Scarce::Calls | Scarce::CreditsOfPlan);
            let all = held.filter(|held| *held > 0 && is_metered);
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

/// What billing does meanwhile, when so many commands have been asked: of each 60 one begins the subscription's next
/// period; of each 40 one settles half of what is owed.
fn bill(scarce: Scarce, asked: i32, given: &mut Given, model: &mut Model, now: Timestamp) {
    match scarce {
        Scarce::CreditsOfPlan if asked % 60 == 0 => {
            let n = asked / 60;
            let next = renew(1, periods(n - 1), periods(n), vec![allow("calls", per_unit("0", "1"), Beyond::Credits)]);
            given.when_at(next, now).unwrap();
        }
        Scarce::Postpaid if asked % 40 == 0 => {
            let half = model.charged / 2;
            let invoice_id = InvoiceId::new(Uuid::from_u128(8));
            given.when_at(Action::SettleUsage { invoice_id, amount: units(half) }, now).unwrap();
            model.charged -= half;
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_thousand_commands_at_once_never_come_to_more_than_there_is(
        scarce in prop_oneof![
            Just(Scarce::Credits),
            Just(Scarce::CreditsAndPostpaid),
            Just(Scarce::Calls),
            Just(Scarce::CreditsOfPlan),
            Just(Scarce::Postpaid),
        ],
        asked in interleaved(),
    ) {
        let (mut given, mut journal, mut model) = (opened(scarce), Journal::default(), Model::default());
        given.log.iter().for_each(|event| journal.take_in(event));
        let mut now = at(T0);
        for (nth, (caller, ask)) in (1..).zip(asked) {
            now += PAUSE;
            let seen = given.log.len();
            bill(scarce, nth, &mut given, &mut model, now);
            given.log[seen..].iter().for_each(|event| journal.take_in(event));
            if model.is_answered(caller, ask) {
                continue;
            }
            let held = model.open.get(&caller).map(|(held, _)| *held);
            let seen = given.log.len();
            let result = given.when_at(action(scarce, caller, ask, held), now);
            prop_assert_eq!(result.is_ok(), model.take(caller, ask, now), "{:?} {:?}", ask, result);
            given.log[seen..].iter().for_each(|event| journal.take_in(event));
            journal.check(&given.account);

            let settled = scarce == Scarce::Postpaid;
            let charged = if settled { given.account.postpaid } else { given.account.charged };
            let held = given.account.balances().held();
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
