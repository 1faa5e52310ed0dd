//! Vouchers: what a session's key signs, and who signed one. Cumulative per (session, payee).

use alloy::primitives::{B256, Signature};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol;
use alloy::sol_types::SolStruct;
use domain::evm::{Address, Bytes32, CompactSignature, HexBytes};
use domain::money::Amount;
use domain::session_key::Terms;

use crate::typed::domain;

mod types {
    super::sol! {
        struct Voucher { bytes32 sessionId; address payee; uint128 maxClaimable; }
    }
}

/// Why a text is not a voucher's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VoucherError {
    /// Neither 64 nor 65 bytes, or the last byte is no parity.
    #[error("a signature is 0x and 65 bytes (r, s, v), or 64 bytes in the compact form of ERC-2098")]
    Malformed,
    /// The other of two equally valid signatures: the contract takes low s only.
    #[error("the signature's s lies in the upper half: sign with low s (EIP-2)")]
    HighS,
    /// No key gives it.
    #[error("the signature belongs to no key")]
    Unrecoverable,
}

/// The EIP-712 digest that the key signs.
pub fn digest(chain_id: u64, contract: Address, session_id: Bytes32, payee: Address, max_claimable: u128) -> B256 {
    let voucher = types::Voucher {
        sessionId: crate::b256(session_id),
        payee: crate::address(payee),
        maxClaimable: max_claimable,
    };
    voucher.eip712_signing_hash(&domain(chain_id, contract))
}

/// The same for a session key of the ledger.
pub fn digest_of(terms: &Terms, max_claimable: Amount) -> B256 {
    let units = max_claimable.atomic(terms.decimals());
    digest(terms.chain_id, terms.contract, terms.session_id, terms.payee, units)
}

/// Reads a signature in either form, and takes low s only.
pub fn parse_signature(bytes: &HexBytes) -> Result<CompactSignature, VoucherError> {
    let signature = match bytes.0.len() {
        64 => {
            let mut compact = [0; 64];
            compact.copy_from_slice(&bytes.0);
            Signature::from_erc2098(&compact)
        }
        // A transaction's parity has the chain's id in it; a message's has not.
        65 if matches!(bytes.0[64], 0 | 1 | 27 | 28) => {
            Signature::from_raw(&bytes.0).map_err(|_| VoucherError::Malformed)?
        }
        _ => return Err(VoucherError::Malformed),
    };
    if signature.normalize_s().is_some() {
        return Err(VoucherError::HighS);
    }
    Ok(CompactSignature(signature.as_erc2098()))
}

/// Who signed this digest.
pub fn signer(digest: B256, signature: CompactSignature) -> Result<Address, VoucherError> {
    let recovered = Signature::from_erc2098(&signature.0).recover_address_from_prehash(&digest);
    recovered.map(crate::own_address).map_err(|_| VoucherError::Unrecoverable)
}

/// Signs a digest with a managed key.
pub fn sign(key: &[u8; 32], digest: B256) -> Result<CompactSignature, alloy::signers::Error> {
    let signer = PrivateKeySigner::from_slice(key).map_err(alloy::signers::Error::other)?;
    Ok(CompactSignature(signer.sign_hash_sync(&digest)?.as_erc2098()))
}

/// The address of a private key; `None` when these bytes are not one.
pub fn address_of(key: &[u8; 32]) -> Option<Address> {
    PrivateKeySigner::from_slice(key).ok().map(|signer| crate::own_address(signer.address()))
}

/// A new key at random: its address, and the key itself in hexadecimal.
pub fn generate() -> Result<(Address, Bytes32), alloy::signers::Error> {
    let signer = PrivateKeySigner::random();
    Ok((crate::own_address(signer.address()), crate::own_bytes32(signer.to_bytes())))
}
