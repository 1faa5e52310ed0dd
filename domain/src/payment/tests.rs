//! Given events, when a command, then events: the rules of a payment by example, by subject, and over any order of what
//! a provider says in [`orders`].

use uuid::Uuid;

use super::*;
use crate::aggregate::EventPayload;
use crate::ids::{ConnectorId, CustomerId, InvoiceId, OrganizationId, PaymentId};
use crate::money::{Currency, MoneyError};
use crate::payout::OpenCause;

mod asking;
mod observing;
mod orders;
mod paying_out;
mod surplus;

const T0: &str = "2026-03-10T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}
fn organization() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(1))
}
fn customer() -> CustomerId {
    CustomerId::new(Uuid::from_u128(2))
}
fn refund_id(n: u128) -> RefundId {
    RefundId::new(Uuid::from_u128(n))
}
fn payout(n: u128) -> PayoutId {
    PayoutId::new(Uuid::from_u128(n))
}
fn eur() -> Currency {
    "EUR".parse().unwrap()
}

/// A payment of 100.
fn create(manual_capture: bool) -> Action {
    Action::Create(Box::new(Create {
        payment_id: PaymentId::new(Uuid::from_u128(3)),
        customer_id: customer(),
        invoice_id: Some(InvoiceId::new(Uuid::from_u128(4))),
        connector_id: ConnectorId::new(Uuid::from_u128(5)),
        method: Some(MethodRef { customer: Some("cus_1".to_owned()), method: "pm_1".to_owned() }),
        amount: amount("100"),
        currency: eur(),
        manual_capture,
        off_session: true,
    }))
}

/// 100 that have come by hand.
fn record() -> Record {
    Record {
        payment_id: PaymentId::new(Uuid::from_u128(3)),
        customer_id: customer(),
        invoice_id: None,
        amount: amount("100"),
        currency: eur(),
        reference: Some("RF18".to_owned()),
        received_at: at("2026-03-09T00:00:00Z"),
    }
}

fn observe(state: ProviderState) -> Action {
    Action::Observe(Observed::Payment { provider_id: "pi_1".to_owned(), state })
}
fn succeeded(text: &str) -> ProviderState {
    ProviderState::Succeeded { amount: amount(text), at: at(T0) }
}
fn failed() -> ProviderState {
    ProviderState::Failed { code: "card_declined".to_owned(), message: "No.".to_owned() }
}
fn capture(text: Option<&str>) -> Action {
    Action::Capture { amount: text.map(amount) }
}
fn refund(n: u128, text: Option<&str>) -> Action {
    Action::Refund {
        refund_id: refund_id(n),
        amount: text.map(amount),
        reason: "a mistake".to_owned(),
        credit_note: None,
    }
}
/// What the provider says of a refund.
fn refunded(n: u128, status: RefundStatus) -> Action {
    Action::Observe(Observed::Refund { refund_id: refund_id(n), provider_id: Some(format!("re_{n}")), status })
}
/// It will not.
fn refused(asked: Requested) -> Action {
    let (code, message) = ("charge_expired_for_capture".to_owned(), "No.".to_owned());
    Action::Observe(Observed::Refused { asked, code, message })
}
fn dispute_opened(name: &str, text: &str) -> Action {
    let (provider_id, reason) = (name.to_owned(), "fraudulent".to_owned());
    Action::Observe(Observed::DisputeOpened { provider_id, amount: amount(text), reason })
}
fn dispute_closed(name: &str, text: &str, won: bool) -> Action {
    Action::Observe(Observed::DisputeClosed { provider_id: name.to_owned(), amount: amount(text), won })
}
fn pay_out(n: u128, refund: Option<u128>, gross: &str) -> Action {
    let subject = refund.map_or(Subject::Payment, |n| Subject::Refund(refund_id(n)));
    pay_out_of(n, subject, gross)
}
fn pay_out_of(n: u128, subject: Subject, gross: &str) -> Action {
    Action::PayOut { payout_id: payout(n), subject, gross: amount(gross), fee: amount("1.75"), currency: eur() }
}

/// A payment that takes its commands one after another.
#[derive(Clone)]
struct Given {
    payment: Payment,
    log: Vec<PaymentEvent>,
}

impl Given {
    fn nothing() -> Self {
        Self { payment: Payment::default(), log: Vec::new() }
    }

    fn after(actions: &[Action]) -> Self {
        let mut given = Self::nothing();
        for action in actions {
            given.when(action.clone()).unwrap();
        }
        given
    }

    fn in_status(status: Status) -> Self {
        let state = match status {
            Status::Created => return Self::after(&[create(true)]),
            Status::Processing => ProviderState::Processing,
            Status::RequiresAction => ProviderState::ActionRequired { url: Some("https://psp/3ds".to_owned()) },
            Status::Authorized => ProviderState::Authorized,
            Status::Succeeded => succeeded("100"),
            Status::Failed => failed(),
            Status::Cancelled => ProviderState::Cancelled,
        };
        let given = Self::after(&[create(true), observe(state)]);
        assert_eq!(given.payment.status, status);
        given
    }

    fn succeeded() -> Self {
        Self::in_status(Status::Succeeded)
    }

    fn when(&mut self, action: Action) -> Result<Vec<PaymentEvent>, PaymentError> {
        let command = PaymentCommand { organization_id: organization(), action };
        let events = self.payment.handle_command(&command, at(T0))?;
        for event in &events {
            self.payment.apply_event(event, at(T0));
            assert_eq!(*event.after(), self.payment.standing(), "{}", event.event_type());
            assert_eq!(event.customer_id(), customer());
            let stored = PaymentEvent::decode(event.event_type(), event.schema(), &event.encode());
            assert_eq!(stored.as_ref(), Ok(event), "as it is stored");
            self.log.push(event.clone());
        }
        // The state is a function of the events.
        let mut replayed = Payment::default();
        for event in &self.log {
            replayed.apply_event(event, at(T0));
        }
        assert_eq!(replayed, self.payment);
        let payment = &self.payment;
        assert!(payment.refunded() <= payment.captured, "never more than was captured");
        Ok(events)
    }

    /// What becomes of a command, in words: the events' types, `!` when the status forbids it.
    fn outcome(&mut self, action: Action) -> String {
        match self.when(action) {
            Ok(events) => events.iter().map(PaymentEvent::event_type).collect::<Vec<_>>().join("+"),
            Err(PaymentError::WrongStatus(status)) => {
                assert_eq!(status, self.payment.status);
                "!".to_owned()
            }
            Err(error) => error.to_string(),
        }
    }
}
