//! The tax table: which rate applies to whom and to what.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::ids::TaxRateId;
use domain::organization::{Organization, OrganizationCommand, OrganizationError, OrganizationEvent};
use domain::tax::{Region, TaxCategory, TaxError, TaxProfile, TaxRate};
use domain::{Aggregate, StreamId};
use eventstore::{CommandMeta, Executed, Recorded};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::plans::price::code;
use super::{answer, earlier, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, path_id};
use crate::money;
use crate::problem::Problem;

/// A row of the tax table.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTaxRate {
    /// What it is called on invoices; 1 to 64 characters.
    #[schema(example = "VAT")]
    pub name: String,
    /// For customers in this country: two capital letters of ISO 3166-1.
    #[schema(example = "DE")]
    pub country: String,
    /// Only in this part of it, of ISO 3166-2 without the country; all of it when left out.
    #[serde(default)]
    pub subdivision: Option<String>,
    /// For this kind of thing, as prices name it; `standard` when left out.
    #[serde(default)]
    pub category: Option<String>,
    /// In percent: a decimal string, at most 100, at most 4 decimals.
    #[schema(example = "19")]
    pub percent: String,
    /// Whether prices have it in them already; `false` when left out.
    #[serde(default)]
    pub inclusive: bool,
    /// Whether a business with a tax id in another country than yours owes it itself; `false` when left out.
    #[serde(default)]
    pub reverse_charge: bool,
}

/// A row of the tax table.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaxRateOut {
    /// Always `tax_rate`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: TaxRateId,
    /// What it is called on invoices.
    pub name: String,
    /// For customers in this country.
    pub country: String,
    /// Only in this part of it; `null` for all of it.
    pub subdivision: Option<String>,
    /// For this kind of thing.
    pub category: String,
    /// In percent.
    pub percent: String,
    /// Whether prices have it in them already.
    pub inclusive: bool,
    /// Whether a business with a tax id in another country than yours owes it itself.
    pub reverse_charge: bool,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

impl TaxRateOut {
    /// From the domain's tax rate.
    pub fn new(rate: &TaxRate, position: Option<String>) -> Self {
        Self {
            object: "tax_rate",
            id: rate.id,
            name: rate.name.clone(),
            country: rate.region.country.clone(),
            subdivision: rate.region.subdivision.clone(),
            category: rate.category.0.to_string(),
            percent: rate.percent.to_string(),
            inclusive: rate.inclusive,
            reverse_charge: rate.reverse_charge,
            position,
        }
    }
}

/// How somebody is taxed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxProfileIn {
    /// Where it is: two capital letters of ISO 3166-1. Of a customer: without it no tax applies.
    #[serde(default)]
    #[schema(example = "DE")]
    pub country: Option<String>,
    /// Which part of it, of ISO 3166-2 without the country.
    #[serde(default)]
    pub subdivision: Option<String>,
    /// Its tax id as a business: 1 to 64 printable ASCII characters.
    #[serde(default)]
    pub tax_id: Option<String>,
    /// Of a customer: whether it owes no tax at all; `false` when left out.
    #[serde(default)]
    pub exempt: bool,
}

/// How somebody is taxed.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaxProfileOut {
    /// Where it is.
    pub country: Option<String>,
    /// Which part of it.
    pub subdivision: Option<String>,
    /// Its tax id as a business.
    pub tax_id: Option<String>,
    /// Whether it owes no tax at all.
    pub exempt: bool,
}

impl TaxProfileIn {
    /// Read and checked. `at` is its place in the request.
    pub fn read(&self, at: &str) -> Result<TaxProfile, Problem> {
        let region = match (&self.country, &self.subdivision) {
            (Some(country), subdivision) => Some(Region { country: country.clone(), subdivision: subdivision.clone() }),
            (None, Some(_)) => {
                let detail = "a subdivision is one of a country";
                return Err(Problem::bad_request("missing_field", &format!("{at}.country"), detail));
            }
            (None, None) => None,
        };
        let profile = TaxProfile { region, tax_id: self.tax_id.clone(), exempt: self.exempt };
        profile.check().map_err(|error| wrong(error, &format!("{at}.")))?;
        Ok(profile)
    }
}

impl From<&TaxProfile> for TaxProfileOut {
    fn from(profile: &TaxProfile) -> Self {
        let (country, subdivision) = match &profile.region {
            Some(region) => (Some(region.country.clone()), region.subdivision.clone()),
            None => (None, None),
        };
        Self { country, subdivision, tax_id: profile.tax_id.clone(), exempt: profile.exempt }
    }
}

/// Which field is wrong. `before` stands before its name.
fn wrong(error: TaxError, before: &str) -> Problem {
    let field = match error {
        TaxError::Country => "country",
        TaxError::Subdivision => "subdivision",
        TaxError::Percent => "percent",
        TaxError::Name => "name",
        TaxError::TaxId => "tax_id",
    };
    Problem::bad_request("invalid_request", &format!("{before}{field}"), error.to_string())
}

