//! The settlement: one batch of claims on a chain, for one payee and token, from plan to finality.
//!
//! `opened → planned → submitted → mined → finalized`; `abandoned` when there was nothing to claim,
//! `failed` for an attempt that came to nothing, `parked` when a person must look.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::aggregate::{Aggregate, EventPayload, event_enum, payload_methods};
use crate::evm::{Address, Bytes32, HexBytes};
use crate::ids::{CustomerId, OrganizationId, SessionKeyId, SettlementId};
use crate::money::{Amount, Currency};

/// How many claims one settlement may hold.
pub const CLAIMS_MAX: usize = 100;
/// How often a settlement is tried before a person must look.
pub const ATTEMPTS_MAX: u32 = 3;

/// Why a settlement was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Enough was unsettled.
    Threshold,
    /// Something was unsettled for long enough.
    Age,
    /// Somebody asked.
    Requested,
    /// An owner wants money back.
    Withdrawal,
    /// A session was frozen, revoked or is about to expire.
    Ending,
}

impl Cause {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Threshold => "threshold",
            Self::Age => "age",
            Self::Requested => "requested",
            Self::Withdrawal => "withdrawal",
            Self::Ending => "ending",
        }
    }
}

/// Where money goes and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The contract.
    pub contract: Address,
    /// The token.
    pub token: Address,
    /// What that token is here.
    pub currency: Currency,
    /// Who is paid.
    pub payee: Address,
}

/// One claim of a settlement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedClaim {
    /// Of this session key.
    pub session_key_id: SessionKeyId,
    /// Of this customer.
    pub customer_id: CustomerId,
    /// What the contract calls the session.
    pub session_id: Bytes32,
    /// What it adds.
    pub amount: Amount,
    /// Cumulative.
    pub total_claimed: Amount,
    /// How many charges it pays for.
    pub charges: u64,
    /// Position of the first and the last of them in the log.
    pub first_position: i64,
    /// See `first_position`.
    pub last_position: i64,
}

/// The end of the log when a settlement was planned: it goes on chain with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// Which partition.
    pub partition: i32,
    /// Its last position.
    pub position: i64,
    /// The last link of its hash chain.
    pub chain: Bytes32,
}

event_enum! {
    /// An event of a settlement.
    SettlementEvent in Settlement::CATEGORY;
    /// It is wanted.
    Opened(Opened) = "opened", 1;
    /// Its claims stand.
    Planned(Planned) = "planned", 1;
    /// There was nothing to claim.
    Abandoned(Abandoned) = "abandoned", 1;
    /// A signed transaction is in the settler's queue.
    Submitted(Submitted) = "submitted", 1;
    /// It is in a block.
    Mined(Mined) = "mined", 1;
    /// It is in a block for good.
    Finalized(Finalized) = "finalized", 1;
    /// An attempt came to nothing.
    Failed(Failed) = "failed", 1;
    /// No further attempts until a person asks for one.
    Parked(Parked) = "parked", 1;
    /// A person asked for another attempt.
    Retried(Retried) = "retried", 1;
}

impl EventPayload for SettlementEvent {
    payload_methods!();
}

/// Payload of `settlement.opened`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Its id.
    pub settlement_id: SettlementId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Where the money goes.
    #[serde(flatten)]
    pub lane: Lane,
    /// Why.
    pub cause: Cause,
}

/// Payload of `settlement.planned`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// At most [`CLAIMS_MAX`].
    pub claims: Vec<PlannedClaim>,
    /// What they add up to.
    pub total: Amount,
    /// The token.
    pub currency: Currency,
    /// Merkle root over the charges it pays for and the log's head.
    pub evidence_root: Bytes32,
    /// Leaves of that tree.
    pub evidence_leaves: u64,
    /// The last leaf.
    pub log_head: LogHead,
    /// The call that makes them, with every voucher in it.
    pub calldata: HexBytes,
}

/// Payload of `settlement.abandoned`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Abandoned {
    /// Why.
    pub reason: String,
}

