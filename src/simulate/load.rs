//! Sending a run: a charge, or a request through the gateway, for each row of the trace.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use rust_decimal::Decimal;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::client::{Charge, Client, Payer, Position, Usage};
use super::enrol::Enrolled;
use super::gateway::Gateway;
use super::pace::Pace;
use super::plan::{Plan, World};
use super::progress::Progress;
use super::trace::Row;
use super::transport::{Answer, CallError};
use super::wallet::Promises;

/// How many failures are kept to be shown. The rest is counted.
const FAILURES_SHOWN: usize = 3;
/// The longest latency that is told apart: ten minutes, far beyond the patience of a request.
const LATENCY_MAX_US: u64 = 600_000_000;

/// What was acknowledged to one payer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Charges that were acknowledged.
    pub requests: u64,
    /// The sum of their amounts, in the payer's currency.
    pub amount: Decimal,
}

/// What came of sending.
#[derive(Debug)]
pub struct Tally {
    /// By payer.
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
    /// The highest position of anything acknowledged, as far as it was told.
    pub highest: Option<Position>,
}

impl Tally {
    fn new(payers: &[Enrolled]) -> Self {
        // With bounds: one that grows by itself does not do so when values are clamped to it.
        let histogram = || Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("the bounds are constant and legal");
        Self {
            acknowledged: vec![Acknowledged::default(); payers.len()],
            at_once_us: histogram(),
            retried_us: histogram(),
            replays: 0,
            retries: 0,
            failures: 0,
            first_failures: Vec::new(),
            latest: Duration::ZERO,
            elapsed: Duration::ZERO,
            highest: payers.iter().map(|payer| payer.position).max(),
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
        self.highest = self.highest.max(answer.value.position);
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
    payers: Arc<[Enrolled]>,
    /// The way through the gateway; `None` when charges go to the API.
    gateway: Option<Arc<Gateway>>,
    /// By world.
    meters: [[String; 2]; 2],
    pace: Pace,
    start: Instant,
    next: Mutex<Next>,
}

/// The rows that were not yet dealt out to a sender.
struct Next {
    index: usize,
    promises: Promises,
}

/// Sends every row of the plan, `concurrency` at a time: as fast as they are taken, or at a pace.
/// Dropping the future stops the sending.
pub async fn send(
    client: &Arc<Client>,
    plan: &Arc<Plan>,
    payers: &Arc<[Enrolled]>,
    gateway: Option<&Arc<Gateway>>,
    pace: Pace,
    concurrency: usize,
) -> Result<Tally, CallError> {
    let start = Instant::now();
    let job = Arc::new(Job {
        client: Arc::clone(client),
        plan: Arc::clone(plan),
        payers: Arc::clone(payers),
        gateway: gateway.map(Arc::clone),
        meters: World::ALL.map(|world| plan.meters(world)),
        pace,
        start,
        next: Mutex::new(Next { index: 0, promises: Promises::new(plan.payers_of(World::Sessions).len()) }),
    });
    let retries_before = client.retries();
    let (sender, mut outcomes) = mpsc::channel(concurrency);
    let mut senders = JoinSet::new();
    for _ in 0..concurrency.min(plan.rows.len()) {
        senders.spawn(send_rows(Arc::clone(&job), sender.clone()));
    }
    // The senders' own are the last, so the channel closes when they are through.
    drop(sender);

    let mut tally = Tally::new(payers);
    let mut progress = Progress::new(if gateway.is_some() { "asking" } else { "charging" }, plan.rows.len());
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
        let Some((index, row, owed)) = job.deal() else {
            return;
        };
        let late = job.wait(index, row).await;
        let begun = Instant::now();
        let result = job.charge(index, row, owed).await;
        job.settle(index, row);
        let outcome = Outcome { row: index, latency: begun.elapsed(), late, result };
        if outcomes.send(outcome).await.is_err() {
            return;
        }
    }
}

impl Job {
    /// The next row, with what its session key may owe after it; nothing for a customer.
    fn deal(&self) -> Option<(usize, &Row, Decimal)> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let index = next.index;
        let row = self.plan.rows.get(index)?;
        next.index += 1;
        let owed = self.session(index).map_or(Decimal::ZERO, |of| next.promises.begin(of, self.plan.most(row)));
        Some((index, row, owed))
    }

