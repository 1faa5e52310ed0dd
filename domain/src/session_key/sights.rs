//! What was seen on the chain and may go away with its block, until something final takes its place.
//!
//! All that was seen of a kind is kept, so that what remains is known when one of them goes away, in whatever order
//! they come and go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::evm::{Address, Bytes32, ChainRef};
use crate::money::Amount;
use crate::session_key::{PendingDeposit, Withdrawal};

/// How many of a kind are kept. Of more the oldest is let go; it has long been final.
pub const SIGHTS_MAX: usize = 32;

/// What kind of thing was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Money came in.
    Deposit,
    /// The owner froze the session.
    Freeze,
    /// The owner ended it.
    Revocation,
    /// The owner wants money back.
    Withdrawal,
    /// The owner gave it another key.
    Rotation,
}

impl Sight {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Freeze => "freeze",
            Self::Revocation => "revocation",
            Self::Withdrawal => "withdrawal",
            Self::Rotation => "rotation",
        }
    }
}

/// Another key, as long as that is not final.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rotation {
    /// The new key.
    pub key: Address,
    /// Where it was seen.
    pub at: ChainRef,
    /// Until when vouchers of the key before are paid.
    pub claimable_until: Timestamp,
}

/// What was seen, by kind, in the chain's order. Deposits are apart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sights {
    /// The owner's freezes whose end is not final.
    pub freezes: Vec<ChainRef>,
    /// The owner's revocations.
    pub revocations: Vec<ChainRef>,
    /// What the owner wants back and may still get, each for itself.
    pub withdrawals: Vec<Withdrawal>,
    /// Other keys that are not final.
    pub rotations: Vec<Rotation>,
}

impl Sights {
    /// All that the owner wants back, where it was last asked for. The contract takes a second request only after the
    /// first ended; as long as that end is not final here, both count.
    pub(super) fn wanted(&self, most: Amount) -> Option<Withdrawal> {
        let newest = self.withdrawals.last()?;
        let mut in_block: BTreeMap<(Bytes32, Bytes32), Amount> = BTreeMap::new();
        for one in &self.withdrawals {
            let sum = in_block.entry((one.at.tx_hash, one.at.block_hash)).or_default();
            *sum = sum.plus(one.amount);
        }
        // The same transaction in another block: the same request.
        let mut of_transaction: BTreeMap<Bytes32, Amount> = BTreeMap::new();
        for ((tx_hash, _), amount) in in_block {
            let known = of_transaction.entry(tx_hash).or_default();
            *known = amount.max(*known);
        }
        let amount = of_transaction.values().fold(Amount::ZERO, |sum, amount| sum.plus(*amount)).min(most);
        Some(Withdrawal { amount, ..*newest })
    }
}

/// What stands at a place of the chain.
pub(super) trait Placed {
    fn at(&self) -> &ChainRef;
}

impl Placed for ChainRef {
    fn at(&self) -> &ChainRef {
        self
    }
}

impl Placed for Withdrawal {
    fn at(&self) -> &ChainRef {
        &self.at
    }
}

impl Placed for Rotation {
    fn at(&self) -> &ChainRef {
        &self.at
    }
}

impl Placed for PendingDeposit {
    fn at(&self) -> &ChainRef {
        &self.at
    }
}

/// Block and place in it.
pub(super) const fn place(at: &ChainRef) -> (u64, u64) {
    (at.block_number, at.log_index)
}

/// The very same log entry, in the very same block.
pub(super) fn is_same(one: &ChainRef, other: &ChainRef) -> bool {
    (one.tx_hash, one.block_hash, one.log_index) == (other.tx_hash, other.block_hash, other.log_index)
}

/// The same transaction in another block: only one of the two stays.
pub(super) fn is_rival(one: &ChainRef, other: &ChainRef) -> bool {
    one.tx_hash == other.tx_hash && one.block_hash != other.block_hash
}

pub(super) fn has<T: Placed>(list: &[T], at: &ChainRef) -> bool {
    list.iter().any(|known| is_same(known.at(), at))
}

/// Puts one in its place. It takes the place of the same one.
pub(super) fn put<T: Placed>(list: &mut Vec<T>, one: T, max: usize) {
    remove(list, one.at());
    if list.len() >= max {
        list.remove(0);
    }
    let order = |at: &ChainRef| (place(at), at.block_hash, at.tx_hash);
    let here = order(one.at());
    let index = list.partition_point(|known| order(known.at()) < here);
    list.insert(index, one);
}

pub(super) fn remove<T: Placed>(list: &mut Vec<T>, at: &ChainRef) {
    list.retain(|known| !is_same(known.at(), at));
}

/// Those that ended there.
pub(super) fn end<T: Placed>(list: &mut Vec<T>, here: (u64, u64)) {
    list.retain(|known| place(known.at()) >= here);
}

/// The places of those of the list that went away, as this one is final.
pub(super) fn rivals<T: Placed>(list: &[T], at: &ChainRef) -> Vec<ChainRef> {
    list.iter().map(Placed::at).filter(|known| is_rival(known, at)).copied().collect()
}
