//! What pays for a charge, and in which order: allowances, credits, post-paid.

use super::*;

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
    let (description, metadata) = (None, BTreeMap::new());
    let in_euro = Action::Charge { usage: vec![], currency: Some(euro), used_at: None, description, metadata };
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
