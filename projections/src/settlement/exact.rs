//! Exact payments: which there are, and which of them are to be sent.

use std::collections::HashMap;
use std::sync::Arc;

use domain::exact_payment::{ExactPaymentEvent, Status};
use domain::ids::{ExactPaymentId, OrganizationId};
use domain::{LedgerEvent, RecordedEvent};
use eventstore::StoreError;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Decoded, ProjectionError, column, stream_key};
use crate::session::whole;

/// An exact payment as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactPaymentRow {
    /// Its id.
    pub exact_payment_id: Uuid,
    /// Who is paid.
    pub organization_id: Uuid,
    /// Where its stream lives.
    pub partition: i32,
    /// EIP-155 id of the chain.
    pub chain_id: i64,
    /// The token.
    pub token: String,
    /// Who pays.
    pub payer: String,
    /// Where it is: see `domain::exact_payment::Status`.
    pub status: String,
    /// Position of its first event in the log.
    pub position: i64,
}

/// Exact payments of an organization, newest first, before the one with this id.
pub async fn exact_payments(
    pool: &PgPool,
    organization_id: OrganizationId,
    status: Option<&str>,
    payer: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ExactPaymentRow>, sqlx::Error> {
    sqlx::query_as!(
        ExactPaymentRow,
        "select exact_payment_id, organization_id, partition, chain_id, token, payer, status, position
         from exact_payments
         where organization_id = $1 and ($2::text is null or status = $2) and ($3::text is null or payer = $3)
           and ($4::uuid is null or position < (select b.position from exact_payments b where b.exact_payment_id = $4))
         order by position desc limit $5",
        organization_id.uuid(),
        status,
        payer,
        before,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Exact payments on a chain that are to be sent or are on their way, oldest first; also those that are in a block and
/// not yet there for good, when these are wanted.
pub async fn submitted_exact_payments(
    pool: &PgPool,
    chain_id: i64,
    token: &str,
    with_settled: bool,
    limit: i64,
) -> Result<Vec<ExactPaymentRow>, StoreError> {
    let mut statuses = vec![Status::Settling.name().to_owned()];
    statuses.extend(with_settled.then(|| Status::Settled.name().to_owned()));
    Ok(sqlx::query_as!(
        ExactPaymentRow,
        "select exact_payment_id, organization_id, partition, chain_id, token, payer, status, position
         from exact_payments
         where chain_id = $1 and token = $2 and status in ('settling', 'settled') and status = any($3)
         order by position limit $4",
        chain_id,
        token,
        &statuses,
        limit
    )
    .fetch_all(pool)
    .await?)
}

/// What a batch comes to.
#[derive(Default)]
struct Changes {
    /// Accepted, for the first time or again.
    accepted: HashMap<Uuid, ExactPaymentRow>,
    /// The last status of those that were there before.
    moved: HashMap<Uuid, Status>,
}

impl Changes {
    fn take_in(&mut self, id: Uuid, recorded: &RecordedEvent, event: &ExactPaymentEvent) {
        let Some(status) = event.status() else { return };
        if let Some(row) = self.accepted.get_mut(&id) {
            status.name().clone_into(&mut row.status);
        } else if let ExactPaymentEvent::Accepted(accepted) = event {
            self.moved.remove(&id);
            let row = ExactPaymentRow {
                exact_payment_id: id,
                organization_id: recorded.organization_id.uuid(),
                partition: recorded.partition,
                chain_id: whole(accepted.chain_id),
                token: accepted.token.to_string(),
                payer: accepted.from.to_string(),
                status: status.name().to_owned(),
                position: recorded.position,
            };
            self.accepted.insert(id, row);
        } else {
            self.moved.insert(id, status);
        }
    }
}

/// Takes in what was accepted and what became of it.
pub(super) async fn apply(connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
    let mut changes = Changes::default();
    for decoded in events {
        if let Ok(LedgerEvent::ExactPayment(event)) = &decoded.event {
            let id: ExactPaymentId = stream_key(&decoded.recorded)?;
            changes.take_in(id.uuid(), &decoded.recorded, event);
        }
    }
    let Changes { accepted, moved } = changes;
    if !accepted.is_empty() {
        write(connection, &accepted.into_values().collect::<Vec<_>>()).await?;
    }
    if !moved.is_empty() {
        let moved: Vec<_> = moved.into_iter().collect();
        sqlx::query!(
            "update exact_payments p set status = u.status from unnest($1::uuid[], $2::text[]) as u (id, status)
             where p.exact_payment_id = u.id",
            &column(&moved, |(id, _)| *id),
            &column(&moved, |(_, status)| status.name().to_owned())
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

async fn write(connection: &mut PgConnection, rows: &[ExactPaymentRow]) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into exact_payments (exact_payment_id, organization_id, partition, chain_id, token, payer, status, position)
         select * from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[], $5::text[], $6::text[], $7::text[],
             $8::bigint[])
         on conflict (exact_payment_id) do update set status = excluded.status",
        &column(rows, |row| row.exact_payment_id),
        &column(rows, |row| row.organization_id),
        &column(rows, |row| row.partition),
        &column(rows, |row| row.chain_id),
        &column(rows, |row| row.token.clone()),
        &column(rows, |row| row.payer.clone()),
        &column(rows, |row| row.status.clone()),
        &column(rows, |row| row.position),
    )
    .execute(connection)
    .await?;
    Ok(())
}
