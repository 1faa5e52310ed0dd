//! Another key in the place of a session's present one: who may ask for it, what the former key's vouchers are still
//! good for, who signs from then on, and what an owner does on the chain past Tollbook.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::{list, text};
use crate::support::chain::rotate_on_chain;
use crate::support::gateway::{
    CENT_UNITS, Upstream, assert_cost, cent, gateway, gateway_key, get_paid, offer, refused, route_to, set_route,
};
use crate::support::sessions::{ChainApp, Custody, Session, owner, settle, settle_all, sign};
use crate::support::{Answer, Api, Position, assert_amount, until};

const PATH: &str = "/echo/a";

/// What the owner sends, when it signs what was prepared.
fn signed(session: &Session, prepared: &Value) -> Value {
    let signature = sign(&session.owner, &prepared["typed_data"]);
    let (nonce, deadline) = (&prepared["nonce"], &prepared["deadline"]);
    json!({
        "key": prepared["key"],
        "owner_signature": { "signature": signature, "nonce": nonce, "deadline": deadline },
    })
}

async fn prepare(api: &Api, session: &Session, body: Value) -> Value {
    api.post(&session.path("rotation"), &body).await.done(200)
}

/// Through Tollbook, until it is final.
async fn rotate(api: &Api, session: &Session, prepared: &Value) -> Value {
    api.post(&session.path("rotate"), &signed(session, prepared)).await.done(202);
    session.until(api, "the new key is final", |now| now["key"] == prepared["key"] && now["relays"] == json!([])).await
}

#[tokio::test]
async fn a_client_takes_another_key() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let session = Session::open(api, &app.payer().await, Custody::Client, "10").await;
    let former = session.created["key"].clone();
    session.charge(api, "1", 2_000_000).await.done(201);

    let (key, new) = session.with_new_key();
    let prepared = prepare(api, &session, json!({ "key": key })).await;
    assert_eq!((&prepared["object"], &prepared["session_key_id"]), (&json!("key_rotation"), &json!(session.id)));
    assert_eq!((&prepared["key"], &prepared["position"]), (&json!(key), &Value::Null));
    let asked = api.get(&format!("{}?action=rotate_key&key={key}", session.path("typed_data"))).await.done(200);
    for data in [&prepared["typed_data"], &asked["typed_data"]] {
        let message = &data["message"];
        assert_eq!((&data["primaryType"], &message["key"]), (&json!("RotateKey"), &json!(key)));
        assert_eq!(message["sessionId"], session.session_id());
    }

    // In a block, and not for good: what was signed still pays, and nothing new is taken, whoever signs it.
    app.anvil.stop_mining().await;
    let body = signed(&session, &prepared);
    let first = api.post_keyed(&session.path("rotate"), "rotate", &body).await.done(202);
    assert_eq!((&first["relays"][0]["action"], &first["key"]), (&json!("rotate_key"), &former));
    app.anvil.pending(1).await;
    app.anvil.mine().await;
    let seen = session.until(api, "the rotation is seen", |now| !now["rotation"].is_null()).await;
    assert_eq!((&seen["rotation"]["key"], &seen["key"], &seen["status"]), (&json!(key), &former, &json!("active")));
    assert!(seen["rotation"]["seen_block"].is_u64() && seen["rotation"]["claimable_until"].is_string(), "{seen}");
    session.charge_plain(api, "0.5").await.done(201);
    session.charge(api, "1", 2_500_000).await.problem(409, "key_rotating");
    new.charge(api, "1", 2_500_000).await.problem(409, "key_rotating");
    app.anvil.resume_mining().await;
    let now = session.until(api, "the rotation is final", |now| now["key"] == key.as_str()).await;
    assert_eq!((&now["rotation"], &now["voucher"]["remaining"]), (&Value::Null, &json!("0")));
    assert_eq!(now["voucher"]["former_until"], seen["rotation"]["claimable_until"]);
    let again = api.post_keyed(&session.path("rotate"), "rotate", &body).await;
    assert!(again.is_replay() && again.status == 202, "{}", again.text());

    // The former voucher pays for what was charged, and for nothing more. Only the new key signs.
    let required = session.charge_plain(api, "0.1").await.problem(402, "voucher_required");
    assert_eq!((&required["needed_atomic"], &required["charged"]), (&json!("1600000"), &json!("1.5")));
    session.charge(api, "0.1", 1_600_000).await.problem(422, "voucher_wrong_signer");
    // That voucher is good for a while only: the worker claims by it at once, and nobody has to ask.
    session.until(api, "what the former key signed is claimed", |now| now["claimed"] == "1.5").await;
    settle_all(api).await;
    let settlements = api.walk("/v1/settlements", "cursor").await;
    let [settlement] = &settlements[..] else { panic!("not one: {settlements:?}") };
    let settlement = api.get(&format!("/v1/settlements/{}", text(&settlement["id"]))).await.done(200);
    assert_eq!((&settlement["status"], &settlement["cause"]), (&json!("finalized"), &json!("expiry")), "{settlement}");
    assert_eq!((&settlement["total"], &settlement["skipped"]), (&json!("1.5"), &json!([])), "{settlement}");
    let charge = new.charge(api, "0.1", 1_600_000).await.done(201);
    assert_amount(&charge["session"]["charged"], "1.6");
    let now = session.now(api).await;
    assert_eq!((&now["voucher"]["max_claimable"], &now["voucher"]["former_until"]), (&json!("1.6"), &Value::Null));
    let rows = api.list_at("/v1/session_keys?status=active", Position::of(&charge)).await;
    assert_eq!(rows.iter().map(|row| text(&row["key"])).collect::<Vec<_>>(), [key.as_str()]);
    let explained = api.get(&format!("/v1/charges/{}/explain", text(&charge["id"]))).await.done(200);
    let step = explained["steps"].as_array().unwrap().iter().find(|step| step["step"] == "voucher").unwrap().clone();
    assert_eq!(step["data"]["key"], key.as_str(), "{step}");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_600_000);
    let events = api.get(&format!("/v1/events?session_key_id={}&type=key_rotated", session.id)).await.done(200);
    let [event] = list(&events) else { panic!("not one: {events}") };
    assert_eq!((&event["payload"]["former_key"], &event["payload"]["key"]), (&former, &json!(key)));
    app.tollbook(&["replay"]).await.expect_code(0);
}

