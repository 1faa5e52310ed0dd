//! One request of a run through the gateway, tried until it is answered: what is asked, how it is paid, and what is
//! read of the answer.
//!
//! A row is asked for as it was in the trace: a prompt with so many words, and an answer with so many. The answer must
//! say that it used just that, and its headers what it cost.
//!
//! Whatever may pass is tried again with the same idempotency key. A key whose request came to nothing for good (the
//! upstream failed, or Tollbook died and the hold has run out) is spent, and the next one is taken, which also follows
//! from the row: a run that is started again finds its way along the same keys.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::client::{Charge, Client};
use super::target::is_loopback;
use super::trace::Row;
use super::transport::{Answer, CONNECT_TIMEOUT, CallError, Problem, explain, pause, retry_after};
use super::wallet::Session;
use super::x402::{Offer, PAYMENT_SIGNATURE, Required};

/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a request is tried again. A hold that nobody ends any more stands for about two minutes.
const PATIENCE: Duration = Duration::from_secs(240);
/// How many keys a row may use up.
const KEYS_MAX: u32 = 5;
/// The word that prompts are made of.
const WORD: &str = "a ";

/// Who pays for a request, and with what.
#[derive(Debug, Clone, Copy)]
pub enum Purse<'a> {
    /// A gateway key.
    Bearer(&'a HeaderValue),
    /// A session key of the client's: it promises so much, in atomic units, and more when that is asked for.
    Vouchers(&'a Session, u128),
}

/// Where requests are sent.
#[derive(Debug)]
pub struct Till {
    http: reqwest::Client,
    chat: Url,
    embeddings: Url,
    model: String,
    /// Counts what is repeated.
    client: Arc<Client>,
    /// What vouchers pay.
    offer: Option<Offer>,
}

/// What came of an attempt.
enum Attempt {
    Paid {
        amount: Decimal,
        replayed: bool,
    },
    Passing {
        reason: String,
        retry_after: Duration,
    },
    /// Nothing was charged with this key, and nothing ever will be.
    Spent(CallError),
    /// A voucher must say this much.
    TooLow {
        needed: u128,
        refused: CallError,
    },
    Final(CallError),
}

impl Till {
    /// Below this address of the gateway, for this model; keeps up to `connections` connections.
    pub fn new(base: &Url, model: String, client: Arc<Client>, connections: usize) -> Result<Self, CallError> {
        let mut http = reqwest::Client::builder()
            .pool_max_idle_per_host(connections)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ATTEMPT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(base) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| CallError::Impossible(explain(&error)))?;
        let below = |path: &[&str]| {
            let mut url = base.clone();
            match url.path_segments_mut() {
                Ok(mut segments) => segments.pop_if_empty().extend(path),
                Err(()) => return Err(CallError::Impossible(format!("{base} takes no path"))),
            };
            Ok(url)
        };
        let (chat, embeddings) = (below(&["chat", "completions"])?, below(&["embeddings"])?);
        Ok(Self { http, chat, embeddings, model, client, offer: None })
    }

    /// Vouchers pay this from now on.
    pub fn accept(&mut self, offer: Offer) {
        self.offer = Some(offer);
    }

    /// Asks without paying, and gives what is asked for then; `None` when the answer is no 402.
    pub async fn ask(&self) -> Result<Option<Required>, CallError> {
        let row = Row { at_us: 0, input_tokens: 1, output_tokens: 1 };
        let (url, body) = self.request(&row);
        let request = self.http.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let response = request
            .send()
            .await
            .map_err(|error| CallError::Unavailable { after: Duration::ZERO, reason: explain(&error) })?;
        match response.status() {
            StatusCode::PAYMENT_REQUIRED => Ok(Required::read(response.headers())),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(CallError::Unexpected(format!("{url} without a payment: {status}"))),
        }
    }

    /// What is asked for a row: a row without an answer is an embedding.
    fn request(&self, row: &Row) -> (&Url, Vec<u8>) {
        let prompt = WORD.repeat(row.input_tokens as usize);
        let prompt = prompt.trim_end();
        let (url, body) = match row.output_tokens {
            0 => (&self.embeddings, json!({ "model": self.model, "input": prompt })),
            tokens => {
                let messages = json!([{ "role": "user", "content": prompt }]);
                let body = json!({ "model": self.model, "messages": messages, "max_completion_tokens": tokens });
                (&self.chat, body)
            }
        };
        (url, body.to_string().into_bytes())
    }

    /// Has a row answered and paid for.
    pub async fn buy(&self, row: &Row, key: &str, mut purse: Purse<'_>) -> Result<Answer<Charge>, CallError> {
        let (url, body) = self.request(row);
        let (begun, mut retries, mut keys) = (Instant::now(), 0, 1);
        loop {
            let key = if keys == 1 { key.to_owned() } else { format!("{key}.{keys}") };
            let mut wait = Duration::ZERO;
            match self.attempt(row, url, &body, &key, purse).await {
                Attempt::Paid { amount, replayed } => {
                    let value = Charge { amount, position: None };
                    return Ok(Answer { value, retries, replayed });
                }
                Attempt::Passing { reason, retry_after } => {
                    wait = pause(retries, retry_after);
                    if begun.elapsed() + wait > PATIENCE {
                        return Err(CallError::Unavailable { after: begun.elapsed(), reason });
                    }
                }
                Attempt::Spent(refused) if keys == KEYS_MAX => return Err(refused),
                Attempt::Spent(_) => keys += 1,
                Attempt::TooLow { needed, refused } => purse = purse.raised(needed).ok_or(refused)?,
                Attempt::Final(error) => return Err(error),
            }
            retries += 1;
            self.client.count_retry();
            sleep(wait).await;
        }
    }

    async fn attempt(&self, row: &Row, url: &Url, body: &[u8], key: &str, purse: Purse<'_>) -> Attempt {
        let request = self.http.post(url.clone()).header(CONTENT_TYPE, "application/json");
        let request = request.header("idempotency-key", key).body(body.to_vec());
        let request = match self.pay(purse) {
            Ok((name, value)) => request.header(name, value),
            Err(error) => return Attempt::Final(error),
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return lost(&error),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        match response.bytes().await {
            Ok(body) => judge(row, status, &headers, &body, purse),
            Err(error) => lost(&error),
        }
    }

    fn pay(&self, purse: Purse<'_>) -> Result<(HeaderName, HeaderValue), CallError> {
        match purse {
            Purse::Bearer(key) => Ok((AUTHORIZATION, key.clone())),
            Purse::Vouchers(session, units) => {
                let impossible = |why: String| CallError::Impossible(why);
                let key = session.key.as_ref().ok_or_else(|| impossible("the key is not the client's".to_owned()))?;
                let voucher = key.promise(&session.terms, units).map_err(|error| impossible(error.to_string()))?;
                let header = self.offer.as_ref().and_then(|offer| offer.paid_with(&session.terms, &voucher));
                let header = header.ok_or_else(|| impossible("there is no offer".to_owned()))?;
                Ok((HeaderName::from_static(PAYMENT_SIGNATURE), header))
            }
        }
    }
}

impl Purse<'_> {
    /// With a higher promise, when that is higher and no more than the session may owe.
    fn raised(self, needed: u128) -> Option<Self> {
        match self {
            Self::Vouchers(session, signed) => {
                let most = session.units(session.owes).ok()?;
                (signed + 1..=most).contains(&needed).then_some(Self::Vouchers(session, needed))
            }
            Self::Bearer(_) => None,
        }
    }
}

