//! What is on an invoice or a credit note.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

/// The language of the labels and dates. Names, descriptions and notes stay as they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

/// Who sells or who buys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Its address, line by line.
    pub lines: Vec<String>,
    /// Its tax id.
    pub tax_id: Option<String>,
    /// Its e-mail address.
    pub email: Option<String>,
}

/// A line: something that was sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub description: String,
    /// More about it, shown smaller.
    pub detail: Option<String>,
    /// Its first and its last day.
    pub period: Option<(NaiveDate, NaiveDate)>,
    /// How much of it.
    pub quantity: Option<Decimal>,
    /// What one costs.
    pub unit_price: Option<Decimal>,
    /// The taxes on it, for example `20 %` or `20 % + 5 %`.
    pub tax_percent: Option<String>,
    /// What it comes to.
    pub amount: Decimal,
}

/// What a tax rate comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxLine {
    /// What it is called, for example `VAT`.
    pub name: String,
    /// In percent.
    pub percent: Decimal,
    /// Whether the lines' amounts have it in them.
    pub inclusive: bool,
    /// What it is computed on.
    pub base: Decimal,
    /// What it comes to.
    pub amount: Decimal,
}

/// What the document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Something is to be paid.
    Invoice,
    /// An invoice is taken back, all of it or a part.
    CreditNote,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not issued: it may still change.
    Draft,
    /// Issued, and waiting for money if it is an invoice.
    Open,
    /// Nothing is due any more.
    Paid,
    /// Issued and then taken back.
    Void,
    /// Nobody expects the money any more.
    Uncollectible,
}

/// An invoice or a credit note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: Kind,
    /// The language of its labels.
    pub language: Language,
    /// Its number. Without one it is a draft, and says so on every page.
    pub number: Option<String>,
    /// Its id: the PDF's own id is made from it.
    pub id: String,
    /// When it was issued: the PDF's date.
    pub issued_at: Option<DateTime<Utc>>,
    /// The day on it.
    pub issue_date: Option<NaiveDate>,
    /// When it is to be paid.
    pub due_date: Option<NaiveDate>,
    /// How it stands.
    pub status: Status,
    /// When it was paid.
    pub paid_date: Option<NaiveDate>,
    /// The number of the invoice that a credit note is for.
    pub refers_to: Option<String>,
    /// Who sells.
    pub seller: Party,
    /// Who buys.
    pub buyer: Party,
    /// The currency, for example `EUR`.
    pub currency: String,
    /// The decimals of the currency's smallest unit. An amount with more of them is refused.
    pub decimals: u32,
    /// What was sold.
    pub lines: Vec<Line>,
    /// What the taxes come to, rate by rate.
    pub taxes: Vec<TaxLine>,
    /// The sum before taxes that are not in the prices.
    pub subtotal: Decimal,
    /// The sum of the taxes.
    pub tax: Decimal,
    /// The sum.
    pub total: Decimal,
    /// What was paid of it.
    pub paid: Decimal,
    /// What was credited of it.
    pub credited: Decimal,
    /// What is still to be paid.
    pub due: Decimal,
    /// Sentences under the sums, for example that the customer owes the tax.
    pub notes: Vec<String>,
    /// At the foot of every page, at most three lines of it.
    pub footer: Option<String>,
}

impl Document {
    /// Whether it is shown as a draft.
    pub(crate) fn is_draft(&self) -> bool {
        self.number.is_none() || self.status == Status::Draft
    }
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// An amount that the currency cannot pay. Nothing is rounded for showing.
    #[error("the amount {amount} has more than {decimals} decimals")]
    Precision {
        /// The amount.
        amount: Decimal,
        /// How many decimals the currency has.
        decimals: u32,
    },
    /// No currency has so many decimals.
    #[error("{0} decimals are too many")]
    Decimals(u32),
    /// A font of ours could not be read.
    #[error("the font {0} could not be read")]
    Font(&'static str),
    /// The PDF could not be written.
    #[error("the PDF could not be written: {0}")]
    Pdf(String),
    /// The CSV could not be written.
    #[error("the CSV could not be written: {0}")]
    Csv(String),
}
