//! The plans that are shipped, and what the one that the demo sells costs: worked out here, from the file alone.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use super::Error;

/// Plans to begin with.
const FILE: &str = include_str!("../../deploy/examples/plans.json");
/// The plan that is sold.
pub const CODE: &str = "professional";
/// In this currency.
pub const CURRENCY: &str = "USD";

/// A file of plans, each as the API takes it.
#[derive(Debug, Deserialize)]
pub struct PlanFile {
    /// What is counted.
    #[serde(default)]
    pub meters: Vec<Value>,
    /// What is sold.
    pub plans: Vec<Value>,
}

impl PlanFile {
    /// The one that is shipped.
    pub fn shipped() -> Result<Self, Error> {
        Ok(serde_json::from_str(FILE).map_err(|error| format!("deploy/examples/plans.json: {error}"))?)
    }

    /// What the demo sells.
    pub fn offer(&self) -> Result<Offer, Error> {
        let plan = self.plans.iter().find(|plan| plan["code"] == CODE);
        let plan = plan.ok_or_else(|| format!("deploy/examples/plans.json has no plan {CODE}"))?;
        let plan = Plan::deserialize(plan).map_err(|error| format!("the plan {CODE}: {error}"))?;
        Offer::of(plan).ok_or_else(|| format!("the plan {CODE} is none that the demo can work out").into())
    }
}

#[derive(Deserialize)]
struct Plan {
    name: String,
    prices: Vec<Price>,
}

#[derive(Deserialize)]
struct Price {
    name: String,
    kind: String,
    #[serde(default)]
    due: Option<String>,
    #[serde(default)]
    meter: Option<String>,
    #[serde(default)]
    tax_category: Option<String>,
    currencies: BTreeMap<String, Pricing>,
}

#[derive(Clone, Deserialize)]
struct Pricing {
    model: String,
    #[serde(default)]
    amount: Option<Decimal>,
    #[serde(default)]
    unit_price: Option<Decimal>,
    #[serde(default)]
    tiers: Vec<Tier>,
    #[serde(default)]
    included: Decimal,
    #[serde(default)]
    minimum: Decimal,
}

#[derive(Clone, Deserialize)]
struct Tier {
    #[serde(default)]
    up_to: Option<Decimal>,
    unit_price: Decimal,
    #[serde(default)]
    flat: Decimal,
}

/// What is sold: a fee for each month, in advance, and usage.
pub struct Offer {
    /// What the plan is called.
    pub name: String,
    /// The fee for a month.
    pub fee: Decimal,
    /// What it is taxed as.
    pub fee_category: String,
    /// What usage is called on invoices.
    pub usage_name: String,
    /// What is counted.
    pub meter: String,
    /// How much of it a month includes.
    pub included: Decimal,
    /// What usage is taxed as.
    pub usage_category: String,
    tiers: Vec<Tier>,
}

impl Offer {
    /// `None` for plans of another kind.
    fn of(plan: Plan) -> Option<Self> {
        let pricing = |price: &Price| price.currencies.get(CURRENCY).cloned();
        let category = |price: &Price| price.tax_category.clone().unwrap_or_else(|| "standard".to_owned());
        let [fee, usage] = plan.prices.as_slice() else { return None };
        let in_advance = fee.due.as_deref().is_none_or(|due| due == "in_advance");
        let (for_fee, for_usage) = (pricing(fee)?, pricing(usage)?);
        if fee.kind != "recurring" || !in_advance || for_fee.model != "flat" || usage.kind != "usage" {
            return None;
        }
        let tiers = match (for_usage.model.as_str(), for_usage.unit_price) {
            ("per_unit", Some(unit_price)) => vec![Tier { up_to: None, unit_price, flat: Decimal::ZERO }],
            ("graduated", None) => for_usage.tiers,
            _ => return None,
        };
        if !for_usage.minimum.is_zero() || tiers.iter().any(|tier| !tier.flat.is_zero()) {
            return None;
        }
        Some(Self {
            fee: for_fee.amount?,
            fee_category: category(fee),
            usage_name: usage.name.clone(),
            meter: usage.meter.clone()?,
            included: for_usage.included,
            usage_category: category(usage),
            name: plan.name,
            tiers,
        })
    }

    /// What so much beyond what is included comes to.
    pub fn usage(&self, beyond: Decimal) -> Decimal {
        self.parts(beyond).iter().map(|(part, unit_price)| part * unit_price).sum()
    }

    /// How that is worked out: `2500 × 0.01`.
    pub fn working(&self, beyond: Decimal) -> String {
        let parts = self.parts(beyond);
        let written = parts.iter().map(|(part, price)| format!("{} × {}", part.normalize(), price.normalize()));
        written.collect::<Vec<_>>().join(" + ")
    }

    /// What of it lies in which tier, and what one costs there.
    fn parts(&self, beyond: Decimal) -> Vec<(Decimal, Decimal)> {
        let (mut after, mut parts) = (Decimal::ZERO, Vec::new());
        for tier in &self.tiers {
            let part = tier.up_to.map_or(beyond, |up_to| up_to.min(beyond)) - after;
            if part <= Decimal::ZERO {
                break;
            }
            parts.push((part, tier.unit_price));
            after += part;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    #[test]
    fn the_shipped_plan_can_be_worked_out() {
        let offer = PlanFile::shipped().unwrap().offer().unwrap();
        assert_eq!((offer.fee, offer.included), (decimal("299"), decimal("50000")));
        assert_eq!((offer.meter.as_str(), offer.usage_category.as_str()), ("api_calls", "standard"));
        assert_eq!((offer.usage(decimal("2500")), offer.usage(Decimal::ZERO)), (decimal("25"), Decimal::ZERO));
        assert_eq!(offer.working(decimal("2500")), "2500 × 0.01");
    }

    #[test]
    fn each_part_has_the_price_of_its_tier() {
        let offer = PlanFile::shipped().unwrap().offer().unwrap();
        // 100,000 at 0.010 and 1,000 at 0.008.
        assert_eq!(offer.usage(decimal("101000")), decimal("1008"));
        assert_eq!(offer.working(decimal("101000")), "100000 × 0.01 + 1000 × 0.008");
    }

    #[test]
    fn another_kind_of_plan_is_refused() {
        let mut file = PlanFile::shipped().unwrap();
        let plan = file.plans.iter_mut().find(|plan| plan["code"] == CODE).unwrap();
        plan["prices"][1]["currencies"][CURRENCY]["model"] = "volume".into();
        assert!(file.offer().is_err());
        file.plans.retain(|plan| plan["code"] != CODE);
        assert!(file.offer().is_err());
    }
}
