//! Where usage of a meter counts, what is there, and what it costs there.

use crate::Timestamp;
use crate::account::decision::AccountError;
use crate::account::rating::{Allowance, Within};
use crate::account::{Account, Overage, PlanQuota, Quota, Tally};
use crate::charge::Line;
use crate::cycle::Cycle;
use crate::meter::{Meter, MeterCode};
use crate::money::{Amount, MoneyError, Quantity};
use crate::price::{Beyond, Model, Pricing, Share, Used};

/// What says what usage of a meter costs.
#[derive(Debug, Clone, Copy)]
enum Terms<'a> {
    /// The meter: it has no quota.
    Meter,
    /// The meter, and a quota that somebody set.
    Quota { included: bool },
    /// A plan.
    Plan(&'a PlanQuota),
}

/// Where usage of a meter counts, and what is there. It moves on from line to line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    terms: Terms<'a>,
    /// What of the meter there is in the period; no limit without a quota.
    limit: Quantity,
    /// Whether what is beyond is refused.
    blocks: bool,
    start: Option<Timestamp>,
    /// When the period ends, of a subscription's.
    end: Option<Timestamp>,
    resets_at: Option<Timestamp>,
    tally: Tally,
    /// What the hold that pays reserves of the limit.
    reserved: Quantity,
    /// What of that costs nothing, even if the quota is only a limit by now.
    free: Quantity,
    /// What it reserves for beyond that, with how much money, and how much of that only credits may pay.
    beyond: Quantity,
    most: Amount,
    only_credits: Amount,
    /// Whether the use is paid for, or reserved for, already: a charge is one use of a meter, and so are all captures
    /// of a hold.
    has_use: bool,
}

impl<'a> Spot<'a> {
    pub(super) fn find(account: &'a Account, meter: &MeterCode, within: Within<'a>, now: Timestamp) -> Self {
        let quota = account.quotas.get(meter);
        Self::of_plan(account, quota, meter, within).unwrap_or_else(|| Self::of_meter(quota, meter, within, now))
    }

    fn of_meter(quota: Option<&'a Quota>, meter: &MeterCode, within: Within<'a>, now: Timestamp) -> Self {
        let none = Self {
            terms: Terms::Meter,
            limit: Quantity::ZERO,
            blocks: false,
            start: None,
            end: None,
            resets_at: None,
            tally: Tally::default(),
            reserved: Quantity::ZERO,
            free: Quantity::ZERO,
            beyond: Quantity::ZERO,
            most: Amount::ZERO,
            only_credits: Amount::ZERO,
            has_use: false,
        };
        let Some(quota) = quota.filter(|quota| quota.plan.is_none()) else { return none };
        let start = quota.start_at(within.moment().unwrap_or(now));
        // A period that is over has nothing but what was reserved in it.
        let runs = start == quota.start_at(now);
        let (reserved, free) = match within {
            Within::Hold(hold) => (hold.reserved(meter, start), hold.reserved_free(meter, start)),
            _ => (Quantity::ZERO, Quantity::ZERO),
        };
        // What was set or changed while a hold was open counts its captures, and refuses none: its money is the bound.
        let is_younger = matches!(within, Within::Hold(hold) if hold.version < quota.since);
        Self {
            terms: Terms::Quota { included: quota.terms.included },
            limit: quota.terms.limit,
            blocks: quota.terms.overage == Overage::Block && !is_younger,
            start: Some(start),
            resets_at: quota.end_at(now).filter(|_| runs),
            tally: if runs { quota.tally_at(now) } else { Tally::used_up(quota.terms.limit) },
            reserved,
            free,
            ..none
        }
    }

