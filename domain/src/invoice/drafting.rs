//! Drafts: which lines there are, which taxes apply to them, and what all of it comes to.

use crate::ids::OrganizationId;
use crate::invoice::event::{Discarded, Redrafted, Sealed};
use crate::invoice::{
    After, Booked, Draft, Drafted, Invoice, InvoiceError, InvoiceEvent, LINES_MAX, LineItem, LineKind, Status, Totals,
};
use crate::money::{Amount, Currency, MoneyError, SignedAmount};
use crate::price::Rated;
use crate::tax::{AppliedRate, TaxCategory, TaxLine, TaxProfile, TaxRate, assess, included_tax, rates_for};

/// Lines, and what follows from them.
struct Content {
    lines: Vec<LineItem>,
    taxes: Vec<TaxLine>,
    totals: Totals,
}

pub(super) fn draft(
    invoice: &Invoice,
    organization_id: OrganizationId,
    draft: &Draft,
) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    if invoice.drafted.is_some() {
        return Err(InvoiceError::AlreadyExists);
    }
    let lines = taxed(&draft.lines, &draft.tax_rates, &draft.seller_tax, &draft.buyer_tax)?;
    let Content { lines, taxes, totals } = compose(lines, draft.currency)?;
    let after = After { due: totals.total, ..invoice.standing() };
    Ok(vec![InvoiceEvent::Drafted(Box::new(Drafted {
        invoice_id: draft.invoice_id,
        organization_id,
        customer_id: draft.customer_id,
        subscription: draft.subscription,
        currency: draft.currency,
        at: draft.at,
        time_zone: draft.time_zone,
        period: draft.period,
        auto_finalize: draft.auto_finalize,
        collection: draft.collection,
        due_days: draft.due_days,
        retry_days: draft.retry_days.clone(),
        series: draft.series.clone(),
        seller_tax: draft.seller_tax.clone(),
        buyer_tax: draft.buyer_tax.clone(),
        lines,
        taxes,
        totals,
        note: draft.note.clone(),
        after,
    }))])
}

pub(super) fn add_lines(
    invoice: &Invoice,
    drafted: &Drafted,
    lines: &[LineItem],
    taxes: &[TaxRate],
) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    still_a_draft(invoice)?;
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let added = taxed(lines, taxes, &drafted.seller_tax, &drafted.buyer_tax)?;
    let all = drafted.lines.iter().cloned().chain(added).collect();
    Ok(vec![InvoiceEvent::LinesAdded(Box::new(redraft(invoice, drafted, all)?))])
}

pub(super) fn remove_line(invoice: &Invoice, drafted: &Drafted, index: u32) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    still_a_draft(invoice)?;
    let place = index as usize;
    let line = drafted.lines.get(place).ok_or(InvoiceError::LineNotFound(index))?;
    if has_usage(line) || line.kind == LineKind::ToCredits {
        return Err(InvoiceError::LineStays(index));
    }
    let mut rest = drafted.lines.clone();
    rest.remove(place);
    Ok(vec![InvoiceEvent::LineRemoved(Box::new(redraft(invoice, drafted, rest)?))])
}

pub(super) fn discard(invoice: &Invoice, drafted: &Drafted) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    if invoice.status == Status::Discarded {
        return Ok(Vec::new());
    }
    still_a_draft(invoice)?;
    if drafted.lines.iter().any(has_usage) {
        return Err(InvoiceError::UsageBehind);
    }
    let after = After { status: Status::Discarded, due: Amount::ZERO, ..invoice.standing() };
    Ok(vec![InvoiceEvent::Discarded(Discarded { customer_id: drafted.customer_id, after })])
}

pub(super) fn seal(invoice: &Invoice, drafted: &Drafted) -> Result<Vec<InvoiceEvent>, InvoiceError> {
    if invoice.status == Status::Sealed {
        return Ok(Vec::new());
    }
    still_a_draft(invoice)?;
    if drafted.lines.is_empty() {
        return Err(InvoiceError::NoLines);
    }
    Ok(vec![InvoiceEvent::Sealed(Sealed {
        customer_id: drafted.customer_id,
        series: drafted.series.clone(),
        after: After { status: Status::Sealed, ..invoice.standing() },
    })])
}

fn still_a_draft(invoice: &Invoice) -> Result<(), InvoiceError> {
    match invoice.status {
        Status::Draft => Ok(()),
        status => Err(InvoiceError::WrongStatus(status)),
    }
}

/// Whether charges stand behind a line, or it takes a part of such back: no other invoice will have it.
fn has_usage(line: &LineItem) -> bool {
    let is_of_usage = matches!(line.kind, LineKind::Usage | LineKind::LateUsage | LineKind::Adjustment);
    is_of_usage || line.charges.is_some() || !line.postpaid.is_zero()
}

