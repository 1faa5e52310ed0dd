//! Which rates apply, and what they come to, by example and over any lines.

use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::money::Currency;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}
fn signed(text: &str) -> SignedAmount {
    text.parse().unwrap()
}
fn category(text: &str) -> TaxCategory {
    TaxCategory(text.parse().unwrap())
}
fn region(text: &str) -> Region {
    let (country, subdivision) = text.split_once('-').map_or((text, None), |(country, part)| (country, Some(part)));
    Region { country: country.to_owned(), subdivision: subdivision.map(str::to_owned) }
}

fn row(n: u128, name: &str, place: &str, percent: &str) -> TaxRate {
    TaxRate {
        id: TaxRateId::new(Uuid::from_u128(n)),
        name: name.to_owned(),
        region: region(place),
        category: TaxCategory::default(),
        percent: amount(percent),
        inclusive: false,
        reverse_charge: false,
    }
}

fn profile(place: &str, tax_id: Option<&str>) -> TaxProfile {
    TaxProfile { region: Some(region(place)), tax_id: tax_id.map(str::to_owned), exempt: false }
}

fn rate(n: u128, percent: &str, inclusive: bool) -> AppliedRate {
    AppliedRate {
        tax_rate_id: TaxRateId::new(Uuid::from_u128(n)),
        name: format!("rate {n}"),
        percent: amount(percent),
        inclusive,
        reverse_charge: false,
    }
}

/// Base and amount of each rate.
fn taxes(lines: &[(&str, &[AppliedRate])], currency: &str) -> Vec<(String, String)> {
    let lines: Vec<_> = lines.iter().map(|(amount, rates)| (signed(amount), *rates)).collect();
    let taxes = assess(&lines, currency.parse().unwrap());
    taxes.iter().map(|tax| (tax.base.to_string(), tax.amount.to_string())).collect()
}

fn shown(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(base, amount)| ((*base).to_owned(), (*amount).to_owned())).collect()
}

#[test]
fn the_rates_of_the_buyers_region_apply() {
    let table = [
        row(1, "VAT", "DE", "19"),
        TaxRate { category: category("books"), ..row(2, "VAT reduced", "DE", "7") },
        row(3, "GST", "CA", "5"),
        row(4, "PST", "CA-BC", "7"),
        row(5, "QST", "CA-QC", "9.975"),
    ];
    let seller = profile("US-NY", None);
    let names = |buyer: &TaxProfile, of: &str| -> Vec<String> {
        rates_for(&table, &seller, buyer, &category(of)).into_iter().map(|rate| rate.name).collect()
    };
    assert_eq!(names(&profile("DE", None), "standard"), ["VAT"]);
    assert_eq!(names(&profile("DE-BE", None), "standard"), ["VAT"], "a part of the country");
    assert_eq!(names(&profile("DE", None), "books"), ["VAT reduced"]);
    assert_eq!(names(&profile("CA-BC", None), "standard"), ["GST", "PST"], "both of them");
    assert_eq!(names(&profile("CA-ON", None), "standard"), ["GST"]);
    assert_eq!(names(&profile("CA", None), "standard"), ["GST"], "nobody knows which part");
    assert_eq!(names(&profile("FR", None), "standard"), [""; 0]);
    assert_eq!(names(&TaxProfile::default(), "standard"), [""; 0], "no region");
    assert_eq!(names(&TaxProfile { exempt: true, ..profile("DE", None) }, "standard"), [""; 0]);
}

#[test]
fn a_business_abroad_owes_the_tax_itself() {
    let table = [TaxRate { reverse_charge: true, ..row(1, "VAT", "DE", "19") }];
    for (seller, buyer, is_reversed) in [
        (profile("FR", None), profile("DE", Some("DE123456789")), true),
        (profile("FR", None), profile("DE", None), false),
        (profile("DE", None), profile("DE", Some("DE123456789")), false),
        (TaxProfile::default(), profile("DE", Some("DE123456789")), false),
    ] {
        let rates = rates_for(&table, &seller, &buyer, &TaxCategory::default());
        assert_eq!(rates.len(), 1);
        assert_eq!((rates[0].reverse_charge, rates[0].percent), (is_reversed, amount("19")), "{seller:?} {buyer:?}");
    }
    let everywhere = [row(1, "VAT", "DE", "19")];
    let rates = rates_for(&everywhere, &profile("FR", None), &profile("DE", Some("x")), &TaxCategory::default());
    assert!(!rates[0].reverse_charge, "the row says that it never is");
}

#[test]
fn a_rate_is_rounded_once_over_all_its_lines() {
    let vat = [rate(1, "19", false)];
    // 0.0057 each: one by one it would be 0.03.
    assert_eq!(taxes(&[("0.03", &vat), ("0.03", &vat), ("0.03", &vat)], "USD"), shown(&[("0.09", "0.02")]));
    assert_eq!(taxes(&[("0.50", &[rate(1, "1", false)])], "USD"), shown(&[("0.5", "0.01")]), "half away from zero");
    assert_eq!(taxes(&[("-0.50", &[rate(1, "1", false)])], "USD"), shown(&[("-0.5", "-0.01")]));
    assert_eq!(taxes(&[("105", &[rate(1, "10", false)])], "JPY"), shown(&[("105", "11")]));
    assert_eq!(taxes(&[("5", &[]), ("0", &vat)], "USD"), shown(&[("0", "0")]), "a line without a rate has no tax");
}

