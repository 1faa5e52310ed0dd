//! Feeds the read models, each event exactly once, whatever is delivered twice, late, or never.
//!
//! Live events come from a [`Feed`] (NATS, read once for all read models); who is behind or sees a
//! gap reads the log itself. Rows and checkpoint move in one transaction by compare-and-set, so a
//! second runner, or a batch that comes again, changes nothing.

use std::sync::Arc;
use std::time::Duration;

use eventstore::StoreError;
use eventstore::log::Log;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Semaphore;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, MissedTickBehavior, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::checkpoint;
use crate::projection::{Decoded, Projection, ProjectionError};

/// Consecutive events of one partition.
pub type FeedBatch = Arc<Vec<Arc<Decoded>>>;

/// Where live events come from: one channel for each partition.
pub type Feed = broadcast::Sender<FeedBatch>;

/// How many batches the slowest read model may lag before it turns to the log.
pub const FEED_BATCHES_MAX: usize = 256;
/// How many events are read from the log and applied at a time.
const PAGE: i64 = 5_000;
/// A read model that has more to do rests this many times as long as its last write took, so that a row is
/// written once for many events,
const REST: u32 = 2;
/// and never longer than this.
const REST_MAX: Duration = Duration::from_millis(75);
/// How often the log is asked whether the feed has missed something.
const LOOK_AT_LOG: Duration = Duration::from_millis(100);
/// How long the rows of one batch may take to be written: the database itself gives a statement a minute.
const APPLY_WITHIN: Duration = Duration::from_secs(300);
/// Between two tries of a read model that halted or whose database is away.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// One read model in one partition.
pub struct Runner {
    /// The read model.
    pub projection: Arc<dyn Projection>,
    /// The partition.
    pub partition: i32,
    /// Where its rows are.
    pub pool: PgPool,
    /// The truth.
    pub log: Arc<dyn Log>,
    /// The live events of this partition.
    pub feed: broadcast::Receiver<FeedBatch>,
    /// Who writes holds it: one read model of a partition after the other, so that they do not all want the
    /// database in the same moment and leave it alone in the next.
    pub turn: Arc<Semaphore>,
}

