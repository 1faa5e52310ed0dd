//! Messages of payment providers: who they are from, that each counts once, whenever it comes, and that it concerns
//! nobody else.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::invoices::{assert_books, balance, debtor, position};
use crate::support::stripe::{
    Stripe, VISA, WEBHOOK_SECRET, message, messages, pay, payment_now, payment_that, signature, tell,
};
use crate::support::subscriptions::events_of;
use crate::support::{Answer, TestApp, decimal, until};

/// A message of a type that says nothing here.
fn nothing(id: &str) -> Value {
    let created = eventstore::clock::now().timestamp();
    json!({
        "id": id, "object": "event", "type": "customer.created", "created": created,
        "data": { "object": { "id": "cus_1", "object": "customer" } },
    })
}

/// The outcomes of the messages of a type, the oldest first.
async fn outcomes(app: &TestApp, provider_type: &str) -> Vec<Value> {
    let taken = messages(app, "").await;
    let of_it = taken.iter().rev().filter(|message| message["provider_type"] == provider_type);
    of_it.map(|message| message["outcome"].clone()).collect()
}

#[tokio::test]
async fn who_it_is_from_comes_first() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let body = json!({ "kind": "stripe", "name": "Deaf", "secret_key": "sk_test_1", "api_base": stripe.url });
    let deaf = text(&api.post("/v1/connectors", &body).await.done(201)["id"]).to_owned();
    let by_hand = api.post("/v1/connectors", &json!({ "kind": "manual", "name": "Bank" })).await.done(201);
    let (connector, deaf, by_hand) = (connector.as_str(), deaf.as_str(), text(&by_hand["id"]));
    let good = nothing("evt_good").to_string();
    let good = good.as_str();
    let signed = |seconds_ago: i64, body: &str| Some(signature(WEBHOOK_SECRET, seconds_ago, body));
    let right = signature(WEBHOOK_SECRET, 0, good);
    let (time, mac) = right.split_once(",v1=").unwrap();
    let other_time = format!("t={},v1={mac}", eventstore::clock::now().timestamp() + 1);
    let events = app.site.events_count(None).await;
    for (what, connector, signature, body, status, code) in [
        ("no signature", connector, None, good, 400, "webhook_signature_missing"),
        ("another secret", connector, Some(signature("whsec_other", 0, good)), good, 400, "webhook_signature_invalid"),
        ("another body", connector, signed(0, "{}"), good, 400, "webhook_signature_invalid"),
        ("another time", connector, Some(other_time), good, 400, "webhook_signature_invalid"),
        ("only a time", connector, Some(time.to_owned()), good, 400, "webhook_signature_invalid"),
        ("an older scheme", connector, Some(format!("{time},v0={mac}")), good, 400, "webhook_signature_invalid"),
        ("not a header", connector, Some("signed".to_owned()), good, 400, "webhook_signature_invalid"),
        ("from before", connector, signed(302, good), good, 400, "webhook_too_old"),
        ("from later", connector, signed(-310, good), good, 400, "webhook_too_old"),
        ("no JSON", connector, signed(0, "hello"), "hello", 400, "webhook_malformed"),
        ("no event", connector, signed(0, "{}"), "{}", 400, "webhook_malformed"),
        ("no secret", deaf, signed(0, good), good, 400, "webhook_not_taken"),
        ("by hand", by_hand, signed(0, good), good, 400, "webhook_not_taken"),
        ("nobody's", "con_00000000000000000000000000", signed(0, good), good, 404, "connector_not_found"),
        ("no connector", "con_1", signed(0, good), good, 404, "connector_not_found"),
    ] {
        let mut request = message(api, connector, body);
        if let Some(signature) = signature {
            request = request.header("stripe-signature", signature);
        }
        let answer = Answer::of(request).await.unwrap();
        assert_eq!(answer.check_problem(status, code).err(), None, "{what}: {} {}", answer.status, answer.text());
        assert_eq!(app.site.events_count(None).await, events, "{what}");
    }
    let large = json!({ "id": "evt_large", "filling": "a".repeat(256 << 10) }).to_string();
    let head = format!("stripe-signature: {}\r\n", signature(WEBHOOK_SECRET, 0, &large));
    let rest = format!("{head}content-length: {}\r\n\r\n{large}", large.len());
    let (status, said) = api.send_raw(&format!("/v1/webhooks/{connector}"), rest).await;
    assert!(status == 413 && said.contains("body_too_large"), "{said}");
    assert_eq!(app.site.events_count(None).await, events);
    assert!(app.log().contains("a provider's message was refused"), "the operator is told");
    assert!(!app.log().contains(WEBHOOK_SECRET));
    let metrics = Answer::of(api.anonymous(reqwest::Method::GET, "/metrics")).await.unwrap().text();
    let counted = |line: &str| {
        line.starts_with("tollbook_webhooks_refused_total{")
            && line.contains("reason=\"webhook_signature_invalid\"")
            && line.ends_with(" 6")
    };
    assert!(metrics.lines().any(counted), "{metrics}");

    // As it should be, with no API key; and a while ago, but not too long.
    let taken = Answer::of(message(api, connector, good).header("stripe-signature", &right)).await.unwrap().done(200);
    assert_eq!((&taken["object"], &taken["is_known"]), (&json!("webhook"), &json!(false)));
    assert!(text(&taken["id"]).starts_with("whk_"));
    let late = nothing("evt_late").to_string();
    let late_signed = signature(WEBHOOK_SECRET, 290, &late);
    Answer::of(message(api, connector, &late).header("stripe-signature", late_signed)).await.unwrap().done(200);
    // While a secret is replaced there are two signatures.
    let both = nothing("evt_both").to_string();
    let (old, new) = loop {
        let (old, new) = (signature("whsec_other", 0, &both), signature(WEBHOOK_SECRET, 0, &both));
        // In the same second.
        if old.split(',').next() == new.split(',').next() {
            break (old, new);
        }
    };
    let both_signed = format!("{old},{}", new.split_once(',').unwrap().1);
    Answer::of(message(api, connector, &both).header("stripe-signature", both_signed)).await.unwrap().done(200);
}

