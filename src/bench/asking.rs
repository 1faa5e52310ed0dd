//! Connections that ask a model again and again, each at a pace of its own: a little slower than answers come. They
//! begin one after the other, spread over that pace, for clients do not come all at once; in a loop that waited for
//! the answer alone, whoever was held up together once would ask together for ever.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::BenchError;
use super::http::{Connection, Reply};
use super::load::{Load, Pace, Shape, WARM_UP, connect};
use super::pick::Choice;
use super::question::{Means, Question};
use super::tally::{Lost, Recorder, Span, Tally, Times};
use super::verdict::Verdict;
use super::work::Work;

/// From one question of a connection to its next, in times of an answer.
const PACE: f64 = 1.2;
/// Between a request that was not answered well and the next one of the same connection.
const PAUSE: Duration = Duration::from_millis(20);
/// How long requests without an answer are sent again, all together.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Who asks on a connection: the number of the payer, and how it pays.
pub type Asker = (usize, Means);

/// A load to be.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Where to.
    pub server: SocketAddr,
    /// What.
    pub question: &'a Arc<Question>,
    /// Who, dealt out to the connections in turn; at least one.
    pub askers: &'a [Asker],
    /// How many payers there are.
    pub payers: usize,
    /// How many connections.
    pub connections: usize,
    /// How long an answer takes by itself.
    pub takes: Duration,
    /// How long it is measured.
    pub length: Duration,
}

/// What the connections of a load share.
#[derive(Debug)]
struct Job {
    question: Arc<Question>,
    span: Span,
    pace: Duration,
    recorder: Recorder,
}

impl Asking<'_> {
    /// Runs it. What was lost is looked up.
    pub async fn run(self) -> Result<Load, BenchError> {
        let connections = connect(&[self.server], self.connections).await?;
        let start = Instant::now();
        // Whoever comes last has asked once before anything counts.
        let pace = self.takes.mul_f64(PACE);
        let warm = start + WARM_UP + pace;
        let span = Span { start, warm, end: warm + self.length };
        let job = Job { question: Arc::clone(self.question), span, pace, recorder: Recorder::new(self.payers) };
        let job = Arc::new(job);
        let mut asking = JoinSet::new();
        for (number, connection) in connections.into_iter().enumerate() {
            let asker = self.askers[number % self.askers.len()].clone();
            let after = pace.mul_f64(number as f64 / self.connections as f64);
            asking.spawn(ask(Arc::clone(&job), connection, number, asker, start + after));
        }
        while let Some(ended) = asking.join_next().await {
            ended?;
        }
        let mut tally = job.recorder.finish();
        self.look_up(&mut tally).await;
        let shape = Shape {
            work: Work::Charge,
            choice: Choice::Uniform,
            connections: self.connections,
            pace: Pace::Closed,
            warm: warm - start,
            length: self.length,
        };
        Ok(Load { shape, tally })
    }

    /// Sends what was lost again until it is answered, and counts what is accepted now.
    async fn look_up(&self, tally: &mut Tally) {
        let mut connection = Connection::new(self.server);
        let deadline = Instant::now() + ANSWERED_WITHIN;
        for Lost { request, payers } in std::mem::take(&mut tally.lost) {
            loop {
                let accepted = match connection.exchange(&request).await {
                    Ok(reply) => became_of(&reply),
                    Err(_) => None,
                };
                match accepted {
                    Some(true) => payers.iter().for_each(|payer| tally.acknowledged[*payer] += 1),
                    Some(false) => {}
                    None if Instant::now() < deadline => {
                        tokio::time::sleep(AGAIN_AFTER).await;
                        continue;
                    }
                    None => {
                        tally.failed += 1;
                        tally.say("a request was never answered".to_owned());
                    }
                }
                break;
            }
        }
    }
}

/// What became of a request that is sent again: charged, never to be charged, or not known yet.
fn became_of(reply: &Reply<'_>) -> Option<bool> {
    match reply.status {
        200 => Some(true),
        409 if contains(reply.body, "answer_not_kept") => Some(true),
        409 if contains(reply.body, "idempotency_key_spent") => Some(false),
        409 | 429 | 500.. => None,
        _ => Some(false),
    }
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn ask(job: Arc<Job>, mut connection: Connection, number: usize, asker: Asker, begin: Instant) {
    let (payer, means) = asker;
    let mut request = Vec::new();
    let mut due = begin;
    while due < job.span.end {
        tokio::time::sleep_until(due.into()).await;
        if !job.question.compose(&means, &mut request) {
            job.fail(number, "a voucher could not be signed".to_owned());
            return;
        }
        let sent = Instant::now();
        let verdict = match connection.exchange(&request).await {
            Ok(reply) => Verdict::of(&reply),
            Err(error) => Verdict::Unknown(error.to_string()),
        };
        let times = Times { due: sent, sent, answered: Instant::now() };
        if !job.note(number, payer, verdict, times, &request) {
            tokio::time::sleep(PAUSE).await;
        }
        // Whoever comes too late for its turn waits for the next one.
        let now = Instant::now();
        while due < now {
            due += job.pace;
        }
    }
}

impl Job {
    fn fail(&self, number: usize, what: String) {
        let mut shard = self.recorder.shard(number);
        shard.tally.failed += 1;
        shard.tally.say(what);
    }

    /// Notes what became of a request; whether it was answered.
    fn note(&self, number: usize, payer: usize, verdict: Verdict, times: Times, request: &[u8]) -> bool {
        match verdict {
            Verdict::Accepted => {
                self.recorder.shard(number).accept(&self.span, &times, &[payer]);
                return true;
            }
            Verdict::Refused if times.due >= self.span.warm => self.recorder.shard(number).tally.refused += 1,
            Verdict::Refused => {}
            Verdict::Unknown(why) => {
                let mut shard = self.recorder.shard(number);
                shard.tally.say(why);
                shard.tally.lost.push(Lost { request: request.to_vec(), payers: vec![payer] });
            }
            Verdict::Failed(what) => self.fail(number, what),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_sent_again_says_what_became_of_it() {
        let of = |status, code: &str| {
            let body = format!(r#"{{"code":"{code}"}}"#);
            became_of(&Reply { status, retry_after: None, body: body.as_bytes() })
        };
        assert_eq!((of(200, ""), of(409, "answer_not_kept")), (Some(true), Some(true)));
        assert_eq!((of(409, "idempotency_key_spent"), of(402, "insufficient_funds")), (Some(false), Some(false)));
        assert_eq!((of(409, "request_in_progress"), of(503, "unavailable")), (None, None));
    }
}
