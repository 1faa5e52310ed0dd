use super::*;
use crate::evm::HexBytes;
use crate::money::Currency;
use crate::postings::{JournalAccount, postings};
use proptest::prelude::*;
use uuid::Uuid;

const NOW: &str = "2026-01-01T00:00:00Z";

fn organization(n: u128) -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(n))
}

fn accepted() -> Accepted {
    let (token, from, nonce) = (Address([3; 20]), Address([1; 20]), Bytes32([4; 32]));
    Accepted {
        exact_payment_id: id_of(31_337, token, from, nonce),
        organization_id: organization(1),
        route_id: None,
        chain_id: 31_337,
        token,
        from,
        to: Address([2; 20]),
        amount: "0.01".parse().unwrap(),
        currency: Currency::USDC,
        valid_after: 0,
        valid_before: u64::MAX,
        nonce,
        signature: HexBytes(vec![5; 65]),
        block_number: 7,
        request_digest: Bytes32([6; 32]),
    }
}

fn place(n: u8) -> Place {
    Place { tx_hash: Bytes32([n; 32]), block_number: u64::from(n), block_hash: Bytes32([n; 32]) }
}

fn accept() -> Action {
    Action::Accept(Box::new(accepted()))
}

fn submit() -> Action {
    Action::Submit(transaction_of(accepted().exact_payment_id))
}

fn run_at(payment: &mut ExactPayment, action: Action, now: Timestamp) -> Result<usize, ExactPaymentError> {
    let command = ExactPaymentCommand { organization_id: organization(1), action };
    let events = payment.handle_command(&command, now)?;
    for event in &events {
        payment.apply_event(event, now);
    }
    Ok(events.len())
}

fn run(payment: &mut ExactPayment, action: Action) -> Result<usize, ExactPaymentError> {
    run_at(payment, action, NOW.parse().unwrap())
}

fn after(actions: &[Action]) -> ExactPayment {
    let mut payment = ExactPayment::default();
    for action in actions {
        run(&mut payment, action.clone()).unwrap();
    }
    payment
}

fn wrong<T>(status: Status) -> Result<T, ExactPaymentError> {
    Err(ExactPaymentError::WrongStatus(status))
}

#[test]
fn from_accepted_to_delivered_and_final() {
    let mut payment = after(&[accept(), submit(), Action::Settle(place(9)), Action::Deliver]);
    assert_eq!((payment.status, payment.settled), (Status::Settled, Some(place(9))));
    assert_eq!(run(&mut payment, Action::Finalize(place(10))), Ok(1), "in another block than at first");
    assert_eq!((payment.status, payment.settled), (Status::Final, Some(place(10))));
    assert!(payment.delivered_at.is_some());
    for again in [submit(), Action::Settle(place(9)), Action::Finalize(place(9)), Action::Deliver] {
        assert_eq!(run(&mut payment, again), Ok(0));
    }
    assert_eq!(run(&mut payment, Action::Fail("late".into())), wrong(Status::Final));
}

#[test]
fn it_is_given_free_only_before_it_is_submitted() {
    let mut payment = after(&[accept()]);
    assert_eq!(run(&mut payment, accept()), wrong(Status::Accepted), "one request at a time");
    assert_eq!(run(&mut payment, Action::Release), Ok(1));
    assert_eq!(run(&mut payment, submit()), wrong(Status::Released));
    assert_eq!(run(&mut payment, accept()), Ok(1), "another request");
    assert_eq!(run(&mut payment, submit()), Ok(1));
    assert_eq!(run(&mut payment, Action::Release), wrong(Status::Settling));
    assert_eq!(run(&mut payment, accept()), wrong(Status::Settling));
}

#[test]
fn nothing_is_delivered_that_is_not_in_a_block() {
    for (actions, status) in [
        (vec![accept()], Status::Accepted),
        (vec![accept(), Action::Release], Status::Released),
        (vec![accept(), submit()], Status::Settling),
        (vec![accept(), submit(), Action::Fail("reverted".into())], Status::Failed),
    ] {
        assert_eq!(run(&mut after(&actions), Action::Deliver), wrong(status));
    }
    assert_eq!(run(&mut ExactPayment::default(), Action::Deliver), Err(ExactPaymentError::NotFound));
}

#[test]
fn what_the_chain_says_is_taken_in() {
    let mut payment = after(&[accept(), submit(), Action::Settle(place(9))]);
    assert_eq!(run(&mut payment, Action::Fail("reorganized".into())), Ok(1));
    assert_eq!((payment.status, payment.settled, payment.failure.is_some()), (Status::Failed, None, true));
    assert_eq!(run(&mut payment, Action::Finalize(place(11))), Ok(2), "and yet it is there");
    assert_eq!((payment.status, payment.failure), (Status::Final, None));
    let mut payment = after(&[accept(), submit()]);
    assert_eq!(run(&mut payment, Action::Finalize(place(9))), Ok(2), "nobody looked meanwhile");
}

