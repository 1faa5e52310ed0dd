//! The scenarios: which load each of them is, and what of it counts. Those that take longer than one load
//! are in [`super::endure`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::BenchError;
use super::args::{BenchArgs, Scenario};
use super::check::{Books, Checked};
use super::gateway::Door;
use super::lag;
use super::load::{self, Load, Pace, Shape, WARM_UP};
use super::pick::{Choice, Zipf};
use super::rebuild::{Rebuilt, rebuild};
use super::report::table;
use super::rows::Row;
use super::tally::{Latencies, millis_at};
use super::work::Work;

/// Connections of a closed loop.
pub const CONNECTIONS: usize = 256;
/// Connections of an open loop: as many as there are payers.
pub const CONNECTIONS_OPEN: usize = 1_000;
/// The rate of `steady`, and of the calm after an overload, a second.
pub const STEADY: u32 = 2_000;
/// The part of the best rate at which an open loop must still be quick.
pub const PART_OF_BEST: f64 = 0.8;
const BATCH: usize = 100;
/// A batch is a lot of work: a few connections keep the server busy.
const CONNECTIONS_BATCH: usize = 16;
/// How long the best rate is looked for when `spread` was not asked for.
const LOOK_FOR_BEST: Duration = Duration::from_secs(5);

/// What came of a scenario.
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// What was done.
    pub what: String,
    /// The load and what was found after it; `None` when it had none or was not run.
    pub load: Option<(Load, Checked)>,
    /// What is said besides, paragraphs of markdown.
    pub notes: Vec<String>,
    /// What it means for the bars.
    pub rows: Vec<(Row, f64)>,
    /// What is wrong.
    pub differences: Vec<String>,
}

impl Outcome {
    /// Of a scenario without a load of its own.
    pub fn bare(name: &'static str, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { name, what, load: None, notes: Vec::new(), rows: Vec::new(), differences: Vec::new() }
    }

    /// Of a load.
    pub fn of(name: &'static str, what: impl Into<String>, load: Load, mut checked: Checked) -> Self {
        let differences = std::mem::take(&mut checked.differences);
        Self { load: Some((load, checked)), differences, ..Self::bare(name, what) }
    }

    /// Of one that could not be run, and why.
    fn skipped(name: &'static str, why: &str) -> Self {
        Self::bare(name, format!("not run: {why}"))
    }

    /// With what its rate means for the bars.
    fn with_rate(mut self, row: Row) -> Self {
        self.rows.extend(self.load.as_ref().map(|(load, _)| (row, load.rate())));
        self
    }

    /// With what its 99th percentile means for the bars, from when requests were due.
    fn with_p99(mut self, row: Row) -> Self {
        self.rows.extend(self.load.as_ref().map(|(load, _)| (row, millis_at(&load.tally.from_due, 0.99))));
        self
    }
}

/// Runs scenarios.
pub struct Bench<'a> {
    /// What was asked for.
    pub args: &'a BenchArgs,
    /// What is checked after each load.
    pub books: Books,
    /// The way to the gateway.
    pub door: Door,
    /// The best rate of single charges over all payers that was seen.
    best: Option<f64>,
}

impl<'a> Bench<'a> {
    /// Ready to run.
    pub const fn new(args: &'a BenchArgs, books: Books, door: Door) -> Self {
        Self { args, books, door, best: None }
    }

    /// Runs one scenario. Of `two` and `gateway` come several outcomes.
    pub async fn play(&mut self, scenario: Scenario) -> Result<Vec<Outcome>, BenchError> {
        let name = scenario.name();
        let outcome = match scenario {
            Scenario::Spread => self.spread(name, CONNECTIONS).await?.with_rate(Row::Spread).with_p99(Row::SpreadP99),
            Scenario::Spread64 => self.spread(name, 64).await?,
            Scenario::Zipf => {
                let zipf = Zipf::new(self.books.world.payers.len(), 1.0);
                self.closed(name, "single charges, payers by Zipf's law (s = 1)", Choice::Zipf(Arc::new(zipf))).await?
            }
            Scenario::HotAccount => self.hot(name, false).await?.with_rate(Row::HotAccount),
            Scenario::HotSession => self.hot(name, true).await?.with_rate(Row::HotSession),
            Scenario::Batch => self.batch(name).await?.with_rate(Row::Batch),
            Scenario::Holds => self.holds(name).await?.with_rate(Row::Holds),
            Scenario::Steady => self.steady(name).await?.with_p99(Row::SteadyP99),
            Scenario::Open => self.open(name).await?,
            Scenario::Lag => self.lag(name).await?,
            Scenario::Gateway => return self.gateway(name).await,
            Scenario::Overload => self.overload(name).await?,
            Scenario::Two => return self.two(name).await,
            Scenario::Soak if self.args.soak_seconds == 0 => Outcome::skipped(name, "it takes --soak-seconds"),
            Scenario::Soak => self.soak(name).await?,
            Scenario::Rebuild => self.rebuild(name).await?,
        };
        Ok(vec![outcome])
    }

