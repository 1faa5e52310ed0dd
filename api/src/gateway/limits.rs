//! How often who may ask: rates by GCRA, kept in this process.
//!
//! A limiter stands for one rate of one route (or of the keys of one organization) and has a cell for each of
//! those it counts. Both are bounded: cells that are full again are forgotten now and then, and where too many
//! are left nobody has one of their own any more.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::HeaderMap;
use domain::evm::Address;
use domain::route::Rate;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde_json::json;
use uuid::Uuid;

use super::headers::put;
use super::problems::{Outcome, Refused};
use crate::problem::Problem;

/// Limiters that are kept.
const LIMITERS_MAX: usize = 10_000;
/// Cells of one limiter.
const CELLS_MAX: usize = 100_000;
/// After so many requests a limiter forgets what it need not know.
const FORGET_EVERY: u32 = 10_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// Requests of one address in the network, on a route.
    Ip,
    /// Requests of one payer, on a route.
    Payer,
    /// All requests of a route.
    Route,
    /// Requests with one gateway key, on all routes.
    Key,
}

impl What {
    /// As headers name it.
    const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Payer => "payer",
            Self::Route => "route",
            Self::Key => "key",
        }
    }
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// All, or all who come when there are too many.
    Everybody,
    /// An address; of version 6 the network that a site has.
    Ip(IpAddr),
    /// A customer, a session key, a gateway key.
    Id(Uuid),
    /// Whoever signs a transfer.
    Address(Address),
}

impl Who {
    /// The client's side of a connection.
    pub(super) fn of_ip(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::Ip(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
            address @ IpAddr::V4(_) => Self::Ip(address),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name {
    /// A route, or an organization.
    of: Uuid,
    what: What,
    rate: (u32, u32, u32),
}

struct Limiter {
    cells: DefaultKeyedRateLimiter<Who, StateInformationMiddleware>,
    /// How long one request takes to be given back.
    interval: Duration,
    asked: AtomicU32,
    is_full: AtomicBool,
}

impl Limiter {
    fn new(rate: Rate) -> Self {
        let requests = NonZeroU32::new(rate.requests).unwrap_or(NonZeroU32::MIN);
        let at_once = NonZeroU32::new(rate.at_once()).unwrap_or(NonZeroU32::MIN);
        let interval = Duration::from_secs(u64::from(rate.per_secs.max(1))) / requests.get();
        let quota = Quota::with_period(interval).unwrap_or(Quota::per_second(requests)).allow_burst(at_once);
        Self {
            cells: RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>(),
            interval,
            asked: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
        }
    }

    /// What is left after this request, or how long to wait.
    fn ask(&self, who: Who) -> Result<u32, Duration> {
        if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_EVERY) {
            self.cells.retain_recent();
            self.is_full.store(self.cells.len() >= CELLS_MAX, Ordering::Relaxed);
        }
        let who = if self.is_full.load(Ordering::Relaxed) { Who::Everybody } else { who };
        match self.cells.check_key(&who) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(not_until) => Err(not_until.wait_time_from(DefaultClock::default().now())),
        }
    }
}

/// Where a request stands with one rate.
#[derive(Debug, Clone, Copy)]
struct Standing {
    what: What,
    rate: Rate,
    remaining: u32,
    /// Until everything is given back, in seconds.
    full_in_secs: u64,
}

/// Where a request stands with all of them: what its answer says of limits.
#[derive(Debug, Clone, Default)]
pub(super) struct Standings(Vec<Standing>);

impl Standings {
    /// As `RateLimit-Policy` and `RateLimit`
    /// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>).
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        let join = |texts: Vec<String>| texts.join(", ");
        let policies = self.0.iter().map(|one| {
            let Rate { requests, per_secs, .. } = one.rate;
            format!("\"{}\";q={requests};w={per_secs}", one.what.name())
        });
        put(headers, "ratelimit-policy", &join(policies.collect()));
        let standings = self.0.iter().map(|one| {
            let Standing { what, remaining, full_in_secs, .. } = one;
            format!("\"{}\";r={remaining};t={full_in_secs}", what.name())
        });
        put(headers, "ratelimit", &join(standings.collect()));
    }
}

/// All limiters of this process.
#[derive(Default)]
pub(super) struct Limits {
    kept: RwLock<HashMap<Name, Arc<Limiter>>>,
}

