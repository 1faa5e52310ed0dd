//! What becomes of a finalized invoice: its number, what is paid for it, and how it ends.

use crate::Timestamp;
use crate::ids::{InvoiceId, PaymentId};
use crate::invoice::event::{Finalized, Offset, PaymentApplied, Settled};
use crate::invoice::{
    After, Booked, Collection, Drafted, Invoice, InvoiceError, InvoiceEvent, Status, collection, days_after, drafting,
    payable,
};
use crate::money::Amount;

pub(super) fn number(
    invoice: &Invoice,
    drafted: &Drafted,
    number: &str,
    now: Timestamp,
) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    if invoice.number.as_deref() == Some(number) {
        return Ok(Vec::new());
    }
    if invoice.status != Status::Sealed {
        return Err(InvoiceError::WrongStatus(invoice.status));
    }
    // Nobody has known of it before it was finalized, whatever date is on it.
    let due_at = days_after(drafted.at.max(now), drafted.due_days);
    let is_paid = invoice.unpaid().is_zero();
    let waits_for_customer = drafted.collection == Collection::Send && !is_paid;
    let after =
        After { status: Status::Open, next_attempt_at: waits_for_customer.then_some(due_at), ..invoice.standing() };
    let follows = if is_paid {
        Some(paid(invoice, drafted, &after, now))
    } else if drafted.collection == Collection::Automatic {
        Some(collection::attempt(invoice, drafted, &after, now))
    } else {
        None
    };
    let finalized = InvoiceEvent::Finalized(Box::new(Finalized {
        invoice_id: drafted.invoice_id,
        customer_id: drafted.customer_id,
        subscription_id: drafted.subscription.map(|(id, _)| id),
        currency: drafted.currency,
        number: number.to_owned(),
        due_at,
        totals: drafted.totals.clone(),
        booked: drafting::booked(&drafted.lines, &drafted.taxes)?,
        after,
    }));
    Ok([finalized].into_iter().chain(follows).collect())
}

/// What has come pays what is due; what is more becomes credits, and so does what comes when nothing is due any more.
pub(super) fn apply_payment(
    invoice: &Invoice,
    drafted: &Drafted,
    payment_id: PaymentId,
    amount: Amount,
    now: Timestamp,
) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    if invoice.payments.iter().any(|known| known.payment_id == payment_id) {
        return Ok(Vec::new());
    }
    let due = match invoice.status {
        Status::Open | Status::Uncollectible => invoice.unpaid(),
        Status::Paid | Status::Void => Amount::ZERO,
        status @ (Status::Draft | Status::Sealed | Status::Discarded) => return Err(InvoiceError::WrongStatus(status)),
    };
    payable(amount, drafted.currency)?;
    let applied = amount.min(due);
    let after = After {
        paid: invoice.paid.plus(applied),
        due: due.minus(applied),
        next_attempt_at: collection::next_without(invoice, payment_id, now),
        ..invoice.standing()
    };
    let settles = !applied.is_zero() && after.due.is_zero();
    let settled = settles.then(|| paid(invoice, drafted, &after, now));
    let applied = InvoiceEvent::PaymentApplied(PaymentApplied {
        customer_id: drafted.customer_id,
        payment_id,
        amount: applied,
        surplus: amount.minus(applied),
        currency: drafted.currency,
        after,
    });
    Ok([applied].into_iter().chain(settled).collect())
}

/// What another invoice gives back is taken off what is due here, as far as that goes. Never denied: the rest goes on.
pub(super) fn offset(
    invoice: &Invoice,
    drafted: &Drafted,
    from_invoice: InvoiceId,
    amount: Amount,
    then: &[InvoiceId],
    now: Timestamp,
) -> Vec<InvoiceEvent> {
    let due = match invoice.status {
        Status::Sealed | Status::Open | Status::Uncollectible => invoice.unpaid(),
        Status::Draft | Status::Paid | Status::Void | Status::Discarded => Amount::ZERO,
    };
    let taken = amount.min(due);
    let standing = invoice.standing();
    let after = After { offset: invoice.offset.plus(taken), due: standing.due.minus(taken), ..standing };
    let settles = invoice.status != Status::Sealed && !taken.is_zero() && after.due.is_zero();
    let settled = settles.then(|| paid(invoice, drafted, &after, now));
    let offset = InvoiceEvent::Offset(Offset {
        customer_id: drafted.customer_id,
        from_invoice,
        amount: taken,
        currency: drafted.currency,
        left: amount.minus(taken),
        then: then.to_vec(),
        after,
    });
    [offset].into_iter().chain(settled).collect()
}

pub(super) fn void(invoice: &Invoice, drafted: &Drafted, now: Timestamp) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    match invoice.status {
        Status::Open => {}
        Status::Void => return Ok(Vec::new()),
        status => return Err(InvoiceError::WrongStatus(status)),
    }
    if !invoice.paid.is_zero() || !invoice.offset.is_zero() || !invoice.credit_notes.is_empty() {
        return Err(InvoiceError::PartlyPaid);
    }
    let sold = drafting::booked(&drafted.lines, &drafted.taxes)?;
    let after = After { status: Status::Void, due: Amount::ZERO, next_attempt_at: None, ..invoice.standing() };
    Ok(vec![InvoiceEvent::Voided(Settled {
        postpaid: sold.postpaid,
        remaining: invoice.unpaid(),
        // Usage is revenue since it was charged, and is taken back with the fees.
        booked: Booked { fees: sold.fees.checked_add(sold.postpaid.into())?, postpaid: Amount::ZERO, ..sold },
        ..settled(drafted, after, now)
    })])
}

pub(super) fn mark_uncollectible(
    invoice: &Invoice,
    drafted: &Drafted,
    now: Timestamp,
) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    match invoice.status {
        Status::Open => {}
        Status::Uncollectible => return Ok(Vec::new()),
        status => return Err(InvoiceError::WrongStatus(status)),
    }
    let after = After { status: Status::Uncollectible, next_attempt_at: None, ..invoice.standing() };
    // What was charged post-paid stays with the account: the customer has not paid it.
    Ok(vec![InvoiceEvent::MarkedUncollectible(Settled { remaining: invoice.unpaid(), ..settled(drafted, after, now) })])
}

/// That nothing is due any more, after what led to it.
pub(super) fn paid(invoice: &Invoice, drafted: &Drafted, after: &After, now: Timestamp) -> InvoiceEvent {
    let after = After { status: Status::Paid, due: Amount::ZERO, next_attempt_at: None, ..after.clone() };
    InvoiceEvent::Paid(Settled {
        postpaid: invoice.postpaid(),
        recovered: invoice.given_up,
        ..settled(drafted, after, now)
    })
}

fn settled(drafted: &Drafted, after: After, now: Timestamp) -> Settled {
    Settled {
        invoice_id: drafted.invoice_id,
        customer_id: drafted.customer_id,
        subscription_id: drafted.subscription.map(|(id, _)| id),
        currency: drafted.currency,
        at: now,
        postpaid: Amount::ZERO,
        remaining: Amount::ZERO,
        recovered: Amount::ZERO,
        booked: Booked::default(),
        after,
    }
}
