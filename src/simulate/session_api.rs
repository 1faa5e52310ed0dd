//! The part of the HTTP API that runs with session keys use: session keys, and the settlements that pay
//! for what they were charged. Only what is needed of each answer is read.

use chrono::{DateTime, Utc};
use domain::evm::{Address, Bytes32, HexBytes};
use domain::money::Amount;
use reqwest::Method;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Client, Done, Position};
use super::transport::{Answer, CallError};

/// A session key as it was drawn up: what its owner is to sign.
#[derive(Debug, Deserialize)]
pub struct DrawnUp {
    /// Its id, `ses_…`.
    pub id: String,
    /// What the contract calls the session.
    pub session_id: Bytes32,
    /// Who signs vouchers.
    pub key: Address,
    /// Who is paid.
    pub payee: Address,
    /// Where its money will lie.
    pub chain: OnWhichChain,
    /// Usable from here.
    pub valid_after: DateTime<Utc>,
    /// How long what was earned stays claimable after the end.
    pub settle_grace_secs: u32,
    /// How long a withdrawal takes at least.
    pub withdraw_delay_secs: u32,
    /// What the owner is to sign.
    pub typed_data: TypedData,
    /// Where it is in the log.
    pub position: Position,
}

/// A contract on a chain.
#[derive(Debug, Deserialize)]
pub struct OnWhichChain {
    /// EIP-155 id.
    pub id: u64,
    /// The contract.
    pub contract: Address,
    /// The token.
    pub token: Address,
}

/// EIP-712 typed data, either of which registers a session.
#[derive(Debug, Deserialize)]
pub struct TypedData {
    /// Without money.
    pub grant: Value,
    /// With the whole limit; missing when the server does not know the chain's token.
    pub open: Option<Value>,
}

/// A session key as the ledger has it.
#[derive(Debug, Clone, Deserialize)]
pub struct SessionKeyState {
    /// `pending`, `active` and so on.
    pub status: String,
    /// Deposited for good, in USDC.
    pub deposited: Decimal,
    /// Given back to the owner.
    pub withdrawn: Decimal,
    /// Charged, cumulative.
    pub charged: Decimal,
    /// Claimed on chain, cumulative.
    pub claimed: Decimal,
    /// Charged and not claimed, as the API says it.
    pub unsettled: Decimal,
    /// The settlement it is in.
    pub in_settlement: Option<String>,
}

/// A settlement.
#[derive(Debug, Clone, Deserialize)]
pub struct SettlementState {
    /// Its id, `stl_…`.
    pub id: String,
    /// `opened`, `planned`, `submitted`, `mined`, `finalized`, `abandoned`, `parked`.
    pub status: String,
    /// Who is paid.
    pub payee: Address,
    /// What was transferred; `None` until it is final.
    #[serde(default)]
    pub transferred: Option<Decimal>,
    /// Claims that were paid; `None` until it is final.
    #[serde(default)]
    pub settled: Option<u64>,
    /// Its transaction; `None` until there is one.
    #[serde(default)]
    pub transaction: Option<Transaction>,
    /// Its claims; only of a single settlement, not in lists.
    #[serde(default)]
    pub claim_details: Option<Vec<Claim>>,
    /// Why it is parked.
    #[serde(default)]
    pub reason: Option<String>,
}

impl SettlementState {
    /// Whether more will happen by itself.
    pub fn is_open(&self) -> bool {
        !matches!(self.status.as_str(), "finalized" | "abandoned" | "parked")
    }
}

/// What a settlement was sent with.
#[derive(Debug, Clone, Deserialize)]
pub struct Transaction {
    /// Its block; `None` until it is mined.
    pub block_number: Option<u64>,
    /// What it took; `None` until it is final.
    #[serde(default)]
    pub gas_used: Option<u64>,
}

/// A claim of a settlement.
#[derive(Debug, Clone, Deserialize)]
pub struct Claim {
    /// Of this session, as the contract calls it.
    pub session_id: Bytes32,
    /// What it adds, in USDC.
    pub amount: Decimal,
    /// `pending`, `settled` or `skipped`.
    pub outcome: String,
    /// Why the contract skipped it.
    #[serde(default)]
    pub skip_reason: Option<String>,
}

/// A session key to be.
#[derive(Debug)]
pub struct NewSessionKey<'a> {
    /// Who pays with it.
    pub customer_id: &'a str,
    /// Whose money it is.
    pub owner: Address,
    /// The client's key; without one Tollbook makes and keeps it.
    pub key: Option<Address>,
    /// What may lie in escrow.
    pub limit: Amount,
    /// When it ends.
    pub valid_until: DateTime<Utc>,
}

impl Client {
    /// Says when the organization settles: at so much USDC, or after a day.
    pub async fn put_settlement_rules(&self, key: &str, threshold: Amount) -> Result<Answer<Done>, CallError> {
        let body = json!({ "threshold": threshold, "age_secs": 86_400 });
        self.write(Method::PUT, &["organization", "settlement_rules"], key, &body).await
    }

    /// Has a session key drawn up.
    pub async fn create_session_key(
        &self,
        key: &str,
        wanted: &NewSessionKey<'_>,
    ) -> Result<Answer<DrawnUp>, CallError> {
        let mut body = json!({
            "customer_id": wanted.customer_id, "owner": wanted.owner, "custody": "managed",
            "limit": wanted.limit, "valid_until": wanted.valid_until,
        });
        if let Some(key) = wanted.key {
            body["custody"] = json!("self");
            body["key"] = json!(key);
        }
        self.write(Method::POST, &["session_keys"], key, &body).await
    }

    /// Sends the owner's signature that registers and funds a session key.
    pub async fn register_session_key(
        &self,
        key: &str,
        id: &str,
        amount: Amount,
        valid_before: u64,
        signature: &HexBytes,
    ) -> Result<Answer<SessionKeyState>, CallError> {
        let body = json!({ "authorization": {
            "amount": amount, "index": 0, "valid_after": 0, "valid_before": valid_before, "signature": signature,
        }});
        self.write(Method::POST, &["session_keys", id, "register"], key, &body).await
    }

    /// A session key, as of `at` or later.
    pub async fn session_key(&self, id: &str, at: Position) -> Result<SessionKeyState, CallError> {
        self.read(&["session_keys", id], at).await
    }

    /// All settlements, without their claims.
    pub async fn settlements(&self, at: Position) -> Result<Vec<SettlementState>, CallError> {
        let mut all = Vec::new();
        self.each("settlements", &[], "cursor", at, |settlement| all.push(settlement)).await?;
        Ok(all)
    }

    /// A settlement with its claims.
    pub async fn settlement(&self, id: &str, at: Position) -> Result<SettlementState, CallError> {
        self.read(&["settlements", id], at).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_far_as_they_are_needed() {
        let key: SessionKeyState = serde_json::from_value(json!({
            "object": "session_key", "status": "active", "deposited": "3", "withdrawn": "0", "charged": "1.000000000001",
            "claimed": "1", "unsettled": "0.000000000001", "in_settlement": null, "position": null, "relays": [],
        }))
        .unwrap();
        assert_eq!(key.charged - key.claimed, key.unsettled);
        let mut settlement: SettlementState = serde_json::from_value(json!({
            "id": "stl_1", "status": "opened", "payee": format!("0x{}", "a".repeat(40)), "total": null,
        }))
        .unwrap();
        assert!(settlement.is_open());
        for over in ["finalized", "abandoned", "parked"] {
            settlement.status = over.to_owned();
            assert!(!settlement.is_open());
        }
    }
}
