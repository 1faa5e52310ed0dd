//! What owners sign: EIP-712 typed data, as JSON for wallets (`eth_signTypedData_v4`), and the ids
//! and nonces that follow from it.

use alloy::primitives::{B256, U256, keccak256};
use alloy::sol_types::{Eip712Domain, SolStruct, SolValue, eip712_domain};
use domain::evm::{Address, Bytes32};
use domain::money::Amount;
use domain::session_key::Terms;
use serde_json::{Value, json};

use crate::bindings::ISessionKeyValidator::{Allowance, Session};
use crate::networks::Network;

/// The contract's EIP-712 domain.
pub fn domain(chain_id: u64, contract: Address) -> Eip712Domain {
    eip712_domain! {
        name: "SessionKeyValidator",
        version: "1",
        chain_id: chain_id,
        verifying_contract: crate::address(contract),
    }
}

fn domain_json(name: &str, version: &str, chain_id: u64, contract: Address) -> Value {
    json!({"name": name, "version": version, "chainId": chain_id, "verifyingContract": contract.to_string()})
}

fn domain_type() -> Value {
    fields(&[("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")])
}

fn fields(fields: &[(&str, &str)]) -> Value {
    fields.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect()
}

fn seconds(at: domain::Timestamp) -> u64 {
    at.timestamp().unsigned_abs()
}

/// A session key's terms as the contract's session. One allowance: a session key is one payee.
pub fn session(terms: &Terms) -> Session {
    use alloy::primitives::aliases::U48;
    Session {
        owner: crate::address(terms.owner),
        token: crate::address(terms.token),
        validAfter: U48::from(seconds(terms.valid_after)),
        validUntil: U48::from(seconds(terms.valid_until)),
        settleGrace: terms.settle_grace_secs,
        withdrawDelay: terms.withdraw_delay_secs,
        allowances: vec![Allowance {
            payee: crate::address(terms.payee),
            limit: terms.limit.atomic(terms.decimals()),
            periodLimit: terms.period_limit.atomic(terms.decimals()),
            period: terms.period_secs,
        }],
        salt: crate::b256(terms.salt),
    }
}

/// The session's id: its EIP-712 hash under the contract's domain.
pub fn session_id(terms: &Terms) -> Bytes32 {
    crate::own_bytes32(session(terms).eip712_signing_hash(&domain(terms.chain_id, terms.contract)))
}

/// `keccak256(abi.encode(sessionId, key, payee, amount, index))`: what a deposit's authorization commits to.
/// The key is zero for money that is added to a registered session.
pub fn deposit_nonce(session_id: Bytes32, key: Address, payee: Address, amount: u128, index: u64) -> B256 {
    let fields =
        (crate::b256(session_id), crate::address(key), crate::address(payee), U256::from(amount), U256::from(index));
    keccak256(fields.abi_encode())
}

fn session_json(terms: &Terms) -> Value {
    json!({
        "owner": terms.owner.to_string(),
        "token": terms.token.to_string(),
        "validAfter": seconds(terms.valid_after).to_string(),
        "validUntil": seconds(terms.valid_until).to_string(),
        "settleGrace": terms.settle_grace_secs,
        "withdrawDelay": terms.withdraw_delay_secs,
        "allowances": [{
            "payee": terms.payee.to_string(),
            "limit": terms.limit.atomic(terms.decimals()).to_string(),
            "periodLimit": terms.period_limit.atomic(terms.decimals()).to_string(),
            "period": terms.period_secs,
        }],
        "salt": terms.salt.to_string(),
    })
}

fn contract_domain(terms: &Terms) -> Value {
    domain_json("SessionKeyValidator", "1", terms.chain_id, terms.contract)
}

/// `SessionGrant(Session session,address key)`: registers the session without money.
pub fn grant(terms: &Terms) -> Value {
    json!({
        "domain": contract_domain(terms),
        "primaryType": "SessionGrant",
        "types": {
            "EIP712Domain": domain_type(),
            "Allowance": fields(&[
                ("payee", "address"), ("limit", "uint128"), ("periodLimit", "uint128"), ("period", "uint32"),
            ]),
            "Session": fields(&[
                ("owner", "address"), ("token", "address"), ("validAfter", "uint48"), ("validUntil", "uint48"),
                ("settleGrace", "uint32"), ("withdrawDelay", "uint32"), ("allowances", "Allowance[]"),
                ("salt", "bytes32"),
            ]),
            "SessionGrant": fields(&[("session", "Session"), ("key", "address")]),
        },
        "message": {"session": session_json(terms), "key": terms.key.to_string()},
    })
}

