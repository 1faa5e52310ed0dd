//! Opens settlements when one is due, plans their claims, and hands them to the settler; relays what
//! owners signed; pays out withdrawals whose time has come.
//!
//! The read model `settlement` only says where to look. What is claimed each session key decides on
//! its own stream, and a settlement's plan stands once it is in the log.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use chain::calls::{self, Claim};
use chain::evidence;
use chrono::TimeDelta;
use domain::evm::{Address, Bytes32, HexBytes};
use domain::ids::{OrganizationId, RelayId, SessionKeyId, SettlementId, TransactionId};
use domain::money::{Amount, Currency};
use domain::organization::Organization;
use domain::session_key::command::{Action as KeyAction, SessionKeyCommand};
use domain::session_key::event::ClaimPlanned;
use domain::session_key::{RelayAction, SUPERSEDED, SessionKey, SessionKeyEvent};
use domain::settlement::{
    Action, CLAIMS_MAX, Cause, Lane, LogHead, Opened, Planned, PlannedClaim, Settlement, SettlementCommand, Status,
};
use domain::settler::{Enqueued, Purpose, SettlerCommand};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::postgres;
use eventstore::{Executed, Recorded, clock};
use projections::settlement::{self, Candidate, LaneTotals, OpenSettlement};
use projections::{Projection, checkpoint};
use tokio::time::Instant;
use uuid::Uuid;

use super::proof::Proven;
use super::{RoundError, SettlementRules, Worker, caused};

/// Relays that are taken up in one round.
const RELAYS_MAX: i64 = 200;
/// How long planning waits for the read model to see what is in the log.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(5);

/// What is remembered between rounds; losing it costs only work.
#[derive(Default)]
pub struct State {
    /// What is in the settler's queue already.
    enqueued: HashSet<Uuid>,
    /// Settlements that cannot go on, so that it is said once.
    stuck: HashSet<Uuid>,
    /// Whether the settler has begun.
    settler_is_open: bool,
    /// The log's own name.
    log_id: Option<Uuid>,
}

impl Worker {
    pub(super) async fn plan(&mut self) -> Result<(), RoundError> {
        self.relay().await?;
        self.open_due().await?;
        let (chain_id, contract) = (self.chain_id(), self.contract());
        for open in settlement::open_settlements(&self.context.pool, chain_id, &contract).await? {
            match self.advance(&open).await {
                Ok(()) => {
                    self.planner.stuck.remove(&open.settlement_id);
                }
                Err(error) if error.is_weather() => return Err(error),
                // One that cannot go on does not stop the others.
                Err(error) => {
                    if self.planner.stuck.insert(open.settlement_id) {
                        let settlement_id = SettlementId::new(open.settlement_id);
                        tracing::error!(%settlement_id, %error, "a settlement cannot go on: a person must look");
                    }
                }
            }
        }
        Ok(())
    }

    /// Pays out withdrawals whose time has come by the chain's own clock, which need not be ours.
    pub(super) async fn pay_out(&self) -> Result<(), RoundError> {
        let (chain_id, contract, now) = (self.chain_id(), self.contract(), self.chain.client.head().await?.time);
        let due = settlement::withdrawals_due(&self.context.pool, chain_id, &contract, now).await?;
        for withdrawal in due {
            let organization_id = OrganizationId::new(withdrawal.organization_id);
            self.finalize_withdrawal(organization_id, withdrawal.partition, withdrawal.session_key_id, now).await?;
        }
        Ok(())
    }

    /// Puts what owners signed into the settler's queue.
    async fn relay(&mut self) -> Result<(), RoundError> {
        let (chain_id, contract) = (self.chain_id(), self.contract());
        let known: Vec<Uuid> = self.planner.enqueued.iter().copied().collect();
        for relay in settlement::pending_relays(&self.context.pool, chain_id, &contract, &known, RELAYS_MAX).await? {
            let found = self.log.read_between(relay.partition, relay.position, relay.position).await?;
            let Some(event) = found.first() else { continue };
            let Recorded { event: SessionKeyEvent::RelayRequested(requested), .. } = Recorded::read(event)? else {
                continue;
            };
            let purpose = Purpose::Relay {
                organization_id: OrganizationId::new(relay.organization_id),
                partition: relay.partition,
                session_key_id: SessionKeyId::new(relay.session_key_id),
                relay_id: RelayId::new(relay.relay_id),
            };
            self.enqueue(relay.relay_id, purpose, requested.to, requested.calldata).await?;
        }
        Ok(())
    }

