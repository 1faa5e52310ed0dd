//! Exact payments: what payers signed goes to the chain through a queue of its own, with a key of its own, so that it
//! waits for no settlement and no settlement for it.
//!
//! A gateway submits a payment in the payment's own stream. What this process writes is heard at once, what others
//! write is found in the read model; either way the log says what is sent. Whatever becomes of the transfer, the
//! payment is told, also when somebody else was faster to send what the payer had signed: see `elsewhere`.
//!
//! While the chain is not the one that was read, nothing is taken up, signed, sent or believed, as with settlements:
//! also in the time before a halt, in which it is not sure. Payments that were submitted wait; to their payers they are
//! in doubt, and may be shown again.

use std::collections::HashSet;
use std::time::Duration;

use chain::client::Receipt;
use chain::eip3009::{self, Authorization, Signed};
use chain::settler::SettlerKey;
use chain::{ChainError, Client};
use domain::evm::Bytes32;
use domain::exact_payment::{
    Accepted, Action, ExactPayment, ExactPaymentCommand, ExactPaymentEvent, Place, Status, transaction_of,
};
use domain::ids::{ExactPaymentId, OrganizationId};
use domain::settler::{Enqueued, Mined, Purpose, SettlerCommand};
use domain::{Aggregate, Decoded, LedgerEvent, StreamId};
use eventstore::Executed;
use eventstore::tail::TailBatch;
use projections::settlement;
use sqlx::PgPool;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::elsewhere::Elsewhere;
use super::listener::read_cursor;
use super::settler::{Queue, REVERTED};
use super::sights::signed;
use super::{PAUSE, ROUND, ROUND_LOCAL, RoundError, caused, watch};
use crate::Context;

/// Between two rounds while a payment waits for its block; payers wait for it, too.
const ROUND_BUSY: Duration = Duration::from_millis(500);
/// Payments that are taken up in one round, and when all of them are looked at.
const TAKEN_MAX: i64 = 500;
const TAKEN_OF_ALL_MAX: i64 = 10_000;
/// How often all are looked at that are not there for good.
const LOOK_AT_ALL_EVERY: Duration = Duration::from_secs(60);
/// Submissions that are remembered until a round has taken them up; what is more the read model has.
const HEARD_MAX: usize = 1_000;
/// Why a payment fails whose transaction went through.
const NOTHING_MOVED: &str = "the token moved nothing";

/// What is needed to settle exact payments.
#[derive(Clone)]
pub struct ExactContext {
    /// The chain.
    pub client: Client,
    /// Who sends and pays for transactions; not the settler.
    pub key: SettlerKey,
    /// The most that is paid for a unit of gas, in wei.
    pub max_fee_wei: u64,
}

/// A payment that is to be settled.
#[derive(Debug, Clone, Copy)]
struct Submission {
    organization_id: OrganizationId,
    partition: i32,
    id: ExactPaymentId,
}

impl Submission {
    fn read(decoded: &Decoded) -> Option<Self> {
        let Ok(LedgerEvent::ExactPayment(ExactPaymentEvent::Submitted(_))) = &decoded.event else { return None };
        let recorded = &decoded.recorded;
        let (_, id) = recorded.stream_id.as_str().split_once(':')?;
        let (organization_id, partition) = (recorded.organization_id, recorded.partition);
        Some(Self { organization_id, partition, id: id.parse().ok()? })
    }
}

struct Worker {
    queue: Queue,
    pool: PgPool,
    /// What was heard and not taken up yet.
    heard: Vec<Submission>,
    /// When all were last looked at, also what another key had left behind.
    looked_at_all: Option<Instant>,
}

