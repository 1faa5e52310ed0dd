//! The same request again: with the same key it is paid for once, and answered as it was; or it is said why not.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::gateway::{
    CENT_UNITS, MODEL, PAYMENT, Upstream, assert_cost, assert_settled_up, bearer, cent, charges, chat, decoded,
    encoded, events, gateway, models_route, offer, payment, price_models, refused, route_to, set_route, until_charged,
    voucher,
};
use crate::support::sessions::{ChainApp, Custody, Session, settle_all};
use crate::support::{Answer, Api, TestApp, until};

/// A GET with a key, and with more headers.
async fn keyed(gate: &Api, path: &str, key: &str, more: &[(&str, &str)]) -> Answer {
    let request = gate.request(Method::GET, path).header("idempotency-key", key);
    let request = more.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(request).await.unwrap()
}

/// The same charge as before, whatever else the answer says.
#[track_caller]
fn assert_same_charge(first: &Answer, again: &Answer) {
    for header in ["x-tollbook-charge", "x-tollbook-cost", "x-tollbook-currency"] {
        assert!(first.header(header).is_some(), "no {header}: {:?}", first.headers);
        assert_eq!(first.header(header), again.header(header), "{header}");
    }
}

#[tokio::test]
async fn it_is_answered_as_it_was() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    let price = json!({ "per_request": "0.01", "currencies": ["USD"] });
    set_route(api, route_to(&upstream, "/echo/*", price.clone())).await;
    set_route(api, route_to(&upstream, "/bytes/{count}", price)).await;
    let (customer, gate) = bearer(&app, "1").await;
    let whose = format!("customer_id={customer}");

    let first = keyed(&gate, "/echo/a?b=c", "one", &[]).await;
    assert_cost(&first, "0.01");
    assert!(!first.is_replay());
    for _ in 0..3 {
        let again = keyed(&gate, "/echo/a?b=c", "one", &[]).await;
        assert!(again.status == 200 && again.is_replay(), "{again:?}");
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_same_charge(&first, &again);
    }
    // It is the request that is the same: path, query, method and body, not headers.
    let again = keyed(&gate, "/echo/a?b=c", "one", &[("x-other", "1")]).await;
    assert_same_charge(&first, &again);
    for other in [
        gate.request(Method::GET, "/echo/a?b=d"),
        gate.request(Method::GET, "/echo/b?b=c"),
        gate.request(Method::POST, "/echo/a?b=c"),
        gate.request(Method::GET, "/echo/a?b=c").body("x"),
    ] {
        let answer = Answer::of(other.header("idempotency-key", "one")).await.unwrap();
        refused(&answer, 422, "idempotency_key_reused");
    }
    // Another payer's key is another key.
    let (_, theirs) = bearer(&app, "1").await;
    let other = keyed(&theirs, "/echo/a?b=c", "one", &[]).await;
    assert!(!other.is_replay() && other.header("x-tollbook-charge") != first.header("x-tollbook-charge"));
    assert_eq!((upstream.calls().await, charges(api, &whose).await.len()), (2, 1));

    // What is too large to be kept is charged once all the same, and so is what is streamed.
    for path in ["/bytes/300000", "/bytes/300001?stream=true"] {
        let first = keyed(&gate, path, path, &[]).await;
        assert_eq!(first.status, 200);
        let count = charges(api, &whose).await.len();
        let again = keyed(&gate, path, path, &[]).await;
        let problem = refused(&again, 409, "answer_not_kept");
        assert!(again.header("x-tollbook-charge").is_some(), "{problem}");
        assert_eq!(again.header("x-tollbook-cost"), Some("0.01"));
        until_charged(api, &whose, count).await;
    }
    for key in [Vec::new(), b"a b".to_vec(), b"\xff".to_vec(), vec![b'k'; 256]] {
        let request = gate.request(Method::GET, "/echo/a").header("idempotency-key", key);
        refused(&Answer::of(request).await.unwrap(), 400, "invalid_idempotency_key");
    }
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn a_route_that_keeps_nothing() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    let mut route = route_to(&upstream, "/echo/*", json!({ "per_request": "0.01", "currencies": ["USD"] }));
    route["limits"] = json!({ "keep_secs": 0 });
    set_route(api, route).await;
    let (customer, gate) = bearer(&app, "1").await;
    let first = keyed(&gate, "/echo/a", "one", &[]).await;
    assert_cost(&first, "0.01");
    let again = keyed(&gate, "/echo/a", "one", &[]).await;
    refused(&again, 409, "answer_not_kept");
    assert_same_charge(&first, &again);
    assert_eq!((upstream.calls().await, charges(api, &format!("customer_id={customer}")).await.len()), (1, 1));
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn many_at_once_with_one_key() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo/*", json!({ "per_request": "0.01", "currencies": ["USD"] }))).await;
    let (customer, gate) = bearer(&app, "1").await;
    let slow = [("x-demo-delay-ms", "700")];
    let answers = join_all((0..20).map(|_| keyed(&gate, "/echo/a", "one", &slow))).await;
    let (done, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    let Some(first) = done.first() else { panic!("nobody was answered: {others:?}") };
    assert!(!others.is_empty(), "all came after the first was answered");
    for other in &others {
        refused(other, 409, "request_in_progress");
        assert_eq!(other.header("retry-after"), Some("1"));
    }
    let again = until("the first one is answered", async || {
        Some(keyed(&gate, "/echo/a", "one", &slow).await).filter(|answer| answer.status == 200)
    })
    .await;
    assert!(again.is_replay());
    assert_same_charge(first, &again);
    assert_eq!((upstream.calls().await, charges(api, &format!("customer_id={customer}")).await.len()), (1, 1));
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn a_key_whose_request_came_to_nothing_is_spent() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo/*", json!({ "per_request": "0.01", "currencies": ["USD"] }))).await;
    let (customer, gate) = bearer(&app, "0.01").await;
    let failed = keyed(&gate, "/echo/a", "one", &[("x-demo-fault", "fault-500")]).await;
    assert_eq!((failed.status, failed.header("x-tollbook-cost")), (500, Some("0")), "{}", failed.text());
    refused(&keyed(&gate, "/echo/a", "one", &[]).await, 409, "idempotency_key_spent");
    refused(&keyed(&gate, "/echo/b", "one", &[]).await, 422, "idempotency_key_reused");
    // What was refused for want of money has used up nothing.
    api.charge(&customer, "0.005").await.done(201);
    refused(&keyed(&gate, "/echo/a", "two", &[]).await, 402, "insufficient_funds");
    api.credits(&customer, json!({ "amount": "0.005" })).await;
    assert_cost(&keyed(&gate, "/echo/a", "two", &[]).await, "0.01");
    assert!(keyed(&gate, "/echo/a", "two", &[]).await.is_replay());
    assert_eq!(upstream.calls().await, 2);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn after_the_process_was_killed() {
    let mut app = TestApp::up().await;
    let upstream = Upstream::start(&app.site).await;
    let mut route = route_to(&upstream, "/echo/*", json!({ "per_request": "0.01", "currencies": ["USD"] }));
    route["limits"] = json!({ "seconds_max": 30, "first_byte_secs_max": 30 });
    set_route(&app.api, route).await;
    let (customer, gate) = bearer(&app, "1").await;
    let first = keyed(&gate, "/echo/a", "answered", &[]).await;
    assert_cost(&first, "0.01");
    let calls = upstream.calls().await;
    let asking = tokio::spawn({
        let gate = gate.clone();
        async move {
            let request = gate
                .request(Method::GET, "/echo/b")
                .header("idempotency-key", "cut")
                .header("x-demo-delay-ms", "20000");
            Answer::of(request).await.is_err()
        }
    });
    until("the upstream works on it", async || (upstream.calls().await > calls).then_some(())).await;
    app.kill();
    assert!(asking.await.unwrap(), "there is no answer");
    app.restart().await;

    let gate = gateway(&app, &gate.key);
    let again = keyed(&gate, "/echo/a", "answered", &[]).await;
    assert!(again.is_replay() && again.body == first.body, "{again:?}");
    assert_same_charge(&first, &again);
    // What became of the other one nobody knows here: its hold is open, and nothing is done twice.
    let other = keyed(&gate, "/echo/b", "cut", &[]).await;
    refused(&other, 409, "request_in_progress");
    assert!(other.header("retry-after").is_some());
    let hold = until("its hold is listed", async || {
        let holds = app.api.get(&format!("/v1/holds?customer_id={customer}")).await.done(200);
        holds["data"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    app.api.post(&format!("/v1/holds/{hold}/void"), &json!({})).await.done(200);
    refused(&keyed(&gate, "/echo/b", "cut", &[]).await, 409, "idempotency_key_spent");
    assert_eq!(charges(&app.api, &format!("customer_id={customer}")).await.len(), 1);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn with_vouchers_and_in_streams() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo/*", cent())).await;
    price_models(api).await;
    set_route(api, models_route(&upstream, json!({}))).await;
    let session = Session::open(api, &app.payer().await, Custody::Client, "1").await;
    let gate = gateway(&app, "");
    let offered = offer(&Answer::of(gate.anonymous(Method::GET, "/echo/a")).await.unwrap(), "session");
    let ask = async |units: u128| {
        let header = encoded(&payment(&offered, &voucher(&session, units)));
        let request = gate.anonymous(Method::GET, "/echo/a").header("idempotency-key", "one").header(PAYMENT, header);
        Answer::of(request).await.unwrap()
    };
    let first = ask(CENT_UNITS).await;
    assert_cost(&first, "0.01");
    // With the same voucher, and with a higher one: what pays is no part of what makes it the same.
    for units in [CENT_UNITS, 5 * CENT_UNITS] {
        let again = ask(units).await;
        assert!(again.status == 200 && again.is_replay(), "{again:?}");
        assert_same_charge(&first, &again);
        let [receipt, before] = [&again, &first].map(|answer| decoded(answer, "payment-response"));
        assert_eq!((&receipt["transaction"], &receipt["amount"]), (&before["transaction"], &before["amount"]));
    }
    assert_eq!(upstream.calls().await, 1);

    // A stream that was read to its end is the same again.
    let (customer, gate) = bearer(&app, "1").await;
    let mut body = chat(MODEL, 0, 10);
    body["stream"] = json!(true);
    body["stream_options"] = json!({ "include_usage": true });
    let stream = async || gate.post_keyed("/v1/chat/completions", "stream", &body).await;
    let told = |answer: &Answer| -> Value { events(&answer.text()).0.last().unwrap()["tollbook"]["charge_id"].clone() };
    let first = stream().await;
    assert!(told(&first).is_string(), "{}", first.text());
    let again = stream().await;
    assert!(again.is_replay() && told(&again) == told(&first), "{again:?}");
    assert_eq!(upstream.calls().await, 2);
    until_charged(api, &format!("customer_id={customer}"), 1).await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, CENT_UNITS);
    assert_settled_up(&app).await;
}
