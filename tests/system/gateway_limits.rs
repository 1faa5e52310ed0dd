//! What is too much: more requests than a rate lets, larger bodies than a route takes, more at once than there is money
//! for.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::gateway::{
    CENT_UNITS, Upstream, assert_cost, assert_settled_up, bearer, cent, charges, gateway, gateway_key, get_paid, offer,
    refused, route_to, set_route,
};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, settle_all};
use crate::support::{Answer, Api, TestApp, assert_amount};

fn priced(upstream: &Upstream, path: &str, limits: Value) -> Value {
    let mut route = route_to(upstream, path, json!({ "per_request": "0.01", "currencies": ["USD"] }));
    route["limits"] = limits;
    route
}

/// One request too many, by this rate.
#[track_caller]
fn assert_limited(answer: &Answer, by: &str, requests: u32) {
    let problem = refused(answer, 429, "rate_limited");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3_600).contains(&seconds), "{seconds}");
    assert_eq!((&problem["limited_by"], &problem["retry_after"]), (&json!(by), &json!(seconds)), "{problem}");
    let (policy, standing) = (answer.header("ratelimit-policy").unwrap(), answer.header("ratelimit").unwrap());
    assert!(policy.contains(&format!("\"{by}\";q={requests};w=3600")), "{policy}");
    assert!(standing.contains(&format!("\"{by}\";r=0;")), "{standing}");
}

#[tokio::test]
async fn rates_of_payers_addresses_routes_and_keys() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    let rate = |requests: u32| json!({ "requests": requests, "per_secs": 3_600 });
    set_route(api, priced(&upstream, "/echo/payer", json!({ "per_payer": rate(3) }))).await;
    set_route(api, priced(&upstream, "/echo/ip", json!({ "per_ip": rate(4) }))).await;
    set_route(api, priced(&upstream, "/echo/all", json!({ "total": rate(5) }))).await;
    set_route(api, priced(&upstream, "/echo/free", json!({}))).await;
    let (customer, gate) = bearer(&app, "1").await;
    let (_, other) = bearer(&app, "1").await;

    for left in [2, 1, 0] {
        let answer = gate.get("/echo/payer").await;
        assert_cost(&answer, "0.01");
        assert!(answer.header("ratelimit").unwrap().contains(&format!("\"payer\";r={left};")), "{:?}", answer.headers);
    }
    for _ in 0..2 {
        assert_limited(&gate.get("/echo/payer").await, "payer", 3);
    }
    // Another payer has its own; whoever has another key of the same payer has not.
    assert_cost(&other.get("/echo/payer").await, "0.01");
    let second = gateway(&app, &gateway_key(api, json!({ "customer_id": customer })).await);
    assert_limited(&second.get("/echo/payer").await, "payer", 3);
    for gate in [&gate, &other, &gate, &other] {
        assert_cost(&gate.get("/echo/ip").await, "0.01");
    }
    assert_limited(&gate.get("/echo/ip").await, "ip", 4);
    assert_limited(&other.get("/echo/ip").await, "ip", 4);
    for gate in [&gate, &other, &gate, &other, &gate] {
        assert_cost(&gate.get("/echo/all").await, "0.01");
    }
    assert_limited(&other.get("/echo/all").await, "route", 5);

    // A key may have a rate of its own, over all routes.
    let limited = json!({ "customer_id": api.funded("1").await, "rate": rate(2) });
    let limited = gateway(&app, &gateway_key(api, limited).await);
    assert_cost(&limited.get("/echo/free").await, "0.01");
    assert_cost(&limited.get("/echo/payer").await, "0.01");
    assert_limited(&limited.get("/echo/free").await, "key", 2);
    // What was refused came to nobody and cost nothing.
    assert_eq!(upstream.calls().await, 3 + 1 + 4 + 5 + 2);
    assert_eq!(charges(api, &format!("customer_id={customer}")).await.len(), 3 + 2 + 3);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn bodies_and_headers_that_are_too_large() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, priced(&upstream, "/echo", json!({ "request_bytes_max": 1_000 }))).await;
    let (customer, gate) = bearer(&app, "1").await;
    let post = |bytes: usize| Answer::of(gate.request(Method::POST, "/echo").body(vec![b'x'; bytes]));
    assert_cost(&post(1_000).await.unwrap(), "0.01");
    refused(&post(1_001).await.unwrap(), 413, "body_too_large");
    // Also one that does not say how large it will be.
    let piece = "64\r\n".to_owned() + &"x".repeat(100) + "\r\n";
    let chunked = |pieces: usize| format!("transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", piece.repeat(pieces));
    let (status, answer) = gate.send_raw("/echo", chunked(10)).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = gate.send_raw("/echo", chunked(11)).await;
    assert!(status == 413 && answer.contains("body_too_large"), "{answer}");
    let long = gate.request(Method::GET, "/echo").header("x-long", "x".repeat(40_000));
    let answer = Answer::of(long).await.unwrap();
    refused(&answer, 431, "headers_too_large");
    assert_eq!((upstream.calls().await, charges(api, &format!("customer_id={customer}")).await.len()), (2, 2));
    assert_settled_up(&app).await;
}

