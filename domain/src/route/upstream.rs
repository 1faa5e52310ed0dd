//! Where a route leads to.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest URL of an upstream.
pub const UPSTREAM_CHARS_MAX: usize = 500;

/// The URL of an upstream: `http` or `https`, host, perhaps a port and a path. Scheme and host are in lower
/// case, and there is no slash at the end.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamUrl(String);

/// The text is not the URL of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUpstream {
    /// Too long, or nothing.
    #[error("must have 1 to {UPSTREAM_CHARS_MAX} characters")]
    Length,
    /// Another scheme, or none.
    #[error("must begin with http:// or https://")]
    Scheme,
    /// A name or password before the host: that would be a secret in the log.
    #[error("must not have a user's name or password in it: set a credential instead")]
    UserInfo,
    /// A query or a fragment.
    #[error("must not have a query or a fragment")]
    Query,
    /// No host, or not one.
    #[error("has no valid host and port")]
    Host,
    /// A path that could be read in two ways.
    #[error("has a path with empty segments, \".\", \"..\" or characters that must be escaped")]
    Path,
}

impl UpstreamUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL with more path behind it, which begins with a slash or is empty.
    pub fn with_path(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Scheme, host and port: who hears what is sent there.
    pub fn origin(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[after_scheme..].find('/').map_or(self.0.len(), |at| after_scheme + at);
        &self.0[..end]
    }
}

impl FromStr for UpstreamUrl {
    type Err = InvalidUpstream;

    fn from_str(text: &str) -> Result<Self, InvalidUpstream> {
        if !(1..=UPSTREAM_CHARS_MAX).contains(&text.len()) {
            return Err(InvalidUpstream::Length);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUpstream::Scheme)?;
        let scheme = ["http", "https"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known));
        let scheme = scheme.ok_or(InvalidUpstream::Scheme)?;
        if rest.contains(['?', '#']) {
            return Err(InvalidUpstream::Query);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(InvalidUpstream::UserInfo);
        }
        if !is_authority(authority) {
            return Err(InvalidUpstream::Host);
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        if !path.split('/').skip(1).all(is_segment) {
            return Err(InvalidUpstream::Path);
        }
        Ok(Self(format!("{scheme}://{}{path}", authority.to_ascii_lowercase())))
    }
}

fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(literal) => {
            let Some((address, after)) = literal.split_once(']') else { return false };
            if address.parse::<Ipv6Addr>().is_err() {
                return false;
            }
            match after {
                "" => return true,
                after => ("ipv6", after.strip_prefix(':')),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("80")),
        },
    };
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    (1..=253).contains(&host.len()) && host.split('.').all(is_label) && port.is_some_and(is_port)
}

/// Escapes stay as they are, but must be whole.
fn is_segment(segment: &str) -> bool {
    let mut escapes = segment.split('%');
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b));
    let first = escapes.next().unwrap_or_default();
    let lower = segment.to_ascii_lowercase().replace("%2e", ".");
    !segment.is_empty()
        && !matches!(lower.as_str(), "." | "..")
        && is_plain(first)
        && escapes.all(|text| is_plain(text) && text.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for UpstreamUrl {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UpstreamUrl {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_an_upstream() {
        for (text, shown) in [
            ("http://a", "http://a"),
            ("HTTPS://Api.Example.COM/", "https://api.example.com"),
            ("http://127.0.0.1:9000/v1", "http://127.0.0.1:9000/v1"),
            ("http://[::1]:9000", "http://[::1]:9000"),
            ("http://[::1]/a/", "http://[::1]/a"),
            ("https://a.b/c%20d/E", "https://a.b/c%20d/E"),
            ("http://my_service:8080", "http://my_service:8080"),
        ] {
            let url: UpstreamUrl = text.parse().unwrap();
            assert_eq!(url.as_str(), shown);
            assert_eq!(shown.parse(), Ok(url), "what is shown is read again");
        }
        assert_eq!("http://a/v1/".parse::<UpstreamUrl>().unwrap().with_path("/x"), "http://a/v1/x");
    }

    #[test]
    fn what_is_none() {
        use InvalidUpstream::*;
        for (text, why) in [
            ("", Length),
            ("a", Scheme),
            ("/a", Scheme),
            ("ftp://a", Scheme),
            ("file:///etc/passwd", Scheme),
            ("http:/a", Scheme),
            ("http://", Host),
            ("http:///a", Host),
            ("http://a:", Host),
            ("http://a:0", Host),
            ("http://a:+80", Host),
            ("http://a:65536", Host),
            ("http://a b", Host),
            ("http://ä", Host),
            ("http://a..b", Host),
            ("http://[::1", Host),
            ("http://[a]", Host),
            ("http://[::1]80", Host),
            ("http://user:secret@a", UserInfo),
            ("http://a?b", Query),
            ("http://a/b#c", Query),
            ("http://a//b", Path),
            ("http://a/../b", Path),
            ("http://a/%2e%2E", Path),
            ("http://a/b c", Path),
            ("http://a/%4", Path),
            ("http://a/b\\c", Path),
        ] {
            assert_eq!(text.parse::<UpstreamUrl>(), Err(why), "{text}");
        }
        assert_eq!(format!("http://{}", "a".repeat(500)).parse::<UpstreamUrl>(), Err(Length));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "(http://)?[-a-zA-Z0-9%/.:@?#\\[\\] ü]{0,40}") {
            if let Ok(url) = text.parse::<UpstreamUrl>() {
                prop_assert_eq!(url.as_str().parse::<UpstreamUrl>(), Ok(url.clone()));
                prop_assert!(!url.as_str().ends_with('/'));
            }
        }
    }
}