    /// `None` where no plan has a say.
    fn of_plan(account: &'a Account, quota: Option<&'a Quota>, meter: &MeterCode, within: Within<'a>) -> Option<Self> {
        let live = quota.and_then(|quota| Some((quota.plan.as_deref()?, quota.tally())));
        let (moment, hold) = (within.moment(), within.hold());
        if live.is_none() && moment.is_none() {
            return None;
        }
        let past = account.past.get(meter).map(|past| (past.plan.as_ref(), past.tally));
        let part = hold.and_then(|hold| hold.reserved_of_plan(meter));
        // The period, and what was used in it; `None` for one that is no more.
        let (plan, cycle, tally, resets_at) = match (part, moment) {
            (Some(part), _) => {
                let is_it = |(plan, _): &(&PlanQuota, Tally)| plan.cycle.start == part.period_start;
                if let Some((plan, tally)) = live.filter(is_it) {
                    (plan, Some(plan.cycle), Some(tally), Some(plan.cycle.end))
                } else if let Some((plan, tally)) = past.filter(is_it) {
                    (plan, Some(plan.cycle), Some(tally), None)
                } else {
                    let (plan, _) = live.or(past)?;
                    let cycle = part.period_end.map(|end| Cycle { start: part.period_start, end });
                    (plan, cycle, None, None)
                }
            }
            (None, None) => {
                let (plan, tally) = live?;
                (plan, Some(plan.cycle), Some(tally), Some(plan.cycle.end))
            }
            (None, Some(at)) => {
                // What a hold was placed for while a plan had a say, it has reserved by that plan. So it was not placed
                // for this meter, or when no plan had a say: then it has the meter's price.
                let had_a_say = |since: u64| hold.is_none_or(|hold| since < hold.version);
                let live = live.filter(|_| quota.is_some_and(|quota| had_a_say(quota.since)));
                let past = account.past.get(meter).filter(|past| past.holds(at));
                if let Some((plan, tally)) = live.filter(|(plan, _)| plan.cycle.start <= at) {
                    (plan, Some(plan.cycle), Some(tally), Some(plan.cycle.end))
                } else if let Some(past) = past.filter(|past| hold.is_none_or(|hold| past.was_there(hold.version))) {
                    (past.plan.as_ref(), Some(past.plan.cycle), Some(past.tally), None)
                } else {
                    let (plan, _) = live.filter(|_| hold.is_none())?;
                    (plan, None, None, None)
                }
            }
        };
        let none = (Quantity::ZERO, Quantity::ZERO, Amount::ZERO, Amount::ZERO);
        let of_hold = part.filter(|_| matches!(within, Within::Hold(_)));
        let (reserved, beyond, most, only_credits) =
            of_hold.map_or(none, |part| (part.quantity, part.beyond, part.most, part.only_credits));
        // What is reserved on top needs no second use.
        let has_use = part.is_some_and(|part| part.is_used || (within.reserves() && !part.beyond.is_zero()));
        Some(Self {
            terms: Terms::Plan(plan),
            limit: plan.pricing.included,
            blocks: plan.beyond == Beyond::Block,
            start: cycle.map(|cycle| cycle.start),
            end: cycle.map(|cycle| cycle.end),
            resets_at,
            tally: tally.unwrap_or_else(|| Tally::used_up(plan.pricing.included)),
            reserved,
            free: Quantity::ZERO,
            beyond,
            most,
            only_credits,
            has_use,
        })
    }

    /// Whether the meter's own price counts.
    pub(super) const fn has_own_price(&self) -> bool {
        !matches!(self.terms, Terms::Plan(_))
    }

    /// One line. Never rounds: an amount that cannot be kept exactly is an error.
    pub(super) fn line(
        &self,
        meter: &Meter,
        quantity: Quantity,
        within: Within<'_>,
        allowance: Allowance,
    ) -> Result<Line, AccountError> {
        let room = self.tally.remaining(self.limit).plus(self.reserved);
        // What a hold reserved for when it was not refused yet may be used all the same.
        let most = room.plus(self.beyond);
        if self.blocks && quantity > most {
            return Err(AccountError::QuotaExceeded {
                meter: meter.code.clone(),
                limit: self.limit,
                remaining: most,
                requested: quantity,
                resets_at: self.resets_at,
            });
        }
        let out_of_range =
            |reason: MoneyError| AccountError::AmountOutOfRange { meter: meter.code.to_string(), reason };
        let covered = quantity.min(match allowance {
            Allowance::Pays => room,
            _ if self.blocks => room,
            Allowance::Reserved => self.reserved,
            Allowance::Waits => Quantity::ZERO,
        });
        let plan = match self.terms {
            Terms::Meter => return Line::metered(meter, quantity, None, None).map_err(out_of_range),
            Terms::Quota { included: true } => {
                let mut line = Line::metered(meter, quantity, Some(covered), self.start).map_err(out_of_range)?;
                if !within.reserves() {
                    line.beside = self.beside(&line);
                }
                return Ok(line);
            }
            Terms::Quota { included: false } => {
                let free = Some(quantity.min(self.free)).filter(|free| !free.is_zero());
                return Line::metered(meter, quantity, free, self.start).map_err(out_of_range);
            }
            Terms::Plan(plan) => plan,
        };
        let payable = quantity.minus(covered);
        let mut line = Line {
            meter: Some(meter.code.clone()),
            price_version: None,
            quantity: Some(quantity),
            included_quantity: Some(covered),
            beside: Quantity::ZERO,
            unit_price: match (&plan.pricing.model, &plan.price) {
                (Model::PerUnit { unit_price }, Some(_)) => Some(*unit_price),
                _ => None,
            },
            price: plan.price.clone(),
            period_start: self.start,
            period_end: self.end,
            amount: self.by_plan(&plan.pricing, payable, within).map_err(out_of_range)?,
        };
        if !within.reserves() {
            line.beside = self.beside(&line);
        }
        Ok(line)
    }

