//! How the chain's worker fares, for those who ask another process: the table `chain_workers`. The worker notes what it
//! saw every few seconds, and since when each of its rounds has ended with the same error that does not pass by itself.

use std::time::Duration;

use domain::Timestamp;
use domain::evm::Address;
use eventstore::{StoreError, clock};
use sqlx::PgPool;
use tokio::time::Instant;

use super::listener::{Cursor, read_cursor};
use super::sights::signed;
use super::{Heard, RoundError, Worker};

/// How often what it saw is noted.
const NOTE_EVERY: Duration = Duration::from_secs(5);
/// What is kept of an error's words.
const WHY_CHARS_MAX: usize = 500;

/// How the worker fares, in its own memory.
#[derive(Default)]
pub(super) struct Fares {
    /// Since when it is stuck, and why.
    stuck: Option<(Timestamp, String)>,
    noted: Option<Instant>,
    /// Whether its last round was a good one.
    was_good: bool,
}

impl Fares {
    /// After a round. What cannot be noted now is noted later.
    pub(super) async fn note(&mut self, worker: &Worker, ended: &Result<Heard, RoundError>) {
        let is_due = self.noted.is_none_or(|at| at.elapsed() >= NOTE_EVERY);
        let has_changed = self.take(ended, clock::now());
        let is_good = matches!(ended, Ok(Heard::All | Heard::Again) | Err(RoundError::Stalled(_)));
        let is_back = !std::mem::replace(&mut self.was_good, is_good) && is_good;
        if !is_due && !has_changed && !is_back {
            return;
        }
        metrics::gauge!("tollbook_chain_stuck").set(if self.stuck.is_some() { 1.0 } else { 0.0 });
        match self.write(worker, is_good).await {
            Ok(()) => self.noted = Some(Instant::now()),
            Err(error) => tracing::debug!(%error, "how the chain's worker fares is not noted"),
        }
    }

    /// Takes in how a round ended. Gives whether that is news.
    fn take(&mut self, ended: &Result<Heard, RoundError>, now: Timestamp) -> bool {
        let why = match ended {
            Err(error) if !error.is_weather() => {
                Some(error.to_string().chars().take(WHY_CHARS_MAX).collect::<String>())
            }
            _ => None,
        };
        if self.stuck.as_ref().map(|(_, known)| known) == why.as_ref() {
            return false;
        }
        self.stuck = why.map(|why| (now, why));
        true
    }

    /// Notes it; after a good round also what was seen, and when.
    pub(super) async fn write(&self, worker: &Worker, is_good: bool) -> Result<(), StoreError> {
        let heads = worker.listener.heads.filter(|_| is_good);
        sqlx::query!(
            "insert into chain_workers as w (chain_id, contract, head_block, final_block, heard_at, stuck_since, stuck_why)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (chain_id, contract) do update
             set head_block = coalesce(excluded.head_block, w.head_block),
                 final_block = coalesce(excluded.final_block, w.final_block),
                 heard_at = coalesce(excluded.heard_at, w.heard_at),
                 stuck_since = excluded.stuck_since, stuck_why = excluded.stuck_why",
            worker.chain_id(),
            worker.contract(),
            heads.map(|(head, _)| signed(head)),
            heads.map(|(_, last_final)| signed(last_final)),
            heads.map(|_| clock::now()),
            self.stuck.as_ref().map(|(since, _)| *since),
            self.stuck.as_ref().map(|(_, why)| why.as_str())
        )
        .execute(&worker.context.pool)
        .await?;
        Ok(())
    }
}

/// How far a chain was read, and how its worker fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The last final block that was read.
    pub last_read: Option<u64>,
    /// How many confirmations of a halt were carried out.
    pub confirmations: u64,
    /// Whether it is read anew after it was set back.
    pub reads_anew: bool,
    /// The newest block, as the worker last saw it.
    pub head: Option<u64>,
    /// The newest final block, as it last saw it.
    pub last_final: Option<u64>,
    /// When that was.
    pub heard_at: Option<Timestamp>,
    /// Since when it is stuck, and why.
    pub stuck: Option<(Timestamp, String)>,
    /// What was told at first sight and is not final.
    pub sights: u64,
}

/// Reads it. `None` while no worker has ever followed this chain.
pub async fn status(pool: &PgPool, chain_id: u64, contract: Address) -> Result<Option<Status>, StoreError> {
    let (chain_id, contract) = (signed(chain_id), contract.to_string());
    let cursor = read_cursor(pool, chain_id, &contract).await?;
    let row = sqlx::query!(
        "select head_block, final_block, heard_at, stuck_since, stuck_why from chain_workers
         where chain_id = $1 and contract = $2",
        chain_id,
        contract
    )
    .fetch_optional(pool)
    .await?;
    let sights = sqlx::query_scalar!(
        r#"select count(*) as "count!" from chain_sights where chain_id = $1 and contract = $2"#,
        chain_id,
        contract
    )
    .fetch_one(pool)
    .await?;
    if cursor.is_none() && row.is_none() {
        return Ok(None);
    }
    let Cursor { last, confirmations, reads_anew } =
        cursor.unwrap_or(Cursor { last: None, confirmations: 0, reads_anew: false });
    let mut status = Status {
        last_read: last.map(|(number, _)| number),
        confirmations,
        reads_anew,
        sights: sights.unsigned_abs(),
        ..Status::default()
    };
    if let Some(row) = row {
        status.head = row.head_block.map(i64::unsigned_abs);
        status.last_final = row.final_block.map(i64::unsigned_abs);
        status.heard_at = row.heard_at;
        status.stuck = row.stuck_since.zip(row.stuck_why);
    }
    Ok(Some(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::ChainError;

    #[test]
    fn stuck_is_who_meets_the_same_error_that_does_not_pass() {
        let mut fares = Fares::default();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let denied = |why: &str| Err(RoundError::Denied(why.to_owned()));
        assert!(!fares.take(&Ok(Heard::All), at("2026-01-01T00:00:00Z")));
        assert!(fares.take(&denied("one"), at("2026-01-01T00:00:01Z")));
        assert!(!fares.take(&denied("one"), at("2026-01-01T00:00:02Z")));
        assert_eq!(fares.stuck, Some((at("2026-01-01T00:00:01Z"), "one".to_owned())), "since the first");
        assert!(fares.take(&denied("another"), at("2026-01-01T00:00:03Z")));
        assert_eq!(fares.stuck, Some((at("2026-01-01T00:00:03Z"), "another".to_owned())));
        let away = Err(RoundError::Chain(ChainError::Unavailable("no answer".to_owned())));
        assert!(fares.take(&away, at("2026-01-01T00:00:04Z")));
        assert_eq!(fares.stuck, None, "that passes by itself");
    }
}
