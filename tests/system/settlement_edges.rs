//! Settlements where money is about to leave or somebody else acts: what was earned comes first, and once.

use chain::calls::{self, Claim};
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::sessions::{
    ChainApp, Custody, Session, USDC, atomic, in_seconds, settle, settle_all, settlement_over,
};
use crate::support::{Api, decimal, until};

/// Waits until all that a session key has earned was claimed, without being asked to.
async fn claimed_by_itself(api: &Api, session: &Session) -> Value {
    session
        .until(api, "what it earned is claimed by itself", |now| {
            atomic(decimal(&now["claimed"])) == atomic(decimal(&now["charged"])) && now["in_settlement"].is_null()
        })
        .await
}

#[tokio::test]
async fn what_was_earned_comes_before_a_withdrawal() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    session.charge_plain(api, "4").await.done(201);
    // Nobody reaches the threshold, and nothing is old: the request alone sets it off.
    let signature = session.owner_signature(api, "withdraw").await;
    api.post(&session.path("withdrawals"), &signature).await.done(202);
    let wanted = session.until(api, "the withdrawal is seen", |now| !now["withdrawal"].is_null()).await;
    assert_eq!(wanted["available"], "0");
    claimed_by_itself(api, &session).await;
    let settlements = api.walk("/v1/settlements", "cursor").await;
    assert!(["withdrawal", "expiry"].contains(&text(&settlements[0]["cause"])), "{settlements:?}");
    let owner = session.owner.address().to_string();
    let before = app.deployed.balance(&app.anvil, &owner).await;
    app.advance(901).await;
    until("the money is back", async || {
        (app.deployed.balance(&app.anvil, &owner).await == before + 6 * USDC).then_some(())
    })
    .await;
    session.until(api, "and in the log", |now| now["withdrawn"] == "6").await;
    assert_eq!(app.assert_settled().await, 4 * USDC);
}

#[tokio::test]
async fn what_was_earned_comes_when_the_time_is_over_already() {
    let mut app = ChainApp::up().await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Client, "10").await;
    session.charge(&app.api, "4", 5 * USDC).await.done(201);
    let signature = session.owner_signature(&app.api, "withdraw").await;
    app.api.post(&session.path("withdrawals"), &signature).await.done(202);
    session.until(&app.api, "the withdrawal is seen", |now| !now["withdrawal"].is_null()).await;
    // Nobody settles meanwhile. When somebody does again, the claim goes out before Tollbook's own payment back.
    app.kill();
    app.advance(901).await;
    app.restart().await;
    let api = &app.api;
    let closed = session.until(api, "the rest is back", |now| now["withdrawn"] == "6").await;
    assert_eq!(closed["claimed"], "4", "{closed}");
    claimed_by_itself(api, &session).await;
    assert_eq!(app.assert_settled().await, 4 * USDC);
}

#[tokio::test]
async fn ends_set_off_a_settlement() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let frozen = Session::open(api, &customer, Custody::Managed, "10").await;
    let revoked = Session::open(api, &customer, Custody::Managed, "10").await;
    let change = json!({ "valid_until": in_seconds(300) });
    let ending = Session::draw_up(api, &customer, Custody::Managed, "10", change).await;
    api.post(&ending.path("register"), &ending.opening()).await.done(202);
    ending.active(api).await;
    // Nearly over: what it earns is claimed at once.
    ending.charge_plain(api, "1").await.done(201);
    claimed_by_itself(api, &ending).await;

    frozen.charge_plain(api, "2").await.done(201);
    frozen.by_owner(api, "freeze", "freeze").await;
    claimed_by_itself(api, &frozen).await;
    revoked.charge_plain(api, "3").await.done(201);
    api.post(&revoked.path("revoke"), &json!({})).await.done(200);
    claimed_by_itself(api, &revoked).await;
    let settlements = api.walk("/v1/settlements", "cursor").await;
    let mut causes: Vec<&str> = settlements.iter().map(|settlement| text(&settlement["cause"])).collect();
    causes.sort_unstable();
    assert_eq!(causes, ["expiry", "frozen", "revoked"]);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 6 * USDC);
}

#[tokio::test]
async fn a_settler_without_money_for_gas() {
    let app = ChainApp::up_with(&[("TOLLBOOK_SETTLEMENT_THRESHOLD", "1")]).await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    let key = std::fs::read_to_string(app.site.dir.join("settler.key")).unwrap();
    let settler = chain::settler::SettlerKey::from_hex(&key).unwrap().address().to_string();
    let money = app.anvil.rpc("eth_getBalance", json!([settler, "latest"])).await;
    app.anvil.rpc("anvil_setBalance", json!([settler, "0x0"])).await;
    session.charge_plain(api, "2").await.done(201);
    until("a settlement waits", async || (app.site.events_count(Some("planned")).await == 1).then_some(())).await;
    // What the chain says is heard all the same: the owner's freeze.
    let data = format!("0xec13cc7b{}", session.session_id().trim_start_matches("0x"));
    app.anvil.send(&session.owner.address().to_string(), &app.deployed.contract, &data).await;
    session.until_status(api, "frozen").await;
    assert_eq!(app.deployed.balance(&app.anvil, &app.deployed.payee).await, 0);

    app.anvil.rpc("anvil_setBalance", json!([settler, money])).await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2 * USDC);
}

