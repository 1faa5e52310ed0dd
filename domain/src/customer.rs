//! Customers: whoever an organization bills. Their money is the account's; their name and e-mail
//! address are personal data and live encrypted in a side table, never here.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::ids::{ConnectorId, CustomerId, OrganizationId, TestClockId};
use crate::invoice::Collection;
use crate::money::Currency;
use crate::payment::MethodRef;
use crate::tax::TaxProfile;

/// State of a customer; `None` until it was created.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// What it was created as.
    pub created: Option<Created>,
    /// When.
    pub created_at: Option<Timestamp>,
    /// How it is billed.
    pub billing: Billing,
}

/// What can be asked of a customer.
#[derive(Debug, Clone)]
pub enum CustomerCommand {
    /// Make it. Its account is opened before, so that a customer never lacks one.
    Create(Created),
    /// Say how it is billed.
    SetBilling {
        /// Who asks: another organization's customer does not exist for it.
        organization_id: OrganizationId,
        /// All of it.
        billing: Box<Billing>,
    },
}

event_enum! {
    /// What can have happened to a customer.
    CustomerEvent in Customer::CATEGORY;
    /// It was made.
    Created(Created) = "created", 1;
    /// How it is billed was set.
    BillingSet(Box<BillingSet>) = "billing_set", 1;
}

/// Payload of `customer.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub customer_id: CustomerId,
    /// Who bills it.
    pub organization_id: OrganizationId,
    /// The organization's own name for it. Not unique; must not be personal data.
    pub external_id: Option<String>,
    /// The currency of its account.
    pub currency: Currency,
    /// The test clock whose time it lives in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_clock_id: Option<TestClockId>,
}

/// How a customer is billed. No personal data: its name and address are in the vault.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Billing {
    /// How it is taxed.
    #[serde(default)]
    pub tax: TaxProfile,
    /// Its wall clock: periods and dates are by it. `UTC` when nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Tz>,
    /// The language of its invoices.
    #[serde(default)]
    pub language: Language,
    /// How its invoices are paid.
    #[serde(default)]
    pub collection: Collection,
    /// What is charged, of automatic collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<PaymentMethod>,
}

/// The language of invoices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese.
    Zh,
}

/// A customer's payment method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethod {
    /// Who charges it.
    pub connector_id: ConnectorId,
    /// As the provider calls it.
    #[serde(flatten)]
    pub method: MethodRef,
}

/// Payload of `customer.billing_set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BillingSet {
    /// Whose.
    pub customer_id: CustomerId,
    /// All of it.
    pub billing: Billing,
}

impl EventPayload for CustomerEvent {
    payload_methods!();
}

/// Why a customer's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomerError {
    /// It was made before.
    #[error("the customer exists already")]
    AlreadyExists,
    /// There is none, or it is another organization's.
    #[error("there is no such customer")]
    NotFound,
}

impl Aggregate for Customer {
    const CATEGORY: &'static str = "customer";
    const STATE_VERSION: i16 = 2;
    type Command = CustomerCommand;
    type Event = CustomerEvent;
    type Error = CustomerError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        match (command, &self.created) {
            (CustomerCommand::Create(_), Some(_)) => Err(CustomerError::AlreadyExists),
            (CustomerCommand::Create(created), None) => Ok(vec![CustomerEvent::Created(created.clone())]),
            (CustomerCommand::SetBilling { organization_id, billing }, Some(created))
                if created.organization_id == *organization_id =>
            {
                if self.billing == **billing {
                    return Ok(Vec::new());
                }
                let set = BillingSet { customer_id: created.customer_id, billing: (**billing).clone() };
                Ok(vec![CustomerEvent::BillingSet(Box::new(set))])
            }
            (CustomerCommand::SetBilling { .. }, _) => Err(CustomerError::NotFound),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            CustomerEvent::Created(created) => {
                self.created = Some(created.clone());
                self.created_at = Some(occurred_at);
            }
            CustomerEvent::BillingSet(set) => self.billing = set.billing.clone(),
        }
    }
}
