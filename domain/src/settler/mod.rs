//! The settler: one address on one chain, and the queue of every transaction it sends.
//!
//! One queue, so one order of nonces: two workers cannot take the same one. A transaction is signed
//! and in the log before it is sent; after a crash the same bytes are sent again. When fees have
//! risen it is signed again with the same nonce, so that at most one of its versions is ever mined;
//! when its block goes away it waits for another one.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::evm::{Address, Bytes32, HexBytes};
use crate::ids::TransactionId;

mod command;
mod event;
#[cfg(test)]
mod tests;

pub use command::{SettlerCommand, SettlerError};
pub use event::{
    Dismissed, Displaced, Enqueued, Finalized, Mined, NoncesSkipped, Opened, Purpose, Rejected, Reorganized, Replaced,
    ResendRequested, Resent, Resumed, Sent, SettlerEvent, Signed, StallReason, Stalled,
};

/// How many transactions may wait for a block.
pub const QUEUE_MAX: usize = 1_000;
/// How many there may be with those that are in a block and not yet there for good.
pub const FOLLOWED_MAX: usize = 2_000;
/// How long a signed transaction's bytes may be.
pub const RAW_BYTES_MAX: usize = 128 << 10;
/// How often one transaction may be replaced.
pub const REPLACED_MAX: usize = 32;
/// What a replacement pays, in hundredths of what it replaces, for both fees: nodes take one that pays at least a
/// tenth more.
pub const BUMP_PERCENT: u64 = 113;
/// Less than this, in hundredths, is no replacement.
const BUMP_PERCENT_MIN: u128 = 110;

/// A version of a transaction that was replaced. It has the same nonce, and may still be the one that is mined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// Its hash.
    pub tx_hash: Bytes32,
    /// At most this much for a unit of gas, in wei.
    pub max_fee_wei: u64,
}

/// What is to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resend {
    /// From this nonce
    pub first_nonce: u64,
    /// up to this one.
    pub last_nonce: u64,
}

/// A transaction in the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// Names it.
    pub id: TransactionId,
    /// What for.
    pub purpose: Purpose,
    /// The contract.
    pub to: Address,
    /// The call; emptied once it is signed.
    pub calldata: HexBytes,
    /// Its signature, once it has one: that of the newest version.
    pub signed: Option<Signed>,
    /// The versions before, with the same nonce. Any of them may be mined.
    pub former: Vec<Former>,
    /// Whether a node took the newest version.
    pub sent: bool,
    /// Where it was mined.
    pub mined: Option<Mined>,
    /// Why it will not be sent; it stays until who waits for it was told.
    pub rejected: Option<String>,
}

impl Queued {
    /// The hashes it may be mined under, the newest first.
    pub fn hashes(&self) -> impl Iterator<Item = Bytes32> + '_ {
        let newest = self.signed.iter().map(|signed| signed.tx_hash);
        newest.chain(self.former.iter().rev().map(|former| former.tx_hash))
    }

    /// Whether it may be mined under this hash.
    pub fn has_hash(&self, tx_hash: Bytes32) -> bool {
        self.hashes().any(|hash| hash == tx_hash)
    }

    /// Its nonce, once it has one.
    pub fn nonce(&self) -> Option<u64> {
        self.signed.as_ref().map(|signed| signed.nonce)
    }
}

/// State of a settler.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settler {
    /// Who it is; `None` until it was opened.
    pub opened: Option<Opened>,
    /// The nonce the next signature takes.
    pub next_nonce: u64,
    /// What is not final, in the order in which it came.
    pub queue: VecDeque<Queued>,
    /// What is to be sent again, as it stands in the log.
    pub resend: Option<Resend>,
    /// Why it waits for a person.
    pub stalled: Option<Stalled>,
}

impl Settler {
    /// A transaction of the queue.
    pub fn find(&self, id: TransactionId) -> Option<&Queued> {
        self.queue.iter().find(|queued| queued.id == id)
    }

    /// The first that has no nonce yet: only this one may be signed.
    pub fn next_unsigned(&self) -> Option<&Queued> {
        self.queue.iter().find(|queued| queued.signed.is_none() && queued.rejected.is_none())
    }

