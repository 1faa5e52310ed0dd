//! The rules of a session key: what is allowed, what a voucher must say, what the chain changes.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::Timestamp;
use crate::charge::{Line, Usage};
use crate::evm::{Bytes32, ChainRef, HexBytes};
use crate::ids::{RelayId, SettlementId};
use crate::money::{Amount, Currency};
use crate::session_key::command::{Action, SessionKeyCommand, Voucher};
use crate::session_key::event::{
    ClaimPlanned, ClaimReleased, Closed, Expired, Frozen, RelayDone, RelayFailed, RelayRequested, Revoked,
    SessionBalances, SessionCharged, SessionKeyEvent, StoredVoucher, Unfrozen,
};
use crate::session_key::{
    BAD_SIGNATURE, Custody, FrozenBy, Grant, KEY_REPLACED, KEY_ROTATED, OwnerFreeze, PendingRelay, RELAYS_MAX,
    RelayAction, SessionKey, SessionKeyError, Status,
};

type Decision = Result<Vec<SessionKeyEvent>, SessionKeyError>;

pub(super) fn decide(state: &SessionKey, command: &SessionKeyCommand, now: Timestamp) -> Decision {
    if let Action::Grant(granted) = &command.action {
        return match state.grant {
            Some(_) => Err(SessionKeyError::AlreadyGranted),
            None => Ok(vec![SessionKeyEvent::Granted((**granted).clone())]),
        };
    }
    let grant = state
        .grant
        .as_ref()
        .filter(|grant| grant.organization_id == command.organization_id)
        .ok_or(SessionKeyError::NotFound)?;
    let rules = Rules { state, grant, now };
    match &command.action {
        Action::Grant(_) => Err(SessionKeyError::AlreadyGranted),
        Action::Relay { relay_id, action, calldata } => rules.relay(*relay_id, *action, calldata),
        Action::RelayDone { relay_id, tx_hash, block_number } => {
            let Some(relay) = state.relays.iter().find(|relay| relay.id == *relay_id) else { return Ok(Vec::new()) };
            Ok(vec![SessionKeyEvent::RelayDone(RelayDone {
                customer_id: grant.customer_id,
                relay_id: *relay_id,
                action: relay.action,
                tx_hash: *tx_hash,
                block_number: *block_number,
            })])
        }
        Action::RelayFailed { relay_id, reason } => {
            let Some(relay) = state.relays.iter().find(|relay| relay.id == *relay_id) else { return Ok(Vec::new()) };
            let mut events = vec![SessionKeyEvent::RelayFailed(RelayFailed {
                customer_id: grant.customer_id,
                relay_id: *relay_id,
                action: relay.action,
                reason: reason.clone(),
            })];
            // The failure lifts what was only on its way, and another freeze still is.
            let another = |other: &PendingRelay| other.id != *relay_id && other.action == RelayAction::Freeze;
            let lifted = relay.action == RelayAction::Freeze && state.owner_freeze == Some(OwnerFreeze::Relayed);
            if lifted && state.relays.iter().any(another) {
                events.push(rules.frozen(FrozenBy::Owner, None));
            }
            Ok(events)
        }
        Action::Charge { usage, currency, voucher, description, metadata } => {
            rules.charge(usage, *currency, *voucher, description.as_ref(), metadata)
        }
        Action::Hold { action, voucher } => rules.hold(action, *voucher),
        Action::Freeze => rules.freeze(),
        Action::Unfreeze => rules.unfreeze(),
        Action::Revoke => rules.revoke(),
        Action::Expire => Ok(rules.expire()),
        Action::Close => Ok(rules.close()),
        Action::PlanClaim { settlement_id, again } => rules.plan_claim(*settlement_id, *again),
        Action::ReleaseClaim { settlement_id, reason } => Ok(rules.release_claim(*settlement_id, reason)),
        Action::Observe { fact, at, is_final } => Ok(rules.observe(fact, *at, *is_final)),
        Action::UndoSight { what, at } => Ok(rules.undo(*what, *at)),
        Action::PrepareKey { key } => rules.prepare(*key),
        Action::Restate { escrow, known, block_number, reason } => {
            rules.restate(*escrow, *known, *block_number, reason)
        }
    }
}

