//! Customers: one as it is in the log, many from the directory.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use domain::account::Account;
use domain::customer::Customer;
use domain::ids::CustomerId;
use domain::{Aggregate, StreamId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{MinPosition, Page, caught_up, cursor, limit, logged};
use crate::App;
use crate::auth::Principal;
use crate::command::customers::{
    AccountOut, CustomerOut, CustomerPath, PERSONAL, Personal, account_stream, customer_not_found,
};
use crate::extract::Query;
use crate::problem::Problem;

/// Which customers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CustomerParams {
    /// Only those with this external id.
    pub external_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// What is kept of these customers, by their ids.
pub async fn personal(app: &App, principal: &Principal, ids: &[String]) -> Result<HashMap<String, Personal>, Problem> {
    let rows = app.vault.get(principal.organization_id, PERSONAL, ids).await?;
    let read = rows.into_iter().map(|(id, bytes)| {
        let personal = serde_json::from_slice(&bytes).map_err(|e| Problem::internal().caused_by(e))?;
        Ok((id, personal))
    });
    read.collect()
}

/// Customers, newest first; their accounts are not in this list.
#[utoipa::path(get, path = "/v1/customers", tag = "Customers", params(CustomerParams),
    responses((status = 200, body = Page<CustomerOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_customers(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<CustomerParams>,
) -> Result<Json<Page<CustomerOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<CustomerId> = cursor(params.cursor.as_deref())?;
    caught_up(&app, &principal, &projections::directory::Directory, params.min_position).await?;
    let rows = projections::directory::customers(
        &app.pool,
        principal.organization_id,
        params.external_id.as_deref(),
        before.map(CustomerId::uuid),
        limit + 1,
    )
    .await?;
    let ids: Vec<String> = rows.iter().map(|row| CustomerId::new(row.customer_id).to_string()).collect();
    let mut known = personal(&app, &principal, &ids).await?;
    let customers = rows.into_iter().zip(ids).map(|(row, id)| {
        let personal = known.remove(&id).unwrap_or_default();
        CustomerOut {
            object: "customer",
            id: CustomerId::new(row.customer_id),
            external_id: row.external_id,
            name: personal.name,
            email: personal.email,
            currency: row.currency,
            test_clock_id: app.clocks.of(CustomerId::new(row.customer_id)),
            created_at: row.created_at,
            account: None,
            position: None,
        }
    });
    Ok(Json(Page::new(customers.collect(), limit, |customer: &CustomerOut| customer.id.to_string())))
}

/// Only `min_position`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MinPositionParams {
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// A customer with its account, as the log has it now.
#[utoipa::path(get, path = "/v1/customers/{id}", tag = "Customers", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = CustomerOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_customer(
    State(app): State<App>,
    principal: Principal,
    CustomerPath(id): CustomerPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<CustomerOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    load(&app, &principal, id).await.map(Json)
}

/// A customer of this organization, from the log.
pub async fn load(app: &App, principal: &Principal, id: CustomerId) -> Result<CustomerOut, Problem> {
    let customer = app.ledger.load::<Customer>(&StreamId::new(Customer::CATEGORY, id)).await?.state;
    let created = customer.created.filter(|created| created.organization_id == principal.organization_id);
    let (Some(created), Some(created_at)) = (created, customer.created_at) else { return Err(customer_not_found()) };
    let account = app.ledger.load::<Account>(&account_stream(id)).await?.state;
    let personal = personal(app, principal, &[id.to_string()]).await?.remove(&id.to_string()).unwrap_or_default();
    Ok(CustomerOut {
        object: "customer",
        id,
        external_id: created.external_id,
        name: personal.name,
        email: personal.email,
        currency: created.currency.to_string(),
        test_clock_id: created.test_clock_id,
        created_at,
        account: Some(AccountOut::new(created.currency, &account.balances())),
        position: None,
    })
}

/// Refuses a customer that is not there, or not yours, before its lists are read.
pub async fn require(app: &App, principal: &Principal, id: CustomerId) -> Result<(), Problem> {
    let account = app.ledger.load::<Account>(&account_stream(id)).await?.state;
    let own = account.owner.is_some_and(|owner| owner.organization_id == principal.organization_id);
    if own { Ok(()) } else { Err(customer_not_found()) }
}
