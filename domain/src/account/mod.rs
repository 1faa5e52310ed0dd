//! The account: a customer's money and usage, and the decision whether a charge may be paid.
//!
//! What pays, in this order: the allowance of a quota that includes its usage, then credits (by
//! priority, then the earliest expiry, then the oldest grant), then post-paid up to a limit. The
//! whole decision is here, on one stream, so no race can overspend: [`decision`] and `holding` hold the
//! rules, [`command`] and [`event`] the words, and this file the state they work on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::charge::Line;
use crate::ids::{CreditGrantId, CustomerId, HoldId, OrganizationId};
use crate::meter::MeterCode;
use crate::money::{Amount, Currency, Quantity};
use crate::period::Period;

pub mod command;
pub mod decision;
pub mod event;
mod holding;
#[cfg(test)]
mod tests;

pub use command::AccountCommand;
pub use decision::AccountError;
pub use event::{AccountEvent, Balances, Captured, Charged, CreditUse, Funds};

/// How many unspent credit grants one account may have at a time.
pub const GRANTS_MAX: usize = 1_000;
/// How many quotas one account may have.
pub const QUOTAS_MAX: usize = 200;

/// State of an account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Whose it is; `None` until it was opened.
    pub owner: Option<Owner>,
    /// Credits that are neither spent nor expired, in the order in which they are spent.
    pub grants: Vec<Grant>,
    /// Limits and allowances, by meter.
    pub quotas: BTreeMap<MeterCode, Quota>,
    /// Charged and not yet paid for.
    pub postpaid: Amount,
    /// How far `postpaid` may go.
    pub postpaid_limit: Amount,
    /// Everything ever charged.
    pub charged: Amount,
    /// What is reserved, by hold. Only open ones are here.
    pub holds: BTreeMap<HoldId, Hold>,
    /// The post-paid room that they reserve.
    pub held_postpaid: Amount,
}

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Owner {
    /// Who is billed.
    pub customer_id: CustomerId,
    /// Who bills.
    pub organization_id: OrganizationId,
    /// The one currency of the account.
    pub currency: Currency,
}

/// Credits from one grant that are still there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: CreditGrantId,
    /// What is left of it and not reserved.
    pub remaining: Amount,
    /// What holds reserve of it. Its end does not touch that.
    pub held: Amount,
    /// Lower is spent first.
    pub priority: u8,
    /// From this moment on it is worth nothing.
    pub expires_at: Option<Timestamp>,
}

impl Grant {
    /// Whether its time is over at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// What a quota says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QuotaTerms {
    /// How much of the meter, in each period.
    pub limit: Quantity,
    /// How long it counts.
    pub period: Period,
    /// Whether usage within it is free of charge: an allowance.
    pub included: bool,
    /// What happens beyond it.
    pub overage: Overage,
}

/// What happens to usage beyond a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overage {
    /// It is refused.
    Block,
    /// It is charged at the meter's price.
    Charge,
}

/// A quota and what was used of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// What it says.
    pub terms: QuotaTerms,
    /// The period that `used` counts in.
    pub period_start: Timestamp,
    /// Used since then, or since the quota was first set.
    pub used: Quantity,
    /// What holds reserve in that period.
    pub held: Quantity,
}

impl Quota {
    /// What is used in the period that `now` lies in.
    pub fn used_at(&self, now: Timestamp) -> Quantity {
        if self.terms.period.start(now) == self.period_start { self.used } else { Quantity::ZERO }
    }

    /// What is reserved in the period that `now` lies in.
    pub fn held_at(&self, now: Timestamp) -> Quantity {
        if self.terms.period.start(now) == self.period_start { self.held } else { Quantity::ZERO }
    }

    /// What is neither used nor reserved in the period that `now` lies in.
    pub fn remaining_at(&self, now: Timestamp) -> Quantity {
        if self.terms.period.start(now) == self.period_start {
            self.terms.limit.minus(self.used).minus(self.held)
        } else {
            self.terms.limit
        }
    }

    /// Whether what is said of a period still matters: it is not over.
    fn counts_in(&self, period_start: Timestamp) -> bool {
        self.period_start <= period_start
    }

    /// Goes on to a later period.
    fn enter(&mut self, period_start: Timestamp) {
        if self.period_start < period_start {
            self.period_start = period_start;
            self.used = Quantity::ZERO;
            self.held = Quantity::ZERO;
        }
    }
}

