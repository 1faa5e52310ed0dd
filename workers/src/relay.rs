//! Publishes the log to JetStream, aligned: a message's sequence *is* its event's position.
//!
//! The stream of a partition is made with `first_seq`, and every publish says which sequence must
//! be the last. A mismatch, a restart, a deleted store: the relay reads the state of the stream and
//! goes on from there. An acknowledgement of NATS is only a hint for when to send more; what counts
//! is in Postgres, and the whole stream can be made from it again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::header::{self, HeaderMap};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use domain::RecordedEvent;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::{Context, wire};

/// Events that are published before an acknowledgement is awaited: that of the last of them.
const WINDOW: usize = 1_000;
/// How long an idle relay sleeps before it looks at the log, when nobody wakes it.
const LOOK_AT_LOG: Duration = Duration::from_millis(20);
/// How often an idle relay looks whether its stream is still there.
const LOOK_AT_NATS: Duration = Duration::from_secs(1);
/// Between two tries to reach NATS or Postgres.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// The stream's metadata names the log it is a copy of.
const LOG_ID: &str = "tollbook-log-id";

/// Why the relay starts over; it never gives up.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("NATS: {0}")]
    Nats(String),
    #[error(transparent)]
    Store(#[from] eventstore::StoreError),
    #[error("an event that is no JSON: {0}")]
    Event(#[from] wire::NotAnEvent),
}

fn nats(error: impl std::fmt::Display) -> RelayError {
    RelayError::Nats(error.to_string())
}

/// The relay of one partition.
#[derive(Clone)]
pub struct Relay {
    bus: Bus,
    context: Context,
    partition: i32,
}

impl Relay {
    /// For this partition.
    pub const fn new(bus: Bus, context: Context, partition: i32) -> Self {
        Self { bus, context, partition }
    }

    /// Publishes until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let mut quiet = false;
        loop {
            let ended = tokio::select! {
                () = cancel.cancelled() => return,
                ended = self.follow() => ended,
            };
            if let Err(error) = ended {
                // Once is enough while NATS is away: charges go on without it.
                if !quiet {
                    tracing::warn!(partition = self.partition, %error, "the relay starts over");
                }
                quiet = !self.bus.is_connected();
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
    }

    async fn follow(&self) -> Result<(), RelayError> {
        let mut last = self.aligned_stream().await?;
        let mut tail = self.context.ledger.tail(self.partition, last);
        let mut page = tail.next(WINDOW, Duration::ZERO).await?;
        let mut looked_at_nats = Instant::now();
        loop {
            let lag = metrics::gauge!("tollbook_relay_lag_events", "partition" => self.partition.to_string());
            let Some(newest) = page.last().map(|event| event.position) else {
                lag.set(0.0);
                // A stream that was deleted is missed at once by a publish; an idle relay looks.
                if looked_at_nats.elapsed() >= LOOK_AT_NATS {
                    if self.aligned_stream().await? != last {
                        return Err(RelayError::Nats("the stream has lost messages".to_owned()));
                    }
                    looked_at_nats = Instant::now();
                }
                page = tail.next(WINDOW, LOOK_AT_LOG).await?;
                continue;
            };
            lag.set((newest - last) as f64);
            self.publish(&page).await?;
            metrics::counter!("tollbook_relay_published_total").increment(page.len() as u64);
            last = newest;
            page = tail.next(WINDOW, LOOK_AT_LOG).await?;
        }
    }

    async fn publish(&self, events: &[Arc<RecordedEvent>]) -> Result<(), RelayError> {
        let Some((last, before)) = events.split_last() else { return Ok(()) };
        // Each says which sequence must be the last, so one that is refused has all after it refused. So only the
        // last need be acknowledged, and nobody waits for the others.
        for event in before {
            let mut headers = HeaderMap::new();
            headers.insert(header::NATS_EXPECTED_LAST_SEQUENCE, (event.position - 1).to_string().as_str());
            let payload = wire::encode(event)?.into();
            self.bus.client.publish_with_headers(self.bus.subject(event), headers, payload).await.map_err(nats)?;
        }
        let message = PublishMessage::build()
            .payload(wire::encode(last)?.into())
            .expected_last_sequence(last.position.unsigned_abs() - 1);
        let ack = self.bus.jetstream.send_publish(self.bus.subject(last), message).await.map_err(nats)?;
        let ack = ack.into_future().await.map_err(nats)?;
        if ack.sequence != last.position.unsigned_abs() {
            return Err(nats(format!("sequence {} for position {}", ack.sequence, last.position)));
        }
        Ok(())
    }

    /// The last position in the stream, after making it if there is none, or making it anew if it
    /// is not a copy of this log.
    async fn aligned_stream(&self) -> Result<i64, RelayError> {
        use async_nats::jetstream::ErrorCode;
        use async_nats::jetstream::context::GetStreamErrorKind;
        let name = self.bus.stream_name(self.partition);
        let log_id = eventstore::postgres::log_id(&self.context.pool).await?;
        match self.bus.jetstream.get_stream(&name).await {
            Ok(stream) => match self.difference(&stream, &log_id).await? {
                None => return Ok(last_sequence(&stream)),
                Some(difference) => {
                    tracing::warn!(stream = name, difference, "the stream is not a copy of this log: it is made anew");
                    self.bus.jetstream.delete_stream(&name).await.map_err(nats)?;
                }
            },
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(inner) if inner.error_code() == ErrorCode::STREAM_NOT_FOUND => {}
                _ => return Err(nats(error)),
            },
        }
        self.make_stream(name, log_id).await
    }

    async fn make_stream(&self, name: String, log_id: String) -> Result<i64, RelayError> {
        let head = self.context.log().head(self.partition).await?.position;
        let first = (head - self.bus.settings.republish_max).max(0) + 1;
        let config = Config {
            name: name.clone(),
            subjects: vec![self.bus.subjects(self.partition)],
            first_sequence: Some(first.unsigned_abs()),
            max_bytes: self.bus.settings.bytes_max,
            discard: DiscardPolicy::Old,
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            num_replicas: self.bus.settings.replicas,
            allow_direct: true,
            metadata: HashMap::from([(LOG_ID.to_owned(), log_id)]),
            ..Config::default()
        };
        let stream = self.bus.jetstream.create_stream(config).await.map_err(nats)?;
        tracing::info!(stream = name, first, head, "a stream is made");
        Ok(last_sequence(&stream))
    }

    /// What shows that a stream is not a copy of this log.
    async fn difference(&self, stream: &Stream, log_id: &str) -> Result<Option<String>, RelayError> {
        let info = stream.cached_info();
        if info.config.metadata.get(LOG_ID).map(String::as_str) != Some(log_id) {
            return Ok(Some("it is a copy of another log".to_owned()));
        }
        let last = last_sequence(stream);
        let head = self.context.log().head(self.partition).await?.position;
        if last > head {
            return Ok(Some(format!("it ends at {last}, the log at {head}")));
        }
        if info.state.messages == 0 {
            return Ok(None);
        }
        let message = stream.get_raw_message(info.state.last_sequence).await.map_err(nats)?;
        let copied = wire::decode(&message.payload).map(|event| event.event_id).ok();
        let logged = self.context.log().read(self.partition, last - 1, 1).await?;
        let same = copied.is_some() && copied == logged.first().map(|event| event.event_id);
        Ok((!same).then(|| format!("its message {last} is not the event at that position")))
    }
}

fn last_sequence(stream: &Stream) -> i64 {
    i64::try_from(stream.cached_info().state.last_sequence).unwrap_or(i64::MAX)
}
