//! Holds that session keys pay: of a deposit on a chain, within what the client signed, captured also after the
//! end, and paid out to the payee.

use chain::evidence;
use domain::evm::Bytes32;
use domain::ids::ChargeId;
use domain::money::Amount;
use domain::settlement::LogHead;
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::after::assert_balanced;
use crate::support::api::text;
use crate::support::holds::{HOLDS, assert_ended, assert_hold, capture, expired, extend, hold_at, void};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, atomic, in_seconds, settle, settle_all};
use crate::support::{Answer, Api, Position, Server, assert_amount, decimal};

/// Asks for a hold; the client's key signs up to `max_claimable`, if that is said.
async fn ask(api: &Api, session: &Session, amount: &str, max_claimable: Option<u128>) -> Answer {
    let mut body = json!({ "session_key_id": session.id, "amount": amount });
    if let Some(max_claimable) = max_claimable {
        body["voucher"] = session.voucher(max_claimable);
    }
    api.post(HOLDS, &body).await
}

/// Places one, with what was signed before or with Tollbook's own key.
async fn hold(api: &Api, session: &Session, amount: &str) -> Value {
    ask(api, session, amount, None).await.done(201)
}

/// What a session key has charged, what it holds, and what may still be charged.
#[track_caller]
fn assert_session(session: &Value, charged: &str, held: &str, available: &str) {
    for (figure, expected) in [("charged", charged), ("held", held), ("available", available)] {
        assert_eq!(decimal(&session[figure]), decimal(&json!(expected)), "{figure}: {session}");
    }
}

/// The root over these charges and the end of the log then, as docs/chain.md says, is what went on chain.
async fn assert_evidence(app: &ChainApp, session: &Session, settlement: &Value, charges: &[&Value]) {
    let session_id: Bytes32 = session.session_id().parse().unwrap();
    let leaf = |charge: &&Value| {
        let id: ChargeId = text(&charge["id"]).parse().unwrap();
        let [amount, cumulative]: [Amount; 2] =
            [&charge["amount"], &charge["session"]["charged"]].map(|figure| text(figure).parse().unwrap());
        evidence::charge_leaf(session_id, id, amount, cumulative)
    };
    let mut leaves: Vec<evidence::Leaf> = charges.iter().map(leaf).collect();
    let pool = app.site.pool();
    let log_id: Uuid = sqlx::query_scalar("select log_id from log_identity").fetch_one(&pool).await.unwrap();
    let head = &settlement["log_head"];
    let Position { partition, position }: Position = text(&head["position"]).parse().unwrap();
    let head = LogHead { partition, position, chain: text(&head["chain"]).parse().unwrap() };
    leaves.push(evidence::head_leaf(log_id, &head));
    assert_eq!(settlement["evidence_root"], evidence::root(&leaves).to_string());
}

#[tokio::test]
async fn a_managed_key_holds_and_what_it_captures_is_paid() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let price = json!({ "unit": "call", "unit_price": "0.25", "currency": "USDC" });
    api.put("/v1/meters/calls", &price).await.done(200);
    let session = Session::open(api, &customer, Custody::Managed, "10").await;

    let held = hold(api, &session, "4").await;
    assert_eq!((&held["session_key_id"], &held["customer_id"]), (&json!(session.id), &json!(customer)));
    assert_eq!((&held["account"], &held["currency"]), (&Value::Null, &json!("USDC")));
    assert_hold(&held, "open", "4", "0");
    assert_session(&held["session"], "0", "4", "6");
    assert_session(&session.now(api).await, "0", "4", "6");
    says(api, &customer, &session, &held).await;
    let problem = session.charge_plain(api, "6.000001").await.problem(402, "insufficient_deposit");
    assert_amount(&problem["available"], "6");
    ask(api, &session, "6.000001", None).await.problem(402, "insufficient_deposit");

    let part = json!({ "amount": "1.25", "final_capture": false });
    let first = capture(api, &held, part).await.done(201);
    assert_eq!((&first["session_key_id"], &first["account"]), (&json!(session.id), &Value::Null));
    assert_amount(&first["paid"]["session"], "1.25");
    assert_hold(&first["hold"], "open", "2.75", "1.25");
    assert_session(&first["session"], "1.25", "2.75", "6");
    extend(api, &held, json!({ "amount": "6.000001" })).await.problem(402, "insufficient_deposit");
    let extended = extend(api, &held, json!({ "amount": "1", "ttl_secs": 3600 })).await.done(200);
    assert_session(&extended["session"], "1.25", "3.75", "5");
    // A charge of the others between two of the hold.
    let plain = session.charge_plain(api, "0.25").await.done(201);
    capture(api, &held, json!({ "amount": "3.750001" })).await.problem(422, "capture_above_hold");
    let last = capture(api, &held, json!({ "meter": "calls", "quantity": "2" })).await.done(201);
    assert_amount(&last["amount"], "0.5");
    assert_amount(&last["hold"]["returned"], "3.25");
    assert_session(&last["session"], "2", "0", "8");
    assert_ended(api, &held).await;
    let given_up = hold(api, &session, "8").await;
    session.charge_plain(api, "0.000001").await.problem(402, "insufficient_deposit");
    assert_session(&void(api, &given_up).await.done(200)["session"], "2", "0", "8");
    assert_eq!(app.site.events_count(Some("captured")).await, 2);

    // All three are in the claim and in the evidence for it, and the payee has it.
    let settlement = settle(api).await;
    assert_eq!((&settlement["status"], &settlement["total"]), (&json!("finalized"), &json!("2")), "{settlement}");
    assert_eq!(settlement["claim_details"][0]["charges"], 3);
    assert_evidence(&app, &session, &settlement, &[&first, &plain, &last]).await;
    for charge in [&first, &last] {
        explained(api, charge, &held, &settlement).await;
    }
    let listed = api.walk(&format!("/v1/charges?session_key_id={}", session.id), "cursor").await;
    assert_eq!(listed, [last, plain, first]);
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 2 * USDC);
    assert_balanced(api).await;
    app.tollbook(&["replay"]).await.expect_code(0);
}

