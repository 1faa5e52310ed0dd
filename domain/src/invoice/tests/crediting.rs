//! Credit notes.

use super::*;

#[test]
fn what_is_not_paid_yet_needs_not_be_paid() {
    let rates = vec![rate(1, "standard", "19")];
    let mut given = Given::finalized(taxed(rates, vec![line("100"), usage("50")]));
    given.when(credit(1, &[(1, "10")]), T0).unwrap();
    let note = given.note(1);
    assert_eq!((note.lines.clone(), shown(&note.taxes)), (vec![(1, amount("10"))], vec![tax(1, "10", "1.9")]));
    assert_eq!((note.total, note.off_due), (amount("11.9"), amount("11.9")));
    assert_eq!((note.to_credits, note.to_refund), (Amount::ZERO, Amount::ZERO));
    let back = Booked { fees: signed("10"), tax: signed("1.9"), ..Booked::default() };
    assert_eq!(note.booked, back, "usage is taken back as revenue");
    let invoice = &given.invoice;
    assert_eq!((invoice.credited, invoice.unpaid()), (amount("11.9"), amount("166.6")));
    assert_eq!(invoice.left_of_lines(), [signed("100"), signed("40")]);
}

#[test]
fn what_was_paid_goes_back() {
    for is_refund in [true, false] {
        let mut given = Given::in_status(Status::Open);
        given.when(pay(1, "70"), T0).unwrap();
        let action = if is_refund { refund(1, &[(0, "50")]) } else { credit(1, &[(0, "50")]) };
        assert_eq!(given.outcome(action, T0), "credit_note_issued+paid");
        let note = given.note(1);
        let goes_back = if is_refund { (Amount::ZERO, amount("20")) } else { (amount("20"), Amount::ZERO) };
        assert_eq!((note.off_due, (note.to_credits, note.to_refund)), (amount("30"), goes_back));
        assert_eq!(note.booked.to_credits, note.to_credits);
        assert_eq!((given.invoice.credited, given.invoice.taken_back()), (amount("30"), amount("50")));
        // The rest of it was paid.
        given.when(refund(2, &[]), T0).unwrap();
        assert_eq!((given.note(2).to_refund, given.invoice.taken_back()), (amount("50"), amount("100")));
        assert_eq!(given.when(refund(3, &[]), T0), Err(InvoiceError::NothingToCredit));
    }
}

#[test]
fn no_line_gives_back_more_than_it_had() {
    let mut given = Given::in_status(Status::Open);
    let more = |left: &str| Err(InvoiceError::MoreThanLeftOfLine { line: 1, left: amount(left) });
    assert_eq!(given.when(credit(1, &[(1, "40.01")]), T0), more("40"));
    assert_eq!(given.when(credit(1, &[(1, "20"), (1, "20.01")]), T0), more("40"), "named twice");
    given.when(credit(1, &[(1, "10"), (1, "20")]), T0).unwrap();
    assert_eq!(given.note(1).lines, [(1, amount("30"))]);
    assert_eq!(given.when(credit(2, &[(1, "10.01")]), T0), more("10"));
    assert_eq!(given.when(credit(2, &[(7, "1")]), T0), Err(InvoiceError::LineNotFound(7)));
    assert_eq!(given.when(credit(2, &[(1, "0")]), T0), Err(InvoiceError::ZeroAmount));
    let fine = InvoiceError::AmountOutOfRange(MoneyError::TooPrecise { max: 2 });
    assert_eq!(given.when(credit(2, &[(1, "0.001")]), T0), Err(fine));
}

#[test]
fn rounding_takes_no_more_tax_than_there_was() {
    // Ten percent of 5 yen is half a yen, and half a yen is one.
    let draft = taxed(vec![rate(1, "standard", "10")], vec![line("20")]);
    let mut given = Given::finalized(Draft { currency: "JPY".parse().unwrap(), ..draft });
    let taxes: Vec<Vec<_>> = (1..=4)
        .map(|n| {
            given.when(credit(n, &[(0, "5")]), T0).unwrap();
            shown(&given.note(n).taxes)
        })
        .collect();
    assert_eq!(taxes[0], [tax(1, "5", "1")]);
    assert_eq!(taxes[1], [tax(1, "5", "1")]);
    assert_eq!(taxes[2], [tax(1, "5", "0")], "both yen are back already");
    assert_eq!(taxes[3], [tax(1, "5", "0")]);
    assert_eq!((given.invoice.taken_back(), given.invoice.status), (amount("22"), Status::Paid));
}

