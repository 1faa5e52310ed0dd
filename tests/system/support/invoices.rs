//! Invoices as somebody writes them, what becomes of them, and what the journal says of it.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::after::assert_whole;
use super::api::text;
use super::billing::invoice_path;
use super::subscriptions::changed;
use super::{Api, Position, TestApp, decimal, until};

pub const INVOICES: &str = "/v1/invoices";

/// A customer that may owe a lot.
pub async fn debtor(api: &Api) -> String {
    let body = json!({ "name": "Ada", "postpaid_limit": "1000000" });
    text(&api.post("/v1/customers", &body).await.done(201)["id"]).to_owned()
}

/// Sets how a customer is billed.
pub async fn bill_like(api: &Api, customer: &str, billing: Value) {
    api.put(&format!("/v1/customers/{customer}/billing"), &billing).await.done(200);
}

/// Adds a row to the tax table for customers in Germany, and gives its id.
pub async fn tax(api: &Api, name: &str, percent: &str, change: Value) -> String {
    let body = changed(json!({ "name": name, "country": "DE", "percent": percent }), change);
    text(&api.post("/v1/tax_rates", &body).await.done(201)["id"]).to_owned()
}

/// An invoice over this amount, finalized, as it is said and with these changes.
pub async fn invoice_over(api: &Api, customer: &str, amount: &str, change: Value) -> Value {
    let lines = json!([{ "description": "Work", "amount": amount }]);
    let body = json!({ "customer_id": customer, "lines": lines, "auto_finalize": true });
    api.post(INVOICES, &changed(body, change)).await.done(201)
}

/// An invoice as it is in the log.
pub async fn invoice_now(api: &Api, invoice: &Value) -> Value {
    api.get(&invoice_path(invoice, "")).await.done(200)
}

/// An invoice once this holds of it.
pub async fn invoice_that(api: &Api, invoice: &Value, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    until(&format!("the invoice {what}"), async || Some(invoice_now(api, invoice).await).filter(&holds)).await
}

/// The same when it has come to this status.
pub async fn invoice_in(api: &Api, invoice: &Value, status: &str) -> Value {
    invoice_that(api, invoice, &format!("is {status}"), |now| now["status"] == status).await
}

/// The amounts of its lines.
pub fn amounts(invoice: &Value) -> Vec<Decimal> {
    invoice["lines"].as_array().unwrap().iter().map(|line| decimal(&line["amount"])).collect()
}

/// What must hold of an invoice's amounts, however they are made up.
#[track_caller]
pub fn assert_adds_up(invoice: &Value) {
    let taxes: Decimal = invoice["taxes"].as_array().unwrap().iter().map(|tax| decimal(&tax["amount"])).sum();
    let of = |member: &str| decimal(&invoice[member]);
    assert_eq!(taxes, of("tax"), "{invoice}");
    assert_eq!(of("subtotal") + of("tax"), of("total"), "{invoice}");
    if matches!(invoice["status"].as_str(), Some("open" | "paid" | "uncollectible")) {
        assert_eq!(of("paid") + of("credited") + of("offset") + of("due"), of("total"), "{invoice}");
    }
}

/// What an account of the journal says: credits less debits, as of a position.
pub async fn balance(api: &Api, account: &str, position: Position) -> Decimal {
    let rows = api.list_at(&format!("/v1/balances?limit=100&account={account}"), position).await;
    rows.iter().map(|row| decimal(&row["balance"])).sum()
}

/// What a customer owes: on invoices, and for usage.
pub async fn owed(api: &Api, customer: &str, position: Position) -> Decimal {
    let invoiced = balance(api, &format!("customer:{customer}:invoiced"), position).await;
    Decimal::ZERO - invoiced - balance(api, &format!("customer:{customer}:receivable"), position).await
}

/// A position that everything that was asked for is before.
pub async fn position(api: &Api) -> Position {
    Position::of(&api.post("/v1/customers", &json!({})).await.done(201))
}

/// Waits until what follows from payments and invoices has come to the customer's account: it owes nothing for usage.
pub async fn settled_up(api: &Api, customer: &str) {
    until("the account owes nothing", async || {
        decimal(&api.account(customer).await["postpaid"]).is_zero().then_some(())
    })
    .await;
}

/// The books are right, whatever has happened.
pub async fn assert_books(app: &TestApp) {
    let position = position(&app.api).await;
    app.api.list_at("/v1/payments", position).await;
    assert_whole(&app.site, &app.api, position).await;
}
