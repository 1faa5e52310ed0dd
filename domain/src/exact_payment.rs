//! An exact payment: one transfer that a payer authorized by signature (EIP-3009), for one request (x402's scheme
//! `exact`).
//!
//! It is accepted for one request and may be released again while nothing was submitted. From the submission on
//! the chain has the word: what it says is taken in, also when something else was believed before. What was paid
//! for is delivered at most once, and not before the transfer is in a block.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::evm::{Address, Bytes32, HexBytes};
use crate::ids::{self, ExactPaymentId, OrganizationId, RouteId, TransactionId};
use crate::money::{Amount, Currency};

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

event_enum! {
    /// An event of an exact payment.
    ExactPaymentEvent in ExactPayment::CATEGORY;
    /// It pays for a request that is under way.
    Accepted(Accepted) = "accepted", 1;
    /// That request came to nothing: it may pay for another one.
    Released(Released) = "released", 1;
    /// It is to be settled, whatever becomes of the request.
    Submitted(Submitted) = "submitted", 1;
    /// The transfer is in a block.
    Settled(Settled) = "settled", 1;
    /// It is in a block for good.
    Finalized(Finalized) = "finalized", 1;
    /// The transfer did not come about.
    Failed(Failed) = "failed", 1;
    /// The payer has what was paid for.
    Delivered(Delivered) = "delivered", 1;
}

impl EventPayload for ExactPaymentEvent {
    payload_methods!();
}

/// Payload of `exact_payment.accepted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its id; see [`id_of`].
    pub exact_payment_id: ExactPaymentId,
    /// Who is paid.
    pub organization_id: OrganizationId,
    /// For a request of this route; `None` when it came through the facilitator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_id: Option<RouteId>,
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The token.
    pub token: Address,
    /// Who pays, and signed.
    pub from: Address,
    /// Where it goes.
    pub to: Address,
    /// How much; a whole number of atomic units.
    pub amount: Amount,
    /// What the token is here.
    pub currency: Currency,
    /// Good after this second
    pub valid_after: u64,
    /// and before this one.
    pub valid_before: u64,
    /// Good for once.
    pub nonce: Bytes32,
    /// By `from`.
    pub signature: HexBytes,
    /// The newest block when it was checked: until then the nonce was not used.
    pub block_number: u64,
    /// SHA-256 of the request that it pays for.
    pub request_digest: Bytes32,
}

/// Payload of `exact_payment.released`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {}

/// Payload of `exact_payment.submitted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The transaction in the queue of whoever sends it.
    pub transaction_id: TransactionId,
}

/// Payload of `exact_payment.settled`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// The transaction: ours, or that of somebody who was faster.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
    /// What was transferred.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

/// Payload of `exact_payment.finalized`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finalized {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
    /// What was transferred.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

/// Payload of `exact_payment.failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Why.
    pub reason: String,
    /// What had been taken for settled until then: zero, or all of it after a reorganization of the chain.
    pub reversed: Amount,
    /// Of what.
    pub currency: Currency,
}

/// Payload of `exact_payment.delivered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {}

/// Where on the chain a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
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

