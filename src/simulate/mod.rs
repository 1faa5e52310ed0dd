//! `tollbook simulate`: sends a trace of real or invented requests through the gateway to a model, half of them
//! paid with vouchers and half with bearer keys; or charges it over the HTTP API (`--direct`). Then it asks every
//! place that keeps figures whether it says the same as the trace. With session keys it also follows the
//! money on the chain to the payee.
//!
//! - [`args`] are the options, [`trace`] reads and checks the trace, [`plan`] decides who pays what for it, at which
//!   [`prices`].
//! - [`target`] finds the server, [`transport`] sends one request until it is answered, [`client`],
//!   [`session_api`] and [`gateway_api`] have the API's calls.
//! - [`enrol`] makes customers, [`sessions`] session keys, which [`owner`] signs and [`wallet`] pays with.
//! - [`gateway`] sets the gateway up and starts the model, [`paid`] asks and pays by [`x402`].
//! - [`load`] sends at its [`pace`], [`progress`] shows how far it is.
//! - [`places`] reads back, [`compare`] compares; [`settle`] waits for the chain, [`onchain`] follows the
//!   money; [`report`] prints, [`trail_report`] the part about the chain.
//!
//! A run has a name, and every request an idempotency key made from it. So a run that was interrupted,
//! here or on the server, is started again with the same name and charges every row exactly once. A run
//! with session keys goes on when the server does, but not when this process ends: it holds their keys.

pub mod args;
pub mod client;
pub mod compare;
pub mod enrol;
pub mod gateway;
pub mod gateway_api;
pub mod load;
pub mod onchain;
pub mod owner;
pub mod pace;
pub mod paid;
pub mod places;
pub mod plan;
pub mod prices;
pub mod progress;
pub mod report;
pub mod session_api;
pub mod sessions;
pub mod settle;
pub mod target;
pub mod trace;
pub mod trail_report;
pub mod transport;
pub mod wallet;
pub mod x402;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::sync::Arc;

use domain::money::Amount;
use rust_decimal::Decimal;
use tokio::time::Instant;

pub use args::SimulateArgs;

