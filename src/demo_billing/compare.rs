//! The figures of an invoice, beside what they have to be.

use rust_decimal::Decimal;
use serde_json::Value;

use super::Error;
use super::expected::{Expected, decimal};
use super::month::{BEYOND, Used};
use super::plan_file::Offer;
use super::report::Report;
use crate::remote::text;

/// The invoice of the renewal: what was used, the next month, taxes, and that it is paid.
pub fn renewal(
    invoice: &Value,
    offer: &Offer,
    used: &Used,
    expected: &Expected,
    report: &mut Report,
) -> Result<(), Error> {
    let usage = Lines::of(invoice, "usage")?;
    report.money(format!("charged: {}", offer.working(Decimal::from(BEYOND))), expected.usage, used.charged);
    report.number(format!("line: {} used", offer.meter), used.quantity, usage.sum("quantity")?);
    report.number("line: of it included", offer.included, usage.sum("included_quantity")?);
    report.money(format!("line: {}", offer.usage_name), expected.usage, usage.sum("amount")?);
    let fees = Lines::of(invoice, "fee")?;
    report.money(format!("line: {}, the next month", offer.name), expected.fee, fees.sum("amount")?);
    let lines = invoice["lines"].as_array().map_or(0, Vec::len);
    report.number("lines in all", 2_u64, lines as u64);
    report.money("subtotal", expected.subtotal, amount(invoice, "subtotal")?);
    for tax in &expected.taxes {
        let (name, percent) = (&tax.rate.name, tax.rate.percent);
        let found = invoice["taxes"].as_array().into_iter().flatten().find(|it| it["tax_rate_id"] == tax.rate.id);
        let found = found.ok_or_else(|| format!("{name} {percent} % is not on the invoice"))?;
        report.money(format!("{name} {percent} %, computed on"), tax.base, amount(found, "base")?);
        report.money(format!("{name} {percent} %"), tax.amount, amount(found, "amount")?);
    }
    report.money("total", expected.total, amount(invoice, "total")?);
    report.money("paid", expected.total, amount(invoice, "paid")?);
    report.money("due", Decimal::ZERO, amount(invoice, "due")?);
    Ok(())
}

/// An amount of an answer.
pub fn amount(value: &Value, member: &str) -> Result<Decimal, Error> {
    decimal(text(value, member)?)
}

/// Lines of one kind.
struct Lines<'a>(Vec<&'a Value>);

impl<'a> Lines<'a> {
    fn of(invoice: &'a Value, kind: &str) -> Result<Self, Error> {
        let lines = invoice["lines"].as_array().ok_or("the invoice has no lines")?;
        Ok(Self(lines.iter().filter(|line| line["kind"] == kind).collect()))
    }

    /// Of a member that may be missing.
    fn sum(&self, member: &str) -> Result<Decimal, Error> {
        let given = self.0.iter().filter(|line| !line[member].is_null());
        let amounts: Vec<Decimal> = given.map(|line| amount(line, member)).collect::<Result<_, _>>()?;
        Ok(amounts.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_of_a_kind_are_added_up() {
        let invoice = json!({ "lines": [
            { "kind": "usage", "amount": "25", "included_quantity": "50000" },
            { "kind": "fee", "amount": "299", "included_quantity": null },
            { "kind": "fee", "amount": "0.5" },
        ] });
        let sum = |kind: &str, member: &str| Lines::of(&invoice, kind).unwrap().sum(member).unwrap().to_string();
        assert_eq!((sum("usage", "amount"), sum("usage", "included_quantity")), ("25".to_owned(), "50000".to_owned()));
        assert_eq!((sum("fee", "amount"), sum("fee", "included_quantity")), ("299.5".to_owned(), "0".to_owned()));
        assert!(Lines::of(&json!({}), "fee").is_err());
        assert!(amount(&invoice["lines"][0], "kind").is_err(), "no number");
    }
}
