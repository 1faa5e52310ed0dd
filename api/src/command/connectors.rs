//! Connectors: accounts with payment providers. Their secrets lie in the vault and are never shown again.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::connector::{Action, Connector, ConnectorCommand, ConnectorError, ConnectorEvent, ConnectorKind, Created};
use domain::ids::{ConnectorId, OrganizationId};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::vault::Keys;
use eventstore::{Executed, Recorded};
use payments::{Hosts, Secrets};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{answer, as_of, earlier, execute, meta};
use crate::App;
use crate::auth::Principal;
use crate::extract::{IdempotencyKey, Json, path_id};
use crate::money;
use crate::problem::Problem;

/// The kind of vault row that holds a connector's secrets.
pub const SECRETS: &str = "connector";
/// The longest secret.
const SECRET_CHARS_MAX: usize = 255;
/// The longest address of a provider.
const BASE_CHARS_MAX: usize = 500;

/// A new connector.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnector {
    /// Which provider: `stripe`, or `manual` for money that comes by hand.
    #[schema(value_type = String, example = "stripe")]
    pub kind: ConnectorKind,
    /// What you call it; 1 to 100 characters.
    pub name: String,
    /// Shown to the provider with each call. Required, but for `manual`, which has none.
    #[serde(default)]
    pub secret_key: Option<String>,
    /// What the provider signs its messages with. It can be set later, when the provider knows where to send them:
    /// until then no message is taken.
    #[serde(default)]
    pub webhook_secret: Option<String>,
    /// Where the provider's API is; its own when left out. It must be https; or on this machine, where the operator
    /// allows that.
    #[serde(default)]
    pub api_base: Option<String>,
}

/// Other secrets for a connector. What is left out is gone.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectorSecretsIn {
    /// Shown to the provider with each call.
    pub secret_key: String,
    /// What the provider signs its messages with; without it no message is taken.
    #[serde(default)]
    pub webhook_secret: Option<String>,
}

/// A connector, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectorOut {
    /// Always `connector`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: ConnectorId,
    /// `stripe` or `manual`.
    #[schema(value_type = String)]
    pub kind: ConnectorKind,
    /// What you call it.
    pub name: String,
    /// Where the provider's API is; `null` for its own.
    pub api_base: Option<String>,
    /// Where the provider is to send its messages: this path of the API. It asks for no API key.
    pub webhook_path: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was removed: it makes no payments any more.
    pub removed_at: Option<DateTime<Utc>>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

impl ConnectorOut {
    /// From its parts.
    pub fn of(
        (id, kind, name, api_base): (ConnectorId, ConnectorKind, String, Option<String>),
        created_at: Timestamp,
        removed_at: Option<Timestamp>,
        position: Option<String>,
    ) -> Self {
        let webhook_path = format!("/v1/webhooks/{id}");
        Self { object: "connector", id, kind, name, api_base, webhook_path, created_at, removed_at, position }
    }

    /// From the domain's connector; `None` when there is none.
    pub fn new(connector: &Connector, position: Option<String>) -> Option<Self> {
        let created = connector.created.clone()?;
        let parts = (created.connector_id, created.kind, created.name, created.api_base);
        Some(Self::of(parts, connector.created_at?, connector.removed_at, position))
    }
}

impl From<ConnectorError> for Problem {
    fn from(error: ConnectorError) -> Self {
        match error {
            ConnectorError::NotFound => connector_not_found(),
            ConnectorError::AlreadyExists => Self::conflict("already_exists", error.to_string()),
        }
    }
}

/// The answer for a connector that is not there, or not yours.
pub fn connector_not_found() -> Problem {
    Problem::not_found("connector_not_found", "there is no such connector")
}

/// The id of a connector in the path.
pub struct ConnectorPath(pub ConnectorId);

impl<S: Send + Sync> FromRequestParts<S> for ConnectorPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        path_id(parts, "connector_not_found").await.map(Self)
    }
}

