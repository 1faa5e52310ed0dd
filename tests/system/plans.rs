//! Plans: drafted, published, retired; what their prices come to; and a file of them on the command line.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::refused::{Bad, assert_refused};
use crate::support::subscriptions::{METER, PLANS, basic, changed, publish_basic};
use crate::support::{Api, Position, TestApp};

/// Well formed, and nobody's.
const UNKNOWN: &str = "/v1/plans/plan_00000000000000000000000000";
const RATE: &str = "/v1/prices/rate";
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/examples/plans.json");

fn path_of(plan: &Value) -> String {
    format!("{PLANS}/{}", text(&plan["id"]))
}

/// As it is when it was only asked for.
fn asked(plan: &Value) -> Value {
    changed(plan.clone(), json!({ "position": null }))
}

async fn shown(api: &Api, path: &str) -> Value {
    asked(&api.get(path).await.done(200))
}

#[tokio::test]
async fn a_plan_is_drafted_published_and_retired() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter(METER, "1").await;
    let plan = api.post(PLANS, &basic()).await.done(201);
    assert!(text(&plan["id"]).starts_with("plan_"));
    let base = json!({
        "code": "base", "name": "Basic", "kind": "recurring", "due": "in_advance", "per_seat": false,
        "tax_category": "standard", "currencies": { "USD": { "model": "flat", "amount": "99" } },
    });
    for (member, expected) in [
        ("object", json!("plan")),
        ("code", json!("basic")),
        ("name", json!("Basic")),
        ("status", json!("draft")),
        ("version", json!(1)),
        ("published_version", Value::Null),
        ("draft_version", json!(1)),
        ("interval", json!({ "unit": "month", "count": 1 })),
        ("trial_days", json!(0)),
        ("due_days", json!(730)),
        ("retry_days", json!([1, 3, 5])),
        ("late_usage", json!("next_invoice")),
        ("features", basic()["features"].clone()),
        ("published_at", Value::Null),
        ("retired_at", Value::Null),
    ] {
        assert_eq!(plan[member], expected, "{member}");
    }
    assert_eq!(plan["prices"][0], base);
    assert_eq!((&plan["prices"][1]["beyond"], &plan["prices"][1]["meter"]), (&json!("charge"), &json!(METER)));
    let path = path_of(&plan);
    assert_eq!((shown(api, &path).await, shown(api, "/v1/plans/basic").await), (asked(&plan), asked(&plan)));

    // A draft changes.
    let versions = format!("{path}/versions");
    let dearer = changed(basic(), json!({ "name": "Basic, by code", "trial_days": 7 }));
    let redrafted = api.post("/v1/plans/basic/versions", &dearer).await.done(201);
    assert_eq!((&redrafted["version"], &redrafted["trial_days"]), (&json!(1), &json!(7)));
    let events = app.site.events_count(None).await;
    assert_eq!(asked(&api.post(&versions, &dearer).await.done(200)), asked(&redrafted), "it says so already");
    assert_eq!(app.site.events_count(None).await, events);

    // What was published does not.
    let published = api.post(&format!("{path}/publish"), &json!({})).await.done(200);
    assert_eq!((&published["status"], &published["published_version"]), (&json!("published"), &json!(1)));
    assert!(published["published_at"].is_string() && published["draft_version"].is_null(), "{published}");
    let events = app.site.events_count(None).await;
    for again in [
        api.post(&format!("{path}/publish"), &json!({})).await,
        api.post(&versions, &dearer).await,
        api.post(&versions, &changed(dearer.clone(), json!({ "code": null }))).await,
    ] {
        assert_eq!(asked(&again.done(200)), asked(&published));
    }
    assert_eq!(app.site.events_count(None).await, events, "it is published already");

    let second = api.post(&versions, &basic()).await.done(201);
    let numbers = |plan: &Value| {
        ["version", "published_version", "draft_version"].map(|number| plan[number].as_u64().unwrap_or(0))
    };
    assert_eq!((numbers(&second), &second["status"]), ([2, 1, 2], &json!("draft")));
    let first = api.get(&path).await.done(200);
    assert_eq!((numbers(&first), &first["trial_days"]), ([1, 1, 2], &json!(7)), "subscriptions get the first");
    assert_eq!(api.get(&format!("{path}?version=2")).await.done(200)["trial_days"], 0);
    api.get(&format!("{path}?version=3")).await.problem(404, "plan_not_found");
    let published = api.post(&format!("{path}/publish"), &json!({})).await.done(200);
    assert_eq!(numbers(&published), [2, 2, 0]);

    let other = api.post(PLANS, &changed(basic(), json!({ "code": "other" }))).await.done(201);
    let position = Position::of(&other);
    let rows = api.list_at(PLANS, position).await;
    assert_eq!(rows.iter().map(|row| text(&row["code"])).collect::<Vec<_>>(), ["other", "basic"]);
    assert_eq!((&rows[1]["status"], &rows[1]["published_version"]), (&json!("published"), &json!(2)));
    assert_eq!((&rows[0]["status"], &rows[0]["published_version"]), (&json!("draft"), &Value::Null));
    assert_eq!(api.walk(&format!("{PLANS}?limit=1"), "cursor").await, rows);

    let retired = api.post(&format!("{path}/retire"), &json!({})).await.done(200);
    assert_eq!((&retired["status"], &retired["version"]), (&json!("retired"), &json!(2)));
    let events = app.site.events_count(None).await;
    assert_eq!(asked(&api.post(&format!("{path}/retire"), &json!({})).await.done(200)), asked(&retired));
    api.post(&versions, &dearer).await.problem(409, "plan_retired");
    api.post(&format!("{path}/publish"), &json!({})).await.problem(409, "plan_retired");
    // Its code stays taken.
    let taken = api.post(PLANS, &basic()).await.problem(409, "plan_exists");
    assert_eq!((&taken["param"], &taken["plan_id"]), (&json!("code"), &plan["id"]));
    assert_eq!(app.site.events_count(None).await, events);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn what_is_sent_again_is_done_once() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter(METER, "1").await;
    let first = api.post_keyed(PLANS, "create", &basic()).await;
    let plan = first.done(201);
    let path = path_of(&plan);
    let draft = changed(basic(), json!({ "name": "Basic 2" }));
    let (versions, publish) = (format!("{path}/versions"), format!("{path}/publish"));
    let published = api.post_keyed(&publish, "publish", &json!({})).await.done(200);
    let drafted = api.post_keyed(&versions, "draft", &draft).await.done(201);
    api.post_keyed(&publish, "publish-2", &json!({})).await.done(200);
    let retired = api.post_keyed(&format!("{path}/retire"), "retire", &json!({})).await.done(200);
    // As they were then, also now that the plan is retired.
    for (again, before) in [
        (api.post_keyed(PLANS, "create", &basic()).await, &plan),
        (api.post_keyed(&publish, "publish", &json!({})).await, &published),
        (api.post_keyed(&versions, "draft", &draft).await, &drafted),
        (api.post_keyed(&format!("{path}/retire"), "retire", &json!({})).await, &retired),
    ] {
        assert_eq!((again.json(), again.is_replay()), (before.clone(), true));
    }
    assert!(!first.is_replay());
    api.post_keyed(PLANS, "create", &draft).await.problem(422, "idempotency_key_reused");
    api.post_keyed(&publish, "retire", &json!({})).await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn plans_of_others_do_not_exist() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let plan = publish_basic(api).await;
    let path = path_of(&plan);
    theirs.meter(METER, "1").await;
    for there in [&path, "/v1/plans/basic"] {
        theirs.get(there).await.problem(404, "plan_not_found");
        theirs.post(&format!("{there}/versions"), &basic()).await.problem(404, "plan_not_found");
        theirs.post(&format!("{there}/publish"), &json!({})).await.problem(404, "plan_not_found");
        theirs.post(&format!("{there}/retire"), &json!({})).await.problem(404, "plan_not_found");
    }
    theirs.get(&format!("/v1/subscriptions?plan_id={}", text(&plan["id"]))).await.problem(404, "plan_not_found");
    assert_eq!(theirs.walk(PLANS, "cursor").await, [] as [Value; 0]);
    // A code is unique in an organization.
    let own = theirs.post(PLANS, &basic()).await.done(201);
    assert_ne!(own["id"], plan["id"]);
    assert_eq!(api.get(&path).await.done(200)["status"], "published");
}

