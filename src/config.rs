//! What the program needs to know: from options or the environment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chain::networks::Network;
use chain::settler::SettlerKey;
use chrono::TimeDelta;
use clap::Args;
use domain::evm::Address;
use domain::money::Amount;
use eventstore::log::Log;
use eventstore::postgres::{PostgresLog, connect};
use eventstore::vault::Keys;
use eventstore::{Ledger, StoreError};
use sqlx::PgPool;
use tokio::time::Instant;
use workers::bus::BusSettings;
use workers::chain::SettlementRules;

type Error = Box<dyn std::error::Error>;

/// How long a starting process waits for its database.
const DATABASE_WITHIN: Duration = Duration::from_secs(30);

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
    /// A node of the chain, for example http://127.0.0.1:8545; without it there are no session keys
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
        let settings = chain::Settings { rpc_url: rpc_url.clone(), network: *self.network, contract, token };
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
}

fn amount(text: &str) -> Result<Amount, String> {
    Amount::positive_from_input(text).map_err(|e| e.to_string())
}

impl Settling {
    /// The settler's key, when there is one.
    pub fn key(&self) -> Result<Option<SettlerKey>, Error> {
        let hex = match (&self.settler_key, &self.settler_key_file) {
            (Some(Hidden(hex)), _) => hex.clone(),
            (None, Some(file)) => std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?,
            (None, None) => return Ok(None),
        };
        Ok(Some(SettlerKey::from_hex(&hex)?))
    }

    /// When settlements are opened.
    pub const fn rules(&self) -> SettlementRules {
        SettlementRules { threshold: self.settlement_threshold, age: TimeDelta::seconds(self.settlement_age_secs) }
    }
}
