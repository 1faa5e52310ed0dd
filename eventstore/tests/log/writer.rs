//! The writer: limits, idempotency and order under concurrency, on both logs.

use std::sync::Arc;

use domain::account::{Account, AccountError};
use eventstore::log::Log;
use eventstore::{ExecuteError, Executed, Ledger};
use uuid::Uuid;

use crate::support::{account_stream, amount, charge, memory, meta, open, postgres};

macro_rules! on_both {
    ($($name:ident;)*) => {
        mod on_postgres { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() { super::$name(super::postgres().await.1).await; })* }
        mod on_memory { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() { super::$name(super::memory()).await; })* }
    };
}

on_both! {
    the_same_command_is_executed_once;
    the_same_key_for_another_request_is_refused;
    a_hundred_parallel_calls_with_one_key_are_one;
    two_hundred_parallel_charges_never_overspend;
    two_processes_share_an_account;
    the_last_cent_is_answered_as_done_after_a_lost_answer;
    a_stale_cache_denies_nobody;
    a_long_stream_comes_back_from_its_snapshot;
    time_never_goes_back_in_a_stream;
    doubles_of_a_denied_command_are_all_denied;
    a_stream_that_cannot_be_read_fails_alone;
}

type Outcome = Result<Result<Executed<Account>, AccountError>, ExecuteError>;

fn done(outcome: Outcome) -> (i64, bool) {
    match outcome.unwrap().unwrap() {
        Executed::Done { event, replayed } => (event.position.position, replayed),
        Executed::Unchanged { .. } => panic!("it changed nothing"),
    }
}

async fn the_same_command_is_executed_once(log: Arc<dyn Log>) {
    let ledger = Ledger::start(log.clone()).await.unwrap();
    let stream = open(&ledger, 1, 1, "10").await;
    let key = Uuid::now_v7();
    let first = done(ledger.execute(stream.clone(), meta(1, key), charge("1")).await);
    let second = done(ledger.execute(stream.clone(), meta(1, key), charge("1")).await);
    assert_eq!((first.0, first.1), (2, false));
    assert_eq!((second.0, second.1), (2, true));
    assert_eq!(ledger.load::<Account>(&stream).await.unwrap().state.charged, amount("1"));
    // A later command on the same stream still knows its version.
    assert_eq!(done(ledger.execute(stream, meta(1, Uuid::now_v7()), charge("1")).await).0, 3);
}

async fn the_same_key_for_another_request_is_refused(log: Arc<dyn Log>) {
    let ledger = Ledger::start(log.clone()).await.unwrap();
    let stream = open(&ledger, 0, 1, "10").await;
    let other = open(&ledger, 0, 2, "10").await;
    let key = Uuid::now_v7();
    done(ledger.execute(stream.clone(), meta(0, key), charge("1")).await);
    let mut changed = meta(0, key);
    changed.request_digest = [2; 32];
    for stream in [stream, other] {
        let outcome: Outcome = ledger.execute(stream, changed.clone(), charge("2")).await;
        assert!(matches!(outcome, Err(ExecuteError::KeyReused)), "{outcome:?}");
    }
    assert_eq!(log.head(0).await.unwrap().position, 3);
}

async fn a_hundred_parallel_calls_with_one_key_are_one(log: Arc<dyn Log>) {
    let ledger = Ledger::start(log.clone()).await.unwrap();
    let stream = open(&ledger, 0, 1, "10").await;
    let key = Uuid::now_v7();
    let calls = (0..100).map(|_| {
        let (ledger, stream) = (ledger.clone(), stream.clone());
        tokio::spawn(async move { done(ledger.execute(stream, meta(0, key), charge("1")).await) })
    });
    let mut fresh = 0;
    for call in calls.collect::<Vec<_>>() {
        let (position, replayed) = call.await.unwrap();
        assert_eq!(position, 2);
        fresh += usize::from(!replayed);
    }
    assert_eq!(fresh, 1);
    assert_eq!(log.head(0).await.unwrap().position, 2);
}

async fn two_hundred_parallel_charges_never_overspend(log: Arc<dyn Log>) {
    let ledger = Ledger::start(log).await.unwrap();
    let stream = open(&ledger, 0, 1, "50").await;
    assert_eq!(race(&[ledger], &stream, 200).await, 50);
}

async fn two_processes_share_an_account(log: Arc<dyn Log>) {
    let one = Ledger::start(log.clone()).await.unwrap();
    let two = Ledger::start(log.clone()).await.unwrap();
    let stream = open(&one, 0, 1, "50").await;
    assert_eq!(race(&[one, two], &stream, 200).await, 50);
    assert_eq!(log.head(0).await.unwrap().position, 51);
}

/// Charges of 1, spread over processes; gives back how many were accepted.
async fn race(ledgers: &[Ledger], stream: &domain::StreamId, calls: usize) -> usize {
    let calls = (0..calls).map(|i| {
        let (ledger, stream) = (ledgers[i % ledgers.len()].clone(), stream.clone());
        tokio::spawn(async move { ledger.execute::<Account>(stream, meta(0, Uuid::now_v7()), charge("1")).await })
    });
    let mut accepted = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap().unwrap() {
            Ok(_) => accepted += 1,
            Err(denied) => assert!(matches!(denied, AccountError::InsufficientFunds { .. }), "{denied}"),
        }
    }
    assert_eq!(ledgers[0].load::<Account>(stream).await.unwrap().state.charged, amount(&accepted.to_string()));
    accepted
}

