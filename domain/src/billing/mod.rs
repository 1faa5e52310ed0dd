//! What follows from what: each event that has consequences, and the commands that they are. Pure: whoever follows the
//! log gives the commands, with ids that derive from the event, so that a crash at any point repeats nothing.
//!
//! The chain of an invoice: a subscription's event brings a bill, the account is [turned](account::Action::Turn), what
//! it gives out becomes the lines of a draft, the draft is sealed, gets its number and is collected; when it is paid
//! the account and the subscription hear of it. [`lines`] makes lines of usage, [`preview`] goes the same way without
//! anything happening.
//!
//! How to use it: [`needs`] says whether an event has a reaction and what must be known, [`more`] what must be known
//! besides once that is there, [`react`] what follows, and [`Reaction::command_id`] under which id it is to be asked.

use std::sync::Arc;

use uuid::Uuid;

use crate::account::event::{BillRef, UsageSum};
use crate::account::{Account, AccountEvent, command as account};
use crate::customer::Customer;
use crate::event::LedgerEvent;
use crate::ids::{self, CustomerId, InvoiceId, OrganizationId, PaymentId, PlanId, SubscriptionId, TestClockId};
use crate::invoice::{self, Invoice, InvoiceEvent};
use crate::organization::Organization;
use crate::payment::{self, Payment, PaymentEvent};
use crate::plan::Plan;
use crate::price::PriceRef;
use crate::series::{Allocate, Series};
use crate::subscription::{self, Subscription};
use crate::{Aggregate, RecordedEvent, StreamId, Timestamp};

#[cfg(test)]
mod cases;
pub mod lines;
pub mod preview;
mod react;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

pub use react::react;

/// Who asks for what follows.
pub const ACTOR: &str = "system:billing";
/// So much of a test clock's id stands in the numbers of its customers' invoices.
const CLOCK_CHARS: usize = 6;

/// What an aggregate is asked for.
#[derive(Debug, Clone)]
pub enum Command {
    /// An account.
    Account(CustomerId, account::Action),
    /// A subscription.
    Subscription(SubscriptionId, subscription::Action),
    /// An invoice. In a box: it is large.
    Invoice(InvoiceId, Box<invoice::Action>),
    /// A series, by its key.
    Series(String, Allocate),
    /// A payment.
    Payment(PaymentId, Box<payment::Action>),
}

impl Command {
    /// Whom it is for.
    pub fn stream(&self) -> StreamId {
        match self {
            Self::Account(id, _) => StreamId::new(Account::CATEGORY, id),
            Self::Subscription(id, _) => StreamId::new(Subscription::CATEGORY, id),
            Self::Invoice(id, _) => StreamId::new(Invoice::CATEGORY, id),
            Self::Series(key, _) => StreamId::new(Series::CATEGORY, key),
            Self::Payment(id, _) => StreamId::new(Payment::CATEGORY, id),
        }
    }
}

/// One thing that follows from an event.
#[derive(Debug, Clone)]
pub struct Reaction {
    /// Which of the things that may follow from it. Of two that exclude each other each has the same name: so the log
    /// takes only one of them, whatever was known when the event was looked at again.
    pub step: &'static str,
    /// 0, or which of several of the same name.
    pub nth: u32,
    /// When it happens; `None` for the event's own time.
    pub at: Option<Timestamp>,
    /// What is asked for.
    pub command: Command,
}

impl Reaction {
    const fn new(step: &'static str, command: Command) -> Self {
        Self { step, nth: 0, at: None, command }
    }

    /// The time at which it is to be asked for, after an event of this time.
    pub fn now(&self, occurred_at: Timestamp) -> Timestamp {
        self.at.unwrap_or(occurred_at)
    }

    /// The id under which it is asked for: the same event and step, the same id.
    pub fn command_id(&self, event_id: Uuid) -> Uuid {
        match self.nth {
            0 => ids::derive(&[b"billing", event_id.as_bytes(), self.step.as_bytes()]),
            nth => ids::derive(&[b"billing", event_id.as_bytes(), self.step.as_bytes(), &nth.to_be_bytes()]),
        }
    }
}

