//! Renewals: whole periods, one after the other.

use crate::billing::world::{Offer, World, graduated, per_unit, seats};
use crate::cycle::IntervalUnit;
use crate::subscription::When;

use super::basic;

/// Each month is a whole period: 30.
#[test]
fn a_plan_renews_each_month() {
    let mut world = World::new("2026-01-01");
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-03-15");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "INV-000003 of 2026-03-01, paid: 30",
        "  fee Base, 2026-03-01 to 2026-04-01: 30",
    ]);
}

/// It renews at the time of day at which it began, and not a minute earlier.
#[test]
fn it_renews_at_the_time_of_day_at_which_it_began() {
    let mut world = World::new("2026-01-15 12:30");
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-02-15 12:29");
    assert_eq!(world.dates(), ["2026-01-15 12:30"]);
    world.on("2026-02-15 12:30");
    world.expect(&[
        "INV-000001 of 2026-01-15 12:30, paid: 30",
        "  fee Base, 2026-01-15 12:30 to 2026-02-15 12:30: 30",
        "INV-000002 of 2026-02-15 12:30, paid: 30",
        "  fee Base, 2026-02-15 12:30 to 2026-03-15 12:30: 30",
    ]);
}

/// 30 for the base and 3 × 12.50 = 37.50 for the seats: 67.50.
#[test]
fn seats_are_paid_for_each() {
    let mut world = World::new("2026-01-01");
    let plan = basic().seats("Seat", per_unit("12.50")).publish(&mut world);
    world.subscribe_as(&plan, |create| create.quantity = seats(3));
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 67.5",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "  fee Seat ×3, 2026-01-01 to 2026-02-01: 37.5",
    ]);
}

/// Seats by tiers, 2 of them included: 12 seats are 10 to be paid, exactly the second border: 5 × 20 + 5 × 15 = 175. 13
/// seats are 11: 5 × 20 + 5 × 15 + 1 × 10 = 185.
#[test]
fn seats_by_tiers() {
    let mut world = World::new("2026-01-01");
    let tiers = graduated(&[("5", "20", "0"), ("10", "15", "0"), ("", "10", "0")]);
    let plan = Offer::new("Team").seats("Seat", tiers).including("2").publish(&mut world);
    world.subscribe_as(&plan, |create| create.quantity = seats(12));
    world.on("2026-01-20");
    world.change_to(None, Some(13), When::PeriodEnd, true);
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 175",
        "  fee Seat ×12 (2 included), 2026-01-01 to 2026-02-01: 175",
        "INV-000002 of 2026-02-01, paid: 185",
        "  fee Seat ×13 (2 included), 2026-02-01 to 2026-03-01: 185",
    ]);
}

#[test]
fn a_year_is_a_period() {
    let mut world = World::new("2026-05-20");
    let plan = Offer::new("Annual").every(1, IntervalUnit::Year).fee("Base", "300").publish(&mut world);
    world.subscribe(&plan);
    world.on("2027-06-01");
    world.expect(&[
        "INV-000001 of 2026-05-20, paid: 300",
        "  fee Base, 2026-05-20 to 2027-05-20: 300",
        "INV-000002 of 2027-05-20, paid: 300",
        "  fee Base, 2027-05-20 to 2028-05-20: 300",
    ]);
}

#[test]
fn so_are_two_weeks() {
    let mut world = World::new("2026-01-01");
    let plan = Offer::new("Fortnight").every(2, IntervalUnit::Week).fee("Base", "14").publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-29");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 14",
        "  fee Base, 2026-01-01 to 2026-01-15: 14",
        "INV-000002 of 2026-01-15, paid: 14",
        "  fee Base, 2026-01-15 to 2026-01-29: 14",
        "INV-000003 of 2026-01-29, paid: 14",
        "  fee Base, 2026-01-29 to 2026-02-12: 14",
    ]);
}

/// What is due in arrears comes with the period's end, next to the fee of the period that begins: 20 + 30.
#[test]
fn a_fee_in_arrears_comes_with_the_end_of_its_period() {
    let mut world = World::new("2026-01-01");
    let plan = basic().arrears("Support", "20").publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 50",
        "  fee Support, 2026-01-01 to 2026-02-01: 20",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
    ]);
}

/// Nothing is to be paid at first, so there is no invoice, and the first one has the first number.
#[test]
fn a_bill_that_comes_to_nothing_is_no_invoice() {
    let mut world = World::new("2026-01-01");
    let plan = Offer::new("Support").arrears("Support", "20").publish(&mut world);
    world.subscribe(&plan);
    world.expect(&[]);
    world.on("2026-02-01");
    world.expect(&["INV-000001 of 2026-02-01, paid: 20", "  fee Support, 2026-01-01 to 2026-02-01: 20"]);
}

/// 30 + 99 = 129 at first, then 30. Another plan's one-time fee is of those who begin with that plan: after the change
/// on the first of March it is 90 and no more.
#[test]
fn a_one_time_fee_is_there_once() {
    let mut world = World::new("2026-01-01");
    let plan = basic().once("Setup", "99").publish(&mut world);
    let other = super::pro().once("Setup", "199").publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-02-10");
    world.change_at_period_end(&other);
    world.on("2026-03-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 129",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "  fee Setup: 99",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "INV-000003 of 2026-03-01, paid: 90",
        "  fee Base, 2026-03-01 to 2026-04-01: 90",
    ]);
}

/// Two customers, one of them with two subscriptions: all of the organization's invoices are numbered together, those
/// of a moment in the order in which the subscriptions began.
#[test]
fn numbers_have_no_gaps_whoever_is_billed() {
    let mut world = World::new("2026-01-01");
    let (plan, other) = (basic().publish(&mut world), super::pro().publish(&mut world));
    let first = world.customer_id;
    world.subscribe(&plan);
    world.new_customer();
    let second = world.customer_id;
    world.subscribe(&plan);
    world.on("2026-01-15");
    world.customer_id = first;
    world.subscribe(&other);
    world.on("2026-02-15");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000003 of 2026-01-15, paid: 90",
        "  fee Base, 2026-01-15 to 2026-02-15: 90",
        "INV-000004 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "INV-000006 of 2026-02-15, paid: 90",
        "  fee Base, 2026-02-15 to 2026-03-15: 90",
    ]);
    world.customer_id = second;
    world.expect(&[
        "INV-000002 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000005 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
    ]);
}
