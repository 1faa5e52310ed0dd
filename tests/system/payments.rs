//! Payments by card: charged, reserved and captured, refunded in parts; answers that are lost; cards that decline.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::billing::invoice_path;
use crate::support::invoices::{
    assert_books, bill_like, debtor, invoice_in, invoice_over, invoice_that, position, settled_up,
};
use crate::support::stripe::{POOR, SECRET_KEY, Stripe, VISA, pay, payment_now, payment_that};
use crate::support::subscriptions::{advance, changed, clock, customer_on};
use crate::support::{Answer, Api, TestApp, assert_amount, until};

const PAYMENTS: &str = "/v1/payments";

fn path(payment: &Value, what: &str) -> String {
    format!("{PAYMENTS}/{}/{what}", text(&payment["id"]))
}

async fn refund(api: &Api, payment: &Value, body: Value) -> Answer {
    api.post(&path(payment, "refunds"), &changed(json!({ "reason": "Too much" }), body)).await
}

/// A payment once all of its refunds have come to this status.
async fn refunds_in(api: &Api, payment: &Value, status: &str) -> Value {
    until(&format!("all refunds are {status}"), async || {
        let now = payment_now(api, payment).await;
        let refunds = now["refunds"].as_array().unwrap();
        (!refunds.is_empty() && refunds.iter().all(|refund| refund["status"] == status)).then_some(now)
    })
    .await
}

#[tokio::test]
async fn a_card_is_charged_and_refunded_in_parts() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect(api).await;
    let customer = debtor(api).await;
    let body = json!({
        "customer_id": customer, "amount": "100", "connector_id": connector, "payment_method": { "method": VISA },
    });
    let first = api.post_keyed(PAYMENTS, "pay", &body).await;
    let payment = first.done(201);
    assert!(text(&payment["id"]).starts_with("pay_"));
    for (member, expected) in [
        ("object", json!("payment")),
        ("status", json!("created")),
        ("customer_id", json!(customer)),
        ("invoice_id", Value::Null),
        ("connector_id", json!(connector)),
        ("amount", json!("100")),
        ("currency", json!("USD")),
        ("capture", json!("automatic")),
        ("off_session", json!(false)),
        ("payment_method", json!({ "customer": null, "method": VISA })),
        ("provider_id", Value::Null),
        ("is_asking", json!(true)),
        ("captured", json!("0")),
    ] {
        assert_eq!(payment[member], expected, "{member}");
    }
    let paid = payment_that(api, &payment, "succeeded").await;
    let again = api.post_keyed(PAYMENTS, "pay", &body).await;
    assert_eq!((again.done(201), again.is_replay()), (payment.clone(), true), "as it was then");
    let [intent]: [Value; 1] = stripe.all("payment_intents").await.try_into().unwrap();
    assert_eq!((&intent["id"], &intent["amount_received"]), (&paid["provider_id"], &json!(10_000)));
    assert_eq!(
        (&paid["captured"], &paid["refundable"], &paid["is_asking"]),
        (&json!("100"), &json!("100"), &json!(false))
    );
    assert!(paid["received_at"].is_string() && paid["failure"].is_null(), "{paid}");

    let body = json!({ "amount": "30.5", "reason": "Too much" });
    let refunds = path(&payment, "refunds");
    let one = api.post_keyed(&refunds, "refund", &body).await;
    let made = one.done(201);
    assert!(text(&made["id"]).starts_with("re_"));
    for (member, expected) in [
        ("object", json!("refund")),
        ("payment_id", payment["id"].clone()),
        ("status", json!("pending")),
        ("amount", json!("30.5")),
        ("reason", json!("Too much")),
        ("credit_note_id", Value::Null),
    ] {
        assert_eq!(made[member], expected, "{member}");
    }
    let again = api.post_keyed(&refunds, "refund", &body).await;
    assert_eq!((again.done(201), again.is_replay()), (made.clone(), true));
    refund(api, &payment, json!({ "amount": "20" })).await.done(201);
    let problem = refund(api, &payment, json!({ "amount": "49.51" })).await.problem(422, "more_than_captured");
    assert_eq!((&problem["left"], &problem["currency"]), (&json!("49.5"), &json!("USD")));
    let rest = refund(api, &payment, json!({})).await.done(201);
    assert_eq!(rest["amount"], "49.5");
    refund(api, &payment, json!({})).await.problem(409, "nothing_to_refund");
    let back = refunds_in(api, &payment, "succeeded").await;
    assert_eq!((&back["refunded"], &back["refundable"]), (&json!("100"), &json!("0")));
    assert_eq!((back["refunds"].as_array().unwrap().len(), stripe.all("refunds").await.len()), (3, 3));

    let at = position(api).await;
    let listed = api.list_at(&format!("{PAYMENTS}?customer_id={customer}&status=succeeded"), at).await;
    let [row] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((&row["id"], &row["refunded"], &row["paid_out"]), (&payment["id"], &json!("100"), &json!(false)));
    assert_eq!(api.list_at(&format!("{PAYMENTS}?status=failed"), at).await, Vec::<Value>::new());
    let theirs = app.other_organization().await;
    theirs.get(&format!("{PAYMENTS}/{}", text(&payment["id"]))).await.problem(404, "payment_not_found");
    refund(&theirs, &payment, json!({})).await.problem(404, "payment_not_found");
    stripe.all_told().await;
    assert!(!app.log().contains(SECRET_KEY), "secrets reach no log");
    assert_books(&app).await;
}

