//! What the contract has of sessions, and what the token says was transferred.

use alloy::eips::BlockId;
use alloy::primitives::B256;
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEvent;
use domain::evm::{Address, Bytes32};
use domain::money::{Amount, Currency};
use domain::session_key::Terms;

use super::endpoint::Endpoint;
use super::{BLOCKS_MAX, ChainError, Client, OnChain, SessionView};
use crate::bindings::TestUSDC::{TestUSDCInstance, Transfer};

/// `SessionStatus` of the contract.
const STATUS_FROZEN: u8 = 3;
const STATUS_REVOKED: u8 = 4;

/// One transfer from the contract to a payee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transferred {
    /// In this transaction.
    pub tx_hash: Bytes32,
    /// In this block.
    pub block_number: u64,
    /// How much.
    pub amount: Amount,
}

impl Transferred {
    fn read(log: &Log) -> Option<Self> {
        let transfer = Transfer::decode_log(&log.inner).ok()?;
        let units = u128::try_from(transfer.value).ok()?;
        Some(Self {
            tx_hash: crate::own_bytes32(log.transaction_hash?),
            block_number: log.block_number?,
            amount: Amount::from_atomic(units, Currency::USDC.minor_unit()).ok()?,
        })
    }
}

impl OnChain {
    const fn unknown() -> Self {
        Self { registered: false, nonce: 0, escrow: Amount::ZERO, claimed: Amount::ZERO }
    }
}

fn as_of(block: Option<u64>) -> BlockId {
    block.map_or_else(BlockId::latest, BlockId::from)
}

fn usdc(units: u128) -> Amount {
    Amount::from_atomic(units, Currency::USDC.minor_unit()).unwrap_or_default()
}

impl Endpoint {
    async fn part(&self, session_id: Bytes32, payee: Address, block: u64) -> Result<(Amount, Amount), ChainError> {
        let (session_id, payee) = (crate::b256(session_id), crate::address(payee));
        let contract = self.contract();
        let part = self.ask(async { contract.escrowState(session_id, payee).block(block.into()).call().await }).await?;
        Ok((usdc(part.escrow), usdc(part.claimed)))
    }

    async fn session_at(&self, session_id: Bytes32, block: Option<u64>) -> Result<SessionView, ChainError> {
        let (session_id, contract) = (crate::b256(session_id), self.contract());
        let state = self.ask(async { contract.sessionState(session_id).block(as_of(block)).call().await }).await?;
        Ok(SessionView {
            status: state.status,
            key: crate::own_address(state.key),
            frozen: state.status == STATUS_FROZEN,
            revoked: state.status == STATUS_REVOKED,
        })
    }

    async fn withdrawal_wanted(
        &self,
        session_id: Bytes32,
        payee: Address,
        block: Option<u64>,
    ) -> Result<Amount, ChainError> {
        let (session_id, payee) = (crate::b256(session_id), crate::address(payee));
        let contract = self.contract();
        let part = self.ask(async { contract.escrowState(session_id, payee).block(as_of(block)).call().await }).await?;
        Ok(usdc(part.withdrawAmount.min(part.escrow)))
    }
}

impl Client {
    /// What the contract has of a session key.
    pub async fn session(&self, terms: &Terms) -> Result<OnChain, ChainError> {
        let (session_id, payee) = (crate::b256(terms.session_id), crate::address(terms.payee));
        let decimals = terms.decimals();
        self.first(|endpoint| async move {
            let contract = endpoint.contract();
            let state = match endpoint.ask(async { contract.sessionState(session_id).call().await }).await {
                Ok(state) => state,
                // Some versions of the contract might refuse to speak of what they do not know.
                Err(ChainError::Refused { .. }) => return Ok(OnChain::unknown()),
                Err(error) => return Err(error),
            };
            let escrow = endpoint.ask(async { contract.escrow(session_id, payee).call().await }).await?;
            let claimed = endpoint.ask(async { contract.claimed(session_id, payee).call().await }).await?;
            Ok(OnChain {
                registered: state.status != 0,
                nonce: u64::try_from(state.nonce).unwrap_or(u64::MAX),
                escrow: Amount::from_atomic(escrow, decimals).unwrap_or_default(),
                claimed: Amount::from_atomic(claimed, decimals).unwrap_or_default(),
            })
        })
        .await
    }

