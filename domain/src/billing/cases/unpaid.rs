//! What was billed and not paid is given back to nobody; what was paid and not billed, or billed twice, is not lost.

use uuid::Uuid;

use crate::billing::world::{Offer, World, amount, per_unit};
use crate::ids::{ConnectorId, PaymentId};
use crate::invoice::{Action as InvoiceAction, ExpectPayment, InvoiceError};
use crate::payment::PaymentError;
use crate::subscription::{Status, When};

use super::{basic, pro};

/// 30 a month, which the customer pays by itself.
fn by_itself() -> World {
    let mut world = World::new("2026-01-01");
    world.pays_by_itself();
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world
}

/// January is not paid. 21 of its 31 days are given back with a pause: −30 × 21 ÷ 31 = −20.322580645161. They are taken
/// off what is due, and 9.68 are left of it: 10 days.
#[test]
fn a_pause_of_what_is_not_paid() {
    let mut world = by_itself();
    world.on("2026-01-11");
    world.pause(None);
    world.expect(&[
        "INV-000001 of 2026-01-01, open with 9.68 due: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-11, paid: 0",
        "  proration Base, 2026-01-11 to 2026-02-01: -20.32 (-20.322580645161)",
        "  to credits: 20.32",
    ]);
    world.pay("INV-000001", "9.68");
    assert_eq!((world.shown()[0].as_str(), world.balances().0.as_str()), ("INV-000001 of 2026-01-01, paid: 30", "0"));
    world.check();
    world.look_again();
}

/// The same pause, and then all that is left of January is taken back: 30 − 20.32 = 9.68. It is too late to void it.
#[test]
fn what_a_pause_has_left_is_taken_back() {
    let mut world = by_itself();
    world.on("2026-01-11");
    world.pause(None);
    assert_eq!(world.invoice("INV-000001", InvoiceAction::Void), Err(InvoiceError::PartlyPaid));
    world.credit("INV-000001", &[], false).unwrap();
    world.expect_notes(&[
        "CN-000001 for INV-000001: 9.68 of 0, tax 0, in all 9.68: 9.68 off, 0 to credits, 0 to refund",
    ]);
    assert_eq!((world.shown()[0].as_str(), world.balances().0.as_str()), ("INV-000001 of 2026-01-01, paid: 30", "0"));
    assert_eq!(world.credit("INV-000001", &[], false), Err(InvoiceError::NothingToCredit));
    world.look_again();
}

/// 15 were paid on 5 January, so that 15 of the 20.32 are taken off, and 5.32 become credits.
#[test]
fn a_pause_of_what_is_partly_paid() {
    let mut world = by_itself();
    world.on("2026-01-05");
    world.pay("INV-000001", "15");
    world.on("2026-01-11");
    world.pause(None);
    assert_eq!(world.balances().0, "5.32");
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-01-11, paid: 0",
        "  proration Base, 2026-01-11 to 2026-02-01: -20.32 (-20.322580645161)",
        "  to credits: 20.32",
    ]);
    world.look_again();
}

/// Neither January nor February is paid. 14 of February's 28 days are given back with its end, 15: off the oldest first.
#[test]
fn the_oldest_is_lowered_first() {
    let mut world = by_itself();
    world.on("2026-02-15");
    assert_eq!(world.status(), Status::PastDue);
    world.cancel(When::Now, true);
    world.expect(&[
        "INV-000001 of 2026-01-01, open with 15 due: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, open: 30",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "INV-000003 of 2026-02-15, paid: 0",
        "  proration Base, 2026-02-15 to 2026-03-01: -15",
        "  to credits: 15",
    ]);
    world.pay_all();
    assert_eq!(world.balances(), ("0".to_owned(), "0".to_owned()));
}

/// Pro is 90, and not paid: −46.45 + 15.48 = −30.97 with a change to 30 on 16 January. 59.03 are due: 15 days of 90 and
/// 16 of 30 are 43.548387 + 15.483871 = 59.032258.
#[test]
fn a_downgrade_of_what_is_not_paid() {
    let mut world = World::new("2026-01-01");
    world.pays_by_itself();
    let (basic, pro) = (basic().publish(&mut world), pro().publish(&mut world));
    world.subscribe(&pro);
    world.on("2026-01-16");
    world.change(&basic);
    assert_eq!(world.shown()[0], "INV-000001 of 2026-01-01, open with 59.03 due: 90");
    assert_eq!(world.balances().0, "0");
    world.check();
}

