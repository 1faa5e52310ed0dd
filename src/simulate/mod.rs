//! `tollbook simulate`: charges a trace of real or invented requests over the HTTP API, then asks every
//! place that keeps figures whether it says the same as the trace.
//!
//! - [`trace`] reads and checks the trace, [`plan`] decides who pays what for it.
//! - [`target`] finds the server, [`transport`] sends one request until it is answered, [`client`] has
//!   the API's calls.
//! - [`load`] sends, [`progress`] shows how far it is.
//! - [`places`] reads back, [`report`] compares and prints.
//!
//! A run has a name, and every request an idempotency key made from it. So a run that was interrupted,
//! here or on the server, is started again with the same name and charges every row exactly once.

pub mod client;
pub mod load;
pub mod places;
pub mod plan;
pub mod progress;
pub mod report;
pub mod target;
pub mod trace;
pub mod transport;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use rust_decimal::Decimal;

use client::Client;
use load::{EnrolError, Pace};
use plan::{GrantTooLarge, Plan, Prices};
use report::Report;
use target::{ApiKey, ENV_FILE, Target, TargetError};
use trace::{Row, TraceError};
use transport::CallError;

/// The bounds of `--realtime`: slower or faster is a slip of the finger.
const FACTOR_MIN: f64 = 0.001;
const FACTOR_MAX: f64 = 1_000_000.0;

