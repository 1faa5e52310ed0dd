//! Given events, when a command, then events: the rules of an account by example and by property.

use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::command::Action;
use super::*;
use crate::charge::Usage;
use crate::event::LedgerEvent;
use crate::meter::Meter;
use crate::postings::{JournalAccount, postings};

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
    Action::Charge { usage, currency: None, description: None, metadata: BTreeMap::new() }
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
            self.account.apply_event(event, now);
            self.log.push(event.clone());
        }
        Ok(events)
    }

    fn charged(&mut self, action: Action, now: &str) -> Charged {
        match self.when(action, now).unwrap().pop() {
            Some(AccountEvent::Charged(charged)) => charged,
            other => panic!("expected a charge, got {other:?}"),
        }
    }
}

#[test]
fn credits_are_spent_by_priority_then_expiry_then_age() {
    let mut given = Given::opened("0");
    for action in [
        grant(1, "5", 100, None),
        grant(2, "5", 100, Some("2026-12-01T00:00:00Z")),
        grant(3, "5", 10, None),
        grant(4, "5", 100, Some("2026-12-01T00:00:00Z")),
    ] {
        given.when(action, T0).unwrap();
    }
    let charged = given.charged(flat("18"), T0);
    let used: Vec<_> = charged.credits_used.iter().map(|u| (u.grant_id, u.amount.to_string())).collect();
    let expected = [(3, "5"), (2, "5"), (4, "5"), (1, "3")].map(|(n, a)| (grant_id(n), a.to_owned()));
    assert_eq!(used, expected);
    assert_eq!(charged.after.credits, amount("2"));
    assert_eq!(given.account.credits(), amount("2"));
}

#[test]
fn the_last_cent_can_be_spent_and_no_more() {
    let mut given = Given::opened("0");
    given.when(grant(1, "0.000000000003", 0, None), T0).unwrap();
    given.charged(flat("0.000000000002"), T0);
    let denied = given.when(flat("0.000000000002"), T0);
    assert_eq!(
        denied,
        Err(AccountError::InsufficientFunds {
            amount: amount("0.000000000002"),
            available: amount("0.000000000001"),
            postpaid_limit: Amount::ZERO,
            currency: Currency::USD,
        })
    );
    given.charged(flat("0.000000000001"), T0);
    assert!(given.account.grants.is_empty());
}

#[test]
fn post_paid_takes_what_credits_leave_up_to_its_limit() {
    let mut given = Given::opened("3");
    given.when(grant(1, "5", 0, None), T0).unwrap();
    let charged = given.charged(flat("6"), T0);
    assert_eq!((charged.paid_by_credits(), charged.postpaid), (amount("5"), amount("1")));
    assert!(matches!(given.when(flat("2.01"), T0), Err(AccountError::InsufficientFunds { .. })));
    given.charged(flat("2"), T0);
    // A limit below what is owed stops further charges and takes nothing back.
    given.when(Action::SetPostpaidLimit { postpaid_limit: amount("1"), currency: None }, T0).unwrap();
    assert!(matches!(given.when(flat("0.01"), T0), Err(AccountError::InsufficientFunds { .. })));
    assert_eq!(given.account.postpaid, amount("3"));
}

#[test]
fn expired_credits_leave_by_an_event_before_the_charge() {
    let mut given = Given::opened("0");
    given.when(grant(1, "5", 0, Some("2026-03-11T00:00:00Z")), T0).unwrap();
    given.when(grant(2, "1", 100, None), T0).unwrap();
    assert!(given.when(Action::ExpireCredits, "2026-03-10T23:59:59.999999Z").unwrap().is_empty());
    let events = given.when(flat("1"), "2026-03-11T00:00:00Z").unwrap();
    assert!(
        matches!(&events[..], [AccountEvent::CreditExpired(e), AccountEvent::Charged(c)]
        if e.amount == amount("5") && c.credits_used[0].grant_id == grant_id(2)),
        "{events:?}"
    );
    assert!(matches!(
        given.when(grant(3, "1", 0, Some(T0)), "2026-03-11T00:00:00Z"),
        Err(AccountError::ExpiresInThePast)
    ));
}

