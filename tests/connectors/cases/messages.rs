//! Messages: those of the provider say what they say once, all others nothing.

use ::payments::intake::{self, Addressee};
use ::payments::{Secrets, WebhookError};
use chrono::TimeDelta;
use domain::payment::{Action, Observed};
use eventstore::clock;

use crate::demo::Delivery;
use crate::rig::{Rig, amount, succeeded};

pub async fn a_message_says_how_a_payment_stands(rig: Rig) {
    let order = rig.order("pm_card_visa");
    let made = rig.connector.create(&order).await.unwrap();
    let message = rig.demo().message("payment_intent.succeeded").await;
    let message = message.read(rig.connector.as_ref(), clock::now()).unwrap();
    assert_eq!((message.organization_id, message.payment_id), (Some(order.organization_id), Some(order.payment_id)));
    assert_eq!(message.provider_payment_id, rig.known(&order, &made).provider_id);
    assert_eq!(succeeded(message.observed.as_ref().unwrap()), order.amount);
    assert!((clock::now() - message.created_at).abs() < TimeDelta::minutes(5), "{message:?}");

    let payment =
        Addressee { organization_id: order.organization_id, payment_id: order.payment_id, currency: order.currency };
    let command = intake::command(&message, &payment).unwrap();
    assert!(matches!(command.action, Action::Observe(observed) if Some(&observed) == message.observed.as_ref()));
}

/// A message about a payment.
async fn delivered(rig: &Rig) -> Delivery {
    rig.paid("pm_card_visa").await;
    rig.demo().message("payment_intent.succeeded").await
}

pub async fn a_message_with_another_signature_is_refused(rig: Rig) {
    let mut message = delivered(&rig).await;
    let secrets = Secrets { webhook_secret: "whsec_other".to_owned(), ..rig.demo().secrets() };
    let other = rig.demo().connector(&secrets);
    assert_eq!(message.read(other.as_ref(), clock::now()), Err(WebhookError::BadSignature));
    message.headers.insert("stripe-signature", "t=1,v1=00".parse().unwrap());
    assert_eq!(message.read(rig.connector.as_ref(), clock::now()), Err(WebhookError::BadSignature));
    message.headers.remove("stripe-signature");
    assert_eq!(message.read(rig.connector.as_ref(), clock::now()), Err(WebhookError::MissingSignature));
}

pub async fn a_message_that_was_changed_is_refused(rig: Rig) {
    let message = delivered(&rig).await;
    let text = String::from_utf8(message.body.to_vec()).unwrap();
    // More money; and the same, written in another way.
    for changed in [text.replace("1050", "9950"), text.replace('\n', "")] {
        assert_ne!(changed, text);
        let changed = Delivery { body: changed.into(), ..message.clone() };
        assert_eq!(changed.read(rig.connector.as_ref(), clock::now()), Err(WebhookError::BadSignature));
    }
}

pub async fn a_message_of_another_time_is_refused(rig: Rig) {
    let message = delivered(&rig).await;
    for now in [clock::now() + TimeDelta::seconds(310), clock::now() - TimeDelta::seconds(400)] {
        let result = message.read(rig.connector.as_ref(), now);
        assert!(matches!(result, Err(WebhookError::TooOld { .. })), "{result:?}");
    }
}

pub async fn a_message_comes_twice_and_says_the_same(rig: Rig) {
    let first = delivered(&rig).await.read(rig.connector.as_ref(), clock::now()).unwrap();
    rig.demo().replay(&first.provider_event_id).await;
    let second = rig.demo().message("payment_intent.succeeded").await;
    assert_eq!(second.read(rig.connector.as_ref(), clock::now()), Ok(first));
}

pub async fn a_message_of_another_kind_says_nothing(rig: Rig) {
    rig.paid("pm_card_visa").await;
    let message = rig.demo().message("charge.succeeded").await;
    let message = message.read(rig.connector.as_ref(), clock::now()).unwrap();
    assert_eq!((message.provider_type.as_str(), message.observed), ("charge.succeeded", None));
}

pub async fn a_dispute_is_found_by_the_providers_id(rig: Rig) {
    let known = rig.paid("pm_card_createDispute").await;
    let opened = rig.demo().message("charge.dispute.created").await;
    let opened = opened.read(rig.connector.as_ref(), clock::now()).unwrap();
    assert_eq!((opened.payment_id, &opened.provider_payment_id), (None, &known.provider_id));
    let Some(Observed::DisputeOpened { provider_id, amount: disputed, reason }) = opened.observed.clone() else {
        panic!("{opened:?}")
    };
    assert_eq!((disputed, reason.as_str()), (amount("10.50"), "fraudulent"));

    rig.demo().dispute(known.provider_id.as_deref().unwrap(), "won").await;
    let over = Observed::DisputeClosed { provider_id, amount: disputed, won: true };
    for kind in ["charge.dispute.funds_reinstated", "charge.dispute.closed"] {
        let message = rig.demo().message(kind).await.read(rig.connector.as_ref(), clock::now()).unwrap();
        assert_eq!(message.observed.as_ref(), Some(&over), "{kind}");
    }
}

pub async fn no_message_is_taken(rig: Rig) {
    let message = Delivery { headers: axum::http::HeaderMap::new(), body: axum::body::Bytes::new() };
    assert_eq!(message.read(rig.connector.as_ref(), clock::now()), Err(WebhookError::Unsupported));
}