/// Fifty at once: ten are answered, and the others told that nothing is left.
async fn race(answers: impl Iterator<Item = impl Future<Output = Answer>>, code: &str) {
    let answers = join_all(answers).await;
    let (paid, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    for other in &others {
        refused(other, 402, code);
    }
    assert_eq!((paid.len(), others.len()), (10, 40));
    for answer in paid {
        assert_cost(answer, "0.01");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_with_a_budget_for_ten() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo", cent())).await;

    let (customer, gate) = bearer(&app, "0.1").await;
    race((0..50).map(|_| gate.get("/echo")), "insufficient_funds").await;
    assert_amount(&api.account(&customer).await["available"], "0");

    let payer = app.payer().await;
    let managed = Session::open(api, &payer, Custody::Managed, "0.1").await;
    let gate = gateway(&app, &gateway_key(api, json!({ "session_key_id": managed.id })).await);
    race((0..50).map(|_| gate.get("/echo")), "insufficient_deposit").await;
    assert_amount(&managed.now(api).await["available"], "0");

    let signing = Session::open(api, &payer, Custody::Client, "0.1").await;
    let gate = gateway(&app, "");
    let offered = offer(&Answer::of(gate.anonymous(Method::GET, "/echo")).await.unwrap(), "session");
    // Everything is signed for from the beginning, so it is the deposit that decides.
    let ask = |_: i32| get_paid(&gate, "/echo", &offered, &signing, 10 * CENT_UNITS);
    race((0..50).map(ask), "insufficient_deposit").await;
    assert_amount(&signing.now(api).await["charged"], "0.1");

    // And one after the other signed for, as many as there is a signature for.
    let other = Session::open(api, &payer, Custody::Client, "1").await;
    let ask = |_: i32| get_paid(&gate, "/echo", &offered, &other, 10 * CENT_UNITS);
    race((0..50).map(ask), "voucher_too_low").await;
    assert_amount(&other.now(api).await["charged"], "0.1");

    assert_eq!(upstream.calls().await, 40);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 3 * USDC / 10);
    assert_settled_up(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_is_shared_by_all_ways_in() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, priced(&upstream, "/echo", json!({}))).await;
    let (customer, gate) = bearer(&app, "0.1").await;
    let nested = Api::new(&format!("{}/gw", api.url), &gate.key);
    let second = gateway(&app, &gateway_key(api, json!({ "customer_id": customer })).await);
    let gates = [&gate, &nested, &second];
    race((0..50).map(|number| gates[number % 3].get("/echo")), "insufficient_funds").await;
    assert_eq!(upstream.calls().await, 10);
    assert_eq!(charges(api, &format!("customer_id={customer}")).await.len(), 10);
    assert_settled_up(&app).await;
}