#[tokio::test]
async fn a_message_counts_once() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let customer = debtor(api).await;
    let payment = pay(api, &customer, &connector, VISA, "25").await;
    payment_that(api, &payment, "succeeded").await;
    let told = stripe.event("payment_intent.succeeded").await;
    let events = app.site.events_count(None).await;
    let first = tell(api, &connector, &told).await;
    assert_eq!((&first.done(200)["is_known"], first.is_replay()), (&json!(false), false));
    // Received, and processed.
    assert_eq!(app.site.events_count(None).await, events + 2);
    let again = futures::future::join_all((0..5).map(|_| tell(api, &connector, &told))).await;
    for answer in &again {
        assert_eq!((&answer.done(200)["is_known"], answer.is_replay()), (&json!(true), true));
        assert_eq!(answer.done(200)["id"], first.done(200)["id"]);
    }
    assert_eq!(app.site.events_count(None).await, events + 2);
    let taken = messages(&app, &format!("&connector_id={connector}")).await;
    let [row] = taken.as_slice() else { panic!("{taken:?}") };
    for (member, expected) in [
        ("object", json!("webhook")),
        ("connector_id", json!(connector)),
        ("provider_event_id", told["id"].clone()),
        ("provider_type", json!("payment_intent.succeeded")),
        ("payment_id", payment["id"].clone()),
        ("outcome", json!("known_already")),
    ] {
        assert_eq!(row[member], expected, "{member}");
    }
    assert_eq!(messages(&app, &format!("&payment_id={}", text(&payment["id"]))).await, taken);

    // Many at once, of which nobody has heard before.
    let nothing = nothing("evt_many");
    let answers = futures::future::join_all((0..10).map(|_| tell(api, &connector, &nothing))).await;
    let new = answers.iter().filter(|answer| answer.done(200)["is_known"] == false).count();
    assert_eq!(new, 1);
    assert_eq!(outcomes(&app, "customer.created").await, ["not_ours"]);
    let theirs = app.other_organization().await;
    assert_eq!(theirs.walk("/v1/webhooks", "cursor").await, Vec::<Value>::new());
    assert_books(&app).await;
}

