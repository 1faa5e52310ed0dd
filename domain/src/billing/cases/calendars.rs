//! Where periods begin: the ends of months, leap years, the first of a month, a day of one's own.

use crate::billing::world::{Offer, World};
use crate::cycle::{Anchoring, IntervalUnit};

use super::basic;

/// The dates of all invoices of a plan, from one day to another.
fn dates(offer: Offer, from: &str, to: &str) -> Vec<String> {
    let mut world = World::new(from);
    let plan = offer.publish(&mut world);
    world.subscribe(&plan);
    world.on(to);
    world.check();
    world.dates()
}

/// Always counted from the 31st, never from the period before.
#[test]
fn from_the_31st() {
    let days = ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"];
    assert_eq!(dates(basic(), "2026-01-31", "2026-07-01"), days);
    let days = ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"];
    assert_eq!(dates(basic(), "2027-12-31", "2028-04-01"), days, "of a leap year");
}

#[test]
fn from_the_30th() {
    assert_eq!(dates(basic(), "2026-01-30", "2026-04-01"), ["2026-01-30", "2026-02-28", "2026-03-30"]);
    assert_eq!(dates(basic(), "2028-01-30", "2028-04-01"), ["2028-01-30", "2028-02-29", "2028-03-30"]);
}

#[test]
fn from_the_29th() {
    assert_eq!(dates(basic(), "2026-01-29", "2026-04-01"), ["2026-01-29", "2026-02-28", "2026-03-29"]);
    assert_eq!(dates(basic(), "2028-01-29", "2028-04-01"), ["2028-01-29", "2028-02-29", "2028-03-29"]);
}

/// Each month's 29th; of the year after February's 28th, and the 29th comes back.
#[test]
fn each_month_from_a_leap_day() {
    let days = dates(basic(), "2028-02-29", "2029-04-01");
    assert_eq!(days.len(), 14);
    assert_eq!(days[..2], ["2028-02-29", "2028-03-29"]);
    assert_eq!(days[11..], ["2029-01-29", "2029-02-28", "2029-03-29"]);
}

/// 28 February, and in the next leap year the 29th again.
#[test]
fn each_year_from_a_leap_day() {
    let annual = Offer::new("Annual").every(1, IntervalUnit::Year).fee("Base", "300");
    let days = ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"];
    assert_eq!(dates(annual, "2028-02-29", "2032-03-01"), days);
}

/// The shares of months of different lengths: an upgrade on the last day of the period from 28 February to 31 March,
/// with one of 31 days left: −31 × 1 ÷ 31 = −1, 62 × 1 ÷ 31 = 2.
#[test]
fn a_share_of_a_period_that_begins_on_the_28th() {
    let mut world = World::new("2026-01-31");
    let basic = Offer::new("Basic").fee("Base", "31").publish(&mut world);
    let pro = Offer::new("Pro").fee("Base", "62").publish(&mut world);
    world.subscribe(&basic);
    world.on("2026-03-30");
    world.change(&pro);
    world.expect(&[
        "INV-000001 of 2026-01-31, paid: 31",
        "  fee Base, 2026-01-31 to 2026-02-28: 31",
        "INV-000002 of 2026-02-28, paid: 31",
        "  fee Base, 2026-02-28 to 2026-03-31: 31",
        "INV-000003 of 2026-03-30, paid: 1",
        "  proration Base, 2026-03-30 to 2026-03-31: -1",
        "  proration Base, 2026-03-30 to 2026-03-31: 2",
    ]);
}

/// 15.5 of January's 31 days: 31 × 15.5 ÷ 31 = 15.50. Within that part an upgrade, with 8 of 31 days left:
/// −31 × 8 ÷ 31 = −8 and 62 × 8 ÷ 31 = 16. Then whole months.
#[test]
fn a_part_of_a_calendar_month_first() {
    let mut world = World::new("2026-01-16 12:00");
    let basic = Offer::new("Basic").fee("Base", "31").publish(&mut world);
    let pro = Offer::new("Pro").fee("Base", "62").publish(&mut world);
    world.subscribe_as(&basic, |create| create.anchoring = Anchoring::Calendar);
    world.on("2026-01-24");
    world.change(&pro);
    world.on("2026-03-01");
    world.expect(&[
        "INV-000001 of 2026-01-16 12:00, paid: 15.5",
        "  fee Base, 2026-01-16 12:00 to 2026-02-01: 15.5",
        "INV-000002 of 2026-01-24, paid: 8",
        "  proration Base, 2026-01-24 to 2026-02-01: -8",
        "  proration Base, 2026-01-24 to 2026-02-01: 16",
        "INV-000003 of 2026-02-01, paid: 62",
        "  fee Base, 2026-02-01 to 2026-03-01: 62",
        "INV-000004 of 2026-03-01, paid: 62",
        "  fee Base, 2026-03-01 to 2026-04-01: 62",
    ]);
}

