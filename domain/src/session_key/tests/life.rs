//! From drawn up to closed: registration, deposits, relays, revocation, expiry, the end.

use super::*;

fn done_relay(n: u128) -> Action {
    Action::RelayDone { relay_id: relay_id(n), tx_hash: Bytes32([4; 32]), block_number: 9 }
}

#[test]
fn it_is_drawn_up_once_and_found_by_its_name_on_chain() {
    let mut given = Given::granted(terms(Custody::Managed));
    let Some((SessionKeyEvent::Granted(granted), _)) = given.log.first().cloned() else { panic!("{:?}", given.log) };
    let grant = given.session.grant.clone().unwrap();
    assert_eq!((grant.id, grant.customer_id, grant.granted_at), (granted.session_key_id, customer(), at(T0)));
    let entries = SessionKeyEvent::Granted(granted.clone()).index_entries();
    let key = granted.terms.session_id.0.to_vec();
    assert_eq!(entries, [crate::IndexEntry { kind: INDEX_CHAIN_SESSION, key }]);
    assert_eq!(given.when(Action::Grant(Box::new(granted))), Err(SessionKeyError::AlreadyGranted));
}

#[test]
fn it_is_active_only_when_its_registration_is_final() {
    let mut given = Given::granted(terms(Custody::Managed));
    given.ignores(seen(registered(), 5));
    assert_eq!(given.status(), Status::Pending);
    given.when(done(deposit("10"), 5)).unwrap();
    assert_eq!(given.when(flat("1")), Err(SessionKeyError::WrongStatus(Status::Pending)), "money alone is not enough");
    let events = given.when(done(registered(), 5)).unwrap();
    assert!(matches!(events[..], [SessionKeyEvent::Registered(_)]), "{events:?}");
    assert_eq!(given.status(), Status::Active);
    given.charged(flat("1"));
    given.ignores(done(registered(), 5));
}

#[test]
fn a_registration_with_another_key_is_not_this_session_key() {
    // The session's id does not bind the key: vouchers of the one that is known here would not be paid.
    let mut given = Given::granted(terms(Custody::Managed));
    given.ignores(done(Fact::Registered { key: Address([0x99; 20]) }, 5));
    assert_eq!(given.status(), Status::Pending);
}

#[test]
fn a_deposit_is_shown_at_first_sight_and_counts_when_final() {
    let mut given = Given::active("0");
    let events = given.when(seen(deposit("10"), 5)).unwrap();
    assert!(matches!(events[..], [SessionKeyEvent::DepositSeen(_)]), "{events:?}");
    assert_eq!((given.available(), given.session.pending_deposits.len()), ("0".into(), 1));
    given.when(done(deposit("10"), 5)).unwrap();
    assert_eq!((given.available(), given.session.pending_deposits.len()), ("10".into(), 0));
    // One that was never seen before is credited all the same.
    given.when(done(deposit("1"), 6)).unwrap();
    assert_eq!(given.available(), "11");
}

#[test]
fn a_deposit_that_is_seen_after_it_was_final_is_not_shown_as_pending() {
    let mut given = Given::active("0");
    given.when(done(deposit("10"), 5)).unwrap();
    given.ignores(seen(deposit("10"), 5));
    given.ignores(seen(deposit("10"), 4));
    given.when(seen(deposit("10"), 6)).unwrap();
    assert_eq!(given.session.pending_deposits.len(), 1);
}

#[test]
fn pending_deposits_have_a_limit_and_final_ones_have_none() {
    let mut given = Given::active("0");
    for block in 10..10 + PENDING_DEPOSITS_MAX as u64 {
        assert_eq!(given.when(seen(deposit("1"), block)).unwrap().len(), 1);
    }
    given.ignores(seen(deposit("1"), 100));
    for block in 10..=10 + PENDING_DEPOSITS_MAX as u64 {
        given.when(done(deposit("1"), block)).unwrap();
    }
    assert_eq!((given.available(), given.session.pending_deposits.len()), ("33".into(), 0));
}

