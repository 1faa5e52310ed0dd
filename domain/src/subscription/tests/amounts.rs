//! What parts of periods come to, to the last decimal.

use super::*;

fn exact(bill: &Bill) -> Vec<String> {
    bill.lines.iter().map(|line| line.rated.exact.to_string()).collect()
}

#[test]
fn a_part_is_its_seconds_of_the_whole() {
    // May has 31 days; ten of them are left.
    let mut given = Given::begun(Create { anchoring: Anchoring::Calendar, ..create(basic()) }, MAY);
    let bill = given.bill(seats_now(4, true), "2026-05-22T00:00:00Z");
    assert_eq!(lines(&bill), ["support 13.55", "~seats -9.68", "~seats 12.9"]);
    assert_eq!(exact(&bill), ["13.548387096774", "-9.677419354839", "12.903225806452"]);
}

#[test]
fn halves_are_rounded_away_from_zero_both_ways() {
    // Half of 0.25 is 0.125; half of 0.05, for three seats 0.15, is 0.075.
    let mut given = Given::begun(create(plan_of(4, "0.25", "0.05", "0")), T0);
    let bill = given.bill(cancel_now(true), MID_APRIL);
    assert_eq!(lines(&bill), ["support 0", "~base -0.13", "~seats -0.08"]);
    assert_eq!(exact(&bill), ["0", "-0.125", "-0.075"]);
}

#[test]
fn a_month_with_a_change_of_the_clock_is_an_hour_shorter() {
    let berlin = Create { time_zone: Tz::Europe__Berlin, anchoring: Anchoring::Calendar, ..create(basic()) };
    // 1 March, midnight in Berlin; the clock goes forward on the 29th.
    let mut given = Given::begun(berlin, "2026-02-28T23:00:00Z");
    // The 16th, midnight: 15 of 31 days less an hour are over.
    let bill = given.bill(cancel_now(true), "2026-03-15T23:00:00Z");
    // 30 × (16 × 24 − 1) ÷ (31 × 24 − 1)
    assert_eq!(exact(&bill)[1], "-15.464333781965");
}

#[test]
fn currencies_without_decimals_are_rounded_to_whole_ones() {
    let mut plan = basic();
    let yen: Currency = "JPY".parse().unwrap();
    for price in &mut plan.terms.prices {
        price.currencies = price.currencies.values().map(|pricing| (yen, pricing.clone())).collect();
    }
    let begun = Create { currency: yen, anchoring: Anchoring::Calendar, ..create(plan) };
    let event = Given::default().one(Action::Create(Box::new(begun)), "2026-04-22T00:00:00Z");
    // 9 of 30 days.
    assert_eq!(lines(event.bill().unwrap()), ["base 9", "seats 9", "setup 99"]);
}

#[test]
fn a_month_less_a_second_is_nearly_a_month() {
    let mut given = Given::begun(create(basic()), T0);
    let bill = given.bill(cancel_now(true), "2026-04-01T00:00:01Z");
    assert_eq!(lines(&bill), ["support 0", "~base -30", "~seats -30"]);
    assert_eq!(exact(&bill), ["0.000007716049", "-29.999988425926", "-29.999988425926"]);
}

#[test]
fn a_change_at_the_first_moment_gives_all_back() {
    let mut given = Given::begun(create(basic()), T0);
    let bill = given.bill(change_now(pro(), true), T0);
    assert_eq!(lines(&bill), ["~base -30", "~seats -30", "~base 90", "~seats 60"], "nothing is due for no time");
}

#[test]
fn seats_may_be_priced_by_tiers_and_some_be_included() {
    let mut plan = basic();
    let tier = |up_to: Option<&str>, unit_price: &str| crate::price::Tier {
        up_to: up_to.map(|up_to| up_to.parse().unwrap()),
        unit_price: unit_price.parse().unwrap(),
        flat: Amount::ZERO,
    };
    for pricing in plan.terms.prices[1].currencies.values_mut() {
        pricing.model = Model::Graduated { tiers: vec![tier(Some("2"), "10"), tier(None, "5")] };
        pricing.included = seats(1);
    }
    // Six seats, one of them included: two at 10 and three at 5, half of it for half of a month.
    let begun = Create { quantity: seats(6), anchoring: Anchoring::Calendar, ..create(plan) };
    let event = Given::default().one(Action::Create(Box::new(begun)), MID_APRIL);
    let bill = event.bill().unwrap();
    assert_eq!(lines(bill), ["base 15", "seats 17.5", "setup 99"]);
    assert_eq!((bill.lines[1].included_quantity, bill.lines[1].unit_price), (Some(seats(1)), None));
}
