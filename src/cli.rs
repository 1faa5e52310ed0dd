//! What can be asked of the program.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::evm::Address;
use tracing_subscriber::EnvFilter;

use crate::bench::BenchArgs;
use crate::config::{Bus, Chain, Connectors, Exact, Gateway, Hidden, Secrets, Settling, Store};
use crate::demo_billing::BillingDemoArgs;
use crate::demo_stripe;
use crate::demo_upstream::UpstreamArgs;
use crate::invoice::InvoiceArgs;
use crate::onchain::ChainArgs;
use crate::parked::BillingArgs;
use crate::plans::PlansArgs;
use crate::proof::ProofArgs;
use crate::simulate::SimulateArgs;
use crate::test_clock::ClockArgs;

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
    /// Run workers: relay into NATS, read models, sweep, chain, billing
    Work(WorkArgs),
    /// Make the database if there is none, and bring its schema up to date
    Migrate(Store),
    /// Recompute the log's hash chain and name the first row that does not fit
    Verify(VerifyArgs),
    /// Compare every read model with the log, and the log with the chain
    Reconcile(ReconcileArgs),
    /// Rebuild the read models from the log beside the live ones, compare them, and swap
    Replay(ReplayArgs),
    /// Make organizations
    Organization(OrganizationArgs),
    /// List what billing could not do, and have it tried again
    Billing(BillingArgs),
    /// Deploy the contract, see how the chain is followed, sign as a test owner, look at balances
    Chain(ChainArgs),
    /// Check a proof that a charge was paid for, against its chain alone
    Proof(ProofArgs),
    /// What to try Tollbook with: small servers in the place of what is sold, and of Stripe; and a sale from end to end
    Demo(DemoArgs),
    /// Publish plans from a file, and list them
    Plans(PlansArgs),
    /// Make test clocks, set them forward, show them
    Clock(ClockArgs),
    /// List and show invoices, write one as a PDF, say why one is what it is
    Invoice(InvoiceArgs),
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
    pub env_file: Option<PathBuf>,
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
    #[command(flatten)]
    pub connectors: Connectors,
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
    #[command(flatten)]
    pub connectors: Connectors,
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
    Billing,
}

impl From<WorkerName> for workers::Role {
    fn from(name: WorkerName) -> Self {
        match name {
            WorkerName::Relay => Self::Relay,
            WorkerName::Projections => Self::Projections,
            WorkerName::Sweep => Self::Sweep,
            WorkerName::Chain => Self::Chain,
            WorkerName::Billing => Self::Billing,
        }
    }
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub store: Store,
    #[command(flatten)]
    pub chain: Chain,
    /// Hold the log also against what settlements published on the chain: their charges, and its hash chain then
    #[arg(long)]
    pub anchored: bool,
    /// With --anchored: an address that settles for this log. What it has put on the chain must be in the log, and so what
    /// those have that the log names
    #[arg(long, value_delimiter = ',', requires = "anchored")]
    pub settler: Vec<Address>,
    /// The settler's private key: the same, for its address
    #[arg(long, env = "TOLLBOOK_SETTLER_KEY", hide_env_values = true)]
    pub settler_key: Option<Hidden>,
    /// A file that holds it
    #[arg(long, env = "TOLLBOOK_SETTLER_KEY_FILE")]
    pub settler_key_file: Option<PathBuf>,
    /// With --anchored: read what was put on the chain from this block on, which must be final; from when the log began
    /// when left out
    #[arg(long, requires = "anchored")]
    pub from_block: Option<u64>,
    /// With --anchored: let settlements be that are on another chain, or in another contract
    #[arg(long, requires = "anchored")]
    pub allow_elsewhere: bool,
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
    /// Only these read models: journal, quota, statement, risk, directory, settlement, hold, billing, reconciliation
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

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    #[command(subcommand)]
    pub command: DemoCommand,
}

/// What to serve, or to show.
#[derive(Debug, Subcommand)]
pub enum DemoCommand {
    /// Serve a small deterministic server for routes of the gateway to lead to: it speaks the OpenAI HTTP API
    ///
    /// The same request gets the same answer; a token is a word. Beside /v1/chat/completions, completions,
    /// responses, embeddings and models there are /echo, /bytes/{n} and /calls. A model named fault-500,
    /// fault-hang, fault-close-early, fault-no-usage, fault-negative-usage, fault-wrong-length or fault-slow
    /// (and a few more) goes wrong in that way, and so does any request with the header x-demo-fault.
    Upstream(UpstreamArgs),
    /// Serve a small server in the place of Stripe: Stripe's own client libraries can talk to it
    ///
    /// It has payment intents, refunds, charges, disputes, customers, payment methods, balance transactions,
    /// payouts, events and webhook endpoints, all in memory, and Stripe's test cards: pm_card_visa succeeds,
    /// pm_card_visa_chargeDeclined does not, and so on. It sends signed webhooks. Tests can make calls go wrong
    /// under /_test.
    Stripe(demo_stripe::Settings),
    /// Sell a plan to a customer on a test clock, let a month pass, have the invoice paid, and check every figure
    ///
    /// All of it goes through the HTTP API of a running server. The payment provider is `demo stripe`, within this
    /// process; the plans are those of deploy/examples/plans.json. What the invoice has to come to is worked out here,
    /// from that file. The exit code is 1 when anything differs.
    Billing(BillingDemoArgs),
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
