//! When an invoice is tried to be paid, and when it is overdue.

use super::*;
use crate::invoice::event::{AttemptDue, PaymentFailed};

fn attempts(events: &[InvoiceEvent]) -> Vec<&AttemptDue> {
    let due = events.iter().filter_map(|event| match event {
        InvoiceEvent::AttemptDue(due) => Some(due),
        _ => None,
    });
    due.collect()
}

fn failed(events: &[InvoiceEvent]) -> &PaymentFailed {
    match events {
        [InvoiceEvent::PaymentFailed(failed)] => failed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn automatic_collection_tries_at_once_and_again_after_days() {
    let mut given = Given::sealed(automatic(vec![line("100")]));
    let events = given.when(number(NUMBER), T0).unwrap();
    let first = attempts(&events)[0];
    assert_eq!((first.attempt, first.amount, first.at), (1, amount("100"), at(T0)));
    assert_eq!((given.invoice.next_attempt_at, given.invoice.is_attempting), (None, true));
    assert_eq!(given.when(Action::Advance, "2026-06-01T00:00:00Z"), Ok(Vec::new()), "while one is under way");
    assert_eq!(given.when(Action::Collect, T0), Err(InvoiceError::AttemptUnderWay));

    let events = given.when(fail(1), "2026-03-10T01:00:00Z").unwrap();
    let declined = failed(&events);
    assert_eq!((declined.attempt, declined.is_last, declined.code.as_str()), (1, false, "card_declined"));
    assert_eq!(given.invoice.next_attempt_at, Some(at("2026-03-13T01:00:00Z")));
    assert_eq!(given.when(fail(1), "2026-03-10T02:00:00Z"), Ok(Vec::new()), "heard twice");
    assert_eq!(given.when(Action::Advance, "2026-03-13T00:59:59Z"), Ok(Vec::new()), "not yet");

    let events = given.when(Action::Advance, "2026-03-15T00:00:00Z").unwrap();
    let second = attempts(&events)[0];
    assert_eq!((second.attempt, second.at), (2, at("2026-03-13T01:00:00Z")), "when it was due");
    assert_eq!(given.when(fail(1), "2026-03-15T00:00:00Z"), Ok(Vec::new()), "of the first one, much later");
    given.when(fail(2), "2026-03-15T00:00:00Z").unwrap();
    assert_eq!(given.invoice.next_attempt_at, Some(at("2026-03-20T00:00:00Z")));

    given.when(Action::Advance, "2026-03-20T00:00:00Z").unwrap();
    let events = given.when(fail(3), "2026-03-20T00:00:00Z").unwrap();
    assert!(failed(&events).is_last);
    assert_eq!(given.when(Action::Advance, "2027-01-01T00:00:00Z"), Ok(Vec::new()), "no more by itself");
    assert_eq!(given.invoice.last_failure.as_ref().map(|failure| failure.attempt), Some(3));

    // Somebody asks for one more.
    let events = given.when(Action::Collect, "2026-04-01T00:00:00Z").unwrap();
    assert_eq!(attempts(&events)[0].attempt, 4);
    let paid = Action::ApplyPayment { payment_id: payment_of(invoice_id(), 4), amount: amount("100") };
    assert_eq!(given.outcome(paid, "2026-04-01T00:00:00Z"), "payment_applied+paid");
    assert!(!given.invoice.is_attempting);
}

#[test]
fn a_try_is_for_what_is_due_then() {
    let mut given = Given::finalized(automatic(vec![line("100")]));
    given.when(fail(1), T0).unwrap();
    given.when(pay(7, "30"), T0).unwrap();
    let events = given.when(Action::Collect, T0).unwrap();
    assert_eq!(attempts(&events)[0].amount, amount("70"));
}

#[test]
fn a_payment_that_somebody_made_besides_is_no_try() {
    let mut given = Given::finalized(automatic(vec![line("100")]));
    let other = Action::FailPayment { payment_id: payment(9), code: "expired_card".to_owned() };
    assert_eq!(given.when(other, T0), Ok(Vec::new()));
    given.when(pay(9, "30"), T0).unwrap();
    assert!(given.invoice.is_attempting, "its own is still under way");
}

#[test]
fn without_days_to_retry_the_first_failure_is_the_last() {
    let mut given = Given::finalized(Draft { retry_days: Vec::new(), ..automatic(vec![line("100")]) });
    let events = given.when(fail(1), T0).unwrap();
    assert!(failed(&events).is_last);
}

#[test]
fn money_that_comes_after_a_failure_is_taken() {
    let mut given = Given::finalized(automatic(vec![line("100")]));
    given.when(fail(1), T0).unwrap();
    let first = Action::ApplyPayment { payment_id: payment_of(invoice_id(), 1), amount: amount("100") };
    assert_eq!(given.outcome(first, T0), "payment_applied+paid");
    assert_eq!((given.invoice.next_attempt_at, given.invoice.status), (None, Status::Paid));
}

#[test]
fn what_the_customer_pays_by_itself_is_overdue_once() {
    let mut given = Given::finalized(plain(vec![line("100")]));
    assert_eq!(given.when(Action::Advance, "2026-03-24T00:00:04Z"), Ok(Vec::new()));
    let events = given.when(Action::Advance, "2026-04-01T00:00:00Z").unwrap();
    let InvoiceEvent::Overdue(overdue) = &events[0] else { panic!("{events:?}") };
    assert_eq!((overdue.at, overdue.subscription_id), (at("2026-03-24T00:00:05Z"), Some(subscription())));
    assert_eq!(given.when(Action::Advance, "2026-05-01T00:00:00Z"), Ok(Vec::new()));
    assert_eq!((given.invoice.overdue_at, given.invoice.status), (Some(overdue.at), Status::Open));
}

#[test]
fn trying_once_does_not_put_off_when_it_is_overdue() {
    let mut given = Given::finalized(plain(vec![line("100")]));
    given.when(Action::Collect, T0).unwrap();
    let events = given.when(fail(1), T0).unwrap();
    assert!(!failed(&events).is_last);
    assert_eq!(given.invoice.next_attempt_at, Some(at("2026-03-24T00:00:05Z")));
}

/// The first try has failed, so that the next is on the 13th; somebody makes a payment of 60.
fn with_a_payment_under_way() -> Given {
    let mut given = Given::finalized(automatic(vec![line("100")]));
    assert_eq!(given.when(expect(9, "100"), T0), Err(InvoiceError::AttemptUnderWay), "its own");
    assert_eq!(given.invoice.under_way(), Some(payment_of(invoice_id(), 1)));
    given.when(fail(1), T0).unwrap();
    let events = given.when(expect(9, "60"), T0).unwrap();
    let [InvoiceEvent::PaymentExpected(expected)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((expected.amount, expected.postponed), (amount("60"), Some(at("2026-03-13T00:00:05Z"))));
    given
}

#[test]
fn one_payment_is_under_way_at_a_time() {
    let mut given = with_a_payment_under_way();
    assert_eq!(given.when(expect(9, "60"), T0), Ok(Vec::new()), "the same");
    for other in [expect(8, "10"), Action::Collect] {
        assert_eq!(given.when(other, T0), Err(InvoiceError::AttemptUnderWay));
    }
    assert_eq!(given.when(Action::Advance, "2026-06-01T00:00:00Z"), Ok(Vec::new()), "the try waits");
    // Of another payment nothing is known; what comes by hand is taken all the same.
    let other = Action::FailPayment { payment_id: payment(8), code: "expired_card".to_owned() };
    assert_eq!(given.when(other, T0), Ok(Vec::new()));
    given.when(pay(7, "30"), T0).unwrap();
    assert_eq!(given.invoice.under_way(), Some(payment(9)));
    given.when(pay(6, "70"), T0).unwrap();
    assert_eq!((given.invoice.under_way(), given.invoice.status), (None, Status::Paid));
}

#[test]
fn more_than_is_due_is_not_asked_for() {
    let mut given = Given::finalized(plain(vec![line("100")]));
    given.when(pay(1, "40"), T0).unwrap();
    let more =
        InvoiceError::MoreThanDue { amount: amount("60.01"), due: amount("60"), currency: "EUR".parse().unwrap() };
    assert_eq!(given.when(expect(9, "60.01"), T0), Err(more));
    assert_eq!(given.when(expect(9, "0"), T0), Err(InvoiceError::ZeroAmount));
    given.when(expect(9, "60"), T0).unwrap();
    assert_eq!(given.invoice.next_attempt_at, given.invoice.due_at, "it is overdue all the same");
}

#[test]
fn the_try_that_waited_comes_when_the_payment_has_failed_or_was_not_enough() {
    let failed = || Action::FailPayment { payment_id: payment(9), code: "card_declined".to_owned() };
    let early = "2026-03-11T00:00:00Z";
    let late = "2026-03-20T00:00:00Z";
    for (now, next) in [(early, "2026-03-13T00:00:05Z"), (late, late)] {
        let mut given = with_a_payment_under_way();
        // It was no try of the invoice: that it has failed counts for nothing.
        assert_eq!(given.outcome(failed(), now), "payment_dropped");
        assert_eq!((given.invoice.next_attempt_at, given.invoice.attempts), (Some(at(next)), 1));
        assert_eq!(given.outcome(failed(), now), "", "heard twice");
        let mut given = with_a_payment_under_way();
        assert_eq!(given.outcome(pay(9, "60"), now), "payment_applied");
        assert_eq!((given.invoice.next_attempt_at, given.invoice.under_way()), (Some(at(next)), None));
        let events = given.when(Action::Advance, late).unwrap();
        assert_eq!((attempts(&events)[0].attempt, attempts(&events)[0].amount), (2, amount("40")));
    }
}

#[test]
fn of_what_is_given_up_what_is_under_way_may_still_come_and_nothing_is_tried() {
    let mut given = with_a_payment_under_way();
    given.when(Action::MarkUncollectible, T0).unwrap();
    assert_eq!(given.when(expect(8, "10"), T0), Err(InvoiceError::AttemptUnderWay));
    assert_eq!(given.outcome(pay(9, "60"), T0), "payment_applied");
    assert_eq!((given.invoice.next_attempt_at, given.invoice.under_way()), (None, None));
    // So is a try.
    let mut given = Given::finalized(automatic(vec![line("100")]));
    given.when(Action::MarkUncollectible, T0).unwrap();
    assert_eq!(given.when(expect(8, "10"), T0), Err(InvoiceError::AttemptUnderWay));
    assert_eq!(given.outcome(fail(1), T0), "payment_dropped");
    given.when(expect(8, "10"), T0).unwrap();
}

#[test]
fn each_try_of_each_invoice_has_a_payment_of_its_own() {
    let ids = [(3, 1), (3, 2), (4, 1)].map(|(n, attempt)| payment_of(InvoiceId::new(Uuid::from_u128(n)), attempt));
    assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
}

#[test]
fn what_a_provider_cannot_collect_waits_without_another_try() {
    let mut given = Given::sealed(automatic(vec![line("0.10")]));
    given.when(number(NUMBER), T0).unwrap();
    let code = crate::payment::NOT_COLLECTABLE.to_owned();
    let too_little = Action::FailPayment { payment_id: payment_of(invoice_id(), 1), code };
    let events = given.when(too_little, T0).unwrap();
    let refused = failed(&events);
    assert_eq!((refused.is_last, refused.after.next_attempt_at, refused.after.status), (false, None, Status::Open));
    // Somebody may still ask for it, or record what came.
    assert_eq!(attempts(&given.when(Action::Collect, T0).unwrap())[0].attempt, 2);
}
