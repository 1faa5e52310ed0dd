//! Many keyed charges at once, for tests that pull the ground away meanwhile: what was answered to
//! each, and after a retry of all with the same keys that each exists exactly once.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Answer, Api, Position, Site, decimal};

/// Credits of each customer; far more than the load spends.
const CREDITS: i64 = 1_000_000;
/// Not one but a fraction: a charge that is counted twice or lost shows in the sum.
const AMOUNT: &str = "1.000003";

/// What came back for each charge, in order; `None` when nothing did, or when it was never sent.
pub type Outcomes = Vec<Option<Answer>>;

/// Charges with a key each, spread over customers.
pub struct Load {
    customers: Vec<String>,
    charges: Vec<(String, Value)>,
    next: AtomicUsize,
    acknowledged: AtomicUsize,
}

impl Load {
    /// Makes the customers. Nothing is charged yet.
    pub async fn prepare(api: &Api, customers: usize, charges: usize) -> Arc<Self> {
        Self::prepare_with(api, customers, charges, None).await
    }

    /// The same with some words in each charge: the more, the faster the log grows.
    pub async fn prepare_with(api: &Api, customers: usize, charges: usize, words: Option<&str>) -> Arc<Self> {
        let mut ids = Vec::new();
        for _ in 0..customers {
            ids.push(api.funded(&CREDITS.to_string()).await);
        }
        let charge = |i: usize| {
            let mut body =
                json!({ "customer_id": ids[i % customers], "amount": AMOUNT, "metadata": { "row": i.to_string() } });
            if let Some(words) = words {
                body["description"] = json!(words);
                body["metadata"]["words"] = json!(words);
            }
            (format!("load-{i}"), body)
        };
        Arc::new(Self {
            charges: (0..charges).map(charge).collect(),
            customers: ids,
            next: AtomicUsize::new(0),
            acknowledged: AtomicUsize::new(0),
        })
    }

    /// Sends every charge once from so many tasks. A task ends with the first charge that is not
    /// acknowledged: the others would only run against the same wall.
    pub async fn send(self: &Arc<Self>, api: &Api, tasks: usize) -> Outcomes {
        self.gather(tasks, |load| load.send_in_turn(api.clone())).await
    }

    /// Sends every charge from so many tasks, to these by turns, and again and again until it is acknowledged.
    pub async fn insist<const N: usize>(self: &Arc<Self>, apis: [&Api; N], tasks: usize) -> Outcomes {
        self.gather(tasks, |load| load.insist_in_turn(apis.map(Api::clone))).await
    }

    async fn gather<F>(self: &Arc<Self>, tasks: usize, sender: impl Fn(Arc<Self>) -> F) -> Outcomes
    where
        F: Future<Output = Vec<(usize, Option<Answer>)>> + Send + 'static,
    {
        self.next.store(0, Ordering::SeqCst);
        self.acknowledged.store(0, Ordering::SeqCst);
        let mut senders = JoinSet::new();
        for _ in 0..tasks {
            senders.spawn(sender(self.clone()));
        }
        let mut outcomes = vec![None; self.charges.len()];
        for (i, answer) in senders.join_all().await.into_iter().flatten() {
            outcomes[i] = answer;
        }
        outcomes
    }

    async fn send_in_turn(self: Arc<Self>, api: Api) -> Vec<(usize, Option<Answer>)> {
        let mut outcomes = Vec::new();
        loop {
            let i = self.next.fetch_add(1, Ordering::SeqCst);
            let Some((key, body)) = self.charges.get(i) else { break };
            let answer = api.try_post_keyed("/v1/charges", key, body).await.ok();
            let acknowledged = answer.as_ref().is_some_and(|answer| answer.status == 201);
            outcomes.push((i, answer));
            if !acknowledged {
                break;
            }
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
        outcomes
    }

    async fn insist_in_turn<const N: usize>(self: Arc<Self>, apis: [Api; N]) -> Vec<(usize, Option<Answer>)> {
        let mut outcomes = Vec::new();
        loop {
            let i = self.next.fetch_add(1, Ordering::SeqCst);
            let Some((key, body)) = self.charges.get(i) else { break };
            let answer = apis[i % N].insist("/v1/charges", key, body).await;
            answer.done(201);
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
            outcomes.push((i, Some(answer)));
        }
        outcomes
    }

    /// Sends the last of the charges alone, while all others rest.
    pub async fn send_last(&self, api: &Api) -> Answer {
        let (key, body) = self.charges.last().unwrap();
        api.post_keyed("/v1/charges", key, body).await
    }

    /// How many charges were acknowledged in this round.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// After a fault: `first` is what came back before and during it, `again` what the retry of all
    /// with the same keys got. Gives the highest position.
    pub async fn assert_each_once(&self, site: &Site, api: &Api, first: &Outcomes, again: &Outcomes) -> Position {
        let mut ids = HashSet::new();
        let mut highest = None;
        for (i, (first, again)) in first.iter().zip(again).enumerate() {
            let again = again.as_ref().unwrap_or_else(|| panic!("charge {i} got no answer when it was retried"));
            let charge = again.done(201);
            assert!(ids.insert(charge["id"].as_str().unwrap().to_owned()), "charge {i} has the id of another");
            highest = highest.max(Some(Position::of(&charge)));
            match first {
                Some(first) if first.status == 201 => {
                    assert_eq!(first.body, again.body, "charge {i} was acknowledged and is now another");
                    assert!(again.is_replay(), "charge {i} was acknowledged and then done anew");
                }
                // Neither done nor denied: nobody may be told that money is lacking which is there.
                Some(first) => drop(first.unavailable()),
                None => {}
            }
        }
        assert_eq!(ids.len(), self.charges.len());
        let events = site.events_count(Some("charged")).await;
        assert_eq!(events, i64::try_from(self.charges.len()).unwrap(), "events of charges");
        self.assert_accounts(api).await;
        highest.unwrap()
    }

    async fn assert_accounts(&self, api: &Api) {
        for (c, customer) in self.customers.iter().enumerate() {
            let charges = (c..self.charges.len()).step_by(self.customers.len()).count();
            let spent = Decimal::from(charges) * Decimal::from_str_exact(AMOUNT).unwrap();
            let left = decimal(&api.account(customer).await["credits"]);
            assert_eq!(left, Decimal::from(CREDITS) - spent, "credits of customer {c} after {charges} charges");
        }
    }
}
