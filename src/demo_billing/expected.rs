//! What the renewal has to come to, worked out from the plan file and the tax table, with exact decimals.

use rust_decimal::{Decimal, RoundingStrategy};

use super::Error;
use super::plan_file::Offer;

/// A rate of the tax table that applies to the customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// Its id, `txr_…`.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// In percent.
    pub percent: Decimal,
    /// What is taxed with it.
    pub category: String,
}

/// A tax on the invoice.
#[derive(Debug, Clone, PartialEq)]
pub struct Tax {
    /// Which rate.
    pub rate: Rate,
    /// What it is computed on.
    pub base: Decimal,
    /// What it comes to.
    pub amount: Decimal,
}

/// What an invoice has to come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// What was used beyond what is included.
    pub usage: Decimal,
    /// The next month.
    pub fee: Decimal,
    /// Both.
    pub subtotal: Decimal,
    /// Each tax.
    pub taxes: Vec<Tax>,
    /// What is to be paid.
    pub total: Decimal,
}

impl Expected {
    /// With so much used beyond what is included.
    pub fn of(offer: &Offer, beyond: Decimal, rates: &[Rate]) -> Self {
        let (usage, fee) = (cents(offer.usage(beyond)), cents(offer.fee));
        let lines = [(usage, &offer.usage_category), (fee, &offer.fee_category)];
        let mut taxes = Vec::new();
        for rate in rates {
            let taxed = lines.iter().filter(|(_, category)| **category == rate.category);
            let base: Decimal = taxed.map(|(amount, _)| *amount).sum();
            if !base.is_zero() {
                let amount = cents(base * rate.percent / Decimal::ONE_HUNDRED);
                taxes.push(Tax { rate: rate.clone(), base, amount });
            }
        }
        let tax: Decimal = taxes.iter().map(|tax| tax.amount).sum();
        Self { usage, fee, subtotal: usage + fee, taxes, total: usage + fee + tax }
    }
}

/// Whole cents, half away from zero.
fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// An amount or a quantity of an answer.
pub fn decimal(text: &str) -> Result<Decimal, Error> {
    Decimal::from_str_exact(text).map_err(|error| format!("{text:?} is not a decimal: {error}").into())
}

/// As people write money: with two decimals, or more where there are more.
pub fn money(amount: Decimal) -> String {
    let mut amount = amount.normalize();
    if amount.scale() < 2 {
        amount.rescale(2);
    }
    amount.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo_billing::plan_file::PlanFile;

    fn rate(percent: &str, category: &str) -> Rate {
        let (id, name) = ("txr_1".to_owned(), "VAT".to_owned());
        Rate { id, name, percent: decimal(percent).unwrap(), category: category.to_owned() }
    }

    #[test]
    fn a_month_with_some_usage_beyond() {
        let offer = PlanFile::shipped().unwrap().offer().unwrap();
        let rates = [rate("20", "standard"), rate("7", "books")];
        let expected = Expected::of(&offer, decimal("2500").unwrap(), &rates);
        assert_eq!((money(expected.usage), money(expected.fee)), ("25.00".to_owned(), "299.00".to_owned()));
        let [tax] = expected.taxes.as_slice() else { panic!("{expected:?}") };
        assert_eq!((money(tax.base), money(tax.amount)), ("324.00".to_owned(), "64.80".to_owned()));
        assert_eq!((money(expected.subtotal), money(expected.total)), ("324.00".to_owned(), "388.80".to_owned()));
    }

    #[test]
    fn taxes_are_rounded_once() {
        let offer = PlanFile::shipped().unwrap().offer().unwrap();
        // 9.975 % of 299 is 29.82525.
        let expected = Expected::of(&offer, Decimal::ZERO, &[rate("9.975", "standard")]);
        assert_eq!((expected.usage, money(expected.total)), (Decimal::ZERO, "328.83".to_owned()));
    }

    #[test]
    fn money_has_at_least_two_decimals() {
        for (text, written) in [("25", "25.00"), ("0", "0.00"), ("-0.5", "-0.50"), ("1.2345", "1.2345")] {
            assert_eq!(money(decimal(text).unwrap()), written);
        }
    }
}
