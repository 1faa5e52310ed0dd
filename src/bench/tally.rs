//! What came of a load: latencies, and who was acknowledged how many charges. Connections share a few
//! shards of it, so that a thousand of them neither wait for each other nor keep histograms of their own.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// The longest latency that is told apart: ten minutes.
const LATENCY_MAX_US: u64 = 600_000_000;
const SHARDS: usize = 8;
/// How many answers that were no acceptance are kept to be shown.
const SAID_MAX: usize = 3;

/// Latencies in microseconds.
pub type Latencies = Histogram<u64>;

/// None yet.
pub fn latencies() -> Latencies {
    // With bounds: one that grows by itself does not do so when values are clamped to it.
    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("the bounds are constant and legal")
}

/// A duration as it is recorded.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A quantile of latencies, in milliseconds; 0 when there are none.
pub fn millis_at(latencies: &Latencies, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1_000.0
}

/// Takes another's latencies in.
pub fn add(latencies: &mut Latencies, others: &Latencies) {
    latencies.add(others).expect("all have the same bounds");
}

/// When a load runs, and which part of it counts.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// The first request is due.
    pub start: Instant,
    /// What is due from here on counts.
    pub warm: Instant,
    /// Nothing is due from here on.
    pub end: Instant,
}

/// The moments of one answered request.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// When it should have been sent.
    pub due: Instant,
    /// When it was sent.
    pub sent: Instant,
    /// When its answer had been read.
    pub answered: Instant,
}

/// A request whose outcome is not known: sent again until it is.
#[derive(Debug)]
pub struct Lost {
    /// Its bytes, with its idempotency key.
    pub request: Vec<u8>,
    /// Who pays for it, a payer for each charge; nobody for a hold.
    pub payers: Vec<usize>,
}

/// What came of a load, or of a part of it.
#[derive(Debug)]
pub struct Tally {
    /// Of what was accepted and counts, from when it was due.
    pub from_due: Latencies,
    /// The same from when it was sent.
    pub from_sent: Latencies,
    /// The two halves of a hold that was captured.
    pub halves: [Latencies; 2],
    /// Operations that were accepted within the span that counts.
    pub accepted: u64,
    /// Operations that were refused because the server had too much to do, of those that count.
    pub refused: u64,
    /// Operations that were due and never sent, because no connection was free in time.
    pub unsent: u64,
    /// Answers that nobody expected.
    pub failed: u64,
    /// The first of what was neither accepted nor refused.
    pub said: Vec<String>,
    /// Requests without an answer, or with one that says that nobody knows.
    pub lost: Vec<Lost>,
    /// Charges by payer, also those of the warm-up.
    pub acknowledged: Vec<u64>,
}

impl Tally {
    /// Of nothing yet.
    pub fn new(payers: usize) -> Self {
        Self {
            from_due: latencies(),
            from_sent: latencies(),
            halves: [latencies(), latencies()],
            accepted: 0,
            refused: 0,
            unsent: 0,
            failed: 0,
            said: Vec::new(),
            lost: Vec::new(),
            acknowledged: vec![0; payers],
        }
    }

    /// Keeps an answer to be shown, if it is one of the first.
    pub fn say(&mut self, what: String) {
        if self.said.len() < SAID_MAX {
            self.said.push(what);
        }
    }

    fn take_in(&mut self, other: Self) {
        add(&mut self.from_due, &other.from_due);
        add(&mut self.from_sent, &other.from_sent);
        for (half, others) in self.halves.iter_mut().zip(&other.halves) {
            add(half, others);
        }
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unsent += other.unsent;
        self.failed += other.failed;
        other.said.into_iter().for_each(|what| self.say(what));
        self.lost.extend(other.lost);
        for (sum, own) in self.acknowledged.iter_mut().zip(other.acknowledged) {
            *sum += own;
        }
    }
}

/// A part of what is shared.
#[derive(Debug)]
pub struct Shard {
    /// What came of its connections' requests.
    pub tally: Tally,
    /// From when they were due, of everything accepted since it was last taken.
    window: Latencies,
}

impl Shard {
    /// Counts an operation that charged these payers.
    pub fn accept(&mut self, span: &Span, times: &Times, payers: &[usize]) {
        let latency_us = micros(times.answered.saturating_duration_since(times.due));
        self.window.saturating_record(latency_us);
        for payer in payers {
            self.tally.acknowledged[*payer] += 1;
        }
        if times.due >= span.warm {
            self.tally.from_due.saturating_record(latency_us);
            self.tally.from_sent.saturating_record(micros(times.answered.saturating_duration_since(times.sent)));
        }
        if (span.warm..span.end).contains(&times.answered) {
            self.tally.accepted += payers.len() as u64;
        }
    }
}

/// Where connections note what came of their requests.
#[derive(Debug)]
pub struct Recorder {
    shards: Vec<Mutex<Shard>>,
    payers: usize,
}

impl Recorder {
    /// For so many payers.
    pub fn new(payers: usize) -> Self {
        let shard = || Mutex::new(Shard { tally: Tally::new(payers), window: latencies() });
        Self { shards: std::iter::repeat_with(shard).take(SHARDS).collect(), payers }
    }

    /// The shard of a connection. To be held for a moment only.
    pub fn shard(&self, connection: usize) -> MutexGuard<'_, Shard> {
        self.shards[connection % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latencies of everything accepted since this was last called.
    pub fn window(&self) -> Latencies {
        let mut all = latencies();
        for index in 0..SHARDS {
            let mut shard = self.shard(index);
            add(&mut all, &shard.window);
            shard.window.reset();
        }
        all
    }

    /// Everything, once all connections are through.
    pub fn finish(&self) -> Tally {
        let mut all = Tally::new(self.payers);
        for index in 0..SHARDS {
            let part = std::mem::replace(&mut self.shard(index).tally, Tally::new(self.payers));
            all.take_in(part);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_due_after_the_warm_up_and_answered_before_the_end() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let span = Span { start, warm: at(1_000), end: at(2_000) };
        let recorder = Recorder::new(2);
        // Due and answered in the warm-up; due in it and answered after it; within; answered after the end.
        for (connection, due, answered) in [(0, 10, 20), (1, 900, 1_100), (2, 1_000, 1_500), (9, 1_900, 2_100)] {
            let times = Times { due: at(due), sent: at(due + 5), answered: at(answered) };
            recorder.shard(connection).accept(&span, &times, &[1]);
        }
        assert_eq!(recorder.window().len(), 4);
        assert_eq!(recorder.window().len(), 0);
        let tally = recorder.finish();
        assert_eq!(tally.acknowledged, [0, 4]);
        assert_eq!((tally.accepted, tally.from_due.len()), (2, 2));
        assert!(tally.from_due.max().abs_diff(500_000) < 500);
        assert!(tally.from_sent.max().abs_diff(495_000) < 500);
        assert_eq!(recorder.finish().from_due.len(), 0);
    }

    #[test]
    fn parts_come_together() {
        let recorder = Recorder::new(1);
        for connection in 0..20 {
            let mut shard = recorder.shard(connection);
            shard.tally.refused += 1;
            shard.tally.say(format!("answer {connection}"));
            shard.tally.lost.push(Lost { request: vec![0], payers: vec![0] });
        }
        let tally = recorder.finish();
        assert_eq!((tally.refused, tally.lost.len(), tally.said.len()), (20, 20, SAID_MAX));
    }
}