/// Charge a trace of requests over the HTTP API and compare what every read model says with it.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// CSV file with the columns TIMESTAMP,ContextTokens,GeneratedTokens [default: a built-in trace of
    /// 10,000 requests]
    #[arg(long, value_name = "FILE.csv")]
    pub trace: Option<PathBuf>,
    /// Use only the first N rows (all are checked)
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub rows: Option<usize>,
    /// Customers to make; row i is charged to customer i mod N
    #[arg(long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub customers: usize,
    /// Name of the run; the name of an earlier one goes on where that stopped [default: made up]
    #[arg(long, value_name = "NAME", value_parser = plan::parse_run)]
    pub run: Option<String>,
    /// Requests in flight
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=4_096))]
    pub concurrency: usize,
    /// Send by the trace's timestamps, FACTOR times faster [default: as fast as they are taken]
    #[arg(long, value_name = "FACTOR", value_parser = parse_factor)]
    pub realtime: Option<f64>,
    /// USD per million tokens given to the model
    #[arg(long, value_name = "USD", default_value = "3", value_parser = plan::parse_price)]
    pub input_price: Decimal,
    /// USD per million tokens the model gave back
    #[arg(long, value_name = "USD", default_value = "15", value_parser = plan::parse_price)]
    pub output_price: Decimal,
    /// Address of the server [default: from .dev/env]
    #[arg(long, value_name = "URL", env = "TOLLBOOK_URL")]
    pub url: Option<String>,
    /// API key of the organization that charges [default: from .dev/env]
    #[arg(long, value_name = "KEY", env = "TOLLBOOK_API_KEY", hide_env_values = true)]
    pub api_key: Option<ApiKey>,
}

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
    Plan(#[from] GrantTooLarge),
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
    /// The server went away and did not come back.
    #[error("{source}\nWhat was charged stays charged. To go on where this stopped:\n  {resume}")]
    Away {
        /// What the last call met.
        source: CallError,
        /// The command to go on with.
        resume: String,
    },
    /// Ctrl-C.
    #[error("stopped. What was charged stays charged. To go on where this stopped:\n  {resume}")]
    Interrupted {
        /// The command to go on with.
        resume: String,
    },
    /// A part of the program broke.
    #[error("the trace could not be read: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// Runs the simulation, prints its report, and tells whether every row was charged and nothing differs.
pub async fn run(args: SimulateArgs) -> Result<bool, SimulateError> {
    let run = args.run.clone().unwrap_or_else(random_name);
    let resume = args.resume_command(&run);
    tokio::select! {
        clean = simulate(&args, run, &resume) => clean,
        Ok(()) = tokio::signal::ctrl_c() => Err(SimulateError::Interrupted { resume }),
    }
}

async fn simulate(args: &SimulateArgs, run: String, resume: &str) -> Result<bool, SimulateError> {
    let rows = read_trace(args).await?;
    let prices = Prices::per_million(args.input_price, args.output_price);
    let plan = Arc::new(Plan::new(run, rows, prices, args.customers)?);
    let target = Target::find(args.url.as_deref(), args.api_key.as_ref(), Path::new(ENV_FILE))?;
    let begin = |source| SimulateError::Begin { url: target.url.to_string(), source };
    let client = Arc::new(Client::new(&target, args.concurrency).map_err(begin)?);
    let organization = client.organization().await.map_err(begin)?;
    eprintln!(
        "run {}: {} requests of {} customers to {} ({})",
        plan.run,
        plan.rows.len(),
        args.customers,
        target.url,
        organization.name
    );

    let customers =
        load::enrol(&client, &plan, args.concurrency).await.map_err(|error| enrol_error(error, &plan.run, resume))?;
    let customers = customers.into();
    let pace = args.realtime.map(|factor| Pace { first_us: plan.rows.first().map_or(0, |row| row.at_us), factor });
    let tally = load::send(&client, &plan, &customers, pace, args.concurrency)
        .await
        .map_err(|source| SimulateError::Away { source, resume: resume.to_owned() })?;
    // There is at least one customer, so there is a position.
    let kept = match tally.highest {
        Some(at) => places::read_all(&client, &plan, &customers, at).await,
        None => Vec::new(),
    };
    let report = Report::new(&plan, &customers, &target, &tally, &kept);
    println!("{report}");
    Ok(report.is_clean())
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

impl SimulateArgs {
    /// The command that goes on with a run: all that decides what is charged, not how fast.
    fn resume_command(&self, run: &str) -> String {
        let mut command = format!("tollbook simulate --run {run}");
        if let Some(trace) = &self.trace {
            let quoted = trace.display().to_string().replace('\'', r"'\''");
            command += &format!(" --trace '{quoted}'");
        }
        if let Some(rows) = self.rows {
            command += &format!(" --rows {rows}");
        }
        command += &format!(
            " --customers {} --input-price {} --output-price {}",
            self.customers, self.input_price, self.output_price
        );
        command
    }
}

fn parse_factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (FACTOR_MIN..=FACTOR_MAX).contains(&factor) => Ok(factor),
        _ => Err(format!("expected a number from {FACTOR_MIN} to {FACTOR_MAX}")),
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
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn parse(args: &[&str]) -> Result<SimulateArgs, clap::Error> {
        Cli::try_parse_from(["simulate"].iter().chain(args)).map(|cli| cli.args)
    }

    #[test]
    fn the_command_to_go_on_with_decides_the_same_charges() {
        let trace = "it's a.csv";
        let args = parse(&["--trace", trace, "--rows", "7", "--input-price", "0.25"]).unwrap();
        assert_eq!(
            args.resume_command("ab"),
            r"tollbook simulate --run ab --trace 'it'\''s a.csv' --rows 7 --customers 50 --input-price 0.25 --output-price 15"
        );
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        for (flag, value) in [
            ("--customers", "0"),
            ("--concurrency", "0"),
            ("--rows", "0"),
            ("--realtime", "0"),
            ("--realtime", "-1"),
            ("--realtime", "NaN"),
            ("--realtime", "inf"),
            ("--input-price", "0"),
            ("--run", "Upper"),
        ] {
            assert!(parse(&[&format!("{flag}={value}")]).is_err(), "{flag} {value}");
        }
    }

    #[test]
    fn names_are_made_up_anew_and_fit() {
        let (one, other) = (random_name(), random_name());
        assert_eq!(plan::parse_run(&one), Ok(one.clone()));
        assert_eq!(one.len(), 8);
        assert_ne!(one, other);
    }
}
