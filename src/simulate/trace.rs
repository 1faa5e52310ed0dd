//! Reading and checking a trace: what was asked of a model, when, and how many tokens it took.
//!
//! The format is the one of the Azure LLM inference traces: a header, then one request a line, with
//! the columns `TIMESTAMP,ContextTokens,GeneratedTokens`. A trace is read to its last line before
//! anything is sent, so a bad line can never leave half a run behind; the error names the line, the
//! column and what is wrong with it.
//!
//! No legal value contains a comma, a quote or a line break. So a line is a row, quotes around a field
//! are taken off, and everything stranger fails as a bad value with the right line number (which a
//! general CSV reader loses over blank lines and CRLF).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use chrono::{DateTime, NaiveDateTime};

/// The columns, in this order.
pub const COLUMNS: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];
/// The most rows a trace may have.
pub const ROWS_MAX: usize = 10_000_000;
/// The most bytes a trace may have: 1 GiB.
pub const BYTES_MAX: u64 = 1 << 30;
/// The most tokens a row may have in one column. Far above any model's context; a larger number is a
/// mistake in the file, and a costly one.
pub const TOKENS_MAX: u32 = 10_000_000;
/// The most bytes of a line. A legal one has about sixty.
const LINE_BYTES_MAX: u64 = 1_000;

/// The trace that is built in: invented, made by `make_trace.py`, which stands beside it.
const SHIPPED: &str = include_str!("trace.csv");

/// One request of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// When it was made, in microseconds since 1970. Only differences between rows are used.
    pub at_us: i64,
    /// Tokens given to the model.
    pub input_tokens: u32,
    /// Tokens the model gave back.
    pub output_tokens: u32,
}

/// Why a trace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be opened or read.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// There is not even a header.
    #[error("it is empty; expected the header {}", COLUMNS.join(","))]
    Empty,
    /// The first line is not the header.
    #[error("row 1: the header is {found:?}; expected {}", COLUMNS.join(","))]
    Header {
        /// The first line, shortened.
        found: String,
    },
    /// There is a header and nothing else.
    #[error("it has a header and no rows")]
    NoRows,
    /// More than [`BYTES_MAX`].
    #[error("it is larger than 1 GiB")]
    TooLarge,
    /// More than [`ROWS_MAX`].
    #[error("it has more than {ROWS_MAX} rows")]
    TooManyRows,
    /// A row that cannot be used.
    #[error("row {row}, {column}: {fault}")]
    BadRow {
        /// The line in the file; the header is line 1.
        row: usize,
        /// The column, or the columns together.
        column: &'static str,
        /// What is wrong.
        fault: Fault,
    },
}

/// What is wrong with a value or a row.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The row ends before this column.
    #[error("the column is missing")]
    Missing,
    /// The row goes on after the last column.
    #[error("there are more columns than the header names")]
    TooManyColumns,
    /// The line is far longer than a row can be.
    #[error("the line is longer than {LINE_BYTES_MAX} bytes")]
    LineTooLong,
    /// Bytes that are not text.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not `2023-11-16 18:17:03.9799600`, with or without an offset from UTC.
    #[error("{0:?} is not a timestamp like 2023-11-16 18:17:03.9799600")]
    NotATimestamp(String),
    /// Not a number without fraction.
    #[error("{0:?} is not a whole number")]
    NotWhole(String),
    /// Below zero.
    #[error("{0} is negative")]
    Negative(String),
    /// Above [`TOKENS_MAX`].
    #[error("{0} is more than {TOKENS_MAX} tokens")]
    TooManyTokens(String),
    /// No tokens at all: a charge of nothing is not a charge.
    #[error("both are 0, so there is nothing to charge")]
    NothingToCharge,
}

/// Reads the trace in `file`, or the built-in one, and checks every row of it.
pub fn load(file: Option<&Path>) -> Result<Vec<Row>, TraceError> {
    let Some(path) = file else {
        return read(SHIPPED.as_bytes());
    };
    let file = File::open(path)?;
    if file.metadata()?.len() > BYTES_MAX {
        return Err(TraceError::TooLarge);
    }
    read(BufReader::with_capacity(1 << 16, file))
}

