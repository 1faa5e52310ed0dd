//! What was more than was due, and what is refunded of a payment for no invoice.

use super::*;

fn surplus(text: &str) -> Action {
    Action::Surplus { amount: amount(text) }
}

/// What becomes credits, and what had gone back before.
fn taken(events: &[PaymentEvent]) -> (Amount, Amount) {
    match events {
        [PaymentEvent::Surplus(surplus)] => (surplus.to_credits, surplus.went_back),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_not_due_becomes_credits_and_is_not_refunded() {
    let mut given = Given::succeeded();
    assert_eq!(taken(&given.when(surplus("30")).unwrap()), (amount("30"), Amount::ZERO));
    assert_eq!(given.when(surplus("30")), Ok(Vec::new()), "once");
    assert_eq!((given.payment.to_credits(), given.payment.refundable()), (amount("30"), amount("70")));
    let more = PaymentError::MoreThanCaptured { amount: amount("70.01"), left: amount("70"), currency: eur() };
    assert_eq!(given.when(refund(1, Some("70.01"))), Err(more));
    given.when(refund(1, None)).unwrap();
    assert_eq!((given.payment.refunded(), given.payment.refundable()), (amount("70"), Amount::ZERO));
    assert_eq!(Given::in_status(Status::Failed).outcome(surplus("30")), "!");
}

#[test]
fn what_was_refunded_before_it_was_found_becomes_no_credits() {
    let mut given = Given::succeeded();
    given.when(refund(1, Some("85"))).unwrap();
    assert_eq!(taken(&given.when(surplus("30")).unwrap()), (amount("15"), amount("15")));
    assert_eq!(given.payment.refundable(), Amount::ZERO);
    // It did not go: it can go another time.
    given.when(refunded(1, RefundStatus::Failed)).unwrap();
    assert_eq!(given.payment.refundable(), amount("85"));
    let mut given = Given::succeeded();
    given.when(refund(1, None)).unwrap();
    assert_eq!(taken(&given.when(surplus("30")).unwrap()), (Amount::ZERO, amount("30")));
}

#[test]
fn a_refund_says_whether_it_is_of_what_was_paid_in_advance() {
    let unapplied = |invoice_id: Option<InvoiceId>, credit_note: Option<&str>| {
        let mut given = Given::after(&[Action::Record(Box::new(Record { invoice_id, ..record() }))]);
        let credit_note = credit_note.map(str::to_owned);
        let (refund_id, reason) = (refund_id(1), "a mistake".to_owned());
        let events = given.when(Action::Refund { refund_id, amount: None, reason, credit_note }).unwrap();
        match &events[..] {
            [_, PaymentEvent::RefundUpdated(updated)] => updated.unapplied,
            other => panic!("{other:?}"),
        }
    };
    let invoice_id = Some(InvoiceId::new(Uuid::from_u128(4)));
    assert!(unapplied(None, None));
    assert!(!unapplied(invoice_id, None) && !unapplied(None, Some("cn_1")));
    // One of a provider's payment for an invoice.
    let mut given = Given::after(&[create(false), observe(succeeded("100")), refund(1, None)]);
    let events = given.when(refunded(1, RefundStatus::Succeeded)).unwrap();
    assert!(matches!(&events[..], [PaymentEvent::RefundUpdated(updated)] if !updated.unapplied), "{events:?}");
}
