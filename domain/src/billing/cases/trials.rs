//! Trials: free at first, then paid for, or not.

use crate::billing::world::{Offer, World, per_unit};
use crate::cycle::Anchoring;
use crate::subscription::{Action, EndCause, Status};

use super::{basic, pro};

/// 14 days from the first of January are over on the 15th. Then the first month and the one-time fee: 30 + 99.
#[test]
fn a_trial_and_then_it_is_paid_for() {
    let mut world = World::new("2026-01-01");
    let plan = basic().once("Setup", "99").trial(14).publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-14 23:59");
    assert_eq!(world.status(), Status::Trialing);
    world.expect(&[]);
    world.on("2026-02-15");
    assert_eq!(world.status(), Status::Active);
    world.expect(&[
        "INV-000001 of 2026-01-15, paid: 129",
        "  fee Base, 2026-01-15 to 2026-02-15: 30",
        "  fee Setup: 99",
        "INV-000002 of 2026-02-15, paid: 30",
        "  fee Base, 2026-02-15 to 2026-03-15: 30",
    ]);
}

/// A subscription's own trial of 7 days takes the place of the plan's 14, and it ends with it: nothing is ever paid.
#[test]
fn a_trial_that_ends_it() {
    let mut world = World::new("2026-01-01");
    let plan = basic().trial(14).publish(&mut world);
    world.subscribe_as(&plan, |create| {
        create.trial_days = Some(7);
        create.cancel_at_trial_end = true;
    });
    world.on("2026-03-01");
    assert_eq!(
        (world.status(), world.ended()),
        (Status::Expired, Some((EndCause::TrialEnded, "2026-01-08".to_owned())))
    );
    world.expect(&[]);
}

/// From the moment at which it is ended it is paid for: 30 for the month from then on.
#[test]
fn a_trial_that_is_ended_early() {
    let mut world = World::new("2026-01-01");
    let plan = basic().trial(14).publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-06 10:00");
    world.subscription(Action::EndTrial).unwrap();
    world.on("2026-02-06 10:00");
    world.expect(&[
        "INV-000001 of 2026-01-06 10:00, paid: 30",
        "  fee Base, 2026-01-06 10:00 to 2026-02-06 10:00: 30",
        "INV-000002 of 2026-02-06 10:00, paid: 30",
        "  fee Base, 2026-02-06 10:00 to 2026-03-06 10:00: 30",
    ]);
}

/// What is changed in a trial costs nothing; afterwards it is the new plan: 90.
#[test]
fn another_plan_in_a_trial() {
    let mut world = World::new("2026-01-01");
    let (basic, pro) = (basic().trial(14).publish(&mut world), pro().publish(&mut world));
    world.subscribe(&basic);
    world.on("2026-01-05");
    world.change(&pro);
    world.on("2026-01-15");
    world.expect(&["INV-000001 of 2026-01-15, paid: 90", "  fee Base, 2026-01-15 to 2026-02-15: 90"]);
}

/// Afterwards a part of January: 17 of 31 days of 31 are 17. Then whole months.
#[test]
fn a_trial_before_calendar_months() {
    let mut world = World::new("2026-01-01");
    let plan = Offer::new("Basic").fee("Base", "31").trial(14).publish(&mut world);
    world.subscribe_as(&plan, |create| create.anchoring = Anchoring::Calendar);
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-15, paid: 17",
        "  fee Base, 2026-01-15 to 2026-02-01: 17",
        "INV-000002 of 2026-02-01, paid: 31",
        "  fee Base, 2026-02-01 to 2026-03-01: 31",
    ]);
}

/// Fees are free in a trial, usage beyond what is included is not: 1,500 − 1,000 = 500 calls at 0.01 are 5, with the
/// trial's end. The first month that is paid for includes 1,000 again.
#[test]
fn usage_in_a_trial() {
    let mut world = World::new("2026-01-01");
    let plan = basic().usage("calls", per_unit("0.01")).including("1000").trial(14).publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-10");
    world.charge("calls", "1500");
    world.on("2026-01-20");
    world.charge("calls", "1000");
    world.on("2026-02-15");
    world.expect(&[
        "INV-000001 of 2026-01-15, paid: 35",
        "  fee Base, 2026-01-15 to 2026-02-15: 30",
        "  usage calls ×1500 (1000 included), 2026-01-01 to 2026-01-15: 5",
        "INV-000002 of 2026-02-15, paid: 30",
        "  fee Base, 2026-02-15 to 2026-03-15: 30",
        "  usage calls ×1000 (1000 included), 2026-01-15 to 2026-02-15: 0",
    ]);
}
