//! Gateway keys: made for a payer, shown once, looked up, ended. (What they pay for is in `gateway_paying`.)

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::refused::{Bad, assert_refused};
use crate::support::sessions::{ChainApp, Custody, Session, in_seconds};
use crate::support::{Answer, Api, Position, Server, TestApp, until};

const KEYS: &str = "/v1/gateway_keys";
const LOOKUP: &str = "/v1/gateway_keys/lookup";
const UNKNOWN: &str = "/v1/gateway_keys/gky_00000000000000000000000000/revoke";

async fn create(api: &Api, body: Value) -> Value {
    api.post(KEYS, &body).await.done(201)
}

async fn lookup(api: &Api, secret: &str) -> Answer {
    api.post(LOOKUP, &json!({ "secret": secret })).await
}

fn revoke_path(key: &Value) -> String {
    format!("{KEYS}/{}/revoke", text(&key["id"]))
}

/// As lists have it: without secret and position.
fn listed(key: &Value) -> Value {
    let mut row = key.clone();
    row["secret"] = Value::Null;
    row["position"] = Value::Null;
    row
}

#[tokio::test]
async fn a_key_is_shown_once_and_ended_for_good() {
    let app = TestApp::up().await;
    let api = &app.api;
    let (customer, other) = (api.customer().await, api.customer().await);
    let rate = json!({ "requests": 60, "per_secs": 60, "burst": 5 });
    let body = json!({ "customer_id": customer, "name": "laptop", "expires_at": "2100-01-01T00:00:00Z", "rate": rate });
    let first = api.post_keyed(KEYS, "create", &body).await;
    let key = first.done(201);
    let secret = text(&key["secret"]);
    assert!(secret.starts_with("tbk_") && secret.len() > 40, "{key}");
    assert_eq!(key["prefix"], secret[..10]);
    for (member, expected) in [
        ("object", json!("gateway_key")),
        ("customer_id", json!(customer)),
        ("session_key_id", Value::Null),
        ("name", json!("laptop")),
        ("rate", rate.clone()),
        ("expires_at", json!("2100-01-01T00:00:00Z")),
        ("revoked_at", Value::Null),
    ] {
        assert_eq!(key[member], expected, "{member}");
    }
    // What was shown once is kept nowhere.
    let again = api.post_keyed(KEYS, "create", &body).await;
    let mut without = key.clone();
    without["secret"] = Value::Null;
    assert_eq!((again.done(201), again.is_replay(), first.is_replay()), (without, true, false));
    let payloads: Vec<Vec<u8>> =
        sqlx::query_scalar("select payload from events").fetch_all(&app.site.pool()).await.unwrap();
    let told = [app.log(), api.get("/v1/events?limit=100").await.text()];
    for text in payloads.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).chain(told) {
        assert!(!text.contains(secret), "{text}");
    }

    let second = create(api, json!({ "customer_id": other })).await;
    assert_eq!(
        (&second["name"], &second["rate"], &second["expires_at"]),
        (&json!("Gateway key"), &Value::Null, &Value::Null)
    );
    let position = Position::of(&second);
    assert_eq!(api.list_at(KEYS, position).await, [listed(&second), listed(&key)]);
    assert_eq!(api.list_at(&format!("{KEYS}?customer_id={customer}"), position).await, [listed(&key)]);
    assert_eq!(api.walk(&format!("{KEYS}?limit=1"), "cursor").await, [listed(&second), listed(&key)]);

    let found = lookup(api, secret).await.done(200);
    let expected = json!({
        "object": "gateway_key", "id": key["id"], "customer_id": customer, "session_key_id": null, "rate": rate,
        "expires_at": "2100-01-01T00:00:00Z",
    });
    assert_eq!(found, expected);
    let ended = api.post_keyed(&revoke_path(&key), "revoke", &json!({})).await.done(200);
    assert!(ended["revoked_at"].is_string());
    lookup(api, secret).await.problem(404, "gateway_key_not_found");
    let again = api.post_keyed(&revoke_path(&key), "revoke", &json!({})).await;
    assert_eq!((again.done(200), again.is_replay()), (ended.clone(), true));
    // Ending what has ended changes nothing.
    let events = app.site.events_count(None).await;
    let once_more = api.post(&revoke_path(&key), &json!({})).await.done(200);
    assert_eq!((&once_more["revoked_at"], app.site.events_count(None).await), (&ended["revoked_at"], events));
    let rows = api.list_at(KEYS, Position::of(&ended)).await;
    assert_eq!(rows[1]["revoked_at"], ended["revoked_at"]);
    lookup(api, text(&second["secret"])).await.done(200);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_key_that_opens_nothing_is_not_found() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let customer = api.customer().await;
    let key = create(api, json!({ "customer_id": customer })).await;
    let brief = create(api, json!({ "customer_id": customer, "expires_at": in_seconds(4) })).await;
    let (secret, brief) = (text(&key["secret"]), text(&brief["secret"]));
    lookup(api, brief).await.done(200);
    lookup(&theirs, secret).await.problem(404, "gateway_key_not_found");
    theirs.post(&revoke_path(&key), &json!({})).await.problem(404, "gateway_key_not_found");
    theirs.post(KEYS, &json!({ "customer_id": customer })).await.problem(404, "customer_not_found");
    theirs.get(&format!("{KEYS}?customer_id={customer}")).await.problem(404, "customer_not_found");
    assert_eq!(theirs.walk(KEYS, "cursor").await, [] as [Value; 0]);
    let invented = format!("tbk_{}", "0".repeat(43));
    for nobody in ["", "tbk_", invented.as_str(), api.key.as_str(), &secret[..secret.len() - 1], &"x".repeat(10_000)] {
        lookup(api, nobody).await.problem(404, "gateway_key_not_found");
    }
    let over =
        until("the key has expired", async || Some(lookup(api, brief).await).filter(|answer| answer.status != 200))
            .await;
    over.problem(404, "gateway_key_not_found");
    // It opens the gateway alone.
    api.with_key(secret).get("/v1/customers").await.problem(401, "unauthenticated");
    lookup(api, secret).await.done(200);
}

