//! The settler's queue: signs what is next, sends what is signed, follows what was sent until it is
//! final, and tells the streams that wait for it.
//!
//! The signed bytes are in the log before a node sees them. After a crash at any point the same bytes
//! are sent again, with the same nonce: the chain takes them once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chain::ChainError;
use chain::client::{RELAY_GAS_MAX, Receipt};
use chain::facts;
use chain::settler::Draft;
use chrono::TimeDelta;
use domain::evm::{Bytes32, HexBytes};
use domain::ids::{OrganizationId, SettlementId, TransactionId};
use domain::money::Currency;
use domain::session_key::command::{Action as KeyAction, SessionKeyCommand};
use domain::session_key::{INDEX_CHAIN_SESSION, SessionKey};
use domain::settlement::{
    Action, Finalized, Mined as SettlementMined, Settlement, SettlementCommand, SkippedClaim, Status, Submitted,
};
use domain::settler::{Mined, Opened, Purpose, Queued, Settler, SettlerCommand, Signed};
use domain::{Aggregate, StreamId};
use eventstore::clock;
use tokio::time::Instant;

use uuid::Uuid;

use super::listener::installation;
use super::{RoundError, Worker, caused};

/// Transactions that are signed in one round.
const SIGN_MAX: usize = 50;
/// Transactions that may wait for a block at a time: nodes keep only so many of one sender.
const IN_FLIGHT_MAX: usize = 60;
/// Room above the estimate, in hundredths: what a call takes changes with what came before it.
const GAS_ROUND_UP_PERCENT: u64 = 130;
/// The most gas a transaction may take: chains refuse more (EIP-7825), and one that is refused after it has
/// its nonce would hold up all that follow.
const GAS_MAX: u64 = 1 << 24;
/// What waits for a block is handed to the node again after this.
const SEND_AGAIN_AFTER: Duration = Duration::from_secs(15);
/// The first retry comes after twice this, each further one after twice as long as the one before.
const RETRY_AFTER_SECS: i64 = 2;

/// What is remembered between rounds; losing it costs only work.
#[derive(Default)]
pub struct State {
    /// When what waits for a block was last handed to the node.
    handed_over: HashMap<TransactionId, Instant>,
}

impl Worker {
    fn settler_stream(&self) -> StreamId {
        StreamId::new(Settler::CATEGORY, format!("{}-{}", self.network().chain_id, self.chain.key.address()))
    }

    /// Another settler's queue is another cause: after a change of keys what waits is sent anew.
    pub(super) fn caused_here(&self, step: &[u8], id: TransactionId) -> Uuid {
        caused(&[step, self.settler_stream().as_str().as_bytes(), id.uuid().as_bytes()])
    }

    pub(super) async fn load_settler(&self) -> Result<Settler, RoundError> {
        Ok(self.context.ledger.load::<Settler>(&self.settler_stream()).await?.state)
    }

    /// A command to the settler. `Ok(false)` when it was denied: another process was faster.
    pub(super) async fn command_settler(&self, cause: Uuid, command: SettlerCommand) -> Result<bool, RoundError> {
        let stream = self.settler_stream();
        let done = self.execute::<Settler>(installation(), self.partition, stream, cause, command).await?;
        if let Err(denied) = &done {
            tracing::debug!(%denied, "the settler's queue has moved on");
        }
        Ok(done.is_ok())
    }

    /// Begins the settler when it was not begun.
    pub(super) async fn open_settler(&self) -> Result<Settler, RoundError> {
        let settler = self.load_settler().await?;
        if settler.opened.is_some() {
            return Ok(settler);
        }
        let address = self.chain.key.address();
        let first_nonce = self.chain.client.nonce(address).await?;
        let chain_id = self.network().chain_id;
        let opened = Opened { chain_id, address, first_nonce };
        let cause = caused(&[b"open settler", &chain_id.to_be_bytes(), &address.0]);
        self.command_settler(cause, SettlerCommand::Open(opened)).await?;
        self.load_settler().await
    }

    pub(super) async fn settle(&mut self) -> Result<(), RoundError> {
        let settler = self.open_settler().await?;
        if settler.queue.is_empty() {
            self.settler.handed_over.clear();
            return Ok(());
        }
        let mined_nonce = self.chain.client.mined_nonce(self.chain.key.address()).await?;
        self.follow(&settler, mined_nonce).await?;
        // What cannot be signed does not keep what is signed from being sent.
        let signed = self.sign(settler).await;
        self.send(mined_nonce).await?;
        self.dismiss().await?;
        signed
    }

