//! An exact payment: one transfer that a payer authorized by signature (EIP-3009), for one request (x402's scheme
//! `exact`).
//!
//! It is accepted for one request and may be released again while nothing was submitted. From the submission on
//! the chain has the word: what it says is taken in, also when something else was believed before. What was paid
//! for is delivered at most once, and not before the transfer is in a block.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::evm::{Address, Bytes32};
use crate::ids::{self, ExactPaymentId, OrganizationId, TransactionId};
use crate::money::Amount;

mod event;
#[cfg(test)]
mod tests;

pub use event::{Accepted, Delivered, ExactPaymentEvent, Failed, Finalized, Place, Released, Settled, Submitted};

/// How long a payer's signature may be: that of a smart account has no fixed length.
pub const SIGNATURE_BYTES_MAX: usize = 4_096;
/// For how long a request may keep a payment that was not submitted: longer than any request takes. Whoever has it
/// for longer has died.
pub const HELD_SECS_MAX: i64 = 4_200;

/// The id of what a payer signed: an address uses each nonce of a token once, whatever else it signs with it.
pub fn id_of(chain_id: u64, token: Address, from: Address, nonce: Bytes32) -> ExactPaymentId {
    ExactPaymentId::new(ids::derive(&[b"exact payment", &chain_id.to_be_bytes(), &token.0, &from.0, &nonce.0]))
}

/// The transaction that settles a payment.
pub fn transaction_of(id: ExactPaymentId) -> TransactionId {
    TransactionId::new(ids::derive(&[b"exact transaction", id.uuid().as_bytes()]))
}

/// Where a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// There is none.
    #[default]
    None,
    /// It pays for a request that is under way.
    Accepted,
    /// It may pay for another one.
    Released,
    /// Its transfer is to be sent, or is on its way.
    Settling,
    /// In a block.
    Settled,
    /// In a block for good.
    Final,
    /// The transfer did not come about.
    Failed,
}

impl Status {
    /// Every one that a payment can be in.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Released, Self::Settling, Self::Settled, Self::Final, Self::Failed];

    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Accepted => "accepted",
            Self::Released => "released",
            Self::Settling => "settling",
            Self::Settled => "settled",
            Self::Final => "final",
            Self::Failed => "failed",
        }
    }

    /// Whether the money has come.
    pub const fn is_paid(self) -> bool {
        matches!(self, Self::Settled | Self::Final)
    }
}

/// State of an exact payment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExactPayment {
    /// What was accepted last, and when.
    pub accepted: Option<(Accepted, Timestamp)>,
    /// Where it is.
    pub status: Status,
    /// The transaction that settles it, once that is wanted.
    pub submitted: Option<TransactionId>,
    /// Where the transfer stands, while it does.
    pub settled: Option<Place>,
    /// Why it failed, while it has.
    pub failure: Option<String>,
    /// When the payer got what was paid for.
    pub delivered_at: Option<Timestamp>,
}

impl ExactPayment {
    /// Whether the request that it pays for must have ended.
    pub fn has_lapsed(&self, now: Timestamp) -> bool {
        self.accepted.as_ref().is_some_and(|(_, at)| *at + TimeDelta::seconds(HELD_SECS_MAX) <= now)
    }

    fn accept(&self, accepted: &Accepted, now: Timestamp) -> Result<Vec<ExactPaymentEvent>, ExactPaymentError> {
        if let Some((known, _)) = &self.accepted {
            if known.organization_id != accepted.organization_id {
                return Err(ExactPaymentError::NotFound);
            }
            let is_free = match self.status {
                Status::None | Status::Released => true,
                Status::Accepted => self.has_lapsed(now),
                Status::Settling | Status::Settled | Status::Final | Status::Failed => false,
            };
            if !is_free {
                return Err(ExactPaymentError::WrongStatus(self.status));
            }
        }
        if accepted.amount.is_zero() {
            return Err(ExactPaymentError::ZeroAmount);
        }
        if accepted.signature.0.len() > SIGNATURE_BYTES_MAX {
            return Err(ExactPaymentError::SignatureTooLong);
        }
        Ok(vec![ExactPaymentEvent::Accepted(accepted.clone())])
    }
}

