//! The charges behind claims, read from the log itself: what the evidence trees of settlements are made of. Read models
//! only say where to look.

use std::ops::ControlFlow;

use domain::evm::Bytes32;
use domain::ids::{ChargeId, OrganizationId, SessionKeyId, SettlementId};
use domain::money::Amount;
use domain::session_key::event::ClaimPlanned;
use domain::session_key::{SessionKey, SessionKeyEvent};
use domain::settlement::{Planned, PlannedClaim, Settlement, SettlementEvent};
use domain::{Aggregate, EventPayload, RecordedEvent, StreamId};
use eventstore::StoreError;
use eventstore::log::Log;
use eventstore::postgres::PostgresLog;
use sqlx::PgPool;

/// Events that are read at a time.
const PAGE: i64 = 1_000;
/// Settlements that are looked at for one charge, newest first: all but the last were skipped, or paid a part.
const SETTLEMENTS_MAX: i64 = 50;

/// A charge as a claim pays for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedCharge {
    /// Which.
    pub charge_id: ChargeId,
    /// How much.
    pub amount: Amount,
    /// Charged on the session in all, after it.
    pub cumulative: Amount,
    /// Its place in the log.
    pub position: i64,
}

impl ClaimedCharge {
    /// The charge that an event of a session key is, if it is one.
    fn read(event: &RecordedEvent) -> Result<Option<Self>, StoreError> {
        if !["charged", "captured"].contains(&event.event_type.as_str()) {
            return Ok(None);
        }
        let decoded = SessionKeyEvent::decode(&event.event_type, event.schema, &event.payload)?;
        Ok(decoded.charge().map(|charged| Self {
            charge_id: ChargeId::new(event.event_id),
            amount: charged.amount,
            cumulative: charged.after.charged,
            position: event.position,
        }))
    }
}

