//! Session keys: one as it is in the log, many from the read models.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use domain::Timestamp;
use domain::evm::{Bytes32, InvalidHex};
use domain::ids::{CustomerId, SessionKeyId};
use domain::session_key::Status;
use eventstore::clock;
use projections::directory::{self, SessionKeyFilter, SessionKeyRow};
use projections::quota::{self, QuotaSession};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::customers::MinPositionParams;
use super::{MinPosition, Page, caught_up, cursor, limit, logged, own_customer};
use crate::auth::Principal;
use crate::command::session_keys::out::{SessionPeriodOut, WithdrawalOut};
use crate::command::session_keys::{SessionKeyOut, SessionKeyPath, load, not_found};
use crate::extract::Query;
use crate::problem::Problem;
use crate::{App, chains};

/// Every status that a session key can be in.
const STATUSES: [Status; 6] =
    [Status::Pending, Status::Active, Status::Frozen, Status::Revoked, Status::Expired, Status::Closed];

/// Which session keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionKeyParams {
    /// Only of this customer.
    pub customer_id: Option<String>,
    /// Only those in this status, for example `active`.
    pub status: Option<String>,
    /// Only of this session on chain: `0x` and 64 hexadecimal digits.
    pub session_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// A session key as it is listed; ask for one alone to see all of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionKeyListedOut {
    /// Always `session_key`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: SessionKeyId,
    /// Who pays with it.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// `pending`, `active`, `frozen`, `revoked`, `expired` or `closed`.
    pub status: String,
    /// Who holds the key: `managed` or `self`.
    pub custody: String,
    /// Where its money lies.
    pub chain: ListedChainOut,
    /// What the contract calls the session.
    pub session_id: String,
    /// Whose money it is.
    pub owner: String,
    /// The address of the key that signs vouchers.
    pub key: String,
    /// Who is paid.
    pub payee: String,
    /// The token.
    pub currency: String,
    /// The most that may lie in escrow.
    pub limit: String,
    /// The most that may be charged in a period; `null` without periods.
    pub period_limit: Option<String>,
    /// Length of a period, counted from `valid_after`.
    pub period_secs: Option<i64>,
    /// Usable from here
    pub valid_after: DateTime<Utc>,
    /// until before here.
    pub valid_until: DateTime<Utc>,
    /// Deposited, and final.
    pub deposited: String,
    /// Seen on chain and not final: not spendable yet.
    pub pending_deposits: String,
    /// Given back to the owner.
    pub withdrawn: String,
    /// What the owner wants back; `null` when nothing.
    pub withdrawal: Option<WithdrawalOut>,
    /// Charged, cumulative.
    pub charged: String,
    /// Claimed on chain, cumulative.
    pub claimed: String,
    /// Charged and not claimed.
    pub unsettled: String,
    /// Reserved by holds.
    pub held: String,
    /// What may still be charged.
    pub available: String,
    /// The period that is running; `null` without periods.
    pub period: Option<SessionPeriodOut>,
    /// When it was drawn up.
    pub created_at: DateTime<Utc>,
    /// When something last happened to it.
    pub updated_at: DateTime<Utc>,
}

/// Where a listed session's money lies.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedChainOut {
    /// EIP-155 id of the chain.
    pub id: u64,
    /// As people call it; `null` for one that is not known here.
    pub name: Option<&'static str>,
    /// The contract.
    pub contract: String,
}

fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

/// The period that is running now: what was charged in an earlier one counts no more.
fn period(sums: &QuotaSession, now: Timestamp) -> Option<SessionPeriodOut> {
    let (limit, secs) = (sums.period_limit?, sums.period_secs.filter(|secs| *secs > 0)?);
    let since = (now - sums.valid_after).num_seconds().max(0);
    let started_at = sums.valid_after + TimeDelta::seconds(since / secs * secs);
    let counted =
        if sums.period_start == Some(started_at) { (sums.period_used, sums.period_held) } else { Default::default() };
    let resets_at = started_at + TimeDelta::seconds(secs);
    let (used, held) = (text(counted.0), text(counted.1));
    Some(SessionPeriodOut { started_at, resets_at, used, held, limit: text(limit) })
}

/// The status now: what ends by time is over before its event is written.
fn status_at(status: String, valid_until: Timestamp, now: Timestamp) -> String {
    let ends = [Status::Pending, Status::Active, Status::Frozen].map(Status::name).contains(&status.as_str());
    if ends && now >= valid_until { Status::Expired.name().to_owned() } else { status }
}

