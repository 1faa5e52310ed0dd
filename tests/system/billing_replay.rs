//! Billing is what the log says: read models that are rebuilt from it have the same rows, and what is folded from it
//! anew gives the same documents, to the byte.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::api::text;
use crate::support::billing::{
    Clock, Subscriber, assert_orderly, assert_untroubled, customer, invoice_path, month, open_shop,
};
use crate::support::{Answer, Api, Site, TestApp};

/// Asks something of an invoice.
async fn ask(api: &Api, invoice: &Value, what: &str, body: Value, status: u16) -> Value {
    api.post(&invoice_path(invoice, what), &body).await.done(status)
}

/// Invoices that no subscription asks for: one with everything, one that is thrown away, one that is void.
async fn write_invoices(api: &Api, clock: &Clock) {
    let customer = customer(api, Some(&clock.id), 1).await;
    api.charge_metered(&customer, "calls", "7").await.done(201);
    // As many as make a snapshot of the account.
    let charges = vec![json!({ "customer_id": customer, "amount": "0.0011" }); 250];
    api.post("/v1/charges/batch", &json!({ "charges": charges })).await.done(200);

    let work = json!([
        { "description": "A mistake", "amount": "99" },
        { "description": "Set-up", "quantity": "3", "unit_price": "40.005" },
    ]);
    let body = json!({ "customer_id": customer, "lines": work, "include_pending_usage": true, "note": "Thank you" });
    let draft = api.post("/v1/invoices", &body).await.done(201);
    let discount = json!({ "lines": [{ "description": "Discount", "amount": "-12.5" }] });
    ask(api, &draft, "/lines", discount, 200).await;
    let mistake = api.request(Method::DELETE, &invoice_path(&draft, "/lines/0"));
    Answer::of(mistake).await.unwrap().done(200);
    let finalized = ask(api, &draft, "/finalize", json!({}), 200).await;
    assert_eq!((&finalized["status"], finalized["number"].is_string()), (&json!("open"), true), "{finalized}");
    ask(api, &draft, "/pay", json!({ "amount": "5" }), 200).await;

    let body = json!({ "customer_id": customer, "lines": [{ "description": "Work", "amount": "10" }] });
    let draft = api.post("/v1/invoices", &body).await.done(201);
    ask(api, &draft, "/discard", json!({}), 200).await;
    let mut body = body;
    body["auto_finalize"] = json!(true);
    let open = api.post("/v1/invoices", &body).await.done(201);
    ask(api, &open, "/void", json!({}), 200).await;
}

/// Credit notes on what was paid and on what was not, and all the ways in which an open invoice ends.
async fn end_invoices(api: &Api, clock: &Clock) {
    let invoices = clock.invoices(api).await;
    let paid = &invoices[0][0];
    assert_eq!(paid["status"], "paid");
    let part = |amount: &str, refund: bool| {
        let lines = json!([{ "index": 0, "amount": amount }]);
        json!({ "reason": "Too slow", "lines": lines, "refund": refund })
    };
    ask(api, paid, "/credit_notes", part("1.5", true), 201).await;
    ask(api, paid, "/credit_notes", part("2.25", false), 201).await;
    ask(api, &invoices[0][1], "/credit_notes", json!({ "reason": "Never used" }), 201).await;
    ask(api, &invoices[0][2], "/mark_uncollectible", json!({}), 200).await;

    ask(api, &invoices[3][1], "/void", json!({}), 200).await;
    ask(api, &invoices[3][2], "/mark_uncollectible", json!({}), 200).await;
    // It comes all the same.
    ask(api, &invoices[3][2], "/pay", json!({}), 200).await;
    // The rest of one, and all of others.
    clock.subscribers[6].pays(api, None).await;
}

/// Whatever can be asked of a subscription; and one whose payments fail until nobody tries any more.
async fn change_subscriptions(api: &Api, clock: &Clock) {
    for (nth, what, body) in [
        (0, "auto_renew", json!({ "auto_renew": false })),
        (2, "change", json!({ "plan_code": "monthly" })),
        (3, "cancel", json!({ "when": "now", "prorate": true })),
        (4, "change", json!({ "quantity": "9" })),
        (5, "pause", json!({})),
        (6, "cancel", json!({})),
        (6, "drop_cancel", json!({})),
        (8, "change", json!({ "plan_code": "monthly", "when": "period_end" })),
    ] {
        clock.subscribers[nth].ask(api, what, body).await;
    }
    let customer = customer(api, Some(&clock.id), 2).await;
    let billing = json!({ "collection": "automatic" });
    api.put(&format!("/v1/customers/{customer}/billing"), &billing).await.done(200);
    Subscriber::begin(api, customer, json!({ "plan_code": "monthly" })).await;
}

