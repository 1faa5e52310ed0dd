//! One bad item among a thousand: the others are charges all the same, and so is this one once it is mended.

use serde_json::{Value, json};

use crate::support::after::assert_whole;
use crate::support::api::list;
use crate::support::batch::{BATCH, Batch, ITEMS, assert_same};
use crate::support::{Position, TestApp};

#[tokio::test]
async fn one_bad_item_among_a_thousand() {
    let app = TestApp::up().await;
    let api = &app.api;
    let poor = api.funded("1").await;
    let all = json!({ "customer_id": poor, "amount": "1" });
    api.post_keyed("/v1/charges", "used", &all).await.done(201);
    let mut last = None;
    // In the first place, in the middle, and in the last.
    for (at, change, status, code) in [
        (0, json!({ "amount": "-1" }), 400, "invalid_amount"),
        (500, json!({ "customer_id": poor }), 402, "insufficient_funds"),
        (ITEMS - 1, json!({ "idempotency_key": "used" }), 422, "idempotency_key_reused"),
    ] {
        let batch = Batch::prepare(api, code).await;
        let mut body = batch.body.clone();
        body["charges"][at].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let before = app.site.events_count(Some("charged")).await;
        let charged = async || app.site.events_count(Some("charged")).await - before;

        let first = api.post(BATCH, &body).await.done(200);
        batch.assert_done_but(&first, &[at]);
        let bad = &list(&first)[at];
        assert_eq!((&bad["status"], &bad["error"]["code"]), (&json!(status), &json!(code)));
        assert_eq!(bad["charge"], Value::Null);
        assert_eq!(charged().await, 999);
        batch.assert_paid_but(api, &[at]).await;
        assert_same(&first, &api.post(BATCH, &body).await.done(200));
        assert_eq!(charged().await, 999);

        // A refusal has used no key up. Who had no money has some now; what was wrong itself is put right.
        if status == 402 {
            api.credits(&poor, json!({ "amount": "5" })).await;
        } else {
            body = batch.body.clone();
        }
        let mended = api.post(BATCH, &body).await.done(200);
        for (row, (first, mended)) in list(&first).iter().zip(list(&mended)).enumerate() {
            assert_eq!(mended["status"], 201, "item {row}: {mended}");
            assert!(row == at || first["charge"] == mended["charge"], "item {row}: {first} {mended}");
        }
        assert_eq!(charged().await, 1_000);
        last = Some(Position::of(&mended));
    }
    assert_whole(&app.site, api, last.unwrap()).await;
}
