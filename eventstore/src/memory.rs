//! The memory twin: the same promises as Postgres, for tests of what stands on the log.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::envelope::chain_link;
use domain::{NewEvent, RecordedEvent, StreamId, Timestamp};
use tokio::sync::{Mutex, OwnedMutexGuard};
use uuid::Uuid;

use crate::log::{Appended, Batch, Head, Indexed, Log, Settled, Snapshot};
use crate::{StoreError, clock};

/// A log that lives as long as the process.
#[derive(Clone)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
}

struct State {
    partitions: Vec<Partition>,
    by_event: HashMap<Uuid, (i32, i64)>,
    by_stream: HashMap<StreamId, Vec<(i32, i64)>>,
    index: HashMap<(String, Vec<u8>), Indexed>,
    snapshots: HashMap<StreamId, Snapshot>,
}

struct Partition {
    head: Head,
    events: Vec<RecordedEvent>,
}

impl MemoryLog {
    /// An empty log with partitions 0 to `partitions - 1`.
    pub fn new(partitions: i32) -> Self {
        let head = Head { position: 0, chain: vec![0; 32], recorded_at: Timestamp::UNIX_EPOCH };
        let partitions = (0..partitions).map(|_| Partition { head: head.clone(), events: Vec::new() }).collect();
        let (by_event, by_stream, index, snapshots) = Default::default();
        Self { state: Arc::new(Mutex::new(State { partitions, by_event, by_stream, index, snapshots })) }
    }
}

impl State {
    fn partition(&self, partition: i32) -> Result<&Partition, StoreError> {
        usize::try_from(partition)
            .ok()
            .and_then(|i| self.partitions.get(i))
            .ok_or_else(|| StoreError::Corrupt(format!("the log has no partition {partition}")))
    }

    fn at(&self, (partition, position): (i32, i64)) -> Option<&RecordedEvent> {
        self.partition(partition).ok()?.events.get(usize::try_from(position - 1).ok()?)
    }

    fn find(&self, event_ids: &[Uuid]) -> Vec<RecordedEvent> {
        event_ids.iter().filter_map(|id| self.at(*self.by_event.get(id)?).cloned()).collect()
    }

    fn snapshots(&self, streams: &[StreamId]) -> Vec<Snapshot> {
        streams.iter().filter_map(|stream| self.snapshots.get(stream).cloned()).collect()
    }

    fn tails(&self, streams: &[(StreamId, i64)]) -> Vec<RecordedEvent> {
        let mut found = Vec::new();
        for (stream, after) in streams {
            let places = self.by_stream.get(stream).map_or(&[][..], Vec::as_slice);
            let skipped = usize::try_from(*after).unwrap_or(0).min(places.len());
            found.extend(places[skipped..].iter().filter_map(|place| self.at(*place).cloned()));
        }
        found
    }

    fn append(&mut self, partition: i32, batch: &Batch) -> Result<Appended, StoreError> {
        let head = self.partition(partition)?.head.clone();
        let moved = batch.expected.iter().filter(|(stream, version)| {
            let found = self.by_stream.get(stream).map_or(0, Vec::len) as i64;
            found != *version
        });
        let mut conflicts: Vec<StreamId> = moved.map(|(stream, _)| stream.clone()).collect();
        conflicts.extend(
            batch.events.iter().filter(|e| self.by_event.contains_key(&e.event_id)).map(|e| e.stream_id.clone()),
        );
        conflicts.sort();
        conflicts.dedup();
        let recorded_at = clock::now().max(head.recorded_at);
        let sealed = batch.events.iter().zip(batch.digests.iter().copied());
        let (taken, digests): (Vec<&NewEvent>, Vec<[u8; 32]>) =
            sealed.filter(|(event, _)| !conflicts.contains(&event.stream_id)).unzip();
        if taken.is_empty() {
            return Ok(Appended { first_position: None, count: 0, recorded_at, conflicts });
        }
        let first = head.position + 1;
        let chain = chain_link(&head.chain, first, recorded_at, digests.iter().map(<[u8; 32]>::as_slice));
        for (i, (event, digest)) in taken.iter().zip(&digests).enumerate() {
            let position = first + i as i64;
            self.by_event.insert(event.event_id, (partition, position));
            self.by_stream.entry(event.stream_id.clone()).or_default().push((partition, position));
            let recorded = (*event).clone().recorded(partition, position, recorded_at, digest);
            self.partitions[partition as usize].events.push(recorded);
        }
        for entry in batch.index.iter().filter(|entry| !conflicts.contains(&entry.stream_id)) {
            let indexed =
                Indexed { organization_id: entry.organization_id, partition, stream_id: entry.stream_id.clone() };
            self.index.insert((entry.kind.to_owned(), entry.key.clone()), indexed);
        }
        let count = taken.len() as i64;
        self.partitions[partition as usize].head =
            Head { position: head.position + count, chain: chain.to_vec(), recorded_at };
        Ok(Appended { first_position: Some(first), count, recorded_at, conflicts })
    }
}

