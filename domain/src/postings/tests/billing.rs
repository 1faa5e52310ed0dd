//! Any series of charges, bills, invoices, payments and credit notes: the journal sums to zero, and says of each
//! customer what its account and its invoices say.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::sample::Index;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::account::command::Action as AccountAction;
use crate::account::event::{BillRef, Turned, UsageSum};
use crate::account::{Account, AccountCommand, AccountEvent};
use crate::charge::Usage;
use crate::ids::{ConnectorId, CreditGrantId, CreditNoteId, InvoiceId, OrganizationId, PaymentId, TaxRateId};
use crate::invoice::event::{Finalized, Settled};
use crate::invoice::{
    Action as InvoiceAction, ChargesRef, Collection, CreditNote, Draft, Invoice, InvoiceCommand, InvoiceEvent,
    LineItem, LineKind, Status,
};
use crate::money::SignedAmount;
use crate::payment::{Action as PaymentAction, Create, Observed, Payment, PaymentCommand, ProviderState, Record};
use crate::price::Rated;
use crate::tax::{Region, TaxCategory, TaxProfile, TaxRate};
use crate::{Aggregate, Timestamp};

#[derive(Debug, Clone)]
enum Step {
    /// In thousandths.
    Charge(u32),
    Grant(u32),
    /// A fee in thousandths, or less than nothing; taxes on top of it, or in it.
    Bill(i32, bool),
    /// A half or all of what is due, by hand or by a provider.
    Pay(Index, bool, bool),
    /// So many cents, be they due or not.
    PayMore(Index, u32),
    Void(Index),
    GiveUp(Index),
    /// All of it, or the first line; refunded, or as credits.
    Credit(Index, bool, bool),
}

fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}
fn organization() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(1))
}
fn customer() -> CustomerId {
    CustomerId::new(Uuid::from_u128(2))
}
fn amount(decimal: Decimal) -> Amount {
    Amount::new(decimal).unwrap()
}
fn germany() -> TaxProfile {
    let region = Region { country: "DE".to_owned(), subdivision: None };
    TaxProfile { region: Some(region), ..TaxProfile::default() }
}

#[derive(Default)]
struct World {
    account: Account,
    invoices: Vec<Invoice>,
    ids: u128,
    kept: BTreeMap<JournalAccount, Decimal>,
    with_provider: Decimal,
    in_bank: Decimal,
    to_refund: Decimal,
}

impl World {
    fn opened() -> Self {
        let mut world = Self::default();
        let open = AccountAction::Open {
            customer_id: customer(),
            currency: Currency::USD,
            postpaid_limit: amount(Decimal::from(50)),
        };
        assert!(world.ask(open).is_some());
        world
    }

    fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    fn post(&mut self, event: impl Into<LedgerEvent>) {
        for posting in postings(&event.into()) {
            *self.kept.entry(posting.debit).or_default() -= posting.amount.decimal();
            *self.kept.entry(posting.credit).or_default() += posting.amount.decimal();
        }
    }

    /// `None` when it is denied.
    fn ask(&mut self, action: AccountAction) -> Option<AccountEvent> {
        let command = AccountCommand { organization_id: organization(), action };
        let events = self.account.handle_command(&command, now()).ok()?;
        for event in &events {
            self.account.apply_event(event, now());
            self.post(event.clone());
        }
        events.into_iter().next_back()
    }

    /// What happens to an invoice, and what follows from it. Whether it was granted.
    fn change(&mut self, place: usize, action: InvoiceAction) -> bool {
        let command = InvoiceCommand { organization_id: organization(), action };
        let Ok(events) = self.invoices[place].handle_command(&command, now()) else { return false };
        for event in events {
            self.invoices[place].apply_event(&event, now());
            self.post(event.clone());
            self.follow(&event);
        }
        true
    }

