//! What becomes of a subscription whose invoices are not paid.

use super::*;

const MAY_5: &str = "2026-05-05T00:00:00Z";
/// A week before it.
const APRIL_28: &str = "2026-04-28T00:00:00Z";

fn past_due(n: u128) -> Action {
    Action::MarkPastDue { invoice_id: invoice(n) }
}
fn paid(n: u128) -> Action {
    Action::MarkPaid { invoice_id: invoice(n) }
}
fn lost(n: u128) -> Action {
    Action::MarkLost { invoice_id: invoice(n) }
}
fn give_up(n: u128) -> Action {
    Action::GiveUp { invoice_id: invoice(n) }
}
fn with_grace() -> PlanVersion {
    with(basic(), |terms| terms.grace_days = 7)
}
fn grace_of(event: &SubscriptionEvent) -> Option<Timestamp> {
    match event {
        SubscriptionEvent::PastDue(e) => e.grace_until,
        other => panic!("expected that it is past due, got {other:?}"),
    }
}

#[test]
fn it_goes_on_for_its_grace_and_ends_with_it() {
    let mut given = Given::begun(create(with_grace()), T0);
    let event = given.one(past_due(1), APRIL_28);
    let end = MAY_5;
    assert_eq!((grace_of(&event), event.after().status), (Some(at(end)), Status::PastDue));
    given.nothing(past_due(1), APRIL_28);
    // A second invoice does not lengthen it, and the period renews in between.
    assert_eq!(grace_of(&given.one(past_due(2), "2026-04-30T00:00:00Z")), Some(at(end)));
    let event = given.one(Action::Advance, MAY);
    assert_eq!((type_of(&event), event.after().status), ("renewed", Status::PastDue));
    given.close(MAY);
    given.nothing(give_up(1), MAY);
    let event = given.one(Action::Advance, "2026-05-09T00:00:00Z");
    let SubscriptionEvent::Cancelled(ended) = &event else { panic!("{event:?}") };
    assert_eq!((ended.cause, ended.at), (EndCause::Unpaid, at(end)));
    let bill = event.bill().unwrap();
    // 4 of 31 days of support; what was not paid is not given back.
    assert_eq!((lines(bill), bill.closed), (vec!["support 2.58".to_owned()], Some(cycle(MAY, end))));
}

#[test]
fn when_all_is_paid_it_is_as_before() {
    let mut given = Given::begun(create(with_grace()), T0);
    given.nothing(paid(9), MID_APRIL);
    given.one(past_due(1), MID_APRIL);
    given.one(past_due(2), MID_APRIL);
    let event = given.one(paid(1), MID_APRIL);
    assert_eq!((type_of(&event), event.after().status), ("recovered", Status::PastDue));
    assert!(given.life().grace_until.is_some());
    let event = given.one(paid(2), MID_APRIL);
    assert_eq!((event.after().status, given.life().grace_until), (Status::Active, None));
    assert_eq!(event.after().next_due_at, Some(at(MAY)));
    given.nothing(paid(2), MID_APRIL);
    // The next one has a grace of its own.
    assert_eq!(grace_of(&given.one(past_due(3), "2026-04-20T00:00:00Z")), Some(at("2026-04-27T00:00:00Z")));
}

/// Nobody waits for an invoice that was given up: it is done with.
#[test]
fn when_the_rest_is_given_up_it_is_as_before() {
    let mut given = Given::begun(create(with_grace()), T0);
    given.one(past_due(1), MID_APRIL);
    let event = given.one(lost(1), MID_APRIL);
    let SubscriptionEvent::Recovered(recovered) = &event else { panic!("{event:?}") };
    assert_eq!((recovered.is_lost, event.after().status, given.life().grace_until), (true, Status::Active, None));
    given.nothing(lost(1), MID_APRIL);
}

