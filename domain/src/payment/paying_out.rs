//! Payout files: a line is matched only with what the ledger knows to have come or gone, once, and to the cent.

use crate::ids::{PayoutId, RefundId};
use crate::money::{Amount, Currency};
use crate::payment::event::{Created, PaidOut};
use crate::payment::{Payment, PaymentError, PaymentEvent, RefundStatus, Status};

/// A line of a payout file.
pub(super) struct Line {
    pub payout_id: PayoutId,
    pub gross: Amount,
    pub fee: Amount,
    pub currency: Currency,
}

pub(super) fn pay_out(
    payment: &Payment,
    created: &Created,
    refund_id: Option<RefundId>,
    line: Line,
) -> Result<Vec<PaymentEvent>, PaymentError> {
    if payment.is_by_hand() {
        return Err(PaymentError::ByHand);
    }
    let (has_succeeded, expected, known) = match refund_id {
        None => (payment.status == Status::Succeeded, payment.captured, payment.payout_id),
        Some(id) => {
            let refund = payment.refund(id).ok_or(PaymentError::RefundNotFound)?;
            (refund.status == RefundStatus::Succeeded, refund.amount, refund.payout_id)
        }
    };
    if line.currency != created.currency {
        return Err(PaymentError::CurrencyDiffers { expected: created.currency, given: line.currency });
    }
    if !has_succeeded {
        return Err(PaymentError::NotSucceeded);
    }
    if known.is_some() {
        return Err(PaymentError::PaidOutTwice);
    }
    if line.gross != expected {
        return Err(PaymentError::AmountDiffers { expected, given: line.gross });
    }
    Ok(vec![PaymentEvent::PaidOut(PaidOut {
        customer_id: created.customer_id,
        payout_id: line.payout_id,
        refund_id,
        gross: line.gross,
        fee: line.fee,
        currency: line.currency,
        after: payment.standing(),
    })])
}
