//! What a person takes over from a chain that was set back.

use super::*;

/// When nothing came in since the contract was asked.
fn restate(given: &Given, escrow: &str, block_number: u64) -> Action {
    restate_of(given.session.escrow(), escrow, block_number)
}

fn restate_of(known: Amount, escrow: &str, block_number: u64) -> Action {
    Action::Restate { escrow: amount(escrow), known, block_number, reason: "the node was restored".into() }
}

#[test]
fn deposits_that_are_not_there_any_more_are_taken_back() {
    let mut given = Given::active("10");
    given.when(done(deposit("5"), 20)).unwrap();
    given.charged(flat("2"));
    let events = given.when(restate(&given, "10", 15)).unwrap();
    let [SessionKeyEvent::Restated(restated)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((restated.deposited, restated.amount, restated.block_number), (amount("10"), amount("5"), 15));
    assert_eq!(restated.after.available, amount("8"));
    given.ignores(restate(&given, "10", 15));
    // The same deposit again, in a block of the chain as it is now.
    given.when(seen(deposit("5"), 16)).unwrap();
    assert_eq!(given.session.pending_deposits.len(), 1, "it is shown, though later blocks were known");
    given.when(done(deposit("5"), 16)).unwrap();
    assert_eq!(given.available(), "13");
}

#[test]
fn nothing_is_added_and_what_was_paid_out_stays() {
    let mut given = Given::active("10");
    given.when(done(withdrawn("1"), 5)).unwrap();
    given.charged(flat("4"));
    given.planned(1);
    given.claimed(claim("4", "4"), 6);
    for escrow in ["9.000001", "3.999999"] {
        let (least, escrow_now, given_now) = (amount("4"), amount("9"), amount(escrow));
        let denied =
            SessionKeyError::CannotRestate { least, escrow: escrow_now, given: given_now, currency: Currency::USDC };
        assert_eq!(given.when(restate(&given, escrow, 6)), Err(denied));
    }
    given.when(restate(&given, "4", 6)).unwrap();
    assert_eq!((given.session.deposited, given.session.escrow()), (amount("5"), amount("4")));
}

#[test]
fn what_was_charged_and_is_not_there_is_owed() {
    let mut given = Given::active("10");
    given.charged(flat("7"));
    given.when(restate(&given, "5", 2)).unwrap();
    assert_eq!((given.available(), given.session.unsettled()), ("0".into(), amount("7")));
    assert_eq!(given.when(flat("1")), insufficient("1", "0", "0"));
    assert_eq!(given.planned(1).amount, amount("5"));
    given.when(done(deposit("4"), 9)).unwrap();
    assert_eq!(given.available(), "2");
}

#[test]
fn ends_that_are_not_there_any_more_hold_nothing_up() {
    let mut given = Given::active_under(terms(Custody::Client), "10");
    given.when(done(Fact::Frozen, 40)).unwrap();
    given.when(done(Fact::Unfrozen, 41)).unwrap();
    given.when(done(request(Some("1")), 42)).unwrap();
    given.when(done(Fact::WithdrawCancelled, 43)).unwrap();
    given.when(done(rotated(NEXT), 44)).unwrap();
    given.ignores(seen(Fact::Frozen, 30));
    // All of that happened after block 20, which is the newest now.
    assert_eq!(given.when(restate(&given, "10", 20)).unwrap().len(), 1);
    given.ignores(restate(&given, "10", 20));
    assert_eq!(given.when(seen(Fact::Frozen, 21)).unwrap().len(), 1);
    assert_eq!(given.when(seen(request(Some("1")), 21)).unwrap().len(), 1);
    assert_eq!(given.when(seen(rotated(key()), 21)).unwrap().len(), 1);
}

#[test]
fn a_claim_that_was_skipped_for_it_is_tried_again() {
    let mut given = Given::active("10");
    given.charged(flat("7"));
    given.planned(1);
    given.when(release(1)).unwrap();
    assert_eq!(given.when(restate(&given, "10", 1)).unwrap().len(), 1, "blocks are let go of");
    assert!(given.session.set_aside.is_some(), "which is no reason to charge on");
    given.when(restate(&given, "7", 2)).unwrap();
    assert_eq!(given.session.set_aside, None);
    assert_eq!(given.replayed(), given.session);
}

#[test]
fn a_deposit_that_came_in_after_the_contract_was_asked_is_not_taken_away() {
    // Given that the contract was asked in block 12, and a deposit of block 13 is told before the answer is taken over.
    let mut given = Given::active("10");
    given.when(done(deposit("5"), 11)).unwrap();
    let known = given.session.escrow();
    given.when(done(deposit("7"), 13)).unwrap();
    let denied = SessionKeyError::CannotRestate {
        least: Amount::ZERO,
        escrow: amount("22"),
        given: amount("10"),
        currency: Currency::USDC,
    };
    assert_eq!(given.when(restate_of(known, "10", 12)), Err(denied));
    assert_eq!(given.session.escrow(), amount("22"));
}

#[test]
fn blocks_that_are_gone_are_let_go_of_whatever_the_money() {
    // Given an owner who was faster than a claim, so that less is there than was claimed before.
    let mut given = Given::active("10");
    given.charged(flat("4"));
    given.planned(1);
    given.claimed(claim("4", "4"), 30);
    given.when(done(withdrawn("8"), 31)).unwrap();
    given.when(done(request(Some("1")), 40)).unwrap();
    given.when(done(Fact::WithdrawCancelled, 41)).unwrap();
    given.ignores(seen(request(Some("1")), 25));
    // When the chain was set back to block 20, then what its owner does there counts, and no money has moved.
    let before = given.session.balances();
    let events = given.when(restate(&given, "2", 20)).unwrap();
    assert!(matches!(&events[..], [SessionKeyEvent::Restated(r)] if r.amount.is_zero()), "{events:?}");
    assert_eq!(given.session.balances(), before);
    assert!(!given.session.knows_after(20));
    assert_eq!(given.when(seen(request(Some("1")), 25)).unwrap().len(), 1);
    assert_eq!(given.when(seen(Fact::Frozen, 25)).unwrap().len(), 1);
}

#[test]
fn what_was_taken_over_is_let_go_of_when_the_chain_is_set_back_once_more() {
    // Given a chain that was set back, and of which a person took over less, as of block 15.
    let mut given = Given::active("10");
    given.when(done(deposit("5"), 20)).unwrap();
    assert_eq!(given.when(restate(&given, "15", 0)).unwrap().len(), 1);
    given.ignores(restate(&given, "15", 0));
    given.when(restate(&given, "10", 15)).unwrap();
    // When it is set back once more, then that is said, though nothing came in since: what is mined again after block 15
    // may have been there in block 15, and is in the log.
    let events = given.when(restate(&given, "10", 0)).unwrap();
    assert!(matches!(&events[..], [SessionKeyEvent::Restated(r)] if r.amount.is_zero()), "{events:?}");
    given.ignores(restate(&given, "10", 0));
    assert_eq!((given.available(), given.replayed()), ("10".into(), given.session));
}
