//! The life of session keys on a chain: drawn up, signed by their owner, opened, charged, stopped by either
//! side, settled, given back, closed.

use serde_json::{Value, json};

use crate::support::anvil::{Anvil, padded};
use crate::support::api::{list, text};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, atomic, owner, settle, settle_all, sign, usdc};
use crate::support::{Api, Position, assert_amount, decimal, until};

/// `freeze(bytes32)` and `unfreeze(bytes32)` of the contract.
const FREEZE: &str = "0xec13cc7b";
const UNFREEZE: &str = "0x9957e7f1";
/// `setGuardian(address)`, `guardianFreeze(bytes32,address)` and `guardianUnfreeze(bytes32,address)`.
const SET_GUARDIAN: &str = "0x8a0dac4a";
const GUARDIAN_FREEZE: &str = "0xfcb0f754";
const GUARDIAN_UNFREEZE: &str = "0x9c646847";

/// The owner acts on the chain, past Tollbook.
async fn on_chain(app: &ChainApp, session: &Session, selector: &str) {
    let data = format!("{selector}{}", session.session_id().trim_start_matches("0x"));
    app.anvil.send(&session.owner.address().to_string(), &app.deployed.contract, &data).await;
}

/// Types of the events of one session key, in order.
async fn events(api: &Api, session: &Session) -> Vec<String> {
    let customer = text(&session.created["customer_id"]);
    let all = api.walk(&format!("/v1/events?customer_id={customer}&category=session_key&limit=100"), "after").await;
    let stream = json!(format!("session_key:{}", session.id));
    let own = all.iter().filter(|event| event["stream_id"] == stream);
    own.map(|event| text(&event["type"]).to_owned()).collect()
}

/// These come one after the other, with whatever between them.
#[track_caller]
fn assert_order(events: &[String], expected: &[&str]) {
    let mut rest = events.iter();
    for wanted in expected {
        assert!(rest.any(|event| event == wanted), "{wanted} is not where it belongs: {events:?}");
    }
}

