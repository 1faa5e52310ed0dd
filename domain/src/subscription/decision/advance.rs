//! What happens by time.

use crate::Timestamp;
use crate::subscription::decision::{Decided, begin, end, pause};
use crate::subscription::due::{Due, What};
use crate::subscription::event::{EndCause, Reminded, Reminder, SubscriptionEvent};
use crate::subscription::{Life, Status, SubscriptionError};

/// What is due first, if it is.
pub(super) fn advance(life: &Life, now: Timestamp) -> Decided {
    match life.due() {
        Some(due) if due.at <= now && life.bill.is_none() => happen(life, due).map(Some),
        _ => Ok(None),
    }
}

/// Something that was due happens, as of the moment at which it was.
pub(in crate::subscription) fn happen(life: &Life, due: Due) -> Result<SubscriptionEvent, SubscriptionError> {
    match due.what {
        What::GraceEnd => end::ended(life, due.at, EndCause::Unpaid, false),
        What::TrialEnd if life.cancel_at_period_end => end::ended(life, due.at, EndCause::TrialEnded, false),
        What::TrialEnd => begin::activated(life, due.at),
        What::PeriodEnd if life.cancel_at_period_end => end::ended(life, due.at, EndCause::Requested, false),
        What::PeriodEnd if life.auto_renew => begin::renewed(life, due.at),
        What::PeriodEnd => end::ended(life, due.at, EndCause::NotRenewed, false),
        What::Resume => pause::resumed(life, due.at),
        What::Reminder => Ok(reminded(life, due.at)),
    }
}

fn reminded(life: &Life, at: Timestamp) -> SubscriptionEvent {
    let of = match life.status {
        Status::Trialing => Reminder::TrialEnd,
        _ if life.cancel_at_period_end || !life.auto_renew => Reminder::End,
        _ => Reminder::Renewal,
    };
    let ends_at = life.period.map_or(at, |period| period.end);
    SubscriptionEvent::Reminded(Reminded { customer_id: life.customer_id, of, ends_at, at, after: life.after() })
}
