//! Who froze it, who may lift that, and what outlives what.

use super::*;

fn frozen_by(events: &[SessionKeyEvent]) -> Option<(FrozenBy, Option<ChainRef>)> {
    match events {
        [SessionKeyEvent::Frozen(frozen)] => Some((frozen.by, frozen.at)),
        _ => None,
    }
}

fn unfrozen_by(events: &[SessionKeyEvent]) -> Vec<(FrozenBy, Option<ChainRef>)> {
    let unfrozen = |event: &SessionKeyEvent| match event {
        SessionKeyEvent::Unfrozen(unfrozen) => Some((unfrozen.by, unfrozen.at)),
        _ => None,
    };
    events.iter().filter_map(unfrozen).collect()
}

#[test]
fn an_owners_freeze_counts_at_first_sight_and_ends_when_its_end_is_final() {
    let mut given = Given::active("10");
    let events = given.when(seen(Fact::Frozen, 5)).unwrap();
    assert_eq!(frozen_by(&events), Some((FrozenBy::Owner, Some(place(5, 0)))));
    assert_eq!(given.status(), Status::Frozen);
    given.ignores(done(Fact::Frozen, 5));
    given.ignores(seen(Fact::Unfrozen, 6));
    assert_eq!(given.status(), Status::Frozen, "what relaxes waits until it is final");
    let events = given.when(done(Fact::Unfrozen, 6)).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::Unfrozen(u)] if u.by == FrozenBy::Owner && u.at == Some(place(6, 0))),
        "{events:?}"
    );
    assert_eq!(given.status(), Status::Active);
    given.ignores(done(Fact::Unfrozen, 7));
}

#[test]
fn a_newer_freeze_outlives_an_unfreeze_between() {
    let mut given = Given::active("10");
    given.when(seen(Fact::Frozen, 5)).unwrap();
    given.ignores(seen(Fact::Unfrozen, 6));
    assert_eq!(given.when(seen(Fact::Frozen, 7)).unwrap().len(), 1);
    given.ignores(seen(Fact::Frozen, 5));
    // The first one has ended; the other is said again, for those who follow the events.
    let events = given.when(done(Fact::Unfrozen, 6)).unwrap();
    assert!(matches!(events[0], SessionKeyEvent::Unfrozen(_)), "{events:?}");
    assert_eq!(frozen_by(&events[1..]), Some((FrozenBy::Owner, Some(place(7, 0)))));
    assert_eq!(given.status(), Status::Frozen);
    assert_eq!(given.when(done(Fact::Unfrozen, 8)).unwrap().len(), 1);
    assert_eq!(given.status(), Status::Active);
}

#[test]
fn within_a_block_the_place_decides() {
    let mut given = Given::active("10");
    let observe = |fact, index, is_final| Action::Observe { fact, at: place(5, index), is_final };
    given.when(observe(Fact::Frozen, 1, false)).unwrap();
    assert_eq!(given.when(observe(Fact::Frozen, 3, false)).unwrap().len(), 1);
    assert_eq!(given.when(observe(Fact::Unfrozen, 2, true)).unwrap().len(), 2);
    assert_eq!(given.status(), Status::Frozen);
    assert_eq!(given.when(observe(Fact::Unfrozen, 4, true)).unwrap().len(), 1);
}

#[test]
fn a_freeze_that_is_seen_after_its_end_was_final_is_ignored() {
    let mut given = Given::active("10");
    given.when(seen(Fact::Frozen, 5)).unwrap();
    given.when(done(Fact::Unfrozen, 6)).unwrap();
    given.ignores(seen(Fact::Frozen, 5));
    assert_eq!(given.status(), Status::Active, "nothing on chain would ever lift it again");
    // The end may even be the first that is heard of it.
    let mut unheard = Given::active("10");
    unheard.ignores(done(Fact::Unfrozen, 6));
    assert_eq!(unheard.when(seen(Fact::Frozen, 7)).unwrap().len(), 1);
}

