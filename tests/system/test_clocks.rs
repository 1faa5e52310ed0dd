//! Test clocks: a customer that lives in the time of one, and months that pass in a moment.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::refused::{Bad, assert_refused};
use crate::support::subscriptions::{
    CLOCKS, METER, advance, arrived, basic, changed, clock, customer_on, events_of, path_of, publish, publish_basic,
    settled, subscribe,
};
use crate::support::{Position, Server, TestApp, assert_amount, until};

/// Well formed, and nobody's.
const UNKNOWN: &str = "/v1/test_clocks/clk_00000000000000000000000000";

#[tokio::test]
async fn a_year_of_a_subscription_passes_in_a_moment() {
    let app = TestApp::up().await;
    let api = &app.api;
    publish_basic(api).await;
    let clock = clock(api, "2026-01-17T10:00:00Z").await;
    let customer = customer_on(api, &clock).await;
    let known = api.get(&format!("/v1/customers/{customer}")).await.done(200);
    assert_eq!((&known["test_clock_id"], &known["created_at"]), (&json!(clock), &json!("2026-01-17T10:00:00Z")));

    let trial = subscribe(api, &customer, "basic", json!({ "trial_days": 14 })).await;
    assert_eq!(
        (&trial["created_at"], &trial["trial_end"]),
        (&json!("2026-01-17T10:00:00Z"), &json!("2026-01-31T10:00:00Z"))
    );
    settled(api, &trial).await;
    // All of the trial's calls are free, and no more.
    assert_amount(&api.charge_metered(&customer, METER, "100").await.done(201)["amount"], "0");

    let there = advance(api, &clock, "2026-02-10T00:00:00Z").await;
    assert_eq!((&there["now"], &there["target"]), (&json!("2026-02-10T00:00:00Z"), &Value::Null));
    let paid = api.get(&path_of(&trial)).await.done(200);
    assert_eq!((&paid["status"], &paid["open_bill"]), (&json!("active"), &Value::Null));
    // The 31st comes back after a month that has none.
    assert_eq!(paid["period"], json!({ "start": "2026-01-31T10:00:00Z", "end": "2026-02-28T10:00:00Z" }));
    let charge = api.charge_metered(&customer, METER, "150").await.done(201);
    assert_eq!(charge["occurred_at"], "2026-02-10T00:00:00Z");
    assert_amount(&charge["amount"], "0.5");

    advance(api, &clock, "2026-05-15T00:00:00Z").await;
    let later = api.get(&path_of(&trial)).await.done(200);
    assert_eq!(later["period"], json!({ "start": "2026-04-30T10:00:00Z", "end": "2026-05-31T10:00:00Z" }));
    let stream = format!("subscription:{}", text(&trial["id"]));
    assert_eq!(events_of(&app.site, &stream, Some("renewed")).await, 3);
    // Usage counts anew in each period.
    assert_amount(&api.charge_metered(&customer, METER, "100").await.done(201)["amount"], "0");

    let end = format!("{}/cancel", path_of(&trial));
    api.post(&end, &json!({})).await.done(200);
    advance(api, &clock, "2027-01-17T10:00:00Z").await;
    let ended = api.get(&path_of(&trial)).await.done(200);
    assert_eq!((&ended["status"], &ended["ended_at"]), (&json!("cancelled"), &json!("2026-05-31T10:00:00Z")));
    assert_eq!((&ended["period"], &ended["open_bill"]), (&Value::Null, &Value::Null));
    assert_eq!(events_of(&app.site, &stream, Some("renewed")).await, 3);
    // Without an allowance the meter has its own price.
    let charge = api.charge_metered(&customer, METER, "1").await.done(201);
    assert_amount(&charge["amount"], "1");
    assert_eq!(charge["occurred_at"], "2027-01-17T10:00:00Z");
    app.site.assert_clean().await;
}

