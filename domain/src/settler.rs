//! The settler: one address on one chain, and the queue of every transaction it sends.
//!
//! One queue, so one order of nonces: two workers cannot take the same one. A transaction is signed
//! and in the log before it is sent; after a crash the same bytes are sent again.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::evm::{Address, Bytes32, HexBytes};
use crate::ids::{ExactPaymentId, OrganizationId, RelayId, SessionKeyId, SettlementId, TransactionId};

/// How many transactions may wait for a block.
pub const QUEUE_MAX: usize = 1_000;
/// How many there may be with those that are in a block and not yet there for good.
pub const FOLLOWED_MAX: usize = 2_000;
/// How long a signed transaction's bytes may be.
pub const RAW_BYTES_MAX: usize = 128 << 10;

/// What a transaction is for, and so who is told what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Purpose {
    /// A settlement's attempt.
    Settlement {
        /// Whose.
        organization_id: OrganizationId,
        /// Where its streams live.
        partition: i32,
        /// Which.
        settlement_id: SettlementId,
        /// From 1.
        attempt: u32,
    },
    /// Something an owner asked for.
    Relay {
        /// Whose.
        organization_id: OrganizationId,
        /// Where its streams live.
        partition: i32,
        /// For this session key.
        session_key_id: SessionKeyId,
        /// Which.
        relay_id: RelayId,
    },
    /// The transfer that a payer authorized.
    Exact {
        /// Who is paid.
        organization_id: OrganizationId,
        /// Where its streams live.
        partition: i32,
        /// Which.
        exact_payment_id: ExactPaymentId,
    },
}

event_enum! {
    /// An event of a settler.
    SettlerEvent in Settler::CATEGORY;
    /// It has a key and a chain.
    Opened(Opened) = "opened", 1;
    /// A transaction is to be sent.
    Enqueued(Enqueued) = "enqueued", 1;
    /// It has a nonce and a signature.
    Signed(Signed) = "signed", 1;
    /// A node took it.
    Sent(Sent) = "sent", 1;
    /// It is in a block.
    Mined(Mined) = "mined", 1;
    /// It is in a block for good.
    Finalized(Finalized) = "finalized", 1;
    /// It will not be sent: the contract would refuse it.
    Rejected(Rejected) = "rejected", 1;
    /// Who waited for one that will not be sent knows it.
    Dismissed(Dismissed) = "dismissed", 1;
}

impl EventPayload for SettlerEvent {
    payload_methods!();
}

/// Payload of `settler.opened`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The address.
    pub address: Address,
    /// The first nonce that is ours to use.
    pub first_nonce: u64,
}

/// Payload of `settler.enqueued`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enqueued {
    /// Names it.
    pub transaction_id: TransactionId,
    /// What for.
    pub purpose: Purpose,
    /// The contract.
    pub to: Address,
    /// The call.
    pub calldata: HexBytes,
}

/// Payload of `settler.signed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signed {
    /// Which.
    pub transaction_id: TransactionId,
    /// Its nonce.
    pub nonce: u64,
    /// Its hash.
    pub tx_hash: Bytes32,
    /// The bytes that are sent.
    pub raw: HexBytes,
    /// At most this much gas.
    pub gas_limit: u64,
    /// At most this much for a unit of gas, in wei.
    pub max_fee_wei: u64,
    /// Of that to the block's producer, in wei.
    pub priority_fee_wei: u64,
}

/// Payload of `settler.sent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// Which.
    pub transaction_id: TransactionId,
    /// Its hash.
    pub tx_hash: Bytes32,
}

/// Payload of `settler.mined`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mined {
    /// Which.
    pub transaction_id: TransactionId,
    /// Its hash.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
    /// Whether the call went through.
    pub succeeded: bool,
}

/// Payload of `settler.finalized`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finalized {
    /// Which.
    pub transaction_id: TransactionId,
    /// Its hash.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// Whether the call went through.
    pub succeeded: bool,
}

/// Payload of `settler.rejected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// Which.
    pub transaction_id: TransactionId,
    /// Why.
    pub reason: String,
}

/// Payload of `settler.dismissed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dismissed {
    /// Which.
    pub transaction_id: TransactionId,
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
    /// Its signature, once it has one.
    pub signed: Option<Signed>,
    /// Whether a node took it.
    pub sent: bool,
    /// Where it was mined.
    pub mined: Option<Mined>,
    /// Why it will not be sent; it stays until who waits for it was told.
    pub rejected: Option<String>,
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

