//! What the program needs to know: from options or the environment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::gateway::GatewaySettings;
use chain::networks::{Finality, Network};
use chain::settler::SettlerKey;
use chrono::TimeDelta;
use clap::{ArgAction, Args};
use domain::evm::Address;
use domain::ids::OrganizationId;
use domain::money::Amount;
use eventstore::log::Log;
use eventstore::postgres::{PostgresLog, connect};
use eventstore::vault::Keys;
use eventstore::{Ledger, StoreError};
use payments::Hosts;
use sqlx::PgPool;
use tokio::time::Instant;
use workers::bus::BusSettings;
use workers::chain::SettlementRules;

type Error = Box<dyn std::error::Error>;

/// How long a starting process waits for its database.
const DATABASE_WITHIN: Duration = Duration::from_secs(30);
const WEI_IN_GWEI: u64 = 1_000_000_000;

/// The database.
#[derive(Debug, Clone, Args)]
pub struct Store {
    /// The Postgres that holds the log, for example postgres://user:password@127.0.0.1:5432/tollbook
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Connections to it at most; each writer and each read model has one of its own besides
    #[arg(long, env = "TOLLBOOK_DATABASE_CONNECTIONS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(4..=500))]
    pub database_connections: u32,
    /// Partitions of the log; more may be added, none is taken away
    #[arg(long, env = "TOLLBOOK_PARTITIONS", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=64))]
    pub partitions: i32,
}

impl Store {
    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<(), Error> {
        Ok(connect::migrate(&self.database_url, self.partitions).await?)
    }

    /// A pool, and the log on it.
    pub fn open(&self) -> Result<(PgPool, Arc<dyn Log>), StoreError> {
        let pool = connect::pool(&self.database_url, self.database_connections)?;
        Ok((pool.clone(), Arc::new(PostgresLog::new(pool))))
    }

