//! What can have happened to an exact payment.

use serde::{Deserialize, Serialize};

use super::{ExactPayment, Status};
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::evm::{Address, Bytes32, HexBytes};
use crate::ids::{ExactPaymentId, OrganizationId, RouteId, TransactionId};
use crate::money::{Amount, Currency};

event_enum! {
    /// An event of an exact payment.
    ExactPaymentEvent in ExactPayment::CATEGORY;
    /// It pays for a request that is under way.
    Accepted(Accepted) = "accepted", 1;
    /// That request came to nothing: it may pay for another one.
    Released(Released) = "released", 1;
    /// It is to be settled, whatever becomes of the request.
    Submitted(Submitted) = "submitted", 1;
    /// The transfer is in a block.
    Settled(Settled) = "settled", 1;
    /// It is in a block for good.
    Finalized(Finalized) = "finalized", 1;
    /// The transfer did not come about.
    Failed(Failed) = "failed", 1;
    /// The payer has what was paid for.
    Delivered(Delivered) = "delivered", 1;
}

impl EventPayload for ExactPaymentEvent {
    payload_methods!();
}

/// Payload of `exact_payment.accepted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its id; see [`id_of`].
    pub exact_payment_id: ExactPaymentId,
    /// Who is paid.
    pub organization_id: OrganizationId,
    /// For a request of this route; `None` when it came through the facilitator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_id: Option<RouteId>,
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The token.
    pub token: Address,
    /// Who pays, and signed.
    pub from: Address,
    /// Where it goes.
    pub to: Address,
    /// How much; a whole number of atomic units.
    pub amount: Amount,
    /// What the token is here.
    pub currency: Currency,
    /// Good after this second
    pub valid_after: u64,
    /// and before this one.
    pub valid_before: u64,
    /// Good for once.
    pub nonce: Bytes32,
    /// By `from`.
    pub signature: HexBytes,
    /// The newest block when it was checked: until then the nonce was not used.
    pub block_number: u64,
    /// SHA-256 of the request that it pays for.
    pub request_digest: Bytes32,
}

/// Payload of `exact_payment.released`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {}

/// Payload of `exact_payment.submitted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The transaction in the queue of whoever sends it.
    pub transaction_id: TransactionId,
}

/// Payload of `exact_payment.settled`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// The transaction: ours, or that of somebody who was faster.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
    /// What was transferred.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

/// Payload of `exact_payment.finalized`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finalized {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
    /// What was transferred.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

/// Payload of `exact_payment.failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Why.
    pub reason: String,
    /// What had been taken for settled until then: zero, or all of it after a reorganization of the chain.
    pub reversed: Amount,
    /// Of what.
    pub currency: Currency,
}

/// Payload of `exact_payment.delivered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {}

/// Where on the chain a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
}

impl ExactPaymentEvent {
    /// The status that it leads to; `None` for what changes none.
    pub const fn status(&self) -> Option<Status> {
        match self {
            Self::Accepted(_) => Some(Status::Accepted),
            Self::Released(_) => Some(Status::Released),
            Self::Submitted(_) => Some(Status::Settling),
            Self::Settled(_) => Some(Status::Settled),
            Self::Finalized(_) => Some(Status::Final),
            Self::Failed(_) => Some(Status::Failed),
            Self::Delivered(_) => None,
        }
    }
}
