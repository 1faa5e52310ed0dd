//! What every log must do. Each case runs on Postgres and on the memory twin.

use std::sync::Arc;

use domain::StreamId;
use domain::envelope::chain_link;
use eventstore::log::{Batch, Log, NewIndexEntry, Snapshot};
use uuid::Uuid;

use crate::support::{at, batch, event, memory, organization, postgres};

macro_rules! on_both {
    ($($name:ident;)*) => {
        mod on_postgres { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() { super::$name(super::postgres().await.1).await; })* }
        mod on_memory { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() { super::$name(super::memory()).await; })* }
    };
}

on_both! {
    positions_are_gapless_per_partition;
    a_stream_with_another_version_fails_alone;
    a_known_id_fails_its_stream_alone;
    the_chain_links_every_batch;
    what_is_read_is_what_was_written;
    the_lock_holds_appends_back;
    a_dropped_lock_appends_nothing;
    tails_start_after_their_version;
    the_newest_snapshot_stays;
    streams_are_found_by_key;
    an_unknown_partition_is_an_error;
    concurrent_appends_leave_no_gap;
}

async fn positions_are_gapless_per_partition(log: Arc<dyn Log>) {
    assert_eq!(log.partitions().await.unwrap(), vec![0, 1]);
    let first = log.append(0, &batch(vec![event(1, "a:1", 1), event(2, "a:1", 2)])).await.unwrap();
    let second = log.append(0, &batch(vec![event(3, "a:2", 1)])).await.unwrap();
    let other = log.append(1, &batch(vec![event(4, "a:3", 1)])).await.unwrap();
    assert_eq!((first.first_position, first.count), (Some(1), 2));
    assert_eq!(second.first_position, Some(3));
    assert_eq!(other.first_position, Some(1));
    assert_eq!(log.head(0).await.unwrap().position, 3);
    assert!(second.recorded_at >= first.recorded_at);
}

async fn a_stream_with_another_version_fails_alone(log: Arc<dyn Log>) {
    log.append(0, &batch(vec![event(1, "a:1", 1)])).await.unwrap();
    let mixed = batch(vec![event(2, "a:1", 1), event(3, "a:2", 1), event(4, "a:1", 2), event(5, "a:2", 2)]);
    let appended = log.append(0, &mixed).await.unwrap();
    assert_eq!(appended.conflicts, vec![StreamId::from_stored("a:1".into())]);
    assert_eq!((appended.first_position, appended.count), (Some(2), 2));
    let all: Vec<_> = log.read(0, 0, 10).await.unwrap().iter().map(|e| (e.position, e.event_id.as_u128())).collect();
    assert_eq!(all, vec![(1, 1), (2, 3), (3, 5)]);
    let nothing = log.append(0, &batch(vec![event(6, "a:1", 9)])).await.unwrap();
    assert_eq!((nothing.first_position, nothing.count), (None, 0));
    assert_eq!(log.head(0).await.unwrap().position, 3);
}

async fn a_known_id_fails_its_stream_alone(log: Arc<dyn Log>) {
    log.append(0, &batch(vec![event(1, "a:1", 1)])).await.unwrap();
    // The id is known from another stream: the same key was used for another thing.
    let appended = log.append(0, &batch(vec![event(1, "a:2", 1), event(2, "a:3", 1)])).await.unwrap();
    assert_eq!(appended.conflicts, vec![StreamId::from_stored("a:2".into())]);
    assert_eq!(log.find(&[Uuid::from_u128(1)]).await.unwrap()[0].stream_id.as_str(), "a:1");
    assert_eq!(log.head(0).await.unwrap().position, 2);
}

async fn the_chain_links_every_batch(log: Arc<dyn Log>) {
    let mut chain = vec![0u8; 32];
    for (first, events) in [(1, vec![event(1, "a:1", 1), event(2, "a:2", 1)]), (3, vec![event(3, "a:1", 2)])] {
        let digests: Vec<[u8; 32]> = events.iter().map(|e| e.digest()).collect();
        let appended = log.append(0, &batch(events)).await.unwrap();
        chain = chain_link(&chain, first, appended.recorded_at, digests.iter().map(<[u8; 32]>::as_slice)).to_vec();
        assert_eq!(log.head(0).await.unwrap().chain, chain);
    }
}

async fn what_is_read_is_what_was_written(log: Arc<dyn Log>) {
    let written = event(1, "a:1", 1);
    log.append(1, &batch(vec![written.clone()])).await.unwrap();
    let read = log.read(1, 0, 10).await.unwrap().remove(0);
    assert_eq!(read.computed_digest(), written.digest());
    assert_eq!(read.digest, written.digest());
    assert_eq!((read.payload, read.occurred_at, read.partition), (written.payload, written.occurred_at, 1));
    assert!(log.read(1, 1, 10).await.unwrap().is_empty());
    assert!(log.read(0, 0, 10).await.unwrap().is_empty());
}

