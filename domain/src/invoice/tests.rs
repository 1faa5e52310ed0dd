//! Given events, when a command, then events: the rules of an invoice by example, by subject, and over any lines, rates
//! and credit notes in [`series`].

use chrono_tz::Tz;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::aggregate::EventPayload;
use crate::cycle::Cycle;
use crate::ids::{ConnectorId, CustomerId, OrganizationId, SubscriptionId, TaxRateId};
use crate::price::Rated;
use crate::tax::{Region, TaxCategory, TaxProfile, TaxRate};

mod collecting;
mod crediting;
mod drafting;
mod life;
mod series;

/// The date of every invoice here.
const AT: &str = "2026-03-10T00:00:00Z";
/// When it is drafted and finalized.
const T0: &str = "2026-03-10T00:00:05Z";
const NUMBER: &str = "INV-000001";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}
fn signed(text: &str) -> SignedAmount {
    text.parse().unwrap()
}
fn organization() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(1))
}
fn customer() -> CustomerId {
    CustomerId::new(Uuid::from_u128(2))
}
fn invoice_id() -> InvoiceId {
    InvoiceId::new(Uuid::from_u128(3))
}
fn subscription() -> SubscriptionId {
    SubscriptionId::new(Uuid::from_u128(4))
}
fn payment(n: u128) -> PaymentId {
    PaymentId::new(Uuid::from_u128(n))
}
fn note_id(n: u128) -> CreditNoteId {
    CreditNoteId::new(Uuid::from_u128(n))
}
fn category(code: &str) -> TaxCategory {
    TaxCategory(code.parse().unwrap())
}
fn in_region(country: &str, subdivision: Option<&str>) -> TaxProfile {
    let region = Region { country: country.to_owned(), subdivision: subdivision.map(str::to_owned) };
    TaxProfile { region: Some(region), ..TaxProfile::default() }
}

/// A rate of a part of Germany, on top of prices.
fn rate(n: u128, of: &str, percent: &str) -> TaxRate {
    TaxRate {
        id: TaxRateId::new(Uuid::from_u128(n)),
        name: format!("Tax {n}"),
        region: Region { country: "DE".to_owned(), subdivision: None },
        category: category(of),
        percent: amount(percent),
        inclusive: false,
        reverse_charge: false,
    }
}

/// The same, with the prices having it in them.
fn inside(rate: TaxRate) -> TaxRate {
    TaxRate { inclusive: true, ..rate }
}

fn line(exact: &str) -> LineItem {
    LineItem {
        kind: LineKind::Custom,
        description: "Work".to_owned(),
        price: None,
        meter: None,
        quantity: None,
        included_quantity: None,
        unit_price: None,
        period: None,
        paid_by_credits: Amount::ZERO,
        postpaid: Amount::ZERO,
        rated: Rated { exact: signed(exact), amount: SignedAmount::ZERO },
        tax_category: TaxCategory::default(),
        taxes: Vec::new(),
        charges: None,
    }
}

fn of_category(code: &str, line: LineItem) -> LineItem {
    LineItem { tax_category: category(code), ..line }
}

/// What an account has charged post-paid.
fn usage(exact: &str) -> LineItem {
    LineItem {
        kind: LineKind::Usage,
        postpaid: amount(exact),
        charges: Some(ChargesRef { count: 3, first_version: 5, last_version: 9, period_start: None }),
        ..line(exact)
    }
}

/// By hand, without taxes, due after 14 days, with two more tries when it is collected automatically.
fn plain(lines: Vec<LineItem>) -> Draft {
    Draft {
        invoice_id: invoice_id(),
        customer_id: customer(),
        subscription: Some((subscription(), 1)),
        currency: "EUR".parse().unwrap(),
        at: at(AT),
        time_zone: Tz::Europe__Berlin,
        period: Some(Cycle { start: at("2026-02-10T00:00:00Z"), end: at(AT) }),
        auto_finalize: false,
        collection: Collection::Send,
        due_days: 14,
        retry_days: vec![3, 5],
        series: "org/invoices".to_owned(),
        tax_rates: Vec::new(),
        seller_tax: in_region("DE", None),
        buyer_tax: in_region("DE", Some("BE")),
        lines,
        note: None,
    }
}

fn automatic(lines: Vec<LineItem>) -> Draft {
    Draft { collection: Collection::Automatic, ..plain(lines) }
}

fn taxed(rates: Vec<TaxRate>, lines: Vec<LineItem>) -> Draft {
    Draft { tax_rates: rates, ..plain(lines) }
}