#[tokio::test]
async fn invoices_are_paid_by_card() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect(api).await;
    let customer = debtor(api).await;
    let mut method = stripe.card_of("Ada", VISA).await;
    method["connector_id"] = json!(connector);
    bill_like(api, &customer, json!({ "collection": "automatic", "payment_method": method })).await;
    api.meter("calls", "0.01").await;
    api.charge_metered(&customer, "calls", "1234.5").await.done(201);

    let made = invoice_over(api, &customer, "40", json!({ "include_pending_usage": true })).await;
    assert_eq!((&made["status"], &made["attempts"], &made["is_attempting"]), (&json!("open"), &json!(1), &json!(true)));
    assert_eq!((&made["collection"], &made["due_days"]), (&json!("automatic"), &json!(0)));
    let paid = invoice_in(api, &made, "paid").await;
    assert_amount(&paid["paid"], "52.35");
    settled_up(api, &customer).await;
    let payment = api.get(&format!("{PAYMENTS}/{}", text(&paid["payments"][0]["payment_id"]))).await.done(200);
    assert_eq!((&payment["invoice_id"], &payment["off_session"]), (&made["id"], &json!(true)));
    assert_eq!(payment["payment_method"]["customer"], method["customer"]);

    // One that the customer would pay by itself, paid by card in two parts.
    let sent = invoice_over(api, &customer, "25", json!({ "collection": "send" })).await;
    assert_eq!((&sent["status"], &sent["attempts"], &sent["due_days"]), (&json!("open"), &json!(0), &json!(30)));
    let body = |amount: &str| json!({ "invoice_id": sent["id"], "amount": amount });
    api.post(PAYMENTS, &body("25.01")).await.problem(422, "more_than_due");
    let part = api.post(PAYMENTS, &body("10")).await.done(201);
    assert_eq!((&part["invoice_id"], &part["connector_id"]), (&sent["id"], &json!(connector)));
    payment_that(api, &part, "succeeded").await;
    invoice_that(api, &sent, "is paid in part", |now| now["due"] == "15").await;
    // While one is under way there is no other.
    stripe.lever("next", json!({ "behaviour": "processing", "on": "create", "ms": 3_000 })).await;
    let rest = api.post_keyed(PAYMENTS, "rest", &json!({ "invoice_id": sent["id"] })).await.done(201);
    assert_eq!(rest["amount"], "15");
    api.post(PAYMENTS, &json!({ "invoice_id": sent["id"] })).await.problem(409, "payment_under_way");
    api.post(&invoice_path(&sent, "/collect"), &json!({})).await.problem(409, "payment_under_way");
    payment_that(api, &rest, "succeeded").await;
    invoice_in(api, &sent, "paid").await;
    let again = api.post_keyed(PAYMENTS, "rest", &json!({ "invoice_id": sent["id"] })).await;
    assert_eq!((again.done(201), again.is_replay()), (rest, true));
    api.post(PAYMENTS, &json!({ "invoice_id": sent["id"] })).await.problem(409, "wrong_status");
    assert_eq!(stripe.all("payment_intents").await.len(), 3);
    let at = position(api).await;
    let of_it = api.list_at(&format!("{PAYMENTS}?invoice_id={}", text(&sent["id"])), at).await;
    assert_eq!(of_it.len(), 2);
    stripe.all_told().await;
    assert_books(&app).await;
}

