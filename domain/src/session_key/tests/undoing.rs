//! What was seen goes away with its block: it is undone, and nothing else is.

use super::*;

fn undone(events: &[SessionKeyEvent]) -> Vec<Sight> {
    let of = |event: &SessionKeyEvent| match event {
        SessionKeyEvent::SightUndone(undone) => Some(undone.what),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn only_what_was_taken_up_from_that_very_place_is_undone() {
    let facts = [
        (Sight::Deposit, deposit("1")),
        (Sight::Freeze, Fact::Frozen),
        (Sight::Revocation, Fact::Revoked),
        (Sight::Withdrawal, request(Some("1"))),
        (Sight::Rotation, rotated(NEXT)),
    ];
    for (what, fact) in facts {
        let mut given = Given::active_under(terms(Custody::Client), "10");
        let before = given.session.clone();
        given.ignores(undo(what, place(5, 0)));
        given.when(seen(fact.clone(), 5)).unwrap();
        given.ignores(undo(what, place(5, 1)));
        given.ignores(undo(what, place(6, 0)));
        given.ignores(undo(what, elsewhere(place(5, 0), 6)));
        let other = if what == Sight::Freeze { Sight::Deposit } else { Sight::Freeze };
        given.ignores(undo(other, place(5, 0)));
        given.ignores(seen(fact, 5));
        assert_eq!(undone(&given.when(undo(what, place(5, 0))).unwrap()), [what]);
        assert_eq!(given.session, before, "{what:?}");
        given.ignores(undo(what, place(5, 0)));
        assert_eq!(given.replayed(), given.session);
    }
}

#[test]
fn a_deposit_in_another_block_takes_the_place_of_the_one_before() {
    let mut given = Given::active("0");
    let first = place(5, 1);
    given.when(observed(deposit("10"), first)).unwrap();
    given.when(observed(deposit("3"), place(5, 2))).unwrap();
    let events = given.when(observed(deposit("10"), elsewhere(first, 6))).unwrap();
    assert!(matches!(&events[..], [SessionKeyEvent::SightUndone(_), SessionKeyEvent::DepositSeen(_)]), "{events:?}");
    assert_eq!(given.session.pending_deposits.len(), 2, "another transaction's stays");
    given.ignores(undo(Sight::Deposit, first));
    let events = given.when(final_at(deposit("10"), ChainRef { log_index: 9, ..elsewhere(first, 7) })).unwrap();
    assert!(matches!(&events[..], [SessionKeyEvent::SightUndone(_), SessionKeyEvent::Deposited(_)]), "{events:?}");
    assert_eq!((given.available(), given.session.pending_deposits.len()), ("10".into(), 1));
}

#[test]
fn two_deposits_of_one_transaction_are_two() {
    let mut given = Given::active("0");
    let (first, second) = (place(5, 1), ChainRef { log_index: 2, ..place(5, 1) });
    given.when(observed(deposit("1"), first)).unwrap();
    given.when(observed(deposit("2"), second)).unwrap();
    assert_eq!(given.session.pending_deposits.len(), 2);
    given.when(final_at(deposit("1"), first)).unwrap();
    assert_eq!(given.session.pending_deposits.len(), 1);
    given.when(final_at(deposit("2"), second)).unwrap();
    assert_eq!((given.available(), given.session.pending_deposits.len()), ("3".into(), 0));
}

#[test]
fn a_deposit_that_went_away_keeps_nothing_open() {
    let mut given = Given::active("0");
    given.when(seen(deposit("1"), 5)).unwrap();
    given.when(Action::Revoke).unwrap();
    given.ignores(Action::Close);
    given.when(undo(Sight::Deposit, place(5, 0))).unwrap();
    assert_eq!(given.when(Action::Close).unwrap().len(), 1);
}

#[test]
fn an_earlier_freeze_outlives_the_one_that_went_away() {
    let mut given = Given::active("10");
    given.when(seen(Fact::Frozen, 5)).unwrap();
    given.when(seen(Fact::Frozen, 7)).unwrap();
    let events = given.when(undo(Sight::Freeze, place(7, 0))).unwrap();
    assert!(
        matches!(&events[..], [_, SessionKeyEvent::Frozen(f)] if f.at == Some(place(5, 0))),
        "what remains is said again: {events:?}"
    );
    assert_eq!(given.session.owner_freeze, Some(OwnerFreeze::OnChain(5, 0)));
    given.when(undo(Sight::Freeze, place(5, 0))).unwrap();
    assert_eq!(given.status(), Status::Active);
}

#[test]
fn an_unfreeze_between_two_freezes_counts_when_the_later_one_goes_away() {
    let mut given = Given::active("10");
    given.when(seen(Fact::Frozen, 5)).unwrap();
    given.when(seen(Fact::Frozen, 7)).unwrap();
    given.when(done(Fact::Unfrozen, 6)).unwrap();
    given.when(undo(Sight::Freeze, place(7, 0))).unwrap();
    assert_eq!(given.status(), Status::Active);
}

#[test]
fn a_freeze_that_its_owner_signed_here_stands_while_it_is_on_its_way() {
    let mut given = Given::active("10");
    given.when(relay(1, RelayAction::Freeze)).unwrap();
    given.when(seen(Fact::Frozen, 5)).unwrap();
    given.when(undo(Sight::Freeze, place(5, 0))).unwrap();
    assert_eq!(given.session.owner_freeze, Some(OwnerFreeze::Relayed));
    given.when(relay_failed(1)).unwrap();
    assert_eq!(given.status(), Status::Active);
}

#[test]
fn an_organizations_freeze_is_none_of_the_chains() {
    let mut given = Given::active("10");
    given.when(Action::Freeze).unwrap();
    given.when(seen(Fact::Frozen, 5)).unwrap();
    given.when(undo(Sight::Freeze, place(5, 0))).unwrap();
    assert_eq!(given.status(), Status::Frozen);
    given.when(Action::Unfreeze).unwrap();
    assert_eq!(given.status(), Status::Active);
}

#[test]
fn a_revocation_that_went_away_is_none() {
    let mut given = Given::active("10");
    given.when(seen(Fact::Revoked, 5)).unwrap();
    given.when(undo(Sight::Revocation, place(5, 0))).unwrap();
    given.charged(flat("1"));
    // Another one is in sight still.
    given.when(seen(Fact::Revoked, 6)).unwrap();
    given.when(observed(Fact::Revoked, elsewhere(place(6, 0), 7))).unwrap();
    given.when(undo(Sight::Revocation, place(6, 0))).unwrap();
    assert_eq!(given.status(), Status::Revoked);
}

#[test]
fn a_revocation_that_was_asked_for_here_stays() {
    for asked in [Action::Revoke, relay(1, RelayAction::Revoke)] {
        let mut given = Given::active("10");
        given.when(asked).unwrap();
        given.ignores(seen(Fact::Revoked, 5));
        given.ignores(undo(Sight::Revocation, place(5, 0)));
        assert_eq!(given.status(), Status::Revoked);
    }
    // Also when the chain had said it before.
    let mut given = Given::active("10");
    given.when(seen(Fact::Revoked, 5)).unwrap();
    given.when(Action::Revoke).unwrap();
    given.when(undo(Sight::Revocation, place(5, 0))).unwrap();
    assert_eq!(given.status(), Status::Revoked);
}

#[test]
fn whose_time_is_over_stays_expired() {
    let mut given = Given::active("10");
    given.when_at(Action::Expire, at(VALID_UNTIL)).unwrap();
    given.when(seen(Fact::Revoked, 5)).unwrap();
    assert_eq!(given.status(), Status::Revoked);
    let events = given.when(undo(Sight::Revocation, place(5, 0))).unwrap();
    assert!(matches!(&events[..], [_, SessionKeyEvent::Expired(_)]), "{events:?}");
    assert_eq!(given.status(), Status::Expired);
}

#[test]
fn what_is_closed_stays_closed() {
    let mut given = Given::active("0");
    given.when(done(Fact::Revoked, 5)).unwrap();
    given.when(Action::Close).unwrap();
    given.ignores(undo(Sight::Revocation, place(5, 0)));
    assert_eq!(given.status(), Status::Closed);
}

#[test]
fn of_two_requests_the_other_one_is_wanted_still() {
    let mut given = Given::active("10");
    given.when(seen(request(Some("4")), 5)).unwrap();
    given.when(seen(request(Some("1")), 7)).unwrap();
    assert_eq!(given.available(), "5");
    let events = given.when(undo(Sight::Withdrawal, place(5, 0))).unwrap();
    let [SessionKeyEvent::SightUndone(_), SessionKeyEvent::WithdrawalRequested(left)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((left.amount, left.at, left.after.available), (amount("1"), place(7, 0), amount("9")));
    given.when(undo(Sight::Withdrawal, place(7, 0))).unwrap();
    assert_eq!((given.available(), given.session.withdrawal), ("10".into(), None));
}

#[test]
fn a_request_counts_once_while_two_blocks_have_it() {
    let mut given = Given::active("10");
    let first = place(5, 0);
    given.when(observed(request(Some("4")), first)).unwrap();
    given.when(observed(request(Some("4")), elsewhere(first, 6))).unwrap();
    assert_eq!(given.available(), "6");
    given.when(undo(Sight::Withdrawal, first)).unwrap();
    assert_eq!(given.available(), "6");
    given.when(done(withdrawn("4"), 7)).unwrap();
    assert_eq!((given.available(), given.session.withdrawal), ("6".into(), None));
}

#[test]
fn what_is_final_undoes_what_was_seen_of_it_elsewhere() {
    for (fact, what) in [
        (Fact::Frozen, Sight::Freeze),
        (Fact::Revoked, Sight::Revocation),
        (request(Some("4")), Sight::Withdrawal),
        (rotated(NEXT), Sight::Rotation),
    ] {
        let mut given = Given::active_under(terms(Custody::Client), "10");
        let there = elsewhere(place(5, 0), 8);
        given.when(observed(fact.clone(), there)).unwrap();
        given.when(final_at(fact.clone(), place(5, 0))).unwrap();
        given.ignores(undo(what, there));
        let mut once = Given::active_under(terms(Custody::Client), "10");
        once.when(final_at(fact, place(5, 0))).unwrap();
        assert_eq!(given.session, once.session, "{what:?}");
    }
}

#[test]
fn what_an_older_log_says_of_requests_reads_as_it_did() {
    let mut given = Given::active("10");
    let events = given.when(seen(request(Some("4")), 5)).unwrap();
    let [SessionKeyEvent::WithdrawalRequested(first)] = &events[..] else { panic!("{events:?}") };
    let mut old = Given::active("10").session;
    let cumulative = WithdrawalRequested { wanted: None, ..first.clone() };
    old.apply_event(&SessionKeyEvent::WithdrawalRequested(cumulative.clone()), at(T0));
    assert_eq!(old.withdrawal, given.session.withdrawal);
    let second = WithdrawalRequested { amount: amount("5"), at: place(7, 0), ..cumulative };
    old.apply_event(&SessionKeyEvent::WithdrawalRequested(second), at(T0));
    assert_eq!((old.withdrawal.unwrap().amount, old.sights.withdrawals.len()), (amount("5"), 1));
}
