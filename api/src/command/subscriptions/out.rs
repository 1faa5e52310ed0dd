//! A subscription as it is shown.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::cycle::{Anchoring, Cycle};
use domain::ids::{CustomerId, InvoiceId, PlanId, SubscriptionId};
use domain::plan::PlanVersion;
use domain::subscription::event::EndCause;
use domain::subscription::{Bill, Life, Reason, Status, Subscription};
use serde::Serialize;
use utoipa::ToSchema;

use crate::command::plans::terms::PlanInterval;

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionOut {
    /// Always `subscription`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: SubscriptionId,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// `trialing`, `active`, `past_due`, `paused`, `cancelled` or `expired`.
    #[schema(value_type = String)]
    pub status: Status,
    /// The plan, with the version that it keeps.
    pub plan: SubscribedPlanOut,
    /// Seats.
    pub quantity: String,
    /// The currency of the customer's account.
    pub currency: String,
    /// The customer's time zone when it began.
    pub time_zone: String,
    /// `anniversary`, `calendar`, or the time that periods are counted from.
    pub anchoring: String,
    /// The period that it is in, of a trial the trial; `null` while it is paused or when it has ended.
    pub period: Option<SubscriptionPeriodOut>,
    /// When the trial ends, or ended; `null` without one.
    pub trial_end: Option<DateTime<Utc>>,
    /// Whether it renews by itself.
    pub auto_renew: bool,
    /// Whether it ends with its period, or its trial.
    pub cancel_at_period_end: bool,
    /// A change from the next period on.
    pub pending_change: Option<PendingChangeOut>,
    /// When a pause ends by itself.
    pub resumes_at: Option<DateTime<Utc>>,
    /// Invoices that were not paid in time.
    #[schema(value_type = Vec<String>)]
    pub unpaid_invoices: Vec<InvoiceId>,
    /// When it ends unless they are paid; `null` while no grace is running.
    pub grace_until: Option<DateTime<Utc>>,
    /// When something is due by time next; `null` when nothing is.
    pub next_due_at: Option<DateTime<Utc>>,
    /// The bill that is being made; `null` when all are done.
    pub open_bill: Option<OpenBillOut>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it ended: `requested`, `not_renewed`, `unpaid` or `trial_ended`.
    #[schema(value_type = Option<String>)]
    pub end_cause: Option<EndCause>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

/// The plan of a subscription.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscribedPlanOut {
    /// The plan.
    #[schema(value_type = String)]
    pub id: PlanId,
    /// Its code.
    pub code: String,
    /// The version.
    pub version: u32,
    /// What that is called.
    pub name: String,
    /// How long a period is.
    pub interval: PlanInterval,
}

/// A period of a subscription: from its start up to, and without, its end.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionPeriodOut {
    /// Its first moment.
    pub start: DateTime<Utc>,
    /// The first moment after it.
    pub end: DateTime<Utc>,
}

/// A change that is to come.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingChangeOut {
    /// The plan from then on; `null` when only the quantity changes.
    pub plan: Option<SubscribedPlanOut>,
    /// Seats from then on.
    pub quantity: String,
    /// From this moment on.
    pub effective_at: DateTime<Utc>,
}

/// A bill that is being made: its invoice is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenBillOut {
    /// 1, 2, 3… in this subscription.
    pub number: u32,
    /// `start`, `trial_end`, `renewal`, `change`, `pause`, `resume` or `end`.
    #[schema(value_type = String)]
    pub reason: Reason,
    /// The date of its invoice.
    pub at: DateTime<Utc>,
}

impl SubscriptionOut {
    /// From the domain's subscription; `None` when there is none.
    pub fn new(subscription: &Subscription, position: Option<String>) -> Option<Self> {
        let next_due_at = subscription.next_due_at();
        subscription.life.as_deref().map(|life| Self::of(life, next_due_at, position))
    }

    fn of(life: &Life, next_due_at: Option<DateTime<Utc>>, position: Option<String>) -> Self {
        let (end_cause, ended_at) = life.ended.unzip();
        Self {
            object: "subscription",
            id: life.subscription_id,
            customer_id: life.customer_id,
            status: life.status,
            plan: SubscribedPlanOut::new(&life.plan),
            quantity: life.quantity.to_string(),
            currency: life.currency.to_string(),
            time_zone: life.time_zone.to_string(),
            anchoring: anchoring(life.anchoring),
            period: life.period.map(SubscriptionPeriodOut::from),
            trial_end: life.trial_end,
            auto_renew: life.auto_renew,
            cancel_at_period_end: life.cancel_at_period_end,
            pending_change: life.scheduled.as_ref().map(|scheduled| PendingChangeOut {
                plan: scheduled.plan.as_ref().map(SubscribedPlanOut::new),
                quantity: scheduled.quantity.to_string(),
                effective_at: scheduled.effective_at,
            }),
            resumes_at: life.resumes_at,
            unpaid_invoices: life.unpaid.iter().copied().collect(),
            grace_until: life.grace_until,
            next_due_at,
            open_bill: life.bill.as_ref().map(OpenBillOut::new),
            created_at: life.created_at,
            ended_at,
            end_cause,
            position,
        }
    }
}

impl SubscribedPlanOut {
    fn new(plan: &PlanVersion) -> Self {
        Self {
            id: plan.plan_id,
            code: plan.code.to_string(),
            version: plan.version,
            name: plan.terms.name.clone(),
            interval: PlanInterval::shown(plan.terms.interval),
        }
    }
}

impl OpenBillOut {
    const fn new(bill: &Bill) -> Self {
        Self { number: bill.number, reason: bill.reason, at: bill.at }
    }
}

impl From<Cycle> for SubscriptionPeriodOut {
    fn from(cycle: Cycle) -> Self {
        Self { start: cycle.start, end: cycle.end }
    }
}

fn anchoring(anchoring: Anchoring) -> String {
    match anchoring {
        Anchoring::Calendar => "calendar".to_owned(),
        Anchoring::Anniversary => "anniversary".to_owned(),
        Anchoring::At(at) => at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    }
}
