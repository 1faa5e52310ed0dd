//! What a plan says, as it is sent.

use std::collections::BTreeMap;

use domain::cycle::{Interval, IntervalUnit};
use domain::plan::{Entitlement, LateUsage, Terms};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::denied;
use super::price::{PlanPrice, code};
use crate::money;
use crate::problem::Problem;

/// The most days of a trial, a grace, a reminder, or until an invoice is due.
const DAYS_MAX: u32 = 730;
/// Days after its date at which an invoice is due, when nothing is said.
const DUE_DAYS_DEFAULT: u32 = 14;
/// After how many days each a failed payment is tried again, when nothing is said.
const RETRY_DAYS_DEFAULT: [u32; 3] = [1, 3, 5];
/// The longest value of a feature.
const VALUE_CHARS_MAX: usize = 500;

/// A plan, or another version of one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlan {
    /// Its code, for ever: 1 to 64 of `a-z 0-9 _ . -`. Required of a new plan; of another version that of the plan, or
    /// left out.
    #[serde(default)]
    #[schema(example = "basic")]
    pub code: Option<String>,
    /// What it is called; 1 to 200 characters.
    pub name: String,
    /// How long a period is; a month when left out.
    #[serde(default)]
    pub interval: Option<PlanInterval>,
    /// How many days are free at first: 0 to 730; none when left out.
    #[serde(default)]
    pub trial_days: Option<u32>,
    /// How many days a subscription goes on when its invoice is not paid, or when its renewal is off: 0 to 730; none when
    /// left out. Without a grace a subscription that is not paid for ends with the last try.
    #[serde(default)]
    pub grace_days: Option<u32>,
    /// How many days before a trial's or a period's end a reminder is due: 0 to 730; none when left out.
    #[serde(default)]
    pub reminder_days: Option<u32>,
    /// How many days after its date an invoice is due: 0 to 730; 14 when left out.
    #[serde(default)]
    pub due_days: Option<u32>,
    /// After how many days each a failed payment is tried again: up to 10 times 1 to 60; `[1, 3, 5]` when left out.
    #[serde(default)]
    pub retry_days: Option<Vec<u32>>,
    /// What becomes of usage that comes after its period's close; `next_invoice` when left out.
    #[serde(default)]
    pub late_usage: Option<PlanLateUsage>,
    /// Up to 50 prices, all in the same currencies.
    #[serde(default)]
    pub prices: Vec<PlanPrice>,
    /// Up to 100 features, by code.
    #[serde(default)]
    pub features: BTreeMap<String, PlanFeature>,
}

/// How long a period is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanInterval {
    /// The unit, in the customer's time zone.
    pub unit: PlanIntervalUnit,
    /// How many of them: 1 to 120; 1 when left out.
    #[serde(default)]
    pub count: Option<u32>,
}

/// The unit of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanIntervalUnit {
    /// Calendar days.
    Day,
    /// Seven of them.
    Week,
    /// Calendar months.
    Month,
    /// Twelve of them.
    Year,
}

/// What becomes of usage that comes after its period's close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanLateUsage {
    /// It is a dated line on the next invoice.
    NextInvoice,
    /// It is given away: a line with what it would have cost, and one that takes it back.
    Waive,
}

/// What a plan gives beyond its prices. Which fields there are follows from the kind.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanFeature {
    /// What kind.
    pub kind: PlanFeatureKind,
    /// Of `boolean`: whether it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Of `static`: its value; 1 to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Of `metered`: which meter of the price list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<String>,
    /// Of `metered`: how much in each period, what the meter's price includes; as much as one likes when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
}

/// A kind of feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanFeatureKind {
    /// It may be used, or not.
    Boolean,
    /// A fixed value, for example a number of seats.
    Static,
    /// So much of a meter in each period.
    Metered,
}

impl NewPlan {
    /// What the plan is to say, read and checked.
    pub fn read(&self) -> Result<Terms, Problem> {
        money::text("name", &self.name, 200)?;
        let prices = self.prices.iter().enumerate().map(|(index, price)| price.read(&format!("prices[{index}]")));
        let prices = prices.collect::<Result<Vec<_>, _>>()?;
        let mut features = BTreeMap::new();
        for (name, feature) in &self.features {
            features.insert(code("features", name)?, feature.read(&format!("features.{name}"))?);
        }
        let terms = Terms {
            name: self.name.clone(),
            interval: self.interval.as_ref().map_or(MONTHLY, PlanInterval::read),
            trial_days: days("trial_days", self.trial_days, 0)?,
            grace_days: days("grace_days", self.grace_days, 0)?,
            reminder_days: days("reminder_days", self.reminder_days, 0)?,
            due_days: days("due_days", self.due_days, DUE_DAYS_DEFAULT)?,
            retry_days: self.retry_days.clone().unwrap_or_else(|| RETRY_DAYS_DEFAULT.to_vec()),
            late_usage: match self.late_usage {
                Some(PlanLateUsage::Waive) => LateUsage::Waive,
                Some(PlanLateUsage::NextInvoice) | None => LateUsage::NextInvoice,
            },
            prices,
            features,
        };
        terms.check().map_err(|error| denied::of_terms(&error))?;
        Ok(terms)
    }
}