#[tokio::test]
async fn what_is_reserved_is_captured_or_cancelled() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let customer = debtor(api).await;
    let reserve = async || {
        let body = json!({
            "customer_id": customer, "amount": "80", "connector_id": connector, "capture": "manual",
            "payment_method": { "method": VISA },
        });
        let payment = api.post(PAYMENTS, &body).await.done(201);
        payment_that(api, &payment, "authorized").await
    };
    let (some, none) = (reserve().await, reserve().await);
    assert_eq!((&some["capture"], &some["captured"]), (&json!("manual"), &json!("0")));
    refund(api, &some, json!({})).await.problem(409, "wrong_status");
    let problem =
        api.post(&path(&some, "capture"), &json!({ "amount": "80.01" })).await.problem(422, "more_than_reserved");
    assert_eq!(problem["reserved"], "80");
    let asked = api.post_keyed(&path(&some, "capture"), "capture", &json!({ "amount": "60" })).await.done(202);
    assert_eq!((&asked["capture_requested"], &asked["is_asking"]), (&json!("60"), &json!(true)));
    let taken = payment_that(api, &some, "succeeded").await;
    assert_eq!((&taken["captured"], &taken["refundable"]), (&json!("60"), &json!("60")));
    let again = api.post_keyed(&path(&some, "capture"), "capture", &json!({ "amount": "60" })).await;
    assert_eq!((again.done(202), again.is_replay()), (asked, true));
    api.post(&path(&some, "cancel"), &json!({})).await.problem(409, "wrong_status");

    let asked = api.post(&path(&none, "cancel"), &json!({})).await.done(202);
    assert_eq!(asked["cancel_requested"], true);
    let gone = payment_that(api, &none, "cancelled").await;
    assert_eq!((&gone["captured"], &gone["is_asking"]), (&json!("0"), &json!(false)));
    api.post(&path(&none, "capture"), &json!({})).await.problem(409, "wrong_status");
    // All of it, without a word of how much.
    let all = reserve().await;
    Answer::of(api.request(Method::POST, &path(&all, "capture"))).await.unwrap().done(202);
    assert_eq!(payment_that(api, &all, "succeeded").await["captured"], "80");
    assert_books(&app).await;
}

#[tokio::test]
async fn a_lost_answer_makes_nobody_pay_twice() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    // No message will say what the answer would have said.
    let connector = stripe.connect_silently(api).await;
    let customer = debtor(api).await;
    let mut payments = Vec::new();
    for behaviour in ["drop_answer", "rate_limit"] {
        stripe.next(behaviour, "create").await;
        let payment = pay(api, &customer, &connector, VISA, "12.34").await;
        payments.push(payment_that(api, &payment, "succeeded").await);
        assert_eq!(stripe.all("payment_intents").await.len(), payments.len(), "{behaviour}");
    }
    // Stripe gives an error of its own again to the same request: here only a message says what became of it.
    let heard = stripe.connect(api).await;
    stripe.next("error_500_after", "create").await;
    let payment = pay(api, &customer, &heard, VISA, "12.34").await;
    payment_that(api, &payment, "succeeded").await;
    assert_eq!(stripe.all("payment_intents").await.len(), 3);
    stripe.next("drop_answer", "refund").await;
    refund(api, &payments[0], json!({ "amount": "5" })).await.done(201);
    let back = refunds_in(api, &payments[0], "succeeded").await;
    assert_eq!((&back["refunded"], stripe.all("refunds").await.len()), (&json!("5"), 1));

    // A crash while the provider works.
    stripe.lever("next", json!({ "behaviour": "delay_answer", "on": "create", "ms": 2_000 })).await;
    let mut app = app;
    let payment = pay(&app.api, &customer, &connector, VISA, "7").await;
    until("the provider has heard of it", async || (stripe.all("payment_intents").await.len() == 4).then_some(()))
        .await;
    app.restart().await;
    payment_that(&app.api, &payment, "succeeded").await;
    assert_eq!(stripe.all("payment_intents").await.len(), 4);
    assert_books(&app).await;
}

