//! Fees as lines: for whole periods and for parts of them. Pure: what the lines of a bill are follows from a plan, its
//! seats and the period alone.
//!
//! The fee of a part is fee × seconds of the part ÷ seconds of the whole period, rounded to 12 decimals, then to the
//! currency's smallest unit, each time half away from zero. Included units and tiers are those of a whole period.

use rust_decimal::Decimal;

use crate::cycle::Cycle;
use crate::invoice::{LineItem, LineKind};
use crate::money::{Amount, Currency, MoneyError, Quantity, SignedAmount};
use crate::plan::PlanVersion;
use crate::price::{Due, Model, Price, PriceKind, Pricing, Rated, Share, Used};
use crate::subscription::event::Minimum;
use crate::subscription::{FEES_MAX, QUANTITY_MAX, SubscriptionError};

/// The fees of a plan, for so many seats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fees<'a> {
    /// The plan.
    pub plan: &'a PlanVersion,
    /// Seats.
    pub quantity: Quantity,
    /// In this currency.
    pub currency: Currency,
}

/// Which fees a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concerned {
    /// All: the plan is another one.
    All,
    /// Those for each seat: only their number is another one.
    Seats,
}

impl Fees<'_> {
    /// Whether these seats can be billed in this currency: a whole number of them, each price has the currency, and
    /// fees and minimums can be kept, with those of a plan before them on the same bill.
    pub(super) fn check(self) -> Result<(), SubscriptionError> {
        let quantity = self.quantity.decimal();
        if !quantity.fract().is_zero() || quantity < Decimal::ONE || quantity > Decimal::from(QUANTITY_MAX) {
            return Err(SubscriptionError::QuantityOutOfRange);
        }
        let most = Decimal::from(FEES_MAX);
        let mut sum = Amount::ZERO;
        for price in &self.plan.terms.prices {
            let amount = match price.kind {
                PriceKind::Usage { .. } => pricing(price, self.currency)?.minimum,
                _ => self.line(price, LineKind::Fee, None, Share::WHOLE)?.rated.amount.magnitude(),
            };
            sum = sum.checked_add(amount).map_err(|reason| out_of_range(price, reason))?;
            if sum.decimal() > most {
                return Err(out_of_range(price, MoneyError::TooLarge));
            }
        }
        Ok(())
    }

    /// Fees that are due with the beginning of a period, or with its end, for a part of one.
    pub(super) fn of(self, due: Due, part: Cycle, whole: Cycle) -> Result<Vec<LineItem>, SubscriptionError> {
        self.lines(LineKind::Fee, due, Concerned::All, part, whole)
    }

    /// Fees that are there once.
    pub(super) fn one_time(self) -> Result<Vec<LineItem>, SubscriptionError> {
        let prices = self.plan.terms.prices.iter().filter(|price| price.kind == PriceKind::OneTime);
        prices.map(|price| self.line(price, LineKind::Fee, None, Share::WHOLE)).collect()
    }

    /// What was paid in advance for the rest of a period: it is given back.
    pub(super) fn unused(self, of: Concerned, rest: Cycle, whole: Cycle) -> Result<Vec<LineItem>, SubscriptionError> {
        let mut lines = self.remaining(of, rest, whole)?;
        for line in &mut lines {
            line.rated = Rated { exact: line.rated.exact.negated(), amount: line.rated.amount.negated() };
        }
        Ok(lines)
    }

    /// What is due in advance for the rest of a period.
    pub(super) fn remaining(
        self,
        of: Concerned,
        rest: Cycle,
        whole: Cycle,
    ) -> Result<Vec<LineItem>, SubscriptionError> {
        self.lines(LineKind::Proration, Due::InAdvance, of, rest, whole)
    }

    /// What usage costs at least in a part of a period.
    pub(super) fn minimums(self, part: Cycle, whole: Cycle) -> Result<Vec<Minimum>, SubscriptionError> {
        let mut minimums = Vec::new();
        for price in &self.plan.terms.prices {
            let PriceKind::Usage { meter, .. } = &price.kind else { continue };
            let least = pricing(price, self.currency)?.minimum_for(Share::of_cycle(part, whole));
            let amount = least.map_err(|reason| out_of_range(price, reason))?;
            if !amount.is_zero() {
                minimums.push(Minimum {
                    price: self.plan.price_ref(price),
                    meter: meter.clone(),
                    name: price.name.clone(),
                    tax_category: price.tax_category.clone(),
                    amount,
                });
            }
        }
        Ok(minimums)
    }

    fn lines(
        self,
        kind: LineKind,
        due: Due,
        of: Concerned,
        part: Cycle,
        whole: Cycle,
    ) -> Result<Vec<LineItem>, SubscriptionError> {
        if part.end <= part.start {
            return Ok(Vec::new());
        }
        let share = Share::of_cycle(part, whole);
        let prices = self.plan.terms.prices.iter().filter(|price| match price.kind {
            PriceKind::Recurring { due: when, per_seat } => when == due && (per_seat || of == Concerned::All),
            PriceKind::OneTime | PriceKind::Usage { .. } => false,
        });
        prices.map(|price| self.line(price, kind, Some(part), share)).collect()
    }

    fn line(
        self,
        price: &Price,
        kind: LineKind,
        period: Option<Cycle>,
        share: Share,
    ) -> Result<LineItem, SubscriptionError> {
        let pricing = pricing(price, self.currency)?;
        let quantity = match price.kind {
            PriceKind::Recurring { per_seat: true, .. } => self.quantity,
            _ => Quantity::new(Decimal::ONE).unwrap_or_default(),
        };
        let amount = pricing.rate(Used::once(quantity), share).map_err(|reason| out_of_range(price, reason))?;
        Ok(LineItem {
            kind,
            description: price.name.clone(),
            price: Some(self.plan.price_ref(price)),
            meter: None,
            quantity: Some(quantity),
            included_quantity: Some(quantity.min(pricing.included)).filter(|included| !included.is_zero()),
            unit_price: match pricing.model {
                Model::PerUnit { unit_price } => Some(unit_price),
                _ => None,
            },
            period,
            paid_by_credits: Amount::ZERO,
            postpaid: Amount::ZERO,
            rated: Rated::of(SignedAmount::from(amount), self.currency),
            tax_category: price.tax_category.clone(),
            taxes: Vec::new(),
            charges: None,
        })
    }
}

fn pricing(price: &Price, currency: Currency) -> Result<&Pricing, SubscriptionError> {
    let missing = || SubscriptionError::CurrencyMissing { price: price.code.clone(), currency };
    price.pricing(currency).ok_or_else(missing)
}

fn out_of_range(price: &Price, reason: MoneyError) -> SubscriptionError {
    SubscriptionError::AmountOutOfRange { price: price.code.clone(), reason }
}
