//! A key's queue: signs what is next, sends what is signed, follows what was sent until it is final, and tells the
//! streams that wait for it (see `told`). There are two: the settler's, and that of exact payments, each with a key of
//! its own, so that neither waits for the other.
//!
//! The signed bytes are in the log before a node sees them. After a crash at any point the same bytes
//! are sent again, with the same nonce: the chain takes them once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chain::client::{RELAY_GAS_MAX, Receipt};
use chain::networks::Network;
use chain::settler::{Draft, SettlerKey};
use chain::{ChainError, Client};
use domain::evm::{Bytes32, HexBytes};
use domain::ids::{OrganizationId, TransactionId};
use domain::settlement::{Settlement, Status};
use domain::settler::{Mined, Opened, Purpose, Queued, Settler, SettlerCommand, Signed};
use domain::{Aggregate, StreamId};
use eventstore::{CommandMeta, ExecuteError, Executed, Ledger, clock};
use tokio::time::Instant;
use uuid::Uuid;

use super::listener::installation;
use super::{RoundError, caused};

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
/// Why something failed that came into a block.
pub(super) const REVERTED: &str = "the transaction was reverted";

/// The queue of one key on one chain.
pub(super) struct Queue {
    pub(super) ledger: Ledger,
    pub(super) client: Client,
    key: SettlerKey,
    /// Where settlers' own streams live.
    partition: i32,
    /// When what waits for a block was last handed to the node. Losing it costs only work.
    handed_over: HashMap<TransactionId, Instant>,
}

impl Queue {
    pub(super) fn new(ledger: Ledger, client: Client, key: SettlerKey, partition: i32) -> Self {
        Self { ledger, client, key, partition, handed_over: HashMap::new() }
    }

    pub(super) fn network(&self) -> &Network {
        &self.client.settings().network
    }

    fn stream(&self) -> StreamId {
        StreamId::new(Settler::CATEGORY, format!("{}-{}", self.network().chain_id, self.key.address()))
    }

    /// Another settler's queue is another cause: after a change of keys what waits is sent anew.
    pub(super) fn caused_here(&self, step: &[u8], id: TransactionId) -> Uuid {
        caused(&[step, self.stream().as_str().as_bytes(), id.uuid().as_bytes()])
    }

    /// The queue as the log has it.
    pub(super) async fn load(&self) -> Result<Settler, RoundError> {
        Ok(self.ledger.load::<Settler>(&self.stream()).await?.state)
    }

    /// Gives a command to the ledger. Its id follows from `cause`: the same cause, the same command.
    pub(super) async fn execute<A: Aggregate>(
        &self,
        organization_id: OrganizationId,
        partition: i32,
        stream: StreamId,
        cause: Uuid,
        command: A::Command,
    ) -> Result<Result<Executed<A>, A::Error>, ExecuteError> {
        let meta = CommandMeta {
            command_id: cause,
            organization_id,
            partition,
            actor: "system:chain".to_owned(),
            request_digest: [0; 32],
            causation_id: cause,
            correlation_id: cause,
            now: clock::now(),
        };
        self.ledger.execute::<A>(stream, meta, command).await
    }

    /// A command to the queue. `Ok(false)` when it was denied: another process was faster, or it is full.
    pub(super) async fn command(&self, cause: Uuid, command: SettlerCommand) -> Result<bool, RoundError> {
        let stream = self.stream();
        let done = self.execute::<Settler>(installation(), self.partition, stream, cause, command).await?;
        if let Err(denied) = &done {
            tracing::debug!(%denied, "the queue has moved on");
        }
        Ok(done.is_ok())
    }

    /// Begins the queue when it was not begun.
    pub(super) async fn open(&self) -> Result<Settler, RoundError> {
        let settler = self.load().await?;
        if settler.opened.is_some() {
            return Ok(settler);
        }
        let address = self.key.address();
        let first_nonce = self.client.nonce(address).await?;
        let chain_id = self.network().chain_id;
        let opened = Opened { chain_id, address, first_nonce };
        let cause = caused(&[b"open settler", &chain_id.to_be_bytes(), &address.0]);
        self.command(cause, SettlerCommand::Open(opened)).await?;
        self.load().await
    }

    /// One round. Gives whether anything waits for a block now.
    pub(super) async fn work(&mut self) -> Result<bool, RoundError> {
        let settler = self.open().await?;
        if settler.queue.is_empty() {
            self.handed_over.clear();
            return Ok(false);
        }
        let mined_nonce = self.client.mined_nonce(self.key.address()).await?;
        self.follow(&settler, mined_nonce).await?;
        // What cannot be signed does not keep what is signed from being sent.
        let signed = self.sign(settler).await;
        let is_waiting = self.send(mined_nonce).await?;
        self.dismiss().await?;
        signed.map(|()| is_waiting)
    }

