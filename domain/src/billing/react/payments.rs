//! Payments: tries to be paid, what was asked for, and what comes of them.

use crate::RecordedEvent;
use crate::billing::react::{credits, invoice_reaction};
use crate::billing::{Command, Known, Reaction, id_of};
use crate::ids::{self, CreditGrantId, PaymentId, RefundId};
use crate::invoice::event::{AttemptDue, PaymentExpected};
use crate::invoice::{self, Action as InvoiceAction, CreditNoteIssued, Status};
use crate::money::Amount;
use crate::payment::{Action as PaymentAction, Create, Payment, PaymentEvent};

/// Why a try to be paid has failed when there was nothing to charge.
const NO_PAYMENT_METHOD: &str = "no_payment_method";
/// Why a try to be paid has failed when its payment was cancelled, or was not made any more.
const CANCELLED: &str = "cancelled";

/// It is time to try to be paid: the customer's payment method is charged with what is due now.
pub(super) fn attempt(due: &AttemptDue, known: &Known) -> Option<Reaction> {
    let (invoice_id, invoice) = known.invoice.as_ref()?;
    let payment_id = invoice::payment_of(*invoice_id, due.attempt);
    if invoice.expected.is_some_and(|expected| expected.payment_id == payment_id) {
        // It was given up before the payment was made: what it waits for does not come.
        let action = InvoiceAction::FailPayment { payment_id, code: CANCELLED.to_owned() };
        return Some(invoice_reaction("attempt", *invoice_id, action));
    }
    let is_under_way = invoice.status == Status::Open && invoice.is_attempting && invoice.attempts == due.attempt;
    let amount = due.amount.min(invoice.unpaid());
    if !is_under_way || amount.is_zero() {
        return None;
    }
    let command = match &known.customer.billing.payment_method {
        Some(method) => {
            let create = Create {
                payment_id,
                customer_id: due.customer_id,
                invoice_id: Some(*invoice_id),
                connector_id: method.connector_id,
                method: Some(method.method.clone()),
                amount,
                currency: due.currency,
                manual_capture: false,
                off_session: true,
            };
            Command::Payment(payment_id, Box::new(PaymentAction::Create(Box::new(create))))
        }
        None => {
            let action = InvoiceAction::FailPayment { payment_id, code: NO_PAYMENT_METHOD.to_owned() };
            Command::Invoice(*invoice_id, Box::new(action))
        }
    };
    Some(Reaction::new("attempt", command))
}

/// A payment that was asked for is made, as far as something is still due.
pub(super) fn pay(expected: &PaymentExpected, known: &Known) -> Option<Reaction> {
    let (invoice_id, invoice) = known.invoice.as_ref()?;
    let payment_id = expected.payment_id;
    let is_expected = invoice.expected.is_some_and(|known| known.payment_id == payment_id);
    let amount = expected.amount.min(invoice.unpaid());
    if !is_expected || amount.is_zero() {
        return None;
    }
    let create = Create {
        payment_id,
        customer_id: expected.customer_id,
        invoice_id: Some(*invoice_id),
        connector_id: expected.connector_id,
        method: expected.method.clone(),
        amount,
        currency: expected.currency,
        manual_capture: expected.manual_capture,
        off_session: expected.off_session,
    };
    Some(Reaction::new("pay", Command::Payment(payment_id, Box::new(PaymentAction::Create(Box::new(create))))))
}

/// What was paid of an invoice and is taken back goes back the way it came, the newest payment first. What this credit
/// note has had refunded before, be it in vain, is not refunded again.
pub(super) fn refunds(note: &CreditNoteIssued, known: &Known) -> Vec<Reaction> {
    let refund_of = |payment_id: PaymentId| {
        let (note, payment) = (note.credit_note_id.uuid(), payment_id.uuid());
        RefundId::new(ids::derive(&[b"refund", note.as_bytes(), payment.as_bytes()]))
    };
    let before = known.payments.iter().filter_map(|(id, payment)| payment.refund(refund_of(*id)));
    let mut left = before.fold(note.to_refund, |left, refund| left.minus(refund.amount));
    let mut reactions = Vec::new();
    let numbered: Vec<_> = (0..).zip(&known.payments).collect();
    for (nth, (payment_id, payment)) in numbered.into_iter().rev() {
        let refund_id = refund_of(*payment_id);
        let amount = left.min(payment.refundable().minus(not_found_yet(*payment_id, payment, known)));
        if amount.is_zero() || payment.refund(refund_id).is_some() {
            continue;
        }
        left = left.minus(amount);
        let action = PaymentAction::Refund {
            refund_id,
            amount: Some(amount),
            reason: note.reason.clone(),
            credit_note: Some(note.credit_note_id.to_string()),
        };
        let command = Command::Payment(*payment_id, Box::new(action));
        reactions.push(Reaction { nth, ..Reaction::new("refund", command) });
    }
    reactions
}

/// What of a payment its invoice did not need and the payment has not heard of yet: that becomes credits in a moment.
fn not_found_yet(payment_id: PaymentId, payment: &Payment, known: &Known) -> Amount {
    let mut applied = known.invoice.iter().flat_map(|(_, invoice)| &invoice.payments);
    let applied = applied.find(|applied| applied.payment_id == payment_id && payment.surplus.is_none());
    applied.map_or(Amount::ZERO, |applied| applied.surplus)
}

/// What follows from an event of a payment.
pub(super) fn of_payment(recorded: &RecordedEvent, event: &PaymentEvent, known: &Known) -> Option<Reaction> {
    match event {
        PaymentEvent::Succeeded(e) => {
            let (invoice_id, invoice) = known.invoice.as_ref()?;
            // How much of it is due there the invoice says; the rest becomes credits.
            let is_finalized = invoice.number.is_some();
            let action = InvoiceAction::ApplyPayment { payment_id: e.payment_id, amount: e.amount };
            is_finalized.then(|| invoice_reaction("apply", *invoice_id, action))
        }
        PaymentEvent::Surplus(e) => {
            let payment_id: PaymentId = id_of(recorded)?;
            let grant_id = CreditGrantId::new(ids::derive(&[b"surplus", payment_id.uuid().as_bytes()]));
            credits(e.customer_id, grant_id, e.to_credits, e.currency)
        }
        PaymentEvent::Failed(e) => {
            let action = InvoiceAction::FailPayment { payment_id: e.payment_id, code: e.code.clone() };
            Some(invoice_reaction("fail", e.invoice_id?, action))
        }
        PaymentEvent::Cancelled(_) => {
            let (payment_id, payment) = known.payments.first()?;
            let invoice_id = payment.created.as_ref().and_then(|(created, _)| created.invoice_id)?;
            let action = InvoiceAction::FailPayment { payment_id: *payment_id, code: CANCELLED.to_owned() };
            Some(invoice_reaction("fail", invoice_id, action))
        }
        _ => None,
    }
}
