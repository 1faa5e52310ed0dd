//! Invoices and credit notes as files: a PDF to send, a CSV to compute with.
//!
//! The tour: [`Document`] says what is on it; [`pdf`] and [`csv`] make the files. The same document gives the same
//! bytes: no clock is read and no id is made up. `labels` has our own words in both languages, `number` shows amounts
//! and dates. `font` knows the fonts and what a text measures, `wrap` breaks it into lines. `sheet` gives out the pages
//! from top to bottom; `layout` puts a document there, `table` its lines and `summary` its sums. `canvas` writes what
//! lies on the pages.

mod canvas;
mod csv;
mod document;
mod font;
mod labels;
mod layout;
mod number;
mod sheet;
mod summary;
mod table;
mod wrap;

pub use self::csv::csv;
pub use document::{Document, DocumentError, Kind, Language, Line, Party, Status, TaxLine};
pub use layout::pdf;
