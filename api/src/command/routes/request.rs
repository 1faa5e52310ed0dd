//! What is asked for when a route is set.

use std::collections::BTreeMap;
use std::fmt;

use domain::ids::RouteId;
use domain::meter::{InvalidMeterCode, MeterCode};
use domain::money::{Amount, Currency};
use domain::route::{
    CredentialRef, InvalidPattern, InvalidUpstream, Measure, Method, Rate, Route, RouteKind, RouteLimits, RoutePrice,
    Scheme,
};
use eventstore::vault::Keys;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::money;
use crate::problem::Problem;

/// The longest secret for an upstream.
const SECRET_CHARS_MAX: usize = 4_096;
/// Entries of a list that has a few at most.
const ENTRIES_MAX: usize = 16;
/// The header of a credential that names none.
const HEADER_DEFAULT: &str = "authorization";

/// A route as it is to be. All of it: what is left out is as in a new one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoute {
    /// Which paths: segments are literal, or `{name}` for any one; the last may be `*` for all that follows. At most
    /// 200 characters.
    #[schema(example = "/v1/*")]
    pub path: String,
    /// Where they lead to: an http or https URL without user, query and fragment; at most 500 characters.
    #[schema(example = "https://api.example.com")]
    pub upstream: String,
    /// Which methods; all when left out.
    #[serde(default)]
    pub methods: Vec<MethodIn>,
    /// What is understood of the requests; `http` when left out.
    #[serde(default)]
    pub kind: RouteKindIn,
    /// Whether what stands before `*` is left out of the path that the upstream gets.
    #[serde(default)]
    pub strip_prefix: bool,
    /// The header with which the upstream is asked. In a change: left out it stays, `null` removes it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CredentialIn>)]
    pub credential: Option<Option<CredentialIn>>,
    /// What it costs; free when left out.
    #[serde(default)]
    pub price: RoutePriceIn,
    /// How it may be paid for; in all ways that make sense when left out.
    #[serde(default)]
    pub accepts: Vec<SchemeIn>,
    /// How much of everything.
    #[serde(default)]
    pub limits: RouteLimitsIn,
    /// Shown to whoever is asked to pay; 1 to 200 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// What the answers are, shown likewise; 1 to 100 characters.
    #[serde(default)]
    #[schema(example = "application/json")]
    pub mime_type: Option<String>,
}

/// Tells `null` from what was left out.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum MethodIn {
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

/// What the gateway understands of a route's requests.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteKindIn {
    /// Bytes and seconds.
    #[default]
    Http,
    /// OpenAI's HTTP interface: models and tokens.
    Openai,
}

/// A way to pay.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemeIn {
    /// A voucher of a session key with each request.
    Session,
    /// A signed transfer of the exact price with each request.
    Exact,
    /// A gateway key.
    Bearer,
}

/// The header with which the gateway shows itself to the upstream.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialIn {
    /// Its name; `authorization` when left out.
    #[serde(default)]
    pub header: Option<String>,
    /// Its whole value. It is kept encrypted, and never shown again.
    #[schema(example = "Bearer sk-…")]
    pub value: String,
}

/// Without the secret.
impl fmt::Debug for CredentialIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialIn").field("header", &self.header).finish_non_exhaustive()
    }
}

/// What a route costs: the sum of these. Amounts are decimal strings, more than zero, at most 12 decimals.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoutePriceIn {
    /// It is sold in each of these for the same figures. When left out: USDC and the organization's currency, or
    /// that of `meters`.
    #[serde(default)]
    pub currencies: Vec<String>,
    /// For each request.
    #[serde(default)]
    #[schema(example = "0.001")]
    pub per_request: Option<String>,
    /// For each byte of the request's body.
    #[serde(default)]
    pub per_request_byte: Option<String>,
    /// For each byte of the answer's body.
    #[serde(default)]
    pub per_response_byte: Option<String>,
    /// For each second that the upstream took, to the millisecond; at most 9 decimals.
    #[serde(default)]
    pub per_second: Option<String>,
    /// For each token, by the price list of models. Only on routes of kind `openai`.
    #[serde(default)]
    pub per_model: bool,
    /// Instead of an amount: `request`, `request_byte`, `response_byte` or `second` at the price of that meter of the
    /// price list, whose quotas hold then.
    #[serde(default)]
    pub meters: BTreeMap<String, String>,
}