impl Limits {
    /// Counts a request, where there is a rate: 429 when it is one too many.
    pub(super) fn count(
        &self,
        standings: &mut Standings,
        (of, what, rate): (Uuid, What, Option<Rate>),
        who: Who,
    ) -> Outcome<()> {
        let Some(rate) = rate else { return Ok(()) };
        let limiter = self.limiter(of, what, rate);
        let asked = limiter.ask(who);
        let remaining = asked.unwrap_or(0);
        let used = u64::from(rate.at_once().saturating_sub(remaining));
        let nanos = limiter.interval.as_nanos().saturating_mul(u128::from(used));
        let full_in_secs = u64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
        standings.0.push(Standing { what, rate, remaining, full_in_secs });
        asked.map(|_| ()).map_err(|wait| limited(standings, what, rate, wait))
    }

    fn limiter(&self, of: Uuid, what: What, rate: Rate) -> Arc<Limiter> {
        let name = Name { of, what, rate: (rate.requests, rate.per_secs, rate.at_once()) };
        if let Some(limiter) = self.kept.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return limiter.clone();
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= LIMITERS_MAX {
            kept.retain(|_, limiter| {
                limiter.cells.retain_recent();
                !limiter.cells.is_empty()
            });
            if kept.len() >= LIMITERS_MAX {
                kept.clear();
            }
        }
        kept.entry(name).or_insert_with(|| Arc::new(Limiter::new(rate))).clone()
    }
}

fn limited(standings: &Standings, what: What, rate: Rate, wait: Duration) -> Box<Refused> {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let Rate { requests, per_secs, .. } = rate;
    let detail = format!("the limit of {requests} requests in {per_secs} s of this {} is used up", what.name());
    let problem = Problem { retry_after: Some(seconds.max(1)), ..Problem::new(429, "rate_limited", detail) };
    let mut refused: Box<Refused> = problem.with("limited_by", json!(what.name())).into();
    standings.write(&mut refused.headers);
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(requests: u32, burst: Option<u32>) -> Option<Rate> {
        Some(Rate { requests, per_secs: 3_600, burst })
    }

    fn who(n: u128) -> Who {
        Who::Id(Uuid::from_u128(n))
    }

    #[test]
    fn each_has_its_own_rate() {
        let (limits, of) = (Limits::default(), Uuid::from_u128(1));
        let ask = |what, rate, who| {
            let mut standings = Standings::default();
            limits.count(&mut standings, (of, what, rate), who).map(|()| standings)
        };
        for _ in 0..2 {
            assert!(ask(What::Payer, rate(2, None), who(1)).is_ok());
        }
        let refused = ask(What::Payer, rate(2, None), who(1)).err().unwrap();
        assert_eq!((refused.problem.status, refused.problem.code), (429, "rate_limited"));
        assert!(refused.problem.retry_after.is_some_and(|seconds| (1..=1_800).contains(&seconds)));
        assert_eq!(refused.headers["ratelimit-policy"], "\"payer\";q=2;w=3600");
        assert_eq!(refused.headers["ratelimit"], "\"payer\";r=0;t=3600");
        assert!(ask(What::Payer, rate(2, None), who(2)).is_ok(), "another payer");
        assert!(ask(What::Ip, rate(2, None), who(1)).is_ok(), "another kind");
        assert!(ask(What::Payer, None, who(1)).is_ok(), "no limit");
        assert!(ask(What::Payer, rate(3, None), who(1)).is_ok(), "a rate that was changed begins anew");
    }

    #[test]
    fn headers_say_what_is_left() {
        let (limits, of) = (Limits::default(), Uuid::from_u128(1));
        let mut standings = Standings::default();
        limits.count(&mut standings, (of, What::Ip, rate(10, Some(5))), who(1)).unwrap();
        limits.count(&mut standings, (of, What::Route, rate(100, None)), Who::Everybody).unwrap();
        let mut headers = HeaderMap::new();
        standings.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"ip\";q=10;w=3600, \"route\";q=100;w=3600");
        assert_eq!(headers["ratelimit"], "\"ip\";r=4;t=360, \"route\";r=99;t=36");
    }

    #[test]
    fn a_site_of_version_6_is_one() {
        let ip = |text: &str| Who::of_ip(text.parse().unwrap());
        assert_eq!(ip("2001:db8:1:2::1"), ip("2001:db8:1:2:ffff::9"));
        assert_ne!(ip("2001:db8:1:2::1"), ip("2001:db8:1:3::1"));
        assert_eq!(ip("::ffff:192.0.2.1"), ip("192.0.2.1"));
        assert_ne!(ip("192.0.2.1"), ip("192.0.2.2"));
    }
}
