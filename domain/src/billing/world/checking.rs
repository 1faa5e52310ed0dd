//! What must hold whatever was done.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::World;
use super::tables::Tables;
use crate::event::LedgerEvent;
use crate::ids::CustomerId;
use crate::invoice::event::Finalized;
use crate::invoice::{Drafted, Invoice, InvoiceEvent, LineKind, Status};
use crate::payment::Payment;
use crate::postings::{JournalAccount, postings};

impl World {
    #[track_caller]
    pub(crate) fn check(&self) {
        assert!(Tables::replayed(&self.log) == self.tables, "the log, taken in anew, comes to the same");
        for kept in self.tables.subscriptions.values() {
            assert!(kept.state.open_bill().is_none(), "all bills are done");
        }
        for kept in self.tables.invoices.values() {
            assert_ne!(kept.state.status, Status::Sealed, "whoever waits for a number gets it");
            check_invoice(&kept.state);
        }
        self.check_numbers();
        self.check_journal();
    }

    /// No number is missing, and none is there twice.
    #[track_caller]
    fn check_numbers(&self) {
        let invoices = || self.tables.invoices.values().map(|kept| &kept.state);
        let of_invoices = invoices().filter_map(|invoice| invoice.number.as_deref());
        without_gaps("INV-", of_invoices.collect());
        let notes = invoices().flat_map(|invoice| &invoice.credit_notes);
        without_gaps("CN-", notes.map(|issued| issued.number.as_deref().unwrap()).collect());
    }

    #[track_caller]
    fn check_journal(&self) {
        let balances = self.journal();
        assert!(balances.values().sum::<Decimal>().is_zero(), "debits are credits");
        let of = |account: JournalAccount| balances.get(&account).copied().unwrap_or_default();
        for kept in self.tables.accounts.values() {
            let account = &kept.state;
            let id = account.owner.unwrap().customer_id;
            let receivable = of(JournalAccount::CustomerReceivable(id));
            assert_eq!(receivable, account.postpaid.decimal(), "what was charged post-paid");
            assert_eq!(-of(JournalAccount::CustomerCredits(id)), account.credits().decimal(), "credits");
            assert_eq!(-of(JournalAccount::CustomerHeld(id)), account.balances().held_credits.decimal(), "held");
            let unbilled: Decimal = account.unbilled.iter().map(|sum| sum.postpaid().decimal()).sum();
            let on_invoices: Decimal = self.invoices_of(id).into_iter().map(owed).sum();
            let owes = of(JournalAccount::CustomerInvoiced(id)) + receivable;
            assert_eq!(owes, unbilled + on_invoices - self.overpaid(id), "what is owed");
        }
    }

    /// What each account of the journal has come to: debits less credits.
    fn journal(&self) -> BTreeMap<JournalAccount, Decimal> {
        let mut balances: BTreeMap<JournalAccount, Decimal> = BTreeMap::new();
        for recorded in &self.log {
            let event = LedgerEvent::decode(recorded).unwrap();
            if let LedgerEvent::Invoice(InvoiceEvent::Finalized(e)) = &event {
                self.check_booked(e);
            }
            for posting in postings(&event) {
                assert!(!posting.amount.is_zero() && posting.debit != posting.credit, "{posting:?}");
                assert_eq!(posting.currency, self.currency);
                *balances.entry(posting.debit).or_default() += posting.amount.decimal();
                *balances.entry(posting.credit).or_default() -= posting.amount.decimal();
            }
        }
        balances
    }

    /// What is booked is the total, and rounding is less than half of a smallest unit for each line.
    fn check_booked(&self, finalized: &Finalized) {
        let booked = &finalized.booked;
        let parts = booked.fees.decimal() + booked.tax.decimal() + booked.rounding.decimal();
        let rest = booked.to_credits.decimal() + booked.postpaid.decimal();
        assert_eq!(parts + rest, finalized.totals.total.decimal());
        let lines = self.tables.state::<Invoice>(finalized.invoice_id).lines().len();
        let half = Decimal::new(5, finalized.currency.minor_unit() + 1);
        assert!(booked.rounding.decimal().abs() <= half * Decimal::from(lines), "{booked:?}");
    }

    /// What payments have brought beyond what their invoices took and what became credits.
    fn overpaid(&self, id: CustomerId) -> Decimal {
        let payments = self.tables.payments.values().map(|kept| &kept.state);
        let of_customer = payments.filter(|it| it.created.as_ref().is_some_and(|(it, _)| it.customer_id == id));
        let kept = |payment: &Payment| {
            let surplus = payment.surplus.map(|surplus| surplus.to_credits.decimal() + surplus.went_back.decimal());
            payment.captured.decimal() - surplus.unwrap_or_default()
        };
        let came: Decimal = of_customer.map(kept).sum();
        let applied = self.invoices_of(id).into_iter().flat_map(|invoice| &invoice.payments);
        came - applied.map(|applied| applied.amount.decimal()).sum::<Decimal>()
    }