impl NewTaxRate {
    fn read(&self, id: TaxRateId) -> Result<TaxRate, Problem> {
        money::text("name", &self.name, 64)?;
        let category = self.category.as_deref().map(|text| code("category", text)).transpose()?;
        let rate = TaxRate {
            id,
            name: self.name.clone(),
            region: Region { country: self.country.clone(), subdivision: self.subdivision.clone() },
            category: category.map(TaxCategory).unwrap_or_default(),
            percent: money::amount("percent", &self.percent)?,
            inclusive: self.inclusive,
            reverse_charge: self.reverse_charge,
        };
        rate.check().map_err(|error| wrong(error, ""))?;
        Ok(rate)
    }
}

/// The answer for a tax rate that is not there, or not yours.
pub fn tax_rate_not_found() -> Problem {
    OrganizationError::TaxRateNotFound.into()
}

/// The id of a tax rate in the path.
pub struct TaxRatePath(pub TaxRateId);

impl<S: Send + Sync> FromRequestParts<S> for TaxRatePath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "tax_rate_not_found").await.map(Self)
    }
}

/// Add a row to the tax table. Invoices that were drafted before stay as they are.
#[utoipa::path(post, path = "/v1/tax_rates", tag = "Tax rates", request_body = NewTaxRate,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = TaxRateOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_tax_rate(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewTaxRate>,
) -> Result<Response, Problem> {
    let rate = body.read(TaxRateId::new(Uuid::now_v7()))?;
    let meta = meta(&principal, key.as_deref(), "POST /v1/tax_rates", "", &body)?;
    match run(&app, &principal, meta, OrganizationCommand::SetTaxRate(rate)).await? {
        Executed::Done { event, replayed } => respond(StatusCode::CREATED, &event, replayed),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// Change a row of the tax table, as a whole.
#[utoipa::path(put, path = "/v1/tax_rates/{id}", tag = "Tax rates", request_body = NewTaxRate,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = TaxRateOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn replace_tax_rate(
    State(app): State<App>,
    principal: Principal,
    TaxRatePath(id): TaxRatePath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewTaxRate>,
) -> Result<Response, Problem> {
    let rate = body.read(id)?;
    let meta = meta(&principal, key.as_deref(), "PUT /v1/tax_rates/{id}", &id.to_string(), &body)?;
    if let Some(event) = earlier::<Organization>(&app, &meta, key.as_deref()).await? {
        return respond(StatusCode::OK, &event, true);
    }
    let organization = app.directory.organization(principal.organization_id).await?;
    if !organization.tax_rates.contains_key(&id) {
        return Err(tax_rate_not_found());
    }
    match run(&app, &principal, meta, OrganizationCommand::SetTaxRate(rate)).await? {
        Executed::Done { event, replayed } => respond(StatusCode::OK, &event, replayed),
        Executed::Unchanged { state, position } => {
            let rate = state.tax_rates.get(&id).ok_or_else(Problem::internal)?;
            Ok(answer(StatusCode::OK, TaxRateOut::new(rate, Some(position.to_string())), false))
        }
    }
}

/// A row that is there no more.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaxRateRemovedOut {
    /// Always `tax_rate`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: TaxRateId,
    /// Always `true`.
    pub deleted: bool,
    /// The log's position after the command.
    pub position: String,
}

/// Take a row off the tax table. Invoices that were drafted before keep it.
#[utoipa::path(delete, path = "/v1/tax_rates/{id}", tag = "Tax rates",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = TaxRateRemovedOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn remove_tax_rate(
    State(app): State<App>,
    principal: Principal,
    TaxRatePath(id): TaxRatePath,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "DELETE /v1/tax_rates/{id}", &id.to_string(), &())?;
    match run(&app, &principal, meta, OrganizationCommand::RemoveTaxRate { tax_rate_id: id }).await? {
        Executed::Done { event, replayed } => {
            let position = event.position.to_string();
            Ok(answer(StatusCode::OK, TaxRateRemovedOut { object: "tax_rate", id, deleted: true, position }, replayed))
        }
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

async fn run(
    app: &App,
    principal: &Principal,
    meta: CommandMeta,
    command: OrganizationCommand,
) -> Result<Executed<Organization>, Problem> {
    let stream = StreamId::new(Organization::CATEGORY, principal.organization_id);
    let done = execute::<Organization>(app, stream, meta, command).await;
    app.directory.changed(principal.organization_id);
    done
}

/// From the event alone: the same at each repetition.
fn respond(status: StatusCode, event: &Recorded<OrganizationEvent>, replayed: bool) -> Result<Response, Problem> {
    let OrganizationEvent::TaxRateSet(rate) = &event.event else { return Err(Problem::internal()) };
    Ok(answer(status, TaxRateOut::new(rate, Some(event.position.to_string())), replayed))
}
