//! The settlement: one batch of claims on a chain, for one payee and token, from plan to finality.
//!
//! `opened → planned → submitted → mined → finalized`; `abandoned` when there was nothing to claim,
//! `failed` for an attempt that came to nothing, `parked` when a person must look. `mined` is taken back when
//! the block goes away.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::evm::Bytes32;
use crate::ids::OrganizationId;

mod event;
#[cfg(test)]
mod tests;

pub use event::{
    Abandoned, Cause, Failed, Finalized, Lane, LogHead, Mined, Opened, Parked, Planned, PlannedClaim, Reorganized,
    Resubmitted, Retried, SettlementEvent, SkippedClaim, Submitted,
};

/// How many claims one settlement may hold.
pub const CLAIMS_MAX: usize = 100;
/// How often a settlement is tried before a person must look.
pub const ATTEMPTS_MAX: u32 = 3;

/// Where a settlement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// There is none.
    #[default]
    None,
    /// It is wanted.
    Opened,
    /// Its claims stand.
    Planned,
    /// Its transaction is signed.
    Submitted,
    /// Its transaction is in a block.
    Mined,
    /// For good.
    Finalized,
    /// There was nothing to claim.
    Abandoned,
    /// A person must look.
    Parked,
}

impl Status {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Opened => "opened",
            Self::Planned => "planned",
            Self::Submitted => "submitted",
            Self::Mined => "mined",
            Self::Finalized => "finalized",
            Self::Abandoned => "abandoned",
            Self::Parked => "parked",
        }
    }

    /// Whether nothing more will happen by itself.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Finalized | Self::Abandoned | Self::Parked)
    }
}

/// State of a settlement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settlement {
    /// What was opened, and when.
    pub opened: Option<(Opened, Timestamp)>,
    /// Its claims.
    pub planned: Option<Planned>,
    /// Where it is.
    pub status: Status,
    /// Attempts so far that failed.
    pub attempts: u32,
    /// Those of them since a person last asked for another.
    pub failures: u32,
    /// The transaction of the present attempt.
    pub submitted: Option<Submitted>,
    /// Where it was mined.
    pub mined: Option<Mined>,
    /// How it ended.
    pub finalized: Option<Finalized>,
    /// What the last failed attempt said.
    pub last_failure: Option<Failed>,
}

impl Settlement {
    /// The attempt that is due or under way, from 1.
    pub const fn attempt(&self) -> u32 {
        self.attempts + 1
    }
}

/// A command. Each names the organization that asks.
#[derive(Debug, Clone)]
pub struct SettlementCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What can be asked of a settlement.
#[derive(Debug, Clone)]
pub enum Action {
    /// Want it.
    Open(Opened),
    /// Let its claims stand.
    Plan(Box<Planned>),
    /// There is nothing to claim.
    Abandon(String),
    /// Its transaction is signed.
    Submit(Submitted),
    /// Its transaction is in a block.
    Mine(Mined),
    /// For good.
    Finalize(Box<Finalized>),
    /// The attempt came to nothing.
    Fail {
        /// Which.
        attempt: u32,
        /// Why.
        reason: String,
        /// When to try again.
        retry_at: Timestamp,
    },
    /// Try once more what is parked.
    Retry,
    /// The attempt's transaction was replaced, or signed anew. Nothing happens when it is known.
    Resubmit(Resubmitted),
    /// The block it was in is gone. Nothing happens when it was not in that one.
    Reorganize {
        /// The block's hash.
        block_hash: Bytes32,
    },
}

/// Why a settlement's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettlementError {
    /// There is none, or it is another organization's.
    #[error("there is no such settlement")]
    NotFound,
    /// It was opened before.
    #[error("the settlement exists already")]
    AlreadyOpen,
    /// Its status forbids it.
    #[error("the settlement is {}", .0.name())]
    WrongStatus(Status),
    /// More claims than a batch takes, or none.
    #[error("a settlement has 1 to {CLAIMS_MAX} claims")]
    ClaimsOutOfRange,
}

