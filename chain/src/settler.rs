//! The settler's key: it signs transactions, and nothing leaves here but the signed bytes.

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::network::TxSignerSync;
use alloy::primitives::{Bytes, TxKind, U256};
use alloy::signers::local::PrivateKeySigner;
use domain::evm::{Address, Bytes32, HexBytes};

/// A transaction before it is signed.
#[derive(Debug, Clone)]
pub struct Draft {
    /// EIP-155 id.
    pub chain_id: u64,
    /// Its place in the settler's order.
    pub nonce: u64,
    /// The contract.
    pub to: Address,
    /// The call.
    pub calldata: HexBytes,
    /// At most this much gas.
    pub gas_limit: u64,
    /// At most this much for a unit of gas, in wei.
    pub max_fee_wei: u64,
    /// Of that to the block's producer, in wei.
    pub priority_fee_wei: u64,
}

/// The key of the settler.
#[derive(Clone)]
pub struct SettlerKey(PrivateKeySigner);

impl std::fmt::Debug for SettlerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SettlerKey({})", self.address())
    }
}

/// The text is not a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a settler's key is 64 hexadecimal digits of a secp256k1 private key")]
pub struct InvalidKey;

impl SettlerKey {
    /// From 64 hexadecimal digits, with or without `0x`.
    pub fn from_hex(text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        let text = text.strip_prefix("0x").unwrap_or(text);
        let bytes: Bytes32 = format!("0x{text}").parse().map_err(|_| InvalidKey)?;
        PrivateKeySigner::from_slice(&bytes.0).map(Self).map_err(|_| InvalidKey)
    }

    /// Its address.
    pub fn address(&self) -> Address {
        crate::own_address(self.0.address())
    }

    pub(crate) fn signer(&self) -> PrivateKeySigner {
        self.0.clone()
    }

    /// Signs: the hash, and the bytes to send.
    pub fn sign(&self, draft: &Draft) -> Result<(Bytes32, HexBytes), alloy::signers::Error> {
        let mut transaction = TxEip1559 {
            chain_id: draft.chain_id,
            nonce: draft.nonce,
            gas_limit: draft.gas_limit,
            max_fee_per_gas: u128::from(draft.max_fee_wei),
            max_priority_fee_per_gas: u128::from(draft.priority_fee_wei),
            to: TxKind::Call(crate::address(draft.to)),
            value: U256::ZERO,
            access_list: Default::default(),
            input: Bytes::from(draft.calldata.0.clone()),
        };
        let signature = self.0.sign_transaction_sync(&mut transaction)?;
        let envelope = TxEnvelope::Eip1559(transaction.into_signed(signature));
        Ok((crate::own_bytes32(*envelope.tx_hash()), HexBytes(envelope.encoded_2718())))
    }
}

impl SettlerKey {
    /// Signs an EIP-712 digest as a wallet does: 65 bytes, r, s and v.
    pub fn sign_digest(&self, digest: alloy::primitives::B256) -> Result<HexBytes, alloy::signers::Error> {
        use alloy::signers::SignerSync;
        Ok(HexBytes(self.0.sign_hash_sync(&digest)?.as_bytes().to_vec()))
    }
}
