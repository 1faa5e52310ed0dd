//! Looks what became of what was sent: in a block, in another one, in none any more, there for good, or kept out for
//! good by somebody else's transaction.

use std::collections::HashSet;

use chain::ChainError;
use chain::client::Receipt;
use chain::settler::calldata_of;
use domain::evm::Bytes32;
use domain::ids::TransactionId;
use domain::settler::{Mined, Queued, Settler, SettlerCommand, Signed};
use eventstore::entity::Loaded;
use tokio::time::Instant;

use super::super::RoundError;
use super::{Queue, View};

/// Why something failed that came into a block.
pub(in super::super) const REVERTED: &str = "the transaction was reverted";
/// So many blocks in a row, from the newest down, that are where they were: then those below are too. What this
/// overlooks is found when it is final.
const STANDING: usize = 3;

impl Queue {
    /// Follows everything that is signed. What cannot go on does not stop the others.
    pub(super) async fn follow(&mut self, queue: &Loaded<Settler>, view: View) -> Result<(), RoundError> {
        let gone = self.gone(&queue.state, view).await?;
        let begun = Instant::now();
        let mut stuck = None;
        for queued in &queue.state.queue {
            let Some(signed) = &queued.signed else { continue };
            match self.follow_one(queued, signed, &gone, queue.version, view).await {
                Ok(()) => {}
                Err(error) if error.is_weather() => return Err(error),
                Err(error) => stuck = RoundError::graver(stuck, error),
            }
        }
        self.memory.unclear.end(begun);
        stuck.map_or(Ok(()), Err)
    }

    async fn follow_one(
        &mut self,
        queued: &Queued,
        signed: &Signed,
        gone: &HashSet<Bytes32>,
        version: i64,
        view: View,
    ) -> Result<(), RoundError> {
        let mut known = queued.mined.as_ref();
        if let Some(mined) = known.take_if(|mined| gone.contains(&mined.block_hash)) {
            self.take_back(queued, mined, version).await?;
        }
        if let Some(mined) = known.filter(|mined| mined.block_number > view.last_final) {
            if !self.is_used_for_good(signed.nonce, view).await {
                return Ok(());
            }
            // Then it cannot be in a later block.
            if self.find(queued).await?.is_some_and(|(found, _)| found.block_number > view.last_final) {
                let (nonce, block, last_final) = (signed.nonce, mined.block_number, view.last_final);
                self.unclear(
                    queued.id,
                    format!(
                        "nonce {nonce} was used in the blocks up to {last_final}, which are final, and a node has the \
                         transaction with it in a later one, at first {block}: compare what each node says of {}",
                        mined.tx_hash
                    ),
                );
                return Ok(());
            }
            self.take_back(queued, mined, version).await?;
            known = None;
        } else if signed.nonce >= view.mined_nonce {
            // Below this nonce everything is in a block; above it nothing is.
            return Ok(());
        }
        let Some((mined, receipt)) = self.find(queued).await? else {
            return match known {
                Some(mined) => self.doubt(queued, mined, version).await,
                None => self.displace(queued, signed, version, view).await,
            };
        };
        if known != Some(&mined) {
            if let Some(former) = known {
                self.take_back(queued, former, version).await?;
            }
            // Who waits is told first: after a crash between the two it is told again.
            self.tell_mined(queued.purpose, &mined, &receipt).await?;
            let of = [mined.block_hash.0.as_slice(), &version.to_be_bytes()].concat();
            let cause = self.caused_once(b"mined", queued.id, &of);
            self.command(cause, SettlerCommand::RecordMined(mined.clone())).await?;
        }
        if mined.block_number <= view.last_final {
            self.conclude(queued, &mined, &receipt).await?;
        }
        Ok(())
    }

    /// Where it was mined, under whichever of its hashes.
    async fn find(&self, queued: &Queued) -> Result<Option<(Mined, Receipt)>, RoundError> {
        for tx_hash in queued.hashes() {
            let Some(receipt) = self.client.receipt(tx_hash).await? else { continue };
            if let Some(mined) = mined_of(queued.id, &receipt) {
                return Ok(Some((mined, receipt)));
            }
        }
        Ok(None)
    }

