//! The price list of language models: given by people or by LiteLLM's file, exact, by name.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::refused::{Bad, assert_refused};
use crate::support::{Answer, Api, Position, TestApp};

const MODELS: &str = "/v1/models";

fn model(name: &str, input: &str, output: &str) -> Value {
    json!({ "model": name, "input_per_million": input, "output_per_million": output })
}

async fn set(api: &Api, models: Value) -> Value {
    api.put(MODELS, &json!({ "models": models })).await.done(200)
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| text(&row["model"])).collect()
}

#[tokio::test]
async fn prices_are_set_listed_and_taken_off() {
    let app = TestApp::up().await;
    let api = &app.api;
    let mini = json!({
        "model": "gpt-4o-mini", "input_per_million": "0.150", "cached_input_per_million": "0.075",
        "output_per_million": "0.60",
    });
    let done = set(api, json!([mini, model("Meta/Llama:3", "0.000001", "0")])).await;
    assert_eq!((&done["object"], &done["skipped"]), (&json!("models"), &json!([])));
    assert_eq!(names(&done["data"]), ["Meta/Llama:3", "gpt-4o-mini"]);
    let llama = &done["data"][0];
    for (member, expected) in [
        ("object", json!("model")),
        ("code", json!("meta-llama-3")),
        ("input_per_million", json!("0.000001")),
        ("cached_input_per_million", json!("0.000001")),
        ("output_per_million", json!("0")),
        ("version", json!(1)),
    ] {
        assert_eq!(llama[member], expected, "{member}");
    }
    let mini_now = &done["data"][1];
    assert_eq!(
        ["input_per_million", "cached_input_per_million", "output_per_million"].map(|kind| text(&mini_now[kind])),
        ["0.15", "0.075", "0.6"]
    );

    // Others keep their prices; what has its price already is not among those that changed.
    let more = set(api, json!([mini, model("o1", "15", "60")])).await;
    assert_eq!(names(&more["data"]), ["o1"]);
    assert_eq!(more["data"][0]["version"], 2);
    let same = set(api, json!([mini])).await;
    assert_eq!(same["data"], json!([]));
    let listed = api.list_at(MODELS, Position::of(&more)).await;
    assert_eq!(listed.iter().map(|row| text(&row["model"])).collect::<Vec<_>>(), ["Meta/Llama:3", "gpt-4o-mini", "o1"]);
    assert_eq!((&listed[0], &listed[1], &listed[2]), (llama, mini_now, &more["data"][0]));
    assert_eq!(api.walk(&format!("{MODELS}?limit=1"), "cursor").await, listed);

    let off = async |path: &str| Answer::of(api.request(Method::DELETE, path)).await.unwrap();
    let gone = off("/v1/models/Meta%2FLlama%3A3").await.done(200);
    assert_eq!((&gone["model"], &gone["deleted"]), (&json!("Meta/Llama:3"), &json!(true)));
    off("/v1/models/Meta%2FLlama%3A3").await.problem(404, "model_not_found");
    off("/v1/models/gpt-4o-mini-2024-07-18").await.problem(404, "model_not_found");
    assert_eq!(api.walk(MODELS, "cursor").await.len(), 2);
    assert_eq!(app.other_organization().await.walk(MODELS, "cursor").await, [] as [Value; 0]);
    app.site.assert_clean().await;
}

#[tokio::test]
async fn the_price_file_of_litellm_is_read_exactly() {
    let app = TestApp::up().await;
    let api = &app.api;
    let file = br#"{
        "gpt-4o-mini": {"input_cost_per_token": 1.5e-07, "cache_read_input_token_cost": 7.5e-08,
            "output_cost_per_token": 6e-07, "litellm_provider": "openai", "max_tokens": 16384, "supports_vision": true},
        "embedding": {"input_cost_per_token": 2e-08, "output_cost_per_token": 0.0},
        "dall-e-3": {"input_cost_per_pixel": 3.81469e-08}}"#;
    let send = async |body: Vec<u8>| {
        let request = api.request(Method::PUT, MODELS).header("content-type", "application/json").body(body);
        Answer::of(request).await.unwrap()
    };
    let done = send(file.to_vec()).await.done(200);
    assert_eq!(names(&done["data"]), ["embedding", "gpt-4o-mini"]);
    assert_eq!(done["skipped"], json!(["dall-e-3"]));
    let [embedding, mini] = [&done["data"][0], &done["data"][1]];
    let of = |one: &Value| {
        ["input_per_million", "cached_input_per_million", "output_per_million"].map(|kind| text(&one[kind]).to_owned())
    };
    assert_eq!(of(embedding), ["0.02", "0.02", "0"]);
    assert_eq!(of(mini), ["0.15", "0.075", "0.6"]);
    // The same in the other form changes nothing.
    let same = json!([{
        "model": "gpt-4o-mini", "input_per_million": "0.15", "cached_input_per_million": "0.075",
        "output_per_million": "0.6",
    }]);
    assert_eq!(set(api, same).await["data"], json!([]));
    for (wrong, param) in [("1e-13", "a.input_cost_per_token"), ("-1e-7", "a.input_cost_per_token")] {
        let body = format!(r#"{{"a":{{"input_cost_per_token":{wrong}}}}}"#).into_bytes();
        let problem = send(body).await.problem(400, "invalid_amount");
        assert_eq!(problem["param"], param);
    }
}