    async fn hand_over(&self, raw: &HexBytes) -> Result<(), RoundError> {
        match self.chain.client.send(raw).await {
            Ok(()) => Ok(()),
            // It is in a block already: what became of it is asked in the next round.
            Err(ChainError::Unavailable(why)) if why.to_lowercase().contains("nonce too low") => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives nonces and signatures, in order.
    async fn sign(&self, settler: Settler) -> Result<(), RoundError> {
        let mut nonce = settler.next_nonce;
        let in_flight = settler.queue.iter().filter(|queued| queued.signed.is_some() && queued.mined.is_none()).count();
        let room = IN_FLIGHT_MAX.saturating_sub(in_flight).min(SIGN_MAX);
        let unsigned =
            settler.queue.iter().filter(|queued| queued.signed.is_none() && queued.rejected.is_none()).take(room);
        let mut fees = None;
        for queued in unsigned {
            let fees = match fees {
                Some(fees) => fees,
                None => *fees.insert(self.chain.client.fees().await?),
            };
            if self.is_superseded(queued.purpose).await? {
                self.reject(queued, "another attempt took its place").await?;
                continue;
            }
            let from = self.chain.key.address();
            let gas = match self.chain.client.estimate_gas(from, queued.to, &queued.calldata).await {
                Ok(gas) if gas <= gas_max(queued.purpose) => gas,
                Ok(gas) => {
                    self.reject(queued, &format!("it would take {gas} gas, more than is allowed")).await?;
                    continue;
                }
                Err(ChainError::Refused { detail, .. }) => {
                    self.reject(queued, &detail).await?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let draft = Draft {
                chain_id: self.network().chain_id,
                nonce,
                to: queued.to,
                calldata: queued.calldata.clone(),
                gas_limit: (gas.saturating_mul(GAS_ROUND_UP_PERCENT) / 100).min(GAS_MAX),
                max_fee_wei: fees.max_fee_wei,
                priority_fee_wei: fees.priority_fee_wei,
            };
            let (tx_hash, raw) = self.chain.key.sign(&draft).map_err(|e| RoundError::Denied(e.to_string()))?;
            let signed = Signed {
                transaction_id: queued.id,
                nonce,
                tx_hash,
                raw,
                gas_limit: draft.gas_limit,
                max_fee_wei: draft.max_fee_wei,
                priority_fee_wei: draft.priority_fee_wei,
            };
            let cause = self.caused_here(b"sign", queued.id);
            let own = self.execute::<Settler>(
                installation(),
                self.partition,
                self.settler_stream(),
                cause,
                SettlerCommand::Sign(Box::new(signed)),
            );
            // Signed by another process meanwhile: its bytes count, and the next round sees them.
            let Ok(eventstore::Executed::Done { replayed: false, .. }) = own.await? else { return Ok(()) };
            nonce += 1;
        }
        Ok(())
    }

    /// Whether a settlement has gone on to another attempt, or to its end: this one must not be sent.
    async fn is_superseded(&self, purpose: Purpose) -> Result<bool, RoundError> {
        let Purpose::Settlement { settlement_id, attempt, .. } = purpose else { return Ok(false) };
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        let state = self.context.ledger.load::<Settlement>(&stream).await?.state;
        Ok(state.attempt() != attempt || state.status != Status::Planned)
    }

    /// It will not be sent, and takes no nonce. The queue decides that first: a worker that looks at an old
    /// queue must not tell anybody that something failed which another one has sent.
    async fn reject(&self, queued: &Queued, reason: &str) -> Result<(), RoundError> {
        let cause = self.caused_here(b"reject", queued.id);
        self.command_settler(cause, SettlerCommand::Reject { id: queued.id, reason: reason.to_owned() }).await?;
        Ok(())
    }

    /// Tells who waits for what will not be sent; then it leaves the queue.
    async fn dismiss(&self) -> Result<(), RoundError> {
        let settler = self.load_settler().await?;
        for queued in &settler.queue {
            let Some(reason) = &queued.rejected else { continue };
            if !self.is_superseded(queued.purpose).await? {
                self.tell_failed(queued.purpose, reason).await?;
            }
            let cause = self.caused_here(b"dismiss", queued.id);
            self.command_settler(cause, SettlerCommand::Dismiss(queued.id)).await?;
        }
        Ok(())
    }

    /// Sends what is signed and in no block, in the order of its nonces. A node may forget what waits, for
    /// example when it is started anew: the same bytes are handed over again now and then.
    async fn send(&mut self, mined_nonce: u64) -> Result<(), RoundError> {
        let settler = self.load_settler().await?;
        let known: HashSet<TransactionId> = settler.queue.iter().map(|queued| queued.id).collect();
        self.settler.handed_over.retain(|id, _| known.contains(id));
        for queued in &settler.queue {
            let Some(signed) = queued.signed.as_ref().filter(|signed| signed.nonce >= mined_nonce) else { continue };
            let last = self.settler.handed_over.get(&queued.id);
            if queued.sent && last.is_some_and(|at| at.elapsed() < SEND_AGAIN_AFTER) {
                continue;
            }
            if let Purpose::Settlement { organization_id, partition, settlement_id, attempt } = queued.purpose {
                let submitted = Submitted { attempt, tx_hash: signed.tx_hash, nonce: signed.nonce };
                let settlement = (organization_id, partition, settlement_id);
                self.tell_settlement(settlement, "submitted", attempt, Action::Submit(submitted)).await?;
            }
            self.hand_over(&signed.raw).await?;
            self.settler.handed_over.insert(queued.id, Instant::now());
            if !queued.sent {
                let cause = self.caused_here(b"sent", queued.id);
                self.command_settler(cause, SettlerCommand::RecordSent(queued.id)).await?;
            }
        }
        Ok(())
    }

    /// Looks what became of what was sent.
    async fn follow(&self, settler: &Settler, mined_nonce: u64) -> Result<(), RoundError> {
        let finalized = self.chain.client.finalized().await?.map_or(0, |block| block.number);
        for queued in &settler.queue {
            let Some(signed) = &queued.signed else { continue };
            let awaits_finality = queued.mined.as_ref().is_some_and(|mined| mined.block_number > finalized);
            // Below this nonce everything is in a block; above it nothing is.
            if awaits_finality || signed.nonce >= mined_nonce {
                continue;
            }
            let Some(receipt) = self.chain.client.receipt(signed.tx_hash).await? else { continue };
            let Some(mined) = mined_of(queued.id, &receipt) else { continue };
            if queued.mined.as_ref() != Some(&mined) {
                self.record_mined(queued, &mined).await?;
            }
            if mined.block_number <= finalized {
                self.conclude(queued, &mined, &receipt).await?;
            }
        }
        Ok(())
    }

    async fn record_mined(&self, queued: &Queued, mined: &Mined) -> Result<(), RoundError> {
        let cause = caused(&[b"mined", queued.id.uuid().as_bytes(), &mined.block_hash.0]);
        self.command_settler(cause, SettlerCommand::RecordMined(mined.clone())).await?;
        if let Purpose::Settlement { organization_id, partition, settlement_id, attempt } = queued.purpose {
            let (tx_hash, block_number) = (mined.tx_hash, mined.block_number);
            let action = Action::Mine(SettlementMined { tx_hash, block_number, block_hash: mined.block_hash });
            self.tell_settlement((organization_id, partition, settlement_id), "mined", attempt, action).await?;
        }
        Ok(())
    }

    /// It is in a block for good: first who waits for it is told, then it leaves the queue.
    async fn conclude(&self, queued: &Queued, mined: &Mined, receipt: &Receipt) -> Result<(), RoundError> {
        if !mined.succeeded {
            self.tell_failed(queued.purpose, "the transaction was reverted").await?;
        } else {
            match queued.purpose {
                Purpose::Settlement { organization_id, partition, settlement_id, attempt } => {
                    let settlement = (organization_id, partition, settlement_id);
                    self.conclude_settlement(settlement, attempt, mined, receipt).await?;
                }
                Purpose::Relay { organization_id, partition, session_key_id, relay_id } => {
                    let (tx_hash, block_number) = (mined.tx_hash, mined.block_number);
                    let action = KeyAction::RelayDone { relay_id, tx_hash, block_number };
                    let stream = StreamId::new(SessionKey::CATEGORY, session_key_id);
                    let cause = caused(&[b"relay done", relay_id.uuid().as_bytes()]);
                    self.tell_session_key(organization_id, partition, stream, cause, action).await?;
                }
            }
        }
        let cause = self.caused_here(b"finalized", queued.id);
        self.command_settler(cause, SettlerCommand::RecordFinalized(queued.id)).await?;
        Ok(())
    }

    async fn conclude_settlement(
        &self,
        (organization_id, partition, settlement_id): (OrganizationId, i32, SettlementId),
        attempt: u32,
        mined: &Mined,
        receipt: &Receipt,
    ) -> Result<(), RoundError> {
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        let state = self.context.ledger.load::<Settlement>(&stream).await?.state;
        let Some((opened, _)) = state.opened else { return Ok(()) };
        let (lane, decimals) = (opened.lane, Currency::USDC.minor_unit());
        let outcome = facts::settled(receipt.logs(), lane.contract, lane.token, lane.payee, decimals);
        let skipped = outcome
            .skipped
            .iter()
            .map(|claim| SkippedClaim { session_id: claim.session_id, reason: claim.reason.to_owned() });
        let finalized = Finalized {
            tx_hash: mined.tx_hash,
            block_number: mined.block_number,
            block_hash: mined.block_hash,
            transferred: outcome.transferred,
            currency: lane.currency,
            settled: outcome.settled,
            skipped: skipped.collect(),
            gas_used: receipt.gas_used,
            gas_price_wei: u64::try_from(receipt.effective_gas_price).unwrap_or(u64::MAX),
        };
        for claim in &outcome.skipped {
            tracing::warn!(%settlement_id, session_id = %claim.session_id, claim.reason, "the contract skipped a claim");
            self.release(claim.session_id, settlement_id, claim.reason).await?;
        }
        tracing::info!(%settlement_id, total = %outcome.transferred, claims = outcome.settled, "settled");
        metrics::counter!("tollbook_settlements_total", "outcome" => "finalized").increment(1);
        let settlement = (organization_id, partition, settlement_id);
        self.tell_settlement(settlement, "finalized", attempt, Action::Finalize(Box::new(finalized))).await
    }

    async fn release(&self, session_id: Bytes32, settlement_id: SettlementId, reason: &str) -> Result<(), RoundError> {
        let Some(found) = self.context.ledger.log().lookup(INDEX_CHAIN_SESSION, &session_id.0).await? else {
            return Ok(());
        };
        let action = KeyAction::ReleaseClaim { settlement_id, reason: reason.to_owned() };
        let cause = caused(&[b"release", settlement_id.uuid().as_bytes(), &session_id.0]);
        self.tell_session_key(found.organization_id, found.partition, found.stream_id, cause, action).await
    }

    async fn tell_failed(&self, purpose: Purpose, reason: &str) -> Result<(), RoundError> {
        match purpose {
            Purpose::Settlement { organization_id, partition, settlement_id, attempt } => {
                tracing::warn!(%settlement_id, attempt, reason, "an attempt to settle has failed");
                metrics::counter!("tollbook_settlements_total", "outcome" => "failed").increment(1);
                let wait = RETRY_AFTER_SECS << attempt.min(10);
                let retry_at = clock::now() + TimeDelta::seconds(wait);
                let action = Action::Fail { attempt, reason: reason.to_owned(), retry_at };
                self.tell_settlement((organization_id, partition, settlement_id), "failed", attempt, action).await
            }
            Purpose::Relay { organization_id, partition, session_key_id, relay_id } => {
                tracing::warn!(%session_key_id, %relay_id, reason, "what was to be relayed was refused");
                let action = KeyAction::RelayFailed { relay_id, reason: reason.to_owned() };
                let stream = StreamId::new(SessionKey::CATEGORY, session_key_id);
                let cause = caused(&[b"relay failed", relay_id.uuid().as_bytes()]);
                self.tell_session_key(organization_id, partition, stream, cause, action).await
            }
        }
    }

    async fn tell_session_key(
        &self,
        organization_id: OrganizationId,
        partition: i32,
        stream: StreamId,
        cause: Uuid,
        action: KeyAction,
    ) -> Result<(), RoundError> {
        let command = SessionKeyCommand { organization_id, action };
        match self.execute::<SessionKey>(organization_id, partition, stream, cause, command).await? {
            Ok(_) => Ok(()),
            Err(denied) => Err(RoundError::Denied(denied.to_string())),
        }
    }

    pub(super) async fn tell_settlement(
        &self,
        (organization_id, partition, settlement_id): (OrganizationId, i32, SettlementId),
        step: &str,
        attempt: u32,
        action: Action,
    ) -> Result<(), RoundError> {
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        let attempt = attempt.to_be_bytes();
        let cause = caused(&[b"settlement", settlement_id.uuid().as_bytes(), step.as_bytes(), &attempt]);
        let command = SettlementCommand { organization_id, action };
        match self.execute::<Settlement>(organization_id, partition, stream, cause, command).await? {
            Ok(_) => {}
            // It is further already.
            Err(denied) => tracing::debug!(%settlement_id, step, %denied, "left as it is"),
        }
        Ok(())
    }
}

fn gas_max(purpose: Purpose) -> u64 {
    match purpose {
        Purpose::Settlement { .. } => GAS_MAX * 100 / GAS_ROUND_UP_PERCENT,
        Purpose::Relay { .. } => RELAY_GAS_MAX,
    }
}

fn mined_of(transaction_id: TransactionId, receipt: &Receipt) -> Option<Mined> {
    Some(Mined {
        transaction_id,
        tx_hash: Bytes32(receipt.transaction_hash.0),
        block_number: receipt.block_number?,
        block_hash: Bytes32(receipt.block_hash?.0),
        succeeded: receipt.status(),
    })
}
