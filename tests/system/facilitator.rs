//! The facilitator: servers that are paid by x402 themselves have payments checked and made.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::exact::{Transfer, begun, stranger};
use crate::support::gateway::{CENT_UNITS, gateway, voucher};
use crate::support::sessions::{ChainApp, Custody, Session, owner, settle_all};
use crate::support::{Answer, Api, assert_amount, until};

const RESOURCE: &str = "https://shop.example/weather";

/// What a server of x402 asks for.
fn requirements(app: &ChainApp, scheme: &str) -> Value {
    json!({
        "scheme": scheme, "network": format!("eip155:{}", app.deployed.chain_id()), "amount": CENT_UNITS.to_string(),
        "asset": app.deployed.usdc, "payTo": app.deployed.payee, "maxTimeoutSeconds": 60,
        "extra": { "name": "USD Coin", "version": "2" },
    })
}

fn asked(requirements: &Value, payload: &Value) -> Value {
    json!({ "x402Version": 2, "paymentRequirements": requirements, "paymentPayload": {
        "x402Version": 2, "resource": { "url": RESOURCE }, "accepted": requirements, "payload": payload,
    } })
}

async fn verify(gate: &Api, body: &Value) -> Value {
    gate.post("/verify", body).await.done(200)
}

async fn settle(gate: &Api, body: &Value) -> Value {
    gate.post("/settle", body).await.done(200)
}

#[track_caller]
fn assert_refused(told: &Value, code: &str) {
    let reason = told.get("invalidReason").or(told.get("errorReason"));
    assert_eq!(reason, Some(&json!(code)), "{told}");
    let is_good = told.get("isValid").or(told.get("success"));
    assert_eq!(is_good, Some(&json!(false)), "{told}");
}

#[tokio::test]
async fn what_it_can_do() {
    let app = ChainApp::up_exact().await;
    let gate = gateway(&app, &app.api.key);
    let organization = app.api.get("/v1/organization").await.done(200);
    let supported = gate.get("/supported").await.done(200);
    let kinds = supported["kinds"].as_array().unwrap();
    let network = json!(format!("eip155:{}", app.deployed.chain_id()));
    for (version, scheme, network) in [(2, "exact", &network), (1, "exact", &json!("local")), (2, "session", &network)]
    {
        let is_it =
            |kind: &&Value| kind["x402Version"] == version && kind["scheme"] == scheme && kind["network"] == *network;
        let kind = kinds.iter().find(is_it).unwrap_or_else(|| panic!("no {version} {scheme}: {supported}"));
        let (extra, deployed) = (&kind["extra"], &app.deployed);
        assert_eq!(text(&extra["asset"]).to_lowercase(), deployed.usdc.to_lowercase(), "{kind}");
        if scheme == "session" {
            assert_eq!((&extra["name"], &extra["version"]), (&json!("SessionKeyValidator"), &json!("1")));
            assert_eq!(text(&extra["verifyingContract"]).to_lowercase(), deployed.contract.to_lowercase());
        } else {
            assert_eq!((&extra["name"], &extra["version"]), (&json!("USD Coin"), &json!("2")));
        }
    }
    let session = kinds.iter().find(|kind| kind["scheme"] == "session").unwrap();
    assert_eq!(session["extra"]["organization"], organization["id"]);
    assert_eq!((&supported["extensions"], supported["signers"]["eip155:*"][0].is_string()), (&json!([]), true));
    // Anybody may ask; nobody else is told whose it is.
    let public = Answer::of(gate.anonymous(reqwest::Method::GET, "/supported")).await.unwrap().done(200);
    assert_eq!(public["kinds"].as_array().unwrap().len(), kinds.len());
    assert!(!public.to_string().contains("org_"), "{public}");
    for path in ["/verify", "/settle"] {
        let anonymous = gate.anonymous(reqwest::Method::POST, path).json(&json!({}));
        assert_eq!(Answer::of(anonymous).await.unwrap().status, 401);
    }
}