#[async_trait]
impl Log for MemoryLog {
    async fn partitions(&self) -> Result<Vec<i32>, StoreError> {
        Ok((0..self.state.lock().await.partitions.len() as i32).collect())
    }

    async fn head(&self, partition: i32) -> Result<Head, StoreError> {
        Ok(self.state.lock().await.partition(partition)?.head.clone())
    }

    async fn append(&self, partition: i32, batch: &Batch) -> Result<Appended, StoreError> {
        self.state.lock().await.append(partition, batch)
    }

    async fn settle(&self, partition: i32) -> Result<Box<dyn Settled>, StoreError> {
        // One lock holds all partitions still: more than is asked for, and simple.
        let state = self.state.clone().lock_owned().await;
        let position = state.partition(partition)?.head.position;
        Ok(Box::new(SettledMemory { partition, position, state }))
    }

    async fn snapshots(&self, streams: &[StreamId]) -> Result<Vec<Snapshot>, StoreError> {
        Ok(self.state.lock().await.snapshots(streams))
    }

    async fn tails(&self, streams: &[(StreamId, i64)]) -> Result<Vec<RecordedEvent>, StoreError> {
        Ok(self.state.lock().await.tails(streams))
    }

    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        let newer = state
            .snapshots
            .get(&snapshot.stream_id)
            .is_some_and(|s| s.version >= snapshot.version && s.state_version == snapshot.state_version);
        if !newer {
            state.snapshots.insert(snapshot.stream_id.clone(), snapshot.clone());
        }
        Ok(())
    }

    async fn read(&self, partition: i32, after: i64, limit: i64) -> Result<Vec<RecordedEvent>, StoreError> {
        let state = self.state.lock().await;
        let events = &state.partition(partition)?.events;
        let skipped = usize::try_from(after).unwrap_or(0).min(events.len());
        Ok(events[skipped..].iter().take(usize::try_from(limit).unwrap_or(0)).cloned().collect())
    }

    async fn find(&self, event_ids: &[Uuid]) -> Result<Vec<RecordedEvent>, StoreError> {
        Ok(self.state.lock().await.find(event_ids))
    }

    async fn lookup(&self, kind: &str, key: &[u8]) -> Result<Option<Indexed>, StoreError> {
        Ok(self.state.lock().await.index.get(&(kind.to_owned(), key.to_vec())).cloned())
    }
}

struct SettledMemory {
    partition: i32,
    position: i64,
    state: OwnedMutexGuard<State>,
}

#[async_trait]
impl Settled for SettledMemory {
    fn position(&self) -> i64 {
        self.position
    }

    async fn find(&mut self, event_ids: &[Uuid]) -> Result<Vec<RecordedEvent>, StoreError> {
        Ok(self.state.find(event_ids))
    }

    async fn snapshots(&mut self, streams: &[StreamId]) -> Result<Vec<Snapshot>, StoreError> {
        Ok(self.state.snapshots(streams))
    }

    async fn tails(&mut self, streams: &[(StreamId, i64)]) -> Result<Vec<RecordedEvent>, StoreError> {
        Ok(self.state.tails(streams))
    }

    async fn finish(mut self: Box<Self>, batch: &Batch) -> Result<Option<Appended>, StoreError> {
        if batch.events.is_empty() {
            return Ok(None);
        }
        self.state.append(self.partition, batch).map(Some)
    }
}
