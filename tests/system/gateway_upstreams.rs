//! Upstreams that fail: away, silent, broken off, lying about their length, without end. Each is told with its status
//! and its code, and nothing is charged that was not delivered.

use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::gateway::{
    MODEL, Upstream, assert_cost, assert_settled_up, bearer, charges, chat, cost, cost_of, gateway, gateway_key, liar,
    models_route, price_models, quantity, refused, route_to, set_route, until_charged,
};
use crate::support::servers::free_port;
use crate::support::{Answer, Api, TestApp, decimal, until};

const CHAT: &str = "/v1/chat/completions";

/// Impatient: what hangs is given up soon.
fn limits() -> Value {
    json!({ "seconds_max": 5, "first_byte_secs_max": 1, "response_bytes_max": 200_000 })
}

/// A route in dollars for one of the plain paths.
fn plain(upstream: &Upstream, path: &str, mut price: Value) -> Value {
    price["currencies"] = json!(["USD"]);
    let mut route = route_to(upstream, path, price);
    route["limits"] = limits();
    route
}

async fn faulty(gate: &Api, path: &str, fault: &str) -> Result<Answer, reqwest::Error> {
    Answer::of(gate.request(Method::GET, path).header("x-demo-fault", fault)).await
}

/// Nothing was charged, nothing is held, and everything is there to be spent.
async fn assert_untouched(app: &TestApp, customer: &str, credits: &str) {
    assert_eq!(charges(&app.api, &format!("customer_id={customer}")).await, [Value::Null; 0]);
    assert_settled_up(app).await;
    let account = app.api.account(customer).await;
    assert_eq!(decimal(&account["available"]), Decimal::from_str_exact(credits).unwrap(), "{account}");
}

