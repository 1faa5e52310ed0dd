//! When an invoice is tried to be paid, what follows when a try fails, and when it is overdue.

use crate::Timestamp;
use crate::ids::PaymentId;
use crate::invoice::event::{AttemptDue, Overdue, PaymentDropped, PaymentExpected, PaymentFailed};
use crate::invoice::{
    After, Collection, Drafted, ExpectPayment, Invoice, InvoiceError, InvoiceEvent, Status, days_after, payable,
};
use crate::payment::NOT_COLLECTABLE;

pub(super) fn advance(invoice: &Invoice, drafted: &Drafted, now: Timestamp) -> Vec<InvoiceEvent> {
    let due_now = invoice.next_attempt_at.filter(|at| *at <= now && invoice.status == Status::Open);
    let Some(at) = due_now else { return Vec::new() };
    vec![match drafted.collection {
        Collection::Automatic => attempt(invoice, drafted, &invoice.standing(), at),
        Collection::Send => InvoiceEvent::Overdue(Overdue {
            invoice_id: drafted.invoice_id,
            customer_id: drafted.customer_id,
            subscription_id: drafted.subscription.map(|(id, _)| id),
            at,
            after: After { next_attempt_at: None, ..invoice.standing() },
        }),
    }]
}

pub(super) fn collect(invoice: &Invoice, drafted: &Drafted, now: Timestamp) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    if invoice.status != Status::Open {
        return Err(InvoiceError::WrongStatus(invoice.status));
    }
    if invoice.under_way().is_some() {
        return Err(InvoiceError::AttemptUnderWay);
    }
    Ok(vec![attempt(invoice, drafted, &invoice.standing(), now)])
}

/// The next try to be paid what is due as things stand. It is open until its payment has come or failed.
pub(super) fn attempt(invoice: &Invoice, drafted: &Drafted, standing: &After, at: Timestamp) -> InvoiceEvent {
    let next_attempt_at = match drafted.collection {
        Collection::Automatic => None,
        // That is when it becomes overdue, whatever is tried until then.
        Collection::Send => standing.next_attempt_at,
    };
    InvoiceEvent::AttemptDue(AttemptDue {
        invoice_id: drafted.invoice_id,
        customer_id: drafted.customer_id,
        attempt: invoice.attempts + 1,
        amount: standing.due,
        currency: drafted.currency,
        at,
        after: After { next_attempt_at, ..standing.clone() },
    })
}

/// A payment is to be made besides the tries. Nothing is tried until it is known what becomes of it.
pub(super) fn expect_payment(
    invoice: &Invoice,
    drafted: &Drafted,
    expected: &ExpectPayment,
) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    if !matches!(invoice.status, Status::Open | Status::Uncollectible) {
        return Err(InvoiceError::WrongStatus(invoice.status));
    }
    if invoice.expects(expected.payment_id) {
        return Ok(Vec::new());
    }
    if invoice.under_way().is_some() {
        return Err(InvoiceError::AttemptUnderWay);
    }
    let (amount, due, currency) = (expected.amount, invoice.unpaid(), drafted.currency);
    payable(amount, currency)?;
    if amount > due {
        return Err(InvoiceError::MoreThanDue { amount, due, currency });
    }
    let (next_attempt_at, postponed) = match drafted.collection {
        Collection::Automatic => (None, invoice.next_attempt_at),
        Collection::Send => (invoice.next_attempt_at, None),
    };
    Ok(vec![InvoiceEvent::PaymentExpected(Box::new(PaymentExpected {
        invoice_id: drafted.invoice_id,
        customer_id: drafted.customer_id,
        payment_id: expected.payment_id,
        connector_id: expected.connector_id,
        method: expected.method.clone(),
        amount,
        currency,
        manual_capture: expected.manual_capture,
        off_session: expected.off_session,
        postponed,
        after: After { next_attempt_at, ..invoice.standing() },
    }))])
}

/// When something is due by time once it is known what has become of a payment: the try that waited for it, at once if
/// its time has passed.
pub(super) fn next_without(invoice: &Invoice, payment_id: PaymentId, now: Timestamp) -> Option<Timestamp> {
    let expected = invoice.expected.filter(|expected| expected.payment_id == payment_id);
    let postponed = expected.and_then(|expected| expected.postponed);
    postponed.map(|at| at.max(now)).or(invoice.next_attempt_at)
}

/// Only the payment that is under way counts: of a try, or one that somebody made, which is no failed try. What came too
/// late changes nothing.
pub(super) fn fail_payment(
    invoice: &Invoice,
    drafted: &Drafted,
    payment_id: PaymentId,
    code: &str,
    now: Timestamp,
) -> Vec<InvoiceEvent> {
    if invoice.expects(payment_id) {
        let after = After { next_attempt_at: next_without(invoice, payment_id, now), ..invoice.standing() };
        let (customer_id, code) = (drafted.customer_id, code.to_owned());
        return vec![InvoiceEvent::PaymentDropped(PaymentDropped { customer_id, payment_id, code, after })];
    }
    if invoice.status != Status::Open || !invoice.attempt_is(payment_id) {
        return Vec::new();
    }
    let attempt = invoice.attempts;
    let pause = drafted.retry_days.get(attempt.saturating_sub(1) as usize);
    let (next_attempt_at, is_last) = match drafted.collection {
        // Too little for the provider to collect: no fault of the customer's, and no better another day.
        Collection::Automatic if code == NOT_COLLECTABLE => (None, false),
        Collection::Automatic => (pause.map(|days| days_after(now, *days)), pause.is_none()),
        Collection::Send => (invoice.next_attempt_at, false),
    };
    vec![InvoiceEvent::PaymentFailed(PaymentFailed {
        customer_id: drafted.customer_id,
        subscription_id: drafted.subscription.map(|(id, _)| id),
        payment_id,
        attempt,
        code: code.to_owned(),
        is_last,
        after: After { next_attempt_at, ..invoice.standing() },
    })]
}
