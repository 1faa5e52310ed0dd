//! Fees that rise while a transaction waits, above what it offers, and above what may be paid; and a settler that has no
//! money for gas. What waits is signed again under its own nonce, or waits for a person, and the payee is paid once.

use serde_json::{Value, json};

use crate::support::anvil::GWEI;
use crate::support::api::text;
use crate::support::chain::{
    BY_HAND, ask_to_settle, assert_never, sent_by_settler, settlement_is, settler_key, told, until_told,
};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, settle, settle_all, settlement_over};
use crate::support::until;

/// The most that is paid for a unit of gas.
const CAP: &str = "TOLLBOOK_MAX_FEE_GWEI";

/// One session, a settlement of `amount` that waits for its block, and blocks that come when they are asked for.
async fn waiting(app: &ChainApp, amount: &str) -> (Session, Value) {
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    app.quiet().await;
    app.anvil.stop_mining().await;
    session.charge_plain(api, amount).await.done(201);
    let id = ask_to_settle(api).await;
    app.anvil.pending(1).await;
    let submitted = settlement_is(api, &id, "submitted").await;
    until_told(&app.site, "settler.sent", 2).await;
    (session, submitted)
}

/// A block in which a unit of gas costs this at least: a node throws away what offers less.
async fn dear_block(app: &ChainApp, gwei: u64) {
    app.anvil.set_base_fee(gwei * GWEI).await;
    app.anvil.mine().await;
    assert_eq!(app.anvil.base_fee().await, gwei * GWEI);
}

/// A block after which anything is good enough.
async fn cheap_block(app: &ChainApp) {
    app.anvil.set_base_fee(1).await;
    app.anvil.mine().await;
}

fn wei(payload: &Value, field: &str) -> u64 {
    payload[field].as_u64().unwrap_or_else(|| panic!("{field} in {payload}"))
}

/// A replacement has the nonce of what it replaces, and pays for both fees at least a tenth more.
#[track_caller]
fn assert_bumped(before: &Value, after: &Value) {
    assert_eq!((&after["transaction_id"], &after["nonce"]), (&before["transaction_id"], &before["nonce"]));
    assert_eq!(after["former_tx_hash"], before["tx_hash"]);
    assert_ne!(after["tx_hash"], before["tx_hash"]);
    for field in ["max_fee_wei", "priority_fee_wei"] {
        let (before, after) = (wei(before, field), wei(after, field));
        assert!(u128::from(after) * 10 >= u128::from(before) * 11, "{field}: {after} after {before}");
    }
    assert!(!text(&after["reason"]).is_empty());
}

/// One transaction for each that was to be sent, whatever versions of it there were.
async fn assert_one_each(app: &ChainApp) {
    let enqueued = told(&app.site, "settler.enqueued").await.len();
    assert_eq!(told(&app.site, "settler.signed").await.len(), enqueued);
    assert_eq!(sent_by_settler(&app.site, &app.anvil).await, enqueued as u64);
    assert_never(
        &app.site,
        &["settler.displaced", "settler.nonces_skipped", "settler.rejected", "settlement.failed", "settlement.parked"],
    )
    .await;
}

