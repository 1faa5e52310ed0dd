//! Blocks that go away. What was only seen is taken back, what was sent is sent again, and what is final stays: one
//! deposit is one deposit, and the payee is paid once. When even final blocks go away, a person must look.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::chain::{
    DEEP, all_read, approve_on_chain, ask_to_settle, assert_never, confirm, deposit_on_chain, finish, freeze_on_chain,
    halted, open_with, paid_once, sent_while_halted, settlement_is, status_ends, still, told, until_told,
};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, owner, settle_all, settlement_over};
use crate::support::until;

/// As deep as a block may lie and not be final.
const DEPTHS: std::ops::RangeInclusive<u64> = 1..=5;

/// Makes a session key whose opening waits for a block.
async fn opening(app: &ChainApp, customer: &str, index: usize) -> Session {
    let change = json!({ "owner": owner(index).address().to_string() });
    let session = Session::draw_up(&app.api, customer, Custody::Managed, "2", change).await;
    app.api.post(&session.path("register"), &session.opening()).await.done(202);
    app.anvil.pending(1).await;
    session
}

/// Opens one that can be charged, while blocks come only when they are asked for.
async fn open(app: &ChainApp, customer: &str) -> Session {
    let session = opening(app, customer, 0).await;
    finish(app).await;
    session.active(&app.api).await;
    app.quiet().await;
    session
}

/// The events of one session key of this kind.
fn of<'a>(session: &Session, told: &'a [Value]) -> Vec<&'a Value> {
    let customer = &session.created["customer_id"];
    told.iter().filter(|payload| payload["customer_id"] == *customer).collect()
}

#[tokio::test]
async fn a_deposit_goes_and_comes_back() {
    let app = still().await;
    let api = &app.api;
    for (depth, round) in DEPTHS.zip(0usize..) {
        let customer = app.payer().await;
        let session = opening(&app, &customer, round).await;
        app.anvil.mine_blocks(depth).await;
        session.until(api, "its deposit is seen", |now| now["pending_deposits"] == "2").await;
        let mined = until_told(&app.site, "settler.mined", 2 * round + 1).await;

        app.anvil.reorganize(depth, &[]).await;
        let gone = session.until(api, "its deposit is gone", |now| now["pending_deposits"] == "0").await;
        assert_eq!((&gone["status"], &gone["deposited"]), (&json!("pending"), &json!("0")), "depth {depth}");
        let undone = told(&app.site, "session_key.sight_undone").await;
        let [undone] = of(&session, &undone)[..] else { panic!("not one: {undone:?}") };
        assert_eq!(undone["what"], "deposit", "{undone}");
        assert_eq!(undone["at"]["tx_hash"], mined[2 * round]["tx_hash"], "{undone}");
        let reorganized = until_told(&app.site, "settler.reorganized", round + 1).await;
        assert_eq!(reorganized[round]["block_hash"], mined[2 * round]["block_hash"], "depth {depth}");

        // The same bytes again: the node has forgotten them.
        app.anvil.pending(1).await;
        finish(&app).await;
        session.active(api).await;
        app.quiet().await;
        let deposited = told(&app.site, "session_key.deposited").await;
        assert_eq!(of(&session, &deposited).len(), 1, "deposited once");
        session.charge_plain(api, "1.000001").await.done(201);
    }
    app.anvil.resume_mining().await;
    // Blocks that took the place of others have earlier times: some sessions would not be valid yet.
    app.advance(60).await;
    assert_eq!(told(&app.site, "settler.signed").await.len(), DEPTHS.count());
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, DEPTHS.count() as u128 * 1_000_001);
    assert_never(&app.site, &["chain.halted", "settler.displaced"]).await;
}

#[tokio::test]
async fn a_deposit_that_does_not_come_back() {
    let app = still().await;
    let api = &app.api;
    app.anvil.resume_mining().await;
    let customer = app.payer().await;
    let session = Session::draw_up(api, &customer, Custody::Client, "10", json!({})).await;
    open_with(&app, &session, "4").await;
    approve_on_chain(&app, &session, 3 * USDC).await;
    app.quiet().await;
    app.anvil.stop_mining().await;
    for (depth, round) in DEPTHS.zip(1..) {
        // Its owner's own transaction: nobody sends it a second time.
        deposit_on_chain(&app, &session, 3 * USDC).await;
        app.anvil.mine_blocks(depth).await;
        session.until(api, "its deposit is seen", |now| now["pending_deposits"] == "3").await;
        app.anvil.reorganize(depth, &[]).await;
        let now = session.until(api, "its deposit is gone", |now| now["pending_deposits"] == "0").await;
        assert_eq!((&now["deposited"], &now["available"]), (&json!("4"), &json!("4")), "depth {depth}");
        until_told(&app.site, "session_key.sight_undone", round).await;
        app.anvil.mine_blocks(DEEP).await;
        session.charge(api, "4.000001", 5 * USDC).await.problem(402, "insufficient_deposit");
    }
    app.anvil.resume_mining().await;
    assert_eq!(told(&app.site, "session_key.deposited").await.len(), 1);
    session.charge(api, "1.5", 1_500_000).await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_500_000);
    assert_eq!(session.now(api).await["pending_deposits"], "0");
}

