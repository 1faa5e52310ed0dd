//! A settlement as answers show it: folded from its events, so that it is the same whenever it is read
//! as of the same place in the log.

use chrono::{DateTime, Utc};
use domain::ids::SettlementId;
use domain::settlement::{LogHead, Opened, PlannedClaim, Settlement, SettlementEvent};
use domain::{Aggregate, EventPayload, RecordedEvent, Timestamp};
use eventstore::{LogPosition, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// One batch of claims on a chain, for one payee.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettlementOut {
    /// Always `settlement`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: SettlementId,
    /// `opened`, `planned`, `submitted`, `mined`, `finalized`; `abandoned` when there was nothing to
    /// claim, `parked` when a person must look.
    pub status: String,
    /// Why it is, when it is `abandoned` or `parked`.
    pub reason: Option<String>,
    /// Why it was opened: `threshold`, `age`, `requested`, `withdrawal`, `frozen`, `revoked` or `expiry`;
    /// `ending` in older ones.
    pub cause: String,
    /// Where it happens.
    pub chain: ChainOut,
    /// Who is paid.
    pub payee: String,
    /// In this currency.
    pub currency: String,
    /// How many claims it makes; 0 until it is planned.
    pub claims: u64,
    /// Each of them; `null` in lists, in answers to commands, and until it is planned.
    pub claim_details: Option<Vec<ClaimOut>>,
    /// What they add up to; `null` until it is planned.
    pub total: Option<String>,
    /// What the payee got; `null` until it is final.
    pub transferred: Option<String>,
    /// How many claims were paid; `null` until it is final.
    pub settled: Option<u32>,
    /// Claims that the contract skipped; `null` until it is final.
    pub skipped: Option<Vec<SkippedOut>>,
    /// Merkle root over the charges that it pays for and the log's head: it goes on chain.
    pub evidence_root: Option<String>,
    /// Where the log ended when it was planned.
    pub log_head: Option<LogHeadOut>,
    /// The transaction of the present attempt; `null` between attempts.
    pub transaction: Option<TransactionOut>,
    /// Attempts that failed.
    pub attempts: u32,
    /// What the last of them said.
    pub last_failure: Option<FailureOut>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it was final.
    pub finalized_at: Option<DateTime<Utc>>,
    /// The place in the log of the last event that is shown here.
    pub position: String,
}

/// A contract on a chain.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChainOut {
    /// EIP-155 id of the chain.
    pub id: u64,
    /// The contract.
    pub contract: String,
    /// The token.
    pub token: String,
}

/// What a settlement claims of one session.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClaimOut {
    /// Of this session key.
    pub session_key_id: String,
    /// Of this customer.
    pub customer_id: String,
    /// What the contract calls the session.
    pub session_id: String,
    /// What the claim adds.
    pub amount: String,
    /// Cumulative, after it.
    pub total_claimed: String,
    /// How many charges it pays for.
    pub charges: u64,
    /// The place in the log of the first of them.
    pub first_position: String,
    /// The place in the log of the last of them.
    pub last_position: String,
    /// `pending` until the settlement is final, then `settled` or `skipped`.
    pub outcome: String,
    /// Why the contract skipped it.
    pub skip_reason: Option<String>,
}

/// A claim that the contract skipped.
#[derive(Debug, Serialize, ToSchema)]
pub struct SkippedOut {
    /// Of this session.
    pub session_id: String,
    /// The contract's reason.
    pub reason: String,
}

/// The end of the log at some time.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogHeadOut {
    /// Its last position.
    pub position: String,
    /// The last link of its hash chain.
    pub chain: String,
}

