//! Invoices that somebody writes: drafts and their lines, numbers, usage that is on no other invoice, money by hand,
//! and how an invoice ends.

use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::billing::{invoice_path, moment};
use crate::support::invoices::{
    INVOICES, amounts, assert_adds_up, assert_books, balance, bill_like, debtor, invoice_now, invoice_over, owed,
    position, settled_up, tax,
};
use crate::support::subscriptions::{changed, events_of};
use crate::support::{Answer, Api, Position, TestApp, assert_amount, decimal};

/// As it is when it was only asked for.
fn asked(invoice: &Value) -> Value {
    changed(invoice.clone(), json!({ "position": null }))
}

async fn act(api: &Api, invoice: &Value, what: &str) -> Answer {
    api.post(&invoice_path(invoice, &format!("/{what}")), &json!({})).await
}

async fn delete_line(api: &Api, invoice: &Value, index: usize) -> Answer {
    Answer::of(api.request(Method::DELETE, &invoice_path(invoice, &format!("/lines/{index}")))).await.unwrap()
}

#[tokio::test]
async fn a_draft_is_written_changed_and_finalized() {
    let app = TestApp::up().await;
    let api = &app.api;
    tax(api, "VAT", "19", json!({})).await;
    tax(api, "VAT, books", "7", json!({ "category": "books" })).await;
    let customer = debtor(api).await;
    bill_like(api, &customer, json!({ "tax": { "country": "DE" }, "time_zone": "Europe/Berlin" })).await;
    let body = json!({ "customer_id": customer, "due_days": 14, "note": "Thank you.", "lines": [
        { "description": "Setting up", "amount": "250" },
        { "description": "Training, hours", "quantity": "3", "unit_price": "120" },
        { "description": "Discount", "amount": "-10.005" },
    ] });
    let draft = api.post_keyed(INVOICES, "draft", &body).await;
    let invoice = draft.done(201);
    assert!(text(&invoice["id"]).starts_with("inv_"));
    for (member, expected) in [
        ("object", json!("invoice")),
        ("customer_id", json!(customer)),
        ("subscription_id", Value::Null),
        ("bill", Value::Null),
        ("status", json!("draft")),
        ("number", Value::Null),
        ("currency", json!("USD")),
        ("time_zone", json!("Europe/Berlin")),
        ("due_at", Value::Null),
        ("due_days", json!(14)),
        ("collection", json!("send")),
        ("note", json!("Thank you.")),
        ("attempts", json!(0)),
        ("payments", json!([])),
        ("credit_notes", json!([])),
        ("finalized_at", Value::Null),
    ] {
        assert_eq!(invoice[member], expected, "{member}");
    }
    let discount = &invoice["lines"][2];
    assert_eq!(
        (&discount["kind"], &discount["charges"], &discount["left"]),
        (&json!("custom"), &json!(null), &json!(null))
    );
    assert_amount(&discount["exact"], "-10.005");
    assert_amount(&discount["amount"], "-10.01");
    assert_amount(&invoice["lines"][1]["amount"], "360");
    assert_amount(&invoice["lines"][1]["unit_price"], "120");

    // More comes to it, and what was a mistake goes again.
    let more = json!({ "lines": [
        { "description": "A mistake", "amount": "1000" },
        { "description": "Books", "amount": "20.5", "tax_category": "books" },
    ] });
    let longer = api.post(&invoice_path(&invoice, "/lines"), &more).await.done(200);
    assert_eq!(amounts(&longer).len(), 5);
    let shorter = delete_line(api, &invoice, 3).await.done(200);
    assert_eq!(shorter["lines"][3]["description"], "Books");
    delete_line(api, &invoice, 4).await.problem(404, "line_not_found");

    // 599.99 at 19 % is 113.9981, and 20.50 at 7 % is 1.435.
    assert_amount(&shorter["subtotal"], "620.49");
    assert_amount(&shorter["tax"], "115.44");
    assert_amount(&shorter["total"], "735.93");
    assert_adds_up(&shorter);
    let again = api.post_keyed(INVOICES, "draft", &body).await;
    assert_eq!((again.done(201), again.is_replay()), (invoice.clone(), true), "as it was then");

    let path = invoice_path(&invoice, "/finalize");
    let finalized = api.post_keyed(&path, "final", &json!({})).await;
    let open = finalized.done(200);
    assert_eq!((&open["status"], &open["number"]), (&json!("open"), &json!("INV-000001")));
    assert_eq!((&open["due"], &open["total"]), (&json!("735.93"), &json!("735.93")));
    assert_eq!(open["lines"][3]["left"], open["lines"][3]["amount"]);
    let days = moment(&open["due_at"]) - moment(&open["date"]);
    assert_eq!((days.num_days(), &open["next_attempt_at"]), (14, &open["due_at"]));
    assert_eq!(asked(&invoice_now(api, &invoice).await), asked(&open));
    let again = api.post_keyed(&path, "final", &json!({})).await;
    assert_eq!((again.done(200), again.is_replay()), (open.clone(), true));

    // Nothing of it changes any more.
    let events = app.site.events_count(None).await;
    for answer in [
        act(api, &open, "finalize").await,
        act(api, &open, "discard").await,
        api.post(&invoice_path(&open, "/lines"), &more).await,
        delete_line(api, &open, 0).await,
    ] {
        assert_eq!(answer.problem(409, "wrong_status")["invoice_status"], "open");
    }
    assert_eq!(app.site.events_count(None).await, events);

    let at = Position::of(&open);
    let journal = |account: &'static str| balance(api, account, at);
    assert_eq!(journal("tax").await, decimal(&json!("115.44")));
    assert_eq!(journal("revenue").await, decimal(&json!("620.495")));
    assert_eq!(journal("rounding").await, decimal(&json!("-0.005")));
    assert_eq!(owed(api, &customer, at).await, decimal(&json!("735.93")));
    assert_books(&app).await;
}

