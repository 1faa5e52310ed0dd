//! What a request costs, to the last digit: for itself, by bytes, by seconds, by meters of the price list, by the
//! tokens of a model; and that it costs nothing when nothing is due.

use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::gateway::{
    MODEL, Upstream, assert_cost, assert_settled_up, bearer, charge_of, chat, cost, cost_of, gateway, gateway_key,
    models_route, price_models, quantity, refused, route_to, set_route, until_charged,
};
use crate::support::{Answer, Api, TestApp, assert_amount, decimal};

fn exact(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

/// A route in dollars alone, with other limits than usual.
fn priced(upstream: &Upstream, path: &str, mut price: Value, limits: Value) -> Value {
    price["currencies"] = json!(["USD"]);
    let mut route = route_to(upstream, path, price);
    route["limits"] = limits;
    route
}

#[tokio::test]
async fn requests_and_bytes() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    let price = json!({
        "per_request": "0.01", "per_request_byte": "0.000000000001", "per_response_byte": "0.000000200003",
    });
    let limits = json!({ "response_bytes_max": 100_000 });
    set_route(api, priced(&upstream, "/echo/*", price.clone(), limits.clone())).await;
    set_route(api, priced(&upstream, "/bytes/{count}", price, limits)).await;
    let (customer, gate) = bearer(&app, "10").await;

    let sent = vec![b'x'; 12_345];
    let answer = Answer::of(gate.request(Method::POST, "/echo/a").body(sent)).await.unwrap();
    let response_bytes = Decimal::from(answer.body.len());
    let expected = exact("0.01") + exact("0.000000012345") + response_bytes * exact("0.000000200003");
    assert_eq!((answer.status, cost(&answer)), (200, expected));
    assert_eq!(answer.json()["body_bytes"], 12_345);
    let charge = charge_of(api, &answer).await;
    assert_eq!(decimal(&charge["amount"]), expected);
    for (meter, expected) in [
        ("gateway.requests", Decimal::ONE),
        ("gateway.request_bytes", Decimal::from(12_345)),
        ("gateway.response_bytes", response_bytes),
    ] {
        assert_eq!(quantity(&charge, meter), expected, "{meter}: {charge}");
    }

    // Read whole, and passed on as it comes.
    let (mut spent, mut charged) = (expected, 1);
    for (path, count) in
        [("/bytes/0", 0), ("/bytes/1", 1), ("/bytes/99999", 99_999), ("/bytes/70000?stream=true", 70_000)]
    {
        let answer = gate.get(path).await;
        assert_eq!((answer.status, answer.body.len()), (200, count), "{path}");
        let expected = exact("0.01") + Decimal::from(count) * exact("0.000000200003");
        // One that is passed on as it comes is charged when all of it has gone.
        charged += 1;
        let newest = until_charged(api, &format!("customer_id={customer}"), charged).await.swap_remove(0);
        assert_eq!(decimal(&newest["amount"]), expected, "{path}");
        spent += expected;
    }
    assert_eq!(decimal(&api.account(&customer).await["credits"]), Decimal::TEN - spent);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn seconds_that_the_upstream_took() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    let limits = json!({ "seconds_max": 20, "first_byte_secs_max": 10 });
    set_route(api, priced(&upstream, "/echo", json!({ "per_second": "0.123456789" }), limits)).await;
    let (customer, gate) = bearer(&app, "5").await;
    let answer = Answer::of(gate.request(Method::GET, "/echo").header("x-demo-delay-ms", "250")).await.unwrap();
    let charge = charge_of(api, &answer).await;
    let seconds = quantity(&charge, "gateway.seconds");
    assert!(seconds >= exact("0.25") && seconds < Decimal::from(20) && seconds.scale() <= 3, "{charge}");
    let expected = seconds * exact("0.123456789");
    assert_eq!((cost(&answer), decimal(&charge["amount"])), (expected, expected));
    assert_eq!(decimal(&api.account(&customer).await["credits"]), Decimal::from(5) - expected);
    // For the longest that it may take there must be enough.
    let (_, poor) = bearer(&app, "2").await;
    refused(&poor.get("/echo").await, 402, "insufficient_funds");
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn meters_of_the_price_list_and_their_quotas() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    api.meter("calls", "0.25").await;
    api.meter("kept", "0.0001").await;
    let price = json!({ "meters": { "request": "calls", "response_byte": "kept" } });
    let mut route = route_to(&upstream, "/bytes/{count}", price);
    route["limits"] = json!({ "response_bytes_max": 1_000 });
    set_route(api, route).await;
    let (customer, gate) = bearer(&app, "10").await;
    // Two calls are free. Of bytes there are 2,500 and no more.
    for (meter, quota) in [
        ("calls", json!({ "limit": "2", "period": "total", "included": true, "overage": "charge" })),
        ("kept", json!({ "limit": "2500", "period": "total" })),
    ] {
        api.put(&format!("/v1/customers/{customer}/quotas/{meter}"), &quota).await.done(200);
    }
    assert_cost(&gate.get("/bytes/100").await, "0.01");
    assert_cost(&gate.get("/bytes/0").await, "0");
    assert_cost(&gate.get("/bytes/1000").await, "0.35");
    // Each might use a thousand: of 1,100 that is enough, of 1,600 not.
    assert_cost(&gate.get("/bytes/500").await, "0.3");
    let problem = refused(&gate.get("/bytes/1").await, 402, "quota_exceeded");
    assert_eq!(problem["meter"], "kept");
    assert_amount(&problem["remaining"], "900");
    assert_eq!(upstream.calls().await, 4);
    assert_amount(&api.account(&customer).await["credits"], "9.34");
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn what_is_not_sold_to_a_payer() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, priced(&upstream, "/echo", json!({ "per_request": "0.01" }), json!({}))).await;
    let body = json!({ "currency": "EUR", "postpaid_limit": "10" });
    let customer = text(&api.post("/v1/customers", &body).await.done(201)["id"]).to_owned();
    let gate = gateway(&app, &gateway_key(api, json!({ "customer_id": customer })).await);
    refused(&gate.get("/echo").await, 402, "currency_not_accepted");
    assert_eq!((upstream.calls().await, app.site.events_count(Some("held")).await), (0, 0));
    assert_settled_up(&app).await;
}

