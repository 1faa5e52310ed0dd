//! Nodes that lie, lag, refuse, or lose answers. What one of two says that the other does not is no value; a node that is
//! gone is not missed; and whatever answer was lost, there is one transaction.

use serde_json::json;

use crate::support::api::text;
use crate::support::chain::{
    BY_HAND, CLAIMED, DEPOSITED, ask_to_settle, assert_never, behind, for_good, made_up, not_believed, send_opening,
    sent_by_settler, told, until_told,
};
use crate::support::rpc_proxy::{ANY, Fault, Lie, RpcProxy};
use crate::support::servers::free_port;
use crate::support::sessions::{ChainApp, Custody, Session, USDC, settle, settle_all, settlement_over};
use crate::support::until;

/// For as long as the test wants it.
const ALWAYS: usize = usize::MAX;

/// An installation with two nodes, each behind a door.
async fn two() -> (ChainApp, [RpcProxy; 2]) {
    let mut app = ChainApp::up_with(&[BY_HAND]).await;
    let doors = [RpcProxy::before(&app.anvil).await, RpcProxy::before(&app.anvil).await];
    behind(&mut app, &[doors[0].url(), doors[1].url()]).await;
    (app, doors)
}

/// Every kind of lie, by the first or the second of two.
async fn one_of_two_lies(liar: usize) {
    let (app, doors) = two().await;
    let (api, liar) = (&app.api, &doors[liar]);
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    session.charge_plain(api, "1").await.done(201);
    assert_eq!(settle(api).await["transferred"], "1");
    app.quiet().await;
    let before = for_good(&app, &session).await;

    // Other blocks.
    liar.lie(Lie::OtherHashes(app.anvil.head().await));
    let drawn = send_opening(&app, &customer, 1).await;
    not_believed(&app, &session, liar, &before, 1, 2).await;
    drawn.active(api).await;
    // A deposit of 5 that nobody made.
    let before = for_good(&app, &session).await;
    liar.lie(Lie::Made(made_up(&app, &session, DEPOSITED, &[5 * USDC, 15 * USDC]).await));
    not_believed(&app, &session, liar, &before, 2, 2).await;
    session.until(api, "nothing is shown of it", |now| now["pending_deposits"] == "0").await;
    assert_eq!(session.now(api).await["deposited"], "10");
    // A claim that nobody made.
    liar.lie(Lie::Made(made_up(&app, &session, CLAIMED, &[2 * USDC, 3 * USDC]).await));
    not_believed(&app, &session, liar, &before, 3, 2).await;
    // A deposit that one of them hides.
    liar.lie(Lie::Hidden(DEPOSITED));
    let hidden = send_opening(&app, &customer, 2).await;
    not_believed(&app, &session, liar, &before, 4, 2).await;
    hidden.active(api).await;

    for session in [&drawn, &hidden] {
        session.charge_plain(api, "1.5").await.done(201);
    }
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_000_000 + 4 * 50_000 + 2 * 1_500_000);
    assert_eq!(told(&app.site, "session_key.deposited").await.len(), 3);
    assert_never(&app.site, &["chain.halted", "settlement.failed", "settler.displaced"]).await;
}

#[tokio::test]
async fn the_first_of_two_lies() {
    one_of_two_lies(0).await;
}

#[tokio::test]
async fn the_second_of_two_lies() {
    one_of_two_lies(1).await;
}

/// A settlement that one of them says was reverted.
async fn said_to_be_reverted(liar: usize) {
    let (app, doors) = two().await;
    let (api, liar) = (&app.api, &doors[liar]);
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    session.charge_plain(api, "2.5").await.done(201);
    app.quiet().await;
    liar.lie(Lie::Reverted);
    let id = ask_to_settle(api).await;
    until_told(&app.site, "chain.disagreement_seen", 1).await;
    app.anvil.goes_on(6).await;
    let now = api.get(&format!("/v1/settlements/{id}")).await.done(200);
    assert!(["submitted", "mined"].contains(&text(&now["status"])), "{now}");
    liar.honest();
    let over = settlement_over(api, &id).await;
    assert_eq!((&over["status"], &over["transferred"]), (&json!("finalized"), &json!("2.5")), "{over}");
    until_told(&app.site, "chain.disagreement_over", 1).await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2_500_000);
    assert_never(&app.site, &["settlement.failed"]).await;
}