#[tokio::test]
async fn numbers_have_no_gap_where_drafts_are_thrown_away() {
    let app = TestApp::up().await;
    let api = &app.api;
    let profile = json!({ "legal_name": "Zoll & Söhne", "invoice_prefix": "2026/A-" });
    api.put("/v1/organization/billing", &profile).await.done(200);
    let customer = debtor(api).await;
    let draft = json!({ "auto_finalize": null });
    let mut numbers = Vec::new();
    for round in 0..3 {
        let thrown_away = invoice_over(api, &customer, "5", draft.clone()).await;
        let gone = act(api, &thrown_away, "discard").await.done(200);
        assert_eq!((&gone["status"], &gone["number"]), (&json!("discarded"), &Value::Null), "round {round}");
        act(api, &thrown_away, "finalize").await.problem(409, "wrong_status");
        numbers.push(invoice_over(api, &customer, "7", json!({})).await["number"].clone());
    }
    assert_eq!(numbers, ["2026/A-000001", "2026/A-000002", "2026/A-000003"]);

    // Many at once.
    let bodies = (0..20).map(|_| invoice_over(api, &customer, "1", json!({})));
    let mut numbers: Vec<String> =
        futures::future::join_all(bodies).await.iter().map(|made| text(&made["number"]).to_owned()).collect();
    numbers.sort_unstable();
    let expected: Vec<String> = (4..24).map(|n| format!("2026/A-{n:06}")).collect();
    assert_eq!(numbers, expected);

    let at = position(api).await;
    let listed = api.list_at(&format!("{INVOICES}?limit=100&customer_id={customer}&status=open"), at).await;
    assert_eq!(listed.len(), 23);
    assert!(listed.iter().all(|row| row["object"] == "invoice" && row.get("lines").is_none()), "{listed:?}");
    assert_eq!(api.walk(&format!("{INVOICES}?limit=7&status=discarded"), "cursor").await.len(), 3);
    assert_eq!(api.walk(&format!("{INVOICES}?limit=7"), "cursor").await.len(), 26);
    let theirs = app.other_organization().await;
    assert_eq!(theirs.walk(INVOICES, "cursor").await, Vec::<Value>::new());
    assert_books(&app).await;
}

