//! Quotas: limits and allowances of meters, by the calendar or of a subscription, and what was used of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::charge::Line;
use crate::cycle::Cycle;
use crate::ids::SubscriptionId;
use crate::money::{Amount, MoneyError, Quantity};
use crate::period::Period;
use crate::price::{Beyond, PriceRef, Pricing, Share, Used};

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
    /// It is charged, at the meter's price or at the plan's.
    Charge,
}

/// What a subscription says of a meter: its allowance and what is beyond it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanQuota {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Its period: the quota starts anew with the event that says so, not by itself.
    pub cycle: Cycle,
    /// The price; `None` for a metered feature without one.
    pub price: Option<PriceRef>,
    /// What it costs, with what is included.
    pub pricing: Pricing,
    /// What happens beyond what is included.
    pub beyond: Beyond,
}

impl PlanQuota {
    /// The same as any quota says it.
    pub fn terms(&self) -> QuotaTerms {
        QuotaTerms {
            limit: self.pricing.included,
            period: Period::Cycle,
            included: true,
            overage: match self.beyond {
                Beyond::Block => Overage::Block,
                Beyond::Charge | Beyond::Credits => Overage::Charge,
            },
        }
    }
}

/// What was used in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All that was used.
    pub used: Quantity,
    /// What of it draws nothing on the allowance, although there was some left.
    pub beside: Quantity,
    /// What holds reserve of the allowance, or of the limit.
    pub held: Quantity,
    /// In how many charges something was to be paid by a plan's price.
    pub uses: u64,
    /// The highest amount that a plan's price has come to so far.
    pub rated: Amount,
    /// What was charged by plans' prices, less what was given back.
    pub charged: Amount,
}

impl Tally {
    /// Of a period that gives nothing any more.
    pub(super) fn used_up(limit: Quantity) -> Self {
        Self { used: limit, ..Self::default() }
    }

    /// What counts against the limit.
    pub fn counted(&self) -> Quantity {
        self.used.minus(self.beside)
    }

    /// What is neither used nor reserved of a limit.
    pub fn remaining(&self, limit: Quantity) -> Quantity {
        limit.minus(self.counted()).minus(self.held)
    }

    /// How far a plan's price has come: all that is included, and what was to be paid beyond it and beside it.
    pub(super) fn position(&self, pricing: &Pricing) -> Result<Used, MoneyError> {
        let paid = self.used.minus(self.counted().min(pricing.included));
        Ok(Used { quantity: pricing.included.checked_add(paid)?, uses: self.uses })
    }

    /// What all of it costs by a plan's price. It was worked out when it was charged; where it cannot be kept exactly at
    /// another price, it is what it was.
    pub(super) fn comes_to(&self, pricing: &Pricing) -> Amount {
        self.position(pricing).and_then(|used| pricing.rate(used, Share::WHOLE)).unwrap_or(self.rated)
    }

    /// What was charged more than all of it costs: only by a volume price that has fallen. What it has come to without
    /// being charged, by another plan or beyond what was reserved for it, is no part of that.
    pub(super) fn too_much(&self, pricing: &Pricing) -> Amount {
        self.rated.min(self.charged).minus(self.comes_to(pricing))
    }

    /// When so much was given back: it counts as never charged.
    pub(super) fn without(self, given_back: Amount) -> Self {
        Self { rated: self.rated.minus(given_back), charged: self.charged.minus(given_back), ..self }
    }

    /// Takes in a line that was charged, and whether it is a use: the first of a charge, or of all captures of a hold,
    /// of which something is to be paid.
    pub(super) fn count(&mut self, line: &Line, is_use: bool) {
        self.used = self.used.plus(line.quantity.unwrap_or_default());
        self.beside = self.beside.plus(line.beside);
        if !line.payable().is_zero() {
            self.uses = self.uses.saturating_add(u64::from(is_use));
            self.rated = self.rated.plus(line.amount);
            self.charged = self.charged.plus(line.amount);
        }
    }

    /// After a capture: what it cost less than usual, because no more was reserved for it, nobody else pays.
    pub(super) fn catch_up(&mut self, pricing: &Pricing) {
        self.rated = self.rated.max(self.comes_to(pricing));
    }
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
    /// What of `used` draws nothing on the allowance: see [`Tally`].
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub beside: Quantity,
    /// The same of a subscription's quota.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub uses: u64,
    /// The same of a subscription's quota.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub rated: Amount,
    /// The same of a subscription's quota.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub charged: Amount,
    /// The version of the account's stream since which it is so: in which somebody set it, or in which a subscription's
    /// allowance of the meter began. It goes on over changes and periods that follow one another.
    pub since: u64,
    /// Of a subscription's quota what the plan says. Shared: a copy of the account costs no copy of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Arc<PlanQuota>>,
}

