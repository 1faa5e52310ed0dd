//! What a read model is.

use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
pub use domain::Decoded;
use domain::account::AccountEvent;
use domain::charge::Line;
use domain::ids::CustomerId;
use domain::money::{Amount, Currency};
use domain::session_key::SessionKeyEvent;
use domain::{LedgerEvent, RecordedEvent, Timestamp};
use eventstore::StoreError;
use sqlx::PgConnection;
use uuid::Uuid;

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

    /// Whether any of these events changes a row.
    fn concerns(&self, events: &[Arc<Decoded>]) -> bool;

    /// Takes in events, in order, none of them unreadable. Folds them in memory, then writes each
    /// touched row once.
    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError>;

    /// The schema of its tables.
    fn schema(&self) -> String {
        format!("{}_v{}", self.name(), self.version())
    }
}

/// The session key events among these, with what surrounds them and the id of their stream: most
/// payloads do not repeat it.
pub fn session_key_events(
    events: &[Arc<Decoded>],
) -> Result<Vec<(&RecordedEvent, Uuid, &SessionKeyEvent)>, ProjectionError> {
    let mut found = Vec::new();
    for decoded in events {
        if let Ok(LedgerEvent::SessionKey(event)) = &decoded.event {
            let id: domain::ids::SessionKeyId = stream_key(&decoded.recorded)?;
            found.push((decoded.recorded.as_ref(), id.uuid(), event));
        }
    }
    Ok(found)
}

/// The id in the name of an event's stream.
pub(crate) fn stream_key<T: FromStr>(recorded: &RecordedEvent) -> Result<T, ProjectionError> {
    let id = recorded.stream_id.as_str().split_once(':').and_then(|(_, id)| id.parse().ok());
    id.ok_or_else(|| ProjectionError::Poison {
        position: recorded.position,
        reason: format!("the stream {} has no id of its kind", recorded.stream_id),
    })
}

/// A charge, whoever pays it: a customer's account or a session key.
#[derive(Debug, Clone, Copy)]
pub struct Charge<'a> {
    /// Whose.
    pub customer_id: CustomerId,
    /// The sum of the lines.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
    /// What for.
    pub lines: &'a [Line],
    /// When the hold that pays it was placed: it counts in the periods of that moment.
    pub placed_at: Option<Timestamp>,
}

impl<'a> Charge<'a> {
    /// The charge that an event is.
    pub fn of(event: &'a LedgerEvent) -> Option<Self> {
        match event {
            LedgerEvent::Account(event) => Self::of_account(event),
            LedgerEvent::SessionKey(event) => {
                let (charged, placed_at) = (event.charge()?, event.hold().map(|hold| hold.placed_at));
                let (customer_id, amount, currency) = (charged.customer_id, charged.amount, charged.currency);
                Some(Self { customer_id, amount, currency, lines: &charged.lines, placed_at })
            }
            _ => None,
        }
    }

    /// The charge that an account's event is.
    pub fn of_account(event: &'a AccountEvent) -> Option<Self> {
        let (charged, placed_at) = (event.charge()?, event.hold().map(|hold| hold.placed_at));
        let (customer_id, amount, currency) = (charged.customer_id, charged.amount, charged.currency);
        Some(Self { customer_id, amount, currency, lines: &charged.lines, placed_at })
    }
}

/// One column of rows that are written together.
pub(crate) fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