/// So many requests in so many seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateIn {
    /// How many: 1 to 1,000,000.
    pub requests: u32,
    /// In how many seconds: 1 to 86,400.
    pub per_secs: u32,
    /// How many at once; as many as `requests` when left out.
    #[serde(default)]
    pub burst: Option<u32>,
}

impl From<RateIn> for Rate {
    fn from(rate: RateIn) -> Self {
        Self { requests: rate.requests, per_secs: rate.per_secs, burst: rate.burst }
    }
}

/// How much of everything a route lets through.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteLimitsIn {
    /// Of the request's body: 0 to 67,108,864; 1,048,576 when left out.
    #[serde(default)]
    pub request_bytes_max: Option<u64>,
    /// Of the answer's body: 1 to 1,073,741,824; 10,485,760 when left out.
    #[serde(default)]
    pub response_bytes_max: Option<u64>,
    /// The whole call of the upstream: 1 to 3,600; 600 when left out.
    #[serde(default)]
    pub seconds_max: Option<u32>,
    /// Until the upstream begins to answer: 1 to `seconds_max`; 60 when left out, or `seconds_max` if that is less.
    #[serde(default)]
    pub first_byte_secs_max: Option<u32>,
    /// What a model writes when the caller does not say, and at most: 1 to 1,000,000; 4,096 when left out.
    #[serde(default)]
    pub output_tokens_max: Option<u32>,
    /// Of one payer.
    #[serde(default)]
    pub per_payer: Option<RateIn>,
    /// Of one address in the network.
    #[serde(default)]
    pub per_ip: Option<RateIn>,
    /// Of all together.
    #[serde(default)]
    pub total: Option<RateIn>,
    /// How long answers are kept for requests that are sent again: 0 to 86,400; 600 when left out.
    #[serde(default)]
    pub keep_secs: Option<u32>,
    /// The largest answer that is kept: 0 to 1,048,576; 262,144 when left out.
    #[serde(default)]
    pub keep_bytes: Option<u32>,
}

impl NewRoute {
    /// The body as its digest covers it: with the secret's keyed hash instead of the secret. The digest is in the log,
    /// and what is in the log must not help to guess the secret.
    pub fn digested(&self, keys: &Keys) -> Result<Value, Problem> {
        let mut body = serde_json::to_value(self).map_err(|e| Problem::internal().caused_by(e))?;
        if let Some(Some(credential)) = &self.credential {
            body["credential"]["value"] = json!(keys.api_key_hash(&credential.value));
        }
        Ok(body)
    }

    /// The route, still without credential and version: the organization gives those, and checks all that can be
    /// checked without knowing how it was written.
    pub fn route(&self, id: RouteId) -> Result<Route, Problem> {
        let invalid =
            |param: &str, why: String| Problem::bad_request("invalid_request", param, format!("{param} {why}"));
        Ok(Route {
            id,
            version: 0,
            path: self.path.parse().map_err(|e: InvalidPattern| invalid("path", e.to_string()))?,
            methods: entries("methods", &self.methods)?.iter().map(|method| method.method()).collect(),
            upstream: self.upstream.parse().map_err(|e: InvalidUpstream| invalid("upstream", e.to_string()))?,
            strip_prefix: self.strip_prefix,
            kind: match self.kind {
                RouteKindIn::Http => RouteKind::Http,
                RouteKindIn::Openai => RouteKind::Openai,
            },
            credential: None,
            price: self.price.price()?,
            accepts: entries("accepts", &self.accepts)?.iter().map(|scheme| scheme.scheme()).collect(),
            limits: self.limits.limits(),
            description: self.description.clone(),
            mime_type: self.mime_type.clone(),
        })
    }
}

fn entries<'a, T>(param: &str, list: &'a [T]) -> Result<&'a [T], Problem> {
    if list.len() <= ENTRIES_MAX {
        return Ok(list);
    }
    Err(Problem::bad_request("invalid_request", param, format!("{param} has at most {ENTRIES_MAX} entries")))
}

impl MethodIn {
    const fn method(self) -> Method {
        match self {
            Self::Get => Method::Get,
            Self::Head => Method::Head,
            Self::Post => Method::Post,
            Self::Put => Method::Put,
            Self::Patch => Method::Patch,
            Self::Delete => Method::Delete,
            Self::Options => Method::Options,
        }
    }
}

