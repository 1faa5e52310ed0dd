//! Any lines at any rates in any currency: it always adds up. Any series of payments and credit notes: what is taken
//! back is what there was, and never more.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// With 0, 2, 3 and 6 decimals.
fn any_currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["JPY", "EUR", "KWD", "USDC"]).prop_map(|code| code.parse::<Currency>().unwrap())
}

fn any_table() -> impl Strategy<Value = Vec<TaxRate>> {
    let one = (0u32..1_000_000, any::<bool>(), any::<bool>(), prop::bool::weighted(0.1));
    prop::collection::vec(one, 0..4).prop_map(|rows| {
        let rates = (1..).zip(rows).map(|(n, (percent, is_inside, is_standard, reverse_charge))| TaxRate {
            percent: Amount::new(Decimal::new(i64::from(percent), 4)).unwrap(),
            inclusive: is_inside,
            reverse_charge,
            ..rate(n, if is_standard { "standard" } else { "books" }, "0")
        });
        rates.collect::<Vec<_>>()
    })
}

/// A line that may give back, if it may.
fn any_line(gives_back: bool) -> impl Strategy<Value = LineItem> {
    let least: i64 = if gives_back { -30_000_000 } else { 0 };
    let mantissa = prop_oneof![3 => least..100_000_000i64, 1 => Just(0i64), 1 => 0i64..2_000];
    (mantissa, 0u32..9, any::<bool>(), prop::sample::select(vec!["standard", "books", "none"])).prop_map(
        |(mantissa, scale, is_usage, of)| {
            let exact = SignedAmount::new(Decimal::new(mantissa, scale)).unwrap().to_string();
            let line = if is_usage && mantissa >= 0 { usage(&exact) } else { line(&exact) };
            of_category(of, line)
        },
    )
}

fn any_draft(gives_back: bool) -> impl Strategy<Value = Draft> {
    let lines = prop::collection::vec(any_line(gives_back), 1..12);
    (any_currency(), any_table(), lines, any::<bool>()).prop_map(|(currency, table, lines, is_abroad)| {
        let seller_tax = in_region(if is_abroad { "FR" } else { "DE" }, None);
        let buyer_tax = TaxProfile { tax_id: Some("DE123".to_owned()), ..in_region("DE", Some("BE")) };
        Draft { currency, seller_tax, buyer_tax, ..taxed(table, lines) }
    })
}

/// Taxes that come on top of the lines.
fn on_top(taxes: &[TaxLine]) -> Decimal {
    sum(taxes.iter().filter(|tax| !tax.rate.inclusive).map(|tax| tax.amount))
}

fn of_lines(invoice: &Invoice, kinds: impl Fn(LineKind) -> bool) -> Decimal {
    sum(invoice.lines().iter().filter(|line| kinds(line.kind)).map(|line| line.rated.amount))
}

/// What must hold of a finalized invoice, whatever is on it.
fn check_content(given: &Given) {
    let invoice = &given.invoice;
    let (totals, booked) = (invoice.totals(), given.booked());
    let currency = invoice.drafted.as_ref().unwrap().currency;
    let total = totals.total.decimal();
    assert_eq!(of_lines(invoice, |_| true) + on_top(invoice.taxes()), total, "lines and taxes are the total");
    assert_eq!(totals.subtotal.decimal() + totals.tax.decimal(), total);
    assert_eq!(sum(invoice.taxes().iter().map(|tax| tax.amount)), totals.tax.decimal());
    assert_eq!(currency.rounded(total), total);
    let parts = [booked.postpaid.into(), booked.fees, booked.tax, booked.rounding, booked.to_credits.into()];
    assert_eq!(sum(parts.into_iter()), total, "what is booked is the total");
    assert_eq!(booked.postpaid, invoice.postpaid());
    assert_eq!(booked.to_credits.decimal(), of_lines(invoice, |kind| kind == LineKind::ToCredits));
    assert!(booked.to_credits.is_zero() || total.is_zero(), "credits come only of what is below zero");
    let unit = Decimal::new(1, currency.minor_unit());
    let lines = Decimal::from(invoice.lines().len());
    assert!(booked.rounding.decimal().abs() < lines * unit, "{booked:?}");
}