fn lost(error: &reqwest::Error) -> Attempt {
    if error.is_builder() {
        return Attempt::Final(CallError::Impossible(explain(error)));
    }
    Attempt::Passing { reason: explain(error), retry_after: Duration::ZERO }
}

/// What an answer means.
fn judge(row: &Row, status: StatusCode, headers: &HeaderMap, body: &[u8], purse: Purse<'_>) -> Attempt {
    if status.is_success() {
        return match used(row, body).and_then(|()| cost(headers)) {
            Ok(amount) => Attempt::Paid { amount, replayed: headers.contains_key("idempotent-replayed") },
            Err(error) => Attempt::Final(error),
        };
    }
    let refused = Problem::read(body).refused(status);
    let code = match &refused {
        CallError::Refused { code, .. } => code.as_str(),
        _ => "",
    };
    match (status.as_u16(), code) {
        // It was answered before, and the answer is gone; what it cost is not.
        (409, "answer_not_kept") => match cost(headers) {
            Ok(amount) => Attempt::Paid { amount, replayed: true },
            Err(error) => Attempt::Final(error),
        },
        (409, "request_in_progress") | (429 | 503, _) => {
            Attempt::Passing { reason: refused.to_string(), retry_after: retry_after(headers) }
        }
        (409, "idempotency_key_spent") | (502 | 504, _) => Attempt::Spent(refused),
        (402, _) => match (purse, Required::read(headers)) {
            (Purse::Vouchers(session, _), Some(required)) => {
                match required.session(&session.terms).and_then(|offer| offer.required()) {
                    Some(needed) => Attempt::TooLow { needed, refused },
                    None => Attempt::Final(refused),
                }
            }
            _ => Attempt::Final(refused),
        },
        _ => Attempt::Final(refused),
    }
}

