//! What becomes of payment intents.

use super::*;

#[tokio::test]
async fn a_payment_succeeds() {
    let site = Site::start().await;
    let paid = site.pay("pm_card_visa", "&metadata[order]=7&description=tea&expand[]=latest_charge").await.done();
    assert_eq!((&paid["status"], &paid["amount_received"]), (&json!("succeeded"), &json!(1_000)));
    assert_eq!((&paid["metadata"]["order"], &paid["livemode"]), (&json!("7"), &json!(false)));
    assert!(id(&paid, "client_secret").starts_with(id(&paid, "id")));
    let charge = &paid["latest_charge"];
    assert_eq!(
        (&charge["paid"], &charge["captured"], &charge["amount_captured"]),
        (&json!(true), &json!(true), &json!(1_000))
    );
    assert_eq!(charge["payment_method_details"]["card"]["last4"], "4242");
    let path = format!("/v1/charges/{}?expand[]=balance_transaction", id(charge, "id"));
    let transaction = site.get(&path).await["balance_transaction"].clone();
    assert_eq!((&transaction["fee"], &transaction["net"]), (&json!(59), &json!(941)));
    assert_eq!(site.get(&format!("/v1/payment_intents/{}", id(&paid, "id"))).await["latest_charge"], charge["id"]);
    assert_eq!(site.events().await, ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]);
}

#[tokio::test]
async fn one_step_after_the_other() {
    let site = Site::start().await;
    let made = site.post("/v1/payment_intents", "amount=1000&currency=USD").await.done();
    assert_eq!((&made["status"], &made["currency"]), (&json!("requires_payment_method"), &json!("usd")));
    let path = format!("/v1/payment_intents/{}", id(&made, "id"));
    let refused = site.post(&format!("{path}/confirm"), "").await.refused(400);
    assert_eq!(refused["code"], "payment_intent_unexpected_state");
    let paid = site.post(&format!("{path}/confirm"), "payment_method=pm_card_mastercard").await.done();
    assert_eq!(paid["status"], "succeeded");
    for step in ["confirm", "cancel", "capture"] {
        let refused = site.post(&format!("{path}/{step}"), "").await.refused(400);
        assert_eq!(refused["code"], "payment_intent_unexpected_state", "{step}");
        assert_eq!(refused["payment_intent"]["status"], "succeeded", "{step}");
    }
    let made = site.post("/v1/payment_intents", "amount=1000&currency=usd&payment_method=pm_card_visa").await.done();
    assert_eq!(made["status"], "requires_confirmation");
    let path = format!("/v1/payment_intents/{}/cancel", id(&made, "id"));
    let canceled = site.post(&path, "cancellation_reason=abandoned").await.done();
    assert_eq!((&canceled["status"], &canceled["cancellation_reason"]), (&json!("canceled"), &json!("abandoned")));
    assert!(canceled["canceled_at"].is_i64());
}

#[tokio::test]
async fn a_card_is_declined() {
    let site = Site::start().await;
    for (method, code, decline) in [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ] {
        let error = site.pay(method, "").await.refused(402);
        assert_eq!(
            (&error["type"], &error["code"], &error["decline_code"]),
            (&json!("card_error"), &json!(code), &json!(decline))
        );
        let intent = &error["payment_intent"];
        assert_eq!((&intent["status"], &intent["payment_method"]), (&json!("requires_payment_method"), &Value::Null));
        assert_eq!(intent["last_payment_error"]["decline_code"], decline);
        let charge = site.get(&format!("/v1/charges/{}", id(&error, "charge"))).await;
        assert_eq!((&charge["status"], &charge["failure_code"]), (&json!("failed"), &json!(code)));
        // Another card pays it after all.
        let path = format!("/v1/payment_intents/{}/confirm", id(intent, "id"));
        let paid = site.post(&path, "payment_method=pm_card_visa").await.done();
        assert_eq!((&paid["status"], &paid["last_payment_error"]), (&json!("succeeded"), &Value::Null));
    }
    let events = site.events().await;
    assert_eq!(events[..3], ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]);
}

#[tokio::test]
async fn a_customer_authenticates_or_is_not_there() {
    let site = Site::start().await;
    let away = site.pay("pm_card_authenticationRequired", "&off_session=true").await.refused(402);
    assert_eq!(away["code"], "authentication_required");
    assert_eq!(away["payment_intent"]["status"], "requires_payment_method");
    let before = site.pay("pm_card_authenticationRequiredSetupForOffSession", "&off_session=true").await.done();
    assert_eq!(before["status"], "succeeded");
    for (outcome, status) in [("succeeded", "succeeded"), ("failed", "requires_payment_method")] {
        let asked = site.pay("pm_card_authenticationRequired", "&return_url=http://shop/").await.done();
        assert_eq!(
            (&asked["status"], &asked["next_action"]["type"]),
            (&json!("requires_action"), &json!("redirect_to_url"))
        );
        let asked = json!({ "payment_intent": asked["id"], "outcome": outcome });
        let done = site.pull("authenticate", asked.clone()).await.done();
        assert_eq!((&done["status"], &done["next_action"]), (&json!(status), &Value::Null));
        assert_eq!(site.pull("authenticate", asked).await.status, 400);
    }
    assert_eq!(site.event("payment_intent.requires_action").await["data"]["object"]["status"], "requires_action");
}

