//! Gateway keys: make, revoke, look up. Whoever has one asks at the gateway, and its payer pays.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::envelope::to_micros;
use domain::gateway_key::{Created, GatewayKey, GatewayKeyCommand, GatewayKeyError, GatewayKeyEvent, KeyPayer};
use domain::ids::{CustomerId, GatewayKeyId, SessionKeyId};
use domain::route::Rate;
use domain::session_key::Custody;
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::{Executed, LogPosition, Recorded, clock};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::customers::customer_not_found;
use super::routes::out::RateOut;
use super::routes::request::RateIn;
use super::{answer, earlier, execute, meta, session_keys};
use crate::App;
use crate::auth::{GATEWAY_SECRET_PREFIX, Principal};
use crate::extract::{IdempotencyKey, Json, path_id};
use crate::organizations::{secret_with, shown};
use crate::problem::Problem;
use crate::query::customers;

/// A new gateway key. Say who pays: `customer_id` or `session_key_id`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGatewayKey {
    /// The customer whose account pays.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// The session key that pays. It must be managed: of another one Tollbook has no key.
    #[serde(default)]
    pub session_key_id: Option<String>,
    /// What you call it; 1 to 100 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// From when on it opens nothing; never when left out.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
    /// How often it may be used; as often as the routes allow when left out.
    #[serde(default)]
    pub rate: Option<RateIn>,
}

/// A gateway key.
#[derive(Debug, Serialize, ToSchema)]
pub struct GatewayKeyOut {
    /// Always `gateway_key`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: GatewayKeyId,
    /// The customer whose account pays; `null` when a session key does.
    #[schema(value_type = Option<String>)]
    pub customer_id: Option<CustomerId>,
    /// The session key that pays; `null` when an account does.
    #[schema(value_type = Option<String>)]
    pub session_key_id: Option<SessionKeyId>,
    /// What you call it.
    pub name: String,
    /// The first characters of its secret.
    pub prefix: String,
    /// The secret, once: in the first answer to its creation.
    pub secret: Option<String>,
    /// How often it may be used; `null` as often as the routes allow.
    pub rate: Option<RateOut>,
    /// From when on it opens nothing; `null` never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The log's position after the command; `null` in lists.
    pub position: Option<String>,
}

impl GatewayKeyOut {
    fn new(created: Created, created_at: Timestamp, position: LogPosition) -> Self {
        let (customer_id, session_key_id) = ids(created.payer);
        Self {
            object: "gateway_key",
            id: created.gateway_key_id,
            customer_id,
            session_key_id,
            name: created.name,
            prefix: created.prefix,
            secret: None,
            rate: created.rate.map(RateOut::from),
            expires_at: created.expires_at,
            created_at,
            revoked_at: None,
            position: Some(position.to_string()),
        }
    }
}

fn ids(payer: KeyPayer) -> (Option<CustomerId>, Option<SessionKeyId>) {
    match payer {
        KeyPayer::Customer { customer_id } => (Some(customer_id), None),
        KeyPayer::SessionKey { session_key_id } => (None, Some(session_key_id)),
    }
}

impl From<GatewayKeyError> for Problem {
    fn from(error: GatewayKeyError) -> Self {
        let detail = error.to_string();
        match error {
            GatewayKeyError::NotFound => Self::not_found("gateway_key_not_found", detail),
            GatewayKeyError::AlreadyExists => Self::conflict("already_exists", detail),
            GatewayKeyError::ExpiresInThePast => {
                Self::unprocessable("expires_in_the_past", detail).with("param", json!("expires_at"))
            }
            GatewayKeyError::Rate(error) => error.into(),
        }
    }
}

/// Make a gateway key for a payer. Its secret is shown once.
#[utoipa::path(post, path = "/v1/gateway_keys", tag = "Gateway keys", request_body = NewGatewayKey,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = GatewayKeyOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_gateway_key(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewGatewayKey>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/gateway_keys", "", &body)?;
    // Whether it was in time was decided when it came first.
    if let Some(event) = earlier::<GatewayKey>(&app, &meta, key.as_deref()).await? {
        return respond(event, None);
    }
    let name = body.name.unwrap_or_else(|| "Gateway key".to_owned());
    crate::money::text("name", &name, 100)?;
    let payer = payer(body.customer_id.as_deref(), body.session_key_id.as_deref())?;
    own(&app, &principal, payer).await?;
    let secret = secret_with(GATEWAY_SECRET_PREFIX)?;
    let created = Created {
        gateway_key_id: GatewayKeyId::new(Uuid::now_v7()),
        organization_id: principal.organization_id,
        payer,
        name,
        prefix: shown(&secret, GATEWAY_SECRET_PREFIX),
        secret_hash: app.vault.keys().api_key_hash(&secret),
        rate: body.rate.map(Rate::from),
        expires_at: body.expires_at.map(to_micros),
    };
    let stream = StreamId::new(GatewayKey::CATEGORY, created.gateway_key_id);
    match execute::<GatewayKey>(&app, stream, meta, GatewayKeyCommand::Create(created)).await? {
        // The secret of the first answer is kept nowhere.
        Executed::Done { event, replayed } => respond(event, (!replayed).then_some(secret)),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// Without the secret it is a repeated answer.
fn respond(event: Recorded<GatewayKeyEvent>, secret: Option<String>) -> Result<Response, Problem> {
    let GatewayKeyEvent::Created(created) = event.event else { return Err(Problem::internal()) };
    let replayed = secret.is_none();
    let out = GatewayKeyOut { secret, ..GatewayKeyOut::new(created, event.occurred_at, event.position) };
    Ok(answer(StatusCode::CREATED, out, replayed))
}

fn payer(customer: Option<&str>, session_key: Option<&str>) -> Result<KeyPayer, Problem> {
    match (customer, session_key) {
        (Some(id), None) => {
            let customer_id = id.parse().map_err(|_| customer_not_found())?;
            Ok(KeyPayer::Customer { customer_id })
        }
        (None, Some(id)) => {
            let session_key_id = id.parse().map_err(|_| session_keys::not_found())?;
            Ok(KeyPayer::SessionKey { session_key_id })
        }
        (None, None) => {
            Err(Problem::bad_request("missing_field", "customer_id", "say who pays: customer_id or session_key_id"))
        }
        (Some(_), Some(_)) => {
            let detail = "a gateway key has either customer_id or session_key_id";
            Err(Problem::bad_request("invalid_request", "session_key_id", detail))
        }
    }
}

/// The payer must be there and yours, and one that pays without signing.
async fn own(app: &App, principal: &Principal, payer: KeyPayer) -> Result<(), Problem> {
    match payer {
        KeyPayer::Customer { customer_id } => customers::require(app, principal, customer_id).await,
        KeyPayer::SessionKey { session_key_id } => {
            let grant = app.sessions.grant(principal.organization_id, session_key_id).await?;
            match grant.terms.custody {
                Custody::Managed => Ok(()),
                Custody::Client => {
                    let detail = "whoever has the key of this session key signs a voucher with each request: only a \
                        managed one can pay without";
                    let problem = Problem::unprocessable("session_key_not_managed", detail);
                    Err(problem.with("param", json!("session_key_id")))
                }
            }
        }
    }
}

/// The id of a gateway key in the path.
pub struct GatewayKeyPath(GatewayKeyId);

impl<S: Send + Sync> FromRequestParts<S> for GatewayKeyPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "gateway_key_not_found").await.map(Self)
    }
}

