//! The most that a charge can come to: what a hold has to reserve before it is known where the charge will land.

use crate::money::{Amount, MoneyError, Quantity};
use crate::price::rate::{packages, part, steps, times};
use crate::price::{Model, Pricing, Tier, Used};

impl Pricing {
    /// The most that one charge of `quantity`, or of less, can come to, wherever it lands, at `from` or later: what is
    /// included may be used up by then, and other tiers reached.
    pub fn at_most(&self, from: Used, quantity: Quantity) -> Result<Amount, MoneyError> {
        let from = self.beyond(from.quantity);
        match &self.model {
            Model::Flat { amount } => Ok(*amount),
            Model::PerUnit { unit_price } => quantity.priced(*unit_price),
            Model::Graduated { tiers } => ahead(tiers, from, quantity),
            Model::Volume { tiers } => ahead(tiers, from, quantity)?.checked_add(repriced(tiers, from, quantity)?),
            Model::Package { size, amount } => times(*amount, packages(quantity, *size)?),
            Model::Percentage { percent, per_use } => part(quantity, *percent)?.checked_add(*per_use),
        }
    }
}

/// All units at the highest price of the tiers that lie ahead, and the fees of those that can still be entered.
fn ahead(tiers: &[Tier], from: Quantity, quantity: Quantity) -> Result<Amount, MoneyError> {
    let (mut highest, mut flats) = (Amount::ZERO, Amount::ZERO);
    for (after, tier) in steps(tiers).filter(|(_, tier)| tier.up_to.is_none_or(|up_to| from < up_to)) {
        highest = highest.max(tier.unit_price);
        if from <= after {
            flats = flats.checked_add(tier.flat)?;
        }
    }
    quantity.priced(highest)?.checked_add(flats)
}

/// Where a volume price rises, the units so far become dearer, too: at most as many as lie before the border that is
/// crossed.
fn repriced(tiers: &[Tier], from: Quantity, quantity: Quantity) -> Result<Amount, MoneyError> {
    let mut most = Amount::ZERO;
    for (index, tier) in tiers.iter().enumerate() {
        let Some(border) = tier.up_to.filter(|up_to| from <= *up_to) else { continue };
        for (after, later) in steps(tiers).skip(index + 1) {
            let is_in_reach = after.minus(border) < quantity;
            if is_in_reach && later.unit_price > tier.unit_price {
                most = most.max(border.priced(later.unit_price.minus(tier.unit_price))?);
            }
        }
    }
    Ok(most)
}
