//! Payments: created, perhaps authorized, captured or failed; refunds and disputes of them. What is asked of a provider
//! is in the log before it is asked; what a provider says may come in any order and any number of times.
//!
//! [`command`] and [`event`] have the words, `status` what overtakes what. `decision` says what may be asked for,
//! `observing` what a provider's word changes, `paying_out` what a payout file's line must match.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::Aggregate;
use crate::ids::{PayoutId, RefundId};
use crate::money::Amount;

pub mod command;
mod decision;
mod error;
pub mod event;
mod observing;
mod paying_out;
mod status;
mod surplus;
#[cfg(test)]
mod tests;

pub use command::{Action, Create, Observed, PaymentCommand, ProviderState, Record, Subject};
pub use error::PaymentError;
pub use event::{After, MethodRef, PaymentEvent};
pub use status::{RefundStatus, Requested, Status};

/// How many refunds a payment may have.
pub const REFUNDS_MAX: usize = 100;
/// The code of a payment that failed because its provider cannot collect this amount: too little, too much, between two
/// of its steps, or in a currency that it does not take. No card was declined.
pub const NOT_COLLECTABLE: &str = "amount_not_collectable";

/// State of a payment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Payment {
    /// What it was created as, and when; `None` until it was.
    pub created: Option<(event::Created, Timestamp)>,
    /// Where it is in its life.
    pub status: Status,
    /// The provider's id for it; of one recorded by hand its reference.
    pub provider_id: Option<String>,
    /// Where the customer has to go, while it has to.
    pub action_url: Option<String>,
    /// Why it was declined, while that is the last word.
    pub failure: Option<Failure>,
    /// What is to be captured.
    pub capture_requested: Option<Amount>,
    /// Whether it is to be cancelled.
    pub cancel_requested: bool,
    /// What the provider would not do, until something else is asked of it.
    #[serde(default)]
    pub refusal: Option<Refusal>,
    /// How often the provider would not do what it was asked for: asked again it is another request.
    #[serde(default)]
    pub refusals: u32,
    /// What was captured.
    pub captured: Amount,
    /// When the money came.
    pub received_at: Option<Timestamp>,
    /// Its refunds, in the order in which they were asked for.
    pub refunds: Vec<Refund>,
    /// Its disputes, by the provider's id. Those that are heard of before the money count once it is there.
    pub disputes: BTreeMap<String, DisputeState>,
    /// The payout file that it was paid out with.
    pub payout_id: Option<PayoutId>,
    /// What of it was more than was due of its invoice; `None` until that was found.
    #[serde(default)]
    pub surplus: Option<Surplus>,
}

/// What of a payment was more than was due.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Surplus {
    /// What became credits.
    pub to_credits: Amount,
    /// What had been refunded before.
    pub went_back: Amount,
}

/// Why a payment was declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The provider's code.
    pub code: String,
    /// The provider's words.
    pub message: String,
}

/// Why a provider would not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What it was asked for.
    pub asked: Requested,
    /// The provider's code.
    pub code: String,
    /// The provider's words.
    pub message: String,
}

/// A refund of a payment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// How much.
    pub amount: Amount,
    /// Why, in the caller's words.
    pub reason: String,
    /// The credit note that it belongs to.
    pub credit_note: Option<String>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Where it is in its life.
    pub status: RefundStatus,
    /// The provider's id for it.
    pub provider_id: Option<String>,
    /// The payout file that it was taken from.
    pub payout_id: Option<PayoutId>,
}

/// A dispute of a payment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DisputeState {
    /// How much.
    pub amount: Amount,
    /// The provider's reason; `None` when only its end was heard of.
    pub reason: Option<String>,
    /// How it ended; `None` while it has not.
    pub won: Option<bool>,
    /// The payout file that what the provider took was taken from.
    #[serde(default)]
    pub payout_id: Option<PayoutId>,
    /// The payout file that it came back with.
    #[serde(default)]
    pub reversal_payout_id: Option<PayoutId>,
}

