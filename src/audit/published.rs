//! The other way round: what settlers of this log have put on the chain must be in the log. Who takes settlements out of
//! the log cannot take their roots off the chain.

use std::collections::{BTreeSet, HashSet};

use chain::Client;
use chain::proof::{Published, published};
use chrono::TimeDelta;
use domain::evm::{Address, Bytes32};
use domain::settlement::{Settlement, SettlementEvent};
use domain::settler::{Settler, SettlerEvent};
use domain::{Aggregate, EventPayload, RecordedEvent, Timestamp};
use eventstore::StoreError;
use eventstore::log::Log;
use eventstore::postgres::PostgresLog;

use super::anchored::{Verdict, unreadable};

type Error = Box<dyn std::error::Error>;

/// Events that are read at a time, and blocks.
const PAGE: i64 = 1_000;
const BLOCKS: u64 = 20_000;
/// Clocks of this log and of the chain differ by less.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::hours(1);

/// What a log knows of its settlements.
#[derive(Debug, Default)]
struct Known {
    /// Every root that was ever planned.
    roots: HashSet<Bytes32>,
    /// Whoever has settled for it on this chain.
    settlers: BTreeSet<Address>,
    /// When it took its first event.
    begun: Option<Timestamp>,
}

impl Known {
    fn take_in(&mut self, recorded: &RecordedEvent, chain_id: u64) -> Result<(), StoreError> {
        self.begun = Some(self.begun.map_or(recorded.recorded_at, |begun| begun.min(recorded.recorded_at)));
        let (event_type, schema, payload) = (recorded.event_type.as_str(), recorded.schema, &recorded.payload);
        match (recorded.stream_id.category(), event_type) {
            (Settlement::CATEGORY, "planned") => {
                if let SettlementEvent::Planned(planned) = SettlementEvent::decode(event_type, schema, payload)? {
                    self.roots.insert(planned.evidence_root);
                }
            }
            (Settler::CATEGORY, "opened") => {
                if let SettlerEvent::Opened(opened) = SettlerEvent::decode(event_type, schema, payload)?
                    && opened.chain_id == chain_id
                {
                    self.settlers.insert(opened.address);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads the whole log.
    async fn read(log: &PostgresLog, chain_id: u64) -> Result<Self, StoreError> {
        let mut known = Self::default();
        for partition in log.partitions().await? {
            let mut after = 0;
            loop {
                let page = log.read(partition, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.position;
                for recorded in &page {
                    known.take_in(recorded, chain_id)?;
                }
            }
        }
        Ok(known)
    }

    /// Why a batch is not of this log, though one of its settlers sent it.
    fn misses(&self, batch: &Published) -> Option<String> {
        let Published { evidence_root, payee, settler, tx_hash, block_number } = batch;
        let is_missing = self.settlers.contains(settler) && !self.roots.contains(evidence_root);
        is_missing.then(|| {
            format!(
                "transaction {tx_hash} in block {block_number}: the settler {settler} published the evidence root \
                 {evidence_root} for {payee}, and no settlement of the log has it"
            )
        })
    }
}

/// What was compared.
pub struct Compared {
    /// Batches on the chain that settlers of this log have sent.
    pub batches: u64,
    /// Up to this block.
    pub block: u64,
}

/// Refuses to begin above what is final: nothing would be read, and nothing found.
pub async fn reaches(client: &Client, from_block: u64) -> Result<(), Error> {
    match client.finalized().await? {
        Some(last) if from_block <= last.number => Ok(()),
        Some(last) => {
            Err(format!("--from-block {from_block}: the chain is final up to block {} only", last.number).into())
        }
        None => Err(format!("--from-block {from_block}: nothing of the chain is final yet").into()),
    }
}

/// Whether each batch that settlers of this log have put on the chain is in the log. `settlers` are those that the
/// settings name: whoever can write in the log can take its own out. `from_block` is where reading begins; an hour before
/// the log's first event when left out. `None` when nobody is known who has settled.
pub async fn verify(
    log: &PostgresLog,
    client: &Client,
    settlers: &[Address],
    from_block: Option<u64>,
) -> Verdict<Option<Compared>> {
    // A plan is in the log before its transaction is in a block: so the chain is asked first.
    let Some(last) = client.finalized().await? else { return Ok(Ok(None)) };
    let mut known = match Known::read(log, client.settings().network.chain_id).await {
        Ok(known) => known,
        Err(error) => return unreadable(error),
    };
    known.settlers.extend(settlers);
    if known.settlers.is_empty() {
        return Ok(Ok(None));
    }
    let mut next = match (from_block, known.begun) {
        (Some(block), _) => block,
        (None, Some(begun)) if !client.settings().network.is_local => {
            before(client, begun - CLOCKS_DIFFER, last.number).await?
        }
        (None, _) => 0,
    };
    let mut batches = 0;
    while next <= last.number {
        let to = last.number.min(next.saturating_add(BLOCKS - 1));
        for batch in published(client, next, to).await? {
            if let Some(why) = known.misses(&batch) {
                return Ok(Err(why));
            }
            batches += u64::from(known.settlers.contains(&batch.settler));
        }
        next = to + 1;
    }
    Ok(Ok(Some(Compared { batches, block: last.number })))
}

/// The last block before a time; 0 when there is none.
async fn before(client: &Client, time: Timestamp, last: u64) -> Result<u64, Error> {
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match client.block_at(middle).await? {
            Some(block) if block.time < time => low = middle,
            _ => high = middle - 1,
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_on_the_chain_must_be_in_the_log() {
        let root = |n: u8| Bytes32([n; 32]);
        let settler = |n: u8| Address([n; 20]);
        let known =
            Known { roots: HashSet::from([root(1), root(2)]), settlers: BTreeSet::from([settler(1)]), begun: None };
        let batch = |settled_by: u8, evidence_root: u8| Published {
            evidence_root: root(evidence_root),
            payee: Address([9; 20]),
            settler: settler(settled_by),
            tx_hash: root(8),
            block_number: 77,
        };
        assert_eq!(known.misses(&batch(1, 1)), None);
        assert_eq!(known.misses(&batch(2, 3)), None, "somebody else settles for the same payee");
        let told = known.misses(&batch(1, 3)).unwrap();
        assert!(told.contains("block 77") && told.contains(&root(3).to_string()), "{told}");
    }
}
