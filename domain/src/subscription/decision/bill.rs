//! How a bill is made: what the end of a period brings, what the beginning of one, and when it is done.

use crate::Timestamp;
use crate::cycle::{Calendar, Cycle};
use crate::ids::InvoiceId;
use crate::meter::MeterCode;
use crate::money::SignedAmount;
use crate::plan::Terms;
use crate::price::Due;
use crate::subscription::event::{Bill, BillClosed, Lacked, LeftAlone, Reason, SubscriptionEvent, TurnTo};
use crate::subscription::proration::{Concerned, Fees};
use crate::subscription::{Life, MinimumBilled, SubscriptionError};

/// A bill with nothing on it, by the terms that hold from then on.
pub(super) fn empty(number: u32, reason: Reason, at: Timestamp, terms: &Terms) -> Bill {
    Bill {
        number,
        reason,
        at,
        close_usage: false,
        closed: None,
        lines: Vec::new(),
        turn: None,
        minimums: Vec::new(),
        lacked: Vec::new(),
        due_days: terms.due_days,
        retry_days: terms.retry_days.clone(),
        late_usage: terms.late_usage,
    }
}

impl Bill {
    /// Closes the present period at this moment, or, when it was over before, with its own end: its usage, the fees that
    /// are due with its end, its minimums, and, with `give_back`, what was paid for the rest of it. A trial has only
    /// usage. The account gives nothing any more, unless a period [begins](Self::begin).
    pub(super) fn close(&mut self, life: &Life, at: Timestamp, give_back: bool) -> Result<(), SubscriptionError> {
        self.close_usage = true;
        self.lacked.clone_from(&life.lacked);
        self.turn = Some(TurnTo { cycle: None, carry: false, allowances: Vec::new() });
        let Some(period) = life.period else { return Ok(()) };
        let end = at.min(period.end).max(period.start);
        self.closed = Some(Cycle { start: period.start, end });
        let Some((fees, since)) = life.fees() else { return Ok(()) };
        let whole = life.calendar.cycle_at(period.start);
        self.lines.extend(fees.of(Due::InArrears, Cycle { start: since, end }, whole)?);
        if give_back && life.gives_back() {
            self.lines.extend(fees.unused(Concerned::All, Cycle { start: end, end: period.end }, whole)?);
        }
        let usage = life.fees_of(&life.plan, life.quantity);
        self.minimums = usage.minimums(Cycle { start: life.plan_since, end }, whole)?;
        self.minimums.retain(|minimum| !life.left_alone.contains(&minimum.meter));
        Ok(())
    }

    /// Begins a period: the fees that are due with its beginning, and its allowances.
    pub(super) fn begin(
        &mut self,
        fees: Fees<'_>,
        calendar: &Calendar,
        period: Cycle,
    ) -> Result<(), SubscriptionError> {
        self.lines.extend(fees.of(Due::InAdvance, period, calendar.cycle_at(period.start))?);
        let allowances = fees.plan.allowances(fees.currency);
        self.turn = Some(TurnTo { cycle: Some(period), carry: false, allowances });
        Ok(())
    }
}

/// The open bill is done. One that is not open was done before.
pub(super) fn close_bill(
    life: &Life,
    number: u32,
    invoice_id: Option<InvoiceId>,
    minimums: &[MinimumBilled],
) -> Option<SubscriptionEvent> {
    let bill = life.bill.as_ref().filter(|bill| bill.number == number)?;
    let (customer_id, lacked, after) = (life.customer_id, lacked(life, bill.closed, minimums), life.after());
    Some(SubscriptionEvent::BillClosed(BillClosed { customer_id, number, invoice_id, lacked, after }))
}

/// What has been billed of minimums, with what this bill has of them: of the period that it closes and of the one
/// before, for later nothing is heard any more of periods before those.
fn lacked(life: &Life, closed: Option<Cycle>, minimums: &[MinimumBilled]) -> Vec<Lacked> {
    let mut all = life.lacked.clone();
    for billed in minimums {
        let is_of_it = |known: &&mut Lacked| known.price == billed.price && known.period.start == billed.period.start;
        if let Some(known) = all.iter_mut().find(is_of_it) {
            known.amount = SignedAmount::from(known.amount).plus(billed.amount).positive_part();
        } else {
            let (price, amount) = (billed.price.clone(), billed.amount.positive_part());
            all.push(Lacked { price, period: billed.period, amount });
        }
    }
    let is_over = |known: &Lacked| closed.is_some_and(|closed| known.period.end < closed.start);
    all.retain(|known| !known.amount.is_zero() && !is_over(known));
    all
}

/// On some meters there is somebody else's quota, for as long as the last bill's period lasts.
pub(super) fn leave_alone(life: &Life, number: u32, meters: &[MeterCode]) -> Option<SubscriptionEvent> {
    let is_news = life.bills == number && !meters.iter().all(|meter| life.left_alone.contains(meter));
    if life.status.is_over() || !is_news {
        return None;
    }
    let (customer_id, after) = (life.customer_id, life.after());
    Some(SubscriptionEvent::LeftAlone(LeftAlone { customer_id, number, meters: meters.to_vec(), after }))
}