impl Quota {
    /// One that somebody set.
    pub(super) fn set(terms: QuotaTerms, period_start: Timestamp, used: Quantity, held: Quantity, since: u64) -> Self {
        let tally = Tally { used, held, ..Tally::default() };
        Self::with(terms, period_start, tally, since, None)
    }

    /// A subscription's.
    pub(super) fn of_plan(plan: Arc<PlanQuota>, tally: Tally, since: u64) -> Self {
        Self::with(plan.terms(), plan.cycle.start, tally, since, Some(plan))
    }

    fn with(
        terms: QuotaTerms,
        period_start: Timestamp,
        tally: Tally,
        since: u64,
        plan: Option<Arc<PlanQuota>>,
    ) -> Self {
        let Tally { used, beside, held, uses, rated, charged } = tally;
        Self { terms, period_start, used, held, beside, uses, rated, charged, since, plan }
    }

    /// What was used in the period that `used` counts in.
    pub fn tally(&self) -> Tally {
        let Self { used, beside, held, uses, rated, charged, .. } = *self;
        Tally { used, beside, held, uses, rated, charged }
    }

    pub(super) fn set_tally(&mut self, tally: Tally) {
        let Tally { used, beside, held, uses, rated, charged } = tally;
        (self.used, self.beside, self.held) = (used, beside, held);
        (self.uses, self.rated, self.charged) = (uses, rated, charged);
    }

    /// The start of the period that a moment lies in. A subscription's period runs until the event that ends it, so that
    /// it is the same for each moment.
    pub fn start_at(&self, at: Timestamp) -> Timestamp {
        self.plan.as_ref().map_or_else(|| self.terms.period.start(at), |plan| plan.cycle.start)
    }

    /// When that period ends, as far as that is known; `None` when it never does.
    pub fn end_at(&self, at: Timestamp) -> Option<Timestamp> {
        self.plan.as_ref().map_or_else(|| self.terms.period.end(at), |plan| Some(plan.cycle.end))
    }

    /// What was used in the period that `now` lies in.
    pub fn tally_at(&self, now: Timestamp) -> Tally {
        if self.start_at(now) == self.period_start { self.tally() } else { Tally::default() }
    }

    /// What is used in the period that `now` lies in.
    pub fn used_at(&self, now: Timestamp) -> Quantity {
        self.tally_at(now).used
    }

    /// What is reserved in the period that `now` lies in.
    pub fn held_at(&self, now: Timestamp) -> Quantity {
        self.tally_at(now).held
    }

    /// What is neither used nor reserved in the period that `now` lies in.
    pub fn remaining_at(&self, now: Timestamp) -> Quantity {
        self.tally_at(now).remaining(self.terms.limit)
    }

    /// Whether it counts what is said of a period that begins then: a subscription's its own, one of the calendar each
    /// that is not over.
    pub(super) fn counts_in(&self, period_start: Timestamp, of_plan: bool) -> bool {
        match &self.plan {
            Some(plan) => of_plan && plan.cycle.start == period_start,
            None => !of_plan && self.period_start <= period_start,
        }
    }

    /// Goes on to a later period of the calendar.
    pub(super) fn enter(&mut self, period_start: Timestamp) {
        if self.period_start < period_start {
            self.period_start = period_start;
            self.set_tally(Tally::default());
        }
    }
}

/// A subscription's period that is over, and what was used in it: what comes late counts there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastCycle {
    /// What the plan said.
    pub plan: Arc<PlanQuota>,
    /// What was used.
    pub tally: Tally,
    /// The version of the account's stream in which the allowance began that it is of: see [`Quota::since`].
    pub since: u64,
    /// The version in which it ended.
    pub until: u64,
}

impl PastCycle {
    /// Whether the allowance was there at a version of the account's stream.
    pub(super) fn was_there(&self, version: u64) -> bool {
        self.since < version && version < self.until
    }

    /// Whether a moment lies in it.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.plan.cycle.start <= at && at < self.plan.cycle.end
    }
}
