//! Where the columns are that matter.

use csv::ByteRecord;

use super::PayoutFileError;

/// A column of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: &'static str,
    /// Its place, from 0.
    pub(super) place: usize,
}

/// The columns of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    /// How many there are in all.
    pub(super) count: usize,
    /// The provider's id for the line.
    pub(super) line_id: Column,
    /// The provider's id for what the line is about.
    pub(super) source_id: Column,
    /// The provider's id for the payment that a charge or a dispute belongs to: that is the one that the ledger has.
    pub(super) payment_id: Option<Column>,
    /// The provider's kind of line.
    pub(super) category: Column,
    /// In which currency.
    pub(super) currency: Column,
    /// Before fees.
    pub(super) gross: Column,
    /// What the provider kept.
    pub(super) fee: Column,
    /// After fees.
    pub(super) net: Column,
    /// When it was paid out.
    pub(super) paid_out_at: Option<Column>,
}

/// The first line of a file.
struct Header<'a>(&'a ByteRecord);

impl Header<'_> {
    /// A column that may be missing.
    fn find(&self, name: &'static str) -> Result<Option<Column>, PayoutFileError> {
        let mut places = self.0.iter().enumerate().filter(|(_, cell)| cell.trim_ascii() == name.as_bytes());
        let found = places.next().map(|(place, _)| Column { name, place });
        if places.next().is_some() {
            return Err(PayoutFileError::TwoColumns { column: name });
        }
        Ok(found)
    }

    fn needed(&self, name: &'static str) -> Result<Column, PayoutFileError> {
        self.find(name)?.ok_or(PayoutFileError::NoColumn { column: name })
    }
}

impl Columns {
    /// Those of the form that this first line is of.
    pub(super) fn of(record: &ByteRecord) -> Result<Self, PayoutFileError> {
        let header = Header(record);
        if let Some(line_id) = header.find("balance_transaction_id")? {
            return Self::of_stripe(&header, line_id);
        }
        let line_id = header.find("line_id")?.ok_or(PayoutFileError::UnknownForm)?;
        Ok(Self {
            count: record.len(),
            line_id,
            source_id: header.needed("source_id")?,
            payment_id: header.find("payment_source_id")?,
            category: header.needed("category")?,
            currency: header.needed("currency")?,
            gross: header.needed("gross")?,
            fee: header.needed("fee")?,
            net: header.needed("net")?,
            paid_out_at: header.find("paid_out_at")?,
        })
    }

    fn of_stripe(header: &Header<'_>, line_id: Column) -> Result<Self, PayoutFileError> {
        let paid_out_at = match header.find("automatic_payout_effective_at_utc")? {
            Some(column) => Some(column),
            None => header.find("automatic_payout_effective_at")?,
        };
        Ok(Self {
            count: header.0.len(),
            line_id,
            source_id: header.needed("source_id")?,
            payment_id: Some(header.needed("payment_intent_id")?),
            category: header.needed("reporting_category")?,
            currency: header.needed("currency")?,
            gross: header.needed("gross")?,
            fee: header.needed("fee")?,
            net: header.needed("net")?,
            paid_out_at,
        })
    }
}
