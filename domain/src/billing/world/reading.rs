//! What came of it, as text: an invoice is a line that says what it comes to, then its lines and taxes.
//!
//! ```text
//! INV-000002 of 2026-02-01, paid: 31.2 + 5.93 = 37.13
//!   fee Base, 2026-02-01 to 2026-03-01: 30
//!   usage calls ×1120 (1000 included), 2026-01-01 to 2026-02-01: 1.2
//!   VAT 19% on 31.2: 5.93
//! ```
//!
//! Behind an amount that was rounded stands the exact one. A customer sees its own invoices, by their numbers.

use std::sync::Arc;

use chrono::NaiveTime;

use super::World;
use super::acting::seats;
use crate::Timestamp;
use crate::account::Account;
use crate::billing::preview::next_invoice;
use crate::billing::{Known, plans_of};
use crate::customer::{Billing, Customer};
use crate::ids::CustomerId;
use crate::invoice::{Drafted, Invoice, LineItem, LineKind, Status};
use crate::organization::Organization;
use crate::payment::Payment;
use crate::plan::Plan;
use crate::subscription::{self, EndCause, Life, Subscription};
use crate::tax::TaxLine;

impl World {
    /// The customer's invoices are these.
    #[track_caller]
    pub(crate) fn expect(&self, expected: &[&str]) {
        compare(&self.shown(), expected);
        self.check();
    }

    /// The credit notes of the customer's invoices are these.
    #[track_caller]
    pub(crate) fn expect_notes(&self, expected: &[&str]) {
        let notes: Vec<String> = self.finalized().into_iter().flat_map(notes).collect();
        compare(&notes, expected);
        self.check();
    }

    pub(crate) fn shown(&self) -> Vec<String> {
        self.finalized().into_iter().flat_map(|invoice| self.show(invoice)).collect()
    }

    /// Those of the customer that have a number, by that.
    pub(crate) fn finalized(&self) -> Vec<&Invoice> {
        let mut invoices = self.invoices_of(self.customer_id);
        invoices.retain(|invoice| invoice.number.is_some());
        invoices.sort_by(|one, other| one.number.cmp(&other.number));
        invoices
    }

    pub(super) fn invoices_of(&self, customer_id: CustomerId) -> Vec<&Invoice> {
        let all = self.tables.invoices.values().map(|kept| &kept.state);
        all.filter(|invoice| invoice.drafted.as_ref().is_some_and(|it| it.customer_id == customer_id)).collect()
    }

