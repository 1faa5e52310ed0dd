//! The Merkle tree over the charges that a settlement pays for. Its root goes on chain.
//!
//! Leaves and nodes are hashed apart (a first byte 0, 1 or 2), so that a node is never taken for a
//! leaf. The order is the charges' order; a node without a sibling moves up as it is. The last leaf
//! is the head of the log's hash chain at the time, so that the chain also anchors the log.
//!
//! A charge is paid for when its leaf is in the tree and its cumulative amount, cut to the token's
//! decimals, is not above the `totalClaimed` of that transaction's `Claimed` event.

use alloy::primitives::{B256, FixedBytes, U256, keccak256};
use alloy::sol_types::SolValue;
use domain::evm::Bytes32;
use domain::ids::ChargeId;
use domain::money::{AMOUNT_SCALE_MAX, Amount};
use domain::settlement::LogHead;
use uuid::Uuid;

/// A leaf, hashed.
pub type Leaf = B256;

const LEAF_CHARGE: u8 = 0;
const NODE: u8 = 1;
const LEAF_HEAD: u8 = 2;

/// A charge's leaf: `keccak256(0x00 ‖ abi.encode(session, charge, amount, cumulative))`, amounts in
/// 10⁻¹² of the token's unit.
pub fn charge_leaf(session_id: Bytes32, charge: ChargeId, amount: Amount, cumulative: Amount) -> Leaf {
    let units = |amount: Amount| U256::from(amount.atomic(AMOUNT_SCALE_MAX));
    let fields = (crate::b256(session_id), bytes16(charge.uuid()), units(amount), units(cumulative));
    keccak256([&[LEAF_CHARGE], fields.abi_encode().as_slice()].concat())
}

/// The log's leaf: `keccak256(0x02 ‖ abi.encode(log, partition, position, chain))`.
pub fn head_leaf(log_id: Uuid, head: &LogHead) -> Leaf {
    let partition = u32::try_from(head.partition).unwrap_or_default();
    let position = u64::try_from(head.position).unwrap_or_default();
    let fields = (bytes16(log_id), partition, position, crate::b256(head.chain));
    keccak256([&[LEAF_HEAD], fields.abi_encode().as_slice()].concat())
}

fn bytes16(id: Uuid) -> FixedBytes<16> {
    FixedBytes::new(id.into_bytes())
}

/// The root over these leaves; zero for none.
pub fn root(leaves: &[Leaf]) -> Bytes32 {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => keccak256([&[NODE], left.as_slice(), right.as_slice()].concat()),
                _ => pair.first().copied().unwrap_or_default(),
            })
            .collect();
    }
    crate::own_bytes32(level.first().copied().unwrap_or_default())
}
