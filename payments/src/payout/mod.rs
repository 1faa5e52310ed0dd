//! Payout files: what a provider says that it has paid out, line by line.
//!
//! Two forms are read, told apart by their first line: Stripe's itemised payout reconciliation report, and a general
//! one for every other provider; `columns` knows both. `line` reads a line. Nothing is rounded and nothing is passed
//! over: a file is read as a whole or not at all, and what is wrong is named by line and column.

mod columns;
mod line;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use csv::{ByteRecord, ReaderBuilder};
use domain::Timestamp;
use domain::payout::{PAYOUT_LINES_MAX, PayoutLine};

use columns::Columns;
use line::Row;

/// The largest file.
pub const FILE_BYTES_MAX: usize = 5 << 20;

/// A payout file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutFile {
    /// When it was paid out, if all its lines say the same.
    pub paid_out_at: Option<Timestamp>,
    /// Its lines, in order.
    pub lines: Vec<PayoutLine>,
}

/// Why a payout file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayoutFileError {
    /// It has too many bytes.
    #[error("the file has more than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// It has too many lines.
    #[error("the file has more than {PAYOUT_LINES_MAX} lines")]
    TooManyLines,
    /// It has no line beside the first, or not even that.
    #[error("the file has no lines")]
    Empty,
    /// Its first line is that of no form.
    #[error("the first line has neither a column `balance_transaction_id` nor a column `line_id`")]
    UnknownForm,
    /// A column that is needed is not there.
    #[error("the first line has no column `{column}`")]
    NoColumn {
        /// Which.
        column: &'static str,
    },
    /// A column that is needed is there more than once.
    #[error("the first line has more than one column `{column}`")]
    TwoColumns {
        /// Which.
        column: &'static str,
    },
    /// A line has more or fewer cells than the first.
    #[error("line {line} has {cells} cells, and the first line has {columns}")]
    OtherLength {
        /// Which, from 1.
        line: u64,
        /// So many it has.
        cells: usize,
        /// So many it should have.
        columns: usize,
    },
    /// A cell cannot be read, or says something that cannot be.
    #[error("line {line}, column `{column}`: {why}")]
    Cell {
        /// The line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The file cannot be read at all.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
}

/// Reads a payout file.
pub fn read(file: &[u8]) -> Result<PayoutFile, PayoutFileError> {
    if file.len() > FILE_BYTES_MAX {
        return Err(PayoutFileError::TooLarge);
    }
    // Some programs begin UTF-8 with a mark.
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let mut record = ByteRecord::new();
    let unreadable = |error: csv::Error| PayoutFileError::Unreadable(error.to_string());
    if !reader.read_byte_record(&mut record).map_err(unreadable)? {
        return Err(PayoutFileError::Empty);
    }
    let columns = Columns::of(&record)?;
    let mut counter = LineCounter::new(file);
    let mut known = HashSet::new();
    let (mut lines, mut times) = (Vec::new(), HashSet::new());
    while reader.read_byte_record(&mut record).map_err(unreadable)? {
        if lines.len() == PAYOUT_LINES_MAX {
            return Err(PayoutFileError::TooManyLines);
        }
        let number = counter.line_at(record.position().map_or(0, csv::Position::byte));
        let row = Row::new(number, &record, &columns)?;
        let line = row.line()?;
        if !known.insert(line.provider_line_id.clone()) {
            return Err(row.wrong(columns.line_id, "another line has the same"));
        }
        times.insert(row.paid_out_at()?);
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(PayoutFileError::Empty);
    }
    let paid_out_at = if times.len() == 1 { times.into_iter().next().flatten() } else { None };
    Ok(PayoutFile { paid_out_at, lines })
}

/// Which line of the file a record begins in: records may have lines within quotes, and empty lines between them.
struct LineCounter<'a> {
    file: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    const fn new(file: &'a [u8]) -> Self {
        Self { file, at: 0, line: 1 }
    }

    /// Of the record that begins at this byte, or after the ends of lines there. Only ever asked forwards.
    fn line_at(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        while let Some(sign) = self.file.get(self.at)
            && (self.at < byte || matches!(sign, b'\r' | b'\n'))
        {
            self.line += u64::from(*sign == b'\n');
            self.at += 1;
        }
        self.line
    }
}
