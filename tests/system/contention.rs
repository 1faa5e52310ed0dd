//! Who else wants the log: transactions that deadlock with an append, an isolation in which they fail, and two
//! processes that charge the same few payers one by one and in batches.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::concurrency::two_servers;
use crate::support::after::{assert_balanced, assert_whole};
use crate::support::api::{list, text};
use crate::support::batch::{BATCH, Batch};
use crate::support::load::Load;
use crate::support::locks::{
    APPEND_WAITS, HOLD, SETTLE_WAITS, TOUCH, on_log, partition, set_for_all, until_waits, waiting,
};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, settle_all};
use crate::support::{Api, Position, Process, Server, Site, assert_amount, caught_up, until};

const CHARGES: &str = "/v1/charges";

/// Puts a row where the next event of a stream belongs; that is never committed.
const TAKE_NEXT_VERSION: &str = "insert into events (position, version, occurred_at, recorded_at, event_id, \
    organization_id, causation_id, correlation_id, partition, schema, stream_id, event_type, actor, request_digest, \
    digest, payload) \
    select position, version + 1, occurred_at, recorded_at, gen_random_uuid(), organization_id, causation_id, \
    correlation_id, 1000, schema, stream_id, event_type, actor, request_digest, digest, payload \
    from events where stream_id = $1 order by version desc limit 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_decided_again() {
    let site = Site::new();
    set_for_all(&site, "deadlock_timeout = '100ms'").await;
    let (one, _two, [a, b]) = two_servers(&site).await;
    let _work = Process::start(&site, &["work"]);
    let batch = Batch::prepare(&a, "deadlock").await;
    let partition = partition(&site).await;

    // It has a row that the batch needs, and will want the log. It leaves it to the other one to find that out.
    let mut foreign = site.pool().begin().await.unwrap();
    sqlx::query("set local deadlock_timeout = '1h'").execute(&mut *foreign).await.unwrap();
    let stream = format!("account:{}", batch.customers[0]);
    let taken = sqlx::query(TAKE_NEXT_VERSION).bind(stream).execute(&mut *foreign).await.unwrap();
    assert_eq!(taken.rows_affected(), 1);
    // The batch is to have the log first.
    let held = on_log(site.pool(), HOLD, partition).await;
    let sending = batch.start(&a);
    until_waits(&site, APPEND_WAITS, &[]).await;
    let wanting = tokio::spawn(async move {
        sqlx::query(HOLD).bind(partition).execute(&mut *foreign).await.unwrap();
        foreign
    });
    until_waits(&site, "select from log_head%", &[]).await;
    held.rollback().await.unwrap();

    // Now each has what the other one waits for, and it is the batch that Postgres throws out.
    let foreign = wanting.await.unwrap();
    until_waits(&site, SETTLE_WAITS, &[]).await;
    assert_eq!(site.events_count(Some("charged")).await, 0);
    foreign.rollback().await.unwrap();
    let answer = sending.await.unwrap().unwrap().done(200);
    assert!(one.log().contains("deadlock detected"), "there was no deadlock");
    batch.assert_each_once(&site, &b, &answer).await;
}

