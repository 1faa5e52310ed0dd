//! Ledger against chain, all the time: what differs becomes an open item with its causes, and is closed again.

use std::time::{Duration, Instant};

use chain::calls::{self, Claim};
use serde_json::{Value, json};

use crate::support::anvil::{number, padded};
use crate::support::api::text;
use crate::support::sessions::{ChainApp, Custody, Session, USDC, settle_all, usdc};
use crate::support::{Api, Position, until};

/// Settles only when it is asked to, and compares each second.
const SETTINGS: [(&str, &str); 2] = [("TOLLBOOK_SETTLEMENT_THRESHOLD", "1000000000"), ("TOLLBOOK_RECONCILE_SECS", "1")];
const DIFFERENCES: &str = "/v1/reconciliation/differences";

/// Differences in this status.
async fn differences(api: &Api, status: &str) -> Vec<Value> {
    api.walk(&format!("{DIFFERENCES}?status={status}"), "cursor").await
}

/// Waits until one item is open and says this of the chain.
async fn opens(api: &Api, chain: &str) -> Value {
    until(&format!("an item says that the chain has {chain}"), async || {
        let open = differences(api, "open").await;
        assert!(open.len() <= 1, "more than one: {open:?}");
        open.into_iter().find(|one| one["chain"] == chain)
    })
    .await
}

/// Waits until a comparison that was asked for now was made, and gives it.
async fn compared(api: &Api) -> Value {
    let asked = api.post("/v1/reconciliation", &json!({})).await.done(202);
    assert_eq!(asked["object"], "reconciliation_request");
    let position = Position::of(&asked);
    until("it was compared", async || {
        let answer = api.get(&format!("/v1/reconciliation?min_position={position}")).await;
        if answer.status == 503 {
            return None;
        }
        Some(answer.done(200)).filter(|now| now["requested_at"].is_null())
    })
    .await
}

/// A person closes an item.
async fn close(api: &Api, id: &str, resolution: &str, note: &str) -> Value {
    let body = json!({ "resolution": resolution, "note": note });
    let closed = api.post(&format!("{DIFFERENCES}/{id}/close"), &body).await.done(200);
    assert_eq!((&closed["id"], &closed["status"], &closed["note"]), (&json!(id), &json!(resolution), &json!(note)));
    closed
}

/// Writes into the contract's own storage, as no contract lets anybody: what it holds in escrow for a session.
struct Storage {
    contract: String,
    slot: String,
}

impl Storage {
    /// Finds where that stands: the mapping of payees to sessions to their parts.
    async fn find(app: &ChainApp, session: &Session) -> Self {
        let (anvil, contract) = (&app.anvil, app.deployed.contract.clone());
        let (payee, session_id) = (padded(&app.deployed.payee), padded(session.session_id()));
        let expected = app.deployed.escrow(anvil, session.session_id(), &app.deployed.payee).await;
        assert!(expected > 0, "there is something to look for");
        for mapping in 0..16 {
            let inner = anvil.rpc("web3_sha3", json!([format!("0x{payee}{mapping:064x}")])).await;
            let slot = anvil.rpc("web3_sha3", json!([format!("0x{session_id}{}", padded(text(&inner)))])).await;
            let slot = text(&slot).to_owned();
            let found = anvil.rpc("eth_getStorageAt", json!([contract, slot, "latest"])).await;
            // Escrow in the lower half, claimed in the upper one.
            let lower = format!("0x{}", &text(&found)[34..]);
            if number(&json!(lower)) == expected {
                return Self { contract, slot };
            }
        }
        panic!("the contract's storage is otherwise");
    }

