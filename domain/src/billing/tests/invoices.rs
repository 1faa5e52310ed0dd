//! From a draft to what becomes of a finalized invoice.

use super::*;
use crate::invoice::{Collection, CreditNote};
use crate::series::{Allocated, SeriesEvent};

#[test]
fn a_draft_of_a_bill_closes_it_and_is_sealed() {
    let (_, mut drafted) = invoice_after(Collection::Send, Vec::new());
    let InvoiceEvent::Drafted(mut draft) = drafted.remove(0) else { panic!() };
    let reactions = follows(invoice_stream(), InvoiceEvent::Drafted(draft.clone()), &Known::default());
    let [
        Reaction {
            command: Command::Subscription(id, SubscriptionAction::CloseBill { number, invoice_id: of, minimums }),
            ..
        },
        Reaction { command: Command::Invoice(sealed, action), .. },
    ] = &reactions[..]
    else {
        panic!("{reactions:?}")
    };
    assert_eq!((*id, *number, *of, *sealed), (subscription_id(), 2, Some(invoice_id()), invoice_id()));
    assert!(matches!(**action, InvoiceAction::Seal) && minimums.is_empty());
    // One that somebody made waits for them.
    (draft.subscription, draft.auto_finalize) = (None, false);
    assert!(follows(invoice_stream(), InvoiceEvent::Drafted(draft), &Known::default()).is_empty());
}

#[test]
fn a_sealed_invoice_is_given_the_next_number() {
    let (_, mut sealed) = invoice_after(Collection::Send, vec![InvoiceAction::Seal]);
    let sealed = sealed.remove(0);
    for (known, prefix) in [(known(), "ACME-"), (Known::default(), "INV-")] {
        let reactions = follows(invoice_stream(), sealed.clone(), &known);
        let [Reaction { command: Command::Series(key, allocate), .. }] = &reactions[..] else {
            panic!("{reactions:?}")
        };
        assert_eq!(*key, format!("{}/invoices", org()));
        assert_eq!((allocate.organization_id, allocate.prefix.as_str()), (org(), prefix));
        assert_eq!(allocate.document, invoice_id().to_string());
        assert_eq!(allocate.at, Some(at(MAY)), "since then it waits");
        assert_eq!(reactions[0].command.stream().as_str(), format!("series:{}/invoices", org()));
    }
}

#[test]
fn a_test_clock_has_numbers_of_its_own() {
    let id = test_clock_id().to_string();
    let end = &id[id.len() - 6..];
    let of_clock =
        Draft { series: invoice_series(org(), Some(test_clock_id())), ..draft(Collection::Send, vec![fee("100")]) };
    let mut invoice = Invoice::default();
    run(&mut invoice, invoice_command(InvoiceAction::Draft(Box::new(of_clock))), MAY);
    let sealed = run(&mut invoice, invoice_command(InvoiceAction::Seal), MAY).remove(0);
    let reactions = follows(invoice_stream(), sealed, &known_on_clock());
    let [Reaction { command: Command::Series(key, allocate), .. }] = &reactions[..] else { panic!("{reactions:?}") };
    assert_eq!(*key, format!("{}/{id}/invoices", org()));
    assert_eq!(allocate.prefix, format!("ACME-T{end}-"));

    let (invoice, issued) = credited("50", false);
    let known = Known { invoice: Some((invoice_id(), invoice)), ..known_on_clock() };
    let reactions = follows(invoice_stream(), issued, &known);
    let Command::Series(key, allocate) = &reactions[0].command else { panic!("{reactions:?}") };
    assert_eq!(*key, format!("{}/{id}/credit_notes", org()));
    assert_eq!(allocate.prefix, format!("CN-T{end}-"));
}

