//! What a hold does to a customer's money: reserved when it is placed, charged when it is captured, else given back.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::after::assert_whole;
use crate::support::api::text;
use crate::support::holds::{
    HOLDS, assert_ended, assert_hold, assert_money, capture, extend, hold_at, path, place, time, void,
};
use crate::support::{Answer, Position, TestApp, assert_amount};

#[tokio::test]
async fn a_hold_reserves_and_its_capture_charges() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("50").await;
    let body = json!({
        "customer_id": customer, "amount": "20", "currency": "USD", "ttl_secs": 900,
        "description": "an answer of any length", "metadata": { "job": "7" },
    });
    let hold = api.post(HOLDS, &body).await.done(201);
    assert_eq!(hold["object"], "hold");
    assert!(text(&hold["id"]).starts_with("hold_"));
    assert_eq!((&hold["customer_id"], &hold["currency"]), (&json!(customer), &json!("USD")));
    assert_eq!((&hold["session_key_id"], &hold["session"]), (&Value::Null, &Value::Null));
    assert_eq!((&hold["description"], &hold["metadata"]), (&body["description"], &body["metadata"]));
    assert_hold(&hold, "open", "20", "0");
    assert_eq!(time(&hold["expires_at"]) - time(&hold["placed_at"]), TimeDelta::seconds(900));
    assert_money(&hold["account"], "30", "20", "30");
    assert_money(&api.account(&customer).await, "30", "20", "30");

    // What is held is there for nothing else.
    let problem = api.charge(&customer, "30.000000000001").await.problem(402, "insufficient_funds");
    assert_amount(&problem["remaining"], "30");
    let more = json!({ "customer_id": customer, "amount": "30.01" });
    let problem = api.post(HOLDS, &more).await.problem(402, "insufficient_funds");
    assert_amount(&problem["remaining"], "30");
    assert_money(&api.charge(&customer, "30").await.done(201)["account"], "0", "20", "0");

    let words = json!({ "description": "an answer", "metadata": { "tokens": "12" } });
    let charge = capture(api, &hold, words.clone()).await.done(201);
    assert_eq!((&charge["object"], &charge["customer_id"]), (&json!("charge"), &json!(customer)));
    assert!(text(&charge["id"]).starts_with("chg_"));
    // Its words are its own.
    assert_eq!((&charge["description"], &charge["metadata"]), (&words["description"], &words["metadata"]));
    assert_amount(&charge["amount"], "20");
    assert_amount(&charge["paid"]["credits"], "20");
    assert_amount(&charge["paid"]["postpaid"], "0");
    let lines = charge["lines"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[0]["meter"]), (1, &Value::Null));
    assert_eq!(charge["hold"]["id"], hold["id"]);
    assert_hold(&charge["hold"], "captured", "0", "20");
    assert_amount(&charge["hold"]["returned"], "0");
    assert_money(&charge["account"], "0", "0", "0");
    assert_ended(api, &hold).await;
    assert_money(&api.account(&customer).await, "0", "0", "0");
    let ended = hold_at(api, &hold, Position::of(&charge)).await;
    assert_hold(&ended, "captured", "0", "20");
    assert_eq!(ended["ended_at"], charge["occurred_at"]);
    assert_whole(&app.site, api, Position::of(&charge)).await;
}

