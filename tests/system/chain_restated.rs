//! A deposit that was final is gone with a chain that was set back, and a person has the log take over what the chain
//! has: only when nothing can come by itself any more. When the same deposit is mined after all, it counts again, once.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::chain::{
    BY_HAND, DEEP, SIX_DEEP, all_read, approve_on_chain, ask_to_settle, assert_never, confirm, deposit_on_chain,
    finish, halted, open_with, paid_once, told, until_told,
};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, settlement_over};
use crate::support::{Output, until};

const NOTE: &str = "its owner does not pay in again";

/// A session key with 4 USDC in it, whose owner may put in 3 more by itself; from then on blocks come when a test says so.
/// Also the chain as it is then, and all that is final of it was read. Another session's money stays in the contract: were
/// it empty, a deposit would take more gas than the owner's transaction has.
async fn four_in() -> (ChainApp, Session, Value) {
    let app = ChainApp::up_with(&[SIX_DEEP, BY_HAND]).await;
    let customer = app.payer().await;
    let session = Session::draw_up(&app.api, &customer, Custody::Managed, "10", json!({})).await;
    open_with(&app, &session, "4").await;
    Session::open(&app.api, &customer, Custody::Managed, "1").await;
    approve_on_chain(&app, &session, 3 * USDC).await;
    app.quiet().await;
    app.anvil.stop_mining().await;
    all_read(&app).await;
    let snapshot = app.anvil.snapshot().await;
    (app, session, snapshot)
}

/// Whoever has the database asks for it.
async fn restate(app: &ChainApp) -> Output {
    app.site.tollbook(&["chain", "confirm", "--restate", "--note", NOTE], &[]).await
}

/// It is not done now, and why.
async fn refused(app: &ChainApp, why: &str) {
    let output = restate(app).await.expect_code(1);
    assert!(output.stderr.contains(why), "{}\n{}", output.stdout, output.stderr);
}

/// It can be done now, for so many session keys. Gives what it says.
async fn restated(app: &ChainApp, count: usize) -> String {
    let output = restate(app).await.expect_code(0);
    assert!(output.stdout.contains(&format!("{count} restated, 0 could not be")), "{}", output.stdout);
    output.stdout
}

/// What a person had taken out of the log.
async fn taken_out(app: &ChainApp) -> Vec<Value> {
    let all = told(&app.site, "session_key.restated").await;
    all.into_iter().filter(|restated| restated["amount"] != "0").collect()
}

/// Waits until what so many confirmations ask for is done: the chain was read anew, and all that is lost was sent again.
async fn carried_out(app: &ChainApp, confirmations: i64) {
    let pool = app.site.pool();
    until("the chain was read anew", async || {
        let cursor: Option<(i64, bool)> = sqlx::query_as("select confirmations, reading_anew from chain_cursors")
            .fetch_optional(&pool)
            .await
            .unwrap();
        (cursor == Some((confirmations, false))).then_some(())
    })
    .await;
    pool.close().await;
    app.chain_is("ok").await;
}

/// What the session key has, and what the contract has for it.
#[track_caller]
fn assert_has(now: &Value, deposited: &str, charged: &str, available: &str) {
    let has = (&now["deposited"], &now["charged"], &now["available"]);
    assert_eq!(has, (&json!(deposited), &json!(charged), &json!(available)), "{now}");
}

async fn in_escrow(app: &ChainApp, session: &Session) -> u128 {
    app.deployed.escrow(&app.anvil, session.session_id(), &app.deployed.payee).await
}

/// A settlement of all there is, in one block, which becomes final.
async fn settled(app: &ChainApp) -> Value {
    let wanted = ask_to_settle(&app.api).await;
    app.anvil.pending(1).await;
    finish(app).await;
    let settlement = settlement_over(&app.api, &wanted).await;
    assert_eq!(settlement["status"], "finalized", "{settlement}");
    app.quiet().await;
    settlement
}

