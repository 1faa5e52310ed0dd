//! Gives nonces and signatures, in order, and takes out what will not be sent.

use chain::ChainError;
use chain::client::{Fees, RELAY_GAS_MAX};
use chain::settler::Draft;
use domain::settler::{Purpose, Queued, Settler, SettlerCommand, Signed, StallReason};
use eventstore::Executed;
use tokio::time::Instant;

use super::super::listener::installation;
use super::super::told::is_due;
use super::super::{RoundError, caused};
use super::{IN_FLIGHT_MAX, Queue, View, is_waiting};

/// Transactions that are signed in one round.
const SIGN_MAX: usize = 50;
/// Room above the estimate, in hundredths: what a call takes changes with what came before it.
const GAS_ROUND_UP_PERCENT: u64 = 130;
/// The most gas a transaction may take: chains refuse more (EIP-7825), and one that is refused after it has
/// its nonce would hold up all that follow.
const GAS_MAX: u64 = 1 << 24;

/// What a block costs now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Market {
    /// The base fee of the next block, in wei.
    pub base_fee: u64,
    /// What nodes suggest.
    pub suggested: Fees,
}

impl Market {
    /// What is suggested, as far as it is allowed; `None` when no block would take that.
    pub(super) fn within(&self, cap: u64) -> Option<Fees> {
        let max_fee_wei = self.suggested.max_fee_wei.min(cap);
        let priority_fee_wei = self.suggested.priority_fee_wei.min(max_fee_wei);
        (self.base_fee <= cap).then_some(Fees { max_fee_wei, priority_fee_wei })
    }
}

impl Queue {
    pub(super) async fn market(&self) -> Result<Market, RoundError> {
        Ok(Market { base_fee: self.client.base_fee().await?, suggested: self.client.fees().await? })
    }