#[tokio::test]
async fn bad_plans() {
    let app = TestApp::up().await;
    let api = &app.api;
    let plan = publish_basic(api).await;
    let path = path_of(&plan);
    let right = changed(basic(), json!({ "code": "another" }));
    let post = |what, change: Value, status, code| Bad::post(what, PLANS, changed(right.clone(), change), status, code);
    let invalid = |what, change: Value, param| post(what, change, 400, "invalid_request").at(param);
    let usage =
        |pricing: Value| json!({ "code": "u", "name": "U", "kind": "usage", "meter": METER, "currencies": pricing });
    let priced = |what, pricing: Value, status, code, param| {
        post(what, json!({ "prices": [usage(json!({ "USD": pricing }))], "features": {} }), status, code).at(param)
    };
    let fee = |change: Value| {
        let pricing = json!({ "USD": { "model": "flat", "amount": "1" } });
        let fee = json!({ "code": "f", "name": "F", "kind": "recurring", "currencies": pricing });
        json!({ "prices": [changed(fee, change)] })
    };
    let feature = |feature: Value| json!({ "features": { "f": feature } });
    let two = json!([usage(json!({ "USD": { "model": "flat", "amount": "1" } })), basic()["prices"][1]]);
    let rows = [
        Bad::new("half an object", Method::POST, PLANS, b"{".to_vec(), 400, "invalid_json"),
        post("an unknown field", json!({ "colour": "red" }), 400, "unknown_field").at("colour"),
        post("no code", json!({ "code": null }), 400, "missing_field").at("code"),
        post("no name", json!({ "name": null }), 400, "missing_field").at("name"),
        post("an empty key", json!({}), 400, "invalid_idempotency_key").with_key(b""),
        post("a code that is taken", json!({ "code": "basic" }), 409, "plan_exists").at("code"),
        invalid("a code that is none", json!({ "code": "Basic" }), "code"),
        invalid("an empty name", json!({ "name": "" }), "name"),
        invalid("a long name", json!({ "name": "é".repeat(201) }), "name"),
        invalid("no period", json!({ "interval": { "unit": "month", "count": 0 } }), "interval.count"),
        invalid("a long period", json!({ "interval": { "unit": "month", "count": 121 } }), "interval.count"),
        invalid("a unit that is none", json!({ "interval": { "unit": "hour" } }), "interval.unit"),
        post("half a period", json!({ "interval": { "count": 1 } }), 400, "missing_field").at("interval.unit"),
        invalid("a long trial", json!({ "trial_days": 731 }), "trial_days"),
        invalid("a negative grace", json!({ "grace_days": -1 }), "grace_days"),
        invalid("a long reminder", json!({ "reminder_days": 731 }), "reminder_days"),
        invalid("many tries", json!({ "retry_days": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] }), "retry_days"),
        invalid("a try at once", json!({ "retry_days": [0] }), "retry_days"),
        invalid("a rule that is none", json!({ "late_usage": "lost" }), "late_usage"),
        invalid("a kind that is none", fee(json!({ "kind": "daily" })), "prices[0].kind"),
        invalid("a fee with a meter", fee(json!({ "meter": METER })), "prices[0].meter"),
        invalid("a fee in no currency", fee(json!({ "currencies": {} })), "prices[0].currencies"),
        post("a currency in small letters", fee(json!({ "currencies": { "usd": {} } })), 400, "missing_field")
            .at("prices[0].currencies.usd.model"),
        post(
            "no currency",
            fee(json!({ "currencies": { "usd": { "model": "flat", "amount": "1" } } })),
            400,
            "invalid_currency",
        )
        .at("prices[0].currencies"),
        post(
            "an unknown currency",
            fee(json!({ "currencies": { "XXX": { "model": "flat", "amount": "1" } } })),
            422,
            "unknown_currency",
        )
        .at("prices[0].currencies"),
        invalid("two prices of a meter", json!({ "prices": two }), "prices"),
        priced(
            "a number",
            json!({ "model": "flat", "amount": 1 }),
            400,
            "invalid_amount",
            "prices[0].currencies.USD.amount",
        ),
        priced(
            "a negative amount",
            json!({ "model": "flat", "amount": "-1" }),
            400,
            "invalid_amount",
            "prices[0].currencies.USD.amount",
        ),
        priced("no amount", json!({ "model": "flat" }), 400, "missing_field", "prices[0].currencies.USD.amount"),
        priced(
            "tiers of a flat price",
            json!({ "model": "flat", "amount": "1", "tiers": [] }),
            400,
            "invalid_request",
            "prices[0].currencies.USD.tiers",
        ),
        priced(
            "an end of the last tier",
            json!({ "model": "graduated", "tiers": [{ "up_to": "5", "unit_price": "1" }] }),
            400,
            "invalid_request",
            "prices[0].currencies.USD.tiers",
        ),
        post(
            "an unknown meter",
            json!({ "prices": [changed(basic()["prices"][1].clone(), json!({ "meter": "none" }))], "features": {} }),
            422,
            "unknown_meter",
        )
        .at("prices[0].meter"),
        post(
            "a feature of an unknown meter",
            feature(json!({ "kind": "metered", "meter": "none" })),
            422,
            "unknown_meter",
        )
        .at("features.f.meter"),
        post("half a feature", feature(json!({ "kind": "static" })), 400, "missing_field").at("features.f.value"),
        invalid(
            "a field of another kind",
            feature(json!({ "kind": "static", "value": "1", "limit": "1" })),
            "features.f.limit",
        ),
        invalid(
            "a limit that is not what is included",
            feature(json!({ "kind": "metered", "meter": METER, "limit": "101" })),
            "features.f.limit",
        ),
        Bad::post("another code", &format!("{path}/versions"), right.clone(), 400, "invalid_request").at("code"),
        Bad::post("a version of none", &format!("{UNKNOWN}/versions"), right.clone(), 404, "plan_not_found"),
        Bad::post("the publication of none", &format!("{UNKNOWN}/publish"), json!({}), 404, "plan_not_found"),
        Bad::post("a body", &format!("{path}/retire"), json!({ "now": true }), 400, "unknown_field").at("now"),
        Bad::post("the end of none", "/v1/plans/none/retire", json!({}), 404, "plan_not_found"),
        Bad::get("one that is not there", UNKNOWN, 404, "plan_not_found"),
        Bad::get("no name", "/v1/plans/No", 404, "plan_not_found"),
        Bad::get("a version that is none", &format!("{path}?version=-1"), 400, "invalid_request"),
        Bad::get("a cursor that is none", "/v1/plans?cursor=x", 400, "invalid_request").at("cursor"),
        Bad::get("an unknown parameter", "/v1/plans?colour=red", 400, "unknown_field").at("colour"),
    ];
    assert_refused(&app, &rows).await;
    // What all of these were made of is right.
    api.post(PLANS, &right).await.done(201);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_price_is_rated_without_a_trace() {
    let app = TestApp::up().await;
    let api = &app.api;
    let events = app.site.events_count(None).await;
    let graduated = json!({
        "model": "graduated", "included": "50000",
        "tiers": [{ "up_to": "100000", "unit_price": "0.010" }, { "unit_price": "0.008" }],
    });
    let ask = |pricing: &Value, quantity: &str| json!({ "pricing": pricing, "currency": "USD", "quantity": quantity });
    let rated = api.post(RATE, &ask(&graduated, "150000.5")).await.done(200);
    let expected = json!({
        "object": "rated_price", "currency": "USD", "quantity": "150000.5", "included": "50000", "beyond": "100000.5",
        "exact": "1000.004", "amount": "1000", "to_minimum": "0", "marginal": "0.008",
        "parts": [
            { "after": "0", "up_to": "100000", "quantity": "100000", "unit_price": "0.01", "flat": null, "amount": "1000" },
            { "after": "100000", "up_to": null, "quantity": "0.5", "unit_price": "0.008", "flat": null, "amount": "0.004" },
        ],
    });
    assert_eq!(rated, expected);
    let free = api.post(RATE, &ask(&graduated, "50000")).await.done(200);
    assert_eq!((&free["exact"], &free["parts"], &free["marginal"]), (&json!("0"), &json!([]), &json!("0.01")));
    let cents = json!({ "model": "per_unit", "unit_price": "0.0015", "minimum": "20" });
    let rated = api.post(RATE, &changed(ask(&cents, "10"), json!({ "next": "1000" }))).await.done(200);
    let figures = ["exact", "amount", "to_minimum", "marginal"].map(|figure| text(&rated[figure]).to_owned());
    assert_eq!(figures, ["0.015", "0.02", "19.985", "1.5"], "rounded half away from zero");

    let right = ask(&cents, "10");
    let bad = |what, change: Value, status, code| Bad::post(what, RATE, changed(right.clone(), change), status, code);
    let rows = [
        bad("no price", json!({ "pricing": null }), 400, "missing_field").at("pricing"),
        bad("no currency", json!({ "currency": "dollars" }), 400, "invalid_currency").at("currency"),
        bad("an unknown currency", json!({ "currency": "XXX" }), 422, "unknown_currency").at("currency"),
        bad("less than nothing", json!({ "quantity": "-1" }), 400, "invalid_quantity").at("quantity"),
        bad("nothing more", json!({ "next": "0" }), 400, "invalid_quantity").at("next"),
        bad("half a model", json!({ "pricing": { "model": "package", "size": "1" } }), 400, "missing_field")
            .at("pricing.amount"),
        bad("a model that is none", json!({ "pricing": { "model": "auction" } }), 400, "invalid_request")
            .at("pricing.model"),
        bad(
            "more than can be kept exactly",
            json!({ "pricing": { "model": "per_unit", "unit_price": "0.000000000001" }, "quantity": "0.1" }),
            422,
            "amount_too_precise",
        )
        .at("quantity"),
        bad("nobody", json!({}), 401, "unauthenticated").authorized(""),
    ];
    assert_refused(&app, &rows).await;
    assert_eq!(app.site.events_count(None).await, events);
}

