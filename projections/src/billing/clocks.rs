//! Test clocks and who lives in their time: for whoever keeps that in memory and goes on from the log.

use domain::Timestamp;
use sqlx::PgPool;
use uuid::Uuid;

/// A test clock and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Which.
    pub test_clock_id: Uuid,
    /// What it shows.
    pub now: Timestamp,
}

/// A customer on a test clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Who.
    pub customer_id: Uuid,
    /// On which.
    pub test_clock_id: Uuid,
}

/// All test clocks of a partition.
pub async fn shown(pool: &PgPool, partition: i32) -> Result<Vec<Shown>, sqlx::Error> {
    sqlx::query_as!(
        Shown,
        "select test_clock_id, now_at as now from billing_test_clocks where partition = $1",
        partition
    )
    .fetch_all(pool)
    .await
}

/// All customers of a partition that are on one.
pub async fn attached(pool: &PgPool, partition: i32) -> Result<Vec<Attached>, sqlx::Error> {
    sqlx::query_as!(
        Attached,
        "select customer_id, test_clock_id from billing_clock_customers where partition = $1",
        partition
    )
    .fetch_all(pool)
    .await
}
