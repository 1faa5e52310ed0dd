//! Holds on what a subscription allows: they reserve for the worst, and capture what it comes to.

use super::plans::*;
use super::*;
use crate::price::{Beyond, Model};

const LATER: &str = "2026-03-10T12:05:00Z";
const IN_APRIL: &str = "2026-04-02T00:00:00Z";
const IN_MAY: &str = "2026-05-02T00:00:00Z";

/// With ten tokens that are free, and more for 0.5 each.
fn allowed() -> Given {
    subscribed(per_unit("10", "0.5"), Beyond::Charge)
}
fn allowance() -> Vec<crate::subscription::AllowanceTerms> {
    vec![allow("tokens", per_unit("10", "0.5"), Beyond::Charge)]
}
fn part(count: &str, beyond: &str, most: &str) -> Reserved {
    Reserved {
        meter: code("tokens"),
        period_start: at(MARCH),
        period_end: Some(at(APRIL)),
        quantity: quantity(count),
        beyond: quantity(beyond),
        most: amount(most),
        only_credits: Amount::ZERO,
        free: false,
        is_used: false,
    }
}
/// For three months.
fn place_long(n: u128, used: &str) -> Action {
    place_for(n, tokens(used), 8_000_000)
}
fn parts_of(given: &Given, n: u128) -> &[Reserved] {
    &given.account.holds[&hold_id(n)].usage
}

#[test]
fn a_hold_reserves_the_allowance_and_money_for_the_rest() {
    let mut given = allowed();
    let held = given.held(place(1, tokens("14")), T0);
    assert_eq!((held.amount, held.lines[0].included_quantity), (amount("2"), Some(quantity("10"))));
    assert_eq!(parts_of(&given, 1), [part("10", "4", "2")]);
    assert_eq!(quota_of(&given), counts("0", "10", "0", "0"));
    let captured = given.captured(capture(1, Some(tokens("12"))), LATER);
    assert_eq!((captured.charge.amount, captured.returned.amount()), (amount("1"), amount("1")));
    assert_eq!(captured.charge.lines[0].included_quantity, Some(quantity("10")));
    assert_eq!(captured.released, [part("10", "4", "2")]);
    assert_eq!(quota_of(&given), counts("12", "0", "0", "0"));
}

#[test]
fn what_is_paid_while_a_hold_has_the_allowance_takes_nothing_from_it() {
    let mut given = allowed();
    given.held(place(1, tokens("14")), T0);
    let charged = given.charged(use_tokens("3"), T0);
    assert_eq!((charged.amount, charged.lines[0].beside), (amount("1.5"), quantity("3")));
    assert_eq!(quota_of(&given), counts("3", "10", "3", "0"));
    given.released(void(1), T0);
    assert_eq!(quota_of(&given), counts("3", "0", "3", "10"));
    assert_eq!(given.charged(use_tokens("10"), T0).amount, Amount::ZERO);
    // The next tier is where it would be if all had come in order.
    assert_eq!(given.charged(use_tokens("1"), T0).amount, amount("0.5"));
    let quota = &given.account.quotas[&code("tokens")];
    assert_eq!((quota.rated, given.account.charged), (amount("2"), amount("2")));
}

#[test]
fn a_hold_reserves_for_the_dearest_tier_and_captures_at_the_one_it_comes_to() {
    let graduated = priced(Model::Graduated { tiers: tiers("10", "1", "0.5", "0") }, "0");
    let mut given = subscribed(graduated, Beyond::Charge);
    assert_eq!(given.held(place(1, tokens("8")), T0).amount, amount("8"));
    assert_eq!(given.charged(use_tokens("10"), T0).amount, amount("10"));
    let captured = given.captured(capture(1, Some(tokens("8"))), LATER);
    assert_eq!((captured.charge.amount, captured.returned.amount()), (amount("4"), amount("4")));
    assert_eq!(given.account.quotas[&code("tokens")].rated, amount("14"));
}