    /// Every invoice is paid by hand; then nobody owes anything but what is not billed yet.
    pub(crate) fn pay_all(&mut self) {
        let invoices = self.tables.invoices.values().map(|kept| &kept.state);
        let is_due = |it: &&Invoice| matches!(it.status, Status::Open | Status::Uncollectible);
        let due = invoices.filter(is_due).filter_map(|invoice| Some((invoice.drafted.as_ref()?, invoice.unpaid())));
        let due: Vec<_> = due.map(|(drafted, unpaid)| (drafted.customer_id, drafted.invoice_id, unpaid)).collect();
        for (customer_id, invoice_id, unpaid) in due {
            self.customer_id = customer_id;
            self.pay_amount(invoice_id, unpaid);
        }
        self.check();
        let balances = self.journal();
        for kept in self.tables.accounts.values() {
            let id = kept.state.owner.unwrap().customer_id;
            let of = |account: JournalAccount| balances.get(&account).copied().unwrap_or_default();
            let owes = of(JournalAccount::CustomerInvoiced(id)) + of(JournalAccount::CustomerReceivable(id));
            let unbilled: Decimal = kept.state.unbilled.iter().map(|sum| sum.postpaid().decimal()).sum();
            assert_eq!(owes + self.overpaid(id), unbilled);
        }
    }
}

/// What an invoice adds to what its customer owes.
fn owed(invoice: &Invoice) -> Decimal {
    match invoice.status {
        // What was charged post-paid for it, as before it was written.
        Status::Draft | Status::Sealed => invoice.postpaid().decimal(),
        Status::Open => invoice.unpaid().decimal(),
        // What was given up is owed no more; what comes all the same is there until all of it has come.
        Status::Uncollectible => invoice.unpaid().decimal() - invoice.given_up.decimal(),
        Status::Paid | Status::Void | Status::Discarded => Decimal::ZERO,
    }
}

#[track_caller]
fn without_gaps(prefix: &str, mut numbers: Vec<&str>) {
    numbers.sort_unstable();
    let expected: Vec<String> = (1..=numbers.len()).map(|n| format!("{prefix}{n:06}")).collect();
    assert_eq!(numbers, expected);
}

#[track_caller]
fn check_invoice(invoice: &Invoice) {
    let Some(drafted) = &invoice.drafted else { return };
    check_lines(drafted);
    let totals = &drafted.totals;
    let sum: Decimal = drafted.lines.iter().map(|line| line.rated.amount.decimal()).sum();
    let inside: Decimal = drafted.taxes.iter().filter(|tax| tax.rate.is_inside()).map(|tax| tax.amount.decimal()).sum();
    let tax: Decimal = drafted.taxes.iter().map(|tax| tax.amount.decimal()).sum();
    assert_eq!((totals.subtotal.decimal(), totals.tax.decimal()), (sum - inside, tax));
    assert_eq!(totals.total.decimal(), sum - inside + tax);
    for tax in &drafted.taxes {
        assert_eq!(tax.amount.decimal(), drafted.currency.rounded(tax.amount.decimal()));
        let exact = tax.base.decimal() * tax.rate.percent.decimal() / Decimal::ONE_HUNDRED;
        match (tax.rate.reverse_charge, tax.rate.inclusive) {
            (true, _) => assert!(tax.amount.is_zero()),
            (false, true) => {}
            (false, false) => assert_eq!(tax.amount.decimal(), drafted.currency.rounded(exact)),
        }
    }
    let paid: Decimal = invoice.payments.iter().map(|applied| applied.amount.decimal()).sum();
    assert_eq!(invoice.paid.decimal(), paid);
    if !matches!(invoice.status, Status::Void | Status::Discarded) {
        let settled = invoice.paid.decimal() + invoice.credited.decimal() + invoice.offset.decimal();
        assert_eq!(invoice.unpaid().decimal(), totals.total.decimal() - settled);
    }
    let notes: Decimal = invoice.credit_notes.iter().map(|issued| issued.note.total.decimal()).sum();
    assert!(notes + invoice.offset.decimal() <= totals.total.decimal(), "no more is taken back than there was");
    assert!(invoice.status != Status::Paid || invoice.unpaid().is_zero());
}

#[track_caller]
fn check_lines(drafted: &Drafted) {
    for line in &drafted.lines {
        let exact = line.rated.exact.decimal();
        assert_eq!(line.rated.amount.decimal(), drafted.currency.rounded(exact), "each line is rounded once");
        let is_usage = matches!(line.kind, LineKind::Usage | LineKind::LateUsage);
        assert_eq!(line.postpaid.decimal(), if is_usage { exact } else { Decimal::ZERO });
        assert_eq!(line.charges.is_some(), is_usage);
        if line.kind == LineKind::ToCredits {
            assert!(drafted.totals.total.is_zero());
        }
    }
}
