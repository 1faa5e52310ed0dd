//! What is asked of a model, as bytes: straight from the upstream, or through the gateway, with what pays for it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Url;
use rust_decimal::Decimal;
use serde_json::json;

use crate::simulate::wallet::{Session, units_up};
use crate::simulate::x402::{Offer, PAYMENT_SIGNATURE};

/// Words of the prompt, and of the answer: a token each.
pub const PROMPT_TOKENS: u32 = 100;
pub const ANSWER_TOKENS: u32 = 50;
/// What the gateway may reckon for a prompt: two bytes a word, and something for the rest of the request.
const PROMPT_TOKENS_MAX: u32 = 2 * PROMPT_TOKENS + 512;

/// What a million tokens cost, in USD or USDC: given to the model, and given back.
pub const MILLION: [Decimal; 2] = [Decimal::from_parts(1, 0, 0, false, 0), Decimal::from_parts(4, 0, 0, false, 0)];

/// A session key that pays with vouchers, each higher than the one before.
#[derive(Debug)]
pub struct Signer {
    session: Session,
    offer: Offer,
    /// What a request may cost at most, in atomic units.
    most: u128,
    signed: AtomicU64,
}

impl Signer {
    /// Pays this offer with this session key; `None` when what a request costs cannot be promised.
    pub fn new(session: Session, offer: Offer) -> Option<Self> {
        let [input, output] = MILLION;
        let million = Decimal::from(1_000_000);
        let most = (Decimal::from(PROMPT_TOKENS_MAX) * input + Decimal::from(ANSWER_TOKENS) * output) / million;
        let most = units_up(most, &session.terms)?;
        Some(Self { session, offer, most, signed: AtomicU64::new(0) })
    }

    /// The header that pays for the next request: it promises the most that all so far may cost.
    fn sign(&self) -> Option<reqwest::header::HeaderValue> {
        let count = self.signed.fetch_add(1, Ordering::Relaxed) + 1;
        let voucher = self.session.key.as_ref()?.promise(&self.session.terms, u128::from(count) * self.most).ok()?;
        self.offer.paid_with(&self.session.terms, &voucher)
    }
}

/// How a request is paid.
#[derive(Debug, Clone)]
pub enum Means {
    /// Not at all: it goes straight to the upstream.
    Straight,
    /// With a gateway key.
    Bearer(Arc<str>),
    /// With a voucher.
    Voucher(Arc<Signer>),
}

/// A chat completion, again and again with another idempotency key.
#[derive(Debug)]
pub struct Question {
    first_lines: String,
    body: Vec<u8>,
    /// Begins every idempotency key.
    run: String,
    numbers: AtomicU64,
}

impl Question {
    /// To a model below this address.
    pub fn new(base: &Url, model: &str, is_streamed: bool, run: String) -> Self {
        let host = base.host_str().unwrap_or_default();
        let host = base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = base.path().trim_end_matches('/');
        let prompt = vec!["a"; PROMPT_TOKENS as usize].join(" ");
        let messages = json!([{ "role": "user", "content": prompt }]);
        let mut body = json!({ "model": model, "messages": messages, "max_completion_tokens": ANSWER_TOKENS });
        if is_streamed {
            body["stream"] = json!(true);
            body["stream_options"] = json!({ "include_usage": true });
        }
        let first_lines = format!(
            "POST {path}/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nidempotency-key: "
        );
        Self { first_lines, body: body.to_string().into_bytes(), run, numbers: AtomicU64::new(0) }
    }

    /// Writes the next request into `request`, whatever was in there; whether it can be paid.
    pub fn compose(&self, means: &Means, request: &mut Vec<u8>) -> bool {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        request.clear();
        request.extend_from_slice(self.first_lines.as_bytes());
        // Writing into memory cannot fail.
        let _ = write!(request, "{}-{number}\r\n", self.run);
        match means {
            Means::Straight => {}
            Means::Bearer(secret) => {
                let _ = write!(request, "authorization: Bearer {secret}\r\n");
            }
            Means::Voucher(signer) => {
                let Some(header) = signer.sign() else { return false };
                let _ = write!(request, "{PAYMENT_SIGNATURE}: ");
                request.extend_from_slice(header.as_bytes());
                request.extend_from_slice(b"\r\n");
            }
        }
        let _ = write!(request, "content-length: {}\r\n\r\n", self.body.len());
        request.extend_from_slice(&self.body);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_differs_in_its_key_and_in_what_pays() {
        let base: Url = "http://127.0.0.1:8402/org_1/m/".parse().unwrap();
        let question = Question::new(&base, "m", false, "run".to_owned());
        let mut request = b"what was there before".to_vec();
        assert!(question.compose(&Means::Straight, &mut request));
        let text = String::from_utf8(request.clone()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /org_1/m/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:8402\r\n"), "{head}");
        assert!(head.contains("\r\nidempotency-key: run-0\r\n") && !head.contains("authorization"), "{head}");
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let content = body["messages"][0]["content"].as_str().unwrap();
        assert_eq!(content.split_whitespace().count(), PROMPT_TOKENS as usize);
        assert!(question.compose(&Means::Bearer("tbk_1".into()), &mut request));
        let text = String::from_utf8(request).unwrap();
        assert!(text.contains("idempotency-key: run-1\r\nauthorization: Bearer tbk_1\r\ncontent-length: "), "{text}");
    }
}
