//! Answers of the gateway that are kept for a while, so that a request that is sent again finds them.
//!
//! They may hold whatever an upstream says to its customer, so they are sealed as everything in the vault is.
//! Unlike that they go away by themselves, and a later one for the same payment replaces an earlier one.

use domain::Timestamp;
use domain::ids::OrganizationId;
use sqlx::PgPool;
use uuid::Uuid;

use crate::StoreError;
use crate::vault::Keys;

/// What they are sealed as.
const KIND: &str = "gateway_answer";

/// The kept answers.
#[derive(Debug, Clone)]
pub struct Answers {
    pool: PgPool,
    keys: Keys,
}

impl Answers {
    /// On this pool, sealed with these keys.
    pub const fn new(pool: PgPool, keys: Keys) -> Self {
        Self { pool, keys }
    }

    /// Keeps an answer until then.
    pub async fn keep(
        &self,
        organization_id: OrganizationId,
        answer_id: Uuid,
        expires_at: Timestamp,
        plain: &[u8],
    ) -> Result<(), StoreError> {
        let sealed = self
            .keys
            .seal(organization_id, KIND, &answer_id.to_string(), plain)
            .map_err(|e| StoreError::Corrupt(e.to_string()))?;
        sqlx::query!(
            "insert into gateway_answers (answer_id, organization_id, expires_at, sealed) values ($1, $2, $3, $4)
             on conflict (answer_id) do update set expires_at = excluded.expires_at, sealed = excluded.sealed
             where gateway_answers.organization_id = excluded.organization_id",
            answer_id,
            organization_id.uuid(),
            expires_at,
            sealed
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// An answer, while it is kept.
    pub async fn find(
        &self,
        organization_id: OrganizationId,
        answer_id: Uuid,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query!(
            "select sealed from gateway_answers where answer_id = $1 and organization_id = $2 and expires_at > $3",
            answer_id,
            organization_id.uuid(),
            now
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let plain = self.keys.open(organization_id, KIND, &answer_id.to_string(), &row.sealed);
        plain.map(Some).map_err(|e| StoreError::Corrupt(e.to_string()))
    }
}

/// Deletes what has been kept for long enough, at most so many; gives back how many.
pub async fn delete_expired(pool: &PgPool, now: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        "delete from gateway_answers where answer_id in (
             select answer_id from gateway_answers where expires_at <= $1 order by expires_at limit $2
         )",
        now,
        limit
    )
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected())
}
