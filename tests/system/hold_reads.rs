//! What is read back of holds: the same figures in every list, in the journal and in the log.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::after::{assert_balanced, assert_whole};
use crate::support::api::{list, text};
use crate::support::holds::{
    HOLDS, UNKNOWN, assert_hold, assert_money, capture, expired, extend, hold_at, place, place_for, time, void,
};
use crate::support::{Api, Position, TestApp, assert_amount, caught_up, decimal};

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| text(&row["id"])).collect()
}

/// What a customer's read model of quotas says, and its meter.
async fn quota(api: &Api, customer: &str, position: Position) -> (Value, Value) {
    let quotas = api.list_at(&format!("/v1/quotas?customer_id={customer}"), position).await;
    let meters = quotas[0]["meters"].as_array().unwrap();
    let calls = meters.iter().find(|meter| meter["meter"] == "calls").cloned();
    (quotas[0].clone(), calls.unwrap())
}

#[tokio::test]
async fn every_read_model_says_what_is_held() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    let customer = api.funded("5").await;
    let about = format!("/v1/customers/{customer}");
    api.put(&format!("{about}/postpaid_limit"), &json!({ "amount": "10" })).await.done(200);
    let allowance = json!({ "limit": "4", "period": "total", "included": true, "overage": "charge" });
    api.put(&format!("{about}/quotas/calls"), &allowance).await.done(200);

    // 4 calls are free, 2 cost 0.5; then all other credits and 3.5 of what may be owed.
    let usage = json!({ "customer_id": customer, "meter": "calls", "quantity": "6" });
    let metered = api.post(HOLDS, &usage).await.done(201);
    assert_hold(&metered, "open", "0.5", "0");
    let flat = place(api, &customer, "8").await;
    let held = Position::of(&flat);
    let (row, calls) = quota(api, &customer, held).await;
    for (figure, expected) in [("granted", "5"), ("remaining", "0"), ("held", "5"), ("expired", "0")] {
        assert_amount(&row["credits"][figure], expected);
    }
    for (figure, expected) in [("postpaid", "0"), ("postpaid_held", "3.5"), ("charged", "0")] {
        assert_amount(&row[figure], expected);
    }
    for (figure, expected) in [("used", "0"), ("held", "4"), ("remaining", "0"), ("used_total", "0")] {
        assert_amount(&calls[figure], expected);
    }
    assert_balanced(api).await;

    // 0.25 comes back from the one, and goes into the other; of that 4.75 are credits.
    let first = capture(api, &metered, json!({ "meter": "calls", "quantity": "5" })).await.done(201);
    assert_amount(&first["lines"][0]["included_quantity"], "4");
    let extended = extend(api, &flat, json!({ "amount": "1" })).await.done(200);
    let last = capture(api, &flat, json!({ "amount": "6", "final_capture": false })).await.done(201);
    assert_amount(&last["paid"]["credits"], "4.75");
    assert_amount(&last["paid"]["postpaid"], "1.25");
    let position = Position::of(&last);
    let (row, calls) = quota(api, &customer, position).await;
    for (figure, expected) in [("granted", "5"), ("remaining", "0"), ("held", "0"), ("expired", "0")] {
        assert_amount(&row["credits"][figure], expected);
    }
    for (figure, expected) in [("postpaid", "1.25"), ("postpaid_held", "3"), ("charged", "6.25")] {
        assert_amount(&row[figure], expected);
    }
    for (figure, expected) in [("used", "5"), ("held", "0"), ("remaining", "0"), ("used_total", "5")] {
        assert_amount(&calls[figure], expected);
    }
    statements(api, &customer, [&first, &last], &metered).await;

    let voided = void(api, &flat).await.done(200);
    let steps = [(&metered, "0.5"), (&flat, "5"), (&first, "4.5"), (&extended, "4.75"), (&last, "0"), (&voided, "0")];
    journal(api, &customer, &steps, &first).await;
    assert_whole(&app.site, api, Position::of(&voided)).await;
}

/// Captures stand in the statement of the month in which their holds were placed, and count as charges.
async fn statements(api: &Api, customer: &str, charges: [&Value; 2], hold: &Value) {
    let position = Position::of(charges[1]);
    let statements = api.list_at(&format!("/v1/statements?customer_id={customer}"), position).await;
    assert_eq!(statements.len(), 1, "{statements:?}");
    let statement = &statements[0];
    assert_eq!(statement["month"], time(&hold["placed_at"]).format("%Y-%m").to_string());
    assert_eq!(statement["charges"], 2);
    assert_amount(&statement["total"], "6.25");
    let lines = statement["lines"].as_array().unwrap();
    let line = |meter: Value| lines.iter().find(|line| line["meter"] == meter).unwrap();
    assert_amount(&line(json!("calls"))["quantity"], "5");
    assert_amount(&line(json!("calls"))["included_quantity"], "4");
    assert_amount(&line(json!("calls"))["amount"], "0.25");
    assert_amount(&line(Value::Null)["amount"], "6");
    assert_eq!(line(Value::Null)["last_position"], charges[1]["position"]);

    let risk = api.list_at(&format!("/v1/risk?customer_id={customer}"), position).await;
    assert_eq!((&risk[0]["charges"], &risk[0]["last_charge_at"]), (&json!(2), &charges[1]["occurred_at"]));
    assert_amount(&risk[0]["charged"], "6.25");
    assert_amount(&risk[0]["largest_charge"], "6");
}