#[test]
fn a_number_is_given_at_the_time_at_which_it_was_asked_for() {
    let (organization_id, document, number) = (org(), invoice_id().to_string(), "INV-000007".to_owned());
    // The series is at May when it answers: others are ahead.
    for asked_at in [Some(at(APRIL)), None] {
        let allocated = Allocated {
            organization_id,
            document: document.clone(),
            sequence: 7,
            number: number.clone(),
            at: asked_at,
        };
        let series = StreamId::new(Series::CATEGORY, invoice_series(org(), None));
        let reactions = follows(series, SeriesEvent::Allocated(allocated), &Known::default());
        assert_eq!(reactions[0].now(at(MAY)), asked_at.unwrap_or(at(MAY)));
    }
}

#[test]
fn a_number_goes_to_its_document() {
    let given = |document: String| {
        let (organization_id, number) = (org(), "INV-000007".to_owned());
        let allocated = Allocated { organization_id, document, sequence: 7, number, at: None };
        let series = StreamId::new(Series::CATEGORY, invoice_series(org(), None));
        follows(series, SeriesEvent::Allocated(allocated), &Known::default())
    };
    let reactions = given(invoice_id().to_string());
    let [Reaction { command: Command::Invoice(id, action), .. }] = &reactions[..] else { panic!("{reactions:?}") };
    assert_eq!(*id, invoice_id());
    assert!(matches!(&**action, InvoiceAction::Number { number } if number == "INV-000007"), "{action:?}");

    let note = ids::CreditNoteId::new(Uuid::from_u128(8));
    let reactions = given(format!("{}/{note}", invoice_id()));
    let [Reaction { command: Command::Invoice(id, action), .. }] = &reactions[..] else { panic!("{reactions:?}") };
    assert_eq!(*id, invoice_id());
    let InvoiceAction::NumberCreditNote { credit_note_id, number } = &**action else { panic!("{action:?}") };
    assert_eq!((*credit_note_id, number.as_str()), (note, "INV-000007"));

    for nobody in ["", "inv_", "cus_1", "inv_1/", "/"] {
        assert!(given(nobody.to_owned()).is_empty(), "{nobody}");
    }
}

#[test]
fn what_is_more_given_back_than_charged_becomes_credits() {
    let mut invoice = Invoice::default();
    let draft = draft(Collection::Automatic, vec![fee("10"), fee("-35")]);
    for action in [InvoiceAction::Draft(Box::new(draft)), InvoiceAction::Seal] {
        run(&mut invoice, invoice_command(action), MAY);
    }
    let number = InvoiceAction::Number { number: "INV-000001".to_owned() };
    let events = run(&mut invoice, invoice_command(number), MAY);
    let reactions = follows(invoice_stream(), events[0].clone(), &Known::default());
    let [Reaction { command: Command::Account(id, action), .. }] = &reactions[..] else { panic!("{reactions:?}") };
    let account::Action::GrantCredit { amount: credits, priority, expires_at, .. } = action else {
        panic!("{action:?}")
    };
    assert_eq!((*id, *credits, *priority, *expires_at), (customer_id(), amount("25"), 0, None));
    let (_, events) = open_invoice(Collection::Send, Vec::new());
    assert!(follows(invoice_stream(), events[0].clone(), &Known::default()).is_empty());
}

/// A subscription since April with an invoice for each of so many months, none of them paid.
fn owes(months: u32) -> Subscription {
    let mut subscription = Subscription::default();
    run(&mut subscription, subscription_command(SubscriptionAction::Create(Box::new(create()))), APRIL);
    for (number, date) in (1..=months).zip([APRIL, MAY, JUNE]) {
        run(&mut subscription, subscription_command(SubscriptionAction::Advance), date);
        let invoice_id = Some(of_month(number));
        let close = SubscriptionAction::CloseBill { number, invoice_id, minimums: Vec::new() };
        run(&mut subscription, subscription_command(close), date);
    }
    subscription
}

fn of_month(number: u32) -> InvoiceId {
    InvoiceId::new(Uuid::from_u128(50 + u128::from(number)))
}

