//! What each event changes.

use sha2::{Digest, Sha256};

use crate::Timestamp;
use crate::evm::{Bytes32, ChainRef};
use crate::ids::HoldId;
use crate::money::Amount;
use crate::session_key::event::{Claimed, KeyRotated, Restated, SightUndone};
use crate::session_key::sights::{self, SIGHTS_MAX};
use crate::session_key::{
    FrozenBy, Grant, Hold, OpenClaim, OwnerFreeze, PENDING_DEPOSITS_MAX, PendingDeposit, PendingRelay, RelayAction,
    Rotation, SessionCharged, SessionKey, SessionKeyEvent, Sight, StoredVoucher, Withdrawal, is_set_aside,
};

pub(super) fn apply(state: &mut SessionKey, event: &SessionKeyEvent, occurred_at: Timestamp) {
    use SessionKeyEvent as E;
    match event {
        E::Granted(e) => {
            state.grant = Some(Grant {
                id: e.session_key_id,
                customer_id: e.customer_id,
                organization_id: e.organization_id,
                terms: e.terms.clone(),
                granted_at: occurred_at,
            });
        }
        E::RelayRequested(e) => {
            let calldata_digest = Bytes32(Sha256::digest(&e.calldata.0).into());
            state.relays.push(PendingRelay { id: e.relay_id, action: e.action, calldata_digest });
        }
        E::RelayDone(e) => state.relays.retain(|relay| relay.id != e.relay_id),
        E::RelayFailed(e) => {
            state.relays.retain(|relay| relay.id != e.relay_id);
            // The freeze that was asked for here never came to the chain.
            if e.action == RelayAction::Freeze && state.owner_freeze == Some(OwnerFreeze::Relayed) {
                state.owner_freeze = None;
            }
        }
        E::Registered(e) => {
            state.registered = true;
            state.final_block = state.final_block.max(e.at.block_number);
        }
        E::DepositSeen(e) => {
            let pending = PendingDeposit { amount: e.amount, at: e.at };
            sights::put(&mut state.pending_deposits, pending, PENDING_DEPOSITS_MAX);
        }
        E::Deposited(e) => {
            state.deposited = state.deposited.plus(e.amount);
            state.set_aside = None;
            state
                .pending_deposits
                .retain(|pending| (pending.at.tx_hash, pending.at.log_index) != (e.at.tx_hash, e.at.log_index));
            state.final_block = state.final_block.max(e.at.block_number);
        }
        E::Charged(e) => state.apply_charged(e),
        E::Held(e) => {
            let hold = Hold {
                amount: Amount::ZERO,
                captured: Amount::ZERO,
                period_start: e.period_start,
                placed_at: e.hold.placed_at,
                expires_at: e.hold.expires_at,
            };
            state.holds.insert(e.hold.hold_id, hold);
            state.reserve(e.hold.hold_id, e.amount);
            state.keep_voucher(e.voucher);
        }
        E::HoldExtended(e) => {
            if let Some(hold) = state.holds.get_mut(&e.hold.hold_id) {
                hold.expires_at = e.hold.expires_at;
            }
            state.reserve(e.hold.hold_id, e.amount);
            state.keep_voucher(e.voucher);
        }
        E::Captured(e) => {
            state.apply_charged(&e.charge);
            state.give_back(e.hold.hold_id, e.charge.amount.plus(e.returned));
            if let Some(hold) = state.holds.get_mut(&e.hold.hold_id) {
                hold.captured = e.hold.captured;
            }
            if e.is_final {
                state.holds.remove(&e.hold.hold_id);
            }
        }
        E::Voided(e) | E::HoldExpired(e) => {
            state.give_back(e.hold.hold_id, e.returned);
            state.holds.remove(&e.hold.hold_id);
        }
        E::Frozen(e) => match (e.by, e.at) {
            (FrozenBy::Organization, _) => state.organization_freeze = true,
            (FrozenBy::Guardian, _) => (state.guardian_freeze, state.guardian_lifted) = (true, false),
            (FrozenBy::Owner, None) => state.owner_freeze = Some(OwnerFreeze::Relayed),
            (FrozenBy::Owner, Some(at)) => {
                sights::put(&mut state.sights.freezes, at, SIGHTS_MAX);
                state.owner_freeze = state.newest_freeze();
            }
        },
        E::Unfrozen(e) => match (e.by, e.at) {
            (FrozenBy::Organization, _) => state.organization_freeze = false,
            (FrozenBy::Guardian, at) => (state.guardian_freeze, state.guardian_lifted) = (false, at.is_none()),
            (FrozenBy::Owner, at) => {
                let here = at.map(|at| sights::place(&at));
                sights::end(&mut state.sights.freezes, here.unwrap_or((u64::MAX, u64::MAX)));
                state.owner_freeze = state.newest_freeze();
                state.unfrozen_at = state.unfrozen_at.max(here);
            }
        },
        E::Revoked(e) => {
            state.revoked = Some(e.by);
            match e.at {
                Some(at) => sights::put(&mut state.sights.revocations, at, SIGHTS_MAX),
                None => state.revoked_here = true,
            }
            state.revoked_for_good = e.at.filter(|_| e.is_final).or(state.revoked_for_good);
        }
        E::Expired(_) => state.expired = true,
        E::ClaimPlanned(e) => {
            state.open_claim = Some(OpenClaim {
                settlement_id: e.settlement_id,
                amount: e.amount,
                total_claimed: e.total_claimed,
                charged_to: e.charged_to,
                key: state.signer(),
            });
        }
        E::ClaimReleased(e) => {
            state.open_claim.take_if(|open| open.settlement_id == e.settlement_id);
            state.set_aside = Some(e.reason.clone()).filter(|reason| is_set_aside(reason));
        }
        E::Claimed(e) => state.apply_claimed(e),
        E::WithdrawalRequested(e) => {
            // An older log does not say what each request wanted: the newest one stands for all.
            if e.wanted.is_none() {
                state.sights.withdrawals.clear();
            }
            let request = Withdrawal { amount: e.wanted.unwrap_or(e.amount), available_at: e.available_at, at: e.at };
            sights::put(&mut state.sights.withdrawals, request, SIGHTS_MAX);
            state.withdrawal = Some(Withdrawal { amount: e.amount, ..request });
        }
        E::WithdrawalCancelled(e) => state.end_withdrawal(e.at),
        E::Withdrawn(e) => {
            state.withdrawn = state.withdrawn.plus(e.amount);
            state.set_aside = None;
            state.end_withdrawal(e.at);
        }
        E::Closed(_) => state.closed = true,
        E::SightUndone(e) => state.undo(e),
        E::KeyPrepared(e) => state.prepared_key = Some(e.key),
        E::RotationSeen(e) => {
            let rotation = Rotation { key: e.key, at: e.at, claimable_until: e.claimable_until };
            sights::put(&mut state.sights.rotations, rotation, SIGHTS_MAX);
            state.rotation = state.sights.rotations.last().copied();
        }
        E::KeyRotated(e) => state.apply_rotated(e),
        E::Restated(e) => state.apply_restated(e),
    }
}

