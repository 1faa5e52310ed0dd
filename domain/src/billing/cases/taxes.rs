//! Taxes on invoices: on top and inside, of several rates, owed by the customer, and none.

use crate::billing::world::{Offer, World, per_unit};
use crate::subscription::When;
use crate::tax::TaxCategory;

use super::basic;

/// In Germany, with 19 % on top, and a customer there.
fn german() -> World {
    let mut world = World::new("2026-01-01");
    world.seller("DE");
    world.rate("VAT", "DE", "19", |_| {});
    world.buyer("DE");
    world
}

/// 30 × 19 % = 5.70.
#[test]
fn on_top() {
    let mut world = german();
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30 + 5.7 = 35.7",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "  VAT 19% on 30: 5.7",
    ]);
}

/// The rate is of the sum: 0.09 × 19 % = 0.0171 is 0.02. Each by itself, 0.0057, would be 0.01, and 0.03 in all.
#[test]
fn on_the_sum_of_the_lines() {
    let mut world = german();
    let plan = Offer::new("Small").fee("One", "0.03").fee("Two", "0.03").fee("Three", "0.03").publish(&mut world);
    world.subscribe(&plan);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 0.09 + 0.02 = 0.11",
        "  fee One, 2026-01-01 to 2026-02-01: 0.03",
        "  fee Two, 2026-01-01 to 2026-02-01: 0.03",
        "  fee Three, 2026-01-01 to 2026-02-01: 0.03",
        "  VAT 19% on 0.09: 0.02",
    ]);
}

/// Usage is taxed as its line is rounded: 201 × 0.005 = 1.005 is 1.01, and 19 % of that, 0.1919, is 0.19.
#[test]
fn on_usage() {
    let mut world = german();
    let plan = Offer::new("Usage").usage("calls", per_unit("0.005")).publish(&mut world);
    world.subscribe(&plan);
    world.charge("calls", "201");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 1.01 + 0.19 = 1.2",
        "  usage calls ×201, 2026-01-01 to 2026-02-01: 1.01 (1.005)",
        "  VAT 19% on 1.01: 0.19",
    ]);
}

/// What is given back takes its tax along: −30 × 16 ÷ 31 = −15.48, 19 % of that is −2.9412. −18.42 becomes credits.
#[test]
fn on_what_is_given_back() {
    let mut world = german();
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-16");
    world.cancel(When::Now, true);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30 + 5.7 = 35.7",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "  VAT 19% on 30: 5.7",
        "INV-000002 of 2026-01-16, paid: 2.94 + -2.94 = 0",
        "  proration Base, 2026-01-16 to 2026-02-01: -15.48 (-15.483870967742)",
        "  to credits: 18.42",
        "  VAT 19% on -15.48: -2.94",
    ]);
    assert_eq!(world.balances().0, "18.42");
}

/// Three categories on one invoice, each with its rate inside.
/// 30 at 19 %: 30 × 19 ÷ 119 = 4.7899… = 4.79, the rest is 25.21.
/// 12.50 at 7 %: 12.5 × 7 ÷ 107 = 0.8177… = 0.82, the rest is 11.68.
/// 9.99 at 2.1 %: 9.99 × 2.1 ÷ 102.1 = 0.2054… = 0.21, the rest is 9.78.
/// 25.21 + 11.68 + 9.78 = 46.67, 4.79 + 0.82 + 0.21 = 5.82, in all 52.49.
#[test]
fn inside_with_three_rates() {
    let mut world = World::new("2026-01-01");
    world.seller("DE");
    world.buyer("DE");
    for (name, category, percent) in [("VAT", "standard", "19"), ("Books", "books", "7"), ("Press", "press", "2.1")] {
        world.rate(name, "DE", percent, |rate| {
            rate.inclusive = true;
            rate.category = TaxCategory(category.parse().unwrap());
        });
    }
    let plan = Offer::new("Reader").fee("Tool", "30").fee("Book", "12.50").taxed("books").fee("Paper", "9.99");
    let plan = plan.taxed("press").publish(&mut world);
    world.subscribe(&plan);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 46.67 + 5.82 = 52.49",
        "  fee Tool, 2026-01-01 to 2026-02-01: 30",
        "  fee Book, 2026-01-01 to 2026-02-01: 12.5",
        "  fee Paper, 2026-01-01 to 2026-02-01: 9.99",
        "  VAT 19% inside, on 25.21: 4.79",
        "  Books 7% inside, on 11.68: 0.82",
        "  Press 2.1% inside, on 9.78: 0.21",
    ]);
}

