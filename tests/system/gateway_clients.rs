//! Clients that do not behave: they leave in the middle, read slowly or not at all, say a byte and wait. What was
//! delivered is paid for, nothing stays held, others are served meanwhile, and no descriptor is left behind.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::gateway::{
    MODEL, Upstream, assert_cost, assert_settled_up, bearer, charges, chat, connect, models_route, price_models,
    quantity, route_to, set_route, until_charged,
};
use crate::support::{Answer, Api, TestApp, decimal, until};

/// Slow clients at once.
const SLOW: usize = 400;
/// What a process may open beside its clients while it works: connections to its database and the like.
const SPARE_FILES: usize = 40;

/// The bytes of a request with a key, for a client that is none.
fn request(gate: &Api, method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let (host, key, length) = (gate.url.trim_start_matches("http://"), &gate.key, body.len());
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Reads until this text has come so often, and gives all that came.
async fn read_until(socket: &mut TcpStream, text: &str, times: usize) -> String {
    let (mut came, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let said = String::from_utf8_lossy(&came).into_owned();
        if said.matches(text).count() >= times {
            return said;
        }
        let length = timeout(Duration::from_secs(60), socket.read(&mut chunk)).await.unwrap().unwrap();
        assert!(length > 0, "the connection ended: {said}");
        came.extend_from_slice(&chunk[..length]);
    }
}

#[tokio::test]
async fn who_leaves_a_stream_pays_for_what_was_delivered() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    price_models(api).await;
    set_route(api, models_route(&upstream, json!({}))).await;
    let (customer, gate) = bearer(&app, "1").await;
    let whose = format!("customer_id={customer}");
    let mut body = chat(MODEL, 0, 40);
    body["stream"] = json!(true);
    body["max_tokens"] = json!(2_000);
    let headers = "content-type: application/json\r\nx-demo-tokens: 2000\r\nx-demo-token-ms: 20\r\n";
    let mut spent = Decimal::ZERO;
    for (before, seen) in [1, 25].into_iter().enumerate() {
        let mut socket = connect(&gate).await;
        socket.write_all(&request(&gate, "POST", "/v1/chat/completions", headers, &body.to_string())).await.unwrap();
        // The first chunk has no content yet.
        let said = read_until(&mut socket, r#""content""#, seen + 1).await;
        assert!(said.starts_with("HTTP/1.1 200") && said.contains("x-tollbook-hold"), "{said}");
        drop(socket);
        let charge = until_charged(api, &whose, before + 1).await.swap_remove(0);
        assert_eq!(charge["metadata"]["counted"], "estimate", "{charge}");
        let (input, output) = (quantity(&charge, "demo-small.input"), quantity(&charge, "demo-small.output"));
        // 199 bytes of prompt, at four a token.
        assert_eq!(input, Decimal::from(50), "{charge}");
        assert!(output >= Decimal::from(seen), "{seen} tokens were delivered: {charge}");
        assert!(output < Decimal::from(1_500), "it went on after the client had left: {charge}");
        let expected = input * Decimal::new(3, 6) + output * Decimal::new(15, 6);
        assert_eq!(decimal(&charge["amount"]), expected);
        spent += expected;
    }
    assert_settled_up(&app).await;
    assert_eq!(decimal(&api.account(&customer).await["available"]), Decimal::ONE - spent);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn who_leaves_a_download_pays_for_its_bytes_or_the_whole_price() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    let limits = json!({ "response_bytes_max": 50_000_000 });
    for (path, price) in
        [("/by/*", json!({ "per_response_byte": "0.000000001" })), ("/fixed/*", json!({ "per_request": "0.01" }))]
    {
        let mut route = route_to(&upstream, path, price);
        route["price"]["currencies"] = json!(["USD"]);
        (route["strip_prefix"], route["limits"]) = (json!(true), limits.clone());
        set_route(api, route).await;
    }
    let (customer, gate) = bearer(&app, "1").await;
    let whose = format!("customer_id={customer}");
    // A piece of 16 KiB every 20 ms, of which there are 1,200.
    let headers = "x-demo-token-ms: 20\r\n";
    for path in ["/by/bytes/20000000?stream=true", "/fixed/bytes/20000000?stream=true"] {
        let mut socket = connect(&gate).await;
        socket.write_all(&request(&gate, "GET", path, headers, "")).await.unwrap();
        let mut came = vec![0; 100_000];
        socket.read_exact(&mut came).await.unwrap();
        assert!(came.starts_with(b"HTTP/1.1 200"));
        drop(socket);
    }
    let charged = until_charged(api, &whose, 2).await;
    let fixed = charged.iter().find(|charge| quantity(charge, "gateway.requests") == Decimal::ONE).unwrap();
    assert_eq!(decimal(&fixed["amount"]), Decimal::new(1, 2));
    let by_bytes = charged.iter().find(|charge| quantity(charge, "gateway.response_bytes") > Decimal::ZERO).unwrap();
    let bytes = quantity(by_bytes, "gateway.response_bytes");
    assert!(bytes >= Decimal::from(98_000) && bytes < Decimal::from(20_000_000), "{by_bytes}");
    assert_eq!(decimal(&by_bytes["amount"]), bytes * Decimal::new(1, 9));
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn who_leaves_before_anything_came_pays_nothing_or_gets_it_later() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo", json!({ "per_request": "0.01", "currencies": ["USD"] }))).await;
    let (customer, gate) = bearer(&app, "1").await;
    let whose = format!("customer_id={customer}");
    for (calls, key) in [(1, ""), (2, "idempotency-key: one\r\n")] {
        let mut socket = connect(&gate).await;
        let headers = format!("{key}x-demo-delay-ms: 1500\r\n");
        socket.write_all(&request(&gate, "GET", "/echo", &headers, "")).await.unwrap();
        until("the upstream works on it", async || (upstream.calls().await == calls).then_some(())).await;
        drop(socket);
        if key.is_empty() {
            assert_settled_up(&app).await;
            assert_eq!(charges(api, &whose).await, [Value::Null; 0]);
        }
    }
    // Whoever has a key can ask again: what was done is there, and paid for once.
    let again = until("the answer is there", async || {
        let request = gate.request(Method::GET, "/echo").header("idempotency-key", "one");
        Some(Answer::of(request).await.unwrap()).filter(|answer| answer.status != 409)
    })
    .await;
    assert!(again.is_replay(), "{again:?}");
    assert_cost(&again, "0.01");
    assert_eq!((upstream.calls().await, charges(api, &whose).await.len()), (2, 1));
    assert_settled_up(&app).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_stop_nobody_and_leave_nothing_behind() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo", json!({ "per_request": "0.001", "currencies": ["USD"] }))).await;
    let (customer, gate) = bearer(&app, "1").await;
    let ask = || async { assert_cost(&gate.get("/echo").await, "0.001") };
    // Whatever is opened once and kept is open now.
    for _ in 0..3 {
        join_all((0..32).map(|_| ask())).await;
    }
    let before = app.open_files();

    let mut slow = Vec::new();
    let whole = request(&gate, "POST", "/echo", "content-type: text/plain\r\n", &"x".repeat(1_000));
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap();
    for number in 0..SLOW {
        let mut socket = connect(&gate).await;
        // A byte of the first line, the first line, all but the last byte of the body: and then nothing.
        let sent = [1, head, whole.len() - 1][number % 3];
        socket.write_all(&whole[..sent]).await.unwrap();
        slow.push(socket);
    }
    until("all of them are connected", async || (app.open_files() >= before + SLOW).then_some(())).await;
    for _ in 0..3 {
        timeout(Duration::from_secs(20), join_all((0..32).map(|_| ask()))).await.expect("others are served");
    }
    // Nobody may wait for ever: all of them are hung up on, without their doing.
    let hung_up = slow.into_iter().map(|mut socket| async move {
        let mut answer = Vec::new();
        let ended = timeout(Duration::from_secs(90), socket.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "still connected");
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "half a request was answered");
    });
    join_all(hung_up).await;
    until("no descriptor is left", async || (app.open_files() <= before + SPARE_FILES).then_some(())).await;
    assert_eq!(upstream.calls().await, 6 * 32);
    assert_eq!(decimal(&api.account(&customer).await["credits"]), Decimal::ONE - Decimal::new(6 * 32, 3));
    assert_settled_up(&app).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_leave_leave_nothing_behind() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    price_models(api).await;
    set_route(api, models_route(&upstream, json!({}))).await;
    let (customer, gate) = bearer(&app, "100").await;
    let mut body = chat(MODEL, 0, 10);
    (body["stream"], body["max_tokens"]) = (json!(true), json!(1_000));
    let headers = "content-type: application/json\r\nx-demo-tokens: 1000\r\nx-demo-token-ms: 10\r\n";
    let bytes = request(&gate, "POST", "/v1/chat/completions", headers, &body.to_string());
    let leave = async || {
        let mut socket = connect(&gate).await;
        socket.write_all(&bytes).await.unwrap();
        read_until(&mut socket, r#""content""#, 3).await;
    };
    leave().await;
    until_charged(api, &format!("customer_id={customer}"), 1).await;
    let before = app.open_files();
    for round in 1..=3 {
        join_all((0..100).map(|_| leave())).await;
        until_charged(api, &format!("customer_id={customer}"), 1 + 100 * round).await;
    }
    // Neither to clients nor to the upstream.
    until("no descriptor is left", async || (app.open_files() <= before + SPARE_FILES).then_some(())).await;
    let charged: Vec<Value> = until_charged(api, &format!("customer_id={customer}"), 301).await;
    assert!(charged.iter().all(|charge| quantity(charge, "demo-small.output") < Decimal::from(1_000)));
    assert_settled_up(&app).await;
}