#[tokio::test]
async fn the_first_of_two_says_that_a_settlement_was_reverted() {
    said_to_be_reverted(0).await;
}

#[tokio::test]
async fn the_second_of_two_says_that_a_settlement_was_reverted() {
    said_to_be_reverted(1).await;
}

/// What a customer's day comes to, with whatever nodes there are.
async fn a_day(app: &ChainApp, index: usize) {
    let api = &app.api;
    let customer = app.payer().await;
    let session = send_opening(app, &customer, index).await;
    session.active(api).await;
    session.charge_plain(api, "1.2").await.done(201);
    assert_eq!(settle(api).await["status"], "finalized");
    session.until(api, "claimed", |now| now["claimed"] == "1.2").await;
    session.by_owner(api, "freeze", "freeze").await;
    session.until_status(api, "frozen").await;
    session.by_owner(api, "unfreeze", "unfreeze").await;
    session.until_status(api, "active").await;
    session.charge_plain(api, "0.3").await.done(201);
}

/// Nobody has noticed anything.
async fn assert_nothing_noticed(app: &ChainApp, days: u128) {
    app.chain_is("ok").await;
    let metrics = app.api.get("/metrics").await.text();
    assert!(metrics.contains("tollbook_chain_up 1"), "{metrics}");
    settle_all(&app.api).await;
    assert_eq!(app.assert_settled().await, days * 1_500_000);
    let signed = told(&app.site, "settler.signed").await.len();
    assert_eq!(sent_by_settler(&app.site, &app.anvil).await, signed as u64);
    assert_never(
        &app.site,
        &["chain.disagreement_seen", "chain.halted", "settler.displaced", "settler.stalled", "settlement.failed"],
    )
    .await;
}

#[tokio::test]
async fn one_of_two_is_dead() {
    let mut app = ChainApp::up_with(&[BY_HAND]).await;
    let (dead, alive) = (format!("http://127.0.0.1:{}", free_port()), app.anvil.url());
    behind(&mut app, &[dead.clone(), alive.clone()]).await;
    a_day(&app, 0).await;
    behind(&mut app, &[alive, dead]).await;
    a_day(&app, 1).await;
    assert_nothing_noticed(&app, 2).await;
}

#[tokio::test]
async fn one_of_two_stops_answering() {
    let (app, doors) = two().await;
    a_day(&app, 0).await;
    let faults = [Fault::Refuse(429), Fault::Refuse(500), Fault::KeepAnswer];
    for (fault, i) in faults.into_iter().zip(1..) {
        let door = &doors[i % 2];
        door.fault(ANY, fault, ALWAYS);
        a_day(&app, i).await;
        door.honest();
    }
    assert_nothing_noticed(&app, 4).await;
}

#[tokio::test]
async fn one_of_two_is_behind() {
    let (app, doors) = two().await;
    for (door, i) in doors.iter().zip(0..) {
        door.lag(4);
        a_day(&app, i).await;
        door.honest();
    }
    assert_nothing_noticed(&app, 2).await;
}

#[tokio::test]
async fn both_are_away_and_come_back() {
    let (app, doors) = two().await;
    let api = &app.api;
    a_day(&app, 0).await;
    for door in &doors {
        door.fault(ANY, Fault::Refuse(503), ALWAYS);
    }
    app.chain_is("away").await;
    let customer = app.payer().await;
    let drawn = Session::draw_up(api, &customer, Custody::Client, "2", json!({})).await;
    api.post(&drawn.path("register"), &drawn.opening()).await.problem(503, "chain_unavailable");
    // One is enough.
    doors[1].honest();
    app.chain_is("ok").await;
    a_day(&app, 1).await;
    doors[0].honest();
    assert_nothing_noticed(&app, 2).await;
}