/// Four months with everything that can become of invoices and subscriptions; at rest in the end.
async fn live(api: &Api) -> Clock {
    open_shop(api).await;
    let clock = Clock::with(api, 9).await;
    clock.go(api, month(2)).await;
    write_invoices(api, &clock).await;
    end_invoices(api, &clock).await;
    change_subscriptions(api, &clock).await;
    clock.go(api, month(3)).await;
    clock.subscribers[5].ask(api, "resume", json!({})).await;
    clock.go(api, month(4)).await;

    let statuses = async |list: &str| -> BTreeSet<String> {
        let rows = api.walk(&format!("{list}?limit=100"), "cursor").await;
        rows.iter().map(|row| text(&row["status"]).to_owned()).collect()
    };
    let of_invoices = ["discarded", "open", "paid", "uncollectible", "void"].map(str::to_owned);
    assert_eq!(statuses("/v1/invoices").await, BTreeSet::from(of_invoices));
    let of_subscriptions = statuses("/v1/subscriptions").await;
    for status in ["active", "cancelled", "expired"] {
        assert!(of_subscriptions.contains(status), "{of_subscriptions:?}");
    }
    clock
}

/// Every row of every read model, by table.
async fn rows(site: &Site) -> BTreeMap<String, Vec<String>> {
    let pool = site.pool();
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select table_schema::text, table_name::text from information_schema.tables where table_schema ~ '_v[0-9]+$'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let mut rows = BTreeMap::new();
    for (schema, table) in tables {
        let statement = format!("select to_jsonb(t)::text from {schema}.{table} t order by 1");
        let found = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_all(&pool).await.unwrap();
        rows.insert(format!("{schema}.{table}"), found);
    }
    rows
}

/// What is shown of each thing that there is, to the byte; of invoices their files as well.
async fn documents(api: &Api) -> BTreeMap<String, Vec<u8>> {
    let mut paths = Vec::new();
    for invoice in api.walk("/v1/invoices?limit=100", "cursor").await {
        paths.extend(["", "/credit_notes"].map(|what| invoice_path(&invoice, what)));
        if invoice["number"].is_string() {
            paths.extend(["/pdf", "/csv"].map(|what| invoice_path(&invoice, what)));
        }
    }
    for (list, what) in
        [("/v1/credit_notes", "/pdf"), ("/v1/payments", ""), ("/v1/subscriptions", ""), ("/v1/customers", "")]
    {
        let rows = api.walk(&format!("{list}?limit=100"), "cursor").await;
        assert!(!rows.is_empty(), "{list}");
        paths.extend(rows.iter().map(|row| format!("{list}/{}{what}", text(&row["id"]))));
    }
    let read = stream::iter(paths).map(|path| async move {
        let answer = api.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(!path.ends_with("/pdf") || answer.body.starts_with(b"%PDF-"), "{path}");
        (path, answer.body)
    });
    read.buffered(4).collect().await
}

/// The same keys with the same values. The values are too long to be shown.
fn assert_same<T: PartialEq>(before: &BTreeMap<String, T>, now: &BTreeMap<String, T>) {
    assert!(before.keys().eq(now.keys()), "{:?} are now {:?}", before.keys(), now.keys());
    let differ: Vec<&String> = before.keys().filter(|key| before[*key] != now[*key]).collect();
    assert!(differ.is_empty(), "not the same any more: {differ:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuilt_and_folded_anew_everything_is_the_same() {
    let mut app = TestApp::up().await;
    let clock = live(&app.api).await;
    let last = assert_orderly(&app.site, &app.api).await;
    // The directory is a read model, too.
    app.api.list_at("/v1/customers", last).await;
    let (rows_before, documents_before) = (rows(&app.site).await, documents(&app.api).await);
    for table in
        ["plans", "subscriptions", "invoices", "credit_notes", "payments", "refunds", "test_clocks", "clock_customers"]
    {
        let table = format!("billing_v1.billing_{table}");
        assert!(rows_before.get(&table).is_some_and(|rows| !rows.is_empty()), "{table} is empty");
    }

    for _ in 0..2 {
        let replay = app.tollbook(&["replay"]).await.expect_code(0);
        assert!(replay.stdout.contains("billing: billing_invoices: "), "{}", replay.stdout);
        assert!(!replay.stdout.contains("DIFFERENT"), "{}", replay.stdout);
        assert_same(&rows_before, &rows(&app.site).await);
    }
    assert_same(&documents_before, &documents(&app.api).await);

    assert_untroubled(&app.log());
    app.kill();
    let pool = app.site.pool();
    let deleted = sqlx::query("delete from snapshots").execute(&pool).await.unwrap().rows_affected();
    assert!(deleted > 0, "there was nothing but the log");
    app.restart().await;
    assert_same(&documents_before, &documents(&app.api).await);

    // And it goes on from there.
    clock.go(&app.api, month(5)).await;
    assert!(documents(&app.api).await.len() > documents_before.len(), "nothing new in a month");
    assert_orderly(&app.site, &app.api).await;
    assert_untroubled(&app.log());
}
