//! Talks to nodes of the chain: every call has a time-out, and nothing is believed before chain id,
//! contract and token were compared with the settings.
//!
//! There may be several nodes. What decides something for good is asked of all of them, and two that answer
//! differently are a [`ChainError::Disagreement`]; what is asked of the others goes to the first that answers. [`error`]
//! reads what nodes say, [`endpoint`] is one of them, [`asking`] asks some or all; [`blocks`], [`sessions`],
//! [`transactions`] and [`authorizations`] are what is asked.

use std::sync::Arc;
use std::time::Duration;

use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use domain::Timestamp;
use domain::evm::{Address, Bytes32};
use domain::money::Amount;

use crate::networks::{Finality, Network};

mod asking;
mod authorizations;
mod blocks;
mod endpoint;
mod error;
mod sessions;
mod transactions;

pub use authorizations::Used;
pub use error::{ChainError, is_of_token, is_of_used_authorization};
pub use sessions::Transferred;

use endpoint::Endpoint;
pub(crate) use error::without_paths;

/// How long one call may take.
const CALL_WITHIN: Duration = Duration::from_secs(10);
/// The same while another node can be asked instead.
const FAILOVER_WITHIN: Duration = Duration::from_secs(4);
/// The same for a node that gave no answer the last time.
const PROBE_WITHIN: Duration = Duration::from_secs(3);
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Blocks in one question to the node.
pub const BLOCKS_MAX: u64 = 1_000;
/// Nodes that can be named.
pub const ENDPOINTS_MAX: usize = 8;
/// The most gas that a call for somebody may take: an owner's contract decides what checking its signature
/// costs, and the settler pays.
pub const RELAY_GAS_MAX: u64 = 1_000_000;

/// What became of a transaction.
pub type Receipt = alloy::rpc::types::TransactionReceipt;

/// Which chain, and what is on it.
#[derive(Clone)]
pub struct Settings {
    /// Its nodes, 1 to [`ENDPOINTS_MAX`]: the first is asked first.
    pub rpc_urls: Vec<String>,
    /// The chain.
    pub network: Network,
    /// The contract.
    pub contract: Address,
    /// The token.
    pub token: Address,
    /// When a block counts as final here, whatever the network's own rule is.
    pub finality: Finality,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rpc_urls = without_paths(&self.rpc_urls.join(" and "));
        write!(f, "{} at {rpc_urls}, contract {}, token {}", self.network.name, self.contract, self.token)
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

/// A session, as the contract has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionView {
    /// The contract's `SessionStatus`: 0 not registered, 1 pending, 2 active, 3 frozen, 4 revoked, 5 expired.
    pub status: u8,
    /// The key that may sign vouchers; zero when it is not registered.
    pub key: Address,
    /// Frozen by its owner. The contract does not say so of a session that has expired since.
    pub frozen: bool,
    /// Ended by its owner.
    pub revoked: bool,
}

/// What to pay for a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// At most this much for a unit of gas, in wei.
    pub max_fee_wei: u64,
    /// Of that to the block's producer, in wei.
    pub priority_fee_wei: u64,
}

/// A transaction that a node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Its place in the sender's order.
    pub nonce: u64,
    /// The block it is in; `None` while it waits.
    pub block_number: Option<u64>,
    /// That block's hash.
    pub block_hash: Option<Bytes32>,
}

/// How one of the nodes is.
#[derive(Debug, Clone)]
pub struct EndpointState {
    /// Which; never its whole URL, which may hold a key.
    pub host: String,
    /// Its newest block and the number of its newest final one; or why there is no answer.
    pub state: Result<(BlockRef, Option<u64>), ChainError>,
}

/// The nodes of a chain. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    endpoints: Arc<[Endpoint]>,
    settings: Arc<Settings>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A connection to a node; made when it is first used.
pub fn provider(rpc_url: &str) -> Result<DynProvider, ChainError> {
    let no_url = |_| ChainError::Unavailable("EVM_RPC_URL, or the option in its place, is not a URL".into());
    let url: reqwest::Url = rpc_url.parse().map_err(no_url)?;
    let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let mut http = reqwest::Client::builder().timeout(CALL_WITHIN).connect_timeout(CONNECT_WITHIN);
    if is_loopback {
        http = http.no_proxy();
    }
    let http = http.build().map_err(|e| ChainError::Unavailable(e.to_string()))?;
    Ok(ProviderBuilder::new().disable_recommended_fillers().connect_reqwest(http, url).erased())
}

impl Client {
    /// A client; nothing is asked yet.
    pub fn new(settings: Settings) -> Result<Self, ChainError> {
        if !(1..=ENDPOINTS_MAX).contains(&settings.rpc_urls.len()) {
            return Err(ChainError::Unavailable(format!("EVM_RPC_URL names 1 to {ENDPOINTS_MAX} nodes")));
        }
        let settings = Arc::new(settings);
        let mut endpoints: Vec<Endpoint> = Vec::with_capacity(settings.rpc_urls.len());
        for rpc_url in &settings.rpc_urls {
            let host = endpoint::host(rpc_url);
            let alike = endpoints.iter().filter(|other| endpoint::host(other.rpc_url()) == host).count();
            let name = if alike == 0 { host } else { format!("{host} ({})", alike + 1) };
            endpoints.push(Endpoint::new(name, rpc_url, settings.clone())?);
        }
        Ok(Self { endpoints: endpoints.into(), settings })
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Compares chain id, contract and token of the first node that answers with the settings; believes the result
    /// for some seconds.
    pub async fn verify(&self) -> Result<(), ChainError> {
        self.first(|endpoint| async move { endpoint.verify().await }).await
    }

    /// Forgets that nodes were found to be those of the settings: each is compared with them before it is asked again.
    pub async fn doubt(&self) {
        for endpoint in self.endpoints.iter() {
            endpoint.doubt().await;
        }
    }

    /// How each node is, in the order of the settings.
    pub async fn endpoints(&self) -> Vec<EndpointState> {
        let finality = self.settings.finality;
        let asked = self.endpoints.iter().map(|endpoint| {
            let endpoint = endpoint.given(PROBE_WITHIN);
            async move {
                let host = endpoint.host().to_owned();
                EndpointState { host, state: endpoint.heads(finality).await }
            }
        });
        futures::future::join_all(asked).await
    }
}