/// What is reserved and not yet captured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// What pays.
    pub funds: Funds,
    /// What is reserved of quotas.
    pub usage: Vec<Reserved>,
    /// Captured so far.
    pub captured: Amount,
    /// What it captures counts in the periods of this moment.
    pub placed_at: Timestamp,
    /// When it runs out; until the event that says so, it stands.
    pub expires_at: Timestamp,
}

/// Usage that a hold reserves of a quota.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reserved {
    /// Of this meter.
    pub meter: MeterCode,
    /// In this period.
    pub period_start: Timestamp,
    /// How much.
    pub quantity: Quantity,
}

impl Reserved {
    /// What a line of a hold reserves of a quota: what the allowance covers, or else all of it, for then the quota
    /// blocks what is beyond.
    pub fn by(line: &Line) -> Option<Self> {
        let quantity = line.included_quantity.or(line.quantity).filter(|quantity| !quantity.is_zero())?;
        Some(Self { meter: line.meter.clone()?, period_start: line.period_start?, quantity })
    }
}

impl Hold {
    /// What it reserves of a meter in a period.
    fn reserved(&self, meter: &MeterCode, period_start: Timestamp) -> Quantity {
        let matching = self.usage.iter().filter(|part| part.meter == *meter && part.period_start == period_start);
        matching.fold(Quantity::ZERO, |sum, part| sum.plus(part.quantity))
    }
}

impl Account {
    /// Credits that are in the account and not reserved, expired or not: they leave it by an event.
    pub fn credits(&self) -> Amount {
        self.grants.iter().fold(Amount::ZERO, |sum, grant| sum.plus(grant.remaining))
    }

    /// Its balances, as answers and events show them.
    pub fn balances(&self) -> Balances {
        Balances {
            credits: self.credits(),
            postpaid: self.postpaid,
            postpaid_limit: self.postpaid_limit,
            held_credits: self.grants.iter().fold(Amount::ZERO, |sum, grant| sum.plus(grant.held)),
            held_postpaid: self.held_postpaid,
        }
    }
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    const STATE_VERSION: i16 = 2;
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = AccountError;

    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        decision::decide(self, command, now)
    }

    fn apply_event(&mut self, event: &Self::Event, _occurred_at: Timestamp) {
        match event {
            AccountEvent::Opened(opened) => {
                self.owner = Some(Owner {
                    customer_id: opened.customer_id,
                    organization_id: opened.organization_id,
                    currency: opened.currency,
                });
                self.postpaid_limit = opened.postpaid_limit;
            }
            AccountEvent::Credited(credited) => {
                let grant = Grant {
                    id: credited.grant_id,
                    remaining: credited.amount,
                    held: Amount::ZERO,
                    priority: credited.priority,
                    expires_at: credited.expires_at,
                };
                // Kept in spending order; behind its equals, so that the oldest goes first.
                let rank = |g: &Grant| (g.priority, g.expires_at.is_none(), g.expires_at);
                let place = self.grants.partition_point(|other| rank(other) <= rank(&grant));
                self.grants.insert(place, grant);
            }
            AccountEvent::CreditExpired(expired) => {
                self.change_grants(
                    &[CreditUse { grant_id: expired.grant_id, amount: expired.amount }],
                    |grant, amount| {
                        grant.remaining = grant.remaining.minus(amount);
                    },
                );
            }
            AccountEvent::QuotaSet(set) => {
                let used = match self.quotas.get(&set.meter) {
                    Some(quota) if quota.period_start == set.period_start && quota.terms.period == set.terms.period => {
                        quota.used
                    }
                    _ => Quantity::ZERO,
                };
                let quota = Quota { terms: set.terms, period_start: set.period_start, used, held: set.held };
                self.quotas.insert(set.meter.clone(), quota);
            }
            AccountEvent::LimitSet(set) => self.postpaid_limit = set.postpaid_limit,
            AccountEvent::Charged(charged) => {
                self.change_grants(&charged.credits_used, |grant, amount| {
                    grant.remaining = grant.remaining.minus(amount);
                });
                self.apply_charged(charged);
            }
            AccountEvent::Held(held) => self.apply_held(held),
            AccountEvent::HoldExtended(extended) => self.apply_extended(extended),
            AccountEvent::Captured(captured) => self.apply_captured(captured),
            AccountEvent::Voided(released) | AccountEvent::HoldExpired(released) => {
                self.holds.remove(&released.hold.hold_id);
                self.give_back(&released.returned, &released.released);
            }
        }
    }
}

