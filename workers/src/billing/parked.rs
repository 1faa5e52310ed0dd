//! Events of which not all that follows could be done: a step was denied, or a stream or the event itself cannot be read.
//! They are kept until a person has put right what is wrong, and has them tried again. Trying is harmless: what was done
//! is not done a second time, since each step has the id that follows from the event.

use std::sync::Arc;

use domain::billing;
use domain::ids::{CustomerId, EventId};
use domain::{LedgerEvent, RecordedEvent, Timestamp};
use eventstore::{ExecuteError, StoreError, clock};
use sqlx::PgPool;
use uuid::Uuid;

use super::process::{NAME, Process, is_weather};
use crate::Context;

/// A parked event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Which.
    pub event_id: Uuid,
    /// Where it stands.
    pub partition: i32,
    /// Where in that.
    pub position: i64,
    /// Whose.
    pub organization_id: Uuid,
    /// Whom it concerns, if that is known.
    pub customer_id: Option<Uuid>,
    /// Why not all could be done.
    pub error: String,
    /// When it was tried last.
    pub parked_at: Timestamp,
}

/// What came of another try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// All that follows was done.
    Done,
    /// It was not, for this reason: it stays parked.
    StillParked(String),
    /// The log has no such event.
    NoSuchEvent,
}

/// Parks an event; one that is parked already has another reason now.
pub(super) async fn park(
    pool: &PgPool,
    recorded: &RecordedEvent,
    customer_id: Option<Uuid>,
    error: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into process_parked (name, event_id, partition, position, organization_id, customer_id, error, parked_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (name, event_id) do update set error = excluded.error, parked_at = excluded.parked_at",
        NAME,
        recorded.event_id,
        recorded.partition,
        recorded.position,
        recorded.organization_id.uuid(),
        customer_id,
        error,
        clock::now()
    )
    .execute(pool)
    .await?;
    count(pool, recorded.partition).await
}

/// Says in the metrics how many are parked.
pub(super) async fn count(pool: &PgPool, partition: i32) -> Result<(), StoreError> {
    let parked = sqlx::query_scalar!(
        r#"select count(*) as "count!" from process_parked where name = $1 and partition = $2"#,
        NAME,
        partition
    )
    .fetch_one(pool)
    .await?;
    metrics::gauge!("tollbook_billing_parked", "partition" => partition.to_string()).set(parked as f64);
    Ok(())
}

/// All that are parked, in the order of the log.
pub async fn list(pool: &PgPool) -> Result<Vec<Parked>, StoreError> {
    let rows = sqlx::query_as!(
        Parked,
        "select event_id, partition, position, organization_id, customer_id, error, parked_at from process_parked
         where name = $1 order by partition, position",
        NAME
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// Does once more what follows from an event, whether it is parked or not.
pub async fn retry(context: &Context, event_id: Uuid) -> Result<Retried, ExecuteError> {
    let found = context.log().find(&[event_id]).await?;
    let Some(recorded) = found.into_iter().next().map(Arc::new) else { return Ok(Retried::NoSuchEvent) };
    let process = Process::new(context.clone(), recorded.partition);
    let why = match process.again(recorded.clone()).await {
        Ok(None) => {
            sqlx::query!("delete from process_parked where name = $1 and event_id = $2", NAME, event_id)
                .execute(&context.pool)
                .await
                .map_err(StoreError::from)?;
            return Ok(Retried::Done);
        }
        Ok(Some(denied)) => denied,
        Err(error) if is_weather(&error) => return Err(error),
        Err(error) => error.to_string(),
    };
    let customer_id = LedgerEvent::decode(&recorded).ok().and_then(|event| billing::customer_of(&event));
    park(&context.pool, &recorded, customer_id.map(CustomerId::uuid), &why).await?;
    tracing::info!(event_id = %EventId::new(event_id), why, "an event stays parked");
    Ok(Retried::StillParked(why))
}
