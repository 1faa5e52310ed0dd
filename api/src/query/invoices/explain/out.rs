//! The explanation of an invoice as it is shown.

use chrono::{DateTime, Utc};
use domain::ids::{ChargeId, EventId, InvoiceId};
use domain::invoice::Status;
use serde::Serialize;
use utoipa::ToSchema;

use crate::command::invoices::out::InvoiceLineOut;
use crate::command::plans::price::PlanPrice;
use crate::query::Page;

/// Why an invoice is what it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceExplanationOut {
    /// Always `invoice_explanation`.
    pub object: &'static str,
    /// The invoice.
    #[schema(value_type = String)]
    pub invoice_id: InvoiceId,
    /// Its number.
    pub number: Option<String>,
    /// Its status.
    #[schema(value_type = String)]
    pub status: Status,
    /// In this currency.
    pub currency: String,
    /// How its lines come to its total.
    pub sums: InvoiceSumsOut,
    /// Its lines; only the one that was asked for, if one was.
    pub lines: Vec<ExplainedLineOut>,
    /// The stream that the charges are in, for example `account:cus_…`.
    pub stream_id: String,
    /// The charges of the line that was asked for, oldest first; `null` when none was, or it has none.
    pub charges: Option<Page<ExplainedChargeOut>>,
}

/// How lines come to a total.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceSumsOut {
    /// The sum of the lines' amounts.
    pub lines: String,
    /// What of it is tax that is in them.
    pub included_tax: String,
    /// The one less the other.
    pub subtotal: String,
    /// All taxes, also those.
    pub tax: String,
    /// Both together.
    pub total: String,
    /// Whether these are what the invoice says.
    pub holds: bool,
    /// For people: one sentence with the figures.
    pub text: String,
}

/// A line, and why it is what it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedLineOut {
    /// The line.
    pub line: InvoiceLineOut,
    /// The version of the plan's price that it was computed with; `null` where no plan has a say.
    pub terms: Option<PlanPrice>,
    /// Between which versions of the account's stream its charges stand; `null` for one without.
    pub charged: Option<ChargedBetweenOut>,
    /// That its charges come to it: on the first page of the line that was asked for.
    pub proof: Option<LineProofOut>,
    /// For people: one sentence with the figures.
    pub text: String,
}

/// Where the charges of a line are.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChargedBetweenOut {
    /// How many.
    pub count: u64,
    /// The version of the account's stream with the first of them.
    pub first_version: i64,
    /// The version with the last of them.
    pub last_version: i64,
}

/// The sums of a line's charges, and what the line says.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineProofOut {
    /// How many charges were found.
    pub charges: u64,
    /// How much was used in all of them.
    pub quantity: String,
    /// How much of that an allowance covered.
    pub included_quantity: String,
    /// What they come to.
    pub amount: String,
    /// What credits paid of it, as the line says.
    pub paid_by_credits: String,
    /// What is left, as the line says: its amount before it was rounded.
    pub exact: String,
    /// Whether all charges were looked at; of very many only the pages have all.
    pub complete: bool,
    /// Whether they are as many, and come to as much, as the line says.
    pub holds: bool,
}

/// A charge behind a line.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedChargeOut {
    /// Its id: `GET /v1/charges/{id}/explain` goes on from there.
    #[schema(value_type = String)]
    pub charge_id: ChargeId,
    /// Its event.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// That one's place in the log.
    pub position: String,
    /// That one's place in the account's stream.
    pub version: i64,
    /// When it was charged.
    pub occurred_at: DateTime<Utc>,
    /// When it was used, where that was said.
    pub used_at: Option<DateTime<Utc>>,
    /// How much of it belongs to the line.
    pub quantity: String,
    /// How much of that an allowance covered.
    pub included_quantity: String,
    /// What that costs.
    pub amount: String,
    /// What the charge comes to with whatever else it was for.
    pub charge_amount: String,
    /// What credits paid of all of it.
    pub paid_by_credits: String,
    /// The caller's words.
    pub description: Option<String>,
}
