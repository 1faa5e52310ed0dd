//! The part of the HTTP API that runs through the gateway use: routes, prices of models, gateway keys, and the last
//! charge of a payer. Only what is needed of each answer is read.

use chrono::{DateTime, Utc};
use reqwest::Method;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::client::{Charge, Client, Payer, Position};
use super::transport::CallError;

/// A route that is there.
#[derive(Debug, Deserialize)]
pub struct RouteState {
    /// Its id, `rte_…`.
    pub id: String,
    /// Its pattern of paths.
    pub path: String,
}

/// A gateway key that was made.
#[derive(Debug, Deserialize)]
pub struct NewGatewayKey {
    /// The secret; missing when the key was made before, with the same idempotency key.
    pub secret: Option<String>,
}

/// The member that names a payer, and its id.
const fn named<'a>(payer: Payer<'a>) -> (&'static str, &'a str) {
    match payer {
        Payer::Customer(id) => ("customer_id", id),
        Payer::Session(id, _) => ("session_key_id", id),
    }
}

impl Client {
    /// Sets what a million tokens of a model cost: given to it, and given back. What it remembers costs the same.
    pub async fn put_model(&self, key: &str, model: &str, million: [Decimal; 2]) -> Result<(), CallError> {
        let [input, output] = million;
        let price = json!({
            "model": model, "input_per_million": input, "cached_input_per_million": input, "output_per_million": output,
        });
        let done = self.write::<IgnoredAny>(Method::PUT, &["models"], key, &json!({ "models": [price] })).await;
        done.map(drop)
    }

    /// Takes a model off the price list.
    pub async fn delete_model(&self, key: &str, model: &str) -> Result<(), CallError> {
        self.delete(&["models", model], key).await
    }

    /// All routes, as of `at` or later.
    pub async fn routes(&self, at: Position) -> Result<Vec<RouteState>, CallError> {
        let mut all = Vec::new();
        self.each("routes", &[], "cursor", at, |route| all.push(route)).await?;
        Ok(all)
    }

    /// Makes a route, or sets the one with this id anew.
    pub async fn set_route(&self, key: &str, id: Option<&str>, route: &Value) -> Result<RouteState, CallError> {
        let answer = match id {
            Some(id) => self.write(Method::PUT, &["routes", id], key, route).await?,
            None => self.write(Method::POST, &["routes"], key, route).await?,
        };
        Ok(answer.value)
    }

    /// Takes a route away.
    pub async fn delete_route(&self, key: &str, id: &str) -> Result<(), CallError> {
        self.delete(&["routes", id], key).await
    }

    /// Makes a key that pays at the gateway for this payer.
    pub async fn create_gateway_key(
        &self,
        key: &str,
        payer: Payer<'_>,
        expires_at: DateTime<Utc>,
    ) -> Result<NewGatewayKey, CallError> {
        let (member, id) = named(payer);
        let body = json!({ member: id, "name": "simulate", "expires_at": expires_at });
        Ok(self.write(Method::POST, &["gateway_keys"], key, &body).await?.value)
    }

    /// Where the last charge of a payer is in the log; `None` when it was never charged.
    pub async fn last_charge(&self, payer: Payer<'_>) -> Result<Option<Position>, CallError> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<Charge>,
        }
        let page: Page = self.list(&["charges"], &[named(payer), ("limit", "1")]).await?;
        Ok(page.data.first().and_then(|charge| charge.position))
    }
}
