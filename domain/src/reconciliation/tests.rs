use uuid::Uuid;

use super::*;
use crate::EventPayload;
use crate::evm::Address;
use crate::ids::SessionKeyId;
use crate::money::Currency;

fn organization() -> OrganizationId {
    OrganizationId::new(Uuid::from_u128(1))
}

fn at(text: &str) -> Timestamp {
    format!("2026-01-01T{text}Z").parse().unwrap()
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn escrow(n: u128) -> Subject {
    Subject::SessionEscrow { session_key_id: SessionKeyId::new(Uuid::from_u128(n)) }
}

fn claimed(n: u128) -> Subject {
    Subject::SessionClaimed { session_key_id: SessionKeyId::new(Uuid::from_u128(n)) }
}

fn found(subject: Subject, ledger: &str, chain: &str) -> Found {
    Found::new(subject, amount(ledger), amount(chain), Currency::USDC, vec!["the chain knows less".into()])
}

fn figures(as_of_block: u64) -> Compared {
    Compared {
        as_of_block,
        chain_id: 31_337,
        contract: Address([7; 20]),
        session_keys: 2,
        payees: 1,
        exact_payments: 0,
        ledger_escrow: amount("10"),
        chain_escrow: amount("9"),
        ledger_claimed: amount("4"),
        chain_claimed: amount("4"),
        ledger_transferred: amount("4"),
        chain_transferred: amount("4"),
        ledger_exact: Amount::ZERO,
        chain_exact: Amount::ZERO,
        currency: Currency::USDC,
        open: 0,
        not_opened: 0,
    }
}

fn compare(block: u64, found: Vec<Found>, fine: Vec<Subject>) -> Action {
    Action::Compare(Box::new(Comparison { figures: figures(block), found, fine }))
}

fn run(state: &mut Reconciliation, now: &str, action: Action) -> Result<Vec<ReconciliationEvent>, ReconciliationError> {
    let command = ReconciliationCommand { organization_id: organization(), action };
    let events = state.handle_command(&command, at(now))?;
    for event in &events {
        state.apply_event(event, at(now));
    }
    Ok(events)
}

/// What kinds of events a command came to.
fn kinds(state: &mut Reconciliation, now: &str, action: Action) -> Vec<&'static str> {
    run(state, now, action).unwrap().iter().map(EventPayload::event_type).collect()
}

fn close(subject: Subject, resolution: Resolution, note: &str) -> Action {
    Action::Close {
        difference_id: subject.difference_id(organization()),
        by: "api_key:key_1".into(),
        resolution,
        note: note.into(),
    }
}