/// The transaction that makes the claims.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransactionOut {
    /// Its hash.
    pub hash: String,
    /// Its nonce.
    pub nonce: u64,
    /// Of this attempt, from 1.
    pub attempt: u32,
    /// The block it is in; `null` until it was mined.
    pub block_number: Option<u64>,
    /// That block's hash.
    pub block_hash: Option<String>,
    /// Gas it took; `null` until it is final.
    pub gas_used: Option<u64>,
    /// Price of one unit of gas, in wei; `null` until it is final.
    pub gas_price_wei: Option<u64>,
}

/// An attempt that came to nothing.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureOut {
    /// Which, from 1.
    pub attempt: u32,
    /// Why.
    pub reason: String,
    /// Not before this the next one.
    pub retry_at: DateTime<Utc>,
}

/// A settlement as its events tell it.
struct Told {
    state: Settlement,
    opened: Opened,
    opened_at: Timestamp,
    reason: Option<String>,
    finalized_at: Option<Timestamp>,
    position: LogPosition,
}

impl Told {
    fn read(events: &[RecordedEvent]) -> Result<Option<Self>, Problem> {
        let (mut state, mut reason, mut finalized_at) = (Settlement::default(), None, None);
        for stored in events {
            let event = SettlementEvent::decode(&stored.event_type, stored.schema, &stored.payload)
                .map_err(StoreError::from)?;
            state.apply_event(&event, stored.occurred_at);
            match event {
                SettlementEvent::Abandoned(abandoned) => reason = Some(abandoned.reason),
                SettlementEvent::Parked(parked) => reason = Some(parked.reason),
                SettlementEvent::Retried(_) => reason = None,
                SettlementEvent::Finalized(_) => finalized_at = Some(stored.occurred_at),
                _ => {}
            }
        }
        let (Some((opened, opened_at)), Some(last)) = (state.opened.clone(), events.last()) else { return Ok(None) };
        let position = LogPosition { partition: last.partition, position: last.position };
        Ok(Some(Self { state, opened, opened_at, reason, finalized_at, position }))
    }

    fn claim(&self, claim: &PlannedClaim) -> ClaimOut {
        let place = |position| LogPosition { position, ..self.position }.to_string();
        let finalized = self.state.finalized.as_ref();
        let skipped = finalized.and_then(|f| f.skipped.iter().find(|one| one.session_id == claim.session_id));
        let outcome = match (finalized, skipped) {
            (None, _) => "pending",
            (Some(_), None) => "settled",
            (Some(_), Some(_)) => "skipped",
        };
        ClaimOut {
            session_key_id: claim.session_key_id.to_string(),
            customer_id: claim.customer_id.to_string(),
            session_id: claim.session_id.to_string(),
            amount: claim.amount.to_string(),
            total_claimed: claim.total_claimed.to_string(),
            charges: claim.charges,
            first_position: place(claim.first_position),
            last_position: place(claim.last_position),
            outcome: outcome.to_owned(),
            skip_reason: skipped.map(|one| one.reason.clone()),
        }
    }

    fn transaction(&self) -> Option<TransactionOut> {
        let (submitted, mined) = (self.state.submitted.as_ref()?, self.state.mined.as_ref());
        let finalized = self.state.finalized.as_ref();
        let block = finalized.map(|f| (f.block_number, f.block_hash));
        let block = block.or(mined.map(|mined| (mined.block_number, mined.block_hash)));
        Some(TransactionOut {
            // Any version of a transaction may be the one that is mined.
            hash: finalized
                .map(|f| f.tx_hash)
                .or(mined.map(|mined| mined.tx_hash))
                .unwrap_or(submitted.tx_hash)
                .to_string(),
            nonce: submitted.nonce,
            attempt: submitted.attempt,
            block_number: block.map(|(number, _)| number),
            block_hash: block.map(|(_, hash)| hash.to_string()),
            gas_used: finalized.map(|f| f.gas_used),
            gas_price_wei: finalized.map(|f| f.gas_price_wei),
        })
    }
}

impl LogHeadOut {
    fn new(head: &LogHead) -> Self {
        let place = LogPosition { partition: head.partition, position: head.position };
        Self { position: place.to_string(), chain: head.chain.to_string() }
    }
}

