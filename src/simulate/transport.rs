//! One HTTP request, tried until it is answered.
//!
//! Whatever may pass is tried again with the same idempotency key: a connection that fails, an answer
//! that does not come, a 503. So it does not matter whether the server did the work before it died.
//! Every other refusal is final.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::target::{Target, is_loopback};

/// How long one attempt may take. Queries wait on the server for at most 2 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request is tried again while the server is away.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// How long a query is tried again while a read model is behind.
const PATIENCE_BEHIND: Duration = Duration::from_secs(60);
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// A server that asks for a longer pause is asked again after this one.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server said no.
    #[error("{status} {code}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's code.
        code: String,
        /// The problem in words.
        detail: String,
        /// What a voucher must say at least, in atomic units, where that is the problem.
        needed_atomic: Option<u64>,
    },
    /// It was tried until patience ended.
    #[error("gave up after {} s: {reason}", .after.as_secs())]
    Unavailable {
        /// How long it was tried.
        after: Duration,
        /// What the last attempt met.
        reason: String,
    },
    /// The answer is not what the API promises.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
    /// The request cannot even be made.
    #[error("cannot make the request: {0}")]
    Impossible(String),
}

/// An answer and how it came about.
#[derive(Debug)]
pub struct Answer<T> {
    /// What the server said.
    pub value: T,
    /// Attempts before the one that was answered.
    pub retries: u32,
    /// The server had done this before and gave the first answer again.
    pub replayed: bool,
}

/// The part of an RFC 9457 problem that is shown.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    title: String,
    code: String,
    detail: String,
    needed_atomic: Option<String>,
}

impl Problem {
    /// Whatever stands between may answer without a problem document; then there is only the status.
    pub(super) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// As what the server said.
    pub(super) fn refused(self, status: StatusCode) -> CallError {
        let detail = if self.detail.is_empty() { self.title } else { self.detail };
        let needed_atomic = self.needed_atomic.and_then(|digits| digits.parse().ok());
        CallError::Refused { status: status.as_u16(), code: self.code, detail, needed_atomic }
    }
}

/// A request that can be sent as often as it takes.
#[derive(Debug)]
pub struct Call<'a> {
    /// GET, POST, PUT or DELETE.
    pub method: Method,
    /// The API's path below `/v1`.
    pub path: &'a [&'a str],
    /// The query.
    pub query: &'a [(&'a str, &'a str)],
    /// The idempotency key, the same in every attempt.
    pub key: Option<&'a str>,
    /// A JSON body, the same bytes in every attempt.
    pub body: Option<Vec<u8>>,
}

/// An attempt that may go better another time.
struct Passing {
    reason: String,
    retry_after: Duration,
    patience: Duration,
}

enum Attempt<T> {
    Answered { value: T, replayed: bool },
    Passing(Passing),
    Final(CallError),
}

/// Sends requests to one server with one API key. Connections are kept and shared.
#[derive(Debug)]
pub struct Transport {
    http: reqwest::Client,
    base: Url,
    retries: AtomicU64,
}

