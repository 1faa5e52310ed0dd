//! The settler's key: it signs transactions, and nothing leaves here but the signed bytes. And what follows from
//! signed bytes: the call in them, and the fees of one that takes their place.

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::{Decodable2718, Encodable2718};
use alloy::network::TxSignerSync;
use alloy::primitives::{Bytes, TxKind, U256};
use alloy::signers::local::PrivateKeySigner;
use domain::evm::{Address, Bytes32, HexBytes};
use domain::settler::BUMP_PERCENT;

use crate::client::Fees;

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

/// The call in a signed EIP-1559 transaction; `None` when the bytes are none.
pub fn calldata_of(raw: &HexBytes) -> Option<HexBytes> {
    match TxEnvelope::decode_2718_exact(&raw.0).ok()? {
        TxEnvelope::Eip1559(signed) => Some(HexBytes(signed.tx().input.to_vec())),
        _ => None,
    }
}

/// What a transaction has to pay that takes the place of another with the same nonce: what is asked now, and as much
/// more than the former one as nodes want for a replacement. `None` when that is above the cap.
pub fn bumped(fees: Fees, former: &Fees, cap: u64) -> Option<Fees> {
    let least = |fee: u64| {
        let bumped = (u128::from(fee) * u128::from(BUMP_PERCENT)).div_ceil(100);
        // More than nothing is more, too.
        u64::try_from(bumped).unwrap_or(u64::MAX).max(fee.saturating_add(1))
    };
    let priority_fee_wei = fees.priority_fee_wei.max(least(former.priority_fee_wei));
    let max_fee_wei = fees.max_fee_wei.max(least(former.max_fee_wei)).max(priority_fee_wei);
    (max_fee_wei <= cap).then_some(Fees { max_fee_wei, priority_fee_wei })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_transaction_has_its_call_in_it() {
        let key = SettlerKey::from_hex(&"07".repeat(32)).unwrap();
        let calldata = HexBytes(vec![1, 2, 3, 4, 5]);
        let draft = Draft {
            chain_id: 31_337,
            nonce: 3,
            to: Address([9; 20]),
            calldata: calldata.clone(),
            gas_limit: 100_000,
            max_fee_wei: 2,
            priority_fee_wei: 1,
        };
        let (_, raw) = key.sign(&draft).unwrap();
        assert_eq!(calldata_of(&raw), Some(calldata));
        let longer = HexBytes([raw.0.as_slice(), &[0]].concat());
        assert_eq!(calldata_of(&longer), None);
        assert_eq!(calldata_of(&HexBytes(vec![2, 1])), None);
        assert_eq!(calldata_of(&HexBytes(Vec::new())), None);
    }

    #[test]
    fn a_replacement_pays_more_and_never_above_the_cap() {
        let fees = |max_fee_wei, priority_fee_wei| Fees { max_fee_wei, priority_fee_wei };
        let former = fees(1_000, 100);
        assert_eq!(bumped(fees(10, 1), &former, u64::MAX), Some(fees(1_130, 113)));
        assert_eq!(bumped(fees(5_000, 1), &former, u64::MAX), Some(fees(5_000, 113)));
        assert_eq!(bumped(fees(10, 3_000), &former, u64::MAX), Some(fees(3_000, 3_000)));
        assert_eq!(bumped(fees(10, 1), &former, 1_130), Some(fees(1_130, 113)));
        assert_eq!(bumped(fees(10, 1), &former, 1_129), None);
        assert_eq!(bumped(fees(1, 0), &fees(1, 0), 2), Some(fees(2, 1)), "little is rounded up");
        assert_eq!(bumped(fees(1, 1), &fees(u64::MAX, 1), u64::MAX - 1), None);
    }
}
