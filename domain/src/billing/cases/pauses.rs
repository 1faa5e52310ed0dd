//! Pauses: what was paid for and not used up is given back, and a period of its own begins afterwards.

use crate::billing::world::{Offer, World, per_unit};
use crate::cycle::Anchoring;
use crate::subscription::Status;

use super::basic;

/// 21 days are left: −30 × 21 ÷ 31 = −20.322580645161, which becomes credits. From 20 February on whole months.
#[test]
fn a_pause_until_somebody_says_so() {
    let mut world = World::new("2026-01-01");
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-11");
    world.pause(None);
    assert_eq!((world.status(), world.balances().0.as_str()), (Status::Paused, "20.32"));
    world.on("2026-02-20");
    world.resume();
    assert_eq!(world.status(), Status::Active);
    world.on("2026-03-20");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-11, paid: 0",
        "  proration Base, 2026-01-11 to 2026-02-01: -20.32 (-20.322580645161)",
        "  to credits: 20.32",
        "INV-000003 of 2026-02-20, paid: 30",
        "  fee Base, 2026-02-20 to 2026-03-20: 30",
        "INV-000004 of 2026-03-20, paid: 30",
        "  fee Base, 2026-03-20 to 2026-04-20: 30",
    ]);
}

/// The same, and it goes on by itself on the day that was said. In between nothing happens, not on 1 February either.
#[test]
fn a_pause_with_an_end() {
    let mut world = World::new("2026-01-01");
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-11");
    world.pause(Some("2026-02-10"));
    world.on("2026-02-09 23:59");
    assert_eq!((world.status(), world.dates().len()), (Status::Paused, 2));
    world.on("2026-03-10");
    assert_eq!(world.status(), Status::Active);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-11, paid: 0",
        "  proration Base, 2026-01-11 to 2026-02-01: -20.32 (-20.322580645161)",
        "  to credits: 20.32",
        "INV-000003 of 2026-02-10, paid: 30",
        "  fee Base, 2026-02-10 to 2026-03-10: 30",
        "INV-000004 of 2026-03-10, paid: 30",
        "  fee Base, 2026-03-10 to 2026-04-10: 30",
    ]);
}

/// Where periods begin on the first of a month they do so after a pause, too: 14 of February's 28 days are 28 × 14 ÷ 28
/// = 14. Before it 31 days less 21: −28 × 21 ÷ 31 = −18.967741935484.
#[test]
fn a_pause_of_a_calendar_month_ends_with_a_part_of_one() {
    let mut world = World::new("2026-01-01");
    let plan = Offer::new("Basic").fee("Base", "28").publish(&mut world);
    world.subscribe_as(&plan, |create| create.anchoring = Anchoring::Calendar);
    world.on("2026-01-11");
    world.pause(None);
    world.on("2026-02-15");
    world.resume();
    world.on("2026-03-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 28",
        "  fee Base, 2026-01-01 to 2026-02-01: 28",
        "INV-000002 of 2026-01-11, paid: 0",
        "  proration Base, 2026-01-11 to 2026-02-01: -18.97 (-18.967741935484)",
        "  to credits: 18.97",
        "INV-000003 of 2026-02-15, paid: 14",
        "  fee Base, 2026-02-15 to 2026-03-01: 14",
        "INV-000004 of 2026-03-01, paid: 28",
        "  fee Base, 2026-03-01 to 2026-04-01: 28",
    ]);
}

/// With a pause the period's usage is billed: 300 × 0.01 = 3, less −20.322580645161 given back: −17.32 to credits. In
/// it the plan has no say, so that calls cost the meter's own 0.02: 100 × 0.02 = 2, which the credits pay.
#[test]
fn usage_in_a_pause_costs_the_meters_own_price() {
    let mut world = World::new("2026-01-01");
    world.meter("calls", "0.02");
    let plan = basic().usage("calls", per_unit("0.01")).publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-05");
    world.charge("calls", "300");
    world.on("2026-01-11");
    world.pause(None);
    world.on("2026-01-15");
    world.charge("calls", "100");
    world.on("2026-02-20");
    world.resume();
    world.on("2026-03-20");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-11, paid: 0",
        "  proration Base, 2026-01-11 to 2026-02-01: -20.32 (-20.322580645161)",
        "  usage calls ×300, 2026-01-01 to 2026-01-11: 3",
        "  to credits: 17.32",
        "INV-000003 of 2026-02-20, paid: 30",
        "  fee Base, 2026-02-20 to 2026-03-20: 30",
        "INV-000004 of 2026-03-20, paid: 30",
        "  fee Base, 2026-03-20 to 2026-04-20: 30",
        "  usage calls ×100 (2 by credits): 0",
    ]);
    assert_eq!(world.balances(), ("15.32".to_owned(), "0".to_owned()));
}
