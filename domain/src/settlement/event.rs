//! What can have happened to a settlement.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::evm::{Address, Bytes32, HexBytes};
use crate::ids::{CustomerId, OrganizationId, SessionKeyId, SettlementId};
use crate::money::{Amount, Currency};
use crate::settlement::Settlement;

/// Why a settlement was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Enough was unsettled.
    Threshold,
    /// Something was unsettled for long enough.
    Age,
    /// Somebody asked.
    Requested,
    /// An owner wants money back.
    Withdrawal,
    /// A session was frozen by its owner.
    Frozen,
    /// A session was revoked.
    Revoked,
    /// A session has expired, or is about to.
    Expiry,
    /// One of the four before, withdrawals included, as older logs have it.
    Ending,
}

impl Cause {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Threshold => "threshold",
            Self::Age => "age",
            Self::Requested => "requested",
            Self::Withdrawal => "withdrawal",
            Self::Frozen => "frozen",
            Self::Revoked => "revoked",
            Self::Expiry => "expiry",
            Self::Ending => "ending",
        }
    }
}

/// Where money goes and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
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
}

/// One claim of a settlement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedClaim {
    /// Of this session key.
    pub session_key_id: SessionKeyId,
    /// Of this customer.
    pub customer_id: CustomerId,
    /// What the contract calls the session.
    pub session_id: Bytes32,
    /// What it adds.
    pub amount: Amount,
    /// Cumulative.
    pub total_claimed: Amount,
    /// How many charges it pays for.
    pub charges: u64,
    /// Position of the first and the last of them in the log.
    pub first_position: i64,
    /// See `first_position`.
    pub last_position: i64,
}

/// The end of the log when a settlement was planned: it goes on chain with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// Which partition.
    pub partition: i32,
    /// Its last position.
    pub position: i64,
    /// The last link of its hash chain.
    pub chain: Bytes32,
}

event_enum! {
    /// An event of a settlement.
    SettlementEvent in Settlement::CATEGORY;
    /// It is wanted.
    Opened(Opened) = "opened", 1;
    /// Its claims stand.
    Planned(Planned) = "planned", 1;
    /// There was nothing to claim.
    Abandoned(Abandoned) = "abandoned", 1;
    /// A signed transaction is in the settler's queue.
    Submitted(Submitted) = "submitted", 1;
    /// It is in a block.
    Mined(Mined) = "mined", 1;
    /// It is in a block for good.
    Finalized(Finalized) = "finalized", 1;
    /// An attempt came to nothing.
    Failed(Failed) = "failed", 1;
    /// No further attempts until a person asks for one.
    Parked(Parked) = "parked", 1;
    /// A person asked for another attempt.
    Retried(Retried) = "retried", 1;
    /// Its transaction has another hash, or another nonce.
    Resubmitted(Resubmitted) = "resubmitted", 1;
    /// The block it was in is gone.
    Reorganized(Reorganized) = "reorganized", 1;
}

impl EventPayload for SettlementEvent {
    payload_methods!();
}

/// Payload of `settlement.opened`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Its id.
    pub settlement_id: SettlementId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Where the money goes.
    #[serde(flatten)]
    pub lane: Lane,
    /// Why.
    pub cause: Cause,
}

/// Payload of `settlement.planned`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// At most [`CLAIMS_MAX`](crate::settlement::CLAIMS_MAX).
    pub claims: Vec<PlannedClaim>,
    /// What they add up to.
    pub total: Amount,
    /// The token.
    pub currency: Currency,
    /// Merkle root over the charges it pays for and the log's head.
    pub evidence_root: Bytes32,
    /// Leaves of that tree.
    pub evidence_leaves: u64,
    /// The last leaf.
    pub log_head: LogHead,
    /// The call that makes them, with every voucher in it.
    pub calldata: HexBytes,
}

/// Payload of `settlement.abandoned`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Abandoned {
    /// Why.
    pub reason: String,
}

/// Payload of `settlement.submitted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its nonce.
    pub nonce: u64,
}

/// Payload of `settlement.mined`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mined {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
}

/// Payload of `settlement.finalized`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finalized {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
    /// What was transferred to the payee.
    pub transferred: Amount,
    /// The token.
    pub currency: Currency,
    /// Claims that were paid.
    pub settled: u32,
    /// Claims that the contract skipped, with its reasons.
    pub skipped: Vec<SkippedClaim>,
    /// Gas it took.
    pub gas_used: u64,
    /// Price of one unit of gas, in wei.
    pub gas_price_wei: u64,
}

/// A claim that the contract skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SkippedClaim {
    /// Of this session.
    pub session_id: Bytes32,
    /// The contract's reason.
    pub reason: String,
}

/// Payload of `settlement.failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Which attempt.
    pub attempt: u32,
    /// Why.
    pub reason: String,
    /// Not before this the next one.
    pub retry_at: Timestamp,
}

/// Payload of `settlement.parked`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    /// After so many attempts.
    pub attempts: u32,
    /// What the last one came to.
    pub reason: String,
}

/// Payload of `settlement.retried`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retried {
    /// Attempts before.
    pub attempts: u32,
}

/// Payload of `settlement.resubmitted`: the attempt's transaction was replaced, or signed anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resubmitted {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its nonce.
    pub nonce: u64,
    /// Why.
    pub reason: String,
}

/// Payload of `settlement.reorganized`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reorganized {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// The block that is gone.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
}
