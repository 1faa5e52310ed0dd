//! What may be asked of a payment, and what is written before a provider hears of it.

use crate::Timestamp;
use crate::ids::{OrganizationId, RefundId};
use crate::money::{Amount, Currency, MoneyError};
use crate::payment::event::{Asked, CaptureRequested, Created, RefundRequested, RefundUpdated, Succeeded};
use crate::payment::{
    Action, Create, Payment, PaymentCommand, PaymentError, PaymentEvent, REFUNDS_MAX, Record, RefundStatus, Status,
    observing, paying_out, surplus,
};

/// Decides. How the payment stands after each event is filled in by the caller.
pub(super) fn decide(
    payment: &Payment,
    command: &PaymentCommand,
    now: Timestamp,
) -> Result<Vec<PaymentEvent>, PaymentError> {
    match &command.action {
        Action::Create(create) => return self::create(payment, command.organization_id, create),
        Action::Record(record) => return self::record(payment, command.organization_id, record, now),
        _ => {}
    }
    let created = payment.created.as_ref().map(|(created, _)| created);
    let created = created.filter(|it| it.organization_id == command.organization_id).ok_or(PaymentError::NotFound)?;
    match &command.action {
        Action::Create(_) | Action::Record(_) => Err(PaymentError::AlreadyExists),
        Action::Observe(observed) => observing::observe(payment, created, observed),
        Action::Capture { amount } => capture(payment, created, *amount),
        Action::Cancel => cancel(payment, created),
        Action::Refund { refund_id, amount, reason, credit_note } => {
            let amount = refund_amount(payment, created, *refund_id, *amount)?;
            let requested = PaymentEvent::RefundRequested(RefundRequested {
                refund_id: *refund_id,
                customer_id: created.customer_id,
                amount,
                currency: created.currency,
                reason: reason.clone(),
                credit_note: credit_note.clone(),
                after: payment.standing(),
            });
            // Whoever gives money back by hand has done it.
            let done = payment.is_by_hand().then(|| {
                PaymentEvent::RefundUpdated(RefundUpdated {
                    refund_id: *refund_id,
                    customer_id: created.customer_id,
                    status: RefundStatus::Succeeded,
                    by_hand: true,
                    amount,
                    currency: created.currency,
                    provider_id: None,
                    reversed: Amount::ZERO,
                    unapplied: created.invoice_id.is_none() && credit_note.is_none(),
                    after: payment.standing(),
                })
            });
            Ok([requested].into_iter().chain(done).collect())
        }
        Action::Surplus { amount } => surplus::take(payment, created, *amount),
        Action::PayOut { payout_id, subject, gross, fee, currency } => {
            let (payout_id, gross, fee, currency) = (*payout_id, *gross, *fee, *currency);
            paying_out::pay_out(payment, created, &paying_out::Line { payout_id, subject, gross, fee, currency })
        }
    }
}

fn create(
    payment: &Payment,
    organization_id: OrganizationId,
    create: &Create,
) -> Result<Vec<PaymentEvent>, PaymentError> {
    if payment.created.is_some() {
        return Err(PaymentError::AlreadyExists);
    }
    payable(create.amount, create.currency)?;
    Ok(vec![PaymentEvent::Created(Created {
        payment_id: create.payment_id,
        organization_id,
        customer_id: create.customer_id,
        invoice_id: create.invoice_id,
        connector_id: Some(create.connector_id),
        method: create.method.clone(),
        amount: create.amount,
        currency: create.currency,
        manual_capture: create.manual_capture,
        off_session: create.off_session,
        after: payment.standing(),
    })])
}

