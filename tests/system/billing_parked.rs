//! A customer whose stream cannot be read: the bills of the others are made, and its own once it is put right.

use serde_json::json;
use sqlx::PgPool;

use crate::support::api::text;
use crate::support::subscriptions::{path_of, publish_basic, settled, subscribe};
use crate::support::{Api, Position, Process, Server, Site, caught_up, until};

/// The first byte of the event that made a customer.
async fn set_first_byte(pool: &PgPool, customer: &str, byte: i32) {
    for statement in [
        "alter table events disable trigger events_append_only",
        "update events set payload = set_byte(payload, 0, $2) where stream_id = $1 and event_type = 'created'",
        "alter table events enable trigger all",
    ] {
        let query = sqlx::query(statement);
        let is_update = statement.starts_with("update");
        let query = if is_update { query.bind(format!("customer:{customer}")).bind(byte) } else { query };
        let result = query.execute(pool).await.unwrap();
        assert!(!is_update || result.rows_affected() == 1);
    }
}

async fn subscriber(api: &Api) -> (String, serde_json::Value) {
    let body = json!({ "postpaid_limit": "1000" });
    let customer = text(&api.post("/v1/customers", &body).await.done(201)["id"]).to_owned();
    let subscription = subscribe(api, &customer, "basic", json!({})).await;
    (customer, subscription)
}

#[tokio::test]
async fn one_that_cannot_be_read_stops_no_other() {
    let site = Site::new();
    site.tollbook(&["migrate"], &[]).await.expect_code(0);
    let key = site.organization("Billed").await;
    let server = Server::start(&site).await;
    let api = Api::new(&server.url, &key);
    let _others = Process::start(&site, &["work", "--only", "relay,projections,sweep"]);
    publish_basic(&api).await;
    let (broken, its) = subscriber(&api).await;
    let (_, first) = subscriber(&api).await;
    // Whoever else reads the log has read it before it is changed.
    caught_up(&api, Position::of(&first)).await;
    let pool = site.pool();
    set_first_byte(&pool, &broken, i32::from(b'x')).await;

    let _billing = Process::start(&site, &["work", "--only", "billing"]);
    settled(&api, &first).await;
    let parked = until("it is parked", async || {
        Some(site.tollbook(&["billing", "parked"], &[]).await).filter(|output| output.code == Some(1))
    })
    .await;
    let line = parked.stdout.lines().find(|line| line.starts_with("evt_")).expect("a parked event");
    assert!(line.contains(&broken), "{line}");
    let event = line.split(' ').next().unwrap();
    // The others' bills go on, and its own wait.
    let (_, second) = subscriber(&api).await;
    settled(&api, &second).await;
    assert!(!api.get(&path_of(&its)).await.done(200)["open_bill"].is_null());
    site.tollbook(&["billing", "retry", event], &[]).await.expect_code(1);

    set_first_byte(&pool, &broken, i32::from(b'{')).await;
    site.tollbook(&["billing", "retry", event], &[]).await.expect_code(0);
    settled(&api, &its).await;
    site.tollbook(&["billing", "parked"], &[]).await.expect_code(0);
    let unknown = "evt_00000000000000000000000000";
    site.tollbook(&["billing", "retry", unknown], &[]).await.expect_code(1);
    // Nothing was done twice.
    site.tollbook(&["billing", "retry", event], &[]).await.expect_code(0);
    site.assert_clean().await;
}
