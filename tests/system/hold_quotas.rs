//! What holds reserve of limits and allowances: nobody else can use it, a capture uses it, and what is not captured
//! is free again.

use serde_json::{Value, json};

use crate::support::after::assert_whole;
use crate::support::api::text;
use crate::support::holds::{HOLDS, assert_hold, assert_money, capture, expired, extend, hold_at, void};
use crate::support::{Answer, Api, Position, TestApp, assert_amount};

/// A customer with credits and a quota of ten calls at 0.25.
async fn with_quota(api: &Api, credits: &str, terms: Value) -> String {
    api.meter("calls", "0.25").await;
    let customer = if credits == "0" { api.customer().await } else { api.funded(credits).await };
    let mut quota = json!({ "limit": "10", "period": "total" });
    quota.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
    api.put(&format!("/v1/customers/{customer}/quotas/calls"), &quota).await.done(200);
    customer
}

async fn hold_calls(api: &Api, customer: &str, quantity: &str) -> Answer {
    let body = json!({ "customer_id": customer, "meter": "calls", "quantity": quantity });
    api.post(HOLDS, &body).await
}

fn calls(quantity: &str) -> Value {
    json!({ "meter": "calls", "quantity": quantity })
}

fn part(quantity: &str) -> Value {
    json!({ "meter": "calls", "quantity": quantity, "final_capture": false })
}

/// What the read model says of the quota: used, held and remaining.
async fn assert_quota(api: &Api, customer: &str, answer: &Value, expected: [&str; 3]) {
    let quotas = api.list_at(&format!("/v1/quotas?customer_id={customer}"), Position::of(answer)).await;
    let meter = &quotas[0]["meters"][0];
    for (figure, expected) in ["used", "held", "remaining"].into_iter().zip(expected) {
        assert_amount(&meter[figure], expected);
    }
}

#[tokio::test]
async fn a_limit_counts_what_is_held() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = with_quota(api, "100", json!({})).await;
    let hold = hold_calls(api, &customer, "6").await.done(201);
    assert_hold(&hold, "open", "1.5", "0");
    assert_quota(api, &customer, &hold, ["0", "6", "4"]).await;
    // There is the money, and not the room.
    let refused = [
        api.charge_metered(&customer, "calls", "5").await,
        hold_calls(api, &customer, "5").await,
        extend(api, &hold, calls("5")).await,
    ];
    for answer in &refused {
        let problem = answer.problem(402, "quota_exceeded");
        assert_amount(&problem["remaining"], "4");
        assert_amount(&problem["limit"], "10");
    }
    api.charge_metered(&customer, "calls", "1").await.done(201);
    assert_hold(&extend(api, &hold, calls("1")).await.done(200), "open", "1.75", "0");
    let charge = capture(api, &hold, part("3")).await.done(201);
    assert_amount(&charge["amount"], "0.75");
    assert_quota(api, &customer, &charge, ["4", "4", "2"]).await;
    let charge = capture(api, &hold, calls("2")).await.done(201);
    assert_amount(&charge["hold"]["returned"], "0.5");
    assert_quota(api, &customer, &charge, ["6", "0", "4"]).await;

    // What was not used is there for others, to the last call.
    api.charge_metered(&customer, "calls", "4.000001").await.problem(402, "quota_exceeded");
    let last = api.charge_metered(&customer, "calls", "4").await.done(201);
    assert_quota(api, &customer, &last, ["10", "0", "0"]).await;
    hold_calls(api, &customer, "0.000001").await.problem(402, "quota_exceeded");
    assert_money(&last["account"], "97.5", "0", "97.5");
    assert_whole(&app.site, api, Position::of(&last)).await;
}

#[tokio::test]
async fn a_void_and_an_expiry_give_the_limit_back() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = with_quota(api, "100", json!({})).await;
    let hold = hold_calls(api, &customer, "10").await.done(201);
    api.charge_metered(&customer, "calls", "1").await.problem(402, "quota_exceeded");
    let voided = void(api, &hold).await.done(200);
    assert_quota(api, &customer, &voided, ["0", "0", "10"]).await;

    let mut short = calls("8");
    short["customer_id"] = json!(customer);
    short["ttl_secs"] = json!(3);
    let hold = api.post(HOLDS, &short).await.done(201);
    capture(api, &hold, part("3")).await.done(201);
    expired(api, &hold).await;
    let last = api.charge_metered(&customer, "calls", "7").await.done(201);
    assert_quota(api, &customer, &last, ["10", "0", "0"]).await;
    assert_money(&last["account"], "97.5", "0", "97.5");
    assert_whole(&app.site, api, Position::of(&last)).await;
}

