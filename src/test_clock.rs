//! `tollbook clock`: makes test clocks, sets them forward, shows them.

use std::time::Duration;

use chrono::{DateTime, Days, Months, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::remote::{Remote, RemoteArgs, text};

type Error = Box<dyn std::error::Error>;

/// How long `--wait` waits.
const WAIT_MAX: Duration = Duration::from_secs(600);
const WAIT_STEP: Duration = Duration::from_millis(100);

/// Options of `clock`.
#[derive(Debug, Args)]
pub struct ClockArgs {
    #[command(subcommand)]
    command: ClockCommand,
}

#[derive(Debug, Subcommand)]
enum ClockCommand {
    /// Make one and print its id; customers are attached when they are made, with `test_clock_id`
    Create(CreateArgs),
    /// Set one forward: everything that falls due on the way happens
    Advance(AdvanceArgs),
    /// Show one
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    #[command(flatten)]
    server: RemoteArgs,
    /// What it is called
    #[arg(long)]
    name: Option<String>,
    /// What it shows at first, for example 2026-01-01T00:00:00Z [default: the time of now]
    #[arg(long, value_name = "TIME")]
    now: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
struct AdvanceArgs {
    #[command(flatten)]
    server: RemoteArgs,
    /// Which, `clk_…`
    id: String,
    /// To this moment, for example 2026-02-01T00:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with_all = ["days", "months"])]
    #[arg(required_unless_present_any = ["days", "months"])]
    to: Option<DateTime<Utc>>,
    /// By so many days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_830))]
    days: Option<u32>,
    /// By so many months
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60))]
    months: Option<u32>,
    /// Wait until it has arrived
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    server: RemoteArgs,
    /// Which, `clk_…`
    id: String,
}

/// `tollbook clock`.
pub async fn run(args: ClockArgs) -> Result<(), Error> {
    match args.command {
        ClockCommand::Create(args) => create(&args).await,
        ClockCommand::Advance(args) => advance(&args).await,
        ClockCommand::Show(args) => show(&args.server.server()?.get(&["test_clocks", args.id.as_str()], &[]).await?),
    }
}

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn show(clock: &Value) -> Result<(), Error> {
    let (id, status, now) = (text(clock, "id")?, text(clock, "status")?, text(clock, "now")?);
    match clock["target"].as_str() {
        Some(target) => println!("{id}  {status}  {now} on its way to {target}"),
        None => println!("{id}  {status}  {now}"),
    }
    Ok(())
}

async fn create(args: &CreateArgs) -> Result<(), Error> {
    let mut body = json!({});
    if let Some(name) = &args.name {
        body["name"] = json!(name);
    }
    if let Some(now) = args.now {
        body["now"] = json!(written(now));
    }
    show(&args.server.server()?.post(&["test_clocks"], &body).await?)
}

async fn advance(args: &AdvanceArgs) -> Result<(), Error> {
    let server = args.server.server()?;
    let to = match args.to {
        Some(to) => to,
        None => later(&server, args).await?,
    };
    let mut clock = server.post(&["test_clocks", args.id.as_str(), "advance"], &json!({ "to": written(to) })).await?;
    let deadline = Instant::now() + WAIT_MAX;
    while args.wait && text(&clock, "status")? != "ready" {
        if Instant::now() >= deadline {
            show(&clock)?;
            return Err(format!("it has not arrived in {} s", WAIT_MAX.as_secs()).into());
        }
        sleep(WAIT_STEP).await;
        clock = server.get(&["test_clocks", args.id.as_str()], &[]).await?;
    }
    show(&clock)
}

/// So many days and months after what it shows.
async fn later(server: &Remote, args: &AdvanceArgs) -> Result<DateTime<Utc>, Error> {
    let clock = server.get(&["test_clocks", args.id.as_str()], &[]).await?;
    let now: DateTime<Utc> = text(&clock, "now")?.parse()?;
    let months = now.checked_add_months(Months::new(args.months.unwrap_or(0)));
    let later = months.and_then(|at| at.checked_add_days(Days::new(u64::from(args.days.unwrap_or(0)))));
    later.ok_or_else(|| "no calendar goes that far".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: ClockArgs,
    }

    fn is_read(words: &[&str]) -> bool {
        Cli::try_parse_from(["clock"].iter().chain(words)).is_ok()
    }

    #[test]
    fn where_to_is_said_once() {
        assert!(is_read(&["advance", "clk_1", "--to", "2026-02-01T00:00:00Z", "--wait"]));
        assert!(is_read(&["advance", "clk_1", "--months", "1", "--days", "3"]));
        assert!(!is_read(&["advance", "clk_1"]));
        assert!(!is_read(&["advance", "clk_1", "--to", "2026-02-01T00:00:00Z", "--days", "1"]));
        assert!(!is_read(&["advance", "clk_1", "--to", "tomorrow"]));
        assert!(is_read(&["create", "--now", "2026-01-01T00:00:00Z"]));
    }
}