#[test]
fn the_last_one_takes_what_is_left() {
    // A third of the tax is 0.63 and a bit.
    let mut given = Given::finalized(taxed(vec![rate(1, "standard", "19")], vec![line("9.99")]));
    given.when(credit(1, &[(0, "3.33")]), T0).unwrap();
    given.when(credit(2, &[(0, "3.33")]), T0).unwrap();
    given.when(credit(3, &[(0, "3.33")]), T0).unwrap();
    let taxes = [1, 2, 3].map(|n| given.note(n).booked.tax);
    assert_eq!(taxes, [signed("0.63"), signed("0.63"), signed("0.64")]);
    assert_eq!(given.invoice.unpaid(), Amount::ZERO);
}

#[test]
fn lines_that_give_back_are_taken_back_with_the_others() {
    let proration = LineItem { kind: LineKind::Proration, ..line("-10") };
    let given = || Given::finalized(plain(vec![line("30"), proration.clone()]));
    // A line that gives back, taken back alone, would be an invoice.
    assert_eq!(given().when(credit(1, &[(1, "10")]), T0), Err(InvoiceError::NothingToCredit));
    let more = InvoiceError::MoreThanLeft { total: amount("30"), left: amount("20") };
    assert_eq!(given().when(credit(1, &[(0, "30")]), T0), Err(more));
    let mut whole = given();
    whole.when(credit(1, &[]), T0).unwrap();
    assert_eq!((whole.note(1).total, whole.note(1).booked.fees), (amount("20"), signed("20")));
    assert_eq!(whole.note(1).lines, [(0, amount("30")), (1, amount("10"))]);
    let mut parts = given();
    parts.when(credit(1, &[(0, "30"), (1, "10")]), T0).unwrap();
    assert_eq!(parts.invoice.status, Status::Paid);
}

#[test]
fn what_became_credits_is_not_taken_back() {
    let proration = LineItem { kind: LineKind::Proration, ..line("-10") };
    let mut given = Given::finalized(plain(vec![line("4"), proration]));
    assert_eq!(given.invoice.left_of_lines(), [signed("4"), signed("-10"), SignedAmount::ZERO]);
    assert_eq!(
        given.when(credit(1, &[(0, "1")]), T0),
        Err(InvoiceError::MoreThanLeft { total: amount("1"), left: Amount::ZERO })
    );
    assert_eq!(
        given.when(credit(1, &[(2, "1")]), T0),
        Err(InvoiceError::MoreThanLeftOfLine { line: 2, left: Amount::ZERO })
    );
}

#[test]
fn a_credit_note_has_one_number() {
    let mut given = Given::in_status(Status::Paid);
    given.when(refund(1, &[(0, "10")]), T0).unwrap();
    let number = |text: &str| Action::NumberCreditNote { credit_note_id: note_id(1), number: text.to_owned() };
    assert_eq!(given.outcome(number("CN-000001"), T0), "credit_note_numbered");
    assert_eq!(given.outcome(number("CN-000001"), T0), "");
    assert_eq!(given.when(number("CN-000002"), T0), Err(InvoiceError::CreditNoteNumbered));
    assert_eq!(given.invoice.credit_note(note_id(1)).unwrap().number.as_deref(), Some("CN-000001"));
    assert_eq!(given.when(refund(1, &[(0, "10")]), T0), Err(InvoiceError::CreditNoteExists));
}

#[test]
fn there_are_not_too_many() {
    let mut given = Given::in_status(Status::Open);
    for n in 1..=CREDIT_NOTES_MAX {
        given.when(credit(n as u128, &[(0, "0.01")]), T0).unwrap();
    }
    assert_eq!(given.when(credit(999, &[]), T0), Err(InvoiceError::TooManyCreditNotes));
}