#[tokio::test]
async fn what_is_reserved_is_captured_or_released() {
    let site = Site::start().await;
    let reserved = site.pay("pm_card_visa", "&capture_method=manual").await.done();
    assert_eq!((&reserved["status"], &reserved["amount_capturable"]), (&json!("requires_capture"), &json!(1_000)));
    let path = format!("/v1/payment_intents/{}", id(&reserved, "id"));
    assert_eq!(site.get("/v1/balance_transactions").await["data"], json!([]));
    let refused = site.post(&format!("{path}/capture"), "amount_to_capture=1001").await.refused(400);
    assert_eq!(refused["param"], "amount_to_capture");
    let captured = site.post(&format!("{path}/capture"), "amount_to_capture=700&expand[]=latest_charge").await.done();
    assert_eq!((&captured["status"], &captured["amount_received"]), (&json!("succeeded"), &json!(700)));
    let charge = &captured["latest_charge"];
    assert_eq!((&charge["amount_captured"], &charge["amount_refunded"]), (&json!(700), &json!(300)));
    assert_eq!(site.get("/v1/balance_transactions").await["data"][0]["amount"], 700);

    let reserved = site.pay("pm_card_visa", "&capture_method=manual").await.done();
    let path = format!("/v1/payment_intents/{}/cancel", id(&reserved, "id"));
    assert_eq!(site.post(&path, "").await.done()["amount_capturable"], 0);
    assert!(site.events().await.contains(&"payment_intent.amount_capturable_updated".to_owned()));
}

#[tokio::test]
async fn payments_are_found() {
    let site = Site::start().await;
    let paid = site.pay("pm_card_visa", "&metadata[order]=7").await.done();
    site.pay("pm_card_visa", "&metadata[order]=8").await.done();
    let path = "/v1/payment_intents/search?query=metadata%5B%27order%27%5D%3A%277%27&limit=2\
                &expand[]=data.latest_charge.balance_transaction";
    let found = site.get(path).await;
    assert_eq!((&found["object"], &found["has_more"]), (&json!("search_result"), &json!(false)));
    assert_eq!((found["data"].as_array().unwrap().len(), &found["data"][0]["id"]), (1, &paid["id"]));
    assert_eq!(found["data"][0]["latest_charge"]["balance_transaction"]["fee"], 59);
    site.pull("next", json!({ "behaviour": "find_nothing" })).await.done();
    assert_eq!(site.get(path).await["data"], json!([]));
    assert_eq!(site.get(path).await["data"], found["data"]);
    let page = site.get("/v1/payment_intents/search?query=amount%3E1&limit=1").await;
    let next = format!("/v1/payment_intents/search?query=amount%3E1&limit=1&page={}", id(&page, "next_page"));
    let page = site.get(&next).await;
    assert_eq!((&page["data"][0]["id"], &page["next_page"]), (&paid["id"], &Value::Null));
}

#[tokio::test]
async fn a_payment_is_processed_for_a_while() {
    let site = Site::start().await;
    site.pull("next", next("processing", 20)).await.done();
    let begun = site.pay("pm_card_visa", "").await.done();
    assert_eq!((&begun["status"], &begun["latest_charge"]), (&json!("processing"), &Value::Null));
    let event = site.event("payment_intent.succeeded").await;
    assert_eq!((&event["data"]["object"]["id"], &event["request"]["id"]), (&begun["id"], &Value::Null));
}

#[tokio::test]
async fn customers_have_payment_methods() {
    let site = Site::start().await;
    let customer = site.post("/v1/customers", "email=a@example.com&metadata[account]=acc_1").await.done();
    let customer = id(&customer, "id");
    let card = "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2034";
    let method = site.post("/v1/payment_methods", card).await.done();
    assert_eq!((&method["card"]["brand"], &method["customer"]), (&json!("visa"), &Value::Null));
    let path = format!("/v1/payment_methods/{}/attach", id(&method, "id"));
    let attached = site.post(&path, &format!("customer={customer}")).await.done();
    assert_eq!(attached["customer"], customer);
    let listed = site.get(&format!("/v1/customers/{customer}/payment_methods")).await;
    assert_eq!(listed["data"][0]["id"], method["id"]);

    let method = id(&method, "id");
    assert_eq!(site.pay(method, "").await.refused(400)["param"], "payment_method");
    let paid = site.pay(method, &format!("&customer={customer}&off_session=true")).await.done();
    assert_eq!((&paid["status"], &paid["payment_method"]), (&json!("succeeded"), &json!(method)));
    // One that was only used stays the customer's when that was asked for.
    let more = format!("&customer={customer}&setup_future_usage=off_session");
    let used = site.pay("pm_card_amex", &more).await.done();
    let kept = site.get(&format!("/v1/payment_methods/{}", id(&used, "payment_method"))).await;
    assert_eq!(kept["customer"], customer);

    let declined =
        site.post("/v1/payment_methods/pm_card_chargeDeclined/attach", &format!("customer={customer}")).await;
    assert_eq!(declined.refused(402)["code"], "card_declined");
    let later =
        site.post("/v1/payment_methods/pm_card_chargeCustomerFail/attach", &format!("customer={customer}")).await;
    let later = later.done();
    let declined = site.pay(id(&later, "id"), &format!("&customer={customer}&off_session=true")).await;
    assert_eq!(declined.refused(402)["decline_code"], "generic_decline");
    let unknown = site.post("/v1/payment_methods", &card.replace("4242424242424242", "4111111111111111")).await;
    assert_eq!(unknown.refused(402)["decline_code"], "test_mode_live_card");
}
