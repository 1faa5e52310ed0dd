//! How a subscription ends.

use super::*;

fn cause(event: &SubscriptionEvent) -> (EndCause, Status) {
    match event {
        SubscriptionEvent::Cancelled(e) | SubscriptionEvent::Expired(e) => (e.cause, e.after.status),
        other => panic!("expected an end, got {other:?}"),
    }
}

#[test]
fn an_end_at_once_gives_back_what_is_not_used_up() {
    let given = Given::begun(create(basic()), T0);
    let event = given.clone().one(cancel_now(true), MID_APRIL);
    assert_eq!(cause(&event), (EndCause::Requested, Status::Cancelled));
    let bill = event.bill().unwrap();
    assert_eq!(lines(bill), ["support 10", "~base -15", "~seats -15"]);
    assert_eq!((bill.reason, bill.close_usage, bill.closed), (Reason::End, true, Some(cycle(T0, MID_APRIL))));
    assert_eq!((turned(bill), minimums(bill)), (None, vec!["25".to_owned()]));
    assert_eq!((event.after().period, event.after().next_due_at), (None, None));
    let bill = given.clone().bill(cancel_now(false), MID_APRIL);
    assert_eq!(lines(&bill), ["support 10"]);
}

#[test]
fn an_end_with_the_period_lets_it_run_out() {
    let mut given = Given::begun(create(basic()), T0);
    let event = given.one(cancel_later(), MID_APRIL);
    assert_eq!((type_of(&event), event.after().cancel_at_period_end), ("cancel_scheduled", true));
    given.nothing(cancel_later(), MID_APRIL);
    let event = given.one(Action::Advance, MAY);
    assert_eq!(cause(&event), (EndCause::Requested, Status::Cancelled));
    assert_eq!(lines(event.bill().unwrap()), ["support 20"]);
    assert_eq!(turned(event.bill().unwrap()), None);
    given.close(MAY);
    given.nothing(Action::Advance, JUNE);
}

#[test]
fn an_end_with_the_period_can_be_dropped() {
    let mut given = Given::begun(create(basic()), T0);
    assert_eq!(given.denied(Action::DropCancel, T0), SubscriptionError::NothingScheduled);
    given.one(cancel_later(), T0);
    assert_eq!(type_of(&given.one(Action::DropCancel, T0)), "cancel_dropped");
    assert_eq!(type_of(&given.one(Action::Advance, MAY)), "renewed");
}

#[test]
fn a_trial_that_is_not_to_go_on_ends() {
    let on_trial = Create { trial_days: Some(14), cancel_at_trial_end: true, ..create(basic()) };
    let mut given = Given::begun(on_trial, T0);
    let event = given.one(Action::Advance, MAY);
    assert_eq!(cause(&event), (EndCause::TrialEnded, Status::Expired));
    let bill = event.bill().unwrap();
    assert_eq!((lines(bill), bill.close_usage, turned(bill)), (Vec::new(), true, None));
    assert_eq!(bill.closed, Some(cycle(T0, "2026-04-15T00:00:00Z")));

    let mut given = Given::begun(Create { trial_days: Some(14), ..create(basic()) }, T0);
    let event = given.one(cancel_now(true), "2026-04-03T00:00:00Z");
    assert_eq!(cause(&event), (EndCause::Requested, Status::Cancelled));
    assert_eq!(lines(event.bill().unwrap()), Vec::<String>::new());
}

#[test]
fn what_does_not_renew_goes_on_for_its_grace() {
    let plan = with(basic(), |terms| terms.grace_days = 7);
    let mut given = Given::begun(create(plan), T0);
    given.one(Action::SetAutoRenew(false), T0);
    given.nothing(Action::SetAutoRenew(false), T0);
    let end = "2026-05-08T00:00:00Z";
    assert_eq!(given.subscription.next_due_at(), Some(at(end)));
    given.nothing(Action::Advance, "2026-05-07T23:59:59Z");
    assert_eq!((given.status(), given.life().period), (Status::Active, Some(cycle(T0, MAY))));

    let mut renewed = given.clone();
    renewed.one(Action::SetAutoRenew(true), "2026-05-05T00:00:00Z");
    let bill = renewed.bill(Action::Advance, "2026-05-05T00:00:00Z");
    assert_eq!((bill.at, turned(&bill)), (at(MAY), Some(cycle(MAY, JUNE))), "as if it had always renewed");

    let mut cancelled = given.clone();
    let bill = cancelled.bill(cancel_now(true), "2026-05-05T00:00:00Z");
    assert_eq!((lines(&bill), bill.closed), (vec!["support 20".to_owned()], Some(cycle(T0, MAY))));

    let event = given.one(Action::Advance, end);
    assert_eq!(cause(&event), (EndCause::NotRenewed, Status::Expired));
    let bill = event.bill().unwrap();
    assert_eq!((lines(bill), bill.at), (vec!["support 20".to_owned()], at(end)));
    assert_eq!((bill.closed, minimums(bill)), (Some(cycle(T0, MAY)), vec!["50".to_owned()]));
}

#[test]
fn without_a_grace_it_ends_with_its_period() {
    let mut given = Given::begun(Create { auto_renew: false, ..create(basic()) }, T0);
    let event = given.one(Action::Advance, MAY);
    assert_eq!(cause(&event), (EndCause::NotRenewed, Status::Expired));
    assert_eq!(given.life().ended, Some((EndCause::NotRenewed, at(MAY))));
}