#[tokio::test]
async fn an_allowance_is_reserved_and_only_what_is_beyond_it_costs() {
    let app = TestApp::up().await;
    let api = &app.api;
    // Without any credits: what the allowance covers needs none.
    let customer = with_quota(api, "0", json!({ "included": true, "overage": "charge" })).await;
    let free = hold_calls(api, &customer, "8").await.done(201);
    assert_hold(&free, "open", "0", "0");
    assert_amount(&free["lines"][0]["included_quantity"], "8");
    hold_calls(api, &customer, "5").await.problem(402, "insufficient_funds");
    api.credits(&customer, json!({ "amount": "1" })).await;
    let beyond = hold_calls(api, &customer, "5").await.done(201);
    assert_hold(&beyond, "open", "0.75", "0");
    assert_amount(&beyond["lines"][0]["included_quantity"], "2");
    assert_quota(api, &customer, &beyond, ["0", "10", "0"]).await;
    // Nothing of the allowance is left for a charge.
    let charge = api.charge_metered(&customer, "calls", "1").await.done(201);
    assert_amount(&charge["lines"][0]["included_quantity"], "0");
    assert_money(&charge["account"], "0", "0.75", "0");

    let charge = capture(api, &beyond, calls("4")).await.done(201);
    assert_amount(&charge["lines"][0]["included_quantity"], "2");
    assert_amount(&charge["amount"], "0.5");
    assert_money(&charge["account"], "0.25", "0", "0.25");
    let charge = capture(api, &free, part("3")).await.done(201);
    assert_amount(&charge["amount"], "0");
    assert_amount(&charge["lines"][0]["included_quantity"], "3");
    assert_quota(api, &customer, &charge, ["8", "5", "0"]).await;
    // What the hold gives up is free for the next one. What was paid while it was reserved has taken nothing of the
    // allowance: 5 of 10 are left then.
    void(api, &free).await.done(200);
    let last = api.charge_metered(&customer, "calls", "3").await.done(201);
    assert_amount(&last["lines"][0]["included_quantity"], "3");
    assert_amount(&last["amount"], "0");
    assert_money(&last["account"], "0.25", "0", "0.25");
    assert_quota(api, &customer, &last, ["11", "0", "2"]).await;
    assert_whole(&app.site, api, Position::of(&last)).await;
}

#[tokio::test]
async fn what_was_used_of_a_quota_must_be_said() {
    let app = TestApp::up().await;
    let api = &app.api;
    for terms in [json!({}), json!({ "included": true, "overage": "charge" })] {
        let customer = with_quota(api, "10", terms).await;
        let hold = hold_calls(api, &customer, "6").await.done(201);
        for body in [json!({}), json!({ "final_capture": false })] {
            let problem = capture(api, &hold, body).await.problem(422, "capture_needs_usage");
            assert_eq!(problem["param"], "usage");
        }
        assert_hold(&hold_at(api, &hold, Position::of(&hold)).await, "open", text(&hold["held"]), "0");
        let charge = capture(api, &hold, calls("6")).await.done(201);
        assert_quota(api, &customer, &charge, ["6", "0", "4"]).await;
    }
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_quota_that_is_changed_keeps_what_is_held() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = with_quota(api, "100", json!({})).await;
    let hold = hold_calls(api, &customer, "6").await.done(201);
    let path = format!("/v1/customers/{customer}/quotas/calls");
    let quota = api.put(&path, &json!({ "limit": "7", "period": "total" })).await.done(200);
    assert_amount(&quota["remaining"], "1");
    api.charge_metered(&customer, "calls", "2").await.problem(402, "quota_exceeded");
    // Below what is held: that can be used all the same, and nothing else.
    let quota = api.put(&path, &json!({ "limit": "3", "period": "total" })).await.done(200);
    assert_amount(&quota["remaining"], "0");
    hold_calls(api, &customer, "1").await.problem(402, "quota_exceeded");
    let charge = capture(api, &hold, calls("6")).await.done(201);
    assert_amount(&charge["amount"], "1.5");
    assert_quota(api, &customer, &charge, ["6", "0", "0"]).await;
    assert_whole(&app.site, api, Position::of(&charge)).await;
}
