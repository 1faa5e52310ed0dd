//! Which paths a route stands for.
//!
//! A pattern is compared with what a path means, not with how it is spelled: `%61` is `a`, and a slash at the
//! end makes no difference. Else a dear route could be reached at the price of a cheaper one beside it by
//! writing its path in another way. A path that an upstream may read differently from here matches nothing.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest pattern.
pub const PATTERN_CHARS_MAX: usize = 200;

/// A path pattern like `/weather/{city}` or `/v1/*`. Its segments are literal, or `{name}` for any one segment;
/// the last may be `*`, for all that follows, also for nothing.
#[derive(Clone)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

/// In the order in which they are preferred.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Any,
    Rest,
}

impl Segment {
    const fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Any => 1,
            Self::Rest => 2,
        }
    }
}

/// The text is not a path pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Too long, or nothing.
    #[error("must have 1 to {PATTERN_CHARS_MAX} characters")]
    Length,
    /// Relative.
    #[error("must begin with a slash")]
    NoSlash,
    /// `//`, `/./`, `/../`, or a slash at the end.
    #[error("must not have empty segments, \".\" or \"..\", nor end with a slash")]
    NotNormal,
    /// What cannot stand in a path as it is.
    #[error("has a character that cannot stand in a path: use letters, digits and -._~!$&'()+,;=:@")]
    Character,
    /// Braces or stars in the wrong place.
    #[error("a placeholder is a whole segment like {{city}}, and * stands alone at the end")]
    Placeholder,
}

fn is_literal(segment: &str) -> bool {
    segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@".contains(&b))
}

fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn segment(text: &str) -> Result<Segment, InvalidPattern> {
    if let Some(inner) = text.strip_prefix('{') {
        let name = inner.strip_suffix('}').filter(|name| is_name(name));
        return name.map(|_| Segment::Any).ok_or(InvalidPattern::Placeholder);
    }
    match text {
        "*" => Ok(Segment::Rest),
        "" => Err(InvalidPattern::NotNormal),
        _ if is_dots(text.as_bytes()) => Err(InvalidPattern::NotNormal),
        _ if text.contains(['{', '}', '*']) => Err(InvalidPattern::Placeholder),
        _ if is_literal(text) => Ok(Segment::Literal(text.to_owned())),
        _ => Err(InvalidPattern::Character),
    }
}

impl FromStr for PathPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        if !(1..=PATTERN_CHARS_MAX).contains(&text.len()) {
            return Err(InvalidPattern::Length);
        }
        let inner = text.strip_prefix('/').ok_or(InvalidPattern::NoSlash)?;
        let segments: Vec<Segment> = match inner {
            "" => Vec::new(),
            inner => inner.split('/').map(segment).collect::<Result<_, _>>()?,
        };
        let stars = segments.iter().filter(|segment| **segment == Segment::Rest).count();
        if stars > 1 || (stars == 1 && segments.last() != Some(&Segment::Rest)) {
            return Err(InvalidPattern::Placeholder);
        }
        Ok(Self { text: text.to_owned(), segments })
    }
}

impl PathPattern {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it ends in `*`.
    pub fn has_rest(&self) -> bool {
        self.segments.last() == Some(&Segment::Rest)
    }

    /// Whether both stand for the same paths: what placeholders are called makes no difference.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.segments == other.segments
    }

    /// What `*` stands for in this path, with the slash before it; empty without a `*`. `None` when the path is
    /// not one of this pattern.
    pub fn rest<'p>(&self, path: &RequestPath<'p>) -> Option<&'p str> {
        let mut given = path.segments.iter();
        let mut end = 0;
        for segment in &self.segments {
            match segment {
                Segment::Rest => return path.text.get(end..),
                Segment::Any => end = given.next()?.end,
                Segment::Literal(literal) => {
                    let next = given.next().filter(|next| *next.name == *literal.as_bytes())?;
                    end = next.end;
                }
            }
        }
        given.next().is_none().then_some("")
    }

    /// Of two patterns that match a path, the lesser one is more to the point: the first segment in which they
    /// differ decides, literal before placeholder before `*`.
    pub fn cmp_preference(&self, other: &Self) -> Ordering {
        self.segments.iter().map(Segment::rank).cmp(other.segments.iter().map(Segment::rank))
    }
}

