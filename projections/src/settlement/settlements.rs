//! The settlements of the read model and their claims: from plan to finality.

use std::collections::HashMap;
use std::sync::Arc;

use domain::ids::SettlementId;
use domain::settlement::{Opened, Planned, SettlementEvent, SkippedClaim, Status};
use domain::{LedgerEvent, RecordedEvent, Timestamp};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::projection::{Decoded, ProjectionError, column, stream_key};
use crate::session::whole;

struct Settlement {
    settlement_id: Uuid,
    organization_id: Uuid,
    partition: i32,
    chain_id: i64,
    contract: String,
    token: String,
    payee: String,
    currency: String,
    cause: String,
    status: String,
    claims: i32,
    total: Decimal,
    transferred: Option<Decimal>,
    settled: Option<i32>,
    skipped: Option<i32>,
    tx_hash: Option<String>,
    block_number: Option<i64>,
    gas_used: Option<i64>,
    opened_at: Timestamp,
    finalized_at: Option<Timestamp>,
    attempts: i32,
    last_reason: Option<String>,
    retry_at: Option<Timestamp>,
    position: i64,
}

struct Claim {
    settlement_id: Uuid,
    session_key_id: Uuid,
    customer_id: Uuid,
    session_id: String,
    amount: Decimal,
    total_claimed: Decimal,
    charges: i64,
    first_position: i64,
    last_position: i64,
    outcome: Option<String>,
}

/// What a batch adds to the claims: new ones, and settlements of earlier batches that became final.
#[derive(Default)]
struct Claims {
    planned: HashMap<Uuid, Vec<Claim>>,
    finalized: Vec<(Uuid, Vec<SkippedClaim>)>,
}

