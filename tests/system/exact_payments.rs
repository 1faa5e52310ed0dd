//! Payments by a transfer that its payer signed (x402's `exact`): settled on the chain before the answer goes out, once,
//! whatever is sent again, whoever is faster, and whenever the process dies.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::exact::{Transfer, begun, get_exact, stranger, try_get_exact, with_transfer};
use crate::support::gateway::{
    CENT, CENT_UNITS, PAYMENT, Upstream, cent, decoded, encoded, gateway, offer, payment, refused, route_to, set_route,
};
use crate::support::sessions::{ChainApp, owner};
use crate::support::{Answer, Api, assert_amount, decimal, until};

/// An installation with one route of a cent, the gateway without a key, and what it offers for `/echo/a`.
async fn shop() -> (ChainApp, Upstream, Api, Value) {
    let app = ChainApp::up_exact().await;
    let upstream = Upstream::start(&app.site).await;
    set_route(&app.api, route_to(&upstream, "/echo/*", cent())).await;
    let gate = gateway(&app, "");
    let asked = Answer::of(gate.anonymous(Method::GET, "/echo/a")).await.unwrap();
    let offered = offer(&asked, "exact");
    (app, upstream, gate, offered)
}

/// What the payee has of the token.
async fn paid(app: &ChainApp) -> u128 {
    app.deployed.balance(&app.anvil, &app.deployed.payee).await
}

/// The one exact payment there is.
async fn the_payment(app: &ChainApp) -> Value {
    until("there is a payment", async || {
        let all = app.api.walk("/v1/exact_payments", "cursor").await;
        assert!(all.len() <= 1, "{all:?}");
        all.into_iter().next()
    })
    .await
}

/// Waits until all that was settled is so for good, and the books say what the payee has.
async fn assert_final(app: &ChainApp, units: u128) {
    let payments = until("everything is final", async || {
        let all = app.api.walk("/v1/exact_payments?limit=100", "cursor").await;
        let is_over = |payment: &Value| ["final", "failed", "released"].contains(&text(&payment["status"]));
        all.iter().all(is_over).then_some(all)
    })
    .await;
    let is_final = |payment: &&Value| payment["status"] == "final";
    let told =
        payments.iter().filter(is_final).map(|payment| decimal(&payment["amount"])).sum::<rust_decimal::Decimal>();
    assert_eq!(told * rust_decimal::Decimal::from(1_000_000), rust_decimal::Decimal::from(units));
    assert_eq!(paid(app).await, units);
    app.quiet().await;
    let last = app.api.walk("/v1/events?limit=100", "after").await.pop().unwrap();
    let position = crate::support::Position::of(&last);
    for (account, balance) in [("merchant:settled", -told), ("revenue", told), ("chain:clearing", 0.into())] {
        let rows = app.api.list_at(&format!("/v1/balances?account={account}"), position).await;
        let found = rows.iter().find(|row| row["currency"] == "USDC").map(|row| decimal(&row["balance"]));
        assert_eq!(found.unwrap_or_default(), balance, "{account}");
    }
    app.site.assert_clean().await;
    app.site.tollbook(&["replay"], &[]).await.expect_code(0);
}