/// What can be asked of a settler.
#[derive(Debug, Clone)]
pub enum SettlerCommand {
    /// Begin. Nothing happens when it was begun.
    Open(Opened),
    /// Send this.
    Enqueue(Box<Enqueued>),
    /// This is its signature.
    Sign(Box<Signed>),
    /// A node took it.
    RecordSent(TransactionId),
    /// It is in a block.
    RecordMined(Mined),
    /// For good.
    RecordFinalized(TransactionId),
    /// It will not be sent.
    Reject {
        /// Which.
        id: TransactionId,
        /// Why.
        reason: String,
    },
    /// Who waited for what will not be sent was told. Nothing happens when it has gone already.
    Dismiss(TransactionId),
}

/// Why a settler's command is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettlerError {
    /// It has not begun.
    #[error("the settler has not been opened")]
    NotOpen,
    /// The queue is full.
    #[error("the settler has {QUEUE_MAX} transactions waiting, or {FOLLOWED_MAX} that are not final")]
    QueueFull,
    /// Another one is to be signed first, or it is signed already.
    #[error("the transaction is not the next to be signed")]
    NotNext,
    /// Another nonce is next.
    #[error("the next nonce is {0}")]
    WrongNonce(u64),
    /// Its bytes are too many.
    #[error("a transaction has at most {RAW_BYTES_MAX} bytes")]
    TooLarge,
    /// It is not there, or not so far.
    #[error("the transaction is not in that state")]
    WrongState,
}

