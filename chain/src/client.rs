//! Talks to a node of the chain: every call has a time-out, and nothing is believed before chain id,
//! contract and token were compared with the settings.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::network::TransactionBuilder;
use alloy::primitives::{B256, Bytes};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::{Block, Filter, Log, TransactionRequest};
use alloy::sol_types::{SolEvent, SolInterface};
use alloy::transports::{RpcError, TransportErrorKind};
use chrono::DateTime;
use domain::Timestamp;
use domain::evm::{Address, Bytes32, HexBytes};
use domain::money::{Amount, Currency};
use domain::session_key::Terms;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::bindings::SessionKeyValidator::{SessionKeyValidatorErrors as Errors, SessionKeyValidatorInstance};
use crate::bindings::TestUSDC::{TestUSDCInstance, Transfer};
use crate::networks::{Finality, Network};

mod authorizations;

pub use authorizations::Used;

/// How long one call may take.
const CALL_WITHIN: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Blocks in one question to the node.
pub const BLOCKS_MAX: u64 = 1_000;
/// What is shown of a node's or a contract's own words.
const DETAIL_CHARS_MAX: usize = 500;
/// The most gas that a call for somebody may take: an owner's contract decides what checking its signature
/// costs, and the settler pays.
pub const RELAY_GAS_MAX: u64 = 1_000_000;
/// How long a failed comparison is remembered, so that those who wait for it do not each wait anew.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// How long a chain that was found right is believed to be it.
const VERIFIED_FOR: Duration = Duration::from_secs(10);

/// What became of a transaction.
pub type Receipt = alloy::rpc::types::TransactionReceipt;

/// Which chain, and what is on it.
#[derive(Clone)]
pub struct Settings {
    /// The node.
    pub rpc_url: String,
    /// The chain.
    pub network: Network,
    /// The contract.
    pub contract: Address,
    /// The token.
    pub token: Address,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rpc_url = without_paths(&self.rpc_url);
        write!(f, "{} at {rpc_url}, contract {}, token {}", self.network.name, self.contract, self.token)
    }
}

/// Why the chain did not answer, or not as hoped.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChainError {
    /// The node cannot be reached, or says nothing useful.
    #[error("the chain cannot be reached: {0}")]
    Unavailable(String),
    /// The node answers for something else than the settings name.
    #[error("the node is not the one of the settings: {0}")]
    Mismatch(String),
    /// The contract says no.
    #[error("the contract refuses: {detail}")]
    Refused {
        /// The name of the contract's error, for example `SessionExists`; empty when it gives none.
        error: String,
        /// In words.
        detail: String,
    },
}

type RpcFailure = RpcError<TransportErrorKind>;

/// A node's URL often holds its key: of every URL only scheme and host are shown.
pub(crate) fn without_paths(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, ')' | '"' | '\'')).unwrap_or(after.len());
        let host = after[..end].split(['/', '?', '#']).next().unwrap_or_default();
        // User and password stand before the last '@'.
        let host = host.rsplit('@').next().unwrap_or_default();
        shown.push_str(before);
        shown.push_str(host);
        rest = &after[end..];
    }
    shown.push_str(rest);
    shown.chars().take(DETAIL_CHARS_MAX).collect()
}

impl From<RpcFailure> for ChainError {
    fn from(error: RpcFailure) -> Self {
        let Some(payload) = error.as_error_resp() else { return Self::Unavailable(without_paths(&error.to_string())) };
        if let Some(data) = payload.as_revert_data() {
            return refusal(&data);
        }
        if payload.message.to_lowercase().contains("revert") {
            return Self::Refused { error: String::new(), detail: without_paths(&payload.message) };
        }
        Self::Unavailable(without_paths(&format!("{} ({})", payload.message, payload.code)))
    }
}

