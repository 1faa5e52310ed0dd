//! The ledger's side of a request: place, capture, extend and void a hold of whoever pays.
//!
//! The ids of all four follow from the hold's, so a request that is sent again finds what the first one did. A
//! denial is an answer of the ledger; everything else is [`Trouble::Failed`], and may have happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::account::command::Action as AccountAction;
use domain::account::{Account, AccountCommand, AccountError, AccountEvent};
use domain::charge::Usage;
use domain::hold::{HoldAction, HoldError};
use domain::ids::{self, ChargeId, HoldId, OrganizationId};
use domain::money::{Amount, Currency, MoneyError};
use domain::session_key::command::{Action as SessionAction, Voucher};
use domain::session_key::{Grant, SessionKey, SessionKeyCommand, SessionKeyError, SessionKeyEvent};
use domain::{Aggregate, RecordedEvent};
use eventstore::{CommandMeta, ExecuteError, Executed, Recorded, StoreError, clock};
use uuid::Uuid;

use crate::App;
use crate::command::customers::account_stream;
use crate::command::holds::Payer;
use crate::command::session_keys;
use crate::problem::Problem;

/// Who pays for a request, and by what right.
#[derive(Debug, Clone)]
pub(super) struct Purse {
    /// Whose customer it is.
    pub(super) organization_id: OrganizationId,
    /// Where that lives.
    pub(super) partition: i32,
    /// An account, or a session key.
    pub(super) payer: Payer,
    /// What it pays in.
    pub(super) currency: Currency,
    /// As events name whoever asks.
    pub(super) actor: String,
    /// What came with the request, when its client keeps the key of the session.
    pub(super) voucher: Option<Voucher>,
    /// The session key's terms, where one pays with vouchers.
    pub(super) session: Option<Arc<Grant>>,
}

impl Purse {
    /// The bits of the payer's id.
    pub(super) const fn uuid(&self) -> Uuid {
        match self.payer {
            Payer::Account(id) => id.uuid(),
            Payer::SessionKey(id) => id.uuid(),
        }
    }

    /// The payer's id, as the upstream is told.
    pub(super) fn name(&self) -> String {
        match self.payer {
            Payer::Account(id) => id.to_string(),
            Payer::SessionKey(id) => id.to_string(),
        }
    }

    /// The id of the hold for a request with this idempotency key.
    pub(super) fn hold_id(&self, key: Option<&str>) -> HoldId {
        HoldId::new(key.map_or_else(Uuid::now_v7, |key| {
            let (organization, payer) = (self.organization_id.uuid(), self.uuid());
            ids::derive(&[b"gateway hold", organization.as_bytes(), payer.as_bytes(), key.as_bytes()])
        }))
    }
}

/// What is done with a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is placed; the command has the hold's own id.
    Place,
    /// It is captured, finally.
    Capture,
    /// It is extended, once.
    Extend,
    /// It is given up.
    Void,
}

impl Step {
    /// The id of the command that does it.
    pub(super) fn command_id(self, hold_id: HoldId) -> Uuid {
        let hold_id = hold_id.uuid();
        match self {
            Self::Place => hold_id,
            Self::Capture => ids::derive(&[b"gateway capture", hold_id.as_bytes()]),
            Self::Extend => ids::derive(&[b"gateway extend", hold_id.as_bytes()]),
            Self::Void => ids::derive(&[b"gateway void", hold_id.as_bytes()]),
        }
    }
}

/// The ledger said no.
#[derive(Debug, Clone)]
pub(super) enum Denied {
    /// To an account.
    Account(AccountError),
    /// To a session key.
    SessionKey(SessionKeyError),
}

impl Denied {
    /// What is wrong with the hold itself, if that is it.
    pub(super) const fn of_hold(&self) -> Option<&HoldError> {
        match self {
            Self::Account(AccountError::Hold(error)) | Self::SessionKey(SessionKeyError::Hold(error)) => Some(error),
            _ => None,
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Account(error) => error.into(),
            Denied::SessionKey(error) => error.into(),
        }
    }
}

/// Why something was not done to a hold.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// The ledger said no.
    Denied(Box<Denied>),
    /// There is no answer.
    Failed {
        /// As it is told.
        problem: Box<Problem>,
        /// Whether it may have happened all the same.
        is_open: bool,
    },
}

