//! In which order allowance, credits and post-paid room pay, when somebody has said so.

use super::plans::*;
use super::*;
use crate::account::Source::{Allowance, Credits, Postpaid};
use crate::price::Beyond;

fn set_order(order: &[Source]) -> Action {
    Action::SetPaymentOrder(order.to_vec())
}

/// Ten tokens that are free and more for 0.5 each; credits and post-paid room of so much.
fn ordered(order: &[Source], credits: &str, postpaid: &str) -> Given {
    let mut given = subscribed(per_unit("10", "0.5"), Beyond::Charge);
    given.when(set_limit(postpaid), T0).unwrap();
    if credits != "0" {
        given.when(grant(1, credits, 0, None), T0).unwrap();
    }
    given.when(set_order(order), T0).unwrap();
    given
}
/// What credits and what post-paid room paid, and how much was free.
fn paid(charged: &Charged) -> [String; 3] {
    let free = charged.lines.iter().filter_map(|line| line.included_quantity);
    let free = free.fold(Quantity::ZERO, Quantity::plus);
    [charged.paid_by_credits().to_string(), charged.postpaid.to_string(), free.to_string()]
}

#[test]
fn an_order_names_each_source_at_most_once() {
    let mut given = Given::opened("5");
    assert_eq!(given.account.payment_order, [Allowance, Credits, Postpaid]);
    for wrong in [&[][..], &[Credits, Credits], &[Allowance, Postpaid, Allowance]] {
        assert_eq!(given.when(set_order(wrong), T0), Err(AccountError::InvalidPaymentOrder));
    }
    assert!(given.when(set_order(&[Allowance, Credits, Postpaid]), T0).unwrap().is_empty(), "nothing new");
    let AccountEvent::PaymentOrderSet(set) = given.one(set_order(&[Postpaid]), T0) else { panic!() };
    assert_eq!((set.order, set.customer_id), (vec![Postpaid], customer()));
    assert_eq!(given.replayed(), given.account);
}

#[test]
fn credits_before_the_allowance_pay_what_they_reach_for() {
    let mut given = ordered(&[Credits, Allowance, Postpaid], "3", "10");
    let charged = given.charged(use_tokens("4"), T0);
    assert_eq!((paid(&charged), charged.lines[0].beside), (["2", "0", "0"].map(str::to_owned), quantity("4")));
    assert_eq!(quota_of(&given), counts("4", "0", "4", "10"));
    // They do not reach for all of this: then the allowance comes first, as ever.
    assert_eq!(paid(&given.charged(use_tokens("4"), T0)), ["0", "0", "4"]);
    assert_eq!(paid(&given.charged(use_tokens("2"), T0)), ["1", "0", "0"]);
    assert_eq!(paid(&given.charged(use_tokens("8"), T0)), ["0", "1", "6"]);
    assert_eq!(quota_of(&given), counts("18", "0", "6", "0"));
    // All of it at once: 18 of which 10 are free.
    assert_eq!((given.account.charged, given.account.quotas[&code("tokens")].rated), (amount("4"), amount("4")));
}

#[test]
fn credits_before_a_quota_of_the_calendar_leave_it_alone() {
    let mut given = Given::opened("10");
    given.when(quota("calls", "10", Period::Month, true, Overage::Charge), T0).unwrap();
    given.when(grant(1, "3", 0, None), T0).unwrap();
    given.when(set_order(&[Credits, Allowance, Postpaid]), T0).unwrap();
    let calls = |used| charge(vec![metered("calls", "0.5", used)]);
    assert_eq!(paid(&given.charged(calls("4"), T0)), ["2", "0", "0"]);
    let calls_of = |given: &Given| given.account.quotas[&code("calls")].tally_at(at(T0));
    assert_eq!((calls_of(&given).used, calls_of(&given).counted()), (quantity("4"), Quantity::ZERO));
    assert_eq!(paid(&given.charged(calls("12"), T0)), ["1", "0", "10"]);
    // Set anew it counts what counted.
    let wider = quota("calls", "13", Period::Month, true, Overage::Charge);
    let AccountEvent::QuotaSet(set) = given.one(wider, T0) else { panic!() };
    assert_eq!(set.used, quantity("12"));
    assert_eq!(given.account.quotas[&code("calls")].remaining_at(at(T0)), quantity("1"));
}

