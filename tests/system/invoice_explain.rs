//! Why an invoice is what it is: from its total to its lines, to prices, to charges; and what the next one will be.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::api::{list, text};
use crate::support::billing::invoice_path;
use crate::support::holds::{HOLDS, capture};
use crate::support::invoices::{INVOICES, assert_adds_up, assert_books, debtor, invoice_over, position};
use crate::support::subscriptions::{METER, advance, basic, clock, customer_on, publish_basic, settled, subscribe};
use crate::support::{Api, Position, TestApp, assert_amount};

async fn explain(api: &Api, invoice: &Value, query: &str) -> Value {
    api.get(&invoice_path(invoice, &format!("/explain{query}"))).await.done(200)
}

/// The place of the line of usage of a meter.
fn usage_of(invoice: &Value, meter: &str) -> usize {
    let lines = invoice["lines"].as_array().unwrap();
    lines.iter().position(|line| line["kind"] == "usage" && line["meter"] == meter).unwrap()
}

fn ids(charges: &[Value], member: &str) -> Vec<String> {
    charges.iter().map(|charge| text(&charge[member]).to_owned()).collect()
}

/// The only invoice of a customer with this bill, once the read model knows of a position.
async fn invoice_of_bill(api: &Api, customer: &str, bill: u64, position: Position) -> Value {
    for listed in api.list_at(&format!("{INVOICES}?customer_id={customer}"), position).await {
        let invoice = api.get(&invoice_path(&listed, "")).await.done(200);
        if invoice["bill"] == bill {
            return invoice;
        }
    }
    panic!("no invoice of bill {bill}")
}

#[tokio::test]
async fn a_line_leads_to_its_charges_page_by_page() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.0123").await;
    api.meter("tokens", "0.5").await;
    let customer = debtor(api).await;
    api.credits(&customer, json!({ "amount": "0.2" })).await;
    let mut made = Vec::new();
    for nth in 1..=25 {
        // Others between them, of another meter and of none; and some that are of both meters.
        let usage = json!([{ "meter": "calls", "quantity": nth.to_string() }, { "meter": "tokens", "quantity": "1" }]);
        let body = match nth % 5 {
            0 => json!({ "customer_id": customer, "usage": usage }),
            _ => json!({ "customer_id": customer, "meter": "calls", "quantity": nth.to_string() }),
        };
        made.push(text(&api.post("/v1/charges", &body).await.done(201)["id"]).to_owned());
        api.charge_metered(&customer, "tokens", "2").await.done(201);
        api.charge(&customer, "0.001").await.done(201);
    }
    // A capture is a charge too.
    let body = json!({ "customer_id": customer, "meter": "calls", "quantity": "100" });
    let hold = api.post(HOLDS, &body).await.done(201);
    let captured = capture(api, &hold, json!({ "meter": "calls", "quantity": "75" })).await.done(201);
    made.push(text(&captured["id"]).to_owned());

    let invoice = invoice_over(api, &customer, "1", json!({ "include_pending_usage": true })).await;
    let all = explain(api, &invoice, "").await;
    assert_eq!((&all["object"], &all["charges"]), (&json!("invoice_explanation"), &Value::Null));
    assert_eq!((&all["number"], &all["stream_id"]), (&invoice["number"], &json!(format!("account:{customer}"))));
    assert_eq!((all["lines"].as_array().unwrap().len(), &all["sums"]["holds"]), (4, &json!(true)));
    for (member, of_invoice) in [("subtotal", "subtotal"), ("tax", "tax"), ("total", "total")] {
        assert_eq!(all["sums"][member], invoice[of_invoice], "{member}");
    }

    let index = usage_of(&invoice, "calls");
    // 1 + 2 + … + 25 and 75 calls.
    assert_amount(&invoice["lines"][index]["quantity"], "400");
    let first = explain(api, &invoice, &format!("?line={index}&limit=10")).await;
    assert_eq!(first["lines"].as_array().unwrap().len(), 1);
    let (line, proof) = (&first["lines"][0], &first["lines"][0]["proof"]);
    assert_eq!(
        (&line["line"]["index"], &line["charged"]["count"], &line["terms"]),
        (&json!(index), &json!(26), &json!(null))
    );
    assert_eq!((&proof["charges"], &proof["complete"], &proof["holds"]), (&json!(26), &json!(true), &json!(true)));
    for (member, expected) in [
        ("quantity", "400"),
        ("included_quantity", "0"),
        ("amount", "4.92"),
        ("paid_by_credits", "0.0123"),
        ("exact", "4.9077"),
    ] {
        assert_amount(&proof[member], expected);
    }
    let mut charges = list(&first["charges"]).to_vec();
    let mut page = first["charges"].clone();
    while page["has_more"] == true {
        let cursor = text(&page["next_cursor"]);
        let next = explain(api, &invoice, &format!("?line={index}&limit=10&cursor={cursor}")).await;
        assert_eq!(next["lines"][0]["proof"], Value::Null, "the first page has it");
        page = next["charges"].clone();
        charges.extend_from_slice(list(&page));
    }
    assert_eq!(ids(&charges, "charge_id"), made);
    assert_amount(&charges[4]["amount"], "0.0615");
    assert_amount(&charges[4]["charge_amount"], "0.5615");
    // Each is in the log where it is said to be, and goes on to its own explanation.
    for (charge, id) in charges.iter().zip(&made) {
        let shown = api.get(&format!("/v1/charges/{id}")).await.done(200);
        assert_eq!((&shown["id"], &shown["position"]), (&json!(id), &charge["position"]));
    }
    let explained = api.get(&format!("/v1/charges/{}/explain", made[0])).await.done(200);
    assert_eq!(explained["steps"][0]["step"], "request");

    let other = explain(api, &invoice, &format!("?line={}", usage_of(&invoice, "tokens"))).await;
    let proof = &other["lines"][0]["proof"];
    assert_eq!((&proof["charges"], &proof["holds"]), (&json!(30), &json!(true)));
    assert_amount(&proof["quantity"], "55");
    // A line that somebody wrote has none.
    let written = explain(api, &invoice, "?line=0").await;
    assert_eq!((&written["charges"], &written["lines"][0]["proof"]), (&Value::Null, &Value::Null));
    assert_books(&app).await;
}

