//! What a charge does to a customer's money: amounts, credits, allowances, limits, keys, batches.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::api::{list, text};
use crate::support::{Position, TestApp, assert_amount, caught_up, decimal, until};

#[tokio::test]
async fn credits_pay_for_amounts_quantities_and_usage() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("input", "0.000003").await;
    api.meter("output", "0.000015").await;
    let customer = api.funded("50").await;

    let flat = json!({
        "customer_id": customer, "amount": "1.50", "currency": "USD",
        "description": "set-up", "metadata": { "order": "17" },
    });
    let charge = api.post("/v1/charges", &flat).await.done(201);
    assert_eq!(charge["object"], "charge");
    assert!(text(&charge["id"]).starts_with("chg_"));
    assert_eq!(charge["customer_id"], customer);
    assert_eq!((&charge["currency"], &charge["description"]), (&json!("USD"), &json!("set-up")));
    assert_eq!(charge["metadata"], json!({ "order": "17" }));
    assert_amount(&charge["amount"], "1.5");
    assert_amount(&charge["paid"]["credits"], "1.5");
    assert_amount(&charge["paid"]["postpaid"], "0");
    assert_amount(&charge["account"]["credits"], "48.5");
    assert_amount(&charge["account"]["available"], "48.5");
    let lines = charge["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["meter"], &lines[0]["quantity"]), (&Value::Null, &Value::Null));

    // 4,808 tokens at 3 USD a million: exact below the smallest coin.
    let charge = api.charge_metered(&customer, "input", "4808").await.done(201);
    assert_amount(&charge["amount"], "0.014424");
    assert_eq!(charge["lines"][0]["meter"], "input");
    assert_amount(&charge["lines"][0]["quantity"], "4808");
    assert_amount(&charge["lines"][0]["unit_price"], "0.000003");

    let usage = json!([{ "meter": "input", "quantity": "1000" }, { "meter": "output", "quantity": "200.5" }]);
    let both = json!({ "customer_id": customer, "usage": usage });
    let charge = api.post("/v1/charges", &both).await.done(201);
    assert_amount(&charge["lines"][0]["amount"], "0.003");
    assert_amount(&charge["lines"][1]["amount"], "0.0030075");
    assert_amount(&charge["amount"], "0.0060075");
    assert_amount(&charge["account"]["credits"], "48.4795685");

    // A new price counts from the next charge on, and only then.
    assert_eq!(api.meter("input", "0.000004").await["version"], 2);
    let charge = api.charge_metered(&customer, "input", "1000").await.done(201);
    assert_amount(&charge["amount"], "0.004");
    assert_amount(&api.account(&customer).await["credits"], "48.4755685");
}

#[tokio::test]
async fn a_charge_past_the_credits_is_refused_and_changes_nothing() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("10").await;
    api.charge(&customer, "6").await.done(201);
    let events = app.site.events_count(None).await;

    let body = json!({ "customer_id": customer, "amount": "4.000000000001" });
    let problem = api.post_keyed("/v1/charges", "too-much", &body).await.problem(402, "insufficient_funds");
    assert_amount(&problem["remaining"], "4");
    assert!(problem["limit"].is_string(), "{problem}");
    assert_eq!(app.site.events_count(None).await, events);
    assert_amount(&api.account(&customer).await["credits"], "4");

    // To the last cent, and not one beyond it.
    api.charge(&customer, "4").await.done(201);
    api.charge(&customer, "0.000000000001").await.problem(402, "insufficient_funds");
    // A refusal leaves no trace: once there is money, the same key and body are a charge.
    api.credits(&customer, json!({ "amount": "5" })).await;
    let answer = api.post_keyed("/v1/charges", "too-much", &body).await;
    assert!(!answer.is_replay());
    assert_amount(&answer.done(201)["account"]["credits"], "0.999999999999");
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer_for_ever() {
    let mut app = TestApp::up().await;
    let customer = app.api.funded("10").await;
    // It spends the last cent, so that a second look at the account would say no.
    let body = json!({ "customer_id": customer, "amount": "10", "metadata": { "b": "2", "a": "1" } });
    let first = app.api.post_keyed("/v1/charges", "once", &body).await;
    first.done(201);
    assert!(!first.is_replay());

    for _ in 0..2 {
        let again = app.api.post_keyed("/v1/charges", "once", &body).await;
        assert_eq!((again.status, again.text()), (first.status, first.text()));
        assert!(again.is_replay());
        let other = json!({ "customer_id": customer, "amount": "9" });
        app.api.post_keyed("/v1/charges", "once", &other).await.problem(422, "idempotency_key_reused");
        // What happened since, and what the process remembers, must not show in the answer.
        app.api.credits(&customer, json!({ "amount": "100" })).await;
        app.restart().await;
    }
    // Another tenant's keys are its own.
    let other = app.other_organization().await;
    let theirs = other.funded("10").await;
    let body = json!({ "customer_id": theirs, "amount": "10" });
    let answer = other.post_keyed("/v1/charges", "once", &body).await;
    assert!(!answer.is_replay());
    answer.done(201);
    assert_eq!(app.site.events_count(Some("charged")).await, 2);
}

