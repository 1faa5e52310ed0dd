//! What the chain must say if the log is right: per session key its claims and escrow, per payee its transfers, and each
//! single payment. Folded from the log alone, for whoever asks the chain.
//!
//! [`ChainFold`] reads the log once and goes on from where it is; [`session_totals`] is one that reads all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::chain_watch::{ChainWatch, ChainWatchEvent};
use domain::evm::{Address, Bytes32};
use domain::exact_payment::{Accepted, ExactPayment, ExactPaymentEvent, Place, Status};
use domain::ids::{ExactPaymentId, OrganizationId, SessionKeyId, SettlementId};
use domain::money::{Amount, Currency};
use domain::session_key::{SessionKey, SessionKeyEvent};
use domain::settlement::{Lane, Settlement, SettlementEvent};
use domain::{Aggregate, LedgerEvent, RecordedEvent};
use eventstore::log::Log;

use super::PAGE;
use crate::projection::{ProjectionError, stream_key};

/// What a session key came to in the log. A session of the contract with several payees is several.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionTotals {
    /// Whose.
    pub organization_id: OrganizationId,
    /// Which.
    pub session_key_id: SessionKeyId,
    /// What the contract calls the session.
    pub session_id: Bytes32,
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The contract.
    pub contract: Address,
    /// The token.
    pub token: Address,
    /// What that token is here.
    pub currency: Currency,
    /// Who is paid.
    pub payee: Address,
    /// Whether the contract knows the session, for good: else there is nothing to ask it.
    pub registered: bool,
    /// Charged, exact. The contract does not know this.
    pub charged: Amount,
    /// Claimed, cumulative.
    pub claimed: Amount,
    /// Deposited for good.
    pub deposited: Amount,
    /// Given back to the owner.
    pub withdrawn: Amount,
}

/// A settlement that is final.
#[derive(Debug, Clone, PartialEq)]
pub struct FinalizedSettlement {
    /// Whose.
    pub organization_id: OrganizationId,
    /// Which.
    pub settlement_id: SettlementId,
    /// Its transaction.
    pub tx_hash: Bytes32,
    /// That one's block.
    pub block_number: u64,
    /// What was transferred.
    pub transferred: Amount,
}

/// Claims of one transaction that is none of our settlements.
#[derive(Debug, Clone, PartialEq)]
pub struct OthersClaims {
    /// Its block.
    pub block_number: u64,
    /// Whose session keys, which, and how much.
    pub claims: Vec<(OrganizationId, SessionKeyId, Amount)>,
}

/// What a payee got in settlements that are final, and what else was claimed for it.
#[derive(Debug, Clone, PartialEq)]
pub struct PayeeTotals {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The contract.
    pub contract: Address,
    /// The token.
    pub token: Address,
    /// What that token is here.
    pub currency: Currency,
    /// Who was paid.
    pub payee: Address,
    /// The sum over the settlements.
    pub transferred: Amount,
    /// Each of them, in the order of the log.
    pub settlements: Vec<FinalizedSettlement>,
    /// Claims that the chain has told of, by transaction, less those of these settlements.
    pub claims: BTreeMap<Bytes32, OthersClaims>,
    /// Transactions of settlements that are not final yet.
    pub under_way: BTreeSet<Bytes32>,
}

impl PayeeTotals {
    fn new(lane: Lane) -> Self {
        Self {
            chain_id: lane.chain_id,
            contract: lane.contract,
            token: lane.token,
            currency: lane.currency,
            payee: lane.payee,
            transferred: Amount::ZERO,
            settlements: Vec::new(),
            claims: BTreeMap::new(),
            under_way: BTreeSet::new(),
        }
    }

    /// The block of the first of our settlements, or of the first claims of somebody else; what came before is not ours.
    /// `None` when there was nothing yet.
    pub fn first_block(&self) -> Option<u64> {
        let settled = self.settlements.iter().map(|settlement| settlement.block_number);
        let claimed = self.claims.iter().filter(|(tx_hash, _)| !self.under_way.contains(*tx_hash));
        settled.chain(claimed.map(|(_, claims)| claims.block_number)).min()
    }
}

/// An exact payment that is final.
#[derive(Debug, Clone, PartialEq)]
pub struct FinalPayment {
    /// What its payer signed, and for whom.
    pub accepted: Accepted,
    /// Where the transfer stands.
    pub place: Place,
}

/// What the chain must say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChainTotals {
    /// Of each session key.
    pub sessions: Vec<SessionTotals>,
    /// Of each payee that was ever paid.
    pub payees: Vec<PayeeTotals>,
    /// Of each exact payment.
    pub exact: Vec<FinalPayment>,
    /// Whether a chain was ever set back: what is final may have come into an earlier block since.
    pub was_set_back: bool,
}

