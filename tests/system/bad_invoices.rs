//! Requests about invoices that must be refused, and invoices of others.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::billing::invoice_path;
use crate::support::invoices::{INVOICES, debtor, invoice_now, invoice_over};
use crate::support::refused::{Bad, assert_refused};
use crate::support::subscriptions::changed;

/// Well formed, and nobody's.
const UNKNOWN: &str = "/v1/invoices/inv_00000000000000000000000000";
const NOBODY: &str = "cus_00000000000000000000000000";

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = debtor(api).await;
    let draft = invoice_over(api, &customer, "5", json!({ "auto_finalize": null })).await;
    let theirs = app.other_organization().await;
    let foreign = debtor(&theirs).await;
    let (lines, pay, preview) = (invoice_path(&draft, "/lines"), invoice_path(&draft, "/pay"), "/v1/invoices/preview");
    let write = |what, change: Value, status, code| {
        let body = json!({ "customer_id": customer, "lines": [{ "description": "Work", "amount": "1" }] });
        Bad::post(what, INVOICES, changed(body, change), status, code)
    };
    let line = |what, line: Value, status, code| write(what, json!({ "lines": [line] }), status, code);
    let many: Vec<Value> = (0..1_001).map(|_| json!({ "description": "Work", "amount": "1" })).collect();
    let negative = json!({ "lines": [{ "description": "Back", "amount": "-1" }], "auto_finalize": true });
    assert_refused(
        &app,
        &[
            write("no customer", json!({ "customer_id": null }), 400, "missing_field"),
            write("nobody's", json!({ "customer_id": NOBODY }), 404, "customer_not_found"),
            write("another's customer", json!({ "customer_id": foreign }), 404, "customer_not_found"),
            write("a field too many", json!({ "number": "INV-000001" }), 400, "unknown_field"),
            write("too late", json!({ "due_days": 731 }), 400, "invalid_request").at("due_days"),
            write("how", json!({ "collection": "ask" }), 400, "invalid_request"),
            write("at once again", json!({ "retry_days": [0] }), 400, "invalid_request").at("retry_days"),
            write("too often", json!({ "retry_days": vec![1; 11] }), 400, "invalid_request").at("retry_days"),
            write("an empty note", json!({ "note": "" }), 400, "invalid_request").at("note"),
            write("a long note", json!({ "note": "a".repeat(501) }), 400, "invalid_request").at("note"),
            write("too many lines", json!({ "lines": many }), 422, "too_many_lines"),
            line("no description", json!({ "amount": "1" }), 400, "missing_field"),
            line("neither", json!({ "description": "Work" }), 400, "invalid_request").at("lines[0]"),
            line(
                "both",
                json!({ "description": "Work", "amount": "1", "quantity": "1", "unit_price": "1" }),
                400,
                "invalid_request",
            )
            .at("lines[0]"),
            line("half", json!({ "description": "Work", "quantity": "1" }), 400, "invalid_request").at("lines[0]"),
            line("a number", json!({ "description": "Work", "amount": 1 }), 400, "invalid_amount"),
            line("no amount", json!({ "description": "Work", "amount": "1e3" }), 400, "invalid_amount")
                .at("lines[0].amount"),
            line(
                "no category",
                json!({ "description": "Work", "amount": "1", "tax_category": "Büro" }),
                400,
                "invalid_request",
            )
            .at("lines[0].tax_category"),
            line(
                "too precise",
                json!({ "description": "Work", "quantity": "0.000001", "unit_price": "0.0000001" }),
                422,
                "amount_too_precise",
            ),
            Bad::post("no lines", &lines, json!({ "lines": [] }), 400, "invalid_request").at("lines"),
            Bad::post("a draft is not paid", &pay, json!({}), 409, "wrong_status"),
            Bad::post("nothing", &pay, json!({ "amount": "0" }), 400, "invalid_amount").at("amount"),
            Bad::post("unknown", &format!("{UNKNOWN}/finalize"), json!({}), 404, "invoice_not_found"),
            Bad::post("unknown", &format!("{UNKNOWN}/pay"), json!({}), 404, "invoice_not_found"),
            Bad::get("unknown", UNKNOWN, 404, "invoice_not_found"),
            Bad::get("no id", "/v1/invoices/inv_1", 404, "invoice_not_found"),
            Bad::get("no status", "/v1/invoices?status=Open", 400, "invalid_request").at("status"),
            Bad::get("no filter", "/v1/invoices?number=1", 400, "unknown_field"),
            Bad::get("nobody's", &format!("/v1/invoices?customer_id={NOBODY}"), 404, "customer_not_found"),
            Bad::get("no line", &invoice_path(&draft, "/explain?line=1"), 404, "line_not_found"),
            Bad::get("a cursor of nothing", &invoice_path(&draft, "/explain?cursor=5"), 400, "missing_field")
                .at("line"),
            Bad::post("no subscription", preview, json!({ "subscription_id": "sub_1" }), 404, "subscription_not_found"),
        ],
    )
    .await;
    // Less than nothing cannot be asked for: it is lifted to nothing by what becomes credits.
    let body = changed(json!({ "customer_id": customer }), negative);
    let back = api.post(INVOICES, &body).await.done(201);
    assert_eq!((&back["status"], &back["total"]), (&json!("paid"), &json!("0")));
    assert_eq!(back["lines"][1]["kind"], "to_credits");

    // Another organization's do not exist.
    for path in ["", "/pdf", "/csv", "/explain", "/credit_notes"] {
        theirs.get(&invoice_path(&draft, path)).await.problem(404, "invoice_not_found");
    }
    for what in ["finalize", "discard", "void", "mark_uncollectible", "collect", "pay"] {
        theirs.post(&invoice_path(&draft, &format!("/{what}")), &json!({})).await.problem(404, "invoice_not_found");
    }
    assert_eq!(invoice_now(api, &draft).await["status"], "draft");
}