#[tokio::test]
async fn signed_again_when_fees_have_risen() {
    let app = ChainApp::up_with(&[BY_HAND, (CAP, "500")]).await;
    let api = &app.api;
    let (_session, submitted) = waiting(&app, "1.5").await;
    let id = text(&submitted["id"]);
    for gwei in [20, 90, 200] {
        let before = told(&app.site, "settler.replaced").await.len();
        dear_block(&app, gwei).await;
        let replaced = until_told(&app.site, "settler.replaced", before + 1).await;
        let offer = wei(replaced.last().unwrap(), "max_fee_wei");
        // The next block asks for an eighth less than this one did.
        assert!((gwei * GWEI * 7 / 8..=500 * GWEI).contains(&offer), "{gwei} gwei: {replaced:?}");
        app.anvil.pending(1).await;
    }
    let mut versions = told(&app.site, "settler.signed").await.split_off(1);
    versions.extend(told(&app.site, "settler.replaced").await);
    for pair in versions.windows(2) {
        assert_bumped(&pair[0], &pair[1]);
    }
    let version = versions.pop().unwrap();
    until("the settlement has the last version's hash", async || {
        let now = api.get(&format!("/v1/settlements/{id}")).await.done(200);
        (now["transaction"]["hash"] == version["tx_hash"]).then_some(())
    })
    .await;
    app.anvil.mine().await;
    app.anvil.resume_mining().await;
    let over = settlement_over(api, id).await;
    assert_eq!((&over["status"], &over["transferred"]), (&json!("finalized"), &json!("1.5")), "{over}");
    assert_eq!(over["transaction"]["hash"], version["tx_hash"]);
    assert_eq!(over["transaction"]["nonce"], submitted["transaction"]["nonce"]);
    let again = told(&app.site, "settlement.resubmitted").await;
    assert_eq!(again.last().unwrap()["tx_hash"], version["tx_hash"]);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_500_000);
    assert_one_each(&app).await;
}

#[tokio::test]
async fn an_earlier_version_is_the_one_that_is_mined() {
    let mut app = ChainApp::up_with(&[BY_HAND, (CAP, "500")]).await;
    let (session, submitted) = waiting(&app, "2.5").await;
    let id = text(&submitted["id"]);
    let first = submitted["transaction"]["hash"].clone();
    let raw = app.anvil.raw(text(&first)).await;
    dear_block(&app, 60).await;
    let replaced = until_told(&app.site, "settler.replaced", 1).await;
    app.anvil.pending(1).await;
    // Somebody kept the first version, and hands it on when it is good again.
    app.kill();
    app.anvil.rpc("anvil_dropAllTransactions", json!([])).await;
    cheap_block(&app).await;
    app.anvil.send_raw(&raw).await;
    app.anvil.mine().await;
    let receipt = app.anvil.rpc("eth_getTransactionReceipt", json!([first])).await;
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    app.anvil.resume_mining().await;
    app.restart().await;
    let api = &app.api;
    let over = settlement_over(api, id).await;
    assert_eq!((&over["status"], &over["transferred"]), (&json!("finalized"), &json!("2.5")), "{over}");
    assert_eq!(over["transaction"]["hash"], first, "the one that is on the chain, not {replaced:?}");
    // And the next one goes on behind it.
    session.charge_plain(api, "0.25").await.done(201);
    assert_eq!(settle(api).await["transferred"], "0.25");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2_750_000);
    assert_one_each(&app).await;
}

#[tokio::test]
async fn those_behind_it_wait_and_go_on() {
    let app = ChainApp::up_with(&[BY_HAND, (CAP, "500")]).await;
    let api = &app.api;
    let (session, submitted) = waiting(&app, "1").await;
    // What the owner wants comes behind the settlement.
    let customer = text(&session.created["customer_id"]);
    let other = Session::draw_up(api, customer, Custody::Client, "3", json!({})).await;
    api.post(&other.path("register"), &other.opening()).await.done(202);
    app.anvil.pending(2).await;
    until_told(&app.site, "settler.sent", 3).await;
    dear_block(&app, 40).await;
    // Both of them, each under its own nonce.
    until("both are signed again", async || {
        let mut nonces: Vec<u64> =
            told(&app.site, "settler.replaced").await.iter().map(|replaced| wei(replaced, "nonce")).collect();
        nonces.sort_unstable();
        nonces.dedup();
        let first = submitted["transaction"]["nonce"].as_u64().unwrap();
        (nonces == [first, first + 1]).then_some(())
    })
    .await;
    app.anvil.pending(2).await;
    app.anvil.mine().await;
    app.anvil.resume_mining().await;
    other.active(api).await;
    other.charge(api, "2", 2 * USDC).await.done(201);
    settlement_over(api, text(&submitted["id"])).await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 3 * USDC);
    assert_one_each(&app).await;
}

