//! The organization: where it is paid, and when.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::evm::Address;
use domain::organization::{Organization, OrganizationCommand, OrganizationEvent, SettlementRules};
use domain::{Aggregate, StreamId};
use eventstore::Executed;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{answer, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::evm;
use crate::extract::{IdempotencyKey, Json};
use crate::problem::Problem;
use crate::query::organization::OrganizationOut;

/// Where settlements are paid to.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayeeIn {
    /// The organization's address on chain. Session keys that were drawn up before keep theirs.
    #[schema(example = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266")]
    pub payee: String,
}

/// Set the address that settlements are paid to. Session keys that were drawn up before keep theirs.
#[utoipa::path(put, path = "/v1/organization/payee", tag = "Organization", request_body = PayeeIn,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = OrganizationOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn set_payee(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<PayeeIn>,
) -> Result<Response, Problem> {
    let payee = evm::address("payee", &body.payee)?;
    own_address(&app, payee)?;
    let meta = meta(&principal, key.as_deref(), "PUT /v1/organization/payee", "", &body)?;
    let stream = StreamId::new(Organization::CATEGORY, principal.organization_id);
    let executed = execute::<Organization>(&app, stream, meta, OrganizationCommand::SetPayee { payee }).await?;
    app.directory.changed(principal.organization_id);
    let (payee, position, replayed) = match executed {
        Executed::Done { event, replayed } => match event.event {
            OrganizationEvent::PayeeSet(set) => (Some(set.payee), event.position, replayed),
            _ => return Err(Problem::internal()),
        },
        Executed::Unchanged { state, position } => (state.payee, position, false),
    };
    let organization = app.directory.organization(principal.organization_id).await?;
    let profile = organization.profile.as_ref().ok_or_else(Problem::internal)?;
    let rules = organization.settlement_rules;
    let out = OrganizationOut::new(profile, principal.partition, payee, rules, Some(position.to_string()));
    Ok(answer(StatusCode::OK, out, replayed))
}

/// When settlements are opened by themselves.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettlementRulesIn {
    /// When this much USDC is unsettled: a decimal string, more than zero, at most 6 decimals.
    #[schema(example = "10")]
    pub threshold: String,
    /// When something is unsettled for so many seconds: 1 to 31,536,000. A day when left out.
    #[serde(default)]
    pub age_secs: Option<u32>,
}

/// The rules as they are now.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettlementRulesOut {
    /// Always `settlement_rules`.
    pub object: &'static str,
    /// When this much USDC is unsettled.
    pub threshold: String,
    /// When something is unsettled for so many seconds.
    pub age_secs: u32,
    /// The log's position after the command.
    pub position: String,
}

const AGE_SECS_DEFAULT: u32 = 86_400;
const AGE_SECS_MAX: u32 = 31_536_000;

/// Set when settlements are opened by themselves. Without rules of its own an organization has those of
/// the installation: 10 USDC or a day, when the operator set nothing else.
#[utoipa::path(put, path = "/v1/organization/settlement_rules", tag = "Organization", request_body = SettlementRulesIn,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SettlementRulesOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn set_settlement_rules(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<SettlementRulesIn>,
) -> Result<Response, Problem> {
    let threshold = evm::token_amount("threshold", &body.threshold)?;
    let age_secs = body.age_secs.unwrap_or(AGE_SECS_DEFAULT);
    if !(1..=AGE_SECS_MAX).contains(&age_secs) {
        let detail = format!("age_secs must be 1 to {AGE_SECS_MAX}");
        return Err(Problem::bad_request("invalid_request", "age_secs", detail));
    }
    let meta = meta(&principal, key.as_deref(), "PUT /v1/organization/settlement_rules", "", &body)?;
    let stream = StreamId::new(Organization::CATEGORY, principal.organization_id);
    let rules = SettlementRules { threshold, age_secs };
    let executed = execute::<Organization>(&app, stream, meta, OrganizationCommand::SetSettlementRules(rules)).await?;
    app.directory.changed(principal.organization_id);
    let (rules, position, replayed) = match executed {
        Executed::Done { event, replayed } => match event.event {
            OrganizationEvent::SettlementRulesSet(rules) => (rules, event.position, replayed),
            _ => return Err(Problem::internal()),
        },
        Executed::Unchanged { position, .. } => (rules, position, false),
    };
    let out = SettlementRulesOut {
        object: "settlement_rules",
        threshold: rules.threshold.to_string(),
        age_secs: rules.age_secs,
        position: position.to_string(),
    };
    Ok(answer(StatusCode::OK, out, replayed))
}

/// What is paid to the contract or the token itself is lost.
fn own_address(app: &App, payee: Address) -> Result<(), Problem> {
    let settings = app.chain.as_ref().map(chain::Client::settings);
    if settings.is_some_and(|settings| payee == settings.contract || payee == settings.token) {
        let detail = "this is the address of a contract of Tollbook: money that is paid to it is lost";
        return Err(Problem::unprocessable("invalid_payee", detail).with("param", json!("payee")));
    }
    Ok(())
}
