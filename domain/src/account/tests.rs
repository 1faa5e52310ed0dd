//! Given events, when a command, then events: the rules of an account by example, by subject, and over any
//! series of them in [`series`] and [`race`].

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::command::Action;
use super::event::*;
use super::*;
use crate::aggregate::EventPayload;
use crate::charge::{Line, Usage};
use crate::event::LedgerEvent;
use crate::hold::{HoldAction, HoldError};
use crate::meter::Meter;
use crate::money::Quantity;
use crate::period::Period;
use crate::postings::{JournalAccount, postings};

mod charging;
mod holds;
mod late;
mod order;
mod plan_holds;
mod plans;
mod quota_holds;
mod race;
mod series;
mod turns;
mod unbilled;
mod uses;

const T0: &str = "2026-03-10T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
fn org() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(1))
}
fn customer() -> CustomerId {
    CustomerId::new(Uuid::from_u128(2))
}
fn grant_id(n: u128) -> CreditGrantId {
    CreditGrantId::new(Uuid::from_u128(n))
}
fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}
fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}
fn meter(code: &str, price: &str) -> Meter {
    Meter {
        code: code.parse().unwrap(),
        unit: "unit".into(),
        unit_price: amount(price),
        currency: Currency::USD,
        version: 1,
    }
}
fn charge(usage: Vec<Usage>) -> Action {
    Action::Charge { usage, currency: None, used_at: None, description: None, metadata: BTreeMap::new() }
}
fn flat(text: &str) -> Action {
    charge(vec![Usage::Flat { amount: amount(text) }])
}
fn metered(code: &str, price: &str, used: &str) -> Usage {
    Usage::Metered { meter: meter(code, price), quantity: quantity(used) }
}
fn grant(n: u128, text: &str, priority: u8, expires_at: Option<&str>) -> Action {
    Action::GrantCredit {
        grant_id: grant_id(n),
        amount: amount(text),
        currency: None,
        priority,
        expires_at: expires_at.map(at),
    }
}
fn quota(code: &str, limit: &str, period: Period, included: bool, overage: Overage) -> Action {
    Action::SetQuota {
        meter: code.parse().unwrap(),
        terms: QuotaTerms { limit: quantity(limit), period, included, overage },
    }
}
fn set_limit(text: &str) -> Action {
    Action::SetPostpaidLimit { postpaid_limit: amount(text), currency: None }
}

fn hold_id(n: u128) -> HoldId {
    HoldId::new(Uuid::from_u128(n))
}
fn of(text: &str) -> Vec<Usage> {
    vec![Usage::Flat { amount: amount(text) }]
}
/// For ten minutes.
fn place(n: u128, usage: Vec<Usage>) -> Action {
    place_for(n, usage, 600)
}
fn place_for(n: u128, usage: Vec<Usage>, ttl_secs: u32) -> Action {
    let (hold_id, metadata) = (hold_id(n), BTreeMap::new());
    Action::Hold(HoldAction::Place { hold_id, usage, currency: None, ttl_secs, description: None, metadata })
}
fn extend(n: u128, usage: Vec<Usage>, ttl_secs: Option<u32>) -> Action {
    Action::Hold(HoldAction::Extend { hold_id: hold_id(n), usage, currency: None, ttl_secs })
}
/// All of it, or what this comes to; the rest is released.
fn capture(n: u128, usage: Option<Vec<Usage>>) -> Action {
    take(n, usage, true)
}
/// The rest stays.
fn capture_part(n: u128, usage: Vec<Usage>) -> Action {
    take(n, Some(usage), false)
}
fn take(n: u128, usage: Option<Vec<Usage>>, is_final: bool) -> Action {
    let (hold_id, metadata) = (hold_id(n), BTreeMap::new());
    Action::Hold(HoldAction::Capture { hold_id, usage, currency: None, is_final, description: None, metadata })
}
fn void(n: u128) -> Action {
    Action::Hold(HoldAction::Void { hold_id: hold_id(n) })
}
fn sweep() -> Action {
    Action::Hold(HoldAction::Expire)
}

/// An account that takes its commands one after another.
struct Given {
    account: Account,
    log: Vec<AccountEvent>,
}

