//! Invoices and credit notes as files: the same bytes each time, in two languages, named by their numbers.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::billing::invoice_path;
use crate::support::invoices::{INVOICES, bill_like, debtor, invoice_over, tax};
use crate::support::refused::{Bad, assert_refused};
use crate::support::{Answer, Api, TestApp};

async fn pdf(api: &Api, invoice: &Value, query: &str) -> Vec<u8> {
    let answer = api.get(&invoice_path(invoice, &format!("/pdf{query}"))).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/pdf")), "{}", answer.text());
    assert!(answer.body.starts_with(b"%PDF-") && answer.body.trim_ascii_end().ends_with(b"%%EOF"));
    answer.body
}

/// How a file is to be called.
fn name(answer: &Answer) -> &str {
    let header = answer.header("content-disposition").unwrap();
    header.strip_prefix("attachment; filename=\"").and_then(|rest| rest.strip_suffix('"')).unwrap()
}

/// An organization with a profile, a customer with a name, and an invoice that is a draft.
async fn draft(api: &Api) -> (String, Value) {
    tax(api, "VAT", "19", json!({})).await;
    let profile = json!({
        "legal_name": "Zoll & Söhne GmbH", "address": ["Am Tor 1", "10115 Berlin"], "email": "rechnung@example.com",
        "tax": { "country": "DE", "tax_id": "DE123456789" }, "footer": "HRB 4711",
    });
    api.put("/v1/organization/billing", &profile).await.done(200);
    let customer = debtor(api).await;
    let billing = json!({
        "legal_name": "北京示例科技有限公司", "address": ["Unter den Linden 5", "10117 Berlin"],
        "tax": { "country": "DE" }, "time_zone": "Europe/Berlin", "language": "zh",
    });
    bill_like(api, &customer, billing).await;
    let lines = json!([
        { "description": "Consulting", "quantity": "2", "unit_price": "120.5" },
        { "description": "=1+1, \"quoted\"", "amount": "-10.005" },
    ]);
    let body = json!({ "customer_id": customer, "lines": lines, "note": "谢谢 — thank you" });
    (customer, api.post(INVOICES, &body).await.done(201))
}

