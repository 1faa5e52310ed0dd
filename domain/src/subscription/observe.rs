//! What an event of a subscription says, whichever it is.

use crate::ids::CustomerId;
use crate::plan::PlanVersion;
use crate::subscription::event::{After, Bill, SubscriptionEvent};

impl SubscriptionEvent {
    /// How the subscription stands after it.
    pub fn after(&self) -> &After {
        match self {
            Self::Created(e) => &e.after,
            Self::Activated(e)
            | Self::Renewed(e)
            | Self::ChangeDropped(e)
            | Self::Resumed(e)
            | Self::CancelScheduled(e)
            | Self::CancelDropped(e) => &e.after,
            Self::PlanChanged(e) => &e.after,
            Self::ChangeScheduled(e) => &e.after,
            Self::Paused(e) => &e.after,
            Self::AutoRenewSet(e) => &e.after,
            Self::Reminded(e) => &e.after,
            Self::PastDue(e) | Self::Recovered(e) => &e.after,
            Self::Cancelled(e) | Self::Expired(e) => &e.after,
            Self::BillClosed(e) => &e.after,
            Self::InvoiceSettled(e) => &e.after,
            Self::LeftAlone(e) => &e.after,
        }
    }

    pub(super) fn after_mut(&mut self) -> &mut After {
        match self {
            Self::Created(e) => &mut e.after,
            Self::Activated(e)
            | Self::Renewed(e)
            | Self::ChangeDropped(e)
            | Self::Resumed(e)
            | Self::CancelScheduled(e)
            | Self::CancelDropped(e) => &mut e.after,
            Self::PlanChanged(e) => &mut e.after,
            Self::ChangeScheduled(e) => &mut e.after,
            Self::Paused(e) => &mut e.after,
            Self::AutoRenewSet(e) => &mut e.after,
            Self::Reminded(e) => &mut e.after,
            Self::PastDue(e) | Self::Recovered(e) => &mut e.after,
            Self::Cancelled(e) | Self::Expired(e) => &mut e.after,
            Self::BillClosed(e) => &mut e.after,
            Self::InvoiceSettled(e) => &mut e.after,
            Self::LeftAlone(e) => &mut e.after,
        }
    }

    /// The bill that it brings.
    pub fn bill(&self) -> Option<&Bill> {
        match self {
            Self::Created(e) => e.bill.as_ref(),
            Self::Activated(e)
            | Self::Renewed(e)
            | Self::ChangeDropped(e)
            | Self::Resumed(e)
            | Self::CancelScheduled(e)
            | Self::CancelDropped(e) => e.bill.as_ref(),
            Self::PlanChanged(e) => e.bill.as_ref(),
            Self::Paused(e) => e.bill.as_ref(),
            Self::Cancelled(e) | Self::Expired(e) => e.bill.as_ref(),
            Self::ChangeScheduled(_)
            | Self::AutoRenewSet(_)
            | Self::Reminded(_)
            | Self::PastDue(_)
            | Self::Recovered(_)
            | Self::BillClosed(_)
            | Self::InvoiceSettled(_)
            | Self::LeftAlone(_) => None,
        }
    }

    /// The plan from now on, of an event with which one begins.
    pub fn plan(&self) -> Option<&PlanVersion> {
        match self {
            Self::Created(e) => Some(&e.plan),
            Self::PlanChanged(e) => Some(&e.plan),
            Self::Activated(e) | Self::Renewed(e) | Self::Resumed(e) => e.plan.as_deref(),
            _ => None,
        }
    }

    /// The customer.
    pub fn customer_id(&self) -> CustomerId {
        match self {
            Self::Created(e) => e.customer_id,
            Self::Activated(e)
            | Self::Renewed(e)
            | Self::ChangeDropped(e)
            | Self::Resumed(e)
            | Self::CancelScheduled(e)
            | Self::CancelDropped(e) => e.customer_id,
            Self::PlanChanged(e) => e.customer_id,
            Self::ChangeScheduled(e) => e.customer_id,
            Self::Paused(e) => e.customer_id,
            Self::AutoRenewSet(e) => e.customer_id,
            Self::Reminded(e) => e.customer_id,
            Self::PastDue(e) | Self::Recovered(e) => e.customer_id,
            Self::Cancelled(e) | Self::Expired(e) => e.customer_id,
            Self::BillClosed(e) => e.customer_id,
            Self::InvoiceSettled(e) => e.customer_id,
            Self::LeftAlone(e) => e.customer_id,
        }
    }
}
