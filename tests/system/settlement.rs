//! Settlements: when they open, what is in them, and that the payee gets what was earned to the atomic unit.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::sessions::{ChainApp, Custody, Session, USDC, owner, settle_all, settlement_over, usdc};
use crate::support::{Api, Position, decimal, until};

/// Waits for the one settlement that opens by itself, and gives what became of it.
async fn by_itself(api: &Api, before: usize) -> Value {
    let id = until("a settlement has opened", async || {
        let settlements = api.walk("/v1/settlements", "cursor").await;
        assert!(settlements.len() <= before + 1, "more than one: {settlements:?}");
        (settlements.len() > before).then(|| text(&settlements[0]["id"]).to_owned())
    })
    .await;
    settlement_over(api, &id).await
}

/// What the journal says, in atomic units, as of a position that everything has come to.
async fn balance(api: &Api, account: &str, position: Position) -> i128 {
    let rows = api.list_at(&format!("/v1/balances?account={account}"), position).await;
    let balance = rows.iter().find(|row| row["currency"] == "USDC").map(|row| decimal(&row["balance"]));
    balance.map_or(0, |balance| i128::try_from(balance * rust_decimal::Decimal::from(USDC)).unwrap())
}

#[tokio::test]
async fn by_threshold_and_by_age() {
    let app = ChainApp::up_with(&[("TOLLBOOK_SETTLEMENT_THRESHOLD", "2")]).await;
    let api = &app.api;
    let customer = app.payer().await;
    let managed = Session::open(api, &customer, Custody::Managed, "100").await;
    let client = Session::open(api, &customer, Custody::Client, "100").await;
    // Below the threshold each, and above it together.
    managed.charge_plain(api, "1.999999").await.done(201);
    client.charge(api, "0.5", 500_000).await.done(201);
    let first = by_itself(api, 0).await;
    assert_eq!((&first["status"], &first["cause"]), (&json!("finalized"), &json!("threshold")));
    assert_eq!((&first["claims"], &first["total"], &first["settled"]), (&json!(2), &json!("2.499999"), &json!(2)));
    let claims = first["claim_details"].as_array().unwrap();
    for (session, amount) in [(&managed, "1.999999"), (&client, "0.5")] {
        let claim = claims.iter().find(|claim| claim["session_key_id"] == session.id.as_str()).unwrap();
        assert_eq!((&claim["amount"], &claim["total_claimed"]), (&json!(amount), &json!(amount)));
        assert_eq!((&claim["charges"], &claim["outcome"]), (&json!(1), &json!("settled")));
        session.until(api, "claimed", |now| now["claimed"] == amount && now["in_settlement"].is_null()).await;
    }
    assert_eq!(app.assert_settled().await, 2_499_999);

    // The organization's own rules go before the installation's.
    let rules = json!({ "threshold": "1000", "age_secs": 3 });
    let set = api.put("/v1/organization/settlement_rules", &rules).await.done(200);
    assert_eq!((&set["threshold"], &set["age_secs"]), (&json!("1000"), &json!(3)), "{set}");
    managed.charge_plain(api, "3").await.done(201);
    client.charge(api, "0.000001", 500_001).await.done(201);
    let second = by_itself(api, 1).await;
    assert_eq!((&second["cause"], &second["total"]), (&json!("age"), &json!("3.000001")));
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 5_500_000);
    // Nothing is left: one that is asked for is abandoned, and says why.
    let nothing = api.post("/v1/settlements", &json!({})).await.done(202);
    let nothing = settlement_over(api, text(&nothing["id"])).await;
    assert_eq!((&nothing["status"], &nothing["cause"]), (&json!("abandoned"), &json!("requested")));
    assert!(!text(&nothing["reason"]).is_empty());
    app.assert_settled().await;
}

