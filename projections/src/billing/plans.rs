//! Plans, test clocks with their customers, connectors.

use domain::RecordedEvent;
use domain::connector::ConnectorEvent;
use domain::ids::{CustomerId, PlanId, TestClockId};
use domain::plan::PlanEvent;
use domain::test_clock::TestClockEvent;
use sqlx::PgConnection;
use uuid::Uuid;

use super::word;
use crate::projection::{ProjectionError, stream_key};

pub(super) async fn take_in(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &PlanEvent,
) -> Result<(), ProjectionError> {
    let plan_id: PlanId = stream_key(recorded)?;
    match event {
        PlanEvent::Created(created) => {
            sqlx::query!(
                "insert into billing_plans (plan_id, organization_id, code, name, version, created_at, position)
                 values ($1, $2, $3, $4, 1, $5, $6)",
                plan_id.uuid(),
                recorded.organization_id.uuid(),
                created.code.as_str(),
                created.terms.name,
                recorded.occurred_at,
                recorded.position
            )
            .execute(connection)
            .await?;
        }
        PlanEvent::Drafted(drafted) => {
            sqlx::query!(
                "update billing_plans set version = $2, name = $3 where plan_id = $1",
                plan_id.uuid(),
                whole(drafted.version),
                drafted.terms.name
            )
            .execute(connection)
            .await?;
        }
        PlanEvent::Published(published) => {
            sqlx::query!(
                "update billing_plans set published_version = $2 where plan_id = $1",
                plan_id.uuid(),
                whole(published.version)
            )
            .execute(connection)
            .await?;
        }
        PlanEvent::Retired(_) => {
            sqlx::query!(
                "update billing_plans set retired_at = $2 where plan_id = $1",
                plan_id.uuid(),
                recorded.occurred_at
            )
            .execute(connection)
            .await?;
        }
    }
    Ok(())
}

/// A version or a count as the database keeps it.
pub(super) fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) async fn take_in_clock(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &TestClockEvent,
) -> Result<(), ProjectionError> {
    let id: TestClockId = stream_key(recorded)?;
    match event {
        TestClockEvent::Created(created) => {
            sqlx::query!(
                "insert into billing_test_clocks (test_clock_id, organization_id, partition, name, now_at, created_at,
                     position)
                 values ($1, $2, $3, $4, $5, $6, $7)",
                id.uuid(),
                recorded.organization_id.uuid(),
                recorded.partition,
                created.name,
                created.now,
                recorded.recorded_at,
                recorded.position
            )
            .execute(connection)
            .await?;
        }
        TestClockEvent::Advanced(advanced) => {
            sqlx::query!("update billing_test_clocks set target = $2 where test_clock_id = $1", id.uuid(), advanced.to)
                .execute(connection)
                .await?;
        }
        TestClockEvent::Reached(reached) => {
            sqlx::query!("update billing_test_clocks set now_at = $2 where test_clock_id = $1", id.uuid(), reached.now)
                .execute(connection)
                .await?;
        }
        TestClockEvent::Arrived(arrived) => {
            sqlx::query!(
                "update billing_test_clocks set now_at = $2, target = null where test_clock_id = $1",
                id.uuid(),
                arrived.now
            )
            .execute(connection)
            .await?;
        }
    }
    Ok(())
}

pub(super) async fn attach(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    customer_id: CustomerId,
    test_clock_id: TestClockId,
) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into billing_clock_customers (customer_id, organization_id, partition, test_clock_id)
         values ($1, $2, $3, $4)",
        customer_id.uuid(),
        recorded.organization_id.uuid(),
        recorded.partition,
        test_clock_id.uuid()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The test clock that a customer is on.
pub(super) async fn clock_of(
    connection: &mut PgConnection,
    customer_id: CustomerId,
) -> Result<Option<Uuid>, ProjectionError> {
    let found = sqlx::query_scalar!(
        "select test_clock_id from billing_clock_customers where customer_id = $1",
        customer_id.uuid()
    )
    .fetch_optional(connection)
    .await?;
    Ok(found)
}

pub(super) async fn take_in_connector(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &ConnectorEvent,
) -> Result<(), ProjectionError> {
    match event {
        ConnectorEvent::Created(created) => {
            sqlx::query!(
                "insert into billing_connectors (connector_id, organization_id, kind, name, api_base, created_at,
                     position)
                 values ($1, $2, $3, $4, $5, $6, $7)",
                created.connector_id.uuid(),
                recorded.organization_id.uuid(),
                word(created.kind),
                created.name,
                created.api_base,
                recorded.occurred_at,
                recorded.position
            )
            .execute(connection)
            .await?;
        }
        ConnectorEvent::Removed(removed) => {
            sqlx::query!(
                "update billing_connectors set removed_at = $2 where connector_id = $1",
                removed.connector_id.uuid(),
                recorded.occurred_at
            )
            .execute(connection)
            .await?;
        }
        ConnectorEvent::SecretsReplaced(_) => {}
    }
    Ok(())
}
