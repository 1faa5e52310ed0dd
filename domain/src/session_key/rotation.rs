//! What happened to a session key because the chain went back, or because its owner gave it another key.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::evm::{Address, ChainRef};
use crate::ids::CustomerId;
use crate::money::{Amount, Currency};
use crate::session_key::Sight;
use crate::session_key::event::SessionBalances;

/// Payload of `session_key.sight_undone`. What is left of the kind, if anything is, comes as an event of its own
/// right after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SightUndone {
    /// Whose.
    pub customer_id: CustomerId,
    /// What had been seen.
    pub what: Sight,
    /// Where: in a block that is gone.
    pub at: ChainRef,
    /// After it.
    pub after: SessionBalances,
}

/// Payload of `session_key.key_prepared`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyPrepared {
    /// Whose.
    pub customer_id: CustomerId,
    /// The new key.
    pub key: Address,
}

/// Payload of `session_key.rotation_seen`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RotationSeen {
    /// Whose.
    pub customer_id: CustomerId,
    /// The new key.
    pub key: Address,
    /// Where.
    pub at: ChainRef,
    /// Until when vouchers of the key before are paid.
    pub claimable_until: Timestamp,
}

/// Payload of `session_key.key_rotated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyRotated {
    /// Whose.
    pub customer_id: CustomerId,
    /// The key before.
    pub former_key: Address,
    /// The new key.
    pub key: Address,
    /// Where.
    pub at: ChainRef,
    /// Until when vouchers of the key before are paid.
    pub claimable_until: Timestamp,
    /// Until when the voucher that is kept is paid, when it is by a key that was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_voucher_until: Option<Timestamp>,
}

/// Payload of `session_key.restated`: the chain was set back, and deposits are not there any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restated {
    /// Whose.
    pub customer_id: CustomerId,
    /// Deposited, as it is now.
    pub deposited: Amount,
    /// By how much that is less.
    pub amount: Amount,
    /// The token.
    pub currency: Currency,
    /// Why.
    pub reason: String,
    /// The block that says so.
    pub block_number: u64,
    /// After it.
    pub after: SessionBalances,
}
