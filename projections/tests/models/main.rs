//! Tests of the read models on a real Postgres: exactly once, in whatever batches, or not at all.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod chain_back;
mod exact_payments;
mod gateway_keys;
mod keys;
mod payments;
mod plan_quotas;
mod reconciliation;
mod session_keys;
mod support;

use std::sync::Arc;
use std::time::Duration;

use projections::runner::{Feed, Runner};
use projections::{Decoded, ProjectionError, checkpoint, rebuild, reconcile};
use rust_decimal::Decimal;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use support::{Bench, fill, garble};

/// The rows of every table of every read model, in an order that does not depend on their making.
async fn contents(bench: &Bench) -> Vec<(String, i64, String)> {
    let mut found = Vec::new();
    for projection in projections::all() {
        for table in projection.tables() {
            let statement = format!(
                "select count(*), coalesce(string_agg(t::text, e'\\n' order by t::text), '') from {}.{table} t",
                projection.schema()
            );
            let (count, rows): (i64, String) =
                sqlx::query_as(sqlx::AssertSqlSafe(statement)).fetch_one(&bench.pool).await.unwrap();
            found.push(((*table).to_owned(), count, rows));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_the_log_is_cut_the_rows_are_the_same() {
    let whole = Bench::new().await;
    fill(&whole.ledger).await;
    whole.apply_all(10_000).await;
    let expected = contents(&whole).await;
    // Those of billing are filled, rebuilt and compared in tests/system/billing_replay.rs.
    let is_filled_elsewhere = |table: &str| table == "directory_api_keys" || table.starts_with("billing_");
    assert!(expected.iter().all(|(table, count, _)| *count > 0 || is_filled_elsewhere(table)), "{expected:?}");
    for size in [1, 2, 3, 7] {
        whole.wipe().await;
        whole.apply_all(size).await;
        assert_eq!(contents(&whole).await, expected, "batches of {size}");
    }
    for seed in 1..=6 {
        whole.wipe().await;
        whole.apply_cut_anyhow(seed).await;
        assert_eq!(contents(&whole).await, expected, "cuts of seed {seed}");
    }
    assert_eq!(reconcile::reconcile(&whole.pool, &whole.log).await.unwrap().differences, vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_delivered_twice_counts_once() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    let mut runners = Vec::new();
    let cancel = CancellationToken::new();
    let feed = Feed::new(64);
    let pool = bench.another_pool();
    // Two runners for everything, as if two processes both thought they lead.
    for _ in 0..2 {
        let turn = Arc::new(Semaphore::new(1));
        for projection in projections::all() {
            let runner = Runner {
                projection,
                partition: 0,
                pool: pool.clone(),
                log: bench.log.clone(),
                feed: feed.subscribe(),
                turn: turn.clone(),
            };
            runners.push(tokio::spawn(runner.run(cancel.clone())));
        }
    }
    let events = bench.log.read(0, 0, 1_000).await.unwrap();
    let decoded: Vec<_> = events.into_iter().map(Decoded::new).collect();
    // Everything twice, with gaps, and out of order.
    for chunk in decoded.chunks(3).rev().chain(decoded.chunks(5)) {
        feed.send(Arc::new(chunk.to_vec())).unwrap();
    }
    bench.caught_up().await;
    cancel.cancel();
    for runner in runners {
        runner.await.unwrap();
    }
    pool.close().await;
    assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
    let (postings,): (i64,) =
        sqlx::query_as("select count(*) from journal_v1.journal_postings").fetch_one(&bench.pool).await.unwrap();
    let live = contents(&bench).await;
    bench.wipe().await;
    bench.apply_all(10_000).await;
    assert_eq!(contents(&bench).await, live);
    assert!(postings > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_event_halts_and_is_not_skipped() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    let head = bench.log.head(0).await.unwrap().position;
    let poison = head / 2;
    let whole = garble(&bench.pool, poison).await;
    let cancel = CancellationToken::new();
    let feed = Feed::new(4);
    let runner = Runner {
        projection: Arc::new(projections::journal::Journal),
        partition: 0,
        pool: bench.pool.clone(),
        log: bench.log.clone(),
        feed: feed.subscribe(),
        turn: Arc::new(Semaphore::new(1)),
    };
    let running = tokio::spawn(runner.run(cancel.clone()));
    let halted = bench.until(async |all| all.iter().find_map(|c| c.halted.clone().map(|why| (c.position, why)))).await;
    assert_eq!(halted.0, poison - 1, "everything before it is there: {halted:?}");
    assert!(halted.1.contains(&format!("before position {poison}")), "{halted:?}");
    // Repaired, it goes on by itself, and nothing is missing.
    support::mend(&bench.pool, poison, whole).await;
    bench.until(async |all| all.iter().find(|c| c.position == head && c.halted.is_none()).map(|_| ())).await;
    cancel.cancel();
    running.await.unwrap();
    let (sum,): (Decimal,) = sqlx::query_as("select sum(debits) - sum(credits) from journal_v1.journal_balances")
        .fetch_one(&bench.pool)
        .await
        .unwrap();
    assert_eq!(sum, Decimal::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_checkpoint_changes_nothing() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    bench.apply_all(10_000).await;
    let before = contents(&bench).await;
    let mut connection = bench.pool.acquire().await.unwrap();
    let name = checkpoint::live_name(&projections::journal::Journal);
    let moved = checkpoint::advance(&mut connection, &name, 0, 3, 4).await;
    assert!(matches!(moved, Err(ProjectionError::Overtaken)), "{moved:?}");
    assert_eq!(contents(&bench).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_is_identical_and_a_difference_is_shown() {
    let bench = Bench::new().await;
    fill(&bench.ledger).await;
    bench.apply_all(2).await;
    for projection in projections::all() {
        let rebuilt = rebuild::rebuild(&bench.pool, &bench.log, projection.as_ref(), false).await.unwrap();
        assert!(rebuilt.identical() && rebuilt.swapped, "{rebuilt:?}");
    }
    sqlx::query("update statement_v1.statements set total = total + 1").execute(&bench.pool).await.unwrap();
    let statement = projections::statement::MonthlyStatement;
    let rebuilt = rebuild::rebuild(&bench.pool, &bench.log, &statement, false).await.unwrap();
    assert!(!rebuilt.identical() && !rebuilt.swapped, "{rebuilt:?}");
    assert_ne!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
    let rebuilt = rebuild::rebuild(&bench.pool, &bench.log, &statement, true).await.unwrap();
    assert!(rebuilt.swapped, "{rebuilt:?}");
    assert_eq!(reconcile::reconcile(&bench.pool, &bench.log).await.unwrap().differences, vec![]);
}

/// How long a condition may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);