/// Adds to what is counted in a period. A later one takes the place of it; of an earlier one nothing counts.
fn count_in(period: &mut Option<(Timestamp, Amount)>, start: Option<Timestamp>, amount: Amount) {
    let Some(start) = start else { return };
    match period {
        Some((of, sum)) if *of == start => *sum = sum.plus(amount),
        Some((of, _)) if *of > start => {}
        _ => *period = Some((start, amount)),
    }
}

impl SessionKey {
    fn apply_charged(&mut self, charged: &SessionCharged) {
        self.charged = self.charged.plus(charged.amount);
        count_in(&mut self.period, charged.period_start, charged.amount);
        self.keep_voucher(charged.voucher);
    }

    fn reserve(&mut self, id: HoldId, amount: Amount) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        hold.amount = hold.amount.plus(amount);
        self.held = self.held.plus(amount);
        count_in(&mut self.period_held, hold.period_start, amount);
    }

    fn give_back(&mut self, id: HoldId, amount: Amount) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        hold.amount = hold.amount.minus(amount);
        self.held = self.held.minus(amount);
        match &mut self.period_held {
            Some((of, sum)) if Some(*of) == hold.period_start => *sum = sum.minus(amount),
            _ => {}
        }
    }

    fn end_withdrawal(&mut self, at: ChainRef) {
        let here = sights::place(&at);
        let before = self.sights.withdrawals.len();
        sights::end(&mut self.sights.withdrawals, here);
        if self.sights.withdrawals.len() < before {
            self.withdrawal = self.sights.wanted(self.most());
        }
        self.withdrawal_ended_at = self.withdrawal_ended_at.max(Some(here));
    }

    fn apply_claimed(&mut self, claimed: &Claimed) {
        self.claimed = self.claimed.max(claimed.total_claimed);
        self.set_aside = None;
        if let Some(open) = &mut self.open_claim {
            open.amount = open.amount.minus(claimed.planned);
        }
        // Where somebody else claimed, no charge's border is known, so the amount itself is one. So it is
        // where the escrow did not reach to the border: the rest is paid for by a later claim.
        let paid_to = claimed.total_claimed.min(self.charged);
        let decimals = self.grant.as_ref().map_or(0, |grant| grant.terms.decimals());
        let open = self.open_claim.take_if(|open| open.total_claimed <= claimed.total_claimed);
        let whole = open.filter(|open| open.charged_to.rounded_down(decimals) <= open.total_claimed);
        self.settled_to = self.settled_to.max(paid_to).max(whole.map_or(Amount::ZERO, |open| open.charged_to));
    }

    /// The higher voucher; it is by the present key.
    fn keep_voucher(&mut self, voucher: Option<StoredVoucher>) {
        if voucher.is_some() {
            self.voucher = voucher;
            self.voucher_by = self.grant.as_ref().map(|grant| grant.terms.key);
            // What kept the last claim from being paid was the former key.
            if self.former_until.take().is_some() {
                self.set_aside = None;
            }
        }
    }

    fn newest_freeze(&self) -> Option<OwnerFreeze> {
        self.sights.freezes.last().map(|at| OwnerFreeze::OnChain(at.block_number, at.log_index))
    }

    /// What is left of the kind comes as an event of its own after it, where the read models need it.
    fn undo(&mut self, undone: &SightUndone) {
        let seen = &mut self.sights;
        match undone.what {
            Sight::Deposit => sights::remove(&mut self.pending_deposits, &undone.at),
            Sight::Freeze => {
                sights::remove(&mut seen.freezes, &undone.at);
                self.owner_freeze = self.newest_freeze();
            }
            Sight::Revocation => {
                sights::remove(&mut seen.revocations, &undone.at);
                self.revoked_for_good.take_if(|at| sights::is_same(at, &undone.at));
                if seen.revocations.is_empty() && !self.revoked_here {
                    self.revoked = None;
                }
            }
            Sight::Withdrawal => {
                sights::remove(&mut seen.withdrawals, &undone.at);
                self.withdrawal = self.sights.wanted(self.most());
            }
            Sight::Rotation => {
                sights::remove(&mut seen.rotations, &undone.at);
                self.rotation = seen.rotations.last().copied();
            }
        }
    }

    fn apply_rotated(&mut self, rotated: &KeyRotated) {
        let rotations = &mut self.sights.rotations;
        rotations.retain(|known| !sights::is_same(&known.at, &rotated.at) && !sights::is_rival(&known.at, &rotated.at));
        let here = sights::place(&rotated.at);
        sights::end(rotations, here);
        self.rotation = rotations.last().copied();
        self.rotated_at = self.rotated_at.max(Some(here));
        self.prepared_key.take_if(|prepared| *prepared == rotated.key);
        if let Some(grant) = &mut self.grant {
            grant.terms.key = rotated.key;
        }
        self.former_until = rotated.former_voucher_until;
    }

    /// The chain was set back to a block: what stood after it is not there any more, and what comes will stand there.
    fn apply_restated(&mut self, restated: &Restated) {
        self.deposited = restated.deposited;
        let block = restated.block_number;
        if restated.amount.is_zero() {
            self.final_block = self.final_block.min(block);
        } else {
            self.set_aside = None;
            // What was taken over is of that very block: when the chain is set back before it, it is let go of, too.
            self.final_block = block;
        }
        for ended in [&mut self.unfrozen_at, &mut self.withdrawal_ended_at, &mut self.rotated_at] {
            *ended = ended.map(|(at, index)| if at > block { (block, u64::MAX) } else { (at, index) });
        }
    }
}
