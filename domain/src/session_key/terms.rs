//! What an owner signs, and who may do what with it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::evm::{Address, Bytes32};
use crate::money::{Amount, Currency};

/// Who holds the key that signs vouchers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Custody {
    /// Tollbook, encrypted; it signs when it settles.
    Managed,
    /// The client; it signs a voucher before value is delivered.
    #[serde(rename = "self")]
    Client,
}

impl Custody {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Client => "self",
        }
    }
}

/// Who stopped a session key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrozenBy {
    /// The wallet that granted it.
    Owner,
    /// Who is paid with it.
    Organization,
    /// Whom the payee named on chain to do that. Of freezes only.
    Guardian,
}

/// What is sent to the chain for an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayAction {
    /// Register the session with the owner's signature.
    Register,
    /// Register and fund it with one signature.
    Open,
    /// Put more into escrow.
    Deposit,
    /// Freeze it.
    Freeze,
    /// Lift the owner's freeze.
    Unfreeze,
    /// End it.
    Revoke,
    /// Ask for money back.
    RequestWithdraw,
    /// Pay that out.
    FinalizeWithdraw,
    /// Give it another key.
    RotateKey,
}

impl RelayAction {
    /// Whether it makes the chain know the session.
    pub const fn registers(self) -> bool {
        matches!(self, Self::Register | Self::Open)
    }
}

/// What an owner signs, and how it is called here. Amounts in the token's units (1 USDC = 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Who holds the key.
    pub custody: Custody,
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The contract.
    pub contract: Address,
    /// The token it pays in.
    pub token: Address,
    /// What that token is here.
    pub currency: Currency,
    /// Name of the session in the contract: the EIP-712 hash of what follows.
    pub session_id: Bytes32,
    /// Whose money it is.
    pub owner: Address,
    /// Who signs vouchers.
    pub key: Address,
    /// Who is paid.
    pub payee: Address,
    /// The most that may lie in escrow.
    pub limit: Amount,
    /// The most that may be charged in a period; zero when `period_secs` is.
    pub period_limit: Amount,
    /// Length of a period, counted from `valid_after`; zero for none.
    pub period_secs: u32,
    /// Usable from here
    pub valid_after: Timestamp,
    /// until before here.
    pub valid_until: Timestamp,
    /// How long what was earned stays claimable after the end.
    pub settle_grace_secs: u32,
    /// How long a withdrawal takes at least.
    pub withdraw_delay_secs: u32,
    /// Makes the session unique.
    pub salt: Bytes32,
}

impl Terms {
    /// Decimals of the token.
    pub fn decimals(&self) -> u32 {
        self.currency.minor_unit()
    }

    /// Start of the period that `at` lies in; `None` without a period.
    pub fn period_start(&self, at: Timestamp) -> Option<Timestamp> {
        if self.period_secs == 0 {
            return None;
        }
        let since = (at - self.valid_after).num_seconds().max(0);
        let whole = since / i64::from(self.period_secs) * i64::from(self.period_secs);
        Some(self.valid_after + chrono::TimeDelta::seconds(whole))
    }
}
