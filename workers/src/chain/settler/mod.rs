//! A key's queue: signs what is next, sends what is signed, follows what was sent until it is final, and tells the
//! streams that wait for it (see `told`). There are two: the settler's, and that of exact payments, each with a key of
//! its own, so that neither waits for the other.
//!
//! The signed bytes are in the log before a node sees them. After a crash at any point the same bytes
//! are sent again, with the same nonce: the chain takes them once. [`sign`] gives nonces, [`send`] hands over,
//! [`replace`] pays more for a nonce that waits, [`follow`] looks what became of each, also when blocks go away or
//! somebody else takes a nonce; [`resend`] sends once more what a chain that was set back has lost. [`stall`] says
//! what only a person can mend.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chain::Client;
use chain::networks::Network;
use chain::settler::SettlerKey;
use domain::evm::{Address, Bytes32};
use domain::ids::{OrganizationId, TransactionId};
use domain::settler::{Opened, Queued, Settler, SettlerCommand, Signed};
use domain::{Aggregate, StreamId};
use eventstore::entity::Loaded;
use eventstore::postgres::PostgresLog;
use eventstore::{CommandMeta, ExecuteError, Executed, Ledger, clock};
use sqlx::PgPool;
use tokio::time::Instant;
use uuid::Uuid;

use super::elsewhere::Doubts;
use super::listener::installation;
use super::{RoundError, caused, watch};
use crate::Context;

mod follow;
mod replace;
mod resend;
mod send;
mod sign;
mod stall;
mod unclear;
mod unpaid;

pub(super) use follow::REVERTED;

/// Transactions that may wait for a block at a time: nodes keep only so many of one sender.
const IN_FLIGHT_MAX: u64 = 60;
/// What waits for a block is handed to the node again after this.
const SEND_AGAIN_AFTER: Duration = Duration::from_secs(15);

/// The queue of one key on one chain.
pub(super) struct Queue {
    pub(super) ledger: Ledger,
    pub(super) client: Client,
    pub(super) pool: PgPool,
    log: PostgresLog,
    key: SettlerKey,
    /// The most that is paid for a unit of gas, in wei.
    max_fee_wei: u64,
    /// Where settlers' own streams live.
    partition: i32,
    /// Exact payments of which it is not known yet whether the money has come.
    pub(super) doubts: Doubts,
    /// Whether the nodes could not be asked about one of them in this round.
    pub(super) is_away: bool,
    memory: Memory,
}

/// What is remembered between rounds. Losing it costs only work.
#[derive(Default)]
struct Memory {
    /// What was last handed to the node, and when.
    handed_over: HashMap<TransactionId, (Bytes32, Instant)>,
    /// What the nodes say pays too little.
    underpriced: HashSet<Bytes32>,
    /// The lowest that waits for a block, and since when it does as the lowest.
    lowest: Option<(Bytes32, Instant)>,
    /// What is being sent again.
    resending: Option<resend::Resending>,
    /// The base fee of the next block, as this round found it: nodes take nothing below it.
    base_fee: Option<u64>,
    /// The nonce up to which others used the key, so that it is said once.
    used_by_others: Option<u64>,
    /// What some nodes would refuse and others would not, and since when.
    unsure: Option<(TransactionId, Instant)>,
    /// What the nodes do not take in words that are not known, and since when.
    not_taken: Option<(Bytes32, Instant)>,
    /// The nonce that nothing of ours has though it is next, and since when.
    gap: Option<(u64, Instant)>,
    /// What the nodes say of a transaction that does not go together.
    unclear: unclear::Unclears,
    /// A final block, and how many transactions of the key are in blocks up to it; none where that could not be asked.
    used_up_to: Option<(u64, u64)>,
    /// Blocks that are final, as this round found them.
    final_blocks: HashSet<Bytes32>,
    /// What only a person can mend, as this round found it.
    stall: Option<stall::Found>,
    /// Why it waits for a person, in words, as the last round found it.
    stalled: Option<String>,
    /// When it was last asked how much gas money there is.
    balance_asked: Option<Instant>,
}

/// The chain, as a round found it.
#[derive(Debug, Clone, Copy)]
struct View {
    /// How many transactions of the key are in blocks.
    mined_nonce: u64,
    /// The newest block that can no longer go away; 0 when there is none.
    last_final: u64,
}

impl Queue {
    pub(super) fn new(context: &Context, client: Client, key: SettlerKey, max_fee_wei: u64, partition: i32) -> Self {
        Self {
            ledger: context.ledger.clone(),
            client,
            pool: context.pool.clone(),
            log: PostgresLog::new(context.pool.clone()),
            key,
            max_fee_wei,
            partition,
            doubts: Doubts::default(),
            is_away: false,
            memory: Memory::default(),
        }
    }

    pub(super) fn network(&self) -> &Network {
        &self.client.settings().network
    }

    fn address(&self) -> Address {
        self.key.address()
    }

    fn stream(&self) -> StreamId {
        StreamId::new(Settler::CATEGORY, format!("{}-{}", self.network().chain_id, self.address()))
    }

    /// Another settler's queue is another cause: after a change of keys what waits is sent anew.
    pub(super) fn caused_here(&self, step: &[u8], id: TransactionId) -> Uuid {
        caused(&[step, self.stream().as_str().as_bytes(), id.uuid().as_bytes()])
    }

    /// The same for what may happen more than once to a transaction: `of` tells one time from another.
    fn caused_once(&self, step: &[u8], id: TransactionId, of: &[u8]) -> Uuid {
        caused(&[step, self.stream().as_str().as_bytes(), id.uuid().as_bytes(), of])
    }