    async fn enqueue(&mut self, id: Uuid, purpose: Purpose, to: Address, calldata: HexBytes) -> Result<(), RoundError> {
        let transaction_id = TransactionId::new(id);
        let enqueued = Enqueued { transaction_id, purpose, to, calldata };
        let cause = self.queue.caused_here(b"enqueue", transaction_id);
        // Without a chain the settler cannot begin; what waits then waits in the log.
        if !self.planner.settler_is_open {
            self.planner.settler_is_open = self.queue.load().await?.opened.is_some();
            if !self.planner.settler_is_open {
                return Ok(());
            }
        }
        if self.queue.command(cause, SettlerCommand::Enqueue(Box::new(enqueued))).await? {
            self.planner.enqueued.insert(id);
        }
        Ok(())
    }

    async fn finalize_withdrawal(
        &self,
        organization_id: OrganizationId,
        partition: i32,
        session_key: Uuid,
        now: Timestamp,
    ) -> Result<(), RoundError> {
        let stream = StreamId::new(SessionKey::CATEGORY, SessionKeyId::new(session_key));
        let state = self.context.ledger.load::<SessionKey>(&stream).await?.state;
        let (Some(grant), Some(withdrawal)) = (&state.grant, state.withdrawal) else { return Ok(()) };
        let attempts = state.relays.iter().filter(|relay| relay.action == RelayAction::FinalizeWithdraw).count();
        if attempts > 0 || now < withdrawal.available_at {
            return Ok(());
        }
        let calldata = calls::finalize_withdraw(&grant.terms);
        let (block, index) = withdrawal.seen_at();
        let minute = now.timestamp() / 60;
        // One try a minute, should one fail.
        let cause = caused(&[
            b"finalize withdrawal",
            session_key.as_bytes(),
            &block.to_be_bytes(),
            &index.to_be_bytes(),
            &minute.to_be_bytes(),
        ]);
        let relay_id = RelayId::new(cause);
        let action = KeyAction::Relay { relay_id, action: RelayAction::FinalizeWithdraw, calldata };
        let command = SessionKeyCommand { organization_id, action };
        if let Err(denied) = self.execute::<SessionKey>(organization_id, partition, stream, cause, command).await? {
            tracing::debug!(%denied, "the withdrawal waits");
        }
        Ok(())
    }

    /// Opens a settlement for every payee for whom one is due.
    async fn open_due(&self) -> Result<(), RoundError> {
        let partitions: BTreeSet<i32> = self.due().await?.iter().map(|(lane, _)| lane.partition).collect();
        // What was planned a moment ago must not be opened for again.
        for partition in &partitions {
            if !self.caught_up(*partition).await? {
                return Ok(());
            }
        }
        if partitions.is_empty() {
            return Ok(());
        }
        for (lane, cause) in self.due().await? {
            self.open(&lane, cause).await?;
            // Seen in this round already.
            self.caught_up(lane.partition).await?;
        }
        Ok(())
    }

    /// Payees for whom a settlement is due, and why.
    async fn due(&self) -> Result<Vec<(LaneTotals, Cause)>, RoundError> {
        let (chain_id, contract, now) = (self.chain_id(), self.contract(), clock::now());
        let mut due = Vec::new();
        for lane in settlement::lanes_due(&self.context.pool, chain_id, &contract, now).await? {
            let rules = self.rules(OrganizationId::new(lane.organization_id)).await?;
            let cause = if lane.unsettled >= rules.threshold.decimal() {
                Cause::Threshold
            } else if !lane.ending_unsettled.is_zero() {
                Cause::Ending
            } else if lane.oldest_unsettled_at.is_some_and(|since| since + rules.age <= now) {
                Cause::Age
            } else {
                continue;
            };
            due.push((lane, cause));
        }
        Ok(due)
    }

    /// An organization's own rules, else the installation's.
    async fn rules(&self, organization_id: OrganizationId) -> Result<SettlementRules, RoundError> {
        let stream = StreamId::new(Organization::CATEGORY, organization_id);
        let own = self.context.ledger.load::<Organization>(&stream).await?.state.settlement_rules;
        Ok(own.map_or(self.chain.rules, |own| SettlementRules {
            threshold: own.threshold,
            age: TimeDelta::seconds(i64::from(own.age_secs)),
        }))
    }

