//! Which headers pass the gateway: what belongs to a connection ends with it, the upstream's credential is seen by the
//! upstream alone, and what pays is seen by the gateway alone.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::gateway::{
    CENT_UNITS, Upstream, assert_cost, assert_settled_up, bearer, cent, charges, gateway, get_paid, offer, refused,
    route_to, send_bytes, set_route, with_voucher,
};
use crate::support::sessions::{ChainApp, Custody, Session, settle_all};
use crate::support::{Answer, Api, TestApp};

const SECRET: &str = "Bearer sk-upstream-0123456789";

/// The values of a header as the upstream got them.
fn told<'a>(echo: &'a Value, header: &str) -> Vec<&'a str> {
    echo["headers"][header].as_array().into_iter().flatten().map(text).collect()
}

/// No header that the upstream got has this in it.
#[track_caller]
fn assert_kept_from(echo: &Value, secret: &str) {
    assert!(!secret.is_empty() && !echo.to_string().contains(secret), "{secret} reached the upstream: {echo}");
}

#[tokio::test]
async fn the_upstreams_credential_is_seen_by_it_alone() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    let price = json!({ "per_request": "0.01", "currencies": ["USD"] });
    let mut route = route_to(&upstream, "/echo/own", price.clone());
    route["credential"] = json!({ "value": SECRET });
    let created = set_route(api, route.clone()).await;
    let mut named = route_to(&upstream, "/echo/named", price.clone());
    named["credential"] = json!({ "header": "x-api-key", "value": "k-987654321" });
    set_route(api, named).await;
    set_route(api, route_to(&upstream, "/echo/none", price)).await;
    let (_, gate) = bearer(&app, "1").await;

    let answer = gate.get("/echo/own").await;
    assert_cost(&answer, "0.01");
    let echo = answer.json();
    assert_eq!(told(&echo, "authorization"), [SECRET]);
    assert_kept_from(&echo, &gate.key);
    let shown = format!("{:?}", answer.headers);
    assert!(!shown.contains("sk-upstream") && !shown.contains(&gate.key), "{shown}");
    let echo = gate.get("/echo/named").await.json();
    assert_eq!((told(&echo, "x-api-key"), told(&echo, "authorization").len()), (vec!["k-987654321"], 0));
    let echo = gate.get("/echo/none").await.json();
    assert!(told(&echo, "authorization").is_empty() && told(&echo, "x-api-key").is_empty(), "{echo}");

    // Nobody can read it back: not from the route, the log, its database, or what was printed.
    let path = format!("/v1/routes/{}", text(&created["id"]));
    for answer in [api.get(&path).await, api.get("/v1/routes").await, api.get("/v1/events?limit=100").await] {
        assert!(answer.status == 200 && !answer.text().contains("sk-upstream"), "{}", answer.text());
    }
    let shown = api.get(&path).await.done(200)["credential"].clone();
    assert_eq!((&shown["header"], &shown["set"]), (&json!("authorization"), &json!(true)), "{shown}");
    assert!(!app.log().contains("sk-upstream") && !app.log().contains(&gate.key));
    let pool = app.site.pool();
    let in_clear: i64 = sqlx::query_scalar("select count(*) from events e where e::text like '%sk-upstream%'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(in_clear, 0);
    // Left out it stays; null takes it away.
    route.as_object_mut().unwrap().remove("credential");
    api.put(&path, &route).await.done(200);
    assert_eq!(told(&gate.get("/echo/own").await.json(), "authorization"), [SECRET]);
    route["credential"] = Value::Null;
    api.put(&path, &route).await.done(200);
    assert!(told(&gate.get("/echo/own").await.json(), "authorization").is_empty());
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn what_belongs_to_a_connection_ends_with_it() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo/*", json!({ "per_request": "0.01", "currencies": ["USD"] }))).await;
    let (customer, gate) = bearer(&app, "1").await;
    // Its head ends with `connection: close`, so there are two of them.
    let rest = "connection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nte: trailers\r\n\
        proxy-authorization: Basic abc\r\nproxy-connection: keep-alive\r\nupgrade: websocket\r\n\
        x-kept: one\r\nx-kept: two\r\ncookie: a=b\r\naccept-encoding: gzip, br\r\nuser-agent: tests\r\n\
        x-forwarded-for: 203.0.113.9\r\nx-forwarded-host: elsewhere\r\nforwarded: for=203.0.113.9\r\n\
        x-tollbook-customer: cus_somebody\r\nx-request-id: mine\r\nidempotency-key: k-1\r\n\
        content-length: 2\r\n\r\n{}";
    let (status, answer) = gate.send_raw("/echo/a?q=1", rest.to_owned()).await;
    assert_eq!(status, 200, "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let echo: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&echo["method"], &echo["path"], &echo["query"]), (&json!("POST"), &json!("/echo/a"), &json!("q=1")));
    for gone in [
        "x-hop",
        "keep-alive",
        "te",
        "proxy-authorization",
        "proxy-connection",
        "upgrade",
        "authorization",
        "idempotency-key",
        "forwarded",
        "x-forwarded-host",
        "transfer-encoding",
    ] {
        assert!(told(&echo, gone).is_empty(), "{gone}: {echo}");
    }
    assert_kept_from(&echo, &gate.key);
    assert_eq!(told(&echo, "x-kept"), ["one", "two"]);
    for (header, value) in [
        ("cookie", "a=b"),
        ("user-agent", "tests"),
        ("accept-encoding", "gzip, br"),
        ("content-type", "application/json"),
        ("content-length", "2"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-tollbook-customer", customer.as_str()),
        ("host", upstream.url.trim_start_matches("http://")),
    ] {
        assert_eq!(told(&echo, header), [value], "{header}: {echo}");
    }
    let request_id = told(&echo, "x-request-id");
    assert!(request_id.len() == 1 && request_id[0].starts_with("req_"), "{request_id:?}");

    // And back: what the upstream says of the connection, of money and of payments is not its to say.
    let head = head.to_lowercase();
    assert!(head.contains(&format!("x-request-id: {}", request_id[0])), "{head}");
    for gone in ["x-demo-hop", "keep-alive:", "proxy-authenticate", "\npayment-response:", "cost: 999"] {
        assert!(!head.contains(gone), "{gone}: {head}");
    }
    assert!(head.contains("set-cookie: demo=1; path=/") && head.contains("x-tollbook-cost: 0.01"), "{head}");
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn what_pays_is_seen_by_the_gateway_alone() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo/*", cent())).await;
    set_route(api, route_to(&upstream, "/bytes/*", json!({}))).await;
    let session = Session::open(api, &app.payer().await, Custody::Client, "1").await;
    let gate = gateway(&app, "");
    let offered = offer(&Answer::of(gate.anonymous(Method::GET, "/echo/a")).await.unwrap(), "session");
    let answer = get_paid(&gate, "/echo/a", &offered, &session, CENT_UNITS).await;
    assert_cost(&answer, "0.01");
    let echo = answer.json();
    for header in ["payment-signature", "x-payment", "authorization"] {
        assert!(told(&echo, header).is_empty(), "{header}: {echo}");
    }
    assert_eq!(told(&echo, "x-tollbook-customer"), [session.id.as_str()]);
    // A stranger's credentials for the upstream itself are passed on, beside a payment.
    let request = gate.anonymous(Method::GET, "/echo/a").header("authorization", "Basic dXNlcjpwYXNz");
    let request = with_voucher(request, &offered, &session, 2 * CENT_UNITS);
    let answer = Answer::of(request).await.unwrap();
    assert_cost(&answer, "0.01");
    assert_eq!(told(&answer.json(), "authorization"), ["Basic dXNlcjpwYXNz"]);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2 * CENT_UNITS);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn pages_of_any_origin_may_ask() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo", json!({ "per_request": "0.01", "currencies": ["USD"] }))).await;
    let (_, gate) = bearer(&app, "1").await;
    let asked = gate
        .anonymous(Method::OPTIONS, "/echo")
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,payment-signature");
    let allowed = Answer::of(asked).await.unwrap();
    assert!((200..300).contains(&allowed.status), "{}", allowed.text());
    assert_eq!(allowed.header("access-control-allow-origin"), Some("*"));
    assert_eq!(allowed.header("access-control-allow-headers"), Some("authorization,payment-signature"));
    let readable = |answer: &Answer| {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{:?}", answer.headers);
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default().to_owned();
        for header in ["payment-required", "payment-response", "x-tollbook-cost", "x-tollbook-remaining"] {
            assert!(exposed.contains(header), "{header}: {exposed}");
        }
    };
    readable(&gate.get("/echo").await);
    let unpaid = Answer::of(gate.anonymous(Method::GET, "/echo")).await.unwrap();
    refused(&unpaid, 402, "payment_required");
    readable(&unpaid);
    assert_eq!(upstream.calls().await, 1);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn requests_that_could_be_read_in_two_ways() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo/*", json!({ "per_request": "0.01", "currencies": ["USD"] }))).await;
    let (customer, gate): (String, Api) = bearer(&app, "1").await;
    let key = &gate.key;
    for (what, request) in [
        ("two lengths", "content-length: 2\r\ncontent-length: 3\r\n\r\n{}x"),
        ("a length that is none", "content-length: -1\r\n\r\n"),
        ("a length and chunks", "content-length: 2\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        ("chunks that are none", "transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
        ("a header without a colon", "nonsense\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let bytes = format!(
            "POST /echo/a HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\nconnection: close\r\n{request}"
        );
        let (status, answer) = send_bytes(&gate, bytes.as_bytes()).await;
        assert_eq!(status, 400, "{what}: {answer}");
    }
    assert_eq!(upstream.calls().await, 0);
    let charged = charges(api, &format!("customer_id={customer}")).await;
    assert_eq!(charged, [Value::Null; 0]);
    assert_settled_up(&app).await;
}
