//! Postgres is killed, and has no room left, while charges are made: whoever goes on asking with the same keys gets
//! each charge, once.

use crate::support::after::assert_whole;
use crate::support::load::Load;
use crate::support::servers::Postgres;
use crate::support::{Site, TestApp, setting, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_killed_under_load() {
    const CHARGES: usize = 2_000;
    const KILLS: usize = 3;
    let postgres = Postgres::start().await;
    let app = TestApp::up_on(Site::on(&postgres.url(), &setting("TEST_NATS_URL"))).await;
    let api = &app.api;
    let load = Load::prepare(api, 20, CHARGES).await;
    let killing = async {
        for kill in 0..KILLS {
            let enough = (kill + 1) * CHARGES / (KILLS + 2);
            until("more is acknowledged", async || (load.acknowledged() >= enough).then_some(())).await;
            if kill == 0 {
                // It ends all others then, and comes back by itself.
                postgres.kill_session().await;
            } else {
                postgres.kill().await;
                postgres.resume().await;
            }
        }
        assert!(load.acknowledged() < CHARGES, "it was killed in the middle");
    };
    let (first, ()) = tokio::join!(load.insist([api], 16), killing);

    let again = load.insist([api], 16).await;
    let highest = load.assert_each_once(&app.site, api, &first, &again).await;
    assert_whole(&app.site, api, highest).await;
}

/// The disk is full for whoever wants to make a file longer than some limit: Postgres has the same error from
/// the system as on a real one, at the same places. Only Linux can change that for a process that runs.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_is_full() {
    const CHARGES: usize = 2_000;
    const PAGE: u64 = 8_192;
    /// A piece of the write-ahead log, which has its full length from the start: less than that stops all of Postgres.
    const SEGMENT: u64 = 1 << 20;
    let postgres = Postgres::start_with(&["--wal-segsize=1"]).await;
    let app = TestApp::up_on(Site::on(&postgres.url(), &setting("TEST_NATS_URL"))).await;
    let api = &app.api;
    let load = Load::prepare_with(api, 20, CHARGES, Some("x".repeat(200).as_str())).await;
    let pool = app.site.pool();
    let filling = async {
        let length = until("the log is longer than a piece of the write-ahead log", async || {
            let length: i64 = sqlx::query_scalar("select pg_relation_size('events')").fetch_one(&pool).await.unwrap();
            u64::try_from(length).ok().filter(|length| *length > SEGMENT)
        })
        .await;
        // Some pages more and half a one: of that the system takes the first half.
        postgres.limit_files(Some(length + 12 * PAGE + PAGE / 2)).await;
    };
    let (first, ()) = tokio::join!(load.send(api, 8), filling);
    let done = load.acknowledged();
    assert!(done < CHARGES, "there was room for all of it");
    let refused = first.iter().flatten().filter(|answer| answer.status == 503).count();
    assert_eq!(refused, 8, "every sender has come to the end of the disk");
    assert!(app.log().contains("could not extend file"), "it was something else that failed");
    assert_eq!(app.site.events_count(Some("charged")).await, i64::try_from(done).unwrap());
    // What needs no room goes on.
    assert_eq!(api.get("/readyz").await.status, 200);

    postgres.limit_files(None).await;
    let again = load.insist([api], 8).await;
    let highest = load.assert_each_once(&app.site, api, &first, &again).await;
    assert_whole(&app.site, api, highest).await;
}
