//! Payout files: one as it is in the log, many from the read model.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{ConnectorId, PayoutId};
use projections::billing::{Billing, query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::customers::MinPositionParams;
use super::invoices::named;
use super::{MinPosition, Page, caught_up, cursor, limit, logged};
use crate::App;
use crate::auth::Principal;
use crate::command::connectors::connector_not_found;
use crate::command::payouts::{PayoutOut, PayoutPath, load, payout_not_found};
use crate::extract::Query;
use crate::problem::Problem;

/// Which payout files.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PayoutParams {
    /// Only of this connector.
    pub connector_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// A payout file in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoutListedOut {
    /// Always `payout`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: PayoutId,
    /// From whom.
    #[schema(value_type = String)]
    pub connector_id: ConnectorId,
    /// When it was paid out.
    pub paid_out_at: Option<DateTime<Utc>>,
    /// When it was taken in.
    pub imported_at: DateTime<Utc>,
    /// How many lines it has.
    pub lines: i32,
    /// How many of them are what the ledger says.
    pub matched: i32,
    /// How many are open items.
    pub open: i32,
    /// How many somebody has explained.
    pub closed: i32,
}

fn listed(row: query::PayoutRow) -> PayoutListedOut {
    PayoutListedOut {
        object: "payout",
        id: PayoutId::new(row.payout_id),
        connector_id: ConnectorId::new(row.connector_id),
        paid_out_at: row.paid_out_at,
        imported_at: row.imported_at,
        lines: row.lines,
        matched: row.matched,
        open: row.open,
        closed: row.closed,
    }
}

/// Payout files, newest first; their lines are counted and not listed.
#[utoipa::path(get, path = "/v1/payouts", tag = "Payments", params(PayoutParams),
    responses((status = 200, body = Page<PayoutListedOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_payouts(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PayoutParams>,
) -> Result<Json<Page<PayoutListedOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    let connector: Option<ConnectorId> = named(params.connector_id.as_deref(), connector_not_found)?;
    caught_up(&app, &principal, &Billing, params.min_position).await?;
    let connector = connector.map(ConnectorId::uuid);
    let rows = query::payouts(&app.pool, principal.organization_id, connector, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &query::PayoutRow| row.position.to_string());
    let data = page.data.into_iter().map(listed).collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// A payout file with its lines, as the log has it now.
#[utoipa::path(get, path = "/v1/payouts/{id}", tag = "Payments", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = PayoutOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_payout(
    State(app): State<App>,
    principal: Principal,
    PayoutPath(id): PayoutPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<PayoutOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let payout = load(&app, &principal, id).await?;
    PayoutOut::new(&payout, None).map(Json).ok_or_else(payout_not_found)
}