/// What is known when it is asked what follows: as much as [`needs`] and [`more`] name; the rest may be empty.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Whose event it is.
    pub organization: Arc<Organization>,
    /// Who is billed.
    pub customer: Customer,
    /// The subscription.
    pub subscription: Option<(SubscriptionId, Subscription)>,
    /// The invoice.
    pub invoice: Option<(InvoiceId, Invoice)>,
    /// Plans whose prices usage was charged at.
    pub plans: Vec<(PlanId, Arc<Plan>)>,
    /// Payments, in the order in which they were named.
    pub payments: Vec<(PaymentId, Payment)>,
}

impl Known {
    /// The test clock that the customer lives by.
    fn test_clock_id(&self) -> Option<TestClockId> {
        self.customer.created.as_ref().and_then(|created| created.test_clock_id)
    }
}

/// What must be known to say what follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing but the event.
    Nothing,
    /// The organization, and the customer that [`customer_of`] names.
    Customer,
    /// Those, and the subscription.
    Subscription(SubscriptionId),
    /// Those, and the invoice.
    Invoice(InvoiceId),
    /// Those, and the payment.
    Payment(PaymentId),
}

/// What must be known besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct More {
    /// These plans, for what their prices are called and how they are taxed.
    pub plans: Vec<PlanId>,
    /// These payments, in this order.
    pub payments: Vec<PaymentId>,
}

/// Whether an event of the log can have a reaction at all: without reading its payload, for most are charges.
pub fn concerns(recorded: &RecordedEvent) -> bool {
    match recorded.stream_id.category() {
        Account::CATEGORY => recorded.event_type == "turned",
        Subscription::CATEGORY | Invoice::CATEGORY | Series::CATEGORY | Payment::CATEGORY => true,
        _ => false,
    }
}

/// What must be known to say what follows from this event; `None` when nothing follows from it.
pub fn needs(recorded: &RecordedEvent, event: &LedgerEvent) -> Option<Needs> {
    match event {
        LedgerEvent::Subscription(event) => event.bill().map(|_| Needs::Nothing),
        LedgerEvent::Account(AccountEvent::Turned(turned)) => Some(match turned.bill {
            BillRef::Subscription { subscription_id, .. } => Needs::Subscription(subscription_id),
            BillRef::Invoice { invoice_id } => Needs::Invoice(invoice_id),
        }),
        LedgerEvent::Invoice(event) => needs_of_invoice(recorded, event),
        LedgerEvent::Series(_) => Some(Needs::Nothing),
        LedgerEvent::Payment(event) => match event {
            PaymentEvent::Succeeded(e) => e.invoice_id.map(Needs::Invoice),
            PaymentEvent::Failed(e) => e.invoice_id.map(|_| Needs::Nothing),
            PaymentEvent::Surplus(e) => (!e.to_credits.is_zero()).then_some(Needs::Nothing),
            PaymentEvent::Cancelled(_) => id_of(recorded).map(Needs::Payment),
            _ => None,
        },
        _ => None,
    }
}

fn needs_of_invoice(recorded: &RecordedEvent, event: &InvoiceEvent) -> Option<Needs> {
    match event {
        InvoiceEvent::Drafted(e) => (e.auto_finalize || e.subscription.is_some()).then_some(Needs::Nothing),
        InvoiceEvent::Sealed(_) => Some(Needs::Customer),
        InvoiceEvent::Finalized(e) if e.booked.to_credits.is_zero() => None,
        InvoiceEvent::Finalized(e) => Some(e.subscription_id.map_or(Needs::Nothing, Needs::Subscription)),
        InvoiceEvent::Offset(e) => (!e.left.is_zero()).then_some(Needs::Nothing),
        InvoiceEvent::AttemptDue(e) => Some(Needs::Invoice(e.invoice_id)),
        InvoiceEvent::PaymentExpected(e) => Some(Needs::Invoice(e.invoice_id)),
        InvoiceEvent::PaymentApplied(e) => (!e.surplus.is_zero()).then_some(Needs::Nothing),
        // What the provider cannot collect waits, and nobody is past due for it.
        InvoiceEvent::PaymentFailed(e) if e.code == payment::NOT_COLLECTABLE => None,
        InvoiceEvent::PaymentFailed(e) => e.subscription_id.and_then(|_| id_of(recorded)).map(Needs::Invoice),
        InvoiceEvent::Overdue(e) => e.subscription_id.map(|_| Needs::Invoice(e.invoice_id)),
        InvoiceEvent::Paid(e) | InvoiceEvent::Voided(e) | InvoiceEvent::MarkedUncollectible(e) => {
            (e.subscription_id.is_some() || !e.postpaid.is_zero()).then_some(Needs::Nothing)
        }
        InvoiceEvent::CreditNoteIssued(e) => Some(Needs::Invoice(e.invoice_id)),
        InvoiceEvent::CreditNoteNumbered(_) => id_of(recorded).map(Needs::Invoice),
        _ => None,
    }
}

