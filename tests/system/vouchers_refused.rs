//! Vouchers that are worth nothing: refused before anything is delivered for them, and worth nothing to the contract
//! either, whoever takes them there. Those that are good are paid all the same.

use chain::calls::{self, Claim};
use chain::deploy;
use serde_json::{Value, json};

use crate::support::anvil::{number, padded};
use crate::support::api::text;
use crate::support::chain::{BY_HAND, CLAIM_SKIPPED, approve_settler};
use crate::support::refused::{Bad, assert_refused};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, in_seconds, owner, settle, settle_all, usdc};
use crate::support::{Api, until};

/// Nobody's address.
const SOMEBODY: &str = "0x00000000000000000000000000000000deadbeef";
/// `checkClaim(address,address,(bytes32,uint128,uint128,bytes32,bytes32))` of the contract.
const CHECK_CLAIM: &str = "0xea41d4ad";
/// Another chain.
const BASE: u64 = 8_453;

/// The contract's `ClaimStatus`.
const OK: u128 = 0;
const UNKNOWN_SESSION: u128 = 1;
const NOT_YET_VALID: u128 = 4;
const CLAIM_WINDOW_CLOSED: u128 = 5;
const ALREADY_CLAIMED: u128 = 6;
const ABOVE_VOUCHER: u128 = 7;
const ABOVE_ESCROW: u128 = 8;
const BAD_SIGNATURE: u128 = 10;

/// The same session with another key that signs.
fn with_key_of(session: &Session, key: [u8; 32]) -> Session {
    let (id, created, owner) = (session.id.clone(), session.created.clone(), session.owner.clone());
    Session { id, created, owner, key: Some(key) }
}

/// Any key.
fn any_key() -> [u8; 32] {
    chain::voucher::generate().unwrap().1.0
}

/// A self-custody session of one owner with 10 USDC in it.
async fn open_changed(app: &ChainApp, customer: &str, index: usize, change: Value) -> Session {
    let mut wanted = json!({ "owner": owner(index).address().to_string() });
    let Value::Object(change) = change else { panic!("not an object") };
    wanted.as_object_mut().unwrap().extend(change);
    let session = Session::draw_up(&app.api, customer, Custody::Client, "10", wanted).await;
    app.api.post(&session.path("register"), &session.opening()).await.done(202);
    session.until(&app.api, "paid in", |now| now["deposited"] == "10").await;
    session
}

#[tokio::test]
async fn before_anything_is_delivered() {
    let app = ChainApp::up_with(&[BY_HAND]).await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = open_changed(&app, &customer, 0, json!({})).await;
    let expired = open_changed(&app, &customer, 1, json!({ "valid_until": in_seconds(25) })).await;
    let wrong = with_key_of(&session, any_key());
    session.charge(api, "1", 2 * USDC).await.done(201);
    app.quiet().await;
    until("its time is over", async || (app.site.events_count(Some("expired")).await == 1).then_some(())).await;

    let (contract, payee, chain_id) = (&app.deployed.contract, &app.deployed.payee, app.deployed.chain_id());
    let body =
        |amount: &str, voucher: Value| json!({ "session_key_id": session.id, "amount": amount, "voucher": voucher });
    let elsewhere =
        |chain_id: u64, contract: &str, payee: &str| session.voucher_for(3 * USDC, chain_id, contract, payee);
    let charges = [
        ("by the wrong key", body("1.5", wrong.voucher(3 * USDC)), 422, "voucher_wrong_signer"),
        ("above the escrow", body("1.5", session.voucher(10 * USDC + 1)), 422, "voucher_above_deposit"),
        ("below the last", body("1.5", session.voucher(USDC)), 402, "voucher_too_low"),
        ("for another payee", body("1.5", elsewhere(chain_id, contract, SOMEBODY)), 422, "voucher_wrong_signer"),
        ("for another chain", body("1.5", elsewhere(BASE, contract, payee)), 422, "voucher_wrong_signer"),
        ("for another contract", body("1.5", elsewhere(chain_id, SOMEBODY, payee)), 422, "voucher_wrong_signer"),
        ("after the end", expired.charge_body("1", USDC), 409, "session_expired"),
        (
            "none, and the last does not reach",
            json!({ "session_key_id": session.id, "amount": "1.5" }),
            402,
            "voucher_required",
        ),
    ];
    // What is held first is no different.
    let rows: Vec<Bad> = charges
        .into_iter()
        .flat_map(|(what, body, status, code)| {
            ["/v1/charges", "/v1/holds"].map(|path| Bad::post(what, path, body.clone(), status, code))
        })
        .collect();
    assert_refused(&app, &rows).await;
    // One that is lower than the last does no harm where the last reaches.
    session.charge(api, "0.5", USDC).await.done(201);
    assert_eq!(session.now(api).await["voucher"]["max_claimable"], "2");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_500_000);
}

