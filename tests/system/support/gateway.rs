//! The gateway as clients, payers and providers meet it: the demo upstream as a process of its own, routes that lead
//! to it, keys and vouchers that pay, and what answers say of their cost.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::after::assert_whole;
use super::api::text;
use super::holds::HOLDS;
use super::sessions::Session;
use super::{Answer, Api, Position, Process, Site, TestApp, decimal, until};

/// A model on the price list of [`price_models`], with what a token of it costs.
pub const MODEL: &str = "demo-small";
pub const INPUT: &str = "0.000003";
pub const CACHED: &str = "0.00000075";
pub const OUTPUT: &str = "0.000015";
/// The header that pays.
pub const PAYMENT: &str = "payment-signature";
/// A price of one cent a request, in dollars and in USDC.
pub const CENT: &str = "0.01";
/// The same in atomic units.
pub const CENT_UNITS: u128 = 10_000;

/// The demo upstream, running.
pub struct Upstream {
    process: Process,
    pub url: String,
    api: Api,
}

impl Upstream {
    pub async fn start(site: &Site) -> Self {
        Self::start_with(site, &[]).await
    }

    /// With more options.
    pub async fn start_with(site: &Site, more: &[&str]) -> Self {
        let args = [&["demo", "upstream", "--listen", "127.0.0.1:0"][..], more].concat();
        let mut process = Process::start(site, &args);
        let url = until("the demo upstream says where it is", async || {
            process.assert_running();
            let log = process.log();
            let (_, after) = log.split_once("serves on ")?;
            after.split_once('\n').map(|(url, _)| url.to_owned())
        })
        .await;
        Self { process, api: Api::new(&url, ""), url }
    }

    /// How many requests came to it.
    pub async fn calls(&self) -> u64 {
        self.api.get("/calls").await.done(200)["calls"].as_u64().unwrap()
    }

    /// What it says without a gateway between.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.api.post(path, body).await
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }
}

/// The gateway of an installation, for whoever has this secret.
pub fn gateway(app: &TestApp, secret: &str) -> Api {
    Api::new(&app.written("TOLLBOOK_GATEWAY_URL"), secret)
}

/// Sets up a route.
pub async fn set_route(api: &Api, route: Value) -> Value {
    api.post("/v1/routes", &route).await.done(201)
}

/// A route for a path of the upstream, at this price.
pub fn route_to(upstream: &Upstream, path: &str, price: Value) -> Value {
    json!({ "path": path, "upstream": upstream.url, "price": price })
}

/// A cent for each request, in both currencies.
pub fn cent() -> Value {
    json!({ "per_request": CENT, "currencies": ["USD", "USDC"] })
}

/// A route to all of the upstream's OpenAI interface, by model, with other limits than usual.
pub fn models_route(upstream: &Upstream, limits: Value) -> Value {
    json!({
        "path": "/v1/*", "upstream": upstream.url, "kind": "openai", "limits": limits,
        "price": { "per_model": true, "currencies": ["USD", "USDC"] },
    })
}

/// Prices of [`MODEL`], and of everything that goes wrong by its name.
pub async fn price_models(api: &Api) {
    let prices = ["demo-small", "demo-embedding", "fault"].map(|model| {
        json!({
            "model": model, "input_per_million": "3", "cached_input_per_million": "0.75", "output_per_million": "15",
        })
    });
    api.put("/v1/models", &json!({ "models": prices })).await.done(200);
}

/// What so many tokens of [`MODEL`] cost: read and not remembered, remembered, written.
pub fn cost_of(fresh: u64, cached: u64, output: u64) -> Decimal {
    let of = |tokens: u64, price: &str| Decimal::from(tokens) * Decimal::from_str_exact(price).unwrap();
    of(fresh, INPUT) + of(cached, CACHED) + of(output, OUTPUT)
}

/// Makes a gateway key, and gives its secret. `payer` is `customer_id` or `session_key_id`, and what else the key has.
pub async fn gateway_key(api: &Api, payer: Value) -> String {
    text(&api.post("/v1/gateway_keys", &payer).await.done(201)["secret"]).to_owned()
}

/// A customer with credits: its id, and the gateway for its key.
pub async fn bearer(app: &TestApp, credits: &str) -> (String, Api) {
    let customer = app.api.funded(credits).await;
    let secret = gateway_key(&app.api, json!({ "customer_id": customer })).await;
    (customer, gateway(app, &secret))
}

/// What a chat says: as many words as are wanted, of the system and of the user.
pub fn chat(model: &str, system: u64, user: u64) -> Value {
    let words = |count: u64| vec!["word"; usize::try_from(count).unwrap()].join(" ");
    let messages = json!([{ "role": "system", "content": words(system) }, { "role": "user", "content": words(user) }]);
    json!({ "model": model, "messages": messages })
}

/// The JSON in a header of x402.
#[track_caller]
pub fn decoded(answer: &Answer, header: &str) -> Value {
    let Some(value) = answer.header(header) else { panic!("no {header}: {:?}", answer.headers) };
    serde_json::from_slice(&STANDARD.decode(value).unwrap()).unwrap()
}

/// The same the other way.
pub fn encoded(json: &Value) -> String {
    STANDARD.encode(json.to_string())
}

/// The offer of this scheme in a 402.
#[track_caller]
pub fn offer(answer: &Answer, scheme: &str) -> Value {
    let required = decoded(answer, "payment-required");
    let accepts = required["accepts"].as_array().unwrap();
    match accepts.iter().find(|offer| offer["scheme"] == scheme) {
        Some(offer) => offer.clone(),
        None => panic!("no offer for {scheme}: {required}"),
    }
}

