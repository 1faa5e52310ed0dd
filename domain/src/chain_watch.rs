//! The watch over one contract on one chain: what was seen of the chain that only a person can judge.
//!
//! When a block that was final is another one, or is not there any more, reading and sending stop
//! until a person has looked. When the nodes of one chain say different things of what is final,
//! nothing is decided until they agree again.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::evm::{Address, Bytes32};

/// How many differences one halt lists.
pub const DIFFERENCES_MAX: usize = 50;
/// How many settlers one halt names.
pub const RESEND_PLANS_MAX: usize = 16;
/// How many answers one disagreement lists.
pub const ANSWERS_MAX: usize = 16;
/// How many characters of a text are kept.
pub const TEXT_MAX: usize = 1_000;

event_enum! {
    /// An event of the watch over a chain.
    ChainWatchEvent in ChainWatch::CATEGORY;
    /// The chain is not the one that was read: nothing goes on.
    Halted(Halted) = "halted", 1;
    /// A person has looked: go on.
    Confirmed(Confirmed) = "confirmed", 1;
    /// The nodes say different things.
    DisagreementSeen(DisagreementSeen) = "disagreement_seen", 1;
    /// They agree again.
    DisagreementOver(DisagreementOver) = "disagreement_over", 1;
}

impl EventPayload for ChainWatchEvent {
    payload_methods!();
}

/// Why the watch halts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HaltReason {
    /// A block that was final has another hash.
    Replaced,
    /// The chain ends before what was final.
    Restored,
}

impl HaltReason {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Restored => "restored",
        }
    }
}

/// Payload of `chain.halted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Halted {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The contract.
    pub contract: Address,
    /// Why.
    pub reason: HaltReason,
    /// The last final block that was read.
    pub last_block: u64,
    /// The hash it had.
    pub last_hash: Bytes32,
    /// The hash that the chain has there now; `None` when it has no such block.
    pub found_hash: Option<Bytes32>,
    /// The newest block of the chain as it is now.
    pub head: u64,
    /// What the ledger has and the chain does not, in words; at most [`DIFFERENCES_MAX`].
    pub differences: Vec<String>,
    /// What is to be sent again once a person has confirmed.
    pub resend: Vec<ResendPlan>,
}

/// What one settler is to send again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResendPlan {
    /// Which.
    pub settler: Address,
    /// From this nonce
    pub first_nonce: u64,
    /// up to this one.
    pub last_nonce: u64,
}

/// Payload of `chain.confirmed`: go on, read again, send again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confirmed {
    /// Who has looked.
    pub by: String,
    /// What they say.
    pub note: String,
}

/// Payload of `chain.disagreement_seen`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DisagreementSeen {
    /// What was asked.
    pub what: String,
    /// What each said; at most [`ANSWERS_MAX`].
    pub answers: Vec<Answer>,
}

/// What one node said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The node's host.
    pub endpoint: String,
    /// What it said.
    pub answer: String,
}

/// Payload of `chain.disagreement_over`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DisagreementOver {}

/// State of the watch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChainWatch {
    /// Why nothing goes on, and since when.
    pub halted: Option<(Halted, Timestamp)>,
    /// How often a person has confirmed so far.
    pub confirmations: u64,
    /// What the nodes disagree about, and since when.
    pub disagreement: Option<(DisagreementSeen, Timestamp)>,
}

/// What can be asked of the watch.
#[derive(Debug, Clone)]
pub enum ChainWatchCommand {
    /// Stop. Nothing happens when it has stopped.
    Halt(Box<Halted>),
    /// A person has looked.
    Confirm {
        /// Who.
        by: String,
        /// What they say.
        note: String,
    },
    /// The nodes say different things. Nothing happens while they are known to.
    SeeDisagreement(DisagreementSeen),
    /// They agree. Nothing happens when they did.
    EndDisagreement,
}

/// Why a command is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainWatchError {
    /// There is nothing to confirm.
    #[error("the chain is not halted")]
    NotHalted,
}

impl Aggregate for ChainWatch {
    const CATEGORY: &'static str = "chain";
    const STATE_VERSION: i16 = 1;
    type Command = ChainWatchCommand;
    type Event = ChainWatchEvent;
    type Error = ChainWatchError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        let event = match command {
            ChainWatchCommand::Halt(_) if self.halted.is_some() => None,
            ChainWatchCommand::Halt(halted) => Some(ChainWatchEvent::Halted(shortened(halted))),
            ChainWatchCommand::Confirm { .. } if self.halted.is_none() => return Err(ChainWatchError::NotHalted),
            ChainWatchCommand::Confirm { by, note } => {
                Some(ChainWatchEvent::Confirmed(Confirmed { by: short(by), note: short(note) }))
            }
            ChainWatchCommand::SeeDisagreement(seen) => self.disagreement.is_none().then(|| {
                let answers = seen.answers.iter().take(ANSWERS_MAX);
                let answers = answers.map(|one| Answer { endpoint: short(&one.endpoint), answer: short(&one.answer) });
                let (what, answers) = (short(&seen.what), answers.collect());
                ChainWatchEvent::DisagreementSeen(DisagreementSeen { what, answers })
            }),
            ChainWatchCommand::EndDisagreement => {
                self.disagreement.as_ref().map(|_| ChainWatchEvent::DisagreementOver(DisagreementOver {}))
            }
        };
        Ok(event.into_iter().collect())
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            ChainWatchEvent::Halted(e) => self.halted = Some((e.clone(), occurred_at)),
            ChainWatchEvent::Confirmed(_) => {
                self.halted = None;
                self.confirmations += 1;
            }
            ChainWatchEvent::DisagreementSeen(e) => self.disagreement = Some((e.clone(), occurred_at)),
            ChainWatchEvent::DisagreementOver(_) => self.disagreement = None,
        }
    }
}

