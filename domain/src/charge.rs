//! What a charge is made of, whoever pays it: usage that is asked for, and lines with amounts.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::cycle::Cycle;
use crate::meter::{Meter, MeterCode};
use crate::money::{Amount, MoneyError, Quantity};
use crate::price::PriceRef;

/// One thing to charge for.
#[derive(Debug, Clone)]
pub enum Usage {
    /// An amount as it is.
    Flat {
        /// How much; more than zero.
        amount: Amount,
    },
    /// A quantity at the meter's price.
    Metered {
        /// With its price at the time of the request.
        meter: Meter,
        /// How much; more than zero.
        quantity: Quantity,
    },
}

/// One thing that was charged for. A flat amount has no meter, quantity and price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<MeterCode>,
    /// The version of the meter's price; `None` where a plan's counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_version: Option<u32>,
    /// How much of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// How much of that the allowance covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub included_quantity: Option<Quantity>,
    /// The rest, where it draws nothing on the allowance although there is some left: credits pay first, or holds reserve
    /// what is left. Nothing where the rest is beyond the allowance.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub beside: Quantity,
    /// The price of one unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Amount>,
    /// The plan's price, in place of the meter's own: then `unit_price` is left out, unless all units have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceRef>,
    /// The quota's period it counts in; `None` when the meter has no quota, or none that is known of that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<Timestamp>,
    /// When that period ends, of a subscription's; `None` for one of the calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<Timestamp>,
    /// (quantity − included) × unit price, or by the plan's price, exact.
    pub amount: Amount,
}

impl Line {
    /// An amount as it is.
    pub const fn flat(amount: Amount) -> Self {
        Self {
            meter: None,
            price_version: None,
            quantity: None,
            included_quantity: None,
            beside: Quantity::ZERO,
            unit_price: None,
            price: None,
            period_start: None,
            period_end: None,
            amount,
        }
    }

    /// A quantity at the meter's price, less what an allowance covers. Never rounds: an amount that
    /// cannot be kept exactly is an error.
    pub fn metered(
        meter: &Meter,
        quantity: Quantity,
        included: Option<Quantity>,
        period_start: Option<Timestamp>,
    ) -> Result<Self, MoneyError> {
        let payable = quantity.minus(included.unwrap_or_default());
        Ok(Self {
            meter: Some(meter.code.clone()),
            price_version: Some(meter.version),
            quantity: Some(quantity),
            included_quantity: included,
            beside: Quantity::ZERO,
            unit_price: Some(meter.unit_price),
            price: None,
            period_start,
            period_end: None,
            amount: payable.priced(meter.unit_price)?,
        })
    }

    /// What no allowance covers of it.
    pub fn payable(&self) -> Quantity {
        self.quantity.unwrap_or_default().minus(self.included_quantity.unwrap_or_default())
    }

    /// The subscription's period it counts in.
    pub fn cycle(&self) -> Option<Cycle> {
        Some(Cycle { start: self.period_start?, end: self.period_end? })
    }
}
