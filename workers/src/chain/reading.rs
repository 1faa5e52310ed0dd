//! Reads the contract's log entries, as many blocks at a time as the node bears. What is final is taken only when it
//! stands in the blocks that the chain has: an answer that mixes two chains is thrown away and asked for again.

use chain::client::{BLOCKS_MAX, BlockRef};
use chain::facts::{self, Seen};
use chain::{ChainError, Client};
use domain::money::Currency;

use super::{RoundError, Worker};

/// What nodes say when an answer would be too large. That they are asked too often is something else.
const TOO_MUCH: [&str; 10] = [
    "range",
    "limit exceeded",
    "more than",
    "too many results",
    "too many logs",
    "too large",
    "response size",
    "exceeds the",
    "exceed max",
    "query timeout",
];
const TOO_OFTEN: [&str; 6] = ["rate limit", "per second", "too many requests", "429", "daily", "compute units"];

/// How many blocks are asked for at a time: fewer after a node has refused, by and by more again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span(u64);

impl Default for Span {
    fn default() -> Self {
        Self(BLOCKS_MAX)
    }
}

impl Span {
    /// The last block of an answer that begins with `from`.
    fn last(self, from: u64, to: u64) -> u64 {
        to.min(from.saturating_add(self.0.max(1) - 1))
    }

    fn grow(&mut self) {
        self.0 = (self.0 + self.0 / 8 + 1).min(BLOCKS_MAX);
    }

    /// Half of what was refused.
    fn shrink(&mut self, from: u64, last: u64) {
        self.0 = ((last - from).div_ceil(2)).max(1);
    }
}

/// Facts of blocks that were read together.
pub(super) struct Range {
    /// In the order of the chain.
    pub seen: Vec<Seen>,
    /// The last block of them.
    pub last: BlockRef,
}

impl Worker {
    /// Final blocks from `from` on, as many as one answer has, at most up to `to`.
    pub(super) async fn read_final(&mut self, from: u64, to: u64) -> Result<Range, RoundError> {
        loop {
            let last = self.listener.span.last(from, to);
            match final_range(&self.chain.client, from, last).await {
                Ok(range) => {
                    self.listener.span.grow();
                    return Ok(range);
                }
                Err(error) if last > from && asks_too_much(&error) => self.listener.span.shrink(from, last),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What any node has in blocks that are not final, and the first block that was not read.
    pub(super) async fn read_at_sight(&mut self, from: u64, to: u64) -> Result<(Vec<Seen>, u64), RoundError> {
        loop {
            let last = self.listener.span.last(from, to);
            match self.chain.client.logs_seen(from, last).await {
                Ok(logs) => {
                    self.listener.span.grow();
                    let mut seen = facts::read_all(&logs, Currency::USDC.minor_unit());
                    // What is said of a block that will not come for years could never be taken back.
                    seen.retain(|one| (from..=last).contains(&one.at.block_number));
                    return Ok((seen, last + 1));
                }
                Err(error) if last > from && asks_too_much(&error) => self.listener.span.shrink(from, last),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Reads a range between two looks at its last block, and compares where its entries stand with the chain's own blocks.
async fn final_range(client: &Client, from: u64, to: u64) -> Result<Range, ChainError> {
    let last = block(client, to).await?;
    let logs = client.logs(from, to).await?;
    if block(client, to).await?.hash != last.hash {
        return Err(ChainError::Unavailable(format!("block {to} was replaced while it was read")));
    }
    let seen = facts::read_all(&logs, Currency::USDC.minor_unit());
    let mut known = last;
    for one in &seen {
        let at = one.at;
        if !(from..=to).contains(&at.block_number) {
            return Err(ChainError::Unavailable(format!(
                "the node gives entries of block {}, asked for {from} to {to}",
                at.block_number
            )));
        }
        if known.number != at.block_number {
            known = if at.block_number == last.number { last } else { block(client, at.block_number).await? };
        }
        if known.hash != at.block_hash {
            let number = at.block_number;
            return Err(ChainError::Unavailable(format!(
                "the node gives entries of another block {number} than it has"
            )));
        }
    }
    Ok(Range { seen, last })
}

async fn block(client: &Client, number: u64) -> Result<BlockRef, ChainError> {
    let found = client.block_at(number).await?;
    found.ok_or_else(|| ChainError::Unavailable(format!("the node has no block {number}")))
}

fn asks_too_much(error: &ChainError) -> bool {
    let ChainError::Unavailable(why) = error else { return false };
    let why = why.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| why.contains(words));
    says(&TOO_MUCH) && !says(&TOO_OFTEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_asked_for_too_much_is_asked_for_less() {
        let says = |why: &str| asks_too_much(&ChainError::Unavailable(why.to_owned()));
        for why in [
            "query returned more than 10000 results (-32005)",
            "block range is too wide (-32602)",
            "eth_getLogs is limited to a 500 block range",
            "Log response size exceeded. (-32602)",
            "limit exceeded (-32005)",
            "exceed maximum block range: 5000",
        ] {
            assert!(says(why), "{why}");
        }
        for why in [
            "no answer within 10 s",
            "rate limit exceeded (-32005)",
            "429 Too Many Requests",
            "daily request limit exceeded",
        ] {
            assert!(!says(why), "{why}");
        }
        assert!(!asks_too_much(&ChainError::Mismatch("range".to_owned())));
    }

    #[test]
    fn a_span_halves_and_grows_again() {
        let mut span = Span::default();
        assert_eq!(span.last(1, 5_000), BLOCKS_MAX);
        let mut last = span.last(1, 5_000);
        while last > 1 {
            span.shrink(1, last);
            let next = span.last(1, 5_000);
            assert!(next < last, "{next} after {last}");
            last = next;
        }
        assert_eq!(span.last(7, 5_000), 7, "never less than a block");
        for _ in 0..200 {
            span.grow();
        }
        assert_eq!(span.last(1, 5_000), BLOCKS_MAX);
    }
}
