//! The connection to NATS, and the names used there.

use std::time::Duration;

use async_nats::jetstream;
use domain::RecordedEvent;

/// Limits of the copy in NATS.
#[derive(Debug, Clone)]
pub struct BusSettings {
    /// Put before every stream and subject, so that installations can share one server.
    pub prefix: Option<String>,
    /// Bytes a partition's stream may hold; the oldest messages go first.
    pub bytes_max: i64,
    /// How many events are published again when the stream has to be made anew.
    pub republish_max: i64,
    /// Copies of the stream in a NATS cluster.
    pub replicas: usize,
}

impl Default for BusSettings {
    fn default() -> Self {
        Self { prefix: None, bytes_max: 256 << 20, republish_max: 1_000_000, replicas: 1 }
    }
}

/// A connection that comes back by itself.
#[derive(Debug, Clone)]
pub struct Bus {
    /// The client below.
    pub client: async_nats::Client,
    /// JetStream on it.
    pub jetstream: jetstream::Context,
    /// Its limits and names.
    pub settings: BusSettings,
}

/// How long an acknowledgement may take.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// Publishes whose acknowledgement is awaited at a time.
const ACKS_IN_FLIGHT_MAX: usize = 4_096;

impl Bus {
    /// Connects in the background, now and whenever the connection is lost.
    pub async fn connect(url: &str, settings: BusSettings) -> Result<Self, async_nats::ConnectError> {
        let client = async_nats::ConnectOptions::new()
            .name("tollbook")
            .retry_on_initial_connect()
            .connection_timeout(Duration::from_secs(3))
            .request_timeout(Some(ACK_TIMEOUT))
            .reconnect_delay_callback(|attempts| Duration::from_millis((attempts as u64 * 50).min(1_000)))
            .connect(url)
            .await?;
        let jetstream = jetstream::context::ContextBuilder::new()
            .ack_timeout(ACK_TIMEOUT)
            .max_ack_inflight(ACKS_IN_FLIGHT_MAX)
            .build(client.clone());
        Ok(Self { client, jetstream, settings })
    }

    /// Whether the connection stands at this moment.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// The last position of a partition that is in NATS; `None` when NATS does not say.
    pub async fn last_position(&self, partition: i32) -> Option<i64> {
        let stream = self.jetstream.get_stream(self.stream_name(partition)).await.ok()?;
        i64::try_from(stream.cached_info().state.last_sequence).ok()
    }

    /// The name of a partition's stream.
    pub fn stream_name(&self, partition: i32) -> String {
        match &self.settings.prefix {
            Some(prefix) => format!("{prefix}_LEDGER_{partition}"),
            None => format!("LEDGER_{partition}"),
        }
    }

    /// All subjects of a partition.
    pub fn subjects(&self, partition: i32) -> String {
        format!("{}.{partition}.>", self.root())
    }

    /// `ledger.<partition>.<organization>.<category>.<type>`
    pub fn subject(&self, event: &RecordedEvent) -> String {
        let (organization, category) = (event.organization_id, event.stream_id.category());
        format!("{}.{}.{organization}.{category}.{}", self.root(), event.partition, event.event_type)
    }

    fn root(&self) -> String {
        self.settings.prefix.as_ref().map_or("ledger".to_owned(), |prefix| format!("{prefix}.ledger"))
    }
}
