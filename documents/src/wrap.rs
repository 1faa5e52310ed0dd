//! Breaking a text into lines, where Unicode's rules (UAX 14) allow it: also between hanzi, but not before a full stop.

use unicode_linebreak::linebreaks;

use crate::font::{Fonts, Text, Weight};

/// How a text looks.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    /// How heavy it is.
    pub(crate) weight: Weight,
    /// Its size in points.
    pub(crate) size: f32,
}

impl Style {
    /// Regular, of this size.
    pub(crate) const fn regular(size: f32) -> Self {
        Self { weight: Weight::Regular, size }
    }

    /// Bold, of this size.
    pub(crate) const fn bold(size: f32) -> Self {
        Self { weight: Weight::Bold, size }
    }
}

/// The lines of a text that is at most `width` points wide. What has no place to break is cut.
pub(crate) fn wrap(fonts: &'static Fonts, text: &str, style: Style, width: f32) -> Vec<Text> {
    let mut lines = Vec::new();
    for paragraph in text.trim_end().split('\n') {
        let whole = fonts.text(paragraph, style.weight);
        if whole.width * style.size <= width {
            lines.push(whole);
        } else {
            let parts = parts(&whole, width / style.size);
            lines.extend(parts.into_iter().map(|part| fonts.text(part, style.weight)));
        }
    }
    lines
}

/// The first `most` lines of a text. If there are more, the last one ends with an ellipsis.
pub(crate) fn wrap_at_most(fonts: &'static Fonts, text: &str, style: Style, width: f32, most: usize) -> Vec<Text> {
    let mut lines = wrap(fonts, text, style, width);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            let room = width / style.size - fonts.text("…", style.weight).width;
            let end = last.cuts().into_iter().take_while(|(_, x)| *x <= room).last().map_or(0, |(at, _)| at);
            *last = fonts.text(&format!("{}…", last.text[..end].trim_end()), style.weight);
        }
    }
    lines
}

/// The parts of a text that is too wide, each at most `width` ems wide.
fn parts(whole: &Text, width: f32) -> Vec<&str> {
    let text = whole.text.as_str();
    let cuts = whole.cuts();
    let x = |at: usize| cuts[cuts.partition_point(|(cut, _)| *cut < at).min(cuts.len() - 1)].1;
    let fits = |start: usize, end: usize| {
        let end = start + text[start..end].trim_end().len();
        x(end) - x(start) <= width
    };

    let mut parts = Vec::new();
    let (mut start, mut allowed) = (0, 0);
    for (at, _) in linebreaks(text) {
        while !fits(start, at) {
            let end = if allowed > start {
                allowed
            } else {
                // Not even this piece fits: as much of it as there is room for, and at least something.
                let within = cuts.iter().filter(|(cut, _)| (start + 1..=at).contains(cut));
                let fitting = within.clone().take_while(|(_, right)| *right - x(start) <= width).last();
                fitting.or_else(|| within.clone().next()).map_or(at, |(cut, _)| *cut)
            };
            parts.push(text[start..end].trim_end());
            start = end;
            if start >= at {
                break;
            }
        }
        allowed = at;
    }
    if start < text.len() {
        parts.push(text[start..].trim_end());
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STYLE: Style = Style::regular(9.0);

    fn lines(text: &str, width: f32) -> Vec<String> {
        let lines = wrap(Fonts::get().unwrap(), text, STYLE, width);
        for line in &lines {
            assert!(line.width * STYLE.size <= width + 0.5 || line.text.chars().count() == 1, "{}", line.text);
        }
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn words_go_to_the_next_line() {
        assert_eq!(
            lines("Tokens of the large model, per million", 100.0),
            ["Tokens of the large", "model, per million"]
        );
        assert_eq!(lines("one\ntwo\n", 100.0), ["one", "two"]);
        assert_eq!(lines("", 100.0), [""]);
    }

    #[test]
    fn hanzi_break_anywhere_but_before_a_full_stop() {
        assert_eq!(lines("大语言模型的调用费用。", 82.0), ["大语言模型的调用费", "用。"]);
        assert_eq!(lines("大语言模型的调用费。用", 82.0), ["大语言模型的调用", "费。用"]);
    }

    #[test]
    fn what_has_no_place_to_break_is_cut() {
        let word = "x".repeat(200);
        let cut = lines(&word, 100.0);
        assert!(cut.len() > 5);
        assert_eq!(cut.concat(), word);
        assert_eq!(lines(&format!("a {word}"), 100.0).concat(), format!("a{word}"));
        assert_eq!(lines("龘龘龘", 0.1).concat(), "龘龘龘");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_the_text(text in "(\\PC|[ a-z你好，。“”—])*", width in 1.0f32..300.0) {
            let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let fonts = Fonts::get().unwrap();
            let whole = fonts.text(&text, STYLE.weight);
            let lines = wrap(fonts, &text, STYLE, width);
            let joined: String = lines.iter().map(|line| line.text.as_str()).collect();
            prop_assert_eq!(bare(&joined), bare(&whole.text));
        }
    }

    #[test]
    fn too_many_lines_end_with_an_ellipsis() {
        let lines = wrap_at_most(Fonts::get().unwrap(), &"word ".repeat(100), STYLE, 100.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].text.ends_with('…'));
        assert!(lines[1].width * STYLE.size <= 100.0);
    }
}
