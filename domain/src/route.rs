//! Routes of the gateway: a pattern of paths, where they lead to, and what they cost.
//!
//! A route belongs to its organization's stream (see [`crate::organization`]) and is set as a whole: every change
//! is a new version. The upstream's own secret is never part of it: it lies in the vault under the id that
//! [`CredentialRef`] has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::charge::Usage;
use crate::ids::RouteId;
use crate::meter::MeterCode;
use crate::model_price::ModelPrices;
use crate::money::{Currency, nothing};
use crate::organization::PricedMeter;

mod check;
mod limits;
mod pattern;
mod price;
#[cfg(test)]
mod tests;
mod upstream;

pub use check::RouteError;
pub use limits::{Rate, RouteLimits};
pub use pattern::{InvalidPattern, PATTERN_CHARS_MAX, PathPattern, RequestPath};
pub use price::{Measure, Measured, PriceError, RoutePrice, SECOND_SCALE_MAX, Tokens};
pub use upstream::{InvalidUpstream, UPSTREAM_CHARS_MAX, UpstreamUrl};

/// How many routes one organization may have.
pub const ROUTES_MAX: usize = 500;

/// A route as it was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Its id.
    pub id: RouteId,
    /// 1, 2, 3… for each time it was set.
    pub version: u32,
    /// Which paths.
    pub path: PathPattern,
    /// Which methods; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
    /// Where they lead to.
    pub upstream: UpstreamUrl,
    /// Whether what stands before `*` is left out of the path that the upstream gets.
    #[serde(default, skip_serializing_if = "nothing")]
    pub strip_prefix: bool,
    /// What the gateway understands of what is said.
    pub kind: RouteKind,
    /// The header with which the gateway shows itself to the upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialRef>,
    /// What it costs.
    pub price: RoutePrice,
    /// How it may be paid for; empty when it is free.
    pub accepts: Vec<Scheme>,
    /// How much of everything.
    pub limits: RouteLimits,
    /// Shown to whoever is asked to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the answers are, for whoever is asked to pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
}

/// A method of HTTP that routes may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read.
    Get,
    /// Read, without the body.
    Head,
    /// Do.
    Post,
    /// Replace.
    Put,
    /// Change.
    Patch,
    /// Remove.
    Delete,
    /// Ask what can be done.
    Options,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// In capital letters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// What the gateway understands of what is said on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// Bytes and seconds.
    Http,
    /// The HTTP interface of OpenAI: models and tokens.
    Openai,
}

/// A way to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// A voucher of a session key with each request.
    Session,
    /// A signed transfer of the exact price with each request.
    Exact,
    /// A gateway key.
    Bearer,
}

impl Scheme {
    /// As in events and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Exact => "exact",
            Self::Bearer => "bearer",
        }
    }
}

/// Where the secret for an upstream is. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRef {
    /// The header that it goes into, in lower case.
    pub header: String,
    /// Its row in the vault, of the kind [`CREDENTIAL_KIND`].
    pub id: Uuid,
}

/// The kind of row in the vault that has the secret of an upstream; a row's name is [`CredentialRef::id`].
pub const CREDENTIAL_KIND: &str = "upstream";

impl Route {
    /// Whether it is for this method.
    pub fn allows(&self, method: Method) -> bool {
        self.methods.is_empty() || self.methods.contains(&method)
    }

    /// Whether a request could be one of both, with neither more to the point.
    pub fn collides_with(&self, other: &Self) -> bool {
        self.path.is_same_as(&other.path) && Method::ALL.into_iter().any(|m| self.allows(m) && other.allows(m))
    }

    /// Where a request with this path is to be sent, without its query; `None` when the path is not one of this
    /// route.
    pub fn upstream_url(&self, path: &RequestPath<'_>) -> Option<String> {
        let rest = self.path.rest(path)?;
        Some(self.upstream.with_path(if self.strip_prefix { rest } else { path.as_str() }))
    }

    /// See [`RoutePrice::usage`].
    pub fn usage(
        &self,
        measured: &Measured,
        currency: Currency,
        meters: &BTreeMap<MeterCode, PricedMeter>,
        models: &ModelPrices,
    ) -> Result<Vec<Usage>, PriceError> {
        self.price.usage(self.version, measured, currency, meters, models)
    }

    /// See [`RoutePrice::worst`]. `tokens` are the most that a model may read and write.
    pub fn worst(
        &self,
        request_bytes: u64,
        tokens: Option<Tokens>,
        currency: Currency,
        meters: &BTreeMap<MeterCode, PricedMeter>,
        models: &ModelPrices,
    ) -> Result<Vec<Usage>, PriceError> {
        self.price.worst(self.version, &self.limits, (request_bytes, tokens), currency, meters, models)
    }
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<'a> {
    /// This route.
    Route(&'a Route),
    /// A path that there is, but only for these methods.
    OnlyFor(Vec<Method>),
    /// Nothing.
    Nothing,
}

/// The route of a request: of those that are for its path and method, the one that is most to the point.
pub fn find<'a>(routes: impl IntoIterator<Item = &'a Route>, method: Method, path: &RequestPath<'_>) -> Found<'a> {
    let mut best: Option<&Route> = None;
    let mut others = Vec::new();
    for route in routes.into_iter().filter(|route| route.path.rest(path).is_some()) {
        if !route.allows(method) {
            others.extend(&route.methods);
        } else if best.is_none_or(|best| route.path.cmp_preference(&best.path).is_lt()) {
            best = Some(route);
        }
    }
    others.sort_unstable();
    others.dedup();
    match best {
        Some(route) => Found::Route(route),
        None if others.is_empty() => Found::Nothing,
        None => Found::OnlyFor(others),
    }
}