#[tokio::test]
async fn everything_of_a_customer_happens_in_its_time() {
    let mut app = TestApp::up().await;
    let api = app.api.clone();
    api.meter(METER, "1").await;
    let clock = clock(&api, "2030-06-01T00:00:00Z").await;
    let (customer, saver, real) =
        (customer_on(&api, &clock).await, customer_on(&api, &clock).await, api.funded("1").await);
    let credits = format!("/v1/customers/{saver}/credits");
    let grant = json!({ "amount": "10", "expires_at": "2030-07-01T00:00:00Z" });
    let grant = api.post(&credits, &grant).await.done(201);
    assert_eq!(grant["created_at"], "2030-06-01T00:00:00Z");
    // By its clock that is over.
    let over = json!({ "amount": "10", "expires_at": "2030-05-31T00:00:00Z" });
    api.post(&credits, &over).await.problem(422, "expires_in_the_past");
    let quota = json!({ "limit": "5", "period": "month", "included": true, "overage": "charge" });
    let quota = api.put(&format!("/v1/customers/{customer}/quotas/{METER}"), &quota).await.done(200);
    assert_eq!(quota["period_start"], "2030-06-01T00:00:00Z");
    let hold = json!({ "customer_id": customer, "amount": "2", "ttl_secs": 60 });
    let hold = api.post("/v1/holds", &hold).await.done(201);
    assert_eq!(hold["expires_at"], "2030-06-01T00:01:00Z");
    assert_eq!(api.charge_metered(&customer, METER, "5").await.done(201)["occurred_at"], "2030-06-01T00:00:00Z");
    // Others live in the time of now.
    assert!(!text(&api.charge(&real, "1").await.done(201)["occurred_at"]).starts_with("2030-06-01T00:00:00"));

    // Hold and credits run out with the clock, and not before.
    let path = format!("/v1/holds/{}", text(&hold["id"]));
    let at_first = format!("{path}?min_position={}", Position::of(&hold));
    let open =
        until("the hold can be read", async || Some(api.get(&at_first).await).filter(|it| it.status == 200)).await;
    assert_eq!(open.done(200)["status"], "open");
    assert_eq!(api.account(&saver).await["credits"], "10");
    advance(&api, &clock, "2030-08-01T00:00:00Z").await;
    assert_eq!(
        (&api.account(&customer).await["held"], &api.account(&saver).await["credits"]),
        (&json!("0"), &json!("0"))
    );
    let gone = until("the hold has ended", async || {
        Some(api.get(&path).await.done(200)).filter(|hold| hold["status"] != "open")
    })
    .await;
    assert_eq!(gone["status"], "expired");
    // In another month the quota is full again.
    let rows = api.list_at(&format!("/v1/quotas?customer_id={customer}"), Position::of(&grant)).await;
    let calls = &rows[0]["meters"][0];
    assert_eq!((&calls["remaining"], &calls["period_start"]), (&json!("5"), &json!("2030-08-01T00:00:00Z")));

    // So it stays after a start, and in another process.
    app.restart().await;
    let server = Server::start(&app.site).await;
    let there = app.api.at(&server.url);
    for api in [&app.api, &there] {
        assert_eq!(api.charge(&customer, "1").await.done(201)["occurred_at"], "2030-08-01T00:00:00Z");
    }
    advance(&app.api, &clock, "2030-09-01T00:00:00Z").await;
    assert_eq!(app.api.charge(&customer, "1").await.done(201)["occurred_at"], "2030-09-01T00:00:00Z");
    until("the other process has heard of it", async || {
        let charge = there.charge(&saver, "1").await.done(201);
        (charge["occurred_at"] == "2030-09-01T00:00:00Z").then_some(())
    })
    .await;
    app.site.assert_clean().await;
}

#[tokio::test]
async fn what_happens_on_the_way_happens_when_it_is_due() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter(METER, "1").await;
    publish(api, &changed(basic(), json!({ "interval": { "unit": "day" } }))).await;
    let clock = clock(api, "2026-03-01T00:00:00Z").await;
    let customer = customer_on(api, &clock).await;
    let subscription = subscribe(api, &customer, "basic", json!({})).await;
    let path = format!("{CLOCKS}/{clock}");
    let advanced = api.post(&format!("{path}/advance"), &json!({ "to": "2026-03-31T12:00:00Z" })).await.done(200);
    assert_eq!((&advanced["status"], &advanced["target"]), (&json!("advancing"), &json!("2026-03-31T12:00:00Z")));
    let there = arrived(api, &clock).await;
    assert_eq!((&there["status"], &there["now"]), (&json!("ready"), &json!("2026-03-31T12:00:00Z")));
    let stream = format!("subscription:{}", text(&subscription["id"]));
    let pool = app.site.pool();
    let query = "select to_char(occurred_at at time zone 'utc', 'YYYY-MM-DD') from events
        where stream_id = $1 and event_type = 'renewed' order by version";
    let renewed: Vec<String> = sqlx::query_scalar(query).bind(&stream).fetch_all(&pool).await.unwrap();
    assert_eq!((renewed.len(), renewed[0].as_str(), renewed[29].as_str()), (30, "2026-03-02", "2026-03-31"));
    let rows = api.list_at(CLOCKS, Position::of(&advanced)).await;
    assert_eq!((&rows[0]["id"], &rows[0]["name"]), (&json!(clock), &json!("Test clock")));
    app.site.assert_clean().await;
}

