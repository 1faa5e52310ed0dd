//! Blocks go away with what an owner did on the chain to stop a payer: a request for money back, the end of a session,
//! another key. It holds from the first moment that it is seen, and no longer than the chain has it.

use serde_json::json;

use crate::support::api::text;
use crate::support::assert_amount;
use crate::support::chain::{
    DEEP, ask_back_on_chain, ask_to_settle, assert_never, finish, open_still, revoke_on_chain, rotate_on_chain, still,
    told, until_told,
};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, settle_all, settlement_over};

/// A session key has this much to be charged.
async fn has_left(app: &ChainApp, session: &Session, amount: &str) {
    assert_amount(&session.now(&app.api).await["available"], amount);
}

/// What was taken back so far are so many of a kind, and the last one was this transaction.
async fn taken_back(app: &ChainApp, count: usize, what: &str, tx_hash: &str) {
    let undone = until_told(&app.site, "session_key.sight_undone", count).await;
    assert_eq!(undone.len(), count, "{undone:?}");
    let last = &undone[count - 1];
    assert_eq!((&last["what"], &last["at"]["tx_hash"]), (&json!(what), &json!(tx_hash)), "{last}");
}

#[tokio::test]
async fn a_request_for_money_back_goes() {
    let app = still().await;
    let api = &app.api;
    let session = open_still(&app, Custody::Managed, "2").await;
    session.charge_plain(api, "0.5").await.done(201);

    // All that nobody has earned.
    let asked = ask_back_on_chain(&app, &session, 1_500_000).await;
    app.anvil.mine_blocks(2).await;
    let seen = session.until(api, "the request is seen", |now| !now["withdrawal"].is_null()).await;
    assert_amount(&seen["withdrawal"]["amount"], "1.5");
    has_left(&app, &session, "0").await;
    session.charge_plain(api, "0.000001").await.problem(402, "insufficient_deposit");
    // What was earned is settled for before the money may leave: that stays right without the request.
    app.anvil.pending(1).await;
    app.anvil.reorganize(2, &[]).await;
    session.until(api, "the request is gone", |now| now["withdrawal"].is_null()).await;
    taken_back(&app, 1, "withdrawal", &asked).await;
    has_left(&app, &session, "1.5").await;
    session.charge_plain(api, "0.1").await.done(201);
    app.anvil.pending(1).await;
    finish(&app).await;
    app.quiet().await;
    assert_never(&app.site, &["session_key.withdrawn", "session_key.withdrawal_cancelled"]).await;

    // One that stays is paid out, once.
    let owner = session.owner.address().to_string();
    let before = app.deployed.balance(&app.anvil, &owner).await;
    ask_back_on_chain(&app, &session, USDC).await;
    finish(&app).await;
    session.until(api, "the request is seen", |now| !now["withdrawal"].is_null()).await;
    has_left(&app, &session, "0.4").await;
    app.anvil.resume_mining().await;
    app.advance(901).await;
    session.until(api, "the money is back", |now| now["withdrawn"] == "1" && now["withdrawal"].is_null()).await;
    assert_eq!(app.deployed.balance(&app.anvil, &owner).await, before + USDC);
    session.charge_plain(api, "0.4").await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, USDC);
    assert_eq!(told(&app.site, "session_key.sight_undone").await.len(), 1);
}

#[tokio::test]
async fn a_revocation_goes() {
    let app = still().await;
    let api = &app.api;
    let live = open_still(&app, Custody::Managed, "2").await;
    // Of this one nothing is left: it is closed as soon as its end is final, and what is closed stays closed.
    let spent = open_still(&app, Custody::Managed, "2").await;
    spent.charge_plain(api, "2").await.done(201);
    let id = ask_to_settle(api).await;
    app.anvil.pending(1).await;
    finish(&app).await;
    assert_eq!(settlement_over(api, &id).await["transferred"], "2");
    app.quiet().await;

    for (depth, round) in [2, 5].into_iter().zip(1usize..) {
        live.charge_plain(api, "0.25").await.done(201);
        for session in [&live, &spent] {
            revoke_on_chain(&app, session).await;
        }
        app.anvil.mine_blocks(depth).await;
        for session in [&live, &spent] {
            session.until_status(api, "revoked").await;
            session.charge_plain(api, "0.1").await.problem(409, "session_revoked");
        }
        // What was earned is settled for.
        app.anvil.pending(1).await;
        app.anvil.reorganize(depth, &[]).await;
        for session in [&live, &spent] {
            session.until_status(api, "active").await;
        }
        let undone = until_told(&app.site, "session_key.sight_undone", 2 * round).await;
        assert!(undone.iter().all(|undone| undone["what"] == "revocation"), "{undone:?}");
        live.charge_plain(api, "0.1").await.done(201);
        spent.charge_plain(api, "0.1").await.problem(402, "insufficient_deposit");
        app.anvil.pending(1).await;
        finish(&app).await;
        app.quiet().await;
    }
    assert_never(&app.site, &["session_key.closed"]).await;

    // One that stays.
    for session in [&live, &spent] {
        revoke_on_chain(&app, session).await;
    }
    finish(&app).await;
    spent.until_status(api, "closed").await;
    live.until_status(api, "revoked").await;
    app.anvil.resume_mining().await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2 * USDC + 2 * 350_000);
    assert_eq!(live.now(api).await["status"], "revoked", "its owner has not taken back what is left");
    assert_eq!(told(&app.site, "session_key.sight_undone").await.len(), 4);
}