pub(super) struct Rules<'a> {
    pub(super) state: &'a SessionKey,
    pub(super) grant: &'a Grant,
    pub(super) now: Timestamp,
}

impl Rules<'_> {
    pub(super) fn currency(&self) -> Currency {
        self.grant.terms.currency
    }

    pub(super) fn over(&self) -> bool {
        matches!(self.state.status(), Status::Revoked | Status::Expired | Status::Closed)
    }

    fn relay(&self, relay_id: RelayId, action: RelayAction, calldata: &HexBytes) -> Decision {
        let status = self.state.status();
        if action.registers() {
            if self.state.registered || self.state.relays.iter().any(|relay| relay.action.registers()) {
                return Err(SessionKeyError::AlreadyRegistered);
            }
            if self.now >= self.grant.terms.valid_until {
                return Err(SessionKeyError::Expired(self.grant.terms.valid_until));
            }
            if self.over() {
                return Err(SessionKeyError::WrongStatus(status));
            }
        } else {
            let withdraws = matches!(action, RelayAction::RequestWithdraw | RelayAction::FinalizeWithdraw);
            if !self.state.registered || status == Status::Closed || (self.over() && !withdraws) {
                return Err(SessionKeyError::WrongStatus(status));
            }
        }
        let digest = Bytes32(Sha256::digest(&calldata.0).into());
        if let Some(same) = self.state.relays.iter().find(|relay| relay.calldata_digest == digest) {
            return Err(SessionKeyError::AlreadyRelayed(same.id));
        }
        if self.state.relays.len() >= RELAYS_MAX {
            return Err(SessionKeyError::TooManyRelays);
        }
        let mut events = Vec::new();
        // The owner has signed it: what restricts counts at first sight.
        if action == RelayAction::Freeze && self.state.owner_freeze.is_none() {
            events.push(self.frozen(FrozenBy::Owner, None));
        }
        if action == RelayAction::Revoke && self.state.revoked.is_none() {
            events.push(self.revoked(FrozenBy::Owner, None, true));
        }
        events.push(SessionKeyEvent::RelayRequested(RelayRequested {
            customer_id: self.grant.customer_id,
            relay_id,
            action,
            to: self.grant.terms.contract,
            calldata: calldata.clone(),
        }));
        Ok(events)
    }

    fn charge(
        &self,
        usage: &[Usage],
        currency: Option<Currency>,
        voucher: Option<Voucher>,
        description: Option<&String>,
        metadata: &BTreeMap<String, String>,
    ) -> Decision {
        self.same_currency(currency)?;
        self.usable()?;
        let lines = self.lines(usage)?;
        let amount = self.spend(&lines)?;
        let period_start = self.grant.terms.period_start(self.now);
        self.within_period(period_start, amount)?;
        let voucher = self.accept(voucher, amount)?;
        let before = self.state.balances();
        Ok(vec![SessionKeyEvent::Charged(SessionCharged {
            session_key_id: self.grant.id,
            customer_id: self.grant.customer_id,
            amount,
            currency: self.currency(),
            lines,
            voucher,
            period_start,
            after: SessionBalances {
                charged: before.charged.plus(amount),
                available: before.available.minus(amount),
                ..before
            },
            description: description.cloned(),
            metadata: metadata.clone(),
        })])
    }

    pub(super) fn usable(&self) -> Result<(), SessionKeyError> {
        let (terms, status) = (&self.grant.terms, self.state.status());
        // Where the key was replaced, a voucher of the new one makes up for what the contract skipped.
        if let (Status::Active, Some(reason)) = (status, &self.state.set_aside)
            && self.state.former_until.is_none()
        {
            return Err(SessionKeyError::SetAside(reason.clone()));
        }
        match status {
            Status::Active | Status::Pending | Status::Frozen if self.now >= terms.valid_until => {
                Err(SessionKeyError::Expired(terms.valid_until))
            }
            Status::Active if self.now < terms.valid_after => Err(SessionKeyError::NotYetValid(terms.valid_after)),
            Status::Active => Ok(()),
            Status::Expired => Err(SessionKeyError::Expired(terms.valid_until)),
            status => Err(SessionKeyError::WrongStatus(status)),
        }
    }

    pub(super) fn same_currency(&self, given: Option<Currency>) -> Result<(), SessionKeyError> {
        let expected = self.currency();
        match given {
            Some(given) if given != expected => Err(SessionKeyError::CurrencyMismatch { expected, given }),
            _ => Ok(()),
        }
    }

    pub(super) fn lines(&self, usage: &[Usage]) -> Result<Vec<Line>, SessionKeyError> {
        usage.iter().map(|one| self.line(one)).collect()
    }

    /// The sum of lines, when what is left of the deposit reaches.
    pub(super) fn spend(&self, lines: &[Line]) -> Result<Amount, SessionKeyError> {
        let too_large = |_| SessionKeyError::BalanceTooLarge;
        let amount =
            lines.iter().try_fold(Amount::ZERO, |sum, line| sum.checked_add(line.amount)).map_err(too_large)?;
        let taken = self.state.charged.checked_add(self.state.held).map_err(too_large)?;
        taken.checked_add(amount).map_err(too_large)?;
        let available = self.state.available();
        // A charge that costs nothing needs no room.
        if amount > available {
            return Err(self.insufficient(amount, available));
        }
        Ok(amount)
    }

    pub(super) fn insufficient(&self, amount: Amount, available: Amount) -> SessionKeyError {
        let pending = self.state.pending_deposits.iter().fold(Amount::ZERO, |sum, one| sum.plus(one.amount));
        SessionKeyError::InsufficientDeposit { amount, available, pending, currency: self.currency() }
    }

    fn line(&self, usage: &Usage) -> Result<Line, SessionKeyError> {
        match usage {
            Usage::Flat { amount } => Ok(Line::flat(*amount)),
            Usage::Metered { meter, quantity } => {
                self.same_currency(Some(meter.currency))?;
                Line::metered(meter, *quantity, None, None)
                    .map_err(|reason| SessionKeyError::AmountOutOfRange { meter: meter.code.to_string(), reason })
            }
        }
    }

    pub(super) fn within_period(&self, start: Option<Timestamp>, amount: Amount) -> Result<(), SessionKeyError> {
        let terms = &self.grant.terms;
        let Some(start) = start else { return Ok(()) };
        // Of a period that is over nothing is left: what was used of it may no longer be known.
        let remaining = if terms.period_start(self.now) == Some(start) {
            terms.period_limit.minus(self.state.period_used(start)).minus(self.state.period_held(start))
        } else {
            Amount::ZERO
        };
        if amount > remaining {
            return Err(SessionKeyError::PeriodLimitExceeded {
                amount,
                limit: terms.period_limit,
                remaining,
                resets_at: start + chrono::TimeDelta::seconds(i64::from(terms.period_secs)),
                currency: terms.currency,
            });
        }
        Ok(())
    }

    /// Checks a voucher against what will have been charged with this amount and when all that is held is captured.
    /// `Some` when it is higher than the one kept.
    pub(super) fn accept(
        &self,
        voucher: Option<Voucher>,
        amount: Amount,
    ) -> Result<Option<StoredVoucher>, SessionKeyError> {
        let charged = self.state.charged.plus(self.state.held).plus(amount);
        let (terms, currency) = (&self.grant.terms, self.currency());
        if terms.custody == Custody::Managed {
            return if voucher.is_some() { Err(SessionKeyError::VoucherNotTaken) } else { Ok(None) };
        }
        let needed = charged.rounded_up(terms.decimals()).map_err(|_| SessionKeyError::BalanceTooLarge)?;
        // The voucher of a key that was replaced pays for what it was given for, and for nothing new.
        let is_former = self.state.former_until.is_some();
        let kept = self.state.voucher.filter(|_| !is_former || amount.is_zero());
        let stored = kept.map_or(Amount::ZERO, |voucher| voucher.max_claimable);
        // Which of the two keys' vouchers will be paid is not known yet.
        if self.state.rotation.is_some() {
            return if stored < needed { Err(SessionKeyError::KeyRotating) } else { Ok(None) };
        }
        if let Some(voucher) = voucher {
            if voucher.signer != terms.key {
                return Err(SessionKeyError::VoucherWrongSigner);
            }
            let (given, escrow) = (voucher.stored.max_claimable, self.state.escrow());
            if given > escrow {
                return Err(SessionKeyError::VoucherAboveDeposit { given, escrow, currency });
            }
        }
        let given = voucher.map(|voucher| voucher.stored.max_claimable);
        // A lower voucher is ignored when the one that is kept suffices.
        if stored.max(given.unwrap_or_default()) < needed {
            return Err(SessionKeyError::VoucherTooLow {
                needed,
                stored,
                given,
                charged: self.state.charged,
                currency,
            });
        }
        let is_better = |voucher: &StoredVoucher| {
            if is_former { voucher.max_claimable >= needed } else { voucher.max_claimable > stored }
        };
        Ok(voucher.map(|voucher| voucher.stored).filter(is_better))
    }

    pub(super) fn frozen(&self, by: FrozenBy, at: Option<ChainRef>) -> SessionKeyEvent {
        SessionKeyEvent::Frozen(Frozen { customer_id: self.grant.customer_id, by, at })
    }

    pub(super) fn unfrozen(&self, by: FrozenBy, at: Option<ChainRef>) -> SessionKeyEvent {
        SessionKeyEvent::Unfrozen(Unfrozen { customer_id: self.grant.customer_id, by, at })
    }

    pub(super) fn revoked(&self, by: FrozenBy, at: Option<ChainRef>, is_final: bool) -> SessionKeyEvent {
        SessionKeyEvent::Revoked(Revoked { customer_id: self.grant.customer_id, by, at, is_final })
    }

    fn freeze(&self) -> Decision {
        if self.over() {
            return Err(SessionKeyError::WrongStatus(self.state.status()));
        }
        // Also when it is frozen already: an acknowledged request keeps its key, so that its retry after an
        // unfreeze does not freeze again.
        Ok(vec![self.frozen(FrozenBy::Organization, None)])
    }

    /// Its own freeze, and that of the guardian, who acts for it. The contract keeps the latter.
    fn unfreeze(&self) -> Decision {
        if self.over() {
            return Err(SessionKeyError::WrongStatus(self.state.status()));
        }
        let (own, guardians) = (self.state.organization_freeze, self.state.guardian_freeze);
        if !own && !guardians && self.state.owner_freeze.is_some() {
            return Err(SessionKeyError::FrozenByOwner);
        }
        // Also when it is not frozen: see `freeze`.
        let own = (own || !guardians).then(|| self.unfrozen(FrozenBy::Organization, None));
        let guardians = guardians.then(|| self.unfrozen(FrozenBy::Guardian, None));
        Ok(guardians.into_iter().chain(own).collect())
    }

    fn revoke(&self) -> Decision {
        match self.state.status() {
            // What only the chain says may go away with its block.
            Status::Revoked if self.state.revoked_here => Ok(Vec::new()),
            status @ (Status::Expired | Status::Closed) => Err(SessionKeyError::WrongStatus(status)),
            _ => Ok(vec![self.revoked(FrozenBy::Organization, None, true)]),
        }
    }

    fn expire(&self) -> Vec<SessionKeyEvent> {
        let expired_at = self.grant.terms.valid_until;
        if self.over() || self.now < expired_at {
            return Vec::new();
        }
        vec![SessionKeyEvent::Expired(Expired { customer_id: self.grant.customer_id, expired_at })]
    }

    /// Whether it has ended for a reason that does not go away with a block.
    fn over_for_good(&self) -> bool {
        let state = self.state;
        let is_revoked = state.revoked_here || state.revoked_for_good.is_some();
        self.over() && (is_revoked || state.expired || self.now >= self.grant.terms.valid_until)
    }

    /// Over, and nothing left in the contract: what was earned and not claimed by now never will be.
    fn close(&self) -> Vec<SessionKeyEvent> {
        let state = self.state;
        let ended = self.over_for_good() && state.status() != Status::Closed;
        let empty = state.escrow() == state.claimed;
        let idle = state.open_claim.is_none() && state.relays.is_empty() && state.pending_deposits.is_empty();
        let idle = idle && state.holds.is_empty();
        if !(ended && empty && idle) {
            return Vec::new();
        }
        vec![SessionKeyEvent::Closed(Closed {
            customer_id: self.grant.customer_id,
            written_off: state.unsettled(),
            currency: self.currency(),
            after: state.balances(),
        })]
    }

    fn plan_claim(&self, settlement_id: SettlementId, again: bool) -> Decision {
        if let Some(open) = &self.state.open_claim {
            return Err(SessionKeyError::InSettlement(open.settlement_id));
        }
        // What the contract skipped it will skip again: each try costs gas, so a person decides.
        if let Some(reason) = self.state.set_aside.as_ref().filter(|_| !again) {
            return Err(SessionKeyError::SetAside(reason.clone()));
        }
        // A claim ends at a charge's border; what lies below an atomic unit waits for the next one.
        let total_claimed = self.state.charged.rounded_down(self.grant.terms.decimals()).min(self.state.escrow());
        let amount = total_claimed.minus(self.state.claimed);
        if amount.is_zero() {
            return Err(SessionKeyError::NothingToClaim);
        }
        // The time in which the voucher of a key that was replaced is paid is over: a new one has to come first.
        if self.state.former_until.is_some_and(|until| until <= self.now) {
            if self.state.set_aside.as_deref() == Some(KEY_REPLACED) {
                return Err(SessionKeyError::NothingToClaim);
            }
            return Ok(vec![SessionKeyEvent::ClaimReleased(ClaimReleased {
                customer_id: self.grant.customer_id,
                settlement_id,
                amount: Amount::ZERO,
                currency: self.currency(),
                reason: KEY_REPLACED.to_owned(),
            })]);
        }
        Ok(vec![SessionKeyEvent::ClaimPlanned(ClaimPlanned {
            session_key_id: self.grant.id,
            customer_id: self.grant.customer_id,
            settlement_id,
            amount,
            currency: self.currency(),
            total_claimed,
            charged_from: self.state.settled_to,
            charged_to: self.state.charged,
            voucher: self.state.voucher,
        })])
    }

    fn release_claim(&self, settlement_id: SettlementId, reason: &str) -> Vec<SessionKeyEvent> {
        match &self.state.open_claim {
            Some(open) if open.settlement_id == settlement_id => {
                // Signed by a key that has been replaced since: the one of now signs the next.
                let is_former = open.key.is_some() && open.key != self.state.signer();
                let reason = if is_former && reason == BAD_SIGNATURE { KEY_ROTATED } else { reason };
                vec![SessionKeyEvent::ClaimReleased(ClaimReleased {
                    customer_id: self.grant.customer_id,
                    settlement_id,
                    amount: open.amount,
                    currency: self.currency(),
                    reason: reason.to_owned(),
                })]
            }
            _ => Vec::new(),
        }
    }
}
