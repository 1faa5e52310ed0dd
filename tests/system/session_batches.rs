//! Many session keys at once: drawn up, stopped, let go on and ended by the organization. One bad item stops none of the
//! others, and a repeated request does nothing twice.

use serde_json::{Value, json};

use crate::support::api::{list, text};
use crate::support::sessions::{ChainApp, Custody, Session, owner, request};
use crate::support::{Api, Position};

const BATCH: &str = "/v1/session_keys/batch";
const FREEZE: &str = "/v1/session_keys/freeze";
const UNFREEZE: &str = "/v1/session_keys/unfreeze";
const REVOKE: &str = "/v1/session_keys/revoke";

/// A member of each item.
fn all<'a>(answer: &'a Value, member: &str) -> Vec<&'a Value> {
    list(answer).iter().map(|item| &item[member]).collect()
}

fn statuses(answer: &Value) -> Vec<u64> {
    all(answer, "status").into_iter().map(|status| status.as_u64().unwrap()).collect()
}

/// Each item with the same outcome, which was there before where it was one.
#[track_caller]
fn assert_repeated(first: &Value, again: &Value) {
    assert_eq!(list(first).len(), list(again).len(), "{again}");
    for (first, again) in list(first).iter().zip(list(again)) {
        for member in ["status", "session_key_id", "error"] {
            assert_eq!(first[member], again[member], "{member}");
        }
        for member in ["id", "position"] {
            assert_eq!(first["session_key"][member], again["session_key"][member], "{member}");
        }
        let expected = if first["error"].is_null() { json!(true) } else { Value::Null };
        assert_eq!(again["replayed"], expected, "{again}");
    }
}

/// Draws several up, half of them managed, and gives their ids.
async fn several(api: &Api, customer: &str, count: usize) -> Vec<String> {
    let custody = |i: usize| if i.is_multiple_of(2) { Custody::Managed } else { Custody::Client };
    let bodies = (0..count).map(|i| Session::request(customer, custody(i), "5", json!({})).0);
    let drawn = api.post(BATCH, &json!({ "session_keys": bodies.collect::<Vec<_>>() })).await.done(200);
    assert_eq!(statuses(&drawn), vec![201; count]);
    all(&drawn, "session_key").into_iter().map(|key| text(&key["id"]).to_owned()).collect()
}

async fn status_of(api: &Api, id: &str) -> String {
    text(&api.get(&format!("/v1/session_keys/{id}")).await.done(200)["status"]).to_owned()
}

