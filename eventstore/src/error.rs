//! What can go wrong between us and the log. A denied command is not among it.

use domain::DecodeError;

/// The store could not say. What was asked may or may not have happened unless stated.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The log is away, or did not answer in time. Worth another try.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// The log holds what it should not: a gap, an unknown partition. Not worth another try.
    #[error("the log is corrupt: {0}")]
    Corrupt(String),
    /// The log holds an event that this program cannot read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // Our own statements are checked at compile time: what is left of these is a broken log.
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::TypeNotFound { .. } | sqlx::Error::ColumnNotFound(_) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
