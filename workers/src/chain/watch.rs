//! Whether the chain is still the one that was read.
//!
//! Each round compares the last final block that was read. Where the chain has another one there, or ends before it,
//! what was taken for good was not: everything that follows from the chain halts (`chain.halted`) until a person has
//! looked and confirms. Then the chain is read anew from before the first session key, and settlers send again what it
//! has lost. What is in the log already is told again and changes nothing.
//!
//! A node that lags behind for a while, or another one in its place, is no such chain: what is found must be found in
//! several rounds, over some time, and by all nodes that answer.

use std::time::Duration;

use chain::ChainError;
use chain::client::BlockRef;
use domain::chain_watch::{
    Answer, ChainWatch, ChainWatchCommand, ChainWatchError, DisagreementSeen, HaltReason, Halted,
};
use domain::evm::{Address, Bytes32};
use domain::settler::{Settler, SettlerCommand, SettlerError};
use domain::{Aggregate, StreamId, Timestamp};
use eventstore::entity::Loaded;
use eventstore::{CommandMeta, ExecuteError, Executed, Ledger, StoreError, clock};
use tokio::time::Instant;
use uuid::Uuid;

use super::listener::installation;
use super::{Heard, RoundError, Worker, caused, survey};

/// In how many rounds another chain must be found before everything halts,
const ROUNDS_MIN: u32 = 4;
/// and over what time: on a local chain, and on others.
const WITHIN_LOCAL: Duration = Duration::from_secs(3);
const WITHIN: Duration = Duration::from_secs(30);
/// Where the chain only ends too early, a node may be far behind, and will come: one that was just started anew does.
const WITHIN_BEHIND: Duration = Duration::from_secs(900);
/// In how many rounds one after another nodes must disagree before that is said.
const DISAGREE_ROUNDS: u32 = 2;

/// What is remembered between rounds; losing it costs only time.
#[derive(Default)]
pub struct State {
    /// What was found in the place of the last final block.
    suspicion: Option<Suspicion>,
    /// Whether the log has said that everything halts.
    is_halt_said: bool,
    /// Rounds that ended in a disagreement, one after another.
    disagreed: u32,
    /// Whether the log knows that nodes disagree.
    disagreement_known: bool,
}

#[derive(Debug, Clone, Copy)]
struct Suspicion {
    found: Option<Bytes32>,
    since: Instant,
    rounds: u32,
}

impl Suspicion {
    /// With what this round found; what was found before counts when it was the same.
    fn with(known: Option<Self>, found: Option<Bytes32>, now: Instant) -> Self {
        match known.filter(|known| known.found == found) {
            Some(known) => Self { rounds: known.rounds.saturating_add(1), ..known },
            None => Self { found, since: now, rounds: 1 },
        }
    }

    fn is_sure(&self, within: Duration, now: Instant) -> bool {
        self.rounds >= ROUNDS_MIN && now.duration_since(self.since) >= within
    }
}

/// Over what time the same must be found before everything halts.
const fn sure_within(found: Option<Bytes32>, is_local: bool) -> Duration {
    match found {
        _ if is_local => WITHIN_LOCAL,
        Some(_) => WITHIN,
        None => WITHIN_BEHIND,
    }
}

/// What became of a comparison with the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// It has the block that was read.
    Same,
    /// It has not, for sure: everything halts.
    Halted,
}

/// The stream of the watch over a contract.
pub fn stream(chain_id: u64, contract: Address) -> StreamId {
    StreamId::new(ChainWatch::CATEGORY, format!("{chain_id}-{contract}"))
}

/// The watch over a contract, as the log has it.
pub async fn load(ledger: &Ledger, chain_id: u64, contract: Address) -> Result<Loaded<ChainWatch>, StoreError> {
    ledger.load::<ChainWatch>(&stream(chain_id, contract)).await
}

/// A person gives up what a settler was to send again, for example because its key is no longer there: what the chain
/// has lost of it stays lost. Gives whether there was any.
pub async fn give_up_resend(
    ledger: &Ledger,
    chain_id: u64,
    settler: Address,
    by: &str,
    note: &str,
) -> Result<Result<bool, SettlerError>, ExecuteError> {
    let stream = StreamId::new(Settler::CATEGORY, format!("{chain_id}-{settler}"));
    let command = SettlerCommand::GiveUpResend { reason: note.to_owned() };
    let done = ledger.execute::<Settler>(stream, by_hand(ledger, by)?, command).await?;
    Ok(done.map(|executed| matches!(executed, Executed::Done { .. })))
}