/// What was never meant to be, was credited as a whole, or was given up, is not given back with the end either.
#[test]
fn what_is_lost_is_not_given_back() {
    for (n, status) in (0..).zip(["void", "paid", "uncollectible"]) {
        let mut world = by_itself();
        world.on("2026-01-11");
        match n {
            0 => world.invoice("INV-000001", InvoiceAction::Void).unwrap(),
            1 => world.credit("INV-000001", &[], false).unwrap(),
            _ => world.invoice("INV-000001", InvoiceAction::MarkUncollectible).unwrap(),
        }
        world.cancel(When::Now, true);
        let heading = format!("INV-000001 of 2026-01-01, {status}: 30");
        world.expect(&[heading.as_str(), "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
        assert_eq!(world.balances().0, "0");
    }
}

/// 50 come for 30: 20 become credits, once. What has become credits is not refunded, too.
#[test]
fn more_is_paid_than_is_due() {
    let mut world = by_itself();
    world.pay("INV-000001", "50");
    assert_eq!(world.balances().0, "20");
    match world.refund("INV-000001", "30.01") {
        Err(PaymentError::MoreThanCaptured { left, .. }) => assert_eq!(left, amount("30")),
        other => panic!("{other:?}"),
    }
    // It comes once more.
    world.pay("INV-000001", "30");
    assert_eq!(world.balances().0, "50");
    world.expect(&["INV-000001 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
    world.look_again();
}

fn asked(n: u128, text: &str) -> InvoiceAction {
    InvoiceAction::ExpectPayment(Box::new(ExpectPayment {
        payment_id: PaymentId::new(Uuid::from_u128(1_000_000 + n)),
        connector_id: ConnectorId::new(Uuid::from_u128(1)),
        method: None,
        amount: amount(text),
        manual_capture: false,
        off_session: false,
    }))
}

/// Somebody asks for a payment of 30 that is declined, and for one of 10 and one of 20 that are not.
#[test]
fn payments_that_somebody_asks_for() {
    let mut world = by_itself();
    world.answers.extend([false, true, true]);
    world.invoice("INV-000001", asked(1, "30")).unwrap();
    assert_eq!(world.status(), Status::Active, "that was no try of the invoice");
    world.expect(&["INV-000001 of 2026-01-01, open: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
    world.invoice("INV-000001", asked(2, "10")).unwrap();
    assert!(matches!(world.invoice("INV-000001", asked(3, "20.01")), Err(InvoiceError::MoreThanDue { .. })));
    world.invoice("INV-000001", asked(3, "20")).unwrap();
    world.expect(&["INV-000001 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
    world.look_again();
}

/// The card is declined on 1 January. On the 2nd it is tried once more, and the invoice is given up before billing has
/// come to that: no payment is made, none is waited for, and another one may be asked for.
#[test]
fn a_try_of_what_is_given_up_before_billing_comes_to_it() {
    let mut world = World::new("2026-01-01");
    let plan = basic().retries(&[3]).publish(&mut world);
    world.answers.extend([false, true]);
    world.subscribe(&plan);
    world.on("2026-01-02");
    world.behind(|world| {
        world.invoice("INV-000001", InvoiceAction::Collect).unwrap();
        world.invoice("INV-000001", InvoiceAction::MarkUncollectible).unwrap();
    });
    assert_eq!((world.answers.len(), world.status()), (1, Status::Active));
    world.expect(&["INV-000001 of 2026-01-01, uncollectible: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
    world.invoice("INV-000001", asked(1, "30")).unwrap();
    world.expect(&["INV-000001 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
    world.look_again();
}

/// Calls at 0.01, and at least 50. January: 3,000 are 30, 20 are missing and billed. In February it is heard of 2,500 more
/// of January, 25: 20 of them were billed already. February has nothing of its own: 50.
#[test]
fn late_usage_fills_up_a_minimum_that_was_billed() {
    let mut world = World::new("2026-01-01");
    let plan = Offer::new("Usage").usage("calls", per_unit("0.01")).at_least("50").publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-10");
    world.charge("calls", "3000");
    world.on("2026-02-03");
    world.charge_late("calls", "2500", "2026-01-30");
    let preview = world.preview();
    world.on("2026-03-01");
    world.expect(&[
        "INV-000001 of 2026-02-01, paid: 50",
        "  usage calls ×3000, 2026-01-01 to 2026-02-01: 30",
        "  minimum calls, 2026-01-01 to 2026-02-01: 20",
        "INV-000002 of 2026-03-01, paid: 55",
        "  late usage calls ×2500, 2026-01-01 to 2026-02-01: 25",
        "  minimum calls, 2026-01-01 to 2026-02-01: -20",
        "  minimum calls, 2026-02-01 to 2026-03-01: 50",
    ]);
    assert_eq!(world.shown()[4..], preview);
}
