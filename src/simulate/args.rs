//! The options of `simulate`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::RangedU64ValueParser;
use domain::evm::Address;
use domain::money::Amount;
use rust_decimal::Decimal;

use super::pace::Pace;
use super::plan::{self, Way};
use super::prices;
use super::target::{ApiKey, ENV_FILE, Target};
use super::trace::Row;
use crate::config::{Chain, Hidden};

/// The bounds of `--realtime`: slower or faster is a slip of the finger.
const FACTOR_MIN: f64 = 0.001;
const FACTOR_MAX: f64 = 1_000_000.0;

/// Send a trace of requests through the gateway, to a model of the program's own, and compare what every read model
/// says with it.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// CSV file with the columns TIMESTAMP,ContextTokens,GeneratedTokens [default: a built-in trace of
    /// 10,000 requests]
    #[arg(long, value_name = "FILE.csv")]
    pub trace: Option<PathBuf>,
    /// Use only the first N rows (all are checked)
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub rows: Option<usize>,
    /// Customers with credits to make; row i is charged to payer i mod all payers. May be 0 with --sessions
    #[arg(long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(..=100_000))]
    pub customers: usize,
    /// Session keys to make as well, each funded by a test owner of the local chain. As many are in self custody
    /// that half of all payers pay with vouchers; the others are managed and pay with a bearer key, as customers
    /// do. What session keys pay is followed to the payee
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    pub sessions: Option<usize>,
    /// Charge over the API instead of through the gateway; then every other session key is managed
    #[arg(long)]
    pub direct: bool,
    /// Set the organization to settle when this much is unsettled [default: as it is set]
    #[arg(long, value_name = "USDC", requires = "sessions", value_parser = amount)]
    pub threshold: Option<Amount>,
    /// Name of the run; the name of an earlier one without session keys goes on where that stopped
    /// [default: made up]
    #[arg(long, value_name = "NAME", value_parser = plan::parse_run)]
    pub run: Option<String>,
    /// Requests in flight
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=4_096))]
    pub concurrency: usize,
    /// Send by the trace's timestamps, FACTOR times faster [default: as fast as they are taken]
    #[arg(long, value_name = "FACTOR", value_parser = parse_factor)]
    pub realtime: Option<f64>,
    /// Send so many requests a second, over all payers [default: as fast as they are taken]
    #[arg(long, value_name = "PER_SEC", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: Option<u32>,
    /// USD per million tokens given to the model (USDC for session keys)
    #[arg(long, value_name = "USD", default_value = "3", value_parser = prices::parse_price)]
    pub input_price: Decimal,
    /// USD per million tokens the model gave back (USDC for session keys)
    #[arg(long, value_name = "USD", default_value = "15", value_parser = prices::parse_price)]
    pub output_price: Decimal,
    /// Address of the server [default: from .dev/env]
    #[arg(long, value_name = "URL", env = "TOLLBOOK_URL")]
    pub url: Option<String>,
    /// Address of the server's gateway [default: from .dev/env when the server is, else /gw below the server]
    #[arg(long, value_name = "URL", env = "TOLLBOOK_GATEWAY_URL")]
    pub gateway: Option<String>,
    /// API key of the organization that charges [default: from .dev/env]
    #[arg(long, value_name = "KEY", env = "TOLLBOOK_API_KEY", hide_env_values = true)]
    pub api_key: Option<ApiKey>,
    #[command(flatten)]
    pub chain: Chain,
}

impl SimulateArgs {
    /// How many session keys; 0 without the option.
    pub fn session_count(&self) -> usize {
        self.sessions.unwrap_or(0)
    }

    /// Which way rows go.
    pub const fn way(&self) -> Way {
        if self.direct { Way::Direct } else { Way::Gateway }
    }

    /// When rows are due.
    pub fn pace(&self, rows: &[Row]) -> Pace {
        let first_us = rows.first().map_or(0, |row| row.at_us);
        Pace { realtime: self.realtime.map(|factor| (first_us, factor)), rate: self.rate }
    }

    /// Which chain: as set, and what is not set from the file that a started server leaves.
    pub fn chain_settings(&self, env_file: &Path) -> Result<Chain, String> {
        let mut chain = self.chain.clone();
        if chain.evm_rpc_url.as_ref().is_some_and(|url| !url.0.is_empty()) {
            return Ok(chain);
        }
        let address = |name, set: Option<Address>| match Target::setting(name, env_file) {
            Some(text) if set.is_none() => text.parse().map(Some).map_err(|e| format!("{name} in {ENV_FILE}: {e}")),
            _ => Ok(set),
        };
        chain.evm_rpc_url = Target::setting("EVM_RPC_URL", env_file).map(Hidden);
        chain.contract = address("TOLLBOOK_CONTRACT", chain.contract)?;
        chain.usdc = address("TOLLBOOK_USDC", chain.usdc)?;
        Ok(chain)
    }

    /// How to go on with a run that stopped: all that decides what is charged, not how fast.
    pub fn resume_hint(&self, run: &str) -> String {
        if self.sessions.is_some() {
            return "A run with session keys cannot go on: their keys were in memory only. Start a new one".to_owned();
        }
        let mut command = format!("tollbook simulate --run {run}");
        if self.direct {
            command += " --direct";
        }
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
        format!("To go on where this stopped:\n  {command}")
    }
}

fn parse_factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (FACTOR_MIN..=FACTOR_MAX).contains(&factor) => Ok(factor),
        _ => Err(format!("expected a number from {FACTOR_MIN} to {FACTOR_MAX}")),
    }
}

fn amount(text: &str) -> Result<Amount, String> {
    Amount::positive_from_input(text).map_err(|e| e.to_string())
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
            args.resume_hint("ab"),
            "To go on where this stopped:\n  tollbook simulate --run ab --trace 'it'\\''s a.csv' --rows 7 \
             --customers 50 --input-price 0.25 --output-price 15"
        );
        let direct = parse(&["--direct"]).unwrap();
        assert_eq!((direct.way(), args.way()), (Way::Direct, Way::Gateway));
        assert!(direct.resume_hint("ab").contains(" --run ab --direct --customers 50 "));
        let with_sessions = parse(&["--sessions", "2"]).unwrap();
        assert!(with_sessions.resume_hint("ab").contains("cannot go on"));
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        for (flag, value) in [
            ("--customers", "100001"),
            ("--sessions", "0"),
            ("--concurrency", "0"),
            ("--rows", "0"),
            ("--rate", "0"),
            ("--realtime", "0"),
            ("--realtime", "-1"),
            ("--realtime", "NaN"),
            ("--realtime", "inf"),
            ("--input-price", "0"),
            ("--run", "Upper"),
            ("--threshold", "2"),
        ] {
            assert!(parse(&[&format!("{flag}={value}")]).is_err(), "{flag} {value}");
        }
        assert!(parse(&["--sessions=2", "--threshold=0"]).is_err());
        let args = parse(&["--sessions=2", "--threshold=0.5", "--customers=0", "--rate=200"]).unwrap();
        assert_eq!((args.session_count(), args.customers, args.rate), (2, 0, Some(200)));
    }
}
