//! Both sides move while they are compared, so a difference counts when it was seen twice, some blocks apart.

use std::collections::HashMap;

use domain::ids::DifferenceId;
use domain::reconciliation::Found;

/// How many blocks lie at least between the two comparisons that a difference must be seen in.
pub(super) const BLOCKS_APART: u64 = 2;

/// Something that differed in an earlier comparison.
#[derive(Debug, Clone)]
pub(super) struct Suspect {
    found: Found,
    block: u64,
}

/// What differed before, and so may count now.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// By the id of the difference.
    pub all: HashMap<DifferenceId, Suspect>,
    /// Whether something was seen that does not count yet.
    pub is_unsure: bool,
}

impl Suspects {
    /// Whether what was found counts: it was there some blocks before. Of what is known already, what has changed must
    /// have been another than the known one before, too.
    pub fn counts(&mut self, id: DifferenceId, found: &Found, known: Option<&Found>, block: u64) -> bool {
        if known == Some(found) {
            return true;
        }
        let counts = match self.all.get_mut(&id) {
            // Blocks go back when a chain is set back.
            Some(suspect) if block >= suspect.block + BLOCKS_APART || block < suspect.block => {
                let was = std::mem::replace(suspect, Suspect { found: found.clone(), block }).found;
                known.is_none_or(|known| *known != was)
            }
            Some(_) => false,
            None => {
                self.all.insert(id, Suspect { found: found.clone(), block });
                false
            }
        };
        self.is_unsure |= !counts;
        counts
    }
}