/// Payload of `settlement.submitted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its nonce.
    pub nonce: u64,
}

/// Payload of `settlement.mined`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mined {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
}

/// Payload of `settlement.finalized`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finalized {
    /// The transaction.
    pub tx_hash: Bytes32,
    /// Its block.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: Bytes32,
    /// What was transferred to the payee.
    pub transferred: Amount,
    /// The token.
    pub currency: Currency,
    /// Claims that were paid.
    pub settled: u32,
    /// Claims that the contract skipped, with its reasons.
    pub skipped: Vec<SkippedClaim>,
    /// Gas it took.
    pub gas_used: u64,
    /// Price of one unit of gas, in wei.
    pub gas_price_wei: u64,
}

/// A claim that the contract skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SkippedClaim {
    /// Of this session.
    pub session_id: Bytes32,
    /// The contract's reason.
    pub reason: String,
}

/// Payload of `settlement.failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Which attempt.
    pub attempt: u32,
    /// Why.
    pub reason: String,
    /// Not before this the next one.
    pub retry_at: Timestamp,
}

/// Payload of `settlement.parked`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    /// After so many attempts.
    pub attempts: u32,
    /// What the last one came to.
    pub reason: String,
}

/// Payload of `settlement.retried`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retried {
    /// Attempts before.
    pub attempts: u32,
}

/// Where a settlement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// There is none.
    #[default]
    None,
    /// It is wanted.
    Opened,
    /// Its claims stand.
    Planned,
    /// Its transaction is signed.
    Submitted,
    /// Its transaction is in a block.
    Mined,
    /// For good.
    Finalized,
    /// There was nothing to claim.
    Abandoned,
    /// A person must look.
    Parked,
}

impl Status {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Opened => "opened",
            Self::Planned => "planned",
            Self::Submitted => "submitted",
            Self::Mined => "mined",
            Self::Finalized => "finalized",
            Self::Abandoned => "abandoned",
            Self::Parked => "parked",
        }
    }

    /// Whether nothing more will happen by itself.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Finalized | Self::Abandoned | Self::Parked)
    }
}

/// State of a settlement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settlement {
    /// What was opened, and when.
    pub opened: Option<(Opened, Timestamp)>,
    /// Its claims.
    pub planned: Option<Planned>,
    /// Where it is.
    pub status: Status,
    /// Attempts so far that failed.
    pub attempts: u32,
    /// Those of them since a person last asked for another.
    pub failures: u32,
    /// The transaction of the present attempt.
    pub submitted: Option<Submitted>,
    /// Where it was mined.
    pub mined: Option<Mined>,
    /// How it ended.
    pub finalized: Option<Finalized>,
    /// What the last failed attempt said.
    pub last_failure: Option<Failed>,
}

impl Settlement {
    /// The attempt that is due or under way, from 1.
    pub const fn attempt(&self) -> u32 {
        self.attempts + 1
    }
}

/// A command. Each names the organization that asks.
#[derive(Debug, Clone)]
pub struct SettlementCommand {
    /// Who asks.
    pub organization_id: OrganizationId,
    /// What for.
    pub action: Action,
}

/// What can be asked of a settlement.
#[derive(Debug, Clone)]
pub enum Action {
    /// Want it.
    Open(Opened),
    /// Let its claims stand.
    Plan(Box<Planned>),
    /// There is nothing to claim.
    Abandon(String),
    /// Its transaction is signed.
    Submit(Submitted),
    /// Its transaction is in a block.
    Mine(Mined),
    /// For good.
    Finalize(Box<Finalized>),
    /// The attempt came to nothing.
    Fail {
        /// Which.
        attempt: u32,
        /// Why.
        reason: String,
        /// When to try again.
        retry_at: Timestamp,
    },
    /// Try once more what is parked.
    Retry,
}

