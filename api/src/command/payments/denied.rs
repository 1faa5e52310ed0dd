//! What the ledger refuses a payment, as a problem.

use domain::payment::{PaymentError, REFUNDS_MAX};
use serde_json::json;

use super::payment_not_found;
use crate::command::invoices::denied::amount_out_of_range;
use crate::problem::Problem;

/// After so many seconds a request is worth to be sent again that the provider has to answer first.
const AGAIN_AFTER_SECS: u64 = 1;

impl From<PaymentError> for Problem {
    fn from(error: PaymentError) -> Self {
        use PaymentError as E;
        let detail = error.to_string();
        match error {
            E::NotFound => payment_not_found(),
            E::AlreadyExists | E::RefundExists => Self::conflict("already_exists", detail),
            E::WrongStatus(status) => Self::conflict("wrong_status", detail).with("payment_status", json!(status)),
            E::ZeroAmount => Self::bad_request("invalid_amount", "amount", detail),
            E::AmountOutOfRange(reason) => amount_out_of_range(reason, detail).with("param", json!("amount")),
            E::ReceivedInTheFuture => {
                Self::unprocessable("received_in_the_future", detail).with("param", json!("received_at"))
            }
            E::NotAnswered => {
                Self { retry_after: Some(AGAIN_AFTER_SECS), ..Self::conflict("payment_not_answered", detail) }
            }
            E::CaptureUnderWay(amount) => Self::conflict("capture_under_way", detail).with("amount", json!(amount)),
            E::CancelUnderWay => Self::conflict("cancel_under_way", detail),
            E::MoreThanReserved { amount, reserved, currency } => Self::unprocessable("more_than_reserved", detail)
                .with("param", json!("amount"))
                .with("amount", json!(amount))
                .with("reserved", json!(reserved))
                .with("currency", json!(currency)),
            E::MoreThanCaptured { amount, left, currency } => Self::unprocessable("more_than_captured", detail)
                .with("param", json!("amount"))
                .with("amount", json!(amount))
                .with("left", json!(left))
                .with("currency", json!(currency)),
            E::NothingToRefund => Self::conflict("nothing_to_refund", detail),
            E::TooManyRefunds => Self::unprocessable("too_many_refunds", detail).with("limit", json!(REFUNDS_MAX)),
            E::RefundNotFound => Self::not_found("refund_not_found", detail),
            // These are said of what providers and payout files say, and no caller is told them.
            E::ByHand
            | E::Contradiction(_)
            | E::CurrencyDiffers { .. }
            | E::NotSucceeded
            | E::AmountDiffers { .. }
            | E::PaidOutTwice => Self::conflict("payment_differs", detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::payment::Status;

    #[test]
    fn what_the_provider_has_to_answer_first_may_be_sent_again() {
        let problem = Problem::from(PaymentError::NotAnswered);
        assert_eq!((problem.status, problem.code, problem.retry_after), (409, "payment_not_answered", Some(1)));
        let problem = Problem::from(PaymentError::WrongStatus(Status::Failed));
        assert_eq!((problem.status, problem.code), (409, "wrong_status"));
        assert_eq!(problem.fields["payment_status"], "failed");
    }
}