    fn find_mut(&mut self, id: TransactionId) -> Option<&mut Queued> {
        self.queue.iter_mut().find(|queued| queued.id == id)
    }
}

impl Aggregate for Settler {
    const CATEGORY: &'static str = "settler";
    const STATE_VERSION: i16 = 2;
    type Command = SettlerCommand;
    type Event = SettlerEvent;
    type Error = SettlerError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        if let SettlerCommand::Open(opened) = command {
            return Ok(if self.opened.is_some() { Vec::new() } else { vec![SettlerEvent::Opened(opened.clone())] });
        }
        if self.opened.is_none() {
            return Err(SettlerError::NotOpen);
        }
        let event = match command {
            SettlerCommand::Open(_) => None,
            SettlerCommand::Enqueue(enqueued) => Some(self.enqueue(enqueued)?),
            SettlerCommand::Sign(signed) => Some(self.sign(signed)?),
            SettlerCommand::RecordSent(id) => match self.find(*id) {
                Some(Queued { sent: true, .. }) => None,
                Some(Queued { signed: Some(signed), .. }) => {
                    Some(SettlerEvent::Sent(Sent { transaction_id: *id, tx_hash: signed.tx_hash }))
                }
                _ => return Err(SettlerError::WrongState),
            },
            SettlerCommand::RecordMined(mined) => match self.find(mined.transaction_id) {
                Some(Queued { mined: Some(known), .. }) if known == mined => None,
                Some(queued) if queued.has_hash(mined.tx_hash) => Some(SettlerEvent::Mined(mined.clone())),
                _ => return Err(SettlerError::WrongState),
            },
            SettlerCommand::RecordFinalized(id) => match self.find(*id).and_then(|queued| queued.mined.as_ref()) {
                Some(mined) => Some(SettlerEvent::Finalized(Finalized {
                    transaction_id: *id,
                    tx_hash: mined.tx_hash,
                    block_number: mined.block_number,
                    succeeded: mined.succeeded,
                })),
                None => return Err(SettlerError::WrongState),
            },
            SettlerCommand::Reject { id, reason } => match self.find(*id) {
                Some(Queued { rejected: Some(_), .. }) => None,
                Some(Queued { signed: None, .. }) => {
                    Some(SettlerEvent::Rejected(Rejected { transaction_id: *id, reason: reason.clone() }))
                }
                _ => return Err(SettlerError::WrongState),
            },
            SettlerCommand::Dismiss(id) => match self.find(*id) {
                None => None,
                Some(Queued { rejected: Some(_), .. }) => {
                    Some(SettlerEvent::Dismissed(Dismissed { transaction_id: *id }))
                }
                Some(_) => return Err(SettlerError::WrongState),
            },
            SettlerCommand::Replace(replaced) => self.replace(replaced)?,
            SettlerCommand::RecordReorganized { id, block_hash } => {
                let mined = self.find(*id).and_then(|queued| queued.mined.as_ref());
                let mined = mined.filter(|mined| mined.block_hash == *block_hash).ok_or(SettlerError::WrongState)?;
                Some(SettlerEvent::Reorganized(Reorganized {
                    transaction_id: *id,
                    tx_hash: mined.tx_hash,
                    block_number: mined.block_number,
                    block_hash: mined.block_hash,
                }))
            }
            SettlerCommand::Displace { id, calldata } => Some(self.displace(*id, calldata)?),
            SettlerCommand::SkipNonces { to } => {
                let skips = *to > self.next_nonce;
                let skipped = NoncesSkipped { from: self.next_nonce, to: *to };
                skips.then_some(SettlerEvent::NoncesSkipped(skipped))
            }
            SettlerCommand::RequestResend { first_nonce, last_nonce, reason } => {
                Some(self.request_resend(*first_nonce, *last_nonce, reason)?)
            }
            SettlerCommand::RecordResent => self.end_resend(None),
            SettlerCommand::GiveUpResend { reason } => self.end_resend(Some(reason)),
            SettlerCommand::Stall { reason, transaction_id, detail } => {
                let stalled = Stalled { reason: *reason, transaction_id: *transaction_id, detail: detail.clone() };
                let same = |known: &Stalled| (known.reason, known.transaction_id) == (*reason, *transaction_id);
                let known = self.stalled.as_ref().is_some_and(same);
                (!known).then_some(SettlerEvent::Stalled(stalled))
            }
            SettlerCommand::Unstall => self.stalled.as_ref().map(|_| SettlerEvent::Resumed(Resumed {})),
        };
        Ok(event.into_iter().collect())
    }

    fn apply_event(&mut self, event: &Self::Event, _occurred_at: Timestamp) {
        match event {
            SettlerEvent::Opened(e) => {
                self.opened = Some(e.clone());
                self.next_nonce = e.first_nonce;
            }
            SettlerEvent::Enqueued(e) => self.queue.push_back(Queued {
                id: e.transaction_id,
                purpose: e.purpose,
                to: e.to,
                calldata: e.calldata.clone(),
                signed: None,
                former: Vec::new(),
                sent: false,
                mined: None,
                rejected: None,
            }),
            SettlerEvent::Signed(e) => {
                self.next_nonce = e.nonce + 1;
                if let Some(queued) = self.find_mut(e.transaction_id) {
                    queued.calldata = HexBytes::default();
                    queued.signed = Some(e.clone());
                }
            }
            SettlerEvent::Sent(e) => {
                if let Some(queued) = self.find_mut(e.transaction_id) {
                    queued.sent = true;
                }
            }
            SettlerEvent::Mined(e) => {
                if let Some(queued) = self.find_mut(e.transaction_id) {
                    queued.mined = Some(e.clone());
                }
            }
            SettlerEvent::Finalized(e) => self.queue.retain(|queued| queued.id != e.transaction_id),
            SettlerEvent::Rejected(e) => {
                if let Some(queued) = self.find_mut(e.transaction_id) {
                    queued.calldata = HexBytes::default();
                    queued.rejected = Some(e.reason.clone());
                }
            }
            SettlerEvent::Dismissed(e) => self.queue.retain(|queued| queued.id != e.transaction_id),
            SettlerEvent::Replaced(e) => {
                if let Some(queued) = self.find_mut(e.transaction_id) {
                    queued.take_replacement(e);
                }
            }
            SettlerEvent::Reorganized(e) => {
                if let Some(queued) = self.find_mut(e.transaction_id) {
                    queued.mined = None;
                }
            }
            SettlerEvent::Displaced(e) => {
                if let Some(queued) = self.find_mut(e.transaction_id) {
                    queued.calldata = e.calldata.clone();
                    queued.signed = None;
                    queued.former = Vec::new();
                    queued.sent = false;
                    queued.mined = None;
                }
            }
            SettlerEvent::NoncesSkipped(e) => self.next_nonce = e.to,
            SettlerEvent::ResendRequested(e) => {
                self.resend = Some(Resend { first_nonce: e.first_nonce, last_nonce: e.last_nonce });
                for queued in &mut self.queue {
                    if queued.nonce().is_some_and(|nonce| nonce >= e.first_nonce) {
                        queued.mined = None;
                        queued.sent = false;
                    }
                }
            }
            SettlerEvent::Resent(_) => self.resend = None,
            SettlerEvent::Stalled(e) => self.stalled = Some(e.clone()),
            SettlerEvent::Resumed(_) => self.stalled = None,
        }
    }
}