    /// What so much costs by a plan's price.
    fn by_plan(&self, pricing: &Pricing, payable: Quantity, within: Within<'_>) -> Result<Amount, MoneyError> {
        if payable.is_zero() {
            return Ok(Amount::ZERO);
        }
        let position = self.tally.position(pricing)?;
        if within.reserves() {
            let most = pricing.at_most(position, payable)?;
            return Ok(if self.has_use { most.minus(per_use(&pricing.model)) } else { most });
        }
        let amount = if self.has_use {
            let used = Used { quantity: position.quantity.checked_add(payable)?, ..position };
            pricing.rate(used, Share::WHOLE)?.minus(self.tally.rated)
        } else {
            pricing.marginal(position, self.tally.rated, payable)?
        };
        // What was reserved for can be captured, whatever has become of the price.
        Ok(if self.is_reserved_for(payable) { amount.min(self.most) } else { amount })
    }

    fn is_reserved_for(&self, payable: Quantity) -> bool {
        !self.beyond.is_zero() && payable <= self.beyond
    }

    /// What of a line that is to be paid draws nothing on the allowance: all of it, while some of that is left.
    fn beside(&self, line: &Line) -> Quantity {
        let covered = line.included_quantity.unwrap_or_default();
        let is_used_up = self.tally.counted().plus(covered) >= self.limit;
        if self.blocks || is_used_up { Quantity::ZERO } else { line.payable() }
    }

    /// What of a line only credits may pay; of what a hold has reserved for, as it has reserved for it.
    pub(super) fn only_credits(&self, line: &Line, within: Within<'_>) -> Amount {
        let Terms::Plan(plan) = self.terms else { return Amount::ZERO };
        if matches!(within, Within::Hold(_)) && self.is_reserved_for(line.payable()) {
            return line.amount.min(self.only_credits);
        }
        if plan.beyond == Beyond::Credits { line.amount } else { Amount::ZERO }
    }

    /// What is there for the next line.
    pub(super) fn move_on(&mut self, line: &Line, within: Within<'_>) {
        let quantity = line.quantity.unwrap_or_default();
        let is_use = !self.has_use;
        self.has_use |= !line.payable().is_zero();
        if within.reserves() {
            self.tally.held = self.tally.held.plus(line.included_quantity.unwrap_or(quantity));
            return;
        }
        let used = self.reserved.min(quantity);
        self.reserved = self.reserved.minus(used);
        self.free = self.free.minus(used);
        self.tally.held = self.tally.held.minus(used);
        self.beyond = self.beyond.minus(line.payable());
        self.most = self.most.minus(line.amount);
        self.only_credits = self.only_credits.minus(line.amount);
        self.tally.count(line, is_use);
        if let (Terms::Plan(plan), Within::Hold(_)) = (self.terms, within) {
            self.tally.catch_up(&plan.pricing);
        }
    }
}

/// What each use costs, however much it is of.
const fn per_use(model: &Model) -> Amount {
    match model {
        Model::Flat { amount } => *amount,
        Model::Percentage { per_use, .. } => *per_use,
        Model::PerUnit { .. } | Model::Graduated { .. } | Model::Volume { .. } | Model::Package { .. } => Amount::ZERO,
    }
}