const SEND: &str = "eth_sendRawTransaction";

#[tokio::test]
async fn sent_and_the_answer_is_lost() {
    let mut app = ChainApp::up_with(&[BY_HAND]).await;
    let door = RpcProxy::before(&app.anvil).await;
    behind(&mut app, &[door.url()]).await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    app.quiet().await;
    // The first fault says so at once, the second lets whoever asked wait until it gives up.
    for (fault, calls, round) in [(Fault::LoseAnswer, 2, 1u64), (Fault::KeepAnswer, 1, 2)] {
        app.anvil.stop_mining().await;
        session.charge_plain(&app.api, "1.000001").await.done(201);
        let (asked, sent) = (door.asked(SEND), told(&app.site, "settler.sent").await.len());
        door.fault(SEND, fault, calls);
        let id = ask_to_settle(&app.api).await;
        // It arrived: the node has it, and is asked again, and says that it knows it already.
        app.anvil.pending(1).await;
        until_told(&app.site, "settler.sent", sent + 1).await;
        assert!(door.asked(SEND) > asked + calls, "it was not handed over again");
        app.anvil.pending(1).await;
        app.anvil.resume_mining().await;
        let over = settlement_over(&app.api, &id).await;
        assert_eq!((&over["status"], &over["transferred"]), (&json!("finalized"), &json!("1.000001")), "{over}");
        app.quiet().await;
        assert_eq!(sent_by_settler(&app.site, &app.anvil).await, 1 + round);
    }
    // Mined before it is asked again: its nonce is used, by itself.
    session.charge_plain(&app.api, "0.5").await.done(201);
    let asked = door.asked(SEND);
    door.fault(SEND, Fault::LoseAnswer, 8);
    let id = ask_to_settle(&app.api).await;
    assert_eq!(settlement_over(&app.api, &id).await["transferred"], "0.5");
    assert!(door.asked(SEND) > asked);
    // And what is asked of its receipt is lost as well.
    door.honest();
    session.charge_plain(&app.api, "0.25").await.done(201);
    door.fault("eth_getTransactionReceipt", Fault::LoseAnswer, 6);
    door.fault("eth_getTransactionCount", Fault::Refuse(500), 3);
    door.fault("eth_estimateGas", Fault::Refuse(429), 2);
    assert_eq!(settle(&app.api).await["transferred"], "0.25");

    settle_all(&app.api).await;
    assert_eq!(app.assert_settled().await, 2_000_002 + 750_000);
    assert_eq!(told(&app.site, "settler.signed").await.len(), 5);
    assert_eq!(sent_by_settler(&app.site, &app.anvil).await, 5);
    assert_never(&app.site, &["settler.displaced", "settler.rejected", "settlement.failed", "settlement.parked"]).await;
}

#[tokio::test]
async fn two_doors_to_one_transaction() {
    let (app, doors) = two().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Client, "10").await;
    app.quiet().await;
    // It goes to both; what one of them says of it does not matter.
    for (fault, round) in [Fault::Refuse(500), Fault::LoseAnswer, Fault::KeepAnswer].into_iter().zip(1u128..) {
        doors[0].fault(SEND, fault, 3);
        session.charge(api, "1.1", 9 * USDC).await.done(201);
        assert_eq!(settle(api).await["transferred"], "1.1");
        doors[0].honest();
        until("the other one was asked, too", async || (doors[1].asked(SEND) as u128 >= round).then_some(())).await;
    }
    app.quiet().await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 3_300_000);
    assert_eq!(sent_by_settler(&app.site, &app.anvil).await, 4);
    assert_never(&app.site, &["chain.disagreement_seen", "settler.displaced", "settlement.failed"]).await;
}
