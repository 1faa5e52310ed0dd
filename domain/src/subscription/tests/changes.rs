//! Another plan, another quantity.

use super::*;

#[test]
fn a_change_at_once_exchanges_the_rest_of_the_period() {
    let mut given = Given::begun(create(basic()), T0);
    let bill = given.bill(change_now(pro(), true), MID_APRIL);
    assert_eq!(lines(&bill), ["support 10", "~base -15", "~seats -15", "~base 45", "~seats 30"]);
    assert_eq!((bill.reason, bill.close_usage, bill.closed), (Reason::Change, false, None));
    assert_eq!((turned(&bill), bill.turn.as_ref().unwrap().carry), (Some(cycle(T0, MAY)), true));
    let periods: Vec<_> = bill.lines.iter().filter_map(|line| line.period).collect();
    let rest = cycle(MID_APRIL, MAY);
    assert_eq!(periods, [cycle(T0, MID_APRIL), rest, rest, rest, rest]);
    assert_eq!(given.life().plan, pro());

    let bill = given.bill(Action::Advance, MAY);
    assert_eq!(lines(&bill), ["support 20", "base 90", "seats 60"], "of the new plan since the change");
    assert_eq!((minimums(&bill), bill.closed), (vec!["25".to_owned()], Some(cycle(T0, MAY))));
}

#[test]
fn without_proration_the_new_fees_begin_with_the_next_period() {
    let mut given = Given::begun(create(basic()), T0);
    let bill = given.bill(change_now(pro(), false), MID_APRIL);
    assert_eq!((lines(&bill), turned(&bill)), (Vec::new(), Some(cycle(T0, MAY))), "the allowances are the new ones");
    let bill = given.bill(Action::Advance, MAY);
    assert_eq!(lines(&bill), ["support 20", "base 90", "seats 60"], "support is the old plan's for all of April");
}

#[test]
fn only_what_was_charged_is_given_back() {
    let mut given = Given::begun(create(basic()), T0);
    given.bill(change_now(pro(), false), T0);
    // The fees of April are the basic plan's still.
    let max = plan_of(3, "300", "0", "0");
    let bill = given.clone().bill(change_now(max, true), MID_APRIL);
    assert_eq!(lines(&bill), ["support 10", "~base -15", "~seats -15", "~base 150", "~seats 0"]);
    let bill = given.bill(cancel_now(true), MID_APRIL);
    assert_eq!(lines(&bill), ["support 10", "~base -15", "~seats -15"]);
}

#[test]
fn another_quantity_concerns_the_fees_for_seats_only() {
    let mut given = Given::begun(create(basic()), T0);
    let bill = given.bill(seats_now(5, true), MID_APRIL);
    assert_eq!(lines(&bill), ["support 10", "~seats -15", "~seats 25"]);
    let bill = given.bill(Action::Advance, MAY);
    assert_eq!(lines(&bill), ["support 10", "base 30", "seats 50"]);
    assert_eq!(minimums(&bill), ["50"], "the plan was the same for all of April");
    let bill = given.bill(seats_now(1, false), "2026-05-10T00:00:00Z");
    assert_eq!(lines(&bill), Vec::<String>::new());
    assert_eq!(lines(&given.bill(Action::Advance, JUNE)), ["support 20", "base 30", "seats 10"]);
}

#[test]
fn a_quantity_after_a_change_without_proration_concerns_all_fees() {
    let mut given = Given::begun(create(basic()), T0);
    given.bill(change_now(pro(), false), T0);
    let bill = given.bill(seats_now(5, true), MID_APRIL);
    assert_eq!(lines(&bill), ["support 10", "~base -15", "~seats -15", "~base 45", "~seats 50"]);
}

#[test]
fn another_interval_begins_a_period_of_its_own() {
    let yearly = with(pro(), |terms| terms.interval = every(1, IntervalUnit::Year));
    let mut given = Given::begun(create(basic()), T0);
    let bill = given.clone().bill(change_now(yearly.clone(), true), MID_APRIL);
    assert_eq!(lines(&bill), ["support 10", "~base -15", "~seats -15", "base 90", "seats 60"]);
    assert_eq!((bill.close_usage, bill.closed), (true, Some(cycle(T0, MID_APRIL))));
    assert_eq!(minimums(&bill), ["25"]);
    let turn = bill.turn.as_ref().unwrap();
    assert_eq!((turn.cycle, turn.carry), (Some(cycle(MID_APRIL, "2027-04-16T00:00:00Z")), false));
    let bill = given.bill(change_now(yearly, false), MID_APRIL);
    assert_eq!(lines(&bill), ["support 10", "base 90", "seats 60"], "nothing is given back");
    let next = given.bill(Action::Advance, "2027-04-16T00:00:00Z");
    assert_eq!(turned(&next), Some(cycle("2027-04-16T00:00:00Z", "2028-04-16T00:00:00Z")));
}