impl SchemeIn {
    const fn scheme(self) -> Scheme {
        match self {
            Self::Session => Scheme::Session,
            Self::Exact => Scheme::Exact,
            Self::Bearer => Scheme::Bearer,
        }
    }
}

impl CredentialIn {
    /// Where the secret is to be found, once it is kept under this id.
    pub fn named(&self, id: Uuid) -> Result<CredentialRef, Problem> {
        let value = &self.value;
        let is_value = (1..=SECRET_CHARS_MAX).contains(&value.len())
            && value.bytes().all(|b| matches!(b, b' '..=b'~'))
            && value.trim() == value;
        if !is_value {
            let detail = format!("credential.value must have 1 to {SECRET_CHARS_MAX} visible ASCII characters");
            return Err(Problem::bad_request("invalid_request", "credential.value", detail));
        }
        let header = self.header.as_deref().unwrap_or(HEADER_DEFAULT).to_ascii_lowercase();
        let credential = CredentialRef { header, id };
        credential.check()?;
        Ok(credential)
    }
}

impl RoutePriceIn {
    fn price(&self) -> Result<RoutePrice, Problem> {
        let currencies = entries("price.currencies", &self.currencies)?.iter().map(|code| currency(code));
        let meters = self.meters.iter().map(|(measure, code)| metered(measure, code));
        Ok(RoutePrice {
            currencies: currencies.collect::<Result<_, _>>()?,
            per_request: amount("price.per_request", self.per_request.as_deref())?,
            per_request_byte: amount("price.per_request_byte", self.per_request_byte.as_deref())?,
            per_response_byte: amount("price.per_response_byte", self.per_response_byte.as_deref())?,
            per_second: amount("price.per_second", self.per_second.as_deref())?,
            per_model: self.per_model,
            meters: meters.collect::<Result<_, _>>()?,
        })
    }
}

fn currency(code: &str) -> Result<Currency, Problem> {
    let found = money::currency(Some(code)).map_err(|problem| problem.with("param", json!("price.currencies")))?;
    found.ok_or_else(Problem::internal)
}

fn amount(param: &str, text: Option<&str>) -> Result<Option<Amount>, Problem> {
    text.map(|text| money::positive_amount(param, text)).transpose()
}

fn metered(name: &str, code: &str) -> Result<(Measure, MeterCode), Problem> {
    let invalid = |why: String| Problem::bad_request("invalid_request", "price.meters", why);
    let measure = Measure::ALL.into_iter().find(|measure| measure.name() == name).ok_or_else(|| {
        invalid(format!("price.meters has only these: {}", Measure::ALL.map(Measure::name).join(", ")))
    })?;
    let code = code.parse().map_err(|e: InvalidMeterCode| invalid(e.to_string()))?;
    Ok((measure, code))
}

