//! What was earned on its way to the chain: planned, released, paid.

use super::*;

#[test]
fn a_claim_is_what_was_charged_cut_to_the_tokens_unit() {
    let mut given = Given::active_under(terms(Custody::Client), "10");
    given.charged(vouched("2.0000015", "5"));
    let planned = given.planned(1);
    assert_eq!((planned.amount, planned.total_claimed), (amount("2.000001"), amount("2.000001")));
    assert_eq!((planned.charged_from, planned.charged_to), (Amount::ZERO, amount("2.0000015")));
    assert_eq!((planned.voucher, planned.settlement_id), (Some(voucher("5").stored), settlement(1)));
    assert!(planned.voucher.unwrap().max_claimable >= planned.total_claimed);
}

#[test]
fn dust_waits_for_the_next_claim() {
    let mut given = Given::active("10");
    given.charged(flat("0.0000009"));
    assert_eq!(given.when(plan(1)), Err(SessionKeyError::NothingToClaim));
    given.charged(flat("0.0000009"));
    let first = given.planned(1);
    assert_eq!((first.amount, first.charged_to), (amount("0.000001"), amount("0.0000018")));
    given.claimed(claim("0.000001", "0.000001"), 5);
    assert_eq!(given.when(plan(2)), Err(SessionKeyError::NothingToClaim));
    given.charged(flat("0.0000002"));
    let second = given.planned(2);
    assert_eq!((second.amount, second.total_claimed), (amount("0.000001"), amount("0.000002")));
    assert_eq!((second.charged_from, second.charged_to), (first.charged_to, amount("0.000002")));
}

#[test]
fn nothing_is_planned_when_nothing_was_earned() {
    assert_eq!(Given::active("10").when(plan(1)), Err(SessionKeyError::NothingToClaim));
}

#[test]
fn one_claim_is_open_at_a_time() {
    let mut given = Given::active("10");
    given.charged(flat("2"));
    given.planned(1);
    given.charged(flat("1"));
    for again in [1, 2] {
        assert_eq!(given.when(plan(again)), Err(SessionKeyError::InSettlement(settlement(1))));
    }
    given.claimed(claim("2", "2"), 5);
    let next = given.planned(2);
    assert_eq!((next.amount, next.charged_from, next.charged_to), (amount("1"), amount("2"), amount("3")));
}

#[test]
fn what_was_earned_is_claimed_after_the_end_too() {
    for end in [Action::Revoke, Action::Freeze] {
        let mut given = Given::active("10");
        given.charged(flat("2"));
        given.when(end).unwrap();
        assert_eq!(given.planned(1).amount, amount("2"));
    }
}

#[test]
fn a_released_claim_is_set_aside_until_a_person_asks() {
    let mut given = Given::active("10");
    given.charged(flat("2"));
    given.planned(1);
    given.ignores(release(2));
    let events = given.when(release(1)).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::ClaimReleased(e)]
        if e.amount == amount("2") && e.settlement_id == settlement(1) && e.reason == "skipped"),
        "{events:?}"
    );
    given.ignores(release(1));
    let set_aside = Err(SessionKeyError::SetAside("skipped".into()));
    assert_eq!(given.when(plan(2)), set_aside);
    assert_eq!(given.when(flat("1")), set_aside, "what might never be paid is not charged");
    let events = given.when(Action::PlanClaim { settlement_id: settlement(2), again: true }).unwrap();
    let [SessionKeyEvent::ClaimPlanned(next)] = &events[..] else { panic!("expected a claim, got {events:?}") };
    assert_eq!((next.amount, next.charged_from, next.charged_to), (amount("2"), Amount::ZERO, amount("2")));
    given.when(done(claim("2", "2"), 9)).unwrap();
    given.charged(flat("1"));
    assert_eq!(given.planned(3).amount, amount("1"), "once one was paid, all goes by itself again");
}

#[test]
fn a_claim_is_paid_as_planned_when_that_is_final() {
    let mut given = Given::active("10");
    given.charged(flat("2.0000005"));
    given.planned(1);
    given.ignores(seen(claim("2", "2"), 5));
    assert_eq!(given.session.claimed, Amount::ZERO);
    let paid = given.claimed(claim("2", "2"), 5);
    assert_eq!((paid.settlement_id, paid.amount, paid.planned), (Some(settlement(1)), amount("2"), amount("2")));
    assert_eq!((given.session.claimed, given.session.settled_to), (amount("2"), amount("2.0000005")));
    assert!(given.session.open_claim.is_none());
    assert_eq!(given.available(), "7.9999995", "claiming changes nothing of what may be charged");
    given.ignores(done(claim("2", "2"), 5));
    given.ignores(release(1));
}

