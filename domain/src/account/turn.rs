//! Where billing comes in: what is not billed yet is taken out for a bill, a subscription's allowances begin, change and
//! end, and what was charged post-paid is settled with its invoice.
//!
//! What a bill takes is what belongs to no other subscription: usage of the meters that its own subscription has an
//! allowance of, of meters without any, and flat amounts. When a subscription's allowance of a meter ends or starts anew,
//! the period before is kept as the meter's [last one](PastCycle), also when nothing follows it: what comes late, and
//! what holds of then capture, counts there. Holds of a period before that one still capture what they reserved, for no
//! more than they reserved.
//!
//! What a volume price that has fallen charged too much is given back with each bill: noted with the sum of its meter,
//! price and period. It is never more than was really charged there, by whatever plan.

use std::sync::Arc;

use crate::Timestamp;
use crate::account::event::{AccountEvent, Balances, BillRef, Turned, TurnedQuota, UsageKey, UsageSettled, UsageSum};
use crate::account::{Account, Owner, PastCycle, PlanQuota, QUOTAS_MAX, Quota, Reserved, Tally, unbilled};
use crate::cycle::Cycle;
use crate::ids::{InvoiceId, SubscriptionId};
use crate::meter::MeterCode;
use crate::money::{Amount, Quantity};
use crate::subscription::TurnTo;

/// The subscription whose bill it is.
const fn subscription_of(bill: BillRef) -> Option<SubscriptionId> {
    match bill {
        BillRef::Subscription { subscription_id, .. } => Some(subscription_id),
        BillRef::Invoice { .. } => None,
    }
}

/// Never denied: what cannot be done is said in the event.
pub(super) fn turn(
    account: &Account,
    owner: &Owner,
    bill: BillRef,
    close_usage: bool,
    closed: Option<Cycle>,
    to: Option<&TurnTo>,
    now: Timestamp,
) -> Turned {
    let mut turned = Turned {
        customer_id: owner.customer_id,
        currency: owner.currency,
        bill,
        closed,
        usage: if close_usage { account.usage_for(bill) } else { Vec::new() },
        quotas: Vec::new(),
        carried: false,
        ended: Vec::new(),
        left_alone: Vec::new(),
    };
    let (Some(to), Some(subscription_id)) = (to, subscription_of(bill)) else { return turned };
    if let Some(cycle) = to.cycle {
        turned.carried = to.carry;
        begin(account, subscription_id, to, cycle, &mut turned);
    }
    let goes_on = |meter: &MeterCode| turned.quotas.iter().any(|quota| quota.meter == *meter);
    let own = account.quotas.iter().filter(|(_, quota)| quota.is_of(subscription_id));
    turned.ended = own.map(|(meter, _)| meter).filter(|meter| !goes_on(meter)).cloned().collect();
    // Of a period that goes on, what is not in it any more has ended now.
    if let Some(cycle) = to.cycle.filter(|_| to.carry && !turned.ended.is_empty()) {
        turned.closed = turned.closed.or(Some(Cycle { end: now.min(cycle.end), ..cycle }));
    }
    turned
}

/// The quotas of a subscription's period.
fn begin(account: &Account, subscription_id: SubscriptionId, to: &TurnTo, cycle: Cycle, turned: &mut Turned) {
    let mut count = account.quotas.len();
    for allowance in &to.allowances {
        if turned.quotas.iter().any(|quota| quota.meter == allowance.meter) {
            continue;
        }
        let before = account.quotas.get(&allowance.meter);
        count += usize::from(before.is_none());
        if before.is_some_and(|quota| !quota.is_of(subscription_id)) || (before.is_none() && count > QUOTAS_MAX) {
            turned.left_alone.push(allowance.meter.clone());
            continue;
        }
        let plan = PlanQuota {
            subscription_id,
            cycle,
            price: allowance.price.clone(),
            pricing: allowance.pricing.clone(),
            beyond: allowance.beyond,
        };
        let mut tally = account.goes_on(&plan, &allowance.meter, to.carry);
        tally.rated = tally.comes_to(&plan.pricing);
        turned.quotas.push(TurnedQuota {
            meter: allowance.meter.clone(),
            plan,
            used: tally.used,
            held: tally.held,
            beside: tally.beside,
            uses: tally.uses,
            rated: tally.rated,
            charged: tally.charged,
        });
    }
}

