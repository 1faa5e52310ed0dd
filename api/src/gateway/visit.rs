//! A request as it came, and what is said of it to upstreams, in offers and in digests.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::{ConnectInfo, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use domain::ids::OrganizationId;
use sha2::{Digest, Sha256};

use super::headers::Origin;
use super::resolve::split;
use super::settings::{GatewaySettings, HEADER_BYTES_MAX};
use crate::extract::check_key;
use crate::problem::Problem;

/// A request, without its body.
#[derive(Debug)]
pub(super) struct Visit {
    /// When it came.
    pub(super) started: Instant,
    /// Names it.
    pub(super) request_id: String,
    /// How.
    pub(super) method: Method,
    /// The path as it came, without the prefix under which the gateway is nested.
    pub(super) path: String,
    /// What stands behind it, without the question mark.
    pub(super) query: Option<String>,
    /// The URL that was asked for.
    pub(super) url: String,
    /// With these.
    pub(super) headers: HeaderMap,
    /// The other side of the connection.
    pub(super) peer: Option<IpAddr>,
    /// Whose request it is: that, or who a proxy of ours says.
    pub(super) client: Option<IpAddr>,
    is_behind_proxy: bool,
    scheme: &'static str,
}

impl Visit {
    /// Takes a request apart.
    pub(super) fn new(parts: Parts, settings: &GatewaySettings, request_id: String, started: Instant) -> Self {
        let Parts { method, uri, headers, extensions, .. } = parts;
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let is_behind_proxy = settings.proxies > 0;
        let client = forwarded(&headers, settings.proxies).or(peer);
        let is_https = is_behind_proxy && headers.get("x-forwarded-proto").is_some_and(|value| value == "https");
        let scheme = if is_https { "https" } else { "http" };
        let original = extensions.get::<OriginalUri>().map_or(&uri, |original| &original.0);
        let path_and_query = original.path_and_query().map_or("/", |path| path.as_str());
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let host = host.or_else(|| original.authority().map(|authority| authority.as_str())).unwrap_or("localhost");
        let url = match &settings.public_url {
            Some(public) => format!("{public}{}", uri.path_and_query().map_or("/", |path| path.as_str())),
            None => format!("{scheme}://{host}{path_and_query}"),
        };
        let (path, query) = (uri.path().to_owned(), uri.query().map(str::to_owned));
        Self { started, request_id, method, path, query, url, headers, peer, client, is_behind_proxy, scheme }
    }

    /// The organization that the path names, and the path of its route.
    pub(super) fn named(&self) -> (Option<OrganizationId>, &str) {
        split(&self.path)
    }

    /// Refuses headers that are too large together.
    pub(super) fn check_headers(&self) -> Result<(), Problem> {
        let bytes: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if bytes > HEADER_BYTES_MAX {
            let detail = format!("the headers have more than {} KiB", HEADER_BYTES_MAX >> 10);
            return Err(Problem::new(431, "headers_too_large", detail));
        }
        Ok(())
    }

    /// The key with which it may be sent again.
    pub(super) fn idempotency_key(&self) -> Result<Option<String>, Problem> {
        let mut values = self.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(None) };
        let text = value.to_str().ok().filter(|_| values.next().is_none());
        // What is no text is refused as what no key can be.
        check_key(text.unwrap_or_default()).map(Some)
    }

    /// What it is told to be from.
    pub(super) fn origin<'a>(&'a self, customer: Option<&'a str>) -> Origin<'a> {
        Origin {
            peer: self.peer,
            is_behind_proxy: self.is_behind_proxy,
            scheme: self.scheme,
            request_id: &self.request_id,
            customer,
        }
    }

    /// Says which request it is: another method, path, query or body is another request.
    pub(super) fn digest(&self, body: &[u8]) -> [u8; 32] {
        self.digest_with(body, None)
    }

    /// The same with a key that makes it another request.
    pub(super) fn digest_with(&self, body: &[u8], key: Option<&str>) -> [u8; 32] {
        let mut digest = Sha256::new();
        let query = self.query.as_deref().unwrap_or_default();
        let parts = [self.method.as_str().as_bytes(), self.path.as_bytes(), query.as_bytes(), body];
        for part in parts.into_iter().chain(key.map(str::as_bytes)) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

/// Whom the outermost of so many proxies of ours saw; `None` when they do not say.
fn forwarded(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let skipped = proxies.checked_sub(1)?;
    let lists = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let entries: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
    entries.iter().rev().nth(skipped)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn visit(settings: &GatewaySettings, uri: &str, headers: &[(&str, &str)]) -> Visit {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 80))));
        Visit::new(parts, settings, "req_1".to_owned(), Instant::now())
    }

    #[test]
    fn only_ones_own_proxies_are_believed() {
        let sent = [("x-forwarded-for", "203.0.113.1, 203.0.113.2"), ("x-forwarded-proto", "https"), ("host", "a")];
        let client = |proxies| {
            let visit = visit(&GatewaySettings { proxies, ..GatewaySettings::default() }, "/x?y=1", &sent);
            (visit.client.map(|ip| ip.to_string()).unwrap_or_default(), visit.url)
        };
        assert_eq!(client(0), ("192.0.2.1".to_owned(), "http://a/x?y=1".to_owned()));
        assert_eq!(client(1), ("203.0.113.2".to_owned(), "https://a/x?y=1".to_owned()));
        assert_eq!(client(2).0, "203.0.113.1");
        assert_eq!(client(3).0, "192.0.2.1", "it says less than it should");
        let settings =
            GatewaySettings { public_url: Some("https://pay.example".to_owned()), ..GatewaySettings::default() };
        assert_eq!(visit(&settings, "/x?y=1", &sent).url, "https://pay.example/x?y=1");
    }

    #[test]
    fn another_request_has_another_digest() {
        let settings = GatewaySettings::default();
        let digest = |uri: &str, body: &[u8]| visit(&settings, uri, &[]).digest(body);
        assert_eq!(digest("/a?b=1", b"x"), digest("/a?b=1", b"x"));
        for (uri, body) in [("/a?b=2", &b"x"[..]), ("/a", b"x"), ("/ab=1", b"x"), ("/a?b=1", b"y"), ("/a?b=1", b"")] {
            assert_ne!(digest("/a?b=1", b"x"), digest(uri, body), "{uri}");
        }
    }

    #[test]
    fn a_key_is_one_and_visible() {
        let settings = GatewaySettings::default();
        let key = |headers: &[(&str, &str)]| visit(&settings, "/", headers).idempotency_key().map_err(|p| p.code);
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[("idempotency-key", "k")]), Ok(Some("k".to_owned())));
        for wrong in [&[("idempotency-key", "")][..], &[("idempotency-key", "a"), ("idempotency-key", "b")]] {
            assert_eq!(key(wrong), Err("invalid_idempotency_key"));
        }
    }

    #[test]
    fn headers_have_a_limit() {
        let long = "x".repeat(HEADER_BYTES_MAX);
        let settings = GatewaySettings::default();
        let told = visit(&settings, "/", &[("a", &long)]).check_headers().err();
        assert_eq!(told.map(|problem| (problem.status, problem.code)), Some((431, "headers_too_large")));
        assert!(visit(&settings, "/", &[("a", "b")]).check_headers().is_ok());
    }
}
