//! Invoices and credit notes as files. Everything on them comes from events, but for names and addresses: those of the
//! customer lie in the vault, those of the organization in what its invoices say of it. No clock is read, so the same
//! invoice gives the same bytes. `words` has what stands there beside the labels that documents have.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{NaiveDate, TimeDelta};
use documents::{Document, DocumentError, Kind, Language, Line, Party, Status, TaxLine};
use domain::customer::{Customer, Language as CustomersLanguage};
use domain::cycle::Cycle;
use domain::invoice::{Drafted, Invoice, InvoiceError, Issued, LineItem, Status as InvoiceStatus};
use domain::money::SignedAmount;
use domain::organization::Organization;
use domain::tax::{self, AppliedRate, TaxProfile};
use domain::{Aggregate, StreamId, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::auth::Principal;
use crate::command::credit_notes::{self, CreditNotePath, credit_note_not_found};
use crate::command::customer_billing::CustomerLanguage;
use crate::command::customers::Personal;
use crate::command::invoices::{InvoicePath, drafted, load};
use crate::extract::Query;
use crate::problem::Problem;
use crate::query::customers::personal;

mod words;

use words::{kind, words};

/// In which language.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DocumentParams {
    /// `en` or `zh`; that of the customer's invoices when left out.
    #[param(value_type = Option<String>)]
    pub language: Option<CustomerLanguage>,
}

/// What is on a document beside the invoice.
struct Names {
    language: Language,
    organization: std::sync::Arc<Organization>,
    personal: Personal,
}

async fn names(app: &App, principal: &Principal, drafted: &Drafted, params: &DocumentParams) -> Result<Names, Problem> {
    let id = drafted.customer_id;
    let language = match params.language {
        Some(CustomerLanguage::En) => Language::En,
        Some(CustomerLanguage::Zh) => Language::Zh,
        None => {
            let customer = app.ledger.load::<Customer>(&StreamId::new(Customer::CATEGORY, id)).await?.state;
            match customer.billing.language {
                CustomersLanguage::En => Language::En,
                CustomersLanguage::Zh => Language::Zh,
            }
        }
    };
    let row = id.to_string();
    let kept = personal(app, principal, std::slice::from_ref(&row)).await?.remove(&row);
    let organization = app.directory.organization(principal.organization_id).await?;
    Ok(Names { language, organization, personal: kept.unwrap_or_default() })
}

/// The first and the last day of a period, on the invoice's wall clock.
fn days(drafted: &Drafted, period: Cycle) -> (NaiveDate, NaiveDate) {
    let last = (period.end - TimeDelta::microseconds(1)).max(period.start);
    (day(drafted, period.start), day(drafted, last))
}

fn day(drafted: &Drafted, at: Timestamp) -> NaiveDate {
    at.with_timezone(&drafted.time_zone).date_naive()
}

fn percentages(rates: &[AppliedRate], language: Language) -> Option<String> {
    let shown: Vec<String> = rates
        .iter()
        .map(|rate| match rate.reverse_charge {
            true => format!("{} % ({})", rate.percent, words(language).reverse_charge),
            false => format!("{} %", rate.percent),
        })
        .collect();
    (!shown.is_empty()).then(|| shown.join(" + "))
}

fn line(drafted: &Drafted, line: &LineItem, amount: Decimal, language: Language) -> Line {
    let words = words(language);
    let included = line.included_quantity.map(|quantity| format!("{quantity} {}", words.included));
    let credits = Some(line.paid_by_credits).filter(|amount| !amount.is_zero());
    let credits = credits.map(|amount| format!("{amount} {} {}", drafted.currency, words.paid_by_credits));
    let details: Vec<String> =
        kind(line.kind, language).map(str::to_owned).into_iter().chain(included).chain(credits).collect();
    Line {
        description: line.description.clone(),
        detail: (!details.is_empty()).then(|| details.join(" · ")),
        period: line.period.map(|period| days(drafted, period)),
        quantity: line.quantity.map(|quantity| quantity.decimal()),
        unit_price: line.unit_price.map(|price| price.decimal()),
        tax_percent: percentages(&line.taxes, language),
        amount,
    }
}

fn taxes(taxes: &[tax::TaxLine], language: Language) -> Vec<TaxLine> {
    let shown = taxes.iter().map(|tax| TaxLine {
        name: match tax.rate.reverse_charge {
            true => format!("{} ({})", tax.rate.name, words(language).reverse_charge),
            false => tax.rate.name.clone(),
        },
        percent: tax.rate.percent.decimal(),
        inclusive: tax.rate.is_inside(),
        base: tax.base.decimal(),
        amount: tax.amount.decimal(),
    });
    shown.collect()
}

/// Whether the customer owes any of the taxes itself.
fn has_reverse_charge(taxes: &[tax::TaxLine]) -> bool {
    taxes.iter().any(|tax| tax.rate.reverse_charge)
}

fn sum(amounts: impl Iterator<Item = SignedAmount>) -> Decimal {
    amounts.map(SignedAmount::decimal).sum()
}

