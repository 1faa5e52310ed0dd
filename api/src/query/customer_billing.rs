//! How a customer is billed, as the log has it now.

use axum::Json;
use axum::extract::State;
use domain::account::Account;
use domain::customer::Customer;
use domain::{Aggregate, StreamId};

use super::customers::{MinPositionParams, personal};
use super::logged;
use crate::App;
use crate::auth::Principal;
use crate::command::customer_billing::{CustomerBillingOut, Names, PaymentSource};
use crate::command::customers::{CustomerPath, account_stream, customer_not_found};
use crate::extract::Query;
use crate::problem::Problem;

/// How a customer is billed.
#[utoipa::path(get, path = "/v1/customers/{id}/billing", tag = "Customers",
    params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = CustomerBillingOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_customer_billing(
    State(app): State<App>,
    principal: Principal,
    CustomerPath(id): CustomerPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<CustomerBillingOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let customer = app.ledger.load::<Customer>(&StreamId::new(Customer::CATEGORY, id)).await?.state;
    let created = customer.created.as_ref();
    if created.is_none_or(|created| created.organization_id != principal.organization_id) {
        return Err(customer_not_found());
    }
    let account = app.ledger.load::<Account>(&account_stream(id)).await?.state;
    let row = id.to_string();
    let kept = personal(&app, &principal, std::slice::from_ref(&row)).await?.remove(&row).unwrap_or_default();
    let names = Names { legal_name: kept.legal_name, address: kept.address };
    let out = CustomerBillingOut::new(id, &customer.billing, names, None);
    let order = account.payment_order.into_iter().map(PaymentSource::shown).collect();
    Ok(Json(CustomerBillingOut { payment_order: Some(order), ..out }))
}
