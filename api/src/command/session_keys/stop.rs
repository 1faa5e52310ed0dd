//! Stops a session key: for now, or for good, by the organization or by its owner; and gives money back.
//! (Many at once: [`super::batch`].)

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chain::calls;
use chain::typed::OwnerAction;
use domain::evm::HexBytes;
use domain::ids::SessionKeyId;
use domain::session_key::command::Action;
use domain::session_key::{RelayAction, SessionKey, Terms};
use eventstore::{Executed, LogPosition};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::relay::{Call, relay};
use super::{SessionKeyOut, SessionKeyPath, command, load, stream};
use crate::auth::Principal;
use crate::command::{answer, execute, meta};
use crate::extract::{IdempotencyKey, Json, OptionalJson};
use crate::problem::Problem;
use crate::{App, evm};

/// All there is, in a signed withdrawal.
pub const ALL_UNITS: u128 = u128::MAX;

/// What the owner signed (EIP-712, see `GET /v1/session_keys/{id}/typed_data`).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnerSignatureIn {
    /// The owner's.
    #[schema(example = "0x…")]
    pub signature: String,
    /// The session's nonce that was signed.
    pub nonce: u64,
    /// The deadline that was signed, in unix seconds.
    pub deadline: u64,
}

impl OwnerSignatureIn {
    fn read(&self) -> Result<HexBytes, Problem> {
        evm::owner_signature("owner_signature.signature", &self.signature)
    }
}

/// Who asks: the organization when the body is empty or left out, else the owner.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopIn {
    /// The owner's signature: then it is also done on chain.
    #[serde(default)]
    pub owner_signature: Option<OwnerSignatureIn>,
}

/// A withdrawal.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWithdrawal {
    /// How much: a decimal string in USDC, at most 6 decimals; all there is when left out.
    #[serde(default)]
    pub amount: Option<String>,
    /// The owner's signature of this amount.
    pub owner_signature: OwnerSignatureIn,
}

/// One of the three ways to stop and go on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stop {
    /// No charges for now.
    Freeze,
    /// Charges go on.
    Unfreeze,
    /// No charges ever.
    Revoke,
}

impl Stop {
    /// The route for one session key; an item of a batch is the same request.
    pub(super) const fn route(self) -> &'static str {
        match self {
            Self::Freeze => "POST /v1/session_keys/{id}/freeze",
            Self::Unfreeze => "POST /v1/session_keys/{id}/unfreeze",
            Self::Revoke => "POST /v1/session_keys/{id}/revoke",
        }
    }

    /// By the organization: on the ledger alone.
    const fn here(self) -> Action {
        match self {
            Self::Freeze => Action::Freeze,
            Self::Unfreeze => Action::Unfreeze,
            Self::Revoke => Action::Revoke,
        }
    }

    /// By the owner: on chain.
    const fn on_chain(self) -> (RelayAction, OwnerAction) {
        match self {
            Self::Freeze => (RelayAction::Freeze, OwnerAction::Freeze),
            Self::Unfreeze => (RelayAction::Unfreeze, OwnerAction::Unfreeze),
            Self::Revoke => (RelayAction::Revoke, OwnerAction::Revoke),
        }
    }
}

/// What a request to stop one session key brings.
type Asked = (State<App>, Principal, SessionKeyPath, IdempotencyKey, OptionalJson<StopIn>);

