//! Several nodes of one chain, each of which says what a test has it say: who is asked, who is believed, and what it
//! means when they differ.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alloy::primitives::aliases::U48;
use alloy::primitives::{B256, LogData, U256};
use alloy::rpc::types::{Block, Log};
use alloy::sol_types::{SolCall, SolEvent};
use chain::bindings::SessionKeyValidator::{Frozen, sessionStateCall};
use chain::bindings::TestUSDC::{AuthorizationCanceled, AuthorizationUsed, authorizationStateCall};
use chain::client::{ChainError, Client, Settings};
use chain::networks::{Finality, Network};
use domain::evm::{Address, Bytes32, HexBytes};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const CONTRACT: Address = Address([1; 20]);
const TOKEN: Address = Address([2; 20]);
const SENDER: Address = Address([3; 20]);
const TX: Bytes32 = Bytes32([9; 32]);

/// What a node says.
#[derive(Clone)]
struct Says {
    chain_id: u64,
    head: u64,
    last_final: u64,
    /// From this block on its chain is another one than that of the others.
    forked_from: u64,
    logs: Vec<Log>,
    receipt: Option<Value>,
    nonce: Result<u64, &'static str>,
    /// Whether every session is frozen.
    is_frozen: bool,
    /// Whether every authorization was used.
    is_used: bool,
    /// How much gas a call takes; or why it would fail.
    estimate: Result<u64, &'static str>,
    /// The answer to signed bytes; `None` when it takes them.
    send: Option<&'static str>,
    /// It takes the question and never answers.
    is_silent: bool,
    /// It takes the question and closes the connection.
    hangs_up: bool,
    /// Blocks of which it gives log entries at a time.
    span_max: u64,
}

impl Default for Says {
    fn default() -> Self {
        Self {
            chain_id: 31_337,
            head: 20,
            last_final: 10,
            forked_from: u64::MAX,
            logs: Vec::new(),
            receipt: None,
            nonce: Ok(7),
            is_frozen: false,
            is_used: false,
            estimate: Ok(50_000),
            send: None,
            is_silent: false,
            hangs_up: false,
            span_max: u64::MAX,
        }
    }
}

fn network() -> Network {
    *Network::find("local").unwrap()
}

fn hash(number: u64, forked_from: u64) -> B256 {
    let is_forked = number >= forked_from;
    B256::from(U256::from(number) + if is_forked { U256::from(1) << 200_usize } else { U256::ZERO })
}

fn block(number: u64, forked_from: u64) -> Value {
    let mut block: Block = Block::default();
    block.header.inner.number = number;
    block.header.inner.timestamp = 1_700_000_000 + number;
    block.header.hash = hash(number, forked_from);
    serde_json::to_value(block).unwrap()
}

/// A log entry of the transaction with this mark.
fn entry(address: Address, data: LogData, mark: u8, number: u64, forked_from: u64) -> Log {
    Log {
        inner: alloy::primitives::Log { address: chain::address(address), data },
        block_hash: Some(hash(number, forked_from)),
        block_number: Some(number),
        transaction_hash: Some(B256::repeat_byte(mark)),
        transaction_index: Some(0),
        log_index: Some(u64::from(mark)),
        ..Log::default()
    }
}

/// One of the contract: a session that was frozen.
fn frozen(session: u8, number: u64, forked_from: u64) -> Log {
    let event = Frozen { sessionId: B256::repeat_byte(session), claimableUntil: U48::from(0) };
    entry(CONTRACT, event.encode_log_data(), session, number, forked_from)
}

/// One of the token: a nonce of an address that was used.
fn used(from: Address, nonce: Bytes32, mark: u8, number: u64) -> Log {
    let event = AuthorizationUsed { authorizer: chain::address(from), nonce: B256::from(nonce.0) };
    entry(TOKEN, event.encode_log_data(), mark, number, u64::MAX)
}

