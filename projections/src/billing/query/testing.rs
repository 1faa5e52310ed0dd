//! Test clocks.

use domain::Timestamp;
use domain::ids::OrganizationId;
use sqlx::PgPool;
use uuid::Uuid;

/// A test clock.
#[derive(Debug, Clone, PartialEq)]
pub struct TestClockRow {
    /// Its id.
    pub test_clock_id: Uuid,
    /// What it is called.
    pub name: String,
    /// What it shows.
    pub now_at: Timestamp,
    /// What it is on its way to.
    pub target: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Of its first event: the cursor.
    pub position: i64,
}

/// Those of an organization, newest first, before a position.
pub async fn test_clocks(
    pool: &PgPool,
    organization_id: OrganizationId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<TestClockRow>, sqlx::Error> {
    sqlx::query_as!(
        TestClockRow,
        "select test_clock_id, name, now_at, target, created_at, position from billing_test_clocks where
         organization_id = $1 and ($2::bigint is null or position < $2) order by position desc limit $3",
        organization_id.uuid(),
        before,
        limit
    )
    .fetch_all(pool)
    .await
}