#[tokio::test]
async fn pending_usage_is_billed_once() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.0123").await;
    let customer = debtor(api).await;
    api.credits(&customer, json!({ "amount": "0.05" })).await;
    for quantity in ["10", "7"] {
        api.charge_metered(&customer, "calls", quantity).await.done(201);
    }
    api.charge(&customer, "0.5").await.done(201);
    assert_amount(&api.account(&customer).await["postpaid"], "0.6591");

    let body = json!({ "customer_id": customer, "include_pending_usage": true, "auto_finalize": true, "lines": [
        { "description": "Support", "amount": "10" },
    ] });
    let made = api.post_keyed(INVOICES, "usage", &body).await;
    let invoice = made.done(201);
    assert_eq!((&invoice["status"], &invoice["number"]), (&json!("open"), &json!("INV-000001")));
    let lines = invoice["lines"].as_array().unwrap();
    let usage: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "usage").collect();
    let calls = usage.iter().find(|line| line["meter"] == "calls").unwrap();
    for (member, expected) in [
        ("quantity", "17"),
        ("unit_price", "0.0123"),
        ("exact", "0.1591"),
        ("amount", "0.16"),
        ("paid_by_credits", "0.05"),
    ] {
        assert_amount(&calls[member], expected);
    }
    assert_eq!(calls["charges"], 2);
    let flat = usage.iter().find(|line| line["meter"].is_null()).unwrap();
    assert_eq!((&flat["charges"], usage.len()), (&json!(1), 2));
    assert_amount(&flat["amount"], "0.5");
    assert_amount(&invoice["total"], "10.66");
    let again = api.post_keyed(INVOICES, "usage", &body).await;
    assert_eq!((again.done(201), again.is_replay()), (invoice.clone(), true));

    // What was charged post-paid is owed, and leaves the account when the invoice is paid.
    let at = Position::of(&invoice);
    assert_eq!(owed(api, &customer, at).await, decimal(&json!("10.66")));
    assert_amount(&api.account(&customer).await["postpaid"], "0.6591");
    let paid = act(api, &invoice, "pay").await.done(200);
    assert_eq!((&paid["status"], &paid["due"]), (&json!("paid"), &json!("0")));
    settled_up(api, &customer).await;
    let at = position(api).await;
    for account in [format!("customer:{customer}:invoiced"), format!("customer:{customer}:receivable")] {
        assert!(balance(api, &account, at).await.is_zero(), "{account}");
    }

    // There is nothing left: one without lines stays a draft.
    let body = json!({ "customer_id": customer, "include_pending_usage": true, "auto_finalize": true });
    let empty = api.post(INVOICES, &body).await.done(201);
    assert_eq!((&empty["status"], &empty["lines"]), (&json!("draft"), &json!([])));
    act(api, &empty, "finalize").await.problem(422, "no_lines");

    // What is used from then on comes to the next; and a draft with usage cannot be lost.
    api.charge_metered(&customer, "calls", "100").await.done(201);
    let body = json!({ "customer_id": customer, "include_pending_usage": true });
    let draft = api.post(INVOICES, &body).await.done(201);
    assert_eq!((&draft["status"], &draft["lines"][0]["charges"]), (&json!("draft"), &json!(1)));
    act(api, &draft, "discard").await.problem(409, "usage_behind");
    assert_eq!(delete_line(api, &draft, 0).await.problem(409, "line_stays")["line"], 0);
    let other = api.post(INVOICES, &body).await.done(201);
    assert_eq!(other["lines"], json!([]), "it is on the other draft");
    act(api, &draft, "finalize").await.done(200);
    let stream = format!("account:{customer}");
    assert_eq!(events_of(&app.site, &stream, Some("turned")).await, 4);
    assert_books(&app).await;
}

#[tokio::test]
async fn money_by_hand_is_applied_at_once() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = debtor(api).await;
    let invoice = invoice_over(api, &customer, "100", json!({})).await;
    let path = invoice_path(&invoice, "/pay");
    let body = json!({ "amount": "30.5", "reference": "SEPA 4711", "received_at": "2026-01-02T03:04:05Z" });
    let first = api.post_keyed(&path, "a-part", &body).await;
    let part = first.done(200);
    assert_eq!((&part["status"], &part["paid"], &part["due"]), (&json!("open"), &json!("30.5"), &json!("69.5")));
    assert_eq!(part["payments"][0]["amount"], "30.5");
    let again = api.post_keyed(&path, "a-part", &body).await;
    assert_eq!((again.done(200), again.is_replay()), (part.clone(), true));
    api.post_keyed(&path, "a-part", &json!({ "amount": "31" })).await.problem(422, "idempotency_key_reused");

    let payment = api.get(&format!("/v1/payments/{}", text(&part["payments"][0]["payment_id"]))).await.done(200);
    for (member, expected) in [
        ("object", json!("payment")),
        ("status", json!("succeeded")),
        ("connector_id", Value::Null),
        ("invoice_id", invoice["id"].clone()),
        ("provider_id", json!("SEPA 4711")),
        ("received_at", json!("2026-01-02T03:04:05Z")),
        ("captured", json!("30.5")),
        ("refundable", json!("30.5")),
        ("is_asking", json!(false)),
    ] {
        assert_eq!(payment[member], expected, "{member}");
    }

    let problem = api.post(&path, &json!({ "amount": "69.51" })).await.problem(422, "more_than_due");
    assert_eq!((&problem["due"], &problem["currency"]), (&json!("69.5"), &json!("USD")));
    let later = json!({ "amount": "1", "received_at": "2099-01-01T00:00:00Z" });
    api.post(&path, &later).await.problem(422, "received_in_the_future");
    let rest = act(api, &invoice, "pay").await.done(200);
    assert_eq!(
        (&rest["status"], &rest["paid"], &rest["payments"].as_array().unwrap().len()),
        (&json!("paid"), &json!("100"), &2)
    );
    assert!(rest["paid_at"].is_string() && rest["next_attempt_at"].is_null(), "{rest}");
    act(api, &invoice, "pay").await.problem(409, "wrong_status");
    // The first answer again, although it is paid by now.
    assert_eq!(api.post_keyed(&path, "a-part", &body).await.done(200), part);
    let at = position(api).await;
    assert_eq!(balance(api, "bank", at).await, decimal(&json!("-100")));
    assert!(owed(api, &customer, at).await.is_zero());

    // Parts of one invoice at once: never more than is due.
    let invoice = invoice_over(api, &customer, "10", json!({})).await;
    let path = invoice_path(&invoice, "/pay");
    let body = json!({ "amount": "4" });
    let parts = futures::future::join_all((0..5).map(|_| api.post(&path, &body))).await;
    let taken = parts.iter().filter(|answer| answer.status == 200).count();
    assert!(taken >= 2, "{parts:?}");
    let now = invoice_now(api, &invoice).await;
    assert!((8..=10).map(Decimal::from).any(|paid| decimal(&now["paid"]) == paid), "{now}");
    assert_adds_up(&now);
    assert_books(&app).await;
}

