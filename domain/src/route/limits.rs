//! How much of everything a route lets through.

use serde::{Deserialize, Serialize};

use super::RouteError;

/// The largest body of a request that any route takes: 64 MiB.
const REQUEST_BYTES_MAX: u64 = 64 << 20;
/// The largest body of an answer that any route gives: 1 GiB.
const RESPONSE_BYTES_MAX: u64 = 1 << 30;
/// The longest call of an upstream.
const SECONDS_MAX: u32 = 3_600;
/// The most tokens that a model may be asked to write at once.
const OUTPUT_TOKENS_MAX: u32 = 1_000_000;
/// How long answers may be kept.
const KEEP_SECS_MAX: u32 = 86_400;
/// The largest answer that may be kept: 1 MiB.
const KEEP_BYTES_MAX: u32 = 1 << 20;
/// The highest rate, and the largest burst.
const RATE_MAX: u32 = 1_000_000;
/// The longest time that a rate counts over: a day.
const PER_SECS_MAX: u32 = 86_400;

/// The limits of a route. They bound what a request may cost, so they are what its hold is worked out from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteLimits {
    /// Of the request's body.
    pub request_bytes_max: u64,
    /// Of the answer's body.
    pub response_bytes_max: u64,
    /// The whole call of the upstream.
    pub seconds_max: u32,
    /// Until the upstream begins to answer.
    pub first_byte_secs_max: u32,
    /// What a model may write when the caller does not say, and at most.
    pub output_tokens_max: u32,
    /// Of one payer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_payer: Option<Rate>,
    /// Of one address in the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_ip: Option<Rate>,
    /// Of all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Rate>,
    /// How long answers are kept for requests that are sent again; 0 keeps none.
    pub keep_secs: u32,
    /// The largest answer that is kept.
    pub keep_bytes: u32,
}

impl Default for RouteLimits {
    fn default() -> Self {
        Self {
            request_bytes_max: 1 << 20,
            response_bytes_max: 10 << 20,
            seconds_max: 600,
            first_byte_secs_max: 60,
            output_tokens_max: 4_096,
            per_payer: None,
            per_ip: None,
            total: None,
            keep_secs: 600,
            keep_bytes: 262_144,
        }
    }
}

/// So many requests in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// How many.
    pub requests: u32,
    /// In how many seconds.
    pub per_secs: u32,
    /// How many at once; as many as `requests` when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

impl Rate {
    /// How many at once.
    pub fn at_once(&self) -> u32 {
        self.burst.unwrap_or(self.requests)
    }

    /// Whether all its numbers are within bounds; `field` is what an error calls it.
    pub fn check(&self, field: &'static str) -> Result<(), RouteError> {
        let is_right = (1..=RATE_MAX).contains(&self.requests)
            && (1..=PER_SECS_MAX).contains(&self.per_secs)
            && self.burst.is_none_or(|burst| (1..=RATE_MAX).contains(&burst));
        let reason = || format!("must be 1 to {RATE_MAX} requests per 1 to {PER_SECS_MAX} seconds, and burst as many");
        if is_right { Ok(()) } else { Err(RouteError::Invalid { field, reason: reason() }) }
    }
}

impl RouteLimits {
    /// Whether all are within the bounds of what any route may have.
    pub fn check(&self) -> Result<(), RouteError> {
        within("limits.request_bytes_max", self.request_bytes_max, 0, REQUEST_BYTES_MAX)?;
        within("limits.response_bytes_max", self.response_bytes_max, 1, RESPONSE_BYTES_MAX)?;
        within("limits.seconds_max", self.seconds_max, 1, SECONDS_MAX)?;
        within("limits.first_byte_secs_max", self.first_byte_secs_max, 1, self.seconds_max)?;
        within("limits.output_tokens_max", self.output_tokens_max, 1, OUTPUT_TOKENS_MAX)?;
        within("limits.keep_secs", self.keep_secs, 0, KEEP_SECS_MAX)?;
        within("limits.keep_bytes", self.keep_bytes, 0, KEEP_BYTES_MAX)?;
        let rates =
            [("limits.per_payer", self.per_payer), ("limits.per_ip", self.per_ip), ("limits.total", self.total)];
        rates.into_iter().try_for_each(|(field, rate)| rate.map_or(Ok(()), |rate| rate.check(field)))
    }
}

fn within<N: PartialOrd + std::fmt::Display>(
    field: &'static str,
    value: N,
    least: N,
    most: N,
) -> Result<(), RouteError> {
    let reason = || format!("must be {least} to {most}");
    if least <= value && value <= most { Ok(()) } else { Err(RouteError::Invalid { field, reason: reason() }) }
}