/// A command of a person's to a stream of the installation itself.
fn by_hand(ledger: &Ledger, by: &str) -> Result<CommandMeta, ExecuteError> {
    let Some(partition) = ledger.partitions().next() else {
        return Err(StoreError::Corrupt("the log has no partition".to_owned()).into());
    };
    let command_id = Uuid::now_v7();
    Ok(CommandMeta {
        command_id,
        organization_id: installation(),
        partition,
        actor: by.to_owned(),
        request_digest: [0; 32],
        causation_id: command_id,
        correlation_id: command_id,
        now: clock::now(),
    })
}

/// A person has looked at a halted chain: it is gone on with. Who it was, and what they say, stands in the log.
pub async fn confirm(
    ledger: &Ledger,
    chain_id: u64,
    contract: Address,
    by: &str,
    note: &str,
) -> Result<Result<(), ChainWatchError>, ExecuteError> {
    let command = ChainWatchCommand::Confirm { by: by.to_owned(), note: note.to_owned() };
    let done = ledger.execute::<ChainWatch>(stream(chain_id, contract), by_hand(ledger, by)?, command).await?;
    Ok(done.map(|_| ()))
}

impl Worker {
    pub(super) async fn load_watch(&mut self) -> Result<Loaded<ChainWatch>, RoundError> {
        let settings = self.chain.client.settings();
        let watch = load(&self.context.ledger, settings.network.chain_id, settings.contract).await?;
        self.watch.disagreement_known = watch.state.disagreement.is_some();
        Ok(watch)
    }

    /// Compares the last final block that was read with the chain.
    pub(super) async fn compare(
        &mut self,
        watch: &Loaded<ChainWatch>,
        (number, hash): (u64, Bytes32),
        head: BlockRef,
    ) -> Result<Compared, RoundError> {
        let mut found = self.chain.client.block_at(number).await?.map(|block| block.hash);
        if found != Some(hash) {
            // Another chain may have taken the place of a node since that was last compared with the settings.
            self.chain.client.doubt().await;
            found = self.chain.client.block_at(number).await?.map(|block| block.hash);
        }
        if found == Some(hash) {
            self.watch.suspicion = None;
            return Ok(Compared::Same);
        }
        if found.is_none() && head.number >= number {
            // It has later ones: this one will come.
            return Err(ChainError::Unavailable(format!("the node has no block {number}")).into());
        }
        let now = Instant::now();
        let suspicion = Suspicion::with(self.watch.suspicion, found, now);
        self.watch.suspicion = Some(suspicion);
        if !suspicion.is_sure(sure_within(found, self.network().is_local), now) {
            return Err(RoundError::Contradicts(match found {
                Some(found) => format!("block {number} was {hash}, now it is {found}"),
                None => format!("block {number} was {hash}, now the chain ends before it"),
            }));
        }
        self.halt(watch, (number, hash), found, head).await?;
        self.watch.suspicion = None;
        Ok(Compared::Halted)
    }

    async fn halt(
        &self,
        watch: &Loaded<ChainWatch>,
        (last_block, last_hash): (u64, Bytes32),
        found_hash: Option<Bytes32>,
        head: BlockRef,
    ) -> Result<(), RoundError> {
        let settings = self.chain.client.settings();
        let (chain_id, contract) = (settings.network.chain_id, settings.contract);
        let survey::Survey { differences, resend } =
            survey::survey(&self.context, &self.log, &self.chain.client, head.number).await;
        let halted = Halted {
            chain_id,
            contract,
            reason: if found_hash.is_some() { HaltReason::Replaced } else { HaltReason::Restored },
            last_block,
            last_hash,
            found_hash,
            head: head.number,
            differences,
            resend,
        };
        self.tell_watch(b"halt", watch.version, ChainWatchCommand::Halt(Box::new(halted))).await
    }

    /// A command to the watch. Its id follows from what the watch was when it was decided, so that of two leaders one
    /// is heard.
    async fn tell_watch(&self, step: &[u8], version: i64, command: ChainWatchCommand) -> Result<(), RoundError> {
        let settings = self.chain.client.settings();
        let stream = stream(settings.network.chain_id, settings.contract);
        let cause = caused(&[b"watch", step, stream.as_str().as_bytes(), &version.to_be_bytes()]);
        let done = self.execute::<ChainWatch>(installation(), self.partition, stream, cause, command).await?;
        done.map(|_| ()).map_err(|denied| RoundError::Denied(denied.to_string()))
    }

    /// Says once that everything halts.
    pub(super) fn note_halt(&mut self, halted: &Halted, since: Timestamp) {
        metrics::gauge!("tollbook_chain_halted").set(1.0);
        if std::mem::replace(&mut self.watch.is_halt_said, true) {
            return;
        }
        tracing::error!(
            reason = halted.reason.name(),
            last_block = halted.last_block,
            differences = halted.differences.len(),
            %since,
            "the chain is not the one that was read: charges go on, nothing is settled until a person has looked: \
             see `tollbook chain status`"
        );
    }