/// The stream of a connector.
pub fn connector_stream(id: ConnectorId) -> StreamId {
    StreamId::new(Connector::CATEGORY, id)
}

/// A connector of this organization, from the log, also one that was removed.
pub async fn load(app: &App, principal: &Principal, id: ConnectorId) -> Result<Connector, Problem> {
    let connector = app.ledger.load::<Connector>(&connector_stream(id)).await?.state;
    let own = connector.created.as_ref().is_some_and(|it| it.organization_id == principal.organization_id);
    if own { Ok(connector) } else { Err(connector_not_found()) }
}

/// The secrets of a connector, if the vault has any that can be read.
pub async fn secrets(app: &App, organization_id: OrganizationId, id: ConnectorId) -> Result<Option<Secrets>, Problem> {
    let kept = app.vault.get(organization_id, SECRETS, &[id.to_string()]).await?;
    let read = kept.first().map(|(_, json)| Secrets::from_json(json));
    read.transpose().map_err(|error| Problem::internal().caused_by(error))
}

impl NewConnector {
    /// What makes a request the same: of secrets only their keyed hashes.
    fn digested(&self, keys: &Keys) -> Value {
        json!({
            "kind": self.kind, "name": self.name, "api_base": self.api_base,
            "secret_key": hashed(keys, self.secret_key.as_deref()),
            "webhook_secret": hashed(keys, self.webhook_secret.as_deref()),
        })
    }

    /// Its secrets, once everything is what it must be; none for money that comes by hand.
    fn read(&self, hosts: Hosts) -> Result<Option<Secrets>, Problem> {
        money::text("name", &self.name, 100)?;
        if self.kind == ConnectorKind::Manual {
            let given = [
                ("secret_key", self.secret_key.is_some()),
                ("webhook_secret", self.webhook_secret.is_some()),
                ("api_base", self.api_base.is_some()),
            ];
            return match given.into_iter().find(|(_, is_given)| *is_given) {
                Some((field, _)) => {
                    let detail = format!("a connector for money that comes by hand has no {field}");
                    Err(Problem::bad_request("invalid_request", field, detail))
                }
                None => Ok(None),
            };
        }
        if let Some(base) = &self.api_base {
            money::text("api_base", base, BASE_CHARS_MAX)?;
            let checked = payments::stripe::check_api_base(base, hosts);
            checked.map_err(|error| misconfigured("api_base", error.to_string()))?;
        }
        let Some(secret_key) = &self.secret_key else {
            return Err(Problem::bad_request(
                "missing_field",
                "secret_key",
                "a connector of this kind has a secret_key",
            ));
        };
        let place = (self.kind, self.api_base.as_deref(), hosts);
        read_secrets(place, secret_key, self.webhook_secret.as_deref()).map(Some)
    }
}

fn hashed(keys: &Keys, secret: Option<&str>) -> Option<String> {
    secret.map(|secret| keys.api_key_hash(secret))
}

fn misconfigured(param: &str, detail: String) -> Problem {
    Problem::unprocessable("connector_misconfigured", detail).with("param", json!(param))
}

/// Secrets that a connector can be made with. Nothing is sent to the provider: whether they are good shows later.
fn read_secrets(
    (kind, api_base, hosts): (ConnectorKind, Option<&str>, Hosts),
    secret_key: &str,
    webhook_secret: Option<&str>,
) -> Result<Secrets, Problem> {
    secret("secret_key", secret_key)?;
    if let Some(webhook_secret) = webhook_secret {
        secret("webhook_secret", webhook_secret)?;
    }
    let secrets =
        Secrets { secret_key: secret_key.to_owned(), webhook_secret: webhook_secret.unwrap_or_default().to_owned() };
    let made = payments::connector(kind, api_base, hosts, &secrets);
    made.map_err(|error| misconfigured("secret_key", error.to_string()))?;
    Ok(secrets)
}

