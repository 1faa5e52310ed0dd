//! What a quantity comes to, exactly, and what a part of a period comes to.

use rust_decimal::Decimal;

use crate::cycle::Cycle;
use crate::money::{AMOUNT_SCALE_MAX, Amount, Currency, MoneyError, QUANTITY_SCALE_MAX, Quantity, SignedAmount};
use crate::price::{Model, Pricing, Rated, Share, Tier, Used};

/// A hundredth has two decimals more.
const HUNDREDTH_SCALE: u32 = 2;

impl Used {
    /// So much, at once: what a fee is computed on.
    pub const fn once(quantity: Quantity) -> Self {
        Self { quantity, uses: 1 }
    }

    /// With one more charge of so much.
    pub fn and(self, quantity: Quantity) -> Result<Self, MoneyError> {
        let uses = self.uses.checked_add(1).ok_or(MoneyError::TooLarge)?;
        Ok(Self { quantity: self.quantity.checked_add(quantity)?, uses })
    }
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { part: 1, of: 1 };

    /// What the one is of the other, in whole seconds. Nothing when the part ends before it begins.
    pub fn of_cycle(part: Cycle, whole: Cycle) -> Self {
        let seconds = |cycle: Cycle| (cycle.end - cycle.start).num_seconds();
        Self { part: seconds(part).max(0), of: seconds(whole).max(1) }
    }

    /// This part of an amount, rounded to 12 decimals, half away from zero. All of an amount is the amount itself.
    pub fn part_of(self, amount: Amount) -> Result<Amount, MoneyError> {
        if self.part == self.of {
            return Ok(amount);
        }
        let of = i128::from(self.of);
        // At most 27 digits: the product with any number of seconds in a few thousand years fits.
        let smallest = in_smallest(amount.decimal(), AMOUNT_SCALE_MAX);
        let product = smallest.checked_mul(i128::from(self.part)).ok_or(MoneyError::TooLarge)?;
        let rounded = product.checked_add(of / 2).and_then(|sum| sum.checked_div(of)).ok_or(MoneyError::TooLarge)?;
        made(rounded, AMOUNT_SCALE_MAX)
    }
}

impl Rated {
    /// An exact amount, and what it is rounded to as a line of an invoice.
    pub fn of(exact: SignedAmount, currency: Currency) -> Self {
        // The nearest whole number of coins never lies beyond a limit that is one.
        let amount = SignedAmount::new(currency.rounded(exact.decimal())).unwrap_or(exact);
        Self { exact, amount }
    }
}

impl Pricing {
    /// What so much costs: exactly, or an error; only a share of a period is rounded, see [`Share::part_of`]. For a fee
    /// `used` is [`Used::once`]; for usage the share is [`Share::WHOLE`]. The minimum is not in it.
    pub fn rate(&self, used: Used, share: Share) -> Result<Amount, MoneyError> {
        share.part_of(self.whole(used)?)
    }

    /// What a period costs at least, in this share.
    pub fn minimum_for(&self, share: Share) -> Result<Amount, MoneyError> {
        share.part_of(self.minimum)
    }

    /// What one charge more costs: what all of it comes to then, less `rated`, the highest amount that the period has
    /// come to so far. Never less than zero.
    pub fn marginal(&self, from: Used, rated: Amount, quantity: Quantity) -> Result<Amount, MoneyError> {
        Ok(self.whole(from.and(quantity)?)?.minus(rated))
    }

    /// What is not included of so much.
    pub(super) fn beyond(&self, quantity: Quantity) -> Quantity {
        quantity.minus(self.included)
    }

    fn whole(&self, used: Used) -> Result<Amount, MoneyError> {
        let beyond = self.beyond(used.quantity);
        match &self.model {
            Model::Flat { amount } => times(*amount, i128::from(used.uses)),
            Model::PerUnit { unit_price } => beyond.priced(*unit_price),
            Model::Graduated { tiers } => graduated(tiers, beyond),
            Model::Volume { tiers } => volume(tiers, beyond),
            Model::Package { size, amount } => times(*amount, packages(beyond, *size)?),
            Model::Percentage { percent, per_use } => {
                part(beyond, *percent)?.checked_add(times(*per_use, i128::from(used.uses))?)
            }
        }
    }
}

/// Each tier with the quantity that it begins after.
pub(super) fn steps(tiers: &[Tier]) -> impl Iterator<Item = (Quantity, &Tier)> {
    let borders = tiers.iter().map(|tier| tier.up_to.unwrap_or_default());
    std::iter::once(Quantity::ZERO).chain(borders).zip(tiers)
}

fn graduated(tiers: &[Tier], quantity: Quantity) -> Result<Amount, MoneyError> {
    let mut sum = Amount::ZERO;
    for (after, tier) in steps(tiers).take_while(|(after, _)| *after < quantity) {
        let up_to = tier.up_to.map_or(quantity, |up_to| up_to.min(quantity));
        let units = up_to.minus(after).priced(tier.unit_price)?;
        sum = sum.checked_add(units)?.checked_add(tier.flat)?;
    }
    Ok(sum)
}

fn volume(tiers: &[Tier], quantity: Quantity) -> Result<Amount, MoneyError> {
    if quantity.is_zero() {
        return Ok(Amount::ZERO);
    }
    match tiers.iter().find(|tier| tier.up_to.is_none_or(|up_to| quantity <= up_to)) {
        Some(tier) => quantity.priced(tier.unit_price)?.checked_add(tier.flat),
        // A price that was checked has an open tier.
        None => Ok(Amount::ZERO),
    }
}

/// How many packages are begun.
pub(super) fn packages(quantity: Quantity, size: Quantity) -> Result<i128, MoneyError> {
    let quantity = in_smallest(quantity.decimal(), QUANTITY_SCALE_MAX);
    let size = in_smallest(size.decimal(), QUANTITY_SCALE_MAX);
    (quantity + size - 1).checked_div(size).ok_or(MoneyError::Zero)
}

/// So much percent of a quantity.
pub(super) fn part(quantity: Quantity, percent: Amount) -> Result<Amount, MoneyError> {
    let percent = percent.decimal();
    quantity.priced(made(percent.mantissa(), percent.scale() + HUNDREDTH_SCALE)?)
}

/// An amount so many times.
pub(super) fn times(amount: Amount, count: i128) -> Result<Amount, MoneyError> {
    let amount = amount.decimal();
    made(amount.mantissa().checked_mul(count).ok_or(MoneyError::TooLarge)?, amount.scale())
}

/// How many of the smallest part with so many decimals a value has; it has no more decimals than that.
fn in_smallest(value: Decimal, scale: u32) -> i128 {
    value.mantissa() * 10_i128.pow(scale.saturating_sub(value.scale()))
}

fn made(mantissa: i128, scale: u32) -> Result<Amount, MoneyError> {
    Decimal::try_from_i128_with_scale(mantissa, scale).map_err(|_| MoneyError::TooLarge).and_then(Amount::new)
}
