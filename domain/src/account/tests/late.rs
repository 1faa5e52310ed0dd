//! What was used earlier than it is charged: it counts in the period that it was used in, as far as that is known.

use super::plans::*;
use super::*;
use crate::price::Beyond;

const NOW: &str = "2026-04-05T00:00:00Z";

pub(super) fn used_at(usage: Vec<Usage>, moment: &str) -> Action {
    let (description, metadata) = (None, BTreeMap::new());
    Action::Charge { usage, currency: None, used_at: Some(at(moment)), description, metadata }
}

/// In the second period, with four of the ten tokens of the first one used.
fn renewed(beyond: Beyond) -> Given {
    let allowance = || vec![allow("tokens", per_unit("10", "0.5"), beyond)];
    let mut given = subscribed(per_unit("10", "0.5"), beyond);
    given.charged(use_tokens("4"), T0);
    given.when(renew(1, march(), april(), allowance()), APRIL).unwrap();
    given
}

#[test]
fn late_usage_has_what_was_left_of_its_period() {
    let mut given = renewed(Beyond::Charge);
    let late = given.charged(used_at(tokens("8"), "2026-03-31T23:59:59.999999Z"), NOW);
    assert_eq!((late.amount, late.lines[0].included_quantity), (amount("1"), Some(quantity("6"))));
    assert_eq!((late.lines[0].cycle(), late.used_at), (Some(march()), Some(at("2026-03-31T23:59:59.999999Z"))));
    assert_eq!(given.charged(used_at(tokens("1"), MARCH), NOW).amount, amount("0.5"));
    assert_eq!(quota_of(&given), counts("0", "0", "0", "10"), "this period is untouched");
    let here = given.charged(used_at(tokens("1"), APRIL), NOW);
    assert_eq!((here.amount, here.lines[0].cycle()), (Amount::ZERO, Some(april())));
    assert_eq!(given.account.unbilled.iter().filter(|sum| sum.cycle == Some(march())).count(), 1);
}

#[test]
fn what_is_older_than_the_period_before_is_covered_by_no_allowance() {
    let mut given = renewed(Beyond::Charge);
    for _ in 0..2 {
        let old = given.charged(used_at(tokens("3"), "2026-02-28T23:59:59Z"), NOW);
        assert_eq!((old.amount, old.lines[0].included_quantity), (amount("1.5"), Some(Quantity::ZERO)));
        assert_eq!((&old.lines[0].price, old.lines[0].cycle()), (&Some(price_ref("tokens", 1)), None));
    }
    let [sum] = &given.account.unbilled[..] else { panic!("{:?}", given.account.unbilled) };
    assert_eq!((sum.cycle, sum.amount, sum.charges), (None, amount("3"), 2));
    let denied = renewed(Beyond::Block).when(used_at(tokens("1"), "2026-02-28T23:59:59Z"), NOW);
    assert!(matches!(denied, Err(AccountError::QuotaExceeded { resets_at: None, .. })), "{denied:?}");
}

#[test]
fn what_is_refused_beyond_is_refused_late() {
    let mut given = renewed(Beyond::Block);
    given.charged(used_at(tokens("6"), "2026-03-20T00:00:00Z"), NOW);
    let denied = given.when(used_at(tokens("1"), "2026-03-20T00:00:00Z"), NOW);
    let exceeded = AccountError::QuotaExceeded {
        meter: code("tokens"),
        limit: quantity("10"),
        remaining: Quantity::ZERO,
        requested: quantity("1"),
        resets_at: None,
    };
    assert_eq!(denied, Err(exceeded));
}

#[test]
fn only_credits_pay_late_what_only_credits_pay() {
    let mut given = renewed(Beyond::Credits);
    let late = used_at(tokens("8"), "2026-03-20T00:00:00Z");
    assert!(matches!(given.when(late.clone(), NOW), Err(AccountError::InsufficientFunds { .. })));
    given.when(grant(1, "1", 0, None), NOW).unwrap();
    assert_eq!(given.charged(late, NOW).paid_by_credits(), amount("1"));
}

