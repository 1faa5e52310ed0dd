//! The log in Postgres: the truth. SQL of the log stands here and in `migrations/0001_log.sql`; the append itself
//! in `migrations/0006_append.sql`.

use std::time::Duration;

use async_trait::async_trait;
use domain::{RecordedEvent, StreamId};
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use uuid::Uuid;

use crate::StoreError;
use crate::log::{Appended, Batch, Head, Indexed, Log, Settled, Snapshot, assert_gapless};

pub mod connect;
mod rows;
pub use rows::EventFilter;
pub mod watch;

use rows::{append, find, snapshots, tails};

/// The log behind a pool of connections.
#[derive(Debug, Clone)]
pub struct PostgresLog {
    pool: PgPool,
    /// For appending.
    writing: PgPool,
}

impl PostgresLog {
    /// On this pool; the schema must be there (see [`connect::migrate`]).
    pub fn new(pool: PgPool) -> Self {
        Self { writing: connect::apart(&pool), pool }
    }
}

#[async_trait]
impl Log for PostgresLog {
    async fn partitions(&self) -> Result<Vec<i32>, StoreError> {
        Ok(sqlx::query_scalar!("select partition from log_head order by partition").fetch_all(&self.pool).await?)
    }

    async fn head(&self, partition: i32) -> Result<Head, StoreError> {
        let row = sqlx::query!("select position, chain, recorded_at from log_head where partition = $1", partition)
            .fetch_optional(&self.pool)
            .await?;
        let row = row.ok_or_else(|| StoreError::Corrupt(format!("the log has no partition {partition}")))?;
        Ok(Head { position: row.position, chain: row.chain, recorded_at: row.recorded_at })
    }

    async fn append(&self, partition: i32, batch: &Batch) -> Result<Appended, StoreError> {
        let mut connection = self.writing.acquire().await?;
        let appended = within(append(&mut connection, partition, batch)).await;
        close_unless_fine(&mut connection, &appended);
        appended
    }

    async fn settle(&self, partition: i32) -> Result<Box<dyn Settled>, StoreError> {
        let mut held = Held { connection: self.writing.acquire().await?, is_over: false };
        within(async {
            sqlx::raw_sql(BEGIN).execute(&mut *held.connection).await?;
            let row = sqlx::query_scalar!("select position from log_head where partition = $1 for update", partition)
                .fetch_optional(&mut *held.connection)
                .await?;
            let position = row.ok_or_else(|| StoreError::Corrupt(format!("the log has no partition {partition}")))?;
            Ok(position)
        })
        .await
        .map(|position| Box::new(SettledPostgres { partition, position, held }) as Box<dyn Settled>)
    }

    async fn snapshots(&self, streams: &[StreamId]) -> Result<Vec<Snapshot>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let found = within(snapshots(&mut connection, streams)).await;
        close_unless_fine(&mut connection, &found);
        found
    }

    async fn tails(&self, streams: &[(StreamId, i64)]) -> Result<Vec<RecordedEvent>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let found = within(tails(&mut connection, streams)).await;
        close_unless_fine(&mut connection, &found);
        found
    }

    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into snapshots as s (stream_id, version, state_version, last_time, state)
             values ($1, $2, $3, $4, $5)
             on conflict (stream_id) do update
             set version = excluded.version, state_version = excluded.state_version,
                 last_time = excluded.last_time, state = excluded.state
             where s.version < excluded.version or s.state_version <> excluded.state_version",
            snapshot.stream_id.as_str(),
            snapshot.version,
            snapshot.state_version,
            snapshot.last_time,
            snapshot.state,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn read(&self, partition: i32, after: i64, limit: i64) -> Result<Vec<RecordedEvent>, StoreError> {
        let events = rows::read(&mut *self.pool.acquire().await?, partition, after, limit).await?;
        assert_gapless(partition, after, &events)?;
        Ok(events)
    }

    async fn find(&self, event_ids: &[Uuid]) -> Result<Vec<RecordedEvent>, StoreError> {
        find(&mut *self.pool.acquire().await?, event_ids).await
    }

    async fn lookup(&self, kind: &str, key: &[u8]) -> Result<Option<Indexed>, StoreError> {
        let row = sqlx::query!(
            "select organization_id, partition, stream_id from stream_index where kind = $1 and key = $2",
            kind,
            key
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Indexed {
            organization_id: domain::ids::OrganizationId::new(row.organization_id),
            partition: row.partition,
            stream_id: StreamId::from_stored(row.stream_id),
        }))
    }
}

/// How long the log may take to answer a writer. A server that has gone without a word would else stop its
/// partition for good.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The other way round: a process that stands still while it holds the lock must not stop all others.
const BEGIN: &str = "begin; set local idle_in_transaction_session_timeout = '5s'";

async fn within<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = |_| StoreError::Unavailable(format!("no answer within {} s", ANSWER_WITHIN.as_secs()));
    tokio::time::timeout(ANSWER_WITHIN, work).await.map_err(late)?
}

/// Whatever is left of a statement that was given up must not meet the next one.
fn close_unless_fine<T>(connection: &mut PoolConnection<Postgres>, result: &Result<T, StoreError>) {
    if matches!(result, Err(StoreError::Unavailable(_))) {
        connection.close_on_drop();
    }
}

/// A connection with a transaction that holds the lock of `log_head`. Unless that was ended in good order the
/// connection is closed with it: then the lock is given back whatever state it is in.
struct Held {
    connection: PoolConnection<Postgres>,
    is_over: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_over {
            self.connection.close_on_drop();
        }
    }
}

struct SettledPostgres {
    partition: i32,
    position: i64,
    held: Held,
}

#[async_trait]
impl Settled for SettledPostgres {
    fn position(&self) -> i64 {
        self.position
    }

    async fn find(&mut self, event_ids: &[Uuid]) -> Result<Vec<RecordedEvent>, StoreError> {
        within(find(&mut self.held.connection, event_ids)).await
    }

    async fn snapshots(&mut self, streams: &[StreamId]) -> Result<Vec<Snapshot>, StoreError> {
        within(snapshots(&mut self.held.connection, streams)).await
    }

    async fn tails(&mut self, streams: &[(StreamId, i64)]) -> Result<Vec<RecordedEvent>, StoreError> {
        within(tails(&mut self.held.connection, streams)).await
    }

    async fn finish(mut self: Box<Self>, batch: &Batch) -> Result<Option<Appended>, StoreError> {
        let Self { partition, held, .. } = self.as_mut();
        let finished = within(async {
            if batch.events.is_empty() {
                // Nothing was written: rolling back needs no fsync.
                sqlx::raw_sql("ROLLBACK").execute(&mut *held.connection).await?;
                return Ok(None);
            }
            let appended = append(&mut held.connection, *partition, batch).await?;
            sqlx::raw_sql("COMMIT").execute(&mut *held.connection).await?;
            Ok(Some(appended))
        })
        .await;
        self.held.is_over = finished.is_ok();
        finished
    }
}

/// The id that names this log, for copies of it elsewhere.
pub async fn log_id(pool: &PgPool) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar!("select log_id from log_identity").fetch_one(pool).await?.to_string())
}
