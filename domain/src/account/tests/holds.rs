//! Money that is reserved, then charged or given back: never both, and never twice.

use super::*;
use crate::hold::{EXPIRED_MAX, HOLDS_MAX};

const LATER: &str = "2026-03-10T12:05:00Z";
/// When the holds of [`place`] run out.
const DEADLINE: &str = "2026-03-10T12:10:00Z";

fn not_open<T>() -> Result<T, AccountError> {
    Err(HoldError::NotOpen.into())
}

fn money(available: &str, held: &str, postpaid: &str) -> (String, String, String) {
    (available.into(), held.into(), postpaid.into())
}

fn parts(funds: &Funds) -> (Vec<(CreditGrantId, String)>, String) {
    (funds.credits.iter().map(|part| (part.grant_id, part.amount.to_string())).collect(), funds.postpaid.to_string())
}

fn moves(event: AccountEvent) -> Vec<(JournalAccount, JournalAccount, String)> {
    let postings = postings(&LedgerEvent::Account(event)).into_iter();
    postings.map(|posting| (posting.debit, posting.credit, posting.amount.to_string())).collect()
}

/// With credits of 5, and 3 post-paid.
fn opened() -> Given {
    let mut given = Given::opened("3");
    given.when(grant(1, "5", 100, None), T0).unwrap();
    given
}

#[test]
fn a_hold_reserves_credits_then_post_paid_room() {
    let mut given = opened();
    given.when(grant(2, "1", 0, None), T0).unwrap();
    let held = given.held(place(1, of("7.5")), T0);
    assert_eq!((held.amount, held.hold.held, held.hold.captured), (amount("7.5"), amount("7.5"), Amount::ZERO));
    assert_eq!((held.hold.placed_at, held.hold.expires_at), (at(T0), at(DEADLINE)));
    assert_eq!(parts(&held.funds), (vec![(grant_id(2), "1".into()), (grant_id(1), "5".into())], "1.5".into()));
    assert_eq!((held.after.credits, held.after.held_credits), (Amount::ZERO, amount("6")));
    assert_eq!((held.after.postpaid, held.after.held_postpaid), (Amount::ZERO, amount("1.5")));
    assert_eq!(given.money(), money("1.5", "7.5", "0"));
}

#[test]
fn what_is_held_cannot_be_spent_or_held_again() {
    let mut given = opened();
    given.held(place(1, of("6")), T0);
    let denied = AccountError::InsufficientFunds {
        amount: amount("2.01"),
        available: amount("2"),
        postpaid_limit: amount("3"),
        currency: Currency::USD,
    };
    for action in [flat("2.01"), place(2, of("2.01")), extend(1, of("2.01"), None)] {
        assert_eq!(given.when(action.clone(), T0), Err(denied.clone()), "{action:?}");
    }
    given.held(place(2, of("1")), T0);
    given.charged(flat("1"), T0);
    assert_eq!(given.money(), money("0", "7", "1"));
}

#[test]
fn a_capture_charges_what_it_came_to_and_gives_the_rest_back() {
    let mut given = opened();
    given.held(place(1, of("7")), T0);
    let captured = given.captured(capture(1, Some(of("4"))), LATER);
    assert_eq!((captured.is_final, captured.hold.held, captured.hold.captured), (true, Amount::ZERO, amount("4")));
    assert_eq!((captured.charge.amount, captured.charge.paid_by_credits()), (amount("4"), amount("4")));
    assert_eq!(parts(&captured.returned), (vec![(grant_id(1), "1".into())], "2".into()));
    assert_eq!(given.money(), money("4", "0", "0"));
    assert_eq!((given.account.charged, given.account.holds.len()), (amount("4"), 0));
}

#[test]
fn a_capture_that_says_nothing_takes_all() {
    let mut given = opened();
    given.held(place(1, of("7")), T0);
    let captured = given.captured(capture(1, None), LATER);
    assert_eq!((captured.charge.amount, captured.charge.postpaid), (amount("7"), amount("2")));
    assert_eq!(captured.charge.lines, [Line::flat(amount("7"))]);
    assert_eq!(captured.returned, Funds::default());
    assert_eq!(given.money(), money("1", "0", "2"));
}

