//! Settlements: which there are says the read model, what became of each says the log.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use domain::ids::SettlementId;
use domain::settlement::Status;
use domain::{RecordedEvent, StreamId};
use projections::settlement::{self, Settlement};
use serde::Deserialize;
use utoipa::IntoParams;

use super::customers::MinPositionParams;
use super::{MinPosition, Page, caught_up, cursor, limit, logged};
use crate::App;
use crate::auth::Principal;
use crate::command::settlements::{SettlementOut, SettlementPath, settlement_not_found, settlement_stream};
use crate::extract::Query;
use crate::problem::Problem;

/// Every status that a settlement can be in.
const STATUSES: [Status; 7] = [
    Status::Opened,
    Status::Planned,
    Status::Submitted,
    Status::Mined,
    Status::Finalized,
    Status::Abandoned,
    Status::Parked,
];

/// Which settlements.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SettlementParams {
    /// Only those in this status, for example `parked`.
    pub status: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

fn status(text: Option<&str>) -> Result<Option<&'static str>, Problem> {
    let unknown = || {
        let names = STATUSES.map(Status::name).join(", ");
        Problem::bad_request("invalid_request", "status", format!("status must be one of {names}"))
    };
    let known = |text: &str| STATUSES.into_iter().map(Status::name).find(|name| *name == text);
    text.map(|text| known(text).ok_or_else(unknown)).transpose()
}

/// Settlements, newest first; their claims are counted and not listed.
#[utoipa::path(get, path = "/v1/settlements", tag = "Settlements", params(SettlementParams),
    responses((status = 200, body = Page<SettlementOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_settlements(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<SettlementParams>,
) -> Result<Json<Page<SettlementOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<SettlementId> = cursor(params.cursor.as_deref())?;
    let status = status(params.status.as_deref())?;
    caught_up(&app, &principal, &Settlement, params.min_position).await?;
    let before = before.map(SettlementId::uuid);
    let rows = settlement::settlements(&app.pool, principal.organization_id, status, before, limit + 1).await?;
    let ids = rows.into_iter().map(|row| SettlementId::new(row.settlement_id)).collect();
    let page = Page::new(ids, limit, SettlementId::to_string);
    let mut told = read(&app, &page.data).await?;
    let data = page.data.iter().filter_map(|id| told.remove(&settlement_stream(*id))).collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// What the log says of these settlements.
async fn read(app: &App, ids: &[SettlementId]) -> Result<HashMap<StreamId, SettlementOut>, Problem> {
    let streams: Vec<_> = ids.iter().map(|id| (settlement_stream(*id), 0)).collect();
    let events = app.ledger.log().tails(&streams).await?;
    let mut told = HashMap::with_capacity(ids.len());
    for events in events.chunk_by(|a, b| a.stream_id == b.stream_id) {
        if let (Some(first), Some(out)) = (events.first(), SettlementOut::read(events, false)?) {
            told.insert(first.stream_id.clone(), out);
        }
    }
    Ok(told)
}

/// The events of a settlement of this organization, from the first on; none when it is not there, or
/// not yours.
pub async fn events(app: &App, principal: &Principal, id: SettlementId) -> Result<Vec<RecordedEvent>, Problem> {
    let mut events = app.ledger.log().tails(&[(settlement_stream(id), 0)]).await?;
    events.retain(|event| event.organization_id == principal.organization_id);
    Ok(events)
}

/// A settlement with its claims, as the log has it now.
#[utoipa::path(get, path = "/v1/settlements/{id}", tag = "Settlements", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = SettlementOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_settlement(
    State(app): State<App>,
    principal: Principal,
    SettlementPath(id): SettlementPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<SettlementOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let events = events(&app, &principal, id).await?;
    SettlementOut::read(&events, true)?.map(Json).ok_or_else(settlement_not_found)
}
