//! The log in Postgres: the truth. SQL of the log stands here and in `migrations/0001_log.sql`.

use async_trait::async_trait;
use domain::{RecordedEvent, StreamId};
use sqlx::{PgPool, Postgres, Transaction};
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
}

impl PostgresLog {
    /// On this pool; the schema must be there (see [`connect::migrate`]).
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
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
        append(&mut *self.pool.acquire().await?, partition, batch).await
    }

    async fn settle(&self, partition: i32) -> Result<Box<dyn Settled>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query_scalar!("select position from log_head where partition = $1 for update", partition)
            .fetch_optional(&mut *transaction)
            .await?;
        let position = row.ok_or_else(|| StoreError::Corrupt(format!("the log has no partition {partition}")))?;
        Ok(Box::new(SettledPostgres { partition, position, transaction }))
    }

    async fn snapshots(&self, streams: &[StreamId]) -> Result<Vec<Snapshot>, StoreError> {
        snapshots(&mut *self.pool.acquire().await?, streams).await
    }

    async fn tails(&self, streams: &[(StreamId, i64)]) -> Result<Vec<RecordedEvent>, StoreError> {
        tails(&mut *self.pool.acquire().await?, streams).await
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

/// A transaction that holds the lock of `log_head`.
struct SettledPostgres {
    partition: i32,
    position: i64,
    transaction: Transaction<'static, Postgres>,
}

#[async_trait]
impl Settled for SettledPostgres {
    fn position(&self) -> i64 {
        self.position
    }

    async fn find(&mut self, event_ids: &[Uuid]) -> Result<Vec<RecordedEvent>, StoreError> {
        find(&mut self.transaction, event_ids).await
    }

    async fn snapshots(&mut self, streams: &[StreamId]) -> Result<Vec<Snapshot>, StoreError> {
        snapshots(&mut self.transaction, streams).await
    }

    async fn tails(&mut self, streams: &[(StreamId, i64)]) -> Result<Vec<RecordedEvent>, StoreError> {
        tails(&mut self.transaction, streams).await
    }

    async fn finish(mut self: Box<Self>, batch: &Batch) -> Result<Option<Appended>, StoreError> {
        if batch.events.is_empty() {
            // Nothing was written: rolling back needs no fsync.
            self.transaction.rollback().await?;
            return Ok(None);
        }
        let appended = append(&mut self.transaction, self.partition, batch).await?;
        self.transaction.commit().await?;
        Ok(Some(appended))
    }
}

/// The id that names this log, for copies of it elsewhere.
pub async fn log_id(pool: &PgPool) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar!("select log_id from log_identity").fetch_one(pool).await?.to_string())
}