    /// The same with a writer for each partition; waits for a database that is just starting.
    pub async fn ledger(&self) -> Result<(PgPool, Ledger), Error> {
        let (pool, log) = self.open()?;
        let deadline = Instant::now() + DATABASE_WITHIN;
        loop {
            match Ledger::start(log.clone()).await {
                Ok(ledger) if ledger.partitions().next().is_none() => {
                    return Err("the database has no log yet: run `tollbook migrate`".into());
                }
                Ok(ledger) => return Ok((pool, ledger)),
                Err(StoreError::Unavailable(why)) if why.contains("log_head") => {
                    return Err("the database has no log yet: run `tollbook migrate`".into());
                }
                Err(error) if Instant::now() >= deadline => return Err(error.into()),
                Err(error) => {
                    tracing::info!(%error, "waiting for the database");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }
}

/// NATS.
#[derive(Debug, Clone, Args)]
pub struct Bus {
    /// NATS with JetStream, for example nats://127.0.0.1:4222; without it the log alone is followed
    #[arg(long, env = "NATS_URL", hide_env_values = true)]
    pub nats_url: Option<String>,
    /// Put before every stream and subject, so that installations can share one server
    #[arg(long, env = "TOLLBOOK_NATS_PREFIX", value_parser = prefix)]
    pub nats_prefix: Option<String>,
    /// Bytes that the stream of a partition may hold
    #[arg(long, env = "TOLLBOOK_NATS_BYTES_MAX", default_value_t = 256 << 20, value_parser = clap::value_parser!(i64).range(1 << 20..))]
    pub nats_bytes_max: i64,
    /// Copies of a stream in a NATS cluster
    #[arg(long, env = "TOLLBOOK_NATS_REPLICAS", default_value_t = 1)]
    pub nats_replicas: usize,
}

fn prefix(text: &str) -> Result<String, String> {
    let fits =
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { Ok(text.to_owned()) } else { Err("1 to 64 letters, digits, '-' or '_'".to_owned()) }
}

impl Bus {
    /// A connection that comes back by itself; made in the background.
    pub async fn connect(&self) -> Result<Option<workers::bus::Bus>, Error> {
        let Some(url) = self.nats_url.as_ref().filter(|url| !url.is_empty()) else { return Ok(None) };
        let settings = BusSettings {
            prefix: self.nats_prefix.clone(),
            bytes_max: self.nats_bytes_max,
            replicas: self.nats_replicas,
            ..BusSettings::default()
        };
        Ok(Some(workers::bus::Bus::connect(url, settings).await?))
    }
}

/// The installation's secret key.
#[derive(Debug, Clone, Args)]
pub struct Secrets {
    /// The installation's secret key: 64 hexadecimal digits
    #[arg(long, env = "TOLLBOOK_SECRET_KEY", hide_env_values = true)]
    pub secret_key: Option<String>,
    /// A file that holds it
    #[arg(long, env = "TOLLBOOK_SECRET_KEY_FILE")]
    pub secret_key_file: Option<PathBuf>,
}

impl Secrets {
    /// Whether there is one.
    pub fn are_set(&self) -> bool {
        self.secret_key.as_ref().is_some_and(|key| !key.is_empty()) || self.secret_key_file.is_some()
    }

    /// The keys that follow from it.
    pub fn keys(&self) -> Result<Keys, Error> {
        let hex = match (&self.secret_key, &self.secret_key_file) {
            (Some(hex), _) => hex.clone(),
            (None, Some(file)) => std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?,
            (None, None) => {
                return Err("set TOLLBOOK_SECRET_KEY or TOLLBOOK_SECRET_KEY_FILE: 64 hexadecimal digits, \
                            for example from `openssl rand -hex 32`; keep it, what is sealed with it opens with nothing else"
                    .into());
            }
        };
        Ok(Keys::from_hex(&hex)?)
    }
}

/// Connectors to payment providers.
#[derive(Debug, Clone, Copy, Args)]
pub struct Connectors {
    /// Whether connectors may call this machine and private networks, for example `tollbook demo stripe`. Whoever has an
    /// API key says where a connector calls: allow it only where all of them may reach what is there
    #[arg(long, env = "TOLLBOOK_CONNECTORS_PRIVATE", value_name = "BOOL", action = ArgAction::Set, default_value_t = false)]
    pub connectors_private: bool,
}

impl Connectors {
    /// Which hosts they may call.
    pub const fn hosts(self) -> Hosts {
        Hosts::allowed(self.connectors_private)
    }
}

/// A value that is never shown: a key, or a URL that has one in it.
#[derive(Clone)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl std::str::FromStr for Hidden {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// The chain that session keys pay on.
#[derive(Debug, Clone, Args)]
pub struct Chain {
    /// A node of the chain, for example http://127.0.0.1:8545, or several of them, separated by commas: what counts for
    /// good they must all say. Without it there are no session keys
    #[arg(long, env = "EVM_RPC_URL", hide_env_values = true)]
    pub evm_rpc_url: Option<Hidden>,
    /// Which chain: local, base, base-sepolia, polygon, polygon-amoy, or its id
    #[arg(long, env = "TOLLBOOK_NETWORK", default_value = "local", value_parser = network)]
    pub network: &'static Network,
    /// The address of the SessionKeyValidator contract
    #[arg(long, env = "TOLLBOOK_CONTRACT")]
    pub contract: Option<Address>,
    /// The address of the token; the chain's own USDC when left out
    #[arg(long, env = "TOLLBOOK_USDC")]
    pub usdc: Option<Address>,
    /// A block is final when so many lie on top of it; by the chain's own rule when left out
    #[arg(long, env = "TOLLBOOK_CHAIN_CONFIRMATIONS", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub chain_confirmations: Option<u64>,
}

/// The nodes in a setting that may name several.
pub fn rpc_urls(text: &str) -> Result<Vec<String>, String> {
    let urls: Vec<String> = text.split(',').map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned).collect();
    let most = chain::client::ENDPOINTS_MAX;
    if (1..=most).contains(&urls.len()) { Ok(urls) } else { Err(format!("EVM_RPC_URL names 1 to {most} nodes")) }
}

/// A chain by its name or id.
pub fn network(text: &str) -> Result<&'static Network, String> {
    Network::find(text).ok_or_else(|| {
        let names: Vec<_> = chain::networks::NETWORKS.iter().map(|network| network.name).collect();
        format!("known chains: {}", names.join(", "))
    })
}

impl Chain {
    /// A client, when a chain is set; nothing is asked of the node yet.
    pub fn client(&self) -> Result<Option<chain::Client>, Error> {
        let Some(Hidden(rpc_url)) = self.evm_rpc_url.as_ref().filter(|url| !url.0.is_empty()) else { return Ok(None) };
        let contract = self.contract.ok_or(
            "EVM_RPC_URL is set, TOLLBOOK_CONTRACT is not: deploy the contract with `tollbook chain deploy` and name its address",
        )?;
        let token =
            self.usdc.or_else(|| self.network.usdc()).ok_or("set TOLLBOOK_USDC: this chain has no USDC of its own")?;
        let finality = self.chain_confirmations.map_or(self.network.finality, Finality::Confirmations);
        let rpc_urls = rpc_urls(rpc_url)?;
        let settings = chain::Settings { rpc_urls, network: *self.network, contract, token, finality };
        Ok(Some(chain::Client::new(settings)?))
    }
}

/// Who settles on the chain, and when.
#[derive(Debug, Clone, Args)]
pub struct Settling {
    /// The settler's private key: 64 hexadecimal digits. It pays for transactions and holds no customer's money
    #[arg(long, env = "TOLLBOOK_SETTLER_KEY", hide_env_values = true)]
    pub settler_key: Option<Hidden>,
    /// A file that holds it
    #[arg(long, env = "TOLLBOOK_SETTLER_KEY_FILE")]
    pub settler_key_file: Option<PathBuf>,
    /// Settle when this much USDC is unsettled for a payee
    #[arg(long, env = "TOLLBOOK_SETTLEMENT_THRESHOLD", default_value = "10", value_parser = amount)]
    pub settlement_threshold: Amount,
    /// Settle what is unsettled for this long
    #[arg(long, env = "TOLLBOOK_SETTLEMENT_AGE_SECS", default_value_t = 86_400, value_parser = clap::value_parser!(i64).range(1..=31_536_000))]
    pub settlement_age_secs: i64,
    /// The most that a transaction may offer for a unit of gas, in gwei: what costs more waits. The chain's own when left
    /// out
    #[arg(long, env = "TOLLBOOK_MAX_FEE_GWEI", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub max_fee_gwei: Option<u64>,
    /// Compare ledger and chain so often, in seconds; every 300, on a local chain every 10, when left out
    #[arg(long, env = "TOLLBOOK_RECONCILE_SECS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub reconcile_secs: Option<u64>,
}

fn amount(text: &str) -> Result<Amount, String> {
    Amount::positive_from_input(text).map_err(|e| e.to_string())
}

/// A private key, from a setting or from a file.
pub fn private_key(hex: Option<&Hidden>, file: Option<&Path>) -> Result<Option<SettlerKey>, Error> {
    let hex = match (hex, file) {
        (Some(Hidden(hex)), _) => hex.clone(),
        (None, Some(file)) => std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?,
        (None, None) => return Ok(None),
    };
    Ok(Some(SettlerKey::from_hex(&hex)?))
}

impl Settling {
    /// The settler's key, when there is one.
    pub fn key(&self) -> Result<Option<SettlerKey>, Error> {
        private_key(self.settler_key.as_ref(), self.settler_key_file.as_deref())
    }