#[tokio::test]
async fn a_card_that_declines_is_tried_again_days_later() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let clock = clock(api, "2026-01-01T00:00:00Z").await;
    let customer = customer_on(api, &clock).await;
    let billed_with = |method: &str| {
        let method = json!({ "connector_id": connector, "method": method });
        json!({ "collection": "automatic", "payment_method": method })
    };
    bill_like(api, &customer, billed_with(POOR)).await;
    let invoice = invoice_over(api, &customer, "50", json!({ "retry_days": [1, 3] })).await;
    let failed = async |attempt: u64| {
        let what = format!("try {attempt} has failed");
        invoice_that(api, &invoice, &what, |now| now["last_failure"]["attempt"] == attempt).await
    };
    let once = failed(1).await;
    assert_eq!((&once["last_failure"]["code"], &once["is_attempting"]), (&json!("insufficient_funds"), &json!(false)));
    assert_eq!((&once["next_attempt_at"], &once["due"]), (&json!("2026-01-02T00:00:00Z"), &json!("50")));
    advance(api, &clock, "2026-01-02T00:00:00Z").await;
    let twice = failed(2).await;
    assert_eq!((&twice["status"], &twice["next_attempt_at"]), (&json!("open"), &json!("2026-01-05T00:00:00Z")));
    // Another card, before the last try.
    bill_like(api, &customer, billed_with(VISA)).await;
    advance(api, &clock, "2026-01-05T00:00:00Z").await;
    let paid = invoice_in(api, &invoice, "paid").await;
    assert_eq!((&paid["attempts"], &paid["paid_at"]), (&json!(3), &json!("2026-01-05T00:00:00Z")));
    let at = position(api).await;
    let tries = api.list_at(&format!("{PAYMENTS}?invoice_id={}", text(&invoice["id"])), at).await;
    let statuses: Vec<&str> = tries.iter().map(|payment| text(&payment["status"])).collect();
    assert_eq!(statuses, ["succeeded", "failed", "failed"]);
    assert_eq!(tries[1]["failure_code"], "insufficient_funds");

    // The last one: somebody has to ask for more.
    bill_like(api, &customer, billed_with(POOR)).await;
    let invoice = invoice_over(api, &customer, "60", json!({})).await;
    let given_up = invoice_that(api, &invoice, "is not tried again", |now| !now["last_failure"].is_null()).await;
    assert_eq!((&given_up["status"], &given_up["next_attempt_at"]), (&json!("open"), &Value::Null));
    bill_like(api, &customer, billed_with(VISA)).await;
    let asked = api.post(&invoice_path(&invoice, "/collect"), &json!({})).await.done(200);
    assert_eq!((&asked["attempts"], &asked["is_attempting"]), (&json!(2), &json!(true)));
    invoice_in(api, &invoice, "paid").await;

    // Nothing to charge.
    bill_like(api, &customer, json!({ "collection": "automatic" })).await;
    let invoice = invoice_over(api, &customer, "70", json!({})).await;
    let failed = invoice_that(api, &invoice, "has failed", |now| !now["last_failure"].is_null()).await;
    assert_eq!(failed["last_failure"]["code"], "no_payment_method");
    assert_books(&app).await;
}

#[tokio::test]
async fn a_customer_authenticates_or_does_not() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect(api).await;
    let customer = debtor(api).await;
    let card = "pm_card_authenticationRequired";
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let payment = pay(api, &customer, &connector, card, "33").await;
        waiting.push(payment_that(api, &payment, "requires_action").await);
    }
    for (payment, outcome, status) in [(&waiting[0], "succeeded", "succeeded"), (&waiting[1], "failed", "failed")] {
        stripe.lever("authenticate", json!({ "payment_intent": payment["provider_id"], "outcome": outcome })).await;
        let now = payment_that(api, payment, status).await;
        assert_eq!(now["failure"].is_null(), status == "succeeded", "{now}");
    }
    api.post(&path(&waiting[2], "cancel"), &json!({})).await.done(202);
    payment_that(api, &waiting[2], "cancelled").await;
    // Nobody is there to be asked.
    let body = json!({
        "customer_id": customer, "amount": "33", "connector_id": connector, "payment_method": { "method": card },
        "off_session": true,
    });
    let payment = api.post(PAYMENTS, &body).await.done(201);
    let failed = payment_that(api, &payment, "failed").await;
    assert_eq!(failed["failure"]["code"], "authentication_required");
    stripe.all_told().await;
    assert_books(&app).await;
}

#[tokio::test]
async fn a_refund_may_come_back() {
    let app = TestApp::up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect(api).await;
    let customer = debtor(api).await;
    let payment = pay(api, &customer, &connector, "pm_card_refundFail", "20").await;
    payment_that(api, &payment, "succeeded").await;
    refund(api, &payment, json!({ "amount": "8" })).await.done(201);
    let back = refunds_in(api, &payment, "failed").await;
    assert_eq!((&back["refunded"], &back["refundable"]), (&json!("0"), &json!("20")));
    // It can be tried again, and waits for a while with another card.
    let payment = pay(api, &customer, &connector, "pm_card_pendingRefund", "20").await;
    payment_that(api, &payment, "succeeded").await;
    refund(api, &payment, json!({})).await.done(201);
    refunds_in(api, &payment, "succeeded").await;
    stripe.all_told().await;
    assert_books(&app).await;
}
