//! Brings into the log what the contract says of sessions.
//!
//! Two passes. What restricts a payer counts at first sight, so every round reads all blocks that
//! are not final anew: a block that was replaced is seen again in its new place. What gives value is
//! read once, when final; how far that went is kept in `chain_cursors`.

use std::collections::HashSet;

use chain::client::{BLOCKS_MAX, BlockRef};
use chain::facts::{self, Seen};
use chrono::TimeDelta;
use domain::evm::{Address, Bytes32};
use domain::ids::OrganizationId;
use domain::money::Currency;
use domain::session_key::command::{Action, Fact, SessionKeyCommand};
use domain::session_key::{INDEX_CHAIN_SESSION, SessionKey};
use eventstore::StoreError;
use eventstore::log::Indexed;
use projections::settlement::first_granted_at;
use sqlx::PgPool;

use super::{RoundError, Worker, caused};

/// Entries that are remembered as told, so that a round does not tell them again.
const TOLD_MAX: usize = 100_000;

/// What is remembered between rounds; losing it costs only work.
#[derive(Default)]
pub struct State {
    /// Entries that are not final and are in the log already.
    told: HashSet<(Bytes32, u64, Bytes32)>,
}

impl Worker {
    pub(super) async fn listen(&mut self) -> Result<(), RoundError> {
        let client = self.chain.client.clone();
        let head = client.head().await?;
        let finalized = client.finalized().await?;
        let done = self.cursor(finalized).await?;
        let last_final = finalized.map_or(0, |block| block.number);
        let mut next = done.map_or(0, |block| block + 1);
        while next <= last_final {
            let to = last_final.min(next + BLOCKS_MAX - 1);
            for seen in self.read(next, to).await? {
                self.tell(&seen, true).await?;
            }
            let Some(block) = client.block_at(to).await? else {
                return Err(StoreError::Unavailable(format!("the node has no block {to}")).into());
            };
            self.save_cursor(block).await?;
            next = to + 1;
        }
        if self.listener.told.len() > TOLD_MAX {
            self.listener.told.clear();
        }
        let mut from = last_final + 1;
        while from <= head.number {
            let to = head.number.min(from + BLOCKS_MAX - 1);
            for seen in self.read(from, to).await? {
                let name = (seen.at.tx_hash, seen.at.log_index, seen.at.block_hash);
                if !self.listener.told.contains(&name) {
                    self.tell(&seen, false).await?;
                    self.listener.told.insert(name);
                }
            }
            from = to + 1;
        }
        metrics::gauge!("tollbook_chain_head_block").set(head.number as f64);
        metrics::gauge!("tollbook_chain_final_block").set(last_final as f64);
        Ok(())
    }

    async fn read(&self, from: u64, to: u64) -> Result<Vec<Seen>, RoundError> {
        let decimals = Currency::USDC.minor_unit();
        let logs = self.chain.client.logs(from, to).await?;
        Ok(logs.iter().filter_map(|log| facts::read(log, decimals)).collect())
    }

    /// Tells the session key what the chain says of it. Sessions that are not ours are left alone.
    async fn tell(&self, seen: &Seen, is_final: bool) -> Result<(), RoundError> {
        if !is_final && !counts_at_first_sight(&seen.fact) {
            return Ok(());
        }
        let found = self.context.ledger.log().lookup(INDEX_CHAIN_SESSION, &seen.session_id.0).await?;
        let Some(Indexed { organization_id, partition, stream_id }) = found else { return Ok(()) };
        if let Some(payee) = seen.payee {
            let state = self.context.ledger.load::<SessionKey>(&stream_id).await?.state;
            if state.grant.is_none_or(|grant| grant.terms.payee != payee) {
                return Ok(());
            }
        }
        let action = Action::Observe { fact: seen.fact.clone(), at: seen.at, is_final };
        let chain_id = self.network().chain_id.to_be_bytes();
        let index = seen.at.log_index.to_be_bytes();
        // A block that is not final may be replaced: the same entry in another block is another sight.
        let block = if is_final { b"final".as_slice() } else { seen.at.block_hash.0.as_slice() };
        let cause = caused(&[b"log entry", &chain_id, &seen.at.tx_hash.0, &index, block]);
        let command = SessionKeyCommand { organization_id, action };
        match self.execute::<SessionKey>(organization_id, partition, stream_id, cause, command).await? {
            Ok(_) => Ok(()),
            Err(denied) => Err(RoundError::Denied(format!("session {}: {denied}", seen.session_id))),
        }
    }