#[tokio::test]
async fn a_transfer_is_checked_and_then_made_once() {
    let app = ChainApp::up_exact().await;
    let gate = gateway(&app, &app.api.key);
    let requirements = requirements(&app, "exact");
    let transfer = Transfer::new(&app.deployed, &owner(0), CENT_UNITS);
    let body = asked(&requirements, &transfer.payload());
    let payer = json!(owner(0).address().to_string());
    for _ in 0..2 {
        let told = verify(&gate, &body).await;
        assert_eq!((&told["isValid"], &told["payer"]), (&json!(true), &payer), "{told}");
    }
    assert_eq!(app.site.events_count(Some("accepted")).await, 0, "checking changes nothing");
    let receipt = settle(&gate, &body).await;
    assert_eq!((&receipt["success"], &receipt["payer"]), (&json!(true), &payer), "{receipt}");
    assert_eq!(receipt["network"], requirements["network"]);
    let chain = app.anvil.rpc("eth_getTransactionReceipt", json!([receipt["transaction"]])).await;
    assert_eq!(chain["status"], "0x1");
    // A server that answers by this alone must not answer twice.
    assert_refused(&settle(&gate, &body).await, "invalid_transaction_state");
    assert_refused(&verify(&gate, &body).await, "invalid_transaction_state");

    // Who may have lost the answer says that it is the same.
    let body = asked(&requirements, &Transfer::new(&app.deployed, &owner(1), CENT_UNITS).payload());
    let first = gate.post_keyed("/settle", "once", &body).await.done(200);
    let second = gate.post_keyed("/settle", "once", &body).await.done(200);
    assert_eq!((&first["success"], &first), (&json!(true), &second));

    // Version 1 of the protocol.
    let transfer = Transfer::new(&app.deployed, &owner(2), CENT_UNITS);
    let body = json!({ "x402Version": 1, "paymentRequirements": {
        "scheme": "exact", "network": "local", "maxAmountRequired": CENT_UNITS.to_string(), "resource": RESOURCE,
        "description": "", "mimeType": "application/json", "payTo": app.deployed.payee, "maxTimeoutSeconds": 60,
        "asset": app.deployed.usdc, "outputSchema": null, "extra": { "name": "USD Coin", "version": "2" },
    }, "paymentPayload": { "x402Version": 1, "scheme": "exact", "network": "local", "payload": transfer.payload() } });
    assert_eq!(verify(&gate, &body).await["isValid"], true);
    let receipt = settle(&gate, &body).await;
    assert_eq!((&receipt["success"], &receipt["network"]), (&json!(true), &json!("local")), "{receipt}");

    let balance = app.deployed.balance(&app.anvil, &app.deployed.payee).await;
    assert_eq!(balance, 3 * CENT_UNITS);
    until("all is final", async || {
        let all = app.api.walk("/v1/exact_payments", "cursor").await;
        assert!(all.iter().all(|payment| payment["route_id"].is_null()), "{all:?}");
        (all.len() == 3 && all.iter().all(|payment| payment["status"] == "final")).then_some(())
    })
    .await;
    app.site.assert_clean().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let app = ChainApp::up_exact().await;
    let gate = gateway(&app, &app.api.key);
    let good = requirements(&app, "exact");
    let transfer = Transfer::new(&app.deployed, &owner(0), CENT_UNITS);
    begun(&app).await;
    let events = app.site.events_count(None).await;
    let change = |member: &str, value: Value| {
        let mut other = good.clone();
        other[member] = value;
        asked(&other, &transfer.payload())
    };
    let stranger = Transfer::new(&app.deployed, &stranger(), CENT_UNITS);
    let mut version_3 = asked(&good, &transfer.payload());
    version_3["x402Version"] = json!(3);
    for (body, code) in [
        (change("network", json!("eip155:1")), "invalid_network"),
        (change("asset", json!(app.deployed.contract)), "invalid_payment_requirements"),
        (change("payTo", json!(owner(3).address().to_string())), "invalid_payment_requirements"),
        (change("amount", json!("10001")), "invalid_exact_evm_payload_authorization_value"),
        (change("amount", json!("0")), "invalid_exact_evm_payload_authorization_value"),
        (change("scheme", json!("session")), "voucher_malformed"),
        (change("scheme", json!("upto")), "unsupported_scheme"),
        (asked(&good, &json!({})), "invalid_payload"),
        (asked(&good, &stranger.payload()), "insufficient_funds"),
        (version_3, "invalid_x402_version"),
    ] {
        assert_refused(&verify(&gate, &body).await, code);
        let told = settle(&gate, &body).await;
        assert_refused(&told, code);
        assert_eq!(told["transaction"], "");
    }
    // It pays to nobody but the organization that asks.
    let theirs = gateway(&app, &app.other_organization().await.key);
    let body = asked(&good, &transfer.payload());
    assert_refused(&settle(&theirs, &body).await, "invalid_payment_requirements");
    assert_eq!(gate.post("/verify", &json!({ "x402Version": 2 })).await.status, 400);
    // The other organization and its key.
    assert_eq!(app.site.events_count(None).await, events + 2);
    assert_eq!(app.deployed.balance(&app.anvil, &app.deployed.payee).await, 0);
}

