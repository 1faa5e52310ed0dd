//! Lines of usage: what an account gives out for a bill, as an invoice shows it.

use std::sync::Arc;

use crate::account::event::{Turned, UsageSum};
use crate::cycle::Cycle;
use crate::ids::PlanId;
use crate::invoice::{ChargesRef, LineItem, LineKind};
use crate::money::{Amount, Currency, SignedAmount};
use crate::plan::{LateUsage, Plan, PlanVersion};
use crate::price::{Model, Price, PriceRef, Rated};
use crate::subscription::event::Minimum;
use crate::subscription::{Bill, Lacked};
use crate::tax::TaxCategory;

/// What usage without a meter is called.
const FLAT: &str = "Usage";

/// What prices are called and how they are taxed.
#[derive(Debug, Clone, Copy)]
pub struct Prices<'a> {
    /// The subscription's own plan.
    pub own: Option<&'a PlanVersion>,
    /// Others, for usage from before a change.
    pub plans: &'a [(PlanId, Arc<Plan>)],
}

impl<'a> Prices<'a> {
    /// The price that usage was charged at; of a plan that is not known the one of the same name, if there is one.
    pub fn find(&self, wanted: &PriceRef) -> Option<&'a Price> {
        let own = self.own.filter(|own| own.plan_id == wanted.plan_id && own.version == wanted.version);
        let terms = own.map(|own| &own.terms).or_else(|| {
            let (_, plan) = self.plans.iter().find(|(id, _)| *id == wanted.plan_id)?;
            let place = usize::try_from(wanted.version).ok()?.checked_sub(1)?;
            plan.versions.get(place).map(|version| &version.terms)
        });
        let terms = terms.or_else(|| self.own.map(|own| &own.terms))?;
        terms.prices.iter().find(|price| price.code == wanted.code)
    }
}

/// All lines of a subscription's bill: its fees, the usage that the account gave out for it, what of that is taken
/// back, and what the closed period lacks to its minimums.
pub fn of_bill(bill: &Bill, turned: &Turned, prices: &Prices<'_>) -> Vec<LineItem> {
    let mut lines = bill.lines.clone();
    // What was lacking to minimums, was billed, and is covered by what came late.
    let mut lacked = bill.lacked.clone();
    for sum in &turned.usage {
        let is_late = is_late(sum, bill.closed);
        // A period that was cut short is shown as it was.
        let period = if is_late { sum.cycle } else { sum.cycle.and(bill.closed).or(sum.cycle) };
        let shown = shown(sum, period, is_late, turned.currency, prices);
        let back = match (is_late, bill.late_usage) {
            (true, LateUsage::Waive) => sum.amount,
            _ => sum.too_much,
        };
        let adjustment = (!back.is_zero()).then(|| given_back(&shown, back, turned.currency));
        let less = lacks_less(&mut lacked, sum, sum.amount.minus(back));
        let given_back_minimum = || LineItem { kind: LineKind::Minimum, ..given_back(&shown, less, turned.currency) };
        let minimum = (!less.is_zero()).then(given_back_minimum);
        lines.push(shown);
        lines.extend(adjustment);
        lines.extend(minimum);
    }
    lines.extend(bill.minimums.iter().filter_map(|minimum| lacking(minimum, bill.closed, turned)));
    lines
}

/// Lines of usage for an invoice that somebody asked for.
pub fn of_usage(turned: &Turned, prices: &Prices<'_>) -> Vec<LineItem> {
    let mut lines = Vec::new();
    for sum in &turned.usage {
        // What counts in a period comes this way only when its subscription is no more.
        let shown = shown(sum, sum.cycle, sum.cycle.is_some(), turned.currency, prices);
        let adjustment = (!sum.too_much.is_zero()).then(|| given_back(&shown, sum.too_much, turned.currency));
        lines.push(shown);
        lines.extend(adjustment);
    }
    lines
}

/// Whether there is nothing to be paid, to be given back or to be settled: then there need be no invoice.
pub fn come_to_nothing(lines: &[LineItem]) -> bool {
    lines.iter().all(|line| line.rated.amount.is_zero() && line.postpaid.is_zero())
}

