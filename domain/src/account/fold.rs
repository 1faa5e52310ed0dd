//! What events make of an account: money, quotas and holds.

use crate::account::event::{Credited, Held, HoldExtended, QuotaSet};
use crate::account::{
    Account, Captured, Charged, CreditUse, Funds, Grant, Hold, PlanQuota, Quota, Reserved, Tally, unbilled,
};
use crate::charge::Line;
use crate::ids::HoldId;
use crate::money::{Amount, Quantity};
use crate::price::{Beyond, Pricing};

impl Account {
    pub(super) fn apply_credited(&mut self, credited: &Credited) {
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

    pub(super) fn apply_quota_set(&mut self, set: &QuotaSet) {
        let used = match self.quotas.get(&set.meter) {
            Some(quota) if quota.period_start == set.period_start && quota.terms.period == set.terms.period => {
                quota.tally().counted()
            }
            _ => Quantity::ZERO,
        };
        let quota = Quota::set(set.terms, set.period_start, used, set.held, self.events);
        self.quotas.insert(set.meter.clone(), quota);
    }

    /// What was charged, whatever paid, to a hold where that is named: the balances that only grow, what was used of
    /// quotas, and what is to be billed.
    pub(super) fn apply_charged(&mut self, charged: &Charged, hold_id: Option<HoldId>) {
        self.postpaid = self.postpaid.plus(charged.postpaid);
        self.charged = self.charged.plus(charged.amount);
        if charged.billable {
            self.bill_later(charged, hold_id);
        }
        for (place, line) in charged.lines.iter().enumerate() {
            let before = charged.lines.iter().take(place);
            let is_use = line.period_end.is_some() && self.is_use(line, before, hold_id);
            self.count(line, is_use, hold_id.is_some());
        }
    }

    fn bill_later(&mut self, charged: &Charged, hold_id: Option<HoldId>) {
        let mut credits = charged.paid_by_credits();
        let hold = hold_id.and_then(|id| self.holds.get(&id));
        // Of several lines credits pay first what nothing else may pay.
        for only in [true, false] {
            for line in &charged.lines {
                if self.takes_only_credits(line, hold) != only {
                    continue;
                }
                let paid = line.amount.min(credits);
                credits = credits.minus(paid);
                unbilled::add(&mut self.unbilled, line, paid, self.events);
            }
        }
    }

    /// Whether only credits pay a line; of what a hold has reserved for, as it has reserved for it.
    fn takes_only_credits(&self, line: &Line, hold: Option<&Hold>) -> bool {
        if line.price.is_none() {
            return false;
        }
        let part = hold.zip(line.meter.as_ref()).and_then(|(hold, meter)| hold.reserved_of_plan(meter));
        match part.filter(|part| part.is_for(line.payable())) {
            Some(part) => !part.only_credits.is_zero(),
            None => self.plan_of(line).is_some_and(|plan| plan.beyond == Beyond::Credits),
        }
    }

    /// Whether a plan's line is a use of its own: not what another line of the same charge, or another capture of the
    /// same hold, has paid for.
    fn is_use<'a>(&self, line: &Line, mut before: impl Iterator<Item = &'a Line>, hold_id: Option<HoldId>) -> bool {
        let hold = hold_id.and_then(|id| self.holds.get(&id));
        let part = hold.zip(line.meter.as_ref()).and_then(|(hold, meter)| hold.reserved_of_plan(meter));
        !part.is_some_and(|part| part.is_used)
            && !before.any(|other| other.meter == line.meter && !other.payable().is_zero())
    }

    /// The plan that a line was charged by.
    fn plan_of(&self, line: &Line) -> Option<&PlanQuota> {
        let meter = line.meter.as_ref()?;
        let live = self.quotas.get(meter).and_then(|quota| quota.plan.as_deref());
        let past = self.past.get(meter).map(|past| past.plan.as_ref());
        let is_it = |plan: &&PlanQuota| Some(plan.cycle.start) == line.period_start;
        live.filter(is_it).or(past.filter(is_it)).or(live).or(past)
    }

