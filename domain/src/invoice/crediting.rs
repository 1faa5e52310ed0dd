//! Credit notes: what they take back of lines and taxes, and never more than there was.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::Timestamp;
use crate::ids::CreditNoteId;
use crate::invoice::drafting::{self, less, sum};
use crate::invoice::event::CreditNoteNumbered;
use crate::invoice::{
    After, Booked, CREDIT_NOTES_MAX, CreditNote, CreditNoteIssued, Drafted, Invoice, InvoiceError, InvoiceEvent,
    LineKind, Status, life, payable,
};
use crate::money::{AMOUNT_SCALE_MAX, Amount, MoneyError, SignedAmount};
use crate::tax::{AppliedRate, TaxLine, assess, included_tax};

/// What one credit note takes back.
struct Taken {
    /// Of each line, in the line's own direction.
    lines: Vec<SignedAmount>,
    /// What is left of each line after it.
    left: Vec<SignedAmount>,
    taxes: Vec<TaxLine>,
    total: SignedAmount,
}

pub(super) fn issue(
    invoice: &Invoice,
    drafted: &Drafted,
    asked: &CreditNote,
    now: Timestamp,
) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    if !matches!(invoice.status, Status::Open | Status::Paid | Status::Uncollectible) {
        return Err(InvoiceError::WrongStatus(invoice.status));
    }
    if invoice.credit_note(asked.credit_note_id).is_some() {
        return Err(InvoiceError::CreditNoteExists);
    }
    if invoice.credit_notes.len() >= CREDIT_NOTES_MAX {
        return Err(InvoiceError::TooManyCreditNotes);
    }
    let left = left_of_lines(invoice);
    // What another invoice gave back and was taken off here is not given back once more.
    let left_in_all = drafted.totals.total.minus(invoice.taken_back()).minus(invoice.offset);
    let (lines, taken) = if asked.lines.is_empty() {
        all_that_is_left(invoice, drafted, &left, left_in_all.into())?
    } else {
        let lines = wanted(drafted, asked, &left)?;
        let taken = take(invoice, drafted, &lines, &left)?;
        (lines, taken)
    };
    if taken.total.is_negative() || taken.total.is_zero() {
        return Err(InvoiceError::NothingToCredit);
    }
    let total = taken.total.magnitude();
    if total > left_in_all {
        return Err(InvoiceError::MoreThanLeft { total, left: left_in_all });
    }
    let due = invoice.unpaid();
    let off_due = total.min(due);
    let given_back = total.minus(off_due);
    let (to_refund, to_credits) = if asked.refund { (given_back, Amount::ZERO) } else { (Amount::ZERO, given_back) };
    let booked = Booked { to_credits, ..booked(invoice, drafted, &taken)? };
    let after = After { credited: invoice.credited.plus(off_due), due: due.minus(off_due), ..invoice.standing() };
    let settles = !due.is_zero() && after.due.is_zero();
    let settled = settles.then(|| life::paid(invoice, drafted, &after, now));
    let issued = InvoiceEvent::CreditNoteIssued(Box::new(CreditNoteIssued {
        credit_note_id: asked.credit_note_id,
        invoice_id: drafted.invoice_id,
        customer_id: drafted.customer_id,
        currency: drafted.currency,
        at: now,
        reason: asked.reason.clone(),
        lines,
        taxes: taken.taxes,
        total,
        off_due,
        to_credits,
        to_refund,
        booked,
        after,
    }));
    Ok([issued].into_iter().chain(settled).collect())
}

pub(super) fn number(
    invoice: &Invoice,
    drafted: &Drafted,
    id: CreditNoteId,
    number: &str,
) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    let issued = invoice.credit_note(id).ok_or(InvoiceError::CreditNoteNotFound)?;
    match issued.number.as_deref() {
        Some(known) if known == number => Ok(Vec::new()),
        Some(_) => Err(InvoiceError::CreditNoteNumbered),
        None => Ok(vec![InvoiceEvent::CreditNoteNumbered(CreditNoteNumbered {
            customer_id: drafted.customer_id,
            credit_note_id: id,
            number: number.to_owned(),
            after: invoice.standing(),
        })]),
    }
}

/// What can still be taken back of each line, in the line's own direction. What became credits is not taken back.
pub(super) fn left_of_lines(invoice: &Invoice) -> Vec<SignedAmount> {
    let whole = invoice.lines().iter().map(|line| match line.kind {
        LineKind::ToCredits => SignedAmount::ZERO,
        _ => line.rated.amount,
    });
    let mut left: Vec<SignedAmount> = whole.collect();
    for (index, amount) in invoice.credit_notes.iter().flat_map(|issued| &issued.note.lines) {
        if let Some(of_line) = left.get_mut(*index as usize) {
            *of_line = of_line.plus(directed(*amount, *of_line).negated());
        }
    }
    left
}

