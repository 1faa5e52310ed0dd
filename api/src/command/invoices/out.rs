//! An invoice as it is shown.

use chrono::{DateTime, Utc};
use domain::cycle::Cycle;
use domain::ids::{CreditNoteId, CustomerId, InvoiceId, PaymentId, PlanId, SubscriptionId, TaxRateId};
use domain::invoice::{Collection, Drafted, Invoice, Issued, LineItem, LineKind, Status};
use domain::money::SignedAmount;
use domain::tax::{AppliedRate, TaxLine};
use serde::Serialize;
use utoipa::ToSchema;

/// An invoice.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceOut {
    /// Always `invoice`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: InvoiceId,
    /// Who is billed.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// The subscription that it is of; `null` for one that somebody asked for.
    #[schema(value_type = Option<String>)]
    pub subscription_id: Option<SubscriptionId>,
    /// The number of the subscription's bill that it came of.
    pub bill: Option<u32>,
    /// `draft`, `sealed` (it waits for its number), `open`, `paid`, `void`, `uncollectible` or `discarded`.
    #[schema(value_type = String)]
    pub status: Status,
    /// Its number, without a gap in its series; `null` until it is finalized.
    pub number: Option<String>,
    /// In this currency.
    pub currency: String,
    /// Its date.
    pub date: DateTime<Utc>,
    /// Dates are written on this wall clock.
    pub time_zone: String,
    /// When it is due; `null` until it is finalized.
    pub due_at: Option<DateTime<Utc>>,
    /// How many days after its date that is.
    pub due_days: u32,
    /// The period that was closed with it.
    pub period: Option<InvoicePeriodOut>,
    /// `automatic`: the customer's payment method is charged; `send`: the customer pays by itself.
    #[schema(value_type = String)]
    pub collection: Collection,
    /// What it is for.
    pub lines: Vec<InvoiceLineOut>,
    /// The taxes: each rate on the sum of its lines.
    pub taxes: Vec<InvoiceTaxOut>,
    /// The sum of the lines, without tax.
    pub subtotal: String,
    /// All taxes.
    pub tax: String,
    /// What is to be paid; never less than zero.
    pub total: String,
    /// What was paid.
    pub paid: String,
    /// What credit notes took off what was due.
    pub credited: String,
    /// What other invoices of the subscription took off it that gave back more than they charged.
    pub offset: String,
    /// What is still to be paid.
    pub due: String,
    /// When something is due by time: a try to be paid, or that it is overdue.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// How many tries to be paid there were, with the one that is under way.
    pub attempts: u32,
    /// Whether one is under way.
    pub is_attempting: bool,
    /// The payment that is under way: of a try, or one that somebody made. There is one at a time.
    #[schema(value_type = Option<String>)]
    pub payment_under_way: Option<PaymentId>,
    /// After how many days each a failed payment is tried again.
    pub retry_days: Vec<u32>,
    /// What the last try that failed came to.
    pub last_failure: Option<InvoiceFailureOut>,
    /// Payments that have come for it, in order.
    pub payments: Vec<InvoicePaymentOut>,
    /// What was taken back of it, in order.
    pub credit_notes: Vec<InvoiceCreditNoteOut>,
    /// Written on it.
    pub note: Option<String>,
    /// When it was drafted.
    pub created_at: DateTime<Utc>,
    /// When it got its number.
    pub finalized_at: Option<DateTime<Utc>>,
    /// When nothing was due any more.
    pub paid_at: Option<DateTime<Utc>>,
    /// When it was voided.
    pub voided_at: Option<DateTime<Utc>>,
    /// When it was marked as uncollectible.
    pub uncollectible_at: Option<DateTime<Utc>>,
    /// When it was found not to be paid in time, of one that the customer pays by itself.
    pub overdue_at: Option<DateTime<Utc>>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

/// From its start up to, and without, its end.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct InvoicePeriodOut {
    /// Its first moment.
    pub start: DateTime<Utc>,
    /// The first moment after it.
    pub end: DateTime<Utc>,
}

impl From<Cycle> for InvoicePeriodOut {
    fn from(cycle: Cycle) -> Self {
        Self { start: cycle.start, end: cycle.end }
    }
}

