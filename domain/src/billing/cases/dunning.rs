//! What happens when nobody pays: tries, graces, ends, and how all is well again.

use crate::billing::world::{Offer, World};
use crate::cycle::IntervalUnit;
use crate::invoice::Action;
use crate::subscription::{EndCause, Status};

use super::{basic, metered};

/// Tried again after 3 days and then after 5. The card is declined on 1 and 4 January, and pays on the 9th.
#[test]
fn it_fails_twice_and_then_succeeds() {
    let mut world = World::new("2026-01-01");
    let plan = basic().retries(&[3, 5]).publish(&mut world);
    world.answers.extend([false, false, true]);
    world.subscribe(&plan);
    for (date, status, heading) in [
        ("2026-01-01", Status::PastDue, "INV-000001 of 2026-01-01, open: 30"),
        ("2026-01-03 23:59", Status::PastDue, "INV-000001 of 2026-01-01, open: 30"),
        ("2026-01-04", Status::PastDue, "INV-000001 of 2026-01-01, open: 30"),
        ("2026-01-08 23:59", Status::PastDue, "INV-000001 of 2026-01-01, open: 30"),
        ("2026-01-09", Status::Active, "INV-000001 of 2026-01-01, paid: 30"),
    ] {
        world.on(date);
        assert_eq!((world.status(), world.shown()[0].as_str()), (status, heading), "{date}");
    }
    assert!(world.answers.is_empty());
    world.on("2026-02-01");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
    ]);
    world.look_again();
}

/// The third try fails, too, and nobody tries any more: it ends on 9 January. What was used until then is billed,
/// 120 × 0.05 = 6, and nothing is given back of what was never paid.
#[test]
fn it_fails_until_nobody_tries_any_more() {
    let mut world = World::new("2026-01-01");
    let plan = metered().retries(&[3, 5]).publish(&mut world);
    world.answers.extend([false, false, false]);
    world.subscribe(&plan);
    world.on("2026-01-05");
    world.charge("calls", "220");
    world.on("2026-01-08 23:59");
    assert_eq!(world.status(), Status::PastDue);
    world.on("2026-03-01");
    assert_eq!((world.status(), world.ended()), (Status::Cancelled, Some((EndCause::Unpaid, "2026-01-09".to_owned()))));
    world.expect(&[
        "INV-000001 of 2026-01-01, open: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-09, paid: 6",
        "  usage calls ×220 (100 included), 2026-01-01 to 2026-01-09: 6",
    ]);
    // It may still be paid; that does not bring the subscription back.
    world.pay("INV-000001", "30");
    assert_eq!((world.status(), world.balances().1.as_str()), (Status::Cancelled, "0"));
    world.check();
}

/// With 10 days of grace it goes on until 11 January, also when all tries have failed on the 9th.
#[test]
fn it_ends_with_its_grace() {
    let mut world = World::new("2026-01-01");
    let plan = basic().retries(&[3, 5]).grace(10).publish(&mut world);
    world.answers.extend([false, false, false]);
    world.subscribe(&plan);
    world.on("2026-01-10 23:59");
    assert_eq!(world.status(), Status::PastDue);
    world.on("2026-02-15");
    assert_eq!((world.status(), world.ended()), (Status::Cancelled, Some((EndCause::Unpaid, "2026-01-11".to_owned()))));
    world.expect(&["INV-000001 of 2026-01-01, open: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
}

/// The first try fails and there is no other; within the grace somebody pays by hand, and February is as usual.
#[test]
fn it_is_paid_within_its_grace() {
    let mut world = World::new("2026-01-01");
    let plan = basic().grace(10).publish(&mut world);
    world.answers.extend([false]);
    world.subscribe(&plan);
    world.on("2026-01-06");
    assert_eq!(world.status(), Status::PastDue);
    world.pay("INV-000001", "30");
    assert_eq!(world.status(), Status::Active);
    world.on("2026-02-01");
    assert_eq!(world.status(), Status::Active);
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, paid: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
    ]);
}

