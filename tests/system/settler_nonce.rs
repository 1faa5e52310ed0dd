//! The settler's key is used by somebody else as well, who takes nonces that Tollbook counts on. Whatever was to be sent
//! with them is sent with others, and the payee is paid once.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::chain::{
    BY_HAND, ask_to_settle, assert_never, behind, paid_once, send_opening, sent_by_settler, settlement_is, settler_key,
    told, until_told, use_key,
};
use crate::support::rpc_proxy::{Lie, RpcProxy};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, owner, settle, settle_all, settlement_over};
use crate::support::until;

/// Somebody uses the settler's next nonces, so many of them, and each goes into a block.
async fn used_by_others(app: &ChainApp, count: u64) {
    let key = settler_key(&app.site);
    let first = sent_by_settler(&app.site, &app.anvil).await;
    for nonce in first..first + count {
        use_key(&app.anvil, &key, nonce).await;
    }
    until("they are in blocks", async || (sent_by_settler(&app.site, &app.anvil).await == first + count).then_some(()))
        .await;
}

/// Nonces that Tollbook has seen others use: skipped before it signed for them, or found taken afterwards.
async fn lost_nonces(app: &ChainApp) -> u64 {
    let displaced = told(&app.site, "settler.displaced").await.len() as u64;
    let skipped = told(&app.site, "settler.nonces_skipped").await;
    displaced + skipped.iter().map(|skip| skip["to"].as_u64().unwrap() - skip["from"].as_u64().unwrap()).sum::<u64>()
}

/// Every transaction under the settler's address is one of Tollbook's, once, or one of the others'.
async fn assert_each_once(app: &ChainApp, others: u64) {
    let signed = told(&app.site, "settler.signed").await;
    let mut sent = 0;
    for signed in &signed {
        let receipt = app.anvil.rpc("eth_getTransactionReceipt", json!([signed["tx_hash"]])).await;
        sent += u64::from(!receipt.is_null());
    }
    assert_eq!(sent_by_settler(&app.site, &app.anvil).await, sent + others);
    let enqueued = told(&app.site, "settler.enqueued").await.len() as u64;
    assert_eq!(sent, enqueued, "what was to be sent, and what is on the chain");
    assert_never(
        &app.site,
        &["settler.rejected", "settlement.failed", "settlement.parked", "session_key.relay_failed", "chain.halted"],
    )
    .await;
}

#[tokio::test]
async fn before_and_between() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let api = &app.api;
    until_told(&app.site, "settler.opened", 1).await;
    used_by_others(&app, 2).await;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    assert_eq!(lost_nonces(&app).await, 2);
    session.charge_plain(api, "1.5").await.done(201);
    assert_eq!(settle(api).await["transferred"], "1.5");
    app.quiet().await;
    used_by_others(&app, 3).await;
    session.charge_plain(api, "2.25").await.done(201);
    assert_eq!(settle(api).await["transferred"], "2.25");
    app.quiet().await;
    used_by_others(&app, 1).await;
    session.by_owner(api, "freeze", "freeze").await;
    session.by_owner(api, "unfreeze", "unfreeze").await;
    assert_eq!(lost_nonces(&app).await, 6);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 3_750_000);
    assert_each_once(&app, 6).await;
}

#[tokio::test]
async fn while_a_settlement_waits_for_its_block() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Client, "10").await;
    app.quiet().await;
    for round in 1..=3usize {
        session.charge(api, "1.000001", 9 * USDC).await.done(201);
        app.anvil.stop_mining().await;
        let id = ask_to_settle(api).await;
        app.anvil.pending(1).await;
        let submitted = settlement_is(api, &id, "submitted").await;
        // The same nonce, at a better price: the node forgets ours.
        let nonce = submitted["transaction"]["nonce"].as_u64().unwrap();
        let theirs = use_key(&app.anvil, &settler_key(&app.site), nonce).await;
        app.anvil.mine().await;
        let receipt = app.anvil.rpc("eth_getTransactionReceipt", json!([theirs])).await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        app.anvil.resume_mining().await;

        let over = settlement_over(api, &id).await;
        assert_eq!((&over["status"], &over["transferred"]), (&json!("finalized"), &json!("1.000001")), "{over}");
        assert!(over["transaction"]["nonce"].as_u64().unwrap() > nonce, "{over}");
        assert_ne!(over["transaction"]["hash"], submitted["transaction"]["hash"]);
        let displaced = told(&app.site, "settler.displaced").await;
        assert_eq!((displaced.len(), &displaced[round - 1]["nonce"]), (round, &json!(nonce)));
        // Whoever reads the settlement's own story finds both.
        let again = told(&app.site, "settlement.resubmitted").await;
        assert_eq!((again.len(), &again[round - 1]["tx_hash"]), (round, &over["transaction"]["hash"]));
        app.quiet().await;
    }
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 3_000_003);
    assert_each_once(&app, 3).await;
}

