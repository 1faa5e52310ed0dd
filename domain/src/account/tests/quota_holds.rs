//! What holds reserve of limits and allowances, and in which period it counts.

use super::*;

const TEN_MINUTES_TO: &str = "2026-03-10T23:50:00Z";
const NEXT_DAY: &str = "2026-03-11T00:05:00Z";
const NEXT_MIDNIGHT: &str = "2026-03-12T00:00:00Z";

fn midnight() -> Timestamp {
    at("2026-03-10T00:00:00Z")
}

fn calls(used: &str) -> Vec<Usage> {
    vec![metered("calls", "1", used)]
}

/// What is used and held of the quota for calls.
fn quota_of(given: &Given) -> (String, String) {
    let quota = &given.account.quotas[&"calls".parse().unwrap()];
    (quota.used.to_string(), quota.held.to_string())
}

fn used_held(used: &str, held: &str) -> (String, String) {
    (used.into(), held.into())
}

fn exceeded(remaining: &str, requested: &str, resets_at: Option<&str>) -> Result<Vec<AccountEvent>, AccountError> {
    Err(AccountError::QuotaExceeded {
        meter: "calls".parse().unwrap(),
        limit: quantity("10"),
        remaining: quantity(remaining),
        requested: quantity(requested),
        resets_at: resets_at.map(at),
    })
}

fn reserved(count: &str) -> Reserved {
    Reserved {
        meter: "calls".parse().unwrap(),
        period_start: midnight(),
        period_end: None,
        quantity: quantity(count),
        beyond: Quantity::ZERO,
        most: Amount::ZERO,
        only_credits: Amount::ZERO,
        free: false,
        is_used: false,
    }
}

/// At most ten calls a day.
fn limited() -> Given {
    let mut given = Given::opened("100");
    given.when(quota("calls", "10", Period::Day, false, Overage::Block), T0).unwrap();
    given
}

/// Ten calls a day are free.
fn allowed() -> Given {
    let mut given = Given::opened("100");
    given.when(quota("calls", "10", Period::Day, true, Overage::Charge), T0).unwrap();
    given
}

#[test]
fn a_limit_counts_what_is_held() {
    let mut given = limited();
    let held = given.held(place(1, calls("6")), T0);
    assert_eq!((held.amount, held.lines[0].period_start), (amount("6"), Some(midnight())));
    let denied = exceeded("4", "5", Some("2026-03-11T00:00:00Z"));
    for action in [charge(calls("5")), place(2, calls("5")), extend(1, calls("5"), None)] {
        assert_eq!(given.when(action, T0), denied);
    }
    given.charged(charge(calls("1")), T0);
    given.when(extend(1, calls("1"), None), T0).unwrap();
    assert_eq!(quota_of(&given), used_held("1", "7"));
    let captured = given.captured(capture_part(1, calls("3")), T0);
    assert_eq!(captured.released, [reserved("3")]);
    assert_eq!(quota_of(&given), used_held("4", "4"));
    let captured = given.captured(capture(1, Some(calls("2"))), T0);
    assert_eq!(captured.released, [reserved("4")], "what is no longer reserved, be it used or not");
    assert_eq!(quota_of(&given), used_held("6", "0"));
    given.held(place(2, calls("4")), T0);
    assert_eq!(given.released(void(2), T0).released, [reserved("4")]);
    given.charged(charge(calls("4")), T0);
}

#[test]
fn a_capture_may_use_what_is_free_besides_what_it_reserved_as_far_as_its_money_goes() {
    let mut given = limited();
    given.held(place(1, calls("6")), T0);
    let cheap = || Some(vec![metered("calls", "0.5", "9")]);
    given.held(place(2, calls("2")), T0);
    assert_eq!(given.when(capture(1, cheap()), T0), exceeded("8", "9", Some("2026-03-11T00:00:00Z")));
    given.released(void(2), T0);
    let captured = given.captured(capture(1, cheap()), T0);
    assert_eq!((captured.charge.amount, quota_of(&given)), (amount("4.5"), used_held("9", "0")));
}

#[test]
fn an_allowance_is_reserved_and_only_what_is_beyond_it_costs() {
    let mut given = allowed();
    let first = given.held(place(1, calls("8")), T0);
    assert_eq!((first.amount, first.lines[0].included_quantity), (Amount::ZERO, Some(quantity("8"))));
    let second = given.held(place(2, calls("8")), T0);
    assert_eq!((second.amount, second.lines[0].included_quantity), (amount("6"), Some(quantity("2"))));
    assert_eq!(quota_of(&given), used_held("0", "10"));
    let charged = given.charged(charge(calls("1")), T0);
    assert_eq!((charged.amount, charged.lines[0].included_quantity), (amount("1"), Some(Quantity::ZERO)));
    let captured = given.captured(capture(2, Some(calls("5"))), T0);
    assert_eq!((captured.charge.amount, captured.returned.amount()), (amount("3"), amount("3")));
    assert_eq!(captured.released, [reserved("2")]);
    let captured = given.captured(capture(1, Some(calls("8"))), T0);
    assert_eq!((captured.charge.amount, quota_of(&given)), (Amount::ZERO, used_held("14", "0")));
}

