//! Every event of every aggregate as one type: for whoever reads the whole log.

use std::sync::Arc;

use crate::account::{Account, AccountEvent};
use crate::aggregate::{Aggregate, DecodeError, EventPayload};
use crate::api_key::{ApiKey, ApiKeyEvent};
use crate::chain_watch::{ChainWatch, ChainWatchEvent};
use crate::connector::{Connector, ConnectorEvent};
use crate::customer::{Customer, CustomerEvent};
use crate::envelope::RecordedEvent;
use crate::exact_payment::{ExactPayment, ExactPaymentEvent};
use crate::gateway_key::{GatewayKey, GatewayKeyEvent};
use crate::invoice::{Invoice, InvoiceEvent};
use crate::organization::{Organization, OrganizationEvent};
use crate::payment::{Payment, PaymentEvent};
use crate::payout::{Payout, PayoutEvent};
use crate::plan::{Plan, PlanEvent};
use crate::reconciliation::{Reconciliation, ReconciliationEvent};
use crate::series::{Series, SeriesEvent};
use crate::session_key::{SessionKey, SessionKeyEvent};
use crate::settlement::{Settlement, SettlementEvent};
use crate::settler::{Settler, SettlerEvent};
use crate::subscription::{Subscription, SubscriptionEvent};
use crate::test_clock::{TestClock, TestClockEvent};
use crate::webhook::{Webhook, WebhookEvent};

/// An event of any aggregate.
#[derive(Debug, Clone, PartialEq)]
pub enum LedgerEvent {
    /// Of an organization.
    Organization(OrganizationEvent),
    /// Of an API key.
    ApiKey(ApiKeyEvent),
    /// Of a gateway key.
    GatewayKey(GatewayKeyEvent),
    /// Of a customer.
    Customer(CustomerEvent),
    /// Of an account.
    Account(AccountEvent),
    /// Of a session key.
    SessionKey(SessionKeyEvent),
    /// Of a settlement.
    Settlement(SettlementEvent),
    /// Of a settler.
    Settler(SettlerEvent),
    /// Of an exact payment.
    ExactPayment(ExactPaymentEvent),
    /// Of a plan.
    Plan(PlanEvent),
    /// Of a subscription.
    Subscription(SubscriptionEvent),
    /// Of an invoice.
    Invoice(InvoiceEvent),
    /// Of a series of numbers.
    Series(SeriesEvent),
    /// Of a payment.
    Payment(PaymentEvent),
    /// Of a connector.
    Connector(ConnectorEvent),
    /// Of a provider's message.
    Webhook(WebhookEvent),
    /// Of a test clock.
    TestClock(TestClockEvent),
    /// Of a payout file.
    Payout(PayoutEvent),
    /// Of the watch over a chain.
    ChainWatch(ChainWatchEvent),
    /// Of the comparison of ledger and chain.
    Reconciliation(ReconciliationEvent),
}

macro_rules! each_is_one {
    ($($event:ident in $variant:ident;)*) => {$(
        impl From<$event> for LedgerEvent {
            fn from(event: $event) -> Self {
                Self::$variant(event)
            }
        }
    )*};
}

each_is_one! {
    OrganizationEvent in Organization;
    ApiKeyEvent in ApiKey;
    GatewayKeyEvent in GatewayKey;
    CustomerEvent in Customer;
    AccountEvent in Account;
    SessionKeyEvent in SessionKey;
    SettlementEvent in Settlement;
    SettlerEvent in Settler;
    ExactPaymentEvent in ExactPayment;
    PlanEvent in Plan;
    SubscriptionEvent in Subscription;
    InvoiceEvent in Invoice;
    SeriesEvent in Series;
    PaymentEvent in Payment;
    ConnectorEvent in Connector;
    WebhookEvent in Webhook;
    TestClockEvent in TestClock;
    PayoutEvent in Payout;
    ChainWatchEvent in ChainWatch;
    ReconciliationEvent in Reconciliation;
}

/// An event of the log with its payload read, once for all who work with it. One that cannot be read stays in
/// its place: who meets it must stop.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// As the log has it.
    pub recorded: Arc<RecordedEvent>,
    /// What it says.
    pub event: Result<LedgerEvent, DecodeError>,
}

impl Decoded {
    /// Reads an event's payload.
    pub fn new(recorded: impl Into<Arc<RecordedEvent>>) -> Arc<Self> {
        let recorded = recorded.into();
        let event = LedgerEvent::decode(&recorded);
        Arc::new(Self { recorded, event })
    }
}

impl LedgerEvent {
    /// Reads the payload of an event from the log.
    pub fn decode(event: &RecordedEvent) -> Result<Self, DecodeError> {
        let (kind, schema, payload) = (event.event_type.as_str(), event.schema, event.payload.as_slice());
        match event.stream_id.category() {
            Organization::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Organization),
            ApiKey::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::ApiKey),
            GatewayKey::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::GatewayKey),
            Customer::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Customer),
            Account::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Account),
            SessionKey::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::SessionKey),
            Settlement::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Settlement),
            Settler::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Settler),
            ExactPayment::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::ExactPayment),
            Plan::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Plan),
            Subscription::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Subscription),
            Invoice::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Invoice),
            Series::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Series),
            Payment::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Payment),
            Connector::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Connector),
            Webhook::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Webhook),
            TestClock::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::TestClock),
            Payout::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Payout),
            ChainWatch::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::ChainWatch),
            Reconciliation::CATEGORY => EventPayload::decode(kind, schema, payload).map(Self::Reconciliation),
            other => Err(DecodeError::Unknown { category: other.to_owned(), event_type: kind.to_owned(), schema }),
        }
    }
}
