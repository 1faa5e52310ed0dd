//! Stripe's signatures: the header `Stripe-Signature` has a time `t` and one or more `v1`, each HMAC-SHA256 of the
//! time, a point and the body. There are several while a secret is being replaced.

use data_encoding::HEXLOWER_PERMISSIVE;
use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;

use crate::WebhookError;

const HEADER: &str = "stripe-signature";
/// How far from now a message may have been signed, either way.
const TOLERANCE_SECONDS: u64 = 300;

/// Whether one of the signatures is that of the body, and fresh.
pub(super) fn verify(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), WebhookError> {
    if secret.is_empty() {
        // Whoever likes could sign with an empty secret.
        return Err(WebhookError::Unsupported);
    }
    let header = headers.get(HEADER).ok_or(WebhookError::MissingSignature)?;
    let header = header.to_str().map_err(|_| WebhookError::BadSignature)?;
    let items = || header.split(',').filter_map(|item| item.trim().split_once('='));
    let time = items().find(|(name, _)| *name == "t").map(|(_, value)| value).ok_or(WebhookError::BadSignature)?;
    let signed_at: i64 = time.parse().map_err(|_| WebhookError::BadSignature)?;
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| WebhookError::BadSignature)?;
    let mac = mac.chain_update(time).chain_update(".").chain_update(body);
    let is_right = items()
        .filter(|(name, _)| *name == "v1")
        .filter_map(|(_, value)| HEXLOWER_PERMISSIVE.decode(value.as_bytes()).ok())
        // Compared in constant time.
        .any(|signature| mac.clone().verify_slice(&signature).is_ok());
    if !is_right {
        return Err(WebhookError::BadSignature);
    }
    let seconds = now.timestamp().saturating_sub(signed_at);
    if seconds.unsigned_abs() > TOLERANCE_SECONDS { Err(WebhookError::TooOld { seconds }) } else { Ok(()) }
}