#[tokio::test]
async fn every_command_takes_a_key() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.customer().await;
    let commands = [
        ("/v1/customers".to_owned(), json!({ "external_id": "acme", "name": "Acme", "email": "a@example.com" })),
        (format!("/v1/customers/{customer}/credits"), json!({ "amount": "5", "priority": 7 })),
        ("/v1/api_keys".to_owned(), json!({ "name": "ci" })),
    ];
    for (i, (path, body)) in commands.iter().enumerate() {
        let first = api.post_keyed(path, &format!("command-{i}"), body).await;
        let again = api.post_keyed(path, &format!("command-{i}"), body).await;
        assert!(again.is_replay() && !first.is_replay(), "{path}");
        let (mut first, again) = (first.done(201), again.done(201));
        if path == "/v1/api_keys" {
            let secret = first["secret"].take();
            assert!(text(&secret).starts_with("tb_"), "shown once, and only once");
            api.with_key(text(&secret)).get("/v1/organization").await.done(200);
        }
        assert_eq!(first, again, "{path}");
    }
    assert_amount(&api.account(&customer).await["credits"], "5");
}

#[tokio::test]
async fn a_quota_that_blocks_is_never_passed() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    let customer = api.funded("100").await;
    let path = format!("/v1/customers/{customer}/quotas/calls");
    let quota = api.put(&path, &json!({ "limit": "10", "period": "total" })).await.done(200);
    assert_eq!((&quota["overage"], &quota["included"]), (&json!("block"), &json!(false)));

    assert_amount(&api.charge_metered(&customer, "calls", "7").await.done(201)["amount"], "1.75");
    let problem = api.charge_metered(&customer, "calls", "4").await.problem(402, "quota_exceeded");
    assert_amount(&problem["limit"], "10");
    assert_amount(&problem["remaining"], "3");
    assert_eq!(problem["resets_at"], Value::Null, "a total never starts anew");
    api.charge_metered(&customer, "calls", "3").await.done(201);
    let problem = api.charge_metered(&customer, "calls", "0.000001").await.problem(402, "quota_exceeded");
    assert_amount(&problem["remaining"], "0");
    assert_amount(&api.account(&customer).await["credits"], "97.5");

    // More of it lets more through; what was used still counts.
    let quota = api.put(&path, &json!({ "limit": "12", "period": "total" })).await.done(200);
    assert_amount(&quota["used"], "10");
    assert_amount(&quota["remaining"], "2");
    // Two lines of one charge share what is left.
    let lines = json!([{ "meter": "calls", "quantity": "1.5" }, { "meter": "calls", "quantity": "1" }]);
    let twice = json!({ "customer_id": customer, "usage": lines });
    api.post("/v1/charges", &twice).await.problem(402, "quota_exceeded");

    // A month begins anew on its first day.
    let other = api.funded("100").await;
    let path = format!("/v1/customers/{other}/quotas/calls");
    api.put(&path, &json!({ "limit": "1", "period": "month" })).await.done(200);
    let problem = api.charge_metered(&other, "calls", "2").await.problem(402, "quota_exceeded");
    let resets_at: chrono::DateTime<chrono::Utc> = text(&problem["resets_at"]).parse().unwrap();
    assert_eq!(resets_at.format("%d %T%.6f").to_string(), "01 00:00:00.000000");
}

#[tokio::test]
async fn an_allowance_is_free_and_what_lies_beyond_is_charged() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    // Without any credits: what the allowance covers needs none.
    let customer = api.customer().await;
    let path = format!("/v1/customers/{customer}/quotas/calls");
    let terms = json!({ "limit": "10", "period": "total", "included": true, "overage": "charge" });
    api.put(&path, &terms).await.done(200);

    let charge = api.charge_metered(&customer, "calls", "7").await.done(201);
    assert_amount(&charge["amount"], "0");
    assert_amount(&charge["lines"][0]["included_quantity"], "7");
    api.charge_metered(&customer, "calls", "5").await.problem(402, "insufficient_funds");
    api.credits(&customer, json!({ "amount": "1" })).await;
    let charge = api.charge_metered(&customer, "calls", "5").await.done(201);
    assert_amount(&charge["lines"][0]["included_quantity"], "3");
    assert_amount(&charge["amount"], "0.5");
    let charge = api.charge_metered(&customer, "calls", "1").await.done(201);
    assert_amount(&charge["lines"][0]["included_quantity"], "0");
    assert_amount(&charge["account"]["credits"], "0.25");
}

