//! What a provider says.

use super::*;

#[test]
fn the_customer_may_have_to_do_something() {
    let mut given = Given::after(&[create(false), observe(ProviderState::ActionRequired { url: None })]);
    let url = || Some("https://psp/3ds".to_owned());
    assert_eq!(given.outcome(observe(ProviderState::ActionRequired { url: url() })), "action_required");
    assert_eq!((given.payment.status, given.payment.action_url.clone()), (Status::RequiresAction, url()));
    assert_eq!(given.outcome(observe(ProviderState::ActionRequired { url: url() })), "");
    given.when(observe(succeeded("100"))).unwrap();
    assert_eq!(given.payment.action_url, None);
}

#[test]
fn money_that_comes_after_a_failed_try_counts() {
    let mut given = Given::in_status(Status::Failed);
    assert_eq!(given.payment.failure.as_ref().map(|failure| failure.code.as_str()), Some("card_declined"));
    given.when(observe(succeeded("100"))).unwrap();
    assert_eq!((given.payment.status, given.payment.failure.clone()), (Status::Succeeded, None));
    // And the failure that is heard of late does not.
    assert_eq!(given.when(observe(failed())), Ok(Vec::new()));
}

#[test]
fn what_contradicts_is_left_to_a_person() {
    let mut given = Given::succeeded();
    let other = Action::Observe(Observed::Payment { provider_id: "pi_2".to_owned(), state: ProviderState::Processing });
    assert_eq!(given.when(other), Err(PaymentError::Contradiction("id of the payment")));
    assert_eq!(given.when(observe(succeeded("99"))), Err(PaymentError::Contradiction("amount")));
    assert_eq!(given.when(observe(succeeded("100"))), Ok(Vec::new()));
    let mut open = Given::in_status(Status::Processing);
    for amount in ["100.01", "0"] {
        assert_eq!(open.when(observe(succeeded(amount))), Err(PaymentError::Contradiction("amount")));
    }
    given.when(dispute_opened("dp_1", "100")).unwrap();
    let differs = Err(PaymentError::Contradiction("amount of the dispute"));
    assert_eq!(given.when(dispute_opened("dp_1", "50")), differs);
    assert_eq!(given.when(dispute_closed("dp_1", "50", true)), differs);
    given.when(refund(1, Some("10"))).unwrap();
    given.when(refunded(1, RefundStatus::Pending)).unwrap();
    let (refund_id, provider_id) = (refund_id(1), Some("re_other".to_owned()));
    let other = Action::Observe(Observed::Refund { refund_id, provider_id, status: RefundStatus::Succeeded });
    assert_eq!(given.when(other), Err(PaymentError::Contradiction("id of the refund")));
    assert_eq!(given.when(refunded(2, RefundStatus::Succeeded)), Err(PaymentError::RefundNotFound));
}

#[test]
fn a_refund_may_come_back() {
    let mut given = Given::succeeded();
    given.when(refund(1, Some("30"))).unwrap();
    let updated = |events: Vec<PaymentEvent>| match events.as_slice() {
        [PaymentEvent::RefundUpdated(updated)] => (updated.status, updated.reversed),
        other => panic!("{other:?}"),
    };
    let sent = updated(given.when(refunded(1, RefundStatus::Succeeded)).unwrap());
    assert_eq!(sent, (RefundStatus::Succeeded, Amount::ZERO));
    assert_eq!(given.when(refunded(1, RefundStatus::Pending)), Ok(Vec::new()));
    let back = updated(given.when(refunded(1, RefundStatus::Failed)).unwrap());
    assert_eq!(back, (RefundStatus::Failed, amount("30")), "what had gone back has come again");
    // One that never went back has nothing to come again.
    given.when(refund(2, Some("5"))).unwrap();
    let failed = updated(given.when(refunded(2, RefundStatus::Failed)).unwrap());
    assert_eq!(failed, (RefundStatus::Failed, Amount::ZERO));
}

#[test]
fn a_dispute_takes_money_until_it_is_won() {
    let mut given = Given::succeeded();
    assert_eq!(given.outcome(dispute_opened("dp_1", "100")), "dispute_opened");
    assert_eq!(given.outcome(dispute_opened("dp_1", "100")), "");
    assert_eq!(given.payment.disputed(), amount("100"));
    assert_eq!(given.outcome(dispute_closed("dp_1", "100", false)), "dispute_closed");
    assert_eq!(given.payment.disputed(), amount("100"), "lost");
    assert_eq!(given.outcome(dispute_closed("dp_1", "100", true)), "dispute_closed");
    assert_eq!(given.payment.disputed(), Amount::ZERO, "and won in the end");
    assert_eq!(given.outcome(dispute_closed("dp_1", "100", false)), "", "an old word");
}

#[test]
fn a_dispute_may_be_heard_of_before_the_money() {
    let mut given = Given::after(&[create(false), dispute_closed("dp_1", "40", false), dispute_opened("dp_1", "40")]);
    assert_eq!(given.payment.asks(), Some(Ask::Create), "nothing was heard of the payment itself");
    assert_eq!((given.payment.disputes.len(), given.payment.disputed()), (1, Amount::ZERO));
    given.when(observe(succeeded("100"))).unwrap();
    assert_eq!(given.payment.disputed(), amount("40"));
}
