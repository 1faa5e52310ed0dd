//! Paying at the gateway: whoever does not is told how; with a voucher, with a key of credits, with a key of a managed
//! session key; and whose routes are meant.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::gateway::{
    CENT_UNITS, Upstream, assert_cost, assert_settled_up, bearer, cent, charge_of, charges, decoded, gateway,
    gateway_key, get_paid, models_route, offer, price_models, refused, route_to, send_bytes, set_route,
};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, in_seconds, settle_all};
use crate::support::{Answer, Api, TestApp, assert_amount, decimal, until};

async fn anonymous(gate: &Api, path: &str) -> Answer {
    Answer::of(gate.anonymous(Method::GET, path)).await.unwrap()
}

#[tokio::test]
async fn whoever_does_not_pay_is_told_how() {
    let app = ChainApp::up().await;
    let (api, gate) = (&app.api, gateway(&app, ""));
    let upstream = Upstream::start(&app.site).await;
    let mut route = route_to(&upstream, "/echo/*", cent());
    route["description"] = json!("what came");
    route["mime_type"] = json!("application/json");
    set_route(api, route).await;
    price_models(api).await;
    set_route(api, models_route(&upstream, json!({}))).await;
    let organization = api.get("/v1/organization").await.done(200);
    let events = app.site.events_count(None).await;

    let answer = anonymous(&gate, "/echo/a?b=c").await;
    let body = refused(&answer, 402, "payment_required");
    let required = decoded(&answer, "payment-required");
    assert!(text(&required["resource"]["url"]).ends_with("/echo/a?b=c"), "{required}");
    assert_eq!(required["resource"]["description"], "what came");
    let offered = offer(&answer, "session");
    let deployed = &app.deployed;
    for (member, expected) in [
        ("network", format!("eip155:{}", deployed.chain_id())),
        ("amount", CENT_UNITS.to_string()),
        ("asset", deployed.usdc.to_lowercase()),
        ("payTo", deployed.payee.to_lowercase()),
    ] {
        assert_eq!(text(&offered[member]).to_lowercase(), expected, "{member}: {offered}");
    }
    let extra = &offered["extra"];
    assert_eq!(text(&extra["verifyingContract"]).to_lowercase(), deployed.contract.to_lowercase());
    assert_eq!((&extra["name"], &extra["organization"]), (&json!("SessionKeyValidator"), &organization["id"]));
    // Version 1 reads the body, and knows no sessions.
    assert_eq!((&body["x402Version"], &body["error"]), (&json!(1), &body["code"]));
    let version_1 = body["accepts"].as_array().unwrap();
    assert!(version_1.iter().all(|offer| offer["scheme"] == "exact"), "{body}");

    // Clients of OpenAI read their own form.
    let chat = json!({ "model": "demo-small", "messages": [{ "role": "user", "content": "a" }], "max_tokens": 9 });
    let asked = gate.anonymous(Method::POST, "/v1/chat/completions").json(&chat);
    let answer = Answer::of(asked).await.unwrap();
    let body = refused(&answer, 402, "payment_required");
    assert!(body["error"].is_object(), "{body}");
    assert!(text(&offer(&answer, "session")["amount"]).parse::<u128>().is_ok());
    assert_eq!((upstream.calls().await, app.site.events_count(None).await), (0, events));
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn three_ways_to_pay_for_one_route() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo/*", cent())).await;

    let (customer, with_credits) = bearer(&app, "1").await;
    let answer = with_credits.get("/echo/a").await;
    assert_cost(&answer, "0.01");
    assert_eq!(
        (answer.header("x-tollbook-currency"), answer.header("x-tollbook-remaining")),
        (Some("USD"), Some("0.99"))
    );
    assert_eq!(answer.json()["path"], "/echo/a");
    assert_amount(&api.account(&customer).await["credits"], "0.99");
    let charge = charge_of(api, &answer).await;
    assert_eq!((&charge["customer_id"], &charge["amount"]), (&json!(customer), &json!("0.01")));

    let payer = app.payer().await;
    let managed = Session::open(api, &payer, Custody::Managed, "1").await;
    let secret = gateway_key(api, json!({ "session_key_id": managed.id })).await;
    let answer = gateway(&app, &secret).get("/echo/a").await;
    assert_cost(&answer, "0.01");
    assert_eq!(answer.header("x-tollbook-currency"), Some("USDC"));
    assert_amount(&managed.now(api).await["charged"], "0.01");

    let signing = Session::open(api, &payer, Custody::Client, "1").await;
    let gate = gateway(&app, "");
    let offered = offer(&anonymous(&gate, "/echo/a").await, "session");
    for request in 1..=3 {
        let answer = get_paid(&gate, "/echo/a", &offered, &signing, request * CENT_UNITS).await;
        assert_cost(&answer, "0.01");
        let charge = charge_of(api, &answer).await;
        let receipt = decoded(&answer, "payment-response");
        assert_eq!((&receipt["success"], &receipt["transaction"]), (&json!(true), &charge["id"]), "{receipt}");
        assert_eq!((&receipt["network"], &receipt["amount"]), (&offered["network"], &json!(CENT_UNITS.to_string())));
        let owner = text(&signing.created["owner"]).to_lowercase();
        assert_eq!(text(&receipt["payer"]).to_lowercase(), owner);
        let extra = &receipt["extra"];
        assert_eq!((&extra["charge_id"], &extra["sessionId"]), (&charge["id"], &signing.created["session_id"]));
        assert_eq!((&extra["charged"], &extra["held"]), (&json!((request * CENT_UNITS).to_string()), &json!("0")));
        assert_amount(&extra["cost"], "0.01");
        assert_eq!(decimal(&extra["remaining"]), decimal(&signing.now(api).await["available"]));
    }
    assert_eq!(upstream.calls().await, 5);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 4 * CENT_UNITS);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn keys_that_open_nothing() {
    let app = TestApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo", json!({ "per_request": "0.01", "currencies": ["USD"] }))).await;
    let customer = api.funded("100").await;
    let made = api.post("/v1/gateway_keys", &json!({ "customer_id": customer })).await.done(201);
    let good = gateway(&app, text(&made["secret"]));
    assert_cost(&good.get("/echo").await, "0.01");
    let invented = format!("tbk_{}", "0".repeat(43));
    let late = json!({ "customer_id": customer, "expires_at": in_seconds(5) });
    let late = gateway(&app, &gateway_key(api, late).await);
    assert_cost(&late.get("/echo").await, "0.01");

    for secret in [invented.as_str(), "tbk_", api.key.as_str()] {
        refused(&gateway(&app, secret).get("/echo").await, 401, "unauthenticated");
    }
    api.post(&format!("/v1/gateway_keys/{}/revoke", text(&made["id"])), &json!({})).await.done(200);
    refused(&good.get("/echo").await, 401, "unauthenticated");
    let expired = async || Some(late.get("/echo").await).filter(|answer| answer.status != 200);
    refused(&until("the key has expired", expired).await, 401, "unauthenticated");
    // A key of the gateway opens nothing else.
    let secret = gateway_key(api, json!({ "customer_id": customer })).await;
    api.with_key(&secret).get("/v1/customers").await.problem(401, "unauthenticated");
    let count = charges(api, &format!("customer_id={customer}")).await.len();
    assert_eq!(u64::try_from(count).unwrap(), upstream.calls().await);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn whose_routes_are_meant() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let upstream = Upstream::start(&app.site).await;
    let priced = |price: &str| json!({ "per_request": price, "currencies": ["USD"] });
    set_route(api, route_to(&upstream, "/echo/*", priced("0.01"))).await;
    set_route(&theirs, route_to(&upstream, "/echo/*", priced("0.02"))).await;
    set_route(&theirs, route_to(&upstream, "/bytes/{count}", json!({}))).await;
    let [our_id, their_id] = [api.get("/v1/organization").await, theirs.get("/v1/organization").await]
        .map(|one| one.done(200)["id"].clone());
    let [our_id, their_id] = [&our_id, &their_id].map(|id| text(id).to_owned());
    let (_, ours) = bearer(&app, "1").await;
    let customer = theirs.funded("1").await;
    let their_key = gateway_key(&theirs, json!({ "customer_id": customer })).await;
    let their_gate = gateway(&app, &their_key);

    // A key says whose; so does the path; else it is the first organization's.
    for (gate, path, price) in [
        (&ours, "/echo/a".to_owned(), "0.01"),
        (&ours, format!("/{our_id}/echo/a"), "0.01"),
        (&their_gate, "/echo/a".to_owned(), "0.02"),
        (&their_gate, format!("/{their_id}/echo/a"), "0.02"),
    ] {
        let answer = gate.get(&path).await;
        assert_cost(&answer, price);
        assert_eq!(answer.json()["path"], "/echo/a", "the organization is cut off");
    }
    refused(&ours.get(&format!("/{their_id}/echo/a")).await, 401, "unauthenticated");
    refused(&anonymous(&ours, "/echo/a").await, 402, "payment_required");
    refused(&anonymous(&ours, &format!("/{their_id}/echo/a")).await, 402, "payment_required");
    // What is free asks for nothing.
    let free = anonymous(&ours, &format!("/{their_id}/bytes/10")).await;
    assert_eq!((free.status, free.text().as_str()), (200, "0123456789"));
    refused(&anonymous(&ours, "/bytes/10").await, 404, "route_not_found");
    for nowhere in [format!("/org_{}/echo/a", "0".repeat(26)), "/other".to_owned(), "/echo/../bytes/1".to_owned()] {
        let request = format!("GET {nowhere} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let (status, answer) = send_bytes(&ours, request.as_bytes()).await;
        assert!(status == 404 && answer.contains("route_not_found"), "{nowhere}: {answer}");
    }

    // The same below /gw of the API, and the gateway's own health.
    let nested = Api::new(&format!("{}/gw", api.url), &ours.key);
    assert_cost(&nested.get("/echo/a").await, "0.01");
    assert_cost(&nested.get(&format!("/{our_id}/echo/a")).await, "0.01");
    assert_eq!(anonymous(&ours, "/healthz").await.status, 200);
    let mut only_posts = route_to(&upstream, "/only", priced("0.01"));
    only_posts["methods"] = json!(["POST"]);
    set_route(api, only_posts).await;
    let wrong = ours.get("/only").await;
    refused(&wrong, 405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), Some("POST"));
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn what_is_left_decides() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo", cent())).await;
    let (customer, poor) = bearer(&app, "0.015").await;
    assert_cost(&poor.get("/echo").await, "0.01");
    let problem = refused(&poor.get("/echo").await, 402, "insufficient_funds");
    assert_amount(&problem["remaining"], "0.005");
    api.credits(&customer, json!({ "amount": "0.005" })).await;
    assert_cost(&poor.get("/echo").await, "0.01");

    let payer = app.payer().await;
    let managed = Session::open(api, &payer, Custody::Managed, "0.01").await;
    let gate = gateway(&app, &gateway_key(api, json!({ "session_key_id": managed.id })).await);
    assert_cost(&gate.get("/echo").await, "0.01");
    refused(&gate.get("/echo").await, 402, "insufficient_deposit");
    let frozen = Session::open(api, &payer, Custody::Managed, "1").await;
    api.post(&frozen.path("freeze"), &json!({})).await.done(200);
    let gate = gateway(&app, &gateway_key(api, json!({ "session_key_id": frozen.id })).await);
    let answer = gate.get("/echo").await;
    refused(&answer, 402, "session_frozen");
    assert_eq!(upstream.calls().await, 3);
    assert_eq!(api.get("/v1/customers").await.status, 200);
    let listed: Vec<Value> = charges(api, &format!("session_key_id={}", frozen.id)).await;
    assert!(listed.is_empty());
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, USDC / 100);
    assert_settled_up(&app).await;
}
