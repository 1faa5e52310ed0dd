//! Routes to models as clients of OpenAI use them: streams with their cost at the end, what may be asked, and errors in
//! their form.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::gateway::{
    MODEL, Upstream, assert_settled_up, bearer, charges, chat, content, cost, cost_of, events, gateway, get_paid,
    models_route, offer, price_models, quantity, refused, set_route, until_charged, with_voucher,
};
use crate::support::sessions::{ChainApp, Custody, Session, USDC, atomic, settle_all};
use crate::support::{Answer, Api, TestApp, decimal};

const CHAT: &str = "/v1/chat/completions";

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// An installation with a route to models, and a customer with credits.
async fn models(limits: Value) -> (TestApp, Upstream, String, Api) {
    let app = TestApp::up().await;
    let upstream = Upstream::start(&app.site).await;
    price_models(&app.api).await;
    set_route(&app.api, models_route(&upstream, limits)).await;
    let (customer, gate) = bearer(&app, "1").await;
    (app, upstream, format!("customer_id={customer}"), gate)
}

#[tokio::test]
async fn a_stream_ends_with_its_cost_for_those_who_ask() {
    let (app, upstream, whose, gate) = models(json!({})).await;
    let body = with(chat(MODEL, 20, 10), json!({ "max_tokens": 8 }));
    let plain = gate.post(CHAT, &body).await;
    assert_eq!((plain.status, cost(&plain)), (200, cost_of(10, 20, 8)));
    let said = plain.json()["choices"][0]["message"]["content"].clone();

    // Whoever does not ask for the usage gets none.
    let streamed = with(body.clone(), json!({ "stream": true }));
    let answer = gate.post(CHAT, &streamed).await;
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")), "{answer:?}");
    assert!(answer.header("x-tollbook-hold").is_some_and(|hold| hold.starts_with("hold_")), "{:?}", answer.headers);
    let (chunks, is_done) = events(&answer.text());
    assert!(is_done && chunks.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("tollbook").is_none()));
    assert_eq!(content(&chunks), text(&said));
    let direct = events(&upstream.post(CHAT, &streamed).await.text()).0;
    assert_eq!(chunks.len(), direct.len(), "nothing more and nothing less than the upstream says");

    // Whoever does gets it, with what it cost.
    let asked = with(streamed, json!({ "stream_options": { "include_usage": true } }));
    let answer = gate.post(CHAT, &asked).await;
    let (chunks, is_done) = events(&answer.text());
    assert!(is_done);
    assert_eq!(content(&chunks), text(&said));
    let (last, before) = chunks.split_last().unwrap();
    assert!(before.iter().all(|chunk| chunk["usage"].is_null()));
    let usage = &last["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(30), &json!(8)));
    let charged = charges(&app.api, &whose).await;
    assert_eq!(charged.len(), 3);
    let bill = &last["tollbook"];
    assert_eq!((&bill["charge_id"], &bill["currency"]), (&charged[0]["id"], &json!("USD")), "{last}");
    assert_eq!(decimal(&bill["cost"]), cost_of(10, 20, 8));
    assert_eq!(decimal(&bill["remaining"]), decimal(&charged[0]["account"]["available"]));
    for charge in &charged {
        assert_eq!(decimal(&charge["amount"]), cost_of(10, 20, 8), "streamed or not: {charge}");
    }
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn the_other_streams() {
    let (app, _upstream, whose, gate) = models(json!({})).await;
    let completion = json!({
        "model": MODEL, "prompt": "a b c", "max_tokens": 4, "stream": true, "stream_options": { "include_usage": true },
    });
    let (chunks, is_done) = events(&gate.post("/v1/completions", &completion).await.text());
    let texts: Vec<&str> = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert!(is_done && texts.concat().split_whitespace().count() == 4, "{texts:?}");
    assert_eq!(decimal(&chunks.last().unwrap()["tollbook"]["cost"]), cost_of(3, 0, 4));

    // Responses end with an event that has it all; one that was cut off has another name.
    for (max, name) in [(5, "response.incomplete"), (2_000, "response.completed")] {
        let response = json!({ "model": MODEL, "input": "a b", "max_output_tokens": max, "stream": true });
        let (told, _) = events(&gate.post("/v1/responses", &response).await.text());
        let last = told.last().unwrap();
        let output = last["response"]["usage"]["output_tokens"].as_u64().unwrap();
        let deltas = told.iter().filter(|event| event["type"] == "response.output_text.delta").count();
        assert_eq!((&last["type"], u64::try_from(deltas).unwrap()), (&json!(name), output));
        assert_eq!(decimal(&last["response"]["tollbook"]["cost"]), cost_of(2, 0, output), "{last}");
        let newest = charges(&app.api, &whose).await.swap_remove(0);
        assert_eq!(newest["id"], last["response"]["tollbook"]["charge_id"]);
    }
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn vouchers_pay_for_tokens_as_well() {
    let app = ChainApp::up().await;
    let api = &app.api;
    let upstream = Upstream::start(&app.site).await;
    price_models(api).await;
    set_route(api, models_route(&upstream, json!({}))).await;
    let session = Session::open(api, &app.payer().await, Custody::Client, "1").await;
    let gate = gateway(&app, "");
    let body = with(chat(MODEL, 0, 10), json!({ "max_tokens": 8 }));
    let ask = || gate.anonymous(Method::POST, CHAT).json(&body);
    // What it may come to at most is what has to be signed for.
    let offered = offer(&Answer::of(ask()).await.unwrap(), "session");
    let most: u128 = text(&offered["amount"]).parse().unwrap();
    let real = cost_of(10, 0, 8);
    assert!(most > atomic(real));
    let too_little = Answer::of(with_voucher(ask(), &offered, &session, most - 1)).await.unwrap();
    refused(&too_little, 402, "voucher_too_low");
    let answer = Answer::of(with_voucher(ask(), &offered, &session, most)).await.unwrap();
    assert_eq!((answer.status, cost(&answer)), (200, real));
    // Of what was signed the rest is still good.
    let now = session.now(api).await;
    assert_eq!((decimal(&now["charged"]), decimal(&now["held"])), (real, decimal(&json!("0"))));
    let streamed = with(body.clone(), json!({ "stream": true, "stream_options": { "include_usage": true } }));
    let request = gate.anonymous(Method::POST, CHAT).json(&streamed);
    let answer = Answer::of(with_voucher(request, &offered, &session, 2 * most)).await.unwrap();
    let (chunks, _) = events(&answer.text());
    let bill = &chunks.last().unwrap()["tollbook"];
    assert_eq!((&bill["currency"], decimal(&bill["cost"])), (&json!("USDC"), real), "{bill}");
    assert_eq!(decimal(&bill["remaining"]), decimal(&session.now(api).await["available"]));
    // A path of another route is not paid with this.
    refused(&get_paid(&gate, "/echo", &offered, &session, 3 * most).await, 404, "route_not_found");
    settle_all(api).await;
    assert_eq!(app.assert_settled().await, atomic(real + real));
    assert!(app.deployed.escrow(&app.anvil, session.session_id(), &app.deployed.payee).await == USDC);
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn what_cannot_be_asked() {
    let (app, upstream, whose, gate) = models(json!({ "output_tokens_max": 50, "request_bytes_max": 10_000 })).await;
    let good = with(chat(MODEL, 0, 5), json!({ "max_tokens": 5 }));
    for (what, path, body, status, code) in [
        ("a model without a price", CHAT, with(good.clone(), json!({ "model": "other" })), 400, "model_not_priced"),
        ("no model", CHAT, with(good.clone(), json!({ "model": null })), 400, "missing_field"),
        (
            "more than the route lets",
            CHAT,
            with(good.clone(), json!({ "max_tokens": 51 })),
            400,
            "max_tokens_above_limit",
        ),
        (
            "more by the other name",
            CHAT,
            with(good.clone(), json!({ "max_completion_tokens": 4_000_000_000_u64 })),
            400,
            "max_tokens_above_limit",
        ),
        ("a negative bound", CHAT, with(good.clone(), json!({ "max_tokens": -1 })), 400, "invalid_request"),
        ("too many answers", CHAT, with(good.clone(), json!({ "n": 17 })), 400, "too_many_choices"),
        ("a stream of sorts", CHAT, with(good.clone(), json!({ "stream": "yes" })), 400, "invalid_request"),
        ("a list", CHAT, json!([good]), 400, "invalid_json"),
        ("too long", CHAT, chat(MODEL, 0, 5_000), 413, "body_too_large"),
        ("another path", "/v1/files", json!({}), 404, "route_not_found"),
    ] {
        let answer = gate.post(path, &body).await;
        let body = refused(&answer, status, code);
        assert!(body["error"].is_object(), "{what}: {body}");
    }
    for bytes in [&b"{"[..], b"", b"\xff\xfe", b"[[[[[[[["] {
        let request = gate.request(Method::POST, CHAT).header("content-type", "application/json").body(bytes);
        refused(&Answer::of(request).await.unwrap(), 400, "invalid_json");
    }
    assert_eq!((upstream.calls().await, charges(&app.api, &whose).await.len()), (0, 0));
    assert_eq!(app.site.events_count(Some("held")).await, 0);
    assert_eq!(gate.post(CHAT, &good).await.status, 200);
    until_charged(&app.api, &whose, 1).await;
    assert_settled_up(&app).await;
}

#[tokio::test]
async fn what_an_upstream_says_of_usage_is_believed_only_when_it_can_be() {
    let (app, _upstream, whose, gate) = models(json!({})).await;
    let api = &app.api;
    for (number, model) in
        ["fault-no-usage", "fault-negative-usage", "fault-huge-usage", "fault-garbage"].iter().enumerate()
    {
        for stream in [false, true] {
            let body = with(chat(model, 0, 40), json!({ "max_tokens": 8, "stream": stream }));
            let answer = gate.post(CHAT, &body).await;
            assert_eq!(answer.status, 200, "{model}: {}", answer.text());
            let newest = until_charged(api, &whose, 2 * number + usize::from(stream) + 1).await.swap_remove(0);
            if *model == "fault-garbage" && stream {
                continue; // Its usage is right.
            }
            assert_eq!(newest["metadata"]["counted"], "estimate", "{model}: {newest}");
            // "word word …" of 40 words has 199 bytes: 50 tokens, at four bytes each.
            assert_eq!(quantity(&newest, "fault.input"), 50.into(), "{model}: {newest}");
            let output = quantity(&newest, "fault.output");
            assert!(output >= 1.into() && output <= 50.into(), "{model}: {newest}");
            if stream {
                assert!(output >= 8.into(), "a token for each piece of the stream: {newest}");
            }
        }
    }
    // Far more than was asked for: it is charged while there is money for it.
    let more = with(chat("fault-more-usage", 0, 10), json!({ "max_tokens": 8 }));
    let answer = gate.post(CHAT, &more).await;
    assert_eq!((answer.status, cost(&answer)), (200, cost_of(10, 0, 80)));
    let (customer, poor) = bearer(&app, "0.00055").await;
    let answer = poor.post(CHAT, &more).await;
    let charged = until_charged(api, &format!("customer_id={customer}"), 1).await.swap_remove(0);
    assert_eq!((answer.status, cost(&answer)), (200, decimal(&charged["amount"])));
    assert!(decimal(&charged["amount"]) < cost_of(10, 0, 80), "all that was held, and no more: {charged}");
    assert_settled_up(&app).await;
}
