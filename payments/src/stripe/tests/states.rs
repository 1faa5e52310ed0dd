//! What Stripe's payments say, in each of their states.

use domain::Timestamp;
use domain::payment::{Observed, ProviderState};
use serde_json::json;

use super::*;
use crate::stripe::objects::Intent;

fn state(intent: &Value, told_at: Option<Timestamp>) -> Option<ProviderState> {
    let intent: Intent = serde_json::from_value(intent.clone()).unwrap();
    intent.observed(told_at).map(|observed| match observed {
        Observed::Payment { provider_id, state } => {
            assert_eq!(provider_id, "pi_1");
            state
        }
        other => panic!("{other:?}"),
    })
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn every_status_is_known() {
    let succeeded = ProviderState::Succeeded { amount: "10.50".parse().unwrap(), at: at("2026-01-01T00:00:00Z") };
    let waiting = ProviderState::ActionRequired { url: None };
    for (status, expected) in [
        ("requires_payment_method", Some(waiting.clone())),
        ("requires_confirmation", Some(waiting.clone())),
        ("requires_action", Some(waiting)),
        ("processing", Some(ProviderState::Processing)),
        ("requires_capture", Some(ProviderState::Authorized)),
        ("succeeded", Some(succeeded)),
        ("canceled", Some(ProviderState::Cancelled)),
        ("something_new", None),
    ] {
        assert_eq!(state(&intent(status), None), expected, "{status}");
    }
}

#[test]
fn a_failure_has_a_code_and_words() {
    for (error, code, message) in [
        (
            json!({ "type": "card_error", "code": "card_declined", "decline_code": "lost_card", "message": "No." }),
            "lost_card",
            "No.",
        ),
        (json!({ "type": "card_error", "code": "expired_card", "message": "No." }), "expired_card", "No."),
        (json!({ "type": "api_error" }), "api_error", ""),
        (json!({}), "unknown", ""),
    ] {
        let mut intent = intent("requires_payment_method");
        intent["last_payment_error"] = error;
        let expected = ProviderState::Failed { code: code.to_owned(), message: message.to_owned() };
        assert_eq!(state(&intent, None), Some(expected));
    }
}

#[test]
fn what_was_cancelled_was_cancelled_unless_it_had_failed() {
    let mut intent = intent("canceled");
    for (reason, error, is_failed) in [
        (json!(null), json!(null), false),
        (json!("requested_by_customer"), json!({ "code": "expired_card" }), false),
        // By hand, of one that was reserved.
        (json!("abandoned"), json!(null), false),
        (json!("abandoned"), json!({ "code": "expired_card" }), true),
    ] {
        intent["cancellation_reason"] = reason;
        intent["last_payment_error"] = error;
        let failed = ProviderState::Failed { code: "expired_card".to_owned(), message: String::new() };
        assert_eq!(state(&intent, None), Some(if is_failed { failed } else { ProviderState::Cancelled }), "{intent}");
    }
}

#[test]
fn a_customer_is_sent_where_stripe_says() {
    let mut intent = intent("requires_action");
    intent["next_action"] = json!({ "type": "use_stripe_sdk", "use_stripe_sdk": {} });
    assert_eq!(state(&intent, None), Some(ProviderState::ActionRequired { url: None }));
    intent["next_action"] = json!({ "type": "redirect_to_url", "redirect_to_url": { "url": "https://a.example/b" } });
    let url = Some("https://a.example/b".to_owned());
    assert_eq!(state(&intent, None), Some(ProviderState::ActionRequired { url }));
    // Too long, or with what lets whoever reads the log act as the customer.
    for url in ["x".repeat(3_000), "https://a.example/b?client_secret=src_1_secret_2".to_owned()] {
        intent["next_action"]["redirect_to_url"]["url"] = json!(url);
        assert_eq!(state(&intent, None), Some(ProviderState::ActionRequired { url: None }));
    }
}

#[test]
fn a_part_that_was_captured_is_what_has_come() {
    let mut intent = intent("succeeded");
    intent["amount_received"] = json!(600);
    let expected = ProviderState::Succeeded { amount: "6".parse().unwrap(), at: at("2026-01-01T00:00:00Z") };
    assert_eq!(state(&intent, None), Some(expected));
}

#[test]
fn money_came_when_it_was_booked_or_as_well_as_is_known() {
    let paid_at = |intent: &Value, told_at| match state(intent, told_at) {
        Some(ProviderState::Succeeded { at, .. }) => at,
        other => panic!("{other:?}"),
    };
    let told_at = Some(at("2026-01-03T00:00:00Z"));
    let mut intent = intent("succeeded");
    assert_eq!(paid_at(&intent, None), at("2026-01-01T00:00:00Z"));
    intent["latest_charge"] = json!("ch_1");
    assert_eq!(paid_at(&intent, told_at), at("2026-01-03T00:00:00Z"));
    intent["latest_charge"] = json!({ "id": "ch_1", "created": 1_767_312_000, "balance_transaction": null });
    assert_eq!(paid_at(&intent, None), at("2026-01-02T00:00:00Z"));
    intent["latest_charge"]["balance_transaction"] = json!({ "id": "txn_1", "created": 1_767_484_800 });
    assert_eq!(paid_at(&intent, told_at), at("2026-01-04T00:00:00Z"));
}
