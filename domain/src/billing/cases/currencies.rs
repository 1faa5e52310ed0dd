//! Currencies without decimals, and with three.

use chrono_tz::Tz;

use crate::billing::world::{Offer, World, per_unit};

/// Yen have no decimals. −1,000 × 16 ÷ 31 = −516.129… is −516, 3,000 × 16 ÷ 31 = 1,548.387… is 1,548: 1,032, and 10 %
/// of that, 103.2, is 103.
#[test]
fn yen() {
    let mut world = World::of("JPY", Tz::Asia__Tokyo, "2026-01-01");
    world.seller("JP");
    world.rate("JCT", "JP", "10", |_| {});
    world.buyer("JP");
    let basic = Offer::new("Basic").fee("Base", "1000").publish(&mut world);
    let pro = Offer::new("Pro").fee("Base", "3000").publish(&mut world);
    world.subscribe(&basic);
    world.on("2026-01-16");
    world.change(&pro);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 1000 + 100 = 1100",
        "  fee Base, 2026-01-01 to 2026-02-01: 1000",
        "  JCT 10% on 1000: 100",
        "INV-000002 of 2026-01-16, paid: 1032 + 103 = 1135",
        "  proration Base, 2026-01-16 to 2026-02-01: -516 (-516.129032258065)",
        "  proration Base, 2026-01-16 to 2026-02-01: 1548 (1548.387096774194)",
        "  JCT 10% on 1032: 103",
    ]);
}

/// Half a yen is one: 5 × 0.3 = 1.5 is 2.
#[test]
fn half_a_yen() {
    let mut world = World::of("JPY", Tz::Asia__Tokyo, "2026-01-01");
    let plan = Offer::new("Usage").usage("calls", per_unit("0.3")).publish(&mut world);
    world.subscribe(&plan);
    world.charge("calls", "5");
    world.on("2026-02-01");
    world.expect(&["INV-000001 of 2026-02-01, paid: 2", "  usage calls ×5, 2026-01-01 to 2026-02-01: 2 (1.5)"]);
}

/// Kuwaiti dinars have thousandths. 10.125 × 5 % = 0.50625 is 0.506. −10.125 × 16 ÷ 31 = −5.2258… is −5.226,
/// 20.25 × 16 ÷ 31 = 10.4516… is 10.452: 5.226, and 5 % of that, 0.2613, is 0.261.
#[test]
fn dinars() {
    let mut world = World::of("KWD", Tz::Asia__Riyadh, "2026-01-01");
    world.rate("VAT", "KW", "5", |_| {});
    world.buyer("KW");
    let basic = Offer::new("Basic").fee("Base", "10.125").publish(&mut world);
    let pro = Offer::new("Pro").fee("Base", "20.25").publish(&mut world);
    world.subscribe(&basic);
    world.on("2026-01-16");
    world.change(&pro);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 10.125 + 0.506 = 10.631",
        "  fee Base, 2026-01-01 to 2026-02-01: 10.125",
        "  VAT 5% on 10.125: 0.506",
        "INV-000002 of 2026-01-16, paid: 5.226 + 0.261 = 5.487",
        "  proration Base, 2026-01-16 to 2026-02-01: -5.226 (-5.225806451613)",
        "  proration Base, 2026-01-16 to 2026-02-01: 10.452 (10.451612903226)",
        "  VAT 5% on 5.226: 0.261",
    ]);
}

/// Half of a thousandth is one: 0.0005 is 0.001, where it would be nothing in dollars.
#[test]
fn half_a_fils() {
    let mut world = World::of("KWD", Tz::UTC, "2026-01-01");
    let plan = Offer::new("Usage").usage("calls", per_unit("0.0005")).publish(&mut world);
    world.subscribe(&plan);
    world.charge("calls", "1");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 0.001",
        "  usage calls ×1, 2026-01-01 to 2026-02-01: 0.001 (0.0005)",
    ]);
}
