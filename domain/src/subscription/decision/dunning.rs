//! What becomes of a subscription whose invoices are not paid. Billing says so, once: nothing here is denied because a
//! bill is open or because it comes late.

use crate::Timestamp;
use crate::ids::InvoiceId;
use crate::subscription::decision::{Decided, end};
use crate::subscription::event::{After, EndCause, InvoiceSettled, PastDue, SubscriptionEvent};
use crate::subscription::{Life, Status};

/// An invoice was not paid in time: the grace begins with the first of them. A trial or a pause goes on as it is; the
/// grace begins with its end.
pub(super) fn mark_past_due(life: &Life, invoice_id: InvoiceId, now: Timestamp) -> Option<SubscriptionEvent> {
    if life.status.is_over() || life.unpaid.contains(&invoice_id) {
        return None;
    }
    let is_running = matches!(life.status, Status::Active | Status::PastDue);
    let begins = if is_running { life.grace_from(now) } else { None };
    let status = if is_running { Status::PastDue } else { life.status };
    let after = After { status, ..life.after() };
    Some(past_due(life, invoice_id, life.grace_until.or(begins), now, after))
}

/// An invoice needs no payment any more: it was paid, or is lost. With the last of those that were past due it is as
/// before.
pub(super) fn settle(life: &Life, invoice_id: InvoiceId, is_lost: bool, at: Timestamp) -> Option<SubscriptionEvent> {
    if life.status.is_over() {
        return None;
    }
    let customer_id = life.customer_id;
    if life.unpaid.contains(&invoice_id) {
        let is_last = life.unpaid.len() == 1;
        let status = if is_last && life.status == Status::PastDue { Status::Active } else { life.status };
        let after = After { status, ..life.after() };
        let recovered = PastDue { customer_id, invoice_id, at, grace_until: None, is_lost, after };
        return Some(SubscriptionEvent::Recovered(recovered));
    }
    let known = life.billed.iter().find(|billed| billed.invoice_id == invoice_id)?;
    let is_news = !(is_lost && known.is_lost);
    let settled = InvoiceSettled { customer_id, invoice_id, is_lost, number: None, at, after: life.after() };
    is_news.then_some(SubscriptionEvent::InvoiceSettled(settled))
}

/// An invoice was taken back as a whole: it is lost. One that was paid before is not known any more; it counts again,
/// for as long as its period lasts.
pub(super) fn take_back(life: &Life, number: u32, invoice_id: InvoiceId, at: Timestamp) -> Option<SubscriptionEvent> {
    if life.unpaid.contains(&invoice_id) || life.billed.iter().any(|billed| billed.invoice_id == invoice_id) {
        return settle(life, invoice_id, true, at);
    }
    let is_of_period = (life.period_bill..=life.bills).contains(&number);
    if life.status.is_over() || !is_of_period {
        return None;
    }
    let (customer_id, number, after) = (life.customer_id, Some(number), life.after());
    let settled = InvoiceSettled { customer_id, invoice_id, is_lost: true, number, at, after };
    Some(SubscriptionEvent::InvoiceSettled(settled))
}

/// Nobody tries any more to be paid: it ends, unless a grace is running, which ends it in time. While a bill is open,
/// or something else is due before, it ends as soon as that is done: as if its grace ended now.
pub(super) fn give_up(life: &Life, invoice_id: InvoiceId, now: Timestamp) -> Decided {
    if life.status.is_over() || !life.unpaid.contains(&invoice_id) || life.grace_until.is_some() {
        return Ok(None);
    }
    if life.can_be_billed(now).is_err() {
        return Ok(Some(past_due(life, invoice_id, Some(now), now, life.after())));
    }
    end::ended(life, now, EndCause::Unpaid, false).map(Some)
}

fn past_due(
    life: &Life,
    invoice_id: InvoiceId,
    grace_until: Option<Timestamp>,
    at: Timestamp,
    after: After,
) -> SubscriptionEvent {
    let customer_id = life.customer_id;
    SubscriptionEvent::PastDue(PastDue { customer_id, invoice_id, at, grace_until, is_lost: false, after })
}