    fn follow(&mut self, event: &InvoiceEvent) {
        let to_credits = match event {
            InvoiceEvent::Finalized(e) => self.offset(e),
            InvoiceEvent::CreditNoteIssued(e) => {
                self.to_refund += e.to_refund.decimal();
                e.to_credits
            }
            _ => Amount::ZERO,
        };
        if !to_credits.is_zero() {
            let grant_id = CreditGrantId::new(self.id());
            self.grant(grant_id, to_credits);
        }
        if let InvoiceEvent::Paid(Settled { invoice_id, postpaid, .. })
        | InvoiceEvent::Voided(Settled { invoice_id, postpaid, .. }) = event
        {
            let owed = self.account.postpaid;
            self.ask(AccountAction::SettleUsage { invoice_id: *invoice_id, amount: *postpaid });
            assert_eq!(self.account.postpaid.plus(*postpaid), owed, "each charge is settled once");
        }
    }

    /// What is given back lowers what is due of the other invoices first. Gives what is left.
    fn offset(&mut self, finalized: &Finalized) -> Amount {
        let mut left = finalized.booked.to_credits;
        for place in 0..self.invoices.len() {
            if !left.is_zero() {
                let due = self.invoices[place].unpaid();
                let offset =
                    InvoiceAction::Offset { from_invoice: finalized.invoice_id, amount: left, then: Vec::new() };
                assert!(self.change(place, offset));
                left = left.minus(due.minus(self.invoices[place].unpaid()));
            }
        }
        left
    }

    fn grant(&mut self, grant_id: CreditGrantId, amount: Amount) {
        let (currency, expires_at) = (None, None);
        let granted = self.ask(AccountAction::GrantCredit { grant_id, amount, currency, priority: 0, expires_at });
        assert!(granted.is_some());
    }

    fn bill(&mut self, fee: Decimal, is_inclusive: bool) {
        let invoice_id = InvoiceId::new(self.id());
        let bill = BillRef::Invoice { invoice_id };
        let turn = AccountAction::Turn { bill, close_usage: true, closed: None, to: None };
        let Some(AccountEvent::Turned(turned)) = self.ask(turn) else { panic!("never denied") };
        let Turned { usage, .. } = *turned;
        let mut lines = vec![line(SignedAmount::new(fee).unwrap(), Amount::ZERO)];
        lines.extend(usage.iter().map(UsageSum::postpaid).map(|postpaid| line(postpaid.into(), postpaid)));
        let vat = TaxRate {
            id: TaxRateId::new(Uuid::from_u128(9)),
            name: "VAT".to_owned(),
            region: Region { country: "DE".to_owned(), subdivision: None },
            category: TaxCategory::default(),
            percent: amount(Decimal::from(19)),
            inclusive: is_inclusive,
            reverse_charge: false,
        };
        let draft = Draft {
            invoice_id,
            customer_id: customer(),
            subscription: None,
            currency: Currency::USD,
            at: now(),
            time_zone: Tz::UTC,
            period: None,
            auto_finalize: true,
            collection: Collection::Send,
            due_days: 14,
            retry_days: Vec::new(),
            series: "invoices".to_owned(),
            tax_rates: vec![vat],
            seller_tax: germany(),
            buyer_tax: germany(),
            lines,
            note: None,
        };
        let place = self.invoices.len();
        self.invoices.push(Invoice::default());
        for action in [
            InvoiceAction::Draft(Box::new(draft)),
            InvoiceAction::Seal,
            InvoiceAction::Number { number: invoice_id.to_string() },
        ] {
            assert!(self.change(place, action));
        }
    }

    fn pay(&mut self, place: usize, is_half: bool, by_hand: bool) {
        let due = self.invoices[place].unpaid().decimal();
        let paid = if is_half { (due / Decimal::TWO).trunc() } else { due };
        let payment_id = PaymentId::new(self.id());
        if paid.is_zero() || !self.change(place, InvoiceAction::ApplyPayment { payment_id, amount: amount(paid) }) {
            return;
        }
        self.make(payment_id, paid, by_hand);
    }