/// What somebody takes to the contract, and what the contract thinks of it.
struct Line {
    what: &'static str,
    claim: Claim,
    status: u128,
}

/// A claim of `total` with a voucher as it is, in atomic units.
fn line(what: &'static str, session: &Session, total: u128, voucher: &Value, status: u128) -> Line {
    let max_claimable = text(&voucher["max_claimable"]).parse().unwrap();
    let claim = Claim {
        session_id: session.session_id().parse().unwrap(),
        max_claimable: usdc(max_claimable).parse().unwrap(),
        total_claimed: usdc(total).parse().unwrap(),
        signature: text(&voucher["signature"]).parse().unwrap(),
    };
    Line { what, claim, status }
}

/// What the contract's own view says of a claim.
async fn checked(app: &ChainApp, claim: &Claim) -> u128 {
    let signature = claim.signature.to_string();
    let (r, vs) = signature.trim_start_matches("0x").split_at(64);
    let units = |amount: domain::money::Amount| format!("{:064x}", amount.atomic(6));
    let data = [
        CHECK_CLAIM,
        &padded(&app.deployed.payee),
        &padded(&app.deployed.usdc),
        &padded(&claim.session_id.to_string()),
        &units(claim.max_claimable),
        &units(claim.total_claimed),
        r,
        vs,
    ]
    .concat();
    number(&app.anvil.rpc("eth_call", json!([{ "to": app.deployed.contract, "data": data }, "latest"])).await)
}

/// Sends a batch past Tollbook, and gives the reasons of what was skipped, by session, in order.
async fn take(app: &ChainApp, sender: &str, lines: &[Line]) -> Vec<(String, u128)> {
    let (payee, token) = (app.deployed.payee.parse().unwrap(), app.deployed.usdc.parse().unwrap());
    let claims: Vec<Claim> = lines.iter().map(|line| line.claim).collect();
    let root = format!("0x{}", "0".repeat(64)).parse().unwrap();
    let calldata = calls::settle(root, payee, token, 6, &claims).to_string();
    let receipt = app.anvil.send(sender, &app.deployed.contract, &calldata).await;
    let logs = receipt["logs"].as_array().unwrap().iter();
    let skipped = logs.filter(|log| log["topics"][0] == CLAIM_SKIPPED);
    skipped.map(|log| (text(&log["topics"][1]).to_owned(), number(&log["data"]))).collect()
}

/// Everything Tollbook itself has earned, settled and compared, before others act for the payee.
async fn earned(app: &ChainApp, session: &Session) {
    let api: &Api = &app.api;
    session.charge(api, "2", 2 * USDC).await.done(201);
    assert_eq!(settle(api).await["transferred"], "2");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2 * USDC);
}

