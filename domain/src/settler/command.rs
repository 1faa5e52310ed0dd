//! What can be asked of a settler, and why it may be denied.

use crate::evm::{Bytes32, HexBytes};
use crate::ids::TransactionId;
use crate::settler::{
    Enqueued, FOLLOWED_MAX, Mined, Opened, QUEUE_MAX, RAW_BYTES_MAX, REPLACED_MAX, Replaced, Signed, StallReason,
};

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
    /// This is its signature with the same nonce and higher fees. Nothing happens when it has it already.
    Replace(Box<Replaced>),
    /// The block it was in is gone.
    RecordReorganized {
        /// Which.
        id: TransactionId,
        /// The block that is gone.
        block_hash: Bytes32,
    },
    /// Somebody else's transaction took its nonce, for good: sign it anew.
    Displace {
        /// Which.
        id: TransactionId,
        /// Its call, as its signature has it.
        calldata: HexBytes,
    },
    /// Others used nonces: go on with this one. Nothing happens when it is next or was used.
    SkipNonces {
        /// The next one.
        to: u64,
    },
    /// The chain was set back: send again what was signed with these nonces. While others are sent again, these are as
    /// well.
    RequestResend {
        /// From this nonce
        first_nonce: u64,
        /// up to this one.
        last_nonce: u64,
        /// Why.
        reason: String,
    },
    /// That was done. Nothing happens when nothing was to be sent again.
    RecordResent,
    /// A person gives it up. Nothing happens when nothing was to be sent again.
    GiveUpResend {
        /// Why.
        reason: String,
    },
    /// It waits for a person. Nothing happens when it waits for the same already.
    Stall {
        /// Why.
        reason: StallReason,
        /// The transaction that waits.
        transaction_id: Option<TransactionId>,
        /// In words.
        detail: String,
    },
    /// It goes on. Nothing happens when it did not wait.
    Unstall,
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
    /// Another nonce is next, or the transaction has another one.
    #[error("the nonce must be {0}")]
    WrongNonce(u64),
    /// Its bytes are too many.
    #[error("a transaction has at most {RAW_BYTES_MAX} bytes")]
    TooLarge,
    /// It is not there, or not so far.
    #[error("the transaction is not in that state")]
    WrongState,
    /// A replacement must pay more.
    #[error("a replacement pays at least a tenth more, for both fees")]
    FeeTooLow,
    /// It was replaced often enough.
    #[error("a transaction is replaced at most {REPLACED_MAX} times")]
    TooManyReplacements,
    /// All of these are being sent again.
    #[error("these transactions are being sent again already")]
    ResendUnderWay,
    /// These nonces were never used, or there are none between them.
    #[error("what is sent again has nonces that were used, in their order")]
    ResendOutOfRange,
}
