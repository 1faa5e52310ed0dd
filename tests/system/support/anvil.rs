//! A local chain that belongs to one test, which may stop it, hang it and start it again; and what the
//! chain itself says, asked past the program: the second opinion on all that the ledger claims.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::api::text;
use super::{Site, setting, until};

/// Blocks come four times a second, and a block is final when two lie on top of it.
const BLOCK_SECS: &str = "0.25";
const LOCAL_CHAIN_ID: u64 = 31_337;
/// `keccak256("Transfer(address,address,uint256)")`.
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
const BALANCE_OF: &str = "0x70a08231";
const CLAIMED: &str = "0xdfcae622";
const ESCROW: &str = "0xd0ac94f7";

/// An anvil.
pub struct Anvil {
    child: Option<Child>,
    port: u16,
    dir: PathBuf,
    http: reqwest::Client,
}

impl Anvil {
    /// Starts one; what it holds is kept over [`Self::stop`] and [`Self::resume`].
    pub async fn start() -> Self {
        let dir = std::env::temp_dir().join(format!("tollbook-anvil-{}", Uuid::now_v7().simple()));
        fs::create_dir(&dir).unwrap();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let mut anvil = Self { child: None, port: super::servers::free_port(), dir, http };
        anvil.resume().await;
        anvil
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn launch(&mut self, args: &[&str]) {
        assert!(self.child.is_none(), "it is still running");
        let mut command = Command::new(setting("TEST_ANVIL"));
        command.args(["--host", "127.0.0.1", "--port", &self.port.to_string(), "--slots-in-an-epoch", "1", "--silent"]);
        command.args(["--block-time", BLOCK_SECS]).args(args).current_dir(&self.dir);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.child = Some(child);
    }

    async fn answers(&self) {
        until("anvil answers", async || self.try_rpc("eth_chainId", json!([])).await.ok()).await;
    }

    /// Starts it on the same port with what it held when it was stopped.
    pub async fn resume(&mut self) {
        let state = self.dir.join("state.json");
        self.launch(&["--state", state.to_str().unwrap()]);
        self.answers().await;
    }

    /// Starts on the same port a chain that has nothing to do with the one before.
    pub async fn start_another_chain(&mut self, chain_id: u64) {
        self.launch(&["--chain-id", &chain_id.to_string()]);
        self.answers().await;
    }

    /// Ends it in order: it writes down what it holds.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        super::signal(&child, "-TERM");
        until("anvil has ended", async || child.try_wait().unwrap()).await;
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// It takes connections and says nothing.
    pub fn hang(&self) {
        super::signal(self.child.as_ref().expect("it runs"), "-STOP");
    }

    pub fn go_on(&self) {
        super::signal(self.child.as_ref().expect("it runs"), "-CONT");
    }

    pub async fn try_rpc(&self, method: &str, params: Value) -> Result<Value, String> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.http.post(self.url()).json(&body).send().await.map_err(|e| e.to_string())?;
        let answer: Value = answer.json().await.map_err(|e| e.to_string())?;
        match answer.get("result") {
            Some(result) => Ok(result.clone()),
            None => Err(answer.to_string()),
        }
    }

    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        self.try_rpc(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// No blocks any more but those of [`Self::mine`].
    pub async fn stop_mining(&self) {
        self.rpc("evm_setIntervalMining", json!([0])).await;
        self.rpc("evm_setAutomine", json!([false])).await;
    }

    /// A block each second from now on.
    pub async fn resume_mining(&self) {
        self.rpc("evm_setIntervalMining", json!([1])).await;
    }

    pub async fn mine(&self) {
        self.rpc("evm_mine", json!([])).await;
    }

    /// Waits until so many transactions wait for a block.
    pub async fn pending(&self, count: u64) {
        until("the transactions wait for a block", async || {
            let status = self.rpc("txpool_status", json!([])).await;
            (number(&status["pending"]) == u128::from(count)).then_some(())
        })
        .await;
    }

    /// Sends a transaction of one of the chain's own accounts, and waits for its block.
    pub async fn send(&self, from: &str, to: &str, data: &str) {
        let transaction = json!([{ "from": from, "to": to, "data": data }]);
        let hash = self.rpc("eth_sendTransaction", transaction).await;
        let receipt = until("the transaction is in a block", async || {
            Some(self.rpc("eth_getTransactionReceipt", json!([hash])).await).filter(|receipt| !receipt.is_null())
        })
        .await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
    }

    async fn view(&self, to: &str, selector: &str, words: &[&str]) -> u128 {
        let data = words.iter().fold(selector.to_owned(), |data, word| data + &padded(word));
        number(&self.rpc("eth_call", json!([{ "to": to, "data": data }, "latest"])).await)
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The contract and the token on a chain, and who is paid.
#[derive(Clone)]
pub struct Deployed {
    pub contract: String,
    pub usdc: String,
    pub payee: String,
}

impl Deployed {
    /// Makes a chain ready with the program's own command, and tells the installation of it.
    pub async fn on(anvil: &Anvil, site: &mut Site) -> Self {
        let key = site.dir.join("settler.key");
        let (_, secret) = chain::voucher::generate().unwrap();
        fs::write(&key, secret.to_string()).unwrap();
        let out = site.dir.join("chain.env");
        let (url, key, out) = (anvil.url(), key.display().to_string(), out.display().to_string());
        let args = ["chain", "deploy", "--local", "--rpc-url", &url, "--settler-key-file", &key, "--out", &out];
        site.tollbook(&args, &[]).await.expect_code(0);
        let written = fs::read_to_string(&out).unwrap();
        let find = |name| super::assignment(&written, name).unwrap_or_else(|| panic!("{name} in {written}"));
        let deployed =
            Self { contract: find("TOLLBOOK_CONTRACT"), usdc: find("TOLLBOOK_USDC"), payee: find("TOLLBOOK_PAYEE") };
        site.set("EVM_RPC_URL", url);
        site.set("TOLLBOOK_CONTRACT", deployed.contract.clone());
        site.set("TOLLBOOK_USDC", deployed.usdc.clone());
        site.set("TOLLBOOK_PAYEE", deployed.payee.clone());
        site.set("TOLLBOOK_SETTLER_KEY_FILE", key);
        deployed
    }

    pub const fn chain_id(&self) -> u64 {
        LOCAL_CHAIN_ID
    }

    /// What an address has of the token, in atomic units.
    pub async fn balance(&self, anvil: &Anvil, address: &str) -> u128 {
        anvil.view(&self.usdc, BALANCE_OF, &[address]).await
    }

    /// What was claimed of a session for a payee.
    pub async fn claimed(&self, anvil: &Anvil, session_id: &str, payee: &str) -> u128 {
        anvil.view(&self.contract, CLAIMED, &[session_id, payee]).await
    }

    /// Deposits less withdrawals of a session for a payee.
    pub async fn escrow(&self, anvil: &Anvil, session_id: &str, payee: &str) -> u128 {
        anvil.view(&self.contract, ESCROW, &[session_id, payee]).await
    }

    /// Every transfer of the token from the contract to an address: transaction and amount.
    pub async fn transfers(&self, anvil: &Anvil, to: &str) -> Vec<(String, u128)> {
        let address = |address: &str| format!("0x{}", padded(address));
        let topics = json!([TRANSFER, address(&self.contract), address(to)]);
        let filter = json!([{ "address": self.usdc, "fromBlock": "0x0", "toBlock": "latest", "topics": topics }]);
        let logs = anvil.rpc("eth_getLogs", filter).await;
        let logs = logs.as_array().expect("a list").iter();
        logs.map(|log| (text(&log["transactionHash"]).to_owned(), number(&log["data"]))).collect()
    }
}

/// As 32 bytes, without `0x`.
fn padded(word: &str) -> String {
    format!("{:0>64}", word.strip_prefix("0x").unwrap_or(word))
}

#[track_caller]
fn number(value: &Value) -> u128 {
    u128::from_str_radix(text(value).trim_start_matches("0x"), 16).unwrap_or_else(|_| panic!("no number: {value}"))
}
