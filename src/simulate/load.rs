//! Sending a run: first what the charges need (meters, customers, credits), then a charge for each row
//! of the trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use hdrhistogram::Histogram;
use rust_decimal::Decimal;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::client::{Charge, Client, Position, Usage};
use super::plan::Plan;
use super::progress::Progress;
use super::trace::Row;
use super::transport::{Answer, CallError};

/// How many failures are kept to be shown. The rest is counted.
const FAILURES_SHOWN: usize = 3;
/// The longest latency that is told apart: ten minutes, far beyond the patience of a request.
const LATENCY_MAX_US: u64 = 600_000_000;

/// A customer of the run, ready to be charged.
#[derive(Debug)]
pub struct Enrolled {
    /// The customer's id, `cus_…`.
    pub id: String,
    /// The credits it was given, in USD.
    pub granted: Decimal,
    position: Position,
}

/// A step of the preparation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot prepare {what}: {source}")]
pub struct EnrolError {
    what: String,
    /// What the call met.
    pub source: CallError,
}

/// Makes the meters, the customers and their credits, `parallel` customers at a time.
pub async fn enrol(client: &Client, plan: &Plan, parallel: usize) -> Result<Vec<Enrolled>, EnrolError> {
    let meters = [(plan.input_meter(), plan.prices.input), (plan.output_meter(), plan.prices.output)];
    for (index, (code, price)) in meters.iter().enumerate() {
        let key = plan.key("meter", index);
        let done = client.put_meter(&key, code, *price).await;
        done.map_err(|source| EnrolError { what: format!("the meter {code}"), source })?;
    }

    let customers = plan.shares.len();
    let mut progress = Progress::new("preparing", customers);
    let mut enrolled = Vec::with_capacity(customers);
    let mut steps = stream::iter(0..customers).map(|customer| enrol_one(client, plan, customer)).buffered(parallel);
    while let Some(customer) = steps.try_next().await? {
        enrolled.push(customer);
        progress.advance();
        progress.tick(retries(client));
    }
    Ok(enrolled)
}

async fn enrol_one(client: &Client, plan: &Plan, customer: usize) -> Result<Enrolled, EnrolError> {
    let external_id = plan.external_id(customer);
    let make = async {
        let key = plan.key("customer", customer);
        let made = client.create_customer(&key, &external_id).await?.value;
        let granted = plan.grant(customer);
        let key = plan.key("credits", customer);
        let done = client.grant_credits(&key, &made.id, granted).await?.value;
        Ok(Enrolled { id: made.id, granted, position: made.position.max(done.position) })
    };
    make.await.map_err(|source| EnrolError { what: format!("the customer {external_id}"), source })
}

/// When rows are due: by their timestamps, `factor` times faster.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The timestamp that is due at once, in microseconds.
    pub first_us: i64,
    /// 1 is real time, 60 makes an hour a minute.
    pub factor: f64,
}

impl Pace {
    /// How long after the start a row is due. A row from before the first one is due at once.
    pub fn due(self, at_us: i64) -> Duration {
        let since_us = at_us.saturating_sub(self.first_us).max(0) as u64;
        let since = Duration::from_micros(since_us).as_secs_f64();
        Duration::try_from_secs_f64(since / self.factor).unwrap_or(Duration::MAX)
    }
}

/// What was acknowledged to one customer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Charges answered with 201.
    pub requests: u64,
    /// The sum of their amounts, in USD.
    pub amount: Decimal,
}

/// What came of sending.
#[derive(Debug)]
pub struct Tally {
    /// By customer.
    pub acknowledged: Vec<Acknowledged>,
    /// Latency of the charges that were answered at the first attempt, in microseconds.
    pub at_once_us: Histogram<u64>,
    /// Time from the first attempt to the answer of those that were not, in microseconds.
    pub retried_us: Histogram<u64>,
    /// Charges the server had accepted before, and answered again.
    pub replays: u64,
    /// Attempts that had to be repeated.
    pub retries: u64,
    /// Rows that were refused.
    pub failures: u64,
    /// The first of them: the row's key and what it met.
    pub first_failures: Vec<(String, CallError)>,
    /// The most a row was sent after it was due.
    pub latest: Duration,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// The highest position of anything acknowledged.
    pub highest: Option<Position>,
}