/// All transactions of this database, whoever forgot to ask for another isolation.
async fn appends_that_cannot_be_serialized(isolation: &str) {
    let site = Site::new();
    set_for_all(&site, &format!("default_transaction_isolation = '{isolation}'")).await;
    let (one, _two, [a, b]) = two_servers(&site).await;
    let _work = Process::start(&site, &["work"]);
    let load = Load::prepare(&a, 3, 300).await;
    let first = load.insist([&a, &b], 16).await;
    let again = load.insist([&b, &a], 16).await;
    load.assert_each_once(&site, &a, &first, &again).await;

    // The log moves on under an append that waits for it, and again under the one that is decided anew.
    let partition = partition(&site).await;
    let body = json!({ "customer_id": a.funded("5").await, "amount": "5" });
    let moved = on_log(site.pool(), TOUCH, partition).await;
    let sending = tokio::spawn({
        let (a, body) = (a.clone(), body.clone());
        async move { a.post_keyed(CHARGES, "moved", &body).await }
    });
    until_waits(&site, APPEND_WAITS, &[]).await;
    let next = tokio::spawn(on_log(site.pool(), TOUCH, partition));
    until_waits(&site, "update log_head%", &[]).await;
    moved.commit().await.unwrap();
    let moved = next.await.unwrap();
    // It may also have had the lock before that one, and be done.
    let pool = site.pool();
    until("it waits again, or is done", async || {
        (sending.is_finished() || !waiting(&pool, SETTLE_WAITS).await.is_empty()).then_some(())
    })
    .await;
    moved.commit().await.unwrap();
    let answer = sending.await.unwrap();
    let charge = answer.done(201);
    assert!(!answer.is_replay(), "it was done before it could be");
    assert!(one.log().contains("could not serialize access"), "there was nothing to serialize");
    let again = b.insist(CHARGES, "moved", &body).await;
    assert!(again.is_replay() && again.body == answer.body, "{}", again.text());
    assert_eq!(site.events_count(Some("charged")).await, 301);
    assert_whole(&site, &a, Position::of(&charge)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeatable_read_loses_no_charge() {
    appends_that_cannot_be_serialized("repeatable read").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serializable_loses_no_charge() {
    appends_that_cannot_be_serialized("serializable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_in_charges_and_batches_over_two_processes() {
    let site = Site::new();
    let (_one, _two, [a, b]) = two_servers(&site).await;
    let _work = Process::start(&site, &["work"]);
    let servers = [&a, &b];
    let charge = json!({ "customer_id": a.funded("50").await, "amount": "2.5" });
    let mut item = charge.clone();
    item["idempotency_key"] = json!("one-key");
    let items = json!({ "charges": vec![item; 25] });
    let alone = (0..50).map(|i| servers[i % 2].post_keyed(CHARGES, "one-key", &charge));
    let batched = (0..2).map(|i| servers[i].post(BATCH, &items));
    let (alone, batched) = tokio::join!(join_all(alone), join_all(batched));

    let the_one = alone[0].done(201);
    for answer in &alone {
        assert_eq!(answer.done(201), the_one);
    }
    for answer in &batched {
        for result in list(&answer.done(200)) {
            assert_eq!((&result["status"], &result["charge"]), (&json!(201), &the_one));
        }
    }
    // None when an item of a batch came first.
    assert!(alone.iter().filter(|answer| !answer.is_replay()).count() <= 1);
    assert_eq!(site.events_count(Some("charged")).await, 1);
    assert_amount(&b.account(text(&charge["customer_id"])).await["credits"], "47.5");
    assert_whole(&site, &b, Position::of(&the_one)).await;
}

/// How many charges of one each payer can pay, and how many it is asked for.
const CAN: usize = 50;
const ASKED: usize = 120;

/// Four payers who are charged by turns: by credits, by what may be owed, by a quota, by a session's deposit.
struct Hot {
    customers: [String; 3],
    session: Session,
    /// Key and body of each charge.
    charges: Vec<(String, Value)>,
}

impl Hot {
    async fn payers(app: &ChainApp) -> Self {
        let api = &app.api;
        api.meter("calls", "1").await;
        let customers = [api.funded("50").await, api.customer().await, api.funded("1000").await];
        let room = json!({ "amount": "50" });
        api.put(&format!("/v1/customers/{}/postpaid_limit", customers[1]), &room).await.done(200);
        let quota = json!({ "limit": "50", "period": "total" });
        api.put(&format!("/v1/customers/{}/quotas/calls", customers[2]), &quota).await.done(200);
        let session = Session::open(api, &app.payer().await, Custody::Managed, "50").await;
        let payers = [
            json!({ "customer_id": customers[0], "amount": "1" }),
            json!({ "customer_id": customers[1], "amount": "1" }),
            json!({ "customer_id": customers[2], "meter": "calls", "quantity": "1" }),
            json!({ "session_key_id": session.id, "amount": "1" }),
        ];
        let charges = (0..ASKED * payers.len()).map(|i| (format!("hot-{i}"), payers[i % payers.len()].clone()));
        Self { customers, session, charges: charges.collect() }
    }

    /// Sends half of the charges one by one and half in batches, all at once and by turns to these. What became of
    /// each: its status, and the charge if there is one.
    async fn charge(&self, servers: [&Api; 2]) -> Vec<(u64, Value)> {
        let (alone, batched) = self.charges.split_at(self.charges.len() / 2);
        let alone = alone.iter().enumerate().map(|(i, (key, body))| servers[i / 4 % 2].post_keyed(CHARGES, key, body));
        let batches: Vec<Value> = batched.chunks(48).map(as_batch).collect();
        let batches = batches.iter().enumerate().map(|(i, body)| servers[i % 2].post(BATCH, body));
        let (alone, batches) = tokio::join!(join_all(alone), join_all(batches));
        let mut outcomes: Vec<_> = alone.iter().map(|answer| (u64::from(answer.status), answer.json())).collect();
        for batch in &batches {
            let results = list(&batch.done(200)).to_vec();
            outcomes
                .extend(results.iter().map(|result| (result["status"].as_u64().unwrap(), result["charge"].clone())));
        }
        outcomes
    }

    /// Everybody has paid what they can, and nobody more.
    fn assert_to_the_last(outcomes: &[(u64, Value)]) -> Position {
        for payer in 0..4 {
            let of_payer: Vec<u64> = outcomes.iter().skip(payer).step_by(4).map(|(status, _)| *status).collect();
            let count = |status: u64| of_payer.iter().filter(|other| **other == status).count();
            assert_eq!((count(201), count(402)), (CAN, ASKED - CAN), "payer {payer}: {of_payer:?}");
        }
        let charges: Vec<&Value> = outcomes.iter().filter(|(status, _)| *status == 201).map(|(_, it)| it).collect();
        assert_eq!(charges.iter().map(|charge| text(&charge["id"])).collect::<HashSet<_>>().len(), 4 * CAN);
        charges.into_iter().map(Position::of).max().unwrap()
    }
}

fn as_batch(charges: &[(String, Value)]) -> Value {
    let item = |(key, body): &(String, Value)| {
        let mut item = body.clone();
        item["idempotency_key"] = json!(key);
        item
    };
    json!({ "charges": charges.iter().map(item).collect::<Vec<_>>() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hot_payers_over_two_processes() {
    let app = ChainApp::up().await;
    let other = Server::start(&app.site).await;
    let beside = app.api.at(&other.url);
    let (a, b) = (&app.api, &beside);
    let hot = Hot::payers(&app).await;
    let first = hot.charge([a, b]).await;
    let last = Hot::assert_to_the_last(&first);
    assert_eq!(app.site.events_count(Some("charged")).await, i64::try_from(4 * CAN).unwrap());

    // The same again where it was not before: the same charges, and who was denied has no more now.
    let again = hot.charge([b, a]).await;
    for (i, (first, again)) in first.iter().zip(&again).enumerate() {
        assert_eq!(first.0, again.0, "charge {i}: {} {}", first.1, again.1);
        assert!(first.0 != 201 || first.1 == again.1, "charge {i}: {} {}", first.1, again.1);
    }
    assert_eq!(app.site.events_count(Some("charged")).await, i64::try_from(4 * CAN).unwrap());
    for api in [a, b] {
        assert_amount(&api.account(&hot.customers[0]).await["credits"], "0");
        assert_amount(&api.account(&hot.customers[1]).await["postpaid"], "50");
        assert_amount(&api.account(&hot.customers[2]).await["credits"], "950");
        assert_eq!(hot.session.now(api).await["available"], "0");
    }
    caught_up(a, last).await;
    assert_balanced(a).await;
    settle_all(a).await;
    assert_eq!(app.assert_settled().await, 50 * USDC);
    assert_balanced(a).await;
}
