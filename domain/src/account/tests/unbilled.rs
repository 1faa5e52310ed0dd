//! What is not billed yet: what belongs to it, and how much of it there can be.

use std::sync::Arc;

use super::plans::*;
use super::*;
use crate::ids::InvoiceId;
use crate::price::Beyond;

fn for_invoice() -> Action {
    let bill = BillRef::Invoice { invoice_id: InvoiceId::new(Uuid::from_u128(8)) };
    Action::Turn { bill, close_usage: true, closed: None, to: None }
}
fn calls_at(price: usize) -> Action {
    charge(vec![metered("calls", &price.to_string(), "1")])
}

impl Given {
    /// A charge or a capture as it was written before there was billing.
    fn before_billing(&mut self, action: Action) {
        let command = AccountCommand { organization_id: org(), action };
        let event = self.account.handle_command(&command, at(T0)).unwrap().pop().unwrap();
        let stored = String::from_utf8(event.encode()).unwrap();
        assert_eq!(stored.matches(r#","billable":true"#).count(), 1, "{stored}");
        let old = stored.replace(r#","billable":true"#, "");
        let old = AccountEvent::decode(event.event_type(), event.schema(), old.as_bytes()).unwrap();
        assert!(!old.charge().unwrap().billable);
        self.take_in(&old, at(T0));
    }
}

#[test]
fn what_was_charged_before_there_was_billing_is_on_no_bill() {
    let mut given = Given::opened("100");
    given.before_billing(charge([vec![metered("calls", "1", "7")], of("2")].concat()));
    given.held(place(1, of("5")), T0);
    given.before_billing(capture(1, Some(of("4"))));
    assert!(given.account.unbilled.is_empty());
    // It was charged all the same, and takes up post-paid room.
    assert_eq!((given.account.charged, given.account.postpaid), (amount("13"), amount("13")));
    given.charged(calls_at(1), T0);
    let turned = given.turned(for_invoice(), T0);
    let [sum] = &turned.usage[..] else { panic!("{turned:?}") };
    assert_eq!((sum.amount, sum.charges, sum.first_version), (amount("1"), 1, 5));
    assert_eq!(given.replayed(), given.account);
}

#[test]
fn of_many_prices_of_a_meter_those_of_before_become_one_sum() {
    let mut given = subscribed(per_unit("0", "1"), Beyond::Charge);
    given.when(set_limit("1000000"), T0).unwrap();
    for usage in [tokens("1"), of("1"), vec![metered("others", "1", "1")]] {
        given.charged(charge(usage), T0);
    }
    let many = UNBILLED_MAX - 3;
    for price in 1..=many {
        given.charged(calls_at(price), T0);
    }
    assert_eq!(given.account.unbilled.len(), UNBILLED_MAX);
    // Of a price that is known it is no more than it was.
    given.charged(calls_at(many), T0);
    assert_eq!(given.account.unbilled.len(), UNBILLED_MAX);
    given.charged(calls_at(many + 1), T0);
    let calls = |given: &Given| {
        let calls = given.account.unbilled.iter().filter(|sum| sum.meter == Some(code("calls")));
        calls.map(|sum| (sum.unit_price, sum.quantity, sum.charges)).collect::<Vec<_>>()
    };
    let (before, count) = (quantity("498"), 498);
    assert_eq!(calls(&given), [(None, before, count), (Some(amount(&(many + 1).to_string())), quantity("1"), 1)]);
    assert_eq!(given.account.unbilled.len(), 5, "the others are as they were");
    // 1 + 2 + … + 497, and 497 once more.
    let merged = given.account.unbilled.iter().find(|sum| sum.quantity == before).unwrap();
    assert_eq!((merged.amount, merged.first_version, merged.last_version), (amount("124250"), 7, 504));
    assert_eq!(given.turned(for_invoice(), T0).usage.len(), 4, "but for the subscription's");
    assert_eq!(given.replayed(), given.account);
}

#[test]
fn a_copy_of_the_account_shares_them_until_something_is_charged() {
    let mut given = Given::opened("100");
    given.charged(calls_at(1), T0);
    let before = given.account.clone();
    given.held(place(1, of("1")), T0);
    assert!(Arc::ptr_eq(&before.unbilled, &given.account.unbilled));
    given.charged(calls_at(1), T0);
    assert_eq!((before.unbilled[0].charges, given.account.unbilled[0].charges), (1, 2));
    let stored = serde_json::to_vec(&given.account).unwrap();
    assert_eq!(serde_json::from_slice::<Account>(&stored).unwrap(), given.account);
}