impl ExactPaymentEvent {
    /// The status that it leads to; `None` for what changes none.
    pub const fn status(&self) -> Option<Status> {
        match self {
            Self::Accepted(_) => Some(Status::Accepted),
            Self::Released(_) => Some(Status::Released),
            Self::Submitted(_) => Some(Status::Settling),
            Self::Settled(_) => Some(Status::Settled),
            Self::Finalized(_) => Some(Status::Final),
            Self::Failed(_) => Some(Status::Failed),
            Self::Delivered(_) => None,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postings::{JournalAccount, postings};
    use proptest::prelude::*;
    use uuid::Uuid;

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn organization(n: u128) -> OrganizationId {
        OrganizationId::new(Uuid::from_u128(n))
    }

    fn accepted() -> Accepted {
        let (token, from, nonce) = (Address([3; 20]), Address([1; 20]), Bytes32([4; 32]));
        Accepted {
            exact_payment_id: id_of(31_337, token, from, nonce),
            organization_id: organization(1),
            route_id: None,
            chain_id: 31_337,
            token,
            from,
            to: Address([2; 20]),
            amount: "0.01".parse().unwrap(),
            currency: Currency::USDC,
            valid_after: 0,
            valid_before: u64::MAX,
            nonce,
            signature: HexBytes(vec![5; 65]),
            block_number: 7,
            request_digest: Bytes32([6; 32]),
        }
    }

    fn place(n: u8) -> Place {
        Place { tx_hash: Bytes32([n; 32]), block_number: u64::from(n), block_hash: Bytes32([n; 32]) }
    }

    fn accept() -> Action {
        Action::Accept(Box::new(accepted()))
    }

    fn submit() -> Action {
        Action::Submit(transaction_of(accepted().exact_payment_id))
    }

    fn run_at(payment: &mut ExactPayment, action: Action, now: Timestamp) -> Result<usize, ExactPaymentError> {
        let command = ExactPaymentCommand { organization_id: organization(1), action };
        let events = payment.handle_command(&command, now)?;
        for event in &events {
            payment.apply_event(event, now);
        }
        Ok(events.len())
    }

    fn run(payment: &mut ExactPayment, action: Action) -> Result<usize, ExactPaymentError> {
        run_at(payment, action, NOW.parse().unwrap())
    }

    fn after(actions: &[Action]) -> ExactPayment {
        let mut payment = ExactPayment::default();
        for action in actions {
            run(&mut payment, action.clone()).unwrap();
        }
        payment
    }

    fn wrong<T>(status: Status) -> Result<T, ExactPaymentError> {
        Err(ExactPaymentError::WrongStatus(status))
    }

    #[test]
    fn from_accepted_to_delivered_and_final() {
        let mut payment = after(&[accept(), submit(), Action::Settle(place(9)), Action::Deliver]);
        assert_eq!((payment.status, payment.settled), (Status::Settled, Some(place(9))));
        assert_eq!(run(&mut payment, Action::Finalize(place(10))), Ok(1), "in another block than at first");
        assert_eq!((payment.status, payment.settled), (Status::Final, Some(place(10))));
        assert!(payment.delivered_at.is_some());
        for again in [submit(), Action::Settle(place(9)), Action::Finalize(place(9)), Action::Deliver] {
            assert_eq!(run(&mut payment, again), Ok(0));
        }
        assert_eq!(run(&mut payment, Action::Fail("late".into())), wrong(Status::Final));
    }

    #[test]
    fn it_is_given_free_only_before_it_is_submitted() {
        let mut payment = after(&[accept()]);
        assert_eq!(run(&mut payment, accept()), wrong(Status::Accepted), "one request at a time");
        assert_eq!(run(&mut payment, Action::Release), Ok(1));
        assert_eq!(run(&mut payment, submit()), wrong(Status::Released));
        assert_eq!(run(&mut payment, accept()), Ok(1), "another request");
        assert_eq!(run(&mut payment, submit()), Ok(1));
        assert_eq!(run(&mut payment, Action::Release), wrong(Status::Settling));
        assert_eq!(run(&mut payment, accept()), wrong(Status::Settling));
    }

    #[test]
    fn nothing_is_delivered_that_is_not_in_a_block() {
        for (actions, status) in [
            (vec![accept()], Status::Accepted),
            (vec![accept(), Action::Release], Status::Released),
            (vec![accept(), submit()], Status::Settling),
            (vec![accept(), submit(), Action::Fail("reverted".into())], Status::Failed),
        ] {
            assert_eq!(run(&mut after(&actions), Action::Deliver), wrong(status));
        }
        assert_eq!(run(&mut ExactPayment::default(), Action::Deliver), Err(ExactPaymentError::NotFound));
    }

    #[test]
    fn what_the_chain_says_is_taken_in() {
        let mut payment = after(&[accept(), submit(), Action::Settle(place(9))]);
        assert_eq!(run(&mut payment, Action::Fail("reorganized".into())), Ok(1));
        assert_eq!((payment.status, payment.settled, payment.failure.is_some()), (Status::Failed, None, true));
        assert_eq!(run(&mut payment, Action::Finalize(place(11))), Ok(2), "and yet it is there");
        assert_eq!((payment.status, payment.failure), (Status::Final, None));
        let mut payment = after(&[accept(), submit()]);
        assert_eq!(run(&mut payment, Action::Finalize(place(9))), Ok(2), "nobody looked meanwhile");
    }

    #[test]
    fn whoever_has_died_keeps_it_no_longer() {
        let mut payment = after(&[accept()]);
        let begun: Timestamp = NOW.parse().unwrap();
        let almost = begun + TimeDelta::seconds(HELD_SECS_MAX - 1);
        assert_eq!(run_at(&mut payment, accept(), almost), wrong(Status::Accepted));
        assert_eq!(run_at(&mut payment, accept(), begun + TimeDelta::seconds(HELD_SECS_MAX)), Ok(1));
        assert_eq!(run_at(&mut payment, accept(), begun + TimeDelta::seconds(HELD_SECS_MAX)), wrong(Status::Accepted));
    }

    #[test]
    fn another_organizations_payment_is_not_there() {
        let mut payment = after(&[accept(), Action::Release]);
        let command = |action| ExactPaymentCommand { organization_id: organization(2), action };
        let stranger = Accepted { organization_id: organization(2), ..accepted() };
        for action in [Action::Accept(Box::new(stranger)), Action::Release, submit(), Action::Deliver] {
            let denied = payment.handle_command(&command(action), NOW.parse().unwrap());
            assert_eq!(denied, Err(ExactPaymentError::NotFound));
        }
        assert_eq!(run(&mut payment, accept()), Ok(1));
    }

    #[test]
    fn it_has_limits() {
        let refused = |change: &dyn Fn(&mut Accepted)| {
            let mut accepted = accepted();
            change(&mut accepted);
            run(&mut ExactPayment::default(), Action::Accept(Box::new(accepted))).err()
        };
        assert_eq!(refused(&|_| {}), None);
        assert_eq!(refused(&|a| a.amount = Amount::ZERO), Some(ExactPaymentError::ZeroAmount));
        let long = SIGNATURE_BYTES_MAX + 1;
        assert_eq!(refused(&|a| a.signature = HexBytes(vec![0; long])), Some(ExactPaymentError::SignatureTooLong));
    }

    #[test]
    fn each_nonce_of_each_address_is_a_payment_of_its_own() {
        let base = (31_337, Address([3; 20]), Address([1; 20]), Bytes32([4; 32]));
        let id = |(chain, token, from, nonce)| id_of(chain, token, from, nonce);
        for other in [
            (1, base.1, base.2, base.3),
            (base.0, Address([9; 20]), base.2, base.3),
            (base.0, base.1, Address([9; 20]), base.3),
            (base.0, base.1, base.2, Bytes32([9; 32])),
        ] {
            assert_ne!(id(other), id(base));
        }
    }

    fn any_action() -> impl Strategy<Value = Action> {
        prop_oneof![
            Just(accept()),
            Just(Action::Release),
            Just(submit()),
            (1u8..4).prop_map(|n| Action::Settle(place(n))),
            (1u8..4).prop_map(|n| Action::Finalize(place(n))),
            Just(Action::Fail("whatever".into())),
            Just(Action::Deliver),
        ]
    }

    /// What an account has more after these postings, in payments.
    fn moved(event: &ExactPaymentEvent, account: JournalAccount) -> i32 {
        let postings = postings(&event.clone().into());
        let moved = postings.iter().map(|posting| {
            assert_eq!((posting.amount, posting.currency), (accepted().amount, Currency::USDC));
            i32::from(posting.credit == account) - i32::from(posting.debit == account)
        });
        moved.sum()
    }

    proptest! {
        /// Whatever is asked and said, in whatever order: submitted once, settled once, delivered once, released
        /// only before the submission, delivered only when settled, and the books agree.
        #[test]
        fn paid_once_and_delivered_once(actions in proptest::collection::vec(any_action(), 0..60), hours in 0i64..3) {
            let mut payment = ExactPayment::default();
            let (mut submitted, mut delivered) = (0, 0);
            let (mut earned, mut arrived, mut clearing) = (0, 0, 0);
            let mut now: Timestamp = NOW.parse().unwrap();
            for action in actions {
                now += TimeDelta::hours(hours);
                let command = ExactPaymentCommand { organization_id: organization(1), action };
                let Ok(events) = payment.handle_command(&command, now) else { continue };
                for event in events {
                    match &event {
                        ExactPaymentEvent::Accepted(_) | ExactPaymentEvent::Released(_) => {
                            prop_assert_eq!(submitted, 0);
                        }
                        ExactPaymentEvent::Submitted(_) => submitted += 1,
                        ExactPaymentEvent::Delivered(_) => {
                            prop_assert_eq!(earned, 1);
                            delivered += 1;
                        }
                        ExactPaymentEvent::Settled(_) | ExactPaymentEvent::Finalized(_) | ExactPaymentEvent::Failed(_) => {
                            prop_assert_eq!(submitted, 1);
                        }
                    }
                    earned += moved(&event, JournalAccount::Revenue);
                    arrived -= moved(&event, JournalAccount::MerchantSettled);
                    clearing += moved(&event, JournalAccount::ChainClearing);
                    payment.apply_event(&event, now);
                    prop_assert!(submitted <= 1 && delivered <= 1);
                    prop_assert!((0..=1).contains(&earned) && (0..=earned).contains(&arrived));
                    prop_assert_eq!(clearing, arrived - earned);
                    prop_assert_eq!(payment.status.is_paid(), earned == 1);
                    prop_assert_eq!(payment.status == Status::Final, arrived == 1);
                }
            }
        }
    }
}
