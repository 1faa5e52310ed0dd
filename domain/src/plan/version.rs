//! What a version of a plan means for a subscription: in which currencies it can be had, and what it allows.

use crate::meter::MeterCode;
use crate::money::{Amount, Currency};
use crate::plan::{Entitlement, PlanVersion, Terms};
use crate::price::{Beyond, Model, Price, PriceKind, PriceRef, Pricing};
use crate::subscription::AllowanceTerms;

impl Terms {
    /// The price of a meter's usage.
    pub fn usage_price(&self, meter: &MeterCode) -> Option<&Price> {
        self.prices.iter().find(|price| price.meter() == Some(meter))
    }
}

impl PlanVersion {
    /// Whether all of its prices are in this currency.
    pub fn has_currency(&self, currency: Currency) -> bool {
        self.terms.prices.iter().all(|price| price.currencies.contains_key(&currency))
    }

    /// Which price of which version it is.
    pub fn price_ref(&self, price: &Price) -> PriceRef {
        PriceRef { plan_id: self.plan_id, version: self.version, code: price.code.clone() }
    }

    /// The quotas that an account gets of it: of each price for usage, in the order of the prices, then of each metered
    /// feature with a limit whose meter has no such price, by code. Such a feature blocks beyond its limit.
    pub fn allowances(&self, currency: Currency) -> Vec<AllowanceTerms> {
        let priced = self.terms.prices.iter().filter_map(|price| self.of_price(price, currency));
        let limited = self.terms.features.values().filter_map(|feature| self.of_feature(feature));
        priced.chain(limited).collect()
    }

    fn of_price(&self, price: &Price, currency: Currency) -> Option<AllowanceTerms> {
        let PriceKind::Usage { meter, beyond } = &price.kind else { return None };
        Some(AllowanceTerms {
            meter: meter.clone(),
            price: Some(self.price_ref(price)),
            pricing: price.pricing(currency)?.clone(),
            beyond: *beyond,
        })
    }

    fn of_feature(&self, feature: &Entitlement) -> Option<AllowanceTerms> {
        let Entitlement::Metered { meter, limit: Some(limit) } = feature else { return None };
        if self.terms.usage_price(meter).is_some() {
            return None;
        }
        let model = Model::PerUnit { unit_price: Amount::ZERO };
        let pricing = Pricing { model, included: *limit, minimum: Amount::ZERO };
        Some(AllowanceTerms { meter: meter.clone(), price: None, pricing, beyond: Beyond::Block })
    }
}
