//! What can have happened to a subscription. Each event says how the subscription stands after it, and, where money
//! or allowances follow from it, the bill: everything the account and the invoice are then asked for.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::cycle::{Anchoring, Cycle};
use crate::ids::{CustomerId, InvoiceId, OrganizationId, SubscriptionId};
use crate::invoice::LineItem;
use crate::meter::MeterCode;
use crate::money::{Amount, Currency, Quantity};
use crate::plan::{LateUsage, PlanVersion};
use crate::price::{Beyond, PriceRef, Pricing};
use crate::subscription::{Status, Subscription};

event_enum! {
    /// An event of a subscription.
    SubscriptionEvent in Subscription::CATEGORY;
    /// It began, with a trial or at once.
    Created(Box<Created>) = "created", 1;
    /// Its trial is over, or it was ended early: it is paid for from now on.
    Activated(Changed) = "activated", 1;
    /// A period is over, and the next one has begun.
    Renewed(Changed) = "renewed", 1;
    /// It is on another plan, or has another quantity, at once.
    PlanChanged(Box<PlanChanged>) = "plan_changed", 1;
    /// It will be on another plan, or have another quantity, from the next period on.
    ChangeScheduled(Box<ChangeScheduled>) = "change_scheduled", 1;
    /// It will not.
    ChangeDropped(Changed) = "change_dropped", 1;
    /// It gives nothing and costs nothing until it is resumed.
    Paused(Paused) = "paused", 1;
    /// It goes on.
    Resumed(Changed) = "resumed", 1;
    /// It will end with its period.
    CancelScheduled(Changed) = "cancel_scheduled", 1;
    /// It will not.
    CancelDropped(Changed) = "cancel_dropped", 1;
    /// Whether it renews by itself was set.
    AutoRenewSet(AutoRenewSet) = "auto_renew_set", 1;
    /// Its trial or its period ends soon.
    Reminded(Reminded) = "reminded", 1;
    /// An invoice of it was not paid in time.
    PastDue(PastDue) = "past_due", 1;
    /// What it owed was paid.
    Recovered(PastDue) = "recovered", 1;
    /// It was ended by somebody, or because it was not paid for.
    Cancelled(Ended) = "cancelled", 1;
    /// It ended with its period or its grace.
    Expired(Ended) = "expired", 1;
    /// Everything that its open bill asked for is done.
    BillClosed(BillClosed) = "bill_closed", 1;
    /// An invoice of it that was not past due needs no payment any more, or was taken back after it was paid.
    InvoiceSettled(InvoiceSettled) = "invoice_settled", 1;
    /// On meters of its plan there is somebody else's quota: it has no say there in this period.
    LeftAlone(LeftAlone) = "left_alone", 1;
}

impl EventPayload for SubscriptionEvent {
    payload_methods!();
}

/// How a subscription stands after an event: what its read model shows, and when it has to be looked at again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct After {
    /// Its status.
    pub status: Status,
    /// The period that it is in; of a trial the trial. `None` while it is paused or when it has ended.
    pub period: Option<Cycle>,
    /// Seats.
    pub quantity: Quantity,
    /// Whether it renews by itself.
    pub auto_renew: bool,
    /// Whether it ends with its period.
    pub cancel_at_period_end: bool,
    /// When something is due by time next; `None` when nothing is.
    pub next_due_at: Option<Timestamp>,
    /// The number of the bill that is open: nothing more falls due before it is closed.
    pub open_bill: Option<u32>,
}

/// What follows from an event: asked of the account, then of an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// 1, 2, 3… in this subscription.
    pub number: u32,
    /// Why.
    pub reason: Reason,
    /// When it was due: the invoice's date. Days after downtime it lies in the past.
    pub at: Timestamp,
    /// Whether the usage so far is closed and billed.
    pub close_usage: bool,
    /// The period that was closed with it, if one was.
    pub closed: Option<Cycle>,
    /// Fees, prorations: what the subscription itself knows. Usage is added by the account, corrections and minimum
    /// commitments by [`crate::billing`].
    pub lines: Vec<LineItem>,
    /// What the account is to have from now on; `None` when it stays as it is.
    pub turn: Option<TurnTo>,
    /// Minimum commitments of usage prices of the closed period, in this period's share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minimums: Vec<Minimum>,
    /// What was billed of minimums of periods that were closed before: usage of them that comes late is a part of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacked: Vec<Lacked>,
    /// Days after its date at which the invoice is due.
    pub due_days: u32,
    /// After how many days each a failed payment is tried again.
    pub retry_days: Vec<u32>,
    /// What becomes of late usage.
    #[serde(default)]
    pub late_usage: LateUsage,
}

/// What a usage price costs at least.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Minimum {
    /// The price.
    pub price: PriceRef,
    /// Its meter.
    pub meter: MeterCode,
    /// Its name on invoices.
    pub name: String,
    /// Its tax category.
    pub tax_category: crate::tax::TaxCategory,
    /// At least so much for the closed period, exact and then rounded.
    pub amount: Amount,
}

/// What the usage of a closed period lacked to a minimum, and was billed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lacked {
    /// The price with the minimum.
    pub price: PriceRef,
    /// The period.
    pub period: Cycle,
    /// How much, without what was given back of it.
    pub amount: Amount,
}

/// Why there is a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The subscription began.
    Start,
    /// Its trial is over.
    TrialEnd,
    /// A period is over.
    Renewal,
    /// Plan or quantity have changed at once.
    Change,
    /// It was paused.
    Pause,
    /// It was resumed.
    Resume,
    /// It has ended.
    End,
}

