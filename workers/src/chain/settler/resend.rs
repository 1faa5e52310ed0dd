//! Sends once more what a chain that was set back has lost: the very bytes that stand in the log, in the order of their
//! nonces. The chain takes each once. Until that is done nothing new gets a nonce. What does not pay as it did at first,
//! because the chain has lost for good what it was paid from, is told to whoever operates this (see `unpaid`).

use std::collections::{BTreeMap, HashMap, HashSet};

use chain::ChainError;
use domain::evm::{Bytes32, HexBytes};
use domain::ids::TransactionId;
use domain::settler::{Resend, Settler, SettlerCommand, SettlerEvent, StallReason};
use domain::{EventPayload, RecordedEvent};
use eventstore::StoreError;
use eventstore::entity::Loaded;
use eventstore::postgres::EventFilter;
use tokio::time::Instant;

use super::super::listener::installation;
use super::super::{RoundError, caused};
use super::{IN_FLIGHT_MAX, Queue, SEND_AGAIN_AFTER, View};

/// Events that are read at a time.
pub(super) const PAGE: i64 = 200;

/// What is being sent again.
pub(super) struct Resending {
    range: Resend,
    /// Where the log has the bytes, by nonce.
    positions: BTreeMap<u64, i64>,
    /// When each was last handed to the node.
    handed_over: HashMap<u64, Instant>,
    /// What was final once, and went through, by nonce, as far as it was not told whether it does so again.
    pub(super) paid: BTreeMap<u64, (TransactionId, Bytes32)>,
    /// What of it was found in no block: the node may be behind.
    pub(super) missing: HashSet<u64>,
    /// The nonce that the nodes did not take, and what they said.
    refused: Option<(u64, StallReason, String)>,
}

impl Queue {
    /// Hands over the next ones. It is done when all of them are in blocks for good.
    pub(super) async fn resend(&mut self, queue: &Loaded<Settler>, view: View) -> Result<(), RoundError> {
        let Some(range) = queue.state.resend else { return Ok(()) };
        let (address, Resend { first_nonce, last_nonce }) = (self.address(), range);
        let is_done = self.final_nonce(view).await? > last_nonce;
        let mut resending = match self.memory.resending.take().filter(|resending| resending.range == range) {
            Some(resending) => resending,
            None => {
                if !is_done {
                    tracing::warn!(%address, first_nonce, last_nonce, "what was signed is sent again");
                }
                self.find_bytes(range).await?
            }
        };
        if is_done {
            let told = self.tell_unpaid(&mut resending).await;
            let is_told = resending.paid.is_empty();
            self.memory.resending = Some(resending);
            told?;
            if !is_told {
                return Ok(());
            }
            tracing::info!(%address, first_nonce, last_nonce, "what was sent again is in blocks for good");
            let cause = caused(&[b"resent", self.stream().as_str().as_bytes(), &queue.version.to_be_bytes()]);
            self.command(cause, SettlerCommand::RecordResent).await?;
            self.memory.resending = None;
            return Ok(());
        }
        let done = self.hand_over(&queue.state, view, &mut resending).await;
        if let Some((_, reason, why)) = &resending.refused {
            self.stall(*reason, None, why.clone());
        }
        self.memory.resending = Some(resending);
        done
    }