/// Inside a line with both: 99.99 × 10 ÷ 125 = 7.9992 and 99.99 × 15 ÷ 125 = 11.9988; the rest is 79.99.
#[test]
fn inside_with_two_rates_on_one_line() {
    let mut world = World::new("2026-01-01");
    world.buyer("DE");
    world.rate("Ten", "DE", "10", |rate| rate.inclusive = true);
    world.rate("Fifteen", "DE", "15", |rate| rate.inclusive = true);
    let plan = Offer::new("Plan").fee("Base", "99.99").publish(&mut world);
    world.subscribe(&plan);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 79.99 + 20 = 99.99",
        "  fee Base, 2026-01-01 to 2026-02-01: 99.99",
        "  Ten 10% inside, on 79.99: 8",
        "  Fifteen 15% inside, on 79.99: 12",
    ]);
}

/// What is inside is taken out first: 125 × 25 ÷ 125 = 25. On top of the rest, 100, come 10 %. 100 + 35 = 135.
#[test]
fn inside_and_on_top() {
    let mut world = World::new("2026-01-01");
    world.buyer("DE");
    world.rate("Inside", "DE", "25", |rate| rate.inclusive = true);
    world.rate("Top", "DE", "10", |_| {});
    let plan = Offer::new("Plan").fee("Base", "125").publish(&mut world);
    world.subscribe(&plan);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 100 + 35 = 135",
        "  fee Base, 2026-01-01 to 2026-02-01: 125",
        "  Inside 25% inside, on 100: 25",
        "  Top 10% on 100: 10",
    ]);
}

/// A province's rate besides the country's, on the same line: 33.33 × 5 % = 1.6665 is 1.67, 33.33 × 7 % = 2.3331 is
/// 2.33. In another province there is only the country's.
#[test]
fn two_rates_on_one_line() {
    let mut world = World::new("2026-01-01");
    world.seller("CA");
    world.rate("GST", "CA", "5", |_| {});
    world.rate("PST", "CA-BC", "7", |_| {});
    let plan = Offer::new("Plan").fee("Base", "33.33").publish(&mut world);
    world.buyer("CA-BC");
    world.subscribe(&plan);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 33.33 + 4 = 37.33",
        "  fee Base, 2026-01-01 to 2026-02-01: 33.33",
        "  GST 5% on 33.33: 1.67",
        "  PST 7% on 33.33: 2.33",
    ]);
    world.new_customer();
    world.buyer("CA-ON");
    world.subscribe(&plan);
    world.expect(&[
        "INV-000002 of 2026-01-01, paid: 33.33 + 1.67 = 35",
        "  fee Base, 2026-01-01 to 2026-02-01: 33.33",
        "  GST 5% on 33.33: 1.67",
    ]);
}

/// From Germany to France: a business there owes the tax itself, so 30 are 30, and the rate stands on the invoice.
/// Anybody else pays 30 × 20 % = 6.
#[test]
fn a_business_abroad_owes_it_itself() {
    let mut world = World::new("2026-01-01");
    world.seller("DE");
    world.rate("TVA", "FR", "20", |rate| rate.reverse_charge = true);
    let plan = basic().publish(&mut world);
    world.business("FR", "FR40303265045");
    world.subscribe(&plan);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30 + 0 = 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "  TVA 20% owed by the customer, on 30: 0",
    ]);
    world.new_customer();
    world.buyer("FR");
    world.subscribe(&plan);
    world.expect(&[
        "INV-000002 of 2026-01-01, paid: 30 + 6 = 36",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "  TVA 20% on 30: 6",
    ]);
}

/// A business at home pays it, also with a rate that one abroad would owe itself: 30 × 19 % = 5.70.
#[test]
fn a_business_at_home_pays_it() {
    let mut world = World::new("2026-01-01");
    world.seller("DE");
    world.rate("VAT", "DE", "19", |rate| rate.reverse_charge = true);
    let plan = basic().publish(&mut world);
    world.business("DE", "DE136695976");
    world.subscribe(&plan);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30 + 5.7 = 35.7",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "  VAT 19% on 30: 5.7",
    ]);
}

/// Exempt, or nobody knows where: no tax, and no line that says so.
#[test]
fn exempt_or_nowhere() {
    let mut world = german();
    let plan = basic().publish(&mut world);
    world.bill(|billing| billing.tax.exempt = true);
    world.subscribe(&plan);
    world.expect(&["INV-000001 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
    world.new_customer();
    world.subscribe(&plan);
    world.expect(&["INV-000002 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
}

/// The rate that is in the table on the day: 19 % in January, 16 % in February, when the table says so: 30 × 16 % =
/// 4.80.
#[test]
fn what_the_table_says_on_the_day() {
    let mut world = World::new("2026-01-01");
    world.buyer("DE");
    let mut id = None;
    world.rate("VAT", "DE", "19", |rate| id = Some(rate.id));
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-20");
    world.rate("VAT", "DE", "16", |rate| rate.id = id.unwrap());
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30 + 5.7 = 35.7",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "  VAT 19% on 30: 5.7",
        "INV-000002 of 2026-02-01, paid: 30 + 4.8 = 34.8",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  VAT 16% on 30: 4.8",
    ]);
}
