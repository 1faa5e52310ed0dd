//! `tollbook billing`: what billing could not do and has parked for a person, and another try of it.

use clap::{Args, Subcommand};
use domain::ids::{CustomerId, EventId, OrganizationId};
use eventstore::LogPosition;
use payments::Hosts;
use workers::billing::parked::{self, Parked, Retried};

use crate::config::Store;

type Error = Box<dyn std::error::Error>;

/// Options of `billing`.
#[derive(Debug, Args)]
pub struct BillingArgs {
    #[command(subcommand)]
    command: BillingCommand,
}

#[derive(Debug, Subcommand)]
enum BillingCommand {
    /// List events of which not all that follows could be done: a step was denied, or something cannot be read
    ///
    /// The exit code is 1 when there are any.
    Parked(Store),
    /// Do once more what follows from an event, once what was in the way has been put right
    ///
    /// What was done is not done a second time. The exit code is 1 when an event stays parked.
    Retry(RetryArgs),
}

#[derive(Debug, Args)]
struct RetryArgs {
    #[command(flatten)]
    store: Store,
    /// Which, `evt_…`
    #[arg(value_name = "EVENT_ID", required_unless_present = "all")]
    events: Vec<EventId>,
    /// All that are parked, in the order of the log
    #[arg(long, conflicts_with = "events")]
    all: bool,
}

/// `tollbook billing`.
pub async fn run(args: BillingArgs) -> Result<bool, Error> {
    match args.command {
        BillingCommand::Parked(store) => list(&store).await,
        BillingCommand::Retry(args) => retry(args).await,
    }
}

async fn list(store: &Store) -> Result<bool, Error> {
    let (pool, _) = store.open()?;
    let rows = parked::list(&pool).await?;
    for row in &rows {
        println!("{}", line(row));
    }
    println!("{} parked", rows.len());
    Ok(rows.is_empty())
}

fn line(row: &Parked) -> String {
    let (event, organization) = (EventId::new(row.event_id), OrganizationId::new(row.organization_id));
    let place = LogPosition { partition: row.partition, position: row.position };
    let customer = row.customer_id.map_or_else(|| "-".to_owned(), |id| CustomerId::new(id).to_string());
    format!("{event} {place} {organization} {customer} {}: {}", row.parked_at.to_rfc3339(), row.error)
}

async fn retry(args: RetryArgs) -> Result<bool, Error> {
    let (pool, ledger) = args.store.ledger().await?;
    let events = match args.all {
        true => parked::list(&pool).await?.iter().map(|row| EventId::new(row.event_id)).collect(),
        false => args.events,
    };
    let context = workers::Context {
        ledger,
        pool,
        bus: None,
        chain: None,
        exact: None,
        vault: None,
        connector_hosts: Hosts::default(),
        reconcile_every: None,
    };
    let mut is_done = true;
    for event in events {
        let told = match parked::retry(&context, event.uuid()).await? {
            Retried::Done => format!("{event}: done"),
            Retried::StillParked(why) => {
                is_done = false;
                format!("{event}: stays parked: {why}")
            }
            Retried::NoSuchEvent => {
                is_done = false;
                format!("{event}: the log has no such event")
            }
        };
        println!("{told}");
    }
    Ok(is_done)
}
