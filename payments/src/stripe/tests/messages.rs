//! Messages: whose they are, what they say, and that nothing else is believed.

use axum::http::HeaderValue;
use domain::Timestamp;
use domain::payment::{Observed, ProviderState, RefundStatus};
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use serde_json::json;
use sha2::Sha256;

use super::*;
use crate::stripe::BODY_BYTES_MAX;
use crate::{Connector, Message, WebhookError};

const SECRET: &str = "whsec_test_secret";
/// 2026-01-01T00:00:00Z.
const AT: i64 = 1_767_225_600;
const BODY: &[u8] =
    br#"{"id":"evt_1","object":"event","type":"payment_intent.processing","created":1767225600,"data":{"object":{}}}"#;
/// By Python's `hmac`, of the body at that time: with our secret, with another one, and a second later.
const RIGHT: &str = "a4d8bf213f906da6701c6357c629a071b38511f53d3732f0c96e4a9aa2c0abad";
const OTHER: &str = "86ce1ea5f89018db4afd0f1941a41f6292721484e87c06cbd9fa03ae5e7110a6";
const LATER: &str = "891afa88d96a9725503837cb586d6756426e0db0cb991e92b1121a34a91b72e2";

fn connector() -> Stripe {
    stripe("http://127.0.0.1:1")
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).unwrap()
}

fn header(text: &str) -> HeaderMap {
    HeaderMap::from_iter([("stripe-signature".parse().unwrap(), HeaderValue::from_str(text).unwrap())])
}

/// As Stripe signs.
fn signed(body: &[u8]) -> HeaderMap {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{AT}.").as_bytes());
    mac.update(body);
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    header(&format!("t={AT},v1={}", data_encoding::HEXLOWER.encode(&digest)))
}

fn parsed(event: &Value) -> Result<Message, WebhookError> {
    let body = event.to_string().into_bytes();
    connector().parse_webhook(&signed(&body), &body, moment(AT))
}

fn event(kind: &str, object: Value) -> Value {
    json!({
        "id": "evt_1", "object": "event", "api_version": "2020-08-27", "created": AT - 5, "livemode": false,
        "type": kind, "data": { "object": object }, "request": { "id": null },
    })
}

#[test]
fn signatures_are_those_of_the_vectors() {
    let verified = |text: &str| crate::stripe::signature::verify(SECRET, &header(text), BODY, moment(AT));
    for right in [
        format!("t={AT},v1={RIGHT}"),
        format!("t={AT}, v1={RIGHT}, v0=0"),
        format!("v1={RIGHT},t={AT}"),
        // While a secret is replaced there are two.
        format!("t={AT},v1={OTHER},v1={RIGHT}"),
        format!("t={AT},v1=zz,v1=,v1={RIGHT}"),
        format!("t={AT},v1={}", RIGHT.to_uppercase()),
    ] {
        assert_eq!(verified(&right), Ok(()), "{right}");
    }
    for wrong in [
        String::new(),
        "t=,v1=".to_owned(),
        format!("t={AT}"),
        format!("v1={RIGHT}"),
        format!("t={AT},v1={OTHER}"),
        format!("t={AT},v1={LATER}"),
        format!("t={},v1={RIGHT}", AT + 1),
        format!("t={AT},v0={RIGHT}"),
        format!("t={AT},v1={}", &RIGHT[..62]),
        format!("t={AT},v1={RIGHT}00"),
        format!("t=now,v1={RIGHT}"),
        format!("t=9{},v1={RIGHT}", "9".repeat(40)),
    ] {
        assert_eq!(verified(&wrong), Err(WebhookError::BadSignature), "{wrong}");
    }
    assert_eq!(verified(&format!("t={},v1={LATER}", AT + 1)), Ok(()));
}

#[test]
fn messages_are_fresh_and_as_they_were_signed() {
    let connector = connector();
    let headers = header(&format!("t={AT},v1={RIGHT}"));
    for (seconds, is_fresh) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
        let result = connector.parse_webhook(&headers, BODY, moment(AT + seconds));
        if is_fresh {
            // Fresh, and no payment.
            assert!(matches!(result, Err(WebhookError::Malformed(_))), "{seconds}: {result:?}");
        } else {
            assert_eq!(result, Err(WebhookError::TooOld { seconds }));
        }
    }
    let now = moment(AT);
    let tampered = [BODY, b" "].concat();
    assert_eq!(connector.parse_webhook(&headers, &tampered, now), Err(WebhookError::BadSignature));
    assert_eq!(connector.parse_webhook(&HeaderMap::new(), BODY, now), Err(WebhookError::MissingSignature));
    let large = vec![b' '; BODY_BYTES_MAX + 1];
    assert_eq!(connector.parse_webhook(&signed(&large), &large, now), Err(WebhookError::TooLarge));
    let large = &large[1..];
    assert!(matches!(connector.parse_webhook(&signed(large), large, now), Err(WebhookError::Malformed(_))));
}

