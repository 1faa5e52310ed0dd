//! What a read model is.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{DecodeError, LedgerEvent, RecordedEvent};
use eventstore::StoreError;
use sqlx::PgConnection;

/// An event with its payload read, once for all read models. One that cannot be read stays in its
/// place: who meets it must stop.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// As the log has it.
    pub recorded: RecordedEvent,
    /// What it says.
    pub event: Result<LedgerEvent, DecodeError>,
}

impl Decoded {
    /// Reads an event's payload.
    pub fn new(recorded: RecordedEvent) -> Arc<Self> {
        let event = LedgerEvent::decode(&recorded);
        Arc::new(Self { recorded, event })
    }
}

/// Why a read model did not take its events in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProjectionError {
    /// An event that cannot be taken in. Never skipped: the read model halts before it.
    #[error("halted before position {position}: {reason}")]
    Poison {
        /// Where.
        position: i64,
        /// Why.
        reason: String,
    },
    /// Somebody else moved the checkpoint: the events were applied already.
    #[error("another runner was faster")]
    Overtaken,
    /// The database could not say. Nothing was applied, or all of it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ProjectionError {
    fn from(error: sqlx::Error) -> Self {
        // A value the tables refuse will be refused again: that is poison, not weather.
        match &error {
            sqlx::Error::Database(e)
                if e.is_check_violation() || e.code().as_deref().is_some_and(|c| c.starts_with("22")) =>
            {
                Self::Poison { position: 0, reason: error.to_string() }
            }
            _ => Self::Store(error.into()),
        }
    }
}

/// A read model: pure in its effect, so that the same events give the same rows, however they are
/// cut into batches.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// Its name, also in checkpoints.
    fn name(&self) -> &'static str;

    /// Its version; a change of its tables or its fold is a new one.
    fn version(&self) -> i32;

    /// Its tables, in the schema `<name>_v<version>`.
    fn tables(&self) -> &'static [&'static str];

    /// Takes in events, in order, none of them unreadable. Folds them in memory, then writes each
    /// touched row once.
    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError>;

    /// The schema of its tables.
    fn schema(&self) -> String {
        format!("{}_v{}", self.name(), self.version())
    }
}

/// The account events among these, with what surrounds them: most read models want only those.
pub fn account_events(
    events: &[Arc<Decoded>],
) -> impl Iterator<Item = (&RecordedEvent, &domain::account::AccountEvent)> {
    events.iter().filter_map(|decoded| match &decoded.event {
        Ok(LedgerEvent::Account(event)) => Some((&decoded.recorded, event)),
        _ => None,
    })
}
