//! What follows from what, by example. How it all plays together is in `cases`.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use uuid::Uuid;

use super::*;
use crate::account::AccountCommand;
use crate::account::event::Turned;
use crate::cycle::{Anchoring, Cycle, Interval, IntervalUnit};
use crate::invoice::{Action as InvoiceAction, Draft, InvoiceCommand, LineItem, LineKind};
use crate::meter::MeterCode;
use crate::money::{Amount, Currency, Quantity, SignedAmount};
use crate::payment::{Action as PaymentAction, PaymentCommand};
use crate::plan::{LateUsage, PlanVersion, Terms};
use crate::price::{Beyond, Due, Model, Price, PriceKind, Pricing, Rated};
use crate::subscription::{Action as SubscriptionAction, Create, SubscriptionCommand};
use crate::tax::{TaxCategory, TaxProfile};
use crate::{EventPayload, Timestamp};

mod invoices;
mod lines;
mod payments;
mod preview;
mod subscriptions;

/// The first of a month with 30 days, and of those that follow.
const APRIL: &str = "2026-04-01T00:00:00Z";
const MAY: &str = "2026-05-01T00:00:00Z";
const JUNE: &str = "2026-06-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}
fn signed(text: &str) -> SignedAmount {
    text.parse().unwrap()
}
fn code(text: &str) -> MeterCode {
    text.parse().unwrap()
}
fn org() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(1))
}
fn customer_id() -> CustomerId {
    CustomerId::new(Uuid::from_u128(2))
}
fn subscription_id() -> SubscriptionId {
    SubscriptionId::new(Uuid::from_u128(3))
}
fn invoice_id() -> InvoiceId {
    InvoiceId::new(Uuid::from_u128(4))
}
/// Of a customer that lives by another time.
fn test_clock_id() -> TestClockId {
    TestClockId::new(Uuid::from_u128(0x1234_5678))
}
fn payment_id(n: u128) -> PaymentId {
    PaymentId::new(Uuid::from_u128(n))
}
fn period(start: &str, end: &str) -> Cycle {
    Cycle { start: at(start), end: at(end) }
}
fn april() -> Cycle {
    period(APRIL, MAY)
}

/// 30 a month in advance, and calls: 1,000 are included, each more is 0.01, a month costs 50 at least.
fn plan() -> PlanVersion {
    let price = |name: &str, kind: PriceKind, pricing: Pricing| Price {
        code: code(name),
        name: format!("The {name}"),
        kind,
        tax_category: TaxCategory(code("software")),
        currencies: BTreeMap::from([(Currency::USD, pricing)]),
    };
    let base = Pricing { model: Model::Flat { amount: amount("30") }, included: Quantity::ZERO, minimum: Amount::ZERO };
    let calls = Pricing {
        model: Model::PerUnit { unit_price: amount("0.01") },
        included: "1000".parse().unwrap(),
        minimum: amount("50"),
    };
    let usage = PriceKind::Usage { meter: code("calls"), beyond: Beyond::Charge };
    PlanVersion {
        plan_id: PlanId::new(Uuid::from_u128(5)),
        code: code("pro"),
        version: 1,
        terms: Terms {
            name: "Pro".to_owned(),
            interval: Interval { unit: IntervalUnit::Month, count: 1 },
            trial_days: 0,
            grace_days: 0,
            reminder_days: 0,
            due_days: 14,
            retry_days: vec![3],
            late_usage: LateUsage::NextInvoice,
            prices: vec![
                price("base", PriceKind::Recurring { due: Due::InAdvance, per_seat: false }, base),
                price("calls", usage, calls),
            ],
            features: BTreeMap::new(),
        },
    }
}

fn price_ref(name: &str) -> PriceRef {
    PriceRef { plan_id: plan().plan_id, version: 1, code: code(name) }
}

