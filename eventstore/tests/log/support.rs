//! A fresh log for each test, and an aggregate small enough to reason about.

use std::sync::Arc;

use domain::account::command::Action;
use domain::account::{Account, AccountCommand};
use domain::charge::Usage;
use domain::ids::{CustomerId, OrganizationId};
use domain::money::{Amount, Currency};
use domain::{Aggregate, NewEvent, StreamId, Timestamp};
use eventstore::log::{Batch, Log};
use eventstore::memory::MemoryLog;
use eventstore::postgres::{PostgresLog, connect};
use eventstore::{CommandMeta, Ledger};
use sqlx::PgPool;
use uuid::Uuid;

/// Two partitions everywhere: what works with one only is wrong.
pub const PARTITIONS: i32 = 2;

/// A database of its own on the test server. `./dev test` starts it and sets the address.
pub async fn fresh_database() -> String {
    let server = std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL: run the tests with ./dev test");
    let (base, _) = server.rsplit_once('/').expect("a URL with a database");
    let url = format!("{base}/test_{}", Uuid::now_v7().simple());
    connect::migrate(&url, PARTITIONS).await.unwrap();
    url
}

pub async fn postgres() -> (PgPool, Arc<dyn Log>) {
    let pool = connect::pool(&fresh_database().await, 8).unwrap();
    (pool.clone(), Arc::new(PostgresLog::new(pool)))
}

pub fn memory() -> Arc<dyn Log> {
    Arc::new(MemoryLog::new(PARTITIONS))
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn organization() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(42))
}

/// An event of no particular meaning, for the port alone.
pub fn event(id: u128, stream: &str, version: i64) -> NewEvent {
    NewEvent {
        event_id: Uuid::from_u128(id),
        organization_id: organization(),
        stream_id: StreamId::from_stored(stream.to_owned()),
        version,
        event_type: "noted",
        schema: 1,
        occurred_at: at("2026-01-01T00:00:00.123456Z"),
        actor: "system:test".into(),
        request_digest: [7; 32],
        causation_id: Uuid::from_u128(id),
        correlation_id: Uuid::from_u128(id),
        payload: format!("{{\"id\":\"{id}\"}}").into_bytes(),
    }
}

pub fn batch(events: Vec<NewEvent>) -> Batch {
    let mut expected: Vec<(StreamId, i64)> = Vec::new();
    for event in &events {
        if !expected.iter().any(|(stream, _)| *stream == event.stream_id) {
            expected.push((event.stream_id.clone(), event.version - 1));
        }
    }
    let mut batch = Batch { events, expected, known_position: -1, ..Batch::default() };
    batch.seal();
    batch
}

pub fn meta(partition: i32, command_id: Uuid) -> CommandMeta {
    CommandMeta {
        command_id,
        organization_id: organization(),
        partition,
        actor: "system:test".into(),
        request_digest: [1; 32],
        causation_id: command_id,
        correlation_id: command_id,
        now: at("2026-01-01T00:00:00Z"),
    }
}

pub fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

pub fn account_stream(n: u128) -> StreamId {
    StreamId::new(Account::CATEGORY, CustomerId::new(Uuid::from_u128(n)))
}

pub fn command(action: Action) -> AccountCommand {
    AccountCommand { organization_id: organization(), action }
}

pub fn charge(text: &str) -> AccountCommand {
    command(Action::Charge {
        usage: vec![Usage::Flat { amount: amount(text) }],
        currency: None,
        used_at: None,
        description: None,
        metadata: Default::default(),
    })
}

/// Opens an account that may go post-paid up to a limit.
pub async fn open(ledger: &Ledger, partition: i32, n: u128, limit: &str) -> StreamId {
    let stream = account_stream(n);
    let open = Action::Open {
        customer_id: CustomerId::new(Uuid::from_u128(n)),
        currency: Currency::USD,
        postpaid_limit: amount(limit),
    };
    ledger.execute::<Account>(stream.clone(), meta(partition, Uuid::now_v7()), command(open)).await.unwrap().unwrap();
    stream
}
