//! What a token knows of authorizations (EIP-3009): whether one was used, and by which transaction.

use alloy::primitives::B256;
use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEvent;
use domain::evm::{Address, Bytes32};

use super::{BLOCKS_MAX, ChainError, Client};
use crate::bindings::TestUSDC::{AuthorizationUsed, TestUSDCInstance};

/// A transaction that used an authorization.
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

    /// Whether a nonce of an address was used or cancelled.
    pub async fn is_authorization_used(
        &self,
        token: Address,
        from: Address,
        nonce: Bytes32,
    ) -> Result<bool, ChainError> {
        let (token, from, nonce) = (crate::address(token), crate::address(from), crate::b256(nonce));
        self.first(|endpoint| async move {
            let token = TestUSDCInstance::new(token, endpoint.provider());
            endpoint.ask(async { token.authorizationState(from, nonce).call().await }).await
        })
        .await
    }

    /// The transaction that used a nonce of an address, from a block on; `None` when none did.
    pub async fn authorization_use(
        &self,
        token: Address,
        from: Address,
        nonce: Bytes32,
        first_block: u64,
    ) -> Result<Option<Used>, ChainError> {
        let filter = &Filter::new()
            .address(crate::address(token))
            .event_signature(AuthorizationUsed::SIGNATURE_HASH)
            .topic1(B256::left_padding_from(&from.0))
            .topic2(crate::b256(nonce));
        let head = self.head().await?.number;
        let mut next = first_block;
        while next <= head {
            let last = head.min(next.saturating_add(BLOCKS_MAX - 1));
            let logs = self.first(|endpoint| async move { endpoint.logs(filter, next, last).await }).await?;
            if let Some(used) = logs.iter().find_map(Used::read) {
                return Ok(Some(used));
            }
            next = last + 1;
        }
        Ok(None)
    }
}