#[test]
fn two_rates_on_top_do_not_see_each_other() {
    let both = [rate(1, "5", false), rate(2, "9.975", false)];
    assert_eq!(taxes(&[("100", &both)], "CAD"), shown(&[("100", "5"), ("100", "9.98")]));
    let gst = [rate(1, "5", false)];
    assert_eq!(taxes(&[("100", &both), ("50", &gst)], "CAD"), shown(&[("150", "7.5"), ("100", "9.98")]));
}

#[test]
fn an_inclusive_rate_is_taken_out() {
    let vat = [rate(1, "19", true)];
    assert_eq!(taxes(&[("119", &vat)], "EUR"), shown(&[("100", "19")]));
    assert_eq!(taxes(&[("9.99", &vat)], "EUR"), shown(&[("8.39", "1.6")]));
    assert_eq!(taxes(&[("9.99", &vat), ("9.99", &vat), ("-9.99", &vat)], "EUR"), shown(&[("8.39", "1.6")]));
    let two = [rate(1, "10", true), rate(2, "15", true)];
    // Net 80 of 100 exactly; of 99.99 the base gets what rounding leaves.
    assert_eq!(taxes(&[("100", &two)], "USD"), shown(&[("80", "8"), ("80", "12")]));
    assert_eq!(taxes(&[("99.99", &two)], "USD"), shown(&[("79.99", "8"), ("79.99", "12")]));
    assert_eq!(net_of_inclusive(signed("119"), &vat, "EUR".parse().unwrap()), signed("100"));
    assert_eq!(net_of_inclusive(signed("119"), &[rate(1, "19", false)], "EUR".parse().unwrap()), signed("119"));
}

#[test]
fn a_rate_that_is_inside_of_different_lines() {
    let one = [rate(1, "10", true)];
    let two = [rate(1, "10", true), rate(2, "15", true)];
    // 11 = 10 + 1; 125 = 100 + 10 + 15.
    assert_eq!(taxes(&[("11", &one), ("125", &two)], "USD"), shown(&[("110", "11"), ("100", "15")]));
}

#[test]
fn what_is_inside_is_taken_out_before_what_comes_on_top() {
    let mixed = [rate(1, "10", false), rate(2, "25", true)];
    assert_eq!(taxes(&[("125", &mixed)], "USD"), shown(&[("100", "10"), ("100", "25")]));
    let taxes = assess(&[(signed("125"), &mixed)], Currency::USD);
    assert_eq!((included_tax(&taxes), total_tax(&taxes)), (signed("25"), signed("35")));
}

#[test]
fn what_the_customer_owes_itself_comes_to_nothing() {
    for inclusive in [false, true] {
        let reversed = [AppliedRate { reverse_charge: true, ..rate(1, "19", inclusive) }];
        assert_eq!(taxes(&[("119", &reversed)], "EUR"), shown(&[("119", "0")]), "nothing is in the amount");
        assert_eq!(net_of_inclusive(signed("119"), &reversed, Currency::USD), signed("119"));
    }
}

#[test]
fn what_a_row_and_a_profile_must_be() {
    let fine = TaxRate { percent: amount("9.9755"), ..row(1, "QST", "CA-QC", "0") };
    assert_eq!(fine.check(), Ok(()));
    for (percent, result) in
        [("100", Ok(())), ("100.0001", Err(TaxError::Percent)), ("1.00001", Err(TaxError::Percent))]
    {
        assert_eq!(TaxRate { percent: amount(percent), ..fine.clone() }.check(), result);
    }
    assert_eq!(TaxRate { name: String::new(), ..fine.clone() }.check(), Err(TaxError::Name));
    for (place, result) in [
        ("DE", Ok(())),
        ("GB-1X2", Ok(())),
        ("de", Err(TaxError::Country)),
        ("D1", Err(TaxError::Country)),
        ("DEU", Err(TaxError::Country)),
        ("", Err(TaxError::Country)),
        ("DE-", Err(TaxError::Subdivision)),
        ("DE-be", Err(TaxError::Subdivision)),
        ("DE-ABCD", Err(TaxError::Subdivision)),
    ] {
        assert_eq!(region(place).check(), result, "{place}");
        assert_eq!(profile(place, None).check(), result);
        assert_eq!(TaxRate { region: region(place), ..fine.clone() }.check(), result);
    }
    for (tax_id, result) in [
        ("CHE-123.456.789 MWST", Ok(())),
        ("", Err(TaxError::TaxId)),
        (" DE1", Err(TaxError::TaxId)),
        ("DÉ1", Err(TaxError::TaxId)),
    ] {
        assert_eq!(profile("CH", Some(tax_id)).check(), result, "{tax_id}");
    }
    assert_eq!(TaxProfile::default().check(), Ok(()));
}