#[test]
fn a_blocking_quota_is_exact_and_starts_anew() {
    let mut given = Given::opened("100");
    given.when(quota("calls", "3", Period::Day, false, Overage::Block), T0).unwrap();
    given.charged(charge(vec![metered("calls", "1", "2")]), T0);
    let denied = given.when(charge(vec![metered("calls", "1", "2")]), T0);
    assert_eq!(
        denied,
        Err(AccountError::QuotaExceeded {
            meter: "calls".parse().unwrap(),
            limit: quantity("3"),
            remaining: quantity("1"),
            requested: quantity("2"),
            resets_at: Some(at("2026-03-11T00:00:00Z")),
        })
    );
    assert!(
        given.when(charge(vec![metered("calls", "1", "1"), metered("calls", "1", "1")]), T0).is_err(),
        "two lines, one quota"
    );
    given.charged(charge(vec![metered("calls", "1", "1")]), T0);
    given.charged(charge(vec![metered("calls", "1", "3")]), "2026-03-11T00:00:00Z");
    assert_eq!(given.account.charged, amount("6"));
}

#[test]
fn an_allowance_is_free_and_overage_is_charged() {
    let mut given = Given::opened("100");
    given.when(quota("tokens", "10", Period::Month, true, Overage::Charge), T0).unwrap();
    let first = given.charged(charge(vec![metered("tokens", "0.5", "8")]), T0);
    assert_eq!((first.amount, first.lines[0].included_quantity), (Amount::ZERO, Some(quantity("8"))));
    let second = given.charged(charge(vec![metered("tokens", "0.5", "8")]), T0);
    assert_eq!((second.amount, second.lines[0].included_quantity), (amount("3"), Some(quantity("2"))));
}

#[test]
fn a_changed_quota_keeps_the_usage_of_the_same_kind_of_period() {
    let mut given = Given::opened("100");
    given.when(quota("calls", "3", Period::Day, false, Overage::Block), T0).unwrap();
    given.charged(charge(vec![metered("calls", "1", "2")]), T0);
    assert!(given.when(quota("calls", "3", Period::Day, false, Overage::Block), T0).unwrap().is_empty(), "nothing new");
    given.when(quota("calls", "4", Period::Day, false, Overage::Block), T0).unwrap();
    assert_eq!(given.account.quotas.values().next().unwrap().used, quantity("2"));
    given.when(quota("calls", "4", Period::Month, false, Overage::Block), T0).unwrap();
    assert_eq!(given.account.quotas.values().next().unwrap().used, Quantity::ZERO);
    let useless = quota("calls", "4", Period::Month, false, Overage::Charge);
    assert_eq!(given.when(useless, T0), Err(AccountError::QuotaWithoutEffect));
}

#[test]
fn another_organization_and_another_currency_are_refused() {
    let given = Given::opened("100");
    let foreign = AccountCommand { organization_id: OrganizationId::new(Uuid::from_u128(9)), action: flat("1") };
    assert_eq!(given.account.handle_command(&foreign, at(T0)), Err(AccountError::NotFound));
    let euro: Currency = "EUR".parse().unwrap();
    let in_euro = Action::Charge { usage: vec![], currency: Some(euro), description: None, metadata: BTreeMap::new() };
    let in_euro = AccountCommand { organization_id: org(), action: in_euro };
    let mismatch = AccountError::CurrencyMismatch { expected: Currency::USD, given: euro };
    assert_eq!(given.account.handle_command(&in_euro, at(T0)), Err(mismatch));
    assert_eq!(Account::default().handle_command(&foreign, at(T0)), Err(AccountError::NotFound));
}

#[test]
fn amounts_that_cannot_be_exact_are_refused() {
    let mut given = Given::opened("100");
    let too_fine = charge(vec![metered("t", "0.000000000001", "0.1")]);
    assert!(matches!(given.when(too_fine, T0), Err(AccountError::AmountOutOfRange { .. })));
}

