//! What callers do: customers, and the organization.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{World, amount};
use crate::account::command::Action as AccountAction;
use crate::account::event::BillRef;
use crate::account::{Account, AccountCommand, AccountError, Source};
use crate::charge::Usage;
use crate::cycle::Anchoring;
use crate::hold::HoldAction;
use crate::ids::{CreditGrantId, CreditNoteId, HoldId, InvoiceId, PaymentId, RefundId, SubscriptionId};
use crate::invoice::{
    Action as InvoiceAction, Collection, CreditNote, Draft, Invoice, InvoiceCommand, InvoiceError, LineItem,
};
use crate::meter::Meter;
use crate::money::{Amount, Quantity};
use crate::organization::Organization;
use crate::payment::{Action as PaymentAction, Payment, PaymentCommand, PaymentError, Record};
use crate::plan::PlanVersion;
use crate::subscription::{Action, Create, Subscription, SubscriptionCommand, SubscriptionError, When};
use crate::{Aggregate, StreamId, Timestamp};

/// How long holds last.
const HOLD_SECS: u32 = 30 * 86_400;

/// So many seats.
pub(crate) fn seats(n: u32) -> Quantity {
    Quantity::new(Decimal::from(n)).unwrap()
}

/// Subscriptions.
impl World {
    /// With one seat, from now on, on the day and at the time of day at which it begins.
    pub(crate) fn subscribe(&mut self, plan: &PlanVersion) {
        self.subscribe_as(plan, |_| {});
    }

    pub(crate) fn subscribe_as(&mut self, plan: &PlanVersion, adjust: impl FnOnce(&mut Create)) {
        let subscription_id = SubscriptionId::new(self.next_id());
        let mut create = Create {
            subscription_id,
            customer_id: self.customer_id,
            currency: self.currency,
            plan: plan.clone(),
            quantity: seats(1),
            time_zone: self.zone,
            anchoring: Anchoring::Anniversary,
            trial_days: None,
            cancel_at_trial_end: false,
            auto_renew: true,
        };
        adjust(&mut create);
        self.subscription_id = subscription_id;
        self.subscription(Action::Create(Box::new(create))).unwrap();
    }

    pub(crate) fn subscription(&mut self, action: Action) -> Result<(), SubscriptionError> {
        let stream = StreamId::new(Subscription::CATEGORY, self.subscription_id);
        let command = SubscriptionCommand { organization_id: self.organization_id, action };
        self.ask::<Subscription>(stream, &command)
    }

    /// Another plan at once, in shares.
    pub(crate) fn change(&mut self, plan: &PlanVersion) {
        self.change_to(Some(plan), None, When::Now, true);
    }

    pub(crate) fn change_at_period_end(&mut self, plan: &PlanVersion) {
        self.change_to(Some(plan), None, When::PeriodEnd, true);
    }

    /// Other seats at once, in shares.
    pub(crate) fn change_seats(&mut self, n: u32) {
        self.change_to(None, Some(n), When::Now, true);
    }

    pub(crate) fn change_to(&mut self, plan: Option<&PlanVersion>, n: Option<u32>, when: When, prorate: bool) {
        let plan = plan.cloned().map(Box::new);
        self.subscription(Action::Change { plan, quantity: n.map(seats), when, prorate }).unwrap();
    }

    pub(crate) fn cancel(&mut self, when: When, prorate: bool) {
        self.subscription(Action::Cancel { when, prorate }).unwrap();
    }

    pub(crate) fn pause(&mut self, until: Option<&str>) {
        let resumes_at = until.map(|date| self.local(date));
        self.subscription(Action::Pause { resumes_at }).unwrap();
    }

    pub(crate) fn resume(&mut self) {
        self.subscription(Action::Resume).unwrap();
    }
}

/// Accounts.
impl World {
    pub(crate) fn account(&mut self, action: AccountAction) -> Result<(), AccountError> {
        let stream = StreamId::new(Account::CATEGORY, self.customer_id);
        let command = AccountCommand { organization_id: self.organization_id, action };
        self.ask::<Account>(stream, &command)
    }

    fn used(&self, meter: &str, quantity: &str) -> Vec<Usage> {
        let meter = Meter {
            code: meter.parse().unwrap(),
            unit: "unit".to_owned(),
            unit_price: self.meters.get(meter).copied().unwrap_or_default(),
            currency: self.currency,
            version: 1,
        };
        vec![Usage::Metered { meter, quantity: quantity.parse().unwrap() }]
    }

    pub(crate) fn try_charge(
        &mut self,
        meter: &str,
        quantity: &str,
        used_at: Option<Timestamp>,
    ) -> Result<(), AccountError> {
        let usage = self.used(meter, quantity);
        let (description, metadata) = (None, BTreeMap::new());
        self.account(AccountAction::Charge { usage, currency: None, used_at, description, metadata })
    }

    /// Something is used now.
    pub(crate) fn charge(&mut self, meter: &str, quantity: &str) {
        self.try_charge(meter, quantity, None).unwrap();
    }

    /// It is heard of now that something was used then.
    pub(crate) fn charge_late(&mut self, meter: &str, quantity: &str, used_at: &str) {
        let used_at = self.local(used_at);
        self.try_charge(meter, quantity, Some(used_at)).unwrap();
    }

    pub(crate) fn try_hold(&mut self, meter: &str, quantity: &str) -> Result<HoldId, AccountError> {
        let hold_id = HoldId::new(self.next_id());
        let usage = self.used(meter, quantity);
        let (description, metadata) = (None, BTreeMap::new());
        let ttl_secs = HOLD_SECS;
        let place = HoldAction::Place { hold_id, usage, currency: None, ttl_secs, description, metadata };
        self.account(AccountAction::Hold(place)).map(|()| hold_id)
    }

