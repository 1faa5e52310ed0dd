//! Making organizations and their keys: from the command line, not over HTTP.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::api_key::{ApiKey, ApiKeyCommand, Created};
use domain::evm::Address;
use domain::ids::{self, ApiKeyId, OrganizationId};
use domain::money::Currency;
use domain::organization::{INDEX_ORGANIZATION, Organization, OrganizationCommand};
use domain::{Aggregate, StreamId};
use eventstore::vault::Keys;
use eventstore::{CommandMeta, ExecuteError, Ledger, StoreError, clock};
use sqlx::PgPool;
use uuid::Uuid;

use crate::auth::SECRET_PREFIX;

/// How many characters of a secret after what all begin with are shown to tell keys apart.
const SHOWN_LEN: usize = 6;

/// A new secret of an API key.
pub fn new_secret() -> Result<String, StoreError> {
    secret_with(SECRET_PREFIX)
}

/// A new secret: what it begins with, and 256 random bits.
pub fn secret_with(prefix: &str) -> Result<String, StoreError> {
    let mut bits = [0u8; 32];
    getrandom::fill(&mut bits).map_err(|e| StoreError::Unavailable(format!("no random numbers: {e}")))?;
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bits)))
}

/// What is shown of a secret that begins with this.
pub fn shown(secret: &str, prefix: &str) -> String {
    secret.chars().take(prefix.len() + SHOWN_LEN).collect()
}

/// What is stored of a key with this secret.
pub fn key_of(keys: &Keys, organization_id: OrganizationId, name: &str, secret: &str) -> Created {
    Created {
        api_key_id: ApiKeyId::new(Uuid::now_v7()),
        organization_id,
        name: name.to_owned(),
        prefix: shown(secret, SECRET_PREFIX),
        secret_hash: keys.api_key_hash(secret),
    }
}

fn meta(organization_id: OrganizationId, partition: i32, command_id: Uuid) -> CommandMeta {
    CommandMeta {
        command_id,
        organization_id,
        partition,
        actor: "system:operator".to_owned(),
        request_digest: [0; 32],
        causation_id: command_id,
        correlation_id: command_id,
        now: clock::now(),
    }
}

/// The organization of this id, made if there is none; gives back its partition. A tenant lives
/// wholly in one partition: the one its id falls to.
pub async fn ensure_organization(
    ledger: &Ledger,
    id: OrganizationId,
    name: &str,
    currency: Currency,
) -> Result<i32, ExecuteError> {
    if let Some(found) = ledger.log().lookup(INDEX_ORGANIZATION, id.uuid().as_bytes()).await? {
        return Ok(found.partition);
    }
    let partitions: Vec<i32> = ledger.partitions().collect();
    let slot = (id.uuid().as_u128() % partitions.len().max(1) as u128) as usize;
    let partition = partitions.get(slot).copied().unwrap_or(0);
    let command = OrganizationCommand::Create { id, name: name.to_owned(), default_currency: currency };
    let command_id = ids::derive(&[b"create organization", id.uuid().as_bytes()]);
    let stream = StreamId::new(Organization::CATEGORY, id);
    // Denied can only mean that another process was faster: then it is there, as it should be.
    let _ = ledger.execute::<Organization>(stream, meta(id, partition, command_id), command).await?;
    Ok(partition)
}

/// The organization that was made first, with its partition; `None` while there is none.
pub async fn first(pool: &PgPool) -> Result<Option<(OrganizationId, i32)>, sqlx::Error> {
    let row = sqlx::query!(
        "select e.organization_id, e.partition from stream_index i
         join events e on e.stream_id = i.stream_id and e.version = 1
         where i.kind = $1 order by e.recorded_at, e.organization_id limit 1",
        INDEX_ORGANIZATION
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| (OrganizationId::new(row.organization_id), row.partition)))
}

/// A new API key of an organization; gives back its secret, which is nowhere else.
pub async fn create_api_key(
    ledger: &Ledger,
    keys: &Keys,
    organization_id: OrganizationId,
    partition: i32,
    name: &str,
) -> Result<String, ExecuteError> {
    let secret = new_secret()?;
    let created = key_of(keys, organization_id, name, &secret);
    let stream = StreamId::new(ApiKey::CATEGORY, created.api_key_id);
    let done = ledger
        .execute::<ApiKey>(stream, meta(organization_id, partition, Uuid::now_v7()), ApiKeyCommand::Create(created))
        .await?;
    done.map_err(|denied| StoreError::Corrupt(denied.to_string()))?;
    Ok(secret)
}

/// Says where an organization's settlements are paid to, when nobody has said so yet.
pub async fn ensure_payee(
    ledger: &Ledger,
    id: OrganizationId,
    partition: i32,
    payee: Address,
) -> Result<(), ExecuteError> {
    let stream = StreamId::new(Organization::CATEGORY, id);
    if ledger.load::<Organization>(&stream).await?.state.payee.is_some() {
        return Ok(());
    }
    let command_id = ids::derive(&[b"first payee", id.uuid().as_bytes()]);
    let command = OrganizationCommand::SetPayee { payee };
    let done = ledger.execute::<Organization>(stream, meta(id, partition, command_id), command).await?;
    done.map(|_| ()).map_err(|denied| StoreError::Corrupt(denied.to_string()).into())
}
