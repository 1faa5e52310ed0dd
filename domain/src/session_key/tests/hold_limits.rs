//! What bounds a hold (voucher, period, status, what the owner takes back), and what does not touch one any more.

use super::*;

fn over_the_limit(cost: &str, remaining: &str, resets_at: &str) -> Then {
    Err(SessionKeyError::PeriodLimitExceeded {
        amount: amount(cost),
        limit: amount("3"),
        remaining: amount(remaining),
        resets_at: at(resets_at),
        currency: Currency::USDC,
    })
}

/// At most 3 an hour.
fn hourly() -> Given {
    let terms = Terms { period_limit: amount("3"), period_secs: 3_600, ..terms(Custody::Managed) };
    Given::active_under(terms, "100")
}

fn client() -> Given {
    Given::active_under(terms(Custody::Client), "10")
}

fn signed(n: u128, cost: &str, max: &str) -> Action {
    hold(to_place(n, of(cost), 600), Some(voucher(max)))
}

fn too_low(needed: &str, stored: &str, given: Option<&str>, charged: &str) -> Then {
    Err(SessionKeyError::VoucherTooLow {
        needed: amount(needed),
        stored: amount(stored),
        given: given.map(amount),
        charged: amount(charged),
        currency: Currency::USDC,
    })
}

#[test]
fn a_voucher_must_reach_for_all_that_was_charged_and_is_held() {
    let mut given = client();
    given.charged(vouched("1", "1"));
    assert_eq!(given.when(place_hold(1, "2")), too_low("3", "1", None, "1"));
    assert_eq!(given.held(signed(1, "2", "3")).voucher, Some(voucher("3").stored));
    // Two holds and a charge can never together exceed what was signed.
    assert_eq!(given.when(signed(2, "0.0000001", "3")), too_low("3.000001", "3", Some("3"), "1"));
    assert_eq!(given.when(flat("0.5")), too_low("3.5", "3", None, "1"));
    assert_eq!(given.when(extend(1, "0.5")), too_low("3.5", "3", None, "1"));
    let more = hold(to_extend(1, of("0.5"), None), Some(voucher("4")));
    let events = given.when(more).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::HoldExtended(e)] if e.voucher == Some(voucher("4").stored)),
        "{events:?}"
    );
    assert_eq!(given.held(place_hold(2, "0.5")).voucher, None, "what is kept suffices");
    // Longer is not more.
    given.when(hold(to_extend(1, vec![], Some(3_600)), None)).unwrap();
    assert_eq!(given.captured(capture(1, None)).charge.voucher, None, "what was held was signed for");
    assert_eq!(given.planned(1).voucher, Some(voucher("4").stored));
}

#[test]
fn what_is_released_may_be_used_without_another_signature() {
    let mut given = client();
    given.held(signed(1, "4", "4"));
    assert!(given.when(flat("1")).is_err());
    given.captured(capture(1, Some("1")));
    assert_eq!(given.charged(flat("1")).voucher, None);
    given.held(place_hold(2, "2"));
    given.released(void(2));
    given.charged(flat("2"));
    assert_eq!(given.when(flat("0.000001")), too_low("4.000001", "4", None, "4"));
}

#[test]
fn a_voucher_for_a_hold_is_looked_at_as_one_for_a_charge_is() {
    let mut given = client();
    let forged = Voucher { signer: Address([0x99; 20]), ..voucher("4") };
    assert_eq!(given.when(hold(to_place(1, of("1"), 60), Some(forged))), Err(SessionKeyError::VoucherWrongSigner));
    let above = given.when(signed(1, "1", "10.000001"));
    assert!(matches!(above, Err(SessionKeyError::VoucherAboveDeposit { .. })), "{above:?}");
    assert_eq!(given.when(signed(1, "11", "10")), insufficient("11", "10", "0"));
    let mut managed = Given::active("10");
    assert_eq!(managed.when(signed(1, "1", "1")), Err(SessionKeyError::VoucherNotTaken));
    assert_eq!(managed.held(place_hold(1, "1")).voucher, None);
}

