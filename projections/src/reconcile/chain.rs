//! What the chain must say if the log is right: per session key its claims, per payee its transfers, and each single
//! payment.
//! Folded from the log alone, for whoever asks the chain.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::evm::{Address, Bytes32};
use domain::exact_payment::{Accepted, ExactPayment, Place, Status};
use domain::ids::{OrganizationId, SessionKeyId, SettlementId};
use domain::money::{Amount, Currency};
use domain::session_key::SessionKey;
use domain::settlement::{Settlement, SettlementEvent};
use domain::{Aggregate, LedgerEvent, StreamId};
use eventstore::log::Log;

use super::each_event;
use crate::projection::ProjectionError;

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
    /// Which.
    pub settlement_id: SettlementId,
    /// Its transaction.
    pub tx_hash: Bytes32,
    /// That one's block.
    pub block_number: u64,
    /// What was transferred.
    pub transferred: Amount,
}

/// What a payee got in settlements that are final.
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
}

/// Folds the log. Its amounts are those of events that are final on chain, so a chain that was read
/// up to a later block says as much or more.
pub async fn session_totals(log: &Arc<dyn Log>) -> Result<ChainTotals, ProjectionError> {
    let mut keys: BTreeMap<StreamId, SessionKey> = BTreeMap::new();
    let mut settlements: BTreeMap<StreamId, Settlement> = BTreeMap::new();
    let mut payments: BTreeMap<StreamId, ExactPayment> = BTreeMap::new();
    let mut finalized = Vec::new();
    each_event(log, |recorded, event| match event {
        LedgerEvent::SessionKey(event) => {
            let key = keys.entry(recorded.stream_id.clone()).or_default();
            key.apply_event(event, recorded.occurred_at);
        }
        LedgerEvent::Settlement(event) => {
            let settlement = settlements.entry(recorded.stream_id.clone()).or_default();
            settlement.apply_event(event, recorded.occurred_at);
            if let SettlementEvent::Finalized(_) = event {
                finalized.push(recorded.stream_id.clone());
            }
        }
        LedgerEvent::ExactPayment(event) => {
            let payment = payments.entry(recorded.stream_id.clone()).or_default();
            payment.apply_event(event, recorded.occurred_at);
        }
        _ => {}
    })
    .await?;
    let mut payees: BTreeMap<(u64, Address, Address, Address), PayeeTotals> = BTreeMap::new();
    for settlement in finalized.iter().filter_map(|id| settlements.get(id)) {
        let (Some((opened, _)), Some(end)) = (&settlement.opened, &settlement.finalized) else { continue };
        let lane = opened.lane;
        let place = (lane.chain_id, lane.contract, lane.token, lane.payee);
        let payee = payees.entry(place).or_insert_with(|| PayeeTotals {
            chain_id: lane.chain_id,
            contract: lane.contract,
            token: lane.token,
            currency: lane.currency,
            payee: lane.payee,
            transferred: Amount::ZERO,
            settlements: Vec::new(),
        });
        payee.transferred = payee.transferred.plus(end.transferred);
        payee.settlements.push(FinalizedSettlement {
            settlement_id: opened.settlement_id,
            tx_hash: end.tx_hash,
            block_number: end.block_number,
            transferred: end.transferred,
        });
    }
    let sessions = keys.into_values().filter_map(totals).collect();
    let exact = payments.into_values().filter_map(final_payment).collect();
    Ok(ChainTotals { sessions, payees: payees.into_values().collect(), exact })
}

fn final_payment(payment: ExactPayment) -> Option<FinalPayment> {
    let ((accepted, _), place) = (payment.accepted?, payment.settled?);
    (payment.status == Status::Final).then_some(FinalPayment { accepted, place })
}

fn totals(key: SessionKey) -> Option<SessionTotals> {
    let grant = key.grant?;
    Some(SessionTotals {
        organization_id: grant.organization_id,
        session_key_id: grant.id,
        session_id: grant.terms.session_id,
        chain_id: grant.terms.chain_id,
        contract: grant.terms.contract,
        token: grant.terms.token,
        currency: grant.terms.currency,
        payee: grant.terms.payee,
        registered: key.registered,
        charged: key.charged,
        claimed: key.claimed,
        deposited: key.deposited,
        withdrawn: key.withdrawn,
    })
}