/// The invoice of what was charged post-paid is settled. No more than is owed.
pub(super) fn settle(account: &Account, owner: &Owner, invoice_id: InvoiceId, amount: Amount) -> Vec<AccountEvent> {
    let amount = amount.min(account.postpaid);
    if amount.is_zero() {
        return Vec::new();
    }
    vec![AccountEvent::UsageSettled(UsageSettled {
        customer_id: owner.customer_id,
        invoice_id,
        amount,
        currency: owner.currency,
        after: Balances { postpaid: account.postpaid.minus(amount), ..account.balances() },
    })]
}

impl Quota {
    fn is_of(&self, subscription_id: SubscriptionId) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.subscription_id == subscription_id)
    }
}

impl TurnedQuota {
    fn tally(&self) -> Tally {
        Tally {
            used: self.used,
            beside: self.beside,
            held: self.held,
            uses: self.uses,
            rated: self.rated,
            charged: self.charged,
        }
    }
}

impl Account {
    /// Whether a bill takes the usage of a meter.
    fn is_for(&self, bill: BillRef, meter: Option<&MeterCode>) -> bool {
        let plan = meter.and_then(|meter| self.quotas.get(meter)).and_then(|quota| quota.plan.as_ref());
        plan.is_none_or(|plan| Some(plan.subscription_id) == subscription_of(bill))
    }

    /// What a bill takes, with what is given back of it.
    fn usage_for(&self, bill: BillRef) -> Vec<UsageSum> {
        let sums = self.unbilled.iter().filter(|sum| self.is_for(bill, sum.meter.as_ref()));
        let mut usage: Vec<UsageSum> = sums.cloned().collect();
        for (meter, plan, tally) in self.tallies() {
            if self.is_for(bill, Some(meter)) {
                give_back(&mut usage, meter, plan, tally.too_much(&plan.pricing));
            }
        }
        usage
    }

    /// What was used of what plans say, in running periods and in those before.
    fn tallies(&self) -> impl Iterator<Item = (&MeterCode, &PlanQuota, Tally)> {
        let live = self.quotas.iter().filter_map(|(meter, quota)| Some((meter, quota.plan.as_deref()?, quota.tally())));
        let past = self.past.iter().map(|(meter, past)| (meter, past.plan.as_ref(), past.tally));
        live.chain(past)
    }

    /// What is given back of a period now: what was charged too much, where there is a sum to note it with.
    fn to_give_back(&self, meter: &MeterCode, plan: &PlanQuota, tally: Tally) -> Amount {
        let too_much = tally.too_much(&plan.pricing);
        let can_be_noted = !too_much.is_zero() && unbilled::find(&self.unbilled, key(meter, plan)).is_ok();
        if can_be_noted { too_much } else { Amount::ZERO }
    }

    /// What counts in a period from its begin. Periods are told apart by when they begin: one that begins at the same
    /// moment as one before has what is reserved in that, however long ago it was, and when it is the same one again all
    /// of it.
    fn goes_on(&self, plan: &PlanQuota, meter: &MeterCode, is_carried: bool) -> Tally {
        let start = plan.cycle.start;
        let all_of = |plan: &PlanQuota, tally: Tally| tally.without(self.to_give_back(meter, plan, tally));
        let past = self.past.get(meter).filter(|past| past.plan.cycle.start == start);
        let quota = self.quotas.get(meter);
        let tally = match (quota, past) {
            (Some(quota), _) if is_carried => {
                quota.plan.as_deref().map_or(quota.tally(), |before| all_of(before, quota.tally()))
            }
            (None, Some(past)) if past.plan.subscription_id == plan.subscription_id => all_of(&past.plan, past.tally),
            _ => Tally::default(),
        };
        // With what is in a period that begins at another time, and is moved here.
        let moved =
            quota.filter(|quota| is_carried && quota.period_start != start).map_or(Quantity::ZERO, |it| it.held);
        Tally { held: self.reserved_in(meter, start).plus(moved), ..tally }
    }

    /// What holds reserve in a period of a subscription.
    fn reserved_in(&self, meter: &MeterCode, start: Timestamp) -> Quantity {
        let parts = self.holds.values().flat_map(|hold| &hold.usage).filter(|part| part.is_of(meter, start, true));
        parts.fold(Quantity::ZERO, |sum, part| sum.plus(part.quantity))
    }

