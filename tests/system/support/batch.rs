//! A batch of the largest size, and what must be true of it whatever happened on its way.

use std::collections::HashSet;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::after::assert_whole;
use super::api::{list, text};
use super::{Answer, Api, Position, Site, decimal};

pub const BATCH: &str = "/v1/charges/batch";
/// The most that one may have.
pub const ITEMS: usize = 1_000;
const CUSTOMERS: usize = 4;
/// Credits of each customer; far more than is spent.
const CREDITS: i64 = 1_000_000;
/// Not one but a fraction: an item that is charged twice or lost shows in the sum.
const AMOUNT: &str = "1.000003";

/// Charges of a few customers by turns, each with a key of its own and its row in its metadata.
pub struct Batch {
    pub customers: Vec<String>,
    pub body: Value,
}

impl Batch {
    /// Makes the customers. Nothing is charged yet.
    pub async fn prepare(api: &Api, name: &str) -> Self {
        let mut customers = Vec::new();
        for _ in 0..CUSTOMERS {
            customers.push(api.funded(&CREDITS.to_string()).await);
        }
        let item = |row: usize| {
            json!({
                "customer_id": customers[row % CUSTOMERS], "amount": AMOUNT,
                "idempotency_key": format!("{name}-{row}"), "metadata": { "row": row.to_string() },
            })
        };
        let items: Vec<Value> = (0..ITEMS).map(item).collect();
        Self { body: json!({ "charges": items }), customers }
    }

    /// Sends it, and does not wait for the answer.
    pub fn start(&self, api: &Api) -> JoinHandle<Result<Answer, reqwest::Error>> {
        let (api, body) = (api.clone(), self.body.clone());
        tokio::spawn(async move { api.try_post_keyed(BATCH, "batch", &body).await })
    }

    /// Every item was answered with a charge of its own, but these.
    #[track_caller]
    pub fn assert_done_but(&self, answer: &Value, but: &[usize]) {
        let results = list(answer);
        assert_eq!((results.len(), &answer["object"]), (ITEMS, &json!("batch")));
        let mut ids = HashSet::new();
        for (row, result) in results.iter().enumerate().filter(|(row, _)| !but.contains(row)) {
            let charge = &result["charge"];
            assert_eq!(result["status"], 201, "item {row}: {result}");
            assert_eq!(charge["metadata"]["row"], row.to_string(), "item {row} has another's charge");
            assert_eq!(charge["customer_id"], self.customers[row % CUSTOMERS].as_str(), "item {row}");
            assert!(ids.insert(text(&charge["id"])), "item {row} has another's charge");
        }
    }

    /// Every customer has paid for its items, but not for these.
    pub async fn assert_paid_but(&self, api: &Api, but: &[usize]) {
        for (c, customer) in self.customers.iter().enumerate() {
            let charges = (c..ITEMS).step_by(CUSTOMERS).filter(|row| !but.contains(row)).count();
            let spent = Decimal::from(charges) * Decimal::from_str_exact(AMOUNT).unwrap();
            let left = decimal(&api.account(customer).await["credits"]);
            assert_eq!(left, Decimal::from(CREDITS) - spent, "credits of customer {c} after {charges} charges");
        }
    }

    /// After a fault: this was the answer to all of it. The same again makes nothing new, and nothing else was
    /// ever charged in this installation.
    pub async fn assert_each_once(&self, site: &Site, api: &Api, answer: &Value) {
        self.assert_done_but(answer, &[]);
        let again = api.post(BATCH, &self.body).await.done(200);
        assert_same(answer, &again);
        assert_eq!(site.events_count(Some("charged")).await, i64::try_from(ITEMS).unwrap());
        self.assert_paid_but(api, &[]).await;
        assert_whole(site, api, Position::of(answer)).await;
    }
}

/// Each item with the same outcome, and the same charge if it was one.
#[track_caller]
pub fn assert_same(first: &Value, again: &Value) {
    let (first, again) = (list(first), list(again));
    assert_eq!(first.len(), again.len());
    for (row, (first, again)) in first.iter().zip(again).enumerate() {
        let outcome =
            |result: &Value| (result["status"].clone(), result["charge"].clone(), result["error"]["code"].clone());
        assert_eq!(outcome(first), outcome(again), "item {row}");
    }
}
