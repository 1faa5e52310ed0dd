//! What the chain says, and what it changes: restrictions at first sight, value when final.

use crate::evm::ChainRef;
use crate::money::Amount;
use crate::session_key::command::Fact;
use crate::session_key::decision::Rules;
use crate::session_key::event::{
    Claimed, DepositSeen, Deposited, Registered, SessionBalances, SessionKeyEvent, Unfrozen, WithdrawalCancelled,
    WithdrawalRequested, Withdrawn,
};
use crate::session_key::{FrozenBy, OwnerFreeze, PENDING_DEPOSITS_MAX, SessionKey};

impl Rules<'_> {
    /// What the chain says: restrictions at first sight, which may be when they are final already, and
    /// value when final. What restricts is not taken up again after its end was final.
    pub(super) fn observe(&self, fact: &Fact, at: ChainRef, is_final: bool) -> Vec<SessionKeyEvent> {
        let (state, customer_id, currency) = (self.state, self.grant.customer_id, self.currency());
        let here = (at.block_number, at.log_index);
        let event = match (fact, is_final) {
            // The session's id does not bind the key: with another one no voucher of this key would be paid.
            (Fact::Registered { key }, true) if !state.registered && *key == self.grant.terms.key => {
                SessionKeyEvent::Registered(Registered { customer_id, at })
            }
            (Fact::Deposited { amount }, false)
                if at.block_number > state.final_block && state.pending_deposits.len() < PENDING_DEPOSITS_MAX =>
            {
                SessionKeyEvent::DepositSeen(DepositSeen { customer_id, amount: *amount, currency, at })
            }
            (Fact::Deposited { amount }, true) => {
                let deposited = state.deposited.plus(*amount);
                let available = SessionKey { deposited, ..state.clone() }.available();
                let after = SessionBalances { deposited, available, ..state.balances() };
                SessionKeyEvent::Deposited(Deposited { customer_id, amount: *amount, currency, at, after })
            }
            // A later freeze than the one that is known must outlive an unfreeze between them.
            (Fact::Frozen, _) if Some(here) > state.unfrozen_at && freeze_is_newer(state.owner_freeze, here) => {
                self.frozen(FrozenBy::Owner, Some(at))
            }
            (Fact::Unfrozen, true) if freeze_is_older(state.owner_freeze, here) => {
                SessionKeyEvent::Unfrozen(Unfrozen { customer_id, by: FrozenBy::Owner, at: Some(at) })
            }
            (Fact::Revoked, _) if state.revoked.is_none() => self.revoked(FrozenBy::Owner, Some(at)),
            (Fact::Claimed { amount, total_claimed }, true) if *total_claimed > state.claimed => {
                self.claimed(*amount, *total_claimed, at)
            }
            (Fact::WithdrawRequested { amount, available_at }, _)
                if Some(here) > state.withdrawal_ended_at && state.withdrawal.is_none_or(|w| w.seen_at() < here) =>
            {
                // The contract cuts when it pays out, so a deposit that comes later is wanted back too.
                let most = self.grant.terms.limit.max(state.escrow());
                let amount = amount.unwrap_or(most);
                let amount = match state.withdrawal {
                    None => amount,
                    // The same transaction in another block: the same request.
                    Some(w) if w.at.tx_hash == at.tx_hash && w.at.block_hash != at.block_hash => amount.max(w.amount),
                    // The contract takes a second request only after the first ended. That end is not final
                    // here, and what the first one took still counts as deposited.
                    Some(w) => amount.plus(w.amount),
                };
                let amount = amount.min(most);
                let rest = state.escrow().minus(amount).minus(state.charged).minus(state.held);
                let after = SessionBalances { available: rest, ..state.balances() };
                let available_at = *available_at;
                let requested = WithdrawalRequested { customer_id, amount, currency, available_at, at, after };
                SessionKeyEvent::WithdrawalRequested(requested)
            }
            (Fact::WithdrawCancelled, true) if state.withdrawal.is_some_and(|known| known.seen_at() < here) => {
                let available = SessionKey { withdrawal: None, ..state.clone() }.available();
                let after = SessionBalances { available, ..state.balances() };
                SessionKeyEvent::WithdrawalCancelled(WithdrawalCancelled { customer_id, at, after })
            }
            (Fact::Withdrawn { amount }, true) => {
                let withdrawn = state.withdrawn.plus(*amount);
                let withdrawal = state.withdrawal.filter(|known| known.seen_at() > here);
                let available = SessionKey { withdrawn, withdrawal, ..state.clone() }.available();
                let after = SessionBalances { withdrawn, available, ..state.balances() };
                SessionKeyEvent::Withdrawn(Withdrawn { customer_id, amount: *amount, currency, at, after })
            }
            _ => return Vec::new(),
        };
        vec![event]
    }

    fn claimed(&self, amount: Amount, total_claimed: Amount, at: ChainRef) -> SessionKeyEvent {
        let open = self.state.open_claim.as_ref();
        SessionKeyEvent::Claimed(Claimed {
            customer_id: self.grant.customer_id,
            settlement_id: open.filter(|open| open.total_claimed <= total_claimed).map(|open| open.settlement_id),
            amount,
            // What is claimed is first what was planned, whoever claims it.
            planned: open.map_or(Amount::ZERO, |open| open.amount.min(amount)),
            currency: self.currency(),
            total_claimed,
            at,
            after: SessionBalances { claimed: total_claimed, ..self.state.balances() },
        })
    }
}

fn freeze_is_newer(known: Option<OwnerFreeze>, here: (u64, u64)) -> bool {
    match known {
        None | Some(OwnerFreeze::Relayed) => true,
        Some(OwnerFreeze::OnChain(block, index)) => (block, index) < here,
    }
}

fn freeze_is_older(known: Option<OwnerFreeze>, here: (u64, u64)) -> bool {
    match known {
        // One that is only on its way is newer than anything final.
        None | Some(OwnerFreeze::Relayed) => false,
        Some(OwnerFreeze::OnChain(block, index)) => (block, index) < here,
    }
}
