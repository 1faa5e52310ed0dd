//! What a period's usage costs at least.

use crate::billing::world::{Offer, World, per_unit};
use crate::cycle::Anchoring;
use crate::subscription::When;

/// Calls at 0.01, and at least so much.
fn at_least(minimum: &str) -> Offer {
    Offer::new("Usage").usage("calls", per_unit("0.01")).at_least(minimum)
}

/// At least 50. January: 3,000 × 0.01 = 30, 20 are missing. February: 60. March: exactly 50. April: nothing was used,
/// 50 are missing.
#[test]
fn it_is_reached_or_filled_up() {
    let mut world = World::new("2026-01-01");
    let plan = at_least("50").publish(&mut world);
    world.subscribe(&plan);
    for (date, quantity) in [("2026-01-10", "3000"), ("2026-02-10", "6000"), ("2026-03-10", "5000")] {
        world.on(date);
        world.charge("calls", quantity);
    }
    world.on("2026-05-01");
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 50",
        "  usage calls ×3000, 2026-01-01 to 2026-02-01: 30",
        "  minimum calls, 2026-01-01 to 2026-02-01: 20",
        "INV-000002 of 2026-03-01, paid: 60",
        "  usage calls ×6000, 2026-02-01 to 2026-03-01: 60",
        "INV-000003 of 2026-04-01, paid: 50",
        "  usage calls ×5000, 2026-03-01 to 2026-04-01: 50",
        "INV-000004 of 2026-05-01, paid: 50",
        "  minimum calls, 2026-04-01 to 2026-05-01: 50",
    ]);
}

/// What credits paid was used all the same: 20 are missing.
#[test]
fn what_credits_paid_counts() {
    let mut world = World::new("2026-01-01");
    let plan = at_least("50").publish(&mut world);
    world.subscribe(&plan);
    world.grant("30");
    world.charge("calls", "3000");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 20",
        "  usage calls ×3000 (30 by credits), 2026-01-01 to 2026-02-01: 0",
        "  minimum calls, 2026-01-01 to 2026-02-01: 20",
    ]);
}

/// 16 of January's 31 days of 31 are 16; 500 × 0.01 = 5 were used, and 11 are missing.
#[test]
fn of_a_part_of_a_month() {
    let mut world = World::new("2026-01-16");
    let plan = at_least("31").publish(&mut world);
    world.subscribe_as(&plan, |create| create.anchoring = Anchoring::Calendar);
    world.charge("calls", "500");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 16",
        "  usage calls ×500, 2026-01-16 to 2026-02-01: 5",
        "  minimum calls, 2026-01-16 to 2026-02-01: 11",
    ]);
}

/// 50 × 16 ÷ 31 = 25.806451612903. Of 1,000.1 × 0.01 = 10.001 used, 15.805451612903 are missing. Rounded, line by line,
/// 10 + 15.81 = 25.81.
#[test]
fn of_a_part_of_a_month_that_is_no_whole_number() {
    let mut world = World::new("2026-01-16");
    let plan = at_least("50").publish(&mut world);
    world.subscribe_as(&plan, |create| create.anchoring = Anchoring::Calendar);
    world.charge("calls", "1000.1");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 25.81",
        "  usage calls ×1000.1, 2026-01-16 to 2026-02-01: 10 (10.001)",
        "  minimum calls, 2026-01-16 to 2026-02-01: 15.81 (15.805451612903)",
    ]);
}

/// Ended on 16 January: 15 of 31 days of 31 are 15; 400 × 0.01 = 4 were used, and 11 are missing.
#[test]
fn of_a_month_that_was_cut_short() {
    let mut world = World::new("2026-01-01");
    let plan = at_least("31").publish(&mut world);
    world.subscribe(&plan);
    world.charge("calls", "400");
    world.on("2026-01-16");
    world.cancel(When::Now, true);
    world.expect(&[
        "INV-000001 of 2026-01-16, paid: 15",
        "  usage calls ×400, 2026-01-01 to 2026-01-16: 4",
        "  minimum calls, 2026-01-01 to 2026-01-16: 11",
    ]);
}

/// The minimum is that of the plan with which the month ends, for the 16 of 31 days of which it was the plan: 62 × 16 ÷
/// 31 = 32. From then on 1,000 × 0.01 = 10 were used, and 22 are missing. The 400 × 0.01 = 4 from before the change are
/// what they are: the plan that was left asks for no more.
#[test]
fn after_an_upgrade() {
    let mut world = World::new("2026-01-01");
    let basic = at_least("31").publish(&mut world);
    let pro = at_least("62").publish(&mut world);
    world.subscribe(&basic);
    world.charge("calls", "400");
    world.on("2026-01-16");
    world.change(&pro);
    world.charge("calls", "1000");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 36",
        "  usage calls ×400, 2026-01-01 to 2026-02-01: 4",
        "  usage calls ×1000, 2026-01-01 to 2026-02-01: 10",
        "  minimum calls, 2026-01-01 to 2026-02-01: 22",
    ]);
}