/// The lines with the rates that apply to them now.
fn taxed(
    lines: &[LineItem],
    table: &[TaxRate],
    seller: &TaxProfile,
    buyer: &TaxProfile,
) -> Result<Vec<LineItem>, InvoiceError> {
    let with_rates = lines.iter().map(|line| match line.kind {
        LineKind::ToCredits => Err(InvoiceError::LineNotAllowed),
        _ => Ok(LineItem { taxes: rates_for(table, seller, buyer, &line.tax_category), ..line.clone() }),
    });
    with_rates.collect()
}

fn redraft(invoice: &Invoice, drafted: &Drafted, lines: Vec<LineItem>) -> Result<Redrafted, InvoiceError> {
    let Content { lines, taxes, totals } = compose(lines, drafted.currency)?;
    let after = After { due: totals.total, ..invoice.standing() };
    Ok(Redrafted { customer_id: drafted.customer_id, lines, taxes, totals, after })
}

/// Rounds each line, taxes them, and lifts a total below zero by a line that becomes credits.
fn compose(mut lines: Vec<LineItem>, currency: Currency) -> Result<Content, InvoiceError> {
    lines.retain(|line| line.kind != LineKind::ToCredits);
    if lines.iter().filter(|line| !has_usage(line)).count() > LINES_MAX {
        return Err(InvoiceError::TooManyLines);
    }
    for line in &mut lines {
        line.rated.amount = SignedAmount::new(currency.rounded(line.rated.exact.decimal()))?;
    }
    // Whatever the signs and their order: no sum on the way goes beyond this one.
    lines.iter().try_fold(Amount::ZERO, |sum, line| sum.checked_add(line.rated.amount.magnitude()))?;
    let parts: Vec<(SignedAmount, &[AppliedRate])> =
        lines.iter().map(|line| (line.rated.amount, line.taxes.as_slice())).collect();
    let taxes = assess(&parts, currency);
    let tax = sum(taxes.iter().map(|line| line.amount))?;
    let gross = sum(lines.iter().map(|line| line.rated.amount))?;
    let mut subtotal = less(gross, included_tax(&taxes))?;
    let total = subtotal.checked_add(tax)?;
    if total.is_negative() {
        subtotal = less(subtotal, total)?;
        lines.push(to_credits(total.magnitude()));
    }
    // What is booked one day must be possible now: later nothing can be done about it.
    booked(&lines, &taxes)?;
    Ok(Content { lines, taxes, totals: Totals { subtotal, tax, total: total.positive_part() } })
}

fn to_credits(amount: Amount) -> LineItem {
    LineItem {
        kind: LineKind::ToCredits,
        description: "To credits".to_owned(),
        price: None,
        meter: None,
        quantity: None,
        included_quantity: None,
        unit_price: None,
        period: None,
        paid_by_credits: Amount::ZERO,
        postpaid: Amount::ZERO,
        rated: Rated { exact: amount.into(), amount: amount.into() },
        tax_category: TaxCategory::default(),
        taxes: Vec::new(),
        charges: None,
    }
}

/// What lines and taxes mean for the journal: `postpaid + fees + tax + rounding + to_credits` is the total.
pub(super) fn booked(lines: &[LineItem], taxes: &[TaxLine]) -> Result<Booked, MoneyError> {
    let of_sale = || lines.iter().filter(|line| line.kind != LineKind::ToCredits);
    let becomes_credits = lines.iter().filter(|line| line.kind == LineKind::ToCredits);
    let exact = sum(of_sale().map(|line| line.rated.exact))?;
    let rounded = sum(of_sale().map(|line| line.rated.amount))?;
    let postpaid = of_sale().try_fold(Amount::ZERO, |sum, line| sum.checked_add(line.postpaid))?;
    Ok(Booked {
        fees: less(less(exact, postpaid.into())?, included_tax(taxes))?,
        tax: sum(taxes.iter().map(|line| line.amount))?,
        rounding: less(rounded, exact)?,
        to_credits: sum(becomes_credits.map(|line| line.rated.amount))?.positive_part(),
        postpaid,
    })
}

pub(super) fn sum(mut amounts: impl Iterator<Item = SignedAmount>) -> Result<SignedAmount, MoneyError> {
    amounts.try_fold(SignedAmount::ZERO, SignedAmount::checked_add)
}

pub(super) fn less(from: SignedAmount, amount: SignedAmount) -> Result<SignedAmount, MoneyError> {
    from.checked_add(amount.negated())
}
