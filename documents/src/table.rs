//! The table of lines. Its head is repeated on every page; a row stays together unless no page is high enough.

use crate::canvas::{Area, Color, GREY, INK, LINE, Mark, TINT};
use crate::font::{Fonts, Text};
use crate::labels::Labels;
use crate::sheet::{LEFT, RIGHT, Sheet};
use crate::wrap::{Style, wrap};
use crate::{Document, DocumentError, Line, number};

const BODY: Style = Style::regular(9.0);
const SMALL: Style = Style::regular(7.8);
const HEAD: Style = Style::bold(7.8);
/// The height of a row's first lines.
const BODY_HEIGHT: f32 = 13.0;
/// The height of the small lines under them.
const SMALL_HEIGHT: f32 = 11.5;
const HEAD_HEIGHT: f32 = 21.0;
/// Above and under what a row says.
const PADDING: f32 = 5.5;
/// Between columns.
const GAP: f32 = 14.0;
/// Between the table's edges and what it says.
const INSET: f32 = 8.0;

/// A column of short texts, at the right of the descriptions.
struct Column {
    head: Text,
    right: f32,
    width: f32,
    /// What each line says there, already broken into lines.
    cells: Vec<Vec<Text>>,
}

/// A piece of a row that stays together.
struct Strip {
    height: f32,
    left: Option<(Text, Style, Color)>,
    /// What the columns say, with the column's number.
    right: Vec<(usize, Text)>,
}

/// Puts the table on the sheet.
pub(crate) fn put(sheet: &mut Sheet, document: &Document) -> Result<(), DocumentError> {
    let labels = Labels::of(document.language);
    let columns = columns(sheet.fonts, document, labels)?;
    let room = columns.first().map_or(RIGHT - INSET, |first| first.right - first.width - GAP) - (LEFT + INSET);
    let rows: Vec<_> = (document.lines.iter().enumerate())
        .map(|(at, line)| row(sheet.fonts, document, line, at, &columns, room))
        .collect();

    let first = rows.first().map_or(0.0, |row| height(row));
    sheet.keep_together(HEAD_HEIGHT + first);
    head(sheet, labels, &columns);
    for (at, strips) in rows.into_iter().enumerate() {
        if at > 0 {
            sheet.rule(0.5, LINE);
        }
        let height = height(&strips);
        let tall = height > sheet.page_room() - HEAD_HEIGHT;
        let fits = sheet.has_room(height) || (tall && sheet.has_room(PADDING + BODY_HEIGHT));
        if !fits {
            sheet.next_page();
            head(sheet, labels, &columns);
        }
        sheet.y += PADDING;
        // The numbers come after the whole description, so that both can be read and copied in this order.
        let mut numbers = Vec::new();
        for strip in strips {
            if !sheet.has_room(strip.height) {
                numbers.drain(..).for_each(|number| sheet.put(number));
                sheet.next_page();
                head(sheet, labels, &columns);
                sheet.y += PADDING;
            }
            numbers.extend(put_strip(sheet, strip, &columns));
        }
        numbers.into_iter().for_each(|number| sheet.put(number));
        sheet.y += PADDING;
    }
    sheet.rule(0.8, LINE);
    Ok(())
}

fn height(row: &[Strip]) -> f32 {
    row.iter().map(|strip| strip.height).sum::<f32>() + 2.0 * PADDING
}

