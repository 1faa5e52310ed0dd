//! Another key for the session: at first sight, when it is final, and what becomes of the voucher that is kept.

use super::*;

fn client() -> Given {
    Given::active_under(terms(Custody::Client), "10")
}

/// A voucher by this key.
fn signed_by(signer: Address, cost: &str, max: &str) -> Action {
    charge(of(cost), Some(Voucher { signer, ..voucher(max) }))
}

fn key_of(given: &Given) -> Address {
    given.session.grant.as_ref().unwrap().terms.key
}

#[test]
fn while_it_is_not_final_only_the_voucher_that_is_kept_counts() {
    let mut given = client();
    given.charged(vouched("1", "3"));
    let events = given.when(seen(rotated(NEXT), 5)).unwrap();
    assert!(matches!(&events[..], [SessionKeyEvent::RotationSeen(seen)] if seen.key == NEXT), "{events:?}");
    assert_eq!(key_of(&given), key());
    assert_eq!(given.charged(flat("1")).voucher, None);
    // One that comes along and is not needed is not kept: it is not known whether it will be paid.
    assert_eq!(given.charged(vouched("0.5", "5")).voucher, None);
    for signer in [key(), NEXT] {
        assert_eq!(given.when(signed_by(signer, "1", "4")), Err(SessionKeyError::KeyRotating));
    }
    assert_eq!(given.when(flat("1")), Err(SessionKeyError::KeyRotating), "what is signed now would be refused");
    assert_eq!(given.when(hold(to_place(1, of("1"), 600), Some(voucher("4")))), Err(SessionKeyError::KeyRotating));
    given.held(hold(to_place(1, of("0.5"), 600), None));
}

#[test]
fn when_it_is_gone_all_is_as_before() {
    let mut given = client();
    given.when(seen(rotated(NEXT), 5)).unwrap();
    assert_eq!(given.when(vouched("1", "3")), Err(SessionKeyError::KeyRotating));
    given.when(undo(Sight::Rotation, place(5, 0))).unwrap();
    given.charged(vouched("1", "3"));
}

#[test]
fn when_it_is_final_the_new_keys_vouchers_count() {
    let mut given = client();
    given.when(seen(rotated(NEXT), 5)).unwrap();
    let events = given.when(done(rotated(NEXT), 5)).unwrap();
    let [SessionKeyEvent::KeyRotated(event)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.former_key, event.key, event.former_voucher_until), (key(), NEXT, None));
    assert_eq!((key_of(&given), given.session.rotation), (NEXT, None));
    assert_eq!(given.when(vouched("1", "3")), Err(SessionKeyError::VoucherWrongSigner));
    given.charged(signed_by(NEXT, "1", "3"));
    given.ignores(done(rotated(NEXT), 5));
    given.ignores(seen(rotated(NEXT), 5));
}

#[test]
fn the_former_keys_voucher_pays_for_what_it_was_given_for_and_for_nothing_new() {
    let mut given = client();
    given.charged(vouched("1", "8"));
    given.held(place_hold(1, "2"));
    given.when(done(rotated(NEXT), 5)).unwrap();
    assert_eq!(given.session.former_until, Some(at(CLAIMABLE_UNTIL)));
    let too_low = |needed: &str, given: Option<&str>, charged: &str| SessionKeyError::VoucherTooLow {
        needed: amount(needed),
        stored: Amount::ZERO,
        given: given.map(amount),
        charged: amount(charged),
        currency: Currency::USDC,
    };
    assert_eq!(given.when(flat("1")), Err(too_low("4", None, "1")));
    assert_eq!(given.when(place_hold(2, "1")), Err(too_low("4", None, "1")));
    assert_eq!(given.charged(flat("0")).voucher, None, "what costs nothing needs nothing");
    // What is held was signed for.
    given.captured(capture(1, None));
    assert_eq!(given.planned(1).voucher, Some(voucher("8").stored));
    given.claimed(claim("3", "3"), 6);
    // A new one must reach for all there is, and is kept though it says less.
    assert_eq!(given.when(signed_by(NEXT, "1", "3.5")), Err(too_low("4", Some("3.5"), "3")));
    assert_eq!(given.charged(signed_by(NEXT, "1", "4")).voucher, Some(voucher("4").stored));
    assert_eq!((given.session.former_until, given.session.voucher_by), (None, Some(NEXT)));
}

#[test]
fn a_lower_voucher_does_not_take_the_place_of_one_that_is_still_paid() {
    let mut given = client();
    given.charged(vouched("3", "8"));
    given.when(done(rotated(NEXT), 5)).unwrap();
    assert_eq!(given.charged(signed_by(NEXT, "0", "2")).voucher, None, "3 are charged");
    assert_eq!(given.session.voucher, Some(voucher("8").stored));
    assert_eq!(given.charged(signed_by(NEXT, "0", "3")).voucher, Some(voucher("3").stored));
}