/// A line of an invoice.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceLineOut {
    /// Its place, from 0.
    pub index: usize,
    /// `fee`, `usage`, `proration`, `minimum`, `late_usage`, `adjustment`, `custom` or `to_credits`.
    #[schema(value_type = String)]
    pub kind: LineKind,
    /// In words.
    pub description: String,
    /// Which version of which price; `null` where no plan has a say.
    pub price: Option<InvoicePriceOut>,
    /// What was counted.
    pub meter: Option<String>,
    /// How much: of a meter, of seats.
    pub quantity: Option<String>,
    /// How much of that an allowance covered.
    pub included_quantity: Option<String>,
    /// The price of one unit, where all units have the same.
    pub unit_price: Option<String>,
    /// The period that it is for.
    pub period: Option<InvoicePeriodOut>,
    /// What it comes to, rounded to the currency's smallest unit.
    pub amount: String,
    /// The same before it was rounded.
    pub exact: String,
    /// What credits paid of it already: not part of its amount.
    pub paid_by_credits: String,
    /// What it counts as for taxes.
    pub tax_category: String,
    /// The rates that apply.
    pub taxes: Vec<InvoiceRateOut>,
    /// How many charges stand behind it; `null` for one without.
    pub charges: Option<u64>,
    /// What credit notes can still take back of it; `null` before the invoice is finalized.
    pub left: Option<String>,
}

/// A version of a plan's price.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvoicePriceOut {
    /// The plan.
    #[schema(value_type = String)]
    pub plan_id: PlanId,
    /// Its version.
    pub version: u32,
    /// The price's code.
    pub code: String,
}

/// A tax rate as it was when the invoice was drafted.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceRateOut {
    /// The row of the tax table.
    #[schema(value_type = String)]
    pub tax_rate_id: TaxRateId,
    /// What it is called.
    pub name: String,
    /// In percent.
    pub percent: String,
    /// Whether the amount has it in it.
    pub inclusive: bool,
    /// Whether the customer owes it itself: then it comes to nothing here.
    pub reverse_charge: bool,
}

impl InvoiceRateOut {
    fn new(rate: &AppliedRate) -> Self {
        Self {
            tax_rate_id: rate.tax_rate_id,
            name: rate.name.clone(),
            percent: rate.percent.to_string(),
            inclusive: rate.inclusive,
            reverse_charge: rate.reverse_charge,
        }
    }
}

/// What a tax rate comes to on an invoice.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceTaxOut {
    /// The rate.
    #[serde(flatten)]
    pub rate: InvoiceRateOut,
    /// What it is computed on, without tax.
    pub base: String,
    /// What it comes to.
    pub amount: String,
}

impl InvoiceTaxOut {
    /// Each of them.
    pub fn all(taxes: &[TaxLine]) -> Vec<Self> {
        let shown = taxes.iter().map(|tax| Self {
            rate: InvoiceRateOut::new(&tax.rate),
            base: tax.base.to_string(),
            amount: tax.amount.to_string(),
        });
        shown.collect()
    }
}

