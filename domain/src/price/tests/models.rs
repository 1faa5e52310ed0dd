//! Each model by example, above all at the borders of its tiers, and what a charge in the middle of a period costs.

use super::*;

/// 100 units at 1, 900 more at 0.5 with a fee of 10, and then 0.1 with a fee of 20.
const STEPS: [(&str, &str, &str); 3] = [("100", "1", "0"), ("1000", "0.5", "10"), ("", "0.1", "20")];

#[test]
fn a_flat_price_counts_uses() {
    let pricing = plain(flat("0.25"));
    for (quantity, uses, costs) in [("0", 0, "0"), ("7", 1, "0.25"), ("0.000001", 4, "1")] {
        assert_eq!(pricing.rate(used(quantity, uses), Share::WHOLE), Ok(amount(costs)));
    }
    assert_eq!(pricing.rate(Used::once(quantity("50")), Share::WHOLE), Ok(amount("0.25")), "a fee");
}

#[test]
fn a_price_per_unit() {
    let pricing = including(per_unit("0.000003"), "1000");
    for (quantity, costs) in
        [("0", "0"), ("999.999999", "0"), ("1000", "0"), ("1001", "0.000003"), ("5808", "0.014424")]
    {
        assert_eq!(cost(&pricing, quantity), amount(costs), "{quantity}");
    }
}

#[test]
fn a_graduated_price_at_its_borders() {
    let pricing = plain(graduated(&STEPS));
    for (quantity, costs) in [
        ("0", "0"),
        ("0.000001", "0.000001"),
        ("99.999999", "99.999999"),
        ("100", "100"),
        ("100.000001", "110.0000005"),
        ("101", "110.5"),
        ("1000", "560"),
        ("1000.000001", "580.0000001"),
        ("1001", "580.1"),
        ("2000", "680"),
    ] {
        assert_eq!(cost(&pricing, quantity), amount(costs), "{quantity}");
    }
    assert_eq!(cost(&including(graduated(&STEPS), "50"), "150"), amount("100"), "tiers are of what is not included");
    assert_eq!(cost(&plain(graduated(&[("", "2", "5")])), "3"), amount("11"), "the fee of the first tier");
    assert_eq!(cost(&plain(graduated(&[("", "2", "5")])), "0"), amount("0"));
}

#[test]
fn a_volume_price_at_its_borders() {
    let pricing = plain(volume(&STEPS));
    for (quantity, costs) in [
        ("0", "0"),
        ("0.000001", "0.000001"),
        ("100", "100"),
        ("100.000001", "60.0000005"),
        ("101", "60.5"),
        ("1000", "510"),
        ("1000.000001", "120.0000001"),
        ("2000", "220"),
    ] {
        assert_eq!(cost(&pricing, quantity), amount(costs), "{quantity}");
    }
    let included = including(volume(&STEPS), "50");
    assert_eq!(
        (cost(&included, "50"), cost(&included, "150"), cost(&included, "151")),
        (amount("0"), amount("100"), amount("60.5"))
    );
}

#[test]
fn a_package_is_paid_when_it_is_begun() {
    let pricing = plain(package("100", "3"));
    for (quantity, costs) in [("0", "0"), ("0.000001", "3"), ("100", "3"), ("100.000001", "6"), ("250", "9")] {
        assert_eq!(cost(&pricing, quantity), amount(costs), "{quantity}");
    }
    assert_eq!(cost(&including(package("0.5", "1"), "10"), "11.2"), amount("3"));
    assert_eq!(plain(package("0", "1")).rate(used("1", 1), Share::WHOLE), Err(MoneyError::Zero), "it is not checked");
}

#[test]
fn a_percentage_and_a_fee_for_each_use() {
    let pricing = plain(percentage("2.9", "0.3"));
    assert_eq!(pricing.rate(used("100", 1), Share::WHOLE), Ok(amount("3.2")));
    assert_eq!(pricing.rate(used("100", 4), Share::WHOLE), Ok(amount("4.1")));
    let pricing = including(percentage("0.0001", "0.1"), "1000");
    assert_eq!(pricing.rate(used("1000", 0), Share::WHOLE), Ok(amount("0")), "nobody has used more than that");
    assert_eq!(pricing.rate(used("1000.01", 2), Share::WHOLE), Ok(amount("0.20000001")));
}

