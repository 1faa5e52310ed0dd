//! The bytes of requests. All that stays the same for a payer is made once; for each request only the
//! number in its idempotency key and the quantity are written over, which both have a fixed width.

use std::io::Write;

use reqwest::Url;

use crate::simulate::target::ApiKey;

/// Digits of the number in an idempotency key.
const SEQUENCE_DIGITS: usize = 12;
/// Stands where a quantity will: it has three digits, from 100 to 999.
const QUANTITY: &str = "100";
/// What is reserved by a hold, and what is captured of it, in the payer's currency.
const HELD: &str = "0.002";
const CAPTURED: &str = "0.001";
/// How long a hold stands, in seconds.
const HOLD_SECS: u32 = 300;
const BATCH_OPEN: &[u8] = br#"{"charges":["#;
const BATCH_CLOSE: &[u8] = b"]}";

/// A request with places to be filled in.
#[derive(Debug)]
pub struct Template {
    bytes: Vec<u8>,
    /// Where the number of the idempotency key stands.
    sequence_at: usize,
    body_at: usize,
    /// Where the quantity stands, from the begin of the body; `None` when nothing in it changes.
    quantity_at: Option<usize>,
}

impl Template {
    /// Writes the request with this number into `request`, whatever was in there.
    pub fn fill(&self, sequence: u64, request: &mut Vec<u8>) {
        request.clear();
        request.extend_from_slice(&self.bytes);
        digits(&mut request[self.sequence_at..][..SEQUENCE_DIGITS], sequence);
        self.fill_body(sequence, &mut request[self.body_at..]);
    }

    /// Writes the quantity into a copy of the body.
    fn fill_body(&self, sequence: u64, body: &mut [u8]) {
        if let Some(at) = self.quantity_at {
            digits(&mut body[at..][..QUANTITY.len()], 100 + sequence % 900);
        }
    }

    fn body(&self) -> &[u8] {
        &self.bytes[self.body_at..]
    }
}

