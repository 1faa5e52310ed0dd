//! The sums under the table, and the panel above it that says what is to be paid.

use rust_decimal::Decimal;

use crate::canvas::{ACCENT, Area, Color, GREY, INK, LINE, Mark, TINT};
use crate::labels::Labels;
use crate::sheet::{LEFT, RIGHT, Sheet};
use crate::wrap::{Style, wrap_at_most};
use crate::{Document, DocumentError, Kind, Status, number};

/// The left edge of the sums.
const SUMS_LEFT: f32 = RIGHT - 270.0;
/// Between the edges and what is said.
const INSET: f32 = 8.0;
const LINE_HEIGHT: f32 = 13.0;
const PANEL_HEIGHT: f32 = 44.0;

/// A sum: what it is and what it comes to.
struct Sum {
    label: String,
    amount: String,
    style: Style,
    color: Color,
    /// With a line above.
    ruled: bool,
}

/// Puts the panel on the sheet: the amount that matters, and a sentence to it.
pub(crate) fn put_panel(sheet: &mut Sheet, document: &Document) -> Result<(), DocumentError> {
    let labels = Labels::of(document.language);
    let (label, amount) = match (document.kind, document.status) {
        (_, Status::Void) => (labels.total, document.total),
        (Kind::CreditNote, _) => (labels.total_credit, document.total),
        (Kind::Invoice, _) if is_paid(document) => (labels.paid_amount, document.paid),
        (Kind::Invoice, _) => (labels.amount_due, document.due),
    };

    let area = Area { x: LEFT, y: sheet.y, width: RIGHT - LEFT, height: PANEL_HEIGHT };
    sheet.put(Mark::Fill { area, radius: 5.0, color: TINT });
    let stripe = Area { x: LEFT, y: sheet.y, width: 3.0, height: PANEL_HEIGHT };
    sheet.put(Mark::Fill { area: stripe, radius: 1.5, color: ACCENT });
    let style = Style::bold(17.0);
    let amount = with_currency(document, amount)?;
    let amount = sheet.fonts.text(&amount, style.weight);
    let size = amount.size_within(style.size, 290.0);
    let taken = amount.width * size;
    let room = RIGHT - LEFT - taken - 44.0;
    let sentence = sentence(document, labels);
    let lines = sentence.map(|text| wrap_at_most(sheet.fonts, &text, Style::regular(8.8), room, 1)).unwrap_or_default();
    let middle = sheet.y + PANEL_HEIGHT / 2.0;
    let label = sheet.fonts.text(label, Style::bold(10.5).weight);
    sheet.left(label, 10.5, INK, LEFT + 16.0, if lines.is_empty() { middle } else { middle - 7.5 });
    for line in lines {
        sheet.left(line, 8.8, GREY, LEFT + 16.0, middle + 8.0);
    }
    sheet.right(amount, size, INK, RIGHT - 14.0, middle);
    sheet.y += PANEL_HEIGHT;
    Ok(())
}

/// Whether the money has come in.
fn is_paid(document: &Document) -> bool {
    document.status == Status::Paid && !document.is_draft() && document.due.is_zero() && !document.paid.is_zero()
}

/// The sentence in the panel.
fn sentence(document: &Document, labels: &Labels) -> Option<String> {
    let with_date = |text: &str, day| text.replace("{date}", &number::date(day, document.language));
    match (document.kind, document.status) {
        (_, Status::Void) => Some(labels.is_void.to_owned()),
        _ if document.is_draft() => Some(labels.is_draft.to_owned()),
        (Kind::CreditNote, _) => document.refers_to.as_ref().map(|name| labels.for_invoice.replace("{number}", name)),
        (Kind::Invoice, _) if is_paid(document) => document.paid_date.map(|day| with_date(labels.paid_on, day)),
        (Kind::Invoice, Status::Open) if !document.due.is_zero() => {
            document.due_date.map(|day| with_date(labels.due_by, day))
        }
        (Kind::Invoice, _) => None,
    }
}

