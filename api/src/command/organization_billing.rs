//! What an organization's invoices say of it, and how they are numbered.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::organization::{BillingProfile, Organization, OrganizationCommand, OrganizationEvent};
use domain::{Aggregate, StreamId};
use eventstore::Executed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tax_rates::{TaxProfileIn, TaxProfileOut};
use super::{answer, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json};
use crate::money;
use crate::problem::Problem;

/// The most lines of an address.
pub const ADDRESS_LINES_MAX: usize = 6;
/// The longest line of an address.
pub const ADDRESS_CHARS_MAX: usize = 100;
/// The longest text before a number.
const PREFIX_CHARS_MAX: usize = 20;

/// What invoices say of the organization. All of it: what is left out is empty.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationBillingIn {
    /// Its name on invoices; that of the organization when left out. 1 to 200 characters.
    #[serde(default)]
    pub legal_name: Option<String>,
    /// Its address, line by line: up to 6 lines of 1 to 100 characters.
    #[serde(default)]
    pub address: Vec<String>,
    /// Where it is, and its tax id. `exempt` is of customers alone.
    #[serde(default)]
    pub tax: Option<TaxProfileIn>,
    /// Where to write to; 1 to 254 characters.
    #[serde(default)]
    pub email: Option<String>,
    /// What stands before invoice numbers: up to 20 visible ASCII characters; `INV-` when left out.
    #[serde(default)]
    pub invoice_prefix: Option<String>,
    /// What stands before numbers of credit notes; `CN-` when left out.
    #[serde(default)]
    pub credit_note_prefix: Option<String>,
    /// At the foot of each page, for example a bank account; 1 to 500 characters.
    #[serde(default)]
    pub footer: Option<String>,
}

/// What invoices say of the organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrganizationBillingOut {
    /// Always `organization_billing`.
    pub object: &'static str,
    /// Its name on invoices; `null` for that of the organization.
    pub legal_name: Option<String>,
    /// Its address, line by line.
    pub address: Vec<String>,
    /// Where it is, and its tax id.
    pub tax: TaxProfileOut,
    /// Where to write to.
    pub email: Option<String>,
    /// What stands before invoice numbers; `null` for `INV-`.
    pub invoice_prefix: Option<String>,
    /// What stands before numbers of credit notes; `null` for `CN-`.
    pub credit_note_prefix: Option<String>,
    /// At the foot of each page.
    pub footer: Option<String>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

impl OrganizationBillingOut {
    /// From the domain's profile.
    pub fn new(profile: &BillingProfile, position: Option<String>) -> Self {
        Self {
            object: "organization_billing",
            legal_name: Some(profile.legal_name.clone()).filter(|name| !name.is_empty()),
            address: profile.address.clone(),
            tax: TaxProfileOut::from(&profile.tax),
            email: profile.email.clone(),
            invoice_prefix: profile.invoice_prefix.clone(),
            credit_note_prefix: profile.credit_note_prefix.clone(),
            footer: profile.footer.clone(),
            position,
        }
    }
}

/// An address, line by line.
pub fn check_address(lines: &[String]) -> Result<(), Problem> {
    if lines.len() > ADDRESS_LINES_MAX {
        let detail = format!("an address has at most {ADDRESS_LINES_MAX} lines");
        return Err(Problem::bad_request("invalid_request", "address", detail));
    }
    lines.iter().try_for_each(|line| money::text("address", line, ADDRESS_CHARS_MAX))
}

fn check_prefix(param: &str, prefix: &str) -> Result<(), Problem> {
    if prefix.len() <= PREFIX_CHARS_MAX && prefix.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    let detail = format!("{param} must have at most {PREFIX_CHARS_MAX} visible ASCII characters");
    Err(Problem::bad_request("invalid_request", param, detail))
}

impl OrganizationBillingIn {
    fn read(&self) -> Result<BillingProfile, Problem> {
        for (param, value, chars_max) in
            [("legal_name", &self.legal_name, 200), ("email", &self.email, 254), ("footer", &self.footer, 500)]
        {
            if let Some(value) = value {
                money::text(param, value, chars_max)?;
            }
        }
        check_address(&self.address)?;
        for (param, value) in
            [("invoice_prefix", &self.invoice_prefix), ("credit_note_prefix", &self.credit_note_prefix)]
        {
            if let Some(value) = value {
                check_prefix(param, value)?;
            }
        }
        let tax = self.tax.clone().unwrap_or_default();
        if tax.exempt {
            return Err(Problem::bad_request("invalid_request", "tax.exempt", "only customers are exempt"));
        }
        Ok(BillingProfile {
            legal_name: self.legal_name.clone().unwrap_or_default(),
            address: self.address.clone(),
            tax: tax.read("tax")?,
            email: self.email.clone(),
            invoice_prefix: self.invoice_prefix.clone(),
            credit_note_prefix: self.credit_note_prefix.clone(),
            footer: self.footer.clone(),
        })
    }
}

/// Set what invoices say of the organization, as a whole. Invoices that have their number stay as they are.
#[utoipa::path(put, path = "/v1/organization/billing", tag = "Organization", request_body = OrganizationBillingIn,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = OrganizationBillingOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn set_organization_billing(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<OrganizationBillingIn>,
) -> Result<Response, Problem> {
    let profile = body.read()?;
    let meta = meta(&principal, key.as_deref(), "PUT /v1/organization/billing", "", &body)?;
    let stream = StreamId::new(Organization::CATEGORY, principal.organization_id);
    let command = OrganizationCommand::SetBillingProfile(Box::new(profile));
    let executed = execute::<Organization>(&app, stream, meta, command).await?;
    app.directory.changed(principal.organization_id);
    let (out, replayed) = match executed {
        Executed::Done { event, replayed } => match &event.event {
            OrganizationEvent::BillingProfileSet(profile) => {
                (OrganizationBillingOut::new(profile, Some(event.position.to_string())), replayed)
            }
            _ => return Err(Problem::internal()),
        },
        Executed::Unchanged { state, position } => {
            (OrganizationBillingOut::new(&state.billing, Some(position.to_string())), false)
        }
    };
    Ok(answer(StatusCode::OK, out, replayed))
}