impl Given {
    fn opened(postpaid_limit: &str) -> Self {
        let mut given = Self { account: Account::default(), log: Vec::new() };
        let open =
            Action::Open { customer_id: customer(), currency: Currency::USD, postpaid_limit: amount(postpaid_limit) };
        given.when(open, T0).unwrap();
        given
    }

    fn when(&mut self, action: Action, now: &str) -> Result<Vec<AccountEvent>, AccountError> {
        self.when_at(action, at(now))
    }

    fn when_at(&mut self, action: Action, now: Timestamp) -> Result<Vec<AccountEvent>, AccountError> {
        let command = AccountCommand { organization_id: org(), action };
        let events = self.account.handle_command(&command, now)?;
        for event in &events {
            self.take_in(event, now);
        }
        Ok(events)
    }

    fn take_in(&mut self, event: &AccountEvent, now: Timestamp) {
        self.account.apply_event(event, now);
        self.log.push(event.clone());
        if let Some(after) = event.after() {
            // What an event says of the money after it is what the state says.
            assert_eq!(*after, self.account.balances(), "{event:?}");
        }
        if let Some(after) = event.hold() {
            let hold = self.account.holds.get(&after.hold_id);
            let says = (after.held, after.captured, after.placed_at, after.expires_at);
            let ended = (Amount::ZERO, after.captured, after.placed_at, after.expires_at);
            assert_eq!(says, hold.map_or(ended, |h| (h.funds.amount(), h.captured, h.placed_at, h.expires_at)));
        }
        self.check_sums();
    }

    /// What holds reserve is kept twice: with each hold, and where it is taken from.
    fn check_sums(&self) {
        let holds = || self.account.holds.values();
        for grant in &self.account.grants {
            let parts = holds().flat_map(|hold| &hold.funds.credits).filter(|part| part.grant_id == grant.id);
            assert_eq!(grant.held, parts.fold(Amount::ZERO, |sum, part| sum.plus(part.amount)), "{grant:?}");
            assert!(!grant.remaining.is_zero() || !grant.held.is_zero(), "nothing is left of it: {grant:?}");
        }
        let held = holds().fold(Amount::ZERO, |sum, hold| sum.plus(hold.funds.amount()));
        assert_eq!(self.account.balances().held(), held, "of a grant that is gone, or post-paid");
        let postpaid = holds().fold(Amount::ZERO, |sum, hold| sum.plus(hold.funds.postpaid));
        assert_eq!(self.account.held_postpaid, postpaid);
        for hold in holds() {
            let only_credits = hold.usage.iter().fold(Amount::ZERO, |sum, part| sum.plus(part.only_credits));
            assert!(only_credits <= hold.funds.of_credits(), "nothing else may pay that: {hold:?}");
            let of_plans = hold.usage.iter().filter(|part| part.period_end.is_some()).map(|part| &part.meter);
            assert_eq!(
                of_plans.clone().collect::<BTreeSet<_>>().len(),
                of_plans.count(),
                "one for each meter: {hold:?}"
            );
        }
        let reserved = |meter: &MeterCode, start: Timestamp, of_plan: bool| {
            let parts = holds().flat_map(|hold| &hold.usage).filter(|part| part.is_of(meter, start, of_plan));
            parts.fold(Quantity::ZERO, |sum, part| sum.plus(part.quantity))
        };
        for (meter, quota) in &self.account.quotas {
            assert_eq!(quota.held, reserved(meter, quota.period_start, quota.plan.is_some()), "{quota:?}");
        }
        for (meter, past) in &self.account.past {
            assert_eq!(past.tally.held, reserved(meter, past.plan.cycle.start, true), "{past:?}");
        }
        self.check_unbilled();
    }

