//! Routes of the gateway, as they are set now.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::ids::RouteId;
use domain::organization::Organization;
use domain::{Aggregate, StreamId};

use super::customers::MinPositionParams;
use super::organization::PageParams;
use super::{MinPosition, Page, cursor, limit, logged};
use crate::App;
use crate::auth::Principal;
use crate::command::routes::{RouteOut, RoutePath};
use crate::extract::Query;
use crate::problem::Problem;

/// The organization with its routes and price lists. What is kept in memory may be a moment behind what another
/// process wrote, so whoever waits for a position gets what the log says.
pub async fn current(app: &App, principal: &Principal, min: Option<MinPosition>) -> Result<Arc<Organization>, Problem> {
    if min.is_none() {
        return Ok(app.directory.organization(principal.organization_id).await?);
    }
    logged(app, principal, min).await?;
    let stream = StreamId::new(Organization::CATEGORY, principal.organization_id);
    Ok(Arc::new(app.ledger.load::<Organization>(&stream).await?.state))
}

/// Routes, newest first.
#[utoipa::path(get, path = "/v1/routes", tag = "Routes", params(PageParams),
    responses((status = 200, body = Page<RouteOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_routes(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PageParams>,
) -> Result<Json<Page<RouteOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<RouteId> = cursor(params.cursor.as_deref())?;
    let organization = current(&app, &principal, params.min_position).await?;
    let routes = organization
        .routes
        .values()
        .rev()
        .filter(|set| before.is_none_or(|before| set.route.id < before))
        .take(limit as usize + 1)
        .map(|set| RouteOut::new(&set.route, set.updated_at, None));
    Ok(Json(Page::new(routes.collect(), limit, |route: &RouteOut| route.id.to_string())))
}

/// A route.
#[utoipa::path(get, path = "/v1/routes/{id}", tag = "Routes", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = RouteOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_route(
    State(app): State<App>,
    principal: Principal,
    RoutePath(id): RoutePath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<RouteOut>, Problem> {
    let organization = current(&app, &principal, params.min_position).await?;
    let set = organization.routes.get(&id);
    let set = set.ok_or_else(|| Problem::not_found("route_not_found", "there is no such route"))?;
    Ok(Json(RouteOut::new(&set.route, set.updated_at, None)))
}
