//! A route as it is shown. That there is a secret for its upstream is told, the secret never.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::Timestamp;
use domain::ids::RouteId;
use domain::money::Amount;
use domain::route::{Method, Rate, Route, RouteKind, RouteLimits, RoutePrice, Scheme};
use serde::Serialize;
use utoipa::ToSchema;

/// A route.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteOut {
    /// Always `route`.
    pub object: &'static str,
    /// Its id.
    #[schema(value_type = String)]
    pub id: RouteId,
    /// 1, 2, 3… for each time it was set.
    pub version: u32,
    /// Which paths.
    pub path: String,
    /// Which methods; all when empty.
    pub methods: Vec<&'static str>,
    /// Where they lead to.
    pub upstream: String,
    /// Whether what stands before `*` is left out of the path that the upstream gets.
    pub strip_prefix: bool,
    /// `http` or `openai`.
    pub kind: &'static str,
    /// The header with which the upstream is asked; `null` without one.
    pub credential: Option<CredentialOut>,
    /// What it costs.
    pub price: RoutePriceOut,
    /// How it may be paid for: `session`, `exact`, `bearer`; empty when it is free.
    pub accepts: Vec<&'static str>,
    /// How much of everything.
    pub limits: RouteLimitsOut,
    /// Shown to whoever is asked to pay.
    pub description: Option<String>,
    /// What the answers are.
    pub mime_type: Option<String>,
    /// Since when it is like this.
    pub updated_at: DateTime<Utc>,
    /// The log's position after the command; `null` when it was only asked for.
    pub position: Option<String>,
}

/// The header with which an upstream is asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct CredentialOut {
    /// Its name.
    pub header: String,
    /// Always `true`: its value is kept, and not shown.
    pub set: bool,
}

/// What a route costs: the sum of these.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoutePriceOut {
    /// It is sold in each of these for the same figures.
    pub currencies: Vec<&'static str>,
    /// For each request.
    pub per_request: Option<String>,
    /// For each byte of the request's body.
    pub per_request_byte: Option<String>,
    /// For each byte of the answer's body.
    pub per_response_byte: Option<String>,
    /// For each second that the upstream took.
    pub per_second: Option<String>,
    /// For each token, by the price list of models.
    pub per_model: bool,
    /// Measures that have the price of a meter.
    pub meters: BTreeMap<String, String>,
}

/// How much of everything a route lets through.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteLimitsOut {
    /// Of the request's body.
    pub request_bytes_max: u64,
    /// Of the answer's body.
    pub response_bytes_max: u64,
    /// The whole call of the upstream.
    pub seconds_max: u32,
    /// Until the upstream begins to answer.
    pub first_byte_secs_max: u32,
    /// What a model writes when the caller does not say, and at most.
    pub output_tokens_max: u32,
    /// Of one payer.
    pub per_payer: Option<RateOut>,
    /// Of one address in the network.
    pub per_ip: Option<RateOut>,
    /// Of all together.
    pub total: Option<RateOut>,
    /// How long answers are kept.
    pub keep_secs: u32,
    /// The largest answer that is kept.
    pub keep_bytes: u32,
}

/// So many requests in so many seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateOut {
    /// How many.
    pub requests: u32,
    /// In how many seconds.
    pub per_secs: u32,
    /// How many at once; as many as `requests` when `null`.
    pub burst: Option<u32>,
}

impl From<Rate> for RateOut {
    fn from(rate: Rate) -> Self {
        Self { requests: rate.requests, per_secs: rate.per_secs, burst: rate.burst }
    }
}

impl RouteOut {
    /// From the domain's route.
    pub fn new(route: &Route, updated_at: Timestamp, position: Option<String>) -> Self {
        let credential = route.credential.as_ref();
        Self {
            object: "route",
            id: route.id,
            version: route.version,
            path: route.path.to_string(),
            methods: route.methods.iter().copied().map(Method::name).collect(),
            upstream: route.upstream.to_string(),
            strip_prefix: route.strip_prefix,
            kind: match route.kind {
                RouteKind::Http => "http",
                RouteKind::Openai => "openai",
            },
            credential: credential.map(|named| CredentialOut { header: named.header.clone(), set: true }),
            price: RoutePriceOut::new(&route.price),
            accepts: route.accepts.iter().copied().map(Scheme::name).collect(),
            limits: RouteLimitsOut::new(&route.limits),
            description: route.description.clone(),
            mime_type: route.mime_type.clone(),
            updated_at,
            position,
        }
    }
}

impl RoutePriceOut {
    fn new(price: &RoutePrice) -> Self {
        let text = |amount: Option<Amount>| amount.map(|amount| amount.to_string());
        Self {
            currencies: price.currencies.iter().map(|currency| currency.code()).collect(),
            per_request: text(price.per_request),
            per_request_byte: text(price.per_request_byte),
            per_response_byte: text(price.per_response_byte),
            per_second: text(price.per_second),
            per_model: price.per_model,
            meters: price.meters.iter().map(|(measure, code)| (measure.name().to_owned(), code.to_string())).collect(),
        }
    }
}

impl RouteLimitsOut {
    fn new(limits: &RouteLimits) -> Self {
        Self {
            request_bytes_max: limits.request_bytes_max,
            response_bytes_max: limits.response_bytes_max,
            seconds_max: limits.seconds_max,
            first_byte_secs_max: limits.first_byte_secs_max,
            output_tokens_max: limits.output_tokens_max,
            per_payer: limits.per_payer.map(RateOut::from),
            per_ip: limits.per_ip.map(RateOut::from),
            total: limits.total.map(RateOut::from),
            keep_secs: limits.keep_secs,
            keep_bytes: limits.keep_bytes,
        }
    }
}
