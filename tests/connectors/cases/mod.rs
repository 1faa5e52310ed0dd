//! What every connector must do, by subject.

pub mod lost;
pub mod messages;
pub mod payments;
pub mod payouts;
pub mod refunds;

use ::payments::CallError;
use domain::payment::Observed;

/// The code of what was refused.
#[track_caller]
pub fn refused(result: Result<Observed, CallError>) -> String {
    match result {
        Err(CallError::Refused { code, .. }) => code,
        other => panic!("{other:?} is no refusal"),
    }
}

/// That nobody knows what became of it.
#[track_caller]
pub fn assert_unknown(result: Result<Observed, CallError>) {
    assert!(matches!(result, Err(CallError::Unknown(_))), "{result:?} is known");
}