fn refusal(data: &Bytes) -> ChainError {
    let decoded = Errors::abi_decode(data).map(|error| format!("{error:?}"));
    match decoded {
        Ok(detail) => {
            // Written as `Name(Name { field: … })`: the inner part says it all.
            let (name, inner) = detail.split_once('(').unwrap_or((&detail, ""));
            let inner = inner.strip_suffix(')').unwrap_or(name);
            ChainError::Refused { error: name.to_owned(), detail: inner.to_owned() }
        }
        Err(_) => {
            // Whoever wrote the contract that refuses may have written a novel.
            let data = Bytes::copy_from_slice(data.get(..DETAIL_CHARS_MAX).unwrap_or(data));
            let reason = alloy::sol_types::decode_revert_reason(&data).unwrap_or_else(|| data.to_string());
            ChainError::Refused { error: String::new(), detail: without_paths(&reason) }
        }
    }
}

/// A block, as far as we need one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRef {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: Bytes32,
    /// Its own time.
    pub time: Timestamp,
}

impl From<&Block> for BlockRef {
    fn from(block: &Block) -> Self {
        let seconds = i64::try_from(block.header.timestamp).unwrap_or(i64::MAX);
        Self {
            number: block.header.number,
            hash: crate::own_bytes32(block.header.hash),
            time: DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC),
        }
    }
}

/// A session and one payee's part of it, as the contract has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnChain {
    /// Whether the contract knows the session.
    pub registered: bool,
    /// Next nonce of a signed owner action.
    pub nonce: u64,
    /// Deposits less withdrawals.
    pub escrow: Amount,
    /// Claimed, cumulative.
    pub claimed: Amount,
}

/// What to pay for a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// At most this much for a unit of gas, in wei.
    pub max_fee_wei: u64,
    /// Of that to the block's producer, in wei.
    pub priority_fee_wei: u64,
}

/// What the last comparison with the settings came to, and when.
type Compared = (Instant, Result<(), ChainError>);

/// A node of the chain. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    provider: DynProvider,
    settings: Arc<Settings>,
    verified: Arc<Mutex<Option<Compared>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A connection to a node; made when it is first used.
pub fn provider(rpc_url: &str) -> Result<DynProvider, ChainError> {
    let url: reqwest::Url = rpc_url.parse().map_err(|_| ChainError::Unavailable("EVM_RPC_URL is not a URL".into()))?;
    let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let mut http = reqwest::Client::builder().timeout(CALL_WITHIN).connect_timeout(CONNECT_WITHIN);
    if is_loopback {
        http = http.no_proxy();
    }
    let http = http.build().map_err(|e| ChainError::Unavailable(e.to_string()))?;
    Ok(ProviderBuilder::new().disable_recommended_fillers().connect_reqwest(http, url).erased())
}

async fn within<T>(call: impl Future<Output = Result<T, RpcFailure>>) -> Result<T, ChainError> {
    match tokio::time::timeout(CALL_WITHIN, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(ChainError::Unavailable(format!("no answer within {} s", CALL_WITHIN.as_secs()))),
    }
}