#[test]
fn parts_of_a_use_cost_no_more_than_the_whole() {
    let percentage = Model::Percentage { percent: amount("2.9"), per_use: amount("0.3") };
    let mut given = subscribed(priced(percentage, "0"), Beyond::Charge);
    assert_eq!(given.held(place(1, tokens("100")), T0).amount, amount("3.2"));
    assert_eq!(given.captured(capture_part(1, tokens("40")), T0).charge.amount, amount("1.46"));
    assert_eq!(parts_of(&given, 1), [Reserved { is_used: true, ..part("0", "60", "1.74") }]);
    // It is the same use: without another 0.3.
    assert_eq!(given.captured(capture(1, Some(tokens("60"))), T0).charge.amount, amount("1.74"));
    assert_eq!(given.charged(use_tokens("10"), T0).amount, amount("0.59"));
}

#[test]
fn what_was_used_of_a_plans_meter_must_be_said() {
    let mut given = subscribed(per_unit("0", "0.5"), Beyond::Charge);
    given.held(place(1, [tokens("4"), of("1")].concat()), T0);
    assert_eq!(parts_of(&given, 1), [part("0", "4", "2")]);
    assert_eq!(given.when(capture(1, None), T0), Err(HoldError::UsageNeeded.into()));
    given.captured(capture_part(1, tokens("4")), T0);
    assert_eq!(given.captured(capture(1, None), T0).charge.lines, [Line::flat(amount("1"))]);
}

#[test]
fn a_dearer_plan_costs_a_hold_no_more_than_it_reserved() {
    let dearer = || vec![allow("tokens", per_unit("0", "3"), Beyond::Charge)];
    let opened = || {
        let mut given = subscribed(per_unit("0", "0.5"), Beyond::Charge);
        given.held(place(1, tokens("4")), T0);
        given.when(change(1, march(), dearer()), T0).unwrap();
        given
    };
    let mut given = opened();
    assert_eq!(given.captured(capture(1, Some(tokens("4"))), T0).charge.amount, amount("2"));
    assert_eq!(given.charged(use_tokens("1"), T0).amount, amount("3"));
    // What is more than was reserved for has the price of now.
    let above = HoldError::CaptureAboveHold { amount: amount("15"), held: amount("2"), currency: Currency::USD };
    assert_eq!(opened().when(capture(1, Some(tokens("5"))), T0), Err(above.into()));
    let mut given = opened();
    given.when(extend(1, tokens("2"), None), T0).unwrap();
    assert_eq!(parts_of(&given, 1), [part("0", "6", "8")]);
    assert_eq!(given.captured(capture(1, Some(tokens("6"))), T0).charge.amount, amount("8"));
}

#[test]
fn a_smaller_allowance_leaves_a_hold_what_it_reserved() {
    let mut given = allowed();
    given.held(place(1, tokens("8")), T0);
    given.charged(use_tokens("1"), T0);
    let turned = given.turned(change(1, march(), vec![allow("tokens", per_unit("2", "1"), Beyond::Charge)]), T0);
    assert_eq!((turned.quotas[0].used, turned.quotas[0].held), (quantity("1"), quantity("8")));
    assert_eq!(quota_of(&given), counts("1", "8", "0", "0"));
    assert_eq!(given.captured(capture(1, Some(tokens("8"))), T0).charge.amount, Amount::ZERO);
    assert_eq!(given.charged(use_tokens("1"), T0).amount, amount("1"));
}

