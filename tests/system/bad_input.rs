//! Bad input of every kind: each is refused with its status and its code, as a problem document,
//! and leaves nothing in the log.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::api::text;
use crate::support::refused::{Bad, assert_refused};
use crate::support::{Answer, Api, Position, TestApp};

/// Well formed, and nobody's.
const NOBODY: &str = "cus_00000000000000000000000000";

/// Something is missing where there is a choice: which field it is depends on what was meant.
const INCOMPLETE: &str = "missing_field|invalid_request";

/// A customer with credits of 10, a meter with 1 call left of its quota.
async fn prepare(api: &Api) -> String {
    api.meter("calls", "0.25").await;
    api.meter("fine", "0.0000001").await;
    let customer = api.funded("10").await;
    let quota = json!({ "limit": "1", "period": "total" });
    api.put(&format!("/v1/customers/{customer}/quotas/calls"), &quota).await.done(200);
    customer
}

#[tokio::test]
async fn bad_charges() {
    let app = TestApp::up().await;
    let customer = prepare(&app.api).await;
    let charge = |change: Value| {
        let mut body = json!({ "customer_id": customer, "amount": "1" });
        let Value::Object(change) = change else { panic!("not an object") };
        for (field, value) in change {
            // Null takes a field out.
            match value {
                Value::Null => drop(body.as_object_mut().unwrap().remove(&field)),
                value => body[field] = value,
            }
        }
        body
    };
    let post = |what, change, status, code| Bad::post(what, "/v1/charges", charge(change), status, code);
    let raw = |what, body: &[u8], code| Bad::new(what, Method::POST, "/v1/charges", body.to_vec(), 400, code);
    let right = charge(json!({})).to_string();

    let mut rows = vec![
        raw("half an object", &right.as_bytes()[..right.len() - 1], "invalid_json"),
        raw("nothing", b"", "invalid_json"),
        raw("something after the object", format!("{right} x").as_bytes(), "invalid_json"),
        raw("two objects", format!("{right}{right}").as_bytes(), "invalid_json"),
        raw("not UTF-8", &[br#"{"description":""#, &b"\xff"[..], br#""}"#].concat(), "invalid_json"),
        raw("a comment", format!("/* */{right}").as_bytes(), "invalid_json"),
        raw("the amount twice", right.replace('{', r#"{"amount":"2","#).as_bytes(), "invalid_request|invalid_json"),
        raw("a list", b"[]", "invalid_request|invalid_json"),
        post("an unknown field", json!({ "colour": "red" }), 400, "unknown_field").at("colour"),
        post("no customer", json!({ "customer_id": null }), 400, "missing_field").at("customer_id"),
        post("nothing to charge for", json!({ "amount": null }), 400, INCOMPLETE),
        post("no quantity", json!({ "amount": null, "meter": "fine" }), 400, INCOMPLETE),
        post("no meter", json!({ "amount": null, "quantity": "1" }), 400, INCOMPLETE),
        post("amount and meter", json!({ "meter": "fine", "quantity": "1" }), 400, "invalid_request"),
        post("amount and usage", json!({ "usage": [{ "meter": "fine", "quantity": "1" }] }), 400, "invalid_request"),
        post("no usage", json!({ "amount": null, "usage": [] }), 400, "invalid_request").at("usage"),
        post("unknown currency", json!({ "currency": "XXX" }), 422, "unknown_currency"),
        post("a currency as a number", json!({ "currency": 840 }), 400, "invalid_currency|invalid_request")
            .at("currency"),
        post("another currency", json!({ "currency": "EUR" }), 422, "currency_mismatch"),
        post("unknown customer", json!({ "customer_id": NOBODY }), 404, "customer_not_found"),
        post("more than the credits", json!({ "amount": "10.01" }), 402, "insufficient_funds"),
        post("a long description", json!({ "description": "é".repeat(201) }), 400, "invalid_request").at("description"),
        post("a number as a label", json!({ "metadata": { "a": 1 } }), 400, "invalid_request"),
        post("a long label", json!({ "metadata": { "a": "x".repeat(201) } }), 400, "invalid_request").at("metadata"),
        post("a long name", json!({ "metadata": { "a".repeat(41): "x" } }), 400, "invalid_request").at("metadata"),
        post("17 labels", json!({ "metadata": labels(17) }), 400, "invalid_request").at("metadata"),
    ];
    for (what, amount) in AMOUNTS {
        rows.push(post(what, json!({ "amount": amount }), 400, "invalid_amount").at("amount"));
    }
    rows.push(
        post("an amount as a number", json!({ "amount": 1 }), 400, "invalid_amount|invalid_request").at("amount"),
    );

    let metered = |meter: &str, quantity: Value| json!({ "amount": null, "meter": meter, "quantity": quantity });
    for (what, quantity) in QUANTITIES {
        rows.push(post(what, metered("fine", json!(quantity)), 400, "invalid_quantity").at("quantity"));
    }
    let lines = |n: usize| json!({ "amount": null, "usage": vec![json!({ "meter": "fine", "quantity": "1" }); n] });
    rows.extend([
        post("a quantity as a number", metered("fine", json!(1)), 400, "invalid_quantity|invalid_request")
            .at("quantity"),
        post("unknown meter", metered("unheard-of", json!("1")), 422, "unknown_meter"),
        post("more than the quota", metered("calls", json!("2")), 402, "quota_exceeded"),
        post("a price too fine", metered("fine", json!("0.000001")), 422, "amount_too_precise"),
        post("17 lines", lines(17), 400, "invalid_request").at("usage"),
    ]);
    assert_refused(&app, &rows).await;
    // What all of these were made of is right.
    app.api.post("/v1/charges", &charge(json!({ "metadata": labels(16) }))).await.done(201);
    app.api.post("/v1/charges", &charge(lines(16))).await.done(201);
}

/// Refused wherever an amount is asked for.
pub const AMOUNTS: [(&str, &str); 12] = [
    ("negative", "-1"),
    ("zero", "0"),
    ("zero with decimals", "0.000"),
    ("too precise", "0.0000000000001"),
    ("too large by a little", "1000000000000.01"),
    ("too large for any integer", "999999999999999999999999999999999999999999"),
    ("an exponent", "1e3"),
    ("a plus sign", "+1"),
    ("a space", " 1"),
    ("a comma", "1,5"),
    ("no number", "NaN"),
    ("empty", ""),
];

const QUANTITIES: [(&str, &str); 6] = [
    ("a negative quantity", "-1"),
    ("no quantity at all", "0"),
    ("a quantity too precise", "0.0000001"),
    ("a quantity too large", "1000000000000.1"),
    ("a quantity with an exponent", "1E3"),
    ("an infinite quantity", "inf"),
];

fn labels(n: usize) -> Value {
    (0..n).map(|i| (format!("label-{i}"), json!("x"))).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test]
async fn bad_commands() {
    let app = TestApp::up().await;
    let customer = prepare(&app.api).await;
    let credits = format!("/v1/customers/{customer}/credits");
    let nobodys = format!("/v1/customers/{NOBODY}/credits");
    let limit = format!("/v1/customers/{customer}/postpaid_limit");
    let quota = format!("/v1/customers/{customer}/quotas/calls");
    let unheard_of = format!("/v1/customers/{customer}/quotas/unheard-of");
    let terms = |limit: &str, period: &str| json!({ "limit": limit, "period": period });
    let price = |price: &str| json!({ "unit": "call", "unit_price": price });
    let batch = |n: usize| json!({ "charges": vec![json!({ "customer_id": customer, "amount": "0.001" }); n] });
    let charge = json!({ "customer_id": customer, "amount": "1" });
    let keyed =
        |what, key: &[u8]| Bad::post(what, "/v1/charges", charge.clone(), 400, "invalid_idempotency_key").with_key(key);

    let mut rows = vec![
        Bad::post("customer: an unknown field", "/v1/customers", json!({ "nmae": "A" }), 400, "unknown_field")
            .at("nmae"),
        Bad::post("customer: a currency", "/v1/customers", json!({ "currency": "XXX" }), 422, "unknown_currency"),
        Bad::post("customer: a limit", "/v1/customers", json!({ "postpaid_limit": "-1" }), 400, "invalid_amount")
            .at("postpaid_limit"),
        Bad::post("customer: a list", "/v1/customers", json!({ "name": ["A"] }), 400, "invalid_request"),
        Bad::post("credits: no amount", &credits, json!({}), 400, "missing_field").at("amount"),
        Bad::post("credits: nobody's", &nobodys, json!({ "amount": "1" }), 404, "customer_not_found"),
        Bad::post("credits: no id", "/v1/customers/x/credits", json!({ "amount": "1" }), 404, "customer_not_found"),
        Bad::post("credits: priority", &credits, json!({ "amount": "1", "priority": 256 }), 400, "invalid_request"),
        Bad::post("credits: a day", &credits, json!({ "amount": "1", "expires_at": "soon" }), 400, "invalid_request"),
        Bad::post("credits: EUR", &credits, json!({ "amount": "1", "currency": "EUR" }), 422, "currency_mismatch"),
        Bad::put("limit: negative", &limit, json!({ "amount": "-1" }), 400, "invalid_amount").at("amount"),
        Bad::put("limit: nothing", &limit, json!({}), 400, "missing_field").at("amount"),
        Bad::put("quota: negative", &quota, terms("-1", "day"), 400, "invalid_quantity").at("limit"),
        Bad::put("quota: a week", &quota, terms("1", "week"), 400, "invalid_request").at("period"),
        Bad::put("quota: no period", &quota, json!({ "limit": "1" }), 400, "missing_field").at("period"),
        Bad::put("quota: an unknown meter", &unheard_of, terms("1", "day"), 404, "meter_not_found"),
        Bad::put("meter: no price", "/v1/meters/new", json!({ "unit": "x" }), 400, "missing_field").at("unit_price"),
        Bad::put("meter: a price", "/v1/meters/new", price("-0.1"), 400, "invalid_amount").at("unit_price"),
        Bad::put("meter: capitals", "/v1/meters/New", price("1"), 400, "invalid_request"),
        Bad::put("meter: a long code", &format!("/v1/meters/{}", "m".repeat(65)), price("1"), 400, "invalid_request"),
        Bad::post("key: an unknown field", "/v1/api_keys", json!({ "scope": "all" }), 400, "unknown_field").at("scope"),
        Bad::post("batch: 1,001", "/v1/charges/batch", batch(1001), 400, "batch_too_large"),
        Bad::post("batch: no list", "/v1/charges/batch", json!({}), 400, "missing_field").at("charges"),
        Bad::post("batch: another thing", "/v1/charges/batch", json!({ "charges": "all" }), 400, "invalid_request"),
        keyed("an empty key", b""),
        keyed("a key of 256", "k".repeat(256).as_bytes()),
        keyed("a key in Greek", "κλειδί".as_bytes()),
        keyed("a key in Latin 1", b"cl\xe9"),
    ];
    for (what, amount) in AMOUNTS {
        rows.push(Bad::post(what, &credits, json!({ "amount": amount }), 400, "invalid_amount").at("amount"));
    }
    assert_refused(&app, &rows).await;
    app.api.post_keyed("/v1/charges", &"k".repeat(255), &charge).await.done(201);
}

#[tokio::test]
async fn bad_queries_and_routes() {
    let app = TestApp::up().await;
    let customer = prepare(&app.api).await;
    let charge = json!({ "customer_id": customer, "amount": "1" });
    let statement = format!("/v1/statements/stm_{}_202601", "0".repeat(26));
    let text_plain = Bad::post("text", "/v1/charges", charge.clone(), 415, "unsupported_media_type");
    let form = Bad::post("a form", "/v1/charges", charge.clone(), 415, "unsupported_media_type");
    let wrong_method = |method, path: &str| {
        Bad::new("a wrong method", method, path, charge.to_string().into_bytes(), 405, "method_not_allowed")
    };

    let mut rows = vec![
        Bad { content_type: "text/plain", ..text_plain },
        Bad { content_type: "application/x-www-form-urlencoded", ..form },
        wrong_method(Method::DELETE, "/v1/charges"),
        wrong_method(Method::PATCH, "/v1/customers"),
        wrong_method(Method::PUT, "/v1/charges/batch"),
        wrong_method(Method::POST, "/v1/organization"),
        Bad::get("no such route", "/v1/nothing", 404, "route_not_found"),
        Bad::post("no such route", "/v2/charges", charge.clone(), 404, "route_not_found"),
        Bad::get("customer", &format!("/v1/customers/{NOBODY}"), 404, "customer_not_found"),
        Bad::get("customer: no id", "/v1/customers/%00", 404, "customer_not_found"),
        Bad::get("charge", &format!("/v1/charges/chg_{}", "0".repeat(26)), 404, "charge_not_found"),
        Bad::get("charge: another kind of id", &format!("/v1/charges/{customer}"), 404, "charge_not_found"),
        Bad::get("meter", "/v1/meters/unheard-of", 404, "meter_not_found"),
        Bad::get("statement", &statement, 404, "statement_not_found"),
        Bad::post("key", &format!("/v1/api_keys/key_{}/revoke", "0".repeat(26)), json!({}), 404, "api_key_not_found"),
        Bad::get("charges of nobody in particular", "/v1/charges", 400, "missing_field").at("customer_id"),
        Bad::get("a day as a month", "/v1/statements?month=2026-11-05", 400, "invalid_request").at("month"),
        Bad::get("the thirteenth month", "/v1/statements?month=2026-13", 400, "invalid_request").at("month"),
        Bad::get("as of whenever", "/v1/balances?as_of=whenever", 400, "invalid_request").at("as_of"),
        Bad::get("an axis", "/v1/balances?as_of=2026-01-01T00:00:00Z&axis=x", 400, "invalid_request").at("axis"),
        Bad::get("after: no position", "/v1/events?after=first", 400, "invalid_request").at("after"),
        Bad::get("after: negative", "/v1/postings?after=0:-1", 400, "invalid_request").at("after"),
    ];
    let lists =
        ["/v1/customers", "/v1/meters", "/v1/quotas", "/v1/statements", "/v1/risk", "/v1/balances", "/v1/postings"];
    for path in lists {
        for limit in ["0", "101", "-1", "x", ""] {
            let path = format!("{path}?limit={limit}");
            rows.push(Bad::get("a page's size", &path, 400, "invalid_request").at("limit"));
        }
    }
    // Meters and balances go by their names: any text is a place among those.
    for path in ["/v1/customers", "/v1/quotas", "/v1/statements", "/v1/risk", "/v1/postings"] {
        let path = format!("{path}?cursor=garbage");
        rows.push(Bad::get("a cursor", &path, 400, "invalid_request").at("cursor"));
    }
    for path in ["/v1/quotas", "/v1/statements", "/v1/risk", "/v1/balances"] {
        let path = format!("{path}?min_position=");
        for position in ["1", "0:x", "0:99999999999999999999"] {
            let path = format!("{path}{position}");
            rows.push(Bad::get("a position", &path, 400, "invalid_request").at("min_position"));
        }
    }
    assert_refused(&app, &rows).await;
}

#[tokio::test]
async fn keys_open_their_own_organization_only() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let customer = prepare(api).await;
    // What the other organization has.
    theirs.meter("theirs", "1").await;
    let customer_2 = theirs.funded("10").await;
    let charge_2 = text(&theirs.charge(&customer_2, "1").await.done(201)["id"]).to_owned();
    let key_2 = theirs.post("/v1/api_keys", &json!({})).await.done(201);
    let statements = theirs.list_at("/v1/statements", Position::of(&key_2)).await;
    let statement_2 = text(&statements[0]["id"]).to_owned();
    // What has ended.
    let revoked = api.post("/v1/api_keys", &json!({})).await.done(201);
    api.post(&format!("/v1/api_keys/{}/revoke", text(&revoked["id"])), &json!({})).await.done(200);

    let charge = |customer: &str| json!({ "customer_id": customer, "amount": "1" });
    let path = |rest: &str| format!("/v1/customers/{customer_2}{rest}");
    let quota = json!({ "limit": "1", "period": "day" });
    let usage = json!({ "customer_id": customer, "meter": "theirs", "quantity": "1" });
    let mut rows = vec![
        Bad::post("their customer, charged", "/v1/charges", charge(&customer_2), 404, "customer_not_found"),
        Bad::get("their customer", &path(""), 404, "customer_not_found"),
        Bad::post("their credits", &path("/credits"), json!({ "amount": "1" }), 404, "customer_not_found"),
        Bad::put("their limit", &path("/postpaid_limit"), json!({ "amount": "1" }), 404, "customer_not_found"),
        Bad::put("their quota", &path("/quotas/calls"), quota, 404, "customer_not_found"),
        Bad::get("their charges", &format!("/v1/charges?customer_id={customer_2}"), 404, "customer_not_found"),
        Bad::get("their charge", &format!("/v1/charges/{charge_2}"), 404, "charge_not_found"),
        Bad::get("their statement", &format!("/v1/statements/{statement_2}"), 404, "statement_not_found"),
        Bad::get("their meter", "/v1/meters/theirs", 404, "meter_not_found"),
        Bad::post("their meter, charged", "/v1/charges", usage, 422, "unknown_meter"),
        Bad::post(
            "their key",
            &format!("/v1/api_keys/{}/revoke", text(&key_2["id"])),
            json!({}),
            404,
            "api_key_not_found",
        ),
    ];
    // One character in the middle: at the end there may be padding that says nothing.
    let (secret, middle) = (api.key.as_str(), api.key.len() / 2);
    let other = if &secret[middle..=middle] == "a" { "b" } else { "a" };
    let garbled = format!("{}{other}{}", &secret[..middle], &secret[middle + 1..]);
    for (what, authorization) in [
        ("no key", String::new()),
        ("a garbled key", format!("Bearer {garbled}")),
        ("half a key", format!("Bearer {}", &secret[..middle])),
        ("a revoked key", format!("Bearer {}", text(&revoked["secret"]))),
        ("an invented key", format!("Bearer tb_{}", "a".repeat(43))),
        ("another scheme", format!("Basic {secret}")),
        ("no scheme", secret.to_owned()),
        ("an empty key", "Bearer ".to_owned()),
    ] {
        let commands = Bad::post(what, "/v1/charges", charge(&customer), 401, "unauthenticated");
        let queries = Bad::get(what, "/v1/organization", 401, "unauthenticated");
        rows.extend([commands.authorized(&authorization), queries.authorized(&authorization)]);
    }
    assert_refused(&app, &rows).await;
    // Nothing of theirs shows in our lists, and they still have all of it.
    for list in ["/v1/customers", "/v1/quotas", "/v1/statements", "/v1/risk", "/v1/balances", "/v1/postings"] {
        let ours = Value::from(api.walk(list, "cursor").await).to_string();
        assert!(!ours.contains(&customer_2), "{list}");
    }
    theirs.charge(&customer_2, "9").await.done(201);
    theirs.with_key(text(&key_2["secret"])).get("/v1/organization").await.done(200);
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    const MIB: usize = 1 << 20;
    let app = TestApp::up().await;
    let customer = prepare(&app.api).await;
    let before = app.site.events_count(None).await;
    let charge = json!({ "customer_id": customer, "amount": "1" }).to_string();
    let mut body = charge.clone() + &" ".repeat(MIB - charge.len());
    // Up to the limit it is a charge like any other: white space is not what is wrong.
    let request = app.api.request(Method::POST, "/v1/charges").header("content-type", "application/json");
    Answer::of(request.body(body.clone())).await.unwrap().done(201);
    body.push(' ');

    let mut sized = format!("content-length: {}\r\n\r\n", body.len());
    sized.push_str(&body);
    let mut chunked = "transfer-encoding: chunked\r\n\r\n".to_owned();
    write!(chunked, "{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).unwrap();
    for (what, rest) in [("sized", sized), ("chunked", chunked)] {
        let sending = app.api.send_raw("/v1/charges", rest);
        let (status, answer) = timeout(Duration::from_secs(60), sending).await.expect("an answer");
        assert_eq!(status, 413, "{what}: {answer}");
        assert!(answer.to_lowercase().contains("content-type: application/problem+json"), "{what}: {answer}");
        assert!(answer.contains(r#""code":"body_too_large""#), "{what}: {answer}");
        assert!(answer.contains(r#""request_id":"#), "{what}: {answer}");
    }
    assert_eq!(app.site.events_count(None).await, before + 1);
    app.api.charge(&customer, "1").await.done(201);
}