    pub(super) fn note_no_halt(&mut self) {
        metrics::gauge!("tollbook_chain_halted").set(0.0);
        if std::mem::take(&mut self.watch.is_halt_said) {
            tracing::warn!("a person has confirmed the chain as it is: it is read anew");
        }
    }

    /// Asks every settler of this chain to send again what the chain no longer has. Once for each confirmation.
    pub(super) async fn request_resends(&self, confirmations: u64) -> Result<(), RoundError> {
        let chain_id = self.network().chain_id;
        for (address, settler) in survey::settlers(&self.context.ledger, &self.log, chain_id).await? {
            let Some(plan) = survey::resend_plan(&self.chain.client, address, &settler).await? else { continue };
            let stream = StreamId::new(Settler::CATEGORY, format!("{chain_id}-{address}"));
            let cause = caused(&[b"resend", stream.as_str().as_bytes(), &confirmations.to_be_bytes()]);
            let command = SettlerCommand::RequestResend {
                first_nonce: plan.first_nonce,
                last_nonce: plan.last_nonce,
                reason: "the chain was set back".to_owned(),
            };
            match self.execute::<Settler>(installation(), self.partition, stream, cause, command).await? {
                Ok(Executed::Done { replayed: false, .. }) => {
                    let (first, last) = (plan.first_nonce, plan.last_nonce);
                    tracing::warn!(settler = %address, first, last, "what the chain has lost is sent again");
                }
                Ok(_) => {}
                // One that is under way goes by the chain as it is, too.
                Err(denied) => tracing::warn!(settler = %address, %denied, "nothing more is sent again"),
            }
        }
        Ok(())
    }

    /// Says in the log when nodes disagree, once, and when that is over.
    pub(super) async fn note_agreement(&mut self, ended: &Result<Heard, RoundError>) {
        let told = match ended {
            Err(RoundError::Chain(ChainError::Disagreement { what, answers })) => {
                self.watch.disagreed = self.watch.disagreed.saturating_add(1);
                metrics::gauge!("tollbook_chain_disagreement").set(1.0);
                if self.watch.disagreed < DISAGREE_ROUNDS || self.watch.disagreement_known {
                    return;
                }
                let answer = |(endpoint, answer): &(String, String)| Answer {
                    endpoint: endpoint.clone(),
                    answer: answer.clone(),
                };
                let answers = answers.iter().map(answer).collect();
                let seen = DisagreementSeen { what: what.clone(), answers };
                self.update_disagreement(b"disagreement", ChainWatchCommand::SeeDisagreement(seen)).await
            }
            // A round that was not cut short has asked all that there was to ask.
            Ok(Heard::All | Heard::Again) => {
                self.watch.disagreed = 0;
                metrics::gauge!("tollbook_chain_disagreement").set(0.0);
                if !self.watch.disagreement_known {
                    return;
                }
                self.update_disagreement(b"agreement", ChainWatchCommand::EndDisagreement).await
            }
            _ => return,
        };
        if let Err(error) = told {
            tracing::debug!(%error, "the log does not know yet whether nodes agree");
        }
    }

    async fn update_disagreement(&mut self, step: &[u8], command: ChainWatchCommand) -> Result<(), RoundError> {
        let version = self.load_watch().await?.version;
        self.tell_watch(step, version, command).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_ends_too_early_is_waited_for() {
        assert!(sure_within(None, false) > Duration::from_secs(600));
        assert_eq!(sure_within(Some(Bytes32([1; 32])), false), WITHIN);
        assert_eq!(sure_within(None, true), WITHIN_LOCAL);
    }

    #[test]
    fn a_node_that_lags_for_a_moment_halts_nothing() {
        let start = Instant::now();
        let mut known = None;
        for second in 0..3 {
            let now = start + Duration::from_secs(second);
            let suspicion = Suspicion::with(known, None, now);
            assert!(!suspicion.is_sure(Duration::from_secs(2), now), "too few rounds");
            known = Some(suspicion);
        }
        let now = start + Duration::from_secs(1);
        let early = Suspicion::with(known, None, now);
        assert!(!early.is_sure(Duration::from_secs(2), now), "too early");
        let now = start + Duration::from_secs(3);
        assert!(Suspicion::with(known, None, now).is_sure(Duration::from_secs(2), now));
        let other = Suspicion::with(known, Some(Bytes32([1; 32])), now);
        assert_eq!((other.rounds, other.since), (1, now), "something else was found");
    }
}