#[test]
fn a_capture_counts_in_the_period_of_its_hold() {
    let mut given = allowed();
    given.held(place_long(1, "12"), T0);
    given.held(place_long(2, "3"), T0);
    given.when(renew(1, march(), april(), allowance()), APRIL).unwrap();
    assert_eq!(quota_of(&given), counts("0", "0", "0", "10"));
    assert_eq!(given.account.past[&code("tokens")].tally.held, quantity("10"));
    let captured = given.captured(capture(1, Some(tokens("12"))), IN_APRIL);
    assert_eq!((captured.charge.amount, captured.charge.lines[0].cycle()), (amount("1"), Some(march())));
    given.released(void(2), IN_APRIL);
    let past = &given.account.past[&code("tokens")].tally;
    assert_eq!((past.used, past.held, past.rated), (quantity("12"), Quantity::ZERO, amount("1")));
    assert_eq!(quota_of(&given), counts("0", "0", "0", "10"));
    // Billed with the next bill, as what it is.
    let turned = given.turned(renew(1, april(), cycle(MAY, "2026-06-01T00:00:00Z"), allowance()), MAY);
    assert_eq!((turned.usage[0].cycle, turned.usage[0].amount), (Some(march()), amount("1")));
}

#[test]
fn a_hold_that_two_periods_have_passed_captures_what_it_reserved() {
    let mut given = allowed();
    given.held(place_long(1, "12"), T0);
    given.when(renew(1, march(), april(), allowance()), APRIL).unwrap();
    let dearer = vec![allow("tokens", per_unit("10", "7"), Beyond::Charge)];
    given.when(renew(1, april(), cycle(MAY, "2026-06-01T00:00:00Z"), dearer), MAY).unwrap();
    let AccountEvent::HoldExtended(more) = given.one(extend(1, tokens("1"), None), IN_MAY) else { panic!() };
    assert_eq!((more.amount, more.lines[0].included_quantity), (amount("7"), Some(Quantity::ZERO)));
    assert_eq!(parts_of(&given, 1), [part("10", "3", "8")]);
    let captured = given.captured(capture(1, Some(tokens("13"))), IN_MAY);
    assert_eq!((captured.charge.amount, captured.charge.lines[0].cycle()), (amount("8"), Some(march())));
    assert_eq!(captured.charge.lines[0].included_quantity, Some(quantity("10")));
    assert_eq!(quota_of(&given), counts("0", "0", "0", "10"));
}

#[test]
fn a_hold_outlives_its_subscription() {
    let mut given = allowed();
    given.held(place(1, tokens("12")), T0);
    given.when(end(1, cycle(MARCH, T0)), T0).unwrap();
    assert!(given.account.quotas.is_empty());
    let captured = given.captured(capture(1, Some(tokens("12"))), LATER);
    assert_eq!((captured.charge.amount, captured.charge.lines[0].cycle()), (amount("1"), Some(cycle(MARCH, T0))));
    // Now the meter has its own price again.
    assert_eq!(given.charged(use_tokens("1"), LATER).amount, amount("9"));
}

#[test]
fn a_hold_from_before_a_subscription_has_the_meters_price() {
    let mut given = Given::opened("1000");
    given.held(place(1, tokens("2")), T0);
    given.when(begin(1, cycle(LATER, APRIL), allowance()), LATER).unwrap();
    let captured = given.captured(capture(1, Some(tokens("2"))), LATER);
    assert_eq!((captured.charge.amount, captured.charge.lines[0].period_start), (amount("18"), None));
}

#[test]
fn a_hold_for_what_only_credits_pay_takes_credits() {
    let mut given = subscribed(per_unit("0", "1"), Beyond::Credits);
    given.when(grant(1, "5", 0, None), T0).unwrap();
    let denied = given.when(place(1, tokens("6")), T0);
    assert!(matches!(denied, Err(AccountError::InsufficientFunds { available, .. }) if available == amount("5")));
    let held = given.held(place(1, [tokens("3"), of("4")].concat()), T0);
    assert_eq!((held.funds.of_credits(), held.funds.postpaid), (amount("5"), amount("2")));
    // Not even what is held for the rest pays more of it post-paid.
    let above = HoldError::CaptureAboveHold { amount: amount("6"), held: amount("5"), currency: Currency::USD };
    assert_eq!(given.when(capture(1, Some(tokens("6"))), T0), Err(above.into()));
    let captured = given.captured(capture(1, Some([of("4"), tokens("3")].concat())), T0);
    assert_eq!((captured.charge.paid_by_credits(), captured.charge.postpaid), (amount("5"), amount("2")));
    let sum = given.account.unbilled.iter().find(|sum| sum.meter.is_some()).unwrap();
    assert_eq!((sum.amount, sum.credits), (amount("3"), amount("3")));
}