#[tokio::test]
async fn paid_once_and_answered_again() {
    let (app, upstream, gate, offered) = shop().await;
    assert_eq!(text(&offered["amount"]), CENT_UNITS.to_string());
    assert_eq!((&offered["extra"]["name"], &offered["extra"]["version"]), (&json!("USD Coin"), &json!("2")));
    let transfer = Transfer::new(&app.deployed, &owner(0), CENT_UNITS);
    let answer = get_exact(&gate, "/echo/a", &offered, &transfer).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let receipt = decoded(&answer, "payment-response");
    assert_eq!((&receipt["success"], &receipt["network"]), (&json!(true), &offered["network"]), "{receipt}");
    assert_eq!(text(&receipt["payer"]), owner(0).address().to_string());
    assert_eq!(text(&receipt["amount"]), CENT_UNITS.to_string());
    // By then it is in a block.
    assert_eq!(paid(&app).await, CENT_UNITS);
    let chain = app.anvil.rpc("eth_getTransactionReceipt", json!([receipt["transaction"]])).await;
    assert_eq!(chain["status"], "0x1", "{chain}");

    // The same again is answered and not paid for again.
    let again = get_exact(&gate, "/echo/a", &offered, &transfer).await;
    assert_eq!((again.status, &again.body), (200, &answer.body), "{}", again.text());
    assert_eq!(decoded(&again, "payment-response")["transaction"], receipt["transaction"]);
    // Whoever has read the transfer on the chain, and knows no more, gets nothing for it.
    let read = with_transfer(gate.anonymous(Method::GET, "/echo/a"), &offered, &transfer);
    refused(&Answer::of(read).await.unwrap(), 422, "payment_reused");
    // It paid for that request, and for no other.
    refused(&get_exact(&gate, "/echo/b", &offered, &transfer).await, 422, "payment_reused");
    assert_eq!((upstream.calls().await, paid(&app).await), (1, CENT_UNITS));

    let payment = the_payment(&app).await;
    let shown = app.api.get(&format!("/v1/exact_payments/{}", text(&payment["id"]))).await.done(200);
    assert_amount(&shown["amount"], CENT);
    assert_eq!(shown["transaction"]["hash"], receipt["transaction"]);
    assert_eq!((&shown["payer"], &shown["failure"]), (&receipt["payer"], &Value::Null));
    assert!(shown["route_id"].is_string() && shown["delivered_at"].is_string(), "{shown}");
    assert_final(&app, CENT_UNITS).await;
    let explained = app.api.get(&format!("/v1/exact_payments/{}/explain", text(&payment["id"]))).await.done(200);
    let steps = explained["steps"].as_array().unwrap();
    let kinds: Vec<&str> = steps.iter().map(|step| text(&step["step"])).collect();
    for kind in ["request", "payment", "transaction", "postings", "delivery", "transfer"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    assert_eq!(explained["settled"], true);
    for (query, count) in [("status=final", 1), ("status=failed", 0), (&*format!("payer={}", owner(1).address()), 0)] {
        assert_eq!(app.api.walk(&format!("/v1/exact_payments?{query}"), "cursor").await.len(), count, "{query}");
    }
    app.api.get("/v1/exact_payments?status=lost").await.problem(400, "invalid_request");
    let theirs = app.other_organization().await;
    theirs.get(&format!("/v1/exact_payments/{}", text(&payment["id"]))).await.problem(404, "exact_payment_not_found");
    assert!(theirs.walk("/v1/exact_payments", "cursor").await.is_empty());
}

#[tokio::test]
async fn what_is_not_good_is_refused_and_costs_nothing() {
    let (app, upstream, gate, offered) = shop().await;
    let good = || Transfer::new(&app.deployed, &owner(0), CENT_UNITS);
    let now = eventstore::clock::now().timestamp().unsigned_abs();
    begun(&app).await;
    let events = app.site.events_count(None).await;
    let signature = "invalid_exact_evm_payload_signature";
    let value = "invalid_exact_evm_payload_authorization_value";
    let late = "invalid_exact_evm_payload_authorization_valid_before";
    let early = "invalid_exact_evm_payload_authorization_valid_after";
    let recipient = "invalid_exact_evm_payload_recipient_mismatch";
    let mut token = good();
    token.token = app.deployed.contract.parse().unwrap();
    let mut forged = good();
    forged.payer = owner(1);
    for (what, transfer, code) in [
        ("too little", good().with(|a| a.value -= 1), value),
        ("too much", good().with(|a| a.value += 1), value),
        ("to somebody else", good().with(|a| a.to = owner(2).address()), recipient),
        ("too late", good().with(|a| a.valid_before = now - 1), late),
        ("almost too late", good().with(|a| a.valid_before = now + 2), late),
        ("too early", good().with(|a| a.valid_after = now + 300), early),
        ("in another token", token, signature),
        ("signed by somebody else", forged, signature),
        ("without money", Transfer::new(&app.deployed, &stranger(), CENT_UNITS), "insufficient_funds"),
    ] {
        let answer = get_exact(&gate, "/echo/a", &offered, &transfer).await;
        let told = refused(&answer, 402, code);
        assert!(answer.header("payment-required").is_some(), "{what}: {told}");
        let receipt = decoded(&answer, "payment-response");
        assert_eq!((&receipt["success"], &receipt["errorReason"]), (&json!(false), &json!(code)), "{what}");
    }
    for (member, wrong, code) in [
        ("network", json!("eip155:1"), "invalid_network"),
        ("asset", json!(app.deployed.contract), "invalid_payment_requirements"),
        ("payTo", json!(owner(2).address().to_string()), "invalid_payment_requirements"),
        ("scheme", json!("upto"), "unsupported_scheme"),
    ] {
        let mut other = offered.clone();
        other[member] = wrong;
        refused(&get_exact(&gate, "/echo/a", &other, &good()).await, 402, code);
    }
    // Not of this form at all.
    let mut mangled = good().payload();
    mangled["authorization"]["nonce"] = json!("0x12");
    let mut short = good().payload();
    short["signature"] = json!("0x1234");
    for (payload, code) in [(json!({}), "invalid_payload"), (mangled, "invalid_payload"), (short, signature)] {
        let header = encoded(&payment(&offered, &payload));
        let asked = gate.anonymous(Method::GET, "/echo/a").header(PAYMENT, header);
        refused(&Answer::of(asked).await.unwrap(), 402, code);
    }
    // Used up on the chain, past the gateway.
    let used = good();
    app.anvil.send(&app.deployed.payee, &app.deployed.usdc, &used.call()).await;
    refused(&get_exact(&gate, "/echo/a", &offered, &used).await, 402, "invalid_transaction_state");
    assert_eq!((upstream.calls().await, app.site.events_count(None).await), (0, events));
    assert_eq!(paid(&app).await, CENT_UNITS, "only what came past the gateway");
}

#[tokio::test]
async fn version_1_pays_too() {
    let (app, upstream, gate, _) = shop().await;
    let asked = Answer::of(gate.anonymous(Method::GET, "/echo/a")).await.unwrap();
    let body = refused(&asked, 402, "payment_required");
    let [offered] = body["accepts"].as_array().unwrap().as_slice() else { panic!("{body}") };
    assert_eq!(offered.get("outputSchema"), None, "clients refuse null there: {offered}");
    // In version 2 whoever has a session pays with that: clients take the first offer that they know.
    let required = decoded(&asked, "payment-required");
    let schemes: Vec<&str> = required["accepts"].as_array().unwrap().iter().map(|one| text(&one["scheme"])).collect();
    assert_eq!(schemes, ["session", "exact"]);
    let transfer = Transfer::new(&app.deployed, &owner(0), CENT_UNITS);
    let header = json!({ "x402Version": 1, "scheme": "exact", "network": offered["network"],
        "payload": transfer.payload() });
    let paying = gate.anonymous(Method::GET, "/echo/a").header("x-payment", encoded(&header));
    let answer = Answer::of(paying).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let receipt = decoded(&answer, "x-payment-response");
    assert_eq!((&receipt["success"], &receipt["network"]), (&json!(true), &offered["network"]));
    assert_eq!(upstream.calls().await, 1);
    assert_final(&app, CENT_UNITS).await;
}

#[tokio::test]
async fn an_upstream_that_fails_leaves_the_payment_free() {
    let (app, mut upstream, gate, offered) = shop().await;
    upstream.kill();
    let transfer = Transfer::new(&app.deployed, &owner(0), CENT_UNITS);
    refused(&get_exact(&gate, "/echo/a", &offered, &transfer).await, 502, "upstream_unreachable");
    until("it is released", async || (the_payment(&app).await["status"] == "released").then_some(())).await;
    assert_eq!(paid(&app).await, 0);
    // The same transfer pays for another request.
    let upstream = Upstream::start(&app.site).await;
    set_route(&app.api, route_to(&upstream, "/bytes/{count}", cent())).await;
    let answer = get_exact(&gate, "/bytes/10", &offered, &transfer).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "0123456789"));
    assert_final(&app, CENT_UNITS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_each_with_its_own() {
    let (app, upstream, gate, offered) = shop().await;
    let transfers: Vec<_> = (0..20).map(|n| Transfer::new(&app.deployed, &owner(n), CENT_UNITS)).collect();
    // Each is sent twice: the second finds the first under way, or what became of it.
    let twice = transfers.iter().chain(&transfers);
    let answers =
        futures::future::join_all(twice.map(|transfer| get_exact(&gate, "/echo/a", &offered, transfer))).await;
    for answer in &answers {
        assert!([200, 409, 503].contains(&answer.status), "{}", answer.text());
    }
    for transfer in &transfers {
        until("each is answered", async || {
            Some(get_exact(&gate, "/echo/a", &offered, transfer).await).filter(|answer| answer.status == 200)
        })
        .await;
    }
    assert!(upstream.calls().await >= 20);
    for event in ["submitted", "delivered"] {
        assert_eq!(app.site.events_count(Some(event)).await, 20, "{event}");
    }
    assert_final(&app, 20 * CENT_UNITS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_submitted_and_mined() {
    let (mut app, upstream, gate, offered) = shop().await;
    let transfer = Transfer::new(&app.deployed, &owner(0), CENT_UNITS);
    app.anvil.stop_mining().await;
    let asking = {
        let (gate, offered, transfer) = (gate.clone(), offered.clone(), transfer.clone());
        tokio::spawn(async move { try_get_exact(&gate, "/echo/a", &offered, &transfer).await })
    };
    app.anvil.pending(1).await;
    app.restart().await;
    let lost = asking.await.unwrap();
    assert!(lost.is_err() || lost.is_ok_and(|answer| answer.status != 200), "nothing is in a block");
    let gate = gateway(&app, "");
    // Nobody knows yet: the same payment may be shown again, and nobody is told to pay anew.
    let unknown = get_exact(&gate, "/echo/a", &offered, &transfer).await;
    assert!([409, 503].contains(&unknown.status) && unknown.header("retry-after").is_some(), "{}", unknown.text());
    app.anvil.resume_mining().await;
    let answer = until("it is answered", async || {
        Some(get_exact(&gate, "/echo/a", &offered, &transfer).await).filter(|answer| answer.status == 200)
    })
    .await;
    let receipt = decoded(&answer, "payment-response");
    assert_eq!(receipt["transaction"], the_payment(&app).await["transaction"]["hash"]);
    assert!((1..=2).contains(&upstream.calls().await), "the answer of before went with the process");
    for event in ["submitted", "settled"] {
        assert_eq!(app.site.events_count(Some(event)).await, 1, "{event}");
    }
    assert_final(&app, CENT_UNITS).await;
}

/// Whoever sees the transfer on its way can send it as well, and be faster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_faster_the_money_has_come() {
    let (app, upstream, gate, offered) = shop().await;
    let transfer = Transfer::new(&app.deployed, &owner(0), CENT_UNITS);
    app.anvil.stop_mining().await;
    let asking = {
        let (gate, offered, transfer) = (gate.clone(), offered.clone(), transfer.clone());
        tokio::spawn(async move { get_exact(&gate, "/echo/a", &offered, &transfer).await })
    };
    app.anvil.pending(1).await;
    let theirs = json!([{ "from": app.deployed.payee, "to": app.deployed.usdc, "data": transfer.call(),
        "gas": "0x493e0", "maxFeePerGas": "0x174876e800", "maxPriorityFeePerGas": "0x174876e800" }]);
    let hash = app.anvil.rpc("eth_sendTransaction", theirs).await;
    app.anvil.pending(2).await;
    app.anvil.resume_mining().await;
    let answer = asking.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(decoded(&answer, "payment-response")["transaction"], hash);
    assert_eq!((upstream.calls().await, app.site.events_count(Some("failed")).await), (1, 0));
    assert_final(&app, CENT_UNITS).await;
}

/// The payer spent the money while the upstream was at work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_is_gone_pays_for_nothing() {
    let (app, upstream, gate, offered) = shop().await;
    let payer = stranger();
    let fill = Transfer::new(&app.deployed, &owner(0), CENT_UNITS).with(|a| a.to = payer.address());
    app.anvil.send(&app.deployed.payee, &app.deployed.usdc, &fill.call()).await;
    let [first, second] = [(); 2].map(|()| Transfer::new(&app.deployed, &payer, CENT_UNITS));
    app.anvil.stop_mining().await;
    let ask = |transfer: &Transfer| {
        let (gate, offered, transfer) = (gate.clone(), offered.clone(), transfer.clone());
        tokio::spawn(async move { get_exact(&gate, "/echo/a", &offered, &transfer).await })
    };
    // Either would go through alone, and so both are sent.
    let asking = [ask(&first), ask(&second)];
    until("both are signed, or found out", async || {
        let (signed, rejected) =
            (app.site.events_count(Some("signed")).await, app.site.events_count(Some("rejected")).await);
        (signed + rejected == 2).then_some(())
    })
    .await;
    if app.site.events_count(Some("rejected")).await == 0 {
        // Reverted in a block that may still go away: it may go through in another one, and has not failed yet.
        app.anvil.pending(2).await;
        app.anvil.mine().await;
        until("both are in a block", async || (app.site.events_count(Some("mined")).await == 2).then_some(())).await;
        assert_eq!(app.site.events_count(Some("failed")).await, 0);
    }
    app.anvil.resume_mining().await;
    let mut answers = Vec::new();
    for one in asking {
        answers.push(one.await.unwrap());
    }
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers[0].status, 200, "{}", answers[0].text());
    // Found out before it was sent, or by the token when it came second into a block.
    let code = if answers[1].json()["code"] == "insufficient_funds" {
        "insufficient_funds"
    } else {
        "invalid_transaction_state"
    };
    refused(&answers[1], 402, code);
    assert_eq!(upstream.calls().await, 2);
    assert_final(&app, CENT_UNITS).await;
}
