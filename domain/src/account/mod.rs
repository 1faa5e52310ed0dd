//! The account: a customer's money and usage, and the decision whether a charge may be paid.
//!
//! What pays, in this order unless the customer has another: the allowance of a quota that includes its usage, then
//! credits (by priority, then the earliest expiry, then the oldest grant), then post-paid up to a limit. The
//! whole decision is here, on one stream, so no race can overspend: [`decision`] and `holding` hold the
//! rules, `rating` says what usage comes to and `funding` what pays, [`command`] and [`event`] have the words, and this
//! file, `quota` and `reserved` the state they work on. `turn` is where billing comes in: it takes out what is not
//! billed yet, and begins and ends what subscriptions allow.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::ids::{CreditGrantId, CustomerId, HoldId, OrganizationId};
use crate::meter::MeterCode;
use crate::money::{Amount, Currency};

pub mod command;
pub mod decision;
pub mod event;
mod fold;
mod funding;
mod holding;
mod quota;
mod rating;
mod reserved;
#[cfg(test)]
mod tests;
mod turn;
mod unbilled;

pub use command::AccountCommand;
pub use decision::AccountError;
pub use event::{AccountEvent, Balances, Captured, Charged, CreditUse, Funds, UsageSum};
pub use quota::{Overage, PastCycle, PlanQuota, Quota, QuotaTerms, Tally};
pub use reserved::{Hold, Reserved};
pub use unbilled::UNBILLED_MAX;

/// How many unspent credit grants one account may have at a time.
pub const GRANTS_MAX: usize = 1_000;
/// How many quotas one account may have.
pub const QUOTAS_MAX: usize = 200;
/// How many days ago something may have been used that is charged now.
pub const USED_AT_DAYS_MAX: i64 = 90;

/// State of an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Whose it is; `None` until it was opened.
    pub owner: Option<Owner>,
    /// Credits that are neither spent nor expired, in the order in which they are spent.
    pub grants: Vec<Grant>,
    /// Limits and allowances, by meter.
    pub quotas: BTreeMap<MeterCode, Quota>,
    /// Of each meter the last period of a subscription that is over: what comes late, and what holds of then capture,
    /// counts there.
    pub past: BTreeMap<MeterCode, PastCycle>,
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
    /// What was charged and is not billed yet, in the order of [`UsageSum::key`]. Shared: a copy of the account costs
    /// no copy of it, until something is charged.
    pub unbilled: Arc<Vec<UsageSum>>,
    /// What pays first, second, third.
    pub payment_order: PaymentOrder,
    /// How many events it has taken in: the version of its stream.
    pub events: u64,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            owner: None,
            grants: Vec::new(),
            quotas: BTreeMap::new(),
            past: BTreeMap::new(),
            postpaid: Amount::ZERO,
            postpaid_limit: Amount::ZERO,
            charged: Amount::ZERO,
            holds: BTreeMap::new(),
            held_postpaid: Amount::ZERO,
            unbilled: Arc::default(),
            payment_order: vec![Source::Allowance, Source::Credits, Source::Postpaid],
            events: 0,
        }
    }
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

/// What may pay, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// What a quota includes.
    Allowance,
    /// Credits.
    Credits,
    /// Post-paid room.
    Postpaid,
}

/// In which order they pay: each at most once. What is left out pays nothing. `allowance, credits, postpaid` when
/// nothing was said.
pub type PaymentOrder = Vec<Source>;

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
    const STATE_VERSION: i16 = 4;
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = AccountError;

    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        decision::decide(self, command, now)
    }

    fn apply_event(&mut self, event: &Self::Event, _occurred_at: Timestamp) {
        self.events += 1;
        match event {
            AccountEvent::Opened(opened) => {
                self.owner = Some(Owner {
                    customer_id: opened.customer_id,
                    organization_id: opened.organization_id,
                    currency: opened.currency,
                });
                self.postpaid_limit = opened.postpaid_limit;
            }
            AccountEvent::Credited(credited) => self.apply_credited(credited),
            AccountEvent::CreditExpired(expired) => {
                self.change_grants(
                    &[CreditUse { grant_id: expired.grant_id, amount: expired.amount }],
                    |grant, amount| {
                        grant.remaining = grant.remaining.minus(amount);
                    },
                );
            }
            AccountEvent::QuotaSet(set) => self.apply_quota_set(set),
            AccountEvent::LimitSet(set) => self.postpaid_limit = set.postpaid_limit,
            AccountEvent::Charged(charged) => {
                self.change_grants(&charged.credits_used, |grant, amount| {
                    grant.remaining = grant.remaining.minus(amount);
                });
                self.apply_charged(charged, None);
            }
            AccountEvent::Held(held) => self.apply_held(held),
            AccountEvent::HoldExtended(extended) => self.apply_extended(extended),
            AccountEvent::Captured(captured) => self.apply_captured(captured),
            AccountEvent::Voided(released) | AccountEvent::HoldExpired(released) => {
                self.holds.remove(&released.hold.hold_id);
                self.give_back(&released.returned, &released.released);
            }
            AccountEvent::Turned(turned) => self.apply_turned(turned),
            AccountEvent::UsageSettled(settled) => self.postpaid = self.postpaid.minus(settled.amount),
            AccountEvent::PaymentOrderSet(set) => self.payment_order.clone_from(&set.order),
        }
    }
}
