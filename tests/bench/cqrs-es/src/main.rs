//! The same work as Tollbook's single charge, on the framework `cqrs-es` with `postgres-es`, so that
//! `./dev bench` can print a ratio. It is used as its own guide uses it: the aggregate is loaded from
//! its events, a command is decided on, the event is committed, one view row is brought up to date.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use clap::Parser;
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{GenericQuery, PersistenceError};
use cqrs_es::{Aggregate, AggregateError, DomainEvent, EventEnvelope, View};
use postgres_es::{PostgresCqrs, PostgresViewRepository, postgres_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

/// What a charge takes, in millionths of a currency unit. Amounts are integers, never floats.
const CHARGE: u64 = 1_500;
/// What a payer has at first: more than any run can spend, so that no charge is denied.
const CREDIT: u64 = 1_000_000_000_000;

/// How often progress is printed.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// The tables as the framework's own `db/init.sql` has them (that of snapshots is not used).
const TABLES: [&str; 2] = [
    "CREATE TABLE events (
        aggregate_type text                         NOT NULL,
        aggregate_id   text                         NOT NULL,
        sequence       bigint CHECK (sequence >= 0) NOT NULL,
        event_type     text                         NOT NULL,
        event_version  text                         NOT NULL,
        payload        json                         NOT NULL,
        metadata       json                         NOT NULL,
        PRIMARY KEY (aggregate_type, aggregate_id, sequence)
    )",
    "CREATE TABLE account_view (
        view_id text                        NOT NULL,
        version bigint CHECK (version >= 0) NOT NULL,
        payload json                        NOT NULL,
        PRIMARY KEY (view_id)
    )",
];

type Failure = Box<dyn Error + Send + Sync>;

/// Charges random payers with cqrs-es and postgres-es, and prints how many events a second came of it.
#[derive(Parser)]
struct Args {
    /// An empty database; the tables are made in it.
    #[arg(long)]
    database_url: String,
    /// How long to measure.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How many tasks charge at once, each waiting for its answer; the pool has as many connections.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// How many accounts there are to charge.
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u64).range(1..))]
    payers: u64,
    /// How many seconds to charge before measuring.
    #[arg(long, default_value = "2")]
    warmup: u64,
}

// --- the domain: what can be asked of an account, what can have happened to it

