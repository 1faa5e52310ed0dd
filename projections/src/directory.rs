//! What there is, to be listed: customers, API keys, gateway keys, session keys.

use std::sync::Arc;

use async_trait::async_trait;
use domain::api_key::ApiKeyEvent;
use domain::customer::CustomerEvent;
use domain::evm::Bytes32;
use domain::gateway_key::{self, GatewayKeyEvent, KeyPayer};
use domain::ids::{CustomerId, OrganizationId, SessionKeyId};
use domain::session_key::SessionKeyEvent;
use domain::session_key::event::Granted;
use domain::{LedgerEvent, RecordedEvent, Timestamp};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Decoded, Projection, ProjectionError, stream_key};
use crate::session::{Life, whole};

/// The read model.
#[derive(Debug, Clone, Copy)]
pub struct Directory;

#[async_trait]
impl Projection for Directory {
    fn name(&self) -> &'static str {
        "directory"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["directory_customers", "directory_api_keys", "directory_session_keys", "directory_gateway_keys"]
    }

    fn concerns(&self, events: &[Arc<Decoded>]) -> bool {
        events.iter().filter_map(|decoded| decoded.event.as_ref().ok()).any(|event| match event {
            // Charges and holds change nothing here.
            LedgerEvent::Account(_) | LedgerEvent::ExactPayment(_) => false,
            LedgerEvent::SessionKey(event) => event.charge().is_none() && event.hold().is_none(),
            _ => true,
        })
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
        // Few events come here, so each is written as it comes.
        for decoded in events {
            let recorded = &decoded.recorded;
            match &decoded.event {
                Ok(LedgerEvent::Customer(CustomerEvent::Created(created))) => {
                    sqlx::query!(
                        "insert into directory_customers
                             (customer_id, organization_id, external_id, currency, created_at, position)
                         values ($1, $2, $3, $4, $5, $6)",
                        created.customer_id.uuid(),
                        created.organization_id.uuid(),
                        created.external_id,
                        created.currency.code(),
                        recorded.occurred_at,
                        recorded.position
                    )
                    .execute(&mut *connection)
                    .await?;
                }
                Ok(LedgerEvent::ApiKey(ApiKeyEvent::Created(created))) => {
                    sqlx::query!(
                        "insert into directory_api_keys (api_key_id, organization_id, name, prefix, created_at, position)
                         values ($1, $2, $3, $4, $5, $6)",
                        created.api_key_id.uuid(),
                        created.organization_id.uuid(),
                        created.name,
                        created.prefix,
                        recorded.occurred_at,
                        recorded.position
                    )
                    .execute(&mut *connection)
                    .await?;
                }
                Ok(LedgerEvent::ApiKey(ApiKeyEvent::Revoked(revoked))) => {
                    sqlx::query!(
                        "update directory_api_keys set revoked_at = $2, position = $3 where api_key_id = $1",
                        revoked.api_key_id.uuid(),
                        recorded.occurred_at,
                        recorded.position
                    )
                    .execute(&mut *connection)
                    .await?;
                }
                Ok(LedgerEvent::GatewayKey(GatewayKeyEvent::Created(created))) => {
                    insert_gateway_key(connection, recorded, created).await?;
                }
                Ok(LedgerEvent::GatewayKey(GatewayKeyEvent::Revoked(revoked))) => {
                    sqlx::query!(
                        "update directory_gateway_keys set revoked_at = $2, position = $3 where gateway_key_id = $1",
                        revoked.gateway_key_id.uuid(),
                        recorded.occurred_at,
                        recorded.position
                    )
                    .execute(&mut *connection)
                    .await?;
                }
                Ok(LedgerEvent::SessionKey(event)) => take_in_session_key(connection, recorded, event).await?,
                _ => {}
            }
        }
        Ok(())
    }
}