/// A command. Each names the organization that is paid: another one's payment does not exist for it.
#[derive(Debug, Clone)]
pub struct ExactPaymentCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What can be asked of a payment, and what the chain can say of it.
#[derive(Debug, Clone)]
pub enum Action {
    /// Let it pay for a request.
    Accept(Box<Accepted>),
    /// The request came to nothing.
    Release,
    /// Have it settled. Nothing happens when that is under way or done.
    Submit(TransactionId),
    /// The transfer is in a block.
    Settle(Place),
    /// For good.
    Finalize(Place),
    /// The transfer did not come about, or no longer stands.
    Fail(String),
    /// The payer gets what was paid for. Nothing happens when it was delivered before.
    Deliver,
}

/// Why a payment's command is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExactPaymentError {
    /// There is none, or it is another organization's.
    #[error("there is no such payment")]
    NotFound,
    /// Its status forbids it.
    #[error("the payment is {}", .0.name())]
    WrongStatus(Status),
    /// It pays nothing.
    #[error("a payment is for more than zero")]
    ZeroAmount,
    /// Its signature has too many bytes.
    #[error("a signature has at most {SIGNATURE_BYTES_MAX} bytes")]
    SignatureTooLong,
}

impl Aggregate for ExactPayment {
    const CATEGORY: &'static str = "exact_payment";
    const STATE_VERSION: i16 = 1;
    type Command = ExactPaymentCommand;
    type Event = ExactPaymentEvent;
    type Error = ExactPaymentError;

    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        use ExactPaymentEvent as E;
        if let Action::Accept(accepted) = &command.action {
            return self.accept(accepted, now);
        }
        let own = self.accepted.as_ref().map(|(accepted, _)| accepted);
        let own = own.filter(|accepted| accepted.organization_id == command.organization_id);
        let Accepted { amount, currency, .. } = own.ok_or(ExactPaymentError::NotFound)?;
        let (amount, currency) = (*amount, *currency);
        let settled = |at: &Place| {
            let Place { tx_hash, block_number, block_hash } = *at;
            E::Settled(Settled { tx_hash, block_number, block_hash, amount, currency })
        };
        let finalized = |at: &Place| {
            let Place { tx_hash, block_number, block_hash } = *at;
            E::Finalized(Finalized { tx_hash, block_number, block_hash, amount, currency })
        };
        let failed = |reason: &str, reversed| E::Failed(Failed { reason: reason.to_owned(), reversed, currency });
        let events = match (&command.action, self.status) {
            (Action::Release, Status::Accepted) => vec![E::Released(Released {})],
            (Action::Release, Status::Released) => Vec::new(),
            (Action::Submit(id), Status::Accepted) => vec![E::Submitted(Submitted { transaction_id: *id })],
            (Action::Submit(_), Status::Settling | Status::Settled | Status::Final) => Vec::new(),
            (Action::Settle(at), Status::Settling | Status::Failed) => vec![settled(at)],
            (Action::Settle(_), Status::Settled | Status::Final) => Vec::new(),
            (Action::Finalize(at), Status::Settled) => vec![finalized(at)],
            (Action::Finalize(at), Status::Settling | Status::Failed) => vec![settled(at), finalized(at)],
            (Action::Finalize(_), Status::Final) => Vec::new(),
            (Action::Fail(reason), Status::Settling) => vec![failed(reason, Amount::ZERO)],
            (Action::Fail(reason), Status::Settled) => vec![failed(reason, amount)],
            (Action::Fail(_), Status::Failed) => Vec::new(),
            (Action::Deliver, Status::Settled | Status::Final) if self.delivered_at.is_some() => Vec::new(),
            (Action::Deliver, Status::Settled | Status::Final) => vec![E::Delivered(Delivered {})],
            _ => return Err(ExactPaymentError::WrongStatus(self.status)),
        };
        Ok(events)
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        use ExactPaymentEvent as E;
        self.status = event.status().unwrap_or(self.status);
        match event {
            E::Accepted(e) => self.accepted = Some((e.clone(), occurred_at)),
            E::Released(_) => {}
            E::Submitted(e) => self.submitted = Some(e.transaction_id),
            E::Settled(Settled { tx_hash, block_number, block_hash, .. })
            | E::Finalized(Finalized { tx_hash, block_number, block_hash, .. }) => {
                self.settled = Some(Place { tx_hash: *tx_hash, block_number: *block_number, block_hash: *block_hash });
                self.failure = None;
            }
            E::Failed(e) => {
                self.settled = None;
                self.failure = Some(e.reason.clone());
            }
            E::Delivered(_) => self.delivered_at = Some(occurred_at),
        }
    }
}