/// The same of one that was cancelled.
fn cancelled(from: Address, nonce: Bytes32, mark: u8, number: u64) -> Log {
    let event = AuthorizationCanceled { authorizer: chain::address(from), nonce: B256::from(nonce.0) };
    entry(TOKEN, event.encode_log_data(), mark, number, u64::MAX)
}

/// Whether a filter takes a log entry, by its address and its topics; what it leaves open does not matter.
fn is_taken(filter: &Value, log: &Log) -> bool {
    let is_one_of = |wanted: &Value, word: &Value| {
        let is_it = |one: &Value| one.as_str().unwrap().eq_ignore_ascii_case(word.as_str().unwrap());
        match wanted {
            Value::Null => true,
            Value::Array(any) => any.is_empty() || any.iter().any(is_it),
            one => is_it(one),
        }
    };
    let topics = filter["topics"].as_array().cloned().unwrap_or_default();
    let words: Vec<Value> = log.inner.data.topics().iter().map(|topic| json!(topic)).collect();
    let fits = topics.iter().enumerate().all(|(i, wanted)| is_one_of(wanted, words.get(i).unwrap_or(&json!(""))));
    fits && is_one_of(&filter["address"], &json!(log.inner.address))
}

fn receipt(number: u64, forked_from: u64, has_succeeded: bool) -> Value {
    json!({
        "transactionHash": TX.to_string(), "transactionIndex": "0x0", "blockHash": hash(number, forked_from),
        "blockNumber": format!("{number:#x}"), "from": SENDER.to_string(), "to": CONTRACT.to_string(),
        "cumulativeGasUsed": "0x1", "gasUsed": "0x1", "effectiveGasPrice": "0x1", "contractAddress": null,
        "logs": [], "logsBloom": format!("0x{}", "00".repeat(256)), "type": "0x2",
        "status": if has_succeeded { "0x1" } else { "0x0" },
    })
}

/// Whether a call is one of this function.
fn is_call(params: &Value, selector: [u8; 4]) -> bool {
    let input = params[0]["input"].as_str().or(params[0]["data"].as_str()).unwrap_or_default();
    input.starts_with(&format!("0x{:08x}", u32::from_be_bytes(selector)))
}

impl Says {
    fn number(&self, tag: &Value) -> u64 {
        match tag.as_str().unwrap() {
            "latest" | "pending" => self.head,
            "finalized" => self.last_final,
            hex => u64::from_str_radix(&hex[2..], 16).unwrap(),
        }
    }

    fn answer(&self, method: &str, params: &Value) -> Result<Value, String> {
        match method {
            "eth_chainId" => Ok(json!(format!("{:#x}", self.chain_id))),
            "eth_call" if is_call(params, sessionStateCall::SELECTOR) => {
                // The status comes first; of the rest nothing is asked.
                let status = if self.is_frozen { 3 } else { 2 };
                Ok(json!(format!("0x{status:064x}{}", "0".repeat(11 * 64))))
            }
            "eth_call" if is_call(params, authorizationStateCall::SELECTOR) => {
                Ok(json!(format!("0x{:064x}", u8::from(self.is_used))))
            }
            "eth_call" => {
                let of_token = params[0]["to"].as_str().unwrap().eq_ignore_ascii_case(&TOKEN.to_string());
                let domain = match of_token {
                    true => chain::eip3009::token_domain(&network(), TOKEN),
                    false => chain::typed::domain(31_337, CONTRACT),
                };
                Ok(json!(domain.separator()))
            }
            "eth_getBlockByNumber" => {
                let number = self.number(&params[0]);
                Ok(if number <= self.head { block(number, self.forked_from) } else { Value::Null })
            }
            "eth_getLogs" => {
                let (from, to) = (self.number(&params[0]["fromBlock"]), self.number(&params[0]["toBlock"]));
                if to - from >= self.span_max {
                    return Err("query exceeds max block range".into());
                }
                let is_asked_for =
                    |log: &&Log| (from..=to).contains(&log.block_number.unwrap()) && is_taken(&params[0], log);
                Ok(json!(self.logs.iter().filter(is_asked_for).collect::<Vec<_>>()))
            }
            "eth_getTransactionReceipt" => Ok(json!(self.receipt)),
            "eth_getTransactionCount" => {
                self.nonce.map(|nonce| json!(format!("{nonce:#x}"))).map_err(ToOwned::to_owned)
            }
            "eth_estimateGas" => self.estimate.map(|gas| json!(format!("{gas:#x}"))).map_err(ToOwned::to_owned),
            "eth_sendRawTransaction" => match self.send {
                None => Ok(json!(TX.to_string())),
                Some(why) => Err(why.to_owned()),
            },
            other => Err(format!("the method {other} does not exist")),
        }
    }
}