#[tokio::test]
async fn what_lies_below_an_atomic_unit_stays() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let managed = Session::open(api, &customer, Custody::Managed, "10").await;
    let client = Session::open(api, &customer, Custody::Client, "10").await;
    // 0.0000012 and 0.0000009.
    for _ in 0..3 {
        managed.charge_plain(api, "0.0000004").await.done(201);
        client.charge(api, "0.0000003", 1).await.done(201);
    }
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1);
    let now = managed.now(api).await;
    assert_eq!((&now["claimed"], &now["unsettled"]), (&json!("0.000001"), &json!("0.0000002")));
    assert_eq!(client.now(api).await["claimed"], "0");
    // 2.0000022 and 3.0000008: the rests come along when there is a unit of them.
    managed.charge_plain(api, "2.000001").await.done(201);
    client.charge(api, "2.9999999", 3_000_001).await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2_000_002 + 3_000_000);
    client.charge(api, "0.0000002", 3_000_001).await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2_000_002 + 3_000_001);
    // All of the deposit, to the last unit and no further.
    let left = 10 * USDC - 2_000_003;
    managed.charge_plain(api, &usdc(left)).await.done(201);
    managed.charge_plain(api, "0.000001").await.problem(402, "insufficient_deposit");
    let last = managed.charge_plain(api, "0.0000008").await.done(201);
    managed.charge_plain(api, "0.000000000001").await.problem(402, "insufficient_deposit");
    settle_all(api).await;
    let paid = app.assert_settled().await;
    assert_eq!(paid, 10 * USDC + 3_000_001);
    the_journal_says_it(&app, Position::of(&last), paid).await;
}

/// The journal has what the chain has: what was paid in, what is left, what arrived.
async fn the_journal_says_it(app: &ChainApp, position: Position, paid: u128) {
    let (api, paid) = (&app.api, i128::try_from(paid).unwrap());
    let events = api.walk(&format!("/v1/events?after={position}&limit=100"), "after").await;
    let position = events.last().map_or(position, Position::of);
    assert_eq!(balance(api, "merchant:settled", position).await, -paid);
    for account in ["chain:clearing", "merchant:in_settlement"] {
        assert_eq!(balance(api, account, position).await, 0, "{account}");
    }
    // In the contract lies what the customers have left and what was earned and not claimed.
    let contract = app.deployed.balance(&app.anvil, &app.deployed.contract).await;
    let (escrow, accrued) =
        (balance(api, "chain:escrow", position).await, balance(api, "merchant:accrued", position).await);
    assert_eq!(-(escrow + accrued), i128::try_from(contract).unwrap());
    let all = api.walk("/v1/balances?limit=100", "cursor").await;
    let sum: rust_decimal::Decimal = all.iter().map(|row| decimal(&row["balance"])).sum();
    assert!(sum.is_zero(), "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_and_twenty_sessions_make_two_batches() {
    const SESSIONS: usize = 120;
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let mut sessions = Vec::new();
    for i in 0..SESSIONS {
        let custody = if i % 2 == 0 { Custody::Managed } else { Custody::Client };
        let change = json!({ "owner": owner(i).address().to_string() });
        let session = Session::draw_up(api, &customer, custody, "2", change).await;
        api.post(&session.path("register"), &session.opening()).await.done(202);
        sessions.push(session);
    }
    let mut expected = 0;
    for (i, session) in sessions.iter().enumerate() {
        session.active(api).await;
        let units = 1_000_000 + i as u128;
        session.charge(api, &usdc(units), units).await.done(201);
        expected += units;
    }
    // Asked for once: what does not fit into the first batch comes in the next.
    let first = api.post("/v1/settlements", &json!({})).await.done(202);
    let first = settlement_over(api, text(&first["id"])).await;
    settle_all(api).await;
    let settlements = api.walk("/v1/settlements", "cursor").await;
    let [rest, listed] = settlements.as_slice() else { panic!("not two: {settlements:?}") };
    assert_eq!(listed["id"], first["id"]);
    for (settlement, claims) in [(&first, 100), (rest, 20)] {
        assert_eq!((&settlement["status"], &settlement["cause"]), (&json!("finalized"), &json!("requested")));
        assert_eq!((&settlement["claims"], &settlement["settled"]), (&json!(claims), &json!(claims)));
        assert_eq!(settlement["skipped"], json!([]));
    }
    assert_eq!(app.assert_settled().await, expected);
    assert_eq!(app.deployed.transfers(&app.anvil, &app.deployed.payee).await.len(), 2);

    // Past the threshold the batches follow one another by themselves.
    let rules = json!({ "threshold": "1", "age_secs": 86400 });
    api.put("/v1/organization/settlement_rules", &rules).await.done(200);
    for session in &sessions {
        session.charge(api, "0.5", 2_000_000).await.done(201);
    }
    until("all of it is settled", async || {
        let all = api.walk("/v1/session_keys?limit=100", "cursor").await;
        all.iter().all(|key| key["unsettled"] == "0").then_some(())
    })
    .await;
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, expected + 60 * USDC);
}
