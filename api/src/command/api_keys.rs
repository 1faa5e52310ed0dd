//! API keys: make, revoke. To rotate: make a second one, move over, revoke the first.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::api_key::{ApiKey, ApiKeyCommand, ApiKeyError, ApiKeyEvent};
use domain::ids::ApiKeyId;
use domain::{Aggregate, StreamId};
use eventstore::Executed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{answer, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, path_id};
use crate::organizations::{key_of, new_secret};
use crate::problem::Problem;

/// A new API key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// What you call it; 1 to 100 characters.
    #[serde(default)]
    pub name: Option<String>,
}

/// An API key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyOut {
    /// Always `api_key`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: ApiKeyId,
    /// What you call it.
    pub name: String,
    /// The first characters of its secret.
    pub prefix: String,
    /// The secret, once: in the first answer to its creation.
    pub secret: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it opens nothing.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The log's position after the command; `null` in lists.
    pub position: Option<String>,
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::NotFound => Self::not_found("api_key_not_found", error.to_string()),
            ApiKeyError::AlreadyExists => Self::conflict("already_exists", error.to_string()),
        }
    }
}

/// Make an API key. Its secret is shown once.
#[utoipa::path(post, path = "/v1/api_keys", tag = "API keys", request_body = NewApiKey,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = ApiKeyOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_api_key(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewApiKey>,
) -> Result<Response, Problem> {
    let name = body.name.clone().unwrap_or_else(|| "API key".to_owned());
    crate::money::text("name", &name, 100)?;
    let meta = meta(&principal, key.as_deref(), "POST /v1/api_keys", "", &body)?;
    let secret = new_secret()?;
    let created = key_of(app.vault.keys(), principal.organization_id, &name, &secret);
    let stream = StreamId::new(ApiKey::CATEGORY, created.api_key_id);
    match execute::<ApiKey>(&app, stream, meta, ApiKeyCommand::Create(created)).await? {
        Executed::Done { event, replayed } => {
            let ApiKeyEvent::Created(created) = event.event else { return Err(Problem::internal()) };
            let out = ApiKeyOut {
                object: "api_key",
                id: created.api_key_id,
                name: created.name,
                prefix: created.prefix,
                // The secret of the first answer is kept nowhere.
                secret: (!replayed).then_some(secret),
                created_at: event.occurred_at,
                revoked_at: None,
                position: Some(event.position.to_string()),
            };
            Ok(answer(StatusCode::CREATED, out, replayed))
        }
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// The id of an API key in the path.
pub struct ApiKeyPath(ApiKeyId);

impl<S: Send + Sync> FromRequestParts<S> for ApiKeyPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "api_key_not_found").await.map(Self)
    }
}

/// Revoke an API key: at once, everywhere, for good.
#[utoipa::path(post, path = "/v1/api_keys/{id}/revoke", tag = "API keys",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ApiKeyOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn revoke_api_key(
    State(app): State<App>,
    principal: Principal,
    ApiKeyPath(id): ApiKeyPath,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/api_keys/{id}/revoke", &id.to_string(), &())?;
    let stream = StreamId::new(ApiKey::CATEGORY, id);
    let command = ApiKeyCommand::Revoke { organization_id: principal.organization_id };
    let executed = execute::<ApiKey>(&app, stream.clone(), meta, command).await?;
    app.directory.changed(principal.organization_id);
    let (position, replayed) = match &executed {
        Executed::Done { event, replayed } => (event.position, *replayed),
        Executed::Unchanged { position, .. } => (*position, false),
    };
    // Revoking is final, so the state read afterwards is the same at each repetition.
    let state = app.ledger.load::<ApiKey>(&stream).await?.state;
    let (Some(created), Some(created_at)) = (state.created, state.created_at) else { return Err(Problem::internal()) };
    let out = ApiKeyOut {
        object: "api_key",
        id,
        name: created.name,
        prefix: created.prefix,
        secret: None,
        created_at,
        revoked_at: state.revoked_at,
        position: Some(position.to_string()),
    };
    Ok(answer(StatusCode::OK, out, replayed))
}