/// A node that answers over HTTP.
struct Node {
    url: String,
    says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<HashMap<String, usize>>>,
    serving: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Node {
    async fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v2/SECRET", listener.local_addr().unwrap());
        let (says, asked) = (Arc::new(Mutex::new(says)), Arc::new(Mutex::new(HashMap::new())));
        let serving = tokio::spawn({
            let (says, asked) = (says.clone(), asked.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, says.clone(), asked.clone()));
                }
            }
        });
        Self { url, says, asked, serving }
    }

    /// Nobody listens any more.
    async fn stop(&self) {
        self.serving.abort();
        while !self.serving.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn says(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap());
    }

    fn asked(&self, method: &str) -> usize {
        self.asked.lock().unwrap().get(method).copied().unwrap_or_default()
    }

    fn host(&self) -> String {
        self.url.trim_start_matches("http://").split('/').next().unwrap().to_owned()
    }
}

/// One request, one answer.
async fn serve(mut stream: TcpStream, says: Arc<Mutex<Says>>, asked: Arc<Mutex<HashMap<String, usize>>>) {
    let mut read = Vec::new();
    let body = loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.unwrap_or_default();
        if count == 0 {
            return;
        }
        read.extend_from_slice(&part[..count]);
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
        let length: usize = length.trim().parse().unwrap();
        if read.len() >= end + 4 + length {
            break read[end + 4..end + 4 + length].to_vec();
        }
    };
    let request: Value = serde_json::from_slice(&body).unwrap();
    let method = request["method"].as_str().unwrap().to_owned();
    *asked.lock().unwrap().entry(method.clone()).or_default() += 1;
    let says = says.lock().unwrap().clone();
    if says.hangs_up {
        return;
    }
    if says.is_silent {
        tokio::time::sleep(Duration::from_secs(60)).await;
        return;
    }
    let answer = match says.answer(&method, &request["params"]) {
        Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
        Err(message) => json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32_000, "message": message}}),
    };
    let answer = answer.to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
    let _ = stream.write_all(answer.as_bytes()).await;
}

async fn two() -> (Node, Node) {
    (Node::start(Says::default()).await, Node::start(Says::default()).await)
}

fn with_finality(urls: Vec<String>, finality: Finality) -> Client {
    let settings = Settings { rpc_urls: urls, network: network(), contract: CONTRACT, token: TOKEN, finality };
    Client::new(settings).unwrap()
}

fn client(nodes: &[&Node]) -> Client {
    with_finality(nodes.iter().map(|node| node.url.clone()).collect(), Finality::Finalized)
}

fn disagreement(error: ChainError) -> (String, Vec<(String, String)>) {
    match error {
        ChainError::Disagreement { what, answers } => (what, answers),
        other => panic!("no disagreement: {other:?}"),
    }
}

#[tokio::test]
async fn a_list_has_one_to_eight_nodes() {
    let settings = |rpc_urls| Settings {
        rpc_urls,
        network: network(),
        contract: CONTRACT,
        token: TOKEN,
        finality: Finality::Finalized,
    };
    assert!(Client::new(settings(Vec::new())).is_err());
    assert!(Client::new(settings(vec!["http://127.0.0.1:9/SECRET".into(); 9])).is_err());
    let shown = format!("{:?}", Client::new(settings(vec!["http://127.0.0.1:9/SECRET".into(); 8])).unwrap());
    assert!(shown.contains("127.0.0.1:9") && !shown.contains("SECRET"), "{shown}");
}

