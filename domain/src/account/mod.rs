//! The account: a customer's money and usage, and the decision whether a charge may be paid.
//!
//! What pays, in this order: the allowance of a quota that includes its usage, then credits (by
//! priority, then the earliest expiry, then the oldest grant), then post-paid up to a limit. The
//! whole decision is here, on one stream, so no race can overspend: [`decision`] holds the rules,
//! [`command`] and [`event`] the words, and this file the state they work on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::ids::{CreditGrantId, CustomerId, OrganizationId};
use crate::meter::MeterCode;
use crate::money::{Amount, Currency, Quantity};
use crate::period::Period;

pub mod command;
pub mod decision;
pub mod event;
#[cfg(test)]
mod tests;

pub use command::AccountCommand;
pub use decision::AccountError;
pub use event::{AccountEvent, Balances, Charged, CreditUse};

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
    /// What is left of it; never zero here.
    pub remaining: Amount,
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
}

impl Quota {
    /// What is used in the period that `now` lies in.
    pub fn used_at(&self, now: Timestamp) -> Quantity {
        if self.terms.period.start(now) == self.period_start { self.used } else { Quantity::ZERO }
    }

    /// What is left in the period that `now` lies in.
    pub fn remaining_at(&self, now: Timestamp) -> Quantity {
        self.terms.limit.minus(self.used_at(now))
    }
}

impl Account {
    /// Credits that are in the account, expired or not: they leave it by an event.
    pub fn credits(&self) -> Amount {
        self.grants.iter().fold(Amount::ZERO, |sum, grant| sum.plus(grant.remaining))
    }

    /// Credits and post-paid room, at its present state.
    pub fn available(&self) -> Amount {
        self.credits().plus(self.postpaid_limit.minus(self.postpaid))
    }

    /// Its balances, as answers and events show them.
    pub fn balances(&self) -> Balances {
        Balances { credits: self.credits(), postpaid: self.postpaid, postpaid_limit: self.postpaid_limit }
    }
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    const STATE_VERSION: i16 = 1;
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
                    priority: credited.priority,
                    expires_at: credited.expires_at,
                };
                // Kept in spending order; behind its equals, so that the oldest goes first.
                let rank = |g: &Grant| (g.priority, g.expires_at.is_none(), g.expires_at);
                let place = self.grants.partition_point(|other| rank(other) <= rank(&grant));
                self.grants.insert(place, grant);
            }
            AccountEvent::CreditExpired(expired) => self.grants.retain(|grant| grant.id != expired.grant_id),
            AccountEvent::QuotaSet(set) => {
                let used = match self.quotas.get(&set.meter) {
                    Some(quota) if quota.period_start == set.period_start && quota.terms.period == set.terms.period => {
                        quota.used
                    }
                    _ => Quantity::ZERO,
                };
                let quota = Quota { terms: set.terms, period_start: set.period_start, used };
                self.quotas.insert(set.meter.clone(), quota);
            }
            AccountEvent::LimitSet(set) => self.postpaid_limit = set.postpaid_limit,
            AccountEvent::Charged(charged) => self.apply_charged(charged),
        }
    }
}

impl Account {
    fn apply_charged(&mut self, charged: &Charged) {
        for used in &charged.credits_used {
            if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == used.grant_id) {
                grant.remaining = grant.remaining.minus(used.amount);
            }
        }
        self.grants.retain(|grant| !grant.remaining.is_zero());
        self.postpaid = self.postpaid.plus(charged.postpaid);
        self.charged = self.charged.plus(charged.amount);
        for line in &charged.lines {
            let (Some(meter), Some(quantity), Some(period_start)) = (&line.meter, line.quantity, line.period_start)
            else {
                continue;
            };
            if let Some(quota) = self.quotas.get_mut(meter) {
                if quota.period_start != period_start {
                    quota.period_start = period_start;
                    quota.used = Quantity::ZERO;
                }
                quota.used = quota.used.plus(quantity);
            }
        }
    }
}
