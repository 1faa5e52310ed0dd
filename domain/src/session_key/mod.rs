//! The session key: a wallet key that an owner allowed, once, to pay one payee within limits.
//!
//! On chain a session names several payees; here one session key is one (session, payee) pair: what
//! one organization can see and charge. What restricts a payer counts at first sight (a freeze, a
//! revocation, a withdrawal request), what gives value when it is final (a deposit, an unfreeze).
//! `charged` grows here, `claimed` follows on chain; between them lies what is unsettled.
//! [`terms`] are what an owner signs, [`decision`], `holding` and `observe` hold the rules, [`command`]
//! and [`event`] the words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::evm::{Bytes32, ChainRef};
use crate::ids::{CustomerId, HoldId, OrganizationId, RelayId, SessionKeyId, SettlementId};
use crate::money::Amount;

pub mod command;
pub mod decision;
pub mod event;
mod holding;
mod observe;
pub mod terms;
#[cfg(test)]
mod tests;

pub use command::{Fact, SessionKeyCommand, Voucher};
pub use decision::SessionKeyError;
pub use event::{SessionBalances, SessionCaptured, SessionCharged, SessionKeyEvent, StoredVoucher};
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
    !matches!(reason, "not_yet_valid" | "above_period_limit" | SUPERSEDED)
}

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
    /// Ended by its owner or by the organization.
    pub revoked: Option<FrozenBy>,
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
        } else if self.owner_freeze.is_some() || self.organization_freeze {
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

    /// Charged and not claimed, exact.
    pub fn unsettled(&self) -> Amount {
        self.charged.minus(self.claimed)
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
    const STATE_VERSION: i16 = 2;
    type Command = SessionKeyCommand;
    type Event = SessionKeyEvent;
    type Error = SessionKeyError;

    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        decision::decide(self, command, now)
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        use SessionKeyEvent as E;
        match event {
            E::Granted(e) => {
                self.grant = Some(Grant {
                    id: e.session_key_id,
                    customer_id: e.customer_id,
                    organization_id: e.organization_id,
                    terms: e.terms.clone(),
                    granted_at: occurred_at,
                });
            }
            E::RelayRequested(e) => {
                let calldata_digest = Bytes32(Sha256::digest(&e.calldata.0).into());
                self.relays.push(PendingRelay { id: e.relay_id, action: e.action, calldata_digest });
            }
            E::RelayDone(e) => self.relays.retain(|relay| relay.id != e.relay_id),
            E::RelayFailed(e) => {
                self.relays.retain(|relay| relay.id != e.relay_id);
                // The freeze that was asked for here never came to the chain.
                if e.action == RelayAction::Freeze && self.owner_freeze == Some(OwnerFreeze::Relayed) {
                    self.owner_freeze = None;
                }
            }
            E::Registered(e) => {
                self.registered = true;
                self.final_block = self.final_block.max(e.at.block_number);
            }
            E::DepositSeen(e) => self.pending_deposits.push(PendingDeposit { amount: e.amount, at: e.at }),
            E::Deposited(e) => {
                self.deposited = self.deposited.plus(e.amount);
                self.set_aside = None;
                self.pending_deposits
                    .retain(|pending| (pending.at.tx_hash, pending.at.log_index) != (e.at.tx_hash, e.at.log_index));
                self.final_block = self.final_block.max(e.at.block_number);
            }
            E::Charged(e) => self.apply_charged(e),
            E::Held(e) => {
                let hold = Hold {
                    amount: Amount::ZERO,
                    captured: Amount::ZERO,
                    period_start: e.period_start,
                    placed_at: e.hold.placed_at,
                    expires_at: e.hold.expires_at,
                };
                self.holds.insert(e.hold.hold_id, hold);
                self.reserve(e.hold.hold_id, e.amount);
                self.voucher = e.voucher.or(self.voucher);
            }
            E::HoldExtended(e) => {
                if let Some(hold) = self.holds.get_mut(&e.hold.hold_id) {
                    hold.expires_at = e.hold.expires_at;
                }
                self.reserve(e.hold.hold_id, e.amount);
                self.voucher = e.voucher.or(self.voucher);
            }
            E::Captured(e) => {
                self.apply_charged(&e.charge);
                self.give_back(e.hold.hold_id, e.charge.amount.plus(e.returned));
                if let Some(hold) = self.holds.get_mut(&e.hold.hold_id) {
                    hold.captured = e.hold.captured;
                }
                if e.is_final {
                    self.holds.remove(&e.hold.hold_id);
                }
            }
            E::Voided(e) | E::HoldExpired(e) => {
                self.give_back(e.hold.hold_id, e.returned);
                self.holds.remove(&e.hold.hold_id);
            }
            E::Frozen(e) => match e.by {
                FrozenBy::Organization => self.organization_freeze = true,
                FrozenBy::Owner => {
                    let on_chain = e.at.map(|at| OwnerFreeze::OnChain(at.block_number, at.log_index));
                    self.owner_freeze = Some(on_chain.unwrap_or(OwnerFreeze::Relayed));
                }
            },
            E::Unfrozen(e) => match e.by {
                FrozenBy::Organization => self.organization_freeze = false,
                FrozenBy::Owner => {
                    self.owner_freeze = None;
                    self.unfrozen_at = self.unfrozen_at.max(e.at.map(|at| (at.block_number, at.log_index)));
                }
            },
            E::Revoked(e) => self.revoked = Some(e.by),
            E::Expired(_) => self.expired = true,
            E::ClaimPlanned(e) => {
                self.open_claim = Some(OpenClaim {
                    settlement_id: e.settlement_id,
                    amount: e.amount,
                    total_claimed: e.total_claimed,
                    charged_to: e.charged_to,
                });
            }
            E::ClaimReleased(e) => {
                self.open_claim.take_if(|open| open.settlement_id == e.settlement_id);
                self.set_aside = Some(e.reason.clone()).filter(|reason| is_set_aside(reason));
            }
            E::Claimed(e) => self.apply_claimed(e),
            E::WithdrawalRequested(e) => {
                self.withdrawal = Some(Withdrawal { amount: e.amount, available_at: e.available_at, at: e.at });
            }
            E::WithdrawalCancelled(e) => self.end_withdrawal(e.at),
            E::Withdrawn(e) => {
                self.withdrawn = self.withdrawn.plus(e.amount);
                self.set_aside = None;
                self.end_withdrawal(e.at);
            }
            E::Closed(_) => self.closed = true,
        }
    }
}