#[test]
fn it_is_opened_once_changed_and_closed_by_the_chain() {
    let mut state = Reconciliation::default();
    assert_eq!(kinds(&mut state, "00:00:00", compare(5, vec![], vec![escrow(1)])), ["compared"]);
    let ten_nine = || vec![found(escrow(1), "10", "9")];
    assert_eq!(kinds(&mut state, "00:00:10", compare(15, ten_nine(), vec![])), ["opened", "compared"]);
    assert_eq!(kinds(&mut state, "00:00:20", compare(25, ten_nine(), vec![])), [""; 0], "as before");
    let now = vec![found(escrow(1), "10", "8")];
    assert_eq!(kinds(&mut state, "00:00:30", compare(35, now, vec![])), ["changed"]);
    let difference = state.differences.values().next().unwrap();
    assert_eq!((difference.found.amount, difference.as_of_block), (Some(amount("2")), 35));
    // What nobody looked at stays as it is.
    assert_eq!(kinds(&mut state, "00:00:40", compare(45, vec![], vec![claimed(1)])), [""; 0]);
    let events = run(&mut state, "00:00:50", compare(55, vec![], vec![escrow(1)])).unwrap();
    let [ReconciliationEvent::Closed(closed), ReconciliationEvent::Compared(compared)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((closed.by.as_str(), closed.resolution), (BY_CHAIN, Resolution::Resolved));
    assert_eq!((compared.open, state.differences.len()), (0, 0));
}

#[test]
fn what_was_explained_stays_closed_until_it_is_another() {
    let mut state = Reconciliation::default();
    let differs = |chain: &str| vec![found(claimed(1), "4", chain)];
    run(&mut state, "00:00:00", compare(5, differs("5"), vec![])).unwrap();
    for (note, denied) in [("", true), (&*"x".repeat(501), true), ("the payee collected", false)] {
        let closed = run(&mut state, "00:00:05", close(claimed(1), Resolution::Explained, note));
        assert_eq!(closed == Err(ReconciliationError::NoteOutOfRange), denied, "{note}");
    }
    let again = run(&mut state, "00:00:06", close(claimed(1), Resolution::Explained, "twice"));
    assert_eq!(again, Err(ReconciliationError::NotOpen));
    assert_eq!(kinds(&mut state, "00:00:10", compare(15, differs("5"), vec![])), ["compared"], "one open item less");
    assert_eq!(state.open(), 0);
    assert_eq!(kinds(&mut state, "00:00:20", compare(25, differs("5"), vec![])), [""; 0]);
    assert_eq!(kinds(&mut state, "00:00:30", compare(35, differs("6"), vec![])), ["opened", "compared"]);
    assert_eq!(state.open(), 1);
    // What was explained and goes away is forgotten: when it comes again it is opened again.
    run(&mut state, "00:00:40", close(claimed(1), Resolution::Explained, "the same as before")).unwrap();
    run(&mut state, "00:00:50", compare(45, vec![], vec![claimed(1)])).unwrap();
    assert_eq!(kinds(&mut state, "00:01:00", compare(55, differs("6"), vec![])), ["opened", "compared"]);
}

#[test]
fn only_escrow_that_the_chain_has_less_of_is_accepted() {
    let mut state = Reconciliation::default();
    let all = [found(escrow(1), "10", "9"), found(escrow(2), "9", "10"), found(claimed(3), "10", "9")];
    run(&mut state, "00:00:00", compare(5, all.to_vec(), vec![])).unwrap();
    for (subject, fits) in [(escrow(1), true), (escrow(2), false), (claimed(3), false)] {
        let closed = run(&mut state, "00:00:05", close(subject, Resolution::Accepted, "the node was restored"));
        assert_eq!(closed.is_ok(), fits, "{subject:?}: {closed:?}");
    }
    let by_hand = run(&mut state, "00:00:06", close(escrow(2), Resolution::Resolved, "it is fine"));
    assert_eq!(by_hand, Err(ReconciliationError::NotAcceptable), "that is for the chain to say");
    let unknown = run(&mut state, "00:00:06", close(escrow(9), Resolution::Explained, "what?"));
    assert_eq!(unknown, Err(ReconciliationError::NotFound));
    // Until the ledger has followed it is neither open nor gone.
    let differs = vec![found(escrow(1), "10", "9")];
    assert_eq!(kinds(&mut state, "00:00:07", compare(6, differs, vec![])), ["compared"]);
    assert_eq!((state.open(), state.differences.len()), (2, 3));
}

#[test]
fn a_comparison_is_noted_when_it_says_something() {
    let mut state = Reconciliation::default();
    let same = || compare(5, vec![], vec![]);
    assert_eq!(kinds(&mut state, "00:00:00", same()), ["compared"]);
    assert_eq!(kinds(&mut state, "00:59:59", compare(900, vec![], vec![])), [""; 0], "a later block says nothing new");
    assert_eq!(kinds(&mut state, "01:00:00", same()), ["compared"], "an hour later");
    assert_eq!(kinds(&mut state, "01:00:01", Action::Request { by: "api_key:key_1".into() }), ["requested"]);
    assert_eq!(kinds(&mut state, "01:00:02", Action::Request { by: "api_key:key_2".into() }), [""; 0]);
    assert_eq!(kinds(&mut state, "01:00:03", same()), ["compared"], "somebody waits for it");
    assert_eq!(kinds(&mut state, "01:00:04", same()), [""; 0]);
    let mut other = figures(6);
    other.chain_escrow = amount("10");
    let other = Action::Compare(Box::new(Comparison { figures: other, found: vec![], fine: vec![] }));
    assert_eq!(kinds(&mut state, "01:00:05", other), ["compared"]);
}

#[test]
fn there_are_at_most_ten_thousand() {
    let mut state = Reconciliation::default();
    let count = DIFFERENCES_MAX as u128 + 3;
    let all: Vec<_> = (0..count).map(|n| found(escrow(n), "10", "9")).collect();
    let mut rounds = 0;
    loop {
        let events = run(&mut state, "00:00:00", compare(5, all.clone(), vec![])).unwrap();
        assert!(events.len() <= CHANGES_MAX + 1, "{}", events.len());
        if events.is_empty() {
            break;
        }
        rounds += 1;
    }
    assert_eq!((state.differences.len(), rounds), (DIFFERENCES_MAX, DIFFERENCES_MAX / CHANGES_MAX));
    let (compared, _) = state.compared.as_ref().unwrap();
    assert_eq!((compared.open, compared.not_opened), (DIFFERENCES_MAX as u64, 3));
    // One that goes away makes room for one.
    let (last, fine) = (all[DIFFERENCES_MAX].clone(), vec![escrow(0)]);
    assert_eq!(
        kinds(&mut state, "00:00:01", compare(6, vec![last.clone(), last], fine)),
        ["closed", "opened", "compared"],
        "and is opened once"
    );
}

#[test]
fn causes_are_bounded() {
    let causes: Vec<_> = (0..50).map(|n| format!("transaction {n} {}", "x".repeat(400))).collect();
    let found = Found::new(escrow(1), amount("1"), amount("1.5"), Currency::USDC, causes);
    assert_eq!((found.causes.len(), found.amount), (CAUSES_MAX, Some(amount("0.5"))));
    assert_eq!(found.causes.last().map(String::as_str), Some("and 31 more"));
    assert!(found.causes.iter().all(|cause| cause.chars().count() <= CAUSE_CHARS_MAX));
}

#[test]
fn events_are_read_as_they_were_written() {
    let payee = Subject::Payee { chain_id: 31_337, token: Address([7; 20]), payee: Address([8; 20]) };
    let opened =
        Opened { difference_id: payee.difference_id(organization()), found: found(payee, "0", "1.25"), as_of_block: 7 };
    for event in [ReconciliationEvent::Opened(opened.clone()), ReconciliationEvent::Changed(opened)] {
        let read = ReconciliationEvent::decode(event.event_type(), event.schema(), &event.encode());
        assert_eq!(read, Ok(event));
    }
    let other = OrganizationId::new(Uuid::from_u128(2));
    assert_ne!(payee.difference_id(organization()), payee.difference_id(other));
    assert_ne!(escrow(1).difference_id(other), claimed(1).difference_id(other));
}
