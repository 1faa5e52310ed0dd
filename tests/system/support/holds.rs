//! Holds as callers handle them: placed, captured, extended, given up, looked at.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::api::text;
use super::{Answer, Api, Position, decimal, until};

pub const HOLDS: &str = "/v1/holds";
pub const BATCH: &str = "/v1/holds/batch";
/// Well formed, and nobody's.
pub const UNKNOWN: &str = "hold_00000000000000000000000000";

/// Places one on a customer's account, for ten minutes.
pub async fn place(api: &Api, customer: &str, amount: &str) -> Value {
    place_for(api, customer, amount, 600).await
}

/// The same for so many seconds.
pub async fn place_for(api: &Api, customer: &str, amount: &str, ttl_secs: u32) -> Value {
    let body = json!({ "customer_id": customer, "amount": amount, "ttl_secs": ttl_secs });
    api.post(HOLDS, &body).await.done(201)
}

/// Where something is asked of a hold.
pub fn path(hold: &Value, what: &str) -> String {
    format!("{HOLDS}/{}/{what}", text(&hold["id"]))
}

pub async fn capture(api: &Api, hold: &Value, body: Value) -> Answer {
    api.post(&path(hold, "capture"), &body).await
}

pub async fn extend(api: &Api, hold: &Value, body: Value) -> Answer {
    api.post(&path(hold, "extend"), &body).await
}

pub async fn void(api: &Api, hold: &Value) -> Answer {
    api.post(&path(hold, "void"), &json!({})).await
}

/// A hold as it stands, once the read model knows of a position.
pub async fn hold_at(api: &Api, hold: &Value, position: Position) -> Value {
    let path = format!("{HOLDS}/{}?min_position={position}", text(&hold["id"]));
    let answer = until(&format!("{path} has caught up"), async || {
        Some(api.get(&path).await).filter(|answer| answer.status != 503)
    })
    .await;
    answer.done(200)
}

/// Waits until a hold has run out, and gives it.
pub async fn expired(api: &Api, hold: &Value) -> Value {
    let path = format!("{HOLDS}/{}", text(&hold["id"]));
    until(&format!("{path} has run out"), async || {
        // The read model may not know of it yet.
        let answer = api.get(&path).await;
        let now = (answer.status != 404).then(|| answer.done(200))?;
        Some(now).filter(|now| now["status"] == "expired")
    })
    .await
}

/// Waits until the time of a hold is over. Nothing need happen then.
pub async fn past_its_time(hold: &Value) {
    let end = time(&hold["expires_at"]);
    until("its time is over", async || (eventstore::clock::now() > end).then_some(())).await;
}

/// Nothing can be done with it any more.
pub async fn assert_ended(api: &Api, hold: &Value) {
    for (what, body) in [("capture", json!({})), ("extend", json!({ "ttl_secs": 60 })), ("void", json!({}))] {
        api.post(&path(hold, what), &body).await.problem(409, "hold_ended");
    }
}

/// What an account has, what is reserved of it, and what can be charged.
#[track_caller]
pub fn assert_money(account: &Value, credits: &str, held: &str, available: &str) {
    for (figure, expected) in [("credits", credits), ("held", held), ("available", available)] {
        let expected = Decimal::from_str_exact(expected).unwrap();
        assert_eq!(decimal(&account[figure]), expected, "{figure}: {account}");
    }
}

/// What a hold reserves and has captured; also that of a charge which captured it.
#[track_caller]
pub fn assert_hold(hold: &Value, status: &str, held: &str, captured: &str) {
    assert_eq!(hold["status"], status, "{hold}");
    for (figure, expected) in [("held", held), ("captured", captured)] {
        let expected = Decimal::from_str_exact(expected).unwrap();
        assert_eq!(decimal(&hold[figure]), expected, "{figure}: {hold}");
    }
}

/// A time of an answer.
#[track_caller]
pub fn time(value: &Value) -> DateTime<Utc> {
    match text(value).parse() {
        Ok(time) => time,
        Err(e) => panic!("no time ({e}): {value}"),
    }
}