    /// The first process: most loads go to it alone.
    pub fn first(&self) -> &[SocketAddr] {
        &self.books.servers[..1]
    }

    /// Single charges in a closed loop, for as long as was asked for.
    pub fn shape(&self, choice: Choice, connections: usize, pace: Pace) -> Shape {
        let length = Duration::from_secs(self.args.seconds);
        Shape { work: Work::Charge, choice, connections, pace, warm: WARM_UP, length }
    }

    async fn measure(&self, shape: Shape, servers: &[SocketAddr]) -> Result<(Load, Checked), BenchError> {
        let before = self.books.open().await?;
        let (mut load, ()) = load::run(&self.books.world, servers, shape, |_| async {}).await?;
        let checked = self.books.close(before, vec![&mut load.tally]).await?;
        Ok((load, checked))
    }

    /// The best rate that was seen, else one that is measured now.
    pub async fn best(&mut self) -> Result<f64, BenchError> {
        if let Some(best) = self.best {
            return Ok(best);
        }
        eprintln!("looking for the best rate …");
        let shape = Shape { length: LOOK_FOR_BEST, ..self.shape(Choice::Uniform, CONNECTIONS, Pace::Closed) };
        let (load, checked) = self.measure(shape, self.first()).await?;
        if !checked.differences.is_empty() {
            return Err(BenchError::Unexpected(checked.differences.join("; ")));
        }
        let best = load.rate();
        self.best = Some(best);
        Ok(best)
    }

    /// A part, or a multiple, of the best rate.
    pub async fn of_best(&mut self, factor: f64) -> Result<u32, BenchError> {
        Ok((self.best().await? * factor).max(1.0) as u32)
    }

    async fn spread(&mut self, name: &'static str, connections: usize) -> Result<Outcome, BenchError> {
        let shape = self.shape(Choice::Uniform, connections, Pace::Closed);
        let (load, checked) = self.measure(shape, self.first()).await?;
        self.best = Some(self.best.unwrap_or(0.0).max(load.rate()));
        Ok(Outcome::of(name, "single charges, all payers alike", load, checked))
    }

    async fn closed(&self, name: &'static str, what: &str, choice: Choice) -> Result<Outcome, BenchError> {
        let shape = self.shape(choice, CONNECTIONS, Pace::Closed);
        let (load, checked) = self.measure(shape, self.first()).await?;
        Ok(Outcome::of(name, what, load, checked))
    }

    async fn hot(&self, name: &'static str, session_key: bool) -> Result<Outcome, BenchError> {
        let what = if session_key { "one session key" } else { "one account" };
        match self.books.world.first(session_key) {
            Some(payer) => self.closed(name, &format!("single charges to {what}"), Choice::One(payer)).await,
            None => Ok(Outcome::skipped(name, "there is no such payer")),
        }
    }

    async fn batch(&self, name: &'static str) -> Result<Outcome, BenchError> {
        let shape = self.shape(Choice::Uniform, CONNECTIONS_BATCH, Pace::Closed);
        let (load, checked) = self.measure(Shape { work: Work::Batch(BATCH), ..shape }, self.first()).await?;
        let what = format!("charges in batches of {BATCH}; latencies are those of batches");
        Ok(Outcome::of(name, what, load, checked))
    }

    async fn holds(&self, name: &'static str) -> Result<Outcome, BenchError> {
        let shape = self.shape(Choice::Uniform, CONNECTIONS, Pace::Closed);
        let (load, checked) = self.measure(Shape { work: Work::Hold, ..shape }, self.first()).await?;
        let [placed, captured] = load.tally.halves.each_ref().map(spelled);
        let mut outcome = Outcome::of(name, "a hold and its capture; counted and timed as pairs", load, checked);
        outcome.notes.push(format!("To place a hold took {placed}; to capture it {captured}."));
        Ok(outcome)
    }

