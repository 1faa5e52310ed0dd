//! What surrounds every event: who, when, why, and the digest that makes it tamper-evident.

use std::fmt;

use chrono::{DateTime, Timelike, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ids::OrganizationId;

/// A moment in UTC, to the microsecond (what Postgres keeps). Always an input, never read here.
pub type Timestamp = DateTime<Utc>;

/// Cuts a moment to the microsecond, so that what is decided on is what is stored.
pub fn to_micros(at: Timestamp) -> Timestamp {
    let nanos = at.nanosecond();
    at.with_nanosecond(nanos - nanos % 1_000).unwrap_or(at)
}

/// The name of one aggregate's stream: `<category>:<id>`, for example `account:cus_01k…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(String);

impl StreamId {
    /// The stream of the aggregate of this category and id.
    pub fn new(category: &str, id: impl fmt::Display) -> Self {
        Self(format!("{category}:{id}"))
    }

    /// A name that was stored before.
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the colon.
    pub fn category(&self) -> &str {
        self.0.split_once(':').map_or(self.0.as_str(), |(category, _)| category)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event that was decided and is not yet in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Unique in the log, for ever. A command's last event carries the command's own id.
    pub event_id: Uuid,
    /// The tenant it belongs to.
    pub organization_id: OrganizationId,
    /// Its aggregate's stream.
    pub stream_id: StreamId,
    /// 1 for a stream's first event, then one more each time.
    pub version: i64,
    /// Past tense, for example `charged`.
    pub event_type: &'static str,
    /// Version of the payload's shape.
    pub schema: i16,
    /// When it happened: the command's `now`.
    pub occurred_at: Timestamp,
    /// Who asked for it: `api_key:key_…` or `system:<part>`.
    pub actor: String,
    /// SHA-256 of the request, so that a key used twice for different things is noticed.
    pub request_digest: [u8; 32],
    /// The event or command that caused it.
    pub causation_id: Uuid,
    /// Common to all that one request set off.
    pub correlation_id: Uuid,
    /// The exact bytes that are stored and hashed: JSON.
    pub payload: Vec<u8>,
}

impl NewEvent {
    /// As the log gives it back, once it has its place there.
    pub fn recorded(self, partition: i32, position: i64, recorded_at: Timestamp, digest: &[u8; 32]) -> RecordedEvent {
        RecordedEvent {
            partition,
            position,
            event_id: self.event_id,
            organization_id: self.organization_id,
            stream_id: self.stream_id,
            version: self.version,
            event_type: self.event_type.to_owned(),
            schema: self.schema,
            occurred_at: self.occurred_at,
            recorded_at,
            actor: self.actor,
            request_digest: self.request_digest.to_vec(),
            causation_id: self.causation_id,
            correlation_id: self.correlation_id,
            payload: self.payload,
            digest: digest.to_vec(),
        }
    }

    /// See [`digest`].
    pub fn digest(&self) -> [u8; 32] {
        digest(&DigestParts {
            event_id: self.event_id,
            organization_id: self.organization_id,
            stream_id: self.stream_id.as_str(),
            version: self.version,
            event_type: self.event_type,
            schema: self.schema,
            occurred_at: self.occurred_at,
            actor: &self.actor,
            request_digest: &self.request_digest,
            causation_id: self.causation_id,
            correlation_id: self.correlation_id,
            payload: &self.payload,
        })
    }
}

/// An event as the log gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Which of the log's partitions.
    pub partition: i32,
    /// Its place in that partition: 1, 2, 3… without a gap.
    pub position: i64,
    /// Unique in the log.
    pub event_id: Uuid,
    /// The tenant it belongs to.
    pub organization_id: OrganizationId,
    /// Its aggregate's stream.
    pub stream_id: StreamId,
    /// Its place in the stream, from 1.
    pub version: i64,
    /// Past tense, for example `charged`.
    pub event_type: String,
    /// Version of the payload's shape.
    pub schema: i16,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the log took it; never goes backwards along the positions.
    pub recorded_at: Timestamp,
    /// Who asked for it.
    pub actor: String,
    /// SHA-256 of the request.
    pub request_digest: Vec<u8>,
    /// The event or command that caused it.
    pub causation_id: Uuid,
    /// Common to all that one request set off.
    pub correlation_id: Uuid,
    /// The bytes that were hashed: JSON.
    pub payload: Vec<u8>,
    /// The digest that was stored with it.
    pub digest: Vec<u8>,
}

impl RecordedEvent {
    /// The digest its content has now; differs from [`Self::digest`] when somebody changed it.
    pub fn computed_digest(&self) -> [u8; 32] {
        digest(&DigestParts {
            event_id: self.event_id,
            organization_id: self.organization_id,
            stream_id: self.stream_id.as_str(),
            version: self.version,
            event_type: &self.event_type,
            schema: self.schema,
            occurred_at: self.occurred_at,
            actor: &self.actor,
            request_digest: &self.request_digest,
            causation_id: self.causation_id,
            correlation_id: self.correlation_id,
            payload: &self.payload,
        })
    }
}

struct DigestParts<'a> {
    event_id: Uuid,
    organization_id: OrganizationId,
    stream_id: &'a str,
    version: i64,
    event_type: &'a str,
    schema: i16,
    occurred_at: Timestamp,
    actor: &'a str,
    request_digest: &'a [u8],
    causation_id: Uuid,
    correlation_id: Uuid,
    payload: &'a [u8],
}