    /// A moment by the wall clock: the date alone at midnight.
    pub(crate) fn date(&self, at: Timestamp) -> String {
        let local = at.with_timezone(&self.zone).naive_local();
        let format = if local.time() == NaiveTime::MIN { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M" };
        local.format(format).to_string()
    }

    /// The dates of the customer's invoices.
    pub(crate) fn dates(&self) -> Vec<String> {
        self.finalized().into_iter().filter_map(|it| it.drafted.as_ref()).map(|it| self.date(it.at)).collect()
    }

    /// The same in UTC.
    pub(crate) fn moments(&self) -> Vec<String> {
        let moments = self.finalized().into_iter().filter_map(|it| it.drafted.as_ref()).map(|it| it.at);
        moments.map(|at| at.format("%Y-%m-%dT%H:%MZ").to_string()).collect()
    }

    fn show(&self, invoice: &Invoice) -> Vec<String> {
        let drafted = invoice.drafted.as_ref().unwrap();
        [self.heading(invoice, drafted)].into_iter().chain(self.content(drafted)).collect()
    }

    fn content(&self, drafted: &Drafted) -> Vec<String> {
        let lines = drafted.lines.iter().map(|line| self.line(line));
        lines.chain(drafted.taxes.iter().map(tax)).collect()
    }

    /// The lines and taxes of the subscription's next invoice, as far as that is known now.
    pub(crate) fn preview(&self) -> Vec<String> {
        let (id, account) = (self.subscription_id, self.account_now());
        let mut known = Known {
            organization: Arc::new(self.tables.state::<Organization>(self.organization_id)),
            customer: self.tables.state::<Customer>(self.customer_id),
            subscription: Some((id, self.tables.state::<Subscription>(id))),
            ..Known::default()
        };
        for id in plans_of(&account.unbilled, &known) {
            known.plans.push((id, Arc::new(self.tables.state::<Plan>(id))));
        }
        let next = next_invoice(self.organization_id, &known, &account, self.now).unwrap();
        next.map(|drafted| self.content(&drafted)).unwrap_or_default()
    }

    fn heading(&self, invoice: &Invoice, drafted: &Drafted) -> String {
        let (number, totals) = (invoice.number.as_deref().unwrap(), &drafted.totals);
        let due = invoice.unpaid();
        let status = match invoice.status {
            Status::Open if due != totals.total => format!("open with {due} due"),
            status => status.name().to_owned(),
        };
        let sum = if drafted.taxes.is_empty() {
            totals.total.to_string()
        } else {
            format!("{} + {} = {}", totals.subtotal, totals.tax, totals.total)
        };
        format!("{number} of {}, {status}: {sum}", self.date(drafted.at))
    }

    fn line(&self, line: &LineItem) -> String {
        let mut text = match line.kind {
            LineKind::ToCredits => "  to credits".to_owned(),
            kind => format!("  {} {}", name(kind), line.description),
        };
        if let Some(quantity) = line.quantity.filter(|quantity| line.meter.is_some() || *quantity != seats(1)) {
            text += &format!(" ×{quantity}");
        }
        let included = line.included_quantity.map(|quantity| format!("{quantity} included"));
        let by_credits = Some(line.paid_by_credits).filter(|amount| !amount.is_zero());
        let by_credits = by_credits.map(|amount| format!("{amount} by credits"));
        let besides: Vec<String> = included.into_iter().chain(by_credits).collect();
        if !besides.is_empty() {
            text += &format!(" ({})", besides.join(", "));
        }
        if let Some(period) = line.period {
            text += &format!(", {} to {}", self.date(period.start), self.date(period.end));
        }
        text += &format!(": {}", line.rated.amount);
        if line.rated.exact != line.rated.amount {
            text += &format!(" ({})", line.rated.exact);
        }
        text
    }

    /// What was refunded of each payment of an invoice, in the order in which they came.
    pub(crate) fn refunded(&self, number: &str) -> Vec<String> {
        let invoice = self.tables.state::<Invoice>(self.invoice_id(number));
        let payments = invoice.payments.iter().map(|applied| self.tables.state::<Payment>(applied.payment_id));
        payments.map(|payment| payment.refunded().to_string()).collect()
    }

    pub(super) fn life(&self) -> Life {
        *self.tables.state::<Subscription>(self.subscription_id).life.unwrap()
    }

    pub(crate) fn status(&self) -> subscription::Status {
        self.life().status
    }

    /// Why and when the subscription has ended.
    pub(crate) fn ended(&self) -> Option<(EndCause, String)> {
        self.life().ended.map(|(cause, at)| (cause, self.date(at)))
    }

    pub(crate) fn account_now(&self) -> Account {
        self.tables.state::<Account>(self.customer_id)
    }

    pub(crate) fn billing(&self) -> Billing {
        self.tables.state::<Customer>(self.customer_id).billing
    }

    /// The credits that are left, and what was charged post-paid and is not settled.
    pub(crate) fn balances(&self) -> (String, String) {
        let account = self.account_now();
        (account.credits().to_string(), account.postpaid.to_string())
    }
}

#[track_caller]
fn compare(shown: &[String], expected: &[&str]) {
    assert!(shown == expected, "it is\n{}\n\nand should be\n{}\n", shown.join("\n"), expected.join("\n"));
}

fn name(kind: LineKind) -> &'static str {
    match kind {
        LineKind::Fee => "fee",
        LineKind::Usage => "usage",
        LineKind::Proration => "proration",
        LineKind::Minimum => "minimum",
        LineKind::LateUsage => "late usage",
        LineKind::Adjustment => "adjustment",
        LineKind::Custom => "custom",
        LineKind::ToCredits => "to credits",
    }
}

fn tax(tax: &TaxLine) -> String {
    let how = match (tax.rate.reverse_charge, tax.rate.inclusive) {
        (true, _) => " owed by the customer,",
        (false, true) => " inside,",
        (false, false) => "",
    };
    format!("  {} {}%{how} on {}: {}", tax.rate.name, tax.rate.percent, tax.base, tax.amount)
}

fn notes(invoice: &Invoice) -> Vec<String> {
    let number = invoice.number.as_deref().unwrap();
    let show = |issued: &crate::invoice::Issued| {
        let note = &issued.note;
        let lines: Vec<String> = note.lines.iter().map(|(line, amount)| format!("{amount} of {line}")).collect();
        let (lines, tax) = (lines.join(", "), note.booked.tax);
        let parts = (note.off_due, note.to_credits, note.to_refund);
        format!(
            "{} for {number}: {lines}, tax {tax}, in all {}: {} off, {} to credits, {} to refund",
            issued.number.as_deref().unwrap(),
            note.total,
            parts.0,
            parts.1,
            parts.2,
        )
    };
    invoice.credit_notes.iter().map(show).collect()
}