#[test]
fn a_relayed_freeze_counts_when_its_owner_asks() {
    let mut given = Given::active("10");
    let events = given.when(relay(1, RelayAction::Freeze)).unwrap();
    let [frozen, SessionKeyEvent::RelayRequested(_)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(frozen_by(std::slice::from_ref(frozen)), Some((FrozenBy::Owner, None)));
    assert_eq!(given.status(), Status::Frozen);
    // One that is only on its way is newer than anything final.
    given.ignores(done(Fact::Unfrozen, 5));
    assert_eq!(given.when(seen(Fact::Frozen, 6)).unwrap().len(), 1);
    given.when(done(Fact::Unfrozen, 7)).unwrap();
    assert_eq!(given.status(), Status::Active);
}

#[test]
fn a_relayed_freeze_ends_when_its_relay_failed() {
    let mut given = Given::active("10");
    given.when(relay(1, RelayAction::Freeze)).unwrap();
    given.when(relay(2, RelayAction::Deposit)).unwrap();
    given.when(relay_failed(2)).unwrap();
    assert_eq!(given.status(), Status::Frozen, "something else failed");
    given.when(relay_failed(1)).unwrap();
    assert_eq!(given.status(), Status::Active);
}

#[test]
fn a_failed_relay_does_not_lift_a_freeze_that_the_chain_has_or_gets() {
    let mut on_chain = Given::active("10");
    on_chain.when(relay(1, RelayAction::Freeze)).unwrap();
    on_chain.when(seen(Fact::Frozen, 5)).unwrap();
    on_chain.when(relay_failed(1)).unwrap();
    assert_eq!(on_chain.status(), Status::Frozen);

    let mut twice = Given::active("10");
    twice.when(relay(1, RelayAction::Freeze)).unwrap();
    twice.when(relay(2, RelayAction::Freeze)).unwrap();
    twice.when(relay_failed(1)).unwrap();
    assert_eq!(twice.status(), Status::Frozen, "another one is on its way");
    twice.when(relay_failed(2)).unwrap();
    assert_eq!(twice.status(), Status::Active);
}

#[test]
fn the_organization_lifts_its_own_freeze_and_no_other() {
    let mut given = Given::active("10");
    // Acknowledged although nothing changes: the request's key is used up by it.
    assert_eq!(given.when(Action::Unfreeze).unwrap().len(), 1);
    let freeze = || Action::Freeze;
    for _ in 0..2 {
        assert_eq!(frozen_by(&given.when(freeze()).unwrap()), Some((FrozenBy::Organization, None)));
    }
    given.when(seen(Fact::Frozen, 5)).unwrap();
    // Both are in force: each is lifted by itself.
    let events = given.when(Action::Unfreeze).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::Unfrozen(u)] if u.by == FrozenBy::Organization && u.at.is_none()),
        "{events:?}"
    );
    assert_eq!(given.status(), Status::Frozen);
    assert_eq!(given.when(Action::Unfreeze), Err(SessionKeyError::FrozenByOwner));
    given.when(freeze()).unwrap();
    given.when(done(Fact::Unfrozen, 6)).unwrap();
    assert_eq!(given.status(), Status::Frozen, "the owner's unfreeze does not lift the organization's");
    given.when(Action::Unfreeze).unwrap();
    assert_eq!(given.status(), Status::Active);
}

#[test]
fn a_freeze_takes_nothing_that_was_earned() {
    let mut given = Given::active("10");
    given.charged(flat("4"));
    given.when(seen(Fact::Frozen, 5)).unwrap();
    assert_eq!(given.planned(1).amount, amount("4"));
    given.when(done(claim("4", "4"), 6)).unwrap();
    assert_eq!(given.session.unsettled(), Amount::ZERO);
}

#[test]
fn a_guardians_freeze_counts_when_it_is_final_and_takes_nothing_that_was_earned() {
    let mut given = Given::active("10");
    given.charged(flat("4"));
    given.held(place_hold(1, "2"));
    given.ignores(seen(Fact::GuardianFrozen, 5));
    let events = given.when(done(Fact::GuardianFrozen, 5)).unwrap();
    assert_eq!(frozen_by(&events), Some((FrozenBy::Guardian, Some(place(5, 0)))));
    given.ignores(done(Fact::GuardianFrozen, 5));
    assert_eq!(given.status(), Status::Frozen);
    for refused in [flat("1"), place_hold(2, "1"), extend(1, "1")] {
        assert_eq!(given.when(refused), Err(SessionKeyError::WrongStatus(Status::Frozen)));
    }
    assert_eq!(given.captured(capture(1, None)).charge.amount, amount("2"));
    assert_eq!(given.planned(1).amount, amount("6"));
    assert_eq!(given.claimed(claim("6", "6"), 6).amount, amount("6"));

    given.ignores(seen(Fact::GuardianUnfrozen, 7));
    assert_eq!(given.status(), Status::Frozen, "what relaxes waits until it is final");
    let events = given.when(done(Fact::GuardianUnfrozen, 7)).unwrap();
    assert_eq!((events.len(), unfrozen_by(&events)), (1, vec![(FrozenBy::Guardian, Some(place(7, 0)))]));
    given.ignores(done(Fact::GuardianUnfrozen, 7));
    given.charged(flat("1"));
    assert_eq!(given.replayed(), given.session);
}

