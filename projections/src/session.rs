//! What more than one read model keeps of a session key: where it is in its life, and its money.
//! Folded from the events alone, apart from the aggregate: `reconcile` compares the two.

use domain::Timestamp;
use domain::evm::ChainRef;
use domain::session_key::{FrozenBy, RelayAction, SessionKeyEvent, Sight, Status};
use rust_decimal::Decimal;

const RELAYED: &str = "relayed";
const ON_CHAIN: &str = "on_chain";

/// Where a session key is in its life, and what must be known to follow it further.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// As in [`Status::name`].
    pub status: String,
    /// Whether the chain knows it.
    pub registered: bool,
    /// The owner's freeze: on its way, or on the chain. One that fails on its way is none.
    pub owner_freeze: Option<String>,
    /// Whether the organization froze it, or the guardian who acts for it. Where one of the two is left when the other
    /// ends, that one is said again right after it.
    pub organization_frozen: bool,
}

impl Life {
    /// As it was drawn up.
    pub fn new() -> Self {
        let status = Status::Pending.name().to_owned();
        Self { status, registered: false, owner_freeze: None, organization_frozen: false }
    }

    /// Whether nothing is left to do.
    pub fn is_closed(&self) -> bool {
        self.status == Status::Closed.name()
    }

    /// Whether it can never be charged again.
    pub fn is_over(&self) -> bool {
        [Status::Revoked, Status::Expired, Status::Closed].iter().any(|status| status.name() == self.status)
    }

    /// Takes in an event. Whether it was one of those that matter here.
    pub fn take_in(&mut self, event: &SessionKeyEvent) -> bool {
        let mut end = None;
        match event {
            SessionKeyEvent::Registered(_) => self.registered = true,
            SessionKeyEvent::Frozen(e) => match e.by {
                FrozenBy::Owner => {
                    self.owner_freeze = Some(if e.at.is_some() { ON_CHAIN } else { RELAYED }.to_owned());
                }
                FrozenBy::Organization | FrozenBy::Guardian => self.organization_frozen = true,
            },
            SessionKeyEvent::Unfrozen(e) => match e.by {
                FrozenBy::Owner => self.owner_freeze = None,
                FrozenBy::Organization | FrozenBy::Guardian => self.organization_frozen = false,
            },
            SessionKeyEvent::RelayFailed(e) if e.action == RelayAction::Freeze => {
                self.owner_freeze.take_if(|freeze| freeze == RELAYED);
            }
            SessionKeyEvent::Revoked(_) => end = Some(Status::Revoked),
            SessionKeyEvent::Expired(_) => end = Some(Status::Expired),
            SessionKeyEvent::Closed(_) => end = Some(Status::Closed),
            // What remains of the kind comes right after it, as an event of its own.
            SessionKeyEvent::SightUndone(e) => match e.what {
                Sight::Freeze => self.owner_freeze = None,
                Sight::Revocation if !self.is_closed() => Status::Pending.name().clone_into(&mut self.status),
                Sight::Revocation | Sight::Deposit | Sight::Withdrawal | Sight::Rotation => return false,
            },
            _ => return false,
        }
        self.settle_status(end);
        true
    }

    /// Closed stays closed, revoked outranks expired, and both outrank a freeze.
    fn settle_status(&mut self, end: Option<Status>) {
        let status = match end {
            Some(Status::Closed) => Status::Closed,
            _ if self.is_closed() => return,
            Some(Status::Revoked) => Status::Revoked,
            _ if self.is_over() => return,
            Some(end) => end,
            None if self.owner_freeze.is_some() || self.organization_frozen => Status::Frozen,
            None if self.registered => Status::Active,
            None => Status::Pending,
        };
        status.name().clone_into(&mut self.status);
    }
}

/// The money of a session key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Money {
    /// Deposited for good.
    pub deposited: Decimal,
    /// Given back.
    pub withdrawn: Decimal,
    /// Charged, exact.
    pub charged: Decimal,
    /// Claimed on chain.
    pub claimed: Decimal,
    /// Reserved by holds.
    pub held: Decimal,
    /// What the owner wants back; zero for nothing.
    pub withdrawal: Decimal,
    /// From then on; `None` when nothing is wanted.
    pub withdrawal_available_at: Option<Timestamp>,
    /// Where the chain said so: block and place in it. What is older there does not end it.
    pub withdrawal_seen_at: (i64, i64),
}

impl Money {
    /// Takes in an event.
    pub fn take_in(&mut self, event: &SessionKeyEvent) {
        match event {
            SessionKeyEvent::Deposited(e) => self.deposited += e.amount.decimal(),
            SessionKeyEvent::Charged(e) => self.charged += e.amount.decimal(),
            SessionKeyEvent::Held(e) => self.held += e.amount.decimal(),
            SessionKeyEvent::HoldExtended(e) => self.held += e.amount.decimal(),
            SessionKeyEvent::Captured(e) => {
                self.charged += e.charge.amount.decimal();
                self.held -= e.charge.amount.decimal() + e.returned.decimal();
            }
            SessionKeyEvent::Voided(e) | SessionKeyEvent::HoldExpired(e) => self.held -= e.returned.decimal(),
            SessionKeyEvent::Claimed(e) => self.claimed = self.claimed.max(e.total_claimed.decimal()),
            SessionKeyEvent::WithdrawalRequested(e) => {
                self.withdrawal = e.amount.decimal();
                self.withdrawal_available_at = Some(e.available_at);
                self.withdrawal_seen_at = (whole(e.at.block_number), whole(e.at.log_index));
            }
            SessionKeyEvent::WithdrawalCancelled(e) => self.end_withdrawal(e.at),
            SessionKeyEvent::Withdrawn(e) => {
                self.withdrawn += e.amount.decimal();
                self.end_withdrawal(e.at);
            }
            // What is wanted back still comes right after it.
            SessionKeyEvent::SightUndone(e) if e.what == Sight::Withdrawal => self.forget_withdrawal(),
            SessionKeyEvent::Restated(e) => self.deposited = e.deposited.decimal(),
            _ => {}
        }
    }

    fn end_withdrawal(&mut self, at: ChainRef) {
        if self.withdrawal_seen_at < (whole(at.block_number), whole(at.log_index)) {
            self.forget_withdrawal();
        }
    }

    fn forget_withdrawal(&mut self) {
        self.withdrawal = Decimal::ZERO;
        self.withdrawal_available_at = None;
        self.withdrawal_seen_at = (0, 0);
    }

    /// Charged and not claimed, exact.
    pub fn unsettled(&self) -> Decimal {
        (self.charged - self.claimed).max(Decimal::ZERO)
    }

    /// What lies in the contract or was claimed from it, as far as it is final.
    fn escrow(&self) -> Decimal {
        (self.deposited - self.withdrawn).max(Decimal::ZERO)
    }

    /// What a claim would bring: whole atomic units, as far as the escrow reaches.
    pub fn claimable(&self, decimals: u32) -> Decimal {
        (self.charged.trunc_with_scale(decimals).min(self.escrow()) - self.claimed).max(Decimal::ZERO)
    }

    /// Whether the contract holds nothing of it any more.
    pub fn is_paid_out(&self) -> bool {
        self.escrow() == self.claimed
    }
}

/// A number of the chain as Postgres keeps it.
pub(crate) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