#[tokio::test]
async fn test_clocks_are_made_and_set_once() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let body = json!({ "name": "a year", "now": "2026-01-01T00:00:00Z" });
    let first = api.post_keyed(CLOCKS, "create", &body).await;
    let made = first.done(201);
    assert!(text(&made["id"]).starts_with("clk_"));
    assert_eq!((&made["status"], &made["now"], &made["name"]), (&json!("ready"), &body["now"], &json!("a year")));
    let again = api.post_keyed(CLOCKS, "create", &body).await;
    assert_eq!((again.done(201), again.is_replay(), first.is_replay()), (made.clone(), true, false));
    let path = format!("{CLOCKS}/{}", text(&made["id"]));
    let to = json!({ "to": "2026-02-01T00:00:00Z" });
    let advanced = api.post_keyed(&format!("{path}/advance"), "on", &to).await.done(200);
    arrived(api, text(&made["id"])).await;
    let again = api.post_keyed(&format!("{path}/advance"), "on", &to).await;
    assert_eq!((again.done(200), again.is_replay()), (advanced, true), "as it was then");
    let back = api.post(&format!("{path}/advance"), &json!({ "to": "2026-01-31T00:00:00Z" })).await;
    assert_eq!(back.problem(422, "test_clock_backwards")["now"], "2026-02-01T00:00:00Z");

    theirs.get(&path).await.problem(404, "test_clock_not_found");
    theirs.post(&format!("{path}/advance"), &to).await.problem(404, "test_clock_not_found");
    theirs.post("/v1/customers", &json!({ "test_clock_id": made["id"] })).await.problem(404, "test_clock_not_found");
    assert_eq!(theirs.walk(CLOCKS, "cursor").await, [] as [Value; 0]);

    // A chain keeps its own time.
    let body = json!({ "test_clock_id": made["id"], "currency": "USDC" });
    let customer = api.post("/v1/customers", &body).await.done(201);
    let session = json!({
        "customer_id": customer["id"], "owner": "0x90f79bf6eb2c4f870365e785982e1f101e93b906", "custody": "managed",
        "limit": "10", "valid_until": "2027-01-01T00:00:00Z",
    });
    api.post("/v1/session_keys", &session).await.problem(422, "test_clock_customer");
    let rows = api.list_at("/v1/customers", Position::of(&customer)).await;
    assert_eq!(rows[0]["test_clock_id"], made["id"]);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_test_clock_on_the_command_line() {
    let app = TestApp::up().await;
    let created = app.tollbook(&["clock", "create", "--now", "2026-01-31T00:00:00Z", "--name", "months"]).await;
    let created = created.expect_code(0).stdout;
    let (id, rest) = created.split_once("  ").unwrap();
    assert_eq!(rest.trim_end(), "ready  2026-01-31T00:00:00Z");
    let advanced =
        app.tollbook(&["clock", "advance", id, "--months", "1", "--days", "1", "--wait"]).await.expect_code(0);
    assert_eq!(advanced.stdout.trim_end(), format!("{id}  ready  2026-03-01T00:00:00Z"));
    assert_eq!(app.tollbook(&["clock", "show", id]).await.expect_code(0).stdout, advanced.stdout);
    app.tollbook(&["clock", "advance", id, "--to", "2026-01-01T00:00:00Z"]).await.expect_failure();
    app.tollbook(&["clock", "advance", id]).await.expect_failure();
    app.tollbook(&["clock", "show", "clk_1"]).await.expect_failure();
}

#[tokio::test]
async fn bad_test_clocks() {
    let app = TestApp::up().await;
    let api = &app.api;
    let clock = clock(api, "2026-01-01T00:00:00Z").await;
    let path = format!("{CLOCKS}/{clock}/advance");
    let post = |what, body: Value, status, code| Bad::post(what, CLOCKS, body, status, code);
    let on = |what, body: Value, status, code| Bad::post(what, &path, body, status, code);
    let rows = [
        Bad::new("half an object", Method::POST, CLOCKS, b"{".to_vec(), 400, "invalid_json"),
        post("an unknown field", json!({ "colour": "red" }), 400, "unknown_field").at("colour"),
        post("an empty name", json!({ "name": "" }), 400, "invalid_request").at("name"),
        post("no time", json!({ "now": "today" }), 400, "invalid_request").at("now"),
        post("a time long ago", json!({ "now": "1999-12-31T00:00:00Z" }), 400, "invalid_request").at("now"),
        post("a time far away", json!({ "now": "2101-01-01T00:00:00Z" }), 400, "invalid_request").at("now"),
        post("an empty key", json!({}), 400, "invalid_idempotency_key").with_key(b""),
        on("nowhere", json!({}), 400, "missing_field").at("to"),
        on("no time", json!({ "to": 5 }), 400, "invalid_request").at("to"),
        on("back", json!({ "to": "2025-12-31T00:00:00Z" }), 422, "test_clock_backwards").at("to"),
        on("too far", json!({ "to": "2031-01-01T00:00:01Z" }), 400, "invalid_request").at("to"),
        Bad::post(
            "one that is not there",
            &format!("{UNKNOWN}/advance"),
            json!({ "to": "2026-02-01T00:00:00Z" }),
            404,
            "test_clock_not_found",
        ),
        Bad::get("one that is not there", UNKNOWN, 404, "test_clock_not_found"),
        Bad::get("a cursor that is none", "/v1/test_clocks?cursor=x", 400, "invalid_request").at("cursor"),
        Bad::post(
            "a customer on none",
            "/v1/customers",
            json!({ "test_clock_id": "clk_1" }),
            404,
            "test_clock_not_found",
        ),
    ];
    assert_refused(&app, &rows).await;
    app.site.assert_clean().await;
}
