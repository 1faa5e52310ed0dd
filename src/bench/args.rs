//! The options of `bench`.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};

use crate::config::{Chain, Store};
use crate::simulate::target::ApiKey;

/// How long an upstream takes when nobody says: what a model takes for a short answer.
const UPSTREAM_MS: u64 = 500;

/// Put a running server under load, check its books after each load, and report how fast it was.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// Address of the server; given twice, the second is another process on the same log, for `two`
    /// [default: from .dev/env]
    #[arg(long, value_name = "URL", env = "TOLLBOOK_URL")]
    pub url: Vec<String>,
    /// API key of the organization that charges [default: from .dev/env]
    #[arg(long, value_name = "KEY", env = "TOLLBOOK_API_KEY", hide_env_values = true)]
    pub api_key: Option<ApiKey>,
    /// Address of the server's gateway, for `gateway` [default: from .dev/env when the server is, else /gw below
    /// the server]
    #[arg(long, value_name = "URL", env = "TOLLBOOK_GATEWAY_URL")]
    pub gateway: Option<String>,
    /// How long the upstream of `gateway` takes for an answer, in milliseconds
    #[arg(long, value_name = "N", default_value_t = UPSTREAM_MS, value_parser = clap::value_parser!(u64).range(..=60_000))]
    pub upstream_ms: u64,
    #[command(flatten)]
    pub store: Store,
    #[command(flatten)]
    pub chain: Chain,
    /// How long each load is measured, in seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Only these
    #[arg(long, value_name = "SCENARIO", value_delimiter = ',')]
    pub only: Vec<Scenario>,
    /// Customers with credits to make
    #[arg(long, value_name = "N", default_value_t = 800)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(..=100_000))]
    pub customers: usize,
    /// Managed session keys to make, each funded by a test owner of the local chain
    #[arg(long, value_name = "N", default_value_t = 200)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(..=1_000))]
    pub sessions: usize,
    /// How long `soak` is, in seconds; without it there is none
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub soak_seconds: u64,
    /// Where to write the report, as markdown; the notes of a report that is there are kept
    #[arg(long, value_name = "FILE.md")]
    pub out: Option<PathBuf>,
    /// Process of the server, to read its memory; may be given twice
    #[arg(long, value_name = "PID")]
    pub server_pid: Vec<u32>,
    /// What pgbench's TPC-B came to on the same Postgres just before, in transactions a second
    #[arg(long, value_name = "TPS", value_parser = rate)]
    pub pgbench_tps: Option<f64>,
    /// What the peer with a transaction for each event came to there, in events a second
    #[arg(long, value_name = "PER_SEC", value_parser = rate)]
    pub peer_rate: Option<f64>,
    /// Measure fdatasync in this folder, which should be on the disk of Postgres
    #[arg(long, value_name = "FOLDER")]
    pub fsync_dir: Option<PathBuf>,
}

/// A load, and what is looked at meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Single charges over all payers, 256 connections
    Spread,
    /// The same with 64 connections
    #[value(name = "spread-64")]
    Spread64,
    /// Few payers charged often, most of them seldom (Zipf's law)
    Zipf,
    /// All charges to one account
    HotAccount,
    /// All charges to one session key
    HotSession,
    /// Charges in batches of 100
    Batch,
    /// Holds, each captured
    Holds,
    /// 2,000 charges a second over 1,000 connections
    Steady,
    /// Open loop at 80 % of the best rate of `spread`
    Open,
    /// How long until a read model shows a charge, under load
    Lag,
    /// What the gateway adds to a call of an upstream, and 1,000 streams through it at once
    Gateway,
    /// Twice as much as it can do, and how it recovers
    Overload,
    /// Two processes on one log
    Two,
    /// For long at 80 % of the best rate
    Soak,
    /// Every read model anew from the log
    Rebuild,
}

impl Scenario {
    /// Its name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::Spread64 => "spread-64",
            Self::Zipf => "zipf",
            Self::HotAccount => "hot-account",
            Self::HotSession => "hot-session",
            Self::Batch => "batch",
            Self::Holds => "holds",
            Self::Steady => "steady",
            Self::Open => "open",
            Self::Lag => "lag",
            Self::Gateway => "gateway",
            Self::Overload => "overload",
            Self::Two => "two",
            Self::Soak => "soak",
            Self::Rebuild => "rebuild",
        }
    }
}

impl BenchArgs {
    /// What is to be run, in an order in which each finds what it needs of those before.
    pub fn scenarios(&self) -> Vec<Scenario> {
        let all = Scenario::value_variants().iter().copied();
        if self.only.is_empty() {
            return all.filter(|scenario| *scenario != Scenario::Soak || self.soak_seconds > 0).collect();
        }
        all.filter(|scenario| self.only.contains(scenario)).collect()
    }

    /// The command, as far as it decides what was measured; without anything secret.
    pub fn command(&self) -> String {
        let Self { seconds, customers, sessions, soak_seconds, .. } = self;
        let mut command = format!("tollbook bench --seconds {seconds} --customers {customers} --sessions {sessions}");
        if *soak_seconds > 0 {
            command += &format!(" --soak-seconds {soak_seconds}");
        }
        if self.upstream_ms != UPSTREAM_MS {
            command += &format!(" --upstream-ms {}", self.upstream_ms);
        }
        if !self.only.is_empty() {
            let names: Vec<_> = self.scenarios().into_iter().map(Scenario::name).collect();
            command += &format!(" --only {}", names.join(","));
        }
        command
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected a number above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn parse(args: &[&str]) -> Result<BenchArgs, clap::Error> {
        let given = ["bench", "--database-url=postgres://x"];
        Cli::try_parse_from(given.iter().chain(args)).map(|cli| cli.args)
    }

    #[test]
    fn scenarios_run_in_their_own_order() {
        let args = parse(&["--only", "rebuild,spread-64", "--only=hot-session"]).unwrap();
        assert_eq!(args.scenarios(), [Scenario::Spread64, Scenario::HotSession, Scenario::Rebuild]);
        assert!(args.command().ends_with("--sessions 200 --only spread-64,hot-session,rebuild"), "{}", args.command());
        let all = parse(&[]).unwrap().scenarios();
        assert_eq!(all.len(), Scenario::value_variants().len() - 1);
        assert!(parse(&["--soak-seconds=60"]).unwrap().scenarios().contains(&Scenario::Soak));
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for scenario in Scenario::value_variants() {
            assert_eq!(Scenario::from_str(scenario.name(), false), Ok(*scenario));
        }
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        for bad in ["--seconds=0", "--sessions=1001", "--pgbench-tps=0", "--peer-rate=inf", "--only=nothing"] {
            assert!(parse(&[bad]).is_err(), "{bad}");
        }
        let args = parse(&["--url=http://a", "--url=http://b", "--peer-rate=812.5"]).unwrap();
        assert_eq!((args.url.len(), args.peer_rate), (2, Some(812.5)));
    }
}