/// A secret has visible characters and no spaces.
fn secret(param: &str, value: &str) -> Result<(), Problem> {
    let fits = (1..=SECRET_CHARS_MAX).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(());
    }
    let detail = format!("{param} must have 1 to {SECRET_CHARS_MAX} visible ASCII characters");
    Err(Problem::bad_request("invalid_request", param, detail))
}

/// Connect an account with a payment provider.
#[utoipa::path(post, path = "/v1/connectors", tag = "Payments", request_body = NewConnector,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 201, body = ConnectorOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_connector(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewConnector>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/connectors", "", &body.digested(app.vault.keys()))?;
    if let Some(event) = earlier::<Connector>(&app, &meta, key.as_deref()).await? {
        return respond(&app, StatusCode::CREATED, &event, true).await;
    }
    let secrets = body.read(app.connector_hosts)?;
    let (organization_id, id) = (principal.organization_id, ConnectorId::new(Uuid::now_v7()));
    // Before the event that names it: what is in the log can be used.
    if let Some(secrets) = &secrets {
        app.vault.put(organization_id, SECRETS, &id.to_string(), &secrets.to_json()).await?;
    }
    let created = Created {
        connector_id: id,
        organization_id,
        kind: body.kind,
        name: body.name,
        api_base: body.api_base.map(|base| base.trim_end_matches('/').to_owned()),
    };
    let command = ConnectorCommand { organization_id, action: Action::Create(created) };
    let done = execute::<Connector>(&app, connector_stream(id), meta, command).await;
    let is_named = match &done {
        Ok(Executed::Done { event, .. }) => event.stream_id == connector_stream(id),
        Ok(Executed::Unchanged { .. }) => false,
        // When nobody knows what became of the command, it may be.
        Err(problem) => problem.status >= 500,
    };
    if !is_named && secrets.is_some() {
        forget(&app, organization_id, id).await;
    }
    match done? {
        Executed::Done { event, replayed } => respond(&app, StatusCode::CREATED, &event, replayed).await,
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// Secrets that no connector has are only a risk. That they stay when this fails harms nothing else.
async fn forget(app: &App, organization_id: OrganizationId, id: ConnectorId) {
    if let Err(error) = app.vault.remove(organization_id, SECRETS, &id.to_string()).await {
        tracing::warn!(%error, connector_id = %id, "secrets stay in the vault although no connector has them");
    }
}

/// Replace the secrets of a connector, both of them. Payments that are under way go on with the new ones.
#[utoipa::path(put, path = "/v1/connectors/{id}/secrets", tag = "Payments", request_body = ConnectorSecretsIn,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ConnectorOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn replace_connector_secrets(
    State(app): State<App>,
    principal: Principal,
    ConnectorPath(id): ConnectorPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<ConnectorSecretsIn>,
) -> Result<Response, Problem> {
    let keys = app.vault.keys();
    let digested = json!({
        "secret_key": hashed(keys, Some(&body.secret_key)),
        "webhook_secret": hashed(keys, body.webhook_secret.as_deref()),
    });
    let meta = meta(&principal, key.as_deref(), "PUT /v1/connectors/{id}/secrets", &id.to_string(), &digested)?;
    // They may have been replaced again by now.
    if let Some(event) = earlier::<Connector>(&app, &meta, key.as_deref()).await? {
        return respond(&app, StatusCode::OK, &event, true).await;
    }
    let connector = load(&app, &principal, id).await?;
    let organization_id = principal.organization_id;
    let created = connector.in_use_by(organization_id).ok_or_else(connector_not_found)?;
    if created.kind == ConnectorKind::Manual {
        let detail = "a connector for money that comes by hand has no secrets";
        return Err(Problem::unprocessable("connector_by_hand", detail));
    }
    let place = (created.kind, created.api_base.as_deref(), app.connector_hosts);
    let secrets = read_secrets(place, &body.secret_key, body.webhook_secret.as_deref())?;
    app.vault.replace(organization_id, SECRETS, &id.to_string(), &secrets.to_json()).await?;
    let command = ConnectorCommand { organization_id, action: Action::ReplaceSecrets };
    match execute::<Connector>(&app, connector_stream(id), meta, command).await? {
        Executed::Done { event, replayed } => respond(&app, StatusCode::OK, &event, replayed).await,
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// Make no payments with a connector any more. Those that are under way end with it, and can be refunded: its secrets
/// stay in the vault, and its messages are taken.
#[utoipa::path(delete, path = "/v1/connectors/{id}", tag = "Payments",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ConnectorOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn remove_connector(
    State(app): State<App>,
    principal: Principal,
    ConnectorPath(id): ConnectorPath,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "DELETE /v1/connectors/{id}", &id.to_string(), &())?;
    let command = ConnectorCommand { organization_id: principal.organization_id, action: Action::Remove };
    match execute::<Connector>(&app, connector_stream(id), meta, command).await? {
        Executed::Done { event, replayed } => respond(&app, StatusCode::OK, &event, replayed).await,
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// The connector as it was right after the event: the same at each repetition.
async fn respond(
    app: &App,
    status: StatusCode,
    event: &Recorded<ConnectorEvent>,
    replayed: bool,
) -> Result<Response, Problem> {
    let connector = as_of::<Connector>(app, &event.stream_id, event.event_id).await?;
    let out = ConnectorOut::new(&connector, Some(event.position.to_string())).ok_or_else(Problem::internal)?;
    Ok(answer(status, out, replayed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<bool, (u16, &'static str)> {
        read_with(Hosts::Any, fields)
    }

    fn read_with(hosts: Hosts, fields: &str) -> Result<bool, (u16, &'static str)> {
        let body: NewConnector = serde_json::from_str(&format!(r#"{{"name":"cards",{fields}}}"#)).unwrap();
        body.read(hosts).map(|secrets| secrets.is_some()).map_err(|problem| (problem.status, problem.code))
    }

    #[test]
    fn what_cannot_be_used_is_said_at_once() {
        let stripe = r#""kind":"stripe","secret_key":"sk_test_1""#;
        assert_eq!(read(stripe), Ok(true));
        let on_this_machine = format!(r#"{stripe},"api_base":"http://127.0.0.1:12111/""#);
        assert_eq!(read(&on_this_machine), Ok(true));
        assert_eq!(read_with(Hosts::Public, stripe), Ok(true));
        assert_eq!(read_with(Hosts::Public, &on_this_machine), Err((422, "connector_misconfigured")));
        assert_eq!(
            read(&format!(r#"{stripe},"api_base":"http://example.com""#)),
            Err((422, "connector_misconfigured"))
        );
        assert_eq!(read(r#""kind":"stripe""#), Err((400, "missing_field")));
        for key in ["", "sk test", "sk_ü"] {
            assert_eq!(
                read(&format!(r#""kind":"stripe","secret_key":"{key}""#)),
                Err((400, "invalid_request")),
                "{key}"
            );
        }
        assert_eq!(read(r#""kind":"manual""#), Ok(false));
        assert_eq!(read(r#""kind":"manual","secret_key":"sk_test_1""#), Err((400, "invalid_request")));
    }

    #[test]
    fn secrets_are_covered_by_their_hashes_alone() {
        let keys = Keys::from_hex(&"ab".repeat(32)).unwrap();
        let digest = |secret: &str| {
            let body = format!(r#"{{"kind":"stripe","name":"cards","secret_key":"{secret}"}}"#);
            serde_json::from_str::<NewConnector>(&body).unwrap().digested(&keys).to_string()
        };
        assert!(!digest("sk_test_1").contains("sk_test_1"));
        assert_eq!(digest("sk_test_1"), digest("sk_test_1"));
        assert_ne!(digest("sk_test_1"), digest("sk_test_2"));
    }
}