    async fn set(&self, app: &ChainApp, escrow: u128, claimed: u128) {
        let word = format!("0x{claimed:032x}{escrow:032x}");
        app.anvil.rpc("anvil_setStorageAt", json!([self.contract, self.slot, word])).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_chain_lost_opens_goes_away_and_is_accepted() {
    let app = ChainApp::up_with(&SETTINGS).await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    session.charge_plain(api, "4").await.done(201);
    settle_all(api).await;
    let now = until("everything was compared", async || {
        let now = compared(api).await;
        (now["transferred"]["chain"] == "4").then_some(now)
    })
    .await;
    assert_eq!(now["escrow"], json!({ "ledger": "10", "chain": "10", "difference": "0" }), "{now}");
    assert_eq!((&now["claimed"]["ledger"], &now["claimed"]["chain"]), (&json!("4"), &json!("4")));
    assert_eq!((&now["session_keys"], &now["payees"], &now["open"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!((&now["currency"], &now["contract"]), (&json!("USDC"), &json!(app.deployed.contract)));
    assert_eq!(differences(api, "open").await, [Value::Null; 0]);

    let storage = Storage::find(&app, &session).await;
    storage.set(&app, 8 * USDC, 4 * USDC).await;
    let item = opens(api, "8").await;
    assert_eq!((&item["ledger"], &item["amount"], &item["currency"]), (&json!("10"), &json!("2"), &json!("USDC")));
    assert_eq!(item["subject"], json!({ "type": "session_escrow", "session_key_id": session.id }));
    assert!(text(&item["causes"][0]).contains("never came into the log"), "{item}");
    let now = compared(api).await;
    assert_eq!((&now["open"], &now["escrow"]["difference"]), (&json!(1), &json!("-2")), "{now}");
    let told = app.site.tollbook(&["reconcile"], &[]).await.expect_code(1);
    assert!(
        told.stdout.contains(&format!("{} in escrow: in the log 10, on the chain 8", session.id)),
        "{}",
        told.stdout
    );

    // It changes, and goes away as it came.
    storage.set(&app, 9 * USDC, 4 * USDC).await;
    let changed = opens(api, "9").await;
    assert_eq!((&changed["id"], &changed["amount"]), (&item["id"], &json!("1")));
    storage.set(&app, 10 * USDC, 4 * USDC).await;
    until("the item was closed", async || differences(api, "open").await.is_empty().then_some(())).await;
    let path = format!("{DIFFERENCES}/{}", text(&item["id"]));
    let closed = api.get(&path).await.done(200);
    assert_eq!((&closed["status"], &closed["closed_by"]), (&json!("resolved"), &json!("chain")));
    let again = json!({ "resolution": "explained", "note": "it is gone" });
    api.post(&format!("{path}/close"), &again).await.problem(409, "difference_not_open");
    app.site.assert_clean().await;

    // It comes again, and a person takes over what the chain says.
    storage.set(&app, 9 * USDC, 4 * USDC).await;
    let item = opens(api, "9").await;
    assert_eq!((&item["id"], &item["times_opened"]), (&closed["id"], &json!(2)));
    let other = app.other_organization().await;
    other.get(&path).await.problem(404, "difference_not_found");
    let accept = json!({ "resolution": "accepted", "note": "the node was restored" });
    other.post(&format!("{path}/close"), &accept).await.problem(404, "difference_not_found");
    for (note, resolution) in [("", "explained"), (&*"x".repeat(501), "explained"), ("why not", "resolved")] {
        let body = json!({ "note": note, "resolution": resolution });
        api.post(&format!("{path}/close"), &body).await.problem(400, "invalid_request");
    }
    let first = api.post_keyed(&format!("{path}/close"), "accept-1", &accept).await;
    let second = api.post_keyed(&format!("{path}/close"), "accept-1", &accept).await;
    assert_eq!((first.is_replay(), second.is_replay()), (false, true));
    assert_eq!(first.done(200), second.done(200));
    let now = session.now(api).await;
    assert_eq!(
        (&now["deposited"], &now["claimed"], &now["available"]),
        (&json!("9"), &json!("4"), &json!("5")),
        "{now}"
    );
    until("ledger and chain agree", async || {
        let now = api.get(&path).await.done(200);
        (now["status"] == "resolved" && now["note"] == "the node was restored").then_some(())
    })
    .await;
    let now = compared(api).await;
    assert_eq!((&now["escrow"]["ledger"], &now["escrow"]["difference"]), (&json!("9"), &json!("0")), "{now}");
    app.site.assert_clean().await;
    app.tollbook(&["replay"]).await.expect_code(0);
}

/// The payee claims so much in all, with the client's voucher.
async fn claims_on_its_own(app: &ChainApp, session: &Session, max_claimable: u128, total_claimed: &str) {
    let voucher = session.voucher(max_claimable);
    let claim = Claim {
        session_id: session.session_id().parse().unwrap(),
        max_claimable: usdc(max_claimable).parse().unwrap(),
        total_claimed: total_claimed.parse().unwrap(),
        signature: text(&voucher["signature"]).parse().unwrap(),
    };
    let (payee, token) = (app.deployed.payee.parse().unwrap(), app.deployed.usdc.parse().unwrap());
    let root = format!("0x{}", "0".repeat(64)).parse().unwrap();
    let calldata = calls::settle(root, payee, token, 6, &[claim]);
    app.anvil.send(&app.deployed.payee, &app.deployed.contract, &calldata.to_string()).await;
    session.until(&app.api, "the claim is seen", |now| now["claimed"] == total_claimed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_settles() {
    let app = ChainApp::up_with(&SETTINGS).await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Client, "10").await;
    session.charge(api, "1", USDC).await.done(201);
    settle_all(api).await;
    session.charge(api, "1", 2 * USDC).await.done(201);
    claims_on_its_own(&app, &session, 2 * USDC, "1.25").await;
    let item = opens(api, "0.25").await;
    assert_eq!((&item["ledger"], &item["amount"]), (&json!("0"), &json!("0.25")));
    assert_eq!((&item["subject"]["type"], &item["subject"]["payee"]), (&json!("payee"), &json!(app.deployed.payee)));
    let causes = item["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{item}");
    let transfers = app.deployed.transfers(&app.anvil, &app.deployed.payee).await;
    let (stranger, _) = transfers.iter().find(|(_, units)| *units == USDC / 4).unwrap();
    for part in [stranger.as_str(), "somebody else settled", "the log has 1 of its claims, 0.25 in all"] {
        assert!(text(&causes[0]).contains(part), "{part}: {item}");
    }
    let now = compared(api).await;
    assert_eq!(now["transferred"], json!({ "ledger": "1", "chain": "1.25", "difference": "0.25" }), "{now}");
    let told = app.site.tollbook(&["reconcile"], &[]).await.expect_code(1);
    assert!(told.stdout.contains("somebody else settled"), "{}", told.stdout);

    // Money that came cannot be accepted as escrow that went. It is explained, and stays so over our own settlements.
    let path = format!("{DIFFERENCES}/{}", text(&item["id"]));
    let accept = json!({ "resolution": "accepted", "note": "it is ours" });
    api.post(&format!("{path}/close"), &accept).await.problem(422, "difference_not_acceptable");
    close(api, text(&item["id"]), "explained", "the payee collected").await;
    session.charge(api, "0.5", 2_500_000).await.done(201);
    settle_all(api).await;
    until("our settlement was compared", async || {
        let now = compared(api).await;
        assert_eq!(now["open"], 0, "{now}");
        (now["transferred"]["ledger"] == "2.25").then_some(())
    })
    .await;
    assert_eq!(api.get(&path).await.done(200)["status"], "explained");

    // It is another one when the payee collects again.
    session.charge(api, "1", 3_500_000).await.done(201);
    claims_on_its_own(&app, &session, 3_500_000, "3").await;
    let again = opens(api, "0.75").await;
    assert_eq!((&again["id"], &again["times_opened"], &again["note"]), (&item["id"], &json!(2), &Value::Null));
    assert_eq!(again["causes"].as_array().unwrap().len(), 2, "{again}");
    app.site.tollbook(&["verify"], &[]).await.expect_code(0);
    app.tollbook(&["replay"]).await.expect_code(0);
}

#[tokio::test]
async fn a_comparison_can_be_asked_for() {
    let app = ChainApp::up_with(&[SETTINGS[0], ("TOLLBOOK_RECONCILE_SECS", "3600")]).await;
    let api = &app.api;
    // Whoever has nothing on a chain gets an answer, too.
    let now = compared(api).await;
    assert_eq!((&now["session_keys"], &now["open"], &now["not_opened"]), (&json!(0), &json!(0), &json!(0)), "{now}");
    assert_eq!(now["chain_id"], app.deployed.chain_id());
    // Nobody can have the node asked all the time.
    let begun = Instant::now();
    compared(api).await;
    compared(api).await;
    assert!(begun.elapsed() >= Duration::from_secs(9), "{:?}", begun.elapsed());
    let customer = app.payer().await;
    Session::open(api, &customer, Custody::Managed, "10").await;
    until("the deposit was compared", async || {
        let now = compared(api).await;
        (now["session_keys"] == 1 && now["escrow"]["chain"] == "10").then_some(())
    })
    .await;
    let first = api.post_keyed("/v1/reconciliation", "ask-1", &json!({})).await;
    let second = api.post_keyed("/v1/reconciliation", "ask-1", &json!({})).await;
    assert_eq!(first.done(202), second.done(202));
    for (query, code) in
        [("status=wrong", "invalid_request"), ("cursor=x", "invalid_request"), ("x=1", "unknown_field")]
    {
        api.get(&format!("{DIFFERENCES}?{query}")).await.problem(400, code);
    }
    api.get(&format!("{DIFFERENCES}/dif_1")).await.problem(404, "difference_not_found");
    api.post("/v1/reconciliation", &json!({ "now": true })).await.problem(400, "unknown_field");
}
