//! The Merkle tree over the charges that a settlement pays for. Its root goes on chain.
//!
//! Leaves and nodes are hashed apart (a first byte 0, 1 or 2), so that a node is never taken for a
//! leaf. The order is the charges' order; a node without a sibling moves up as it is. The last leaf
//! is the head of the log's hash chain at the time, so that the chain also anchors the log.
//!
//! A charge is paid for when its leaf is in the tree and its cumulative amount, cut to the token's
//! decimals, is not above the `totalClaimed` of that transaction's `Claimed` event: [`crate::proof`]
//! checks that.

use alloy::primitives::{B256, FixedBytes, U256, keccak256};
use alloy::sol_types::SolValue;
use domain::evm::Bytes32;
use domain::ids::ChargeId;
use domain::money::{AMOUNT_SCALE_MAX, Amount};
use domain::settlement::LogHead;
use serde::{Deserialize, Serialize};
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

fn node(left: Leaf, right: Leaf) -> Leaf {
    keccak256([&[NODE], left.as_slice(), right.as_slice()].concat())
}

/// The level above this one: the last of an odd number moves up as it is.
fn above(level: &[Leaf]) -> Vec<Leaf> {
    let parent = |pair: &[Leaf]| match pair {
        [left, right] => node(*left, *right),
        _ => pair.first().copied().unwrap_or_default(),
    };
    level.chunks(2).map(parent).collect()
}

/// The root over these leaves; zero for none.
pub fn root(leaves: &[Leaf]) -> Bytes32 {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = above(&level);
    }
    crate::own_bytes32(level.first().copied().unwrap_or_default())
}

/// On which side of a node its sibling stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The sibling is hashed first.
    Left,
    /// The sibling is hashed second.
    Right,
}

/// One step from a leaf up to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where the sibling stands.
    pub side: Side,
    /// The sibling.
    pub hash: Bytes32,
}

/// The way from the leaf with this index up to the root; levels on which it has no sibling are left out. Empty for
/// an only leaf, and for an index beyond the last.
pub fn path(leaves: &[Leaf], index: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    if index >= leaves.len() {
        return steps;
    }
    let (mut level, mut index) = (leaves.to_vec(), index);
    while level.len() > 1 {
        let side = if index.is_multiple_of(2) { Side::Right } else { Side::Left };
        if let Some(sibling) = level.get(index ^ 1) {
            steps.push(Step { side, hash: crate::own_bytes32(*sibling) });
        }
        level = above(&level);
        index /= 2;
    }
    steps
}

/// The root that a leaf and its way up come to.
pub fn fold(leaf: Leaf, path: &[Step]) -> Bytes32 {
    let root = path.iter().fold(leaf, |hash, step| {
        let sibling = crate::b256(step.hash);
        match step.side {
            Side::Left => node(sibling, hash),
            Side::Right => node(hash, sibling),
        }
    });
    crate::own_bytes32(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_has_its_way_up() {
        for count in 1..=17_u8 {
            let leaves: Vec<Leaf> = (0..count).map(|i| keccak256([i])).collect();
            let root = root(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let steps = path(&leaves, index);
                assert_eq!(fold(*leaf, &steps), root, "{index} of {count}");
                let other = keccak256([count]);
                assert_ne!(fold(other, &steps), root, "another leaf in the place of {index} of {count}");
            }
            assert!(path(&leaves, leaves.len()).is_empty());
        }
        assert_eq!(root(&[]), Bytes32([0; 32]));
    }
}
