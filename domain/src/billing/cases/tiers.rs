//! How usage becomes an amount: at the borders of tiers, by packages, by percentages.

use crate::billing::world::{Offer, World, flat, graduated, package, per_unit, percentage, volume};
use crate::price::Model;

const TIERS: &[(&str, &str, &str)] = &[("100", "1", "0"), ("1000", "0.5", "10"), ("", "0.1", "20")];

/// From 1 January on, with nothing but this price; each of the months has these charges. One invoice for each.
fn months(meter: &str, model: Model, included: &str, months: &[&[&str]]) -> World {
    let mut world = World::new("2026-01-01");
    let plan = Offer::new("Usage").usage(meter, model).including(included).publish(&mut world);
    world.subscribe(&plan);
    for (n, charges) in (1..).zip(months) {
        world.on(&format!("2026-{n:02}-10"));
        for quantity in *charges {
            world.charge(meter, quantity);
        }
        world.on(&format!("2026-{:02}-01", n + 1));
    }
    world
}

/// Up to 100 at 1, up to 1,000 at 0.5 and 10, beyond at 0.1 and 20.
/// 100: 100 × 1 = 100. 101: 100 + (1 × 0.5 + 10) = 110.5. 1,000: 100 + (900 × 0.5 + 10) = 560.
/// 1,001: 560 + (1 × 0.1 + 20) = 580.1. 100.000001: 100 + (0.000001 × 0.5 + 10) = 110.0000005.
#[test]
fn graduated_at_its_borders() {
    let used: &[&[&str]] = &[&["60", "40"], &["101"], &["1", "999"], &["1000", "1"], &["100", "0.000001"]];
    months("calls", graduated(TIERS), "0", used).expect(&[
        "INV-000001 of 2026-02-01, paid: 100",
        "  usage calls ×100, 2026-01-01 to 2026-02-01: 100",
        "INV-000002 of 2026-03-01, paid: 110.5",
        "  usage calls ×101, 2026-02-01 to 2026-03-01: 110.5",
        "INV-000003 of 2026-04-01, paid: 560",
        "  usage calls ×1000, 2026-03-01 to 2026-04-01: 560",
        "INV-000004 of 2026-05-01, paid: 580.1",
        "  usage calls ×1001, 2026-04-01 to 2026-05-01: 580.1",
        "INV-000005 of 2026-06-01, paid: 110",
        "  usage calls ×100.000001, 2026-05-01 to 2026-06-01: 110 (110.0000005)",
    ]);
}

/// With 50 included, the first tier's 100 are the 51st to the 150th: 150 are 100, 151 are 110.5.
#[test]
fn graduated_beyond_what_is_included() {
    months("calls", graduated(TIERS), "50", &[&["150"], &["30", "121"]]).expect(&[
        "INV-000001 of 2026-02-01, paid: 100",
        "  usage calls ×150 (50 included), 2026-01-01 to 2026-02-01: 100",
        "INV-000002 of 2026-03-01, paid: 110.5",
        "  usage calls ×151 (50 included), 2026-02-01 to 2026-03-01: 110.5",
    ]);
}

/// All units at one price. 100: 100. 101: 101 × 0.5 + 10 = 60.5; charge by charge 60 + 40 + 0 = 100, so 39.5 are given
/// back. 1,000: 1,000 × 0.5 + 10 = 510. 1,001: 1,001 × 0.1 + 20 = 120.1; charged 510 + 0, so 389.9 are given back.
#[test]
fn volume_at_its_borders() {
    months("calls", volume(TIERS), "0", &[&["60", "40"], &["60", "40", "1"], &["1000"], &["1000", "1"]]).expect(&[
        "INV-000001 of 2026-02-01, paid: 100",
        "  usage calls ×100, 2026-01-01 to 2026-02-01: 100",
        "INV-000002 of 2026-03-01, paid: 60.5",
        "  usage calls ×101, 2026-02-01 to 2026-03-01: 100",
        "  adjustment calls, 2026-02-01 to 2026-03-01: -39.5",
        "INV-000003 of 2026-04-01, paid: 510",
        "  usage calls ×1000, 2026-03-01 to 2026-04-01: 510",
        "INV-000004 of 2026-05-01, paid: 120.1",
        "  usage calls ×1001, 2026-04-01 to 2026-05-01: 510",
        "  adjustment calls, 2026-04-01 to 2026-05-01: -389.9",
    ]);
}

