//! Addresses, signatures and token amounts of requests, with the name of the field when one is wrong.

use domain::evm::{Address, HexBytes};
use domain::money::{Amount, Currency};
use serde_json::json;

use crate::money;
use crate::problem::Problem;

/// The longest signature of an owner. That of a wallet has 65 bytes, that of a smart account may have many more.
pub const SIGNATURE_BYTES_MAX: usize = 4_096;

/// An address that is somebody's: not zero.
pub fn address(param: &str, text: &str) -> Result<Address, Problem> {
    let parsed: Result<Address, _> = text.parse();
    match parsed {
        Ok(Address([0, rest @ ..])) if rest == [0; 19] => {
            Err(Problem::bad_request("invalid_address", param, format!("{param} must not be the zero address")))
        }
        Ok(address) => Ok(address),
        Err(error) => Err(Problem::bad_request("invalid_address", param, format!("{param} {error}"))),
    }
}

/// A signature of an owner, of whatever form the owner's account takes.
pub fn owner_signature(param: &str, text: &str) -> Result<HexBytes, Problem> {
    let invalid = |why: String| Problem::bad_request("invalid_signature", param, format!("{param} {why}"));
    if text.len() > 2 + 2 * SIGNATURE_BYTES_MAX {
        return Err(invalid(format!("has more than {SIGNATURE_BYTES_MAX} bytes")));
    }
    text.parse().map_err(|e: domain::evm::InvalidBytes| invalid(e.to_string()))
}

/// An amount of the token of session keys: more than zero, and whole atomic units.
pub fn token_amount(param: &str, text: &str) -> Result<Amount, Problem> {
    let amount = money::positive_amount(param, text)?;
    let (token, decimals) = (Currency::USDC, Currency::USDC.minor_unit());
    if amount.rounded_down(decimals) != amount {
        let detail = format!("{param} has more than the {decimals} decimals of {token}");
        return Err(Problem::unprocessable("amount_too_precise", detail).with("param", json!(param)));
    }
    Ok(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let code = |problem: Option<Problem>| problem.map(|problem| (problem.status, problem.code));
        let zero = format!("0x{}", "0".repeat(40));
        for wrong in ["", "0x12", zero.as_str()] {
            assert_eq!(code(address("owner", wrong).err()), Some((400, "invalid_address")), "{wrong}");
        }
        assert!(address("owner", &format!("0x{}1", "0".repeat(39))).is_ok());
        let long = format!("0x{}", "ab".repeat(SIGNATURE_BYTES_MAX + 1));
        for wrong in ["", "0xa", "0xzz", long.as_str()] {
            assert_eq!(code(owner_signature("signature", wrong).err()), Some((400, "invalid_signature")));
        }
        assert_eq!(
            token_amount("limit", "1.000001").map(|amount| amount.to_string()).ok().as_deref(),
            Some("1.000001")
        );
        assert_eq!(code(token_amount("limit", "1.0000001").err()), Some((422, "amount_too_precise")));
        assert_eq!(code(token_amount("limit", "0").err()), Some((400, "invalid_amount")));
    }
}
