//! Subscriptions: a customer, a plan, and what is due when. Time is an input: [`Action::Advance`] makes happen what is
//! due, one thing at a time, each with the moment at which it was due.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::cycle::{Anchoring, Calendar, Cycle};
use crate::ids::{CustomerId, InvoiceId, OrganizationId, SubscriptionId};
use crate::meter::MeterCode;
use crate::money::{Currency, Quantity};
use crate::plan::PlanVersion;

pub mod command;
mod decision;
mod due;
pub mod event;
mod fold;
mod observe;
mod proration;
#[cfg(test)]
mod tests;

pub use command::{Action, Create, MinimumBilled, SubscriptionCommand, When};
pub use decision::{ANCHOR_YEARS_MAX, FEES_MAX, QUANTITY_MAX, SubscriptionError, TRIAL_DAYS_MAX};
pub use event::{After, AllowanceTerms, Bill, EndCause, Lacked, Minimum, Reason, SubscriptionEvent, TurnTo};

/// Where a subscription is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is free at first.
    Trialing,
    /// It is paid for.
    #[default]
    Active,
    /// It was not paid in time, and goes on for its grace.
    PastDue,
    /// It gives nothing and costs nothing.
    Paused,
    /// It was ended.
    Cancelled,
    /// It ended by itself.
    Expired,
}

impl Status {
    /// Whether it is over for good.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Cancelled | Self::Expired)
    }
}

/// State of a subscription.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// How it stands; `None` until it was created. In a box: it is large.
    pub life: Option<Box<Life>>,
}

/// How a subscription stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// Its id.
    pub subscription_id: SubscriptionId,
    /// Who bills.
    pub organization_id: OrganizationId,
    /// Who is billed.
    pub customer_id: CustomerId,
    /// The account's currency.
    pub currency: Currency,
    /// The customer's time zone when it began.
    pub time_zone: Tz,
    /// Where periods begin.
    pub anchoring: Anchoring,
    /// When it began.
    pub created_at: Timestamp,
    /// The plan.
    pub plan: PlanVersion,
    /// Since when that plan's prices for usage count in this period.
    pub plan_since: Timestamp,
    /// Seats.
    pub quantity: Quantity,
    /// Its status.
    pub status: Status,
    /// What gives it its periods. Of a trial what would give them had it begun without one.
    pub calendar: Calendar,
    /// The period that it is in; of a trial the trial. `None` while it is paused or when it has ended.
    pub period: Option<Cycle>,
    /// When the trial ends, or ended; `None` without one.
    pub trial_end: Option<Timestamp>,
    /// What this period's fees are of; `None` when it has none: in a trial, while it is paused, when it has ended.
    pub fees: Option<FeeBasis>,
    /// Whether it renews by itself.
    pub auto_renew: bool,
    /// Whether it ends with its period.
    pub cancel_at_period_end: bool,
    /// A change from the next period on.
    pub scheduled: Option<Scheduled>,
    /// When a pause ends by itself.
    pub resumes_at: Option<Timestamp>,
    /// Invoices that were not paid in time.
    pub unpaid: BTreeSet<InvoiceId>,
    /// Invoices of its bills that are not paid, be they due or not, or were taken back, in the order of the bills.
    pub billed: Vec<Billed>,
    /// The bill with which its last period began.
    pub period_bill: u32,
    /// What was billed of minimums of the last periods.
    pub lacked: Vec<Lacked>,
    /// Meters of its plan that somebody else's quota is on.
    pub left_alone: BTreeSet<MeterCode>,
    /// When it ends unless they are paid; `None` while nothing is running.
    pub grace_until: Option<Timestamp>,
    /// The end of the period or the trial that the customer was reminded of last.
    pub reminded_of: Option<Timestamp>,
    /// How many bills there were.
    pub bills: u32,
    /// The bill that is open, whole.
    pub bill: Option<Bill>,
    /// Why and when it ended.
    pub ended: Option<(EndCause, Timestamp)>,
}

/// An invoice of a bill that is not paid, or was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billed {
    /// The bill.
    pub number: u32,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Whether it will not be: it was taken back or given up.
    pub is_lost: bool,
}

/// What the fees of a period are of. A change at once that is not prorated leaves them as they were until the next
/// period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeeBasis {
    /// This plan's.
    pub plan: PlanVersion,
    /// For so many seats.
    pub quantity: Quantity,
    /// From this moment on, to the period's end.
    pub since: Timestamp,
}

/// A change that is to come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scheduled {
    /// The plan from then on; `None` when only the quantity changes.
    pub plan: Option<PlanVersion>,
    /// Seats from then on.
    pub quantity: Quantity,
    /// From this moment on.
    pub effective_at: Timestamp,
}

impl Subscription {
    /// Its plan.
    pub fn plan(&self) -> Option<&PlanVersion> {
        self.life.as_ref().map(|life| &life.plan)
    }

    /// The bill that is open: nothing more falls due before it is closed.
    pub fn open_bill(&self) -> Option<&Bill> {
        self.life.as_ref().and_then(|life| life.bill.as_ref())
    }

    /// Invoices of its bills that are still to be paid, the oldest first.
    pub fn unpaid_invoices(&self) -> Vec<InvoiceId> {
        let billed = self.life.iter().flat_map(|life| &life.billed);
        billed.filter(|billed| !billed.is_lost).map(|billed| billed.invoice_id).collect()
    }

    /// When something is due by time next, whether a bill is open or not; `None` when nothing is, or when it has ended.
    pub fn next_due_at(&self) -> Option<Timestamp> {
        self.life.as_ref().and_then(|life| life.due()).map(|due| due.at)
    }

    /// The bill to come: what the end of this period, of the trial or of the pause will bring if nothing changes before
    /// it, without usage. `None` when time alone brings none. Asked with a bill open it is the one after that.
    pub fn upcoming_bill(&self) -> Result<Option<Bill>, SubscriptionError> {
        let Some((life, due)) = self.life.as_ref().and_then(|life| Some((life, life.turning_point()?))) else {
            return Ok(None);
        };
        decision::happen(life, due).map(|event| event.bill().cloned())
    }
}

impl Aggregate for Subscription {
    const CATEGORY: &'static str = "subscription";
    const STATE_VERSION: i16 = 1;
    type Command = SubscriptionCommand;
    type Event = SubscriptionEvent;
    type Error = SubscriptionError;

    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        let event = decision::decide(self, command, now)?;
        Ok(event.map(|event| self.completed(event, now)).into_iter().collect())
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        if let SubscriptionEvent::Created(created) = event {
            self.life = Some(Box::new(fold::begun(created, occurred_at)));
        } else if let Some(life) = &mut self.life {
            life.apply(event);
        }
    }
}

impl Subscription {
    /// Writes into an event what follows from it: when something is due after it, and which bill is open.
    fn completed(&self, mut event: SubscriptionEvent, now: Timestamp) -> SubscriptionEvent {
        let mut next = self.clone();
        next.apply_event(&event, now);
        let after = event.after_mut();
        after.next_due_at = next.next_due_at();
        after.open_bill = next.open_bill().map(|bill| bill.number);
        event
    }
}
