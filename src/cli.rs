//! What can be asked of the program.

use std::io::IsTerminal;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::bench::BenchArgs;
use crate::config::{Bus, Chain, Exact, Gateway, Secrets, Settling, Store};
use crate::demo_upstream::DemoArgs;
use crate::onchain::ChainArgs;
use crate::simulate::SimulateArgs;

/// The billing ledger for AI and API services.
#[derive(Debug, Parser)]
#[command(name = "tollbook", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub logging: Logging,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything in one process: bring the schema up to date, make a first organization, serve and work
    Up(UpArgs),
    /// Serve the HTTP API and the gateway
    Serve(ServeArgs),
    /// Run workers: relay into NATS, read models, sweep, chain
    Work(WorkArgs),
    /// Make the database if there is none, and bring its schema up to date
    Migrate(Store),
    /// Recompute the log's hash chain and name the first row that does not fit
    Verify(Store),
    /// Compare every read model with the log, and the log with the chain
    Reconcile(ReconcileArgs),
    /// Rebuild the read models from the log beside the live ones, compare them, and swap
    Replay(ReplayArgs),
    /// Make organizations
    Organization(OrganizationArgs),
    /// Deploy the contract, sign as a test owner, look at balances
    Chain(ChainArgs),
    /// What to try the gateway with: a small server that speaks the OpenAI HTTP API
    Demo(DemoArgs),
    /// Send a usage trace through the gateway, and compare what became of it everywhere
    Simulate(SimulateArgs),
    /// Put a running server under load, check its books after each load, and report how fast it was
    Bench(BenchArgs),
}

/// Options of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    #[command(flatten)]
    pub serve: ServeArgs,
    #[command(flatten)]
    pub settling: Settling,
    /// Where settlements of the first organization are paid to, when it has no payee yet
    #[arg(long, env = "TOLLBOOK_PAYEE")]
    pub payee: Option<domain::evm::Address>,
    /// Where to write address and key for other programs, as shell assignments
    #[arg(long, env = "TOLLBOOK_ENV_FILE")]
    pub env_file: Option<std::path::PathBuf>,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub store: Store,
    #[command(flatten)]
    pub bus: Bus,
    #[command(flatten)]
    pub secrets: Secrets,
    #[command(flatten)]
    pub chain: Chain,
    #[command(flatten)]
    pub exact: Exact,
    #[command(flatten)]
    pub gateway: Gateway,
    /// Where to listen
    #[arg(long, env = "TOLLBOOK_LISTEN", default_value = "127.0.0.1:8400")]
    pub listen: std::net::SocketAddr,
}

/// Options of `work`.
#[derive(Debug, Args)]
pub struct WorkArgs {
    #[command(flatten)]
    pub store: Store,
    #[command(flatten)]
    pub bus: Bus,
    #[command(flatten)]
    pub secrets: Secrets,
    #[command(flatten)]
    pub chain: Chain,
    #[command(flatten)]
    pub settling: Settling,
    #[command(flatten)]
    pub exact: Exact,
    /// Only these workers
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<WorkerName>,
}

/// A worker.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum WorkerName {
    Relay,
    Projections,
    Sweep,
    Chain,
}

impl From<WorkerName> for workers::Role {
    fn from(name: WorkerName) -> Self {
        match name {
            WorkerName::Relay => Self::Relay,
            WorkerName::Projections => Self::Projections,
            WorkerName::Sweep => Self::Sweep,
            WorkerName::Chain => Self::Chain,
        }
    }
}

/// Options of `reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    #[command(flatten)]
    pub store: Store,
    #[command(flatten)]
    pub chain: Chain,
}

/// Options of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    pub store: Store,
    /// Only these read models: journal, quota, invoice, risk, directory, settlement, hold
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Take the rebuilt tables even when they differ from the live ones
    #[arg(long)]
    pub accept: bool,
}

/// Options of `organization`.
#[derive(Debug, Args)]
pub struct OrganizationArgs {
    #[command(subcommand)]
    pub command: OrganizationCommand,
}

/// What to do with organizations.
#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Make one with a first API key, and print both as shell assignments
    Create(CreateOrganization),
}

/// Options of `organization create`.
#[derive(Debug, Args)]
pub struct CreateOrganization {
    #[command(flatten)]
    pub store: Store,
    #[command(flatten)]
    pub secrets: Secrets,
    /// Its name, 1 to 100 characters
    #[arg(long)]
    pub name: String,
    /// The currency of customers and meters that name none
    #[arg(long, default_value = "USD")]
    pub currency: String,
}

/// How to log; logs go to the error output.
#[derive(Debug, Args)]
pub struct Logging {
    /// What to log, for example `info` or `warn,workers=debug`
    #[arg(long, env = "TOLLBOOK_LOG", default_value = "info,sqlx=warn,async_nats=warn", global = true)]
    pub log: String,
    /// How to write it
    #[arg(long, env = "TOLLBOOK_LOG_FORMAT", default_value = "text", global = true)]
    pub log_format: LogFormat,
}

/// A form of log lines.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl Logging {
    /// Starts logging.
    pub fn install(&self) {
        let filter = EnvFilter::try_new(&self.log).unwrap_or_else(|_| EnvFilter::new("info"));
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Text => builder.with_target(false).init(),
            LogFormat::Json => builder.json().flatten_event(true).init(),
        }
    }
}
