//! Given events, when a command, then events: the rules of a subscription by example, by subject, and over any series
//! of commands and jumps of time in [`series`].

use rust_decimal::Decimal;
use uuid::Uuid;

use super::event::Reminder;
use super::*;
use crate::aggregate::EventPayload;
use crate::cycle::{Interval, IntervalUnit};
use crate::ids::PlanId;
use crate::invoice::{LineItem, LineKind};
use crate::money::Amount;
use crate::plan::{LateUsage, Terms};
use crate::price::{Beyond, Due, Model, Price, PriceKind, Pricing};

mod amounts;
mod changes;
mod dunning;
mod ends;
mod invoices;
mod life;
mod pauses;
mod series;
mod statuses;

/// The first of a month with 30 days.
const T0: &str = "2026-04-01T00:00:00Z";
const MID_APRIL: &str = "2026-04-16T00:00:00Z";
const MAY: &str = "2026-05-01T00:00:00Z";
const JUNE: &str = "2026-06-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
fn org() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(1))
}
fn invoice(n: u128) -> InvoiceId {
    InvoiceId::new(Uuid::from_u128(n))
}
fn seats(n: u32) -> Quantity {
    Quantity::new(Decimal::from(n)).unwrap()
}
fn cycle(start: &str, end: &str) -> Cycle {
    Cycle { start: at(start), end: at(end) }
}
fn every(count: u32, unit: IntervalUnit) -> Interval {
    Interval::new(unit, count).unwrap()
}
fn flat(amount: &str) -> Model {
    Model::Flat { amount: amount.parse().unwrap() }
}
fn per_unit(unit_price: &str) -> Model {
    Model::PerUnit { unit_price: unit_price.parse().unwrap() }
}

fn price(code: &str, kind: PriceKind, model: Model) -> Price {
    let pricing = Pricing { model, included: Quantity::ZERO, minimum: Amount::ZERO };
    Price {
        code: code.parse().unwrap(),
        name: code.to_owned(),
        kind,
        tax_category: crate::tax::TaxCategory::default(),
        currencies: [(Currency::USD, pricing)].into(),
    }
}

/// With a fee in advance, one for each seat, one in arrears, one that is there once, and usage with a minimum of 50.
fn plan_of(id: u128, base: &str, seat: &str, support: &str) -> PlanVersion {
    let fee = |due, per_seat| PriceKind::Recurring { due, per_seat };
    let mut calls =
        price("calls", PriceKind::Usage { meter: "calls".parse().unwrap(), beyond: Beyond::Charge }, per_unit("0.01"));
    for pricing in calls.currencies.values_mut() {
        pricing.included = "1000".parse().unwrap();
        pricing.minimum = "50".parse().unwrap();
    }
    PlanVersion {
        plan_id: PlanId::new(Uuid::from_u128(id)),
        code: format!("plan-{id}").parse().unwrap(),
        version: 1,
        terms: Terms {
            name: format!("Plan {id}"),
            interval: every(1, IntervalUnit::Month),
            trial_days: 0,
            grace_days: 0,
            reminder_days: 0,
            due_days: 14,
            retry_days: vec![3, 5],
            late_usage: LateUsage::NextInvoice,
            prices: vec![
                price("base", fee(Due::InAdvance, false), flat(base)),
                price("seats", fee(Due::InAdvance, true), per_unit(seat)),
                price("support", fee(Due::InArrears, false), flat(support)),
                price("setup", PriceKind::OneTime, flat("99")),
                calls,
            ],
            features: std::collections::BTreeMap::new(),
        },
    }
}
fn basic() -> PlanVersion {
    plan_of(1, "30", "10", "20")
}
fn pro() -> PlanVersion {
    plan_of(2, "90", "20", "40")
}
fn with(mut plan: PlanVersion, change: impl FnOnce(&mut Terms)) -> PlanVersion {
    change(&mut plan.terms);
    plan
}

/// Three seats, from now on, on the day and at the time of day at which it begins.
fn create(plan: PlanVersion) -> Create {
    Create {
        subscription_id: SubscriptionId::new(Uuid::from_u128(3)),
        customer_id: CustomerId::new(Uuid::from_u128(2)),
        currency: Currency::USD,
        plan,
        quantity: seats(3),
        time_zone: Tz::UTC,
        anchoring: Anchoring::Anniversary,
        trial_days: None,
        cancel_at_trial_end: false,
        auto_renew: true,
    }
}

fn change_now(plan: PlanVersion, prorate: bool) -> Action {
    Action::Change { plan: Some(Box::new(plan)), quantity: None, when: When::Now, prorate }
}
fn change_later(plan: PlanVersion) -> Action {
    Action::Change { plan: Some(Box::new(plan)), quantity: None, when: When::PeriodEnd, prorate: true }
}
fn seats_now(n: u32, prorate: bool) -> Action {
    Action::Change { plan: None, quantity: Some(seats(n)), when: When::Now, prorate }
}
fn cancel_now(prorate: bool) -> Action {
    Action::Cancel { when: When::Now, prorate }
}
fn cancel_later() -> Action {
    Action::Cancel { when: When::PeriodEnd, prorate: false }
}

