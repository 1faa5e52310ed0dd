//! Payments that are not taken: garbage, foreign versions, the wrong network, asset or payee, vouchers that are none or
//! do not reach. Each is answered with its status and its code, leaves nothing in the log and nothing at the upstream;
//! and where the session is known, the corrective 402 says what to sign instead.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::gateway::{
    CENT_UNITS, PAYMENT, Upstream, assert_cost, assert_settled_up, cent, decoded, encoded, gateway, gateway_key,
    get_paid, offer, payment, refused, route_to, set_route, voucher,
};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, owner, payer, settle_all};
use crate::support::{Answer, Api, assert_amount, decimal};

const PATH: &str = "/echo/a";
/// Nobody's address.
const SOMEBODY: &str = "0x00000000000000000000000000000000deadbeef";

/// An installation with a route for a cent, its gateway, and what is offered there.
async fn with_route() -> (ChainApp, Upstream, Api, Value) {
    let app = ChainApp::up().await;
    let upstream = Upstream::start(&app.site).await;
    set_route(&app.api, route_to(&upstream, "/echo/*", cent())).await;
    let gate = gateway(&app, "");
    let unpaid = Answer::of(gate.anonymous(Method::GET, PATH)).await.unwrap();
    let offered = offer(&unpaid, "session");
    (app, upstream, gate, offered)
}

/// JSON with some members changed; null takes one out.
fn changed(json: &Value, change: Value) -> Value {
    let mut json = json.clone();
    for (member, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(json.as_object_mut().unwrap().remove(member)),
            value => json[member] = value.clone(),
        }
    }
    json
}

/// What the corrective 402 knows of the session. Stock clients look at it only where there is no receipt.
#[track_caller]
fn state(answer: &Answer) -> Value {
    assert_eq!(answer.header("payment-response"), None);
    let offered = offer(answer, "session");
    let state = offered["extra"]["state"].clone();
    assert!(state.is_object(), "no state: {offered}");
    state
}

