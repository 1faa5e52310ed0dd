//! Reads a partition's stream once and hands the events to all read models of this process.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use eventstore::log::Log;
use futures::StreamExt;
use projections::Decoded;
use projections::runner::Feed;
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::wire;

/// Messages that are handed on together, when so many are there.
const BATCH_MAX: usize = 500;
/// Between two tries to reach NATS.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Feeds until cancelled. What is missed meanwhile the read models get from the log.
pub async fn run(bus: Bus, log: Arc<dyn Log>, partition: i32, feed: Feed, cancel: CancellationToken) {
    loop {
        let ended = tokio::select! {
            () = cancel.cancelled() => return,
            ended = follow(&bus, &log, partition, &feed) => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(partition, error, "the feed starts over");
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(RETRY_PAUSE) => {}
        }
    }
}

async fn follow(bus: &Bus, log: &Arc<dyn Log>, partition: i32, feed: &Feed) -> Result<(), String> {
    let start = log.head(partition).await.map_err(|e| e.to_string())?.position + 1;
    let stream = bus.jetstream.get_stream(bus.stream_name(partition)).await.map_err(|e| e.to_string())?;
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start.unsigned_abs() },
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(|e| e.to_string())?;
    let mut messages = consumer.messages().await.map_err(|e| e.to_string())?.ready_chunks(BATCH_MAX);
    while let Some(chunk) = messages.next().await {
        let mut batch = Vec::with_capacity(chunk.len());
        for message in chunk {
            let message = message.map_err(|e| e.to_string())?;
            let event = wire::decode(&message.payload).map_err(|e| e.to_string())?;
            batch.push(Decoded::new(event));
        }
        metrics::counter!("tollbook_feed_events_total").increment(batch.len() as u64);
        // Nobody may be listening for a moment: who comes back reads the log.
        let _ = feed.send(Arc::new(batch));
    }
    Err("the consumer has ended".to_owned())
}