    /// What nodes say that the contract has of a session as of a block: all that have it must say the same, so that is one
    /// answer. Or what each says as of its newest: of what restricts a payer, one that has it is enough.
    pub async fn sessions_at(&self, session_id: Bytes32, block: Option<u64>) -> Result<Vec<SessionView>, ChainError> {
        let ask = |endpoint: Endpoint| async move { endpoint.session_at(session_id, block).await };
        let told = |view: &SessionView| format!("status {} and key {}", view.status, view.key);
        self.as_of(&format!("session {session_id}"), block, ask, told).await
    }

    /// What nodes say that the owner wants back of a payee's part, and has not got: at most what is in escrow. As of a
    /// block, or as of the newest of each, as in [`Self::sessions_at`].
    pub async fn withdrawals_wanted(
        &self,
        session_id: Bytes32,
        payee: Address,
        block: Option<u64>,
    ) -> Result<Vec<Amount>, ChainError> {
        let ask = |endpoint: Endpoint| async move { endpoint.withdrawal_wanted(session_id, payee, block).await };
        let what = format!("what is wanted back of session {session_id} from {payee}");
        self.as_of(&what, block, ask, |wanted: &Amount| format!("{wanted} wanted back")).await
    }

    /// What the contract has of one payee's part of a session: escrow and claimed, as of a block.
    pub async fn part(&self, session_id: Bytes32, payee: Address, block: u64) -> Result<(Amount, Amount), ChainError> {
        self.first(|endpoint| async move { endpoint.part(session_id, payee, block).await }).await
    }

    /// The same for what is taken over for good. All nodes that have the block must say the same.
    pub async fn part_everywhere(
        &self,
        session_id: Bytes32,
        payee: Address,
        block: u64,
    ) -> Result<(Amount, Amount), ChainError> {
        let what = format!("what session {session_id} has for {payee} in block {block}");
        let ask = |endpoint: Endpoint| async move { endpoint.part(session_id, payee, block).await.map(Some) };
        let told = |(escrow, claimed): &(Amount, Amount)| format!("{escrow} in escrow and {claimed} claimed");
        let part = self.agreed(&what, ask, told).await?;
        part.ok_or_else(|| ChainError::Unavailable("no node was asked".into()))
    }

    /// Transfers of the token from the contract to a payee, in a range of blocks.
    pub async fn transfers(&self, payee: Address, from: u64, to: u64) -> Result<Vec<Transferred>, ChainError> {
        let settings = self.settings();
        let filter = &Filter::new()
            .address(crate::address(settings.token))
            .event_signature(Transfer::SIGNATURE_HASH)
            .topic1(B256::left_padding_from(&settings.contract.0))
            .topic2(B256::left_padding_from(&payee.0));
        let mut transfers = Vec::new();
        let mut next = from;
        while next <= to {
            let last = to.min(next.saturating_add(BLOCKS_MAX - 1));
            let logs = self.first(|endpoint| async move { endpoint.logs(filter, next, last).await }).await?;
            transfers.extend(logs.iter().filter_map(Transferred::read));
            next = last + 1;
        }
        Ok(transfers)
    }

    /// What an address has of the token.
    pub async fn balance(&self, address: Address) -> Result<Amount, ChainError> {
        let (token, address) = (crate::address(self.settings().token), crate::address(address));
        let units = self
            .first(|endpoint| async move {
                let token = TestUSDCInstance::new(token, endpoint.provider());
                endpoint.ask(async { token.balanceOf(address).call().await }).await
            })
            .await?;
        Ok(usdc(u128::try_from(units).unwrap_or(u128::MAX)))
    }
}
