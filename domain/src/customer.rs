//! Customers: whoever an organization bills. Their money is the account's; their name and e-mail
//! address are personal data and live encrypted in a side table, never here.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::ids::{CustomerId, OrganizationId};
use crate::money::Currency;

/// State of a customer; `None` until it was created.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// What it was created as.
    pub created: Option<Created>,
    /// When.
    pub created_at: Option<Timestamp>,
}

/// What can be asked of a customer.
#[derive(Debug, Clone)]
pub enum CustomerCommand {
    /// Make it. Its account is opened before, so that a customer never lacks one.
    Create(Created),
}

event_enum! {
    /// What can have happened to a customer.
    CustomerEvent in Customer::CATEGORY;
    /// It was made.
    Created(Created) = "created", 1;
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
}

impl Aggregate for Customer {
    const CATEGORY: &'static str = "customer";
    const STATE_VERSION: i16 = 1;
    type Command = CustomerCommand;
    type Event = CustomerEvent;
    type Error = CustomerError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        let CustomerCommand::Create(created) = command;
        match self.created {
            Some(_) => Err(CustomerError::AlreadyExists),
            None => Ok(vec![CustomerEvent::Created(created.clone())]),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        let CustomerEvent::Created(created) = event;
        self.created = Some(created.clone());
        self.created_at = Some(occurred_at);
    }
}
