//! The wire of x402, versions 1 and 2: what the headers and bodies say, and how they are read.
//!
//! Everything that comes in is hostile until it was read here: a header has a most length, an amount is digits,
//! an address is one. What a payload is worth, [`exact`](super::exact) and the ledger decide. Version 2 is the
//! form that everything else in the gateway works with; version 1 knows `exact` only and is turned into it.

use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use domain::evm::{Address, Bytes32, HexBytes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::evm::SIGNATURE_BYTES_MAX;
use crate::problem::Problem;

mod told;

pub use told::{KnownVoucher, Receipt, ReceiptExtra, State};

/// What a payment header may have at most.
pub const HEADER_BYTES_MAX: usize = 8 << 10;
/// The header of a version 2 payment.
pub const PAYMENT_SIGNATURE: &str = "payment-signature";
/// The header of a version 1 payment.
pub const X_PAYMENT: &str = "x-payment";
/// The header with the offers, version 2.
pub const PAYMENT_REQUIRED: &str = "payment-required";
/// The header with the receipt, version 2.
pub const PAYMENT_RESPONSE: &str = "payment-response";
/// The header with the receipt, version 1.
pub const X_PAYMENT_RESPONSE: &str = "x-payment-response";

/// One EIP-3009 transfer for each request.
pub const EXACT: &str = "exact";
/// Cumulative vouchers of a session key.
pub const SESSION: &str = "session";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `X-PAYMENT`, and the offers in the body.
    V1,
    /// `PAYMENT-SIGNATURE`, and the offers in a header.
    V2,
}

impl Version {
    /// As `x402Version` has it.
    pub const fn number(self) -> u64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// The header that a receipt of this version stands in.
    pub const fn receipt_header(self) -> &'static str {
        match self {
            Self::V1 => X_PAYMENT_RESPONSE,
            Self::V2 => PAYMENT_RESPONSE,
        }
    }
}

/// Why a payment is not taken: one of x402's reason codes, or one of ours. It becomes a 402 with that `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

impl Refusal {
    /// With these words.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// One way to pay, version 2; what the client sends back as `accepted`, and what a facilitator is given as
/// `paymentRequirements`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// [`EXACT`], [`SESSION`], or what we do not know.
    pub scheme: String,
    /// CAIP-2, for example `eip155:8453`.
    pub network: String,
    /// Atomic units, as digits.
    #[serde(with = "digits")]
    pub amount: u128,
    /// The token.
    pub asset: Address,
    /// Who is paid.
    pub pay_to: Address,
    /// How long the client's signature has to hold at least.
    #[serde(default)]
    pub max_timeout_seconds: u64,
    /// What else the scheme needs.
    #[serde(default, deserialize_with = "object_or_nothing")]
    pub extra: Map<String, Value>,
}

impl Offer {
    /// A text of `extra`, for example the token's EIP-712 `name`.
    pub fn extra_text(&self, name: &str) -> Option<&str> {
        self.extra.get(name).and_then(Value::as_str)
    }

    /// Whether it is the same way to pay, to the same payee: what a client sends back is compared with this.
    pub fn matches(&self, other: &Self) -> bool {
        (&self.scheme, &self.network, self.asset, self.pay_to)
            == (&other.scheme, &other.network, other.asset, other.pay_to)
    }
}

/// One way to pay, version 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferV1 {
    /// Always [`EXACT`] where it comes from us.
    pub scheme: String,
    /// A name, for example `base-sepolia`.
    pub network: String,
    /// Atomic units, as digits.
    #[serde(with = "digits")]
    pub max_amount_required: u128,
    /// The URL that is paid for.
    #[serde(default)]
    pub resource: String,
    /// In words.
    #[serde(default)]
    pub description: String,
    /// What the answer will be.
    #[serde(default)]
    pub mime_type: String,
    /// Who is paid.
    pub pay_to: Address,
    /// How long the client's signature has to hold at least.
    #[serde(default)]
    pub max_timeout_seconds: u64,
    /// The token.
    pub asset: Address,
    /// Never there where it comes from us: clients take an object or nothing, and no `null`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub output_schema: Value,
    /// The token's EIP-712 `name` and `version`.
    #[serde(default, deserialize_with = "object_or_nothing")]
    pub extra: Map<String, Value>,
}

