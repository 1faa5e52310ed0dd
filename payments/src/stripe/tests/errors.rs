//! Every way for a call to go wrong, and what is known then.

use domain::payment::{Observed, ProviderState};
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::*;
use crate::stripe::client::ANSWER_BYTES_MAX;
use crate::{CallError, Connector};

/// What becomes of a creation that is answered like this.
async fn created(says: Says) -> Result<Observed, CallError> {
    Fake::saying(says).await.stripe().create(&order()).await
}

fn named(result: &Result<Observed, CallError>) -> String {
    match result {
        Ok(Observed::Payment { provider_id, state: ProviderState::Failed { code, message } }) => {
            format!("failed {provider_id} {code} {message}")
        }
        Ok(other) => format!("{other:?}"),
        Err(CallError::Unknown(_)) => "unknown".to_owned(),
        Err(CallError::Refused { code, message }) => format!("refused {code} {message}"),
        Err(CallError::Misconfigured(_)) => "misconfigured".to_owned(),
    }
}

#[tokio::test]
async fn each_status_has_its_meaning() {
    let invalid = |code: &str| error("invalid_request_error", json!({ "code": code }));
    let declined = json!({
        "code": "card_declined", "decline_code": "insufficient_funds",
        "payment_intent": intent("requires_payment_method"),
    });
    let expired = json!({ "code": "expired_card", "payment_intent": intent("requires_payment_method") });
    let reserved = json!({ "code": "card_declined", "payment_intent": intent("requires_capture") });
    for (status, body, expected) in [
        (402, error("card_error", declined), "failed pi_1 insufficient_funds It is so."),
        (402, error("card_error", expired), "failed pi_1 expired_card It is so."),
        (402, error("card_error", json!({ "code": "card_declined" })), "refused card_declined It is so."),
        (402, error("card_error", reserved), "refused card_declined It is so."),
        (402, error("invalid_request_error", json!({})), "refused invalid_request_error It is so."),
        (400, invalid("amount_too_small"), "refused amount_too_small It is so."),
        (400, error("invalid_request_error", json!({})), "refused invalid_request_error It is so."),
        (400, invalid("rate_limit"), "unknown"),
        (400, error("idempotency_error", json!({})), "unknown"),
        (404, invalid("resource_missing"), "refused resource_missing It is so."),
        (404, json!({ "message": "Not Found" }), "unknown"),
        (422, invalid("other"), "refused other It is so."),
        (401, error("invalid_request_error", json!({})), "misconfigured"),
        (401, json!("?"), "misconfigured"),
        (403, error("invalid_request_error", json!({})), "misconfigured"),
        (409, error("idempotency_error", json!({ "code": "idempotency_key_in_use" })), "unknown"),
        (424, error("api_error", json!({})), "unknown"),
        (429, invalid("rate_limit"), "unknown"),
        (429, invalid("lock_timeout"), "unknown"),
        (500, error("api_error", json!({})), "unknown"),
        (502, json!("Bad Gateway"), "unknown"),
        (503, error("api_error", json!({})), "unknown"),
        (304, json!({}), "misconfigured"),
        (200, json!({ "id": "pi_1" }), "unknown"),
        (200, json!([]), "unknown"),
    ] {
        let told = body.to_string();
        assert_eq!(named(&created(Says::json(status, &body)).await), expected, "{status} {told}");
    }
}

#[tokio::test]
async fn what_it_has_become_meanwhile_is_seen() {
    let unexpected = |status: &str| {
        let more = json!({ "code": "payment_intent_unexpected_state", "payment_intent": intent(status) });
        Says::json(400, &error("invalid_request_error", more))
    };
    let cancelled =
        async |status: &str| Fake::saying(unexpected(status)).await.stripe().cancel(&reference(Some("pi_1"))).await;
    let seen = cancelled("succeeded").await.unwrap();
    assert!(matches!(seen, Observed::Payment { state: ProviderState::Succeeded { .. }, .. }), "{seen:?}");
    let seen = cancelled("canceled").await.unwrap();
    assert!(matches!(seen, Observed::Payment { state: ProviderState::Cancelled, .. }), "{seen:?}");
    assert_eq!(named(&cancelled("processing").await), "refused payment_intent_unexpected_state It is so.");
}

#[tokio::test]
async fn what_cannot_be_kept_is_unknown() {
    let mut other = intent("succeeded");
    other["currency"] = json!("eur");
    let mut none = intent("succeeded");
    none["currency"] = json!("xxx");
    let mut half = intent("succeeded");
    half["amount_received"] = json!(10.5);
    let mut less = intent("succeeded");
    less["amount_received"] = json!(-1);
    let mut more = intent("succeeded");
    more["amount_received"] = json!(u64::MAX);
    for body in [other, none, half, less, more, intent("dreaming")] {
        assert_eq!(named(&created(Says::json(200, &body)).await), "unknown", "{body}");
    }
}

#[tokio::test]
async fn a_call_without_an_answer_is_unknown() {
    assert_eq!(named(&created(Says::Nothing).await), "unknown");
    assert_eq!(named(&created(Says::Body(200, "{".to_owned())).await), "unknown");
    let large = format!("\"{}\"", " ".repeat(ANSWER_BYTES_MAX));
    assert_eq!(named(&created(Says::Body(200, large)).await), "unknown");

    // Nobody listens any more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(named(&stripe(&base).create(&order()).await), "unknown");

    // The connection is lost after the request.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1_024]).await;
        }
    });
    assert_eq!(named(&stripe(&base).create(&order()).await), "unknown");
    serving.abort();
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Fake::saying(Says::json(200, &intent("succeeded"))).await;
    let here = Fake::saying(Says::Redirect(format!("{}/v1/payment_intents", elsewhere.base))).await;
    let stripe = here.stripe();
    assert_eq!(named(&stripe.create(&order()).await), "misconfigured");
    assert_eq!(named(&stripe.fetch(&reference(Some("pi_1"))).await), "misconfigured");
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn secrets_are_in_no_error() {
    for says in
        [Says::Nothing, Says::json(401, &error("invalid_request_error", json!({}))), Says::Body(500, String::new())]
    {
        let fake = Fake::saying(says).await;
        let stripe = fake.stripe();
        let told = format!("{:?} {stripe:?}", stripe.create(&order()).await);
        assert!(!told.contains("sk_test") && !told.contains("whsec"), "{told}");
    }
    let trouble = created(Says::json(500, &error("api_error", json!({})))).await.unwrap_err();
    assert!(trouble.to_string().contains("req_1"), "{trouble}");
}

#[tokio::test]
async fn words_of_the_provider_are_kept_short() {
    let more = json!({ "code": "c".repeat(1_000), "message": format!("a\nb\u{0}{}", "ä".repeat(1_000)) });
    let error = created(Says::json(400, &error("invalid_request_error", more))).await.unwrap_err();
    let CallError::Refused { code, message } = &error else { panic!("{error}") };
    assert_eq!((code.len(), message.chars().count()), (100, 500));
    assert!(message.starts_with("abää"), "{message}");
}
