//! The fonts: which of them has a character, and what a text measures.
//!
//! Noto Sans is asked first, then Noto Sans SC. What neither has is shown as an empty box: not as the fonts' own glyph
//! for that, of which viewers do not copy the text.

use std::ops::Range;
use std::sync::LazyLock;

use harfrust::{Direction, FontRef, ShapeOptions, ShaperData, UnicodeBuffer};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::MetadataProvider;
use skrifa::charmap::Charmap;

use crate::DocumentError;

/// How heavy a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// As usual.
    Regular,
    /// Bold.
    Bold,
}

/// What is shown for a character that no font has. It is one em wide.
const BOX: char = '□';

/// One font file.
pub(crate) struct Face {
    /// As the PDF has it.
    pub(crate) font: Font,
    file: FontRef<'static>,
    characters: Charmap<'static>,
    shaping: ShaperData,
    units_per_em: f32,
}

impl Face {
    /// Reads a font; if that fails, its name is the error.
    fn read(name: &'static str, bytes: &'static [u8]) -> Result<Self, &'static str> {
        let file = FontRef::new(bytes).map_err(|_| name)?;
        let font = Font::new(bytes.into(), 0).ok_or(name)?;
        let units_per_em = font.units_per_em();
        Ok(Self { characters: file.charmap(), shaping: ShaperData::new(&file), font, file, units_per_em })
    }

    fn has(&self, character: char) -> bool {
        self.characters.map(character).is_some()
    }
}

/// The same weight of both fonts.
struct Pair {
    western: Face,
    chinese: Face,
}

/// All fonts.
pub(crate) struct Fonts {
    regular: Pair,
    bold: Pair,
}

/// A text on one line, with its glyphs. Measures are in ems: times the size they are points.
#[derive(Clone, Default)]
pub(crate) struct Text {
    /// What it says.
    pub(crate) text: String,
    /// Its parts, one after another.
    pub(crate) runs: Vec<Run>,
    /// Its width.
    pub(crate) width: f32,
}

/// A part of a text in one font.
#[derive(Clone)]
pub(crate) struct Run {
    /// The font.
    pub(crate) face: &'static Face,
    /// Where it begins.
    pub(crate) x: f32,
    /// What it shows. The ranges are in the whole text.
    pub(crate) glyphs: Vec<KrillaGlyph>,
}

impl Text {
    /// Where the text may be cut, if need be: the start of each glyph's characters, and how far it is from the
    /// beginning. The end is the last one.
    pub(crate) fn cuts(&self) -> Vec<(usize, f32)> {
        let mut cuts: Vec<(usize, f32)> = Vec::new();
        for run in &self.runs {
            let mut x = run.x;
            for glyph in &run.glyphs {
                if cuts.last().is_none_or(|(at, _)| *at < glyph.text_range.start) {
                    cuts.push((glyph.text_range.start, x));
                }
                x += glyph.x_advance;
            }
        }
        cuts.push((self.text.len(), self.width));
        cuts
    }

    /// The size at which it is not wider than `width`: at most `size`.
    pub(crate) fn size_within(&self, size: f32, width: f32) -> f32 {
        if self.width * size > width { width / self.width } else { size }
    }
}

impl Fonts {
    /// The fonts, read once.
    pub(crate) fn get() -> Result<&'static Self, DocumentError> {
        static FONTS: LazyLock<Result<Fonts, &'static str>> = LazyLock::new(Fonts::read);
        FONTS.as_ref().map_err(|name| DocumentError::Font(name))
    }

    fn read() -> Result<Self, &'static str> {
        Ok(Self {
            regular: Pair {
                western: Face::read("NotoSans-Regular", include_bytes!("../fonts/NotoSans-Regular.ttf"))?,
                chinese: Face::read("NotoSansSC-Regular", include_bytes!("../fonts/NotoSansSC-Regular.ttf"))?,
            },
            bold: Pair {
                western: Face::read("NotoSans-Bold", include_bytes!("../fonts/NotoSans-Bold.ttf"))?,
                chinese: Face::read("NotoSansSC-Bold", include_bytes!("../fonts/NotoSansSC-Bold.ttf"))?,
            },
        })
    }

    fn pair(&self, weight: Weight) -> &Pair {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// Whether no character of the text is shown as a box.
    #[cfg(test)]
    pub(crate) fn has_all(&self, text: &str, weight: Weight) -> bool {
        let pair = self.pair(weight);
        text.chars().all(|character| pair.western.has(character) || pair.chinese.has(character))
    }

    /// The glyphs of a text on one line. Line breaks and tabs become spaces; what controls direction is left out,
    /// since it can make a text look like another one.
    pub(crate) fn text(&'static self, text: &str, weight: Weight) -> Text {
        let mut line = Text { text: clean(text), ..Text::default() };
        for (face, range) in runs(&line.text, self.pair(weight)) {
            let glyphs = shaped(face, &line.text, range);
            let x = line.width;
            line.width += glyphs.iter().map(|glyph| glyph.x_advance).sum::<f32>();
            line.runs.push(Run { face, x, glyphs });
        }
        line
    }
}

/// The text without what has no place on a line.
fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|character| match character {
            '\t' | '\n' | '\u{2028}' | '\u{2029}' => Some(' '),
            '\u{ad}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => None,
            character if character.is_control() => None,
            character => Some(character),
        })
        .collect()
}

