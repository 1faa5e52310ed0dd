//! What is wrong with a plan, as a problem.

use domain::plan::{PlanError, TermsError, VERSIONS_MAX};
use domain::price::PriceError;
use serde_json::json;

use super::plan_not_found;
use crate::problem::Problem;

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let detail = error.to_string();
        match error {
            PlanError::NotFound => plan_not_found(),
            PlanError::AlreadyExists => {
                Self::conflict("plan_exists", "there is a plan with this code").with("param", json!("code"))
            }
            PlanError::Retired => Self::conflict("plan_retired", detail),
            PlanError::TooManyVersions => {
                Self::unprocessable("too_many_versions", detail).with("limit", json!(VERSIONS_MAX))
            }
            PlanError::Terms(error) => of_terms(&error),
        }
    }
}

/// Which part of a plan is wrong.
pub fn of_terms(error: &TermsError) -> Problem {
    let of_feature = |code: &dyn std::fmt::Display, field: &str| format!("features.{code}.{field}");
    let param = match error {
        TermsError::Name => "name".to_owned(),
        TermsError::Interval => "interval.count".to_owned(),
        TermsError::Days => "trial_days".to_owned(),
        TermsError::Retries => "retry_days".to_owned(),
        TermsError::TooManyPrices
        | TermsError::PriceTwice(_)
        | TermsError::Price { .. }
        | TermsError::Currencies(_)
        | TermsError::MeterPricedTwice(_) => "prices".to_owned(),
        TermsError::TooManyFeatures | TermsError::MeterLimitedTwice(_) => "features".to_owned(),
        TermsError::LimitContradicts(code) => of_feature(code, "limit"),
        TermsError::Value(code) => of_feature(code, "value"),
    };
    Problem::bad_request("invalid_request", &param, error.to_string())
}

/// Which part of a price is wrong. `at` is its place in the request.
pub fn of_price(error: &PriceError, at: &str) -> Problem {
    let field = match error {
        PriceError::Name => "name",
        PriceError::NoCurrency | PriceError::NotForFees => "currencies",
        PriceError::Tiers | PriceError::Borders | PriceError::Inexact(_) => "tiers",
        PriceError::EmptyPackage => "size",
        PriceError::Percent => "percent",
        PriceError::FlatIncludes => "included",
    };
    Problem::bad_request("invalid_request", &format!("{at}.{field}"), error.to_string())
}
