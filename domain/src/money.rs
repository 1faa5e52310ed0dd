//! Money and quantities: exact decimals with named limits, never floats.
//!
//! An [`Amount`] is exact to [`AMOUNT_SCALE_MAX`] decimals, because token prices lie far below a
//! currency's smallest coin. Nothing here rounds: what does not fit is refused. The bounds are
//! chosen so that every sum the ledger makes stays inside the 28 digits of `rust_decimal`.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Decimals of an amount: 10⁻¹² of a currency unit.
pub const AMOUNT_SCALE_MAX: u32 = 12;
/// Decimals of a quantity.
pub const QUANTITY_SCALE_MAX: u32 = 6;
/// The largest single amount or quantity that is taken from outside: 10¹².
pub const INPUT_MAX: i64 = 1_000_000_000_000;
/// The largest balance or total the ledger will come to: 10¹⁵ (27 digits with its decimals).
pub const BALANCE_MAX: i64 = 1_000_000_000_000_000;

/// Why a text or a result is not an amount or a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most one point; exponents, signs other than `-`, spaces are refused.
    #[error("must be a decimal number in a string, like \"1.50\"")]
    Malformed,
    /// Less than zero.
    #[error("must not be negative")]
    Negative,
    /// Zero where something must move.
    #[error("must be more than zero")]
    Zero,
    /// More decimals than the ledger keeps.
    #[error("has more than {max} decimals")]
    TooPrecise {
        /// The most that is kept.
        max: u32,
    },
    /// Over the limit for a single input or for a balance.
    #[error("is too large")]
    TooLarge,
}

/// Strict decimal text: `-?digits(.digits)?`, at most 40 characters.
fn parse_decimal(text: &str) -> Result<Decimal, MoneyError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !fraction.is_none_or(all_digits) {
        return Err(MoneyError::Malformed);
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.unwrap_or("").trim_end_matches('0');
    if whole.len() > 16 {
        return Err(MoneyError::TooLarge);
    }
    if fraction.len() > AMOUNT_SCALE_MAX as usize {
        return Err(MoneyError::TooPrecise { max: AMOUNT_SCALE_MAX });
    }
    let value = Decimal::from_str(&format!("{whole:0>1}.{fraction:0<1}")).map_err(|_| MoneyError::Malformed)?;
    Ok(if digits.len() < text.len() { -value } else { value }.normalize())
}

