//! The next invoice of a subscription, before anything of it happens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::account::Account;
use domain::billing::preview::{PreviewError, next_invoice};
use domain::billing::{Known, plans_of};
use domain::customer::Customer;
use domain::ids::{CustomerId, SubscriptionId};
use domain::invoice::{Collection, Drafted};
use domain::plan::Plan;
use domain::{Aggregate, StreamId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::auth::Principal;
use crate::command::customers::account_stream;
use crate::command::invoices::out::{InvoiceLineOut, InvoicePeriodOut, InvoiceTaxOut};
use crate::command::plans::plan_stream;
use crate::command::subscriptions::{self, subscription_not_found};
use crate::extract::Json as Body;
use crate::problem::Problem;

/// Which preview.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewInvoice {
    /// The subscription.
    pub subscription_id: String,
}

/// What the next invoice of a subscription would be, if nothing but time passed.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoicePreviewOut {
    /// Always `invoice_preview`.
    pub object: &'static str,
    /// The subscription.
    #[schema(value_type = String)]
    pub subscription_id: SubscriptionId,
    /// Who is billed.
    #[schema(value_type = String)]
    pub customer_id: CustomerId,
    /// The invoice; `null` when nothing more is billed by time alone. Without lines there would be none.
    pub invoice: Option<PreviewedInvoiceOut>,
}

/// An invoice that there is not yet.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewedInvoiceOut {
    /// In this currency.
    pub currency: String,
    /// Its date.
    pub date: DateTime<Utc>,
    /// How many days after that it is due.
    pub due_days: u32,
    /// The period that is closed with it.
    pub period: Option<InvoicePeriodOut>,
    /// `automatic` or `send`.
    #[schema(value_type = String)]
    pub collection: Collection,
    /// What it is for: usage so far.
    pub lines: Vec<InvoiceLineOut>,
    /// The taxes.
    pub taxes: Vec<InvoiceTaxOut>,
    /// The sum of the lines, without tax.
    pub subtotal: String,
    /// All taxes.
    pub tax: String,
    /// What is to be paid.
    pub total: String,
}

impl PreviewedInvoiceOut {
    fn new(drafted: &Drafted) -> Self {
        Self {
            currency: drafted.currency.to_string(),
            date: drafted.at,
            due_days: drafted.due_days,
            period: drafted.period.map(InvoicePeriodOut::from),
            collection: drafted.collection,
            lines: InvoiceLineOut::all(&drafted.lines, None),
            taxes: InvoiceTaxOut::all(&drafted.taxes),
            subtotal: drafted.totals.subtotal.to_string(),
            tax: drafted.totals.tax.to_string(),
            total: drafted.totals.total.to_string(),
        }
    }
}

impl From<PreviewError> for Problem {
    fn from(error: PreviewError) -> Self {
        match error {
            PreviewError::Subscription(error) => error.into(),
            PreviewError::Account(error) => error.into(),
            PreviewError::Invoice(error) => error.into(),
        }
    }
}

/// The next invoice of a subscription: its fees, and what has been used so far. Nothing is written.
#[utoipa::path(post, path = "/v1/invoices/preview", tag = "Invoices", request_body = PreviewInvoice,
    responses((status = 200, body = InvoicePreviewOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn preview_invoice(
    State(app): State<App>,
    principal: Principal,
    Body(body): Body<PreviewInvoice>,
) -> Result<Json<InvoicePreviewOut>, Problem> {
    let id: SubscriptionId = body.subscription_id.parse().map_err(|_| subscription_not_found())?;
    let subscription = subscriptions::load(&app, &principal, id).await?;
    let life = subscription.life.as_deref().ok_or_else(subscription_not_found)?;
    let customer_id = life.customer_id;
    let account = app.ledger.load::<Account>(&account_stream(customer_id)).await?.state;
    let mut known = Known {
        organization: app.directory.organization(principal.organization_id).await?,
        customer: app.ledger.load::<Customer>(&StreamId::new(Customer::CATEGORY, customer_id)).await?.state,
        subscription: Some((id, subscription)),
        ..Known::default()
    };
    for plan_id in plans_of(&account.unbilled, &known) {
        let plan = app.ledger.load::<Plan>(&plan_stream(plan_id)).await?.state;
        known.plans.push((plan_id, Arc::new(plan)));
    }
    let drafted = next_invoice(principal.organization_id, &known, &account, app.clocks.now(customer_id))?;
    let invoice = drafted.as_ref().map(PreviewedInvoiceOut::new);
    Ok(Json(InvoicePreviewOut { object: "invoice_preview", subscription_id: id, customer_id, invoice }))
}