    /// All that was charged is billed, or will be, once.
    fn check_unbilled(&self) {
        let unbilled = &self.account.unbilled;
        assert!(unbilled.iter().is_sorted_by(|one, next| one.key() < next.key()), "{unbilled:?}");
        let amount = unbilled.iter().chain(self.billed()).fold(Amount::ZERO, |sum, one| sum.plus(one.amount));
        let before_billing = self.log.iter().filter_map(AccountEvent::charge).filter(|charge| !charge.billable);
        assert_eq!(before_billing.fold(amount, |sum, charge| sum.plus(charge.amount)), self.account.charged);
        assert!(unbilled.iter().all(|sum| sum.credits <= sum.amount), "{unbilled:?}");
        let postpaid = |amount: Amount, event: &AccountEvent| match event {
            AccountEvent::UsageSettled(settled) => amount.minus(settled.amount),
            event => event.charge().map_or(amount, |charge| amount.plus(charge.postpaid)),
        };
        assert_eq!(self.account.postpaid, self.log.iter().fold(Amount::ZERO, postpaid));
    }

    /// What bills have taken.
    fn billed(&self) -> impl Iterator<Item = &UsageSum> {
        self.log.iter().flat_map(|event| match event {
            AccountEvent::Turned(turned) => turned.usage.as_slice(),
            _ => &[],
        })
    }

    #[track_caller]
    fn one(&mut self, action: Action, now: &str) -> AccountEvent {
        let mut events = self.when(action, now).unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    #[track_caller]
    fn charged(&mut self, action: Action, now: &str) -> Charged {
        match self.when(action, now).unwrap().pop() {
            Some(AccountEvent::Charged(charged)) => charged,
            other => panic!("expected a charge, got {other:?}"),
        }
    }

    #[track_caller]
    fn held(&mut self, action: Action, now: &str) -> Held {
        match self.when(action, now).unwrap().pop() {
            Some(AccountEvent::Held(held)) => held,
            other => panic!("expected a hold, got {other:?}"),
        }
    }

    #[track_caller]
    fn captured(&mut self, action: Action, now: &str) -> Captured {
        match self.when(action, now).unwrap().pop() {
            Some(AccountEvent::Captured(captured)) => captured,
            other => panic!("expected a capture, got {other:?}"),
        }
    }

    #[track_caller]
    fn released(&mut self, action: Action, now: &str) -> HoldReleased {
        match self.when(action, now).unwrap().pop() {
            Some(AccountEvent::Voided(released) | AccountEvent::HoldExpired(released)) => released,
            other => panic!("expected a release, got {other:?}"),
        }
    }

    #[track_caller]
    fn turned(&mut self, action: Action, now: &str) -> Turned {
        match self.when(action, now).unwrap().pop() {
            Some(AccountEvent::Turned(turned)) => *turned,
            other => panic!("expected a turn, got {other:?}"),
        }
    }

    /// What is free, held and owed.
    fn money(&self) -> (String, String, String) {
        let balances = self.account.balances();
        (balances.available().to_string(), balances.held().to_string(), balances.postpaid.to_string())
    }

    /// The state that the log's events give, read back from how they are stored.
    fn replayed(&self) -> Account {
        let mut again = Account::default();
        for event in &self.log {
            let read = AccountEvent::decode(event.event_type(), event.schema(), &event.encode()).unwrap();
            assert_eq!(&read, event);
            // Nothing in an account depends on when an event is read.
            again.apply_event(&read, at(T0));
        }
        again
    }
}

/// The journal that events lead to.
#[derive(Default)]
struct Journal(BTreeMap<JournalAccount, rust_decimal::Decimal>);

impl Journal {
    fn take_in(&mut self, event: &AccountEvent) {
        for posting in postings(&LedgerEvent::Account(event.clone())) {
            *self.0.entry(posting.debit).or_default() -= posting.amount.decimal();
            *self.0.entry(posting.credit).or_default() += posting.amount.decimal();
        }
    }

    /// I3, and the journal tells the same balances as the state that decides.
    #[track_caller]
    fn check(&self, account: &Account) {
        let kept = |account| self.0.get(&account).copied().unwrap_or_default();
        let balances = account.balances();
        assert_eq!(self.0.values().sum::<rust_decimal::Decimal>(), rust_decimal::Decimal::ZERO);
        assert_eq!(kept(JournalAccount::CustomerCredits(customer())), balances.credits.decimal());
        assert_eq!(kept(JournalAccount::CustomerHeld(customer())), balances.held_credits.decimal());
        assert_eq!(-kept(JournalAccount::CustomerReceivable(customer())), balances.postpaid.decimal());
        assert_eq!(kept(JournalAccount::Revenue), account.charged.decimal());
    }
}
