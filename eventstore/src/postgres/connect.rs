//! Connecting, and bringing the schema up to date.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};

use crate::StoreError;

/// The one ordered history of the schema.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// How many partitions a log may have.
pub const PARTITIONS_MAX: i32 = 64;

/// Where statements find the tables they name: the log, then the read models of this version. The
/// database has the same setting, for people and for checking queries; it is lost in a dump.
const SEARCH_PATH: &str =
    "public,quota_v1,statement_v1,risk_v1,journal_v1,directory_v1,settlement_v1,hold_v1,billing_v1,reconciliation_v1";

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|e| StoreError::Unavailable(format!("DATABASE_URL: {e}")))?;
    let settings = [
        ("statement_timeout", "60s"),
        ("lock_timeout", "20s"),
        ("search_path", SEARCH_PATH),
        // Who has gone without a word holds its locks for a minute, not for hours.
        ("tcp_keepalives_idle", "30"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "3"),
    ];
    Ok(options.application_name("tollbook").options(settings))
}

/// A pool of connections; none is made before it is needed.
pub fn pool(url: &str, connections_max: u32) -> Result<PgPool, StoreError> {
    Ok(pool_options(connections_max).connect_lazy_with(options(url)?))
}

/// Another pool to the same database, whose commits do not wait for the disk: for what can be made again.
pub fn unhurried(pool: &PgPool, connections_max: u32) -> PgPool {
    let options = (*pool.connect_options()).clone().options([("synchronous_commit", "off")]);
    pool_options(connections_max).connect_lazy_with(options)
}

/// Another pool to the same database for the writers alone. A pool gives its connections out in turn; a writer that
/// always has the same one finds its plans and pages warm there.
pub(super) fn apart(pool: &PgPool) -> PgPool {
    pool_options(PARTITIONS_MAX.unsigned_abs()).connect_lazy_with((*pool.connect_options()).clone())
}

fn pool_options(connections_max: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(3))
        // A ping before each use would double the round trips; a dead connection shows itself.
        .test_before_acquire(false)
}

/// Makes the database when there is none, and brings its schema up to date. The log gets this many
/// partitions; it never loses one.
pub async fn migrate(url: &str, partitions: i32) -> Result<(), StoreError> {
    if !(1..=PARTITIONS_MAX).contains(&partitions) {
        return Err(StoreError::Corrupt(format!("a log has 1 to {PARTITIONS_MAX} partitions, not {partitions}")));
    }
    let options = options(url)?.options([("statement_timeout", "0"), ("lock_timeout", "0")]);
    create_database(&options).await?;
    let mut connection = options.connect().await?;
    MIGRATIONS.run(&mut connection).await.map_err(|e| StoreError::Unavailable(format!("migration: {e}")))?;
    sqlx::query!(
        "insert into log_head (partition) select generate_series(0, $1::integer - 1) on conflict do nothing",
        partitions
    )
    .execute(&mut connection)
    .await?;
    connection.close().await?;
    Ok(())
}

async fn create_database(options: &PgConnectOptions) -> Result<(), StoreError> {
    let Some(name) = options.get_database() else { return Ok(()) };
    match options.connect().await {
        Ok(connection) => return Ok(connection.close().await?),
        // 3D000: the database does not exist.
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("3D000") => {}
        Err(other) => return Err(other.into()),
    }
    let mut server = options.clone().database("postgres").connect().await?;
    // A name cannot be a parameter: quoted as an identifier.
    let statement = format!("create database \"{}\"", name.replace('"', "\"\""));
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut server).await?;
    server.close().await?;
    Ok(())
}