    /// Counts a line where it says that it counts; what is said of a period that is no more counts nowhere.
    fn count(&mut self, line: &Line, is_use: bool, is_capture: bool) {
        let (Some(meter), Some(quantity), Some(start)) = (&line.meter, line.quantity, line.period_start) else {
            return;
        };
        let of_plan = line.period_end.is_some();
        let count = |tally: &mut Tally, pricing: &Pricing| {
            tally.count(line, is_use);
            if is_capture {
                tally.catch_up(pricing);
            }
        };
        if let Some(quota) = self.quotas.get_mut(meter).filter(|quota| quota.counts_in(start, of_plan)) {
            if let Some(plan) = &quota.plan {
                let mut tally = quota.tally();
                count(&mut tally, &plan.pricing);
                quota.set_tally(tally);
            } else {
                quota.enter(start);
                quota.used = quota.used.plus(quantity);
                quota.beside = quota.beside.plus(line.beside);
            }
        } else if let Some(past) = self.past.get_mut(meter).filter(|past| of_plan && past.plan.cycle.start == start) {
            count(&mut past.tally, &past.plan.pricing);
        }
    }

    pub(super) fn apply_held(&mut self, held: &Held) {
        let hold = Hold {
            funds: Funds::default(),
            usage: Vec::new(),
            captured: Amount::ZERO,
            placed_at: held.hold.placed_at,
            version: self.events,
            expires_at: held.hold.expires_at,
        };
        self.holds.insert(held.hold.hold_id, hold);
        self.reserve(held.hold.hold_id, &held.funds, &held.lines);
    }

    pub(super) fn apply_extended(&mut self, extended: &HoldExtended) {
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
        let parts: Vec<Reserved> = lines.iter().filter_map(|line| self.part(line)).collect();
        for part in &parts {
            let (start, of_plan) = (part.period_start, part.period_end.is_some());
            if let Some(quota) = self.quotas.get_mut(&part.meter).filter(|quota| quota.counts_in(start, of_plan)) {
                quota.enter(start);
                quota.held = quota.held.plus(part.quantity);
            } else if let Some(past) =
                self.past.get_mut(&part.meter).filter(|past| of_plan && past.plan.cycle.start == start)
            {
                past.tally.held = past.tally.held.plus(part.quantity);
            }
        }
        let Some(hold) = self.holds.get_mut(&id) else { return };
        hold.funds.add(funds);
        for part in parts {
            hold.reserve(part);
        }
    }

    /// What a line of a hold reserves of a quota, and how much of its money only credits may pay.
    fn part(&self, line: &Line) -> Option<Reserved> {
        let part = Reserved::by(line)?;
        let only_credits = if self.takes_only_credits(line, None) { part.most } else { Amount::ZERO };
        Some(Reserved { only_credits, ..part })
    }

    pub(super) fn apply_captured(&mut self, captured: &Captured) {
        let charge = &captured.charge;
        self.change_grants(&charge.credits_used, |grant, amount| grant.held = grant.held.minus(amount));
        self.held_postpaid = self.held_postpaid.minus(charge.postpaid);
        self.apply_charged(charge, Some(captured.hold.hold_id));
        self.give_back(&captured.returned, &captured.released);
        let Some(hold) = self.holds.get_mut(&captured.hold.hold_id) else { return };
        hold.funds = hold.funds.split(charge.paid_by_credits(), charge.postpaid).1;
        hold.captured = captured.hold.captured;
        if captured.is_final {
            self.holds.remove(&captured.hold.hold_id);
        } else {
            hold.use_up(&charge.lines, &captured.released);
        }
    }

    /// What was reserved is not any more.
    pub(super) fn give_back(&mut self, funds: &Funds, usage: &[Reserved]) {
        self.change_grants(&funds.credits, |grant, amount| {
            grant.held = grant.held.minus(amount);
            grant.remaining = grant.remaining.plus(amount);
        });
        self.held_postpaid = self.held_postpaid.minus(funds.postpaid);
        for part in usage {
            let (start, of_plan) = (part.period_start, part.period_end.is_some());
            let counts = |quota: &&mut Quota| quota.period_start == start && quota.plan.is_some() == of_plan;
            if let Some(quota) = self.quotas.get_mut(&part.meter).filter(counts) {
                quota.held = quota.held.minus(part.quantity);
            } else if let Some(past) =
                self.past.get_mut(&part.meter).filter(|past| of_plan && past.plan.cycle.start == start)
            {
                past.tally.held = past.tally.held.minus(part.quantity);
            }
        }
    }

    /// Changes these grants; those of which nothing is left are gone.
    pub(super) fn change_grants(&mut self, parts: &[CreditUse], change: impl Fn(&mut Grant, Amount)) {
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
