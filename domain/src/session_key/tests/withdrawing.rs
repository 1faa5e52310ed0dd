//! What an owner wants back: it counts at first sight, and is over when its end is final.

use super::*;

#[track_caller]
fn requested(given: &mut Given, wanted: Option<&str>, block: u64) -> WithdrawalRequested {
    match given.when(seen(request(wanted), block)).unwrap().pop() {
        Some(SessionKeyEvent::WithdrawalRequested(requested)) => requested,
        other => panic!("expected a request, got {other:?}"),
    }
}

#[test]
fn a_request_reduces_what_is_available_at_first_sight() {
    let mut given = Given::active("10");
    given.charged(flat("1"));
    let event = requested(&mut given, Some("4"), 5);
    assert_eq!((event.amount, event.available_at), (amount("4"), at("2026-03-10T13:10:00Z")));
    assert_eq!((event.after.available, event.after.withdrawn), (amount("5"), Amount::ZERO));
    given.ignores(done(request(Some("4")), 5));
    given.ignores(seen(request(Some("4")), 5));
    given.charged(flat("5"));
    assert_eq!(given.when(flat("0.000001")), insufficient("0.000001", "0", "0"));
}

#[test]
fn a_request_for_all_or_more_leaves_nothing_to_charge() {
    for wanted in [None, Some("10"), Some("999999")] {
        let mut given = Given::active("10");
        given.charged(flat("4"));
        let event = requested(&mut given, wanted, 5);
        assert!(event.amount <= amount("1000"), "cut to what can ever lie in escrow: {}", event.amount);
        assert_eq!(given.available(), "0");
    }
}

#[test]
fn a_request_for_all_reaches_what_comes_after_it() {
    // The contract cuts when it pays out and not when it is asked: a deposit between is the owner's again.
    for wanted in [None, Some("100")] {
        let mut given = Given::active("10");
        requested(&mut given, wanted, 5);
        given.when(done(deposit("50"), 6)).unwrap();
        assert_eq!(given.when(flat("1")), insufficient("1", "0", "0"), "{wanted:?}");
    }
    let mut some = Given::active("10");
    requested(&mut some, Some("12"), 5);
    some.when(done(deposit("50"), 6)).unwrap();
    assert_eq!(some.available(), "48");
}

#[test]
fn it_is_over_when_its_end_is_final() {
    let mut cancelled = Given::active("10");
    requested(&mut cancelled, Some("4"), 5);
    cancelled.ignores(seen(Fact::WithdrawCancelled, 6));
    assert_eq!(cancelled.available(), "6");
    cancelled.when(done(Fact::WithdrawCancelled, 6)).unwrap();
    assert_eq!((cancelled.available(), cancelled.session.withdrawal), ("10".into(), None));
    cancelled.ignores(done(Fact::WithdrawCancelled, 7));

    let mut paid = Given::active("10");
    requested(&mut paid, Some("4"), 5);
    paid.ignores(seen(withdrawn("4"), 6));
    assert_eq!(paid.available(), "6");
    paid.when(done(withdrawn("4"), 6)).unwrap();
    assert_eq!((paid.available(), paid.session.withdrawal), ("6".into(), None));
    assert_eq!((paid.session.withdrawn, paid.session.escrow()), (amount("4"), amount("6")));
}

#[test]
fn a_withdrawal_of_nothing_ends_the_request() {
    // Claims that came first left nothing: the contract says zero, so that another one can be asked for.
    let mut given = Given::active("4");
    given.charged(flat("4"));
    requested(&mut given, None, 5);
    given.planned(1);
    given.when(done(claim("4", "4"), 6)).unwrap();
    given.when(done(withdrawn("0"), 7)).unwrap();
    assert_eq!((given.session.withdrawal, given.session.withdrawn), (None, Amount::ZERO));
}

