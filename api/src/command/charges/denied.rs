//! What the ledger refuses an account, as a problem.

use domain::account::AccountError;
use domain::money::MoneyError;
use serde_json::json;

use crate::command::customers::customer_not_found;
use crate::problem::Problem;

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let detail = error.to_string();
        match error {
            AccountError::NotFound => customer_not_found(),
            AccountError::AlreadyOpen => Self::conflict("already_exists", detail),
            AccountError::InsufficientFunds { amount, available, postpaid_limit, currency } => {
                Self::cannot_pay("insufficient_funds", detail)
                    .with("requested", json!(amount))
                    .with("remaining", json!(available))
                    .with("limit", json!(postpaid_limit))
                    .with("currency", json!(currency))
            }
            AccountError::QuotaExceeded { meter, limit, remaining, requested, resets_at } => {
                Self::cannot_pay("quota_exceeded", detail)
                    .with("meter", json!(meter))
                    .with("limit", json!(limit))
                    .with("remaining", json!(remaining))
                    .with("requested", json!(requested))
                    .with("resets_at", json!(resets_at))
            }
            AccountError::CurrencyMismatch { .. } => {
                Self::unprocessable("currency_mismatch", detail).with("param", json!("currency"))
            }
            AccountError::AmountOutOfRange { reason: MoneyError::TooPrecise { .. }, .. } => {
                Self::unprocessable("amount_too_precise", detail).with("param", json!("quantity"))
            }
            AccountError::AmountOutOfRange { .. } => {
                Self::unprocessable("amount_too_large", detail).with("param", json!("quantity"))
            }
            AccountError::BalanceTooLarge => Self::unprocessable("balance_too_large", detail),
            AccountError::ExpiresInThePast => {
                Self::unprocessable("expires_in_the_past", detail).with("param", json!("expires_at"))
            }
            AccountError::TooManyGrants => Self::unprocessable("too_many_grants", detail),
            AccountError::TooManyQuotas => Self::unprocessable("too_many_quotas", detail),
            AccountError::Hold(denied) => denied.into(),
            AccountError::QuotaWithoutEffect => {
                Self::unprocessable("quota_without_effect", detail).with("param", json!("overage"))
            }
            AccountError::QuotaOfSubscription { meter } => {
                Self::conflict("quota_of_subscription", detail).with("meter", json!(meter))
            }
            AccountError::UsedAtOutOfRange => {
                Self::unprocessable("used_at_out_of_range", detail).with("param", json!("used_at"))
            }
            AccountError::InvalidPaymentOrder => Self::bad_request("invalid_request", "order", detail),
        }
    }
}