/// What is to be taken off what is due of which invoice, and where the rest goes.
fn offset(reactions: &[Reaction]) -> (InvoiceId, InvoiceId, Amount, Vec<InvoiceId>) {
    let [Reaction { step: "credits", command: Command::Invoice(id, action), .. }] = reactions else {
        panic!("{reactions:?}")
    };
    let InvoiceAction::Offset { from_invoice, amount, then } = &**action else { panic!("{action:?}") };
    (*id, *from_invoice, *amount, then.clone())
}

#[test]
fn what_is_given_back_lowers_what_is_due_before_it_becomes_credits() {
    let mut invoice = Invoice::default();
    let draft = draft(Collection::Automatic, vec![fee("10"), fee("-35")]);
    let number = InvoiceAction::Number { number: "INV-000001".to_owned() };
    for action in [InvoiceAction::Draft(Box::new(draft)), InvoiceAction::Seal] {
        run(&mut invoice, invoice_command(action), MAY);
    }
    let finalized = run(&mut invoice, invoice_command(number), MAY).remove(0);
    let event = LedgerEvent::from(finalized.clone());
    let recorded = recorded(invoice_stream(), &finalized);
    assert_eq!(needs(&recorded, &event), Some(Needs::Subscription(subscription_id())));
    let known = Known { subscription: Some((subscription_id(), owes(2))), ..known() };
    let first = follows(invoice_stream(), finalized, &known);
    assert_eq!(offset(&first), (of_month(1), invoice_id(), amount("25"), vec![of_month(2)]));

    // The first one is paid meanwhile but for 5: so much is taken off, and the rest goes on.
    let Command::Invoice(_, action) = &first[0].command else { panic!() };
    let (mut other, _) = open_invoice(
        Collection::Send,
        vec![InvoiceAction::ApplyPayment { payment_id: payment_id(9), amount: amount("95") }],
    );
    let events = run(&mut other, invoice_command((**action).clone()), MAY);
    assert_eq!((events.len(), other.unpaid(), other.offset), (2, Amount::ZERO, amount("5")));
    let second = follows(invoice_stream(), events[0].clone(), &Known::default());
    assert_eq!(offset(&second), (of_month(2), invoice_id(), amount("20"), Vec::new()));

    // Of the last nothing is due any more: what was paid for becomes credits, once, whichever way it came.
    let Command::Invoice(_, action) = &second[0].command else { panic!() };
    let events = run(&mut other, invoice_command((**action).clone()), MAY);
    assert_eq!(events.len(), 1);
    let last = follows(invoice_stream(), events[0].clone(), &Known::default());
    let [Reaction { command: Command::Account(_, action), .. }] = &last[..] else { panic!("{last:?}") };
    let account::Action::GrantCredit { grant_id, amount: credits, .. } = action else { panic!("{action:?}") };
    let direct = ids::CreditGrantId::new(ids::derive(&[b"credits", invoice_id().uuid().as_bytes()]));
    assert_eq!((*credits, *grant_id), (amount("20"), direct));
}

#[test]
fn what_was_billed_of_minimums_comes_with_the_end_of_the_bill() {
    let of_minimum = |text: &str| LineItem {
        kind: LineKind::Minimum,
        price: Some(price_ref("calls")),
        period: Some(april()),
        ..fee(text)
    };
    let mut invoice = Invoice::default();
    let draft = draft(Collection::Send, vec![fee("100"), of_minimum("20"), of_minimum("-7.5")]);
    let drafted = run(&mut invoice, invoice_command(InvoiceAction::Draft(Box::new(draft))), MAY).remove(0);
    let reactions = follows(invoice_stream(), drafted, &Known::default());
    let Command::Subscription(_, SubscriptionAction::CloseBill { minimums, .. }) = &reactions[0].command else {
        panic!("{reactions:?}")
    };
    let billed: Vec<_> = minimums.iter().map(|billed| (&billed.price, billed.period, billed.amount)).collect();
    let price = price_ref("calls");
    assert_eq!(billed, [(&price, april(), signed("20")), (&price, april(), signed("-7.5"))]);
}

