//! What carries requests to Stripe and answers back, within limits.

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, RequestBuilder};

use super::API_VERSION;
use super::base::Base;
use super::form::Form;
use crate::hosts::{NotPublic, PublicOnly};
use crate::{CallError, Hosts};

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a call may take in all.
pub(super) const CALL_WITHIN: Duration = Duration::from_secs(30);
/// The largest answer.
pub(super) const ANSWER_BYTES_MAX: usize = 1 << 20;

const VERSION: &str = "stripe-version";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const REQUEST_ID: &str = "request-id";
const FORM: &str = "application/x-www-form-urlencoded";

/// The connections that all share: to this machine, and to others by way of a proxy if there is one, wherever they are
/// or only where their addresses are public.
static HERE: OnceLock<reqwest::Client> = OnceLock::new();
static ELSEWHERE: OnceLock<reqwest::Client> = OnceLock::new();
static PUBLIC: OnceLock<reqwest::Client> = OnceLock::new();

fn builder() -> ClientBuilder {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .user_agent(concat!("tollbook/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_WITHIN)
}

fn connections(base: &Base) -> Result<reqwest::Client, CallError> {
    let kept = match (base.is_loopback, base.hosts) {
        (true, _) => &HERE,
        (false, Hosts::Any) => &ELSEWHERE,
        (false, Hosts::Public) => &PUBLIC,
    };
    if let Some(client) = kept.get() {
        return Ok(client.clone());
    }
    let made = match (base.is_loopback, base.hosts) {
        // A machine without certificates can still speak with itself.
        (true, _) => builder().no_proxy().build().or_else(|_| builder().no_proxy().tls_certs_only([]).build()),
        (false, Hosts::Any) => builder().build(),
        (false, Hosts::Public) => builder().dns_resolver(PublicOnly::new()).build(),
    };
    let made = made.map_err(|error| CallError::Misconfigured(format!("no calls can be made: {}", told(error))))?;
    Ok(kept.get_or_init(|| made).clone())
}

/// In the order of its causes, without the URL: its query names a payment.
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

/// Whether nobody was called, because the name leads to where connectors may not call.
fn is_not_public(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whatever else went wrong on the way, the request may have arrived.
fn lost(error: reqwest::Error) -> CallError {
    if is_not_public(&error) {
        return CallError::Misconfigured(told(error));
    }
    let what = if error.is_timeout() { "no answer in time" } else { "no answer" };
    CallError::Unknown(format!("{what}: {}", told(error)))
}

/// What Stripe answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// As it came.
    pub(super) body: Vec<u8>,
    /// Stripe's id for the request, for whoever asks their support.
    pub(super) request_id: Option<String>,
}

/// Calls Stripe.
pub(super) struct Client {
    connections: reqwest::Client,
    base: String,
    authorization: HeaderValue,
    within: Duration,
}

impl Client {
    /// To this base, with this key.
    pub(super) fn new(api_base: Option<&str>, hosts: Hosts, secret_key: &str) -> Result<Self, CallError> {
        let base = Base::new(api_base, hosts)?;
        let key = secret_key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CallError::Misconfigured("the secret key is empty, or is none of Stripe's".to_owned()));
        }
        let authorization = HeaderValue::from_str(&format!("Bearer {key}"));
        let mut authorization =
            authorization.map_err(|_| CallError::Misconfigured("the secret key is no header".to_owned()))?;
        authorization.set_sensitive(true);
        let connections = connections(&base)?;
        Ok(Self { connections, base: base.url, authorization, within: CALL_WITHIN })
    }

    /// Where it calls.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// With less patience.
    #[cfg(test)]
    pub(super) fn set_within(&mut self, within: Duration) {
        self.within = within;
    }

    /// Asks how something is.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, CallError> {
        self.send(self.connections.get(format!("{}{path}", self.base))).await
    }

    /// Asks for something to be done, once for each key.
    pub(super) async fn post(&self, path: &str, idempotency_key: &str, form: &Form) -> Result<Answer, CallError> {
        let request = self.connections.post(format!("{}{path}", self.base));
        let request = request.header(IDEMPOTENCY_KEY, idempotency_key).header(CONTENT_TYPE, FORM);
        self.send(request.body(form.encoded())).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let request = request.header(AUTHORIZATION, self.authorization.clone()).header(VERSION, API_VERSION);
        let mut response = request.timeout(self.within).send().await.map_err(lost)?;
        let request_id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(lost)? {
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(CallError::Unknown(format!("the answer has more than {ANSWER_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status: response.status().as_u16(), body, request_id })
    }
}
