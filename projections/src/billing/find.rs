//! What providers' ids stand for. Only hints: the aggregates decide.

use domain::ids::OrganizationId;
use sqlx::PgPool;
use uuid::Uuid;

/// A payment, or a refund of one, by the provider's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The provider's id.
    pub provider_id: String,
    /// The payment.
    pub payment_id: Uuid,
    /// The refund, if it is one.
    pub refund_id: Option<Uuid>,
}

/// The payments and refunds of an organization with these ids of a provider. A payment by hand has a reference in its
/// place, which may be anything: it is none of them.
pub async fn sources(
    pool: &PgPool,
    organization_id: OrganizationId,
    provider_ids: &[String],
) -> Result<Vec<Source>, sqlx::Error> {
    sqlx::query_as!(
        Source,
        r#"select provider_id as "provider_id!", payment_id as "payment_id!", null::uuid as refund_id
           from billing_payments
           where organization_id = $1 and provider_id = any($2) and connector_id is not null
           union all
           select provider_id, payment_id, refund_id
           from billing_refunds where organization_id = $1 and provider_id = any($2)"#,
        organization_id.uuid(),
        provider_ids
    )
    .fetch_all(pool)
    .await
}