#[test]
fn who_does_not_pay_is_past_due_and_given_up_with_the_last_try() {
    let payment = |attempt| invoice::payment_of(invoice_id(), attempt);
    let fail = |attempt| InvoiceAction::FailPayment { payment_id: payment(attempt), code: "declined".to_owned() };
    let (mut invoice, first) = open_invoice(Collection::Automatic, vec![fail(1)]);
    let reactions = follows(invoice_stream(), first[0].clone(), &knows_invoice(invoice.clone()));
    let [Reaction { command: Command::Subscription(id, action), .. }] = &reactions[..] else { panic!("{reactions:?}") };
    assert_eq!(*id, subscription_id());
    assert!(matches!(action, SubscriptionAction::MarkPastDue { invoice_id: of } if *of == invoice_id()));

    run(&mut invoice, invoice_command(InvoiceAction::Advance), JUNE);
    let last = run(&mut invoice, invoice_command(fail(2)), JUNE);
    let reactions = follows(invoice_stream(), last[0].clone(), &knows_invoice(invoice.clone()));
    assert_eq!(steps(&reactions), ["past_due", "give_up"]);

    // It was paid meanwhile: nobody hears of it.
    let pay = InvoiceAction::ApplyPayment { payment_id: payment_id(9), amount: amount("100") };
    run(&mut invoice, invoice_command(pay), JUNE);
    assert!(follows(invoice_stream(), last[0].clone(), &knows_invoice(invoice)).is_empty());
}

#[test]
fn an_invoice_that_is_overdue_is_past_due() {
    let (mut invoice, _) = open_invoice(Collection::Send, Vec::new());
    let overdue = run(&mut invoice, invoice_command(InvoiceAction::Advance), JUNE);
    assert_eq!(steps(&follows(invoice_stream(), overdue[0].clone(), &knows_invoice(invoice))), ["past_due"]);
}

#[test]
fn a_settled_invoice_settles_the_account_and_the_subscription() {
    let with_usage = LineItem { postpaid: amount("12.5"), kind: LineKind::Usage, ..fee("12.5") };
    let mut invoice = Invoice::default();
    let number = InvoiceAction::Number { number: "INV-000001".to_owned() };
    let draft = InvoiceAction::Draft(Box::new(draft(Collection::Send, vec![fee("100"), with_usage])));
    for action in [draft, InvoiceAction::Seal, number] {
        run(&mut invoice, invoice_command(action), MAY);
    }
    let pay = InvoiceAction::ApplyPayment { payment_id: payment_id(9), amount: amount("112.5") };
    let credit = InvoiceAction::IssueCreditNote(Box::new(CreditNote {
        credit_note_id: ids::CreditNoteId::new(Uuid::from_u128(8)),
        reason: "Goodwill".to_owned(),
        lines: Vec::new(),
        refund: false,
    }));
    // What was voided or credited as a whole was not paid.
    for (end, is_lost) in [(pay, false), (InvoiceAction::Void, true), (credit, true)] {
        let event = run(&mut invoice.clone(), invoice_command(end), MAY).pop().unwrap();
        let reactions = follows(invoice_stream(), event, &Known::default());
        let [
            Reaction { command: Command::Account(_, settle), .. },
            Reaction { command: Command::Subscription(_, paid), .. },
        ] = &reactions[..]
        else {
            panic!("{reactions:?}")
        };
        assert!(
            matches!(settle, account::Action::SettleUsage { invoice_id: of, amount: settled }
                if (*of, *settled) == (invoice_id(), amount("12.5"))),
            "{settle:?}"
        );
        match paid {
            SubscriptionAction::MarkPaid { invoice_id: of } => assert_eq!((*of, is_lost), (invoice_id(), false)),
            SubscriptionAction::MarkLost { invoice_id: of } => assert_eq!((*of, is_lost), (invoice_id(), true)),
            other => panic!("{other:?}"),
        }
    }
    // Nobody waits for it any more, but what was used is not settled.
    let lost = run(&mut invoice, invoice_command(InvoiceAction::MarkUncollectible), MAY).pop().unwrap();
    let reactions = follows(invoice_stream(), lost, &Known::default());
    let [Reaction { step: "paid", command: Command::Subscription(_, action), .. }] = &reactions[..] else {
        panic!("{reactions:?}")
    };
    assert!(matches!(action, SubscriptionAction::MarkLost { invoice_id: of } if *of == invoice_id()), "{action:?}");
}

