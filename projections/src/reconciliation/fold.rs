//! Takes in what comparisons came to.

use domain::RecordedEvent;
use domain::reconciliation::{Closed, Compared, Found, Opened, ReconciliationEvent};
use sqlx::PgConnection;

use crate::projection::ProjectionError;
use crate::session::whole;

pub(super) async fn take_in(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    event: &ReconciliationEvent,
) -> Result<(), ProjectionError> {
    match event {
        ReconciliationEvent::Compared(compared) => take_in_compared(connection, recorded, compared).await,
        ReconciliationEvent::Opened(opened) => open(connection, recorded, opened).await,
        ReconciliationEvent::Changed(changed) => change(connection, recorded, changed).await,
        ReconciliationEvent::Closed(closed) => close(connection, recorded, closed).await,
        ReconciliationEvent::Requested(_) => request(connection, recorded).await,
    }
}

async fn take_in_compared(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    compared: &Compared,
) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into reconciliations (organization_id, partition, requested_at, compared_at, as_of_block, chain_id,
             contract, session_keys, payees, exact_payments, ledger_escrow, chain_escrow, ledger_claimed, chain_claimed,
             ledger_transferred, chain_transferred, ledger_exact, chain_exact, currency, not_opened, position)
         values ($1, $2, null, $3, $4, $5, $6, $7, $8, $9, trim_scale($10::numeric), trim_scale($11::numeric),
             trim_scale($12::numeric), trim_scale($13::numeric), trim_scale($14::numeric), trim_scale($15::numeric),
             trim_scale($16::numeric), trim_scale($17::numeric), $18, $19, $20)
         on conflict (organization_id) do update
         set requested_at = null, compared_at = excluded.compared_at, as_of_block = excluded.as_of_block,
             chain_id = excluded.chain_id, contract = excluded.contract, session_keys = excluded.session_keys,
             payees = excluded.payees, exact_payments = excluded.exact_payments,
             ledger_escrow = excluded.ledger_escrow, chain_escrow = excluded.chain_escrow,
             ledger_claimed = excluded.ledger_claimed, chain_claimed = excluded.chain_claimed,
             ledger_transferred = excluded.ledger_transferred, chain_transferred = excluded.chain_transferred,
             ledger_exact = excluded.ledger_exact, chain_exact = excluded.chain_exact, currency = excluded.currency,
             not_opened = excluded.not_opened, position = excluded.position",
        recorded.organization_id.uuid(),
        recorded.partition,
        recorded.occurred_at,
        whole(compared.as_of_block),
        whole(compared.chain_id),
        compared.contract.to_string(),
        whole(compared.session_keys),
        whole(compared.payees),
        whole(compared.exact_payments),
        compared.ledger_escrow.decimal(),
        compared.chain_escrow.decimal(),
        compared.ledger_claimed.decimal(),
        compared.chain_claimed.decimal(),
        compared.ledger_transferred.decimal(),
        compared.chain_transferred.decimal(),
        compared.ledger_exact.decimal(),
        compared.chain_exact.decimal(),
        compared.currency.code(),
        whole(compared.not_opened),
        recorded.position,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn request(connection: &mut PgConnection, recorded: &RecordedEvent) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into reconciliations (organization_id, partition, requested_at) values ($1, $2, $3)
         on conflict (organization_id) do update set requested_at = excluded.requested_at",
        recorded.organization_id.uuid(),
        recorded.partition,
        recorded.occurred_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Two lists of a difference as JSON: what differs, and why.
fn json(recorded: &RecordedEvent, found: &Found) -> Result<(String, String), ProjectionError> {
    let poison = |e: serde_json::Error| ProjectionError::Poison { position: recorded.position, reason: e.to_string() };
    Ok((serde_json::to_string(&found.subject).map_err(poison)?, serde_json::to_string(&found.causes).map_err(poison)?))
}

async fn open(connection: &mut PgConnection, recorded: &RecordedEvent, opened: &Opened) -> Result<(), ProjectionError> {
    let found = &opened.found;
    let (subject, causes) = json(recorded, found)?;
    sqlx::query!(
        "insert into reconciliation_differences (difference_id, organization_id, status, subject, ledger, chain, causes,
             amount, currency, as_of_block, times, opened_at, changed_at, position)
         values ($1, $2, 'open', $3, $4, $5, $6, trim_scale($7::numeric), $8, $9, 1, $10, $10, $11)
         on conflict (difference_id) do update
         set status = excluded.status, ledger = excluded.ledger, chain = excluded.chain, causes = excluded.causes,
             amount = excluded.amount, currency = excluded.currency, as_of_block = excluded.as_of_block,
             times = reconciliation_differences.times + 1, opened_at = excluded.opened_at,
             changed_at = excluded.changed_at, closed_at = null, closed_by = null, note = null,
             position = excluded.position",
        opened.difference_id.uuid(),
        recorded.organization_id.uuid(),
        subject,
        found.ledger,
        found.chain,
        causes,
        found.amount.map(|amount| amount.decimal()),
        found.currency.code(),
        whole(opened.as_of_block),
        recorded.occurred_at,
        recorded.position,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn change(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    changed: &Opened,
) -> Result<(), ProjectionError> {
    let found = &changed.found;
    let (_, causes) = json(recorded, found)?;
    sqlx::query!(
        "update reconciliation_differences
         set ledger = $2, chain = $3, causes = $4, amount = trim_scale($5::numeric), currency = $6, as_of_block = $7,
             changed_at = $8
         where difference_id = $1",
        changed.difference_id.uuid(),
        found.ledger,
        found.chain,
        causes,
        found.amount.map(|amount| amount.decimal()),
        found.currency.code(),
        whole(changed.as_of_block),
        recorded.occurred_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn close(
    connection: &mut PgConnection,
    recorded: &RecordedEvent,
    closed: &Closed,
) -> Result<(), ProjectionError> {
    // What a person has said stays when the chain has the last word.
    sqlx::query!(
        "update reconciliation_differences
         set status = $2, closed_at = $3, closed_by = $4, note = coalesce(nullif($5, ''), note)
         where difference_id = $1",
        closed.difference_id.uuid(),
        closed.resolution.name(),
        recorded.occurred_at,
        closed.by,
        closed.note,
    )
    .execute(connection)
    .await?;
    Ok(())
}