#[test]
fn without_a_grace_it_ends_when_nobody_tries_any_more() {
    let mut given = Given::begun(create(basic()), T0);
    given.nothing(give_up(1), MID_APRIL);
    assert_eq!(grace_of(&given.one(past_due(1), MID_APRIL)), None);
    given.nothing(give_up(2), MID_APRIL);
    let event = given.one(give_up(1), MID_APRIL);
    assert_eq!((type_of(&event), lines(event.bill().unwrap())), ("cancelled", vec!["support 10".to_owned()]));
    assert_eq!(given.life().ended, Some((EndCause::Unpaid, at(MID_APRIL))));
}

#[test]
fn giving_up_waits_for_an_open_bill() {
    let mut given = Given::begun(create(basic()), T0);
    given.one(past_due(1), MID_APRIL);
    given.one(Action::Advance, MAY);
    let event = given.one(give_up(1), MAY_5);
    assert_eq!(grace_of(&event), Some(at(MAY_5)), "as if its grace ended now");
    given.nothing(give_up(1), MAY_5);
    given.nothing(Action::Advance, MAY_5);
    given.close(MAY_5);
    assert_eq!(type_of(&given.one(Action::Advance, MAY_5)), "cancelled");
}

#[test]
fn giving_up_waits_for_what_is_due() {
    let mut given = Given::begun(create(basic()), T0);
    given.one(past_due(1), MID_APRIL);
    given.one(give_up(1), MAY_5);
    let types: Vec<_> = given.settle(at(MAY_5)).iter().map(type_of).collect();
    assert_eq!(types, ["renewed", "cancelled"]);
}

#[test]
fn a_pause_stops_the_grace_and_it_begins_anew_after_it() {
    let mut given = Given::begun(create(with_grace()), T0);
    given.one(past_due(1), "2026-04-14T00:00:00Z");
    given.bill(Action::Pause { resumes_at: None }, MID_APRIL);
    assert_eq!((given.status(), given.subscription.next_due_at()), (Status::Paused, None));
    let mut resumed = given.clone();
    let event = resumed.one(Action::Resume, MAY);
    assert_eq!((event.after().status, event.after().next_due_at), (Status::PastDue, Some(at("2026-05-08T00:00:00Z"))));
    let mut paid_off = given.clone();
    assert_eq!(paid_off.one(paid(1), MAY).after().status, Status::Paused);
    assert_eq!(paid_off.one(Action::Resume, MAY).after().status, Status::Active);
    assert_eq!(type_of(&given.one(give_up(1), MAY)), "cancelled", "no grace is running");
}

#[test]
fn an_invoice_that_fails_within_a_pause_counts_after_it() {
    let mut given = Given::begun(create(with_grace()), T0);
    given.bill(Action::Pause { resumes_at: Some(at(MAY)) }, MID_APRIL);
    let event = given.one(past_due(1), "2026-04-20T00:00:00Z");
    assert_eq!((grace_of(&event), event.after().status), (None, Status::Paused));
    let event = given.one(Action::Advance, MAY);
    assert_eq!(event.after().status, Status::PastDue);
    assert_eq!(given.life().grace_until, Some(at("2026-05-08T00:00:00Z")));
}

#[test]
fn the_grace_ends_before_a_period_that_ends_with_it_renews() {
    let mut given = Given::begun(create(with_grace()), T0);
    given.one(past_due(1), "2026-04-24T00:00:00Z");
    let types: Vec<_> = given.settle(at(JUNE)).iter().map(type_of).collect();
    assert_eq!(types, ["cancelled"]);
    assert_eq!(given.life().ended, Some((EndCause::Unpaid, at(MAY))));
}

#[test]
fn what_has_ended_hears_of_nothing() {
    let mut given = Given::begun(create(basic()), T0);
    given.one(past_due(1), MID_APRIL);
    given.bill(cancel_now(false), MID_APRIL);
    for action in [past_due(2), paid(1), lost(1), give_up(1), Action::Advance] {
        given.nothing(action, MAY);
    }
}
