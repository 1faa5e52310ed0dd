//! `tollbook bench`: puts a running server under load, checks after each load that its books are right, and
//! reports how fast it was.
//!
//! - [`args`] are the options; [`enrol`] makes the payers, [`world`] holds them with their [`request`]s.
//! - [`scenario`] and [`endure`] say which loads there are. [`load`] runs one: [`work`] is what each
//!   connection ([`http`]) does, [`pick`] chooses who pays, [`pacing`] when, [`verdict`] reads the answers,
//!   [`tally`] counts. [`lag`] measures beside a load, [`rebuild`] without one.
//! - [`gateway`] has the loads that go through it to an upstream: [`question`] is what is asked and how it is paid,
//!   [`asking`] asks again and again, [`streams`] a thousand at once.
//! - [`check`] compares log, journal and limits with what was acknowledged; [`server`] asks the processes how
//!   they append and what memory they hold.
//! - [`report`] prints against the bars in [`rows`]; [`machine`] says on what it was measured.
//!
//! The generator shares the machine with the server. So its client does as little as it can: prebuilt
//! requests, a connection for each task, no look at an answer's body where its head is enough.

mod args;
mod asking;
mod check;
mod endure;
mod enrol;
mod gateway;
mod http;
mod lag;
mod load;
mod machine;
mod pacing;
mod pick;
mod question;
mod rebuild;
mod report;
mod request;
mod rows;
mod scenario;
mod server;
mod streams;
mod tally;
mod verdict;
mod work;
mod world;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::Url;
use uuid::Uuid;

pub use args::BenchArgs;

use crate::simulate::client::Client;
use crate::simulate::gateway::GatewayError;
use crate::simulate::owner::OwnerError;
use crate::simulate::target::{ENV_FILE, Target, TargetError};
use crate::simulate::transport::CallError;
use args::Scenario;
use check::Books;
use endure::CONNECTIONS_OVERLOAD;
use enrol::enrol;
use gateway::{Door, STREAMS};
use report::{Report, brief};
use request::Composer;
use scenario::{Bench, CONNECTIONS, CONNECTIONS_OPEN, Outcome};
use world::World;

/// Connections of the client that makes the payers.
const CONNECTIONS_TO_ENROL: usize = 32;
/// Open files besides the connections of a load.
const FILES_BESIDE: u64 = 100;

