//! The local Stripe, and what is done in its dashboard.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;

use super::Error;
use crate::demo_stripe::{self, Settings, Stripe};
use crate::remote::text;

/// Any that begins like this is good there.
pub const SECRET_KEY: &str = "sk_test_demo";
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A Stripe within this process. It ends when it is dropped.
pub struct Provider {
    stripe: Stripe,
    http: Client,
}

/// A customer of Stripe's, and a card of it.
pub struct Card {
    /// Stripe's id for the customer.
    pub customer: String,
    /// Stripe's id for the payment method.
    pub method: String,
}

impl Provider {
    /// Starts it, on loopback.
    pub async fn start() -> Result<Self, Error> {
        let stripe = demo_stripe::start(Settings::default()).await?;
        Ok(Self { stripe, http: Client::builder().no_proxy().timeout(ANSWER_WITHIN).build()? })
    }

    /// Where its API is.
    pub fn base(&self) -> String {
        format!("http://{}", self.stripe.address)
    }

    /// Has all its messages sent to this address; gives the secret that they are signed with.
    pub async fn send_messages_to(&self, url: &str) -> Result<String, Error> {
        let made = self.make("/v1/webhook_endpoints", &[("url", url), ("enabled_events[]", "*")]).await?;
        Ok(text(&made, "secret")?.to_owned())
    }

    /// Makes a customer with a test card that always pays.
    pub async fn card_of(&self, name: &str) -> Result<Card, Error> {
        let customer = self.make("/v1/customers", &[("name", name)]).await?;
        let customer = text(&customer, "id")?.to_owned();
        let method = self.make("/v1/payment_methods/pm_card_visa/attach", &[("customer", customer.as_str())]).await?;
        Ok(Card { method: text(&method, "id")?.to_owned(), customer })
    }

    /// How many of its messages were not taken yet.
    pub async fn messages_not_taken(&self) -> Result<u64, Error> {
        let events = self.show("/v1/events?limit=100").await?;
        let events = events["data"].as_array().ok_or("Stripe's events are no list")?;
        Ok(events.iter().filter_map(|event| event["pending_webhooks"].as_u64()).sum())
    }

    /// What it has paid out, as its report says it.
    pub async fn payouts(&self) -> Result<String, Error> {
        let report = self.http.get(format!("{}/_test/payouts.csv", self.base())).send().await?;
        Ok(report.error_for_status()?.text().await?)
    }

    async fn make(&self, path: &str, params: &[(&str, &str)]) -> Result<Value, Error> {
        let mut url = Url::parse(&format!("{}{path}", self.base()))?;
        url.query_pairs_mut().extend_pairs(params);
        // Encoded as a form is.
        let form = url.query().unwrap_or_default().to_owned();
        url.set_query(None);
        send(self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)).await
    }

    async fn show(&self, path: &str) -> Result<Value, Error> {
        send(self.http.get(format!("{}{path}", self.base()))).await
    }
}

async fn send(request: RequestBuilder) -> Result<Value, Error> {
    let answer = request.bearer_auth(SECRET_KEY).send().await?;
    let status = answer.status();
    let body: Value = answer.json().await?;
    if status.is_success() { Ok(body) } else { Err(format!("the local Stripe: {status}: {body}").into()) }
}
