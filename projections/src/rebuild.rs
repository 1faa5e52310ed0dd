//! Makes a read model anew beside the live one, compares the two, and swaps them: `tollbook replay`.
//!
//! The rebuild has tables of its own in the schema `<name>_v<version>_rebuild`, empty copies of the
//! live ones. It follows the log up to where the live one is; then, with the live checkpoints
//! locked, it takes the last steps, so that both stand at exactly the same positions, and every
//! row is compared. Charges go on all the while; only the live read model waits for the comparison.

use std::sync::Arc;

use eventstore::StoreError;
use eventstore::log::Log;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

use crate::checkpoint;
use crate::projection::{Decoded, Projection, ProjectionError};
use crate::runner::apply_in;

const PAGE: i64 = 5_000;

/// What a rebuild came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// The schema of the read model.
    pub name: String,
    /// Events that were replayed, over all partitions.
    pub events: i64,
    /// Each table with its number of rows, and whether both have the same content.
    pub tables: Vec<RebuiltTable>,
    /// Whether the new tables have taken the place of the old ones.
    pub swapped: bool,
}

/// One table, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuiltTable {
    /// Its name.
    pub name: String,
    /// Rows before.
    pub live_rows: i64,
    /// Rows after.
    pub rebuilt_rows: i64,
    /// Whether every row is the same.
    pub identical: bool,
}

impl Rebuilt {
    /// Whether the live read model was what the log says (I5).
    pub fn identical(&self) -> bool {
        self.tables.iter().all(|table| table.identical)
    }
}