pub(super) async fn apply(connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
    let mut touched = Vec::new();
    for decoded in events {
        if let Ok(LedgerEvent::Settlement(event)) = &decoded.event {
            let id: SettlementId = stream_key(&decoded.recorded)?;
            touched.push((&decoded.recorded, id.uuid(), event));
        }
    }
    if touched.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = touched.iter().map(|(_, id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut settlements = load(connection, &ids).await?;
    let mut claims = Claims::default();
    for (recorded, id, event) in touched {
        match event {
            SettlementEvent::Opened(opened) => {
                settlements.insert(id, Settlement::new(id, recorded, opened));
            }
            event => {
                if let Some(settlement) = settlements.get_mut(&id) {
                    settlement.take_in(event, recorded.occurred_at);
                    claims.take_in(id, event);
                }
            }
        }
    }
    write(connection, &settlements.into_values().collect::<Vec<_>>()).await?;
    claims.write(connection).await
}

fn count(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

impl Settlement {
    fn new(settlement_id: Uuid, recorded: &RecordedEvent, opened: &Opened) -> Self {
        let lane = &opened.lane;
        Self {
            settlement_id,
            organization_id: opened.organization_id.uuid(),
            partition: recorded.partition,
            chain_id: whole(lane.chain_id),
            contract: lane.contract.to_string(),
            token: lane.token.to_string(),
            payee: lane.payee.to_string(),
            currency: lane.currency.code().to_owned(),
            cause: opened.cause.name().to_owned(),
            status: Status::Opened.name().to_owned(),
            claims: 0,
            total: Decimal::ZERO,
            transferred: None,
            settled: None,
            skipped: None,
            tx_hash: None,
            block_number: None,
            gas_used: None,
            opened_at: recorded.occurred_at,
            finalized_at: None,
            attempts: 0,
            last_reason: None,
            retry_at: None,
            position: recorded.position,
        }
    }

    fn take_in(&mut self, event: &SettlementEvent, occurred_at: Timestamp) {
        let status = match event {
            SettlementEvent::Opened(_) => Status::Opened,
            SettlementEvent::Planned(e) => {
                self.claims = count(e.claims.len());
                self.total = e.total.decimal();
                Status::Planned
            }
            SettlementEvent::Abandoned(e) => {
                self.last_reason = Some(e.reason.clone());
                Status::Abandoned
            }
            SettlementEvent::Submitted(e) => {
                self.tx_hash = Some(e.tx_hash.to_string());
                self.retry_at = None;
                Status::Submitted
            }
            SettlementEvent::Mined(e) => {
                self.tx_hash = Some(e.tx_hash.to_string());
                self.block_number = Some(whole(e.block_number));
                Status::Mined
            }
            SettlementEvent::Finalized(e) => {
                self.transferred = Some(e.transferred.decimal());
                self.settled = Some(count(e.settled));
                self.skipped = Some(count(e.skipped.len()));
                self.tx_hash = Some(e.tx_hash.to_string());
                self.block_number = Some(whole(e.block_number));
                self.gas_used = Some(whole(e.gas_used));
                self.finalized_at = Some(occurred_at);
                Status::Finalized
            }
            SettlementEvent::Failed(e) => {
                self.attempts = count(e.attempt);
                self.tx_hash = None;
                self.block_number = None;
                self.last_reason = Some(e.reason.clone());
                self.retry_at = Some(e.retry_at);
                Status::Planned
            }
            SettlementEvent::Parked(e) => {
                self.last_reason = Some(e.reason.clone());
                self.retry_at = None;
                Status::Parked
            }
            SettlementEvent::Retried(_) => Status::Planned,
            SettlementEvent::Resubmitted(e) => {
                self.tx_hash = Some(e.tx_hash.to_string());
                self.block_number = None;
                Status::Submitted
            }
            SettlementEvent::Reorganized(_) => {
                self.block_number = None;
                Status::Submitted
            }
        };
        status.name().clone_into(&mut self.status);
    }
}

fn outcome(session_id: &str, skipped: &[SkippedClaim]) -> String {
    let skipped = skipped.iter().find(|skipped| skipped.session_id.to_string() == session_id);
    skipped.map_or("settled".to_owned(), |skipped| format!("skipped: {}", skipped.reason))
}

impl Claims {
    fn take_in(&mut self, settlement_id: Uuid, event: &SettlementEvent) {
        match event {
            SettlementEvent::Planned(planned) => {
                self.planned.insert(settlement_id, Self::of(settlement_id, planned));
            }
            SettlementEvent::Finalized(e) => match self.planned.get_mut(&settlement_id) {
                Some(claims) => {
                    for claim in claims {
                        claim.outcome = Some(outcome(&claim.session_id, &e.skipped));
                    }
                }
                None => self.finalized.push((settlement_id, e.skipped.clone())),
            },
            _ => {}
        }
    }

    fn of(settlement_id: Uuid, planned: &Planned) -> Vec<Claim> {
        let claims = planned.claims.iter().map(|claim| Claim {
            settlement_id,
            session_key_id: claim.session_key_id.uuid(),
            customer_id: claim.customer_id.uuid(),
            session_id: claim.session_id.to_string(),
            amount: claim.amount.decimal(),
            total_claimed: claim.total_claimed.decimal(),
            charges: whole(claim.charges),
            first_position: claim.first_position,
            last_position: claim.last_position,
            outcome: None,
        });
        claims.collect()
    }

    async fn write(self, connection: &mut PgConnection) -> Result<(), ProjectionError> {
        let planned: Vec<Claim> = self.planned.into_values().flatten().collect();
        if !planned.is_empty() {
            insert_claims(connection, &planned).await?;
        }
        if !self.finalized.is_empty() {
            finalize_claims(connection, &self.finalized).await?;
        }
        Ok(())
    }
}

async fn insert_claims(connection: &mut PgConnection, rows: &[Claim]) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into settlement_claims (settlement_id, session_key_id, customer_id, session_id, amount, total_claimed,
             charges, first_position, last_position, outcome)
         select a, b, c, d, trim_scale(e), trim_scale(f), g, h, i, j
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::numeric[], $6::numeric[], $7::bigint[],
             $8::bigint[], $9::bigint[], $10::text[]) as rows (a, b, c, d, e, f, g, h, i, j)",
        &column(rows, |row| row.settlement_id),
        &column(rows, |row| row.session_key_id),
        &column(rows, |row| row.customer_id),
        &column(rows, |row| row.session_id.clone()),
        &column(rows, |row| row.amount),
        &column(rows, |row| row.total_claimed),
        &column(rows, |row| row.charges),
        &column(rows, |row| row.first_position),
        &column(rows, |row| row.last_position),
        &column(rows, |row| row.outcome.clone()) as &[Option<String>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn finalize_claims(
    connection: &mut PgConnection,
    finalized: &[(Uuid, Vec<SkippedClaim>)],
) -> Result<(), ProjectionError> {
    let ids = column(finalized, |(id, _)| *id);
    let claims = sqlx::query!(
        "select settlement_id, session_key_id, session_id from settlement_claims where settlement_id = any($1)",
        &ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let outcomes = column(&claims, |claim| {
        let skipped = finalized.iter().find(|(id, _)| *id == claim.settlement_id).map_or(&[][..], |(_, all)| all);
        outcome(&claim.session_id, skipped)
    });
    sqlx::query!(
        "update settlement_claims c set outcome = u.outcome
         from unnest($1::uuid[], $2::uuid[], $3::text[]) as u (settlement_id, session_key_id, outcome)
         where c.settlement_id = u.settlement_id and c.session_key_id = u.session_key_id",
        &column(&claims, |claim| claim.settlement_id),
        &column(&claims, |claim| claim.session_key_id),
        &outcomes,
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Settlement>, ProjectionError> {
    let rows = sqlx::query_as!(
        Settlement,
        "select settlement_id, organization_id, partition, chain_id, contract, token, payee, currency, cause, status,
             claims, total, transferred, settled, skipped, tx_hash, block_number, gas_used, opened_at, finalized_at,
             attempts, last_reason, retry_at, position
         from settlements where settlement_id = any($1)",
        ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.settlement_id, row)).collect())
}

async fn write(connection: &mut PgConnection, rows: &[Settlement]) -> Result<(), ProjectionError> {
    sqlx::query!(
        "insert into settlements (settlement_id, organization_id, partition, chain_id, contract, token, payee, currency,
             cause, status, claims, total, transferred, settled, skipped, tx_hash, block_number, gas_used, opened_at,
             finalized_at, attempts, last_reason, retry_at, position)
         select a, b, c, d, e, f, g, h, i, j, k, trim_scale(l), trim_scale(m), n, o, p, q, r, s, t, u, v, w, x
         from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
             $9::text[], $10::text[], $11::integer[], $12::numeric[], $13::numeric[], $14::integer[], $15::integer[],
             $16::text[], $17::bigint[], $18::bigint[], $19::timestamptz[], $20::timestamptz[], $21::integer[],
             $22::text[], $23::timestamptz[], $24::bigint[])
             as rows (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x)
         on conflict (settlement_id) do update
         set status = excluded.status, claims = excluded.claims, total = excluded.total,
             transferred = excluded.transferred, settled = excluded.settled, skipped = excluded.skipped,
             tx_hash = excluded.tx_hash, block_number = excluded.block_number, gas_used = excluded.gas_used,
             finalized_at = excluded.finalized_at, attempts = excluded.attempts, last_reason = excluded.last_reason,
             retry_at = excluded.retry_at",
        &column(rows, |row| row.settlement_id),
        &column(rows, |row| row.organization_id),
        &column(rows, |row| row.partition),
        &column(rows, |row| row.chain_id),
        &column(rows, |row| row.contract.clone()),
        &column(rows, |row| row.token.clone()),
        &column(rows, |row| row.payee.clone()),
        &column(rows, |row| row.currency.clone()),
        &column(rows, |row| row.cause.clone()),
        &column(rows, |row| row.status.clone()),
        &column(rows, |row| row.claims),
        &column(rows, |row| row.total),
        &column(rows, |row| row.transferred) as &[Option<Decimal>],
        &column(rows, |row| row.settled) as &[Option<i32>],
        &column(rows, |row| row.skipped) as &[Option<i32>],
        &column(rows, |row| row.tx_hash.clone()) as &[Option<String>],
        &column(rows, |row| row.block_number) as &[Option<i64>],
        &column(rows, |row| row.gas_used) as &[Option<i64>],
        &column(rows, |row| row.opened_at),
        &column(rows, |row| row.finalized_at) as &[Option<Timestamp>],
        &column(rows, |row| row.attempts),
        &column(rows, |row| row.last_reason.clone()) as &[Option<String>],
        &column(rows, |row| row.retry_at) as &[Option<Timestamp>],
        &column(rows, |row| row.position),
    )
    .execute(connection)
    .await?;
    Ok(())
}
