//! Hands the events of a partition to all read models of this process, each read once.
//!
//! What this process appends itself comes at once, and from nowhere else. What others append comes from NATS,
//! which is listened to as long as there are others: a machine on its own need not have every event back from
//! there. What is missed meanwhile the read models get from the log.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use eventstore::tail::TailBatch;
use futures::StreamExt;
use futures::stream::ReadyChunks;
use projections::Decoded;
use projections::runner::{Feed, FeedBatch};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{Context, wire};

/// Messages that are handed on together, when so many are there.
const BATCH_MAX: usize = 500;
/// How often the log is asked whether somebody else has written.
const LOOK_AT_LOG: Duration = Duration::from_millis(100);
/// How long nobody else must have written before NATS is no longer listened to.
const ALONE_AFTER: Duration = Duration::from_secs(30);
/// Between two tries to reach NATS.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

type Messages = ReadyChunks<Ordered>;

/// The feed of one partition.
pub struct Source {
    context: Context,
    partition: i32,
    feed: Feed,
    /// The last event that was handed on, from wherever it came.
    position: i64,
    /// When it was last seen that others write.
    others_at: Option<Instant>,
}

impl Source {
    /// For this partition.
    pub const fn new(context: Context, partition: i32, feed: Feed) -> Self {
        Self { context, partition, feed, position: 0, others_at: None }
    }

    /// Feeds until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let Some(mut own) = self.context.ledger.appended(self.partition) else { return };
        loop {
            let ended = tokio::select! {
                () = cancel.cancelled() => return,
                ended = self.follow(&mut own) => ended,
            };
            if let Err(error) = ended {
                tracing::debug!(partition = self.partition, error, "the feed starts over");
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
    }

    async fn follow(&mut self, own: &mut broadcast::Receiver<TailBatch>) -> Result<(), String> {
        let mut messages: Option<Messages> = None;
        // What was there before is read from the log.
        self.position = self.context.log().head(self.partition).await.map_err(|e| e.to_string())?.position;
        let mut look = tokio::time::interval(LOOK_AT_LOG);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut head_at_look = 0;
        loop {
            tokio::select! {
                appended = own.recv() => match appended {
                    Ok(batch) => self.take_own(&batch),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Err("the writer has stopped".to_owned()),
                },
                chunk = next(&mut messages) => {
                    let chunk = chunk.ok_or("the consumer has ended")?;
                    self.take_messages(chunk)?;
                }
                _ = look.tick() => {
                    let head = self.context.log().head(self.partition).await.map_err(|e| e.to_string())?.position;
                    // What was there at the last look has had its time to come from this process.
                    if head_at_look > self.position {
                        self.others_at = Some(Instant::now());
                        self.position = head_at_look;
                    }
                    head_at_look = head;
                    messages = self.listen(messages).await?;
                }
            }
        }
    }

    fn take_own(&mut self, batch: &TailBatch) {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return };
        if first.recorded.position > self.position + 1 {
            self.others_at = Some(Instant::now());
        }
        self.position = self.position.max(last.recorded.position);
        self.send(batch.clone());
    }

    fn take_messages(&mut self, chunk: Vec<Received>) -> Result<(), String> {
        let mut batch = Vec::with_capacity(chunk.len());
        for message in chunk {
            let event = wire::decode(&message.map_err(|e| e.to_string())?.payload).map_err(|e| e.to_string())?;
            self.position = self.position.max(event.position);
            batch.push(Decoded::new(event));
        }
        self.send(Arc::new(batch));
        Ok(())
    }

    fn send(&self, batch: FeedBatch) {
        metrics::counter!("tollbook_feed_events_total").increment(batch.len() as u64);
        // Nobody may be listening for a moment: who comes back reads the log.
        let _ = self.feed.send(batch);
    }

    /// Listens to NATS while others write, and not otherwise.
    async fn listen(&self, messages: Option<Messages>) -> Result<Option<Messages>, String> {
        let others = self.others_at.is_some_and(|at| at.elapsed() < ALONE_AFTER);
        match (&self.context.bus, messages) {
            (Some(bus), None) if others && bus.is_connected() => {
                let start = self.context.log().head(self.partition).await.map_err(|e| e.to_string())?.position + 1;
                let name = bus.stream_name(self.partition);
                let stream = bus.jetstream.get_stream(name).await.map_err(|e| e.to_string())?;
                let config = OrderedConfig {
                    deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start.unsigned_abs() },
                    ..OrderedConfig::default()
                };
                let consumer = stream.create_consumer(config).await.map_err(|e| e.to_string())?;
                let messages = consumer.messages().await.map_err(|e| e.to_string())?;
                Ok(Some(messages.ready_chunks(BATCH_MAX)))
            }
            (_, messages) => Ok(messages.filter(|_| others)),
        }
    }
}

type Received = <Ordered as futures::Stream>::Item;

/// The next messages; never, when nobody listens.
async fn next(messages: &mut Option<Messages>) -> Option<Vec<Received>> {
    match messages {
        Some(messages) => messages.next().await,
        None => std::future::pending().await,
    }
}