fn create() -> Create {
    Create {
        subscription_id: subscription_id(),
        customer_id: customer_id(),
        currency: Currency::USD,
        plan: plan(),
        quantity: "1".parse().unwrap(),
        time_zone: Tz::UTC,
        anchoring: Anchoring::Anniversary,
        trial_days: None,
        cancel_at_trial_end: false,
        auto_renew: true,
    }
}

/// Decides a command and takes in what it comes to.
fn run<A: Aggregate>(state: &mut A, command: A::Command, now: &str) -> Vec<A::Event> {
    let events = state.handle_command(&command, at(now)).unwrap();
    for event in &events {
        state.apply_event(event, at(now));
    }
    events
}

fn subscription_command(action: SubscriptionAction) -> SubscriptionCommand {
    SubscriptionCommand { organization_id: org(), action }
}
fn account_command(action: account::Action) -> AccountCommand {
    AccountCommand { organization_id: org(), action }
}
fn invoice_command(action: InvoiceAction) -> InvoiceCommand {
    InvoiceCommand { organization_id: org(), action }
}
fn payment_command(action: PaymentAction) -> PaymentCommand {
    PaymentCommand { organization_id: org(), action }
}

/// A subscription since the first of April, with its first bill done.
fn subscribed() -> Subscription {
    let mut subscription = Subscription::default();
    run(&mut subscription, subscription_command(SubscriptionAction::Create(Box::new(create()))), APRIL);
    let close = SubscriptionAction::CloseBill { number: 1, invoice_id: None, minimums: Vec::new() };
    run(&mut subscription, subscription_command(close), APRIL);
    subscription
}

/// The same, renewed in May: its second bill is open.
fn renewed() -> Subscription {
    let mut subscription = subscribed();
    run(&mut subscription, subscription_command(SubscriptionAction::Advance), MAY);
    subscription
}

fn fee(amount: &str) -> LineItem {
    LineItem {
        kind: LineKind::Custom,
        description: "Consulting".to_owned(),
        price: None,
        meter: None,
        quantity: None,
        included_quantity: None,
        unit_price: None,
        period: None,
        paid_by_credits: Amount::ZERO,
        postpaid: Amount::ZERO,
        rated: Rated::of(signed(amount), Currency::USD),
        tax_category: TaxCategory::default(),
        taxes: Vec::new(),
        charges: None,
    }
}

fn draft(collection: invoice::Collection, lines: Vec<LineItem>) -> Draft {
    Draft {
        invoice_id: invoice_id(),
        customer_id: customer_id(),
        subscription: Some((subscription_id(), 2)),
        currency: Currency::USD,
        at: at(MAY),
        time_zone: Tz::UTC,
        period: Some(april()),
        auto_finalize: true,
        collection,
        due_days: 14,
        retry_days: vec![3],
        series: invoice_series(org(), None),
        tax_rates: Vec::new(),
        seller_tax: TaxProfile::default(),
        buyer_tax: TaxProfile::default(),
        lines,
        note: None,
    }
}

/// An invoice of 100 as it is after these commands; drafted at first, in May.
fn invoice_after(collection: invoice::Collection, actions: Vec<InvoiceAction>) -> (Invoice, Vec<InvoiceEvent>) {
    let mut invoice = Invoice::default();
    let drafted = InvoiceAction::Draft(Box::new(draft(collection, vec![fee("100")])));
    let mut last = Vec::new();
    for action in [drafted].into_iter().chain(actions) {
        last = run(&mut invoice, invoice_command(action), MAY);
    }
    (invoice, last)
}

/// The same, finalized.
fn open_invoice(collection: invoice::Collection, actions: Vec<InvoiceAction>) -> (Invoice, Vec<InvoiceEvent>) {
    let number = InvoiceAction::Number { number: "INV-000001".to_owned() };
    invoice_after(collection, [InvoiceAction::Seal, number].into_iter().chain(actions).collect())
}

fn known() -> Known {
    let mut organization = Organization::default();
    organization.billing.invoice_prefix = Some("ACME-".to_owned());
    Known { organization: Arc::new(organization), ..Known::default() }
}