/// What must hold of its credit notes.
fn check_notes(given: &Given) {
    let invoice = &given.invoice;
    let notes: Vec<&CreditNoteIssued> = invoice.credit_notes.iter().map(|issued| &issued.note).collect();
    for note in &notes {
        let taken = note.lines.iter().map(|(index, amount)| {
            let line = invoice.lines()[*index as usize].rated.amount.decimal();
            if line.is_sign_negative() { -amount.decimal() } else { amount.decimal() }
        });
        let total = note.total.decimal();
        assert_eq!(taken.sum::<Decimal>() + on_top(&note.taxes), total);
        assert_eq!(note.off_due.decimal() + note.to_credits.decimal() + note.to_refund.decimal(), total);
        assert_eq!(sum([note.booked.fees, note.booked.tax, note.booked.rounding].into_iter()), total);
        assert_eq!(sum(note.taxes.iter().map(|tax| tax.amount)), note.booked.tax.decimal());
    }
    let total = invoice.totals().total;
    assert!(invoice.taken_back() <= total, "never more than there was");
    for (left, line) in invoice.left_of_lines().into_iter().zip(invoice.lines()) {
        let whole = line.rated.amount;
        assert!(left.magnitude() <= whole.magnitude() && (left.is_zero() || left.is_negative() == whole.is_negative()));
    }
    let settled = invoice.paid.decimal() + invoice.credited.decimal() + invoice.offset.decimal();
    assert_eq!(invoice.unpaid().decimal() + settled, total.decimal());
    assert!(invoice.taken_back().plus(invoice.offset) <= total, "nor with what was taken off");
    let given_back = notes.iter().map(|note| note.to_credits.decimal() + note.to_refund.decimal());
    assert!(given_back.sum::<Decimal>() <= invoice.paid.decimal(), "only what was paid is given back");
}

/// When nothing is left of any line, all of it was taken back: each tax, and each part of what was booked.
fn check_end(given: &Given) {
    let invoice = &given.invoice;
    assert!(invoice.left_of_lines().iter().all(|left| left.is_zero()));
    assert_eq!(invoice.taken_back(), invoice.totals().total);
    let notes = || invoice.credit_notes.iter().map(|issued| &issued.note);
    for whole in invoice.taxes() {
        let of_rate = || notes().flat_map(|note| &note.taxes).filter(move |tax| tax.rate == whole.rate);
        assert_eq!(sum(of_rate().map(|tax| tax.amount)), whole.amount.decimal());
        assert_eq!(sum(of_rate().map(|tax| tax.base)), whole.base.decimal());
    }
    let sold = given.booked();
    assert_eq!(sum(notes().map(|note| note.booked.fees)), sold.fees.decimal() + sold.postpaid.decimal());
    assert_eq!(sum(notes().map(|note| note.booked.tax)), sold.tax.decimal());
    assert_eq!(sum(notes().map(|note| note.booked.rounding)), sold.rounding.decimal());
}

#[derive(Debug, Clone)]
enum Step {
    /// Pay so many percent of what is due.
    Pay(u32),
    /// Take back so many percent of what is left of one line, or of two.
    Credit { lines: Vec<(Index, u32)>, refund: bool },
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let lines = prop::collection::vec((any::<Index>(), 1u32..=100), 1..3);
    let step = prop_oneof![
        1 => (1u32..=100).prop_map(Step::Pay),
        4 => (lines, any::<bool>()).prop_map(|(lines, refund)| Step::Credit { lines, refund }),
    ];
    prop::collection::vec(step, 0..20)
}

/// So many percent of it, as somebody can pay it; `None` when that is nothing.
fn part(amount: Amount, percent: u32, currency: Currency) -> Option<Amount> {
    let part = currency.rounded(amount.decimal() * Decimal::from(percent) / Decimal::ONE_HUNDRED);
    Amount::new(part).ok().filter(|part| !part.is_zero())
}