/// What every list says of a hold of 4 of a deposit of 10.
async fn says(api: &Api, customer: &str, session: &Session, held: &Value) {
    let position = Position::of(held);
    for query in [format!("session_key_id={}", session.id), format!("customer_id={customer}")] {
        let holds = api.list_at(&format!("{HOLDS}?{query}"), position).await;
        assert_eq!((holds.len(), &holds[0]["id"]), (1, &held["id"]), "{query}");
        assert_eq!(holds[0]["session_key_id"], session.id.as_str());
        assert_hold(&holds[0], "open", "4", "0");
    }
    let listed = api.list_at(&format!("/v1/session_keys?customer_id={customer}"), position).await;
    assert_session(&listed[0], "0", "4", "6");
    let quotas = api.list_at(&format!("/v1/quotas?customer_id={customer}"), position).await;
    assert_amount(&quotas[0]["session_keys"]["available"], "6");
    let balances = api.list_at(&format!("/v1/balances?customer_id={customer}"), position).await;
    for (purse, expected) in [("escrow", "6"), ("held", "4")] {
        let account = format!("customer:{customer}:{purse}");
        let row = balances.iter().find(|row| row["account"] == account.as_str()).unwrap();
        assert_amount(&row["balance"], expected);
    }
    assert_balanced(api).await;
}

/// From who asked to the money's arrival, with the hold between.
async fn explained(api: &Api, charge: &Value, held: &Value, settlement: &Value) {
    let path = format!("/v1/charges/{}/explain?min_position={}", text(&charge["id"]), text(&settlement["position"]));
    let explanation = api.get(&path).await.done(200);
    assert_eq!(explanation["settled"], true);
    let steps = explanation["steps"].as_array().unwrap();
    let mut kinds: Vec<&str> = steps.iter().map(|step| text(&step["step"])).collect();
    assert_eq!(kinds[..7], ["request", "hold", "price", "deposit", "voucher", "charge", "postings"]);
    kinds.retain(|kind| ["claim", "settlement", "transaction", "transfer"].contains(kind));
    assert_eq!((kinds.first(), kinds.contains(&"transfer")), (Some(&"claim"), true), "{kinds:?}");
    assert_eq!((&steps[1]["event_id"], &steps[1]["event_type"]), (&held["event_id"], &json!("session_key.held")));
    assert_eq!(steps[5]["event_type"], "session_key.captured");
}