#[tokio::test]
async fn what_does_not_come_again_is_taken_out_and_counts_once_when_it_comes_after_all() {
    let (app, session, snapshot) = four_in().await;
    let api = &app.api;
    let deposit = deposit_on_chain(&app, &session, 3 * USDC).await;
    finish(&app).await;
    session.until(api, "paid in", |now| now["deposited"] == "7").await;
    session.charge_plain(api, "5.5").await.done(201);
    all_read(&app).await;
    let deposit = app.anvil.raw(&deposit).await;

    // It goes away with its block, and was not ours to send.
    app.anvil.set_back(&snapshot).await;
    let found = halted(&app, 1).await;
    let words: Vec<&str> = found["differences"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let is_named = |word: &&str| word.contains(&session.id) && word.contains("in the log 7 USDC in escrow");
    assert!(words.iter().any(is_named), "{found}");
    assert_eq!(found["resend"], json!([]), "nothing of the settler's is missing");
    session.charge_plain(api, "0.25").await.done(201);
    refused(&app, "the chain is halted: confirm first, without --restate").await;
    confirm(&app.site, "the node was restored").await;
    carried_out(&app, 1).await;

    // A confirmation alone takes no money out of the log: whoever compares finds the difference.
    assert_has(&session.now(api).await, "7", "5.75", "1.25");
    assert_eq!((in_escrow(&app, &session).await, taken_out(&app).await.len()), (4 * USDC, 0));
    let compared = app.site.tollbook(&["reconcile"], &[]).await.expect_code(1);
    let difference = format!("{} in escrow: in the log 7, on the chain 4", session.id);
    assert!(compared.stdout.contains(&difference), "{}", compared.stdout);

    // More was charged than the contract has. It skips such a claim, and then nothing more is charged.
    let skipped = settled(&app).await;
    assert_eq!((&skipped["total"], &skipped["transferred"]), (&json!("5.75"), &json!("0")), "{skipped}");
    assert_eq!(skipped["skipped"], json!([{ "session_id": session.session_id(), "reason": "above_escrow" }]));
    let denied = session.charge_plain(api, "0.25").await.problem(409, "claim_set_aside");
    assert_eq!(denied["reason"], "above_escrow");

    // What the chain has is written down. What was charged above that is owed.
    all_read(&app).await;
    let said = restated(&app, 1).await;
    assert!(said.contains(&format!("{}: 7 in escrow, now 4", session.id)), "{said}");
    let all = taken_out(&app).await;
    let [taken] = &all[..] else { panic!("not once: {all:?}") };
    assert_eq!((&taken["amount"], &taken["deposited"], &taken["reason"]), (&json!("3"), &json!("4"), &json!(NOTE)));
    assert_has(&session.now(api).await, "4", "5.75", "0");
    let denied = session.charge_plain(api, "0.01").await.problem(402, "insufficient_deposit");
    assert_eq!(denied["available"], "0");
    app.site.assert_clean().await;
    restated(&app, 0).await;
    assert_eq!(taken_out(&app).await.len(), 1, "nothing is taken out twice");
    assert_eq!(settled(&app).await["transferred"], "4");
    assert_eq!(session.now(api).await["unsettled"], "1.75");
    app.site.assert_clean().await;

    // The very same transaction is mined after all.
    app.anvil.send_raw(&deposit).await;
    app.anvil.mine().await;
    let now = session.until(api, "seen again", |now| now["pending_deposits"] == "3").await;
    assert_has(&now, "4", "5.75", "0");
    app.anvil.mine_blocks(DEEP).await;
    let now = session.until(api, "final again", |now| now["deposited"] != "4").await;
    assert_has(&now, "7", "5.75", "1.25");
    assert_eq!(now["pending_deposits"], "0");
    assert_eq!(settled(&app).await["transferred"], "1.75");
    assert_eq!(paid_once(&app.deployed, &app.anvil).await, 5_750_000);
    app.site.assert_clean().await;

    // The chain loses blocks once more, and all of it is read anew: what it still has counts as it did.
    all_read(&app).await;
    let snapshot = app.anvil.snapshot().await;
    finish(&app).await;
    all_read(&app).await;
    app.anvil.set_back(&snapshot).await;
    assert_eq!(halted(&app, 2).await["differences"], json!([]));
    confirm(&app.site, "the node was restored once more").await;
    carried_out(&app, 2).await;
    all_read(&app).await;
    restated(&app, 0).await;
    assert_has(&session.now(api).await, "7", "5.75", "1.25");
    session.charge_plain(api, "1.25").await.done(201);
    session.charge_plain(api, "0.000001").await.problem(402, "insufficient_deposit");
    let deposits = told(&app.site, "session_key.deposited").await;
    let amounts = deposits.iter().map(|deposited| text(&deposited["amount"])).filter(|amount| *amount != "1");
    assert_eq!(amounts.collect::<Vec<_>>(), ["4", "3", "3"], "before it was lost, and once after that");
    assert_eq!((in_escrow(&app, &session).await, taken_out(&app).await.len()), (7 * USDC, 1));
    app.site.assert_clean().await;
    app.tollbook(&["replay"]).await.expect_code(0);
}

/// A deposit that was relayed is final, and then gone with its block; everything halts. The settler will send it again.
async fn relayed_and_lost() -> (ChainApp, Session) {
    let (app, session, snapshot) = four_in().await;
    let deposit = session.deposit(&app.api, "3", 1).await;
    app.api.post(&session.path("deposits"), &deposit).await.done(202);
    app.anvil.pending(1).await;
    finish(&app).await;
    session.until(&app.api, "paid in", |now| now["deposited"] == "7" && now["relays"] == json!([])).await;
    app.quiet().await;
    all_read(&app).await;
    app.anvil.set_back(&snapshot).await;
    let found = halted(&app, 1).await;
    assert_eq!(found["resend"].as_array().unwrap().len(), 1, "{found}");
    (app, session)
}

/// It comes again by itself, and was in the log all the time: there is nothing to take out.
async fn comes_again(app: &ChainApp, session: &Session) {
    until_told(&app.site, "settler.resend_requested", 1).await;
    assert_eq!(in_escrow(app, session).await, 4 * USDC);
    app.anvil.pending(1).await;
    finish(app).await;
    until_told(&app.site, "settler.resent", 1).await;
    carried_out(app, 1).await;
    all_read(app).await;
    restated(app, 0).await;
    assert_has(&session.now(&app.api).await, "7", "0", "7");
    assert_eq!((in_escrow(app, session).await, taken_out(app).await.len()), (7 * USDC, 0));
    assert_eq!(told(&app.site, "session_key.deposited").await.len(), 3, "each deposit once");
    assert_never(&app.site, &["settler.displaced", "session_key.relay_failed"]).await;
    app.site.assert_clean().await;
}

#[tokio::test]
async fn nothing_is_taken_out_while_it_is_sent_again() {
    let (app, session) = relayed_and_lost().await;
    confirm(&app.site, "the node was restored").await;
    // No blocks, so what is sent again does not get there.
    until_told(&app.site, "settler.resend_requested", 1).await;
    refused(&app, "is sent again: deposits may still come").await;
    comes_again(&app, &session).await;
}

#[tokio::test]
async fn nothing_is_taken_out_before_a_worker_has_begun_to_read_anew() {
    let (mut app, session) = relayed_and_lost().await;
    app.kill();
    confirm(&app.site, "the node was restored").await;
    // The chain is as long as it was: where it was read to says nothing of which chain that was.
    finish(&app).await;
    refused(&app, "the chain is being read: deposits may still come").await;
    app.restart().await;
    comes_again(&app, &session).await;
}

#[tokio::test]
async fn what_is_skipped_when_it_is_sent_again_is_proven_no_more() {
    let (app, session, snapshot) = four_in().await;
    let api = &app.api;
    deposit_on_chain(&app, &session, 3 * USDC).await;
    finish(&app).await;
    session.until(api, "paid in", |now| now["deposited"] == "7").await;
    let charge = session.charge_plain(api, "5.5").await.done(201);
    let settlement = settled(&app).await;
    assert_eq!(settlement["transferred"], "5.5", "{settlement}");
    let path = format!("/v1/charges/{}/proof", text(&charge["id"]));
    let proof = until("there is a proof", async || {
        Some(api.get(&path).await).filter(|answer| answer.status == 200).map(|answer| answer.done(200))
    })
    .await;
    all_read(&app).await;

    // The owner's deposit is lost for good: the same batch, sent again, claims more than there is.
    app.anvil.set_back(&snapshot).await;
    halted(&app, 1).await;
    api.get(&path).await.problem(409, "chain_read_anew");
    confirm(&app.site, "the node was restored").await;
    until_told(&app.site, "settler.resend_requested", 1).await;
    api.get(&path).await.problem(409, "chain_read_anew");
    app.anvil.pending(1).await;
    finish(&app).await;
    until_told(&app.site, "settler.resent", 1).await;
    carried_out(&app, 1).await;
    let problem = api.get(&path).await.problem(409, "claim_skipped");
    assert_eq!((&problem["settlement_id"], &problem["reason"]), (&settlement["id"], &json!("above_escrow")));

    // Whoever operates it is told, and whoever compares why.
    let metrics = api.get("/metrics").await.text();
    assert!(metrics.lines().any(|line| line == "tollbook_chain_resent_unpaid_total 1"), "{metrics}");
    // A settlement is compared from the block on in which it was final at first.
    app.anvil.mine_blocks(40).await;
    all_read(&app).await;
    let compared = app.site.tollbook(&["reconcile"], &[]).await.expect_code(1);
    let hash = text(&proof["transaction"]["hash"]);
    let why = format!("transaction {hash}: the claim was skipped when it was sent again: above_escrow");
    assert!(compared.stdout.contains(&why), "{}", compared.stdout);
    assert!(!compared.stdout.contains("says something else"), "{}", compared.stdout);
    // It counts as claimed: that much is not taken out.
    let refused = restate(&app).await.expect_code(1);
    assert!(refused.stdout.contains("0 restated, 1 could not be"), "{}", refused.stdout);
    let now = session.now(api).await;
    assert_eq!((&now["deposited"], &now["claimed"]), (&json!("7"), &json!("5.5")), "{now}");
}