impl Transport {
    /// Keeps up to `connections` connections open.
    pub fn new(target: &Target, connections: usize) -> Result<Self, CallError> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", target.api_key.reveal()))
            .map_err(|_| CallError::Impossible("the API key is not a header value".to_owned()))?;
        bearer.set_sensitive(true);
        let mut http = reqwest::Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .pool_max_idle_per_host(connections)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ATTEMPT_TIMEOUT)
            // A redirected POST would come back as a GET.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&target.url) {
            // A proxy of the environment would look for the server on its own machine.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| CallError::Impossible(explain(&error)))?;
        Ok(Self { http, base: target.url.clone(), retries: AtomicU64::new(0) })
    }

    /// Attempts so far that had to be repeated, over all requests.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Counts a request that somebody else repeats, with another body.
    pub fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Sends a request, again and again while what keeps it from being answered may pass.
    pub async fn send<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Answer<T>, CallError> {
        let url = self.url(call)?;
        let begun = Instant::now();
        let mut retries = 0;
        loop {
            let passing = match self.attempt(call, &url).await {
                Attempt::Answered { value, replayed } => {
                    return Ok(Answer { value, retries, replayed });
                }
                Attempt::Final(error) => return Err(error),
                Attempt::Passing(passing) => passing,
            };
            let pause = pause(retries, passing.retry_after);
            if begun.elapsed() + pause > passing.patience {
                return Err(CallError::Unavailable { after: begun.elapsed(), reason: passing.reason });
            }
            retries += 1;
            self.count_retry();
            sleep(pause).await;
        }
    }

    /// Sends a request a single time, for those who would rather know at once.
    pub async fn send_once<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, CallError> {
        match self.attempt(call, &self.url(call)?).await {
            Attempt::Answered { value, .. } => Ok(value),
            Attempt::Final(error) => Err(error),
            Attempt::Passing(Passing { reason, .. }) => Err(CallError::Unavailable { after: Duration::ZERO, reason }),
        }
    }

    /// Gets a file, a single time.
    pub async fn file(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<u8>, CallError> {
        let url = self.url(&Call { method: Method::GET, path, query, key: None, body: None })?;
        let lost = |error: reqwest::Error| CallError::Unavailable { after: Duration::ZERO, reason: explain(&error) };
        let response = self.http.get(url).send().await.map_err(lost)?;
        let status = response.status();
        let body = response.bytes().await.map_err(lost)?;
        if status.is_success() { Ok(body.to_vec()) } else { Err(Problem::read(&body).refused(status)) }
    }

    fn url(&self, call: &Call<'_>) -> Result<Url, CallError> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => segments.pop_if_empty().push("v1").extend(call.path),
            Err(()) => return Err(CallError::Impossible(format!("{} takes no path", self.base))),
        };
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        Ok(url)
    }

    async fn attempt<T: DeserializeOwned>(&self, call: &Call<'_>, url: &Url) -> Attempt<T> {
        let mut request = self.http.request(call.method.clone(), url.clone());
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return lost(&error),
        };
        let status = response.status();
        let replayed = response.headers().contains_key("idempotent-replayed");
        let retry_after = retry_after(response.headers());
        match response.bytes().await {
            Err(error) => lost(&error),
            Ok(body) if status.is_success() => match serde_json::from_slice(&body) {
                Ok(value) => Attempt::Answered { value, replayed },
                Err(error) => Attempt::Final(CallError::Unexpected(format!("{} {}: {error}", call.method, url.path()))),
            },
            Ok(body) => refused(status, &body, retry_after),
        }
    }
}

fn lost<T>(error: &reqwest::Error) -> Attempt<T> {
    if error.is_builder() {
        return Attempt::Final(CallError::Impossible(explain(error)));
    }
    Attempt::Passing(Passing { reason: explain(error), retry_after: Duration::ZERO, patience: PATIENCE })
}

fn refused<T>(status: StatusCode, body: &[u8], retry_after: Duration) -> Attempt<T> {
    let refused = Problem::read(body).refused(status);
    let CallError::Refused { status: 503, code, .. } = &refused else { return Attempt::Final(refused) };
    let behind = code == "not_caught_up";
    Attempt::Passing(Passing {
        reason: refused.to_string(),
        retry_after,
        patience: if behind { PATIENCE_BEHIND } else { PATIENCE },
    })
}

/// How long to pause before the next attempt: twice as long each time, and at least as long as asked.
pub(super) fn pause(retries: u32, asked: Duration) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(2_u32.saturating_pow(retries));
    doubled.min(BACKOFF_MAX).max(asked.min(RETRY_AFTER_MAX))
}

pub(super) fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// The error and its causes: reqwest alone only says which URL it was.
pub(super) fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_cap_and_honour_what_the_server_asks() {
        let ms = Duration::from_millis;
        assert_eq!(pause(0, Duration::ZERO), ms(50));
        assert_eq!(pause(3, Duration::ZERO), ms(400));
        assert_eq!(pause(40, Duration::ZERO), BACKOFF_MAX);
        assert_eq!(pause(0, ms(1_000)), ms(1_000));
        assert_eq!(pause(0, ms(3_600_000)), RETRY_AFTER_MAX);
    }

    #[test]
    fn only_a_503_passes() {
        let problem = br#"{"code":"insufficient_funds","title":"Payment Required"}"#;
        let attempt: Attempt<()> = refused(StatusCode::PAYMENT_REQUIRED, problem, Duration::ZERO);
        assert!(matches!(
            attempt,
            Attempt::Final(CallError::Refused { status: 402, code, detail, needed_atomic: None })
                if code == "insufficient_funds" && detail == "Payment Required"
        ));
        let problem = br#"{"code":"voucher_too_low","needed_atomic":"1500001"}"#;
        let attempt: Attempt<()> = refused(StatusCode::PAYMENT_REQUIRED, problem, Duration::ZERO);
        assert!(matches!(attempt, Attempt::Final(CallError::Refused { needed_atomic: Some(1_500_001), .. })));
        for (code, patience) in [("overloaded", 120), ("not_caught_up", 60)] {
            let problem = format!(r#"{{"code":"{code}"}}"#);
            let attempt: Attempt<()> = refused(StatusCode::SERVICE_UNAVAILABLE, problem.as_bytes(), Duration::ZERO);
            assert!(matches!(attempt, Attempt::Passing(p) if p.patience.as_secs() == patience));
        }
    }
}