#[tokio::test]
async fn a_client_signs_for_what_is_charged_and_held() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Client, "10").await;
    let needs = |answer: &Answer, code: &str, atomic: &str| {
        let problem = answer.problem(402, code);
        assert_eq!(problem["needed_atomic"], atomic, "{problem}");
    };
    needs(&ask(api, &session, "2", None).await, "voucher_required", "2000000");
    let held = ask(api, &session, "2", Some(2 * USDC)).await.done(201);
    assert_session(&held["session"], "0", "2", "8");
    // Two holds and a charge can never together exceed what was signed.
    needs(&ask(api, &session, "1", Some(2_999_999)).await, "voucher_too_low", "3000000");
    needs(&ask(api, &session, "0.0000001", None).await, "voucher_required", "2000001");
    needs(&session.charge_plain(api, "0.5").await, "voucher_required", "2500000");
    needs(&extend(api, &held, json!({ "amount": "0.5" })).await, "voucher_required", "2500000");
    session.charge(api, "0.5", 2_500_000).await.done(201);
    let more = json!({ "amount": "1", "voucher": session.voucher(3_500_000) });
    assert_session(&extend(api, &held, more).await.done(200)["session"], "0.5", "3", "6.5");
    // Longer is not more, and what is held was signed for.
    extend(api, &held, json!({ "ttl_secs": 3600 })).await.done(200);
    assert_eq!(session.now(api).await["voucher"]["remaining"], "0");
    let first = capture(api, &held, json!({ "amount": "1", "final_capture": false })).await.done(201);
    assert_session(&first["session"], "1.5", "2", "6.5");
    ask(api, &session, "1", Some(10 * USDC + 1)).await.problem(422, "voucher_above_deposit");

    // The same key: the same hold, whatever comes with it to pay.
    let body = |max_claimable: u128| {
        let voucher = session.voucher(max_claimable);
        json!({ "session_key_id": session.id, "amount": "1.5", "voucher": voucher })
    };
    let other = api.post_keyed(HOLDS, "keyed", &body(5 * USDC)).await;
    let again = api.post_keyed(HOLDS, "keyed", &body(6 * USDC)).await;
    assert!(again.is_replay() && again.body == other.body, "{}", again.text());
    let other = other.done(201);
    assert_eq!(session.now(api).await["voucher"]["max_claimable"], "5");

    // What is given back was signed for as well: it pays without another signature.
    void(api, &held).await.done(200);
    assert_session(&capture(api, &other, json!({ "amount": "0.5" })).await.done(201)["session"], "2", "0", "8");
    session.charge_plain(api, "3").await.done(201);
    needs(&ask(api, &session, "0.000001", None).await, "voucher_required", "5000001");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 5 * USDC);
    assert_balanced(api).await;
}

#[tokio::test]
async fn what_is_held_can_be_captured_after_the_end_and_keeps_the_session_open() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let session = Session::open(api, &customer, Custody::Managed, "10").await;
    session.charge_plain(api, "1").await.done(201);
    let (parts, second) = (hold(api, &session, "3").await, hold(api, &session, "2").await);
    let third = hold(api, &session, "4").await;
    let part = json!({ "amount": "1", "final_capture": false });

    // Nothing new while it is frozen.
    api.post(&session.path("freeze"), &json!({})).await.done(200);
    ask(api, &session, "0.1", None).await.problem(409, "session_frozen");
    for body in [json!({ "amount": "0.1" }), json!({ "ttl_secs": 60 })] {
        extend(api, &parts, body).await.problem(409, "session_frozen");
    }
    capture(api, &parts, part.clone()).await.done(201);
    let signature = session.owner_signature(api, "revoke").await;
    api.post(&session.path("revoke"), &signature).await.done(202);
    ask(api, &session, "0.1", None).await.problem(409, "session_revoked");
    extend(api, &parts, json!({ "ttl_secs": 60 })).await.problem(409, "session_revoked");
    capture(api, &parts, part).await.done(201);
    session.until(api, "the end is on the chain", |now| now["relays"] == json!([])).await;

    // The owner wants back all that is not claimed by then: what is captured before comes first.
    let signature = session.owner_signature(api, "withdraw").await;
    api.post(&session.path("withdrawals"), &signature).await.done(202);
    let wanted = session.until(api, "the withdrawal is seen", |now| !now["withdrawal"].is_null()).await;
    assert_session(&wanted, "3", "7", "0");
    assert_session(&capture(api, &second, json!({})).await.done(201)["session"], "5", "5", "0");
    session
        .until(api, "all of it is claimed", |now| {
            atomic(decimal(&now["claimed"])) == 5 * USDC && now["in_settlement"].is_null()
        })
        .await;
    app.advance(901).await;
    session.until(api, "the rest is with its owner", |now| now["withdrawn"] == "5").await;
    capture(api, &third, json!({})).await.problem(402, "insufficient_deposit");

    // It is over and nothing is left of it, and it stays as long as something is held: others are closed meanwhile.
    for _ in 0..2 {
        let other = Session::draw_up(api, &customer, Custody::Managed, "1", json!({})).await;
        api.post(&other.path("revoke"), &json!({})).await.done(200);
        other.until_status(api, "closed").await;
    }
    assert_eq!(session.now(api).await["status"], "revoked");
    void(api, &third).await.done(200);
    let last = void(api, &parts).await.done(200);
    assert_hold(&last, "voided", "0", "2");
    let closed = session.until_status(api, "closed").await;
    assert_session(&closed, "5", "0", "0");
    assert_eq!(app.assert_settled().await, 5 * USDC);
    assert_balanced(api).await;
    app.tollbook(&["replay"]).await.expect_code(0);
}