/// Reads a whole trace. Blank lines are passed over but counted, so row numbers are those an editor
/// shows.
pub fn read(mut source: impl BufRead) -> Result<Vec<Row>, TraceError> {
    let mut line = Vec::new();
    let mut bytes = read_line(&mut source, &mut line)?;
    if bytes == 0 {
        return Err(TraceError::Empty);
    }
    check_header(&line)?;

    let mut rows = Vec::new();
    let mut number = 1;
    loop {
        let length = read_line(&mut source, &mut line)?;
        if length == 0 {
            break;
        }
        number += 1;
        bytes += length;
        // Checked here too: a pipe has no length to look at beforehand.
        if bytes > BYTES_MAX {
            return Err(TraceError::TooLarge);
        }
        let content = trim_line_end(&line);
        if content.is_empty() {
            continue;
        }
        if rows.len() == ROWS_MAX {
            return Err(TraceError::TooManyRows);
        }
        let row = parse_row(content).map_err(|(column, fault)| TraceError::BadRow { row: number, column, fault })?;
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(TraceError::NoRows);
    }
    Ok(rows)
}

/// Reads one line, but never much more than a line can have, and returns its length.
fn read_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    let length = source.take(LINE_BYTES_MAX + 1).read_until(b'\n', line)?;
    Ok(length as u64)
}

fn check_header(line: &[u8]) -> Result<(), TraceError> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = trim_line_end(line);
    let expected = COLUMNS.iter().map(|name| name.as_bytes());
    if line.split(|&byte| byte == b',').map(unquote).eq(expected) {
        return Ok(());
    }
    Err(match std::str::from_utf8(line) {
        Ok(text) => TraceError::Header { found: shorten(text) },
        Err(_) => TraceError::BadRow { row: 1, column: "header", fault: Fault::NotUtf8 },
    })
}

fn parse_row(line: &[u8]) -> Result<Row, (&'static str, Fault)> {
    if line.len() as u64 > LINE_BYTES_MAX {
        return Err((COLUMNS[0], Fault::LineTooLong));
    }
    let mut fields = line.split(|&byte| byte == b',');
    let mut next = |column| {
        let field = fields.next().ok_or((column, Fault::Missing))?;
        std::str::from_utf8(unquote(field)).map_err(|_| (column, Fault::NotUtf8))
    };
    let [at, input, output] = COLUMNS;
    let at_us = parse_timestamp(next(at)?).map_err(|fault| (at, fault))?;
    let input_tokens = parse_tokens(next(input)?).map_err(|fault| (input, fault))?;
    let output_tokens = parse_tokens(next(output)?).map_err(|fault| (output, fault))?;
    if fields.next().is_some() {
        return Err((output, Fault::TooManyColumns));
    }
    if input_tokens == 0 && output_tokens == 0 {
        return Err(("ContextTokens and GeneratedTokens", Fault::NothingToCharge));
    }
    Ok(Row { at_us, input_tokens, output_tokens })
}

/// Takes `2023-11-16 18:17:03.9799600` as UTC; the newer traces end in `+00:00`.
fn parse_timestamp(text: &str) -> Result<i64, Fault> {
    const PLAIN: &str = "%Y-%m-%d %H:%M:%S%.f";
    const WITH_OFFSET: &str = "%Y-%m-%d %H:%M:%S%.f%:z";
    NaiveDateTime::parse_from_str(text, PLAIN)
        .map(|at| at.and_utc().timestamp_micros())
        .or_else(|_| DateTime::parse_from_str(text, WITH_OFFSET).map(|at| at.timestamp_micros()))
        .map_err(|_| Fault::NotATimestamp(shorten(text)))
}

/// Takes digits only: `+5`, `5.0`, `1e3` and ` 5` are mistakes somewhere, not counts.
fn parse_tokens(text: &str) -> Result<u32, Fault> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::NotWhole(shorten(text)));
    }
    if negative {
        return Err(Fault::Negative(shorten(text)));
    }
    match digits.parse() {
        Ok(tokens) if tokens <= TOKENS_MAX => Ok(tokens),
        _ => Err(Fault::TooManyTokens(shorten(text))),
    }
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn unquote(field: &[u8]) -> &[u8] {
    match field {
        [b'"', inner @ .., b'"'] => inner,
        _ => field,
    }
}

