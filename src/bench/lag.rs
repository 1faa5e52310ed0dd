//! How long after a charge was answered a read model shows it, while the server is under load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval_at};

use super::http::Connection;
use super::pick::Rng;
use super::tally::{Latencies, Lost, latencies, micros};
use super::verdict::{Verdict, last_text};
use super::work::Job;
use super::world::Payer;

/// Between two samples, when the first is through by then.
const EVERY: Duration = Duration::from_millis(20);
/// How long a sample may take.
const VISIBLE_WITHIN: Duration = Duration::from_secs(60);

/// One sample after the other, until the load ends: charges a customer, then asks at once for its quotas as
/// of that charge's position. From the answer of the first to the answer of the second is the lag.
pub async fn sample(job: Arc<Job>, server: SocketAddr) -> Latencies {
    let mut lag = latencies();
    let accounts = job.world.payers.iter().enumerate().filter_map(|(index, payer)| match payer {
        Payer::Account(id) => Some((index, id.as_str())),
        Payer::SessionKey(_) => None,
    });
    let accounts: Vec<(usize, &str)> = accounts.collect();
    if accounts.is_empty() {
        return lag;
    }
    let (mut connection, mut rng) = (Connection::new(server), Rng::new(0x1a6));
    let mut every = interval_at(job.span.start.into(), EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if Instant::now() >= job.span.end {
            return lag;
        }
        let (payer, id) = accounts[rng.below(accounts.len())];
        let Some(position) = charge(&job, &mut connection, payer).await else { continue };
        let answered = Instant::now();
        let path = format!("/v1/quotas?customer_id={id}&min_position={position}");
        let visible = until_visible(&job, &mut connection, &job.world.composer.get(&path)).await;
        if visible && answered >= job.span.warm {
            lag.saturating_record(micros(answered.elapsed()));
        }
    }
}

/// Where the charge is in the log, when it was accepted.
async fn charge(job: &Job, connection: &mut Connection, payer: usize) -> Option<String> {
    let mut request = Vec::new();
    job.world.charges[payer].fill(job.world.number(), &mut request);
    let (verdict, position) = match connection.exchange(&request).await {
        Ok(reply) => (Verdict::of(&reply), last_text(reply.body, "position").map(str::to_owned)),
        Err(error) => (Verdict::Unknown(error.to_string()), None),
    };
    let mut shard = job.recorder.shard(0);
    let tally = &mut shard.tally;
    match verdict {
        Verdict::Accepted => {
            tally.acknowledged[payer] += 1;
            return position;
        }
        Verdict::Refused => {}
        Verdict::Unknown(why) => {
            tally.say(why);
            tally.lost.push(Lost { request, payers: vec![payer] });
        }
        Verdict::Failed(what) => {
            tally.failed += 1;
            tally.say(what);
        }
    }
    None
}

/// The server waits for 2 s and then says that it is not there yet: it is asked again.
async fn until_visible(job: &Job, connection: &mut Connection, request: &[u8]) -> bool {
    let deadline = Instant::now() + VISIBLE_WITHIN;
    while Instant::now() < deadline {
        let what = match connection.exchange(request).await {
            Ok(reply) if reply.status == 200 => return true,
            Ok(reply) if reply.status == 503 => continue,
            Ok(reply) => format!("the query was answered with {}", reply.status),
            Err(error) => format!("the query was not answered: {error}"),
        };
        let mut shard = job.recorder.shard(0);
        shard.tally.failed += 1;
        shard.tally.say(what);
        return false;
    }
    false
}
