//! The shape of a decision: a pure state machine that answers a command with events.
//!
//! The two functions follow the `esrs` crate (`handle_command`, `apply_event`); so does the rule
//! that *denied* (an `Error` from here) is something else than *failed* (the store could not say).

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{LedgerEvent, Timestamp};

/// What decides on one stream.
pub trait Aggregate: Default + Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// The first part of its stream's name and the subject's noun.
    const CATEGORY: &'static str;
    /// Version of the state's own shape; snapshots of another version are ignored.
    const STATE_VERSION: i16;

    /// What can be asked of it.
    type Command: Send + Sync + 'static;
    /// What can have happened to it.
    type Event: EventPayload + Into<LedgerEvent>;
    /// Why a command is denied.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Decides. The events come back in order; none means that nothing needs to change.
    ///
    /// `now` never lies before the stream's last event.
    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error>;

    /// Takes in one event. Never fails: what is in the log has happened.
    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp);
}

/// The persisted form of an aggregate's events, apart from their in-memory form.
pub trait EventPayload: Clone + Send + Sync + 'static {
    /// Past tense, for example `charged`.
    fn event_type(&self) -> &'static str;

    /// Version of the payload's shape that [`Self::encode`] writes.
    fn schema(&self) -> i16;

    /// The payload as JSON bytes: stored and hashed as they are.
    fn encode(&self) -> Vec<u8>;

    /// Reads a payload of any schema that was ever shipped, lifting old ones to today's shape.
    fn decode(event_type: &str, schema: i16, payload: &[u8]) -> Result<Self, DecodeError>;

    /// What the hot path must find by something other than the stream's name. Written in the
    /// append's own transaction.
    fn index_entries(&self) -> Vec<IndexEntry> {
        Vec::new()
    }
}

/// A key under which a stream can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// What kind of key, for example `api_key`.
    pub kind: &'static str,
    /// The key itself; unique in its kind.
    pub key: Vec<u8>,
}

/// An event in the log that this program cannot read. Whoever meets one must stop, not skip.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a later version, or by nobody.
    #[error("unknown event {category}.{event_type} with schema {schema}")]
    Unknown {
        /// Its category.
        category: String,
        /// Its type.
        event_type: String,
        /// Its payload's version.
        schema: i16,
    },
    /// The payload is not what its type and schema promise.
    #[error("the payload of {event_type} cannot be read: {reason}")]
    Malformed {
        /// Its type.
        event_type: String,
        /// What the parser said.
        reason: String,
    },
}

/// Reads a payload of today's shape.
pub fn decode_json<T: DeserializeOwned>(event_type: &str, payload: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(payload)
        .map_err(|e| DecodeError::Malformed { event_type: event_type.to_owned(), reason: e.to_string() })
}

/// Joins payload structs to an event enum: `Variant(Struct) = "type", schema`.
///
/// When a payload changes, its schema number goes up, the old shape stays as a struct of its own,
/// and `decode` gets an arm that lifts it; its golden JSON stays in `domain/golden`.
macro_rules! event_enum {
    ($(#[$doc:meta])* $name:ident in $category:expr; $($(#[$vdoc:meta])* $variant:ident($payload:ty) = $type:literal, $schema:literal;)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name { $($(#[$vdoc])* $variant($payload),)* }

        impl $name {
            fn write(&self) -> Vec<u8> {
                let written = match self { $(Self::$variant(payload) => serde_json::to_vec(payload),)* };
                // Payloads are plain structs of strings and numbers: serializing them cannot fail.
                written.unwrap_or_default()
            }

            fn read(event_type: &str, schema: i16, payload: &[u8]) -> Result<Self, $crate::DecodeError> {
                match (event_type, schema) {
                    $(($type, $schema) => $crate::aggregate::decode_json(event_type, payload).map(Self::$variant),)*
                    _ => Err($crate::DecodeError::Unknown {
                        category: $category.to_owned(), event_type: event_type.to_owned(), schema,
                    }),
                }
            }

            const fn kind(&self) -> (&'static str, i16) {
                match self { $(Self::$variant(_) => ($type, $schema),)* }
            }
        }
    };
}
pub(crate) use event_enum;

/// The four methods of [`EventPayload`] as [`event_enum`] made them.
macro_rules! payload_methods {
    () => {
        fn event_type(&self) -> &'static str {
            self.kind().0
        }
        fn schema(&self) -> i16 {
            self.kind().1
        }
        fn encode(&self) -> Vec<u8> {
            self.write()
        }
        fn decode(event_type: &str, schema: i16, payload: &[u8]) -> Result<Self, $crate::DecodeError> {
            Self::read(event_type, schema, payload)
        }
    };
}
pub(crate) use payload_methods;
