//! The demo Stripe as a process of its own, connectors with it, and messages signed as it signs them.

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};
use sha2::Sha256;

use super::api::text;
use super::{Answer, Api, Process, Site, TestApp, until};

/// Any that begins like this is good there.
pub const SECRET_KEY: &str = "sk_test_system";
/// What connectors without messages of Stripe's are told that theirs are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_of_the_test";
/// A card that pays.
pub const VISA: &str = "pm_card_visa";
/// One that does not.
pub const POOR: &str = "pm_card_visa_chargeDeclinedInsufficientFunds";

/// An installation whose connectors may call this machine, as the demo Stripe is on it.
pub async fn up() -> TestApp {
    let mut site = Site::new();
    site.set("TOLLBOOK_CONNECTORS_PRIVATE", "true".to_owned());
    TestApp::up_on(site).await
}

/// The demo Stripe, running.
pub struct Stripe {
    _process: Process,
    pub url: String,
    api: Api,
}

impl Stripe {
    pub async fn start(site: &Site) -> Self {
        let args = ["demo", "stripe", "--listen", "127.0.0.1:0", "--retry-ms", "100", "--later-ms", "300"];
        let mut process = Process::start(site, &args);
        let url = until("the demo Stripe says where it is", async || {
            process.assert_running();
            let log = process.log();
            let (_, after) = log.split_once("serves on ")?;
            after.split_once('\n').map(|(url, _)| url.to_owned())
        })
        .await;
        Self { _process: process, api: Api::new(&url, SECRET_KEY), url }
    }

    /// A connector with it that no messages come to.
    pub async fn connect_silently(&self, api: &Api) -> String {
        let body = json!({
            "kind": "stripe", "name": "Cards", "secret_key": SECRET_KEY, "webhook_secret": WEBHOOK_SECRET,
            "api_base": self.url,
        });
        text(&api.post("/v1/connectors", &body).await.done(201)["id"]).to_owned()
    }

    /// A connector with it that its messages come to.
    pub async fn connect(&self, api: &Api) -> String {
        let id = self.connect_silently(api).await;
        let url = format!("{}/v1/webhooks/{id}", api.url);
        let endpoint = self.make("/v1/webhook_endpoints", &[("url", &url), ("enabled_events[]", "*")]).await;
        let secrets = json!({ "secret_key": SECRET_KEY, "webhook_secret": endpoint["secret"] });
        api.put(&format!("/v1/connectors/{id}/secrets"), &secrets).await.done(200);
        id
    }

    /// Makes something there, with these parameters.
    pub async fn make(&self, path: &str, params: &[(&str, &str)]) -> Value {
        let mut url = Url::parse(&self.url).unwrap();
        url.query_pairs_mut().extend_pairs(params);
        let request = self.api.request(Method::POST, path);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Answer::of(request.body(url.query().unwrap().to_owned())).await.unwrap().done(200)
    }

    /// A customer of Stripe's with this card: how a customer is to be billed with it.
    pub async fn card_of(&self, customer: &str, card: &str) -> Value {
        let made = self.make("/v1/customers", &[("name", customer)]).await;
        let owner = text(&made["id"]);
        let method = self.make(&format!("/v1/payment_methods/{card}/attach"), &[("customer", owner)]).await;
        json!({ "customer": owner, "method": method["id"] })
    }

    /// Pulls a lever.
    pub async fn lever(&self, name: &str, body: Value) -> Value {
        self.api.post(&format!("/_test/{name}"), &body).await.done(200)
    }

    /// What goes wrong with the next call of this kind.
    pub async fn next(&self, behaviour: &str, on: &str) {
        self.lever("next", json!({ "behaviour": behaviour, "on": on })).await;
    }

    /// All it has of a kind, newest first. There are never more than a page of them here.
    pub async fn all(&self, kind: &str) -> Vec<Value> {
        let page = self.api.get(&format!("/v1/{kind}?limit=100")).await.done(200);
        page["data"].as_array().unwrap().clone()
    }

    /// Its only event of a type, once there is one.
    pub async fn event(&self, kind: &str) -> Value {
        until(&format!("Stripe has an event {kind}"), async || {
            let mut events = self.all("events").await;
            events.retain(|event| event["type"] == kind);
            assert!(events.len() < 2, "{events:?}");
            events.pop()
        })
        .await
    }

    /// Waits until it has no message left to send.
    pub async fn all_told(&self) {
        until("all messages of Stripe were taken", async || {
            let waits = |event: &Value| event["pending_webhooks"] != 0;
            (!self.all("events").await.iter().any(waits)).then_some(())
        })
        .await;
    }

    /// The report of what it has paid out, in the columns that are read.
    pub async fn payouts(&self) -> String {
        let columns = "balance_transaction_id,source_id,payment_intent_id,reporting_category,currency,gross,fee,net,\
                       automatic_payout_effective_at";
        let answer = self.api.get(&format!("/_test/payouts.csv?columns={columns}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }
}

/// The header that says that this was signed with the secret, so many seconds ago.
pub fn signature(secret: &str, seconds_ago: i64, body: &str) -> String {
    let at = eventstore::clock::now().timestamp() - seconds_ago;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

/// A message as Stripe would send it: without an API key.
pub fn message(api: &Api, connector: &str, body: &str) -> RequestBuilder {
    let request = api.anonymous(Method::POST, &format!("/v1/webhooks/{connector}"));
    request.header("content-type", "application/json; charset=utf-8").body(body.to_owned())
}

/// Sends a message that is signed as it should be.
pub async fn tell(api: &Api, connector: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let signed = signature(WEBHOOK_SECRET, 0, &body);
    Answer::of(message(api, connector, &body).header("stripe-signature", signed)).await.unwrap()
}

/// A payment as it is in the log.
pub async fn payment_now(api: &Api, payment: &Value) -> Value {
    api.get(&format!("/v1/payments/{}", text(&payment["id"]))).await.done(200)
}

/// A payment once it has come to this status.
pub async fn payment_that(api: &Api, payment: &Value, status: &str) -> Value {
    until(&format!("the payment is {status}"), async || {
        Some(payment_now(api, payment).await).filter(|now| now["status"] == status)
    })
    .await
}

/// Makes a payment of a customer that belongs to no invoice.
pub async fn pay(api: &Api, customer: &str, connector: &str, card: &str, amount: &str) -> Value {
    let body = json!({
        "customer_id": customer, "amount": amount, "connector_id": connector, "payment_method": { "method": card },
    });
    api.post("/v1/payments", &body).await.done(201)
}

/// The messages that were taken, once the read model knows all of them; newest first.
pub async fn messages(app: &TestApp, filter: &str) -> Vec<Value> {
    let position = super::Position::of(&app.api.post("/v1/customers", &json!({})).await.done(201));
    app.api.list_at(&format!("/v1/webhooks?limit=100{filter}"), position).await
}
