//! Payments, from their creation to their end.

use ::payments::manual::BY_HAND;
use ::payments::port::NOT_FOUND;
use ::payments::{CallError, CreatePayment, Reference, Secrets};
use chrono::TimeDelta;
use domain::payment::ProviderState;
use eventstore::clock;

use super::refused;
use crate::demo::until;
use crate::rig::{Rig, amount, currency, provider_id, state, succeeded};

pub async fn a_payment_succeeds(rig: Rig) {
    let order = rig.order("pm_card_visa");
    let made = rig.connector.create(&order).await.unwrap();
    let ProviderState::Succeeded { amount, at } = state(&made) else { panic!("{made:?}") };
    assert_eq!(*amount, order.amount);
    assert!((clock::now() - *at).abs() < TimeDelta::minutes(5), "{at}");
    assert_eq!(rig.connector.fetch(&rig.known(&order, &made)).await, Ok(made.clone()));
    assert_eq!(rig.connector.fetch(&rig.unknown(&order)).await, Ok(made.clone()));

    // It carries our ids.
    let shown = rig.demo().get(&format!("/v1/payment_intents/{}", provider_id(&made))).await;
    assert_eq!(shown["metadata"]["tollbook_payment_id"], order.payment_id.to_string());
    assert_eq!(shown["metadata"]["tollbook_organization_id"], order.organization_id.to_string());
    assert_eq!(shown["description"], "Invoice INV-1");
}

pub async fn a_payment_is_declined(rig: Rig) {
    for (method, expected) in [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    ] {
        let order = rig.order(method);
        let made = rig.connector.create(&order).await.unwrap();
        let ProviderState::Failed { code, message } = state(&made) else { panic!("{made:?}") };
        assert_eq!(code, expected);
        assert!(!message.is_empty());
        assert_eq!(rig.connector.create(&order).await, Ok(made.clone()), "asked again");
        assert_eq!(rig.connector.fetch(&rig.known(&order, &made)).await, Ok(made));
    }
}

pub async fn a_customer_who_is_away_cannot_act(rig: Rig) {
    let made = rig.connector.create(&rig.order("pm_card_authenticationRequired")).await.unwrap();
    let ProviderState::Failed { code, .. } = state(&made) else { panic!("{made:?}") };
    assert_eq!(code, "authentication_required");
}

pub async fn a_customer_who_is_there_has_to_act(rig: Rig) {
    let order = CreatePayment { off_session: false, ..rig.order("pm_card_authenticationRequired") };
    let made = rig.connector.create(&order).await.unwrap();
    assert!(matches!(state(&made), ProviderState::ActionRequired { .. }), "{made:?}");
    rig.demo().authenticate(provider_id(&made)).await;
    let fetched = rig.connector.fetch(&rig.known(&order, &made)).await.unwrap();
    assert_eq!(succeeded(&fetched), order.amount);
}

pub async fn a_payment_without_a_method_waits(rig: Rig) {
    for off_session in [false, true] {
        let order = CreatePayment { method: None, off_session, ..rig.order("") };
        let made = rig.connector.create(&order).await.unwrap();
        assert_eq!(state(&made), &ProviderState::ActionRequired { url: None });
        let cancelled = rig.connector.cancel(&rig.known(&order, &made)).await.unwrap();
        assert_eq!(state(&cancelled), &ProviderState::Cancelled);
    }
}

pub async fn a_payment_takes_its_time(rig: Rig) {
    rig.demo().next("processing", "create").await;
    let order = rig.order("pm_card_visa");
    let made = rig.connector.create(&order).await.unwrap();
    assert_eq!(state(&made), &ProviderState::Processing);
    let known = rig.known(&order, &made);
    until("it has succeeded", async || {
        let fetched = rig.connector.fetch(&known).await.unwrap();
        matches!(state(&fetched), ProviderState::Succeeded { .. }).then_some(())
    })
    .await;
}

pub async fn a_part_is_captured(rig: Rig) {
    let known = rig.reserved().await;
    assert_eq!(state(&rig.connector.fetch(&known).await.unwrap()), &ProviderState::Authorized);
    let captured = rig.connector.capture(&known, amount("6")).await.unwrap();
    assert_eq!(succeeded(&captured), amount("6"));
    assert_eq!(provider_id(&captured), known.provider_id.as_deref().unwrap());
    assert_eq!(rig.connector.fetch(&known).await, Ok(captured));
}

pub async fn too_much_is_not_captured(rig: Rig) {
    let known = rig.reserved().await;
    assert_eq!(refused(rig.connector.capture(&known, amount("10.51")).await), "amount_too_large");
    assert_eq!(state(&rig.connector.fetch(&known).await.unwrap()), &ProviderState::Authorized);
}

pub async fn a_payment_is_cancelled(rig: Rig) {
    let known = rig.reserved().await;
    let cancelled = rig.connector.cancel(&known).await.unwrap();
    assert_eq!(state(&cancelled), &ProviderState::Cancelled);
    assert_eq!(rig.connector.fetch(&known).await, Ok(cancelled.clone()));
    // Too late: what it has become is said.
    assert_eq!(rig.connector.capture(&known, amount("6")).await, Ok(cancelled));
}

