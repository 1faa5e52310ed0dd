//! Reconciliation: what an organization's ledger says against what the chain says. Every difference is an open item
//! with its causes, until the two agree again or a person has explained it.
//!
//! Who compares gives what was found, and what was compared and is fine; here it is decided what that changes. A
//! difference keeps its id as long as it is one of the same thing, so nothing is opened twice. One that was explained
//! stays closed as long as its figures stay as they were, and is opened again when they change.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::ids::{DifferenceId, OrganizationId};
use crate::money::Amount;

mod event;
#[cfg(test)]
mod tests;

pub use event::{Closed, Compared, Found, Opened, ReconciliationEvent, Requested, Resolution, Subject};

/// Differences that are known at a time, open or explained. More are counted and not opened.
pub const DIFFERENCES_MAX: usize = 10_000;
/// What one comparison changes at most; the rest has its turn in the next.
pub const CHANGES_MAX: usize = 500;
/// Causes of a difference.
pub const CAUSES_MAX: usize = 20;
/// Characters of a cause.
pub const CAUSE_CHARS_MAX: usize = 300;
/// Characters of a person's note.
pub const NOTE_CHARS_MAX: usize = 500;
/// Who closes what has gone away by itself.
pub const BY_CHAIN: &str = "chain";
/// A comparison with the figures of the last one is noted when that one is so old.
const NOTED_AFTER: TimeDelta = TimeDelta::hours(1);

/// How a difference that is still there stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A person should look.
    Open,
    /// A person has said why it is.
    Explained,
    /// A person took over what the chain says; the ledger will follow.
    Accepted,
}

/// A difference that is still there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// As it was found last.
    pub found: Found,
    /// As of this block.
    pub as_of_block: u64,
    /// Whether somebody has dealt with it.
    pub standing: Standing,
}

/// State of an organization's reconciliation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// What differs.
    pub differences: BTreeMap<DifferenceId, Difference>,
    /// The last comparison that was noted, and when.
    pub compared: Option<(Compared, Timestamp)>,
    /// Whether somebody waits for the next one.
    pub is_requested: bool,
}

/// A command. Each names the organization that asks.
#[derive(Debug, Clone)]
pub struct ReconciliationCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What can be asked of a reconciliation.
#[derive(Debug, Clone)]
pub enum Action {
    /// Take in a comparison.
    Compare(Box<Comparison>),
    /// Take an item off the list.
    Close {
        /// Which.
        difference_id: DifferenceId,
        /// Who says so.
        by: String,
        /// How; [`Resolution::Resolved`] is for the chain to say.
        resolution: Resolution,
        /// Why.
        note: String,
    },
    /// Have a comparison made now. Nothing happens when somebody waits for one already.
    Request {
        /// Who wants it.
        by: String,
    },
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Its figures. What is open after it is worked out here.
    pub figures: Compared,
    /// What differs.
    pub found: Vec<Found>,
    /// What was compared and does not differ.
    pub fine: Vec<Subject>,
}

/// Why a command is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReconciliationError {
    /// There is none.
    #[error("there is no such difference")]
    NotFound,
    /// It was closed before.
    #[error("the difference is not open")]
    NotOpen,
    /// Only money that the chain no longer has in escrow can be taken over.
    #[error("only what lies in escrow for a session key can be accepted, when the chain has less of it")]
    NotAcceptable,
    /// No words, or too many.
    #[error("a note has 1 to {NOTE_CHARS_MAX} characters")]
    NoteOutOfRange,
}

impl Difference {
    /// Whether what the chain says may be taken over: escrow that it has less of.
    pub fn is_acceptable(&self) -> bool {
        let Found { subject, ledger, chain, .. } = &self.found;
        let (ledger, chain) = (ledger.parse::<Amount>(), chain.parse::<Amount>());
        let has_less = ledger.is_ok_and(|ledger| chain.is_ok_and(|chain| chain < ledger));
        matches!(subject, Subject::SessionEscrow { .. }) && has_less
    }
}

impl Reconciliation {
    /// How many items are open.
    pub fn open(&self) -> u64 {
        self.differences.values().filter(|one| one.standing == Standing::Open).count() as u64
    }

