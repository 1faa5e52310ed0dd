//! The life of an invoice: each command in each status, its number, payments, and how it ends.

use super::*;
use crate::invoice::event::{Finalized, Settled};

/// Each command in each status, in the order of [`Status::ALL`]: the events that follow, `!` when the status forbids
/// it.
#[test]
fn each_command_in_each_status() {
    let add = || Action::AddLines { lines: vec![line("1")], taxes: Vec::new() };
    let unknown = || Action::NumberCreditNote { credit_note_id: note_id(9), number: "CN-1".to_owned() };
    let late = "2027-01-01T00:00:00Z";
    let no_such = "the invoice has no such credit note";
    type Row<'a> = (&'a dyn Fn() -> Action, [&'a str; 7]);
    let table: [Row<'_>; 16] = [
        (&add, ["lines_added", "!", "!", "!", "!", "!", "!"]),
        (&|| Action::RemoveLine { index: 0 }, ["line_removed", "!", "!", "!", "!", "!", "!"]),
        (&|| Action::Discard, ["discarded", "!", "!", "!", "!", "!", ""]),
        (&|| Action::Seal, ["sealed", "", "!", "!", "!", "!", "!"]),
        (&|| number(NUMBER), ["!", "finalized", "", "", "", "", "!"]),
        (&|| number("INV-000002"), ["!", "finalized", "!", "!", "!", "!", "!"]),
        (
            &|| pay(7, "100"),
            ["!", "!", "payment_applied+paid", "payment_applied", "payment_applied", "payment_applied+paid", "!"],
        ),
        (&|| expect(7, "100"), ["!", "!", "payment_expected", "!", "!", "payment_expected", "!"]),
        (&|| offset("100"), ["offset", "offset", "offset+paid", "offset", "offset", "offset+paid", "offset"]),
        (&|| fail(1), ["", "", "", "", "", "", ""]),
        (&|| Action::Void, ["!", "!", "voided", "!", "", "!", "!"]),
        (&|| Action::MarkUncollectible, ["!", "!", "marked_uncollectible", "!", "!", "", "!"]),
        (
            &|| credit(1, &[]),
            ["!", "!", "credit_note_issued+paid", "credit_note_issued", "!", "credit_note_issued+paid", "!"],
        ),
        (&unknown, [no_such; 7]),
        (&|| Action::Advance, ["", "", "overdue", "", "", "", ""]),
        (&|| Action::Collect, ["!", "!", "attempt_due", "!", "!", "!", "!"]),
    ];
    for (action, outcomes) in table {
        for (status, expected) in Status::ALL.into_iter().zip(outcomes) {
            let mut given = Given::in_status(status);
            assert_eq!(given.outcome(action(), late), expected, "{:?} when {}", action(), status.name());
        }
    }
}

fn finalized(events: &[InvoiceEvent]) -> &Finalized {
    events
        .iter()
        .find_map(|event| match event {
            InvoiceEvent::Finalized(finalized) => Some(finalized),
            _ => None,
        })
        .unwrap()
}

fn settled(events: &[InvoiceEvent]) -> &Settled {
    events
        .iter()
        .find_map(|event| match event {
            InvoiceEvent::Paid(e) | InvoiceEvent::Voided(e) | InvoiceEvent::MarkedUncollectible(e) => Some(e),
            _ => None,
        })
        .unwrap()
}

#[test]
fn with_its_number_it_is_due() {
    let mut given = Given::sealed(plain(vec![line("100"), usage("0.123456")]));
    let events = given.when(number(NUMBER), T0).unwrap();
    let finalized = finalized(&events);
    // 14 days after it could be known, five seconds after its date.
    assert_eq!((finalized.number.as_str(), finalized.due_at), (NUMBER, at("2026-03-24T00:00:05Z")));
    assert_eq!(finalized.subscription_id, Some(subscription()));
    assert_eq!(finalized.totals.total, amount("100.12"));
    let booked = Booked {
        fees: signed("100"),
        postpaid: amount("0.123456"),
        rounding: signed("-0.003456"),
        ..Booked::default()
    };
    assert_eq!(finalized.booked, booked);
    let invoice = &given.invoice;
    assert_eq!((invoice.number.as_deref(), invoice.status), (Some(NUMBER), Status::Open));
    assert_eq!((invoice.due_at, invoice.next_attempt_at), (Some(finalized.due_at), Some(finalized.due_at)));
    assert_eq!((invoice.finalized_at, invoice.postpaid()), (Some(at(T0)), amount("0.123456")));
}

#[test]
fn it_is_due_after_its_date_also_when_that_lies_ahead() {
    let ahead = Draft { at: at("2026-04-01T00:00:00Z"), ..plain(vec![line("100")]) };
    assert_eq!(Given::finalized(ahead).invoice.due_at, Some(at("2026-04-15T00:00:00Z")));
}

#[test]
fn what_comes_to_nothing_is_paid_at_once() {
    let mut given = Given::sealed(automatic(vec![usage("2"), line("-2")]));
    let events = given.when(number(NUMBER), T0).unwrap();
    assert_eq!(events.len(), 2, "and nothing is tried to be paid");
    assert_eq!(settled(&events).postpaid, amount("2"));
    assert_eq!((given.invoice.status, given.invoice.paid_at), (Status::Paid, Some(at(T0))));
    // What is given back becomes credits, and there is nothing to pay either.
    let given = Given::finalized(plain(vec![line("-2.5"), usage("1")]));
    assert_eq!((given.invoice.status, given.booked().to_credits), (Status::Paid, amount("1.5")));
    assert_eq!((given.booked().fees, given.booked().postpaid), (signed("-2.5"), amount("1")));
}

#[test]
fn payments_add_up() {
    let mut given = Given::finalized(plain(vec![usage("30"), line("70")]));
    assert_eq!(given.outcome(pay(1, "40"), T0), "payment_applied");
    assert_eq!((given.invoice.paid, given.invoice.unpaid()), (amount("40"), amount("60")));
    assert_eq!(given.when(pay(1, "40"), T0), Ok(Vec::new()), "the same payment");
    assert_eq!(given.when(pay(2, "0"), T0), Err(InvoiceError::ZeroAmount));
    let fine = InvoiceError::AmountOutOfRange(MoneyError::TooPrecise { max: 2 });
    assert_eq!(given.when(pay(2, "0.001"), T0), Err(fine));
    let events = given.when(pay(2, "60"), "2026-03-12T00:00:00Z").unwrap();
    let paid = settled(&events);
    assert_eq!((paid.postpaid, paid.remaining, paid.recovered), (amount("30"), Amount::ZERO, Amount::ZERO));
    assert_eq!((paid.subscription_id, paid.after.next_attempt_at), (Some(subscription()), None));
    assert_eq!(given.when(pay(1, "40"), T0), Ok(Vec::new()), "and once more when nothing is due");
    let ids: Vec<_> = given.invoice.payments.iter().map(|applied| applied.payment_id).collect();
    assert_eq!(ids, [payment(1), payment(2)]);
}

#[test]
fn what_is_more_than_is_due_is_told_apart() {
    let mut given = Given::finalized(plain(vec![line("100")]));
    let surplus = |events: &[InvoiceEvent]| match &events[0] {
        InvoiceEvent::PaymentApplied(applied) => (applied.amount, applied.surplus),
        other => panic!("{other:?}"),
    };
    given.when(pay(1, "40"), T0).unwrap();
    let events = given.when(pay(2, "75.5"), T0).unwrap();
    assert_eq!((surplus(&events), events.len()), ((amount("60"), amount("15.5")), 2));
    let events = given.when(pay(3, "5"), T0).unwrap();
    assert_eq!((surplus(&events), events.len()), ((Amount::ZERO, amount("5")), 1), "all of it");
    assert_eq!(given.when(pay(3, "5"), T0), Ok(Vec::new()));
    assert_eq!((given.invoice.paid, given.invoice.unpaid()), (amount("100"), Amount::ZERO));
    assert_eq!(given.invoice.payments[1].surplus, amount("15.5"));
    let mut given = Given::in_status(Status::Void);
    assert_eq!(surplus(&given.when(pay(1, "40"), T0).unwrap()), (Amount::ZERO, amount("40")));
    assert_eq!(given.invoice.status, Status::Void);
}

#[test]
fn what_another_invoice_gives_back_is_taken_off_what_is_due() {
    let mut given = Given::finalized(plain(vec![usage("30"), line("70")]));
    given.when(pay(1, "10"), T0).unwrap();
    let events = given.when(offset("50"), T0).unwrap();
    let [InvoiceEvent::Offset(taken)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((taken.amount, taken.left, taken.after.due), (amount("50"), Amount::ZERO, amount("40")));
    assert_eq!(given.invoice.offset, amount("50"));
    assert_eq!(given.when(Action::Void, T0), Err(InvoiceError::PartlyPaid));
    // What was taken off here is not taken back once more.
    let more = InvoiceError::MoreThanLeft { total: amount("50.01"), left: amount("50") };
    assert_eq!(given.when(credit(1, &[(1, "50.01")]), T0), Err(more));
    given.when(credit(1, &[(1, "50")]), T0).unwrap();
    assert_eq!((given.note(1).off_due, given.note(1).to_credits), (amount("40"), amount("10")));
    assert_eq!((given.invoice.status, given.invoice.unpaid()), (Status::Paid, Amount::ZERO));

    // All that is due, and the rest goes on.
    let mut given = Given::finalized(plain(vec![usage("30"), line("70")]));
    let events = given.when(offset("120"), T0).unwrap();
    let [InvoiceEvent::Offset(taken), InvoiceEvent::Paid(paid)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((taken.amount, taken.left, taken.then.len()), (amount("100"), amount("20"), 1));
    assert_eq!((paid.postpaid, given.invoice.next_attempt_at), (amount("30"), None));
    // One that waits for its number has less to be paid when it has it, or nothing.
    for (text, expected) in [("40", "finalized+attempt_due"), ("100", "finalized+paid")] {
        let mut given = Given::sealed(automatic(vec![line("100")]));
        assert_eq!(given.outcome(offset(text), T0), "offset");
        assert_eq!(given.outcome(number(NUMBER), T0), expected);
    }
}

#[test]
fn what_is_voided_is_taken_back_as_it_was_booked() {
    let rates = vec![rate(1, "standard", "19")];
    let mut given = Given::finalized(taxed(rates, vec![usage("10.123"), line("5.5")]));
    let total = given.invoice.unpaid();
    let events = given.when(Action::Void, T0).unwrap();
    let voided = settled(&events);
    assert_eq!((voided.remaining, voided.postpaid), (total, amount("10.123")));
    let (sold, back) = (given.booked(), voided.booked);
    assert_eq!(back.fees, signed("15.623"), "usage and fees");
    assert_eq!((back.tax, back.rounding), (sold.tax, sold.rounding));
    assert_eq!(sum([back.fees, back.tax, back.rounding].into_iter()), total.decimal());
    assert_eq!((given.invoice.unpaid(), given.invoice.voided_at), (Amount::ZERO, Some(at(T0))));
}

#[test]
fn what_was_paid_or_credited_is_not_voided() {
    let mut given = Given::in_status(Status::Open);
    given.when(pay(1, "10"), T0).unwrap();
    assert_eq!(given.when(Action::Void, T0), Err(InvoiceError::PartlyPaid));
    let mut given = Given::in_status(Status::Open);
    given.when(credit(1, &[(0, "10")]), T0).unwrap();
    assert_eq!(given.when(Action::Void, T0), Err(InvoiceError::PartlyPaid));
}

#[test]
fn what_was_given_up_may_come_all_the_same() {
    let mut given = Given::finalized(plain(vec![usage("30"), line("70")]));
    given.when(pay(1, "10"), T0).unwrap();
    let events = given.when(Action::MarkUncollectible, T0).unwrap();
    let lost = settled(&events);
    assert_eq!((lost.remaining, lost.postpaid), (amount("90"), Amount::ZERO), "the usage is not settled");
    assert_eq!((given.invoice.next_attempt_at, given.invoice.unpaid()), (None, amount("90")));
    given.when(pay(2, "50"), T0).unwrap();
    assert_eq!(given.invoice.status, Status::Uncollectible);
    let events = given.when(pay(3, "40"), T0).unwrap();
    let paid = settled(&events);
    assert_eq!((paid.recovered, paid.postpaid), (amount("90"), amount("30")));
    assert_eq!(given.invoice.status, Status::Paid);
}
