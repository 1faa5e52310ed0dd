//! The upstreams: one client for all, with connections that are kept, no redirects and no decompression.

use std::error::Error as _;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use domain::ids::OrganizationId;
use domain::route::{CREDENTIAL_KIND, CredentialRef, RouteLimits};
use lru::LruCache;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Request, Url};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use super::body::{Memory, Taken};
use super::settings::{ANSWERS_BYTES_MAX, CONNECT_WITHIN, WHOLE_BYTES_MAX};
use crate::App;
use crate::problem::Problem;

/// Connections without a request that are kept for one upstream.
const IDLE_MAX: usize = 1_024;
/// How long one is kept. Shorter than what servers usually do, so that it is seldom they who close it.
const IDLE_WITHIN: Duration = Duration::from_secs(30);
/// Credentials that are kept.
const CREDENTIALS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("more than zero");

/// Why an upstream's answer is not there, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UpstreamError {
    /// No connection, or no answer on it.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long: to begin, or in all.
    #[error("the upstream took too long")]
    TimedOut,
    /// It ended in the middle.
    #[error("the upstream's answer broke off: {0}")]
    Broken(String),
    /// It is larger than the route allows.
    #[error("the upstream's answer has more bytes than the route allows")]
    TooLarge,
    /// An event in it is larger than any should be.
    #[error("the upstream's answer cannot be read")]
    Unreadable,
}

impl From<UpstreamError> for Problem {
    fn from(error: UpstreamError) -> Self {
        let (status, code) = match &error {
            UpstreamError::Unreachable(_) => (502, "upstream_unreachable"),
            UpstreamError::TimedOut => (504, "upstream_timed_out"),
            UpstreamError::Broken(_) | UpstreamError::Unreadable => (502, "upstream_broken"),
            UpstreamError::TooLarge => (502, "upstream_too_large"),
        };
        Self::new(status, code, "").caused_by(error)
    }
}

/// In the order of their causes, without the URL: its query may have something personal in it.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A request for an upstream.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// How.
    pub(super) method: Method,
    /// Where to.
    pub(super) url: String,
    /// With these.
    pub(super) headers: HeaderMap,
    /// And this.
    pub(super) body: Bytes,
}

/// An upstream that has begun to answer.
#[derive(Debug)]
pub(super) struct Answering {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its headers, as they came.
    pub(super) headers: HeaderMap,
    response: reqwest::Response,
    started: Instant,
    deadline: Instant,
}

impl Answering {
    /// When it must have ended.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The next piece of the body; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        // What is here already would come also when the time is over.
        if Instant::now() >= self.deadline {
            return Err(UpstreamError::TimedOut);
        }
        match timeout_at(self.deadline, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(UpstreamError::Broken(told(error))),
            Err(_) => Err(UpstreamError::TimedOut),
        }
    }

    /// How long it has taken until now, in milliseconds.
    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// How long its body is, as it says.
    pub(super) fn announced(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// Whether it says that its body is of this type.
    pub(super) fn is_of_type(&self, wanted: &str) -> bool {
        is_of_type(&self.headers, wanted)
    }
}

/// Whether this says of a body that it is of this type, whatever its parameters.
pub(super) fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(wanted)
}

/// The beginning of an answer's body, or all of it.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    /// The pieces, in order.
    pub(super) pieces: Vec<Bytes>,
    /// How long they are together.
    pub(super) length: usize,
    /// Whether that is all.
    pub(super) is_whole: bool,
    /// Its memory.
    pub(super) taken: Taken,
}

impl Beginning {
    /// In one piece.
    pub(super) fn joined(&self) -> Bytes {
        match &self.pieces[..] {
            [] => Bytes::new(),
            [one] => one.clone(),
            several => several.concat().into(),
        }
    }
}

/// All upstreams.
pub(super) struct Upstreams {
    client: Client,
    memory: Memory,
    credentials: Mutex<LruCache<Uuid, (HeaderName, HeaderValue)>>,
}

fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .connect_timeout(CONNECT_WITHIN)
        .pool_max_idle_per_host(IDLE_MAX)
        .pool_idle_timeout(IDLE_WITHIN)
}

