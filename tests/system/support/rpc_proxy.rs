//! A door between `tollbook` and a node of the chain: a test may lose calls or answers in it, have the node lag
//! behind, or have it lie.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::anvil::{Anvil, number};

/// Every method that has none of its own.
pub const ANY: &str = "*";

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The node never hears of it; the answer is this HTTP status.
    Refuse(u16),
    /// The node does it, and the answer is a gateway's time-out.
    LoseAnswer,
    /// The node does it, and there is no answer until whoever asked gives up.
    KeepAnswer,
}

/// What a node says that is not so.
#[derive(Clone, Debug)]
pub enum Lie {
    /// Blocks from this one on have other hashes.
    OtherHashes(u64),
    /// The contract wrote this into its log.
    Made(Value),
    /// The contract wrote nothing of this kind into its log.
    Hidden(&'static str),
    /// Every transaction was reverted.
    Reverted,
    /// This transaction is in a block.
    Mined(Value),
}

/// The door.
pub struct RpcProxy {
    node: Arc<Node>,
    port: u16,
    serving: JoinHandle<()>,
}

struct Node {
    url: String,
    http: reqwest::Client,
    rules: Mutex<Rules>,
}

#[derive(Default)]
struct Rules {
    /// By method, with how many calls it is for.
    faults: HashMap<&'static str, (Fault, usize)>,
    lies: Vec<Lie>,
    /// Blocks by which it is behind.
    lag: u64,
    /// Calls that came, by method.
    asked: HashMap<String, usize>,
}

impl RpcProxy {
    /// Puts one before a node.
    pub async fn before(anvil: &Anvil) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let node = Arc::new(Node { url: anvil.url(), http, rules: Mutex::default() });
        let router = Router::new().fallback(call).with_state(node.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { node, port, serving }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn rules<T>(&self, change: impl FnOnce(&mut Rules) -> T) -> T {
        change(&mut self.node.rules.lock().unwrap())
    }

    /// What becomes of the next calls of a method, so many of them.
    pub fn fault(&self, method: &'static str, fault: Fault, calls: usize) {
        self.rules(|rules| rules.faults.insert(method, (fault, calls)));
    }

    /// From now on it says this, too.
    pub fn lie(&self, lie: Lie) {
        self.rules(|rules| rules.lies.push(lie));
    }

    /// From now on it knows nothing of the newest blocks, so many of them.
    pub fn lag(&self, blocks: u64) {
        self.rules(|rules| rules.lag = blocks);
    }

    /// As if there were no door.
    pub fn honest(&self) {
        self.rules(|rules| *rules = Rules { asked: std::mem::take(&mut rules.asked), ..Rules::default() });
    }

    /// How often a method was called.
    pub fn asked(&self, method: &str) -> usize {
        self.rules(|rules| rules.asked.get(method).copied().unwrap_or_default())
    }
}

impl Drop for RpcProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// One call. Nobody asks for several at a time.
async fn call(State(node): State<Arc<Node>>, Json(mut request): Json<Value>) -> Response {
    let method = request["method"].as_str().unwrap_or_default().to_owned();
    let (fault, lies, lag) = node.next(&method);
    if let Some(Fault::Refuse(status)) = fault {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let asked = request["params"].clone();
    let mut seen = None;
    if lag > 0 {
        let Some(head) = node.head().await else { return StatusCode::BAD_GATEWAY.into_response() };
        let last = head.saturating_sub(lag);
        seen = Some(last);
        if !cut_request(&method, &mut request["params"], last) {
            let error = json!({ "code": -32000, "message": "header not found" });
            return Json(json!({ "jsonrpc": "2.0", "id": request["id"], "error": error })).into_response();
        }
    }
    let Some(mut answer) = node.ask(&request).await else { return StatusCode::BAD_GATEWAY.into_response() };
    match fault {
        Some(Fault::LoseAnswer) => return StatusCode::GATEWAY_TIMEOUT.into_response(),
        Some(Fault::KeepAnswer) => pending().await,
        Some(Fault::Refuse(_)) | None => {}
    }
    if let Some(last) = seen {
        cut_answer(&method, &asked, &mut answer["result"], last);
    }
    for lie in &lies {
        lie.tell(&method, &asked, &mut answer["result"]);
    }
    // An answer has a result or an error, not both.
    if answer.get("error").is_some() {
        answer.as_object_mut().unwrap().remove("result");
    }
    Json(answer).into_response()
}

impl Node {
    /// What becomes of this call.
    fn next(&self, method: &str) -> (Option<Fault>, Vec<Lie>, u64) {
        let mut rules = self.rules.lock().unwrap();
        *rules.asked.entry(method.to_owned()).or_default() += 1;
        let own = if rules.faults.contains_key(method) { method } else { ANY };
        let fault = rules.faults.get_mut(own).filter(|(_, calls)| *calls > 0).map(|(fault, calls)| {
            *calls -= 1;
            *fault
        });
        (fault, rules.lies.clone(), rules.lag)
    }

    async fn ask(&self, request: &Value) -> Option<Value> {
        let answer = self.http.post(&self.url).json(request).send().await.ok()?;
        answer.json().await.ok()
    }

    async fn head(&self) -> Option<u64> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": [] });
        let answer = self.ask(&request).await?;
        u64::try_from(number(&answer["result"])).ok()
    }
}

/// The block that a tag or a number means to a node whose newest is `last`; `None` for a later one.
fn block_of(value: &Value, last: u64) -> Option<u64> {
    match value.as_str() {
        Some("finalized" | "safe") => Some(last.saturating_sub(2)),
        Some("earliest") => Some(0),
        Some(hex) if hex.starts_with("0x") => u64::try_from(number(value)).ok().filter(|block| *block <= last),
        _ => Some(last),
    }
}

/// Where the block stands among a method's parameters.
fn block_place(method: &str) -> Option<usize> {
    match method {
        "eth_getBlockByNumber" => Some(0),
        "eth_call" | "eth_getBalance" | "eth_getCode" | "eth_feeHistory" => Some(1),
        "eth_getTransactionCount" => Some(1),
        _ => None,
    }
}

/// Asks for nothing after the last block. Gives whether a node there could say anything to it.
fn cut_request(method: &str, params: &mut Value, last: u64) -> bool {
    if method == "eth_getLogs" {
        for bound in ["fromBlock", "toBlock"] {
            let block = block_of(&params[0][bound], last).unwrap_or(last);
            params[0][bound] = json!(format!("{block:#x}"));
        }
        return true;
    }
    let Some(place) = block_place(method) else { return true };
    if method == "eth_getTransactionCount" && params[place] == "pending" {
        return true;
    }
    match block_of(&params[place], last) {
        Some(block) => {
            let Some(list) = params.as_array_mut() else { return true };
            // What is left out is the newest.
            list.resize(list.len().max(place + 1), Value::Null);
            list[place] = json!(format!("{block:#x}"));
            true
        }
        // The answer to a block by its number is cut afterwards.
        None => method == "eth_getBlockByNumber",
    }
}

/// Leaves nothing of later blocks in an answer to this.
fn cut_answer(method: &str, asked: &Value, result: &mut Value, last: u64) {
    let is_later = |block: &Value| block.is_string() && number(block) > u128::from(last);
    match method {
        "eth_blockNumber" => *result = json!(format!("{last:#x}")),
        "eth_getBlockByNumber" if is_later(&result["number"]) => *result = Value::Null,
        "eth_getLogs" if block_of(&asked[0]["fromBlock"], last).is_none() => *result = json!([]),
        "eth_getTransactionReceipt" if is_later(&result["blockNumber"]) => *result = Value::Null,
        "eth_getTransactionByHash" if is_later(&result["blockNumber"]) => {
            for field in ["blockHash", "blockNumber", "transactionIndex"] {
                result[field] = Value::Null;
            }
        }
        _ => {}
    }
}

impl Lie {
    fn tell(&self, method: &str, params: &Value, result: &mut Value) {
        match (self, method) {
            (Self::OtherHashes(from), "eth_getBlockByNumber" | "eth_getBlockByHash") => {
                spoil(result, "number", "hash", *from);
            }
            (Self::OtherHashes(from), "eth_getTransactionReceipt" | "eth_getTransactionByHash") => {
                spoil(result, "blockNumber", "blockHash", *from);
            }
            (Self::OtherHashes(from), "eth_getLogs") => {
                for log in result.as_array_mut().into_iter().flatten() {
                    spoil(log, "blockNumber", "blockHash", *from);
                }
            }
            (Self::Made(log), "eth_getLogs") if is_asked_for(log, &params[0]) => {
                if let Some(logs) = result.as_array_mut() {
                    logs.push(log.clone());
                }
            }
            (Self::Hidden(topic), "eth_getLogs") => {
                if let Some(logs) = result.as_array_mut() {
                    logs.retain(|log| log["topics"][0] != *topic);
                }
            }
            (Self::Reverted, "eth_getTransactionReceipt") if result.is_object() => {
                result["status"] = json!("0x0");
                result["logs"] = json!([]);
            }
            (Self::Mined(transaction), "eth_getTransactionByHash") if params[0] == transaction["hash"] => {
                *result = transaction.clone();
            }
            _ => {}
        }
    }
}

/// Another hash for a block from `from` on.
fn spoil(value: &mut Value, number_field: &str, hash_field: &str, from: u64) {
    if !value[number_field].is_string() || number(&value[number_field]) < u128::from(from) {
        return;
    }
    let Some(hash) = value[hash_field].as_str() else { return };
    let first = if &hash[2..3] == "0" { "1" } else { "0" };
    value[hash_field] = json!(format!("0x{first}{}", &hash[3..]));
}

/// Whether a filter takes a log entry, by address and block.
fn is_asked_for(log: &Value, filter: &Value) -> bool {
    let block = number(&log["blockNumber"]);
    let bound = |field: &str, otherwise: u128| match filter[field].as_str() {
        Some(hex) if hex.starts_with("0x") => number(&filter[field]),
        _ => otherwise,
    };
    let address = log["address"].as_str().unwrap_or_default().to_lowercase();
    filter["address"].to_string().to_lowercase().contains(&address)
        && (bound("fromBlock", 0)..=bound("toBlock", u128::MAX)).contains(&block)
}
