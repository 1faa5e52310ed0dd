//! Billing: what invoices and payments come to, what must always hold of numbers, and what the read model `billing` and
//! the journal have of it.
//!
//! The journal is compared with what the aggregates say, not with the postings, as far as the journal has come. For each
//! organization, customer and currency, debits less credits of
//!
//! - `customer:<id>:receivable` are what was charged post-paid, less what was settled of it;
//! - `customer:<id>:invoiced` are, summed over the invoices that were finalized, **what is unpaid**, less **what was given
//!   up** of those that are not paid, less **what was charged post-paid** for them; and, of the customer, plus **what was
//!   settled** of that, less **what payments have brought and no invoice has**, as far as it did not become credits and
//!   was not refunded.
//!
//! That follows from the events: an invoice adds its total without what was charged post-paid; credit notes and other
//! invoices that give back take away what they take off what is due; voiding takes the whole total; giving up takes what
//! was due, and a payment that comes all the same gives it back; every payment takes what has come, what of it was not
//! due is added again when it becomes credits, and settling adds what was post-paid. So of an invoice that is paid or
//! void and settled nothing is left, and both accounts together are what the customer owes.
//!
//! - `psp:clearing` is what providers have captured, less refunds that have arrived and disputes that are not won, less
//!   what payout files say was paid out, plus refunds and disputes that payout files say were taken from it. When
//!   everything is paid out it is zero.
//!
//! A series counts 1, 2, 3… without a gap; a document gets one number of it, and is known by it for ever.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::account::AccountEvent;
use domain::ids::{CustomerId, InvoiceId, OrganizationId, PaymentId};
use domain::invoice::{Invoice, InvoiceEvent, Status as InvoiceStatus};
use domain::money::Currency;
use domain::payment::{Payment, PaymentEvent, Refund, RefundStatus, Status as PaymentStatus};
use domain::postings::JournalAccount;
use domain::series::SeriesEvent;
use domain::{Aggregate, LedgerEvent, RecordedEvent};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::compare::compare_each;
use super::{Compared, Difference, Reconciled, Untils};
use crate::projection::{ProjectionError, stream_key};