/// What must be known besides, once what [`needs`] names is.
pub fn more(event: &LedgerEvent, known: &Known) -> More {
    match event {
        LedgerEvent::Account(AccountEvent::Turned(turned)) => {
            More { plans: plans_of(&turned.usage, known), ..More::default() }
        }
        LedgerEvent::Invoice(InvoiceEvent::CreditNoteIssued(e)) if !e.to_refund.is_zero() => {
            let applied = known.invoice.iter().flat_map(|(_, invoice)| &invoice.payments);
            More { payments: applied.map(|applied| applied.payment_id).collect(), ..More::default() }
        }
        _ => More::default(),
    }
}

/// The plans whose prices this usage was charged at, but for the subscription's own as it is now.
pub fn plans_of(usage: &[UsageSum], known: &Known) -> Vec<PlanId> {
    let own = known.subscription.as_ref().and_then(|(_, subscription)| subscription.plan());
    let is_own = |price: &PriceRef| own.is_some_and(|own| own.plan_id == price.plan_id && own.version == price.version);
    let prices = usage.iter().filter_map(|sum| sum.price.as_ref());
    let mut plans: Vec<PlanId> = prices.filter(|price| !is_own(price)).map(|price| price.plan_id).collect();
    plans.sort_unstable();
    plans.dedup();
    plans
}

/// The customer that an event of billing is about; `None` when it names none.
pub fn customer_of(event: &LedgerEvent) -> Option<CustomerId> {
    Some(match event {
        LedgerEvent::Account(event) => event.customer_id(),
        LedgerEvent::Subscription(event) => event.customer_id(),
        LedgerEvent::Invoice(event) => event.customer_id(),
        LedgerEvent::Payment(event) => event.customer_id(),
        _ => return None,
    })
}

/// The id in the name of an event's stream.
fn id_of<T: std::str::FromStr>(recorded: &RecordedEvent) -> Option<T> {
    recorded.stream_id.as_str().split_once(':').and_then(|(_, id)| id.parse().ok())
}

/// The series that an organization's invoices have their numbers from. Customers on a test clock have one of their own,
/// so that nobody else's time is theirs, and no number of a test is missing among those that count.
pub fn invoice_series(organization_id: OrganizationId, test_clock_id: Option<TestClockId>) -> String {
    series(organization_id, test_clock_id, "invoices")
}

/// The series that its credit notes have their numbers from.
pub fn credit_note_series(organization_id: OrganizationId, test_clock_id: Option<TestClockId>) -> String {
    series(organization_id, test_clock_id, "credit_notes")
}

fn series(organization_id: OrganizationId, test_clock_id: Option<TestClockId>, name: &str) -> String {
    match test_clock_id {
        Some(test_clock_id) => format!("{organization_id}/{test_clock_id}/{name}"),
        None => format!("{organization_id}/{name}"),
    }
}

/// What stands before the numbers of a series: of one for tests the usual prefix, `T`, and the end of the clock's id.
fn prefix(usual: &str, test_clock_id: Option<TestClockId>) -> String {
    let Some(test_clock_id) = test_clock_id else { return usual.to_owned() };
    let id = test_clock_id.to_string();
    let end = id.get(id.len().saturating_sub(CLOCK_CHARS)..).unwrap_or(&id);
    format!("{usual}T{end}-")
}

/// The invoice that a subscription's bill comes to.
pub fn invoice_of_bill(subscription_id: SubscriptionId, number: u32) -> InvoiceId {
    InvoiceId::new(ids::derive(&[b"invoice", subscription_id.uuid().as_bytes(), &number.to_be_bytes()]))
}
