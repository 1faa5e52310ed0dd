//! What can have happened to a session key. Payloads are complete: postings and read models need
//! nothing but the one event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, IndexEntry, event_enum, payload_methods};
use crate::charge::Line;
use crate::evm::{Address, Bytes32, ChainRef, CompactSignature, HexBytes};
use crate::hold::HoldAfter;
use crate::ids::{CustomerId, OrganizationId, RelayId, SessionKeyId};
use crate::money::{Amount, Currency};
pub use crate::session_key::claims::{
    ClaimPlanned, ClaimReleased, Claimed, Closed, WithdrawalCancelled, WithdrawalRequested, Withdrawn,
};
pub use crate::session_key::rotation::{KeyPrepared, KeyRotated, Restated, RotationSeen, SightUndone};
use crate::session_key::{FrozenBy, INDEX_CHAIN_SESSION, RelayAction, SessionKey, Terms};

event_enum! {
    /// An event of a session key.
    SessionKeyEvent in SessionKey::CATEGORY;
    /// It was drawn up: its owner has yet to sign.
    Granted(Granted) = "granted", 1;
    /// Something is to be sent to the chain for it.
    RelayRequested(RelayRequested) = "relay_requested", 1;
    /// That is in a block for good.
    RelayDone(RelayDone) = "relay_done", 1;
    /// That will not happen.
    RelayFailed(RelayFailed) = "relay_failed", 1;
    /// The chain knows the session, for good.
    Registered(Registered) = "registered", 1;
    /// A deposit was seen; it may still go away.
    DepositSeen(DepositSeen) = "deposit_seen", 1;
    /// A deposit is final.
    Deposited(Deposited) = "deposited", 1;
    /// Usage was charged.
    Charged(SessionCharged) = "charged", 1;
    /// Money was reserved.
    Held(SessionHeld) = "held", 1;
    /// A hold reserves more, or for longer.
    HoldExtended(SessionHoldExtended) = "hold_extended", 1;
    /// Usage was charged to a hold.
    Captured(SessionCaptured) = "captured", 1;
    /// A hold was given up.
    Voided(SessionHoldReleased) = "voided", 1;
    /// A hold ran out of time.
    HoldExpired(SessionHoldReleased) = "hold_expired", 1;
    /// No further charges for now.
    Frozen(Frozen) = "frozen", 1;
    /// Charges go on.
    Unfrozen(Unfrozen) = "unfrozen", 1;
    /// No further charges ever.
    Revoked(Revoked) = "revoked", 1;
    /// Its time is over.
    Expired(Expired) = "expired", 1;
    /// What was earned goes into a settlement.
    ClaimPlanned(ClaimPlanned) = "claim_planned", 1;
    /// It does not: the contract skipped it.
    ClaimReleased(ClaimReleased) = "claim_released", 1;
    /// The chain paid, for good.
    Claimed(Claimed) = "claimed", 1;
    /// The owner wants money back.
    WithdrawalRequested(WithdrawalRequested) = "withdrawal_requested", 1;
    /// No longer, for good.
    WithdrawalCancelled(WithdrawalCancelled) = "withdrawal_cancelled", 1;
    /// The owner has it, for good.
    Withdrawn(Withdrawn) = "withdrawn", 1;
    /// Nothing is left to do.
    Closed(Closed) = "closed", 1;
    /// What was seen of it on the chain went away with its block.
    SightUndone(SightUndone) = "sight_undone", 1;
    /// A new key lies in the vault, for its owner to grant.
    KeyPrepared(KeyPrepared) = "key_prepared", 1;
    /// Its owner gave it another key; that may still go away.
    RotationSeen(RotationSeen) = "rotation_seen", 1;
    /// It has another key, for good.
    KeyRotated(KeyRotated) = "key_rotated", 1;
    /// A person took over what the chain says after it was set back.
    Restated(Restated) = "restated", 1;
}

impl EventPayload for SessionKeyEvent {
    payload_methods!();

    fn index_entries(&self) -> Vec<IndexEntry> {
        match self {
            Self::Granted(granted) => {
                vec![IndexEntry { kind: INDEX_CHAIN_SESSION, key: granted.terms.session_id.0.to_vec() }]
            }
            _ => Vec::new(),
        }
    }
}

impl SessionKeyEvent {
    /// The charge that it is, whether a hold pays it or not.
    pub fn charge(&self) -> Option<&SessionCharged> {
        match self {
            Self::Charged(charged) | Self::Captured(SessionCaptured { charge: charged, .. }) => Some(charged),
            _ => None,
        }
    }

