//! Walks the log and recomputes its hash chain: `tollbook verify`.
//!
//! Found is: a row that was changed (its digest), a row that is missing or was put in (positions,
//! versions of streams), a row whose digest was changed along (the chain of its batch), and a log
//! that was cut at its end (the head knows better).

use std::collections::HashMap;

use domain::RecordedEvent;
use domain::envelope::chain_link;
use sqlx::PgPool;

use crate::StoreError;
use crate::log::Log;
use crate::postgres::PostgresLog;

/// Batches read at a time: up to 500 events each.
const PAGE: i64 = 100;

/// What the walk found in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The partition.
    pub partition: i32,
    /// Events that were read.
    pub events: i64,
    /// Links of the chain that were recomputed.
    pub batches: i64,
    /// The last link, in hex: what can be noted elsewhere.
    pub chain: String,
    /// What is wrong, the first few, in order of positions.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub position: i64,
    /// What.
    pub what: String,
}

/// How many findings are listed before the walk gives up.
pub const FINDINGS_MAX: usize = 20;

struct Link {
    first_position: i64,
    last_position: i64,
    recorded_at: domain::Timestamp,
    chain: Vec<u8>,
}

/// Verifies one partition up to the head it has now; appends may go on meanwhile.
pub async fn verify(pool: &PgPool, partition: i32) -> Result<Verified, StoreError> {
    let log = PostgresLog::new(pool.clone());
    let head = log.head(partition).await?;
    let mut walk = Walk::new(partition);
    let mut after = 0;
    loop {
        let links = links(pool, partition, after, head.position).await?;
        let (Some(first), Some(last)) = (links.first(), links.last().map(|link| link.last_position)) else { break };
        // The rows as they are, with whatever holes: those are for the walk to find.
        let rows = log.read_between(partition, first.first_position.min(after + 1), last).await?;
        let mut rest = rows.as_slice();
        for link in &links {
            let here = rest.partition_point(|event| event.position <= link.last_position);
            let (events, later) = rest.split_at(here);
            rest = later;
            walk.batch(link, events);
            if walk.findings.len() >= FINDINGS_MAX {
                return Ok(walk.done());
            }
        }
        after = last;
    }
    if walk.position < head.position {
        walk.find(
            walk.position + 1,
            format!(
                "the log ends at position {}, its head says {}: the last {} rows are missing",
                walk.position,
                head.position,
                head.position - walk.position
            ),
        );
    } else if walk.chain != head.chain {
        walk.find(head.position, "the head's chain is not that of the last batch".to_owned());
    }
    let beyond = sqlx::query_scalar!(
        r#"select min(e.position) as "position" from events e, log_head h
           where e.partition = $1 and h.partition = $1 and e.position > h.position"#,
        partition
    )
    .fetch_one(pool)
    .await?;
    if let Some(position) = beyond {
        walk.find(position, "a row stands beyond the head of the log".to_owned());
    }
    Ok(walk.done())
}

async fn links(pool: &PgPool, partition: i32, after: i64, until: i64) -> Result<Vec<Link>, StoreError> {
    Ok(sqlx::query_as!(
        Link,
        "select first_position, last_position, recorded_at, chain from log_batches
         where partition = $1 and last_position > $2 and last_position <= $3 order by last_position limit $4",
        partition,
        after,
        until,
        PAGE
    )
    .fetch_all(pool)
    .await?)
}

struct Walk {
    partition: i32,
    position: i64,
    events: i64,
    batches: i64,
    chain: Vec<u8>,
    versions: HashMap<String, i64>,
    findings: Vec<Finding>,
}

impl Walk {
    fn new(partition: i32) -> Self {
        let (versions, findings) = Default::default();
        Self { partition, position: 0, events: 0, batches: 0, chain: vec![0; 32], versions, findings }
    }

    fn find(&mut self, position: i64, what: String) {
        self.findings.push(Finding { position, what });
    }

    fn batch(&mut self, link: &Link, events: &[RecordedEvent]) {
        let before = self.findings.len();
        if link.first_position != self.position + 1 {
            self.find(
                self.position + 1,
                format!("a batch of the chain is missing before position {}", link.first_position),
            );
        }
        let mut expected = link.first_position;
        for event in events {
            if event.position != expected {
                self.find(expected, format!("rows {expected} to {} are missing", event.position - 1));
            }
            expected = event.position + 1;
            self.event(event, link);
        }
        if expected <= link.last_position {
            self.find(expected, format!("rows {expected} to {} are missing", link.last_position));
        }
        let digests = events.iter().map(|event| event.digest.as_slice());
        let chain = chain_link(&self.chain, link.first_position, link.recorded_at, digests);
        // With a row already named, the broken link only says the same again.
        if self.findings.len() == before && chain[..] != link.chain[..] {
            let what = format!(
                "the chain of the batch {} to {} does not match its rows",
                link.first_position, link.last_position
            );
            self.find(link.first_position, what);
        }
        self.chain = link.chain.clone();
        self.position = link.last_position;
        self.batches += 1;
    }

    fn event(&mut self, event: &RecordedEvent, link: &Link) {
        self.events += 1;
        if event.computed_digest()[..] != event.digest[..] {
            let what = format!(
                "event evt_{} of stream {} was changed: its content does not match its digest",
                domain::ids::encode(event.event_id),
                event.stream_id
            );
            self.find(event.position, what);
        } else if event.recorded_at != link.recorded_at {
            self.find(event.position, "its recorded_at is not that of its batch".to_owned());
        }
        let version = self.versions.entry(event.stream_id.as_str().to_owned()).or_insert(0);
        let expected = *version + 1;
        *version = event.version;
        if event.version != expected {
            let what = format!("stream {} has version {} after {}", event.stream_id, event.version, expected - 1);
            self.find(event.position, what);
        }
    }

    fn done(self) -> Verified {
        let chain = self.chain.iter().map(|b| format!("{b:02x}")).collect();
        Verified {
            partition: self.partition,
            events: self.events,
            batches: self.batches,
            chain,
            findings: self.findings,
        }
    }
}
