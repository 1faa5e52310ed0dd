//! Many commands about holds in one request: each stands for itself, and they are carried out in order.

use std::collections::HashSet;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::after::assert_whole;
use crate::support::api::{list, text};
use crate::support::holds::{BATCH, HOLDS, UNKNOWN, assert_hold, assert_money, capture, place, void};
use crate::support::{Api, Position, TestApp, assert_amount, decimal};

fn operations(items: &[Value]) -> Value {
    json!({ "operations": items })
}

#[tokio::test]
async fn operations_of_every_kind_in_their_order() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    let customer = api.funded("100").await;
    let mut holds = Vec::new();
    for _ in 0..3 {
        holds.push(place(api, &customer, "10").await);
    }
    let on = |at: usize, action: &str, more: Value| {
        let mut item = json!({ "action": action, "hold_id": holds[at]["id"] });
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    let batch = operations(&[
        on(0, "capture", json!({ "amount": "4", "final_capture": false })),
        on(0, "extend", json!({ "amount": "5", "ttl_secs": 3600 })),
        // As much as there is only after the one before.
        on(0, "capture", json!({ "amount": "11", "metadata": { "last": "yes" } })),
        on(0, "void", json!({})),
        json!({ "action": "place", "customer_id": customer, "amount": "20", "metadata": { "job": "7" } }),
        on(1, "void", json!({})),
        on(1, "capture", json!({})),
        on(1, "extend", json!({ "ttl_secs": 60 })),
        on(2, "capture", json!({ "meter": "calls", "quantity": "10" })),
        json!({ "action": "place", "customer_id": customer, "meter": "calls", "quantity": "4", "ttl_secs": 60 }),
    ]);
    let batch = api.post(BATCH, &batch).await.done(200);
    let results = list(&batch);
    assert_eq!(batch["object"], "batch");
    let statuses: Vec<u64> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 200, 201, 409, 201, 200, 409, 409, 201, 201], "{batch}");
    for at in [3, 6, 7] {
        assert_eq!(results[at]["error"]["code"], "hold_ended", "item {at}");
    }
    assert_hold(&results[0]["charge"]["hold"], "open", "6", "4");
    assert_hold(&results[1]["hold"], "open", "11", "4");
    assert_hold(&results[2]["charge"]["hold"], "captured", "0", "15");
    assert_eq!(results[2]["charge"]["metadata"], json!({ "last": "yes" }));
    assert_hold(&results[4]["hold"], "open", "20", "0");
    assert_eq!(results[4]["hold"]["metadata"], json!({ "job": "7" }));
    assert_hold(&results[5]["hold"], "voided", "0", "0");
    assert_amount(&results[8]["charge"]["amount"], "2.5");
    assert_hold(&results[9]["hold"], "open", "1", "0");

    // One after the other in the log as well.
    let made = [0, 1, 2, 4, 5, 8, 9].map(|at| {
        let made = if results[at]["hold"].is_null() { &results[at]["charge"] } else { &results[at]["hold"] };
        Position::of(made)
    });
    assert!(made.is_sorted_by(|a, b| a < b), "{made:?}");
    assert_eq!(Position::of(&batch), made[6]);
    // 4 and 11 of the first, 2.5 of the third.
    assert_money(&api.account(&customer).await, "61.5", "21", "61.5");
    let nothing = api.post(BATCH, &operations(&[on(0, "void", json!({}))])).await.done(200);
    assert_eq!((&nothing["position"], &list(&nothing)[0]["status"]), (&Value::Null, &json!(409)));
    assert_whole(&app.site, api, made[6]).await;
}