impl Runner {
    /// Runs until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let name = checkpoint::live_name(self.projection.as_ref());
        while !cancel.is_cancelled() {
            let ended = tokio::select! {
                () = cancel.cancelled() => return,
                ended = self.follow(&name) => ended,
            };
            match ended {
                Err(ProjectionError::Poison { position, reason }) => {
                    tracing::error!(
                        projection = name,
                        partition = self.partition,
                        position,
                        reason,
                        "a read model halts: repair the event or the program"
                    );
                    let note = format!("before position {position}: {reason}");
                    if let Err(error) = checkpoint::halt(&self.pool, &name, self.partition, &note).await {
                        tracing::warn!(%error, "the halt was not noted");
                    }
                }
                Err(ProjectionError::Store(error)) => {
                    tracing::warn!(projection = name, partition = self.partition, %error, "a read model waits for the database");
                }
                Err(ProjectionError::Overtaken) | Ok(()) => continue,
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
    }

    async fn follow(&mut self, name: &str) -> Result<(), ProjectionError> {
        let mut position = checkpoint::position(&self.pool, name, self.partition).await?;
        position = self.catch_up(name, position).await?;
        let mut look = tokio::time::interval(LOOK_AT_LOG);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut position_at_look = position;
        let mut rested_at = Instant::now();
        loop {
            tokio::select! {
                received = self.feed.recv() => match received {
                    Ok(batch) => {
                        sleep_until(rested_at).await;
                        let started = Instant::now();
                        position = self.take_live(name, position, batch).await?;
                        rested_at = Instant::now() + (started.elapsed() * REST).min(REST_MAX);
                    }
                    Err(RecvError::Lagged(_)) => position = self.catch_up(name, position).await?,
                    // Without a feed the log alone is followed.
                    Err(RecvError::Closed) => {
                        look.tick().await;
                        position = self.catch_up(name, position).await?;
                    }
                },
                _ = look.tick() => {
                    let head = self.log.head(self.partition).await?.position;
                    self.note_lag(head - position);
                    // The feed has had its time: what is still missing comes from the log.
                    if head > position && position == position_at_look {
                        position = self.catch_up(name, position).await?;
                    }
                    position_at_look = position;
                }
            }
        }
    }

    async fn take_live(&mut self, name: &str, position: i64, first: FeedBatch) -> Result<i64, ProjectionError> {
        let mut events: Vec<Arc<Decoded>> = Vec::new();
        let mut expected = position + 1;
        let mut next = Some(first);
        while let Some(batch) = next {
            for decoded in batch.iter() {
                let at = decoded.recorded.position;
                if at == expected {
                    events.push(decoded.clone());
                    expected += 1;
                } else if at > expected {
                    // A gap: what was collected is applied, the rest is read from the log.
                    let position = self.apply(name, position, &events).await?;
                    return self.catch_up(name, position).await;
                }
            }
            next = if events.len() < PAGE as usize { self.feed.try_recv().ok() } else { None };
        }
        self.apply(name, position, &events).await
    }

    async fn catch_up(&self, name: &str, mut position: i64) -> Result<i64, ProjectionError> {
        loop {
            let page = self.log.read(self.partition, position, PAGE).await?;
            let full = page.len() as i64 == PAGE;
            let events: Vec<Arc<Decoded>> = page.into_iter().map(Decoded::new).collect();
            position = self.apply(name, position, &events).await?;
            if !full {
                return Ok(position);
            }
        }
    }

    async fn apply(&self, name: &str, position: i64, events: &[Arc<Decoded>]) -> Result<i64, ProjectionError> {
        if events.is_empty() {
            return Ok(position);
        }
        let started = Instant::now();
        let (reached, poison) = if self.is_idle(events) {
            // Nothing but the checkpoint moves: one statement.
            let mut connection = self.pool.acquire().await.map_err(StoreError::from)?;
            apply_in(&mut connection, self.projection.as_ref(), name, self.partition, position, events, None).await?
        } else {
            let mut transaction = self.pool.begin().await.map_err(StoreError::from)?;
            let (projection, turn) = (self.projection.as_ref(), Some(&*self.turn));
            let applied = apply_in(&mut transaction, projection, name, self.partition, position, events, turn).await?;
            transaction.commit().await.map_err(StoreError::from)?;
            applied
        };
        metrics::histogram!("tollbook_projection_apply_seconds", "projection" => self.projection.name())
            .record(started.elapsed().as_secs_f64());
        metrics::counter!("tollbook_projection_events_total", "projection" => self.projection.name())
            .increment((reached - position) as u64);
        poison.map_or(Ok(reached), Err)
    }

    fn is_idle(&self, events: &[Arc<Decoded>]) -> bool {
        events.iter().all(|decoded| decoded.event.is_ok()) && !self.projection.concerns(events)
    }

    fn note_lag(&self, lag: i64) {
        metrics::gauge!("tollbook_projection_lag_events",
            "projection" => self.projection.name(), "partition" => self.partition.to_string())
        .set(lag.max(0) as f64);
    }
}

/// Applies events and moves the checkpoint, in the transaction of this connection, when it is its turn. Stops
/// before an event that cannot be read, and gives that back beside what was reached.
pub(crate) async fn apply_in(
    connection: &mut PgConnection,
    projection: &dyn Projection,
    name: &str,
    partition: i32,
    position: i64,
    events: &[Arc<Decoded>],
    turn: Option<&Semaphore>,
) -> Result<(i64, Option<ProjectionError>), ProjectionError> {
    let readable = events.iter().position(|decoded| decoded.event.is_err()).unwrap_or(events.len());
    let poison = events.get(readable).map(|decoded| ProjectionError::Poison {
        position: decoded.recorded.position,
        reason: decoded.event.as_ref().err().map(ToString::to_string).unwrap_or_default(),
    });
    let Some(last) = events[..readable].last() else { return Ok((position, poison)) };
    let reached = last.recorded.position;
    checkpoint::advance(connection, name, partition, position, reached).await?;
    if !projection.concerns(&events[..readable]) {
        return Ok((reached, poison));
    }
    // Only now: whoever waits for the checkpoint must not let others wait. It is never closed.
    let _turn = match turn {
        Some(turn) => turn.acquire().await.ok(),
        None => None,
    };
    let applied = tokio::time::timeout(APPLY_WITHIN, projection.apply(connection, &events[..readable])).await;
    let applied = applied.unwrap_or_else(|_| {
        Err(StoreError::Unavailable(format!("a read model was not written within {} s", APPLY_WITHIN.as_secs())).into())
    });
    applied.map_err(|error| match error {
        ProjectionError::Poison { position: 0, reason } => ProjectionError::Poison { position: position + 1, reason },
        other => other,
    })?;
    Ok((reached, poison))
}