async fn the_lock_holds_appends_back(log: Arc<dyn Log>) {
    let mut settled = log.settle(0).await.unwrap();
    assert_eq!(settled.position(), 0);
    let other = log.clone();
    let waiting = tokio::spawn(async move { other.append(0, &batch(vec![event(2, "a:1", 1)])).await });
    assert!(settled.find(&[Uuid::from_u128(2)]).await.unwrap().is_empty());
    assert!(settled.tails(&[(StreamId::from_stored("a:1".into()), 0)]).await.unwrap().is_empty());
    let mine = settled.finish(&batch(vec![event(1, "a:1", 1)])).await.unwrap().unwrap();
    assert_eq!(mine.first_position, Some(1));
    let theirs = waiting.await.unwrap().unwrap();
    assert_eq!(theirs.conflicts.len(), 1, "it was decided on a version that is gone");
}

async fn a_dropped_lock_appends_nothing(log: Arc<dyn Log>) {
    drop(log.settle(0).await.unwrap());
    let settled = log.settle(0).await.unwrap();
    assert!(settled.finish(&Batch::default()).await.unwrap().is_none());
    assert_eq!(log.append(0, &batch(vec![event(1, "a:1", 1)])).await.unwrap().first_position, Some(1));
}

async fn tails_start_after_their_version(log: Arc<dyn Log>) {
    let events = (1..=5).map(|v| event(v as u128, "a:1", v)).chain((1..=3).map(|v| event(10 + v as u128, "a:2", v)));
    log.append(0, &batch(events.collect())).await.unwrap();
    let name = |text: &str| StreamId::from_stored(text.into());
    let tails = log.tails(&[(name("a:1"), 3), (name("a:2"), 0), (name("a:3"), 0)]).await.unwrap();
    let ids: Vec<_> = tails.iter().map(|e| e.event_id.as_u128()).collect();
    assert_eq!(ids, vec![4, 5, 11, 12, 13]);
}

async fn the_newest_snapshot_stays(log: Arc<dyn Log>) {
    let stream_id = StreamId::from_stored("a:1".into());
    let snapshot = |version, state_version| Snapshot {
        stream_id: stream_id.clone(),
        version,
        state_version,
        last_time: at("2026-01-01T00:00:00Z"),
        state: b"{}".to_vec(),
    };
    for s in [snapshot(10, 1), snapshot(5, 1), snapshot(5, 2)] {
        log.save_snapshot(&s).await.unwrap();
    }
    assert_eq!(
        log.snapshots(std::slice::from_ref(&stream_id)).await.unwrap(),
        vec![snapshot(5, 2)],
        "another shape replaces it"
    );
    log.save_snapshot(&snapshot(7, 2)).await.unwrap();
    log.save_snapshot(&snapshot(6, 2)).await.unwrap();
    assert_eq!(log.snapshots(std::slice::from_ref(&stream_id)).await.unwrap(), vec![snapshot(7, 2)]);
}

async fn streams_are_found_by_key(log: Arc<dyn Log>) {
    let stream_id = StreamId::from_stored("a:1".into());
    let entry = NewIndexEntry {
        kind: "api_key",
        key: b"k1".to_vec(),
        organization_id: organization(),
        stream_id: stream_id.clone(),
    };
    let refused =
        NewIndexEntry { key: b"k2".to_vec(), stream_id: StreamId::from_stored("a:2".into()), ..entry.clone() };
    log.append(1, &batch(vec![event(9, "a:2", 1)])).await.unwrap();
    let mut mixed = batch(vec![event(1, "a:1", 1), event(2, "a:2", 1)]);
    mixed.index = vec![entry, refused];
    log.append(1, &mixed).await.unwrap();
    let found = log.lookup("api_key", b"k1").await.unwrap().unwrap();
    assert_eq!((found.stream_id, found.partition, found.organization_id), (stream_id, 1, organization()));
    assert_eq!(log.lookup("api_key", b"k2").await.unwrap(), None, "its stream was refused");
    assert_eq!(log.lookup("organization", b"k1").await.unwrap(), None);
}

async fn an_unknown_partition_is_an_error(log: Arc<dyn Log>) {
    assert!(log.append(7, &batch(vec![event(1, "a:1", 1)])).await.is_err());
    assert!(log.head(-1).await.is_err());
}

async fn concurrent_appends_leave_no_gap(log: Arc<dyn Log>) {
    let mut tasks = Vec::new();
    for writer in 0..8u128 {
        let log = log.clone();
        tasks.push(tokio::spawn(async move {
            let stream = format!("a:{writer}");
            for version in 1..=20 {
                log.append(0, &batch(vec![event(writer * 1000 + version as u128, &stream, version)])).await.unwrap();
            }
        }));
    }
    // A reader meanwhile never sees a hole: `read` would fail.
    let mut after = 0;
    while after < 160 {
        after = log.read(0, after, 50).await.unwrap().last().map_or(after, |e| e.position);
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(log.head(0).await.unwrap().position, 160);
}