/// Chain, contract, token, payee.
type LaneKey = (u64, Address, Address, Address);

/// A settlement that is not final, and its transactions so far.
#[derive(Debug, Default)]
struct Unfinished {
    state: Settlement,
    transactions: BTreeSet<Bytes32>,
}

/// What the log says, as far as it was read. Its amounts are those of events that are final on chain, so a chain that was
/// read up to a later block says as much or more.
#[derive(Debug, Default)]
pub struct ChainFold {
    positions: BTreeMap<i32, i64>,
    partitions: BTreeMap<OrganizationId, i32>,
    sessions: BTreeMap<SessionKeyId, SessionTotals>,
    settlements: BTreeMap<SettlementId, Unfinished>,
    /// Transactions of settlements that are final.
    settled: BTreeSet<Bytes32>,
    lanes: BTreeMap<LaneKey, PayeeTotals>,
    payments: BTreeMap<ExactPaymentId, ExactPayment>,
    finals: BTreeMap<ExactPaymentId, FinalPayment>,
    was_set_back: bool,
}

impl ChainFold {
    /// Reads what the log has got since the last time. After an error it goes on from there.
    pub async fn follow(&mut self, log: &Arc<dyn Log>) -> Result<(), ProjectionError> {
        for partition in log.partitions().await? {
            let head = log.head(partition).await?.position;
            let mut after = self.positions.get(&partition).copied().unwrap_or(0);
            while after < head {
                let page = log.read(partition, after, PAGE.min(head - after)).await?;
                if page.is_empty() {
                    break;
                }
                for recorded in &page {
                    self.take_in(recorded)?;
                    after = recorded.position;
                    self.positions.insert(partition, after);
                }
            }
        }
        Ok(())
    }

