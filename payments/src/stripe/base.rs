//! Where Stripe's API may be: money and secrets go there, so it is reached encrypted, or is on this machine.

use std::net::IpAddr;

use reqwest::Url;

use crate::hosts::is_public;
use crate::{CallError, Hosts};

/// Stripe's own.
const DEFAULT: &str = "https://api.stripe.com";

/// A base that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    /// Without a slash at its end.
    pub(super) url: String,
    /// Whether it is on this machine.
    pub(super) is_loopback: bool,
    /// Where its name may lead.
    pub(super) hosts: Hosts,
}

impl Base {
    /// This one, if it is one of these hosts; Stripe's own when `None`.
    pub(super) fn new(api_base: Option<&str>, hosts: Hosts) -> Result<Self, CallError> {
        let wrong = |why: &str| Err(CallError::Misconfigured(format!("the API base {why}")));
        let Ok(url) = Url::parse(api_base.unwrap_or(DEFAULT)) else {
            return wrong("is not a URL");
        };
        let Some(host) = url.host_str() else {
            return wrong("has no host");
        };
        let is_loopback = is_loopback(host);
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => return wrong("must be https, for its host is not this machine"),
            _ => return wrong("must be https"),
        }
        if hosts == Hosts::Public && is_private(host) {
            return wrong(
                "is on this machine or in a private network, which this installation does not allow \
                 (TOLLBOOK_CONNECTORS_PRIVATE)",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("must not have a user or a password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return wrong("must not have a query or a fragment");
        }
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), is_loopback, hosts })
    }
}

/// The address that a host is, when it is no name.
fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || address(host).is_some_and(|address| address.is_loopback())
}

/// Where other names lead shows when they are called.
fn is_private(host: &str) -> bool {
    let name = host.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost") || address(host).is_some_and(|address| !is_public(address))
}

/// Whether this may be the base of a connector with Stripe.
pub fn check(api_base: &str, hosts: Hosts) -> Result<(), CallError> {
    Base::new(Some(api_base), hosts).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_encrypted_or_here() {
        for (base, url, is_loopback) in [
            (None, "https://api.stripe.com", false),
            (Some("https://api.stripe.com/"), "https://api.stripe.com", false),
            (Some("https://proxy.example.com:8443/stripe"), "https://proxy.example.com:8443/stripe", false),
            (Some("http://127.0.0.1:12111"), "http://127.0.0.1:12111", true),
            (Some("http://127.1.2.3"), "http://127.1.2.3", true),
            (Some("http://localhost:12111/"), "http://localhost:12111", true),
            (Some("http://[::1]:12111"), "http://[::1]:12111", true),
        ] {
            let hosts = Hosts::Any;
            assert_eq!(Base::new(base, hosts), Ok(Base { url: url.to_owned(), is_loopback, hosts }), "{base:?}");
        }
    }

    #[test]
    fn private_ones_are_for_operators_who_allow_them() {
        for base in [
            "http://127.0.0.1:12111",
            "http://localhost",
            "https://localhost.",
            "https://stripe.localhost",
            "https://[::1]",
            "https://10.0.0.5",
            "https://192.168.1.1:8443/stripe",
            "https://169.254.169.254",
            "https://[fd00::1]",
            "https://[::ffff:10.0.0.5]",
            // The same as 127.0.0.1.
            "https://2130706433",
            "https://0x7f.1",
        ] {
            let error = check(base, Hosts::Public).unwrap_err();
            let said = "TOLLBOOK_CONNECTORS_PRIVATE";
            assert!(matches!(&error, CallError::Misconfigured(why) if why.contains(said)), "{base}: {error}");
            assert_eq!(check(base, Hosts::Any), Ok(()), "{base}");
        }
        for base in ["https://api.stripe.com", "https://proxy.example.com:8443/stripe", "https://1.1.1.1"] {
            assert_eq!(check(base, Hosts::Public), Ok(()), "{base}");
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        for (base, why) in [
            ("", "not a URL"),
            ("api.stripe.com", "not a URL"),
            ("http://api.stripe.com", "must be https"),
            ("http://127.0.0.1.example.com", "must be https"),
            ("http://0.0.0.0:80", "must be https"),
            ("http://localhost.example.com", "must be https"),
            ("ftp://api.stripe.com", "must be https"),
            ("https://user@api.stripe.com", "user"),
            ("https://api.stripe.com/?a=b", "query"),
            ("https://api.stripe.com/#a", "fragment"),
        ] {
            let error = check(base, Hosts::Any).unwrap_err();
            assert!(matches!(&error, CallError::Misconfigured(said) if said.contains(why)), "{base}: {error}");
        }
    }
}