/// What an account is to have of a subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnTo {
    /// The period from now on; `None` when the subscription gives nothing any more.
    pub cycle: Option<Cycle>,
    /// Whether usage within the period so far still counts: a change within a period.
    pub carry: bool,
    /// All of its allowances.
    pub allowances: Vec<AllowanceTerms>,
}

/// What a subscription allows of a meter, and what is beyond it costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AllowanceTerms {
    /// The meter.
    pub meter: MeterCode,
    /// The price; `None` for a metered feature without one, which blocks beyond its limit.
    pub price: Option<PriceRef>,
    /// What it costs, with what is included.
    pub pricing: Pricing,
    /// What happens beyond what is included.
    pub beyond: Beyond,
}

/// Payload of `subscription.created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub subscription_id: SubscriptionId,
    /// Who bills.
    pub organization_id: OrganizationId,
    /// Who is billed.
    pub customer_id: CustomerId,
    /// The account's currency.
    pub currency: Currency,
    /// The plan, whole: what is published later changes nothing here.
    pub plan: PlanVersion,
    /// The customer's time zone.
    pub time_zone: Tz,
    /// Where periods begin.
    pub anchoring: Anchoring,
    /// When the trial ends; `None` without one.
    pub trial_end: Option<Timestamp>,
    /// After it.
    pub after: After,
    /// What follows.
    pub bill: Option<Bill>,
}

/// Payload of events that say no more than how things stand and what follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// Whose.
    pub customer_id: CustomerId,
    /// When it was due, or asked for.
    pub at: Timestamp,
    /// The plan from now on, when a change that was scheduled has taken effect with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<PlanVersion>>,
    /// After it.
    pub after: After,
    /// What follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
}

/// Payload of `subscription.plan_changed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanChanged {
    /// Whose.
    pub customer_id: CustomerId,
    /// When.
    pub at: Timestamp,
    /// The plan from now on.
    pub plan: PlanVersion,
    /// Whether this period's fees are the new ones from now on; else they are from the next period on.
    #[serde(default)]
    pub prorated: bool,
    /// After it.
    pub after: After,
    /// What follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
}

/// Payload of `subscription.change_scheduled`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeScheduled {
    /// Whose.
    pub customer_id: CustomerId,
    /// From this moment on.
    pub effective_at: Timestamp,
    /// The plan from then on; `None` when only the quantity changes.
    pub plan: Option<PlanVersion>,
    /// Seats from then on.
    pub quantity: Quantity,
    /// After it.
    pub after: After,
}

/// Payload of `subscription.paused`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paused {
    /// Whose.
    pub customer_id: CustomerId,
    /// When.
    pub at: Timestamp,
    /// When it goes on by itself; `None` when somebody has to say so.
    pub resumes_at: Option<Timestamp>,
    /// After it.
    pub after: After,
    /// What follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
}

/// Payload of `subscription.auto_renew_set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutoRenewSet {
    /// Whose.
    pub customer_id: CustomerId,
    /// Whether.
    pub auto_renew: bool,
    /// After it.
    pub after: After,
}

/// Payload of `subscription.reminded`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reminded {
    /// Whose.
    pub customer_id: CustomerId,
    /// Of what.
    pub of: Reminder,
    /// When that is.
    pub ends_at: Timestamp,
    /// When the reminder was due.
    pub at: Timestamp,
    /// After it.
    pub after: After,
}

/// What a customer is reminded of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reminder {
    /// A trial ends.
    TrialEnd,
    /// A period ends and the subscription renews.
    Renewal,
    /// A period ends and the subscription with it.
    End,
}

/// Payload of `subscription.past_due` and `subscription.recovered`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastDue {
    /// Whose.
    pub customer_id: CustomerId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// When.
    pub at: Timestamp,
    /// Until when it goes on although it is not paid for; `None` for `recovered`.
    pub grace_until: Option<Timestamp>,
    /// Of `recovered`: whether the invoice was taken back or given up, rather than paid.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub is_lost: bool,
    /// After it.
    pub after: After,
}

/// Payload of `subscription.cancelled` and `subscription.expired`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Whose.
    pub customer_id: CustomerId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: EndCause,
    /// After it.
    pub after: After,
    /// What follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
}

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// Somebody asked for it, at once or for the period's end.
    Requested,
    /// It did not renew by itself.
    NotRenewed,
    /// It was not paid for within its grace.
    Unpaid,
    /// Its trial ended, and it was not to go on.
    TrialEnded,
}

/// Payload of `subscription.bill_closed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BillClosed {
    /// Whose.
    pub customer_id: CustomerId,
    /// The bill.
    pub number: u32,
    /// The invoice that it came to; `None` when there was nothing to pay.
    pub invoice_id: Option<InvoiceId>,
    /// What has been billed of minimums of the last periods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacked: Vec<Lacked>,
    /// After it.
    pub after: After,
}

/// Payload of `subscription.invoice_settled`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InvoiceSettled {
    /// Whose.
    pub customer_id: CustomerId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Whether it was taken back or given up, rather than paid.
    pub is_lost: bool,
    /// Of one that was paid before it was taken back: the bill that it came of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// When.
    pub at: Timestamp,
    /// After it.
    pub after: After,
}

/// Payload of `subscription.left_alone`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// Whose.
    pub customer_id: CustomerId,
    /// The bill with which the period began.
    pub number: u32,
    /// These meters.
    pub meters: Vec<MeterCode>,
    /// After it.
    pub after: After,
}
