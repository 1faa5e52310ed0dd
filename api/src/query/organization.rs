//! The organization itself: its meters and its API keys.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::evm::Address;
use domain::ids::{ApiKeyId, OrganizationId};
use domain::meter::MeterCode;
use domain::organization::{Profile, SettlementRules};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{MinPosition, Page, caught_up, cursor, limit};
use crate::App;
use crate::auth::Principal;
use crate::command::api_keys::ApiKeyOut;
use crate::command::meters::{MeterOut, MeterPath};
use crate::extract::Query;
use crate::problem::Problem;

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrganizationOut {
    /// Always `organization`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// The currency of customers and meters that name none.
    pub default_currency: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The partition of the log it lives in.
    pub partition: i32,
    /// The address that settlements are paid to; `null` until it was set.
    pub payee: Option<String>,
    /// When settlements are opened by themselves; `null` while the installation's rules hold.
    pub settlement_rules: Option<OwnRulesOut>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

/// When settlements are opened by themselves.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnRulesOut {
    /// When this much USDC is unsettled.
    pub threshold: String,
    /// When something is unsettled for so many seconds.
    pub age_secs: u32,
}

impl OrganizationOut {
    /// From the domain's profile.
    pub fn new(
        profile: &Profile,
        partition: i32,
        payee: Option<Address>,
        rules: Option<SettlementRules>,
        position: Option<String>,
    ) -> Self {
        Self {
            object: "organization",
            id: profile.id,
            name: profile.name.clone(),
            default_currency: profile.default_currency.to_string(),
            created_at: profile.created_at,
            partition,
            payee: payee.map(|payee| payee.to_string()),
            settlement_rules: rules
                .map(|rules| OwnRulesOut { threshold: rules.threshold.to_string(), age_secs: rules.age_secs }),
            position,
        }
    }
}

/// The organization of the API key.
#[utoipa::path(get, path = "/v1/organization", tag = "Organization",
    responses((status = 200, body = OrganizationOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_organization(State(app): State<App>, principal: Principal) -> Result<Json<OrganizationOut>, Problem> {
    let organization = app.directory.organization(principal.organization_id).await?;
    let profile = organization.profile.as_ref().ok_or_else(Problem::internal)?;
    let (payee, rules) = (organization.payee, organization.settlement_rules);
    Ok(Json(OrganizationOut::new(profile, principal.partition, payee, rules, None)))
}

/// A page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// The price list, by code.
#[utoipa::path(get, path = "/v1/meters", tag = "Meters", params(PageParams),
    responses((status = 200, body = Page<MeterOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_meters(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PageParams>,
) -> Result<Json<Page<MeterOut>>, Problem> {
    let limit = limit(params.limit)?;
    let after: Option<MeterCode> = cursor(params.cursor.as_deref())?;
    let organization = app.directory.organization(principal.organization_id).await?;
    if after.as_ref().is_some_and(|after| !organization.meters.contains_key(after)) {
        return Err(Problem::bad_request("invalid_request", "cursor", "this is not a cursor of this list"));
    }
    let meters = organization
        .meters
        .iter()
        .filter(|(code, _)| after.as_ref().is_none_or(|after| *code > after))
        .take(limit as usize + 1)
        .map(|(_, priced)| MeterOut::new(&priced.meter, priced.updated_at, None));
    Ok(Json(Page::new(meters.collect(), limit, |meter| meter.code.clone())))
}

/// A meter.
#[utoipa::path(get, path = "/v1/meters/{code}", tag = "Meters", params(("code" = String, Path)),
    responses((status = 200, body = MeterOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_meter(
    State(app): State<App>,
    principal: Principal,
    MeterPath(code): MeterPath,
) -> Result<Json<MeterOut>, Problem> {
    let organization = app.directory.organization(principal.organization_id).await?;
    let priced = organization.meters.get(&code);
    let priced = priced.ok_or_else(|| Problem::not_found("meter_not_found", "there is no such meter"))?;
    Ok(Json(MeterOut::new(&priced.meter, priced.updated_at, None)))
}

/// API keys, newest first, without their secrets.
#[utoipa::path(get, path = "/v1/api_keys", tag = "API keys", params(PageParams),
    responses((status = 200, body = Page<ApiKeyOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_api_keys(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PageParams>,
) -> Result<Json<Page<ApiKeyOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<ApiKeyId> = cursor(params.cursor.as_deref())?;
    caught_up(&app, &principal, &projections::directory::Directory, params.min_position).await?;
    let rows =
        projections::directory::api_keys(&app.pool, principal.organization_id, before.map(ApiKeyId::uuid), limit + 1)
            .await?;
    let keys = rows.into_iter().map(|row| ApiKeyOut {
        object: "api_key",
        id: ApiKeyId::new(row.api_key_id),
        name: row.name,
        prefix: row.prefix,
        secret: None,
        created_at: row.created_at,
        revoked_at: row.revoked_at,
        position: None,
    });
    Ok(Json(Page::new(keys.collect(), limit, |key: &ApiKeyOut| key.id.to_string())))
}
