//! Given a price, when so much is used, then it costs so much: by example in [`models`] and [`shares`], what is refused
//! in [`checks`], and over any prices and quantities in [`properties`].

use super::*;
use crate::money::MoneyError;

mod checks;
mod models;
mod properties;
mod shares;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}
fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

fn used(text: &str, uses: u64) -> Used {
    Used { quantity: quantity(text), uses }
}

fn plain(model: Model) -> Pricing {
    Pricing { model, included: Quantity::ZERO, minimum: Amount::ZERO }
}

fn including(model: Model, included: &str) -> Pricing {
    Pricing { included: quantity(included), ..plain(model) }
}

fn flat(text: &str) -> Model {
    Model::Flat { amount: amount(text) }
}
fn per_unit(text: &str) -> Model {
    Model::PerUnit { unit_price: amount(text) }
}
fn package(size: &str, price: &str) -> Model {
    Model::Package { size: quantity(size), amount: amount(price) }
}
fn percentage(percent: &str, per_use: &str) -> Model {
    Model::Percentage { percent: amount(percent), per_use: amount(per_use) }
}

/// Border, unit price and fee of each; no border for the last.
fn tiers(tiers: &[(&str, &str, &str)]) -> Vec<Tier> {
    let tier = |(up_to, unit_price, flat): &(&str, &str, &str)| Tier {
        up_to: (!up_to.is_empty()).then(|| quantity(up_to)),
        unit_price: amount(unit_price),
        flat: amount(flat),
    };
    tiers.iter().map(tier).collect()
}
fn graduated(steps: &[(&str, &str, &str)]) -> Model {
    Model::Graduated { tiers: tiers(steps) }
}
fn volume(steps: &[(&str, &str, &str)]) -> Model {
    Model::Volume { tiers: tiers(steps) }
}

/// What so much costs at once.
fn cost(pricing: &Pricing, quantity: &str) -> Amount {
    pricing.rate(used(quantity, 1), Share::WHOLE).unwrap()
}
