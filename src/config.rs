//! What the program needs to know: from options or the environment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use eventstore::log::Log;
use eventstore::postgres::{PostgresLog, connect};
use eventstore::vault::Keys;
use eventstore::{Ledger, StoreError};
use sqlx::PgPool;
use tokio::time::Instant;
use workers::bus::BusSettings;

type Error = Box<dyn std::error::Error>;

/// How long a starting process waits for its database.
const DATABASE_WITHIN: Duration = Duration::from_secs(30);

/// The database.
#[derive(Debug, Clone, Args)]
pub struct Store {
    /// The Postgres that holds the log, for example postgres://user:password@127.0.0.1:5432/tollbook
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Connections to it at most
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
