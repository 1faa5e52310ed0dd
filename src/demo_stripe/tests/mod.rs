//! The server as integrations meet it, over HTTP.

mod answers;
mod events;
mod payments;
mod refunds;

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, Url};
use serde_json::{Value, json};

use super::{Settings, Stripe, start};

/// A server, and somebody with a key.
struct Site {
    stripe: Stripe,
    client: Client,
}

/// What was answered.
struct Told {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Told {
    /// The object, which was to be there.
    fn done(self) -> Value {
        assert_eq!(self.status, 200, "{:#}", self.body);
        self.body
    }

    /// The error, which was to be there.
    fn refused(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body["error"].clone()
    }
}

impl Site {
    async fn start() -> Self {
        Self::with(Settings { later_ms: 10, retry_ms: 10, ..Settings::default() }).await
    }

    async fn with(settings: Settings) -> Self {
        let stripe = start(settings).await.unwrap();
        Self { stripe, client: Client::builder().no_proxy().build().unwrap() }
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.stripe.address)).unwrap()
    }

    /// A call of Stripe's API, with a key for it or without; `None` when nothing was answered.
    async fn call(&self, method: Method, path: &str, body: &str, key: Option<&str>) -> Option<Told> {
        let mut request = self.client.request(method, self.url(path)).bearer_auth("sk_test_1");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body.to_owned());
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await.ok()?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Some(Told { status, headers, body: answer.json().await.ok()? })
    }

    async fn post(&self, path: &str, body: &str) -> Told {
        self.call(Method::POST, path, body, None).await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, "", None).await.unwrap().done()
    }

    /// A payment of ten dollars with this payment method, confirmed, and more.
    async fn pay(&self, method: &str, more: &str) -> Told {
        let body = format!("amount=1000&currency=usd&confirm=true&payment_method={method}{more}");
        self.post("/v1/payment_intents", &body).await
    }

    /// Sets up what a test needs.
    async fn pull(&self, lever: &str, body: Value) -> Told {
        let answer = self.client.post(self.url(&format!("/_test/{lever}"))).json(&body).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Told { status, headers, body: answer.json().await.unwrap() }
    }

    /// The types of all events, the oldest first.
    async fn events(&self) -> Vec<String> {
        let events = self.get("/v1/events?limit=100").await;
        let types = events["data"].as_array().unwrap().iter().rev().map(|event| event["type"].as_str().unwrap());
        types.map(str::to_owned).collect()
    }

    /// Waits until there is an event of this type.
    async fn event(&self, kind: &str) -> Value {
        for _ in 0..500 {
            let events = self.get(&format!("/v1/events?type={kind}")).await;
            if let Some(event) = events["data"].get(0) {
                return event.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let events = self.events().await;
        panic!("there is no {kind} among {events:?}");
    }
}

/// A member that is a text.
fn id<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_else(|| panic!("no {name} in {object:#}"))
}

/// Something that goes wrong with the next call.
fn next(behaviour: &str, ms: u64) -> Value {
    json!({ "behaviour": behaviour, "ms": ms })
}