/// A try to be paid that has failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceFailureOut {
    /// Which try it was, from 1.
    pub attempt: u32,
    /// The payment.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// The provider's code; `no_payment_method` when there was nothing to charge.
    pub code: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A payment that has come for an invoice.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoicePaymentOut {
    /// Which.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// How much of it.
    pub amount: String,
    /// What came with it and was not due: it became credits.
    pub surplus: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A credit note, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceCreditNoteOut {
    /// Which.
    #[schema(value_type = String)]
    pub id: CreditNoteId,
    /// Its number; `null` until it has it.
    pub number: Option<String>,
    /// All of it, with tax.
    pub total: String,
    /// When.
    pub date: DateTime<Utc>,
}

impl InvoiceCreditNoteOut {
    fn new(issued: &Issued) -> Self {
        Self {
            id: issued.note.credit_note_id,
            number: issued.number.clone(),
            total: issued.note.total.to_string(),
            date: issued.note.at,
        }
    }
}

impl InvoiceLineOut {
    /// Each of them; `left` is what can still be taken back of each.
    pub fn all(lines: &[LineItem], left: Option<&[SignedAmount]>) -> Vec<Self> {
        let left_of = |index: usize| left.and_then(|left| left.get(index)).map(ToString::to_string);
        lines.iter().enumerate().map(|(index, line)| Self::new(index, line, left_of(index))).collect()
    }

    /// One of them.
    pub fn new(index: usize, line: &LineItem, left: Option<String>) -> Self {
        let price = line.price.as_ref().map(|price| InvoicePriceOut {
            plan_id: price.plan_id,
            version: price.version,
            code: price.code.to_string(),
        });
        Self {
            index,
            kind: line.kind,
            description: line.description.clone(),
            price,
            meter: line.meter.as_ref().map(ToString::to_string),
            quantity: line.quantity.map(|quantity| quantity.to_string()),
            included_quantity: line.included_quantity.map(|quantity| quantity.to_string()),
            unit_price: line.unit_price.map(|price| price.to_string()),
            period: line.period.map(InvoicePeriodOut::from),
            amount: line.rated.amount.to_string(),
            exact: line.rated.exact.to_string(),
            paid_by_credits: line.paid_by_credits.to_string(),
            tax_category: line.tax_category.0.to_string(),
            taxes: line.taxes.iter().map(InvoiceRateOut::new).collect(),
            charges: line.charges.map(|charges| charges.count),
            left,
        }
    }
}

impl InvoiceOut {
    /// From the domain's invoice; `None` when it was never drafted.
    pub fn new(invoice: &Invoice, position: Option<String>) -> Option<Self> {
        let drafted: &Drafted = invoice.drafted.as_deref()?;
        let totals = &drafted.totals;
        let is_final = matches!(invoice.status, Status::Open | Status::Paid | Status::Uncollectible);
        let left = is_final.then(|| invoice.left_of_lines());
        let (subscription_id, bill) = drafted.subscription.unzip();
        Some(Self {
            object: "invoice",
            id: drafted.invoice_id,
            customer_id: drafted.customer_id,
            subscription_id,
            bill,
            status: invoice.status,
            number: invoice.number.clone(),
            currency: drafted.currency.to_string(),
            date: drafted.at,
            time_zone: drafted.time_zone.to_string(),
            due_at: invoice.due_at,
            due_days: drafted.due_days,
            period: drafted.period.map(InvoicePeriodOut::from),
            collection: drafted.collection,
            lines: InvoiceLineOut::all(&drafted.lines, left.as_deref()),
            taxes: InvoiceTaxOut::all(&drafted.taxes),
            subtotal: totals.subtotal.to_string(),
            tax: totals.tax.to_string(),
            total: totals.total.to_string(),
            paid: invoice.paid.to_string(),
            credited: invoice.credited.to_string(),
            offset: invoice.offset.to_string(),
            due: invoice.unpaid().to_string(),
            next_attempt_at: invoice.next_attempt_at,
            attempts: invoice.attempts,
            is_attempting: invoice.is_attempting,
            payment_under_way: invoice.under_way(),
            retry_days: drafted.retry_days.clone(),
            last_failure: invoice.last_failure.as_ref().map(|failure| InvoiceFailureOut {
                attempt: failure.attempt,
                payment_id: failure.payment_id,
                code: failure.code.clone(),
                at: failure.at,
            }),
            payments: payments(invoice),
            credit_notes: invoice.credit_notes.iter().map(InvoiceCreditNoteOut::new).collect(),
            note: drafted.note.clone(),
            created_at: invoice.drafted_at?,
            finalized_at: invoice.finalized_at,
            paid_at: invoice.paid_at,
            voided_at: invoice.voided_at,
            uncollectible_at: invoice.uncollectible_at,
            overdue_at: invoice.overdue_at,
            position,
        })
    }
}

fn payments(invoice: &Invoice) -> Vec<InvoicePaymentOut> {
    let shown = invoice.payments.iter().map(|applied| InvoicePaymentOut {
        payment_id: applied.payment_id,
        amount: applied.amount.to_string(),
        surplus: applied.surplus.to_string(),
        at: applied.at,
    });
    shown.collect()
}
