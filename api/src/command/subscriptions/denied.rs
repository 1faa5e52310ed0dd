//! What the ledger refuses a subscription, as a problem.

use domain::money::MoneyError;
use domain::subscription::SubscriptionError;
use serde_json::json;

use super::subscription_not_found;
use crate::problem::Problem;

/// After so many seconds a request is worth to be sent again that billing was not ready for.
const AGAIN_AFTER_SECS: u64 = 1;

impl From<SubscriptionError> for Problem {
    fn from(error: SubscriptionError) -> Self {
        use SubscriptionError as E;
        let detail = error.to_string();
        let again = |problem: Self| Self { retry_after: Some(AGAIN_AFTER_SECS), ..problem };
        match error {
            E::NotFound => subscription_not_found(),
            E::AlreadyExists => Self::conflict("already_exists", detail),
            E::BillOpen => again(Self::conflict("bill_open", detail)),
            E::DueFirst(at) => again(Self::conflict("due_first", detail).with("due_at", json!(at))),
            E::Ended => Self::conflict("subscription_ended", detail),
            E::Trialing => Self::conflict("subscription_trialing", detail),
            E::NotTrialing => Self::conflict("subscription_not_trialing", detail),
            E::NotPaused => Self::conflict("subscription_not_paused", detail),
            E::Paused => Self::conflict("subscription_paused", detail),
            E::NothingScheduled => Self::conflict("nothing_scheduled", detail),
            E::ResumesInThePast => {
                Self::unprocessable("resumes_in_the_past", detail).with("param", json!("resumes_at"))
            }
            E::CurrencyMissing { .. } => {
                Self::unprocessable("currency_mismatch", detail).with("param", json!("plan_id"))
            }
            E::QuantityOutOfRange => Self::bad_request("invalid_quantity", "quantity", detail),
            E::TrialTooLong => Self::bad_request("invalid_request", "trial_days", detail),
            E::AnchorOutOfRange => Self::unprocessable("anchor_out_of_range", detail).with("param", json!("anchoring")),
            E::AmountOutOfRange { reason: MoneyError::TooPrecise { .. }, .. } => {
                Self::unprocessable("amount_too_precise", detail).with("param", json!("quantity"))
            }
            E::AmountOutOfRange { .. } => {
                Self::unprocessable("amount_too_large", detail).with("param", json!("quantity"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_may_be_sent_again() {
        let problem = Problem::from(SubscriptionError::BillOpen);
        assert_eq!((problem.status, problem.code, problem.retry_after), (409, "bill_open", Some(1)));
        let ended = Problem::from(SubscriptionError::Ended);
        assert_eq!((ended.status, ended.code, ended.retry_after), (409, "subscription_ended", None));
    }
}