/// Two are equal when they are written alike.
impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PathPattern {}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for PathPattern {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for PathPattern {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The path of a request, taken apart once for all patterns.
#[derive(Debug, Clone)]
pub struct RequestPath<'p> {
    text: &'p str,
    segments: Vec<Given<'p>>,
}

#[derive(Debug, Clone)]
struct Given<'p> {
    /// What it means: without escapes.
    name: Cow<'p, [u8]>,
    /// Where it ends in the text.
    end: usize,
}

impl<'p> RequestPath<'p> {
    /// Reads a path as it came, with its escapes and without its query. `None` for one that no route stands for:
    /// empty segments, `.` and `..` in any spelling, escaped slashes, backslashes and control characters, broken
    /// escapes.
    pub fn new(text: &'p str) -> Option<Self> {
        let inner = text.strip_prefix('/')?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let mut segments = Vec::new();
        let mut end = 0;
        if !inner.is_empty() {
            for written in inner.split('/') {
                end += 1 + written.len();
                segments.push(Given { name: meaning(written)?, end });
            }
        } else if text.len() > 1 {
            return None;
        }
        Some(Self { text, segments })
    }

    /// As it came.
    pub const fn as_str(&self) -> &'p str {
        self.text
    }
}

/// A segment without its escapes.
fn meaning(written: &str) -> Option<Cow<'_, [u8]>> {
    let name = unescaped(written.as_bytes())?;
    // Some servers cut off what follows a semicolon before they look at the name.
    let bare = name.split(|b| *b == b';').next().unwrap_or_default();
    let is_plain = !name.is_empty() && !is_dots(bare) && !name.iter().any(|b| matches!(b, b'/' | b'\\' | 0..32 | 127));
    is_plain.then_some(name)
}

fn is_dots(name: &[u8]) -> bool {
    matches!(name, b"." | b"..")
}