/// Dashes, quotation marks and dots that are wide in Chinese text and narrow in others.
fn is_either(character: char) -> bool {
    matches!(character, '‘' | '’' | '“' | '”' | '—' | '…' | '·')
}

fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// The parts of a text that one font shows.
fn runs<'a>(text: &str, pair: &'a Pair) -> Vec<(&'a Face, Range<usize>)> {
    let is_chinese = |character: char| !pair.western.has(character);
    let mut parts: Vec<(bool, Range<usize>)> = Vec::new();
    let mut before = false;
    for (at, character) in text.char_indices() {
        let chinese = if is_mark(character) {
            before
        } else if is_either(character) {
            // It goes with a hanzi at either side of it.
            before || text[at..].chars().take(8).find(|after| !is_either(*after)).is_some_and(is_chinese)
        } else {
            is_chinese(character)
        };
        let end = at + character.len_utf8();
        match parts.last_mut() {
            Some((last, range)) if *last == chinese => range.end = end,
            _ => parts.push((chinese, at..end)),
        }
        before = chinese;
    }
    parts.into_iter().map(|(chinese, range)| (if chinese { &pair.chinese } else { &pair.western }, range)).collect()
}

/// The glyphs of a part, from left to right.
fn shaped(face: &Face, text: &str, range: Range<usize>) -> Vec<KrillaGlyph> {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(&text[range.clone()]);
    buffer.guess_segment_properties();
    buffer.set_direction(Direction::LeftToRight);
    let glyphs = face.shaping.shaper(&face.file).build().shape(buffer, ShapeOptions::new());
    let (infos, positions) = (glyphs.glyph_infos(), glyphs.glyph_positions());
    let em = |units: i32| units as f32 / face.units_per_em;
    let instead = face.characters.map(BOX).map(|glyph| (glyph.to_u32(), 1.0));
    infos
        .iter()
        .zip(positions)
        .enumerate()
        .map(|(at, (info, position))| {
            // Glyphs of the same cluster show the same characters together.
            let next = infos[at..].iter().find(|next| next.cluster > info.cluster);
            let end = next.map_or(range.end, |next| range.start + next.cluster as usize);
            let own = (info.glyph_id, em(position.x_advance));
            let (glyph, advance) = if info.glyph_id == 0 { instead.unwrap_or(own) } else { own };
            KrillaGlyph::new(
                GlyphId::new(glyph),
                advance,
                em(position.x_offset),
                em(position.y_offset),
                em(position.y_advance),
                range.start + info.cluster as usize..end,
                None,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faces(text: &str) -> Vec<String> {
        let fonts = Fonts::get().unwrap();
        runs(text, &fonts.regular).into_iter().map(|(_, range)| text[range].to_owned()).collect()
    }

    #[test]
    fn each_script_has_its_font_and_quotation_marks_follow_the_text() {
        assert_eq!(faces("Zażółć gęślą jaźń"), ["Zażółć gęślą jaźń"]);
        assert_eq!(faces("API 调用“多”次"), ["API ", "调用“多”次"]);
        assert_eq!(faces("“调用” and “call”"), ["“调用”", " and “call”"]);
        assert_eq!(faces("的“token”数——"), ["的“", "token", "”数——"]);
        assert_eq!(faces("it’s … — · “so”"), ["it’s … — · “so”"]);
        let fonts = Fonts::get().unwrap();
        for character in "‘’“”—…·".chars() {
            assert!(is_either(character) && fonts.regular.chinese.has(character) && fonts.bold.chinese.has(character));
        }
    }

    #[test]
    fn marks_stand_over_their_letters() {
        let fonts = Fonts::get().unwrap();
        let text = fonts.text("e\u{301}x\u{323}", Weight::Regular);
        let plain = fonts.text("éx", Weight::Regular);
        assert!((text.width - plain.width).abs() < 0.001, "{} {}", text.width, plain.width);
    }

    #[test]
    fn figures_are_equally_wide() {
        let fonts = Fonts::get().unwrap();
        for weight in [Weight::Regular, Weight::Bold] {
            let widths: Vec<_> = ('0'..='9').map(|figure| fonts.text(&figure.to_string(), weight).width).collect();
            assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
        }
    }

    #[test]
    fn what_no_font_has_is_a_box_and_keeps_its_text() {
        let fonts = Fonts::get().unwrap();
        for text in ["नमस्ते", "مرحبا", "😀👨‍👩‍👧", "龘", "\u{e000}\u{10ffff}", "\u{202e}abc\u{0}\u{7}"]
        {
            let line = fonts.text(text, Weight::Bold);
            assert!(line.width > 0.0, "{text}");
            assert!(line.runs.iter().flat_map(|run| &run.glyphs).all(|glyph| glyph.glyph_id.to_u32() != 0), "{text}");
            assert_eq!(line.cuts().last().unwrap().0, line.text.len());
        }
        assert_eq!(fonts.text("a\u{202e}\tb\u{0}", Weight::Regular).text, "a b");
        assert_eq!(fonts.text("", Weight::Regular).width, 0.0);
        assert_eq!(fonts.text("□", Weight::Bold).width, 1.0);
    }
}