/// The columns that some line has something for, from left to right.
fn columns(fonts: &'static Fonts, document: &Document, labels: &Labels) -> Result<Vec<Column>, DocumentError> {
    let amounts: Vec<_> = (document.lines.iter())
        .map(|line| number::amount(line.amount, document.decimals).map(Some))
        .collect::<Result<_, _>>()?;
    let of = |cell: &dyn Fn(&Line) -> Option<String>| document.lines.iter().map(cell).collect::<Vec<_>>();
    let price = |line: &Line| line.unit_price.map(|price| number::unit_price(price, document.decimals));
    let amount = labels.amount.replace("{currency}", &document.currency);
    // What is in them and how wide they may be. Taxes are broken into lines, numbers made smaller.
    let wanted = [
        (labels.quantity, of(&|line| line.quantity.map(number::quantity)), 82.0, false),
        (labels.unit_price, of(&price), 92.0, false),
        (labels.tax_rate, of(&|line| line.tax_percent.clone()), 58.0, true),
        (&amount, amounts, 110.0, false),
    ];

    let mut columns = Vec::new();
    let mut right = RIGHT - INSET;
    for (name, cells, most, wraps) in wanted.into_iter().rev() {
        if cells.iter().all(Option::is_none) && !columns.is_empty() {
            continue;
        }
        let head = fonts.text(name, HEAD.weight);
        let lines = |text: String| {
            if wraps { wrap(fonts, &text, BODY, most) } else { vec![fonts.text(&text, BODY.weight)] }
        };
        let cells: Vec<Vec<Text>> = cells.into_iter().map(|cell| cell.map(lines).unwrap_or_default()).collect();
        let widest = cells.iter().flatten().map(|text| text.width * BODY.size).fold(head.width * HEAD.size, f32::max);
        let width = widest.min(most);
        columns.push(Column { head, right, width, cells });
        right -= width + GAP;
    }
    columns.reverse();
    Ok(columns)
}

/// A row, cut into pieces: the description with the numbers beside it, then the period and the details.
fn row(
    fonts: &'static Fonts,
    document: &Document,
    line: &Line,
    at: usize,
    columns: &[Column],
    room: f32,
) -> Vec<Strip> {
    let period = line.period.map(|period| number::period(period, document.language));
    let mut small: Vec<&str> = line.detail.iter().chain(&period).map(String::as_str).collect();
    // Both on one line if there is room.
    let joined = small.join(" · ");
    if !small.is_empty() && fonts.text(&joined, SMALL.weight).width * SMALL.size <= room {
        small = vec![&joined];
    }
    let texts = (wrap(fonts, &line.description, BODY, room).into_iter().map(|text| (text, BODY, INK)))
        .chain(small.iter().flat_map(|text| wrap(fonts, text, SMALL, room)).map(|text| (text, SMALL, GREY)));
    let mut strips: Vec<_> = texts
        .map(|left| Strip {
            height: if left.1.size == BODY.size { BODY_HEIGHT } else { SMALL_HEIGHT },
            left: Some(left),
            right: Vec::new(),
        })
        .collect();
    for (index, column) in columns.iter().enumerate() {
        for (down, text) in column.cells[at].iter().enumerate() {
            if down == strips.len() {
                strips.push(Strip { height: BODY_HEIGHT, left: None, right: Vec::new() });
            }
            strips[down].height = BODY_HEIGHT;
            strips[down].right.push((index, text.clone()));
        }
    }
    strips
}

/// Puts the description's piece on the page and gives back the numbers beside it.
fn put_strip(sheet: &mut Sheet, strip: Strip, columns: &[Column]) -> Vec<Mark> {
    let middle = sheet.y + strip.height / 2.0;
    if let Some((text, style, color)) = strip.left {
        sheet.left(text, style.size, color, LEFT + INSET, middle);
    }
    sheet.y += strip.height;
    let number = |(index, text): (usize, Text)| {
        let Column { right, width, .. } = columns[index];
        let size = text.size_within(BODY.size, width);
        Mark::text_up_to(right, middle, text, size, INK)
    };
    strip.right.into_iter().map(number).collect()
}

fn head(sheet: &mut Sheet, labels: &Labels, columns: &[Column]) {
    let area = Area { x: LEFT, y: sheet.y, width: RIGHT - LEFT, height: HEAD_HEIGHT };
    sheet.put(Mark::Fill { area, radius: 3.0, color: TINT });
    let middle = sheet.y + HEAD_HEIGHT / 2.0;
    let description = sheet.fonts.text(labels.description, HEAD.weight);
    sheet.left(description, HEAD.size, GREY, LEFT + INSET, middle);
    for column in columns {
        let size = column.head.size_within(HEAD.size, column.width);
        sheet.right(column.head.clone(), size, GREY, column.right, middle);
    }
    sheet.y += HEAD_HEIGHT;
}
