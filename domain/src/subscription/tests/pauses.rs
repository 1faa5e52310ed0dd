//! Pauses.

use super::*;

const MAY_10: &str = "2026-05-10T00:00:00Z";

fn pause() -> Action {
    Action::Pause { resumes_at: None }
}

#[test]
fn a_pause_gives_back_and_ends_the_allowances() {
    let mut given = Given::begun(create(basic()), T0);
    let event = given.one(pause(), MID_APRIL);
    let bill = event.bill().unwrap();
    assert_eq!(lines(bill), ["support 10", "~base -15", "~seats -15"]);
    assert_eq!((bill.reason, bill.close_usage, turned(bill)), (Reason::Pause, true, None));
    assert_eq!((bill.closed, minimums(bill)), (Some(cycle(T0, MID_APRIL)), vec!["25".to_owned()]));
    let after = event.after();
    assert_eq!((after.status, after.period, after.next_due_at), (Status::Paused, None, None));
    given.close(MID_APRIL);
    given.nothing(Action::Advance, "2030-01-01T00:00:00Z");
}

#[test]
fn on_its_own_day_a_whole_period_begins_when_it_goes_on() {
    let mut given = Given::begun(create(basic()), T0);
    given.bill(pause(), MID_APRIL);
    let bill = given.bill(Action::Resume, MAY_10);
    assert_eq!(lines(&bill), ["base 30", "seats 30"], "what is there once was there");
    assert_eq!((bill.reason, bill.close_usage, bill.closed), (Reason::Resume, false, None));
    assert_eq!(turned(&bill), Some(cycle(MAY_10, "2026-06-10T00:00:00Z")));
    assert_eq!(given.denied(Action::Resume, MAY_10), SubscriptionError::NotPaused);
    let next = given.bill(Action::Advance, "2026-06-10T00:00:00Z");
    assert_eq!(turned(&next), Some(cycle("2026-06-10T00:00:00Z", "2026-07-10T00:00:00Z")));
}

#[test]
fn on_calendar_days_what_is_left_of_one_begins() {
    for anchoring in [Anchoring::Calendar, Anchoring::At(at(T0))] {
        let mut given = Given::begun(Create { anchoring, ..create(basic()) }, T0);
        given.bill(pause(), MID_APRIL);
        let bill = given.bill(Action::Resume, "2026-06-16T00:00:00Z");
        assert_eq!(lines(&bill), ["base 15", "seats 15"]);
        assert_eq!(turned(&bill), Some(cycle("2026-06-16T00:00:00Z", "2026-07-01T00:00:00Z")));
    }
}

#[test]
fn it_goes_on_by_itself_when_that_was_said() {
    let mut given = Given::begun(create(basic()), T0);
    let until = |text| Action::Pause { resumes_at: Some(at(text)) };
    assert_eq!(given.denied(until(MID_APRIL), MID_APRIL), SubscriptionError::ResumesInThePast);
    given.bill(until(MAY_10), MID_APRIL);
    assert_eq!(given.subscription.next_due_at(), Some(at(MAY_10)));
    assert_eq!(given.denied(pause(), MID_APRIL), SubscriptionError::Paused);
    let event = given.one(Action::Advance, "2026-05-12T00:00:00Z");
    assert_eq!((type_of(&event), event.after().status), ("resumed", Status::Active));
    assert_eq!(event.bill().unwrap().at, at(MAY_10));
    assert_eq!(given.life().resumes_at, None);
}

#[test]
fn a_change_that_was_scheduled_comes_when_it_goes_on() {
    let mut given = Given::begun(create(basic()), T0);
    given.one(change_later(pro()), T0);
    given.bill(pause(), MID_APRIL);
    // Whoever looks at what the plan needs before it goes on must look at this one.
    assert_eq!((&given.life().plan, given.life().next_plan()), (&basic(), &pro()));
    let event = given.one(Action::Resume, MAY_10);
    assert_eq!((lines(event.bill().unwrap()), event.plan()), (vec!["base 90".into(), "seats 60".into()], Some(&pro())));
}

#[test]
fn a_pause_can_end_for_good() {
    let mut given = Given::begun(create(basic()), T0);
    given.bill(pause(), MID_APRIL);
    assert_eq!(given.denied(cancel_later(), MAY_10), SubscriptionError::Paused);
    let bill = given.bill(cancel_now(true), MAY_10);
    assert_eq!((lines(&bill), bill.closed, bill.close_usage, turned(&bill)), (Vec::new(), None, true, None));
    assert_eq!(given.status(), Status::Cancelled);
}

#[test]
fn a_trial_cannot_be_paused() {
    let mut given = Given::begun(Create { trial_days: Some(14), ..create(basic()) }, T0);
    assert_eq!(given.denied(pause(), T0), SubscriptionError::Trialing);
}
