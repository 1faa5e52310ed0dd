//! Subscriptions: every event says how the subscription stands after it.

use domain::RecordedEvent;
use domain::ids::SubscriptionId;
use domain::subscription::{After, SubscriptionEvent};
use sqlx::PgConnection;

use super::plans::{clock_of, whole};
use super::word;
use crate::projection::{ProjectionError, stream_key};

pub(super) async fn take_in(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &SubscriptionEvent,
) -> Result<(), ProjectionError> {
    let id: SubscriptionId = stream_key(recorded)?;
    if let SubscriptionEvent::Created(created) = event {
        let test_clock_id = clock_of(connection, created.customer_id).await?;
        let (start, end) = created.after.period.map(|period| (period.start, period.end)).unzip();
        sqlx::query!(
            "insert into billing_subscriptions (subscription_id, organization_id, partition, customer_id, test_clock_id,
                 plan_id, plan_code, plan_version, currency, status, quantity, period_start, period_end, trial_end,
                 auto_renew, cancel_at_period_end, next_due_at, open_bill, created_at, position)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
            id.uuid(),
            recorded.organization_id.uuid(),
            recorded.partition,
            created.customer_id.uuid(),
            test_clock_id,
            created.plan.plan_id.uuid(),
            created.plan.code.as_str(),
            whole(created.plan.version),
            created.currency.code(),
            word(created.after.status),
            created.after.quantity.decimal(),
            start,
            end,
            created.trial_end,
            created.after.auto_renew,
            created.after.cancel_at_period_end,
            created.after.next_due_at,
            created.after.open_bill.map(whole),
            recorded.occurred_at,
            recorded.position
        )
        .execute(connection)
        .await?;
        return Ok(());
    }
    let (after, ended_at) = after(event);
    // It may have been ended early.
    let trial_end = match event {
        SubscriptionEvent::Activated(activated) => Some(activated.at),
        _ => None,
    };
    let (start, end) = after.period.map(|period| (period.start, period.end)).unzip();
    let plan = event.plan();
    sqlx::query!(
        "update billing_subscriptions
         set status = $2, quantity = $3, period_start = $4, period_end = $5, auto_renew = $6,
             cancel_at_period_end = $7, next_due_at = $8, open_bill = $9, ended_at = coalesce($10, ended_at),
             plan_id = coalesce($11, plan_id), plan_code = coalesce($12, plan_code),
             plan_version = coalesce($13, plan_version), trial_end = coalesce($14, trial_end)
         where subscription_id = $1",
        id.uuid(),
        word(after.status),
        after.quantity.decimal(),
        start,
        end,
        after.auto_renew,
        after.cancel_at_period_end,
        after.next_due_at,
        after.open_bill.map(whole),
        ended_at,
        plan.map(|plan| plan.plan_id.uuid()),
        plan.map(|plan| plan.code.as_str()),
        plan.map(|plan| whole(plan.version)),
        trial_end
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn after(event: &SubscriptionEvent) -> (&After, Option<domain::Timestamp>) {
    match event {
        SubscriptionEvent::Cancelled(ended) | SubscriptionEvent::Expired(ended) => (&ended.after, Some(ended.at)),
        other => (other.after(), None),
    }
}
