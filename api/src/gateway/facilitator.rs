//! A facilitator for servers that are paid by x402 themselves: `GET /supported`, `POST /verify`, `POST /settle`.
//!
//! It works for the organization whose API key comes along, and pays to nobody else. `exact` is settled on the chain,
//! `session` charged in the ledger. Success is told once for a payment: a server that answers by it alone must not
//! answer twice for one. Whoever may have lost the answer sends an `Idempotency-Key`: the same key, the same answer.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chain::networks::Network;
use domain::evm::Address;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::exact::{self, Accepted, Seller, SettleError, Unverified, Verified};
use super::x402::{self, EXACT, ExactPayload, Offer, OfferV1, Payload, Receipt, Refusal, SESSION, Version, caip2};
use crate::App;
use crate::app::BODY_BYTES_MAX;
use crate::auth::Principal;
use crate::extract::{self, IdempotencyKey};
use crate::problem::Problem;

mod session;

/// How long a settlement is waited for: below what a request may take.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// The facilitator's routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/supported", get(supported))
        .route("/verify", post(verify))
        .route("/settle", post(settle))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// What is asked of a facilitator, as it comes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(rename = "x402Version", default)]
    version: Option<u64>,
    payment_payload: Value,
    payment_requirements: Value,
}

/// The same, read.
struct Asked {
    /// What has to be paid.
    offer: Offer,
    /// What pays.
    payload: Payload,
    /// What is paid for, as far as the server says it.
    resource: String,
    /// The chain as the caller named it.
    network: String,
}

impl Asked {
    fn read(body: Body) -> Result<Self, Refusal> {
        let payment = &body.payment_payload;
        let version = match body.version.or_else(|| payment.get("x402Version").and_then(Value::as_u64)) {
            Some(1) => Version::V1,
            Some(2) => Version::V2,
            _ => return Err(Refusal::new("invalid_x402_version", "x402Version must be 1 or 2")),
        };
        let of_payload = payment.pointer("/resource/url").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (offer, resource, network) = offer(version, body.payment_requirements, of_payload)?;
        let payment = x402::read_json(version, body.payment_payload)?;
        if payment.payload.scheme() != offer.scheme {
            return Err(Refusal::new("unsupported_scheme", "the payment is not by the scheme of the requirements"));
        }
        if payment.network != network {
            return Err(Refusal::new("invalid_network", "the payment is on another network than the requirements"));
        }
        let is_other =
            payment.accepted.is_some_and(|accepted| !accepted.matches(&offer) || accepted.amount != offer.amount);
        if is_other {
            return Err(mismatch("the payment was made for other requirements"));
        }
        Ok(Self { offer, payload: payment.payload, resource, network })
    }
}

fn mismatch(detail: impl Into<String>) -> Refusal {
    Refusal::new("invalid_payment_requirements", detail)
}

/// The requirements, what is paid for, and the network in the caller's words.
fn offer(version: Version, json: Value, of_payload: String) -> Result<(Offer, String, String), Refusal> {
    let invalid = |error: serde_json::Error| mismatch(format!("paymentRequirements cannot be read: {error}"));
    match version {
        Version::V2 => {
            let offer: Offer = serde_json::from_value(json).map_err(invalid)?;
            let network = offer.network.clone();
            Ok((offer, of_payload, network))
        }
        Version::V1 => {
            let offer: OfferV1 = serde_json::from_value(json).map_err(invalid)?;
            let known = Network::find(&offer.network).ok_or_else(|| {
                Refusal::new("invalid_network", format!("{} is no network that is known here", offer.network))
            })?;
            let (resource, network) = (offer.resource.clone(), offer.network.clone());
            Ok((offer.into_offer(caip2(known.chain_id)), resource, network))
        }
    }
}

/// Schemes, networks with token and contract, and who sends transactions. Whoever sends an API key finds its
/// organization in it.
async fn supported(State(app): State<App>, request: Request) -> Result<Json<Value>, Problem> {
    let (mut parts, _) = request.into_parts();
    let organization = if parts.headers.contains_key(header::AUTHORIZATION) {
        Some(Principal::from_request_parts(&mut parts, &app).await?.organization_id)
    } else {
        None
    };
    let (mut kinds, mut signers) = (Vec::new(), json!({}));
    if let Some(client) = &app.chain {
        let settings = client.settings();
        let (network, id) = (settings.network, caip2(settings.network.chain_id));
        if let Some(settler) = app.exact_settler {
            let (name, version) = (network.usdc_name, network.usdc_version);
            let extra = json!({"asset": settings.token, "name": name, "version": version});
            kinds.push(json!({"x402Version": 2, "scheme": EXACT, "network": id, "extra": extra}));
            kinds.push(json!({"x402Version": 1, "scheme": EXACT, "network": network.name, "extra": extra}));
            signers = json!({"eip155:*": [settler]});
        }
        let mut extra = json!({
            "asset": settings.token, "name": "SessionKeyValidator", "version": "1",
            "verifyingContract": settings.contract,
        });
        if let Some(organization) = organization {
            extra["organization"] = json!(organization);
        }
        kinds.push(json!({"x402Version": 2, "scheme": SESSION, "network": id, "extra": extra}));
    }
    Ok(Json(json!({"kinds": kinds, "extensions": [], "signers": signers})))
}