#[test]
fn two_lines_of_a_capture_share_what_is_reserved() {
    let mut given = allowed();
    given.held(place(1, calls("12")), T0);
    let twice = |one: &str, two: &str| [calls(one), calls(two)].concat();
    let captured = given.captured(capture_part(1, twice("4", "4")), T0);
    assert_eq!((captured.charge.amount, captured.released.len()), (Amount::ZERO, 2));
    assert_eq!(given.account.holds[&hold_id(1)].usage, [Reserved { free: true, ..reserved("2") }]);
    let captured = given.captured(capture(1, Some(twice("1", "3"))), T0);
    let included = captured.charge.lines.iter().map(|line| line.included_quantity.unwrap().to_string());
    assert_eq!((captured.charge.amount, included.collect::<Vec<_>>()), (amount("2"), vec!["1".into(), "1".into()]));
    assert_eq!(quota_of(&given), used_held("12", "0"));
}

#[test]
fn extensions_add_up_to_one_reservation() {
    let mut given = limited();
    given.held(place(1, calls("2")), T0);
    for _ in 0..3 {
        given.when(extend(1, calls("2"), None), T0).unwrap();
    }
    assert_eq!(given.account.holds[&hold_id(1)].usage, [reserved("8")]);
    assert_eq!(given.released(void(1), T0).released, [reserved("8")]);
}

#[test]
fn what_was_used_of_a_meter_must_be_said() {
    for mut given in [limited(), allowed()] {
        given.held(place(1, [calls("3"), of("2")].concat()), T0);
        let before = given.account.clone();
        assert_eq!(given.when(capture(1, None), T0), Err(HoldError::UsageNeeded.into()));
        assert_eq!(given.account, before);
        // What is left after all that was reserved is used is money only.
        given.captured(capture_part(1, calls("3")), T0);
        assert_eq!(given.captured(capture(1, None), T0).charge.amount, amount("2"));
    }
    // Where nothing is reserved of a quota, the amount says it all.
    let mut given = Given::opened("100");
    given.held(place(1, calls("3")), T0);
    assert_eq!(given.captured(capture(1, None), T0).charge.amount, amount("3"));
}

#[test]
fn a_capture_counts_in_the_period_in_which_its_hold_was_placed() {
    let mut given = limited();
    given.charged(charge(calls("1")), TEN_MINUTES_TO);
    given.held(place(1, calls("6")), TEN_MINUTES_TO);
    given.held(place(2, calls("3")), TEN_MINUTES_TO);
    // Nobody has used anything of the next day yet.
    let captured = given.captured(capture_part(1, calls("2")), NEXT_DAY);
    assert_eq!(captured.charge.lines[0].period_start, Some(midnight()));
    assert_eq!(quota_of(&given), used_held("3", "7"));
    // And then somebody has.
    given.charged(charge(calls("4")), NEXT_DAY);
    assert_eq!(quota_of(&given), used_held("4", "0"));
    given.captured(capture(1, Some(calls("4"))), NEXT_DAY);
    given.released(void(2), NEXT_DAY);
    assert_eq!(quota_of(&given), used_held("4", "0"), "the day before is over");
    given.charged(charge(calls("6")), NEXT_DAY);
}

#[test]
fn a_period_that_is_over_gives_nothing_more() {
    let mut given = limited();
    given.held(place(1, calls("6")), TEN_MINUTES_TO);
    // It never starts anew for this hold, and what was free in its period is no longer.
    assert_eq!(given.when(extend(1, calls("1"), None), NEXT_DAY), exceeded("0", "1", None));
    let cheap = vec![metered("calls", "0.5", "7")];
    assert_eq!(given.when(capture(1, Some(cheap)), NEXT_DAY), exceeded("6", "7", None));
    given.when(extend(1, of("1"), Some(60)), NEXT_DAY).unwrap();
    given.captured(capture(1, Some([calls("6"), of("1")].concat())), NEXT_DAY);

    let mut given = allowed();
    given.held(place(1, calls("6")), TEN_MINUTES_TO);
    let AccountEvent::HoldExtended(more) = given.one(extend(1, calls("2"), None), NEXT_DAY) else { panic!() };
    assert_eq!((more.amount, more.lines[0].included_quantity), (amount("2"), Some(Quantity::ZERO)));
    let captured = given.captured(capture(1, Some(calls("8"))), NEXT_DAY);
    assert_eq!(
        (captured.charge.amount, captured.charge.lines[0].included_quantity),
        (amount("2"), Some(quantity("6")))
    );
    assert_eq!(given.charged(charge(calls("10")), NEXT_DAY).amount, Amount::ZERO, "the next day's is untouched");
}

