//! Money of a deposit that is reserved, then charged or given back: never both, and never twice.

use super::*;
use crate::event::LedgerEvent;
use crate::hold::{EXPIRED_MAX, HOLDS_MAX};
use crate::postings::{JournalAccount, postings};

/// When the holds of [`place_hold`] run out.
const DEADLINE: &str = "2026-03-10T12:20:00Z";

fn not_open() -> Then {
    Err(HoldError::NotOpen.into())
}

fn moves(event: &SessionKeyEvent) -> Vec<(JournalAccount, JournalAccount, String)> {
    let postings = postings(&LedgerEvent::SessionKey(event.clone())).into_iter();
    postings.map(|posting| (posting.debit, posting.credit, posting.amount.to_string())).collect()
}

#[test]
fn a_hold_reserves_part_of_the_deposit() {
    let mut given = Given::active("10");
    let held = given.held(place_hold(1, "4"));
    assert_eq!((held.amount, held.hold.held, held.hold.captured), (amount("4"), amount("4"), Amount::ZERO));
    assert_eq!((held.hold.placed_at, held.hold.expires_at), (at(T0), at(DEADLINE)));
    assert_eq!((held.after.held, held.after.charged, held.after.available), (amount("4"), Amount::ZERO, amount("6")));
    for action in [flat("6.000001"), place_hold(2, "6.000001"), extend(1, "6.000001")] {
        assert_eq!(given.when(action), insufficient("6.000001", "6", "0"));
    }
    given.held(place_hold(2, "3"));
    given.charged(flat("3"));
    assert_eq!((given.available(), given.session.held), ("0".into(), amount("7")));
}

#[test]
fn a_capture_charges_what_it_came_to_and_gives_the_rest_back() {
    let mut given = Given::active("10");
    given.held(place_hold(1, "4"));
    let captured = given.captured(capture(1, Some("1.5")));
    assert_eq!((captured.is_final, captured.hold.held, captured.hold.captured), (true, Amount::ZERO, amount("1.5")));
    assert_eq!((captured.charge.amount, captured.returned), (amount("1.5"), amount("2.5")));
    assert_eq!((given.available(), given.session.charged), ("8.5".into(), amount("1.5")));
    given.held(place_hold(2, "2"));
    assert_eq!(given.captured(capture(2, None)).charge.lines, [crate::charge::Line::flat(amount("2"))]);
    assert_eq!(given.planned(1).amount, amount("3.5"), "what was captured is earned");
}

#[test]
fn parts_are_captured_until_the_hold_is_closed() {
    let mut given = Given::active("10");
    given.held(place_hold(1, "4"));
    let first = given.captured(capture_part(1, "3"));
    assert_eq!((first.is_final, first.hold.held, first.returned), (false, amount("1"), Amount::ZERO));
    let above = HoldError::CaptureAboveHold { amount: amount("1.1"), held: amount("1"), currency: Currency::USDC };
    for is_final in [false, true] {
        assert_eq!(given.when(take(1, Some(of("1.1")), is_final)), Err(above.clone().into()));
    }
    given.captured(capture_part(1, "1"));
    // With nothing left it is still open: it can be extended.
    given.when(extend(1, "2")).unwrap();
    let last = given.captured(capture(1, Some("1")));
    assert_eq!((last.hold.captured, last.returned), (amount("5"), amount("1")));
    assert_eq!((given.available(), given.session.charged), ("5".into(), amount("5")));
}

#[test]
fn an_extension_reserves_more_or_for_longer() {
    let mut given = Given::active("10");
    given.held(place_hold(1, "4"));
    let events = given.when(extend(1, "2")).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::HoldExtended(e)]
        if (e.amount, e.hold.held, e.hold.expires_at) == (amount("2"), amount("6"), at(DEADLINE))),
        "{events:?}"
    );
    let longer = hold(to_extend(1, vec![], Some(601)), None);
    let events = given.when(longer).unwrap();
    let deadline = at("2026-03-10T12:20:01Z");
    assert!(
        matches!(&events[..], [SessionKeyEvent::HoldExtended(e)]
        if (e.amount, e.hold.placed_at, e.hold.expires_at) == (Amount::ZERO, at(T0), deadline)),
        "{events:?}"
    );
    assert_eq!(given.when_at(sweep(), at(DEADLINE)), Ok(Vec::new()));
    assert_eq!(given.when_at(sweep(), deadline).unwrap().len(), 1);
}

#[test]
fn a_void_gives_everything_back() {
    let mut given = Given::active("10");
    given.charged(flat("1"));
    given.held(place_hold(1, "4"));
    let released = given.released(void(1));
    assert_eq!(
        (released.returned, released.hold.held, released.after.available),
        (amount("4"), Amount::ZERO, amount("9"))
    );
    given.held(place_hold(2, "4"));
    given.captured(capture_part(2, "1"));
    let released = given.released(void(2));
    assert_eq!((released.returned, released.hold.captured), (amount("3"), amount("1")));
    assert_eq!((given.available(), given.session.charged, given.session.held), ("8".into(), amount("2"), Amount::ZERO));
}

