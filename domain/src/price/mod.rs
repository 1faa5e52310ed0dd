//! Prices: how a quantity becomes an amount. A pure function, [`rate`](Pricing::rate), with exact rules at the borders
//! of tiers, documented in `docs/billing.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::PlanId;
use crate::meter::MeterCode;
use crate::money::{Amount, Currency, Quantity, SignedAmount};
use crate::tax::TaxCategory;

mod check;
mod most;
mod rate;
#[cfg(test)]
mod tests;

pub use check::{PERCENT_SCALE_MAX, PRICE_NAME_CHARS_MAX, PriceError, TIERS_MAX};

/// A step of a graduated or a volume price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tier {
    /// The last quantity that belongs to it; `None` for the last tier.
    pub up_to: Option<Quantity>,
    /// The price of one unit in it.
    pub unit_price: Amount,
    /// A fee, once, when it is entered.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub flat: Amount,
}

/// How a quantity becomes an amount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum Model {
    /// The same amount whatever the quantity: per period for a fee, per use for usage.
    Flat {
        /// The amount.
        amount: Amount,
    },
    /// Quantity × unit price.
    PerUnit {
        /// The price of one unit.
        unit_price: Amount,
    },
    /// Each unit at the price of the tier that it lies in.
    Graduated {
        /// In rising order of `up_to`.
        tiers: Vec<Tier>,
    },
    /// All units at the price of the tier that the whole quantity lies in.
    Volume {
        /// In rising order of `up_to`.
        tiers: Vec<Tier>,
    },
    /// For each package that was begun.
    Package {
        /// How many units a package has.
        size: Quantity,
        /// The price of a package.
        amount: Amount,
    },
    /// A part of the quantity, which is an amount of money, and a fee for each use.
    Percentage {
        /// In percent: "2.9" of 100 is 2.9.
        percent: Amount,
        /// For each use.
        #[serde(default, skip_serializing_if = "crate::money::nothing")]
        per_use: Amount,
    },
}

/// A price in one currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pricing {
    /// How a quantity becomes an amount.
    #[serde(flatten)]
    pub model: Model,
    /// So much in each period costs nothing; the model sees what is beyond it.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub included: Quantity,
    /// What a period costs at least, however little was used.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub minimum: Amount,
}

/// What was used in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// How much.
    pub quantity: Quantity,
    /// In how many charges of which something lies beyond what is included.
    pub uses: u64,
}

/// What happens to usage beyond what is included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// It is refused.
    Block,
    /// It is charged, to credits or post-paid, as the customer's payment order says.
    Charge,
    /// It is charged to credits alone; without credits it is refused.
    Credits,
}

/// When a fee is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// When the period begins.
    InAdvance,
    /// When the period is over.
    InArrears,
}

/// What a price is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PriceKind {
    /// A fee for each period.
    Recurring {
        /// When.
        due: Due,
        /// Whether it is for each seat: the subscription's quantity goes into the model. Else the quantity is 1.
        per_seat: bool,
    },
    /// A fee, once, with the first bill that is not a trial's.
    OneTime,
    /// For what was used of a meter; with the period's end.
    Usage {
        /// Which.
        meter: MeterCode,
        /// What happens beyond what is included.
        beyond: Beyond,
    },
}

/// A price of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Its code, unique in the plan: as a meter's code.
    pub code: MeterCode,
    /// What it is called on invoices.
    pub name: String,
    /// What it is for.
    #[serde(flatten)]
    pub kind: PriceKind,
    /// Which tax rates apply.
    #[serde(default)]
    pub tax_category: TaxCategory,
    /// What it costs, by currency; at least one.
    pub currencies: BTreeMap<Currency, Pricing>,
}

/// Which price of which version of which plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PriceRef {
    /// The plan.
    pub plan_id: PlanId,
    /// Its version.
    pub version: u32,
    /// The price's code.
    pub code: MeterCode,
}

/// A part of a period, as exact as a fraction: `of` is never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// How much of it, in seconds.
    pub part: i64,
    /// How long it is as a whole, in seconds.
    pub of: i64,
}

/// A line of a bill before taxes, exact and rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rated {
    /// Before it was rounded.
    pub exact: SignedAmount,
    /// Rounded to the currency's smallest unit, half away from zero.
    pub amount: SignedAmount,
}
