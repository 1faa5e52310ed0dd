//! The rules of a subscription: what is allowed, and what follows. By subject in the files below.

use crate::Timestamp;
use crate::ids::OrganizationId;
use crate::meter::MeterCode;
use crate::money::{Currency, MoneyError, Quantity};
use crate::plan::PlanVersion;
use crate::subscription::command::{Action, SubscriptionCommand};
use crate::subscription::event::{After, Changed, SubscriptionEvent};
use crate::subscription::proration::Fees;
use crate::subscription::{Life, Status, Subscription};

mod advance;
mod begin;
mod bill;
mod change;
mod dunning;
mod end;
mod pause;

pub(super) use advance::happen;

/// The most seats.
pub const QUANTITY_MAX: u32 = 1_000_000;
/// The most that the fees and minimums of a plan come to for all seats in a period: with those of the plan before, with
/// usage and with taxes that is an invoice which can be kept.
pub const FEES_MAX: i64 = 1_000_000_000_000;
/// The longest trial.
pub const TRIAL_DAYS_MAX: u32 = 730;
/// How far from the beginning an anchor of its own may lie, either way.
pub const ANCHOR_YEARS_MAX: u32 = 10;

/// Why a subscription's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// There is none, or it is another organization's.
    #[error("there is no such subscription")]
    NotFound,
    /// It was made before.
    #[error("the subscription exists already")]
    AlreadyExists,
    /// Its last bill is not done.
    #[error("the subscription has a bill that is not done: try again in a moment")]
    BillOpen,
    /// Something was due before, and did not happen yet.
    #[error("something was due at {0} and happens first: try again in a moment")]
    DueFirst(Timestamp),
    /// It is over.
    #[error("the subscription has ended")]
    Ended,
    /// A trial is not paid for, so there is nothing to pause.
    #[error("the subscription is in its trial")]
    Trialing,
    /// It has none, or it is over.
    #[error("the subscription is not in a trial")]
    NotTrialing,
    /// It goes on as it is.
    #[error("the subscription is not paused")]
    NotPaused,
    /// It has no period.
    #[error("the subscription is paused")]
    Paused,
    /// There is nothing to drop.
    #[error("nothing of this kind is scheduled")]
    NothingScheduled,
    /// A pause that is over before it begins.
    #[error("resumes_at lies in the past")]
    ResumesInThePast,
    /// The plan cannot be had in the account's currency.
    #[error("price {price} of the plan is not in {currency}")]
    CurrencyMissing {
        /// This price.
        price: MeterCode,
        /// The account's.
        currency: Currency,
    },
    /// None, too many, or a part of one.
    #[error("a quantity is a whole number from 1 to {QUANTITY_MAX}")]
    QuantityOutOfRange,
    /// Longer than anybody means.
    #[error("a trial has at most {TRIAL_DAYS_MAX} days")]
    TrialTooLong,
    /// Further off than anybody means.
    #[error("an anchor lies at most {ANCHOR_YEARS_MAX} years from now")]
    AnchorOutOfRange,
    /// An amount cannot be kept.
    #[error("the amount of price {price} {reason}")]
    AmountOutOfRange {
        /// Of this price.
        price: MeterCode,
        /// What is wrong.
        reason: MoneyError,
    },
}

/// What follows from a command: at most one event.
type Decided = Result<Option<SubscriptionEvent>, SubscriptionError>;

