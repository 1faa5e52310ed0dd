//! Blocks and the contract's log entries in them.

use std::collections::HashSet;

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::keccak256;
use alloy::providers::Provider;
use alloy::rpc::types::{Block, Filter, Log};
use chrono::DateTime;
use domain::evm::Bytes32;

use super::endpoint::Endpoint;
use super::{BlockRef, ChainError, Client};
use crate::networks::Finality;

/// A node that does not take so few blocks at a time means something else.
const SPAN_MIN: u64 = 10;
/// So many blocks below what most nodes take for final, a node is not merely behind.
const FAR_BEHIND: u64 = 2_000;

impl From<&Block> for BlockRef {
    fn from(block: &Block) -> Self {
        let seconds = i64::try_from(block.header.timestamp).unwrap_or(i64::MAX);
        Self {
            number: block.header.number,
            hash: crate::own_bytes32(block.header.hash),
            time: DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC),
        }
    }
}

impl Endpoint {
    pub(super) async fn block(&self, tag: BlockNumberOrTag) -> Result<Option<BlockRef>, ChainError> {
        let block = self.ask(async { self.provider().get_block_by_number(tag).await }).await?;
        Ok(block.as_ref().map(BlockRef::from))
    }

    pub(super) async fn head(&self) -> Result<BlockRef, ChainError> {
        let head = self.block(BlockNumberOrTag::Latest).await?;
        head.ok_or_else(|| ChainError::Unavailable("the node has no newest block".into()))
    }

    /// The number of the newest block that this node takes for final.
    async fn last_final(&self, finality: Finality) -> Result<Option<u64>, ChainError> {
        match finality {
            Finality::Finalized => Ok(self.block(BlockNumberOrTag::Finalized).await?.map(|block| block.number)),
            Finality::Confirmations(depth) => Ok(self.head().await?.number.checked_sub(depth)),
        }
    }

    /// Its newest block, and the number of its newest final one.
    pub(super) async fn heads(&self, finality: Finality) -> Result<(BlockRef, Option<u64>), ChainError> {
        Ok((self.head().await?, self.last_final(finality).await?))
    }

    /// Log entries in a range of blocks. Many nodes take fewer at a time than we would ask for: they are asked for
    /// half as many until they do.
    pub(super) async fn logs(&self, filter: &Filter, from: u64, to: u64) -> Result<Vec<Log>, ChainError> {
        let mut logs = Vec::new();
        let mut next = from;
        while next <= to {
            let last = to.min(next.saturating_add(self.span() - 1));
            let filter = filter.clone().from_block(next).to_block(last);
            match self.ask(async { self.provider().get_logs(&filter).await }).await {
                Ok(found) => {
                    logs.extend(found);
                    self.grow_span();
                    next = last + 1;
                }
                // It has answered, so what it does not like is the question.
                Err(ChainError::Unavailable(_)) if last - next >= SPAN_MIN && !self.is_doubtful() => {
                    self.shrink_span(last - next + 1);
                }
                Err(error) => return Err(error),
            }
        }
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        Ok(logs)
    }
}

impl Client {
    /// The newest block of the first node that answers.
    pub async fn head(&self) -> Result<BlockRef, ChainError> {
        self.first(|endpoint| async move { endpoint.head().await }).await
    }

    /// A block by its number; `None` when there is none yet. All nodes that have one must have the same.
    pub async fn block_at(&self, number: u64) -> Result<Option<BlockRef>, ChainError> {
        let ask = |endpoint: Endpoint| async move { endpoint.block(BlockNumberOrTag::Number(number)).await };
        self.agreed(&format!("block {number}"), ask, |block: &BlockRef| block.hash.to_string()).await
    }

