//! The port: what a log can do. Postgres and the memory twin both pass `tests/log/conformance.rs`.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use domain::ids::OrganizationId;
use domain::{LedgerEvent, NewEvent, RecordedEvent, StreamId, Timestamp};
use uuid::Uuid;

use crate::StoreError;

/// A place in the log, written `<partition>:<position>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogPosition {
    /// Which partition.
    pub partition: i32,
    /// The position in it, from 1; 0 is before everything.
    pub position: i64,
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.position)
    }
}

/// The text is not a place in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a position like \"0:1234\"")]
pub struct InvalidPosition;

impl FromStr for LogPosition {
    type Err = InvalidPosition;
    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (partition, position) = text.split_once(':').ok_or(InvalidPosition)?;
        let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty();
        if !number(partition) || !number(position) {
            return Err(InvalidPosition);
        }
        Ok(Self {
            partition: partition.parse().map_err(|_| InvalidPosition)?,
            position: position.parse().map_err(|_| InvalidPosition)?,
        })
    }
}

/// Where a partition ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The last position, 0 when empty.
    pub position: i64,
    /// The last link of the hash chain.
    pub chain: Vec<u8>,
    /// When the last batch was appended.
    pub recorded_at: Timestamp,
}

/// Events to append together, and the version each of their streams must have before.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// In the order in which they are to stand.
    pub events: Vec<NewEvent>,
    /// Their digests, in the same order.
    pub digests: Vec<[u8; 32]>,
    /// What they say, in the same order, for those who work with them in this process. The log keeps the payloads.
    pub said: Vec<LedgerEvent>,
    /// Where the partition ended when all these versions were right; when it still ends there, nothing need be
    /// compared. Never a position at which only some of them were.
    pub known_position: i64,
    /// Every stream of the batch, once.
    pub expected: Vec<(StreamId, i64)>,
    /// Keys under which streams of the batch are to be found.
    pub index: Vec<NewIndexEntry>,
    /// Organizations of which other processes must forget what they cached.
    pub watched: Vec<OrganizationId>,
}

impl Batch {
    /// Works out the digests of the events: before the lock is taken.
    pub fn seal(&mut self) {
        self.digests = self.events.iter().map(NewEvent::digest).collect();
    }
}

/// A key under which a stream is to be found.
#[derive(Debug, Clone)]
pub struct NewIndexEntry {
    /// What kind of key.
    pub kind: &'static str,
    /// The key. Unique in its kind: derived from random bits or from a unique id.
    pub key: Vec<u8>,
    /// Whose.
    pub organization_id: OrganizationId,
    /// The stream.
    pub stream_id: StreamId,
}

/// What an append did.
#[derive(Debug, Clone)]
pub struct Appended {
    /// The position of the first event; those that follow are in the batch's order, less those of
    /// `conflicts`. `None` when nothing was appended.
    pub first_position: Option<i64>,
    /// How many.
    pub count: i64,
    /// When.
    pub recorded_at: Timestamp,
    /// Streams of which nothing was appended: their version was another, or an event id is known.
    pub conflicts: Vec<StreamId>,
}

/// The state of a stream at some version.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Of this stream.
    pub stream_id: StreamId,
    /// After this many events.
    pub version: i64,
    /// Shape of the state.
    pub state_version: i16,
    /// When the last of those events happened.
    pub last_time: Timestamp,
    /// The state as JSON.
    pub state: Vec<u8>,
}

/// A stream found by a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// Whose.
    pub organization_id: OrganizationId,
    /// Where.
    pub partition: i32,
    /// Which.
    pub stream_id: StreamId,
}

/// The log.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// The partitions, in order.
    async fn partitions(&self) -> Result<Vec<i32>, StoreError>;

    /// Where a partition ends.
    async fn head(&self, partition: i32) -> Result<Head, StoreError>;

    /// Appends what fits; see [`Appended`]. After an error the outcome is unknown.
    async fn append(&self, partition: i32, batch: &Batch) -> Result<Appended, StoreError>;

    /// Takes the partition's lock: nobody appends until the [`Settled`] is ended, and whatever was
    /// on its way before has either happened or never will.
    async fn settle(&self, partition: i32) -> Result<Box<dyn Settled>, StoreError>;

    /// The newest snapshots of these streams, where there are any.
    async fn snapshots(&self, streams: &[StreamId]) -> Result<Vec<Snapshot>, StoreError>;

    /// The events of each stream after its given version, in order of their versions.
    async fn tails(&self, streams: &[(StreamId, i64)]) -> Result<Vec<RecordedEvent>, StoreError>;

    /// Keeps a snapshot unless there is a newer one.
    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError>;

    /// Events of a partition after a position, in order, at most `limit`. Checks that none is
    /// missing between them.
    async fn read(&self, partition: i32, after: i64, limit: i64) -> Result<Vec<RecordedEvent>, StoreError>;

    /// Events by their ids.
    async fn find(&self, event_ids: &[Uuid]) -> Result<Vec<RecordedEvent>, StoreError>;

    /// The stream that has this key.
    async fn lookup(&self, kind: &str, key: &[u8]) -> Result<Option<Indexed>, StoreError>;
}

/// A partition that is held still. Dropping it without [`Settled::finish`] gives the lock back
/// and appends nothing.
#[async_trait]
pub trait Settled: Send {
    /// Where the partition ends while it is held.
    fn position(&self) -> i64;

    /// See [`Log::find`].
    async fn find(&mut self, event_ids: &[Uuid]) -> Result<Vec<RecordedEvent>, StoreError>;

    /// See [`Log::snapshots`].
    async fn snapshots(&mut self, streams: &[StreamId]) -> Result<Vec<Snapshot>, StoreError>;

    /// See [`Log::tails`].
    async fn tails(&mut self, streams: &[(StreamId, i64)]) -> Result<Vec<RecordedEvent>, StoreError>;

    /// Appends, when there is something to append, and gives the lock back.
    async fn finish(self: Box<Self>, batch: &Batch) -> Result<Option<Appended>, StoreError>;
}

/// Checks that events follow each other without a hole. A hole is corruption: halt and say so.
pub fn assert_gapless(partition: i32, after: i64, events: &[RecordedEvent]) -> Result<(), StoreError> {
    for (expected, event) in (after + 1..).zip(events) {
        if event.position != expected {
            return Err(StoreError::Corrupt(format!(
                "partition {partition}: expected position {expected}, found {}",
                event.position
            )));
        }
    }
    Ok(())
}
