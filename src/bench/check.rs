//! After each load: whether the log has exactly what was acknowledged, the journal sums to zero, and
//! nobody is beyond a limit; and how long the read models took to catch up.
//!
//! Requests whose answer did not come are sent again first, with the same key, until it does: then what was
//! acknowledged is known exactly.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::{CustomerId, SessionKeyId};
use eventstore::log::Log;
use sqlx::PgPool;
use uuid::Uuid;

use super::BenchError;
use super::http::Connection;
use super::server::Appends;
use super::tally::{Lost, Tally};
use super::verdict::Verdict;
use super::world::{Payer, World};

/// How long the read models may take to catch up.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(10);
/// How long requests without an answer are sent again, all together.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How many payers that differ are named.
const NAMED_MAX: usize = 5;

/// What is asked, and of whom.
pub struct Books {
    /// The database of log and read models.
    pub pool: PgPool,
    /// The log.
    pub log: Arc<dyn Log>,
    /// Where the run's events are.
    pub partition: i32,
    /// Every process that charges are sent to.
    pub servers: Vec<SocketAddr>,
    /// Who pays.
    pub world: Arc<World>,
}

/// How things stood before a load.
#[derive(Debug)]
pub struct Before {
    head: i64,
    appends: Appends,
    begun: Instant,
}

/// What was found after it.
#[derive(Debug)]
pub struct Checked {
    /// Charges that were acknowledged.
    pub acknowledged: u64,
    /// Requests that had to be sent again to know what became of them.
    pub asked_again: usize,
    /// Events of any kind a second, into the log.
    pub accept_rate: f64,
    /// The same into the slowest read model.
    pub drain_rate: f64,
    /// From the last answer until every read model had everything.
    pub catch_up: Duration,
    /// Events of an append, and how many milliseconds it took, on average.
    pub append: Option<(f64, f64)>,
    /// What is wrong.
    pub differences: Vec<String>,
}

impl Books {
    /// To be called before a load.
    pub async fn open(&self) -> Result<Before, BenchError> {
        let head = self.log.head(self.partition).await?.position;
        let appends = Appends::read(&self.world.composer, &self.servers).await?;
        Ok(Before { head, appends, begun: Instant::now() })
    }

    /// To be called when the loads since then are through. What they lost is looked up.
    pub async fn close(&self, before: Before, tallies: Vec<&mut Tally>) -> Result<Checked, BenchError> {
        let ended = Instant::now();
        let took = ended - before.begun;
        let head = self.log.head(self.partition).await?.position;
        let append = Appends::read(&self.world.composer, &self.servers).await?.means_since(&before.appends);
        let mut differences = Vec::new();
        differences.extend(self.wait_for_read_models(head).await?);
        let catch_up = ended.elapsed();
        let events = (head - before.head) as f64;

        let (mut acknowledged, mut asked_again) = (vec![0_u64; self.world.payers.len()], 0);
        for tally in tallies {
            asked_again += tally.lost.len();
            differences.extend(self.look_up(tally).await);
            acknowledged.iter_mut().zip(&tally.acknowledged).for_each(|(sum, own)| *sum += *own);
            if tally.failed > 0 {
                differences.push(format!("{} answers that nobody expected: {}", tally.failed, tally.said.join("; ")));
            }
        }
        let now = self.log.head(self.partition).await?.position;
        if now > head {
            differences.extend(self.wait_for_read_models(now).await?);
        }
        differences.extend(self.compare(&acknowledged, before.head, now).await?);
        differences.extend(self.unbalanced().await?);
        differences.extend(self.beyond_limits().await?);
        Ok(Checked {
            acknowledged: acknowledged.iter().sum(),
            asked_again,
            accept_rate: events / took.as_secs_f64(),
            drain_rate: events / (took + catch_up).as_secs_f64(),
            catch_up,
            append,
            differences,
        })
    }