/// Adds to what is counted in a period. A later one takes the place of it; of an earlier one nothing counts.
fn count_in(period: &mut Option<(Timestamp, Amount)>, start: Option<Timestamp>, amount: Amount) {
    let Some(start) = start else { return };
    match period {
        Some((of, sum)) if *of == start => *sum = sum.plus(amount),
        Some((of, _)) if *of > start => {}
        _ => *period = Some((start, amount)),
    }
}

impl SessionKey {
    fn apply_charged(&mut self, charged: &SessionCharged) {
        self.charged = self.charged.plus(charged.amount);
        count_in(&mut self.period, charged.period_start, charged.amount);
        self.voucher = charged.voucher.or(self.voucher);
    }

    fn reserve(&mut self, id: HoldId, amount: Amount) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        hold.amount = hold.amount.plus(amount);
        self.held = self.held.plus(amount);
        count_in(&mut self.period_held, hold.period_start, amount);
    }

    fn give_back(&mut self, id: HoldId, amount: Amount) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        hold.amount = hold.amount.minus(amount);
        self.held = self.held.minus(amount);
        match &mut self.period_held {
            Some((of, sum)) if Some(*of) == hold.period_start => *sum = sum.minus(amount),
            _ => {}
        }
    }

    fn end_withdrawal(&mut self, at: ChainRef) {
        let here = (at.block_number, at.log_index);
        self.withdrawal.take_if(|withdrawal| withdrawal.seen_at() < here);
        self.withdrawal_ended_at = self.withdrawal_ended_at.max(Some(here));
    }

    fn apply_claimed(&mut self, claimed: &event::Claimed) {
        self.claimed = self.claimed.max(claimed.total_claimed);
        self.set_aside = None;
        if let Some(open) = &mut self.open_claim {
            open.amount = open.amount.minus(claimed.planned);
        }
        // Where somebody else claimed, no charge's border is known, so the amount itself is one. So it is
        // where the escrow did not reach to the border: the rest is paid for by a later claim.
        let paid_to = claimed.total_claimed.min(self.charged);
        let decimals = self.grant.as_ref().map_or(0, |grant| grant.terms.decimals());
        let open = self.open_claim.take_if(|open| open.total_claimed <= claimed.total_claimed);
        let whole = open.filter(|open| open.charged_to.rounded_down(decimals) <= open.total_claimed);
        self.settled_to = self.settled_to.max(paid_to).max(whole.map_or(Amount::ZERO, |open| open.charged_to));
    }
}