#[tokio::test]
async fn bad_items_stop_no_good_ones() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let customer = api.funded("100").await;
    let open = place(api, &customer, "5").await;
    let ended = place(api, &customer, "5").await;
    void(api, &ended).await.done(200);
    let foreign = place(&theirs, &theirs.funded("1").await, "1").await;
    let used = json!({ "customer_id": customer, "amount": "2" });
    api.post_keyed(HOLDS, "used", &used).await.done(201);

    let good = json!({ "action": "place", "customer_id": customer, "amount": "0.5" });
    let changed = |change: Value| {
        let mut item = good.clone();
        item.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        item
    };
    let (open, ended, foreign) = (&open["id"], &ended["id"], &foreign["id"]);
    let bad = [
        (json!(7), 400, "invalid_request"),
        (json!({ "customer_id": customer, "amount": "1" }), 400, "invalid_request"),
        (json!({ "action": "release", "hold_id": open }), 400, "invalid_request"),
        (changed(json!({ "hold_id": open })), 400, "unknown_field"),
        (changed(json!({ "colour": "red" })), 400, "unknown_field"),
        (changed(json!({ "ttl_secs": 0 })), 400, "invalid_request"),
        (changed(json!({ "amount": "-1" })), 400, "invalid_amount"),
        (changed(json!({ "amount": "1000000" })), 402, "insufficient_funds"),
        (changed(json!({ "customer_id": "cus_00000000000000000000000000" })), 404, "customer_not_found"),
        (changed(json!({ "idempotency_key": 7 })), 400, "invalid_idempotency_key"),
        (changed(json!({ "idempotency_key": "used" })), 422, "idempotency_key_reused"),
        (json!({ "action": "capture" }), 400, "missing_field"),
        (json!({ "action": "capture", "hold_id": "x" }), 404, "hold_not_found"),
        (json!({ "action": "void", "hold_id": UNKNOWN }), 404, "hold_not_found"),
        (json!({ "action": "extend", "hold_id": foreign, "ttl_secs": 60 }), 404, "hold_not_found"),
        (json!({ "action": "capture", "hold_id": foreign }), 404, "hold_not_found"),
        (json!({ "action": "capture", "hold_id": open, "amount": "5.01" }), 422, "capture_above_hold"),
        (json!({ "action": "capture", "hold_id": open, "voucher": {} }), 400, "unknown_field"),
        (json!({ "action": "extend", "hold_id": open }), 400, "missing_field"),
        (json!({ "action": "extend", "hold_id": open, "amount": "1000000" }), 402, "insufficient_funds"),
        (json!({ "action": "void", "hold_id": open, "amount": "1" }), 400, "unknown_field"),
        (json!({ "action": "void", "hold_id": ended }), 409, "hold_ended"),
        (json!({ "action": "capture", "hold_id": ended }), 409, "hold_ended"),
    ];
    let items: Vec<Value> = bad.iter().flat_map(|(item, ..)| [good.clone(), item.clone()]).collect();
    let body = operations(&items);
    let events = app.site.events_count(None).await;
    let first = api.post_keyed(BATCH, "batch", &body).await.done(200);
    for (n, pair) in list(&first).chunks(2).enumerate() {
        let (item, status, code) = &bad[n];
        assert_eq!((&pair[0]["status"], &pair[0]["hold"]["held"]), (&json!(201), &json!("0.5")), "before {item}");
        assert_eq!((&pair[1]["status"], &pair[1]["error"]["code"]), (&json!(status), &json!(code)), "{item}");
    }
    assert_eq!(list(&first).len(), items.len());
    let good_ones = i64::try_from(bad.len()).unwrap();
    assert_eq!(app.site.events_count(None).await, events + good_ones);

    // Sent again it is the same, and nothing is placed.
    let again = api.post_keyed(BATCH, "batch", &body).await.done(200);
    for (n, (first, again)) in list(&first).iter().zip(list(&again)).enumerate() {
        let outcome =
            |result: &Value| (result["status"].clone(), result["hold"].clone(), result["error"]["code"].clone());
        assert_eq!(outcome(first), outcome(again), "item {n}");
        assert!(again["hold"].is_null() || again["replayed"] == true, "item {n}: {again}");
    }
    assert_eq!(app.site.events_count(None).await, events + good_ones);
    // 5 and 2 were held before.
    let held = Decimal::from(7) + Decimal::from(good_ones) * Decimal::new(5, 1);
    assert_eq!(decimal(&api.account(&customer).await["held"]), held);
    capture(&theirs, &json!({ "id": foreign }), json!({})).await.done(201);
    assert_whole(&app.site, api, Position::of(&first)).await;
}

const ITEMS: usize = 1_000;
const CUSTOMERS: usize = 4;
/// Not one but a fraction: what is counted twice or lost shows in the sum.
const AMOUNT: &str = "1.000003";