#[tokio::test]
async fn a_managed_key_from_grant_to_close() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let organization = api.get("/v1/organization").await.done(200);
    assert_eq!(organization["payee"], app.deployed.payee.as_str());

    let session = Session::draw_up(api, &customer, Custody::Managed, "10", json!({ "withdraw_delay_secs": 900 })).await;
    let created = &session.created;
    assert_eq!((&created["object"], &created["status"]), (&json!("session_key"), &json!("pending")));
    assert_eq!((&created["custody"], &created["payee"]), (&json!("managed"), &json!(app.deployed.payee)));
    assert_eq!(created["chain"]["id"], app.deployed.chain_id());
    for action in ["grant", "open"] {
        let asked = api.get(&format!("{}?action={action}", session.path("typed_data"))).await.done(200);
        assert_eq!(asked["typed_data"], created["typed_data"][action], "{action}");
    }

    // In a block, and not for good: it is seen, and worth nothing yet.
    app.anvil.stop_mining().await;
    let registered = api.post(&session.path("register"), &session.opening()).await.done(202);
    assert_eq!((&registered["status"], &registered["relays"][0]["action"]), (&json!("pending"), &json!("open")));
    app.anvil.pending(1).await;
    session.charge_plain(api, "1").await.problem(409, "session_pending");
    app.anvil.mine().await;
    let seen = session.until(api, "its deposit is seen", |now| now["pending_deposits"] == "10").await;
    assert_eq!((&seen["status"], &seen["deposited"]), (&json!("pending"), &json!("0")));
    session.charge_plain(api, "1").await.problem(409, "session_pending");
    app.anvil.resume_mining().await;
    let active = session.active(api).await;
    assert_eq!((&active["pending_deposits"], &active["available"]), (&json!("0"), &json!("10")));

    let charge = session.charge_plain(api, "1.25").await.done(201);
    assert_eq!((&charge["session_key_id"], &charge["customer_id"]), (&json!(session.id), &json!(customer)));
    assert_amount(&charge["paid"]["session"], "1.25");
    assert_amount(&charge["session"]["available"], "8.75");
    let price = json!({ "unit": "call", "unit_price": "0.000003", "currency": "USDC" });
    api.put("/v1/meters/calls", &price).await.done(200);
    let body = json!({ "session_key_id": session.id, "meter": "calls", "quantity": "250000" });
    let metered = api.post_keyed("/v1/charges", "metered", &body).await.done(201);
    assert_amount(&metered["amount"], "0.75");
    let again = api.post_keyed("/v1/charges", "metered", &body).await;
    assert!(again.is_replay() && again.json() == metered, "{}", again.text());

    stopped_by_the_organization(api, &session).await;
    stopped_by_its_owner(&app, &session).await;

    // What was charged until the freezes is settled because of them; this is settled by hand.
    settle_all(api).await;
    let last = session.charge_plain(api, "0.500001").await.done(201);
    let settlement = settle(api).await;
    assert_eq!((&settlement["status"], &settlement["cause"]), (&json!("finalized"), &json!("requested")));
    assert_eq!((&settlement["total"], &settlement["settled"]), (&json!("0.500001"), &json!(1)));
    settle_all(api).await;
    let paid = app.assert_settled().await;
    assert_eq!(usdc(paid), text(&session.now(api).await["charged"]));
    explained(&app, &last, &settlement).await;

    gone(&app, &session, paid).await;
    let order = ["granted", "relay_requested", "registered", "deposited", "charged", "frozen", "unfrozen"];
    let events = events(api, &session).await;
    assert_order(&events, &order);
    assert_order(
        &events,
        &["deposit_seen", "deposited", "claim_planned", "claimed", "revoked", "withdrawal_requested"],
    );
    assert_order(&events, &["relay_done", "revoked", "withdrawal_requested", "withdrawn", "closed"]);
    app.site.assert_clean().await;
    app.tollbook(&["replay"]).await.expect_code(0);
}

async fn stopped_by_the_organization(api: &Api, session: &Session) {
    let frozen = api.post(&session.path("freeze"), &json!({})).await.done(200);
    assert_eq!((&frozen["status"], &frozen["frozen_by"]), (&json!("frozen"), &json!(["organization"])));
    session.charge_plain(api, "0.1").await.problem(409, "session_frozen");
    let unfrozen = api.post(&session.path("unfreeze"), &json!({})).await.done(200);
    assert_eq!(unfrozen["status"], "active");
    session.charge_plain(api, "0.1").await.done(201);
}

async fn stopped_by_its_owner(app: &ChainApp, session: &Session) {
    let api = &app.api;
    // Through Tollbook: it counts from the answer on.
    let signature = session.owner_signature(api, "freeze").await;
    let frozen = api.post(&session.path("freeze"), &signature).await.done(202);
    assert_eq!((&frozen["status"], &frozen["frozen_by"]), (&json!("frozen"), &json!(["owner"])));
    session.charge_plain(api, "0.1").await.problem(409, "session_frozen");
    api.post(&session.path("unfreeze"), &json!({})).await.problem(409, "session_frozen_by_owner");
    session.until(api, "the freeze is on the chain", |now| now["relays"] == json!([])).await;
    session.by_owner(api, "unfreeze", "unfreeze").await;
    session.until_status(api, "active").await;
    session.charge_plain(api, "0.1").await.done(201);

    // Past Tollbook, with both freezes at once: each is lifted by who put it there.
    on_chain(app, session, FREEZE).await;
    session.until_status(api, "frozen").await;
    api.post(&session.path("freeze"), &json!({})).await.done(200);
    on_chain(app, session, UNFREEZE).await;
    session.until(api, "the owner's freeze is lifted", |now| now["frozen_by"] == json!(["organization"])).await;
    session.charge_plain(api, "0.1").await.problem(409, "session_frozen");
    api.post(&session.path("unfreeze"), &json!({})).await.done(200);
    session.charge_plain(api, "0.1").await.done(201);
}