#[test]
fn what_cannot_be_kept_exactly_is_refused() {
    let tiny = plain(per_unit("0.0000001"));
    assert_eq!(tiny.rate(used("0.000001", 1), Share::WHOLE), Err(MoneyError::TooPrecise { max: 12 }));
    let large = plain(package("0.000001", "1000000000000"));
    assert_eq!(large.rate(used("1", 1), Share::WHOLE), Err(MoneyError::TooLarge));
    assert_eq!(plain(flat("1000000000000")).rate(used("1", u64::MAX), Share::WHOLE), Err(MoneyError::TooLarge));
    assert_eq!(used("1", u64::MAX).and(quantity("1")), Err(MoneyError::TooLarge));
}

#[test]
fn a_charge_costs_what_it_adds() {
    let pricing = plain(graduated(&STEPS));
    for (from, quantity_, costs) in
        [("0", "100", "100"), ("99", "2", "11.5"), ("100", "1", "10.5"), ("1000", "10", "21")]
    {
        let from = used(from, 3);
        let rated = pricing.rate(from, Share::WHOLE).unwrap();
        assert_eq!(pricing.marginal(from, rated, quantity(quantity_)), Ok(amount(costs)));
    }
    let fees = plain(percentage("1", "0.5"));
    assert_eq!(fees.marginal(used("200", 2), amount("3"), quantity("100")), Ok(amount("1.5")));
}

#[test]
fn a_volume_price_never_gives_back_before_the_period_closes() {
    let pricing = plain(volume(&STEPS));
    let (mut now, mut rated) = (Used::default(), Amount::ZERO);
    let mut charged = Vec::new();
    for each in ["60", "40", "1", "100", "19"] {
        let marginal = pricing.marginal(now, rated, quantity(each)).unwrap();
        now = now.and(quantity(each)).unwrap();
        rated = rated.plus(marginal);
        charged.push(marginal);
    }
    // 220 units come to 120: as much as the 100 units of the dearer tier had come to, and 20 more.
    assert_eq!(charged, [amount("60"), amount("40"), amount("0"), amount("10.5"), amount("9.5")]);
    assert_eq!((rated, pricing.rate(now, Share::WHOLE)), (amount("120"), Ok(amount("120"))));
    let after_101 = used("101", 3);
    let too_much = amount("100").minus(pricing.rate(after_101, Share::WHOLE).unwrap());
    assert_eq!(too_much, amount("39.5"), "a period that ends after the third charge gives this back");
}

#[test]
fn a_hold_reserves_the_worst() {
    for (model, from, most) in [
        (flat("3"), "5", "3"),
        (per_unit("2"), "5", "20"),
        (graduated(&STEPS), "0", "40"),
        (graduated(&STEPS), "99.999999", "40"),
        (graduated(&STEPS), "100", "35"),
        (graduated(&STEPS), "100.000001", "25"),
        (graduated(&STEPS), "1000", "21"),
        (graduated(&STEPS), "1000.000001", "1"),
        (volume(&STEPS), "0", "40"),
        (volume(&STEPS), "5000", "1"),
        (package("4", "1"), "0", "3"),
        (percentage("10", "0.5"), "0", "1.5"),
    ] {
        let pricing = plain(model);
        assert_eq!(pricing.at_most(used(from, 1), quantity("10")), Ok(amount(most)), "{pricing:?} from {from}");
    }
    let included = including(graduated(&STEPS), "30");
    assert_eq!(included.at_most(used("130", 1), quantity("10")), Ok(amount("35")), "by then all of it is used up");
}

#[test]
fn a_rising_volume_price_reprices_what_was_used() {
    let pricing = plain(volume(&[("100", "1", "0"), ("", "3", "0")]));
    let from = used("100", 9);
    assert_eq!(pricing.marginal(from, amount("100"), quantity("1")), Ok(amount("203")));
    assert_eq!(pricing.at_most(from, quantity("1")), Ok(amount("203")));
    assert_eq!(pricing.at_most(used("0", 0), quantity("1")), Ok(amount("203")), "it may land there");
    assert_eq!(pricing.at_most(used("100.5", 9), quantity("1")), Ok(amount("3")), "not any more");
    let far = plain(volume(&[("100", "1", "0"), ("200", "1", "0"), ("", "3", "0")]));
    assert_eq!(far.at_most(used("0", 0), quantity("100")), Ok(amount("700")), "across one border at once");
    assert_eq!(far.at_most(used("0", 0), quantity("101")), Ok(amount("703")));
}
