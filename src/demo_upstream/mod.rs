//! `tollbook demo upstream`: a small server that stands in for what an organization sells, so that the gateway can be
//! tried, tested and measured with no model. It speaks the OpenAI HTTP API, and has a few plain paths.
//!
//! | Path | |
//! |---|---|
//! | `POST /v1/chat/completions`, `/v1/completions` | streaming and not; `max_completion_tokens`, `max_tokens`, `n`, `stream_options.include_usage` |
//! | `POST /v1/responses` | streaming and not; `max_output_tokens`, `instructions` |
//! | `POST /v1/embeddings` | `input` as text, texts or tokens; `dimensions`, `encoding_format` |
//! | `GET /v1/models`, `/v1/models/{model}` | a few names; every other name is answered all the same |
//! | any method `/echo`, `/echo/{…}` | what came: method, path, query, headers, and how many bytes the body had |
//! | `GET /bytes/{n}` | so many bytes; with `?stream=true` in pieces, without a length |
//! | `GET /calls` | how many requests came to the paths above |
//!
//! **The same request gets the same answer.** There is no clock and no chance in it: the words of an answer follow from
//! the prompt, ids from the request, and `created` is a constant. A token is a word: what stands between white space.
//! An image counts as 85. `usage` is exact; of the prompt the system's and the developer's messages (`instructions`)
//! count as cached. An answer has 8 to 64 tokens, as the prompt has it, or as many as `--tokens` says; `finish_reason`
//! is `length` when the request asked for fewer. A streamed answer has one content delta for each token.
//!
//! **Knobs** are headers of a request, which the gateway passes on:
//!
//! | Header | |
//! |---|---|
//! | `x-demo-tokens` | how many tokens the answer has, before the request's own bound |
//! | `x-demo-delay-ms` | how long to wait before the answer |
//! | `x-demo-token-ms` | how long to wait before each token of a streamed answer |
//! | `x-demo-fault` | what goes wrong; see [`fault`]. The name of a model does the same |

mod ask;
mod chat;
mod delivery;
mod embeddings;
pub mod fault;
mod plain;
mod responses;
mod text;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::HeaderMap;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use clap::Args;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use ask::Refused;
use fault::Fault;

/// The largest body that is read.
const BODY_BYTES_MAX: usize = 64 << 20;
/// The longest pause that can be asked for: ten minutes.
const PAUSE_MS_MAX: u64 = 600_000;
/// The most tokens of an answer.
pub const TOKENS_MAX: u64 = 200_000;
/// When everything here was made, in unix seconds.
const CREATED: u64 = 1_750_000_000;
/// The models that are listed.
const MODELS: [&str; 3] = ["demo-large", "demo-small", "demo-embedding"];

/// Options of `demo upstream`.
#[derive(Debug, Args)]
pub struct UpstreamArgs {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8403")]
    listen: SocketAddr,
    #[command(flatten)]
    settings: Settings,
}

/// How it answers where a request does not say otherwise.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Settings {
    /// Wait so long before each answer
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=PAUSE_MS_MAX))]
    pub delay_ms: u64,
    /// Wait so long before each token of a streamed answer
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=PAUSE_MS_MAX))]
    pub token_ms: u64,
    /// Answer with so many tokens, unless a request asks for fewer [default: 8 to 64, as the prompt has it]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=TOKENS_MAX))]
    pub tokens: Option<u64>,
}

/// `tollbook demo upstream`.
pub async fn run(args: UpstreamArgs) -> Result<(), Box<dyn std::error::Error>> {
    let UpstreamArgs { listen, settings } = args;
    let listener = TcpListener::bind(listen).await.map_err(|e| format!("cannot listen on {listen}: {e}"))?;
    println!("The demo upstream serves on http://{}", listener.local_addr()?);
    Ok(serve(listener, settings).await?)
}

async fn serve(listener: TcpListener, settings: Settings) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // A token must not wait for company.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router(settings)).await
}

/// One within this process, on a port of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    serving: JoinHandle<io::Result<()>>,
}