/// The same of a customer on a test clock.
fn known_on_clock() -> Known {
    let created = crate::customer::Created {
        customer_id: customer_id(),
        organization_id: org(),
        external_id: None,
        currency: Currency::USD,
        test_clock_id: Some(test_clock_id()),
    };
    Known { customer: Customer { created: Some(created), ..Customer::default() }, ..known() }
}

fn knows_invoice(invoice: Invoice) -> Known {
    Known { invoice: Some((invoice_id(), invoice)), ..known() }
}

/// An event in the log.
fn recorded<E: EventPayload>(stream: StreamId, event: &E) -> RecordedEvent {
    RecordedEvent {
        partition: 0,
        position: 1,
        event_id: Uuid::from_u128(99),
        organization_id: org(),
        stream_id: stream,
        version: 1,
        event_type: event.event_type().to_owned(),
        schema: event.schema(),
        occurred_at: at(MAY),
        recorded_at: at(MAY),
        actor: ACTOR.to_owned(),
        request_digest: vec![0; 32],
        causation_id: Uuid::nil(),
        correlation_id: Uuid::nil(),
        payload: event.encode(),
        digest: Vec::new(),
    }
}

/// What follows from an event, as names of steps and the commands in words; nothing when it is said that nothing does.
fn follows<E: EventPayload + Into<LedgerEvent>>(stream: StreamId, event: E, known: &Known) -> Vec<Reaction> {
    let recorded = recorded(stream, &event);
    assert!(concerns(&recorded));
    let event = event.into();
    assert_eq!(LedgerEvent::decode(&recorded).as_ref(), Ok(&event), "what is written can be read");
    let reactions = react(&recorded, &event, known);
    assert!(needs(&recorded, &event).is_some() || reactions.is_empty());
    let ids: std::collections::BTreeSet<Uuid> = reactions.iter().map(|it| it.command_id(recorded.event_id)).collect();
    assert_eq!(ids.len(), reactions.len(), "each has an id of its own");
    reactions
}

fn steps(reactions: &[Reaction]) -> Vec<&'static str> {
    reactions.iter().map(|reaction| reaction.step).collect()
}

fn sum(meter: Option<&str>, price: Option<PriceRef>, cycle: Option<Cycle>, postpaid: &str) -> UsageSum {
    UsageSum {
        meter: meter.map(code),
        price,
        unit_price: None,
        cycle,
        quantity: "6000".parse().unwrap(),
        included: "1000".parse().unwrap(),
        amount: amount(postpaid),
        credits: Amount::ZERO,
        too_much: Amount::ZERO,
        charges: 7,
        first_version: 11,
        last_version: 23,
    }
}

fn turned(bill: BillRef, usage: Vec<UsageSum>) -> Turned {
    Turned {
        customer_id: customer_id(),
        currency: Currency::USD,
        bill,
        closed: Some(april()),
        usage,
        quotas: Vec::new(),
        carried: false,
        ended: Vec::new(),
        left_alone: Vec::new(),
    }
}

fn of_subscription(number: u32, usage: Vec<UsageSum>) -> Turned {
    turned(BillRef::Subscription { subscription_id: subscription_id(), number }, usage)
}

fn account_stream() -> StreamId {
    StreamId::new(Account::CATEGORY, customer_id())
}
fn subscription_stream() -> StreamId {
    StreamId::new(Subscription::CATEGORY, subscription_id())
}
fn invoice_stream() -> StreamId {
    StreamId::new(Invoice::CATEGORY, invoice_id())
}

#[test]
fn most_events_concern_nothing_here() {
    let mut account = Account::default();
    let (currency, postpaid_limit) = (Currency::USD, amount("100"));
    let open = account::Action::Open { customer_id: customer_id(), currency, postpaid_limit };
    for event in run(&mut account, account_command(open), APRIL) {
        assert!(!concerns(&recorded(account_stream(), &event)));
    }
    let turned = AccountEvent::Turned(Box::new(of_subscription(1, Vec::new())));
    assert!(concerns(&recorded(account_stream(), &turned)));
}