#[tokio::test]
async fn another_key_goes_and_comes_back() {
    let app = still().await;
    let api = &app.api;
    let old = open_still(&app, Custody::Client, "10").await;
    let (key, new) = old.with_new_key();
    old.charge(api, "1", 2 * USDC).await.done(201);

    // It goes: the old key signs as before.
    let gone = rotate_on_chain(&app, &old, &key).await;
    app.anvil.mine_blocks(2).await;
    let seen = old.until(api, "the rotation is seen", |now| !now["rotation"].is_null()).await;
    assert_eq!((&seen["rotation"]["key"], &seen["key"]), (&json!(key), &old.created["key"]));
    old.charge_plain(api, "0.5").await.done(201);
    for session in [&old, &new] {
        session.charge(api, "1", 3 * USDC).await.problem(409, "key_rotating");
    }
    app.anvil.reorganize(2, &[]).await;
    let back = old.until(api, "the rotation is gone", |now| now["rotation"].is_null()).await;
    assert_eq!(back["key"], old.created["key"]);
    taken_back(&app, 1, "rotation", &gone).await;
    new.charge(api, "1", 3 * USDC).await.problem(422, "voucher_wrong_signer");
    old.charge(api, "1", 3 * USDC).await.done(201);

    // It comes again, and its transaction moves: in the last of three new blocks instead of the first of three old ones.
    let moved = rotate_on_chain(&app, &old, &key).await;
    app.anvil.mine_blocks(3).await;
    let seen = old.until(api, "the rotation is seen", |now| !now["rotation"].is_null()).await;
    let block = seen["rotation"]["seen_block"].as_u64().unwrap() + 2;
    let raw = app.anvil.raw(&moved).await;
    app.anvil.reorganize(3, &[(raw, 2)]).await;
    old.until(api, "it is in another block", |now| now["rotation"]["seen_block"] == block).await;
    for session in [&old, &new] {
        session.charge(api, "1", 4 * USDC).await.problem(409, "key_rotating");
    }
    app.anvil.mine_blocks(DEEP).await;
    old.until(api, "the new key is final", |now| now["key"] == key.as_str() && now["rotation"].is_null()).await;
    let rotated = told(&app.site, "session_key.key_rotated").await;
    let [rotated] = &rotated[..] else { panic!("not one: {rotated:?}") };
    let at = &rotated["at"];
    assert_eq!((&at["tx_hash"], &at["block_number"]), (&json!(moved), &json!(block)), "{rotated}");
    assert_eq!(text(&at["block_hash"]), app.anvil.block_hash(block).await, "{rotated}");

    // What the old key signed pays for what was charged, and for nothing more.
    let required = old.charge_plain(api, "0.1").await.problem(402, "voucher_required");
    assert_eq!((&required["needed_atomic"], &required["charged"]), (&json!("2600000"), &json!("2.5")));
    old.charge(api, "0.1", 4 * USDC).await.problem(422, "voucher_wrong_signer");
    new.charge(api, "0.1", 2_600_000).await.done(201);
    app.anvil.resume_mining().await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2_600_000);
}

#[tokio::test]
async fn a_key_that_nobody_here_has_goes() {
    let app = still().await;
    let api = &app.api;
    let session = open_still(&app, Custody::Managed, "2").await;
    session.charge_plain(api, "0.5").await.done(201);
    // With that key Tollbook could sign nothing more: it is the end, as long as the chain has it.
    let foreign = session.with_new_key().0;
    let rotation = rotate_on_chain(&app, &session, &foreign).await;
    app.anvil.mine_blocks(2).await;
    session.until_status(api, "revoked").await;
    session.charge_plain(api, "0.1").await.problem(409, "session_revoked");
    app.anvil.pending(1).await;
    app.anvil.reorganize(2, &[]).await;
    let back = session.until_status(api, "active").await;
    assert_eq!((&back["key"], &back["rotation"]), (&session.created["key"], &json!(null)));
    taken_back(&app, 1, "revocation", &rotation).await;
    session.charge_plain(api, "0.25").await.done(201);
    app.anvil.pending(1).await;
    finish(&app).await;
    app.quiet().await;
    app.anvil.resume_mining().await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 750_000);
    assert_never(&app.site, &["session_key.key_rotated", "session_key.closed", "settlement.failed"]).await;
}
