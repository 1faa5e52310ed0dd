//! What an event changes. Nothing is worked out here that the event says itself.

use std::collections::BTreeSet;

use crate::Timestamp;
use crate::cycle::{Anchoring, Calendar, Interval};
use crate::ids::InvoiceId;
use crate::plan::PlanVersion;
use crate::subscription::due::days_after;
use crate::subscription::event::{After, Bill, Changed, Created, Ended, PlanChanged, SubscriptionEvent};
use crate::subscription::{Billed, FeeBasis, Life, Scheduled, Status};

/// A subscription that has just begun.
pub(super) fn begun(created: &Created, occurred_at: Timestamp) -> Life {
    let start = created.after.period.map_or(occurred_at, |period| period.start);
    let (calendar, _) = Calendar::first(start, created.plan.terms.interval, created.anchoring, created.time_zone);
    let basis = FeeBasis { plan: created.plan.clone(), quantity: created.after.quantity, since: start };
    let mut life = Life {
        subscription_id: created.subscription_id,
        organization_id: created.organization_id,
        customer_id: created.customer_id,
        currency: created.currency,
        time_zone: created.time_zone,
        anchoring: created.anchoring,
        created_at: occurred_at,
        plan: created.plan.clone(),
        plan_since: start,
        quantity: created.after.quantity,
        status: created.after.status,
        calendar,
        period: created.after.period,
        trial_end: created.trial_end,
        fees: (created.after.status != Status::Trialing).then_some(basis),
        auto_renew: created.after.auto_renew,
        cancel_at_period_end: created.after.cancel_at_period_end,
        scheduled: None,
        resumes_at: None,
        unpaid: BTreeSet::new(),
        billed: Vec::new(),
        period_bill: 1,
        lacked: Vec::new(),
        left_alone: BTreeSet::new(),
        grace_until: None,
        reminded_of: None,
        bills: 0,
        bill: None,
        ended: None,
    };
    life.take_in(&created.after, created.bill.as_ref());
    life
}

impl Life {
    pub(super) fn apply(&mut self, event: &SubscriptionEvent) {
        match event {
            // It is made with it: see `begun`.
            SubscriptionEvent::Created(_) => {}
            SubscriptionEvent::Activated(e) => {
                self.trial_end = Some(e.at);
                self.begin_period(e, Self::calendar_after_trial);
            }
            SubscriptionEvent::Renewed(e) => self.begin_period(e, Self::calendar_from),
            SubscriptionEvent::Resumed(e) => self.begin_period(e, Self::calendar_after_pause),
            SubscriptionEvent::PlanChanged(e) => self.change(e),
            SubscriptionEvent::ChangeScheduled(e) => {
                let (plan, quantity) = (e.plan.clone(), e.quantity);
                self.scheduled = Some(Scheduled { plan, quantity, effective_at: e.effective_at });
            }
            SubscriptionEvent::ChangeDropped(_) => self.scheduled = None,
            SubscriptionEvent::Paused(e) => {
                self.fees = None;
                self.grace_until = None;
                self.resumes_at = e.resumes_at;
            }
            SubscriptionEvent::CancelScheduled(_)
            | SubscriptionEvent::CancelDropped(_)
            | SubscriptionEvent::AutoRenewSet(_) => {}
            SubscriptionEvent::Reminded(e) => self.reminded_of = Some(e.ends_at),
            SubscriptionEvent::PastDue(e) => {
                self.unpaid.insert(e.invoice_id);
                self.grace_until = e.grace_until;
            }
            SubscriptionEvent::Recovered(e) => {
                self.unpaid.remove(&e.invoice_id);
                if self.unpaid.is_empty() {
                    self.grace_until = None;
                }
                self.settle(e.invoice_id, e.is_lost);
            }
            SubscriptionEvent::InvoiceSettled(e) => {
                // It was paid before, and so was not known any more.
                let again = |number| Billed { number, invoice_id: e.invoice_id, is_lost: e.is_lost };
                self.billed.extend(e.number.map(again));
                self.billed.sort_by_key(|billed| billed.number);
                self.settle(e.invoice_id, e.is_lost);
            }
            SubscriptionEvent::Cancelled(e) | SubscriptionEvent::Expired(e) => self.end(e),
            SubscriptionEvent::BillClosed(e) => {
                self.bill = None;
                self.lacked.clone_from(&e.lacked);
                let billed = |invoice_id| Billed { number: e.number, invoice_id, is_lost: false };
                self.billed.extend(e.invoice_id.map(billed));
            }
            SubscriptionEvent::LeftAlone(e) => self.left_alone = e.meters.iter().cloned().collect(),
        }
        self.take_in(event.after(), event.bill());
        let begins = matches!(event, SubscriptionEvent::Activated(_) | SubscriptionEvent::Resumed(_));
        if let (true, Status::PastDue, Some(period)) = (begins, self.status, self.period) {
            // It was not paid before the trial or the pause was over.
            self.grace_until = self.grace_until.or_else(|| self.grace_from(period.start));
        }
    }