#[tokio::test]
async fn in_the_middle_of_a_queue() {
    const SESSIONS: usize = 5;
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let api = &app.api;
    until_told(&app.site, "settler.opened", 1).await;
    let customer = app.payer().await;
    app.anvil.stop_mining().await;
    let mut sessions = Vec::new();
    for i in 0..SESSIONS {
        let change = json!({ "owner": owner(i).address().to_string() });
        let session = Session::draw_up(api, &customer, Custody::Managed, "2", change).await;
        api.post(&session.path("register"), &session.opening()).await.done(202);
        sessions.push(session);
    }
    app.anvil.pending(SESSIONS as u64).await;
    until_told(&app.site, "settler.sent", SESSIONS).await;
    // Two of the five, while all of them wait.
    let key = settler_key(&app.site);
    let first = sent_by_settler(&app.site, &app.anvil).await;
    for nonce in [first + 1, first + 3] {
        use_key(&app.anvil, &key, nonce).await;
    }
    app.anvil.mine().await;
    app.anvil.resume_mining().await;
    for session in &sessions {
        session.active(api).await;
        session.charge_plain(api, "0.7").await.done(201);
    }
    let displaced = told(&app.site, "settler.displaced").await;
    let mut nonces: Vec<u64> = displaced.iter().map(|displaced| displaced["nonce"].as_u64().unwrap()).collect();
    nonces.sort_unstable();
    assert_eq!(nonces, [first + 1, first + 3]);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 700_000 * SESSIONS as u128);
    assert_eq!(told(&app.site, "session_key.deposited").await.len(), SESSIONS, "each deposit once");
    assert_each_once(&app, 2).await;
}

#[tokio::test]
async fn while_the_program_is_away() {
    let mut app = ChainApp::up_with(&[BY_HAND]).await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    app.quiet().await;
    session.charge_plain(&app.api, "4").await.done(201);
    app.anvil.stop_mining().await;
    let id = ask_to_settle(&app.api).await;
    app.anvil.pending(1).await;
    until_told(&app.site, "settler.sent", 2).await;
    app.kill();
    // Its own is replaced, and more are used after it.
    let key = settler_key(&app.site);
    let nonce = sent_by_settler(&app.site, &app.anvil).await;
    for n in 0..3 {
        use_key(&app.anvil, &key, nonce + n).await;
    }
    app.anvil.resume_mining().await;
    app.restart().await;
    let over = settlement_over(&app.api, &id).await;
    assert_eq!((&over["status"], &over["transferred"]), (&json!("finalized"), &json!("4")), "{over}");
    assert!(over["transaction"]["nonce"].as_u64().unwrap() >= nonce + 3, "{over}");
    assert_eq!(told(&app.site, "settler.displaced").await[0]["nonce"], nonce);
    assert_eq!(lost_nonces(&app).await, 3);
    settle_all(&app.api).await;
    assert_eq!(app.assert_settled().await, 4 * USDC);
    assert_eq!(paid_once(&app.deployed, &app.anvil).await, 4 * USDC);
    assert_each_once(&app, 3).await;
}

