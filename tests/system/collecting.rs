//! Payments whose provider does not do what it should, and who is not concerned by that.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};

use crate::support::api::text;
use crate::support::invoices::{bill_like, debtor, invoice_in, invoice_over};
use crate::support::stripe::{POOR, SECRET_KEY, Stripe, VISA, pay, payment_that, up};
use crate::support::subscriptions::{advance, clock, customer_on};
use crate::support::{Answer, Site, TestApp, until};

/// The one intent of Stripe's.
async fn intent(stripe: &Stripe) -> Value {
    let [intent]: [Value; 1] = stripe.all("payment_intents").await.try_into().unwrap();
    intent
}

#[tokio::test]
async fn what_nobody_could_pay_is_no_declined_card() {
    let app = up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let customer = debtor(api).await;
    for (amount, is_enough) in [("0.49", false), ("0.50", true)] {
        let payment = pay(api, &customer, &connector, VISA, amount).await;
        let ended = payment_that(api, &payment, if is_enough { "succeeded" } else { "failed" }).await;
        if !is_enough {
            assert_eq!(
                (&ended["failure"]["code"], &ended["provider_id"]),
                (&json!("amount_not_collectable"), &Value::Null)
            );
            let message = text(&ended["failure"]["message"]);
            assert!(message.contains("0.49 USD") && message.contains("0.5 USD"), "{message}");
        }
    }
    assert_eq!(stripe.all("payment_intents").await.len(), 1, "nobody was asked for the other");
}

#[tokio::test]
async fn what_was_taken_does_not_fail_with_its_connector() {
    let app = up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let customer = debtor(api).await;
    stripe.next("drop_answer", "create").await;
    let payment = pay(api, &customer, &connector, VISA, "12.34").await;
    until("the provider has taken it", async || (stripe.all("payment_intents").await.len() == 1).then_some(())).await;
    Answer::of(api.request(Method::DELETE, &format!("/v1/connectors/{connector}"))).await.unwrap().done(200);
    let paid = payment_that(api, &payment, "succeeded").await;
    assert_eq!(paid["provider_id"], intent(&stripe).await["id"]);
}

#[tokio::test]
async fn what_has_failed_while_nobody_was_there_is_given_up() {
    let app = up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect(api).await;
    let customer = debtor(api).await;
    let method = json!({ "connector_id": connector, "method": POOR });
    bill_like(api, &customer, json!({ "collection": "automatic", "payment_method": method })).await;
    invoice_over(api, &customer, "50", json!({})).await;
    let given_up = until("Stripe's payment is over", async || {
        let intents = stripe.all("payment_intents").await;
        intents.into_iter().find(|intent| intent["status"] == "canceled")
    })
    .await;
    assert_eq!(given_up["cancellation_reason"], "abandoned");
    stripe.all_told().await;
    // It has failed all the same, for the bank's reason.
    let [payment]: [Value; 1] = api.walk("/v1/payments", "cursor").await.try_into().unwrap();
    let payment = payment_that(api, &payment, "failed").await;
    assert_eq!(payment["failure"]["code"], "insufficient_funds");
}

#[tokio::test]
async fn so_is_what_a_message_says_before_the_answer() {
    let app = up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect(api).await;
    let customer = debtor(api).await;
    stripe.lever("next", json!({ "behaviour": "webhook_first", "on": "create", "ms": 10_000 })).await;
    let body = json!({
        "customer_id": customer, "amount": "33", "connector_id": connector, "payment_method": { "method": POOR },
        "off_session": true,
    });
    let payment = api.post("/v1/payments", &body).await.done(201);
    payment_that(api, &payment, "failed").await;
    let given_up = until("Stripe's payment is over", async || {
        Some(intent(&stripe).await).filter(|intent| intent["status"] == "canceled")
    })
    .await;
    assert_eq!(given_up["cancellation_reason"], "abandoned");
    stripe.all_told().await;
    assert_eq!(payment_that(api, &payment, "failed").await["failure"]["code"], "insufficient_funds");
}

#[tokio::test]
async fn a_provider_that_never_answers_stops_nobody_else() {
    let app = up().await;
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", silent.local_addr().unwrap());
    let listening = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = silent.accept().await {
            held.push(connection);
        }
    });
    let other = app.other_organization().await;
    let body = json!({ "kind": "stripe", "name": "Silent", "secret_key": SECRET_KEY, "api_base": base });
    let connector = other.post("/v1/connectors", &body).await.done(201);
    let debtors = debtor(&other).await;
    for _ in 0..60 {
        pay(&other, &debtors, text(&connector["id"]), VISA, "1").await;
    }

    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let connector = stripe.connect_silently(api).await;
    let customer = debtor(api).await;
    let begun = Instant::now();
    let payment = pay(api, &customer, &connector, VISA, "12.34").await;
    payment_that(api, &payment, "succeeded").await;
    // One call to the silent one takes longer.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    listening.abort();
}

#[tokio::test]
async fn connectors_call_private_networks_only_if_the_operator_allows_it() {
    let mut site = Site::new();
    site.set("TOLLBOOK_CONNECTORS_PRIVATE", "false".to_owned());
    let app = TestApp::up_on(site).await;
    let api = &app.api;
    let body = |base: &str| json!({ "kind": "stripe", "name": "Cards", "secret_key": SECRET_KEY, "api_base": base });
    for base in
        ["http://127.0.0.1:8404", "https://localhost", "https://10.1.2.3", "https://[::1]", "https://2130706433"]
    {
        let problem = api.post("/v1/connectors", &body(base)).await.problem(422, "connector_misconfigured");
        assert!(text(&problem["detail"]).contains("TOLLBOOK_CONNECTORS_PRIVATE"), "{base}: {problem}");
    }
    api.post("/v1/connectors", &body("https://stripe.example.com")).await.done(201);
}

#[tokio::test]
async fn a_test_clock_goes_on_without_its_provider() {
    let app = up().await;
    let api = &app.api;
    let stripe = Stripe::start(&app.site).await;
    let body = json!({ "kind": "stripe", "name": "Wrong key", "secret_key": "sk_live_wrong", "api_base": stripe.url });
    let connector = api.post("/v1/connectors", &body).await.done(201);
    let clock = clock(api, "2026-01-01T00:00:00Z").await;
    let customer = customer_on(api, &clock).await;
    let method = json!({ "connector_id": connector["id"], "method": VISA });
    bill_like(api, &customer, json!({ "collection": "automatic", "payment_method": method })).await;
    let invoice = invoice_over(api, &customer, "50", json!({})).await;
    // After a minute in vain.
    let there = advance(api, &clock, "2026-02-01T00:00:00Z").await;
    assert_eq!(there["now"], "2026-02-01T00:00:00Z");
    let waiting = invoice_in(api, &invoice, "open").await;
    assert_eq!(waiting["is_attempting"], true, "nothing has failed");
}