/// From the charge to the transaction, as the chain has it.
async fn explained(app: &ChainApp, charge: &Value, settlement: &Value) {
    let path = format!("/v1/charges/{}/explain?min_position={}", text(&charge["id"]), text(&settlement["position"]));
    let explanation = app.api.get(&path).await.done(200);
    assert_eq!((&explanation["settled"], &explanation["charge_id"]), (&json!(true), &charge["id"]));
    let steps = explanation["steps"].as_array().unwrap();
    let kinds: Vec<String> = steps.iter().map(|step| text(&step["step"]).to_owned()).collect();
    assert_order(
        &kinds,
        &["request", "deposit", "charge", "postings", "claim", "settlement", "transaction", "transfer"],
    );
    let transfer = steps.iter().find(|step| step["step"] == "transfer").unwrap();
    let hash = text(&transfer["data"]["tx_hash"]);
    assert_eq!(hash, text(&settlement["transaction"]["hash"]));
    let transfers = app.deployed.transfers(&app.anvil, &app.deployed.payee).await;
    assert!(transfers.contains(&(hash.to_owned(), atomic(decimal(&charge["amount"])))), "{transfers:?}");
    // Each step with an event names one that is there.
    let events = app.api.walk("/v1/events?limit=100", "after").await;
    for step in steps.iter().filter(|step| !step["event_id"].is_null()) {
        let event = events.iter().find(|event| event["event_id"] == step["event_id"]);
        let event = event.unwrap_or_else(|| panic!("no such event: {step}"));
        assert_eq!(step["event_type"], format!("{}.{}", text(&event["category"]), text(&event["type"])), "{step}");
        assert_eq!(step["position"], event["position"], "{step}");
    }
}

/// Revoked by its owner, who then takes back what is left.
async fn gone(app: &ChainApp, session: &Session, paid: u128) {
    let api = &app.api;
    let owner = session.owner.address().to_string();
    let before = app.deployed.balance(&app.anvil, &owner).await;
    let signature = session.owner_signature(api, "revoke").await;
    let revoked = api.post(&session.path("revoke"), &signature).await.done(202);
    assert_eq!(revoked["status"], "revoked");
    session.charge_plain(api, "0.1").await.problem(409, "session_revoked");
    session.until(api, "the end is on the chain", |now| now["relays"] == json!([])).await;
    let signature = session.owner_signature(api, "withdraw").await;
    api.post(&session.path("withdrawals"), &signature).await.done(202);
    let wanted = session.until(api, "the withdrawal is seen", |now| !now["withdrawal"].is_null()).await;
    assert_amount(&wanted["available"], "0");
    // The withdrawal's time has not come, and comes with the chain's own clock.
    app.advance(901).await;
    let closed = session.until_status(api, "closed").await;
    let left = 10 * USDC - paid;
    assert_amount(&closed["withdrawn"], &usdc(left));
    assert_eq!(app.deployed.balance(&app.anvil, &owner).await, before + left);
    let position = Position::of(&api.charge(&api.funded("1").await, "1").await.done(201));
    let listed = api.list_at("/v1/session_keys?status=closed", position).await;
    assert_eq!(listed.iter().map(|key| text(&key["id"])).collect::<Vec<_>>(), [session.id.as_str()]);
    assert_eq!(app.assert_settled().await, paid);
}