#[tokio::test]
async fn what_is_displaced_is_not_sent_by_anybody_again() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    app.quiet().await;
    session.charge_plain(api, "3").await.done(201);
    app.anvil.stop_mining().await;
    let id = ask_to_settle(api).await;
    app.anvil.pending(1).await;
    let submitted = settlement_is(api, &id, "submitted").await;
    let first = app.anvil.raw(text(&submitted["transaction"]["hash"])).await;
    use_key(&app.anvil, &settler_key(&app.site), submitted["transaction"]["nonce"].as_u64().unwrap()).await;
    app.anvil.mine().await;
    app.anvil.resume_mining().await;
    settlement_over(api, &id).await;
    // Its bytes are worth nothing any more, whoever has them.
    let refused = app.anvil.try_rpc("eth_sendRawTransaction", json!([first])).await;
    assert!(refused.as_ref().is_err_and(|why| why.contains("nonce too low")), "{refused:?}");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 3 * USDC);
    let shown: Value = api.get(&format!("/v1/settlements/{id}")).await.done(200);
    assert_eq!((&shown["claims"], &shown["settled"], &shown["attempts"]), (&json!(1), &json!(1), &json!(0)));
    assert_each_once(&app, 1).await;
}

/// A nonce is taken, and one of two nodes goes on to say that ours went into a block.
async fn while_one_says_that_ours_is_in_a_block(liar: usize) {
    let mut app = ChainApp::up_with(&[BY_HAND]).await;
    let doors = [RpcProxy::before(&app.anvil).await, RpcProxy::before(&app.anvil).await];
    behind(&mut app, &[doors[0].url(), doors[1].url()]).await;
    let (api, liar) = (&app.api, &doors[liar]);
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    session.charge_plain(api, "2.5").await.done(201);
    app.quiet().await;
    app.anvil.stop_mining().await;
    let id = ask_to_settle(api).await;
    app.anvil.pending(1).await;
    let submitted = settlement_is(api, &id, "submitted").await;
    let (hash, nonce) = (submitted["transaction"]["hash"].clone(), submitted["transaction"]["nonce"].as_u64().unwrap());
    let mut ours = app.anvil.rpc("eth_getTransactionByHash", json!([hash])).await;
    ours["blockNumber"] = json!(format!("{:#x}", app.anvil.head().await + 1));
    ours["blockHash"] = json!(format!("0x{}", "ab".repeat(32)));
    ours["transactionIndex"] = json!("0x0");
    liar.lie(Lie::Mined(ours));
    use_key(&app.anvil, &settler_key(&app.site), nonce).await;
    app.anvil.mine().await;
    app.anvil.resume_mining().await;

    let stalled = until_told(&app.site, "settler.stalled", 1).await;
    assert_eq!(stalled[0]["reason"], "unclear", "{stalled:?}");
    assert!(text(&stalled[0]["detail"]).contains(text(&hash)), "{stalled:?}");
    let status = app.site.tollbook(&["chain", "status"], &[]).await;
    assert!(status.stdout.contains("stalled: unclear"), "{}\n{}", status.stdout, status.stderr);
    // It is left as it is, and everything else goes on.
    let second = send_opening(&app, &customer, 1).await;
    second.active(api).await;
    second.charge_plain(api, "1").await.done(201);
    assert_eq!(api.get(&format!("/v1/settlements/{id}")).await.done(200)["status"], "submitted");
    assert_never(&app.site, &["settler.displaced", "settler.resumed", "settlement.resubmitted"]).await;

    liar.honest();
    let over = settlement_over(api, &id).await;
    assert_eq!((&over["status"], &over["transferred"]), (&json!("finalized"), &json!("2.5")), "{over}");
    assert!(over["transaction"]["nonce"].as_u64().unwrap() > nonce, "{over}");
    until_told(&app.site, "settler.resumed", 1).await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 3_500_000);
    assert_eq!(paid_once(&app.deployed, &app.anvil).await, 3_500_000);
    assert_eq!(told(&app.site, "settler.displaced").await.len(), 1);
    assert_each_once(&app, 1).await;
}

#[tokio::test]
async fn while_the_first_of_two_says_that_ours_is_in_a_block() {
    while_one_says_that_ours_is_in_a_block(0).await;
}

#[tokio::test]
async fn while_the_second_of_two_says_that_ours_is_in_a_block() {
    while_one_says_that_ours_is_in_a_block(1).await;
}
