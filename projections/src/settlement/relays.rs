//! What owners signed and is to be sent to a chain: where to find it in the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::LedgerEvent;
use domain::session_key::SessionKeyEvent;
use eventstore::StoreError;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Decoded, ProjectionError};

/// A relay that has not come to its end.
#[derive(Debug, Clone)]
pub struct PendingRelay {
    /// Which.
    pub relay_id: Uuid,
    /// For this session key.
    pub session_key_id: Uuid,
    /// Whose.
    pub organization_id: Uuid,
    /// Where its request stands in the log.
    pub partition: i32,
    /// See `partition`.
    pub position: i64,
}

/// Relays that have not come to their end, oldest first, without those that are known.
pub async fn pending_relays(
    pool: &PgPool,
    chain_id: i64,
    contract: &str,
    known: &[Uuid],
    limit: i64,
) -> Result<Vec<PendingRelay>, StoreError> {
    Ok(sqlx::query_as!(
        PendingRelay,
        "select r.relay_id, r.session_key_id, r.organization_id, r.partition, r.position
         from settlement_relays r join settlement_sessions s on s.session_key_id = r.session_key_id
         where s.chain_id = $1 and s.contract = $2 and r.relay_id <> all($3)
         order by r.position limit $4",
        chain_id,
        contract,
        known,
        limit
    )
    .fetch_all(pool)
    .await?)
}

/// Takes in what was requested and what ended.
pub(super) async fn apply(connection: &mut PgConnection, events: &[Arc<Decoded>]) -> Result<(), ProjectionError> {
    let mut requested: BTreeMap<Uuid, PendingRelay> = BTreeMap::new();
    let mut ended = Vec::new();
    for decoded in events {
        let recorded = &decoded.recorded;
        match &decoded.event {
            Ok(LedgerEvent::SessionKey(SessionKeyEvent::RelayRequested(e))) => {
                let id = recorded.stream_id.as_str().split_once(':').map_or("", |(_, id)| id);
                let Ok(session_key_id) = id.parse::<domain::ids::SessionKeyId>() else {
                    let reason = format!("{} is no session key", recorded.stream_id);
                    return Err(ProjectionError::Poison { position: recorded.position, reason });
                };
                let relay = PendingRelay {
                    relay_id: e.relay_id.uuid(),
                    session_key_id: session_key_id.uuid(),
                    organization_id: recorded.organization_id.uuid(),
                    partition: recorded.partition,
                    position: recorded.position,
                };
                requested.insert(relay.relay_id, relay);
            }
            Ok(LedgerEvent::SessionKey(SessionKeyEvent::RelayDone(e))) => ended.push(e.relay_id.uuid()),
            Ok(LedgerEvent::SessionKey(SessionKeyEvent::RelayFailed(e))) => ended.push(e.relay_id.uuid()),
            _ => {}
        }
    }
    for id in &ended {
        requested.remove(id);
    }
    if !ended.is_empty() {
        sqlx::query!("delete from settlement_relays where relay_id = any($1)", &ended)
            .execute(&mut *connection)
            .await?;
    }
    if requested.is_empty() {
        return Ok(());
    }
    let (mut ids, mut keys, mut organizations) = (vec![], vec![], vec![]);
    let (mut partitions, mut positions) = (vec![], vec![]);
    for relay in requested.into_values() {
        ids.push(relay.relay_id);
        keys.push(relay.session_key_id);
        organizations.push(relay.organization_id);
        partitions.push(relay.partition);
        positions.push(relay.position);
    }
    sqlx::query!(
        "insert into settlement_relays (relay_id, session_key_id, organization_id, partition, position)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::bigint[])",
        &ids,
        &keys,
        &organizations,
        &partitions,
        &positions
    )
    .execute(connection)
    .await?;
    Ok(())
}