#[tokio::test]
async fn holds_of_a_session_end_with_their_own_time_and_not_with_its() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let customer = app.payer().await;
    let terms = json!({ "valid_until": in_seconds(25), "period_limit": "2", "period_secs": 3600 });
    let session = Session::draw_up(api, &customer, Custody::Managed, "10", terms).await;
    api.post(&session.path("register"), &session.opening()).await.done(202);
    session.active(api).await;

    // A period's limit counts what is held in it.
    let held = hold(api, &session, "1.5").await;
    let period = session.now(api).await["period"].clone();
    assert_eq!((&period["used"], &period["held"], &period["limit"]), (&json!("0"), &json!("1.5"), &json!("2")));
    let (placed, charged) = (ask(api, &session, "0.6", None).await, session.charge_plain(api, "0.6").await);
    let extended = extend(api, &held, json!({ "amount": "0.6" })).await;
    for answer in [placed, charged, extended] {
        let problem = answer.problem(402, "period_limit_exceeded");
        assert_amount(&problem["remaining"], "0.5");
    }
    extend(api, &held, json!({ "amount": "0.5" })).await.done(200);
    capture(api, &held, json!({ "amount": "0.5" })).await.done(201);
    let short = json!({ "session_key_id": session.id, "amount": "1.5", "ttl_secs": 1 });
    let short = api.post(HOLDS, &short).await.done(201);
    session.charge_plain(api, "0.1").await.problem(402, "period_limit_exceeded");
    assert_hold(&expired(api, &short).await, "expired", "0", "0");
    assert_ended(api, &short).await;
    let held = hold(api, &session, "1.5").await;
    session.charge_plain(api, "0.1").await.problem(402, "period_limit_exceeded");

    session.until(api, "its time is over", |now| now["status"] == "expired").await;
    ask(api, &session, "0.1", None).await.problem(409, "session_expired");
    let charge = capture(api, &held, json!({ "amount": "1.25" })).await.done(201);
    assert_session(&charge["session"], "1.75", "0", "8.25");
    assert_hold(&hold_at(api, &held, Position::of(&charge)).await, "captured", "0", "1.25");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, 1_750_000);
    assert_balanced(api).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_of_a_deposit_in_two_processes() {
    let app = ChainApp::up().await;
    let other = Server::start(&app.site).await;
    let servers = [app.api.clone(), app.api.at(&other.url)];
    let customer = app.payer().await;
    let mut earned = 0;
    for custody in [Custody::Managed, Custody::Client] {
        let session = Session::open(&app.api, &customer, custody, "10").await;
        let signed = session.key.map(|_| 10 * USDC);
        // A deposit for ten is held by ten.
        let answers = join_all((0..100).map(|i| ask(&servers[i % 2], &session, "1", signed))).await;
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            refused.problem(402, "insufficient_deposit");
        }
        let holds: Vec<Value> = answers.iter().filter(|a| a.status == 201).map(Answer::json).collect();
        assert_eq!(holds.len(), 10);
        assert_session(&session.now(&servers[1]).await, "0", "10", "0");
        // And each of them ends once.
        let ends = holds.iter().enumerate().map(|(i, held)| {
            let (here, there) = (&servers[i % 2], &servers[(i + 1) % 2]);
            async move { tokio::join!(capture(here, held, json!({})), void(there, held)) }
        });
        let mut captured = 0;
        for (taken, given_up) in join_all(ends).await {
            if taken.status == 201 {
                given_up.problem(409, "hold_ended");
                captured += 1;
            } else {
                taken.problem(409, "hold_ended");
                given_up.done(200);
            }
        }
        let (charged, left) = (captured.to_string(), (10 - captured).to_string());
        assert_session(&session.now(&servers[0]).await, &charged, "0", &left);
        earned += captured;
    }
    settle_all(&app.api).await;
    assert_eq!(app.assert_settled().await, earned * USDC);
    assert_balanced(&app.api).await;
}
