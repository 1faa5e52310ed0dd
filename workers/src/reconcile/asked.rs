//! What the chain has answered so far. Losing it costs only work.

use std::collections::{BTreeMap, HashMap};

use chain::client::Transferred;
use chain::{ChainError, Client};
use domain::evm::Address;
use domain::ids::{ExactPaymentId, OrganizationId, SessionKeyId};
use domain::money::Amount;

use super::compare::Part;

/// Blocks in which transfers to one payee are looked for in one round.
const BLOCKS_AT_ONCE: u64 = 200_000;

/// A session key when it was asked about last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    /// In this round.
    pub round: u64,
    /// What the log had then.
    pub ledger: Part,
    /// What the chain had.
    pub chain: Part,
}

impl Session {
    /// Whether they differed.
    pub fn differs(&self) -> bool {
        self.ledger != self.chain
    }
}

/// Transfers to a payee, as far as they were read.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    /// The first block that was read.
    from: Option<u64>,
    /// The next one to read.
    next: u64,
    /// In the order of the chain.
    pub all: Vec<Transferred>,
}

impl Transfers {
    /// Reads on, up to a block. Whether that was reached.
    pub async fn read_on(&mut self, client: &Client, payee: Address, from: u64, to: u64) -> Result<bool, ChainError> {
        if self.from.is_none_or(|known| from < known) {
            *self = Self { from: Some(from), next: from, all: Vec::new() };
        }
        if self.next <= to {
            let last = to.min(self.next.saturating_add(BLOCKS_AT_ONCE - 1));
            self.all.extend(client.transfers(payee, self.next, last).await?);
            self.next = last + 1;
        }
        Ok(self.next > to)
    }
}

/// An exact payment of which something differs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exact {
    /// Asked about in this round.
    pub round: u64,
    /// Whose.
    pub organization_id: OrganizationId,
    /// What the log has.
    pub ledger: Amount,
    /// What the chain has.
    pub chain: Amount,
}

/// Everything that was asked.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Counts up.
    pub round: u64,
    pub sessions: HashMap<SessionKeyId, Session>,
    /// By token and payee.
    pub transfers: HashMap<(Address, Address), Transfers>,
    /// Exact payments that are not as the log says.
    pub exact: HashMap<ExactPaymentId, Exact>,
    /// The others: how many, and what they come to.
    pub exact_fine: BTreeMap<OrganizationId, (u64, Amount)>,
}
