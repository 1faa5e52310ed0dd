//! Gateway keys, from the directory.

use axum::Json;
use axum::extract::State;
use domain::ids::{CustomerId, GatewayKeyId, SessionKeyId};
use projections::directory::{self, GatewayKeyRow};
use serde::Deserialize;
use utoipa::IntoParams;

use super::session_keys::own_session_key;
use super::{MinPosition, Page, caught_up, cursor, limit, own_customer};
use crate::App;
use crate::auth::Principal;
use crate::command::gateway_keys::GatewayKeyOut;
use crate::command::routes::out::RateOut;
use crate::extract::Query;
use crate::problem::Problem;

/// Which gateway keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GatewayKeyParams {
    /// Only those that this customer's account pays for.
    pub customer_id: Option<String>,
    /// Only those that this session key pays for.
    pub session_key_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

fn count(number: Option<i64>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}

fn listed(row: GatewayKeyRow) -> GatewayKeyOut {
    let rate = count(row.rate_requests).zip(count(row.rate_per_secs));
    GatewayKeyOut {
        object: "gateway_key",
        id: GatewayKeyId::new(row.gateway_key_id),
        customer_id: row.customer_id.map(CustomerId::new),
        session_key_id: row.session_key_id.map(SessionKeyId::new),
        name: row.name,
        prefix: row.prefix,
        secret: None,
        rate: rate.map(|(requests, per_secs)| RateOut { requests, per_secs, burst: count(row.rate_burst) }),
        expires_at: row.expires_at,
        created_at: row.created_at,
        revoked_at: row.revoked_at,
        position: None,
    }
}

/// Gateway keys, newest first, without their secrets.
#[utoipa::path(get, path = "/v1/gateway_keys", tag = "Gateway keys", params(GatewayKeyParams),
    responses((status = 200, body = Page<GatewayKeyOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_gateway_keys(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<GatewayKeyParams>,
) -> Result<Json<Page<GatewayKeyOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<GatewayKeyId> = cursor(params.cursor.as_deref())?;
    let customer = own_customer(&app, &principal, params.customer_id.as_deref()).await?;
    let session_key = own_session_key(&app, &principal, params.session_key_id.as_deref()).await?;
    caught_up(&app, &principal, &directory::Directory, params.min_position).await?;
    let (organization, before) = (principal.organization_id, before.map(GatewayKeyId::uuid));
    let rows = directory::gateway_keys(&app.pool, organization, customer, session_key, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &GatewayKeyRow| GatewayKeyId::new(row.gateway_key_id).to_string());
    let data = page.data.into_iter().map(listed).collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}