#[test]
fn a_hold_at_the_meters_price_is_captured_at_it_whatever_plans_come() {
    // The subscription is there before the hold, and comes to tokens only after it, in the same period.
    let calls = || allow("calls", per_unit("1", "1"), Beyond::Charge);
    let flat = || allow("tokens", priced(Model::Flat { amount: amount("50") }, "0"), Beyond::Charge);
    let mut given = Given::opened("1000");
    given.when(begin(1, march(), vec![calls()]), T0).unwrap();
    assert_eq!(given.held(place(1, tokens("2")), T0).amount, amount("18"));
    given.when(change(1, march(), vec![calls(), flat()]), T0).unwrap();
    let AccountEvent::HoldExtended(more) = given.one(extend(1, tokens("1"), None), LATER) else { panic!() };
    assert_eq!((more.amount, more.lines[0].period_start), (amount("9"), None));
    let captured = given.captured(capture_part(1, tokens("1")), LATER);
    assert_eq!((captured.charge.amount, captured.charge.lines[0].period_start), (amount("9"), None));
    given.when(change(1, march(), vec![calls()]), LATER).unwrap();
    assert_eq!(given.captured(capture(1, Some(tokens("2"))), LATER).charge.amount, amount("18"));
    assert_eq!(given.account.past[&code("tokens")].tally, Tally::default());
}

#[test]
fn a_hold_from_after_a_plan_has_the_meters_price() {
    for taken_away in [change(1, march(), vec![]), end(1, march())] {
        let mut given = subscribed(priced(Model::Flat { amount: amount("50") }, "0"), Beyond::Charge);
        given.held(place(1, tokens("2")), T0);
        // At the same moment, and in what the account keeps as the last period of tokens.
        given.when(taken_away, T0).unwrap();
        assert_eq!(given.held(place(2, tokens("2")), T0).amount, amount("18"));
        let captured = given.captured(capture(2, Some(tokens("2"))), LATER);
        assert_eq!((captured.charge.amount, &captured.charge.lines[0].price), (amount("18"), &None));
        let captured = given.captured(capture(1, Some(tokens("2"))), LATER);
        assert_eq!(
            (captured.charge.amount, &captured.charge.lines[0].price),
            (amount("50"), &Some(price_ref("tokens", 1)))
        );
    }
}

#[test]
fn what_a_hold_was_not_placed_for_has_the_plan_of_its_time() {
    let mut given = Given::opened("1000");
    given.held(place_for(1, of("20"), 8_000_000), T0);
    given.when(begin(1, march(), allowance()), T0).unwrap();
    given.held(place_for(2, of("20"), 8_000_000), T0);
    // One was placed when there was no plan, at the same moment; the other within its period.
    let own = given.captured(capture_part(1, tokens("1")), LATER);
    assert_eq!((own.charge.amount, own.charge.lines[0].cycle()), (amount("9"), None));
    let allowed = |captured: Captured| {
        let line = &captured.charge.lines[0];
        (captured.charge.amount.to_string(), line.included_quantity, line.cycle())
    };
    let within = given.captured(capture_part(2, tokens("9")), LATER);
    assert_eq!(allowed(within), ("0".into(), Some(quantity("9")), Some(march())));
    given.when(renew(1, march(), april(), allowance()), APRIL).unwrap();
    let captured = given.captured(capture_part(2, tokens("3")), IN_APRIL);
    assert_eq!(allowed(captured), ("1".into(), Some(quantity("1")), Some(march())));
}