    /// The money that it says is there after it.
    pub fn after(&self) -> Option<&SessionBalances> {
        match self {
            Self::Deposited(e) => Some(&e.after),
            Self::Charged(e) => Some(&e.after),
            Self::Held(e) => Some(&e.after),
            Self::HoldExtended(e) => Some(&e.after),
            Self::Captured(e) => Some(&e.charge.after),
            Self::Voided(e) | Self::HoldExpired(e) => Some(&e.after),
            Self::Claimed(e) => Some(&e.after),
            Self::WithdrawalRequested(e) => Some(&e.after),
            Self::WithdrawalCancelled(e) => Some(&e.after),
            Self::Withdrawn(e) => Some(&e.after),
            Self::Closed(e) => Some(&e.after),
            Self::SightUndone(e) => Some(&e.after),
            Self::Restated(e) => Some(&e.after),
            _ => None,
        }
    }

    /// The hold that it is about, after it.
    pub fn hold(&self) -> Option<&HoldAfter> {
        match self {
            Self::Held(SessionHeld { hold, .. })
            | Self::HoldExtended(SessionHoldExtended { hold, .. })
            | Self::Captured(SessionCaptured { hold, .. })
            | Self::Voided(SessionHoldReleased { hold, .. })
            | Self::HoldExpired(SessionHoldReleased { hold, .. }) => Some(hold),
            _ => None,
        }
    }

    /// The voucher that came with it and is higher than the one before.
    pub fn voucher(&self) -> Option<StoredVoucher> {
        match self {
            Self::Charged(e) => e.voucher,
            Self::Held(e) => e.voucher,
            Self::HoldExtended(e) => e.voucher,
            _ => None,
        }
    }

    /// The customer who pays with it.
    pub fn customer_id(&self) -> CustomerId {
        match self {
            Self::Granted(e) => e.customer_id,
            Self::RelayRequested(e) => e.customer_id,
            Self::RelayDone(e) => e.customer_id,
            Self::RelayFailed(e) => e.customer_id,
            Self::Registered(e) => e.customer_id,
            Self::DepositSeen(e) => e.customer_id,
            Self::Deposited(e) => e.customer_id,
            Self::Charged(e) => e.customer_id,
            Self::Held(e) => e.customer_id,
            Self::HoldExtended(e) => e.customer_id,
            Self::Captured(e) => e.charge.customer_id,
            Self::Voided(e) | Self::HoldExpired(e) => e.customer_id,
            Self::Frozen(e) => e.customer_id,
            Self::Unfrozen(e) => e.customer_id,
            Self::Revoked(e) => e.customer_id,
            Self::Expired(e) => e.customer_id,
            Self::ClaimPlanned(e) => e.customer_id,
            Self::ClaimReleased(e) => e.customer_id,
            Self::Claimed(e) => e.customer_id,
            Self::WithdrawalRequested(e) => e.customer_id,
            Self::WithdrawalCancelled(e) => e.customer_id,
            Self::Withdrawn(e) => e.customer_id,
            Self::Closed(e) => e.customer_id,
            Self::SightUndone(e) => e.customer_id,
            Self::KeyPrepared(e) => e.customer_id,
            Self::RotationSeen(e) => e.customer_id,
            Self::KeyRotated(e) => e.customer_id,
            Self::Restated(e) => e.customer_id,
        }
    }
}

/// The money of a session key after an event.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SessionBalances {
    /// Deposited for good.
    pub deposited: Amount,
    /// Given back to the owner.
    pub withdrawn: Amount,
    /// Charged, cumulative.
    pub charged: Amount,
    /// Claimed on chain, cumulative.
    pub claimed: Amount,
    /// Reserved by holds.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub held: Amount,
    /// What may still be charged.
    pub available: Amount,
}

/// Payload of `session_key.granted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Granted {
    /// The session key.
    pub session_key_id: SessionKeyId,
    /// Who pays with it.
    pub customer_id: CustomerId,
    /// Who is paid.
    pub organization_id: OrganizationId,
    /// What the owner is to sign.
    #[serde(flatten)]
    pub terms: Terms,
}

/// Payload of `session_key.relay_requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelayRequested {
    /// Whose.
    pub customer_id: CustomerId,
    /// Names it.
    pub relay_id: RelayId,
    /// What it is for.
    pub action: RelayAction,
    /// The contract.
    pub to: Address,
    /// The call, with the owner's signature in it.
    pub calldata: HexBytes,
}

/// Payload of `session_key.relay_done`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelayDone {
    /// Whose.
    pub customer_id: CustomerId,
    /// Which.
    pub relay_id: RelayId,
    /// What it was for.
    pub action: RelayAction,
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
}

/// Payload of `session_key.relay_failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelayFailed {
    /// Whose.
    pub customer_id: CustomerId,
    /// Which.
    pub relay_id: RelayId,
    /// What it was for.
    pub action: RelayAction,
    /// Why.
    pub reason: String,
}

