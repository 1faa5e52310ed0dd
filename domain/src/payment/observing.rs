//! What a provider's word changes. It may be an old word, and one that was heard before: what has been overtaken
//! changes nothing, so that in whatever order all of it is heard, the payment ends the same.

use crate::ids::RefundId;
use crate::money::Amount;
use crate::payment::event::{Created, Dispute, DisputeClosed, Failed, RefundUpdated, Refused, Seen, Succeeded};
use crate::payment::{
    Ask, DisputeState, Observed, Payment, PaymentError, PaymentEvent, ProviderState, RefundStatus, Requested, Status,
};

pub(super) fn observe(
    payment: &Payment,
    created: &Created,
    observed: &Observed,
) -> Result<Vec<PaymentEvent>, PaymentError> {
    if payment.is_by_hand() {
        return Err(PaymentError::ByHand);
    }
    let event = match observed {
        Observed::Payment { provider_id, state } => of_payment(payment, created, provider_id, state)?,
        Observed::Refund { refund_id, provider_id, status } => {
            of_refund(payment, created, *refund_id, provider_id.as_ref(), *status)?
        }
        Observed::Refused { asked, code, message } => {
            let refused = Refused {
                customer_id: created.customer_id,
                code: code.clone(),
                message: message.clone(),
                after: payment.standing(),
            };
            match (asked, payment.asks()) {
                (Requested::Capture, Some(Ask::Capture { .. })) => Some(PaymentEvent::CaptureRefused(refused)),
                (Requested::Cancel, Some(Ask::Cancel)) => Some(PaymentEvent::CancelRefused(refused)),
                // Nobody waits for it any more.
                _ => None,
            }
        }
        Observed::DisputeOpened { provider_id, amount, reason } => {
            let known = known_dispute(payment, provider_id, *amount)?;
            let is_new = known.is_none_or(|dispute| dispute.reason.is_none());
            is_new.then(|| {
                PaymentEvent::DisputeOpened(Dispute {
                    customer_id: created.customer_id,
                    provider_id: provider_id.clone(),
                    amount: *amount,
                    currency: created.currency,
                    reason: reason.clone(),
                    after: payment.standing(),
                })
            })
        }
        Observed::DisputeClosed { provider_id, amount, won } => {
            let known = known_dispute(payment, provider_id, *amount)?;
            let ended = known.and_then(|dispute| dispute.won);
            // What was lost may still be won, never the other way round.
            let is_new = ended.is_none_or(|before| *won && !before);
            is_new.then(|| {
                PaymentEvent::DisputeClosed(DisputeClosed {
                    customer_id: created.customer_id,
                    provider_id: provider_id.clone(),
                    won: *won,
                    amount: *amount,
                    currency: created.currency,
                    after: payment.standing(),
                })
            })
        }
    };
    Ok(event.into_iter().collect())
}

fn of_payment(
    payment: &Payment,
    created: &Created,
    provider_id: &str,
    state: &ProviderState,
) -> Result<Option<PaymentEvent>, PaymentError> {
    // A provider that refused to make it gave it no id.
    let provider_id = Some(provider_id).filter(|id| !id.is_empty());
    if let (Some(known), Some(given)) = (payment.provider_id.as_deref(), provider_id)
        && known != given
    {
        return Err(PaymentError::Contradiction("id of the payment"));
    }
    let seen = |action_url: Option<String>| Seen {
        customer_id: created.customer_id,
        provider_id: provider_id.map(str::to_owned),
        action_url,
        after: payment.standing(),
    };
    let event = match state {
        ProviderState::Processing => PaymentEvent::Processing(seen(None)),
        ProviderState::ActionRequired { url } => {
            let event = PaymentEvent::ActionRequired(seen(url.clone()));
            // The same status, and now it says where.
            if payment.status == Status::RequiresAction && payment.action_url.is_none() && url.is_some() {
                return Ok(Some(event));
            }
            event
        }
        ProviderState::Authorized => PaymentEvent::Authorized(seen(None)),
        ProviderState::Succeeded { amount, at } => {
            let differs = payment.status == Status::Succeeded && payment.captured != *amount;
            if differs || amount.is_zero() || *amount > created.amount {
                return Err(PaymentError::Contradiction("amount"));
            }
            let succeeded = Succeeded {
                payment_id: created.payment_id,
                customer_id: created.customer_id,
                invoice_id: created.invoice_id,
                amount: *amount,
                currency: created.currency,
                by_hand: false,
                provider_id: provider_id.map(str::to_owned),
                received_at: *at,
                after: payment.standing(),
            };
            PaymentEvent::Succeeded(succeeded)
        }
        ProviderState::Failed { code, message } => {
            let failed = Failed {
                payment_id: created.payment_id,
                customer_id: created.customer_id,
                invoice_id: created.invoice_id,
                provider_id: provider_id.map(str::to_owned),
                code: code.clone(),
                message: message.clone(),
                after: payment.standing(),
            };
            PaymentEvent::Failed(failed)
        }
        ProviderState::Cancelled => PaymentEvent::Cancelled(seen(None)),
    };
    Ok(state.status().overtakes(payment.status).then_some(event))
}

fn of_refund(
    payment: &Payment,
    created: &Created,
    refund_id: RefundId,
    provider_id: Option<&String>,
    status: RefundStatus,
) -> Result<Option<PaymentEvent>, PaymentError> {
    let refund = payment.refund(refund_id).ok_or(PaymentError::RefundNotFound)?;
    if let (Some(known), Some(given)) = (&refund.provider_id, provider_id)
        && known != given
    {
        return Err(PaymentError::Contradiction("id of the refund"));
    }
    let is_named = refund.status == RefundStatus::Pending && refund.provider_id.is_none() && provider_id.is_some();
    if status.rank() <= refund.status.rank() && !is_named {
        return Ok(None);
    }
    let came_again = refund.status == RefundStatus::Succeeded && status == RefundStatus::Failed;
    Ok(Some(PaymentEvent::RefundUpdated(RefundUpdated {
        refund_id,
        customer_id: created.customer_id,
        status,
        by_hand: false,
        amount: refund.amount,
        currency: created.currency,
        provider_id: refund.provider_id.as_ref().or(provider_id).cloned(),
        reversed: if came_again { refund.amount } else { Amount::ZERO },
        unapplied: created.invoice_id.is_none() && refund.credit_note.is_none(),
        after: payment.standing(),
    })))
}

/// A dispute that was heard of before; it is always about the same amount.
fn known_dispute<'a>(
    payment: &'a Payment,
    provider_id: &str,
    amount: Amount,
) -> Result<Option<&'a DisputeState>, PaymentError> {
    let known = payment.disputes.get(provider_id);
    if known.is_some_and(|dispute| dispute.amount != amount) {
        return Err(PaymentError::Contradiction("amount of the dispute"));
    }
    Ok(known)
}
