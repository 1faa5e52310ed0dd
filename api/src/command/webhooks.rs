//! Messages of payment providers. They ask for no API key: their signature says who they are from.
//!
//! A message is sealed in the vault and written down before anything of it is done, and then done at once. Its id follows
//! from the connector and the provider's id for it, and the ids of what it causes from its own: so whether it comes
//! twice, or this process goes away in between and the worker or a repetition takes over, everything happens once.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use data_encoding::HEXLOWER;
use domain::connector::{Connector, INDEX_CONNECTOR};
use domain::ids::{self, ConnectorId, OrganizationId, PaymentId, WebhookId};
use domain::payment::Payment;
use domain::webhook::{Action, Outcome, Received, Webhook, WebhookCommand, WebhookError};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::{CommandMeta, ExecuteError, Executed, clock};
use payments::intake::{self, Addressee};
use payments::{Message, WebhookError as Refused};
use projections::billing::find;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::connectors::{ConnectorPath, connector_not_found, secrets};
use super::payments::payment_stream;
use super::{answer, execute};
use crate::App;
use crate::problem::Problem;
use crate::query::read_up_to_now;

/// The kind of vault row that holds a message as it came.
pub const BODIES: &str = "webhook";
/// The largest message.
pub const BODY_BYTES_MAX: usize = payments::stripe::BODY_BYTES_MAX;

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookTakenOut {
    /// Always `webhook`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: WebhookId,
    /// Whether it had come before: then nothing has changed.
    pub is_known: bool,
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::NotFound => Self::not_found("webhook_not_found", error.to_string()),
        }
    }
}

/// Whose connector a message has come to.
struct Receiver {
    organization_id: OrganizationId,
    partition: i32,
    connector_id: ConnectorId,
}

impl Receiver {
    /// The message's id: the same message, the same id.
    fn webhook_id(&self, message: &Message) -> WebhookId {
        let (connector, named) = (self.connector_id.uuid(), message.provider_event_id.as_bytes());
        WebhookId::new(ids::derive(&[b"webhook", connector.as_bytes(), named]))
    }

    /// A command that a message causes. The worker gives the same ones the same ids.
    fn caused(&self, webhook_id: WebhookId, step: &[u8], now: Timestamp) -> CommandMeta {
        let command_id = ids::derive(&[b"webhook", webhook_id.uuid().as_bytes(), step]);
        CommandMeta {
            command_id,
            organization_id: self.organization_id,
            partition: self.partition,
            actor: format!("connector:{}", self.connector_id),
            request_digest: [0; 32],
            causation_id: command_id,
            correlation_id: webhook_id.uuid(),
            now,
        }
    }
}

/// Take a message of a payment provider. It is answered with 200 once it is written down, also when it is about nothing
/// that matters here, or has come before.
#[utoipa::path(post, path = "/v1/webhooks/{connector_id}", tag = "Payments", security(()),
    params(("connector_id" = String, Path)),
    request_body(content = String, content_type = "application/json", description = "as the provider sends and signs it"),
    responses((status = 200, body = WebhookTakenOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn receive_webhook(
    State(app): State<App>,
    ConnectorPath(connector_id): ConnectorPath,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|rejection| too_large(&rejection))?;
    let found = app.ledger.log().lookup(INDEX_CONNECTOR, connector_id.uuid().as_bytes()).await?;
    let indexed = found.ok_or_else(connector_not_found)?;
    let receiver = Receiver { organization_id: indexed.organization_id, partition: indexed.partition, connector_id };
    let connector = app.ledger.load::<Connector>(&indexed.stream_id).await?.state;
    let message = read(&app, &receiver, &connector, &headers, &body).await?;
    let webhook_id = receiver.webhook_id(&message);
    let is_known = store(&app, &receiver, webhook_id, &message, &body).await?;
    let stream = StreamId::new(Webhook::CATEGORY, webhook_id);
    if !is_known || !app.ledger.load::<Webhook>(&stream).await?.state.processed {
        let outcome = tell(&app, &receiver, webhook_id, &message).await?;
        let command = WebhookCommand { organization_id: receiver.organization_id, action: Action::Process { outcome } };
        let meta = receiver.caused(webhook_id, b"process", clock::now());
        match app.ledger.execute::<Webhook>(stream, meta, command).await {
            // The worker has come to another outcome, and was first.
            Ok(Ok(_)) | Err(ExecuteError::KeyReused) => {}
            Ok(Err(denied)) => return Err(denied.into()),
            Err(error) => return Err(error.into()),
        }
        metrics::counter!("tollbook_webhooks_total", "outcome" => word(outcome)).increment(1);
    }
    Ok(answer(StatusCode::OK, WebhookTakenOut { object: "webhook", id: webhook_id, is_known }, is_known))
}

fn too_large(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        refused("too_large");
        Problem::new(413, "body_too_large", "the message has more than 256 KiB")
    } else {
        Problem::new(400, "invalid_request", "the body could not be read")
    }
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::KnownAlready => "known_already",
        Outcome::NotOurs => "not_ours",
        Outcome::Refused => "refused",
    }
}