impl Names {
    fn seller(&self, tax: &TaxProfile) -> Party {
        let (profile, billing) = (self.organization.profile.as_ref(), &self.organization.billing);
        let own_name = || profile.map_or_else(String::new, |profile| profile.name.clone());
        Party {
            name: Some(billing.legal_name.clone()).filter(|name| !name.is_empty()).unwrap_or_else(own_name),
            lines: billing.address.clone(),
            tax_id: tax.tax_id.clone(),
            email: billing.email.clone(),
        }
    }

    /// A customer without a name is known by its id.
    fn buyer(&self, drafted: &Drafted) -> Party {
        let name = self.personal.legal_name.clone().or_else(|| self.personal.name.clone());
        let by_id = || format!("{} {}", words(self.language).customer, drafted.customer_id);
        Party {
            name: name.unwrap_or_else(by_id),
            lines: self.personal.address.clone(),
            tax_id: drafted.buyer_tax.tax_id.clone(),
            email: self.personal.email.clone(),
        }
    }

    /// An invoice as it is written.
    fn invoice(&self, invoice: &Invoice, drafted: &Drafted) -> Result<Document, Problem> {
        let language = self.language;
        let status = match invoice.status {
            InvoiceStatus::Draft | InvoiceStatus::Sealed => Status::Draft,
            InvoiceStatus::Open => Status::Open,
            InvoiceStatus::Paid => Status::Paid,
            InvoiceStatus::Void => Status::Void,
            InvoiceStatus::Uncollectible => Status::Uncollectible,
            status @ InvoiceStatus::Discarded => return Err(InvoiceError::WrongStatus(status).into()),
        };
        let reverse_charge = has_reverse_charge(&drafted.taxes).then(|| words(language).reverse_charge_note.to_owned());
        let lines = drafted.lines.iter();
        let lines = lines.map(|item| line(drafted, item, item.rated.amount.decimal(), language));
        Ok(Document {
            kind: Kind::Invoice,
            language,
            number: invoice.number.clone(),
            id: drafted.invoice_id.to_string(),
            issued_at: invoice.finalized_at,
            issue_date: Some(day(drafted, drafted.at)),
            due_date: invoice.due_at.map(|at| day(drafted, at)),
            status,
            paid_date: invoice.paid_at.map(|at| day(drafted, at)),
            refers_to: None,
            seller: self.seller(&drafted.seller_tax),
            buyer: self.buyer(drafted),
            currency: drafted.currency.to_string(),
            decimals: drafted.currency.minor_unit(),
            lines: lines.collect(),
            taxes: taxes(&drafted.taxes, language),
            subtotal: drafted.totals.subtotal.decimal(),
            tax: drafted.totals.tax.decimal(),
            total: drafted.totals.total.decimal(),
            paid: invoice.paid.decimal(),
            // What other invoices gave back too.
            credited: invoice.credited.decimal() + invoice.offset.decimal(),
            due: invoice.unpaid().decimal(),
            notes: drafted.note.clone().into_iter().chain(reverse_charge).collect(),
            footer: self.organization.billing.footer.clone(),
        })
    }

    /// A credit note as it is written.
    fn credit_note(&self, invoice: &Invoice, drafted: &Drafted, issued: &Issued) -> Document {
        let (language, note) = (self.language, &issued.note);
        let taken = note.lines.iter().filter_map(|(index, amount)| {
            let item = drafted.lines.get(usize::try_from(*index).ok()?)?;
            // What gave back is taken back the other way round.
            let amount = if item.rated.amount.is_negative() { -amount.decimal() } else { amount.decimal() };
            // How much of the quantity that is nobody has said.
            let part = LineItem { quantity: None, unit_price: None, included_quantity: None, ..item.clone() };
            Some(line(drafted, &part, amount, language))
        });
        let tax = sum(note.taxes.iter().map(|tax| tax.amount));
        let reverse_charge = has_reverse_charge(&note.taxes).then(|| words(language).reverse_charge_note.to_owned());
        Document {
            kind: Kind::CreditNote,
            language,
            number: issued.number.clone(),
            id: note.credit_note_id.to_string(),
            issued_at: Some(note.at),
            issue_date: Some(day(drafted, note.at)),
            due_date: None,
            status: Status::Open,
            paid_date: None,
            refers_to: invoice.number.clone(),
            seller: self.seller(&drafted.seller_tax),
            buyer: self.buyer(drafted),
            currency: note.currency.to_string(),
            decimals: note.currency.minor_unit(),
            lines: taken.collect(),
            taxes: taxes(&note.taxes, language),
            subtotal: note.total.decimal() - tax,
            tax,
            total: note.total.decimal(),
            paid: Decimal::ZERO,
            credited: Decimal::ZERO,
            due: Decimal::ZERO,
            notes: std::iter::once(note.reason.clone()).chain(reverse_charge).collect(),
            footer: self.organization.billing.footer.clone(),
        }
    }
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        Self::internal().caused_by(error)
    }
}