impl Aggregate for Settler {
    const CATEGORY: &'static str = "settler";
    const STATE_VERSION: i16 = 1;
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
            SettlerCommand::Open(_) => return Ok(Vec::new()),
            SettlerCommand::Enqueue(enqueued) => {
                let waiting = self.queue.iter().filter(|queued| queued.mined.is_none()).count();
                if waiting >= QUEUE_MAX || self.queue.len() >= FOLLOWED_MAX {
                    return Err(SettlerError::QueueFull);
                }
                if enqueued.calldata.0.len() > RAW_BYTES_MAX {
                    return Err(SettlerError::TooLarge);
                }
                SettlerEvent::Enqueued((**enqueued).clone())
            }
            SettlerCommand::Sign(signed) => {
                if self.next_unsigned().is_none_or(|next| next.id != signed.transaction_id) {
                    return Err(SettlerError::NotNext);
                }
                if signed.nonce != self.next_nonce {
                    return Err(SettlerError::WrongNonce(self.next_nonce));
                }
                SettlerEvent::Signed((**signed).clone())
            }
            SettlerCommand::RecordSent(id) => match self.find(*id) {
                Some(Queued { sent: true, .. }) => return Ok(Vec::new()),
                Some(Queued { signed: Some(signed), .. }) => {
                    SettlerEvent::Sent(Sent { transaction_id: *id, tx_hash: signed.tx_hash })
                }
                _ => return Err(SettlerError::WrongState),
            },
            SettlerCommand::RecordMined(mined) => match self.find(mined.transaction_id) {
                Some(Queued { mined: Some(known), .. }) if known == mined => return Ok(Vec::new()),
                Some(Queued { signed: Some(signed), .. }) if signed.tx_hash == mined.tx_hash => {
                    SettlerEvent::Mined(mined.clone())
                }
                _ => return Err(SettlerError::WrongState),
            },
            SettlerCommand::RecordFinalized(id) => match self.find(*id).and_then(|queued| queued.mined.as_ref()) {
                Some(mined) => SettlerEvent::Finalized(Finalized {
                    transaction_id: *id,
                    tx_hash: mined.tx_hash,
                    block_number: mined.block_number,
                    succeeded: mined.succeeded,
                }),
                None => return Err(SettlerError::WrongState),
            },
            SettlerCommand::Reject { id, reason } => match self.find(*id) {
                Some(Queued { rejected: Some(_), .. }) => return Ok(Vec::new()),
                Some(Queued { signed: None, .. }) => {
                    SettlerEvent::Rejected(Rejected { transaction_id: *id, reason: reason.clone() })
                }
                _ => return Err(SettlerError::WrongState),
            },
            SettlerCommand::Dismiss(id) => match self.find(*id) {
                None => return Ok(Vec::new()),
                Some(Queued { rejected: Some(_), .. }) => SettlerEvent::Dismissed(Dismissed { transaction_id: *id }),
                Some(_) => return Err(SettlerError::WrongState),
            },
        };
        Ok(vec![event])
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id(n: u128) -> TransactionId {
        TransactionId::new(Uuid::from_u128(n))
    }

    fn run(settler: &mut Settler, command: SettlerCommand) -> Result<usize, SettlerError> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let events = settler.handle_command(&command, now)?;
        for event in &events {
            settler.apply_event(event, now);
        }
        Ok(events.len())
    }

    fn enqueue(n: u128) -> SettlerCommand {
        let purpose = Purpose::Relay {
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            partition: 0,
            session_key_id: SessionKeyId::new(Uuid::from_u128(2)),
            relay_id: RelayId::new(Uuid::from_u128(n)),
        };
        let enqueued =
            Enqueued { transaction_id: id(n), purpose, to: Address([1; 20]), calldata: HexBytes(vec![1, 2, 3]) };
        SettlerCommand::Enqueue(Box::new(enqueued))
    }

    fn sign(n: u128, nonce: u64) -> SettlerCommand {
        SettlerCommand::Sign(Box::new(Signed {
            transaction_id: id(n),
            nonce,
            tx_hash: Bytes32([u8::try_from(n).unwrap(); 32]),
            raw: HexBytes(vec![9]),
            gas_limit: 21_000,
            max_fee_wei: 1,
            priority_fee_wei: 1,
        }))
    }

    fn mined(n: u128) -> SettlerCommand {
        SettlerCommand::RecordMined(Mined {
            transaction_id: id(n),
            tx_hash: Bytes32([u8::try_from(n).unwrap(); 32]),
            block_number: 5,
            block_hash: Bytes32([0; 32]),
            succeeded: true,
        })
    }

    fn opened() -> Settler {
        let mut settler = Settler::default();
        assert_eq!(run(&mut settler, enqueue(1)), Err(SettlerError::NotOpen));
        let open = SettlerCommand::Open(Opened { chain_id: 31337, address: Address([2; 20]), first_nonce: 7 });
        assert_eq!(run(&mut settler, open.clone()), Ok(1));
        assert_eq!(run(&mut settler, open), Ok(0));
        settler
    }

    #[test]
    fn what_is_in_a_block_makes_room() {
        let mut settler = opened();
        let full = QUEUE_MAX as u128;
        for n in 0..full {
            run(&mut settler, enqueue(n)).unwrap();
        }
        assert_eq!(run(&mut settler, enqueue(full)), Err(SettlerError::QueueFull));
        run(&mut settler, sign(0, 7)).unwrap();
        run(&mut settler, mined(0)).unwrap();
        run(&mut settler, enqueue(full)).unwrap();
        assert_eq!(run(&mut settler, enqueue(full + 1)), Err(SettlerError::QueueFull));
    }

    #[test]
    fn nonces_follow_the_order_of_the_queue() {
        let mut settler = opened();
        run(&mut settler, enqueue(1)).unwrap();
        run(&mut settler, enqueue(2)).unwrap();
        assert_eq!(run(&mut settler, sign(2, 7)), Err(SettlerError::NotNext));
        assert_eq!(run(&mut settler, sign(1, 8)), Err(SettlerError::WrongNonce(7)));
        run(&mut settler, sign(1, 7)).unwrap();
        assert_eq!(run(&mut settler, sign(1, 8)), Err(SettlerError::NotNext), "one transaction, one nonce");
        run(&mut settler, sign(2, 8)).unwrap();
        assert_eq!(settler.next_nonce, 9);
    }

    #[test]
    fn what_was_signed_cannot_be_rejected_and_what_is_rejected_takes_no_nonce() {
        let mut settler = opened();
        run(&mut settler, enqueue(1)).unwrap();
        run(&mut settler, enqueue(2)).unwrap();
        run(&mut settler, SettlerCommand::Reject { id: id(1), reason: "reverts".into() }).unwrap();
        assert_eq!(run(&mut settler, sign(1, 7)), Err(SettlerError::NotNext), "it is not signed any more");
        run(&mut settler, sign(2, 7)).unwrap();
        assert_eq!(settler.queue.len(), 2, "it stays until who waits for it was told");
        assert_eq!(run(&mut settler, SettlerCommand::Dismiss(id(1))), Ok(1));
        assert_eq!(run(&mut settler, SettlerCommand::Dismiss(id(1))), Ok(0));
        assert_eq!(run(&mut settler, SettlerCommand::Dismiss(id(2))), Err(SettlerError::WrongState));
        let reject = SettlerCommand::Reject { id: id(2), reason: "late".into() };
        assert_eq!(run(&mut settler, reject), Err(SettlerError::WrongState));
    }

    #[test]
    fn from_signed_to_final() {
        let mut settler = opened();
        run(&mut settler, enqueue(1)).unwrap();
        assert_eq!(run(&mut settler, SettlerCommand::RecordSent(id(1))), Err(SettlerError::WrongState));
        run(&mut settler, sign(1, 7)).unwrap();
        assert_eq!(run(&mut settler, SettlerCommand::RecordSent(id(1))), Ok(1));
        assert_eq!(run(&mut settler, SettlerCommand::RecordSent(id(1))), Ok(0));
        assert_eq!(run(&mut settler, SettlerCommand::RecordFinalized(id(1))), Err(SettlerError::WrongState));
        assert_eq!(run(&mut settler, mined(1)), Ok(1));
        assert_eq!(run(&mut settler, mined(1)), Ok(0));
        assert_eq!(run(&mut settler, SettlerCommand::RecordFinalized(id(1))), Ok(1));
        assert!(settler.queue.is_empty());
    }
}