#[tokio::test]
async fn payments_that_cannot_be_read_or_are_for_something_else() {
    let (app, upstream, gate, offered) = with_route().await;
    let api = &app.api;
    let payer = app.payer().await;
    let session = Session::open(api, &payer, Custody::Client, "1").await;
    let other = Session::open(api, &payer, Custody::Client, "1").await;
    let managed = Session::open(api, &payer, Custody::Managed, "1").await;
    let right = voucher(&session, CENT_UNITS);
    let good = payment(&offered, &right);
    let header = encoded(&good);

    let whole = |change: Value| encoded(&changed(&good, change));
    let accepted = |change: Value| encoded(&payment(&changed(&offered, change), &right));
    let payload = |change: Value| encoded(&payment(&offered, &changed(&right, change)));
    let by_other =
        Session { id: session.id.clone(), created: session.created.clone(), owner: owner(0), key: other.key };
    let (of_other, for_other_payee) = (
        voucher(&other, CENT_UNITS),
        session.voucher_for(CENT_UNITS, app.deployed.chain_id(), &app.deployed.contract, SOMEBODY),
    );
    let on_other_chain = session.voucher_for(CENT_UNITS, 8453, &app.deployed.contract, &app.deployed.payee);
    let rows: Vec<(&str, String, &str)> = vec![
        ("garbage", "!!!".to_owned(), "invalid_payload"),
        ("nothing", String::new(), "invalid_payload"),
        ("base64 of no JSON", "bm90aGluZw==".to_owned(), "invalid_payload"),
        ("base64 of a list", encoded(&json!([1])), "invalid_payload"),
        ("cut off", header[..header.len() / 2].to_owned(), "invalid_payload"),
        ("too long", encoded(&changed(&good, json!({ "more": "x".repeat(8_200) }))), "invalid_payload"),
        ("version 1", whole(json!({ "x402Version": 1 })), "invalid_x402_version"),
        ("version 3", whole(json!({ "x402Version": 3 })), "invalid_x402_version"),
        ("no version", whole(json!({ "x402Version": null })), "invalid_x402_version"),
        ("a version as a text", whole(json!({ "x402Version": "2" })), "invalid_x402_version"),
        ("no payload", whole(json!({ "payload": null })), "invalid_payload"),
        ("no offer", whole(json!({ "accepted": null })), "invalid_payload"),
        ("another scheme", accepted(json!({ "scheme": "upto" })), "unsupported_scheme"),
        ("another network", accepted(json!({ "network": "eip155:8453" })), "invalid_network"),
        ("no network at all", accepted(json!({ "network": "local" })), "invalid_network"),
        ("another asset", accepted(json!({ "asset": SOMEBODY })), "invalid_payment_requirements"),
        ("another payee", accepted(json!({ "payTo": SOMEBODY })), "invalid_payment_requirements"),
        ("no address", accepted(json!({ "payTo": "0x1" })), "invalid_payload"),
        ("a voucher for another payee", payload(json!({ "payee": SOMEBODY })), "invalid_payment_requirements"),
        ("an unknown session", payload(json!({ "sessionId": format!("0x{}", "7".repeat(64)) })), "session_not_found"),
        ("no session's id", payload(json!({ "sessionId": "0x12" })), "voucher_malformed"),
        ("no number", payload(json!({ "maxClaimable": "many" })), "voucher_malformed"),
        ("a negative number", payload(json!({ "maxClaimable": "-1" })), "voucher_malformed"),
        ("a fraction", payload(json!({ "maxClaimable": "10000.5" })), "voucher_malformed"),
        ("more than there are", payload(json!({ "maxClaimable": "9".repeat(39) })), "voucher_malformed"),
        ("no signature", payload(json!({ "signature": null })), "voucher_malformed"),
        ("an empty signature", payload(json!({ "signature": "0x" })), "voucher_malformed"),
        ("a short signature", payload(json!({ "signature": "0x1234" })), "voucher_malformed"),
        ("another amount than was signed", payload(json!({ "maxClaimable": "20000" })), "voucher_wrong_signer"),
        ("by another key", encoded(&payment(&offered, &voucher(&by_other, CENT_UNITS))), "voucher_wrong_signer"),
        ("of another session", payload(json!({ "signature": of_other["signature"] })), "voucher_wrong_signer"),
        (
            "signed for another payee",
            payload(json!({ "signature": for_other_payee["signature"] })),
            "voucher_wrong_signer",
        ),
        (
            "signed for another chain",
            payload(json!({ "signature": on_other_chain["signature"] })),
            "voucher_wrong_signer",
        ),
        ("of a managed key", payload(json!({ "sessionId": managed.created["session_id"] })), "voucher_not_taken"),
    ];
    app.quiet().await;
    let events = app.site.events_count(None).await;
    for (what, value, code) in rows {
        let request = gate.anonymous(Method::GET, PATH).header(PAYMENT, value);
        let answer = Answer::of(request).await.unwrap();
        assert_eq!(answer.status, 402, "{what}: {}", answer.text());
        refused(&answer, 402, code);
        assert_eq!(answer.header("payment-response"), None, "{what}");
        assert_eq!(app.site.events_count(None).await, events, "{what} has left an event");
    }
    two_ways_at_once(&app, &gate, &header).await;
    assert_eq!((upstream.calls().await, app.site.events_count(Some("held")).await), (0, 0));

    // What all of these were made of is right, and so it is in the compact form.
    assert_cost(&get_paid(&gate, PATH, &offered, &session, CENT_UNITS).await, "0.01");
    let compact = session.voucher(2 * CENT_UNITS);
    let compact = changed(&voucher(&session, 2 * CENT_UNITS), json!({ "signature": compact["signature"] }));
    let request = gate.anonymous(Method::GET, PATH).header(PAYMENT, encoded(&payment(&offered, &compact)));
    assert_cost(&Answer::of(request).await.unwrap(), "0.01");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2 * CENT_UNITS);
    assert_settled_up(&app).await;
}

/// One way to pay at a time.
async fn two_ways_at_once(app: &ChainApp, gate: &Api, header: &str) {
    let secret = gateway_key(&app.api, json!({ "customer_id": app.api.funded("1").await })).await;
    let request = || gate.anonymous(Method::GET, PATH);
    for (what, asked) in [
        ("two payments", request().header(PAYMENT, header).header(PAYMENT, header)),
        ("one of each version", request().header(PAYMENT, header).header("x-payment", header)),
        ("a payment and a key", request().header(PAYMENT, header).bearer_auth(&secret)),
    ] {
        let answer = Answer::of(asked).await.unwrap();
        assert_eq!(answer.status, 400, "{what}");
        refused(&answer, 400, "ambiguous_payment");
    }
}

