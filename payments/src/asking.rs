//! Asks a connector for what a payment needs next, or how it stands, and says what is made of the answer: when
//! something may be asked for again, and what of a refusal is the last word.
//!
//! Times are those of the wall clock, also for customers on a test clock: they are about the provider.

use chrono::TimeDelta;
use domain::ids::RefundId;
use domain::money::{Amount, Currency};
use domain::payment::event::Created;
use domain::payment::{
    Ask, NOT_COLLECTABLE, Observed, Payment, ProviderState, Refund, RefundStatus, Requested, Status,
};

use crate::manual::BY_HAND;
use crate::port::{NOT_FOUND, NOT_OFFERED};
use crate::{CallError, Connector, CreatePayment, Reference, RefundOrder};

#[cfg(test)]
mod tests;

/// Providers keep idempotency keys for a day: after this something is looked for before it is asked for again.
const KEYS_KEPT: TimeDelta = TimeDelta::hours(20);
/// A provider's search may be so far behind: a payment that is not found may be there all the same.
const FOUND_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// A try while the customer is away is given up when it has waited for so long: nobody will do what it waits for.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(7);
/// Why a payment failed that nobody can make any more.
pub const REMOVED: &str = "connector_removed";

/// What is asked, and what has to be known besides.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The payment, as the log has it.
    pub payment: &'a Payment,
    /// What it needs next.
    pub ask: Ask,
    /// How long ago this may have been asked for first.
    pub waited: TimeDelta,
    /// Whether its connector was removed: no payment is made with it any more.
    pub is_removed: bool,
}

/// What is known now.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was observed.
    pub observed: Observed,
    /// The provider's refusal, when that is what it was made of.
    pub refusal: Option<CallError>,
}

impl From<Observed> for Answer {
    fn from(observed: Observed) -> Self {
        Self { observed, refusal: None }
    }
}

/// Asks for what a payment needs next. An error says that it has to be asked for again.
pub async fn ask(connector: &dyn Connector, asked: &Asked<'_>) -> Result<Answer, CallError> {
    let created = created(asked.payment)?;
    let reference = reference(asked.payment, created);
    match asked.ask {
        Ask::Create => create(connector, asked, &reference, created).await,
        Ask::Capture { amount } => {
            let answer = connector.capture(&reference, amount).await;
            conclude(connector, asked.payment, &reference, Requested::Capture, answer).await
        }
        Ask::Cancel => {
            let answer = connector.cancel(&reference).await;
            conclude(connector, asked.payment, &reference, Requested::Cancel, answer).await
        }
        Ask::Refund { refund_id, amount } => {
            let reason = asked.payment.refund(refund_id).map(|refund| refund.reason.clone()).unwrap_or_default();
            refund(connector, asked, &reference, &RefundOrder { refund_id, amount, reason }).await
        }
    }
}

fn created(payment: &Payment) -> Result<&Created, CallError> {
    let created = payment.created.as_ref().map(|(created, _)| created);
    created.ok_or_else(|| CallError::Unknown("the ledger has no such payment".to_owned()))
}

/// What the provider is told of a payment.
fn reference(payment: &Payment, created: &Created) -> Reference {
    Reference {
        payment_id: created.payment_id,
        organization_id: created.organization_id,
        provider_id: payment.provider_id.clone(),
        currency: created.currency,
        refusals: payment.refusals,
    }
}

/// A payment that will never be made.
fn failed(payment: &Payment, code: &str, message: String) -> Observed {
    let provider_id = payment.provider_id.clone().unwrap_or_default();
    Observed::Payment { provider_id, state: ProviderState::Failed { code: code.to_owned(), message } }
}