#[test]
fn a_periods_limit_counts_what_is_held() {
    let mut given = hourly();
    given.charged(flat("1"));
    assert_eq!(given.held(place_hold(1, "1.5")).period_start, Some(at(VALID_AFTER)));
    for action in [flat("0.6"), place_hold(2, "0.6"), extend(1, "0.6")] {
        assert_eq!(given.when(action), over_the_limit("0.6", "0.5", "2026-03-10T13:00:30Z"));
    }
    given.when(extend(1, "0.5")).unwrap();
    given.captured(capture(1, Some("1")));
    given.held(place_hold(2, "1"));
    given.released(void(2));
    given.charged(flat("1"));
    assert_eq!(given.session.period, Some((at(VALID_AFTER), amount("3"))));
}

#[test]
fn a_capture_counts_in_the_period_in_which_its_hold_was_placed() {
    let next = at("2026-03-10T13:00:30Z");
    for somebody_was_first in [false, true] {
        let mut given = hourly();
        given.held(place_hold(1, "3"));
        if somebody_was_first {
            given.when_at(flat("1"), next).unwrap();
            given.when_at(place_hold(2, "1"), next).unwrap();
        }
        let events = given.when_at(capture_part(1, "2"), next).unwrap();
        assert!(
            matches!(&events[..], [SessionKeyEvent::Captured(e)] if e.charge.period_start == Some(at(VALID_AFTER))),
            "{events:?}"
        );
        let free = if somebody_was_first { "1" } else { "3" };
        assert_eq!(given.when_at(flat("3.1"), next), over_the_limit("3.1", free, "2026-03-10T14:00:30Z"));
        given.when_at(flat(free), next).unwrap();
        given.when_at(void(1), next).unwrap();
        let denied = given.when_at(flat("0.1"), next);
        assert!(denied.is_err(), "what the period before gives back is not for this one: {denied:?}");
    }
}

#[test]
fn a_period_that_is_over_gives_nothing_more() {
    let (next, over) = (at("2026-03-10T13:00:30Z"), "2026-03-10T13:00:30Z");
    let mut given = hourly();
    given.charged(flat("2"));
    given.held(place_hold(1, "1"));
    given.when_at(flat("1"), next).unwrap();
    given.when_at(place_hold(2, "1"), next).unwrap();
    // Were it counted as a period nothing was charged in, five could be charged in it.
    assert_eq!(given.when_at(extend(1, "2"), next), over_the_limit("2", "0", over));
    let longer = hold(to_extend(1, vec![], Some(60)), None);
    given.when_at(longer, next).unwrap();
    given.when_at(extend(2, "1"), next).unwrap();
    // Also when nobody was there since.
    let mut given = hourly();
    given.held(place_hold(1, "1"));
    assert_eq!(given.when_at(extend(1, "0.1"), next), over_the_limit("0.1", "0", over));
}

#[test]
fn what_was_held_can_be_captured_after_the_end_and_nothing_more_be_held() {
    let ends = [
        (vec![Action::Freeze], T0, SessionKeyError::WrongStatus(Status::Frozen)),
        (vec![seen(Fact::Frozen, 5)], T0, SessionKeyError::WrongStatus(Status::Frozen)),
        (vec![seen(Fact::Revoked, 5)], T0, SessionKeyError::WrongStatus(Status::Revoked)),
        (vec![Action::Expire], VALID_UNTIL, SessionKeyError::Expired(at(VALID_UNTIL))),
        (vec![plan(1), release(1)], T0, SessionKeyError::SetAside("skipped".into())),
    ];
    for (end, when, why) in ends {
        let mut given = Given::active("10");
        given.charged(flat("1"));
        given.held(place_hold(1, "2"));
        given.held(place_hold(2, "2"));
        given.held(place_hold(3, "2"));
        for action in end {
            given.when_at(action, at(when)).unwrap();
        }
        for action in [place_hold(4, "1"), extend(1, "1"), hold(to_extend(1, vec![], Some(60)), None)] {
            assert_eq!(given.when(action.clone()), Err(why.clone()), "{action:?}");
        }
        given.captured(capture(1, Some("1.5")));
        given.released(void(2));
        assert_eq!(given.when_at(sweep(), at(VALID_UNTIL)).unwrap().len(), 1);
        assert_eq!((given.session.charged, given.session.held), (amount("2.5"), Amount::ZERO), "{why}");
    }
}

