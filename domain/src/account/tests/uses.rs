//! What is priced by the use: a charge is one of a meter, and so are all captures of a hold.

use super::plans::*;
use super::*;
use crate::price::{Beyond, Model};

/// Tokens for 2.9 %, and 0.3 for each use.
fn by_percentage() -> Given {
    let model = Model::Percentage { percent: amount("2.9"), per_use: amount("0.3") };
    subscribed(priced(model, "0"), Beyond::Charge)
}
/// 0.15 for each use of tokens, however many; so many are free.
fn by_use(included: &str) -> Given {
    subscribed(priced(Model::Flat { amount: amount("0.15") }, included), Beyond::Charge)
}
/// How many uses there were, and what they come to.
fn uses(given: &Given) -> (u64, String) {
    let quota = &given.account.quotas[&code("tokens")];
    assert_eq!((quota.rated, quota.charged), (given.account.charged, given.account.charged));
    (quota.uses, quota.rated.to_string())
}
fn amount_of(captured: &Captured) -> String {
    captured.charge.amount.to_string()
}

#[test]
fn captures_of_a_hold_are_one_use() {
    let mut given = by_use("0");
    assert_eq!(given.held(place(1, tokens("10")), T0).amount, amount("0.15"));
    assert_eq!(amount_of(&given.captured(capture_part(1, tokens("4")), T0)), "0.15");
    assert_eq!(given.charged(use_tokens("1"), T0).amount, amount("0.15"));
    assert_eq!(amount_of(&given.captured(capture_part(1, tokens("3")), T0)), "0");
    assert_eq!(uses(&given), (2, "0.3".to_owned()));
    // Nor does more than was reserved make it another one.
    assert_eq!(amount_of(&given.captured(capture(1, Some(tokens("5"))), T0)), "0");
    assert_eq!(given.charged(use_tokens("1"), T0).amount, amount("0.15"));
    assert_eq!(uses(&given), (3, "0.45".to_owned()));
    assert_eq!(given.replayed(), given.account);
}

#[test]
fn what_is_reserved_on_top_reserves_for_no_second_use() {
    let mut given = by_percentage();
    assert_eq!(given.held(place(1, tokens("100")), T0).amount, amount("3.2"));
    let AccountEvent::HoldExtended(more) = given.one(extend(1, tokens("100"), None), T0) else { panic!() };
    assert_eq!(more.amount, amount("2.9"));
    assert_eq!(amount_of(&given.captured(capture_part(1, tokens("150")), T0)), "4.65");
    let AccountEvent::HoldExtended(more) = given.one(extend(1, tokens("10"), None), T0) else { panic!() };
    assert_eq!(more.amount, amount("0.29"));
    assert_eq!(amount_of(&given.captured(capture(1, Some(tokens("60"))), T0)), "1.74");
    assert_eq!(uses(&given), (1, "6.39".to_owned()));
}

#[test]
fn a_use_is_paid_for_when_something_is_beyond_the_allowance() {
    let mut given = by_use("5");
    given.held(place(1, tokens("5")), T0);
    assert_eq!(amount_of(&given.captured(capture_part(1, tokens("5")), T0)), "0");
    let AccountEvent::HoldExtended(more) = given.one(extend(1, tokens("2"), None), T0) else { panic!() };
    assert_eq!(more.amount, amount("0.15"));
    assert_eq!(amount_of(&given.captured(capture_part(1, tokens("1")), T0)), "0.15");
    assert_eq!(amount_of(&given.captured(capture_part(1, tokens("1")), T0)), "0");
    assert_eq!(uses(&given), (1, "0.15".to_owned()));
}

#[test]
fn a_meter_that_is_named_twice_is_used_once() {
    let twice = || [tokens("3"), tokens("4")].concat();
    let mut given = by_use("0");
    let charged = given.charged(charge(twice()), T0);
    let lines = charged.lines.iter().map(|line| line.amount.to_string());
    assert_eq!(lines.collect::<Vec<_>>(), ["0.15", "0"]);
    assert_eq!(given.held(place(1, twice()), T0).amount, amount("0.15"));
    assert_eq!(amount_of(&given.captured(capture(1, Some(twice())), T0)), "0.15");
    assert_eq!(uses(&given), (2, "0.3".to_owned()));
    assert_eq!(given.replayed(), given.account);
}

#[test]
fn a_meter_that_a_hold_was_not_placed_for_is_used_once_too() {
    let mut given = by_use("0");
    given.held(place(1, of("1")), T0);
    assert_eq!(amount_of(&given.captured(capture_part(1, tokens("4")), T0)), "0.15");
    // Its period is the hold's from then on.
    given.when(renew(1, march(), april(), vec![allow("tokens", per_unit("9", "9"), Beyond::Charge)]), APRIL).unwrap();
    let captured = given.captured(capture_part(1, tokens("4")), APRIL);
    assert_eq!((amount_of(&captured), captured.charge.lines[0].cycle()), ("0".to_owned(), Some(march())));
    // Nothing is reserved of it: the rest is money.
    assert_eq!(amount_of(&given.captured(capture(1, None), APRIL)), "0.85");
    assert_eq!(given.replayed(), given.account);
}
