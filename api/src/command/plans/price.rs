//! Prices as they are sent and as they are shown: one form for both.

use std::collections::BTreeMap;

use domain::meter::MeterCode;
use domain::money::{Amount, Currency, Quantity};
use domain::price::{Beyond, Due, Model, Price, PriceKind, Pricing, Tier};
use domain::tax::TaxCategory;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::denied;
use crate::money;
use crate::problem::Problem;

/// A price of a plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanPrice {
    /// Its code, unique in the plan: 1 to 64 of `a-z 0-9 _ . -`.
    #[schema(example = "seat")]
    pub code: String,
    /// What it is called on invoices; 1 to 200 characters.
    pub name: String,
    /// What it is for.
    pub kind: PlanPriceKind,
    /// Of a recurring fee: when it is due; `in_advance` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<PlanPriceDue>,
    /// Of a recurring fee: whether it is for each seat; `false` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_seat: Option<bool>,
    /// Of usage: which meter of the price list; required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<String>,
    /// Of usage: what happens beyond what is included; `charge` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<PlanPriceBeyond>,
    /// Which tax rates apply; `standard` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_category: Option<String>,
    /// What it costs, by currency; the same currencies in all prices of a plan.
    pub currencies: BTreeMap<String, PlanPricing>,
}

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanPriceKind {
    /// A fee for each period.
    Recurring,
    /// A fee, once.
    OneTime,
    /// For what is used of a meter.
    Usage,
}

/// When a fee is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanPriceDue {
    /// When the period begins.
    InAdvance,
    /// When the period is over.
    InArrears,
}

/// What happens to usage beyond what is included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanPriceBeyond {
    /// It is refused.
    Block,
    /// It is charged, as the customer's payment order says.
    Charge,
    /// It is charged to credits alone.
    Credits,
}

/// What something costs in one currency. Amounts and quantities are decimal strings; which fields there are follows
/// from the model.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanPricing {
    /// How a quantity becomes an amount.
    pub model: PlanPriceModel,
    /// Of `flat`: the amount. Of `package`: the price of a package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "99")]
    pub amount: Option<String>,
    /// Of `per_unit`: the price of one unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<String>,
    /// Of `graduated` and `volume`: 1 to 50, each up to more than the one before, the last without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<PlanTier>>,
    /// Of `package`: how many units a package has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Of `percentage`: in percent of the quantity; at most 100, at most 4 decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<String>,
    /// Of `percentage`: for each use; none when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_use: Option<String>,
    /// So much in each period costs nothing; none when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub included: Option<String>,
    /// Of usage: what a period costs at least; nothing when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<String>,
}

/// How a quantity becomes an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanPriceModel {
    /// The same whatever the quantity: for a period, or for each use.
    Flat,
    /// Quantity × unit price.
    PerUnit,
    /// Each unit at the price of the tier that it lies in.
    Graduated,
    /// All units at the price of the tier that the whole quantity lies in.
    Volume,
    /// For each package that was begun.
    Package,
    /// A part of the quantity, which is an amount of money, and a fee for each use.
    Percentage,
}

/// A step of a graduated or a volume price.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanTier {
    /// The last quantity that belongs to it; left out of the last tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "100000")]
    pub up_to: Option<String>,
    /// The price of one unit in it.
    pub unit_price: String,
    /// A fee, once, when it is entered; none when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flat: Option<String>,
}

fn invalid(param: &str, detail: impl Into<String>) -> Problem {
    Problem::bad_request("invalid_request", param, detail)
}

/// A code of a plan, a price, a feature or a tax category.
pub fn code(param: &str, text: &str) -> Result<MeterCode, Problem> {
    text.parse().map_err(|_| invalid(param, format!("{param} must have 1 to 64 of the characters a-z 0-9 _ . -")))
}

impl PlanPrice {
    /// Read and checked. `at` is its place in the request.
    pub fn read(&self, at: &str) -> Result<Price, Problem> {
        money::text(&format!("{at}.name"), &self.name, 200)?;
        let category =
            self.tax_category.as_deref().map(|text| code(&format!("{at}.tax_category"), text)).transpose()?;
        let mut currencies = BTreeMap::new();
        for (currency, pricing) in &self.currencies {
            let place = format!("{at}.currencies");
            let known =
                money::currency(Some(currency.as_str())).map_err(|problem| problem.with("param", json!(place)))?;
            if let Some(known) = known {
                currencies.insert(known, pricing.read(&format!("{place}.{currency}"))?);
            }
        }
        let price = Price {
            code: code(&format!("{at}.code"), &self.code)?,
            name: self.name.clone(),
            kind: self.kind(at)?,
            tax_category: category.map(TaxCategory).unwrap_or_default(),
            currencies,
        };
        price.check().map_err(|error| denied::of_price(&error, at))?;
        Ok(price)
    }