/// Sends a batch twice: the second time nothing happens. Gives what came of each item.
async fn twice(app: &TestApp, items: &[Value]) -> (Value, Vec<Value>) {
    let first = app.api.post(BATCH, &operations(items)).await.done(200);
    let events = app.site.events_count(None).await;
    let again = app.api.post(BATCH, &operations(items)).await.done(200);
    assert_eq!(list(&first).len(), items.len());
    for (row, (first, again)) in list(&first).iter().zip(list(&again)).enumerate() {
        for member in ["status", "hold", "charge"] {
            assert_eq!(first[member], again[member], "item {row}");
        }
        assert_eq!((&first["replayed"], &again["replayed"]), (&json!(false), &json!(true)), "item {row}");
    }
    assert_eq!(app.site.events_count(None).await, events);
    let results = list(&first).to_vec();
    (first, results)
}

#[tokio::test]
async fn a_thousand_operations() {
    let app = TestApp::up().await;
    let api = &app.api;
    let mut customers = Vec::new();
    for _ in 0..CUSTOMERS {
        customers.push(api.funded("1000000").await);
    }
    let place = |row: usize| {
        json!({
            "action": "place", "customer_id": customers[row % CUSTOMERS], "amount": AMOUNT,
            "idempotency_key": format!("place-{row}"), "metadata": { "row": row.to_string() },
        })
    };
    let items: Vec<Value> = (0..ITEMS).map(place).collect();
    let (_, placed) = twice(&app, &items).await;
    for (row, result) in placed.iter().enumerate() {
        assert_eq!((&result["status"], &result["hold"]["metadata"]["row"]), (&json!(201), &json!(row.to_string())));
        assert_eq!(result["hold"]["customer_id"], customers[row % CUSTOMERS].as_str());
    }
    let ids: HashSet<&str> = placed.iter().map(|result| text(&result["hold"]["id"])).collect();
    assert_eq!(ids.len(), ITEMS);

    let end = |row: usize| {
        let mut item = match action(row) {
            0 => json!({ "action": "capture" }),
            1 => json!({ "action": "capture", "amount": "0.5", "final_capture": false }),
            2 => json!({ "action": "extend", "amount": "0.25" }),
            _ => json!({ "action": "void" }),
        };
        item["hold_id"] = placed[row]["hold"]["id"].clone();
        item["idempotency_key"] = json!(format!("end-{row}"));
        item
    };
    let items: Vec<Value> = (0..ITEMS).map(end).collect();
    let (batch, ended) = twice(&app, &items).await;
    for (row, result) in ended.iter().enumerate() {
        let (status, hold) = match action(row) {
            0 | 1 => (201, &result["charge"]["hold"]),
            _ => (200, &result["hold"]),
        };
        assert_eq!((&result["status"], &hold["id"]), (&json!(status), &placed[row]["hold"]["id"]), "item {row}");
    }
    assert_accounts(api, &customers).await;
    assert_whole(&app.site, api, Position::of(&batch)).await;
}

/// What becomes of the hold in this row: captured whole, captured in part, extended, voided.
fn action(row: usize) -> usize {
    row / CUSTOMERS % 4
}

async fn assert_accounts(api: &Api, customers: &[String]) {
    let (whole, part, more) = (Decimal::from_str_exact(AMOUNT).unwrap(), Decimal::new(5, 1), Decimal::new(25, 2));
    for (c, customer) in customers.iter().enumerate() {
        let (mut charged, mut held) = (Decimal::ZERO, Decimal::ZERO);
        for row in (c..ITEMS).step_by(CUSTOMERS) {
            let of_row = match action(row) {
                0 => (whole, Decimal::ZERO),
                1 => (part, whole - part),
                2 => (Decimal::ZERO, whole + more),
                _ => (Decimal::ZERO, Decimal::ZERO),
            };
            charged += of_row.0;
            held += of_row.1;
        }
        let account = api.account(customer).await;
        assert_eq!(decimal(&account["held"]), held, "customer {c}");
        assert_eq!(decimal(&account["credits"]), Decimal::from(1_000_000) - charged - held, "customer {c}");
    }
}
