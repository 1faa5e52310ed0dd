//! Plans: what customers can subscribe to. Made with a draft, drafted anew, published, retired.
//!
//! A plan's id follows from its organization and its code, so a code is one plan's for ever, and a plan is found by it
//! in the log. [`terms`] and [`price`] read what is asked for, [`out`] is a plan as it is shown, [`denied`] what is
//! wrong with one.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::ids::{self, OrganizationId, PlanId};
use domain::meter::MeterCode;
use domain::plan::{Action, Entitlement, Plan, PlanCommand, PlanEvent, PlanVersion, Terms};
use domain::{Aggregate, StreamId};
use eventstore::{CommandMeta, Executed, LogPosition, Recorded};
use serde_json::json;

use super::settlements::Nothing;
use super::{answer, as_of, earlier, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, OptionalJson};
use crate::problem::Problem;

pub mod denied;
pub mod out;
pub mod price;
pub mod terms;
#[cfg(test)]
mod tests;

pub use out::PlanOut;
pub use terms::NewPlan;

/// The answer for a plan that is not there, or not yours.
pub fn plan_not_found() -> Problem {
    Problem::not_found("plan_not_found", "there is no such plan")
}

/// A plan in the path: its id, or its code.
pub struct PlanPath(pub PlanName);

/// What names a plan.
#[derive(Debug, Clone)]
pub enum PlanName {
    /// Its id.
    Id(PlanId),
    /// Its code.
    Code(MeterCode),
}

impl PlanName {
    /// One that is malformed is one that does not exist.
    pub fn read(text: &str) -> Result<Self, Problem> {
        let code = |_| text.parse().map(Self::Code).map_err(|_| plan_not_found());
        text.parse().map(Self::Id).or_else(code)
    }

    /// The plan's id.
    pub fn id(&self, organization_id: OrganizationId) -> PlanId {
        match self {
            Self::Id(id) => *id,
            Self::Code(code) => id_of(organization_id, code),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PlanPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|_| plan_not_found())?;
        PlanName::read(&text).map(Self)
    }
}

/// The id of the plan with this code.
fn id_of(organization_id: OrganizationId, code: &MeterCode) -> PlanId {
    PlanId::new(ids::derive(&[b"plan", organization_id.uuid().as_bytes(), code.as_str().as_bytes()]))
}

/// The stream of a plan.
pub fn plan_stream(id: PlanId) -> StreamId {
    StreamId::new(Plan::CATEGORY, id)
}

/// A plan of this organization, from the log.
pub async fn load(app: &App, principal: &Principal, id: PlanId) -> Result<Plan, Problem> {
    let plan = app.ledger.load::<Plan>(&plan_stream(id)).await?.state;
    if plan.organization_id == Some(principal.organization_id) { Ok(plan) } else { Err(plan_not_found()) }
}

/// The version that a subscription to the plan gets now.
pub async fn offered(app: &App, principal: &Principal, name: &PlanName) -> Result<PlanVersion, Problem> {
    let plan = load(app, principal, name.id(principal.organization_id)).await?;
    if plan.retired_at.is_some() {
        return Err(Problem::conflict("plan_retired", "the plan is retired: nobody can subscribe to it any more"));
    }
    let unpublished = || Problem::conflict("plan_not_published", "no version of the plan was published");
    plan.offered().ok_or_else(unpublished)
}

