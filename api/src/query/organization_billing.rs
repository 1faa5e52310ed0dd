//! What invoices say of the organization.

use axum::Json;
use axum::extract::State;

use super::customers::MinPositionParams;
use super::routes::current;
use crate::App;
use crate::auth::Principal;
use crate::command::organization_billing::OrganizationBillingOut;
use crate::extract::Query;
use crate::problem::Problem;

/// What invoices say of the organization.
#[utoipa::path(get, path = "/v1/organization/billing", tag = "Organization", params(MinPositionParams),
    responses((status = 200, body = OrganizationBillingOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_organization_billing(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<OrganizationBillingOut>, Problem> {
    let organization = current(&app, &principal, params.min_position).await?;
    Ok(Json(OrganizationBillingOut::new(&organization.billing, None)))
}
