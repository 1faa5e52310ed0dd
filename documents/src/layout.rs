//! A document on its pages: who, to whom, what it is, then its lines and sums; a foot on every page.

use crate::canvas::{ACCENT, Area, Color, GREY, HEIGHT, INK, LINE, Mark, WATERMARK, WHITE, WIDTH, write};
use crate::font::{Fonts, Text, Weight};
use crate::labels::Labels;
use crate::sheet::{LEFT, RIGHT, Sheet};
use crate::wrap::{Style, wrap_at_most};
use crate::{Document, DocumentError, Kind, Party, Status, number, summary, table};

const SMALL: Style = Style::regular(8.8);
const NOTE: Style = Style::regular(8.2);
const FOOT: Style = Style::regular(7.5);
const SMALL_HEIGHT: f32 = 12.5;
const FOOT_HEIGHT: f32 = 10.5;
/// Where the column of facts begins.
const FACTS: f32 = 330.0;
/// How many lines of a party's address are shown.
const ADDRESS_MOST: usize = 9;

/// The document as a PDF: A4, with selectable text. The same document gives the same bytes.
pub fn pdf(document: &Document) -> Result<Vec<u8>, DocumentError> {
    let fonts = Fonts::get()?;
    let foot = foot_lines(fonts, document);
    let mut sheet = Sheet::new(fonts, 52.0 + FOOT_HEIGHT * foot.len() as f32, later_head(fonts, document));

    let stripe = Area { x: 0.0, y: 0.0, width: WIDTH, height: 6.0 };
    sheet.put(Mark::Fill { area: stripe, radius: 0.0, color: ACCENT });
    put_seller(&mut sheet, document);
    sheet.y += 13.0;
    sheet.rule(0.6, LINE);
    sheet.y += 13.0;
    put_buyer(&mut sheet, document);
    sheet.y += 15.0;
    summary::put_panel(&mut sheet, document)?;
    sheet.y += 15.0;
    table::put(&mut sheet, document)?;
    sheet.y += 7.0;
    summary::put_sums(&mut sheet, document)?;
    put_notes(&mut sheet, document);

    let mut pages = sheet.pages;
    let count = pages.len();
    for (at, page) in pages.iter_mut().enumerate() {
        put_foot(fonts, document, page, &foot, (at + 1, count));
        if let Some(watermark) = watermark(fonts, document) {
            page.insert(0, watermark);
        }
    }
    write(&pages, document)
}

/// The seller at the left; what the document is at the right.
fn put_seller(sheet: &mut Sheet, document: &Document) {
    let labels = Labels::of(document.language);
    let top = sheet.y;
    let left = party(sheet, &document.seller, labels, Style::bold(13.0), top, FACTS - LEFT - 20.0);

    let title = sheet.fonts.text(labels.kind(document.kind), Weight::Bold);
    sheet.right(title, 24.0, ACCENT, RIGHT, top + 11.0);
    let y = top + 32.0;
    let status = if document.is_draft() { Status::Draft } else { document.status };
    let badge = sheet.fonts.text(labels.status(document.kind, status), Weight::Bold);
    let width = badge.width * 8.5 + 18.0;
    let area = Area { x: RIGHT - width, y, width, height: 17.0 };
    sheet.put(Mark::Fill { area, radius: 8.5, color: status_color(status) });
    sheet.left(badge, 8.5, WHITE, area.x + 9.0, y + 8.5);
    sheet.y = left.max(y + 17.0);
}

/// The buyer at the left; the dates at the right.
fn put_buyer(sheet: &mut Sheet, document: &Document) {
    let labels = Labels::of(document.language);
    let top = sheet.y;
    let heading = sheet.fonts.text(labels.billed_to, Weight::Bold);
    sheet.left(heading, 7.8, GREY, LEFT, top + 5.0);
    let left = party(sheet, &document.buyer, labels, Style::bold(10.5), top + 14.0, FACTS - LEFT - 20.0);

    let date = |day: Option<_>| day.map(|day| number::date(day, document.language));
    let paid = if document.status == Status::Paid { date(document.paid_date) } else { None };
    let facts = [
        (labels.number, Some(document.number.clone().unwrap_or_else(|| labels.draft.to_owned()))),
        (labels.issue_date, date(document.issue_date)),
        (labels.due_date, date(document.due_date)),
        (labels.paid_date, paid),
        (labels.refers_to, document.refers_to.clone().filter(|_| document.kind == Kind::CreditNote)),
        (labels.currency, Some(document.currency.clone())),
    ];
    let mut y = top;
    for (label, value) in facts {
        let Some(value) = value else { continue };
        let label = sheet.fonts.text(label, Weight::Regular);
        let room = RIGHT - FACTS - label.width * SMALL.size - 12.0;
        sheet.left(label, SMALL.size, GREY, FACTS, y + SMALL_HEIGHT / 2.0);
        for line in wrap_at_most(sheet.fonts, &value, SMALL, room, 3) {
            sheet.right(line, SMALL.size, INK, RIGHT, y + SMALL_HEIGHT / 2.0);
            y += SMALL_HEIGHT;
        }
        y += 2.5;
    }
    sheet.y = left.max(y);
}

