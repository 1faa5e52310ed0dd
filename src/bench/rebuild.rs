//! Making every read model anew from the log, as `tollbook replay` does it.

use std::time::{Duration, Instant};

use super::BenchError;
use super::check::Books;

/// One read model, rebuilt.
#[derive(Debug)]
pub struct Rebuilt {
    /// Its name.
    pub name: &'static str,
    /// Events that were replayed.
    pub events: i64,
    /// With the comparison of every row with the live one.
    pub took: Duration,
    /// Every row was the same.
    pub identical: bool,
}

impl Rebuilt {
    /// Events a second.
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.took.as_secs_f64()
    }
}

/// Rebuilds all of them, one after the other.
pub async fn rebuild(books: &Books) -> Result<Vec<Rebuilt>, BenchError> {
    let mut all = Vec::new();
    for model in projections::all() {
        let begun = Instant::now();
        let rebuilt = projections::rebuild::rebuild(&books.pool, &books.log, model.as_ref(), false).await?;
        let (name, took, identical) = (model.name(), begun.elapsed(), rebuilt.identical());
        all.push(Rebuilt { name, events: rebuilt.events, took, identical });
    }
    Ok(all)
}
