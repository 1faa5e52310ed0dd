//! Connectors, and the messages that came for them.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::connector::ConnectorKind;
use domain::ids::{ConnectorId, PaymentId, WebhookId};
use projections::billing::{Billing, query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::customers::MinPositionParams;
use super::invoices::named;
use super::{MinPosition, Page, caught_up, cursor, limit, logged};
use crate::App;
use crate::auth::Principal;
use crate::command::connectors::{ConnectorOut, ConnectorPath, connector_not_found, load};
use crate::command::payments::payment_not_found;
use crate::extract::Query;
use crate::problem::Problem;

/// Which connectors.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConnectorParams {
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// Connectors, newest first, also those that were removed.
#[utoipa::path(get, path = "/v1/connectors", tag = "Payments", params(ConnectorParams),
    responses((status = 200, body = Page<ConnectorOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_connectors(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<ConnectorParams>,
) -> Result<Json<Page<ConnectorOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    caught_up(&app, &principal, &Billing, params.min_position).await?;
    let rows = query::connectors(&app.pool, principal.organization_id, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &query::ConnectorRow| row.position.to_string());
    let data = page.data.into_iter().map(listed).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

fn listed(row: query::ConnectorRow) -> Result<ConnectorOut, Problem> {
    let kind: ConnectorKind =
        serde_json::from_value(row.kind.into()).map_err(|error| Problem::internal().caused_by(error))?;
    let parts = (ConnectorId::new(row.connector_id), kind, row.name, row.api_base);
    Ok(ConnectorOut::of(parts, row.created_at, row.removed_at, None))
}

/// A connector, as the log has it now.
#[utoipa::path(get, path = "/v1/connectors/{id}", tag = "Payments",
    params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = ConnectorOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_connector(
    State(app): State<App>,
    principal: Principal,
    ConnectorPath(id): ConnectorPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<ConnectorOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let connector = load(&app, &principal, id).await?;
    ConnectorOut::new(&connector, None).map(Json).ok_or_else(connector_not_found)
}

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WebhookParams {
    /// Only of this connector.
    pub connector_id: Option<String>,
    /// Only those that name this payment.
    pub payment_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// A payment provider's message. What it says lies sealed in the vault.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookOut {
    /// Always `webhook`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: WebhookId,
    /// The connector that it came to.
    #[schema(value_type = String)]
    pub connector_id: ConnectorId,
    /// The provider's id for it.
    pub provider_event_id: String,
    /// The provider's type, for example `payment_intent.succeeded`.
    pub provider_type: String,
    /// The payment that it names.
    #[schema(value_type = Option<String>)]
    pub payment_id: Option<PaymentId>,
    /// `applied` (it told something new), `known_already` (known, or overtaken), `not_ours` (about nothing of yours, or
    /// of a type that says nothing here) or `refused` (it contradicts what is known: a person must look); `null` until it
    /// was taken in.
    pub outcome: Option<String>,
    /// When the provider made it.
    pub created_at: DateTime<Utc>,
    /// When it came.
    pub received_at: DateTime<Utc>,
}

fn message(row: query::WebhookRow) -> WebhookOut {
    WebhookOut {
        object: "webhook",
        id: WebhookId::new(row.webhook_id),
        connector_id: ConnectorId::new(row.connector_id),
        provider_event_id: row.provider_event_id,
        provider_type: row.provider_type,
        payment_id: row.payment_id.map(PaymentId::new),
        outcome: row.outcome,
        created_at: row.created_at,
        received_at: row.received_at,
    }
}

/// Messages of payment providers and what came of them, newest first. Those that were refused are not here.
#[utoipa::path(get, path = "/v1/webhooks", tag = "Payments", params(WebhookParams),
    responses((status = 200, body = Page<WebhookOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_webhooks(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<WebhookParams>,
) -> Result<Json<Page<WebhookOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    let connector: Option<ConnectorId> = named(params.connector_id.as_deref(), connector_not_found)?;
    let payment: Option<PaymentId> = named(params.payment_id.as_deref(), payment_not_found)?;
    caught_up(&app, &principal, &Billing, params.min_position).await?;
    let (connector, payment) = (connector.map(ConnectorId::uuid), payment.map(PaymentId::uuid));
    let rows = query::webhooks(&app.pool, principal.organization_id, connector, payment, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &query::WebhookRow| row.position.to_string());
    let data = page.data.into_iter().map(message).collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}
