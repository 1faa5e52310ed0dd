//! A line of a payout file.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime};
use csv::ByteRecord;
use domain::Timestamp;
use domain::envelope::to_micros;
use domain::money::{Currency, SignedAmount};
use domain::payout::PayoutLine;

use super::PayoutFileError;
use super::columns::{Column, Columns};

/// The longest text of a cell.
const TEXT_CHARACTERS_MAX: usize = 255;
/// The category of lines about a payment that has come.
const CHARGE: &str = "charge";

/// A line, not read yet.
pub(super) struct Row<'a> {
    number: u64,
    record: &'a ByteRecord,
    columns: &'a Columns,
}

impl<'a> Row<'a> {
    /// The line with this number, from 1.
    pub(super) fn new(number: u64, record: &'a ByteRecord, columns: &'a Columns) -> Result<Self, PayoutFileError> {
        if record.len() != columns.count {
            let (cells, columns) = (record.len(), columns.count);
            return Err(PayoutFileError::OtherLength { line: number, cells, columns });
        }
        Ok(Self { number, record, columns })
    }

    /// What is wrong with a cell.
    pub(super) fn wrong(&self, column: Column, why: impl Into<String>) -> PayoutFileError {
        PayoutFileError::Cell { line: self.number, column: column.name, why: why.into() }
    }

    /// What it says.
    pub(super) fn line(&self) -> Result<PayoutLine, PayoutFileError> {
        let category = self.needed(self.columns.category)?;
        let (gross, fee) = (self.amount(self.columns.gross)?, self.amount(self.columns.fee)?);
        let net = self.amount(self.columns.net)?;
        if gross.checked_add(fee.negated()) != Ok(net) {
            return Err(self.wrong(self.columns.net, "is not gross less fee"));
        }
        Ok(PayoutLine {
            provider_line_id: self.needed(self.columns.line_id)?.to_owned(),
            source_id: self.source(category)?.map(str::to_owned),
            payment_source_id: self.disputed(category)?.map(str::to_owned),
            category: category.to_owned(),
            currency: self.currency()?,
            gross,
            fee,
            net,
        })
    }

    /// When it was paid out, if it says so.
    pub(super) fn paid_out_at(&self) -> Result<Option<Timestamp>, PayoutFileError> {
        let Some(column) = self.columns.paid_out_at else { return Ok(None) };
        let Some(text) = self.text(column)? else { return Ok(None) };
        let at = time(text).ok_or_else(|| self.wrong(column, "must be a time like 2026-01-31T12:00:00Z"))?;
        Ok(Some(at))
    }

    /// The payment, the refund or the dispute that it is about, by the provider's id that the ledger has.
    fn source(&self, category: &str) -> Result<Option<&'a str>, PayoutFileError> {
        if category == CHARGE
            && let Some(payment) = self.payment()?
        {
            return Ok(Some(payment));
        }
        self.text(self.columns.source_id)
    }

    /// The payment that is disputed, of a line about a dispute.
    fn disputed(&self, category: &str) -> Result<Option<&'a str>, PayoutFileError> {
        if PayoutLine::is_of_dispute(category) { self.payment() } else { Ok(None) }
    }

    /// The payment that it belongs to, if the file says so.
    fn payment(&self) -> Result<Option<&'a str>, PayoutFileError> {
        self.columns.payment_id.map_or(Ok(None), |column| self.text(column))
    }

    /// A text; `None` when there is nothing in the cell.
    fn text(&self, column: Column) -> Result<Option<&'a str>, PayoutFileError> {
        let cell = self.record.get(column.place).unwrap_or_default();
        let text = std::str::from_utf8(cell).map_err(|_| self.wrong(column, "is not UTF-8"))?.trim();
        if text.chars().count() > TEXT_CHARACTERS_MAX {
            return Err(self.wrong(column, format!("has more than {TEXT_CHARACTERS_MAX} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(self.wrong(column, "has control characters"));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn needed(&self, column: Column) -> Result<&'a str, PayoutFileError> {
        self.text(column)?.ok_or_else(|| self.wrong(column, "is empty"))
    }

    fn amount(&self, column: Column) -> Result<SignedAmount, PayoutFileError> {
        self.needed(column)?.parse::<SignedAmount>().map_err(|error| self.wrong(column, error.to_string()))
    }

    /// Stripe writes currencies in lower case.
    fn currency(&self) -> Result<Currency, PayoutFileError> {
        let column = self.columns.currency;
        let code = self.needed(column)?.to_ascii_uppercase();
        code.parse::<Currency>().map_err(|_| self.wrong(column, "is a currency that the ledger does not know"))
    }
}

/// As RFC 3339 has it, or as Stripe's reports do, or only a day; without a zone it is UTC.
fn time(text: &str) -> Option<Timestamp> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    let local = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").map(|at| at.and_utc());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let at = zoned.or_else(|_| local()).or_else(|_| day()).ok()?;
    (1970..=9999).contains(&at.year()).then(|| to_micros(at))
}
