//! What was seen goes away with its block. What remains of its kind is said again by an event of its own, so that
//! whoever follows the events needs nothing but them.

use crate::evm::{Address, ChainRef};
use crate::session_key::decision::Rules;
use crate::session_key::event::{
    Expired, RotationSeen, SessionBalances, SessionKeyEvent, SightUndone, WithdrawalRequested,
};
use crate::session_key::sights::{self, Sight, Sights};
use crate::session_key::{Custody, FrozenBy, RelayAction, Rotation, SessionKey, Withdrawal};

impl Rules<'_> {
    /// Only what was taken up from that very place is undone.
    pub(super) fn undo(&self, what: Sight, at: ChainRef) -> Vec<SessionKeyEvent> {
        let seen = &self.state.sights;
        match what {
            Sight::Deposit if sights::has(&self.state.pending_deposits, &at) => vec![self.gone(what, at)],
            Sight::Freeze if sights::has(&seen.freezes, &at) => self.freezes_gone(&[at]),
            Sight::Withdrawal if sights::has(&seen.withdrawals, &at) => self.withdrawals_gone(&[at]),
            Sight::Rotation if sights::has(&seen.rotations, &at) => self.rotations_gone(&[at]),
            // A rotation to a key that nobody here knows has ended the session key.
            Sight::Revocation | Sight::Rotation if sights::has(&seen.revocations, &at) => self.revocations_gone(&[at]),
            _ => Vec::new(),
        }
    }

    /// The same transaction is final in another block: what was seen of it elsewhere is gone.
    pub(super) fn deposits_gone(&self, gone: &[ChainRef]) -> Vec<SessionKeyEvent> {
        gone.iter().map(|at| self.gone(Sight::Deposit, *at)).collect()
    }

    pub(super) fn freezes_gone(&self, gone: &[ChainRef]) -> Vec<SessionKeyEvent> {
        let mut events: Vec<_> = gone.iter().map(|at| self.gone(Sight::Freeze, *at)).collect();
        let mut left = self.state.sights.freezes.clone();
        gone.iter().for_each(|at| sights::remove(&mut left, at));
        let relayed = self.state.relays.iter().any(|relay| relay.action == RelayAction::Freeze);
        match left.last() {
            Some(at) => events.push(self.frozen(FrozenBy::Owner, Some(*at))),
            // The owner has signed it, and it may come again.
            None if relayed && !gone.is_empty() => events.push(self.frozen(FrozenBy::Owner, None)),
            None => {}
        }
        events
    }

    pub(super) fn revocations_gone(&self, gone: &[ChainRef]) -> Vec<SessionKeyEvent> {
        // Of one that is closed nothing is left that could be charged.
        if self.state.closed {
            return Vec::new();
        }
        let mut events: Vec<_> = gone.iter().map(|at| self.gone(Sight::Revocation, *at)).collect();
        let mut left = self.state.sights.revocations.clone();
        gone.iter().for_each(|at| sights::remove(&mut left, at));
        let customer_id = self.grant.customer_id;
        match (left.last(), self.state.revoked) {
            (_, Some(by)) if self.state.revoked_here => events.push(self.revoked(by, None, true)),
            (Some(at), _) => {
                let is_final = self.state.revoked_for_good.is_some_and(|known| sights::is_same(&known, at));
                events.push(self.revoked(FrozenBy::Owner, Some(*at), is_final));
            }
            (None, _) if self.state.expired => {
                let expired_at = self.grant.terms.valid_until;
                events.push(SessionKeyEvent::Expired(Expired { customer_id, expired_at }));
            }
            (None, _) => {}
        }
        events
    }

    pub(super) fn withdrawals_gone(&self, gone: &[ChainRef]) -> Vec<SessionKeyEvent> {
        let mut left = self.state.sights.clone();
        let mut events = Vec::new();
        for at in gone {
            sights::remove(&mut left.withdrawals, at);
            let available = SessionKey { withdrawal: left.wanted(self.state.most()), ..self.state.clone() }.available();
            let after = SessionBalances { available, ..self.state.balances() };
            events.push(SessionKeyEvent::SightUndone(SightUndone {
                customer_id: self.grant.customer_id,
                what: Sight::Withdrawal,
                at: *at,
                after,
            }));
        }
        events.extend(left.withdrawals.last().map(|newest| self.requested(&left, newest, self.state)));
        events
    }

    pub(super) fn rotations_gone(&self, gone: &[ChainRef]) -> Vec<SessionKeyEvent> {
        let mut events: Vec<_> = gone.iter().map(|at| self.gone(Sight::Rotation, *at)).collect();
        let mut left = self.state.sights.rotations.clone();
        gone.iter().for_each(|at| sights::remove(&mut left, at));
        events.extend(left.last().map(|rotation| self.rotation_seen(rotation)));
        events
    }

    /// A request, with all the others that count beside it.
    pub(super) fn requested(&self, all: &Sights, request: &Withdrawal, money: &SessionKey) -> SessionKeyEvent {
        let amount = all.wanted(money.most()).map_or(request.amount, |wanted| wanted.amount);
        let withdrawal = Some(Withdrawal { amount, ..*request });
        let available = SessionKey { withdrawal, ..money.clone() }.available();
        SessionKeyEvent::WithdrawalRequested(WithdrawalRequested {
            customer_id: self.grant.customer_id,
            amount,
            currency: self.currency(),
            wanted: Some(request.amount),
            available_at: request.available_at,
            at: request.at,
            after: SessionBalances { available, ..money.balances() },
        })
    }

    pub(super) fn rotation_seen(&self, rotation: &Rotation) -> SessionKeyEvent {
        let Rotation { key, at, claimable_until } = *rotation;
        SessionKeyEvent::RotationSeen(RotationSeen { customer_id: self.grant.customer_id, key, at, claimable_until })
    }

    /// Whether a key may become the session's. One that is kept here must lie in the vault.
    pub(super) fn is_known(&self, key: Address) -> bool {
        let here = [Some(self.grant.terms.key), self.state.prepared_key];
        self.grant.terms.custody == Custody::Client || here.contains(&Some(key))
    }

    fn gone(&self, what: Sight, at: ChainRef) -> SessionKeyEvent {
        let (customer_id, after) = (self.grant.customer_id, self.state.balances());
        SessionKeyEvent::SightUndone(SightUndone { customer_id, what, at, after })
    }
}
