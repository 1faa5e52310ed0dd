//! Bad input around holds: each is refused with its status and its code, and leaves nothing in the log.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bad_input::AMOUNTS;
use crate::support::api::text;
use crate::support::holds::{BATCH, HOLDS, UNKNOWN, capture, expired, extend, path, place, place_for, void};
use crate::support::refused::{Bad, assert_refused};
use crate::support::{Api, TestApp};

const NOBODY: &str = "cus_00000000000000000000000000";
const NO_SESSION: &str = "ses_00000000000000000000000000";
/// Something is missing where there is a choice: which field it is depends on what was meant.
const INCOMPLETE: &str = "missing_field|invalid_request";
const WEEK: u32 = 604_800;

/// A request with some of its fields changed. Null takes a field out.
fn changed(mut body: Value, change: &Value) -> Value {
    for (field, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(field)),
            value => body[field] = value.clone(),
        }
    }
    body
}

/// Refused wherever it is asked how long a hold stands.
fn no_times() -> [(&'static str, Value); 6] {
    [
        ("no time", json!(0)),
        ("more than a week", json!(WEEK + 1)),
        ("a negative time", json!(-1)),
        ("half a second", json!(0.5)),
        ("a time as a text", json!("60")),
        ("more seconds than there are", json!(4_294_967_296_u64)),
    ]
}

#[tokio::test]
async fn holds_that_cannot_be_placed() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    api.meter("fine", "0.0000001").await;
    let customer = api.funded("10").await;
    let quota = json!({ "limit": "1", "period": "total" });
    api.put(&format!("/v1/customers/{customer}/quotas/calls"), &quota).await.done(200);
    place(api, &customer, "4").await;

    let right = json!({ "customer_id": customer, "amount": "1" });
    let post =
        |what, change: Value, status, code| Bad::post(what, HOLDS, changed(right.clone(), &change), status, code);
    let voucher = json!({ "max_claimable": "1000000", "signature": "0x" });
    let mut rows = vec![
        Bad::new("half an object", Method::POST, HOLDS, b"{".to_vec(), 400, "invalid_json"),
        Bad::post("a list", HOLDS, json!([]), 400, "invalid_request|invalid_json"),
        post("an unknown field", json!({ "colour": "red" }), 400, "unknown_field").at("colour"),
        post("a field of a capture", json!({ "final_capture": true }), 400, "unknown_field").at("final_capture"),
        post("nobody", json!({ "customer_id": null }), 400, "missing_field").at("customer_id"),
        post("two payers", json!({ "session_key_id": NO_SESSION }), 400, "invalid_request").at("session_key_id"),
        post("a voucher for an account", json!({ "voucher": voucher }), 400, "invalid_request").at("voucher"),
        post("an unknown customer", json!({ "customer_id": NOBODY }), 404, "customer_not_found"),
        post("no customer's id", json!({ "customer_id": "1" }), 404, "customer_not_found"),
        post(
            "an unknown session key",
            json!({ "customer_id": null, "session_key_id": NO_SESSION }),
            404,
            "session_key_not_found",
        ),
        post(
            "no session key's id",
            json!({ "customer_id": null, "session_key_id": "1" }),
            404,
            "session_key_not_found",
        ),
        post("nothing to hold for", json!({ "amount": null }), 400, INCOMPLETE),
        post("no quantity", json!({ "amount": null, "meter": "fine" }), 400, INCOMPLETE),
        post("no meter", json!({ "amount": null, "quantity": "1" }), 400, INCOMPLETE),
        post("amount and meter", json!({ "meter": "fine", "quantity": "1" }), 400, "invalid_request"),
        post("no usage", json!({ "amount": null, "usage": [] }), 400, "invalid_request").at("usage"),
        post("an unknown meter", json!({ "amount": null, "meter": "none", "quantity": "1" }), 422, "unknown_meter"),
        post(
            "no quantity at all",
            json!({ "amount": null, "meter": "fine", "quantity": "0" }),
            400,
            "invalid_quantity",
        ),
        post(
            "a price too fine",
            json!({ "amount": null, "meter": "fine", "quantity": "0.000001" }),
            422,
            "amount_too_precise",
        ),
        post(
            "more than the quota",
            json!({ "amount": null, "meter": "calls", "quantity": "2" }),
            402,
            "quota_exceeded",
        ),
        post("an unknown currency", json!({ "currency": "XXX" }), 422, "unknown_currency"),
        post("another currency", json!({ "currency": "EUR" }), 422, "currency_mismatch"),
        post("more than is left", json!({ "amount": "6.000000000001" }), 402, "insufficient_funds"),
        post("a long description", json!({ "description": "é".repeat(201) }), 400, "invalid_request").at("description"),
        post("a number as a label", json!({ "metadata": { "a": 1 } }), 400, "invalid_request"),
        post("an empty key", json!({}), 400, "invalid_idempotency_key").with_key(b""),
    ];
    for (what, amount) in AMOUNTS {
        rows.push(post(what, json!({ "amount": amount }), 400, "invalid_amount").at("amount"));
    }
    for (what, ttl_secs) in no_times() {
        rows.push(post(what, json!({ "ttl_secs": ttl_secs }), 400, "invalid_request").at("ttl_secs"));
    }
    assert_refused(&app, &rows).await;
    // What all of these were made of is right, for a second and for a week.
    for ttl_secs in [1, WEEK] {
        api.post(HOLDS, &changed(right.clone(), &json!({ "ttl_secs": ttl_secs }))).await.done(201);
    }
    app.site.assert_clean().await;
}

