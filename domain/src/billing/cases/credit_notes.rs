//! What is taken back of an invoice: off what is due, refunded, or as credits.

use crate::billing::world::{Offer, World, amount};
use crate::invoice::{Action, InvoiceError};
use crate::payment::PaymentError;
use crate::subscription::When;

use super::{basic, metered, pro};

/// 30 and 19 % on top: 35.70, paid by card or, when the customer pays by itself, open.
fn invoiced(by_itself: bool) -> World {
    let mut world = World::new("2026-01-01");
    world.rate("VAT", "DE", "19", |_| {});
    world.buyer("DE");
    if by_itself {
        world.pays_by_itself();
    }
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world
}

/// 10 of the 30, and 19 % of that, 1.90, are taken off what is due: 35.70 − 11.90 = 23.80 remain, and pay for it.
#[test]
fn a_part_of_a_line_that_is_not_paid() {
    let mut world = invoiced(true);
    world.credit("INV-000001", &[(0, "10")], false).unwrap();
    world.expect(&[
        "INV-000001 of 2026-01-01, open with 23.8 due: 30 + 5.7 = 35.7",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "  VAT 19% on 30: 5.7",
    ]);
    world.expect_notes(&[
        "CN-000001 for INV-000001: 10 of 0, tax 1.9, in all 11.9: 11.9 off, 0 to credits, 0 to refund",
    ]);
    world.pay("INV-000001", "23.8");
    assert_eq!(world.shown()[0], "INV-000001 of 2026-01-01, paid: 30 + 5.7 = 35.7");
    world.check();
}

/// All of what is not paid: nothing is due any more.
#[test]
fn all_of_what_is_not_paid() {
    let mut world = invoiced(true);
    world.credit("INV-000001", &[], true).unwrap();
    world.expect_notes(&[
        "CN-000001 for INV-000001: 30 of 0, tax 5.7, in all 35.7: 35.7 off, 0 to credits, 0 to refund",
    ]);
    assert_eq!(world.shown()[0], "INV-000001 of 2026-01-01, paid: 30 + 5.7 = 35.7");
}

/// All of what was paid goes back to the card.
#[test]
fn all_of_what_was_paid_is_refunded() {
    let mut world = invoiced(false);
    world.credit("INV-000001", &[], true).unwrap();
    world.expect_notes(&[
        "CN-000001 for INV-000001: 30 of 0, tax 5.7, in all 35.7: 0 off, 0 to credits, 35.7 to refund",
    ]);
    assert_eq!(world.refunded("INV-000001"), ["35.7"]);
    assert_eq!(world.credit("INV-000001", &[], true), Err(InvoiceError::NothingToCredit));
}

/// A part of what was paid becomes credits: 10 + 1.90.
#[test]
fn a_part_of_what_was_paid_becomes_credits() {
    let mut world = invoiced(false);
    world.credit("INV-000001", &[(0, "10")], false).unwrap();
    world.expect_notes(&[
        "CN-000001 for INV-000001: 10 of 0, tax 1.9, in all 11.9: 0 off, 11.9 to credits, 0 to refund",
    ]);
    assert_eq!((world.balances().0.as_str(), world.refunded("INV-000001")), ("11.9", vec!["0".to_owned()]));
}

/// 10 with 1.90, in three parts. 3.33 × 19 % = 0.6327 is 0.63, twice. Of the last 3.34 it would be 0.6346, 0.63 as
/// well, but 1.90 − 0.63 − 0.63 = 0.64 are left, so that all three are what was paid: 3.96 + 3.96 + 3.98 = 11.90.
#[test]
fn three_parts_are_the_whole() {
    let mut world = World::new("2026-01-01");
    world.rate("VAT", "DE", "19", |_| {});
    world.buyer("DE");
    let plan = Offer::new("Basic").fee("Base", "10").publish(&mut world);
    world.subscribe(&plan);
    for _ in 0..2 {
        world.credit("INV-000001", &[(0, "3.33")], true).unwrap();
    }
    let too_much = InvoiceError::MoreThanLeftOfLine { line: 0, left: amount("3.34") };
    assert_eq!(world.credit("INV-000001", &[(0, "3.35")], true), Err(too_much));
    world.credit("INV-000001", &[], true).unwrap();
    world.expect_notes(&[
        "CN-000001 for INV-000001: 3.33 of 0, tax 0.63, in all 3.96: 0 off, 0 to credits, 3.96 to refund",
        "CN-000002 for INV-000001: 3.33 of 0, tax 0.63, in all 3.96: 0 off, 0 to credits, 3.96 to refund",
        "CN-000003 for INV-000001: 3.34 of 0, tax 0.64, in all 3.98: 0 off, 0 to credits, 3.98 to refund",
    ]);
    assert_eq!(world.refunded("INV-000001"), ["11.9"]);
}