impl Trouble {
    /// As it is told where nothing better is known.
    pub(super) fn into_problem(self) -> Problem {
        match self {
            Self::Denied(denied) => (*denied).into(),
            Self::Failed { problem, .. } => *problem,
        }
    }
}

impl From<Denied> for Trouble {
    fn from(denied: Denied) -> Self {
        Self::Denied(Box::new(denied))
    }
}

impl From<ExecuteError> for Trouble {
    fn from(error: ExecuteError) -> Self {
        let is_open = matches!(error, ExecuteError::Store(StoreError::Unavailable(_)));
        Self::Failed { problem: Box::new(error.into()), is_open }
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Failed { problem: Box::new(problem), is_open: false }
    }
}

/// What an event says of a hold, whoever pays.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The charge that it is, and what it comes to.
    pub(super) charge: Option<(ChargeId, Amount)>,
    /// What the payer may still spend.
    pub(super) remaining: Amount,
    /// All that was ever charged to the session.
    pub(super) charged: Option<Amount>,
    /// What holds of the session reserve.
    pub(super) held: Option<Amount>,
    /// Whether it had happened before.
    pub(super) is_replayed: bool,
}

impl Entry {
    fn of_account(event: &Recorded<AccountEvent>, is_replayed: bool) -> Result<Self, Problem> {
        let after = event.event.after().ok_or_else(Problem::internal)?;
        let charge = event.event.charge().map(|charged| (ChargeId::new(event.event_id), charged.amount));
        Ok(Self { charge, remaining: after.available(), charged: None, held: None, is_replayed })
    }

    fn of_session_key(event: &Recorded<SessionKeyEvent>, is_replayed: bool) -> Result<Self, Problem> {
        let after = event.event.after().ok_or_else(Problem::internal)?;
        let charge = event.event.charge().map(|charged| (ChargeId::new(event.event_id), charged.amount));
        let (charged, held) = (Some(after.charged), Some(after.held));
        Ok(Self { charge, remaining: after.available, charged, held, is_replayed })
    }

    /// From the log, when it is an event of this payer's kind.
    pub(super) fn read(purse: &Purse, stored: &RecordedEvent) -> Result<Self, Problem> {
        match purse.payer {
            Payer::Account(_) => Self::of_account(&Recorded::read(stored)?, true),
            Payer::SessionKey(_) => Self::of_session_key(&Recorded::read(stored)?, true),
        }
    }
}

/// One command about the hold of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    /// What.
    pub(super) step: Step,
    /// To this hold.
    pub(super) hold_id: HoldId,
    /// For the request with this digest.
    pub(super) digest: [u8; 32],
}

/// Gives a command about a hold to the ledger.
pub(super) async fn execute(app: &App, purse: &Purse, order: Order, action: HoldAction) -> Result<Entry, Trouble> {
    let organization_id = purse.organization_id;
    let meta = CommandMeta {
        command_id: order.step.command_id(order.hold_id),
        organization_id,
        partition: purse.partition,
        actor: purse.actor.clone(),
        request_digest: order.digest,
        causation_id: order.hold_id.uuid(),
        correlation_id: order.hold_id.uuid(),
        now: match purse.payer {
            Payer::Account(id) => app.clocks.now(id),
            Payer::SessionKey(_) => clock::now(),
        },
    };
    match purse.payer {
        Payer::Account(id) => {
            let command = AccountCommand { organization_id, action: AccountAction::Hold(action) };
            let executed = app.ledger.execute::<Account>(account_stream(id), meta, command).await?;
            let (event, is_replayed) = done(executed.map_err(Denied::Account)?)?;
            Ok(Entry::of_account(&event, is_replayed)?)
        }
        Payer::SessionKey(id) => {
            // A voucher has to reach when money is reserved; what was reserved needs none.
            let voucher = purse.voucher.filter(|_| matches!(order.step, Step::Place | Step::Extend));
            let action = SessionAction::Hold { action, voucher };
            let command = SessionKeyCommand { organization_id, action };
            let executed = app.ledger.execute::<SessionKey>(session_keys::stream(id), meta, command).await?;
            let (event, is_replayed) = done(executed.map_err(Denied::SessionKey)?)?;
            Ok(Entry::of_session_key(&event, is_replayed)?)
        }
    }
}