    /// The most that a transaction may offer for a unit of gas, in wei.
    pub fn max_fee_wei(&self, network: &Network) -> u64 {
        self.max_fee_gwei.unwrap_or(network.max_fee_gwei).saturating_mul(WEI_IN_GWEI)
    }

    /// How often ledger and chain are compared, when it was set.
    pub fn reconcile_every(&self) -> Option<Duration> {
        self.reconcile_secs.map(Duration::from_secs)
    }

    /// When settlements are opened.
    pub const fn rules(&self) -> SettlementRules {
        SettlementRules { threshold: self.settlement_threshold, age: TimeDelta::seconds(self.settlement_age_secs) }
    }
}

/// Who sends exact payments to the chain.
#[derive(Debug, Clone, Args)]
pub struct Exact {
    /// The private key that sends exact payments: 64 hexadecimal digits. It pays for transactions and must not be the
    /// settler's
    #[arg(long, env = "TOLLBOOK_EXACT_KEY", hide_env_values = true)]
    pub exact_key: Option<Hidden>,
    /// A file that holds it
    #[arg(long, env = "TOLLBOOK_EXACT_KEY_FILE")]
    pub exact_key_file: Option<PathBuf>,
    /// The address of that key, for processes that take exact payments and do not send them
    #[arg(long, env = "TOLLBOOK_EXACT_ADDRESS")]
    pub exact_address: Option<Address>,
}

impl Exact {
    /// The key, when there is one. Two queues under one address would take each other's nonces, so it must not be
    /// the settler's.
    pub fn key(&self, settler: Option<&SettlerKey>) -> Result<Option<SettlerKey>, Error> {
        let key = private_key(self.exact_key.as_ref(), self.exact_key_file.as_deref())?;
        if let (Some(key), Some(address)) = (&key, self.exact_address)
            && key.address() != address
        {
            let of_key = key.address();
            return Err(format!("TOLLBOOK_EXACT_ADDRESS is {address}, the key's address is {of_key}").into());
        }
        let is_the_settlers =
            settler.is_some_and(|settler| key.as_ref().is_some_and(|key| key.address() == settler.address()));
        if is_the_settlers {
            return Err("TOLLBOOK_EXACT_KEY must be another key than TOLLBOOK_SETTLER_KEY".into());
        }
        Ok(key)
    }

