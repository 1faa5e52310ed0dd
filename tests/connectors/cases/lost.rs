//! Answers that do not come, or come twice: nothing is done twice, and everything is found again.

use std::time::Duration;

use ::payments::Reference;
use ::payments::port::NOT_FOUND;
use domain::payment::ProviderState;

use super::{assert_unknown, refused};
use crate::rig::{Rig, amount, refund, state, succeeded};

pub async fn what_is_asked_twice_is_done_once(rig: Rig) {
    let order = rig.order("pm_card_visa");
    let made = rig.connector.create(&order).await.unwrap();
    assert_eq!(rig.connector.create(&order).await, Ok(made));
    assert_eq!(rig.demo().count("payment_intents").await, 1);

    let known = rig.reserved().await;
    let captured = rig.connector.capture(&known, amount("6")).await.unwrap();
    assert_eq!(rig.connector.capture(&known, amount("6")).await, Ok(captured));

    let known = rig.reserved().await;
    let cancelled = rig.connector.cancel(&known).await.unwrap();
    assert_eq!(rig.connector.cancel(&known).await, Ok(cancelled));
}

pub async fn a_refund_that_is_asked_twice_is_made_once(rig: Rig) {
    let known = rig.paid("pm_card_visa").await;
    let order = refund("3");
    let made = rig.connector.refund(&known, &order).await.unwrap();
    assert_eq!(rig.connector.refund(&known, &order).await, Ok(made));
    // What is left shows that it was made once; by hand nobody counts but the ledger.
    rig.connector.refund(&known, &refund("7.50")).await.unwrap();
}

pub async fn a_refund_that_was_made_without_an_answer_is_found(rig: Rig) {
    let known = rig.paid("pm_card_visa").await;
    for (behaviour, order) in [("drop_answer", refund("3")), ("error_500_after", refund("7.50"))] {
        rig.demo().next(behaviour, "refund").await;
        assert_unknown(rig.connector.refund(&known, &order).await);
        assert!(rig.connector.find_refund(&known, order.refund_id).await.is_ok(), "{behaviour}");
    }
    assert_eq!(rig.demo().count("refunds").await, 2);
    // With another key, as a day later, it would be refused: all of it went back.
    let more = refund("3");
    assert_eq!(refused(rig.connector.refund(&known, &more).await), "charge_already_refunded");
    assert_eq!(refused(rig.connector.find_refund(&known, more.refund_id).await), NOT_FOUND);
}

pub async fn what_was_refused_can_be_asked_for_again(rig: Rig) {
    let known = rig.reserved().await;
    assert_eq!(refused(rig.connector.capture(&known, amount("10.51")).await), "amount_too_large");
    let again = Reference { refusals: 1, ..known };
    let captured = rig.connector.capture(&again, amount("6")).await.unwrap();
    assert_eq!(succeeded(&captured), amount("6"));
}

pub async fn what_was_made_without_an_answer_is_found(rig: Rig) {
    rig.demo().next("drop_answer", "create").await;
    let order = rig.order("pm_card_visa");
    assert_unknown(rig.connector.create(&order).await);
    let found = rig.connector.fetch(&rig.unknown(&order)).await.unwrap();
    assert_eq!(succeeded(&found), order.amount);
    assert_eq!(rig.connector.create(&order).await, Ok(found));
    assert_eq!(rig.demo().count("payment_intents").await, 1);
}

pub async fn what_was_made_and_answered_with_an_error_is_found(rig: Rig) {
    rig.demo().next("error_500_after", "create").await;
    let order = rig.order("pm_card_visa");
    assert_unknown(rig.connector.create(&order).await);
    // The same key gets the same error, for a day.
    assert_unknown(rig.connector.create(&order).await);
    let found = rig.connector.fetch(&rig.unknown(&order)).await.unwrap();
    assert_eq!(succeeded(&found), order.amount);
    let refunded = rig.connector.refund(&rig.unknown(&order), &refund("1")).await;
    assert!(refunded.is_ok(), "{refunded:?}");
    assert_eq!(rig.demo().count("payment_intents").await, 1);
}

pub async fn what_was_not_made_is_not_found(rig: Rig) {
    rig.demo().next("error_500", "create").await;
    let order = rig.order("pm_card_visa");
    assert_unknown(rig.connector.create(&order).await);
    assert_eq!(refused(rig.connector.fetch(&rig.unknown(&order)).await), NOT_FOUND);
    assert_eq!(rig.demo().count("payment_intents").await, 0);
}

pub async fn who_asks_too_often_asks_again(rig: Rig) {
    rig.demo().next("rate_limit", "create").await;
    let order = rig.order("pm_card_visa");
    assert_unknown(rig.connector.create(&order).await);
    assert_eq!(succeeded(&rig.connector.create(&order).await.unwrap()), order.amount);
}

pub async fn every_step_can_lose_its_answer(rig: Rig) {
    let known = rig.reserved().await;
    rig.demo().next("drop_answer", "capture").await;
    assert_unknown(rig.connector.capture(&known, amount("6")).await);
    let captured = rig.connector.capture(&known, amount("6")).await.unwrap();
    assert_eq!(succeeded(&captured), amount("6"));

    rig.demo().next("drop_answer", "refund").await;
    let order = refund("6");
    assert_unknown(rig.connector.refund(&known, &order).await);
    assert!(rig.connector.refund(&known, &order).await.is_ok());
    assert_eq!(rig.demo().count("refunds").await, 1);

    let known = rig.reserved().await;
    rig.demo().next("drop_answer", "cancel").await;
    assert_unknown(rig.connector.cancel(&known).await);
    assert_eq!(state(&rig.connector.cancel(&known).await.unwrap()), &ProviderState::Cancelled);

    rig.demo().next("drop_answer", "fetch").await;
    assert_unknown(rig.connector.fetch(&known).await);
    assert_eq!(state(&rig.connector.fetch(&known).await.unwrap()), &ProviderState::Cancelled);
}

pub async fn the_same_twice_at_once_is_done_once(rig: Rig) {
    rig.demo().next("delay_answer", "create").await;
    let order = rig.order("pm_card_visa");
    let second = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        rig.connector.create(&order).await
    };
    let (first, second) = tokio::join!(rig.connector.create(&order), second);
    let first = first.unwrap();
    assert_unknown(second);
    assert_eq!(rig.connector.create(&order).await, Ok(first));
    assert_eq!(rig.demo().count("payment_intents").await, 1);
}

pub async fn what_is_not_found_yet_is_not_given_up(rig: Rig) {
    let known = rig.reserved().await;
    let unknown = Reference { provider_id: None, ..known.clone() };
    rig.demo().next("find_nothing", "search").await;
    assert_eq!(refused(rig.connector.fetch(&unknown).await), NOT_FOUND);
    rig.demo().next("find_nothing", "search").await;
    assert_unknown(rig.connector.cancel(&unknown).await);
    assert_eq!(state(&rig.connector.fetch(&known).await.unwrap()), &ProviderState::Authorized);
    assert_eq!(state(&rig.connector.cancel(&unknown).await.unwrap()), &ProviderState::Cancelled);
}