fn refused(reason: &'static str) {
    metrics::counter!("tollbook_webhooks_refused_total", "reason" => reason).increment(1);
}

/// What the message says, if it is what it says it is.
async fn read(
    app: &App,
    receiver: &Receiver,
    connector: &Connector,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Message, Problem> {
    let made = connector.created.as_ref().ok_or_else(connector_not_found)?;
    // One that was removed still hears how its payments end.
    let kept = secrets(app, receiver.organization_id, receiver.connector_id).await?.unwrap_or_default();
    let parsed = match payments::connector(made.kind, made.api_base.as_deref(), app.connector_hosts, &kept) {
        Ok(connector) => connector.parse_webhook(headers, body, clock::now()),
        // Without secrets nobody can tell whether it is.
        Err(_) => Err(Refused::Unsupported),
    };
    parsed.map_err(|error| {
        let code = match &error {
            Refused::MissingSignature => "webhook_signature_missing",
            Refused::BadSignature => "webhook_signature_invalid",
            Refused::TooOld { .. } => "webhook_too_old",
            Refused::Malformed(_) => "webhook_malformed",
            Refused::TooLarge => "body_too_large",
            Refused::Unsupported => "webhook_not_taken",
        };
        refused(code);
        tracing::warn!(connector_id = %receiver.connector_id, code, %error, "a provider's message was refused");
        Problem::new(if matches!(error, Refused::TooLarge) { 413 } else { 400 }, code, error.to_string())
    })
}

/// Keeps the message as it came, and writes down that it has. Gives whether it had come before.
async fn store(
    app: &App,
    receiver: &Receiver,
    webhook_id: WebhookId,
    message: &Message,
    body: &[u8],
) -> Result<bool, Problem> {
    let organization_id = receiver.organization_id;
    app.vault.put(organization_id, BODIES, &webhook_id.to_string(), body).await?;
    let digest: [u8; 32] = Sha256::digest(body).into();
    let received = Received {
        webhook_id,
        organization_id,
        connector_id: receiver.connector_id,
        provider_event_id: message.provider_event_id.clone(),
        provider_type: message.provider_type.clone(),
        payment_id: message.payment_id,
        created_at: message.created_at,
        body_sha256: HEXLOWER.encode(&digest),
    };
    let command = WebhookCommand { organization_id, action: Action::Receive(received) };
    let (stream, meta) =
        (StreamId::new(Webhook::CATEGORY, webhook_id), receiver.caused(webhook_id, b"receive", clock::now()));
    let executed = execute::<Webhook>(app, stream, meta, command).await?;
    Ok(!matches!(executed, Executed::Done { replayed: false, .. }))
}

/// Tells the payment that the message is about.
async fn tell(app: &App, receiver: &Receiver, webhook_id: WebhookId, message: &Message) -> Result<Outcome, Problem> {
    let organization_id = receiver.organization_id;
    let Some(payment_id) = payment_of(app, receiver, message).await? else { return Ok(Outcome::NotOurs) };
    let stream = payment_stream(payment_id);
    let payment = app.ledger.load::<Payment>(&stream).await?.state;
    let Some((created, _)) = &payment.created else { return Ok(Outcome::NotOurs) };
    if created.organization_id != organization_id || created.connector_id != Some(receiver.connector_id) {
        return Ok(Outcome::NotOurs);
    }
    let addressee = Addressee { organization_id, payment_id, currency: created.currency };
    let command = match intake::command(message, &addressee) {
        Ok(command) => command,
        Err(outcome) => return Ok(outcome),
    };
    let meta = receiver.caused(webhook_id, b"observe", app.clocks.now(created.customer_id));
    match app.ledger.execute::<Payment>(stream.clone(), meta, command).await {
        Ok(Ok(Executed::Done { .. })) | Err(ExecuteError::KeyReused) => Ok(Outcome::Applied),
        Ok(Ok(Executed::Unchanged { .. })) => Ok(Outcome::KnownAlready),
        Ok(Err(denied)) => {
            tracing::error!(%webhook_id, %stream, why = %denied, "a provider contradicts the ledger: a person should look");
            Ok(Outcome::Refused)
        }
        Err(error) => Err(error.into()),
    }
}

/// The payment that a message is about: by our id, else by the provider's.
async fn payment_of(app: &App, receiver: &Receiver, message: &Message) -> Result<Option<PaymentId>, Problem> {
    if message.payment_id.is_some() {
        return Ok(message.payment_id);
    }
    let (Some(provider_id), Some(_)) = (&message.provider_payment_id, &message.observed) else { return Ok(None) };
    // The provider may be faster than the read model that knows its ids.
    read_up_to_now(app, receiver.partition, &projections::billing::Billing).await?;
    let ids = std::slice::from_ref(provider_id);
    let found = find::sources(&app.pool, receiver.organization_id, ids).await?;
    let payment = found.iter().find(|source| source.refund_id.is_none());
    Ok(payment.map(|source| PaymentId::new(source.payment_id)))
}
