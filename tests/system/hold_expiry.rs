//! Holds whose time is over: they end by an event, and stand until it is written.

use std::collections::HashSet;

use chrono::TimeDelta;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::after::assert_whole;
use crate::support::api::{list, text};
use crate::support::holds::{
    BATCH, HOLDS, assert_ended, assert_hold, assert_money, capture, expired, extend, hold_at, past_its_time, place,
    place_for, time, void,
};
use crate::support::{Api, Position, Process, Server, Site, TestApp, assert_amount, decimal, until};

/// Events of one type of a customer's account, oldest first.
async fn events(api: &Api, customer: &str, event_type: &str) -> Vec<Value> {
    api.walk(&format!("/v1/events?customer_id={customer}&category=account&type={event_type}&limit=100"), "after").await
}

#[tokio::test]
async fn a_hold_runs_out_by_an_event() {
    let app = TestApp::up().await;
    let api = &app.api;
    let (customer, other) = (api.funded("10").await, api.funded("10").await);
    let hold = place_for(api, &customer, "4", 3).await;
    capture(api, &hold, json!({ "amount": "1", "final_capture": false })).await.done(201);
    let now = expired(api, &hold).await;
    assert_hold(&now, "expired", "0", "1");
    assert_eq!((&now["amount"], &now["expires_at"]), (&json!("4"), &hold["expires_at"]));
    assert!(time(&now["ended_at"]) >= time(&now["expires_at"]), "{now}");
    assert_money(&api.account(&customer).await, "9", "0", "9");
    assert_ended(api, &hold).await;
    api.charge(&customer, "9").await.done(201);

    // Once, however often the sweep comes by.
    let again = place_for(api, &other, "10", 1).await;
    expired(api, &again).await;
    assert_money(&api.account(&other).await, "10", "0", "10");
    let of_customer = events(api, &customer, "hold_expired").await;
    assert_eq!((of_customer.len(), &of_customer[0]["payload"]["hold"]["hold_id"]), (1, &hold["id"]));
    assert_eq!(app.site.events_count(Some("hold_expired")).await, 2);
    let last = events(api, &other, "hold_expired").await;
    assert_whole(&app.site, api, Position::of(&last[0])).await;
}

#[tokio::test]
async fn a_server_that_was_away_over_the_deadline_makes_up_for_it() {
    let mut app = TestApp::up().await;
    let customer = app.api.funded("10").await;
    let (hold, longer) = (place_for(&app.api, &customer, "4", 3).await, place(&app.api, &customer, "5").await);
    app.kill();
    past_its_time(&hold).await;
    app.restart().await;
    let api = &app.api;
    let now = expired(api, &hold).await;
    assert_eq!(now["expires_at"], hold["expires_at"]);
    assert_money(&api.account(&customer).await, "5", "5", "5");
    assert_ended(api, &hold).await;
    let charge = capture(api, &longer, json!({})).await.done(201);
    assert_whole(&app.site, api, Position::of(&charge)).await;
}

#[tokio::test]
async fn until_its_event_it_stands() {
    let site = Site::new();
    site.tollbook(&["migrate"], &[]).await.expect_code(0);
    let key = site.organization("Acme").await;
    // Nobody sweeps yet.
    let server = Server::start(&site).await;
    let api = &Api::new(&server.url, &key);
    let customer = api.funded("10").await;
    let captured = place_for(api, &customer, "2", 1).await;
    let extended = place_for(api, &customer, "3", 1).await;
    let voided = place_for(api, &customer, "1", 1).await;
    let left = place_for(api, &customer, "4", 1).await;
    past_its_time(&left).await;

    // Time alone gives nothing back, and takes nothing away.
    assert_money(&api.account(&customer).await, "0", "10", "0");
    api.charge(&customer, "0.01").await.problem(402, "insufficient_funds");
    let charge = capture(api, &captured, json!({ "amount": "1.5" })).await.done(201);
    assert_hold(&charge["hold"], "captured", "0", "1.5");
    let longer = extend(api, &extended, json!({ "amount": "0.5", "ttl_secs": 3600 })).await.done(200);
    assert_hold(&longer, "open", "3.5", "0");
    assert_money(&void(api, &voided).await.done(200)["account"], "1", "7.5", "1");

    let _work = Process::start(&site, &["work"]);
    assert_hold(&expired(api, &left).await, "expired", "0", "0");
    let ended = events(api, &customer, "hold_expired").await;
    assert_eq!(ended.len(), 1, "only one had run out: {ended:?}");
    let position = Position::of(&ended[0]);
    for (hold, status, held, captured) in
        [(&captured, "captured", "0", "1.5"), (&extended, "open", "3.5", "0"), (&voided, "voided", "0", "0")]
    {
        assert_hold(&hold_at(api, hold, position).await, status, held, captured);
    }
    assert_money(&api.account(&customer).await, "5", "3.5", "5");
    let charge = capture(api, &extended, json!({})).await.done(201);
    assert_amount(&charge["amount"], "3.5");
    assert_whole(&site, api, Position::of(&charge)).await;
}

