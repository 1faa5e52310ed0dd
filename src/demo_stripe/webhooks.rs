//! Webhooks: who wants to be told of events, and telling them, signed as Stripe signs.

use std::time::Duration;

use eventstore::clock;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::mpsc;

use super::answer::Refused;
use super::books::{Books, Kind, text};
use super::desk::Desk;
use super::form::Params;
use super::ids;

/// The most endpoints, as Stripe has it.
const ENDPOINTS_MAX: usize = 16;
/// How often an event is sent before it is given up.
const ATTEMPTS_MAX: u32 = 8;
/// How long a receiver may take.
pub const RECEIVER_WITHIN: Duration = Duration::from_secs(10);
/// Who asked for what happened is answered first, unless a test wants it otherwise.
const ANSWER_FIRST: Duration = Duration::from_millis(25);

/// Somebody who is told of events.
#[derive(Debug)]
pub struct Endpoint {
    object: Value,
    secret: String,
}

impl Endpoint {
    /// For these kinds of events, or with `*` for all.
    pub fn new(url: &str, secret: String, events: &[&str], params: &Params, now: i64) -> Result<Self, Refused> {
        let object = json!({
            "id": ids::new(Kind::Endpoint.prefix()), "object": "webhook_endpoint", "api_version": null,
            "application": null, "created": now, "description": params.text("description"),
            "enabled_events": events, "livemode": false, "metadata": params.metadata()?, "status": "enabled",
            "url": url,
        });
        Ok(Self { object, secret })
    }

    /// Whether it is to be told of events of this kind.
    pub fn wants(&self, kind: &str) -> bool {
        let wanted = self.object["enabled_events"].as_array().into_iter().flatten();
        wanted.filter_map(Value::as_str).any(|wanted| wanted == "*" || wanted == kind)
    }

    fn id(&self) -> &str {
        text(&self.object, "id")
    }

    /// An event on its way to it.
    pub fn delivery(&self, event: &Value) -> Delivery {
        Delivery {
            endpoint: self.id().to_owned(),
            url: text(&self.object, "url").to_owned(),
            secret: self.secret.clone(),
            event: text(event, "id").to_owned(),
            // Over several lines: whoever writes it anew before checking the signature finds that it does not fit.
            payload: format!("{event:#}"),
        }
    }
}

/// `POST /v1/webhook_endpoints`: the only answer that has its secret.
pub fn create(books: &mut Books, params: &Params) -> Result<Value, Refused> {
    let url = params.needed("url")?;
    if !Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Err(Refused::param("url", "Invalid URL: An explicit scheme (such as https) must be provided."));
    }
    let events = params.list("enabled_events");
    if events.is_empty() {
        return Err(Refused::needed("enabled_events"));
    }
    let endpoint = Endpoint::new(url, ids::signing_secret(), &events, params, books.now())?;
    if books.endpoints().len() >= ENDPOINTS_MAX {
        return Err(Refused::invalid(format!(
            "You have reached the maximum of {ENDPOINTS_MAX} test webhook endpoints."
        )));
    }
    let mut told = endpoint.object.clone();
    told["secret"] = json!(endpoint.secret);
    books.endpoints().push(endpoint);
    Ok(told)
}

/// `GET /v1/webhook_endpoints`.
pub fn list(books: &mut Books) -> Value {
    let data: Vec<&Value> = books.endpoints().iter().rev().map(|endpoint| &endpoint.object).collect();
    json!({ "object": "list", "url": "/v1/webhook_endpoints", "has_more": false, "data": data })
}

fn place(books: &mut Books, id: &str) -> Result<usize, Refused> {
    let place = books.endpoints().iter().position(|endpoint| endpoint.id() == id);
    place.ok_or_else(|| Refused::missing(Kind::Endpoint, id, "id"))
}

/// `GET /v1/webhook_endpoints/{id}`.
pub fn get(books: &mut Books, id: &str) -> Result<Value, Refused> {
    let place = place(books, id)?;
    Ok(books.endpoints()[place].object.clone())
}

/// `DELETE /v1/webhook_endpoints/{id}`.
pub fn delete(books: &mut Books, id: &str) -> Result<Value, Refused> {
    let place = place(books, id)?;
    books.endpoints().remove(place);
    Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
}

/// An event on its way to an endpoint.
#[derive(Debug, Clone)]
pub struct Delivery {
    endpoint: String,
    url: String,
    secret: String,
    event: String,
    payload: String,
}

impl Delivery {
    /// Sends it until it is taken, with longer and longer pauses, and gives up in the end. Whoever waits for the first
    /// attempt has `tried` dropped after it.
    pub async fn send(self, desk: &Desk, client: &Client, mut tried: Option<mpsc::Sender<()>>) {
        if tried.is_none() {
            tokio::time::sleep(ANSWER_FIRST).await;
        }
        let mut pause = Duration::from_millis(desk.settings.retry_ms);
        for attempt in 1..=ATTEMPTS_MAX {
            let outcome = self.attempt(client).await;
            drop(tried.take());
            let Err(problem) = outcome else {
                desk.books().taken(&self.event);
                return;
            };
            tracing::debug!(event = self.event, attempt, problem, "the webhook was not taken");
            let is_there = desk.books().endpoints().iter().any(|endpoint| endpoint.id() == self.endpoint);
            if !is_there || attempt == ATTEMPTS_MAX {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        tracing::warn!(event = self.event, url = self.url, "an event is not sent any more");
    }

    async fn attempt(&self, client: &Client) -> Result<(), String> {
        let signature = signature(&self.secret, clock::now().timestamp(), &self.payload);
        let request = client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            .header("stripe-signature", signature)
            .body(self.payload.clone());
        let answer = request.send().await.map_err(|error| error.to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(answer.status().to_string()) }
    }
}

/// The header that shows that this payload is from whoever has the secret, and when it was signed.
fn signature(secret: &str, at: i64, payload: &str) -> String {
    let mut signature = format!("t={at},v1=");
    // HMAC takes keys of any length: this cannot fail.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        mac.update(format!("{at}.{payload}").as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        signature.extend(digest.iter().map(|byte| format!("{byte:02x}")));
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_stripes() {
        // By `stripe.webhooks.generateTestHeaderString` of the official client.
        let expected = "t=1700000000,v1=270fd6e584acb2aa58ba0d0be928bb6fe8f0d5b7d11708c5520c8102acb6fad6";
        assert_eq!(signature("whsec_test_secret", 1_700_000_000, "{\n  \"id\": \"evt_1\"\n}"), expected);
    }

    #[test]
    fn an_endpoint_is_told_what_it_wants() {
        let params = Params::default();
        let endpoint = |events: &[&str]| Endpoint::new("http://a", "whsec_1".to_owned(), events, &params, 1).unwrap();
        assert!(endpoint(&["*"]).wants("charge.failed"));
        let some = endpoint(&["charge.failed", "refund.created"]);
        assert!(some.wants("charge.failed") && !some.wants("charge"));
    }
}
