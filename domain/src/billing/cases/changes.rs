//! Another plan, other seats: at once and in shares, at once and not, or from the next period on.

use crate::billing::world::{Offer, World, amount, per_unit, seats};
use crate::cycle::IntervalUnit;
use crate::subscription::{Action, SubscriptionError, When};

use super::{basic, pro};

/// 16 of January's 31 days are left: −30 × 16 ÷ 31 = −15.483870967742 and 90 × 16 ÷ 31 = 46.451612903226, so
/// −15.48 + 46.45 = 30.97. Then 90.
#[test]
fn an_upgrade_in_the_middle_of_a_month() {
    let mut world = World::new("2026-01-01");
    let (basic, pro) = (basic().publish(&mut world), pro().publish(&mut world));
    world.subscribe(&basic);
    world.on("2026-01-16");
    world.change(&pro);
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-16, paid: 30.97",
        "  proration Base, 2026-01-16 to 2026-02-01: -15.48 (-15.483870967742)",
        "  proration Base, 2026-01-16 to 2026-02-01: 46.45 (46.451612903226)",
        "INV-000003 of 2026-02-01, paid: 90",
        "  fee Base, 2026-02-01 to 2026-03-01: 90",
    ]);
}

/// 21 days are left: −30 × 21 ÷ 31 = −20.322580645161, 90 × 21 ÷ 31 = 60.967741935484: 40.65. Then 11 days: −90 × 11 ÷
/// 31 = −31.935483870968, 200 × 11 ÷ 31 = 70.967741935484: 39.03. In all 30 + 40.65 + 39.03 = 109.68, which is 10 days
/// at 30, 10 at 90 and 11 at 200: (300 + 900 + 2,200) ÷ 31 = 109.677…
#[test]
fn two_upgrades_in_a_month() {
    let mut world = World::new("2026-01-01");
    let (basic, pro) = (basic().publish(&mut world), pro().publish(&mut world));
    let max = Offer::new("Max").fee("Base", "200").publish(&mut world);
    world.subscribe(&basic);
    world.on("2026-01-11");
    world.change(&pro);
    world.on("2026-01-21");
    world.change(&max);
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-11, paid: 40.65",
        "  proration Base, 2026-01-11 to 2026-02-01: -20.32 (-20.322580645161)",
        "  proration Base, 2026-01-11 to 2026-02-01: 60.97 (60.967741935484)",
        "INV-000003 of 2026-01-21, paid: 39.03",
        "  proration Base, 2026-01-21 to 2026-02-01: -31.94 (-31.935483870968)",
        "  proration Base, 2026-01-21 to 2026-02-01: 70.97 (70.967741935484)",
        "INV-000004 of 2026-02-01, paid: 200",
        "  fee Base, 2026-02-01 to 2026-03-01: 200",
    ]);
}

/// By the second: from 10 February, 06:00, 18 days and 18 hours of 28 days are left, 450 of 672 hours:
/// −30 × 450 ÷ 672 = −20.089285714286, 90 × 450 ÷ 672 = 60.267857142857: 40.18.
#[test]
fn an_upgrade_at_six_in_the_morning() {
    let mut world = World::new("2026-02-01");
    let (basic, pro) = (basic().publish(&mut world), pro().publish(&mut world));
    world.subscribe(&basic);
    world.on("2026-02-10 06:00");
    world.change(&pro);
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "INV-000002 of 2026-02-10 06:00, paid: 40.18",
        "  proration Base, 2026-02-10 06:00 to 2026-03-01: -20.09 (-20.089285714286)",
        "  proration Base, 2026-02-10 06:00 to 2026-03-01: 60.27 (60.267857142857)",
    ]);
}

/// January stays as it was paid for: 90. February is 30.
#[test]
fn a_downgrade_at_the_end_of_the_period() {
    let mut world = World::new("2026-01-01");
    let (basic, pro) = (basic().publish(&mut world), pro().publish(&mut world));
    world.subscribe(&pro);
    world.on("2026-01-10");
    world.change_at_period_end(&basic);
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 90",
        "  fee Base, 2026-01-01 to 2026-02-01: 90",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
    ]);
}

