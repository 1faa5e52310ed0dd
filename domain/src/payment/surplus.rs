//! What comes and was not due: it becomes credits, and is not refunded any more.

use crate::money::Amount;
use crate::payment::event::{Created, Surplus};
use crate::payment::{Payment, PaymentError, PaymentEvent, Status};

/// Of so much that was not due, what was not refunded meanwhile becomes credits. Once.
pub(super) fn take(payment: &Payment, created: &Created, amount: Amount) -> Result<Vec<PaymentEvent>, PaymentError> {
    if payment.surplus.is_some() {
        return Ok(Vec::new());
    }
    if payment.status != Status::Succeeded {
        return Err(PaymentError::WrongStatus(payment.status));
    }
    let amount = amount.min(payment.captured);
    let to_credits = amount.min(payment.refundable());
    Ok(vec![PaymentEvent::Surplus(Surplus {
        customer_id: created.customer_id,
        to_credits,
        went_back: amount.minus(to_credits),
        currency: created.currency,
        after: payment.standing(),
    })])
}