#[tokio::test]
async fn another_process_hears_that_a_key_was_ended() {
    let mut app = TestApp::up().await;
    let server = Server::start(&app.site).await;
    let there = app.api.at(&server.url);
    let key = create(&app.api, json!({ "customer_id": app.api.customer().await })).await;
    let secret = text(&key["secret"]);
    for _ in 0..3 {
        lookup(&there, secret).await.done(200);
    }
    app.api.post(&revoke_path(&key), &json!({})).await.done(200);
    lookup(&app.api, secret).await.problem(404, "gateway_key_not_found");
    let answer = until("the other process has heard of it", async || {
        Some(lookup(&there, secret).await).filter(|answer| answer.status != 200)
    })
    .await;
    answer.problem(404, "gateway_key_not_found");
    // So it stays.
    let kept = create(&app.api, json!({ "customer_id": app.api.customer().await })).await;
    app.restart().await;
    lookup(&app.api, secret).await.problem(404, "gateway_key_not_found");
    lookup(&app.api, text(&kept["secret"])).await.done(200);
}

#[tokio::test]
async fn only_a_managed_session_key_pays_without_signing() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let managed = Session::draw_up(api, &customer, Custody::Managed, "10", json!({})).await;
    let client = Session::draw_up(api, &customer, Custody::Client, "10", json!({})).await;
    let key = create(api, json!({ "session_key_id": managed.id })).await;
    assert_eq!((&key["customer_id"], &key["session_key_id"]), (&Value::Null, &json!(managed.id)));
    let found = lookup(api, text(&key["secret"])).await.done(200);
    assert_eq!((&found["customer_id"], &found["session_key_id"]), (&Value::Null, &json!(managed.id)));
    let refused = api.post(KEYS, &json!({ "session_key_id": client.id })).await.problem(422, "session_key_not_managed");
    assert_eq!(refused["param"], "session_key_id");
    let of_managed = format!("{KEYS}?session_key_id={}", managed.id);
    assert_eq!(api.list_at(&of_managed, Position::of(&key)).await, [listed(&key)]);
    assert_eq!(api.walk(&format!("{KEYS}?session_key_id={}", client.id), "cursor").await, [] as [Value; 0]);

    // What is asked with a voucher names the session as the contract does.
    let position = Position::of(&client.created);
    for session in [&managed, &client] {
        for spelled in [session.session_id().to_owned(), session.session_id().to_uppercase().replace("0X", "0x")] {
            let rows = api.list_at(&format!("/v1/session_keys?session_id={spelled}"), position).await;
            assert_eq!(rows.iter().map(|row| text(&row["id"])).collect::<Vec<_>>(), [session.id.as_str()]);
        }
    }
    let path = format!("/v1/session_keys?session_id={}", managed.session_id());
    assert_eq!(app.other_organization().await.walk(&path, "cursor").await, [] as [Value; 0]);
    let nobody = format!("/v1/session_keys?session_id=0x{}", "0".repeat(64));
    assert_eq!(api.walk(&nobody, "cursor").await, [] as [Value; 0]);
    let wrong = api.get("/v1/session_keys?session_id=0x12").await.problem(400, "invalid_request");
    assert_eq!(wrong["param"], "session_id");
}

