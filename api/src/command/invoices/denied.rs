//! What the ledger refuses an invoice, as a problem.

use domain::invoice::{CREDIT_NOTES_MAX, InvoiceError, LINES_MAX};
use domain::money::MoneyError;
use serde_json::json;

use super::invoice_not_found;
use crate::problem::Problem;

/// An amount that the ledger cannot keep, or that nobody can pay.
pub fn amount_out_of_range(reason: MoneyError, detail: String) -> Problem {
    match reason {
        MoneyError::TooPrecise { .. } => Problem::unprocessable("amount_too_precise", detail),
        _ => Problem::unprocessable("amount_too_large", detail),
    }
}

impl From<InvoiceError> for Problem {
    fn from(error: InvoiceError) -> Self {
        use InvoiceError as E;
        let detail = error.to_string();
        match error {
            E::NotFound => invoice_not_found(),
            E::AlreadyExists | E::CreditNoteExists | E::CreditNoteNumbered => Self::conflict("already_exists", detail),
            E::WrongStatus(status) => Self::conflict("wrong_status", detail).with("invoice_status", json!(status)),
            E::TooManyLines => Self::unprocessable("too_many_lines", detail).with("limit", json!(LINES_MAX)),
            E::NoLines => Self::unprocessable("no_lines", detail),
            E::LineNotFound(line) => Self::not_found("line_not_found", detail).with("line", json!(line)),
            E::LineStays(line) => Self::conflict("line_stays", detail).with("line", json!(line)),
            E::LineNotAllowed => Self::unprocessable("line_not_allowed", detail),
            E::UsageBehind => Self::conflict("usage_behind", detail),
            E::AmountOutOfRange(reason) => amount_out_of_range(reason, detail),
            E::ZeroAmount => Self::bad_request("invalid_amount", "amount", detail),
            E::MoreThanDue { amount, due, currency } => Self::unprocessable("more_than_due", detail)
                .with("param", json!("amount"))
                .with("amount", json!(amount))
                .with("due", json!(due))
                .with("currency", json!(currency)),
            E::PartlyPaid => Self::conflict("partly_paid", detail),
            E::AttemptUnderWay => Self::conflict("payment_under_way", detail),
            E::MoreThanLeftOfLine { line, left } => Self::unprocessable("more_than_left", detail)
                .with("param", json!("lines"))
                .with("line", json!(line))
                .with("left", json!(left)),
            E::MoreThanLeft { total, left } => {
                Self::unprocessable("more_than_left", detail).with("total", json!(total)).with("left", json!(left))
            }
            E::NothingToCredit => Self::unprocessable("nothing_to_credit", detail),
            E::CreditNoteNotFound => Self::not_found("credit_note_not_found", detail),
            E::TooManyCreditNotes => {
                Self::unprocessable("too_many_credit_notes", detail).with("limit", json!(CREDIT_NOTES_MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::invoice::Status;

    #[test]
    fn the_status_that_forbids_it_is_told() {
        let problem = Problem::from(InvoiceError::WrongStatus(Status::Paid));
        assert_eq!((problem.status, problem.code), (409, "wrong_status"));
        assert_eq!(problem.fields["invoice_status"], "paid");
        let problem = Problem::from(InvoiceError::LineNotFound(3));
        assert_eq!((problem.status, problem.code, &problem.fields["line"]), (404, "line_not_found", &json!(3)));
    }

    #[test]
    fn what_nobody_can_pay_is_told_apart_from_what_is_too_much() {
        let precise = Problem::from(InvoiceError::AmountOutOfRange(MoneyError::TooPrecise { max: 2 }));
        assert_eq!((precise.status, precise.code), (422, "amount_too_precise"));
        let large = Problem::from(InvoiceError::AmountOutOfRange(MoneyError::TooLarge));
        assert_eq!((large.status, large.code), (422, "amount_too_large"));
    }
}