/// From 1 October 31 + 30 + 31 = 92 of 365 days: 365 × 92 ÷ 365 = 92.
#[test]
fn a_part_of_a_calendar_year_first() {
    let mut world = World::new("2026-10-01");
    let plan = Offer::new("Annual").every(1, IntervalUnit::Year).fee("Base", "365").publish(&mut world);
    world.subscribe_as(&plan, |create| create.anchoring = Anchoring::Calendar);
    world.on("2027-01-01");
    world.expect(&[
        "INV-000001 of 2026-10-01, paid: 92",
        "  fee Base, 2026-10-01 to 2027-01-01: 92",
        "INV-000002 of 2027-01-01, paid: 365",
        "  fee Base, 2027-01-01 to 2028-01-01: 365",
    ]);
}

/// 7 January 2026 is a Wednesday, and 12 January a Monday: 5 of 7 days of 7 are 5.
#[test]
fn a_part_of_a_week_first() {
    let mut world = World::new("2026-01-07");
    let plan = Offer::new("Weekly").every(1, IntervalUnit::Week).fee("Base", "7").publish(&mut world);
    world.subscribe_as(&plan, |create| create.anchoring = Anchoring::Calendar);
    world.on("2026-01-12");
    world.expect(&[
        "INV-000001 of 2026-01-07, paid: 5",
        "  fee Base, 2026-01-07 to 2026-01-12: 5",
        "INV-000002 of 2026-01-12, paid: 7",
        "  fee Base, 2026-01-12 to 2026-01-19: 7",
    ]);
}

/// Periods begin on the 10th: from 3 January on 7 of the 31 days from 10 December to 10 January: 31 × 7 ÷ 31 = 7.
#[test]
fn a_day_of_its_own() {
    let mut world = World::new("2026-01-03");
    let plan = Offer::new("Basic").fee("Base", "31").publish(&mut world);
    let anchor = world.local("2026-01-10");
    world.subscribe_as(&plan, |create| create.anchoring = Anchoring::At(anchor));
    world.on("2026-02-10");
    world.expect(&[
        "INV-000001 of 2026-01-03, paid: 7",
        "  fee Base, 2026-01-03 to 2026-01-10: 7",
        "INV-000002 of 2026-01-10, paid: 31",
        "  fee Base, 2026-01-10 to 2026-02-10: 31",
        "INV-000003 of 2026-02-10, paid: 31",
        "  fee Base, 2026-02-10 to 2026-03-10: 31",
    ]);
}

/// Counted back from 31 March borders are 28 February, 31 January, 31 December: from 20 January on 11 of 31 days.
#[test]
fn a_day_of_its_own_that_is_to_come() {
    let mut world = World::new("2026-01-20");
    let plan = Offer::new("Basic").fee("Base", "31").publish(&mut world);
    let anchor = world.local("2026-03-31");
    world.subscribe_as(&plan, |create| create.anchoring = Anchoring::At(anchor));
    world.on("2026-03-31");
    world.expect(&[
        "INV-000001 of 2026-01-20, paid: 11",
        "  fee Base, 2026-01-20 to 2026-01-31: 11",
        "INV-000002 of 2026-01-31, paid: 31",
        "  fee Base, 2026-01-31 to 2026-02-28: 31",
        "INV-000003 of 2026-02-28, paid: 31",
        "  fee Base, 2026-02-28 to 2026-03-31: 31",
        "INV-000004 of 2026-03-31, paid: 31",
        "  fee Base, 2026-03-31 to 2026-04-30: 31",
    ]);
}
