//! Routes of the gateway as they are set up: what is kept of them, what is never shown, and what is refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::refused::{Bad, assert_refused};
use crate::support::{Answer, Api, Position, Server, TestApp, until};

const ROUTES: &str = "/v1/routes";
/// Well formed, and nobody's.
const UNKNOWN: &str = "/v1/routes/rte_00000000000000000000000000";
const SECRET: &str = "Bearer sk-upstream-4711";

fn path_of(route: &Value) -> String {
    format!("{ROUTES}/{}", text(&route["id"]))
}

async fn keyed(api: &Api, method: Method, path: &str, key: &str, body: &Value) -> Answer {
    Answer::of(api.request(method, path).header("idempotency-key", key).json(body)).await.unwrap()
}

async fn delete(api: &Api, path: &str) -> Answer {
    Answer::of(api.request(Method::DELETE, path)).await.unwrap()
}

/// How many secrets for upstreams are kept.
async fn secrets(app: &TestApp) -> i64 {
    let count = sqlx::query_scalar("select count(*) from vault where kind = 'upstream'");
    count.fetch_one(&app.site.pool()).await.unwrap()
}

/// The same request with some of its fields changed. Null takes a field out.
fn changed(mut body: Value, change: Value) -> Value {
    for (field, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(field)),
            value => body[field] = value.clone(),
        }
    }
    body
}

#[tokio::test]
async fn a_route_is_set_changed_and_taken_away() {
    let app = TestApp::up().await;
    let api = &app.api;
    let body = json!({
        "path": "/weather/{city}", "upstream": "HTTP://Upstream.example:8080/v2/", "methods": ["POST", "GET", "GET"],
        "price": { "per_request": "0.0010", "per_response_byte": "0.000000000001" },
        "limits": { "response_bytes_max": 1000, "seconds_max": 30, "per_ip": { "requests": 5, "per_secs": 1 } },
        "description": "The weather of a city", "mime_type": "application/json",
    });
    let route = api.post(ROUTES, &body).await.done(201);
    assert!(text(&route["id"]).starts_with("rte_"));
    for (member, expected) in [
        ("object", json!("route")),
        ("version", json!(1)),
        ("path", json!("/weather/{city}")),
        ("upstream", json!("http://upstream.example:8080/v2")),
        ("methods", json!(["GET", "POST"])),
        ("strip_prefix", json!(false)),
        ("kind", json!("http")),
        ("credential", Value::Null),
        // Of a price by bytes nobody knows beforehand what is to be transferred.
        ("accepts", json!(["session", "bearer"])),
        ("description", json!("The weather of a city")),
        ("mime_type", json!("application/json")),
        (
            "price",
            json!({
                "currencies": ["USDC", "USD"], "per_request": "0.001", "per_request_byte": null,
                "per_response_byte": "0.000000000001", "per_second": null, "per_model": false, "meters": {},
            }),
        ),
        (
            "limits",
            json!({
                "request_bytes_max": 1_048_576, "response_bytes_max": 1000, "seconds_max": 30,
                "first_byte_secs_max": 30, "output_tokens_max": 4096, "per_payer": null,
                "per_ip": { "requests": 5, "per_secs": 1, "burst": null }, "total": null,
                "keep_secs": 600, "keep_bytes": 262_144,
            }),
        ),
    ] {
        assert_eq!(route[member], expected, "{member}");
    }

    // As a whole: what is left out is as in a new route.
    let other = json!({ "path": "/v1/*", "upstream": "http://other.example", "kind": "openai", "strip_prefix": true });
    let now = api.put(&path_of(&route), &other).await.done(200);
    assert_eq!((&now["id"], &now["version"], &now["path"]), (&route["id"], &json!(2), &json!("/v1/*")));
    assert_eq!((&now["accepts"], &now["description"]), (&json!([]), &Value::Null), "it is free");
    let same = api.put(&path_of(&route), &other).await.done(200);
    assert_eq!((&same["version"], &same["updated_at"]), (&now["version"], &now["updated_at"]), "nothing has changed");

    let second = api.post(ROUTES, &body).await.done(201);
    let position = Position::of(&second);
    let listed = api.list_at(ROUTES, position).await;
    assert_eq!(listed.iter().map(|row| &row["id"]).collect::<Vec<_>>(), [&second["id"], &route["id"]]);
    let pages = api.walk(&format!("{ROUTES}?limit=1"), "cursor").await;
    assert_eq!(pages, listed);
    let one = api.get(&format!("{}?min_position={position}", path_of(&second))).await.done(200);
    assert_eq!(one, listed[0]);
    let later = format!("{ROUTES}?min_position={}:{}", position.partition, position.position + 1_000);
    api.get(&later).await.problem(503, "not_caught_up");

    let gone = delete(api, &path_of(&route)).await.done(200);
    assert_eq!((&gone["object"], &gone["id"], &gone["deleted"]), (&json!("route"), &route["id"], &json!(true)));
    for answer in
        [api.get(&path_of(&route)).await, api.put(&path_of(&route), &other).await, delete(api, &path_of(&route)).await]
    {
        answer.problem(404, "route_not_found");
    }
    // Its paths are free again.
    api.post(ROUTES, &other).await.done(201);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn the_secret_of_an_upstream_is_nowhere_to_be_read() {
    let app = TestApp::up().await;
    let api = &app.api;
    let body = |credential: Value| {
        changed(json!({ "path": "/a", "upstream": "http://a.example" }), json!({ "credential": credential }))
    };
    let removed = json!({ "path": "/a", "upstream": "http://a.example", "credential": null });
    let route = api.post(ROUTES, &body(json!({ "value": SECRET }))).await.done(201);
    let path = path_of(&route);
    assert_eq!(route["credential"], json!({ "header": "authorization", "set": true }));
    assert_eq!(secrets(&app).await, 1);
    // Left out it stays.
    let kept = api.put(&path, &changed(body(Value::Null), json!({ "description": "b" }))).await.done(200);
    assert_eq!((&kept["version"], &kept["credential"]), (&json!(2), &route["credential"]));
    assert_eq!(secrets(&app).await, 1);
    // What takes its place is the only one.
    let other = json!({ "header": "X-API-Key", "value": "sk-upstream-4712" });
    let replaced = api.put(&path, &body(other.clone())).await.done(200);
    assert_eq!(replaced["credential"], json!({ "header": "x-api-key", "set": true }));
    assert_eq!(secrets(&app).await, 1);
    let without = api.put(&path, &removed).await.done(200);
    assert_eq!((&without["credential"], secrets(&app).await), (&Value::Null, 0));
    api.put(&path, &body(other)).await.done(200);
    delete(api, &path).await.done(200);
    assert_eq!(secrets(&app).await, 0);
    // What is refused leaves none either.
    let unpriced = changed(body(json!({ "value": SECRET })), json!({ "price": { "meters": { "request": "none" } } }));
    api.post(ROUTES, &unpriced).await.problem(422, "unknown_meter");
    assert_eq!(secrets(&app).await, 0);

    let pool = app.site.pool();
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar("select payload from events").fetch_all(&pool).await.unwrap();
    let told = [app.log(), api.get("/v1/events?limit=100").await.text(), api.get(ROUTES).await.text()];
    for text in payloads.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).chain(told) {
        assert!(!text.contains("sk-upstream"), "{text}");
    }
    app.site.assert_clean().await;
}