/// Why a settlement's command is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettlementError {
    /// There is none, or it is another organization's.
    #[error("there is no such settlement")]
    NotFound,
    /// It was opened before.
    #[error("the settlement exists already")]
    AlreadyOpen,
    /// Its status forbids it.
    #[error("the settlement is {}", .0.name())]
    WrongStatus(Status),
    /// More claims than a batch takes, or none.
    #[error("a settlement has 1 to {CLAIMS_MAX} claims")]
    ClaimsOutOfRange,
}

impl Aggregate for Settlement {
    const CATEGORY: &'static str = "settlement";
    const STATE_VERSION: i16 = 1;
    type Command = SettlementCommand;
    type Event = SettlementEvent;
    type Error = SettlementError;

    fn handle_command(&self, command: &Self::Command, _now: Timestamp) -> Result<Vec<Self::Event>, Self::Error> {
        if let Action::Open(opened) = &command.action {
            return match self.opened {
                Some(_) => Err(SettlementError::AlreadyOpen),
                None => Ok(vec![SettlementEvent::Opened(opened.clone())]),
            };
        }
        let own = self.opened.as_ref().is_some_and(|(opened, _)| opened.organization_id == command.organization_id);
        if !own {
            return Err(SettlementError::NotFound);
        }
        let wrong = || SettlementError::WrongStatus(self.status);
        match (&command.action, self.status) {
            (Action::Plan(planned), Status::Opened) if (1..=CLAIMS_MAX).contains(&planned.claims.len()) => {
                Ok(vec![SettlementEvent::Planned((**planned).clone())])
            }
            (Action::Plan(_), Status::Opened) => Err(SettlementError::ClaimsOutOfRange),
            (Action::Abandon(reason), Status::Opened) => {
                Ok(vec![SettlementEvent::Abandoned(Abandoned { reason: reason.clone() })])
            }
            (Action::Submit(submitted), Status::Planned) if submitted.attempt == self.attempt() => {
                Ok(vec![SettlementEvent::Submitted(submitted.clone())])
            }
            (Action::Mine(mined), Status::Submitted) => Ok(vec![SettlementEvent::Mined(mined.clone())]),
            (Action::Finalize(finalized), Status::Submitted | Status::Mined) => {
                Ok(vec![SettlementEvent::Finalized((**finalized).clone())])
            }
            (Action::Fail { attempt, reason, retry_at }, Status::Planned | Status::Submitted | Status::Mined)
                if *attempt == self.attempt() =>
            {
                let failed = Failed { attempt: *attempt, reason: reason.clone(), retry_at: *retry_at };
                let mut events = vec![SettlementEvent::Failed(failed)];
                if self.failures + 1 >= ATTEMPTS_MAX {
                    events.push(SettlementEvent::Parked(Parked { attempts: *attempt, reason: reason.clone() }));
                }
                Ok(events)
            }
            (Action::Retry, Status::Parked) => Ok(vec![SettlementEvent::Retried(Retried { attempts: self.attempts })]),
            _ => Err(wrong()),
        }
    }