/// Tokens that only credits pay, and images that anything pays, at 1 each.
fn with_credits(credits: &str) -> Given {
    let mut given = Given::opened("1000");
    given.when(grant(1, credits, 0, None), T0).unwrap();
    let [tokens, images] = [("tokens", Beyond::Credits), ("images", Beyond::Charge)]
        .map(|(meter, beyond)| allow(meter, per_unit("0", "1"), beyond));
    given.when(begin(1, march(), vec![images, tokens]), T0).unwrap();
    given
}
fn images(used: &str) -> Vec<Usage> {
    vec![metered("images", "9", used)]
}
/// What credits and what post-paid room paid.
fn paid(captured: &Captured) -> (String, String) {
    (captured.charge.paid_by_credits().to_string(), captured.charge.postpaid.to_string())
}

#[test]
fn credits_that_nothing_else_may_replace_are_kept_for_what_they_are_reserved_for() {
    let placed = || {
        let mut given = with_credits("10");
        let held = given.held(place(1, [tokens("10"), images("10")].concat()), T0);
        assert_eq!((held.funds.of_credits(), held.funds.postpaid), (amount("10"), amount("10")));
        given
    };
    let mut given = placed();
    let above = HoldError::CaptureAboveHold { amount: amount("11"), held: amount("10"), currency: Currency::USD };
    assert_eq!(given.when(capture_part(1, images("11")), T0), Err(above.into()));
    assert_eq!(paid(&given.captured(capture_part(1, images("4")), T0)), ("0".into(), "4".into()));
    assert_eq!(paid(&given.captured(capture_part(1, tokens("3")), T0)), ("3".into(), "0".into()));
    let both = given.captured(capture_part(1, [images("6"), tokens("2")].concat()), T0);
    assert_eq!(paid(&both), ("2".into(), "6".into()));
    assert_eq!(paid(&given.captured(capture(1, Some(tokens("5"))), T0)), ("5".into(), "0".into()));
    let sums = given.account.unbilled.iter().map(|sum| (sum.amount.to_string(), sum.credits.to_string()));
    assert_eq!(sums.collect::<Vec<_>>(), [("10".into(), "0".into()), ("10".into(), "10".into())]);
    // With the last capture nothing is kept any more.
    assert_eq!(paid(&placed().captured(capture(1, Some(images("10"))), T0)), ("10".into(), "0".into()));
    assert_eq!(given.replayed(), given.account);
}

#[test]
fn what_was_reserved_in_credits_is_paid_in_credits_and_what_was_not_is_not() {
    // A plan that lets anything pay does not free them, nor does one that lets only credits pay ask for them.
    let to = |beyond: Beyond| vec![allow("tokens", per_unit("0", "1"), beyond)];
    let mut given = with_credits("5");
    given.held(place(1, [of("5"), tokens("5")].concat()), T0);
    given.when(change(1, march(), to(Beyond::Charge)), T0).unwrap();
    assert_eq!(paid(&given.captured(capture_part(1, of("5")), T0)), ("0".into(), "5".into()));
    assert_eq!(paid(&given.captured(capture(1, Some(tokens("5"))), T0)), ("5".into(), "0".into()));
    given.held(place(2, tokens("5")), T0);
    given.when(change(1, march(), to(Beyond::Credits)), T0).unwrap();
    assert_eq!(paid(&given.captured(capture(2, Some(tokens("5"))), T0)), ("0".into(), "5".into()));
}

#[test]
fn credits_that_are_needed_no_more_are_free() {
    let mut given = with_credits("10");
    given.held(place(1, [tokens("10"), images("10")].concat()), T0);
    // Cheaper by now: five are left of its credits, and nothing is reserved for with them.
    given.when(change(1, march(), vec![allow("tokens", per_unit("0", "0.5"), Beyond::Credits)]), T0).unwrap();
    assert_eq!(paid(&given.captured(capture_part(1, tokens("10")), T0)), ("5".into(), "0".into()));
    assert_eq!(paid(&given.captured(capture_part(1, images("4")), T0)), ("4".into(), "0".into()));
    assert_eq!(paid(&given.captured(capture(1, Some(images("6"))), T0)), ("1".into(), "5".into()));
}
