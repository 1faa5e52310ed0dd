//! What a charge needs: a session key that is usable, a deposit and a period's limit that reach.

use super::*;

#[test]
fn a_charge_is_the_sum_of_its_lines_and_says_what_is_left() {
    let mut given = Given::active("10");
    let usage = vec![metered(Currency::USDC, "0.000003", "1500"), Usage::Flat { amount: amount("1.5") }];
    let charged = given.charged(charge(usage, None));
    assert_eq!((charged.amount, charged.lines.len()), (amount("1.5045"), 2));
    assert_eq!((charged.lines[0].price_version, charged.lines[0].amount), (Some(3), amount("0.0045")));
    assert_eq!((charged.voucher, charged.period_start), (None, None));
    assert_eq!((charged.after.charged, charged.after.available), (amount("1.5045"), amount("8.4955")));
    given.charged(flat("1"));
    assert_eq!(given.session.charged, amount("2.5045"), "cumulative");
}

#[test]
fn words_and_labels_are_kept_as_they_came() {
    let mut given = Given::active("10");
    let metadata = BTreeMap::from([("trace".to_owned(), "7".to_owned())]);
    let action = Action::Charge {
        usage: vec![Usage::Flat { amount: amount("1") }],
        currency: Some(Currency::USDC),
        voucher: None,
        description: Some("a call".into()),
        metadata: metadata.clone(),
    };
    let charged = given.charged(action);
    assert_eq!((charged.description.as_deref(), charged.metadata), (Some("a call"), metadata));
}

#[test]
fn the_last_unit_of_the_deposit_can_be_charged_and_no_more() {
    let mut given = Given::active("0.000003");
    given.charged(flat("0.000002"));
    assert_eq!(given.when(flat("0.000001000001")), insufficient("0.000001000001", "0.000001", "0"));
    given.charged(flat("0.000001"));
    assert_eq!(given.when(flat("0.000000000001")), insufficient("0.000000000001", "0", "0"));
    // A charge that costs nothing needs no room: what is counted and not sold is still recorded.
    let free = given.charged(charge(vec![metered(Currency::USDC, "0", "5")], None));
    assert_eq!((free.amount, free.after.available), (Amount::ZERO, Amount::ZERO));
}

#[test]
fn deposits_that_are_not_final_are_shown_and_not_spent() {
    let mut given = Given::active("1");
    given.when(seen(deposit("4"), 5)).unwrap();
    given.when(seen(deposit("2.5"), 6)).unwrap();
    assert_eq!(given.when(flat("2")), insufficient("2", "1", "6.5"));
    given.when(done(deposit("4"), 5)).unwrap();
    assert_eq!(given.when(flat("5.1")), insufficient("5.1", "5", "2.5"));
    given.charged(flat("5"));
}

#[test]
fn a_status_other_than_active_is_named() {
    let refused = |given: &mut Given, status: Status| {
        assert_eq!(given.status(), status);
        assert_eq!(given.when(flat("1")), Err(SessionKeyError::WrongStatus(status)));
    };
    refused(&mut Given::granted(terms(Custody::Managed)), Status::Pending);
    let mut by_owner = Given::active("10");
    by_owner.when(seen(Fact::Frozen, 5)).unwrap();
    refused(&mut by_owner, Status::Frozen);
    let mut by_organization = Given::active("10");
    by_organization.when(Action::Freeze).unwrap();
    refused(&mut by_organization, Status::Frozen);
    let mut revoked = Given::active("10");
    revoked.when(Action::Revoke).unwrap();
    refused(&mut revoked, Status::Revoked);
    let mut closed = Given::active("0");
    closed.when(Action::Revoke).unwrap();
    closed.when(Action::Close).unwrap();
    refused(&mut closed, Status::Closed);
}

#[test]
fn the_time_is_from_valid_after_to_before_valid_until() {
    let mut given = Given::active("10");
    let early = Err(SessionKeyError::NotYetValid(at(VALID_AFTER)));
    assert_eq!(given.when_at(flat("1"), at("2026-03-10T12:00:29.999999Z")), early);
    assert!(given.when_at(flat("1"), at(VALID_AFTER)).is_ok());
    assert!(given.when_at(flat("1"), at("2026-04-10T12:00:29.999999Z")).is_ok());
    // The clock alone is enough: nobody has to have noted it.
    let late = Err(SessionKeyError::Expired(at(VALID_UNTIL)));
    assert_eq!(given.when_at(flat("1"), at(VALID_UNTIL)), late);
    given.when_at(Action::Expire, at(VALID_UNTIL)).unwrap();
    assert_eq!(given.when_at(flat("1"), at(VALID_UNTIL)), late);
    // And once it is noted, a clock that was set back does not bring it to life.
    assert_eq!(given.when(flat("1")), late);
}

#[test]
fn what_ends_by_time_ends_frozen_and_pending_keys_too() {
    let late = Err(SessionKeyError::Expired(at(VALID_UNTIL)));
    let mut frozen = Given::active("10");
    frozen.when(Action::Freeze).unwrap();
    assert_eq!(frozen.when_at(flat("1"), at(VALID_UNTIL)), late);
    let mut pending = Given::granted(terms(Custody::Managed));
    assert_eq!(pending.when_at(flat("1"), at(VALID_UNTIL)), late);
    let mut revoked = Given::active("10");
    revoked.when(Action::Revoke).unwrap();
    let ended = Err(SessionKeyError::WrongStatus(Status::Revoked));
    assert_eq!(revoked.when_at(flat("1"), at(VALID_UNTIL)), ended, "it ended before its time");
}

