//! Pays more for a nonce whose transaction waits: it is signed again with the same nonce and higher fees. At most one
//! of the versions is ever mined, whichever that is.

use std::time::Duration;

use chain::client::Fees;
use chain::settler::{Draft, bumped, calldata_of};
use domain::settler::{Queued, REPLACED_MAX, Replaced, Settler, SettlerCommand, Signed, StallReason};
use tokio::time::Instant;

use super::super::RoundError;
use super::sign::Market;
use super::{IN_FLIGHT_MAX, Queue, View, waiting};

/// How long the next one waits for a block before it is asked whether it pays enough. Elsewhere that is about three
/// blocks of a slow chain.
const PATIENCE_LOCAL: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(60);
/// What is suggested must be so much of what is offered, in hundredths, before patience ends: nodes take no smaller
/// raise.
const RAISE_PERCENT_MIN: u64 = 110;

/// Why a transaction pays more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// No block would take it.
    BelowBaseFee,
    /// A node says so.
    Underpriced,
    /// Others pay more.
    Waited,
}

impl Why {
    const fn text(self) -> &'static str {
        match self {
            Self::BelowBaseFee => "the base fee is above what it pays",
            Self::Underpriced => "a node says that it pays too little",
            Self::Waited => "it has waited for a block, and more is suggested now",
        }
    }
}

impl Queue {
    /// Replaces what pays too little, the lowest nonce first.
    pub(super) async fn replace(&mut self, settler: &Settler, view: View) -> Result<(), RoundError> {
        let waiting = waiting(settler, view);
        let Some((first, lowest)) = waiting.first() else {
            self.memory.lowest = None;
            self.memory.underpriced.clear();
            return Ok(());
        };
        self.memory.underpriced.retain(|hash| waiting.iter().any(|(_, signed)| signed.tx_hash == *hash));
        let since = match self.memory.lowest {
            Some((hash, since)) if hash == lowest.tx_hash => since,
            _ => self.memory.lowest.insert((lowest.tx_hash, Instant::now())).1,
        };
        let patience = if self.network().is_local { PATIENCE_LOCAL } else { PATIENCE };
        // It waits for nothing but its block.
        let is_next = lowest.nonce == view.mined_nonce && first.sent;
        let has_waited = is_next && since.elapsed() >= patience;
        let market = self.market().await?;
        self.memory.base_fee = Some(market.base_fee);
        let last = view.mined_nonce.saturating_add(IN_FLIGHT_MAX);
        for (queued, signed) in waiting.iter().filter(|(_, signed)| signed.nonce < last) {
            let is_refused = self.memory.underpriced.contains(&signed.tx_hash);
            let has_waited = has_waited && signed.nonce == lowest.nonce;
            let Some(why) = why(signed, &market, self.max_fee_wei, is_refused, has_waited) else { continue };
            if !self.raise(queued, signed, &market, why).await? {
                break;
            }
        }
        Ok(())
    }

    /// Signs it again for more. `false` when that cannot be: then those after it need not be tried.
    async fn raise(&mut self, queued: &Queued, signed: &Signed, market: &Market, why: Why) -> Result<bool, RoundError> {
        let former = Fees { max_fee_wei: signed.max_fee_wei, priority_fee_wei: signed.priority_fee_wei };
        let Some(fees) = market.within(self.max_fee_wei).and_then(|fees| bumped(fees, &former, self.max_fee_wei))
        else {
            self.stall_at_cap(Some(queued.id), market);
            return Ok(false);
        };
        if queued.former.len() >= REPLACED_MAX {
            let detail = format!("it was replaced {REPLACED_MAX} times, and {}", why.text());
            self.stall(StallReason::Underpriced, Some(queued.id), detail);
            return Ok(false);
        }
        let Some(calldata) = calldata_of(&signed.raw) else {
            return Err(RoundError::Denied(format!("the bytes of transaction {} cannot be read", signed.tx_hash)));
        };
        let draft = Draft {
            chain_id: self.network().chain_id,
            nonce: signed.nonce,
            to: queued.to,
            calldata,
            gas_limit: signed.gas_limit,
            max_fee_wei: fees.max_fee_wei,
            priority_fee_wei: fees.priority_fee_wei,
        };
        let (tx_hash, raw) = self.key.sign(&draft).map_err(|e| RoundError::Denied(e.to_string()))?;
        let replaced = Replaced {
            transaction_id: queued.id,
            nonce: signed.nonce,
            former_tx_hash: signed.tx_hash,
            tx_hash,
            raw,
            gas_limit: draft.gas_limit,
            max_fee_wei: draft.max_fee_wei,
            priority_fee_wei: draft.priority_fee_wei,
            reason: why.text().to_owned(),
        };
        let cause = self.caused_once(b"replace", queued.id, &signed.tx_hash.0);
        if self.command(cause, SettlerCommand::Replace(Box::new(replaced))).await? {
            let (nonce, former, max_fee) = (signed.nonce, signed.tx_hash, draft.max_fee_wei);
            tracing::warn!(nonce, %former, %tx_hash, max_fee, why = why.text(), "signed again with a higher fee");
            metrics::counter!("tollbook_settler_replaced_total").increment(1);
        }
        self.memory.underpriced.remove(&signed.tx_hash);
        Ok(true)
    }
}

/// Why a transaction should pay more, when at most `cap` is allowed; `None` when it should not.
pub(super) fn why(signed: &Signed, market: &Market, cap: u64, is_refused: bool, has_waited: bool) -> Option<Why> {
    if market.base_fee > signed.max_fee_wei {
        return Some(Why::BelowBaseFee);
    }
    if is_refused {
        return Some(Why::Underpriced);
    }
    let is_raise = |offered: u64, own: u64| {
        offered > own && u128::from(offered) * 100 >= u128::from(own) * u128::from(RAISE_PERCENT_MIN)
    };
    // What is not allowed is no reason: it waits as long as a block can take it.
    let offer = market.within(cap).filter(|_| has_waited)?;
    let is_more =
        is_raise(offer.max_fee_wei, signed.max_fee_wei) || is_raise(offer.priority_fee_wei, signed.priority_fee_wei);
    is_more.then_some(Why::Waited)
}