/// A transfer that the owner authorizes (EIP-3009) and whose nonce commits to what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authorization {
    /// Registers the session with it, or adds money to one that is registered.
    pub opens: bool,
    /// How much.
    pub amount: Amount,
    /// Tells equal deposits apart.
    pub index: u64,
    /// Unix seconds; good after
    pub valid_after: u64,
    /// and before.
    pub valid_before: u64,
}

/// The nonce of an authorization.
pub fn authorization_nonce(terms: &Terms, authorization: &Authorization) -> B256 {
    let key = if authorization.opens { terms.key } else { Address([0; 20]) };
    let units = authorization.amount.atomic(terms.decimals());
    deposit_nonce(terms.session_id, key, terms.payee, units, authorization.index)
}

/// `ReceiveWithAuthorization` of the token, to the contract.
pub fn authorization(terms: &Terms, network: &Network, authorization: &Authorization) -> Value {
    json!({
        "domain": domain_json(network.usdc_name, network.usdc_version, terms.chain_id, terms.token),
        "primaryType": "ReceiveWithAuthorization",
        "types": {
            "EIP712Domain": domain_type(),
            "ReceiveWithAuthorization": fields(&[
                ("from", "address"), ("to", "address"), ("value", "uint256"), ("validAfter", "uint256"),
                ("validBefore", "uint256"), ("nonce", "bytes32"),
            ]),
        },
        "message": {
            "from": terms.owner.to_string(),
            "to": terms.contract.to_string(),
            "value": authorization.amount.atomic(terms.decimals()).to_string(),
            "validAfter": authorization.valid_after.to_string(),
            "validBefore": authorization.valid_before.to_string(),
            "nonce": authorization_nonce(terms, authorization).to_string(),
        },
    })
}

/// What an owner can ask of the contract by signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerAction {
    /// Nothing more may be charged for now.
    Freeze,
    /// It may again.
    Unfreeze,
    /// Nothing more may be charged ever.
    Revoke,
    /// Another key signs from now on.
    RotateKey {
        /// Its address.
        key: Address,
    },
    /// Up to so many atomic units back.
    RequestWithdraw {
        /// `u128::MAX` for all.
        units: u128,
    },
}

impl OwnerAction {
    const fn primary_type(self) -> &'static str {
        match self {
            Self::Freeze => "Freeze",
            Self::Unfreeze => "Unfreeze",
            Self::Revoke => "Revoke",
            Self::RotateKey { .. } => "RotateKey",
            Self::RequestWithdraw { .. } => "RequestWithdraw",
        }
    }
}

/// What an owner signs to have an action relayed. `nonce` is the session's next, `deadline` in unix seconds.
pub fn owner_action(terms: &Terms, action: OwnerAction, nonce: u64, deadline: u64) -> Value {
    let primary = action.primary_type();
    let mut kinds = vec![("sessionId", "bytes32")];
    let mut message = json!({
        "sessionId": terms.session_id.to_string(), "nonce": nonce.to_string(), "deadline": deadline.to_string(),
    });
    match action {
        OwnerAction::Freeze | OwnerAction::Unfreeze | OwnerAction::Revoke => {}
        OwnerAction::RotateKey { key } => {
            kinds.push(("key", "address"));
            message["key"] = json!(key.to_string());
        }
        OwnerAction::RequestWithdraw { units } => {
            kinds.extend([("payee", "address"), ("amount", "uint128")]);
            message["payee"] = json!(terms.payee.to_string());
            message["amount"] = json!(units.to_string());
        }
    }
    kinds.extend([("nonce", "uint256"), ("deadline", "uint256")]);
    json!({
        "domain": contract_domain(terms),
        "primaryType": primary,
        "types": {"EIP712Domain": domain_type(), primary: fields(&kinds)},
        "message": message,
    })
}

/// What the session's key signs for a payment.
pub fn voucher(terms: &Terms, max_claimable: Amount) -> Value {
    json!({
        "domain": contract_domain(terms),
        "primaryType": "Voucher",
        "types": {
            "EIP712Domain": domain_type(),
            "Voucher": fields(&[("sessionId", "bytes32"), ("payee", "address"), ("maxClaimable", "uint128")]),
        },
        "message": {
            "sessionId": terms.session_id.to_string(),
            "payee": terms.payee.to_string(),
            "maxClaimable": max_claimable.atomic(terms.decimals()).to_string(),
        },
    })
}

/// The digest of typed data in JSON: what a wallet signs. `None` when it is not typed data.
pub fn digest(typed_data: &Value) -> Option<B256> {
    let typed: alloy::dyn_abi::TypedData = serde_json::from_value(typed_data.clone()).ok()?;
    typed.eip712_signing_hash().ok()
}