/// An amount in the direction of a line: less than zero where the line is.
fn directed(amount: Amount, line: SignedAmount) -> SignedAmount {
    let amount = SignedAmount::from(amount);
    if line.is_negative() { amount.negated() } else { amount }
}

/// What is asked for of which line, in the order of the lines.
fn wanted(drafted: &Drafted, asked: &CreditNote, left: &[SignedAmount]) -> Result<Vec<(u32, Amount)>, InvoiceError> {
    let mut lines: BTreeMap<u32, Amount> = BTreeMap::new();
    for (index, amount) in &asked.lines {
        payable(*amount, drafted.currency)?;
        let of_line = lines.entry(*index).or_default();
        *of_line = of_line.checked_add(*amount)?;
    }
    for (index, amount) in &lines {
        let of_line = left.get(*index as usize).ok_or(InvoiceError::LineNotFound(*index))?.magnitude();
        if *amount > of_line {
            return Err(InvoiceError::MoreThanLeftOfLine { line: *index, left: of_line });
        }
    }
    Ok(lines.into_iter().collect())
}

/// All that is left of all lines. Where another invoice has taken a part off, that is more than is left of this one:
/// then so much is spared of the first lines that it comes to just that.
fn all_that_is_left(
    invoice: &Invoice,
    drafted: &Drafted,
    left: &[SignedAmount],
    most: SignedAmount,
) -> Result<(Vec<(u32, Amount)>, Taken), InvoiceError> {
    let sparing = |spared: Amount| -> Result<(Vec<(u32, Amount)>, Taken), InvoiceError> {
        let lines = all_but(left, spared);
        let taken = take(invoice, drafted, &lines, left)?;
        Ok((lines, taken))
    };
    let (lines, mut above) = sparing(Amount::ZERO)?;
    if above.total <= most {
        return Ok((lines, above));
    }
    let decimals = drafted.currency.minor_unit();
    let unit = Amount::new(Decimal::new(1, decimals))?;
    // Between sparing too little and sparing enough, until one smallest unit lies between them.
    let mut too_little = Amount::ZERO;
    let mut enough = left.iter().fold(Amount::ZERO, |sum, of_line| sum.plus(of_line.positive_part()));
    let (mut lines, mut taken) = sparing(enough)?;
    while enough.minus(too_little) > unit {
        let half = (too_little.decimal() + enough.decimal()) / Decimal::TWO;
        let middle = Amount::new(half.round_dp_with_strategy(decimals, RoundingStrategy::ToZero))?;
        let (these, part) = sparing(middle)?;
        if part.total > most {
            (too_little, above) = (middle, part);
        } else {
            (enough, lines, taken) = (middle, these, part);
        }
    }
    fill_up(drafted, &mut taken, &above.taxes, most)?;
    Ok((lines, taken))
}

/// What is left of each line, less so much of the first of those that take something.
fn all_but(left: &[SignedAmount], mut spared: Amount) -> Vec<(u32, Amount)> {
    let mut lines = Vec::new();
    for (index, of_line) in (0..).zip(left) {
        let of_this = of_line.positive_part().min(spared);
        spared = spared.minus(of_this);
        let amount = of_line.magnitude().minus(of_this);
        if !amount.is_zero() {
            lines.push((index, amount));
        }
    }
    lines
}

/// A smallest unit more of a line may be too much where a tax rises with it. What is lacking then is taken of the
/// taxes: no more than they are with that unit.
fn fill_up(
    drafted: &Drafted,
    taken: &mut Taken,
    with_a_unit_more: &[TaxLine],
    most: SignedAmount,
) -> Result<(), MoneyError> {
    for rate in drafted.taxes.iter().map(|tax| &tax.rate).filter(|rate| !rate.inclusive) {
        let of_rate = |taxes: &[TaxLine]| {
            let found = taxes.iter().find(|tax| tax.rate == *rate);
            found.map_or(SignedAmount::ZERO, |tax| tax.amount)
        };
        let rise = less(of_rate(with_a_unit_more), of_rate(&taken.taxes))?;
        let more = rise.min(less(most, taken.total)?);
        if more <= SignedAmount::ZERO {
            continue;
        }
        match taken.taxes.iter_mut().find(|tax| tax.rate == *rate) {
            Some(tax) => tax.amount = tax.amount.checked_add(more)?,
            None => taken.taxes.push(TaxLine { rate: rate.clone(), base: SignedAmount::ZERO, amount: more }),
        }
        taken.total = taken.total.checked_add(more)?;
    }
    Ok(())
}

fn take(
    invoice: &Invoice,
    drafted: &Drafted,
    wanted: &[(u32, Amount)],
    left: &[SignedAmount],
) -> Result<Taken, InvoiceError> {
    let mut lines = vec![SignedAmount::ZERO; left.len()];
    for (index, amount) in wanted {
        let place = *index as usize;
        if let (Some(of_line), Some(line)) = (lines.get_mut(place), left.get(place)) {
            *of_line = directed(*amount, *line);
        }
    }
    let left = left.iter().zip(&lines).map(|(left, taken)| less(*left, *taken)).collect::<Result<Vec<_>, _>>()?;
    let taxes = taxes(invoice, drafted, &lines, &left)?;
    let added = taxes.iter().filter(|tax| !tax.rate.inclusive).map(|tax| tax.amount);
    let total = sum(lines.iter().copied().chain(added))?;
    Ok(Taken { lines, left, taxes, total })
}

