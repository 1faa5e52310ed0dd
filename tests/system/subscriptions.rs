//! Subscriptions as they are asked for, in real time: what they give, how they change and end, and what is refused.
//! (Months pass in `test_clocks`.)

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::refused::{Bad, assert_refused};
use crate::support::subscriptions::{
    METER, PLANS, SUBSCRIPTIONS, basic, changed, entitlements, events_of, path_of, publish, publish_basic, settled,
    subscribe,
};
use crate::support::{Api, Position, Server, TestApp, assert_amount, until};

/// Well formed, and nobody's.
const UNKNOWN: &str = "/v1/subscriptions/sub_00000000000000000000000000";
const ACTIONS: [&str; 8] =
    ["change", "drop_change", "cancel", "drop_cancel", "end_trial", "pause", "resume", "auto_renew"];

async fn act(api: &Api, subscription: &Value, action: &str, body: Value) -> Value {
    api.post(&format!("{}/{action}", path_of(subscription)), &body).await.done(200)
}

async fn refused(api: &Api, subscription: &Value, action: &str, code: &str) -> Value {
    api.post(&format!("{}/{action}", path_of(subscription)), &json!({})).await.problem(409, code)
}

/// What is left of the plan's calls, once the account has them.
async fn calls(api: &Api, customer: &str, subscription: &Value) -> Value {
    settled(api, subscription).await;
    let rows = entitlements(api, customer, Position::of(subscription)).await;
    rows.iter().find(|row| row["feature"] == "calls").unwrap_or_else(|| panic!("{rows:?}"))["metered"].clone()
}

fn stream_of(subscription: &Value) -> String {
    format!("subscription:{}", text(&subscription["id"]))
}

/// Makes a customer who may owe a lot.
async fn debtor(api: &Api) -> String {
    text(&api.post("/v1/customers", &json!({ "postpaid_limit": "1000" })).await.done(201)["id"]).to_owned()
}

