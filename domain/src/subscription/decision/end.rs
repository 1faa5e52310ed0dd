//! How a subscription ends: at once, with its period, or because it does not renew.

use crate::Timestamp;
use crate::subscription::command::When;
use crate::subscription::decision::{Decided, bill};
use crate::subscription::event::{After, AutoRenewSet, EndCause, Ended, Reason, SubscriptionEvent};
use crate::subscription::{Life, Status, SubscriptionError};

pub(super) fn cancel(life: &Life, when: When, prorate: bool, now: Timestamp) -> Decided {
    life.is_up_to(now)?;
    match when {
        When::Now => {
            life.can_be_billed(now)?;
            ended(life, now, EndCause::Requested, prorate).map(Some)
        }
        // It has no period to end with.
        When::PeriodEnd if life.status == Status::Paused => Err(SubscriptionError::Paused),
        When::PeriodEnd if life.cancel_at_period_end => Ok(None),
        When::PeriodEnd => {
            let after = After { cancel_at_period_end: true, ..life.after() };
            Ok(Some(SubscriptionEvent::CancelScheduled(life.changed(now, after))))
        }
    }
}

pub(super) fn drop_cancel(life: &Life, now: Timestamp) -> Decided {
    life.is_up_to(now)?;
    if !life.cancel_at_period_end {
        return Err(SubscriptionError::NothingScheduled);
    }
    let after = After { cancel_at_period_end: false, ..life.after() };
    Ok(Some(SubscriptionEvent::CancelDropped(life.changed(now, after))))
}

pub(super) fn set_auto_renew(life: &Life, auto_renew: bool, now: Timestamp) -> Decided {
    life.is_up_to(now)?;
    if life.auto_renew == auto_renew {
        return Ok(None);
    }
    let after = After { auto_renew, ..life.after() };
    Ok(Some(SubscriptionEvent::AutoRenewSet(AutoRenewSet { customer_id: life.customer_id, auto_renew, after })))
}

/// It ends: the last bill.
pub(super) fn ended(
    life: &Life,
    at: Timestamp,
    cause: EndCause,
    give_back: bool,
) -> Result<SubscriptionEvent, SubscriptionError> {
    let mut bill = bill::empty(life.bills + 1, Reason::End, at, &life.plan.terms);
    bill.close(life, at, give_back)?;
    let by_itself = matches!(cause, EndCause::NotRenewed | EndCause::TrialEnded);
    let status = if by_itself { Status::Expired } else { Status::Cancelled };
    let after = After { status, period: None, ..life.after() };
    let ended = Ended { customer_id: life.customer_id, at, cause, after, bill: Some(bill) };
    Ok(if by_itself { SubscriptionEvent::Expired(ended) } else { SubscriptionEvent::Cancelled(ended) })
}
