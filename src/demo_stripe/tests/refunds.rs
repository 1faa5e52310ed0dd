//! Money that goes back, and what is reported of all that came and went.

use super::*;

#[tokio::test]
async fn a_payment_is_refunded_in_parts() {
    let site = Site::start().await;
    let paid = site.pay("pm_card_visa", "&metadata[order]=7").await.done();
    let intent = id(&paid, "id");
    let refund = |amount: i64| format!("payment_intent={intent}&amount={amount}&metadata[line]=1");
    let first = site.post("/v1/refunds", &format!("{}&reason=requested_by_customer", refund(300))).await.done();
    assert_eq!((&first["status"], &first["charge"]), (&json!("succeeded"), &paid["latest_charge"]));
    assert_eq!(site.post("/v1/refunds", &refund(701)).await.refused(400)["param"], "amount");
    let second = site.post("/v1/refunds", &format!("charge={}", id(&paid, "latest_charge"))).await.done();
    assert_eq!(second["amount"], 700);
    assert_eq!(site.post("/v1/refunds", &refund(1)).await.refused(400)["code"], "charge_already_refunded");
    let charge = site.get(&format!("/v1/charges/{}?expand[]=refunds", id(&paid, "latest_charge"))).await;
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(1_000), &json!(true)));
    assert_eq!(charge["refunds"]["data"].as_array().unwrap().len(), 2);
    let listed = site.get(&format!("/v1/refunds?payment_intent={intent}")).await;
    assert_eq!((&listed["data"][0]["id"], &listed["data"][1]["id"]), (&second["id"], &first["id"]));
    assert_eq!(site.get(&format!("/v1/refunds/{}", id(&first, "id"))).await, first);
    let missing = site.call(Method::GET, "/v1/refunds?payment_intent=pi_none", "", None).await.unwrap();
    assert_eq!(missing.refused(400)["code"], "resource_missing");
    assert_eq!(site.event("charge.refunded").await["data"]["previous_attributes"]["amount_refunded"], 300);
    assert_eq!(site.event("refund.created").await["data"]["object"]["id"], second["id"]);
}

#[tokio::test]
async fn a_refund_may_end_later() {
    let site = Site::start().await;
    for (method, status, event, then, refunded) in [
        ("pm_card_pendingRefund", "pending", "refund.updated", "succeeded", 1_000),
        ("pm_card_refundFail", "succeeded", "refund.failed", "failed", 0),
    ] {
        let paid = site.pay(method, "").await.done();
        let refund = site.post("/v1/refunds", &format!("payment_intent={}", id(&paid, "id"))).await.done();
        assert_eq!(refund["status"], status);
        let ended = site.event(event).await["data"]["object"].clone();
        assert_eq!((&ended["id"], &ended["status"]), (&refund["id"], &json!(then)));
        let charge = site.get(&format!("/v1/charges/{}", id(&paid, "latest_charge"))).await;
        assert_eq!(charge["amount_refunded"], refunded);
    }
}

#[tokio::test]
async fn a_charge_is_disputed() {
    let site = Site::start().await;
    let paid = site.pay("pm_card_createDispute", "").await.done();
    let dispute = site.event("charge.dispute.created").await["data"]["object"].clone();
    assert_eq!((&dispute["payment_intent"], &dispute["status"]), (&paid["id"], &json!("needs_response")));
    let charge = id(&paid, "latest_charge");
    assert_eq!(site.post("/v1/refunds", &format!("charge={charge}")).await.refused(400)["code"], "charge_disputed");
    let set = |status: &str| site.pull("disputes", json!({ "charge": charge, "status": status }));
    assert_eq!(set("under_review").await.done()["id"], dispute["id"]);
    let won = set("won").await.done();
    assert_eq!(won["balance_transactions"].as_array().unwrap().len(), 2);
    assert_eq!(site.event("charge.dispute.closed").await["data"]["object"]["status"], "won");
    assert_eq!(set("lost").await.status, 400);
    assert_eq!(set("none").await.status, 400);
    // What is won can be given back by oneself.
    site.post("/v1/refunds", &format!("charge={charge}")).await.done();

    let paid = site.pay("pm_card_visa", "").await.done();
    let lost = site.pull("disputes", json!({ "charge": paid["id"], "status": "lost", "reason": "fraudulent" })).await;
    let lost = lost.done();
    assert_eq!((&lost["charge"], &lost["reason"]), (&paid["latest_charge"], &json!("fraudulent")));
}

#[tokio::test]
async fn everything_is_reported() {
    let site = Site::start().await;
    let paid = site.pay("pm_card_visa", "&metadata[order]=7&description=tea, green").await.done();
    let refund = format!("payment_intent={}&amount=300&metadata[line]=2", id(&paid, "id"));
    let refund = site.post("/v1/refunds", &refund).await.done();
    site.pay("pm_card_visa_chargeDeclined", "").await.refused(402);
    let csv = |query: &str| {
        let request = site.client.get(site.url(&format!("/_test/payouts.csv{query}")));
        async move { request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap() }
    };
    let whole = csv("").await;
    let head = "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,created,";
    assert!(whole.starts_with(head) && whole.contains("\"tea, green\""), "{whole}");
    let columns = "?columns=gross,fee,net,currency,reporting_category,source_id,payment_intent_id,\
                   payment_metadata%5Border%5D,refund_metadata%5Bline%5D";
    let lines: Vec<String> = csv(columns).await.lines().map(str::to_owned).collect();
    let (intent, charge) = (id(&paid, "id"), id(&paid, "latest_charge"));
    assert_eq!(
        lines[1..],
        [
            format!("10.00,0.59,9.41,usd,charge,{charge},{intent},7,"),
            format!("-3.00,0.00,-3.00,usd,refund,{},{intent},7,2", id(&refund, "id")),
        ]
    );
    let payout = csv("?columns=automatic_payout_id").await.lines().nth(1).unwrap().to_owned();
    let within = site.get(&format!("/v1/balance_transactions?payout={payout}")).await;
    assert_eq!(within["data"].as_array().unwrap().len(), 2);
    assert_eq!(site.get("/v1/balance_transactions?payout=po_none").await["data"], json!([]));
    assert_eq!(site.get(&format!("/v1/payouts/{payout}")).await["amount"], 641);
}