#[test]
fn post_paid_room_before_credits() {
    let mut given = ordered(&[Allowance, Postpaid, Credits], "3", "2");
    assert_eq!(paid(&given.charged(use_tokens("12"), T0)), ["0", "1", "10"]);
    assert_eq!(paid(&given.charged(use_tokens("4"), T0)), ["1", "1", "0"]);
    let denied = given.when(use_tokens("5"), T0);
    let wanted = AccountError::InsufficientFunds {
        amount: amount("2.5"),
        available: amount("2"),
        postpaid_limit: amount("2"),
        currency: Currency::USD,
    };
    assert_eq!(denied, Err(wanted));
    // Holds take and pay in the same order.
    given.when(set_limit("3"), T0).unwrap();
    let held = given.held(place(1, of("2")), T0);
    assert_eq!((held.funds.postpaid, held.funds.of_credits()), (amount("1"), amount("1")));
    let captured = given.captured(capture_part(1, of("0.5")), T0);
    assert_eq!((captured.charge.postpaid, captured.hold.held), (amount("0.5"), amount("1.5")));
    let captured = given.captured(capture(1, Some(of("1"))), T0);
    assert_eq!(paid(&captured.charge), ["0.5", "0.5", "0"]);
}

#[test]
fn what_only_credits_pay_is_not_left_to_post_paid_room() {
    let mut given = subscribed(per_unit("0", "1"), Beyond::Credits);
    given.when(grant(1, "3", 0, None), T0).unwrap();
    given.when(set_order(&[Postpaid, Credits, Allowance]), T0).unwrap();
    assert_eq!(paid(&given.charged(charge([of("4"), tokens("2")].concat()), T0)), ["2", "4", "0"]);
    assert!(matches!(given.when(use_tokens("2"), T0), Err(AccountError::InsufficientFunds { .. })));
}

#[test]
fn what_is_left_out_pays_nothing() {
    let mut given = ordered(&[Credits], "3", "10");
    assert_eq!(paid(&given.charged(use_tokens("4"), T0)), ["2", "0", "0"]);
    let denied = given.when(use_tokens("4"), T0);
    assert!(matches!(denied, Err(AccountError::InsufficientFunds { available, .. }) if available == amount("1")));
    let mut given = ordered(&[Postpaid], "3", "10");
    assert_eq!(paid(&given.charged(use_tokens("4"), T0)), ["0", "2", "0"]);
    let mut given = ordered(&[Allowance], "3", "10");
    assert_eq!(paid(&given.charged(use_tokens("10"), T0)), ["0", "0", "10"]);
    assert!(matches!(given.when(use_tokens("1"), T0), Err(AccountError::InsufficientFunds { .. })));
    assert_eq!(quota_of(&given), counts("10", "0", "0", "0"));
}

#[test]
fn a_limit_without_a_price_beyond_it_stays_one() {
    let limit = || vec![allow("tokens", per_unit("3", "1"), Beyond::Block)];
    for order in [&[Credits, Allowance][..], &[Postpaid, Credits]] {
        let mut given = Given::opened("10");
        given.when(grant(1, "50", 0, None), T0).unwrap();
        given.when(begin(1, march(), limit()), T0).unwrap();
        given.when(quota("calls", "3", Period::Month, false, Overage::Block), T0).unwrap();
        given.when(set_order(order), T0).unwrap();
        assert_eq!(given.charged(use_tokens("3"), T0).amount, Amount::ZERO, "nothing else has a price");
        assert!(matches!(given.when(use_tokens("1"), T0), Err(AccountError::QuotaExceeded { .. })));
        let calls = |used| charge(vec![metered("calls", "1", used)]);
        given.charged(calls("3"), T0);
        assert!(matches!(given.when(calls("1"), T0), Err(AccountError::QuotaExceeded { .. })));
    }
}

#[test]
fn a_hold_of_credits_leaves_the_allowance_alone_and_a_hold_of_the_allowance_keeps_it() {
    let mut given = ordered(&[Credits, Allowance, Postpaid], "3", "10");
    let held = given.held(place(1, tokens("4")), T0);
    assert_eq!((held.amount, held.lines[0].included_quantity), (amount("2"), Some(Quantity::ZERO)));
    assert_eq!(quota_of(&given), counts("0", "0", "0", "10"));
    let held = given.held(place(2, tokens("4")), T0);
    assert_eq!((held.amount, held.lines[0].included_quantity), (Amount::ZERO, Some(quantity("4"))));
    assert_eq!(quota_of(&given), counts("0", "4", "0", "6"));
    let captured = given.captured(capture(1, Some(tokens("4"))), T0);
    assert_eq!(paid(&captured.charge), ["2", "0", "0"]);
    // What it reserves is its own, also when allowances are to pay nothing any more.
    given.when(set_order(&[Credits, Postpaid]), T0).unwrap();
    let captured = given.captured(capture(2, Some(tokens("4"))), T0);
    assert_eq!(paid(&captured.charge), ["0", "0", "4"]);
    assert_eq!(quota_of(&given), counts("8", "0", "4", "6"));
}