#[derive(Clone, Default)]
struct Given {
    subscription: Subscription,
    log: Vec<SubscriptionEvent>,
}

impl Given {
    /// It has begun, and its first bill is done.
    fn begun(create: Create, now: &str) -> Self {
        let mut given = Self::default();
        given.one(Action::Create(Box::new(create)), now);
        given.close(now);
        given
    }

    fn when(&mut self, action: Action, now: &str) -> Result<Vec<SubscriptionEvent>, SubscriptionError> {
        self.when_at(action, at(now))
    }

    fn when_at(&mut self, action: Action, now: Timestamp) -> Result<Vec<SubscriptionEvent>, SubscriptionError> {
        let command = SubscriptionCommand { organization_id: org(), action };
        let events = self.subscription.handle_command(&command, now)?;
        assert!(events.len() <= 1, "{events:?}");
        for event in &events {
            self.take_in(event, now);
        }
        Ok(events)
    }

    fn take_in(&mut self, event: &SubscriptionEvent, now: Timestamp) {
        let bills = self.subscription.life.as_ref().map_or(0, |life| life.bills);
        self.subscription.apply_event(event, now);
        self.log.push(event.clone());
        // What an event says of the subscription after it is what the state says.
        let life = self.life();
        let says = After {
            status: life.status,
            period: life.period,
            quantity: life.quantity,
            auto_renew: life.auto_renew,
            cancel_at_period_end: life.cancel_at_period_end,
            next_due_at: self.subscription.next_due_at(),
            open_bill: self.subscription.open_bill().map(|bill| bill.number),
        };
        assert_eq!(*event.after(), says, "{event:?}");
        if let Some(bill) = event.bill() {
            assert_eq!((bill.number, self.subscription.open_bill()), (bills + 1, Some(bill)));
        }
    }

    fn life(&self) -> &Life {
        self.subscription.life.as_deref().unwrap()
    }

    fn status(&self) -> Status {
        self.life().status
    }

    /// The one event that a command brings.
    #[track_caller]
    fn one(&mut self, action: Action, now: &str) -> SubscriptionEvent {
        let mut events = self.when(action, now).unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    /// The bill that a command brings; it is done at once.
    #[track_caller]
    fn bill(&mut self, action: Action, now: &str) -> Bill {
        let event = self.one(action, now);
        self.close(now);
        event.bill().cloned().unwrap()
    }

    #[track_caller]
    fn nothing(&mut self, action: Action, now: &str) {
        assert_eq!(self.when(action, now), Ok(Vec::new()));
    }

    #[track_caller]
    fn denied(&mut self, action: Action, now: &str) -> SubscriptionError {
        self.when(action, now).unwrap_err()
    }

    /// What is open is done.
    fn close(&mut self, now: &str) {
        self.close_at(at(now));
    }

    /// A bill is done, and its invoice has this of minimums.
    fn close_with(&mut self, number: u32, minimums: Vec<MinimumBilled>, now: Timestamp) {
        let invoice_id = Some(invoice(u128::from(number)));
        self.when_at(Action::CloseBill { number, invoice_id, minimums }, now).unwrap();
    }

    fn close_at(&mut self, now: Timestamp) {
        if let Some(number) = self.subscription.open_bill().map(|bill| bill.number) {
            self.close_with(number, Vec::new(), now);
        }
    }

    /// Everything that is due happens, each bill done in between.
    fn settle(&mut self, now: Timestamp) -> Vec<SubscriptionEvent> {
        let mut happened = Vec::new();
        loop {
            self.close_at(now);
            let events = self.when_at(Action::Advance, now).unwrap();
            if events.is_empty() {
                return happened;
            }
            happened.extend(events);
        }
    }

    /// The state that the log gives, through its stored form.
    fn replayed(&self, now: Timestamp) -> Subscription {
        let mut subscription = Subscription::default();
        for event in &self.log {
            let stored = event.encode();
            let read = SubscriptionEvent::decode(event.event_type(), event.schema(), &stored).unwrap();
            assert_eq!(read, *event);
            subscription.apply_event(&read, now);
        }
        if let (Some(life), Some(known)) = (&mut subscription.life, &self.subscription.life) {
            life.created_at = known.created_at;
        }
        subscription
    }
}

/// Each line as `code amount`, with its kind where it is no fee.
fn lines(bill: &Bill) -> Vec<String> {
    let shown = |line: &LineItem| {
        let code = line.price.as_ref().map_or("", |price| price.code.as_str());
        let kind = if line.kind == LineKind::Proration { "~" } else { "" };
        format!("{kind}{code} {}", line.rated.amount)
    };
    bill.lines.iter().map(shown).collect()
}

/// The minimums, as their amounts.
fn minimums(bill: &Bill) -> Vec<String> {
    bill.minimums.iter().map(|minimum| minimum.amount.to_string()).collect()
}

/// The period that the account turns to.
fn turned(bill: &Bill) -> Option<Cycle> {
    bill.turn.as_ref().unwrap().cycle
}

fn type_of(event: &SubscriptionEvent) -> &'static str {
    event.event_type()
}
