//! Putting the server under load: so many connections, in a closed or an open loop, for so long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::BenchError;
use super::http::Connection;
use super::pacing::Pacer;
use super::pick::Choice;
use super::tally::{Recorder, Span, Tally, micros};
use super::work::{Job, Work, Worker};
use super::world::World;

/// What is sent before anything counts.
pub const WARM_UP: Duration = Duration::from_secs(2);
/// Between the last connection and the first request.
const SETTLE: Duration = Duration::from_millis(50);

/// When requests are sent.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// Each connection sends the next when the one before is answered.
    Closed,
    /// So many a second, whatever is answered. What waits at the end is still sent.
    Open(u32),
    /// The same, but what waits at the end for a free connection is given up and counted.
    Cut(u32),
}

/// How long what waits at the end of an open loop may still be sent.
const DRAIN: Duration = Duration::from_secs(10);

/// A load to be.
#[derive(Debug, Clone)]
pub struct Shape {
    /// What each connection does.
    pub work: Work,
    /// How payers are chosen.
    pub choice: Choice,
    /// How many connections.
    pub connections: usize,
    /// When requests are sent.
    pub pace: Pace,
    /// How long, before anything counts.
    pub warm: Duration,
    /// How long, after that.
    pub length: Duration,
}

/// What a load came to.
#[derive(Debug)]
pub struct Load {
    /// How it was made.
    pub shape: Shape,
    /// What came of it.
    pub tally: Tally,
}

impl Load {
    /// Operations a second that were accepted.
    pub fn rate(&self) -> f64 {
        self.tally.accepted as f64 / self.shape.length.as_secs_f64()
    }
}

/// Runs a load, its connections spread over these servers, and `side` beside it. Returns when both are
/// through.
pub async fn run<T, F: Future<Output = T>>(
    world: &Arc<World>,
    servers: &[SocketAddr],
    shape: Shape,
    side: impl FnOnce(Arc<Job>) -> F,
) -> Result<(Load, T), BenchError> {
    let connections = connect(servers, shape.connections).await?;
    let start = Instant::now() + SETTLE;
    let span = Span { start, warm: start + shape.warm, end: start + shape.warm + shape.length };
    let job = Arc::new(Job {
        world: Arc::clone(world),
        work: shape.work,
        choice: shape.choice.clone(),
        span,
        recorder: Recorder::new(world.payers.len()),
    });
    let loading = async {
        match shape.pace {
            Pace::Closed => closed(&job, connections).await,
            Pace::Open(rate) => open(&job, connections, rate, DRAIN).await,
            Pace::Cut(rate) => open(&job, connections, rate, Duration::ZERO).await,
        }
    };
    let (loaded, beside) = tokio::join!(loading, side(Arc::clone(&job)));
    let unsent = loaded?;
    let mut tally = job.recorder.finish();
    tally.unsent = unsent;
    Ok((Load { shape, tally }, beside))
}

/// Connections to these servers by turns. One after the other: a thousand at once would not fit in the server's
/// queue of connections.
pub async fn connect(servers: &[SocketAddr], count: usize) -> Result<Vec<Connection>, BenchError> {
    let mut connections = Vec::with_capacity(count);
    for server in servers.iter().cycle().take(count) {
        let mut connection = Connection::new(*server);
        connection.connect().await.map_err(|source| BenchError::Http { what: "a connection", source })?;
        connections.push(connection);
    }
    Ok(connections)
}

fn workers(job: &Arc<Job>, connections: Vec<Connection>) -> impl Iterator<Item = Worker> {
    let numbered = connections.into_iter().enumerate();
    numbered.map(move |(number, connection)| Worker::new(Arc::clone(job), connection, number))
}

async fn closed(job: &Arc<Job>, connections: Vec<Connection>) -> Result<u64, BenchError> {
    tokio::time::sleep_until(job.span.start.into()).await;
    let mut working = JoinSet::new();
    for worker in workers(job, connections) {
        working.spawn(worker.run_closed());
    }
    while let Some(ended) = working.join_next().await {
        ended?;
    }
    Ok(0)
}

/// Gives the number of requests that were due, counted, and were never sent.
async fn open(job: &Arc<Job>, connections: Vec<Connection>, rate: u32, drain: Duration) -> Result<u64, BenchError> {
    let pacer = Arc::new(Pacer::new(&job.span, rate, drain));
    let mut working = JoinSet::new();
    for worker in workers(job, connections) {
        working.spawn(worker.run_open(Arc::clone(&pacer)));
    }
    let keeping = tokio::task::spawn_blocking({
        let pacer = Arc::clone(&pacer);
        move || pacer.run()
    });
    while let Some(ended) = working.join_next().await {
        ended?;
    }
    keeping.await?;
    let (now, mut unsent) = (Instant::now(), 0);
    for due in pacer.untaken().filter(|due| *due >= job.span.warm) {
        unsent += 1;
        // Left out, what waited longest would not count. When the load is cut, it is told apart.
        if !drain.is_zero() {
            job.recorder.shard(0).tally.from_due.saturating_record(micros(now.saturating_duration_since(due)));
        }
    }
    Ok(unsent)
}