    /// The address that sends exact payments; `None` when they are not taken.
    pub fn address(&self) -> Result<Option<Address>, Error> {
        Ok(self.key(None)?.map(|key| key.address()).or(self.exact_address))
    }
}

/// The 402 gateway.
#[derive(Debug, Clone, Args)]
pub struct Gateway {
    /// Where the gateway listens; it is also at /gw of the API
    #[arg(long, env = "TOLLBOOK_GATEWAY_LISTEN", default_value = "127.0.0.1:8402")]
    pub gateway_listen: SocketAddr,
    /// Whose routes are meant where neither the path nor a gateway key says so; the first organization when left out
    #[arg(long, env = "TOLLBOOK_GATEWAY_ORGANIZATION")]
    pub gateway_organization: Option<OrganizationId>,
    /// How clients reach the gateway, as its offers say it, for example https://pay.example.com
    #[arg(long, env = "TOLLBOOK_GATEWAY_PUBLIC_URL", value_parser = public_url)]
    pub gateway_public_url: Option<String>,
    /// How many proxies of your own stand before the gateway: so many entries of X-Forwarded-For are believed
    #[arg(long, env = "TOLLBOOK_GATEWAY_PROXIES", default_value_t = 0, value_parser = proxies)]
    pub gateway_proxies: usize,
}

fn public_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let fits = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['?', '#', '@', ' ']));
    if fits { Ok(url.to_owned()) } else { Err("an http or https URL without user, query and fragment".to_owned()) }
}

fn proxies(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count <= 10).ok_or_else(|| "0 to 10".to_owned())
}

impl Gateway {
    /// What the gateway has to be told.
    pub fn settings(&self) -> GatewaySettings {
        GatewaySettings {
            organization_id: self.gateway_organization,
            public_url: self.gateway_public_url.clone(),
            proxies: self.gateway_proxies,
            ..GatewaySettings::default()
        }
    }
}
