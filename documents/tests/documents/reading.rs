//! Reads text out of a PDF again, as a viewer does when somebody copies it.

use std::collections::HashMap;

use hayro_syntax::Pdf;
use hayro_syntax::content::ops::TypedInstruction;
use hayro_syntax::object::{Dict, Object, Stream};

/// The text of every page, piece by piece in the order in which it was drawn.
pub fn pages(pdf: &[u8]) -> Vec<String> {
    let pdf = Pdf::new(pdf.to_vec()).unwrap();
    pdf.pages()
        .iter()
        .map(|page| {
            let mut text = String::new();
            let mut font = HashMap::new();
            let mut operations = page.typed_operations();
            while let Some(operation) = operations.next() {
                match operation {
                    TypedInstruction::TextFont(operation) => {
                        font = characters(&page.resources().get_font(operation.0).unwrap());
                    }
                    TypedInstruction::ShowText(operation) => show(&mut text, &font, operation.0.as_bytes()),
                    TypedInstruction::ShowTexts(operation) => {
                        for object in operation.0.iter::<Object<'_>>() {
                            if let Object::String(glyphs) = object {
                                show(&mut text, &font, glyphs.as_bytes());
                            }
                        }
                    }
                    TypedInstruction::EndText(_) => text.push('\n'),
                    _ => {}
                }
            }
            text
        })
        .collect()
}

/// The title and the day of a PDF.
pub fn about(pdf: &[u8]) -> (String, Option<(u16, u8, u8)>) {
    let pdf = Pdf::new(pdf.to_vec()).unwrap();
    let title = String::from_utf8(pdf.metadata().title.as_ref().unwrap().to_vec()).unwrap();
    (title, pdf.metadata().creation_date.map(|date| (date.year, date.month, date.day)))
}

fn show(text: &mut String, font: &HashMap<u16, String>, glyphs: &[u8]) {
    for glyph in glyphs.chunks(2) {
        text.push_str(font.get(&u16::from_be_bytes([glyph[0], glyph[1]])).map_or("\u{fffd}", String::as_str));
    }
}

/// What the glyphs of a font stand for: its ToUnicode map.
fn characters(font: &Dict<'_>) -> HashMap<u16, String> {
    let map: Stream<'_> = font.get("ToUnicode").unwrap();
    let map = String::from_utf8(map.decoded().unwrap().into_owned()).unwrap();
    let mut characters = HashMap::new();
    let mut inside = "";
    for line in map.lines() {
        let words: Vec<_> = line.split(['<', '>', ' ']).filter(|word| !word.is_empty()).collect();
        match words[..] {
            [.., "beginbfchar"] => inside = "char",
            [.., "beginbfrange"] => inside = "range",
            ["endbfchar" | "endbfrange"] => inside = "",
            [glyph, text] if inside == "char" => {
                characters.insert(u16::from_str_radix(glyph, 16).unwrap(), utf16(text, 0));
            }
            [first, last, text] if inside == "range" => {
                let (first, last) = (u16::from_str_radix(first, 16).unwrap(), u16::from_str_radix(last, 16).unwrap());
                characters.extend((first..=last).map(|glyph| (glyph, utf16(text, glyph - first))));
            }
            _ => {}
        }
    }
    characters
}

fn utf16(hex: &str, further: u16) -> String {
    let mut units: Vec<_> =
        (0..hex.len() / 4).map(|at| u16::from_str_radix(&hex[at * 4..at * 4 + 4], 16).unwrap()).collect();
    *units.last_mut().unwrap() += further;
    String::from_utf16(&units).unwrap()
}
