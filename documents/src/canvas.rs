//! What lies on the pages, and how it gets into a PDF.

use chrono::{Datelike, Timelike};
use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Rect, Transform};
use krilla::metadata::{DateTime, Metadata, TextDirection};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;

use crate::font::Text;
use crate::labels::Labels;
use crate::{Document, DocumentError, Language};

/// The width of A4 in points.
pub(crate) const WIDTH: f32 = 595.28;
/// The height of A4 in points.
pub(crate) const HEIGHT: f32 = 841.89;

/// How far down from the middle of capitals and hanzi the baseline is, in ems.
const MIDDLE: f32 = 0.36;

/// A colour: red, green, blue.
#[derive(Clone, Copy)]
pub(crate) struct Color(pub(crate) u8, pub(crate) u8, pub(crate) u8);

/// For what is read first.
pub(crate) const INK: Color = Color(0x17, 0x1c, 0x26);
/// For what is read second.
pub(crate) const GREY: Color = Color(0x5f, 0x68, 0x77);
/// For thin lines.
pub(crate) const LINE: Color = Color(0xdc, 0xe0, 0xe7);
/// Behind what should be seen.
pub(crate) const TINT: Color = Color(0xf2, 0xf5, 0xf9);
/// For the title.
pub(crate) const ACCENT: Color = Color(0x1b, 0x4b, 0x7a);
/// Across the pages of a draft.
pub(crate) const WATERMARK: Color = Color(0xee, 0xf0, 0xf4);
/// On colours.
pub(crate) const WHITE: Color = Color(0xff, 0xff, 0xff);

/// A place: points from the left and from the top, width, height.
#[derive(Clone, Copy)]
pub(crate) struct Area {
    /// From the left.
    pub(crate) x: f32,
    /// From the top.
    pub(crate) y: f32,
    /// Its width.
    pub(crate) width: f32,
    /// Its height.
    pub(crate) height: f32,
}

/// Something on a page.
#[derive(Clone)]
pub(crate) enum Mark {
    /// A text from `x` on, its middle at `middle`.
    Text { text: Text, size: f32, color: Color, x: f32, middle: f32 },
    /// A filled area, with round corners perhaps.
    Fill { area: Area, radius: f32, color: Color },
    /// A text across the page, from the lower left to the upper right.
    Across { text: Text, size: f32, color: Color },
}

impl Mark {
    /// A text that ends at `right`.
    pub(crate) fn text_up_to(right: f32, middle: f32, text: Text, size: f32, color: Color) -> Self {
        Self::Text { x: right - text.width * size, text, size, color, middle }
    }
}

/// Writes the pages.
pub(crate) fn write(pages: &[Vec<Mark>], document: &Document) -> Result<Vec<u8>, DocumentError> {
    let mut pdf = krilla::Document::new();
    pdf.set_metadata(metadata(document));
    for marks in pages {
        let settings =
            PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| DocumentError::Pdf("page size".to_owned()))?;
        let mut page = pdf.start_page_with(settings);
        let mut surface = page.surface();
        for mark in marks {
            draw(&mut surface, mark);
        }
        surface.finish();
        page.finish();
    }
    pdf.finish().map_err(|error| DocumentError::Pdf(error.to_string()))
}

fn draw(surface: &mut Surface<'_>, mark: &Mark) {
    match mark {
        Mark::Text { text, size, color, x, middle } => {
            draw_text(surface, text, *size, *color, Point::from_xy(*x, middle + size * MIDDLE));
        }
        Mark::Fill { area, radius, color } => {
            fill(surface, *color);
            if let Some(path) = outline(*area, *radius) {
                surface.draw_path(&path);
            }
        }
        Mark::Across { text, size, color } => {
            surface.push_transform(&Transform::from_rotate_at(-52.0, WIDTH / 2.0, HEIGHT / 2.0));
            let start = Point::from_xy((WIDTH - text.width * size) / 2.0, HEIGHT / 2.0 + size * MIDDLE);
            draw_text(surface, text, *size, *color, start);
            surface.pop();
        }
    }
}

fn draw_text(surface: &mut Surface<'_>, text: &Text, size: f32, color: Color, start: Point) {
    fill(surface, color);
    for run in &text.runs {
        let start = Point::from_xy(start.x + run.x * size, start.y);
        surface.draw_glyphs(start, &run.glyphs, run.face.font.clone(), &text.text, size, false);
    }
}

fn fill(surface: &mut Surface<'_>, Color(red, green, blue): Color) {
    surface.set_fill(Some(Fill { paint: rgb::Color::new(red, green, blue).into(), ..Fill::default() }));
}

fn outline(Area { x, y, width, height }: Area, radius: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    let radius = radius.min(width / 2.0).min(height / 2.0);
    if radius <= 0.0 {
        path.push_rect(Rect::from_xywh(x, y, width, height)?);
        return path.finish();
    }
    // How far a curve's handle is from the corner, so that it is nearly a quarter of a circle.
    let near = radius * 0.448;
    let (right, bottom) = (x + width, y + height);
    path.move_to(x + radius, y);
    path.line_to(right - radius, y);
    path.cubic_to(right - near, y, right, y + near, right, y + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(right, bottom - near, right - near, bottom, right - radius, bottom);
    path.line_to(x + radius, bottom);
    path.cubic_to(x + near, bottom, x, bottom - near, x, bottom - radius);
    path.line_to(x, y + radius);
    path.cubic_to(x, y + near, x + near, y, x + radius, y);
    path.close();
    path.finish()
}

/// What the PDF says about itself. All of it comes from the document.
fn metadata(document: &Document) -> Metadata {
    let labels = Labels::of(document.language);
    let printable = |text: &str| text.chars().filter(|character| !character.is_control()).collect::<String>();
    let name = document.number.as_deref().unwrap_or(labels.draft);
    let metadata = Metadata::new()
        .title(format!("{} {}", labels.kind(document.kind), printable(name)))
        .authors(vec![printable(&document.seller.name)])
        .creator("Tollbook".to_owned())
        .language(match document.language {
            Language::En => "en".to_owned(),
            Language::Zh => "zh-CN".to_owned(),
        })
        .text_direction(TextDirection::LeftToRight)
        .document_id(document.id.clone());
    let Some(at) = document.issued_at else { return metadata };
    let small = |number: u32| u8::try_from(number).unwrap_or_default();
    metadata.creation_date(
        DateTime::new(u16::try_from(at.year()).unwrap_or_default())
            .month(small(at.month()))
            .day(small(at.day()))
            .hour(small(at.hour()))
            .minute(small(at.minute()))
            .second(small(at.second()))
            .utc_offset_hour(0)
            .utc_offset_minute(0),
    )
}