impl Account {
    /// What was charged, whatever paid: the balances that only grow, and what was used of quotas.
    fn apply_charged(&mut self, charged: &Charged) {
        self.postpaid = self.postpaid.plus(charged.postpaid);
        self.charged = self.charged.plus(charged.amount);
        for line in &charged.lines {
            let (Some(meter), Some(quantity), Some(period_start)) = (&line.meter, line.quantity, line.period_start)
            else {
                continue;
            };
            if let Some(quota) = self.quotas.get_mut(meter).filter(|quota| quota.counts_in(period_start)) {
                quota.enter(period_start);
                quota.used = quota.used.plus(quantity);
            }
        }
    }

    fn apply_held(&mut self, held: &event::Held) {
        let hold = Hold {
            funds: Funds::default(),
            usage: Vec::new(),
            captured: Amount::ZERO,
            placed_at: held.hold.placed_at,
            expires_at: held.hold.expires_at,
        };
        self.holds.insert(held.hold.hold_id, hold);
        self.reserve(held.hold.hold_id, &held.funds, &held.lines);
    }

    fn apply_extended(&mut self, extended: &event::HoldExtended) {
        if let Some(hold) = self.holds.get_mut(&extended.hold.hold_id) {
            hold.expires_at = extended.hold.expires_at;
        }
        self.reserve(extended.hold.hold_id, &extended.funds, &extended.lines);
    }

    fn reserve(&mut self, id: HoldId, funds: &Funds, lines: &[Line]) {
        self.change_grants(&funds.credits, |grant, amount| {
            grant.remaining = grant.remaining.minus(amount);
            grant.held = grant.held.plus(amount);
        });
        self.held_postpaid = self.held_postpaid.plus(funds.postpaid);
        let Some(hold) = self.holds.get_mut(&id) else { return };
        hold.funds.add(funds);
        for reserved in lines.iter().filter_map(Reserved::by) {
            let start = reserved.period_start;
            if let Some(quota) = self.quotas.get_mut(&reserved.meter).filter(|quota| quota.counts_in(start)) {
                quota.enter(start);
                quota.held = quota.held.plus(reserved.quantity);
            }
            match hold.usage.iter_mut().find(|part| part.meter == reserved.meter && part.period_start == start) {
                Some(part) => part.quantity = part.quantity.plus(reserved.quantity),
                None => hold.usage.push(reserved),
            }
        }
    }

    fn apply_captured(&mut self, captured: &Captured) {
        let charge = &captured.charge;
        self.change_grants(&charge.credits_used, |grant, amount| grant.held = grant.held.minus(amount));
        self.held_postpaid = self.held_postpaid.minus(charge.postpaid);
        self.apply_charged(charge);
        self.give_back(&captured.returned, &captured.released);
        let Some(hold) = self.holds.get_mut(&captured.hold.hold_id) else { return };
        hold.funds = hold.funds.split(charge.amount).1;
        hold.captured = captured.hold.captured;
        holding::take_out(&mut hold.usage, &captured.released);
        if captured.is_final {
            self.holds.remove(&captured.hold.hold_id);
        }
    }

    /// What was reserved is not any more.
    fn give_back(&mut self, funds: &Funds, usage: &[Reserved]) {
        self.change_grants(&funds.credits, |grant, amount| {
            grant.held = grant.held.minus(amount);
            grant.remaining = grant.remaining.plus(amount);
        });
        self.held_postpaid = self.held_postpaid.minus(funds.postpaid);
        for part in usage {
            let counts = |quota: &&mut Quota| quota.period_start == part.period_start;
            if let Some(quota) = self.quotas.get_mut(&part.meter).filter(counts) {
                quota.held = quota.held.minus(part.quantity);
            }
        }
    }

    /// Changes these grants; those of which nothing is left are gone.
    fn change_grants(&mut self, parts: &[CreditUse], change: impl Fn(&mut Grant, Amount)) {
        if parts.is_empty() {
            return;
        }
        for part in parts {
            if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == part.grant_id) {
                change(grant, part.amount);
            }
        }
        self.grants.retain(|grant| !(grant.remaining.is_zero() && grant.held.is_zero()));
    }
}