#[test]
fn time_alone_ends_no_hold() {
    let mut given = Given::active("10");
    given.held(place_hold(1, "1"));
    given.held(place_hold(2, "2"));
    assert_eq!(given.when_at(sweep(), at("2026-03-10T12:19:59.999999Z")), Ok(Vec::new()));
    // A capture that comes before the event wins.
    given.when_at(capture(1, None), at(DEADLINE)).unwrap();
    let events = given.when_at(sweep(), at(DEADLINE)).unwrap();
    assert!(
        matches!(&events[..], [SessionKeyEvent::HoldExpired(e)]
        if e.hold.hold_id == hold_id(2) && e.returned == amount("2")),
        "{events:?}"
    );
    assert_eq!((given.available(), given.session.charged), ("9".into(), amount("1")));
}

#[test]
fn one_sweep_ends_many_holds_and_says_the_balances_after_each() {
    let mut given = Given::active("500");
    for n in 0..EXPIRED_MAX as u128 + 5 {
        given.held(place_hold(n, "2"));
    }
    assert_eq!(given.when_at(sweep(), at(DEADLINE)).unwrap().len(), EXPIRED_MAX);
    assert_eq!(given.session.held, amount("10"));
    assert_eq!(given.when_at(sweep(), at(DEADLINE)).unwrap().len(), 5);
    assert_eq!(given.when_at(sweep(), at(DEADLINE)), Ok(Vec::new()));
    assert_eq!(given.available(), "500");
}

#[test]
fn a_hold_ends_once() {
    let ends = || [capture(1, None), capture(1, Some("1")), void(1), sweep()];
    for end in ends() {
        let mut given = Given::active("10");
        given.held(place_hold(1, "2"));
        assert_eq!(given.when_at(end.clone(), at(DEADLINE)).unwrap().len(), 1);
        let more = hold(to_extend(1, vec![], Some(60)), None);
        for second in [capture(1, None), take(1, Some(vec![]), true), capture_part(1, "1"), void(1), more] {
            assert_eq!(given.when_at(second.clone(), at(DEADLINE)), not_open(), "{second:?} after {end:?}");
        }
        assert_eq!(given.when_at(sweep(), at(DEADLINE)), Ok(Vec::new()));
    }
    assert_eq!(Given::active("10").when(void(7)), not_open(), "there never was one");
}

#[test]
fn an_open_hold_is_not_placed_again() {
    let mut given = Given::active("10");
    given.held(place_hold(1, "2"));
    assert_eq!(given.when(place_hold(1, "1")), Err(HoldError::AlreadyOpen.into()));
    assert_eq!((given.available(), given.session.held), ("8".into(), amount("2")));
}

#[test]
fn all_that_is_held_must_one_day_fit_among_what_was_charged() {
    let mut given = Given::active("1000000000000000");
    given.held(place_hold(1, "600000000000000"));
    assert_eq!(given.when(flat("500000000000000")), Err(SessionKeyError::BalanceTooLarge));
}

#[test]
fn so_many_holds_may_be_open() {
    let mut given = Given::active("10");
    let one = given.held(place_hold(0, "0")).hold.hold_id;
    let open = given.session.holds[&one].clone();
    given.session.holds = (0..HOLDS_MAX as u128).map(|n| (hold_id(n), open.clone())).collect();
    assert_eq!(given.when(place_hold(HOLDS_MAX as u128, "1")), Err(HoldError::TooMany.into()));
    given.session.holds.remove(&hold_id(3));
    given.held(place_hold(HOLDS_MAX as u128, "1"));
}

#[test]
fn another_organization_and_another_currency_are_refused() {
    let mut given = Given::active("10");
    given.held(place_hold(1, "1"));
    let mismatch = Err(SessionKeyError::CurrencyMismatch { expected: Currency::USDC, given: Currency::USD });
    let usage = || vec![metered(Currency::USD, "1", "1")];
    let actions =
        [hold(to_place(2, usage(), 60), None), hold(to_extend(1, usage(), None), None), take(1, Some(usage()), true)];
    for action in actions {
        assert_eq!(given.when(action.clone()), mismatch);
        let foreign = SessionKeyCommand { organization_id: OrganizationId::new(Uuid::from_u128(9)), action };
        assert_eq!(given.session.handle_command(&foreign, at(T0)), Err(SessionKeyError::NotFound));
    }
}

#[test]
fn money_moves_in_the_journal_when_it_is_held_and_when_it_is_charged() {
    use JournalAccount::{ChainEscrow, CustomerEscrow, CustomerHeld, MerchantAccrued, Revenue};
    let (escrow, held) = (CustomerEscrow(customer()), CustomerHeld(customer()));
    let mut given = Given::active("10");
    let mut one = |action| {
        let events = given.when_at(action, at(DEADLINE)).unwrap();
        assert_eq!(events.len(), 1);
        moves(&events[0])
    };
    let earned = |text: &str| [(held, Revenue, text.into()), (MerchantAccrued, ChainEscrow, text.to_owned())];
    assert_eq!(one(place_hold(1, "4")), [(escrow, held, "4".into())]);
    assert_eq!(one(extend(1, "1")), [(escrow, held, "1".into())]);
    assert_eq!(one(capture_part(1, "2")), earned("2"));
    assert_eq!(one(capture(1, Some("1")))[..2], earned("1"));
    assert_eq!(one(place_hold(2, "3")), [(escrow, held, "3".into())]);
    assert_eq!(one(capture(2, Some("1")))[2], (held, escrow, "2".into()));
    one(place_hold(3, "3"));
    assert_eq!(one(void(3)), [(held, escrow, "3".into())]);
    one(hold(to_place(4, of("3"), 0), None));
    assert_eq!(one(sweep()), [(held, escrow, "3".into())]);
}
