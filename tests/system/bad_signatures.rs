//! What owners did not sign, or not like this, or not any more: refused before anything is sent to the chain, and
//! nothing is left in the log.

use serde_json::{Value, json};

use crate::support::Api;
use crate::support::refused::{Bad, assert_refused};
use crate::support::sessions::{ChainApp, Custody, Session, in_seconds, owner, sign};

fn register(what: &'static str, session: &Session, body: Value, status: u16, code: &'static str) -> Bad {
    Bad::post(what, &session.path("register"), body, status, code)
}

/// The body of an opening, changed.
fn opening(session: &Session, change: Value) -> Value {
    let mut body = session.opening();
    let Value::Object(change) = change else { panic!("not an object") };
    body["authorization"].as_object_mut().unwrap().extend(change);
    body
}

#[tokio::test]
async fn registrations_that_owners_did_not_sign() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let draw =
        async |limit: &str, change: Value| Session::draw_up(api, &customer, Custody::Managed, limit, change).await;
    let (drawn, other) = (draw("10", json!({})).await, draw("10", json!({})).await);
    let (rich, revoked) = (draw("2000000", json!({})).await, draw("10", json!({})).await);
    let open = Session::open(api, &customer, Custody::Managed, "10").await;
    api.post(&revoked.path("revoke"), &json!({})).await.done(200);
    revoked.until_status(api, "closed").await;
    let expired = draw("10", json!({ "valid_until": in_seconds(2) })).await;
    // Nothing lies in it, so it does not stay expired for long.
    expired.until_status(api, "closed").await;
    app.quiet().await;

    let typed = &drawn.created["typed_data"];
    let (stranger, long) = (owner(1), format!("0x{}", "ab".repeat(4_097)));
    let not_owner = "owner_signature_invalid";
    let signed = |typed_data: &Value| json!({ "signature": sign(&drawn.owner, typed_data) });
    let mut dear = typed["grant"].clone();
    dear["message"]["session"]["allowances"][0]["limit"] = json!("11000000");
    let mut elsewhere = typed["grant"].clone();
    elsewhere["domain"]["chainId"] = json!(8453);
    let amount = |amount: &str| opening(&drawn, json!({ "amount": amount }));
    let rows = [
        register("by a stranger", &drawn, json!({ "signature": sign(&stranger, &typed["grant"]) }), 422, not_owner),
        register("of another session", &drawn, signed(&other.created["typed_data"]["grant"]), 422, not_owner),
        register("of other terms", &drawn, signed(&dear), 422, not_owner),
        register("for another chain", &drawn, signed(&elsewhere), 422, not_owner),
        register(
            "money by a stranger",
            &drawn,
            opening(&drawn, json!({ "signature": sign(&stranger, &typed["open"]) })),
            422,
            "authorization_refused",
        ),
        register("money of another session", &drawn, other.opening(), 422, "authorization_refused"),
        register("more than was signed", &drawn, amount("10.000001"), 422, "authorization_refused|limit_exceeded"),
        register("less than was signed", &drawn, amount("9"), 422, "authorization_refused"),
        register("another index", &drawn, opening(&drawn, json!({ "index": 1 })), 422, "authorization_refused"),
        register(
            "not yet good",
            &drawn,
            opening(&drawn, json!({ "valid_after": 9_999_999_999u64 })),
            422,
            "authorization_refused",
        ),
        register("good no more", &drawn, opening(&drawn, json!({ "valid_before": 1 })), 422, "authorization_refused"),
        register("more than there is", &rich, rich.opening(), 422, "authorization_refused"),
        register("an amount of zero", &drawn, amount("0"), 400, "invalid_amount").at("authorization.amount"),
        register("an amount too fine", &drawn, amount("0.0000001"), 422, "amount_too_precise"),
        register("no signature", &drawn, json!({}), 400, "missing_field"),
        register(
            "both signatures",
            &drawn,
            json!({ "signature": "0x12", "authorization": drawn.opening()["authorization"] }),
            400,
            "invalid_request",
        ),
        register("no hexadecimal", &drawn, json!({ "signature": "0xzz" }), 400, "invalid_signature").at("signature"),
        register("a long signature", &drawn, json!({ "signature": long }), 400, "invalid_signature").at("signature"),
        register("an empty signature", &drawn, json!({ "signature": "0x" }), 422, not_owner),
        register("an unknown field", &drawn, json!({ "sig": "0x" }), 400, "unknown_field").at("sig"),
        register("a second time", &open, open.opening(), 409, "session_already_registered"),
        register(
            "a second time, with a grant",
            &open,
            json!({ "signature": sign(&open.owner, &open.created["typed_data"]["grant"]) }),
            409,
            "session_already_registered",
        ),
        register("after its time", &expired, expired.opening(), 409, "session_expired"),
        register("after its end", &revoked, revoked.opening(), 409, "session_closed"),
        Bad::post(
            "of nobody's",
            "/v1/session_keys/ses_00000000000000000000000000/register",
            drawn.opening(),
            404,
            "session_key_not_found",
        ),
    ];
    assert_refused(&app, &rows).await;
    api.post(&drawn.path("register"), &drawn.opening()).await.done(202);
    // Before it is on the chain, the second one is refused by the ledger alone.
    api.post(&drawn.path("register"), &drawn.opening()).await.problem(409, "session_already_registered");
    drawn.active(api).await;
    app.site.assert_clean().await;
}