async fn insert_gateway_key(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    created: &gateway_key::Created,
) -> Result<(), ProjectionError> {
    let (customer_id, session_key_id) = match created.payer {
        KeyPayer::Customer { customer_id } => (Some(customer_id.uuid()), None),
        KeyPayer::SessionKey { session_key_id } => (None, Some(session_key_id.uuid())),
    };
    sqlx::query!(
        "insert into directory_gateway_keys (gateway_key_id, organization_id, customer_id, session_key_id, name, prefix,
             rate_requests, rate_per_secs, rate_burst, expires_at, created_at, position)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        created.gateway_key_id.uuid(),
        created.organization_id.uuid(),
        customer_id,
        session_key_id,
        created.name,
        created.prefix,
        created.rate.map(|rate| i64::from(rate.requests)),
        created.rate.map(|rate| i64::from(rate.per_secs)),
        created.rate.and_then(|rate| rate.burst).map(i64::from),
        created.expires_at,
        recorded.occurred_at,
        recorded.position
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn take_in_session_key(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &SessionKeyEvent,
) -> Result<(), ProjectionError> {
    if let SessionKeyEvent::Granted(granted) = event {
        return insert_session_key(connection, recorded, granted).await;
    }
    if let SessionKeyEvent::KeyRotated(rotated) = event {
        let id: SessionKeyId = stream_key(recorded)?;
        sqlx::query!(
            "update directory_session_keys set key = $2, position = $3 where session_key_id = $1",
            id.uuid(),
            rotated.key.to_string(),
            recorded.position
        )
        .execute(connection)
        .await?;
        return Ok(());
    }
    // Charges are many: they are left out before anything is read.
    if !Life::new().take_in(event) {
        return Ok(());
    }
    let id: SessionKeyId = stream_key(recorded)?;
    let kept = sqlx::query_as!(
        Life,
        "select status, registered, owner_freeze, organization_frozen from directory_session_keys where session_key_id = $1",
        id.uuid()
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(mut life) = kept else { return Ok(()) };
    life.take_in(event);
    sqlx::query!(
        "update directory_session_keys set status = $2, registered = $3, owner_freeze = $4, organization_frozen = $5,
             position = $6 where session_key_id = $1",
        id.uuid(),
        life.status,
        life.registered,
        life.owner_freeze,
        life.organization_frozen,
        recorded.position
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_session_key(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    granted: &Granted,
) -> Result<(), ProjectionError> {
    let (terms, life) = (&granted.terms, Life::new());
    sqlx::query!(
        "insert into directory_session_keys (session_key_id, organization_id, customer_id, owner, key, payee, session_id,
             chain_id, contract, custody, status, registered, organization_frozen, created_at, valid_until, position)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        granted.session_key_id.uuid(),
        granted.organization_id.uuid(),
        granted.customer_id.uuid(),
        terms.owner.to_string(),
        terms.key.to_string(),
        terms.payee.to_string(),
        terms.session_id.to_string(),
        whole(terms.chain_id),
        terms.contract.to_string(),
        terms.custody.name(),
        life.status,
        life.registered,
        life.organization_frozen,
        recorded.occurred_at,
        terms.valid_until,
        recorded.position
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A customer as it is listed.
#[derive(Debug, Clone)]
pub struct CustomerRow {
    /// Its id.
    pub customer_id: Uuid,
    /// The organization's own name for it.
    pub external_id: Option<String>,
    /// The currency of its account.
    pub currency: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Customers of an organization, newest first, before an id.
pub async fn customers(
    pool: &PgPool,
    organization_id: OrganizationId,
    external_id: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<CustomerRow>, sqlx::Error> {
    sqlx::query_as!(
        CustomerRow,
        "select customer_id, external_id, currency, created_at from directory_customers
         where organization_id = $1 and ($2::text is null or external_id = $2) and ($3::uuid is null or customer_id < $3)
         order by customer_id desc limit $4",
        organization_id.uuid(),
        external_id,
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// An API key as it is listed.
#[derive(Debug, Clone)]
pub struct ApiKeyRow {
    /// Its id.
    pub api_key_id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// The first characters of its secret.
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it opens nothing.
    pub revoked_at: Option<Timestamp>,
}

/// API keys of an organization, newest first, before an id.
pub async fn api_keys(
    pool: &PgPool,
    organization_id: OrganizationId,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ApiKeyRow>, sqlx::Error> {
    sqlx::query_as!(
        ApiKeyRow,
        "select api_key_id, name, prefix, created_at, revoked_at from directory_api_keys
         where organization_id = $1 and ($2::uuid is null or api_key_id < $2)
         order by api_key_id desc limit $3",
        organization_id.uuid(),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// A gateway key as it is listed.
#[derive(Debug, Clone)]
pub struct GatewayKeyRow {
    /// Its id.
    pub gateway_key_id: Uuid,
    /// Who pays, if it is a customer's account.
    pub customer_id: Option<Uuid>,
    /// Who pays, if it is a session key.
    pub session_key_id: Option<Uuid>,
    /// What its owner calls it.
    pub name: String,
    /// The first characters of the secret.
    pub prefix: String,
    /// How many requests it may make.
    pub rate_requests: Option<i64>,
    /// In so many seconds.
    pub rate_per_secs: Option<i64>,
    /// And so many at once.
    pub rate_burst: Option<i64>,
    /// From when on it opens nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
}

/// Gateway keys of an organization, newest first, before an id.
pub async fn gateway_keys(
    pool: &PgPool,
    organization_id: OrganizationId,
    customer_id: Option<CustomerId>,
    session_key_id: Option<SessionKeyId>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<GatewayKeyRow>, sqlx::Error> {
    sqlx::query_as!(
        GatewayKeyRow,
        "select gateway_key_id, customer_id, session_key_id, name, prefix, rate_requests, rate_per_secs, rate_burst,
             expires_at, created_at, revoked_at
         from directory_gateway_keys
         where organization_id = $1 and ($2::uuid is null or customer_id = $2)
           and ($3::uuid is null or session_key_id = $3) and ($4::uuid is null or gateway_key_id < $4)
         order by gateway_key_id desc limit $5",
        organization_id.uuid(),
        customer_id.map(CustomerId::uuid),
        session_key_id.map(SessionKeyId::uuid),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// A session key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionKeyRow {
    /// Its id.
    pub session_key_id: Uuid,
    /// Who pays with it.
    pub customer_id: Uuid,
    /// Whose money it is.
    pub owner: String,
    /// Who signs vouchers.
    pub key: String,
    /// Who is paid.
    pub payee: String,
    /// What the contract calls the session.
    pub session_id: String,
    /// EIP-155 id of the chain.
    pub chain_id: i64,
    /// The contract.
    pub contract: String,
    /// Who holds the key: `managed` or `self`.
    pub custody: String,
    /// Where it is in its life: see `domain::session_key::Status`.
    pub status: String,
    /// When it was drawn up.
    pub created_at: Timestamp,
    /// Usable until before here.
    pub valid_until: Timestamp,
}

/// Which session keys are listed; all that are not told apart by something.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionKeyFilter<'a> {
    /// Only of this customer.
    pub customer_id: Option<CustomerId>,
    /// Only in this status.
    pub status: Option<&'a str>,
    /// Only of this session on chain.
    pub session_id: Option<Bytes32>,
}

/// Session keys of an organization, newest first, before an id.
pub async fn session_keys(
    pool: &PgPool,
    organization_id: OrganizationId,
    filter: SessionKeyFilter<'_>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<SessionKeyRow>, sqlx::Error> {
    sqlx::query_as!(
        SessionKeyRow,
        "select session_key_id, customer_id, owner, key, payee, session_id, chain_id, contract, custody, status,
             created_at, valid_until
         from directory_session_keys
         where organization_id = $1 and ($2::uuid is null or customer_id = $2) and ($3::text is null or status = $3)
           and ($4::text is null or session_id = $4) and ($5::uuid is null or session_key_id < $5)
         order by session_key_id desc limit $6",
        organization_id.uuid(),
        filter.customer_id.map(CustomerId::uuid),
        filter.status,
        filter.session_id.map(|id| id.to_string()),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}
