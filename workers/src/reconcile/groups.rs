//! What a round comes to, by organization.

use std::collections::{BTreeMap, BTreeSet};

use domain::evm::Address;
use domain::exact_payment::Accepted;
use domain::ids::OrganizationId;
use domain::money::{Amount, Currency};
use domain::reconciliation::{Compared, Found, Subject};
use projections::reconcile::SessionTotals;

/// What a round came to for one organization.
pub(super) struct Group {
    /// Where it lives.
    pub partition: i32,
    /// What was compared.
    pub figures: Compared,
    /// What differs.
    pub found: Vec<Found>,
    /// What was asked about and does not.
    pub fine: Vec<Subject>,
}

/// What was found of session keys and exact payments in several rounds: as each was when it was asked about last.
#[derive(Debug, Default)]
pub(super) struct Held {
    found: BTreeMap<Subject, Found>,
    fine: BTreeSet<Subject>,
}

impl Held {
    /// Keeps what a round has found, but for payees: of those each round asks about all. An exact payment that is fine is
    /// never asked about again.
    pub fn keep(&mut self, found: Vec<Found>, fine: Vec<Subject>) {
        let is_kept = |subject: &Subject| !matches!(subject, Subject::Payee { .. });
        for found in found.into_iter().filter(|found| is_kept(&found.subject)) {
            self.fine.remove(&found.subject);
            self.found.insert(found.subject, found);
        }
        for subject in fine.into_iter().filter(is_kept) {
            self.found.remove(&subject);
            self.fine.insert(subject);
        }
    }

    /// That, and what the last round has found.
    pub fn and(mut self, mut found: Vec<Found>, mut fine: Vec<Subject>) -> (Vec<Found>, Vec<Subject>) {
        for subject in found.iter().map(|found| &found.subject).chain(&fine) {
            self.found.remove(subject);
            self.fine.remove(subject);
        }
        found.extend(self.found.into_values());
        fine.extend(self.fine);
        (found, fine)
    }
}

pub(super) type Groups = BTreeMap<OrganizationId, Group>;

/// What is compared with what, in a round.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// On this chain,
    pub chain_id: u64,
    /// in this contract,
    pub contract: Address,
    /// with this token,
    pub token: Address,
    /// as of this block.
    pub block: u64,
}

impl Place {
    /// The group of an organization; empty when it has none yet.
    pub fn group<'a>(&self, groups: &'a mut Groups, organization_id: OrganizationId, partition: i32) -> &'a mut Group {
        groups.entry(organization_id).or_insert_with(|| {
            let zero = Amount::ZERO;
            let figures = Compared {
                as_of_block: self.block,
                chain_id: self.chain_id,
                contract: self.contract,
                session_keys: 0,
                payees: 0,
                exact_payments: 0,
                ledger_escrow: zero,
                chain_escrow: zero,
                ledger_claimed: zero,
                chain_claimed: zero,
                ledger_transferred: zero,
                chain_transferred: zero,
                ledger_exact: zero,
                chain_exact: zero,
                currency: Currency::USDC,
                open: 0,
                not_opened: 0,
            };
            Group { partition, figures, found: Vec::new(), fine: Vec::new() }
        })
    }

    /// Whether a session is one of this contract.
    pub fn is_of(&self, session: &SessionTotals) -> bool {
        (session.chain_id, session.contract) == (self.chain_id, self.contract)
    }

    /// Whether a payment was made here.
    pub fn has(&self, accepted: &Accepted) -> bool {
        (accepted.chain_id, accepted.token) == (self.chain_id, self.token)
    }
}