impl Client {
    /// A client; nothing is asked yet.
    pub fn new(settings: Settings) -> Result<Self, ChainError> {
        let provider = provider(&settings.rpc_url)?;
        Ok(Self { provider, settings: Arc::new(settings), verified: Arc::default() })
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn contract(&self) -> SessionKeyValidatorInstance<&DynProvider> {
        SessionKeyValidatorInstance::new(crate::address(self.settings.contract), &self.provider)
    }

    /// Compares chain id, contract and token with the settings; believes the result for some seconds.
    pub async fn verify(&self) -> Result<(), ChainError> {
        let mut verified = self.verified.lock().await;
        if let Some((at, answer)) = verified.as_ref() {
            let good_for = if answer.is_ok() { VERIFIED_FOR } else { FAILED_FOR };
            if at.elapsed() < good_for {
                return answer.clone();
            }
        }
        let answer = self.compare().await;
        *verified = Some((Instant::now(), answer.clone()));
        answer
    }

    async fn compare(&self) -> Result<(), ChainError> {
        let settings = &self.settings;
        let chain_id = within(async { self.provider.get_chain_id().await }).await?;
        if chain_id != settings.network.chain_id {
            let (expected, name) = (settings.network.chain_id, settings.network.name);
            return Err(ChainError::Mismatch(format!("its chain id is {chain_id}, {name} has {expected}")));
        }
        let separator = self.call_view(self.contract().DOMAIN_SEPARATOR().call().into_future()).await;
        let ours = crate::typed::domain(chain_id, settings.contract).separator();
        if !matches!(separator, Ok(found) if found == ours) {
            return Err(match separator {
                Err(ChainError::Unavailable(why)) if !why.contains("no contract") => ChainError::Unavailable(why),
                _ => ChainError::Mismatch(format!("at {} there is no SessionKeyValidator 1", settings.contract)),
            });
        }
        let token = TestUSDCInstance::new(crate::address(settings.token), &self.provider);
        let separator = self.call_view(token.DOMAIN_SEPARATOR().call().into_future()).await;
        let expected = alloy::sol_types::eip712_domain! {
            name: settings.network.usdc_name,
            version: settings.network.usdc_version,
            chain_id: chain_id,
            verifying_contract: crate::address(settings.token),
        };
        match separator {
            Ok(found) if found == expected.separator() => {}
            Err(ChainError::Unavailable(why)) if !why.contains("no contract") => {
                return Err(ChainError::Unavailable(why));
            }
            _ => {
                let (name, version) = (settings.network.usdc_name, settings.network.usdc_version);
                return Err(ChainError::Mismatch(format!(
                    "the token at {} does not sign as {name:?} version {version:?}",
                    settings.token
                )));
            }
        }
        Ok(())
    }

    /// Forgets that the chain was found right: something went wrong since.
    async fn doubt<T>(&self, answer: Result<T, ChainError>) -> Result<T, ChainError> {
        if matches!(answer, Err(ChainError::Unavailable(_))) {
            *self.verified.lock().await = None;
        }
        answer
    }

    async fn call_view<T>(
        &self,
        call: impl Future<Output = Result<T, alloy::contract::Error>>,
    ) -> Result<T, ChainError> {
        match tokio::time::timeout(CALL_WITHIN, call).await {
            Err(_) => Err(ChainError::Unavailable("no answer".into())),
            Ok(Ok(value)) => Ok(value),
            Ok(Err(alloy::contract::Error::TransportError(error))) => Err(error.into()),
            Ok(Err(alloy::contract::Error::ZeroData(..))) => {
                Err(ChainError::Unavailable("no contract at this address".into()))
            }
            Ok(Err(error)) => Err(ChainError::Unavailable(without_paths(&error.to_string()))),
        }
    }

    async fn rpc<T>(&self, call: impl Future<Output = Result<T, RpcFailure>>) -> Result<T, ChainError> {
        self.verify().await?;
        self.doubt(within(call).await).await
    }

    async fn block(&self, tag: BlockNumberOrTag) -> Result<Option<BlockRef>, ChainError> {
        let block = self.rpc(async { self.provider.get_block_by_number(tag).await }).await?;
        Ok(block.as_ref().map(BlockRef::from))
    }

    /// The newest block.
    pub async fn head(&self) -> Result<BlockRef, ChainError> {
        let head = self.block(BlockNumberOrTag::Latest).await?;
        head.ok_or_else(|| ChainError::Unavailable("the node has no newest block".into()))
    }

    /// A block by its number; `None` when there is none yet.
    pub async fn block_at(&self, number: u64) -> Result<Option<BlockRef>, ChainError> {
        self.block(BlockNumberOrTag::Number(number)).await
    }

    /// The newest block that can no longer go away; `None` when there is none yet.
    pub async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        match self.settings.network.finality {
            Finality::Finalized => self.block(BlockNumberOrTag::Finalized).await,
            Finality::Confirmations(depth) => {
                let head = self.head().await?;
                match head.number.checked_sub(depth) {
                    Some(number) => self.block_at(number).await,
                    None => Ok(None),
                }
            }
        }
    }

