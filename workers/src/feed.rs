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
use futures::future::BoxFuture;
use futures::stream::ReadyChunks;
use projections::Decoded;
use projections::runner::{Feed, FeedBatch};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
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
        let mut ears = Ears::Closed(Instant::now());
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
                heard = ears.next() => {
                    // NATS away, or a stream that is missing, keeps nothing else waiting.
                    if let Err(error) = heard.and_then(|messages| self.take_messages(messages)) {
                        tracing::debug!(partition = self.partition, error, "NATS is not listened to");
                        ears = Ears::Closed(Instant::now() + RETRY_PAUSE);
                    }
                }
                _ = look.tick() => {
                    let head = self.context.log().head(self.partition).await.map_err(|e| e.to_string())?.position;
                    // What was there at the last look has had its time to come from this process.
                    if head_at_look > self.position {
                        self.others_at = Some(Instant::now());
                        self.position = head_at_look;
                    }
                    head_at_look = head;
                    ears = self.listen(ears, head + 1);
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
            if event.position > self.position {
                self.others_at = Some(Instant::now());
                self.position = event.position;
            }
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
    fn listen(&self, ears: Ears, start: i64) -> Ears {
        let others = self.others_at.is_some_and(|at| at.elapsed() < ALONE_AFTER);
        match (&self.context.bus, ears) {
            (_, Ears::Opening(_) | Ears::Open(_)) if !others => Ears::Closed(Instant::now()),
            (Some(bus), Ears::Closed(until)) if others && until <= Instant::now() && bus.is_connected() => {
                Ears::Opening(Box::pin(open(bus.clone(), self.partition, start)))
            }
            (_, ears) => ears,
        }
    }
}

type Received = <Ordered as futures::Stream>::Item;

/// How it stands with listening to NATS.
enum Ears {
    /// Not, and not before then.
    Closed(Instant),
    /// A consumer is on its way.
    Opening(BoxFuture<'static, Result<Messages, String>>),
    /// Messages come.
    Open(Box<Messages>),
}

impl Ears {
    /// The next messages; never, when nobody listens.
    async fn next(&mut self) -> Result<Vec<Received>, String> {
        if let Self::Opening(opening) = self {
            *self = Self::Open(Box::new(opening.await?));
        }
        match self {
            Self::Open(messages) => messages.next().await.ok_or_else(|| "the consumer has ended".to_owned()),
            Self::Opening(_) | Self::Closed(_) => std::future::pending().await,
        }
    }
}

async fn open(bus: Bus, partition: i32, start: i64) -> Result<Messages, String> {
    let stream = bus.jetstream.get_stream(bus.stream_name(partition)).await.map_err(|e| e.to_string())?;
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start.unsigned_abs() },
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(|e| e.to_string())?;
    let messages = consumer.messages().await.map_err(|e| e.to_string())?;
    Ok(messages.ready_chunks(BATCH_MAX))
}
