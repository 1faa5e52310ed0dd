//! The lines as CSV (RFC 4180), for spreadsheets and programs. The columns have the same names in every language.

use crate::{Document, DocumentError, number};

/// The columns.
const COLUMNS: [&str; 11] = [
    "document",
    "line",
    "description",
    "detail",
    "period_start",
    "period_end",
    "quantity",
    "unit_price",
    "tax",
    "amount",
    "currency",
];

/// The document's lines as CSV: a row of names, then a row for each line. Numbers have no separators between
/// thousands; free text that a spreadsheet would compute begins with an apostrophe.
pub fn csv(document: &Document) -> Result<String, DocumentError> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(failed)?;
    let name = free(document.number.as_deref().unwrap_or(&document.id));
    let currency = free(&document.currency);
    for (at, line) in document.lines.iter().enumerate() {
        let (first, last) = line.period.map(|(first, last)| (first.to_string(), last.to_string())).unwrap_or_default();
        let row = [
            name.clone(),
            (at + 1).to_string(),
            free(&line.description),
            free(line.detail.as_deref().unwrap_or_default()),
            first,
            last,
            line.quantity.map(|quantity| quantity.normalize().to_string()).unwrap_or_default(),
            line.unit_price.map(|price| price.normalize().to_string()).unwrap_or_default(),
            free(line.tax_percent.as_deref().unwrap_or_default()),
            number::plain(line.amount, document.decimals)?,
            currency.clone(),
        ];
        writer.write_record(row).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(failed)?;
    String::from_utf8(bytes).map_err(failed)
}

/// Free text that no spreadsheet takes for a formula.
fn free(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() }
}

fn failed(error: impl std::fmt::Display) -> DocumentError {
    DocumentError::Csv(error.to_string())
}
