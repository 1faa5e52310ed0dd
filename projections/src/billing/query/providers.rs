//! Connectors, and what providers have said.

use domain::Timestamp;
use domain::ids::OrganizationId;
use sqlx::PgPool;
use uuid::Uuid;

/// A connector.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectorRow {
    /// Its id.
    pub connector_id: Uuid,
    /// Which provider.
    pub kind: String,
    /// What it is called.
    pub name: String,
    /// Where the provider's API is.
    pub api_base: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// Of its first event: the cursor.
    pub position: i64,
}

/// Those of an organization, newest first, before a position.
pub async fn connectors(
    pool: &PgPool,
    organization_id: OrganizationId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ConnectorRow>, sqlx::Error> {
    sqlx::query_as!(
        ConnectorRow,
        "select connector_id, kind, name, api_base, created_at, removed_at, position from billing_connectors
         where organization_id = $1 and ($2::bigint is null or position < $2) order by position desc limit $3",
        organization_id.uuid(),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// A provider's message.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookRow {
    /// Its id.
    pub webhook_id: Uuid,
    /// From whom.
    pub connector_id: Uuid,
    /// The provider's id for it.
    pub provider_event_id: String,
    /// The provider's type.
    pub provider_type: String,
    /// The payment that it is about.
    pub payment_id: Option<Uuid>,
    /// When the provider made it.
    pub created_at: Timestamp,
    /// When it came.
    pub received_at: Timestamp,
    /// What came of it.
    pub outcome: Option<String>,
    /// Of its first event: the cursor.
    pub position: i64,
}

/// Those of an organization, or about a payment of it, newest first, before a position.
pub async fn webhooks(
    pool: &PgPool,
    organization_id: OrganizationId,
    connector_id: Option<Uuid>,
    payment_id: Option<Uuid>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<WebhookRow>, sqlx::Error> {
    if let Some(payment_id) = payment_id {
        return sqlx::query_as!(
            WebhookRow,
            "select webhook_id, connector_id, provider_event_id, provider_type, payment_id, created_at, received_at,
                 outcome, position
             from billing_webhooks
             where payment_id = $1 and organization_id = $2 and ($3::uuid is null or connector_id = $3)
                 and ($4::bigint is null or position < $4)
             order by position desc limit $5",
            payment_id,
            organization_id.uuid(),
            connector_id,
            before,
            limit
        )
        .fetch_all(pool)
        .await;
    }
    sqlx::query_as!(
        WebhookRow,
        "select webhook_id, connector_id, provider_event_id, provider_type, payment_id, created_at, received_at,
             outcome, position
         from billing_webhooks
         where organization_id = $1 and ($2::uuid is null or connector_id = $2)
             and ($3::bigint is null or position < $3)
         order by position desc limit $4",
        organization_id.uuid(),
        connector_id,
        before,
        limit
    )
    .fetch_all(pool)
    .await
}
