//! Amounts, quantities and currencies of requests, with the name of the field when one is wrong.

use domain::money::{Amount, Currency, MoneyError, Quantity};

use crate::problem::Problem;

fn problem(code: &'static str, param: &str, error: MoneyError) -> Problem {
    Problem::bad_request(code, param, format!("{param} {error}"))
}

/// An amount that may be zero.
pub fn amount(param: &str, text: &str) -> Result<Amount, Problem> {
    Amount::from_input(text).map_err(|e| problem("invalid_amount", param, e))
}

/// An amount that may not.
pub fn positive_amount(param: &str, text: &str) -> Result<Amount, Problem> {
    Amount::positive_from_input(text).map_err(|e| problem("invalid_amount", param, e))
}

/// A quantity that may be zero.
pub fn quantity(param: &str, text: &str) -> Result<Quantity, Problem> {
    Quantity::from_input(text).map_err(|e| problem("invalid_quantity", param, e))
}

/// A quantity that may not.
pub fn positive_quantity(param: &str, text: &str) -> Result<Quantity, Problem> {
    Quantity::positive_from_input(text).map_err(|e| problem("invalid_quantity", param, e))
}

/// A currency, where one is given.
pub fn currency(text: Option<&str>) -> Result<Option<Currency>, Problem> {
    let parsed = text.map(|code| {
        let well_formed =
            (3..=8).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !well_formed {
            let detail = "currency must be a code in capital letters, like \"USD\"";
            return Err(Problem::bad_request("invalid_currency", "currency", detail));
        }
        code.parse::<Currency>().map_err(|_| {
            Problem::unprocessable("unknown_currency", "the ledger keeps no such currency")
                .with("param", serde_json::json!("currency"))
        })
    });
    parsed.transpose()
}

/// A text with a limit on its length.
pub fn text(param: &str, value: &str, chars_max: usize) -> Result<(), Problem> {
    let chars = value.chars().count();
    if (1..=chars_max).contains(&chars) && !value.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Problem::bad_request(
        "invalid_request",
        param,
        format!("{param} must have 1 to {chars_max} characters and no control characters"),
    ))
}