impl Aggregate for Settlement {
    const CATEGORY: &'static str = "settlement";
    const STATE_VERSION: i16 = 1;
    type Command = SettlementCommand;
    type Event = SettlementEvent;
    type Error = SettlementError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        if let Action::Open(opened) = &command.action {
            return match self.opened {
                Some(_) => Err(SettlementError::AlreadyOpen),
                None => Ok(vec![SettlementEvent::Opened(opened.clone())]),
            };
        }
        let own = self.opened.as_ref().is_some_and(|(opened, _)| opened.organization_id == command.organization_id);
        if !own {
            return Err(SettlementError::NotFound);
        }
        let wrong = || SettlementError::WrongStatus(self.status);
        match (&command.action, self.status) {
            (Action::Plan(planned), Status::Opened) if (1..=CLAIMS_MAX).contains(&planned.claims.len()) => {
                Ok(vec![SettlementEvent::Planned((**planned).clone())])
            }
            (Action::Plan(_), Status::Opened) => Err(SettlementError::ClaimsOutOfRange),
            (Action::Abandon(reason), Status::Opened) => {
                Ok(vec![SettlementEvent::Abandoned(Abandoned { reason: reason.clone() })])
            }
            (Action::Submit(submitted), Status::Planned) if submitted.attempt == self.attempt() => {
                Ok(vec![SettlementEvent::Submitted(submitted.clone())])
            }
            (Action::Resubmit(resubmitted), Status::Submitted | Status::Mined)
                if resubmitted.attempt == self.attempt() =>
            {
                let known = |submitted: &Submitted| {
                    (submitted.tx_hash, submitted.nonce) == (resubmitted.tx_hash, resubmitted.nonce)
                };
                let is_known = self.submitted.as_ref().is_some_and(known);
                Ok(if is_known { Vec::new() } else { vec![SettlementEvent::Resubmitted(resubmitted.clone())] })
            }
            (Action::Reorganize { block_hash }, Status::Submitted | Status::Mined) => {
                let mined = self.mined.as_ref().filter(|mined| mined.block_hash == *block_hash);
                let gone = mined.map(|mined| Reorganized {
                    tx_hash: mined.tx_hash,
                    block_number: mined.block_number,
                    block_hash: mined.block_hash,
                });
                Ok(gone.into_iter().map(SettlementEvent::Reorganized).collect())
            }
            (Action::Mine(mined), Status::Submitted) => Ok(vec![SettlementEvent::Mined(mined.clone())]),
            (Action::Finalize(finalized), Status::Submitted | Status::Mined) => {
                Ok(vec![SettlementEvent::Finalized((**finalized).clone())])
            }
            (Action::Fail { attempt, reason, retry_at }, Status::Planned | Status::Submitted | Status::Mined)
                if *attempt == self.attempt() =>
            {
                let failed = Failed { attempt: *attempt, reason: reason.clone(), retry_at: *retry_at };
                let mut events = vec![SettlementEvent::Failed(failed)];
                if self.failures + 1 >= ATTEMPTS_MAX {
                    events.push(SettlementEvent::Parked(Parked { attempts: *attempt, reason: reason.clone() }));
                }
                Ok(events)
            }
            (Action::Retry, Status::Parked) => Ok(vec![SettlementEvent::Retried(Retried { attempts: self.attempts })]),
            _ => Err(wrong()),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            SettlementEvent::Opened(e) => {
                self.opened = Some((e.clone(), occurred_at));
                self.status = Status::Opened;
            }
            SettlementEvent::Planned(e) => {
                self.planned = Some(e.clone());
                self.status = Status::Planned;
            }
            SettlementEvent::Abandoned(_) => self.status = Status::Abandoned,
            SettlementEvent::Submitted(e) => {
                self.submitted = Some(e.clone());
                self.status = Status::Submitted;
            }
            SettlementEvent::Mined(e) => {
                self.mined = Some(e.clone());
                // It may be an earlier version of it.
                if let Some(submitted) = &mut self.submitted {
                    submitted.tx_hash = e.tx_hash;
                }
                self.status = Status::Mined;
            }
            SettlementEvent::Finalized(e) => {
                self.finalized = Some(e.clone());
                self.status = Status::Finalized;
            }
            SettlementEvent::Failed(e) => {
                self.attempts = e.attempt;
                self.failures += 1;
                self.submitted = None;
                self.mined = None;
                self.last_failure = Some(e.clone());
                self.status = Status::Planned;
            }
            SettlementEvent::Parked(_) => self.status = Status::Parked,
            SettlementEvent::Retried(_) => {
                self.failures = 0;
                self.status = Status::Planned;
            }
            SettlementEvent::Resubmitted(e) => {
                let (attempt, tx_hash, nonce) = (e.attempt, e.tx_hash, e.nonce);
                self.submitted = Some(Submitted { attempt, tx_hash, nonce });
                self.mined = None;
                self.status = Status::Submitted;
            }
            SettlementEvent::Reorganized(_) => {
                self.mined = None;
                self.status = Status::Submitted;
            }
        }
    }
}
