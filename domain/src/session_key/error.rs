//! Why a session key denies a command.

use crate::Timestamp;
use crate::evm::Address;
use crate::hold::HoldError;
use crate::ids::{RelayId, SettlementId};
use crate::money::{Amount, BALANCE_MAX, Currency, MoneyError};
use crate::session_key::{RELAYS_MAX, Status};

/// Why a session key's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionKeyError {
    /// There is none, or it is another organization's.
    #[error("there is no such session key")]
    NotFound,
    /// It was drawn up before.
    #[error("the session key exists already")]
    AlreadyGranted,
    /// The chain knows the session, or is being told of it.
    #[error("the session is registered already")]
    AlreadyRegistered,
    /// Its status forbids it.
    #[error("the session key is {}", .0.name())]
    WrongStatus(Status),
    /// Before its time.
    #[error("the session key is not valid before {0}")]
    NotYetValid(Timestamp),
    /// After its time.
    #[error("the session key has expired at {0}")]
    Expired(Timestamp),
    /// The deposit does not reach.
    #[error("the charge of {amount} {currency} is more than the {available} {currency} that are left of the deposit")]
    InsufficientDeposit {
        /// What it would have cost.
        amount: Amount,
        /// What is left.
        available: Amount,
        /// Seen on chain and not final yet.
        pending: Amount,
        /// The token.
        currency: Currency,
    },
    /// The limit of the period does not reach.
    #[error("the period's limit of {limit} {currency} has {remaining} {currency} left, the charge is {amount}")]
    PeriodLimitExceeded {
        /// What it would have cost.
        amount: Amount,
        /// In a period.
        limit: Amount,
        /// Left of it.
        remaining: Amount,
        /// When it starts anew.
        resets_at: Timestamp,
        /// The token.
        currency: Currency,
    },
    /// What was signed does not reach.
    #[error("a voucher for at least {needed} {currency} is needed; the one that is kept says {stored}")]
    VoucherTooLow {
        /// Cumulative, in the token's decimals.
        needed: Amount,
        /// The highest that is kept.
        stored: Amount,
        /// What came, if anything came.
        given: Option<Amount>,
        /// Charged so far.
        charged: Amount,
        /// The token.
        currency: Currency,
    },
    /// The voucher is not by the session's key, for this payee, on this chain and contract.
    #[error("the voucher is not signed by the session's key for this payee, chain and contract")]
    VoucherWrongSigner,
    /// The voucher promises more than there is.
    #[error("the voucher says {given} {currency}, more than the {escrow} {currency} in escrow")]
    VoucherAboveDeposit {
        /// What it says.
        given: Amount,
        /// What is in escrow.
        escrow: Amount,
        /// The token.
        currency: Currency,
    },
    /// A voucher for a key that Tollbook holds.
    #[error("this session key is managed: it takes no vouchers")]
    VoucherNotTaken,
    /// The caller or the meter names another currency than the session's.
    #[error("the session key pays in {expected}, not in {given}")]
    CurrencyMismatch {
        /// The session's.
        expected: Currency,
        /// What came.
        given: Currency,
    },
    /// The exact amount cannot be kept.
    #[error("quantity × unit price of meter {meter} {reason}")]
    AmountOutOfRange {
        /// Of this meter.
        meter: String,
        /// What is wrong.
        reason: MoneyError,
    },
    /// The balance after it could not be kept.
    #[error("the balance would exceed {BALANCE_MAX}")]
    BalanceTooLarge,
    /// Something about a hold.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// Only the owner can lift it.
    #[error("the owner has frozen the session: only the owner can lift that, on chain")]
    FrozenByOwner,
    /// The very same is on its way: sending it twice would cost gas for nothing.
    #[error("this is on its way to the chain already")]
    AlreadyRelayed(RelayId),
    /// Too much is on its way.
    #[error("at most {RELAYS_MAX} transactions may be on their way for one session key")]
    TooManyRelays,
    /// Nothing was earned since the last settlement.
    #[error("there is nothing to claim")]
    NothingToClaim,
    /// It is in another settlement.
    #[error("the session key is in settlement {0} already")]
    InSettlement(SettlementId),
    /// The contract skipped its last claim.
    #[error(
        "the last claim came to nothing ({0}): nothing more is charged until more is deposited, or a settlement that \
         somebody asks for pays it"
    )]
    SetAside(String),
    /// The owner gives the session another key: until that is final no new voucher can be taken.
    #[error("the session's key is being changed by its owner: new vouchers are taken when that is final")]
    KeyRotating,
    /// Another new key was prepared, and its owner may have signed for it.
    #[error("the key {0} has been prepared for this session already")]
    KeyPrepared(Address),
    /// The client keeps the key.
    #[error("this session key is kept by its client: there is no key to prepare for it")]
    NotManaged,
    /// Only what is less is taken over, not less than what was paid out, and of what has not moved meanwhile.
    #[error(
        "{given} {currency} in escrow cannot be taken over: {escrow} are known now, of which {least} were claimed \
         and are not taken out again"
    )]
    CannotRestate {
        /// What was claimed.
        least: Amount,
        /// What is known.
        escrow: Amount,
        /// What came.
        given: Amount,
        /// The token.
        currency: Currency,
    },
}
