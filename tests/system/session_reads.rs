//! What is read back of session keys: the same figures in every list, in the log and in its stream.

use std::time::Duration;

use futures::StreamExt;
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::api::text;
use crate::support::sessions::{ChainApp, Custody, Session, payer, settle_all};
use crate::support::{Api, Position, assert_amount, decimal};

fn sum(rows: &[Value], member: &str) -> Decimal {
    rows.iter().map(|row| decimal(&row[member])).sum()
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| text(&row["id"])).collect()
}

/// The position of the last event of this organization.
async fn head(api: &Api) -> Position {
    let events = api.walk("/v1/events?limit=100", "after").await;
    Position::of(events.last().unwrap())
}

#[tokio::test]
async fn every_list_says_what_session_keys_paid() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    api.credits(&customer, json!({ "amount": "5", "currency": "USDC" })).await;
    let managed = Session::open(api, &customer, Custody::Managed, "10").await;
    let client = Session::open(api, &customer, Custody::Client, "20").await;
    let drawn = Session::draw_up(api, &customer, Custody::Managed, "30", json!({})).await;
    let others = Session::open(api, &payer(api).await, Custody::Managed, "7").await;
    others.charge_plain(api, "7").await.done(201);

    let price = json!({ "unit": "call", "unit_price": "0.25", "currency": "USDC" });
    api.put("/v1/meters/calls", &price).await.done(200);
    let mut charges = Vec::new();
    for n in 1..=5u128 {
        let body = json!({ "session_key_id": managed.id, "meter": "calls", "quantity": n.to_string() });
        charges.push(api.post("/v1/charges", &body).await.done(201));
        client.charge(api, "1.5", n * 1_500_000).await.done(201);
    }
    api.charge(&customer, "2").await.done(201);
    settle_all(api).await;
    let position = head(api).await;
    let of_customer = format!("customer_id={customer}");

    // 0.25 × 15, 5 × 1.5, and 2 from the account.
    let (by_managed, by_client, total) = ("3.75", "7.5", "13.25");
    let listed = api.list_at(&format!("/v1/session_keys?{of_customer}"), position).await;
    assert_eq!(listed.len(), 3, "{listed:?}");
    for (session, charged, available) in
        [(&managed, by_managed, "6.25"), (&client, by_client, "12.5"), (&drawn, "0", "0")]
    {
        let row = listed.iter().find(|row| row["id"] == session.id.as_str()).unwrap();
        let one = session.now(api).await;
        for member in
            ["status", "custody", "charged", "claimed", "available", "deposited", "limit", "owner", "session_id"]
        {
            assert_eq!(row[member], one[member], "{member}: {row} and {one}");
        }
        assert_amount(&row["charged"], charged);
        assert_amount(&row["claimed"], charged);
        assert_amount(&row["available"], available);
    }
    let active = api.list_at(&format!("/v1/session_keys?{of_customer}&status=active"), position).await;
    assert_eq!(active.len(), 2);

    let quotas = api.list_at(&format!("/v1/quotas?{of_customer}"), position).await;
    let keys = &quotas[0]["session_keys"];
    assert_eq!((&keys["count"], &keys["active"], &keys["currency"]), (&json!(3), &json!(2), &json!("USDC")));
    for (member, expected) in [("deposited", "30"), ("charged", "11.25"), ("claimed", "11.25"), ("available", "18.75")]
    {
        assert_amount(&keys[member], expected);
    }
    let statements = api.list_at(&format!("/v1/statements?{of_customer}"), position).await;
    assert_eq!(sum(&statements, "total"), decimal(&json!(total)));
    assert_eq!(statements.iter().map(|statement| statement["charges"].as_u64().unwrap()).sum::<u64>(), 11);
    let risk = api.list_at(&format!("/v1/risk?{of_customer}"), position).await;
    assert_eq!(risk[0]["charges"], 11);
    assert_amount(&risk[0]["charged"], total);

    let paid: Vec<Value> = api.walk(&format!("/v1/charges?session_key_id={}&limit=2", managed.id), "cursor").await;
    let newest_first: Vec<&str> = charges.iter().rev().map(|charge| text(&charge["id"])).collect();
    assert_eq!(ids(&paid), newest_first);
    let one = api.get(&format!("/v1/charges/{}", newest_first[0])).await.done(200);
    assert_eq!(one, charges[4]);
    for query in [of_customer.as_str(), &format!("session_key_id={}", managed.id)] {
        let events = api.walk(&format!("/v1/events?{query}&type=charged&category=session_key"), "after").await;
        let expected = if query == of_customer { 10 } else { 5 };
        assert_eq!(events.len(), expected, "{query}");
    }
    app.assert_settled().await;
}

#[tokio::test]
async fn the_stream_of_events_has_those_of_session_keys() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    let other = Session::open(api, &payer(api).await, Custody::Managed, "10").await;
    let after = head(api).await;
    let mut streams = Vec::new();
    for query in [format!("customer_id={customer}"), format!("session_key_id={}", session.id)] {
        let path = format!("/v1/events/stream?after={after}&{query}");
        let response = api.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        streams.push(response.bytes_stream().map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap()).boxed());
    }
    other.charge_plain(api, "3").await.done(201);
    let charge = session.charge_plain(api, "1").await.done(201);
    api.post(&session.path("freeze"), &json!({})).await.done(200);
    for stream in &mut streams {
        let mut said = String::new();
        while !said.contains("session_key.frozen") {
            let chunk = timeout(Duration::from_secs(30), stream.next()).await.expect("an event in time");
            said.push_str(&chunk.expect("the stream goes on"));
        }
        let names: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        assert_eq!(names, ["session_key.charged", "session_key.frozen"], "{said}");
        assert!(said.contains(&format!("id: {}", text(&charge["position"]))), "{said}");
        assert!(!said.contains(&other.id));
    }
}