#[tokio::test]
async fn stopped_by_the_payees_guardian() {
    let app = ChainApp::up().await;
    let (api, payee, contract) = (&app.api, &app.deployed.payee, &app.deployed.contract);
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    session.charge_plain(api, "2").await.done(201);
    let guardian = owner(4).address().to_string();
    app.anvil.send(payee, contract, &format!("{SET_GUARDIAN}{}", padded(&guardian))).await;
    let by_guardian = async |selector: &str| {
        let data = format!("{selector}{}{}", padded(session.session_id()), padded(payee));
        app.anvil.send(&guardian, contract, &data).await;
    };

    // On the chain alone: nothing more is charged, and what was earned is settled.
    by_guardian(GUARDIAN_FREEZE).await;
    let frozen = session.until_status(api, "frozen").await;
    assert_eq!(frozen["frozen_by"], json!(["guardian"]));
    session.charge_plain(api, "1").await.problem(409, "session_frozen");
    let hold = json!({ "session_key_id": session.id, "amount": "1" });
    api.post("/v1/holds", &hold).await.problem(409, "session_frozen");
    let settlement = settle(api).await;
    assert_eq!((&settlement["status"], &settlement["transferred"]), (&json!("finalized"), &json!("2")));
    assert_eq!(session.now(api).await["frozen_by"], json!(["guardian"]));
    by_guardian(GUARDIAN_UNFREEZE).await;
    session.until_status(api, "active").await;
    session.charge_plain(api, "1").await.done(201);

    // The organization, for which the guardian acts, may lift its freeze as well.
    by_guardian(GUARDIAN_FREEZE).await;
    session.until_status(api, "frozen").await;
    let lifted = api.post(&session.path("unfreeze"), &json!({})).await.done(200);
    assert_eq!((&lifted["status"], &lifted["frozen_by"]), (&json!("active"), &json!([])));
    session.charge_plain(api, "1").await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 4 * USDC);
    let order = ["charged", "frozen", "claimed", "unfrozen", "charged", "frozen", "unfrozen", "charged", "claimed"];
    assert_order(&events(api, &session).await, &order);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn a_client_who_keeps_the_key() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let change = json!({ "owner": owner(1).address().to_string(), "withdraw_delay_secs": 900 });
    let session = Session::draw_up(api, &customer, Custody::Client, "5", change).await;

    // Registered with a signature, without money; then paid in, in two parts.
    let signature = sign(&session.owner, &session.created["typed_data"]["grant"]);
    api.post(&session.path("register"), &json!({ "signature": signature })).await.done(202);
    session.until_status(api, "active").await;
    session.charge(api, "0.1", 100_000).await.problem(402, "insufficient_deposit");
    for index in [0, 1] {
        let deposit = session.deposit(api, "2.5", index).await;
        api.post(&session.path("deposits"), &deposit).await.done(202);
    }
    session.until(api, "both deposits are final", |now| now["available"] == "5").await;

    // The API says what is missing; the client signs just that.
    let required = session.charge_plain(api, "0.1").await.problem(402, "voucher_required");
    assert_eq!((&required["needed_atomic"], &required["charged"]), (&json!("100000"), &json!("0")));
    let asked = api.get(&format!("{}?action=voucher&charge=0.1", session.path("typed_data"))).await.done(200);
    assert_eq!(asked["typed_data"]["message"]["maxClaimable"], "100000");
    let key = chain::settler::SettlerKey::from_hex(&hex(&session.key.unwrap())).unwrap();
    let voucher = json!({ "max_claimable": "100000", "signature": sign(&key, &asked["typed_data"]) });
    let body = json!({ "session_key_id": session.id, "amount": "0.1", "voucher": voucher });
    let first = api.post("/v1/charges", &body).await.done(201);
    assert_amount(&first["session"]["charged"], "0.1");

    // A voucher is good for everything under it, also later, and a lower one does not take it back.
    session.charge(api, "0.2", 1_000_000).await.done(201);
    session.charge_plain(api, "0.3").await.done(201);
    session.charge(api, "0.4", 500_000).await.done(201);
    let now = session.now(api).await;
    let highest = json!({
        "max_claimable": "1", "max_claimable_atomic": "1000000", "remaining": "0",
        "signature": session.voucher(1_000_000)["signature"],
    });
    assert_eq!(now["voucher"], highest);
    session.charge_plain(api, "0.000001").await.problem(402, "voucher_required");
    session.charge(api, "0.000001", 1_000_001).await.done(201);

    // The owner wants the rest; what was earned meanwhile is not in it.
    let taken = json!({ "amount": "3.9" });
    let asked = api.get(&format!("{}?action=withdraw&amount=3.9", session.path("typed_data"))).await.done(200);
    let mut body = json!({ "owner_signature": {
        "signature": sign(&session.owner, &asked["typed_data"]), "nonce": asked["nonce"], "deadline": asked["deadline"],
    } });
    body["amount"] = taken["amount"].clone();
    api.post(&session.path("withdrawals"), &body).await.done(202);
    session.until(api, "the withdrawal is seen", |now| !now["withdrawal"].is_null()).await;
    session.charge(api, "0.1", 1_100_001).await.problem(402, "insufficient_deposit");
    session.charge(api, "0.099999", 1_100_000).await.done(201);
    app.advance(901).await;
    let withdrawn = session.until(api, "the money is back", |now| now["withdrawn"] == "3.9").await;
    assert_eq!((&withdrawn["withdrawal"], &withdrawn["available"]), (&Value::Null, &json!("0")));
    // Room again under the limit.
    let deposit = session.deposit(api, "2", 0).await;
    api.post(&session.path("deposits"), &deposit).await.done(202);
    session.until(api, "the deposit is final", |now| now["available"] == "2").await;
    session.charge(api, "2", 3_100_000).await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 3_100_000);
    api.post(&session.path("revoke"), &json!({})).await.done(200);
    session.until_status(api, "closed").await;
    app.site.assert_clean().await;
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_chain_that_was_stopped_in_order_goes_on() {
    let mut app = ChainApp::up().await;
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Managed, "10").await;
    session.charge_plain(&app.api, "1").await.done(201);
    settle_all(&app.api).await;
    session.charge_plain(&app.api, "1").await.done(201);

    app.anvil.stop().await;
    app.restart().await;
    app.anvil.resume().await;
    app.chain_is("ok").await;
    let api = &app.api;
    session.charge_plain(api, "1").await.done(201);
    session.by_owner(api, "freeze", "freeze").await;
    session.by_owner(api, "unfreeze", "unfreeze").await;
    session.until_status(api, "active").await;
    let other = Session::open(api, &customer, Custody::Client, "3").await;
    other.charge(api, "3", 3 * USDC).await.done(201);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 6 * USDC);
}