impl Upstreams {
    /// Nothing is connected yet.
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        let client = builder().build().or_else(|error| {
            // A machine without certificates can still speak with upstreams in its own network.
            tracing::warn!(%error, "no upstream can be reached by https");
            builder().tls_certs_only([]).build()
        })?;
        let credentials = Mutex::new(LruCache::new(CREDENTIALS_MAX));
        Ok(Self { client, memory: Memory::new(ANSWERS_BYTES_MAX), credentials })
    }

    /// The header with which the gateway shows itself to an upstream. The id of a credential is never that of
    /// another one, so what was read once is right for ever.
    pub(super) async fn credential(
        &self,
        app: &App,
        organization_id: OrganizationId,
        credential: &CredentialRef,
    ) -> Result<(HeaderName, HeaderValue), Problem> {
        if let Some(kept) = self.credentials.lock().unwrap_or_else(PoisonError::into_inner).get(&credential.id) {
            return Ok(kept.clone());
        }
        let missing = || Problem::internal().caused_by("an upstream's credential is missing, or is no header");
        let rows = app.vault.get(organization_id, CREDENTIAL_KIND, &[credential.id.to_string()]).await?;
        let (_, secret) = rows.into_iter().next().ok_or_else(missing)?;
        let name: HeaderName = credential.header.parse().map_err(|_| missing())?;
        let mut value = HeaderValue::from_bytes(&secret).map_err(|_| missing())?;
        value.set_sensitive(true);
        let found = (name, value);
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner).put(credential.id, found.clone());
        Ok(found)
    }

    /// Sends a request, and waits until the upstream begins to answer.
    pub(super) async fn call(&self, outgoing: Outgoing, limits: &RouteLimits) -> Result<Answering, UpstreamError> {
        let Outgoing { method, url, headers, body } = outgoing;
        let url = Url::parse(&url).map_err(|e| UpstreamError::Unreachable(e.to_string()))?;
        let has_body = !body.is_empty() || matches!(method, Method::POST | Method::PUT | Method::PATCH);
        let mut request = Request::new(method, url);
        *request.headers_mut() = headers;
        if has_body {
            *request.body_mut() = Some(body.into());
        }
        let started = Instant::now();
        let within = Duration::from_secs(u64::from(limits.first_byte_secs_max));
        let response = match timeout(within, self.client.execute(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(UpstreamError::Unreachable(told(error))),
            Err(_) => return Err(UpstreamError::TimedOut),
        };
        let mut answering = Answering {
            status: response.status(),
            headers: HeaderMap::new(),
            response,
            started,
            deadline: started + Duration::from_secs(u64::from(limits.seconds_max)),
        };
        answering.headers = std::mem::take(answering.response.headers_mut());
        Ok(answering)
    }

    /// Reads the body, up to so many bytes. It may come to a few more, for pieces are not cut.
    pub(super) async fn begin(&self, answering: &mut Answering, bytes_max: usize) -> Result<Beginning, UpstreamError> {
        let announced = answering.announced().and_then(|bytes| usize::try_from(bytes).ok());
        let expected = announced.unwrap_or(WHOLE_BYTES_MAX).min(WHOLE_BYTES_MAX);
        let mut beginning = Beginning::default();
        if expected > 0 {
            let waited = timeout_at(answering.deadline, self.memory.wait_for(expected)).await;
            beginning.taken = waited.map_err(|_| UpstreamError::TimedOut)?;
        }
        loop {
            let Some(piece) = answering.chunk().await? else {
                beginning.is_whole = true;
                return Ok(beginning);
            };
            beginning.length += piece.len();
            beginning.pieces.push(piece);
            let has_room = beginning.length <= expected || self.memory.take(&mut beginning.taken, beginning.length);
            if beginning.length > bytes_max || !has_room {
                return Ok(beginning);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_codes() {
        let code = |error| {
            let problem = Problem::from(error);
            (problem.status, problem.code)
        };
        assert_eq!(code(UpstreamError::Unreachable(String::new())), (502, "upstream_unreachable"));
        assert_eq!(code(UpstreamError::TimedOut), (504, "upstream_timed_out"));
        assert_eq!(code(UpstreamError::Broken(String::new())), (502, "upstream_broken"));
        assert_eq!(code(UpstreamError::TooLarge), (502, "upstream_too_large"));
    }

    #[test]
    fn pieces_are_joined() {
        let pieces = |parts: &[&'static str]| {
            let pieces = parts.iter().map(|part| Bytes::from_static(part.as_bytes())).collect();
            Beginning { pieces, ..Beginning::default() }.joined()
        };
        assert_eq!(pieces(&[]), "");
        assert_eq!(pieces(&["a"]), "a");
        assert_eq!(pieces(&["a", "b", "c"]), "abc");
    }
}
