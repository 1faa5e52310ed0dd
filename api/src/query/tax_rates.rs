//! The tax table, as it is now.

use axum::Json;
use axum::extract::State;
use domain::ids::TaxRateId;

use super::customers::MinPositionParams;
use super::organization::PageParams;
use super::routes::current;
use super::{Page, cursor, limit};
use crate::App;
use crate::auth::Principal;
use crate::command::tax_rates::{TaxRateOut, TaxRatePath, tax_rate_not_found};
use crate::extract::Query;
use crate::problem::Problem;

/// The tax table, newest first.
#[utoipa::path(get, path = "/v1/tax_rates", tag = "Tax rates", params(PageParams),
    responses((status = 200, body = Page<TaxRateOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_tax_rates(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PageParams>,
) -> Result<Json<Page<TaxRateOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<TaxRateId> = cursor(params.cursor.as_deref())?;
    let organization = current(&app, &principal, params.min_position).await?;
    let rates = organization
        .tax_rates
        .values()
        .rev()
        .filter(|rate| before.is_none_or(|before| rate.id < before))
        .take(limit as usize + 1)
        .map(|rate| TaxRateOut::new(rate, None));
    Ok(Json(Page::new(rates.collect(), limit, |rate: &TaxRateOut| rate.id.to_string())))
}

/// A row of the tax table.
#[utoipa::path(get, path = "/v1/tax_rates/{id}", tag = "Tax rates", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = TaxRateOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_tax_rate(
    State(app): State<App>,
    principal: Principal,
    TaxRatePath(id): TaxRatePath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<TaxRateOut>, Problem> {
    let organization = current(&app, &principal, params.min_position).await?;
    let rate = organization.tax_rates.get(&id).ok_or_else(tax_rate_not_found)?;
    Ok(Json(TaxRateOut::new(rate, None)))
}