impl SettlementOut {
    /// From the settlement's events, from the first on; `None` when there are none.
    pub fn read(events: &[RecordedEvent], with_claims: bool) -> Result<Option<Self>, Problem> {
        let Some(told) = Told::read(events)? else { return Ok(None) };
        let (state, lane) = (&told.state, &told.opened.lane);
        let (planned, finalized) = (state.planned.as_ref(), state.finalized.as_ref());
        let skipped = finalized.map(|f| {
            let out = f.skipped.iter();
            out.map(|one| SkippedOut { session_id: one.session_id.to_string(), reason: one.reason.clone() }).collect()
        });
        Ok(Some(Self {
            object: "settlement",
            id: told.opened.settlement_id,
            status: state.status.name().to_owned(),
            reason: told.reason.clone(),
            cause: told.opened.cause.name().to_owned(),
            chain: ChainOut { id: lane.chain_id, contract: lane.contract.to_string(), token: lane.token.to_string() },
            payee: lane.payee.to_string(),
            currency: lane.currency.to_string(),
            claims: planned.map_or(0, |planned| planned.claims.len() as u64),
            claim_details: planned
                .filter(|_| with_claims)
                .map(|planned| planned.claims.iter().map(|claim| told.claim(claim)).collect()),
            total: planned.map(|planned| planned.total.to_string()),
            transferred: finalized.map(|f| f.transferred.to_string()),
            settled: finalized.map(|f| f.settled),
            skipped,
            evidence_root: planned.map(|planned| planned.evidence_root.to_string()),
            log_head: planned.map(|planned| LogHeadOut::new(&planned.log_head)),
            transaction: told.transaction(),
            attempts: state.attempts,
            last_failure: state.last_failure.as_ref().map(|failed| FailureOut {
                attempt: failed.attempt,
                reason: failed.reason.clone(),
                retry_at: failed.retry_at,
            }),
            opened_at: told.opened_at,
            finalized_at: told.finalized_at,
            position: told.position.to_string(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::StreamId;
    use domain::evm::{Address, Bytes32, HexBytes};
    use domain::ids::{CustomerId, OrganizationId, SessionKeyId};
    use domain::money::Currency;
    use domain::settlement::{
        Cause, Failed, Finalized, Lane, Mined, Parked, Planned, Retried, SkippedClaim, Submitted,
    };
    use uuid::Uuid;

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(1_767_225_600 + second, 0).unwrap()
    }

    fn opened() -> Opened {
        let (address, currency) = (Address([7; 20]), Currency::USDC);
        Opened {
            settlement_id: SettlementId::new(Uuid::from_u128(2)),
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            lane: Lane { chain_id: 31_337, contract: address, token: address, currency, payee: address },
            cause: Cause::Requested,
        }
    }

    fn planned() -> Planned {
        let claim = |n: u8| PlannedClaim {
            session_key_id: SessionKeyId::new(Uuid::from_u128(u128::from(n))),
            customer_id: CustomerId::new(Uuid::from_u128(4)),
            session_id: Bytes32([n; 32]),
            amount: "1.5".parse().unwrap(),
            total_claimed: "2".parse().unwrap(),
            charges: 3,
            first_position: 10,
            last_position: 20,
        };
        Planned {
            claims: vec![claim(5), claim(6)],
            total: "3".parse().unwrap(),
            currency: Currency::USDC,
            evidence_root: Bytes32([8; 32]),
            evidence_leaves: 7,
            log_head: LogHead { partition: 0, position: 21, chain: Bytes32([9; 32]) },
            calldata: HexBytes::default(),
        }
    }

    fn story() -> Vec<RecordedEvent> {
        let submitted = |attempt, nonce| Submitted { attempt, tx_hash: Bytes32([attempt as u8; 32]), nonce };
        let (tx_hash, block_hash) = (Bytes32([4; 32]), Bytes32([3; 32]));
        let finalized = Finalized {
            tx_hash,
            block_number: 9,
            block_hash,
            transferred: "1.5".parse().unwrap(),
            currency: Currency::USDC,
            settled: 1,
            skipped: vec![SkippedClaim { session_id: Bytes32([6; 32]), reason: "session_frozen".into() }],
            gas_used: 90_000,
            gas_price_wei: 7,
        };
        let events = [
            SettlementEvent::Opened(opened()),
            SettlementEvent::Planned(planned()),
            SettlementEvent::Submitted(submitted(3, 11)),
            SettlementEvent::Failed(Failed { attempt: 3, reason: "reverted".into(), retry_at: at(60) }),
            SettlementEvent::Parked(Parked { attempts: 3, reason: "reverted".into() }),
            SettlementEvent::Retried(Retried { attempts: 3 }),
            SettlementEvent::Submitted(submitted(4, 12)),
            SettlementEvent::Mined(Mined { tx_hash, block_number: 9, block_hash }),
            SettlementEvent::Finalized(finalized),
        ];
        let recorded = events.iter().zip(1..).map(|(event, version)| RecordedEvent {
            partition: 0,
            position: 100 + version,
            event_id: Uuid::from_u128(version as u128),
            organization_id: opened().organization_id,
            stream_id: StreamId::new(Settlement::CATEGORY, opened().settlement_id),
            version,
            event_type: event.event_type().to_owned(),
            schema: event.schema(),
            occurred_at: at(version),
            recorded_at: at(version),
            actor: "system:test".into(),
            request_digest: vec![0; 32],
            causation_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            payload: event.encode(),
            digest: Vec::new(),
        });
        recorded.collect()
    }

    fn after(events: usize) -> SettlementOut {
        SettlementOut::read(&story()[..events], true).unwrap().unwrap()
    }

    #[test]
    fn what_has_not_happened_is_not_shown() {
        assert!(SettlementOut::read(&[], true).unwrap().is_none());
        let out = after(1);
        assert_eq!((out.status.as_str(), out.cause.as_str(), out.claims), ("opened", "requested", 0));
        assert!(out.total.is_none() && out.claim_details.is_none() && out.transaction.is_none());
        assert_eq!((out.opened_at, out.position.as_str()), (at(1), "0:101"));
        assert_eq!(after(2).claim_details.unwrap()[0].outcome, "pending");
        assert!(SettlementOut::read(&story(), false).unwrap().unwrap().claim_details.is_none());
    }

    #[test]
    fn a_failed_attempt_is_shown_until_a_person_asks_for_another() {
        assert_eq!(after(3).transaction.unwrap().nonce, 11);
        let failed = after(4);
        assert!(failed.status == "planned" && failed.transaction.is_none() && failed.reason.is_none());
        assert_eq!((after(5).status.as_str(), after(5).reason.as_deref()), ("parked", Some("reverted")));
        let retried = after(6);
        assert!(retried.status == "planned" && retried.reason.is_none());
        assert_eq!(retried.last_failure.unwrap().attempt, 3);
    }

    #[test]
    fn each_claim_has_its_outcome() {
        let out = after(9);
        let claims = out.claim_details.unwrap();
        let outcomes: Vec<_> =
            claims.iter().map(|claim| (claim.outcome.as_str(), claim.skip_reason.as_deref())).collect();
        assert_eq!(outcomes, [("settled", None), ("skipped", Some("session_frozen"))]);
        let transaction = out.transaction.unwrap();
        assert_eq!((transaction.attempt, transaction.nonce, transaction.block_number), (4, 12, Some(9)));
        assert_eq!((out.transferred.as_deref(), out.settled, out.finalized_at), (Some("1.5"), Some(1), Some(at(9))));
        assert_eq!(out.log_head.unwrap().position, "0:21");
    }
}
