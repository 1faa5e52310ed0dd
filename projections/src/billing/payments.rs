//! Payments, refunds, providers' messages and payout files.

use domain::RecordedEvent;
use domain::ids::{PaymentId, PayoutId, WebhookId};
use domain::payment::event::{Created, RefundRequested, RefundUpdated};
use domain::payment::{PaymentEvent, RefundStatus};
use domain::payout::{LineState, PayoutEvent};
use domain::webhook::WebhookEvent;
use sqlx::PgConnection;

use super::plans::clock_of;
use super::word;
use crate::projection::{ProjectionError, stream_key};

pub(super) async fn take_in(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &PaymentEvent,
) -> Result<(), ProjectionError> {
    let id: PaymentId = stream_key(recorded)?;
    match event {
        PaymentEvent::Created(created) => return insert(connection, recorded, id, created).await,
        PaymentEvent::RefundRequested(requested) => insert_refund(connection, recorded, id, requested).await?,
        PaymentEvent::RefundUpdated(updated) => update_refund(connection, updated).await?,
        PaymentEvent::PaidOut(paid_out) if paid_out.is_of_payment() => {
            sqlx::query!("update billing_payments set paid_out = true where payment_id = $1", id.uuid())
                .execute(&mut *connection)
                .await?;
        }
        _ => {}
    }
    let provider_id = match event {
        PaymentEvent::Processing(seen)
        | PaymentEvent::ActionRequired(seen)
        | PaymentEvent::Authorized(seen)
        | PaymentEvent::Cancelled(seen) => seen.provider_id.as_deref(),
        PaymentEvent::Succeeded(succeeded) => succeeded.provider_id.as_deref(),
        PaymentEvent::Failed(failed) => failed.provider_id.as_deref(),
        _ => None,
    };
    let failure = match event {
        PaymentEvent::Failed(failed) => Some(failed.code.as_str()),
        _ => None,
    };
    let after = event.after();
    // By the wall clock: it is about the provider, who knows nothing of test clocks. What is still asked for may have
    // been asked for all the while; what waits has just been heard of.
    let asking_now = after.is_asking.then_some(recorded.recorded_at);
    let waiting_since = after.is_waiting.then_some(recorded.recorded_at);
    sqlx::query!(
        "update billing_payments
         set status = $2, captured = $3, refunded = $4, is_asking = $5, provider_id = coalesce($6, provider_id),
             failure_code = coalesce($7, failure_code), asking_since = case when $5 then coalesce(asking_since, $8) end,
             waiting_since = $9
         where payment_id = $1",
        id.uuid(),
        word(after.status),
        after.captured.decimal(),
        after.refunded.decimal(),
        after.is_asking,
        provider_id,
        failure,
        asking_now,
        waiting_since
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    id: PaymentId,
    created: &Created,
) -> Result<(), ProjectionError> {
    let test_clock_id = clock_of(connection, created.customer_id).await?;
    sqlx::query!(
        "insert into billing_payments (payment_id, organization_id, partition, customer_id, test_clock_id, invoice_id,
             connector_id, currency, status, amount, captured, refunded, is_asking, created_at, position, asking_since,
             made_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        id.uuid(),
        recorded.organization_id.uuid(),
        recorded.partition,
        created.customer_id.uuid(),
        test_clock_id,
        created.invoice_id.map(|id| id.uuid()),
        created.connector_id.map(|id| id.uuid()),
        created.currency.code(),
        word(created.after.status),
        created.amount.decimal(),
        created.after.captured.decimal(),
        created.after.refunded.decimal(),
        created.after.is_asking,
        recorded.occurred_at,
        recorded.position,
        created.after.is_asking.then_some(recorded.recorded_at),
        recorded.recorded_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_refund(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    id: PaymentId,
    requested: &RefundRequested,
) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into billing_refunds (refund_id, organization_id, customer_id, payment_id, currency, status, amount,
             created_at, position)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        requested.refund_id.uuid(),
        recorded.organization_id.uuid(),
        requested.customer_id.uuid(),
        id.uuid(),
        requested.currency.code(),
        word(RefundStatus::Pending),
        requested.amount.decimal(),
        recorded.occurred_at,
        recorded.position
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn update_refund(connection: &mut PgConnection, updated: &RefundUpdated) -> Result<(), ProjectionError> {
    sqlx::query!(
        "update billing_refunds set status = $2, provider_id = coalesce($3, provider_id) where refund_id = $1",
        updated.refund_id.uuid(),
        word(updated.status),
        updated.provider_id.as_deref()
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn take_in_webhook(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &WebhookEvent,
) -> Result<(), ProjectionError> {
    let id: WebhookId = stream_key(recorded)?;
    match event {
        WebhookEvent::Received(received) => {
            sqlx::query!(
                "insert into billing_webhooks (webhook_id, organization_id, partition, connector_id, provider_event_id,
                     provider_type, payment_id, created_at, received_at, position)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                id.uuid(),
                recorded.organization_id.uuid(),
                recorded.partition,
                received.connector_id.uuid(),
                received.provider_event_id,
                received.provider_type,
                received.payment_id.map(|id| id.uuid()),
                received.created_at,
                recorded.recorded_at,
                recorded.position
            )
            .execute(connection)
            .await?;
        }
        WebhookEvent::Processed(processed) => {
            sqlx::query!(
                "update billing_webhooks set outcome = $2 where webhook_id = $1",
                id.uuid(),
                word(processed.outcome)
            )
            .execute(connection)
            .await?;
        }
    }
    Ok(())
}

pub(super) async fn take_in_payout(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &PayoutEvent,
) -> Result<(), ProjectionError> {
    let id: PayoutId = stream_key(recorded)?;
    match event {
        PayoutEvent::Imported(imported) => {
            let count = |wanted: fn(&LineState) -> bool| {
                let lines = imported.lines.iter().filter(|(_, state)| wanted(state)).count();
                i32::try_from(lines).unwrap_or(i32::MAX)
            };
            sqlx::query!(
                "insert into billing_payouts (payout_id, organization_id, connector_id, paid_out_at, lines, matched,
                     open, closed, imported_at, position)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                id.uuid(),
                recorded.organization_id.uuid(),
                imported.connector_id.uuid(),
                imported.paid_out_at,
                count(|_| true),
                count(|state| matches!(state, LineState::Matched { .. })),
                count(|state| matches!(state, LineState::Open { .. })),
                count(|state| matches!(state, LineState::Closed { .. })),
                recorded.occurred_at,
                recorded.position
            )
            .execute(connection)
            .await?;
        }
        PayoutEvent::LineClosed(_) => {
            sqlx::query!(
                "update billing_payouts set open = open - 1, closed = closed + 1 where payout_id = $1",
                id.uuid()
            )
            .execute(connection)
            .await?;
        }
    }
    Ok(())
}