    /// Of each session key.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionTotals> {
        self.sessions.values()
    }

    /// One session key.
    pub fn session(&self, id: SessionKeyId) -> Option<&SessionTotals> {
        self.sessions.get(&id)
    }

    /// Of each payee that was ever paid.
    pub fn payees(&self) -> impl Iterator<Item = &PayeeTotals> {
        self.lanes.values().filter(|payee| payee.first_block().is_some())
    }

    /// Exact payments that are final, but for those that are forgotten.
    pub fn exact(&self) -> impl Iterator<Item = &FinalPayment> {
        self.finals.values()
    }

    /// Forgets an exact payment that was compared and is fine: nothing of it will change.
    pub fn forget_exact(&mut self, id: ExactPaymentId) {
        self.finals.remove(&id);
    }

    /// Whether a chain was ever set back.
    pub const fn was_set_back(&self) -> bool {
        self.was_set_back
    }

    /// Where an organization lives that has anything to do with a chain.
    pub fn partition_of(&self, organization_id: OrganizationId) -> Option<i32> {
        self.partitions.get(&organization_id).copied()
    }

    fn take_in(&mut self, recorded: &RecordedEvent) -> Result<(), ProjectionError> {
        // Most of a log has nothing to do with a chain: it is not even read.
        let concerns = [SessionKey::CATEGORY, Settlement::CATEGORY, ExactPayment::CATEGORY, ChainWatch::CATEGORY];
        if !concerns.contains(&recorded.stream_id.category()) {
            return Ok(());
        }
        let poison =
            |e: domain::DecodeError| ProjectionError::Poison { position: recorded.position, reason: e.to_string() };
        match LedgerEvent::decode(recorded).map_err(poison)? {
            LedgerEvent::SessionKey(event) => self.take_in_session(recorded, &event),
            LedgerEvent::Settlement(event) => self.take_in_settlement(recorded, &event),
            LedgerEvent::ExactPayment(event) => self.take_in_payment(recorded, &event),
            LedgerEvent::ChainWatch(ChainWatchEvent::Confirmed(_)) => {
                self.was_set_back = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_in_session(&mut self, recorded: &RecordedEvent, event: &SessionKeyEvent) -> Result<(), ProjectionError> {
        if let SessionKeyEvent::Granted(granted) = event {
            let terms = &granted.terms;
            let session = SessionTotals {
                organization_id: granted.organization_id,
                session_key_id: granted.session_key_id,
                session_id: terms.session_id,
                chain_id: terms.chain_id,
                contract: terms.contract,
                token: terms.token,
                currency: terms.currency,
                payee: terms.payee,
                registered: false,
                charged: Amount::ZERO,
                claimed: Amount::ZERO,
                deposited: Amount::ZERO,
                withdrawn: Amount::ZERO,
            };
            self.partitions.insert(granted.organization_id, recorded.partition);
            self.sessions.insert(granted.session_key_id, session);
            return Ok(());
        }
        let id: SessionKeyId = stream_key(recorded)?;
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        match event {
            SessionKeyEvent::Registered(_) => session.registered = true,
            SessionKeyEvent::Deposited(e) => session.deposited = session.deposited.plus(e.amount),
            SessionKeyEvent::Withdrawn(e) => session.withdrawn = session.withdrawn.plus(e.amount),
            SessionKeyEvent::Restated(e) => session.deposited = e.deposited,
            SessionKeyEvent::Claimed(e) => {
                session.claimed = session.claimed.max(e.total_claimed);
                let SessionTotals { chain_id, contract, token, currency, payee, organization_id, .. } = *session;
                if !self.settled.contains(&e.at.tx_hash) {
                    let lane = self.lane(Lane { chain_id, contract, token, currency, payee });
                    let nothing = || OthersClaims { block_number: e.at.block_number, claims: Vec::new() };
                    let others = lane.claims.entry(e.at.tx_hash).or_insert_with(nothing);
                    others.claims.push((organization_id, id, e.amount));
                }
            }
            event => {
                if let Some(charge) = event.charge() {
                    session.charged = session.charged.plus(charge.amount);
                }
            }
        }
        Ok(())
    }

    fn lane(&mut self, lane: Lane) -> &mut PayeeTotals {
        let key = (lane.chain_id, lane.contract, lane.token, lane.payee);
        self.lanes.entry(key).or_insert_with(|| PayeeTotals::new(lane))
    }

    fn take_in_settlement(&mut self, recorded: &RecordedEvent, event: &SettlementEvent) -> Result<(), ProjectionError> {
        let id: SettlementId = stream_key(recorded)?;
        let unfinished = self.settlements.entry(id).or_default();
        unfinished.state.apply_event(event, recorded.occurred_at);
        // Its call is long, and nothing here asks for it.
        unfinished.state.planned = None;
        let transaction = unfinished.state.submitted.as_ref().map(|submitted| submitted.tx_hash);
        unfinished.transactions.extend(transaction);
        let Some((lane, organization_id)) =
            unfinished.state.opened.as_ref().map(|(opened, _)| (opened.lane, opened.organization_id))
        else {
            return Ok(());
        };
        self.partitions.insert(organization_id, recorded.partition);
        self.lane(lane).under_way.extend(transaction);
        if let SettlementEvent::Abandoned(_) = event {
            self.settlements.remove(&id);
        }
        let SettlementEvent::Finalized(end) = event else { return Ok(()) };
        let payee = self.lane(lane);
        payee.claims.remove(&end.tx_hash);
        payee.transferred = payee.transferred.plus(end.transferred);
        payee.settlements.push(FinalizedSettlement {
            organization_id,
            settlement_id: id,
            tx_hash: end.tx_hash,
            block_number: end.block_number,
            transferred: end.transferred,
        });
        self.settled.insert(end.tx_hash);
        let finished = self.settlements.remove(&id).unwrap_or_default();
        self.lane(lane).under_way.retain(|tx_hash| !finished.transactions.contains(tx_hash));
        Ok(())
    }

    fn take_in_payment(&mut self, recorded: &RecordedEvent, event: &ExactPaymentEvent) -> Result<(), ProjectionError> {
        let id: ExactPaymentId = stream_key(recorded)?;
        if let ExactPaymentEvent::Accepted(accepted) = event {
            self.partitions.insert(accepted.organization_id, recorded.partition);
            self.payments.entry(id).or_default();
        }
        // What is final stays so, and is not here any more: it may only be delivered.
        let Some(payment) = self.payments.get_mut(&id) else { return Ok(()) };
        payment.apply_event(event, recorded.occurred_at);
        if payment.status == Status::Final
            && let Some(payment) = self.payments.remove(&id)
            && let Some(payment) = final_payment(payment)
        {
            self.finals.insert(id, payment);
        }
        Ok(())
    }
}

/// Folds the whole log.
pub async fn session_totals(log: &Arc<dyn Log>) -> Result<ChainTotals, ProjectionError> {
    let mut fold = ChainFold::default();
    fold.follow(log).await?;
    Ok(ChainTotals {
        payees: fold.payees().cloned().collect(),
        sessions: fold.sessions.into_values().collect(),
        exact: fold.finals.into_values().collect(),
        was_set_back: fold.was_set_back,
    })
}

fn final_payment(payment: ExactPayment) -> Option<FinalPayment> {
    let ((accepted, _), place) = (payment.accepted?, payment.settled?);
    Some(FinalPayment { accepted, place })
}