impl OfferV1 {
    /// An offer of version 2 as version 1 says it; the network by its name.
    pub fn new(offer: &Offer, network: &str, resource: &Resource) -> Self {
        Self {
            scheme: offer.scheme.clone(),
            network: network.to_owned(),
            max_amount_required: offer.amount,
            resource: resource.url.clone(),
            description: resource.description.clone().unwrap_or_default(),
            mime_type: resource.mime_type.clone().unwrap_or_default(),
            pay_to: offer.pay_to,
            max_timeout_seconds: offer.max_timeout_seconds,
            asset: offer.asset,
            output_schema: Value::Null,
            extra: offer.extra.clone(),
        }
    }

    /// The same as version 2 says it; the network by its CAIP-2 id.
    pub fn into_offer(self, network: String) -> Offer {
        Offer {
            scheme: self.scheme,
            network,
            amount: self.max_amount_required,
            asset: self.asset,
            pay_to: self.pay_to,
            max_timeout_seconds: self.max_timeout_seconds,
            extra: self.extra,
        }
    }
}

/// What is paid for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its URL.
    pub url: String,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the answer will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
}

/// What stands in `PAYMENT-REQUIRED`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Required {
    /// 2.
    #[serde(rename = "x402Version")]
    pub version: u64,
    /// A reason code, or words.
    pub error: String,
    /// What is paid for.
    pub resource: Resource,
    /// The ways to pay.
    pub accepts: Vec<Offer>,
}

/// What pays with `session`: a voucher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionPayload {
    /// The session's id in the contract.
    pub session_id: Bytes32,
    /// Who is paid with it.
    pub payee: Address,
    /// Cumulative.
    #[serde(with = "digits")]
    pub max_claimable: u128,
    /// By the session's key: 65 bytes, or 64 in the compact form.
    #[serde(deserialize_with = "signature")]
    pub signature: HexBytes,
}

/// What pays with `exact`: an authorization of EIP-3009 and its signature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExactPayload {
    /// By `from`, or by whatever rules a smart account has.
    #[serde(deserialize_with = "signature")]
    pub signature: HexBytes,
    /// What was signed.
    pub authorization: Authorization,
}

/// `TransferWithAuthorization` of EIP-3009.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    /// Who pays.
    pub from: Address,
    /// Who is paid.
    pub to: Address,
    /// Atomic units.
    #[serde(with = "digits")]
    pub value: u128,
    /// Valid after this second
    #[serde(with = "digits")]
    pub valid_after: u64,
    /// and before this one.
    #[serde(with = "digits")]
    pub valid_before: u64,
    /// At random; each is good for once.
    pub nonce: Bytes32,
}

/// A payment as it came, read; not checked against any offer yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// Of this version.
    pub version: Version,
    /// CAIP-2 in version 2, a name in version 1.
    pub network: String,
    /// The offer that the client chose; `None` in version 1, which sends none.
    pub accepted: Option<Offer>,
    /// What pays.
    pub payload: Payload,
}

/// What pays.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// A transfer.
    Exact(Box<ExactPayload>),
    /// A voucher.
    Session(Box<SessionPayload>),
}

impl Payload {
    /// Its scheme.
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Exact(_) => EXACT,
            Self::Session(_) => SESSION,
        }
    }
}

/// A value as a header has it: base64 of its JSON.
pub fn encode(value: &impl Serialize) -> Result<HeaderValue, Problem> {
    let json = serde_json::to_vec(value).map_err(|e| Problem::internal().caused_by(e))?;
    HeaderValue::try_from(STANDARD.encode(json)).map_err(|e| Problem::internal().caused_by(e))
}

/// The JSON of a header's value.
pub fn decode_json(header: &[u8]) -> Result<Value, Refusal> {
    let invalid = |detail: String| Refusal::new("invalid_payload", detail);
    if header.len() > HEADER_BYTES_MAX {
        return Err(invalid(format!("the payment header has more than {HEADER_BYTES_MAX} bytes")));
    }
    let text = header.trim_ascii();
    // Clients disagree about alphabet and padding; a payload means the same in each.
    let is_url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let json = if is_url_safe { URL_SAFE_PAD_INDIFFERENT.decode(text) } else { STANDARD_PAD_INDIFFERENT.decode(text) };
    let json = json.map_err(|_| invalid("the payment header is not base64".to_owned()))?;
    serde_json::from_slice(&json).map_err(|_| invalid("the payment header is not base64 of JSON".to_owned()))
}

