//! What the ledger refuses a session key, as a problem.

use domain::money::MoneyError;
use domain::session_key::{SessionKeyError, Status};
use serde_json::json;

use super::not_found;
use crate::chains::already_registered;
use crate::problem::Problem;

impl From<SessionKeyError> for Problem {
    fn from(error: SessionKeyError) -> Self {
        use SessionKeyError as E;
        let detail = error.to_string();
        match error {
            E::NotFound => not_found(),
            E::AlreadyGranted => Self::conflict("already_exists", detail),
            E::AlreadyRegistered => already_registered(),
            E::AlreadyRelayed(id) => Self::conflict("already_relayed", detail).with("relay_id", json!(id)),
            E::WrongStatus(status) => wrong_status(status),
            E::NotYetValid(at) => Self::conflict("session_not_yet_valid", detail).with("valid_after", json!(at)),
            E::Expired(at) => Self::conflict("session_expired", detail).with("valid_until", json!(at)),
            E::InsufficientDeposit { amount, available, pending, currency } => {
                Self::cannot_pay("insufficient_deposit", detail)
                    .with("amount", json!(amount))
                    .with("available", json!(available))
                    .with("pending", json!(pending))
                    .with("currency", json!(currency))
            }
            E::PeriodLimitExceeded { amount, limit, remaining, resets_at, currency } => {
                Self::cannot_pay("period_limit_exceeded", detail)
                    .with("amount", json!(amount))
                    .with("limit", json!(limit))
                    .with("remaining", json!(remaining))
                    .with("resets_at", json!(resets_at))
                    .with("currency", json!(currency))
            }
            E::VoucherTooLow { needed, stored, given, charged, currency } => {
                let code = if given.is_none() { "voucher_required" } else { "voucher_too_low" };
                let problem = Self::cannot_pay(code, detail)
                    .with("needed", json!(needed))
                    .with("needed_atomic", json!(needed.atomic(currency.minor_unit()).to_string()))
                    .with("stored", json!(stored))
                    .with("charged", json!(charged))
                    .with("currency", json!(currency));
                match given {
                    Some(given) => problem.with("given", json!(given)),
                    None => problem,
                }
            }
            E::VoucherWrongSigner => of_voucher("voucher_wrong_signer", detail),
            E::VoucherAboveDeposit { given, escrow, currency } => of_voucher("voucher_above_deposit", detail)
                .with("given", json!(given))
                .with("escrow", json!(escrow))
                .with("currency", json!(currency)),
            E::KeyRotating => Self::conflict("key_rotating", detail),
            E::KeyPrepared(key) => Self::conflict("key_prepared", detail).with("key", json!(key)),
            E::NotManaged => Self::unprocessable("session_key_not_managed", detail),
            E::CannotRestate { least, escrow, given, currency } => Self::conflict("cannot_restate", detail)
                .with("least", json!(least))
                .with("escrow", json!(escrow))
                .with("given", json!(given))
                .with("currency", json!(currency)),
            E::VoucherNotTaken => of_voucher("voucher_not_taken", detail),
            E::CurrencyMismatch { .. } => {
                Self::unprocessable("currency_mismatch", detail).with("param", json!("currency"))
            }
            E::AmountOutOfRange { reason: MoneyError::TooPrecise { .. }, .. } => {
                Self::unprocessable("amount_too_precise", detail).with("param", json!("quantity"))
            }
            E::AmountOutOfRange { .. } => {
                Self::unprocessable("amount_too_large", detail).with("param", json!("quantity"))
            }
            E::BalanceTooLarge => Self::unprocessable("balance_too_large", detail),
            E::Hold(denied) => denied.into(),
            E::FrozenByOwner => Self::conflict("session_frozen_by_owner", detail),
            E::TooManyRelays => Self::conflict("too_many_relays", detail),
            E::NothingToClaim => Self::conflict("nothing_to_claim", detail),
            E::SetAside(reason) => Self::conflict("claim_set_aside", detail).with("reason", json!(reason)),
            E::InSettlement(id) => Self::conflict("in_settlement", detail).with("settlement_id", json!(id)),
        }
    }
}

fn of_voucher(code: &'static str, detail: String) -> Problem {
    Problem::unprocessable(code, detail).with("param", json!("voucher"))
}

/// Its status forbids it.
pub fn wrong_status(status: Status) -> Problem {
    let (code, detail) = match status {
        Status::Pending => (
            "session_pending",
            "the session key is pending: its registration on chain, or that this is final, is still awaited",
        ),
        Status::Active => ("session_active", "the session key is active"),
        Status::Frozen => ("session_frozen", "the session key is frozen: see frozen_by for who can lift that"),
        Status::Revoked => ("session_revoked", "the session key was revoked, for good"),
        Status::Expired => ("session_expired", "the session key has expired"),
        Status::Closed => ("session_closed", "the session key is closed: nothing is left to do with it"),
    };
    Problem::conflict(code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::money::Currency;

    fn too_low(given: Option<&str>) -> Problem {
        let amount = |text: &str| text.parse().unwrap();
        let currency = Currency::USDC;
        let (needed, stored, charged) = (amount("1.500001"), amount("1.5"), amount("1.4"));
        SessionKeyError::VoucherTooLow { needed, stored, given: given.map(amount), charged, currency }.into()
    }

    #[test]
    fn a_client_is_told_what_to_sign() {
        let problem = too_low(None);
        assert_eq!((problem.status, problem.code), (402, "voucher_required"));
        let told = json!({"needed": "1.500001", "needed_atomic": "1500001", "stored": "1.5", "charged": "1.4", "currency": "USDC"});
        assert_eq!(serde_json::Value::Object(problem.fields), told);
        let problem = too_low(Some("1.4"));
        assert_eq!((problem.code, problem.fields.get("given")), ("voucher_too_low", Some(&json!("1.4"))));
    }

    #[test]
    fn a_key_that_changes_is_no_status() {
        let problem = Problem::from(SessionKeyError::KeyRotating);
        assert_eq!((problem.status, problem.code), (409, "key_rotating"));
        let key = domain::evm::Address([7; 20]);
        let problem = Problem::from(SessionKeyError::KeyPrepared(key));
        assert_eq!((problem.code, problem.fields.get("key")), ("key_prepared", Some(&json!(key))));
    }

    #[test]
    fn a_status_is_a_code() {
        let codes = [
            (Status::Pending, "session_pending"),
            (Status::Frozen, "session_frozen"),
            (Status::Revoked, "session_revoked"),
            (Status::Expired, "session_expired"),
            (Status::Closed, "session_closed"),
        ];
        for (status, code) in codes {
            let problem = Problem::from(SessionKeyError::WrongStatus(status));
            assert_eq!((problem.status, problem.code), (409, code));
        }
    }
}
