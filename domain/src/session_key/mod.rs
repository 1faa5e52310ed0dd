//! The session key: a wallet key that an owner allowed, once, to pay one payee within limits.
//!
//! On chain a session names several payees; here one session key is one (session, payee) pair: what
//! one organization can see and charge. What restricts a payer counts at first sight (a freeze, a
//! revocation, a withdrawal request), what gives value when it is final (a deposit, an unfreeze). So does a
//! freeze by the payee's guardian: it protects the payee, whose organization can freeze here at once.
//! `charged` grows here, `claimed` follows on chain; between them lies what is unsettled.
//! What was seen and not final goes away with its block: `sights` and `undo`. Its owner may give the session
//! another key: vouchers of the one before are then paid for a while longer, and pay for nothing new.
//! [`terms`] are what an owner signs, [`decision`], `holding` and `observe` hold the rules, `fold` what the
//! events change, [`command`] and [`event`] the words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::evm::{Address, Bytes32, ChainRef};
use crate::ids::{CustomerId, HoldId, OrganizationId, RelayId, SessionKeyId, SettlementId};
use crate::money::Amount;

mod claims;
pub mod command;
pub mod decision;
mod error;
pub mod event;
mod fold;
mod holding;
mod observe;
mod restate;
mod rotation;
mod sights;
pub mod terms;
#[cfg(test)]
mod tests;
mod undo;

pub use command::{Fact, SessionKeyCommand, Voucher};
pub use error::SessionKeyError;
pub use event::{SessionBalances, SessionCaptured, SessionCharged, SessionKeyEvent, StoredVoucher};
pub use sights::{Rotation, SIGHTS_MAX, Sight, Sights};
pub use terms::{Custody, FrozenBy, RelayAction, Terms};

/// The kind of index entry that finds a session key by the session's id on chain, which binds chain and
/// contract. Sessions are drawn up here, with one payee each.
pub const INDEX_CHAIN_SESSION: &str = "chain_session";
/// What may be on its way to the chain for one session key at a time.
pub const RELAYS_MAX: usize = 8;
/// Deposits that may wait for finality at a time; more are credited all the same, and not shown before.
pub const PENDING_DEPOSITS_MAX: usize = 32;

/// Whose session key it is, and under what terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: SessionKeyId,
    /// Who pays with it.
    pub customer_id: CustomerId,
    /// Who is paid.
    pub organization_id: OrganizationId,
    /// What the owner signs.
    pub terms: Terms,
    /// When it was drawn up.
    pub granted_at: Timestamp,
}

/// Whether a claim that did not come about for this reason waits for a person. What only needs time, or
/// another settlement, is planned again by itself.
pub fn is_set_aside(reason: &str) -> bool {
    !matches!(reason, "not_yet_valid" | "above_period_limit" | SUPERSEDED | KEY_ROTATED)
}

/// Why the contract skips a claim that the session's key has not signed.
const BAD_SIGNATURE: &str = "bad_signature";

/// The same where another key has signed than would sign now: the session's key was replaced between plan and payment.
/// The next plan is signed by the new one.
pub const KEY_ROTATED: &str = "key_rotated";

/// Why no claim is planned for the voucher of a key that was replaced: the time in which it is paid is over. A voucher
/// of the new key lifts that.
pub const KEY_REPLACED: &str = "key_replaced";

/// Why a claim is released that another leader's plan did not take in.
pub const SUPERSEDED: &str = "superseded";