#[test]
fn parts_are_captured_until_the_hold_is_closed() {
    let mut given = opened();
    given.held(place(1, of("7")), T0);
    let first = given.captured(capture_part(1, of("3")), LATER);
    assert_eq!((first.is_final, first.hold.held, first.returned), (false, amount("4"), Funds::default()));
    let second = given.captured(capture_part(1, of("3.5")), LATER);
    assert_eq!((second.charge.paid_by_credits(), second.charge.postpaid), (amount("2"), amount("1.5")));
    assert_eq!((second.hold.held, second.hold.captured), (amount("0.5"), amount("6.5")));
    let above = HoldError::CaptureAboveHold { amount: amount("0.51"), held: amount("0.5"), currency: Currency::USD };
    for is_final in [false, true] {
        assert_eq!(given.when(take(1, Some(of("0.51")), is_final), LATER), Err(above.clone().into()));
    }
    // With nothing left it is still open: it can be extended.
    given.captured(capture_part(1, of("0.5")), LATER);
    assert_eq!(given.money(), money("1", "0", "2"));
    given.when(extend(1, of("1"), None), LATER).unwrap();
    let last = given.captured(capture(1, None), LATER);
    assert_eq!((last.charge.amount, last.hold.captured), (amount("1"), amount("8")));
    assert_eq!((given.money(), given.account.charged), (money("0", "0", "3"), amount("8")));
}

#[test]
fn an_extension_reserves_more_or_for_longer() {
    let mut given = opened();
    given.held(place(1, of("2")), T0);
    let AccountEvent::HoldExtended(more) = given.one(extend(1, of("4"), None), LATER) else { panic!() };
    assert_eq!((more.amount, more.hold.held, more.hold.expires_at), (amount("4"), amount("6"), at(DEADLINE)));
    assert_eq!(parts(&more.funds), (vec![(grant_id(1), "3".into())], "1".into()));
    let AccountEvent::HoldExtended(longer) = given.one(extend(1, vec![], Some(600)), LATER) else { panic!() };
    assert_eq!((longer.amount, longer.hold.held), (Amount::ZERO, amount("6")));
    assert_eq!((longer.hold.placed_at, longer.hold.expires_at), (at(T0), at("2026-03-10T12:15:00Z")));
    assert!(given.when(sweep(), DEADLINE).unwrap().is_empty());
    let before = given.account.clone();
    assert!(given.when(extend(1, of("2.01"), Some(9_999)), LATER).is_err());
    assert_eq!(given.account, before, "what is denied changes nothing");
    // Credits that came after the post-paid room was reserved are spent first all the same.
    given.when(grant(2, "1", 0, None), LATER).unwrap();
    given.when(extend(1, of("1"), None), LATER).unwrap();
    let captured = given.captured(capture(1, Some(of("6.5"))), LATER);
    assert_eq!((captured.charge.paid_by_credits(), captured.charge.postpaid), (amount("6"), amount("0.5")));
}

#[test]
fn a_void_gives_everything_back() {
    let mut given = opened();
    let before = given.account.clone();
    given.held(place(1, of("7")), T0);
    let released = given.released(void(1), LATER);
    assert_eq!(parts(&released.returned), (vec![(grant_id(1), "5".into())], "2".into()));
    assert_eq!((released.hold.held, released.hold.captured), (Amount::ZERO, Amount::ZERO));
    assert_eq!(Account { events: before.events, ..given.account.clone() }, before);
    // Of a hold that was captured in part it is the rest.
    given.held(place(2, of("7")), T0);
    given.captured(capture_part(2, of("1")), LATER);
    let released = given.released(void(2), LATER);
    assert_eq!((released.returned.amount(), released.hold.captured), (amount("6"), amount("1")));
    assert_eq!(given.money(), money("7", "0", "0"));
}

#[test]
fn time_alone_ends_no_hold() {
    let mut given = opened();
    given.held(place(1, of("1")), T0);
    given.held(place_for(2, of("1"), 60), T0);
    assert!(given.when(sweep(), "2026-03-10T12:00:59.999999Z").unwrap().is_empty());
    let events = given.when(sweep(), "2026-03-10T12:01:00Z").unwrap();
    assert!(
        matches!(&events[..], [AccountEvent::HoldExpired(e)]
        if e.hold.hold_id == hold_id(2) && e.returned.amount() == amount("1")),
        "{events:?}"
    );
    // A capture that comes before the event wins, and so does an extension.
    given.when(extend(1, vec![], Some(60)), "2026-03-10T13:00:00Z").unwrap();
    assert!(given.when(sweep(), "2026-03-10T13:00:00Z").unwrap().is_empty());
    given.captured(capture(1, None), "2026-03-10T13:30:00Z");
    assert!(given.when(sweep(), "2026-03-10T13:30:00Z").unwrap().is_empty());
}

