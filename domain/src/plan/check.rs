//! What the terms of a plan must be, before anybody can subscribe to it.

use std::collections::BTreeSet;

use crate::meter::MeterCode;
use crate::plan::{Entitlement, FEATURES_MAX, PRICES_MAX, Terms};
use crate::price::{Price, PriceError};

/// The longest name of a plan.
const NAME_CHARS_MAX: usize = 200;
/// The longest value of a feature.
const VALUE_CHARS_MAX: usize = 500;
/// How many units an interval may have.
const INTERVAL_COUNT_MAX: u32 = 120;
/// How long a trial, a grace and so on may be.
const DAYS_MAX: u32 = 730;
/// How often a payment is tried again.
const RETRIES_MAX: usize = 10;
/// After how many days at most.
const RETRY_DAYS_MAX: u32 = 60;

/// Why the terms of a plan are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Without a name, or with a long one.
    #[error("a plan's name has 1 to {NAME_CHARS_MAX} characters")]
    Name,
    /// None, or too long.
    #[error("an interval is 1 to {INTERVAL_COUNT_MAX} of its unit")]
    Interval,
    /// Too many.
    #[error("trial_days, grace_days, reminder_days and due_days are at most {DAYS_MAX}")]
    Days,
    /// Too many, too soon or too late.
    #[error("retry_days has at most {RETRIES_MAX} entries of 1 to {RETRY_DAYS_MAX}")]
    Retries,
    /// More than anybody reads.
    #[error("a plan has at most {PRICES_MAX} prices")]
    TooManyPrices,
    /// More than anybody reads.
    #[error("a plan has at most {FEATURES_MAX} features")]
    TooManyFeatures,
    /// Its code would not say which.
    #[error("price {0} is there twice")]
    PriceTwice(MeterCode),
    /// A price is not what it must be.
    #[error("price {code}: {reason}")]
    Price {
        /// Which.
        code: MeterCode,
        /// What is wrong.
        reason: PriceError,
    },
    /// A subscription has one currency, and needs all prices in it.
    #[error("price {0} is not in the same currencies as the first")]
    Currencies(MeterCode),
    /// A unit is charged once.
    #[error("meter {0} has two prices for usage")]
    MeterPricedTwice(MeterCode),
    /// A meter has one quota.
    #[error("meter {0} has two metered features")]
    MeterLimitedTwice(MeterCode),
    /// A limit is what is included in the meter's price.
    #[error("the limit of feature {0} is not what the price of its meter includes")]
    LimitContradicts(MeterCode),
    /// Too long.
    #[error("the value of feature {0} has more than {VALUE_CHARS_MAX} characters")]
    Value(MeterCode),
}

impl Terms {
    /// Whether they are what the terms of a plan must be.
    pub fn check(&self) -> Result<(), TermsError> {
        if !(1..=NAME_CHARS_MAX).contains(&self.name.chars().count()) {
            return Err(TermsError::Name);
        }
        if !(1..=INTERVAL_COUNT_MAX).contains(&self.interval.count) {
            return Err(TermsError::Interval);
        }
        let days = [self.trial_days, self.grace_days, self.reminder_days, self.due_days];
        if days.iter().any(|days| *days > DAYS_MAX) {
            return Err(TermsError::Days);
        }
        let are_retries = self.retry_days.iter().all(|days| (1..=RETRY_DAYS_MAX).contains(days));
        if self.retry_days.len() > RETRIES_MAX || !are_retries {
            return Err(TermsError::Retries);
        }
        self.check_prices()?;
        self.check_features()
    }

    fn check_prices(&self) -> Result<(), TermsError> {
        if self.prices.len() > PRICES_MAX {
            return Err(TermsError::TooManyPrices);
        }
        let (mut codes, mut meters) = (BTreeSet::new(), BTreeSet::new());
        for price in &self.prices {
            if !codes.insert(&price.code) {
                return Err(TermsError::PriceTwice(price.code.clone()));
            }
            price.check().map_err(|reason| TermsError::Price { code: price.code.clone(), reason })?;
            if self.prices.first().is_some_and(|first| !first.currencies.keys().eq(price.currencies.keys())) {
                return Err(TermsError::Currencies(price.code.clone()));
            }
            if let Some(meter) = price.meter().filter(|meter| !meters.insert(*meter)) {
                return Err(TermsError::MeterPricedTwice(meter.clone()));
            }
        }
        Ok(())
    }

    fn check_features(&self) -> Result<(), TermsError> {
        if self.features.len() > FEATURES_MAX {
            return Err(TermsError::TooManyFeatures);
        }
        let mut meters = BTreeSet::new();
        for (code, feature) in &self.features {
            match feature {
                Entitlement::Static { value } if value.chars().count() > VALUE_CHARS_MAX => {
                    return Err(TermsError::Value(code.clone()));
                }
                Entitlement::Metered { meter, .. } if !meters.insert(meter) => {
                    return Err(TermsError::MeterLimitedTwice(meter.clone()));
                }
                Entitlement::Metered { meter, limit: Some(limit) } => {
                    let contradicts = |price: &Price| price.currencies.values().any(|it| it.included != *limit);
                    if self.usage_price(meter).is_some_and(contradicts) {
                        return Err(TermsError::LimitContradicts(code.clone()));
                    }
                }
                Entitlement::Boolean { .. } | Entitlement::Static { .. } | Entitlement::Metered { .. } => {}
            }
        }
        Ok(())
    }
}
