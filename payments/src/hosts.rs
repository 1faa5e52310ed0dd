//! Which hosts connectors may call. Whoever has an API key says where a provider's API is: without this rule it could
//! be anything that the machine reaches, for example another service beside it.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which hosts a connector may call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hosts {
    /// Those with public addresses.
    #[default]
    Public,
    /// Also this machine, and those of private networks.
    Any,
}

impl Hosts {
    /// `Any` when the operator allows it.
    pub const fn allowed(private: bool) -> Self {
        if private { Self::Any } else { Self::Public }
    }
}

/// Whether an address is one of the internet, not of this machine or a network behind it.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    // "This" network, what carriers share, for protocols, for measuring, nobody's.
    let is_special = matches!((a, b, c), (0 | 240.., _, _) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _));
    !is_special
        && !address.is_loopback()
        && !address.is_private()
        && !address.is_link_local()
        && !address.is_multicast()
        && !address.is_documentation()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = inner_v4(address) {
        return is_public_v4(inner);
    }
    // What is not in 2000::/3 is of this machine, of the network, or nobody's.
    let [first, second, ..] = address.segments();
    first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
}

/// The address of the older kind that stands in one of the newer.
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(mapped);
    }
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // NAT64, and 6to4.
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

/// A name that leads to no address that may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotPublic(String);

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} leads to no public address, and connectors may call no others here", self.0)
    }
}

impl Error for NotPublic {}

/// Finds the addresses of names, and keeps those that are public. So it does not matter what a name led to when the
/// connector was made.
pub(crate) struct PublicOnly {
    /// Names of proxies, which the operator has set.
    proxies: Vec<String>,
}

impl PublicOnly {
    /// With the proxies of the environment.
    pub(crate) fn new() -> Self {
        let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];
        let set = names.into_iter().filter_map(|name| std::env::var(name).ok());
        Self { proxies: set.filter_map(|proxy| host_of(&proxy)).collect() }
    }
}

/// The name in the address of a proxy, which may have no scheme.
fn host_of(proxy: &str) -> Option<String> {
    let whole = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    reqwest::Url::parse(&whole).ok()?.host_str().map(str::to_owned)
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let is_proxy = self.proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(&name));
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let kept: Vec<SocketAddr> = found.filter(|address| is_proxy || is_public(address.ip())).collect();
            if kept.is_empty() {
                return Err(NotPublic(name).into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_the_internet_or_not() {
        for public in [
            "54.187.174.169",
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "2002:101:101::",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for not in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.5",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2002:7f00:1::",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(not.parse().unwrap()), "{not}");
        }
    }

    #[tokio::test]
    async fn a_name_leads_to_public_addresses_or_nowhere() {
        let names = PublicOnly { proxies: Vec::new() };
        let refused = names.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(refused.is::<NotPublic>(), "{refused}");
        // A proxy is the operator's.
        let names = PublicOnly { proxies: vec!["localhost".to_owned()] };
        assert!(names.resolve("localhost".parse().unwrap()).await.is_ok());
        for (proxy, host) in [("http://proxy.example:3128", "proxy.example"), ("proxy.example:3128", "proxy.example")] {
            assert_eq!(host_of(proxy).as_deref(), Some(host));
        }
    }
}