    fn compare(
        &self,
        organization_id: OrganizationId,
        comparison: &Comparison,
        now: Timestamp,
    ) -> Vec<ReconciliationEvent> {
        let mut events = Vec::new();
        let (mut open, mut known, mut not_opened) = (self.open(), self.differences.len(), 0);
        let mut seen = BTreeSet::new();
        for subject in &comparison.fine {
            let difference_id = subject.difference_id(organization_id);
            let Some(difference) = self.differences.get(&difference_id) else { continue };
            if events.len() >= CHANGES_MAX || !seen.insert(difference_id) {
                continue;
            }
            known -= 1;
            open -= u64::from(difference.standing == Standing::Open);
            events.push(ReconciliationEvent::Closed(Closed {
                difference_id,
                by: BY_CHAIN.to_owned(),
                resolution: Resolution::Resolved,
                note: String::new(),
            }));
        }
        for found in &comparison.found {
            let difference_id = found.subject.difference_id(organization_id);
            let before = self.differences.get(&difference_id);
            if before.is_some_and(|before| before.found == *found) || !seen.insert(difference_id) {
                continue;
            }
            if before.is_none() && known >= DIFFERENCES_MAX {
                not_opened += 1;
                continue;
            }
            if events.len() >= CHANGES_MAX {
                continue;
            }
            let as_of_block = comparison.figures.as_of_block;
            let opened = Opened { difference_id, found: found.clone(), as_of_block };
            known += usize::from(before.is_none());
            events.push(match before {
                Some(Difference { standing: Standing::Open, .. }) => ReconciliationEvent::Changed(opened),
                _ => {
                    open += 1;
                    ReconciliationEvent::Opened(opened)
                }
            });
        }
        let figures = Compared { open, not_opened, ..comparison.figures.clone() };
        let is_due = self.is_requested
            || self.compared.as_ref().is_none_or(|(last, at)| {
                let as_of_block = figures.as_of_block;
                now - *at >= NOTED_AFTER || Compared { as_of_block, ..last.clone() } != figures
            });
        if is_due {
            events.push(ReconciliationEvent::Compared(figures));
        }
        events
    }

    fn close(
        &self,
        difference_id: DifferenceId,
        by: &str,
        resolution: Resolution,
        note: &str,
    ) -> Result<ReconciliationEvent, ReconciliationError> {
        let difference = self.differences.get(&difference_id).ok_or(ReconciliationError::NotFound)?;
        if difference.standing != Standing::Open {
            return Err(ReconciliationError::NotOpen);
        }
        let is_allowed = match resolution {
            Resolution::Explained => true,
            Resolution::Accepted => difference.is_acceptable(),
            Resolution::Resolved => false,
        };
        if !is_allowed {
            return Err(ReconciliationError::NotAcceptable);
        }
        if !(1..=NOTE_CHARS_MAX).contains(&note.chars().count()) {
            return Err(ReconciliationError::NoteOutOfRange);
        }
        Ok(ReconciliationEvent::Closed(Closed { difference_id, by: by.to_owned(), resolution, note: note.to_owned() }))
    }
}

impl Aggregate for Reconciliation {
    const CATEGORY: &'static str = "reconciliation";
    const STATE_VERSION: i16 = 1;
    type Command = ReconciliationCommand;
    type Event = ReconciliationEvent;
    type Error = ReconciliationError;

    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        match &command.action {
            Action::Compare(comparison) => Ok(self.compare(command.organization_id, comparison, now)),
            Action::Close { difference_id, by, resolution, note } => {
                self.close(*difference_id, by, *resolution, note).map(|closed| vec![closed])
            }
            Action::Request { .. } if self.is_requested => Ok(Vec::new()),
            Action::Request { by } => Ok(vec![ReconciliationEvent::Requested(Requested { by: by.clone() })]),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            ReconciliationEvent::Compared(compared) => {
                self.compared = Some((compared.clone(), occurred_at));
                self.is_requested = false;
            }
            ReconciliationEvent::Opened(opened) | ReconciliationEvent::Changed(opened) => {
                let (found, as_of_block) = (opened.found.clone(), opened.as_of_block);
                let difference = Difference { found, as_of_block, standing: Standing::Open };
                self.differences.insert(opened.difference_id, difference);
            }
            ReconciliationEvent::Closed(closed) => {
                let standing = match closed.resolution {
                    Resolution::Resolved => {
                        self.differences.remove(&closed.difference_id);
                        return;
                    }
                    Resolution::Explained => Standing::Explained,
                    Resolution::Accepted => Standing::Accepted,
                };
                if let Some(difference) = self.differences.get_mut(&closed.difference_id) {
                    difference.standing = standing;
                }
            }
            ReconciliationEvent::Requested(_) => self.is_requested = true,
        }
    }
}