/// Whether usage is of another period than the one that is closed.
fn is_late(sum: &UsageSum, closed: Option<Cycle>) -> bool {
    match sum.cycle {
        Some(cycle) => closed.is_some_and(|closed| cycle.start != closed.start),
        // By a plan's price and in no period that is remembered: of one before the last.
        None => sum.price.is_some(),
    }
}

fn shown(sum: &UsageSum, period: Option<Cycle>, is_late: bool, currency: Currency, prices: &Prices<'_>) -> LineItem {
    let price = sum.price.as_ref().and_then(|price| prices.find(price));
    let called = price.map(|price| price.name.clone());
    let called = called.or_else(|| sum.meter.as_ref().map(ToString::to_string));
    LineItem {
        kind: if is_late { LineKind::LateUsage } else { LineKind::Usage },
        description: called.unwrap_or_else(|| FLAT.to_owned()),
        price: sum.price.clone(),
        meter: sum.meter.clone(),
        quantity: sum.meter.as_ref().map(|_| sum.quantity),
        included_quantity: Some(sum.included).filter(|included| !included.is_zero()),
        unit_price: sum.unit_price.or_else(|| unit_price(price?, currency)),
        period,
        paid_by_credits: sum.credits,
        postpaid: sum.postpaid(),
        rated: Rated::of(sum.postpaid().into(), currency),
        tax_category: price.map_or_else(TaxCategory::default, |price| price.tax_category.clone()),
        taxes: Vec::new(),
        charges: Some(ChargesRef {
            count: sum.charges,
            first_version: sum.first_version,
            last_version: sum.last_version,
            period_start: sum.cycle.map(|cycle| cycle.start),
        }),
    }
}

/// The price of one unit, where all units have the same.
fn unit_price(price: &Price, currency: Currency) -> Option<Amount> {
    match price.currencies.get(&currency)?.model {
        Model::PerUnit { unit_price } => Some(unit_price),
        _ => None,
    }
}

/// A line that takes back a part of usage, or all of it.
fn given_back(of: &LineItem, back: Amount, currency: Currency) -> LineItem {
    LineItem {
        kind: LineKind::Adjustment,
        quantity: None,
        included_quantity: None,
        unit_price: None,
        paid_by_credits: Amount::ZERO,
        postpaid: Amount::ZERO,
        rated: Rated::of(SignedAmount::from(back).negated(), currency),
        charges: None,
        ..of.clone()
    }
}

/// How much of usage was billed already, as what its period lacked to the minimum of its price: only of a period that
/// was closed before.
fn lacks_less(lacked: &mut [Lacked], sum: &UsageSum, came_late: Amount) -> Amount {
    let is_of_it = |lacked: &&mut Lacked| {
        sum.price.as_ref() == Some(&lacked.price) && sum.cycle.is_some_and(|it| it.start == lacked.period.start)
    };
    let Some(of_it) = lacked.iter_mut().find(is_of_it) else { return Amount::ZERO };
    let less = of_it.amount.min(came_late);
    of_it.amount = of_it.amount.minus(less);
    less
}

/// A line for what the closed period's usage lacks to the minimum of its price, whatever paid for that usage.
fn lacking(minimum: &Minimum, closed: Option<Cycle>, turned: &Turned) -> Option<LineItem> {
    let is_of_it = |sum: &&UsageSum| sum.price.as_ref() == Some(&minimum.price) && !is_late(sum, closed);
    let of_it = turned.usage.iter().filter(is_of_it);
    let came_to = of_it.fold(Amount::ZERO, |came_to, sum| came_to.plus(sum.amount.minus(sum.too_much)));
    let lacks = minimum.amount.minus(came_to);
    (!lacks.is_zero()).then(|| LineItem {
        kind: LineKind::Minimum,
        description: minimum.name.clone(),
        price: Some(minimum.price.clone()),
        meter: Some(minimum.meter.clone()),
        quantity: None,
        included_quantity: None,
        unit_price: None,
        period: closed,
        paid_by_credits: Amount::ZERO,
        postpaid: Amount::ZERO,
        rated: Rated::of(lacks.into(), turned.currency),
        tax_category: minimum.tax_category.clone(),
        taxes: Vec::new(),
        charges: None,
    })
}