    /// A payment comes, and what is more than is due of the invoice becomes credits.
    fn pay_more(&mut self, place: usize, cents: u32) {
        let paid = Decimal::new(cents.into(), 2);
        let payment_id = PaymentId::new(self.id());
        if !self.change(place, InvoiceAction::ApplyPayment { payment_id, amount: amount(paid) }) {
            return;
        }
        let surplus = self.invoices[place].payments.last().unwrap().surplus;
        let mut payment = self.make(payment_id, paid, true);
        if !surplus.is_zero() {
            let command =
                PaymentCommand { organization_id: organization(), action: PaymentAction::Surplus { amount: surplus } };
            for event in payment.handle_command(&command, now()).unwrap() {
                payment.apply_event(&event, now());
                self.post(event);
            }
            let grant_id = CreditGrantId::new(self.id());
            self.grant(grant_id, payment.to_credits());
        }
    }

    fn make(&mut self, payment_id: PaymentId, paid: Decimal, by_hand: bool) -> Payment {
        let connector_id = ConnectorId::new(self.id());
        let provider_id = payment_id.to_string();
        let state = ProviderState::Succeeded { amount: amount(paid), at: now() };
        let actions = if by_hand {
            self.in_bank += paid;
            vec![PaymentAction::Record(Box::new(Record {
                payment_id,
                customer_id: customer(),
                invoice_id: None,
                amount: amount(paid),
                currency: Currency::USD,
                reference: None,
                received_at: now(),
            }))]
        } else {
            self.with_provider += paid;
            let create = Create {
                payment_id,
                customer_id: customer(),
                invoice_id: None,
                connector_id,
                method: None,
                amount: amount(paid),
                currency: Currency::USD,
                manual_capture: false,
                off_session: true,
            };
            let observed = Observed::Payment { provider_id, state };
            vec![PaymentAction::Create(Box::new(create)), PaymentAction::Observe(observed)]
        };
        let mut payment = Payment::default();
        for action in actions {
            let command = PaymentCommand { organization_id: organization(), action };
            for event in payment.handle_command(&command, now()).unwrap() {
                payment.apply_event(&event, now());
                self.post(event);
            }
        }
        payment
    }

    fn step(&mut self, step: Step) {
        let place = |which: Index| (!self.invoices.is_empty()).then(|| which.index(self.invoices.len()));
        match step {
            Step::Charge(thousandths) => {
                let usage = vec![Usage::Flat { amount: amount(Decimal::new(thousandths.into(), 3)) }];
                let (currency, description, metadata) = (None, None, BTreeMap::new());
                self.ask(AccountAction::Charge { usage, currency, used_at: None, description, metadata });
            }
            Step::Grant(thousandths) => {
                let grant_id = CreditGrantId::new(self.id());
                self.grant(grant_id, amount(Decimal::new(thousandths.into(), 3)));
            }
            Step::Bill(fee, is_inclusive) => self.bill(Decimal::new(fee.into(), 3), is_inclusive),
            Step::Pay(which, is_half, by_hand) => {
                if let Some(place) = place(which) {
                    self.pay(place, is_half, by_hand);
                }
            }
            Step::PayMore(which, cents) => {
                if let Some(place) = place(which) {
                    self.pay_more(place, cents);
                }
            }
            Step::Void(which) => {
                if let Some(place) = place(which) {
                    self.change(place, InvoiceAction::Void);
                }
            }
            Step::GiveUp(which) => {
                if let Some(place) = place(which) {
                    self.change(place, InvoiceAction::MarkUncollectible);
                }
            }
            Step::Credit(which, is_all, refund) => {
                let Some(place) = place(which) else { return };
                let first = self.invoices[place].left_of_lines().first().map(|left| left.magnitude());
                let lines = first.filter(|left| !is_all && !left.is_zero()).map(|left| (0, left));
                let note = CreditNote {
                    credit_note_id: CreditNoteId::new(self.id()),
                    reason: "a mistake".to_owned(),
                    lines: lines.into_iter().collect(),
                    refund,
                };
                self.change(place, InvoiceAction::IssueCreditNote(Box::new(note)));
            }
        }
    }