/// Works until cancelled.
pub async fn run(context: Context, exact: ExactContext, cancel: CancellationToken) {
    let Some(partition) = context.ledger.partitions().next() else { return };
    let is_local = exact.client.settings().network.is_local;
    let (busy, idle) = if is_local { (ROUND_LOCAL, ROUND_LOCAL) } else { (ROUND_BUSY, ROUND) };
    let (tell, mut told) = mpsc::channel(HEARD_MAX);
    let mut ears = JoinSet::new();
    for partition in context.ledger.partitions() {
        if let Some(appended) = context.ledger.appended(partition) {
            ears.spawn(listen(appended, tell.clone()));
        }
    }
    let queue = Queue::new(&context, exact.client, exact.key, exact.max_fee_wei, partition);
    let mut worker = Worker { queue, pool: context.pool, heard: Vec::new(), looked_at_all: None };
    // Said once, not each second.
    let mut said: Option<String> = None;
    loop {
        let ended = match worker.round().await {
            // Whatever else there was went on; where this lasts it is said once.
            Err(RoundError::Unseen(why)) => {
                tracing::debug!(why, "an exact payment is looked at again");
                Ok(true)
            }
            ended => ended,
        };
        let pause = match ended {
            Ok(is_waiting) => {
                if said.take().is_some() {
                    tracing::info!("exact payments go on");
                }
                if is_waiting { busy } else { idle }
            }
            Err(error) => {
                let text = error.to_string();
                if said.as_ref() != Some(&text) {
                    match error {
                        RoundError::Chain(ChainError::Disagreement { .. }) => {
                            tracing::warn!(%error, "nodes of the chain disagree: exact payments wait");
                        }
                        RoundError::Chain(_) => tracing::warn!(%error, "the chain is away: exact payments wait"),
                        RoundError::Contradicts(_) => {
                            tracing::warn!(%error, "the chain is looked at again: exact payments wait");
                        }
                        _ => tracing::error!(%error, "exact payments cannot go on"),
                    }
                    said = Some(text);
                }
                metrics::counter!("tollbook_chain_errors_total").increment(1);
                PAUSE
            }
        };
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            // After a round that went wrong nothing is hurried.
            Some(one) = told.recv(), if said.is_none() => worker.hear(one),
        }
        while let Ok(one) = told.try_recv() {
            worker.hear(one);
        }
    }
}