/// State of a session key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionKey {
    /// `None` until it was drawn up.
    pub grant: Option<Grant>,
    /// Whether the chain knows it, for good.
    pub registered: bool,
    /// The owner's freeze.
    pub owner_freeze: Option<OwnerFreeze>,
    /// The organization's freeze.
    pub organization_freeze: bool,
    /// The freeze of the payee's guardian: on chain for good, and not lifted here.
    pub guardian_freeze: bool,
    /// Whether the organization has lifted that here. The contract may have it still.
    pub guardian_lifted: bool,
    /// Ended by its owner or by the organization.
    pub revoked: Option<FrozenBy>,
    /// Whether that was asked for here: then it stands, whatever becomes of what the chain said.
    pub revoked_here: bool,
    /// Where the chain has it for good.
    pub revoked_for_good: Option<ChainRef>,
    /// Ended by time.
    pub expired: bool,
    /// Nothing is left to do.
    pub closed: bool,
    /// Deposited for good.
    pub deposited: Amount,
    /// Given back.
    pub withdrawn: Amount,
    /// Where the owner's last freeze ended, for good: block and place in it.
    pub unfrozen_at: Option<(u64, u64)>,
    /// What the owner wants back.
    pub withdrawal: Option<Withdrawal>,
    /// Where the last withdrawal ended, for good.
    pub withdrawal_ended_at: Option<(u64, u64)>,
    /// Charged, cumulative, exact.
    pub charged: Amount,
    /// What was charged in the period that began then.
    pub period: Option<(Timestamp, Amount)>,
    /// What is reserved, by hold. Only open ones are here.
    pub holds: BTreeMap<HoldId, Hold>,
    /// The sum of that.
    pub held: Amount,
    /// What is reserved in the period that began then.
    pub period_held: Option<(Timestamp, Amount)>,
    /// The highest voucher.
    pub voucher: Option<StoredVoucher>,
    /// The key that signed it.
    pub voucher_by: Option<Address>,
    /// Set when that key was replaced: the voucher pays for claims until then, and for nothing new.
    pub former_until: Option<Timestamp>,
    /// A new key that lies in the vault, for the owner to grant.
    pub prepared_key: Option<Address>,
    /// Another key that was seen and is not final.
    pub rotation: Option<Rotation>,
    /// Where the key was last replaced, for good.
    pub rotated_at: Option<(u64, u64)>,
    /// Claimed on chain, cumulative.
    pub claimed: Amount,
    /// What `claimed` pays for, exact: a charge's border.
    pub settled_to: Amount,
    /// What is in a settlement.
    pub open_claim: Option<OpenClaim>,
    /// Why the contract skipped the last claim; `None` once one was paid, or the escrow has changed. Until
    /// then nothing more is charged: it might never be paid.
    pub set_aside: Option<String>,
    /// Deposits that were seen and are not final.
    pub pending_deposits: Vec<PendingDeposit>,
    /// What is on its way to the chain.
    pub relays: Vec<PendingRelay>,
    /// The newest block of which something is final here.
    pub final_block: u64,
    /// What was seen of the chain, and may go away with its block.
    pub sights: Sights,
}

/// What is reserved and not yet captured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// How much.
    pub amount: Amount,
    /// Captured so far.
    pub captured: Amount,
    /// The period it counts in: that in which it was placed. `None` without a period limit.
    pub period_start: Option<Timestamp>,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it runs out; until the event that says so, it stands.
    pub expires_at: Timestamp,
}

/// An owner's freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OwnerFreeze {
    /// It was asked for here and is on its way.
    Relayed,
    /// The chain has it: block and place in it.
    OnChain(u64, u64),
}

/// A withdrawal that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// At most this.
    pub amount: Amount,
    /// From then on.
    pub available_at: Timestamp,
    /// Where it was seen.
    pub at: ChainRef,
}

impl Withdrawal {
    /// Block and place in it.
    pub const fn seen_at(&self) -> (u64, u64) {
        (self.at.block_number, self.at.log_index)
    }
}

/// A claim that is in a settlement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenClaim {
    /// Which.
    pub settlement_id: SettlementId,
    /// What it adds, less what others claimed of that meanwhile.
    pub amount: Amount,
    /// Cumulative.
    pub total_claimed: Amount,
    /// What it pays for, exact.
    pub charged_to: Amount,
    /// The key that signs it.
    pub key: Option<Address>,
}