/// Stop charges for now. A freeze by the organization is lifted by the organization, the owner's by the owner.
/// The owner's counts at once and goes to the chain (202). A repeated request shows the session key as it is now.
#[utoipa::path(post, path = "/v1/session_keys/{id}/freeze", tag = "Session keys", request_body = Option<StopIn>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 200, body = SessionKeyOut), (status = 202, body = SessionKeyOut, description = "sent to the chain"),
        (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn freeze_session_key(asked: Asked) -> Result<Response, Problem> {
    stop(asked, Stop::Freeze).await
}

/// Let charges go on: lifts the organization's freeze and its guardian's here, at once; the owner's when that is
/// final on chain (202). A repeated request shows the session key as it is now.
#[utoipa::path(post, path = "/v1/session_keys/{id}/unfreeze", tag = "Session keys", request_body = Option<StopIn>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 200, body = SessionKeyOut), (status = 202, body = SessionKeyOut, description = "sent to the chain"),
        (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn unfreeze_session_key(asked: Asked) -> Result<Response, Problem> {
    stop(asked, Stop::Unfreeze).await
}

/// End a session key, for good. What was earned is still claimed. By the organization: here alone. By the owner:
/// at once here, and on chain (202). A repeated request shows the session key as it is now.
#[utoipa::path(post, path = "/v1/session_keys/{id}/revoke", tag = "Session keys", request_body = Option<StopIn>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 200, body = SessionKeyOut), (status = 202, body = SessionKeyOut, description = "sent to the chain"),
        (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn revoke_session_key(asked: Asked) -> Result<Response, Problem> {
    stop(asked, Stop::Revoke).await
}

async fn stop(
    (State(app), principal, SessionKeyPath(id), IdempotencyKey(key), OptionalJson(body)): Asked,
    what: Stop,
) -> Result<Response, Problem> {
    let key = key.as_deref();
    if let Some(signed) = &body.owner_signature {
        let meta = meta(&principal, key, what.route(), &id.to_string(), &body)?;
        let (action, signed_action) = what.on_chain();
        let call = |terms: &Terms| Ok(Call::new(action, owner_call(terms, signed_action, signed)?));
        return relay(&app, &principal, id, key, meta, call).await;
    }
    let (out, _, replayed) = by_organization(&app, &principal, id, key, what).await?;
    Ok(answer(StatusCode::OK, out, replayed))
}

/// A session key after a command, the command's place in the log, and whether it was there before.
pub(super) type Stopped = (SessionKeyOut, LogPosition, bool);

/// By the organization, on its own or in a batch: on the ledger alone.
pub(super) async fn by_organization(
    app: &App,
    principal: &Principal,
    id: SessionKeyId,
    key: Option<&str>,
    what: Stop,
) -> Result<Stopped, Problem> {
    let meta = meta(principal, key, what.route(), &id.to_string(), &StopIn::default())?;
    let (position, replayed) =
        match execute::<SessionKey>(app, stream(id), meta, command(principal, what.here())).await? {
            Executed::Done { event, replayed } => (event.position, replayed),
            Executed::Unchanged { position, .. } => (position, false),
        };
    Ok((load(app, principal, id, Some(position)).await?, position, replayed))
}

/// The call that an owner signed.
pub(super) fn owner_call(terms: &Terms, action: OwnerAction, signed: &OwnerSignatureIn) -> Result<HexBytes, Problem> {
    Ok(calls::owner_action(terms, action, signed.nonce, signed.deadline, &signed.read()?))
}

/// What a withdrawal asks for.
pub fn withdrawal(terms: &Terms, amount: Option<&str>) -> Result<OwnerAction, Problem> {
    let amount = amount.map(|text| evm::token_amount("amount", text)).transpose()?;
    let units = amount.map_or(ALL_UNITS, |amount| amount.atomic(terms.decimals()));
    Ok(OwnerAction::RequestWithdraw { units })
}

/// Ask for money back, by the owner. From when it is seen on chain that much can no longer be charged; after the
/// session's `withdraw_delay_secs` the contract pays out what was not claimed until then. A repeated request shows the session
/// key as it is now.
#[utoipa::path(post, path = "/v1/session_keys/{id}/withdrawals", tag = "Session keys", request_body = NewWithdrawal,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 202, body = SessionKeyOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn create_withdrawal(
    State(app): State<App>,
    principal: Principal,
    SessionKeyPath(id): SessionKeyPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<NewWithdrawal>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/session_keys/{id}/withdrawals", &id.to_string(), &body)?;
    let call = |terms: &Terms| {
        let action = withdrawal(terms, body.amount.as_deref())?;
        let calldata = owner_call(terms, action, &body.owner_signature)?;
        Ok(Call::new(RelayAction::RequestWithdraw, calldata))
    };
    relay(&app, &principal, id, key.as_deref(), meta, call).await
}
