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
pub const LOCAL_CHAIN_ID: u64 = 31_337;
/// In wei.
pub const GWEI: u64 = 1_000_000_000;
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
        let state = self.state_file();
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

    /// So many blocks at once.
    pub async fn mine_blocks(&self, count: u64) {
        self.rpc("anvil_mine", json!([format!("{count:#x}")])).await;
    }

    /// The number of the newest block.
    pub async fn head(&self) -> u64 {
        u64::try_from(number(&self.rpc("eth_blockNumber", json!([])).await)).unwrap()
    }

    /// The hash of a block.
    pub async fn block_hash(&self, block: u64) -> String {
        let block = self.rpc("eth_getBlockByNumber", json!([format!("{block:#x}"), false])).await;
        text(&block["hash"]).to_owned()
    }

    /// Waits until so many more blocks have come by themselves.
    pub async fn goes_on(&self, blocks: u64) {
        let goal = self.head().await + blocks;
        until("the chain goes on", async || (self.head().await >= goal).then_some(())).await;
    }

    /// The newest blocks are replaced by others, as many, which have none of their transactions but these: the
    /// signed bytes of each, and in which of the new blocks, from 0. The node forgets the rest.
    pub async fn reorganize(&self, depth: u64, transactions: &[(String, u64)]) {
        self.rpc("anvil_reorg", json!([depth, transactions])).await;
    }

    /// What [`Self::set_back`] goes back to.
    pub async fn snapshot(&self) -> Value {
        self.rpc("evm_snapshot", json!([])).await
    }

    /// The chain is what it was then, and goes on from there: from a backup, as it were.
    pub async fn set_back(&self, snapshot: &Value) {
        assert_eq!(self.rpc("evm_revert", json!([snapshot])).await, true, "the chain knows this snapshot");
    }

    fn state_file(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    /// Copies what a chain that was stopped holds, for [`Self::restore_state`].
    pub fn back_up_state(&self) {
        assert!(self.child.is_none(), "it is still running");
        fs::copy(self.state_file(), self.dir.join("backup.json")).unwrap();
    }

    /// What a chain that was stopped holds is what was backed up.
    pub fn restore_state(&self) {
        assert!(self.child.is_none(), "it is still running");
        fs::copy(self.dir.join("backup.json"), self.state_file()).unwrap();
    }

    /// What a unit of gas costs at least in the next block, in wei. After that it falls by an eighth in each empty block.
    pub async fn set_base_fee(&self, wei: u64) {
        self.rpc("anvil_setNextBlockBaseFeePerGas", json!([format!("{wei:#x}")])).await;
    }

    /// What a unit of gas cost at least in the newest block, in wei.
    pub async fn base_fee(&self) -> u64 {
        let block = self.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
        u64::try_from(number(&block["baseFeePerGas"])).unwrap()
    }

    /// The bytes of a transaction that the node knows.
    pub async fn raw(&self, hash: &str) -> String {
        text(&self.rpc("eth_getRawTransactionByHash", json!([hash])).await).to_owned()
    }

    /// Hands signed bytes to the node.
    pub async fn send_raw(&self, raw: &str) {
        self.rpc("eth_sendRawTransaction", json!([raw])).await;
    }

    /// How many transactions of an address are in blocks.
    pub async fn transactions(&self, address: &str) -> u64 {
        u64::try_from(number(&self.rpc("eth_getTransactionCount", json!([address, "latest"])).await)).unwrap()
    }

    /// What the contract at this address wrote into its log, with these topics.
    pub async fn logs(&self, address: &str, topics: Value) -> Vec<Value> {
        let filter = json!([{ "address": address, "fromBlock": "0x0", "toBlock": "latest", "topics": topics }]);
        self.rpc("eth_getLogs", filter).await.as_array().expect("a list").clone()
    }

    /// Waits until so many transactions wait for a block.
    pub async fn pending(&self, count: u64) {
        until("the transactions wait for a block", async || {
            let status = self.rpc("txpool_status", json!([])).await;
            (number(&status["pending"]) == u128::from(count)).then_some(())
        })
        .await;
    }

    /// Sends a transaction of one of the chain's own accounts, and does not wait. Gives its hash.
    pub async fn start_sending(&self, from: &str, to: &str, data: &str) -> String {
        let transaction = json!([{ "from": from, "to": to, "data": data }]);
        text(&self.rpc("eth_sendTransaction", transaction).await).to_owned()
    }

    /// Sends a transaction of one of the chain's own accounts, and waits for its block. Gives its receipt.
    pub async fn send(&self, from: &str, to: &str, data: &str) -> Value {
        let hash = self.start_sending(from, to, data).await;
        let receipt = until("the transaction is in a block", async || {
            Some(self.rpc("eth_getTransactionReceipt", json!([hash])).await).filter(|receipt| !receipt.is_null())
        })
        .await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
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
        let logs = anvil.logs(&self.usdc, json!([TRANSFER, address(&self.contract), address(to)])).await;
        logs.iter().map(|log| (text(&log["transactionHash"]).to_owned(), number(&log["data"]))).collect()
    }
}

/// As 32 bytes, without `0x`.
pub fn padded(word: &str) -> String {
    format!("{:0>64}", word.strip_prefix("0x").unwrap_or(word))
}

/// A number as nodes write it.
#[track_caller]
pub fn number(value: &Value) -> u128 {
    u128::from_str_radix(text(value).trim_start_matches("0x"), 16).unwrap_or_else(|_| panic!("no number: {value}"))
}
