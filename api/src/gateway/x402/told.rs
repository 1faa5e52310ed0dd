//! What the gateway tells whoever pays: receipts, and where a session stands.

use domain::evm::{Address, Bytes32, HexBytes};
use domain::ids::ChargeId;
use domain::money::{Amount, Currency};
use serde::{Deserialize, Serialize};

/// What the ledger knows of a session, in the corrective 402: what a client needs to sign again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Which.
    pub session_id: Bytes32,
    /// Whose vouchers it takes: another one, where its owner has replaced the client's.
    pub key: Address,
    /// Charged so far, cumulative, rounded up.
    #[serde(with = "super::digits")]
    pub charged: u128,
    /// Reserved by requests under way, rounded up.
    #[serde(with = "super::digits")]
    pub held: u128,
    /// Left of the deposit, rounded down.
    #[serde(with = "super::digits")]
    pub available: u128,
    /// In escrow for good, less what was given back: the highest `maxClaimable` that is taken. Rounded down.
    #[serde(with = "super::digits")]
    pub deposited: u128,
    /// The smallest `maxClaimable` that suffices for this request.
    #[serde(with = "super::digits")]
    pub required: u128,
    /// The highest voucher of that key that the ledger has. The client checks its own signature on it before it
    /// believes `required`.
    pub voucher: Option<KnownVoucher>,
}

/// A voucher that the ledger has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownVoucher {
    /// Cumulative.
    #[serde(with = "super::digits")]
    pub max_claimable: u128,
    /// In the compact form of ERC-2098: 64 bytes.
    pub signature: HexBytes,
}

/// What a client gets for a payment: x402's `SettleResponse`, with what the ledger knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Whether it was paid.
    pub success: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// A transaction's hash, or the charge's (while it is pending the hold's) id; empty when nothing was paid.
    pub transaction: String,
    /// CAIP-2 in version 2, a name in version 1.
    pub network: String,
    /// Whose money it was: who signed the transfer, or the session's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Address>,
    /// Atomic units, as digits; of a charge rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// What the ledger knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<ReceiptExtra>,
}

impl Receipt {
    /// That nothing was paid, and why.
    pub fn failure(network: String, reason: &str) -> Self {
        Self {
            success: false,
            error_reason: Some(reason.to_owned()),
            transaction: String::new(),
            network,
            payer: None,
            amount: None,
            extra: None,
        }
    }
}

/// What the ledger knows of a payment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReceiptExtra {
    /// The charge; `None` while it is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<ChargeId>,
    /// What it cost, exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Amount>,
    /// In this currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// What is left of the session's deposit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<Amount>,
    /// Charged to the session, cumulative, atomic units, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<String>,
    /// What holds of the session reserve after this, atomic units, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// The session's id in the contract.
    #[serde(rename = "sessionId", default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Bytes32>,
    /// Whether the cost is not known yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
}
