//! What a price comes to: for whoever sets one up, or shows it to a customer. Nothing is written.

use axum::Json;
use domain::money::{Amount, Currency, MoneyError, Quantity, SignedAmount};
use domain::price::{Model, Pricing, Rated, Share, Tier, Used};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::plans::price::PlanPricing;
use crate::auth::Principal;
use crate::extract;
use crate::money;
use crate::problem::Problem;

/// A price and a quantity.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceToRate {
    /// As in `prices` of a plan, for one currency.
    pub pricing: PlanPricing,
    /// In this currency.
    #[schema(example = "USD")]
    pub currency: String,
    /// How much was used in the period, what is included among it; for a fee the seats. A decimal string, zero or more,
    /// at most 6 decimals.
    #[schema(example = "12500")]
    pub quantity: String,
    /// In how many charges; 1 when left out.
    #[serde(default)]
    pub uses: Option<u64>,
    /// How much more `marginal` is for; 1 when left out.
    #[serde(default)]
    pub next: Option<String>,
}

/// What it comes to.
#[derive(Debug, Serialize, ToSchema)]
pub struct RatedPriceOut {
    /// Always `rated_price`.
    pub object: &'static str,
    /// In this currency.
    pub currency: String,
    /// How much.
    pub quantity: String,
    /// What of it costs nothing.
    pub included: String,
    /// What is beyond that.
    pub beyond: String,
    /// What it comes to, exactly.
    pub exact: String,
    /// The same as a line of an invoice: rounded to the currency's smallest unit, half away from zero.
    pub amount: String,
    /// What is added at the period's end because a period costs at least the price's minimum; exact.
    pub to_minimum: String,
    /// What `next` more would cost, exactly; never less than zero.
    pub marginal: String,
    /// What it is the sum of.
    pub parts: Vec<RatedPartOut>,
}

/// Units at one price.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RatedPartOut {
    /// Of a tier: the quantity that it begins after. What is included does not count.
    pub after: Option<String>,
    /// Of a tier: the last quantity that belongs to it; `null` of the last one.
    pub up_to: Option<String>,
    /// How many units; packages and flat amounts are not divided.
    pub quantity: String,
    /// The price of one, where each has the same.
    pub unit_price: Option<String>,
    /// The tier's fee.
    pub flat: Option<String>,
    /// What they come to, exactly.
    pub amount: String,
}

