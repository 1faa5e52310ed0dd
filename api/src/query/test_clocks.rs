//! Test clocks: one as it is in the log, many from the read model.

use axum::Json;
use axum::extract::State;
use domain::ids::TestClockId;
use projections::billing::{Billing, query};

use super::customers::MinPositionParams;
use super::organization::PageParams;
use super::{Page, caught_up, cursor, limit, logged};
use crate::App;
use crate::auth::Principal;
use crate::command::test_clocks::{TestClockOut, TestClockPath, load, test_clock_not_found};
use crate::extract::Query;
use crate::problem::Problem;

/// Test clocks, newest first.
#[utoipa::path(get, path = "/v1/test_clocks", tag = "Test clocks", params(PageParams),
    responses((status = 200, body = Page<TestClockOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_test_clocks(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PageParams>,
) -> Result<Json<Page<TestClockOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    caught_up(&app, &principal, &Billing, params.min_position).await?;
    let rows = query::test_clocks(&app.pool, principal.organization_id, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &query::TestClockRow| row.position.to_string());
    let data = page.data.into_iter().map(|row| {
        let id = TestClockId::new(row.test_clock_id);
        TestClockOut::of(id, row.name, (row.now_at, row.target), row.created_at, None)
    });
    let data = data.collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// A test clock, as the log has it now.
#[utoipa::path(get, path = "/v1/test_clocks/{id}", tag = "Test clocks", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = TestClockOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_test_clock(
    State(app): State<App>,
    principal: Principal,
    TestClockPath(id): TestClockPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<TestClockOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let state = load(&app, &principal, id).await?;
    TestClockOut::new(id, &state, None).map(Json).ok_or_else(test_clock_not_found)
}