/// Written beside everything else: a long one takes a while.
async fn pdf(document: Document) -> Result<Response, Problem> {
    let name = file_name(&document, "pdf");
    let written = tokio::task::spawn_blocking(move || documents::pdf(&document)).await;
    let bytes = written.map_err(|error| Problem::internal().caused_by(error))??;
    Ok(file(bytes, "application/pdf", &name))
}

/// Its number where it has one; only what no system takes for something else.
fn file_name(document: &Document, extension: &str) -> String {
    let name = document.number.as_ref().unwrap_or(&document.id);
    let fits = |sign: char| if sign.is_ascii_alphanumeric() || "-_.".contains(sign) { sign } else { '_' };
    format!("{}.{extension}", name.chars().map(fits).collect::<String>())
}

fn file(bytes: Vec<u8>, content_type: &'static str, name: &str) -> Response {
    let mut response = bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // The name has nothing that a header could not have.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// An invoice as a PDF, A4. Drafts say that they are.
#[utoipa::path(get, path = "/v1/invoices/{id}/pdf", tag = "Invoices", params(("id" = String, Path), DocumentParams),
    responses((status = 200, body = String, content_type = "application/pdf"),
        (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_invoice_pdf(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    Query(params): Query<DocumentParams>,
) -> Result<Response, Problem> {
    let invoice = load(&app, &principal, id).await?;
    let drafted = drafted(&invoice, &principal)?;
    pdf(names(&app, &principal, drafted, &params).await?.invoice(&invoice, drafted)?).await
}

/// The lines of an invoice as CSV, to compute with.
#[utoipa::path(get, path = "/v1/invoices/{id}/csv", tag = "Invoices", params(("id" = String, Path), DocumentParams),
    responses((status = 200, body = String, content_type = "text/csv"),
        (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_invoice_csv(
    State(app): State<App>,
    principal: Principal,
    InvoicePath(id): InvoicePath,
    Query(params): Query<DocumentParams>,
) -> Result<Response, Problem> {
    let invoice = load(&app, &principal, id).await?;
    let drafted = drafted(&invoice, &principal)?;
    let document = names(&app, &principal, drafted, &params).await?.invoice(&invoice, drafted)?;
    let bytes = documents::csv(&document)?.into_bytes();
    Ok(file(bytes, "text/csv; charset=utf-8", &file_name(&document, "csv")))
}

/// A credit note as a PDF, A4.
#[utoipa::path(get, path = "/v1/credit_notes/{id}/pdf", tag = "Invoices",
    params(("id" = String, Path), DocumentParams),
    responses((status = 200, body = String, content_type = "application/pdf"),
        (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn get_credit_note_pdf(
    State(app): State<App>,
    principal: Principal,
    CreditNotePath(id): CreditNotePath,
    Query(params): Query<DocumentParams>,
) -> Result<Response, Problem> {
    let invoice = credit_notes::find(&app, &principal, id).await?;
    let drafted = drafted(&invoice, &principal)?;
    let issued = invoice.credit_note(id).ok_or_else(credit_note_not_found)?;
    pdf(names(&app, &principal, drafted, &params).await?.credit_note(&invoice, drafted, issued)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(number: Option<&str>) -> Document {
        Document {
            kind: Kind::Invoice,
            language: Language::En,
            number: number.map(str::to_owned),
            id: "inv_1".to_owned(),
            issued_at: None,
            issue_date: None,
            due_date: None,
            status: Status::Open,
            paid_date: None,
            refers_to: None,
            seller: Party::default(),
            buyer: Party::default(),
            currency: "USD".to_owned(),
            decimals: 2,
            lines: Vec::new(),
            taxes: Vec::new(),
            subtotal: Decimal::ZERO,
            tax: Decimal::ZERO,
            total: Decimal::ZERO,
            paid: Decimal::ZERO,
            credited: Decimal::ZERO,
            due: Decimal::ZERO,
            notes: Vec::new(),
            footer: None,
        }
    }

    #[test]
    fn a_file_is_called_by_the_number() {
        assert_eq!(file_name(&document(Some("INV-000001")), "pdf"), "INV-000001.pdf");
        assert_eq!(file_name(&document(None), "csv"), "inv_1.csv");
        assert_eq!(file_name(&document(Some("../2027/\"7")), "pdf"), ".._2027__7.pdf");
    }

    #[test]
    fn rates_are_named_by_their_percentages() {
        let rate = |percent: &str, reverse_charge: bool| AppliedRate {
            tax_rate_id: domain::ids::TaxRateId::new(uuid::Uuid::nil()),
            name: "VAT".to_owned(),
            percent: percent.parse().unwrap(),
            inclusive: false,
            reverse_charge,
        };
        assert_eq!(percentages(&[], Language::En), None);
        assert_eq!(percentages(&[rate("5", false), rate("7.5", false)], Language::En).unwrap(), "5 % + 7.5 %");
        assert_eq!(percentages(&[rate("19", true)], Language::En).unwrap(), "19 % (reverse charge)");
    }
}