/// What a quantity comes to at a price: exactly, rounded, tier by tier, and what a little more would cost.
#[utoipa::path(post, path = "/v1/prices/rate", tag = "Plans", request_body = PriceToRate,
    responses((status = 200, body = RatedPriceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn rate_price(
    _principal: Principal,
    extract::Json(body): extract::Json<PriceToRate>,
) -> Result<Json<RatedPriceOut>, Problem> {
    let pricing = body.pricing.read("pricing")?;
    let missing = || Problem::bad_request("missing_field", "currency", "say in which currency");
    let currency = money::currency(Some(body.currency.as_str()))?.ok_or_else(missing)?;
    let quantity = money::quantity("quantity", &body.quantity)?;
    let next = money::positive_quantity("next", body.next.as_deref().unwrap_or("1"))?;
    let used = Used { quantity, uses: body.uses.unwrap_or(1) };
    rated(&pricing, currency, used, next).map(Json).map_err(out_of_range)
}

fn out_of_range(error: MoneyError) -> Problem {
    let code = match error {
        MoneyError::TooPrecise { .. } => "amount_too_precise",
        _ => "amount_too_large",
    };
    Problem::unprocessable(code, format!("the amount {error}")).with("param", json!("quantity"))
}

fn rated(pricing: &Pricing, currency: Currency, used: Used, next: Quantity) -> Result<RatedPriceOut, MoneyError> {
    let exact = pricing.rate(used, Share::WHOLE)?;
    let beyond = used.quantity.minus(pricing.included);
    let parts = match &pricing.model {
        Model::Graduated { tiers } => graduated(tiers, beyond)?,
        Model::Volume { tiers } => volume(tiers, beyond, exact),
        Model::PerUnit { unit_price } => vec![whole(beyond, Some(*unit_price), exact)],
        Model::Flat { .. } | Model::Package { .. } | Model::Percentage { .. } => vec![whole(beyond, None, exact)],
    };
    Ok(RatedPriceOut {
        object: "rated_price",
        currency: currency.to_string(),
        quantity: used.quantity.to_string(),
        included: used.quantity.minus(beyond).to_string(),
        beyond: beyond.to_string(),
        exact: exact.to_string(),
        amount: Rated::of(SignedAmount::from(exact), currency).amount.to_string(),
        to_minimum: pricing.minimum_for(Share::WHOLE)?.minus(exact).to_string(),
        marginal: pricing.marginal(used, exact, next)?.to_string(),
        parts,
    })
}

fn whole(quantity: Quantity, unit_price: Option<Amount>, exact: Amount) -> RatedPartOut {
    RatedPartOut {
        after: None,
        up_to: None,
        quantity: quantity.to_string(),
        unit_price: unit_price.map(|price| price.to_string()),
        flat: None,
        amount: exact.to_string(),
    }
}

/// The part of each tier that is reached.
fn graduated(tiers: &[Tier], beyond: Quantity) -> Result<Vec<RatedPartOut>, MoneyError> {
    let (mut after, mut parts) = (Quantity::ZERO, Vec::new());
    for tier in tiers {
        if after >= beyond {
            break;
        }
        let quantity = tier.up_to.map_or(beyond, |up_to| up_to.min(beyond)).minus(after);
        let amount = quantity.priced(tier.unit_price)?.checked_add(tier.flat)?;
        parts.push(of_tier(tier, after, quantity, amount));
        after = tier.up_to.unwrap_or(beyond);
    }
    Ok(parts)
}

/// The tier that all of it lies in.
fn volume(tiers: &[Tier], beyond: Quantity, exact: Amount) -> Vec<RatedPartOut> {
    let mut after = Quantity::ZERO;
    for tier in tiers.iter().filter(|_| !beyond.is_zero()) {
        match tier.up_to {
            Some(up_to) if up_to < beyond => after = up_to,
            _ => return vec![of_tier(tier, after, beyond, exact)],
        }
    }
    Vec::new()
}

fn of_tier(tier: &Tier, after: Quantity, quantity: Quantity, amount: Amount) -> RatedPartOut {
    RatedPartOut {
        after: Some(after.to_string()),
        up_to: tier.up_to.map(|up_to| up_to.to_string()),
        quantity: quantity.to_string(),
        unit_price: Some(tier.unit_price.to_string()),
        flat: Some(tier.flat).filter(|flat| !flat.is_zero()).map(|flat| flat.to_string()),
        amount: amount.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    fn pricing(body: serde_json::Value) -> Pricing {
        let body: PlanPricing = extract::parse(body.to_string().as_bytes()).unwrap();
        body.read("pricing").unwrap()
    }

    fn at(pricing: &Pricing, quantity: &str) -> RatedPriceOut {
        rated(pricing, Currency::USD, Used::once(quantity.parse().unwrap()), "1".parse().unwrap()).unwrap()
    }

    fn sum(parts: &[RatedPartOut]) -> Decimal {
        parts.iter().map(|part| part.amount.parse::<Decimal>().unwrap()).sum()
    }

    fn tiers() -> serde_json::Value {
        json!([{ "up_to": "100", "unit_price": "0.01", "flat": "1" }, { "up_to": "200", "unit_price": "0.008" },
            { "unit_price": "0.005" }])
    }

    #[test]
    fn parts_come_to_the_whole() {
        for model in [
            json!({ "model": "flat", "amount": "5" }),
            json!({ "model": "per_unit", "unit_price": "0.012", "included": "50" }),
            json!({ "model": "graduated", "tiers": tiers(), "included": "50" }),
            json!({ "model": "volume", "tiers": tiers(), "included": "50" }),
            json!({ "model": "package", "size": "100", "amount": "2" }),
            json!({ "model": "percentage", "percent": "2.9", "per_use": "0.3" }),
        ] {
            let pricing = pricing(model.clone());
            for quantity in ["0", "1", "50", "51", "150", "151", "250", "251", "1000"] {
                let out = at(&pricing, quantity);
                assert_eq!(sum(&out.parts), out.exact.parse::<Decimal>().unwrap(), "{model} {quantity}");
            }
        }
    }

    #[test]
    fn a_border_belongs_to_the_lower_tier() {
        let graduated = pricing(json!({ "model": "graduated", "tiers": tiers() }));
        let (on, over) = (at(&graduated, "100"), at(&graduated, "101"));
        assert_eq!((on.parts.len(), on.exact.as_str(), on.marginal.as_str()), (1, "2", "0.008"));
        assert_eq!((over.parts.len(), over.exact.as_str()), (2, "2.008"));
        let second = &over.parts[1];
        assert_eq!((second.after.as_deref(), second.up_to.as_deref()), (Some("100"), Some("200")));
        assert_eq!((second.quantity.as_str(), second.amount.as_str()), ("1", "0.008"));
        let volume = pricing(json!({ "model": "volume", "tiers": tiers() }));
        let (on, over) = (at(&volume, "200"), at(&volume, "201"));
        assert_eq!((on.exact.as_str(), on.marginal.as_str()), ("1.6", "0"), "a volume price may fall");
        assert_eq!((over.exact.as_str(), over.amount.as_str()), ("1.005", "1.01"));
        assert_eq!(over.parts[0].up_to, None);
    }

    #[test]
    fn what_is_missing_to_the_minimum() {
        let least = pricing(json!({ "model": "per_unit", "unit_price": "0.1", "included": "10", "minimum": "5" }));
        let (few, many) = (at(&least, "30"), at(&least, "100"));
        assert_eq!((few.included.as_str(), few.beyond.as_str(), few.exact.as_str()), ("10", "20", "2"));
        assert_eq!((few.to_minimum.as_str(), many.to_minimum.as_str()), ("3", "0"));
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused() {
        let fine = pricing(json!({ "model": "per_unit", "unit_price": "0.000000000001" }));
        let used = Used::once("0.1".parse().unwrap());
        let problem = out_of_range(rated(&fine, Currency::USD, used, "1".parse().unwrap()).unwrap_err());
        assert_eq!((problem.status, problem.code), (422, "amount_too_precise"));
    }
}
