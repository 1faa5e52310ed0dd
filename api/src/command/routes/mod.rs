//! Routes of the gateway: set up, changed as a whole, taken away.
//!
//! [`request`] reads what is asked for, [`out`] is a route as it is shown, [`denied`] what the ledger refuses. The
//! secret for an upstream goes into the vault under an id of its own before the event that names it, and leaves it
//! when no route names it any more; a repeated request is answered from its event, without looking at the secret.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::ids::RouteId;
use domain::organization::{CredentialChange, Organization, OrganizationCommand, OrganizationEvent};
use domain::route::{CREDENTIAL_KIND, CredentialRef, Route};
use domain::{Aggregate, StreamId};
use eventstore::{CommandMeta, Executed, Recorded};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{answer, earlier, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, path_id};
use crate::problem::Problem;

pub mod denied;
pub mod out;
pub mod request;

pub use out::RouteOut;
pub use request::{CredentialIn, NewRoute};

/// The id of a route in the path.
pub struct RoutePath(pub RouteId);

impl<S: Send + Sync> FromRequestParts<S> for RoutePath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "route_not_found").await.map(Self)
    }
}

/// Sell something through the gateway.
#[utoipa::path(post, path = "/v1/routes", tag = "Routes", request_body = NewRoute,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = RouteOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_route(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewRoute>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/routes", "", &body.digested(app.vault.keys())?)?;
    if let Some(event) = earlier::<Organization>(&app, &meta, key.as_deref()).await? {
        return respond(StatusCode::CREATED, &event, true);
    }
    let mut route = body.route(RouteId::new(Uuid::now_v7()))?;
    if let Some(Some(secret)) = &body.credential {
        route.credential = Some(keep_secret(&app, &principal, secret).await?);
    }
    let new = route.credential.clone();
    let command = OrganizationCommand::CreateRoute(Box::new(route));
    let done = set(&app, &principal, meta, command, new).await?;
    match done {
        Executed::Done { event, replayed } => respond(StatusCode::CREATED, &event, replayed),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// Change a route as a whole. A credential that is left out stays, `null` removes it.
#[utoipa::path(put, path = "/v1/routes/{id}", tag = "Routes", request_body = NewRoute,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = RouteOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn replace_route(
    State(app): State<App>,
    principal: Principal,
    RoutePath(id): RoutePath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewRoute>,
) -> Result<Response, Problem> {
    let digested = body.digested(app.vault.keys())?;
    let meta = meta(&principal, key.as_deref(), "PUT /v1/routes/{id}", &id.to_string(), &digested)?;
    if let Some(event) = earlier::<Organization>(&app, &meta, key.as_deref()).await? {
        return respond(StatusCode::OK, &event, true);
    }
    let route = body.route(id)?;
    let before = secret_of(&app, &principal, id).await?;
    let (credential, new) = match &body.credential {
        None => (CredentialChange::Keep, None),
        Some(None) => (CredentialChange::Remove, None),
        Some(Some(secret)) => {
            let new = keep_secret(&app, &principal, secret).await?;
            (CredentialChange::Set(new.clone()), Some(new))
        }
    };
    let command = OrganizationCommand::ReplaceRoute { route: Box::new(route), credential };
    match set(&app, &principal, meta, command, new).await? {
        Executed::Done { event, replayed } => {
            let after = secret_in(&event.event);
            if let Some(before) = before.filter(|before| !replayed && after.is_none_or(|after| after.id != before.id)) {
                forget_secret(&app, &principal, &before).await;
            }
            respond(StatusCode::OK, &event, replayed)
        }
        Executed::Unchanged { state, position } => {
            let set = state.routes.get(&id).ok_or_else(Problem::internal)?;
            Ok(answer(StatusCode::OK, RouteOut::new(&set.route, set.updated_at, Some(position.to_string())), false))
        }
    }
}

/// A route that is there no more.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteRemovedOut {
    /// Always `route`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: RouteId,
    /// Always `true`.
    pub deleted: bool,
    /// The log's position after the command.
    pub position: String,
}

/// Sell something no more. Its credential is forgotten; what was charged stays.
#[utoipa::path(delete, path = "/v1/routes/{id}", tag = "Routes",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = RouteRemovedOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn remove_route(
    State(app): State<App>,
    principal: Principal,
    RoutePath(id): RoutePath,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "DELETE /v1/routes/{id}", &id.to_string(), &())?;
    let before = secret_of(&app, &principal, id).await?;
    let command = OrganizationCommand::RemoveRoute { route_id: id };
    match set(&app, &principal, meta, command, None).await? {
        Executed::Done { event, replayed } => {
            if let Some(before) = before {
                forget_secret(&app, &principal, &before).await;
            }
            let position = event.position.to_string();
            Ok(answer(StatusCode::OK, RouteRemovedOut { object: "route", id, deleted: true, position }, replayed))
        }
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// From the event alone: the same at each repetition.
fn respond(status: StatusCode, event: &Recorded<OrganizationEvent>, replayed: bool) -> Result<Response, Problem> {
    let OrganizationEvent::RouteSet(set) = &event.event else { return Err(Problem::internal()) };
    let out = RouteOut::new(&set.route, event.occurred_at, Some(event.position.to_string()));
    Ok(answer(status, out, replayed))
}

/// Gives a command to the organization. `new` is the secret that was kept for it: when the command does not come to
/// a route with that, it is forgotten again.
async fn set(
    app: &App,
    principal: &Principal,
    meta: CommandMeta,
    command: OrganizationCommand,
    new: Option<CredentialRef>,
) -> Result<Executed<Organization>, Problem> {
    let stream = StreamId::new(Organization::CATEGORY, principal.organization_id);
    let done = execute::<Organization>(app, stream, meta, command).await;
    app.directory.changed(principal.organization_id);
    let is_named = |new: &CredentialRef| match &done {
        Ok(Executed::Done { event, .. }) => secret_in(&event.event).is_some_and(|named| named.id == new.id),
        Ok(Executed::Unchanged { .. }) => false,
        // When nobody knows what became of the command, it may be.
        Err(problem) => problem.status >= 500,
    };
    if let Some(new) = new.filter(|new| !is_named(new)) {
        forget_secret(app, principal, &new).await;
    }
    done
}

fn secret_in(event: &OrganizationEvent) -> Option<&CredentialRef> {
    match event {
        OrganizationEvent::RouteSet(set) => set.route.credential.as_ref(),
        _ => None,
    }
}

async fn secret_of(app: &App, principal: &Principal, id: RouteId) -> Result<Option<CredentialRef>, Problem> {
    let organization = app.directory.organization(principal.organization_id).await?;
    let route: Option<&Route> = organization.routes.get(&id).map(|set| &set.route);
    Ok(route.and_then(|route| route.credential.clone()))
}

async fn keep_secret(app: &App, principal: &Principal, secret: &CredentialIn) -> Result<CredentialRef, Problem> {
    let credential = secret.named(Uuid::now_v7())?;
    let row = credential.id.to_string();
    app.vault.put(principal.organization_id, CREDENTIAL_KIND, &row, secret.value.as_bytes()).await?;
    Ok(credential)
}

/// A secret that no route names is only a risk. That it stays when this fails harms nothing else.
async fn forget_secret(app: &App, principal: &Principal, credential: &CredentialRef) {
    let row = credential.id.to_string();
    if let Err(error) = app.vault.remove(principal.organization_id, CREDENTIAL_KIND, &row).await {
        tracing::warn!(%error, row, "the secret for an upstream stays in the vault although no route names it");
    }
}