/// A decimal that is zero or more, with a most number of decimals: one macro for both kinds, so that
/// no rule holds for one and not for the other.
macro_rules! bounded_decimal {
    ($(#[$doc:meta])* $name:ident, $scale_max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Decimal);

        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(Decimal::ZERO);

            /// Checks sign, precision and size of a computed value; never rounds.
            pub fn new(value: Decimal) -> Result<Self, MoneyError> {
                let value = value.normalize();
                if value.is_sign_negative() && !value.is_zero() {
                    return Err(MoneyError::Negative);
                }
                if value.scale() > $scale_max {
                    return Err(MoneyError::TooPrecise { max: $scale_max });
                }
                if value > Decimal::from(BALANCE_MAX) {
                    return Err(MoneyError::TooLarge);
                }
                Ok(Self(value))
            }

            /// As it comes from outside: at most [`INPUT_MAX`].
            pub fn from_input(text: &str) -> Result<Self, MoneyError> {
                let value: Self = text.parse()?;
                if value.0 > Decimal::from(INPUT_MAX) { Err(MoneyError::TooLarge) } else { Ok(value) }
            }

            /// The same, and zero is refused too.
            pub fn positive_from_input(text: &str) -> Result<Self, MoneyError> {
                let value = Self::from_input(text)?;
                if value.is_zero() { Err(MoneyError::Zero) } else { Ok(value) }
            }

            /// The exact decimal, without trailing zeros.
            pub const fn decimal(self) -> Decimal {
                self.0
            }

            /// Whether it is none.
            pub fn is_zero(self) -> bool {
                self.0.is_zero()
            }

            /// The sum, refused over [`BALANCE_MAX`].
            pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
                self.0.checked_add(other.0).ok_or(MoneyError::TooLarge).and_then(Self::new)
            }

            /// The difference, refused below zero.
            pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
                self.0.checked_sub(other.0).ok_or(MoneyError::TooLarge).and_then(Self::new)
            }

            /// The sum where the decision has already shown that it fits. Folding events never
            /// fails, so an impossible overflow stays at the largest balance rather than panic.
            #[must_use]
            pub fn plus(self, other: Self) -> Self {
                self.checked_add(other).unwrap_or(Self(Decimal::from(BALANCE_MAX)))
            }

            /// The difference; zero when there is less than `other`.
            #[must_use]
            pub fn minus(self, other: Self) -> Self {
                self.checked_sub(other).unwrap_or(Self::ZERO)
            }
        }

        impl FromStr for $name {
            type Err = MoneyError;
            fn from_str(text: &str) -> Result<Self, MoneyError> {
                Self::new(parse_decimal(text)?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

bounded_decimal! {
    /// An amount of money in some currency, zero or more, exact to 12 decimals.
    Amount, AMOUNT_SCALE_MAX
}

/// For fields that are left out when there is nothing.
pub(crate) fn nothing<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

bounded_decimal! {
    /// How much of a meter was used, zero or more, exact to 6 decimals. No unit: the meter has it.
    Quantity, QUANTITY_SCALE_MAX
}

/// An amount of money that may be less than zero: a line of an invoice. Exact to 12 decimals, and no further from
/// zero than [`BALANCE_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SignedAmount(Decimal);

impl SignedAmount {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Checks precision and size of a computed value; never rounds.
    pub fn new(value: Decimal) -> Result<Self, MoneyError> {
        let value = value.normalize();
        if value.scale() > AMOUNT_SCALE_MAX {
            return Err(MoneyError::TooPrecise { max: AMOUNT_SCALE_MAX });
        }
        if value.abs() > Decimal::from(BALANCE_MAX) {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self(value))
    }

    /// The exact decimal, without trailing zeros.
    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Whether it is less than zero.
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// The same amount the other way round.
    #[must_use]
    pub fn negated(self) -> Self {
        if self.0.is_zero() { self } else { Self(-self.0) }
    }

    /// The sum, refused beyond [`BALANCE_MAX`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).ok_or(MoneyError::TooLarge).and_then(Self::new)
    }

    /// The sum where the decision has already shown that it fits; see [`Amount::plus`].
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.checked_add(other).unwrap_or_else(|_| {
            let most = Decimal::from(BALANCE_MAX);
            Self(if (self.0 + other.0).is_sign_negative() { -most } else { most })
        })
    }

    /// What of it is above zero.
    pub fn positive_part(self) -> Amount {
        Amount::new(self.0.max(Decimal::ZERO)).unwrap_or_default()
    }

    /// Its distance from zero.
    pub fn magnitude(self) -> Amount {
        Amount::new(self.0.abs()).unwrap_or_default()
    }
}

impl From<Amount> for SignedAmount {
    fn from(amount: Amount) -> Self {
        Self(amount.0)
    }
}

impl FromStr for SignedAmount {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        Self::new(parse_decimal(text)?)
    }
}