    fn take_in(&mut self, after: &After, bill: Option<&Bill>) {
        self.status = after.status;
        self.period = after.period;
        self.quantity = after.quantity;
        self.auto_renew = after.auto_renew;
        self.cancel_at_period_end = after.cancel_at_period_end;
        if let Some(bill) = bill {
            self.bills = bill.number;
            self.bill = Some(bill.clone());
            if bill.turn.is_some() {
                self.left_alone.clear();
            }
        }
    }

    /// An invoice is paid, or lost. What was lost counts until its period is over.
    fn settle(&mut self, invoice_id: InvoiceId, is_lost: bool) {
        let period_bill = self.period_bill;
        self.billed.retain_mut(|billed| {
            let is_it = billed.invoice_id == invoice_id;
            billed.is_lost |= is_it && is_lost;
            !is_it || (is_lost && billed.number >= period_bill)
        });
    }

    /// A period begins: what was lost before it counts no more.
    fn begin_with(&mut self, bill: Option<&Bill>) {
        self.period_bill = bill.map_or(self.period_bill, |bill| bill.number);
        self.billed.retain(|billed| !billed.is_lost);
    }

    fn begin_period(&mut self, began: &Changed, calendar: fn(&Self, Timestamp, Interval) -> Calendar) {
        if let Some(plan) = &began.plan {
            self.plan = (**plan).clone();
        }
        self.begin_with(began.bill.as_ref());
        self.calendar = calendar(self, began.at, self.plan.terms.interval);
        self.plan_since = began.at;
        self.fees = Some(FeeBasis { plan: self.plan.clone(), quantity: began.after.quantity, since: began.at });
        self.scheduled = None;
        self.resumes_at = None;
    }

    /// A change at once: within the period, or, with another interval, with a period of its own.
    fn change(&mut self, changed: &PlanChanged) {
        let is_other = !same_version(&self.plan, &changed.plan);
        self.plan = changed.plan.clone();
        self.scheduled = None;
        if self.status == Status::Trialing {
            return;
        }
        let calendar = self.calendar_from(changed.at, self.plan.terms.interval);
        let begins = calendar != self.calendar;
        self.calendar = calendar;
        if begins {
            self.begin_with(changed.bill.as_ref());
        }
        if is_other {
            self.plan_since = changed.at;
        }
        if begins || changed.prorated {
            let quantity = changed.after.quantity;
            self.fees = Some(FeeBasis { plan: self.plan.clone(), quantity, since: changed.at });
        }
    }

    fn end(&mut self, ended: &Ended) {
        self.fees = None;
        self.scheduled = None;
        self.resumes_at = None;
        self.grace_until = None;
        self.ended = Some((ended.cause, ended.at));
    }

    /// What gives it its periods when it is paid for from this moment on.
    pub(super) fn calendar_after_trial(&self, at: Timestamp, interval: Interval) -> Calendar {
        Calendar::first(at, interval, self.anchoring, self.time_zone).0
    }

    /// The same as before, unless the interval is another one: then periods are counted from this moment on.
    pub(super) fn calendar_from(&self, at: Timestamp, interval: Interval) -> Calendar {
        if interval == self.calendar.interval {
            self.calendar
        } else {
            Calendar { interval, anchor: at, time_zone: self.time_zone }
        }
    }

    /// What gives it its periods when it goes on at this moment.
    pub(super) fn calendar_after_pause(&self, at: Timestamp, interval: Interval) -> Calendar {
        match self.anchoring {
            Anchoring::Anniversary => Calendar { interval, anchor: at, time_zone: self.time_zone },
            Anchoring::Calendar | Anchoring::At(_) => self.calendar_from(at, interval),
        }
    }

    /// Until when it goes on when it is not paid from this moment on; `None` when its plan has no grace.
    pub(super) fn grace_from(&self, at: Timestamp) -> Option<Timestamp> {
        Some(self.plan.terms.grace_days).filter(|days| *days > 0).map(|days| days_after(at, days))
    }
}

/// Whether both are the same version of the same plan.
pub(super) fn same_version(one: &PlanVersion, other: &PlanVersion) -> bool {
    (one.plan_id, one.version) == (other.plan_id, other.version)
}
