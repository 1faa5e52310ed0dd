//! Another key in the place of a session's present one: made or named, signed for by the owner, brought to the chain.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chain::typed::{self, OwnerAction};
use domain::Aggregate;
use domain::evm::Address;
use domain::ids::SessionKeyId;
use domain::session_key::command::Action;
use domain::session_key::{Custody, RelayAction, SessionKey, SessionKeyError, SessionKeyEvent, Terms};
use eventstore::vault::{SESSION_KEY, next_key_row};
use eventstore::{CommandMeta, Executed, LogPosition};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::create::{new_key, somebody};
use super::relay::{Call, relay};
use super::stop::{OwnerSignatureIn, owner_call};
use super::{SessionKeyOut, SessionKeyPath, command, not_found, stream};
use crate::auth::Principal;
use crate::command::{answer, earlier, meta};
use crate::extract::{IdempotencyKey, Json, OptionalJson};
use crate::problem::Problem;
use crate::query::typed_data::{NextSignature, next_signature};
use crate::{App, evm};

/// Which key is to follow.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKeyRotation {
    /// The address of the client's new key: required for `self`, refused for `managed`.
    #[serde(default)]
    pub key: Option<String>,
}

/// A rotation that the owner has yet to sign.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyRotationOut {
    /// Always `key_rotation`.
    pub object: &'static str,
    /// Of this session key.
    #[schema(value_type = String)]
    pub session_key_id: SessionKeyId,
    /// The address of the key that is to follow: to be sent with the signature.
    pub key: String,
    /// What the owner signs (EIP-712, `RotateKey`), for `eth_signTypedData_v4`.
    #[schema(value_type = Object)]
    pub typed_data: Value,
    /// The session's next nonce, to be sent with the signature.
    pub nonce: u64,
    /// In unix seconds, to be sent with the signature.
    pub deadline: u64,
    /// The log's position after the key was made; `null` when none was, because it is the client's or waits already.
    pub position: Option<String>,
}

/// A rotation that the owner signed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedKeyRotation {
    /// The address of the new key.
    #[schema(example = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8")]
    pub key: String,
    /// The owner's signature of it.
    pub owner_signature: OwnerSignatureIn,
}

/// Prepare another key for a session: what the owner is to sign, for `POST /v1/session_keys/{id}/rotate`. The client
/// names its new key; of a managed session key Tollbook makes one, and gives the same one until it has come into use.
/// A repeated request gives the same key, with the nonce that the session has now.
#[utoipa::path(post, path = "/v1/session_keys/{id}/rotation", tag = "Session keys", request_body = Option<NewKeyRotation>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 200, body = KeyRotationOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn prepare_session_key_rotation(
    State(app): State<App>,
    principal: Principal,
    SessionKeyPath(id): SessionKeyPath,
    IdempotencyKey(key): IdempotencyKey,
    OptionalJson(body): OptionalJson<NewKeyRotation>,
) -> Result<Response, Problem> {
    let key = key.as_deref();
    let meta = meta(&principal, key, "POST /v1/session_keys/{id}/rotation", &id.to_string(), &body)?;
    let before = earlier::<SessionKey>(&app, &meta, key).await?;
    let grant = app.sessions.grant(principal.organization_id, id).await?;
    let terms = &grant.terms;
    // Before anything is made: nobody can sign what the chain knows nothing of.
    let signature = next_signature(&app, terms, None).await?;
    let prepared = match before {
        Some(event) => Prepared { key: prepared_by(&event.event)?, position: Some(event.position), replayed: true },
        None if terms.custody == Custody::Managed => prepare(&app, &principal, id, meta, &body).await?,
        None => Prepared { key: named(&app, id, terms, body.key.as_deref()).await?, position: None, replayed: false },
    };
    Ok(prepared.answer(id, terms, &signature))
}

/// The key that is to follow.
struct Prepared {
    key: Address,
    position: Option<LogPosition>,
    replayed: bool,
}

impl Prepared {
    fn answer(self, id: SessionKeyId, terms: &Terms, signature: &NextSignature) -> Response {
        let NextSignature { nonce, deadline } = *signature;
        let out = KeyRotationOut {
            object: "key_rotation",
            session_key_id: id,
            key: self.key.to_string(),
            typed_data: typed::owner_action(terms, OwnerAction::RotateKey { key: self.key }, nonce, deadline),
            nonce,
            deadline,
            position: self.position.map(|position| position.to_string()),
        };
        answer(StatusCode::OK, out, self.replayed)
    }
}

fn prepared_by(event: &SessionKeyEvent) -> Result<Address, Problem> {
    match event {
        SessionKeyEvent::KeyPrepared(prepared) => Ok(prepared.key),
        _ => Err(Problem::internal()),
    }
}

/// Makes a key, unless one waits for its owner's signature already.
async fn prepare(
    app: &App,
    principal: &Principal,
    id: SessionKeyId,
    meta: CommandMeta,
    body: &NewKeyRotation,
) -> Result<Prepared, Problem> {
    if body.key.is_some() {
        let detail = "the session key is managed: Tollbook makes its keys";
        return Err(Problem::bad_request("invalid_request", "key", detail));
    }
    let loaded = app.ledger.load::<SessionKey>(&stream(id)).await?;
    if let Some(key) = loaded.state.prepared_key {
        return Ok(Prepared { key, position: None, replayed: false });
    }
    let (secret, key) = new_key()?;
    let wanted = command(principal, Action::PrepareKey { key });
    // So that no key is kept for what is refused.
    loaded.state.handle_command(&wanted, meta.now.max(loaded.last_time))?;
    // It is in the vault before the log says so: who signs a claim with it finds it there.
    app.vault.put(principal.organization_id, SESSION_KEY, &next_key_row(id, key), &secret).await?;
    let is_there = |key| Ok(Prepared { key, position: None, replayed: false });
    match app.ledger.execute::<SessionKey>(stream(id), meta, wanted).await? {
        Ok(Executed::Done { event, replayed }) => {
            Ok(Prepared { key: prepared_by(&event.event)?, position: Some(event.position), replayed })
        }
        Ok(Executed::Unchanged { state, .. }) => state.prepared_key.ok_or_else(Problem::internal).and_then(is_there),
        // Somebody else was faster.
        Err(SessionKeyError::KeyPrepared(key)) => is_there(key),
        Err(denied) => Err(denied.into()),
    }
}