impl Refund {
    /// Whether it waits at the provider, who knows it.
    pub fn is_waiting(&self) -> bool {
        self.status == RefundStatus::Pending && self.provider_id.is_some()
    }
}

impl DisputeState {
    /// One of which nothing more is known.
    const fn of(amount: Amount) -> Self {
        Self { amount, reason: None, won: None, payout_id: None, reversal_payout_id: None }
    }
}

/// What has to be asked of the provider. Asked again it is the same: its idempotency key derives from the payment and
/// the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Make it.
    Create,
    /// Capture it.
    Capture {
        /// How much; the rest is released.
        amount: Amount,
    },
    /// Cancel it.
    Cancel,
    /// Refund it.
    Refund {
        /// The refund.
        refund_id: RefundId,
        /// How much.
        amount: Amount,
    },
}

impl Payment {
    /// Whether it was recorded by hand: no provider knows it.
    pub fn is_by_hand(&self) -> bool {
        self.created.as_ref().is_some_and(|(created, _)| created.connector_id.is_none())
    }

    /// What has to be asked of the provider next; `None` when it is the provider's turn, or all is done.
    pub fn asks(&self) -> Option<Ask> {
        if self.created.is_none() || self.is_by_hand() {
            return None;
        }
        match self.status {
            Status::Created => Some(Ask::Create),
            Status::Processing | Status::RequiresAction | Status::Failed => {
                self.cancel_requested.then_some(Ask::Cancel)
            }
            Status::Authorized if self.cancel_requested => Some(Ask::Cancel),
            Status::Authorized => self.capture_requested.map(|amount| Ask::Capture { amount }),
            Status::Succeeded => {
                let waits = |refund: &&Refund| refund.status == RefundStatus::Pending && refund.provider_id.is_none();
                let next = self.refunds.iter().find(waits);
                next.map(|refund| Ask::Refund { refund_id: refund.id, amount: refund.amount })
            }
            Status::Cancelled => None,
        }
    }

    /// Whether the provider has to be asked for something.
    pub fn is_asking(&self) -> bool {
        self.asks().is_some()
    }

    /// Whether it, or a refund of it, waits at the provider: a message will say more, or was lost.
    pub fn is_waiting(&self) -> bool {
        if self.is_by_hand() {
            return false;
        }
        match self.status {
            Status::Processing | Status::RequiresAction | Status::Authorized => true,
            Status::Succeeded => self.refunds.iter().any(Refund::is_waiting),
            Status::Created | Status::Failed | Status::Cancelled => false,
        }
    }

    /// What was refunded, or is being refunded.
    pub fn refunded(&self) -> Amount {
        let counted = self.refunds.iter().filter(|refund| refund.status != RefundStatus::Failed);
        counted.fold(Amount::ZERO, |sum, refund| sum.plus(refund.amount))
    }

    /// What became credits because it was more than was due.
    pub fn to_credits(&self) -> Amount {
        self.surplus.map_or(Amount::ZERO, |surplus| surplus.to_credits)
    }

    /// What can still be refunded: not what became credits.
    pub fn refundable(&self) -> Amount {
        self.captured.minus(self.refunded()).minus(self.to_credits())
    }

    /// What the provider has taken back for disputes that are open or lost. Nothing before the money is there.
    pub fn disputed(&self) -> Amount {
        if self.status != Status::Succeeded {
            return Amount::ZERO;
        }
        let counted = self.disputes.values().filter(|dispute| dispute.won != Some(true));
        counted.fold(Amount::ZERO, |sum, dispute| sum.plus(dispute.amount))
    }

    /// One of its refunds.
    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == id)
    }

    /// How it stands.
    pub fn standing(&self) -> After {
        After {
            status: self.status,
            captured: self.captured,
            refunded: self.refunded(),
            is_asking: self.is_asking(),
            is_waiting: self.is_waiting(),
        }
    }
}