    pub(super) fn apply_turned(&mut self, turned: &Turned) {
        self.give_back_too_much(turned.bill);
        if !turned.usage.is_empty() {
            Arc::make_mut(&mut self.unbilled).retain(|sum| unbilled::find(&turned.usage, sum.key()).is_err());
        }
        for meter in &turned.ended {
            if let Some(quota) = self.quotas.remove(meter) {
                self.keep_past(meter, &quota, turned.closed);
            }
        }
        for quota in &turned.quotas {
            let (meter, plan) = (&quota.meter, &quota.plan);
            let goes_on = self.quotas.get(meter).filter(|before| before.plan.is_some());
            let since = goes_on.map_or(self.events, |before| before.since);
            let quota = Quota::of_plan(Arc::new(plan.clone()), quota.tally(), since);
            let before = self.quotas.insert(meter.clone(), quota);
            match before {
                Some(before) if turned.carried => self.move_holds(meter, before.period_start, plan.cycle),
                Some(before) if before.period_start != plan.cycle.start => {
                    self.keep_past(meter, &before, turned.closed);
                }
                _ => {}
            }
            // No two periods of a meter begin at the same moment.
            if self.past.get(meter).is_some_and(|past| past.plan.cycle.start == plan.cycle.start) {
                self.past.remove(meter);
            }
        }
    }

    /// What was charged more than all of it costs is given back with the sums that are taken, or will be with those
    /// that are left; from now on it counts as never charged.
    fn give_back_too_much(&mut self, bill: BillRef) {
        let tallies = self.tallies().filter(|(meter, ..)| self.is_for(bill, Some(meter)));
        let given_back = tallies.filter_map(|(meter, plan, tally)| {
            let too_much = self.to_give_back(meter, plan, tally);
            (!too_much.is_zero()).then(|| (meter.clone(), plan.clone(), tally.without(too_much), too_much))
        });
        for (meter, plan, tally, too_much) in given_back.collect::<Vec<_>>() {
            give_back(Arc::make_mut(&mut self.unbilled).as_mut_slice(), &meter, &plan, too_much);
            let is_it = |other: &PlanQuota| other.cycle.start == plan.cycle.start;
            if let Some(quota) = self.quotas.get_mut(&meter).filter(|quota| quota.plan.as_deref().is_some_and(is_it)) {
                quota.set_tally(tally);
            } else if let Some(past) = self.past.get_mut(&meter).filter(|past| is_it(&past.plan)) {
                past.tally = tally;
            }
        }
    }

    /// A subscription's period of a meter is over.
    fn keep_past(&mut self, meter: &MeterCode, quota: &Quota, closed: Option<Cycle>) {
        let Some(plan) = &quota.plan else { return };
        let plan = match closed.filter(|closed| closed.start == plan.cycle.start && *closed != plan.cycle) {
            Some(cycle) => Arc::new(PlanQuota { cycle, ..PlanQuota::clone(plan) }),
            None => plan.clone(),
        };
        let past = PastCycle { plan, tally: quota.tally(), since: quota.since, until: self.events };
        self.past.insert(meter.clone(), past);
    }

    /// What holds reserve of a meter goes on in a period that begins at another time.
    fn move_holds(&mut self, meter: &MeterCode, before: Timestamp, cycle: Cycle) {
        if before == cycle.start {
            return;
        }
        let parts = self.holds.values_mut().flat_map(|hold| &mut hold.usage);
        for part in parts.filter(|part: &&mut Reserved| part.is_of(meter, before, true)) {
            part.period_start = cycle.start;
            part.period_end = Some(cycle.end);
        }
    }
}

/// Notes what is given back with the sum of this meter's period, where there is one.
fn give_back(sums: &mut [UsageSum], meter: &MeterCode, plan: &PlanQuota, too_much: Amount) {
    if too_much.is_zero() {
        return;
    }
    if let Ok(place) = unbilled::find(sums, key(meter, plan))
        && let Some(sum) = sums.get_mut(place)
    {
        sum.too_much = sum.too_much.plus(too_much);
    }
}

/// Of the sum of a meter's period.
fn key<'a>(meter: &'a MeterCode, plan: &'a PlanQuota) -> UsageKey<'a> {
    (Some(meter), plan.price.as_ref(), None, Some(plan.cycle))
}