#[tokio::test]
async fn what_is_sent_again_is_done_once() {
    let app = TestApp::up().await;
    let api = &app.api;
    let body = json!({ "path": "/a", "upstream": "http://a.example", "credential": { "value": SECRET } });
    let first = keyed(api, Method::POST, ROUTES, "create", &body).await;
    let route = first.done(201);
    let again = keyed(api, Method::POST, ROUTES, "create", &body).await;
    assert_eq!((again.done(201), again.is_replay(), first.is_replay()), (route.clone(), true, false));
    assert_eq!(secrets(&app).await, 1);
    let other = changed(body.clone(), json!({ "credential": { "value": "another" } }));
    keyed(api, Method::POST, ROUTES, "create", &other).await.problem(422, "idempotency_key_reused");

    let path = path_of(&route);
    let put = changed(other, json!({ "description": "b" }));
    let second = keyed(api, Method::PUT, &path, "change", &put).await.done(200);
    let third = keyed(api, Method::PUT, &path, "back", &body).await.done(200);
    // As it was then, also when it is different now; and nothing is set back.
    let again = keyed(api, Method::PUT, &path, "change", &put).await;
    assert_eq!((again.done(200), again.is_replay()), (second, true));
    assert_eq!(api.get(&path).await.done(200)["version"], third["version"]);
    assert_eq!(secrets(&app).await, 1);
    // Left out and null are two requests.
    let plain = json!({ "path": "/a", "upstream": "http://a.example", "description": "c" });
    let mut removed = plain.clone();
    removed["credential"] = Value::Null;
    keyed(api, Method::PUT, &path, "keep", &plain).await.done(200);
    keyed(api, Method::PUT, &path, "keep", &removed).await.problem(422, "idempotency_key_reused");

    let gone = keyed(api, Method::DELETE, &path, "delete", &json!({})).await;
    let again = keyed(api, Method::DELETE, &path, "delete", &json!({})).await;
    assert_eq!((gone.done(200), again.is_replay()), (again.done(200), true));
    app.site.assert_clean().await;
}

