//! What may be asked of a payment, and what the provider is then asked.

use super::*;

/// Each command in each status, in the order of [`Status::ALL`]: the events that follow, `!` when the status forbids
/// it.
#[test]
fn each_command_in_each_status() {
    let unanswered = "the provider has not answered yet: try again";
    let exists = "the payment exists already";
    let table: [(Action, [&str; 7]); 9] = [
        (create(false), [exists; 7]),
        (capture(None), ["!", "!", "!", "capture_requested", "!", "!", "!"]),
        (
            Action::Cancel,
            [unanswered, "cancel_requested", "cancel_requested", "cancel_requested", "!", "cancel_requested", ""],
        ),
        (refund(1, None), ["!", "!", "!", "!", "refund_requested", "!", "!"]),
        (observe(ProviderState::Processing), ["processing", "", "", "", "", "", ""]),
        (observe(ProviderState::Authorized), ["authorized", "authorized", "authorized", "", "", "authorized", ""]),
        (observe(succeeded("100")), ["succeeded", "succeeded", "succeeded", "succeeded", "", "succeeded", "succeeded"]),
        (observe(failed()), ["failed", "failed", "failed", "", "", "", ""]),
        (observe(ProviderState::Cancelled), ["cancelled", "cancelled", "cancelled", "cancelled", "", "cancelled", ""]),
    ];
    for (action, outcomes) in table {
        for (status, expected) in Status::ALL.into_iter().zip(outcomes) {
            let outcome = Given::in_status(status).outcome(action.clone());
            assert_eq!(outcome, expected, "{action:?} when {}", status.name());
        }
    }
}

#[test]
fn it_is_written_before_the_provider_is_asked() {
    let mut given = Given::nothing();
    assert_eq!(given.payment.asks(), None);
    given.when(create(true)).unwrap();
    assert_eq!((given.payment.asks(), given.payment.is_asking()), (Some(Ask::Create), true));
    given.when(observe(ProviderState::Processing)).unwrap();
    assert_eq!(given.payment.asks(), None, "the provider's turn");
    given.when(observe(ProviderState::Authorized)).unwrap();
    assert_eq!(given.payment.asks(), None, "whoever sells says when");
    given.when(capture(Some("60"))).unwrap();
    assert_eq!(given.payment.asks(), Some(Ask::Capture { amount: amount("60") }));
    given.when(observe(succeeded("60"))).unwrap();
    assert_eq!((given.payment.asks(), given.payment.captured), (None, amount("60")));
    given.when(refund(1, Some("10"))).unwrap();
    given.when(refund(2, Some("20"))).unwrap();
    let ask = |n: u128, text: &str| Some(Ask::Refund { refund_id: refund_id(n), amount: amount(text) });
    assert_eq!(given.payment.asks(), ask(1, "10"));
    given.when(refunded(1, RefundStatus::Pending)).unwrap();
    assert_eq!(given.payment.asks(), ask(2, "20"), "the first one is known there");
    given.when(refunded(2, RefundStatus::Failed)).unwrap();
    assert_eq!(given.payment.asks(), None);
}

#[test]
fn what_is_reserved_is_captured_once() {
    let mut given = Given::in_status(Status::Authorized);
    let more = PaymentError::MoreThanReserved { amount: amount("100.01"), reserved: amount("100"), currency: eur() };
    assert_eq!(given.when(capture(Some("100.01"))), Err(more));
    assert_eq!(given.when(capture(Some("0"))), Err(PaymentError::ZeroAmount));
    let fine = PaymentError::AmountOutOfRange(MoneyError::TooPrecise { max: 2 });
    assert_eq!(given.when(capture(Some("0.001"))), Err(fine));
    given.when(capture(None)).unwrap();
    assert_eq!(given.when(capture(Some("100"))), Ok(Vec::new()), "the same");
    assert_eq!(given.when(capture(Some("99"))), Err(PaymentError::CaptureUnderWay(amount("100"))));
    assert_eq!(given.when(Action::Cancel), Err(PaymentError::CaptureUnderWay(amount("100"))));
    // The provider has cancelled it all the same: its time was over.
    given.when(observe(ProviderState::Cancelled)).unwrap();
    assert_eq!((given.payment.asks(), given.payment.status), (None, Status::Cancelled));
}