#[tokio::test]
async fn a_voucher_is_checked_and_then_charged_once() {
    let app = ChainApp::up_exact().await;
    let gate = gateway(&app, &app.api.key);
    let customer = app.payer().await;
    let session = Session::open(&app.api, &customer, Custody::Client, "1").await;
    let requirements = requirements(&app, "session");
    let body = |units| asked(&requirements, &voucher(&session, units));
    assert_eq!(verify(&gate, &body(CENT_UNITS)).await["isValid"], true);
    assert_amount(&session.now(&app.api).await["charged"], "0");
    assert_refused(&verify(&gate, &body(CENT_UNITS - 1)).await, "voucher_too_low");
    assert_refused(&settle(&gate, &body(CENT_UNITS - 1)).await, "voucher_too_low");

    let receipt = settle(&gate, &body(CENT_UNITS)).await;
    assert_eq!((&receipt["success"], &receipt["amount"]), (&json!(true), &json!(CENT_UNITS.to_string())), "{receipt}");
    let charge = app.api.get(&format!("/v1/charges/{}", receipt["transaction"].as_str().unwrap())).await.done(200);
    assert_amount(&charge["amount"], "0.01");
    assert_eq!(receipt["extra"]["charge_id"], charge["id"]);
    assert_amount(&receipt["extra"]["remaining"], "0.99");
    assert_eq!((&receipt["extra"]["charged"], &receipt["extra"]["held"]), (&json!("10000"), &json!("0")));
    // The same again is not charged again, and does not pay for another answer.
    assert_refused(&settle(&gate, &body(CENT_UNITS)).await, "payment_reused");
    assert_refused(&verify(&gate, &body(CENT_UNITS)).await, "voucher_too_low");
    let keyed = [
        gate.post_keyed("/settle", "once", &body(2 * CENT_UNITS)).await.done(200),
        gate.post_keyed("/settle", "once", &body(2 * CENT_UNITS)).await.done(200),
    ];
    assert_eq!((&keyed[0]["success"], &keyed[0]), (&json!(true), &keyed[1]));
    assert_amount(&session.now(&app.api).await["charged"], "0.02");
    gate.post_keyed("/settle", "once", &body(3 * CENT_UNITS)).await.problem(422, "idempotency_key_reused");
    assert_refused(&verify(&gate, &body(3 * 100 * CENT_UNITS)).await, "voucher_above_deposit");
    let theirs = gateway(&app, &app.other_organization().await.key);
    assert_refused(&settle(&theirs, &body(3 * CENT_UNITS)).await, "session_not_found");
    settle_all(&app.api).await;
    assert_eq!(app.assert_settled().await, 2 * CENT_UNITS);
}

#[tokio::test]
async fn the_two_keys_differ() {
    let app = ChainApp::up_exact().await;
    let settler = app.site.dir.join("settler.key").display().to_string();
    let same = [("TOLLBOOK_EXACT_KEY_FILE", settler.as_str())];
    let said = app.site.tollbook(&["work", "--only", "chain"], &same).await.expect_failure();
    assert!(said.stderr.contains("TOLLBOOK_EXACT_KEY"), "{}", said.stderr);
}