impl Aggregate for Payment {
    const CATEGORY: &'static str = "payment";
    const STATE_VERSION: i16 = 1;
    type Command = PaymentCommand;
    type Event = PaymentEvent;
    type Error = PaymentError;

    fn handle_command(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        let mut events = decision::decide(self, command, now)?;
        // Each event says how the payment stands after it: as it does when it was taken in.
        let mut payment = self.clone();
        for event in &mut events {
            payment.apply_event(event, now);
            *event.after_mut() = payment.standing();
        }
        Ok(events)
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        use PaymentEvent as E;
        match event {
            E::Created(e) => self.created = Some((e.clone(), occurred_at)),
            E::Processing(e) => self.enter(Status::Processing, e.provider_id.as_ref()),
            E::ActionRequired(e) => {
                self.enter(Status::RequiresAction, e.provider_id.as_ref());
                self.action_url.clone_from(&e.action_url);
            }
            E::Authorized(e) => self.enter(Status::Authorized, e.provider_id.as_ref()),
            E::CaptureRequested(e) => {
                self.capture_requested = Some(e.amount);
                self.refusal = None;
            }
            E::CaptureRefused(e) => {
                self.capture_requested = None;
                self.refuse(Requested::Capture, e);
            }
            E::Succeeded(e) => {
                self.enter(Status::Succeeded, e.provider_id.as_ref());
                self.captured = e.amount;
                self.received_at = Some(e.received_at);
            }
            E::Failed(e) => {
                self.enter(Status::Failed, e.provider_id.as_ref());
                self.failure = Some(Failure { code: e.code.clone(), message: e.message.clone() });
            }
            E::CancelRequested(_) => {
                self.cancel_requested = true;
                self.refusal = None;
            }
            E::CancelRefused(e) => {
                self.cancel_requested = false;
                self.refuse(Requested::Cancel, e);
            }
            E::Cancelled(e) => self.enter(Status::Cancelled, e.provider_id.as_ref()),
            E::RefundRequested(e) => self.refunds.push(Refund {
                id: e.refund_id,
                amount: e.amount,
                reason: e.reason.clone(),
                credit_note: e.credit_note.clone(),
                requested_at: occurred_at,
                status: RefundStatus::Pending,
                provider_id: None,
                payout_id: None,
            }),
            E::RefundUpdated(e) => {
                if let Some(refund) = self.refund_mut(e.refund_id) {
                    refund.status = e.status;
                    refund.provider_id.clone_from(&e.provider_id);
                }
            }
            E::Surplus(e) => {
                self.surplus = Some(Surplus { to_credits: e.to_credits, went_back: e.went_back });
            }
            E::DisputeOpened(e) => {
                let dispute = self.disputes.entry(e.provider_id.clone()).or_insert_with(|| DisputeState::of(e.amount));
                dispute.reason = Some(e.reason.clone());
            }
            E::DisputeClosed(e) => {
                let dispute = self.disputes.entry(e.provider_id.clone()).or_insert_with(|| DisputeState::of(e.amount));
                dispute.won = Some(e.won);
            }
            E::PaidOut(e) => paying_out::apply(self, e),
        }
    }
}

impl Payment {
    /// Goes on to a status; what only an earlier one needed is gone.
    fn enter(&mut self, status: Status, provider_id: Option<&String>) {
        self.status = status;
        if self.provider_id.is_none() {
            self.provider_id = provider_id.cloned();
        }
        self.action_url = None;
        self.failure = None;
    }

    fn refuse(&mut self, asked: Requested, refused: &event::Refused) {
        self.refusal = Some(Refusal { asked, code: refused.code.clone(), message: refused.message.clone() });
        self.refusals += 1;
    }

    fn refund_mut(&mut self, id: RefundId) -> Option<&mut Refund> {
        self.refunds.iter_mut().find(|refund| refund.id == id)
    }
}
