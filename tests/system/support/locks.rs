//! Transactions past the program that stand in its way, and who waits for them.

use sqlx::{AssertSqlSafe, PgPool, PgTransaction};

use super::{Site, until};

/// Takes the lock of a partition of the log: until the transaction ends nothing is appended to it.
pub const HOLD: &str = "select from log_head where partition = $1 for update";
/// Takes it and leaves another row in its place, with the same in it.
pub const TOUCH: &str = "update log_head set position = position where partition = $1";

/// The program's own statements, as they begin or what they have in them.
pub const APPEND_WAITS: &str = "%append_events%";
pub const SETTLE_WAITS: &str = "select position from log_head%";

/// Where an installation with one organization writes everything.
pub async fn partition(site: &Site) -> i32 {
    let pool = site.pool();
    sqlx::query_scalar("select distinct partition from events").fetch_one(&pool).await.unwrap()
}

/// A transaction that has executed [`HOLD`] or [`TOUCH`], after whoever had the lock before it.
pub async fn on_log(pool: PgPool, statement: &'static str, partition: i32) -> PgTransaction<'static> {
    let mut transaction = pool.begin().await.unwrap();
    // Whatever is usual in this database.
    sqlx::query("set transaction isolation level read committed").execute(&mut *transaction).await.unwrap();
    sqlx::query(statement).bind(partition).execute(&mut *transaction).await.unwrap();
    transaction
}

/// Waits until a session, and none of those that are known, waits for a lock with such a statement.
pub async fn until_waits(site: &Site, statement: &str, known: &[i32]) -> i32 {
    let pool = site.pool();
    until(&format!("{statement} waits for a lock"), async || {
        waiting(&pool, statement).await.into_iter().find(|pid| !known.contains(pid))
    })
    .await
}

/// Sessions that wait for a lock with such a statement.
pub async fn waiting(pool: &PgPool, statement: &str) -> Vec<i32> {
    sqlx::query_scalar(
        "select pid from pg_stat_activity \
         where datname = current_database() and wait_event_type = 'Lock' and query like $1",
    )
    .bind(statement)
    .fetch_all(pool)
    .await
    .unwrap()
}

/// Makes the database, with a setting that every session of it begins with.
pub async fn set_for_all(site: &Site, setting: &str) {
    site.tollbook(&["migrate"], &[]).await.expect_code(0);
    let (_, database) = site.database_url.rsplit_once('/').unwrap();
    let statement = format!("alter database {database} set {setting}");
    sqlx::query(AssertSqlSafe(statement)).execute(&site.pool()).await.unwrap();
}