impl fmt::Display for SignedAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for SignedAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for SignedAmount {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SignedAmount {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Quantity {
    /// Quantity × unit price, exact: a product with more than 12 decimals is refused, not rounded.
    pub fn priced(self, unit_price: Amount) -> Result<Amount, MoneyError> {
        // Two factors of up to 27 digits: `rust_decimal` would round a product that needs more
        // than 28 digits, so a product is only taken when dividing the digits shows it exact.
        let (a, b) = (self.0.normalize(), unit_price.0.normalize());
        let mantissa = a.mantissa().checked_mul(b.mantissa()).ok_or(MoneyError::TooLarge)?;
        let exact = Decimal::try_from_i128_with_scale(mantissa, a.scale() + b.scale());
        exact.map_err(|_| MoneyError::TooLarge).and_then(Amount::new)
    }
}

/// A currency the ledger knows: an ISO 4217 code, or a token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(&'static str);

/// Code and the decimals of its smallest unit (ISO 4217 list one; USDC: its contract's `decimals`).
const CURRENCIES: &[(&str, u32)] = &[
    ("AED", 2),
    ("ARS", 2),
    ("AUD", 2),
    ("BRL", 2),
    ("CAD", 2),
    ("CHF", 2),
    ("CLP", 0),
    ("CNY", 2),
    ("CZK", 2),
    ("DKK", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("HKD", 2),
    ("HUF", 2),
    ("IDR", 2),
    ("ILS", 2),
    ("INR", 2),
    ("JPY", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("MXN", 2),
    ("MYR", 2),
    ("NOK", 2),
    ("NZD", 2),
    ("PHP", 2),
    ("PLN", 2),
    ("RON", 2),
    ("SAR", 2),
    ("SEK", 2),
    ("SGD", 2),
    ("THB", 2),
    ("TRY", 2),
    ("TWD", 2),
    ("UAH", 2),
    ("USD", 2),
    ("USDC", 6),
    ("VND", 0),
    ("ZAR", 2),
];

/// The ledger keeps no such currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown currency")]
pub struct UnknownCurrency;

impl Currency {
    /// United States dollar.
    pub const USD: Self = Self("USD");
    /// USD Coin, the token of session keys.
    pub const USDC: Self = Self("USDC");

    /// The code, upper case.
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// Rounded to its smallest unit, half away from zero: how a line of an invoice is rounded.
    pub fn rounded(self, exact: Decimal) -> Decimal {
        exact
            .round_dp_with_strategy(self.minor_unit(), rust_decimal::RoundingStrategy::MidpointAwayFromZero)
            .normalize()
    }

    /// Decimals of its smallest unit: what invoices and transfers are rounded to, at the edge.
    pub fn minor_unit(self) -> u32 {
        CURRENCIES.iter().find(|(code, _)| *code == self.0).map_or(2, |(_, decimals)| *decimals)
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;
    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        CURRENCIES.iter().find(|(code, _)| *code == text).map(|(code, _)| Self(code)).ok_or(UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_an_amount() {
        for (text, shown) in [
            ("1.50", "1.5"),
            ("0", "0"),
            ("000.10", "0.1"),
            ("1000000000000", "1000000000000"),
            ("0.000000000001", "0.000000000001"),
            ("1.0000000000000000000", "1"),
            ("-0", "0"),
        ] {
            assert_eq!(Amount::from_input(text).map(|a| a.to_string()), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not() {
        use MoneyError::*;
        for (text, why) in [
            ("", Malformed),
            ("1.", Malformed),
            (".5", Malformed),
            ("1e3", Malformed),
            ("+1", Malformed),
            (" 1", Malformed),
            ("1,5", Malformed),
            ("NaN", Malformed),
            ("1_0", Malformed),
            ("٣", Malformed),
            ("--1", Malformed),
            ("-1", Negative),
            ("0.0000000000001", TooPrecise { max: 12 }),
            ("1000000000000.01", TooLarge),
            ("99999999999999999999999999999999999", TooLarge),
        ] {
            assert_eq!(Amount::from_input(text), Err(why), "{text}");
        }
        assert_eq!(Amount::positive_from_input("0.00"), Err(Zero));
    }

    #[test]
    fn prices_are_exact_or_refused() {
        let q = |t: &str| Quantity::from_input(t).unwrap();
        let a = |t: &str| Amount::from_input(t).unwrap();
        assert_eq!(q("4808").priced(a("0.000003")), Ok(a("0.014424")));
        assert_eq!(q("0.000001").priced(a("0.000000000001")), Err(MoneyError::TooPrecise { max: 12 }));
        assert_eq!(q("1000000000000").priced(a("1000000000000")), Err(MoneyError::TooLarge));
        assert_eq!(q("999999999999.999999").priced(a("999999999999.999999999999")), Err(MoneyError::TooLarge));
    }

    proptest! {
        #[test]
        fn sums_come_back(a in 0i64..INPUT_MAX, b in 0i64..INPUT_MAX, scale in 0u32..=12) {
            let a = Amount::new(Decimal::new(a, scale)).unwrap();
            let b = Amount::new(Decimal::new(b, scale)).unwrap();
            prop_assert_eq!(a.plus(b).minus(b), a);
            prop_assert_eq!(a.to_string().parse::<Amount>(), Ok(a));
        }

        #[test]
        fn any_text_is_taken_or_refused(text in "[-+0-9.eE ]{0,60}") {
            if let Ok(amount) = Amount::from_input(&text) {
                prop_assert!(amount.decimal() <= Decimal::from(INPUT_MAX));
                prop_assert!(amount.decimal().scale() <= AMOUNT_SCALE_MAX);
            }
        }
    }
}
