//! How customers are billed, what the organization's invoices say of it, and the tax table.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::refused::{Bad, assert_refused};
use crate::support::subscriptions::changed;
use crate::support::{Answer, Api, Position, TestApp, assert_amount};

const ORGANIZATION: &str = "/v1/organization/billing";
const TAX_RATES: &str = "/v1/tax_rates";
/// Well formed, and nobody's.
const UNKNOWN: &str = "/v1/tax_rates/txr_00000000000000000000000000";
const NOBODY: &str = "cus_00000000000000000000000000";

fn billing_of(customer: &str) -> String {
    format!("/v1/customers/{customer}/billing")
}

async fn keyed(api: &Api, method: Method, path: &str, key: &str, body: &Value) -> Answer {
    Answer::of(api.request(method, path).header("idempotency-key", key).json(body)).await.unwrap()
}

async fn delete(api: &Api, path: &str) -> Answer {
    Answer::of(api.request(Method::DELETE, path)).await.unwrap()
}

/// As it is when it was only asked for.
fn asked(answer: &Value) -> Value {
    changed(answer.clone(), json!({ "position": null, "payment_order": null }))
}

#[tokio::test]
async fn a_customer_is_billed_as_was_said() {
    let app = TestApp::up().await;
    let api = &app.api;
    let body = json!({ "name": "Ada", "email": "ada@example.com" });
    let customer = text(&api.post("/v1/customers", &body).await.done(201)["id"]).to_owned();
    let path = billing_of(&customer);
    let new = api.get(&path).await.done(200);
    let expected = json!({
        "object": "customer_billing", "customer_id": customer, "legal_name": null, "address": [],
        "tax": { "country": null, "subdivision": null, "tax_id": null, "exempt": false }, "time_zone": "UTC",
        "language": "en", "collection": "send", "payment_method": null,
        "payment_order": ["allowance", "credits", "postpaid"], "position": null,
    });
    assert_eq!(new, expected);

    let body = json!({
        "legal_name": "Lovelace GmbH", "address": ["Analysegasse 1", "10115 Berlin"],
        "tax": { "country": "DE", "subdivision": "BE", "tax_id": "DE123456789" },
        "time_zone": "Europe/Berlin", "language": "zh", "collection": "automatic",
    });
    let set = api.put(&path, &body).await.done(200);
    for (member, expected) in body.as_object().unwrap() {
        let mut expected = expected.clone();
        if member == "tax" {
            expected["exempt"] = json!(false);
        }
        assert_eq!(set[member], expected, "{member}");
    }
    assert_eq!(asked(&api.get(&path).await.done(200)), asked(&set));
    // What else is known of it stays.
    let known = api.get(&format!("/v1/customers/{customer}")).await.done(200);
    assert_eq!((&known["name"], &known["email"]), (&json!("Ada"), &json!("ada@example.com")));
    let events = app.site.events_count(None).await;
    assert_eq!(asked(&api.put(&path, &body).await.done(200)), asked(&set));
    // Another address is not the log's business.
    let moved = api.put(&path, &changed(body.clone(), json!({ "address": ["Differenzweg 2"] }))).await.done(200);
    assert_eq!(moved["address"], json!(["Differenzweg 2"]));
    assert_eq!(api.get(&path).await.done(200)["address"], moved["address"]);
    assert_eq!(app.site.events_count(None).await, events);
    // As a whole: what is left out is as it was at first.
    let cleared = api.put(&path, &json!({})).await.done(200);
    assert_eq!(asked(&cleared), asked(&new));

    let pool = app.site.pool();
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar("select payload from events").fetch_all(&pool).await.unwrap();
    let told = [app.log(), api.get("/v1/events?limit=100").await.text()];
    for text in payloads.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).chain(told) {
        assert!(!text.contains("Lovelace") && !text.contains("gasse") && !text.contains("weg 2"), "{text}");
    }
    app.site.assert_clean().await;
}