#[tokio::test]
async fn an_invoice_is_voided_or_given_up() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.01").await;
    let customer = debtor(api).await;
    api.charge_metered(&customer, "calls", "250").await.done(201);
    let body = json!({ "include_pending_usage": true });
    let wrong = invoice_over(api, &customer, "40", body).await;
    assert_amount(&wrong["total"], "42.5");
    let void = act(api, &wrong, "void").await.done(200);
    assert_eq!((&void["status"], &void["due"]), (&json!("void"), &json!("0")));
    assert!(void["voided_at"].is_string(), "{void}");
    // What was used is not paid, and takes up no room any more.
    settled_up(api, &customer).await;
    let at = position(api).await;
    assert!(owed(api, &customer, at).await.is_zero() && balance(api, "revenue", at).await.is_zero());
    assert_eq!(act(api, &wrong, "void").await.done(200)["status"], "void");
    act(api, &wrong, "pay").await.problem(409, "wrong_status");

    let partly = invoice_over(api, &customer, "40", json!({})).await;
    api.post(&invoice_path(&partly, "/pay"), &json!({ "amount": "15" })).await.done(200);
    act(api, &partly, "void").await.problem(409, "partly_paid");
    let lost = act(api, &partly, "mark_uncollectible").await.done(200);
    assert_eq!((&lost["status"], &lost["paid"]), (&json!("uncollectible"), &json!("15")));
    let at = position(api).await;
    assert_eq!(balance(api, "bad_debt", at).await, decimal(&json!("-25")));
    act(api, &partly, "collect").await.problem(409, "wrong_status");
    // It comes all the same.
    let paid = act(api, &partly, "pay").await.done(200);
    assert_eq!((&paid["status"], &paid["paid"]), (&json!("paid"), &json!("40")));
    let at = position(api).await;
    assert!(balance(api, "bad_debt", at).await.is_zero() && owed(api, &customer, at).await.is_zero());
    assert_books(&app).await;
}

#[tokio::test]
async fn the_command_line_shows_invoices() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.01").await;
    let customer = debtor(api).await;
    api.charge_metered(&customer, "calls", "250").await.done(201);
    let invoice = invoice_over(api, &customer, "40", json!({ "include_pending_usage": true })).await;
    let id = text(&invoice["id"]);
    api.list_at(INVOICES, Position::of(&invoice)).await;

    let listed = app.tollbook(&["invoice", "list", "--status", "open"]).await.expect_code(0).stdout;
    assert!(listed.contains(id) && listed.contains("INV-000001") && listed.contains("42.5 USD"), "{listed}");
    let none = app.tollbook(&["invoice", "list", "--status", "void"]).await.expect_code(0).stdout;
    assert_eq!(none, "");
    let shown = app.tollbook(&["invoice", "show", id]).await.expect_code(0).stdout;
    assert!(
        shown.contains("Work (custom)") && shown.contains("calls (usage)") && shown.contains("42.5 USD"),
        "{shown}"
    );
    let explained = app.tollbook(&["invoice", "explain", id]).await.expect_code(0).stdout;
    assert!(explained.contains("1 charges of 250 calls") && explained.contains("found: 1 charges, 2.5"), "{explained}");

    app.tollbook(&["invoice", "pdf", id]).await.expect_code(0);
    let usual = std::fs::read(app.site.dir.join("INV-000001.pdf")).unwrap();
    let out = app.site.dir.join("eine Rechnung.pdf");
    app.tollbook(&["invoice", "pdf", id, "--out", out.to_str().unwrap(), "--language", "zh"]).await.expect_code(0);
    let chinese = std::fs::read(out).unwrap();
    assert!(usual.starts_with(b"%PDF-") && chinese.starts_with(b"%PDF-") && usual != chinese);

    let output = app.tollbook(&["invoice", "show", "inv_1"]).await.expect_failure();
    assert!(output.stderr.contains("invoice_not_found"), "{}", output.stderr);
}
