//! Payout files: a line is matched only with what the ledger knows to have come or gone, once, and to the cent.

use crate::ids::PayoutId;
use crate::money::{Amount, Currency};
use crate::payment::event::{Created, PaidOut};
use crate::payment::{DisputeState, Payment, PaymentError, PaymentEvent, RefundStatus, Status, Subject};

/// A line of a payout file.
pub(super) struct Line<'a> {
    pub payout_id: PayoutId,
    pub subject: &'a Subject,
    pub gross: Amount,
    pub fee: Amount,
    pub currency: Currency,
}

/// What the ledger knows of what a line is about.
struct Known {
    /// Whether the money has come, or gone.
    is_done: bool,
    amount: Amount,
    /// The file with an earlier line about it.
    payout_id: Option<PayoutId>,
}

/// A dispute. One that was not heard of has taken nothing, as far as the ledger knows.
fn dispute<'a>(payment: &'a Payment, id: &str) -> Result<&'a DisputeState, PaymentError> {
    payment.disputes.get(id).ok_or(PaymentError::NotSucceeded)
}

fn known(payment: &Payment, subject: &Subject) -> Result<Known, PaymentError> {
    Ok(match subject {
        Subject::Payment => Known {
            is_done: payment.status == Status::Succeeded,
            amount: payment.captured,
            payout_id: payment.payout_id,
        },
        Subject::Refund(id) => {
            let refund = payment.refund(*id).ok_or(PaymentError::RefundNotFound)?;
            let is_done = refund.status == RefundStatus::Succeeded;
            Known { is_done, amount: refund.amount, payout_id: refund.payout_id }
        }
        // The same as what is booked: the money goes when a dispute is opened, and comes back when it is won.
        Subject::Dispute(id) => {
            let dispute = dispute(payment, id)?;
            Known { is_done: dispute.reason.is_some(), amount: dispute.amount, payout_id: dispute.payout_id }
        }
        Subject::Reversal { dispute_id, .. } => {
            let dispute = dispute(payment, dispute_id)?;
            let is_done = dispute.won == Some(true);
            Known { is_done, amount: dispute.amount, payout_id: dispute.reversal_payout_id }
        }
    })
}

pub(super) fn pay_out(
    payment: &Payment,
    created: &Created,
    line: &Line<'_>,
) -> Result<Vec<PaymentEvent>, PaymentError> {
    if payment.is_by_hand() {
        return Err(PaymentError::ByHand);
    }
    let known = known(payment, line.subject)?;
    if line.currency != created.currency {
        return Err(PaymentError::CurrencyDiffers { expected: created.currency, given: line.currency });
    }
    if !known.is_done {
        return Err(PaymentError::NotSucceeded);
    }
    if known.payout_id.is_some() {
        return Err(PaymentError::PaidOutTwice);
    }
    if line.gross != known.amount {
        return Err(PaymentError::AmountDiffers { expected: known.amount, given: line.gross });
    }
    let (refund_id, dispute_id, fee_returned) = match line.subject {
        Subject::Payment => (None, None, Amount::ZERO),
        Subject::Refund(id) => (Some(*id), None, Amount::ZERO),
        Subject::Dispute(id) => (None, Some(id.clone()), Amount::ZERO),
        Subject::Reversal { dispute_id, fee_returned } => (None, Some(dispute_id.clone()), *fee_returned),
    };
    Ok(vec![PaymentEvent::PaidOut(PaidOut {
        customer_id: created.customer_id,
        payout_id: line.payout_id,
        refund_id,
        dispute_id,
        is_reversal: matches!(line.subject, Subject::Reversal { .. }),
        gross: line.gross,
        fee: line.fee,
        fee_returned,
        currency: line.currency,
        after: payment.standing(),
    })])
}

/// Takes in which file a line about it was in.
pub(super) fn apply(payment: &mut Payment, paid_out: &PaidOut) {
    let file = match (paid_out.refund_id, &paid_out.dispute_id) {
        (Some(id), _) => payment.refund_mut(id).map(|refund| &mut refund.payout_id),
        (None, Some(id)) => {
            let dispute = payment.disputes.get_mut(id);
            dispute.map(|it| if paid_out.is_reversal { &mut it.reversal_payout_id } else { &mut it.payout_id })
        }
        (None, None) => Some(&mut payment.payout_id),
    };
    if let Some(file) = file {
        *file = Some(paid_out.payout_id);
    }
}
