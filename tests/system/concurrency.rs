//! Many at once: whatever the order in which requests meet, and whichever process they meet in,
//! no key is charged twice and nobody spends more than there is.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::json;

use crate::support::api::text;
use crate::support::sessions::{ChainApp, Custody, Session, USDC, settle_all};
use crate::support::{Answer, Api, Position, Process, Server, Site, TestApp, assert_amount, caught_up, until};

/// Statuses with how often they came.
fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// 200 charges of 1 against credits of 50, dealt out to these servers.
async fn race_for_50(servers: &[&Api]) -> String {
    let customer = servers[0].funded("50").await;
    let answers = join_all((0..200).map(|i| servers[i % servers.len()].charge(&customer, "1"))).await;
    assert_eq!((count(&answers, 201), count(&answers, 402)), (50, 150));
    for refused in answers.iter().filter(|answer| answer.status == 402) {
        refused.problem(402, "insufficient_funds");
    }
    for api in servers {
        assert_amount(&api.account(&customer).await["credits"], "0");
    }
    customer
}

/// 100 charges with one key, dealt out to these servers. Gives the charge's id.
async fn race_with_one_key(servers: &[&Api], key: &str) -> String {
    let customer = servers[0].funded("50").await;
    let body = json!({ "customer_id": customer, "amount": "2" });
    let answers = join_all((0..100).map(|i| servers[i % servers.len()].post_keyed("/v1/charges", key, &body))).await;
    assert_eq!(count(&answers, 201), 100, "{:?}", answers.iter().find(|answer| answer.status != 201));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(answers.iter().filter(|answer| !answer.is_replay()).count(), 1, "one did it, the others repeat");
    assert_amount(&servers[0].account(&customer).await["credits"], "48");
    text(&answers[0].json()["id"]).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_charges_in_one_process() {
    let app = TestApp::up().await;
    race_with_one_key(&[&app.api], "one-key").await;
    assert_eq!(app.site.events_count(Some("charged")).await, 1);
    race_for_50(&[&app.api]).await;
    assert_eq!(app.site.events_count(Some("charged")).await, 51);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_with_two_bodies_at_once_is_one_charge() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("50").await;
    let bodies = ["3", "4"].map(|amount| json!({ "customer_id": customer, "amount": amount }));
    let answers = join_all((0..100).map(|i| api.post_keyed("/v1/charges", "torn", &bodies[i % 2]))).await;
    assert_eq!((count(&answers, 201), count(&answers, 422)), (50, 50));
    for refused in answers.iter().filter(|answer| answer.status == 422) {
        refused.problem(422, "idempotency_key_reused");
    }
    // Whichever body came first, all who sent it hear the same.
    let ids: HashSet<_> = answers.iter().filter(|answer| answer.status == 201).map(|answer| answer.text()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(app.site.events_count(Some("charged")).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_customers_do_not_disturb_each_other() {
    const CUSTOMERS: usize = 25;
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    let customers = join_all((0..CUSTOMERS).map(|_| api.funded("5"))).await;
    assert_eq!(customers.iter().collect::<HashSet<_>>().len(), CUSTOMERS);

    // Everybody has the money for 20 calls and tries 30; some have a quota of 20 as well.
    for customer in &customers[CUSTOMERS - 8..] {
        let limit = json!({ "limit": "20", "period": "total" });
        api.put(&format!("/v1/customers/{customer}/quotas/calls"), &limit).await.done(200);
    }
    let charges = (0..30).flat_map(|_| customers.iter().map(|customer| api.charge_metered(customer, "calls", "1")));
    let answers = join_all(charges).await;
    let highest = answers.iter().filter(|a| a.status == 201).map(|a| Position::of(&a.json())).max().unwrap();
    for (i, customer) in customers.iter().enumerate() {
        let of_customer: Vec<_> = answers.iter().skip(i).step_by(CUSTOMERS).cloned().collect();
        assert_eq!((count(&of_customer, 201), count(&of_customer, 402)), (20, 10), "customer {i}");
        let code = if i < CUSTOMERS - 8 { "insufficient_funds" } else { "quota_exceeded" };
        for refused in of_customer.iter().filter(|answer| answer.status == 402) {
            refused.problem(402, code);
        }
        assert_amount(&api.account(customer).await["credits"], "0");
        let quotas = api.list_at(&format!("/v1/quotas?customer_id={customer}"), highest).await;
        assert_amount(&quotas[0]["charged"], "5");
    }
    caught_up(api, highest).await;
    app.site.assert_clean().await;
}

/// Two processes that serve one database, and the organization they serve.
pub async fn two_servers(site: &Site) -> (Server, Server, [Api; 2]) {
    site.tollbook(&["migrate"], &[]).await.expect_code(0);
    let key = site.organization("Acme").await;
    let (one, two) = (Server::start(site).await, Server::start(site).await);
    let apis = [Api::new(&one.url, &key), Api::new(&two.url, &key)];
    (one, two, apis)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_charges_over_two_processes() {
    let site = Site::new();
    let (_one, _two, [a, b]) = two_servers(&site).await;
    // Roles share nothing but Postgres and NATS: the read models of both come from this process.
    let _work = Process::start(&site, &["work"]);

    let id = race_with_one_key(&[&a, &b], "one-key").await;
    for api in [&a, &b] {
        assert_eq!(api.get(&format!("/v1/charges/{id}")).await.done(200)["id"], id);
    }
    assert_eq!(site.events_count(Some("charged")).await, 1);
    let customer = race_for_50(&[&a, &b]).await;
    assert_eq!(site.events_count(Some("charged")).await, 51);

    // The one grants what the other spends, at once.
    for _ in 0..10 {
        a.credits(&customer, json!({ "amount": "1" })).await;
        b.charge(&customer, "1").await.done(201);
        b.credits(&customer, json!({ "amount": "1" })).await;
        a.charge(&customer, "1").await.done(201);
    }
    let last = a.credits(&customer, json!({ "amount": "1" })).await;
    for api in [&a, &b] {
        let quotas = api.list_at(&format!("/v1/quotas?customer_id={customer}"), Position::of(&last)).await;
        assert_amount(&quotas[0]["charged"], "70");
        assert_amount(&quotas[0]["credits"]["remaining"], "1");
    }
    caught_up(&a, Position::of(&last)).await;
    site.assert_clean().await;
}

#[tokio::test]
async fn what_one_process_changes_the_other_knows() {
    let site = Site::new();
    let (_one, _two, [a, b]) = two_servers(&site).await;
    // A price.
    let customer = a.funded("100").await;
    a.meter("calls", "1").await;
    let charge = |quantity: &'static str| b.charge_metered(&customer, "calls", quantity);
    let first = until("the other process knows the meter", async || {
        Some(charge("1").await).filter(|answer| answer.status == 201)
    })
    .await;
    assert_amount(&first.json()["amount"], "1");
    a.meter("calls", "2").await;
    until("the other process knows the new price", async || {
        Some(charge("1").await.done(201)).filter(|charge| charge["amount"] == "2")
    })
    .await;

    // A key, warm in both, that one of them revokes.
    let key = a.post("/v1/api_keys", &json!({ "name": "short" })).await.done(201);
    let (warm_a, warm_b) = (a.with_key(text(&key["secret"])), b.with_key(text(&key["secret"])));
    warm_a.get("/v1/organization").await.done(200);
    warm_b.get("/v1/organization").await.done(200);
    let revoked = a.post(&format!("/v1/api_keys/{}/revoke", text(&key["id"])), &json!({})).await.done(200);
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    warm_a.get("/v1/organization").await.problem(401, "unauthenticated");
    let refused = until("the other process refuses the key", async || {
        Some(warm_b.get("/v1/organization").await).filter(|answer| answer.status != 200)
    })
    .await;
    refused.problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_keys_in_two_processes() {
    let app = ChainApp::up().await;
    let other = Server::start(&app.site).await;
    let servers = [app.api.clone(), app.api.at(&other.url)];
    let customer = app.payer().await;

    // Signed once, sent often: it goes to the chain once.
    let managed = Session::draw_up(&app.api, &customer, Custody::Managed, "10", json!({})).await;
    let (path, opening) = (managed.path("register"), managed.opening());
    let answers = join_all((0..6).map(|i| servers[i % 2].post(&path, &opening))).await;
    assert_eq!((count(&answers, 202), count(&answers, 409)), (1, 5));
    managed.active(&app.api).await;
    assert_eq!(app.site.events_count(Some("enqueued")).await, 1);

    // A deposit for ten is spent by ten, whoever holds the key.
    let client = Session::open(&app.api, &customer, Custody::Client, "10").await;
    for session in [&managed, &client] {
        let answers = join_all((0..100).map(|i| session.charge(&servers[i % 2], "1", 10 * USDC))).await;
        assert_eq!((count(&answers, 201), count(&answers, 402)), (10, 90));
        assert_eq!(session.now(&servers[1]).await["available"], "0");
    }
    // What one process has stopped is stopped in the other.
    let stopped = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    for round in 0..10 {
        let (here, there) = (&servers[round % 2], &servers[(round + 1) % 2]);
        stopped.charge_plain(there, "0.1").await.done(201);
        here.post(&stopped.path("freeze"), &json!({})).await.done(200);
        stopped.charge_plain(there, "0.1").await.problem(409, "session_frozen");
        there.post(&stopped.path("unfreeze"), &json!({})).await.done(200);
    }
    // Settled by many at once: paid once.
    let body = json!({});
    let wishes = join_all((0..8).map(|i| servers[i % 2].post("/v1/settlements", &body))).await;
    assert_eq!(count(&wishes, 202), 8);
    settle_all(&app.api).await;
    assert_eq!(app.assert_settled().await, 21 * USDC);
}
