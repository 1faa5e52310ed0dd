//! The pages of a document, given out from top to bottom.

use crate::canvas::{Area, Color, HEIGHT, Mark, WIDTH};
use crate::font::{Fonts, Text};
use crate::wrap::{Style, wrap};

/// The left edge of what is on a page.
pub(crate) const LEFT: f32 = 50.0;
/// The right edge of what is on a page.
pub(crate) const RIGHT: f32 = WIDTH - 50.0;
/// Where the first page begins.
const TOP: f32 = 42.0;
/// Where the following pages begin, under their head.
const TOP_LATER: f32 = 74.0;

/// Pages that are being filled.
pub(crate) struct Sheet {
    /// The fonts.
    pub(crate) fonts: &'static Fonts,
    /// What lies on the pages so far.
    pub(crate) pages: Vec<Vec<Mark>>,
    /// How far down the last page is full.
    pub(crate) y: f32,
    bottom: f32,
    head: Vec<Mark>,
}

impl Sheet {
    /// An empty first page that ends `foot` points above the paper's edge. `head` stands on the following ones.
    pub(crate) fn new(fonts: &'static Fonts, foot: f32, head: Vec<Mark>) -> Self {
        Self { fonts, pages: vec![Vec::new()], y: TOP, bottom: HEIGHT - foot, head }
    }

    /// Goes on with a new page.
    pub(crate) fn next_page(&mut self) {
        self.pages.push(self.head.clone());
        self.y = TOP_LATER;
    }

    /// Whether so much still fits on this page.
    pub(crate) fn has_room(&self, height: f32) -> bool {
        self.y + height <= self.bottom
    }

    /// How much fits on a page that is empty.
    pub(crate) fn page_room(&self) -> f32 {
        self.bottom - TOP_LATER
    }

    /// Goes on with a new page unless so much fits on this one. What fits on no page begins where it is.
    pub(crate) fn keep_together(&mut self, height: f32) {
        if !self.has_room(height) && height <= self.page_room() {
            self.next_page();
        }
    }

    /// Puts something on the last page.
    pub(crate) fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Puts a text on the last page, from `x` on.
    pub(crate) fn left(&mut self, text: Text, size: f32, color: Color, x: f32, middle: f32) {
        self.put(Mark::Text { text, size, color, x, middle });
    }

    /// Puts a text on the last page, up to `x`.
    pub(crate) fn right(&mut self, text: Text, size: f32, color: Color, x: f32, middle: f32) {
        self.put(Mark::text_up_to(x, middle, text, size, color));
    }

    /// Puts a line across the page.
    pub(crate) fn rule(&mut self, thickness: f32, color: Color) {
        self.rule_from(LEFT, thickness, color);
    }

    /// Puts a line from `x` to the right edge.
    pub(crate) fn rule_from(&mut self, x: f32, thickness: f32, color: Color) {
        let area = Area { x, y: self.y - thickness / 2.0, width: RIGHT - x, height: thickness };
        self.put(Mark::Fill { area, radius: 0.0, color });
    }

    /// Puts a text between both edges, on as many lines and pages as it needs.
    pub(crate) fn paragraph(&mut self, text: &str, style: Style, color: Color) {
        let height = style.size * 1.5;
        for line in wrap(self.fonts, text, style, RIGHT - LEFT) {
            if !self.has_room(height) {
                self.next_page();
            }
            self.left(line, style.size, color, LEFT, self.y + height / 2.0);
            self.y += height;
        }
    }
}
