//! Credit notes: parts of invoices that are taken back, to the last cent and never more, and where the money goes.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::api::{list, text};
use crate::support::billing::invoice_path;
use crate::support::invoices::{
    assert_adds_up, assert_books, balance, bill_like, debtor, invoice_in, invoice_now, invoice_over, owed, position,
    tax,
};
use crate::support::subscriptions::changed;
use crate::support::{Answer, Api, Position, TestApp, assert_amount, decimal, until};

async fn credit(api: &Api, invoice: &Value, body: Value) -> Answer {
    let body = changed(json!({ "reason": "Outage" }), body);
    api.post(&invoice_path(invoice, "/credit_notes"), &body).await
}

/// What a credit note takes back of a line.
fn of_line(index: usize, amount: &str) -> Value {
    json!({ "lines": [{ "index": index, "amount": amount }] })
}

/// A customer in Germany, where there is a tax on top, and an invoice with two lines that have it.
async fn invoice(api: &Api) -> (String, Value) {
    tax(api, "VAT", "19", json!({})).await;
    let customer = debtor(api).await;
    bill_like(api, &customer, json!({ "tax": { "country": "DE" } })).await;
    let lines = json!([{ "description": "Work", "amount": "100" }, { "description": "Travel", "amount": "33.33" }]);
    let invoice = invoice_over(api, &customer, "1", json!({ "lines": lines })).await;
    // 133.33 and 25.3327.
    assert_amount(&invoice["total"], "158.66");
    (customer, invoice)
}

#[tokio::test]
async fn what_is_due_is_lowered_and_all_together_are_the_invoice() {
    let app = TestApp::up().await;
    let api = &app.api;
    let (customer, invoice) = invoice(api).await;
    let body = changed(json!({ "reason": "Outage" }), of_line(0, "0.03"));
    let first = api.post_keyed(&invoice_path(&invoice, "/credit_notes"), "one", &body).await;
    let note = first.done(201);
    assert!(text(&note["id"]).starts_with("cn_"));
    for (member, expected) in [
        ("object", json!("credit_note")),
        ("invoice_id", invoice["id"].clone()),
        ("customer_id", json!(customer)),
        ("number", json!("CN-000001")),
        ("currency", json!("USD")),
        ("reason", json!("Outage")),
        ("lines", json!([{ "index": 0, "description": "Work", "amount": "0.03" }])),
        ("off_due", json!("0.04")),
        ("to_credits", json!("0")),
        ("to_refund", json!("0")),
    ] {
        assert_eq!(note[member], expected, "{member}");
    }
    let again = api.post_keyed(&invoice_path(&invoice, "/credit_notes"), "one", &body).await;
    assert_eq!((again.done(201), again.is_replay()), (note.clone(), true));
    let now = invoice_now(api, &invoice).await;
    assert_eq!((&now["credited"], &now["due"], &now["status"]), (&json!("0.04"), &json!("158.62"), &json!("open")));
    assert_eq!((&now["lines"][0]["left"], &now["lines"][0]["amount"]), (&json!("99.97"), &json!("100")));
    assert_adds_up(&now);

    // More than is left of a line, or than there are lines.
    let problem = credit(api, &invoice, of_line(0, "99.98")).await.problem(422, "more_than_left");
    assert_eq!((&problem["line"], &problem["left"]), (&json!(0), &json!("99.97")));
    credit(api, &invoice, of_line(2, "1")).await.problem(404, "line_not_found");
    credit(api, &invoice, of_line(0, "0")).await.problem(400, "invalid_amount");
    credit(api, &invoice, of_line(0, "0.001")).await.problem(422, "amount_too_precise");
    // Nothing named is not the same as all of it.
    credit(api, &invoice, json!({ "reason": "x", "lines": [] })).await.problem(400, "invalid_request");
    credit(api, &invoice, json!({ "reason": "" })).await.problem(400, "invalid_request");
    credit(api, &invoice, json!({ "reason": null })).await.problem(400, "missing_field");

    credit(api, &invoice, of_line(1, "11.11")).await.done(201);
    let rest = credit(api, &invoice, json!({})).await.done(201);
    assert_eq!((rest["lines"].as_array().unwrap().len(), &rest["number"]), (2, &json!("CN-000003")));
    let notes = api.get(&invoice_path(&invoice, "/credit_notes")).await.done(200);
    let sum = |member: &str| -> Decimal { list(&notes).iter().map(|note| decimal(&note[member])).sum() };
    assert_eq!((sum("total"), sum("off_due")), (decimal(&invoice["total"]), decimal(&invoice["total"])));
    let taxes: Decimal =
        list(&notes).iter().flat_map(|note| note["taxes"].as_array().unwrap()).map(|tax| decimal(&tax["amount"])).sum();
    assert_eq!(taxes, decimal(&invoice["tax"]));
    let now = invoice_now(api, &invoice).await;
    assert_eq!((&now["status"], &now["due"], &now["paid"]), (&json!("paid"), &json!("0"), &json!("0")));
    credit(api, &invoice, json!({})).await.problem(422, "nothing_to_credit");

    let at = position(api).await;
    for account in ["tax", "revenue", "rounding"] {
        assert!(balance(api, account, at).await.is_zero(), "{account}");
    }
    assert!(owed(api, &customer, at).await.is_zero());
    let listed = api.list_at(&format!("/v1/credit_notes?customer_id={customer}"), at).await;
    let numbers: Vec<&str> = listed.iter().map(|note| text(&note["number"])).collect();
    assert_eq!(numbers, ["CN-000003", "CN-000002", "CN-000001"]);
    assert_eq!(api.list_at(&format!("/v1/credit_notes?invoice_id={}", text(&invoice["id"])), at).await, listed);
    let theirs = app.other_organization().await;
    assert_eq!(theirs.walk("/v1/credit_notes", "cursor").await, Vec::<Value>::new());
    credit(&theirs, &invoice, json!({})).await.problem(404, "invoice_not_found");
    assert_books(&app).await;
}

