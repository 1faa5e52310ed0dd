//! How a subscription begins, what its periods bring, and its trial.

use super::*;

#[test]
fn it_begins_with_its_fees_and_its_allowances() {
    let mut given = Given::default();
    let event = given.one(Action::Create(Box::new(create(basic()))), T0);
    let bill = event.bill().unwrap();
    assert_eq!(lines(bill), ["base 30", "seats 30", "setup 99"]);
    assert_eq!((bill.number, bill.reason, bill.at, bill.close_usage), (1, Reason::Start, at(T0), false));
    assert_eq!((bill.closed, bill.due_days, bill.retry_days.as_slice()), (None, 14, [3, 5].as_slice()));
    let turn = bill.turn.as_ref().unwrap();
    assert_eq!((turn.cycle, turn.carry, turn.allowances.len()), (Some(cycle(T0, MAY)), false, 1));
    assert!(bill.minimums.is_empty());
    let after = event.after();
    assert_eq!((after.status, after.period, after.open_bill), (Status::Active, Some(cycle(T0, MAY)), Some(1)));
    assert_eq!(after.next_due_at, Some(at(MAY)));
    assert_eq!(given.denied(Action::Create(Box::new(create(basic()))), T0), SubscriptionError::AlreadyExists);
}

#[test]
fn a_line_says_what_it_is_for() {
    let mut given = Given::default();
    let event = given.one(Action::Create(Box::new(create(basic()))), T0);
    let [base, per_seat, setup] = event.bill().unwrap().lines.as_slice() else { panic!("{event:?}") };
    assert_eq!((base.description.as_str(), base.quantity, base.unit_price), ("base", Some(seats(1)), None));
    assert_eq!((per_seat.quantity, per_seat.unit_price), (Some(seats(3)), Some("10".parse().unwrap())));
    assert_eq!((per_seat.kind, per_seat.period), (LineKind::Fee, Some(cycle(T0, MAY))));
    assert_eq!((setup.kind, setup.period), (LineKind::Fee, None));
    assert_eq!(setup.price.as_ref().map(|price| price.version), Some(1));
}

#[test]
fn nothing_falls_due_while_a_bill_is_open() {
    let mut given = Given::default();
    given.one(Action::Create(Box::new(create(basic()))), T0);
    assert_eq!(given.subscription.next_due_at(), Some(at(MAY)), "it says when all the same");
    given.nothing(Action::Advance, MAY);
    let close = |number| Action::CloseBill { number, invoice_id: None, minimums: Vec::new() };
    given.nothing(close(2), MAY);
    assert_eq!(type_of(&given.one(close(1), MAY)), "bill_closed");
    given.nothing(close(1), MAY);
    assert_eq!(type_of(&given.one(Action::Advance, MAY)), "renewed");
}

#[test]
fn a_period_that_is_over_brings_the_next() {
    let mut given = Given::begun(create(basic()), T0);
    given.nothing(Action::Advance, "2026-04-30T23:59:59Z");
    // Days late: as of when it was due.
    let bill = given.bill(Action::Advance, "2026-05-04T10:00:00Z");
    assert_eq!(lines(&bill), ["support 20", "base 30", "seats 30"]);
    assert_eq!(minimums(&bill), ["50"]);
    assert_eq!((bill.number, bill.reason, bill.at, bill.close_usage), (2, Reason::Renewal, at(MAY), true));
    assert_eq!((bill.closed, turned(&bill)), (Some(cycle(T0, MAY)), Some(cycle(MAY, JUNE))));
    let periods: Vec<_> = bill.lines.iter().map(|line| line.period).collect();
    assert_eq!(periods, [Some(cycle(T0, MAY)), Some(cycle(MAY, JUNE)), Some(cycle(MAY, JUNE))]);
    assert_eq!(given.life().period, Some(cycle(MAY, JUNE)));
}

#[test]
fn the_last_day_of_a_month_comes_back() {
    let mut given = Given::begun(create(basic()), "2026-01-31T12:00:00Z");
    let ends = |given: &Given| given.life().period.unwrap().end;
    assert_eq!(ends(&given), at("2026-02-28T12:00:00Z"));
    given.settle(at("2026-02-28T12:00:00Z"));
    assert_eq!(ends(&given), at("2026-03-31T12:00:00Z"));
    given.settle(at("2026-03-31T12:00:00Z"));
    assert_eq!(ends(&given), at("2026-04-30T12:00:00Z"));
}

#[test]
fn periods_are_on_the_customers_wall_clock() {
    // From nine to nine in Berlin, over the beginning of summer time.
    let berlin = Create { time_zone: Tz::Europe__Berlin, ..create(basic()) };
    let mut given = Given::begun(berlin, "2026-03-15T08:00:00Z");
    let april = at("2026-04-15T07:00:00Z");
    assert_eq!(given.life().period, Some(Cycle { start: at("2026-03-15T08:00:00Z"), end: april }));
    let events = given.settle(april);
    assert_eq!(lines(events[0].bill().unwrap()), ["support 20", "base 30", "seats 30"], "an hour less is no less");
    assert_eq!(given.life().period, Some(Cycle { start: april, end: at("2026-05-15T07:00:00Z") }));
}