use client::{Client, Organization, Position};
use enrol::{EnrolError, Enrolled};
use gateway::{Gateway, GatewayError, Setup};
use owner::{OwnerError, Owners};
use plan::{Plan, PlanError, Way, World};
use prices::Prices;
use report::Report;
use sessions::SessionsError;
use target::{ENV_FILE, Target, TargetError};
use trace::{Row, TraceError};
use trail_report::Settling;
use transport::CallError;

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The trace cannot be used; nothing was sent.
    #[error("{name}: {source}")]
    Trace {
        /// The file.
        name: String,
        /// What is wrong with it.
        source: TraceError,
    },
    /// The trace and the options do not go together; nothing was sent.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There is no server to talk to.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The server does not answer the first question.
    #[error("cannot begin at {url}: {source}")]
    Begin {
        /// The server's address.
        url: String,
        /// What the call met.
        source: CallError,
    },
    /// The run's name was used with something else.
    #[error("the run {0} was started with other options or another trace; take another name")]
    OtherRun(String),
    /// The meters, customers or credits cannot be made.
    #[error(transparent)]
    Enrol(EnrolError),
    /// There is no chain to make session keys on.
    #[error(
        "no chain: session keys need EVM_RPC_URL, TOLLBOOK_CONTRACT and TOLLBOOK_USDC, which `./dev up` writes to {ENV_FILE}"
    )]
    NoChain,
    /// The chain's settings cannot be used.
    #[error("{0}")]
    BadChain(String),
    /// Nobody can pay for session keys there, or it does not answer.
    #[error(transparent)]
    Owners(#[from] OwnerError),
    /// The session keys cannot be made.
    #[error(transparent)]
    Sessions(SessionsError),
    /// The gateway cannot be gone through.
    #[error(transparent)]
    Gateway(GatewayError),
    /// The server went away and did not come back.
    #[error("{source}\nWhat was charged stays charged. {resume}")]
    Away {
        /// What the last call met.
        source: CallError,
        /// How to go on.
        resume: String,
    },
    /// Ctrl-C.
    #[error("stopped. What was charged stays charged. {resume}")]
    Interrupted {
        /// How to go on.
        resume: String,
    },
    /// A part of the program broke.
    #[error("the trace could not be read: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// Runs the simulation, prints its report, and tells whether every row was charged and nothing differs.
pub async fn run(args: SimulateArgs) -> Result<bool, SimulateError> {
    let run = args.run.clone().unwrap_or_else(random_name);
    let resume = args.resume_hint(&run);
    tokio::select! {
        clean = simulate(&args, run, &resume) => clean,
        Ok(()) = tokio::signal::ctrl_c() => Err(SimulateError::Interrupted { resume }),
    }
}

async fn simulate(args: &SimulateArgs, run: String, resume: &str) -> Result<bool, SimulateError> {
    let rows = read_trace(args).await?;
    let prices = Prices::per_million(args.input_price, args.output_price);
    let pace = args.pace(&rows);
    let plan = Arc::new(Plan::new(run, rows, prices, args.customers, args.session_count(), args.way())?);
    let target = Target::find(args.url.as_deref(), args.api_key.as_ref(), Path::new(ENV_FILE))?;
    let begin = |source| SimulateError::Begin { url: target.url.to_string(), source };
    let client = Arc::new(Client::new(&target, args.concurrency).map_err(begin)?);
    let organization = client.organization().await.map_err(begin)?;
    let onchain = match args.sessions {
        Some(_) => Some(OnChain::begin(args, &plan, &organization).await?),
        None => None,
    };
    say_hello(args, &plan, &target, &organization);

    let enrolled = enrol::enrol(&client, &plan, args.concurrency).await;
    let mut payers = enrolled.map_err(|error| enrol_error(error, &plan.run, resume))?;
    if let Some(onchain) = &onchain {
        let opened = onchain.open(&client, &plan, args).await;
        payers.extend(opened.map_err(|error| sessions_error(error, &plan.run, resume))?);
    }
    let payers: Arc<[Enrolled]> = payers.into();
    let gateway = match plan.way {
        Way::Gateway => {
            let (organization, payers) = (&organization, &payers[..]);
            let setup = Setup { args, target: &target, organization, plan: &plan, payers };
            let opened = Gateway::open(&client, setup, random_name()).await;
            Some(Arc::new(opened.map_err(|error| gateway_error(error, &plan.run, resume))?))
        }
        Way::Direct => None,
    };
    let away = |source| SimulateError::Away { source, resume: resume.to_owned() };
    let tally = load::send(&client, &plan, &payers, gateway.as_ref(), pace, args.concurrency).await.map_err(away)?;
    let mut highest = tally.highest;
    if let Some(gateway) = gateway {
        highest = highest.max(gateway::last_position(&client, &payers, args.concurrency).await.map_err(away)?);
        if let Err(error) = gateway.close(&client, &plan).await {
            eprintln!("the route of the run is still there, and leads nowhere: {error}");
        }
    }
    // There is at least one payer, so there is a position.
    let (mut kept, mut settling) = (Vec::new(), None);
    if let Some(at) = highest {
        kept = places::read_all(&client, &plan, &payers, at).await;
        if let Some(onchain) = &onchain {
            let sessions = &payers[plan.payers_of(World::Sessions)];
            settling = Some(onchain.settle(&client, sessions, at, args.concurrency).await);
        }
    }
    let report = Report::new(&plan, &payers, &target, &tally, &kept, settling);
    println!("{report}");
    Ok(report.is_clean())
}

fn say_hello(args: &SimulateArgs, plan: &Plan, target: &Target, organization: &Organization) {
    let payers = match (args.customers, args.session_count()) {
        (customers, 0) => format!("{customers} customers"),
        (0, sessions) => format!("{sessions} session keys"),
        (customers, sessions) => format!("{customers} customers and {sessions} session keys"),
    };
    let (run, rows, name) = (&plan.run, plan.rows.len(), &organization.name);
    let through = match plan.way {
        Way::Direct => "",
        Way::Gateway => " through the gateway",
    };
    eprintln!("run {run}: {rows} requests of {payers}{through} to {} ({name})", target.url);
}

/// The chain's side of a run with session keys.
struct OnChain {
    chain: chain::Client,
    owners: Owners,
    /// The first block of the run.
    from_block: u64,
    /// The later of our time and the chain's.
    now: domain::Timestamp,
    /// From how much on the organization settles, where that is known, in USDC.
    threshold: Option<Decimal>,
}

impl OnChain {
    /// Finds out that there is a local chain with money on it, before anything is made.
    async fn begin(args: &SimulateArgs, plan: &Plan, organization: &Organization) -> Result<Self, SimulateError> {
        let settings = args.chain_settings(Path::new(ENV_FILE)).map_err(SimulateError::BadChain)?;
        let chain = settings.client().map_err(|error| SimulateError::BadChain(error.to_string()))?;
        let chain = chain.ok_or(SimulateError::NoChain)?;
        let limits = sessions::limits(plan).map_err(SimulateError::Sessions)?;
        let owners = Owners::find(&chain, &limits).await?;
        let head = chain.head().await.map_err(OwnerError::from)?;
        let own = organization.settlement_rules.as_ref().map(|rules| rules.threshold);
        let threshold = args.threshold.map(Amount::decimal).or(own);
        Ok(Self { chain, owners, from_block: head.number + 1, now: eventstore::clock::now().max(head.time), threshold })
    }

    /// Sets when to settle, if that was asked for, and makes the session keys.
    async fn open(&self, client: &Client, plan: &Plan, args: &SimulateArgs) -> Result<Vec<Enrolled>, SessionsError> {
        if let Some(threshold) = args.threshold {
            let set = client.put_settlement_rules(&plan.key("rules", 0), threshold).await;
            set.map_err(|source| EnrolError { what: "the settlement rules".to_owned(), source })?;
        }
        sessions::open(client, &self.chain, &self.owners, plan, self.now, args.concurrency).await
    }

    /// Waits until what is due is settled, and follows the money.
    async fn settle(&self, client: &Client, sessions: &[Enrolled], at: Position, parallel: usize) -> Settling {
        let begun = Instant::now();
        let end = settle::wait(client, sessions, self.threshold, at, parallel).await;
        let took = begun.elapsed();
        let trail = onchain::follow(client, &self.chain, sessions, self.from_block, at, parallel).await;
        Settling {
            end: end.map_err(|error| error.to_string()),
            took,
            trail: trail.map_err(|error| error.to_string()),
            threshold: self.threshold,
        }
    }
}

/// Reads and checks the whole trace, off the threads that serve the network.
async fn read_trace(args: &SimulateArgs) -> Result<Vec<Row>, SimulateError> {
    let path = args.trace.clone();
    let name = path.as_deref().map_or_else(|| "built-in trace".to_owned(), |path| path.display().to_string());
    let reading = tokio::task::spawn_blocking(move || trace::load(path.as_deref()));
    let mut rows = reading.await?.map_err(|source| SimulateError::Trace { name, source })?;
    rows.truncate(args.rows.unwrap_or(usize::MAX));
    Ok(rows)
}

fn enrol_error(error: EnrolError, run: &str, resume: &str) -> SimulateError {
    match error.source {
        CallError::Refused { ref code, .. } if code == "idempotency_key_reused" => {
            SimulateError::OtherRun(run.to_owned())
        }
        source @ CallError::Unavailable { .. } => SimulateError::Away { source, resume: resume.to_owned() },
        _ => SimulateError::Enrol(error),
    }
}

fn sessions_error(error: SessionsError, run: &str, resume: &str) -> SimulateError {
    match error {
        SessionsError::Enrol(error) => enrol_error(error, run, resume),
        error => SimulateError::Sessions(error),
    }
}

fn gateway_error(error: GatewayError, run: &str, resume: &str) -> SimulateError {
    match error {
        GatewayError::Prepare(error) => enrol_error(error, run, resume),
        error => SimulateError::Gateway(error),
    }
}

/// Eight hexadecimal digits. The standard library seeds its hash maps from the system's randomness,
/// which is all that a name needs.
fn random_name() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{:08x}", random >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_up_anew_and_fit() {
        let (one, other) = (random_name(), random_name());
        assert_eq!(plan::parse_run(&one), Ok(one.clone()));
        assert_eq!(one.len(), 8);
        assert_ne!(one, other);
    }
}