fn number(number: &str) -> Action {
    Action::Number { number: number.to_owned() }
}
fn pay(n: u128, text: &str) -> Action {
    Action::ApplyPayment { payment_id: payment(n), amount: amount(text) }
}
/// Somebody makes a payment.
fn expect(n: u128, text: &str) -> Action {
    Action::ExpectPayment(Box::new(ExpectPayment {
        payment_id: payment(n),
        connector_id: ConnectorId::new(Uuid::from_u128(6)),
        method: None,
        amount: amount(text),
        manual_capture: false,
        off_session: true,
    }))
}
/// Another invoice gives back so much; after this one the rest would go to one more.
fn offset(text: &str) -> Action {
    let [from_invoice, next] = [70, 71].map(|n| InvoiceId::new(Uuid::from_u128(n)));
    Action::Offset { from_invoice, amount: amount(text), then: vec![next] }
}
/// The payment of this try has failed.
fn fail(attempt: u32) -> Action {
    Action::FailPayment { payment_id: payment_of(invoice_id(), attempt), code: "card_declined".to_owned() }
}
/// What is paid already becomes credits.
fn credit(n: u128, lines: &[(u32, &str)]) -> Action {
    note(n, lines, false)
}
/// What is paid already is refunded.
fn refund(n: u128, lines: &[(u32, &str)]) -> Action {
    note(n, lines, true)
}
fn note(n: u128, lines: &[(u32, &str)], refund: bool) -> Action {
    let lines = lines.iter().map(|(index, text)| (*index, amount(text))).collect();
    Action::IssueCreditNote(Box::new(CreditNote {
        credit_note_id: note_id(n),
        reason: "a mistake".to_owned(),
        lines,
        refund,
    }))
}

/// An invoice that takes its commands one after another.
struct Given {
    invoice: Invoice,
    log: Vec<(InvoiceEvent, Timestamp)>,
}

impl Given {
    fn nothing() -> Self {
        Self { invoice: Invoice::default(), log: Vec::new() }
    }

    fn draft(draft: Draft) -> Self {
        let mut given = Self::nothing();
        given.when(Action::Draft(Box::new(draft)), T0).unwrap();
        given
    }

    fn sealed(draft: Draft) -> Self {
        let mut given = Self::draft(draft);
        given.when(Action::Seal, T0).unwrap();
        given
    }

    fn finalized(draft: Draft) -> Self {
        let mut given = Self::sealed(draft);
        given.when(number(NUMBER), T0).unwrap();
        given
    }

    /// Two lines of 60 and 40, without taxes, in this status.
    fn in_status(status: Status) -> Self {
        let draft = || plain(vec![line("60"), line("40")]);
        let mut given = match status {
            Status::Draft | Status::Discarded => Self::draft(draft()),
            Status::Sealed => Self::sealed(draft()),
            Status::Open | Status::Paid | Status::Void | Status::Uncollectible => Self::finalized(draft()),
        };
        let last = match status {
            Status::Paid => Some(pay(100, "100")),
            Status::Void => Some(Action::Void),
            Status::Uncollectible => Some(Action::MarkUncollectible),
            Status::Discarded => Some(Action::Discard),
            Status::Draft | Status::Sealed | Status::Open => None,
        };
        if let Some(last) = last {
            given.when(last, T0).unwrap();
        }
        assert_eq!(given.invoice.status, status);
        given
    }

    fn when(&mut self, action: Action, now: &str) -> Result<Vec<InvoiceEvent>, InvoiceError> {
        let now = at(now);
        let command = InvoiceCommand { organization_id: organization(), action };
        let events = self.invoice.handle_command(&command, now)?;
        for event in &events {
            self.invoice.apply_event(event, now);
            assert_eq!(*event.after(), self.invoice.standing(), "{}", event.event_type());
            let stored = InvoiceEvent::decode(event.event_type(), event.schema(), &event.encode());
            assert_eq!(stored.as_ref(), Ok(event), "as it is stored");
            assert_eq!(event.customer_id(), customer());
            self.log.push((event.clone(), now));
        }
        // The state is a function of the events.
        let mut replayed = Invoice::default();
        for (event, at) in &self.log {
            replayed.apply_event(event, *at);
        }
        assert_eq!(replayed, self.invoice);
        Ok(events)
    }

    /// What becomes of a command, in words: the events' types, `!` when the status forbids it.
    fn outcome(&mut self, action: Action, now: &str) -> String {
        match self.when(action, now) {
            Ok(events) => events.iter().map(InvoiceEvent::event_type).collect::<Vec<_>>().join("+"),
            Err(InvoiceError::WrongStatus(status)) => {
                assert_eq!(status, self.invoice.status);
                "!".to_owned()
            }
            Err(error) => error.to_string(),
        }
    }

    fn booked(&self) -> Booked {
        let finalized = self.log.iter().find_map(|(event, _)| match event {
            InvoiceEvent::Finalized(finalized) => Some(finalized.booked),
            _ => None,
        });
        finalized.unwrap()
    }

    fn note(&self, n: u128) -> &CreditNoteIssued {
        &self.invoice.credit_note(note_id(n)).unwrap().note
    }
}

/// The taxes as text: name, base, amount.
fn shown(taxes: &[TaxLine]) -> Vec<(String, String, String)> {
    taxes.iter().map(|tax| (tax.rate.name.clone(), tax.base.to_string(), tax.amount.to_string())).collect()
}

fn tax(n: u128, base: &str, amount: &str) -> (String, String, String) {
    (format!("Tax {n}"), base.to_owned(), amount.to_owned())
}

fn sum(amounts: impl Iterator<Item = SignedAmount>) -> Decimal {
    amounts.map(SignedAmount::decimal).sum()
}
