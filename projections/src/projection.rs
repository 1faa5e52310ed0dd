//! What a read model is.

use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use domain::account::AccountEvent;
use domain::charge::Line;
use domain::ids::CustomerId;
use domain::money::{Amount, Currency};
use domain::session_key::SessionKeyEvent;
use domain::{DecodeError, LedgerEvent, RecordedEvent};
use eventstore::StoreError;
use sqlx::PgConnection;
use uuid::Uuid;

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

/// The session key events among these, with what surrounds them and the id of their stream: most
/// payloads do not repeat it.
pub fn session_key_events(
    events: &[Arc<Decoded>],
) -> Result<Vec<(&RecordedEvent, Uuid, &SessionKeyEvent)>, ProjectionError> {
    let mut found = Vec::new();
    for decoded in events {
        if let Ok(LedgerEvent::SessionKey(event)) = &decoded.event {
            let id: domain::ids::SessionKeyId = stream_key(&decoded.recorded)?;
            found.push((&decoded.recorded, id.uuid(), event));
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
}

impl<'a> Charge<'a> {
    /// The charge that an event is.
    pub fn of(event: &'a LedgerEvent) -> Option<Self> {
        match event {
            LedgerEvent::Account(AccountEvent::Charged(e)) => {
                Some(Self { customer_id: e.customer_id, amount: e.amount, currency: e.currency, lines: &e.lines })
            }
            LedgerEvent::SessionKey(SessionKeyEvent::Charged(e)) => {
                Some(Self { customer_id: e.customer_id, amount: e.amount, currency: e.currency, lines: &e.lines })
            }
            _ => None,
        }
    }
}

/// One column of rows that are written together.
pub(crate) fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