#[tokio::test]
async fn the_payee_claims_on_its_own() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Client, "10").await;
    session.charge(api, "1", USDC).await.done(201);
    session.charge(api, "1", 2 * USDC).await.done(201);
    // With the client's last voucher, in the middle of the second charge.
    let voucher = session.voucher(2 * USDC);
    let claim = Claim {
        session_id: session.session_id().parse().unwrap(),
        max_claimable: "2".parse().unwrap(),
        total_claimed: "1.25".parse().unwrap(),
        signature: text(&voucher["signature"]).parse().unwrap(),
    };
    let (payee, token) = (app.deployed.payee.parse().unwrap(), app.deployed.usdc.parse().unwrap());
    let root = format!("0x{}", "0".repeat(64)).parse().unwrap();
    let calldata = calls::settle(root, payee, token, 6, &[claim]);
    app.anvil.send(&app.deployed.payee, &app.deployed.contract, &calldata.to_string()).await;
    session.until(api, "the claim is seen", |now| now["claimed"] == "1.25").await;
    assert_eq!(session.now(api).await["unsettled"], "0.75");

    // The rest and no more, at the next charge's border.
    session.charge(api, "0.5", 2_500_000).await.done(201);
    let settlement = api.post("/v1/settlements", &json!({})).await.done(202);
    let settlement = settlement_over(api, text(&settlement["id"])).await;
    assert_eq!((&settlement["status"], &settlement["transferred"]), (&json!("finalized"), &json!("1.25")));
    session.until(api, "claimed", |now| now["claimed"] == "2.5").await;
    assert_eq!(app.deployed.balance(&app.anvil, &app.deployed.payee).await, 2_500_000);
    app.site.tollbook(&["verify"], &[]).await.expect_code(0);
}

#[tokio::test]
async fn a_claim_that_the_contract_skips_stops_no_other() {
    let mut app = ChainApp::up().await;
    let customer = app.payer().await;
    let good = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    let change = json!({ "valid_until": in_seconds(3600), "settle_grace_secs": 900 });
    let late = Session::draw_up(&app.api, &customer, Custody::Managed, "10", change).await;
    app.api.post(&late.path("register"), &late.opening()).await.done(202);
    late.active(&app.api).await;
    for session in [&good, &late] {
        session.charge_plain(&app.api, "1").await.done(201);
    }
    // Nobody settles until the chain's clock has gone past the time in which the one can be claimed.
    app.kill();
    app.advance(3600 + 901).await;
    app.restart().await;
    let api = &app.api;
    let settlement = settle(api).await;
    assert_eq!((&settlement["status"], &settlement["transferred"]), (&json!("finalized"), &json!("1")), "{settlement}");
    assert_eq!((&settlement["claims"], &settlement["settled"]), (&json!(2), &json!(1)));
    let skipped = json!([{ "session_id": late.session_id(), "reason": "claim_window_closed" }]);
    assert_eq!(settlement["skipped"], skipped);
    good.until(api, "claimed", |now| now["claimed"] == "1").await;
    let now = late.until(api, "free again", |now| now["in_settlement"].is_null()).await;
    assert_eq!((&now["claimed"], &now["unsettled"]), (&json!("0"), &json!("1")));
    assert_eq!(app.deployed.balance(&app.anvil, &app.deployed.payee).await, USDC);
    app.site.assert_clean().await;

    // By itself it is not tried again; when a person asks, it is.
    let rules = json!({ "threshold": "1.5", "age_secs": 86400 });
    api.put("/v1/organization/settlement_rules", &rules).await.done(200);
    good.charge_plain(api, "1.5").await.done(201);
    good.until(api, "claimed", |now| now["claimed"] == "2.5").await;
    let settlements = api.walk("/v1/settlements", "cursor").await;
    assert_eq!((settlements.len(), &settlements[0]["claims"]), (2, &json!(1)), "{settlements:?}");
    settlement_over(api, text(&settlements[0]["id"])).await;
    let again = settle(api).await;
    assert_eq!((&again["transferred"], &again["skipped"]), (&json!("0"), &skipped), "{again}");
    assert_eq!(app.deployed.balance(&app.anvil, &app.deployed.payee).await, 2_500_000);
    app.quiet().await;
    app.site.assert_clean().await;
}

#[tokio::test]
async fn what_is_left_below_an_atomic_unit_keeps_nothing_open() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "1").await;
    session.charge_plain(api, "0.9999995").await.done(201);
    assert_eq!(session.now(api).await["available"], "0.0000005");
    let signature = session.owner_signature(api, "revoke").await;
    api.post(&session.path("revoke"), &signature).await.done(202);
    claimed_by_itself(api, &session).await;
    session.until(api, "the end is on the chain", |now| now["relays"] == json!([])).await;
    let signature = session.owner_signature(api, "withdraw").await;
    api.post(&session.path("withdrawals"), &signature).await.done(202);
    session.until(api, "the withdrawal is seen", |now| !now["withdrawal"].is_null()).await;
    app.advance(901).await;
    let closed = session.until_status(api, "closed").await;
    assert_eq!((&closed["claimed"], &closed["withdrawn"]), (&json!("0.999999"), &json!("0.000001")));
    assert_eq!(closed["available"], "0", "{closed}");
    assert_eq!(app.assert_settled().await, 999_999);
    app.tollbook(&["replay"]).await.expect_code(0);
}