    /// The queue as the log has it.
    pub(super) async fn load(&self) -> Result<Loaded<Settler>, RoundError> {
        Ok(self.ledger.load::<Settler>(&self.stream()).await?)
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
    pub(super) async fn open(&self) -> Result<Loaded<Settler>, RoundError> {
        let queue = self.load().await?;
        if queue.state.opened.is_some() {
            return Ok(queue);
        }
        let address = self.address();
        // What others have sent with this key and no block has yet does not count: whoever is first has the nonce.
        let first_nonce = self.client.mined_nonce_everywhere(address).await?;
        let chain_id = self.network().chain_id;
        let opened = Opened { chain_id, address, first_nonce };
        let cause = caused(&[b"open settler", &chain_id.to_be_bytes(), &address.0]);
        self.command(cause, SettlerCommand::Open(opened)).await?;
        self.load().await
    }

    /// Whether the chain is not the one that was read before, and no person has looked: then nothing is sent.
    async fn is_halted(&self) -> Result<bool, RoundError> {
        let settings = self.client.settings();
        let watch = watch::load(&self.ledger, settings.network.chain_id, settings.contract).await?;
        Ok(watch.state.halted.is_some())
    }

    /// One round. Gives whether anything waits for a block now.
    pub(super) async fn work(&mut self) -> Result<bool, RoundError> {
        self.is_away = false;
        self.look_at_balance().await;
        if self.is_halted().await? {
            return Ok(false);
        }
        let queue = self.open().await?;
        self.show(&queue.state);
        if queue.state.queue.is_empty() && queue.state.resend.is_none() {
            self.memory = Memory { balance_asked: self.memory.balance_asked, ..Memory::default() };
            self.tell_stall(&queue).await?;
            return Ok(false);
        }
        let view = View {
            mined_nonce: self.client.mined_nonce(self.address()).await?,
            last_final: self.client.finalized().await?.map_or(0, |block| block.number),
        };
        self.memory.stall = None;
        self.memory.base_fee = None;
        self.memory.final_blocks.clear();
        let followed = self.follow(&queue, view).await;
        // Not even what was read: nothing of what comes would succeed.
        if followed.as_ref().is_err_and(RoundError::is_weather) {
            return followed.map(|()| false);
        }
        // What cannot be signed does not keep what is signed from being sent.
        let signed = self.resend_or_sign(view).await;
        let is_waiting = self.send(view).await?;
        let dismissed = self.dismiss().await;
        let queue = self.load().await?;
        self.look_for_gap(&queue.state, view);
        self.look_for_unclear();
        self.tell_stall(&queue).await?;
        signed?;
        let stuck = [followed, dismissed].into_iter().filter_map(Result::err).fold(None, RoundError::graver);
        stuck.map_or(Ok(is_waiting), Err)
    }

    /// While something is sent again nothing new gets a nonce. What pays too little is replaced first, so that what
    /// is signed next is not the one that waits.
    async fn resend_or_sign(&mut self, view: View) -> Result<(), RoundError> {
        let queue = self.load().await?;
        let replaced = self.replace(&queue.state, view).await;
        if queue.state.resend.is_some() {
            self.resend(&queue, view).await?;
            return replaced;
        }
        self.memory.resending = None;
        self.sign(&queue.state, view).await?;
        replaced
    }

    /// Why transactions wait for a person, in words.
    pub(super) fn waits_for(&self) -> Option<&str> {
        self.memory.stalled.as_deref()
    }

    fn show(&self, settler: &Settler) {
        let waiting = settler.queue.iter().filter(|queued| is_waiting(queued)).count();
        let settler_label = self.address().to_string();
        metrics::gauge!("tollbook_settler_queue", "settler" => settler_label.clone()).set(waiting as f64);
        let is_resending = if settler.resend.is_some() { 1.0 } else { 0.0 };
        metrics::gauge!("tollbook_settler_resending", "settler" => settler_label).set(is_resending);
    }

    /// Whether the chain still has the last final block that was read: what another one says of nonces is not true here.
    async fn is_as_read(&self) -> Result<bool, RoundError> {
        let settings = self.client.settings();
        let read = sqlx::query!(
            "select block_number, block_hash from chain_cursors
             where chain_id = $1 and contract = $2 and block_number >= 0 and not reading_anew",
            i64::try_from(settings.network.chain_id).unwrap_or(i64::MAX),
            settings.contract.to_string()
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(read) = read else { return Ok(true) };
        let found = self.client.block_at(read.block_number.unsigned_abs()).await?;
        Ok(found.is_some_and(|block| block.hash.to_string() == read.block_hash))
    }

    /// How many transactions of the key are in blocks for good.
    async fn final_nonce(&self, view: View) -> Result<u64, RoundError> {
        if view.last_final == 0 {
            return Ok(0);
        }
        Ok(self.client.nonce_at(self.address(), view.last_final).await?)
    }
}

/// Whether it has no block, and will have one.
fn is_waiting(queued: &Queued) -> bool {
    queued.mined.is_none() && queued.rejected.is_none()
}

/// What is signed and has no block, in the order of nonces.
fn waiting(settler: &Settler, view: View) -> Vec<(&Queued, &Signed)> {
    let signed = settler.queue.iter().filter(|queued| queued.mined.is_none());
    let signed = signed.filter_map(|queued| Some((queued, queued.signed.as_ref()?)));
    let mut waiting: Vec<_> = signed.filter(|(_, signed)| signed.nonce >= view.mined_nonce).collect();
    waiting.sort_by_key(|(_, signed)| signed.nonce);
    waiting
}

#[cfg(test)]
mod tests;