/// Why the charges of a settlement cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// More than somebody wants to read.
    #[error("its tree has {leaves} leaves, at most {max} are read")]
    TooMany {
        /// So many.
        leaves: u64,
        /// At most so many.
        max: u64,
    },
    /// The log has other charges than the settlement was planned with.
    #[error("{0}")]
    Differs(String),
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the charges of a stream after a version and before a position, oldest first, until it is enough.
async fn walk(
    log: &PostgresLog,
    stream: &StreamId,
    mut after: i64,
    before: i64,
    mut take: impl FnMut(ClaimedCharge) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    loop {
        let page = log.page_of_stream(stream, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.version;
        for event in &page {
            if event.position >= before {
                return Ok(());
            }
            let Some(charge) = ClaimedCharge::read(event)? else { continue };
            if take(charge).is_break() {
                return Ok(());
            }
        }
    }
}

/// The charges that a claim pays for, which stands at `claim_position`; `None` when what was charged is not what it
/// claims. Begins after what `settled_position` has, where that is right.
pub async fn of_claim(
    log: &PostgresLog,
    partition: i32,
    claim: &ClaimPlanned,
    claim_position: i64,
    settled_position: i64,
) -> Result<Option<Vec<ClaimedCharge>>, StoreError> {
    let stream = StreamId::new(SessionKey::CATEGORY, claim.session_key_id);
    let known = log.read_between(partition, settled_position, settled_position).await?;
    let hint = known.first().filter(|event| event.stream_id == stream).map_or(0, |event| event.version);
    for after in [hint, 0] {
        if let Some(found) = up_to(log, &stream, claim, after, claim_position).await? {
            return Ok(Some(found));
        }
        if after == 0 {
            break;
        }
    }
    Ok(None)
}

async fn up_to(
    log: &PostgresLog,
    stream: &StreamId,
    claim: &ClaimPlanned,
    after: i64,
    claim_position: i64,
) -> Result<Option<Vec<ClaimedCharge>>, StoreError> {
    let mut charges: Vec<ClaimedCharge> = Vec::new();
    let mut has_gap = false;
    walk(log, stream, after, claim_position, |charge| {
        // Paid for before; the first one that is not may lie partly below, where somebody else claimed.
        if charge.cumulative <= claim.charged_from {
            return ControlFlow::Continue(());
        }
        if charges.is_empty() && charge.cumulative.minus(charge.amount) > claim.charged_from {
            has_gap = true;
            return ControlFlow::Break(());
        }
        charges.push(charge);
        ControlFlow::Continue(())
    })
    .await?;
    let reached = charges.last().map(|charge| charge.cumulative);
    Ok((!has_gap && reached == Some(claim.charged_to)).then_some(charges))
}

/// What a settlement pays for, claim by claim in the order of its tree, each charge made into a leaf. The log's head,
/// the last leaf of the tree, is not among them.
pub async fn of_settlement<T>(
    log: &PostgresLog,
    partition: i32,
    planned: &Planned,
    leaves_max: u64,
    mut leaf: impl FnMut(&PlannedClaim, &ClaimedCharge) -> T,
) -> Result<Vec<T>, EvidenceError> {
    let charges = planned.claims.iter().fold(0_u64, |sum, claim| sum.saturating_add(claim.charges));
    if charges.saturating_add(1) != planned.evidence_leaves {
        let leaves = planned.evidence_leaves;
        return Err(EvidenceError::Differs(format!("it was planned with {charges} charges and {leaves} leaves")));
    }
    if planned.evidence_leaves > leaves_max {
        return Err(EvidenceError::TooMany { leaves: planned.evidence_leaves, max: leaves_max });
    }
    let mut leaves = Vec::new();
    for claim in &planned.claims {
        let stream = StreamId::new(SessionKey::CATEGORY, claim.session_key_id);
        let (first, last) = (claim.first_position, claim.last_position);
        let found = log.read_between(partition, first, first).await?;
        let Some(found) = found.first().filter(|event| event.stream_id == stream) else {
            let key = claim.session_key_id;
            return Err(EvidenceError::Differs(format!("at position {partition}:{first} is no charge of {key}")));
        };
        let mut count = 0_u64;
        walk(log, &stream, found.version - 1, last.saturating_add(1), |charge| {
            count += 1;
            if count > claim.charges {
                return ControlFlow::Break(());
            }
            leaves.push(leaf(claim, &charge));
            ControlFlow::Continue(())
        })
        .await?;
        if count != claim.charges {
            return Err(EvidenceError::Differs(format!(
                "from position {partition}:{first} to {partition}:{last} the log has not the {} charges of {} that were \
                 planned",
                claim.charges, claim.session_key_id
            )));
        }
    }
    Ok(leaves)
}

/// A settlement as its events say it. Snapshots are not believed: this is for those who check.
pub async fn settlement(log: &PostgresLog, stream: &StreamId) -> Result<Settlement, StoreError> {
    let mut settlement = Settlement::default();
    for stored in log.tails(&[(stream.clone(), 0)]).await? {
        let event = SettlementEvent::decode(&stored.event_type, stored.schema, &stored.payload)?;
        settlement.apply_event(&event, stored.occurred_at);
    }
    Ok(settlement)
}

/// The settlements that were planned to pay for a charge at this place, newest first.
pub async fn settlements_of_charge(
    pool: &PgPool,
    organization_id: OrganizationId,
    session_key_id: SessionKeyId,
    position: i64,
) -> Result<Vec<SettlementId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "select c.settlement_id from settlement_claims c join settlements s on s.settlement_id = c.settlement_id
         where s.organization_id = $1 and c.session_key_id = $2 and c.last_position >= $3 and c.first_position <= $3
         order by s.position desc limit $4",
        organization_id.uuid(),
        session_key_id.uuid(),
        position,
        SETTLEMENTS_MAX
    )
    .fetch_all(pool)
    .await?;
    Ok(ids.into_iter().map(SettlementId::new).collect())
}

/// A settlement that became final, by the event that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalSettlement {
    /// Its stream.
    pub stream_id: StreamId,
    /// Where that event stands.
    pub position: i64,
}

/// Settlements of a partition that became final after a position, by the log itself, oldest first.
pub async fn final_settlements(
    pool: &PgPool,
    partition: i32,
    after: i64,
    limit: i64,
) -> Result<Vec<FinalSettlement>, StoreError> {
    let rows = sqlx::query!(
        "select position, stream_id from events
         where partition = $1 and position > $2 and event_type = 'finalized'
           and split_part(stream_id, ':', 1) = $4
         order by position limit $3",
        partition,
        after,
        limit,
        Settlement::CATEGORY
    )
    .fetch_all(pool)
    .await?;
    let found = |stream_id, position| FinalSettlement { stream_id: StreamId::from_stored(stream_id), position };
    Ok(rows.into_iter().map(|row| found(row.stream_id, row.position)).collect())
}

/// The link of the log's hash chain that ends at a position; `None` when no batch ends there.
pub async fn link_at(pool: &PgPool, partition: i32, position: i64) -> Result<Option<Bytes32>, StoreError> {
    let link = sqlx::query_scalar!(
        "select chain from log_batches where partition = $1 and last_position = $2",
        partition,
        position
    )
    .fetch_optional(pool)
    .await?;
    Ok(link.and_then(|link| link.try_into().ok()).map(Bytes32))
}