    /// The contract's log entries in a range of blocks, in order.
    pub async fn logs(&self, from: u64, to: u64) -> Result<Vec<Log>, ChainError> {
        let filter = Filter::new().address(crate::address(self.settings.contract)).from_block(from).to_block(to);
        let mut logs = self.rpc(async { self.provider.get_logs(&filter).await }).await?;
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        Ok(logs)
    }

    /// What the contract has of a session key.
    pub async fn session(&self, terms: &Terms) -> Result<OnChain, ChainError> {
        self.verify().await?;
        let (session_id, payee) = (crate::b256(terms.session_id), crate::address(terms.payee));
        let contract = self.contract();
        let state = self.call_view(contract.sessionState(session_id).call().into_future()).await;
        let state = match self.doubt(state).await {
            Ok(state) => state,
            // Some versions of the contract might refuse to speak of what they do not know.
            Err(ChainError::Refused { .. }) => return Ok(OnChain::unknown()),
            Err(error) => return Err(error),
        };
        let escrow = self.doubt(self.call_view(contract.escrow(session_id, payee).call().into_future()).await).await?;
        let claimed =
            self.doubt(self.call_view(contract.claimed(session_id, payee).call().into_future()).await).await?;
        let amount = |units| Amount::from_atomic(units, terms.decimals()).unwrap_or_default();
        Ok(OnChain {
            registered: state.status != 0,
            nonce: u64::try_from(state.nonce).unwrap_or(u64::MAX),
            escrow: amount(escrow),
            claimed: amount(claimed),
        })
    }

    /// Whether a call for somebody would go through now, within [`RELAY_GAS_MAX`]; the contract's own error
    /// when not.
    pub async fn simulate(&self, from: Address, to: Address, calldata: &HexBytes) -> Result<(), ChainError> {
        let call = request(from, to, calldata).with_gas_limit(RELAY_GAS_MAX);
        self.rpc(async { self.provider.call(call).await }).await.map(|_| ())
    }

    /// How much gas a call takes now.
    pub async fn estimate_gas(&self, from: Address, to: Address, calldata: &HexBytes) -> Result<u64, ChainError> {
        let call = request(from, to, calldata);
        self.rpc(async { self.provider.estimate_gas(call).await }).await
    }

    /// What to pay for a transaction now: twice the base fee, so that it stays good for a few blocks.
    pub async fn fees(&self) -> Result<Fees, ChainError> {
        let estimate = self.rpc(async { self.provider.estimate_eip1559_fees().await }).await?;
        let wei = |fee: u128| u64::try_from(fee).unwrap_or(u64::MAX);
        Ok(Fees {
            max_fee_wei: wei(estimate.max_fee_per_gas),
            priority_fee_wei: wei(estimate.max_priority_fee_per_gas),
        })
    }

    /// How many transactions an address has sent, with those that wait.
    pub async fn nonce(&self, address: Address) -> Result<u64, ChainError> {
        self.rpc(async { self.provider.get_transaction_count(crate::address(address)).pending().await }).await
    }

    /// How many transactions of an address are in blocks.
    pub async fn mined_nonce(&self, address: Address) -> Result<u64, ChainError> {
        self.rpc(async { self.provider.get_transaction_count(crate::address(address)).await }).await
    }

    /// Sends signed bytes. Sending the same again does no harm.
    pub async fn send(&self, raw: &HexBytes) -> Result<(), ChainError> {
        match self.rpc(async { self.provider.send_raw_transaction(&raw.0).await.map(|_| ()) }).await {
            Err(ChainError::Unavailable(why)) if is_known(&why) => Ok(()),
            answer => answer,
        }
    }

