//! Many callers at once, and a budget for a few of them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::event::LedgerEvent;
use crate::hold::race::{Ask, BUDGET, Model, PAUSE, TTL_SECS, interleaved};
use crate::postings::{JournalAccount, postings};

/// What there is only so much of.
#[derive(Debug, Clone, Copy)]
enum Scarce {
    Deposit,
    Signed,
    PeriodLimit,
}

fn opened(scarce: Scarce) -> Given {
    let budget = BUDGET.to_string();
    match scarce {
        Scarce::Deposit => Given::active(&budget),
        Scarce::PeriodLimit => {
            let terms = Terms { period_limit: amount(&budget), period_secs: 999_999, ..terms(Custody::Managed) };
            Given::active_under(terms, "1000000")
        }
        Scarce::Signed => {
            let mut given = Given::active_under(terms(Custody::Client), "1000000");
            given.charged(vouched("0", &budget));
            given
        }
    }
}

fn action(caller: usize, ask: Ask) -> Action {
    let (n, usage) = (caller as u128, |cost: u32| of(&cost.to_string()));
    match ask {
        Ask::Place(cost) => hold(to_place(n, usage(cost), TTL_SECS), None),
        Ask::Extend(cost) => hold(to_extend(n, usage(cost), Some(TTL_SECS)), None),
        Ask::Capture(cost, is_final) => take(n, cost.map(usage), is_final),
        Ask::Void => void(n),
        Ask::Charge(cost) => charge(usage(cost), None),
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
        scarce in prop_oneof![Just(Scarce::Deposit), Just(Scarce::Signed), Just(Scarce::PeriodLimit)],
        asked in interleaved(),
    ) {
        let (mut given, mut model) = (opened(scarce), Model::default());
        let mut journal: BTreeMap<JournalAccount, Decimal> = BTreeMap::new();
        let (mut now, mut seen) = (at(T0), 0);
        for (caller, ask) in asked {
            now += PAUSE;
            if model.is_answered(caller, ask) {
                continue;
            }
            let result = given.when_at(action(caller, ask), now);
            prop_assert_eq!(result.is_ok(), model.take(caller, ask, now), "{:?} {:?}", ask, result);
            for (event, _) in &given.log[seen..] {
                for posting in postings(&LedgerEvent::SessionKey(event.clone())) {
                    *journal.entry(posting.debit).or_default() -= posting.amount.decimal();
                    *journal.entry(posting.credit).or_default() += posting.amount.decimal();
                }
            }
            seen = given.log.len();

            let session = &given.session;
            prop_assert_eq!((session.charged, session.held), (units(model.charged), units(model.held())));
            prop_assert!(session.charged.plus(session.held) <= units(BUDGET));
            let open = session.holds.keys().copied();
            prop_assert!(open.eq(model.open.keys().map(|caller| hold_id(*caller as u128))));
            let kept = |account| journal.get(&account).copied().unwrap_or_default();
            prop_assert_eq!(journal.values().sum::<Decimal>(), Decimal::ZERO);
            prop_assert_eq!(kept(JournalAccount::Revenue), session.charged.decimal());
            prop_assert_eq!(kept(JournalAccount::CustomerHeld(customer())), session.held.decimal());
            let free = session.escrow().minus(session.charged).minus(session.held);
            prop_assert_eq!(kept(JournalAccount::CustomerEscrow(customer())), free.decimal());
        }
        let placed = given.log.iter().map(|(event, _)| event).filter(|event| matches!(event, SessionKeyEvent::Held(_)));
        let placed = placed.filter_map(SessionKeyEvent::hold).map(|hold| hold.hold_id).collect::<Vec<_>>();
        prop_assert_eq!(placed.iter().collect::<BTreeSet<_>>().len(), placed.len(), "none was placed twice");
        prop_assert_eq!(&given.replayed(), &given.session);
    }
}
