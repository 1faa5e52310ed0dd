//! Bad input around holds that session keys pay: each is refused with its status and its code, and leaves nothing in
//! the log.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::holds::{HOLDS, capture, path};
use crate::support::refused::{Bad, assert_refused};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, owner, settle_all};

fn place(what: &'static str, body: Value, status: u16, code: &'static str) -> Bad {
    Bad::post(what, HOLDS, body, status, code)
}

/// A request for a hold of 1, with more.
fn of(session: &Session, more: &Value) -> Value {
    let mut body = json!({ "session_key_id": session.id, "amount": "1" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn holds_that_no_session_key_pays() {
    let app = ChainApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let customer = app.payer().await;
    api.meter("calls", "0.25").await;
    let none = json!({});
    let drawn = Session::draw_up(api, &customer, Custody::Managed, "2", none.clone()).await;
    let frozen = Session::open(api, &customer, Custody::Managed, "2").await;
    let revoked = Session::open(api, &customer, Custody::Managed, "2").await;
    let open = Session::open(api, &customer, Custody::Managed, "4").await;
    let client = Session::open(api, &customer, Custody::Client, "10").await;
    let other = Session::open(api, &customer, Custody::Client, "10").await;
    let mut held = Vec::new();
    for session in [&frozen, &revoked, &open] {
        held.push(api.post(HOLDS, &of(session, &none)).await.done(201));
    }
    let signed = api.post(HOLDS, &of(&client, &json!({ "voucher": client.voucher(2 * USDC) }))).await.done(201);
    api.post(&frozen.path("freeze"), &none).await.done(200);
    api.post(&revoked.path("revoke"), &none).await.done(200);
    app.quiet().await;

    let on = |what, hold: &Value, command, body: Value, status, code| {
        Bad::post(what, &path(hold, command), body, status, code)
    };
    let with = |voucher: Value| of(&client, &json!({ "voucher": voucher }));
    let more = |voucher: Value| json!({ "amount": "2", "voucher": voucher });
    let right = client.voucher(4 * USDC);
    let wrong_key = Session { id: client.id.clone(), created: client.created.clone(), owner: owner(0), key: other.key };
    let rows = [
        place("not yet registered", of(&drawn, &none), 409, "session_pending"),
        place("frozen", of(&frozen, &none), 409, "session_frozen"),
        place("revoked", of(&revoked, &none), 409, "session_revoked"),
        place("a deposit too small", of(&open, &json!({ "amount": "3.000001" })), 402, "insufficient_deposit"),
        place("another currency", of(&open, &json!({ "currency": "USD" })), 422, "currency_mismatch"),
        place(
            "a meter in another currency",
            json!({ "session_key_id": open.id, "meter": "calls", "quantity": "1" }),
            422,
            "currency_mismatch",
        ),
        place("two payers", of(&open, &json!({ "customer_id": customer })), 400, "invalid_request"),
        place("no time", of(&open, &json!({ "ttl_secs": 0 })), 400, "invalid_request").at("ttl_secs"),
        place("a voucher for a managed key", of(&open, &json!({ "voucher": right })), 422, "voucher_not_taken"),
        place("without a voucher", of(&client, &json!({ "amount": "1.000001" })), 402, "voucher_required"),
        place("by the wrong key", with(wrong_key.voucher(4 * USDC)), 422, "voucher_wrong_signer"),
        place("of another session", with(other.voucher(4 * USDC)), 422, "voucher_wrong_signer"),
        place(
            "lower by one unit",
            of(&client, &json!({ "amount": "1.5", "voucher": client.voucher(2_499_999) })),
            402,
            "voucher_too_low",
        ),
        place("above the deposit", with(client.voucher(10 * USDC + 1)), 422, "voucher_above_deposit"),
        place(
            "no signature at all",
            with(json!({ "max_claimable": "4000000", "signature": "0x" })),
            400,
            "voucher_malformed",
        )
        .at("voucher.signature"),
        on("frozen, for more", &held[0], "extend", json!({ "amount": "0.1" }), 409, "session_frozen"),
        on("frozen, for longer", &held[0], "extend", json!({ "ttl_secs": 60 }), 409, "session_frozen"),
        on("revoked, for longer", &held[1], "extend", json!({ "ttl_secs": 60 }), 409, "session_revoked"),
        on("a deposit too small", &held[2], "extend", json!({ "amount": "3.000001" }), 402, "insufficient_deposit"),
        on("a managed key, for more", &held[2], "extend", more(right.clone()), 422, "voucher_not_taken"),
        on("without a voucher", &signed, "extend", json!({ "amount": "2" }), 402, "voucher_required"),
        on("lower by one unit", &signed, "extend", more(client.voucher(2_999_999)), 402, "voucher_too_low"),
        on("by the wrong key", &signed, "extend", more(wrong_key.voucher(4 * USDC)), 422, "voucher_wrong_signer"),
        on("above the deposit", &signed, "extend", more(client.voucher(10 * USDC + 1)), 422, "voucher_above_deposit"),
        on("a voucher for a capture", &signed, "capture", json!({ "voucher": right }), 400, "unknown_field")
            .at("voucher"),
        on("more than is held", &signed, "capture", json!({ "amount": "1.000001" }), 422, "capture_above_hold"),
        on("another currency", &signed, "capture", json!({ "currency": "USD" }), 422, "currency_mismatch"),
        on(
            "a meter in another currency",
            &signed,
            "capture",
            json!({ "meter": "calls", "quantity": "1" }),
            422,
            "currency_mismatch",
        ),
        on("an unknown field", &signed, "void", json!({ "voucher": right }), 400, "unknown_field"),
        Bad::get("no session's", &format!("{HOLDS}?session_key_id=1"), 404, "session_key_not_found"),
    ];
    assert_refused(&app, &rows).await;

    // Whoever is not theirs is not there for others.
    let events = app.site.events_count(None).await;
    theirs.post(HOLDS, &of(&open, &none)).await.problem(404, "session_key_not_found");
    theirs.get(&format!("{HOLDS}?session_key_id={}", open.id)).await.problem(404, "session_key_not_found");
    theirs.get(&format!("{HOLDS}/{}", text(&signed["id"]))).await.problem(404, "hold_not_found");
    for (command, body) in [("capture", json!({})), ("extend", json!({ "ttl_secs": 60 })), ("void", json!({}))] {
        theirs.post(&path(&signed, command), &body).await.problem(404, "hold_not_found");
    }
    assert_eq!(app.site.events_count(None).await, events);
    // What all of these were made of is right.
    api.post(&path(&signed, "extend"), &more(right)).await.done(200);
    for hold in held.iter().chain([&signed]) {
        capture(api, hold, json!({})).await.done(201);
    }
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 6 * USDC);
}
