//! Bad input around session keys: what cannot be charged, vouchers that are none, what owners did not sign. Each
//! is refused with its status and its code, and leaves nothing in the log.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::refused::{Bad, assert_refused};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, in_seconds, owner, request, sign};
use crate::support::{Api, until};

const UNKNOWN: &str = "ses_00000000000000000000000000";
/// Nobody's address.
const SOMEBODY: &str = "0x00000000000000000000000000000000deadbeef";
/// Order of the group that signatures live in.
const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

fn charge(session: &str, change: Value) -> Value {
    let mut body = json!({ "session_key_id": session, "amount": "1" });
    let Value::Object(change) = change else { panic!("not an object") };
    for (field, value) in change {
        // Null takes a field out.
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(&field)),
            value => body[field] = value,
        }
    }
    body
}

fn bad_charge(what: &'static str, body: Value, status: u16, code: &'static str) -> Bad {
    Bad::post(what, "/v1/charges", body, status, code)
}

async fn with_terms(api: &Api, customer: &str, change: Value) -> Session {
    let session = Session::draw_up(api, customer, Custody::Managed, "2", change).await;
    api.post(&session.path("register"), &session.opening()).await.done(202);
    session
}

#[tokio::test]
async fn what_cannot_be_charged() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    api.meter("calls", "0.25").await;
    let none = json!({});
    let drawn = Session::draw_up(api, &customer, Custody::Managed, "2", none.clone()).await;
    let expired = with_terms(api, &customer, json!({ "valid_until": in_seconds(20) })).await;
    let later = with_terms(api, &customer, json!({ "valid_after": in_seconds(86_400) })).await;
    let periodic = with_terms(api, &customer, json!({ "period_limit": "0.5", "period_secs": 3600 })).await;
    let frozen = with_terms(api, &customer, none.clone()).await;
    let revoked = with_terms(api, &customer, none.clone()).await;
    let open = with_terms(api, &customer, none.clone()).await;
    for session in [&expired, &later, &periodic, &frozen, &revoked, &open] {
        session.until(api, "paid in", |now| now["deposited"] == "2").await;
    }
    api.post(&frozen.path("freeze"), &none).await.done(200);
    api.post(&revoked.path("revoke"), &none).await.done(200);
    app.quiet().await;
    until("its time is over", async || (app.site.events_count(Some("expired")).await == 1).then_some(())).await;

    let of = |session: &Session| charge(&session.id, json!({}));
    let change = |change| charge(&open.id, change);
    // Right for a key that is not here.
    let (_, key) = Session::request(&customer, Custody::Client, "1", json!({}));
    let any_voucher = Session::of(open.created.clone(), key).voucher(USDC);
    let rows = [
        bad_charge("not yet registered", of(&drawn), 409, "session_pending"),
        bad_charge("expired", of(&expired), 409, "session_expired"),
        bad_charge("not yet valid", of(&later), 409, "session_not_yet_valid"),
        bad_charge("frozen", of(&frozen), 409, "session_frozen"),
        bad_charge("revoked", of(&revoked), 409, "session_revoked"),
        bad_charge("a deposit too small", change(json!({ "amount": "2.000001" })), 402, "insufficient_deposit"),
        bad_charge("a hair too much", change(json!({ "amount": "2.000000000001" })), 402, "insufficient_deposit"),
        bad_charge("over the period's limit", of(&periodic), 402, "period_limit_exceeded"),
        bad_charge("another currency", change(json!({ "currency": "USD" })), 422, "currency_mismatch"),
        bad_charge(
            "a meter in another currency",
            change(json!({ "amount": null, "meter": "calls", "quantity": "1" })),
            422,
            "currency_mismatch",
        ),
        bad_charge("a voucher for a managed key", change(json!({ "voucher": any_voucher })), 422, "voucher_not_taken"),
        bad_charge("an unknown session key", charge(UNKNOWN, json!({})), 404, "session_key_not_found"),
        bad_charge("no id", charge("1", json!({})), 404, "session_key_not_found"),
        bad_charge("two payers", change(json!({ "customer_id": customer })), 400, "invalid_request"),
        bad_charge(
            "a voucher for an account",
            change(json!({ "session_key_id": null, "customer_id": customer, "voucher": any_voucher })),
            400,
            "invalid_request",
        )
        .at("voucher"),
        bad_charge(
            "an unknown field in a voucher",
            change(json!({ "voucher": { "r": "1" } })),
            400,
            "unknown_field|missing_field|invalid_request",
        ),
    ];
    assert_refused(&app, &rows).await;
    // Many at once, each with its own answer.
    let items: Vec<Value> = [&drawn, &expired, &frozen, &open].map(of).to_vec();
    let batch = api.post("/v1/charges/batch", &json!({ "charges": items })).await.done(200);
    let codes: Vec<&Value> = batch["data"].as_array().unwrap().iter().map(|item| &item["error"]["code"]).collect();
    assert_eq!(codes, [&json!("session_pending"), &json!("session_expired"), &json!("session_frozen"), &Value::Null]);

    // In a block, and not for good.
    app.quiet().await;
    app.anvil.stop_mining().await;
    let mined = app.site.events_count(Some("mined")).await;
    api.post(&drawn.path("register"), &drawn.opening()).await.done(202);
    app.anvil.pending(1).await;
    app.anvil.mine().await;
    drawn.until(api, "its deposit is seen", |now| now["pending_deposits"] == "2").await;
    until("the block is seen", async || (app.site.events_count(Some("mined")).await > mined).then_some(())).await;
    let again = drawn.opening();
    let rows = [
        bad_charge("not yet final", of(&drawn), 409, "session_pending"),
        Bad::post("a second registration", &drawn.path("register"), again, 409, "session_already_registered"),
        Bad::get(
            "frozen too early",
            &format!("{}?action=voucher&amount=1", drawn.path("typed_data")),
            422,
            "voucher_not_taken",
        ),
    ];
    assert_refused(&app, &rows).await;
    app.anvil.resume_mining().await;
    drawn.active(api).await;
    drawn.charge_plain(api, "2").await.done(201);
    app.site.assert_clean().await;
}

