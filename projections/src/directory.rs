//! What there is, to be listed: customers and API keys.

use std::sync::Arc;

use async_trait::async_trait;
use domain::api_key::ApiKeyEvent;
use domain::customer::CustomerEvent;
use domain::ids::OrganizationId;
use domain::{LedgerEvent, Timestamp};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Decoded, Projection, ProjectionError};

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
        &["directory_customers", "directory_api_keys"]
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
                _ => {}
            }
        }
        Ok(())
    }
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
