//! From a provider's message to a payment's command: pure.

use domain::ids::{OrganizationId, PaymentId};
use domain::money::Currency;
use domain::payment::{Action, PaymentCommand};
use domain::webhook::Outcome;

use crate::Message;

/// The payment that a message is about: by the id that it names, else found by the provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addressee {
    /// Whose connector the message came to.
    pub organization_id: OrganizationId,
    /// Which.
    pub payment_id: PaymentId,
    /// The payment's.
    pub currency: Currency,
}

/// What the message asks of this payment; else what became of the message.
pub fn command(message: &Message, payment: &Addressee) -> Result<PaymentCommand, Outcome> {
    let observed = message.observed.clone().ok_or(Outcome::NotOurs)?;
    let is_theirs = message.organization_id.is_some_and(|organization| organization != payment.organization_id);
    let is_other = message.payment_id.is_some_and(|named| named != payment.payment_id);
    if is_theirs || is_other {
        return Err(Outcome::NotOurs);
    }
    if message.currency.is_some_and(|currency| currency != payment.currency) {
        // An amount in another currency means nothing for this payment: a person must look.
        return Err(Outcome::Refused);
    }
    Ok(PaymentCommand { organization_id: payment.organization_id, action: Action::Observe(observed) })
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::payment::{Observed, ProviderState};
    use uuid::Uuid;

    use super::*;

    fn addressee() -> Addressee {
        Addressee {
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            payment_id: PaymentId::new(Uuid::from_u128(2)),
            currency: Currency::USD,
        }
    }

    fn message() -> Message {
        Message {
            provider_event_id: "evt_1".to_owned(),
            provider_type: "payment_intent.processing".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            organization_id: Some(addressee().organization_id),
            payment_id: Some(addressee().payment_id),
            provider_payment_id: Some("pi_1".to_owned()),
            currency: Some(Currency::USD),
            observed: Some(Observed::Payment { provider_id: "pi_1".to_owned(), state: ProviderState::Processing }),
        }
    }

    #[test]
    fn what_is_ours_is_observed() {
        let unnamed = Message { organization_id: None, payment_id: None, currency: None, ..message() };
        for message in [message(), unnamed] {
            let command = command(&message, &addressee()).unwrap();
            assert_eq!(command.organization_id, addressee().organization_id);
            assert!(
                matches!(command.action, Action::Observe(observed) if Some(&observed) == message.observed.as_ref())
            );
        }
    }

    #[test]
    fn what_is_not_is_left() {
        let other_organization = OrganizationId::new(Uuid::from_u128(9));
        let other_payment = PaymentId::new(Uuid::from_u128(9));
        for (message, outcome) in [
            (Message { observed: None, ..message() }, Outcome::NotOurs),
            (Message { organization_id: Some(other_organization), ..message() }, Outcome::NotOurs),
            (Message { payment_id: Some(other_payment), ..message() }, Outcome::NotOurs),
            (Message { currency: Some(Currency::USDC), ..message() }, Outcome::Refused),
        ] {
            assert_eq!(command(&message, &addressee()).unwrap_err(), outcome);
        }
    }
}