    /// A block before any session of this log was drawn up: nothing before it can be ours.
    async fn before_first_grant(&self, last: BlockRef) -> Result<Option<BlockRef>, RoundError> {
        let (chain_id, contract) = (self.chain_id(), self.contract());
        let Some(first) = first_granted_at(&self.context.pool, chain_id, &contract).await? else {
            return Ok(Some(last));
        };
        // Clocks differ: an hour is more than they do.
        let before = first - TimeDelta::hours(1);
        let (mut low, mut high) = (0, last.number);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match self.chain.client.block_at(middle).await? {
                Some(block) if block.time < before => low = middle,
                _ => high = middle - 1,
            }
        }
        Ok(self.chain.client.block_at(low).await?)
    }

    /// The last final block that was read. When nothing was read yet, or that was lost, a local chain is
    /// read from its first block, another from before the first session key of this log.
    async fn cursor(&self, finalized: Option<BlockRef>) -> Result<Option<u64>, RoundError> {
        let (chain_id, contract) = (self.chain_id(), self.contract());
        let row = sqlx::query!(
            "select block_number, block_hash from chain_cursors where chain_id = $1 and contract = $2",
            chain_id,
            contract
        )
        .fetch_optional(&self.context.pool)
        .await?;
        let Some(row) = row else {
            let start = match finalized {
                Some(last) if !self.network().is_local => self.before_first_grant(last).await?,
                _ => None,
            };
            if let Some(block) = start {
                self.save_cursor(block).await?;
            }
            return Ok(start.map(|block| block.number));
        };
        let number = row.block_number.unsigned_abs();
        let now = self.chain.client.block_at(number).await?;
        match now {
            Some(block) if block.hash.to_string() == row.block_hash => Ok(Some(number)),
            found => Err(RoundError::Denied(format!(
                "the chain is not the one that was read before: block {number} was {}, now it is {}",
                row.block_hash,
                found.map_or("missing".to_owned(), |block| block.hash.to_string())
            ))),
        }
    }

    async fn save_cursor(&self, block: BlockRef) -> Result<(), RoundError> {
        sqlx::query!(
            "insert into chain_cursors (chain_id, contract, block_number, block_hash) values ($1, $2, $3, $4)
             on conflict (chain_id, contract) do update
             set block_number = excluded.block_number, block_hash = excluded.block_hash
             where chain_cursors.block_number < excluded.block_number",
            self.chain_id(),
            self.contract(),
            i64::try_from(block.number).unwrap_or(i64::MAX),
            block.hash.to_string()
        )
        .execute(&self.context.pool)
        .await?;
        Ok(())
    }
}

/// The last final block of which everything is in the log; `None` before the first.
pub async fn last_final_block(pool: &PgPool, chain_id: u64, contract: Address) -> Result<Option<u64>, StoreError> {
    let found = sqlx::query_scalar!(
        "select block_number from chain_cursors where chain_id = $1 and contract = $2",
        i64::try_from(chain_id).unwrap_or(i64::MAX),
        contract.to_string()
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.map(i64::unsigned_abs))
}

fn counts_at_first_sight(fact: &Fact) -> bool {
    matches!(fact, Fact::Frozen | Fact::Revoked | Fact::WithdrawRequested { .. } | Fact::Deposited { .. })
}

/// The organization that settlers' own streams belong to: the installation itself.
pub(super) const fn installation() -> OrganizationId {
    OrganizationId::new(uuid::Uuid::nil())
}
