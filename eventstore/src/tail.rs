//! The end of a partition as it grows: from this process's own appends while they follow each other, and from
//! the log where somebody else has written between them, or where this reader was too slow.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::{Decoded, RecordedEvent};
use tokio::sync::broadcast;
use tokio::time::timeout;

use crate::StoreError;
use crate::log::Log;

/// Events of one append, in order.
pub type TailBatch = Arc<Vec<Arc<Decoded>>>;

/// Appends that a reader may be behind before it turns to the log.
pub(crate) const BATCHES_MAX: usize = 64;

/// A reader of one partition, each event exactly once and in order.
pub struct Tail {
    log: Arc<dyn Log>,
    partition: i32,
    own: Option<broadcast::Receiver<TailBatch>>,
    /// The last event that was given out.
    position: i64,
    /// Read and not given out yet.
    ready: VecDeque<Arc<RecordedEvent>>,
}

impl Tail {
    pub(crate) const fn new(
        log: Arc<dyn Log>,
        partition: i32,
        own: Option<broadcast::Receiver<TailBatch>>,
        position: i64,
    ) -> Self {
        Self { log, partition, own, position, ready: VecDeque::new() }
    }

    /// The next events, at most `limit`; none when none came in this time.
    pub async fn next(&mut self, limit: usize, within: Duration) -> Result<Vec<Arc<RecordedEvent>>, StoreError> {
        if self.ready.is_empty() {
            self.wait(within, limit).await?;
        }
        while self.ready.len() < limit && self.take_own() {}
        let taken: Vec<_> = self.ready.drain(..limit.min(self.ready.len())).collect();
        if let Some(last) = taken.last() {
            self.position = last.position;
        }
        Ok(taken)
    }

    fn reached(&self) -> i64 {
        self.ready.back().map_or(self.position, |event| event.position)
    }

    /// Takes in an own append that is there already, when it follows.
    fn take_own(&mut self) -> bool {
        let Some(own) = &mut self.own else { return false };
        match own.try_recv() {
            Ok(batch) => self.add(&batch),
            Err(_) => false,
        }
    }

    /// Whether these events follow what was read. Those that are known are left out.
    fn add(&mut self, batch: &[Arc<Decoded>]) -> bool {
        let reached = self.reached();
        if batch.first().is_none_or(|first| first.recorded.position > reached + 1) {
            return false;
        }
        let events = batch.iter().map(|decoded| &decoded.recorded);
        self.ready.extend(events.filter(|event| event.position > reached).cloned());
        true
    }

    async fn wait(&mut self, within: Duration, limit: usize) -> Result<(), StoreError> {
        if let Some(own) = &mut self.own {
            match timeout(within, own.recv()).await {
                Ok(Ok(batch)) if self.add(&batch) => return Ok(()),
                // A gap, or too slow, or nothing came: the log knows.
                _ => {}
            }
        } else {
            tokio::time::sleep(within).await;
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let page = self.log.read(self.partition, self.reached(), limit).await?;
        self.ready.extend(page.into_iter().map(Arc::new));
        Ok(())
    }
}
