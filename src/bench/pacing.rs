//! The open loop: requests are due at a fixed rate, whatever became of those before. One that is due while
//! no connection is free waits for one, and its latency counts from when it was due. Else a server that
//! stands still for a second would be asked a few times in that second only, and look quick.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::tally::Span;

/// The shortest sleep of the thread that keeps the pace; what became due meanwhile is released together.
const GRAIN: Duration = Duration::from_micros(200);
const NANOS: u128 = 1_000_000_000;

/// When each request is due: the i-th at i/rate seconds, so that steps do not add up errors.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    /// A second.
    rate: u32,
    /// How many requests there are.
    total: u64,
}

impl Schedule {
    fn new(rate: u32, length: Duration) -> Self {
        let total = length.as_nanos() * u128::from(rate) / NANOS;
        Self { rate, total: u64::try_from(total).unwrap_or(u64::MAX) }
    }

    /// After how long a request is due.
    fn due(self, index: u64) -> Duration {
        let nanos = u128::from(index) * NANOS / u128::from(self.rate);
        u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
    }

    /// How many requests are due after so long.
    fn due_by(self, elapsed: Duration) -> u64 {
        let due = elapsed.as_nanos() * u128::from(self.rate) / NANOS + 1;
        u64::try_from(due).unwrap_or(u64::MAX).min(self.total)
    }
}

/// Hands due requests to connections.
#[derive(Debug)]
pub struct Pacer {
    schedule: Schedule,
    start: Instant,
    /// Until when what is due may still be sent.
    patience_ends: Instant,
    /// A permit for each request that is due and was not taken.
    due: Semaphore,
    taken: AtomicU64,
}

impl Pacer {
    /// So many requests a second; after the span's end those that wait may still be sent for `drain`.
    pub fn new(span: &Span, rate: u32, drain: Duration) -> Self {
        Self {
            schedule: Schedule::new(rate.max(1), span.end - span.start),
            start: span.start,
            patience_ends: span.end + drain,
            due: Semaphore::new(0),
            taken: AtomicU64::new(0),
        }
    }

    /// Waits for the next request and says when it is, or was, due; `None` when there are no more.
    pub async fn take(&self) -> Option<Instant> {
        self.due.acquire().await.ok()?.forget();
        let index = self.taken.fetch_add(1, Ordering::Relaxed);
        Some(self.start + self.schedule.due(index))
    }

    /// Keeps the pace until all is sent or patience ends. It sleeps for shorter times than the runtime's
    /// timers know, so it has a thread of its own.
    pub fn run(&self) {
        let mut released = 0;
        while released < self.schedule.total {
            let next = self.start + self.schedule.due(released);
            let wait = next.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                std::thread::sleep(wait.max(GRAIN));
            }
            let due = self.schedule.due_by(self.start.elapsed());
            // What is due by now is at most a few thousand requests more than before.
            self.due.add_permits(usize::try_from(due.saturating_sub(released)).unwrap_or(0));
            released = due.max(released);
        }
        while self.taken.load(Ordering::Relaxed) < self.schedule.total && Instant::now() < self.patience_ends {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.due.close();
    }

    /// When the requests that nobody took were due; to be asked once all connections are through.
    pub fn untaken(&self) -> impl Iterator<Item = Instant> {
        let (start, schedule) = (self.start, self.schedule);
        (self.taken.load(Ordering::Relaxed)..schedule.total).map(move |index| start + schedule.due(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn requests_are_due_at_even_steps_that_do_not_drift() {
        let schedule = Schedule::new(3, Duration::from_secs(10));
        assert_eq!(schedule.total, 30);
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(schedule.due(1), Duration::from_nanos(333_333_333));
        assert_eq!(schedule.due(3_000_000), Duration::from_secs(1_000_000));
        assert_eq!(schedule.due_by(Duration::ZERO), 1);
        assert_eq!(schedule.due_by(Duration::from_nanos(333_333_332)), 1);
        assert_eq!(schedule.due_by(Duration::from_nanos(333_333_334)), 2);
        assert_eq!(schedule.due_by(Duration::from_secs(100)), 30, "no more than there are");
        for index in 0..30 {
            assert!(schedule.due_by(schedule.due(index) + Duration::from_nanos(1)) > index, "{index}");
        }
    }

    #[tokio::test]
    async fn all_that_is_due_is_taken_and_never_before() {
        let start = Instant::now();
        let span = Span { start, warm: start, end: start + Duration::from_millis(100) };
        let pacer = Arc::new(Pacer::new(&span, 1_000, Duration::from_secs(5)));
        let keeping = tokio::task::spawn_blocking({
            let pacer = Arc::clone(&pacer);
            move || pacer.run()
        });
        let mut taken = 0_u32;
        while let Some(due) = pacer.take().await {
            assert!(due <= Instant::now());
            assert_eq!(due, start + Duration::from_millis(u64::from(taken)));
            taken += 1;
        }
        keeping.await.unwrap();
        assert_eq!((taken, pacer.untaken().count()), (100, 0));
    }

    #[tokio::test]
    async fn what_nobody_takes_is_known() {
        let start = Instant::now();
        let span = Span { start, warm: start, end: start + Duration::from_millis(20) };
        let pacer = Arc::new(Pacer::new(&span, 1_000, Duration::ZERO));
        let keeping = tokio::task::spawn_blocking({
            let pacer = Arc::clone(&pacer);
            move || pacer.run()
        });
        assert_eq!(pacer.take().await, Some(start));
        keeping.await.unwrap();
        assert_eq!(pacer.take().await, None);
        assert_eq!(pacer.untaken().count(), 19);
        assert_eq!(pacer.untaken().next(), Some(start + Duration::from_millis(1)));
    }
}