#[test]
fn another_currency_is_refused_whoever_names_it() {
    let mut given = Given::active("10");
    let mismatch = Err(SessionKeyError::CurrencyMismatch { expected: Currency::USDC, given: Currency::USD });
    let by_caller = Action::Charge {
        usage: vec![Usage::Flat { amount: amount("1") }],
        currency: Some(Currency::USD),
        voucher: None,
        description: None,
        metadata: BTreeMap::new(),
    };
    assert_eq!(given.when(by_caller), mismatch);
    let by_meter = vec![metered(Currency::USDC, "1", "1"), metered(Currency::USD, "1", "1")];
    assert_eq!(given.when(charge(by_meter, None)), mismatch);
    assert_eq!(given.session.charged, Amount::ZERO);
}

#[test]
fn amounts_that_cannot_be_kept_are_refused() {
    let mut given = Given::active("10");
    let too_fine = charge(vec![metered(Currency::USDC, "0.000000000001", "0.1")], None);
    let reason = crate::money::MoneyError::TooPrecise { max: 12 };
    assert_eq!(given.when(too_fine), Err(SessionKeyError::AmountOutOfRange { meter: "calls".into(), reason }));
    let most = || Usage::Flat { amount: amount("1000000000000000") };
    assert_eq!(given.when(charge(vec![most(), most()], None)), Err(SessionKeyError::BalanceTooLarge));
    given.charged(flat("1"));
    assert_eq!(given.when(charge(vec![most()], None)), Err(SessionKeyError::BalanceTooLarge));
}

fn hourly(limit: &str) -> Given {
    let terms = Terms { period_limit: amount(limit), period_secs: 3_600, ..terms(Custody::Managed) };
    Given::active_under(terms, "100")
}

fn over_the_limit(cost: &str, remaining: &str, resets_at: &str) -> Then {
    Err(SessionKeyError::PeriodLimitExceeded {
        amount: amount(cost),
        limit: amount("3"),
        remaining: amount(remaining),
        resets_at: at(resets_at),
        currency: Currency::USDC,
    })
}

#[test]
fn a_periods_limit_starts_anew_at_the_border_counted_from_valid_after() {
    let mut given = hourly("3");
    let charged = given.charged(flat("2"));
    assert_eq!(charged.period_start, Some(at(VALID_AFTER)), "periods are counted from there, not from the hour");
    let just_before = at("2026-03-10T13:00:29.999999Z");
    assert_eq!(given.when_at(flat("1.5"), just_before), over_the_limit("1.5", "1", "2026-03-10T13:00:30Z"));
    given.when_at(flat("1"), just_before).unwrap();
    assert_eq!(given.when_at(flat("0.1"), just_before), over_the_limit("0.1", "0", "2026-03-10T13:00:30Z"));
    // What was left of the period before is not carried over, and what was used neither.
    let border = at("2026-03-10T13:00:30Z");
    assert_eq!(given.session.period_used(border), Amount::ZERO);
    assert_eq!(given.when_at(flat("3.1"), border), over_the_limit("3.1", "3", "2026-03-10T14:00:30Z"));
    given.when_at(flat("3"), border).unwrap();
    assert_eq!(given.session.period, Some((border, amount("3"))));
    // Periods without a charge count too.
    given.when_at(flat("3"), at("2026-03-10T17:59:59Z")).unwrap();
    assert_eq!(given.session.period, Some((at("2026-03-10T17:00:30Z"), amount("3"))));
}

#[test]
fn the_deposit_is_looked_at_before_the_period() {
    let terms = Terms { period_limit: amount("3"), period_secs: 3_600, ..terms(Custody::Managed) };
    let mut given = Given::active_under(terms, "2");
    assert_eq!(given.when(flat("5")), insufficient("5", "2", "0"));
}

#[test]
fn a_period_with_a_limit_of_zero_allows_nothing() {
    let mut given = hourly("0");
    let denied = given.when(flat("0.000001"));
    assert!(matches!(denied, Err(SessionKeyError::PeriodLimitExceeded { .. })), "zero is not unlimited: {denied:?}");
}

#[test]
fn another_organizations_session_key_is_not_there() {
    let given = Given::active("10");
    let stranger = OrganizationId::new(Uuid::from_u128(9));
    for action in [
        flat("1"),
        Action::Freeze,
        Action::Unfreeze,
        Action::Revoke,
        Action::Expire,
        Action::Close,
        plan(1),
        release(1),
        relay(1, RelayAction::Freeze),
        relay_failed(1),
        done(deposit("1"), 9),
    ] {
        let command = SessionKeyCommand { organization_id: stranger, action };
        assert_eq!(given.session.handle_command(&command, at(T0)), Err(SessionKeyError::NotFound), "{command:?}");
        let own = SessionKeyCommand { organization_id: org(), ..command };
        let nothing = SessionKey::default().handle_command(&own, at(T0));
        assert_eq!(nothing, Err(SessionKeyError::NotFound), "there is none: {own:?}");
    }
}
