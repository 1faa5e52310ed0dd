//! Another plan, another quantity: at once, or from the next period on.

use crate::Timestamp;
use crate::cycle::Cycle;
use crate::money::Quantity;
use crate::plan::PlanVersion;
use crate::price::Due;
use crate::subscription::command::When;
use crate::subscription::decision::{Decided, bill};
use crate::subscription::event::{After, Bill, ChangeScheduled, PlanChanged, Reason, SubscriptionEvent, TurnTo};
use crate::subscription::fold::same_version;
use crate::subscription::proration::{Concerned, Fees};
use crate::subscription::{Life, Scheduled, Status, SubscriptionError};

pub(super) fn change(
    life: &Life,
    plan: Option<&PlanVersion>,
    quantity: Option<Quantity>,
    when: When,
    prorate: bool,
    now: Timestamp,
) -> Decided {
    life.is_up_to(now)?;
    let Some(period) = life.period else { return Err(SubscriptionError::Paused) };
    // Another copy of the version that it has is no other plan.
    let plan = plan.filter(|plan| !same_version(plan, &life.plan));
    let fees = life.fees_of(plan.unwrap_or(&life.plan), quantity.unwrap_or(life.quantity));
    fees.check()?;
    let is_as_before = plan.is_none() && fees.quantity == life.quantity;
    match when {
        When::Now if is_as_before => Ok(None),
        When::Now => {
            life.can_be_billed(now)?;
            at_once(life, period, fees, prorate, now).map(Some)
        }
        When::PeriodEnd if is_as_before && life.scheduled.is_none() => Ok(None),
        When::PeriodEnd => Ok(from_next_period(life, period, plan, fees.quantity)),
    }
}

/// A change at once. It takes the place of one that was scheduled. With another interval a period of its own begins.
fn at_once(
    life: &Life,
    period: Cycle,
    fees: Fees<'_>,
    prorate: bool,
    now: Timestamp,
) -> Result<SubscriptionEvent, SubscriptionError> {
    let mut bill = bill::empty(life.bills + 1, Reason::Change, now, &fees.plan.terms);
    let mut after = After { quantity: fees.quantity, ..life.after() };
    let is_trial = life.status == Status::Trialing;
    let calendar = life.calendar_from(now, fees.plan.terms.interval);
    if !is_trial && calendar != life.calendar {
        let begun = calendar.cycle_from(now);
        bill.close(life, now, prorate)?;
        bill.begin(fees, &calendar, begun)?;
        after.period = Some(begun);
    } else {
        if prorate && !is_trial {
            exchange(&mut bill, life, period, fees, now)?;
        }
        let allowances = fees.plan.allowances(fees.currency);
        bill.turn = Some(TurnTo { cycle: Some(period), carry: true, allowances });
    }
    Ok(SubscriptionEvent::PlanChanged(Box::new(PlanChanged {
        customer_id: life.customer_id,
        at: now,
        plan: fees.plan.clone(),
        prorated: prorate && !is_trial,
        after,
        bill: Some(bill),
    })))
}

/// Within a period the old fees end and the new ones begin: what was paid in advance for the rest of it is given back
/// and charged anew, and what is due with its end is charged so far.
fn exchange(
    bill: &mut Bill,
    life: &Life,
    period: Cycle,
    fees: Fees<'_>,
    now: Timestamp,
) -> Result<(), SubscriptionError> {
    let Some((before, since)) = life.fees() else { return Ok(()) };
    let whole = life.calendar.cycle_at(period.start);
    let rest = Cycle { start: now.min(period.end), end: period.end };
    let concerned = if same_version(before.plan, fees.plan) { Concerned::Seats } else { Concerned::All };
    bill.lines.extend(before.of(Due::InArrears, Cycle { start: since, end: rest.start }, whole)?);
    if life.gives_back() {
        bill.lines.extend(before.unused(concerned, rest, whole)?);
    }
    bill.lines.extend(fees.remaining(concerned, rest, whole)?);
    Ok(())
}

/// A change from the next period on. It takes the place of one that was scheduled before.
fn from_next_period(
    life: &Life,
    period: Cycle,
    plan: Option<&PlanVersion>,
    quantity: Quantity,
) -> Option<SubscriptionEvent> {
    let is_known = |known: &&Scheduled| {
        let same_plan = match (&known.plan, plan) {
            (Some(known), Some(plan)) => same_version(known, plan),
            (known, plan) => known.is_none() && plan.is_none(),
        };
        same_plan && known.quantity == quantity
    };
    if life.scheduled.as_ref().filter(is_known).is_some() {
        return None;
    }
    Some(SubscriptionEvent::ChangeScheduled(Box::new(ChangeScheduled {
        customer_id: life.customer_id,
        effective_at: period.end,
        plan: plan.cloned(),
        quantity,
        after: life.after(),
    })))
}

pub(super) fn drop_change(life: &Life, now: Timestamp) -> Decided {
    life.is_up_to(now)?;
    match life.scheduled {
        Some(_) => Ok(Some(SubscriptionEvent::ChangeDropped(life.changed(now, life.after())))),
        None => Err(SubscriptionError::NothingScheduled),
    }
}