/// A signed owner's action, with another nonce, deadline or signer than it should have.
async fn action(api: &Api, session: &Session, action: &str, change: Value) -> Value {
    let asked = api.get(&format!("{}?action={action}", session.path("typed_data"))).await.done(200);
    let nonce = change.get("nonce").unwrap_or(&asked["nonce"]).as_u64().unwrap();
    let deadline = change.get("deadline").unwrap_or(&asked["deadline"]).as_u64().unwrap();
    let mut typed_data = asked["typed_data"].clone();
    typed_data["message"]["nonce"] = json!(nonce.to_string());
    typed_data["message"]["deadline"] = json!(deadline.to_string());
    let signer = change.get("signer").map_or(session.owner.clone(), |index| owner(index.as_u64().unwrap() as usize));
    let signature = sign(&signer, &typed_data);
    json!({ "owner_signature": { "signature": signature, "nonce": nonce, "deadline": deadline } })
}

#[tokio::test]
async fn actions_that_owners_did_not_sign() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let full = Session::open(api, &customer, Custody::Managed, "10").await;
    let other = Session::open(api, &customer, Custody::Managed, "10").await;
    let roomy = Session::draw_up(api, &customer, Custody::Client, "10", json!({})).await;
    let grant = sign(&roomy.owner, &roomy.created["typed_data"]["grant"]);
    api.post(&roomy.path("register"), &json!({ "signature": grant })).await.done(202);
    roomy.until_status(api, "active").await;
    let drawn = Session::draw_up(api, &customer, Custody::Managed, "10", json!({})).await;
    let revoked = Session::open(api, &customer, Custody::Managed, "10").await;
    let late = revoked.owner_signature(api, "freeze").await;
    api.post(&revoked.path("revoke"), &json!({})).await.done(200);
    let used = full.owner_signature(api, "freeze").await;
    api.post(&full.path("freeze"), &used).await.done(202);
    full.until(api, "frozen on the chain", |now| now["relays"] == json!([])).await;
    full.by_owner(api, "unfreeze", "unfreeze").await;
    full.until_status(api, "active").await;
    app.quiet().await;

    let deposit = |what, session: &Session, body: Value, status, code| {
        Bad::post(what, &session.path("deposits"), body, status, code)
    };
    let refused = "authorization_refused";
    let right = roomy.deposit(api, "4", 0).await;
    let changed = |change: Value| {
        let mut body = right.clone();
        let Value::Object(change) = change else { panic!("not an object") };
        body["authorization"].as_object_mut().unwrap().extend(change);
        body
    };
    let too_much = full.deposit(api, "1", 5).await;
    let not_owner = "owner_signature_invalid";
    let (freeze, withdrawals) = (full.path("freeze"), full.path("withdrawals"));
    let withdrawal = full.owner_signature(api, "withdraw").await;
    let with_amount = |amount: &str| {
        let mut body = withdrawal.clone();
        body["amount"] = json!(amount);
        body
    };
    let typed = |query: &str| format!("{}?{query}", full.path("typed_data"));
    let rows = [
        deposit("above the limit", &full, too_much, 422, "limit_exceeded"),
        deposit("more than was signed", &roomy, changed(json!({ "amount": "5" })), 422, refused),
        deposit("another index", &roomy, changed(json!({ "index": 1 })), 422, refused),
        deposit("of another session", &roomy, other.deposit(api, "4", 0).await, 422, refused),
        deposit("what opens a session", &roomy, roomy.opening(), 422, refused),
        deposit(
            "by a stranger",
            &roomy,
            changed(json!({ "signature": sign(&owner(2), &full.created["typed_data"]["open"]) })),
            422,
            refused,
        ),
        deposit("before it is registered", &drawn, drawn.opening(), 409, "session_pending"),
        deposit("after its end", &revoked, right.clone(), 409, "session_revoked"),
        deposit("nothing", &roomy, json!({}), 400, "missing_field").at("authorization"),
        Bad::post(
            "freeze: a stranger",
            &freeze,
            action(api, &full, "freeze", json!({ "signer": 1 })).await,
            422,
            not_owner,
        ),
        Bad::post(
            "freeze: another session's",
            &freeze,
            action(api, &other, "freeze", json!({ "nonce": 2 })).await,
            422,
            not_owner,
        ),
        Bad::post("freeze: what was used", &freeze, used, 409, "nonce_used"),
        Bad::post(
            "freeze: a later nonce",
            &freeze,
            action(api, &full, "freeze", json!({ "nonce": 99 })).await,
            409,
            "nonce_used",
        ),
        Bad::post(
            "freeze: too late",
            &freeze,
            action(api, &full, "freeze", json!({ "deadline": 1 })).await,
            422,
            "signature_expired",
        ),
        Bad::post(
            "freeze: signed as another action",
            &freeze,
            full.owner_signature(api, "revoke").await,
            422,
            not_owner,
        ),
        Bad::post(
            "freeze: half a signature",
            &freeze,
            json!({ "owner_signature": { "signature": "0x12" } }),
            400,
            "missing_field",
        ),
        Bad::post("freeze: a list", &freeze, json!([]), 400, "invalid_request|invalid_json"),
        Bad::post("revoke: a list", &full.path("revoke"), json!([]), 400, "invalid_request|invalid_json"),
        Bad::post("freeze: an unknown field", &freeze, json!({ "by": "me" }), 400, "unknown_field").at("by"),
        Bad::post("freeze: after its end", &revoked.path("freeze"), json!({}), 409, "session_revoked"),
        Bad::post("freeze: after its end, by the owner", &revoked.path("freeze"), late, 409, "session_revoked"),
        Bad::post(
            "unfreeze: nothing is frozen",
            &full.path("unfreeze"),
            full.owner_signature(api, "unfreeze").await,
            409,
            "wrong_status",
        ),
        Bad::post("withdraw: another amount than signed", &withdrawals, with_amount("1"), 422, not_owner),
        Bad::post("withdraw: zero", &withdrawals, with_amount("0"), 400, "invalid_amount").at("amount"),
        Bad::post("withdraw: too fine", &withdrawals, with_amount("0.0000001"), 422, "amount_too_precise"),
        Bad::post("withdraw: unsigned", &withdrawals, json!({}), 400, "missing_field").at("owner_signature"),
        Bad::post(
            "withdraw: before it is registered",
            &drawn.path("withdrawals"),
            withdrawal.clone(),
            409,
            "session_pending",
        ),
        Bad::get("sign: an unknown action", &typed("action=close"), 400, "invalid_request"),
        Bad::get("sign: no action", &typed(""), 400, "missing_field|invalid_request"),
        Bad::get("sign: nothing at all", &full.path("typed_data"), 400, "missing_field").at("action"),
        Bad::get("sign: a deposit of nothing", &typed("action=deposit"), 400, "missing_field"),
        Bad::get("sign: a managed key's voucher", &typed("action=voucher&amount=1"), 422, "voucher_not_taken"),
        Bad::get(
            "sign: before it is registered",
            &format!("{}?action=freeze", drawn.path("typed_data")),
            409,
            "session_pending",
        ),
    ];
    assert_refused(&app, &rows).await;
    api.post(&roomy.path("deposits"), &right).await.done(202);
    roomy.until(api, "the deposit is final", |now| now["deposited"] == "4").await;
    // The same once more: the token knows that it was used.
    app.quiet().await;
    assert_refused(&app, &[deposit("what was used", &roomy, right, 422, refused)]).await;
    app.site.assert_clean().await;
}