#[tokio::test]
async fn organizations_do_not_see_each_others() {
    let app = ChainApp::up().await;
    let (api, theirs) = (&app.api, app.other_organization().await);
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    let charge = session.charge_plain(api, "1").await.done(201);
    let settlement = settle(api).await;
    app.quiet().await;
    let events = app.site.events_count(None).await;

    let (key, stl) =
        (format!("/v1/session_keys/{}", session.id), format!("/v1/settlements/{}", text(&settlement["id"])));
    theirs.get(&key).await.problem(404, "session_key_not_found");
    theirs.get(&format!("{key}/typed_data?action=freeze")).await.problem(404, "session_key_not_found");
    theirs.get(&stl).await.problem(404, "settlement_not_found");
    theirs.get(&format!("/v1/charges/{}", text(&charge["id"]))).await.problem(404, "charge_not_found");
    theirs.get(&format!("/v1/charges/{}/explain", text(&charge["id"]))).await.problem(404, "charge_not_found");
    for action in ["freeze", "unfreeze", "revoke"] {
        theirs.post(&format!("{key}/{action}"), &json!({})).await.problem(404, "session_key_not_found");
    }
    let signature = session.owner_signature(api, "freeze").await;
    theirs.post(&format!("{key}/freeze"), &signature).await.problem(404, "session_key_not_found");
    theirs.post(&format!("{key}/withdrawals"), &signature).await.problem(404, "session_key_not_found");
    theirs.post(&format!("{key}/register"), &session.opening()).await.problem(404, "session_key_not_found");
    theirs.post(&format!("{stl}/retry"), &json!({})).await.problem(404, "settlement_not_found");
    session.charge_plain(&theirs, "1").await.problem(404, "session_key_not_found");
    // A customer of another organization cannot be drawn a session key up for.
    let body = crate::support::sessions::request(&customer, &owner(0), Custody::Managed, "1", json!({}));
    theirs.post("/v1/session_keys", &body).await.problem(404, "customer_not_found");
    assert_eq!(app.site.events_count(None).await, events);

    for path in
        ["/v1/session_keys", "/v1/settlements", "/v1/events?category=session_key", "/v1/events?category=settler"]
    {
        assert_eq!(list(&theirs.get(path).await.done(200)), [Value::Null; 0], "{path}");
    }
    // Whoever is not paid anywhere yet is told so, and then has keys of its own.
    let customer = crate::support::sessions::payer(&theirs).await;
    let body = crate::support::sessions::request(&customer, &owner(0), Custody::Managed, "1", json!({}));
    theirs.post("/v1/session_keys", &body).await.problem(409, "payee_not_set");
    theirs.post("/v1/settlements", &json!({})).await.problem(409, "payee_not_set");
    theirs.put("/v1/organization/payee", &json!({ "payee": owner(5).address().to_string() })).await.done(200);
    let own = Session::open(&theirs, &customer, Custody::Managed, "1").await;
    assert_eq!(own.created["payee"], owner(5).address().to_string());
    own.charge_plain(&theirs, "0.25").await.done(201);
    until("each sees its own", async || {
        let (ours, theirs) =
            (api.get("/v1/session_keys").await.done(200), theirs.get("/v1/session_keys").await.done(200));
        (list(&ours).len() == 1 && list(&theirs).len() == 1 && list(&theirs)[0]["id"] == own.id.as_str()).then_some(())
    })
    .await;
    // The settler is not theirs yet: nothing of it reaches the first organization's payee.
    assert_eq!(app.assert_settled().await, USDC);
    not_approved(&app.anvil, &theirs, &app).await;
}