/// What was scheduled and dropped does not happen: February is 90. So does what an upgrade overtakes: March is 200,
/// after 200 − 90 = 110 for all of February, as the upgrade comes with its first moment.
#[test]
fn a_scheduled_downgrade_is_dropped_or_overtaken() {
    let mut world = World::new("2026-01-01");
    let (basic, pro) = (basic().publish(&mut world), pro().publish(&mut world));
    let max = Offer::new("Max").fee("Base", "200").publish(&mut world);
    world.subscribe(&pro);
    world.on("2026-01-10");
    world.change_at_period_end(&basic);
    world.on("2026-01-11");
    world.subscription(Action::DropChange).unwrap();
    assert_eq!(world.subscription(Action::DropChange), Err(SubscriptionError::NothingScheduled));
    world.on("2026-02-01");
    world.change_at_period_end(&basic);
    world.change(&max);
    world.on("2026-03-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 90",
        "  fee Base, 2026-01-01 to 2026-02-01: 90",
        "INV-000002 of 2026-02-01, paid: 90",
        "  fee Base, 2026-02-01 to 2026-03-01: 90",
        "INV-000003 of 2026-02-01, paid: 110",
        "  proration Base, 2026-02-01 to 2026-03-01: -90",
        "  proration Base, 2026-02-01 to 2026-03-01: 200",
        "INV-000004 of 2026-03-01, paid: 200",
        "  fee Base, 2026-03-01 to 2026-04-01: 200",
    ]);
}

/// Only the seats are another number, so only their fee is exchanged. Up, with 21 days left: −3 × 10 × 21 ÷ 31 =
/// −20.322580645161, 5 × 10 × 21 ÷ 31 = 33.870967741935: 13.55. Down, with 11: −50 × 11 ÷ 31 = −17.741935483871,
/// 20 × 11 ÷ 31 = 7.096774193548: −17.74 + 7.10 = −10.64, which becomes credits. Then 30 + 2 × 10.
#[test]
fn seats_go_up_and_down() {
    let mut world = World::new("2026-01-01");
    let plan = basic().seats("Seat", per_unit("10")).publish(&mut world);
    world.subscribe_as(&plan, |create| create.quantity = seats(3));
    world.on("2026-01-11");
    world.change_seats(5);
    world.on("2026-01-21");
    world.change_seats(2);
    assert_eq!(world.balances(), ("10.64".to_owned(), "0".to_owned()));
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 60",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "  fee Seat ×3, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-11, paid: 13.55",
        "  proration Seat ×3, 2026-01-11 to 2026-02-01: -20.32 (-20.322580645161)",
        "  proration Seat ×5, 2026-01-11 to 2026-02-01: 33.87 (33.870967741935)",
        "INV-000003 of 2026-01-21, paid: 0",
        "  proration Seat ×5, 2026-01-21 to 2026-02-01: -17.74 (-17.741935483871)",
        "  proration Seat ×2, 2026-01-21 to 2026-02-01: 7.1 (7.096774193548)",
        "  to credits: 10.64",
        "INV-000004 of 2026-02-01, paid: 50",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  fee Seat ×2, 2026-02-01 to 2026-03-01: 20",
    ]);
}

/// January ends with the change, and a year begins: −30 × 16 ÷ 31 = −15.48 and 300 are 284.52. The next is in a year.
#[test]
fn from_months_to_years() {
    let mut world = World::new("2026-01-01");
    let basic = basic().publish(&mut world);
    let annual = Offer::new("Annual").every(1, IntervalUnit::Year).fee("Base", "300").publish(&mut world);
    world.subscribe(&basic);
    world.on("2026-01-16");
    world.change(&annual);
    world.on("2027-01-16");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-16, paid: 284.52",
        "  proration Base, 2026-01-16 to 2026-02-01: -15.48 (-15.483870967742)",
        "  fee Base, 2026-01-16 to 2027-01-16: 300",
        "INV-000003 of 2027-01-16, paid: 300",
        "  fee Base, 2027-01-16 to 2028-01-16: 300",
    ]);
}