#[tokio::test]
async fn a_capture_of_a_part_gives_the_rest_back_to_where_it_came_from() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.customer().await;
    let plain = api.credits(&customer, json!({ "amount": "5" })).await;
    let first = api.credits(&customer, json!({ "amount": "3", "priority": 10 })).await;
    let limit = format!("/v1/customers/{customer}/postpaid_limit");
    api.put(&limit, &json!({ "amount": "10" })).await.done(200);

    // 8 of credits, 4 of what may be owed.
    let hold = place(api, &customer, "12").await;
    assert_eq!(time(&hold["expires_at"]) - time(&hold["placed_at"]), TimeDelta::seconds(600));
    assert_money(&hold["account"], "0", "12", "6");
    assert_amount(&hold["account"]["postpaid"], "0");
    let charge = capture(api, &hold, json!({ "amount": "6.5" })).await.done(201);
    let used = charge["credits_used"].as_array().unwrap();
    assert_eq!(used.iter().map(|one| &one["grant_id"]).collect::<Vec<_>>(), [&first["id"], &plain["id"]]);
    assert_amount(&used[0]["amount"], "3");
    assert_amount(&used[1]["amount"], "3.5");
    assert_amount(&charge["paid"]["postpaid"], "0");
    assert_amount(&charge["hold"]["returned"], "5.5");
    assert_money(&charge["account"], "1.5", "0", "11.5");

    let hold = place(api, &customer, "11.5").await;
    assert_money(&hold["account"], "0", "11.5", "0");
    let problem = api.charge(&customer, "0.01").await.problem(402, "insufficient_funds");
    assert_amount(&problem["remaining"], "0");
    let charge = capture(api, &hold, json!({ "amount": "11" })).await.done(201);
    assert_amount(&charge["paid"]["credits"], "1.5");
    assert_amount(&charge["paid"]["postpaid"], "9.5");
    assert_money(&charge["account"], "0", "0", "0.5");
    assert_amount(&charge["account"]["postpaid"], "9.5");
    assert_whole(&app.site, api, Position::of(&charge)).await;
}

#[tokio::test]
async fn parts_are_captured_until_the_hold_ends() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("20").await;
    let hold = place(api, &customer, "10").await;
    let part = |amount: &str| json!({ "amount": amount, "final_capture": false });

    let charge = capture(api, &hold, part("4")).await.done(201);
    assert_hold(&charge["hold"], "open", "6", "4");
    assert_amount(&charge["hold"]["returned"], "0");
    assert_money(&charge["account"], "10", "6", "10");
    for is_final in [false, true] {
        let above = json!({ "amount": "6.000000000001", "final_capture": is_final });
        let problem = capture(api, &hold, above).await.problem(422, "capture_above_hold");
        assert_amount(&problem["requested"], "6.000000000001");
        assert_amount(&problem["held"], "6");
    }
    // With nothing left it still stands, and may be given more.
    let charge = capture(api, &hold, part("6")).await.done(201);
    assert_hold(&charge["hold"], "open", "0", "10");
    capture(api, &hold, part("0.01")).await.problem(422, "capture_above_hold");
    let extended = extend(api, &hold, json!({ "amount": "5" })).await.done(200);
    assert_hold(&extended, "open", "5", "10");
    assert_money(&extended["account"], "5", "5", "5");
    let charge = capture(api, &hold, part("2")).await.done(201);
    assert_hold(&charge["hold"], "open", "3", "12");
    let voided = void(api, &hold).await.done(200);
    assert_hold(&voided, "voided", "0", "12");
    assert_money(&voided["account"], "8", "0", "8");
    assert_ended(api, &hold).await;

    // Or until one is the last.
    let hold = place(api, &customer, "8").await;
    capture(api, &hold, part("1.5")).await.done(201);
    let last = capture(api, &hold, json!({ "amount": "2", "final_capture": true })).await.done(201);
    assert_hold(&last["hold"], "captured", "0", "3.5");
    assert_amount(&last["hold"]["returned"], "4.5");
    assert_money(&last["account"], "4.5", "0", "4.5");
    // All that is left of one, without an amount.
    let hold = place(api, &customer, "4.5").await;
    capture(api, &hold, part("1")).await.done(201);
    let last = capture(api, &hold, json!({})).await.done(201);
    assert_amount(&last["amount"], "3.5");
    assert_money(&last["account"], "0", "0", "0");
    assert_eq!(app.site.events_count(Some("captured")).await, 7);
    assert_whole(&app.site, api, Position::of(&last)).await;
}