#[tokio::test]
async fn no_whole_answer_is_no_charge() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    let price = json!({ "per_request": "0.01", "per_response_byte": "0.000001" });
    set_route(api, plain(&upstream, "/bytes/{count}", price.clone())).await;
    set_route(api, plain(&upstream, "/echo", price)).await;
    let nobody = json!({
        "path": "/away/*", "upstream": format!("http://127.0.0.1:{}", free_port()), "limits": limits(),
        "price": { "per_request": "0.01", "currencies": ["USD"] },
    });
    set_route(api, nobody).await;
    let (customer, gate) = bearer(&app, "1").await;

    for (what, path, fault, status, code) in [
        ("nobody listens", "/away/x", "", 502, "upstream_unreachable"),
        ("it says nothing", "/bytes/1000", "fault-hang", 504, "upstream_timed_out"),
        ("it stops in the middle", "/bytes/1000", "fault-hang-midway", 504, "upstream_timed_out"),
        ("it hangs up in the middle", "/bytes/1000", "fault-wrong-length", 502, "upstream_broken"),
        ("it has more than the route lets", "/bytes/200001", "", 502, "upstream_too_large"),
    ] {
        let answer = faulty(&gate, path, fault).await.unwrap();
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let body = refused(&answer, status, code);
        // Where it is and what it said is nobody's business.
        assert!(!body.to_string().contains("127.0.0.1"), "{what}: {body}");
    }
    // What it refuses itself passes as it is.
    for status in [400, 401, 404, 429, 500, 503] {
        let answer = faulty(&gate, "/echo", &format!("fault-{status}")).await.unwrap();
        assert_eq!((answer.status, answer.header("x-tollbook-cost")), (status, Some("0")), "{}", answer.text());
        assert_eq!(answer.json()["error"]["code"], "demo_fault");
        assert_eq!(answer.header("x-tollbook-charge"), None);
    }
    assert_untouched(&app, &customer, "1").await;
    // Nobody is sent elsewhere either.
    let calls = upstream.calls().await;
    let (status, answer) =
        gate.send_raw("/echo", "x-demo-fault: fault-redirect\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    assert!(status == 302 && answer.to_lowercase().contains("\r\nlocation: /echo/redirected\r\n"), "{answer}");
    assert_eq!(upstream.calls().await, calls + 1);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn upstreams_that_do_not_speak_http() {
    let app = TestApp::up().await;
    let api = &app.api;
    let (unreachable, broken) = ("upstream_unreachable", "upstream_broken");
    let lies: [(&str, &str, &'static [u8]); 6] = [
        ("/nothing", unreachable, b""),
        ("/garbage", unreachable, b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("/half", unreachable, b"HTTP/1.1 200 OK\r\ncontent-le"),
        ("/lengths", unreachable, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!"),
        (
            "/chunks",
            broken,
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        ),
        ("/short", broken, b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello"),
    ];
    for (path, _, lie) in lies {
        let mut route = json!({ "path": path, "upstream": liar(lie).await, "limits": limits() });
        route["price"] = json!({ "per_request": "0.01", "currencies": ["USD"] });
        set_route(api, route).await;
    }
    let (customer, gate) = bearer(&app, "1").await;
    for (path, code, _) in lies {
        refused(&gate.get(path).await, 502, code);
    }
    assert_untouched(&app, &customer, "1").await;
    // One that says more than it announced has said the rest to nobody.
    let more = liar(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello and much more").await;
    let mut route = json!({ "path": "/more", "upstream": more, "limits": limits() });
    route["price"] = json!({ "per_request": "0.01", "per_response_byte": "0.001", "currencies": ["USD"] });
    route["limits"]["response_bytes_max"] = json!(100);
    set_route(api, route).await;
    let answer = gate.get("/more").await;
    assert_cost(&answer, "0.015");
    assert_eq!(answer.text(), "hello");
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn what_was_streamed_before_it_broke_off_is_charged_by_measure() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    let price = json!({ "per_request": "0.01", "per_response_byte": "0.000001" });
    set_route(api, plain(&upstream, "/bytes/{count}", price)).await;
    for (fault, path) in
        [("fault-close-early", "/bytes/160000?stream=true"), ("fault-endless", "/bytes/60000?stream=true")]
    {
        let (customer, gate) = bearer(&app, "1").await;
        // The connection is cut: nobody takes it for the end.
        assert!(faulty(&gate, path, fault).await.is_err(), "{fault} has come to an end");
        let charge = until_charged(api, &format!("customer_id={customer}"), 1).await.swap_remove(0);
        let bytes = quantity(&charge, "gateway.response_bytes");
        assert!(bytes > Decimal::ZERO && bytes <= Decimal::from(200_000), "{fault}: {charge}");
        // The request itself is not paid for.
        assert_eq!(quantity(&charge, "gateway.requests"), Decimal::ZERO, "{fault}: {charge}");
        assert_eq!(decimal(&charge["amount"]), bytes * Decimal::new(1, 6), "{fault}");
    }
    // A price for the request alone is not due at all then.
    let mut route = plain(&upstream, "/fixed/*", json!({ "per_request": "0.01" }));
    route["strip_prefix"] = json!(true);
    set_route(api, route).await;
    let (customer, gate) = bearer(&app, "1").await;
    assert!(faulty(&gate, "/fixed/bytes/160000?stream=true", "fault-close-early").await.is_err());
    assert_untouched(&app, &customer, "1").await;
}

#[tokio::test]
async fn models_that_fail() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    price_models(api).await;
    set_route(api, models_route(&upstream, limits())).await;
    let (customer, gate) = bearer(&app, "1").await;
    let ask = |model: &str, stream: bool| {
        let mut body = chat(model, 0, 40);
        body["max_tokens"] = json!(60);
        body["stream"] = json!(stream);
        let request = gate.request(Method::POST, CHAT).header("x-demo-tokens", "60").json(&body);
        Answer::of(request)
    };
    for (model, stream, status, code) in [
        ("fault-hang", false, 504, "upstream_timed_out"),
        ("fault-hang", true, 504, "upstream_timed_out"),
        ("fault-hang-midway", false, 504, "upstream_timed_out"),
        ("fault-close-early", false, 502, "upstream_broken"),
        ("fault-wrong-length", false, 502, "upstream_broken"),
    ] {
        let answer = ask(model, stream).await.unwrap();
        assert_eq!(answer.status, status, "{model}: {}", answer.text());
        assert!(refused(&answer, status, code)["error"].is_object(), "{model}: {}", answer.text());
    }
    for (model, status) in [("fault-500", 500), ("fault-429", 429), ("fault-404", 404)] {
        for stream in [false, true] {
            let answer = ask(model, stream).await.unwrap();
            assert_eq!((answer.status, answer.header("x-tollbook-cost")), (status, Some("0")), "{model}");
        }
    }
    assert_untouched(&app, &customer, "1").await;

    // In the middle of a stream: what was passed on is paid for, counted here.
    for model in ["fault-close-early", "fault-hang-midway", "fault-endless"] {
        let secret = gateway_key(api, json!({ "customer_id": api.funded("1").await })).await;
        let gate = gateway(&app, &secret);
        let mut body = chat(model, 0, 40);
        body["max_tokens"] = json!(60);
        body["stream"] = json!(true);
        let request = gate.request(Method::POST, CHAT).header("x-demo-tokens", "60").json(&body);
        assert!(Answer::of(request).await.is_err(), "{model} has come to an end");
    }
    let ended = until("all of them are charged", async || {
        let events = api.walk("/v1/events?category=account&type=captured&limit=100", "after").await;
        (events.len() == 3).then_some(events)
    })
    .await;
    for event in &ended {
        let charge = &event["payload"]["charge"];
        assert_eq!(charge["metadata"]["counted"], "estimate", "{event}");
        let lines = charge["lines"].as_array().unwrap();
        let output = lines.iter().find(|line| line["meter"] == "fault.output").unwrap();
        assert!(decimal(&output["quantity"]) >= Decimal::from(20), "half of 60, and not nothing: {event}");
    }
    // Slow is not broken.
    let slow = ask("fault-slow", false).await.unwrap();
    assert_eq!((slow.status, cost(&slow)), (200, cost_of(40, 0, 60)));
    assert_eq!(ask(MODEL, false).await.unwrap().status, 200);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn an_upstream_that_comes_back() {
    let app = TestApp::up().await;
    let api = &app.api;
    let mut upstream = Upstream::start(&app.site).await;
    let route = set_route(api, plain(&upstream, "/echo", json!({ "per_request": "0.01" }))).await;
    let (customer, gate) = bearer(&app, "1").await;
    assert_cost(&gate.get("/echo").await, "0.01");
    // Connections to it are kept, and find nobody.
    upstream.kill();
    refused(&gate.get("/echo").await, 502, "upstream_unreachable");
    let other = Upstream::start(&app.site).await;
    let path = format!("/v1/routes/{}", text(&route["id"]));
    api.put(&path, &plain(&other, "/echo", json!({ "per_request": "0.02" }))).await.done(200);
    assert_cost(&gate.get("/echo").await, "0.02");
    assert_eq!(other.calls().await, 1);
    let left = decimal(&api.account(&customer).await["credits"]);
    assert_eq!(left, Decimal::new(97, 2));
    assert_settled_up(&app).await;
}
