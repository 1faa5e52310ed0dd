//! Amounts as Stripe counts them: whole numbers of a currency's smallest unit, and its own idea of what that is.

use domain::money::{Amount, Currency};
use rust_decimal::Decimal;

use crate::CallError;

/// Counted in whole units.
const ZERO_DECIMALS: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];
/// Counted in thousandths, of which only tens are taken.
const THREE_DECIMALS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];
/// Not taken: a token, and currencies that are counted in hundredths though they have none.
const NOT_TAKEN: [&str; 3] = ["ISK", "UGX", "USDC"];
/// The least that can be charged, in minor units. Of the others Stripe says no figure, only that it must come to that of
/// the currency that it settles in: it may want more, and says so.
/// From <https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>.
const LEAST: [(&str, u64); 23] = [
    ("AED", 200),
    ("AUD", 50),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("CZK", 1_500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17_500),
    ("INR", 50),
    ("JPY", 50),
    ("MXN", 1_000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PLN", 200),
    ("RON", 200),
    ("SEK", 300),
    ("SGD", 50),
    ("THB", 1_000),
    ("USD", 50),
];

/// So many decimals has the smallest unit; `None` for a currency that is not taken. All that are in no list have two,
/// HUF and TWD too, which have none in payouts only.
fn decimals(currency: Currency) -> Option<u32> {
    match currency.code() {
        code if NOT_TAKEN.contains(&code) => None,
        code if ZERO_DECIMALS.contains(&code) => Some(0),
        code if THREE_DECIMALS.contains(&code) => Some(3),
        _ => Some(2),
    }
}

/// Amounts are multiples of so many minor units.
fn step_of(decimals: u32) -> u64 {
    if decimals == 3 { 10 } else { 1 }
}

/// The least that can be asked for; `None` for a currency that is not taken.
pub(super) fn smallest(currency: Currency) -> Option<Amount> {
    let least = LEAST.iter().find(|(code, _)| *code == currency.code()).map(|(_, least)| *least);
    from_minor(least.unwrap_or(step_of(decimals(currency)?)), currency)
}

/// Amounts are multiples of this; nothing for a currency that is not taken.
pub(super) fn step(currency: Currency) -> Amount {
    decimals(currency).and_then(|decimals| from_minor(step_of(decimals), currency)).unwrap_or_default()
}

/// As Stripe wants it; never rounded.
pub(super) fn to_minor(amount: Amount, currency: Currency) -> Result<u64, CallError> {
    let decimals = decimals(currency).ok_or_else(|| {
        CallError::refused("currency_not_supported", format!("Stripe takes no payments in {currency}"))
    })?;
    let exact = amount.decimal().normalize();
    let too_precise =
        || CallError::refused("amount_too_precise", format!("Stripe cannot take exactly {amount} {currency}"));
    let missing = decimals.checked_sub(exact.scale()).ok_or_else(too_precise)?;
    let minor = exact.mantissa() * 10_i128.pow(missing);
    if minor % i128::from(step_of(decimals)) != 0 {
        return Err(too_precise());
    }
    u64::try_from(minor).map_err(|_| CallError::refused("amount_too_large", format!("{amount} is too much")))
}

/// As Stripe gives it; `None` for a currency that is not taken, or more than the ledger keeps.
pub(super) fn from_minor(minor: u64, currency: Currency) -> Option<Amount> {
    let exact = Decimal::try_from_i128_with_scale(i128::from(minor), decimals(currency)?).ok()?;
    Amount::new(exact).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn minor_units_are_stripes() {
        for (text, code, minor) in [
            ("10", "USD", 1_000),
            ("0.01", "USD", 1),
            ("999999.99", "EUR", 99_999_999),
            ("500", "JPY", 500),
            ("1000", "KRW", 1_000),
            ("1000", "VND", 1_000),
            ("700", "CLP", 700),
            ("5.12", "KWD", 5_120),
            ("12.34", "HUF", 1_234),
            ("12.34", "TWD", 1_234),
            ("0", "USD", 0),
        ] {
            assert_eq!(to_minor(amount(text), currency(code)), Ok(minor), "{text} {code}");
            assert_eq!(from_minor(minor, currency(code)), Some(amount(text)), "{text} {code}");
        }
    }

    #[test]
    fn there_is_a_least_and_a_step() {
        for (code, least, unit) in [
            ("USD", Some("0.5"), "0.01"),
            ("GBP", Some("0.3"), "0.01"),
            ("HUF", Some("175"), "0.01"),
            ("JPY", Some("50"), "1"),
            ("KRW", Some("1"), "1"),
            ("UAH", Some("0.01"), "0.01"),
            ("KWD", Some("0.01"), "0.01"),
            ("USDC", None, "0"),
        ] {
            assert_eq!((smallest(currency(code)), step(currency(code))), (least.map(amount), amount(unit)), "{code}");
            if let Some(least) = least {
                assert!(to_minor(amount(least), currency(code)).is_ok(), "{code}");
            }
        }
    }

    #[test]
    fn what_cannot_be_exact_is_refused() {
        for (text, code, why) in [
            ("0.001", "USD", "amount_too_precise"),
            ("1.5", "JPY", "amount_too_precise"),
            ("5.124", "KWD", "amount_too_precise"),
            ("5.1245", "KWD", "amount_too_precise"),
            ("1", "USDC", "currency_not_supported"),
        ] {
            let error = to_minor(amount(text), currency(code)).unwrap_err();
            assert!(matches!(&error, CallError::Refused { code, .. } if code == why), "{text} {error}");
        }
        assert_eq!(from_minor(1, currency("USDC")), None);
        assert_eq!(from_minor(u64::MAX, Currency::USD), None, "more than the ledger keeps");
    }

    proptest! {
        #[test]
        fn minor_units_come_back(minor in 0_u64..=10_u64.pow(15), place in 0_usize..4) {
            let currency = currency(["USD", "JPY", "KWD", "HUF"][place]);
            let amount = from_minor(minor, currency).unwrap();
            let back = to_minor(amount, currency);
            if currency.code() == "KWD" && minor % 10 != 0 {
                prop_assert!(back.is_err());
            } else {
                prop_assert_eq!(back, Ok(minor));
            }
        }
    }
}
