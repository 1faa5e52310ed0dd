//! Holds: what is reserved now, and what became of one.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{CustomerId, HoldId, SessionKeyId};
use projections::hold::{self, Hold, HoldRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::customers::MinPositionParams;
use super::session_keys::own_session_key;
use super::{MinPosition, Page, caught_up, cursor, limit, own_customer};
use crate::App;
use crate::auth::Principal;
use crate::command::holds::{HoldPath, hold_not_found};
use crate::extract::Query;
use crate::problem::Problem;

/// Which holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HoldParams {
    /// Only of this customer, its session keys included.
    pub customer_id: Option<String>,
    /// Only of this session key.
    pub session_key_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// A hold as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldStateOut {
    /// Always `hold`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: HoldId,
    /// Whose money it reserves.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// The session key that pays; `null` when the account does.
    #[schema(value_type = Option<String>)]
    pub session_key_id: Option<SessionKeyId>,
    /// `open`, `captured`, `voided` or `expired`. One whose time is over is open until that is written down.
    pub status: String,
    /// Reserved at first and by extensions.
    pub amount: String,
    /// Reserved now.
    pub held: String,
    /// Captured.
    pub captured: String,
    /// In this currency.
    pub currency: String,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
    /// When it runs out.
    pub expires_at: DateTime<Utc>,
    /// When it ended; `null` while it is open.
    pub ended_at: Option<DateTime<Utc>>,
    /// Its first event's place in the log.
    pub position: String,
}

impl HoldStateOut {
    fn new(row: HoldRow) -> Self {
        Self {
            object: "hold",
            id: HoldId::new(row.hold_id),
            customer_id: CustomerId::new(row.customer_id),
            session_key_id: row.session_key_id.map(SessionKeyId::new),
            status: row.status,
            amount: row.amount.normalize().to_string(),
            held: row.held.normalize().to_string(),
            captured: row.captured.normalize().to_string(),
            currency: row.currency,
            placed_at: row.placed_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            position: format!("{}:{}", row.partition, row.position),
        }
    }
}

/// Open holds, newest first.
#[utoipa::path(get, path = "/v1/holds", tag = "Holds", params(HoldParams),
    responses((status = 200, body = Page<HoldStateOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_holds(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<HoldParams>,
) -> Result<Json<Page<HoldStateOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    let customer = own_customer(&app, &principal, params.customer_id.as_deref()).await?;
    let session_key = own_session_key(&app, &principal, params.session_key_id.as_deref()).await?;
    caught_up(&app, &principal, &Hold, params.min_position).await?;
    let rows = hold::open(&app.pool, principal.organization_id, customer, session_key, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &HoldRow| row.position.to_string());
    let data = page.data.into_iter().map(HoldStateOut::new).collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// A hold, also one that has ended.
#[utoipa::path(get, path = "/v1/holds/{id}", tag = "Holds", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = HoldStateOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_hold(
    State(app): State<App>,
    principal: Principal,
    HoldPath(id): HoldPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<HoldStateOut>, Problem> {
    caught_up(&app, &principal, &Hold, params.min_position).await?;
    let mut connection = app.pool.acquire().await?;
    let row = hold::by_ids(&mut connection, &[id.uuid()]).await?.pop();
    let own = row.filter(|row| row.organization_id == principal.organization_id.uuid());
    own.map(|row| Json(HoldStateOut::new(row))).ok_or_else(hold_not_found)
}
