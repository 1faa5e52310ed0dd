//! What a settlement claims: asks the session keys of a payee, and puts claims, call and evidence together.

use std::time::Duration;

use chain::calls::{self, Claim};
use chain::evidence;
use domain::evm::Bytes32;
use domain::ids::{SessionKeyId, SettlementId};
use domain::money::Amount;
use domain::session_key::command::{Action as KeyAction, SessionKeyCommand};
use domain::session_key::event::ClaimPlanned;
use domain::session_key::{SUPERSEDED, SessionKey, SessionKeyEvent};
use domain::settlement::{
    Action, CLAIMS_MAX, Cause, LogHead, Opened, Planned, PlannedClaim, Settlement, SettlementCommand, SettlementError,
};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::postgres;
use eventstore::{Executed, Recorded};
use projections::settlement::{self, Candidate, LaneKey, OpenSettlement};
use projections::{Projection, checkpoint};
use tokio::time::Instant;
use uuid::Uuid;

use super::super::proof::Proven;
use super::super::{RoundError, Worker, caused};

/// How long planning waits for the read model to see what is in the log.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(5);

impl Worker {
    pub(super) async fn make_plan(
        &mut self,
        open: &OpenSettlement,
        opened: &Opened,
        opened_at: Timestamp,
    ) -> Result<(), RoundError> {
        if !self.caught_up(open.partition).await? {
            return Ok(());
        }
        let lane = &opened.lane;
        let key = LaneKey {
            organization_id: open.organization_id,
            chain_id: self.chain_id(),
            contract: self.contract(),
            payee: lane.payee.to_string(),
            token: lane.token.to_string(),
        };
        let is_asked = opened.cause == Cause::Requested;
        let pool = &self.context.pool;
        // Somebody asked for all there is: what was earned by then and lies beside a claim that is under way is waited
        // for.
        if is_asked && settlement::is_more_under_way(pool, &key, open.settlement_id, opened_at).await? {
            return Ok(());
        }
        // One more than fits, to know whether that is all.
        let limit = CLAIMS_MAX as i64 + 1;
        let candidates = settlement::candidates(pool, &key, limit, open.settlement_id, is_asked).await?;
        let mut claims = Vec::new();
        let mut leaves = Vec::new();
        let mut calls = Vec::new();
        let mut total = Amount::ZERO;
        for candidate in candidates.iter().take(CLAIMS_MAX) {
            let Some(planned) = self.plan_claim(open, opened, candidate).await? else { continue };
            let (claim, position) = planned;
            let proven = match self.prove(opened, open.partition, &claim, candidate, position).await {
                Ok(proven) => proven,
                Err(error) if error.is_weather() => return Err(error),
                // One that cannot be claimed does not keep the others from being paid.
                Err(error) => {
                    tracing::error!(session_key_id = %claim.session_key_id, %error, "set aside: a person must look");
                    self.set_aside(open, opened, claim.session_key_id, &error.to_string()).await?;
                    continue;
                }
            };
            let Proven { session_id, signature, evidence } = proven;
            total = total.plus(claim.amount);
            calls.push(Claim {
                session_id,
                max_claimable: claim.voucher.map_or(claim.total_claimed, |voucher| voucher.max_claimable),
                total_claimed: claim.total_claimed,
                signature,
            });
            claims.push(PlannedClaim {
                session_key_id: claim.session_key_id,
                customer_id: claim.customer_id,
                session_id,
                amount: claim.amount,
                total_claimed: claim.total_claimed,
                charges: evidence.leaves.len() as u64,
                first_position: evidence.first_position,
                last_position: evidence.last_position,
            });
            leaves.extend(evidence.leaves);
        }
        let settlement = (opened.organization_id, open.partition, opened.settlement_id);
        if claims.is_empty() {
            let is_elsewhere = is_asked && settlement::is_under_way(pool, &key, open.settlement_id).await?;
            let why = match is_elsewhere {
                true => "all there is to claim is in another settlement already",
                false => "there was nothing to claim",
            };
            let action = Action::Abandon(why.to_owned());
            return self.queue.tell_settlement(settlement, "abandoned", 0, action).await.map(|_| ());
        }
        // Before the plan is written: a crash between the two leaves this one `opened`, and all of it is done again. After
        // the plan nobody would remember that there was more.
        if is_asked && candidates.len() > CLAIMS_MAX {
            self.open_next(open, opened).await?;
        }
        let head = self.context.ledger.log().head(open.partition).await?;
        let chain: [u8; 32] = head.chain.try_into().unwrap_or_default();
        let log_head = LogHead { partition: open.partition, position: head.position, chain: Bytes32(chain) };
        leaves.push(evidence::head_leaf(self.log_id().await?, &log_head));
        let evidence_root = evidence::root(&leaves);
        let decimals = lane.currency.minor_unit();
        let planned = Planned {
            calldata: calls::settle(evidence_root, lane.payee, lane.token, decimals, &calls),
            claims,
            total,
            currency: lane.currency,
            evidence_root,
            evidence_leaves: leaves.len() as u64,
            log_head,
        };
        self.queue.tell_settlement(settlement, "planned", 0, Action::Plan(Box::new(planned))).await.map(|_| ())
    }

