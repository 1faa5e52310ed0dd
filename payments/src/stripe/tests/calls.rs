//! What is sent, and what is made of what comes back.

use domain::payment::{Observed, ProviderState, RefundStatus};
use serde_json::json;

use super::*;
use crate::port::NOT_FOUND;
use crate::{CallError, Connector};

const PAYMENT: &str = "pay_00000000000000000000000002";

#[tokio::test]
async fn every_call_says_who_asks_and_in_which_words() {
    let fake = Fake::saying(Says::json(200, &intent("requires_capture"))).await;
    let stripe = fake.stripe();
    let known = reference(Some("pi_1"));
    stripe.create(&order()).await.unwrap();
    stripe.capture(&known, "3".parse().unwrap()).await.unwrap();
    stripe.cancel(&known).await.unwrap();
    stripe.refund(&known, &refund_order()).await.unwrap();
    stripe.fetch(&known).await.unwrap();
    let seen = fake.seen();
    let calls: Vec<(&str, &str, &str)> =
        seen.iter().map(|seen| (seen.method.as_str(), seen.uri.as_str(), seen.header("idempotency-key"))).collect();
    let key = |step: &str| format!("tollbook-{PAYMENT}-{step}");
    let refund = key("refund-re_00000000000000000000000003");
    assert_eq!(
        calls,
        [
            ("POST", "/v1/payment_intents", key("create").as_str()),
            ("POST", "/v1/payment_intents/pi_1/capture", key("capture").as_str()),
            ("POST", "/v1/payment_intents/pi_1/cancel", key("cancel").as_str()),
            ("POST", "/v1/refunds", refund.as_str()),
            ("GET", "/v1/payment_intents/pi_1?expand%5B%5D=latest_charge.balance_transaction", ""),
        ]
    );
    for call in &seen {
        assert_eq!(call.header("authorization"), "Bearer sk_test_1");
        assert_eq!(call.header("stripe-version"), crate::stripe::API_VERSION);
        assert!(call.header("user-agent").starts_with("tollbook/"));
        let kind = if call.method == Method::POST { "application/x-www-form-urlencoded" } else { "" };
        assert_eq!(call.header("content-type"), kind);
    }
    let bodies: Vec<&str> = seen.iter().map(|seen| seen.body.as_str()).collect();
    assert!(bodies[0].starts_with("amount=1050&currency=usd&metadata%5Btollbook_payment_id%5D=pay_0"), "{}", bodies[0]);
    assert!(bodies[1].starts_with("amount_to_capture=300&"), "{}", bodies[1]);
    assert!(bodies[3].starts_with("payment_intent=pi_1&amount=100&"), "{}", bodies[3]);
    assert_eq!(bodies[4], "");
}

#[tokio::test]
async fn what_comes_back_is_observed() {
    let fake = Fake::saying(Says::json(200, &intent("succeeded"))).await;
    let observed = fake.stripe().create(&order()).await.unwrap();
    let state =
        ProviderState::Succeeded { amount: "10.5".parse().unwrap(), at: "2026-01-01T00:00:00Z".parse().unwrap() };
    assert_eq!(observed, Observed::Payment { provider_id: "pi_1".to_owned(), state });

    for (status, expected) in [
        (json!("pending"), RefundStatus::Pending),
        (json!("requires_action"), RefundStatus::Pending),
        (json!("succeeded"), RefundStatus::Succeeded),
        (json!("failed"), RefundStatus::Failed),
        (json!("canceled"), RefundStatus::Failed),
        (json!(null), RefundStatus::Pending),
    ] {
        let body = json!({ "id": "re_1", "object": "refund", "amount": 100, "status": status });
        let fake = Fake::saying(Says::json(200, &body)).await;
        let observed = fake.stripe().refund(&reference(Some("pi_1")), &refund_order()).await.unwrap();
        let (refund_id, provider_id) = (refund_order().refund_id, Some("re_1".to_owned()));
        assert_eq!(observed, Observed::Refund { refund_id, provider_id, status: expected });
    }
}

#[tokio::test]
async fn without_stripes_id_a_payment_is_looked_for_by_ours() {
    let found = |intents: Value| Says::json(200, &json!({ "object": "search_result", "data": intents }));
    let unknown = reference(None);

    let fake = Fake::saying(found(json!([intent("processing")]))).await;
    let observed = fake.stripe().fetch(&unknown).await.unwrap();
    let state = ProviderState::Processing;
    assert_eq!(observed, Observed::Payment { provider_id: "pi_1".to_owned(), state });
    assert!(fake.seen()[0].uri.starts_with("/v1/payment_intents/search?query=metadata%5B%27tollbook_payment_id"));

    // Not found may be not found yet.
    let fake = Fake::saying(found(json!([]))).await;
    let stripe = fake.stripe();
    let error = stripe.fetch(&unknown).await.unwrap_err();
    assert!(matches!(&error, CallError::Refused { code, .. } if code == NOT_FOUND), "{error}");
    for result in [
        stripe.cancel(&unknown).await,
        stripe.capture(&unknown, "1".parse().unwrap()).await,
        stripe.refund(&unknown, &refund_order()).await,
    ] {
        assert!(matches!(result, Err(CallError::Unknown(_))), "{result:?}");
    }
    assert!(fake.seen().iter().all(|seen| seen.method == Method::GET), "nothing was done");

    // More than one: which is it?
    let fake = Fake::saying(found(json!([intent("succeeded"), intent("succeeded")]))).await;
    assert!(matches!(fake.stripe().fetch(&unknown).await, Err(CallError::Unknown(_))));
}