/// SHA-256 over the event's canonical bytes.
///
/// Canonical bytes: every field in the order of [`DigestParts`], each preceded by its length in
/// bytes as a big-endian `u32`; integers big-endian; times as microseconds since the epoch. The
/// length prefixes make the encoding unambiguous. Position and `recorded_at` are not in it: they
/// are given under the log's lock and enter the hash chain instead.
fn digest(parts: &DigestParts<'_>) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(320 + parts.payload.len());
    let mut field = |value: &[u8]| {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(value);
    };
    field(parts.event_id.as_bytes());
    field(parts.organization_id.uuid().as_bytes());
    field(parts.stream_id.as_bytes());
    field(&parts.version.to_be_bytes());
    field(parts.event_type.as_bytes());
    field(&parts.schema.to_be_bytes());
    field(&parts.occurred_at.timestamp_micros().to_be_bytes());
    field(parts.actor.as_bytes());
    field(parts.request_digest);
    field(parts.causation_id.as_bytes());
    field(parts.correlation_id.as_bytes());
    field(parts.payload);
    Sha256::digest(&bytes).into()
}

/// The next link of a partition's hash chain, one for each append batch.
///
/// `sha256(previous ‖ first position ‖ recorded_at ‖ digests in order)`: integers as big-endian
/// `i64`, the time in microseconds since the epoch. The database computes the same in
/// `append_events`; `tollbook verify` recomputes it here.
pub fn chain_link<'a>(
    previous: &[u8],
    first_position: i64,
    recorded_at: Timestamp,
    digests: impl IntoIterator<Item = &'a [u8]>,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(first_position.to_be_bytes());
    hash.update(recorded_at.timestamp_micros().to_be_bytes());
    for digest in digests {
        hash.update(digest);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> NewEvent {
        NewEvent {
            event_id: Uuid::from_u128(1),
            organization_id: OrganizationId::new(Uuid::from_u128(2)),
            stream_id: StreamId::new("account", "cus_1"),
            version: 3,
            event_type: "charged",
            schema: 1,
            occurred_at: "2026-01-02T03:04:05.000006Z".parse().unwrap(),
            actor: "system:test".into(),
            request_digest: [9; 32],
            causation_id: Uuid::from_u128(4),
            correlation_id: Uuid::from_u128(5),
            payload: b"{}".to_vec(),
        }
    }

    #[test]
    fn the_digest_covers_every_field() {
        let base = event().digest();
        let changes: Vec<fn(&mut NewEvent)> = vec![
            |e| e.event_id = Uuid::from_u128(9),
            |e| e.organization_id = OrganizationId::new(Uuid::from_u128(9)),
            |e| e.stream_id = StreamId::new("account", "cus_9"),
            |e| e.version = 9,
            |e| e.event_type = "credited",
            |e| e.schema = 9,
            |e| e.occurred_at += chrono::TimeDelta::microseconds(1),
            |e| e.actor.push('x'),
            |e| e.request_digest[31] = 0,
            |e| e.causation_id = Uuid::from_u128(9),
            |e| e.correlation_id = Uuid::from_u128(9),
            |e| e.payload = b"[]".to_vec(),
        ];
        for (i, change) in changes.into_iter().enumerate() {
            let mut other = event();
            change(&mut other);
            assert_ne!(other.digest(), base, "field {i}");
        }
    }

    #[test]
    fn the_digest_is_the_one_that_was_shipped() {
        let hex: String = event().digest().iter().map(|b| format!("{b:02x}")).collect();
        // Golden: a change here makes every stored log fail `verify`.
        assert_eq!(hex, include_str!("../golden/digest.hex").trim());
    }
}