#[test]
fn calendar_periods_begin_with_a_shorter_one() {
    let on_the_first = Create { anchoring: Anchoring::Calendar, ..create(basic()) };
    let mut given = Given::default();
    let event = given.one(Action::Create(Box::new(on_the_first)), MID_APRIL);
    assert_eq!(lines(event.bill().unwrap()), ["base 15", "seats 15", "setup 99"]);
    assert_eq!(event.after().period, Some(cycle(MID_APRIL, MAY)));
    given.close(MID_APRIL);
    let bill = given.bill(Action::Advance, MAY);
    assert_eq!(lines(&bill), ["support 10", "base 30", "seats 30"]);
    assert_eq!(minimums(&bill), ["25"], "for the half month");
    assert_eq!(turned(&bill), Some(cycle(MAY, JUNE)));
}

#[test]
fn an_anchor_of_its_own_may_lie_before_or_after() {
    for anchor in ["2026-01-16T00:00:00Z", "2027-01-16T00:00:00Z"] {
        let on_the_16th = Create { anchoring: Anchoring::At(at(anchor)), ..create(basic()) };
        let given = Given::begun(on_the_16th, T0);
        assert_eq!(given.life().period, Some(cycle(T0, MID_APRIL)), "{anchor}");
    }
    let far = Create { anchoring: Anchoring::At(at("2036-04-02T00:00:00Z")), ..create(basic()) };
    assert_eq!(Given::default().denied(Action::Create(Box::new(far)), T0), SubscriptionError::AnchorOutOfRange);
}

#[test]
fn a_trial_is_free_and_then_paid_for() {
    let mut given = Given::default();
    let on_trial = Create { trial_days: Some(14), ..create(basic()) };
    let event = given.one(Action::Create(Box::new(on_trial)), T0);
    let bill = event.bill().unwrap();
    let end = "2026-04-15T00:00:00Z";
    assert_eq!((lines(bill), turned(bill)), (Vec::<String>::new(), Some(cycle(T0, end))));
    assert_eq!((bill.close_usage, event.after().status), (false, Status::Trialing));
    assert_eq!(event.after().next_due_at, Some(at(end)));
    given.close(T0);

    let event = given.one(Action::Advance, "2026-04-17T00:00:00Z");
    assert_eq!((type_of(&event), event.after().status), ("activated", Status::Active));
    let bill = event.bill().unwrap();
    assert_eq!(lines(bill), ["base 30", "seats 30", "setup 99"]);
    assert_eq!((bill.reason, bill.at, bill.close_usage), (Reason::TrialEnd, at(end), true));
    assert_eq!((bill.closed, minimums(bill)), (Some(cycle(T0, end)), Vec::new()));
    assert_eq!(turned(bill), Some(cycle(end, "2026-05-15T00:00:00Z")));
}

#[test]
fn a_trial_ends_at_its_time_of_day() {
    let berlin = Create { time_zone: Tz::Europe__Berlin, trial_days: Some(14), ..create(basic()) };
    let given = Given::begun(berlin, "2026-03-20T08:00:00Z");
    assert_eq!(given.life().trial_end, Some(at("2026-04-03T07:00:00Z")));
}

#[test]
fn a_trial_may_end_before_its_time() {
    let mut given = Given::begun(Create { trial_days: Some(30), ..create(basic()) }, T0);
    given.one(cancel_later(), T0);
    let bill = given.bill(Action::EndTrial, MID_APRIL);
    assert_eq!(
        (lines(&bill), bill.closed),
        (vec!["base 30".into(), "seats 30".into(), "setup 99".into()], Some(cycle(T0, MID_APRIL)))
    );
    assert!(!given.life().cancel_at_period_end, "who wants to pay wants to go on");
    assert_eq!(given.life().trial_end, Some(at(MID_APRIL)));
    assert_eq!(given.denied(Action::EndTrial, MID_APRIL), SubscriptionError::NotTrialing);
}

#[test]
fn a_change_within_a_trial_replaces_what_comes_after_it() {
    let mut given = Given::begun(Create { trial_days: Some(14), ..create(basic()) }, T0);
    let bill = given.bill(change_now(pro(), true), "2026-04-05T00:00:00Z");
    assert_eq!((lines(&bill), bill.close_usage, bill.closed), (Vec::new(), false, None));
    assert!(bill.turn.as_ref().unwrap().carry);
    assert_eq!(turned(&bill), Some(cycle(T0, "2026-04-15T00:00:00Z")));
    given
        .one(Action::Change { plan: None, quantity: Some(seats(5)), when: When::PeriodEnd, prorate: false }, MID_TRIAL);
    let event = given.one(Action::Advance, "2026-04-15T00:00:00Z");
    assert_eq!(lines(event.bill().unwrap()), ["base 90", "seats 100", "setup 99"]);
}

