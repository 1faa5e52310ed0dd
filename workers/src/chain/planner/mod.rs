//! Opens settlements when one is due, has their claims planned, and hands them to the settler; relays what owners
//! signed; pays out withdrawals whose time has come. `claims` makes the plans, `payout` pays out.
//!
//! The read model `settlement` only says where to look. What is claimed each session key decides on
//! its own stream, and a settlement's plan stands once it is in the log.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use chrono::TimeDelta;
use domain::evm::{Address, HexBytes};
use domain::ids::{OrganizationId, RelayId, SessionKeyId, SettlementId, TransactionId};
use domain::money::Currency;
use domain::organization::Organization;
use domain::session_key::SessionKeyEvent;
use domain::settlement::{Action, Cause, Lane, Opened, Settlement, SettlementCommand, Status};
use domain::settler::{Enqueued, Purpose, Settler, SettlerCommand};
use domain::{Aggregate, StreamId};
use eventstore::{Recorded, clock};
use projections::settlement::{self, LaneTotals, OpenSettlement};
use tokio::time::Instant;
use uuid::Uuid;

use super::{RoundError, SettlementRules, Worker, caused};

mod claims;
mod payout;

/// Relays that are taken up in one round.
const RELAYS_MAX: i64 = 200;
/// Settlements that are taken further in one round.
const ADVANCED_MAX: i64 = 500;
/// Settlements that wait for a block at a time. The queue has one order: what an owner signed, for example to freeze,
/// waits behind no more than these, and every payee has its turn among them.
const SETTLEMENTS_WAITING_MAX: usize = 20;
/// How often parked settlements are counted.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// What is remembered between rounds; losing it costs only work.
#[derive(Default)]
pub struct State {
    /// Settlements that cannot go on, so that it is said once.
    stuck: HashSet<Uuid>,
    /// Withdrawals that were tried to be paid out.
    payouts: payout::Tried,
    /// When parked settlements were last counted.
    counted: Option<Instant>,
    /// The log's own name.
    log_id: Option<Uuid>,
}

/// The settler's queue, as the planner fills it.
#[derive(Debug)]
struct Room {
    /// What is in it.
    known: HashSet<Uuid>,
    /// How many settlements may still be put into it.
    settlements: usize,
    /// Whether it was begun. Without a chain it cannot begin; what waits then waits in the log.
    is_open: bool,
}

impl Room {
    fn of(settler: &Settler) -> Self {
        let waits = settler.queue.iter().filter(|queued| {
            let is_settlement = matches!(queued.purpose, Purpose::Settlement { .. });
            is_settlement && queued.mined.is_none() && queued.rejected.is_none()
        });
        Self {
            settlements: SETTLEMENTS_WAITING_MAX.saturating_sub(waits.count()),
            known: settler.queue.iter().map(|queued| queued.id.uuid()).collect(),
            is_open: settler.opened.is_some(),
        }
    }
}

impl Worker {
    pub(super) async fn plan(&mut self) -> Result<(), RoundError> {
        let mut room = Room::of(&self.queue.load().await?.state);
        self.relay(&mut room).await?;
        self.open_due().await?;
        let (chain_id, contract, now) = (self.chain_id(), self.contract(), clock::now());
        // Each payee's oldest first: one with many does not keep the others waiting.
        let pool = &self.context.pool;
        for open in settlement::settlements_to_advance(pool, chain_id, &contract, now, ADVANCED_MAX).await? {
            match self.advance(&open, &mut room).await {
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
        self.count_parked().await
    }

    /// Shows how many settlements wait for a person.
    async fn count_parked(&mut self) -> Result<(), RoundError> {
        if self.planner.counted.is_some_and(|at| at.elapsed() < COUNT_EVERY) {
            return Ok(());
        }
        let parked = settlement::count_parked(&self.context.pool, self.chain_id(), &self.contract()).await?;
        metrics::gauge!("tollbook_settlements_parked").set(parked as f64);
        self.planner.counted = Some(Instant::now());
        Ok(())
    }

    /// Puts what owners signed into the settler's queue.
    async fn relay(&mut self, room: &mut Room) -> Result<(), RoundError> {
        if !room.is_open {
            return Ok(());
        }
        let (chain_id, contract) = (self.chain_id(), self.contract());
        let known: Vec<Uuid> = room.known.iter().copied().collect();
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
            self.enqueue(relay.relay_id, purpose, requested.to, requested.calldata, room).await?;
        }
        Ok(())
    }

    /// Gives whether it is in the queue.
    async fn enqueue(
        &self,
        id: Uuid,
        purpose: Purpose,
        to: Address,
        calldata: HexBytes,
        room: &mut Room,
    ) -> Result<bool, RoundError> {
        let transaction_id = TransactionId::new(id);
        let enqueued = Enqueued { transaction_id, purpose, to, calldata };
        let cause = self.queue.caused_here(b"enqueue", transaction_id);
        let is_there = self.queue.command(cause, SettlerCommand::Enqueue(Box::new(enqueued))).await?;
        if is_there {
            room.known.insert(id);
        }
        Ok(is_there)
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
            let is_old = lane.oldest_unsettled_at.is_some_and(|since| since + rules.age <= now);
            if let Some(cause) = cause(&lane, lane.unsettled >= rules.threshold.decimal(), is_old) {
                due.push((lane, cause));
            }
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
    async fn advance(&mut self, open: &OpenSettlement, room: &mut Room) -> Result<(), RoundError> {
        let settlement_id = SettlementId::new(open.settlement_id);
        let mut state = self.queue.load_settlement(settlement_id).await?.state;
        if let (Status::Opened, Some((opened, opened_at))) = (state.status, &state.opened) {
            self.make_plan(open, opened, *opened_at).await?;
            state = self.queue.load_settlement(settlement_id).await?.state;
        }
        let (Status::Planned, Some((opened, _)), Some(planned)) = (state.status, &state.opened, &state.planned) else {
            return Ok(());
        };
        if state.last_failure.as_ref().is_some_and(|failed| failed.retry_at > clock::now()) {
            return Ok(());
        }
        let attempt = state.attempt();
        let id = caused(&[b"transaction", open.settlement_id.as_bytes(), &attempt.to_be_bytes()]);
        if room.known.contains(&id) || room.settlements == 0 || !room.is_open {
            return Ok(());
        }
        let purpose = Purpose::Settlement {
            organization_id: opened.organization_id,
            partition: open.partition,
            settlement_id,
            attempt,
        };
        self.release_others(open, opened, planned).await?;
        if self.enqueue(id, purpose, opened.lane.contract, planned.calldata.clone(), room).await? {
            room.settlements -= 1;
        }
        Ok(())
    }
}

/// Why a settlement is due; what cannot wait comes first.
fn cause(lane: &LaneTotals, is_enough: bool, is_old: bool) -> Option<Cause> {
    let causes = [
        (lane.wanted_back, Cause::Withdrawal),
        (lane.revoked, Cause::Revoked),
        (lane.frozen, Cause::Frozen),
        (lane.expiring, Cause::Expiry),
        (is_enough, Cause::Threshold),
        (is_old, Cause::Age),
    ];
    causes.into_iter().find_map(|(is_it, cause)| is_it.then_some(cause))
}

#[cfg(test)]
mod tests;
