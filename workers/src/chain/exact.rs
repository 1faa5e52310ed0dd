//! Exact payments: what payers signed goes to the chain through a queue of its own, with a key of its own, so that it
//! waits for no settlement and no settlement for it.
//!
//! A gateway submits a payment in the payment's own stream. What this process writes is heard at once, what others
//! write is found in the read model; either way the log says what is sent. Whatever becomes of the transfer, the
//! payment is told, also when somebody else was faster to send what the payer had signed.

use std::collections::HashSet;
use std::time::Duration;

use chain::client::Receipt;
use chain::eip3009::{self, Authorization, Signed};
use chain::settler::SettlerKey;
use chain::{ChainError, Client};
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
use tokio_util::sync::CancellationToken;

use super::settler::{Queue, REVERTED};
use super::{PAUSE, ROUND, ROUND_LOCAL, RoundError, caused};
use crate::Context;

/// Between two rounds while a payment waits for its block; payers wait for it, too.
const ROUND_BUSY: Duration = Duration::from_millis(500);
/// Payments that are taken up in one round, and in the first one.
const TAKEN_MAX: i64 = 500;
const TAKEN_FIRST_MAX: i64 = 10_000;
/// Submissions that are remembered until the next round; what is more the read model has.
const HEARD_MAX: usize = 1_000;
/// Nodes behind one address are not all at the same block: the use of an authorization is looked for from so many
/// blocks on before the one at which it was found unused.
const BLOCKS_BEFORE: u64 = 100;
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
    /// Whether the queue was begun.
    is_open: bool,
    /// Whether it was looked what another key had left behind.
    has_looked: bool,
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
    let mut worker = Worker { queue, pool: context.pool, is_open: false, has_looked: false };
    let mut heard = Vec::new();
    // Said once, not each second.
    let mut said: Option<String> = None;
    loop {
        let pause = match worker.round(std::mem::take(&mut heard)).await {
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
            one = told.recv(), if said.is_none() => heard.extend(one),
        }
        while let Ok(one) = told.try_recv() {
            heard.push(one);
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
    /// Gives whether anything waits for a block now.
    async fn round(&mut self, heard: Vec<Submission>) -> Result<bool, RoundError> {
        self.take_up(heard).await?;
        if !self.is_open {
            // Where nothing was ever paid like this there is nothing to follow either.
            self.is_open = self.queue.load().await?.state.opened.is_some();
        }
        if !self.is_open {
            self.queue.look_at_balance().await;
            return Ok(false);
        }
        self.queue.work().await
    }

    /// Puts into the queue what was submitted and is not there. At first also what is in a block already: where the
    /// key was another one then, nobody else would follow it to its end.
    async fn take_up(&mut self, heard: Vec<Submission>) -> Result<(), RoundError> {
        let settings = self.queue.client.settings();
        let chain_id = i64::try_from(settings.network.chain_id).unwrap_or(i64::MAX);
        let token = settings.token.to_string();
        let (is_first, limit) = if self.has_looked { (false, TAKEN_MAX) } else { (true, TAKEN_FIRST_MAX) };
        let rows = settlement::submitted_exact_payments(&self.pool, chain_id, &token, is_first, limit).await?;
        let found = rows.into_iter().map(|row| Submission {
            organization_id: OrganizationId::new(row.organization_id),
            partition: row.partition,
            id: ExactPaymentId::new(row.exact_payment_id),
        });
        let submitted: Vec<_> = found.chain(heard).collect();
        if submitted.is_empty() {
            self.has_looked = true;
            return Ok(());
        }
        let queue = self.queue.open().await?.state;
        self.is_open = true;
        let mut known: HashSet<_> = queue.queue.iter().map(|queued| queued.id).collect();
        for one in submitted {
            if known.insert(transaction_of(one.id)) {
                self.enqueue(one).await?;
            }
        }
        self.has_looked = true;
        Ok(())
    }

    async fn enqueue(&self, submission: Submission) -> Result<(), RoundError> {
        let Submission { organization_id, partition, id } = submission;
        let state = self.queue.load_exact(id).await?;
        let (Status::Settling | Status::Settled, Some(transaction_id), Some((accepted, _))) =
            (state.status, state.submitted, &state.accepted)
        else {
            return Ok(());
        };
        let settings = self.queue.client.settings();
        if (accepted.chain_id, accepted.token) != (settings.network.chain_id, settings.token) {
            return Ok(());
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
        // Where the queue is full it has its turn in a later round.
        self.queue.command(cause, SettlerCommand::Enqueue(Box::new(enqueued))).await?;
        Ok(())
    }
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
        &self,
        payment: Payment,
        mined: &Mined,
        receipt: &Receipt,
    ) -> Result<(), RoundError> {
        let Some((accepted, _)) = self.load_exact(payment.2).await?.accepted else { return Ok(()) };
        if is_made(&accepted, mined, receipt) {
            return self.tell_exact(payment, "settled", Action::Settle(place(mined))).await;
        }
        // Where somebody else was faster the money has come all the same.
        match self.made_by_others(&accepted).await? {
            Some(place) => self.tell_exact(payment, "settled", Action::Settle(place)).await,
            None => {
                let (block, reason) = (mined.block_number, if mined.succeeded { NOTHING_MOVED } else { REVERTED });
                tracing::warn!(exact_payment_id = %payment.2, block, reason, "an exact payment fails if its block stays");
                Ok(())
            }
        }
    }

    /// Its transaction is in a block for good. Gives whether that is all there is to tell.
    pub(super) async fn conclude_exact(
        &self,
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
    pub(super) async fn tell_exact_refused(&self, payment: Payment, reason: &str) -> Result<bool, RoundError> {
        let Some((accepted, _)) = self.load_exact(payment.2).await?.accepted else { return Ok(true) };
        let Some(place) = self.made_by_others(&accepted).await? else {
            tracing::warn!(exact_payment_id = %payment.2, reason, "an exact payment failed");
            self.tell_exact(payment, "failed", Action::Fail(reason.to_owned())).await?;
            return Ok(true);
        };
        let is_final = self.client.finalized().await?.is_some_and(|block| block.number >= place.block_number);
        if is_final {
            self.tell_exact(payment, "finalized", Action::Finalize(place)).await?;
        } else {
            self.tell_exact(payment, "settled", Action::Settle(place)).await?;
        }
        Ok(is_final)
    }

    /// Where somebody else made the transfer.
    async fn made_by_others(&self, accepted: &Accepted) -> Result<Option<Place>, RoundError> {
        let (token, from, nonce) = (accepted.token, accepted.from, accepted.nonce);
        if !self.client.is_authorization_used(token, from, nonce).await? {
            return Ok(None);
        }
        let first = accepted.block_number.saturating_sub(BLOCKS_BEFORE);
        let Some(used) = self.client.authorization_use(token, from, nonce, first).await? else { return Ok(None) };
        let Some(receipt) = self.client.receipt(used.tx_hash).await? else {
            return Err(ChainError::Unavailable(format!("the node has no receipt of {}", used.tx_hash)).into());
        };
        let is_ours = eip3009::is_paid(receipt.logs(), token, &Authorization::from(accepted));
        let (tx_hash, block_number, block_hash) = (used.tx_hash, used.block_number, used.block_hash);
        Ok(is_ours.then_some(Place { tx_hash, block_number, block_hash }))
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