#[test]
fn a_change_from_the_next_period_on_waits_for_it() {
    let mut given = Given::begun(create(pro()), T0);
    let event = given.one(change_later(basic()), MID_APRIL);
    assert!(matches!(&event, SubscriptionEvent::ChangeScheduled(e) if e.effective_at == at(MAY)), "{event:?}");
    given.nothing(change_later(basic()), MID_APRIL);
    assert_eq!(given.life().plan, pro());
    let event = given.one(Action::Advance, MAY);
    assert_eq!(event.plan(), Some(&basic()));
    assert_eq!(lines(event.bill().unwrap()), ["support 40", "base 30", "seats 30"]);
    assert_eq!((given.life().plan.clone(), given.life().scheduled.clone()), (basic(), None));
}

#[test]
fn a_scheduled_change_of_the_interval_counts_from_there() {
    let quarterly = with(pro(), |terms| terms.interval = every(3, IntervalUnit::Month));
    let mut given = Given::begun(create(basic()), "2026-01-31T00:00:00Z");
    given.one(change_later(quarterly), "2026-01-31T00:00:00Z");
    let bill = given.bill(Action::Advance, "2026-02-28T00:00:00Z");
    assert_eq!(turned(&bill), Some(cycle("2026-02-28T00:00:00Z", "2026-05-28T00:00:00Z")));
    assert_eq!(lines(&bill), ["support 20", "base 90", "seats 60"]);
}

#[test]
fn one_scheduled_change_takes_the_place_of_another() {
    let mut given = Given::begun(create(basic()), T0);
    given.one(change_later(pro()), T0);
    let seats_later = Action::Change { plan: None, quantity: Some(seats(9)), when: When::PeriodEnd, prorate: false };
    given.one(seats_later, T0);
    assert_eq!(
        given.life().scheduled.as_ref().map(|known| (known.plan.is_none(), known.quantity)),
        Some((true, seats(9)))
    );
    // Back to what it is: nothing will change.
    given.one(change_later(basic()), T0);
    assert_eq!(lines(&given.bill(Action::Advance, MAY)), ["support 20", "base 30", "seats 30"]);
}

#[test]
fn a_scheduled_change_is_dropped_by_itself_or_by_one_at_once() {
    let mut given = Given::begun(create(basic()), T0);
    given.one(change_later(pro()), T0);
    assert_eq!(type_of(&given.one(Action::DropChange, T0)), "change_dropped");
    assert_eq!(given.denied(Action::DropChange, T0), SubscriptionError::NothingScheduled);
    given.one(change_later(pro()), T0);
    given.bill(seats_now(4, true), T0);
    assert_eq!(given.life().scheduled, None);
}

#[test]
fn a_change_to_what_it_is_changes_nothing() {
    let mut given = Given::begun(create(basic()), T0);
    given.nothing(change_now(basic(), true), MID_APRIL);
    given.nothing(seats_now(3, true), MID_APRIL);
    given.nothing(change_later(basic()), MID_APRIL);
}

#[test]
fn a_change_is_checked_before_it_happens() {
    let mut given = Given::begun(create(basic()), T0);
    for prorate in [true, false] {
        assert_eq!(given.denied(seats_now(0, prorate), T0), SubscriptionError::QuantityOutOfRange);
    }
    let mut yen = pro();
    for price in &mut yen.terms.prices {
        price.currencies = price.currencies.values().map(|pricing| ("JPY".parse().unwrap(), pricing.clone())).collect();
    }
    assert!(matches!(given.denied(change_now(yen.clone(), true), T0), SubscriptionError::CurrencyMissing { .. }));
    assert!(matches!(given.denied(change_later(yen), T0), SubscriptionError::CurrencyMissing { .. }));
}

#[test]
fn what_is_due_happens_first() {
    let mut given = Given::begun(create(basic()), T0);
    for action in [change_now(pro(), true), change_later(pro()), cancel_now(true), Action::SetAutoRenew(false)] {
        assert_eq!(given.denied(action, "2026-05-01T00:00:01Z"), SubscriptionError::DueFirst(at(MAY)));
    }
    given.settle(at("2026-05-01T00:00:01Z"));
    given.one(change_now(pro(), true), "2026-05-01T00:00:01Z");
    assert_eq!(given.denied(seats_now(7, true), "2026-05-01T00:00:02Z"), SubscriptionError::BillOpen);
}
