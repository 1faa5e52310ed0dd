//! Hands what is signed and in no block to the nodes, in the order of its nonces.

use std::collections::HashSet;

use chain::ChainError;
use domain::evm::Bytes32;
use domain::ids::TransactionId;
use domain::settler::{SettlerCommand, StallReason};
use tokio::time::Instant;

use super::super::RoundError;
use super::{IN_FLIGHT_MAX, Queue, SEND_AGAIN_AFTER, View, is_waiting, waiting};

impl Queue {
    /// Sends what is signed and in no block. A node may forget what waits, for example when it is started anew: the
    /// same bytes are handed over again now and then. Gives whether anything waits for a block.
    pub(super) async fn send(&mut self, view: View) -> Result<bool, RoundError> {
        let queue = self.load().await?;
        let settler = &queue.state;
        let known: HashSet<TransactionId> = settler.queue.iter().map(|queued| queued.id).collect();
        self.memory.handed_over.retain(|id, _| known.contains(id));
        let last = view.mined_nonce.saturating_add(IN_FLIGHT_MAX);
        for (queued, signed) in waiting(settler, view) {
            // Nodes keep only so many of one sender, and after a chain was set back there may be more.
            if signed.nonce >= last {
                break;
            }
            // No node would take it: it is replaced, or waits until the base fee has fallen.
            if self.memory.base_fee.is_some_and(|base| base > signed.max_fee_wei) {
                self.memory.handed_over.remove(&queued.id);
                continue;
            }
            if queued.sent && self.was_just_handed_over(queued.id, signed.tx_hash) {
                continue;
            }
            self.tell_signed(queued.purpose, signed, settler.resend.is_some()).await?;
            match self.client.send(&signed.raw).await {
                // It is in a block already: what became of it is asked in the next round.
                Ok(()) | Err(ChainError::NonceTooLow) => {}
                Err(ChainError::NoGasMoney(why)) => {
                    self.stall(StallReason::NoGasMoney, Some(queued.id), why);
                    break;
                }
                Err(ChainError::Underpriced(why)) => {
                    tracing::debug!(tx_hash = %signed.tx_hash, why, "a node says that it pays too little");
                    self.memory.underpriced.insert(signed.tx_hash);
                    continue;
                }
                Err(ChainError::NotTaken(why)) => {
                    self.not_taken(queued.id, signed.tx_hash, why);
                    break;
                }
                Err(error) => return Err(error.into()),
            }
            self.memory.not_taken.take_if(|(hash, _)| *hash == signed.tx_hash);
            self.memory.handed_over.insert(queued.id, (signed.tx_hash, Instant::now()));
            if !queued.sent {
                // After a reorganization, or when it was replaced, it is sent once more.
                let cause = self.caused_once(b"sent", queued.id, &queue.version.to_be_bytes());
                self.command(cause, SettlerCommand::RecordSent(queued.id)).await?;
            }
        }
        Ok(settler.queue.iter().any(is_waiting))
    }

    fn was_just_handed_over(&self, id: TransactionId, tx_hash: Bytes32) -> bool {
        let last = self.memory.handed_over.get(&id).filter(|(hash, _)| *hash == tx_hash);
        last.is_some_and(|(_, at)| at.elapsed() < SEND_AGAIN_AFTER)
    }
}
