//! What only a database can promise: nobody changes the log, and if they do it shows.

use eventstore::verify::verify;
use sqlx::PgPool;

use crate::support::{batch, event, postgres};

async fn filled() -> PgPool {
    let (pool, log) = postgres().await;
    for n in 0..4u128 {
        let (a, b) = (event(n * 2 + 1, "a:1", n as i64 + 1), event(n * 2 + 2, &format!("b:{n}"), 1));
        log.append(0, &batch(vec![a, b])).await.unwrap();
    }
    pool
}

async fn run(pool: &PgPool, statement: &'static str) -> Result<u64, sqlx::Error> {
    sqlx::query(statement).execute(pool).await.map(|done| done.rows_affected())
}

async fn tampered(statement: &'static str) -> Vec<(i64, String)> {
    let pool = filled().await;
    run(&pool, "alter table events disable trigger all").await.unwrap();
    run(&pool, "alter table log_batches disable trigger all").await.unwrap();
    assert!(run(&pool, statement).await.unwrap() > 0, "{statement}");
    verify(&pool, 0).await.unwrap().findings.into_iter().map(|f| (f.position, f.what)).collect()
}

#[tokio::test]
async fn the_database_refuses_changes() {
    let pool = filled().await;
    for statement in [
        "update events set actor = 'x'",
        "delete from events where position = 8",
        "truncate events",
        "update log_batches set chain = ''",
        "delete from log_batches",
        "truncate log_batches",
    ] {
        let refused = run(&pool, statement).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
    }
    let verified = verify(&pool, 0).await.unwrap();
    assert_eq!((verified.events, verified.batches, verified.findings), (8, 4, vec![]));
    assert_eq!(verify(&pool, 1).await.unwrap().events, 0);
}

#[tokio::test]
async fn one_changed_byte_is_named() {
    let found = tampered("update events set payload = set_byte(payload, 2, 120) where position = 3").await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == 3 && found[0].1.contains("was changed"), "{found:?}");
}

#[tokio::test]
async fn a_changed_digest_breaks_the_chain_of_its_batch() {
    let found = tampered("update events set digest = sha256(payload) where position = 5").await;
    assert!(found[0].0 == 5, "{found:?}");
}

#[tokio::test]
async fn a_missing_last_row_is_named() {
    let found = tampered("delete from events where position = 8").await;
    assert!(found[0].0 == 8 && found[0].1.contains("missing"), "{found:?}");
}

#[tokio::test]
async fn a_missing_last_batch_is_named() {
    let pool = filled().await;
    run(&pool, "alter table events disable trigger all").await.unwrap();
    run(&pool, "alter table log_batches disable trigger all").await.unwrap();
    run(&pool, "delete from events where position > 6").await.unwrap();
    run(&pool, "delete from log_batches where last_position > 6").await.unwrap();
    let found = verify(&pool, 0).await.unwrap().findings;
    assert!(found[0].position == 7 && found[0].what.contains("its head says 8"), "{found:?}");
}

#[tokio::test]
async fn a_missing_middle_row_and_an_added_one_are_named() {
    let found = tampered("delete from events where position = 4").await;
    assert!(found[0].0 == 4 && found[0].1.contains("missing"), "{found:?}");
    let found = tampered(
        "insert into events select 9, 2, occurred_at, recorded_at, gen_random_uuid(), organization_id, causation_id,
         correlation_id, partition, schema, stream_id, event_type, actor, request_digest, digest, payload
         from events where position = 8",
    )
    .await;
    assert!(found[0].0 == 9 && found[0].1.contains("beyond the head"), "{found:?}");
}

#[tokio::test]
async fn a_reader_halts_at_a_hole() {
    let (pool, log) = postgres().await;
    for n in 1..=3u128 {
        log.append(0, &batch(vec![event(n, &format!("a:{n}"), 1)])).await.unwrap();
    }
    run(&pool, "alter table events disable trigger all").await.unwrap();
    run(&pool, "delete from events where position = 2").await.unwrap();
    let error = log.read(0, 0, 10).await.unwrap_err();
    assert!(error.to_string().contains("expected position 2, found 3"), "{error}");
}