#[tokio::test]
async fn a_settlement_goes_and_comes_back() {
    let app = still().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = open(&app, &customer).await;
    for (depth, round) in DEPTHS.zip(1usize..) {
        session.charge_plain(api, "0.300001").await.done(201);
        let id = ask_to_settle(api).await;
        app.anvil.pending(1).await;
        app.anvil.mine_blocks(depth).await;
        let mined = settlement_is(api, &id, "mined").await;
        assert_eq!(paid_once(&app.deployed, &app.anvil).await, round as u128 * 300_001);

        app.anvil.reorganize(depth, &[]).await;
        let gone = until_told(&app.site, "settlement.reorganized", round).await;
        assert_eq!(gone[round - 1]["block_hash"], mined["transaction"]["block_hash"]);
        until_told(&app.site, "settler.reorganized", round).await;
        let back = settlement_is(api, &id, "submitted").await;
        assert_eq!(back["transaction"]["hash"], mined["transaction"]["hash"], "the same bytes");
        assert_eq!(back["transaction"]["block_number"], Value::Null, "{back}");
        assert_eq!(paid_once(&app.deployed, &app.anvil).await, (round - 1) as u128 * 300_001);
        assert_eq!(session.now(api).await["in_settlement"], id.as_str());

        app.anvil.pending(1).await;
        finish(&app).await;
        let over = settlement_over(api, &id).await;
        assert_eq!((&over["status"], &over["transferred"]), (&json!("finalized"), &json!("0.300001")), "{over}");
        session.until(api, "claimed", |now| now["in_settlement"].is_null() && now["unsettled"] == "0").await;
    }
    app.anvil.resume_mining().await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, DEPTHS.count() as u128 * 300_001);
    assert_eq!(told(&app.site, "settlement.submitted").await.len(), DEPTHS.count());
    assert_never(&app.site, &["settlement.failed", "settlement.parked", "settlement.resubmitted"]).await;
}

#[tokio::test]
async fn a_settlement_moves_to_another_block() {
    let app = still().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = open(&app, &customer).await;
    session.charge_plain(api, "1.25").await.done(201);
    let id = ask_to_settle(api).await;
    app.anvil.pending(1).await;
    app.anvil.mine_blocks(3).await;
    let mined = settlement_is(api, &id, "mined").await;
    let place = &mined["transaction"];
    // In the last of three new blocks instead of the first of three old ones.
    let raw = app.anvil.raw(text(&place["hash"])).await;
    app.anvil.reorganize(3, &[(raw, 2)]).await;
    let moved = until("it is in another block", async || {
        let now = api.get(&format!("/v1/settlements/{id}")).await.done(200);
        let block = &now["transaction"]["block_number"];
        (now["status"] == "mined" && *block == json!(place["block_number"].as_u64().unwrap() + 2)).then_some(now)
    })
    .await;
    assert_eq!(moved["transaction"]["hash"], place["hash"]);
    app.anvil.mine_blocks(DEEP).await;
    let over = settlement_over(api, &id).await;
    assert_eq!(over["transaction"]["block_hash"], moved["transaction"]["block_hash"], "{over}");
    assert_eq!(told(&app.site, "settlement.reorganized").await.len(), 1);
    app.anvil.resume_mining().await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_250_000);
}

#[tokio::test]
async fn a_freeze_goes() {
    let app = still().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = open(&app, &customer).await;
    for (depth, round) in DEPTHS.zip(1usize..) {
        freeze_on_chain(&app, &session).await;
        app.anvil.mine_blocks(depth).await;
        session.until_status(api, "frozen").await;
        session.charge_plain(api, "0.1").await.problem(409, "session_frozen");
        app.anvil.reorganize(depth, &[]).await;
        session.until_status(api, "active").await;
        let undone = until_told(&app.site, "session_key.sight_undone", round).await;
        assert_eq!(undone[round - 1]["what"], "freeze");
        session.charge_plain(api, "0.1").await.done(201);
    }
    // One that stays.
    freeze_on_chain(&app, &session).await;
    finish(&app).await;
    session.until_status(api, "frozen").await;
    app.anvil.resume_mining().await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, DEPTHS.count() as u128 * 100_000);
    session.charge_plain(api, "0.1").await.problem(409, "session_frozen");
    assert_eq!(told(&app.site, "session_key.sight_undone").await.len(), DEPTHS.count());
}

#[tokio::test]
async fn deeper_than_final_needs_a_person() {
    let app = still().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = open(&app, &customer).await;
    session.charge_plain(api, "1").await.done(201);
    let first = ask_to_settle(api).await;
    app.anvil.pending(1).await;
    finish(&app).await;
    assert_eq!(settlement_over(api, &first).await["transferred"], "1");
    app.quiet().await;
    // Blocks that have nothing of ours in them, but something, so that those which replace them differ.
    let somebody = owner(3).address().to_string();
    app.anvil.start_sending(&somebody, &somebody, "0x").await;
    app.anvil.mine_blocks(DEEP).await;
    let last = all_read(&app).await;

    app.anvil.reorganize(DEEP, &[]).await;
    let told_of = halted(&app, 1).await;
    assert_eq!(told_of["contract"].as_str().map(str::to_lowercase), Some(app.deployed.contract.to_lowercase()));
    assert!(told_of["last_block"].as_i64().unwrap() <= last, "{told_of}");
    assert_eq!(told_of["resend"], json!([]), "nothing of ours was in them");

    // Charges go on, settlements wait, however many blocks come.
    session.charge_plain(api, "0.5").await.done(201);
    let waiting = ask_to_settle(api).await;
    app.anvil.resume_mining().await;
    app.anvil.goes_on(5).await;
    session.charge_plain(api, "0.25").await.done(201);
    let now = api.get(&format!("/v1/settlements/{waiting}")).await.done(200);
    assert!(["opened", "planned"].contains(&text(&now["status"])), "{now}");
    assert_eq!(paid_once(&app.deployed, &app.anvil).await, USDC);

    confirm(&app.site, "the chain's operators have said what happened").await;
    assert_eq!(sent_while_halted(&app.site).await, 0);
    app.chain_is("ok").await;
    settlement_over(api, &waiting).await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_750_000);
    status_ends(&app.site, "ok").await;
    assert_eq!(told(&app.site, "chain.halted").await.len(), 1);
}
