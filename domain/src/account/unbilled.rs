//! What was charged and is not billed yet: a sum for each meter, price and period.
//!
//! Who is never billed would have more and more of them, one for each price that its meters ever had. So where there
//! are many, those of one meter at its own prices of before become one.

use std::sync::Arc;

use crate::account::event::{UsageKey, UsageSum};
use crate::charge::Line;
use crate::meter::MeterCode;
use crate::money::{Amount, Quantity};

/// With so many sums, what a meter was charged at its own prices of before becomes one sum when it has another one.
pub const UNBILLED_MAX: usize = 500;

/// Adds a line of the charge that is the account's event of this version; credits paid so much of it.
pub(super) fn add(sums: &mut Arc<Vec<UsageSum>>, line: &Line, credits: Amount, version: u64) {
    let sums = Arc::make_mut(sums);
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    // Where a plan's price counts it says what a unit costs.
    let unit_price = line.unit_price.filter(|_| line.price.is_none());
    let key = (line.meter.as_ref(), line.price.as_ref(), unit_price, line.cycle());
    let mut place = find(sums, key);
    if place.is_err() && unit_price.is_some() && sums.len() >= UNBILLED_MAX {
        merge(sums, line.meter.as_ref());
        place = find(sums, key);
    }
    match place {
        Ok(place) => {
            if let Some(sum) = sums.get_mut(place) {
                sum.add(line, credits, version);
            }
        }
        Err(place) => {
            let mut sum = UsageSum {
                meter: line.meter.clone(),
                price: line.price.clone(),
                unit_price,
                cycle: line.cycle(),
                quantity: Quantity::ZERO,
                included: Quantity::ZERO,
                amount: Amount::ZERO,
                credits: Amount::ZERO,
                too_much: Amount::ZERO,
                charges: 0,
                first_version: version,
                last_version: version,
            };
            sum.add(line, credits, version);
            sums.insert(place, sum);
        }
    }
}

/// The place of a sum, or where it would be.
pub(super) fn find(sums: &[UsageSum], key: UsageKey<'_>) -> Result<usize, usize> {
    sums.binary_search_by(|sum| sum.key().cmp(&key))
}

/// Makes one sum of all that a meter was charged at its own prices. Sums of plans stay as they are.
fn merge(sums: &mut Vec<UsageSum>, meter: Option<&MeterCode>) {
    let mut merged: Option<UsageSum> = None;
    sums.retain(|sum| {
        if sum.meter.as_ref() != meter || sum.price.is_some() || sum.cycle.is_some() {
            return true;
        }
        match &mut merged {
            Some(merged) => merged.merge(sum),
            None => merged = Some(UsageSum { unit_price: None, ..sum.clone() }),
        }
        false
    });
    if let Some(merged) = merged {
        let (Ok(place) | Err(place)) = find(sums, merged.key());
        sums.insert(place, merged);
    }
}

impl UsageSum {
    fn add(&mut self, line: &Line, credits: Amount, version: i64) {
        self.quantity = self.quantity.plus(line.quantity.unwrap_or_default());
        self.included = self.included.plus(line.included_quantity.unwrap_or_default());
        self.amount = self.amount.plus(line.amount);
        self.credits = self.credits.plus(credits);
        // A charge may name a meter twice and is still one.
        if self.charges == 0 || self.last_version != version {
            self.charges += 1;
        }
        self.last_version = version;
    }

    fn merge(&mut self, other: &Self) {
        self.quantity = self.quantity.plus(other.quantity);
        self.included = self.included.plus(other.included);
        self.amount = self.amount.plus(other.amount);
        self.credits = self.credits.plus(other.credits);
        self.too_much = self.too_much.plus(other.too_much);
        self.charges = self.charges.saturating_add(other.charges);
        self.first_version = self.first_version.min(other.first_version);
        self.last_version = self.last_version.max(other.last_version);
    }
}