impl Tally {
    fn new(customers: &[Enrolled]) -> Self {
        // With bounds: one that grows by itself does not do so when values are clamped to it.
        let histogram = || Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("the bounds are constant and legal");
        Self {
            acknowledged: vec![Acknowledged::default(); customers.len()],
            at_once_us: histogram(),
            retried_us: histogram(),
            replays: 0,
            retries: 0,
            failures: 0,
            first_failures: Vec::new(),
            latest: Duration::ZERO,
            elapsed: Duration::ZERO,
            highest: customers.iter().map(|customer| customer.position).max(),
        }
    }

    /// Counts an outcome. A server that stays away ends the run: each further row would only wait as
    /// long again.
    fn count(&mut self, plan: &Plan, outcome: Outcome) -> Result<(), CallError> {
        self.latest = self.latest.max(outcome.late);
        let answer = match outcome.result {
            Ok(answer) => answer,
            Err(error @ CallError::Unavailable { .. }) => return Err(error),
            Err(error) => {
                self.failures += 1;
                if self.first_failures.len() < FAILURES_SHOWN {
                    self.first_failures.push((plan.key("row", outcome.row), error));
                }
                return Ok(());
            }
        };
        let acknowledged = &mut self.acknowledged[plan.payer(outcome.row)];
        acknowledged.requests += 1;
        acknowledged.amount += answer.value.amount;
        self.replays += u64::from(answer.replayed);
        self.highest = self.highest.max(Some(answer.value.position));
        let latency_us = u64::try_from(outcome.latency.as_micros()).unwrap_or(u64::MAX);
        match answer.retries {
            0 => self.at_once_us.saturating_record(latency_us),
            _ => self.retried_us.saturating_record(latency_us),
        }
        Ok(())
    }
}

/// What came of one row.
struct Outcome {
    row: usize,
    /// From the first attempt to the answer.
    latency: Duration,
    /// From when it was due to the first attempt.
    late: Duration,
    result: Result<Answer<Charge>, CallError>,
}

/// What the senders share.
struct Job {
    client: Arc<Client>,
    plan: Arc<Plan>,
    customers: Arc<[Enrolled]>,
    meters: [String; 2],
    pace: Option<Pace>,
    start: Instant,
    /// The next row to be sent.
    next: AtomicUsize,
}

/// Sends every row of the plan, `concurrency` at a time: as fast as they are taken, or at a pace.
/// Dropping the future stops the sending.
pub async fn send(
    client: &Arc<Client>,
    plan: &Arc<Plan>,
    customers: &Arc<[Enrolled]>,
    pace: Option<Pace>,
    concurrency: usize,
) -> Result<Tally, CallError> {
    let start = Instant::now();
    let job = Arc::new(Job {
        client: Arc::clone(client),
        plan: Arc::clone(plan),
        customers: Arc::clone(customers),
        meters: [plan.input_meter(), plan.output_meter()],
        pace,
        start,
        next: AtomicUsize::new(0),
    });
    let retries_before = client.retries();
    let (sender, mut outcomes) = mpsc::channel(concurrency);
    let mut senders = JoinSet::new();
    for _ in 0..concurrency.min(plan.rows.len()) {
        senders.spawn(send_rows(Arc::clone(&job), sender.clone()));
    }
    // The senders' own are the last, so the channel closes when they are through.
    drop(sender);

    let mut tally = Tally::new(customers);
    let mut progress = Progress::new("charging", plan.rows.len());
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            outcome = outcomes.recv() => match outcome {
                Some(outcome) => {
                    tally.count(plan, outcome)?;
                    progress.advance();
                }
                None => break,
            },
            _ = seconds.tick() => progress.tick(retries(client)),
        }
    }
    tally.elapsed = start.elapsed();
    tally.retries = client.retries() - retries_before;
    Ok(tally)
}

async fn send_rows(job: Arc<Job>, outcomes: mpsc::Sender<Outcome>) {
    loop {
        let index = job.next.fetch_add(1, Ordering::Relaxed);
        let Some(row) = job.plan.rows.get(index) else {
            return;
        };
        let late = job.wait(row).await;
        let begun = Instant::now();
        let result = job.charge(index, row).await;
        let outcome = Outcome { row: index, latency: begun.elapsed(), late, result };
        if outcomes.send(outcome).await.is_err() {
            return;
        }
    }
}