/// As much of a bad value as fits in a message.
fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "2023-11-16 18:17:03.9799600,4808,10";

    fn read_rows(body: &str) -> Result<Vec<Row>, TraceError> {
        read(format!("TIMESTAMP,ContextTokens,GeneratedTokens\n{body}").as_bytes())
    }

    #[track_caller]
    fn refused(body: &str, message: &str) {
        assert_eq!(read_rows(body).unwrap_err().to_string(), message);
    }

    #[test]
    fn the_built_in_trace_is_good() {
        let rows = load(None).unwrap();
        assert_eq!(rows.len(), 10_000);
        let span_us = rows[9_999].at_us - rows[0].at_us;
        assert!((3_300_000_000..3_900_000_000).contains(&span_us));
        assert!(rows.is_sorted_by_key(|row| row.at_us));
    }

    #[test]
    fn values_are_taken_exactly() {
        let rows = read_rows("1970-01-01 00:00:01.5000019,0,10000000").unwrap();
        let expected = Row { at_us: 1_500_001, input_tokens: 0, output_tokens: 10_000_000 };
        assert_eq!(rows, [expected]);
    }

    #[test]
    fn quotes_bom_crlf_blank_lines_and_offsets_make_no_difference() {
        let plain = read_rows(&format!("{GOOD}\n{GOOD}")).unwrap();
        let dressed = "\u{feff}\"TIMESTAMP\",ContextTokens,\"GeneratedTokens\"\r\n\
            \"2023-11-16 18:17:03.9799600\",\"4808\",10\r\n\r\n\
            2023-11-16 19:17:03.9799600+01:00,4808,\"10\"\r\n\n";
        assert_eq!(read(dressed.as_bytes()).unwrap(), plain);
    }

    #[test]
    fn a_bad_value_is_named_with_its_row_and_column() {
        for (row, message) in [
            ("today,1,2", r#"TIMESTAMP: "today" is not a timestamp like 2023-11-16 18:17:03.9799600"#),
            (
                "2023-02-30 00:00:00,1,2",
                r#"TIMESTAMP: "2023-02-30 00:00:00" is not a timestamp like 2023-11-16 18:17:03.9799600"#,
            ),
            ("2023-11-16 18:17:03,1.5,2", r#"ContextTokens: "1.5" is not a whole number"#),
            ("2023-11-16 18:17:03,,2", r#"ContextTokens: "" is not a whole number"#),
            ("2023-11-16 18:17:03,+1,2", r#"ContextTokens: "+1" is not a whole number"#),
            ("2023-11-16 18:17:03,1,-2", "GeneratedTokens: -2 is negative"),
            ("2023-11-16 18:17:03,1,10000001", "GeneratedTokens: 10000001 is more than 10000000 tokens"),
            (
                "2023-11-16 18:17:03,1,99999999999999999999",
                "GeneratedTokens: 99999999999999999999 is more than 10000000 tokens",
            ),
            ("2023-11-16 18:17:03,1", "GeneratedTokens: the column is missing"),
            ("2023-11-16 18:17:03", "ContextTokens: the column is missing"),
            ("2023-11-16 18:17:03,1,2,3", "GeneratedTokens: there are more columns than the header names"),
            ("2023-11-16 18:17:03,0,0", "ContextTokens and GeneratedTokens: both are 0, so there is nothing to charge"),
        ] {
            refused(&format!("{GOOD}\r\n\r\n{row}\r\n{GOOD}"), &format!("row 4, {message}"));
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_named() {
        let mut file = format!("{}\n{GOOD}\n2023-11-16 18:17:03,1", COLUMNS.join(",")).into_bytes();
        file.extend(b"\xff,2\n");
        let error = read(file.as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "row 3, ContextTokens: not UTF-8");
        let error = read(b"\xff\xfeT\0I\0".as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "row 1, header: not UTF-8");
    }

    #[test]
    fn a_file_that_is_no_trace_is_refused() {
        let error = read(b"".as_slice()).unwrap_err();
        assert!(matches!(error, TraceError::Empty));
        assert!(matches!(read_rows("\n\n").unwrap_err(), TraceError::NoRows));
        let error = read(b"time,in,out\n".as_slice()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 1: the header is \"time,in,out\"; expected TIMESTAMP,ContextTokens,GeneratedTokens"
        );
        let error = load(Some(Path::new("/nonexistent/trace.csv"))).unwrap_err();
        assert!(matches!(error, TraceError::Read(_)));
    }

    #[test]
    fn a_line_without_end_is_not_read_into_memory() {
        let endless = format!("{GOOD}\n{}", "9".repeat(5_000));
        refused(&endless, "row 3, TIMESTAMP: the line is longer than 1000 bytes");
    }
}