    fn check(&self) {
        let kept = |account| self.kept.get(&account).copied().unwrap_or_default();
        assert_eq!(self.kept.values().sum::<Decimal>(), Decimal::ZERO);
        let balances = self.account.balances();
        assert_eq!(kept(JournalAccount::CustomerCredits(customer())), balances.credits.decimal());
        assert_eq!(-kept(JournalAccount::CustomerReceivable(customer())), balances.postpaid.decimal());
        assert_eq!(
            -kept(JournalAccount::CustomerInvoiced(customer())),
            self.invoices.iter().map(invoiced).sum::<Decimal>()
        );
        assert_eq!(-kept(JournalAccount::PspClearing), self.with_provider);
        assert_eq!(-kept(JournalAccount::Bank), self.in_bank);
        assert_eq!(kept(JournalAccount::Refunds), self.to_refund);
        let lost = self.invoices.iter().filter(|invoice| invoice.status == Status::Uncollectible);
        let lost: Decimal = lost.map(|invoice| invoice.given_up.decimal()).sum();
        assert_eq!(-kept(JournalAccount::BadDebt), lost);
        let rounding = kept(JournalAccount::Rounding).abs();
        let lines: usize = self.invoices.iter().map(|invoice| invoice.lines().len()).sum();
        assert!(rounding <= Decimal::new(1, 2) * Decimal::from(lines * 2), "{rounding} of {lines} lines");
    }
}

/// What an invoice has added to what is owed and is neither paid nor settled.
fn invoiced(invoice: &Invoice) -> Decimal {
    match invoice.status {
        Status::Draft | Status::Sealed | Status::Discarded | Status::Paid | Status::Void => Decimal::ZERO,
        Status::Open => invoice.unpaid().decimal() - invoice.postpaid().decimal(),
        Status::Uncollectible => invoice.unpaid().decimal() - invoice.postpaid().decimal() - invoice.given_up.decimal(),
    }
}

fn line(exact: SignedAmount, postpaid: Amount) -> LineItem {
    let is_usage = !postpaid.is_zero();
    LineItem {
        kind: if is_usage { LineKind::Usage } else { LineKind::Fee },
        description: "Something".to_owned(),
        price: None,
        meter: None,
        quantity: None,
        included_quantity: None,
        unit_price: None,
        period: None,
        paid_by_credits: Amount::ZERO,
        postpaid,
        rated: Rated { exact, amount: SignedAmount::ZERO },
        tax_category: TaxCategory::default(),
        taxes: Vec::new(),
        charges: is_usage.then_some(ChargesRef { count: 1, first_version: 1, last_version: 1, period_start: None }),
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u32..9_000).prop_map(Step::Charge),
        1 => (1u32..5_000).prop_map(Step::Grant),
        4 => (-9_000i32..30_000, any::<bool>()).prop_map(|(fee, is_inclusive)| Step::Bill(fee, is_inclusive)),
        5 => (any::<Index>(), prop::bool::weighted(0.4), any::<bool>())
            .prop_map(|(which, is_half, by_hand)| Step::Pay(which, is_half, by_hand)),
        2 => (any::<Index>(), 1u32..4_000).prop_map(|(which, cents)| Step::PayMore(which, cents)),
        1 => any::<Index>().prop_map(Step::Void),
        1 => any::<Index>().prop_map(Step::GiveUp),
        3 => (any::<Index>(), any::<bool>(), any::<bool>())
            .prop_map(|(which, is_all, refund)| Step::Credit(which, is_all, refund)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_journal_says_what_accounts_and_invoices_say(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut world = World::opened();
        for step in steps {
            world.step(step);
            world.check();
        }
        // All of it is billed and paid: nothing is owed any more.
        world.bill(Decimal::ONE, false);
        for place in 0..world.invoices.len() {
            world.pay(place, false, true);
            world.check();
        }
        prop_assert!(world.account.postpaid.is_zero());
        let owed = |account: fn(CustomerId) -> JournalAccount| world.kept.get(&account(customer())).copied();
        for account in [JournalAccount::CustomerReceivable, JournalAccount::CustomerInvoiced] {
            prop_assert!(owed(account).unwrap_or_default().is_zero());
        }
        prop_assert!(world.kept.get(&JournalAccount::BadDebt).copied().unwrap_or_default().is_zero());
    }
}