    fn kind(&self, at: &str) -> Result<PriceKind, Problem> {
        let given = [
            ("due", self.due.is_some(), PlanPriceKind::Recurring),
            ("per_seat", self.per_seat.is_some(), PlanPriceKind::Recurring),
            ("meter", self.meter.is_some(), PlanPriceKind::Usage),
            ("beyond", self.beyond.is_some(), PlanPriceKind::Usage),
        ];
        if let Some((field, ..)) = given.into_iter().find(|(_, is_given, of)| *is_given && *of != self.kind) {
            return Err(invalid(&format!("{at}.{field}"), format!("a price of this kind has no {field}")));
        }
        Ok(match self.kind {
            PlanPriceKind::OneTime => PriceKind::OneTime,
            PlanPriceKind::Recurring => PriceKind::Recurring {
                due: match self.due {
                    Some(PlanPriceDue::InArrears) => Due::InArrears,
                    Some(PlanPriceDue::InAdvance) | None => Due::InAdvance,
                },
                per_seat: self.per_seat.unwrap_or(false),
            },
            PlanPriceKind::Usage => {
                let place = format!("{at}.meter");
                let Some(meter) = &self.meter else {
                    return Err(Problem::bad_request("missing_field", &place, "a price for usage has a meter"));
                };
                PriceKind::Usage {
                    meter: code(&place, meter)?,
                    beyond: match self.beyond {
                        Some(PlanPriceBeyond::Block) => Beyond::Block,
                        Some(PlanPriceBeyond::Credits) => Beyond::Credits,
                        Some(PlanPriceBeyond::Charge) | None => Beyond::Charge,
                    },
                }
            }
        })
    }

    /// As the plan has it.
    pub fn shown(price: &Price) -> Self {
        let mut shown = Self {
            code: price.code.to_string(),
            name: price.name.clone(),
            kind: PlanPriceKind::OneTime,
            due: None,
            per_seat: None,
            meter: None,
            beyond: None,
            tax_category: Some(price.tax_category.0.to_string()),
            currencies: BTreeMap::new(),
        };
        let of = |(currency, pricing): (&Currency, &Pricing)| (currency.to_string(), PlanPricing::shown(pricing));
        shown.currencies = price.currencies.iter().map(of).collect();
        match &price.kind {
            PriceKind::OneTime => {}
            PriceKind::Recurring { due, per_seat } => {
                shown.kind = PlanPriceKind::Recurring;
                shown.due = Some(match due {
                    Due::InAdvance => PlanPriceDue::InAdvance,
                    Due::InArrears => PlanPriceDue::InArrears,
                });
                shown.per_seat = Some(*per_seat);
            }
            PriceKind::Usage { meter, beyond } => {
                shown.kind = PlanPriceKind::Usage;
                shown.meter = Some(meter.to_string());
                shown.beyond = Some(PlanPriceBeyond::shown(*beyond));
            }
        }
        shown
    }
}

impl PlanPriceBeyond {
    /// As the plan has it.
    pub const fn shown(beyond: Beyond) -> Self {
        match beyond {
            Beyond::Block => Self::Block,
            Beyond::Charge => Self::Charge,
            Beyond::Credits => Self::Credits,
        }
    }
}

impl PlanPricing {
    /// Read and checked. `at` is its place in the request.
    pub fn read(&self, at: &str) -> Result<Pricing, Problem> {
        use PlanPriceModel as M;
        let model = match self.model {
            M::Flat => {
                self.only(at, &["amount"])?;
                Model::Flat { amount: needed_amount(at, "amount", self.amount.as_deref())? }
            }
            M::PerUnit => {
                self.only(at, &["unit_price"])?;
                Model::PerUnit { unit_price: needed_amount(at, "unit_price", self.unit_price.as_deref())? }
            }
            M::Graduated => Model::Graduated { tiers: self.read_tiers(at)? },
            M::Volume => Model::Volume { tiers: self.read_tiers(at)? },
            M::Package => {
                self.only(at, &["size", "amount"])?;
                let size = self.size.as_deref().ok_or_else(|| missing(at, "size"))?;
                Model::Package {
                    size: money::positive_quantity(&format!("{at}.size"), size)?,
                    amount: needed_amount(at, "amount", self.amount.as_deref())?,
                }
            }
            M::Percentage => {
                self.only(at, &["percent", "per_use"])?;
                Model::Percentage {
                    percent: needed_amount(at, "percent", self.percent.as_deref())?,
                    per_use: amount(at, "per_use", self.per_use.as_deref())?,
                }
            }
        };
        let included = self.included.as_deref().map(|text| money::quantity(&format!("{at}.included"), text));
        let pricing = Pricing {
            model,
            included: included.transpose()?.unwrap_or_default(),
            minimum: amount(at, "minimum", self.minimum.as_deref())?,
        };
        pricing.check().map_err(|error| denied::of_price(&error, at))?;
        Ok(pricing)
    }