#[test]
fn without_a_secret_no_message_is_taken() {
    // An empty secret would make this right.
    let empty = "29fd3562c4dcd20936fcdd6a013bf0860ef69543a0b419f514d4be4e7ced5e59";
    for webhook_secret in ["", "  "] {
        let secrets = Secrets { secret_key: "sk_test_1".to_owned(), webhook_secret: webhook_secret.to_owned() };
        let connector = Stripe::new(Some("http://127.0.0.1:1"), Hosts::Any, &secrets).unwrap();
        let result = connector.parse_webhook(&header(&format!("t={AT},v1={empty}")), BODY, moment(AT));
        assert_eq!(result, Err(WebhookError::Unsupported));
    }
}

#[test]
fn a_message_about_a_payment_names_ours() {
    let message = parsed(&event("payment_intent.succeeded", intent("succeeded"))).unwrap();
    let state = ProviderState::Succeeded { amount: "10.5".parse().unwrap(), at: moment(AT - 5) };
    assert_eq!(
        message,
        Message {
            provider_event_id: "evt_1".to_owned(),
            provider_type: "payment_intent.succeeded".to_owned(),
            created_at: moment(AT - 5),
            organization_id: Some(order().organization_id),
            payment_id: Some(order().payment_id),
            provider_payment_id: Some("pi_1".to_owned()),
            currency: Some(Currency::USD),
            observed: Some(Observed::Payment { provider_id: "pi_1".to_owned(), state }),
        }
    );
}

#[test]
fn every_kind_of_payment_message_says_how_it_stands() {
    let mut failed = intent("requires_payment_method");
    failed["last_payment_error"] = json!({ "type": "card_error", "code": "card_declined", "message": "No." });
    let refused = ProviderState::Failed { code: "card_declined".to_owned(), message: "No.".to_owned() };
    for (kind, intent, expected) in [
        ("payment_intent.created", intent("requires_payment_method"), None),
        ("payment_intent.partially_funded", intent("requires_action"), None),
        ("payment_intent.processing", intent("processing"), Some(ProviderState::Processing)),
        (
            "payment_intent.requires_action",
            intent("requires_action"),
            Some(ProviderState::ActionRequired { url: None }),
        ),
        ("payment_intent.amount_capturable_updated", intent("requires_capture"), Some(ProviderState::Authorized)),
        ("payment_intent.payment_failed", failed, Some(refused)),
        ("payment_intent.canceled", intent("canceled"), Some(ProviderState::Cancelled)),
    ] {
        let message = parsed(&event(kind, intent)).unwrap();
        assert_eq!(message.payment_id, Some(order().payment_id), "{kind}");
        let expected = expected.map(|state| Observed::Payment { provider_id: "pi_1".to_owned(), state });
        assert_eq!(message.observed, expected, "{kind}");
    }
}

#[test]
fn payments_of_others_say_nothing() {
    let mut theirs = intent("succeeded");
    // In a currency that the ledger does not know.
    theirs["currency"] = json!("isk");
    for metadata in [json!({ "order": "1" }), json!({}), json!(null), json!({ "tollbook_payment_id": "pay_1" })] {
        theirs["metadata"] = metadata;
        let message = parsed(&event("payment_intent.succeeded", theirs.clone())).unwrap();
        assert_eq!((message.payment_id, message.observed, message.currency), (None, None, None));
        assert_eq!(message.provider_payment_id.as_deref(), Some("pi_1"));
    }
}

#[test]
fn refunds_say_what_became_of_them() {
    let refund = |status: &str, metadata: Value| {
        let mut refund = json!({ "id": "re_1", "object": "refund", "payment_intent": "pi_1", "status": status });
        refund["metadata"] = metadata;
        refund
    };
    let (refund_id, provider_id) = (refund_order().refund_id, Some("re_1".to_owned()));
    for (kind, status, expected) in [
        ("refund.created", "pending", RefundStatus::Pending),
        ("refund.updated", "succeeded", RefundStatus::Succeeded),
        ("charge.refund.updated", "succeeded", RefundStatus::Succeeded),
        ("refund.failed", "failed", RefundStatus::Failed),
    ] {
        let message = parsed(&event(kind, refund(status, metadata()))).unwrap();
        assert_eq!((message.payment_id, message.currency), (Some(order().payment_id), None));
        let provider_id = provider_id.clone();
        assert_eq!(message.observed, Some(Observed::Refund { refund_id, provider_id, status: expected }), "{kind}");
    }
    // Made in Stripe's dashboard.
    let message = parsed(&event("refund.created", refund("succeeded", json!({})))).unwrap();
    assert_eq!(
        (message.payment_id, message.provider_payment_id.as_deref(), message.observed),
        (None, Some("pi_1"), None)
    );
    // The refund's own message says it.
    let charge = json!({ "id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": metadata() });
    assert_eq!(parsed(&event("charge.refunded", charge)).unwrap().observed, None);
}

