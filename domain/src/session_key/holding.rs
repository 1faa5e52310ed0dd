//! The rules of holds on a session key: what is reserved of the deposit and of the period's limit, and what
//! becomes of it.
//!
//! A voucher has to reach when a hold is placed: what was held can then be captured without another signature,
//! also while the session is frozen or after it has ended. What the owner has taken out of the contract
//! meanwhile cannot.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::Timestamp;
use crate::charge::Line;
use crate::hold::{EXPIRED_MAX, HOLDS_MAX, HoldAction, HoldAfter, HoldError};
use crate::ids::HoldId;
use crate::money::Amount;
use crate::session_key::command::Voucher;
use crate::session_key::decision::Rules;
use crate::session_key::event::{
    SessionBalances, SessionCaptured, SessionCharged, SessionHeld, SessionHoldExtended, SessionHoldReleased,
    SessionKeyEvent,
};
use crate::session_key::{Hold, SessionKeyError};

impl Rules<'_> {
    pub(super) fn hold(
        &self,
        action: &HoldAction,
        voucher: Option<Voucher>,
    ) -> Result<Vec<SessionKeyEvent>, SessionKeyError> {
        let event = match action {
            HoldAction::Place { hold_id, usage, currency, ttl_secs, description, metadata } => {
                self.same_currency(*currency)?;
                self.usable()?;
                if self.state.holds.contains_key(hold_id) {
                    return Err(HoldError::AlreadyOpen.into());
                }
                if self.state.holds.len() >= HOLDS_MAX {
                    return Err(HoldError::TooMany.into());
                }
                let lines = self.lines(usage)?;
                let amount = self.spend(&lines)?;
                let period_start = self.grant.terms.period_start(self.now);
                self.within_period(period_start, amount)?;
                let expires_at = self.now + TimeDelta::seconds(i64::from(*ttl_secs));
                SessionKeyEvent::Held(SessionHeld {
                    session_key_id: self.grant.id,
                    customer_id: self.grant.customer_id,
                    hold: HoldAfter {
                        hold_id: *hold_id,
                        held: amount,
                        captured: Amount::ZERO,
                        placed_at: self.now,
                        expires_at,
                    },
                    amount,
                    currency: self.currency(),
                    lines,
                    voucher: self.accept(voucher, amount)?,
                    period_start,
                    after: reserving(self.state.balances(), amount),
                    description: description.clone(),
                    metadata: metadata.clone(),
                })
            }
            HoldAction::Extend { hold_id, usage, currency, ttl_secs } => {
                self.same_currency(*currency)?;
                let hold = self.open(*hold_id)?;
                self.usable()?;
                let lines = self.lines(usage)?;
                let amount = self.spend(&lines)?;
                self.within_period(hold.period_start, amount)?;
                let deadline = ttl_secs.map(|ttl_secs| self.now + TimeDelta::seconds(i64::from(ttl_secs)));
                let new_voucher = self.accept(voucher, amount)?;
                if new_voucher.is_none() && deadline.is_some_and(|deadline| self.outlives_voucher(deadline, hold)) {
                    return Err(self.voucher_needed(voucher));
                }
                SessionKeyEvent::HoldExtended(SessionHoldExtended {
                    session_key_id: self.grant.id,
                    customer_id: self.grant.customer_id,
                    hold: HoldAfter {
                        hold_id: *hold_id,
                        held: hold.amount.plus(amount),
                        captured: hold.captured,
                        placed_at: hold.placed_at,
                        expires_at: deadline.unwrap_or(hold.expires_at),
                    },
                    amount,
                    currency: self.currency(),
                    lines,
                    period_start: hold.period_start,
                    voucher: new_voucher,
                    after: reserving(self.state.balances(), amount),
                })
            }
            HoldAction::Capture { hold_id, usage, currency, is_final, description, metadata } => {
                self.same_currency(*currency)?;
                let hold = self.open(*hold_id)?;
                let lines = match usage {
                    Some(usage) => self.lines(usage)?,
                    None => vec![Line::flat(hold.amount)],
                };
                let mut captured = self.capture(*hold_id, hold, lines, *is_final)?;
                captured.charge.description.clone_from(description);
                captured.charge.metadata.clone_from(metadata);
                SessionKeyEvent::Captured(captured)
            }
            HoldAction::Void { hold_id } => {
                let hold = self.open(*hold_id)?;
                SessionKeyEvent::Voided(self.release(*hold_id, hold, self.state.balances()))
            }
            HoldAction::Expire => return Ok(self.expire_holds()),
        };
        Ok(vec![event])
    }

    /// Whether a hold would stand longer than before, and longer than the voucher of a key that was replaced is paid.
    fn outlives_voucher(&self, deadline: Timestamp, hold: &Hold) -> bool {
        self.state.former_until.is_some_and(|until| deadline > until) && deadline > hold.expires_at
    }

    /// By the present key, for all that was charged and is held.
    fn voucher_needed(&self, given: Option<Voucher>) -> SessionKeyError {
        let (charged, currency) = (self.state.charged, self.currency());
        let Ok(needed) = charged.plus(self.state.held).rounded_up(self.grant.terms.decimals()) else {
            return SessionKeyError::BalanceTooLarge;
        };
        let given = given.map(|voucher| voucher.stored.max_claimable);
        SessionKeyError::VoucherTooLow { needed, stored: Amount::ZERO, given, charged, currency }
    }

    fn open(&self, id: HoldId) -> Result<&Hold, HoldError> {
        self.state.holds.get(&id).ok_or(HoldError::NotOpen)
    }

    fn capture(
        &self,
        hold_id: HoldId,
        hold: &Hold,
        lines: Vec<Line>,
        is_final: bool,
    ) -> Result<SessionCaptured, SessionKeyError> {
        let (held, currency, before) = (hold.amount, self.currency(), self.state.balances());
        let amount = lines.iter().try_fold(Amount::ZERO, |sum, line| sum.checked_add(line.amount));
        let amount = amount.map_err(|_| SessionKeyError::BalanceTooLarge)?;
        if amount > held {
            return Err(HoldError::CaptureAboveHold { amount, held, currency }.into());
        }
        // The owner may have been given back what was held: what is not there cannot be charged.
        let there = self.state.escrow().minus(self.state.charged);
        if amount > there {
            return Err(self.insufficient(amount, there));
        }
        let rest = held.minus(amount);
        let (left, returned) = if is_final { (Amount::ZERO, rest) } else { (rest, Amount::ZERO) };
        let after = SessionBalances { charged: before.charged.plus(amount), held: before.held.minus(amount), ..before };
        Ok(SessionCaptured {
            hold: HoldAfter {
                hold_id,
                held: left,
                captured: hold.captured.plus(amount),
                placed_at: hold.placed_at,
                expires_at: hold.expires_at,
            },
            is_final,
            charge: SessionCharged {
                session_key_id: self.grant.id,
                customer_id: self.grant.customer_id,
                amount,
                currency,
                lines,
                voucher: None,
                period_start: hold.period_start,
                after: self.returning(after, returned),
                description: None,
                metadata: BTreeMap::new(),
            },
            returned,
        })
    }

    fn release(&self, hold_id: HoldId, hold: &Hold, before: SessionBalances) -> SessionHoldReleased {
        SessionHoldReleased {
            session_key_id: self.grant.id,
            customer_id: self.grant.customer_id,
            hold: HoldAfter {
                hold_id,
                held: Amount::ZERO,
                captured: hold.captured,
                placed_at: hold.placed_at,
                expires_at: hold.expires_at,
            },
            currency: self.currency(),
            returned: hold.amount,
            period_start: hold.period_start,
            after: self.returning(before, hold.amount),
        }
    }

    fn expire_holds(&self) -> Vec<SessionKeyEvent> {
        let mut balances = self.state.balances();
        let due = self.state.holds.iter().filter(|(_, hold)| hold.expires_at <= self.now).take(EXPIRED_MAX);
        let released = due.map(|(id, hold)| {
            let released = self.release(*id, hold, balances);
            balances = released.after;
            SessionKeyEvent::HoldExpired(released)
        });
        released.collect()
    }

    fn returning(&self, before: SessionBalances, amount: Amount) -> SessionBalances {
        let held = before.held.minus(amount);
        // Worked out anew: where the owner wants back what was held, giving it back makes nothing available.
        let wanted_back = self.state.withdrawal.map_or(Amount::ZERO, |withdrawal| withdrawal.amount);
        let available = self.state.escrow().minus(wanted_back).minus(before.charged).minus(held);
        SessionBalances { held, available, ..before }
    }
}

fn reserving(before: SessionBalances, amount: Amount) -> SessionBalances {
    SessionBalances { held: before.held.plus(amount), available: before.available.minus(amount), ..before }
}