#[test]
fn somebody_else_may_claim() {
    let mut given = Given::active("10");
    given.charged(flat("3"));
    let paid = given.claimed(claim("1.5", "1.5"), 5);
    assert_eq!((paid.settlement_id, paid.amount, paid.planned), (None, amount("1.5"), Amount::ZERO));
    // No charge's border is known: the amount itself is one.
    let next = given.planned(1);
    assert_eq!((next.amount, next.charged_from, next.charged_to), (amount("1.5"), amount("1.5"), amount("3")));
}

#[test]
fn a_claim_of_somebody_else_takes_from_what_was_planned() {
    let mut given = Given::active("10");
    given.charged(flat("5"));
    given.planned(1);
    // What was paid is in no settlement any more, although that settlement did not pay it.
    let theirs = given.claimed(claim("3", "3"), 5);
    assert_eq!((theirs.settlement_id, theirs.amount, theirs.planned), (None, amount("3"), amount("3")));
    assert_eq!(given.when(plan(2)), Err(SessionKeyError::InSettlement(settlement(1))));
    let ours = given.claimed(claim("2", "5"), 6);
    assert_eq!((ours.settlement_id, ours.amount, ours.planned), (Some(settlement(1)), amount("2"), amount("2")));
    assert_eq!((given.session.claimed, given.session.settled_to), (amount("5"), amount("5")));
}

#[test]
fn only_what_is_left_of_a_claim_is_released() {
    let mut given = Given::active("10");
    given.charged(flat("5"));
    given.planned(1);
    given.claimed(claim("3", "3"), 5);
    let events = given.when(release(1)).unwrap();
    assert!(matches!(&events[..], [SessionKeyEvent::ClaimReleased(e)] if e.amount == amount("2")), "{events:?}");
    let events = given.when(Action::PlanClaim { settlement_id: settlement(2), again: true }).unwrap();
    let [SessionKeyEvent::ClaimPlanned(next)] = &events[..] else { panic!("expected a claim, got {events:?}") };
    assert_eq!((next.amount, next.charged_from, next.charged_to), (amount("2"), amount("3"), amount("5")));
}

#[test]
fn a_claim_beyond_what_was_planned_ends_the_plan_and_is_paid_for_further() {
    let mut given = Given::active("10");
    given.charged(flat("2.0000005"));
    given.planned(1);
    given.charged(flat("5"));
    let paid = given.claimed(claim("6", "6"), 5);
    assert_eq!((paid.settlement_id, paid.amount, paid.planned), (Some(settlement(1)), amount("6"), amount("2")));
    assert_eq!(given.session.settled_to, amount("6"), "the next evidence begins where the payment ended");
    let next = given.planned(2);
    assert_eq!((next.amount, next.charged_from, next.charged_to), (amount("1"), amount("6"), amount("7.0000005")));
}

#[test]
fn an_older_claim_that_comes_late_changes_nothing() {
    let mut given = Given::active("10");
    given.charged(flat("5"));
    given.claimed(claim("5", "5"), 6);
    given.ignores(done(claim("3", "3"), 5));
    assert_eq!(given.session.claimed, amount("5"));
}

#[test]
fn a_claim_is_never_more_than_what_is_in_escrow() {
    let mut given = Given::active("10");
    given.charged(flat("8"));
    // The owner got money back that was earned: no claim for it came in time.
    given.when(done(withdrawn("4"), 5)).unwrap();
    let planned = given.planned(1);
    assert_eq!((planned.amount, planned.total_claimed), (amount("6"), amount("6")));
    assert_eq!((planned.charged_from, planned.charged_to), (Amount::ZERO, amount("8")));
    given.claimed(claim("6", "6"), 6);
    // What it paid for ends where the money ended: the charges after that are still to be paid.
    assert_eq!(given.session.settled_to, amount("6"));
    assert_eq!(given.when(plan(2)), Err(SessionKeyError::NothingToClaim));
    given.when(done(deposit("2"), 7)).unwrap();
    let rest = given.planned(2);
    assert_eq!((rest.amount, rest.charged_from, rest.charged_to), (amount("2"), amount("6"), amount("8")));
}