/// Puts a name and an address on the page and says how far down they reach.
fn party(sheet: &mut Sheet, party: &Party, labels: &Labels, name: Style, top: f32, width: f32) -> f32 {
    let mut y = top;
    let height = name.size * 1.35;
    for line in wrap_at_most(sheet.fonts, &party.name, name, width, 3) {
        sheet.left(line, name.size, INK, LEFT, y + height / 2.0);
        y += height;
    }
    y += 2.0;
    let address = party.lines.join("\n");
    let tax_id = party.tax_id.as_ref().map(|id| format!("{} {id}", labels.tax_id));
    let parts = [(Some(address), ADDRESS_MOST), (tax_id, 2), (party.email.clone(), 2)];
    for (text, most) in parts {
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        for line in wrap_at_most(sheet.fonts, &text, SMALL, width, most) {
            sheet.left(line, SMALL.size, GREY, LEFT, y + SMALL_HEIGHT / 2.0);
            y += SMALL_HEIGHT;
        }
    }
    y
}

fn put_notes(sheet: &mut Sheet, document: &Document) {
    if document.notes.is_empty() {
        return;
    }
    sheet.y += 13.0;
    sheet.keep_together(40.0);
    sheet.paragraph(Labels::of(document.language).notes, Style::bold(8.5), INK);
    for note in &document.notes {
        sheet.y += 1.0;
        sheet.paragraph(note, NOTE, GREY);
    }
}

/// The head of the pages after the first.
fn later_head(fonts: &'static Fonts, document: &Document) -> Vec<Mark> {
    let labels = Labels::of(document.language);
    let name = document.number.as_deref().unwrap_or(labels.draft);
    let title = format!("{} {name}", labels.kind(document.kind));
    let line =
        |text: &str, style, room| wrap_at_most(fonts, text, style, room, 1).into_iter().next().unwrap_or_default();
    let title = line(&title, Style::regular(8.5), 220.0);
    let seller = line(&document.seller.name, Style::bold(8.5), RIGHT - LEFT - 240.0);
    let (middle, rule) = (44.0, Area { x: LEFT, y: 56.0, width: RIGHT - LEFT, height: 0.6 });
    vec![
        Mark::Text { text: seller, size: 8.5, color: INK, x: LEFT, middle },
        Mark::text_up_to(RIGHT, middle, title, 8.5, GREY),
        Mark::Fill { area: rule, radius: 0.0, color: LINE },
    ]
}

fn foot_lines(fonts: &'static Fonts, document: &Document) -> Vec<Text> {
    let text = document.footer.as_deref().filter(|text| !text.trim().is_empty());
    text.map(|text| wrap_at_most(fonts, text, FOOT, RIGHT - LEFT, 3)).unwrap_or_default()
}

/// The foot of a page: the document's own lines, which document it is, and which page of it.
fn put_foot(
    fonts: &'static Fonts,
    document: &Document,
    page: &mut Vec<Mark>,
    lines: &[Text],
    (at, count): (usize, usize),
) {
    let labels = Labels::of(document.language);
    let mut middle = HEIGHT - 30.0 - FOOT_HEIGHT * lines.len() as f32;
    let rule = Area { x: LEFT, y: middle - 10.0, width: RIGHT - LEFT, height: 0.6 };
    page.push(Mark::Fill { area: rule, radius: 0.0, color: LINE });
    for line in lines {
        page.push(Mark::Text { text: line.clone(), size: FOOT.size, color: GREY, x: LEFT, middle });
        middle += FOOT_HEIGHT;
    }
    let number = labels.page.replace("{page}", &at.to_string()).replace("{pages}", &count.to_string());
    let number = fonts.text(&number, FOOT.weight);
    let x = RIGHT - number.width * FOOT.size;
    page.push(Mark::Text { text: number, size: FOOT.size, color: GREY, x, middle });
    let name = document.number.iter().chain([&document.id]).map(String::as_str).collect::<Vec<_>>().join(" · ");
    let name = wrap_at_most(fonts, &name, FOOT, x - LEFT - 20.0, 1).into_iter().next().unwrap_or_default();
    page.push(Mark::Text { text: name, size: FOOT.size, color: GREY, x: LEFT, middle });
}

fn watermark(fonts: &'static Fonts, document: &Document) -> Option<Mark> {
    let labels = Labels::of(document.language);
    let text = match document.status {
        Status::Void => labels.void_mark,
        _ if document.is_draft() => labels.draft_mark,
        _ => return None,
    };
    let text = fonts.text(text, Weight::Bold);
    let size = text.size_within(170.0, 620.0);
    Some(Mark::Across { text, size, color: WATERMARK })
}

fn status_color(status: Status) -> Color {
    match status {
        Status::Draft | Status::Void => GREY,
        Status::Open => ACCENT,
        Status::Paid => Color(0x1f, 0x7a, 0x4d),
        Status::Uncollectible => Color(0xa3, 0x4a, 0x1f),
    }
}
