//! Ledger against chain: the last comparison, and what differs or has differed.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::DifferenceId;
use eventstore::StoreError;
use projections::reconciliation::{self, DifferenceRow, Reconciliation, ReconciliationRow};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::customers::MinPositionParams;
use super::{MinPosition, Page, caught_up, cursor, limit};
use crate::App;
use crate::auth::Principal;
use crate::command::reconciliation::{DifferencePath, difference_not_found};
use crate::extract::Query;
use crate::problem::Problem;

/// Every status that a difference can be in.
const STATUSES: [&str; 4] = ["open", "explained", "accepted", "resolved"];

/// A sum that is compared.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComparedSumOut {
    /// In the log.
    pub ledger: String,
    /// On the chain.
    pub chain: String,
    /// `chain` less `ledger`.
    pub difference: String,
}

impl ComparedSumOut {
    fn new(ledger: Option<Decimal>, chain: Option<Decimal>) -> Option<Self> {
        let (ledger, chain) = (ledger?, chain?);
        let text = |amount: Decimal| amount.normalize().to_string();
        Some(Self { ledger: text(ledger), chain: text(chain), difference: text(chain - ledger) })
    }
}

/// The last comparison of ledger and chain. Most of it is `null` before the first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationOut {
    /// Always `reconciliation`.
    pub object: &'static str,
    /// When its figures were noted: when one has changed, or an hour after the last.
    pub compared_at: Option<DateTime<Utc>>,
    /// The last final block of which everything was in the log.
    pub as_of_block: Option<i64>,
    /// EIP-155 id of the chain.
    pub chain_id: Option<i64>,
    /// The contract.
    pub contract: Option<String>,
    /// Session keys that were compared.
    pub session_keys: i64,
    /// Payees whose transfers were compared.
    pub payees: i64,
    /// Exact payments that were compared.
    pub exact_payments: i64,
    /// Deposits less withdrawals.
    pub escrow: Option<ComparedSumOut>,
    /// What was claimed.
    pub claimed: Option<ComparedSumOut>,
    /// What settlements have transferred to the payees; on the chain also what others have.
    pub transferred: Option<ComparedSumOut>,
    /// What exact payments have brought.
    pub exact: Option<ComparedSumOut>,
    /// Of all these sums.
    pub currency: Option<String>,
    /// Differences that are open now.
    pub open: i64,
    /// Differences that are no items because there are too many.
    pub not_opened: i64,
    /// Since when somebody waits for a comparison; `null` when nobody does.
    pub requested_at: Option<DateTime<Utc>>,
    /// The place in the log of the last comparison that was noted.
    pub position: Option<String>,
}

fn out(row: Option<ReconciliationRow>, open: i64, partition: i32) -> ReconciliationOut {
    let noted = row.as_ref();
    let count = |of: fn(&ReconciliationRow) -> Option<i64>| noted.and_then(of).unwrap_or(0);
    let sum = |of: fn(&ReconciliationRow) -> (Option<Decimal>, Option<Decimal>)| {
        let (ledger, chain) = noted.map(of)?;
        ComparedSumOut::new(ledger, chain)
    };
    ReconciliationOut {
        object: "reconciliation",
        compared_at: noted.and_then(|row| row.compared_at),
        as_of_block: noted.and_then(|row| row.as_of_block),
        chain_id: noted.and_then(|row| row.chain_id),
        contract: noted.and_then(|row| row.contract.clone()),
        session_keys: count(|row| row.session_keys),
        payees: count(|row| row.payees),
        exact_payments: count(|row| row.exact_payments),
        escrow: sum(|row| (row.ledger_escrow, row.chain_escrow)),
        claimed: sum(|row| (row.ledger_claimed, row.chain_claimed)),
        transferred: sum(|row| (row.ledger_transferred, row.chain_transferred)),
        exact: sum(|row| (row.ledger_exact, row.chain_exact)),
        currency: noted.and_then(|row| row.currency.clone()),
        open,
        not_opened: count(|row| row.not_opened),
        requested_at: noted.and_then(|row| row.requested_at),
        position: noted.and_then(|row| row.position).map(|position| format!("{partition}:{position}")),
    }
}

