//! The scenarios about what the server endures: more than it can do, and much for long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::BenchError;
use super::load::{self, Load, Pace, Shape};
use super::pick::Choice;
use super::report::table;
use super::scenario::{Bench, CONNECTIONS, CONNECTIONS_OPEN, Outcome, PART_OF_BEST, STEADY, spelled};
use super::server::memory_mib;
use super::tally::{Latencies, millis_at};
use super::work::Job;

/// How much more than the best rate an overload is.
const OVERLOAD: f64 = 2.0;
/// More connections than a calm client has.
pub const CONNECTIONS_OVERLOAD: usize = 2_000;
/// How long the server is watched after an overload.
const CALM: Duration = Duration::from_secs(5);
/// It has recovered when the 99th percentile of a second is below this, in milliseconds.
const CALM_P99_MS: f64 = 50.0;
const SECOND: Duration = Duration::from_secs(1);
/// A soak is looked at in such parts.
const WINDOW: Duration = Duration::from_secs(30);
/// How much higher the last third of a soak may be than the first.
const FLAT: f64 = 1.2;
const MEMORY_EVERY: Duration = Duration::from_millis(200);

impl Bench<'_> {
    /// Twice the best rate; then at once a rate that it can do easily, until that is quick again.
    pub async fn overload(&mut self, name: &'static str) -> Result<Outcome, BenchError> {
        let best = self.best().await?;
        let rate = self.of_best(OVERLOAD).await?;
        let (world, pids) = (&self.books.world, &self.args.server_pid);
        let at_rest = memory_mib(pids);
        let before = self.books.open().await?;
        let shape = self.shape(Choice::Uniform, CONNECTIONS_OVERLOAD, Pace::Cut(rate));
        let watching = |job: Arc<Job>| async move { highest_memory(pids, job.span.end).await };
        let (mut load, highest) = load::run(world, self.first(), shape, watching).await?;

        let calm = Shape {
            warm: Duration::ZERO,
            length: CALM,
            ..self.shape(Choice::Uniform, CONNECTIONS, Pace::Open(STEADY))
        };
        let (mut after, seconds) = load::run(world, self.first(), calm, |job| windows(job, SECOND)).await?;
        let checked = self.books.close(before, vec![&mut load.tally, &mut after.tally]).await?;

        let what =
            format!("open loop at twice the best rate, {rate} charges a second; what waits at the end is dropped");
        let notes = vec![
            what_was_served(&load, best),
            format!("From when they were sent, accepted charges took {}.", spelled(&load.tally.from_sent)),
            recovery(&seconds),
            format!("Memory: {} before, {} at most, {} after.", mib(at_rest), mib(highest), mib(memory_mib(pids))),
        ];
        Ok(Outcome { notes, ..Outcome::of(name, what, load, checked) })
    }

    /// For long at 80 % of the best rate: neither memory nor latency may grow.
    pub async fn soak(&mut self, name: &'static str) -> Result<Outcome, BenchError> {
        let rate = self.of_best(PART_OF_BEST).await?;
        let pids = &self.args.server_pid;
        let before = self.books.open().await?;
        let shape = Shape {
            length: Duration::from_secs(self.args.soak_seconds),
            ..self.shape(Choice::Uniform, CONNECTIONS_OPEN, Pace::Open(rate))
        };
        let watching = |job: Arc<Job>| async move {
            let mut memory = Vec::new();
            let windows = watched(&job, WINDOW, || memory.push(memory_mib(pids))).await;
            (windows, memory)
        };
        let (mut load, (windows, memory)) = load::run(&self.books.world, self.first(), shape, watching).await?;
        let checked = self.books.close(before, vec![&mut load.tally]).await?;
        let rows = windows.iter().zip(&memory).enumerate().map(|(index, (window, memory))| {
            let until = WINDOW.as_secs() * (index as u64 + 1);
            let at = |quantile| format!("{:.1}", millis_at(window, quantile));
            [until.min(self.args.soak_seconds).to_string(), window.len().to_string(), at(0.5), at(0.99), mib(*memory)]
        });
        let header = ["until second", "charges", "p50 ms", "p99 ms", "memory"];
        let p99: Vec<f64> = windows.iter().map(|window| millis_at(window, 0.99)).collect();
        let known: Vec<f64> = memory.iter().copied().flatten().collect();
        let notes = vec![table(header, rows), flatness("p99", "ms", &p99), flatness("Memory", "MiB", &known)];
        let what = format!("open loop at 80 % of the best rate, {rate} charges a second, for long");
        Ok(Outcome { notes, ..Outcome::of(name, what, load, checked) })
    }
}

