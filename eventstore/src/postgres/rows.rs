//! The statements of the log, on whatever connection or transaction they are to run.

use domain::ids::OrganizationId;
use domain::{RecordedEvent, StreamId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StoreError;
use crate::log::{Appended, Batch, Snapshot};

/// A row of `events`, as Postgres gives it.
pub(crate) struct EventRow {
    position: i64,
    version: i64,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    event_id: Uuid,
    organization_id: Uuid,
    causation_id: Uuid,
    correlation_id: Uuid,
    partition: i32,
    schema: i16,
    stream_id: String,
    event_type: String,
    actor: String,
    request_digest: Vec<u8>,
    digest: Vec<u8>,
    payload: Vec<u8>,
}

impl From<EventRow> for RecordedEvent {
    fn from(row: EventRow) -> Self {
        Self {
            partition: row.partition,
            position: row.position,
            event_id: row.event_id,
            organization_id: OrganizationId::new(row.organization_id),
            stream_id: StreamId::from_stored(row.stream_id),
            version: row.version,
            event_type: row.event_type,
            schema: row.schema,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            actor: row.actor,
            request_digest: row.request_digest,
            causation_id: row.causation_id,
            correlation_id: row.correlation_id,
            payload: row.payload,
            digest: row.digest,
        }
    }
}

fn events(rows: Vec<EventRow>) -> Vec<RecordedEvent> {
    rows.into_iter().map(RecordedEvent::from).collect()
}

pub(super) async fn append(
    connection: &mut PgConnection,
    partition: i32,
    batch: &Batch,
) -> Result<Appended, StoreError> {
    let of = &batch.events;
    let event_ids: Vec<Uuid> = of.iter().map(|e| e.event_id).collect();
    let organization_ids: Vec<Uuid> = of.iter().map(|e| e.organization_id.uuid()).collect();
    let stream_ids: Vec<&str> = of.iter().map(|e| e.stream_id.as_str()).collect();
    let versions: Vec<i64> = of.iter().map(|e| e.version).collect();
    let event_types: Vec<&str> = of.iter().map(|e| e.event_type).collect();
    let schemas: Vec<i16> = of.iter().map(|e| e.schema).collect();
    let occurred_at: Vec<Timestamp> = of.iter().map(|e| e.occurred_at).collect();
    let actors: Vec<&str> = of.iter().map(|e| e.actor.as_str()).collect();
    let request_digests: Vec<&[u8]> = of.iter().map(|e| e.request_digest.as_slice()).collect();
    let causation_ids: Vec<Uuid> = of.iter().map(|e| e.causation_id).collect();
    let correlation_ids: Vec<Uuid> = of.iter().map(|e| e.correlation_id).collect();
    let payloads: Vec<&[u8]> = of.iter().map(|e| e.payload.as_slice()).collect();
    let digests: Vec<&[u8]> = batch.digests.iter().map(<[u8; 32]>::as_slice).collect();
    let check_streams: Vec<&str> = batch.expected.iter().map(|(stream, _)| stream.as_str()).collect();
    let check_versions: Vec<i64> = batch.expected.iter().map(|(_, version)| *version).collect();
    let index_kinds: Vec<&str> = batch.index.iter().map(|i| i.kind).collect();
    let index_keys: Vec<&[u8]> = batch.index.iter().map(|i| i.key.as_slice()).collect();
    let index_streams: Vec<&str> = batch.index.iter().map(|i| i.stream_id.as_str()).collect();
    let index_organizations: Vec<Uuid> = batch.index.iter().map(|i| i.organization_id.uuid()).collect();
    let watched: Vec<Uuid> = batch.watched.iter().map(|id| id.uuid()).collect();
    let row = sqlx::query!(
        r#"select first_position, appended_at as "appended_at!", appended as "appended!", conflicts as "conflicts!"
        from append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
            $21, $22)"#,
        partition,
        batch.known_position,
        &event_ids,
        &organization_ids,
        &stream_ids as _,
        &versions,
        &event_types as _,
        &schemas,
        &occurred_at,
        &actors as _,
        &request_digests as _,
        &causation_ids,
        &correlation_ids,
        &payloads as _,
        &digests as _,
        &check_streams as _,
        &check_versions,
        &index_kinds as _,
        &index_keys as _,
        &index_streams as _,
        &index_organizations,
        &watched,
    )
    .fetch_one(connection)
    .await?;
    Ok(Appended {
        first_position: row.first_position,
        count: row.appended,
        recorded_at: row.appended_at,
        conflicts: row.conflicts.into_iter().map(StreamId::from_stored).collect(),
    })
}

pub(super) async fn snapshots(
    connection: &mut PgConnection,
    streams: &[StreamId],
) -> Result<Vec<Snapshot>, StoreError> {
    let names: Vec<&str> = streams.iter().map(StreamId::as_str).collect();
    let rows = sqlx::query!(
        "select stream_id, version, state_version, last_time, state from snapshots where stream_id = any($1)",
        &names as _
    )
    .fetch_all(connection)
    .await?;
    let snapshots = rows.into_iter().map(|row| Snapshot {
        stream_id: StreamId::from_stored(row.stream_id),
        version: row.version,
        state_version: row.state_version,
        last_time: row.last_time,
        state: row.state,
    });
    Ok(snapshots.collect())
}