/// Make a plan, with a draft as its first version.
#[utoipa::path(post, path = "/v1/plans", tag = "Plans", request_body = NewPlan,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = PlanOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_plan(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewPlan>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/plans", "", &body)?;
    if let Some(event) = earlier::<Plan>(&app, &meta, key.as_deref()).await? {
        return respond(&app, StatusCode::CREATED, &event, true).await;
    }
    let code = body.code.as_deref();
    let code = code.ok_or_else(|| Problem::bad_request("missing_field", "code", "a new plan has a code"))?;
    let code = price::code("code", code)?;
    let terms = body.read()?;
    known_meters(&app, &principal, &terms).await?;
    let plan_id = id_of(principal.organization_id, &code);
    let action = Action::Create { plan_id, code, terms };
    let done = run(&app, &principal, plan_id, meta, action).await.map_err(|problem| match problem.code {
        "plan_exists" => problem.with("plan_id", json!(plan_id)),
        _ => problem,
    });
    match done? {
        Executed::Done { event, replayed } => respond(&app, StatusCode::CREATED, &event, replayed).await,
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// Draft another version of a plan, or change the draft that there is. 200 when that says the same already.
#[utoipa::path(post, path = "/v1/plans/{id}/versions", tag = "Plans", request_body = NewPlan,
    params(("id" = String, Path, description = "its id or its code"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = PlanOut), (status = 200, body = PlanOut),
        (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn draft_plan_version(
    State(app): State<App>,
    principal: Principal,
    PlanPath(name): PlanPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewPlan>,
) -> Result<Response, Problem> {
    let id = name.id(principal.organization_id);
    let meta = meta(&principal, key.as_deref(), "POST /v1/plans/{id}/versions", &id.to_string(), &body)?;
    if let Some(event) = earlier::<Plan>(&app, &meta, key.as_deref()).await? {
        return respond(&app, StatusCode::CREATED, &event, true).await;
    }
    let terms = body.read()?;
    let plan = load(&app, &principal, id).await?;
    let own = plan.code.as_ref().map(MeterCode::as_str);
    if body.code.is_some() && body.code.as_deref() != own {
        let detail = "the code of a plan never changes: send that of this plan, or leave it out";
        return Err(Problem::bad_request("invalid_request", "code", detail));
    }
    let published = plan.published().filter(|_| plan.draft().is_none() && plan.retired_at.is_none());
    if let Some(published) = published.filter(|published| published.terms == terms) {
        // What is published says this already.
        let position = app.ledger.log().head(principal.partition).await?.position;
        let position = LogPosition { partition: principal.partition, position };
        return respond_now(&plan, published.version, position);
    }
    known_meters(&app, &principal, &terms).await?;
    match run(&app, &principal, id, meta, Action::Draft { terms }).await? {
        Executed::Done { event, replayed } => respond(&app, StatusCode::CREATED, &event, replayed).await,
        Executed::Unchanged { state, position } => respond_now(&state, out::last_version(&state), position),
    }
}

/// Publish the draft: from now on it never changes, and new subscriptions get it. Others keep their version.
#[utoipa::path(post, path = "/v1/plans/{id}/publish", tag = "Plans",
    params(("id" = String, Path, description = "its id or its code"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = PlanOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn publish_plan(
    State(app): State<App>,
    principal: Principal,
    PlanPath(name): PlanPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let id = name.id(principal.organization_id);
    let meta = meta(&principal, key.as_deref(), "POST /v1/plans/{id}/publish", &id.to_string(), &())?;
    finish(&app, &principal, id, meta, Action::Publish).await
}

/// Let nobody subscribe to a plan any more. Subscriptions keep their versions.
#[utoipa::path(post, path = "/v1/plans/{id}/retire", tag = "Plans",
    params(("id" = String, Path, description = "its id or its code"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = PlanOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn retire_plan(
    State(app): State<App>,
    principal: Principal,
    PlanPath(name): PlanPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Problem> {
    let id = name.id(principal.organization_id);
    let meta = meta(&principal, key.as_deref(), "POST /v1/plans/{id}/retire", &id.to_string(), &())?;
    finish(&app, &principal, id, meta, Action::Retire).await
}

async fn finish(
    app: &App,
    principal: &Principal,
    id: PlanId,
    meta: CommandMeta,
    action: Action,
) -> Result<Response, Problem> {
    match run(app, principal, id, meta, action).await? {
        Executed::Done { event, replayed } => respond(app, StatusCode::OK, &event, replayed).await,
        Executed::Unchanged { state, position } => {
            let version = state.published().map_or_else(|| out::last_version(&state), |published| published.version);
            respond_now(&state, version, position)
        }
    }
}

async fn run(
    app: &App,
    principal: &Principal,
    id: PlanId,
    meta: CommandMeta,
    action: Action,
) -> Result<Executed<Plan>, Problem> {
    let command = PlanCommand { organization_id: principal.organization_id, action };
    execute::<Plan>(app, plan_stream(id), meta, command).await
}

/// The plan as it was right after the event, with the version that the event is about: the same at each repetition.
async fn respond(
    app: &App,
    status: StatusCode,
    event: &Recorded<PlanEvent>,
    replayed: bool,
) -> Result<Response, Problem> {
    let plan = as_of::<Plan>(app, &event.stream_id, event.event_id).await?;
    let version = match &event.event {
        PlanEvent::Created(_) => 1,
        PlanEvent::Drafted(drafted) => drafted.version,
        PlanEvent::Published(published) => published.version,
        PlanEvent::Retired(_) => plan.published().map_or_else(|| out::last_version(&plan), |it| it.version),
    };
    let out = PlanOut::new(&plan, version, Some(event.position.to_string())).ok_or_else(Problem::internal)?;
    Ok(answer(status, out, replayed))
}

fn respond_now(plan: &Plan, version: u32, position: LogPosition) -> Result<Response, Problem> {
    let out = PlanOut::new(plan, version, Some(position.to_string())).ok_or_else(Problem::internal)?;
    Ok(answer(StatusCode::OK, out, false))
}

/// What is sold by meter has to be on the price list: else it could never be charged.
async fn known_meters(app: &App, principal: &Principal, terms: &Terms) -> Result<(), Problem> {
    let organization = app.directory.organization(principal.organization_id).await?;
    let unknown = |meter: &MeterCode| !organization.meters.contains_key(meter);
    let problem = |meter: &MeterCode, param: String| {
        let detail = format!("the price list has no meter {meter}");
        Problem::unprocessable("unknown_meter", detail).with("param", json!(param))
    };
    for (index, price) in terms.prices.iter().enumerate() {
        if let Some(meter) = price.meter().filter(|meter| unknown(meter)) {
            return Err(problem(meter, format!("prices[{index}].meter")));
        }
    }
    for (code, feature) in &terms.features {
        if let Entitlement::Metered { meter, .. } = feature
            && unknown(meter)
        {
            return Err(problem(meter, format!("features.{code}.meter")));
        }
    }
    Ok(())
}