#[tokio::test]
async fn the_next_one_is_asked_when_the_first_is_away() {
    let node = Node::start(Says { head: 33, ..Says::default() }).await;
    // Nothing listens on the first.
    let client = with_finality(vec!["http://127.0.0.1:9".into(), node.url.clone()], Finality::Finalized);
    assert_eq!(client.head().await.unwrap().number, 33);
    assert_eq!(client.finalized().await.unwrap().unwrap().number, 10, "who does not answer is left out");
    let states = client.endpoints().await;
    assert_eq!(states.iter().map(|one| one.state.is_ok()).collect::<Vec<_>>(), [false, true]);
    assert_eq!(states[1].host, node.host());
    assert!(matches!(client.head().await, Ok(head) if head.number == 33));
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for_twice() {
    let (first, second) = two().await;
    first.says(|says| says.is_silent = true);
    second.says(|says| says.head = 33);
    let client = client(&[&first, &second]);
    let begun = Instant::now();
    assert_eq!(client.head().await.unwrap().number, 33);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(client.head().await.unwrap().number, 33);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    first.says(|says| says.is_silent = false);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(client.head().await.unwrap().number, 20, "the first comes first again");
}

#[tokio::test]
async fn a_node_of_another_chain_is_left_out() {
    let (first, second) = two().await;
    first.says(|says| (says.chain_id, says.head) = (1, 99));
    let both = client(&[&first, &second]);
    assert_eq!(both.head().await.unwrap().number, 20);
    assert_eq!(both.finalized().await.unwrap().unwrap().number, 10);
    assert!(matches!(both.endpoints().await[0].state, Err(ChainError::Mismatch(_))));
    let alone = client(&[&first]);
    assert!(matches!(alone.head().await, Err(ChainError::Mismatch(_))));
    assert!(matches!(alone.verify().await, Err(ChainError::Mismatch(_))));
}

#[tokio::test]
async fn the_one_that_is_behind_says_what_is_final() {
    let (first, second) = two().await;
    second.says(|says| (says.head, says.last_final) = (12, 8));
    let client = client(&[&first, &second]);
    let last = client.finalized().await.unwrap().unwrap();
    assert_eq!((last.number, last.hash.0), (8, hash(8, u64::MAX).0));
    // Blocks that are not final may differ, and one that is not there yet is no contradiction.
    second.says(|says| says.forked_from = 11);
    assert_eq!(client.finalized().await.unwrap().unwrap().number, 8);
    assert_eq!(client.block_at(15).await.unwrap().unwrap().number, 15);
    assert_eq!(client.block_at(21).await.unwrap(), None);
    second.says(|says| says.forked_from = 7);
    let (what, answers) = disagreement(client.finalized().await.unwrap_err());
    assert_eq!(what, "block 8");
    let hosts: Vec<_> = answers.iter().map(|(host, _)| host.clone()).collect();
    assert_eq!(hosts, [first.host(), second.host()]);
    assert_ne!(answers[0].1, answers[1].1);
    // As soon as one of them is away the other's word is taken.
    second.stop().await;
    assert_eq!(client.block_at(8).await.unwrap().unwrap().hash.0, hash(8, u64::MAX).0);
}

#[tokio::test]
async fn confirmations_are_counted_from_the_lower_head() {
    let (first, second) = two().await;
    second.says(|says| says.head = 18);
    let client = with_finality(vec![first.url.clone(), second.url.clone()], Finality::Confirmations(5));
    assert_eq!(client.finalized().await.unwrap().unwrap().number, 13);
    second.says(|says| says.head = 4);
    assert_eq!(client.finalized().await.unwrap(), None);
    second.says(|says| (says.head, says.forked_from) = (20, 13));
    assert_eq!(disagreement(client.finalized().await.unwrap_err()).0, "block 15");
}

#[tokio::test]
async fn final_entries_must_be_the_same_everywhere() {
    let (first, second) = two().await;
    let entries = vec![frozen(1, 3, u64::MAX), frozen(2, 5, u64::MAX)];
    first.says(|says| says.logs = entries.clone());
    // Not all nodes give a block's time with an entry.
    let timed = |log: &Log| Log { block_timestamp: Some(1_700_000_000), ..log.clone() };
    second.says(|says| says.logs = entries.iter().map(timed).collect());
    let client = client(&[&first, &second]);
    assert_eq!(client.logs(0, 10).await.unwrap().len(), 2);
    second.says(|says| says.logs.truncate(1));
    let (what, answers) = disagreement(client.logs(0, 10).await.unwrap_err());
    assert!(what.contains("0 to 10") && answers[0].1.starts_with("2 entries") && answers[1].1.starts_with("1 "));
    assert_eq!(client.logs(0, 4).await.unwrap().len(), 1, "up to there they agree");
    // Who has not come so far has nothing to say about it.
    second.says(|says| says.head = 4);
    assert_eq!(client.logs(0, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_any_node_has_seen_counts_as_seen() {
    let (first, second) = two().await;
    let both = frozen(1, 11, u64::MAX);
    first.says(|says| says.logs = vec![both.clone(), frozen(2, 12, u64::MAX)]);
    second.says(|says| (says.head, says.logs) = (13, vec![frozen(3, 12, 12), both.clone()]));
    let client = client(&[&first, &second]);
    let logs = client.logs_seen(11, 20).await.unwrap();
    let sessions: Vec<_> = logs.iter().map(|log| log.transaction_hash.unwrap()[0]).collect();
    assert_eq!(sessions, [1, 2, 3], "each once, and of two chains both");
    second.stop().await;
    assert_eq!(client.logs_seen(11, 20).await.unwrap().len(), 2, "as long as one answers");
}

#[tokio::test]
async fn what_one_node_has_of_a_session_is_heard_and_what_is_final_must_be_agreed() {
    let (first, second) = two().await;
    second.says(|says| says.is_frozen = true);
    let client = client(&[&first, &second]);
    let ask = async |block| {
        let views = client.sessions_at(Bytes32([5; 32]), block).await?;
        Ok::<_, ChainError>(views.iter().map(|view| view.frozen).collect::<Vec<_>>())
    };
    assert_eq!(ask(None).await.unwrap(), [false, true], "each says its own");
    let (what, answers) = disagreement(ask(Some(8)).await.unwrap_err());
    assert!(what.ends_with("in block 8") && answers.len() == 2, "{what}");
    first.says(|says| says.is_frozen = true);
    assert_eq!(ask(Some(8)).await.unwrap(), [true], "one answer, which all give");
    second.stop().await;
    assert_eq!(ask(None).await.unwrap(), [true], "the silence of one stops nothing");
    assert_eq!(ask(Some(8)).await.unwrap(), [true]);
}

#[tokio::test]
async fn who_used_an_authorization_is_asked_of_all_nodes() {
    let (first, second) = two().await;
    let client = client(&[&first, &second]);
    let (from, nonce) = (SENDER, Bytes32([6; 32]));
    let is_used = async || client.is_authorization_used_anywhere(TOKEN, from, nonce).await.unwrap();
    assert!(!is_used().await);
    second.says(|says| says.is_used = true);
    assert!(is_used().await, "one that says so is enough");
    let uses = async || client.authorization_uses(TOKEN, from, nonce, 0).await.unwrap();
    let (other, one) = (Bytes32([7; 32]), used(from, nonce, 1, 9));
    // Of another nonce, another payer, another contract.
    let others = [used(from, other, 2, 3), used(CONTRACT, nonce, 3, 3), frozen(4, 3, u64::MAX)];
    second.says(|says| says.logs = others.to_vec());
    assert!(uses().await.is_empty());
    second.says(|says| says.logs.push(one.clone()));
    assert_eq!(uses().await.iter().map(|used| used.tx_hash.0[0]).collect::<Vec<_>>(), [1], "any that has it");
    // In final blocks all must have it, or none.
    let last = async |block| client.final_authorization_use(TOKEN, from, nonce, 0, block).await;
    let (what, _) = disagreement(last(10).await.unwrap_err());
    assert!(what.ends_with("in blocks 0 to 10"), "{what}");
    assert_eq!(last(8).await.unwrap(), None);
    first.says(|says| says.logs = vec![one.clone()]);
    assert_eq!(uses().await.len(), 1, "the same one is named once");
    assert_eq!(last(10).await.unwrap().map(|used| used.block_number), Some(9));
    first.says(|says| says.logs = vec![used(from, nonce, 2, 12)]);
    assert_eq!(uses().await.len(), 2, "of two chains both");
    // Who has not come so far has nothing to say about it.
    first.says(|says| says.head = 4);
    assert_eq!(last(10).await.unwrap().map(|used| used.block_number), Some(9));
    first.stop().await;
    assert!(is_used().await, "the silence of one stops nothing");
}

#[tokio::test]
async fn a_cancelled_authorization_is_used_and_made_no_transfer() {
    let (first, second) = two().await;
    let client = client(&[&first, &second]);
    let (from, nonce) = (SENDER, Bytes32([6; 32]));
    for node in [&first, &second] {
        node.says(|says| says.logs = vec![cancelled(from, Bytes32([7; 32]), 1, 3), cancelled(from, nonce, 2, 9)]);
    }
    assert!(client.authorization_uses(TOKEN, from, nonce, 0).await.unwrap().is_empty());
    let last = async |block| client.final_authorization_use(TOKEN, from, nonce, 0, block).await;
    assert_eq!(last(8).await.unwrap(), None);
    let found = last(10).await.unwrap().unwrap();
    assert_eq!((found.tx_hash.0, found.block_number), ([2; 32], 9));
    // Whether it was used or cancelled, all must say the same.
    first.says(|says| says.logs = vec![used(from, nonce, 3, 9)]);
    let (_, answers) = disagreement(last(10).await.unwrap_err());
    assert!(answers.iter().all(|(_, answer)| answer.starts_with("transaction 0x")), "{answers:?}");
}

#[tokio::test]
async fn a_node_that_takes_few_blocks_at_a_time_is_asked_for_few() {
    let node = Node::start(Says { span_max: 100, head: 2_000, ..Says::default() }).await;
    node.says(|says| says.logs = (1..=9).map(|n| frozen(n, u64::from(n) * 100, u64::MAX)).collect());
    let client = client(&[&node]);
    assert_eq!(client.logs(1, 1_000).await.unwrap().len(), 9);
    assert!(node.asked("eth_getLogs") < 50, "{}", node.asked("eth_getLogs"));
}

#[tokio::test]
async fn sending_is_done_when_one_takes_it() {
    let (first, second) = two().await;
    let client = client(&[&first, &second]);
    let raw = HexBytes(vec![2, 0xc0]);
    let send = async |answers: [Option<&'static str>; 2]| {
        first.says(|says| says.send = answers[0]);
        second.says(|says| says.send = answers[1]);
        client.send(&raw).await
    };
    let (poor, low, known) = ("insufficient funds for gas * price + value", "transaction underpriced", "already known");
    let late = "nonce too low: next nonce 8, tx nonce 7";
    assert_eq!(send([None, None]).await, Ok(()));
    assert_eq!((first.asked("eth_sendRawTransaction"), second.asked("eth_sendRawTransaction")), (1, 1), "both have it");
    assert_eq!(send([Some(low), None]).await, Ok(()));
    assert_eq!(send([Some(known), Some(known)]).await, Ok(()));
    assert_eq!(send([Some(late), Some(known)]).await, Ok(()));
    assert!(matches!(send([Some(poor), Some(poor)]).await, Err(ChainError::NoGasMoney(_))));
    assert!(matches!(send([Some("no"), Some(low)]).await, Err(ChainError::Underpriced(_))));
    assert_eq!(send([Some(low), Some(late)]).await, Err(ChainError::NonceTooLow));
    // Who has answered is not away.
    assert!(matches!(send([Some("no"), Some("no")]).await, Err(ChainError::NotTaken(why)) if why.starts_with("no ")));
    let reverted = "execution reverted";
    assert_eq!(send([Some(reverted), Some(reverted)]).await, Err(ChainError::NotTaken(reverted.into())));
    assert_eq!(send([Some(reverted), None]).await, Ok(()));
    second.stop().await;
    assert!(matches!(send([Some("no"), None]).await, Err(ChainError::NotTaken(_))));
    first.stop().await;
    assert!(matches!(send([None, None]).await, Err(ChainError::Unavailable(_))));
}

#[tokio::test]
async fn receipts_of_final_blocks_must_be_the_same_everywhere() {
    let (first, second) = two().await;
    let client = client(&[&first, &second]);
    assert!(client.receipt(TX).await.unwrap().is_none());
    let both = |one: Option<Value>, other: Option<Value>| {
        first.says(|says| says.receipt = one);
        second.says(|says| says.receipt = other);
    };
    both(Some(receipt(9, u64::MAX, true)), Some(receipt(9, u64::MAX, true)));
    assert_eq!(client.receipt(TX).await.unwrap().unwrap().block_number, Some(9));
    both(Some(receipt(9, u64::MAX, true)), Some(receipt(9, u64::MAX, false)));
    let (what, answers) = disagreement(client.receipt(TX).await.unwrap_err());
    assert!(what.contains(&TX.to_string()), "{what}");
    assert!(answers[0].1.contains("went through") && answers[1].1.contains("was reverted"), "{answers:?}");
    both(None, Some(receipt(9, u64::MAX, true)));
    assert_eq!(disagreement(client.receipt(TX).await.unwrap_err()).1[0].1, "no block has it");
    // One of the two has not heard of it yet, or is on another branch: time will tell.
    both(None, Some(receipt(12, u64::MAX, true)));
    assert_eq!(client.receipt(TX).await.unwrap().unwrap().block_number, Some(12));
    both(Some(receipt(13, 12, true)), Some(receipt(12, u64::MAX, true)));
    assert_eq!(client.receipt(TX).await.unwrap().unwrap().block_number, Some(13));
}

#[tokio::test]
async fn counts_of_transactions_must_be_the_same_everywhere() {
    let (first, second) = two().await;
    let client = client(&[&first, &second]);
    assert_eq!(client.nonce_at(SENDER, 10).await, Ok(7));
    second.says(|says| says.nonce = Err("missing trie node"));
    assert_eq!(client.nonce_at(SENDER, 10).await, Ok(7), "who does not know any more is left out");
    second.says(|says| says.nonce = Ok(8));
    let (what, answers) = disagreement(client.nonce_at(SENDER, 10).await.unwrap_err());
    assert!(what.contains("block 10"), "{what}");
    assert_eq!((answers[0].1.as_str(), answers[1].1.as_str()), ("7", "8"));
    assert_eq!(client.mined_nonce(SENDER).await, Ok(7), "the first that answers");
}

#[tokio::test]
async fn who_was_away_for_a_moment_is_asked_what_is_final() {
    let (liar, honest) = two().await;
    let client = client(&[&liar, &honest]);
    assert!(client.block_at(8).await.unwrap().is_some());
    honest.says(|says| says.hangs_up = true);
    assert!(client.block_at(8).await.unwrap().is_some(), "as long as it is away it is not missed");
    // Others still come first for now.
    honest.says(|says| says.hangs_up = false);
    liar.says(|says| says.forked_from = 7);
    assert_eq!(disagreement(client.block_at(8).await.unwrap_err()).0, "block 8");
}

#[tokio::test]
async fn of_three_two_must_answer() {
    let (first, second) = two().await;
    let third = Node::start(Says { last_final: 9, ..Says::default() }).await;
    let client = client(&[&first, &second, &third]);
    assert_eq!(client.finalized().await.unwrap().unwrap().number, 9);
    third.stop().await;
    assert_eq!(client.finalized().await.unwrap().unwrap().number, 10);
    second.stop().await;
    assert_eq!(client.head().await.unwrap().number, 20, "what decides nothing, one may say");
    let error = client.finalized().await.unwrap_err();
    assert!(error.to_string().contains("only 1 of 3 nodes answer, and 2 must"), "{error}");
    assert!(matches!(client.logs(0, 5).await, Err(ChainError::Unavailable(_))));
    assert!(matches!(client.receipt(TX).await, Err(ChainError::Unavailable(_))));
}

#[tokio::test]
async fn what_is_refused_for_good_all_refuse() {
    let (first, second) = two().await;
    let client = client(&[&first, &second]);
    let data = HexBytes(vec![1]);
    let estimate = async |answers: [Result<u64, &'static str>; 2]| {
        first.says(|says| says.estimate = answers[0]);
        second.says(|says| says.estimate = answers[1]);
        client.estimate_gas_everywhere(SENDER, CONTRACT, &data).await
    };
    let refuses = Err("execution reverted: no");
    assert_eq!(estimate([Ok(60_000), Ok(50_000)]).await, Ok(50_000));
    assert!(matches!(estimate([refuses, refuses]).await, Err(ChainError::Refused { .. })));
    for answers in [[refuses, Ok(50_000)], [Ok(50_000), refuses]] {
        let error = estimate(answers).await.unwrap_err();
        assert!(matches!(&error, ChainError::Unavailable(why) if why.contains("execution reverted: no")), "{error:?}");
    }
    // Where they go on to differ, the chain itself may be asked.
    assert_eq!(client.estimate_gas_anywhere(SENDER, CONTRACT, &data).await, Ok(50_000));
    // Who does not know now says nothing of it.
    assert!(matches!(estimate([refuses, Err("header not found")]).await, Err(ChainError::Refused { .. })));
    let anywhere = client.estimate_gas_anywhere(SENDER, CONTRACT, &data).await;
    assert!(matches!(anywhere, Err(ChainError::Refused { .. })), "{anywhere:?}");
    second.stop().await;
    assert!(matches!(estimate([refuses, Ok(50_000)]).await, Err(ChainError::Refused { .. })));
}

#[tokio::test]
async fn a_chain_that_took_the_place_of_ours_is_found_when_there_is_doubt() {
    let node = Node::start(Says::default()).await;
    let client = client(&[&node]);
    assert!(client.block_at(8).await.unwrap().is_some());
    node.says(|says| (says.chain_id, says.forked_from) = (1, 0));
    assert!(client.block_at(8).await.unwrap().is_some(), "it was right a moment ago");
    client.doubt().await;
    assert!(matches!(client.block_at(8).await, Err(ChainError::Mismatch(_))));
}

#[tokio::test]
async fn whose_nonce_is_first_all_must_say() {
    let (first, second) = two().await;
    let client = client(&[&first, &second]);
    assert_eq!(client.mined_nonce_everywhere(SENDER).await, Ok(7));
    second.says(|says| says.nonce = Ok(9));
    assert!(disagreement(client.mined_nonce_everywhere(SENDER).await.unwrap_err()).0.contains("the transactions of"));
}

#[tokio::test]
async fn who_is_far_behind_most_holds_up_nothing_that_is_final() {
    let ahead =
        || Says { head: 9_000, last_final: 8_900, receipt: Some(receipt(8_000, u64::MAX, true)), ..Says::default() };
    let (first, second) = (Node::start(ahead()).await, Node::start(ahead()).await);
    let behind = Node::start(Says { nonce: Err("header not found"), ..Says::default() }).await;
    let client = client(&[&first, &second, &behind]);
    assert_eq!(client.finalized().await.unwrap().unwrap().number, 8_900);
    assert_eq!(client.receipt(TX).await.unwrap().unwrap().block_number, Some(8_000));
    assert_eq!(client.mined_nonce_everywhere(SENDER).await, Ok(7));
    // As soon as it has come so far it must know of it.
    behind.says(|says| says.head = 8_000);
    let (_, answers) = disagreement(client.receipt(TX).await.unwrap_err());
    assert_eq!(answers[2].1, "no block has it");
}
