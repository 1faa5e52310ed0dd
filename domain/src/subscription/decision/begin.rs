//! How a subscription begins, and how its periods do.

use chrono::Months;

use crate::Timestamp;
use crate::cycle::{Anchoring, Calendar, Cycle, Interval, IntervalUnit};
use crate::ids::OrganizationId;
use crate::subscription::decision::{ANCHOR_YEARS_MAX, Decided, TRIAL_DAYS_MAX, bill};
use crate::subscription::event::{After, Bill, Changed, Created, Reason, SubscriptionEvent, TurnTo};
use crate::subscription::proration::Fees;
use crate::subscription::{Create, Life, Status, SubscriptionError};

const DAILY: Interval = Interval { unit: IntervalUnit::Day, count: 1 };

/// With its trial, or with its first period.
pub(super) fn create(
    organization_id: OrganizationId,
    create: &Create,
    now: Timestamp,
) -> Result<SubscriptionEvent, SubscriptionError> {
    let (terms, time_zone) = (&create.plan.terms, create.time_zone);
    let fees = Fees { plan: &create.plan, quantity: create.quantity, currency: create.currency };
    fees.check()?;
    check_anchor(create.anchoring, now)?;
    let trial_days = create.trial_days.unwrap_or(terms.trial_days);
    if trial_days > TRIAL_DAYS_MAX {
        return Err(SubscriptionError::TrialTooLong);
    }
    if create.cancel_at_trial_end && trial_days == 0 {
        return Err(SubscriptionError::NotTrialing);
    }
    // On the wall clock: it ends at the time of day at which it began.
    let trial_end = Calendar { interval: DAILY, anchor: now, time_zone }.border(i64::from(trial_days));
    let mut bill = bill::empty(1, Reason::Start, now, terms);
    let (status, period) = if trial_days > 0 {
        let trial = Cycle { start: now, end: trial_end };
        let allowances = create.plan.allowances(create.currency);
        bill.turn = Some(TurnTo { cycle: Some(trial), carry: false, allowances });
        (Status::Trialing, trial)
    } else {
        let (calendar, first) = Calendar::first(now, terms.interval, create.anchoring, time_zone);
        bill.begin(fees, &calendar, first)?;
        bill.lines.extend(fees.one_time()?);
        (Status::Active, first)
    };
    Ok(SubscriptionEvent::Created(Box::new(Created {
        subscription_id: create.subscription_id,
        organization_id,
        customer_id: create.customer_id,
        currency: create.currency,
        plan: create.plan.clone(),
        time_zone,
        anchoring: create.anchoring,
        trial_end: (status == Status::Trialing).then_some(trial_end),
        after: After {
            status,
            period: Some(period),
            quantity: create.quantity,
            auto_renew: create.auto_renew,
            cancel_at_period_end: create.cancel_at_trial_end,
            next_due_at: None,
            open_bill: None,
        },
        bill: Some(bill),
    })))
}

fn check_anchor(anchoring: Anchoring, now: Timestamp) -> Result<(), SubscriptionError> {
    let Anchoring::At(anchor) = anchoring else { return Ok(()) };
    let most = Months::new(ANCHOR_YEARS_MAX * 12);
    let is_after = now.checked_sub_months(most).is_some_and(|earliest| earliest <= anchor);
    let is_before = now.checked_add_months(most).is_some_and(|latest| anchor <= latest);
    if is_after && is_before { Ok(()) } else { Err(SubscriptionError::AnchorOutOfRange) }
}

/// The trial is over before its time, and so is that the subscription ends with it.
pub(super) fn end_trial(life: &Life, now: Timestamp) -> Decided {
    life.is_up_to(now)?;
    if life.status != Status::Trialing {
        return Err(SubscriptionError::NotTrialing);
    }
    life.can_be_billed(now)?;
    activated(life, now).map(Some)
}

/// The trial is over: the first period that is paid for.
pub(super) fn activated(life: &Life, at: Timestamp) -> Result<SubscriptionEvent, SubscriptionError> {
    let calendar = life.calendar_after_trial(at, life.next_plan().terms.interval);
    let mut bill = bill_with_next(life, Reason::TrialEnd, at);
    bill.close(life, at, false)?;
    let mut changed = begun(life, bill, &calendar, at)?;
    if let Some(bill) = &mut changed.bill {
        bill.lines.extend(life.next_fees().one_time()?);
    }
    changed.after.cancel_at_period_end = false;
    Ok(SubscriptionEvent::Activated(changed))
}

/// A period is over, and the next one begins.
pub(super) fn renewed(life: &Life, at: Timestamp) -> Result<SubscriptionEvent, SubscriptionError> {
    let calendar = life.calendar_from(at, life.next_plan().terms.interval);
    let mut bill = bill_with_next(life, Reason::Renewal, at);
    bill.close(life, at, false)?;
    begun(life, bill, &calendar, at).map(SubscriptionEvent::Renewed)
}

/// A bill by the terms of the next period.
pub(super) fn bill_with_next(life: &Life, reason: Reason, at: Timestamp) -> Bill {
    bill::empty(life.bills + 1, reason, at, &life.next_plan().terms)
}

/// A period begins, with the change that was scheduled for it.
pub(super) fn begun(
    life: &Life,
    mut bill: Bill,
    calendar: &Calendar,
    at: Timestamp,
) -> Result<Changed, SubscriptionError> {
    let fees = life.next_fees();
    let period = calendar.cycle_from(at);
    bill.begin(fees, calendar, period)?;
    let after = After { status: life.standing(), period: Some(period), quantity: fees.quantity, ..life.after() };
    let plan = life.scheduled.as_ref().and_then(|scheduled| scheduled.plan.clone()).map(Box::new);
    Ok(Changed { plan, bill: Some(bill), ..life.changed(at, after) })
}