/// The latencies of each part of a load, from the end of its warm-up to its end.
async fn windows(job: Arc<Job>, length: Duration) -> Vec<Latencies> {
    watched(&job, length, || {}).await
}

/// The same; `look` is called at the end of each part.
async fn watched(job: &Job, length: Duration, mut look: impl FnMut()) -> Vec<Latencies> {
    sleep_until(job.span.warm.into()).await;
    job.recorder.window();
    let (mut windows, mut until) = (Vec::new(), job.span.warm);
    while until < job.span.end {
        until = (until + length).min(job.span.end);
        sleep_until(until.into()).await;
        windows.push(job.recorder.window());
        look();
    }
    windows
}

/// The most memory that these processes hold until then.
pub async fn highest_memory(pids: &[u32], end: Instant) -> Option<f64> {
    let mut highest = None;
    while Instant::now() < end {
        let now = memory_mib(pids);
        highest = if now > highest { now } else { highest };
        tokio::time::sleep(MEMORY_EVERY).await;
    }
    highest
}

fn what_was_served(load: &Load, best: f64) -> String {
    let tally = &load.tally;
    let (accepted, refused) = (tally.from_due.len() as f64, tally.refused as f64);
    let due = accepted + refused + tally.unsent as f64;
    let percent = |part: f64, of: f64| if of > 0.0 { part / of * 100.0 } else { 0.0 };
    format!(
        "Goodput was {:.0} charges a second, {:.0} % of the best rate. Of what was due, {:.1} % were refused with \
         503 and {:.1} % found no free connection.",
        load.rate(),
        percent(load.rate(), best),
        percent(refused, due),
        percent(tally.unsent as f64, due),
    )
}

fn recovery(seconds: &[Latencies]) -> String {
    let quick = |window: &Latencies| !window.is_empty() && millis_at(window, 0.99) < CALM_P99_MS;
    let each: Vec<String> = seconds.iter().map(|window| format!("{:.1}", millis_at(window, 0.99))).collect();
    let each = each.join(", ");
    match seconds.iter().position(quick) {
        Some(index) => format!(
            "Then, at {STEADY} charges a second, the 99th percentile was below {CALM_P99_MS:.0} ms in second {} \
             ({each} ms).",
            index + 1
        ),
        None => {
            format!("Then, at {STEADY} charges a second, it did not recover within {} s ({each} ms).", CALM.as_secs())
        }
    }
}

fn mib(memory: Option<f64>) -> String {
    memory.map_or_else(|| "not known".to_owned(), |mib| format!("{mib:.0} MiB"))
}

/// Whether the last third of some values is no higher than the first, but for a fifth.
fn flatness(what: &str, unit: &str, values: &[f64]) -> String {
    let third = values.len() / 3;
    if third == 0 {
        return format!("{what}: too few parts to tell whether it is flat.");
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (first, last) = (mean(&values[..third]), mean(&values[values.len() - third..]));
    let verdict = if last <= first * FLAT { "flat" } else { "NOT FLAT" };
    format!("{what}: {first:.1} {unit} in the first third, {last:.1} {unit} in the last: {verdict}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tally::latencies;

    #[test]
    fn a_soak_is_flat_when_its_end_is_like_its_begin() {
        assert!(
            flatness("p99", "ms", &[10.0, 99.0, 12.0])
                .ends_with("10.0 ms in the first third, 12.0 ms in the last: flat.")
        );
        assert!(flatness("p99", "ms", &[10.0, 10.0, 11.0, 11.0, 12.0, 12.1]).ends_with("NOT FLAT."));
        assert!(flatness("p99", "ms", &[10.0, 5.0, 1.0]).ends_with(" flat."));
        assert!(flatness("p99", "ms", &[10.0, 5.0]).contains("too few"));
    }

    #[test]
    fn it_has_recovered_in_the_first_quick_second() {
        let window = |micros: &[u64]| {
            let mut window = latencies();
            micros.iter().for_each(|micros| window.saturating_record(*micros));
            window
        };
        let told = recovery(&[window(&[80_000]), window(&[]), window(&[9_000])]);
        assert!(told.contains("in second 3 (80."), "{told}");
        assert!(recovery(&[window(&[80_000])]).contains("did not recover within 5 s"));
    }
}
