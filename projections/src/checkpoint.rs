//! How far each read model has come.

use eventstore::StoreError;
use sqlx::{PgConnection, PgPool};

use crate::projection::{Projection, ProjectionError};

/// Under which name a read model keeps its checkpoints: a rebuild keeps its own.
pub fn live_name(projection: &dyn Projection) -> String {
    projection.schema()
}

/// One read model's progress in one partition.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Of which read model.
    pub name: String,
    /// In which partition.
    pub partition: i32,
    /// Everything up to here is in its rows.
    pub position: i64,
    /// Why it does not go on.
    pub halted: Option<String>,
}

/// All checkpoints.
pub async fn all(connection: &mut PgConnection) -> Result<Vec<Checkpoint>, StoreError> {
    Ok(sqlx::query_as!(
        Checkpoint,
        "select name, partition, position, halted from projection_checkpoints order by name, partition"
    )
    .fetch_all(connection)
    .await?)
}

/// How far a read model has come, starting it at 0 when it is new.
pub async fn position(pool: &PgPool, name: &str, partition: i32) -> Result<i64, StoreError> {
    let found = sqlx::query_scalar!(
        "select position from projection_checkpoints where name = $1 and partition = $2",
        name,
        partition
    )
    .fetch_optional(pool)
    .await?;
    if let Some(position) = found {
        return Ok(position);
    }
    sqlx::query!(
        "insert into projection_checkpoints (name, partition) values ($1, $2) on conflict do nothing",
        name,
        partition
    )
    .execute(pool)
    .await?;
    Ok(0)
}

/// Moves a checkpoint from where it is believed to be. The row's lock is held until the
/// transaction ends, so that rows and checkpoint move together and only once.
pub async fn advance(
    connection: &mut PgConnection,
    name: &str,
    partition: i32,
    from: i64,
    to: i64,
) -> Result<(), ProjectionError> {
    let moved = sqlx::query!(
        "update projection_checkpoints set position = $4, halted = null
         where name = $1 and partition = $2 and position = $3",
        name,
        partition,
        from,
        to
    )
    .execute(connection)
    .await?;
    if moved.rows_affected() == 1 { Ok(()) } else { Err(ProjectionError::Overtaken) }
}

/// Notes why a read model does not go on.
pub async fn halt(pool: &PgPool, name: &str, partition: i32, reason: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "update projection_checkpoints set halted = $3 where name = $1 and partition = $2",
        name,
        partition,
        reason
    )
    .execute(pool)
    .await?;
    Ok(())
}
