//! Stripe as a small server of our own shows it: every answer it can give, and every way to give none.

mod calls;
mod errors;
mod messages;
mod states;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use domain::ids::{OrganizationId, PaymentId, RefundId};
use domain::money::Currency;
use domain::payment::MethodRef;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::Stripe;
use crate::{CreatePayment, Hosts, Reference, RefundOrder, Secrets};

/// What came.
#[derive(Debug, Clone)]
struct Seen {
    method: Method,
    uri: String,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// How the server answers.
#[derive(Debug, Clone)]
enum Says {
    /// With this status and body.
    Body(u16, String),
    /// With a redirect to there.
    Redirect(String),
    /// Not at all.
    Nothing,
}

impl Says {
    fn json(status: u16, body: &Value) -> Self {
        Self::Body(status, body.to_string())
    }

    async fn answer(self) -> Response {
        match self {
            Self::Body(status, body) => {
                (StatusCode::from_u16(status).unwrap(), [("request-id", "req_1")], body).into_response()
            }
            Self::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
            Self::Nothing => std::future::pending().await,
        }
    }
}

/// The server. It ends when it is dropped.
struct Fake {
    base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: JoinHandle<()>,
}

impl Fake {
    /// It says the same to all.
    async fn saying(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: String| {
            let (kept, says) = (Arc::clone(&kept), says.clone());
            async move {
                kept.lock().unwrap().push(Seen { method, uri: uri.to_string(), headers, body });
                says.answer().await
            }
        };
        let router = Router::new().fallback(handler);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, seen, serving }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn stripe(&self) -> Stripe {
        stripe(&self.base)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A connector with little patience.
fn stripe(base: &str) -> Stripe {
    let secrets = Secrets { secret_key: "sk_test_1".to_owned(), webhook_secret: "whsec_test_secret".to_owned() };
    let mut stripe = Stripe::new(Some(base), Hosts::Any, &secrets).unwrap();
    stripe.client.set_within(Duration::from_millis(500));
    stripe
}

fn order() -> CreatePayment {
    CreatePayment {
        organization_id: OrganizationId::new(Uuid::from_u128(1)),
        payment_id: PaymentId::new(Uuid::from_u128(2)),
        amount: "10.50".parse().unwrap(),
        currency: Currency::USD,
        method: Some(MethodRef { customer: Some("cus_1".to_owned()), method: "pm_1".to_owned() }),
        manual_capture: false,
        off_session: true,
        description: None,
    }
}

fn reference(provider_id: Option<&str>) -> Reference {
    let CreatePayment { organization_id, payment_id, currency, .. } = order();
    Reference { payment_id, organization_id, provider_id: provider_id.map(str::to_owned), currency, refusals: 0 }
}

fn refund_order() -> RefundOrder {
    let refund_id = RefundId::new(Uuid::from_u128(3));
    RefundOrder { refund_id, amount: "1".parse().unwrap(), reason: "too much".to_owned() }
}

/// Our ids, as Stripe carries them.
fn metadata() -> Value {
    json!({
        "tollbook_payment_id": order().payment_id, "tollbook_organization_id": order().organization_id,
        "tollbook_refund_id": refund_order().refund_id, "more": "of somebody else's",
    })
}

/// A payment as Stripe shows it, with much that does not matter left out.
fn intent(status: &str) -> Value {
    let received = if status == "succeeded" { 1_050 } else { 0 };
    json!({
        "id": "pi_1", "object": "payment_intent", "amount": 1_050, "amount_received": received, "currency": "usd",
        "created": 1_767_225_600, "latest_charge": null, "last_payment_error": null, "metadata": metadata(),
        "next_action": null, "status": status,
    })
}

/// An error as Stripe shows it.
fn error(kind: &str, more: Value) -> Value {
    let mut error = json!({ "type": kind, "message": "It is so.", "doc_url": "https://stripe.com/docs" });
    for (name, value) in more.as_object().unwrap() {
        error[name.as_str()] = value.clone();
    }
    json!({ "error": error })
}