/// The other signature of the same key over the same digest: s and parity turned round.
fn high_s(compact: &str) -> String {
    let hex = compact.trim_start_matches("0x");
    let byte = |text: &str, i: usize| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
    let mut s: Vec<u8> = (32..64).map(|i| byte(hex, i)).collect();
    let is_odd = s[0] >> 7 == 1;
    s[0] &= 0x7f;
    let (mut high, mut borrow) = (vec![0; 32], 0);
    for i in (0..32).rev() {
        let digit = i16::from(byte(ORDER, i)) - i16::from(s[i]) - borrow;
        borrow = i16::from(digit < 0);
        high[i] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    let high: String = high.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{}{high}{}", &hex[..64], if is_odd { "1b" } else { "1c" })
}

/// What the client's key signs when it is a wallet: r, s and v.
async fn full_signature(api: &Api, session: &Session, amount: &str) -> String {
    let asked = api.get(&format!("{}?action=voucher&amount={amount}", session.path("typed_data"))).await.done(200);
    let secret: String = session.key.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    sign(&chain::settler::SettlerKey::from_hex(&secret).unwrap(), &asked["typed_data"])
}

#[tokio::test]
async fn vouchers_that_are_none() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Client, "10").await;
    let other = Session::open(api, &customer, Custody::Client, "10").await;
    session.charge(api, "1", 2 * USDC).await.done(201);
    app.quiet().await;

    let (contract, payee, chain_id) =
        (app.deployed.contract.as_str(), app.deployed.payee.as_str(), app.deployed.chain_id());
    let with = |amount: &str, voucher: Value| charge(&session.id, json!({ "amount": amount, "voucher": voucher }));
    let right = session.voucher(3 * USDC);
    let signature = text(&right["signature"]).to_owned();
    let named = |field: &str, value: &str| {
        let mut voucher = right.clone();
        voucher[field] = json!(value);
        with("1.5", voucher)
    };
    let wrong_key =
        Session { id: session.id.clone(), created: session.created.clone(), owner: owner(0), key: other.key };
    let signed_by_owner = {
        let asked = api.get(&format!("{}?action=voucher&amount=3", session.path("typed_data"))).await.done(200);
        json!({ "max_claimable": "3000000", "signature": sign(&session.owner, &asked["typed_data"]) })
    };
    let wrong = |what, body| bad_charge(what, body, 422, "voucher_wrong_signer");
    let too_low = |what, body, code| bad_charge(what, body, 402, code);
    let mut rows = vec![
        wrong("by the wrong key", with("1.5", wrong_key.voucher(3 * USDC))),
        wrong("by the owner", with("1.5", signed_by_owner)),
        wrong("for another payee", with("1.5", session.voucher_for(3 * USDC, chain_id, contract, SOMEBODY))),
        wrong("for another chain", with("1.5", session.voucher_for(3 * USDC, 8453, contract, payee))),
        wrong("for another contract", with("1.5", session.voucher_for(3 * USDC, chain_id, &app.deployed.usdc, payee))),
        wrong("of another session", with("1.5", other.voucher(3 * USDC))),
        wrong("of another amount", named("max_claimable", "3000001")),
        bad_charge("another payee by name", named("payee", SOMEBODY), 422, "voucher_wrong_payee"),
        bad_charge("another session by name", named("session_id", other.session_id()), 422, "voucher_wrong_session"),
        too_low("lower than needed", with("1.5", session.voucher(2_400_000)), "voucher_too_low"),
        too_low("lower by one unit", with("1.5", session.voucher(2_499_999)), "voucher_too_low"),
        too_low("lower by less than a unit", with("1.500000000001", session.voucher(2_500_000)), "voucher_too_low"),
        too_low("none", charge(&session.id, json!({ "amount": "1.5" })), "voucher_required"),
        bad_charge("above the deposit", with("1.5", session.voucher(10 * USDC + 1)), 422, "voucher_above_deposit"),
        bad_charge(
            "the other signature",
            with("1.5", json!({ "max_claimable": "3000000", "signature": high_s(&signature) })),
            422,
            "voucher_high_s",
        ),
        bad_charge("only zeros", named("signature", &format!("0x{}", "0".repeat(128))), 422, "voucher_wrong_signer"),
        bad_charge(
            "a batch's digits as a number",
            with("1.5", json!({ "max_claimable": 3_000_000, "signature": signature })),
            400,
            "invalid_request|voucher_malformed",
        ),
        bad_charge("no signature", with("1.5", json!({ "max_claimable": "3000000" })), 400, "missing_field"),
        bad_charge("no amount", with("1.5", json!({ "signature": signature })), 400, "missing_field"),
        bad_charge("a text", with("1.5", json!(signature)), 400, "invalid_request"),
    ];
    let cut = &signature[..signature.len() - 2];
    let long = format!("{signature}1b00");
    // In the long form the last byte says the parity: 27 or 28, or 0 or 1.
    let full = full_signature(api, &session, "3").await;
    let eip_155 = if full.ends_with("1b") { "25" } else { "26" };
    let (no_parity, old_parity) = (format!("{}02", &full[..130]), format!("{}{eip_155}", &full[..130]));
    for (what, malformed) in [
        ("empty", ""),
        ("nothing after 0x", "0x"),
        ("without 0x", signature.trim_start_matches("0x")),
        ("63 bytes", cut),
        ("66 bytes", &long),
        ("65 bytes without a parity", &no_parity),
        ("65 bytes with a transaction's parity", &old_parity),
        ("half a byte", &signature[..signature.len() - 1]),
        ("no hexadecimal", "0xzz"),
    ] {
        rows.push(bad_charge(what, named("signature", malformed), 400, "voucher_malformed").at("voucher.signature"));
    }
    for (what, malformed) in [
        ("no digits", ""),
        ("a decimal", "3.0"),
        ("negative", "-1"),
        ("a sign", "+3000000"),
        ("hexadecimal", "0x2dc6c0"),
        ("a space", " 3000000"),
        ("more than 128 bits", "340282366920938463463374607431768211456"),
        ("more than any amount", "340282366920938463463374607431768211455"),
    ] {
        rows.push(
            bad_charge(what, named("max_claimable", malformed), 400, "voucher_malformed").at("voucher.max_claimable"),
        );
    }
    assert_refused(&app, &rows).await;
    // What all of these were made of is right, in every form.
    api.post("/v1/charges", &with("1.5", right)).await.done(201);
    let parity = if full.ends_with("1b") { "00" } else { "01" };
    for (signature, amount) in [(full.clone(), "0.25"), (format!("{}{parity}", &full[..130]), "0.25")] {
        api.post("/v1/charges", &with(amount, json!({ "max_claimable": "3000000", "signature": signature })))
            .await
            .done(201);
    }
    assert_eq!(session.now(api).await["voucher"]["max_claimable"], "3");
    app.site.assert_clean().await;
}