impl Job {
    /// Waits until a row is due, and tells by how much that is over.
    async fn wait(&self, row: &Row) -> Duration {
        let Some(pace) = self.pace else {
            return Duration::ZERO;
        };
        let Some(due) = self.start.checked_add(pace.due(row.at_us)) else {
            // Beyond what the clock can tell: never.
            return std::future::pending().await;
        };
        sleep_until(due).await;
        due.elapsed()
    }

    async fn charge(&self, index: usize, row: &Row) -> Result<Answer<Charge>, CallError> {
        let counts = [row.input_tokens, row.output_tokens];
        let usage: Vec<_> = self
            .meters
            .iter()
            .zip(counts)
            .filter(|(_, tokens)| *tokens > 0)
            .map(|(meter, tokens)| Usage { meter, quantity: Decimal::from(tokens) })
            .collect();
        let payer = &self.customers[self.plan.payer(index)];
        let key = self.plan.key("row", index);
        self.client.charge(&key, &payer.id, &usage).await
    }
}

fn retries(client: &Client) -> String {
    format!("{} retries", client.retries())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::plan::Prices;

    fn plan() -> Plan {
        let row = Row { at_us: 0, input_tokens: 1, output_tokens: 1 };
        let prices = Prices::per_million(Decimal::ONE, Decimal::ONE);
        Plan::new("r".to_owned(), vec![row; 10], prices, 2).unwrap()
    }

    fn outcome(row: usize, result: Result<Answer<Charge>, CallError>) -> Outcome {
        Outcome { row, latency: Duration::from_millis(5), late: Duration::from_millis(row as u64), result }
    }

    fn accepted(retries: u32, position: &str) -> Result<Answer<Charge>, CallError> {
        Ok(Answer {
            value: Charge { amount: Decimal::new(2, 6), position: Position::try_from(position.to_owned()).unwrap() },
            retries,
            replayed: retries > 0,
        })
    }

    #[test]
    fn rows_are_due_by_their_timestamps_times_the_factor() {
        let pace = |factor| Pace { first_us: 1_000_000, factor };
        assert_eq!(pace(1.0).due(1_000_000), Duration::ZERO);
        assert_eq!(pace(1.0).due(3_500_000), Duration::from_millis(2_500));
        assert_eq!(pace(60.0).due(3_601_000_000), Duration::from_secs(60));
        assert_eq!(pace(0.5).due(2_000_000), Duration::from_secs(2));
        assert_eq!(pace(1.0).due(0), Duration::ZERO, "out of order: at once");
        assert!(pace(0.001).due(i64::MAX) > Duration::from_secs(1 << 50), "no overflow");
    }

    #[test]
    fn outcomes_are_counted_by_customer() {
        let (plan, mut tally) = (plan(), Tally::new(&[]));
        tally.acknowledged = vec![Acknowledged::default(); 2];
        for (row, retries, position) in [(0, 0, "0:7"), (1, 2, "0:12"), (2, 0, "0:9")] {
            tally.count(&plan, outcome(row, accepted(retries, position))).unwrap();
        }
        let first = Acknowledged { requests: 2, amount: Decimal::new(4, 6) };
        assert_eq!(tally.acknowledged[0], first);
        assert_eq!((tally.at_once_us.len(), tally.retried_us.len()), (2, 1));
        for latency in [&tally.at_once_us, &tally.retried_us] {
            let median_us = latency.value_at_quantile(0.5);
            assert!(median_us.abs_diff(5_000) <= 5, "{median_us} µs where it was 5 ms");
        }
        assert_eq!(tally.replays, 1);
        assert_eq!(tally.latest, Duration::from_millis(2));
        assert_eq!(tally.highest.unwrap().to_string(), "0:12");
    }

    #[test]
    fn refusals_are_counted_and_a_server_that_stays_away_ends_it() {
        let (plan, mut tally) = (plan(), Tally::new(&[]));
        for row in 0..5 {
            let refused =
                CallError::Refused { status: 402, code: "insufficient_funds".to_owned(), detail: String::new() };
            tally.count(&plan, outcome(row, Err(refused))).unwrap();
        }
        assert_eq!((tally.failures, tally.first_failures.len()), (5, FAILURES_SHOWN));
        assert_eq!(tally.first_failures[2].0, "sim-r-row-2");
        let away = CallError::Unavailable { after: Duration::from_secs(120), reason: String::new() };
        assert!(tally.count(&plan, outcome(5, Err(away))).is_err());
    }
}
