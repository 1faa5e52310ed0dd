//! Lines of usage.

use super::*;
use crate::billing::lines::{Prices, come_to_nothing, of_bill, of_usage};
use crate::plan::Version;
use crate::subscription::{Bill, Lacked};

fn bill(late_usage: LateUsage) -> Bill {
    let subscription = renewed();
    Bill { late_usage, ..subscription.open_bill().unwrap().clone() }
}

fn calls(cycle: Cycle, postpaid: &str) -> UsageSum {
    sum(Some("calls"), Some(price_ref("calls")), Some(cycle), postpaid)
}

/// Kind, description, exact and rounded amount of the lines behind the fees.
fn usage_lines(bill: &Bill, usage: Vec<UsageSum>, prices: &Prices<'_>) -> Vec<(LineKind, String, String, String)> {
    let lines = of_bill(bill, &of_subscription(2, usage), prices);
    let shown = lines
        .into_iter()
        .filter(|line| line.kind != LineKind::Fee)
        .map(|line| (line.kind, line.description, line.rated.exact.to_string(), line.rated.amount.to_string()));
    shown.collect()
}

fn line(kind: LineKind, description: &str, exact: &str, amount: &str) -> (LineKind, String, String, String) {
    (kind, description.to_owned(), exact.to_owned(), amount.to_owned())
}

#[test]
fn a_line_says_all_there_is_to_say_of_usage() {
    let own = plan();
    let prices = Prices { own: Some(&own), plans: &[] };
    let usage = UsageSum { credits: amount("10"), ..calls(april(), "60.005") };
    let lines = of_bill(&bill(LateUsage::NextInvoice), &of_subscription(2, vec![usage]), &prices);
    let line = lines.iter().find(|line| line.kind == LineKind::Usage).unwrap();
    assert_eq!((line.description.as_str(), line.tax_category.0.as_str()), ("The calls", "software"));
    assert_eq!((&line.price, &line.meter), (&Some(price_ref("calls")), &Some(code("calls"))));
    assert_eq!((line.quantity, line.included_quantity), ("6000".parse().ok(), "1000".parse().ok()));
    assert_eq!((line.unit_price, line.period), (Some(amount("0.01")), Some(april())));
    // What credits paid is no part of it; halves are rounded away from zero.
    assert_eq!((line.paid_by_credits, line.postpaid), (amount("10"), amount("50.005")));
    assert_eq!((line.rated.exact, line.rated.amount), (signed("50.005"), signed("50.01")));
    let charges = line.charges.unwrap();
    assert_eq!((charges.count, charges.first_version, charges.last_version), (7, 11, 23));
    assert_eq!(charges.period_start, Some(at(APRIL)));
    assert!(!come_to_nothing(&lines));
}

#[test]
fn usage_without_a_plan_is_called_by_its_meter() {
    let prices = Prices { own: None, plans: &[] };
    let own_price = UsageSum { unit_price: Some(amount("0.5")), ..sum(Some("emails"), None, None, "3") };
    let lines = of_usage(
        &turned(
            BillRef::Invoice { invoice_id: invoice_id() },
            vec![own_price, sum(None, None, None, "4"), calls(april(), "5")],
        ),
        &prices,
    );
    let shown: Vec<_> =
        lines.iter().map(|line| (line.kind, line.description.as_str(), line.quantity.is_some())).collect();
    assert_eq!(
        shown,
        [
            (LineKind::Usage, "emails", true),
            (LineKind::Usage, "Usage", false),
            // Its subscription is no more.
            (LineKind::LateUsage, "calls", true),
        ]
    );
    assert_eq!(lines[0].unit_price, Some(amount("0.5")));
}

#[test]
fn what_a_price_was_called_when_it_counted() {
    let mut before = plan();
    before.terms.prices[1].name = "Calls of old".to_owned();
    before.terms.prices[1].tax_category = TaxCategory::default();
    let terms = before.terms;
    let version = Version { terms, created_at: at(APRIL), published_at: Some(at(APRIL)) };
    let old = Plan { versions: vec![version], ..Plan::default() };
    let mut own = plan();
    own.version = 2;
    let plans = [(own.plan_id, Arc::new(old))];
    let found = |plans, version| {
        let prices = Prices { own: Some(&own), plans };
        prices.find(&PriceRef { version, ..price_ref("calls") }).map(|price| price.name.clone())
    };
    assert_eq!(found(&plans, 1).as_deref(), Some("Calls of old"));
    assert_eq!(found(&plans, 2).as_deref(), Some("The calls"));
    assert_eq!(found(&[], 1).as_deref(), Some("The calls"), "the best guess");
    assert_eq!(found(&plans, 9).as_deref(), Some("The calls"));
}

#[test]
fn late_usage_is_shown_as_such_or_waived() {
    let own = plan();
    let prices = Prices { own: Some(&own), plans: &[] };
    let march = period("2026-03-01T00:00:00Z", APRIL);
    let late = || UsageSum { credits: amount("1"), ..calls(march, "4.125") };
    let usage = || vec![calls(april(), "60"), late()];
    let usual = line(LineKind::Usage, "The calls", "60", "60");
    let shown = line(LineKind::LateUsage, "The calls", "3.125", "3.13");
    assert_eq!(usage_lines(&bill(LateUsage::NextInvoice), usage(), &prices), [usual.clone(), shown.clone()]);
    // All of it is given away, also what credits paid.
    let back = line(LineKind::Adjustment, "The calls", "-4.125", "-4.13");
    assert_eq!(usage_lines(&bill(LateUsage::Waive), usage(), &prices), [usual, shown, back]);
    let lines = of_bill(&bill(LateUsage::NextInvoice), &of_subscription(2, vec![late()]), &prices);
    assert!(lines.iter().any(|line| line.kind == LineKind::LateUsage && line.period == Some(march)));
}