/// What pays by `session`: up to so much may be claimed.
pub fn voucher(session: &Session, max_claimable: u128) -> Value {
    let signed = session.voucher(max_claimable);
    json!({
        "sessionId": session.created["session_id"], "payee": session.created["payee"],
        "maxClaimable": signed["max_claimable"], "signature": in_full(text(&signed["signature"])),
    })
}

/// A compact signature (ERC-2098) in 65 bytes.
fn in_full(compact: &str) -> String {
    let (r, s) = compact.trim_start_matches("0x").split_at(64);
    let first = u8::from_str_radix(&s[..2], 16).unwrap();
    let v = 27 + (first >> 7);
    format!("0x{r}{:02x}{}{v:02x}", first & 0x7f, &s[2..])
}

/// A whole payment by version 2.
pub fn payment(offer: &Value, payload: &Value) -> Value {
    json!({ "x402Version": 2, "accepted": offer, "payload": payload })
}

/// A request that is paid for with a voucher.
pub fn with_voucher(request: RequestBuilder, offer: &Value, session: &Session, max_claimable: u128) -> RequestBuilder {
    request.header(PAYMENT, encoded(&payment(offer, &voucher(session, max_claimable))))
}

/// A GET of this path, paid for with a voucher.
pub async fn get_paid(gate: &Api, path: &str, offer: &Value, session: &Session, max_claimable: u128) -> Answer {
    Answer::of(with_voucher(gate.anonymous(Method::GET, path), offer, session, max_claimable)).await.unwrap()
}

/// What an answer says that it cost.
#[track_caller]
pub fn cost(answer: &Answer) -> Decimal {
    let cost = answer.header("x-tollbook-cost").unwrap_or_else(|| panic!("no cost: {answer:?}"));
    Decimal::from_str_exact(cost).unwrap()
}

#[track_caller]
pub fn assert_cost(answer: &Answer, expected: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(cost(answer), Decimal::from_str_exact(expected).unwrap(), "{:?}", answer.headers);
}

/// A refusal of the gateway with this status and code, in each form that its body has.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "not {status} {code}: {}", answer.text());
    let body = answer.json();
    assert_eq!((&body["code"], &body["status"]), (&json!(code), &json!(status)), "{body}");
    for member in ["type", "title", "request_id"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {body}");
    }
    if body["error"].is_object() {
        assert_eq!(body["error"]["code"], code, "{body}");
        assert!(body["error"]["message"].is_string() && body["error"]["type"].is_string(), "{body}");
    }
    if answer.header("payment-required").is_some() {
        let required = decoded(answer, "payment-required");
        assert_eq!(
            (status, &required["x402Version"], &required["error"]),
            (402, &json!(2), &body["code"]),
            "{required}"
        );
    }
    body
}

/// Sends these very bytes, and reads what comes back until the connection ends.
pub async fn send_bytes(gate: &Api, bytes: &[u8]) -> (u16, String) {
    let mut socket = connect(gate).await;
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {answer:?}")), answer)
}

/// A connection to the gateway, for a client that is none.
pub async fn connect(gate: &Api) -> TcpStream {
    TcpStream::connect(gate.url.trim_start_matches("http://")).await.unwrap()
}

/// An upstream that answers whatever it is asked with these very bytes, and hangs up.
pub async fn liar(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 4096];
                let _ = socket.read(&mut asked).await;
                let _ = socket.write_all(answer).await;
                let _ = socket.shutdown().await;
            });
        }
    });
    url
}

/// The charge that an answer names, from the log.
pub async fn charge_of(api: &Api, answer: &Answer) -> Value {
    let id = answer.header("x-tollbook-charge").unwrap_or_else(|| panic!("no charge: {answer:?}"));
    api.get(&format!("/v1/charges/{id}")).await.done(200)
}

/// How much of a meter a charge has lines for; 0 when it has none.
pub fn quantity(charge: &Value, meter: &str) -> Decimal {
    let lines = charge["lines"].as_array().unwrap().iter();
    lines.filter(|line| line["meter"] == meter).map(|line| decimal(&line["quantity"])).sum()
}

/// All charges of a payer, newest first. `whose` is a query like `customer_id=cus_1`.
pub async fn charges(api: &Api, whose: &str) -> Vec<Value> {
    api.walk(&format!("/v1/charges?{whose}&limit=100"), "cursor").await
}

/// Waits until a payer has this many charges, and gives them, newest first.
pub async fn until_charged(api: &Api, whose: &str, count: usize) -> Vec<Value> {
    until(&format!("{whose} has {count} charges"), async || {
        Some(charges(api, whose).await).filter(|charges| charges.len() == count)
    })
    .await
}

/// The data of the events of a stream, but for `[DONE]`; whether that came as the last.
pub fn events(stream: &str) -> (Vec<Value>, bool) {
    let data: Vec<&str> = stream.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let is_done = data.last() == Some(&"[DONE]");
    let events = data.iter().filter(|data| **data != "[DONE]");
    (events.map(|data| serde_json::from_str(data).unwrap_or_else(|e| panic!("{e}: {data}"))).collect(), is_done)
}

/// What the content deltas of a chat's stream come to.
pub fn content(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

/// Whether the test of before left anything behind: nothing is held any more, and the books are right.
pub async fn assert_settled_up(app: &TestApp) {
    let position = Position::of(&app.api.post("/v1/customers", &json!({})).await.done(201));
    until("nothing is held any more", async || app.api.list_at(HOLDS, position).await.is_empty().then_some(())).await;
    // Money of somebody else, so that there are books also where nobody paid.
    let other = app.api.post("/v1/customers", &json!({})).await.done(201);
    let credits = format!("/v1/customers/{}/credits", text(&other["id"]));
    let last = Position::of(&app.api.post(&credits, &json!({ "amount": "1" })).await.done(201));
    assert_whole(&app.site, &app.api, last).await;
}