    async fn hand_over(&mut self, settler: &Settler, view: View, resending: &mut Resending) -> Result<(), RoundError> {
        let Resend { first_nonce, last_nonce } = resending.range;
        resending.refused.take_if(|(nonce, ..)| *nonce < view.mined_nonce);
        // What is in the queue is sent from there, and replaced when it pays too little.
        let queued: HashSet<u64> = settler.queue.iter().filter_map(|queued| queued.nonce()).collect();
        let last = last_nonce.min(view.mined_nonce.saturating_add(IN_FLIGHT_MAX - 1));
        for nonce in first_nonce.max(view.mined_nonce)..=last {
            let is_fresh = resending.handed_over.get(&nonce).is_some_and(|at| at.elapsed() < SEND_AGAIN_AFTER);
            if is_fresh || queued.contains(&nonce) {
                continue;
            }
            let Some(raw) = self.bytes_at(resending.positions.get(&nonce).copied()).await? else {
                let why = format!(
                    "the chain has lost nonce {nonce}, which no transaction of ours had: send one with this key and \
                     nonce {nonce}, for example of nothing to itself"
                );
                self.stall(StallReason::Gap, None, why);
                return Ok(());
            };
            match self.client.send(&raw).await {
                Ok(()) | Err(ChainError::NonceTooLow) => {
                    resending.refused.take_if(|(refused, ..)| *refused == nonce);
                }
                Err(ChainError::NoGasMoney(why)) => {
                    self.stall(StallReason::NoGasMoney, None, why);
                    return Ok(());
                }
                Err(ChainError::Underpriced(why)) => {
                    let fixed = "its bytes are those that were final once, and cannot pay more";
                    let why = format!("the transaction with nonce {nonce} is not taken: {why}; {fixed}");
                    resending.refused = Some((nonce, StallReason::Underpriced, why));
                    resending.handed_over.insert(nonce, Instant::now());
                    return Ok(());
                }
                Err(ChainError::NotTaken(why)) => {
                    let why = format!("the transaction with nonce {nonce} is not taken: {why}");
                    resending.refused = Some((nonce, StallReason::NotTaken, why));
                    resending.handed_over.insert(nonce, Instant::now());
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
            resending.handed_over.insert(nonce, Instant::now());
        }
        Ok(())
    }

    /// Looks for the bytes in the log, the newest first.
    async fn find_bytes(&self, range: Resend) -> Result<Resending, RoundError> {
        let types = ["signed", "replaced", "finalized"].map(str::to_owned).to_vec();
        let filter = EventFilter {
            streams: Some(vec![self.stream().as_str().to_owned()]),
            event_types: Some(types),
            newest_first: true,
            ..EventFilter::default()
        };
        let mut bytes = Bytes::new(range);
        let mut before = i64::MAX;
        loop {
            let page = self.log.events_of(installation(), before, PAGE, &filter).await?;
            let Some(last) = page.last() else { break };
            before = last.position;
            for recorded in &page {
                bytes.take_in(&decode(recorded)?, recorded.position);
            }
            if bytes.is_complete {
                break;
            }
        }
        let Bytes { positions, paid, .. } = bytes;
        let (handed_over, missing) = (HashMap::new(), HashSet::new());
        Ok(Resending { range, positions, handed_over, paid, missing, refused: None })
    }

    async fn bytes_at(&self, position: Option<i64>) -> Result<Option<HexBytes>, RoundError> {
        let Some(position) = position else { return Ok(None) };
        let found = self.log.read_between(self.partition, position, position).await?;
        let Some(recorded) = found.first() else { return Ok(None) };
        Ok(match decode(recorded)? {
            SettlerEvent::Signed(signed) => Some(signed.raw),
            SettlerEvent::Replaced(replaced) => Some(replaced.raw),
            _ => None,
        })
    }
}

pub(super) fn decode(recorded: &RecordedEvent) -> Result<SettlerEvent, RoundError> {
    let decoded = SettlerEvent::decode(&recorded.event_type, recorded.schema, &recorded.payload);
    Ok(decoded.map_err(StoreError::from)?)
}

/// Which bytes of each nonce are to be sent: those that were final, else the newest. Takes events in from the newest to
/// the oldest.
pub(super) struct Bytes {
    range: Resend,
    /// By hash whether it went through.
    was_final: HashMap<Bytes32, bool>,
    pub positions: BTreeMap<u64, i64>,
    /// What was final and went through, by nonce.
    pub paid: BTreeMap<u64, (TransactionId, Bytes32)>,
    /// What is older has nonces below these.
    pub is_complete: bool,
}

impl Bytes {
    pub fn new(range: Resend) -> Self {
        let (positions, paid) = (BTreeMap::new(), BTreeMap::new());
        Self { range, was_final: HashMap::new(), positions, paid, is_complete: false }
    }

    pub fn take_in(&mut self, event: &SettlerEvent, position: i64) {
        match event {
            SettlerEvent::Finalized(e) => {
                self.was_final.insert(e.tx_hash, e.succeeded);
            }
            SettlerEvent::Signed(e) => {
                // Nonces only grow, and what was replaced was signed before.
                self.is_complete |= e.nonce <= self.range.first_nonce;
                self.offer(e.nonce, (e.transaction_id, e.tx_hash), position);
            }
            SettlerEvent::Replaced(e) => self.offer(e.nonce, (e.transaction_id, e.tx_hash), position),
            _ => {}
        }
    }

    fn offer(&mut self, nonce: u64, (id, tx_hash): (TransactionId, Bytes32), position: i64) {
        if !(self.range.first_nonce..=self.range.last_nonce).contains(&nonce) {
            return;
        }
        match self.was_final.get(&tx_hash) {
            Some(went_through) => {
                self.positions.insert(nonce, position);
                if *went_through {
                    self.paid.insert(nonce, (id, tx_hash));
                }
            }
            None => {
                self.positions.entry(nonce).or_insert(position);
            }
        }
    }
}