#[test]
fn a_request_that_is_seen_after_its_end_was_final_is_ignored() {
    for end in [Fact::WithdrawCancelled, withdrawn("4")] {
        let mut given = Given::active("10");
        requested(&mut given, Some("4"), 5);
        given.when(done(end.clone(), 6)).unwrap();
        given.ignores(seen(request(Some("4")), 5));
        assert_eq!(given.session.withdrawal, None, "nothing on chain would ever end it again: {end:?}");
        requested(&mut given, Some("1"), 7);
    }
}

#[test]
fn an_end_does_not_touch_a_newer_request() {
    for (end, rest) in [(Fact::WithdrawCancelled, "10"), (withdrawn("4"), "6")] {
        let mut given = Given::active("10");
        requested(&mut given, Some("4"), 5);
        requested(&mut given, Some("1"), 7);
        given.when(done(end, 6)).unwrap();
        assert!(given.session.withdrawal.is_some());
        given.when(done(Fact::WithdrawCancelled, 8)).unwrap();
        assert_eq!((given.session.withdrawal, given.available()), (None, rest.into()));
    }
}

#[test]
fn a_newer_request_gives_nothing_back_before_the_end_of_the_older_is_final() {
    // The contract takes a second request only after the first ended. What the first one took is gone from
    // the contract, while here it still counts as deposited.
    let mut given = Given::active("10");
    requested(&mut given, Some("9"), 5);
    assert_eq!(given.available(), "1");
    let event = requested(&mut given, Some("0.5"), 7);
    assert_eq!((event.amount, event.after.available), (amount("9.5"), amount("0.5")));
    assert_eq!(given.when(flat("1")), insufficient("1", "0.5", "0"));
    given.when(done(withdrawn("9"), 6)).unwrap();
    assert_eq!((given.available(), given.session.escrow()), ("0.5".into(), amount("1")), "the second alone is wanted");
    given.when(done(withdrawn("0.5"), 8)).unwrap();
    assert_eq!((given.available(), given.session.withdrawal), ("0.5".into(), None));
}

#[test]
fn a_request_that_moved_to_another_block_is_the_same() {
    let mut given = Given::active("10");
    requested(&mut given, Some("4"), 5);
    let at = ChainRef { tx_hash: place(5, 0).tx_hash, ..place(6, 2) };
    given.when(Action::Observe { fact: request(Some("4")), at, is_final: false }).unwrap();
    assert_eq!(given.available(), "6");
    given.when(done(withdrawn("4"), 7)).unwrap();
    assert_eq!((given.available(), given.session.withdrawal), ("6".into(), None));
}

#[test]
fn what_was_earned_can_be_claimed_until_it_is_withdrawn() {
    let mut given = Given::active("10");
    given.charged(flat("4"));
    requested(&mut given, None, 5);
    assert_eq!(given.planned(1).amount, amount("4"), "claims that come first win");
    given.when(done(claim("4", "4"), 6)).unwrap();
    given.when(done(withdrawn("6"), 7)).unwrap();
    assert_eq!((given.available(), given.session.unsettled()), ("0".into(), Amount::ZERO));
}

#[test]
fn a_withdrawal_that_came_first_leaves_what_was_earned_unpaid() {
    let mut given = Given::active("10");
    given.charged(flat("4"));
    requested(&mut given, None, 5);
    given.when(done(withdrawn("10"), 6)).unwrap();
    assert_eq!((given.available(), given.session.unsettled()), ("0".into(), amount("4")));
    assert_eq!(given.when(plan(1)), Err(SessionKeyError::NothingToClaim));
    // It is owed all the same: a deposit pays for it before anything else can be charged.
    given.when(done(deposit("5"), 7)).unwrap();
    assert_eq!(given.available(), "1");
    assert_eq!(given.planned(1).amount, amount("4"));
}

#[test]
fn a_request_that_is_first_heard_of_when_it_is_final_counts_too() {
    // After an outage the chain is read again from where it was final.
    let mut given = Given::active("10");
    given.when(done(request(Some("4")), 5)).unwrap();
    assert_eq!(given.available(), "6");
    given.when(done(withdrawn("4"), 6)).unwrap();
    given.ignores(done(request(Some("4")), 5));
    assert_eq!(given.available(), "6");
}