    /// Refuses what another model has.
    fn only(&self, at: &str, fields: &[&str]) -> Result<(), Problem> {
        let given = [
            ("amount", self.amount.is_some()),
            ("unit_price", self.unit_price.is_some()),
            ("tiers", self.tiers.is_some()),
            ("size", self.size.is_some()),
            ("percent", self.percent.is_some()),
            ("per_use", self.per_use.is_some()),
        ];
        match given.into_iter().find(|(field, is_given)| *is_given && !fields.contains(field)) {
            Some((field, _)) => Err(invalid(&format!("{at}.{field}"), format!("a price of this model has no {field}"))),
            None => Ok(()),
        }
    }

    fn read_tiers(&self, at: &str) -> Result<Vec<Tier>, Problem> {
        self.only(at, &["tiers"])?;
        let tiers = self.tiers.as_deref().ok_or_else(|| missing(at, "tiers"))?;
        tiers.iter().enumerate().map(|(index, tier)| tier.read(&format!("{at}.tiers[{index}]"))).collect()
    }

    /// As the plan has it.
    pub fn shown(pricing: &Pricing) -> Self {
        use PlanPriceModel as M;
        let text = |amount: &Amount| Some(amount.to_string());
        let mut shown = Self {
            model: M::Flat,
            amount: None,
            unit_price: None,
            tiers: None,
            size: None,
            percent: None,
            per_use: None,
            included: some(pricing.included, Quantity::is_zero),
            minimum: some(pricing.minimum, Amount::is_zero),
        };
        match &pricing.model {
            Model::Flat { amount } => shown.amount = text(amount),
            Model::PerUnit { unit_price } => (shown.model, shown.unit_price) = (M::PerUnit, text(unit_price)),
            Model::Graduated { tiers } => (shown.model, shown.tiers) = (M::Graduated, PlanTier::all_shown(tiers)),
            Model::Volume { tiers } => (shown.model, shown.tiers) = (M::Volume, PlanTier::all_shown(tiers)),
            Model::Package { size, amount } => {
                shown.model = M::Package;
                shown.size = Some(size.to_string());
                shown.amount = text(amount);
            }
            Model::Percentage { percent, per_use } => {
                shown.model = M::Percentage;
                shown.percent = text(percent);
                shown.per_use = some(*per_use, Amount::is_zero);
            }
        }
        shown
    }
}

impl PlanTier {
    fn read(&self, at: &str) -> Result<Tier, Problem> {
        let up_to = self.up_to.as_deref().map(|text| money::positive_quantity(&format!("{at}.up_to"), text));
        Ok(Tier {
            up_to: up_to.transpose()?,
            unit_price: money::amount(&format!("{at}.unit_price"), &self.unit_price)?,
            flat: amount(at, "flat", self.flat.as_deref())?,
        })
    }

    fn all_shown(tiers: &[Tier]) -> Option<Vec<Self>> {
        Some(tiers.iter().map(Self::shown).collect())
    }

    fn shown(tier: &Tier) -> Self {
        Self {
            up_to: tier.up_to.map(|up_to| up_to.to_string()),
            unit_price: tier.unit_price.to_string(),
            flat: some(tier.flat, Amount::is_zero),
        }
    }
}

fn missing(at: &str, field: &str) -> Problem {
    Problem::bad_request("missing_field", &format!("{at}.{field}"), format!("a price of this model has {field}"))
}

fn needed_amount(at: &str, field: &str, text: Option<&str>) -> Result<Amount, Problem> {
    money::amount(&format!("{at}.{field}"), text.ok_or_else(|| missing(at, field))?)
}

/// Nothing when left out.
fn amount(at: &str, field: &str, text: Option<&str>) -> Result<Amount, Problem> {
    text.map_or(Ok(Amount::ZERO), |text| money::amount(&format!("{at}.{field}"), text))
}

fn some<T: Copy + ToString>(value: T, is_zero: impl Fn(T) -> bool) -> Option<String> {
    (!is_zero(value)).then(|| value.to_string())
}