#[tokio::test]
async fn a_message_may_come_before_the_answer() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect(api).await;
    let customer = debtor(api).await;
    stripe.lever("next", json!({ "behaviour": "webhook_first", "on": "create", "ms": 10_000 })).await;
    let payment = pay(api, &customer, &connector, VISA, "25").await;
    let paid = payment_that(api, &payment, "succeeded").await;
    assert_eq!(paid["captured"], "25");
    stripe.all_told().await;
    assert_eq!(outcomes(&app, "payment_intent.succeeded").await, ["applied"]);
    let stream = format!("payment:{}", text(&payment["id"]));
    assert_eq!(events_of(&app.site, &stream, Some("succeeded")).await, 1);

    // The refund's message, too; and the answer never comes.
    stripe.lever("next", json!({ "behaviour": "webhook_first", "on": "refund", "ms": 10_000 })).await;
    let path = format!("/v1/payments/{}/refunds", text(&payment["id"]));
    api.post(&path, &json!({ "amount": "5", "reason": "Late" })).await.done(201);
    until("the refund has arrived", async || {
        (payment_now(api, &payment).await["refunds"][0]["status"] == "succeeded").then_some(())
    })
    .await;
    stripe.next("drop_answer", "create").await;
    let lost = pay(api, &customer, &connector, VISA, "30").await;
    payment_that(api, &lost, "succeeded").await;
    stripe.all_told().await;
    assert_eq!(stripe.all("payment_intents").await.len(), 2);
    assert_books(&app).await;
}

#[tokio::test]
async fn messages_may_come_in_any_order() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let customer = debtor(api).await;
    // It is processed for a while, and the answer says no more.
    stripe.lever("next", json!({ "behaviour": "processing", "on": "create", "ms": 1_000 })).await;
    let payment = pay(api, &customer, &connector, VISA, "25").await;
    payment_that(api, &payment, "processing").await;
    let (processing, succeeded) =
        (stripe.event("payment_intent.processing").await, stripe.event("payment_intent.succeeded").await);
    // A dispute of a payment of which it may be that nobody knows yet that it has succeeded.
    let now = payment_now(api, &payment).await;
    stripe.lever("disputes", json!({ "charge": now["provider_id"], "status": "needs_response" })).await;
    let dispute = stripe.event("charge.dispute.created").await;
    tell(api, &connector, &dispute).await.done(200);
    let now = payment_now(api, &payment).await;
    let counts = if now["status"] == "succeeded" { "25" } else { "0" };
    assert_eq!(now["disputed"], counts, "it does not count before the money is there");
    tell(api, &connector, &succeeded).await.done(200);
    tell(api, &connector, &processing).await.done(200);
    let now = payment_now(api, &payment).await;
    assert_eq!((&now["status"], &now["disputed"]), (&json!("succeeded"), &json!("25")));
    assert_eq!(outcomes(&app, "payment_intent.processing").await, ["known_already"]);
    let heard = outcomes(&app, "payment_intent.succeeded").await;
    assert!(heard == ["applied"] || heard == ["known_already"], "{heard:?}");
    let stream = format!("payment:{}", text(&payment["id"]));
    assert_eq!(events_of(&app.site, &stream, Some("succeeded")).await, 1);
    assert_books(&app).await;
}

