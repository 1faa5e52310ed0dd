//! Payout files.

use super::*;

fn denied(given: &mut Given, action: Action) -> (PaymentError, Option<OpenCause>) {
    let error = given.when(action).unwrap_err();
    let cause = error.open_cause();
    (error, cause)
}

#[test]
fn a_line_is_matched_once_and_to_the_cent() {
    let mut given = Given::succeeded();
    let (expected, given_in_file) = (amount("100"), amount("98.25"));
    let differs = PaymentError::AmountDiffers { expected, given: given_in_file };
    assert_eq!(denied(&mut given, pay_out(1, None, "98.25")), (differs, Some(OpenCause::AmountDiffers)));
    let events = given.when(pay_out(1, None, "100")).unwrap();
    let [PaymentEvent::PaidOut(paid_out)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((paid_out.gross, paid_out.fee, paid_out.refund_id), (amount("100"), amount("1.75"), None));
    assert_eq!(given.payment.payout_id, Some(payout(1)));
    for n in [1, 2] {
        let twice = (PaymentError::PaidOutTwice, Some(OpenCause::PaidOutTwice));
        assert_eq!(denied(&mut given, pay_out(n, None, "100")), twice);
    }
}

#[test]
fn a_refund_is_a_line_of_its_own() {
    let mut given = Given::succeeded();
    given.when(refund(7, Some("30"))).unwrap();
    let unknown = (PaymentError::RefundNotFound, Some(OpenCause::Unknown));
    assert_eq!(denied(&mut given, pay_out(1, Some(8), "30")), unknown);
    let too_early = (PaymentError::NotSucceeded, Some(OpenCause::NotSucceeded));
    assert_eq!(denied(&mut given, pay_out(1, Some(7), "30")), too_early);
    given.when(refunded(7, RefundStatus::Succeeded)).unwrap();
    let (_, cause) = denied(&mut given, pay_out(1, Some(7), "100"));
    assert_eq!(cause, Some(OpenCause::AmountDiffers));
    given.when(pay_out(1, Some(7), "30")).unwrap();
    assert_eq!(given.payment.refund(refund_id(7)).unwrap().payout_id, Some(payout(1)));
    assert_eq!(denied(&mut given, pay_out(2, Some(7), "30")).1, Some(OpenCause::PaidOutTwice));
    assert_eq!(given.outcome(pay_out(2, None, "100")), "paid_out", "the payment itself was not");
}

#[test]
fn what_a_dispute_takes_and_gives_back_are_lines_of_their_own() {
    let taken = |n, gross: &str| pay_out_of(n, Subject::Dispute("dp_1".to_owned()), gross);
    let back = |n, gross: &str| {
        let fee_returned = amount("15");
        pay_out_of(n, Subject::Reversal { dispute_id: "dp_1".to_owned(), fee_returned }, gross)
    };
    let mut given = Given::succeeded();
    let too_early = (PaymentError::NotSucceeded, Some(OpenCause::NotSucceeded));
    assert_eq!(denied(&mut given, taken(1, "40")), too_early, "it was not heard of");
    given.when(dispute_opened("dp_1", "40")).unwrap();
    assert_eq!(denied(&mut given, back(1, "40")), too_early, "it was not won");
    assert_eq!(denied(&mut given, taken(1, "100")).1, Some(OpenCause::AmountDiffers));
    let events = given.when(taken(1, "40")).unwrap();
    let [PaymentEvent::PaidOut(out)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((out.dispute_id.as_deref(), out.is_reversal, out.goes_back()), (Some("dp_1"), false, true));
    assert_eq!((out.gross, out.fee, out.fee_returned), (amount("40"), amount("1.75"), Amount::ZERO));
    assert_eq!(denied(&mut given, taken(2, "40")).1, Some(OpenCause::PaidOutTwice));
    given.when(dispute_closed("dp_1", "40", false)).unwrap();
    assert_eq!(denied(&mut given, back(2, "40")), too_early, "it was lost");
    given.when(dispute_closed("dp_1", "40", true)).unwrap();
    let events = given.when(back(2, "40")).unwrap();
    let [PaymentEvent::PaidOut(out)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((out.is_reversal, out.goes_back(), out.fee_returned), (true, false, amount("15")));
    assert_eq!(denied(&mut given, back(3, "40")).1, Some(OpenCause::PaidOutTwice));
    let dispute = given.payment.disputes.get("dp_1").unwrap();
    assert_eq!((dispute.payout_id, dispute.reversal_payout_id), (Some(payout(1)), Some(payout(2))));
    // Neither is the payment itself.
    assert_eq!(given.payment.payout_id, None);
    assert_eq!(given.outcome(pay_out(3, None, "100")), "paid_out");
    // One of which only the end was heard has taken nothing, and has given back.
    let mut given = Given::after(&[create(false), observe(succeeded("100")), dispute_closed("dp_1", "40", true)]);
    assert_eq!(denied(&mut given, taken(1, "40")), too_early);
    assert_eq!(given.outcome(back(1, "40")), "paid_out");
}

#[test]
fn what_the_ledger_does_not_know_stays_open() {
    let mut given = Given::in_status(Status::Processing);
    let cause = |given: &mut Given, action: Action| denied(given, action).1;
    assert_eq!(cause(&mut given, pay_out(1, None, "100")), Some(OpenCause::NotSucceeded));
    let Action::PayOut { payout_id, subject, gross, fee, .. } = pay_out(1, None, "100") else { unreachable!() };
    let in_dollars = Action::PayOut { payout_id, subject, gross, fee, currency: Currency::USD };
    assert_eq!(cause(&mut given, in_dollars), Some(OpenCause::CurrencyDiffers));
    assert_eq!(cause(&mut Given::nothing(), pay_out(1, None, "100")), Some(OpenCause::Unknown));
    let mut by_hand = Given::after(&[Action::Record(Box::new(record()))]);
    assert_eq!(cause(&mut by_hand, pay_out(1, None, "100")), Some(OpenCause::Unknown));
    assert_eq!(PaymentError::ZeroAmount.open_cause(), None);
}