#[tokio::test]
async fn post_paid_begins_where_credits_end_and_stops_at_the_limit() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("2").await;
    let limit = format!("/v1/customers/{customer}/postpaid_limit");
    let answer = api.put(&limit, &json!({ "amount": "10" })).await.done(200);
    assert_amount(&answer["account"]["available"], "12");

    let charge = api.charge(&customer, "6").await.done(201);
    assert_amount(&charge["paid"]["credits"], "2");
    assert_amount(&charge["paid"]["postpaid"], "4");
    assert_amount(&charge["account"]["postpaid"], "4");
    let problem = api.charge(&customer, "6.01").await.problem(402, "insufficient_funds");
    assert_amount(&problem["remaining"], "6");
    api.charge(&customer, "6").await.done(201);
    api.charge(&customer, "0.01").await.problem(402, "insufficient_funds");

    // A lower limit than what is owed takes nothing back and lets nothing more through.
    api.put(&limit, &json!({ "amount": "3" })).await.done(200);
    let account = api.account(&customer).await;
    assert_amount(&account["postpaid"], "10");
    assert_amount(&account["postpaid_limit"], "3");
    api.charge(&customer, "0.01").await.problem(402, "insufficient_funds");
    // New credits pay for new charges only.
    api.credits(&customer, json!({ "amount": "1" })).await;
    assert_amount(&api.charge(&customer, "1").await.done(201)["paid"]["credits"], "1");
}

#[tokio::test]
async fn credits_are_spent_by_priority_then_by_expiry() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.customer().await;
    let plain = api.credits(&customer, json!({ "amount": "5" })).await;
    assert_eq!(plain["priority"], 100);
    let first = api.credits(&customer, json!({ "amount": "3", "priority": 10 })).await;
    let expiring =
        api.credits(&customer, json!({ "amount": "4", "priority": 100, "expires_at": "2099-01-01T00:00:00Z" })).await;
    assert_amount(&expiring["account"]["credits"], "12");

    let charge = api.charge(&customer, "9").await.done(201);
    let used: Vec<_> = charge["credits_used"].as_array().unwrap().iter().map(|used| &used["grant_id"]).collect();
    assert_eq!(used, [&first["id"], &expiring["id"], &plain["id"]]);
    let amounts: Vec<_> =
        charge["credits_used"].as_array().unwrap().iter().map(|used| decimal(&used["amount"])).collect();
    assert_eq!(amounts, [3.into(), 4.into(), 2.into()]);
    assert_amount(&charge["account"]["credits"], "3");
}

#[tokio::test]
async fn credits_that_run_out_leave_by_an_event() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.post("/v1/customers", &json!({})).await.done(201);
    let id = text(&customer["id"]);
    // By the server's clock: the only one that decides.
    let created_at: chrono::DateTime<chrono::Utc> = text(&customer["created_at"]).parse().unwrap();
    let expires_at = created_at + chrono::TimeDelta::seconds(2);
    let grant = api.credits(id, json!({ "amount": "5", "expires_at": expires_at.to_rfc3339() })).await;
    api.charge(id, "1").await.done(201);

    let path = format!("/v1/events?customer_id={id}&category=account&type=credit_expired");
    let event =
        until("the sweeper has expired the credits", async || list(&api.get(&path).await.done(200)).first().cloned())
            .await;
    assert_eq!(event["payload"]["grant_id"], grant["id"]);
    assert_amount(&event["payload"]["amount"], "4");
    assert_amount(&api.account(id).await["credits"], "0");
    api.charge(id, "1").await.problem(402, "insufficient_funds");

    let position = Position::of(&event);
    caught_up(api, position).await;
    let quotas = api.list_at(&format!("/v1/quotas?customer_id={id}"), position).await;
    for (figure, expected) in [("granted", "5"), ("remaining", "0"), ("expired", "4")] {
        assert_amount(&quotas[0]["credits"][figure], expected);
    }
    let breakage = api.list_at("/v1/balances?account=breakage", position).await;
    assert_amount(&breakage[0]["balance"], "4");
    // Once, however often the sweeper comes by.
    assert_eq!(app.site.events_count(Some("credit_expired")).await, 1);
}

