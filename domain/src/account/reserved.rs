//! Holds: the money and the usage that they reserve, how their captures are rated, and what of it captures use.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::account::event::Funds;
use crate::charge::Line;
use crate::meter::MeterCode;
use crate::money::{Amount, Quantity};

/// What is reserved and not yet captured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// What pays.
    pub funds: Funds,
    /// What is reserved of quotas, and for what is beyond a subscription's.
    pub usage: Vec<Reserved>,
    /// Captured so far.
    pub captured: Amount,
    /// What it captures counts in the periods of this moment.
    pub placed_at: Timestamp,
    /// The version of the account's stream with its first event: what came to be later has no say in what its captures
    /// cost, and refuses none.
    pub version: u64,
    /// When it runs out; until the event that says so, it stands.
    pub expires_at: Timestamp,
}

/// Usage that a hold reserves of a quota.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reserved {
    /// Of this meter.
    pub meter: MeterCode,
    /// In this period.
    pub period_start: Timestamp,
    /// When that ends, of a subscription's; `None` for one of the calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<Timestamp>,
    /// How much.
    pub quantity: Quantity,
    /// Usage beyond a subscription's allowance that is reserved for in money.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub beyond: Quantity,
    /// The most that it costs, whatever the plan's price comes to by then.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub most: Amount,
    /// What of that only credits may pay.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub only_credits: Amount,
    /// Whether an allowance that somebody set covers `quantity`: then it costs nothing, also when it is only a limit by
    /// now. What is reserved of a subscription's allowance never costs anything.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub free: bool,
    /// Whether a capture has paid for the use: all captures of a hold are one use of a meter.
    #[serde(default, skip_serializing_if = "crate::money::nothing")]
    pub is_used: bool,
}

impl Reserved {
    /// What a line of a hold reserves of a quota: what the allowance covers, or else all of it, for then the quota
    /// blocks what is beyond.
    pub fn by(line: &Line) -> Option<Self> {
        let period_start = line.period_start?;
        let quantity = line.included_quantity.or(line.quantity)?;
        let of_plan = line.period_end.is_some();
        let (beyond, most) = if of_plan { (line.payable(), line.amount) } else { (Quantity::ZERO, Amount::ZERO) };
        if quantity.is_zero() && beyond.is_zero() {
            return None;
        }
        Some(Self {
            meter: line.meter.clone()?,
            period_start,
            period_end: line.period_end,
            quantity,
            beyond,
            most,
            only_credits: Amount::ZERO,
            free: !of_plan && line.included_quantity.is_some(),
            is_used: false,
        })
    }

    /// Whether nothing is left of it.
    pub(super) fn is_nothing(&self) -> bool {
        self.quantity.is_zero() && self.beyond.is_zero()
    }

    /// Whether it is of this meter's period.
    pub(super) fn is_of(&self, meter: &MeterCode, period_start: Timestamp, of_plan: bool) -> bool {
        self.meter == *meter && self.period_start == period_start && self.period_end.is_some() == of_plan
    }

    /// Whether it is of a subscription's period of this meter. A hold has one such at most.
    fn is_of_plan(&self, meter: &MeterCode) -> bool {
        self.meter == *meter && self.period_end.is_some()
    }

    /// Whether so much beyond the allowance is reserved for.
    pub(super) fn is_for(&self, payable: Quantity) -> bool {
        !self.beyond.is_zero() && payable <= self.beyond
    }

    /// What is reserved on top of it, in the same period.
    pub(super) fn add(&mut self, more: &Self) {
        self.quantity = self.quantity.plus(more.quantity);
        self.beyond = self.beyond.plus(more.beyond);
        self.most = self.most.plus(more.most);
        self.only_credits = self.only_credits.plus(more.only_credits);
    }

    /// Takes as much of this as there is; gives what was taken. Money that is left when nothing is reserved for any more
    /// is for whatever else the hold captures.
    fn take(&mut self, wanted: &mut Self) -> Self {
        let taken = Self {
            quantity: self.quantity.min(wanted.quantity),
            beyond: self.beyond.min(wanted.beyond),
            most: self.most.min(wanted.most),
            only_credits: self.only_credits.min(wanted.only_credits),
            ..self.to_release()
        };
        for side in [&mut *self, wanted] {
            side.quantity = side.quantity.minus(taken.quantity);
            side.beyond = side.beyond.minus(taken.beyond);
            side.most = side.most.minus(taken.most);
            side.only_credits = side.only_credits.minus(taken.only_credits);
        }
        if self.beyond.is_zero() {
            (self.most, self.only_credits) = (Amount::ZERO, Amount::ZERO);
        }
        taken
    }

    /// As an event says that it is released: how captures are rated is the hold's own business.
    fn to_release(&self) -> Self {
        Self { free: false, is_used: false, ..self.clone() }
    }
}

