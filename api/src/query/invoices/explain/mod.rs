//! Why an invoice is what it is: from its total to its lines, from a line to the version of the price and to the charges
//! behind it, and the sums that prove it.
//!
//! A line of usage names the versions of the account's stream between which its charges stand. Those of its meter, price
//! and period are its own; [`charges`] reads them from the log, a page at a time, and the first page has the sums of all
//! of them. [`out`] is the explanation as it is shown.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use domain::ids::PlanId;
use domain::invoice::{Drafted, LineItem};
use domain::plan::Plan;
use domain::tax::included_tax;
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::auth::Principal;
use crate::command::customers::account_stream;
use crate::command::invoices::out::InvoiceLineOut;
use crate::command::invoices::{InvoicePath, drafted, load};
use crate::command::plans::plan_stream;
use crate::command::plans::price::PlanPrice;
use crate::extract::Query;
use crate::problem::Problem;
use crate::query::{MinPosition, cursor, limit, logged};

mod charges;
pub mod out;

use charges::{Wanted, look, page, proof};
pub use out::{ChargedBetweenOut, ExplainedChargeOut, ExplainedLineOut, InvoiceExplanationOut, InvoiceSumsOut};

/// Which part of the explanation.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainInvoiceParams {
    /// The place of a line, from 0: with its charges.
    pub line: Option<usize>,
    /// Charges of a page, 1 to 100; 20 when left out.
    pub limit: Option<i64>,
    /// From `next_cursor` of the charges.
    pub cursor: Option<String>,
    /// Wait until this position can be read.
    #[param(value_type = Option<String>)]
    pub min_position: Option<MinPosition>,
}

/// One sentence about a line.
fn told(line: &LineItem, currency: &str) -> String {
    let rounded = format!("{} {currency}, rounded to {}", line.rated.exact, line.rated.amount);
    let Some(charges) = line.charges else { return format!("{}: {rounded}.", line.description) };
    let of = match (&line.meter, line.quantity) {
        (Some(meter), Some(quantity)) => format!(" of {quantity} {meter}"),
        _ => String::new(),
    };
    let included = line.included_quantity.map_or_else(String::new, |included| format!(", {included} of it included,"));
    let credits = match line.paid_by_credits.is_zero() {
        true => String::new(),
        false => format!(", beside {} {currency} that credits paid", line.paid_by_credits),
    };
    format!("{}: {} charges{of}{included} come to {rounded}{credits}.", line.description, charges.count)
}

/// How the lines come to the total.
fn sums(drafted: &Drafted) -> InvoiceSumsOut {
    let lines: Decimal = drafted.lines.iter().map(|line| line.rated.amount.decimal()).sum();
    let included = included_tax(&drafted.taxes).decimal();
    let tax: Decimal = drafted.taxes.iter().map(|tax| tax.amount.decimal()).sum();
    let (subtotal, total) = (lines - included, lines - included + tax);
    let said = &drafted.totals;
    let holds = subtotal == said.subtotal.decimal() && tax == said.tax.decimal() && total == said.total.decimal();
    let text = |amount: Decimal| amount.normalize().to_string();
    let currency = drafted.currency;
    let sentence = format!(
        "The lines come to {} {currency}, with {} of tax in them: {} without tax, and with {} of taxes {}.",
        text(lines),
        text(included),
        text(subtotal),
        text(tax),
        text(total)
    );
    InvoiceSumsOut {
        lines: text(lines),
        included_tax: text(included),
        subtotal: text(subtotal),
        tax: text(tax),
        total: text(total),
        holds,
        text: sentence,
    }
}

/// Plans that were looked up.
type Plans = HashMap<PlanId, Plan>;

/// The version of the plan's price that a line was computed with.
async fn terms(app: &App, plans: &mut Plans, line: &LineItem) -> Result<Option<PlanPrice>, Problem> {
    let Some(price) = &line.price else { return Ok(None) };
    let version = match plans.get(&price.plan_id) {
        Some(plan) => plan.version(price.version),
        None => {
            let plan = app.ledger.load::<Plan>(&plan_stream(price.plan_id)).await?.state;
            let version = plan.version(price.version);
            plans.insert(price.plan_id, plan);
            version
        }
    };
    let found = version.as_ref().and_then(|version| version.terms.prices.iter().find(|it| it.code == price.code));
    Ok(found.map(PlanPrice::shown))
}

/// Why an invoice is what it is: how its lines come to its total, and each line from its price; with `line`, the charges
/// behind it and that they come to it.
#[utoipa::path(get, path = "/v1/invoices/{id}/explain", tag = "Invoices",
    params(("id" = String, Path), ExplainInvoiceParams),
    responses((status = 200, body = InvoiceExplanationOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn explain_invoice(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    Query(params): Query<ExplainInvoiceParams>,
) -> Result<Json<InvoiceExplanationOut>, Problem> {
    let limit = limit(params.limit)?;
    let after: Option<i64> = cursor(params.cursor.as_deref())?;
    if after.is_some() && params.line.is_none() {
        let detail = "a cursor goes on with the charges of a line: say which";
        return Err(Problem::bad_request("missing_field", "line", detail));
    }
    logged(&app, &principal, params.min_position).await?;
    let invoice = load(&app, &principal, id).await?;
    let drafted = drafted(&invoice, &principal)?;
    if params.line.is_some_and(|line| line >= drafted.lines.len()) {
        return Err(Problem::not_found("line_not_found", "the invoice has no such line"));
    }
    let stream = account_stream(drafted.customer_id);
    let (mut plans, mut lines, mut charges) = (Plans::new(), Vec::new(), None);
    for (index, line) in drafted.lines.iter().enumerate() {
        if params.line.is_some_and(|wanted| wanted != index) {
            continue;
        }
        let mut explained = ExplainedLineOut {
            line: InvoiceLineOut::new(index, line, None),
            terms: terms(&app, &mut plans, line).await?,
            charged: line.charges.map(|charges| ChargedBetweenOut {
                count: charges.count,
                first_version: charges.first_version,
                last_version: charges.last_version,
            }),
            proof: None,
            text: told(line, drafted.currency.code()),
        };
        if let (Some(_), Some(behind)) = (params.line, line.charges) {
            let wanted = Wanted { line, charges: behind };
            let from = after.unwrap_or(behind.first_version - 1).max(behind.first_version - 1);
            let kept = usize::try_from(limit).unwrap_or(0);
            let found = look(&app, &stream, &wanted, from, (kept, after.is_none())).await?;
            explained.proof = after.is_none().then(|| proof(line, behind, &found));
            charges = Some(page(found, kept, behind));
        }
        lines.push(explained);
    }
    Ok(Json(InvoiceExplanationOut {
        object: "invoice_explanation",
        invoice_id: id,
        number: invoice.number.clone(),
        status: invoice.status,
        currency: drafted.currency.to_string(),
        sums: sums(drafted),
        lines,
        stream_id: stream.as_str().to_owned(),
        charges,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::invoices::explain::charges::tests::line;

    #[test]
    fn a_line_is_told_with_its_figures() {
        let told = |exact: &str, credits: &str| told(&line(exact, credits), "USD");
        assert_eq!(told("0.055", "0"), "Tokens: 2 charges of 7 tokens come to 0.055 USD, rounded to 0.06.");
        assert_eq!(
            told("0.05", "0.02"),
            "Tokens: 2 charges of 7 tokens come to 0.05 USD, rounded to 0.05, beside 0.02 USD that credits paid."
        );
    }
}