#[test]
fn a_changed_quota_keeps_what_is_reserved() {
    let mut given = limited();
    given.held(place(1, calls("6")), T0);
    let set = |event| match event {
        AccountEvent::QuotaSet(set) => (set.used.to_string(), set.held.to_string()),
        other => panic!("expected a quota, got {other:?}"),
    };
    let lower = given.one(quota("calls", "2", Period::Day, false, Overage::Block), T0);
    assert_eq!(set(lower), used_held("0", "6"));
    let denied = given.when(place(2, calls("1")), T0);
    assert!(matches!(denied, Err(AccountError::QuotaExceeded { remaining, .. }) if remaining.is_zero()), "{denied:?}");
    given.captured(capture_part(1, calls("2")), T0);
    // Of another kind of period nothing is reserved, and what was is still there when that one comes back.
    let month = given.one(quota("calls", "9", Period::Month, false, Overage::Block), T0);
    assert_eq!(set(month), used_held("0", "0"));
    let day = given.one(quota("calls", "9", Period::Day, false, Overage::Block), T0);
    assert_eq!(set(day), used_held("0", "4"));
    given.captured(capture(1, Some(calls("4"))), T0);
    assert_eq!(quota_of(&given), used_held("4", "0"));
    // In a later period the holds of the one before reserve nothing.
    given.held(place(3, calls("5")), T0);
    let next = given.one(quota("calls", "8", Period::Day, false, Overage::Block), NEXT_DAY);
    assert_eq!(set(next), used_held("0", "0"));
    given.captured(capture(3, Some(calls("5"))), NEXT_MIDNIGHT);
}

#[test]
fn a_quota_for_ever_knows_no_later_period() {
    let mut given = Given::opened("100");
    given.when(quota("calls", "10", Period::Total, true, Overage::Block), T0).unwrap();
    given.held(place_for(1, calls("6"), 999_999), TEN_MINUTES_TO);
    given.when(extend(1, calls("4"), None), NEXT_MIDNIGHT).unwrap();
    assert_eq!(given.when(place(2, calls("1")), NEXT_MIDNIGHT), exceeded("0", "1", None));
    given.captured(capture(1, Some(calls("7"))), NEXT_MIDNIGHT);
    assert_eq!(quota_of(&given), used_held("7", "0"));
}

#[test]
fn a_quota_that_is_set_while_a_hold_is_open_refuses_none_of_its_captures() {
    let charge_beyond = quota("calls", "3", Period::Day, true, Overage::Charge);
    let block = quota("calls", "5", Period::Day, false, Overage::Block);
    let block_month = quota("calls", "5", Period::Month, false, Overage::Block);
    let block_included = quota("calls", "5", Period::Day, true, Overage::Block);
    for (first, then, free) in [
        (None, &block, None),
        (None, &block_included, Some("5")),
        (Some(&charge_beyond), &block, Some("3")),
        (Some(&charge_beyond), &block_included, Some("5")),
        (Some(&quota("calls", "8", Period::Day, false, Overage::Block)), &block_month, None),
    ] {
        let mut given = Given::opened("100");
        if let Some(first) = first {
            given.when(first.clone(), T0).unwrap();
        }
        let held = given.held(place(1, calls("8")), T0);
        given.when(then.clone(), T0).unwrap();
        let captured = given.captured(capture(1, Some(calls("8"))), T0);
        assert!(captured.charge.amount <= held.amount, "{then:?} after {first:?}");
        assert_eq!(captured.charge.lines[0].included_quantity, free.map(quantity), "{then:?} after {first:?}");
        // They count, and whoever comes later is refused.
        assert_eq!(quota_of(&given), used_held("8", "0"));
        assert!(matches!(given.when(charge(calls("1")), T0), Err(AccountError::QuotaExceeded { .. })));
        given.when(place(2, of("1")), T0).unwrap();
        let denied = given.when(capture(2, Some(vec![metered("calls", "0", "1")])), T0);
        assert!(matches!(denied, Err(AccountError::QuotaExceeded { .. })), "{denied:?}");
    }
}

#[test]
fn what_an_allowance_covers_of_a_hold_stays_free_when_it_becomes_a_limit() {
    let mut given = allowed();
    assert_eq!(given.held(place(1, calls("6")), T0).amount, Amount::ZERO);
    given.when(quota("calls", "10", Period::Day, false, Overage::Block), T0).unwrap();
    // What is reserved on top has a price now.
    let AccountEvent::HoldExtended(more) = given.one(extend(1, calls("4"), None), T0) else { panic!() };
    assert_eq!(more.amount, amount("4"));
    let parts = [Reserved { free: true, ..reserved("6") }, reserved("4")];
    assert_eq!(given.account.holds[&hold_id(1)].usage, parts);
    assert_eq!(quota_of(&given), used_held("0", "10"));
    let captured = given.captured(capture_part(1, calls("5")), T0);
    assert_eq!((captured.charge.amount, captured.released), (Amount::ZERO, vec![reserved("5")]));
    let captured = given.captured(capture(1, Some(calls("5"))), T0);
    assert_eq!((captured.charge.amount, captured.released), (amount("4"), vec![reserved("1"), reserved("4")]));
    assert_eq!(quota_of(&given), used_held("10", "0"));
    assert_eq!(given.replayed(), given.account);
}