#[test]
fn a_pending_session_holds_nothing() {
    let mut given = Given::granted(terms(Custody::Managed));
    given.when(done(deposit("10"), 5)).unwrap();
    assert_eq!(given.when(place_hold(1, "1")), Err(SessionKeyError::WrongStatus(Status::Pending)));
}

#[test]
fn what_is_wanted_back_cannot_be_held_and_is_not_made_available_by_a_release() {
    let mut given = Given::active("10");
    given.held(place_hold(1, "6"));
    given.when(seen(request(Some("3")), 5)).unwrap();
    assert_eq!(given.when(place_hold(2, "1.5")), insufficient("1.5", "1", "0"));
    let mut all = Given::active("10");
    all.held(place_hold(1, "6"));
    all.held(place_hold(2, "1"));
    all.when(seen(request(None), 5)).unwrap();
    assert_eq!(all.available(), "0");
    // Until the contract has paid it out, claims that come first win.
    assert_eq!(all.captured(capture(1, Some("4"))).charge.after.available, Amount::ZERO);
    assert_eq!(all.released(void(2)).after.available, Amount::ZERO);
    assert_eq!(all.planned(1).amount, amount("4"));
}

#[test]
fn what_the_owner_has_taken_back_cannot_be_captured() {
    let mut given = Given::active("10");
    given.charged(flat("1"));
    given.held(place_hold(1, "6"));
    given.when(seen(request(None), 5)).unwrap();
    given.when(done(withdrawn("5"), 6)).unwrap();
    assert_eq!(given.when(capture(1, None)), insufficient("6", "4", "0"));
    given.when(seen(deposit("1"), 7)).unwrap();
    assert_eq!(given.when(capture(1, None)), insufficient("6", "4", "1"));
    given.captured(capture_part(1, "3"));
    given.when(done(deposit("1"), 7)).unwrap();
    assert_eq!(given.available(), "0", "what comes in is for what is held first");
    assert_eq!(given.when(capture(1, None)), insufficient("3", "2", "0"));
    given.captured(capture(1, Some("2")));
    assert_eq!((given.available(), given.session.charged), ("0".into(), amount("6")));
}

#[test]
fn it_stays_open_while_something_is_held() {
    let mut given = Given::active("4");
    given.held(place_hold(1, "4"));
    given.when(Action::Revoke).unwrap();
    given.when(done(withdrawn("4"), 5)).unwrap();
    given.ignores(Action::Close);
    given.captured(capture_part(1, "0"));
    given.ignores(Action::Close);
    given.released(void(1));
    assert_eq!(given.when(Action::Close).unwrap().len(), 1);
    assert_eq!(given.when(place_hold(2, "1")), Err(SessionKeyError::WrongStatus(Status::Closed)));
    assert_eq!(given.when(capture(1, None)), Err(HoldError::NotOpen.into()));
    assert_eq!(given.when(sweep()), Ok(Vec::new()));
}

#[test]
fn the_state_is_a_function_of_the_events() {
    let mut given = hourly();
    let next = at("2026-03-10T13:00:30Z");
    for (action, now) in [
        (place_hold(1, "1"), at(T0)),
        (extend(1, "1.5"), at(T0)),
        (capture_part(1, "0.5"), at(T0)),
        (hold(to_place(2, of("0.5"), 60), None), at(T0)),
        (place_hold(3, "2"), next),
        (capture(1, Some("1")), next),
        (sweep(), next),
        (void(3), next),
    ] {
        assert!(!given.when_at(action, now).unwrap().is_empty());
        assert_eq!(given.replayed(), given.session);
    }
    let snapshot = serde_json::to_string(&given.session).unwrap();
    assert_eq!(serde_json::from_str::<SessionKey>(&snapshot).unwrap(), given.session);
}
