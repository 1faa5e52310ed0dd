//! What a connection does: one charge, a batch of them, or a hold and its capture, again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::http::Connection;
use super::pacing::Pacer;
use super::pick::{Choice, Rng};
use super::tally::{Lost, Recorder, Span, Times, micros};
use super::verdict::{Verdict, hold_id};
use super::world::World;

/// Between a request whose answer did not come, or a refusal, and the next one of the same connection.
const PAUSE: Duration = Duration::from_millis(20);

/// What is done at each turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A charge.
    Charge,
    /// So many charges in one request.
    Batch(usize),
    /// A hold, then its capture.
    Hold,
}

/// What the connections of a load share.
#[derive(Debug)]
pub struct Job {
    /// Who pays, and with which requests.
    pub world: Arc<World>,
    /// What is done.
    pub work: Work,
    /// How payers are chosen.
    pub choice: Choice,
    /// When.
    pub span: Span,
    /// What came of it.
    pub recorder: Recorder,
}

/// One connection at work.
#[derive(Debug)]
pub struct Worker {
    job: Arc<Job>,
    connection: Connection,
    number: usize,
    rng: Rng,
    request: Vec<u8>,
    payers: Vec<usize>,
}

impl Worker {
    /// With a connection of its own; `number` tells it from the others.
    pub fn new(job: Arc<Job>, connection: Connection, number: usize) -> Self {
        let rng = Rng::new(0x5eed ^ ((number as u64) << 32));
        Self { job, connection, number, rng, request: Vec::new(), payers: Vec::new() }
    }

    /// The closed loop: the next turn when the one before is answered, until the end.
    pub async fn run_closed(mut self) {
        loop {
            let due = Instant::now();
            if due >= self.job.span.end {
                return;
            }
            if !self.turn(due).await {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// The open loop: a turn for each request that is due.
    pub async fn run_open(mut self, pacer: Arc<Pacer>) {
        while let Some(due) = pacer.take().await {
            self.turn(due).await;
        }
    }

    /// One turn; whether it went well.
    async fn turn(&mut self, due: Instant) -> bool {
        let count = match self.job.work {
            Work::Charge | Work::Hold => 1,
            Work::Batch(count) => count,
        };
        self.payers.clear();
        for _ in 0..count {
            self.payers.push(self.job.choice.pick(&mut self.rng, self.job.world.payers.len()));
        }
        match self.job.work {
            Work::Charge => self.charge(due).await,
            Work::Batch(_) => self.batch(due).await,
            Work::Hold => self.hold(due).await,
        }
    }

    async fn charge(&mut self, due: Instant) -> bool {
        let world = &self.job.world;
        world.charges[self.payers[0]].fill(world.number(), &mut self.request);
        let sent = Instant::now();
        let verdict = self.ask().await;
        self.note(verdict, Times { due, sent, answered: Instant::now() })
    }

    async fn batch(&mut self, due: Instant) -> bool {
        let world = &self.job.world;
        world.composer.batch(&world.charges, &self.payers, world.number(), &mut self.request);
        let sent = Instant::now();
        let count = self.payers.len();
        let mut verdicts = match self.connection.exchange(&self.request).await {
            Ok(reply) => Verdict::of_batch(&reply, count),
            Err(error) => vec![Verdict::Unknown(error.to_string())],
        };
        let times = Times { due, sent, answered: Instant::now() };
        if verdicts.iter().all(|verdict| *verdict == verdicts[0]) {
            return self.note(verdicts.swap_remove(0), times);
        }
        self.note_each(verdicts, times)
    }

    async fn hold(&mut self, due: Instant) -> bool {
        let job = Arc::clone(&self.job);
        job.world.holds[self.payers[0]].fill(job.world.number(), &mut self.request);
        let sent = Instant::now();
        let placed = match self.connection.exchange(&self.request).await {
            Ok(reply) => match Verdict::of(&reply) {
                Verdict::Accepted => hold_id(reply.body).map(str::to_owned).ok_or_else(|| {
                    Verdict::Failed(format!("a hold without an id: {}", String::from_utf8_lossy(reply.body)))
                }),
                other => Err(other),
            },
            Err(error) => Err(Verdict::Unknown(error.to_string())),
        };
        let between = Instant::now();
        let id = match placed {
            Ok(id) => id,
            Err(verdict) => {
                // Nothing is charged by it, whatever became of it.
                self.payers.clear();
                return self.note(verdict, Times { due, sent, answered: between });
            }
        };
        job.world.composer.capture(&id, job.world.number(), &mut self.request);
        let verdict = self.ask().await;
        let answered = Instant::now();
        if verdict == Verdict::Accepted && due >= job.span.warm {
            let mut shard = job.recorder.shard(self.number);
            shard.tally.halves[0].saturating_record(micros(between - sent));
            shard.tally.halves[1].saturating_record(micros(answered - between));
        }
        self.note(verdict, Times { due, sent, answered })
    }

    async fn ask(&mut self) -> Verdict {
        match self.connection.exchange(&self.request).await {
            Ok(reply) => Verdict::of(&reply),
            Err(error) => Verdict::Unknown(error.to_string()),
        }
    }

    /// Notes what became of the request and of all its payers alike; whether it was accepted.
    fn note(&self, verdict: Verdict, times: Times) -> bool {
        let span = &self.job.span;
        let mut shard = self.job.recorder.shard(self.number);
        match verdict {
            Verdict::Accepted => {
                shard.accept(span, &times, &self.payers);
                return true;
            }
            Verdict::Refused if times.due >= span.warm => shard.tally.refused += self.payers.len().max(1) as u64,
            Verdict::Refused => {}
            Verdict::Unknown(why) => {
                shard.tally.say(why);
                shard.tally.lost.push(Lost { request: self.request.clone(), payers: self.payers.clone() });
            }
            Verdict::Failed(what) => {
                shard.tally.failed += 1;
                shard.tally.say(what);
            }
        }
        false
    }

    /// The same for a batch in which items fared differently; none of them is unknown.
    fn note_each(&self, verdicts: Vec<Verdict>, times: Times) -> bool {
        let span = &self.job.span;
        let fared = |wanted: fn(&Verdict) -> bool| -> Vec<usize> {
            let pairs = self.payers.iter().zip(&verdicts).filter(|(_, verdict)| wanted(verdict));
            pairs.map(|(payer, _)| *payer).collect()
        };
        let accepted = fared(|verdict| *verdict == Verdict::Accepted);
        let refused = fared(|verdict| *verdict == Verdict::Refused);
        let mut shard = self.job.recorder.shard(self.number);
        shard.accept(span, &times, &accepted);
        if times.due >= span.warm {
            shard.tally.refused += refused.len() as u64;
        }
        shard.tally.failed += (self.payers.len() - accepted.len() - refused.len()) as u64;
        let failure = verdicts.into_iter().find_map(|verdict| match verdict {
            Verdict::Failed(what) => Some(what),
            _ => None,
        });
        failure.into_iter().for_each(|what| shard.tally.say(what));
        false
    }
}