/// The key that an owner is asked to sign for, when it can follow the present one. Without a name the one that
/// Tollbook has made.
pub async fn named(app: &App, id: SessionKeyId, terms: &Terms, name: Option<&str>) -> Result<Address, Problem> {
    let state = app.ledger.load::<SessionKey>(&stream(id)).await?.state;
    let key = match (name, terms.custody) {
        (Some(name), _) => read(terms, name)?,
        (None, Custody::Managed) => state.prepared_key.ok_or_else(not_prepared)?,
        (None, Custody::Client) => {
            let detail = "custody self needs the address of the client's new key";
            return Err(Problem::bad_request("missing_field", "key", detail));
        }
    };
    can_follow(&state, key)?;
    Ok(key)
}

fn read(terms: &Terms, name: &str) -> Result<Address, Problem> {
    let key = evm::address("key", name)?;
    somebody("key", "invalid_key", key, [terms.contract, terms.token])?;
    Ok(key)
}

/// Whether a key may take the place of the present one: the chain would take any, but Tollbook must be able to sign
/// with that of a managed session key.
pub fn can_follow(state: &SessionKey, key: Address) -> Result<(), Problem> {
    let terms = &state.grant.as_ref().ok_or_else(not_found)?.terms;
    if key == terms.key {
        let detail = "this is the session's key already";
        return Err(Problem::unprocessable("invalid_key", detail).with("param", json!("key")));
    }
    if terms.custody == Custody::Managed && state.prepared_key != Some(key) {
        return Err(not_prepared());
    }
    Ok(())
}

fn not_prepared() -> Problem {
    let detail = "the session key is managed, and Tollbook has not made this key for it: ask for one first, \
                  POST /v1/session_keys/{id}/rotation";
    Problem::conflict("key_not_prepared", detail).with("param", json!("key"))
}

/// Bring another key of a session to the chain, signed for by its owner. What the former key signed is claimed until
/// `settle_grace_secs` are over; from when the rotation is final, the client's new key signs, and what the former one
/// signed pays for no further charge. A repeated request shows the session key as it is now.
#[utoipa::path(post, path = "/v1/session_keys/{id}/rotate", tag = "Session keys", request_body = SignedKeyRotation,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "makes the request safe to repeat")),
    responses((status = 202, body = SessionKeyOut), (status = "default", response = crate::openapi::ProblemResponse)))]
pub async fn rotate_session_key(
    State(app): State<App>,
    principal: Principal,
    SessionKeyPath(id): SessionKeyPath,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<SignedKeyRotation>,
) -> Result<Response, Problem> {
    let meta = meta(&principal, key.as_deref(), "POST /v1/session_keys/{id}/rotate", &id.to_string(), &body)?;
    let call = |terms: &Terms| {
        let next_key = read(terms, &body.key)?;
        let calldata = owner_call(terms, OwnerAction::RotateKey { key: next_key }, &body.owner_signature)?;
        Ok(Call { next_key: Some(next_key), ..Call::new(RelayAction::RotateKey, calldata) })
    };
    relay(&app, &principal, id, key.as_deref(), meta, call).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::vouchers::tests::terms;
    use domain::session_key::Grant;

    fn state(custody: Custody, prepared_key: Option<Address>) -> SessionKey {
        let grant = Grant {
            id: SessionKeyId::new(uuid::Uuid::from_u128(1)),
            customer_id: domain::ids::CustomerId::new(uuid::Uuid::from_u128(2)),
            organization_id: domain::ids::OrganizationId::new(uuid::Uuid::from_u128(3)),
            terms: Terms { custody, ..terms() },
            granted_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        SessionKey { grant: Some(grant), prepared_key, ..SessionKey::default() }
    }

    #[test]
    fn which_key_may_follow() {
        let (present, other, third) = (terms().key, Address([8; 20]), Address([9; 20]));
        let told = |state: &SessionKey, key| can_follow(state, key).err().map(|problem| (problem.status, problem.code));
        let client = state(Custody::Client, None);
        assert_eq!(told(&client, other), None);
        assert_eq!(told(&client, present), Some((422, "invalid_key")));
        let unprepared = Some((409, "key_not_prepared"));
        assert_eq!(told(&state(Custody::Managed, None), other), unprepared);
        let managed = state(Custody::Managed, Some(other));
        assert_eq!((told(&managed, other), told(&managed, third)), (None, unprepared));
        assert_eq!(told(&managed, present), Some((422, "invalid_key")));
        assert_eq!(told(&SessionKey::default(), other), Some((404, "session_key_not_found")));
    }

    #[test]
    fn a_key_signs_for_itself() {
        let terms = terms();
        let told = |name: &str| read(&terms, name).err().map(|problem| (problem.status, problem.code));
        assert_eq!(told(&Address([8; 20]).to_string()), None);
        for contract in [terms.contract, terms.token] {
            assert_eq!(told(&contract.to_string()), Some((422, "invalid_key")));
        }
        assert_eq!(told("0x12"), Some((400, "invalid_address")));
    }
}