/// What the journal has of it after each step, and what the first capture moved.
async fn journal(api: &Api, customer: &str, steps: &[(&Value, &str)], capture: &Value) {
    let account = |purse: &str| format!("customer:{customer}:{purse}");
    let end = Position::of(steps[steps.len() - 1].0);
    for (answer, expected) in steps {
        let path = format!("/v1/balances?limit=100&as_of={}", Position::of(answer));
        let balances = api.list_at(&path, end).await;
        let held = balances.iter().find(|row| row["account"] == account("held"));
        assert_amount(&held.unwrap()["balance"], expected);
        let sum: Decimal = balances.iter().map(|row| decimal(&row["balance"])).sum();
        assert!(sum.is_zero(), "{balances:?}");
    }
    let balances = api.list_at("/v1/balances?limit=100", end).await;
    for (name, expected) in [
        (account("credits"), "0"),
        (account("held"), "0"),
        (account("receivable"), "-1.25"),
        ("revenue".to_owned(), "6.25"),
        ("credits:granted".to_owned(), "-5"),
    ] {
        let row = balances.iter().find(|row| row["account"] == name.as_str());
        assert_amount(&row.unwrap_or_else(|| panic!("no {name}: {balances:?}"))["balance"], expected);
    }
    let postings = api.walk("/v1/postings?limit=100", "cursor").await;
    let moved = postings.iter().filter(|posting| posting["event_id"] == capture["event_id"]);
    let moved: Vec<_> = moved.map(|one| [&one["debit"], &one["credit"], &one["amount"]].map(text)).collect();
    let (held, credits) = (account("held"), account("credits"));
    assert_eq!(moved, [[held.as_str(), "revenue", "0.25"], [held.as_str(), credits.as_str(), "0.25"]]);
}