/// The last comparison of ledger and chain, and how many differences are open.
#[utoipa::path(get, path = "/v1/reconciliation", tag = "Reconciliation", params(MinPositionParams),
    responses((status = 200, body = ReconciliationOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_reconciliation(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<ReconciliationOut>, Problem> {
    caught_up(&app, &principal, &Reconciliation, params.min_position).await?;
    let row = reconciliation::reconciliation(&app.pool, principal.organization_id).await?;
    let open = reconciliation::open_count(&app.pool, principal.organization_id).await?;
    Ok(Json(out(row, open, principal.partition)))
}

/// Which differences.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DifferenceParams {
    /// Only those in this status: `open`, `explained`, `accepted` or `resolved`.
    pub status: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// What ledger and chain say differently.
#[derive(Debug, Serialize, ToSchema)]
pub struct DifferenceOut {
    /// Always `reconciliation_difference`.
    pub object: &'static str,
    /// Its id: the same whenever the same thing differs.
    #[schema(value_type = String)]
    pub id: DifferenceId,
    /// `open`; `explained` or `accepted` by a person; `resolved` when ledger and chain agree again.
    pub status: String,
    /// What differs: `type` is `session_escrow` or `session_claimed` (with `session_key_id`), `payee` (with `chain_id`,
    /// `token`, `payee`) or `exact_payment` (with `exact_payment_id`).
    #[schema(value_type = Object)]
    pub subject: serde_json::Value,
    /// What the ledger says; of a payee, of the transactions that differ.
    pub ledger: String,
    /// What the chain says.
    pub chain: String,
    /// How much they differ.
    pub amount: Option<String>,
    /// The token.
    pub currency: String,
    /// Why that may be, and what was seen.
    pub causes: Vec<String>,
    /// As of this block.
    pub as_of_block: i64,
    /// How often it was opened.
    pub times_opened: i32,
    /// When it was opened last.
    pub opened_at: DateTime<Utc>,
    /// When its figures were noted last.
    pub changed_at: DateTime<Utc>,
    /// When it was closed; `null` while it is open.
    pub closed_at: Option<DateTime<Utc>>,
    /// Who closed it: `api_key:…`, or `chain` when it has gone away.
    pub closed_by: Option<String>,
    /// What a person said.
    pub note: Option<String>,
}

fn difference_out(row: DifferenceRow) -> Result<DifferenceOut, Problem> {
    let unreadable = |error: serde_json::Error| Problem::from(StoreError::Corrupt(error.to_string()));
    Ok(DifferenceOut {
        object: "reconciliation_difference",
        id: DifferenceId::new(row.difference_id),
        status: row.status,
        subject: serde_json::from_str(&row.subject).map_err(unreadable)?,
        ledger: row.ledger,
        chain: row.chain,
        amount: row.amount.map(|amount| amount.normalize().to_string()),
        currency: row.currency,
        causes: serde_json::from_str(&row.causes).map_err(unreadable)?,
        as_of_block: row.as_of_block,
        times_opened: row.times,
        opened_at: row.opened_at,
        changed_at: row.changed_at,
        closed_at: row.closed_at,
        closed_by: row.closed_by,
        note: row.note,
    })
}

fn status(text: Option<&str>) -> Result<Option<&'static str>, Problem> {
    let unknown = || {
        let detail = format!("status must be one of {}", STATUSES.join(", "));
        Problem::bad_request("invalid_request", "status", detail)
    };
    let known = |text: &str| STATUSES.into_iter().find(|name| *name == text);
    text.map(|text| known(text).ok_or_else(unknown)).transpose()
}

/// What differs or has differed, that which was opened last first.
#[utoipa::path(get, path = "/v1/reconciliation/differences", tag = "Reconciliation", params(DifferenceParams),
    responses((status = 200, body = Page<DifferenceOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_differences(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<DifferenceParams>,
) -> Result<Json<Page<DifferenceOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    let status = status(params.status.as_deref())?;
    caught_up(&app, &principal, &Reconciliation, params.min_position).await?;
    let rows = reconciliation::differences(&app.pool, principal.organization_id, status, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &DifferenceRow| row.position.to_string());
    let data = page.data.into_iter().map(difference_out).collect::<Result<_, _>>()?;
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// One difference.
#[utoipa::path(get, path = "/v1/reconciliation/differences/{id}", tag = "Reconciliation",
    params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = DifferenceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_difference(
    State(app): State<App>,
    principal: Principal,
    DifferencePath(id): DifferencePath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<DifferenceOut>, Problem> {
    caught_up(&app, &principal, &Reconciliation, params.min_position).await?;
    let row = reconciliation::difference(&app.pool, principal.organization_id, id).await?;
    difference_out(row.ok_or_else(difference_not_found)?).map(Json)
}
