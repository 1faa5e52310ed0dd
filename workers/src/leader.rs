//! One process at a time does a piece of work: who holds an advisory lock of Postgres.
//!
//! The lock belongs to a connection, so it is free as soon as its holder dies. Two leaders for a
//! moment do no harm: every worker is safe against its double, and this only saves work.

use std::future::Future;
use std::time::Duration;

use sqlx::{Connection, PgPool};
use tokio_util::sync::CancellationToken;

/// How often others look whether the place is free, and the holder whether it still holds it.
const LOOK: Duration = Duration::from_millis(500);

/// Runs the work whenever this process is the leader, until cancelled. The work ends when its
/// token is cancelled; when it ends by itself it is started again.
pub async fn lead<F, W>(pool: PgPool, name: String, cancel: CancellationToken, mut work: F)
where
    F: FnMut(CancellationToken) -> W + Send,
    W: Future<Output = ()> + Send,
{
    while !cancel.is_cancelled() {
        if let Err(error) = lead_once(&pool, &name, &cancel, &mut work).await {
            tracing::debug!(name, %error, "cannot lead without the database");
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn lead_once<F, W>(pool: &PgPool, name: &str, cancel: &CancellationToken, work: &mut F) -> Result<(), sqlx::Error>
where
    F: FnMut(CancellationToken) -> W + Send,
    W: Future<Output = ()> + Send,
{
    // Not a connection of the pool: this one is kept as long as the lock.
    let mut connection = pool.acquire().await?.detach();
    let held = sqlx::query_scalar!(
        r#"select pg_try_advisory_lock(hashtextextended('tollbook leader ' || $1, 0)) as "held!""#,
        name
    )
    .fetch_one(&mut connection)
    .await?;
    if !held {
        return connection.close().await;
    }
    tracing::debug!(name, "leading");
    let token = cancel.child_token();
    let mut running = Box::pin(work(token.clone()));
    let lost = loop {
        tokio::select! {
            () = &mut running => break Ok(()),
            () = tokio::time::sleep(LOOK) => {
                let alive = tokio::time::timeout(Duration::from_secs(5), connection.ping()).await;
                match alive {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break Err(error),
                    Err(_) => break Err(sqlx::Error::PoolTimedOut),
                }
            }
        }
    };
    token.cancel();
    if lost.is_err() {
        running.await;
    }
    lost
}