#[tokio::test]
async fn captures_are_charges_that_name_their_hold() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("50").await;
    let hold = place(api, &customer, "10").await;
    let plain = api.charge(&customer, "1").await.done(201);
    let first = capture(api, &hold, json!({ "amount": "4", "final_capture": false })).await.done(201);
    let other = api.charge(&customer, "2").await.done(201);
    let last = capture(api, &hold, json!({ "amount": "3" })).await.done(201);
    void(api, &place(api, &customer, "5").await).await.done(200);

    let listed = api.walk(&format!("/v1/charges?customer_id={customer}&limit=3"), "cursor").await;
    assert_eq!(listed, [last.clone(), other, first.clone(), plain.clone()]);
    assert_eq!(plain["hold"], Value::Null);
    for charge in [&first, &last, &plain] {
        assert_eq!(api.get(&format!("/v1/charges/{}", text(&charge["id"]))).await.done(200), *charge);
    }
    // An id of the one kind is none of the other.
    let as_charge = text(&hold["id"]).replace("hold_", "chg_");
    let as_hold = json!({ "id": text(&first["id"]).replace("chg_", "hold_") });
    caught_up(api, Position::of(&last)).await;
    api.get(&format!("/v1/charges/{as_charge}")).await.problem(404, "charge_not_found");
    api.get(&format!("/v1/charges/{as_charge}/explain")).await.problem(404, "charge_not_found");
    api.get(&format!("{HOLDS}/{}", text(&as_hold["id"]))).await.problem(404, "hold_not_found");
    capture(api, &as_hold, json!({})).await.problem(404, "hold_not_found");

    let explain = async |charge: &Value| {
        let path = format!("/v1/charges/{}/explain", text(&charge["id"]));
        api.get(&path).await.done(200)["steps"].as_array().unwrap().clone()
    };
    let steps = explain(&first).await;
    let kinds: Vec<&str> = steps.iter().map(|step| text(&step["step"])).collect();
    assert_eq!(kinds, ["request", "hold", "price", "credits", "charge", "postings"]);
    assert_eq!((&steps[1]["event_id"], &steps[1]["event_type"]), (&hold["event_id"], &json!("account.held")));
    assert_eq!((&steps[1]["position"], &steps[1]["data"]["hold"]["hold_id"]), (&hold["position"], &hold["id"]));
    assert_eq!((&steps[4]["event_id"], &steps[4]["event_type"]), (&first["event_id"], &json!("account.captured")));
    assert!(explain(&plain).await.iter().all(|step| step["step"] != "hold"));

    let events = api.walk(&format!("/v1/events?customer_id={customer}&category=account"), "after").await;
    let types: Vec<&str> = events.iter().map(|event| text(&event["type"])).collect();
    let expected = ["opened", "credited", "held", "charged", "captured", "charged", "captured", "held", "voided"];
    assert_eq!(types, expected);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn lists_have_what_is_open() {
    let app = TestApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let (customer, other) = (api.funded("50").await, api.funded("50").await);
    let mut holds = Vec::new();
    for n in 1..=5 {
        holds.push(place(api, &customer, &n.to_string()).await);
        holds.push(place(api, &other, &n.to_string()).await);
    }
    capture(api, &holds[8], json!({ "amount": "2", "final_capture": false })).await.done(201);
    extend(api, &holds[8], json!({ "amount": "0.5" })).await.done(200);
    capture(api, &holds[0], json!({})).await.done(201);
    let last = void(api, &holds[3]).await.done(200);
    let position = Position::of(&last);
    let foreign = place(&theirs, &theirs.funded("1").await, "1").await;

    let newest = |of: &[usize]| of.iter().map(|at| text(&holds[*at]["id"])).collect::<Vec<_>>();
    let all = api.list_at(HOLDS, position).await;
    assert_eq!(ids(&all), newest(&[9, 8, 7, 6, 5, 4, 2, 1]));
    for (query, expected) in [
        (format!("customer_id={customer}"), newest(&[8, 6, 4, 2])),
        (format!("customer_id={other}"), newest(&[9, 7, 5, 1])),
    ] {
        for limit in [1, 3, 100] {
            let walked = api.walk(&format!("{HOLDS}?{query}&limit={limit}"), "cursor").await;
            assert_eq!(ids(&walked), expected, "{query} by {limit}");
        }
    }
    let open = &all[1];
    assert_eq!((&open["object"], &open["customer_id"]), (&json!("hold"), &json!(customer)));
    assert_eq!((&open["session_key_id"], &open["currency"]), (&Value::Null, &json!("USD")));
    assert_hold(open, "open", "3.5", "2");
    assert_amount(&open["amount"], "5.5");
    for member in ["placed_at", "expires_at", "position"] {
        assert_eq!(open[member], holds[8][member], "{member}");
    }
    assert_eq!(hold_at(api, &holds[8], position).await, *open);
    assert_eq!(open["ended_at"], Value::Null);

    // Each sees its own.
    let theirs_now = theirs.list_at(HOLDS, Position::of(&foreign)).await;
    assert_eq!(ids(&theirs_now), [text(&foreign["id"])]);
    for unseen in [UNKNOWN, text(&foreign["id"])] {
        api.get(&format!("{HOLDS}/{unseen}")).await.problem(404, "hold_not_found");
    }
    let of_theirs = format!("{HOLDS}?customer_id={}", text(&foreign["customer_id"]));
    api.get(&of_theirs).await.problem(404, "customer_not_found");
    assert_eq!(list(&theirs.get(&of_theirs).await.done(200)).len(), 1);
}

#[tokio::test]
async fn a_replay_gives_the_same_tables() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    let customer = api.funded("50").await;
    let quota_path = format!("/v1/customers/{customer}/quotas/calls");
    api.put(&quota_path, &json!({ "limit": "10", "period": "total" })).await.done(200);
    let left = place_for(api, &customer, "1", 1).await;
    let usage = json!({ "customer_id": customer, "meter": "calls", "quantity": "8", "ttl_secs": 3600 });
    let open = api.post(HOLDS, &usage).await.done(201);
    let part = json!({ "meter": "calls", "quantity": "2", "final_capture": false });
    capture(api, &open, part).await.done(201);
    extend(api, &open, json!({ "amount": "3" })).await.done(200);
    capture(api, &place(api, &customer, "5").await, json!({ "amount": "2.000003" })).await.done(201);
    void(api, &place(api, &customer, "6").await).await.done(200);
    expired(api, &left).await;
    let last = api.charge(&customer, "0.5").await.done(201);
    let position = Position::of(&last);
    caught_up(api, position).await;
    let (before, before_quota) = (hold_at(api, &open, position).await, quota(api, &customer, position).await);

    let output = app.tollbook(&["replay"]).await.expect_code(0);
    assert!(output.stdout.contains("hold: holds: 4 rows live, 4 rebuilt: identical"), "{}", output.stdout);
    assert!(!output.stdout.contains("DIFFERENT"), "{}", output.stdout);
    app.tollbook(&["replay", "--only", "hold"]).await.expect_code(0);
    // What was built anew is read now, and goes on.
    assert_eq!(hold_at(api, &open, position).await, before);
    assert_eq!(quota(api, &customer, position).await, before_quota);
    assert_hold(&before, "open", "4.5", "0.5");
    let charge = capture(api, &open, json!({ "meter": "calls", "quantity": "6" })).await.done(201);
    assert_money(&charge["account"], "45.499997", "0", "45.499997");
    assert_hold(&hold_at(api, &open, Position::of(&charge)).await, "captured", "0", "2");
    assert_whole(&app.site, api, Position::of(&charge)).await;
}
