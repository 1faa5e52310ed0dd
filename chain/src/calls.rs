//! The calls that are made on the contract, as call data.

use alloy::primitives::{Bytes, U256};
use alloy::sol_types::SolCall;
use domain::evm::{Address, Bytes32, CompactSignature, HexBytes};
use domain::money::Amount;
use domain::session_key::Terms;

use crate::bindings::ISessionKeyValidator::Claim as ContractClaim;
use crate::bindings::SessionKeyValidator as contract;
use crate::typed::{Authorization, OwnerAction, session};

fn call(call: impl SolCall) -> HexBytes {
    HexBytes(call.abi_encode())
}

fn bytes(signature: &HexBytes) -> Bytes {
    Bytes::from(signature.0.clone())
}

/// Registers a session with its owner's signature of the grant.
pub fn register(terms: &Terms, signature: &HexBytes) -> HexBytes {
    call(contract::registerSessionWithSigCall {
        session: session(terms),
        key: crate::address(terms.key),
        signature: bytes(signature),
    })
}

/// Moves what the owner authorized into escrow, and registers the session with it when it opens one.
pub fn fund(terms: &Terms, authorization: &Authorization, signature: &HexBytes) -> HexBytes {
    let amount = authorization.amount.atomic(terms.decimals());
    let (index, after, before) = (
        U256::from(authorization.index),
        U256::from(authorization.valid_after),
        U256::from(authorization.valid_before),
    );
    if authorization.opens {
        return call(contract::openWithAuthorizationCall {
            session: session(terms),
            key: crate::address(terms.key),
            payee: crate::address(terms.payee),
            amount,
            index,
            validAfter: after,
            validBefore: before,
            signature: bytes(signature),
        });
    }
    call(contract::depositWithAuthorizationCall {
        sessionId: crate::b256(terms.session_id),
        payee: crate::address(terms.payee),
        from: crate::address(terms.owner),
        amount,
        index,
        validAfter: after,
        validBefore: before,
        signature: bytes(signature),
    })
}

/// What the owner signed, relayed.
pub fn owner_action(terms: &Terms, action: OwnerAction, nonce: u64, deadline: u64, signature: &HexBytes) -> HexBytes {
    let session_id = crate::b256(terms.session_id);
    let (nonce, deadline, signature) = (U256::from(nonce), U256::from(deadline), bytes(signature));
    match action {
        OwnerAction::Freeze => call(contract::freezeWithSigCall { sessionId: session_id, nonce, deadline, signature }),
        OwnerAction::Unfreeze => {
            call(contract::unfreezeWithSigCall { sessionId: session_id, nonce, deadline, signature })
        }
        OwnerAction::Revoke => call(contract::revokeWithSigCall { sessionId: session_id, nonce, deadline, signature }),
        OwnerAction::RotateKey { key } => call(contract::rotateKeyWithSigCall {
            sessionId: session_id,
            key: crate::address(key),
            nonce,
            deadline,
            signature,
        }),
        OwnerAction::RequestWithdraw { units } => call(contract::requestWithdrawWithSigCall {
            sessionId: session_id,
            payee: crate::address(terms.payee),
            amount: units,
            nonce,
            deadline,
            signature,
        }),
    }
}

/// Pays out a withdrawal whose time has come.
pub fn finalize_withdraw(terms: &Terms) -> HexBytes {
    call(contract::finalizeWithdrawCall {
        sessionId: crate::b256(terms.session_id),
        payee: crate::address(terms.payee),
    })
}

/// One line of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Of this session.
    pub session_id: Bytes32,
    /// What the voucher says.
    pub max_claimable: Amount,
    /// What is to be claimed after this batch.
    pub total_claimed: Amount,
    /// The voucher's signature.
    pub signature: CompactSignature,
}

/// Settles a batch.
pub fn settle(root: Bytes32, payee: Address, token: Address, decimals: u32, claims: &[Claim]) -> HexBytes {
    let claims = claims.iter().map(|claim| {
        let (r, vs) = claim.signature.0.split_at(32);
        ContractClaim {
            sessionId: crate::b256(claim.session_id),
            maxClaimable: claim.max_claimable.atomic(decimals),
            totalClaimed: claim.total_claimed.atomic(decimals),
            r: alloy::primitives::B256::from_slice(r),
            vs: alloy::primitives::B256::from_slice(vs),
        }
    });
    call(contract::settleBatchCall {
        evidenceRoot: crate::b256(root),
        payee: crate::address(payee),
        token: crate::address(token),
        claims: claims.collect(),
    })
}