#[test]
fn what_the_provider_refuses_may_be_asked_for_again() {
    let mut given = Given::in_status(Status::Authorized);
    for asked in [Requested::Capture, Requested::Cancel] {
        assert_eq!(given.when(refused(asked)), Ok(Vec::new()), "nobody has asked for it");
    }
    given.when(capture(Some("60"))).unwrap();
    assert_eq!(given.when(refused(Requested::Cancel)), Ok(Vec::new()), "another answer");
    assert_eq!(given.outcome(refused(Requested::Capture)), "capture_refused");
    assert_eq!((given.payment.asks(), given.payment.status), (None, Status::Authorized));
    let why = given.payment.refusal.as_ref().map(|refusal| (refusal.asked, refusal.code.as_str()));
    assert_eq!((why, given.payment.refusals), (Some((Requested::Capture, "charge_expired_for_capture")), 1));
    assert_eq!(given.when(refused(Requested::Capture)), Ok(Vec::new()), "an old word");
    // Less of it, or none: it is asked for anew.
    given.when(capture(Some("50"))).unwrap();
    assert_eq!(given.payment.refusal, None);
    given.when(refused(Requested::Capture)).unwrap();
    given.when(Action::Cancel).unwrap();
    assert_eq!(given.payment.asks(), Some(Ask::Cancel));
    assert_eq!(given.outcome(refused(Requested::Cancel)), "cancel_refused");
    assert_eq!((given.payment.asks(), given.payment.refusals), (None, 3));
    // And what it has become after all counts.
    given.when(observe(ProviderState::Cancelled)).unwrap();
    assert_eq!(given.payment.status, Status::Cancelled);
    let mut failed = Given::in_status(Status::Failed);
    failed.when(Action::Cancel).unwrap();
    assert_eq!(failed.outcome(refused(Requested::Cancel)), "cancel_refused");
    assert_eq!((failed.payment.asks(), failed.payment.status), (None, Status::Failed));
}

#[test]
fn what_waits_at_the_provider_is_known() {
    for status in Status::ALL {
        let waits = matches!(status, Status::Processing | Status::RequiresAction | Status::Authorized);
        assert_eq!(Given::in_status(status).payment.standing().is_waiting, waits, "{}", status.name());
    }
    let mut given = Given::succeeded();
    given.when(refund(1, Some("10"))).unwrap();
    assert!(!given.payment.is_waiting(), "the provider has not heard of it");
    given.when(refunded(1, RefundStatus::Pending)).unwrap();
    assert!(given.payment.is_waiting());
    given.when(refunded(1, RefundStatus::Succeeded)).unwrap();
    assert!(!given.payment.is_waiting());
    let by_hand = Given::after(&[Action::Record(Box::new(record()))]);
    assert!(!by_hand.payment.is_waiting(), "no provider knows it");
}

#[test]
fn it_is_cancelled_before_it_has_succeeded() {
    let mut given = Given::in_status(Status::Authorized);
    given.when(Action::Cancel).unwrap();
    assert_eq!(given.payment.asks(), Some(Ask::Cancel));
    assert_eq!(given.when(Action::Cancel), Ok(Vec::new()));
    assert_eq!(given.when(capture(None)), Err(PaymentError::CancelUnderWay));
    // It was too late.
    given.when(observe(succeeded("100"))).unwrap();
    assert_eq!((given.payment.asks(), given.payment.status), (None, Status::Succeeded));
    // One that the provider never made.
    let nameless = Action::Observe(Observed::Payment { provider_id: String::new(), state: failed() });
    let mut given = Given::after(&[create(false), nameless]);
    assert_eq!((given.payment.status, given.payment.provider_id.clone()), (Status::Failed, None));
    assert_eq!(given.outcome(Action::Cancel), "!");
}