/// More than one event can be written for at a time.
const MANY: usize = 250;

#[tokio::test]
async fn many_run_out_at_once() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("1000").await;
    let item = json!({ "action": "place", "customer_id": customer, "amount": "1.5", "ttl_secs": 1 });
    let batch = api.post(BATCH, &json!({ "operations": vec![item; MANY] })).await.done(200);
    assert!(list(&batch).iter().all(|result| result["status"] == 201), "{batch}");
    // Some of another, who is not to wait for it.
    let other = api.funded("10").await;
    let hold = place_for(api, &other, "10", 1).await;
    expired(api, &hold).await;
    assert_money(&api.account(&other).await, "10", "0", "10");
    until("everything is back", async || {
        Some(api.account(&customer).await).filter(|account| decimal(&account["held"]).is_zero())
    })
    .await;
    assert_money(&api.account(&customer).await, "1000", "0", "1000");
    let ended = events(api, &customer, "hold_expired").await;
    let ids: HashSet<&str> = ended.iter().map(|event| text(&event["payload"]["hold"]["hold_id"])).collect();
    assert_eq!((ended.len(), ids.len()), (MANY, MANY));
    // What each says is there after it is one hold more than after the one before.
    for (n, event) in (1..=MANY).zip(&ended) {
        let left = Decimal::from(MANY - n) * Decimal::new(15, 1);
        let said = event["payload"]["after"].get("held_credits").map_or(Decimal::ZERO, decimal);
        assert_eq!(said, left, "{event}");
    }
    assert_whole(&app.site, api, Position::of(ended.last().unwrap())).await;
}

#[tokio::test]
async fn credits_that_run_out_while_they_are_held_pay_all_the_same() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.post("/v1/customers", &json!({})).await.done(201);
    let id = text(&customer["id"]);
    let expires_at = time(&customer["created_at"]) + TimeDelta::seconds(3);
    api.credits(id, json!({ "amount": "5", "expires_at": expires_at.to_rfc3339() })).await;
    let (hold, other) = (place(api, id, "2").await, place(api, id, "1").await);

    // What nobody has reserved is lost.
    until("the rest has run out", async || (events(api, id, "credit_expired").await.len() == 1).then_some(())).await;
    assert_money(&api.account(id).await, "0", "3", "0");
    extend(api, &hold, json!({ "amount": "0.01" })).await.problem(402, "insufficient_funds");
    let charge = capture(api, &hold, json!({ "amount": "1.25" })).await.done(201);
    assert_amount(&charge["paid"]["credits"], "1.25");
    assert_amount(&charge["hold"]["returned"], "0.75");
    // What is given back is too late: it pays for nothing, and leaves by an event as well.
    api.charge(id, "0.01").await.problem(402, "insufficient_funds");
    void(api, &other).await.done(200);
    api.post(HOLDS, &json!({ "customer_id": id, "amount": "0.01" })).await.problem(402, "insufficient_funds");
    let lost = until("all of it has run out", async || {
        let events = events(api, id, "credit_expired").await;
        let sum: Decimal = events.iter().map(|event| decimal(&event["payload"]["amount"])).sum();
        (sum == Decimal::new(375, 2)).then_some(events)
    })
    .await;
    assert_money(&api.account(id).await, "0", "0", "0");
    let position = Position::of(lost.last().unwrap());
    let quotas = api.list_at(&format!("/v1/quotas?customer_id={id}"), position).await;
    for (figure, expected) in [("granted", "5"), ("remaining", "0"), ("held", "0"), ("expired", "3.75")] {
        assert_amount(&quotas[0]["credits"][figure], expected);
    }
    let breakage = api.list_at("/v1/balances?account=breakage", position).await;
    assert_amount(&breakage[0]["balance"], "3.75");
    assert_whole(&app.site, api, position).await;
}
