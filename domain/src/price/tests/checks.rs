//! What a price must be.

use super::*;

fn price(kind: PriceKind, pricing: Pricing) -> Price {
    Price {
        code: "calls".parse().unwrap(),
        name: "Calls".into(),
        kind,
        tax_category: TaxCategory::default(),
        currencies: BTreeMap::from([(Currency::USD, pricing)]),
    }
}

fn usage() -> PriceKind {
    PriceKind::Usage { meter: "calls".parse().unwrap(), beyond: Beyond::Charge }
}

fn fee() -> PriceKind {
    PriceKind::Recurring { due: Due::InAdvance, per_seat: false }
}

#[test]
fn what_a_model_must_be() {
    let many = |count: usize| {
        let mut tiers = tiers(&[("", "1", "0")]);
        for n in (1..count).rev() {
            tiers.insert(0, Tier { up_to: Some(quantity(&n.to_string())), ..tiers[0].clone() });
        }
        tiers
    };
    for (model, result) in [
        (flat("1"), Ok(())),
        (per_unit("1"), Ok(())),
        (graduated(&[]), Err(PriceError::Tiers)),
        (Model::Graduated { tiers: many(TIERS_MAX) }, Ok(())),
        (Model::Graduated { tiers: many(TIERS_MAX + 1) }, Err(PriceError::Tiers)),
        (volume(&[("", "1", "0")]), Ok(())),
        (volume(&[("5", "1", "0")]), Err(PriceError::Borders)),
        (volume(&[("", "1", "0"), ("", "1", "0")]), Err(PriceError::Borders)),
        (volume(&[("5", "1", "0"), ("5", "1", "0"), ("", "1", "0")]), Err(PriceError::Borders)),
        (volume(&[("5", "1", "0"), ("4", "1", "0"), ("", "1", "0")]), Err(PriceError::Borders)),
        (volume(&[("0", "1", "0"), ("", "1", "0")]), Err(PriceError::Borders)),
        (
            graduated(&[("0.5", "0.000000000001", "0"), ("", "1", "0")]),
            Err(PriceError::Inexact(MoneyError::TooPrecise { max: 12 })),
        ),
        (graduated(&[("1000000000000", "1000000000000", "0"), ("", "1", "0")]), Ok(())),
        (package("0.000001", "1"), Ok(())),
        (package("0", "1"), Err(PriceError::EmptyPackage)),
        (percentage("100", "1"), Ok(())),
        (percentage("0.0001", "1"), Ok(())),
        (percentage("100.0001", "1"), Err(PriceError::Percent)),
        (percentage("0.00001", "1"), Err(PriceError::Percent)),
    ] {
        assert_eq!(price(usage(), plain(model.clone())).check(), result, "{model:?}");
    }
}

#[test]
fn what_a_price_must_be() {
    let fine = price(fee(), plain(flat("1")));
    assert_eq!(fine.check(), Ok(()));
    for (name, result) in
        [(String::new(), Err(PriceError::Name)), ("ü".repeat(200), Ok(())), ("x".repeat(201), Err(PriceError::Name))]
    {
        assert_eq!(Price { name, ..fine.clone() }.check(), result);
    }
    assert_eq!(Price { currencies: BTreeMap::new(), ..fine.clone() }.check(), Err(PriceError::NoCurrency));
    let minimum = Pricing { minimum: amount("5"), ..plain(per_unit("1")) };
    for (pricing, of_a_fee) in [
        (minimum, Err(PriceError::NotForFees)),
        (plain(percentage("1", "0")), Err(PriceError::NotForFees)),
        (including(flat("1"), "3"), Err(PriceError::FlatIncludes)),
        (including(per_unit("10"), "3"), Ok(())),
        (plain(graduated(&[("5", "2", "0"), ("", "1", "0")])), Ok(())),
    ] {
        assert_eq!(price(usage(), pricing.clone()).check(), Ok(()));
        assert_eq!(price(PriceKind::OneTime, pricing.clone()).check(), of_a_fee);
        assert_eq!(price(fee(), pricing).check(), of_a_fee);
    }
}

#[test]
fn every_currency_is_checked() {
    let mut price = price(usage(), plain(flat("1")));
    price.currencies.insert("EUR".parse().unwrap(), plain(package("0", "1")));
    assert_eq!(price.check(), Err(PriceError::EmptyPackage));
    assert_eq!(price.pricing(Currency::USD), Some(&plain(flat("1"))));
    assert_eq!(price.pricing(Currency::USDC), None);
    assert_eq!(price.meter().map(MeterCode::as_str), Some("calls"));
}

#[test]
fn prices_are_written_as_they_are_read() {
    for (pricing, json) in [
        (plain(flat("1.50")), r#"{"model":"flat","amount":"1.5"}"#),
        (including(per_unit("0.01"), "100"), r#"{"model":"per_unit","unit_price":"0.01","included":"100"}"#),
        (
            plain(volume(&[("5", "1", "0"), ("", "2", "3")])),
            r#"{"model":"volume","tiers":[{"up_to":"5","unit_price":"1"},{"up_to":null,"unit_price":"2","flat":"3"}]}"#,
        ),
        (plain(percentage("2.9", "0")), r#"{"model":"percentage","percent":"2.9"}"#),
    ] {
        assert_eq!(serde_json::to_string(&pricing).unwrap(), json);
        assert_eq!(serde_json::from_str::<Pricing>(json).unwrap(), pricing);
        let whole = price(usage(), pricing);
        let json = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Price>(&json).unwrap(), whole);
    }
}