#[tokio::test]
async fn a_file_of_plans_is_loaded_once() {
    let app = TestApp::up().await;
    let api = &app.api;
    let first = app.tollbook(&["plans", "load", EXAMPLE]).await.expect_code(0);
    for code in ["free", "basic", "professional", "enterprise"] {
        assert!(first.stdout.contains(&format!("plan {code}: plan_")), "{}", first.stdout);
        let plan = api.get(&format!("{PLANS}/{code}")).await.done(200);
        assert_eq!((&plan["status"], &plan["version"]), (&json!("published"), &json!(1)));
        let is_in_both = |price: &Value| ["USD", "CNY"].iter().all(|code| price["currencies"][*code].is_object());
        assert!(plan["prices"].as_array().unwrap().iter().all(is_in_both), "{plan}");
    }
    let professional = api.get("/v1/plans/professional").await.done(200);
    assert_eq!(professional["features"]["sso"], json!({ "kind": "boolean", "enabled": true }));
    assert_eq!(professional["prices"][0]["currencies"]["USD"]["amount"], "299");
    let events = app.site.events_count(None).await;
    let again = app.tollbook(&["plans", "load", EXAMPLE]).await.expect_code(0);
    assert!(again.stdout.contains("version 1 is published as it is"), "{}", again.stdout);
    assert_eq!(app.site.events_count(None).await, events, "nothing has changed");

    // Another price is another version.
    let file = app.site.dir.join("plans.json");
    let cheaper = fs::read_to_string(EXAMPLE).unwrap().replace("\"99\"", "\"89\"");
    fs::write(&file, cheaper).unwrap();
    app.tollbook(&["plans", "load", file.to_str().unwrap()]).await.expect_code(0);
    let basic = api.get("/v1/plans/basic").await.done(200);
    assert_eq!((&basic["version"], &basic["prices"][0]["currencies"]["USD"]["amount"]), (&json!(2), &json!("89")));
    let listed = app.tollbook(&["plans", "list"]).await.expect_code(0).stdout;
    assert!(listed.contains("professional") && listed.contains("Enterprise"), "{listed}");

    fs::write(&file, r#"{"plans":[{"code":"bad","name":""}]}"#).unwrap();
    let refused = app.tollbook(&["plans", "load", file.to_str().unwrap()]).await.expect_failure();
    assert!(refused.stderr.contains("plan bad") && refused.stderr.contains("invalid_request"), "{}", refused.stderr);
    app.tollbook(&["plans", "load", "/nowhere.json"]).await.expect_failure();
    app.site.assert_clean().await;
}