#[tokio::test]
async fn session_keys_that_cannot_be_drawn_up() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let dollars = api.customer().await;
    let key = owner(6).address().to_string();
    let post = |what, change: Value, status, code| {
        let mut body = request(&customer, &owner(0), Custody::Client, "10", json!({ "key": key }));
        let Value::Object(change) = change else { panic!("not an object") };
        for (field, value) in change {
            match value {
                Value::Null => drop(body.as_object_mut().unwrap().remove(&field)),
                value => body[field] = value,
            }
        }
        Bad::post(what, "/v1/session_keys", body, status, code)
    };
    let zero = format!("0x{}", "0".repeat(40));
    let rules = "/v1/organization/settlement_rules";
    let payee = |what, payee: &str, status, code| {
        Bad::put(what, "/v1/organization/payee", json!({ "payee": payee }), status, code)
    };
    let rows = [
        post("a withdraw delay too short", json!({ "withdraw_delay_secs": 899 }), 422, "withdraw_delay_too_short")
            .at("withdraw_delay_secs"),
        post("a withdraw delay too long", json!({ "withdraw_delay_secs": 2_592_001 }), 422, "withdraw_delay_too_long"),
        post("a negative withdraw delay", json!({ "withdraw_delay_secs": -1 }), 400, "invalid_request"),
        post("too little time to settle", json!({ "settle_grace_secs": 899 }), 422, "settle_grace_too_short"),
        post("too much time to settle", json!({ "settle_grace_secs": 2_592_001 }), 422, "settle_grace_too_long"),
        post("over before it begins", json!({ "valid_until": in_seconds(-1) }), 422, "expires_in_the_past"),
        post(
            "no time at all",
            json!({ "valid_after": in_seconds(90), "valid_until": in_seconds(60) }),
            422,
            "validity_empty",
        ),
        post("for ever", json!({ "valid_until": "9999-12-31T23:59:59Z" }), 422, "validity_too_long"),
        post("before there was time", json!({ "valid_after": "1969-12-31T23:59:59Z" }), 400, "invalid_request"),
        post("no day", json!({ "valid_until": "soon" }), 400, "invalid_request"),
        post("no end", json!({ "valid_until": null }), 400, "missing_field").at("valid_until"),
        post("no customer", json!({ "customer_id": null }), 400, "missing_field").at("customer_id"),
        post(
            "an unknown customer",
            json!({ "customer_id": "cus_00000000000000000000000000" }),
            404,
            "customer_not_found",
        ),
        post("a customer in dollars", json!({ "customer_id": dollars }), 422, "currency_mismatch").at("customer_id"),
        post("nobody's wallet", json!({ "owner": zero }), 400, "invalid_address").at("owner"),
        post("no wallet", json!({ "owner": "0x12" }), 400, "invalid_address").at("owner"),
        post("nobody's key", json!({ "key": zero }), 400, "invalid_address").at("key"),
        post("no key", json!({ "key": null }), 400, "missing_field").at("key"),
        post("a key for a managed one", json!({ "custody": "managed" }), 400, "invalid_request").at("key"),
        post("no custody", json!({ "custody": "both" }), 400, "invalid_request").at("custody"),
        post("a limit of zero", json!({ "limit": "0" }), 400, "invalid_amount").at("limit"),
        post("a negative limit", json!({ "limit": "-1" }), 400, "invalid_amount").at("limit"),
        post("a limit as a number", json!({ "limit": 1 }), 400, "invalid_amount|invalid_request").at("limit"),
        post("a limit below an atomic unit", json!({ "limit": "0.0000001" }), 422, "amount_too_precise").at("limit"),
        post("a limit above all", json!({ "limit": "1000000000000.01" }), 400, "invalid_amount").at("limit"),
        post("half a period", json!({ "period_secs": 60 }), 400, "missing_field").at("period_limit"),
        post("the other half", json!({ "period_limit": "1" }), 400, "missing_field").at("period_secs"),
        post(
            "a period's limit above all",
            json!({ "period_limit": "10.000001", "period_secs": 60 }),
            422,
            "period_limit_above_limit",
        )
        .at("period_limit"),
        post("an empty period", json!({ "period_limit": "1", "period_secs": 0 }), 400, "invalid_request"),
        post("an unknown field", json!({ "chain": 1 }), 400, "unknown_field").at("chain"),
        payee("nobody is paid", &zero, 400, "invalid_address"),
        payee("no address", "me", 400, "invalid_address"),
        payee("the contract is paid", &app.deployed.contract, 422, "invalid_payee"),
        payee("the token is paid", &app.deployed.usdc, 422, "invalid_payee"),
        Bad::put("rules: a threshold", rules, json!({ "threshold": "0", "age_secs": 60 }), 400, "invalid_amount")
            .at("threshold"),
        Bad::put(
            "rules: an age",
            rules,
            json!({ "threshold": "1", "age_secs": 0 }),
            400,
            "invalid_request|invalid_age",
        )
        .at("age_secs"),
        Bad::put("rules: no threshold", rules, json!({ "age_secs": 60 }), 400, "missing_field").at("threshold"),
        Bad::post("settle: a list", "/v1/settlements", json!([]), 400, "invalid_request|invalid_json"),
        Bad::post("settle: a currency", "/v1/settlements", json!({ "currency": "EUR" }), 422, "currency_mismatch"),
        Bad::post("settle: a payee", "/v1/settlements", json!({ "payee": "me" }), 400, "invalid_address").at("payee"),
        Bad::get("settlements in no status", "/v1/settlements?status=done", 400, "invalid_request"),
        Bad::get(
            "an unknown settlement",
            "/v1/settlements/stl_00000000000000000000000000",
            404,
            "settlement_not_found",
        ),
        Bad::get("session keys in no status", "/v1/session_keys?status=done", 400, "invalid_request"),
        Bad::get("an unknown session key", &format!("/v1/session_keys/{UNKNOWN}"), 404, "session_key_not_found"),
    ];
    assert_refused(&app, &rows).await;
}