/// Any series of commands, at times that may stand still or move on.
fn any_action() -> impl Strategy<Value = Action> {
    let small = || (1i64..400).prop_map(|cents| Amount::new(rust_decimal::Decimal::new(cents, 2)).unwrap());
    prop_oneof![
        3 => small().prop_map(|amount| charge(vec![Usage::Flat { amount }])),
        4 => (1u32..20, prop::bool::ANY).prop_map(|(n, twice)| {
            let one = metered("calls", "0.25", &n.to_string());
            charge(if twice { vec![one.clone(), one] } else { vec![one] })
        }),
        2 => (any::<u128>(), small(), 0u8..3, prop::option::of(11u32..28)).prop_map(|(n, amount, priority, day)| Action::GrantCredit {
            grant_id: grant_id(n), amount, currency: None, priority,
            expires_at: day.map(|day| at(&format!("2026-03-{day}T00:00:00Z"))),
        }),
        1 => (1u32..50, prop::bool::ANY, prop::bool::ANY).prop_map(|(limit, included, block)| {
            let overage = if block { Overage::Block } else { Overage::Charge };
            quota("calls", &limit.to_string(), Period::Day, included, overage)
        }),
        1 => small().prop_map(|postpaid_limit| Action::SetPostpaidLimit { postpaid_limit, currency: None }),
        1 => Just(Action::ExpireCredits),
    ]
}

proptest! {
    #[test]
    fn no_series_of_commands_breaks_the_invariants(actions in prop::collection::vec((any_action(), 0i64..40), 1..80)) {
        let mut given = Given::opened("2");
        let mut now = at(T0);
        let mut journal: BTreeMap<JournalAccount, rust_decimal::Decimal> = BTreeMap::new();
        for (action, hours) in actions {
            now += chrono::TimeDelta::hours(hours);
            let before = given.account.clone();
            let Ok(events) = given.when_at(action, now) else { continue };
            for event in &events {
                for posting in postings(&LedgerEvent::Account(event.clone())) {
                    *journal.entry(posting.debit).or_default() -= posting.amount.decimal();
                    *journal.entry(posting.credit).or_default() += posting.amount.decimal();
                }
                if let AccountEvent::Charged(charged) = event {
                    // I4: a charge never takes the post-paid balance over its limit.
                    if !charged.postpaid.is_zero() {
                        prop_assert!(charged.after.postpaid <= charged.after.postpaid_limit);
                    }
                    prop_assert_eq!(charged.paid_by_credits().plus(charged.postpaid), charged.amount);
                    let lines = charged.lines.iter().fold(Amount::ZERO, |sum, line| sum.plus(line.amount));
                    prop_assert_eq!(lines, charged.amount);
                    prop_assert_eq!(charged.after, given.account.balances());
                    for quota in given.account.quotas.values().filter(|q| q.terms.overage == Overage::Block) {
                        let raised = before.quotas.values().next().is_some_and(|b| b.used_at(now) == quota.used_at(now));
                        prop_assert!(raised || quota.used <= quota.terms.limit, "{quota:?}");
                    }
                }
            }
            // I3, and the journal tells the same balances as the state that decides.
            prop_assert_eq!(journal.values().sum::<rust_decimal::Decimal>(), rust_decimal::Decimal::ZERO);
            let kept = |account| journal.get(&account).copied().unwrap_or_default();
            prop_assert_eq!(kept(JournalAccount::CustomerCredits(customer())), given.account.credits().decimal());
            prop_assert_eq!(-kept(JournalAccount::CustomerReceivable(customer())), given.account.postpaid.decimal());
            prop_assert_eq!(kept(JournalAccount::Revenue), given.account.charged.decimal());
        }
        // The state is a function of the events, in memory and through their stored form.
        let mut again = Account::default();
        for event in &given.log {
            let stored = crate::EventPayload::encode(event);
            let read: AccountEvent = crate::EventPayload::decode(crate::EventPayload::event_type(event), 1, &stored).unwrap();
            prop_assert_eq!(&read, event);
            again.apply_event(&read, now);
        }
        prop_assert_eq!(again, given.account);
    }
}