/// Rebuilds one read model. New tables that differ from the live ones take their place only with
/// `accept`; else both stay, to be looked at.
pub async fn rebuild(
    pool: &PgPool,
    log: &Arc<dyn Log>,
    projection: &dyn Projection,
    accept: bool,
) -> Result<Rebuilt, ProjectionError> {
    let live = checkpoint::live_name(projection);
    let name = format!("{live}_rebuild");
    let mut connection = pool.acquire().await.map_err(StoreError::from)?;
    // A comparison of a large table takes its time, and so may the wait for the live runner.
    sqlx::query!("select set_config('statement_timeout', '0', false)").fetch_one(&mut *connection).await?;
    let alone = sqlx::query_scalar!(
        r#"select pg_try_advisory_lock(hashtextextended('tollbook rebuild ' || $1, 0)) as "alone!""#,
        live
    )
    .fetch_one(&mut *connection)
    .await?;
    if !alone {
        return Err(StoreError::Unavailable(format!("{live} is being rebuilt by another process")).into());
    }
    let partitions = log.partitions().await?;
    prepare(&mut connection, projection, &live, &name, &partitions).await?;
    let mut positions = vec![0i64; partitions.len()];
    loop {
        let mut caught_up = true;
        for (position, &partition) in positions.iter_mut().zip(&partitions) {
            let target = checkpoint::position(pool, &live, partition).await?;
            let mut page = read(log, partition, *position, target).await?;
            while *position < target {
                caught_up = false;
                let end = page.last().map_or(*position, |last| last.recorded.position);
                // The next events are read while these are taken in.
                let (reached, next) = tokio::join!(
                    step(&mut connection, projection, &name, partition, (*position, target), &page),
                    read(log, partition, end, target)
                );
                *position = reached?;
                page = next?;
            }
        }
        if caught_up {
            break;
        }
    }
    let rebuilt = finish(&mut connection, log, projection, &live, &name, &partitions, positions, accept).await;
    // The connection goes back to the pool with a setting of its own: better it does not.
    connection.detach().close().await.map_err(StoreError::from)?;
    rebuilt
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), ProjectionError> {
    // Built from names that are constants of this program.
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

async fn prepare(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    live: &str,
    name: &str,
    partitions: &[i32],
) -> Result<(), ProjectionError> {
    let mut transaction = connection.begin().await.map_err(StoreError::from)?;
    execute(&mut transaction, format!("drop schema if exists {name} cascade")).await?;
    execute(&mut transaction, format!("create schema {name}")).await?;
    for table in projection.tables() {
        execute(&mut transaction, format!("create table {name}.{table} (like {live}.{table} including all)")).await?;
    }
    sqlx::query!("delete from projection_checkpoints where name = $1", name).execute(&mut *transaction).await?;
    sqlx::query!(
        "insert into projection_checkpoints (name, partition) select $1, unnest($2::integer[])",
        name,
        partitions
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(())
}

/// The tables that the fold finds in this transaction are those of the rebuild.
async fn aim(connection: &mut PgConnection, name: &str) -> Result<(), ProjectionError> {
    sqlx::query!(
        "select set_config('search_path', $1 || ', public', true) as path, set_config('synchronous_commit', 'off', true) as sync",
        name
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// The next events up to a position; none when that is reached.
async fn read(
    log: &Arc<dyn Log>,
    partition: i32,
    after: i64,
    target: i64,
) -> Result<Vec<Arc<Decoded>>, ProjectionError> {
    if after >= target {
        return Ok(Vec::new());
    }
    let page = log.read(partition, after, PAGE.min(target - after)).await?;
    Ok(page.into_iter().map(Decoded::new).collect())
}

async fn step(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    name: &str,
    partition: i32,
    (position, target): (i64, i64),
    events: &[Arc<Decoded>],
) -> Result<i64, ProjectionError> {
    let mut transaction = connection.begin().await.map_err(StoreError::from)?;
    aim(&mut transaction, name).await?;
    let (reached, poison) = apply_in(&mut transaction, projection, name, partition, position, events, None).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    match poison {
        Some(poison) => Err(poison),
        None if reached == position => {
            let what = format!("partition {partition}: nothing after position {position}, {target} expected");
            Err(StoreError::Corrupt(what).into())
        }
        None => Ok(reached),
    }
}

#[expect(clippy::too_many_arguments, reason = "the one caller hands over all it has gathered")]
async fn finish(
    connection: &mut PgConnection,
    log: &Arc<dyn Log>,
    projection: &dyn Projection,
    live: &str,
    name: &str,
    partitions: &[i32],
    positions: Vec<i64>,
    accept: bool,
) -> Result<Rebuilt, ProjectionError> {
    let mut transaction = connection.begin().await.map_err(StoreError::from)?;
    aim(&mut transaction, name).await?;
    // The live runners wait at their compare-and-set while these rows are locked.
    let locked = sqlx::query!(
        "select partition, position from projection_checkpoints where name = $1 order by partition for update",
        live
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut events = 0;
    for ((mut position, &partition), live_row) in positions.into_iter().zip(partitions).zip(locked) {
        while position < live_row.position {
            let decoded = read(log, partition, position, live_row.position).await?;
            let (reached, poison) =
                apply_in(&mut transaction, projection, name, partition, position, &decoded, None).await?;
            if let Some(poison) = poison {
                return Err(poison);
            }
            position = reached;
        }
        events += position;
    }
    let mut tables = Vec::new();
    for table in projection.tables() {
        tables.push(compare(&mut transaction, live, name, table).await?);
    }
    let mut rebuilt = Rebuilt { name: live.to_owned(), events, tables, swapped: false };
    if rebuilt.identical() || accept {
        execute(&mut transaction, format!("drop schema {live} cascade")).await?;
        execute(&mut transaction, format!("alter schema {name} rename to {live}")).await?;
        sqlx::query!("delete from projection_checkpoints where name = $1", name).execute(&mut *transaction).await?;
        rebuilt.swapped = true;
    }
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(rebuilt)
}

async fn compare(
    connection: &mut PgConnection,
    live: &str,
    name: &str,
    table: &str,
) -> Result<RebuiltTable, ProjectionError> {
    let mut found = Vec::new();
    for schema in [live, name] {
        let statement = format!(
            "select count(*), coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '') from {schema}.{table} t"
        );
        let row: (i64, String) = sqlx::query_as(AssertSqlSafe(statement)).fetch_one(&mut *connection).await?;
        found.push(row);
    }
    let (live_rows, rebuilt_rows) = (found[0].0, found[1].0);
    Ok(RebuiltTable { name: table.to_owned(), live_rows, rebuilt_rows, identical: found[0] == found[1] })
}