#[test]
fn what_was_given_up_is_credited_like_anything_else() {
    let mut given = Given::finalized(plain(vec![usage("30"), line("70")]));
    given.when(Action::MarkUncollectible, T0).unwrap();
    let events = given.when(credit(1, &[]), T0).unwrap();
    let [InvoiceEvent::CreditNoteIssued(_), InvoiceEvent::Paid(paid)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((paid.recovered, paid.postpaid), (amount("100"), amount("30")));
}

/// 30, of which another invoice has taken 20.32 off: 9.68 are all that is left, and then nothing is.
#[test]
fn all_that_is_left_is_without_what_another_invoice_has_taken_off() {
    let mut given = Given::finalized(plain(vec![line("30")]));
    given.when(offset("20.32"), T0).unwrap();
    assert_eq!(given.when(Action::Void, T0), Err(InvoiceError::PartlyPaid));
    assert_eq!(given.outcome(credit(1, &[]), T0), "credit_note_issued+paid");
    let note = given.note(1);
    assert_eq!(note.lines, [(0, amount("9.68"))]);
    assert_eq!((note.total, note.off_due), (amount("9.68"), amount("9.68")));
    assert_eq!(given.when(credit(2, &[]), T0), Err(InvoiceError::NothingToCredit));

    // 30 + 5 - 10 = 25, of which 12 were taken off: 12 are spared of the first line, 18 + 5 - 10 = 13. 8 were paid, so
    // that of the 5 that were due nothing is, and 8 go back.
    let proration = LineItem { kind: LineKind::Proration, ..line("-10") };
    let mut given = Given::finalized(plain(vec![line("30"), proration, line("5")]));
    given.when(pay(1, "8"), T0).unwrap();
    given.when(offset("12"), T0).unwrap();
    given.when(refund(1, &[]), T0).unwrap();
    let note = given.note(1);
    assert_eq!(note.lines, [(0, amount("18")), (1, amount("10")), (2, amount("5"))]);
    assert_eq!((note.total, note.off_due, note.to_refund), (amount("13"), amount("5"), amount("8")));
    // The first line is spared as a whole, and a part of the second: 60 + 40 - 75 = 25.
    let mut given = Given::in_status(Status::Open);
    given.when(offset("75"), T0).unwrap();
    given.when(credit(1, &[]), T0).unwrap();
    assert_eq!(given.note(1).lines, [(1, amount("25"))]);
}

/// 30 and 19 % are 35.70. With 26.02 taken off 9.68 are left: 8.13 with 1.5447 of tax are 9.67, 8.14 with 1.5466 are
/// 9.69. The cent that is lacking is taken of the tax.
#[test]
fn what_the_rounding_of_taxes_keeps_out_is_taken_of_them() {
    let mut given = Given::finalized(taxed(vec![rate(1, "standard", "19")], vec![line("30")]));
    given.when(offset("26.02"), T0).unwrap();
    given.when(credit(1, &[]), T0).unwrap();
    let note = given.note(1);
    assert_eq!((note.lines.clone(), shown(&note.taxes)), (vec![(0, amount("8.13"))], vec![tax(1, "8.13", "1.55")]));
    assert_eq!((note.total, note.booked.fees, note.booked.tax), (amount("9.68"), signed("8.13"), signed("1.55")));
    assert_eq!((given.invoice.status, given.invoice.unpaid()), (Status::Paid, Amount::ZERO));
    // With the tax inside there is nothing between: 9.68 have 9.68 × 19 ÷ 119 = 1.5455… inside.
    let mut given = Given::finalized(taxed(vec![inside(rate(1, "standard", "19"))], vec![line("35.70")]));
    given.when(offset("26.02"), T0).unwrap();
    given.when(credit(1, &[]), T0).unwrap();
    assert_eq!((given.note(1).total, shown(&given.note(1).taxes)), (amount("9.68"), vec![tax(1, "8.13", "1.55")]));
}