/// Without what would make the event too long.
fn shortened(halted: &Halted) -> Halted {
    Halted {
        differences: halted.differences.iter().take(DIFFERENCES_MAX).map(|one| short(one)).collect(),
        resend: halted.resend.iter().take(RESEND_PLANS_MAX).cloned().collect(),
        ..halted.clone()
    }
}

fn short(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "2026-01-01T12:00:00Z";

    fn run(watch: &mut ChainWatch, command: &ChainWatchCommand) -> Result<Vec<ChainWatchEvent>, ChainWatchError> {
        let now = NOON.parse().unwrap();
        let events = watch.handle_command(command, now)?;
        for event in &events {
            let read = ChainWatchEvent::decode(event.event_type(), event.schema(), &event.encode()).unwrap();
            assert_eq!(&read, event, "what is written can be read");
            watch.apply_event(event, now);
        }
        Ok(events)
    }

    fn halt(reason: HaltReason, differences: usize) -> ChainWatchCommand {
        ChainWatchCommand::Halt(Box::new(Halted {
            chain_id: 31337,
            contract: Address([1; 20]),
            reason,
            last_block: 100,
            last_hash: Bytes32([2; 32]),
            found_hash: None,
            head: 90,
            differences: vec!["a difference".repeat(200); differences],
            resend: vec![ResendPlan { settler: Address([3; 20]), first_nonce: 4, last_nonce: 9 }],
        }))
    }

    fn confirm() -> ChainWatchCommand {
        ChainWatchCommand::Confirm { by: "ops".into(), note: "restored from a backup".into() }
    }

    fn disagreement(what: &str) -> ChainWatchCommand {
        let answers = vec![Answer { endpoint: "one.example".into(), answer: "0x01".into() }; 40];
        ChainWatchCommand::SeeDisagreement(DisagreementSeen { what: what.into(), answers })
    }

    #[test]
    fn it_halts_once_until_a_person_confirms() {
        let mut watch = ChainWatch::default();
        assert_eq!(run(&mut watch, &confirm()), Err(ChainWatchError::NotHalted));
        assert_eq!(run(&mut watch, &halt(HaltReason::Restored, 1)).unwrap().len(), 1);
        assert_eq!(run(&mut watch, &halt(HaltReason::Replaced, 2)), Ok(Vec::new()), "it is halted");
        assert_eq!(watch.halted.as_ref().unwrap().0.reason, HaltReason::Restored);
        assert_eq!(run(&mut watch, &confirm()).unwrap().len(), 1);
        assert_eq!((watch.halted.is_none(), watch.confirmations), (true, 1));
        run(&mut watch, &halt(HaltReason::Replaced, 2)).unwrap();
        run(&mut watch, &confirm()).unwrap();
        assert_eq!(watch.confirmations, 2);
    }

    #[test]
    fn what_it_lists_is_bounded() {
        let mut watch = ChainWatch::default();
        run(&mut watch, &halt(HaltReason::Replaced, 80)).unwrap();
        let (halted, _) = watch.halted.clone().unwrap();
        assert_eq!(halted.differences.len(), DIFFERENCES_MAX);
        assert!(halted.differences.iter().all(|one| one.chars().count() == TEXT_MAX));
        run(&mut watch, &disagreement("the block 7")).unwrap();
        assert_eq!(watch.disagreement.unwrap().0.answers.len(), ANSWERS_MAX);
    }

    #[test]
    fn a_disagreement_is_told_once() {
        let mut watch = ChainWatch::default();
        assert_eq!(run(&mut watch, &ChainWatchCommand::EndDisagreement), Ok(Vec::new()));
        assert_eq!(run(&mut watch, &disagreement("the block 7")).unwrap().len(), 1);
        assert_eq!(run(&mut watch, &disagreement("the block 7")), Ok(Vec::new()));
        assert_eq!(run(&mut watch, &disagreement("the final block")), Ok(Vec::new()), "it is known");
        assert_eq!(run(&mut watch, &ChainWatchCommand::EndDisagreement).unwrap().len(), 1);
        assert!(watch.disagreement.is_none());
        assert!(watch.halted.is_none(), "it stops nothing for good");
    }
}