#[test]
fn a_period_that_was_cut_short_is_not_late() {
    let own = plan();
    let prices = Prices { own: Some(&own), plans: &[] };
    let cut = period(APRIL, "2026-04-16T00:00:00Z");
    let bill = Bill { closed: Some(cut), minimums: Vec::new(), ..bill(LateUsage::NextInvoice) };
    let lines = of_bill(&bill, &of_subscription(2, vec![calls(april(), "5")]), &prices);
    let line = lines.iter().find(|line| line.meter.is_some()).unwrap();
    assert_eq!((line.kind, line.period), (LineKind::Usage, Some(cut)));
}

#[test]
fn what_a_volume_price_took_too_much_is_given_back() {
    let own = plan();
    let prices = Prices { own: Some(&own), plans: &[] };
    let usage = UsageSum { too_much: amount("8.004"), ..calls(april(), "60") };
    assert_eq!(
        usage_lines(&bill(LateUsage::Waive), vec![usage], &prices),
        [
            line(LineKind::Usage, "The calls", "60", "60"),
            line(LineKind::Adjustment, "The calls", "-8.004", "-8"),
            // 50 at least, and 51.996 were used.
        ]
    );
}

#[test]
fn a_minimum_is_filled_up() {
    let own = plan();
    let prices = Prices { own: Some(&own), plans: &[] };
    let bill = bill(LateUsage::NextInvoice);
    let minimum = |amount: &str| line(LineKind::Minimum, "The calls", amount, amount);
    assert_eq!(usage_lines(&bill, Vec::new(), &prices), [minimum("50")]);
    let used = line(LineKind::Usage, "The calls", "20", "20");
    assert_eq!(usage_lines(&bill, vec![calls(april(), "20")], &prices), [used.clone(), minimum("30")]);
    // What credits paid was used all the same; what was given back, what came late and what is another price was not.
    let by_credits = UsageSum { credits: amount("45"), ..calls(april(), "45") };
    assert_eq!(usage_lines(&bill, vec![by_credits], &prices).last(), Some(&minimum("5")));
    let too_much = UsageSum { too_much: amount("5"), ..calls(april(), "50") };
    assert_eq!(usage_lines(&bill, vec![too_much], &prices).last(), Some(&minimum("5")));
    let late = calls(period("2026-03-01T00:00:00Z", APRIL), "50");
    assert_eq!(usage_lines(&bill, vec![late], &prices).last(), Some(&minimum("50")));
    let other = sum(Some("calls"), Some(PriceRef { version: 7, ..price_ref("calls") }), Some(april()), "50");
    assert_eq!(usage_lines(&bill, vec![other], &prices).last(), Some(&minimum("50")));
    assert_eq!(usage_lines(&bill, vec![calls(april(), "50")], &prices).len(), 1);
}

#[test]
fn late_usage_is_a_part_of_the_minimum_that_was_billed() {
    let own = plan();
    let prices = Prices { own: Some(&own), plans: &[] };
    let march = period("2026-03-01T00:00:00Z", APRIL);
    // March has lacked 4 of its minimum, which were billed.
    let lacked = |amount: &str| {
        let lacked = Lacked { price: price_ref("calls"), period: march, amount: self::amount(amount) };
        Bill { minimums: Vec::new(), lacked: vec![lacked], ..bill(LateUsage::NextInvoice) }
    };
    let late = |postpaid: &str| calls(march, postpaid);
    let shown = |text: &str| line(LineKind::LateUsage, "The calls", text, text);
    let back = |text: &str| line(LineKind::Minimum, "The calls", text, text);
    assert_eq!(usage_lines(&lacked("4"), vec![late("3")], &prices), [shown("3"), back("-3")]);
    assert_eq!(usage_lines(&lacked("4"), vec![late("6")], &prices), [shown("6"), back("-4")]);
    // However it was paid for; not what is given back anyway.
    let by_credits = UsageSum { credits: amount("3"), ..late("3") };
    assert_eq!(usage_lines(&lacked("4"), vec![by_credits], &prices), [shown("0"), back("-3")]);
    let too_much = UsageSum { too_much: amount("1"), ..late("3") };
    let adjusted = line(LineKind::Adjustment, "The calls", "-1", "-1");
    assert_eq!(usage_lines(&lacked("4"), vec![too_much], &prices), [shown("3"), adjusted, back("-2")]);
    let waived = Bill { late_usage: LateUsage::Waive, ..lacked("4") };
    let adjusted = line(LineKind::Adjustment, "The calls", "-3", "-3");
    assert_eq!(usage_lines(&waived, vec![late("3")], &prices), [shown("3"), adjusted]);
    // Another period's, another price's.
    let used = line(LineKind::Usage, "The calls", "3", "3");
    assert_eq!(usage_lines(&lacked("4"), vec![calls(april(), "3")], &prices), [used]);
    let other = UsageSum { price: Some(PriceRef { version: 7, ..price_ref("calls") }), ..late("3") };
    assert_eq!(usage_lines(&lacked("4"), vec![other], &prices), [shown("3")]);
    // Nothing was lacking.
    let bill = Bill { lacked: Vec::new(), ..lacked("4") };
    assert_eq!(usage_lines(&bill, vec![late("3")], &prices), [shown("3")]);
}