    /// Blocks with something of the queue that are not final, and that the chain does not have any more.
    async fn gone(&self, settler: &Settler, view: View) -> Result<HashSet<Bytes32>, RoundError> {
        let mined = settler.queue.iter().filter_map(|queued| queued.mined.as_ref());
        let mut blocks: Vec<_> = mined
            .filter(|mined| mined.block_number > view.last_final)
            .map(|mined| (mined.block_number, mined.block_hash))
            .collect();
        blocks.sort_unstable_by_key(|(number, hash)| (std::cmp::Reverse(*number), hash.0));
        blocks.dedup();
        let mut gone = HashSet::new();
        let mut standing = 0;
        for (number, hash) in blocks {
            if standing == STANDING {
                break;
            }
            match self.client.block_at(number).await {
                Ok(Some(block)) if block.hash == hash => standing += 1,
                Ok(Some(_)) => {
                    standing = 0;
                    gone.insert(hash);
                }
                // The node is behind, or its chain is shorter now; or nodes have not agreed yet. Another round sees.
                Ok(None) | Err(ChainError::Disagreement { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(gone)
    }

    /// It was in a final block, and no receipt says so any more.
    async fn doubt(&mut self, queued: &Queued, mined: &Mined, version: i64) -> Result<(), RoundError> {
        match self.client.block_at(mined.block_number).await? {
            Some(block) if block.hash != mined.block_hash => self.take_back(queued, mined, version).await,
            Some(_) => {
                let (tx_hash, block) = (mined.tx_hash, mined.block_number);
                let why =
                    format!("transaction {tx_hash} was in final block {block}, and no node says what became of it");
                self.unclear(queued.id, why);
                Ok(())
            }
            // The nodes are behind.
            None => Ok(()),
        }
    }

    /// The block it was in is gone: it waits for another one.
    async fn take_back(&mut self, queued: &Queued, mined: &Mined, version: i64) -> Result<(), RoundError> {
        let (block, tx_hash) = (mined.block_number, mined.tx_hash);
        tracing::warn!(block, %tx_hash, "a block with a transaction of ours has gone away");
        metrics::counter!("tollbook_settler_reorganized_total").increment(1);
        // Who waits is told first, as in all of this.
        self.tell_reorganized(queued.purpose, mined).await?;
        self.memory.handed_over.remove(&queued.id);
        let block_hash = mined.block_hash;
        let of = [block_hash.0.as_slice(), &version.to_be_bytes()].concat();
        let cause = self.caused_once(b"reorganized", queued.id, &of);
        self.command(cause, SettlerCommand::RecordReorganized { id: queued.id, block_hash }).await?;
        Ok(())
    }

    /// Whether a nonce was used in a block that is final. It is asked once for each final block, for all transactions;
    /// what cannot be asked is asked again at the next one, so that nothing else waits for it.
    async fn is_used_for_good(&mut self, nonce: u64, view: View) -> bool {
        let known = self.memory.used_up_to.filter(|(block, _)| *block == view.last_final);
        let next = match known {
            Some((_, next)) => next,
            None => {
                let next = self.final_nonce(view).await.unwrap_or(0);
                self.memory.used_up_to = Some((view.last_final, next));
                next
            }
        };
        next > nonce
    }

    /// Its nonce is used and none of its versions is in a block. When that is so at the last final block, somebody else
    /// has used the nonce: it can never be mined any more, and is signed anew.
    async fn displace(&mut self, queued: &Queued, signed: &Signed, version: i64, view: View) -> Result<(), RoundError> {
        if self.final_nonce(view).await? <= signed.nonce || !self.is_as_read().await? {
            return Ok(());
        }
        // The receipts were asked for before it was known to be final. One node that has any of them is enough.
        for tx_hash in queued.hashes() {
            if self.client.receipt(tx_hash).await?.is_some() || self.client.is_mined_anywhere(tx_hash).await? {
                let nonce = signed.nonce;
                self.unclear(
                    queued.id,
                    format!(
                        "nonce {nonce} was used in a final block, and a node says without a receipt for it that the \
                         transaction with it is in a block: compare what each node says of {tx_hash}"
                    ),
                );
                return Ok(());
            }
        }
        let Some(calldata) = calldata_of(&signed.raw) else {
            return Err(RoundError::Denied(format!("the bytes of transaction {} cannot be read", signed.tx_hash)));
        };
        let (address, nonce) = (self.address(), signed.nonce);
        tracing::error!(%address, nonce, "somebody else has sent a transaction with this key: ours is signed anew");
        metrics::counter!("tollbook_settler_displaced_total").increment(1);
        self.memory.handed_over.remove(&queued.id);
        let cause = self.caused_once(b"displaced", queued.id, &version.to_be_bytes());
        self.command(cause, SettlerCommand::Displace { id: queued.id, calldata }).await?;
        Ok(())
    }

    /// It is in a block for good: first who waits for it is told, then it leaves the queue.
    async fn conclude(&mut self, queued: &Queued, mined: &Mined, receipt: &Receipt) -> Result<(), RoundError> {
        // A receipt may be of a block that is the chain's no longer, or that nobody has.
        if !self.is_in_final_block(mined).await? {
            let Mined { tx_hash, block_number, block_hash, .. } = mined;
            self.unclear(
                queued.id,
                format!(
                    "transaction {tx_hash} is said to be in final block {block_number} with the hash {block_hash}, which \
                     the chain does not have there"
                ),
            );
            return Ok(());
        }
        let is_told = if mined.succeeded {
            self.tell_concluded(queued.purpose, mined, receipt).await?
        } else {
            self.tell_failed(queued.purpose, REVERTED).await?
        };
        if is_told {
            let cause = self.caused_here(b"finalized", queued.id);
            self.command(cause, SettlerCommand::RecordFinalized(queued.id)).await?;
        }
        Ok(())
    }

    /// Whether the block that a receipt names is the chain's. It must be low enough to be final.
    async fn is_in_final_block(&mut self, mined: &Mined) -> Result<bool, RoundError> {
        if self.memory.final_blocks.contains(&mined.block_hash) {
            return Ok(true);
        }
        let block = self.client.block_at(mined.block_number).await?;
        let is_it = block.is_some_and(|block| block.hash == mined.block_hash);
        if is_it {
            self.memory.final_blocks.insert(mined.block_hash);
        }
        Ok(is_it)
    }
}

fn mined_of(transaction_id: TransactionId, receipt: &Receipt) -> Option<Mined> {
    Some(Mined {
        transaction_id,
        tx_hash: Bytes32(receipt.transaction_hash.0),
        block_number: receipt.block_number?,
        block_hash: Bytes32(receipt.block_hash?.0),
        succeeded: receipt.status(),
    })
}