#[test]
fn disputes_are_found_by_stripes_id() {
    let dispute = |status: &str| {
        json!({
            "id": "dp_1", "object": "dispute", "amount": 500, "currency": "usd", "metadata": {}, "reason": "fraudulent",
            "status": status, "payment_intent": "pi_1", "charge": "ch_1",
        })
    };
    let (provider_id, amount) = ("dp_1".to_owned(), "5".parse().unwrap());
    let opened = Observed::DisputeOpened { provider_id: provider_id.clone(), amount, reason: "fraudulent".to_owned() };
    let closed = |won| Some(Observed::DisputeClosed { provider_id: provider_id.clone(), amount, won });
    for (kind, status, expected) in [
        ("charge.dispute.created", "needs_response", Some(opened.clone())),
        ("charge.dispute.funds_withdrawn", "needs_response", Some(opened)),
        ("charge.dispute.created", "warning_needs_response", None),
        ("charge.dispute.created", "prevented", None),
        ("charge.dispute.updated", "under_review", None),
        ("charge.dispute.closed", "won", closed(true)),
        ("charge.dispute.closed", "lost", closed(false)),
        ("charge.dispute.closed", "warning_closed", None),
        ("charge.dispute.funds_reinstated", "won", closed(true)),
    ] {
        let message = parsed(&event(kind, dispute(status))).unwrap();
        assert_eq!((message.payment_id, message.organization_id), (None, None));
        let named = (message.provider_payment_id.as_deref(), message.currency);
        assert_eq!(named, (Some("pi_1"), Some(Currency::USD)));
        assert_eq!(message.observed, expected, "{kind} {status}");
    }
}

#[test]
fn other_kinds_say_nothing_and_broken_ones_are_refused() {
    for kind in ["customer.created", "payout.paid", "something.new"] {
        let message = parsed(&event(kind, json!({ "id": 1 }))).unwrap();
        assert_eq!((message.provider_type.as_str(), message.observed), (kind, None));
    }
    let mut without_id = event("payout.paid", json!({}));
    without_id["id"] = json!("");
    let mut without_time = event("payout.paid", json!({}));
    without_time["created"] = json!(i64::MAX);
    let mut other_amount = intent("succeeded");
    other_amount["amount_received"] = json!("1050");
    for broken in [
        json!([]),
        json!({ "id": "evt_1" }),
        without_id,
        without_time,
        event(&"x".repeat(300), json!({})),
        event("payment_intent.succeeded", json!({})),
        event("payment_intent.succeeded", json!("pi_1")),
        event("payment_intent.succeeded", other_amount),
        event("payment_intent.succeeded", intent("dreaming")),
        event("refund.created", json!([])),
        event("charge.dispute.created", json!(null)),
    ] {
        let result = parsed(&broken);
        assert!(matches!(result, Err(WebhookError::Malformed(_))), "{broken} {result:?}");
    }
}

proptest! {
    #[test]
    fn any_message_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300), text in "[ -~]{0,120}") {
        let connector = connector();
        prop_assert!(connector.parse_webhook(&header(&text), &body, moment(AT)).is_err(), "nobody signed it");
        let _ = connector.parse_webhook(&signed(&body), &body, moment(AT));
    }

    #[test]
    fn a_message_with_something_else_in_it_is_read_or_refused(
        place in 0_usize..12,
        kind in prop::sample::select(vec![
            "payment_intent.succeeded", "payment_intent.payment_failed", "refund.updated", "charge.dispute.closed",
        ]),
        name in prop::sample::select(vec![
            "id", "status", "currency", "amount", "amount_received", "created", "metadata", "latest_charge",
            "last_payment_error", "next_action", "payment_intent", "reason",
        ]),
        number in any::<i64>(),
        text in ".{0,40}",
    ) {
        let values = [
            json!(null), json!(number), json!(text), json!([text]), json!({ "id": text }), json!({ "created": number }),
            json!({ "type": text, "code": number }), json!({ "redirect_to_url": number }), json!(true), json!(1.5),
            json!({ "tollbook_payment_id": text }), json!({ "tollbook_refund_id": number }),
        ];
        let mut object = intent("succeeded");
        object[name] = values[place].clone();
        let _ = parsed(&event(kind, object));
    }

    #[test]
    fn one_changed_byte_is_noticed(place in 0_usize..BODY.len(), change in 1_u8..=255) {
        let mut body = BODY.to_vec();
        body[place] ^= change;
        let headers = header(&format!("t={AT},v1={RIGHT}"));
        let result = connector().parse_webhook(&headers, &body, moment(AT));
        prop_assert_eq!(result, Err(WebhookError::BadSignature));
    }
}
