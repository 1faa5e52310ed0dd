//! Brings a session to the chain, and money to the session.

use axum::extract::State;
use axum::response::Response;
use chain::calls;
use chain::typed::Authorization;
use domain::evm::HexBytes;
use domain::money::Amount;
use domain::session_key::{RelayAction, Terms};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::relay::{Call, relay};
use super::{SessionKeyOut, SessionKeyPath};
use crate::auth::Principal;
use crate::command::meta;
use crate::extract::{IdempotencyKey, Json};
use crate::problem::Problem;
use crate::{App, evm};

/// An authorization that the owner signed (ERC-3009, `ReceiveWithAuthorization` of the token). Its nonce follows
/// from the session, its key or none, the payee, `amount` and `index`: see `GET /v1/session_keys/{id}/typed_data`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationIn {
    /// How much: a decimal string in USDC, at most 6 decimals.
    #[schema(example = "25")]
    pub amount: String,
    /// Tells deposits of the same amount apart; 0 when left out.
    #[serde(default)]
    pub index: Option<u64>,
    /// Good after, in unix seconds; 0 when left out.
    #[serde(default)]
    pub valid_after: Option<u64>,
    /// Good before, in unix seconds; the session's `valid_until` when left out.
    #[serde(default)]
    pub valid_before: Option<u64>,
    /// The owner's.
    #[schema(example = "0x…")]
    pub signature: String,
}

/// An amount that the session can take: the contract never lets in more than the limit.
pub fn deposit_amount(param: &str, text: &str, terms: &Terms) -> Result<Amount, Problem> {
    let amount = evm::token_amount(param, text)?;
    if amount <= terms.limit {
        return Ok(amount);
    }
    let detail = format!("{param} is more than the session's limit of {} {}", terms.limit, terms.currency);
    let problem = Problem::unprocessable("limit_exceeded", detail).with("param", json!(param));
    Err(problem.with("limit", json!(terms.limit)))
}

impl AuthorizationIn {
    fn read(&self, terms: &Terms, opens: bool) -> Result<(Authorization, HexBytes), Problem> {
        let authorization = Authorization {
            opens,
            amount: deposit_amount("authorization.amount", &self.amount, terms)?,
            index: self.index.unwrap_or(0),
            valid_after: self.valid_after.unwrap_or(0),
            valid_before: self.valid_before.unwrap_or(terms.valid_until.timestamp().unsigned_abs()),
        };
        Ok((authorization, evm::owner_signature("authorization.signature", &self.signature)?))
    }
}

/// What the owner signed: one of both.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistrationIn {
    /// Of the typed data `grant`: registers the session, without money.
    #[serde(default)]
    pub signature: Option<String>,
    /// Of the typed data `open`: registers the session and puts money into it.
    #[serde(default)]
    pub authorization: Option<AuthorizationIn>,
}

/// Bring a session key to the chain. It can be charged when its registration is final there, up to what is
/// deposited for good. A repeated request shows the session key as it is now.
#[utoipa::path(post, path = "/v1/session_keys/{id}/register", tag = "Session keys", request_body = RegistrationIn,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 202, body = SessionKeyOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn register_session_key(
    State(app): State<App>,
    principal: Principal,
    SessionKeyPath(id): SessionKeyPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<RegistrationIn>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/session_keys/{id}/register", &id.to_string(), &body)?;
    let call = |terms: &Terms| match (&body.signature, &body.authorization) {
        (Some(signature), None) => {
            let signature = evm::owner_signature("signature", signature)?;
            Ok(Call::new(RelayAction::Register, calls::register(terms, &signature)))
        }
        (None, Some(authorization)) => {
            let (authorization, signature) = authorization.read(terms, true)?;
            Ok(Call::new(RelayAction::Open, calls::fund(terms, &authorization, &signature)))
        }
        (None, None) => Err(Problem::bad_request("missing_field", "signature", "send signature or authorization")),
        (Some(_), Some(_)) => {
            Err(Problem::bad_request("invalid_request", "signature", "send either signature or authorization"))
        }
    };
    relay(&app, &principal, id, key.as_deref(), meta, call).await
}

/// A deposit.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeposit {
    /// Of the typed data `deposit`.
    pub authorization: AuthorizationIn,
}

/// Put more money into a registered session. It counts as `pending_deposits` when it is seen on chain, as
/// `deposited` when it is final. A repeated request shows the session key as it is now.
#[utoipa::path(post, path = "/v1/session_keys/{id}/deposits", tag = "Session keys", request_body = NewDeposit,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 202, body = SessionKeyOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_deposit(
    State(app): State<App>,
    principal: Principal,
    SessionKeyPath(id): SessionKeyPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewDeposit>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/session_keys/{id}/deposits", &id.to_string(), &body)?;
    let call = |terms: &Terms| {
        let (authorization, signature) = body.authorization.read(terms, false)?;
        Ok(Call::new(RelayAction::Deposit, calls::fund(terms, &authorization, &signature)))
    };
    relay(&app, &principal, id, key.as_deref(), meta, call).await
}
