//! Ledger against chain: what the last comparison of each organization came to, and every difference that was ever
//! opened, with what became of it.

use std::sync::Arc;

use async_trait::async_trait;
use domain::LedgerEvent;
use sqlx::PgConnection;

use crate::projection::{Decoded, Projection, ProjectionError};

mod fold;
mod query;

pub use query::{
    DifferenceRow, ReconciliationRow, RequestedRow, difference, differences, open_count, reconciliation, requested,
};

/// The read model.
#[derive(Debug, Clone, Copy)]
pub struct Reconciliation;

#[async_trait]
impl Projection for Reconciliation {
    fn name(&self) -> &'static str {
        "reconciliation"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["reconciliations", "reconciliation_differences"]
    }

    fn concerns(&self, events: &[Arc<Decoded>]) -> bool {
        let is_ours = |event: &LedgerEvent| matches!(event, LedgerEvent::Reconciliation(_));
        events.iter().filter_map(|decoded| decoded.event.as_ref().ok()).any(is_ours)
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
        for decoded in events {
            if let Ok(LedgerEvent::Reconciliation(event)) = &decoded.event {
                fold::take_in(connection, &decoded.recorded, event).await?;
            }
        }
        Ok(())
    }
}
