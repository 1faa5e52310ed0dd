//! What happened to a session key's money on its way out of the contract: to the payee, and back to the owner.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::evm::ChainRef;
use crate::ids::{CustomerId, SessionKeyId, SettlementId};
use crate::money::{Amount, Currency};
use crate::session_key::event::{SessionBalances, StoredVoucher};

/// Payload of `session_key.claim_planned`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimPlanned {
    /// With which.
    pub session_key_id: SessionKeyId,
    /// Whose.
    pub customer_id: CustomerId,
    /// In this settlement.
    pub settlement_id: SettlementId,
    /// What this claim adds.
    pub amount: Amount,
    /// The token.
    pub currency: Currency,
    /// Claimed after it, cumulative: `charged_to` cut to the token's decimals.
    pub total_claimed: Amount,
    /// What the claims before came to, exact.
    pub charged_from: Amount,
    /// What was charged up to the last charge this claim pays for, exact.
    pub charged_to: Amount,
    /// The voucher behind it; `None` when the key is kept here and signs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<StoredVoucher>,
}

/// Payload of `session_key.claim_released`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimReleased {
    /// Whose.
    pub customer_id: CustomerId,
    /// From this settlement.
    pub settlement_id: SettlementId,
    /// What it would have added and did not.
    pub amount: Amount,
    /// The token.
    pub currency: Currency,
    /// Why.
    pub reason: String,
}

/// Payload of `session_key.claimed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claimed {
    /// Whose.
    pub customer_id: CustomerId,
    /// The settlement it was planned in; `None` when somebody else claimed.
    pub settlement_id: Option<SettlementId>,
    /// What the chain paid.
    pub amount: Amount,
    /// How much of that was planned.
    pub planned: Amount,
    /// The token.
    pub currency: Currency,
    /// Cumulative, as the contract has it.
    pub total_claimed: Amount,
    /// Where.
    pub at: ChainRef,
    /// After it.
    pub after: SessionBalances,
}

/// Payload of `session_key.withdrawal_requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WithdrawalRequested {
    /// Whose.
    pub customer_id: CustomerId,
    /// At most this much: cut to what may ever be in escrow, and with what an earlier request that has not
    /// come to its end may still take.
    pub amount: Amount,
    /// The token.
    pub currency: Currency,
    /// What this request alone wants; not in older logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Amount>,
    /// When the contract will pay it out.
    pub available_at: Timestamp,
    /// Where.
    pub at: ChainRef,
    /// After it.
    pub after: SessionBalances,
}

/// Payload of `session_key.withdrawal_cancelled`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WithdrawalCancelled {
    /// Whose.
    pub customer_id: CustomerId,
    /// Where.
    pub at: ChainRef,
    /// After it.
    pub after: SessionBalances,
}

/// Payload of `session_key.withdrawn`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// Whose.
    pub customer_id: CustomerId,
    /// What the owner got.
    pub amount: Amount,
    /// The token.
    pub currency: Currency,
    /// Where.
    pub at: ChainRef,
    /// After it.
    pub after: SessionBalances,
}

/// Payload of `session_key.closed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// Whose.
    pub customer_id: CustomerId,
    /// What was charged and will never be claimed: less than an atomic unit, unless the owner was faster
    /// or the time to claim was over.
    pub written_off: Amount,
    /// The token.
    pub currency: Currency,
    /// After it.
    pub after: SessionBalances,
}