#[tokio::test]
async fn many_are_drawn_up_at_once() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let dollars = api.customer().await;
    let (client, key) = Session::request(&customer, Custody::Client, "5", json!({}));
    let managed = request(&customer, &owner(1), Custody::Managed, "7", json!({}));
    let with = |field: &str, value: Value| {
        let mut body = client.clone();
        body[field] = value;
        body
    };
    let items = json!([
        client,
        with("limit", json!("-1")),
        managed,
        with("customer_id", json!("cus_00000000000000000000000000")),
        with("customer_id", json!(dollars)),
        with("colour", json!("red")),
        with("idempotency_key", json!("one_of_its_own")),
        17,
    ]);
    let body = json!({ "session_keys": items });
    let before = app.site.events_count(Some("granted")).await;
    let first = api.post_keyed(BATCH, "batch", &body).await.done(200);
    assert_eq!(first["object"], "batch");
    assert_eq!(statuses(&first), [201, 400, 201, 404, 422, 400, 201, 400]);
    let codes: Vec<&Value> =
        list(&first).iter().map(|item| &item["error"]["code"]).filter(|code| !code.is_null()).collect();
    assert_eq!(
        codes,
        ["invalid_amount", "customer_not_found", "currency_mismatch", "unknown_field", "invalid_request"]
    );
    assert_eq!(app.site.events_count(Some("granted")).await, before + 3);
    let made = [0, 2, 6].map(|item| list(&first)[item]["session_key"].clone());
    assert_eq!(made.iter().map(Position::of).max(), Some(Position::of(&first)));
    let again = api.post_keyed(BATCH, "batch", &body).await.done(200);
    assert_repeated(&first, &again);
    assert_eq!([0, 2, 6].map(|item| list(&again)[item]["session_key"].clone()), made);
    // The same request alone: the keys are the same.
    for (key, made) in [("batch/0", &made[0]), ("one_of_its_own", &made[2])] {
        let alone = api.post_keyed("/v1/session_keys", key, &client).await;
        assert!(alone.is_replay() && alone.done(201) == *made, "{}", alone.text());
    }
    // What was wrong is mended, and made then.
    let mut mended = body.clone();
    mended["session_keys"][1]["limit"] = json!("2");
    let again = api.post_keyed(BATCH, "batch", &mended).await.done(200);
    assert_eq!(statuses(&again)[..3], [201, 201, 201]);
    assert_eq!(all(&again, "replayed")[..3], [&json!(true), &json!(false), &json!(true)]);

    // They are as good as any: the owner signs, and they can be charged.
    for (item, key) in [(0, key), (2, None)] {
        let session = Session::of(list(&first)[item]["session_key"].clone(), key);
        api.post(&session.path("register"), &session.opening()).await.done(202);
        session.active(api).await;
        session.charge(api, "0.5", 500_000).await.done(201);
    }
    for (count, code) in [(0, "invalid_request"), (101, "batch_too_large")] {
        let body = json!({ "session_keys": vec![client.clone(); count] });
        api.post(BATCH, &body).await.problem(400, code);
    }
    let hundred = several(api, &customer, 100).await;
    assert_eq!(hundred.len(), 100);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn many_are_stopped_at_once() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let open = Session::open(api, &customer, Custody::Managed, "5").await;
    // Its money is still in the contract: it stays revoked.
    let ended = Session::open(api, &customer, Custody::Managed, "5").await;
    api.post(&ended.path("revoke"), &json!({})).await.done(200);
    let ended = ended.id;
    let ids = several(api, &customer, 2).await;
    let theirs = app.other_organization().await;

    let named = json!({ "session_key_ids": [open.id, ids[0], "ses_1", ids[1], ended, ids[0]] });
    let first = api.post_keyed(FREEZE, "stop", &named).await.done(200);
    assert_eq!(statuses(&first), [200, 200, 404, 200, 409, 200]);
    assert_eq!(
        all(&first, "session_key_id"),
        [&json!(open.id), &json!(ids[0]), &json!("ses_1"), &json!(ids[1]), &json!(ended), &json!(ids[0])]
    );
    assert_eq!(list(&first)[4]["error"]["code"], "session_revoked");
    for item in [0, 1, 3] {
        let key = &list(&first)[item]["session_key"];
        assert_eq!((&key["status"], &key["frozen_by"]), (&json!("frozen"), &json!(["organization"])));
    }
    open.charge_plain(api, "0.1").await.problem(409, "session_frozen");
    let events = app.site.events_count(None).await;
    let again = api.post_keyed(FREEZE, "stop", &named).await.done(200);
    assert_repeated(&first, &again);
    assert_eq!(app.site.events_count(None).await, events);
    // One of them alone is the same request; something else is not.
    let alone = api.post_keyed(&open.path("freeze"), &format!("stop/{}", open.id), &json!({})).await;
    assert!(alone.is_replay(), "{}", alone.text());
    let other = api.post_keyed(REVOKE, "stop", &json!({ "session_key_ids": [open.id] })).await.done(200);
    assert_eq!((statuses(&other), &list(&other)[0]["error"]["code"]), (vec![422], &json!("idempotency_key_reused")));

    let going_on = api.post(UNFREEZE, &named).await.done(200);
    assert_eq!(statuses(&going_on), [200, 200, 404, 200, 409, 200]);
    open.charge_plain(api, "0.1").await.done(201);
    // A retry that comes late finds what it has done, and does not do it again.
    assert_eq!(statuses(&api.post_keyed(FREEZE, "stop", &named).await.done(200)), [200, 200, 404, 200, 409, 200]);
    open.charge_plain(api, "0.1").await.done(201);

    // Another organization has none of them.
    let foreign = theirs.post(REVOKE, &json!({ "session_key_ids": [open.id] })).await.done(200);
    assert_eq!((statuses(&foreign), &list(&foreign)[0]["error"]["code"]), (vec![404], &json!("session_key_not_found")));
    theirs.post(REVOKE, &json!({ "customer_id": customer })).await.problem(404, "customer_not_found");
    assert_eq!(status_of(api, &open.id).await, "active");

    for path in [FREEZE, UNFREEZE, REVOKE] {
        let problem = api.post(path, &json!({})).await.problem(400, "missing_field");
        assert_eq!(problem["param"], "session_key_ids");
        let both = json!({ "customer_id": customer, "session_key_ids": [open.id] });
        api.post(path, &both).await.problem(400, "invalid_request");
        api.post(path, &json!({ "session_key_ids": [] })).await.problem(400, "invalid_request");
        api.post(path, &json!({ "session_key_ids": vec![open.id.as_str(); 101] }))
            .await
            .problem(400, "batch_too_large");
        api.post(path, &json!({ "customer_id": "cus_1" })).await.problem(404, "customer_not_found");
    }
    app.site.assert_clean().await;
}

#[tokio::test]
async fn all_of_a_customer_are_stopped_at_once() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let (customer, other) = (app.payer().await, app.payer().await);
    let ids = several(api, &customer, 4).await;
    let untouched = several(api, &other, 1).await;
    api.post(&format!("/v1/session_keys/{}/revoke", ids[3]), &json!({})).await.done(200);
    let of_customer = json!({ "customer_id": customer });
    let named = |answer: &Value| {
        let mut ids: Vec<String> = all(answer, "session_key_id").into_iter().map(|id| text(id).to_owned()).collect();
        ids.sort();
        ids
    };
    let mut expected = ids[..3].to_vec();
    expected.sort();

    let first = api.post_keyed(FREEZE, "freeze", &of_customer).await.done(200);
    assert_eq!((named(&first), statuses(&first)), (expected.clone(), vec![200; 3]));
    for id in &expected {
        assert_eq!(status_of(api, id).await, "frozen");
    }
    assert_eq!(status_of(api, &untouched[0]).await, "pending");
    // One that was drawn up since is not meant by the same request, and is by a new one.
    let new = several(api, &customer, 1).await.remove(0);
    assert_repeated(&first, &api.post_keyed(FREEZE, "freeze", &of_customer).await.done(200));
    assert_eq!(status_of(api, &new).await, "pending");
    let second = api.post(FREEZE, &of_customer).await.done(200);
    assert_eq!(list(&second).len(), 4);
    assert_eq!(status_of(api, &new).await, "frozen");

    // Ended, they are still what the same request meant; for a new one nothing is left.
    let ended = api.post_keyed(REVOKE, "revoke", &of_customer).await.done(200);
    assert_eq!((list(&ended).len(), statuses(&ended)), (4, vec![200; 4]));
    assert_repeated(&ended, &api.post_keyed(REVOKE, "revoke", &of_customer).await.done(200));
    let none = api.post(REVOKE, &of_customer).await.done(200);
    assert_eq!((list(&none).len(), &none["position"]), (0, &Value::Null));
    assert_eq!(status_of(api, &untouched[0]).await, "pending");
    app.site.assert_clean().await;
}
