//! What can have happened to a settler.

use serde::{Deserialize, Serialize};

use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::evm::{Address, Bytes32, HexBytes};
use crate::ids::{ExactPaymentId, OrganizationId, RelayId, SessionKeyId, SettlementId, TransactionId};
use crate::settler::Settler;

/// What a transaction is for, and so who is told what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Purpose {
    /// A settlement's attempt.
    Settlement {
        /// Whose.
        organization_id: OrganizationId,
        /// Where its streams live.
        partition: i32,
        /// Which.
        settlement_id: SettlementId,
        /// From 1.
        attempt: u32,
    },
    /// Something an owner asked for.
    Relay {
        /// Whose.
        organization_id: OrganizationId,
        /// Where its streams live.
        partition: i32,
        /// For this session key.
        session_key_id: SessionKeyId,
        /// Which.
        relay_id: RelayId,
    },
    /// The transfer that a payer authorized.
    Exact {
        /// Who is paid.
        organization_id: OrganizationId,
        /// Where its streams live.
        partition: i32,
        /// Which.
        exact_payment_id: ExactPaymentId,
    },
}

event_enum! {
    /// An event of a settler.
    SettlerEvent in Settler::CATEGORY;
    /// It has a key and a chain.
    Opened(Opened) = "opened", 1;
    /// A transaction is to be sent.
    Enqueued(Enqueued) = "enqueued", 1;
    /// It has a nonce and a signature.
    Signed(Signed) = "signed", 1;
    /// A node took it.
    Sent(Sent) = "sent", 1;
    /// It is in a block.
    Mined(Mined) = "mined", 1;
    /// It is in a block for good.
    Finalized(Finalized) = "finalized", 1;
    /// It will not be sent: the contract would refuse it.
    Rejected(Rejected) = "rejected", 1;
    /// Who waited for one that will not be sent knows it.
    Dismissed(Dismissed) = "dismissed", 1;
    /// It was signed again with the same nonce and higher fees.
    Replaced(Replaced) = "replaced", 1;
    /// The block it was in is gone.
    Reorganized(Reorganized) = "reorganized", 1;
    /// Somebody else's transaction took its nonce, for good.
    Displaced(Displaced) = "displaced", 1;
    /// Nonces that others used are left out.
    NoncesSkipped(NoncesSkipped) = "nonces_skipped", 1;
    /// What was signed is to be sent again: the chain was set back.
    ResendRequested(ResendRequested) = "resend_requested", 1;
    /// It was, or a person has given it up.
    Resent(Resent) = "resent", 1;
    /// The queue waits for a person.
    Stalled(Stalled) = "stalled", 1;
    /// It goes on.
    Resumed(Resumed) = "resumed", 1;
}

impl EventPayload for SettlerEvent {
    payload_methods!();
}

/// Payload of `settler.opened`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The address.
    pub address: Address,
    /// The first nonce that is ours to use.
    pub first_nonce: u64,
}

/// Payload of `settler.enqueued`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enqueued {
    /// Names it.
    pub transaction_id: TransactionId,
    /// What for.
    pub purpose: Purpose,
    /// The contract.
    pub to: Address,
    /// The call.
    pub calldata: HexBytes,
}

/// Payload of `settler.signed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signed {
    /// Which.
    pub transaction_id: TransactionId,
    /// Its nonce.
    pub nonce: u64,
    /// Its hash.
    pub tx_hash: Bytes32,
    /// The bytes that are sent.
    pub raw: HexBytes,
    /// At most this much gas.
    pub gas_limit: u64,
    /// At most this much for a unit of gas, in wei.
    pub max_fee_wei: u64,
    /// Of that to the block's producer, in wei.
    pub priority_fee_wei: u64,
}

/// Payload of `settler.sent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// Which.
    pub transaction_id: TransactionId,
    /// Its hash.
    pub tx_hash: Bytes32,
}

/// Payload of `settler.mined`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mined {
    /// Which.
    pub transaction_id: TransactionId,
    /// Its hash.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
    /// Whether the call went through.
    pub succeeded: bool,
}

/// Payload of `settler.finalized`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finalized {
    /// Which.
    pub transaction_id: TransactionId,
    /// Its hash.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// Whether the call went through.
    pub succeeded: bool,
}

/// Payload of `settler.rejected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// Which.
    pub transaction_id: TransactionId,
    /// Why.
    pub reason: String,
}

/// Payload of `settler.dismissed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dismissed {
    /// Which.
    pub transaction_id: TransactionId,
}

/// Payload of `settler.replaced`: its transaction once more, with the same nonce and higher fees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replaced {
    /// Which.
    pub transaction_id: TransactionId,
    /// Its nonce, as before.
    pub nonce: u64,
    /// The hash that it had.
    pub former_tx_hash: Bytes32,
    /// The hash that it has now.
    pub tx_hash: Bytes32,
    /// The bytes that are sent.
    pub raw: HexBytes,
    /// At most this much gas.
    pub gas_limit: u64,
    /// At most this much for a unit of gas, in wei.
    pub max_fee_wei: u64,
    /// Of that to the block's producer, in wei.
    pub priority_fee_wei: u64,
    /// Why.
    pub reason: String,
}

/// Payload of `settler.reorganized`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reorganized {
    /// Which.
    pub transaction_id: TransactionId,
    /// The version of it that was mined.
    pub tx_hash: Bytes32,
    /// The block that is gone.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
}

/// Payload of `settler.displaced`: it is signed anew, with another nonce.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Displaced {
    /// Which.
    pub transaction_id: TransactionId,
    /// The nonce that was taken.
    pub nonce: u64,
    /// The call.
    pub calldata: HexBytes,
}

/// Payload of `settler.nonces_skipped`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoncesSkipped {
    /// The nonce that was next.
    pub from: u64,
    /// The one that is.
    pub to: u64,
}

/// Payload of `settler.resend_requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResendRequested {
    /// From this nonce
    pub first_nonce: u64,
    /// up to this one.
    pub last_nonce: u64,
    /// Why.
    pub reason: String,
}

/// Payload of `settler.resent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resent {
    /// From this nonce
    pub first_nonce: u64,
    /// up to this one.
    pub last_nonce: u64,
    /// Why a person has given it up; `None` when all of it is in blocks for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<String>,
}

/// Why a queue waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StallReason {
    /// The chain asks for higher fees than are allowed.
    FeeCap,
    /// The address has too little of the chain's own coin.
    NoGasMoney,
    /// The nodes say that it pays too little, and it cannot be replaced any more.
    Underpriced,
    /// The nodes do not take it, in words that are not known or that read like a revert.
    NotTaken,
    /// Nothing of ours has the next nonce, and what comes after it waits for that.
    Gap,
    /// What the nodes say of it does not go together: where it is, and that its nonce was used.
    Unclear,
}

impl StallReason {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FeeCap => "fee_cap",
            Self::NoGasMoney => "no_gas_money",
            Self::Underpriced => "underpriced",
            Self::NotTaken => "not_taken",
            Self::Gap => "gap",
            Self::Unclear => "unclear",
        }
    }
}

/// Payload of `settler.stalled`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stalled {
    /// Why.
    pub reason: StallReason,
    /// The transaction that waits; `None` when it is the queue as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// In words.
    pub detail: String,
}

/// Payload of `settler.resumed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resumed {}
