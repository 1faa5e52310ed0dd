//! What the rest of the program talks to: give a command, get what became of it.

use std::sync::Arc;

use domain::{Aggregate, RecordedEvent, StreamId};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::StoreError;
use crate::entity::{Entity, Loaded};
use crate::job::{CommandMeta, Executed, Job, TypedJob};
use crate::log::Log;
use crate::tail::{self, Tail, TailBatch};
use crate::writer;
pub use crate::writer::WriterSettings;

/// Why there is no answer to a command. A denial is an answer, and not among these.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecuteError {
    /// The idempotency key was used before, for another request.
    #[error("the idempotency key was used before with another request")]
    KeyReused,
    /// Too many commands wait already. Nothing happened.
    #[error("too many commands are waiting")]
    Overloaded,
    /// The log could not say: the outcome is unknown, the same key may be sent again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The way into the log. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    log: Arc<dyn Log>,
    writers: Arc<Vec<Writer>>,
}

struct Writer {
    partition: i32,
    queue: mpsc::Sender<Box<dyn Job>>,
    appended: broadcast::Sender<TailBatch>,
}

impl Ledger {
    /// Starts one writer for each partition of the log.
    pub async fn start(log: Arc<dyn Log>) -> Result<Self, StoreError> {
        Self::start_with(log, WriterSettings::default()).await
    }

    /// The same with other settings.
    pub async fn start_with(log: Arc<dyn Log>, settings: WriterSettings) -> Result<Self, StoreError> {
        let mut writers = Vec::new();
        for partition in log.partitions().await? {
            let (queue, jobs) = mpsc::channel(settings.queue_max);
            let appended = broadcast::Sender::new(tail::BATCHES_MAX);
            tokio::spawn(writer::supervise(partition, log.clone(), jobs, appended.clone(), settings));
            writers.push(Writer { partition, queue, appended });
        }
        Ok(Self { log, writers: Arc::new(writers) })
    }

    /// The log itself, for reading.
    pub fn log(&self) -> &Arc<dyn Log> {
        &self.log
    }

    /// The partitions, in order.
    pub fn partitions(&self) -> impl Iterator<Item = i32> + '_ {
        self.writers.iter().map(|writer| writer.partition)
    }

    /// The events of a partition after a position, as they come.
    pub fn tail(&self, partition: i32, after: i64) -> Tail {
        Tail::new(self.log.clone(), partition, self.appended(partition), after)
    }

    /// What this process itself appends to a partition from now on.
    pub fn appended(&self, partition: i32) -> Option<broadcast::Receiver<TailBatch>> {
        self.writers.iter().find(|writer| writer.partition == partition).map(|writer| writer.appended.subscribe())
    }

    /// Decides a command on a stream and appends what it comes to.
    ///
    /// The outer error says that there is no answer, the inner one that the answer is no.
    pub async fn execute<A: Aggregate>(
        &self,
        stream_id: StreamId,
        meta: CommandMeta,
        command: A::Command,
    ) -> Result<Result<Executed<A>, A::Error>, ExecuteError> {
        let partition = meta.partition;
        let writer = self
            .writers
            .iter()
            .find(|writer| writer.partition == partition)
            .ok_or_else(|| StoreError::Corrupt(format!("the log has no partition {partition}")))?;
        let (reply, answer) = oneshot::channel();
        let job = TypedJob::<A> { stream_id, meta, command, decided: None, reply };
        writer.queue.try_send(Box::new(job)).map_err(|_| {
            metrics::counter!("tollbook_commands_refused_total", "reason" => "queue_full").increment(1);
            ExecuteError::Overloaded
        })?;
        answer.await.map_err(|_| StoreError::Unavailable("the writer has stopped".into()))?
    }

    /// The state of an aggregate as the log has it now.
    pub async fn load<A: Aggregate>(&self, stream_id: &StreamId) -> Result<Loaded<A>, StoreError> {
        let snapshots = self.log.snapshots(std::slice::from_ref(stream_id)).await?;
        let mut loaded = Loaded::<A>::from_snapshot(snapshots.first());
        let tail: Vec<RecordedEvent> = self.log.tails(&[(stream_id.clone(), loaded.version)]).await?;
        for event in &tail {
            loaded.apply(event)?;
        }
        Ok(loaded)
    }
}
