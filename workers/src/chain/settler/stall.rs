//! What only a person can mend: too little gas money, fees above what is allowed, bytes that no node takes, a nonce that
//! nothing of ours has and that what follows waits for, nodes whose answers do not go together. It stands in the log when
//! it begins and when it is over; meanwhile everything is tried again in every round.

use std::time::Duration;

use domain::evm::Bytes32;
use domain::ids::TransactionId;
use domain::settler::{Settler, SettlerCommand, StallReason};
use eventstore::entity::Loaded;
use tokio::time::Instant;

use super::super::{RoundError, caused};
use super::sign::Market;
use super::{Queue, View, waiting};

/// How often it is asked how much gas money there is.
const BALANCE_EVERY: Duration = Duration::from_secs(30);
const BALANCE_EVERY_LOCAL: Duration = Duration::from_secs(3);
/// What is kept of a node's words.
const DETAIL_CHARS_MAX: usize = 500;
/// For how long nodes must not take the same bytes, and a nonce must be missing, before a person is told: it may pass.
const PASSES_WITHIN: Duration = Duration::from_secs(60);
const PASSES_WITHIN_LOCAL: Duration = Duration::from_secs(5);
/// Every reason there is.
const REASONS: [StallReason; 6] = [
    StallReason::FeeCap,
    StallReason::NoGasMoney,
    StallReason::Underpriced,
    StallReason::NotTaken,
    StallReason::Gap,
    StallReason::Unclear,
];

/// Why nothing goes on, as one round found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub reason: StallReason,
    pub transaction_id: Option<TransactionId>,
    pub detail: String,
}

impl Queue {
    /// Notes why nothing goes on. The first thing that is found in a round counts.
    pub(super) fn stall(&mut self, reason: StallReason, transaction_id: Option<TransactionId>, detail: String) {
        let detail = detail.chars().take(DETAIL_CHARS_MAX).collect();
        self.memory.stall.get_or_insert(Found { reason, transaction_id, detail });
    }

    /// The chain asks for more than is allowed.
    pub(super) fn stall_at_cap(&mut self, transaction_id: Option<TransactionId>, market: &Market) {
        let (base, cap) = (market.base_fee, self.max_fee_wei);
        let suggested = market.suggested.max_fee_wei;
        let detail =
            format!("the base fee is {base} wei, {suggested} wei are suggested, and at most {cap} wei are allowed");
        self.stall(StallReason::FeeCap, transaction_id, detail);
    }

    /// How long what may pass by itself is waited for.
    pub(super) fn passes_within(&self) -> Duration {
        if self.network().is_local { PASSES_WITHIN_LOCAL } else { PASSES_WITHIN }
    }

    /// The nodes do not take it, and say why in words that are not known. That may pass.
    pub(super) fn not_taken(&mut self, transaction_id: TransactionId, tx_hash: Bytes32, why: String) {
        let since = match self.memory.not_taken {
            Some((hash, since)) if hash == tx_hash => since,
            _ => {
                tracing::warn!(%tx_hash, why, "the nodes do not take a transaction");
                self.memory.not_taken.insert((tx_hash, Instant::now())).1
            }
        };
        if since.elapsed() >= self.passes_within() {
            self.stall(StallReason::NotTaken, Some(transaction_id), why);
        }
    }

    /// Whether something waits for a nonce that nothing of ours has. A node that is behind says the same for a while.
    pub(super) fn look_for_gap(&mut self, settler: &Settler, view: View) {
        let Some((waits, nonce)) = gap(settler, view) else {
            self.memory.gap = None;
            return;
        };
        let missing = view.mined_nonce;
        let since = match self.memory.gap {
            Some((known, since)) if known == missing => since,
            _ => self.memory.gap.insert((missing, Instant::now())).1,
        };
        if since.elapsed() >= self.passes_within() {
            let detail = format!(
                "the chain wants nonce {missing}, which no transaction of ours has, and the next one has {nonce}: send \
                 one with this key and nonce {missing}, for example of nothing to itself"
            );
            self.stall(StallReason::Gap, waits, detail);
        }
    }

    /// What the nodes say of a transaction does not go together. It is left as it is: nodes that are behind say such
    /// things for a while.
    pub(super) fn unclear(&mut self, transaction_id: TransactionId, why: String) {
        self.memory.unclear.found(transaction_id, why, Instant::now());
    }

    /// Whether something has been unclear for too long: the first of them.
    pub(super) fn look_for_unclear(&mut self) {
        if let Some((id, why)) = self.memory.unclear.lasting(self.passes_within()) {
            self.stall(StallReason::Unclear, Some(id), why);
        }
    }

    /// Writes down what this round found, when it is something else than what was known.
    pub(super) async fn tell_stall(&mut self, queue: &Loaded<Settler>) -> Result<(), RoundError> {
        let found = self.memory.stall.take();
        let address = self.address();
        let words = |found: &Found| format!("transactions of {address} wait: {}", found.reason.name());
        self.memory.stalled = found.as_ref().map(words);
        for reason in REASONS {
            let is_it = found.as_ref().is_some_and(|found| found.reason == reason);
            metrics::gauge!("tollbook_settler_stalled", "settler" => address.to_string(), "reason" => reason.name())
                .set(if is_it { 1.0 } else { 0.0 });
        }
        let cause = |step: &[u8]| caused(&[step, self.stream().as_str().as_bytes(), &queue.version.to_be_bytes()]);
        match (&queue.state.stalled, found) {
            (Some(known), Some(found))
                if (known.reason, known.transaction_id) == (found.reason, found.transaction_id) => {}
            (_, Some(Found { reason, transaction_id, detail })) => {
                tracing::error!(%address, reason = reason.name(), detail, "transactions wait: a person must look");
                metrics::counter!("tollbook_settler_stalls_total", "reason" => reason.name()).increment(1);
                let cause = cause(b"stall");
                self.command(cause, SettlerCommand::Stall { reason, transaction_id, detail }).await?;
            }
            (Some(known), None) => {
                tracing::info!(%address, reason = known.reason.name(), "transactions go on");
                let cause = cause(b"unstall");
                self.command(cause, SettlerCommand::Unstall).await?;
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// Shows how much gas money there is. When it cannot be asked, what comes next says why.
    pub(in super::super) async fn look_at_balance(&mut self) {
        let every = if self.network().is_local { BALANCE_EVERY_LOCAL } else { BALANCE_EVERY };
        if self.memory.balance_asked.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        self.memory.balance_asked = Some(Instant::now());
        let address = self.address();
        match self.client.gas_money(address).await {
            Ok(wei) => {
                metrics::gauge!("tollbook_settler_balance_wei", "settler" => address.to_string()).set(wei as f64);
            }
            Err(error) => tracing::debug!(%address, %error, "how much gas money there is cannot be asked"),
        }
    }
}

/// What waits for a nonce that nothing of ours has, and its own nonce. What is sent again fills gaps, but for those
/// before it: what the key had sent before it was this log's is not here.
pub(super) fn gap(settler: &Settler, view: View) -> Option<(Option<TransactionId>, u64)> {
    let (waits, nonce) = match settler.resend {
        Some(resend) => (None, resend.first_nonce),
        None => {
            let (queued, signed) = *waiting(settler, view).first()?;
            (Some(queued.id), signed.nonce)
        }
    };
    let has_next = settler.queue.iter().any(|queued| queued.nonce() == Some(view.mined_nonce));
    (nonce > view.mined_nonce && !has_next).then_some((waits, nonce))
}