/// Lines in cents, each with some of three rates that are all inclusive or all not.
fn any_lines(inclusive: bool) -> impl Strategy<Value = Vec<(SignedAmount, Vec<AppliedRate>)>> {
    let rates: Vec<_> = ["19", "9.975", "2.5"].iter().zip(1..).map(|(text, n)| rate(n, text, inclusive)).collect();
    let cents = (-1_000_000i64..1_000_000).prop_map(|n| SignedAmount::new(Decimal::new(n, 2)).unwrap());
    prop::collection::vec((cents, prop::sample::subsequence(rates, 1..=3)), 1..20)
}

fn sum(amounts: impl Iterator<Item = SignedAmount>) -> SignedAmount {
    amounts.fold(SignedAmount::ZERO, SignedAmount::plus)
}

fn borrowed(lines: &[(SignedAmount, Vec<AppliedRate>)]) -> Vec<(SignedAmount, &[AppliedRate])> {
    lines.iter().map(|(amount, rates)| (*amount, rates.as_slice())).collect()
}

proptest! {
    /// With one rate inside: what is left and the tax are the gross, and the tax is as exact as it can be.
    #[test]
    fn base_and_tax_are_the_gross(
        cents in prop::collection::vec(-1_000_000i64..1_000_000, 1..30),
        percent in 0i64..=1_000_000,
    ) {
        let inside = AppliedRate { percent: Amount::new(Decimal::new(percent, 4)).unwrap(), ..rate(1, "0", true) };
        let rates = [inside];
        let line = |n: &i64| (SignedAmount::new(Decimal::new(*n, 2)).unwrap(), &rates[..]);
        let lines: Vec<_> = cents.iter().map(line).collect();
        let gross = sum(lines.iter().map(|(amount, _)| *amount));
        let taxes = assess(&lines, Currency::USD);
        prop_assert_eq!(taxes.len(), 1);
        prop_assert_eq!(taxes[0].base.plus(taxes[0].amount), gross);
        let off = taxes[0].amount.decimal() * (Decimal::ONE_HUNDRED + Decimal::new(percent, 4))
            - gross.decimal() * Decimal::new(percent, 4);
        prop_assert!(off.abs() <= Decimal::new(5, 3) * (Decimal::ONE_HUNDRED + Decimal::new(percent, 4)));
    }

    /// With several rates inside of the same lines: base and all taxes are the gross.
    #[test]
    fn of_several_rates_inside_the_base_bears_what_rounding_leaves(lines in any_lines(true)) {
        let all = [rate(1, "19", true), rate(2, "9.975", true), rate(3, "2.5", true)];
        let same: Vec<_> = lines.iter().map(|(amount, _)| (*amount, &all[..])).collect();
        let gross = sum(lines.iter().map(|(amount, _)| *amount));
        let taxes = assess(&same, Currency::USD);
        for tax in &taxes {
            prop_assert_eq!(tax.base.plus(total_tax(&taxes)), gross);
        }
        prop_assert_eq!(included_tax(&taxes), total_tax(&taxes));
    }

    /// With several rates inside of different lines: each is within half a cent of what the lines say.
    #[test]
    fn what_is_inside_of_different_lines_is_rounded_once(lines in any_lines(true)) {
        for tax in assess(&borrowed(&lines), Currency::USD) {
            let with = lines.iter().filter(|(_, rates)| rates.contains(&tax.rate));
            let exact = with.fold(Decimal::ZERO, |sum, (amount, rates)| {
                let all = rates.iter().fold(Decimal::ONE_HUNDRED, |all, rate| all + rate.percent.decimal());
                sum + amount.decimal() * tax.rate.percent.decimal() / all
            });
            // The quotients have 28 digits.
            prop_assert!((tax.amount.decimal() - exact).abs() <= Decimal::new(5_000_000_001, 12));
            prop_assert!(tax.base.decimal().scale() <= 2);
        }
    }

    /// What comes on top is within half a cent of what the percentage says, on the sum of the lines that have it.
    #[test]
    fn what_comes_on_top_is_rounded_once(lines in any_lines(false)) {
        for tax in assess(&borrowed(&lines), Currency::USD) {
            let with = lines.iter().filter(|(_, rates)| rates.contains(&tax.rate));
            prop_assert_eq!(tax.base, sum(with.map(|(amount, _)| *amount)));
            let exact = tax.base.decimal() * tax.rate.percent.decimal() / Decimal::ONE_HUNDRED;
            prop_assert!((tax.amount.decimal() - exact).abs() <= Decimal::new(5, 3));
        }
    }

    /// Taking an invoice back as a whole takes its taxes back, to the cent.
    #[test]
    fn the_other_way_round_it_is_the_same(lines in any_lines(true), on_top in any_lines(false)) {
        for lines in [lines, on_top] {
            let back: Vec<_> = lines.iter().map(|(amount, rates)| (amount.negated(), rates.clone())).collect();
            let (there, back) = (assess(&borrowed(&lines), Currency::USD), assess(&borrowed(&back), Currency::USD));
            for (there, back) in there.iter().zip(&back) {
                prop_assert_eq!((there.base.negated(), there.amount.negated()), (back.base, back.amount));
            }
        }
    }
}