#[test]
fn a_session_is_registered_once_and_tried_again_only_after_a_failure() {
    let mut given = Given::granted(terms(Custody::Managed));
    let events = given.when(relay(1, RelayAction::Register)).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::RelayRequested(e)]
        if e.to == terms(Custody::Managed).contract && e.calldata == HexBytes(1u128.to_be_bytes().to_vec())),
        "{events:?}"
    );
    assert_eq!(given.when(relay(2, RelayAction::Open)), Err(SessionKeyError::AlreadyRegistered), "it is on its way");
    given.when(relay_failed(1)).unwrap();
    given.when(relay(2, RelayAction::Open)).unwrap();
    given.when(done_relay(2)).unwrap();
    given.when(done(registered(), 9)).unwrap();
    for action in [RelayAction::Register, RelayAction::Open] {
        assert_eq!(given.when(relay(3, action)), Err(SessionKeyError::AlreadyRegistered));
    }
}

#[test]
fn nothing_is_relayed_for_a_session_that_the_chain_does_not_know() {
    let mut given = Given::granted(terms(Custody::Managed));
    for action in [
        RelayAction::Deposit,
        RelayAction::Freeze,
        RelayAction::Unfreeze,
        RelayAction::Revoke,
        RelayAction::RequestWithdraw,
        RelayAction::FinalizeWithdraw,
    ] {
        assert_eq!(given.when(relay(1, action)), Err(SessionKeyError::WrongStatus(Status::Pending)), "{action:?}");
    }
}

#[test]
fn a_session_whose_time_is_over_is_not_registered() {
    let mut given = Given::granted(terms(Custody::Managed));
    let late = given.when_at(relay(1, RelayAction::Register), at(VALID_UNTIL));
    assert_eq!(late, Err(SessionKeyError::Expired(at(VALID_UNTIL))));
    given.when(Action::Revoke).unwrap();
    let revoked = Err(SessionKeyError::WrongStatus(Status::Revoked));
    assert_eq!(given.when(relay(1, RelayAction::Register)), revoked);
}

#[test]
fn after_the_end_only_withdrawals_are_relayed() {
    let mut given = Given::active("10");
    given.when(Action::Revoke).unwrap();
    let over = || Err(SessionKeyError::WrongStatus(Status::Revoked));
    for action in [RelayAction::Deposit, RelayAction::Freeze, RelayAction::Unfreeze, RelayAction::Revoke] {
        assert_eq!(given.when(relay(1, action)), over(), "{action:?}");
    }
    given.when(relay(1, RelayAction::RequestWithdraw)).unwrap();
    given.when(relay(2, RelayAction::FinalizeWithdraw)).unwrap();
    given.when(done_relay(1)).unwrap();
    given.when(done_relay(2)).unwrap();
    given.when(done(withdrawn("10"), 20)).unwrap();
    given.when(Action::Close).unwrap();
    let closed = Err(SessionKeyError::WrongStatus(Status::Closed));
    assert_eq!(given.when(relay(3, RelayAction::RequestWithdraw)), closed);
}

#[test]
fn what_may_be_on_its_way_has_a_limit() {
    let mut given = Given::active("10");
    for n in 0..RELAYS_MAX as u128 {
        given.when(relay(n, RelayAction::Deposit)).unwrap();
    }
    assert_eq!(given.when(relay(99, RelayAction::Deposit)), Err(SessionKeyError::TooManyRelays));
    given.when(done_relay(3)).unwrap();
    given.ignores(done_relay(3));
    given.ignores(relay_failed(3));
    given.when(relay(99, RelayAction::Deposit)).unwrap();
}

#[test]
fn a_relayed_revocation_counts_when_its_owner_asks() {
    let mut given = Given::active("10");
    let events = given.when(relay(1, RelayAction::Revoke)).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::Revoked(r), SessionKeyEvent::RelayRequested(_)]
        if r.by == FrozenBy::Owner && r.at.is_none()),
        "{events:?}"
    );
    given.when(relay_failed(1)).unwrap();
    assert_eq!(given.status(), Status::Revoked, "a revocation is for ever, whatever becomes of its transaction");
}

