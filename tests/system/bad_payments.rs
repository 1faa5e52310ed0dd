//! Requests about payments and connectors that must be refused, and secrets that are never shown.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::invoices::{debtor, invoice_over};
use crate::support::refused::{Bad, assert_refused};
use crate::support::stripe::VISA;
use crate::support::subscriptions::changed;
use crate::support::{Answer, Api, Position, TestApp};

const PAYMENTS: &str = "/v1/payments";
const CONNECTORS: &str = "/v1/connectors";
/// Well formed, and nobody's.
const NO_PAYMENT: &str = "/v1/payments/pay_00000000000000000000000000";
const NO_CONNECTOR: &str = "con_00000000000000000000000000";
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

fn stripe() -> Value {
    json!({ "kind": "stripe", "name": "Cards", "secret_key": "sk_test_1", "api_base": NOWHERE })
}

async fn connect(api: &Api, body: &Value) -> Value {
    api.post(CONNECTORS, body).await.done(201)
}

async fn remove(api: &Api, connector: &Value) -> Answer {
    let path = format!("{CONNECTORS}/{}", text(&connector["id"]));
    Answer::of(api.request(Method::DELETE, &path)).await.unwrap()
}

#[tokio::test]
async fn payments_that_cannot_be_made_are_refused() {
    let app = TestApp::up().await;
    let api = &app.api;
    let (stripe, gone) = (connect(api, &stripe()).await, connect(api, &stripe()).await);
    let by_hand = connect(api, &json!({ "kind": "manual", "name": "Bank" })).await;
    remove(api, &gone).await.done(200);
    let customer = debtor(api).await;
    let open = invoice_over(api, &customer, "5", json!({})).await;
    let draft = invoice_over(api, &customer, "5", json!({ "auto_finalize": null })).await;
    let theirs = app.other_organization().await;
    let foreign = connect(&theirs, &json!({ "kind": "manual", "name": "Bank" })).await;
    let pay = |what, change: Value, status, code| {
        let body = json!({
            "customer_id": customer, "amount": "5", "connector_id": stripe["id"], "payment_method": { "method": VISA },
        });
        Bad::post(what, PAYMENTS, changed(body, change), status, code)
    };
    let refunds = format!("{NO_PAYMENT}/refunds");
    let of_invoice = |invoice: &Value| json!({ "customer_id": null, "amount": null, "invoice_id": invoice["id"] });
    assert_refused(
        &app,
        &[
            pay("nothing", json!({ "customer_id": null }), 400, "missing_field").at("invoice_id"),
            pay("no amount", json!({ "amount": null }), 400, "missing_field").at("amount"),
            pay("both", json!({ "invoice_id": open["id"] }), 400, "invalid_request").at("customer_id"),
            pay("zero", json!({ "amount": "0" }), 400, "invalid_amount").at("amount"),
            pay("half a cent", json!({ "amount": "0.005" }), 422, "amount_too_precise").at("amount"),
            pay("no connector", json!({ "connector_id": null }), 422, "no_payment_method").at("connector_id"),
            pay("nobody's", json!({ "connector_id": NO_CONNECTOR }), 404, "connector_not_found"),
            pay("another's", json!({ "connector_id": foreign["id"] }), 404, "connector_not_found"),
            pay("removed", json!({ "connector_id": gone["id"] }), 404, "connector_not_found"),
            pay("by hand", json!({ "connector_id": by_hand["id"] }), 422, "connector_by_hand").at("connector_id"),
            pay("later", json!({ "capture": "later" }), 400, "invalid_request").at("capture"),
            pay("no method", json!({ "payment_method": { "method": "" } }), 400, "invalid_request"),
            pay("a card", json!({ "payment_method": { "number": "4242424242424242" } }), 400, "unknown_field"),
            pay("a draft", of_invoice(&draft), 409, "wrong_status"),
            pay("no invoice", of_invoice(&json!({ "id": "inv_1" })), 404, "invoice_not_found"),
            Bad::post("unknown", &format!("{NO_PAYMENT}/capture"), json!({}), 404, "payment_not_found"),
            Bad::post("unknown", &format!("{NO_PAYMENT}/cancel"), json!({}), 404, "payment_not_found"),
            Bad::post("unknown", &refunds, json!({ "reason": "No" }), 404, "payment_not_found"),
            Bad::post("no reason", &refunds, json!({}), 400, "missing_field").at("reason"),
            Bad::get("unknown", NO_PAYMENT, 404, "payment_not_found"),
            Bad::get("no id", "/v1/payments/pay_1", 404, "payment_not_found"),
            Bad::get("no status", "/v1/payments?status=paid", 400, "invalid_request").at("status"),
            Bad::get("no filter", "/v1/payments?amount=5", 400, "unknown_field"),
            Bad::get("no invoice", "/v1/payments?invoice_id=inv_1", 404, "invoice_not_found"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_connector_keeps_its_secrets() {
    let app = TestApp::up().await;
    let api = &app.api;
    let body = changed(stripe(), json!({ "webhook_secret": "whsec_of_nobody", "secret_key": "sk_test_of_nobody" }));
    let first = api.post_keyed(CONNECTORS, "connect", &body).await;
    let connector = first.done(201);
    assert!(text(&connector["id"]).starts_with("con_"));
    for (member, expected) in [
        ("object", json!("connector")),
        ("kind", json!("stripe")),
        ("name", json!("Cards")),
        ("api_base", json!(NOWHERE)),
        ("webhook_path", json!(format!("/v1/webhooks/{}", text(&connector["id"])))),
        ("removed_at", Value::Null),
    ] {
        assert_eq!(connector[member], expected, "{member}");
    }
    let again = api.post_keyed(CONNECTORS, "connect", &body).await;
    assert_eq!((again.done(201), again.is_replay()), (connector.clone(), true));
    let other = changed(body.clone(), json!({ "secret_key": "sk_test_other" }));
    api.post_keyed(CONNECTORS, "connect", &other).await.problem(422, "idempotency_key_reused");

    let path = format!("{CONNECTORS}/{}", text(&connector["id"]));
    let secrets = json!({ "secret_key": "sk_test_replaced", "webhook_secret": "whsec_replaced" });
    let replaced = api.put(&format!("{path}/secrets"), &secrets).await.done(200);
    assert_eq!(replaced["id"], connector["id"]);
    let shown = api.get(&path).await;
    let removed = remove(api, &connector).await;
    assert!(removed.done(200)["removed_at"].is_string());
    let at = Position::of(&removed.json());
    let listed = api.list_at(CONNECTORS, at).await;
    assert_eq!((listed.len(), &listed[0]["removed_at"]), (1, &removed.json()["removed_at"]));
    api.put(&format!("{path}/secrets"), &secrets).await.problem(404, "connector_not_found");

    // Not in an answer, not in an event, not in a log line.
    let pool = app.site.pool();
    let payloads: Vec<String> =
        sqlx::query_scalar("select convert_from(payload, 'UTF8') from events").fetch_all(&pool).await.unwrap();
    let answers = [first.text(), shown.text(), removed.text(), app.log()];
    for secret in ["sk_test_of_nobody", "whsec_of_nobody", "sk_test_replaced", "whsec_replaced"] {
        assert!(answers.iter().chain(&payloads).all(|text| !text.contains(secret)), "{secret} is shown");
    }
    let theirs = app.other_organization().await;
    theirs.get(&path).await.problem(404, "connector_not_found");
    assert_eq!(theirs.walk(CONNECTORS, "cursor").await, Vec::<Value>::new());
}

#[tokio::test]
async fn connectors_that_cannot_be_are_refused() {
    let app = TestApp::up().await;
    let api = &app.api;
    let by_hand = connect(api, &json!({ "kind": "manual", "name": "Bank" })).await;
    let theirs = app.other_organization().await;
    let foreign = connect(&theirs, &stripe()).await;
    let wrong =
        |what, change: Value, status, code| Bad::post(what, CONNECTORS, changed(stripe(), change), status, code);
    let secrets = |connector: &str| format!("{CONNECTORS}/{connector}/secrets");
    let (mine, their) = (secrets(text(&by_hand["id"])), secrets(text(&foreign["id"])));
    let key = json!({ "secret_key": "sk_test_1" });
    assert_refused(
        &app,
        &[
            wrong("no kind", json!({ "kind": null }), 400, "missing_field").at("kind"),
            wrong("another kind", json!({ "kind": "paypal" }), 400, "invalid_request").at("kind"),
            wrong("no name", json!({ "name": "" }), 400, "invalid_request").at("name"),
            wrong("no key", json!({ "secret_key": null }), 400, "missing_field").at("secret_key"),
            wrong("no key", json!({ "secret_key": "sk test" }), 400, "invalid_request").at("secret_key"),
            wrong("no secret", json!({ "webhook_secret": "" }), 400, "invalid_request").at("webhook_secret"),
            wrong("in the clear", json!({ "api_base": "http://example.com" }), 422, "connector_misconfigured")
                .at("api_base"),
            wrong("no address", json!({ "api_base": "stripe" }), 422, "connector_misconfigured").at("api_base"),
            wrong("by hand with a key", json!({ "kind": "manual", "api_base": null }), 400, "invalid_request")
                .at("secret_key"),
            Bad::put("by hand", &mine, key.clone(), 422, "connector_by_hand"),
            Bad::put("another's", &their, key.clone(), 404, "connector_not_found"),
            Bad::put("no key", &their, json!({}), 400, "missing_field").at("secret_key"),
            Bad::new(
                "nobody's",
                Method::DELETE,
                &format!("{CONNECTORS}/{NO_CONNECTOR}"),
                vec![],
                404,
                "connector_not_found",
            ),
            Bad::get("nobody's", &format!("{CONNECTORS}/{NO_CONNECTOR}"), 404, "connector_not_found"),
        ],
    )
    .await;
}