fn listed(app: &App, row: SessionKeyRow, sums: &QuotaSession, now: Timestamp) -> SessionKeyListedOut {
    let chain_id = row.chain_id.unsigned_abs();
    SessionKeyListedOut {
        object: "session_key",
        id: SessionKeyId::new(row.session_key_id),
        customer_id: CustomerId::new(row.customer_id),
        status: status_at(row.status, row.valid_until, now),
        custody: row.custody,
        chain: ListedChainOut {
            id: chain_id,
            name: chains::network(app, chain_id).map(|network| network.name),
            contract: row.contract,
        },
        session_id: row.session_id,
        owner: row.owner,
        key: row.key,
        payee: row.payee,
        currency: sums.currency.clone(),
        limit: text(sums.limit),
        period_limit: sums.period_limit.map(text),
        period_secs: sums.period_secs,
        valid_after: sums.valid_after,
        valid_until: row.valid_until,
        deposited: text(sums.deposited),
        pending_deposits: text(sums.pending_deposits),
        withdrawn: text(sums.withdrawn),
        withdrawal: sums
            .withdrawal_available_at
            .map(|available_at| WithdrawalOut { amount: text(sums.withdrawal_pending), available_at }),
        charged: text(sums.charged),
        claimed: text(sums.claimed),
        unsettled: text((sums.charged - sums.claimed).max(Decimal::ZERO)),
        held: text(sums.held),
        available: text(sums.available()),
        period: period(sums, now),
        created_at: row.created_at,
        updated_at: sums.updated_at,
    }
}

/// Session keys, by id from the last one; what is on its way to the chain and the vouchers are not in this list.
#[utoipa::path(get, path = "/v1/session_keys", tag = "Session keys", params(SessionKeyParams),
    responses((status = 200, body = Page<SessionKeyListedOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_session_keys(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<SessionKeyParams>,
) -> Result<Json<Page<SessionKeyListedOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<SessionKeyId> = cursor(params.cursor.as_deref())?;
    let status = status(params.status.as_deref())?;
    let session_id = params.session_id.as_deref().map(session_id).transpose()?;
    let customer_id = own_customer(&app, &principal, params.customer_id.as_deref()).await?;
    caught_up(&app, &principal, &directory::Directory, params.min_position).await?;
    caught_up(&app, &principal, &quota::Quota, params.min_position).await?;
    let (organization, before) = (principal.organization_id, before.map(SessionKeyId::uuid));
    let filter = SessionKeyFilter { customer_id, status, session_id };
    let rows = directory::session_keys(&app.pool, organization, filter, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &SessionKeyRow| SessionKeyId::new(row.session_key_id).to_string());
    let ids: Vec<Uuid> = page.data.iter().map(|row| row.session_key_id).collect();
    let sums = QuotaSession::by_ids(&app.pool, &ids).await?;
    let sums: HashMap<Uuid, QuotaSession> = sums.into_iter().map(|sums| (sums.session_key_id, sums)).collect();
    let now = clock::now();
    // One that only one of both read models has yet is left out, for a moment; and one whose time is over, but
    // that is not written down as expired yet, where another status was asked for.
    let data = page.data.into_iter().filter_map(|row| {
        let sums = sums.get(&row.session_key_id)?;
        Some(listed(&app, row, sums, now)).filter(|out| status.is_none_or(|status| out.status == status))
    });
    Ok(Json(Page { object: page.object, data: data.collect(), has_more: page.has_more, next_cursor: page.next_cursor }))
}

fn session_id(text: &str) -> Result<Bytes32, Problem> {
    text.parse()
        .map_err(|e: InvalidHex| Problem::bad_request("invalid_request", "session_id", format!("session_id {e}")))
}

fn status(text: Option<&str>) -> Result<Option<&'static str>, Problem> {
    let unknown = || {
        let names = STATUSES.map(Status::name).join(", ");
        Problem::bad_request("invalid_request", "status", format!("status must be one of {names}"))
    };
    let known = |text: &str| STATUSES.into_iter().map(Status::name).find(|name| *name == text);
    text.map(|text| known(text).ok_or_else(unknown)).transpose()
}

/// A session key, as the log has it now.
#[utoipa::path(get, path = "/v1/session_keys/{id}", tag = "Session keys", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = SessionKeyOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_session_key(
    State(app): State<App>,
    principal: Principal,
    SessionKeyPath(id): SessionKeyPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<SessionKeyOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    load(&app, &principal, id, None).await.map(Json)
}

/// A session key in a filter; it must be there and yours. One that is malformed is one that does not exist.
pub async fn own_session_key(
    app: &App,
    principal: &Principal,
    text: Option<&str>,
) -> Result<Option<SessionKeyId>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let id = text.parse().map_err(|_| not_found())?;
    app.sessions.grant(principal.organization_id, id).await?;
    Ok(Some(id))
}