#[test]
fn a_revocation_is_for_ever_and_counts_at_first_sight() {
    let mut given = Given::active("10");
    let events = given.when(seen(Fact::Revoked, 5)).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::Revoked(r)] if r.by == FrozenBy::Owner && r.at == Some(place(5, 0))),
        "{events:?}"
    );
    let events = given.when(done(Fact::Revoked, 5)).unwrap();
    assert!(matches!(&events[..], [SessionKeyEvent::Revoked(r)] if r.is_final), "that is said once: {events:?}");
    given.ignores(done(Fact::Revoked, 5));
    assert_eq!(given.when(seen(Fact::Revoked, 6)).unwrap().len(), 1, "each is kept: one of them may go away");
    assert_eq!(given.when(Action::Revoke).unwrap().len(), 1, "the organization's stands, whatever the chain says");
    given.ignores(Action::Revoke);
    given.ignores(seen(Fact::Revoked, 7));
    let over = || Err(SessionKeyError::WrongStatus(Status::Revoked));
    assert_eq!(given.when(Action::Freeze), over());
    assert_eq!(given.when(Action::Unfreeze), over());
    assert_eq!(given.when_at(Action::Expire, at(VALID_UNTIL)), Ok(Vec::new()), "it has ended before");
}

#[test]
fn the_organization_can_revoke_what_has_not_ended() {
    let mut pending = Given::granted(terms(Custody::Managed));
    let events = pending.when(Action::Revoke).unwrap();
    assert!(matches!(&events[..], [SessionKeyEvent::Revoked(r)] if r.by == FrozenBy::Organization), "{events:?}");
    let mut expired = Given::active("10");
    expired.when_at(Action::Expire, at(VALID_UNTIL)).unwrap();
    assert_eq!(expired.when(Action::Revoke), Err(SessionKeyError::WrongStatus(Status::Expired)));
}

#[test]
fn expiry_is_noted_when_its_time_has_come() {
    let mut given = Given::active("10");
    let just_before = at("2026-04-10T12:00:29.999999Z");
    assert_eq!(given.when_at(Action::Expire, just_before), Ok(Vec::new()));
    let events = given.when_at(Action::Expire, at(VALID_UNTIL)).unwrap();
    assert!(matches!(&events[..], [SessionKeyEvent::Expired(e)] if e.expired_at == at(VALID_UNTIL)), "{events:?}");
    assert_eq!(given.when_at(Action::Expire, at(VALID_UNTIL)), Ok(Vec::new()));
    let over = Err(SessionKeyError::WrongStatus(Status::Expired));
    assert_eq!(given.when(Action::Freeze), over);
}

#[test]
fn it_closes_when_all_that_was_earned_is_claimed_and_the_rest_went_back() {
    let mut given = Given::active("10");
    given.charged(flat("4.0000005"));
    given.ignores(Action::Close);
    given.when(Action::Revoke).unwrap();
    given.ignores(Action::Close);
    given.planned(1);
    given.when(done(withdrawn("5"), 20)).unwrap();
    given.when(done(claim("4", "4"), 21)).unwrap();
    assert_eq!(given.session.escrow(), amount("5"));
    given.ignores(Action::Close);
    given.when(done(withdrawn("1"), 22)).unwrap();
    // What lies below the token's unit can never be claimed: it is written off.
    let events = given.when(Action::Close).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::Closed(closed)] if closed.written_off == amount("0.0000005")),
        "{events:?}"
    );
    assert_eq!(given.status(), Status::Closed);
    given.ignores(Action::Close);
}

#[test]
fn it_does_not_close_for_a_revocation_that_may_go_away() {
    // Given a session of which nothing is left, and a revocation that is not final.
    let mut given = Given::active("0");
    given.when(seen(Fact::Revoked, 5)).unwrap();
    given.ignores(Action::Close);
    // When its block goes away, then it goes on.
    given.when(undo(Sight::Revocation, place(5, 0))).unwrap();
    given.when(done(deposit("1"), 6)).unwrap();
    given.charged(flat("1"));
    // And one that is final closes it, in whatever block it was seen before.
    let mut given = Given::active("0");
    given.when(seen(Fact::Revoked, 5)).unwrap();
    given.when(final_at(Fact::Revoked, elsewhere(place(5, 0), 7))).unwrap();
    assert_eq!(given.session.revoked_for_good, Some(elsewhere(place(5, 0), 7)));
    assert_eq!(given.when(Action::Close).unwrap().len(), 1);
    assert_eq!(given.replayed(), given.session);
    // So do an organization's, and time.
    let mut given = Given::active("0");
    given.when(seen(Fact::Revoked, 5)).unwrap();
    assert_eq!(given.when_at(Action::Close, at(VALID_UNTIL)).unwrap().len(), 1);
    let mut given = Given::active("0");
    given.when(seen(Fact::Revoked, 5)).unwrap();
    given.when(Action::Revoke).unwrap();
    assert_eq!(given.when(Action::Close).unwrap().len(), 1);
}

