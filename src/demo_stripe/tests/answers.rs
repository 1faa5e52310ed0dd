//! What every answer has, and what is refused; the same request again; answers that do not come.

use super::*;

#[tokio::test]
async fn every_answer_has_its_headers() {
    let site = Site::start().await;
    let listed = site.call(Method::GET, "/v1/payment_intents", "", None).await.unwrap();
    assert!(listed.headers["request-id"].to_str().unwrap().starts_with("req_"));
    assert_eq!(listed.headers["stripe-version"], super::super::API_VERSION);
    let asked = site.client.get(site.url("/v1/events")).header("stripe-version", "2024-06-20");
    let refused = asked.send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["stripe-version"]),
        (401, &"2024-06-20".parse().unwrap())
    );
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let site = Site::start().await;
    let long = format!("amount=1000&currency=usd&description={}", "x".repeat(70_000));
    for (path, body, status, param) in [
        ("payment_intents", "currency=usd", 400, "amount"),
        ("payment_intents", "amount=1000", 400, "currency"),
        ("payment_intents", "amount=ten&currency=usd", 400, "amount"),
        ("payment_intents", "amount=49&currency=usd", 400, "amount"),
        ("payment_intents", "amount=100000000&currency=usd", 400, "amount"),
        ("payment_intents", "amount=1000&currency=usdc", 400, "currency"),
        ("payment_intents", "amount=1000&currency=usd&customer=cus_none", 400, "customer"),
        ("payment_intents", "amount=1000&currency=usd&payment_method=pm_none", 400, "payment_method"),
        ("payment_intents", "amount=1000&currency=usd&capture_method=never", 400, "capture_method"),
        ("payment_intents", "amount=1000&currency=usd&off_session=true", 400, "off_session"),
        ("payment_intents", "amount=1000&currency=usd&expand[]=nothing", 400, "expand"),
        ("payment_intents/pi_none/confirm", "", 404, "intent"),
        ("refunds", "charge=ch_none", 400, "charge"),
        ("payment_methods", "type=sepa_debit", 400, "type"),
        ("payment_methods", "type=card", 400, "card[number]"),
        ("payment_methods/pm_card_visa/attach", "", 400, "customer"),
        ("webhook_endpoints", "url=nowhere&enabled_events[]=*", 400, "url"),
        ("webhook_endpoints", "url=http://a/", 400, "enabled_events"),
    ] {
        let error = site.post(&format!("/v1/{path}"), body).await.refused(status);
        assert_eq!(
            (&error["param"], &error["type"]),
            (&json!(param), &json!("invalid_request_error")),
            "{path} {body}"
        );
    }
    // The connection may be closed before all of it was sent, and the answer with it.
    let told = site.call(Method::POST, "/v1/payment_intents", &long, None).await;
    assert!(told.is_none_or(|told| told.status == 413), "it was read");
    for path in ["/v1/nothing", "/v1/payment_intents/pi_none", "/v1/charges/pi_none", "/"] {
        assert_eq!(site.call(Method::GET, path, "", None).await.unwrap().status, 404, "{path}");
    }
    let json =
        site.client.post(site.url("/v1/payment_intents")).bearer_auth("sk_test_1").json(&json!({ "amount": 1_000 }));
    assert_eq!(json.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    let site = Site::start().await;
    let call = |body: &'static str, key| site.call(Method::POST, "/v1/payment_intents", body, Some(key));
    let body = "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa";
    let first = call(body, "a").await.unwrap();
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = call("currency=usd&amount=1000&payment_method=pm_card_visa&confirm=true", "a").await.unwrap();
    assert_eq!((&again.headers["idempotent-replayed"], &again.body), (&"true".parse().unwrap(), &first.body));
    assert_eq!(again.headers["original-request"], first.headers["request-id"]);
    assert_eq!(call("amount=1001&currency=usd", "a").await.unwrap().refused(400)["type"], "idempotency_error");
    let other = site.call(Method::POST, "/v1/refunds", body, Some("a")).await.unwrap();
    assert_eq!(other.refused(400)["type"], "idempotency_error");
    // Also of a card that was declined; but what was refused as it stood may be put right.
    let declined = "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa_chargeDeclined";
    let declines = [call(declined, "b").await.unwrap().refused(402), call(declined, "b").await.unwrap().refused(402)];
    assert_eq!(declines[0], declines[1]);
    call("amount=1000", "c").await.unwrap().refused(400);
    call(body, "c").await.unwrap().done();
    assert_eq!(site.get("/v1/payment_intents").await["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_answer_does_not_come() {
    let site = Site::start().await;
    let body = "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa";
    let call = |key| site.call(Method::POST, "/v1/payment_intents", body, Some(key));
    let count = async || site.get("/v1/charges").await["data"].as_array().unwrap().len();

    site.pull("next", next("drop_answer", 0)).await.done();
    assert!(call("a").await.is_none(), "it was answered");
    assert_eq!(call("a").await.unwrap().done()["status"], "succeeded");
    assert_eq!(count().await, 1);

    site.pull("next", next("delay_answer", 2_000)).await.done();
    let late = tokio::time::timeout(Duration::from_millis(300), call("b")).await;
    assert!(late.is_err(), "it was answered");
    assert_eq!(count().await, 2);
    // The server learns in a moment that nobody waits any more.
    let mut again = call("b").await.unwrap();
    for _ in 0..100 {
        if again.status != 409 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        again = call("b").await.unwrap();
    }
    assert_eq!(again.done()["status"], "succeeded");
    assert_eq!(count().await, 2);

    site.pull("next", next("delay_answer", 500)).await.done();
    let at_once = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        call("c").await.unwrap()
    };
    let (slow, busy) = tokio::join!(call("c"), at_once);
    assert_eq!(slow.unwrap().done()["status"], "succeeded");
    assert_eq!(busy.headers["stripe-should-retry"], "true");
    assert_eq!(busy.refused(409)["code"], "idempotency_key_in_use");

    for (behaviour, status, charges) in [("error_500", 500, 3), ("error_500_after", 500, 4), ("rate_limit", 429, 4)] {
        site.pull("next", next(behaviour, 0)).await.done();
        assert_eq!(call(behaviour).await.unwrap().status, status, "{behaviour}");
        assert_eq!(count().await, charges, "{behaviour}");
    }
    // What broke stays broken for this key; what was too much is done the next time.
    assert_eq!(call("error_500").await.unwrap().status, 500);
    assert_eq!(call("rate_limit").await.unwrap().status, 200);
    // One that is for refunds alone waits for a refund.
    let lever = json!({ "behaviour": "rate_limit", "on": "capture" });
    site.pull("next", lever).await.done();
    call("d").await.unwrap().done();
    let path = "/v1/payment_intents/pi_none/capture";
    assert_eq!(site.post(path, "").await.status, 429);
    assert_eq!(site.post(path, "").await.status, 404);
    assert_eq!(site.pull("next", next("nothing", 0)).await.status, 400);
}

#[tokio::test]
async fn one_key_alone() {
    let site = Site::with(Settings { secret_key: Some("sk_test_2".to_owned()), ..Settings::default() }).await;
    let refused = site.call(Method::GET, "/v1/events", "", None).await.unwrap();
    assert_eq!(refused.refused(401)["message"], "Invalid API Key provided: sk_test_1");
    let asked = site.client.get(site.url("/v1/events")).basic_auth("sk_test_2", None::<&str>);
    assert_eq!(asked.send().await.unwrap().status(), 200);
}