    /// The newest block that can no longer go away; `None` when there is none yet. Of several nodes the one that
    /// is behind says which, and those that are further must have the same block there. One that is far below more
    /// than half of them, or takes nothing for final, holds nobody up.
    pub async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        let finality = self.settings().finality;
        if let (Finality::Finalized, [only]) = (finality, &*self.endpoints) {
            return only.block(BlockNumberOrTag::Finalized).await;
        }
        let tops = self.most(|endpoint| async move { endpoint.last_final(finality).await }).await?;
        let Some(number) = lowest(tops.into_iter().map(|(_, top)| top).collect()) else { return Ok(None) };
        let block = self.block_at(number).await?;
        block
            .map(Some)
            .ok_or_else(|| ChainError::Unavailable(format!("the node has no block {number}, which is final")))
    }

    /// The contract's log entries in a range of final blocks, in order. All nodes that have these blocks must have
    /// the same entries.
    pub async fn logs(&self, from: u64, to: u64) -> Result<Vec<Log>, ChainError> {
        let filter = &Filter::new().address(crate::address(self.settings().contract));
        let ask = |endpoint: Endpoint| async move {
            // A node that has not come so far would give fewer, and say nothing.
            if endpoint.block(BlockNumberOrTag::Number(to)).await?.is_none() {
                return Ok(None);
            }
            endpoint.logs(filter, from, to).await.map(Some)
        };
        let what = format!("the contract's entries in blocks {from} to {to}");
        let logs = self.agreed(&what, ask, |logs: &Vec<Log>| in_words(logs)).await?;
        logs.ok_or_else(|| ChainError::Unavailable(format!("the node has no block {to} yet")))
    }

    /// The contract's log entries in a range of blocks that may still be replaced: whatever any node has, in order.
    /// Of two chains that compete for the same place both are here.
    pub async fn logs_seen(&self, from: u64, to: u64) -> Result<Vec<Log>, ChainError> {
        let filter = &Filter::new().address(crate::address(self.settings().contract));
        let ask = |endpoint: Endpoint| async move {
            let head = endpoint.head().await?.number;
            if head < from {
                return Ok(Vec::new());
            }
            endpoint.logs(filter, from, to.min(head)).await
        };
        let mut known = HashSet::new();
        let mut logs: Vec<Log> = self.every(ask).await?.into_iter().flat_map(|(_, logs)| logs).collect();
        logs.retain(|log| known.insert((log.block_hash, log.transaction_hash, log.log_index)));
        logs.sort_by_key(|log| (log.block_number, log.block_hash, log.log_index));
        Ok(logs)
    }
}

/// The lowest, but for those that are far below more than half of all; `None` is below every number.
pub(super) fn lowest(mut tops: Vec<Option<u64>>) -> Option<u64> {
    tops.sort_unstable();
    // More than half of them are at least there; of two both.
    let most = tops.get(tops.len().saturating_sub(1) / 2).copied().flatten()?;
    tops.into_iter().flatten().find(|top| top.saturating_add(FAR_BEHIND) >= most)
}

/// How many there are, and a digest of all that they say but for the times of their blocks, which not all nodes give.
pub(super) fn in_words(logs: &[Log]) -> String {
    format!("{} entries ({})", logs.len(), digest(logs))
}

fn digest(logs: &[Log]) -> Bytes32 {
    let mut bytes = Vec::new();
    for log in logs {
        bytes.extend_from_slice(log.block_hash.unwrap_or_default().as_slice());
        bytes.extend_from_slice(log.transaction_hash.unwrap_or_default().as_slice());
        bytes.extend_from_slice(&log.log_index.unwrap_or_default().to_be_bytes());
        bytes.extend_from_slice(log.inner.address.as_slice());
        let topics = log.inner.data.topics();
        // With their number, and the data as a hash, so that entries cannot be cut differently.
        bytes.extend_from_slice(&topics.len().to_be_bytes());
        for topic in topics {
            bytes.extend_from_slice(topic.as_slice());
        }
        bytes.extend_from_slice(keccak256(&log.inner.data.data).as_slice());
    }
    crate::own_bytes32(keccak256(bytes))
}

#[cfg(test)]
mod tests {
    use super::lowest;

    #[test]
    fn who_is_far_behind_most_holds_nobody_up() {
        for (tops, expected) in [
            (vec![], None),
            (vec![Some(7)], Some(7)),
            (vec![Some(9_000), Some(7)], Some(7)),
            (vec![Some(9_000), None], None),
            (vec![Some(9_000), Some(8_000), None], Some(8_000)),
            (vec![Some(9_000), Some(7), Some(8_900)], Some(8_900)),
            (vec![Some(90_000), Some(7), Some(9)], Some(7)),
            (vec![Some(90_000), None, None], None),
            (vec![Some(90_000), Some(90_001), Some(5), Some(6)], Some(5)),
        ] {
            assert_eq!(lowest(tops.clone()), expected, "{tops:?}");
        }
    }
}
