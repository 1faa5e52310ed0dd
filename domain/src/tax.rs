//! Taxes: which rates apply to a line, and what they come to.

use serde::{Deserialize, Serialize};

use crate::ids::TaxRateId;
use crate::meter::MeterCode;
use crate::money::{Amount, SignedAmount};

mod assess;
mod check;
#[cfg(test)]
mod tests;

pub use assess::{assess, included_tax, net_of_inclusive, total_tax};
pub use check::{TAX_ID_CHARS_MAX, TAX_NAME_CHARS_MAX, TAX_PERCENT_SCALE_MAX, TaxError};

/// How many tax rates an organization may have.
pub const TAX_RATES_MAX: usize = 500;

/// What kind of thing is taxed: a code like a meter's. `standard` when nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaxCategory(pub MeterCode);

impl Default for TaxCategory {
    fn default() -> Self {
        Self(MeterCode::made("standard".to_owned()))
    }
}

/// A country (ISO 3166-1, two capital letters) and perhaps a part of it (ISO 3166-2 without the country).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Region {
    /// `DE`
    pub country: String,
    /// `BE`; `None` for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdivision: Option<String>,
}

/// A row of an organization's tax table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaxRate {
    /// Its id.
    pub id: TaxRateId,
    /// What it is called on invoices, for example `VAT`.
    pub name: String,
    /// Where it applies: customers of this region.
    pub region: Region,
    /// What it applies to.
    pub category: TaxCategory,
    /// In percent, at most 100, at most 4 decimals.
    pub percent: Amount,
    /// Whether prices have it in them already.
    pub inclusive: bool,
    /// Whether a business with a tax id in another country than the organization owes it itself.
    pub reverse_charge: bool,
}

/// How a customer is taxed. No personal data: the id of a company, not of a person.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaxProfile {
    /// Where it is; without it no tax applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Its tax id as a business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<String>,
    /// Whether it owes no tax at all.
    #[serde(default)]
    pub exempt: bool,
}

/// A rate that applies to a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppliedRate {
    /// Which.
    pub tax_rate_id: TaxRateId,
    /// Its name at that time.
    pub name: String,
    /// Its percentage at that time.
    pub percent: Amount,
    /// Whether the line's amount has it in it.
    pub inclusive: bool,
    /// Whether the customer owes it itself: then it comes to nothing here.
    #[serde(default)]
    pub reverse_charge: bool,
}

/// What a rate comes to on an invoice: computed on the sum of its lines and rounded once, half away from zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaxLine {
    /// The rate.
    #[serde(flatten)]
    pub rate: AppliedRate,
    /// The sum of what it is computed on, without tax.
    pub base: SignedAmount,
    /// What it comes to.
    pub amount: SignedAmount,
}

impl Region {
    /// Whether it is the other one, or a part of it.
    pub fn lies_in(&self, other: &Self) -> bool {
        self.country == other.country && (other.subdivision.is_none() || other.subdivision == self.subdivision)
    }
}

impl AppliedRate {
    /// Whether the line's amount has tax of it in it: what the customer owes itself is in no amount.
    pub const fn is_inside(&self) -> bool {
        self.inclusive && !self.reverse_charge
    }
}

/// The rates that apply to a line of this category, in the order of the table: all of the buyer's region together.
pub fn rates_for<'a>(
    rates: impl IntoIterator<Item = &'a TaxRate>,
    seller: &TaxProfile,
    buyer: &TaxProfile,
    category: &TaxCategory,
) -> Vec<AppliedRate> {
    let Some(region) = buyer.region.as_ref().filter(|_| !buyer.exempt) else { return Vec::new() };
    let is_abroad = seller.region.as_ref().is_some_and(|own| own.country != region.country);
    let owes_itself = is_abroad && buyer.tax_id.is_some();
    let applying = rates.into_iter().filter(|rate| rate.category == *category && region.lies_in(&rate.region));
    let applied = applying.map(|rate| AppliedRate {
        tax_rate_id: rate.id,
        name: rate.name.clone(),
        percent: rate.percent,
        inclusive: rate.inclusive,
        reverse_charge: rate.reverse_charge && owes_itself,
    });
    applied.collect()
}