impl Hold {
    /// Whether it reserves nothing of any meter.
    pub(super) fn is_money_only(&self) -> bool {
        self.usage.iter().all(Reserved::is_nothing)
    }

    /// What it reserves of meters.
    pub(super) fn reserves(&self) -> Vec<Reserved> {
        self.usage.iter().filter(|part| !part.is_nothing()).map(Reserved::to_release).collect()
    }

    /// What it reserves of a meter in a period of the calendar.
    pub(super) fn reserved(&self, meter: &MeterCode, period_start: Timestamp) -> Quantity {
        sum(self.usage.iter().filter(|part| part.is_of(meter, period_start, false)))
    }

    /// What of that costs nothing.
    pub(super) fn reserved_free(&self, meter: &MeterCode, period_start: Timestamp) -> Quantity {
        sum(self.usage.iter().filter(|part| part.free && part.is_of(meter, period_start, false)))
    }

    /// What it reserves of a meter in a subscription's period; may be nothing any more.
    pub(super) fn reserved_of_plan(&self, meter: &MeterCode) -> Option<&Reserved> {
        self.usage.iter().find(|part| part.is_of_plan(meter))
    }

    /// Reserves this on top.
    pub(super) fn reserve(&mut self, more: Reserved) {
        let is_it = |part: &&mut Reserved| {
            part.is_of(&more.meter, more.period_start, more.period_end.is_some()) && part.free == more.free
        };
        match self.usage.iter_mut().find(is_it) {
            Some(part) => part.add(&more),
            None => self.usage.push(more),
        }
    }

    /// Credits that it keeps for what nothing else may pay, when these lines have been captured.
    pub(super) fn keeps_after(&self, lines: &[Line]) -> Amount {
        if self.usage.iter().all(|part| part.only_credits.is_zero()) {
            return Amount::ZERO;
        }
        let mut left = self.usage.clone();
        take_out(&mut left, &used_of(&self.usage, lines));
        left.iter().fold(Amount::ZERO, |sum, part| sum.plus(part.only_credits))
    }

    /// These lines were captured, and this is released with them.
    pub(super) fn use_up(&mut self, lines: &[Line], released: &[Reserved]) {
        take_out(&mut self.usage, released);
        for line in lines.iter().filter(|line| !line.payable().is_zero()) {
            let (Some(meter), Some(cycle)) = (&line.meter, line.cycle()) else { continue };
            match self.usage.iter_mut().find(|part| part.is_of_plan(meter)) {
                Some(part) => part.is_used = true,
                // Of a meter that it was not placed for.
                None => self.usage.push(Reserved {
                    meter: meter.clone(),
                    period_start: cycle.start,
                    period_end: Some(cycle.end),
                    quantity: Quantity::ZERO,
                    beyond: Quantity::ZERO,
                    most: Amount::ZERO,
                    only_credits: Amount::ZERO,
                    free: false,
                    is_used: true,
                }),
            }
        }
    }
}

fn sum<'a>(parts: impl Iterator<Item = &'a Reserved>) -> Quantity {
    parts.fold(Quantity::ZERO, |sum, part| sum.plus(part.quantity))
}

/// What these lines use of what is reserved.
pub(super) fn used_of(reserved: &[Reserved], lines: &[Line]) -> Vec<Reserved> {
    if reserved.is_empty() {
        return Vec::new();
    }
    let mut left = reserved.to_vec();
    let mut used = Vec::new();
    for line in lines {
        let (Some(meter), Some(quantity), Some(start)) = (&line.meter, line.quantity, line.period_start) else {
            continue;
        };
        let mut gone = Reserved {
            meter: meter.clone(),
            period_start: start,
            period_end: line.period_end,
            quantity,
            beyond: line.payable(),
            most: line.amount,
            only_credits: line.amount,
            free: false,
            is_used: false,
        };
        take_each(&mut left, &mut gone, |taken| {
            if !taken.is_nothing() {
                used.push(taken);
            }
        });
    }
    used
}

/// Takes this out of what is reserved.
fn take_out(reserved: &mut Vec<Reserved>, released: &[Reserved]) {
    for gone in released {
        take_each(reserved, &mut gone.clone(), drop);
    }
    // That a subscription's period was reserved in is not forgotten: what is reserved on top is of the same.
    reserved.retain(|part| !part.is_nothing() || part.period_end.is_some());
}

/// Takes as much of this as there is in its period; of what an allowance covers first.
fn take_each(reserved: &mut [Reserved], wanted: &mut Reserved, mut each: impl FnMut(Reserved)) {
    for free in [true, false] {
        for part in reserved.iter_mut().filter(|part| part.free == free) {
            if part.is_of(&wanted.meter, wanted.period_start, wanted.period_end.is_some()) {
                each(part.take(wanted));
            }
        }
    }
}