#[tokio::test]
async fn a_subscriptions_invoice_leads_to_the_terms_of_its_plan() {
    let app = TestApp::up().await;
    let api = &app.api;
    publish_basic(api).await;
    let clock = clock(api, "2026-01-10T00:00:00Z").await;
    let customer = customer_on(api, &clock).await;
    let subscription = subscribe(api, &customer, "basic", json!({})).await;
    settled(api, &subscription).await;
    let mut made = Vec::new();
    for quantity in ["80", "50"] {
        made.push(text(&api.charge_metered(&customer, METER, quantity).await.done(201)["id"]).to_owned());
    }
    let ask = json!({ "subscription_id": subscription["id"] });
    let events = app.site.events_count(None).await;
    let preview = api.post("/v1/invoices/preview", &ask).await.done(200);
    assert_eq!((&preview["object"], &preview["customer_id"]), (&json!("invoice_preview"), &json!(customer)));
    let next = &preview["invoice"];
    assert_eq!(
        (&next["date"], &next["period"]["end"]),
        (&json!("2026-02-10T00:00:00Z"), &json!("2026-02-10T00:00:00Z"))
    );
    assert_amount(&next["total"], "99.3");
    assert_eq!(app.site.events_count(None).await, events, "a preview writes nothing");
    made.push(text(&api.charge_metered(&customer, METER, "20").await.done(201)["id"]).to_owned());
    let seen = api.post("/v1/invoices/preview", &ask).await.done(200)["invoice"].clone();
    assert_amount(&seen["total"], "99.5");

    advance(api, &clock, "2026-02-10T00:00:00Z").await;
    let invoice = invoice_of_bill(api, &customer, 2, position(api).await).await;
    assert_adds_up(&invoice);
    // It has come as it was foretold.
    for member in ["date", "due_days", "period", "subtotal", "tax", "total", "currency", "collection", "taxes"] {
        assert_eq!(invoice[member], seen[member], "{member}");
    }
    let line_of = |invoice: &Value, nth: usize| {
        let line = &invoice["lines"][nth];
        ["kind", "amount", "exact", "quantity", "included_quantity", "price", "period"]
            .map(|member| line[member].clone())
    };
    for nth in 0..2 {
        assert_eq!(line_of(&invoice, nth), line_of(&seen, nth));
    }

    let index = usage_of(&invoice, METER);
    let explained = explain(api, &invoice, &format!("?line={index}")).await;
    let line = &explained["lines"][0];
    assert_eq!((&line["terms"]["code"], &line["line"]["price"]["version"]), (&json!("calls"), &json!(1)));
    assert_amount(&line["terms"]["currencies"]["USD"]["unit_price"], "0.01");
    for (member, expected) in [("quantity", "150"), ("included_quantity", "100"), ("amount", "0.5"), ("exact", "0.5")] {
        assert_amount(&line["proof"][member], expected);
    }
    assert_eq!((&line["proof"]["charges"], &line["proof"]["holds"]), (&json!(3), &json!(true)));
    assert_eq!(ids(list(&explained["charges"]), "charge_id"), made);
    let kinds: BTreeSet<&str> = invoice["lines"].as_array().unwrap().iter().map(|line| text(&line["kind"])).collect();
    assert_eq!(kinds, BTreeSet::from(["fee", "usage"]));

    // A newer version of the plan changes nothing of what was billed.
    let mut dearer = basic();
    dearer["prices"][1]["currencies"]["USD"]["unit_price"] = json!("5");
    api.post("/v1/plans/basic/versions", &dearer).await.done(201);
    api.post("/v1/plans/basic/publish", &json!({})).await.done(200);
    assert_eq!(explain(api, &invoice, &format!("?line={index}")).await, explained);
    assert_books(&app).await;
}
