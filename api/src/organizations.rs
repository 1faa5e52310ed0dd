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
use uuid::Uuid;

use crate::auth::SECRET_PREFIX;

/// How many characters of a secret are shown to tell keys apart.
const PREFIX_LEN: usize = 9;

/// A new secret: a prefix and 256 random bits.
pub fn new_secret() -> Result<String, StoreError> {
    let mut bits = [0u8; 32];
    getrandom::fill(&mut bits).map_err(|e| StoreError::Unavailable(format!("no random numbers: {e}")))?;
    Ok(format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(bits)))
}

/// What is stored of a key with this secret.
pub fn key_of(keys: &Keys, organization_id: OrganizationId, name: &str, secret: &str) -> Created {
    Created {
        api_key_id: ApiKeyId::new(Uuid::now_v7()),
        organization_id,
        name: name.to_owned(),
        prefix: secret.chars().take(PREFIX_LEN).collect(),
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
