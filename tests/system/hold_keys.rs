//! Each command about a hold is carried out once, however often it is sent, on its own or in a batch.

use serde_json::{Value, json};

use crate::support::after::assert_whole;
use crate::support::api::list;
use crate::support::holds::{BATCH, HOLDS, assert_hold, assert_money, capture, hold_at, path, place};
use crate::support::{Position, TestApp};

/// A command with a key: where it goes, and another that must not have the same key.
struct Keyed {
    key: &'static str,
    path: String,
    body: Value,
    other: (String, Value),
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer_for_ever() {
    let mut app = TestApp::up().await;
    let customer = app.api.funded("12").await;
    let beside = place(&app.api, &customer, "2").await;
    // Each takes what the next one needs to be there, so that a second look at the hold would say no.
    let asked = json!({ "customer_id": customer, "amount": "10", "metadata": { "b": "2", "a": "1" } });
    let first = app.api.post_keyed(HOLDS, "place", &asked).await;
    let hold = first.done(201);
    assert!(!first.is_replay());
    let commands = [
        Keyed {
            key: "place",
            path: HOLDS.to_owned(),
            body: asked,
            other: (HOLDS.to_owned(), json!({ "customer_id": customer, "amount": "10", "ttl_secs": 60 })),
        },
        Keyed {
            key: "extend",
            path: path(&hold, "extend"),
            body: json!({ "ttl_secs": 3600 }),
            other: (path(&hold, "extend"), json!({ "ttl_secs": 3601 })),
        },
        Keyed {
            key: "capture",
            path: path(&hold, "capture"),
            body: json!({ "amount": "9.5", "final_capture": false }),
            other: (path(&hold, "capture"), json!({ "amount": "9.5" })),
        },
        Keyed { key: "void", path: path(&hold, "void"), body: json!({}), other: (path(&beside, "void"), json!({})) },
    ];
    let mut answers = vec![first];
    for command in &commands[1..] {
        let answer = app.api.post_keyed(&command.path, command.key, &command.body).await;
        assert!([200, 201].contains(&answer.status) && !answer.is_replay(), "{}", answer.text());
        answers.push(answer);
    }

    for _ in 0..2 {
        for (command, first) in commands.iter().zip(&answers) {
            let again = app.api.post_keyed(&command.path, command.key, &command.body).await;
            assert_eq!((again.status, again.text()), (first.status, first.text()));
            assert!(again.is_replay(), "{}", command.path);
            let (path, body) = &command.other;
            app.api.post_keyed(path, command.key, body).await.problem(422, "idempotency_key_reused");
        }
        // Neither is the key of one kind free for another.
        app.api.post_keyed(&path(&beside, "void"), "capture", &json!({})).await.problem(422, "idempotency_key_reused");
        // What happened since, and what the process remembers, must not show in the answer.
        app.api.credits(&customer, json!({ "amount": "100" })).await;
        app.restart().await;
    }
    let api = &app.api;
    for (event_type, count) in [("held", 2), ("hold_extended", 1), ("captured", 1), ("voided", 1)] {
        assert_eq!(app.site.events_count(Some(event_type)).await, count, "{event_type}");
    }
    assert_money(&api.account(&customer).await, "200.5", "2", "200.5");
    assert_hold(&hold_at(api, &hold, Position::of(&answers[3].json())).await, "voided", "0", "9.5");

    // Another tenant's keys are its own.
    let other = app.other_organization().await;
    let theirs = json!({ "customer_id": other.funded("1").await, "amount": "1" });
    let answer = other.post_keyed(HOLDS, "place", &theirs).await;
    assert!(!answer.is_replay());
    assert_ne!(answer.done(201)["id"], hold["id"]);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_refusal_uses_no_key_up() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("5").await;
    let events = app.site.events_count(None).await;
    let body = json!({ "customer_id": customer, "amount": "8" });
    api.post_keyed(HOLDS, "place", &body).await.problem(402, "insufficient_funds");
    assert_eq!(app.site.events_count(None).await, events);
    api.credits(&customer, json!({ "amount": "5" })).await;
    let answer = api.post_keyed(HOLDS, "place", &body).await;
    assert!(!answer.is_replay());
    let hold = answer.done(201);

    for (what, refused, status, code) in [
        ("extend", json!({ "amount": "3" }), 402, "insufficient_funds"),
        ("capture", json!({ "amount": "11" }), 422, "capture_above_hold"),
    ] {
        api.post_keyed(&path(&hold, what), what, &refused).await.problem(status, code);
    }
    api.credits(&customer, json!({ "amount": "1" })).await;
    let now = [("extend", json!({ "amount": "3" }), 200), ("capture", json!({ "amount": "11" }), 201)];
    for (what, body, status) in now {
        let answer = api.post_keyed(&path(&hold, what), what, &body).await;
        assert!(!answer.is_replay(), "{}", answer.text());
        answer.done(status);
    }
    assert_money(&api.account(&customer).await, "0", "0", "0");
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_request_is_the_same_on_its_own_and_in_a_batch() {
    let app = TestApp::up().await;
    let api = &app.api;
    let customer = api.funded("10").await;
    let asked = json!({ "customer_id": customer, "amount": "6" });
    let hold = api.post_keyed(HOLDS, "mine", &asked).await.done(201);
    let charge = api.post_keyed(&path(&hold, "capture"), "captured", &json!({ "amount": "2.5" })).await.done(201);
    let operations = json!({ "operations": [
        { "action": "place", "customer_id": customer, "amount": "6", "idempotency_key": "mine" },
        { "action": "capture", "hold_id": hold["id"], "amount": "2.5", "idempotency_key": "captured" },
        { "action": "capture", "hold_id": hold["id"], "amount": "2.5", "idempotency_key": "mine" },
        { "action": "place", "customer_id": customer, "amount": "4", "ttl_secs": 60 },
    ] });
    let batch = api.post_keyed(BATCH, "batch", &operations).await.done(200);
    let results = list(&batch);
    assert_eq!((&results[0]["status"], &results[0]["hold"]), (&json!(201), &hold));
    assert_eq!((&results[1]["status"], &results[1]["charge"]), (&json!(201), &charge));
    assert_eq!((&results[0]["replayed"], &results[1]["replayed"]), (&json!(true), &json!(true)));
    assert_eq!((&results[2]["status"], &results[2]["error"]["code"]), (&json!(422), &json!("idempotency_key_reused")));
    assert_eq!((&results[3]["status"], &results[3]["replayed"]), (&json!(201), &json!(false)));

    // Without a key of its own an item has the batch's and its place.
    let placed = &results[3]["hold"];
    let same = json!({ "customer_id": customer, "amount": "4", "ttl_secs": 60 });
    let again = api.post_keyed(HOLDS, "batch/3", &same).await;
    assert!(again.is_replay() && again.json() == *placed, "{}", again.text());
    capture(api, placed, json!({ "amount": "1" })).await.done(201);
    let again = api.post_keyed(BATCH, "batch", &operations).await.done(200);
    for (n, (first, again)) in results.iter().zip(list(&again)).enumerate() {
        for member in ["status", "hold", "charge"] {
            assert_eq!(first[member], again[member], "item {n}");
        }
        assert_eq!(first["error"]["code"], again["error"]["code"], "item {n}");
    }
    assert_eq!(app.site.events_count(Some("held")).await, 2);
    assert_eq!(app.site.events_count(Some("captured")).await, 2);
    assert_money(&api.account(&customer).await, "6.5", "0", "6.5");
    assert_whole(&app.site, api, Position::of(&again)).await;
}