fn done<A: Aggregate>(executed: Executed<A>) -> Result<(Recorded<A::Event>, bool), Problem> {
    match executed {
        Executed::Done { event, replayed } => Ok((event, replayed)),
        Executed::Unchanged { .. } => Err(Problem::internal()),
    }
}

/// The sum of what is to be charged for, when no allowance covers any of it.
pub(super) fn total(usage: &[Usage]) -> Result<Amount, MoneyError> {
    usage.iter().try_fold(Amount::ZERO, |sum, one| {
        sum.checked_add(match one {
            Usage::Flat { amount } => *amount,
            Usage::Metered { meter, quantity } => quantity.priced(meter.unit_price)?,
        })
    })
}

/// What of `actual` was not thought of in `expected`: meter by meter.
pub(super) fn beyond(actual: &[Usage], expected: &[Usage]) -> Vec<Usage> {
    let mut left = BTreeMap::new();
    let mut flat = Amount::ZERO;
    for one in expected {
        match one {
            Usage::Flat { amount } => flat = flat.plus(*amount),
            Usage::Metered { meter, quantity } => drop(left.insert(&meter.code, *quantity)),
        }
    }
    let more = actual.iter().filter_map(|one| match one {
        Usage::Flat { amount } => {
            let amount = amount.minus(flat);
            (!amount.is_zero()).then_some(Usage::Flat { amount })
        }
        Usage::Metered { meter, quantity } => {
            let quantity = quantity.minus(left.get(&meter.code).copied().unwrap_or_default());
            (!quantity.is_zero()).then(|| Usage::Metered { meter: meter.clone(), quantity })
        }
    });
    more.collect()
}

/// An amount in the token's atomic units, rounded up; `None` when it has none.
pub(super) fn atomic_up(amount: Amount, currency: Currency) -> Option<u128> {
    let decimals = currency.minor_unit();
    Some(amount.rounded_up(decimals).ok()?.atomic(decimals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::CustomerId;
    use domain::meter::Meter;

    fn usage(code: &str, quantity: &str, price: &str) -> Usage {
        let meter = Meter {
            code: code.parse().unwrap(),
            unit: "token".to_owned(),
            unit_price: price.parse().unwrap(),
            currency: Currency::USDC,
            version: 1,
        };
        Usage::Metered { meter, quantity: quantity.parse().unwrap() }
    }

    #[test]
    fn what_was_not_thought_of_is_named() {
        let expected = [usage("m.input", "100", "0.01"), usage("m.output", "10", "0.02")];
        let actual =
            [usage("m.input", "90", "0.01"), usage("m.output", "25", "0.02"), usage("m.cached_input", "5", "1")];
        let more = beyond(&actual, &expected);
        assert_eq!(total(&more).unwrap().to_string(), "5.3", "15 × 0.02 and 5 × 1");
        assert!(beyond(&expected, &expected).is_empty());
    }

    #[test]
    fn steps_have_ids_of_their_own() {
        let purse = Purse {
            organization_id: OrganizationId::new(Uuid::from_u128(1)),
            partition: 0,
            payer: Payer::Account(CustomerId::new(Uuid::from_u128(2))),
            currency: Currency::USD,
            actor: String::new(),
            voucher: None,
            session: None,
        };
        let hold = purse.hold_id(Some("k"));
        assert_eq!((hold, Step::Place.command_id(hold)), (purse.hold_id(Some("k")), hold.uuid()));
        assert_ne!(hold, purse.hold_id(Some("l")));
        let ids = [Step::Place, Step::Capture, Step::Extend, Step::Void].map(|step| step.command_id(hold));
        assert_eq!(ids.into_iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn atomic_units_are_rounded_up() {
        assert_eq!(atomic_up("0.0000001".parse().unwrap(), Currency::USDC), Some(1));
        assert_eq!(atomic_up("1.5".parse().unwrap(), Currency::USDC), Some(1_500_000));
        assert_eq!(atomic_up(Amount::ZERO, Currency::USDC), Some(0));
    }
}