#[test]
fn after_its_time_the_former_voucher_claims_nothing_until_a_new_one_comes() {
    let mut given = client();
    given.charged(vouched("3", "8"));
    given.when(done(rotated(NEXT), 5)).unwrap();
    let late = at(CLAIMABLE_UNTIL);
    let events = given.when_at(plan(1), late).unwrap();
    let [SessionKeyEvent::ClaimReleased(released)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((released.amount, released.reason.as_str()), (Amount::ZERO, KEY_REPLACED));
    assert_eq!(given.session.set_aside.as_deref(), Some(KEY_REPLACED));
    assert_eq!(given.when_at(plan(2), late), Err(SessionKeyError::SetAside(KEY_REPLACED.into())));
    let again = Action::PlanClaim { settlement_id: settlement(2), again: true };
    assert_eq!(given.when_at(again, late), Err(SessionKeyError::NothingToClaim));
    // That does not keep the client from signing with the new key.
    let charged = given.when_at(signed_by(NEXT, "1", "4"), late).unwrap();
    assert!(matches!(&charged[..], [SessionKeyEvent::Charged(_)]), "{charged:?}");
    assert_eq!(given.session.set_aside, None);
    let planned = given.when_at(plan(3), late).unwrap();
    assert!(matches!(&planned[..], [SessionKeyEvent::ClaimPlanned(p)] if p.amount == amount("4")), "{planned:?}");
}

#[test]
fn what_the_contract_skipped_of_a_former_key_is_made_up_for_by_the_new_one() {
    let mut given = client();
    given.charged(vouched("3", "8"));
    given.planned(1);
    given.when(done(rotated(NEXT), 5)).unwrap();
    given.when(release(1)).unwrap();
    assert_eq!(given.session.set_aside.as_deref(), Some("skipped"));
    given.charged(signed_by(NEXT, "1", "4"));
    assert_eq!(given.session.set_aside, None);
}

#[test]
fn a_claim_that_a_replaced_key_signed_is_planned_anew_by_the_present_one() {
    fn reason(events: &[SessionKeyEvent]) -> String {
        match events {
            [SessionKeyEvent::ClaimReleased(released)] => released.reason.clone(),
            other => panic!("expected a release, got {other:?}"),
        }
    }
    let refused = |n| Action::ReleaseClaim { settlement_id: settlement(n), reason: "bad_signature".into() };
    // Given a claim that is under way while its session gets another key: one that is kept here,
    let mut managed = Given::active("10");
    managed.charged(flat("3"));
    managed.planned(1);
    managed.when(Action::PrepareKey { key: NEXT }).unwrap();
    managed.when(done(rotated(NEXT), 5)).unwrap();
    // and one that a client keeps, which has signed anew.
    let mut client = client();
    client.charged(vouched("3", "8"));
    client.planned(1);
    client.when(done(rotated(NEXT), 5)).unwrap();
    client.charged(signed_by(NEXT, "0", "9"));
    for mut given in [managed, client] {
        // When the contract skips it, then the session goes on, and the next claim is the present key's.
        let events = given.when(refused(1)).unwrap();
        assert_eq!((reason(&events).as_str(), &given.session.set_aside), (KEY_ROTATED, &None));
        given.when(flat("1")).unwrap();
        assert_eq!(given.planned(2).amount, amount("4"));
        // What that key has signed and is skipped all the same waits for a person.
        let events = given.when(refused(2)).unwrap();
        assert_eq!(reason(&events), "bad_signature");
        assert_eq!(given.session.set_aside.as_deref(), Some("bad_signature"));
        assert_eq!(given.replayed(), given.session);
    }
    // Another reason has nothing to do with the key.
    let mut given = Given::active("10");
    given.charged(flat("3"));
    given.planned(1);
    given.when(Action::PrepareKey { key: NEXT }).unwrap();
    given.when(done(rotated(NEXT), 5)).unwrap();
    assert_eq!(reason(&given.when(release(1)).unwrap()), "skipped");
}

#[test]
fn no_hold_is_kept_longer_than_the_former_keys_voucher_is_paid() {
    // Given a hold that a voucher of the former key pays for until CLAIMABLE_UNTIL, a day after T0.
    let mut given = client();
    given.charged(vouched("1", "8"));
    given.held(place_hold(1, "2"));
    given.when(done(rotated(NEXT), 5)).unwrap();
    let longer = |secs| to_extend(1, Vec::new(), Some(secs));
    let too_low = |given: Option<&str>| SessionKeyError::VoucherTooLow {
        needed: amount("3"),
        stored: Amount::ZERO,
        given: given.map(amount),
        charged: amount("1"),
        currency: Currency::USDC,
    };
    // When it is to stand longer, then the present key has to sign for it.
    given.when(hold(longer(86_400), None)).unwrap();
    assert_eq!(given.when(hold(longer(86_401), None)), Err(too_low(None)));
    let by_next = |max: &str| Some(Voucher { signer: NEXT, ..voucher(max) });
    assert_eq!(given.when(hold(longer(86_401), by_next("2"))), Err(too_low(Some("2"))));
    given.when(hold(longer(86_401), by_next("3"))).unwrap();
    assert_eq!((given.session.former_until, given.session.voucher_by), (None, Some(NEXT)));
    given.when(hold(longer(90_000), None)).unwrap();
}

#[test]
fn of_two_rotations_the_first_says_until_when_the_voucher_is_paid() {
    let other = Address([0x24; 20]);
    let later = |key| Fact::KeyRotated { key, claimable_until: at("2026-03-15T12:00:00Z") };
    let mut given = client();
    given.charged(vouched("1", "3"));
    given.when(done(rotated(NEXT), 5)).unwrap();
    given.when(done(later(other), 6)).unwrap();
    assert_eq!((key_of(&given), given.session.former_until), (other, Some(at(CLAIMABLE_UNTIL))));
    // Back to the key that signed it.
    given.when(done(later(key()), 7)).unwrap();
    assert_eq!((key_of(&given), given.session.former_until), (key(), None));
    given.charged(flat("1"));
}

#[test]
fn a_later_rotation_outlives_an_earlier_one_that_is_final() {
    let mut given = client();
    let other = Address([0x24; 20]);
    given.when(seen(rotated(NEXT), 5)).unwrap();
    given.when(seen(rotated(other), 7)).unwrap();
    let events = given.when(done(rotated(NEXT), 5)).unwrap();
    assert!(matches!(&events[..], [_, SessionKeyEvent::RotationSeen(seen)] if seen.key == other), "{events:?}");
    assert_eq!((key_of(&given), given.session.rotation.unwrap().key), (NEXT, other));
    given.when(done(rotated(other), 7)).unwrap();
    assert_eq!((key_of(&given), given.session.rotation), (other, None));
}

#[test]
fn a_managed_key_is_replaced_by_one_that_was_prepared() {
    let mut given = Given::active("10");
    let prepare = |key| Action::PrepareKey { key };
    assert!(matches!(given.when(prepare(NEXT)).unwrap()[..], [SessionKeyEvent::KeyPrepared(_)]));
    given.ignores(prepare(NEXT));
    assert_eq!(given.when(prepare(Address([0x24; 20]))), Err(SessionKeyError::KeyPrepared(NEXT)), "it may be signed");
    given.when(relay(1, RelayAction::RotateKey)).unwrap();
    given.when(seen(rotated(NEXT), 5)).unwrap();
    given.charged(flat("1"));
    given.when(done(rotated(NEXT), 5)).unwrap();
    assert_eq!((key_of(&given), given.session.prepared_key, given.session.former_until), (NEXT, None, None));
    given.charged(flat("1"));
    assert_eq!(given.planned(1).amount, amount("2"));
    given.ignores(prepare(NEXT));
    given.when(prepare(Address([0x24; 20]))).unwrap();
}

#[test]
fn a_key_is_prepared_where_it_is_kept_and_as_long_as_it_can_be_used() {
    let prepare = || Action::PrepareKey { key: NEXT };
    assert_eq!(client().when(prepare()), Err(SessionKeyError::NotManaged));
    let mut revoked = Given::active("10");
    revoked.when(Action::Revoke).unwrap();
    assert_eq!(revoked.when(prepare()), Err(SessionKeyError::WrongStatus(Status::Revoked)));
}

#[test]
fn a_managed_key_that_nobody_here_knows_ends_the_session_key() {
    for is_final in [false, true] {
        let mut given = Given::active("10");
        let events = given.when(Action::Observe { fact: rotated(NEXT), at: place(5, 0), is_final }).unwrap();
        assert!(matches!(&events[..], [SessionKeyEvent::Revoked(r)] if r.at == Some(place(5, 0))), "{events:?}");
        assert_eq!((given.status(), key_of(&given)), (Status::Revoked, key()));
        let again = given.when(done(rotated(NEXT), 5)).unwrap();
        assert_eq!(again.len(), usize::from(!is_final), "that it is final is said once: {again:?}");
        given.ignores(done(rotated(NEXT), 5));
    }
    // And when its block goes away, it goes on.
    let mut given = Given::active("10");
    given.when(seen(rotated(NEXT), 5)).unwrap();
    let events = given.when(undo(Sight::Rotation, place(5, 0))).unwrap();
    assert!(matches!(&events[..], [SessionKeyEvent::SightUndone(u)] if u.what == Sight::Revocation), "{events:?}");
    given.charged(flat("1"));
}