#[tokio::test]
async fn what_is_sent_again_is_done_once() {
    let app = TestApp::up().await;
    let api = &app.api;
    let put = async |key: &str, models: Value| {
        let body = json!({ "models": models });
        Answer::of(api.request(Method::PUT, MODELS).header("idempotency-key", key).json(&body)).await.unwrap()
    };
    let first = put("a", json!([model("m", "1", "2")])).await;
    put("b", json!([model("m", "3", "4")])).await.done(200);
    // As it was then; prices are compared as prices.
    let again = put("a", json!([model("m", "1.0", "2.00")])).await;
    assert_eq!((again.done(200), again.is_replay()), (first.done(200), true));
    assert_eq!(api.walk(MODELS, "cursor").await[0]["input_per_million"], "3");
    put("a", json!([model("m", "1", "3")])).await.problem(422, "idempotency_key_reused");
    let off = async || {
        let request = api.request(Method::DELETE, "/v1/models/m").header("idempotency-key", "off");
        Answer::of(request).await.unwrap()
    };
    let (gone, again) = (off().await, off().await);
    assert_eq!((gone.done(200), again.is_replay()), (again.done(200), true));
    app.site.assert_clean().await;
}

#[tokio::test]
async fn bad_prices() {
    let app = TestApp::up().await;
    let put = |what, models: Value, status, code| Bad::put(what, MODELS, json!({ "models": models }), status, code);
    let priced = |input: Value| json!([{ "model": "m", "input_per_million": input, "output_per_million": "1" }]);
    let raw = |what, body: &str, code| Bad::new(what, Method::PUT, MODELS, body.into(), 400, code);
    let many: Vec<Value> = (0..501).map(|n| model(&format!("m{n}"), "1", "1")).collect();
    let input = "models[0].input_per_million";
    let rows = [
        raw("half an object", "{", "invalid_json"),
        raw("nothing", "", "invalid_json"),
        raw("a list", "[]", "invalid_request"),
        raw("an empty object", "{}", "invalid_request").at("models"),
        raw("a model that is none", r#"{"a":1}"#, "invalid_request").at("a"),
        raw("nothing but what has no price", r#"{"a":{}}"#, "invalid_request").at("models"),
        put("no models", json!([]), 400, "invalid_request").at("models"),
        put("an object", json!({}), 400, "invalid_request").at("models"),
        put("one twice", json!([model("m", "1", "1"), model("m", "2", "2")]), 400, "invalid_request").at("models"),
        put("no name", json!([model("", "1", "1")]), 400, "invalid_request").at("models[0].model"),
        put("a name with a space", json!([model("a b", "1", "1")]), 400, "invalid_request").at("models[0].model"),
        put("a long name", json!([model(&"m".repeat(129), "1", "1")]), 400, "invalid_request").at("models[0].model"),
        put("no output", json!([{ "model": "m", "input_per_million": "1" }]), 400, "missing_field")
            .at("models[0].output_per_million"),
        put("a number", priced(json!(1)), 400, "invalid_amount").at(input),
        put("a negative price", priced(json!("-1")), 400, "invalid_amount").at(input),
        put("a price too fine", priced(json!("0.0000001")), 400, "invalid_amount").at(input),
        put("a price too large", priced(json!("1000000000001")), 400, "invalid_amount").at(input),
        put("too many", json!(many), 400, "batch_too_large"),
        Bad::put("a field beside", MODELS, json!({ "models": [], "more": 1 }), 400, "unknown_field").at("more"),
        Bad::new("one that is not there", Method::DELETE, "/v1/models/m", Vec::new(), 404, "model_not_found"),
        Bad::get("a cursor that is none", "/v1/models?cursor=%20", 400, "invalid_request").at("cursor"),
    ];
    assert_refused(&app, &rows).await;
    app.site.assert_clean().await;
}