#[test]
fn one_sweep_ends_many_holds_and_says_the_balances_after_each() {
    let mut given = Given::opened("500");
    let many = EXPIRED_MAX as u128 + 5;
    for n in 0..many {
        given.held(place(n, of("2")), T0);
    }
    let events = given.when(sweep(), DEADLINE).unwrap();
    assert_eq!((events.len(), given.account.holds.len()), (EXPIRED_MAX, 5));
    assert_eq!(given.when(sweep(), DEADLINE).unwrap().len(), 5);
    assert!(given.when(sweep(), DEADLINE).unwrap().is_empty());
    assert_eq!(given.money(), money("500", "0", "0"));
}

#[test]
fn a_hold_ends_once() {
    let ends = || [capture(1, None), capture(1, Some(of("1"))), void(1), sweep()];
    for end in ends() {
        let mut given = opened();
        given.held(place(1, of("2")), T0);
        assert_eq!(given.when(end.clone(), DEADLINE).unwrap().len(), 1);
        for second in [capture(1, None), capture(1, Some(vec![])), capture_part(1, of("1")), void(1)] {
            assert_eq!(given.when(second.clone(), DEADLINE), not_open(), "{second:?} after {end:?}");
        }
        assert_eq!(given.when(extend(1, vec![], Some(60)), DEADLINE), not_open());
        assert!(given.when(sweep(), DEADLINE).unwrap().is_empty());
    }
    assert_eq!(opened().when(void(7), T0), not_open(), "there never was one");
}

#[test]
fn an_open_hold_is_not_placed_again() {
    let mut given = opened();
    given.held(place(1, of("2")), T0);
    assert_eq!(given.when(place(1, of("1")), T0), Err(HoldError::AlreadyOpen.into()));
    assert_eq!(given.money(), money("6", "2", "0"), "what the first reserves is not forgotten");
}

#[test]
fn so_many_holds_may_be_open() {
    let mut account = opened().account;
    let hold = Hold { placed_at: at(T0), expires_at: at(DEADLINE), ..given_hold() };
    account.holds = (0..HOLDS_MAX as u128).map(|n| (hold_id(n), hold.clone())).collect();
    let mut given = Given { account, log: Vec::new() };
    assert_eq!(given.when(place(HOLDS_MAX as u128, of("1")), T0), Err(HoldError::TooMany.into()));
    given.account.holds.remove(&hold_id(3));
    given.held(place(HOLDS_MAX as u128, of("1")), T0);
}

/// Of nothing.
fn given_hold() -> Hold {
    let (placed_at, expires_at) = (at(T0), at(DEADLINE));
    Hold { funds: Funds::default(), usage: Vec::new(), captured: Amount::ZERO, placed_at, version: 0, expires_at }
}

#[test]
fn what_is_held_of_a_grant_outlives_its_end() {
    let end = "2026-03-10T12:06:00Z";
    let mut given = Given::opened("0");
    given.when(grant(1, "5", 0, Some(end)), T0).unwrap();
    given.held(place(1, of("3")), T0);
    given.held(place(2, of("1")), T0);
    // Only what is not held is lost, once.
    let events = given.when(Action::ExpireCredits, end).unwrap();
    assert!(matches!(&events[..], [AccountEvent::CreditExpired(e)] if e.amount == amount("1")), "{events:?}");
    assert!(given.when(Action::ExpireCredits, end).unwrap().is_empty());
    let captured = given.captured(capture(1, Some(of("2"))), end);
    assert_eq!((captured.charge.paid_by_credits(), captured.returned.amount()), (amount("2"), amount("1")));
    // What comes back is worth nothing any more: the next event says so.
    let late = given.when(flat("1"), end);
    assert!(matches!(late, Err(AccountError::InsufficientFunds { available, .. }) if available.is_zero()), "{late:?}");
    let events = given.when(void(2), end).unwrap();
    assert!(
        matches!(&events[..], [AccountEvent::CreditExpired(lost), AccountEvent::Voided(_)] if lost.amount == amount("1")),
        "{events:?}"
    );
    let events = given.when(Action::ExpireCredits, end).unwrap();
    assert!(matches!(&events[..], [AccountEvent::CreditExpired(e)] if e.amount == amount("1")), "{events:?}");
    assert!(given.account.grants.is_empty());
}

#[test]
fn expired_credits_leave_before_a_hold_is_placed() {
    let mut given = opened();
    given.when(grant(2, "4", 0, Some("2026-03-10T12:01:00Z")), T0).unwrap();
    let events = given.when(place(1, of("8")), LATER).unwrap();
    assert!(matches!(&events[..], [AccountEvent::CreditExpired(_), AccountEvent::Held(_)]), "{events:?}");
    assert_eq!(given.money(), money("0", "8", "0"));
}