/// Nothing is given back and nothing charged for the rest of January; February is 90.
#[test]
fn an_upgrade_that_is_not_in_shares() {
    let mut world = World::new("2026-01-01");
    let (basic, pro) = (basic().publish(&mut world), pro().publish(&mut world));
    world.subscribe(&basic);
    world.on("2026-01-16");
    world.change_to(Some(&pro), None, When::Now, false);
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 90",
        "  fee Base, 2026-02-01 to 2026-03-01: 90",
    ]);
}

/// In advance as always: −15.48 + 46.45. In arrears the old plan's 15 days are due with the change, 20 × 15 ÷ 31 =
/// 9.677419354839, and the new one's 16 with the month, 40 × 16 ÷ 31 = 20.645161290323.
#[test]
fn an_upgrade_with_fees_in_arrears() {
    let mut world = World::new("2026-01-01");
    let basic = basic().arrears("Support", "20").publish(&mut world);
    let pro = pro().arrears("Support", "40").publish(&mut world);
    world.subscribe(&basic);
    world.on("2026-01-16");
    world.change(&pro);
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-16, paid: 40.65",
        "  fee Support, 2026-01-01 to 2026-01-16: 9.68 (9.677419354839)",
        "  proration Base, 2026-01-16 to 2026-02-01: -15.48 (-15.483870967742)",
        "  proration Base, 2026-01-16 to 2026-02-01: 46.45 (46.451612903226)",
        "INV-000003 of 2026-02-01, paid: 110.65",
        "  fee Support, 2026-01-16 to 2026-02-01: 20.65 (20.645161290323)",
        "  fee Base, 2026-02-01 to 2026-03-01: 90",
    ]);
}

/// Until the change 1,200 calls, 1,000 of them included: 200 × 0.01 = 2. From then on 5,000 are included, of which
/// 1,200 are used: of 4,000 calls more 3,800 are free, and 200 × 0.005 = 1. Usage is billed with the month, each at its
/// price.
#[test]
fn an_upgrade_with_usage() {
    let mut world = World::new("2026-01-01");
    let basic = basic().usage("calls", per_unit("0.01")).including("1000").publish(&mut world);
    let pro = pro().usage("calls", per_unit("0.005")).including("5000").publish(&mut world);
    world.subscribe(&basic);
    world.on("2026-01-10");
    world.charge("calls", "1200");
    world.on("2026-01-16");
    world.change(&pro);
    world.on("2026-01-20");
    world.charge("calls", "4000");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-16, paid: 30.97",
        "  proration Base, 2026-01-16 to 2026-02-01: -15.48 (-15.483870967742)",
        "  proration Base, 2026-01-16 to 2026-02-01: 46.45 (46.451612903226)",
        "INV-000003 of 2026-02-01, paid: 93",
        "  fee Base, 2026-02-01 to 2026-03-01: 90",
        "  usage calls ×1200 (1000 included), 2026-01-01 to 2026-02-01: 2",
        "  usage calls ×4000 (3800 included), 2026-01-01 to 2026-02-01: 1",
    ]);
}

/// −46.451612903226 + 15.483870967742: −46.45 + 15.48 = −30.97 become credits. They pay for usage: 1,000 × 0.01 = 10.
/// The fee of February is no usage, so 30 are due and 30.97 − 10 = 20.97 are left.
#[test]
fn a_downgrade_at_once_gives_credits() {
    let mut world = World::new("2026-01-01");
    let basic = basic().usage("calls", per_unit("0.01")).publish(&mut world);
    let pro = pro().usage("calls", per_unit("0.01")).publish(&mut world);
    world.subscribe(&pro);
    world.on("2026-01-16");
    world.change(&basic);
    assert_eq!(world.account_now().credits(), amount("30.97"));
    world.on("2026-01-20");
    world.charge("calls", "1000");
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 90",
        "  fee Base, 2026-01-01 to 2026-02-01: 90",
        "INV-000002 of 2026-01-16, paid: 0",
        "  proration Base, 2026-01-16 to 2026-02-01: -46.45 (-46.451612903226)",
        "  proration Base, 2026-01-16 to 2026-02-01: 15.48 (15.483870967742)",
        "  to credits: 30.97",
        "INV-000003 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×1000 (10 by credits), 2026-01-01 to 2026-02-01: 0",
    ]);
    assert_eq!(world.balances(), ("20.97".to_owned(), "0".to_owned()));
}