    /// What became of a transaction; `None` while it is in no block.
    pub async fn receipt(&self, tx_hash: Bytes32) -> Result<Option<Receipt>, ChainError> {
        self.rpc(async { self.provider.get_transaction_receipt(crate::b256(tx_hash)).await }).await
    }

    /// What the contract has of one payee's part of a session: escrow and claimed, as of a block.
    pub async fn part(&self, session_id: Bytes32, payee: Address, block: u64) -> Result<(Amount, Amount), ChainError> {
        self.verify().await?;
        let (session_id, payee) = (crate::b256(session_id), crate::address(payee));
        let contract = self.contract();
        let call = contract.escrowState(session_id, payee).block(block.into());
        let state = self.doubt(self.call_view(call.call().into_future()).await).await?;
        let amount = |units| Amount::from_atomic(units, Currency::USDC.minor_unit()).unwrap_or_default();
        Ok((amount(state.escrow), amount(state.claimed)))
    }

    /// Transfers of the token from the contract to a payee, in a range of blocks.
    pub async fn transfers(&self, payee: Address, from: u64, to: u64) -> Result<Vec<Transferred>, ChainError> {
        let mut transfers = Vec::new();
        let mut next = from;
        while next <= to {
            let last = to.min(next.saturating_add(BLOCKS_MAX - 1));
            let filter = Filter::new()
                .address(crate::address(self.settings.token))
                .event_signature(Transfer::SIGNATURE_HASH)
                .topic1(B256::left_padding_from(&self.settings.contract.0))
                .topic2(B256::left_padding_from(&payee.0))
                .from_block(next)
                .to_block(last);
            let logs = self.rpc(async { self.provider.get_logs(&filter).await }).await?;
            transfers.extend(logs.iter().filter_map(Transferred::read));
            next = last + 1;
        }
        Ok(transfers)
    }

    /// What an address has of the token.
    pub async fn balance(&self, address: Address) -> Result<Amount, ChainError> {
        self.verify().await?;
        let token = TestUSDCInstance::new(crate::address(self.settings.token), &self.provider);
        let units = self.call_view(token.balanceOf(crate::address(address)).call().into_future()).await?;
        let units = u128::try_from(units).unwrap_or(u128::MAX);
        Ok(Amount::from_atomic(units, Currency::USDC.minor_unit()).unwrap_or_default())
    }
}

/// One transfer from the contract to a payee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transferred {
    /// In this transaction.
    pub tx_hash: Bytes32,
    /// In this block.
    pub block_number: u64,
    /// How much.
    pub amount: Amount,
}

impl Transferred {
    fn read(log: &Log) -> Option<Self> {
        let transfer = Transfer::decode_log(&log.inner).ok()?;
        let units = u128::try_from(transfer.value).ok()?;
        Some(Self {
            tx_hash: crate::own_bytes32(log.transaction_hash?),
            block_number: log.block_number?,
            amount: Amount::from_atomic(units, Currency::USDC.minor_unit()).ok()?,
        })
    }
}

impl OnChain {
    const fn unknown() -> Self {
        Self { registered: false, nonce: 0, escrow: Amount::ZERO, claimed: Amount::ZERO }
    }
}

fn request(from: Address, to: Address, calldata: &HexBytes) -> TransactionRequest {
    TransactionRequest::default()
        .with_from(crate::address(from))
        .with_to(crate::address(to))
        .with_input(Bytes::from(calldata.0.clone()))
}

/// What nodes say when they have seen the very same transaction before.
fn is_known(why: &str) -> bool {
    let why = why.to_lowercase();
    why.contains("already known")
        || why.contains("alreadyknown")
        || why.contains("already imported")
        || why.contains("known transaction")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_key_is_never_shown() {
        for (text, shown) in [
            ("error for url (https://node.example/v2/SECRET)", "error for url (https://node.example)"),
            ("https://user:SECRET@node.example:8545?key=SECRET failed", "https://node.example:8545 failed"),
            ("nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(without_paths(text), shown);
        }
    }
}