/// Debits less credits by organization, account and currency.
type Owed = BTreeMap<(Uuid, String, &'static str), Decimal>;

/// What is compared of an invoice.
#[derive(Debug, Clone, PartialEq)]
struct InvoiceRow {
    customer_id: Uuid,
    status: String,
    number: Option<String>,
    total: Decimal,
    postpaid: Decimal,
    paid: Decimal,
    credited: Decimal,
    due: Decimal,
}

/// What is compared of a payment.
#[derive(Debug, Clone, PartialEq)]
struct PaymentRow {
    customer_id: Uuid,
    status: String,
    captured: Decimal,
    refunded: Decimal,
    is_asking: bool,
    paid_out: bool,
}

/// What an invoice or a payment means for one account of the journal.
#[derive(Debug, Clone)]
struct Share {
    organization: Uuid,
    account: JournalAccount,
    currency: Currency,
    amount: Decimal,
}

/// Numbers of one series.
#[derive(Default)]
struct Numbers {
    last: u64,
    given: HashSet<String>,
}

/// What the log says of billing.
#[derive(Default)]
pub(super) struct Expected {
    invoices: HashMap<Uuid, Invoice>,
    payments: HashMap<Uuid, Payment>,
    series: HashMap<String, Numbers>,
    /// The number of each document, by its name.
    documents: HashMap<String, String>,
    /// As far as `billing` has come.
    invoice_rows: BTreeMap<Uuid, InvoiceRow>,
    payment_rows: BTreeMap<Uuid, PaymentRow>,
    /// As far as the journal has come: what each invoice and payment is a part of.
    of_invoices: HashMap<Uuid, Share>,
    of_payments: HashMap<Uuid, [Share; 2]>,
    of_accounts: Owed,
}

impl Expected {
    pub(super) fn take_in(
        &mut self,
        recorded: &RecordedEvent,
        event: &LedgerEvent,
        until: &Untils,
        differences: &mut Vec<Difference>,
    ) {
        let stranger = || {
            let found = recorded.stream_id.to_string();
            Difference::invariant(recorded, "a stream named by an id of its kind".to_owned(), found)
        };
        match event {
            LedgerEvent::Account(event) if until.journal.covers(recorded) => self.take_in_account(recorded, event),
            LedgerEvent::Series(SeriesEvent::Allocated(allocated)) => {
                let numbers = self.series.entry(recorded.stream_id.as_str().to_owned()).or_default();
                let next = numbers.last + 1;
                if allocated.sequence != next || !numbers.given.insert(allocated.number.clone()) {
                    let found = format!("{} as {}", allocated.number, allocated.sequence);
                    differences.push(Difference::invariant(recorded, format!("a new number as {next}"), found));
                }
                numbers.last = allocated.sequence;
                let before = self.documents.insert(allocated.document.clone(), allocated.number.clone());
                if let Some(before) = before {
                    let expected = format!("no second number for {}, which has {before}", allocated.document);
                    differences.push(Difference::invariant(recorded, expected, allocated.number.clone()));
                }
            }
            LedgerEvent::Invoice(event) => match stream_key::<InvoiceId>(recorded) {
                Ok(id) => self.take_in_invoice(id, recorded, event, until, differences),
                Err(_) => differences.push(stranger()),
            },
            LedgerEvent::Payment(event) => match stream_key::<PaymentId>(recorded) {
                Ok(id) => self.take_in_payment(id, recorded, event, until),
                Err(_) => differences.push(stranger()),
            },
            _ => {}
        }
    }

    fn take_in_account(&mut self, recorded: &RecordedEvent, event: &AccountEvent) {
        let customer = event.customer_id();
        let mut add = |account: JournalAccount, currency: Currency, amount: Decimal| {
            let key = (recorded.organization_id.uuid(), account.to_string(), currency.code());
            *self.of_accounts.entry(key).or_default() += amount;
        };
        if let AccountEvent::UsageSettled(settled) = event {
            let amount = settled.amount.decimal();
            add(JournalAccount::CustomerReceivable(customer), settled.currency, -amount);
            add(JournalAccount::CustomerInvoiced(customer), settled.currency, amount);
        } else if let Some(charged) = event.charge().filter(|charged| !charged.postpaid.is_zero()) {
            add(JournalAccount::CustomerReceivable(customer), charged.currency, charged.postpaid.decimal());
        }
    }

    fn take_in_invoice(
        &mut self,
        id: InvoiceId,
        recorded: &RecordedEvent,
        event: &InvoiceEvent,
        until: &Untils,
        differences: &mut Vec<Difference>,
    ) {
        let numbered = match event {
            InvoiceEvent::Finalized(finalized) => Some((id.to_string(), &finalized.number)),
            InvoiceEvent::CreditNoteNumbered(numbered) => {
                Some((format!("{id}/{}", numbered.credit_note_id), &numbered.number))
            }
            _ => None,
        };
        if let Some((document, number)) = numbered
            && self.documents.get(&document) != Some(number)
        {
            let expected = self.documents.get(&document).cloned().unwrap_or_else(|| "no number".to_owned());
            differences.push(Difference::invariant(recorded, expected, number.clone()));
        }
        let invoice = self.invoices.entry(id.uuid()).or_default();
        invoice.apply_event(event, recorded.occurred_at);
        let after = event.after();
        if after.due != invoice.unpaid() {
            let (expected, found) = (format!("due {}", invoice.unpaid()), format!("due {}", after.due));
            differences.push(Difference::invariant(recorded, expected, found));
        }
        if until.billing.covers(recorded) {
            self.invoice_rows.insert(id.uuid(), invoice_row(invoice, event.customer_id()));
        }
        if until.journal.covers(recorded)
            && let Some(share) = share_of_invoice(recorded, invoice, event.customer_id())
        {
            self.of_invoices.insert(id.uuid(), share);
        }
    }

    fn take_in_payment(&mut self, id: PaymentId, recorded: &RecordedEvent, event: &PaymentEvent, until: &Untils) {
        let payment = self.payments.entry(id.uuid()).or_default();
        payment.apply_event(event, recorded.occurred_at);
        if until.billing.covers(recorded) {
            self.payment_rows.insert(id.uuid(), payment_row(payment, event.customer_id()));
        }
        if until.journal.covers(recorded)
            && let Some(shares) = shares_of_payment(recorded, payment, event.customer_id())
        {
            self.of_payments.insert(id.uuid(), shares);
        }
    }

    /// What the journal must have, without what is zero.
    fn owed(&self) -> Owed {
        let mut owed = self.of_accounts.clone();
        for share in self.of_invoices.values().chain(self.of_payments.values().flatten()) {
            let key = (share.organization, share.account.to_string(), share.currency.code());
            *owed.entry(key).or_default() += share.amount;
        }
        owed.retain(|_, amount| !amount.is_zero());
        owed
    }

    pub(super) async fn compare(
        &self,
        snapshot: &mut PgConnection,
        result: &mut Reconciled,
    ) -> Result<(), ProjectionError> {
        self.compare_journal(snapshot, result).await?;
        let rows = sqlx::query!(
            "select invoice_id, customer_id, status, number, total, postpaid, paid, credited, due from billing_invoices"
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let found: BTreeMap<Uuid, InvoiceRow> = rows
            .into_iter()
            .map(|row| {
                let invoice = InvoiceRow {
                    customer_id: row.customer_id,
                    status: row.status,
                    number: row.number,
                    total: row.total,
                    postpaid: row.postpaid,
                    paid: row.paid,
                    credited: row.credited,
                    due: row.due,
                };
                (row.invoice_id, invoice)
            })
            .collect();
        let total = |rows: &BTreeMap<Uuid, InvoiceRow>| rows.values().map(|row| row.total).sum();
        result.compared.push(Compared {
            place: "billing",
            subjects: self.invoice_rows.len() + self.payment_rows.len(),
            expected: total(&self.invoice_rows),
            found: total(&found),
        });
        let subject = |id: &Uuid| InvoiceId::new(*id).to_string();
        let show = |row: &InvoiceRow| format!("{row:?}");
        compare_each("billing", &self.invoice_rows, &found, subject, show, &mut result.differences);
        self.compare_payments(snapshot, result).await
    }

    async fn compare_payments(
        &self,
        snapshot: &mut PgConnection,
        result: &mut Reconciled,
    ) -> Result<(), ProjectionError> {
        let rows = sqlx::query!(
            "select payment_id, customer_id, status, captured, refunded, is_asking, paid_out from billing_payments"
        )
        .fetch_all(snapshot)
        .await?;
        let found: BTreeMap<Uuid, PaymentRow> = rows
            .into_iter()
            .map(|row| {
                let payment = PaymentRow {
                    customer_id: row.customer_id,
                    status: row.status,
                    captured: row.captured,
                    refunded: row.refunded,
                    is_asking: row.is_asking,
                    paid_out: row.paid_out,
                };
                (row.payment_id, payment)
            })
            .collect();
        let subject = |id: &Uuid| PaymentId::new(*id).to_string();
        let show = |row: &PaymentRow| format!("{row:?}");
        compare_each("billing", &self.payment_rows, &found, subject, show, &mut result.differences);
        Ok(())
    }

    async fn compare_journal(
        &self,
        snapshot: &mut PgConnection,
        result: &mut Reconciled,
    ) -> Result<(), ProjectionError> {
        let rows = sqlx::query!(
            r#"select organization_id, account, currency, sum(debits - credits) as "owed!" from journal_balances
               where account = 'psp:clearing' or account like 'customer:%:invoiced'
                   or account like 'customer:%:receivable'
               group by organization_id, account, currency"#
        )
        .fetch_all(snapshot)
        .await?;
        let mut found = Owed::new();
        for row in rows.into_iter().filter(|row| !row.owed.is_zero()) {
            // One that the ledger does not know is none of what is expected, and so is shown.
            let currency = row.currency.parse::<Currency>().map_or("", Currency::code);
            found.insert((row.organization_id, row.account, currency), row.owed);
        }
        let subject = |key: &(Uuid, String, &'static str)| {
            format!("{} {} of {}, by invoices and payments", key.1, key.2, OrganizationId::new(key.0))
        };
        let show = |owed: &Decimal| format!("debits less credits {}", owed.normalize());
        compare_each("journal", &self.owed(), &found, subject, show, &mut result.differences);
        Ok(())
    }
}

fn invoice_row(invoice: &Invoice, customer_id: CustomerId) -> InvoiceRow {
    let is_settled = matches!(invoice.status, InvoiceStatus::Paid | InvoiceStatus::Void);
    InvoiceRow {
        customer_id: customer_id.uuid(),
        status: invoice.status.name().to_owned(),
        number: invoice.number.clone(),
        total: invoice.totals().total.decimal(),
        postpaid: if is_settled { Decimal::ZERO } else { invoice.postpaid().decimal() },
        paid: invoice.paid.decimal(),
        credited: invoice.credited.decimal(),
        due: invoice.unpaid().decimal(),
    }
}

fn payment_row(payment: &Payment, customer_id: CustomerId) -> PaymentRow {
    PaymentRow {
        customer_id: customer_id.uuid(),
        status: payment.status.name().to_owned(),
        captured: payment.captured.decimal(),
        refunded: payment.refunded().decimal(),
        is_asking: payment.is_asking(),
        paid_out: payment.payout_id.is_some(),
    }
}

/// What an invoice is of what its customer was invoiced. What it got of payments is in it: those are taken off as a whole.
fn share_of_invoice(recorded: &RecordedEvent, invoice: &Invoice, customer_id: CustomerId) -> Option<Share> {
    let drafted = invoice.drafted.as_ref().filter(|_| invoice.finalized_at.is_some())?;
    let given_up = match invoice.status {
        InvoiceStatus::Paid => Decimal::ZERO,
        _ => invoice.given_up.decimal(),
    };
    let unpaid = invoice.unpaid().decimal();
    Some(Share {
        organization: recorded.organization_id.uuid(),
        account: JournalAccount::CustomerInvoiced(customer_id),
        currency: drafted.currency,
        amount: unpaid + invoice.paid.decimal() - given_up - invoice.postpaid().decimal(),
    })
}

/// What a payment takes off what its customer was invoiced, and what of it is with the provider.
fn shares_of_payment(recorded: &RecordedEvent, payment: &Payment, customer_id: CustomerId) -> Option<[Share; 2]> {
    let (created, _) = payment.created.as_ref()?;
    let came = match payment.status {
        PaymentStatus::Succeeded => payment.captured.decimal(),
        _ => Decimal::ZERO,
    };
    let share = |account, amount| Share {
        organization: recorded.organization_id.uuid(),
        account,
        currency: created.currency,
        amount,
    };
    let surplus = payment.surplus.map(|surplus| surplus.to_credits.decimal() + surplus.went_back.decimal());
    // Of a payment for no invoice: what went back without a credit note was paid in advance.
    let is_unapplied = |refund: &&Refund| {
        created.invoice_id.is_none() && refund.credit_note.is_none() && refund.status == RefundStatus::Succeeded
    };
    let went_back: Decimal = payment.refunds.iter().filter(is_unapplied).map(|refund| refund.amount.decimal()).sum();
    let kept = came - surplus.unwrap_or_default() - went_back;
    let with_provider = if payment.is_by_hand() { Decimal::ZERO } else { came + moved(payment) };
    Some([
        share(JournalAccount::CustomerInvoiced(customer_id), -kept),
        share(JournalAccount::PspClearing, with_provider),
    ])
}

/// What was with a provider and is so no more, or the other way round.
fn moved(payment: &Payment) -> Decimal {
    let mut moved = Decimal::ZERO;
    if payment.payout_id.is_some() {
        moved -= payment.captured.decimal();
    }
    for refund in &payment.refunds {
        if refund.status == RefundStatus::Succeeded {
            moved -= refund.amount.decimal();
        }
        if refund.payout_id.is_some() {
            moved += refund.amount.decimal();
        }
    }
    for dispute in payment.disputes.values() {
        // Of one of which only the end was heard, nothing was taken as far as the ledger knows.
        if dispute.reason.is_some() {
            moved -= dispute.amount.decimal();
        }
        if dispute.won == Some(true) {
            moved += dispute.amount.decimal();
        }
        if dispute.payout_id.is_some() {
            moved += dispute.amount.decimal();
        }
        if dispute.reversal_payout_id.is_some() {
            moved -= dispute.amount.decimal();
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::ids::{ConnectorId, PayoutId, RefundId};
    use domain::payment::event::Created;
    use domain::payment::{After, DisputeState};

    fn payment() -> Payment {
        let after = After {
            status: PaymentStatus::Created,
            captured: "0".parse().unwrap(),
            refunded: "0".parse().unwrap(),
            is_asking: true,
            is_waiting: false,
        };
        let created = Created {
            payment_id: PaymentId::new(Uuid::from_u128(1)),
            organization_id: OrganizationId::new(Uuid::from_u128(2)),
            customer_id: CustomerId::new(Uuid::from_u128(3)),
            invoice_id: None,
            connector_id: Some(ConnectorId::new(Uuid::from_u128(4))),
            method: None,
            amount: "10".parse().unwrap(),
            currency: Currency::USD,
            manual_capture: false,
            off_session: true,
            after,
        };
        Payment {
            created: Some((created, Timestamp::UNIX_EPOCH)),
            status: PaymentStatus::Succeeded,
            captured: "10".parse().unwrap(),
            ..Payment::default()
        }
    }

    fn refund(status: RefundStatus, is_paid_out: bool) -> Refund {
        Refund {
            id: RefundId::new(Uuid::from_u128(5)),
            amount: "3".parse().unwrap(),
            reason: "too much".to_owned(),
            credit_note: None,
            requested_at: Timestamp::UNIX_EPOCH,
            status,
            provider_id: None,
            payout_id: is_paid_out.then(|| PayoutId::new(Uuid::from_u128(6))),
        }
    }

    fn dispute(reason: Option<&str>, won: Option<bool>) -> DisputeState {
        let (amount, reason) = ("10".parse().unwrap(), reason.map(str::to_owned));
        DisputeState { amount, reason, won, payout_id: None, reversal_payout_id: None }
    }

    #[test]
    fn what_has_gone_from_a_provider_comes_to_nothing_when_all_is_paid_out() {
        let payout_id = Some(PayoutId::new(Uuid::from_u128(6)));
        let dec = |text: &str| text.parse::<Decimal>().unwrap();
        let won = dispute(Some("fraudulent"), Some(true));
        let back = DisputeState { payout_id, reversal_payout_id: payout_id, ..won };
        for (refunds, disputes, payout_id, expected) in [
            (vec![], vec![], None, "0"),
            (vec![], vec![], payout_id, "-10"),
            (vec![refund(RefundStatus::Succeeded, false)], vec![], payout_id, "-13"),
            (vec![refund(RefundStatus::Succeeded, true)], vec![], payout_id, "-10"),
            (vec![refund(RefundStatus::Pending, false), refund(RefundStatus::Failed, false)], vec![], None, "0"),
            (vec![], vec![dispute(Some("fraudulent"), None)], None, "-10"),
            (vec![], vec![dispute(Some("fraudulent"), Some(false))], None, "-10"),
            (vec![], vec![dispute(Some("fraudulent"), Some(true))], None, "0"),
            (vec![], vec![dispute(None, Some(true))], None, "10"),
            (vec![], vec![DisputeState { payout_id, ..dispute(Some("fraudulent"), None) }], payout_id, "-10"),
            (vec![], vec![DisputeState { payout_id, ..dispute(Some("fraudulent"), Some(true)) }], payout_id, "0"),
            (vec![], vec![back], payout_id, "-10"),
        ] {
            let disputes = disputes.into_iter().map(|dispute| ("dp_1".to_owned(), dispute)).collect();
            let payment = Payment { refunds, disputes, payout_id, ..payment() };
            assert_eq!(moved(&payment), dec(expected), "{payment:?}");
        }
    }
}