#[tokio::test]
async fn money_is_used_in_the_order_that_was_said() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("5").await;
    let about = format!("/v1/customers/{customer}");
    api.put(&format!("{about}/postpaid_limit"), &json!({ "amount": "10" })).await.done(200);
    let path = format!("{about}/payment_order");
    let order = json!({ "order": ["postpaid", "credits"] });
    let set = keyed(api, Method::PUT, &path, "order", &order).await.done(200);
    assert_eq!((&set["object"], &set["order"]), (&json!("payment_order"), &order["order"]));
    assert_eq!(api.get(&billing_of(&customer)).await.done(200)["payment_order"], order["order"]);
    let paid = api.charge(&customer, "12").await.done(201)["paid"].clone();
    assert_amount(&paid["postpaid"], "10");
    assert_amount(&paid["credits"], "2");
    let other = json!({ "order": ["credits"] });
    api.put(&path, &other).await.done(200);
    let events = app.site.events_count(None).await;
    assert_eq!(api.put(&path, &other).await.done(200)["order"], other["order"]);
    let again = keyed(api, Method::PUT, &path, "order", &order).await;
    assert_eq!((again.done(200), again.is_replay()), (set, true));
    assert_eq!(app.site.events_count(None).await, events, "nothing has changed");
    // What is left out pays nothing.
    api.charge(&customer, "4").await.problem(402, "insufficient_funds");
    api.charge(&customer, "3").await.done(201);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn an_organization_says_what_its_invoices_show() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let new = api.get(ORGANIZATION).await.done(200);
    let expected = json!({
        "object": "organization_billing", "legal_name": null, "address": [],
        "tax": { "country": null, "subdivision": null, "tax_id": null, "exempt": false },
        "email": null, "invoice_prefix": null, "credit_note_prefix": null, "footer": null, "position": null,
    });
    assert_eq!(new, expected);
    let body = json!({
        "legal_name": "Acme Inc.", "address": ["1 Road", "Springfield"], "tax": { "country": "US", "subdivision": "OR" },
        "email": "billing@acme.example", "invoice_prefix": "2026/", "credit_note_prefix": "", "footer": "IBAN DE00",
    });
    let first = keyed(api, Method::PUT, ORGANIZATION, "set", &body).await;
    let set = first.done(200);
    for member in ["legal_name", "address", "email", "invoice_prefix", "credit_note_prefix", "footer"] {
        assert_eq!(set[member], body[member], "{member}");
    }
    assert_eq!((&set["tax"]["country"], &set["tax"]["subdivision"]), (&json!("US"), &json!("OR")));
    let at = format!("{ORGANIZATION}?min_position={}", Position::of(&set));
    assert_eq!(asked(&api.get(&at).await.done(200)), asked(&set));
    let events = app.site.events_count(None).await;
    api.put(ORGANIZATION, &body).await.done(200);
    let again = keyed(api, Method::PUT, ORGANIZATION, "set", &body).await;
    assert_eq!((again.done(200), again.is_replay(), first.is_replay()), (set, true, false));
    assert_eq!(app.site.events_count(None).await, events, "nothing has changed");
    assert_eq!(theirs.get(ORGANIZATION).await.done(200), expected);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn the_tax_table_is_set_row_by_row() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let body = json!({ "name": "VAT", "country": "DE", "percent": "19.00", "reverse_charge": true });
    let first = keyed(api, Method::POST, TAX_RATES, "create", &body).await;
    let vat = first.done(201);
    assert!(text(&vat["id"]).starts_with("txr_"));
    for (member, expected) in [
        ("object", json!("tax_rate")),
        ("name", json!("VAT")),
        ("country", json!("DE")),
        ("subdivision", Value::Null),
        ("category", json!("standard")),
        ("percent", json!("19")),
        ("inclusive", json!(false)),
        ("reverse_charge", json!(true)),
    ] {
        assert_eq!(vat[member], expected, "{member}");
    }
    let again = keyed(api, Method::POST, TAX_RATES, "create", &body).await;
    assert_eq!((again.done(201), again.is_replay(), first.is_replay()), (vat.clone(), true, false));
    let path = format!("{TAX_RATES}/{}", text(&vat["id"]));
    assert_eq!(asked(&api.get(&path).await.done(200)), asked(&vat));

    let sales = json!({ "name": "Sales tax", "country": "US", "subdivision": "NY", "percent": "4.0001", "category": "saas", "inclusive": true });
    let sales = api.post(TAX_RATES, &sales).await.done(201);
    let rows = api.list_at(TAX_RATES, Position::of(&sales)).await;
    assert_eq!(rows.iter().map(|row| &row["id"]).collect::<Vec<_>>(), [&sales["id"], &vat["id"]]);
    assert_eq!(api.walk(&format!("{TAX_RATES}?limit=1"), "cursor").await, rows);

    let lower = changed(body.clone(), json!({ "percent": "7", "reverse_charge": null }));
    let put = keyed(api, Method::PUT, &path, "lower", &lower).await.done(200);
    assert_eq!((&put["percent"], &put["reverse_charge"], &put["id"]), (&json!("7"), &json!(false), &vat["id"]));
    let events = app.site.events_count(None).await;
    api.put(&path, &lower).await.done(200);
    assert_eq!(app.site.events_count(None).await, events, "nothing has changed");

    for answer in [theirs.get(&path).await, theirs.put(&path, &body).await, delete(&theirs, &path).await] {
        answer.problem(404, "tax_rate_not_found");
    }
    assert_eq!(theirs.walk(TAX_RATES, "cursor").await, [] as [Value; 0]);

    let gone = keyed(api, Method::DELETE, &path, "delete", &json!({})).await;
    assert_eq!((&gone.done(200)["deleted"], &gone.done(200)["id"]), (&json!(true), &vat["id"]));
    let again = keyed(api, Method::DELETE, &path, "delete", &json!({})).await;
    assert_eq!((again.done(200), again.is_replay()), (gone.done(200), true));
    // As it was then.
    assert_eq!(keyed(api, Method::PUT, &path, "lower", &lower).await.done(200), put);
    for answer in [api.get(&path).await, api.put(&path, &body).await, delete(api, &path).await] {
        answer.problem(404, "tax_rate_not_found");
    }
    app.site.assert_clean().await;
}