#[tokio::test]
async fn a_subscription_begins_and_gives_what_its_plan_says() {
    let app = TestApp::up().await;
    let api = &app.api;
    let plan = publish_basic(api).await;
    let customer = debtor(api).await;
    let begun = subscribe(api, &customer, "basic", json!({ "quantity": "3" })).await;
    assert!(text(&begun["id"]).starts_with("sub_"));
    for (member, expected) in [
        ("object", json!("subscription")),
        ("customer_id", json!(customer)),
        ("status", json!("active")),
        ("quantity", json!("3")),
        ("currency", json!("USD")),
        ("time_zone", json!("UTC")),
        ("anchoring", json!("anniversary")),
        ("trial_end", Value::Null),
        ("auto_renew", json!(true)),
        ("cancel_at_period_end", json!(false)),
        ("pending_change", Value::Null),
        ("unpaid_invoices", json!([])),
        ("grace_until", Value::Null),
        ("ended_at", Value::Null),
        ("end_cause", Value::Null),
    ] {
        assert_eq!(begun[member], expected, "{member}");
    }
    let expected = json!({
        "id": plan["id"], "code": "basic", "version": 1, "name": "Basic", "interval": { "unit": "month", "count": 1 },
    });
    assert_eq!(begun["plan"], expected);
    assert_eq!((&begun["period"]["start"], &begun["next_due_at"]), (&begun["created_at"], &begun["period"]["end"]));
    assert_eq!((&begun["open_bill"]["number"], &begun["open_bill"]["reason"]), (&json!(1), &json!("start")));
    let now = settled(api, &begun).await;
    assert_eq!((&now["status"], &now["position"]), (&json!("active"), &Value::Null));

    let left = calls(api, &customer, &begun).await;
    let expected = json!({
        "meter": METER, "limit": "100", "used": "0", "held": "0", "remaining": "100", "beyond": "charge",
        "resets_at": begun["period"]["end"],
    });
    assert_eq!(left, expected);
    // 90 calls are free; of 15 more 5 cost a cent each.
    assert_amount(&api.charge_metered(&customer, METER, "90").await.done(201)["amount"], "0");
    assert_amount(&api.charge_metered(&customer, METER, "15").await.done(201)["amount"], "0.05");
    let left = calls(api, &customer, &begun).await;
    assert_eq!((&left["used"], &left["remaining"]), (&json!("105"), &json!("0")));
    let features = entitlements(api, &customer, Position::of(&begun)).await;
    let codes: Vec<_> = features.iter().map(|row| text(&row["feature"])).collect();
    assert_eq!(codes, ["calls", "seats", "sso"]);
    assert_eq!((&features[1]["kind"], &features[1]["value"]), (&json!("static"), &json!("20")));
    assert_eq!((&features[2]["kind"], &features[2]["enabled"]), (&json!("boolean"), &json!(false)));
    assert_eq!((&features[2]["subscription_id"], &features[2]["plan_version"]), (&begun["id"], &json!(1)));

    let position = Position::of(&begun);
    let rows = api.list_at(&format!("{SUBSCRIPTIONS}?customer_id={customer}"), position).await;
    assert_eq!(rows.iter().map(|row| &row["id"]).collect::<Vec<_>>(), [&begun["id"]]);
    assert_eq!((&rows[0]["status"], &rows[0]["plan_code"]), (&json!("active"), &json!("basic")));
    assert_eq!((&rows[0]["period"], &rows[0]["quantity"]), (&begun["period"], &json!("3")));
    for (filter, count) in [("status=active", 1), ("status=paused", 0), ("plan_id=basic", 1), ("limit=1", 1)] {
        assert_eq!(api.list_at(&format!("{SUBSCRIPTIONS}?{filter}"), position).await.len(), count, "{filter}");
    }
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_trial_is_free_and_ends_early() {
    let app = TestApp::up().await;
    let api = &app.api;
    publish_basic(api).await;
    let customer = debtor(api).await;
    let trial = subscribe(api, &customer, "basic", json!({ "trial_days": 14, "anchoring": "calendar" })).await;
    assert_eq!((&trial["status"], &trial["period"]["end"]), (&json!("trialing"), &trial["trial_end"]));
    // What comes while a bill is open waits for it.
    let paid = act(api, &trial, "end_trial", json!({})).await;
    assert_eq!((&paid["status"], &paid["open_bill"]["reason"]), (&json!("active"), &json!("trial_end")));
    assert!(text(&paid["period"]["end"]).ends_with("-01T00:00:00Z"), "{paid}");
    refused(api, &trial, "end_trial", "subscription_not_trialing").await;
    let other = api.customer().await;
    let brief = json!({ "trial_days": 1, "cancel_at_trial_end": true });
    api.post(SUBSCRIPTIONS, &changed(json!({ "customer_id": other, "plan_code": "basic" }), brief)).await.done(201);
    let without = json!({ "customer_id": api.customer().await, "plan_code": "basic", "cancel_at_trial_end": true });
    api.post(SUBSCRIPTIONS, &without).await.problem(409, "subscription_not_trialing");
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_subscription_changes_pauses_and_ends() {
    let app = TestApp::up().await;
    let api = &app.api;
    publish_basic(api).await;
    let mut pro = changed(basic(), json!({ "code": "pro", "name": "Pro" }));
    pro["prices"][0]["currencies"]["USD"]["amount"] = json!("299");
    publish(api, &pro).await;
    let customer = debtor(api).await;
    let begun = subscribe(api, &customer, "basic", json!({})).await;

    // At once, while the first bill may still be open.
    let upgraded = act(api, &begun, "change", json!({ "plan_code": "pro" })).await;
    assert_eq!((&upgraded["plan"]["code"], &upgraded["open_bill"]["number"]), (&json!("pro"), &json!(2)));
    assert_eq!(upgraded["period"], begun["period"]);
    // From the next period on.
    let later =
        act(api, &begun, "change", json!({ "plan_code": "basic", "quantity": "2", "when": "period_end" })).await;
    assert_eq!((&later["plan"]["code"], &later["quantity"]), (&json!("pro"), &json!("1")));
    let pending = &later["pending_change"];
    assert_eq!((&pending["plan"]["code"], &pending["quantity"]), (&json!("basic"), &json!("2")));
    assert_eq!(pending["effective_at"], begun["period"]["end"]);
    assert_eq!(act(api, &begun, "drop_change", json!({})).await["pending_change"], Value::Null);
    refused(api, &begun, "drop_change", "nothing_scheduled").await;

    let off = act(api, &begun, "auto_renew", json!({ "auto_renew": false })).await;
    assert_eq!(off["auto_renew"], false);
    act(api, &begun, "auto_renew", json!({ "auto_renew": false })).await;
    assert_eq!(events_of(&app.site, &stream_of(&begun), Some("auto_renew_set")).await, 1, "nothing has changed");
    let ending = act(api, &begun, "cancel", json!({})).await;
    assert_eq!((&ending["cancel_at_period_end"], &ending["status"]), (&json!(true), &json!("active")));
    assert_eq!(act(api, &begun, "drop_cancel", json!({})).await["cancel_at_period_end"], false);
    refused(api, &begun, "drop_cancel", "nothing_scheduled").await;

    let paused = act(api, &begun, "pause", json!({ "resumes_at": "2100-01-01T00:00:00Z" })).await;
    assert_eq!((&paused["status"], &paused["period"]), (&json!("paused"), &Value::Null));
    assert_eq!(paused["next_due_at"], "2100-01-01T00:00:00Z");
    settled(api, &begun).await;
    assert_eq!(entitlements(api, &customer, Position::of(&paused)).await, [] as [Value; 0]);
    refused(api, &begun, "pause", "subscription_paused").await;
    let resumed = act(api, &begun, "resume", json!({})).await;
    assert_eq!((&resumed["status"], &resumed["resumes_at"]), (&json!("active"), &Value::Null));
    refused(api, &begun, "resume", "subscription_not_paused").await;

    let ended = act(api, &begun, "cancel", json!({ "when": "now", "prorate": true })).await;
    assert_eq!((&ended["status"], &ended["end_cause"]), (&json!("cancelled"), &json!("requested")));
    assert!(ended["ended_at"].is_string() && ended["period"].is_null() && ended["next_due_at"].is_null(), "{ended}");
    settled(api, &begun).await;
    for action in ["cancel", "pause", "resume", "drop_change", "end_trial"] {
        refused(api, &begun, action, "subscription_ended").await;
    }
    let rows = api.list_at(&format!("{SUBSCRIPTIONS}?status=cancelled"), Position::of(&ended)).await;
    assert_eq!((&rows[0]["id"], &rows[0]["ended_at"]), (&begun["id"], &ended["ended_at"]));
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_meter_counts_for_one_subscription() {
    let app = TestApp::up().await;
    let api = &app.api;
    publish_basic(api).await;
    let alone = changed(basic(), json!({ "code": "addon", "features": {}, "prices": [basic()["prices"][0]] }));
    publish(api, &alone).await;
    let customer = debtor(api).await;
    let first = subscribe(api, &customer, "basic", json!({})).await;
    settled(api, &first).await;
    let second = json!({ "customer_id": customer, "plan_code": "basic" });
    let taken = api.post(SUBSCRIPTIONS, &second).await.problem(409, "meter_in_use");
    assert_eq!((&taken["meter"], &taken["subscription_id"]), (&json!(METER), &first["id"]));
    let addon = subscribe(api, &customer, "addon", json!({})).await;
    api.post(&format!("{}/change", path_of(&addon)), &json!({ "plan_code": "basic" }))
        .await
        .problem(409, "meter_in_use");
    // A quota of a subscription is not set by hand.
    let quota = json!({ "limit": "5", "period": "month" });
    let path = format!("/v1/customers/{customer}/quotas/{METER}");
    assert_eq!(api.put(&path, &quota).await.problem(409, "quota_of_subscription")["meter"], METER);
    // Once it has ended its meter is free, without waiting for anything.
    act(api, &first, "cancel", json!({ "when": "now" })).await;
    api.post(SUBSCRIPTIONS, &second).await.done(201);
}

#[tokio::test]
async fn a_pause_ends_only_when_the_meters_of_the_plan_to_come_are_free() {
    let app = TestApp::up().await;
    let api = &app.api;
    publish_basic(api).await;
    let alone = changed(basic(), json!({ "code": "addon", "features": {}, "prices": [basic()["prices"][0]] }));
    publish(api, &alone).await;
    let customer = debtor(api).await;
    let first = subscribe(api, &customer, "addon", json!({})).await;
    settled(api, &first).await;
    act(api, &first, "change", json!({ "plan_code": "basic", "when": "period_end" })).await;
    act(api, &first, "pause", json!({})).await;
    settled(api, &first).await;
    let second = subscribe(api, &customer, "basic", json!({})).await;
    settled(api, &second).await;
    let taken = refused(api, &first, "resume", "meter_in_use").await;
    assert_eq!((&taken["meter"], &taken["subscription_id"]), (&json!(METER), &second["id"]));
    // Without the change it needs no meter.
    act(api, &first, "drop_change", json!({})).await;
    assert_eq!(act(api, &first, "resume", json!({})).await["plan"]["code"], "addon");
}

#[tokio::test]
async fn what_is_sent_again_is_done_once() {
    let app = TestApp::up().await;
    let api = &app.api;
    publish_basic(api).await;
    let body = json!({ "customer_id": debtor(api).await, "plan_code": "basic" });
    let first = api.post_keyed(SUBSCRIPTIONS, "begin", &body).await;
    let begun = first.done(201);
    let path = |action: &str| format!("{}/{action}", path_of(&begun));
    settled(api, &begun).await;
    let change = json!({ "quantity": "5" });
    let changed_at_once = api.post_keyed(&path("change"), "change", &change).await.done(200);
    settled(api, &begun).await;
    let ended = api.post_keyed(&path("cancel"), "end", &json!({ "when": "now" })).await.done(200);
    settled(api, &begun).await;
    let events = events_of(&app.site, &stream_of(&begun), None).await;
    // As it was then, with the bill that was open then; also when the plan is retired and the subscription over.
    api.post(&format!("{PLANS}/basic/retire"), &json!({})).await.done(200);
    for (again, before) in [
        (api.post_keyed(SUBSCRIPTIONS, "begin", &body).await, &begun),
        (api.post_keyed(&path("change"), "change", &change).await, &changed_at_once),
        (api.post_keyed(&path("cancel"), "end", &json!({ "when": "now" })).await, &ended),
    ] {
        assert_eq!((again.json(), again.is_replay()), (before.clone(), true));
    }
    assert_eq!(events_of(&app.site, &stream_of(&begun), None).await, events);
    api.post_keyed(&path("cancel"), "end", &json!({})).await.problem(422, "idempotency_key_reused");
    api.post(SUBSCRIPTIONS, &body).await.problem(409, "plan_retired");
    assert!(!first.is_replay());
}

#[tokio::test]
async fn subscriptions_of_others_do_not_exist() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let plan = publish_basic(api).await;
    let customer = api.customer().await;
    let subscription = subscribe(api, &customer, "basic", json!({})).await;
    theirs.get(&path_of(&subscription)).await.problem(404, "subscription_not_found");
    for action in ACTIONS {
        let body = match action {
            "change" => json!({ "quantity": "2" }),
            "auto_renew" => json!({ "auto_renew": true }),
            _ => json!({}),
        };
        let answer = theirs.post(&format!("{}/{action}", path_of(&subscription)), &body).await;
        answer.problem(404, "subscription_not_found");
    }
    let own = theirs.customer().await;
    let of_ours = json!({ "customer_id": customer, "plan_id": plan["id"] });
    theirs.post(SUBSCRIPTIONS, &of_ours).await.problem(404, "customer_not_found");
    let to_ours = json!({ "customer_id": own, "plan_id": plan["id"] });
    theirs.post(SUBSCRIPTIONS, &to_ours).await.problem(404, "plan_not_found");
    theirs.get(&format!("{SUBSCRIPTIONS}?customer_id={customer}")).await.problem(404, "customer_not_found");
    theirs.get(&format!("/v1/customers/{customer}/entitlements")).await.problem(404, "customer_not_found");
    assert_eq!(theirs.walk(SUBSCRIPTIONS, "cursor").await, [] as [Value; 0]);
    assert_eq!(settled(api, &subscription).await["status"], "active");
}

#[tokio::test]
async fn bad_subscriptions() {
    let app = TestApp::up().await;
    let api = &app.api;
    publish_basic(api).await;
    let draft = changed(basic(), json!({ "code": "draft" }));
    api.post(PLANS, &draft).await.done(201);
    let in_yuan = json!([{ "code": "f", "name": "F", "kind": "recurring",
        "currencies": { "CNY": { "model": "flat", "amount": "1" } } }]);
    publish(api, &changed(basic(), json!({ "code": "yuan", "prices": in_yuan, "features": {} }))).await;
    let customer = api.customer().await;
    let subscription = subscribe(api, &api.customer().await, "basic", json!({})).await;
    settled(api, &subscription).await;
    // After that nothing is written by itself.
    until("its invoice has its number", async || (app.site.events_count(Some("finalized")).await == 1).then_some(()))
        .await;
    let right = json!({ "customer_id": customer, "plan_code": "basic" });
    let post = |what, change: Value, status, code| {
        Bad::post(what, SUBSCRIPTIONS, changed(right.clone(), change), status, code)
    };
    let invalid = |what, change: Value, param| post(what, change, 400, "invalid_request").at(param);
    let path = |action: &str| format!("{}/{action}", path_of(&subscription));
    let to = |what, action, body: Value, status, code| Bad::post(what, &path(action), body, status, code);
    let nobody = "cus_00000000000000000000000000";
    let rows = [
        Bad::new("half an object", Method::POST, SUBSCRIPTIONS, b"{".to_vec(), 400, "invalid_json"),
        post("an unknown field", json!({ "colour": "red" }), 400, "unknown_field").at("colour"),
        post("nobody", json!({ "customer_id": null }), 400, "missing_field").at("customer_id"),
        post("no plan", json!({ "plan_code": null }), 400, "missing_field").at("plan_id"),
        invalid("two names of a plan", json!({ "plan_id": "plan_1" }), "plan_code"),
        post("an empty key", json!({}), 400, "invalid_idempotency_key").with_key(b""),
        post("an unknown customer", json!({ "customer_id": nobody }), 404, "customer_not_found"),
        post("no customer's id", json!({ "customer_id": "1" }), 404, "customer_not_found"),
        post("an unknown plan", json!({ "plan_code": "none" }), 404, "plan_not_found"),
        post("no plan's id", json!({ "plan_code": null, "plan_id": "basic" }), 404, "plan_not_found"),
        post("a plan that is not out", json!({ "plan_code": "draft" }), 409, "plan_not_published"),
        post("another currency", json!({ "plan_code": "yuan" }), 422, "currency_mismatch").at("plan_id"),
        post("no seats", json!({ "quantity": "0" }), 400, "invalid_quantity").at("quantity"),
        post("half a seat", json!({ "quantity": "1.5" }), 400, "invalid_quantity").at("quantity"),
        post("too many seats", json!({ "quantity": "1000001" }), 400, "invalid_quantity").at("quantity"),
        post("a number of seats", json!({ "quantity": 1 }), 400, "invalid_quantity").at("quantity"),
        invalid("no anchor", json!({ "anchoring": "monthly" }), "anchoring"),
        post("an anchor far away", json!({ "anchoring": "2099-01-01T00:00:00Z" }), 422, "anchor_out_of_range")
            .at("anchoring"),
        invalid("a long trial", json!({ "trial_days": 731 }), "trial_days"),
        to("no change", "change", json!({}), 400, "missing_field").at("plan_id"),
        to("a change to none", "change", json!({ "plan_code": "none" }), 404, "plan_not_found"),
        to("a change some time", "change", json!({ "quantity": "2", "when": "soon" }), 400, "invalid_request")
            .at("when"),
        to("no seats any more", "change", json!({ "quantity": "0" }), 400, "invalid_quantity").at("quantity"),
        to(
            "prorated when nothing is left",
            "change",
            json!({ "quantity": "2", "when": "period_end", "prorate": true }),
            400,
            "invalid_request",
        )
        .at("prorate"),
        to("to another currency", "change", json!({ "plan_code": "yuan" }), 422, "currency_mismatch").at("plan_id"),
        to("an unknown field", "cancel", json!({ "now": true }), 400, "unknown_field").at("now"),
        to(
            "a pause that is over",
            "pause",
            json!({ "resumes_at": "2020-01-01T00:00:00Z" }),
            422,
            "resumes_in_the_past",
        )
        .at("resumes_at"),
        to("no time", "pause", json!({ "resumes_at": "tomorrow" }), 400, "invalid_request").at("resumes_at"),
        to("renewed or not", "auto_renew", json!({}), 400, "missing_field").at("auto_renew"),
        to("a trial that is none", "end_trial", json!({}), 409, "subscription_not_trialing"),
        to("no pause", "resume", json!({}), 409, "subscription_not_paused"),
        to("no change to drop", "drop_change", json!({}), 409, "nothing_scheduled"),
        Bad::post(
            "a change of none",
            &format!("{UNKNOWN}/change"),
            json!({ "quantity": "2" }),
            404,
            "subscription_not_found",
        ),
        Bad::post("the end of no id", "/v1/subscriptions/1/cancel", json!({}), 404, "subscription_not_found"),
        Bad::get("one that is not there", UNKNOWN, 404, "subscription_not_found"),
        Bad::get("of nobody", &format!("{SUBSCRIPTIONS}?customer_id={nobody}"), 404, "customer_not_found"),
        Bad::get("with no status", &format!("{SUBSCRIPTIONS}?status=gone"), 400, "invalid_request").at("status"),
        Bad::get("to no plan", &format!("{SUBSCRIPTIONS}?plan_id=none"), 404, "plan_not_found"),
        Bad::get("a cursor that is none", &format!("{SUBSCRIPTIONS}?cursor=x"), 400, "invalid_request").at("cursor"),
        Bad::get("what nobody may use", &format!("/v1/customers/{nobody}/entitlements"), 404, "customer_not_found"),
    ];
    assert_refused(&app, &rows).await;
    // What all of these were made of is right.
    api.post(SUBSCRIPTIONS, &right).await.done(201);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_bill_that_stays_open_is_said() {
    // Nobody closes it: only the API is there.
    let mut app = TestApp::up().await;
    publish_basic(&app.api).await;
    let customer = app.api.customer().await;
    let server = Server::start(&app.site).await;
    app.kill();
    let api = app.api.at(&server.url);
    let begun = subscribe(&api, &customer, "basic", json!({})).await;
    let answer = api.post(&format!("{}/change", path_of(&begun)), &json!({ "quantity": "2" })).await;
    answer.problem(409, "bill_open");
    assert_eq!(answer.header("retry-after"), Some("1"));
    // What needs no bill does not wait for one.
    assert_eq!(act(&api, &begun, "auto_renew", json!({ "auto_renew": false })).await["auto_renew"], false);
}
