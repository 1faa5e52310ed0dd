//! Hearing of changes that other processes made to what this one caches: keys and price lists.
//!
//! `append_events` notifies in its own transaction. While the listening connection is away nothing
//! is heard, so nothing may be cached: the subscriber is told to forget all, and told again when
//! it may trust its cache.

use std::time::Duration;

use domain::ids::OrganizationId;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::mpsc;
use uuid::Uuid;

/// What a cache must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// Forget what belongs to this organization.
    Changed(OrganizationId),
    /// Forget everything and keep nothing until [`Watched::Hearing`].
    Deaf,
    /// From now on every change is heard.
    Hearing,
}

const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Listens for ever, until the receiver is gone.
pub async fn listen(pool: PgPool, changes: mpsc::Sender<Watched>) {
    loop {
        if let Err(error) = listen_once(&pool, &changes).await {
            tracing::warn!(%error, "not hearing of changes to keys and prices: nothing of them is cached");
        }
        if changes.send(Watched::Deaf).await.is_err() {
            return;
        }
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
}

async fn listen_once(pool: &PgPool, changes: &mpsc::Sender<Watched>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("tollbook_watched").await?;
    if changes.send(Watched::Hearing).await.is_err() {
        return Ok(());
    }
    // `None` says that the connection was lost: what was sent meanwhile was not heard.
    while let Some(notification) = listener.try_recv().await? {
        let Ok(id) = notification.payload().parse::<Uuid>() else { continue };
        if changes.send(Watched::Changed(OrganizationId::new(id))).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
