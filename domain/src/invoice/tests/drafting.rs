//! Drafts: lines, taxes, totals.

use super::*;

#[test]
fn lines_are_rounded_one_by_one_half_away_from_zero() {
    for (currency, exact, rounded) in [
        ("EUR", "0.005", "0.01"),
        ("EUR", "-0.005", "-0.01"),
        ("EUR", "0.004999999999", "0"),
        ("JPY", "0.5", "1"),
        ("KWD", "1.0005", "1.001"),
        ("USDC", "0.0000005", "0.000001"),
        ("USDC", "0.000000499999", "0"),
    ] {
        let draft = Draft { currency: currency.parse().unwrap(), ..plain(vec![line(exact)]) };
        let given = Given::draft(draft);
        let shown = given.invoice.lines()[0].rated;
        assert_eq!((shown.exact, shown.amount), (signed(exact), signed(rounded)), "{exact} {currency}");
    }
    // Three times 0.005 are three cents, as the lines say, and not two.
    let given = Given::draft(plain(vec![line("0.005"), line("0.005"), line("0.005")]));
    assert_eq!(given.invoice.unpaid(), amount("0.03"));
}

#[test]
fn a_tax_is_computed_on_the_sum_of_its_lines() {
    let rates = vec![rate(1, "standard", "19"), rate(2, "books", "7")];
    let lines = vec![line("0.03"), line("0.03"), of_category("books", line("10")), of_category("none", line("5"))];
    let given = Given::draft(taxed(rates, lines));
    // Line by line 19 percent of 0.03 would be 0.01 twice.
    assert_eq!(shown(given.invoice.taxes()), [tax(1, "0.06", "0.01"), tax(2, "10", "0.7")]);
    let totals = given.invoice.totals();
    assert_eq!((totals.subtotal, totals.tax, totals.total), (signed("15.06"), signed("0.71"), amount("15.77")));
    assert!(given.invoice.lines()[3].taxes.is_empty());
}

#[test]
fn what_prices_have_in_them_adds_nothing() {
    let given = Given::draft(taxed(vec![inside(rate(1, "standard", "19"))], vec![line("119"), line("0.01")]));
    assert_eq!(shown(given.invoice.taxes()), [tax(1, "100.01", "19")]);
    let totals = given.invoice.totals();
    assert_eq!((totals.subtotal, totals.tax, totals.total), (signed("100.01"), signed("19"), amount("119.01")));
}

/// Three rates on one invoice: as it is told in `docs/billing.md`.
#[test]
fn the_worked_example_of_the_documentation() {
    let rates = vec![rate(1, "standard", "5"), rate(2, "standard", "9.975"), inside(rate(3, "retail", "5"))];
    let proration = LineItem { kind: LineKind::Proration, ..line("-33.333333") };
    let lines = vec![line("99"), usage("18.518517"), of_category("retail", line("40")), proration];
    let mut given = Given::finalized(taxed(rates, lines));
    let amounts: Vec<_> = given.invoice.lines().iter().map(|line| line.rated.amount.to_string()).collect();
    assert_eq!(amounts, ["99", "18.52", "40", "-33.33"]);
    let taxes = [tax(1, "84.19", "4.21"), tax(2, "84.19", "8.4"), tax(3, "38.1", "1.9")];
    assert_eq!(shown(given.invoice.taxes()), taxes);
    let totals = given.invoice.totals();
    assert_eq!((totals.subtotal, totals.tax, totals.total), (signed("122.29"), signed("14.51"), amount("136.8")));
    let booked = Booked {
        fees: signed("103.766667"),
        tax: signed("14.51"),
        rounding: signed("0.004816"),
        to_credits: Amount::ZERO,
        postpaid: amount("18.518517"),
    };
    assert_eq!(given.booked(), booked);
    // 20 of the first line are taken back, before anything was paid.
    given.when(credit(1, &[(0, "20")]), T0).unwrap();
    let first = given.note(1);
    assert_eq!(shown(&first.taxes), [tax(1, "20", "1"), tax(2, "20", "2")]);
    assert_eq!((first.total, first.off_due, given.invoice.unpaid()), (amount("23"), amount("23"), amount("113.8")));
    // And then all the rest: of each tax what is left.
    given.when(credit(2, &[]), T0).unwrap();
    let rest = given.note(2);
    assert_eq!(shown(&rest.taxes), [tax(1, "64.19", "3.21"), tax(2, "64.19", "6.4"), tax(3, "38.1", "1.9")]);
    assert_eq!((rest.total, given.invoice.status), (amount("113.8"), Status::Paid));
}

#[test]
fn what_is_less_than_zero_becomes_credits() {
    let proration = LineItem { kind: LineKind::Proration, ..line("-30") };
    let mut given = Given::draft(taxed(vec![rate(1, "standard", "19")], vec![proration, line("20")]));
    let last = given.invoice.lines().last().unwrap();
    assert_eq!((last.kind, last.rated.amount, last.taxes.len()), (LineKind::ToCredits, signed("11.9"), 0));
    let totals = given.invoice.totals();
    assert_eq!((totals.subtotal, totals.tax, totals.total), (signed("1.9"), signed("-1.9"), Amount::ZERO));
    // It follows the other lines, wherever they come from.
    let more = Action::AddLines { lines: vec![line("5")], taxes: Vec::new() };
    given.when(more, T0).unwrap();
    let kinds: Vec<_> = given.invoice.lines().iter().map(|line| line.kind).collect();
    assert_eq!(kinds, [LineKind::Proration, LineKind::Custom, LineKind::Custom, LineKind::ToCredits]);
    assert_eq!(given.invoice.lines()[3].rated.amount, signed("6.9"));
    assert_eq!(given.when(Action::RemoveLine { index: 3 }, T0), Err(InvoiceError::LineStays(3)));
    let added = Action::AddLines { lines: vec![given.invoice.lines()[3].clone()], taxes: Vec::new() };
    assert_eq!(given.when(added, T0), Err(InvoiceError::LineNotAllowed));
    given.when(Action::RemoveLine { index: 0 }, T0).unwrap();
    assert_eq!((given.invoice.lines().len(), given.invoice.unpaid()), (2, amount("28.8")));
}