    pub(crate) fn hold(&mut self, meter: &str, quantity: &str) -> HoldId {
        self.try_hold(meter, quantity).unwrap()
    }

    pub(crate) fn try_capture(&mut self, hold_id: HoldId, meter: &str, quantity: &str) -> Result<(), AccountError> {
        let usage = Some(self.used(meter, quantity));
        let (description, metadata) = (None, BTreeMap::new());
        let capture = HoldAction::Capture { hold_id, usage, currency: None, is_final: true, description, metadata };
        self.account(AccountAction::Hold(capture))
    }

    pub(crate) fn capture(&mut self, hold_id: HoldId, meter: &str, quantity: &str) {
        self.try_capture(hold_id, meter, quantity).unwrap();
    }

    pub(crate) fn grant(&mut self, text: &str) {
        let grant_id = CreditGrantId::new(self.next_id());
        let (amount, currency, priority) = (amount(text), None, 1);
        let expires_at = None;
        self.account(AccountAction::GrantCredit { grant_id, amount, currency, priority, expires_at }).unwrap();
    }

    pub(crate) fn order(&mut self, order: &[Source]) {
        self.account(AccountAction::SetPaymentOrder(order.to_vec())).unwrap();
    }

    pub(crate) fn limit(&mut self, text: &str) {
        let postpaid_limit = amount(text);
        self.account(AccountAction::SetPostpaidLimit { postpaid_limit, currency: None }).unwrap();
    }
}

/// Invoices and payments.
impl World {
    pub(crate) fn invoice(&mut self, number: &str, action: InvoiceAction) -> Result<(), InvoiceError> {
        let id = self.invoice_id(number);
        self.of_invoice(id, action)
    }

    fn of_invoice(&mut self, id: InvoiceId, action: InvoiceAction) -> Result<(), InvoiceError> {
        let command = InvoiceCommand { organization_id: self.organization_id, action };
        self.ask::<Invoice>(StreamId::new(Invoice::CATEGORY, id), &command)
    }

    /// The invoice of this number.
    pub(crate) fn invoice_id(&self, number: &str) -> InvoiceId {
        let mut invoices = self.tables.invoices.values().map(|kept| &kept.state);
        let found = invoices.find(|invoice| invoice.number.as_deref() == Some(number)).unwrap();
        found.drafted.as_ref().unwrap().invoice_id
    }

    /// The organization writes an invoice by itself, for what no subscription bills, and finalizes it.
    pub(crate) fn invoice_usage(&mut self, lines: Vec<LineItem>) {
        let organization = self.tables.state::<Organization>(self.organization_id);
        let invoice_id = InvoiceId::new(self.next_id());
        let draft = Draft {
            invoice_id,
            customer_id: self.customer_id,
            subscription: None,
            currency: self.currency,
            at: self.now,
            time_zone: self.zone,
            period: None,
            auto_finalize: false,
            collection: Collection::Automatic,
            due_days: 14,
            retry_days: Vec::new(),
            series: crate::billing::invoice_series(self.organization_id, None),
            tax_rates: organization.tax_rates.values().cloned().collect(),
            seller_tax: organization.billing.tax,
            buyer_tax: self.billing().tax,
            lines,
            note: None,
        };
        self.of_invoice(invoice_id, InvoiceAction::Draft(Box::new(draft))).unwrap();
        let bill = BillRef::Invoice { invoice_id };
        self.account(AccountAction::Turn { bill, close_usage: true, closed: None, to: None }).unwrap();
        self.of_invoice(invoice_id, InvoiceAction::Seal).unwrap();
    }

    /// A part of an invoice is taken back: so much of which lines, or all that is left of all.
    pub(crate) fn credit(&mut self, number: &str, lines: &[(u32, &str)], refund: bool) -> Result<(), InvoiceError> {
        let credit_note_id = CreditNoteId::new(self.next_id());
        let lines = lines.iter().map(|(line, text)| (*line, amount(text))).collect();
        let note = CreditNote { credit_note_id, reason: "A mistake.".to_owned(), lines, refund };
        self.invoice(number, InvoiceAction::IssueCreditNote(Box::new(note)))
    }

    /// Money has come for an invoice by hand.
    pub(crate) fn pay(&mut self, number: &str, text: &str) {
        let invoice_id = self.invoice_id(number);
        self.pay_amount(invoice_id, amount(text));
    }

    pub(crate) fn pay_amount(&mut self, invoice_id: InvoiceId, amount: Amount) {
        let payment_id = PaymentId::new(self.next_id());
        let record = Record {
            payment_id,
            customer_id: self.customer_id,
            invoice_id: Some(invoice_id),
            amount,
            currency: self.currency,
            reference: None,
            received_at: self.now,
        };
        self.payment(payment_id, PaymentAction::Record(Box::new(record))).unwrap();
    }

    /// A part of the first payment of an invoice is refunded, and no credit note says why.
    pub(crate) fn refund(&mut self, number: &str, text: &str) -> Result<(), PaymentError> {
        let invoice = self.tables.state::<Invoice>(self.invoice_id(number));
        let payment_id = invoice.payments[0].payment_id;
        let (refund_id, amount) = (RefundId::new(self.next_id()), Some(amount(text)));
        let (reason, credit_note) = ("Goodwill.".to_owned(), None);
        self.payment(payment_id, PaymentAction::Refund { refund_id, amount, reason, credit_note })
    }

    fn payment(&mut self, id: PaymentId, action: PaymentAction) -> Result<(), PaymentError> {
        let command = PaymentCommand { organization_id: self.organization_id, action };
        self.ask::<Payment>(StreamId::new(Payment::CATEGORY, id), &command)
    }
}
