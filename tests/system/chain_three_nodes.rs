//! Three nodes. More than half of them must answer, and all that do must say the same: one that lies is not outvoted, and
//! is not believed either, whoever else is silent.

use serde_json::json;

use crate::support::api::text;
use crate::support::chain::{
    BY_HAND, CLAIMED, DEEP, DEPOSITED, FROZEN, SIX_DEEP, ask_to_settle, assert_never, behind, for_good, made_up,
    not_believed, noticed, over, send_opening, told, unmoved, until_told,
};
use crate::support::rpc_proxy::{ANY, Fault, Lie, RpcProxy};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, settle, settle_all, settlement_over};
use crate::support::until;

/// For as long as the test wants it.
const ALWAYS: usize = usize::MAX;

/// An installation with three nodes, each behind a door. A block is final when six lie on top.
async fn three() -> (ChainApp, [RpcProxy; 3]) {
    let mut app = ChainApp::up_with(&[SIX_DEEP, BY_HAND]).await;
    let before = || RpcProxy::before(&app.anvil);
    let doors = [before().await, before().await, before().await];
    behind(&mut app, &[doors[0].url(), doors[1].url(), doors[2].url()]).await;
    (app, doors)
}

/// One of three lies while another is silent. Two that answer and differ are not believed, nor are they when the third is
/// back; with the liar away the two others are enough.
async fn one_of_three_lies_and_one_is_silent(liar: usize, silent: usize) {
    let (app, doors) = three().await;
    let (api, liar, silent) = (&app.api, &doors[liar], &doors[silent]);
    let away = |door: &RpcProxy| door.fault(ANY, Fault::Refuse(503), ALWAYS);
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    session.charge_plain(api, "1").await.done(201);
    assert_eq!(settle(api).await["transferred"], "1");
    app.quiet().await;

    // Other blocks.
    away(silent);
    liar.lie(Lie::OtherHashes(app.anvil.head().await));
    let before = for_good(&app, &session).await;
    let drawn = send_opening(&app, &customer, 1).await;
    noticed(&app, 1, 2).await;
    unmoved(&app, &session, &before).await;
    silent.honest();
    unmoved(&app, &session, &before).await;
    over(&app, 1, || away(liar)).await;
    drawn.active(api).await;
    liar.honest();

    // A deposit that nobody made.
    away(silent);
    liar.lie(Lie::Made(made_up(&app, &session, DEPOSITED, &[5 * USDC, 15 * USDC]).await));
    let before = for_good(&app, &session).await;
    noticed(&app, 2, 2).await;
    unmoved(&app, &session, &before).await;
    silent.honest();
    unmoved(&app, &session, &before).await;
    over(&app, 2, || away(liar)).await;
    session.until(api, "nothing is shown of it", |now| now["pending_deposits"] == "0").await;
    liar.honest();

    // A settlement that was reverted. What the contract says of it all agree on.
    away(silent);
    liar.lie(Lie::Reverted);
    let id = ask_to_settle(api).await;
    let not_over = async || {
        app.anvil.goes_on(DEEP).await;
        let now = api.get(&format!("/v1/settlements/{id}")).await.done(200);
        assert!(["submitted", "mined"].contains(&text(&now["status"])), "{now}");
    };
    noticed(&app, 3, 2).await;
    not_over().await;
    silent.honest();
    not_over().await;
    over(&app, 3, || away(liar)).await;
    let settlement = settlement_over(api, &id).await;
    assert_eq!(
        (&settlement["status"], &settlement["transferred"]),
        (&json!("finalized"), &json!("0.2")),
        "{settlement}"
    );
    liar.honest();

    drawn.charge_plain(api, "1.5").await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_000_000 + 4 * 50_000 + 1_500_000);
    assert_eq!(told(&app.site, "session_key.deposited").await.len(), 2);
    assert_never(&app.site, &["chain.halted", "settlement.failed", "settler.displaced"]).await;
}

#[tokio::test]
async fn the_first_of_three_lies_and_the_second_is_silent() {
    one_of_three_lies_and_one_is_silent(0, 1).await;
}

#[tokio::test]
async fn the_last_of_three_lies_and_the_first_is_silent() {
    one_of_three_lies_and_one_is_silent(2, 0).await;
}

#[tokio::test]
async fn the_second_of_three_lies() {
    let (app, doors) = three().await;
    let (api, liar) = (&app.api, &doors[1]);
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    session.by_owner(api, "freeze", "freeze").await;
    session.until_status(api, "frozen").await;
    session.by_owner(api, "unfreeze", "unfreeze").await;
    session.until_status(api, "active").await;
    session.charge_plain(api, "1").await.done(201);
    assert_eq!(settle(api).await["transferred"], "1");
    app.quiet().await;

    // Two that say the same do not outvote one.
    let before = for_good(&app, &session).await;
    liar.lie(Lie::Hidden(DEPOSITED));
    let hidden = send_opening(&app, &customer, 1).await;
    not_believed(&app, &session, liar, &before, 1, 3).await;
    hidden.active(api).await;
    let before = for_good(&app, &session).await;
    liar.lie(Lie::Made(made_up(&app, &session, CLAIMED, &[2 * USDC, 3 * USDC]).await));
    not_believed(&app, &session, liar, &before, 2, 3).await;
    // What restricts counts when any of them has it, and as long as that is not known to be wrong.
    let undone = told(&app.site, "session_key.sight_undone").await.len();
    liar.lie(Lie::Made(made_up(&app, &session, FROZEN, &[2_000_000_000]).await));
    session.until_status(api, "frozen").await;
    noticed(&app, 3, 3).await;
    app.anvil.goes_on(DEEP).await;
    session.charge_plain(api, "0.05").await.problem(409, "session_frozen");
    over(&app, 3, || liar.honest()).await;
    session.until_status(api, "active").await;
    let taken_back = until_told(&app.site, "session_key.sight_undone", undone + 1).await;
    assert_eq!(taken_back.last().unwrap()["what"], "freeze", "{taken_back:?}");
    session.charge_plain(api, "0.05").await.done(201);

    hidden.charge_plain(api, "1.5").await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_000_000 + 3 * 50_000 + 1_500_000);
    assert_eq!(told(&app.site, "session_key.deposited").await.len(), 2);
    assert_never(&app.site, &["chain.halted", "settlement.failed", "settler.displaced"]).await;
}

#[tokio::test]
async fn one_of_three_is_not_believed_alone() {
    let (app, doors) = three().await;
    let (api, [liar, others @ ..]) = (&app.api, &doors);
    let session = Session::open(api, &app.payer().await, Custody::Managed, "10").await;
    session.charge_plain(api, "1").await.done(201);
    assert_eq!(settle(api).await["transferred"], "1");
    app.quiet().await;
    for door in others {
        door.fault(ANY, Fault::Refuse(503), ALWAYS);
    }
    liar.lie(Lie::Made(made_up(&app, &session, DEPOSITED, &[5 * USDC, 15 * USDC]).await));
    let before = for_good(&app, &session).await;
    until("the worker takes the chain for away", async || {
        api.get("/metrics").await.text().contains("tollbook_chain_up 0").then_some(())
    })
    .await;
    unmoved(&app, &session, &before).await;
    assert_never(&app.site, &["chain.disagreement_seen"]).await;
    // The second says something else, and then the same.
    others[0].honest();
    not_believed(&app, &session, liar, &before, 1, 2).await;
    others[1].honest();
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_000_000 + 2 * 50_000);
    assert_eq!(session.now(api).await["pending_deposits"], "0");
    assert_never(&app.site, &["chain.halted", "settlement.failed", "settler.displaced"]).await;
}