/// The taxes on what is taken: by the rules of the invoice, on these amounts. The note that takes the last of a rate's
/// lines takes what is left of the rate, so that all of them together take what the invoice had.
fn taxes(
    invoice: &Invoice,
    drafted: &Drafted,
    taken: &[SignedAmount],
    left: &[SignedAmount],
) -> Result<Vec<TaxLine>, MoneyError> {
    let parts: Vec<(SignedAmount, &[AppliedRate])> = taken
        .iter()
        .zip(&drafted.lines)
        .filter(|(amount, _)| !amount.is_zero())
        .map(|(amount, line)| (*amount, line.taxes.as_slice()))
        .collect();
    let assessed = assess(&parts, drafted.currency);
    let mut taxes = Vec::new();
    for remaining in left_of_taxes(invoice, drafted)? {
        let of_rate: Vec<SignedAmount> = left
            .iter()
            .zip(&drafted.lines)
            .filter(|(_, line)| line.taxes.contains(&remaining.rate))
            .map(|(amount, _)| *amount)
            .collect();
        let tax = if of_rate.iter().all(|amount| amount.is_zero()) {
            remaining
        } else {
            let Some(tax) = assessed.iter().find(|tax| tax.rate == remaining.rate) else { continue };
            let mut rest = less(remaining.amount, tax.amount)?;
            // Rounding must not take more than there was: tax stays on the side on which the rest of the lines is.
            if of_rate.iter().all(|amount| *amount >= SignedAmount::ZERO) {
                rest = rest.max(SignedAmount::ZERO);
            } else if of_rate.iter().all(|amount| *amount <= SignedAmount::ZERO) {
                rest = rest.min(SignedAmount::ZERO);
            }
            let amount = less(remaining.amount, rest)?;
            let kept_out = if tax.rate.inclusive { less(tax.amount, amount)? } else { SignedAmount::ZERO };
            TaxLine { base: tax.base.checked_add(kept_out)?, amount, rate: remaining.rate }
        };
        if !(tax.base.is_zero() && tax.amount.is_zero()) {
            taxes.push(tax);
        }
    }
    Ok(taxes)
}

/// What no credit note has taken of the taxes.
fn left_of_taxes(invoice: &Invoice, drafted: &Drafted) -> Result<Vec<TaxLine>, MoneyError> {
    let mut left = drafted.taxes.clone();
    for taken in invoice.credit_notes.iter().flat_map(|issued| &issued.note.taxes) {
        if let Some(of_rate) = left.iter_mut().find(|of_rate| of_rate.rate == taken.rate) {
            of_rate.base = less(of_rate.base, taken.base)?;
            of_rate.amount = less(of_rate.amount, taken.amount)?;
        }
    }
    Ok(left)
}

/// What is taken back in the journal: `fees + tax + rounding` is the total. Usage is revenue since it was charged, and
/// is taken back with the fees.
fn booked(invoice: &Invoice, drafted: &Drafted, taken: &Taken) -> Result<Booked, MoneyError> {
    let tax = sum(taken.taxes.iter().map(|line| line.amount))?;
    let fees = if taken.left.iter().all(|left| left.is_zero()) {
        let sold = drafting::booked(&drafted.lines, &drafted.taxes)?;
        let before = sum(invoice.credit_notes.iter().map(|issued| issued.note.booked.fees))?;
        less(sold.fees.checked_add(sold.postpaid.into())?, before)?
    } else {
        let shares = taken.lines.iter().zip(&drafted.lines);
        let mut exact = SignedAmount::ZERO;
        for (amount, line) in shares.filter(|(amount, _)| !amount.is_zero()) {
            exact = exact.checked_add(share(line.rated.exact, *amount, line.rated.amount)?)?;
        }
        less(exact, included_tax(&taken.taxes))?
    };
    let rounding = less(less(taken.total, fees)?, tax)?;
    Ok(Booked { fees, tax, rounding, to_credits: Amount::ZERO, postpaid: Amount::ZERO })
}

/// The part of a line's exact amount that belongs to a part of its rounded one.
fn share(exact: SignedAmount, part: SignedAmount, whole: SignedAmount) -> Result<SignedAmount, MoneyError> {
    let ratio = part.decimal().checked_div(whole.decimal()).ok_or(MoneyError::TooLarge)?;
    let exact = exact.decimal().checked_mul(ratio).ok_or(MoneyError::TooLarge)?;
    SignedAmount::new(exact.round_dp_with_strategy(AMOUNT_SCALE_MAX, RoundingStrategy::MidpointAwayFromZero))
}