impl Queued {
    fn take_replacement(&mut self, e: &Replaced) {
        if let Some(signed) = &self.signed {
            self.former.push(Former { tx_hash: signed.tx_hash, max_fee_wei: signed.max_fee_wei });
        }
        self.signed = Some(Signed {
            transaction_id: e.transaction_id,
            nonce: e.nonce,
            tx_hash: e.tx_hash,
            raw: e.raw.clone(),
            gas_limit: e.gas_limit,
            max_fee_wei: e.max_fee_wei,
            priority_fee_wei: e.priority_fee_wei,
        });
        self.sent = false;
    }
}

impl Settler {
    fn enqueue(&self, enqueued: &Enqueued) -> Result<SettlerEvent, SettlerError> {
        let waiting = self.queue.iter().filter(|queued| queued.mined.is_none()).count();
        if waiting >= QUEUE_MAX || self.queue.len() >= FOLLOWED_MAX {
            return Err(SettlerError::QueueFull);
        }
        if enqueued.calldata.0.len() > RAW_BYTES_MAX {
            return Err(SettlerError::TooLarge);
        }
        Ok(SettlerEvent::Enqueued(enqueued.clone()))
    }

    fn sign(&self, signed: &Signed) -> Result<SettlerEvent, SettlerError> {
        if self.next_unsigned().is_none_or(|next| next.id != signed.transaction_id) {
            return Err(SettlerError::NotNext);
        }
        if signed.nonce != self.next_nonce {
            return Err(SettlerError::WrongNonce(self.next_nonce));
        }
        Ok(SettlerEvent::Signed(signed.clone()))
    }

