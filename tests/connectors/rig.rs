//! What a case stands on: a connector, and the provider behind it.

use domain::connector::ConnectorKind;
use domain::ids::{OrganizationId, PaymentId, RefundId};
use domain::money::{Amount, Currency};
use domain::payment::{MethodRef, Observed, ProviderState};
use payments::{Connector, CreatePayment, Hosts, Reference, RefundOrder, Secrets};
use uuid::Uuid;

use crate::demo::Demo;

/// A connector, and the provider behind it if there is one.
pub struct Rig {
    pub connector: Box<dyn Connector>,
    demo: Option<Demo>,
    organization_id: OrganizationId,
}

/// Stripe, with a server of its own.
pub async fn stripe() -> Rig {
    let demo = Demo::start().await;
    let connector = demo.connector(&demo.secrets());
    Rig { connector, demo: Some(demo), organization_id: OrganizationId::new(Uuid::now_v7()) }
}

/// Money by hand, with nobody behind it.
pub async fn manual() -> Rig {
    let connector = payments::connector(ConnectorKind::Manual, None, Hosts::Public, &Secrets::default()).unwrap();
    Rig { connector, demo: None, organization_id: OrganizationId::new(Uuid::now_v7()) }
}

pub fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

pub fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

impl Rig {
    /// Whether there is one behind it.
    pub fn has_provider(&self) -> bool {
        self.demo.is_some()
    }

    /// The provider's server.
    pub fn demo(&self) -> &Demo {
        self.demo.as_ref().expect("a case for connectors with a provider")
    }

    /// A payment of 10.50 dollars with this method, while the customer is away.
    pub fn order(&self, method: &str) -> CreatePayment {
        CreatePayment {
            organization_id: self.organization_id,
            payment_id: PaymentId::new(Uuid::now_v7()),
            amount: amount("10.50"),
            currency: Currency::USD,
            method: Some(MethodRef { customer: None, method: method.to_owned() }),
            manual_capture: false,
            off_session: true,
            description: Some("Invoice INV-1".to_owned()),
        }
    }

    /// A payment that was ordered, of which only our id is known.
    pub fn unknown(&self, order: &CreatePayment) -> Reference {
        let CreatePayment { organization_id, payment_id, currency, .. } = *order;
        Reference { payment_id, organization_id, provider_id: None, currency, refusals: 0 }
    }

    /// The same, after the provider has spoken of it.
    pub fn known(&self, order: &CreatePayment, observed: &Observed) -> Reference {
        Reference { provider_id: Some(provider_id(observed).to_owned()), ..self.unknown(order) }
    }

    /// A payment of 10.50 dollars that has come. By hand it was recorded.
    pub async fn paid(&self, method: &str) -> Reference {
        let order = self.order(method);
        if self.demo.is_none() {
            return self.unknown(&order);
        }
        let observed = self.connector.create(&order).await.unwrap();
        assert_eq!(succeeded(&observed), amount("10.50"));
        self.known(&order, &observed)
    }

    /// A payment of 10.50 dollars that is reserved.
    pub async fn reserved(&self) -> Reference {
        let order = CreatePayment { manual_capture: true, ..self.order("pm_card_visa") };
        let observed = self.connector.create(&order).await.unwrap();
        assert_eq!(state(&observed), &ProviderState::Authorized);
        self.known(&order, &observed)
    }
}

/// A refund of so much.
pub fn refund(of: &str) -> RefundOrder {
    let refund_id = RefundId::new(Uuid::now_v7());
    RefundOrder { refund_id, amount: amount(of), reason: "too much".to_owned() }
}

/// What is said of a payment.
pub fn state(observed: &Observed) -> &ProviderState {
    match observed {
        Observed::Payment { state, .. } => state,
        other => panic!("{other:?} is of no payment"),
    }
}

/// The provider's id for it.
pub fn provider_id(observed: &Observed) -> &str {
    match observed {
        Observed::Payment { provider_id, .. } => provider_id,
        other => panic!("{other:?} is of no payment"),
    }
}

/// How much has come.
pub fn succeeded(observed: &Observed) -> Amount {
    match state(observed) {
        ProviderState::Succeeded { amount, .. } => *amount,
        other => panic!("{other:?} has not succeeded"),
    }
}