#[test]
fn a_revocation_of_an_older_log_counts_as_final() {
    let mut given = Given::active("0");
    let events = given.when(seen(Fact::Revoked, 5)).unwrap();
    let [SessionKeyEvent::Revoked(revoked)] = &events[..] else { panic!("{events:?}") };
    let stored = String::from_utf8(SessionKeyEvent::Revoked(revoked.clone()).encode()).unwrap();
    let older = stored.replace(r#","is_final":false"#, "");
    assert_ne!(older, stored);
    let read = SessionKeyEvent::decode("revoked", 1, older.as_bytes()).unwrap();
    let mut given = Given::active("0");
    given.session.apply_event(&read, at(T0));
    assert_eq!(given.when(Action::Close).unwrap().len(), 1);
}

#[test]
fn what_was_earned_and_taken_back_by_the_owner_is_written_off() {
    let mut given = Given::active("10");
    given.charged(flat("4"));
    given.when(Action::Revoke).unwrap();
    given.when(done(withdrawn("10"), 20)).unwrap();
    let events = given.when(Action::Close).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::Closed(closed)] if closed.written_off == amount("4")),
        "{events:?}"
    );
}

#[test]
fn it_stays_open_while_something_is_under_way() {
    let mut relayed = Given::active("0");
    relayed.when(relay(1, RelayAction::Revoke)).unwrap();
    relayed.ignores(Action::Close);
    relayed.when(done_relay(1)).unwrap();
    assert_eq!(relayed.when(Action::Close).unwrap().len(), 1);

    let mut depositing = Given::active("0");
    depositing.when(seen(deposit("1"), 5)).unwrap();
    depositing.when(Action::Revoke).unwrap();
    depositing.ignores(Action::Close);

    let mut earned = Given::active("1");
    earned.charged(flat("1"));
    earned.when(Action::Revoke).unwrap();
    earned.ignores(Action::Close);
    earned.planned(1);
    earned.ignores(Action::Close);
    earned.when(done(claim("1", "1"), 9)).unwrap();
    assert_eq!(earned.when(Action::Close).unwrap().len(), 1);
}

#[test]
fn the_state_is_a_function_of_the_events() {
    let mut given = Given::granted(terms(Custody::Client));
    let frozen = Action::Freeze;
    for action in [
        relay(1, RelayAction::Open),
        seen(deposit("10"), 5),
        done_relay(1),
        done(registered(), 5),
        done(deposit("10"), 5),
        vouched("2.5", "3"),
        relay(2, RelayAction::Freeze),
        relay_failed(2),
        seen(Fact::Frozen, 8),
        done(Fact::Unfrozen, 9),
        frozen,
        Action::Unfreeze,
        plan(1),
        release(1),
        Action::PlanClaim { settlement_id: settlement(2), again: true },
        done(claim("2.5", "2.5"), 12),
        seen(request(Some("1")), 13),
        done(Fact::WithdrawCancelled, 14),
        seen(request(None), 15),
        done(withdrawn("7.5"), 16),
        Action::Revoke,
        Action::Close,
    ] {
        let events = given.when(action.clone()).unwrap();
        assert!(!events.is_empty(), "{action:?}");
        assert_eq!(given.replayed(), given.session, "{action:?}");
    }
    assert_eq!(given.status(), Status::Closed);
    // A snapshot is the state, too.
    let snapshot = serde_json::to_string(&given.session).unwrap();
    assert_eq!(serde_json::from_str::<SessionKey>(&snapshot).unwrap(), given.session);
}