#[tokio::test]
async fn by_the_contract_as_well() {
    let mut app = ChainApp::up_with(&[BY_HAND]).await;
    let customer = app.payer().await;
    let mut sessions = Vec::new();
    for index in 0..3 {
        sessions.push(open_changed(&app, &customer, index, json!({})).await);
    }
    let [first, second, claimed] = &sessions[..] else { panic!("three") };
    let soon = json!({ "valid_until": in_seconds(3600), "settle_grace_secs": 900 });
    let late = open_changed(&app, &customer, 3, soon).await;
    let early = open_changed(&app, &customer, 4, json!({ "valid_after": in_seconds(86_400) })).await;
    let unknown = Session::draw_up(&app.api, &customer, Custody::Client, "10", json!({})).await;
    let old = claimed.voucher(USDC);
    earned(&app, claimed).await;

    // Nobody of Tollbook's is there: what follows is between the payee's other settler and the contract.
    app.kill();
    app.advance(3600 + 901).await;
    let accounts = app.anvil.rpc("eth_accounts", json!([])).await;
    let sender = text(&accounts[2]).to_owned();
    let local_owners: Vec<String> =
        deploy::local_owner_keys().iter().map(|key| key.address().to_string().to_lowercase()).collect();
    assert!(!local_owners.contains(&sender.to_lowercase()), "an account that nobody else uses");
    let (contract, payee, chain_id) = (&app.deployed.contract, &app.deployed.payee, app.deployed.chain_id());
    let wrong = with_key_of(first, any_key());
    let three = 3 * USDC;
    let elsewhere = |chain_id: u64, contract: &str, payee: &str| first.voucher_for(three, chain_id, contract, payee);
    let lines = [
        line("by the wrong key", first, three, &wrong.voucher(three), BAD_SIGNATURE),
        line("good", second, 1_500_000, &second.voucher(2 * USDC), OK),
        line("above the escrow", first, 10 * USDC + 1, &first.voucher(11 * USDC), ABOVE_ESCROW),
        line("above what was signed", first, 2_000_001, &first.voucher(2 * USDC), ABOVE_VOUCHER),
        line("below the last", claimed, USDC, &old, ALREADY_CLAIMED),
        line("the last again", claimed, 2 * USDC, &claimed.voucher(2 * USDC), ALREADY_CLAIMED),
        line("for another payee", first, three, &elsewhere(chain_id, contract, SOMEBODY), BAD_SIGNATURE),
        line("for another chain", first, three, &elsewhere(BASE, contract, payee), BAD_SIGNATURE),
        line("for another contract", first, three, &elsewhere(chain_id, SOMEBODY, payee), BAD_SIGNATURE),
        line("of another session", first, three, &second.voucher(three), BAD_SIGNATURE),
        line("after its end and the time to claim", &late, USDC, &late.voucher(USDC), CLAIM_WINDOW_CLOSED),
        line("before its beginning", &early, USDC, &early.voucher(USDC), NOT_YET_VALID),
        line("of a session that nobody registered", &unknown, USDC, &unknown.voucher(USDC), UNKNOWN_SESSION),
        line("good, among all of these", first, 250_000, &first.voucher(three), OK),
    ];
    for line in &lines {
        assert_eq!(checked(&app, &line.claim).await, line.status, "{}", line.what);
    }
    // A stranger may not even try.
    let all: Vec<Claim> = lines.iter().map(|line| line.claim).collect();
    let root = format!("0x{}", "0".repeat(64)).parse().unwrap();
    let calldata = calls::settle(root, payee.parse().unwrap(), app.deployed.usdc.parse().unwrap(), 6, &all).to_string();
    let refused =
        app.anvil.try_rpc("eth_call", json!([{ "from": sender, "to": contract, "data": calldata }, "latest"]));
    assert!(refused.await.is_err(), "whoever is no settler of the payee");
    assert_eq!(app.deployed.balance(&app.anvil, payee).await, 2 * USDC);

    approve_settler(&app, payee, &sender).await;
    let skipped = take(&app, &sender, &lines).await;
    let expected: Vec<(String, u128)> = lines
        .iter()
        .filter(|line| line.status != OK)
        .map(|line| (line.claim.session_id.to_string(), line.status))
        .collect();
    assert_eq!(skipped, expected);
    let good = 1_500_000 + 250_000;
    assert_eq!(app.deployed.balance(&app.anvil, payee).await, 2 * USDC + good);
    // Once more: what was paid is paid.
    assert_eq!(take(&app, &sender, &lines).await.len(), lines.len());
    assert_eq!(app.deployed.balance(&app.anvil, payee).await, 2 * USDC + good);

    // Tollbook hears of it: each session has what the contract says, and the comparison names the stranger's work.
    app.restart().await;
    let api = &app.api;
    first.until(api, "the claim is seen", |now| now["claimed"] == "0.25").await;
    second.until(api, "the claim is seen", |now| now["claimed"] == "1.5").await;
    let mut claimed_in_all = 0;
    for session in sessions.iter().chain([&late, &early]) {
        let on_chain = app.deployed.claimed(&app.anvil, session.session_id(), &app.deployed.payee).await;
        assert_eq!(session.now(api).await["claimed"], usdc(on_chain), "{}", session.id);
        claimed_in_all += on_chain;
    }
    assert_eq!(app.deployed.balance(&app.anvil, &app.deployed.payee).await, claimed_in_all);
    app.site.tollbook(&["verify"], &[]).await.expect_code(0);
    let transfers = app.deployed.transfers(&app.anvil, &app.deployed.payee).await;
    assert_eq!(transfers.len(), 2, "{transfers:?}");
    let compared = app.site.tollbook(&["reconcile"], &[]).await.expect_code(1);
    assert!(compared.stdout.contains(&transfers[1].0), "{}", compared.stdout);
}