#[test]
fn a_lower_limit_takes_nothing_from_what_is_held() {
    let mut given = opened();
    given.held(place(1, of("8")), T0);
    given.when(set_limit("1"), T0).unwrap();
    assert_eq!(given.money(), money("0", "8", "0"));
    assert!(matches!(given.when(extend(1, of("0.01"), None), T0), Err(AccountError::InsufficientFunds { .. })));
    let captured = given.captured(capture(1, Some(of("7.5"))), T0);
    assert_eq!((captured.charge.postpaid, captured.charge.after.postpaid_limit), (amount("2.5"), amount("1")));
    assert!(matches!(given.when(place(2, of("0.01")), T0), Err(AccountError::InsufficientFunds { .. })));
}

#[test]
fn what_is_held_counts_among_the_grants_and_the_balance_that_can_be_kept() {
    let most = "1000000000000000";
    let mut given = Given::opened("0");
    given.when(grant(1, most, 0, None), T0).unwrap();
    given.held(place(1, of(most)), T0);
    assert_eq!(given.when(grant(2, "1", 0, None), T0), Err(AccountError::BalanceTooLarge), "it may come back");
    given.released(void(1), T0);
    assert_eq!(given.account.credits(), amount(most));
    // All that is held must one day fit among what was charged.
    let mut given = Given::opened(most);
    given.held(place(1, of("600000000000000")), T0);
    assert_eq!(given.when(flat("500000000000000"), T0), Err(AccountError::BalanceTooLarge));

    let mut given = Given::opened("0");
    let end = "2026-03-10T12:01:00Z";
    for n in 0..GRANTS_MAX as u128 {
        given.account.apply_event(&given.one_grant(n, end), at(T0));
    }
    given.held(place(1, of("999.5")), T0);
    given.held(place(2, of("0.25")), T0);
    // Of each a part is held when its time is over; of the last one another part is not.
    assert_eq!(given.when(grant(9_999, "1", 0, None), LATER), Err(AccountError::TooManyGrants));
    given.captured(capture(1, None), LATER);
    given.when(grant(9_999, "1", 0, None), LATER).unwrap();
}

impl Given {
    fn one_grant(&self, n: u128, end: &str) -> AccountEvent {
        let command = AccountCommand { organization_id: org(), action: grant(n, "1", 0, Some(end)) };
        self.account.handle_command(&command, at(T0)).unwrap().remove(0)
    }
}

#[test]
fn another_organization_and_another_currency_are_refused() {
    let mut given = opened();
    given.held(place(1, of("1")), T0);
    let euro: Currency = "EUR".parse().unwrap();
    let mismatch = Err(AccountError::CurrencyMismatch { expected: Currency::USD, given: euro });
    let usage =
        vec![Usage::Metered { meter: Meter { currency: euro, ..meter("calls", "1") }, quantity: quantity("1") }];
    for action in [place(2, usage.clone()), extend(1, usage.clone(), None), capture(1, Some(usage))] {
        assert_eq!(given.when(action.clone(), T0), mismatch);
        let foreign = AccountCommand { organization_id: OrganizationId::new(Uuid::from_u128(9)), action };
        assert_eq!(given.account.handle_command(&foreign, at(T0)), Err(AccountError::NotFound));
    }
}

#[test]
fn only_credits_move_in_the_journal_before_there_is_a_charge() {
    use JournalAccount::{CustomerCredits, CustomerHeld, CustomerReceivable, Revenue};
    let (credits, held, owed) = (CustomerCredits(customer()), CustomerHeld(customer()), CustomerReceivable(customer()));
    let mut given = opened();
    assert_eq!(moves(given.one(place(1, of("4")), T0)), [(credits, held, "4".into())]);
    assert_eq!(moves(given.one(extend(1, of("3"), None), T0)), [(credits, held, "1".into())]);
    let part = [(held, Revenue, "4.5".into())];
    assert_eq!(moves(given.one(capture_part(1, of("4.5")), T0)), part);
    assert_eq!(
        moves(given.one(capture(1, Some(of("1"))), T0)),
        [(held, Revenue, "0.5".into()), (owed, Revenue, "0.5".into())]
    );
    given.when(grant(2, "2", 0, None), T0).unwrap();
    given.held(place(2, of("3")), T0);
    assert_eq!(moves(given.one(void(2), T0)), [(held, credits, "2".into())]);
    given.held(place(3, of("1")), T0);
    let captured = given.one(capture(3, Some(of("0.4"))), T0);
    assert_eq!(moves(captured), [(held, Revenue, "0.4".into()), (held, credits, "0.6".into())]);
    given.held(place(4, of("1")), T0);
    assert_eq!(moves(given.one(sweep(), DEADLINE)), [(held, credits, "1".into())]);
}