async fn create(
    connector: &dyn Connector,
    asked: &Asked<'_>,
    reference: &Reference,
    created: &Created,
) -> Result<Answer, CallError> {
    if (asked.is_removed || asked.waited > KEYS_KEPT)
        && let Some(found) = find(connector, reference).await?
    {
        return Ok(found.into());
    }
    if asked.is_removed {
        if asked.waited < FOUND_WITHIN {
            let why = "its connector was removed, and what was asked for before may not be found yet";
            return Err(CallError::Unknown(why.to_owned()));
        }
        let message = "the connector was removed before the payment was made".to_owned();
        return Ok(failed(asked.payment, REMOVED, message).into());
    }
    if let Some(why) = not_collectable(connector, created.amount, created.currency) {
        return Ok(failed(asked.payment, NOT_COLLECTABLE, why).into());
    }
    let order = CreatePayment {
        organization_id: created.organization_id,
        payment_id: created.payment_id,
        amount: created.amount,
        currency: created.currency,
        method: created.method.clone(),
        manual_capture: created.manual_capture,
        off_session: created.off_session,
        description: created.invoice_id.map(|id| id.to_string()),
    };
    match connector.create(&order).await {
        Ok(observed) => Ok(observed.into()),
        Err(CallError::Refused { code, message }) => {
            let refusal = CallError::Refused { code: code.clone(), message: message.clone() };
            let observed = if refusal.is_of_amount() {
                failed(asked.payment, NOT_COLLECTABLE, format!("{message} ({code})"))
            } else {
                failed(asked.payment, &code, message)
            };
            Ok(Answer { observed, refusal: Some(refusal) })
        }
        Err(error) => Err(error),
    }
}

/// Why an amount cannot be asked for at all; `None` when it can.
fn not_collectable(connector: &dyn Connector, amount: Amount, currency: Currency) -> Option<String> {
    let Some(least) = connector.smallest(currency) else {
        return Some(format!("the provider takes no payments in {currency}"));
    };
    if amount < least {
        return Some(format!("{amount} {currency} is less than {least} {currency}, the least that can be asked for"));
    }
    let step = connector.step(currency);
    let is_multiple = step.is_zero() || (amount.decimal() % step.decimal()).is_zero();
    (!is_multiple).then(|| format!("{amount} {currency} is no multiple of {step} {currency}"))
}

/// The payment as it is there; `None` when there is none, or none was found.
async fn find(connector: &dyn Connector, reference: &Reference) -> Result<Option<Observed>, CallError> {
    match connector.fetch(reference).await {
        Ok(observed) => Ok(Some(observed)),
        // Nobody was ever asked for money that comes by hand.
        Err(CallError::Refused { code, .. }) if code == NOT_FOUND || code == BY_HAND => Ok(None),
        // That it cannot be shown says nothing of what became of it.
        Err(CallError::Refused { code, message }) => Err(not_shown(&code, &message)),
        Err(error) => Err(error),
    }
}

fn not_shown(code: &str, message: &str) -> CallError {
    CallError::Unknown(format!("the provider does not show it: {message} ({code})"))
}

/// How a payment stands that the provider has named before.
async fn standing(connector: &dyn Connector, reference: &Reference) -> Result<Observed, CallError> {
    find(connector, reference).await?.ok_or_else(|| {
        let id = reference.provider_id.as_deref().unwrap_or("…");
        CallError::Unknown(format!("the provider has no {id}: are these the secrets of the same account?"))
    })
}

/// Whether a payment has gone on.
fn has_gone_on(payment: &Payment, observed: &Observed) -> bool {
    matches!(observed, Observed::Payment { state, .. } if state.status().overtakes(payment.status))
}

/// What is made of the answer to a capture or a cancellation. A refusal is the last word when the payment stands as it
/// did: else it was captured, cancelled or lost before.
async fn conclude(
    connector: &dyn Connector,
    payment: &Payment,
    reference: &Reference,
    asked: Requested,
    answer: Result<Observed, CallError>,
) -> Result<Answer, CallError> {
    let refusal = match answer {
        Ok(observed) if has_gone_on(payment, &observed) => return Ok(observed.into()),
        // Kept from an earlier time, perhaps.
        Ok(observed) => declined(asked, &observed),
        Err(CallError::Refused { code, message }) => Some((code, message)),
        Err(error) => return Err(error),
    };
    let now = standing(connector, reference).await?;
    if has_gone_on(payment, &now) {
        return Ok(now.into());
    }
    let Some((code, message)) = refusal.or_else(|| declined(asked, &now)) else {
        return Err(CallError::Unknown("the provider works on it".to_owned()));
    };
    let refusal = Some(CallError::Refused { code: code.clone(), message: message.clone() });
    Ok(Answer { observed: Observed::Refused { asked, code, message }, refusal })
}

