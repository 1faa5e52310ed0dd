//! Read models: what the log comes to, kept ready for reading. Nothing decides on them.
//!
//! One file each, with its fold and its queries: [`quota`], [`statement`], [`risk`], [`journal`],
//! [`directory`], [`settlement`], [`hold`], [`billing`], [`reconciliation`]; their tables stand in `migrations`. [`runner`] feeds them, exactly once;
//! [`rebuild`] makes one anew beside the old; [`reconcile`] compares them all with the log. [`evidence`] reads what claims
//! pay for from the log itself.

pub mod billing;
pub mod checkpoint;
pub mod directory;
pub mod evidence;
pub mod hold;
pub mod journal;
pub mod projection;
pub mod quota;
pub mod rebuild;
pub mod reconcile;
pub mod reconciliation;
pub mod risk;
pub mod runner;
mod session;
pub mod settlement;
pub mod statement;

use std::sync::Arc;

pub use projection::{Decoded, Projection, ProjectionError};

/// Every read model.
pub fn all() -> Vec<Arc<dyn Projection>> {
    vec![
        Arc::new(journal::Journal),
        Arc::new(quota::Quota),
        Arc::new(statement::MonthlyStatement),
        Arc::new(risk::Risk),
        Arc::new(directory::Directory),
        Arc::new(settlement::Settlement),
        Arc::new(hold::Hold),
        Arc::new(billing::Billing),
        Arc::new(reconciliation::Reconciliation),
    ]
}