/// Why there is no report, or a scenario has no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// There is no server to talk to.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The server's name is not known.
    #[error("{0} is the address of no server")]
    NoAddress(String),
    /// The server does not answer the first question.
    #[error("cannot begin at {url}: {source}")]
    Begin {
        /// The server's address.
        url: String,
        /// What the call met.
        source: CallError,
    },
    /// Nobody would pay.
    #[error("nobody would pay: --customers and --sessions are both 0")]
    NobodyPays,
    /// The system does not let this process have so many connections.
    #[error("this process may have {have} open files and needs {needed}: raise it with `ulimit -n {needed}`")]
    TooFewFiles {
        /// So many.
        have: u64,
        /// And so many.
        needed: u64,
    },
    /// A payer could not be made.
    #[error("cannot make {what}: {source}")]
    Enrol {
        /// What was to be made.
        what: &'static str,
        /// What the call met.
        source: CallError,
    },
    /// There is no chain to make session keys on.
    #[error("no chain: session keys need EVM_RPC_URL, TOLLBOOK_CONTRACT and TOLLBOOK_USDC; or give --sessions 0")]
    NoChain,
    /// The chain's settings cannot be used.
    #[error("{0}")]
    BadChain(String),
    /// Nobody can pay for session keys there.
    #[error(transparent)]
    Owners(#[from] OwnerError),
    /// The session keys did not get their money.
    #[error("only {ready} of {all} session keys became active and funded: is a worker with this chain running?")]
    NotFunded {
        /// So many did.
        ready: i64,
        /// Of so many.
        all: usize,
    },
    /// The gateway cannot be asked.
    #[error(transparent)]
    Gateway(Box<GatewayError>),
    /// A request of the bench itself was not answered.
    #[error("{what}: {source}")]
    Http {
        /// Which.
        what: &'static str,
        /// What it met.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("{what}: {source}")]
    Disk {
        /// What was to be done.
        what: &'static str,
        /// What it met.
        source: std::io::Error,
    },
    /// Something is not as it must be.
    #[error("{0}")]
    Unexpected(String),
    /// The database does not answer.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The log does not answer.
    #[error(transparent)]
    Store(#[from] eventstore::StoreError),
    /// A read model could not be rebuilt.
    #[error(transparent)]
    Projection(#[from] projections::ProjectionError),
    /// A part of the program broke.
    #[error("a part of the bench broke: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

impl From<GatewayError> for BenchError {
    fn from(error: GatewayError) -> Self {
        Self::Gateway(Box::new(error))
    }
}

/// Runs the scenarios, prints the report, and tells whether nothing differed.
pub async fn run(args: BenchArgs) -> Result<bool, BenchError> {
    if args.customers + args.sessions == 0 {
        return Err(BenchError::NobodyPays);
    }
    check_files(&args)?;
    let (target, servers) = find_servers(&args).await?;
    let (pool, log) = args.store.open()?;
    let begin = |source| BenchError::Begin { url: target.url.to_string(), source };
    let client = Arc::new(Client::new(&target, CONNECTIONS_TO_ENROL).map_err(begin)?);
    let organization = client.organization().await.map_err(begin)?;
    let begun = eventstore::clock::now().format("%Y-%m-%d %H:%M UTC").to_string();
    let machine = machine::describe(&pool, args.fsync_dir.clone()).await?;

    let name = random_name();
    eprintln!("{name}: making payers at {} ({}) …", target.url, organization.name);
    let enrolled = enrol(&client, &args, &pool, &name).await?;
    let composer = Composer::new(&target.url, target.api_key.clone(), name.clone());
    let world = Arc::new(World::new(enrolled.payers, composer));
    let books = Books { pool, log, partition: enrolled.partition, servers, world };
    let mut bench = Bench::new(&args, books, Door { client, target, organization, run: name });
    let mut report = Report::new(&args, begun, machine);
    for scenario in args.scenarios() {
        eprintln!("{} …", scenario.name());
        // What was measured before is worth printing.
        let outcomes = bench.play(scenario).await.unwrap_or_else(|error| {
            let mut broken = Outcome::bare(scenario.name(), "it did not come to its end");
            broken.differences.push(error.to_string());
            vec![broken]
        });
        for outcome in outcomes {
            eprintln!("{}", brief(&outcome));
            report.add(outcome);
        }
    }
    let before = args.out.as_deref().and_then(|path| std::fs::read_to_string(path).ok());
    let text = report.render(before.as_deref());
    println!("{text}");
    if let Some(path) = &args.out {
        std::fs::write(path, text)
            .map_err(|source| BenchError::Disk { what: "the report cannot be written", source })?;
        eprintln!("written to {}", path.display());
    }
    Ok(report.is_clean())
}

/// The first server with its key, and the addresses of all of them.
async fn find_servers(args: &BenchArgs) -> Result<(Target, Vec<SocketAddr>), BenchError> {
    let find = |url: Option<&str>| Target::find(url, args.api_key.as_ref(), Path::new(ENV_FILE));
    let first = find(args.url.first().map(String::as_str))?;
    let mut servers = vec![address(&first.url).await?];
    for url in args.url.iter().skip(1) {
        servers.push(address(&find(Some(url))?.url).await?);
    }
    Ok((first, servers))
}

async fn address(url: &Url) -> Result<SocketAddr, BenchError> {
    let nowhere = || BenchError::NoAddress(url.to_string());
    let host = url.host_str().ok_or_else(nowhere)?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().ok_or_else(nowhere)?;
    let mut found = tokio::net::lookup_host((host, port)).await.map_err(|_| nowhere())?;
    found.next().ok_or_else(nowhere)
}

/// Before anything is made: a load that breaks off for want of files has measured nothing.
fn check_files(args: &BenchArgs) -> Result<(), BenchError> {
    let connections = args.scenarios().into_iter().map(|scenario| match scenario {
        Scenario::Overload => CONNECTIONS_OVERLOAD,
        Scenario::Steady | Scenario::Open | Scenario::Soak => CONNECTIONS_OPEN,
        // Those that ask, and those that come to the upstream.
        Scenario::Gateway => 2 * STREAMS,
        _ => CONNECTIONS,
    });
    let needed = connections.max().unwrap_or(0) as u64 + FILES_BESIDE;
    match server::open_files_max() {
        Some(have) if have < needed => Err(BenchError::TooFewFiles { have, needed }),
        _ => Ok(()),
    }
}

/// A name that no run had before: it begins every idempotency key.
fn random_name() -> String {
    let id = Uuid::now_v7().simple().to_string();
    format!("bench-{}", &id[id.len() - 12..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_up_anew() {
        let (one, other) = (random_name(), random_name());
        assert_eq!(one.len(), 18);
        assert_ne!(one, other);
    }

    #[tokio::test]
    async fn addresses_are_found() {
        for (url, expected) in [("http://127.0.0.1:8400/x", "127.0.0.1:8400"), ("http://[::1]", "[::1]:80")] {
            assert_eq!(address(&url.parse().unwrap()).await.unwrap().to_string(), expected);
        }
    }
}