/// x402's `VerifyResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verification {
    is_valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<Address>,
}

/// What came to nothing, and whose payment it was as far as that is known.
struct Refused {
    refusal: Refusal,
    payer: Option<Address>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, payer: None }
    }
}

/// The outer error is for nobody knows, the inner one for no.
type Answer<T> = Result<Result<T, Refused>, Problem>;

/// Turns what `verify` found inside out.
fn told<T>(found: Result<T, Unverified>, payer: Option<Address>) -> Answer<T> {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(Unverified::Refused(refusal)) => Ok(Err(Refused { refusal, payer })),
        Err(Unverified::Failed(problem)) => Err(problem),
    }
}

/// Whether a payment is good for these requirements. Nothing changes.
async fn verify(
    State(app): State<App>,
    principal: Principal,
    extract::Json(body): extract::Json<Body>,
) -> Result<Json<Verification>, Problem> {
    let verified = match Asked::read(body) {
        Ok(Asked { offer, payload: Payload::Exact(payload), .. }) => {
            let payer = payload.authorization.from;
            exact_payment(&app, &principal, &offer, &payload).await?.and_then(|verified| match verified.is_spent {
                true => Err(Refused { refusal: spent(), payer: Some(payer) }),
                false => Ok(payer),
            })
        }
        Ok(Asked { offer, payload: Payload::Session(payload), .. }) => {
            session::verify(&app, &principal, &offer, &payload).await?
        }
        Err(refusal) => Err(refusal.into()),
    };
    Ok(Json(match verified {
        Ok(payer) => Verification { is_valid: true, invalid_reason: None, invalid_message: None, payer: Some(payer) },
        Err(Refused { refusal, payer }) => Verification {
            is_valid: false,
            invalid_reason: Some(refusal.code),
            invalid_message: Some(refusal.detail),
            payer,
        },
    }))
}

fn spent() -> Refusal {
    Refusal::new("invalid_transaction_state", "the payment was used before, or has failed: sign another one")
}

/// Only to the organization's payee.
async fn exact_payment(app: &App, principal: &Principal, offer: &Offer, payload: &ExactPayload) -> Answer<Verified> {
    let payer = Some(payload.authorization.from);
    let payee = app.directory.organization(principal.organization_id).await?.payee;
    if payee != Some(offer.pay_to) {
        let detail = "payTo must be the organization's payee: see PUT /v1/organization/payee";
        return Ok(Err(Refused { refusal: mismatch(detail), payer }));
    }
    told(exact::verify(app, offer, payload).await, payer)
}

/// Has a payment made: `exact` on the chain, `session` in the ledger.
async fn settle(
    State(app): State<App>,
    principal: Principal,
    IdempotencyKey(key): IdempotencyKey,
    extract::Json(body): extract::Json<Body>,
) -> Result<Response, Problem> {
    let network = body.payment_requirements.get("network").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (network, settled) = match Asked::read(body) {
        Err(refusal) => (network, Err(Refused::from(refusal))),
        Ok(Asked { offer, payload, resource, network }) => {
            let order = Order { offer: &offer, resource: &resource, key: key.as_deref() };
            let settled = match &payload {
                Payload::Exact(payload) => settle_exact(&app, &principal, &order, payload).await?,
                Payload::Session(payload) => session::settle(&app, &principal, &order, payload).await?,
            };
            (network, settled)
        }
    };
    let receipt = match settled {
        Ok(receipt) => Receipt { network, ..receipt },
        Err(Refused { refusal, payer }) => Receipt { payer, ..Receipt::failure(network, refusal.code) },
    };
    Ok(Json(receipt).into_response())
}

/// What has to be paid, and for what.
struct Order<'a> {
    offer: &'a Offer,
    resource: &'a str,
    key: Option<&'a str>,
}

