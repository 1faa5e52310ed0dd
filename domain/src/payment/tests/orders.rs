//! Any order and any repetition of what a provider says: the payment ends the same.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What can be heard of one payment: each says the same whenever it says something.
fn facts() -> Vec<Action> {
    vec![
        observe(ProviderState::Processing),
        observe(ProviderState::ActionRequired { url: None }),
        observe(ProviderState::ActionRequired { url: Some("https://psp/3ds".to_owned()) }),
        observe(failed()),
        observe(ProviderState::Authorized),
        observe(ProviderState::Cancelled),
        observe(succeeded("60")),
        dispute_opened("dp_1", "60"),
        dispute_closed("dp_1", "60", false),
        dispute_opened("dp_2", "10"),
        dispute_closed("dp_2", "10", true),
        dispute_closed("dp_2", "10", false),
    ]
}

/// What can be heard of the refunds of one that has succeeded.
fn facts_of_refunds() -> Vec<Action> {
    let of_refund =
        |n| [RefundStatus::Pending, RefundStatus::Succeeded, RefundStatus::Failed].map(|it| refunded(n, it));
    facts().into_iter().chain((1..=3).flat_map(of_refund)).collect()
}

/// Some of them, in two orders, each perhaps heard more than once.
fn two_orders(facts: Vec<Action>) -> impl Strategy<Value = (Vec<Action>, Vec<Action>)> {
    let most = facts.len();
    let some = proptest::sample::subsequence(facts, 0..=most);
    some.prop_flat_map(|facts| {
        let again = |heard: Vec<Action>, which: Vec<(Index, Index)>| {
            which.into_iter().fold(heard, |mut heard, (from, to)| {
                if !heard.is_empty() {
                    let copy = heard[from.index(heard.len())].clone();
                    heard.insert(to.index(heard.len()), copy);
                }
                heard
            })
        };
        let once = Just(facts).prop_shuffle();
        let copies = prop::collection::vec(any::<(Index, Index)>(), 0..10);
        (once.clone(), once, copies.clone(), copies)
            .prop_map(move |(one, other, of_one, of_other)| (again(one, of_one), again(other, of_other)))
    })
}

/// What the payment is after all of it was heard.
fn hear(given: &Given, heard: &[Action]) -> Payment {
    let mut given = given.clone();
    for action in heard {
        given.when(action.clone()).unwrap();
    }
    given.payment
}

fn with_refunds() -> Given {
    let mut given = Given::after(&[create(true), observe(succeeded("60"))]);
    for (n, text) in [(1, "10"), (2, "20"), (3, "30")] {
        given.when(refund(n, Some(text))).unwrap();
    }
    given
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_new_payment_ends_the_same((one, other) in two_orders(facts())) {
        let given = Given::after(&[create(true)]);
        prop_assert_eq!(hear(&given, &one), hear(&given, &other));
    }

    #[test]
    fn so_does_one_that_is_being_captured((one, other) in two_orders(facts())) {
        let given = Given::after(&[create(true), observe(ProviderState::Authorized), capture(Some("60"))]);
        prop_assert_eq!(hear(&given, &one), hear(&given, &other));
    }

    #[test]
    fn and_one_with_refunds((one, other) in two_orders(facts_of_refunds())) {
        let given = with_refunds();
        let ended = hear(&given, &one);
        prop_assert_eq!(&ended, &hear(&given, &other));
        // What is heard again says nothing new.
        for action in &one {
            let command = PaymentCommand { organization_id: organization(), action: action.clone() };
            prop_assert_eq!(ended.handle_command(&command, at(T0)), Ok(Vec::new()));
        }
    }

    /// Whatever is asked and heard, in whatever order: what was captured stays, and refunds never come to more.
    #[test]
    fn refunds_stay_within_what_was_captured(steps in prop::collection::vec((any::<Index>(), 1u32..8_000), 0..40)) {
        let mut given = Given::after(&[create(true)]);
        for (n, (which, cents)) in (1..).zip(steps) {
            let asked = Amount::new(rust_decimal::Decimal::new(cents.into(), 2)).unwrap();
            let commands = [refund(n, Some(&asked.to_string())), capture(Some("60")), Action::Cancel];
            let all: Vec<Action> = facts_of_refunds().into_iter().chain(commands).collect();
            let captured = given.payment.captured;
            // Denied or not; `when` looks at what must hold.
            drop(given.when(which.get(&all).clone()));
            prop_assert!(captured.is_zero() || given.payment.captured == captured);
        }
    }
}
