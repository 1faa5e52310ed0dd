//! What rows of the tax table and tax profiles must be.

use rust_decimal::Decimal;

use crate::tax::{Region, TaxProfile, TaxRate};

/// Decimals of a tax rate's percentage.
pub const TAX_PERCENT_SCALE_MAX: u32 = 4;
/// The longest name of a tax rate.
pub const TAX_NAME_CHARS_MAX: usize = 64;
/// The longest tax id.
pub const TAX_ID_CHARS_MAX: usize = 64;
/// The longest part of a country, of ISO 3166-2.
const SUBDIVISION_CHARS_MAX: usize = 3;

/// Why a tax rate or a tax profile is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TaxError {
    /// No code of ISO 3166-1.
    #[error("a country is two capital letters, like DE")]
    Country,
    /// No code of ISO 3166-2.
    #[error("a subdivision is 1 to {SUBDIVISION_CHARS_MAX} capital letters and digits, without the country, like BE")]
    Subdivision,
    /// More than all, or too precise.
    #[error("a tax rate's percentage is at most 100 and has at most {TAX_PERCENT_SCALE_MAX} decimals")]
    Percent,
    /// Without a name, or with a long one.
    #[error("a tax rate's name has 1 to {TAX_NAME_CHARS_MAX} characters")]
    Name,
    /// Empty, long, or no id.
    #[error("a tax id has 1 to {TAX_ID_CHARS_MAX} printable ASCII characters, and no space at its ends")]
    TaxId,
}

impl Region {
    /// Whether it is what a region must be.
    pub fn check(&self) -> Result<(), TaxError> {
        if self.country.len() != 2 || !self.country.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(TaxError::Country);
        }
        let is_code = |text: &String| {
            (1..=SUBDIVISION_CHARS_MAX).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        if self.subdivision.as_ref().is_none_or(is_code) { Ok(()) } else { Err(TaxError::Subdivision) }
    }
}

impl TaxProfile {
    /// Whether it is what a tax profile must be.
    pub fn check(&self) -> Result<(), TaxError> {
        if let Some(region) = &self.region {
            region.check()?;
        }
        let is_id = |text: &String| {
            let is_printed = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
            (1..=TAX_ID_CHARS_MAX).contains(&text.len()) && is_printed && text.trim() == text
        };
        if self.tax_id.as_ref().is_none_or(is_id) { Ok(()) } else { Err(TaxError::TaxId) }
    }
}

impl TaxRate {
    /// Whether it is what a row of the tax table must be.
    pub fn check(&self) -> Result<(), TaxError> {
        self.region.check()?;
        if !(1..=TAX_NAME_CHARS_MAX).contains(&self.name.chars().count()) {
            return Err(TaxError::Name);
        }
        let percent = self.percent.decimal();
        let fits = percent <= Decimal::ONE_HUNDRED && percent.scale() <= TAX_PERCENT_SCALE_MAX;
        if fits { Ok(()) } else { Err(TaxError::Percent) }
    }
}