#[test]
fn added_lines_are_taxed_as_the_table_is_then() {
    let mut given = Given::draft(taxed(vec![rate(1, "standard", "19")], vec![line("100")]));
    let more = Action::AddLines { lines: vec![line("100")], taxes: vec![rate(1, "standard", "20")] };
    given.when(more, T0).unwrap();
    assert_eq!(shown(given.invoice.taxes()), [tax(1, "100", "19"), tax(1, "100", "20")]);
    let nothing = Action::AddLines { lines: Vec::new(), taxes: Vec::new() };
    assert_eq!(given.when(nothing, T0), Ok(Vec::new()));
}

#[test]
fn who_owes_no_tax_pays_none() {
    let rates = || vec![TaxRate { reverse_charge: true, ..rate(1, "standard", "19") }];
    let exempt = TaxProfile { exempt: true, ..in_region("DE", None) };
    for (buyer_tax, total) in [(TaxProfile::default(), "100"), (exempt, "100"), (in_region("FR", None), "100")] {
        let given = Given::draft(Draft { buyer_tax, ..taxed(rates(), vec![line("100")]) });
        assert_eq!(given.invoice.unpaid(), amount(total));
    }
    // A business abroad owes it itself: the invoice says so.
    let buyer_tax = TaxProfile { tax_id: Some("DE123".to_owned()), ..in_region("DE", None) };
    let seller_tax = in_region("FR", None);
    let given = Given::draft(Draft { buyer_tax, seller_tax, ..taxed(rates(), vec![line("100")]) });
    let tax = &given.invoice.taxes()[0];
    assert_eq!((tax.rate.reverse_charge, tax.base, tax.amount), (true, signed("100"), SignedAmount::ZERO));
    assert_eq!(given.invoice.unpaid(), amount("100"));
}

#[test]
fn usage_stays_on_its_invoice() {
    let adjustment = LineItem { kind: LineKind::Adjustment, ..line("-1") };
    let mut given = Given::draft(plain(vec![line("1"), usage("2.5"), adjustment]));
    assert_eq!(given.when(Action::RemoveLine { index: 1 }, T0), Err(InvoiceError::LineStays(1)));
    assert_eq!(given.when(Action::RemoveLine { index: 2 }, T0), Err(InvoiceError::LineStays(2)));
    assert_eq!(given.when(Action::RemoveLine { index: 3 }, T0), Err(InvoiceError::LineNotFound(3)));
    assert_eq!(given.when(Action::Discard, T0), Err(InvoiceError::UsageBehind));
    assert_eq!(given.outcome(Action::RemoveLine { index: 0 }, T0), "line_removed");
}

#[test]
fn a_draft_has_limits() {
    let mut given = Given::nothing();
    let mut draft = |draft: Draft| given.when(Action::Draft(Box::new(draft)), T0).err();
    assert_eq!(draft(plain(vec![line("1"); LINES_MAX + 1])), Some(InvoiceError::TooManyLines));
    let large = || Some(InvoiceError::AmountOutOfRange(MoneyError::TooLarge));
    assert_eq!(draft(plain(vec![line("900000000000000"), line("-900000000000000")])), large(), "sums on the way");
    assert_eq!(draft(taxed(vec![rate(1, "standard", "100")], vec![line("900000000000000")])), large());
    assert_eq!(draft(plain(vec![line("900000000000000")])), None);
    // Nobody can do without usage.
    let lines = vec![line("1"); LINES_MAX].into_iter().chain(vec![usage("1"); 10]).collect();
    let mut given = Given::draft(plain(lines));
    assert_eq!(given.invoice.unpaid(), amount("1010"));
    let one = Action::AddLines { lines: vec![line("1")], taxes: Vec::new() };
    assert_eq!(given.when(one, T0), Err(InvoiceError::TooManyLines));
}

#[test]
fn what_has_no_lines_is_not_finalized() {
    let mut given = Given::draft(plain(Vec::new()));
    assert_eq!(given.when(Action::Seal, T0), Err(InvoiceError::NoLines));
    assert_eq!(given.outcome(Action::Discard, T0), "discarded");
}

#[test]
fn another_organizations_invoice_is_not_there() {
    let given = Given::in_status(Status::Open);
    for action in [Action::Void, pay(1, "1"), Action::Advance, Action::Collect, credit(1, &[]), fail(1)] {
        let command = InvoiceCommand { organization_id: OrganizationId::new(Uuid::from_u128(9)), action };
        assert_eq!(given.invoice.handle_command(&command, at(T0)), Err(InvoiceError::NotFound));
    }
    assert_eq!(Given::nothing().when(Action::Seal, T0), Err(InvoiceError::NotFound));
    let mut given = given;
    let again = Action::Draft(Box::new(plain(vec![line("1")])));
    assert_eq!(given.when(again, T0), Err(InvoiceError::AlreadyExists));
}