#[tokio::test]
async fn another_process_hears_of_a_route() {
    let app = TestApp::up().await;
    let server = Server::start(&app.site).await;
    let there = app.api.at(&server.url);
    assert_eq!(there.walk(ROUTES, "cursor").await, [] as [Value; 0]);
    let route = app.api.post(ROUTES, &json!({ "path": "/a", "upstream": "http://a.example" })).await.done(201);
    until("the other process knows of the route", async || {
        Some(there.get(&path_of(&route)).await).filter(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test]
async fn routes_of_others_do_not_exist() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let body = json!({ "path": "/a", "upstream": "http://a.example" });
    let route = api.post(ROUTES, &body).await.done(201);
    theirs.post(ROUTES, &body).await.done(201);
    theirs.get(&path_of(&route)).await.problem(404, "route_not_found");
    theirs.put(&path_of(&route), &body).await.problem(404, "route_not_found");
    delete(&theirs, &path_of(&route)).await.problem(404, "route_not_found");
    assert_eq!(api.walk(ROUTES, "cursor").await.len(), 1);
}

#[tokio::test]
async fn a_route_can_have_the_price_of_a_meter() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    let by = |price: Value| json!({ "path": "/a", "upstream": "http://a.example", "price": price });
    let metered = json!({ "request": "calls" });
    let route = api.post(ROUTES, &by(json!({ "meters": metered }))).await.done(201);
    assert_eq!(route["price"]["currencies"], json!(["USD"]), "that of the meter");
    assert_eq!((&route["price"]["meters"], &route["accepts"]), (&metered, &json!(["bearer"])));
    let in_usdc = by(json!({ "meters": metered, "currencies": ["USDC"] }));
    api.put(&path_of(&route), &in_usdc).await.problem(422, "currency_mismatch");
}

#[tokio::test]
async fn bad_routes() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    let taken = json!({ "path": "/taken/{x}", "upstream": "http://a.example", "methods": ["GET", "POST"] });
    let taken = api.post(ROUTES, &taken).await.done(201);
    let right = json!({ "path": "/a/*", "upstream": "http://a.example", "price": { "per_request": "0.01" } });
    let post =
        |what, change: Value, status, code| Bad::post(what, ROUTES, changed(right.clone(), change), status, code);
    let invalid = |what, change: Value, param| post(what, change, 400, "invalid_request").at(param);
    let priced = |price: Value| json!({ "price": price });
    let limited = |limits: Value| json!({ "limits": limits });
    let credential = |header: &str, value: &str| json!({ "credential": { "header": header, "value": value } });
    let long = "a".repeat(4_097);
    let mut rows = vec![
        Bad::new("half an object", Method::POST, ROUTES, b"{".to_vec(), 400, "invalid_json"),
        post("an unknown field", json!({ "colour": "red" }), 400, "unknown_field").at("colour"),
        post("no path", json!({ "path": null }), 400, "missing_field").at("path"),
        post("no upstream", json!({ "upstream": null }), 400, "missing_field").at("upstream"),
        post("an empty key", json!({}), 400, "invalid_idempotency_key").with_key(b""),
        post("the same paths", json!({ "path": "/taken/{y}" }), 409, "route_exists").at("path"),
        post("one method", json!({ "path": "/taken/{y}", "methods": ["PUT", "POST"] }), 409, "route_exists").at("path"),
        invalid("a method that is none", json!({ "methods": ["TRACE"] }), "methods[0]"),
        invalid("a method in lower case", json!({ "methods": ["get"] }), "methods[0]"),
        invalid("a kind that is none", json!({ "kind": "grpc" }), "kind"),
        invalid("a prefix of nothing", json!({ "path": "/a", "strip_prefix": true }), "strip_prefix"),
        invalid("no description", json!({ "description": "" }), "description"),
        invalid("a long description", json!({ "description": "é".repeat(201) }), "description"),
        invalid("a type that is not ASCII", json!({ "mime_type": "é" }), "mime_type"),
        invalid("models where there are none", priced(json!({ "per_model": true })), "price.per_model"),
        invalid("a measure that is none", priced(json!({ "meters": { "token": "calls" } })), "price.meters"),
        invalid(
            "two prices of one measure",
            priced(json!({ "per_request": "1", "meters": { "request": "calls" } })),
            "price.meters",
        ),
        invalid("a price of a second too fine", priced(json!({ "per_second": "0.0000000001" })), "price.per_second"),
        post("an unknown meter", priced(json!({ "meters": { "request": "none" } })), 422, "unknown_meter")
            .at("price.meters"),
        post("no currency", priced(json!({ "currencies": ["usd"] })), 400, "invalid_currency").at("price.currencies"),
        post("an unknown currency", priced(json!({ "currencies": ["XXX"] })), 422, "unknown_currency")
            .at("price.currencies"),
        invalid("a scheme that is none", json!({ "accepts": ["cash"] }), "accepts[0]"),
        invalid("a scheme for what is free", json!({ "price": null, "accepts": ["bearer"] }), "accepts"),
        invalid(
            "exact for what nobody knows",
            json!({ "price": { "per_response_byte": "1" }, "accepts": ["exact"] }),
            "accepts",
        ),
        invalid(
            "vouchers for dollars",
            json!({ "price": { "per_request": "1", "currencies": ["USD"] }, "accepts": ["session"] }),
            "accepts",
        ),
        invalid("a header that is none", credential("x key", "1"), "credential.header"),
        invalid("a header of the gateway", credential("x-tollbook-customer", "1"), "credential.header"),
        invalid("a header of the connection", credential("Transfer-Encoding", "1"), "credential.header"),
        invalid("no secret", credential("authorization", ""), "credential.value"),
        invalid("a secret of two lines", credential("authorization", "a\r\nb: c"), "credential.value"),
        invalid("a long secret", credential("authorization", &long), "credential.value"),
        post("no value", json!({ "credential": {} }), 400, "missing_field").at("credential.value"),
        invalid("no answer at all", limited(json!({ "response_bytes_max": 0 })), "limits.response_bytes_max"),
        invalid("a long call", limited(json!({ "seconds_max": 3_601 })), "limits.seconds_max"),
        invalid("a late answer", limited(json!({ "first_byte_secs_max": 601 })), "limits.first_byte_secs_max"),
        invalid("no tokens", limited(json!({ "output_tokens_max": 0 })), "limits.output_tokens_max"),
        invalid("a large answer kept", limited(json!({ "keep_bytes": 1_048_577 })), "limits.keep_bytes"),
        invalid("a negative limit", limited(json!({ "keep_secs": -1 })), "limits.keep_secs"),
        invalid("no rate", limited(json!({ "total": { "requests": 0, "per_secs": 1 } })), "limits.total"),
        post("half a rate", limited(json!({ "per_ip": { "requests": 1 } })), 400, "missing_field")
            .at("limits.per_ip.per_secs"),
        Bad::put("a change of none", UNKNOWN, right.clone(), 404, "route_not_found"),
        Bad::put("no id", "/v1/routes/1", right.clone(), 404, "route_not_found"),
        Bad::put(
            "a secret of two lines, in a change",
            &path_of(&taken),
            changed(right.clone(), json!({ "credential": { "value": "a\nb" } })),
            400,
            "invalid_request",
        )
        .at("credential.value"),
        Bad::get("one that is not there", UNKNOWN, 404, "route_not_found"),
        Bad::get("a cursor that is none", "/v1/routes?cursor=1", 400, "invalid_request").at("cursor"),
        Bad::new("the end of none", Method::DELETE, UNKNOWN, Vec::new(), 404, "route_not_found"),
    ];
    for path in ["", "a", "/a/", "//", "/../a", "/a b", "/*/a", "/a*", "/{", "/{}", "/a%2fb", "/ä", &format!("/{long}")]
    {
        rows.push(invalid("a path that is none", json!({ "path": path }), "path"));
    }
    for upstream in [
        "",
        "a.example",
        "ftp://a.example",
        "file:///etc/passwd",
        "http://",
        "http://a:0",
        "http://user:secret@a.example",
        "http://a.example?b=c",
        "http://a.example/../b",
        "http://a b",
    ] {
        rows.push(invalid("an upstream that is none", json!({ "upstream": upstream }), "upstream"));
    }
    for amount in [json!("0"), json!("-1"), json!("1e3"), json!(1), json!("0.0000000000001"), json!("1000000000001")] {
        let row = post("an amount that is none", priced(json!({ "per_request": amount })), 400, "invalid_amount");
        rows.push(row.at("price.per_request"));
    }
    assert_refused(&app, &rows).await;
    assert_eq!(secrets(&app).await, 0);
    // What all of these were made of is right.
    api.post(ROUTES, &right).await.done(201);
    app.site.assert_clean().await;
}