/// That the answer used what the trace says.
fn used(row: &Row, body: &[u8]) -> Result<(), CallError> {
    #[derive(Deserialize)]
    struct Answered {
        usage: Usage,
    }
    #[derive(Deserialize)]
    struct Usage {
        prompt_tokens: u32,
        #[serde(default)]
        completion_tokens: u32,
    }
    let unexpected = |what: String| CallError::Unexpected(format!("the answer to a request of the trace: {what}"));
    let Answered { usage } = serde_json::from_slice(body).map_err(|error| unexpected(error.to_string()))?;
    let (found, wanted) = ((usage.prompt_tokens, usage.completion_tokens), (row.input_tokens, row.output_tokens));
    if found == wanted { Ok(()) } else { Err(unexpected(format!("{found:?} tokens instead of {wanted:?}"))) }
}

/// What the headers say that it cost.
fn cost(headers: &HeaderMap) -> Result<Decimal, CallError> {
    let cost = headers.get("x-tollbook-cost").and_then(|value| Decimal::from_str_exact(value.to_str().ok()?).ok());
    cost.ok_or_else(|| CallError::Unexpected("a paid answer without x-tollbook-cost".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row = Row { at_us: 0, input_tokens: 3, output_tokens: 2 };

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn judged(status: u16, told: &[(&'static str, &str)], body: &str) -> Attempt {
        let key = HeaderValue::from_static("Bearer tbk_1");
        let status = StatusCode::from_u16(status).unwrap();
        judge(&ROW, status, &headers(told), body.as_bytes(), Purse::Bearer(&key))
    }

    #[test]
    fn a_paid_answer_says_what_it_used_and_what_it_cost() {
        let body = r#"{"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
        let cost = ("x-tollbook-cost", "0.000039");
        let expected = Decimal::new(39, 6);
        assert!(matches!(judged(200, &[cost], body), Attempt::Paid { amount, replayed: false } if amount == expected));
        let replayed = ("idempotent-replayed", "true");
        assert!(matches!(judged(200, &[cost, replayed], body), Attempt::Paid { replayed: true, .. }));
        assert!(matches!(judged(200, &[], body), Attempt::Final(CallError::Unexpected(_))));
        for other in [r#"{"usage":{"prompt_tokens":3,"completion_tokens":1}}"#, r#"{"usage":null}"#, "{"] {
            assert!(matches!(judged(200, &[cost], other), Attempt::Final(CallError::Unexpected(_))), "{other}");
        }
        let gone = r#"{"code":"answer_not_kept"}"#;
        assert!(matches!(judged(409, &[cost], gone), Attempt::Paid { replayed: true, .. }));
    }

    #[test]
    fn what_may_pass_is_told_from_what_may_not() {
        let problem = |code: &str| format!(r#"{{"code":"{code}"}}"#);
        for (status, code) in [(503, "overloaded"), (429, "too_many_requests"), (409, "request_in_progress")] {
            let attempt = judged(status, &[("retry-after", "7")], &problem(code));
            assert!(matches!(attempt, Attempt::Passing { retry_after, .. } if retry_after.as_secs() == 7), "{code}");
        }
        for (status, code) in [(409, "idempotency_key_spent"), (502, "upstream_unreachable"), (504, "")] {
            assert!(matches!(judged(status, &[], &problem(code)), Attempt::Spent(_)), "{code}");
        }
        for (status, code) in [(402, "insufficient_funds"), (422, "idempotency_key_reused"), (404, "route_not_found")] {
            assert!(matches!(judged(status, &[], &problem(code)), Attempt::Final(_)), "{code}");
        }
    }
}
