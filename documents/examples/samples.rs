//! Writes the documents that the tests use into a folder, to look at them:
//! `cargo run -p tollbook-documents --example samples -- <folder>`.

#![expect(clippy::unwrap_used, reason = "the samples are made up here")]

#[path = "../tests/documents/samples.rs"]
mod samples;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    for (name, document) in samples::all() {
        std::fs::write(folder.join(format!("{name}.pdf")), documents::pdf(&document)?)?;
        std::fs::write(folder.join(format!("{name}.csv")), documents::csv(&document)?)?;
    }
    Ok(())
}
