//! What the rates of an invoice's lines come to. Each rate is computed on the sum of its lines and rounded once, so
//! that many small lines do not add up to a tax that nobody has set.

use rust_decimal::Decimal;

use crate::money::{Currency, SignedAmount};
use crate::tax::{AppliedRate, TaxLine};

/// Lines with the same rates, taken together.
struct Group<'a> {
    rates: &'a [AppliedRate],
    gross: SignedAmount,
    /// Without the taxes that are in it.
    net: SignedAmount,
}

impl Group<'_> {
    /// What of its gross is this rate's tax, before it is rounded: the rates that are inside share one net.
    fn inside(&self, rate: &AppliedRate) -> Decimal {
        let percents = self.rates.iter().filter(|other| other.is_inside()).map(|other| other.percent.decimal());
        let whole = percents.fold(Decimal::ONE_HUNDRED, |sum, percent| sum + percent);
        self.gross.decimal() * rate.percent.decimal() / whole
    }

    fn take(&mut self, tax: SignedAmount) {
        self.net = self.net.plus(tax.negated());
    }
}

/// What the rates of these lines come to, in the order in which they appear; the amounts are rounded to the currency's
/// smallest unit, and their sum is one that can be kept.
///
/// What lines have inside is taken out first: of several such rates each has its part, and the base is what is left,
/// so that base and taxes are the gross again. What comes on top is computed on that base. A rate that the customer
/// owes itself has a base and comes to nothing.
pub fn assess(lines: &[(SignedAmount, &[AppliedRate])], currency: Currency) -> Vec<TaxLine> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut taxes: Vec<TaxLine> = Vec::new();
    for &(amount, rates) in lines {
        match groups.iter_mut().find(|group| group.rates == rates) {
            Some(group) => group.gross = group.gross.plus(amount),
            None => groups.push(Group { rates, gross: amount, net: SignedAmount::ZERO }),
        }
        for rate in rates {
            if !taxes.iter().any(|tax| tax.rate == *rate) {
                taxes.push(TaxLine { rate: rate.clone(), base: SignedAmount::ZERO, amount: SignedAmount::ZERO });
            }
        }
    }
    for group in &mut groups {
        group.net = group.gross;
    }
    for tax in taxes.iter_mut().filter(|tax| tax.rate.is_inside()) {
        tax.amount = take_out(&mut groups, &tax.rate, currency);
    }
    for tax in &mut taxes {
        let with = groups.iter().filter(|group| group.rates.contains(&tax.rate));
        tax.base = with.fold(SignedAmount::ZERO, |sum, group| sum.plus(group.net));
        if !tax.rate.inclusive && !tax.rate.reverse_charge {
            let exact = tax.base.decimal() * tax.rate.percent.decimal() / Decimal::ONE_HUNDRED;
            tax.amount = rounded(exact, currency);
        }
    }
    taxes
}

/// Takes a rate out of all groups that have it inside: what it comes to is rounded once, and the last group bears what
/// is left of that.
fn take_out(groups: &mut [Group<'_>], rate: &AppliedRate, currency: Currency) -> SignedAmount {
    let mut with: Vec<&mut Group<'_>> = groups.iter_mut().filter(|group| group.rates.contains(rate)).collect();
    let exact = with.iter().fold(Decimal::ZERO, |sum, group| sum + group.inside(rate));
    let tax = rounded(exact, currency);
    let mut left = tax;
    if let Some((last, others)) = with.split_last_mut() {
        for group in others {
            let part = rounded(group.inside(rate), currency);
            group.take(part);
            left = left.plus(part.negated());
        }
        last.take(left);
    }
    tax
}

fn rounded(exact: Decimal, currency: Currency) -> SignedAmount {
    // A rate is at most 100 percent, so that a tax is no larger than what it is computed on.
    SignedAmount::new(currency.rounded(exact)).unwrap_or_default()
}

/// What of an amount is left without the taxes that these rates have in it.
pub fn net_of_inclusive(gross: SignedAmount, rates: &[AppliedRate], currency: Currency) -> SignedAmount {
    gross.plus(included_tax(&assess(&[(gross, rates)], currency)).negated())
}

/// The sum of the taxes that the lines have in them already.
pub fn included_tax(taxes: &[TaxLine]) -> SignedAmount {
    total_of(taxes.iter().filter(|tax| tax.rate.is_inside()))
}

/// The sum of all taxes.
pub fn total_tax(taxes: &[TaxLine]) -> SignedAmount {
    total_of(taxes.iter())
}

fn total_of<'a>(taxes: impl Iterator<Item = &'a TaxLine>) -> SignedAmount {
    taxes.fold(SignedAmount::ZERO, |sum, tax| sum.plus(tax.amount))
}