/// 119 with 19 % inside: half of it, 59.50, has 59.5 × 19 ÷ 119 = 9.50 inside.
#[test]
fn half_of_a_line_with_tax_inside() {
    let mut world = World::new("2026-01-01");
    world.rate("VAT", "DE", "19", |rate| rate.inclusive = true);
    world.buyer("DE");
    let plan = Offer::new("Basic").fee("Base", "119").publish(&mut world);
    world.subscribe(&plan);
    world.credit("INV-000001", &[(0, "59.5")], false).unwrap();
    world.expect_notes(&[
        "CN-000001 for INV-000001: 59.5 of 0, tax 9.5, in all 59.5: 0 off, 59.5 to credits, 0 to refund",
    ]);
}

/// 100, paid by 40 and then by 60. Of 70 that go back the newest payment gives its 60 first, and the older one 10; of
/// 30 more there are 30 left of that.
#[test]
fn several_refunds_of_several_payments() {
    let mut world = World::new("2026-01-01");
    world.pays_by_itself();
    let plan = Offer::new("Plan").fee("Base", "100").publish(&mut world);
    world.subscribe(&plan);
    world.on("2026-01-05");
    world.pay("INV-000001", "40");
    world.on("2026-01-08");
    world.pay("INV-000001", "60");
    world.credit("INV-000001", &[(0, "70")], true).unwrap();
    assert_eq!(world.refunded("INV-000001"), ["10", "60"]);
    world.credit("INV-000001", &[(0, "30")], true).unwrap();
    assert_eq!(world.refunded("INV-000001"), ["40", "60"]);
    world.expect_notes(&[
        "CN-000001 for INV-000001: 70 of 0, tax 0, in all 70: 0 off, 0 to credits, 70 to refund",
        "CN-000002 for INV-000001: 30 of 0, tax 0, in all 30: 0 off, 0 to credits, 30 to refund",
    ]);
}

/// 100, of which 60 are paid: 70 are taken back, 40 off what is due, so that nothing is, and 30 go back.
#[test]
fn partly_off_what_is_due_and_partly_refunded() {
    let mut world = World::new("2026-01-01");
    world.pays_by_itself();
    let plan = Offer::new("Plan").fee("Base", "100").publish(&mut world);
    world.subscribe(&plan);
    world.pay("INV-000001", "60");
    world.credit("INV-000001", &[(0, "70")], true).unwrap();
    world.expect(&["INV-000001 of 2026-01-01, paid: 100", "  fee Base, 2026-01-01 to 2026-02-01: 100"]);
    world.expect_notes(&["CN-000001 for INV-000001: 70 of 0, tax 0, in all 70: 40 off, 0 to credits, 30 to refund"]);
    assert_eq!(world.refunded("INV-000001"), ["30"]);
}

/// 100 are paid, and 100 come once more. Before billing has come to those, all of the invoice is taken back: the first
/// payment goes back, and the second becomes credits. With 40 and then 75.50 it is the same: 60 are taken off what is
/// due, the 40 go back, and of the 75.50 nothing was due.
#[test]
fn what_was_not_due_is_not_refunded_before_that_is_found() {
    for (first, second, refunded) in [("100", "100", ["100", "0"]), ("40", "75.5", ["40", "0"])] {
        let mut world = World::new("2026-01-01");
        world.pays_by_itself();
        let plan = Offer::new("Plan").fee("Base", "100").publish(&mut world);
        world.subscribe(&plan);
        world.pay("INV-000001", first);
        world.on("2026-01-05");
        world.behind(|world| {
            world.pay("INV-000001", second);
            world.credit("INV-000001", &[], true).unwrap();
        });
        assert_eq!(world.refunded("INV-000001"), refunded);
        assert_eq!(world.balances().0, second);
        world.check();
        world.look_again();
    }
}

/// 30 are paid on 1 January and all of it goes back on the 5th, in two parts. A pause or an end on the 11th gives
/// nothing back once more. A change to 90 on the 16th charges 16 of 31 days of that, 90 × 16 ÷ 31 = 46.451612903226, and
/// gives nothing back either.
#[test]
fn what_was_taken_back_as_a_whole_is_not_given_back_once_more() {
    for how in ["pause", "end", "change"] {
        let mut world = World::new("2026-01-01");
        let (basic, pro) = (basic().publish(&mut world), pro().publish(&mut world));
        world.subscribe(&basic);
        world.on("2026-01-05");
        world.credit("INV-000001", &[(0, "10")], true).unwrap();
        world.credit("INV-000001", &[], true).unwrap();
        world.on("2026-01-11");
        let mut expected = vec!["INV-000001 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"];
        match how {
            "pause" => world.pause(None),
            "end" => world.cancel(When::Now, true),
            _ => {
                world.on("2026-01-16");
                world.change(&pro);
                expected.push("INV-000002 of 2026-01-16, paid: 46.45");
                expected.push("  proration Base, 2026-01-16 to 2026-02-01: 46.45 (46.451612903226)");
            }
        }
        world.expect(&expected);
        assert_eq!((world.refunded("INV-000001"), world.balances().0.as_str()), (vec!["30".to_owned()], "0"), "{how}");
        world.look_again();
    }
}