/// 60, 100, 60.5, 110.5 and 120 are what 60, 100, 101, 201 and 220 units come to, so the charges are 60, 40, 0, 10.5
/// and 9.5: 120 in all, and nothing is to be given back.
#[test]
fn volume_that_catches_up() {
    months("calls", volume(TIERS), "0", &[&["60", "40", "1", "100", "19"]])
        .expect(&["INV-000001 of 2026-02-01, paid: 120", "  usage calls ×220, 2026-01-01 to 2026-02-01: 120"]);
}

/// What credits paid too much comes back as credits: 100 of them pay 60 + 40 + 0, and 101 calls come to 60.5.
#[test]
fn volume_that_credits_paid() {
    let mut world = World::new("2026-01-01");
    let plan = Offer::new("Usage").usage("calls", volume(TIERS)).publish(&mut world);
    world.subscribe(&plan);
    world.grant("100");
    for quantity in ["60", "40", "1"] {
        world.charge("calls", quantity);
    }
    assert_eq!(world.balances(), ("0".to_owned(), "0".to_owned()));
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 0",
        "  usage calls ×101 (100 by credits), 2026-01-01 to 2026-02-01: 0",
        "  adjustment calls, 2026-01-01 to 2026-02-01: -39.5",
        "  to credits: 39.5",
    ]);
    assert_eq!(world.balances(), ("39.5".to_owned(), "0".to_owned()));
}

/// Packages of 100 at 3. 100 + 100 + 50: three are begun, 9. 200: two are used up, 6. 201: the third is begun, 9.
#[test]
fn packages_that_are_begun() {
    months("calls", package("100", "3"), "0", &[&["100", "100", "50"], &["150", "50"], &["200", "1"]]).expect(&[
        "INV-000001 of 2026-02-01, paid: 9",
        "  usage calls ×250, 2026-01-01 to 2026-02-01: 9",
        "INV-000002 of 2026-03-01, paid: 6",
        "  usage calls ×200, 2026-02-01 to 2026-03-01: 6",
        "INV-000003 of 2026-04-01, paid: 9",
        "  usage calls ×201, 2026-03-01 to 2026-04-01: 9",
    ]);
}

/// 2.9 % and 0.30 for each use. 100 and 50.01: (2.90 + 0.30) + (1.45029 + 0.30) = 4.95029.
#[test]
fn a_percentage_and_a_fee_for_each_use() {
    months("sales", percentage("2.9", "0.30"), "0", &[&["100", "50.01"]]).expect(&[
        "INV-000001 of 2026-02-01, paid: 4.95",
        "  usage sales ×150.01, 2026-01-01 to 2026-02-01: 4.95 (4.95029)",
    ]);
}

/// With 100 included 60 are free, and are no use that counts. Of 60 more 20 are to be paid: 0.58 + 0.30 = 0.88. 10
/// more: 0.29 + 0.30 = 0.59. In all 1.47.
#[test]
fn a_percentage_beyond_what_is_included() {
    months("sales", percentage("2.9", "0.30"), "100", &[&["60", "60", "10"]]).expect(&[
        "INV-000001 of 2026-02-01, paid: 1.47",
        "  usage sales ×130 (100 included), 2026-01-01 to 2026-02-01: 1.47",
    ]);
}

/// 0.25 for each of 4 uses, however much each was: 1.
#[test]
fn the_same_for_each_use() {
    months("reports", flat("0.25"), "0", &[&["1", "3", "2", "1"]])
        .expect(&["INV-000001 of 2026-02-01, paid: 1", "  usage reports ×7, 2026-01-01 to 2026-02-01: 1"]);
}

/// Usage is exact until its line is rounded, once: 4,808 × 0.000003 = 0.014424 is 0.01, and half a cent is a cent:
/// 3 × 0.005 = 0.015 is 0.02. In all 0.03, although 0.029424 were used.
#[test]
fn each_line_is_rounded_once() {
    let mut world = World::new("2026-01-01");
    let plan = Offer::new("Usage")
        .usage("tokens", per_unit("0.000003"))
        .usage("images", per_unit("0.005"))
        .publish(&mut world);
    world.subscribe(&plan);
    world.charge("tokens", "4000");
    world.charge("tokens", "808");
    for _ in 0..3 {
        world.charge("images", "1");
    }
    assert_eq!(world.balances().1, "0.029424");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 0.03",
        "  usage images ×3, 2026-01-01 to 2026-02-01: 0.02 (0.015)",
        "  usage tokens ×4808, 2026-01-01 to 2026-02-01: 0.01 (0.014424)",
    ]);
    assert_eq!(world.balances().1, "0");
}