#[test]
fn refunds_never_come_to_more_than_was_captured() {
    let mut given = Given::after(&[create(true), observe(ProviderState::Authorized), capture(Some("60"))]);
    given.when(observe(succeeded("60"))).unwrap();
    let more = |text: &str, left: &str| {
        Err(PaymentError::MoreThanCaptured { amount: amount(text), left: amount(left), currency: eur() })
    };
    assert_eq!(given.when(refund(1, Some("60.01"))), more("60.01", "60"));
    given.when(refund(1, Some("40"))).unwrap();
    assert_eq!(given.when(refund(2, Some("20.01"))), more("20.01", "20"));
    assert_eq!(given.when(refund(1, Some("1"))), Err(PaymentError::RefundExists));
    given.when(refund(2, None)).unwrap();
    assert_eq!((given.payment.refunded(), given.payment.refundable()), (amount("60"), Amount::ZERO));
    assert_eq!(given.when(refund(3, None)), Err(PaymentError::NothingToRefund));
    // What did not go back can go back another time.
    given.when(refunded(1, RefundStatus::Failed)).unwrap();
    assert_eq!(given.payment.refundable(), amount("40"));
    given.when(refund(3, Some("40"))).unwrap();
    // The first one is heard to have succeeded after all: it has not.
    assert_eq!(given.when(refunded(1, RefundStatus::Succeeded)), Ok(Vec::new()));
    assert_eq!(given.payment.refunded(), amount("60"));
}

#[test]
fn there_are_not_too_many_refunds() {
    let mut given = Given::succeeded();
    for n in 1..=REFUNDS_MAX {
        given.when(refund(n as u128, Some("0.01"))).unwrap();
    }
    assert_eq!(given.when(refund(999, None)), Err(PaymentError::TooManyRefunds));
}

#[test]
fn what_comes_by_hand_has_succeeded_at_once() {
    let mut given = Given::nothing();
    let early = Record { received_at: at("2026-03-10T12:00:01Z"), ..record() };
    assert_eq!(given.when(Action::Record(Box::new(early))), Err(PaymentError::ReceivedInTheFuture));
    let events = given.when(Action::Record(Box::new(record()))).unwrap();
    let [PaymentEvent::Created(created), PaymentEvent::Succeeded(succeeded)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((created.connector_id, created.after.status), (None, Status::Created));
    assert!(!created.after.is_asking, "nobody is asked");
    assert!(succeeded.by_hand);
    assert_eq!((succeeded.amount, succeeded.provider_id.as_deref()), (amount("100"), Some("RF18")));
    assert_eq!(given.payment.received_at, Some(at("2026-03-09T00:00:00Z")));
    // Whoever gives it back has done so.
    let events = given.when(refund(1, Some("30"))).unwrap();
    let [PaymentEvent::RefundRequested(_), PaymentEvent::RefundUpdated(updated)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert!(updated.by_hand && updated.status == RefundStatus::Succeeded);
    assert_eq!((given.payment.asks(), given.payment.refundable()), (None, amount("70")));
    assert_eq!(given.when(observe(failed())), Err(PaymentError::ByHand));
    assert_eq!(given.outcome(Action::Cancel), "!");
    assert_eq!(given.outcome(capture(None)), "!");
    assert_eq!(given.when(Action::Record(Box::new(record()))), Err(PaymentError::AlreadyExists));
}

#[test]
fn another_organizations_payment_is_not_there() {
    let given = Given::succeeded();
    for action in [Action::Cancel, refund(1, None), capture(None), observe(failed()), pay_out(1, None, "100")] {
        let command = PaymentCommand { organization_id: OrganizationId::new(Uuid::from_u128(9)), action };
        assert_eq!(given.payment.handle_command(&command, at(T0)), Err(PaymentError::NotFound));
    }
    assert_eq!(Given::nothing().when(Action::Cancel), Err(PaymentError::NotFound));
}

#[test]
fn only_what_somebody_can_pay_is_asked_for() {
    for (text, error) in
        [("0", PaymentError::ZeroAmount), ("0.001", PaymentError::AmountOutOfRange(MoneyError::TooPrecise { max: 2 }))]
    {
        let by_hand = Record { amount: amount(text), ..record() };
        assert_eq!(Given::nothing().when(Action::Record(Box::new(by_hand))), Err(error.clone()));
        let Action::Create(mut create) = create(false) else { unreachable!() };
        create.amount = amount(text);
        assert_eq!(Given::nothing().when(Action::Create(create)), Err(error));
    }
}
