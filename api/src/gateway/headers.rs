//! Which headers pass the gateway, either way.
//!
//! What belongs to one connection ends with it (RFC 9110, section 7.6.1): `Connection` and all that it names, and
//! the fields of the list below. What belongs to the gateway does not pass either: a client cannot tell an
//! upstream who pays, and an upstream cannot tell a client what it cost.

use std::net::IpAddr;

use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method};

use crate::auth::{GATEWAY_SECRET_PREFIX, SECRET_PREFIX};

/// What browsers may read of an answer.
const EXPOSED: &str = "payment-required, payment-response, x-payment-response, x-tollbook-cost, x-tollbook-currency, \
                       x-tollbook-remaining, x-tollbook-charge, x-tollbook-hold, x-request-id, ratelimit, \
                       ratelimit-policy, retry-after, idempotent-replayed";
/// The longest list of headers that a browser's question is answered for.
const ASKED_BYTES_MAX: usize = 1_024;

/// What an answer's headers say it cost.
pub(super) const COST: &str = "x-tollbook-cost";
/// In this currency.
pub(super) const CURRENCY: &str = "x-tollbook-currency";
/// What its payer has left.
pub(super) const REMAINING: &str = "x-tollbook-remaining";
/// The charge.
pub(super) const CHARGE: &str = "x-tollbook-charge";
/// The hold, where the cost is not known yet.
pub(super) const HOLD: &str = "x-tollbook-hold";
/// The payer, for the upstream.
pub(super) const CUSTOMER: &str = "x-tollbook-customer";
/// The request's id, both ways.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// Headers of the connection. Those that `Connection` names come on top.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(name, "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade")
        || name.starts_with("proxy-")
}

/// Headers between a client and the gateway.
fn is_ours(name: &str) -> bool {
    name.starts_with("x-tollbook-") || name.starts_with("payment-") || name.starts_with("x-payment")
}

/// What the upstream is told of where a request comes from.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    /// The client's side of the connection.
    pub(super) peer: Option<IpAddr>,
    /// Whether what earlier proxies said is believed.
    pub(super) is_behind_proxy: bool,
    /// `http` or `https`.
    pub(super) scheme: &'a str,
    /// The request's id.
    pub(super) request_id: &'a str,
    /// Who pays.
    pub(super) customer: Option<&'a str>,
}

/// The headers of a request as the upstream gets them, with its own credential. Of the client's `Authorization`
/// only what is no gateway key passes.
pub(super) fn to_upstream(
    headers: HeaderMap,
    origin: &Origin<'_>,
    credential: Option<(&HeaderName, &HeaderValue)>,
) -> HeaderMap {
    let named = named_by_connection(&headers);
    let forwarded = headers.get("x-forwarded-for").filter(|_| origin.is_behind_proxy).cloned();
    let mut passed = HeaderMap::with_capacity(headers.len() + 6);
    each(headers, |name, value| {
        let text = name.as_str();
        let is_left_out = is_hop_by_hop(text)
            || is_ours(text)
            || text.starts_with("x-forwarded-")
            || matches!(
                text,
                "host" | "content-length" | "expect" | "forwarded" | "x-real-ip" | "idempotency-key" | REQUEST_ID
            )
            || named.contains(name)
            || (*name == header::AUTHORIZATION && is_gateway_key(&value));
        if !is_left_out {
            passed.append(name, value);
        }
    });
    if let Some(peer) = origin.peer {
        let before = forwarded.as_ref().and_then(|value| value.to_str().ok()).map(|text| format!("{text}, "));
        put(&mut passed, "x-forwarded-for", &format!("{}{peer}", before.unwrap_or_default()));
    }
    put(&mut passed, "x-forwarded-proto", origin.scheme);
    put(&mut passed, REQUEST_ID, origin.request_id);
    if let Some(customer) = origin.customer {
        put(&mut passed, CUSTOMER, customer);
    }
    if let Some((name, value)) = credential {
        passed.insert(name, value.clone());
    }
    passed
}

/// The headers of an answer as the client gets them. How long its body is, whoever sends it says anew.
pub(super) fn to_client(headers: HeaderMap) -> HeaderMap {
    let named = named_by_connection(&headers);
    let mut passed = HeaderMap::with_capacity(headers.len() + 8);
    each(headers, |name, value| {
        let text = name.as_str();
        let is_left_out = is_hop_by_hop(text)
            || is_ours(text)
            || text.starts_with("access-control-")
            || matches!(text, "content-length" | "alt-svc" | REQUEST_ID)
            || named.contains(name);
        if !is_left_out {
            passed.append(name, value);
        }
    });
    passed
}