pub(super) async fn tails(
    connection: &mut PgConnection,
    streams: &[(StreamId, i64)],
) -> Result<Vec<RecordedEvent>, StoreError> {
    let names: Vec<&str> = streams.iter().map(|(name, _)| name.as_str()).collect();
    let after: Vec<i64> = streams.iter().map(|(_, version)| *version).collect();
    let rows = sqlx::query_as!(
        EventRow,
        "select e.position, e.version, e.occurred_at, e.recorded_at, e.event_id, e.organization_id, e.causation_id,
             e.correlation_id, e.partition, e.schema, e.stream_id, e.event_type, e.actor, e.request_digest, e.digest,
             e.payload
         from unnest($1::text[], $2::bigint[]) as s (stream_id, version)
         cross join lateral (
             select * from events where stream_id = s.stream_id and version > s.version order by version
         ) e
         order by e.stream_id, e.version",
        &names as _,
        &after
    )
    .fetch_all(connection)
    .await?;
    Ok(events(rows))
}

pub(super) async fn read(
    connection: &mut PgConnection,
    partition: i32,
    after: i64,
    limit: i64,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let rows = sqlx::query_as!(
        EventRow,
        "select position, version, occurred_at, recorded_at, event_id, organization_id, causation_id, correlation_id,
             partition, schema, stream_id, event_type, actor, request_digest, digest, payload
         from events where partition = $1 and position > $2 order by position limit $3",
        partition,
        after,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(events(rows))
}

pub(super) async fn find(connection: &mut PgConnection, event_ids: &[Uuid]) -> Result<Vec<RecordedEvent>, StoreError> {
    let rows = sqlx::query_as!(
        EventRow,
        "select position, version, occurred_at, recorded_at, event_id, organization_id, causation_id, correlation_id,
             partition, schema, stream_id, event_type, actor, request_digest, digest, payload
         from events where event_id = any($1)",
        event_ids
    )
    .fetch_all(connection)
    .await?;
    Ok(events(rows))
}

impl super::PostgresLog {
    /// The rows from one position to another, as they are, with whatever holes.
    pub async fn read_between(&self, partition: i32, first: i64, last: i64) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows = sqlx::query_as!(
            EventRow,
            "select position, version, occurred_at, recorded_at, event_id, organization_id, causation_id,
                 correlation_id, partition, schema, stream_id, event_type, actor, request_digest, digest, payload
             from events where partition = $1 and position between $2 and $3 order by position",
            partition,
            first,
            last
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(events(rows))
    }
}

/// Which events of an organization are wanted.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only of these streams.
    pub streams: Option<Vec<String>>,
    /// Only of this category.
    pub category: Option<String>,
    /// Only of these types.
    pub event_types: Option<Vec<String>>,
    /// Newest first instead of oldest first; `after` is then `before`.
    pub newest_first: bool,
}

impl super::PostgresLog {
    /// Events of a stream after a version, oldest first, at most `limit`.
    pub async fn page_of_stream(
        &self,
        stream_id: &StreamId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows = sqlx::query_as!(
            EventRow,
            "select position, version, occurred_at, recorded_at, event_id, organization_id, causation_id,
                 correlation_id, partition, schema, stream_id, event_type, actor, request_digest, digest, payload
             from events where stream_id = $1 and version > $2 order by version limit $3",
            stream_id.as_str(),
            after,
            limit
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(events(rows))
    }
}

impl super::PostgresLog {
    /// The events of one organization after (or before) a position, filtered, at most `limit`.
    pub async fn events_of(
        &self,
        organization_id: OrganizationId,
        cursor: i64,
        limit: i64,
        filter: &EventFilter,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows = match &filter.streams {
            Some(streams) => self.of_streams(organization_id, streams, cursor, limit, filter).await?,
            None => {
                sqlx::query_as!(
                    EventRow,
                    "select position, version, occurred_at, recorded_at, event_id, organization_id, causation_id,
                         correlation_id, partition, schema, stream_id, event_type, actor, request_digest, digest, payload
                     from events
                     where organization_id = $1 and position > $2
                       and ($4::text is null or split_part(stream_id, ':', 1) = $4)
                       and ($5::text[] is null or event_type = any($5))
                     order by position limit $3",
                    organization_id.uuid(),
                    cursor,
                    limit,
                    filter.category,
                    filter.event_types.as_deref(),
                )
                .fetch_all(&self.pool)
                .await?
            }
        };
        Ok(events(rows))
    }

    async fn of_streams(
        &self,
        organization_id: OrganizationId,
        streams: &[String],
        cursor: i64,
        limit: i64,
        filter: &EventFilter,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows = if filter.newest_first {
            sqlx::query_as!(
                EventRow,
                "select position, version, occurred_at, recorded_at, event_id, organization_id, causation_id,
                     correlation_id, partition, schema, stream_id, event_type, actor, request_digest, digest, payload
                 from events
                 where stream_id = any($1) and organization_id = $2 and position < $3
                   and ($5::text[] is null or event_type = any($5))
                 order by version desc limit $4",
                streams,
                organization_id.uuid(),
                cursor,
                limit,
                filter.event_types.as_deref(),
            )
            .fetch_all(&self.pool)
            .await?
        } else {
            sqlx::query_as!(
                EventRow,
                "select position, version, occurred_at, recorded_at, event_id, organization_id, causation_id,
                     correlation_id, partition, schema, stream_id, event_type, actor, request_digest, digest, payload
                 from events
                 where stream_id = any($1) and organization_id = $2 and position > $3
                   and ($5::text is null or split_part(stream_id, ':', 1) = $5)
                   and ($6::text[] is null or event_type = any($6))
                 order by position limit $4",
                streams,
                organization_id.uuid(),
                cursor,
                limit,
                filter.category,
                filter.event_types.as_deref(),
            )
            .fetch_all(&self.pool)
            .await?
        };
        Ok(rows)
    }
}