/// Writes a number in decimal, from the right, with zeros before it.
fn digits(places: &mut [u8], mut number: u64) {
    for place in places.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Makes the requests of one run.
#[derive(Debug)]
pub struct Composer {
    /// What stands before `/v1`.
    prefix: String,
    host: String,
    api_key: ApiKey,
    /// Begins every idempotency key.
    run: String,
}

impl Composer {
    /// For a server, or several that are addressed alike.
    pub fn new(url: &Url, api_key: ApiKey, run: String) -> Self {
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Self { prefix: url.path().trim_end_matches('/').to_owned(), host, api_key, run }
    }

    /// A charge of a meter. `payer` is the member of the body that says who pays.
    pub fn charge(&self, payer: &str, meter: &str) -> Template {
        let before = format!(r#"{{{payer},"meter":"{meter}","quantity":""#);
        let template = self.template("/v1/charges", &format!(r#"{before}{QUANTITY}"}}"#));
        Template { quantity_at: Some(before.len()), ..template }
    }

    /// A hold.
    pub fn hold(&self, payer: &str) -> Template {
        self.template("/v1/holds", &format!(r#"{{{payer},"amount":"{HELD}","ttl_secs":{HOLD_SECS}}}"#))
    }

    /// The capture of a hold, by the hold's id, into `request`.
    pub fn capture(&self, hold: &str, sequence: u64, request: &mut Vec<u8>) {
        let path = format!("/v1/holds/{hold}/capture");
        self.template(&path, &format!(r#"{{"amount":"{CAPTURED}"}}"#)).fill(sequence, request);
    }

    /// The charges of these payers together, into `request`.
    pub fn batch(&self, charges: &[Template], payers: &[usize], sequence: u64, request: &mut Vec<u8>) {
        let items: usize = payers.iter().map(|payer| charges[*payer].body().len()).sum();
        let commas = payers.len().saturating_sub(1);
        let body_bytes = BATCH_OPEN.len() + items + commas + BATCH_CLOSE.len();
        let (mut head, sequence_at) = self.head("/v1/charges/batch", body_bytes);
        digits(&mut head[sequence_at..][..SEQUENCE_DIGITS], sequence);
        request.clear();
        request.append(&mut head);
        request.extend_from_slice(BATCH_OPEN);
        for (index, payer) in payers.iter().enumerate() {
            if index > 0 {
                request.push(b',');
            }
            let (charge, begin) = (&charges[*payer], request.len());
            request.extend_from_slice(charge.body());
            charge.fill_body(sequence + index as u64, &mut request[begin..]);
        }
        request.extend_from_slice(BATCH_CLOSE);
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Vec<u8> {
        let mut request = self.first_lines("GET", path);
        request.push_str("\r\n");
        request.into_bytes()
    }

    fn first_lines(&self, method: &str, path: &str) -> String {
        let Self { prefix, host, api_key, .. } = self;
        format!("{method} {prefix}{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n", api_key.reveal())
    }

    /// The head of a POST whose number is still to be written, and where that stands.
    fn head(&self, path: &str, body_bytes: usize) -> (Vec<u8>, usize) {
        let mut head = self.first_lines("POST", path).into_bytes();
        head.extend_from_slice(b"content-type: application/json\r\nidempotency-key: ");
        head.extend_from_slice(self.run.as_bytes());
        head.push(b'-');
        let sequence_at = head.len();
        head.extend_from_slice(&[b'0'; SEQUENCE_DIGITS]);
        // Writing into memory cannot fail.
        let _ = write!(head, "\r\ncontent-length: {body_bytes}\r\n\r\n");
        (head, sequence_at)
    }

    fn template(&self, path: &str, body: &str) -> Template {
        let (mut bytes, sequence_at) = self.head(path, body.len());
        let body_at = bytes.len();
        bytes.extend_from_slice(body.as_bytes());
        Template { bytes, sequence_at, body_at, quantity_at: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composer() -> Composer {
        let url = Url::parse("http://127.0.0.1:8400/under/").unwrap();
        Composer::new(&url, "tb_key".parse().unwrap(), "bench-ab".to_owned())
    }

    fn text(bytes: &[u8]) -> (String, String) {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn assert_length(head: &str, body: &str) {
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}\n{body}");
    }

    #[test]
    fn a_charge_differs_in_its_key_and_its_quantity() {
        let template = composer().charge(r#""customer_id":"cus_1""#, "m");
        let mut request = b"what was there before".to_vec();
        template.fill(1_234, &mut request);
        let (head, body) = text(&request);
        assert_eq!(body, r#"{"customer_id":"cus_1","meter":"m","quantity":"434"}"#);
        assert!(head.starts_with("POST /under/v1/charges HTTP/1.1\r\nhost: 127.0.0.1:8400\r\n"), "{head}");
        assert!(head.contains("\r\nauthorization: Bearer tb_key\r\n"));
        assert!(head.contains("\r\nidempotency-key: bench-ab-000000001234\r\n"), "{head}");
        assert_length(&head, &body);
        let mut again = Vec::new();
        template.fill(1_234, &mut again);
        assert_eq!(request, again);
        assert!(!format!("{:?}", composer()).contains("tb_key"));
    }

    #[test]
    fn a_batch_has_the_charges_in_order() {
        let composer = composer();
        let charges = [r#""customer_id":"cus_1""#, r#""session_key_id":"ses_1""#].map(|who| composer.charge(who, "m"));
        let mut request = Vec::new();
        composer.batch(&charges, &[1, 0], 899, &mut request);
        let (head, body) = text(&request);
        let expected = concat!(
            r#"{"charges":[{"session_key_id":"ses_1","meter":"m","quantity":"999"},"#,
            r#"{"customer_id":"cus_1","meter":"m","quantity":"100"}]}"#
        );
        assert_eq!(body, expected);
        assert_length(&head, &body);
        assert!(head.contains("bench-ab-000000000899\r\n"));
    }

    #[test]
    fn holds_and_their_captures() {
        let (composer, mut request) = (composer(), Vec::new());
        composer.hold(r#""customer_id":"cus_1""#).fill(5, &mut request);
        let (head, body) = text(&request);
        assert_eq!(body, r#"{"customer_id":"cus_1","amount":"0.002","ttl_secs":300}"#);
        assert_length(&head, &body);
        composer.capture("hold_1", 6, &mut request);
        let (head, body) = text(&request);
        assert_eq!(body, r#"{"amount":"0.001"}"#);
        assert!(head.starts_with("POST /under/v1/holds/hold_1/capture HTTP/1.1\r\n"));
        assert_length(&head, &body);
    }

    #[test]
    fn a_get_has_no_body() {
        let (head, body) = text(&composer().get("/metrics"));
        assert!(head.starts_with("GET /under/metrics HTTP/1.1\r\n") && body.is_empty());
    }

    #[test]
    fn digits_have_a_fixed_width() {
        let mut places = *b"xxx";
        digits(&mut places, 7);
        assert_eq!(&places, b"007");
        digits(&mut places, 12_345);
        assert_eq!(&places, b"345");
    }
}
