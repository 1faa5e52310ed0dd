//! Payments: one as it is in the log, many from the read model.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{ConnectorId, CustomerId, InvoiceId, PaymentId};
use domain::payment::Status;
use projections::billing::{Billing, query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::customers::MinPositionParams;
use super::invoices::{named, word};
use super::{MinPosition, Page, caught_up, cursor, limit, logged, own_customer};
use crate::App;
use crate::auth::Principal;
use crate::command::invoices::invoice_not_found;
use crate::command::payments::{PaymentOut, PaymentPath, load, payment_not_found};
use crate::extract::Query;
use crate::problem::Problem;

/// Which payments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PaymentParams {
    /// Only of this customer.
    pub customer_id: Option<String>,
    /// Only with this status, for example `failed`.
    pub status: Option<String>,
    /// Only for this invoice.
    pub invoice_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// A payment in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentListedOut {
    /// Always `payment`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: PaymentId,
    /// Who pays.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// What for.
    #[schema(value_type = Option<String>)]
    pub invoice_id: Option<InvoiceId>,
    /// Who makes it; `null` for one that was recorded by hand.
    #[schema(value_type = Option<String>)]
    pub connector_id: Option<ConnectorId>,
    /// `created`, `processing`, `requires_action`, `authorized`, `succeeded`, `failed` or `cancelled`.
    pub status: String,
    /// How much.
    pub amount: String,
    /// In this currency.
    pub currency: String,
    /// What was captured.
    pub captured: String,
    /// What was refunded, or is being refunded.
    pub refunded: String,
    /// The provider's id for it.
    pub provider_id: Option<String>,
    /// The provider's code, if it was ever declined.
    pub failure_code: Option<String>,
    /// Whether a payout file had it.
    pub paid_out: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

fn listed(row: query::PaymentRow) -> PaymentListedOut {
    PaymentListedOut {
        object: "payment",
        id: PaymentId::new(row.payment_id),
        customer_id: CustomerId::new(row.customer_id),
        invoice_id: row.invoice_id.map(InvoiceId::new),
        connector_id: row.connector_id.map(ConnectorId::new),
        status: row.status,
        amount: row.amount.normalize().to_string(),
        currency: row.currency,
        captured: row.captured.normalize().to_string(),
        refunded: row.refunded.normalize().to_string(),
        provider_id: row.provider_id,
        failure_code: row.failure_code,
        paid_out: row.paid_out,
        created_at: row.created_at,
    }
}

/// Payments, newest first; their refunds and disputes are not in this list.
#[utoipa::path(get, path = "/v1/payments", tag = "Payments", params(PaymentParams),
    responses((status = 200, body = Page<PaymentListedOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_payments(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<PaymentParams>,
) -> Result<Json<Page<PaymentListedOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    let status = word("status", params.status.as_deref(), &Status::ALL.map(Status::name))?;
    let invoice: Option<InvoiceId> = named(params.invoice_id.as_deref(), invoice_not_found)?;
    let customer = own_customer(&app, &principal, params.customer_id.as_deref()).await?;
    caught_up(&app, &principal, &Billing, params.min_position).await?;
    let (customer, invoice) = (customer.map(CustomerId::uuid), invoice.map(InvoiceId::uuid));
    let organization = principal.organization_id;
    let rows = query::payments(&app.pool, organization, customer, status, invoice, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &query::PaymentRow| row.position.to_string());
    let data = page.data.into_iter().map(listed).collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// A payment with its refunds and disputes, as the log has it now.
#[utoipa::path(get, path = "/v1/payments/{id}", tag = "Payments", params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = PaymentOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_payment(
    State(app): State<App>,
    principal: Principal,
    PaymentPath(id): PaymentPath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<PaymentOut>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let payment = load(&app, principal.organization_id, id).await?;
    PaymentOut::new(&payment, None).map(Json).ok_or_else(payment_not_found)
}
