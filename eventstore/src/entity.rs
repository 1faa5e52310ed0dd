//! An aggregate in memory without its type, so that one writer can hold all kinds.

use std::any::Any;

use domain::{Aggregate, EventPayload, RecordedEvent, Timestamp};

use crate::StoreError;
use crate::log::Snapshot;

/// An aggregate with its version. `Clone` through [`Entity::boxed_clone`].
pub trait Entity: Send + Sync {
    /// A copy, to go back to when an append fails.
    fn boxed_clone(&self) -> Box<dyn Entity>;
    /// The typed self, for the job that knows the type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// How many events it has taken in.
    fn version(&self) -> i64;
    /// Takes in one stored event.
    fn apply(&mut self, event: &RecordedEvent) -> Result<(), StoreError>;
    /// Its state as a snapshot of this stream.
    fn snapshot(&self, stream_id: &domain::StreamId) -> Result<Snapshot, StoreError>;
}

/// The typed form.
#[derive(Debug, Clone)]
pub struct Loaded<A> {
    /// The aggregate.
    pub state: A,
    /// How many events it has taken in.
    pub version: i64,
    /// When the last of them happened: time never goes back in a stream.
    pub last_time: Timestamp,
}

impl<A: Aggregate> Default for Loaded<A> {
    fn default() -> Self {
        Self { state: A::default(), version: 0, last_time: Timestamp::UNIX_EPOCH }
    }
}

impl<A: Aggregate> Loaded<A> {
    /// From a snapshot, when it has today's shape; else from nothing.
    pub fn from_snapshot(snapshot: Option<&Snapshot>) -> Self {
        let usable = snapshot.filter(|s| s.state_version == A::STATE_VERSION);
        usable
            .and_then(|s| {
                let state = serde_json::from_slice(&s.state).ok()?;
                Some(Self { state, version: s.version, last_time: s.last_time })
            })
            .unwrap_or_default()
    }

    /// Takes in an event that was just decided.
    pub fn apply_typed(&mut self, event: &A::Event, occurred_at: Timestamp) {
        self.state.apply_event(event, occurred_at);
        self.version += 1;
        self.last_time = occurred_at;
    }
}

impl<A: Aggregate> Entity for Loaded<A> {
    fn boxed_clone(&self) -> Box<dyn Entity> {
        Box::new(self.clone())
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<(), StoreError> {
        if event.version <= self.version {
            return Ok(());
        }
        if event.version != self.version + 1 {
            return Err(StoreError::Corrupt(format!(
                "stream {}: expected version {}, found {}",
                event.stream_id,
                self.version + 1,
                event.version
            )));
        }
        let typed = A::Event::decode(&event.event_type, event.schema, &event.payload)?;
        self.apply_typed(&typed, event.occurred_at);
        Ok(())
    }

    fn snapshot(&self, stream_id: &domain::StreamId) -> Result<Snapshot, StoreError> {
        Ok(Snapshot {
            stream_id: stream_id.clone(),
            version: self.version,
            state_version: A::STATE_VERSION,
            last_time: self.last_time,
            state: serde_json::to_vec(&self.state).map_err(|e| StoreError::Corrupt(e.to_string()))?,
        })
    }
}