    /// A row is through: what it cost is known.
    fn settle(&self, index: usize, row: &Row) {
        if let Some(session) = self.session(index) {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            next.promises.end(session, self.plan.most(row), self.plan.cost(row));
        }
    }

    /// Which session key pays for a row, if one does.
    fn session(&self, index: usize) -> Option<usize> {
        self.plan.payer(index).checked_sub(self.plan.customers)
    }

    /// Waits until a row is due, and tells by how much that is over.
    async fn wait(&self, index: usize, row: &Row) -> Duration {
        let Some(due) = self.pace.due(index, row.at_us) else {
            return Duration::ZERO;
        };
        let Some(due) = self.start.checked_add(due) else {
            // Beyond what the clock can tell: never.
            return std::future::pending().await;
        };
        sleep_until(due).await;
        due.elapsed()
    }

    async fn charge(&self, index: usize, row: &Row, owed: Decimal) -> Result<Answer<Charge>, CallError> {
        let payer = self.plan.payer(index);
        let key = self.plan.key("row", index);
        if let Some(gateway) = &self.gateway {
            return gateway.charge((payer, &self.payers[payer]), row, &key, owed).await;
        }
        let counts = [row.input_tokens, row.output_tokens];
        let usage: Vec<_> = self.meters[self.plan.world(payer) as usize]
            .iter()
            .zip(counts)
            .filter(|(_, tokens)| *tokens > 0)
            .map(|(meter, tokens)| Usage { meter, quantity: Decimal::from(tokens) })
            .collect();
        let payer = &self.payers[payer];
        match &payer.session {
            Some(session) => session.charge(&self.client, &key, &usage, owed).await,
            None => self.client.charge(&key, Payer::Customer(&payer.id), &usage).await,
        }
    }
}

/// How often attempts were repeated so far, in words.
pub fn retries(client: &Client) -> String {
    format!("{} retries", client.retries())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::plan::Way;
    use crate::simulate::prices::Prices;

    fn plan() -> Plan {
        let row = Row { at_us: 0, input_tokens: 1, output_tokens: 1 };
        let prices = Prices::per_million(Decimal::ONE, Decimal::ONE);
        Plan::new("r".to_owned(), vec![row; 10], prices, 2, 0, Way::Direct).unwrap()
    }

    fn outcome(row: usize, result: Result<Answer<Charge>, CallError>) -> Outcome {
        Outcome { row, latency: Duration::from_millis(5), late: Duration::from_millis(row as u64), result }
    }

    fn accepted(retries: u32, position: &str) -> Result<Answer<Charge>, CallError> {
        Ok(Answer {
            value: Charge { amount: Decimal::new(2, 6), position: Position::try_from(position.to_owned()).ok() },
            retries,
            replayed: retries > 0,
        })
    }

    #[test]
    fn outcomes_are_counted_by_payer() {
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
            let (code, detail) = ("insufficient_funds".to_owned(), String::new());
            let refused = CallError::Refused { status: 402, code, detail, needed_atomic: None };
            tally.count(&plan, outcome(row, Err(refused))).unwrap();
        }
        assert_eq!((tally.failures, tally.first_failures.len()), (5, FAILURES_SHOWN));
        assert_eq!(tally.first_failures[2].0, "sim-r-row-2");
        let away = CallError::Unavailable { after: Duration::from_secs(120), reason: String::new() };
        assert!(tally.count(&plan, outcome(5, Err(away))).is_err());
    }
}
