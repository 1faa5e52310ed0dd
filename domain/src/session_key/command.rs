//! What can be asked of a session key, and what the chain can say of it.

use std::collections::BTreeMap;

use crate::Timestamp;
use crate::charge::Usage;
use crate::evm::{Address, Bytes32, ChainRef, HexBytes};
use crate::hold::HoldAction;
use crate::ids::{OrganizationId, RelayId, SettlementId};
use crate::money::{Amount, Currency};
use crate::session_key::event::{Granted, StoredVoucher};
use crate::session_key::{RelayAction, Sight};

/// A command. Each names the organization that asks: another one's session key does not exist for it.
#[derive(Debug, Clone)]
pub struct SessionKeyCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Action {
    /// Draw it up.
    Grant(Box<Granted>),
    /// Send something to the chain for it.
    Relay {
        /// Names it.
        relay_id: RelayId,
        /// What it is for.
        action: RelayAction,
        /// The call; its signatures were checked against the chain.
        calldata: HexBytes,
    },
    /// That is in a block for good.
    RelayDone {
        /// Which.
        relay_id: RelayId,
        /// The transaction.
        tx_hash: Bytes32,
        /// Its block.
        block_number: u64,
    },
    /// That will not happen.
    RelayFailed {
        /// Which.
        relay_id: RelayId,
        /// Why.
        reason: String,
    },
    /// Charge for usage.
    Charge {
        /// What for; at least one.
        usage: Vec<Usage>,
        /// The caller's idea of the currency, checked.
        currency: Option<Currency>,
        /// Needed when the client keeps the key and what was signed before does not reach.
        voucher: Option<Voucher>,
        /// Shown on statements.
        description: Option<String>,
        /// The caller's own labels. Must not be personal data.
        metadata: BTreeMap<String, String>,
    },
    /// Reserve, capture, release.
    Hold {
        /// What.
        action: HoldAction,
        /// Needed to reserve when the client keeps the key and what was signed before does not reach.
        voucher: Option<Voucher>,
    },
    /// No further charges for now, by the organization. An owner's freeze is relayed, or seen on chain.
    Freeze,
    /// Let charges go on: lifts the organization's freeze and its guardian's. An owner's is lifted on chain only.
    Unfreeze,
    /// No further charges ever, by the organization.
    Revoke,
    /// Take note that its time is over; nothing happens when it is not.
    Expire,
    /// Take note that nothing is left to do; nothing happens when there is.
    Close,
    /// Put what was earned into a settlement.
    PlanClaim {
        /// Which.
        settlement_id: SettlementId,
        /// Whether a person asks: then also what the contract skipped before.
        again: bool,
    },
    /// The settlement went on without it.
    ReleaseClaim {
        /// Which.
        settlement_id: SettlementId,
        /// Why.
        reason: String,
    },
    /// The chain says something.
    Observe {
        /// What.
        fact: Fact,
        /// Where.
        at: ChainRef,
        /// Whether it can no longer go away.
        is_final: bool,
    },
    /// What the chain said there is gone with its block. Nothing happens when it was not taken up.
    UndoSight {
        /// What it said.
        what: Sight,
        /// Where.
        at: ChainRef,
    },
    /// A new key lies in the vault, for the owner to grant. Nothing happens when it is known.
    PrepareKey {
        /// The new key.
        key: Address,
    },
    /// A person takes over what the chain says after it was set back. With what is known anyway: only blocks are let go
    /// that are not there any more.
    Restate {
        /// What lies in the contract and was claimed from it.
        escrow: Amount,
        /// What the log had when the contract was asked: with what came in since it says nothing any more.
        known: Amount,
        /// As of this block.
        block_number: u64,
        /// Why.
        reason: String,
    },
}

/// A voucher that came with a charge. The signer is what the signature says, worked out at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voucher {
    /// What was signed.
    pub stored: StoredVoucher,
    /// Who signed it, for this session and payee, on this chain and contract.
    pub signer: Address,
}

/// What the contract can say of one (session, payee) pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// It knows the session.
    Registered {
        /// With this key.
        key: Address,
    },
    /// Money came in.
    Deposited {
        /// How much.
        amount: Amount,
    },
    /// The owner froze the session.
    Frozen,
    /// The owner lifted that.
    Unfrozen,
    /// The payee's guardian froze this payee's part.
    GuardianFrozen,
    /// The payee's guardian lifted that.
    GuardianUnfrozen,
    /// The owner ended the session.
    Revoked,
    /// A claim was paid.
    Claimed {
        /// How much.
        amount: Amount,
        /// Cumulative.
        total_claimed: Amount,
    },
    /// The owner wants money back.
    WithdrawRequested {
        /// At most this; `None` for all there is.
        amount: Option<Amount>,
        /// From then on.
        available_at: Timestamp,
    },
    /// No longer.
    WithdrawCancelled,
    /// The owner has it.
    Withdrawn {
        /// How much.
        amount: Amount,
    },
    /// The owner gave the session another key.
    KeyRotated {
        /// The new key.
        key: Address,
        /// Until when vouchers of the key before are paid.
        claimable_until: Timestamp,
    },
}
