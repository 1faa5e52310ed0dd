//! Meters: what is counted, and how a quantity becomes an amount.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::money::{Amount, Currency};

/// The code of a meter: 1 to 64 of `a-z 0-9 _ . -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MeterCode(String);

/// The text is not a meter's code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a meter's code has 1 to 64 of the characters a-z, 0-9, '_', '.', '-'")]
pub struct InvalidMeterCode;

fn fits(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'))
}

impl MeterCode {
    /// A code that the domain makes itself, so that it always fits.
    pub(crate) fn made(code: String) -> Self {
        debug_assert!(fits(&code), "{code}");
        Self(code)
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MeterCode {
    type Err = InvalidMeterCode;
    fn from_str(text: &str) -> Result<Self, InvalidMeterCode> {
        if fits(text) { Ok(Self(text.to_owned())) } else { Err(InvalidMeterCode) }
    }
}

impl<'de> Deserialize<'de> for MeterCode {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for MeterCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MeterCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A meter with its price. Immutable: a new price is a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// Its code, unique in the organization.
    pub code: MeterCode,
    /// What one unit is called, for example `token`.
    pub unit: String,
    /// The price of one unit; zero for what is counted and not sold.
    pub unit_price: Amount,
    /// The price's currency.
    pub currency: Currency,
    /// 1, 2, 3… for each time it was set.
    pub version: u32,
}