/// A payee who has not approved the settler is not paid; the settlement waits for a person, who tries again.
async fn not_approved(anvil: &Anvil, api: &Api, app: &ChainApp) {
    let parked = settle(api).await;
    assert_eq!((&parked["status"], &parked["attempts"]), (&json!("parked"), &json!(3)), "{parked}");
    assert!(parked["last_failure"]["reason"].as_str().is_some_and(|why| why.contains("NotSettler")), "{parked}");
    let payee = owner(5).address().to_string();
    let key = std::fs::read_to_string(app.site.dir.join("settler.key")).unwrap();
    let settler = chain::settler::SettlerKey::from_hex(&key).unwrap().address().to_string();
    let data = format!("0x77a35465{:0>64}{:0>64}", settler.trim_start_matches("0x"), 1);
    anvil.send(&payee, &app.deployed.contract, &data).await;
    let before = app.deployed.balance(anvil, &payee).await;
    api.post(&format!("/v1/settlements/{}/retry", text(&parked["id"])), &json!({})).await.done(202);
    let paid = crate::support::sessions::settlement_over(api, text(&parked["id"])).await;
    assert_eq!((&paid["status"], &paid["transferred"]), (&json!("finalized"), &json!("0.25")), "{paid}");
    assert_eq!(app.deployed.balance(anvil, &payee).await, before + 250_000);
    api.post(&format!("/v1/settlements/{}/retry", text(&parked["id"])), &json!({})).await.problem(409, "wrong_status");
    app.site.assert_clean().await;
}
