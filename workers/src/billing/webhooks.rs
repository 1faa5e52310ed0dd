//! Payment providers' messages that were stored and not taken in: the process that had them went away in between.
//!
//! The API takes a message in as soon as it is stored, so what is found here is left alone for a while first. Should
//! both do it, the payment knows already what it is told the second time.

use std::collections::HashMap;
use std::time::Duration;

use domain::ids::{self, ConnectorId, OrganizationId, PaymentId, WebhookId};
use domain::payment::Payment;
use domain::webhook::{Action, Outcome, Webhook, WebhookCommand};
use domain::{Aggregate, StreamId};
use eventstore::vault::Vault;
use eventstore::{ExecuteError, StoreError, clock};
use payments::Message;
use payments::intake::{self, Addressee};
use projections::billing::due::{self, WebhookRow};
use projections::billing::find;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Given, collector, give, meta, note_denied, time_of};
use crate::Context;

const EVERY: Duration = Duration::from_secs(5);
/// How long a message is left to who stored it.
const LEFT_FOR: Duration = Duration::from_secs(30);
/// Messages per round.
const MESSAGES_MAX: i64 = 500;
/// In the vault.
const BODIES: &str = "webhook";

/// Why a message waits for a later round.
#[derive(Debug, thiserror::Error)]
enum TakeError {
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is needed to read it is not there.
    #[error("{0}")]
    Unreadable(String),
}

impl From<sqlx::Error> for TakeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Takes messages in until cancelled.
pub(super) async fn run(context: Context, vault: Vault, cancel: CancellationToken) {
    let mut first_seen: HashMap<Uuid, Instant> = HashMap::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let rows = match due::waiting_webhooks(&context.pool, MESSAGES_MAX).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::debug!(%error, "messages of payment providers wait for the database");
                continue;
            }
        };
        first_seen.retain(|id, _| rows.iter().any(|row| row.webhook_id == *id));
        for row in rows {
            let since = *first_seen.entry(row.webhook_id).or_insert_with(Instant::now);
            if since.elapsed() < LEFT_FOR {
                continue;
            }
            let taken = tokio::select! {
                () = cancel.cancelled() => return,
                taken = take_in(&context, &vault, &row) => taken,
            };
            if let Err(error) = taken {
                // Said again after as long.
                first_seen.insert(row.webhook_id, Instant::now());
                tracing::warn!(webhook_id = %WebhookId::new(row.webhook_id), %error, "a message waits");
            }
        }
    }
}

async fn take_in(context: &Context, vault: &Vault, row: &WebhookRow) -> Result<(), TakeError> {
    let (organization_id, webhook_id) = (OrganizationId::new(row.organization_id), WebhookId::new(row.webhook_id));
    let stream = StreamId::new(Webhook::CATEGORY, webhook_id);
    if context.ledger.load::<Webhook>(&stream).await?.state.processed {
        return Ok(());
    }
    let message = read(context, vault, row).await?;
    let outcome = tell(context, row, &message).await?;
    let meta = meta(caused(row, b"process"), organization_id, row.partition, clock::now());
    let command = WebhookCommand { organization_id, action: Action::Process { outcome } };
    if let Given::Denied(why) = give::<Webhook>(&context.ledger, stream.clone(), meta, command).await? {
        note_denied("webhook", &why, &stream);
    }
    Ok(())
}

/// The id of a command that a message causes.
fn caused(row: &WebhookRow, step: &[u8]) -> Uuid {
    ids::derive(&[b"webhook", row.webhook_id.as_bytes(), step])
}

/// Reads a message as it was stored.
async fn read(context: &Context, vault: &Vault, row: &WebhookRow) -> Result<Message, TakeError> {
    let unreadable = |why: &str| TakeError::Unreadable(why.to_owned());
    let organization_id = OrganizationId::new(row.organization_id);
    let connector_id = ConnectorId::new(row.connector_id);
    let (account, secrets) = collector::account(context, vault, organization_id, connector_id).await?;
    let made = account.created.ok_or_else(|| unreadable("there is no such connector"))?;
    let secrets = secrets.ok_or_else(|| unreadable("the vault has no secrets of the connector"))?;
    let secrets = secrets.map_err(|error| unreadable(&error.to_string()))?;
    let connector = payments::connector(made.kind, made.api_base.as_deref(), context.connector_hosts, &secrets);
    let connector = connector.map_err(|error| unreadable(&error.to_string()))?;
    let bodies = vault.get(organization_id, BODIES, &[WebhookId::new(row.webhook_id).to_string()]).await?;
    // Without it the provider was not told that the message has come, and sends it again.
    let (_, body) = bodies.first().ok_or_else(|| unreadable("the vault does not have it"))?;
    connector.read_webhook(body).map_err(|error| unreadable(&error.to_string()))
}

/// Tells the payment that it is about.
async fn tell(context: &Context, row: &WebhookRow, message: &Message) -> Result<Outcome, TakeError> {
    let organization_id = OrganizationId::new(row.organization_id);
    let Some(payment_id) = payment_of(context, organization_id, message).await? else { return Ok(Outcome::NotOurs) };
    let stream = StreamId::new(Payment::CATEGORY, payment_id);
    let payment = context.ledger.load::<Payment>(&stream).await?.state;
    let Some((created, _)) = &payment.created else { return Ok(Outcome::NotOurs) };
    if created.organization_id != organization_id || created.connector_id != Some(ConnectorId::new(row.connector_id)) {
        return Ok(Outcome::NotOurs);
    }
    let addressee = Addressee { organization_id, payment_id, currency: created.currency };
    let command = match intake::command(message, &addressee) {
        Ok(command) => command,
        Err(outcome) => return Ok(outcome),
    };
    let now = time_of(context, created.customer_id).await?;
    let meta = meta(caused(row, b"observe"), organization_id, row.partition, now);
    Ok(match give::<Payment>(&context.ledger, stream.clone(), meta, command).await? {
        Given::Done | Given::Before => Outcome::Applied,
        Given::Unchanged => Outcome::KnownAlready,
        Given::Denied(why) => {
            note_denied("observe", &why, &stream);
            Outcome::Refused
        }
    })
}

async fn payment_of(
    context: &Context,
    organization_id: OrganizationId,
    message: &Message,
) -> Result<Option<PaymentId>, TakeError> {
    if message.payment_id.is_some() {
        return Ok(message.payment_id);
    }
    let Some(provider_id) = &message.provider_payment_id else { return Ok(None) };
    let found = find::sources(&context.pool, organization_id, std::slice::from_ref(provider_id)).await?;
    let payment = found.iter().find(|source| source.refund_id.is_none());
    Ok(payment.map(|source| PaymentId::new(source.payment_id)))
}