fn unescaped(written: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !written.contains(&b'%') {
        return Some(Cow::Borrowed(written));
    }
    let mut name = Vec::with_capacity(written.len());
    let mut rest = written;
    while let [first, after @ ..] = rest {
        rest = after;
        name.push(if *first == b'%' {
            let [high, low, after @ ..] = rest else { return None };
            rest = after;
            digit(*high)? * 16 + digit(*low)?
        } else {
            *first
        });
    }
    Some(Cow::Owned(name))
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rest<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
        pattern.parse::<PathPattern>().unwrap().rest(&RequestPath::new(path)?)
    }

    #[test]
    fn what_is_a_pattern() {
        for good in ["/", "/*", "/a", "/weather/{city}", "/v1/*", "/{a}/b/{a}/*", "/a.b/~c;d=1", "/v1/models:list"] {
            assert_eq!(good.parse::<PathPattern>().map(|pattern| pattern.to_string()), Ok(good.to_owned()));
        }
        use InvalidPattern::*;
        for (bad, why) in [
            ("", Length),
            ("a", NoSlash),
            ("*", NoSlash),
            ("//", NotNormal),
            ("/a/", NotNormal),
            ("/a//b", NotNormal),
            ("/..", NotNormal),
            ("/a/./b", NotNormal),
            ("/*/a", Placeholder),
            ("/*/*", Placeholder),
            ("/a*", Placeholder),
            ("/a{b}", Placeholder),
            ("/{}", Placeholder),
            ("/{a b}", Placeholder),
            ("/{a", Placeholder),
            ("/a b", Character),
            ("/a%2fb", Character),
            ("/ä", Character),
            ("/a?b", Character),
        ] {
            assert_eq!(bad.parse::<PathPattern>(), Err(why), "{bad}");
        }
        assert_eq!(format!("/{}", "a".repeat(PATTERN_CHARS_MAX)).parse::<PathPattern>(), Err(Length));
    }

    #[test]
    fn what_a_pattern_matches() {
        for (pattern, path, expected) in [
            ("/", "/", Some("")),
            ("/", "/a", None),
            ("/a", "/a", Some("")),
            ("/a", "/a/", Some("")),
            ("/a", "/A", None),
            ("/a", "/%61", Some("")),
            ("/a", "/a/b", None),
            ("/a/{x}", "/a", None),
            ("/a/{x}", "/a/b", Some("")),
            ("/a/{x}", "/a/b%20c", Some("")),
            ("/a/{x}", "/a/b/c", None),
            ("/v1/*", "/v1", Some("")),
            ("/v1/*", "/v1/", Some("/")),
            ("/v1/*", "/v1/chat/completions", Some("/chat/completions")),
            ("/v1/*", "/v1/a%20b/", Some("/a%20b/")),
            ("/v1/*", "/v2/a", None),
            ("/v1/*", "/v1a", None),
            ("/*", "/", Some("/")),
            ("/*", "/a/b", Some("/a/b")),
        ] {
            assert_eq!(rest(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_matches_nothing() {
        for path in [
            "",
            "a",
            "*",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/a/../b",
            "/a/%2e%2E/b",
            "/%2e",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/%",
            "/%4",
            "/%zz",
            "/%00",
            "/a/..;x/b",
            "/%7f",
            "/a%0d",
        ] {
            assert!(RequestPath::new(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_one_more_to_the_point_comes_first() {
        let pattern = |text: &str| text.parse::<PathPattern>().unwrap();
        for (first, second) in
            [("/a", "/a/*"), ("/a/b", "/a/{x}"), ("/a/{x}", "/a/*"), ("/a/{x}/c", "/{x}/b/c"), ("/a/b/*", "/a/*")]
        {
            assert_eq!(pattern(first).cmp_preference(&pattern(second)), Ordering::Less, "{first} {second}");
            assert!(!pattern(first).is_same_as(&pattern(second)));
        }
        assert!(pattern("/a/{x}/*").is_same_as(&pattern("/a/{y}/*")));
        assert_eq!(pattern("/a/{x}").cmp_preference(&pattern("/a/{y}")), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(pattern in "/[-a-z0-9{}*/.%]{0,20}", path in "[-a-zA-Z0-9%/.;\\\\ü ]{0,40}") {
            let Ok(pattern) = pattern.parse::<PathPattern>() else { return Ok(()) };
            prop_assert_eq!(pattern.as_str().parse::<PathPattern>(), Ok(pattern.clone()));
            let Some(path) = RequestPath::new(&path) else { return Ok(()) };
            if let Some(rest) = pattern.rest(&path) {
                prop_assert!(path.text.ends_with(rest));
                prop_assert!(pattern.has_rest() || rest.is_empty());
            }
        }

        #[test]
        fn what_stands_for_the_placeholders_matches(
            names in prop::collection::vec("[a-z0-9]{1,8}", 1..6),
            kinds in prop::collection::vec(0..3u8, 6),
        ) {
            // Each segment literal or a placeholder, and perhaps a star for the rest.
            let cut = kinds.iter().take(names.len()).position(|kind| *kind == 2).unwrap_or(names.len());
            let mut pattern: String = names.iter().zip(&kinds).take(cut)
                .map(|(name, kind)| if *kind == 0 { format!("/{name}") } else { "/{x}".to_owned() })
                .collect();
            if cut < names.len() {
                pattern.push_str("/*");
            }
            let path: String = names.iter().map(|name| format!("/{name}")).collect();
            let expected: String = names.iter().skip(cut).map(|name| format!("/{name}")).collect();
            prop_assert_eq!(rest(&pattern, &path), Some(expected.as_str()));
            // However it is written.
            let escaped: String = names.iter().map(|name| {
                name.bytes().fold("/".to_owned(), |text, b| format!("{text}%{b:02x}"))
            }).collect();
            prop_assert!(rest(&pattern, &escaped).is_some());
        }
    }
}