#[tokio::test]
async fn a_managed_key_is_replaced() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo/*", cent())).await;
    let session = Session::open(api, &app.payer().await, Custody::Managed, "10").await;
    let gate = gateway(&app, &gateway_key(api, json!({ "session_key_id": session.id })).await);
    session.charge_plain(api, "1").await.done(201);
    assert_cost(&gate.get(PATH).await, "0.01");

    // Tollbook must be able to sign with it: nobody else's key.
    let foreign = session.with_new_key().0;
    let typed_data = session.path("typed_data");
    api.get(&format!("{typed_data}?action=rotate_key")).await.problem(409, "key_not_prepared");
    api.get(&format!("{typed_data}?action=rotate_key&key={foreign}")).await.problem(409, "key_not_prepared");
    let first = api.post_keyed(&session.path("rotation"), "next", &json!({})).await;
    let prepared = first.done(200);
    let again = api.post_keyed(&session.path("rotation"), "next", &json!({})).await;
    assert!(again.is_replay() && again.done(200)["key"] == prepared["key"], "{}", again.text());
    assert_ne!(prepared["key"], session.created["key"]);
    assert_eq!(session.now(api).await["prepared_key"], prepared["key"]);
    // One waits for its owner's signature at a time.
    let other = api.post_keyed(&session.path("rotation"), "other", &json!({})).await.done(200);
    assert_eq!((&other["key"], &other["position"]), (&prepared["key"], &Value::Null));
    assert_eq!(app.site.events_count(Some("key_prepared")).await, 1);
    let asked = api.get(&format!("{typed_data}?action=rotate_key")).await.done(200);
    assert_eq!(asked["typed_data"]["message"]["key"], prepared["key"]);
    let path = format!("{typed_data}?action=rotate_key&key={}", text(&prepared["key"]));
    assert_eq!(api.get(&path).await.done(200)["typed_data"]["message"]["key"], prepared["key"]);
    let mut wrong = signed(&session, &prepared);
    wrong["key"] = json!(foreign);
    api.post(&session.path("rotate"), &wrong).await.problem(409, "key_not_prepared");

    // Charges go on all the while; what was earned before and after is signed for with the key that the contract takes.
    let now = rotate(api, &session, &prepared).await;
    assert_eq!((&now["prepared_key"], &now["status"]), (&Value::Null, &json!("active")));
    session.charge_plain(api, "0.5").await.done(201);
    assert_cost(&gate.get(PATH).await, "0.01");
    let settlement = settle(api).await;
    assert_eq!((&settlement["status"], &settlement["total"]), (&json!("finalized"), &json!("1.52")), "{settlement}");
    assert_eq!(settlement["skipped"], json!([]));

    // Once more, and settled with the third key.
    let third = prepare(api, &session, json!({})).await;
    assert!(third["key"] != prepared["key"] && third["key"] != session.created["key"], "{third}");
    rotate(api, &session, &third).await;
    session.charge_plain(api, "0.25").await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_770_000);
    let pool = app.site.pool();
    let kept: i64 =
        sqlx::query_scalar("select count(*) from vault where kind = 'session_key'").fetch_one(&pool).await.unwrap();
    assert_eq!(kept, 3);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_rotation_is_told_before_it_is_sent() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let payer = app.payer().await;
    let session = Session::open(api, &payer, Custody::Client, "1").await;
    let managed = Session::open(api, &payer, Custody::Managed, "1").await;
    let pending = Session::draw_up(api, &payer, Custody::Client, "1", json!({})).await;
    let theirs = app.other_organization().await;
    app.quiet().await;
    let (key, _) = session.with_new_key();
    let (rotation, rotate) = (session.path("rotation"), session.path("rotate"));
    let prepared = prepare(api, &session, json!({ "key": key })).await;
    let right = signed(&session, &prepared);
    let events = app.site.events_count(None).await;

    api.post(&rotation, &json!({})).await.problem(400, "missing_field");
    api.post(&rotation, &json!({ "key": "0x12" })).await.problem(400, "invalid_address");
    let zero = format!("0x{}", "0".repeat(40));
    api.post(&rotation, &json!({ "key": zero })).await.problem(400, "invalid_address");
    for taken in [text(&session.created["key"]), &app.deployed.contract, &app.deployed.usdc] {
        api.post(&rotation, &json!({ "key": taken })).await.problem(422, "invalid_key");
        let mut body = right.clone();
        body["key"] = json!(taken);
        api.post(&rotate, &body).await.problem(422, "invalid_key");
    }
    api.post(&managed.path("rotation"), &json!({ "key": key })).await.problem(400, "invalid_request");
    api.post(&pending.path("rotation"), &json!({ "key": key })).await.problem(409, "session_pending");
    let typed_data = session.path("typed_data");
    api.get(&format!("{typed_data}?action=rotate_key")).await.problem(400, "missing_field");
    api.get(&format!("{typed_data}?action=freeze&key={key}")).await.problem(400, "invalid_request");
    theirs.post(&rotation, &json!({ "key": key })).await.problem(404, "session_key_not_found");
    theirs.post(&rotate, &right).await.problem(404, "session_key_not_found");

    // Not the owner's signature; the owner's of another key; of a nonce that is not next; that has run out.
    let mut by_other = right.clone();
    by_other["owner_signature"]["signature"] = json!(sign(&owner(3), &prepared["typed_data"]));
    api.post(&rotate, &by_other).await.problem(422, "owner_signature_invalid");
    let mut other_key = right.clone();
    other_key["key"] = json!(session.with_new_key().0);
    api.post(&rotate, &other_key).await.problem(422, "owner_signature_invalid");
    let mut later = right.clone();
    later["owner_signature"]["nonce"] = json!(7);
    api.post(&rotate, &later).await.problem(409, "nonce_used");
    let mut over = right.clone();
    over["owner_signature"]["deadline"] = json!(1);
    api.post(&rotate, &over).await.problem(422, "signature_expired");
    assert_eq!(app.site.events_count(None).await, events, "nothing of it is in the log");

    // The right one, once; and not while it has ended.
    api.post(&rotate, &right).await.done(202);
    session.until(api, "the new key is final", |now| now["key"] == key.as_str() && now["relays"] == json!([])).await;
    api.post(&rotate, &right).await.problem(422, "invalid_key");
    api.post(&session.path("revoke"), &json!({})).await.done(200);
    let (third, _) = session.with_new_key();
    let prepared = prepare(api, &session, json!({ "key": third })).await;
    api.post(&rotate, &signed(&session, &prepared)).await.problem(409, "session_revoked");
    api.post(&managed.path("revoke"), &json!({})).await.done(200);
    api.post(&managed.path("rotation"), &json!({})).await.problem(409, "session_revoked");
    assert_eq!(app.site.events_count(Some("key_prepared")).await, 0);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn owners_rotate_on_the_chain_past_tollbook() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let payer = app.payer().await;
    let client = Session::open(api, &payer, Custody::Client, "5").await;
    let managed = Session::open(api, &payer, Custody::Managed, "5").await;
    client.charge(api, "1", 1_000_000).await.done(201);
    managed.charge_plain(api, "1").await.done(201);

    // The client's new key is as good as one that came through Tollbook.
    let (key, new) = client.with_new_key();
    rotate_on_chain(&app, &client, &key).await;
    client.until(api, "the new key is final", |now| now["key"] == key.as_str()).await;
    client.charge(api, "0.5", 1_500_000).await.problem(422, "voucher_wrong_signer");
    new.charge(api, "0.5", 1_500_000).await.done(201);

    // With a key that Tollbook does not have nothing more could be claimed: that is the end of a managed one. What was
    // earned is claimed with the former key.
    rotate_on_chain(&app, &managed, &managed.with_new_key().0).await;
    let ended = managed.until_status(api, "revoked").await;
    assert_eq!(ended["key"], managed.created["key"]);
    managed.charge_plain(api, "0.1").await.problem(409, "session_revoked");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2_500_000);

    // One that Tollbook has made is taken up, whoever brings it to the chain.
    let other = Session::open(api, &payer, Custody::Managed, "5").await;
    other.charge_plain(api, "1").await.done(201);
    let prepared = prepare(api, &other, json!({})).await;
    rotate_on_chain(&app, &other, text(&prepared["key"])).await;
    other.until(api, "the prepared key is final", |now| now["key"] == prepared["key"]).await;
    other.charge_plain(api, "0.25").await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 3_750_000);
}

#[tokio::test]
async fn the_gateway_says_whose_voucher_it_takes() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    set_route(api, route_to(&upstream, "/echo/*", cent())).await;
    let gate = gateway(&app, "");
    let offered = offer(&Answer::of(gate.anonymous(Method::GET, PATH)).await.unwrap(), "session");
    let session = Session::open(api, &app.payer().await, Custody::Client, "1").await;
    let pay = async |session: &Session, units: u128| get_paid(&gate, PATH, &offered, session, units).await;
    assert_cost(&pay(&session, 3 * CENT_UNITS).await, "0.01");

    let (key, new) = session.with_new_key();
    let prepared = prepare(api, &session, json!({ "key": key })).await;
    refused(&pay(&new, 4 * CENT_UNITS).await, 402, "voucher_wrong_signer");
    rotate(api, &session, &prepared).await;
    // Whoever has the former key learns whose turn it is, and nobody else learns anything.
    let state = |answer: &Answer| offer(answer, "session")["extra"]["state"].clone();
    let answer = pay(&session, 4 * CENT_UNITS).await;
    refused(&answer, 402, "voucher_wrong_signer");
    let told = state(&answer);
    assert_eq!((&told["key"], &told["voucher"]), (&json!(key), &Value::Null));
    assert_eq!((&told["charged"], &told["required"]), (&json!("10000"), &json!("20000")));
    let answer = pay(&session.with_new_key().1, 4 * CENT_UNITS).await;
    refused(&answer, 402, "voucher_wrong_signer");
    assert_eq!(state(&answer), Value::Null);
    // What the former key signed reached further: that counts no more.
    let answer = pay(&new, CENT_UNITS).await;
    refused(&answer, 402, "voucher_too_low");
    let told = state(&answer);
    assert_eq!((&told["key"], &told["required"], &told["voucher"]), (&json!(key), &json!("20000"), &Value::Null));
    assert_cost(&pay(&new, 2 * CENT_UNITS).await, "0.01");
    let answer = pay(&new, 2 * CENT_UNITS).await;
    refused(&answer, 402, "voucher_too_low");
    assert_eq!(state(&answer)["voucher"]["maxClaimable"], "20000");

    // Lists follow.
    let listed = until("the new key is listed", async || {
        let rows = api.walk("/v1/session_keys", "cursor").await;
        rows.into_iter().find(|row| row["key"] == key.as_str())
    })
    .await;
    assert_eq!(listed["id"], session.id.as_str());
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2 * CENT_UNITS);
}