#[tokio::test]
async fn what_was_paid_becomes_credits() {
    let app = TestApp::up().await;
    let api = &app.api;
    let (customer, invoice) = invoice(api).await;
    api.post(&invoice_path(&invoice, "/pay"), &json!({ "amount": "150" })).await.done(200);
    // 8.66 is due yet: it takes that first.
    let note = credit(api, &invoice, of_line(1, "33.33")).await.done(201);
    for (member, expected) in [("total", "39.66"), ("off_due", "8.66"), ("to_credits", "31"), ("to_refund", "0")] {
        assert_amount(&note[member], expected);
    }
    let now = invoice_in(api, &invoice, "paid").await;
    assert_eq!((&now["credited"], &now["paid"]), (&json!("8.66"), &json!("150")));
    let given = until("the credits have come", async || {
        Some(api.account(&customer).await["credits"].clone()).filter(|credits| decimal(credits) != Decimal::ZERO)
    })
    .await;
    assert_amount(&given, "31");
    let at = position(api).await;
    assert_eq!(balance(api, &format!("customer:{customer}:credits"), at).await, Decimal::from(31));
    assert!(owed(api, &customer, at).await.is_zero());
    // They pay the next charge.
    api.charge(&customer, "30").await.done(201);
    assert_amount(&api.account(&customer).await["credits"], "1");
    assert_books(&app).await;
}

#[tokio::test]
async fn what_was_paid_goes_back_the_way_it_came() {
    let app = TestApp::up().await;
    let api = &app.api;
    let (customer, invoice) = invoice(api).await;
    for amount in ["100", "58.66"] {
        api.post(&invoice_path(&invoice, "/pay"), &json!({ "amount": amount })).await.done(200);
    }
    let note = credit(api, &invoice, changed(of_line(0, "60"), json!({ "refund": true }))).await.done(201);
    for (member, expected) in [("total", "71.4"), ("off_due", "0"), ("to_credits", "0"), ("to_refund", "71.4")] {
        assert_amount(&note[member], expected);
    }
    // The newest payment first, as far as it reaches.
    let refunds = until("both payments were refunded", async || {
        let now = invoice_now(api, &invoice).await;
        let mut refunds = Vec::new();
        for applied in now["payments"].as_array().unwrap() {
            let payment = api.get(&format!("/v1/payments/{}", text(&applied["payment_id"]))).await.done(200);
            refunds.push(payment["refunds"].as_array().unwrap().first().cloned()?);
        }
        Some(refunds)
    })
    .await;
    for (refund, expected) in refunds.iter().zip(["12.74", "58.66"]) {
        assert_amount(&refund["amount"], expected);
        assert_eq!((&refund["status"], &refund["credit_note_id"]), (&json!("succeeded"), &note["id"]));
        assert_eq!(refund["reason"], "Outage");
    }
    let now = invoice_now(api, &invoice).await;
    assert_eq!((&now["status"], &now["paid"], &now["credited"]), (&json!("paid"), &json!("158.66"), &json!("0")));
    let at = position(api).await;
    assert!(balance(api, "refunds", at).await.is_zero() && owed(api, &customer, at).await.is_zero());
    assert_eq!(balance(api, "bank", at).await, decimal(&json!("-87.26")));
    assert_books(&app).await;
}

#[tokio::test]
async fn many_at_once_take_back_no_more_than_there_was() {
    let app = TestApp::up().await;
    let api = &app.api;
    let (_, invoice) = invoice(api).await;
    let asked = (0..12).map(|_| credit(api, &invoice, of_line(0, "15")));
    let answers = futures::future::join_all(asked).await;
    let taken: Vec<Value> = answers.iter().filter(|answer| answer.status == 201).map(|answer| answer.json()).collect();
    // Six times 15 are 90; a seventh is more than is left.
    assert_eq!(taken.len(), 6, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.problem(422, "more_than_left");
    }
    let mut numbers: Vec<&str> = taken.iter().map(|note| text(&note["number"])).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["CN-000001", "CN-000002", "CN-000003", "CN-000004", "CN-000005", "CN-000006"]);
    let now = invoice_now(api, &invoice).await;
    assert_eq!((&now["lines"][0]["left"], now["credit_notes"].as_array().unwrap().len()), (&json!("10"), 6));
    // What is not to be: a draft, a void one.
    let customer = text(&invoice["customer_id"]);
    let draft = invoice_over(api, customer, "5", json!({ "auto_finalize": null })).await;
    credit(api, &draft, json!({})).await.problem(409, "wrong_status");
    let void = invoice_over(api, customer, "5", json!({})).await;
    let last = api.post(&invoice_path(&void, "/void"), &json!({})).await.done(200);
    credit(api, &void, json!({})).await.problem(409, "wrong_status");
    api.list_at("/v1/credit_notes", Position::of(&last)).await;
    assert_books(&app).await;
}