    async fn hand_over(&self, raw: &HexBytes) -> Result<(), RoundError> {
        match self.client.send(raw).await {
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
                None => *fees.insert(self.client.fees().await?),
            };
            if self.is_superseded(queued.purpose).await? {
                self.reject(queued, "another attempt took its place").await?;
                continue;
            }
            let from = self.key.address();
            let gas = match self.client.estimate_gas(from, queued.to, &queued.calldata).await {
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
            let (tx_hash, raw) = self.key.sign(&draft).map_err(|e| RoundError::Denied(e.to_string()))?;
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
                self.stream(),
                cause,
                SettlerCommand::Sign(Box::new(signed)),
            );
            // Signed by another process meanwhile: its bytes count, and the next round sees them.
            let Ok(Executed::Done { replayed: false, .. }) = own.await? else { return Ok(()) };
            nonce += 1;
        }
        Ok(())
    }

    /// Whether a settlement has gone on to another attempt, or to its end: this one must not be sent.
    async fn is_superseded(&self, purpose: Purpose) -> Result<bool, RoundError> {
        let Purpose::Settlement { settlement_id, attempt, .. } = purpose else { return Ok(false) };
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        let state = self.ledger.load::<Settlement>(&stream).await?.state;
        Ok(state.attempt() != attempt || state.status != Status::Planned)
    }

    /// It will not be sent, and takes no nonce. The queue decides that first: a worker that looks at an old
    /// queue must not tell anybody that something failed which another one has sent.
    async fn reject(&self, queued: &Queued, reason: &str) -> Result<(), RoundError> {
        let cause = self.caused_here(b"reject", queued.id);
        self.command(cause, SettlerCommand::Reject { id: queued.id, reason: reason.to_owned() }).await?;
        Ok(())
    }

    /// Tells who waits for what will not be sent; then it leaves the queue.
    async fn dismiss(&self) -> Result<(), RoundError> {
        let settler = self.load().await?;
        for queued in &settler.queue {
            let Some(reason) = &queued.rejected else { continue };
            let is_told = self.is_superseded(queued.purpose).await? || self.tell_failed(queued.purpose, reason).await?;
            if !is_told {
                continue;
            }
            let cause = self.caused_here(b"dismiss", queued.id);
            self.command(cause, SettlerCommand::Dismiss(queued.id)).await?;
        }
        Ok(())
    }

    /// Sends what is signed and in no block, in the order of its nonces. A node may forget what waits, for
    /// example when it is started anew: the same bytes are handed over again now and then. Gives whether anything
    /// waits for a block.
    async fn send(&mut self, mined_nonce: u64) -> Result<bool, RoundError> {
        let settler = self.load().await?;
        let known: HashSet<TransactionId> = settler.queue.iter().map(|queued| queued.id).collect();
        self.handed_over.retain(|id, _| known.contains(id));
        for queued in &settler.queue {
            let Some(signed) = queued.signed.as_ref().filter(|signed| signed.nonce >= mined_nonce) else { continue };
            let last = self.handed_over.get(&queued.id);
            if queued.sent && last.is_some_and(|at| at.elapsed() < SEND_AGAIN_AFTER) {
                continue;
            }
            self.tell_submitted(queued.purpose, signed).await?;
            self.hand_over(&signed.raw).await?;
            self.handed_over.insert(queued.id, Instant::now());
            if !queued.sent {
                let cause = self.caused_here(b"sent", queued.id);
                self.command(cause, SettlerCommand::RecordSent(queued.id)).await?;
            }
        }
        Ok(settler.queue.iter().any(|queued| queued.mined.is_none() && queued.rejected.is_none()))
    }

    /// Looks what became of what was sent.
    async fn follow(&self, settler: &Settler, mined_nonce: u64) -> Result<(), RoundError> {
        let finalized = self.client.finalized().await?.map_or(0, |block| block.number);
        for queued in &settler.queue {
            let Some(signed) = &queued.signed else { continue };
            let awaits_finality = queued.mined.as_ref().is_some_and(|mined| mined.block_number > finalized);
            // Below this nonce everything is in a block; above it nothing is.
            if awaits_finality || signed.nonce >= mined_nonce {
                continue;
            }
            let Some(receipt) = self.client.receipt(signed.tx_hash).await? else { continue };
            let Some(mined) = mined_of(queued.id, &receipt) else { continue };
            if queued.mined.as_ref() != Some(&mined) {
                // Who waits is told first: after a crash between the two it is told again.
                self.tell_mined(queued.purpose, &mined, &receipt).await?;
                let cause = caused(&[b"mined", queued.id.uuid().as_bytes(), &mined.block_hash.0]);
                self.command(cause, SettlerCommand::RecordMined(mined.clone())).await?;
            }
            if mined.block_number <= finalized {
                self.conclude(queued, &mined, &receipt).await?;
            }
        }
        Ok(())
    }

    /// It is in a block for good: first who waits for it is told, then it leaves the queue.
    async fn conclude(&self, queued: &Queued, mined: &Mined, receipt: &Receipt) -> Result<(), RoundError> {
        let is_told = if mined.succeeded {
            self.tell_concluded(queued.purpose, mined, receipt).await?
        } else {
            self.tell_failed(queued.purpose, REVERTED).await?
        };
        if is_told {
            let cause = self.caused_here(b"finalized", queued.id);
            self.command(cause, SettlerCommand::RecordFinalized(queued.id)).await?;
        }
        Ok(())
    }
}

fn gas_max(purpose: Purpose) -> u64 {
    match purpose {
        Purpose::Settlement { .. } => GAS_MAX * 100 / GAS_ROUND_UP_PERCENT,
        Purpose::Relay { .. } | Purpose::Exact { .. } => RELAY_GAS_MAX,
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