/// Payload of `session_key.registered`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// Whose.
    pub customer_id: CustomerId,
    /// Where.
    pub at: ChainRef,
}

/// Payload of `session_key.deposit_seen`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DepositSeen {
    /// Whose.
    pub customer_id: CustomerId,
    /// How much.
    pub amount: Amount,
    /// The token.
    pub currency: Currency,
    /// Where.
    pub at: ChainRef,
}

/// Payload of `session_key.deposited`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deposited {
    /// Whose.
    pub customer_id: CustomerId,
    /// How much.
    pub amount: Amount,
    /// The token.
    pub currency: Currency,
    /// Where.
    pub at: ChainRef,
    /// After it.
    pub after: SessionBalances,
}

/// A voucher as it is kept: what the key signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredVoucher {
    /// Cumulative.
    pub max_claimable: Amount,
    /// By the session's key.
    pub signature: CompactSignature,
}

/// Payload of `session_key.charged`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionCharged {
    /// With which.
    pub session_key_id: SessionKeyId,
    /// Whose.
    pub customer_id: CustomerId,
    /// The sum of the lines.
    pub amount: Amount,
    /// The token.
    pub currency: Currency,
    /// What for.
    pub lines: Vec<Line>,
    /// A voucher that came with it and is higher than the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<StoredVoucher>,
    /// Start of the period it counts in; `None` without a period limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<Timestamp>,
    /// After it.
    pub after: SessionBalances,
    /// The caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// Payload of `session_key.held`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionHeld {
    /// With which.
    pub session_key_id: SessionKeyId,
    /// Whose.
    pub customer_id: CustomerId,
    /// The hold.
    pub hold: HoldAfter,
    /// The sum of the lines.
    pub amount: Amount,
    /// The token.
    pub currency: Currency,
    /// What it would be charged for at most.
    pub lines: Vec<Line>,
    /// A voucher that came with it and is higher than the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<StoredVoucher>,
    /// Start of the period it counts in; `None` without a period limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<Timestamp>,
    /// After it.
    pub after: SessionBalances,
    /// The caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// Payload of `session_key.hold_extended`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionHoldExtended {
    /// With which.
    pub session_key_id: SessionKeyId,
    /// Whose.
    pub customer_id: CustomerId,
    /// The hold.
    pub hold: HoldAfter,
    /// What it reserves on top.
    pub amount: Amount,
    /// The token.
    pub currency: Currency,
    /// What for.
    pub lines: Vec<Line>,
    /// Start of the period it counts in: that of the hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<Timestamp>,
    /// A voucher that came with it and is higher than the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<StoredVoucher>,
    /// After it.
    pub after: SessionBalances,
}

/// Payload of `session_key.captured`: a charge that a hold pays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionCaptured {
    /// The hold.
    pub hold: HoldAfter,
    /// Whether the hold has ended with it.
    pub is_final: bool,
    /// The charge.
    pub charge: SessionCharged,
    /// What was reserved and is no longer.
    pub returned: Amount,
}

/// Payload of `session_key.voided` and `session_key.hold_expired`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionHoldReleased {
    /// With which.
    pub session_key_id: SessionKeyId,
    /// Whose.
    pub customer_id: CustomerId,
    /// The hold.
    pub hold: HoldAfter,
    /// The token.
    pub currency: Currency,
    /// What was reserved and is no longer.
    pub returned: Amount,
    /// Start of the period it was reserved in; `None` without a period limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<Timestamp>,
    /// After it.
    pub after: SessionBalances,
}

/// Payload of `session_key.frozen`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// Whose.
    pub customer_id: CustomerId,
    /// By whom.
    pub by: FrozenBy,
    /// Where, when the chain says so; `None` when it was asked for here.
    pub at: Option<ChainRef>,
}

/// Payload of `session_key.unfrozen`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unfrozen {
    /// Whose.
    pub customer_id: CustomerId,
    /// Whose freeze ended.
    pub by: FrozenBy,
    /// Where, when the chain says so.
    pub at: Option<ChainRef>,
}

/// Payload of `session_key.revoked`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revoked {
    /// Whose.
    pub customer_id: CustomerId,
    /// By whom.
    pub by: FrozenBy,
    /// Where, when the chain says so; `None` when it was asked for here.
    pub at: Option<ChainRef>,
    /// Whether that can no longer go away with its block. Older logs do not say it, and went by it as if it were so.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub is_final: bool,
}

const fn yes() -> bool {
    true
}

const fn is_yes(value: &bool) -> bool {
    *value
}

/// Payload of `session_key.expired`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expired {
    /// Whose.
    pub customer_id: CustomerId,
    /// When its time was over.
    pub expired_at: Timestamp,
}