#[tokio::test]
async fn a_refund_is_looked_for_by_our_id() {
    let refund = |id: &str, of: &Value| json!({ "id": id, "object": "refund", "status": "succeeded", "metadata": of });
    let page = |data: Value, has_more: bool| {
        Says::json(200, &json!({ "object": "list", "has_more": has_more, "url": "/v1/refunds", "data": data }))
    };
    let (known, refund_id) = (reference(Some("pi_1")), refund_order().refund_id);
    let fake = Fake::saying(page(json!([refund("re_2", &json!({})), refund("re_1", &metadata())]), false)).await;
    let found = fake.stripe().find_refund(&known, refund_id).await.unwrap();
    let (status, provider_id) = (RefundStatus::Succeeded, Some("re_1".to_owned()));
    assert_eq!(found, Observed::Refund { refund_id, provider_id, status });
    assert_eq!(fake.seen()[0].uri, "/v1/refunds?payment_intent=pi_1&limit=100");

    let others = json!([refund("re_3", &json!({})), refund("re_2", &json!(null))]);
    let fake = Fake::saying(page(others.clone(), false)).await;
    let error = fake.stripe().find_refund(&known, refund_id).await.unwrap_err();
    assert!(matches!(&error, CallError::Refused { code, .. } if code == NOT_FOUND), "{error}");
    // There are more, and after those more.
    let fake = Fake::saying(page(others, true)).await;
    let error = fake.stripe().find_refund(&known, refund_id).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown(_)), "{error}");
    assert_eq!(fake.seen()[1].uri, "/v1/refunds?payment_intent=pi_1&limit=100&starting_after=re_2");
    // The payment is another account's: that says nothing of its refunds.
    let missing = Says::json(404, &error_of("resource_missing"));
    let error = Fake::saying(missing).await.stripe().find_refund(&known, refund_id).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown(_)), "{error}");
}

fn error_of(code: &str) -> Value {
    error("invalid_request_error", json!({ "code": code }))
}

#[tokio::test]
async fn what_was_refused_is_asked_for_with_another_key() {
    let fake = Fake::saying(Says::json(200, &intent("requires_capture"))).await;
    let stripe = fake.stripe();
    let again = Reference { refusals: 2, ..reference(Some("pi_1")) };
    stripe.capture(&again, "3".parse().unwrap()).await.unwrap();
    stripe.cancel(&again).await.unwrap();
    stripe.refund(&again, &refund_order()).await.unwrap();
    let seen = fake.seen();
    let keys: Vec<&str> = seen.iter().map(|seen| seen.header("idempotency-key")).collect();
    let refund = format!("tollbook-{PAYMENT}-refund-re_00000000000000000000000003");
    let [capture, cancel] = ["capture-2", "cancel-2"].map(|step| format!("tollbook-{PAYMENT}-{step}"));
    assert_eq!(keys, [capture.as_str(), cancel.as_str(), refund.as_str()]);
}

#[tokio::test]
async fn what_has_failed_is_given_up_and_stays_failed() {
    let mut given_up = intent("canceled");
    given_up["cancellation_reason"] = json!("abandoned");
    given_up["last_payment_error"] = json!({ "type": "card_error", "code": "expired_card", "message": "No." });
    let fake = Fake::saying(Says::json(200, &given_up)).await;
    let (stripe, known) = (fake.stripe(), reference(Some("pi_1")));
    stripe.abandon(&known).await.unwrap();
    let seen = fake.seen();
    assert_eq!(
        (seen[0].uri.as_str(), seen[0].body.as_str()),
        ("/v1/payment_intents/pi_1/cancel", "cancellation_reason=abandoned")
    );
    assert_eq!(seen[0].header("idempotency-key"), format!("tollbook-{PAYMENT}-abandon"));
    let state = ProviderState::Failed { code: "expired_card".to_owned(), message: "No.".to_owned() };
    assert_eq!(stripe.fetch(&known).await, Ok(Observed::Payment { provider_id: "pi_1".to_owned(), state }));
    // Whoever asks to cancel it hears that it is cancelled.
    let cancelled = Observed::Payment { provider_id: "pi_1".to_owned(), state: ProviderState::Cancelled };
    assert_eq!(stripe.cancel(&known).await, Ok(cancelled));
}

#[tokio::test]
async fn an_id_that_is_none_leads_nowhere() {
    let fake = Fake::saying(Says::json(200, &intent("succeeded"))).await;
    for id in ["", "../charges", "pi_1?a=b", "pi_1/cancel", "pi 1"] {
        let error = fake.stripe().fetch(&reference(Some(id))).await.unwrap_err();
        assert!(matches!(&error, CallError::Refused { code, .. } if code == NOT_FOUND), "{id}: {error}");
    }
    assert!(fake.seen().is_empty());
}
