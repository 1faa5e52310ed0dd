//! Plans: one as it is in the log, many from the read model.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::PlanId;
use projections::billing::{Billing, query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::organization::PageParams;
use super::{MinPosition, Page, caught_up, cursor, limit, logged};
use crate::App;
use crate::auth::Principal;
use crate::command::plans::{PlanOut, PlanPath, load, out, plan_not_found};
use crate::extract::Query;
use crate::problem::Problem;

/// A plan in a list: without what it says.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanListedOut {
    /// Always `plan`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: PlanId,
    /// Its code.
    pub code: String,
    /// What its last version is called.
    pub name: String,
    /// `published`, `draft` while no version is, or `retired`.
    pub status: &'static str,
    /// The last version.
    pub version: i32,
    /// The version that new subscriptions get.
    pub published_version: Option<i32>,
    /// When the plan was made.
    pub created_at: DateTime<Utc>,
    /// When it was retired.
    pub retired_at: Option<DateTime<Utc>>,
}

/// Plans, newest first, without what they say.
#[utoipa::path(get, path = "/v1/plans", tag = "Plans", params(PageParams),
    responses((status = 200, body = Page<PlanListedOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_plans(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PageParams>,
) -> Result<Json<Page<PlanListedOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    caught_up(&app, &principal, &Billing, params.min_position).await?;
    let rows = query::plans(&app.pool, principal.organization_id, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &query::PlanRow| row.position.to_string());
    let data = page.data.into_iter().map(|row| PlanListedOut {
        object: "plan",
        id: PlanId::new(row.plan_id),
        code: row.code,
        name: row.name,
        status: match (row.retired_at, row.published_version) {
            (Some(_), _) => "retired",
            (None, Some(_)) => "published",
            (None, None) => "draft",
        },
        version: row.version,
        published_version: row.published_version,
        created_at: row.created_at,
        retired_at: row.retired_at,
    });
    let data = data.collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// Which version of a plan.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PlanParams {
    /// This version; the last published one when left out, or the draft while none was published.
    pub version: Option<u32>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// A plan with what one of its versions says, as the log has it now.
#[utoipa::path(get, path = "/v1/plans/{id}", tag = "Plans",
    params(("id" = String, Path, description = "its id or its code"), PlanParams),
    responses((status = 200, body = PlanOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_plan(
    State(app): State<App>,
    principal: Principal,
    PlanPath(name): PlanPath,
    Query(params): Query<PlanParams>,
) -> Result<Json<PlanOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let plan = load(&app, &principal, name.id(principal.organization_id)).await?;
    let usual = || plan.published().map_or_else(|| out::last_version(&plan), |published| published.version);
    let version = params.version.unwrap_or_else(usual);
    PlanOut::new(&plan, version, None).map(Json).ok_or_else(plan_not_found)
}