    fn replace(&self, replaced: &Replaced) -> Result<Option<SettlerEvent>, SettlerError> {
        let queued = self.find(replaced.transaction_id).ok_or(SettlerError::WrongState)?;
        let signed = queued.signed.as_ref().ok_or(SettlerError::WrongState)?;
        if signed.tx_hash == replaced.tx_hash {
            return Ok(None);
        }
        if queued.mined.is_some() || signed.tx_hash != replaced.former_tx_hash || queued.has_hash(replaced.tx_hash) {
            return Err(SettlerError::WrongState);
        }
        if signed.nonce != replaced.nonce {
            return Err(SettlerError::WrongNonce(signed.nonce));
        }
        if queued.former.len() >= REPLACED_MAX {
            return Err(SettlerError::TooManyReplacements);
        }
        let fees = [(replaced.max_fee_wei, signed.max_fee_wei), (replaced.priority_fee_wei, signed.priority_fee_wei)];
        if fees.iter().any(|(fee, former)| u128::from(*fee) * 100 < u128::from(*former) * BUMP_PERCENT_MIN) {
            return Err(SettlerError::FeeTooLow);
        }
        Ok(Some(SettlerEvent::Replaced(replaced.clone())))
    }

    fn displace(&self, id: TransactionId, calldata: &HexBytes) -> Result<SettlerEvent, SettlerError> {
        let queued = self.find(id).filter(|queued| queued.mined.is_none()).ok_or(SettlerError::WrongState)?;
        let nonce = queued.nonce().ok_or(SettlerError::WrongState)?;
        if calldata.0.len() > RAW_BYTES_MAX {
            return Err(SettlerError::TooLarge);
        }
        Ok(SettlerEvent::Displaced(Displaced { transaction_id: id, nonce, calldata: calldata.clone() }))
    }

    fn end_resend(&self, given_up: Option<&String>) -> Option<SettlerEvent> {
        let Resend { first_nonce, last_nonce } = self.resend?;
        Some(SettlerEvent::Resent(Resent { first_nonce, last_nonce, given_up: given_up.cloned() }))
    }

    fn request_resend(&self, first_nonce: u64, last_nonce: u64, reason: &str) -> Result<SettlerEvent, SettlerError> {
        if first_nonce > last_nonce || last_nonce >= self.next_nonce {
            return Err(SettlerError::ResendOutOfRange);
        }
        // A chain that was set back once more may have lost more.
        let wanted = Resend { first_nonce, last_nonce };
        let Resend { first_nonce, last_nonce } = self.resend.map_or(wanted, |known| Resend {
            first_nonce: known.first_nonce.min(first_nonce),
            last_nonce: known.last_nonce.max(last_nonce),
        });
        if self.resend == Some(Resend { first_nonce, last_nonce }) {
            return Err(SettlerError::ResendUnderWay);
        }
        Ok(SettlerEvent::ResendRequested(ResendRequested { first_nonce, last_nonce, reason: reason.to_owned() }))
    }
}