/// Puts the sums on the sheet.
pub(crate) fn put_sums(sheet: &mut Sheet, document: &Document) -> Result<(), DocumentError> {
    let rows: Vec<_> = (sums(document)?.into_iter())
        .map(|sum| {
            let amount = sheet.fonts.text(&sum.amount, sum.style.weight);
            let most = RIGHT - INSET - SUMS_LEFT - 80.0;
            let size = amount.size_within(sum.style.size, most);
            let room = RIGHT - INSET - SUMS_LEFT - amount.width * size - 16.0;
            let label = wrap_at_most(sheet.fonts, &sum.label, sum.style, room, 12);
            let height = LINE_HEIGHT * label.len() as f32 + if sum.ruled { 13.0 } else { 4.0 };
            (sum, label, amount, size, height)
        })
        .collect();
    sheet.keep_together(rows.iter().map(|row| row.4).sum());
    for (sum, label, amount, size, height) in rows {
        if !sheet.has_room(height) {
            sheet.next_page();
        }
        if sum.ruled {
            sheet.y += 4.0;
            sheet.rule_from(SUMS_LEFT, 0.6, LINE);
            sheet.y += 3.0;
        }
        let top = sheet.y + if sum.ruled { 3.0 } else { 2.0 };
        for (at, line) in label.into_iter().enumerate() {
            let middle = top + LINE_HEIGHT * (at as f32 + 0.5);
            sheet.left(line, sum.style.size, sum.color, SUMS_LEFT, middle);
        }
        sheet.right(amount, size, sum.color, RIGHT - INSET, top + LINE_HEIGHT / 2.0);
        sheet.y += height - if sum.ruled { 7.0 } else { 0.0 };
    }
    Ok(())
}

fn sums(document: &Document) -> Result<Vec<Sum>, DocumentError> {
    let labels = Labels::of(document.language);
    let shown = |amount| number::amount(amount, document.decimals);
    let plain =
        |label: String, amount: String, color| Sum { label, amount, style: Style::regular(9.0), color, ruled: false };
    let strong = |label: &str, amount: String| Sum {
        label: label.to_owned(),
        amount,
        style: Style::bold(10.5),
        color: INK,
        ruled: true,
    };

    let mut sums = Vec::new();
    if !document.taxes.is_empty() || document.subtotal != document.total {
        sums.push(plain(labels.subtotal.to_owned(), shown(document.subtotal)?, INK));
    }
    for tax in &document.taxes {
        let label = if tax.inclusive { labels.tax_included } else { labels.tax_on_top };
        let label = label
            .replace("{percent}", &number::percent(tax.percent))
            .replace("{base}", &shown(tax.base)?)
            .replace("{name}", &tax.name);
        sums.push(plain(label, shown(tax.amount)?, if tax.inclusive { GREY } else { INK }));
    }
    if document.taxes.len() > 1 || (document.taxes.is_empty() && !document.tax.is_zero()) {
        sums.push(plain(labels.tax_total.to_owned(), shown(document.tax)?, INK));
    }
    let total = if document.kind == Kind::CreditNote { labels.total_credit } else { labels.total };
    sums.push(strong(total, with_currency(document, document.total)?));
    for (label, amount) in [(labels.paid_amount, document.paid), (labels.credited, document.credited)] {
        if !amount.is_zero() {
            sums.push(plain(label.to_owned(), shown(-amount)?, INK));
        }
    }
    if document.kind == Kind::Invoice && document.status != Status::Void {
        sums.push(strong(labels.amount_due, with_currency(document, document.due)?));
    }
    Ok(sums)
}

/// An amount after its currency. The space between them does not break.
fn with_currency(document: &Document, amount: Decimal) -> Result<String, DocumentError> {
    Ok(format!("{}\u{a0}{}", document.currency, number::amount(amount, document.decimals)?))
}