    fn apply_event(&mut self, event: &Self::Event, occurred_at: Timestamp) {
        match event {
            SettlementEvent::Opened(e) => {
                self.opened = Some((e.clone(), occurred_at));
                self.status = Status::Opened;
            }
            SettlementEvent::Planned(e) => {
                self.planned = Some(e.clone());
                self.status = Status::Planned;
            }
            SettlementEvent::Abandoned(_) => self.status = Status::Abandoned,
            SettlementEvent::Submitted(e) => {
                self.submitted = Some(e.clone());
                self.status = Status::Submitted;
            }
            SettlementEvent::Mined(e) => {
                self.mined = Some(e.clone());
                self.status = Status::Mined;
            }
            SettlementEvent::Finalized(e) => {
                self.finalized = Some(e.clone());
                self.status = Status::Finalized;
            }
            SettlementEvent::Failed(e) => {
                self.attempts = e.attempt;
                self.failures += 1;
                self.submitted = None;
                self.mined = None;
                self.last_failure = Some(e.clone());
                self.status = Status::Planned;
            }
            SettlementEvent::Parked(_) => self.status = Status::Parked,
            SettlementEvent::Retried(_) => {
                self.failures = 0;
                self.status = Status::Planned;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn organization() -> OrganizationId {
        OrganizationId::new(Uuid::from_u128(1))
    }

    fn opened() -> Opened {
        let address = Address([7; 20]);
        let lane =
            Lane { chain_id: 31337, contract: address, token: address, currency: Currency::USDC, payee: address };
        Opened {
            settlement_id: SettlementId::new(Uuid::from_u128(2)),
            organization_id: organization(),
            lane,
            cause: Cause::Requested,
        }
    }

    fn planned(claims: usize) -> Planned {
        let claim = PlannedClaim {
            session_key_id: SessionKeyId::new(Uuid::from_u128(3)),
            customer_id: CustomerId::new(Uuid::from_u128(4)),
            session_id: Bytes32([5; 32]),
            amount: "1".parse().unwrap(),
            total_claimed: "1".parse().unwrap(),
            charges: 1,
            first_position: 1,
            last_position: 1,
        };
        Planned {
            claims: vec![claim; claims],
            total: "1".parse().unwrap(),
            currency: Currency::USDC,
            evidence_root: Bytes32([6; 32]),
            evidence_leaves: 2,
            log_head: LogHead { partition: 0, position: 9, chain: Bytes32([0; 32]) },
            calldata: HexBytes(vec![1, 2]),
        }
    }

    fn run(settlement: &mut Settlement, action: Action) -> Result<Vec<SettlementEvent>, SettlementError> {
        let now = NOW.parse().unwrap();
        let command = SettlementCommand { organization_id: organization(), action };
        let events = settlement.handle_command(&command, now)?;
        for event in &events {
            settlement.apply_event(event, now);
        }
        Ok(events)
    }

    fn submitted(attempt: u32) -> Action {
        Action::Submit(Submitted { attempt, tx_hash: Bytes32([8; 32]), nonce: 0 })
    }

    fn fail(attempt: u32) -> Action {
        Action::Fail { attempt, reason: "reverted".into(), retry_at: NOW.parse().unwrap() }
    }

    #[test]
    fn three_attempts_and_then_a_person() {
        let mut settlement = Settlement::default();
        run(&mut settlement, Action::Open(opened())).unwrap();
        assert_eq!(run(&mut settlement, Action::Open(opened())), Err(SettlementError::AlreadyOpen));
        run(&mut settlement, Action::Plan(Box::new(planned(1)))).unwrap();
        for attempt in 1..=3 {
            run(&mut settlement, submitted(attempt)).unwrap();
            let late = run(&mut settlement, fail(attempt + 1));
            assert_eq!(late, Err(SettlementError::WrongStatus(Status::Submitted)), "another attempt's failure");
            run(&mut settlement, fail(attempt)).unwrap();
        }
        assert_eq!(settlement.status, Status::Parked);
        run(&mut settlement, Action::Retry).unwrap();
        assert_eq!((settlement.status, settlement.attempt()), (Status::Planned, 4));
        run(&mut settlement, submitted(4)).unwrap();
        run(&mut settlement, fail(4)).unwrap();
        assert_eq!(settlement.status, Status::Planned, "three attempts anew");
    }

    #[test]
    fn a_plan_has_one_to_a_hundred_claims() {
        for (claims, fits) in [(0, false), (1, true), (100, true), (101, false)] {
            let mut settlement = Settlement::default();
            run(&mut settlement, Action::Open(opened())).unwrap();
            assert_eq!(run(&mut settlement, Action::Plan(Box::new(planned(claims)))).is_ok(), fits, "{claims}");
        }
    }

    #[test]
    fn another_organizations_settlement_is_not_there() {
        let mut settlement = Settlement::default();
        run(&mut settlement, Action::Open(opened())).unwrap();
        let command =
            SettlementCommand { organization_id: OrganizationId::new(Uuid::from_u128(9)), action: Action::Retry };
        let denied = settlement.handle_command(&command, NOW.parse().unwrap());
        assert_eq!(denied, Err(SettlementError::NotFound));
    }
}