const MID_TRIAL: &str = "2026-04-08T00:00:00Z";

#[test]
fn what_cannot_be_billed_does_not_begin() {
    let denied = |create: Create| Given::default().denied(Action::Create(Box::new(create)), T0);
    for quantity in [seats(0), seats(QUANTITY_MAX + 1), "1.5".parse().unwrap()] {
        assert_eq!(denied(Create { quantity, ..create(basic()) }), SubscriptionError::QuantityOutOfRange);
    }
    let yen = Create { currency: "JPY".parse().unwrap(), ..create(basic()) };
    assert!(matches!(denied(yen), SubscriptionError::CurrencyMissing { .. }));
    let dear = plan_of(9, "1", "1000000000000", "1");
    let many = Create { quantity: seats(QUANTITY_MAX), ..create(dear) };
    assert!(matches!(denied(many), SubscriptionError::AmountOutOfRange { .. }));
    let long = Create { trial_days: Some(TRIAL_DAYS_MAX + 1), ..create(basic()) };
    assert_eq!(denied(long), SubscriptionError::TrialTooLong);
    let no_trial = Create { cancel_at_trial_end: true, ..create(basic()) };
    assert_eq!(denied(no_trial), SubscriptionError::NotTrialing);
}

#[test]
fn another_organizations_subscription_does_not_exist() {
    let given = Given::begun(create(basic()), T0);
    let other = OrganizationId::new(Uuid::from_u128(99));
    let command = SubscriptionCommand { organization_id: other, action: Action::Advance };
    let answer = given.subscription.handle_command(&command, at(MAY));
    assert_eq!(answer, Err(SubscriptionError::NotFound));
    let command = SubscriptionCommand { organization_id: org(), action: Action::Advance };
    assert_eq!(Subscription::default().handle_command(&command, at(MAY)), Err(SubscriptionError::NotFound));
}

#[test]
fn a_reminder_comes_once_and_before_what_it_is_of() {
    let plan = with(basic(), |terms| terms.reminder_days = 3);
    let mut given = Given::begun(Create { trial_days: Some(14), ..create(plan) }, T0);
    assert_eq!(given.subscription.next_due_at(), Some(at("2026-04-12T00:00:00Z")));
    let events = given.settle(at("2026-05-14T00:00:00Z"));
    let reminders: Vec<_> = events
        .iter()
        .map(|event| match event {
            SubscriptionEvent::Reminded(e) => Some((e.of, e.at, e.ends_at)),
            _ => None,
        })
        .collect();
    let trial = (Reminder::TrialEnd, at("2026-04-12T00:00:00Z"), at("2026-04-15T00:00:00Z"));
    let period = (Reminder::Renewal, at("2026-05-12T00:00:00Z"), at("2026-05-15T00:00:00Z"));
    assert_eq!(reminders, [Some(trial), None, Some(period)]);
    given.one(cancel_later(), "2026-05-14T00:00:00Z");
    assert_eq!(given.subscription.next_due_at(), Some(at("2026-05-15T00:00:00Z")), "not twice of one end");
}

#[test]
fn who_ends_with_the_period_is_reminded_of_that() {
    let plan = with(basic(), |terms| terms.reminder_days = 3);
    for action in [cancel_later(), Action::SetAutoRenew(false)] {
        let mut given = Given::begun(create(plan.clone()), T0);
        given.one(action, T0);
        let event = given.one(Action::Advance, "2026-04-28T00:00:00Z");
        assert!(matches!(&event, SubscriptionEvent::Reminded(e) if e.of == Reminder::End), "{event:?}");
    }
}

#[test]
fn a_period_that_is_no_longer_than_its_reminder_has_none() {
    let weekly = with(basic(), |terms| {
        terms.interval = every(1, IntervalUnit::Week);
        terms.reminder_days = 7;
    });
    let given = Given::begun(create(weekly), T0);
    assert_eq!(given.subscription.next_due_at(), Some(at("2026-04-08T00:00:00Z")));
}

#[test]
fn the_bill_to_come_is_the_one_that_comes() {
    let mut given = Given::begun(create(basic()), T0);
    given.one(change_later(pro()), T0);
    let upcoming = given.subscription.upcoming_bill().unwrap();
    assert_eq!(upcoming, Some(given.bill(Action::Advance, MAY)));
    given.one(cancel_later(), MAY);
    let upcoming = given.subscription.upcoming_bill().unwrap();
    assert_eq!(upcoming, Some(given.bill(Action::Advance, JUNE)));
    assert_eq!(given.subscription.upcoming_bill(), Ok(None), "it has ended");
    assert_eq!(Subscription::default().upcoming_bill(), Ok(None));
}