/// Reads a payment header.
pub fn read(version: Version, header: &[u8]) -> Result<Payment, Refusal> {
    read_json(version, decode_json(header)?)
}

/// Reads a payment, as a header or the body of a facilitator's request has it.
pub fn read_json(version: Version, json: Value) -> Result<Payment, Refusal> {
    let invalid = |detail: &str| Refusal::new("invalid_payload", detail);
    let Value::Object(mut payment) = json else { return Err(invalid("the payment is not a JSON object")) };
    if payment.get("x402Version").and_then(Value::as_u64) != Some(version.number()) {
        let detail = format!("x402Version must be {} in this header", version.number());
        return Err(Refusal::new("invalid_x402_version", detail));
    }
    let mut text = |name: &str| match payment.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (scheme, network, accepted) = match version {
        Version::V1 => {
            let (scheme, network) = (text("scheme"), text("network"));
            (scheme.ok_or_else(|| invalid("scheme is missing"))?, network, None)
        }
        Version::V2 => {
            let accepted = payment.remove("accepted").ok_or_else(|| invalid("accepted is missing"))?;
            // Whatever else is wrong with it: a scheme that we do not know is told as that.
            let scheme = accepted.get("scheme").and_then(Value::as_str).unwrap_or_default().to_owned();
            if known(version, &scheme) {
                let offer: Offer = serde_json::from_value(accepted)
                    .map_err(|e| Refusal::new("invalid_payload", format!("accepted is not an offer: {e}")))?;
                (scheme, Some(offer.network.clone()), Some(offer))
            } else {
                (scheme, None, None)
            }
        }
    };
    if !known(version, &scheme) {
        let detail = format!("version {} takes no payments by this scheme", version.number());
        return Err(Refusal::new("unsupported_scheme", detail));
    }
    let network = network.ok_or_else(|| invalid("network is missing"))?;
    let payload = payment.remove("payload").ok_or_else(|| invalid("payload is missing"))?;
    let payload = if scheme == EXACT {
        let read = serde_json::from_value(payload);
        let read =
            read.map_err(|e| Refusal::new("invalid_payload", format!("payload is no EIP-3009 transfer: {e}")))?;
        Payload::Exact(Box::new(read))
    } else {
        let read = serde_json::from_value(payload);
        let read = read.map_err(|e| Refusal::new("voucher_malformed", format!("payload is no voucher: {e}")))?;
        Payload::Session(Box::new(read))
    };
    Ok(Payment { version, network, accepted, payload })
}

fn known(version: Version, scheme: &str) -> bool {
    scheme == EXACT || (version == Version::V2 && scheme == SESSION)
}

/// A chain as version 2 names it.
pub fn caip2(chain_id: u64) -> String {
    format!("eip155:{chain_id}")
}

/// A smart account's signature may be long, and not as long as somebody likes.
fn signature<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<HexBytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > 2 + 2 * SIGNATURE_BYTES_MAX {
        return Err(serde::de::Error::custom(format_args!("signature has more than {SIGNATURE_BYTES_MAX} bytes")));
    }
    text.parse().map_err(|e| serde::de::Error::custom(format_args!("signature {e}")))
}

/// Some clients say `null` where they have nothing to say.
fn object_or_nothing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(Map::new()),
        _ => Err(serde::de::Error::custom("extra must be an object")),
    }
}

/// Whole numbers as decimal digits in a string, at most 39 of them. A plain number is read too.
mod digits {
    use std::fmt::Display;

    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(u64),
    }

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: TryFrom<u128>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let units = match Either::deserialize(deserializer)? {
            Either::Number(number) => Some(u128::from(number)),
            Either::Text(text) => {
                let is_digits = (1..=39).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
                is_digits.then(|| text.parse().ok()).flatten()
            }
        };
        let expected = &"a whole number as decimal digits";
        units
            .and_then(|units| T::try_from(units).ok())
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Other("no such number"), expected))
    }
}

#[cfg(test)]
mod tests;