/// One that is open, and one for each way to end.
struct Holds {
    open: Value,
    ended: [Value; 3],
}

impl Holds {
    async fn of(api: &Api, customer: &str) -> Self {
        let [captured, voided] = [place(api, customer, "1").await, place(api, customer, "1").await];
        capture(api, &captured, json!({})).await.done(201);
        void(api, &voided).await.done(200);
        let late = place_for(api, customer, "1", 1).await;
        expired(api, &late).await;
        Self { open: place(api, customer, "4").await, ended: [captured, voided, late] }
    }
}

#[tokio::test]
async fn what_cannot_be_done_with_holds() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    api.meter("calls", "0.25").await;
    let customer = api.funded("11").await;
    let Holds { open, ended } = Holds::of(api, &customer).await;
    let foreign = place(&theirs, &theirs.funded("1").await, "1").await;
    let charge = api.charge(&customer, "1").await.done(201);
    let limited = api.funded("10").await;
    let quota = json!({ "limit": "10", "period": "total" });
    api.put(&format!("/v1/customers/{limited}/quotas/calls"), &quota).await.done(200);
    let usage = json!({ "customer_id": limited, "meter": "calls", "quantity": "8" });
    let metered = api.post(HOLDS, &usage).await.done(201);

    let on = |what, hold: &Value, command, body: Value, status, code| {
        Bad::post(what, &path(hold, command), body, status, code)
    };
    let taken = |what, body: Value, status, code| on(what, &open, "capture", body, status, code);
    let longer = |what, body: Value, status, code| on(what, &open, "extend", body, status, code);
    let voucher = json!({ "max_claimable": "1000000", "signature": "0x" });
    let mut rows = vec![
        taken("an unknown field", json!({ "colour": "red" }), 400, "unknown_field").at("colour"),
        taken("a time to capture in", json!({ "ttl_secs": 60 }), 400, "unknown_field").at("ttl_secs"),
        taken("a voucher for a capture", json!({ "voucher": voucher }), 400, "unknown_field").at("voucher"),
        taken("no yes or no", json!({ "final_capture": "no" }), 400, "invalid_request").at("final_capture"),
        taken("a list", json!([]), 400, "invalid_request|invalid_json"),
        taken("amount and meter", json!({ "amount": "1", "meter": "calls", "quantity": "1" }), 400, "invalid_request"),
        taken("no quantity", json!({ "meter": "calls" }), 400, INCOMPLETE),
        taken("an unknown meter", json!({ "meter": "none", "quantity": "1" }), 422, "unknown_meter"),
        taken("another currency", json!({ "currency": "EUR" }), 422, "currency_mismatch"),
        taken("more than is held", json!({ "amount": "4.000000000001" }), 422, "capture_above_hold"),
        taken(
            "more calls than are held",
            json!({ "meter": "calls", "quantity": "16.000001" }),
            422,
            "capture_above_hold",
        ),
        taken("a long description", json!({ "description": "x".repeat(201) }), 400, "invalid_request")
            .at("description"),
        on("nothing said of a quota", &metered, "capture", json!({}), 422, "capture_needs_usage").at("usage"),
        on(
            "more than the quota",
            &metered,
            "extend",
            json!({ "meter": "calls", "quantity": "3" }),
            402,
            "quota_exceeded",
        ),
        longer("by nothing", json!({}), 400, "missing_field"),
        longer("an unknown field", json!({ "final_capture": true }), 400, "unknown_field").at("final_capture"),
        longer("a voucher for an account", json!({ "ttl_secs": 60, "voucher": voucher }), 400, "invalid_request")
            .at("voucher"),
        longer("another currency", json!({ "ttl_secs": 60, "currency": "EUR" }), 422, "currency_mismatch"),
        longer("more than is left", json!({ "amount": "5.01", "ttl_secs": 60 }), 402, "insufficient_funds"),
        on("an unknown field", &open, "void", json!({ "amount": "1" }), 400, "unknown_field").at("amount"),
        on("a list", &open, "void", json!([]), 400, "invalid_request|invalid_json"),
    ];
    for (what, amount) in AMOUNTS {
        rows.push(taken(what, json!({ "amount": amount }), 400, "invalid_amount").at("amount"));
        rows.push(longer(what, json!({ "amount": amount }), 400, "invalid_amount").at("amount"));
    }
    for (what, ttl_secs) in no_times() {
        rows.push(longer(what, json!({ "ttl_secs": ttl_secs }), 400, "invalid_request").at("ttl_secs"));
    }
    let commands = [("capture", json!({})), ("extend", json!({ "ttl_secs": 60 })), ("void", json!({}))];
    let of_a_charge = text(&charge["id"]).replace("chg_", "hold_");
    let nowhere = [UNKNOWN, text(&foreign["id"]), text(&charge["id"]), of_a_charge.as_str(), "x", "hold_", "%00"];
    for (command, body) in &commands {
        for id in nowhere {
            let path = format!("{HOLDS}/{id}/{command}");
            rows.push(Bad::post("no hold of ours", &path, body.clone(), 404, "hold_not_found"));
        }
        for hold in &ended {
            rows.push(on("one that has ended", hold, command, body.clone(), 409, "hold_ended"));
        }
        let amount = json!({ "amount": "1" });
        if *command != "void" {
            rows.push(on("one that has ended", &ended[0], command, amount, 409, "hold_ended"));
        }
    }
    assert_refused(&app, &rows).await;

    // What all of these were made of is right.
    extend(api, &open, json!({ "amount": "5", "ttl_secs": WEEK })).await.done(200);
    capture(api, &open, json!({ "meter": "calls", "quantity": "16" })).await.done(201);
    capture(api, &metered, json!({ "meter": "calls", "quantity": "8" })).await.done(201);
    capture(&theirs, &foreign, json!({})).await.done(201);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn bad_batches_and_queries() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let customer = api.funded("10").await;
    let hold = place(api, &customer, "1").await;
    let foreign = place(&theirs, &theirs.funded("1").await, "1").await;
    let item = json!({ "action": "place", "customer_id": customer, "amount": "0.001" });
    let batch = |what, body, code| Bad::post(what, BATCH, body, 400, code);
    let one = |id: &str| format!("{HOLDS}/{id}");
    let mut rows = vec![
        batch("1,001", json!({ "operations": vec![item; 1001] }), "batch_too_large"),
        batch("none", json!({ "operations": [] }), "invalid_request").at("operations"),
        batch("no list", json!({}), "missing_field").at("operations"),
        batch("another thing", json!({ "operations": "all" }), "invalid_request"),
        batch("an unknown field", json!({ "operations": [], "holds": [] }), "unknown_field").at("holds"),
        batch("a long key", json!({ "operations": [{}] }), "invalid_idempotency_key")
            .with_key("k".repeat(256).as_bytes()),
        Bad::get("an unknown hold", &one(UNKNOWN), 404, "hold_not_found"),
        Bad::get("another's hold", &one(text(&foreign["id"])), 404, "hold_not_found"),
        Bad::get("another kind of id", &one(&customer), 404, "hold_not_found"),
        Bad::get("no id", &one("%00"), 404, "hold_not_found"),
        Bad::get("a position", &format!("{}?min_position=1", one(text(&hold["id"]))), 400, "invalid_request")
            .at("min_position"),
        Bad::get("holds of nobody", &format!("{HOLDS}?customer_id={NOBODY}"), 404, "customer_not_found"),
        Bad::get("holds of no session", &format!("{HOLDS}?session_key_id={NO_SESSION}"), 404, "session_key_not_found"),
        Bad::get("holds by status", &format!("{HOLDS}?status=open"), 400, "unknown_field"),
        Bad::get("a cursor", &format!("{HOLDS}?cursor=garbage"), 400, "invalid_request").at("cursor"),
        Bad::post("a wrong method", &one(text(&hold["id"])), json!({}), 405, "method_not_allowed"),
        Bad::put("a wrong method", HOLDS, json!({}), 405, "method_not_allowed"),
        Bad::get("a wrong method", &path(&hold, "capture"), 405, "method_not_allowed"),
        Bad::post("no such route", &path(&hold, "release"), json!({}), 404, "route_not_found"),
    ];
    for limit in ["0", "101", "-1", "x", ""] {
        let path = format!("{HOLDS}?limit={limit}");
        rows.push(Bad::get("a page's size", &path, 400, "invalid_request").at("limit"));
    }
    for position in ["1", "0:x", "0:99999999999999999999"] {
        let path = format!("{HOLDS}?min_position={position}");
        rows.push(Bad::get("a position", &path, 400, "invalid_request").at("min_position"));
    }
    for (what, authorization) in [("no key", ""), ("an invented key", "Bearer tb_0000000000000000000000000000000000")] {
        for bad in [
            Bad::post(what, HOLDS, json!({ "customer_id": customer, "amount": "1" }), 401, "unauthenticated"),
            Bad::post(what, &path(&hold, "void"), json!({}), 401, "unauthenticated"),
            Bad::get(what, HOLDS, 401, "unauthenticated"),
        ] {
            rows.push(bad.authorized(authorization));
        }
    }
    assert_refused(&app, &rows).await;
    void(api, &hold).await.done(200);
}
