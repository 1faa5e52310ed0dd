//! What paid once, was sent again after the chain was set back, and pays no more: a claim that is skipped because its
//! deposit is gone for good, a call that reverts. The log goes on to say that it went through, so a person must know.

use std::collections::HashMap;

use chain::client::Receipt;
use chain::{ChainError, facts};
use domain::evm::{Address, Bytes32};
use domain::ids::TransactionId;
use domain::money::Currency;
use domain::settlement::Settlement;
use domain::settler::{Purpose, SettlerEvent};
use domain::{Aggregate, StreamId};
use eventstore::postgres::EventFilter;

use super::super::RoundError;
use super::super::listener::installation;
use super::Queue;
use super::follow::REVERTED;
use super::resend::{PAGE, Resending, decode};

/// Of so many it is told in one round.
const TOLD_MAX: usize = 100;

/// A transaction that did not do again what it did.
struct Unpaid {
    nonce: u64,
    id: TransactionId,
    tx_hash: Bytes32,
    /// Why nothing of it was done; `None` when the contract only skipped claims.
    why: Option<&'static str>,
    /// The sessions of claims that were skipped.
    skipped: Vec<Bytes32>,
}

impl Queue {
    /// Says of what was final once, and is again, what it does not do any more: of so many in a round. What is told is
    /// taken out of `paid`; an error leaves the rest for another round.
    pub(super) async fn tell_unpaid(&self, resending: &mut Resending) -> Result<(), RoundError> {
        let next: Vec<_> = resending.paid.iter().take(TOLD_MAX).map(|(nonce, paid)| (*nonce, *paid)).collect();
        let mut unpaid = Vec::new();
        let mut asked: Result<(), RoundError> = Ok(());
        for (nonce, (id, tx_hash)) in next {
            let receipt = match self.client.receipt(tx_hash).await {
                Ok(receipt) => receipt,
                // That may last, and everything new waits for this.
                Err(error @ ChainError::Disagreement { .. }) => {
                    tracing::warn!(%tx_hash, %error, "whether it pays when sent again cannot be said");
                    resending.paid.remove(&nonce);
                    continue;
                }
                Err(error) => {
                    asked = Err(error.into());
                    break;
                }
            };
            // The node may be behind: that is believed when another round finds it so, too.
            if receipt.is_none() && resending.missing.insert(nonce) {
                continue;
            }
            let (why, skipped) = self.outcome(receipt.as_ref());
            if why.is_none() && skipped.is_empty() {
                resending.paid.remove(&nonce);
            } else {
                unpaid.push(Unpaid { nonce, id, tx_hash, why, skipped });
            }
        }
        if !unpaid.is_empty() {
            let purposes = self.purposes(&unpaid).await?;
            for one in unpaid {
                self.tell_unpaid_one(&one, purposes.get(&one.id).copied()).await?;
                resending.paid.remove(&one.nonce);
            }
        }
        asked
    }

    /// Why nothing was done, and the sessions of claims that were skipped.
    fn outcome(&self, receipt: Option<&Receipt>) -> (Option<&'static str>, Vec<Bytes32>) {
        match receipt {
            None => (Some("it is in no block, though its nonce is used"), Vec::new()),
            Some(receipt) if !receipt.status() => (Some(REVERTED), Vec::new()),
            Some(receipt) => {
                let (settings, decimals) = (self.client.settings(), Currency::USDC.minor_unit());
                // Whom it paid is not asked.
                let nobody = Address([0; 20]);
                let outcome = facts::settled(receipt.logs(), settings.contract, settings.token, nobody, decimals);
                (None, outcome.skipped.iter().map(|claim| claim.session_id).collect())
            }
        }
    }

    async fn tell_unpaid_one(&self, unpaid: &Unpaid, purpose: Option<Purpose>) -> Result<(), RoundError> {
        let Unpaid { tx_hash, why, skipped, .. } = unpaid;
        let count = match (why, purpose) {
            (Some(why), purpose) => {
                tracing::error!(
                    %tx_hash, ?purpose, why,
                    "a transaction that had gone through was sent again after the chain was set back, and did nothing"
                );
                1
            }
            (None, Some(Purpose::Settlement { settlement_id, .. })) => {
                let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
                let state = self.ledger.load::<Settlement>(&stream).await?.state;
                let at_first = state.finalized.map(|finalized| finalized.skipped).unwrap_or_default();
                let is_new = |id: &&Bytes32| !at_first.iter().any(|claim| claim.session_id == **id);
                let claims = skipped.iter().filter(is_new).count();
                if claims > 0 {
                    tracing::error!(
                        %settlement_id, %tx_hash, claims,
                        "a settlement was sent again after the chain was set back, and the contract skipped claims that \
                         it had paid: the log goes on to have them as claimed"
                    );
                }
                claims
            }
            // Nothing else makes claims.
            (None, _) => 0,
        };
        metrics::counter!("tollbook_chain_resent_unpaid_total").increment(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(())
    }

    /// What these transactions are for, from the log, the newest first.
    async fn purposes(&self, unpaid: &[Unpaid]) -> Result<HashMap<TransactionId, Purpose>, RoundError> {
        let filter = EventFilter {
            streams: Some(vec![self.stream().as_str().to_owned()]),
            event_types: Some(vec!["enqueued".to_owned()]),
            newest_first: true,
            ..EventFilter::default()
        };
        let mut purposes = HashMap::new();
        let mut before = i64::MAX;
        while purposes.len() < unpaid.len() {
            let page = self.log.events_of(installation(), before, PAGE, &filter).await?;
            let Some(last) = page.last() else { break };
            before = last.position;
            for recorded in &page {
                let SettlerEvent::Enqueued(enqueued) = decode(recorded)? else { continue };
                if unpaid.iter().any(|one| one.id == enqueued.transaction_id) {
                    purposes.insert(enqueued.transaction_id, enqueued.purpose);
                }
            }
        }
        Ok(purposes)
    }
}
