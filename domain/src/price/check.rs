//! What a price must be, before it is part of a plan.

use rust_decimal::Decimal;

use crate::meter::MeterCode;
use crate::money::{Currency, MoneyError, Quantity};
use crate::price::{Model, Price, PriceKind, Pricing, Tier};

/// How many tiers a price may have.
pub const TIERS_MAX: usize = 50;
/// Decimals of a percentage.
pub const PERCENT_SCALE_MAX: u32 = 4;
/// The longest name of a price.
pub const PRICE_NAME_CHARS_MAX: usize = 200;

/// Why a price is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Without a name, or with a long one.
    #[error("a price's name has 1 to {PRICE_NAME_CHARS_MAX} characters")]
    Name,
    /// It costs nothing anywhere.
    #[error("a price is in at least one currency")]
    NoCurrency,
    /// None, or too many.
    #[error("a price by tiers has 1 to {TIERS_MAX} tiers")]
    Tiers,
    /// They do not rise, or the last has an end.
    #[error("each tier's `up_to` is more than the one before, and only the last tier has none")]
    Borders,
    /// A whole tier could not be kept exactly.
    #[error("a tier's border times a unit price {0}")]
    Inexact(MoneyError),
    /// A package of nothing.
    #[error("a package has more than zero units")]
    EmptyPackage,
    /// More than all, or too precise.
    #[error("a percentage is at most 100 and has at most {PERCENT_SCALE_MAX} decimals")]
    Percent,
    /// A flat fee does not look at the quantity.
    #[error("a flat fee includes no units")]
    FlatIncludes,
    /// It is for usage only.
    #[error("only a price for usage has a minimum, or is a percentage")]
    NotForFees,
}

impl Price {
    /// What it costs in a currency; `None` when it is not in it.
    pub fn pricing(&self, currency: Currency) -> Option<&Pricing> {
        self.currencies.get(&currency)
    }

    /// The meter whose usage it is for.
    pub fn meter(&self) -> Option<&MeterCode> {
        match &self.kind {
            PriceKind::Usage { meter, .. } => Some(meter),
            PriceKind::Recurring { .. } | PriceKind::OneTime => None,
        }
    }

    /// Whether it is what a price must be.
    pub fn check(&self) -> Result<(), PriceError> {
        if !(1..=PRICE_NAME_CHARS_MAX).contains(&self.name.chars().count()) {
            return Err(PriceError::Name);
        }
        if self.currencies.is_empty() {
            return Err(PriceError::NoCurrency);
        }
        for pricing in self.currencies.values() {
            pricing.check()?;
            if self.meter().is_none() {
                check_fee(pricing)?;
            }
        }
        Ok(())
    }
}

fn check_fee(pricing: &Pricing) -> Result<(), PriceError> {
    if !pricing.minimum.is_zero() || matches!(pricing.model, Model::Percentage { .. }) {
        return Err(PriceError::NotForFees);
    }
    let is_flat = matches!(pricing.model, Model::Flat { .. });
    if is_flat && !pricing.included.is_zero() { Err(PriceError::FlatIncludes) } else { Ok(()) }
}

impl Pricing {
    /// Whether it is what a price in one currency must be.
    pub fn check(&self) -> Result<(), PriceError> {
        match &self.model {
            Model::Graduated { tiers } | Model::Volume { tiers } => check_tiers(tiers),
            Model::Package { size, .. } if size.is_zero() => Err(PriceError::EmptyPackage),
            Model::Percentage { percent, .. } => {
                let percent = percent.decimal();
                let fits = percent <= Decimal::ONE_HUNDRED && percent.scale() <= PERCENT_SCALE_MAX;
                if fits { Ok(()) } else { Err(PriceError::Percent) }
            }
            Model::Flat { .. } | Model::PerUnit { .. } | Model::Package { .. } => Ok(()),
        }
    }
}

fn check_tiers(tiers: &[Tier]) -> Result<(), PriceError> {
    if !(1..=TIERS_MAX).contains(&tiers.len()) {
        return Err(PriceError::Tiers);
    }
    let mut after = Quantity::ZERO;
    for (index, tier) in tiers.iter().enumerate() {
        let is_last = index + 1 == tiers.len();
        match tier.up_to {
            Some(up_to) if !is_last && after < up_to => after = up_to,
            None if is_last => {}
            _ => return Err(PriceError::Borders),
        }
    }
    // Else what lies beyond such a border could never be charged.
    for border in tiers.iter().filter_map(|tier| tier.up_to) {
        for tier in tiers {
            if let Err(inexact @ MoneyError::TooPrecise { .. }) = border.priced(tier.unit_price) {
                return Err(PriceError::Inexact(inexact));
            }
        }
    }
    Ok(())
}
