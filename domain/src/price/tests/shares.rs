//! Shares of periods, and how lines are rounded.

use super::*;
use crate::Timestamp;
use crate::cycle::Cycle;

fn cycle(start: &str, end: &str) -> Cycle {
    let at = |text: &str| format!("{text}T00:00:00Z").parse::<Timestamp>().unwrap();
    Cycle { start: at(start), end: at(end) }
}

#[test]
fn a_share_is_counted_in_seconds() {
    let january = cycle("2026-01-01", "2026-02-01");
    let stub = cycle("2026-01-16", "2026-02-01");
    assert_eq!(Share::of_cycle(stub, january), Share { part: 16 * 86_400, of: 31 * 86_400 });
    assert_eq!(Share::of_cycle(january, january).part_of(amount("0.000000000001")), Ok(amount("0.000000000001")));
    let backwards = cycle("2026-02-01", "2026-01-16");
    assert_eq!(Share::of_cycle(backwards, january).part_of(amount("31")), Ok(Amount::ZERO));
    let nothing = Share::of_cycle(january, cycle("2026-01-01", "2026-01-01"));
    assert_eq!(nothing.of, 1, "never a fraction of zero");
}

#[test]
fn a_share_is_rounded_to_twelve_decimals() {
    for (part, of, whole, comes_to) in [
        (1, 3, "1", "0.333333333333"),
        (2, 3, "1", "0.666666666667"),
        (1, 2, "0.000000000001", "0.000000000001"),
        (1, 3, "0.000000000001", "0"),
        (16, 31, "31", "16"),
        (0, 31, "31", "0"),
        (3, 2, "10", "15"),
        (1, 1, "1000000000000000", "1000000000000000"),
        (3_786_911_999, 3_786_912_000, "1000000000000", "999999999735.932601549759"),
    ] {
        assert_eq!(Share { part, of }.part_of(amount(whole)), Ok(amount(comes_to)), "{part}/{of} of {whole}");
    }
}

#[test]
fn fees_and_minimums_are_shared_and_included_units_are_not() {
    let half = Share { part: 1, of: 2 };
    let pricing = Pricing { minimum: amount("7.01"), ..including(per_unit("10"), "2") };
    assert_eq!(pricing.rate(Used::once(quantity("5")), half), Ok(amount("15")));
    assert_eq!(pricing.minimum_for(half), Ok(amount("3.505")));
    assert_eq!(pricing.minimum_for(Share::WHOLE), Ok(amount("7.01")));
}

#[test]
fn a_share_without_a_whole_is_refused() {
    assert_eq!(Share { part: 1, of: 0 }.part_of(amount("1")), Err(MoneyError::TooLarge));
    assert_eq!(Share { part: -1, of: 3 }.part_of(amount("1")), Err(MoneyError::Negative));
    assert_eq!(Share { part: i64::MAX, of: 2 }.part_of(amount("1000000000000")), Err(MoneyError::TooLarge));
}

#[test]
fn lines_are_rounded_half_away_from_zero() {
    for (exact, currency, rounded) in [
        ("1.005", "USD", "1.01"),
        ("1.004999999999", "USD", "1"),
        ("-1.005", "USD", "-1.01"),
        ("-0.004", "USD", "0"),
        ("0.5", "JPY", "1"),
        ("0.0005", "KWD", "0.001"),
        ("0.0000005", "USDC", "0.000001"),
    ] {
        let rated = Rated::of(exact.parse().unwrap(), currency.parse().unwrap());
        assert_eq!((rated.exact.to_string(), rated.amount.to_string()), (exact.to_owned(), rounded.to_owned()));
    }
}