#[test]
fn whoever_has_died_keeps_it_no_longer() {
    let mut payment = after(&[accept()]);
    let begun: Timestamp = NOW.parse().unwrap();
    let almost = begun + TimeDelta::seconds(HELD_SECS_MAX - 1);
    assert_eq!(run_at(&mut payment, accept(), almost), wrong(Status::Accepted));
    assert_eq!(run_at(&mut payment, accept(), begun + TimeDelta::seconds(HELD_SECS_MAX)), Ok(1));
    assert_eq!(run_at(&mut payment, accept(), begun + TimeDelta::seconds(HELD_SECS_MAX)), wrong(Status::Accepted));
}

#[test]
fn another_organizations_payment_is_not_there() {
    let mut payment = after(&[accept(), Action::Release]);
    let command = |action| ExactPaymentCommand { organization_id: organization(2), action };
    let stranger = Accepted { organization_id: organization(2), ..accepted() };
    for action in [Action::Accept(Box::new(stranger)), Action::Release, submit(), Action::Deliver] {
        let denied = payment.handle_command(&command(action), NOW.parse().unwrap());
        assert_eq!(denied, Err(ExactPaymentError::NotFound));
    }
    assert_eq!(run(&mut payment, accept()), Ok(1));
}

#[test]
fn it_has_limits() {
    let refused = |change: &dyn Fn(&mut Accepted)| {
        let mut accepted = accepted();
        change(&mut accepted);
        run(&mut ExactPayment::default(), Action::Accept(Box::new(accepted))).err()
    };
    assert_eq!(refused(&|_| {}), None);
    assert_eq!(refused(&|a| a.amount = Amount::ZERO), Some(ExactPaymentError::ZeroAmount));
    let long = SIGNATURE_BYTES_MAX + 1;
    assert_eq!(refused(&|a| a.signature = HexBytes(vec![0; long])), Some(ExactPaymentError::SignatureTooLong));
}

#[test]
fn each_nonce_of_each_address_is_a_payment_of_its_own() {
    let base = (31_337, Address([3; 20]), Address([1; 20]), Bytes32([4; 32]));
    let id = |(chain, token, from, nonce)| id_of(chain, token, from, nonce);
    for other in [
        (1, base.1, base.2, base.3),
        (base.0, Address([9; 20]), base.2, base.3),
        (base.0, base.1, Address([9; 20]), base.3),
        (base.0, base.1, base.2, Bytes32([9; 32])),
    ] {
        assert_ne!(id(other), id(base));
    }
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(accept()),
        Just(Action::Release),
        Just(submit()),
        (1u8..4).prop_map(|n| Action::Settle(place(n))),
        (1u8..4).prop_map(|n| Action::Finalize(place(n))),
        Just(Action::Fail("whatever".into())),
        Just(Action::Deliver),
    ]
}

/// What an account has more after these postings, in payments.
fn moved(event: &ExactPaymentEvent, account: JournalAccount) -> i32 {
    let postings = postings(&event.clone().into());
    let moved = postings.iter().map(|posting| {
        assert_eq!((posting.amount, posting.currency), (accepted().amount, Currency::USDC));
        i32::from(posting.credit == account) - i32::from(posting.debit == account)
    });
    moved.sum()
}

proptest! {
    /// Whatever is asked and said, in whatever order: submitted once, settled once, delivered once, released
    /// only before the submission, delivered only when settled, and the books agree.
    #[test]
    fn paid_once_and_delivered_once(actions in proptest::collection::vec(any_action(), 0..60), hours in 0i64..3) {
        let mut payment = ExactPayment::default();
        let (mut submitted, mut delivered) = (0, 0);
        let (mut earned, mut arrived, mut clearing) = (0, 0, 0);
        let mut now: Timestamp = NOW.parse().unwrap();
        for action in actions {
            now += TimeDelta::hours(hours);
            let command = ExactPaymentCommand { organization_id: organization(1), action };
            let Ok(events) = payment.handle_command(&command, now) else { continue };
            for event in events {
                match &event {
                    ExactPaymentEvent::Accepted(_) | ExactPaymentEvent::Released(_) => {
                        prop_assert_eq!(submitted, 0);
                    }
                    ExactPaymentEvent::Submitted(_) => submitted += 1,
                    ExactPaymentEvent::Delivered(_) => {
                        prop_assert_eq!(earned, 1);
                        delivered += 1;
                    }
                    ExactPaymentEvent::Settled(_) | ExactPaymentEvent::Finalized(_) | ExactPaymentEvent::Failed(_) => {
                        prop_assert_eq!(submitted, 1);
                    }
                }
                earned += moved(&event, JournalAccount::Revenue);
                arrived -= moved(&event, JournalAccount::MerchantSettled);
                clearing += moved(&event, JournalAccount::ChainClearing);
                payment.apply_event(&event, now);
                prop_assert!(submitted <= 1 && delivered <= 1);
                prop_assert!((0..=1).contains(&earned) && (0..=earned).contains(&arrived));
                prop_assert_eq!(clearing, arrived - earned);
                prop_assert_eq!(payment.status.is_paid(), earned == 1);
                prop_assert_eq!(payment.status == Status::Final, arrived == 1);
            }
        }
    }
}