impl RouteLimitsIn {
    fn limits(&self) -> RouteLimits {
        let usual = RouteLimits::default();
        let seconds_max = self.seconds_max.unwrap_or(usual.seconds_max);
        RouteLimits {
            request_bytes_max: self.request_bytes_max.unwrap_or(usual.request_bytes_max),
            response_bytes_max: self.response_bytes_max.unwrap_or(usual.response_bytes_max),
            seconds_max,
            first_byte_secs_max: self.first_byte_secs_max.unwrap_or(usual.first_byte_secs_max.min(seconds_max)),
            output_tokens_max: self.output_tokens_max.unwrap_or(usual.output_tokens_max),
            per_payer: self.per_payer.map(Rate::from),
            per_ip: self.per_ip.map(Rate::from),
            total: self.total.map(Rate::from),
            keep_secs: self.keep_secs.unwrap_or(usual.keep_secs),
            keep_bytes: self.keep_bytes.unwrap_or(usual.keep_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::parse;

    fn read(text: &str) -> Result<NewRoute, Problem> {
        parse(text.as_bytes())
    }

    fn with(more: &str) -> Result<Route, Problem> {
        let body = read(&format!(r#"{{"path":"/a","upstream":"http://b"{more}}}"#))?;
        body.route(RouteId::new(Uuid::nil()))
    }

    #[test]
    fn what_is_left_out_is_as_usual() {
        let route = with("").unwrap();
        assert_eq!((route.limits, route.kind), (RouteLimits::default(), RouteKind::Http));
        assert!(route.price.is_free() && route.methods.is_empty() && route.accepts.is_empty());
        let short = with(r#","limits":{"seconds_max":5}"#).unwrap().limits;
        assert_eq!((short.seconds_max, short.first_byte_secs_max), (5, 5));
        let priced = with(r#","price":{"per_second":"0.5","meters":{"request":"calls"}}"#).unwrap().price;
        assert_eq!(priced.per_second, "0.5".parse().ok());
        assert_eq!(priced.meters[&Measure::Request].as_str(), "calls");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let told = |more: &str| {
            let problem = with(more).unwrap_err();
            (problem.code, problem.fields["param"].as_str().unwrap_or_default().to_owned())
        };
        for (more, code, param) in [
            (r#","x":1"#, "unknown_field", "x"),
            (r#","methods":["TRACE"]"#, "invalid_request", "methods[0]"),
            (r#","kind":"grpc""#, "invalid_request", "kind"),
            (r#","price":{"per_request":1}"#, "invalid_amount", "price.per_request"),
            (r#","price":{"per_request":"0"}"#, "invalid_amount", "price.per_request"),
            (r#","price":{"per_second":"-1"}"#, "invalid_amount", "price.per_second"),
            (r#","price":{"currencies":["usd"]}"#, "invalid_currency", "price.currencies"),
            (r#","price":{"currencies":["XXX"]}"#, "unknown_currency", "price.currencies"),
            (r#","price":{"meters":{"token":"a"}}"#, "invalid_request", "price.meters"),
            (r#","price":{"meters":{"request":"A"}}"#, "invalid_request", "price.meters"),
            (r#","accepts":["cash"]"#, "invalid_request", "accepts[0]"),
            (r#","limits":{"seconds_max":-1}"#, "invalid_request", "limits.seconds_max"),
            (r#","limits":{"per_ip":{"requests":1}}"#, "missing_field", "limits.per_ip.per_secs"),
        ] {
            assert_eq!(told(more), (code, param.to_owned()), "{more}");
        }
        let code = |text: &str| read(text).and_then(|body| body.route(RouteId::new(Uuid::nil()))).err().map(|p| p.code);
        assert_eq!(code(r#"{"path":"a","upstream":"http://b"}"#), Some("invalid_request"));
        assert_eq!(code(r#"{"path":"/a","upstream":"b"}"#), Some("invalid_request"));
        assert_eq!(code(r#"{"path":"/a"}"#), Some("missing_field"));
    }

    #[test]
    fn a_credential_is_left_out_or_removed_or_set() {
        let read = |more: &str| read(&format!(r#"{{"path":"/a","upstream":"http://b"{more}}}"#)).unwrap();
        let keys = Keys::from_hex(&"ab".repeat(32)).unwrap();
        let digest = |body: &NewRoute| body.digested(&keys).unwrap().to_string();
        let (left_out, removed) = (read(""), read(r#","credential":null"#));
        assert!(left_out.credential.is_none() && matches!(removed.credential, Some(None)));
        assert_ne!(digest(&left_out), digest(&removed));
        let set = |value: &str| read(&format!(r#","credential":{{"value":"{value}"}}"#));
        let told = digest(&set("Bearer sk-1"));
        assert!(!told.contains("sk-1"), "{told}");
        assert_ne!(told, digest(&set("Bearer sk-2")));
        assert_eq!(told, digest(&set("Bearer sk-1")));
    }

    #[test]
    fn a_secret_fits_into_a_header() {
        let named = |header: Option<&str>, value: &str| {
            let credential = CredentialIn { header: header.map(str::to_owned), value: value.to_owned() };
            credential.named(Uuid::nil()).map(|credential| credential.header).map_err(|problem| problem.status)
        };
        assert_eq!(named(None, "Bearer sk-1"), Ok("authorization".to_owned()));
        assert_eq!(named(Some("X-API-Key"), "1"), Ok("x-api-key".to_owned()));
        let long = "a".repeat(SECRET_CHARS_MAX + 1);
        for (header, value) in [
            (None, ""),
            (None, " a"),
            (None, "a "),
            (None, "a\nb"),
            (None, "ü"),
            (Some("host"), "a"),
            (Some("a b"), "a"),
            (Some(""), "a"),
            (None, long.as_str()),
        ] {
            assert_eq!(named(header, value), Err(400), "{header:?} {value}");
        }
    }
}