#[tokio::test]
async fn a_dispute_takes_the_money_and_may_give_it_back() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect(api).await;
    let customer = debtor(api).await;
    let mut paid = Vec::new();
    for _ in 0..2 {
        let payment = pay(api, &customer, &connector, VISA, "40").await;
        paid.push(payment_that(api, &payment, "succeeded").await);
    }
    let dispute = async |payment: &Value, status: &str| {
        let body = json!({ "charge": payment["provider_id"], "status": status, "reason": "fraudulent" });
        stripe.lever("disputes", body).await;
        let expected = if status == "needs_response" { "open" } else { status };
        until(&format!("the dispute is {expected}"), async || {
            let now = payment_now(api, payment).await;
            (now["disputes"][0]["status"] == expected).then_some(now)
        })
        .await
    };
    for payment in &paid {
        let now = dispute(payment, "needs_response").await;
        assert_eq!((&now["disputed"], &now["status"]), (&json!("40"), &json!("succeeded")));
        let shown = &now["disputes"][0];
        assert_eq!((&shown["amount"], &shown["reason"]), (&json!("40"), &json!("fraudulent")));
    }
    let at = position(api).await;
    assert_eq!(balance(api, "disputes", at).await, decimal(&json!("-80")));
    assert_eq!(dispute(&paid[0], "won").await["disputed"], "0");
    assert_eq!(dispute(&paid[1], "lost").await["disputed"], "40");
    stripe.all_told().await;
    let at = position(api).await;
    assert_eq!(balance(api, "disputes", at).await, decimal(&json!("-40")));
    assert_eq!(balance(api, "psp:clearing", at).await, decimal(&json!("-40")));
    // An inquiry takes nothing.
    let asked = pay(api, &customer, &connector, "pm_card_createDisputeInquiry", "10").await;
    payment_that(api, &asked, "succeeded").await;
    until("the bank asks", async || (stripe.all("disputes").await.len() == 3).then_some(())).await;
    stripe.all_told().await;
    assert_eq!(payment_now(api, &asked).await["disputes"], json!([]));
    assert_books(&app).await;
}

#[tokio::test]
async fn what_concerns_others_or_contradicts_is_left_alone() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let customer = debtor(api).await;
    let payment = pay(api, &customer, &connector, VISA, "25").await;
    let paid = payment_that(api, &payment, "succeeded").await;
    let told = stripe.event("payment_intent.succeeded").await;

    // To another organization's connector, and to another one of ours.
    let theirs = app.other_organization().await;
    let their_connector = stripe.connect_silently(&theirs).await;
    let other_connector = stripe.connect_silently(api).await;
    tell(api, &their_connector, &told).await.done(200);
    tell(api, &other_connector, &told).await.done(200);
    let at = position(&theirs).await;
    let taken = theirs.list_at("/v1/webhooks", at).await;
    assert_eq!((taken.len(), &taken[0]["outcome"]), (1, &json!("not_ours")));
    assert_eq!(outcomes(&app, "payment_intent.succeeded").await, ["not_ours"]);

    // Another amount, another currency, another id at the provider: somebody has to look.
    for (what, member, value) in [
        ("amount", "amount_received", json!(2_400)),
        ("currency", "currency", json!("eur")),
        ("id", "id", json!("pi_another")),
    ] {
        let mut wrong = told.clone();
        wrong["id"] = json!(format!("evt_{what}"));
        wrong["data"]["object"][member] = value;
        tell(api, &connector, &wrong).await.done(200);
        let taken = messages(&app, &format!("&connector_id={connector}")).await;
        assert_eq!((&taken[0]["provider_event_id"], &taken[0]["outcome"]), (&wrong["id"], &json!("refused")), "{what}");
    }
    // A payment that somebody made elsewhere, and a refund that somebody made in Stripe's dashboard.
    let mut foreign = told.clone();
    foreign["id"] = json!("evt_foreign");
    foreign["data"]["object"]["metadata"] = json!({});
    tell(api, &connector, &foreign).await.done(200);
    stripe.make("/v1/refunds", &[("payment_intent", text(&paid["provider_id"])), ("amount", "500")]).await;
    let refund = stripe.event("refund.created").await;
    tell(api, &connector, &refund).await.done(200);
    let taken = messages(&app, &format!("&connector_id={connector}")).await;
    let last: Vec<&Value> = taken[..2].iter().map(|message| &message["outcome"]).collect();
    assert_eq!(last, ["not_ours", "not_ours"]);
    assert_eq!(payment_now(api, &payment).await, paid, "nothing of this has changed it");
    assert_books(&app).await;
}
