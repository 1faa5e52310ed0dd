//! What can be asked of a subscription.

use chrono_tz::Tz;

use crate::Timestamp;
use crate::cycle::{Anchoring, Cycle};
use crate::ids::{CustomerId, InvoiceId, OrganizationId, SubscriptionId};
use crate::meter::MeterCode;
use crate::money::{Currency, Quantity, SignedAmount};
use crate::plan::PlanVersion;
use crate::price::PriceRef;

/// A command. Each names the organization that asks: another one's subscription does not exist for it.
#[derive(Debug, Clone)]
pub struct SubscriptionCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Action {
    /// Begin, now.
    Create(Box<Create>),
    /// Make happen what is due first at `now`, if anything is: one thing at a time. Nothing happens while a bill is
    /// open.
    Advance,
    /// Another plan, another quantity, or both.
    Change {
        /// `None` leaves it. In a box: it is large.
        plan: Option<Box<PlanVersion>>,
        /// `None` leaves it.
        quantity: Option<Quantity>,
        /// When.
        when: When,
        /// Whether what was paid for and is not used up is given back, and the new is charged for its share only. Of a
        /// change at once only.
        prorate: bool,
    },
    /// Drop a change that is scheduled.
    DropChange,
    /// End it.
    Cancel {
        /// When.
        when: When,
        /// Whether what was paid for and is not used up is given back. Of an end at once only.
        prorate: bool,
    },
    /// Do not end it with its period.
    DropCancel,
    /// End a trial at once, and begin to pay.
    EndTrial,
    /// Give nothing and cost nothing from now on; what was paid for and is not used up is given back.
    Pause {
        /// Until then; `None` until somebody says so.
        resumes_at: Option<Timestamp>,
    },
    /// Go on: a new period begins now.
    Resume,
    /// Renew by itself, or not.
    SetAutoRenew(bool),
    /// An invoice was not paid in time.
    MarkPastDue {
        /// Which.
        invoice_id: InvoiceId,
    },
    /// An invoice was paid, or there was nothing to pay.
    MarkPaid {
        /// Which.
        invoice_id: InvoiceId,
    },
    /// An invoice was voided, taken back as a whole or given up: it needs no payment any more, and nothing of what it was
    /// for was paid.
    MarkLost {
        /// Which.
        invoice_id: InvoiceId,
    },
    /// An invoice was taken back as a whole, be it paid or not: nothing that it was for is given back once more.
    TakeBack {
        /// The bill that it came of.
        number: u32,
        /// Which.
        invoice_id: InvoiceId,
    },
    /// All tries to be paid have failed.
    GiveUp {
        /// The invoice.
        invoice_id: InvoiceId,
    },
    /// The open bill is done.
    CloseBill {
        /// Which.
        number: u32,
        /// What it came to.
        invoice_id: Option<InvoiceId>,
        /// What of that was for minimums.
        minimums: Vec<MinimumBilled>,
    },
    /// On these meters there is somebody else's quota.
    LeaveAlone {
        /// The bill with which the account said so.
        number: u32,
        /// The meters.
        meters: Vec<MeterCode>,
    },
}

/// What an invoice has of a minimum.
#[derive(Debug, Clone, PartialEq)]
pub struct MinimumBilled {
    /// The price with the minimum.
    pub price: PriceRef,
    /// The period.
    pub period: Cycle,
    /// What that lacked; less than nothing for what is given back of it.
    pub amount: SignedAmount,
}

/// When something takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At once.
    Now,
    /// When the period is over.
    PeriodEnd,
}

/// How a subscription begins.
#[derive(Debug, Clone)]
pub struct Create {
    /// Its id.
    pub subscription_id: SubscriptionId,
    /// Whose.
    pub customer_id: CustomerId,
    /// The account's currency: each price of the plan must have it.
    pub currency: Currency,
    /// The plan.
    pub plan: PlanVersion,
    /// Seats; at least one.
    pub quantity: Quantity,
    /// The customer's time zone.
    pub time_zone: Tz,
    /// Where periods begin.
    pub anchoring: Anchoring,
    /// Days that are free at first, instead of the plan's; `None` for those.
    pub trial_days: Option<u32>,
    /// Whether it ends with its trial.
    pub cancel_at_trial_end: bool,
    /// Whether it renews by itself.
    pub auto_renew: bool,
}