/// Hears what this process writes.
async fn listen(mut appended: broadcast::Receiver<TailBatch>, tell: mpsc::Sender<Submission>) {
    loop {
        match appended.recv().await {
            Ok(batch) => {
                for submission in batch.iter().filter_map(|decoded| Submission::read(decoded)) {
                    // Where there are too many, the read model has them.
                    let _ = tell.try_send(submission);
                }
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

impl Worker {
    fn hear(&mut self, one: Submission) {
        if self.heard.len() < HEARD_MAX {
            self.heard.push(one);
        }
    }

    /// Gives whether anything waits for a block now.
    async fn round(&mut self) -> Result<bool, RoundError> {
        let looks_at_all = self.looked_at_all.is_none_or(|at| at.elapsed() >= LOOK_AT_ALL_EVERY);
        let submitted = self.submitted(looks_at_all).await?;
        let queue = self.queue.load().await?.state;
        if !submitted.is_empty() || !queue.queue.is_empty() || queue.resend.is_some() {
            if self.is_halted().await? {
                self.queue.look_at_balance().await;
                return Err(RoundError::Stalled("the chain is halted, until a person has looked".to_owned()));
            }
            self.compare().await?;
            self.take_up(submitted).await?;
        }
        // Only now: what a round that ended early has not taken up the next one finds.
        self.heard.clear();
        if looks_at_all {
            self.looked_at_all = Some(Instant::now());
        }
        if queue.opened.is_none() && self.queue.load().await?.state.opened.is_none() {
            // Where nothing was ever paid like this there is nothing to follow either.
            self.queue.look_at_balance().await;
            return Ok(false);
        }
        self.queue.work().await
    }

    /// What is to be settled. Of all that is not there for good, now and then also what is in a block already: where the
    /// key was another one then, nobody else would follow it to its end.
    async fn submitted(&self, all: bool) -> Result<Vec<Submission>, RoundError> {
        let settings = self.queue.client.settings();
        let (chain_id, token) = (signed(settings.network.chain_id), settings.token.to_string());
        let limit = if all { TAKEN_OF_ALL_MAX } else { TAKEN_MAX };
        let rows = settlement::submitted_exact_payments(&self.pool, chain_id, &token, all, limit).await?;
        let found = rows.into_iter().map(|row| Submission {
            organization_id: OrganizationId::new(row.organization_id),
            partition: row.partition,
            id: ExactPaymentId::new(row.exact_payment_id),
        });
        Ok(found.chain(self.heard.iter().copied()).collect())
    }

    /// Whether everything halts until a person has looked.
    async fn is_halted(&self) -> Result<bool, RoundError> {
        let settings = self.queue.client.settings();
        let watch = watch::load(&self.queue.ledger, settings.network.chain_id, settings.contract).await?;
        Ok(watch.state.halted.is_some())
    }

    /// Whether the chain has the last final block that was read. Where it has not, that passes, or [`watch`] halts
    /// everything; until then nothing is built upon what it says. What is read anew a person has confirmed.
    async fn compare(&self) -> Result<(), RoundError> {
        let client = &self.queue.client;
        let settings = client.settings();
        let chain_id = signed(settings.network.chain_id);
        let cursor = read_cursor(&self.pool, chain_id, &settings.contract.to_string()).await?;
        let Some((number, hash)) = cursor.filter(|cursor| !cursor.reads_anew).and_then(|cursor| cursor.last) else {
            return Ok(());
        };
        let mut found = client.block_at(number).await?.map(|block| block.hash);
        if found != Some(hash) {
            // Another chain may have taken the place of a node since that was last compared with the settings.
            client.doubt().await;
            found = client.block_at(number).await?.map(|block| block.hash);
        }
        contradiction(number, hash, found).map_or(Ok(()), |why| Err(RoundError::Contradicts(why)))
    }

    /// Puts into the queue what was submitted and is not there.
    async fn take_up(&self, submitted: Vec<Submission>) -> Result<(), RoundError> {
        if submitted.is_empty() {
            return Ok(());
        }
        let queue = self.queue.open().await?.state;
        let mut known: HashSet<_> = queue.queue.iter().map(|queued| queued.id).collect();
        for one in submitted {
            // Where the queue is full, it and what comes after it have their turn in a later round.
            if known.insert(transaction_of(one.id)) && !self.enqueue(one).await? {
                break;
            }
        }
        Ok(())
    }

    /// Gives whether there is room for more.
    async fn enqueue(&self, submission: Submission) -> Result<bool, RoundError> {
        let Submission { organization_id, partition, id } = submission;
        let state = self.queue.load_exact(id).await?;
        let (Status::Settling | Status::Settled, Some(transaction_id), Some((accepted, _))) =
            (state.status, state.submitted, &state.accepted)
        else {
            return Ok(true);
        };
        let settings = self.queue.client.settings();
        if (accepted.chain_id, accepted.token) != (settings.network.chain_id, settings.token) {
            return Ok(true);
        }
        let authorization = Authorization::from(accepted);
        let signed = Signed::read(&settings.network, accepted.token, &authorization, &accepted.signature);
        let enqueued = Enqueued {
            transaction_id,
            purpose: Purpose::Exact { organization_id, partition, exact_payment_id: id },
            to: accepted.token,
            calldata: eip3009::calldata(&authorization, &signed),
        };
        let cause = self.queue.caused_here(b"enqueue", transaction_id);
        self.queue.command(cause, SettlerCommand::Enqueue(Box::new(enqueued))).await
    }
}

/// How a chain is not the one of which this block was read.
fn contradiction(number: u64, hash: Bytes32, found: Option<Bytes32>) -> Option<String> {
    let now = match found {
        Some(found) if found == hash => return None,
        Some(found) => format!("it is {found}"),
        None => "the chain ends before it".to_owned(),
    };
    let who = "the settler's worker decides whether that halts everything: is it running?";
    Some(format!("block {number} was {hash}, now {now} ({who})"))
}

/// Whose payment, where its streams live, and which.
pub(super) type Payment = (OrganizationId, i32, ExactPaymentId);

const fn place(mined: &Mined) -> Place {
    Place { tx_hash: mined.tx_hash, block_number: mined.block_number, block_hash: mined.block_hash }
}

/// Whether a transaction that is in a block made the transfer.
fn is_made(accepted: &Accepted, mined: &Mined, receipt: &Receipt) -> bool {
    mined.succeeded && eip3009::is_paid(receipt.logs(), accepted.token, &Authorization::from(accepted))
}

impl Queue {
    async fn load_exact(&self, id: ExactPaymentId) -> Result<ExactPayment, RoundError> {
        Ok(self.ledger.load::<ExactPayment>(&StreamId::new(ExactPayment::CATEGORY, id)).await?.state)
    }

    /// Its transaction is in a block, which may still go away. Only that the money has come is told: what was reverted
    /// here may go through in another block, and whoever was told that it failed would pay a second time. That it failed
    /// is told when the block is final.
    pub(super) async fn tell_exact_mined(
        &mut self,
        payment: Payment,
        mined: &Mined,
        receipt: &Receipt,
    ) -> Result<(), RoundError> {
        let Some((accepted, _)) = self.load_exact(payment.2).await?.accepted else { return Ok(()) };
        if is_made(&accepted, mined, receipt) {
            return self.tell_exact(payment, "settled", Action::Settle(place(mined))).await;
        }
        // Where the nodes cannot be asked about this one for long, others have their turn.
        if !self.doubts.is_due(transaction_of(payment.2), Instant::now()) {
            return Err(RoundError::Unseen(format!("the nodes are asked about {} again soon", payment.2)));
        }
        // Where somebody else was faster the money has come all the same.
        match self.look_elsewhere(payment.2, &accepted).await? {
            Elsewhere::Made(place) => self.tell_exact(payment, "settled", Action::Settle(place)).await,
            // An error, so that the queue does not take this for told, and it is found again in the next round. When the
            // block is final that is decided by what is final.
            Elsewhere::Unseen(tx_hash) if !self.is_final(mined.block_number).await? => {
                let why = format!("no node has the receipt of {tx_hash}, which may pay {}", payment.2);
                Err(self.unseen(payment.2, why))
            }
            Elsewhere::Unseen(_) | Elsewhere::Nowhere | Elsewhere::Used => {
                let (block, reason) = (mined.block_number, if mined.succeeded { NOTHING_MOVED } else { REVERTED });
                tracing::warn!(exact_payment_id = %payment.2, block, reason, "an exact payment fails if its block stays");
                Ok(())
            }
        }
    }

    /// Its transaction is in a block for good. Gives whether that is all there is to tell.
    pub(super) async fn conclude_exact(
        &mut self,
        payment: Payment,
        mined: &Mined,
        receipt: &Receipt,
    ) -> Result<bool, RoundError> {
        let Some((accepted, _)) = self.load_exact(payment.2).await?.accepted else { return Ok(true) };
        if is_made(&accepted, mined, receipt) {
            self.tell_exact(payment, "finalized", Action::Finalize(place(mined))).await?;
            return Ok(true);
        }
        self.tell_exact_refused(payment, NOTHING_MOVED).await
    }

    /// Its transaction was refused or reverted. Gives whether that is all there is to tell: where somebody else sent
    /// what the payer had signed, the money has come all the same, and is to be followed until it is there for good.
    /// Whoever was told that it failed would pay a second time: where that is in doubt it waits.
    pub(super) async fn tell_exact_refused(&mut self, payment: Payment, reason: &str) -> Result<bool, RoundError> {
        let id = transaction_of(payment.2);
        if !self.doubts.is_due(id, Instant::now()) {
            return Ok(false);
        }
        let Some((accepted, _)) = self.load_exact(payment.2).await?.accepted else { return Ok(true) };
        let elsewhere = self.look_elsewhere(payment.2, &accepted).await?;
        if let Elsewhere::Made(place) = elsewhere {
            self.doubts.asked(id, Instant::now());
            return self.tell_exact_made(payment, place).await;
        }
        if !elsewhere.fails(reason) {
            let is_lost = self.is_lost(&accepted).await;
            if !is_lost.map_err(|error| self.away(payment.2, &error))? {
                self.doubts_whether_made(
                    payment.2,
                    "its authorization is said to be used, and no final block says by what",
                );
                return Ok(false);
            }
        }
        tracing::warn!(exact_payment_id = %payment.2, reason, "an exact payment failed");
        self.tell_exact(payment, "failed", Action::Fail(reason.to_owned())).await?;
        Ok(true)
    }

    async fn is_final(&self, block_number: u64) -> Result<bool, RoundError> {
        Ok(self.client.finalized().await?.is_some_and(|last| last.number >= block_number))
    }

    /// Somebody else made the transfer. Gives whether it is there for good.
    async fn tell_exact_made(&self, payment: Payment, place: Place) -> Result<bool, RoundError> {
        if !self.is_final(place.block_number).await? {
            self.tell_exact(payment, "settled", Action::Settle(place)).await?;
            return Ok(false);
        }
        // A receipt may be of a block that is the chain's no longer.
        let block = self.client.block_at(place.block_number).await?;
        let is_there = block.is_some_and(|block| block.hash == place.block_hash);
        if is_there {
            self.tell_exact(payment, "finalized", Action::Finalize(place)).await?;
        }
        Ok(is_there)
    }

    /// What the chain says of a payment, it says of the payment as it is now: should the chain change its mind, it is
    /// told again.
    async fn tell_exact(
        &self,
        (organization_id, partition, id): Payment,
        step: &'static str,
        action: Action,
    ) -> Result<(), RoundError> {
        let stream = StreamId::new(ExactPayment::CATEGORY, id);
        let version = self.ledger.load::<ExactPayment>(&stream).await?.version.to_be_bytes();
        let cause = caused(&[b"exact payment", id.uuid().as_bytes(), step.as_bytes(), &version]);
        let command = ExactPaymentCommand { organization_id, action };
        match self.execute::<ExactPayment>(organization_id, partition, stream, cause, command).await? {
            Ok(Executed::Done { replayed: false, .. }) => {
                metrics::counter!("tollbook_exact_payments_total", "outcome" => step).increment(1);
            }
            Ok(_) => {}
            Err(denied) => tracing::error!(exact_payment_id = %id, step, %denied, "the chain contradicts itself"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_contradicts_by_another_block_or_none() {
        let (was, other) = (Bytes32([1; 32]), Bytes32([2; 32]));
        assert_eq!(contradiction(7, was, Some(was)), None);
        let why = contradiction(7, was, Some(other)).unwrap();
        assert!(why.starts_with(&format!("block 7 was {was}, now it is {other} ")), "{why}");
        let why = contradiction(7, was, None).unwrap();
        assert!(why.contains("now the chain ends before it"), "{why}");
    }
}
