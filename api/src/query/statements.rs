//! The running statement of each customer's month.

use std::str::FromStr;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use chrono::{Datelike, NaiveDate};
use domain::ids::{self, CustomerId};
use eventstore::LogPosition;
use projections::statement::{self, LineRow, StatementRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{MinPosition, Page, caught_up, cursor, limit, own_customer};
use crate::App;
use crate::auth::Principal;
use crate::extract::{Query, path_id};
use crate::problem::Problem;

/// A statement's id: its customer's and its month, `stm_<26 characters>_<yyyymm>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementId {
    customer: uuid::Uuid,
    month: NaiveDate,
}

impl std::fmt::Display for StatementId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stm_{}_{:04}{:02}", ids::encode(self.customer), self.month.year(), self.month.month())
    }
}

impl FromStr for StatementId {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (customer, month) = text.strip_prefix("stm_").and_then(|rest| rest.split_once('_')).ok_or(())?;
        let customer = ids::decode(customer).ok_or(())?;
        if month.len() != 6 || !month.bytes().all(|b| b.is_ascii_digit()) {
            return Err(());
        }
        let (year, month) = month.split_at(4);
        let month =
            NaiveDate::from_ymd_opt(year.parse().map_err(|_| ())?, month.parse().map_err(|_| ())?, 1).ok_or(())?;
        Ok(Self { customer, month })
    }
}

/// Which statements.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementParams {
    /// Only of this customer.
    pub customer_id: Option<String>,
    /// Only of this month, `YYYY-MM`.
    pub month: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// The running statement of a customer's month.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementOut {
    /// Always `statement`.
    pub object: &'static str,
    /// Its id.
    pub id: String,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// `YYYY-MM`, calendar months in UTC.
    pub month: String,
    /// Always `running`: nothing is closed yet.
    pub status: &'static str,
    /// In this currency.
    pub currency: String,
    /// The sum of its lines, exact.
    pub total: String,
    /// How many charges.
    pub charges: i64,
    /// A line for each meter and price.
    pub lines: Vec<StatementLineOut>,
}

/// A line of a statement. The events behind it: `GET /v1/events?customer_id=…&type=charged` and `type=captured`,
/// between its first and its last position.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementLineOut {
    /// The meter; `null` for flat amounts.
    pub meter: Option<String>,
    /// The price of one unit.
    pub unit_price: Option<String>,
    /// How much of it.
    pub quantity: Option<String>,
    /// How much of that an allowance covered.
    pub included_quantity: String,
    /// What it costs, exact.
    pub amount: String,
    /// How many charges.
    pub charges: i64,
    /// The place in the log of the first of them.
    pub first_position: String,
    /// The place in the log of the last of them.
    pub last_position: String,
}

fn line_out(row: LineRow, partition: i32) -> StatementLineOut {
    let place = |position| LogPosition { partition, position }.to_string();
    let metered = !row.meter.is_empty();
    StatementLineOut {
        unit_price: metered.then(|| row.unit_price.normalize().to_string()),
        quantity: metered.then(|| row.quantity.normalize().to_string()),
        meter: metered.then_some(row.meter),
        included_quantity: row.included_quantity.normalize().to_string(),
        amount: row.amount.normalize().to_string(),
        charges: row.charges,
        first_position: place(row.first_position),
        last_position: place(row.last_position),
    }
}

async fn with_lines(
    app: &App,
    principal: &Principal,
    statements: Vec<StatementRow>,
) -> Result<Vec<StatementOut>, Problem> {
    let mut lines = statement::lines(&app.pool, &statements).await?;
    let statements = statements.into_iter().map(|statement| {
        let own = |line: &LineRow| line.customer_id == statement.customer_id && line.month == statement.month;
        let (own_lines, others): (Vec<_>, Vec<_>) = std::mem::take(&mut lines).into_iter().partition(own);
        lines = others;
        StatementOut {
            object: "statement",
            id: StatementId { customer: statement.customer_id, month: statement.month }.to_string(),
            customer_id: CustomerId::new(statement.customer_id),
            month: statement.month.format("%Y-%m").to_string(),
            status: "running",
            currency: statement.currency,
            total: statement.total.normalize().to_string(),
            charges: statement.charges,
            lines: own_lines.into_iter().map(|line| line_out(line, principal.partition)).collect(),
        }
    });
    Ok(statements.collect())
}

/// Statements, newest month first.
#[utoipa::path(get, path = "/v1/statements", tag = "Read models", params(StatementParams),
    responses((status = 200, body = Page<StatementOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_statements(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<StatementParams>,
) -> Result<Json<Page<StatementOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<StatementId> = cursor(params.cursor.as_deref())?;
    let customer = own_customer(&app, &principal, params.customer_id.as_deref()).await?;
    let invalid = || Problem::bad_request("invalid_request", "month", "month must be YYYY-MM");
    let month = params.month.as_deref().map(|text| {
        let well_formed = text.len() == 7;
        NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok().filter(|_| well_formed).ok_or_else(invalid)
    });
    caught_up(&app, &principal, &statement::MonthlyStatement, params.min_position).await?;
    let before = before.map(|id| (id.month, id.customer));
    let rows =
        statement::statements(&app.pool, principal.organization_id, customer, month.transpose()?, before, limit + 1)
            .await?;
    let statements = with_lines(&app, &principal, rows).await?;
    Ok(Json(Page::new(statements, limit, |statement: &StatementOut| statement.id.clone())))
}

/// The id of a statement in the path.
pub struct StatementPath(StatementId);

impl<S: Send + Sync> FromRequestParts<S> for StatementPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "statement_not_found").await.map(Self)
    }
}

/// A statement.
#[utoipa::path(get, path = "/v1/statements/{id}", tag = "Read models",
    params(("id" = String, Path), super::customers::MinPositionParams),
    responses((status = 200, body = StatementOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_statement(
    State(app): State<App>,
    principal: Principal,
    StatementPath(id): StatementPath,
    Query(params): Query<super::customers::MinPositionParams>,
) -> Result<Json<StatementOut>, Problem> {
    caught_up(&app, &principal, &statement::MonthlyStatement, params.min_position).await?;
    let customer = Some(CustomerId::new(id.customer));
    let rows = statement::statements(&app.pool, principal.organization_id, customer, Some(id.month), None, 1).await?;
    let mut found = with_lines(&app, &principal, rows).await?;
    found.pop().map(Json).ok_or_else(|| Problem::not_found("statement_not_found", "there is no such statement"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_id_comes_back() {
        let id =
            StatementId { customer: uuid::Uuid::from_u128(77), month: NaiveDate::from_ymd_opt(2026, 2, 1).unwrap() };
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["stm_", "stm_00000000000000000000000000_202613", "stm_00000000000000000000000000_+20261", "cus_x"] {
            assert_eq!(bad.parse::<StatementId>(), Err(()), "{bad}");
        }
    }
}