/// Issues a credit note over a part of an invoice that was paid in two parts.
fn credited(part: &str, refund: bool) -> (Invoice, InvoiceEvent) {
    let apply = |n, part| InvoiceAction::ApplyPayment { payment_id: payment_id(n), amount: amount(part) };
    let (mut invoice, _) = open_invoice(Collection::Send, vec![apply(21, "60"), apply(22, "40")]);
    let note = InvoiceAction::IssueCreditNote(Box::new(CreditNote {
        credit_note_id: ids::CreditNoteId::new(Uuid::from_u128(8)),
        reason: "Goodwill".to_owned(),
        lines: vec![(0, amount(part))],
        refund,
    }));
    let events = run(&mut invoice, invoice_command(note), JUNE);
    (invoice, events[0].clone())
}

/// What follows from the number of the last credit note of an invoice.
fn follows_numbered(invoice: &mut Invoice) -> Vec<Reaction> {
    let issued = invoice.credit_notes.last().unwrap();
    let credit_note_id = issued.note.credit_note_id;
    let number = InvoiceAction::NumberCreditNote { credit_note_id, number: "CN-000001".to_owned() };
    let numbered = run(invoice, invoice_command(number), JUNE).remove(0);
    let event = LedgerEvent::from(numbered.clone());
    assert_eq!(needs(&recorded(invoice_stream(), &numbered), &event), Some(Needs::Invoice(invoice_id())));
    follows(invoice_stream(), numbered, &knows_invoice(invoice.clone()))
}

#[test]
fn a_subscription_hears_that_all_of_an_invoice_was_taken_back_though_it_was_paid() {
    // 50 of 100, and then the rest.
    let (mut invoice, _) = credited("50", true);
    assert!(follows_numbered(&mut invoice).is_empty());
    let rest = InvoiceAction::IssueCreditNote(Box::new(CreditNote {
        credit_note_id: ids::CreditNoteId::new(Uuid::from_u128(9)),
        reason: "Goodwill".to_owned(),
        lines: Vec::new(),
        refund: true,
    }));
    run(&mut invoice, invoice_command(rest), JUNE);
    let reactions = follows_numbered(&mut invoice);
    let [Reaction { step: "lost", command: Command::Subscription(id, action), .. }] = &reactions[..] else {
        panic!("{reactions:?}")
    };
    let SubscriptionAction::TakeBack { number, invoice_id: of } = action else { panic!("{action:?}") };
    assert_eq!((*id, *number, *of), (subscription_id(), 2, invoice_id()));
    // What another invoice has taken off is not left to be taken back.
    let other = InvoiceId::new(Uuid::from_u128(70));
    let offset = InvoiceAction::Offset { from_invoice: other, amount: amount("30"), then: Vec::new() };
    let note = InvoiceAction::IssueCreditNote(Box::new(CreditNote {
        credit_note_id: ids::CreditNoteId::new(Uuid::from_u128(8)),
        reason: "Goodwill".to_owned(),
        lines: Vec::new(),
        refund: false,
    }));
    let (mut invoice, _) = open_invoice(Collection::Send, vec![offset, note]);
    assert_eq!(invoice.taken_back(), amount("70"));
    assert_eq!(steps(&follows_numbered(&mut invoice)), ["lost"]);
}