/// Why a payment has failed that was to be captured. That it is reserved says more, so it has not gone on: the provider
/// does not capture it.
fn declined(asked: Requested, observed: &Observed) -> Option<(String, String)> {
    match observed {
        Observed::Payment { state: ProviderState::Failed { code, message }, .. } if asked == Requested::Capture => {
            Some((code.clone(), message.clone()))
        }
        _ => None,
    }
}

async fn refund(
    connector: &dyn Connector,
    asked: &Asked<'_>,
    reference: &Reference,
    order: &RefundOrder,
) -> Result<Answer, CallError> {
    if asked.waited > KEYS_KEPT
        && let Some(found) = find_refund(connector, reference, order.refund_id).await?
    {
        return Ok(found.into());
    }
    match connector.refund(reference, order).await {
        Ok(observed) => Ok(observed.into()),
        Err(CallError::Refused { code, message }) => {
            // That there is nothing left to refund may be because this refund was made.
            if let Some(found) = find_refund(connector, reference, order.refund_id).await? {
                return Ok(found.into());
            }
            let status = RefundStatus::Failed;
            let observed = Observed::Refund { refund_id: order.refund_id, provider_id: None, status };
            Ok(Answer { observed, refusal: Some(CallError::Refused { code, message }) })
        }
        Err(error) => Err(error),
    }
}

/// The refund as it is there; `None` when it was not made.
async fn find_refund(
    connector: &dyn Connector,
    reference: &Reference,
    refund_id: RefundId,
) -> Result<Option<Observed>, CallError> {
    match connector.find_refund(reference, refund_id).await {
        Ok(observed) => Ok(Some(observed)),
        Err(CallError::Refused { code, .. }) if code == NOT_FOUND => Ok(None),
        Err(CallError::Refused { code, message }) => Err(not_shown(&code, &message)),
        Err(error) => Err(error),
    }
}

/// Asks how a payment stands that waits at the provider, or those of its refunds that do: a message may have been lost.
pub async fn look(connector: &dyn Connector, payment: &Payment) -> Result<Vec<Observed>, CallError> {
    let reference = reference(payment, created(payment)?);
    match payment.status {
        Status::Processing | Status::RequiresAction | Status::Authorized => {
            Ok(vec![standing(connector, &reference).await?])
        }
        Status::Succeeded => {
            let mut found = Vec::new();
            for refund in payment.refunds.iter().filter(|refund| refund.is_waiting()) {
                found.extend(look_at_refund(connector, &reference, refund).await?);
            }
            Ok(found)
        }
        Status::Created | Status::Failed | Status::Cancelled => Ok(Vec::new()),
    }
}

async fn look_at_refund(
    connector: &dyn Connector,
    reference: &Reference,
    refund: &Refund,
) -> Result<Option<Observed>, CallError> {
    match connector.find_refund(reference, refund.id).await {
        Ok(observed) => Ok(Some(observed)),
        Err(CallError::Refused { code, .. }) if code == NOT_OFFERED => Ok(None),
        Err(CallError::Refused { code, message }) => Err(not_shown(&code, &message)),
        Err(error) => Err(error),
    }
}

/// Whether a payment that was looked at, and stands as before, has waited for too long while its customer is away. Once
/// the provider has refused to cancel it, it is left alone.
pub fn is_to_be_given_up(payment: &Payment, waited: TimeDelta) -> bool {
    let is_away = payment.created.as_ref().is_some_and(|(created, _)| created.off_session);
    let waits = matches!(payment.status, Status::Processing | Status::RequiresAction);
    is_away && waits && !payment.cancel_requested && payment.refusals == 0 && waited > GIVEN_UP_AFTER
}

/// A payment that is to be given up at the provider too, after this was observed of it: one that failed while its
/// customer was away. With the customer there it may still be completed.
pub fn to_abandon(payment: &Payment, observed: &Observed) -> Option<Reference> {
    let (created, _) = payment.created.as_ref()?;
    let Observed::Payment { provider_id, state: ProviderState::Failed { .. } } = observed else { return None };
    let is_open = created.off_session && !provider_id.is_empty();
    is_open.then(|| Reference { provider_id: Some(provider_id.clone()), ..reference(payment, created) })
}
