//! Servers that die in the middle of it. After each of these: what was acknowledged is there as it
//! was acknowledged, and a retry of everything with the same keys makes each charge exactly once.

use async_nats::jetstream;
use futures::TryStreamExt;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::load::Load;
use crate::support::servers::{Nats, Postgres};
use crate::support::{Api, PARTITIONS, Position, Site, TestApp, caught_up, setting, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tollbook_is_killed_under_load() {
    const CHARGES: usize = 2_000;
    let mut app = TestApp::up().await;
    let load = Load::prepare(&app.api, 20, CHARGES).await;
    let api = app.api.clone();
    let kill = async {
        until("a third is acknowledged", async || (load.acknowledged() >= CHARGES / 3).then_some(())).await;
        app.kill();
    };
    let (first, ()) = tokio::join!(load.send(&api, 32), kill);
    assert!(load.acknowledged() < CHARGES, "it was killed in the middle");

    app.restart().await;
    let again = load.send(&app.api, 32).await;
    let highest = load.assert_each_once(&app.site, &app.api, &first, &again).await;
    caught_up(&app.api, highest).await;
    app.site.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_crashes_under_load() {
    const CHARGES: usize = 2_500;
    let postgres = Postgres::start().await;
    let app = TestApp::up_on(Site::on(&postgres.url(), &setting("TEST_NATS_URL"))).await;
    let api = &app.api;
    let load = Load::prepare(api, 20, CHARGES).await;
    let crash = async {
        until("some are acknowledged", async || (load.acknowledged() >= 300).then_some(())).await;
        postgres.crash().await;
    };
    let (mut first, ()) = tokio::join!(load.send(api, 16), crash);
    assert!(load.acknowledged() < CHARGES, "it crashed in the middle");

    // Nothing is acknowledged, and nothing is denied either.
    let last = first.last_mut().unwrap();
    assert!(last.is_none(), "the last charge is still to be sent");
    let while_away = load.send_last(api).await;
    while_away.unavailable();
    *last = Some(while_away);
    let readiness = until("/readyz knows", async || Some(api.get("/readyz").await).filter(|a| a.status == 503)).await;
    let readiness = readiness.json();
    assert_eq!(readiness["status"], "not_ready", "{readiness}");
    assert_ne!(readiness["checks"]["postgres"], "ok", "{readiness}");
    api.anonymous(reqwest::Method::GET, "/healthz").send().await.unwrap().error_for_status().unwrap();

    postgres.resume().await;
    until("/readyz is well again", async || Some(api.get("/readyz").await).filter(|a| a.status == 200)).await;
    let again = load.send(api, 16).await;
    let highest = load.assert_each_once(&app.site, api, &first, &again).await;
    caught_up(api, highest).await;
    app.site.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_is_stopped_and_loses_its_store() {
    let mut nats = Nats::start().await;
    let app = TestApp::up_on(Site::on(&setting("TEST_DATABASE_URL"), &nats.url())).await;
    let api = &app.api;
    let customer = api.funded("1000").await;
    charge_times(api, &customer, 60).await;
    let pool = app.site.pool();
    until("the copy is complete", async || copy_is_complete(&nats, &app.site, &pool).await.then_some(())).await;

    nats.kill();
    let degraded = until("/readyz knows", async || {
        Some(api.get("/readyz").await.json()).filter(|readiness| readiness["checks"]["nats"] != "ok")
    })
    .await;
    assert_eq!(degraded["status"], "degraded", "{degraded}");
    assert_eq!(degraded["checks"]["postgres"], "ok", "{degraded}");
    // Not in the way of any charge.
    assert_eq!(api.get("/readyz").await.status, 200);
    charge_times(api, &customer, 60).await;

    nats.delete_store();
    nats.resume().await;
    charge_times(api, &customer, 60).await;
    until("the copy is complete again", async || copy_is_complete(&nats, &app.site, &pool).await.then_some(())).await;
    until("/readyz is well again", async || {
        Some(api.get("/readyz").await.json()).filter(|readiness| readiness["status"] == "ready")
    })
    .await;
    assert_every_message(&nats, &app.site, &pool).await;

    let charge = api.charge(&customer, "1").await.done(201);
    caught_up(api, Position::of(&charge)).await;
    assert_eq!(app.site.events_count(Some("charged")).await, 181);
    app.site.assert_clean().await;
}

async fn charge_times(api: &Api, customer: &str, times: usize) {
    let charges = (0..times).map(|_| async { api.charge(customer, "1").await.done(201) });
    futures::future::join_all(charges).await;
}

/// The position that each partition's log ends at.
async fn heads(pool: &PgPool) -> Vec<(i32, i64)> {
    let heads: Vec<(i32, i64)> =
        sqlx::query_as("select partition, position from log_head order by partition").fetch_all(pool).await.unwrap();
    assert_eq!(heads.len(), usize::try_from(PARTITIONS).unwrap());
    heads
}

/// The stream of a partition; `None` while there is none.
async fn stream(nats: &Nats, site: &Site, partition: i32) -> Option<jetstream::stream::Stream> {
    let context = jetstream::new(async_nats::connect(nats.url()).await.ok()?);
    let names: Vec<String> = context.stream_names().try_collect().await.ok()?;
    let wanted = format!("{}_LEDGER_{partition}", site.nats_prefix);
    let name = names.into_iter().find(|name| name.eq_ignore_ascii_case(&wanted))?;
    context.get_stream(name).await.ok()
}

/// As many messages as events, from the first on, numbered alike.
async fn copy_is_complete(nats: &Nats, site: &Site, pool: &PgPool) -> bool {
    for (partition, position) in heads(pool).await {
        let position = u64::try_from(position).unwrap();
        let state = stream(nats, site, partition).await.map(|stream| stream.cached_info().state.clone());
        let complete = match state {
            Some(state) if position > 0 => {
                (state.first_sequence, state.last_sequence, state.messages) == (1, position, position)
            }
            Some(state) => state.messages == 0,
            // An empty partition needs no stream.
            None => position == 0,
        };
        if !complete {
            return false;
        }
    }
    true
}

/// Sequence = position, for every message, and what it holds is that event.
async fn assert_every_message(nats: &Nats, site: &Site, pool: &PgPool) {
    for (partition, head) in heads(pool).await.into_iter().filter(|(_, head)| *head > 0) {
        let stream = stream(nats, site, partition).await.expect("a stream");
        let events: Vec<(i64, String, String)> = sqlx::query_as(
            "select position, split_part(stream_id, ':', 1), event_type from events where partition = $1 order by position",
        )
        .bind(partition)
        .fetch_all(pool)
        .await
        .unwrap();
        assert_eq!(i64::try_from(events.len()).unwrap(), head);
        for (position, category, event_type) in events {
            let message = stream.get_raw_message(u64::try_from(position).unwrap()).await.unwrap();
            let event: Value = serde_json::from_slice(&message.payload).unwrap();
            assert_eq!(position_in(&event), position, "{event}");
            assert_eq!((&event["category"], &event["type"]), (&json!(category), &json!(event_type)), "{event}");
            let subject = message.subject.to_lowercase();
            let starts = format!("{}.ledger.{partition}.", site.nats_prefix);
            assert!(
                subject.starts_with(&starts) && subject.ends_with(&format!(".{category}.{event_type}")),
                "{subject}"
            );
        }
    }
}

/// In a message the partition may stand beside the position or before it.
fn position_in(event: &Value) -> i64 {
    match &event["position"] {
        Value::String(position) => position.rsplit(':').next().unwrap().parse().unwrap(),
        position => position.as_i64().unwrap_or_else(|| panic!("no position: {event}")),
    }
}