pub(super) fn decide(subscription: &Subscription, command: &SubscriptionCommand, now: Timestamp) -> Decided {
    let life = match (&command.action, &subscription.life) {
        (Action::Create(create), None) => return begin::create(command.organization_id, create, now).map(Some),
        (Action::Create(_), Some(_)) => return Err(SubscriptionError::AlreadyExists),
        (_, life) => life.as_deref().filter(|life| life.is_of(command.organization_id)),
    };
    let life = life.ok_or(SubscriptionError::NotFound)?;
    match &command.action {
        Action::Create(_) => Err(SubscriptionError::AlreadyExists),
        Action::Advance => advance::advance(life, now),
        Action::Change { plan, quantity, when, prorate } => {
            change::change(life, plan.as_deref(), *quantity, *when, *prorate, now)
        }
        Action::DropChange => change::drop_change(life, now),
        Action::Cancel { when, prorate } => end::cancel(life, *when, *prorate, now),
        Action::DropCancel => end::drop_cancel(life, now),
        Action::EndTrial => begin::end_trial(life, now),
        Action::Pause { resumes_at } => pause::pause(life, *resumes_at, now),
        Action::Resume => pause::resume(life, now),
        Action::SetAutoRenew(auto_renew) => end::set_auto_renew(life, *auto_renew, now),
        Action::MarkPastDue { invoice_id } => Ok(dunning::mark_past_due(life, *invoice_id, now)),
        Action::MarkPaid { invoice_id } => Ok(dunning::settle(life, *invoice_id, false, now)),
        Action::MarkLost { invoice_id } => Ok(dunning::settle(life, *invoice_id, true, now)),
        Action::TakeBack { number, invoice_id } => Ok(dunning::take_back(life, *number, *invoice_id, now)),
        Action::GiveUp { invoice_id } => dunning::give_up(life, *invoice_id, now),
        Action::CloseBill { number, invoice_id, minimums } => {
            Ok(bill::close_bill(life, *number, *invoice_id, minimums))
        }
        Action::LeaveAlone { number, meters } => Ok(bill::leave_alone(life, *number, meters)),
    }
}

impl Life {
    fn is_of(&self, organization_id: OrganizationId) -> bool {
        self.organization_id == organization_id
    }

    /// It is not over, and what was due by time has happened: what somebody asks for now comes after it.
    fn is_up_to(&self, now: Timestamp) -> Result<(), SubscriptionError> {
        if self.status.is_over() {
            return Err(SubscriptionError::Ended);
        }
        match self.turning_point() {
            Some(due) if due.at <= now => Err(SubscriptionError::DueFirst(due.at)),
            _ => Ok(()),
        }
    }

    /// Besides, no bill is open, so that there can be another.
    fn can_be_billed(&self, now: Timestamp) -> Result<(), SubscriptionError> {
        self.is_up_to(now)?;
        if self.bill.is_some() { Err(SubscriptionError::BillOpen) } else { Ok(()) }
    }

    /// How it stands now. When something is due after an event, and which bill is open, is written into the event once
    /// it is there: see `Subscription::completed`.
    fn after(&self) -> After {
        After {
            status: self.status,
            period: self.period,
            quantity: self.quantity,
            auto_renew: self.auto_renew,
            cancel_at_period_end: self.cancel_at_period_end,
            next_due_at: None,
            open_bill: None,
        }
    }

    /// An event without a bill.
    fn changed(&self, at: Timestamp, after: After) -> Changed {
        Changed { customer_id: self.customer_id, at, plan: None, after, bill: None }
    }

    /// Whether what is not used up of this period's fees is given back: not when an invoice of this period was taken back
    /// or given up, for then nobody knows what of them was paid.
    fn gives_back(&self) -> bool {
        !self.billed.iter().any(|billed| billed.is_lost && billed.number >= self.period_bill)
    }

    /// Its status while it is paid for.
    fn standing(&self) -> Status {
        if self.unpaid.is_empty() { Status::Active } else { Status::PastDue }
    }

    /// What this period's fees are of.
    fn fees(&self) -> Option<(Fees<'_>, Timestamp)> {
        let basis = self.fees.as_ref()?;
        Some((self.fees_of(&basis.plan, basis.quantity), basis.since))
    }

    /// The plan of the next period: the one that is scheduled, else as now.
    pub fn next_plan(&self) -> &PlanVersion {
        self.scheduled.as_ref().and_then(|scheduled| scheduled.plan.as_ref()).unwrap_or(&self.plan)
    }

    /// The fees of the next period.
    fn next_fees(&self) -> Fees<'_> {
        let quantity = self.scheduled.as_ref().map_or(self.quantity, |scheduled| scheduled.quantity);
        self.fees_of(self.next_plan(), quantity)
    }

    fn fees_of<'a>(&self, plan: &'a PlanVersion, quantity: Quantity) -> Fees<'a> {
        Fees { plan, quantity, currency: self.currency }
    }
}