/// Revoke a gateway key: at once, everywhere, for good. What it has asked for before is still charged.
#[utoipa::path(post, path = "/v1/gateway_keys/{id}/revoke", tag = "Gateway keys",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = GatewayKeyOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn revoke_gateway_key(
    State(app): State<App>,
    principal: Principal,
    GatewayKeyPath(id): GatewayKeyPath,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/gateway_keys/{id}/revoke", &id.to_string(), &())?;
    let stream = StreamId::new(GatewayKey::CATEGORY, id);
    let command = GatewayKeyCommand::Revoke { organization_id: principal.organization_id };
    let executed = execute::<GatewayKey>(&app, stream.clone(), meta, command).await?;
    app.directory.changed(principal.organization_id);
    let (position, replayed) = match &executed {
        Executed::Done { event, replayed } => (event.position, *replayed),
        Executed::Unchanged { position, .. } => (*position, false),
    };
    // Revoking is final, so the state read afterwards is the same at each repetition.
    let state = app.ledger.load::<GatewayKey>(&stream).await?.state;
    let (Some(created), Some(created_at)) = (state.created, state.created_at) else { return Err(Problem::internal()) };
    let out = GatewayKeyOut { revoked_at: state.revoked_at, ..GatewayKeyOut::new(created, created_at, position) };
    Ok(answer(StatusCode::OK, out, replayed))
}

/// A secret that somebody showed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewaySecretIn {
    /// All of it, with `tbk_`.
    pub secret: String,
}

/// Who pays with a secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct GatewayKeyPayerOut {
    /// Always `gateway_key`.
    pub object: &'static str,
    /// The id of the gateway key.
    #[schema(value_type = String)]
    pub id: GatewayKeyId,
    /// The customer whose account pays; `null` when a session key does.
    #[schema(value_type = Option<String>)]
    pub customer_id: Option<CustomerId>,
    /// The session key that pays; `null` when an account does.
    #[schema(value_type = Option<String>)]
    pub session_key_id: Option<SessionKeyId>,
    /// How often it may be used; `null` as often as you like.
    pub rate: Option<RateOut>,
    /// From when on it opens nothing; `null` never.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Who pays with the secret of a gateway key, for those who are asked without the gateway between. 404 when it opens
/// nothing: it is unknown, another organization's, revoked or expired. Nothing is written.
#[utoipa::path(post, path = "/v1/gateway_keys/lookup", tag = "Gateway keys", request_body = GatewaySecretIn,
    responses((status = 200, body = GatewayKeyPayerOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn lookup_gateway_key(
    State(app): State<App>,
    principal: Principal,
    Json(body): Json<GatewaySecretIn>,
) -> Result<Response, Problem> {
    let now = clock::now();
    let found = app.directory.gateway_key(&body.secret).await?;
    let good = found.filter(|key| key.organization_id == principal.organization_id && !key.has_expired(now));
    let key = good.ok_or(GatewayKeyError::NotFound)?;
    let (customer_id, session_key_id) = ids(key.payer);
    let out = GatewayKeyPayerOut {
        object: "gateway_key",
        id: key.gateway_key_id,
        customer_id,
        session_key_id,
        rate: key.rate.map(RateOut::from),
        expires_at: key.expires_at,
    };
    Ok(answer(StatusCode::OK, out, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_pays_and_only_one() {
        let told = |customer: Option<&str>, session_key: Option<&str>| {
            payer(customer, session_key).err().map(|problem| (problem.status, problem.code))
        };
        let (customer, session) = (format!("cus_{}", "0".repeat(26)), format!("ses_{}", "0".repeat(26)));
        assert_eq!(told(Some(&customer), None), None);
        assert_eq!(told(None, Some(&session)), None);
        assert_eq!(told(None, None), Some((400, "missing_field")));
        assert_eq!(told(Some(&customer), Some(&session)), Some((400, "invalid_request")));
        assert_eq!(told(Some(&session), None), Some((404, "customer_not_found")));
        assert_eq!(told(None, Some(&customer)), Some((404, "session_key_not_found")));
    }
}