/// A payment that has come.
fn paid(n: u128, part: &str) -> (PaymentId, Payment) {
    let mut payment = Payment::default();
    let record = payment::Record {
        payment_id: payment_id(n),
        customer_id: customer_id(),
        invoice_id: Some(invoice_id()),
        amount: amount(part),
        currency: Currency::USD,
        reference: None,
        received_at: at(MAY),
    };
    run(&mut payment, payment_command(PaymentAction::Record(Box::new(record))), MAY);
    (payment_id(n), payment)
}

fn refunds(reactions: &[Reaction]) -> Vec<(PaymentId, String)> {
    let refunds = reactions.iter().filter_map(|reaction| match &reaction.command {
        Command::Payment(id, action) => match &**action {
            PaymentAction::Refund { amount, credit_note, .. } => {
                assert!(credit_note.as_ref().is_some_and(|note| note.starts_with("cn_")));
                Some((*id, amount.unwrap().to_string()))
            }
            other => panic!("{other:?}"),
        },
        _ => None,
    });
    refunds.collect()
}

#[test]
fn a_credit_note_gets_a_number_and_gives_back_what_was_paid() {
    let (invoice, issued) = credited("50", false);
    let reactions = follows(invoice_stream(), issued, &knows_invoice(invoice));
    let [
        Reaction { command: Command::Series(key, allocate), .. },
        Reaction { command: Command::Account(_, credits), .. },
    ] = &reactions[..]
    else {
        panic!("{reactions:?}")
    };
    assert_eq!((key.as_str(), allocate.prefix.as_str()), (credit_note_series(org(), None).as_str(), "CN-"));
    assert!(allocate.document.starts_with(&format!("{}/cn_", invoice_id())), "{}", allocate.document);
    assert!(matches!(credits, account::Action::GrantCredit { amount: given, .. } if *given == amount("50")));
}

#[test]
fn refunds_go_back_the_way_the_money_came_the_newest_first_and_once() {
    let (invoice, issued) = credited("50", true);
    let event = LedgerEvent::from(issued.clone());
    let mut known = knows_invoice(invoice);
    assert_eq!(more(&event, &known).payments, [payment_id(21), payment_id(22)]);
    known.payments = vec![paid(21, "60"), paid(22, "40")];
    let reactions = follows(invoice_stream(), issued.clone(), &known);
    let expected = [(payment_id(22), "40".to_owned()), (payment_id(21), "10".to_owned())];
    assert_eq!(refunds(&reactions), expected);

    // After a crash: what was asked for already is not asked of another payment.
    for reaction in &reactions {
        let Command::Payment(id, action) = &reaction.command else { continue };
        let (_, payment) = known.payments.iter_mut().find(|(known, _)| known == id).unwrap();
        run(payment, payment_command((**action).clone()), JUNE);
        let left = refunds(&follows(invoice_stream(), issued.clone(), &known));
        assert!(left.len() < 2 && expected.ends_with(&left), "{left:?}");
    }
    // Of what is more than was due, and becomes credits in a moment, nothing goes back.
    let (mut invoice, _) = credited("50", true);
    let more = InvoiceAction::ApplyPayment { payment_id: payment_id(23), amount: amount("30") };
    run(&mut invoice, invoice_command(more), JUNE);
    let mut later = knows_invoice(invoice);
    later.payments = vec![paid(21, "60"), paid(22, "40"), paid(23, "30")];
    let expected = [(payment_id(22), "40".to_owned()), (payment_id(21), "10".to_owned())];
    assert_eq!(refunds(&follows(invoice_stream(), issued.clone(), &later)), expected);
    // Somebody has refunded a payment by hand before: the other one has to do.
    known.payments = vec![paid(21, "60"), paid(22, "40")];
    let by_hand = PaymentAction::Refund {
        refund_id: ids::RefundId::new(Uuid::from_u128(31)),
        amount: Some(amount("35")),
        reason: String::new(),
        credit_note: None,
    };
    run(&mut known.payments[1].1, payment_command(by_hand), JUNE);
    let expected = [(payment_id(22), "5".to_owned()), (payment_id(21), "45".to_owned())];
    assert_eq!(refunds(&follows(invoice_stream(), issued, &known)), expected);
}