/// A deposit that is not final.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PendingDeposit {
    /// How much.
    pub amount: Amount,
    /// Where.
    pub at: ChainRef,
}

/// Something on its way to the chain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PendingRelay {
    /// Names it.
    pub id: RelayId,
    /// What it is for.
    pub action: RelayAction,
    /// SHA-256 of the call.
    pub calldata_digest: Bytes32,
}

/// Where a session key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The chain does not know it yet, or not for good.
    Pending,
    /// It can be charged.
    Active,
    /// Not for now.
    Frozen,
    /// Never again.
    Revoked,
    /// Its time is over.
    Expired,
    /// Nothing is left to do.
    Closed,
}

impl Status {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Frozen => "frozen",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Closed => "closed",
        }
    }
}

impl SessionKey {
    /// Where it is in its life. What ends by time ends by an event.
    pub fn status(&self) -> Status {
        if self.closed {
            Status::Closed
        } else if self.revoked.is_some() {
            Status::Revoked
        } else if self.expired {
            Status::Expired
        } else if self.owner_freeze.is_some() || self.organization_freeze || self.guardian_freeze {
            Status::Frozen
        } else if self.registered {
            Status::Active
        } else {
            Status::Pending
        }
    }

    /// What lies in the contract and was not claimed, as far as it is final.
    pub fn escrow(&self) -> Amount {
        self.deposited.minus(self.withdrawn)
    }

    /// What may still be charged.
    pub fn available(&self) -> Amount {
        let wanted_back = self.withdrawal.map_or(Amount::ZERO, |withdrawal| withdrawal.amount);
        self.escrow().minus(wanted_back).minus(self.charged).minus(self.held)
    }

    /// What an owner may want back at most. The contract cuts when it pays out, so a deposit that comes later is
    /// wanted back too.
    fn most(&self) -> Amount {
        let limit = self.grant.as_ref().map_or(Amount::ZERO, |grant| grant.terms.limit);
        limit.max(self.escrow())
    }

    /// Charged and not claimed, exact.
    pub fn unsettled(&self) -> Amount {
        self.charged.minus(self.claimed)
    }

    /// Whether it knows of something final in blocks after this one.
    pub fn knows_after(&self, block: u64) -> bool {
        let ends = [self.unfrozen_at, self.withdrawal_ended_at, self.rotated_at];
        ends.iter().flatten().any(|(at, _)| *at > block) || self.final_block > block
    }

    /// The key whose signature a claim that is planned now has: that of the voucher, or the one that is kept here.
    fn signer(&self) -> Option<Address> {
        let terms = &self.grant.as_ref()?.terms;
        match terms.custody {
            Custody::Client => self.voucher_by,
            Custody::Managed => Some(terms.key),
        }
    }

    /// Its money, as answers and events show it.
    pub fn balances(&self) -> SessionBalances {
        SessionBalances {
            deposited: self.deposited,
            withdrawn: self.withdrawn,
            charged: self.charged,
            claimed: self.claimed,
            held: self.held,
            available: self.available(),
        }
    }

    /// Charged in the period that begins then.
    pub fn period_used(&self, start: Timestamp) -> Amount {
        self.period.filter(|(of, _)| *of == start).map_or(Amount::ZERO, |(_, used)| used)
    }

    /// Reserved in the period that begins then.
    pub fn period_held(&self, start: Timestamp) -> Amount {
        self.period_held.filter(|(of, _)| *of == start).map_or(Amount::ZERO, |(_, held)| held)
    }
}

impl Aggregate for SessionKey {
    const CATEGORY: &'static str = "session_key";
    const STATE_VERSION: i16 = 3;
    type Command = SessionKeyCommand;
    type Event = SessionKeyEvent;
    type Error = SessionKeyError;

    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        decision::decide(self, command, now)
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        fold::apply(self, event, occurred_at);
    }
}