#[tokio::test]
async fn what_it_came_to_is_said_in_amounts_or_in_meters() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("input", "0.000003").await;
    api.meter("output", "0.000015").await;
    let customer = api.funded("50").await;
    let one = |meter: &str, quantity: &str| json!({ "meter": meter, "quantity": quantity });
    let usage = |input: &str, output: &str| json!([one("input", input), one("output", output)]);
    let most = json!({ "customer_id": customer, "usage": usage("1000000", "100000") });
    let hold = api.post(HOLDS, &most).await.done(201);
    assert_hold(&hold, "open", "4.5", "0");
    assert_eq!((&hold["lines"][0]["meter"], &hold["lines"][1]["meter"]), (&json!("input"), &json!("output")));
    assert_amount(&hold["lines"][0]["quantity"], "1000000");
    assert_amount(&hold["lines"][1]["unit_price"], "0.000015");
    assert_amount(&hold["lines"][1]["amount"], "1.5");

    let part = json!({ "meter": "input", "quantity": "4808", "final_capture": false });
    let charge = capture(api, &hold, part).await.done(201);
    assert_amount(&charge["amount"], "0.014424");
    assert_amount(&charge["lines"][0]["quantity"], "4808");
    let charge = capture(api, &hold, json!({ "usage": usage("1000", "200.5") })).await.done(201);
    assert_amount(&charge["amount"], "0.0060075");
    assert_amount(&charge["lines"][1]["amount"], "0.0030075");
    assert_amount(&charge["hold"]["returned"], "4.4795685");
    assert_money(&charge["account"], "49.9795685", "0", "49.9795685");

    // Held in the one, captured in the other.
    let metered = json!({ "customer_id": customer, "meter": "output", "quantity": "100000" });
    let hold = api.post(HOLDS, &metered).await.done(201);
    let charge = capture(api, &hold, json!({ "amount": "1" })).await.done(201);
    assert_eq!(charge["lines"][0]["meter"], Value::Null);
    assert_amount(&charge["hold"]["returned"], "0.5");
    let hold = place(api, &customer, "1.5").await;
    capture(api, &hold, json!({ "meter": "output", "quantity": "100001" })).await.problem(422, "capture_above_hold");
    let charge = capture(api, &hold, json!({ "meter": "output", "quantity": "40000" })).await.done(201);
    assert_amount(&charge["amount"], "0.6");
    assert_eq!(charge["lines"][0]["meter"], "output");
    assert_money(&charge["account"], "48.3795685", "0", "48.3795685");
    // What was held for meters without a quota can be captured as it is.
    let hold = api.post(HOLDS, &metered).await.done(201);
    assert_amount(&capture(api, &hold, json!({})).await.done(201)["amount"], "1.5");
    assert_whole(&app.site, api, Position::of(&charge)).await;
}