#[tokio::test]
async fn bad_gateway_keys() {
    let app = TestApp::up().await;
    let customer = app.api.customer().await;
    let (nobody, no_session) = ("cus_00000000000000000000000000", "ses_00000000000000000000000000");
    let post = |what, body: Value, status, code| Bad::post(what, KEYS, body, status, code);
    let with = |what, field: &str, value: Value, status, code| {
        let mut body = json!({ "customer_id": customer });
        body[field] = value;
        post(what, body, status, code)
    };
    let rated = |what, requests: i64, per_secs: i64, burst: Value| {
        let rate = json!({ "requests": requests, "per_secs": per_secs, "burst": burst });
        with(what, "rate", rate, 400, "invalid_request")
    };
    let rows = [
        Bad::new("half an object", Method::POST, KEYS, b"{".to_vec(), 400, "invalid_json"),
        post("nobody", json!({}), 400, "missing_field").at("customer_id"),
        with("two payers", "session_key_id", json!(no_session), 400, "invalid_request").at("session_key_id"),
        with("an unknown field", "colour", json!("red"), 400, "unknown_field").at("colour"),
        post("an unknown customer", json!({ "customer_id": nobody }), 404, "customer_not_found"),
        post("no customer's id", json!({ "customer_id": "1" }), 404, "customer_not_found"),
        post("an unknown session key", json!({ "session_key_id": no_session }), 404, "session_key_not_found"),
        with("an empty name", "name", json!(""), 400, "invalid_request").at("name"),
        with("a long name", "name", json!("é".repeat(101)), 400, "invalid_request").at("name"),
        with("no time", "expires_at", json!("tomorrow"), 400, "invalid_request").at("expires_at"),
        with("a time that is over", "expires_at", json!("2020-01-01T00:00:00Z"), 422, "expires_in_the_past")
            .at("expires_at"),
        rated("no requests", 0, 1, Value::Null).at("rate"),
        rated("no time for them", 1, 0, Value::Null).at("rate"),
        rated("more than a day", 1, 86_401, Value::Null).at("rate"),
        rated("none at once", 1, 1, json!(0)).at("rate"),
        rated("a negative rate", -1, 1, Value::Null).at("rate.requests"),
        with("half a rate", "rate", json!({ "requests": 1 }), 400, "missing_field").at("rate.per_secs"),
        with("an empty key", "name", json!("a"), 400, "invalid_idempotency_key").with_key(b""),
        Bad::post("the end of none", UNKNOWN, json!({}), 404, "gateway_key_not_found"),
        Bad::post("the end of no id", "/v1/gateway_keys/1/revoke", json!({}), 404, "gateway_key_not_found"),
        Bad::post("a lookup of nothing", LOOKUP, json!({}), 400, "missing_field").at("secret"),
        Bad::post("a lookup of a number", LOOKUP, json!({ "secret": 1 }), 400, "invalid_request").at("secret"),
        Bad::get("keys of nobody", &format!("{KEYS}?customer_id={nobody}"), 404, "customer_not_found"),
        Bad::get("a cursor that is none", "/v1/gateway_keys?cursor=1", 400, "invalid_request").at("cursor"),
    ];
    assert_refused(&app, &rows).await;
    app.site.assert_clean().await;
}