    async fn steady(&self, name: &'static str) -> Result<Outcome, BenchError> {
        let shape = self.shape(Choice::Uniform, CONNECTIONS_OPEN, Pace::Open(STEADY));
        let (load, checked) = self.measure(shape, self.first()).await?;
        Ok(Outcome::of(name, format!("open loop, {STEADY} charges a second"), load, checked))
    }

    async fn open(&mut self, name: &'static str) -> Result<Outcome, BenchError> {
        let rate = self.of_best(PART_OF_BEST).await?;
        let shape = self.shape(Choice::Uniform, CONNECTIONS_OPEN, Pace::Open(rate));
        let (load, checked) = self.measure(shape, self.first()).await?;
        Ok(Outcome::of(name, format!("open loop at 80 % of the best rate, {rate} charges a second"), load, checked))
    }

    async fn lag(&self, name: &'static str) -> Result<Outcome, BenchError> {
        let server = self.books.servers[0];
        let before = self.books.open().await?;
        let shape = self.shape(Choice::Uniform, CONNECTIONS, Pace::Closed);
        let sampling = |job| lag::sample(job, server);
        let (mut load, lag) = load::run(&self.books.world, self.first(), shape, sampling).await?;
        let checked = self.books.close(before, vec![&mut load.tally]).await?;
        let what = "as `spread`, while it is measured when a charge is seen in the quotas";
        let mut outcome = Outcome::of(name, what, load, checked);
        if !lag.is_empty() {
            let samples = lag.len();
            outcome
                .notes
                .push(format!("From a charge's answer to its being read took {}, {samples} times.", spelled(&lag)));
            outcome.rows.push((Row::Visible, millis_at(&lag, 0.99)));
        }
        Ok(outcome)
    }

    async fn two(&self, name: &'static str) -> Result<Vec<Outcome>, BenchError> {
        let Some(both) = self.books.servers.get(..2) else {
            return Ok(vec![Outcome::skipped(name, "it takes a second --url")]);
        };
        let mut outcomes = Vec::new();
        let loads = [
            (name, "single charges, all payers alike, over two processes", Some(Choice::Uniform)),
            (
                "two-hot",
                "single charges to one account, over two processes",
                self.books.world.first(false).map(Choice::One),
            ),
        ];
        for (name, what, choice) in loads {
            let Some(choice) = choice else { continue };
            let (load, checked) = self.measure(self.shape(choice, CONNECTIONS, Pace::Closed), both).await?;
            outcomes.push(Outcome::of(name, what, load, checked));
        }
        Ok(outcomes)
    }

    async fn rebuild(&self, name: &'static str) -> Result<Outcome, BenchError> {
        let all = rebuild(&self.books).await?;
        let (events, seconds) =
            all.iter().fold((0, 0.0), |sum, one| (sum.0 + one.events, sum.1 + one.took.as_secs_f64()));
        let mut outcome = Outcome::bare(name, "every read model anew from the log, and each row compared");
        let cells = all.iter().map(|one| {
            let (took, rate) = (one.took.as_secs_f64(), one.rate());
            [one.name.to_owned(), one.events.to_string(), format!("{took:.1} s"), format!("{rate:.0}")]
        });
        let sum = [
            "together".to_owned(),
            events.to_string(),
            format!("{seconds:.1} s"),
            format!("{:.0}", events as f64 / seconds),
        ];
        outcome.notes.push(table(["read model", "events", "took", "events/s"], cells.chain([sum])));
        for one in all.iter().filter(|one| !one.identical) {
            outcome.differences.push(format!("the read model {} differs from what the log says", one.name));
        }
        // The bar is for each of them: the slowest counts.
        let slowest = all.iter().map(Rebuilt::rate).reduce(f64::min);
        outcome.rows.extend(slowest.map(|rate| (Row::Rebuild, rate)));
        Ok(outcome)
    }
}

/// Latencies in words.
pub fn spelled(latencies: &Latencies) -> String {
    let at = |quantile| millis_at(latencies, quantile);
    let max = latencies.max() as f64 / 1_000.0;
    format!("p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, at most {max:.1} ms", at(0.5), at(0.9), at(0.99))
}