#[tokio::test]
async fn above_what_may_be_paid_it_waits_for_a_person() {
    let mut app = ChainApp::up_with(&[BY_HAND, (CAP, "30")]).await;
    let (session, submitted) = waiting(&app, "1.75").await;
    let id = text(&submitted["id"]).to_owned();
    dear_block(&app, 100).await;
    let stalled = until_told(&app.site, "settler.stalled", 1).await;
    assert_eq!(stalled[0]["reason"], "fee_cap", "{stalled:?}");
    assert_never(&app.site, &["settler.resumed"]).await;
    for replaced in told(&app.site, "settler.replaced").await {
        assert!(wei(&replaced, "max_fee_wei") <= 30 * GWEI, "{replaced}");
    }
    session.charge_plain(&app.api, "0.5").await.done(201);
    assert_eq!(app.deployed.balance(&app.anvil, &app.deployed.payee).await, 0);

    // The person allows more.
    app.site.set(CAP, "400".to_owned());
    app.restart().await;
    until("it offers more", async || {
        let replaced = told(&app.site, "settler.replaced").await;
        replaced.last().is_some_and(|replaced| wei(replaced, "max_fee_wei") > 30 * GWEI).then_some(())
    })
    .await;
    app.anvil.pending(1).await;
    app.anvil.mine().await;
    app.anvil.resume_mining().await;
    let over = settlement_over(&app.api, &id).await;
    assert_eq!((&over["status"], &over["transferred"]), (&json!("finalized"), &json!("1.75")), "{over}");
    until_told(&app.site, "settler.resumed", 1).await;
    settle_all(&app.api).await;
    assert_eq!(app.assert_settled().await, 2_250_000);
    assert_one_each(&app).await;
}

#[tokio::test]
async fn it_goes_on_by_itself_when_fees_have_fallen() {
    let app = ChainApp::up_with(&[BY_HAND, (CAP, "30")]).await;
    let api = &app.api;
    let (_session, submitted) = waiting(&app, "1.25").await;
    dear_block(&app, 100).await;
    let stalled = until_told(&app.site, "settler.stalled", 1).await;
    assert_eq!(stalled[0]["reason"], "fee_cap", "{stalled:?}");
    cheap_block(&app).await;
    app.anvil.pending(1).await;
    app.anvil.mine().await;
    app.anvil.resume_mining().await;
    let over = settlement_over(api, text(&submitted["id"])).await;
    assert_eq!(over["status"], "finalized", "{over}");
    until_told(&app.site, "settler.resumed", 1).await;
    assert_eq!(told(&app.site, "settler.stalled").await.len(), 1, "said once");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_250_000);
    assert_one_each(&app).await;
}

#[tokio::test]
async fn without_money_for_gas_it_waits_for_a_person() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Client, "10").await;
    app.quiet().await;
    let settler = settler_key(&app.site).address().to_string();
    let money = app.anvil.rpc("eth_getBalance", json!([settler, "latest"])).await;
    for round in 1..=2usize {
        app.anvil.rpc("anvil_setBalance", json!([settler, "0x0"])).await;
        session.charge(api, "1.1", 9 * USDC).await.done(201);
        let id = ask_to_settle(api).await;
        let stalled = until_told(&app.site, "settler.stalled", round).await;
        assert_eq!(stalled[round - 1]["reason"], "no_gas_money", "{stalled:?}");
        // Charges do not care.
        session.charge(api, "0.000001", 9 * USDC).await.done(201);
        app.anvil.goes_on(3).await;
        assert_eq!(told(&app.site, "settler.stalled").await.len(), round, "said once");
        assert_eq!(told(&app.site, "settler.resumed").await.len(), round - 1);
        app.anvil.rpc("anvil_setBalance", json!([settler, money])).await;
        let over = settlement_over(api, &id).await;
        assert_eq!(over["status"], "finalized", "{over}");
        until_told(&app.site, "settler.resumed", round).await;
        app.quiet().await;
    }
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2 * 1_100_001);
    assert_one_each(&app).await;
}