#[tokio::test]
async fn how_others_are_billed_is_not_seen() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let customer = api.customer().await;
    let path = billing_of(&customer);
    api.put(&path, &json!({ "legal_name": "Ada" })).await.done(200);
    theirs.get(&path).await.problem(404, "customer_not_found");
    theirs.put(&path, &json!({ "legal_name": "Eve" })).await.problem(404, "customer_not_found");
    let order = json!({ "order": ["credits"] });
    theirs.put(&format!("/v1/customers/{customer}/payment_order"), &order).await.problem(404, "customer_not_found");
    assert_eq!(api.get(&path).await.done(200)["legal_name"], "Ada");
}

#[tokio::test]
async fn bad_billing() {
    let app = TestApp::up().await;
    let customer = app.api.customer().await;
    let (path, order) = (billing_of(&customer), format!("/v1/customers/{customer}/payment_order"));
    let put = |what, body: Value, status, code| Bad::put(what, &path, body, status, code);
    let invalid = |what, body: Value, param| put(what, body, 400, "invalid_request").at(param);
    let own = |what, body: Value, param| Bad::put(what, ORGANIZATION, body, 400, "invalid_request").at(param);
    let rate = |what, change: Value, status, code| {
        let right = json!({ "name": "VAT", "country": "DE", "percent": "19" });
        Bad::post(what, TAX_RATES, changed(right, change), status, code)
    };
    let ordered = |what, order_of: Value, param| {
        Bad::put(what, &order, json!({ "order": order_of }), 400, "invalid_request").at(param)
    };
    let method = |method: Value| json!({ "payment_method": method });
    let long = "é".repeat(201);
    let lines: Vec<&str> = vec!["1"; 7];
    let rows = [
        Bad::new("half an object", Method::PUT, &path, b"{".to_vec(), 400, "invalid_json"),
        put("an unknown field", json!({ "colour": "red" }), 400, "unknown_field").at("colour"),
        put("an unknown field of taxes", json!({ "tax": { "rate": "19" } }), 400, "unknown_field").at("tax.rate"),
        put("an empty key", json!({}), 400, "invalid_idempotency_key").with_key(b""),
        invalid("an empty name", json!({ "legal_name": "" }), "legal_name"),
        invalid("a long name", json!({ "legal_name": long }), "legal_name"),
        invalid("a long address", json!({ "address": lines }), "address"),
        invalid("an empty line", json!({ "address": ["a", ""] }), "address"),
        invalid("a line of two", json!({ "address": ["a\nb"] }), "address"),
        invalid("no country", json!({ "tax": { "country": "Germany" } }), "tax.country"),
        invalid("no part of it", json!({ "tax": { "country": "DE", "subdivision": "Berlin" } }), "tax.subdivision"),
        put("a part of nothing", json!({ "tax": { "subdivision": "BE" } }), 400, "missing_field").at("tax.country"),
        invalid("an empty tax id", json!({ "tax": { "country": "DE", "tax_id": "" } }), "tax.tax_id"),
        invalid("no time zone", json!({ "time_zone": "Berlin" }), "time_zone"),
        invalid("no language", json!({ "language": "de" }), "language"),
        invalid("no collection", json!({ "collection": "cash" }), "collection"),
        put("half a method", method(json!({ "method": "pm_1" })), 400, "missing_field")
            .at("payment_method.connector_id"),
        put("no connector's id", method(json!({ "connector_id": "1", "method": "pm_1" })), 404, "connector_not_found")
            .at("payment_method.connector_id"),
        put(
            "an unknown connector",
            method(json!({ "connector_id": "con_00000000000000000000000000", "method": "pm_1" })),
            404,
            "connector_not_found",
        )
        .at("payment_method.connector_id"),
        Bad::put("nobody", &billing_of(NOBODY), json!({}), 404, "customer_not_found"),
        Bad::get("nobody", &billing_of(NOBODY), 404, "customer_not_found"),
        ordered("nothing pays", json!([]), "order"),
        ordered("credits pay twice", json!(["credits", "credits"]), "order"),
        ordered("money pays", json!(["cash"]), "order[0]"),
        Bad::put("no order", &order, json!({}), 400, "missing_field").at("order"),
        Bad::put(
            "nobody's order",
            &format!("/v1/customers/{NOBODY}/payment_order"),
            json!({ "order": ["credits"] }),
            404,
            "customer_not_found",
        ),
        own("an empty name of ours", json!({ "legal_name": "" }), "legal_name"),
        own("a long prefix", json!({ "invoice_prefix": "I".repeat(21) }), "invoice_prefix"),
        own("a prefix with a space", json!({ "credit_note_prefix": "C N" }), "credit_note_prefix"),
        own("exempt from our own taxes", json!({ "tax": { "exempt": true } }), "tax.exempt"),
        own("a long footer", json!({ "footer": "f".repeat(501) }), "footer"),
        Bad::put("an unknown field of ours", ORGANIZATION, json!({ "vat": "1" }), 400, "unknown_field").at("vat"),
        rate("no name", json!({ "name": null }), 400, "missing_field").at("name"),
        rate("a long name", json!({ "name": "V".repeat(65) }), 400, "invalid_request").at("name"),
        rate("no country", json!({ "country": "de" }), 400, "invalid_request").at("country"),
        rate("no part of it", json!({ "subdivision": "" }), 400, "invalid_request").at("subdivision"),
        rate("no category", json!({ "category": "A" }), 400, "invalid_request").at("category"),
        rate("less than nothing", json!({ "percent": "-1" }), 400, "invalid_amount").at("percent"),
        rate("more than all", json!({ "percent": "100.01" }), 400, "invalid_request").at("percent"),
        rate("too fine", json!({ "percent": "1.00001" }), 400, "invalid_request").at("percent"),
        rate("a number", json!({ "percent": 19 }), 400, "invalid_amount").at("percent"),
        rate("an unknown field", json!({ "colour": "red" }), 400, "unknown_field").at("colour"),
        Bad::put(
            "a change of none",
            UNKNOWN,
            json!({ "name": "VAT", "country": "DE", "percent": "19" }),
            404,
            "tax_rate_not_found",
        ),
        Bad::get("one that is not there", UNKNOWN, 404, "tax_rate_not_found"),
        Bad::get("no id", "/v1/tax_rates/1", 404, "tax_rate_not_found"),
        Bad::get("a cursor that is none", "/v1/tax_rates?cursor=x", 400, "invalid_request").at("cursor"),
        Bad::new("the end of none", Method::DELETE, UNKNOWN, Vec::new(), 404, "tax_rate_not_found"),
    ];
    assert_refused(&app, &rows).await;
    app.site.assert_clean().await;
}