async fn the_last_cent_is_answered_as_done_after_a_lost_answer(log: Arc<dyn Log>) {
    let one = Ledger::start(log.clone()).await.unwrap();
    let two = Ledger::start(log.clone()).await.unwrap();
    let stream = open(&one, 0, 1, "1").await;
    let key = Uuid::now_v7();
    // The client never hears this answer, asks the other process, then the first one again.
    done(one.execute(stream.clone(), meta(0, key), charge("1")).await);
    for ledger in [two, one] {
        let (position, replayed) = done(ledger.execute(stream.clone(), meta(0, key), charge("1")).await);
        assert_eq!((position, replayed), (2, true));
    }
}

async fn a_stale_cache_denies_nobody(log: Arc<dyn Log>) {
    use domain::account::command::Action;
    let one = Ledger::start(log.clone()).await.unwrap();
    let two = Ledger::start(log.clone()).await.unwrap();
    let stream = open(&one, 0, 1, "1").await;
    let full: Outcome = two.execute(stream.clone(), meta(0, Uuid::now_v7()), charge("5")).await;
    assert!(matches!(full, Ok(Err(AccountError::InsufficientFunds { .. }))));
    let raise = crate::support::command(Action::SetPostpaidLimit { postpaid_limit: amount("9"), currency: None });
    one.execute::<Account>(stream.clone(), meta(0, Uuid::now_v7()), raise).await.unwrap().unwrap();
    // The second process still holds the old limit, and must not deny on it.
    assert_eq!(done(two.execute(stream, meta(0, Uuid::now_v7()), charge("5")).await).0, 3);
}

async fn a_long_stream_comes_back_from_its_snapshot(log: Arc<dyn Log>) {
    let settings = eventstore::ledger::WriterSettings { snapshot_every: 10, ..Default::default() };
    let ledger = Ledger::start_with(log.clone(), settings).await.unwrap();
    let stream = open(&ledger, 0, 1, "1000").await;
    for _ in 0..25 {
        done(ledger.execute(stream.clone(), meta(0, Uuid::now_v7()), charge("1")).await);
    }
    // Snapshots are written in the background.
    while log.snapshots(std::slice::from_ref(&stream)).await.unwrap().first().is_none_or(|s| s.version < 17) {
        tokio::task::yield_now().await;
    }
    let again = Ledger::start(log.clone()).await.unwrap();
    let loaded = again.load::<Account>(&stream).await.unwrap();
    assert_eq!((loaded.version, loaded.state.charged), (26, amount("25")));
    assert_eq!(done(again.execute(stream, meta(0, Uuid::now_v7()), charge("1")).await).0, 27);
    assert_eq!(ledger.load::<Account>(&account_stream(99)).await.unwrap().version, 0);
}

async fn time_never_goes_back_in_a_stream(log: Arc<dyn Log>) {
    let ledger = Ledger::start(log.clone()).await.unwrap();
    let stream = open(&ledger, 0, 1, "10").await;
    let mut earlier = meta(0, Uuid::now_v7());
    earlier.now = crate::support::at("2020-01-01T00:00:00Z");
    done(ledger.execute(stream, earlier, charge("1")).await);
    let events = log.read(0, 0, 10).await.unwrap();
    assert_eq!(events[1].occurred_at, events[0].occurred_at);
}

async fn doubles_of_a_denied_command_are_all_denied(log: Arc<dyn Log>) {
    let ledger = Ledger::start(log.clone()).await.unwrap();
    let stream = open(&ledger, 0, 1, "1").await;
    let key = Uuid::now_v7();
    let calls = (0..50).map(|_| ledger.execute::<Account>(stream.clone(), meta(0, key), charge("2")));
    for outcome in futures::future::join_all(calls).await {
        assert!(matches!(outcome, Ok(Err(AccountError::InsufficientFunds { .. }))), "{outcome:?}");
    }
    assert_eq!(log.head(0).await.unwrap().position, 1);
}

async fn a_stream_that_cannot_be_read_fails_alone(log: Arc<dyn Log>) {
    let ledger = Ledger::start(log.clone()).await.unwrap();
    let healthy = open(&ledger, 0, 1, "1").await;
    // Written by another program: its account cannot be made of it.
    let foreign = account_stream(2);
    log.append(0, &crate::support::batch(vec![crate::support::event(9, foreign.as_str(), 1)])).await.unwrap();
    let fresh = Ledger::start(log.clone()).await.unwrap();
    let (broken, fine) = tokio::join!(
        fresh.execute::<Account>(foreign, meta(0, Uuid::now_v7()), charge("1")),
        fresh.execute::<Account>(healthy, meta(0, Uuid::now_v7()), charge("1")),
    );
    assert!(matches!(broken, Err(ExecuteError::Store(eventstore::StoreError::Decode(_)))), "{broken:?}");
    assert_eq!(done(fine).0, 3);
}