const MONTHLY: Interval = Interval { unit: IntervalUnit::Month, count: 1 };

fn days(param: &str, days: Option<u32>, otherwise: u32) -> Result<u32, Problem> {
    match days.unwrap_or(otherwise) {
        days if days <= DAYS_MAX => Ok(days),
        _ => Err(Problem::bad_request("invalid_request", param, format!("{param} must be 0 to {DAYS_MAX}"))),
    }
}

impl PlanInterval {
    fn read(&self) -> Interval {
        let unit = match self.unit {
            PlanIntervalUnit::Day => IntervalUnit::Day,
            PlanIntervalUnit::Week => IntervalUnit::Week,
            PlanIntervalUnit::Month => IntervalUnit::Month,
            PlanIntervalUnit::Year => IntervalUnit::Year,
        };
        Interval { unit, count: self.count.unwrap_or(1) }
    }

    /// As the plan has it.
    pub const fn shown(interval: Interval) -> Self {
        let unit = match interval.unit {
            IntervalUnit::Day => PlanIntervalUnit::Day,
            IntervalUnit::Week => PlanIntervalUnit::Week,
            IntervalUnit::Month => PlanIntervalUnit::Month,
            IntervalUnit::Year => PlanIntervalUnit::Year,
        };
        Self { unit, count: Some(interval.count) }
    }
}

impl PlanLateUsage {
    /// As the plan has it.
    pub const fn shown(late_usage: LateUsage) -> Self {
        match late_usage {
            LateUsage::NextInvoice => Self::NextInvoice,
            LateUsage::Waive => Self::Waive,
        }
    }
}

impl PlanFeature {
    fn read(&self, at: &str) -> Result<Entitlement, Problem> {
        use PlanFeatureKind as K;
        let given = [
            ("enabled", self.enabled.is_some(), K::Boolean),
            ("value", self.value.is_some(), K::Static),
            ("meter", self.meter.is_some(), K::Metered),
            ("limit", self.limit.is_some(), K::Metered),
        ];
        if let Some((field, ..)) = given.into_iter().find(|(_, is_given, of)| *is_given && *of != self.kind) {
            let detail = format!("a feature of this kind has no {field}");
            return Err(Problem::bad_request("invalid_request", &format!("{at}.{field}"), detail));
        }
        let missing = |field: &str| {
            let detail = format!("a feature of this kind has {field}");
            Problem::bad_request("missing_field", &format!("{at}.{field}"), detail)
        };
        Ok(match self.kind {
            K::Boolean => Entitlement::Boolean { enabled: self.enabled.ok_or_else(|| missing("enabled"))? },
            K::Static => {
                let value = self.value.clone().ok_or_else(|| missing("value"))?;
                money::text(&format!("{at}.value"), &value, VALUE_CHARS_MAX)?;
                Entitlement::Static { value }
            }
            K::Metered => {
                let meter = self.meter.as_deref().ok_or_else(|| missing("meter"))?;
                let limit = self.limit.as_deref().map(|text| money::quantity(&format!("{at}.limit"), text));
                Entitlement::Metered { meter: code(&format!("{at}.meter"), meter)?, limit: limit.transpose()? }
            }
        })
    }

    /// As the plan has it.
    pub fn shown(feature: &Entitlement) -> Self {
        let none = Self { kind: PlanFeatureKind::Boolean, enabled: None, value: None, meter: None, limit: None };
        match feature {
            Entitlement::Boolean { enabled } => Self { enabled: Some(*enabled), ..none },
            Entitlement::Static { value } => Self { kind: PlanFeatureKind::Static, value: Some(value.clone()), ..none },
            Entitlement::Metered { meter, limit } => Self {
                kind: PlanFeatureKind::Metered,
                meter: Some(meter.to_string()),
                limit: limit.map(|limit| limit.to_string()),
                ..none
            },
        }
    }
}
