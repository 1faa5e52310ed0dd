//! Usage that is heard of when its period was closed already.

use crate::billing::world::{Offer, World, per_unit};
use crate::invoice::{LineItem, LineKind};
use crate::money::{Amount, Currency};
use crate::price::Rated;
use crate::subscription::When;
use crate::tax::TaxCategory;

/// 30 a month, and calls: 100 are included, each more is 0.10.
fn offer() -> Offer {
    Offer::new("Plan").fee("Base", "30").usage("calls", per_unit("0.10")).including("100")
}

/// 80 calls in January. On 3 February it is heard of 50 more, of 30 January: 20 are still included there, and 30 at
/// 0.10 are 3. February has 10 of its own.
fn late(offer: Offer) -> World {
    let mut world = World::new("2026-01-01");
    let plan = offer.publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-20");
    world.charge("calls", "80");
    world.on("2026-02-03");
    world.charge_late("calls", "50", "2026-01-30");
    world.charge("calls", "10");
    world.on("2026-03-01");
    world
}

/// A line of its own on the next invoice, with the period that it is of: 30 + 3.
#[test]
fn on_the_next_invoice() {
    late(offer()).expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×80 (80 included), 2026-01-01 to 2026-02-01: 0",
        "INV-000003 of 2026-03-01, paid: 33",
        "  fee Base, 2026-03-01 to 2026-04-01: 30",
        "  late usage calls ×50 (20 included), 2026-01-01 to 2026-02-01: 3",
        "  usage calls ×10 (10 included), 2026-02-01 to 2026-03-01: 0",
    ]);
}

/// Shown, and taken back: 30 + 3 − 3.
#[test]
fn given_away() {
    late(offer().waives()).expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×80 (80 included), 2026-01-01 to 2026-02-01: 0",
        "INV-000003 of 2026-03-01, paid: 30",
        "  fee Base, 2026-03-01 to 2026-04-01: 30",
        "  late usage calls ×50 (20 included), 2026-01-01 to 2026-02-01: 3",
        "  adjustment calls, 2026-01-01 to 2026-02-01: -3",
        "  usage calls ×10 (10 included), 2026-02-01 to 2026-03-01: 0",
    ]);
}

/// 80 calls in January, and a hold for 50 more on its last day: 20 of them are included, 30 × 0.10 = 3 are reserved. It
/// is February when 40 of them were used: 20 are January's, 20 × 0.10 = 2.
fn held(offer: Offer) -> World {
    let mut world = World::new("2026-01-01");
    let plan = offer.publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-20");
    world.charge("calls", "80");
    world.on("2026-01-31 12:00");
    let hold = world.hold("calls", "50");
    assert_eq!(world.account_now().balances().held().to_string(), "3");
    world.on("2026-02-01 06:00");
    world.capture(hold, "calls", "40");
    assert_eq!(world.account_now().balances().held().to_string(), "0");
    world.on("2026-03-01");
    world
}

/// 30 + 2, and February's own 100 are untouched.
#[test]
fn held_over_the_border() {
    held(offer()).expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×80 (80 included), 2026-01-01 to 2026-02-01: 0",
        "INV-000003 of 2026-03-01, paid: 32",
        "  fee Base, 2026-03-01 to 2026-04-01: 30",
        "  late usage calls ×40 (20 included), 2026-01-01 to 2026-02-01: 2",
    ]);
}

/// 30 + 2 − 2.
#[test]
fn held_over_the_border_and_given_away() {
    let world = held(offer().waives());
    assert_eq!(
        world.shown()[5..],
        [
            "INV-000003 of 2026-03-01, paid: 30",
            "  fee Base, 2026-03-01 to 2026-04-01: 30",
            "  late usage calls ×40 (20 included), 2026-01-01 to 2026-02-01: 2",
            "  adjustment calls, 2026-01-01 to 2026-02-01: -2",
        ]
    );
    world.check();
}

/// On 5 March it is heard of 50 calls of 20 January. Of that month nothing is known any more but the price: 50 × 0.10 =
/// 5, and no allowance covers them. *Decided*: they are late, and shown as such, though without a period.
#[test]
fn later_than_the_period_before() {
    let shown = |offer: Offer| {
        let mut world = World::new("2026-01-01");
        let plan = offer.publish(&mut world);
        world.subscribe(&plan);
        world.on("2026-03-05");
        world.charge_late("calls", "50", "2026-01-20");
        world.on("2026-04-01");
        world.check();
        world.shown()[6..].to_vec()
    };
    assert_eq!(
        shown(offer()),
        ["INV-000004 of 2026-04-01, paid: 35", "  fee Base, 2026-04-01 to 2026-05-01: 30", "  late usage calls ×50: 5",]
    );
    // *Decided*: where what is a month late is given away, what is later is all the more.
    assert_eq!(
        shown(offer().waives()),
        [
            "INV-000004 of 2026-04-01, paid: 30",
            "  fee Base, 2026-04-01 to 2026-05-01: 30",
            "  late usage calls ×50: 5",
            "  adjustment calls: -5",
        ]
    );
}

/// The subscription has ended with January, its last bill came to nothing, and no other follows. What is heard of on 3
/// February counts in January all the same: 20 included, 30 × 0.10 = 3. Somebody writes an invoice.
#[test]
fn after_the_end() {
    let mut world = World::new("2026-01-01");
    let plan = offer().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-20");
    world.charge("calls", "80");
    world.cancel(When::PeriodEnd, false);
    world.on("2026-02-03");
    world.charge_late("calls", "50", "2026-01-30");
    world.on("2026-03-01");
    assert_eq!((world.dates().len(), world.balances().1.as_str()), (1, "3"));
    world.invoice_usage(Vec::new());
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-03-01, paid: 3",
        "  late usage calls ×50 (20 included), 2026-01-01 to 2026-02-01: 3",
    ]);
    assert_eq!(world.balances().1, "0");
}

fn custom(what: &str, text: &str) -> LineItem {
    LineItem {
        kind: LineKind::Custom,
        description: what.to_owned(),
        price: None,
        meter: None,
        quantity: None,
        included_quantity: None,
        unit_price: None,
        period: None,
        paid_by_credits: Amount::ZERO,
        postpaid: Amount::ZERO,
        rated: Rated::of(text.parse().unwrap(), Currency::USD),
        tax_category: TaxCategory::default(),
        taxes: Vec::new(),
        charges: None,
    }
}

/// What no plan has a price for: 25 e-mails at the meter's own 0.50 are 12.50. Without a subscription somebody writes
/// an invoice, here with work for 100; with one they come with its next bill.
#[test]
fn usage_without_a_price_of_a_plan() {
    let mut world = World::new("2026-01-01");
    world.meter("emails", "0.50");
    world.charge("emails", "25");
    world.invoice_usage(vec![custom("Work", "100")]);
    let plan = offer().publish(&mut world);
    world.subscribe(&plan);
    world.charge("emails", "25");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 112.5",
        "  custom Work: 100",
        "  usage emails ×25: 12.5",
        "INV-000002 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000003 of 2026-02-01, paid: 42.5",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage emails ×25: 12.5",
    ]);
}