#[tokio::test]
async fn the_corrective_402_says_what_to_sign() {
    let (app, upstream, gate, offered) = with_route().await;
    let api = &app.api;
    let session = Session::open(api, &app.payer().await, Custody::Client, "0.05").await;
    let pay = |units: u128| get_paid(&gate, PATH, &offered, &session, units);

    // Below.
    let answer = pay(CENT_UNITS - 1).await;
    refused(&answer, 402, "voucher_too_low");
    let told = state(&answer);
    assert_eq!((&told["sessionId"], &told["required"]), (&session.created["session_id"], &json!("10000")));
    assert_eq!((&told["charged"], &told["held"], &told["available"]), (&json!("0"), &json!("0"), &json!("50000")));
    assert_eq!(told["deposited"], "50000");
    let answer = pay(text(&told["required"]).parse().unwrap()).await;
    assert_cost(&answer, "0.01");
    assert_eq!(decimal(&json!(answer.header("x-tollbook-remaining").unwrap())), decimal(&json!("0.04")));

    // Equal to the last, and that very payment again: it is not paid for twice, and nothing is given for it.
    for _ in 0..2 {
        let answer = pay(CENT_UNITS).await;
        refused(&answer, 402, "voucher_too_low");
        let told = state(&answer);
        assert_eq!((&told["charged"], &told["required"]), (&json!("10000"), &json!("20000")));
        // The highest that the ledger has is shown, so that a client can tell its own from an invention.
        assert_eq!(told["voucher"]["maxClaimable"], "10000");
        assert_eq!(told["voucher"]["signature"], session.voucher(CENT_UNITS)["signature"]);
    }
    // A higher one is good for what it says, and a lower one after it takes nothing back.
    assert_cost(&pay(4 * CENT_UNITS).await, "0.01");
    assert_cost(&pay(3 * CENT_UNITS).await, "0.01");
    assert_cost(&pay(CENT_UNITS).await, "0.01");
    assert_amount(&session.now(api).await["charged"], "0.04");

    // Above the deposit.
    let answer = pay(5 * CENT_UNITS + 1).await;
    refused(&answer, 402, "voucher_above_deposit");
    let told = state(&answer);
    assert_eq!((&told["deposited"], &told["required"]), (&json!("50000"), &json!("50000")));
    assert_cost(&pay(5 * CENT_UNITS).await, "0.01");
    // All of it is gone.
    let answer = pay(5 * CENT_UNITS).await;
    refused(&answer, 402, "insufficient_deposit");
    assert_eq!(state(&answer)["available"], "0");
    assert_eq!(upstream.calls().await, 5);

    // What is held counts as well.
    let open = Session::open(api, &app.payer().await, Custody::Client, "1").await;
    let hold = json!({ "session_key_id": open.id, "amount": "0.5", "voucher": open.voucher(USDC / 2) });
    let hold = api.post("/v1/holds", &hold).await.done(201);
    let answer = get_paid(&gate, PATH, &offered, &open, CENT_UNITS).await;
    refused(&answer, 402, "voucher_too_low");
    let told = state(&answer);
    assert_eq!((&told["held"], &told["required"]), (&json!("500000"), &json!("510000")));
    assert_eq!(told["voucher"]["maxClaimable"], "500000");
    assert_cost(&get_paid(&gate, PATH, &offered, &open, 510_000).await, "0.01");
    api.post(&format!("/v1/holds/{}/void", text(&hold["id"])), &json!({})).await.done(200);

    // One that was stopped.
    api.post(&open.path("freeze"), &json!({})).await.done(200);
    let answer = get_paid(&gate, PATH, &offered, &open, 520_000).await;
    refused(&answer, 402, "session_frozen");
    assert_eq!(state(&answer)["held"], "0");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 6 * CENT_UNITS);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn a_session_of_another_organization_pays_nothing_here() {
    let (app, upstream, gate, offered) = with_route().await;
    let theirs = app.other_organization().await;
    let payee = owner(5).address().to_string();
    theirs.put("/v1/organization/payee", &json!({ "payee": payee })).await.done(200);
    let customer = payer(&theirs).await;
    let foreign = Session::open(&theirs, &customer, Custody::Client, "1").await;
    let answer = get_paid(&gate, PATH, &offered, &foreign, CENT_UNITS).await;
    let body = refused(&answer, 402, "session_not_found");
    assert_eq!(decoded(&answer, "payment-required")["error"], body["code"]);
    assert_eq!((upstream.calls().await, app.site.events_count(Some("held")).await), (0, 0));
    assert_settled_up(&app).await;
}