    async fn open(&self, totals: &LaneTotals, cause: Cause) -> Result<(), RoundError> {
        let settings = self.chain.client.settings();
        let organization_id = OrganizationId::new(totals.organization_id);
        let (Ok(payee), Ok(token)) = (totals.payee.parse::<Address>(), totals.token.parse::<Address>()) else {
            return Err(RoundError::Denied(format!("{} is no payee", totals.payee)));
        };
        let pool = &self.context.pool;
        let before = settlement::count_settlements(pool, totals.organization_id, &totals.payee, &totals.token).await?;
        // The same count gives the same id: two leaders open one settlement.
        let id = caused(&[
            b"open settlement",
            totals.organization_id.as_bytes(),
            &settings.contract.0,
            &payee.0,
            &token.0,
            &before.to_be_bytes(),
        ]);
        let settlement_id = SettlementId::new(id);
        let lane = Lane {
            chain_id: settings.network.chain_id,
            contract: settings.contract,
            token,
            currency: Currency::USDC,
            payee,
        };
        let opened = Opened { settlement_id, organization_id, lane, cause };
        let command = SettlementCommand { organization_id, action: Action::Open(opened) };
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        let done = self.execute::<Settlement>(organization_id, totals.partition, stream, id, command).await?;
        if let Err(denied) = done {
            tracing::debug!(%settlement_id, %denied, "the read model is behind");
        }
        Ok(())
    }

    /// Takes a settlement one step further.
    async fn advance(&mut self, open: &OpenSettlement) -> Result<(), RoundError> {
        let settlement_id = SettlementId::new(open.settlement_id);
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        let mut state = self.context.ledger.load::<Settlement>(&stream).await?.state;
        if let (Status::Opened, Some((opened, _))) = (state.status, &state.opened) {
            self.make_plan(open, opened).await?;
            state = self.context.ledger.load::<Settlement>(&stream).await?.state;
        }
        let Some((opened, _)) = &state.opened else { return Ok(()) };
        match (state.status, &state.planned) {
            (Status::Planned, Some(planned)) => {
                if state.last_failure.as_ref().is_some_and(|failed| failed.retry_at > clock::now()) {
                    return Ok(());
                }
                let attempt = state.attempt();
                let purpose = Purpose::Settlement {
                    organization_id: opened.organization_id,
                    partition: open.partition,
                    settlement_id,
                    attempt,
                };
                let id = caused(&[b"transaction", open.settlement_id.as_bytes(), &attempt.to_be_bytes()]);
                if self.planner.enqueued.contains(&id) {
                    return Ok(());
                }
                self.release_others(open, opened, planned).await?;
                self.enqueue(id, purpose, opened.lane.contract, planned.calldata.clone()).await
            }
            _ => Ok(()),
        }
    }

    async fn make_plan(&mut self, open: &OpenSettlement, opened: &Opened) -> Result<(), RoundError> {
        if !self.caught_up(open.partition).await? {
            return Ok(());
        }
        let lane = &opened.lane;
        let candidates = settlement::candidates(
            &self.context.pool,
            open.organization_id,
            self.chain_id(),
            &self.contract(),
            &lane.payee.to_string(),
            &lane.token.to_string(),
            CLAIMS_MAX as i64,
            open.settlement_id,
            opened.cause == Cause::Requested,
        )
        .await?;
        let mut claims = Vec::new();
        let mut leaves = Vec::new();
        let mut calls = Vec::new();
        let mut total = Amount::ZERO;
        for candidate in &candidates {
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
            let action = Action::Abandon("there was nothing to claim".to_owned());
            return self.queue.tell_settlement(settlement, "abandoned", 0, action).await;
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
        let is_full = planned.claims.len() == CLAIMS_MAX;
        self.queue.tell_settlement(settlement, "planned", 0, Action::Plan(Box::new(planned))).await?;
        // Somebody asked for all there is: what did not fit comes next.
        if is_full && opened.cause == Cause::Requested { self.open_next(open, opened).await } else { Ok(()) }
    }

    /// Another leader may have asked session keys for claims that are not in the plan that stands.
    async fn release_others(
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

    async fn open_next(&self, open: &OpenSettlement, opened: &Opened) -> Result<(), RoundError> {
        let id = caused(&[b"next settlement", opened.settlement_id.uuid().as_bytes()]);
        let settlement_id = SettlementId::new(id);
        let next = Opened { settlement_id, ..opened.clone() };
        let organization_id = opened.organization_id;
        let command = SettlementCommand { organization_id, action: Action::Open(next) };
        let stream = StreamId::new(Settlement::CATEGORY, settlement_id);
        let done = self.execute::<Settlement>(organization_id, open.partition, stream, id, command).await?;
        done.map(|_| ()).map_err(|denied| RoundError::Denied(denied.to_string()))
    }

    /// Whether the read model has seen all that is in the log now: after a crash the claims that were
    /// planned before it must be found again.
    async fn caught_up(&self, partition: i32) -> Result<bool, RoundError> {
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