/// With a week as its period and 10 days of grace a second invoice comes before the grace of the first is over. It
/// fails, too, and does not make the grace longer: that ends on 11 January. Once the first is paid the second alone is
/// missing, and with it paid, too, nothing is.
#[test]
fn two_invoices_are_not_paid() {
    let offer = || Offer::new("Weekly").every(1, IntervalUnit::Week).fee("Base", "7").grace(10);
    let mut world = World::new("2026-01-01");
    let plan = offer().publish(&mut world);
    world.answers.extend([false, false]);
    world.subscribe(&plan);
    world.on("2026-01-20");
    assert_eq!(world.ended(), Some((EndCause::Unpaid, "2026-01-11".to_owned())));
    world.expect(&[
        "INV-000001 of 2026-01-01, open: 7",
        "  fee Base, 2026-01-01 to 2026-01-08: 7",
        "INV-000002 of 2026-01-08, open: 7",
        "  fee Base, 2026-01-08 to 2026-01-15: 7",
    ]);

    let mut world = World::new("2026-01-01");
    let plan = offer().publish(&mut world);
    world.answers.extend([false, false]);
    world.subscribe(&plan);
    world.on("2026-01-09");
    world.pay("INV-000001", "7");
    assert_eq!(world.status(), Status::PastDue);
    world.pay("INV-000002", "7");
    assert_eq!(world.status(), Status::Active);
    world.on("2026-01-20");
    assert_eq!((world.status(), world.dates().len()), (Status::Active, 3));
    world.check();
}

/// There is no card on 1 January, and one on the 4th, when it is tried again.
#[test]
fn there_is_no_card_at_first() {
    let mut world = World::new("2026-01-01");
    let card = world.billing().payment_method;
    world.bill(|billing| billing.payment_method = None);
    let plan = basic().retries(&[3]).publish(&mut world);
    world.subscribe(&plan);
    assert_eq!(world.status(), Status::PastDue);
    world.bill(|billing| billing.payment_method = card);
    world.on("2026-01-03 23:59");
    assert_eq!(world.status(), Status::PastDue);
    world.on("2026-01-04");
    assert_eq!(world.status(), Status::Active);
    world.expect(&["INV-000001 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
}

/// The customer pays by itself, within 14 days: on 15 January it has not. On the 20th it pays 10, and the rest on the
/// 22nd.
#[test]
fn an_invoice_is_overdue() {
    let mut world = World::new("2026-01-01");
    world.pays_by_itself();
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-14 23:59");
    assert_eq!(world.status(), Status::Active);
    world.on("2026-01-15");
    assert_eq!(world.status(), Status::PastDue);
    world.on("2026-01-20");
    world.pay("INV-000001", "10");
    assert_eq!(world.status(), Status::PastDue);
    world.expect(&["INV-000001 of 2026-01-01, open with 20 due: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
    world.on("2026-01-22");
    world.pay("INV-000001", "20");
    assert_eq!(world.status(), Status::Active);
    world.expect(&["INV-000001 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
    world.look_again();
}

/// With 7 days of grace it ends on the 22nd.
#[test]
fn an_overdue_invoice_ends_it() {
    let mut world = World::new("2026-01-01");
    world.pays_by_itself();
    let plan = basic().grace(7).publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-03-01");
    assert_eq!((world.status(), world.ended()), (Status::Cancelled, Some((EndCause::Unpaid, "2026-01-22".to_owned()))));
    world.expect(&["INV-000001 of 2026-01-01, open: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
}

/// Overdue since 15 January and given up on the 20th, so that nobody waits for it any more. On the 25th it is paid all
/// the same, by halves.
#[test]
fn what_was_given_up_comes_all_the_same() {
    let mut world = World::new("2026-01-01");
    world.pays_by_itself();
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-20");
    assert_eq!(world.status(), Status::PastDue);
    world.invoice("INV-000001", Action::MarkUncollectible).unwrap();
    assert_eq!(world.status(), Status::Active);
    world.expect(&["INV-000001 of 2026-01-01, uncollectible: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
    world.on("2026-01-25");
    world.pay("INV-000001", "15");
    world.check();
    world.pay("INV-000001", "15");
    assert_eq!(world.status(), Status::Active);
    world.expect(&["INV-000001 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
}
