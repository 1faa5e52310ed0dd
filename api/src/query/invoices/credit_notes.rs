//! Credit notes: those of an invoice as the log has them, all from the read model.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{CreditNoteId, CustomerId, InvoiceId};
use projections::billing::{Billing, query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::named;
use crate::App;
use crate::auth::Principal;
use crate::command::credit_notes::CreditNoteOut;
use crate::command::invoices::{InvoicePath, invoice_not_found, load};
use crate::extract::Query;
use crate::problem::Problem;
use crate::query::customers::MinPositionParams;
use crate::query::{MinPosition, Page, caught_up, cursor, limit, logged, own_customer};

/// Which credit notes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CreditNoteParams {
    /// Only of this customer.
    pub customer_id: Option<String>,
    /// Only of this invoice.
    pub invoice_id: Option<String>,
    /// 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// A credit note in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditNoteListedOut {
    /// Always `credit_note`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: CreditNoteId,
    /// The invoice.
    #[schema(value_type = String)]
    pub invoice_id: InvoiceId,
    /// Whose.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// Its number.
    pub number: Option<String>,
    /// The invoice's.
    pub currency: String,
    /// All of it, with tax.
    pub total: String,
    /// When it was issued.
    pub date: DateTime<Utc>,
}

fn listed(row: query::CreditNoteRow) -> CreditNoteListedOut {
    CreditNoteListedOut {
        object: "credit_note",
        id: CreditNoteId::new(row.credit_note_id),
        invoice_id: InvoiceId::new(row.invoice_id),
        customer_id: CustomerId::new(row.customer_id),
        number: row.number,
        currency: row.currency,
        total: row.total.normalize().to_string(),
        date: row.at,
    }
}

/// Credit notes, newest first; their lines are not in this list.
#[utoipa::path(get, path = "/v1/credit_notes", tag = "Invoices", params(CreditNoteParams),
    responses((status = 200, body = Page<CreditNoteListedOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_credit_notes(
    State(app): State<App>,
    principal: Principal,
    Query(params): Query<CreditNoteParams>,
) -> Result<Json<Page<CreditNoteListedOut>>, Problem> {
    let limit = limit(params.limit)?;
    let before: Option<i64> = cursor(params.cursor.as_deref())?;
    let invoice: Option<InvoiceId> = named(params.invoice_id.as_deref(), invoice_not_found)?;
    let customer = own_customer(&app, &principal, params.customer_id.as_deref()).await?;
    caught_up(&app, &principal, &Billing, params.min_position).await?;
    let (customer, invoice) = (customer.map(CustomerId::uuid), invoice.map(InvoiceId::uuid));
    let rows = query::credit_notes(&app.pool, principal.organization_id, customer, invoice, before, limit + 1).await?;
    let page = Page::new(rows, limit, |row: &query::CreditNoteRow| row.position.to_string());
    let data = page.data.into_iter().map(listed).collect();
    Ok(Json(Page { object: page.object, data, has_more: page.has_more, next_cursor: page.next_cursor }))
}

/// The credit notes of an invoice, in the order in which they were issued, as the log has them now: all on one page.
#[utoipa::path(get, path = "/v1/invoices/{id}/credit_notes", tag = "Invoices",
    params(("id" = String, Path), MinPositionParams),
    responses((status = 200, body = Page<CreditNoteOut>), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn list_invoice_credit_notes(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    Query(params): Query<MinPositionParams>,
) -> Result<Json<Page<CreditNoteOut>>, Problem> {
    logged(&app, &principal, params.min_position).await?;
    let invoice = load(&app, &principal, id).await?;
    let data = invoice.credit_notes.iter().map(|issued| CreditNoteOut::new(&invoice, issued, None)).collect();
    Ok(Json(Page { object: "list", data, has_more: false, next_cursor: None }))
}
