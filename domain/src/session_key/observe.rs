//! What the chain says, and what it changes: restrictions at first sight, value when final.

use crate::Timestamp;
use crate::evm::{Address, ChainRef};
use crate::money::Amount;
use crate::session_key::command::Fact;
use crate::session_key::decision::Rules;
use crate::session_key::event::{
    Claimed, DepositSeen, Deposited, KeyRotated, Registered, SessionBalances, SessionKeyEvent, WithdrawalCancelled,
    Withdrawn,
};
use crate::session_key::sights::{self, SIGHTS_MAX, Sights};
use crate::session_key::{FrozenBy, PENDING_DEPOSITS_MAX, Rotation, SessionKey, Withdrawal};

impl Rules<'_> {
    /// What the chain says: restrictions at first sight, which may be when they are final already, and
    /// value when final. What restricts is not taken up again after its end was final. What is final undoes what was
    /// seen of the same transaction in other blocks.
    pub(super) fn observe(&self, fact: &Fact, at: ChainRef, is_final: bool) -> Vec<SessionKeyEvent> {
        let (state, customer_id) = (self.state, self.grant.customer_id);
        match (fact, is_final) {
            // The session's id does not bind the key: with another one no voucher of this key would be paid.
            (Fact::Registered { key }, true) if !state.registered && *key == self.grant.terms.key => {
                vec![SessionKeyEvent::Registered(Registered { customer_id, at })]
            }
            (Fact::Deposited { amount }, false) => self.deposit_seen(*amount, at),
            (Fact::Deposited { amount }, true) => self.deposited(*amount, at),
            (Fact::Frozen, _) => self.owner_froze(at, is_final),
            (Fact::Unfrozen, true) => self.owner_unfroze(at),
            (Fact::GuardianFrozen, true) if !state.guardian_freeze => vec![self.frozen(FrozenBy::Guardian, Some(at))],
            (Fact::GuardianUnfrozen, true) => self.guardian_unfroze(at),
            (Fact::Revoked, _) => self.owner_revoked(at, is_final),
            (Fact::KeyRotated { key, claimable_until }, _) => self.rotated(*key, *claimable_until, at, is_final),
            (Fact::Claimed { amount, total_claimed }, true) if *total_claimed > state.claimed => {
                vec![self.claimed(*amount, *total_claimed, at)]
            }
            (Fact::WithdrawRequested { amount, available_at }, _) => {
                self.wanted_back(*amount, *available_at, at, is_final)
            }
            (Fact::WithdrawCancelled, true) => self.cancelled(at),
            (Fact::Withdrawn { amount }, true) => self.withdrawn(*amount, at),
            _ => Vec::new(),
        }
    }

    fn deposit_seen(&self, amount: Amount, at: ChainRef) -> Vec<SessionKeyEvent> {
        let pending = &self.state.pending_deposits;
        let elsewhere = sights::rivals(pending, &at);
        let is_full = pending.len() - elsewhere.len() >= PENDING_DEPOSITS_MAX;
        if at.block_number <= self.state.final_block || sights::has(pending, &at) || is_full {
            return Vec::new();
        }
        let mut events = self.deposits_gone(&elsewhere);
        let (customer_id, currency) = (self.grant.customer_id, self.currency());
        events.push(SessionKeyEvent::DepositSeen(DepositSeen { customer_id, amount, currency, at }));
        events
    }

    fn deposited(&self, amount: Amount, at: ChainRef) -> Vec<SessionKeyEvent> {
        let (state, customer_id, currency) = (self.state, self.grant.customer_id, self.currency());
        let deposited = state.deposited.plus(amount);
        let available = SessionKey { deposited, ..state.clone() }.available();
        let after = SessionBalances { deposited, available, ..state.balances() };
        let mut events = self.deposits_gone(&sights::rivals(&state.pending_deposits, &at));
        events.push(SessionKeyEvent::Deposited(Deposited { customer_id, amount, currency, at, after }));
        events
    }

    fn owner_froze(&self, at: ChainRef, is_final: bool) -> Vec<SessionKeyEvent> {
        let freezes = &self.state.sights.freezes;
        let elsewhere = if is_final { sights::rivals(freezes, &at) } else { Vec::new() };
        let mut events = if elsewhere.is_empty() { Vec::new() } else { self.freezes_gone(&elsewhere) };
        // A later freeze than the one that is known must outlive an unfreeze between them.
        if Some(sights::place(&at)) > self.state.unfrozen_at && !sights::has(freezes, &at) {
            events.push(self.frozen(FrozenBy::Owner, Some(at)));
        }
        events
    }

    /// A freeze that is only on its way is newer than anything final.
    fn owner_unfroze(&self, at: ChainRef) -> Vec<SessionKeyEvent> {
        let mut left = self.state.sights.freezes.clone();
        sights::end(&mut left, sights::place(&at));
        if left.len() == self.state.sights.freezes.len() {
            return Vec::new();
        }
        let mut events = vec![self.unfrozen(FrozenBy::Owner, Some(at))];
        events.extend(left.last().map(|newer| self.frozen(FrozenBy::Owner, Some(*newer))));
        events
    }

    /// Also when the organization has lifted it here: what is in the log is not taken for news when the chain is read
    /// again after a later freeze. The organization's own freeze stands, and is said again for those who follow.
    fn guardian_unfroze(&self, at: ChainRef) -> Vec<SessionKeyEvent> {
        let state = self.state;
        if !state.guardian_freeze && !state.guardian_lifted {
            return Vec::new();
        }
        let mut events = vec![self.unfrozen(FrozenBy::Guardian, Some(at))];
        events.extend(state.organization_freeze.then(|| self.frozen(FrozenBy::Organization, None)));
        events
    }

    fn owner_revoked(&self, at: ChainRef, is_final: bool) -> Vec<SessionKeyEvent> {
        let revocations = &self.state.sights.revocations;
        if self.state.revoked_here {
            return Vec::new();
        }
        let elsewhere = if is_final { sights::rivals(revocations, &at) } else { Vec::new() };
        let mut events = if elsewhere.is_empty() { Vec::new() } else { self.revocations_gone(&elsewhere) };
        // That it is final is said as well: before that nothing is closed for it.
        let is_settled = is_final && self.state.revoked_for_good.is_none() && !self.state.closed;
        if is_settled || !sights::has(revocations, &at) {
            events.push(self.revoked(FrozenBy::Owner, Some(at), is_final));
        }
        events
    }

    /// Another key. One that Tollbook is to keep and does not know could sign nothing: that is the end of it.
    fn rotated(&self, key: Address, claimable_until: Timestamp, at: ChainRef, is_final: bool) -> Vec<SessionKeyEvent> {
        let (state, here) = (self.state, sights::place(&at));
        if !self.is_known(key) {
            return self.owner_revoked(at, is_final);
        }
        if Some(here) <= state.rotated_at {
            return Vec::new();
        }
        let rotation = Rotation { key, at, claimable_until };
        let mut left = state.sights.rotations.clone();
        if !is_final {
            if sights::has(&left, &at) {
                return Vec::new();
            }
            sights::put(&mut left, rotation, SIGHTS_MAX);
            let newest = left.last().filter(|newest| !sights::is_same(&newest.at, &at));
            return [Some(&rotation), newest].into_iter().flatten().map(|one| self.rotation_seen(one)).collect();
        }
        // Registered with a key that is not known here: see there.
        if !state.registered {
            return Vec::new();
        }
        left.retain(|known| !sights::is_same(&known.at, &at) && !sights::is_rival(&known.at, &at));
        sights::end(&mut left, here);
        let (customer_id, former_key) = (self.grant.customer_id, self.grant.terms.key);
        // Of two rotations the first says until when; one that gives the old key back makes its voucher good.
        let former_voucher_until = state
            .voucher
            .filter(|_| state.voucher_by != Some(key))
            .map(|_| state.former_until.unwrap_or(claimable_until));
        let rotated = KeyRotated { customer_id, former_key, key, at, claimable_until, former_voucher_until };
        let mut events = vec![SessionKeyEvent::KeyRotated(rotated)];
        events.extend(left.last().map(|newer| self.rotation_seen(newer)));
        events
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

    fn wanted_back(
        &self,
        amount: Option<Amount>,
        available_at: Timestamp,
        at: ChainRef,
        is_final: bool,
    ) -> Vec<SessionKeyEvent> {
        let state = self.state;
        if Some(sights::place(&at)) <= state.withdrawal_ended_at {
            return Vec::new();
        }
        let mut all = state.sights.clone();
        let elsewhere = if is_final { sights::rivals(&all.withdrawals, &at) } else { Vec::new() };
        elsewhere.iter().for_each(|gone| sights::remove(&mut all.withdrawals, gone));
        let mut events = if elsewhere.is_empty() { Vec::new() } else { self.withdrawals_gone(&elsewhere) };
        if sights::has(&all.withdrawals, &at) {
            return events;
        }
        let most = state.most();
        let own = amount.unwrap_or(most).min(most);
        // Of more than are kept the oldest counts with this one.
        let let_go = all.withdrawals.first().filter(|_| all.withdrawals.len() >= SIGHTS_MAX);
        let own = let_go.map_or(own, |oldest| own.plus(oldest.amount).min(most));
        let request = Withdrawal { amount: own, available_at, at };
        sights::put(&mut all.withdrawals, request, SIGHTS_MAX);
        events.push(self.requested(&all, &request, state));
        let newest = all.withdrawals.last().filter(|newest| !sights::is_same(&newest.at, &at));
        events.extend(newest.map(|newest| self.requested(&all, newest, state)));
        events
    }

    fn cancelled(&self, at: ChainRef) -> Vec<SessionKeyEvent> {
        let Some(left) = self.left_after(at) else { return Vec::new() };
        let money = SessionKey { withdrawal: left.wanted(self.state.most()), ..self.state.clone() };
        let (customer_id, after) = (self.grant.customer_id, money.balances());
        let mut events = vec![SessionKeyEvent::WithdrawalCancelled(WithdrawalCancelled { customer_id, at, after })];
        events.extend(left.withdrawals.last().map(|newest| self.requested(&left, newest, &money)));
        events
    }

    fn withdrawn(&self, amount: Amount, at: ChainRef) -> Vec<SessionKeyEvent> {
        let (state, left) = (self.state, self.left_after(at));
        let mut money = SessionKey { withdrawn: state.withdrawn.plus(amount), ..state.clone() };
        money.withdrawal = left.as_ref().map_or(state.withdrawal, |left| left.wanted(money.most()));
        let (customer_id, currency, after) = (self.grant.customer_id, self.currency(), money.balances());
        let mut events = vec![SessionKeyEvent::Withdrawn(Withdrawn { customer_id, amount, currency, at, after })];
        if let Some(left) = &left {
            events.extend(left.withdrawals.last().map(|newest| self.requested(left, newest, &money)));
        }
        events
    }

    /// What is wanted back still when a request has ended there; `None` when none of those that are known has.
    fn left_after(&self, at: ChainRef) -> Option<Sights> {
        let mut left = self.state.sights.clone();
        sights::end(&mut left.withdrawals, sights::place(&at));
        (left.withdrawals.len() != self.state.sights.withdrawals.len()).then_some(left)
    }
}
