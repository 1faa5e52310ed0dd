//! What the ledger refuses an organization, as a problem.

use domain::model_price::{MODELS_MAX, PRICES_MAX};
use domain::organization::{METERS_MAX, OrganizationError};
use domain::route::{ROUTES_MAX, RouteError};
use domain::tax::TAX_RATES_MAX;
use serde_json::json;

use crate::problem::Problem;

impl From<OrganizationError> for Problem {
    fn from(error: OrganizationError) -> Self {
        use OrganizationError as E;
        let detail = error.to_string();
        match error {
            E::NotFound => Self::not_found("organization_not_found", detail),
            E::AlreadyExists => Self::conflict("already_exists", detail),
            E::TooManyMeters => Self::unprocessable("too_many_meters", detail).with("limit", json!(METERS_MAX)),
            E::TooManyRoutes => Self::unprocessable("too_many_routes", detail).with("limit", json!(ROUTES_MAX)),
            E::RouteNotFound => Self::not_found("route_not_found", detail),
            E::RouteExists(id) => {
                Self::conflict("route_exists", detail).with("param", json!("path")).with("route_id", json!(id))
            }
            E::CredentialNeeded => Self::unprocessable("credential_needed", detail).with("param", json!("credential")),
            E::Route(error) => error.into(),
            E::TooManyModels => Self::unprocessable("too_many_models", detail)
                .with("limit", json!(MODELS_MAX))
                .with("limit_at_once", json!(PRICES_MAX)),
            E::ModelNotFound => Self::not_found("model_not_found", detail),
            E::TooManyTaxRates => Self::unprocessable("too_many_tax_rates", detail).with("limit", json!(TAX_RATES_MAX)),
            E::TaxRateNotFound => Self::not_found("tax_rate_not_found", detail),
            E::ModelPrice { model, .. } => Self::bad_request("invalid_amount", model.as_str(), detail),
        }
    }
}

impl From<RouteError> for Problem {
    fn from(error: RouteError) -> Self {
        let detail = error.to_string();
        match error {
            RouteError::Invalid { field, .. } => Self::bad_request("invalid_request", field, detail),
            RouteError::UnknownMeter(_) => {
                Self::unprocessable("unknown_meter", detail).with("param", json!("price.meters"))
            }
            RouteError::CurrencyMismatch { .. } => {
                Self::unprocessable("currency_mismatch", detail).with("param", json!("price.currencies"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_route_is_named() {
        let invalid = RouteError::Invalid { field: "limits.seconds_max", reason: "must be 1 to 3600".into() };
        let problem = Problem::from(OrganizationError::Route(invalid));
        assert_eq!((problem.status, problem.code), (400, "invalid_request"));
        assert_eq!(problem.detail, "limits.seconds_max must be 1 to 3600");
        assert_eq!(problem.fields["param"], "limits.seconds_max");
        let unknown = Problem::from(RouteError::UnknownMeter("calls".parse().unwrap()));
        assert_eq!((unknown.status, unknown.code), (422, "unknown_meter"));
    }
}