fn record(
    payment: &Payment,
    organization_id: OrganizationId,
    record: &Record,
    now: Timestamp,
) -> Result<Vec<PaymentEvent>, PaymentError> {
    if payment.created.is_some() {
        return Err(PaymentError::AlreadyExists);
    }
    payable(record.amount, record.currency)?;
    if record.received_at > now {
        return Err(PaymentError::ReceivedInTheFuture);
    }
    let created = PaymentEvent::Created(Created {
        payment_id: record.payment_id,
        organization_id,
        customer_id: record.customer_id,
        invoice_id: record.invoice_id,
        connector_id: None,
        method: None,
        amount: record.amount,
        currency: record.currency,
        manual_capture: false,
        off_session: false,
        after: payment.standing(),
    });
    let succeeded = PaymentEvent::Succeeded(Succeeded {
        payment_id: record.payment_id,
        customer_id: record.customer_id,
        invoice_id: record.invoice_id,
        amount: record.amount,
        currency: record.currency,
        by_hand: true,
        provider_id: record.reference.clone(),
        received_at: record.received_at,
        after: payment.standing(),
    });
    Ok(vec![created, succeeded])
}

fn capture(payment: &Payment, created: &Created, amount: Option<Amount>) -> Result<Vec<PaymentEvent>, PaymentError> {
    if payment.status != Status::Authorized {
        return Err(PaymentError::WrongStatus(payment.status));
    }
    if payment.cancel_requested {
        return Err(PaymentError::CancelUnderWay);
    }
    let amount = amount.unwrap_or(created.amount);
    match payment.capture_requested {
        Some(known) if known == amount => return Ok(Vec::new()),
        Some(known) => return Err(PaymentError::CaptureUnderWay(known)),
        None => {}
    }
    payable(amount, created.currency)?;
    if amount > created.amount {
        let (reserved, currency) = (created.amount, created.currency);
        return Err(PaymentError::MoreThanReserved { amount, reserved, currency });
    }
    let requested = CaptureRequested { customer_id: created.customer_id, amount, after: payment.standing() };
    Ok(vec![PaymentEvent::CaptureRequested(requested)])
}

fn cancel(payment: &Payment, created: &Created) -> Result<Vec<PaymentEvent>, PaymentError> {
    match payment.status {
        Status::Cancelled => return Ok(Vec::new()),
        Status::Created => return Err(PaymentError::NotAnswered),
        // One that the provider never made has nothing to cancel.
        Status::Failed if payment.provider_id.is_none() => return Err(PaymentError::WrongStatus(Status::Failed)),
        Status::Succeeded => return Err(PaymentError::WrongStatus(Status::Succeeded)),
        Status::Processing | Status::RequiresAction | Status::Authorized | Status::Failed => {}
    }
    if payment.cancel_requested {
        return Ok(Vec::new());
    }
    if let Some(amount) = payment.capture_requested {
        return Err(PaymentError::CaptureUnderWay(amount));
    }
    let asked = Asked { customer_id: created.customer_id, after: payment.standing() };
    Ok(vec![PaymentEvent::CancelRequested(asked)])
}

/// How much a refund is for, if it may be.
fn refund_amount(
    payment: &Payment,
    created: &Created,
    refund_id: RefundId,
    amount: Option<Amount>,
) -> Result<Amount, PaymentError> {
    if payment.status != Status::Succeeded {
        return Err(PaymentError::WrongStatus(payment.status));
    }
    if payment.refund(refund_id).is_some() {
        return Err(PaymentError::RefundExists);
    }
    if payment.refunds.len() >= REFUNDS_MAX {
        return Err(PaymentError::TooManyRefunds);
    }
    let left = payment.refundable();
    if left.is_zero() {
        return Err(PaymentError::NothingToRefund);
    }
    let amount = amount.unwrap_or(left);
    payable(amount, created.currency)?;
    if amount > left {
        return Err(PaymentError::MoreThanCaptured { amount, left, currency: created.currency });
    }
    Ok(amount)
}

/// Refuses an amount that nobody can pay: one between two of the currency's smallest units.
fn payable(amount: Amount, currency: Currency) -> Result<(), PaymentError> {
    if amount.is_zero() {
        return Err(PaymentError::ZeroAmount);
    }
    if currency.rounded(amount.decimal()) == amount.decimal() {
        Ok(())
    } else {
        Err(MoneyError::TooPrecise { max: currency.minor_unit() }.into())
    }
}
