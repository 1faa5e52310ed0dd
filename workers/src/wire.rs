//! An event as a message: its whole envelope as JSON, the payload in the exact bytes of the log.

use data_encoding::HEXLOWER;
use domain::ids::{EventId, OrganizationId};
use domain::{RecordedEvent, StreamId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The message.
#[derive(Debug, Serialize, Deserialize)]
pub struct Message<'a> {
    /// Its id.
    pub event_id: EventId,
    /// `<partition>:<position>`.
    pub position: String,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// Its aggregate's stream.
    pub stream_id: String,
    /// The kind of aggregate.
    pub category: String,
    /// Its place in the stream.
    pub version: i64,
    /// Past tense, for example `charged`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Version of the payload's shape.
    pub schema: i16,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// Who asked for it.
    pub actor: String,
    /// SHA-256 of the request, in hex.
    pub request_digest: String,
    /// The event or command that caused it.
    pub causation_id: Uuid,
    /// Common to all that one request set off.
    pub correlation_id: Uuid,
    /// SHA-256 of the event, in hex.
    pub digest: String,
    /// What happened.
    #[serde(borrow)]
    pub payload: &'a RawValue,
}

/// A message that is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("not an event of the ledger: {0}")]
pub struct NotAnEvent(String);

/// An event as a message.
pub fn encode(event: &RecordedEvent) -> Result<Vec<u8>, NotAnEvent> {
    let payload: &RawValue = serde_json::from_slice(&event.payload).map_err(|e| NotAnEvent(e.to_string()))?;
    let message = Message {
        event_id: EventId::new(event.event_id),
        position: format!("{}:{}", event.partition, event.position),
        organization_id: event.organization_id,
        stream_id: event.stream_id.as_str().to_owned(),
        category: event.stream_id.category().to_owned(),
        version: event.version,
        event_type: event.event_type.clone(),
        schema: event.schema,
        occurred_at: event.occurred_at,
        recorded_at: event.recorded_at,
        actor: event.actor.clone(),
        request_digest: HEXLOWER.encode(&event.request_digest),
        causation_id: event.causation_id,
        correlation_id: event.correlation_id,
        digest: HEXLOWER.encode(&event.digest),
        payload,
    };
    serde_json::to_vec(&message).map_err(|e| NotAnEvent(e.to_string()))
}

/// A message as an event.
pub fn decode(bytes: &[u8]) -> Result<RecordedEvent, NotAnEvent> {
    let message: Message<'_> = serde_json::from_slice(bytes).map_err(|e| NotAnEvent(e.to_string()))?;
    let position: eventstore::LogPosition = message.position.parse().map_err(|_| NotAnEvent("no position".into()))?;
    let digest = |text: &str| HEXLOWER.decode(text.as_bytes()).map_err(|_| NotAnEvent("no digest".into()));
    let (request_digest, digest) = (digest(&message.request_digest)?, digest(&message.digest)?);
    Ok(RecordedEvent {
        partition: position.partition,
        position: position.position,
        event_id: message.event_id.uuid(),
        organization_id: message.organization_id,
        stream_id: StreamId::from_stored(message.stream_id),
        version: message.version,
        event_type: message.event_type,
        schema: message.schema,
        occurred_at: message.occurred_at,
        recorded_at: message.recorded_at,
        actor: message.actor,
        request_digest,
        causation_id: message.causation_id,
        correlation_id: message.correlation_id,
        payload: message.payload.get().as_bytes().to_vec(),
        digest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_the_same_event() {
        let event = RecordedEvent {
            partition: 1,
            position: 77,
            event_id: Uuid::from_u128(1),
            organization_id: OrganizationId::new(Uuid::from_u128(2)),
            stream_id: StreamId::new("account", "cus_1"),
            version: 3,
            event_type: "charged".into(),
            schema: 1,
            occurred_at: "2026-01-02T03:04:05.000006Z".parse().unwrap(),
            recorded_at: "2026-01-02T03:04:05.1Z".parse().unwrap(),
            actor: "system:test".into(),
            request_digest: vec![9; 32],
            causation_id: Uuid::from_u128(4),
            correlation_id: Uuid::from_u128(5),
            payload: br#"{ "odd" :  "spaces stay" }"#.to_vec(),
            digest: vec![8; 32],
        };
        assert_eq!(decode(&encode(&event).unwrap()).unwrap(), event);
        for garbage in [&b""[..], b"{}", b"\xff", b"[1]"] {
            assert!(decode(garbage).is_err());
        }
    }
}