#[tokio::test]
async fn an_extension_reserves_more_or_for_longer() {
    let app = TestApp::up().await;
    let api = &app.api;
    api.meter("calls", "0.25").await;
    let customer = api.funded("21").await;
    let hold = place(api, &customer, "5").await;

    let more = extend(api, &hold, json!({ "amount": "3" })).await.done(200);
    assert_eq!((&more["id"], &more["placed_at"]), (&hold["id"], &hold["placed_at"]));
    assert_eq!(more["expires_at"], hold["expires_at"]);
    assert_hold(&more, "open", "8", "0");
    assert_amount(&more["lines"][0]["amount"], "3");
    assert_money(&more["account"], "13", "8", "13");
    let longer = extend(api, &hold, json!({ "ttl_secs": 3600 })).await.done(200);
    assert_eq!(time(&longer["expires_at"]) - time(&longer["occurred_at"]), TimeDelta::seconds(3600));
    assert_hold(&longer, "open", "8", "0");
    assert_eq!((&longer["placed_at"], &longer["lines"]), (&hold["placed_at"], &json!([])));
    // Nearer as well as farther, and both at once.
    let both = extend(api, &hold, json!({ "amount": "2", "ttl_secs": 1800 })).await.done(200);
    assert_eq!(time(&both["expires_at"]) - time(&both["occurred_at"]), TimeDelta::seconds(1800));
    assert_money(&both["account"], "11", "10", "11");
    let metered = extend(api, &hold, json!({ "meter": "calls", "quantity": "4" })).await.done(200);
    assert_hold(&metered, "open", "11", "0");
    assert_eq!(metered["lines"][0]["meter"], "calls");

    // It is checked anew, and what is refused changes nothing.
    let refused = extend(api, &hold, json!({ "amount": "10.01", "ttl_secs": 60 })).await;
    assert_amount(&refused.problem(402, "insufficient_funds")["remaining"], "10");
    let now = hold_at(api, &hold, Position::of(&metered)).await;
    assert_hold(&now, "open", "11", "0");
    assert_eq!((&now["amount"], &now["expires_at"]), (&json!("11"), &both["expires_at"]));
    let all = extend(api, &hold, json!({ "amount": "10" })).await.done(200);
    assert_money(&all["account"], "0", "21", "0");
    let charge = capture(api, &hold, json!({})).await.done(201);
    assert_amount(&charge["amount"], "21");
    assert_whole(&app.site, api, Position::of(&charge)).await;
}

#[tokio::test]
async fn a_void_gives_everything_back() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("10").await;
    let (hold, other) = (place(api, &customer, "4").await, place(api, &customer, "3").await);
    // There is nothing to say.
    let voided = Answer::of(api.request(Method::POST, &path(&hold, "void"))).await.unwrap().done(200);
    assert_eq!((&voided["object"], &voided["id"], &voided["lines"]), (&json!("hold"), &hold["id"], &json!([])));
    assert_hold(&voided, "voided", "0", "0");
    assert_money(&voided["account"], "7", "3", "7");
    assert_ended(api, &hold).await;
    let ended = hold_at(api, &hold, Position::of(&voided)).await;
    assert_hold(&ended, "voided", "0", "0");
    assert_eq!((&ended["amount"], &ended["ended_at"]), (&json!("4"), &voided["occurred_at"]));

    api.charge(&customer, "7").await.done(201);
    // A capture without a body is one of all that is held.
    let charge = Answer::of(api.request(Method::POST, &path(&other, "capture"))).await.unwrap().done(201);
    assert_amount(&charge["amount"], "3");
    assert_eq!(app.site.events_count(Some("charged")).await, 1);
    assert_whole(&app.site, api, Position::of(&charge)).await;
}

#[tokio::test]
async fn what_was_held_can_be_captured_under_a_lower_limit() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.customer().await;
    let limit = format!("/v1/customers/{customer}/postpaid_limit");
    api.put(&limit, &json!({ "amount": "10" })).await.done(200);
    let hold = place(api, &customer, "9").await;
    assert_money(&hold["account"], "0", "9", "1");
    let lower = api.put(&limit, &json!({ "amount": "3" })).await.done(200);
    assert_money(&lower["account"], "0", "9", "0");
    api.charge(&customer, "0.01").await.problem(402, "insufficient_funds");
    extend(api, &hold, json!({ "amount": "0.01" })).await.problem(402, "insufficient_funds");
    extend(api, &hold, json!({ "ttl_secs": 60 })).await.done(200);

    let charge = capture(api, &hold, json!({ "amount": "8" })).await.done(201);
    assert_amount(&charge["paid"]["postpaid"], "8");
    assert_amount(&charge["account"]["postpaid"], "8");
    assert_money(&charge["account"], "0", "0", "0");
    api.charge(&customer, "0.01").await.problem(402, "insufficient_funds");
    assert_whole(&app.site, api, Position::of(&charge)).await;
}