    /// Another leader may have asked session keys for claims that are not in the plan that stands.
    pub(super) async fn release_others(
        &self,
        open: &OpenSettlement,
        opened: &Opened,
        planned: &Planned,
    ) -> Result<(), RoundError> {
        for session in settlement::sessions_in(&self.context.pool, open.settlement_id).await? {
            let id = SessionKeyId::new(session);
            if !planned.claims.iter().any(|claim| claim.session_key_id == id) {
                self.set_aside(open, opened, id, SUPERSEDED).await?;
            }
        }
        Ok(())
    }

    async fn set_aside(
        &self,
        open: &OpenSettlement,
        opened: &Opened,
        id: SessionKeyId,
        why: &str,
    ) -> Result<(), RoundError> {
        let settlement_id = opened.settlement_id;
        let cause = caused(&[b"set aside", settlement_id.uuid().as_bytes(), id.uuid().as_bytes()]);
        let action = KeyAction::ReleaseClaim { settlement_id, reason: why.to_owned() };
        let command = SessionKeyCommand { organization_id: opened.organization_id, action };
        let stream = StreamId::new(SessionKey::CATEGORY, id);
        let done = self.execute::<SessionKey>(opened.organization_id, open.partition, stream, cause, command);
        done.await?.map(|_| ()).map_err(|denied| RoundError::Denied(denied.to_string()))
    }

    /// Opens the settlement after this one; nothing happens when that was done.
    async fn open_next(&self, open: &OpenSettlement, opened: &Opened) -> Result<(), RoundError> {
        let id = caused(&[b"next settlement", opened.settlement_id.uuid().as_bytes()]);
        let settlement_id = SettlementId::new(id);
        let next = Opened { settlement_id, ..opened.clone() };
        let organization_id = opened.organization_id;
        let command = SettlementCommand { organization_id, action: Action::Open(next) };
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        match self.execute::<Settlement>(organization_id, open.partition, stream, id, command).await? {
            Ok(_) | Err(SettlementError::AlreadyOpen) => Ok(()),
            Err(denied) => Err(RoundError::Denied(denied.to_string())),
        }
    }

    /// Whether the read model has seen all that is in the log now: after a crash the claims that were
    /// planned before it must be found again.
    pub(super) async fn caught_up(&self, partition: i32) -> Result<bool, RoundError> {
        let head = self.context.ledger.log().head(partition).await?.position;
        let name = checkpoint::live_name(&settlement::Settlement as &dyn Projection);
        let deadline = Instant::now() + CAUGHT_UP_WITHIN;
        while checkpoint::position(&self.context.pool, &name, partition).await? < head {
            if Instant::now() >= deadline {
                tracing::warn!("settlements wait for their read model");
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(true)
    }

    /// Asks a session key for its claim; `None` when it has none for this settlement.
    async fn plan_claim(
        &self,
        open: &OpenSettlement,
        opened: &Opened,
        candidate: &Candidate,
    ) -> Result<Option<(ClaimPlanned, i64)>, RoundError> {
        let settlement_id = opened.settlement_id;
        let stream = StreamId::new(SessionKey::CATEGORY, SessionKeyId::new(candidate.session_key_id));
        let cause = caused(&[b"claim", settlement_id.uuid().as_bytes(), candidate.session_key_id.as_bytes()]);
        let action = KeyAction::PlanClaim { settlement_id, again: opened.cause == Cause::Requested };
        let command = SessionKeyCommand { organization_id: opened.organization_id, action };
        let done = self.execute::<SessionKey>(opened.organization_id, open.partition, stream, cause, command).await?;
        match done {
            Ok(Executed::Done {
                event: Recorded { event: SessionKeyEvent::ClaimPlanned(claim), position, .. },
                ..
            }) => Ok(Some((claim, position.position))),
            Ok(_) => Ok(None),
            Err(denied) => {
                tracing::debug!(%settlement_id, %denied, "a session key has no claim");
                Ok(None)
            }
        }
    }

    async fn log_id(&mut self) -> Result<Uuid, RoundError> {
        if let Some(id) = self.planner.log_id {
            return Ok(id);
        }
        let text = postgres::log_id(&self.context.pool).await?;
        let id = Uuid::parse_str(&text).map_err(|e| RoundError::Denied(e.to_string()))?;
        Ok(*self.planner.log_id.insert(id))
    }
}