#[tokio::test]
async fn charges_are_listed_newest_first_and_fetched() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    let (customer, other) = (api.funded("100").await, api.funded("100").await);
    let body = json!({ "customer_id": customer, "meter": "calls", "quantity": "3", "metadata": { "job": "7" } });
    let first = api.post("/v1/charges", &body).await.done(201);
    let second = api.charge(&customer, "2").await.done(201);
    let last = api.charge(&other, "2").await.done(201);

    let path = format!("/v1/charges?customer_id={customer}");
    let charges = api.list_at(&path, Position::of(&last)).await;
    let ids: Vec<_> = charges.iter().map(|charge| &charge["id"]).collect();
    assert_eq!(ids, [&second["id"], &first["id"]]);
    let fetched = api.get(&format!("/v1/charges/{}", text(&first["id"]))).await.done(200);
    for field in ["id", "customer_id", "amount", "currency", "lines", "metadata", "occurred_at", "event_id"] {
        assert_eq!(fetched[field], first[field], "{field}, fetched");
        assert_eq!(charges[1][field], first[field], "{field}, listed");
    }
}

/// The middle of the largest batch, and near its end.
const BAD: [(usize, u64, &str); 3] =
    [(500, 400, "invalid_amount"), (700, 404, "customer_not_found"), (800, 400, "unknown_field")];

#[tokio::test]
async fn each_item_of_a_batch_stands_for_itself() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("5000").await;
    let mut items: Vec<Value> = (0..1000).map(|_| json!({ "customer_id": customer, "amount": "1.5" })).collect();
    items[BAD[0].0]["amount"] = json!("-1.5");
    items[BAD[1].0]["customer_id"] = json!("cus_00000000000000000000000000");
    items[BAD[2].0]["colour"] = json!("red");
    items[2]["idempotency_key"] = json!("mine");
    items[3]["idempotency_key"] = json!("mine");
    items[4]["idempotency_key"] = json!("mine");
    items[4]["amount"] = json!("2");
    let body = json!({ "charges": items });

    let batch = api.post_keyed("/v1/charges/batch", "batch", &body).await.done(200);
    let results = list(&batch).to_vec();
    assert_eq!((results.len(), &batch["object"]), (1000, &json!("batch")));
    for (i, result) in results.iter().enumerate() {
        if let Some((_, status, code)) = BAD.iter().find(|(at, ..)| *at == i) {
            assert_eq!((&result["status"], &result["error"]["code"]), (&json!(status), &json!(code)), "item {i}");
        } else if i != 4 {
            assert_eq!(result["status"], 201, "item {i}: {result}");
            assert_amount(&result["charge"]["amount"], "1.5");
        }
    }
    // Items with one key: the first is a charge, its like is the same one, another is refused.
    assert_eq!(results[3]["charge"]["id"], results[2]["charge"]["id"]);
    assert_eq!((&results[4]["status"], &results[4]["error"]["code"]), (&json!(422), &json!("idempotency_key_reused")));
    let charges = 1000 - BAD.len() - 2;
    assert_eq!(app.site.events_count(Some("charged")).await, i64::try_from(charges).unwrap());
    let spent = Decimal::new(15, 1) * Decimal::from(charges);
    let left = decimal(&api.account(&customer).await["credits"]);
    assert_eq!(left, Decimal::from(5000) - spent);

    // Lost on the way and sent again: the same, and nothing is charged.
    let again = api.post_keyed("/v1/charges/batch", "batch", &body).await.done(200);
    for (i, (first, again)) in results.iter().zip(list(&again)).enumerate() {
        assert_eq!((&first["status"], &first["charge"]), (&again["status"], &again["charge"]), "item {i}");
    }
    assert_eq!(app.site.events_count(Some("charged")).await, i64::try_from(charges).unwrap());
}

#[tokio::test]
async fn a_batch_spends_what_is_there_and_no_more() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("5").await;
    let items = vec![json!({ "customer_id": customer, "amount": "1" }); 8];
    let batch = api.post("/v1/charges/batch", &json!({ "charges": items })).await.done(200);
    let statuses: Vec<_> = list(&batch).iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 402).count(), 3, "{statuses:?}");
    for refused in list(&batch).iter().filter(|result| result["status"] == 402) {
        assert_eq!(refused["error"]["code"], "insufficient_funds");
    }
    assert_amount(&api.account(&customer).await["credits"], "0");
}