impl Upstream {
    /// Starts it.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, serving: tokio::spawn(serve(listener, settings)) })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What all requests share.
#[derive(Debug)]
struct Demo {
    settings: Settings,
    calls: AtomicU64,
}

type Shared = State<Arc<Demo>>;

fn router(settings: Settings) -> Router {
    let demo = Arc::new(Demo { settings, calls: AtomicU64::new(0) });
    Router::new()
        .route("/v1/chat/completions", post(chat::create_chat))
        .route("/v1/completions", post(chat::create_completion))
        .route("/v1/responses", post(responses::create_response))
        .route("/v1/embeddings", post(embeddings::create_embeddings))
        .route("/v1/models", get(list_models))
        .route("/v1/models/{model}", get(get_model))
        .route("/echo", any(plain::echo))
        .route("/echo/{*rest}", any(plain::echo))
        .route("/bytes/{count}", get(plain::bytes))
        .layer(middleware::from_fn_with_state(Arc::clone(&demo), before_each))
        .route("/calls", get(calls))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(demo)
}

/// Counts a request, and waits as long as it or the settings say.
async fn before_each(State(demo): Shared, request: Request, next: Next) -> Response {
    demo.calls.fetch_add(1, Ordering::Relaxed);
    let delay_ms =
        number(request.headers(), "x-demo-delay-ms").map_or(demo.settings.delay_ms, |ms| ms.min(PAUSE_MS_MAX));
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    next.run(request).await
}

async fn calls(State(demo): Shared) -> Json<Value> {
    Json(json!({ "calls": demo.calls.load(Ordering::Relaxed) }))
}

async fn not_found() -> Refused {
    Refused::not_found("there is no such path")
}

async fn list_models() -> Json<Value> {
    Json(json!({ "object": "list", "data": MODELS.map(model) }))
}

async fn get_model(Path(name): Path<String>) -> Json<Value> {
    Json(model(&name))
}

fn model(name: &str) -> Value {
    json!({ "id": name, "object": "model", "created": CREATED, "owned_by": "tollbook" })
}

/// What a request says about how it is to be answered, else what the settings say.
#[derive(Debug, Clone, Copy)]
struct Knobs {
    fault: Option<Fault>,
    tokens: Option<u64>,
    token_pause: Duration,
}

impl Knobs {
    /// `model` is what the request names, if it does.
    fn of(demo: &Demo, headers: &HeaderMap, model: &str) -> Self {
        let header = headers.get("x-demo-fault").and_then(|value| value.to_str().ok());
        let token_ms = number(headers, "x-demo-token-ms").unwrap_or(demo.settings.token_ms);
        let fault = header.and_then(Fault::parse).or_else(|| Fault::parse(model));
        let token_pause = match fault {
            Some(Fault::Slow) => fault::SLOW,
            Some(Fault::Endless) => fault::ENDLESS,
            _ => Duration::from_millis(token_ms.min(PAUSE_MS_MAX)),
        };
        Self { fault, tokens: number(headers, "x-demo-tokens").or(demo.settings.tokens), token_pause }
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::Client;

    async fn upstream() -> (Upstream, Client, String) {
        let upstream = Upstream::start(Settings::default()).await.unwrap();
        let url = format!("http://{}", upstream.address);
        (upstream, Client::builder().no_proxy().build().unwrap(), url)
    }

    async fn post(client: &Client, url: String, body: Value) -> String {
        client.post(url).json(&body).send().await.unwrap().error_for_status().unwrap().text().await.unwrap()
    }

    /// The JSON of each event but `[DONE]`.
    fn events(text: &str) -> Vec<Value> {
        let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    #[tokio::test]
    async fn the_same_request_gets_the_same_answer_streamed_or_not() {
        let (_upstream, client, url) = upstream().await;
        let chat = format!("{url}/v1/chat/completions");
        let messages = json!([
            { "role": "system", "content": "you are  terse" },
            { "role": "user", "content": [{ "type": "text", "text": "what is a\nhold ?" }] },
        ]);
        let body = json!({ "model": "demo-small", "messages": messages, "max_completion_tokens": 5 });
        let first = post(&client, chat.clone(), body.clone()).await;
        assert_eq!(first, post(&client, chat.clone(), body.clone()).await);
        let first: Value = serde_json::from_str(&first).unwrap();
        let usage = &first["usage"];
        assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(8), &json!(5)));
        assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 3);
        let content = first["choices"][0]["message"]["content"].as_str().unwrap();
        assert_eq!((content.split_whitespace().count(), &first["choices"][0]["finish_reason"]), (5, &json!("length")));

        let mut streamed = body;
        streamed["stream"] = json!(true);
        let plain = events(&post(&client, chat.clone(), streamed.clone()).await);
        assert!(plain.iter().all(|chunk| chunk.get("usage").is_none()));
        streamed["stream_options"] = json!({ "include_usage": true });
        let text = post(&client, chat, streamed).await;
        assert!(text.ends_with("data: [DONE]\n\n"));
        let chunks = events(&text);
        let deltas: Vec<&str> =
            chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
        // The first says whose turn it is, with nothing in it.
        assert_eq!((deltas.len(), deltas[0]), (6, ""));
        assert_eq!(deltas.concat(), content);
        assert_eq!((chunks.len(), &chunks.last().unwrap()["usage"]), (plain.len() + 1, usage));
    }