/// Each header with its name; repeated ones have theirs again.
fn each(headers: HeaderMap, mut take: impl FnMut(&HeaderName, HeaderValue)) {
    let mut last = None;
    for (name, value) in headers {
        last = name.or(last);
        if let Some(name) = &last {
            take(name, value);
        }
    }
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lists = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

fn is_gateway_key(value: &HeaderValue) -> bool {
    bearer(value).is_some_and(|secret| secret.starts_with(GATEWAY_SECRET_PREFIX) || secret.starts_with(SECRET_PREFIX))
}

/// The secret of `Authorization: Bearer …`.
pub(super) fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, secret) = value.to_str().ok()?.split_once([' ', '\t'])?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// Sets a header to a text; one that cannot be a header's value is left out.
pub(super) fn put(headers: &mut HeaderMap, name: &'static str, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// Lets pages of any origin read an answer: who pays is in the request itself, never in a cookie.
pub(super) fn let_any_origin_read(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

/// The answer to a browser that asks before it sends a request from another origin; `None` when it does not ask.
pub(super) fn preflight(method: &Method, headers: &HeaderMap) -> Option<HeaderMap> {
    if *method != Method::OPTIONS || !headers.contains_key(header::ORIGIN) {
        return None;
    }
    let asked_method = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    let mut answer = HeaderMap::new();
    let_any_origin_read(&mut answer);
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, asked_method.clone());
    if let Some(asked) =
        headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).filter(|asked| asked.len() <= ASKED_BYTES_MAX)
    {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn origin() -> Origin<'static> {
        let peer = Some("192.0.2.7".parse().unwrap());
        Origin { peer, is_behind_proxy: false, scheme: "http", request_id: "req_1", customer: Some("cus_1") }
    }

    #[test]
    fn what_belongs_to_a_connection_ends_with_it() {
        let sent = map(&[
            ("connection", "close, X-Secret-Hop"),
            ("connection", "keep-alive"),
            ("x-secret-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x-sum"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("proxy-authorization", "Basic x"),
            ("proxy-connection", "close"),
            ("accept", "text/html"),
            ("accept", "text/plain"),
            ("cookie", "a=b"),
        ]);
        let passed = to_upstream(sent.clone(), &origin(), None);
        let mut names: Vec<_> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let expected =
            ["accept", "cookie", "x-forwarded-for", "x-forwarded-proto", "x-request-id", "x-tollbook-customer"];
        assert_eq!(names, expected);
        assert_eq!(passed.get_all("accept").iter().count(), 2);
        assert_eq!(to_client(sent).keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept", "cookie"]);
    }

    #[test]
    fn nobody_speaks_for_the_gateway() {
        let sent = map(&[
            ("x-tollbook-customer", "cus_other"),
            ("x-forwarded-for", "203.0.113.1"),
            ("forwarded", "for=203.0.113.1"),
            ("x-real-ip", "203.0.113.1"),
            ("host", "gateway"),
            ("idempotency-key", "k"),
            ("payment-signature", "e30="),
            ("x-payment", "e30="),
            ("authorization", "Bearer tbk_secret"),
        ]);
        let passed = to_upstream(sent.clone(), &origin(), None);
        assert_eq!(passed["x-forwarded-for"], "192.0.2.7");
        assert_eq!(passed["x-tollbook-customer"], "cus_1");
        assert_eq!(passed.len(), 4, "{passed:?}");
        let behind = Origin { is_behind_proxy: true, ..origin() };
        assert_eq!(to_upstream(sent, &behind, None)["x-forwarded-for"], "203.0.113.1, 192.0.2.7");
        let answer = map(&[
            ("x-tollbook-cost", "0"),
            ("payment-response", "e30="),
            ("access-control-allow-origin", "https://a"),
            ("content-length", "7"),
            ("alt-svc", "h3=\":443\""),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
        ]);
        let passed = to_client(answer);
        assert_eq!((passed.len(), passed.get_all("set-cookie").iter().count()), (2, 2));
    }

    #[test]
    fn the_upstreams_credential_replaces_the_clients() {
        let (name, value) = (header::AUTHORIZATION, HeaderValue::from_static("Bearer upstream"));
        for sent in ["Bearer tbk_secret", "bearer tb_secret", "Basic abc"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(sent));
            let passed = to_upstream(headers.clone(), &origin(), Some((&name, &value)));
            assert_eq!(passed.get_all(header::AUTHORIZATION).iter().collect::<Vec<_>>(), [&value]);
            let kept = to_upstream(headers, &origin(), None).contains_key(header::AUTHORIZATION);
            assert_eq!(kept, sent.starts_with("Basic"), "{sent}");
        }
    }

    #[test]
    fn browsers_may_ask_first() {
        let asked = map(&[
            ("origin", "https://a.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,payment-signature"),
        ]);
        let answer = preflight(&Method::OPTIONS, &asked).unwrap();
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_HEADERS], "authorization,payment-signature");
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(preflight(&Method::GET, &asked).is_none());
        assert!(preflight(&Method::OPTIONS, &HeaderMap::new()).is_none());
    }
}