    /// Gives nonces and signatures to what waits for them.
    pub(super) async fn sign(&mut self, settler: &Settler, view: View) -> Result<(), RoundError> {
        let in_flight = settler.queue.iter().filter(|queued| queued.signed.is_some() && is_waiting(queued)).count();
        let room = usize::try_from(IN_FLIGHT_MAX).unwrap_or(SIGN_MAX).saturating_sub(in_flight).min(SIGN_MAX);
        let unsigned = settler.queue.iter().filter(|queued| queued.signed.is_none() && queued.rejected.is_none());
        let unsigned: Vec<&Queued> = unsigned.take(room).collect();
        if unsigned.is_empty() || !self.is_next_free(settler, view).await? {
            return Ok(());
        }
        let market = self.market().await?;
        let Some(fees) = market.within(self.max_fee_wei) else {
            self.stall_at_cap(None, &market);
            return Ok(());
        };
        let mut nonce = settler.next_nonce;
        for queued in unsigned {
            if self.is_superseded(queued.purpose).await? {
                self.reject(queued, "another attempt took its place").await?;
                continue;
            }
            let gas = match self.gas(queued).await {
                Ok(gas) if gas <= gas_max(queued.purpose) => gas,
                Ok(gas) => {
                    self.reject(queued, &format!("it would take {gas} gas, more than is allowed")).await?;
                    continue;
                }
                Err(ChainError::Refused { detail, .. }) => {
                    self.reject(queued, &detail).await?;
                    continue;
                }
                Err(ChainError::NoGasMoney(why)) => {
                    self.stall(StallReason::NoGasMoney, Some(queued.id), why);
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            if !self.give_nonce(queued, nonce, gas, fees).await? {
                // Signed by another process meanwhile: its bytes count, and the next round sees them.
                return Ok(());
            }
            nonce += 1;
        }
        Ok(())
    }

    /// How much gas it takes. What one node says is not enough to give something up for good: then all are asked. Where
    /// they go on to say different things, the chain decides: an owner's contract may tell one node from another, and
    /// what comes after it must not wait for that.
    async fn gas(&mut self, queued: &Queued) -> Result<u64, ChainError> {
        let (from, to, calldata) = (self.address(), queued.to, &queued.calldata);
        let first = self.client.estimate_gas(from, to, calldata).await;
        let is_in_doubt = match &first {
            Ok(gas) => *gas > gas_max(queued.purpose),
            Err(error) => matches!(error, ChainError::Refused { .. }),
        };
        if !is_in_doubt {
            return first;
        }
        let all = self.client.estimate_gas_everywhere(from, to, calldata).await;
        if !matches!(all, Err(ChainError::Unavailable(_))) {
            return all;
        }
        let since = match self.memory.unsure {
            Some((id, since)) if id == queued.id => since,
            _ => self.memory.unsure.insert((queued.id, Instant::now())).1,
        };
        if since.elapsed() < self.passes_within() {
            return all;
        }
        self.client.estimate_gas_anywhere(from, to, calldata).await
    }

    /// Whether nobody else has used the next nonce. What others used is left out once that is final: a nonce that is
    /// left out and becomes free again would hold up all that follow.
    async fn is_next_free(&mut self, settler: &Settler, view: View) -> Result<bool, RoundError> {
        if settler.next_nonce >= view.mined_nonce {
            return Ok(true);
        }
        if self.memory.used_by_others.replace(view.mined_nonce) != Some(view.mined_nonce) {
            let (address, next, mined) = (self.address(), settler.next_nonce, view.mined_nonce);
            tracing::error!(%address, next, mined, "somebody else sends transactions with this key");
        }
        if self.final_nonce(view).await? < view.mined_nonce || !self.is_as_read().await? {
            return Ok(false);
        }
        let (from, to) = (settler.next_nonce.to_be_bytes(), view.mined_nonce.to_be_bytes());
        let cause = caused(&[b"skip nonces", self.stream().as_str().as_bytes(), &from, &to]);
        self.command(cause, SettlerCommand::SkipNonces { to: view.mined_nonce }).await?;
        // The next round signs.
        Ok(false)
    }

    /// Signs and writes it down. `false` when another process was faster.
    async fn give_nonce(&self, queued: &Queued, nonce: u64, gas: u64, fees: Fees) -> Result<bool, RoundError> {
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
        // One that lost its nonce to somebody else is signed once more, with another.
        let cause = self.caused_once(b"sign", queued.id, &nonce.to_be_bytes());
        let command = SettlerCommand::Sign(Box::new(signed));
        let done = self.execute::<Settler>(installation(), self.partition, self.stream(), cause, command).await?;
        Ok(matches!(done, Ok(Executed::Done { replayed: false, .. })))
    }

    /// Whether a settlement has gone on to another attempt, or to its end: this one must not be sent. One whose
    /// transaction lost its nonce is `submitted` in the same attempt.
    async fn is_superseded(&self, purpose: Purpose) -> Result<bool, RoundError> {
        let Purpose::Settlement { settlement_id, attempt, .. } = purpose else { return Ok(false) };
        Ok(!is_due(&self.load_settlement(settlement_id).await?.state, attempt))
    }

    /// It will not be sent, and takes no nonce. The queue decides that first: a worker that looks at an old
    /// queue must not tell anybody that something failed which another one has sent.
    async fn reject(&self, queued: &Queued, reason: &str) -> Result<(), RoundError> {
        let cause = self.caused_here(b"reject", queued.id);
        self.command(cause, SettlerCommand::Reject { id: queued.id, reason: reason.to_owned() }).await?;
        Ok(())
    }

    /// Tells who waits for what will not be sent; then it leaves the queue. What cannot go on does not stop the others.
    pub(super) async fn dismiss(&mut self) -> Result<(), RoundError> {
        let settler = self.load().await?.state;
        self.doubts.retain(&settler);
        let mut stuck = None;
        for queued in &settler.queue {
            let Some(reason) = &queued.rejected else { continue };
            match self.dismiss_one(queued, reason).await {
                Ok(()) => {}
                Err(error) if error.is_weather() => return Err(error),
                Err(error) => stuck = RoundError::graver(stuck, error),
            }
        }
        stuck.map_or(Ok(()), Err)
    }

    async fn dismiss_one(&mut self, queued: &Queued, reason: &str) -> Result<(), RoundError> {
        if self.is_superseded(queued.purpose).await? || self.tell_failed(queued.purpose, reason).await? {
            let cause = self.caused_here(b"dismiss", queued.id);
            self.command(cause, SettlerCommand::Dismiss(queued.id)).await?;
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