pub async fn what_has_come_is_not_cancelled(rig: Rig) {
    let known = rig.paid("pm_card_visa").await;
    let told = rig.connector.cancel(&known).await.unwrap();
    assert_eq!(succeeded(&told), amount("10.50"));
}

pub async fn each_currency_has_its_own_units(rig: Rig) {
    for (text, code, minor) in
        [("500", "JPY", 500), ("5.12", "KWD", 5_120), ("212.34", "HUF", 21_234), ("0.50", "EUR", 50)]
    {
        let order = CreatePayment { amount: amount(text), currency: currency(code), ..rig.order("pm_card_visa") };
        let made = rig.connector.create(&order).await.unwrap();
        assert_eq!(succeeded(&made), order.amount, "{code}");
        let shown = rig.demo().get(&format!("/v1/payment_intents/{}", provider_id(&made))).await;
        assert_eq!(shown["amount"], minor, "{code}");
    }
}

pub async fn what_is_not_exact_is_not_asked_for(rig: Rig) {
    for (text, code) in [("0.505", "USD"), ("5.125", "KWD"), ("1.5", "JPY"), ("1", "USDC")] {
        let order = CreatePayment { amount: amount(text), currency: currency(code), ..rig.order("pm_card_visa") };
        refused(rig.connector.create(&order).await);
    }
    assert_eq!(rig.demo().count("payment_intents").await, 0);
}

pub async fn there_is_a_least_amount_in_each_currency(rig: Rig) {
    for (code, taken_by_stripe) in
        [("USD", true), ("GBP", true), ("HUF", true), ("JPY", true), ("KWD", true), ("USDC", false)]
    {
        let currency = currency(code);
        let (least, step) = (rig.connector.smallest(currency), rig.connector.step(currency));
        if !rig.has_provider() {
            assert_eq!(least, Some(step), "{code}");
            assert!(!step.is_zero(), "{code}");
            continue;
        }
        assert_eq!(least.is_some(), taken_by_stripe, "{code}");
        let Some(least) = least else { continue };
        let order = CreatePayment { amount: least, currency, ..rig.order("pm_card_visa") };
        assert_eq!(succeeded(&rig.connector.create(&order).await.unwrap()), least, "{code}");
        // A step less is too little, and no card was declined.
        let less = least.minus(step);
        if !less.is_zero() {
            let order = CreatePayment { amount: less, currency, ..rig.order("pm_card_visa") };
            let error = rig.connector.create(&order).await.unwrap_err();
            assert!(error.is_of_amount(), "{code}: {error}");
        }
    }
}

pub async fn what_has_failed_is_given_up(rig: Rig) {
    let order = rig.order("pm_card_visa_chargeDeclined");
    let made = rig.connector.create(&order).await.unwrap();
    let known = rig.known(&order, &made);
    for _ in 0..2 {
        assert_eq!(rig.connector.abandon(&known).await, Ok(()));
    }
    let shown = rig.demo().get(&format!("/v1/payment_intents/{}", provider_id(&made))).await;
    assert_eq!(shown["status"], "canceled");
    assert_eq!(rig.connector.fetch(&known).await, Ok(made.clone()), "it has failed");
    // So says the message, too.
    let message = rig.demo().message("payment_intent.canceled").await;
    let message = message.read(rig.connector.as_ref(), clock::now()).unwrap();
    assert_eq!(message.observed, Some(made));
    // Whoever asks to cancel it hears that it is.
    assert_eq!(state(&rig.connector.cancel(&known).await.unwrap()), &ProviderState::Cancelled);
}

pub async fn what_is_not_there_is_not_found(rig: Rig) {
    let unknown = rig.unknown(&rig.order("pm_card_visa"));
    assert_eq!(refused(rig.connector.fetch(&unknown).await), NOT_FOUND);
    let other = Reference { provider_id: Some("pi_none".to_owned()), ..unknown };
    assert_eq!(refused(rig.connector.fetch(&other).await), NOT_FOUND);
    assert_eq!(refused(rig.connector.cancel(&other).await), NOT_FOUND);
}

pub async fn another_key_is_refused(rig: Rig) {
    let secrets = Secrets { secret_key: "sk_live_other".to_owned(), ..rig.demo().secrets() };
    let error = rig.demo().connector(&secrets).create(&rig.order("pm_card_visa")).await.unwrap_err();
    assert!(matches!(error, CallError::Misconfigured(_)), "{error}");
    assert!(!error.to_string().contains("sk_live_other"), "{error}");
}

pub async fn nobody_can_be_asked_for_money_by_hand(rig: Rig) {
    let order = rig.order("");
    let unknown = rig.unknown(&order);
    for result in [
        rig.connector.create(&order).await,
        rig.connector.capture(&unknown, amount("1")).await,
        rig.connector.cancel(&unknown).await,
        rig.connector.fetch(&unknown).await,
    ] {
        assert_eq!(refused(result), BY_HAND);
    }
}
