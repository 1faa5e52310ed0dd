//! Ends: with the period, at once, or because it does not renew.

use crate::billing::world::World;
use crate::subscription::{Action, EndCause, Status, When};

use super::{basic, metered};

/// It ends with January. What was used is billed: 220 − 100 = 120 calls at 0.05 are 6. Nothing more comes.
#[test]
fn it_ends_with_its_period() {
    let mut world = World::new("2026-01-01");
    let plan = metered().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-10");
    world.cancel(When::PeriodEnd, false);
    world.on("2026-01-20");
    assert_eq!(world.status(), Status::Active);
    world.charge("calls", "220");
    world.on("2026-04-01");
    assert_eq!(
        (world.status(), world.ended()),
        (Status::Cancelled, Some((EndCause::Requested, "2026-02-01".to_owned())))
    );
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 6",
        "  usage calls ×220 (100 included), 2026-01-01 to 2026-02-01: 6",
    ]);
}

/// Somebody thinks better of it before January is over.
#[test]
fn the_end_is_dropped() {
    let mut world = World::new("2026-01-01");
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-10");
    world.cancel(When::PeriodEnd, false);
    world.on("2026-01-31 23:59");
    world.subscription(Action::DropCancel).unwrap();
    world.on("2026-02-01");
    assert_eq!(world.status(), Status::Active);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
    ]);
}

/// 16 of 31 days are given back: −30 × 16 ÷ 31 = −15.483870967742; 120 calls at 0.05 are 6. −15.48 + 6 = −9.48 become
/// credits; what was used post-paid is settled with it.
#[test]
fn it_ends_at_once_in_shares() {
    let mut world = World::new("2026-01-01");
    let plan = metered().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-10");
    world.charge("calls", "220");
    assert_eq!(world.balances(), ("0".to_owned(), "6".to_owned()));
    world.on("2026-01-16");
    world.cancel(When::Now, true);
    world.on("2026-03-01");
    assert_eq!(world.ended(), Some((EndCause::Requested, "2026-01-16".to_owned())));
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-16, paid: 0",
        "  proration Base, 2026-01-16 to 2026-02-01: -15.48 (-15.483870967742)",
        "  usage calls ×220 (100 included), 2026-01-01 to 2026-01-16: 6",
        "  to credits: 9.48",
    ]);
    assert_eq!(world.balances(), ("9.48".to_owned(), "0".to_owned()));
}

/// Nothing is given back; the fee in arrears is due for 15 days: 20 × 15 ÷ 31 = 9.677419354839.
#[test]
fn it_ends_at_once_and_not_in_shares() {
    let mut world = World::new("2026-01-01");
    let plan = basic().arrears("Support", "20").publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-16");
    world.cancel(When::Now, false);
    world.on("2026-03-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-16, paid: 9.68",
        "  fee Support, 2026-01-01 to 2026-01-16: 9.68 (9.677419354839)",
    ]);
}

/// It does not renew, and ends with January: nothing more is to be paid.
#[test]
fn it_does_not_renew() {
    let mut world = World::new("2026-01-01");
    let plan = basic().publish(&mut world);
    world.subscribe_as(&plan, |create| create.auto_renew = false);
    world.on("2026-03-01");
    assert_eq!(
        (world.status(), world.ended()),
        (Status::Expired, Some((EndCause::NotRenewed, "2026-02-01".to_owned())))
    );
    world.expect(&["INV-000001 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
}

/// With 5 days of grace it goes on until 6 February, with what January allows, and without a fee: on the 3rd
/// 220 − 100 = 120 calls at 0.05 are 6.
#[test]
fn it_does_not_renew_and_goes_on_for_its_grace() {
    let mut world = World::new("2026-01-01");
    let plan = metered().grace(5).publish(&mut world);
    world.subscribe_as(&plan, |create| create.auto_renew = false);
    world.on("2026-02-03");
    assert_eq!(world.status(), Status::Active);
    world.charge("calls", "220");
    world.on("2026-03-01");
    assert_eq!(
        (world.status(), world.ended()),
        (Status::Expired, Some((EndCause::NotRenewed, "2026-02-06".to_owned())))
    );
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-06, paid: 6",
        "  usage calls ×220 (100 included), 2026-01-01 to 2026-02-01: 6",
    ]);
}

/// Somebody lets it renew again within that grace, on 3 February: it does so at once, as of the period's end. No day is
/// missing, and none is paid for twice.
#[test]
fn it_renews_after_all() {
    let mut world = World::new("2026-01-01");
    let plan = basic().grace(5).publish(&mut world);
    world.subscribe_as(&plan, |create| create.auto_renew = false);
    world.on("2026-02-03");
    world.subscription(Action::SetAutoRenew(true)).unwrap();
    world.on("2026-03-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "INV-000003 of 2026-03-01, paid: 30",
        "  fee Base, 2026-03-01 to 2026-04-01: 30",
    ]);
}