/// 15 of 30 are paid, and all is taken back: 15 off what is due, and 15 go back. Nothing else does with a pause. Had
/// only 10 been taken back, the pause would give back all of 30 × 21 ÷ 31 = 20.32: 5 off what is due, 15.32 as credits.
#[test]
fn what_was_partly_paid_and_taken_back_is_not_given_back_once_more() {
    for (part, credits) in [(None, "0"), (Some((0, "10")), "15.32")] {
        let mut world = World::new("2026-01-01");
        world.pays_by_itself();
        let plan = basic().publish(&mut world);
        world.subscribe(&plan);
        world.on("2026-01-05");
        world.pay("INV-000001", "15");
        let lines: Vec<(u32, &str)> = part.into_iter().collect();
        world.credit("INV-000001", &lines, true).unwrap();
        world.on("2026-01-11");
        world.pause(None);
        assert_eq!(world.balances().0, credits);
        assert_eq!(world.refunded("INV-000001"), [if lines.is_empty() { "15" } else { "0" }]);
        world.check();
        world.look_again();
    }
}

/// Out of goodwill, without a credit note: 10, then 5, then not 16, as 15 of the 30 are left, but 15. The invoice stays
/// as it is.
#[test]
fn several_refunds_of_one_payment() {
    let mut world = World::new("2026-01-01");
    let plan = basic().publish(&mut world);
    world.subscribe(&plan);
    world.refund("INV-000001", "10").unwrap();
    world.refund("INV-000001", "5").unwrap();
    match world.refund("INV-000001", "16") {
        Err(PaymentError::MoreThanCaptured { left, .. }) => assert_eq!(left, amount("15")),
        other => panic!("{other:?}"),
    }
    world.refund("INV-000001", "15").unwrap();
    assert_eq!(world.refund("INV-000001", "1"), Err(PaymentError::NothingToRefund));
    assert_eq!(world.refunded("INV-000001"), ["30"]);
    world.expect(&["INV-000001 of 2026-01-01, paid: 30", "  fee Base, 2026-01-01 to 2026-02-01: 30"]);
}

/// February's invoice has 30 and 120 calls at 0.05, 6. The usage is taken back: 30 are due. When they are paid, what
/// was used post-paid is settled.
#[test]
fn usage_is_taken_back() {
    let mut world = World::new("2026-01-01");
    world.pays_by_itself();
    let plan = metered().publish(&mut world);
    world.subscribe(&plan);
    world.pay("INV-000001", "30");
    world.charge("calls", "220");
    world.on("2026-02-01");
    world.credit("INV-000002", &[(1, "6")], false).unwrap();
    assert_eq!(world.balances().1, "6");
    world.pay("INV-000002", "30");
    assert_eq!(world.balances().1, "0");
    world.expect_notes(&["CN-000001 for INV-000002: 6 of 1, tax 0, in all 6: 6 off, 0 to credits, 0 to refund"]);
}

/// The same invoice, and it was never meant to be: neither fee nor usage is owed. A paid one cannot be undone like
/// that.
#[test]
fn an_invoice_that_was_never_meant_to_be() {
    let mut world = World::new("2026-01-01");
    world.pays_by_itself();
    let plan = metered().publish(&mut world);
    world.subscribe(&plan);
    world.pay("INV-000001", "30");
    world.charge("calls", "220");
    world.on("2026-02-01");
    world.invoice("INV-000002", Action::Void).unwrap();
    assert!(world.invoice("INV-000001", Action::Void).is_err());
    assert_eq!(world.balances(), ("0".to_owned(), "0".to_owned()));
    world.expect(&[
        "INV-000001 of 2026-01-01, paid: 30",
        "  fee Base, 2026-01-01 to 2026-02-01: 30",
        "INV-000002 of 2026-02-01, void: 36",
        "  fee Base, 2026-02-01 to 2026-03-01: 30",
        "  usage calls ×220 (100 included), 2026-01-01 to 2026-02-01: 6",
    ]);
}
