//! What a token knows of authorizations (EIP-3009): whether one was used, and by which transaction.

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::B256;
use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEvent;
use domain::evm::{Address, Bytes32};

use super::endpoint::Endpoint;
use super::{BLOCKS_MAX, ChainError, Client};
use crate::bindings::TestUSDC::{AuthorizationCanceled, AuthorizationUsed, TestUSDCInstance};

/// A transaction that used an authorization, or cancelled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
}

impl Used {
    fn read(log: &Log) -> Option<Self> {
        Some(Self {
            tx_hash: crate::own_bytes32(log.transaction_hash?),
            block_number: log.block_number?,
            block_hash: crate::own_bytes32(log.block_hash?),
        })
    }
}

/// A token's entries that name a nonce of an address.
fn entries(token: Address, from: Address, nonce: Bytes32, events: Vec<B256>) -> Filter {
    Filter::new()
        .address(crate::address(token))
        .event_signature(events)
        .topic1(B256::left_padding_from(&from.0))
        .topic2(crate::b256(nonce))
}

impl Endpoint {
    async fn is_authorization_used(&self, token: Address, from: Address, nonce: Bytes32) -> Result<bool, ChainError> {
        let token = TestUSDCInstance::new(crate::address(token), self.provider());
        let (from, nonce) = (crate::address(from), crate::b256(nonce));
        self.ask(async { token.authorizationState(from, nonce).call().await }).await
    }

    /// The first of these entries in a range of blocks.
    async fn first_entry(&self, filter: &Filter, first: u64, last: u64) -> Result<Option<Used>, ChainError> {
        let mut next = first;
        while next <= last {
            let end = last.min(next.saturating_add(BLOCKS_MAX - 1));
            let logs = self.logs(filter, next, end).await?;
            if let Some(used) = logs.iter().find_map(Used::read) {
                return Ok(Some(used));
            }
            next = end + 1;
        }
        Ok(None)
    }
}

impl Client {
    /// Whether there is code at an address: a smart account, or a key that acts by one (EIP-7702).
    pub async fn has_code(&self, address: Address) -> Result<bool, ChainError> {
        let address = crate::address(address);
        let code = self
            .first(
                |endpoint| async move { endpoint.ask(async { endpoint.provider().get_code_at(address).await }).await },
            )
            .await?;
        Ok(!code.is_empty())
    }

    /// Whether a nonce of an address was used or cancelled, by the word of the first node that answers: enough to say
    /// why something is refused, not to decide what becomes of money.
    pub async fn is_authorization_used(
        &self,
        token: Address,
        from: Address,
        nonce: Bytes32,
    ) -> Result<bool, ChainError> {
        self.first(|endpoint| async move { endpoint.is_authorization_used(token, from, nonce).await }).await
    }

    /// Whether any node says so as of its newest block.
    pub async fn is_authorization_used_anywhere(
        &self,
        token: Address,
        from: Address,
        nonce: Bytes32,
    ) -> Result<bool, ChainError> {
        let answers =
            self.most(|endpoint| async move { endpoint.is_authorization_used(token, from, nonce).await }).await?;
        Ok(answers.iter().any(|(_, is_used)| *is_used))
    }

    /// The transactions that used a nonce of an address, from a block on, as any node has them; none when none did. A
    /// nonce is used once, so of one chain there is one: of two that compete for the same place each may have its own.
    pub async fn authorization_uses(
        &self,
        token: Address,
        from: Address,
        nonce: Bytes32,
        first_block: u64,
    ) -> Result<Vec<Used>, ChainError> {
        let filter = &entries(token, from, nonce, vec![AuthorizationUsed::SIGNATURE_HASH]);
        let ask = |endpoint: Endpoint| async move {
            let head = endpoint.head().await?.number;
            endpoint.first_entry(filter, first_block, head).await
        };
        let mut uses: Vec<Used> = Vec::new();
        for (_, used) in self.most(ask).await? {
            if let Some(used) = used
                && !uses.contains(&used)
            {
                uses.push(used);
            }
        }
        Ok(uses)
    }

    /// The transaction that used or cancelled a nonce of an address in a range of final blocks; `None` when none did. All
    /// nodes that have these blocks must say the same.
    pub async fn final_authorization_use(
        &self,
        token: Address,
        from: Address,
        nonce: Bytes32,
        first_block: u64,
        last_block: u64,
    ) -> Result<Option<Used>, ChainError> {
        let events = vec![AuthorizationUsed::SIGNATURE_HASH, AuthorizationCanceled::SIGNATURE_HASH];
        let filter = &entries(token, from, nonce, events);
        let ask = |endpoint: Endpoint| async move {
            // A node that has not come so far would find nothing, and say nothing.
            if endpoint.block(BlockNumberOrTag::Number(last_block)).await?.is_none() {
                return Ok(None);
            }
            endpoint.first_entry(filter, first_block, last_block).await.map(Some)
        };
        let what = format!("what used nonce {nonce} of {from} in blocks {first_block} to {last_block}");
        let told = |used: &Option<Used>| match used {
            Some(used) => format!("transaction {} in block {}", used.tx_hash, used.block_hash),
            None => "nothing".to_owned(),
        };
        let used = self.agreed(&what, ask, told).await?;
        used.ok_or_else(|| ChainError::Unavailable(format!("the node has no block {last_block} yet")))
    }
}
