//! How a subscription pauses, and goes on.

use crate::Timestamp;
use crate::subscription::decision::{Decided, begin, bill};
use crate::subscription::event::{After, Paused, Reason, SubscriptionEvent};
use crate::subscription::{Life, Status, SubscriptionError};

/// What was paid for and is not used up is given back. A grace that was running stands still with it.
pub(super) fn pause(life: &Life, resumes_at: Option<Timestamp>, now: Timestamp) -> Decided {
    life.is_up_to(now)?;
    match life.status {
        Status::Paused => return Err(SubscriptionError::Paused),
        Status::Trialing => return Err(SubscriptionError::Trialing),
        _ => {}
    }
    if resumes_at.is_some_and(|at| at <= now) {
        return Err(SubscriptionError::ResumesInThePast);
    }
    life.can_be_billed(now)?;
    let mut bill = bill::empty(life.bills + 1, Reason::Pause, now, &life.plan.terms);
    bill.close(life, now, true)?;
    let after = After { status: Status::Paused, period: None, ..life.after() };
    let customer_id = life.customer_id;
    Ok(Some(SubscriptionEvent::Paused(Paused { customer_id, at: now, resumes_at, after, bill: Some(bill) })))
}

pub(super) fn resume(life: &Life, now: Timestamp) -> Decided {
    life.is_up_to(now)?;
    if life.status != Status::Paused {
        return Err(SubscriptionError::NotPaused);
    }
    life.can_be_billed(now)?;
    resumed(life, now).map(Some)
}

/// It goes on, with a period that begins now.
pub(super) fn resumed(life: &Life, at: Timestamp) -> Result<SubscriptionEvent, SubscriptionError> {
    let calendar = life.calendar_after_pause(at, life.next_plan().terms.interval);
    let bill = begin::bill_with_next(life, Reason::Resume, at);
    begin::begun(life, bill, &calendar, at).map(SubscriptionEvent::Resumed)
}
