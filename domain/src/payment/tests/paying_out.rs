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
fn what_the_ledger_does_not_know_stays_open() {
    let mut given = Given::in_status(Status::Processing);
    let cause = |given: &mut Given, action: Action| denied(given, action).1;
    assert_eq!(cause(&mut given, pay_out(1, None, "100")), Some(OpenCause::NotSucceeded));
    let Action::PayOut { payout_id, refund_id, gross, fee, .. } = pay_out(1, None, "100") else { unreachable!() };
    let in_dollars = Action::PayOut { payout_id, refund_id, gross, fee, currency: Currency::USD };
    assert_eq!(cause(&mut given, in_dollars), Some(OpenCause::CurrencyDiffers));
    assert_eq!(cause(&mut Given::nothing(), pay_out(1, None, "100")), Some(OpenCause::Unknown));
    let mut by_hand = Given::after(&[Action::Record(Box::new(record()))]);
    assert_eq!(cause(&mut by_hand, pay_out(1, None, "100")), Some(OpenCause::Unknown));
    assert_eq!(PaymentError::ZeroAmount.open_cause(), None);
}
