//! Invoices: one as it is in the log, many from the read model; [`credit_notes`] likewise. [`document`] writes files of
//! them, [`explain`] follows a line to its charges, [`preview`] says what the next one of a subscription will be.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{CustomerId, InvoiceId, SubscriptionId};
use domain::invoice::Status;
use projections::billing::{Billing, query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::customers::MinPositionParams;
use super::{MinPosition, Page, caught_up, cursor, limit, logged, own_customer};
use crate::App;
use crate::auth::Principal;
use crate::command::invoices::out::InvoicePeriodOut;
use crate::command::invoices::{InvoiceOut, InvoicePath, invoice_not_found, load};
use crate::command::subscriptions::subscription_not_found;
use crate::extract::Query;
use crate::problem::Problem;

pub mod credit_notes;
pub mod document;
pub mod explain;
pub mod preview;

/// Which invoices.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InvoiceParams {
    /// Only of this customer.
    pub customer_id: Option<String>,
    /// Only with this status, for example `open`.
    pub status: Option<String>,
    /// Only of this subscription.
    pub subscription_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// An invoice in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceListedOut {
    /// Always `invoice`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: InvoiceId,
    /// Who is billed.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// The subscription that it is of.
    #[schema(value_type = Option<String>)]
    pub subscription_id: Option<SubscriptionId>,
    /// `draft`, `sealed`, `open`, `paid`, `void`, `uncollectible` or `discarded`.
    pub status: String,
    /// Its number.
    pub number: Option<String>,
    /// In this currency.
    pub currency: String,
    /// Its date.
    pub date: DateTime<Utc>,
    /// When it is due.
    pub due_at: Option<DateTime<Utc>>,
    /// The period that was closed with it.
    pub period: Option<InvoicePeriodOut>,
    /// The sum of the lines, without tax.
    pub subtotal: String,
    /// All taxes.
    pub tax: String,
    /// What is to be paid.
    pub total: String,
    /// What was paid.
    pub paid: String,
    /// What credit notes took off what was due.
    pub credited: String,
    /// What is still to be paid.
    pub due: String,
    /// When something is due by time.
    pub next_attempt_at: Option<DateTime<Utc>>,
}

fn listed(row: query::InvoiceRow) -> InvoiceListedOut {
    let period = row.period_start.zip(row.period_end);
    InvoiceListedOut {
        object: "invoice",
        id: InvoiceId::new(row.invoice_id),
        customer_id: CustomerId::new(row.customer_id),
        subscription_id: row.subscription_id.map(SubscriptionId::new),
        status: row.status,
        number: row.number,
        currency: row.currency,
        date: row.at,
        due_at: row.due_at,
        period: period.map(|(start, end)| InvoicePeriodOut { start, end }),
        subtotal: row.subtotal.normalize().to_string(),
        tax: row.tax.normalize().to_string(),
        total: row.total.normalize().to_string(),
        paid: row.paid.normalize().to_string(),
        credited: row.credited.normalize().to_string(),
        due: row.due.normalize().to_string(),
        next_attempt_at: row.next_attempt_at,
    }
}

/// One of these words, for a filter.
pub(super) fn word(param: &str, text: Option<&str>, known: &[&'static str]) -> Result<Option<&'static str>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let found = known.iter().find(|word| **word == text).copied();
    let unknown = || {
        let detail = format!("{param} must be one of {}", known.join(", "));
        Problem::bad_request("invalid_request", param, detail)
    };
    found.map(Some).ok_or_else(unknown)
}

/// An id in a filter. One that is malformed is one that does not exist.
pub(super) fn named<T: std::str::FromStr>(
    text: Option<&str>,
    not_found: impl Fn() -> Problem,
) -> Result<Option<T>, Problem> {
    text.map(|text| text.parse().map_err(|_| not_found())).transpose()
}

/// Invoices, newest first; their lines are not in this list.
#[utoipa::path(get, path = "/v1/invoices", tag = "Invoices", params(InvoiceParams),
    responses((status = 200, body = Page<InvoiceListedOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_invoices(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<InvoiceParams>,
) -> Result<Json<Page<InvoiceListedOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    let status = word("status", params.status.as_deref(), &Status::ALL.map(Status::name))?;
    let subscription: Option<SubscriptionId> = named(params.subscription_id.as_deref(), subscription_not_found)?;
    let customer = own_customer(&app, &principal, params.customer_id.as_deref()).await?;
    caught_up(&app, &principal, &Billing, params.min_position).await?;
    let rows = query::invoices(
        &app.pool,
        principal.organization_id,
        customer.map(CustomerId::uuid),
        status,
        subscription.map(SubscriptionId::uuid),
        before,
        limit + 1,
    )
    .await?;
    let page = Page::new(rows, limit, |row: &query::InvoiceRow| row.position.to_string());
    let data = page.data.into_iter().map(listed).collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// An invoice with its lines, payments and credit notes, as the log has it now.
#[utoipa::path(get, path = "/v1/invoices/{id}", tag = "Invoices", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = InvoiceOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_invoice(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<InvoiceOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let invoice = load(&app, &principal, id).await?;
    InvoiceOut::new(&invoice, None).map(Json).ok_or_else(invoice_not_found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_that_is_known() {
        let known = Status::ALL.map(Status::name);
        assert_eq!(word("status", Some("open"), &known).unwrap(), Some("open"));
        assert_eq!(word("status", None, &known).unwrap(), None);
        let problem = word("status", Some("Open"), &known).unwrap_err();
        assert_eq!((problem.status, problem.code), (400, "invalid_request"));
        assert!(problem.detail.contains("uncollectible"), "{}", problem.detail);
        let id = named::<SubscriptionId>(Some("sub_1"), subscription_not_found);
        assert_eq!(id.unwrap_err().code, "subscription_not_found");
    }
}