#[test]
fn owner_and_guardian_each_lift_their_own_freeze() {
    let mut given = Given::active("10");
    given.when(done(Fact::GuardianFrozen, 5)).unwrap();
    given.when(done(Fact::Frozen, 6)).unwrap();
    given.when(done(Fact::Unfrozen, 7)).unwrap();
    assert_eq!(given.status(), Status::Frozen, "the guardian's stands");
    given.when(done(Fact::Frozen, 8)).unwrap();
    given.when(done(Fact::GuardianUnfrozen, 9)).unwrap();
    assert_eq!(given.status(), Status::Frozen, "the owner's stands");
}

#[test]
fn the_organization_lifts_its_guardians_freeze_too() {
    let mut given = Given::active("10");
    given.when(done(Fact::GuardianFrozen, 5)).unwrap();
    given.when(done(Fact::Frozen, 6)).unwrap();
    let events = given.when(Action::Unfreeze).unwrap();
    assert_eq!((events.len(), unfrozen_by(&events)), (1, vec![(FrozenBy::Guardian, None)]));
    assert_eq!(given.status(), Status::Frozen, "the owner's stands");
    assert_eq!(given.when(Action::Unfreeze), Err(SessionKeyError::FrozenByOwner));
    given.when(done(Fact::Unfrozen, 7)).unwrap();
    assert_eq!(given.status(), Status::Active);
    // Frozen anew, on a chain that was set back before the first: nobody had lifted that there.
    given.when(done(Fact::GuardianFrozen, 8)).unwrap();
    given.when(Action::Freeze).unwrap();
    let events = given.when(Action::Unfreeze).unwrap();
    let both = vec![(FrozenBy::Guardian, None), (FrozenBy::Organization, None)];
    assert_eq!((events.len(), unfrozen_by(&events)), (2, both));
    assert_eq!(given.status(), Status::Active);
}

#[test]
fn the_organizations_freeze_outlives_its_guardians_and_is_said_again() {
    let mut given = Given::active("10");
    given.when(done(Fact::GuardianFrozen, 5)).unwrap();
    given.when(Action::Freeze).unwrap();
    let events = given.when(done(Fact::GuardianUnfrozen, 6)).unwrap();
    assert_eq!(unfrozen_by(&events[..1]), [(FrozenBy::Guardian, Some(place(6, 0)))]);
    assert_eq!(frozen_by(&events[1..]), Some((FrozenBy::Organization, None)));
    assert_eq!(given.status(), Status::Frozen);
    given.when(Action::Unfreeze).unwrap();
    assert_eq!(given.status(), Status::Active);
}

#[test]
fn what_the_organization_lifted_before_its_guardian_is_noted_once() {
    let mut given = Given::active("10");
    given.ignores(done(Fact::GuardianUnfrozen, 4));
    given.when(done(Fact::GuardianFrozen, 5)).unwrap();
    given.when(Action::Unfreeze).unwrap();
    // It stands in the log, so that it is not taken for the end of the next freeze when the chain is read again.
    let events = given.when(done(Fact::GuardianUnfrozen, 6)).unwrap();
    assert_eq!((events.len(), unfrozen_by(&events)), (1, vec![(FrozenBy::Guardian, Some(place(6, 0)))]));
    given.ignores(done(Fact::GuardianUnfrozen, 6));
    given.when(done(Fact::GuardianFrozen, 7)).unwrap();
    assert_eq!(given.status(), Status::Frozen);
}

#[test]
fn a_restriction_that_is_first_heard_of_when_it_is_final_counts_too() {
    // After an outage the chain is read again from where it was final.
    let mut given = Given::active("10");
    assert_eq!(given.when(done(Fact::Frozen, 5)).unwrap().len(), 1);
    given.when(done(Fact::Unfrozen, 6)).unwrap();
    // And again from there, when it is not known how far that went.
    given.ignores(done(Fact::Frozen, 5));
    given.ignores(done(Fact::Unfrozen, 6));
    assert_eq!(given.status(), Status::Active);
    assert_eq!(given.when(done(Fact::Revoked, 7)).unwrap().len(), 1);
    assert_eq!(given.status(), Status::Revoked);
}