/// Asks, and checks what it used and what it cost.
async fn asked(api: &Api, gate: &Api, path: &str, body: &Value, expected: [u64; 3]) -> Answer {
    let [fresh, cached, output] = expected;
    let answer = gate.post(path, body).await;
    assert_eq!((answer.status, cost(&answer)), (200, cost_of(fresh, cached, output)), "{path}: {}", answer.text());
    let charge = charge_of(api, &answer).await;
    for (part, tokens) in [("input", fresh), ("cached_input", cached), ("output", output)] {
        let model = text(&body["model"]).trim_end_matches("-2026-01-01").to_owned();
        assert_eq!(quantity(&charge, &format!("{model}.{part}")), Decimal::from(tokens), "{path}: {charge}");
    }
    answer
}

#[tokio::test]
async fn tokens_of_models() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    price_models(api).await;
    set_route(api, models_route(&upstream, json!({ "output_tokens_max": 100 }))).await;
    let (customer, gate) = bearer(&app, "1").await;
    let with = |mut body: Value, more: Value| {
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let path = "/v1/chat/completions";
    let body = with(chat(MODEL, 30, 11), json!({ "max_completion_tokens": 7 }));
    let answer = asked(api, &gate, path, &body, [11, 30, 7]).await;
    // What the upstream says passes unchanged.
    assert_eq!(answer.json(), upstream.post(path, &body).await.json());
    let snapshot = with(chat("demo-small-2026-01-01", 0, 5), json!({ "max_tokens": 3, "n": 4 }));
    asked(api, &gate, path, &snapshot, [5, 0, 12]).await;
    let completion = json!({ "model": MODEL, "prompt": ["a b c", "d e"], "max_tokens": 6 });
    asked(api, &gate, "/v1/completions", &completion, [5, 0, 12]).await;
    let response = json!({ "model": MODEL, "instructions": "be so kind", "input": "a b", "max_output_tokens": 6 });
    asked(api, &gate, "/v1/responses", &response, [2, 3, 6]).await;
    let embedding = json!({ "model": "demo-embedding", "input": ["a b c", "d"] });
    asked(api, &gate, "/v1/embeddings", &embedding, [4, 0, 0]).await;
    // Where nobody says how much may be written, the route does.
    let open = with(chat(MODEL, 0, 2), json!({}));
    let request = gate.request(Method::POST, path).header("x-demo-tokens", "5000").json(&open);
    let answer = Answer::of(request).await.unwrap();
    assert_eq!(answer.json()["usage"]["completion_tokens"], 100);
    assert_eq!(cost(&answer), cost_of(2, 0, 100));

    let spent = cost_of(11 + 5 + 5 + 2 + 4 + 2, 30 + 3, 7 + 12 + 12 + 6 + 100);
    assert_eq!(decimal(&api.account(&customer).await["credits"]), Decimal::ONE - spent);
    let models = Answer::of(gate.anonymous(Method::GET, "/v1/models")).await.unwrap();
    assert_eq!((models.status, models.header("x-tollbook-charge")), (200, None), "{}", models.text());
    assert_settled_up(&app).await;
}