    #[tokio::test]
    async fn every_path_counts_alike() {
        let (_upstream, client, url) = upstream().await;
        let answer = |path: &'static str, body: Value| {
            let (client, url) = (client.clone(), format!("{url}{path}"));
            async move { serde_json::from_str::<Value>(&post(&client, url, body).await).unwrap() }
        };
        let completion = json!({ "model": "m", "prompt": ["a b", "c"], "n": 2, "max_tokens": 3 });
        let completion = answer("/v1/completions", completion).await;
        assert_eq!(completion["choices"].as_array().unwrap().len(), 4);
        assert_eq!(
            (&completion["usage"]["prompt_tokens"], &completion["usage"]["completion_tokens"]),
            (&json!(3), &json!(12))
        );
        let response = json!({ "model": "m", "instructions": "be kind", "input": "a b c", "max_output_tokens": 2 });
        let response = answer("/v1/responses", response).await;
        assert_eq!((&response["usage"]["input_tokens"], &response["usage"]["output_tokens"]), (&json!(5), &json!(2)));
        assert_eq!(response["usage"]["input_tokens_details"]["cached_tokens"], 2);
        assert_eq!(response["status"], "incomplete");
        let embedded = answer("/v1/embeddings", json!({ "model": "m", "input": ["a b", "c"], "dimensions": 4 })).await;
        assert_eq!((&embedded["usage"]["prompt_tokens"], embedded["data"].as_array().unwrap().len()), (&json!(3), 2));
        assert_eq!(embedded["data"][0]["embedding"].as_array().unwrap().len(), 4);
        let models: Value = client.get(format!("{url}/v1/models")).send().await.unwrap().json().await.unwrap();
        assert_eq!(models["data"].as_array().unwrap().len(), MODELS.len());
        let calls: Value = client.get(format!("{url}/calls")).send().await.unwrap().json().await.unwrap();
        assert_eq!(calls["calls"], 4);
    }

    #[tokio::test]
    async fn a_streamed_response_ends_with_its_usage() {
        let (_upstream, client, url) = upstream().await;
        let body = json!({ "model": "m", "input": [{ "role": "user", "content": "a b" }], "stream": true });
        let events = events(&post(&client, format!("{url}/v1/responses"), body).await);
        let numbers: Vec<u64> = events.iter().filter_map(|event| event["sequence_number"].as_u64()).collect();
        assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
        let last = events.last().unwrap();
        let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta").count();
        assert_eq!(
            (&last["type"], &last["response"]["usage"]["output_tokens"]),
            (&json!("response.completed"), &json!(deltas))
        );
    }

    #[tokio::test]
    async fn it_goes_wrong_as_asked() {
        let (_upstream, client, url) = upstream().await;
        let chat = |model: &str, stream: bool| {
            let messages = json!([{ "role": "user", "content": "a" }]);
            let body = json!({ "model": model, "messages": messages, "max_tokens": 8, "stream": stream });
            client.post(format!("{url}/v1/chat/completions")).json(&body).send()
        };
        assert_eq!(chat("fault-500", false).await.unwrap().status(), 500);
        assert_eq!(chat("fault-429", true).await.unwrap().status(), 429);
        let without: Value = chat("fault-no-usage", false).await.unwrap().json().await.unwrap();
        assert!(without.get("usage").is_none() && without["choices"][0]["message"]["content"].is_string());
        let negative: Value = chat("fault-negative-usage", false).await.unwrap().json().await.unwrap();
        assert!(negative["usage"]["completion_tokens"].as_i64().unwrap() < 0);
        for (model, stream) in
            [("fault-close-early", false), ("fault-close-early", true), ("fault-wrong-length", false)]
        {
            let response = chat(model, stream).await.unwrap();
            assert_eq!(response.status(), 200);
            assert!(response.bytes().await.is_err(), "{model} has come to its end");
        }
        let hangs = tokio::time::timeout(Duration::from_millis(100), chat("fault-hang", false)).await;
        assert!(hangs.is_err());
    }

    #[tokio::test]
    async fn plain_paths_say_what_came() {
        let (_upstream, client, url) = upstream().await;
        let asked = client.put(format!("{url}/echo/a/b?c=d")).header("x-more", "1").body("12345");
        let echo: Value = asked.send().await.unwrap().json().await.unwrap();
        assert_eq!(
            (&echo["method"], &echo["path"], &echo["query"]),
            (&json!("PUT"), &json!("/echo/a/b"), &json!("c=d"))
        );
        assert_eq!((&echo["headers"]["x-more"], &echo["body_bytes"]), (&json!(["1"]), &json!(5)));
        for path in ["/bytes/70000", "/bytes/70000?stream=true"] {
            let response = client.get(format!("{url}{path}")).send().await.unwrap();
            assert_eq!(response.content_length().is_none(), path.contains('?'));
            assert_eq!(response.bytes().await.unwrap().len(), 70_000);
        }
    }
}