#[test]
fn a_subscription_that_has_ended_still_has_its_last_period() {
    let mut given = subscribed(per_unit("10", "0.5"), Beyond::Charge);
    given.when(end(1, cycle(MARCH, T0)), T0).unwrap();
    let within = given.charged(used_at(tokens("12"), "2026-03-10T11:59:59Z"), NOW);
    assert_eq!((within.amount, within.lines[0].cycle()), (amount("1"), Some(cycle(MARCH, T0))));
    // After its end the meter has its own price, also in what would have been the rest of the period.
    for after in [T0, "2026-03-20T00:00:00Z"] {
        let own = given.charged(used_at(tokens("1"), after), NOW);
        assert_eq!((own.amount, &own.lines[0].price), (amount("9"), &None), "{after}");
    }
    assert_eq!(given.charged(use_tokens("1"), "2026-03-12T00:00:00Z").amount, amount("9"));
}

#[test]
fn what_a_change_takes_away_has_the_meters_price_from_then_on() {
    let mut given = subscribed(per_unit("10", "0.5"), Beyond::Charge);
    let turned = given.turned(change(1, march(), vec![]), T0);
    assert_eq!((turned.closed, turned.ended), (Some(cycle(MARCH, T0)), vec![code("tokens")]));
    assert_eq!(given.charged(used_at(tokens("1"), "2026-03-20T00:00:00Z"), NOW).amount, amount("9"));
    let before = given.charged(used_at(tokens("1"), MARCH), NOW);
    assert_eq!((before.amount, before.lines[0].cycle()), (Amount::ZERO, Some(cycle(MARCH, T0))));
}

#[test]
fn what_was_used_between_two_periods_is_covered_by_neither() {
    let mut given = subscribed(per_unit("10", "0.5"), Beyond::Charge);
    given.when(end(1, cycle(MARCH, T0)), T0).unwrap();
    given.when(begin(1, april(), vec![allow("tokens", per_unit("10", "0.5"), Beyond::Charge)]), APRIL).unwrap();
    let between = given.charged(used_at(tokens("1"), "2026-03-20T00:00:00Z"), NOW);
    assert_eq!((between.amount, between.lines[0].cycle()), (amount("0.5"), None));
    let before = given.charged(used_at(tokens("1"), MARCH), NOW);
    assert_eq!((before.amount, before.lines[0].cycle()), (Amount::ZERO, Some(cycle(MARCH, T0))));
}

#[test]
fn a_quota_of_the_calendar_gives_nothing_late() {
    let mut given = Given::opened("100");
    given.when(quota("calls", "10", Period::Month, true, Overage::Charge), T0).unwrap();
    given.when(quota("images", "10", Period::Month, false, Overage::Block), T0).unwrap();
    let calls = |moment| used_at(vec![metered("calls", "1", "2")], moment);
    assert_eq!(given.charged(calls("2026-03-20T00:00:00Z"), "2026-03-21T00:00:00Z").amount, Amount::ZERO);
    let late = given.charged(calls("2026-03-20T00:00:00Z"), NOW);
    assert_eq!((late.amount, late.lines[0].period_start), (amount("2"), Some(at(MARCH))));
    assert_eq!(given.charged(calls(APRIL), NOW).amount, Amount::ZERO);
    assert_eq!(given.charged(calls("2026-03-20T00:00:00Z"), NOW).amount, amount("2"));
    assert_eq!(given.account.quotas[&code("calls")].used, quantity("2"), "what is over counts no more");
    let denied = given.when(used_at(vec![metered("images", "1", "1")], "2026-03-20T00:00:00Z"), NOW);
    assert!(matches!(denied, Err(AccountError::QuotaExceeded { resets_at: None, .. })), "{denied:?}");
}

#[test]
fn used_at_is_no_later_than_now_and_not_long_ago() {
    let mut given = Given::opened("100");
    for out in ["2026-04-05T00:00:00.000001Z", "2026-01-04T23:59:59.999999Z"] {
        assert_eq!(given.when(used_at(of("1"), out), NOW), Err(AccountError::UsedAtOutOfRange), "{out}");
    }
    for within in [NOW, "2026-01-05T00:00:00Z"] {
        assert_eq!(given.charged(used_at(of("1"), within), NOW).used_at, Some(at(within)));
    }
}