enum Command {
    Open { credit: u64 },
    Charge { amount: u64 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    Opened { balance_after: u64 },
    Charged { amount: u64, currency: String, balance_after: u64 },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::Opened { .. } => "Opened",
            Self::Charged { .. } => "Charged",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

/// Why a command was refused.
#[derive(Debug)]
struct Denied(&'static str);

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Denied {}

#[derive(Default, Serialize, Deserialize)]
struct Account {
    opened: bool,
    balance: u64,
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = Command;
    type Event = Event;
    type Error = Denied;
    type Services = ();

    async fn handle(&mut self, command: Command, _: &(), sink: &EventSink<Self>) -> Result<(), Denied> {
        let event = match command {
            Command::Open { .. } if self.opened => return Err(Denied("is opened already")),
            Command::Open { credit } => Event::Opened { balance_after: credit },
            Command::Charge { .. } if !self.opened => return Err(Denied("is not opened")),
            Command::Charge { amount } => {
                let balance_after = self.balance.checked_sub(amount).ok_or(Denied("has too low a balance"))?;
                Event::Charged { amount, currency: "USD".to_owned(), balance_after }
            }
        };
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        self.opened = true;
        self.balance = match event {
            Event::Opened { balance_after } | Event::Charged { balance_after, .. } => balance_after,
        };
    }
}

/// The row of an account in `account_view`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct AccountView {
    balance: u64,
    charged: u64,
    charges: u64,
}

impl View<Account> for AccountView {
    fn update(&mut self, event: &EventEnvelope<Account>) {
        match &event.payload {
            Event::Opened { balance_after } => self.balance = *balance_after,
            Event::Charged { amount, balance_after, .. } => {
                self.balance = *balance_after;
                self.charged += amount;
                self.charges += 1;
            }
        }
    }
}

// --- the run

/// What went wrong with views. The framework updates them after the commit and only tells a handler.
#[derive(Default)]
struct ViewErrors {
    /// Two charges of one account came to its row at the same time, and the later one was dropped.
    lost: AtomicU64,
    other: AtomicU64,
}

/// What one task has counted.
#[derive(Default)]
struct Tally {
    /// Charges that were answered, whenever that was.
    acknowledged: u64,
    /// Attempts that met an optimistic-lock conflict while it was measured.
    conflicts: u64,
    /// One for each charge that was answered while it was measured.
    latencies: Vec<Duration>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("cqrs-es-peer: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    let pool = PgPoolOptions::new()
        .max_connections(args.connections)
        // As Tollbook's pool, in the framework's favour: a ping before each use would double the round trips.
        .test_before_acquire(false)
        .connect(&args.database_url)
        .await?;
    for table in TABLES {
        sqlx::query(table).execute(&pool).await.map_err(|e| format!("is the database empty? {e}"))?;
    }

    let view_errors = Arc::new(ViewErrors::default());
    let cqrs = Arc::new(framework(&pool, &view_errors));
    let payers: Arc<[String]> = (0..args.payers).map(|n| format!("payer-{n:06}")).collect();
    eprintln!("opening {} payers", payers.len());
    open_all(&cqrs, &payers, args.connections).await?;

    eprintln!("charging from {} tasks: {} s warm-up, then {} s", args.connections, args.warmup, args.seconds);
    let tally = charge_all(&cqrs, &payers, &args).await?;

    let events: i64 =
        sqlx::query_scalar("SELECT count(*) FROM events WHERE event_type = 'Charged'").fetch_one(&pool).await?;
    eprintln!("{} charges acknowledged, {events} in the table", tally.acknowledged);
    eprintln!("{} updates of a view dropped by the framework in a conflict", view_errors.lost.load(Relaxed));
    // Before the figures are printed: a rate that the table does not bear out is none.
    if u64::try_from(events) != Ok(tally.acknowledged) {
        return Err("the table does not have the events that were acknowledged".into());
    }
    if view_errors.other.load(Relaxed) > 0 {
        return Err("views failed for another reason than a conflict".into());
    }
    print_figures(tally, args.seconds)
}

fn framework(pool: &PgPool, view_errors: &Arc<ViewErrors>) -> PostgresCqrs<Account> {
    let views = PostgresViewRepository::<AccountView, Account>::new("account_view", pool.clone());
    let mut query = GenericQuery::new(Arc::new(views));
    let view_errors = Arc::clone(view_errors);
    query.use_error_handler(Box::new(move |error| match error {
        PersistenceError::OptimisticLockError => _ = view_errors.lost.fetch_add(1, Relaxed),
        other => {
            eprintln!("cqrs-es-peer: a view: {other}");
            view_errors.other.fetch_add(1, Relaxed);
        }
    }));
    postgres_cqrs(pool.clone(), vec![Box::new(query)], ())
}

/// Opens every payer; many at once, because each waits for an fsync.
async fn open_all(cqrs: &Arc<PostgresCqrs<Account>>, payers: &Arc<[String]>, tasks: u32) -> Result<(), Failure> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut opening = JoinSet::new();
    for _ in 0..tasks {
        let (cqrs, payers, next) = (Arc::clone(cqrs), Arc::clone(payers), Arc::clone(&next));
        opening.spawn(async move {
            while let Some(payer) = payers.get(next.fetch_add(1, Relaxed)) {
                cqrs.execute(payer, Command::Open { credit: CREDIT }).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(opened) = opening.join_next().await {
        opened??;
    }
    Ok(())
}

/// The closed loop: each task has one charge under way, and makes the next one when it is answered.
async fn charge_all(cqrs: &Arc<PostgresCqrs<Account>>, payers: &Arc<[String]>, args: &Args) -> Result<Tally, Failure> {
    let answered = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let measured_from = start + Duration::from_secs(args.warmup);
    let end = measured_from + Duration::from_secs(args.seconds);
    let mut charging = JoinSet::new();
    for _ in 0..args.connections {
        let (cqrs, payers, answered) = (Arc::clone(cqrs), Arc::clone(payers), Arc::clone(&answered));
        charging.spawn(async move {
            let mut tally = Tally::default();
            loop {
                let asked = Instant::now();
                if asked >= end {
                    return Ok::<_, Failure>(tally);
                }
                let conflicts = charge(&cqrs, &payers[fastrand::usize(..payers.len())]).await?;
                let now = Instant::now();
                answered.fetch_add(1, Relaxed);
                tally.acknowledged += 1;
                // What is answered after the end was done with fewer tasks beside it: it is not counted.
                if now >= measured_from && now < end {
                    tally.conflicts += conflicts;
                    tally.latencies.push(now - asked);
                }
            }
        });
    }

    let mut total = Tally::default();
    let mut progress = tokio::time::interval(PROGRESS_EVERY);
    progress.tick().await; // The first one comes at once.
    let mut before = 0;
    loop {
        tokio::select! {
            joined = charging.join_next() => match joined {
                None => return Ok(total),
                Some(tally) => {
                    let tally = tally??;
                    total.acknowledged += tally.acknowledged;
                    total.conflicts += tally.conflicts;
                    total.latencies.extend(tally.latencies);
                }
            },
            _ = progress.tick() => {
                let now = answered.load(Relaxed);
                eprintln!("{:>4} s  {} a second", start.elapsed().as_secs(), (now - before) / PROGRESS_EVERY.as_secs());
                before = now;
            }
        }
    }
}

/// One charge, tried again at once for as long as another one of the same account is faster. Returns
/// how often that was. Anything else that goes wrong ends the run: it has no place in a figure.
async fn charge(cqrs: &PostgresCqrs<Account>, payer: &str) -> Result<u64, Failure> {
    let mut conflicts = 0;
    loop {
        match cqrs.execute(payer, Command::Charge { amount: CHARGE }).await {
            Ok(()) => return Ok(conflicts),
            Err(AggregateError::AggregateConflict) => conflicts += 1,
            Err(other) => return Err(other.into()),
        }
    }
}

/// The lines that `./dev bench` reads.
fn print_figures(mut tally: Tally, seconds: u64) -> Result<(), Failure> {
    let answered = tally.latencies.len();
    if answered == 0 {
        return Err("no charge was answered while it was measured".into());
    }
    tally.latencies.sort_unstable();
    // The nearest rank: the smallest latency that this many percent of the charges did not exceed.
    let percentile = |percent: usize| tally.latencies[(answered * percent).div_ceil(100) - 1].as_secs_f64() * 1e3;
    println!("rate {:.1}", answered as f64 / seconds as f64);
    println!("conflicts {}", tally.conflicts);
    println!("p50_ms {:.2}", percentile(50));
    println!("p99_ms {:.2}", percentile(99));
    Ok(())
}