#[tokio::test]
async fn the_same_invoice_is_the_same_bytes() {
    let mut app = TestApp::up().await;
    let (customer, invoice) = draft(&app.api).await;
    let api = &app.api;
    let as_draft = pdf(api, &invoice, "").await;
    let answer = api.get(&invoice_path(&invoice, "/pdf")).await;
    assert_eq!(name(&answer), format!("{}.pdf", text(&invoice["id"])));
    let open = api.post(&invoice_path(&invoice, "/finalize"), &json!({})).await.done(200);
    let (chinese, english) = (pdf(api, &open, "").await, pdf(api, &open, "?language=en").await);
    assert!(as_draft != chinese && chinese != english);
    assert_eq!(pdf(api, &open, "?language=zh").await, chinese, "the customer's language");
    assert_eq!(name(&api.get(&invoice_path(&open, "/pdf")).await), "INV-000001.pdf");

    let csv = api.get(&invoice_path(&open, "/csv")).await;
    assert_eq!((csv.status, csv.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    assert_eq!(name(&csv), "INV-000001.csv");
    let expected = "document,line,description,detail,period_start,period_end,quantity,unit_price,tax,amount,currency\r\n\
                    INV-000001,1,Consulting,,,,2,120.5,19 %,241.00,USD\r\n\
                    INV-000001,2,\"'=1+1, \"\"quoted\"\"\",,,,,,19 %,-10.01,USD\r\n";
    assert_eq!(csv.text(), expected);

    // Tomorrow, by another process, with another tax table.
    tax(api, "Levy", "3", json!({})).await;
    app.restart().await;
    let api = &app.api;
    assert_eq!(pdf(api, &open, "").await, chinese);
    assert_eq!(pdf(api, &open, "?language=en").await, english);
    assert_eq!(api.get(&invoice_path(&open, "/csv")).await.text(), expected);
    // Another language than before, of the customer.
    bill_like(api, &customer, json!({ "legal_name": "北京示例科技有限公司", "language": "en" })).await;
    let moved = pdf(api, &open, "").await;
    assert!(moved != english && moved != chinese, "it has no address any more");

    let paid = api.post(&invoice_path(&open, "/pay"), &json!({})).await.done(200);
    assert_ne!(pdf(api, &paid, "").await, moved, "it says that it is paid");

    // Whose it is lies in the vault, and nowhere in the log.
    let pool = app.site.pool();
    let named: i64 = sqlx::query_scalar(
        "select count(*) from events where convert_from(payload, 'UTF8') like any (array['%示例%', '%Linden%'])",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(named, 0);
}

#[tokio::test]
async fn a_credit_note_is_a_file_too() {
    let app = TestApp::up().await;
    let api = &app.api;
    let (_, invoice) = draft(api).await;
    api.post(&invoice_path(&invoice, "/finalize"), &json!({})).await.done(200);
    let body = json!({ "lines": [{ "index": 0, "amount": "41" }], "reason": "Two hours less" });
    let note = api.post(&invoice_path(&invoice, "/credit_notes"), &body).await.done(201);
    let path = format!("/v1/credit_notes/{}/pdf", text(&note["id"]));
    let answer = api.get(&path).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/pdf")));
    assert_eq!(name(&answer), "CN-000001.pdf");
    assert!(answer.body.starts_with(b"%PDF-"));
    let english = api.get(&format!("{path}?language=en")).await;
    assert!(english.body != answer.body && english.body == api.get(&format!("{path}?language=en")).await.body);
    // The invoice says what was taken off it.
    let credited = pdf(api, &invoice, "").await;
    assert_ne!(credited, pdf(api, &invoice, "?language=en").await);

    let theirs = app.other_organization().await;
    theirs.get(&path).await.problem(404, "credit_note_not_found");
    let thrown_away = invoice_over(api, text(&invoice["customer_id"]), "1", json!({ "auto_finalize": null })).await;
    api.post(&invoice_path(&thrown_away, "/discard"), &json!({})).await.done(200);
    let nobodys = "/v1/credit_notes/cn_00000000000000000000000000/pdf";
    assert_refused(
        &app,
        &[
            Bad::get("thrown away", &invoice_path(&thrown_away, "/pdf"), 409, "wrong_status"),
            Bad::get("thrown away", &invoice_path(&thrown_away, "/csv"), 409, "wrong_status"),
            Bad::get("no language", &invoice_path(&invoice, "/pdf?language=de"), 400, "invalid_request"),
            Bad::get("no parameter", &invoice_path(&invoice, "/pdf?lang=en"), 400, "unknown_field"),
            Bad::get("unknown", nobodys, 404, "credit_note_not_found"),
            Bad::get("an invoice's id", &path.replace("cn_", "inv_"), 404, "credit_note_not_found"),
            Bad::get("no id", "/v1/credit_notes/cn_1/pdf", 404, "credit_note_not_found"),
        ],
    )
    .await;
    // An event that is none: the draft of an invoice has an id of its own.
    let page = api.get("/v1/events?category=invoice&limit=1").await.done(200);
    let event = text(&page["data"][0]["event_id"]).replace("evt_", "cn_");
    api.get(&format!("/v1/credit_notes/{event}/pdf")).await.problem(404, "credit_note_not_found");
}

#[tokio::test]
async fn a_long_invoice_is_written_whole() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = debtor(api).await;
    let line = |nth: usize| json!({ "description": format!("Line {nth} {}", "超".repeat(20)), "amount": "0.01" });
    let lines: Vec<Value> = (0..1_000).map(line).collect();
    let invoice = invoice_over(api, &customer, "1", json!({ "lines": lines })).await;
    assert_eq!(invoice["total"], "10");
    assert!(pdf(api, &invoice, "").await == pdf(api, &invoice, "").await);
    let csv = api.get(&invoice_path(&invoice, "/csv")).await.text();
    assert_eq!(csv.lines().count(), 1_001);
    let more = json!({ "lines": [{ "description": "One more", "amount": "1" }] });
    api.post(&invoice_path(&invoice, "/lines"), &more).await.problem(409, "wrong_status");
}