/// Takes a step; whether it was denied because lines that give back were left out.
fn take(given: &mut Given, step: &Step, n: u128) -> bool {
    let currency = given.invoice.drafted.as_ref().unwrap().currency;
    let action = match step {
        Step::Pay(percent) => {
            let is_open = given.invoice.status == Status::Open;
            part(given.invoice.unpaid(), *percent, currency)
                .filter(|_| is_open)
                .map(|amount| Action::ApplyPayment { payment_id: payment(n), amount })
        }
        Step::Credit { lines, refund } => {
            let left = given.invoice.left_of_lines();
            let mut asked: Vec<(u32, Amount)> = Vec::new();
            for (which, percent) in lines {
                let index = which.index(left.len());
                let place = u32::try_from(index).unwrap();
                if let Some(amount) = part(left[index].magnitude(), *percent, currency)
                    && asked.iter().all(|(other, _)| *other != place)
                {
                    asked.push((place, amount));
                }
            }
            let note =
                CreditNote { credit_note_id: note_id(n), reason: String::new(), lines: asked.clone(), refund: *refund };
            (!asked.is_empty()).then(|| Action::IssueCreditNote(Box::new(note)))
        }
    };
    let Some(action) = action else { return false };
    match given.when(action, T0) {
        Ok(_) => false,
        Err(InvoiceError::NothingToCredit | InvoiceError::MoreThanLeft { .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

/// Takes back all that is left, if anything is.
fn take_the_rest(given: &mut Given) {
    let left = given.invoice.totals().total.minus(given.invoice.taken_back());
    let rest = given.when(credit(1_000, &[]), T0);
    if left.is_zero() {
        assert_eq!(rest, Err(InvoiceError::NothingToCredit));
    } else {
        rest.unwrap();
        check_notes(given);
        check_end(given);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Lines that give back, too.
    #[test]
    fn every_invoice_adds_up(draft in any_draft(true)) {
        check_content(&Given::finalized(draft));
    }

    /// Added later or drafted at once: the same invoice.
    #[test]
    fn lines_may_come_in_parts(draft in any_draft(true), cut in any::<Index>()) {
        let whole = Given::finalized(draft.clone());
        let (first, rest) = draft.lines.split_at(cut.index(draft.lines.len()));
        let mut given = Given::draft(Draft { lines: first.to_vec(), ..draft.clone() });
        given.when(Action::AddLines { lines: rest.to_vec(), taxes: draft.tax_rates }, T0).unwrap();
        given.when(Action::Seal, T0).unwrap();
        given.when(number(NUMBER), T0).unwrap();
        prop_assert_eq!(given.booked(), whole.booked());
        prop_assert_eq!(given.invoice.lines(), whole.invoice.lines());
        prop_assert_eq!(given.invoice.taxes(), whole.invoice.taxes());
    }

    #[test]
    fn credit_notes_take_back_what_there_was(draft in any_draft(false), steps in any_steps()) {
        let mut given = Given::finalized(draft);
        for (n, step) in (1..).zip(&steps) {
            prop_assert!(!take(&mut given, step, n), "nothing gives back, so nothing is denied");
            check_notes(&given);
        }
        take_the_rest(&mut given);
    }

    #[test]
    fn and_so_they_do_when_lines_give_back(draft in any_draft(true), steps in any_steps()) {
        let mut given = Given::finalized(draft);
        for (n, step) in (1..).zip(&steps) {
            take(&mut given, step, n);
            check_notes(&given);
        }
        take_the_rest(&mut given);
    }

    /// With a part taken off by another invoice, too: all that is left is that, to the smallest unit.
    #[test]
    fn all_that_is_left_is_what_nothing_has_taken(
        draft in any_draft(true), steps in any_steps(), percent in 1u32..=100,
    ) {
        let mut given = Given::finalized(draft);
        for (n, step) in (1..).zip(&steps) {
            take(&mut given, step, n);
        }
        let currency = given.invoice.drafted.as_ref().unwrap().currency;
        if let Some(taken_off) = part(given.invoice.unpaid(), percent, currency) {
            given.when(offset(&taken_off.to_string()), T0).unwrap();
        }
        let taken = given.invoice.taken_back().plus(given.invoice.offset);
        let rest = given.when(credit(1_000, &[]), T0);
        if taken == given.invoice.totals().total {
            prop_assert_eq!(rest, Err(InvoiceError::NothingToCredit));
        } else {
            rest.unwrap();
            check_notes(&given);
            let all = given.invoice.taken_back().plus(given.invoice.offset);
            prop_assert_eq!(all, given.invoice.totals().total);
        }
    }
}