    /// Waits until every read model has come to `head`; a difference when one does not.
    async fn wait_for_read_models(&self, head: i64) -> Result<Option<String>, BenchError> {
        let names: Vec<String> =
            projections::all().iter().map(|model| projections::checkpoint::live_name(model.as_ref())).collect();
        let deadline = Instant::now() + CAUGHT_UP_WITHIN;
        loop {
            let (position, halted): (i64, Option<String>) = sqlx::query_as(
                "select min(coalesce(c.position, 0)), string_agg(n.name || ' halted ' || c.halted, '; ')
                 from unnest($1::text[]) as n (name)
                 left join projection_checkpoints c on c.name = n.name and c.partition = $2",
            )
            .bind(&names)
            .bind(self.partition)
            .fetch_one(&self.pool)
            .await?;
            if position >= head {
                return Ok(None);
            }
            if halted.is_some() || Instant::now() >= deadline {
                let behind = head - position;
                return Ok(Some(halted.unwrap_or_else(|| format!("a read model is still {behind} events behind"))));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends what was lost again until it is answered, and counts what is accepted now.
    async fn look_up(&self, tally: &mut Tally) -> Option<String> {
        let mut connection = self.servers.first().map(|server| Connection::new(*server))?;
        let deadline = Instant::now() + ANSWERED_WITHIN;
        let mut unanswered = 0;
        for Lost { request, payers } in std::mem::take(&mut tally.lost) {
            loop {
                let verdicts = match connection.exchange(&request).await {
                    Ok(reply) if payers.len() > 1 => Verdict::of_batch(&reply, payers.len()),
                    Ok(reply) => vec![Verdict::of(&reply); payers.len().max(1)],
                    Err(error) => vec![Verdict::Unknown(error.to_string())],
                };
                let settled = !verdicts.iter().any(|verdict| matches!(verdict, Verdict::Unknown(_) | Verdict::Refused));
                if settled {
                    for (payer, _) in payers.iter().zip(&verdicts).filter(|(_, fared)| **fared == Verdict::Accepted) {
                        tally.acknowledged[*payer] += 1;
                    }
                    break;
                }
                if Instant::now() >= deadline {
                    unanswered += payers.len().max(1);
                    break;
                }
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
        (unanswered > 0).then(|| format!("{unanswered} requests were never answered: {}", tally.said.join("; ")))
    }

    /// Every payer's charges in the log against those that were acknowledged.
    async fn compare(&self, acknowledged: &[u64], from: i64, to: i64) -> Result<Vec<String>, BenchError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "select stream_id, count(*) from events
             where partition = $1 and position > $2 and position <= $3 and event_type in ('charged', 'captured')
             group by stream_id",
        )
        .bind(self.partition)
        .bind(from)
        .bind(to)
        .fetch_all(&self.pool)
        .await?;
        let rows: HashMap<&str, i64> = rows.iter().map(|(stream, count)| (stream.as_str(), *count)).collect();
        let streams: Vec<String> = self.world.payers.iter().map(Payer::stream).collect();
        let found: Vec<i64> = streams.iter().map(|stream| rows.get(stream.as_str()).copied().unwrap_or(0)).collect();
        Ok(differing(&streams, acknowledged, &found))
    }

    /// The journal's sums that are not zero.
    async fn unbalanced(&self) -> Result<Vec<String>, BenchError> {
        let rows: Vec<(Uuid, String, String, String)> = sqlx::query_as(
            "select organization_id, currency, sum(debits)::text, sum(credits)::text from journal_balances
             group by organization_id, currency having sum(debits) <> sum(credits)",
        )
        .fetch_all(&self.pool)
        .await?;
        let told = rows.into_iter().map(|(organization, currency, debits, credits)| {
            format!("the journal of {organization} in {currency} has {debits} of debits and {credits} of credits")
        });
        Ok(told.collect())
    }

    /// Payers of the run that are beyond what they may spend.
    async fn beyond_limits(&self) -> Result<Vec<String>, BenchError> {
        let (mut customers, mut sessions) = (Vec::new(), Vec::new());
        for payer in &self.world.payers {
            match payer {
                Payer::Account(id) => customers.extend(id.parse::<CustomerId>().map(CustomerId::uuid)),
                Payer::SessionKey(id) => sessions.extend(id.parse::<SessionKeyId>().map(SessionKeyId::uuid)),
            }
        }
        let rows: Vec<(Uuid, String)> = sqlx::query_as(
            "select q.customer_id, 'account ' || to_jsonb(q)::text from quota_customers q
             where q.customer_id = any($1) and (q.remaining < 0 or q.postpaid + q.held_postpaid > q.postpaid_limit)
             union all
             select s.session_key_id, 'session key ' || to_jsonb(s)::text from quota_sessions s
             where s.session_key_id = any($2) and s.charged + s.held > s.deposited - s.withdrawn",
        )
        .bind(&customers)
        .bind(&sessions)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(id, what)| format!("{id} is beyond its limit: {what}")).collect())
    }
}

fn differing(streams: &[String], acknowledged: &[u64], found: &[i64]) -> Vec<String> {
    let pairs = streams.iter().zip(acknowledged).zip(found);
    let differing = pairs.filter(|((_, acknowledged), found)| u64::try_from(**found) != Ok(**acknowledged));
    let mut told: Vec<String> = differing
        .map(|((stream, acknowledged), found)| {
            format!("{stream}: {acknowledged} charges were acknowledged, the log has {found}")
        })
        .collect();
    if told.len() > NAMED_MAX {
        let more = told.len() - NAMED_MAX;
        told.truncate(NAMED_MAX);
        told.push(format!("{more} more payers differ"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payers_that_differ_are_named_and_the_rest_counted() {
        let streams: Vec<String> = (0..10).map(|payer| format!("account:cus_{payer}")).collect();
        assert!(differing(&streams, &[3; 10], &[3; 10]).is_empty());
        let mut found = [3; 10];
        found[4] = 2;
        assert_eq!(
            differing(&streams, &[3; 10], &found),
            ["account:cus_4: 3 charges were acknowledged, the log has 2"]
        );
        let told = differing(&streams, &[3; 10], &[4; 10]);
        assert_eq!(told.len(), NAMED_MAX + 1);
        assert_eq!(told[NAMED_MAX], "5 more payers differ");
    }
}