impl Order<'_> {
    /// The same for the same request: with a key that is what the caller says, else what is paid for.
    fn digest(&self, more: &[&[u8]]) -> [u8; 32] {
        let (offer, key) = (self.offer, self.key.unwrap_or_default());
        let amount = offer.amount.to_be_bytes();
        let own: [&[u8]; 5] =
            [b"facilitator", key.as_bytes(), self.resource.as_bytes(), offer.network.as_bytes(), &amount];
        let mut digest = Sha256::new();
        for part in own.iter().chain(more) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

async fn settle_exact(app: &App, principal: &Principal, order: &Order<'_>, payload: &ExactPayload) -> Answer<Receipt> {
    let payer = Some(payload.authorization.from);
    let refused = |refusal| Ok(Err(Refused { refusal, payer }));
    let verified = match exact_payment(app, principal, order.offer, payload).await? {
        Ok(verified) => verified,
        Err(refused) => return Ok(Err(refused)),
    };
    let Principal { organization_id, partition, .. } = *principal;
    let seller = Seller { organization_id, partition, route_id: None };
    let (id, receipt) = match exact::accept(app, &seller, &verified, order.digest(&[])).await {
        Ok(Accepted::Delivered { receipt, .. }) if order.key.is_some() => return Ok(Ok((&receipt).into())),
        Ok(Accepted::Delivered { .. }) => return refused(spent()),
        Ok(Accepted::SettledUndelivered { id, receipt }) => (id, receipt),
        Ok(Accepted::Fresh(id) | Accepted::InProgress(id)) => match exact::settle(app, id, SETTLED_WITHIN).await {
            Ok(receipt) => (id, receipt),
            Err(SettleError::Refused(refusal)) => return refused(refusal),
            Err(SettleError::InDoubt) => return Err(exact::in_doubt()),
        },
        Err(problem) if problem.status < 500 => return refused(Refusal::new(problem.code, problem.detail)),
        Err(problem) => return Err(problem),
    };
    // Who asks with a key has asked before, and is told the same.
    if exact::delivered(app, id).await? || order.key.is_some() {
        return Ok(Ok((&receipt).into()));
    }
    refused(spent())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0x036cbd53842c5426634e7929541ec2318f3dcf7e";
    const PAYEE: &str = "0x209693bc6afc0c5328ba36faf03c514ef312287c";

    fn exact_payload() -> Value {
        json!({"signature": format!("0x{}1c", "11".repeat(64)), "authorization": {
            "from": "0x857b06519e91e3a54538791bdbb0e22373e36b66", "to": PAYEE, "value": "10000",
            "validAfter": "1740672089", "validBefore": "1740672154", "nonce": format!("0x{}", "f3".repeat(32)),
        }})
    }

    /// As x402's own documents have it.
    fn second() -> Value {
        let requirements = json!({"scheme": "exact", "network": "eip155:84532", "amount": "10000", "asset": TOKEN,
            "payTo": PAYEE, "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"}});
        json!({"x402Version": 2, "paymentRequirements": requirements, "paymentPayload": {
            "x402Version": 2, "resource": {"url": "https://api.example.com/premium-data"}, "accepted": requirements,
            "payload": exact_payload(), "extensions": {},
        }})
    }

    fn first() -> Value {
        json!({"x402Version": 1, "paymentRequirements": {"scheme": "exact", "network": "base-sepolia",
            "maxAmountRequired": "10000", "asset": TOKEN, "payTo": PAYEE, "maxTimeoutSeconds": 60,
            "resource": "https://api.example.com/premium-data", "description": "", "mimeType": "application/json",
            "outputSchema": null, "extra": {"name": "USDC", "version": "2"},
        }, "paymentPayload": {
            "x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": exact_payload(),
        }})
    }

    fn read(json: Value) -> Result<Asked, &'static str> {
        Asked::read(serde_json::from_value(json).unwrap()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn both_versions_say_the_same() {
        for (json, network) in [(second(), "eip155:84532"), (first(), "base-sepolia")] {
            let asked = read(json).unwrap();
            assert_eq!((asked.offer.network.as_str(), asked.offer.amount), ("eip155:84532", 10_000));
            assert_eq!(
                (asked.network.as_str(), asked.resource.as_str()),
                (network, "https://api.example.com/premium-data")
            );
            assert!(matches!(asked.payload, Payload::Exact(_)));
        }
        let mut without = second();
        without.as_object_mut().unwrap().remove("x402Version");
        assert!(read(without).is_ok(), "as the specification has it");
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let told = |path: &str, value: Value, mut json: Value| {
            *json.pointer_mut(path).unwrap() = value;
            read(json).err()
        };
        assert_eq!(told("/x402Version", json!(3), second()), Some("invalid_x402_version"));
        assert_eq!(told("/paymentRequirements/amount", json!("9999"), second()), Some("invalid_payment_requirements"));
        assert_eq!(told("/paymentRequirements/amount", json!("-1"), second()), Some("invalid_payment_requirements"));
        assert_eq!(told("/paymentRequirements/payTo", json!(TOKEN), second()), Some("invalid_payment_requirements"));
        assert_eq!(told("/paymentRequirements/network", json!("eip155:1"), second()), Some("invalid_network"));
        assert_eq!(told("/paymentRequirements/network", json!("solana"), first()), Some("invalid_network"));
        assert_eq!(told("/paymentRequirements/scheme", json!("session"), second()), Some("unsupported_scheme"));
        assert_eq!(told("/paymentPayload/payload", json!({}), second()), Some("invalid_payload"));
        assert_eq!(told("/paymentPayload", json!([]), first()), Some("invalid_payload"));
    }

    #[test]
    fn a_key_tells_requests_apart() {
        let offer = read(second()).unwrap().offer;
        let digest = |key, resource| Order { offer: &offer, resource, key }.digest(&[]);
        assert_eq!(digest(None, "a"), digest(None, "a"));
        assert_ne!(digest(None, "a"), digest(None, "b"));
        assert_ne!(digest(Some("1"), "a"), digest(None, "a"));
        assert_ne!(digest(Some("1"), "a"), digest(Some("2"), "a"));
    }
}
